"""Pools: embeddings in folders, of more architectures than memory holds."""

from __future__ import annotations

from arch2vec.pools.folder import is_pool
from arch2vec.pools.making import Source, make_pool
from arch2vec.pools.pool import GrowingPool, Pool, open_pool

__all__ = ["GrowingPool", "Pool", "Source", "is_pool", "make_pool", "open_pool"]
