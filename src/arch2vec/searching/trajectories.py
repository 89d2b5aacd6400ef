"""Finished runs on disk: one Parquet file of trajectories, that other programs read as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.searching.store import embedding_digest
from arch2vec.searching.trials import Limits
from arch2vec.storage import atomic_path, require_writable

if TYPE_CHECKING:
    import pandas as pd

_KEY = b"arch2vec comparison"


class TrajectoryFile:
    """``trajectories.parquet`` in a folder: the finished runs of one configuration.

    Attributes:
        frames: the trajectory of every (method, seed).
    """

    def __init__(self, folder: Path, embedding: Embedding, objective: Objective, limits: Limits) -> None:
        require_writable(folder)
        self.path = folder / "trajectories.parquet"
        self.config: dict[str, str | float | None] = {
            "space": embedding.space.name,
            "embedding": embedding_digest(embedding),
            "objective": objective.name,
            "measured": objective.description,
            "budget": limits.budget,
            "max_cost_s": limits.max_cost_s,
        }
        self.frames: dict[tuple[str, int], pd.DataFrame] = self._load() if self.path.exists() else {}

    def _load(self) -> dict[tuple[str, int], pd.DataFrame]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self.path)
            stored = json.loads((table.schema.metadata or {})[_KEY])
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            reason = "not written by a comparison" if isinstance(error, KeyError) else str(error).splitlines()[0]
            raise InputError(f"cannot read {self.path}: {reason}") from error
        for name, value in self.config.items():
            if stored.get(name) != value:
                raise InputError(
                    f"{self.path} holds runs with {name} {stored.get(name)!r}, not {value!r}; "
                    f"repeat its {name} or name another output folder"
                )
        frame = table.to_pandas()
        return {
            (str(method), int(seed)): part.reset_index(drop=True)
            for (method, seed), part in frame.groupby(["method", "seed"], sort=False)
        }

    def save(self) -> None:
        """Replace the file by the runs there are."""
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(pd.concat(self.frames.values(), ignore_index=True), preserve_index=False)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: json.dumps(self.config)})
        with atomic_path(self.path) as temporary:
            pq.write_table(table, temporary)
