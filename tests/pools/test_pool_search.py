"""Searches of pools: the same proposals whenever they are repeated or resumed, from a folder that stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arch2vec.cli import main
from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.pools import Pool, Source, make_pool, open_pool
from arch2vec.representations.structure import structure
from arch2vec.searching import METHODS, get_method
from arch2vec.searching.base import reads_rows
from arch2vec.searching.growing import for_study
from arch2vec.searching.moves import moves_of
from arch2vec.searching.pool import Sampled
from arch2vec.searching.pooled import PoolVectors
from arch2vec.searching.study import search
from arch2vec.searching.vectors import function_vectors, grouped_vectors
from arch2vec.spaces import DeclaredSpace, SearchSpace, SpaceDeclaration, get_space
from arch2vec.studies import Budget, run_study

DARTS = get_space("darts")
FREE = DeclaredSpace(SpaceDeclaration("free", tuple("abc"), "vertices", vertices=8, max_edges=12, max_in_degree=3))
READING = ("random", "evolution", "local-search", "bo", "gp-bo", "bo-local", "group-bo")


def made(folder: Path, space: SearchSpace, sample: int, representation: str = "structure") -> Pool:
    source = Source.of(space, representation)
    return make_pool(folder, source, sample=sample)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return made(tmp_path_factory.mktemp("darts") / "pool", DARTS, 400)


def worth(architecture: str) -> float:
    return 50.0 + 5 * architecture.count("sep_conv_3x3") - architecture.count("~0")


def trials(pool: Embedding, method: str, budget: int, **more: Any) -> list[tuple[int, str, float]]:
    found = search(pool, worth, method=method, budget=budget, seed=5, **more).trials
    return [(trial.index, trial.architecture, trial.validation) for trial in found]


def test_which_methods_read_rows() -> None:
    found = {name for name in METHODS if reads_rows(get_method(name))}
    assert found == {*READING, "arch2vec-rl", "arch2vec-rl-release"}


@pytest.mark.parametrize("method", READING)
def test_a_search_repeats_and_resumes(pool: Pool, tmp_path: Path, method: str) -> None:
    settings = "?initial=4" if method in ("bo", "gp-bo") else "?population=5" if method == "evolution" else ""
    budget = 11
    whole = trials(pool, method + settings, budget)
    assert len({architecture for _, architecture, _ in whole}) == budget
    for until in (7, budget):  # each in a process of its own, as far as the pool can tell
        found = trials(open_pool(pool.files.folder), method + settings, until, out=tmp_path)
        assert found == whole[:until]
    beyond = [index for index, _, _ in whole if index >= len(pool)]
    assert bool(beyond) == (method != "random")
    assert len(open_pool(pool.files.folder)) == 400


def test_batches_resume_too(pool: Pool, tmp_path: Path) -> None:
    whole = trials(pool, "group-bo", 10, batch=3)
    assert trials(pool, "group-bo", 7, batch=3, out=tmp_path) == whole[:7]
    assert trials(pool, "group-bo", 10, batch=3, out=tmp_path) == whole


def test_a_search_goes_beyond_the_pool(pool: Pool) -> None:
    best_there = max(worth(architecture) for architecture in pool.architectures)
    assert search(pool, worth, method="group-bo", budget=30, seed=0).best.validation > best_there


def test_a_declared_space_too_large_to_list(tmp_path: Path) -> None:
    made(tmp_path / "pool", FREE, 60)

    def rises(text: str) -> float:
        return 10.0 * text.count("a") - text.count("1")

    result = search(open_pool(tmp_path / "pool"), rises, method="local-search", budget=12, seed=0)
    assert result.best.index >= 60


def test_another_pool_is_another_study(pool: Pool, tmp_path: Path) -> None:
    trials(pool, "random", 3, out=tmp_path / "study")
    other = made(tmp_path / "pool", DARTS, 401)
    with pytest.raises(InputError, match="embedding of other vectors"):
        trials(other, "random", 3, out=tmp_path / "study")


def test_damage_ends_a_search_in_one_line(pool: Pool, tmp_path: Path) -> None:
    for path in pool.files.folder.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = bytearray((tmp_path / "vectors.npy").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "vectors.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"vectors\.npy is damaged: row \d+ is not that of its checksum"):
        trials(open_pool(tmp_path), "group-bo", 30)


@pytest.mark.parametrize("representation", ["structure", "adjacency"])
def test_models_see_what_they_see_of_the_same_in_memory(tmp_path: Path, representation: str) -> None:
    found = made(tmp_path, DARTS, 120, representation)
    memory = found.subset(np.arange(120))
    rows = np.array([3, 80, 7])
    grouped = grouped_vectors(memory)
    assert grouped_vectors(found).groups == grouped.groups
    np.testing.assert_allclose(grouped_vectors(found).vectors[rows], grouped.vectors[rows], atol=1e-5)
    np.testing.assert_allclose(function_vectors(found)[rows], function_vectors(memory)[rows], atol=1e-5)


def test_added_architectures_have_vectors_and_names(pool: Pool) -> None:
    method = for_study("local-search", pool, seed=0, anywhere=True)
    grown = method.embedding
    neighbours = moves_of(grown).neighbours(7)
    graphs = DARTS.neighbors(pool.graphs[[7]])
    assert len(neighbours) == len(np.unique(DARTS.function_classes(graphs)))
    assert (neighbours >= 400).any()
    np.testing.assert_array_equal(grown.vectors[neighbours], structure(grown.graphs[neighbours], DARTS).values)
    np.testing.assert_array_equal(
        np.sort(DARTS.function_classes(grown.graphs[neighbours])), np.unique(DARTS.function_classes(graphs))
    )
    np.testing.assert_array_equal(grown.rows_of(graphs[:5]), grown.rows_of(graphs)[:5])  # type: ignore[attr-defined]
    assert (moves_of(grown).neighbours(7) == neighbours).all()
    known = method.candidate(DARTS.format(DARTS.sample(1, np.random.default_rng(9)))[0])
    method.tell([known], [1.0])
    assert method.told == [(known.index, 1.0)]
    assert (method.functions, method.remaining) == (len(method.embedding), len(method.embedding) - 1)


def test_without_growth_neighbours_are_those_in_the_pool(pool: Pool) -> None:
    method = for_study("evolution", pool, seed=0, anywhere=False)
    assert all((moves_of(method.embedding).neighbours(row) < 400).all() for row in range(20))
    candidates = method.ask(5)
    assert len(method.embedding) == 400
    assert all(pool.architectures[each.index] == each.architecture for each in candidates)


@pytest.mark.parametrize("name", ["local-search", "group-bo"])
def test_a_method_that_was_made_already(pool: Pool, name: str) -> None:
    made_already = get_method(name)(pool, seed=0)
    found = search(pool, worth, method=made_already, budget=9).trials
    assert all(pool.architectures[trial.index] == trial.architecture for trial in found)


def test_what_looks_at_everything_gets_what_memory_holds(
    pool: Pool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arch2vec.pools.pool.SAMPLE", 100)
    found = trials(open_pool(pool.files.folder), "reinforce", 3)
    assert "method reinforce looks at all architectures at once: 100 of the pool's 400" in capsys.readouterr().err
    assert all(index < 100 for index, _, _ in found)
    limited = search(open_pool(pool.files.folder), worth, "random", 3, at_most={"macs": 1e12}).trials
    assert "a limit or a further criterion looks at all" in capsys.readouterr().err
    assert all(trial.index < 100 for trial in limited)
    stored = search(open_pool(pool.files.folder), worth, "random", 3, storage=f"sqlite:///{tmp_path / 'trials.db'}")
    assert "a storage looks at all" in capsys.readouterr().err
    assert all(trial.index < 100 for trial in stored.trials)
    with pytest.raises(InputError, match="search method forest looks at all architectures at once"):
        get_method("forest")(pool, seed=0)
    with pytest.raises(InputError, match="needs an embedding in memory"):
        run_study(pool, worth, ["random"], 1, Budget(3))


def test_a_table_is_searched_in_memory(tmp_path: Path) -> None:
    space = get_space("nasbench201")
    source = Source.of(space)
    whole = make_pool(tmp_path, source, graphs=space.enumerate()[::10])
    result = search(whole, "digits-201", method="random", budget=5, seed=0)
    assert [whole.index_of(trial.architecture) for trial in result.trials]
    with pytest.raises(InputError, match="is for the space"):
        search(made(tmp_path / "darts", DARTS, 10), "digits-201", budget=2)


def test_an_encoders_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = DARTS
    run = tmp_path / "run"
    common = ["--epochs", "1", "--sample", "200", "--latent", "4", "--batch-size", "64"]
    assert main(["pretrain", "darts", *common, "--out", str(run)]) == 0
    assert main(["embed", str(run), "--pool", "--sample", "150", "--out", str(tmp_path / "pool"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["architectures"] == 150
    found = open_pool(tmp_path / "pool")
    encoder = Encoder.load(run)
    graphs = found.graphs[np.arange(150)]
    np.testing.assert_allclose(np.asarray(found.vectors), encoder.vectors(graphs), atol=1e-4)
    assert found.extend is not None
    other = space.sample(3, np.random.default_rng(8))
    np.testing.assert_allclose(found.extend(other), encoder.vectors(other), atol=1e-5)
    seen = PoolVectors(found, grouped=True)
    assert [name for name, _ in seen.groups][-1] == "learned"
    assert seen[[1, 2]].shape == (2, sum(size for _, size in seen.groups))
    assert len(search(found, worth, method="group-bo", budget=8).trials) == 8
    with torch.no_grad():
        next(encoder.model.parameters()).add_(0.1)
    encoder.save(tmp_path / "pool" / "encoder.safetensors")  # of another run, and whole
    with pytest.raises(InputError, match=r"encoder\.safetensors is damaged: its content is not that of its checksum"):
        open_pool(tmp_path / "pool")


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "pool")
    objective = tmp_path / "mine.py"
    objective.write_text("def worth(architecture):\n    return 50 + architecture.count('skip')\n")
    embed = ["embed", "darts", "--pool", "--sample", "60", "--out", folder]
    assert main(embed) == 0
    assert "60 architectures, 339 dimensions" in capsys.readouterr().out
    assert main(["search", folder, "--objective", f"python:{objective}:worth", "--budget", "6", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == 6
    for wrong, line in (
        ([*embed[:4], "61", *embed[5:]], "holds a pool with architectures 60, not 61"),
        (["embed", "darts", "--pool", "--sample", "5"], "a pool is a folder: name it, --out DIR"),
        (["embed", "darts", "--pool", "--out", folder], "darts is too large to list: say how many are drawn"),
        (["embed", "darts", "--index", "--sample", "5"], "--index is of a pool"),
        ([*embed, "--projector", "x"], "--projector needs all vectors at once"),
        (["search", folder, "--objective", "digits", "--representation", "path"], "has the vectors that it was made"),
        (["embed", folder, "--pool", "--sample", "5", "--out", folder], "holds vectors already"),
    ):
        assert main(wrong) == 2
        assert line in capsys.readouterr().err


def test_a_sampled_pool_of_its_own_size(pool: Pool) -> None:
    method = for_study("gp-bo?initial=3", pool, seed=1, anywhere=False, pool=Sampled(size=50, parents=0))
    for value in range(5):
        (candidate,) = method.ask()
        method.tell([candidate], [float(value)])
    assert len(method.told) == 5
