"""The DARTS space of one cell: graphs, notation, validity, sampling and edits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import get_space
from arch2vec.spaces.darts.cells import FIRST, LAST, VOCABULARY
from arch2vec.spaces.darts.classes import CellClasses
from arch2vec.spaces.darts.cost import IMAGENET, count_cost
from arch2vec.spaces.darts.moves import draw_cells
from arch2vec.spaces.darts.notation import EXAMPLE
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES
from arch2vec.spaces.darts.space import DARTS

SPACE = DARTS()
NAMES = VOCABULARY[FIRST : LAST + 1]

pairs_of_sources = st.tuples(
    *(st.permutations(range(node + 2)).map(lambda order: tuple(order[:2])) for node in range(4))
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    sources = [source for pair in draw(pairs_of_sources) for source in pair]
    return "|".join(f"{draw(st.sampled_from(NAMES))}~{source}" for source in sources)


def edits_between(first: str, second: str) -> int:
    """In how many operations and sources two cells in the compact form differ."""
    tokens = zip(first.split("|"), second.split("|"), strict=True)
    return sum(x != y for a, b in tokens for x, y in zip(a.split("~"), b.split("~"), strict=True))


def equal(first: GraphBatch, second: GraphBatch) -> bool:
    return np.array_equal(first.ops, second.ops) and np.array_equal(first.adjacency, second.adjacency)


def test_graph_of_a_published_cell() -> None:
    graphs = SPACE.parse([EXAMPLE])
    names = [SPACE.operations[code] for code in graphs.ops[0]]
    assert names[:2] == ["c_{k-2}", "c_{k-1}"]
    assert names[2:10] == ["sep_conv_3x3"] * 5 + ["skip_connect"] * 2 + ["dil_conv_3x3"]
    assert names[10] == "output"
    edges = {(int(i), int(j)) for i, j in np.argwhere(graphs.adjacency[0])}
    to_output = {(vertex, 10) for vertex in range(2, 10)}
    from_inputs = {(0, 2), (1, 3), (0, 4), (1, 5), (1, 6), (0, 7), (0, 8)}
    from_first_node = {(2, 9), (3, 9)}
    assert edges == to_output | from_inputs | from_first_node
    GraphBatch.of(graphs.ops, graphs.adjacency)


def test_surrogate_benchmark_cells_are_read_and_written(shared_data: Path) -> None:
    table = pd.read_parquet(shared_data / "nasbench301_surrogate_10k.parquet")
    for column in ("normal", "reduce"):
        listed = table[column].tolist()
        graphs = SPACE.parse(listed)
        assert SPACE.is_valid(graphs).all()
        assert SPACE.is_valid_as_released(graphs).all()
        assert SPACE.format(graphs) == listed


@given(st.lists(texts(), max_size=5))
def test_writing_is_the_inverse_of_reading(cells: list[str]) -> None:
    graphs = SPACE.parse(cells)
    assert SPACE.is_valid(graphs).all()
    assert SPACE.format(graphs) == cells
    assert equal(SPACE.parse(SPACE.to_genotype(graphs)), graphs)


@given(texts(), st.integers(0, 3))
def test_order_of_a_nodes_operations_means_nothing(text: str, node: int) -> None:
    tokens = text.split("|")
    tokens[2 * node : 2 * node + 2] = reversed(tokens[2 * node : 2 * node + 2])
    graphs = SPACE.parse([text, "|".join(tokens)])
    assert len(set(fingerprint(graphs).tolist())) == 1
    assert len(set(SPACE.function_classes(graphs).tolist())) == 1


def test_numbers_of_nodes_mean_nothing_to_the_function() -> None:
    first = "sep_conv_3x3~0|skip_connect~1|max_pool_3x3~0|skip_connect~1|dil_conv_3x3~2|skip_connect~0|"
    second = "max_pool_3x3~0|skip_connect~1|sep_conv_3x3~0|skip_connect~1|dil_conv_3x3~3|skip_connect~0|"
    graphs = SPACE.parse([first + "skip_connect~3|skip_connect~4", second + "skip_connect~2|skip_connect~4"])
    assert len(set(SPACE.function_classes(graphs).tolist())) == 1
    graphs = SPACE.parse([first + "skip_connect~3|skip_connect~4", second + "skip_connect~3|skip_connect~4"])
    assert len(set(SPACE.function_classes(graphs).tolist())) == 2


@pytest.mark.parametrize("name", ["ARCH2VEC_RL", "ARCH2VEC_BO"])
def test_arch2vecs_own_cells_belong_to_the_space(name: str) -> None:
    graphs = SPACE.parse([PUBLISHED_GENOTYPES[name]])
    assert SPACE.to_genotype(graphs)[0] == PUBLISHED_GENOTYPES[name].replace("[2, 3, 4, 5]", "range(2, 6)")


def genotype(**changes: str) -> str:
    entries = "[" + ", ".join(["('skip_connect', 0), ('sep_conv_3x3', 1)"] * 4) + "]"
    fields = {"normal": entries, "normal_concat": "range(2, 6)", "reduce": entries, "reduce_concat": "[5, 4, 3, 2]"}
    return "Genotype(" + ", ".join(f"{key}={value}" for key, value in (fields | changes).items()) + ")"


def test_a_genotype_can_be_laid_out_in_any_way() -> None:
    assert SPACE.parse([genotype(), "\n  " + genotype().replace(", ", ",\n    ") + "\n"]).ops.shape == (2, 11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one looks like"),
        ("sep_conv_3x3~0|sep_conv_3x3~1", "one looks like"),
        (EXAMPLE + "|skip_connect~0", "one looks like"),
        (EXAMPLE.replace("skip_connect", "none"), "no zero operation"),
        (EXAMPLE.replace("skip_connect", "conv_7x7"), "unknown operation 'conv_7x7'"),
        (EXAMPLE.replace("skip_connect~0", "skip_connect"), "can read 0 to 3"),
        (EXAMPLE.replace("skip_connect~0", "skip_connect~7"), "can read 0 to 3"),
        (EXAMPLE.replace("skip_connect~0", "skip_connect~00"), "can read 0 to 3"),
        ("sep_conv_3x3~2" + EXAMPLE[14:], "node 0 reads '2'"),
        ("sep_conv_3x3~1" + EXAMPLE[14:], "node 0 reads 1 twice"),
        ("Genotype(", "cannot be parsed"),
        ("Genotype\0", "cannot be parsed"),
        ("Genotypes()", "one looks like Genotype"),
        ("Genotype()", "exactly the fields"),
        (genotype()[:-1] + ", more=1)", "exactly the fields"),
        (genotype()[:-1] + ", **{'normal': 1})", "exactly the fields"),
        ("Genotype(1, " + genotype()[9:], "exactly the fields"),
        (genotype(normal_concat="range(2, 7)"), "normal_concat must be range"),
        (genotype(normal_concat="range(2, 10 ** 9)"), "must be a literal"),
        (genotype(normal_concat="range(2, 1000000000)"), "must be range"),
        (genotype(reduce_concat="[2, 3, 4]"), "reduce_concat must be range"),
        (genotype(reduce_concat="[2, 3, 4, True]"), "reduce_concat must be range"),
        (genotype(reduce_concat="'2345'"), "reduce_concat must be a list of integers"),
        (genotype(normal="3"), "must be a list"),
        (genotype(normal="[('skip_connect', '0')]"), "an entry looks like"),
        (genotype(normal="[('skip_connect', True)]"), "an entry looks like"),
        (genotype(normal="[]"), "one looks like"),
        (genotype(normal="__import__('os').getcwd()"), "must be a literal"),
        (PUBLISHED_GENOTYPES["DARTS_V2"], "use the space darts_pair"),
        ("Genotype(" + "(" * 5000 + ")" * 5000 + ")", "characters"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        SPACE.parse([EXAMPLE, text])
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60) | st.text(alphabet="Genotyp(rmal=[]'_,~|0123456789 ", max_size=60).map("Genotype".__add__))
def test_no_text_is_executed_or_crashes(text: str) -> None:
    with pytest.raises(InputError):
        SPACE.parse([text])


def slow_is_valid(ops: Sequence[int], adjacency: np.ndarray) -> bool:
    """The definition, word by word."""
    if ops[0] != 0 or ops[1] != 1 or ops[10] != 10 or not all(3 <= code <= 9 for code in ops[2:10]):
        return False
    expected = np.zeros((11, 11), dtype=bool)
    for node in range(4):
        read = []
        for vertex in (2 + 2 * node, 3 + 2 * node):
            from_vertices = set(np.flatnonzero(adjacency[:, vertex]).tolist())
            sources = [{0}, {1}, {2, 3}, {4, 5}, {6, 7}][: node + 2]
            if from_vertices not in sources:
                return False
            read.append(sources.index(from_vertices))
            expected[list(from_vertices), vertex] = True
            expected[vertex, 10] = True
        if read[0] == read[1]:
            return False
    return bool((adjacency == expected).all())


@settings(deadline=None)
@given(texts(), st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), max_size=2), st.integers(0, 10))
def test_validity_is_the_definition(text: str, flips: list[tuple[int, int]], code: int) -> None:
    graphs = SPACE.parse([text])
    ops, adjacency = graphs.ops.copy(), graphs.adjacency.copy()
    ops[0, 5] = code
    for i, j in flips:
        adjacency[0, min(i, j), max(i, j)] ^= i != j
    changed = GraphBatch(ops, adjacency)
    assert SPACE.is_valid(changed)[0] == slow_is_valid(ops[0].tolist(), adjacency[0])


def test_every_changed_edge_makes_a_graph_invalid() -> None:
    rows, columns = np.triu_indices(11, k=1)
    base = SPACE.parse([EXAMPLE] * len(rows))
    adjacency = base.adjacency.copy()
    adjacency[np.arange(len(rows)), rows, columns] ^= True
    assert not SPACE.is_valid(GraphBatch(base.ops, adjacency)).any()
    with pytest.raises(InputError, match="graph 0 of 55 is no architecture of darts"):
        SPACE.format(GraphBatch(base.ops, adjacency))


def test_graphs_of_another_size_are_no_cells() -> None:
    graphs = GraphBatch(np.zeros((2, 8), dtype=np.uint8), np.zeros((2, 8, 8), dtype=np.bool_))
    assert not SPACE.is_valid(graphs).any()
    assert not SPACE.is_valid_as_released(graphs).any()


def test_released_validity_asks_for_an_edge_into_each_operation_only() -> None:
    base = SPACE.parse([EXAMPLE])

    def released(change_op: tuple[int, int] | None = None, edges: dict[tuple[int, int], bool] | None = None) -> bool:
        ops, adjacency = base.ops.copy(), base.adjacency.copy()
        if change_op is not None:
            ops[0, change_op[0]] = change_op[1]
        for edge, value in (edges or {}).items():
            adjacency[(0, *edge)] = value
        return bool(SPACE.is_valid_as_released(GraphBatch(ops, adjacency))[0])

    assert released()
    assert released((4, VOCABULARY.index("none")))
    assert released(edges={(4, 10): False, (0, 1): True, (2, 9): False, (3, 7): True})
    assert not released((4, VOCABULARY.index("output")))
    assert not released((1, 0))
    assert not released((0, 1))
    assert not released((10, 9))
    assert not released(edges={(0, 2): False})
    assert not released(edges={(0, 2): False, (2, 3): True})  # from a vertex of the same node
    assert not released(edges={(2, 9): False, (3, 9): False})
    assert not released(edges={(2, 9): False, (3, 9): False, (8, 9): True})
    assert released(edges={(2, 9): False, (3, 9): False, (7, 9): True})


def test_samples_are_distinct_valid_and_repeatable() -> None:
    graphs = SPACE.sample(5000, np.random.default_rng(1))
    assert len(graphs) == 5000
    assert SPACE.is_valid(graphs).all()
    assert len(np.unique(fingerprint(graphs))) == 5000
    assert equal(graphs, SPACE.sample(5000, np.random.default_rng(1)))
    assert not equal(graphs, SPACE.sample(5000, np.random.default_rng(2)))
    assert len(SPACE.sample(0, np.random.default_rng(1))) == 0


def test_every_graph_is_drawn_equally_often() -> None:
    # All 14,235 graphs of cells with two operations: the same draw, in a space small enough to see.
    classes = CellClasses(4, 2, "graph")
    _, codes = draw_cells(900_000, np.random.default_rng(0), classes=classes)
    _, counts = np.unique(codes, return_counts=True)
    assert len(counts) == classes.count() == 14_235
    assert 1e-3 < stats.chisquare(counts).pvalue < 1 - 1e-3


def test_every_genotype_of_a_graph_is_drawn_equally_often() -> None:
    # Two operations in all 8 slots: a graph's genotypes, each in 2^4 orders of its nodes' operations.
    classes = CellClasses(4, 1, "graph")
    cells, codes = draw_cells(600_000, np.random.default_rng(0), classes=classes)
    for code in np.unique(codes)[:5]:
        drawn = cells[np.flatnonzero(codes == code)]
        _, counts = np.unique(drawn.sources, axis=0, return_counts=True)
        size = classes.code_and_size(drawn.by_source().operations - FIRST, drawn.by_source().sources)[1][0]
        assert len(counts) == 16 * size
        assert 1e-3 < stats.chisquare(counts).pvalue < 1 - 1e-3


def test_sampling_under_a_limit_on_multiply_adds() -> None:
    graphs = DARTS(max_macs=600_000_000).sample(2000, np.random.default_rng(0))
    macs = count_cost(graphs, skeleton=IMAGENET).macs
    assert (macs < 600_000_000).all()
    assert macs.max() > 580_000_000
    unlimited = count_cost(SPACE.sample(2000, np.random.default_rng(0)), skeleton=IMAGENET).macs
    assert (unlimited >= 600_000_000).any()


def test_sampling_more_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="cannot sample 275,473,101"):
        SPACE.sample(SPACE.size + 1, np.random.default_rng(0))
    with pytest.raises(InputError, match="found only 0 different architectures"):
        DARTS(max_macs=1).sample(1, np.random.default_rng(0))
    with pytest.raises(InputError, match="too many to list"):
        SPACE.enumerate()


@settings(deadline=None)
@given(texts(), st.integers(0, 2**32))
def test_a_mutation_is_one_edit(text: str, seed: int) -> None:
    graphs = SPACE.parse([text] * 8)
    mutated = SPACE.mutate(graphs, np.random.default_rng(seed))
    assert SPACE.is_valid(mutated).all()
    assert {edits_between(text, other) for other in SPACE.format(mutated)} == {1}
    assert not set(SPACE.function_classes(mutated).tolist()) & set(SPACE.function_classes(graphs[:1]).tolist())
    assert equal(mutated, SPACE.mutate(graphs, np.random.default_rng(seed)))
    assert SPACE.format(graphs) == [text] * 8


@given(texts())
def test_neighbors_are_all_single_edits(text: str) -> None:
    found = SPACE.format(SPACE.neighbors(SPACE.parse([text])))
    tokens = [token.split("~") for token in text.split("|")]
    expected = set()
    for slot, name in product(range(8), NAMES):
        expected.add((slot, name, tokens[slot][1]))
    for slot in range(8):
        for source in range(slot // 2 + 2):
            if str(source) != tokens[slot ^ 1][1]:
                expected.add((slot, tokens[slot][0], str(source)))
    texts_expected = {
        "|".join([f"{name}~{source}" if k == slot else "~".join(tokens[k]) for k in range(8)])
        for slot, name, source in expected
    } - {text}
    assert len(found) == len(set(found)) == 60
    assert set(found) == texts_expected


def test_every_neighbor_of_another_function_is_reached_by_mutation() -> None:
    graph = SPACE.parse([EXAMPLE])
    neighbors = SPACE.neighbors(graph)
    different = SPACE.function_classes(neighbors) != SPACE.function_classes(graph)[0]
    mutated = SPACE.mutate(SPACE.parse([EXAMPLE] * 5000), np.random.default_rng(0))
    assert set(SPACE.format(mutated)) == set(SPACE.format(neighbors[np.flatnonzero(different)]))
    by_operation = (mutated.ops != graph.ops).any(axis=1).mean()
    assert 0.45 < by_operation < 0.6


def test_an_edit_that_only_exchanges_equal_nodes_is_no_mutation() -> None:
    # Nodes 0 and 1 are the same, so that reading the one instead of the other changes nothing.
    text = "skip_connect~0|skip_connect~1|" * 2 + "sep_conv_3x3~2|skip_connect~0|sep_conv_3x3~0|skip_connect~1"
    mutated = SPACE.format(SPACE.mutate(SPACE.parse([text] * 2000), np.random.default_rng(0)))
    assert text.replace("sep_conv_3x3~2", "sep_conv_3x3~3") not in mutated
    assert text.replace("sep_conv_3x3~2", "sep_conv_3x3~1") in mutated


def test_a_limit_on_multiply_adds_is_part_of_the_reference_and_survives_it() -> None:
    limited = get_space("darts?max_macs=600000000")
    assert isinstance(limited, DARTS)
    assert limited.max_macs == 600_000_000
    assert limited.reference == "darts?max_macs=600000000"
    assert get_space("darts").reference == "darts"
    pair = get_space("darts_pair?max_macs=450000000")
    assert pair.reference == "darts_pair?max_macs=450000000"


@pytest.mark.parametrize(
    "reference", ["darts?max_macs=", "darts?max_macs=-1", "darts?max_macs=6e8", "darts?max_macs=0"]
)
def test_a_limit_that_is_no_number_of_multiply_adds_is_refused(reference: str) -> None:
    with pytest.raises(InputError, match="positive whole number of multiply-adds"):
        get_space(reference)


def test_only_spaces_with_a_limit_take_one() -> None:
    with pytest.raises(InputError, match="unknown search space"):
        get_space("nasbench201?max_macs=5")
