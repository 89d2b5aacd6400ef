"""The DARTS space of a normal and a reduction cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.darts.cost import IMAGENET, count_cost
from arch2vec.spaces.darts.notation import EXAMPLE
from arch2vec.spaces.darts.pair import DARTSPair
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES
from arch2vec.spaces.darts.space import DARTS

SPACE = DARTSPair()


def equal(first: GraphBatch, second: GraphBatch) -> bool:
    return np.array_equal(first.ops, second.ops) and np.array_equal(first.adjacency, second.adjacency)


def some(n: int, seed: int = 0) -> GraphBatch:
    return SPACE.sample(n, np.random.default_rng(seed))


def test_published_genotypes_are_read_and_written() -> None:
    texts = list(PUBLISHED_GENOTYPES.values())
    graphs = SPACE.parse(texts)
    assert SPACE.is_valid(graphs).all()
    assert SPACE.to_genotype(graphs) == [text.replace("[2, 3, 4, 5]", "range(2, 6)") for text in texts]
    assert SPACE.parse(["+".join([EXAMPLE, EXAMPLE])]).ops.shape == (1, 22)
    normal, reduce = SPACE.format(SPACE.parse([PUBLISHED_GENOTYPES["DARTS_V2"]]))[0].split("+")
    assert normal == EXAMPLE
    assert reduce.startswith("max_pool_3x3~0|max_pool_3x3~1|skip_connect~2|")


def test_surrogate_benchmark_pairs_are_read_and_written(shared_data: Path) -> None:
    table = pd.read_parquet(shared_data / "nasbench301_surrogate_10k.parquet").head(2000)
    texts = (table["normal"] + "+" + table["reduce"]).tolist()
    graphs = SPACE.parse(texts)
    assert SPACE.format(graphs) == texts
    assert equal(SPACE.parse(SPACE.to_genotype(graphs)), graphs)


def test_both_cells_are_in_the_graph() -> None:
    graphs = some(50)
    GraphBatch.of(graphs.ops, graphs.adjacency)
    normal, reduce = SPACE.split(graphs)
    assert equal(SPACE.join(normal, reduce), graphs)
    assert graphs.adjacency.sum() == normal.adjacency.sum() + reduce.adjacency.sum()
    assert DARTS().format(normal) == [text.split("+")[0] for text in SPACE.format(graphs)]
    assert DARTS().format(reduce) == [text.split("+")[1] for text in SPACE.format(graphs)]


def test_exchanging_the_cells_is_another_architecture() -> None:
    graphs = some(50)
    normal, reduce = SPACE.split(graphs)
    exchanged = SPACE.join(reduce, normal)
    assert not (fingerprint(graphs) == fingerprint(exchanged)).any()
    assert not (SPACE.function_classes(graphs) == SPACE.function_classes(exchanged)).any()


def test_samples_are_distinct_valid_and_repeatable() -> None:
    graphs = some(3000)
    assert SPACE.is_valid(graphs).all()
    assert SPACE.is_valid_as_released(graphs).all()
    assert len(np.unique(fingerprint(graphs))) == len(np.unique(SPACE.function_classes(graphs))) == 3000
    assert equal(graphs, some(3000))
    assert not equal(graphs, some(3000, seed=1))
    assert len(some(0)) == 0


def test_sampling_under_a_limit_on_multiply_adds() -> None:
    graphs = DARTSPair(max_macs=450_000_000).sample(500, np.random.default_rng(0))
    assert (count_cost(*SPACE.split(graphs), skeleton=IMAGENET).macs < 450_000_000).all()
    with pytest.raises(InputError, match="too many to list"):
        SPACE.enumerate()


def test_an_edge_between_the_cells_makes_a_graph_invalid() -> None:
    graphs = some(121)
    adjacency = graphs.adjacency.copy()
    rows, columns = np.divmod(np.arange(121), 11)
    adjacency[np.arange(121), rows, columns + 11] = True
    assert not SPACE.is_valid(GraphBatch(graphs.ops, adjacency)).any()
    ops = graphs.ops.copy()
    ops[:, -1] = 10
    assert not SPACE.is_valid(GraphBatch(ops, graphs.adjacency)).any()
    assert not SPACE.is_valid_as_released(GraphBatch(ops, graphs.adjacency)).any()
    assert not SPACE.is_valid(DARTS().parse([EXAMPLE])).any()


def test_mutations_and_neighbors_are_single_edits_of_one_cell() -> None:
    graph = some(1)
    text = SPACE.format(graph)[0]

    def edits(other: str) -> list[int]:
        return [
            sum(
                x != y
                for a, b in zip(first.split("|"), second.split("|"), strict=True)
                for x, y in zip(a, b, strict=False)
            )
            if first != second
            else 0
            for first, second in zip(text.split("+"), other.split("+"), strict=True)
        ]

    neighbors = SPACE.format(SPACE.neighbors(graph))
    assert len(set(neighbors)) == 120
    assert all((edits(other)[1] == 0) == (position < 60) for position, other in enumerate(neighbors))
    many = SPACE.parse([text] * 3000)
    mutated = SPACE.mutate(many, np.random.default_rng(0))
    assert set(SPACE.format(mutated)) <= set(neighbors)
    in_normal = np.mean([edits(other)[1] == 0 for other in SPACE.format(mutated)])
    assert 0.45 < in_normal < 0.55


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EXAMPLE, "one looks like"),
        ("+".join([EXAMPLE] * 3), "one looks like"),
        (EXAMPLE + "+", "one looks like"),
        (EXAMPLE + "+" + EXAMPLE.replace("dil_conv", "conv"), "unknown operation"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        SPACE.parse([text])
    assert "\n" not in str(caught.value)


def test_joining_unequal_numbers_is_refused() -> None:
    cells = DARTS().parse([EXAMPLE] * 2)
    with pytest.raises(InputError, match="2 normal cells need as many"):
        SPACE.join(cells, cells[:1])
    with pytest.raises(InputError, match="no architecture of darts"):
        SPACE.join(cells, GraphBatch(cells.ops, ~cells.adjacency))
