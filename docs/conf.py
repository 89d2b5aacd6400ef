"""The documentation site: ``make docs`` builds it into ``docs/_build/html``."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src")]

project = "arch2vec"
author = "the arch2vec authors"
copyright = "the arch2vec authors"  # noqa: A001
try:
    release = installed("arch2vec")
except PackageNotFoundError:
    release = "of this folder"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "arch2vec_site"]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = "arch2vec"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False

nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_use_ivar = True
napoleon_use_rtype = False
