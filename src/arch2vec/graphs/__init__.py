"""Batches of labelled directed acyclic graphs, and what can be told from them without knowing a search space."""

from __future__ import annotations

from arch2vec.graphs.batch import PADDING, GraphBatch

__all__ = ["PADDING", "GraphBatch"]
