"""Libraries that only multi-objective searches need, imported when they are used."""

from __future__ import annotations

import importlib
from typing import Any

from arch2vec.errors import InputError

EXTRA = "arch2vec[pareto]"


def library(module: str, purpose: str) -> Any:
    """An optional library's module.

    Args:
        module: such as ``pymoo.algorithms.moo.nsga2``.
        purpose: what needs it, for the complaint.

    Raises:
        InputError: it is not installed; the line says how to.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != name:
            raise
        raise InputError(f"{purpose} needs {name}, which is not installed: pip install '{EXTRA}'") from error
