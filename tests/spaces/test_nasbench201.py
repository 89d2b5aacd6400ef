from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import NASBench201, get_space
from arch2vec.spaces.nasbench201.space import ADJACENCY, EDGES, NONE, SKIP, published_form

SPACE = NASBench201()
ALL = SPACE.enumerate()
indices = st.integers(0, SPACE.size - 1)


def test_published_order_and_notation(shared_data: Path) -> None:
    table = pd.read_parquet(shared_data / "nasbench201.parquet", columns=["arch_str", "unique_str"])
    assert SPACE.format(ALL) == table["arch_str"].tolist()
    forms = [published_form(row) for row in ALL.ops[:, 1:-1].tolist()]
    assert forms == table["unique_str"].tolist()
    assert len(set(forms)) == 6466


def test_function_classes_join_the_published_ones() -> None:
    classes = SPACE.function_classes(ALL).tolist()
    forms = [published_form(row) for row in ALL.ops[:, 1:-1].tolist()]
    assert len(set(classes)) == 4930
    # Each published class lies within one of ours.
    assert len(set(zip(classes, forms, strict=True))) == len(set(forms)) == 6466


def test_function_classes_against_computing_the_functions() -> None:
    """Operations replaced by fixed nonlinear functions that are 0 at 0: equal output exactly for equal classes."""
    functions = {1: lambda v: math.sin(v) * 1.7, 2: lambda v: math.expm1(0.31 * v), 3: lambda v: math.atan(2.3 * v)}
    outputs: dict[float, int] = {}
    classes = SPACE.function_classes(ALL).tolist()
    for row, label in zip(ALL.ops[:, 1:-1].tolist(), classes, strict=True):
        terms: list[list[float]] = [[0.7316], [], [], []]
        for code, (source, target) in zip(row, EDGES, strict=True):
            value = math.fsum(terms[source])
            if code == SKIP:
                terms[target] += terms[source]
            elif code != NONE:
                terms[target].append(functions[code](value))
        key = float(f"{math.fsum(terms[3]):.12g}")
        assert outputs.setdefault(key, label) == label
    assert len(outputs) == len(set(classes))


def test_graph_is_the_line_graph_of_the_cell() -> None:
    for a, (_, target) in enumerate(EDGES, start=1):
        for b, (source, _) in enumerate(EDGES, start=1):
            assert ADJACENCY[a, b] == (target == source)
    assert ADJACENCY[0].nonzero()[0].tolist() == [1, 2, 4]
    assert ADJACENCY[:, 7].nonzero()[0].tolist() == [4, 5, 6]


def test_all_architectures_are_valid_and_different() -> None:
    assert len(ALL) == SPACE.size == 15_625
    assert SPACE.is_valid(ALL).all()
    assert SPACE.is_valid_as_released(ALL).all()
    assert len(np.unique(fingerprint(ALL))) == SPACE.size


def test_the_released_validity_is_looser() -> None:
    ops, adjacency = ALL.ops[:3].copy(), ALL.adjacency[:3].copy()
    adjacency[0, 0, 7] = True  # an edge too many: nobody looks
    ops[1, 1] = 0  # an input as the first operation: nobody looks
    ops[2, 2] = 0
    graphs = GraphBatch(ops, adjacency)
    assert SPACE.is_valid_as_released(graphs).tolist() == [True, True, False]
    assert not SPACE.is_valid(graphs).any()
    with pytest.raises(InputError, match="graph 0 of 3"):
        SPACE.format(graphs)


@given(indices)
def test_parse_inverts_format(index: int) -> None:
    graph = ALL[index]
    assert np.array_equal(SPACE.parse(SPACE.format(graph)).ops, graph.ops)


@given(indices, st.integers(0, 2**32))
def test_mutation_and_neighbours_differ_by_one_operation(index: int, seed: int) -> None:
    graph = ALL[index]
    mutant = SPACE.mutate(graph, np.random.default_rng(seed))
    around = SPACE.neighbors(graph)
    assert SPACE.is_valid(mutant).all()
    assert SPACE.is_valid(around).all()
    assert (mutant.ops != graph.ops).sum() == 1
    assert ((around.ops != graph.ops).sum(axis=1) == 1).all()
    assert len(np.unique(fingerprint(around))) == len(around) == 24
    assert fingerprint(mutant)[0] in fingerprint(around)


def test_mutation_reaches_every_neighbour_equally_often() -> None:
    start = ALL[[7] * 24_000]
    counts = np.unique(fingerprint(SPACE.mutate(start, np.random.default_rng(0))), return_counts=True)[1]
    assert len(counts) == 24
    assert (np.abs(counts - 1000) < 5 * math.sqrt(1000)).all()


def test_samples_are_distinct_and_uniform() -> None:
    graphs = SPACE.sample(4000, np.random.default_rng(0))
    assert len(np.unique(fingerprint(graphs))) == 4000
    shares = np.bincount(graphs.ops[:, 1:-1].ravel(), minlength=6)[1:] / (4000 * 6)
    assert np.abs(shares - 0.2).max() < 0.015
    assert np.array_equal(graphs.ops, SPACE.sample(4000, np.random.default_rng(0)).ops)
    with pytest.raises(InputError, match="15,625"):
        SPACE.sample(15_626, np.random.default_rng(0))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "|none~0|",
        "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|none~1|none~0|+|none~0|none~1|none~2|",
        "|input~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)
def test_malformed_architectures_get_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        SPACE.parse([text])
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_space() -> None:
    with pytest.raises(InputError, match="unknown search space 'nb'; known: "):
        get_space("nb")


def test_every_cell_is_listed_once() -> None:
    listed = {tuple(row) for row in ALL.ops[:, 1:-1].tolist()}
    assert listed == set(itertools.product(range(1, 6), repeat=6))
