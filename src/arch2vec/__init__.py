"""Unsupervised representations of neural architectures, and search in them."""
