"""Searches of spaces too large to list: neighbours are embedded when they are needed, and resumes are exact."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arch2vec.cli.main import main
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.representations.ready import structure_embedding
from arch2vec.searching import get_method
from arch2vec.searching.evolution import RegularizedEvolution
from arch2vec.searching.growing import AROUND, GrowingSearch, for_study
from arch2vec.searching.local_search import LocalSearch
from arch2vec.searching.moves import moves_of
from arch2vec.searching.pool import Sampled
from arch2vec.searching.study import search
from arch2vec.searching.trials import Trial
from arch2vec.spaces import DeclaredSpace, SpaceDeclaration, get_space
from arch2vec.studies import Budget, run_many, run_study

VALUES = (8, 16, 32, 64)
CHAIN = DeclaredSpace(
    SpaceDeclaration(
        "chain", carries="vertices", vertices=16, edges=tuple((v, v + 1) for v in range(15)), values=VALUES
    )
)
FREE = DeclaredSpace(SpaceDeclaration("free", tuple("abc"), "vertices", vertices=8, max_edges=12, max_in_degree=3))


def worth(architecture: str) -> float:
    """Best where widths rise along the chain."""
    widths = [int(name) for name in architecture.split("|")]
    wanted = [VALUES[place * 4 // len(widths)] for place in range(len(widths))]
    return 100 - 5 * float(sum(abs(np.log2(a / b)) for a, b in zip(widths, wanted, strict=True)))


def counted(architecture: str) -> float:
    return 10.0 * architecture.count("a") - architecture.count("1")


@pytest.fixture(scope="module")
def chain() -> Embedding:
    return structure_embedding(CHAIN, sample=300)


def best(embedding: Embedding, method: str, budget: int, seeds: int = 5) -> float:
    results = [search(embedding, worth, method=method, budget=budget, seed=seed).best for seed in range(seeds)]
    return float(np.mean([trial.validation for trial in results]))


def test_local_search_is_no_random_search(chain: Embedding) -> None:
    assert best(chain, "local-search", 60, seeds=3) > best(chain, "random", 60, seeds=3) + 5
    assert best(chain, "evolution", 80, seeds=2) > best(chain, "random", 80, seeds=2) + 3
    one, other = (search(chain, worth, method=method, budget=20) for method in ("local-search", "random"))
    assert [trial.architecture for trial in one.trials] != [trial.architecture for trial in other.trials]


@pytest.mark.parametrize("method", ["group-bo", "bo-local"])
def test_models_look_beyond_the_sample(chain: Embedding, method: str) -> None:
    assert best(chain, method, 25, seeds=1) > worth(max(chain.architectures, key=worth))


def made(trial: Trial) -> tuple[int, str, float]:
    return trial.index, trial.architecture, trial.validation


@pytest.mark.parametrize(
    ("space", "method"),
    [
        *((CHAIN, method) for method in ("evolution", "group-bo", "bohb")),
        *((FREE, method) for method in ("local-search", "bo-local")),
        *(
            pytest.param(space, method, marks=pytest.mark.slow)
            for space, methods in (
                (CHAIN, ("local-search", "bo-local", "gp-bo", "random", "reinforce")),
                (FREE, ("evolution", "group-bo")),
            )
            for method in methods
        ),
    ],
)
def test_resumed_it_ends_like_one_go(
    space: DeclaredSpace, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RegularizedEvolution.__init__, "__kwdefaults__", {"population": 3, "tournament": 2})
    embedding = structure_embedding(space, sample=40)
    function, budget = (worth if space is CHAIN else counted), 9
    whole = search(embedding, function, method=method, budget=budget, seed=1).trials
    for stop in (6, budget):
        again = structure_embedding(DeclaredSpace(space.declaration), sample=40)
        part = search(again, function, method=method, budget=stop, seed=1, out=tmp_path / "study").trials
        assert [made(trial) for trial in part] == [made(trial) for trial in whole[:stop]]
    document = json.loads((tmp_path / "study/study.json").read_text())
    assert bool(document["method"].get("grown")) == (method not in ("random", "reinforce", "bohb"))


def test_states_are_plain_and_checked(chain: Embedding) -> None:
    kind = get_method("local-search")
    method = for_study(kind, chain, seed=0, anywhere=True)
    for _ in range(10):
        (candidate,) = method.ask()
        method.tell([candidate], [worth(candidate.architecture)])
    state = json.loads(json.dumps(method.state_dict()))
    again = for_study(kind, chain, seed=0, anywhere=True)
    again.load_state_dict(state)
    assert again.state_dict() == method.state_dict()
    assert again.embedding.architectures == method.embedding.architectures
    np.testing.assert_array_equal(again.embedding.vectors, method.embedding.vectors)
    assert [again.ask() for _ in range(5)] == [method.ask() for _ in range(5)]
    for damage in ([["around", 10**6]], [["given", "no architecture"]], [[7]], "x"):
        with pytest.raises(InputError):
            again.load_state_dict({**state, "grown": damage})
        assert again.pending == method.pending
    known = method.candidate("|".join(["64"] * 14))
    method.tell([known], [50.0])
    assert method.embedding.architectures[known.index] == "|".join(["64"] * 14)


def test_the_embedding_itself_stays_as_it_is(chain: Embedding) -> None:
    before = len(chain)
    search(chain, worth, method="local-search", budget=20)
    assert len(chain) == before
    assert len(moves_of(chain).neighbours(0)) <= 3 * 14  # what the sample holds of them


def test_neighbours_are_those_of_the_space_or_a_fixed_part_of_them() -> None:
    embedding = structure_embedding(FREE, sample=30)
    method = for_study(get_method("local-search"), embedding, seed=0, anywhere=True)
    assert isinstance(method, GrowingSearch)
    while not method.state_dict()["grown"]:
        (candidate,) = method.ask()
        method.tell([candidate], [counted(candidate.architecture)])
    kind, row = method.state_dict()["grown"][0]
    assert kind == "around"
    found = moves_of(method.embedding).neighbours(row)
    around = set(fingerprint(FREE.neighbors(embedding.graphs[row : row + 1])).tolist())
    assert set(fingerprint(method.embedding.graphs[found]).tolist()) <= around
    assert len(found) == min(AROUND, len(around))


def test_spaces_that_are_listed_and_tables_do_not_grow(chain: Embedding) -> None:
    kind = get_method("local-search")
    assert not isinstance(for_study(kind, chain, seed=0, anywhere=False), GrowingSearch)
    listed = structure_embedding(get_space("nasbench201"), sample=50)
    assert not isinstance(for_study(kind, listed, seed=0, anywhere=True), GrowingSearch)


def test_comparisons_grow_in_every_run(chain: Embedding, tmp_path: Path) -> None:
    methods = ["local-search", "random"]
    frame = run_many(chain, worth, methods=methods, runs=2, budget=25, out=tmp_path / "study")
    for method in methods:
        for seed in range(2):
            alone = search(chain, worth, method=method, budget=25, seed=seed)
            mine = frame[(frame.method == method) & (frame.seed == seed)]
            assert mine.architecture.tolist() == [trial.architecture for trial in alone.trials]
    # What is kept can be read again, and gone on with.
    more = run_many(chain, worth, methods=methods, runs=3, budget=25, out=tmp_path / "study")
    same = more[more.seed < 2].reset_index(drop=True)
    assert same.architecture.tolist() == frame.architecture.tolist()
    found = run_study(chain, worth, methods, 3, Budget(25), out=tmp_path / "study")
    runs = found.runs("local-search", found.keys()[0][1])
    assert (runs.rows[runs.made] < -1).any()
    assert max(map(worth, runs.texts(runs.rows[runs.made].tolist(), chain.architectures))) == np.nanmax(runs.validation)


@pytest.mark.slow
def test_comparisons_with_workers_grow_alike(chain: Embedding) -> None:
    one, two = (run_many(chain, worth, methods=["evolution"], runs=2, budget=12, workers=n) for n in (1, 2))
    assert one.architecture.tolist() == two.architecture.tolist()


def test_a_method_that_was_made_already_keeps_its_embedding(chain: Embedding) -> None:
    found = search(chain, worth, method=LocalSearch(chain, seed=0), budget=20)
    assert all(trial.index < len(chain) for trial in found.trials)


def test_drivers_of_a_storage_have_the_same_rows(chain: Embedding, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    found = search(chain, worth, method="local-search", budget=20, storage=f"journal:///{tmp_path}/studies.log")
    assert len({trial.index for trial in found.trials}) == 20
    assert all(trial.index < len(chain) for trial in found.trials)


@pytest.mark.parametrize(
    ("extend", "line"),
    [
        (lambda graphs: graphs.ops[:, :2].astype(np.float32), "gave vectors of 2 numbers; its own have 3"),
        (lambda graphs: np.full((len(graphs), 3), np.nan), "gave nan in row 0"),
        (None, ""),
    ],
)
def test_vectors_of_ones_own_grow_where_they_can(extend: Callable[[GraphBatch], Any] | None, line: str) -> None:
    graphs = CHAIN.sample(40, np.random.default_rng(0))
    own = Embedding.from_vectors(CHAIN, graphs, graphs.ops[:, :3], extend=extend)
    if extend is None:
        assert all(trial.index < 40 for trial in search(own, worth, method="local-search", budget=20).trials)
        return
    with pytest.raises(InputError, match=line):
        search(own, worth, method="local-search", budget=20)
    right = Embedding.from_vectors(
        CHAIN, graphs, graphs.ops[:, :3], extend=lambda more: more.ops[:, :3].astype(np.float32)
    )
    found = search(right, worth, method="gp-bo", budget=20)
    assert any(trial.index >= 40 for trial in found.trials)


def test_a_pool_may_be_given(chain: Embedding) -> None:
    method = for_study(get_method("gp-bo"), chain, seed=0, anywhere=True, pool=Sampled(20, parents=0))
    for _ in range(10):
        (candidate,) = method.ask()
        method.tell([candidate], [worth(candidate.architecture)])
    assert len(method.embedding) == len(chain)


def test_architectures_without_neighbours_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    edges = [[at, at + 1] for at in range(19)]
    Path("large.yaml").write_text(
        f"name: large\ncarries: vertices\noperations: [a, b, c, d]\nvertices: 20\nedges: {edges}\n"
    )
    space = get_space("large.yaml")
    texts = space.format(space.sample(30, np.random.default_rng(0)))
    Path("t.csv").write_text("arch,val\n" + "".join(f"{text},{50 + text.count('a')}\n" for text in texts))
    Path("mine.py").write_text("def worth(architecture): return architecture.count('a')\n")
    assert main(["embed", "large.yaml", "--sample", "30", "--out", "v.safetensors"]) == 0
    table, function = "table:t.csv?validation=val", "python:mine.py:worth"
    for source, objective, method, said in (
        ("v.safetensors", function, "local-search", "a file of vectors cannot be added to"),
        ("large.yaml", table, "evolution", "only what a table holds can be looked up"),
        ("v.safetensors", function, "random", None),
    ):
        capsys.readouterr()
        assert main(["search", source, "--objective", objective, "--method", method, "--budget", "3"]) == 0
        errors = capsys.readouterr().err
        assert "have no neighbour among the 30" in errors if said else "neighbour" not in errors
        assert (said or "") in errors
