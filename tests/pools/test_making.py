"""Pools are made in pieces: what is stored is what memory would hold, and a killed making ends with the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.pools import Pool, Source, make_pool, making, open_pool
from arch2vec.pools.folder import MANIFEST, MOMENTS, OPS, VECTORS
from arch2vec.representations.ready import represent
from arch2vec.representations.structure import structure
from arch2vec.spaces import get_space

DARTS = get_space("darts")
ROWS = 200


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "PIECE", 64)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "PIECE", 64)
        return make_pool(tmp_path_factory.mktemp("made") / "pool", Source.of(DARTS), sample=ROWS, seed=3)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_what_is_stored_is_what_memory_would_hold(pool: Pool) -> None:
    graphs = pool.graphs[np.arange(ROWS)]
    known = structure(graphs, DARTS)
    np.testing.assert_array_equal(np.asarray(pool.vectors), known.values)
    assert (len(pool), pool.groups, pool.dimensions) == (ROWS, known.groups, known.values.shape[1])
    assert len(np.unique(DARTS.function_classes(graphs))) == ROWS
    assert list(pool.architectures) == pool.architectures[:] == DARTS.format(graphs)
    assert [pool.index_of(pool.architectures[row]) for row in (0, 70, ROWS - 1)] == [0, 70, ROWS - 1]
    np.testing.assert_array_equal(pool.rows_of(graphs), np.arange(ROWS))
    mean, deviation, largest = pool.files.moments
    np.testing.assert_allclose(mean, known.values.mean(axis=0, dtype=np.float64), atol=1e-9)
    np.testing.assert_allclose(deviation, known.values.std(axis=0, dtype=np.float64), atol=1e-6)
    np.testing.assert_array_equal(largest, np.abs(known.values).max(axis=0))


def test_a_folder_opens_as_an_embedding(pool: Pool) -> None:
    found = Embedding.load(pool.files.folder)
    assert isinstance(found, Pool)
    assert repr(found) == "Embedding(200 x 339, darts: paths 40, walks 198, neighbours 99, costs 2)"
    assert found.digest == pool.digest
    some = found.subset([5, 2])
    assert type(some) is Embedding
    np.testing.assert_array_equal(some.vectors, pool.vectors[[5, 2]])
    assert some.architectures == [pool.architectures[5], pool.architectures[2]]
    with pytest.raises(InputError, match="is not among the 200"):
        found.index_of(DARTS.format(DARTS.sample(1, np.random.default_rng(77)))[0])
    with pytest.raises(InputError, match="saved already"):
        found.save("elsewhere")


def test_the_seed_decides(pool: Pool, tmp_path: Path) -> None:
    make_pool(tmp_path / "same", Source.of(DARTS), sample=ROWS, seed=3)
    assert contents(tmp_path / "same") == contents(pool.files.folder)
    other = make_pool(tmp_path / "other", Source.of(DARTS), sample=ROWS, seed=4)
    assert other.architectures[:] != pool.architectures[:]
    assert other.digest != pool.digest


@pytest.mark.parametrize("pieces", [0, 1, 2, 3])
def test_a_killed_making_goes_on_and_ends_with_the_same_bytes(pool: Pool, tmp_path: Path, pieces: int) -> None:
    calls = 0

    def dies(graphs: GraphBatch) -> Embedding:
        nonlocal calls
        calls += 1
        if calls == pieces + 2:  # the first is a look at what vectors are like
            raise KeyboardInterrupt
        return represent(DARTS, "structure", graphs)

    with pytest.raises(KeyboardInterrupt):
        make_pool(tmp_path, Source(DARTS, dies, "structure", "structure"), sample=ROWS, seed=3)
    if pieces:
        with (tmp_path / VECTORS).open("ab") as file:
            file.write(b"half of a piece")
    with pytest.raises(InputError, match="is not finished: repeat the command"):
        open_pool(tmp_path)
    seen: list[int] = []
    make_pool(
        tmp_path, Source.of(DARTS), sample=ROWS, seed=3, progress=lambda done, total: seen.append(done * 1000 // total)
    )
    assert contents(tmp_path) == contents(pool.files.folder)
    assert seen == [320, 640, 960, 1000][pieces:]


def test_a_finished_pool_is_not_made_again_and_no_other_takes_its_folder(pool: Pool) -> None:
    def never(graphs: GraphBatch) -> Embedding:
        raise AssertionError("nothing is missing")

    made = make_pool(pool.files.folder, Source(DARTS, never, "structure", "structure"), sample=ROWS, seed=3)
    assert made.digest == pool.digest
    for sample, seed, what in ((ROWS, 4, "seed 3, not 4"), (100, 3, "architectures 200, not 100")):
        with pytest.raises(InputError, match=what):
            make_pool(pool.files.folder, Source.of(DARTS), sample=sample, seed=seed)


def test_a_folder_that_does_not_say_of_what_its_pool_is_stays_as_it_is(pool: Pool, tmp_path: Path) -> None:
    for content in (contents(pool.files.folder)["pool.json"], b"{}"):  # ours, and somebody else's
        (tmp_path / "pool.json").write_bytes(content)
        with pytest.raises(InputError, match=r"holds a pool\.json and no request\.json"):
            make_pool(tmp_path, Source.of(DARTS), sample=ROWS, seed=4)
        assert [path.name for path in tmp_path.iterdir() if path.name != ".owner.json"] == ["pool.json"]


def test_one_architecture_of_each_function(tmp_path: Path) -> None:
    space = get_space("nasbench201")
    graphs = space.sample(400, np.random.default_rng(0))
    classes = space.function_classes(graphs)
    found = make_pool(tmp_path, Source.of(space), graphs=graphs)
    texts = space.format(graphs)
    first = [texts[row] for row in sorted(np.unique(classes, return_index=True)[1])]
    assert found.architectures[:] == first
    assert len(first) < 400
    np.testing.assert_array_equal(found.function_classes, np.arange(len(first)))
    everywhere = found.rows_of(graphs)  # also of those that were left out
    np.testing.assert_array_equal(space.function_classes(found.graphs[everywhere]), classes)
    assert found.holding(graphs[:5]).architectures == sorted({first[row] for row in everywhere[:5]}, key=first.index)


def test_no_more_than_there_is(tmp_path: Path) -> None:
    space = get_space("nasbench201")
    with pytest.raises(InputError, match="has 15,625 architectures, cannot sample 20,000"):
        make_pool(tmp_path / "a", Source.of(space), sample=20_000)
    with pytest.raises(InputError, match="holds from 1 to"):
        make_pool(tmp_path / "b", Source.of(space), sample=0)
    assert not list(tmp_path.iterdir())


def test_a_search_for_what_is_not_there_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = get_space("nasbench201")
    few = space.sample(5, np.random.default_rng(0))
    monkeypatch.setattr(space, "sample", lambda n, rng: few[rng.integers(5, size=n)])
    with pytest.raises(InputError, match="5 architectures of different functions were found, and hardly any more"):
        make_pool(tmp_path, Source.of(space), sample=6)


def flipped(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def copied(pool: Pool, folder: Path) -> Path:
    for name, content in contents(pool.files.folder).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["sums.npy", "keys.npy", "rows.npy", MOMENTS])
def test_damage_to_a_small_file_is_found_when_a_pool_is_opened(pool: Pool, tmp_path: Path, name: str) -> None:
    flipped(copied(pool, tmp_path) / name, -3)
    with pytest.raises(InputError, match=f"{name} is damaged: its content is not that of its checksum"):
        open_pool(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"cannot read .*{name}: No such file"):
        open_pool(tmp_path)


@pytest.mark.parametrize("name", [VECTORS, OPS, "adjacency.npy"])
def test_damage_to_a_row_is_found_when_it_is_read(pool: Pool, tmp_path: Path, name: str) -> None:
    flipped(copied(pool, tmp_path) / name, -3)
    found = open_pool(tmp_path)
    read: Callable[[int], object] = (
        (lambda row: found.vectors[row]) if name == VECTORS else (lambda row: found.architectures[row])
    )
    read(0)
    with pytest.raises(InputError, match=f"{name} is damaged: row {ROWS - 1} is not that of its checksum"):
        read(ROWS - 1)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1000])
    with pytest.raises(InputError, match=f"{name} is damaged: it has .* bytes, .* are right"):
        open_pool(tmp_path)


def test_a_manifest_that_is_none(pool: Pool, tmp_path: Path) -> None:
    path = copied(pool, tmp_path) / MANIFEST
    whole = json.loads(path.read_text())
    flipped(path, 30)
    with pytest.raises(InputError, match=r"pool\.json"):
        open_pool(tmp_path)
    plain = {name: entry for name, entry in whole.items() if name != "checksum"}
    for change, reason in (
        ({"kind": "else"}, "is not a pool"),
        ({"rows": 0}, "rows"),
        ({"rows": 150}, r"sums.npy is damaged: it has \(200, 3\)"),
        ({"groups": [["paths", 3]]}, "not 339 dimensions under different names"),
        ({"space": "nowhere"}, "nowhere"),
    ):
        document = {**plain, **change}
        path.write_text(json.dumps({key: document[key] for key in document if "sha" not in key and "check" not in key}))
        with pytest.raises(InputError, match=reason):
            open_pool(tmp_path)


def test_a_pool_of_another_space_or_none(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of search space 'darts', not 'nasbench201'"):
        Embedding.load(pool.files.folder, get_space("nasbench201"))
    with pytest.raises(InputError, match=r"cannot read .*pool\.json"):
        Embedding.load(tmp_path)
