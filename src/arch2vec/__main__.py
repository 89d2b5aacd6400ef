"""``python -m arch2vec`` is the command line."""

import sys

from arch2vec.cli import program

sys.exit(program())
