"""What was learned elsewhere: shared numbers, expectations, priors, and searches that begin with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import arch2vec
from arch2vec.cli.main import main
from arch2vec.embedding import Embedding
from arch2vec.graphs import GraphBatch
from arch2vec.representations.structure import VERSION, shared_structure, structure
from arch2vec.representations.transfer import TRANSFER, evaluated_elsewhere, transferred, with_transfer
from arch2vec.searching.group_bo import GroupedBayesianOptimization
from arch2vec.spaces import NASBench101, NASBench201, get_space
from arch2vec.surrogates.grouped_process import GroupedPrior, GroupedProcess
from one_line import error_of

SPACE = NASBench201()
CELLS_101 = {
    "01;00|input,output": (0, 0),
    "010;001;000|input,conv3x3-bn-relu,output": (0, 1),
    "0100;0010;0001;0000|input,conv3x3-bn-relu,conv1x1-bn-relu,output": (1, 1),
    "0110;0001;0001;0000|input,conv3x3-bn-relu,maxpool3x3,output": (0, 1),
}


@pytest.fixture(scope="module")
def target() -> Embedding:
    return arch2vec.structure_embedding(SPACE)


def convolutions(embedding: Embedding) -> np.ndarray:
    """How many weighted operations are on the paths of each cell, more or less."""
    known = structure(embedding.graphs, embedding.space, ["paths"])
    return known.values[:, known.names.index("paths: mean weighted on a path")].astype(np.float64)


def test_shared_numbers_have_one_name_in_all_spaces() -> None:
    names = None
    for name in ("nasbench201", "darts", "darts_pair"):
        space = get_space(name)
        found = shared_structure(space.sample(20, np.random.default_rng(0)), space)
        assert names is None or found.names == names
        names = found.names
        assert np.isfinite(found.values).all()
    assert names is not None
    cells = NASBench101().parse(list(CELLS_101))
    known = shared_structure(cells, NASBench101())
    assert known.names == names
    for place, kind in enumerate(("conv1x1", "conv")):
        column = known.names.index(f"paths: most {kind} on a path")
        assert known.values[:, column].tolist() == [counts[place] for counts in CELLS_101.values()]


def test_a_pairs_shared_numbers_are_its_outputs_mean() -> None:
    pair, single = get_space("darts_pair"), get_space("darts")
    cells = single.sample(2, np.random.default_rng(1))
    texts = single.format(cells)
    both = shared_structure(pair.parse([f"{texts[0]}+{texts[1]}"]), pair)
    column = both.names.index("paths: most weighted on a path")
    each = shared_structure(cells, single).values[:, column]
    assert both.values[0, column] == pytest.approx(each.mean())


def test_expectations_within_a_space_and_between_two(target: Embedding) -> None:
    rng = np.random.default_rng(2)
    worth = convolutions(target)
    rows = rng.choice(len(target), size=60, replace=False)
    expected = transferred(target, target, rows.tolist(), (worth[rows] * 10 - 3).tolist())
    assert np.corrcoef(expected, worth)[0, 1] > 0.9
    darts = get_space("darts")
    elsewhere = evaluated_elsewhere(darts, darts.sample(80, rng))
    there = convolutions(elsewhere)[:80]
    expected = transferred(target, elsewhere, range(80), there.tolist())
    assert np.corrcoef(expected, worth)[0, 1] > 0.6
    joined = with_transfer(target, elsewhere, range(80), there.tolist())
    assert joined.groups == (*target.groups, (TRANSFER, 1))
    np.testing.assert_array_equal(joined.vectors[:, -1], expected)
    learned = Embedding(SPACE, target.graphs, np.ones((len(target), 2), dtype=np.float32))
    assert [name for name, _ in with_transfer(learned, target, rows.tolist(), worth[rows].tolist()).groups][-2:] == [
        "learned",
        TRANSFER,
    ]


def test_the_structure_is_taken_as_it_is_held_or_counted(target: Embedding) -> None:
    some = target.subset(np.arange(0, 15_000, 30))
    worth = convolutions(some)[:40].tolist()
    held = transferred(some, some, range(40), worth)
    learned = Embedding(SPACE, some.graphs, np.zeros((len(some), 1), dtype=np.float32))
    np.testing.assert_array_equal(transferred(learned, learned, range(40), worth), held)
    older = replace(some, vectors=np.zeros_like(some.vectors), structure_version=VERSION + 1)
    np.testing.assert_array_equal(transferred(some, older, range(40), worth), held)
    part = Embedding(SPACE, some.graphs, some.vectors[:, :24], some.groups[:1])
    np.testing.assert_array_equal(transferred(part, some, range(40), worth), held)


def test_what_cannot_be_learned_from_is_named(target: Embedding) -> None:
    assert "at least two" in error_of(lambda: transferred(target, target, [1], [2.0]))
    assert "at least two" in error_of(lambda: transferred(target, target, [1, 2], [2.0]))
    assert "not finite" in error_of(lambda: transferred(target, target, [1, 2], [2.0, float("nan")]))
    joined = with_transfer(target, target, [1, 2, 3], [1.0, 2.0, 3.0])
    assert "already" in error_of(lambda: with_transfer(joined, target, [1, 2, 3], [1.0, 2.0, 3.0]))
    alike = target.subset([5, 5, 5])
    assert "nothing can be transferred" in error_of(lambda: transferred(alike, alike, [0, 1], [1.0, 2.0]))


def test_a_search_begins_with_what_is_most_expected(target: Embedding) -> None:
    worth = convolutions(target)
    rows = np.random.default_rng(3).choice(len(target), size=50, replace=False)
    joined = with_transfer(target, target, rows.tolist(), worth[rows].tolist())
    search = GroupedBayesianOptimization(joined, seed=0)
    assert search.initial == 3
    first = search.ask(3)
    classes = joined.function_classes
    assert len({int(classes[one.index]) for one in first}) == 3
    order = np.argsort(-joined.vectors[:, -1], kind="stable")
    wanted = list(dict.fromkeys(classes[order].tolist()))[:3]
    assert [int(classes[one.index]) for one in first] == wanted
    search.tell(first, [float(worth[one.index]) for one in first])
    state = json.loads(json.dumps(search.state_dict()))
    again = GroupedBayesianOptimization(joined, seed=0)
    again.load_state_dict(state)
    for _ in range(3):
        (one,), (other,) = search.ask(), again.ask()
        assert one == other
        for method in (search, again):
            method.tell([one], [float(worth[one.index])])
    everything = GroupedBayesianOptimization(joined.subset(np.arange(4)), seed=0, initial=2)
    assert len(everything.ask(everything.remaining)) == everything.remaining + len(everything.pending)


def test_a_prior_of_weights_moves_what_is_found() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 4))
    y = np.sin(2 * x[:, 0]) + 0.1 * rng.standard_normal(60)
    process = GroupedProcess((2, 2), ((0,), (1,)))
    known = process.posterior(x, y)
    assert known.means[0] > known.means[1] + 1
    assert known.deviations == tuple(0.5 * deviation for deviation in GroupedPrior.wide(2).deviations)
    few, labels = x[None, :4], y[None, :4]
    (taught,), (untaught,) = (
        GroupedProcess((2, 2), ((0,), (1,)), prior=known).fit(few, labels),
        process.fit(few, labels),
    )
    assert taught.weights[0] > untaught.weights[0]
    (same,) = GroupedProcess((2, 2), ((0,), (1,)), prior=GroupedPrior.wide(2)).fit(few, labels)
    assert same == untaught
    wrong = error_of(lambda: GroupedProcess((2, 2), ((0,),), prior=GroupedPrior.wide(2)))
    assert "3 means" in wrong


def test_the_command_line_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.py"
    own.write_text("def worth(architecture):\n    return float(architecture.count('conv_3x3'))\n")
    chain = tmp_path / "chain.yaml"
    chain.write_text(
        "{name: chain, carries: vertices, operations: [conv_3x3, pool, skip], vertices: 6, "
        "edges: [[0,1],[1,2],[2,3],[3,4],[4,5]], skip: [skip]}"
    )
    objective = f"python:{own}:worth"
    found, vectors = tmp_path / "found", tmp_path / "vectors.parquet"
    command = ["search", str(chain), "--objective", objective, "--budget", "12", "--out", str(found), "--json"]
    assert main(command) == 0
    capsys.readouterr()
    elsewhere = ["--transfer", str(found), "--transfer-space", str(chain)]
    assert main(["embed", "nasbench201", *elsewhere, "--out", str(vectors), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dimensions"] == 161
    assert Embedding.load(vectors).groups[-1] == (TRANSFER, 1)
    assert main(["search", str(vectors), "--objective", objective, "--budget", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"]["validation"] >= 4  # random: 1.2 on average
    (tmp_path / "empty").mkdir()
    for options in (
        ["--transfer", str(tmp_path / "nothing")],
        ["--transfer", str(tmp_path / "empty")],
        ["--transfer", str(found), "--transfer-space", "nasbench101"],
        ["--transfer-space", str(chain)],
    ):
        assert main(["embed", "nasbench201", *options, "--out", str(tmp_path / "no.parquet")]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
        assert not (tmp_path / "no.parquet").exists()


def test_evaluated_architectures_come_first() -> None:
    graphs = SPACE.sample(7, np.random.default_rng(5))
    source = evaluated_elsewhere(SPACE, graphs)
    assert isinstance(source.graphs, GraphBatch)
    np.testing.assert_array_equal(source.graphs.ops[:7], graphs.ops)
    assert len(source) == 5007
