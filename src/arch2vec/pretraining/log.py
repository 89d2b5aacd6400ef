"""The record of a training run: JSON lines for programs, TensorBoard for eyes."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arch2vec.common.storage import write_text


class MetricsStream:
    """Writes one record an epoch to ``metrics.jsonl``, and to TensorBoard where that is installed.

    The file always holds exactly the epochs of ``history``: a run that resumes
    from a checkpoint drops what was written after it.
    """

    def __init__(self, folder: Path, history: Sequence[Mapping[str, Any]]) -> None:
        self._path = folder / "metrics.jsonl"
        self._lines = [json.dumps(record) for record in history]
        write_text(self._path, "".join(f"{line}\n" for line in self._lines))
        self._board: Any = None
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=len(history))

    def write(self, record: Mapping[str, Any]) -> None:
        """Append the record of one epoch; ``record["epoch"]`` counts from 1."""
        self._lines.append(json.dumps(record))
        write_text(self._path, "".join(f"{line}\n" for line in self._lines))
        if self._board is not None:
            for name, value in _flat(record):
                self._board.add_scalar(name, value, record["epoch"])
            self._board.flush()

    def close(self) -> None:
        """Finish the TensorBoard file."""
        if self._board is not None:
            self._board.close()


def _flat(record: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    numbers: list[tuple[str, float]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            numbers += _flat(value, f"{prefix}{name}/")
        elif name != "epoch" and isinstance(value, int | float):
            numbers.append((f"{prefix}{name}", float(value)))
    return numbers
