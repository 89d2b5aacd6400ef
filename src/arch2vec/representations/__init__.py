"""Architectures to vectors: everything that turns graphs into numbers."""
