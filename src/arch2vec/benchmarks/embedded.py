"""Benchmarks that come with the package, so that nothing has to be fetched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

EMBEDDED: Mapping[str, Path] = {
    name: Path(__file__).with_name("tables") / f"{name}.parquet" for name in ("digits-201",)
}
"""Their files by their names. ``docs/digits-201.md`` says how that one was made."""
