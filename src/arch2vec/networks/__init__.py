"""Architectures as PyTorch networks, and their training."""
