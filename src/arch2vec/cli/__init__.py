"""The command line."""

from arch2vec.cli.main import main

__all__ = ["main"]
