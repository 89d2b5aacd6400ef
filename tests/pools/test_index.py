"""Nearest neighbours in a pool through FAISS, beside all distances worked out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from arch2vec.cli import main
from arch2vec.errors import InputError
from arch2vec.pools import Pool, Source, make_pool, open_pool
from arch2vec.pools.index import ABOUT, INDEX, index_of, make_index
from arch2vec.searching.latent_map import IndexedMap, LatentMap
from arch2vec.searching.study import search
from arch2vec.spaces import get_space

DARTS = get_space("darts")
ROWS = 3_000


def worth(architecture: str) -> float:
    return 50.0 + 5 * architecture.count("sep_conv_3x3")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    pytest.importorskip("faiss")
    source = Source.of("darts")
    made = make_pool(tmp_path_factory.mktemp("darts") / "pool", source, sample=ROWS)
    make_index(made)
    return made


def points(pool: Pool, number: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    mean, deviation, _ = pool.files.moments
    return (mean + deviation * rng.standard_normal((number, pool.dimensions))).astype(np.float32)


def test_most_neighbours_are_the_nearest_of_all(pool: Pool) -> None:
    memory = pool.subset(np.arange(ROWS))
    first, ten = 0, 0
    for point in points(pool, 20):
        rows, distances = pool.nearest(point, k=10)
        right, exact = memory.nearest(point, k=10)
        first += rows[0] == right[0]
        ten += len(np.intersect1d(rows, right))
        assert (np.diff(distances) >= 0).all()
        np.testing.assert_allclose(distances, np.linalg.norm(memory.vectors[rows] - point, axis=1), rtol=1e-5)
        assert (distances >= exact - 1e-3).all()
    assert first >= 18
    assert ten >= 180
    own = pool.vectors[[7, 1234]]
    assert [int(pool.nearest(vector, k=1)[0][0]) for vector in own] == [7, 1234]


def test_what_is_taken_is_passed_over(pool: Pool) -> None:
    import torch

    found, memory = IndexedMap(pool, "embedding"), pool.subset(np.arange(ROWS))
    plain = LatentMap(memory.vectors, np.arange(ROWS), "embedding")
    np.testing.assert_allclose(found.spread, plain.spread, rtol=1e-5)
    point = torch.from_numpy(memory.vectors[[5]])
    order = memory.nearest(memory.vectors[5], k=400)[0]
    for first in (0, 1, 40):  # more than are asked for at first
        taken = [lambda rows, covered=order[:first]: np.isin(rows, covered)]
        assert found.nearest(point, taken)[0] == order[first]
    free = [lambda rows: np.zeros(len(rows), dtype=np.bool_)]
    assert found.nearest(point, free, skip=True) == [order[1]]
    assert found.nearest(point, [lambda rows: rows != 2999]) == [2999]
    assert found.nearest(point, [lambda rows: np.ones(len(rows), dtype=np.bool_)]) == [None]
    assert found.nearest(point, [lambda rows: rows != order[0]], skip=True) == [order[0]]


def test_a_policy_walks_through_a_pool_and_resumes(pool: Pool, tmp_path: Path) -> None:
    def walk(budget: int, out: Path | None) -> list[str]:
        found = search(open_pool(pool.files.folder), worth, method="arch2vec-rl", budget=budget, seed=2, out=out)
        return [trial.architecture for trial in found.trials]

    whole = walk(40, None)
    assert len(set(whole)) == 40
    assert walk(19, tmp_path) == whole[:19]
    assert walk(40, tmp_path) == whole


def test_an_index_that_is_damaged_or_of_another_pool(pool: Pool, tmp_path: Path) -> None:
    for path in pool.files.folder.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = bytearray((tmp_path / INDEX).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / INDEX).write_bytes(content)
    with pytest.raises(InputError, match=r"index\.faiss is damaged: it is not that of its checksum; remove .*json"):
        index_of(open_pool(tmp_path))
    (tmp_path / ABOUT).unlink()
    assert index_of(open_pool(tmp_path)).nearest(pool.vectors[9], 1)[0].tolist() == [9]  # made anew
    about = json.loads((tmp_path / ABOUT).read_text())
    kept = {name: entry for name, entry in about.items() if name in ("kind", "pool", "sha256")}
    (tmp_path / ABOUT).write_text(json.dumps({**kept, "pool": "0" * 32}))
    with pytest.raises(InputError, match=r"index\.faiss is of another pool"):
        index_of(open_pool(tmp_path))


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_small_pools_have_an_index_too(tmp_path: Path, rows: int) -> None:
    pytest.importorskip("faiss")
    source = Source.of("darts", "adjacency")
    found = make_pool(tmp_path, source, sample=rows)
    for k in {1, rows}:
        near = found.nearest(found.vectors[rows - 1], k)[0]
        assert (len(near), int(near[0])) == (k, rows - 1)
    with pytest.raises(InputError, match="k must be between 1 and"):
        found.nearest(found.vectors[0], rows + 1)


def test_without_the_library_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    folder = str(tmp_path / "pool")
    assert main(["embed", "darts", "--pool", "--sample", "20", "--index", "--out", folder]) == 2
    assert "pip install 'arch2vec[index]'" in capsys.readouterr().err
    assert not (tmp_path / "pool").exists()
    assert main(["embed", "darts", "--pool", "--sample", "20", "--out", folder]) == 0
    with pytest.raises(InputError, match="need a package more"):
        search(open_pool(folder), worth, method="arch2vec-rl", budget=2)
