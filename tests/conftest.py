"""Fixtures that several test files share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, not whether a law holds.
settings.register_profile("arch2vec", deadline=None)
settings.load_profile("arch2vec")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked ``gpu`` where there is none."""
    if any(item.get_closest_marker("gpu") for item in items):
        import torch

        if not torch.cuda.is_available():
            reason = f"no GPU that PyTorch {torch.__version__} can use"
            for item in items:
                if item.get_closest_marker("gpu"):
                    item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _settings_as_found() -> Iterator[None]:
    """A test that leaves PyTorch with other settings fails itself, and not some test after it."""
    before = _settings()
    yield
    after = _settings()
    if after != before and before:
        sys.modules["torch"].set_num_threads(before["threads"])
        sys.modules["torch"].set_default_dtype(before["type"])
        pytest.fail(f"PyTorch has {after} after the test and {before} before it")


def _settings() -> dict[str, Any]:
    """Of PyTorch here, none where it is not imported."""
    torch = sys.modules.get("torch")
    return {"threads": torch.get_num_threads(), "type": torch.get_default_dtype()} if torch else {}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published benchmark results; tests that need it are skipped where there is none."""
    default = Path(__file__).resolve().parents[1] / "../shared/data"
    folder = Path(os.environ.get("ARCH2VEC_DATA", default))
    if not folder.is_dir():
        pytest.skip("benchmark results not found: set ARCH2VEC_DATA to their folder")
    return folder
