"""The command line."""

from arch2vec.cli.main import main, program

__all__ = ["main", "program"]
