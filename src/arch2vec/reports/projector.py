"""Vectors for TensorBoard's embedding projector: two tables and what says that they belong together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.storage import require_writable, write_text
from arch2vec.embedding import Embedding

_CONFIG = """embeddings {{
  tensor_name: "{name}"
  tensor_path: "vectors.tsv"
  metadata_path: "metadata.tsv"
}}
"""


def write_projector(
    embedding: Embedding, folder: Path, numbers: Mapping[str, NDArray[np.float64]] | None = None
) -> None:
    """Write ``vectors.tsv``, ``metadata.tsv`` and ``projector_config.pbtxt``, for ``tensorboard --logdir FOLDER``.

    The first two can be loaded at projector sites as well.

    Args:
        embedding: N architectures and their vectors.
        folder: created where missing.
        numbers: (N,) further columns of the metadata, by name.

    Raises:
        InputError: the folder cannot be written to.
    """
    require_writable(folder)
    lines = ("\t".join(f"{value:.7g}" for value in row) for row in embedding.vectors.tolist())
    write_text(folder / "vectors.tsv", "\n".join(lines) + "\n")
    columns = {"architecture": [_plain(text) for text in embedding.architectures]}
    columns |= {_plain(name): [f"{value:.10g}" for value in each.tolist()] for name, each in (numbers or {}).items()}
    rows = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    if len(columns) > 1:  # a single column has no head, as the projector wants it
        rows.insert(0, "\t".join(columns))
    write_text(folder / "metadata.tsv", "\n".join(rows) + "\n")
    write_text(folder / "projector_config.pbtxt", _CONFIG.format(name=_plain(embedding.space.name).replace('"', "'")))


def _plain(text: str) -> str:
    """A text as a cell of a table."""
    return " ".join(text.split())
