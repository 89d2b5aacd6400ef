"""The NAS-Bench-101 space: validity, pruning, notation and edits against slow versions."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nasbench101_reference as slow
from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.nasbench101.cells import in_topological_order
from arch2vec.spaces.nasbench101.space import NASBench101, prune
from nasbench101_reference import Cell

SPACE = NASBench101()
CHAIN = "010;001;000|input,conv3x3-bn-relu,output"

fast = settings(deadline=None, max_examples=50)
fewer = settings(deadline=None, max_examples=20)  # for the slow versions that take milliseconds a cell
seeds = st.integers(0, 2**32 - 1)


@st.composite
def graphs_of_any_kind(draw: st.DrawFn) -> Cell:
    """A DAG of 2 to 7 vertices, often no cell."""
    n = draw(st.integers(2, 7))
    pairs = list(itertools.combinations(range(n), 2))
    edges = frozenset(draw(st.sets(st.sampled_from(pairs), max_size=12)))
    inner = draw(st.lists(st.sampled_from([1, 2, 3, 1, 2, 3, 0, 4]), min_size=n - 2, max_size=n - 2))
    return (draw(st.sampled_from([0, 0, 0, 1])), *inner, draw(st.sampled_from([4, 4, 4, 3]))), edges


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """A pruned cell: random edges on top of a random way from input to output."""
    n = draw(st.integers(2, 7))
    pairs = list(itertools.combinations(range(n), 2))
    way = [0, *sorted(draw(st.sets(st.integers(1, n - 2), max_size=n - 2))), n - 1] if n > 2 else [0, 1]
    edges = list(itertools.pairwise(way))
    edges += [pair for pair in draw(st.permutations(pairs)) if pair not in edges][
        : draw(st.integers(0, 9 - len(edges)))
    ]
    inner = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=n - 2, max_size=n - 2))
    cell = slow.pruned(((0, *inner, 4), frozenset(edges)))
    assert cell is not None
    return cell


@fast
@given(st.lists(graphs_of_any_kind(), max_size=8))
def test_prune_equals_enumerating_paths(raw: list[Cell]) -> None:
    result, connected = prune(slow.to_graphs(raw))
    expected = [slow.pruned(cell) for cell in raw]
    assert connected.tolist() == [cell is not None for cell in expected]
    assert slow.from_graphs(result) == [((), frozenset()) if cell is None else cell for cell in expected]


@fast
@given(st.lists(graphs_of_any_kind(), max_size=8))
def test_validity_equals_the_definition(raw: list[Cell]) -> None:
    graphs = slow.to_graphs(raw)
    expected = [slow.pruned(cell) for cell in raw]
    released = [cell is not None and slow.is_allowed(cell) for cell in expected]
    strict = [ok and cell == before for ok, cell, before in zip(released, expected, raw, strict=True)]
    assert SPACE.is_valid_as_released(graphs).tolist() == released
    assert SPACE.is_valid(graphs).tolist() == strict


@fast
@given(cells())
def test_cells_are_valid_and_pruning_leaves_them(cell: Cell) -> None:
    graphs = slow.to_graphs([cell])
    assert SPACE.is_valid(graphs).all() and SPACE.is_valid_as_released(graphs).all()
    assert slow.from_graphs(prune(graphs)[0]) == [cell]


def test_malformed_graphs_are_invalid() -> None:
    good = SPACE.parse([CHAIN])
    wrong = GraphBatch(np.repeat(good.ops, 5, axis=0), np.repeat(good.adjacency, 5, axis=0))
    wrong.adjacency[0, 1, 0] = True  # below the diagonal
    wrong.adjacency[1, 2, 3] = True  # at padding
    wrong.ops[2, :4] = [0, PADDING, 2, 4]  # padding in the middle
    wrong.ops[3, 1:3] = [4, PADDING]  # the output where an operation was
    wrong.ops[4] = PADDING  # nothing at all
    wrong.adjacency[4] = False
    assert not SPACE.is_valid(wrong).any()
    assert not SPACE.is_valid_as_released(wrong).any()
    assert not SPACE.is_valid(GraphBatch.of([[0, 2, 4]], [np.triu(np.ones((3, 3)), 1)])).any()


@fewer
@given(cells(), seeds)
def test_relabelling_changes_no_identity(cell: Cell, seed: int) -> None:
    both = slow.to_graphs([cell, slow.relabelled(cell, np.random.default_rng(seed))])
    assert len(set(fingerprint(both).tolist())) == 1
    assert len(set(SPACE.module_hashes(both))) == 1
    rows = SPACE.index_of(both)
    assert rows[0] == rows[1] >= 0
    first, second = (SPACE.neighbors(both[i]) for i in range(2))
    assert set(fingerprint(first).tolist()) == set(fingerprint(second).tolist())


@fewer
@given(st.lists(cells(), max_size=5))
def test_hashes_equal_the_scalar_version(some: list[Cell]) -> None:
    assert SPACE.module_hashes(slow.to_graphs(some)) == [slow.hash_of(cell) for cell in some]


@fast
@given(st.lists(cells(), max_size=5))
def test_parse_is_the_inverse_of_format(some: list[Cell]) -> None:
    graphs = slow.to_graphs(some)
    texts = SPACE.format(graphs)
    assert slow.from_graphs(SPACE.parse(texts)) == some
    assert SPACE.format(SPACE.parse(texts)) == texts
    for row, (matrix, names) in enumerate(SPACE.to_matrix(graphs)):
        assert slow.from_graphs(SPACE.from_matrix(matrix, names)) == [some[row]]


@fast
@given(graphs_of_any_kind())
def test_parse_prunes(raw: Cell) -> None:
    ops, edges = raw
    names = [SPACE.operations[code] for code in ops]
    matrix = [[int((i, j) in edges) for j in range(len(ops))] for i in range(len(ops))]
    expected = slow.pruned(raw)
    if slow.is_allowed((ops, frozenset())) and expected is not None and slow.is_allowed(expected):
        assert slow.from_graphs(SPACE.from_matrix(matrix, names)) == [expected]
    else:
        with pytest.raises(InputError):
            SPACE.from_matrix(matrix, names)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no '|'"),
        ("010;001;000", "no '|'"),
        ("010;001|input,conv3x3-bn-relu,output", "2 rows of 2 digits"),
        ("010;001;00x|input,conv3x3-bn-relu,output", "3 rows of 3 digits"),
        ("010;001;001|input,conv3x3-bn-relu,output", "on or below the diagonal"),
        ("010;001;000|input,conv5x5,output", "unknown operation 'conv5x5'"),
        ("010;001;000|input,input,output", "one input at the start"),
        ("010;001;000|output,maxpool3x3,input", "one input at the start"),
        ("010;001;000|input,output", "3 rows and 2 operations"),
        ("010;000;000|input,maxpool3x3,output", "no path from input to output"),
        ("0|input", "1 vertices"),
        (";".join(["0" * 8] * 8) + "|input,output", "8 vertices"),
        ("01;00|input," + "maxpool3x3," * 6 + "output", "8 operations"),
        ("01111;00111;00011;00001;00000|input,maxpool3x3,maxpool3x3,maxpool3x3,output", "10 edges"),
    ],
)
def test_malformed_text_is_named_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        SPACE.parse([CHAIN, text])
    message = str(caught.value)
    assert reason in message and repr(text) in message and "\n" not in message


def test_malformed_matrix() -> None:
    with pytest.raises(InputError, match="square"):
        SPACE.from_matrix([[0, 1]], ["input", "output"])
    with pytest.raises(InputError, match="zeros and ones"):
        SPACE.from_matrix([[0, 2], [0, 0]], ["input", "output"])


def test_format_and_edits_refuse_what_is_no_cell() -> None:
    idle = slow.to_graphs([((0, 1, 4), frozenset({(0, 2)}))])
    for refuses in (SPACE.format, SPACE.to_matrix, SPACE.neighbors, SPACE.module_hashes):
        with pytest.raises(InputError, match="graph 0 of 1"):
            refuses(idle)
    with pytest.raises(InputError, match="graph 0 of 1"):
        SPACE.mutate(idle, np.random.default_rng(0))
    with pytest.raises(InputError, match="one architecture"):
        SPACE.neighbors(SPACE.parse([CHAIN, CHAIN]))


@fewer
@given(cells())
def test_neighbors_equal_the_slow_version(cell: Cell) -> None:
    graphs = SPACE.neighbors(slow.to_graphs([cell]))
    assert SPACE.is_valid(graphs).all()
    hashes = SPACE.module_hashes(graphs)
    assert len(set(hashes)) == len(hashes)
    assert set(hashes) == slow.one_edit_away(cell)


@fewer
@given(cells(), seeds)
def test_edits_that_keep_the_vertices_can_be_undone(cell: Cell, seed: int) -> None:
    start = slow.to_graphs([cell])
    around = SPACE.neighbors(start)
    around = around[around.mask.sum(axis=1) >= len(cell[0])]
    some = around[np.random.default_rng(seed).choice(len(around), size=min(3, len(around)), replace=False)]
    for row in range(len(some)):
        assert fingerprint(start)[0] in fingerprint(SPACE.neighbors(some[row]))


@fewer
@given(st.lists(cells(), max_size=6), seeds)
def test_mutations_are_neighbors(some: list[Cell], seed: int) -> None:
    graphs = slow.to_graphs(some)
    mutated = SPACE.mutate(graphs, np.random.default_rng(seed))
    assert SPACE.is_valid(mutated).all()
    for row in range(len(some)):
        assert fingerprint(mutated)[row] in fingerprint(SPACE.neighbors(graphs[row]))
    again = SPACE.mutate(graphs, np.random.default_rng(seed))
    np.testing.assert_array_equal(again.ops, mutated.ops)
    np.testing.assert_array_equal(again.adjacency, mutated.adjacency)
    assert slow.from_graphs(graphs) == some


def test_mutation_kinds_and_edits_are_uniform() -> None:
    """The chain input, conv3x3, output: 2 relabellings, 1 added edge, 3 pairs x 3 operations for a new vertex."""
    n = 9000
    chain = SPACE.parse([CHAIN])[np.zeros(n, dtype=np.int64)]
    mutated = SPACE.mutate(chain, np.random.default_rng(0))
    counts = Counter(SPACE.format(mutated))
    grown = mutated.mask.sum(axis=1) == 4
    joined = mutated.adjacency.sum(axis=(1, 2)) == 3
    probabilities = {"vertex": grown.mean(), "edge": (joined & ~grown).mean(), "operation": (~joined & ~grown).mean()}
    for share in probabilities.values():
        assert abs(share - 1 / 3) < 4 * np.sqrt(2 / 9 / n)
    assert len(counts) == 2 + 1 + 9
    for text, count in counts.items():
        expected = n / 3 / {3: 1 if "011" in text else 2, 4: 9}[text.count(";") + 1]
        assert abs(count - expected) < 5 * np.sqrt(expected)


def test_mutating_again_and_again_reaches_all_sizes() -> None:
    rng = np.random.default_rng(1)
    graphs = SPACE.parse(["01;00|input,output"])[np.zeros(200, dtype=np.int64)]
    for _ in range(40):
        graphs = SPACE.mutate(graphs, rng)
    assert set(graphs.mask.sum(axis=1).tolist()) >= {4, 5, 6, 7}


@fast
@given(cells(), seeds)
def test_topological_order_restores_any_numbering(cell: Cell, seed: int) -> None:
    ops, edges = cell
    number = np.random.default_rng(seed).permutation(len(ops))
    shuffled: Cell = (
        tuple(ops[int(np.flatnonzero(number == new)[0])] for new in range(len(ops))),
        frozenset((int(number[i]), int(number[j])) for i, j in edges),
    )
    ordered = in_topological_order(slow.to_graphs([shuffled]))
    assert SPACE.is_valid(ordered).all()
    assert SPACE.module_hashes(ordered) == [slow.hash_of(cell)]


def test_sample() -> None:
    sampled = SPACE.sample(500, np.random.default_rng(3))
    assert SPACE.is_valid(sampled).all()
    assert len(np.unique(fingerprint(sampled))) == 500
    assert SPACE.format(sampled) == SPACE.format(SPACE.sample(500, np.random.default_rng(3)))
    with pytest.raises(InputError, match="cannot sample 423,625"):
        SPACE.sample(423_625, np.random.default_rng(0))


def test_index_of_finds_rows_and_refuses_others() -> None:
    everything = SPACE.enumerate()
    rows = np.random.default_rng(0).choice(len(everything), size=300, replace=False)
    np.testing.assert_array_equal(SPACE.index_of(everything[rows]), rows)
    idle = slow.to_graphs([((0, 1, 4), frozenset({(0, 2)}))])
    assert SPACE.index_of(idle).tolist() == [-1]
    assert SPACE.index_of(prune(idle)[0])[0] >= 0
    assert "423,624" in repr(SPACE)
