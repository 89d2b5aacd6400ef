"""The number of threads is PyTorch's own again after a piece of work, also of one that has imported it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from arch2vec.common.threads import thread_count

PROGRAM = """
import os, sys
from arch2vec.common.threads import thread_count
hooks = list(sys.meta_path)
with thread_count(3):
    with thread_count(2):
        pass
    assert "torch" not in sys.modules
    import torch
    assert torch.get_num_threads() == 3
    with thread_count(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 3
print(torch.get_num_threads(), torch.nn.Linear(1, 1)(torch.zeros(1)).numel(), sys.meta_path == hooks)
"""


def test_the_number_is_put_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="ended"), thread_count(before + 1):
        assert torch.get_num_threads() == before + 1
        raise ValueError("ended")
    assert torch.get_num_threads() == before


def test_where_it_is_imported_later() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1", "1", "True"]
