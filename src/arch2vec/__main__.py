"""``python -m arch2vec`` is the command line."""

import sys

from arch2vec.cli import main

sys.exit(main())
