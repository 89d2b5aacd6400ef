"""Files that are whole but not what they should be: no content is taken for another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arch2vec.common.parquet import read_parquet, write_parquet
from arch2vec.common.storage import read_arrays, read_json, write_arrays, write_json
from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.spaces import get_space
from made_tables import CELLS, SPACE
from one_line import error_of

VECTORS = np.random.default_rng(0).normal(size=(len(CELLS), 4)).astype(np.float32)
MADE = Embedding(SPACE, SPACE.parse(CELLS), VECTORS)


def changed(path: Path, change: object) -> Path:
    """An embedding in a Parquet file as another program might have written it, without our checksum."""
    MADE.save(path)
    table = pq.read_table(path)
    metadata = {name: value for name, value in table.schema.metadata.items() if name in (b"kind", b"space")}
    pq.write_table(change(table).replace_schema_metadata(metadata), path)  # type: ignore[operator]
    return path


def replaced(name: str, values: pa.Array) -> object:
    return lambda table: table.set_column(table.column_names.index(name), name, values)


N = len(CELLS)
WRONG = {
    "no v3 but a v4": lambda t: t.rename_columns(["architecture", "v0", "v1", "v2", "v4"]),
    "v2 missing": lambda t: t.drop_columns(["v2"]),
    "a column more": lambda t: t.append_column("accuracy", pa.array(np.zeros(N, np.float32))),
    "v1 twice": lambda t: t.append_column("v1", t.column("v1")),
    "no architecture": lambda t: t.drop_columns(["architecture"]),
    "no vectors": lambda t: t.select(["architecture"]),
    "texts": replaced("v1", pa.array(["0.5"] * N)),
    "integers": replaced("v1", pa.array(range(N))),
    "lists": replaced("v1", pa.array([[0.5]] * N)),
    "an empty entry": replaced("v1", pa.array([None, *[0.5] * (N - 1)], pa.float32())),
    "not a number": replaced("v1", pa.array([float("nan"), *[0.5] * (N - 1)], pa.float32())),
    "infinite": replaced("v1", pa.array([1e300, *[0.5] * (N - 1)], pa.float64())),
    "an architecture twice": replaced("architecture", pa.array([CELLS[1], *CELLS[1:]])),
    "numbers as architectures": replaced("architecture", pa.array(range(N))),
    "an empty architecture": replaced("architecture", pa.array([None, *CELLS[1:]])),
    "no architecture of the space": replaced("architecture", pa.array(["x", *CELLS[1:]])),
}


@pytest.mark.parametrize("name", WRONG)
def test_embeddings_in_parquet_that_are_refused(tmp_path: Path, name: str) -> None:
    path = changed(tmp_path / "e.parquet", WRONG[name])
    assert str(path) in error_of(lambda: Embedding.load(path))


def test_columns_are_read_by_name(tmp_path: Path) -> None:
    order = ["v2", "v0", "architecture", "v3", "v1"]
    found = Embedding.load(changed(tmp_path / "e.parquet", lambda table: table.select(order)))
    np.testing.assert_array_equal(found.vectors, VECTORS)
    # Nor does the name of a folder become a column.
    (tmp_path / "seed=3").mkdir()
    MADE.save(tmp_path / "seed=3/e.parquet")
    np.testing.assert_array_equal(Embedding.load(tmp_path / "seed=3/e.parquet").vectors, VECTORS)


@pytest.mark.parametrize(
    "arrays",
    [
        {"vectors": VECTORS.astype(np.float64)},
        {"vectors": VECTORS[:-1]},
        {"vectors": np.full_like(VECTORS, np.nan)},
        {"ops": MADE.graphs.ops.astype(np.int64)},
        {"adjacency_bits": MADE.graphs.arrays()["adjacency_bits"][:, :-1]},
        {"ops": MADE.graphs.ops[[1, *range(1, N)]]},
    ],
)
def test_embeddings_in_arrays_that_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "e.safetensors"
    MADE.save(path)
    found, metadata = read_arrays(path)
    write_arrays(path, found | arrays, metadata)
    assert str(path) in error_of(lambda: Embedding.load(path))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run")
    (place / "chain.yaml").write_text(
        "{name: chain4, carries: vertices, operations: [relu, tanh, skip], vertices: 6, "
        "edges: [[0,1],[1,2],[2,3],[3,4],[4,5]]}"
    )
    space = get_space(str(place / "chain.yaml"))
    pretrain(space, PretrainConfig(model=ModelConfig(hidden=4, layers=1, latent=3), epochs=1), out=place)
    return place


PRIOR = np.zeros((2, 6, 3), np.float32)


@pytest.mark.parametrize(
    ("arrays", "metadata", "complaint"),
    [
        ({}, {"pooling": "median"}, "unknown pool 'median'"),
        ({}, {"pooling": "max,max"}, "named twice"),
        ({}, {"pooling": ""}, "unknown pool ''"),
        ({"prior": PRIOR.astype(np.int32)}, {}, "prior"),
        ({"prior": PRIOR[:, :, :2]}, {}, "prior"),
        ({"prior": PRIOR * np.nan}, {}, "prior"),
        ({"prior": PRIOR - 1}, {}, "prior"),
        ({"model.decoder.operations.bias": np.zeros(5)}, {}, "float64"),
        ({"model.decoder.operations.bias": np.zeros(4, np.float32)}, {}, "(4,)"),
        ({"model.decoder.operations.bias": np.full(5, np.inf, np.float32)}, {}, "not finite"),
        ({"model.more": np.zeros(5, np.float32)}, {}, "strange array 'more'"),
        ({}, {"config": "[" * 100_000}, "nested too deeply"),
        ({}, {"config": '{"name": "arch2vec"}'}, "hidden"),
        ({}, {"training": "5"}, "training"),
        ({}, {"space": "elsewhere.yaml"}, "names a file"),
        ({}, {"space": "darts?max_macs=" + "9" * 5000}, "max_macs"),
        ({}, {"space": "declared:[]"}, "a mapping"),
    ],
)
def test_encoders_that_are_refused(
    run: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str], complaint: str
) -> None:
    found, facts = read_arrays(run / "encoder.safetensors")
    write_arrays(run / "changed.safetensors", found | arrays, facts | metadata)
    line = error_of(lambda: Encoder.load(run / "changed.safetensors"))
    assert complaint in line and "changed.safetensors" in line and len(line) < 400


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "F8_E5M2", "X1"])
def test_numbers_that_numpy_does_not_know(tmp_path: Path, kind: str) -> None:
    header = json.dumps({"ops": {"dtype": kind, "shape": [2, 2], "data_offsets": [0, 8 if kind == "BF16" else 4]}})
    content = len(header).to_bytes(8, "little") + header.encode() + bytes(8 if kind == "BF16" else 4)
    (tmp_path / "x.safetensors").write_bytes(content)
    assert "x.safetensors" in error_of(lambda: GraphBatch.load(tmp_path / "x.safetensors"))


def test_files_without_a_checksum_are_still_read(run: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    arrays, metadata = read_arrays(run / "encoder.safetensors")
    save_file(arrays, tmp_path / "older.safetensors", metadata=metadata)
    assert Encoder.load(tmp_path / "older.safetensors").pooling == Encoder.load(run / "encoder.safetensors").pooling
    write_json(tmp_path / "a.json", {"b": [1, 2.5, None, {"c": "d"}]})
    written = json.loads((tmp_path / "a.json").read_text())
    assert written.keys() == {"b", "checksum"}
    (tmp_path / "a.json").write_text(json.dumps(written | {"b": [1, 2.5, None, {"c": "e"}]}))
    assert "checksum" in error_of(lambda: read_json(tmp_path / "a.json"))
    (tmp_path / "a.json").write_text(json.dumps({"b": 1}))
    assert read_json(tmp_path / "a.json") == {"b": 1}


def test_a_changed_table_is_seen_where_its_pages_are_whole(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([1.0, None]), "b": pa.array(["x", None]), "c": pa.array([None, None])})
    write_parquet(table, tmp_path / "t.parquet", {"kind": "test"})
    found, metadata = read_parquet(tmp_path / "t.parquet")
    assert metadata == {b"kind": b"test"} and found.to_pydict() == table.to_pydict()
    stored = pq.read_table(tmp_path / "t.parquet")
    pq.write_table(stored.set_column(0, "a", pa.array([1.5, None])), tmp_path / "t.parquet")
    assert "checksum" in error_of(lambda: read_parquet(tmp_path / "t.parquet"))
