"""Graph autoencoders in plain PyTorch."""
