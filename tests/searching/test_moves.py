"""Edits as steps between rows, and architectures as discrete decisions."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from arch2vec.embedding import Embedding
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.searching.decisions import UNMADE, decisions_of
from arch2vec.searching.moves import NONE, Moves, Rows, moves_of
from arch2vec.spaces import DeclaredSpace, SpaceDeclaration, get_space
from arch2vec.spaces.nasbench101.cells import in_topological_order
from search_helpers import chain, embed, some_of

FREE = DeclaredSpace(SpaceDeclaration("free", ("conv", "pool"), "vertices", vertices=5, max_edges=6))
SPACES = {
    "chain": lambda: embed(chain(4)),
    "free": lambda: embed(FREE),
    "nasbench201": lambda: embed(get_space("nasbench201")),
    "nasbench201-some": lambda: some_of("nasbench201", 3000),
    "nasbench101-some": lambda: some_of("nasbench101", 400),
    "darts-some": lambda: some_of("darts", 50),
}


@pytest.fixture(scope="module", params=sorted(SPACES))
def embedding(request: pytest.FixtureRequest) -> Embedding:
    return SPACES[request.param]()


def rows_by_dictionary(embedding: Embedding, graphs: GraphBatch) -> list[int]:
    known = {value: row for row, value in enumerate(fingerprint(embedding.graphs).tolist())}
    return [known.get(value, NONE) for value in fingerprint(graphs).tolist()]


def test_neighbours_are_those_of_the_space(embedding: Embedding) -> None:
    moves = moves_of(embedding)
    for row in range(0, len(embedding), max(1, len(embedding) // 12)):
        expected = rows_by_dictionary(embedding, embedding.space.neighbors(embedding.graphs[row]))
        distinct = [other for other in dict.fromkeys(expected) if other not in (NONE, row)]
        assert moves.neighbours(row).tolist() == distinct
        assert moves.neighbours(row) is moves.neighbours(row)


def test_explored_together_neighbours_are_the_same(embedding: Embedding) -> None:
    rows = list(range(0, len(embedding), max(1, len(embedding) // 12)))
    together, alone = Moves(embedding), Moves(embedding)
    together.explore([*rows, *rows[:2]])
    for row in rows:
        assert together.neighbours(row).tolist() == alone.neighbours(row).tolist()


def test_neighbours_of_each_are_those_of_one_after_the_other(embedding: Embedding) -> None:
    graphs = embedding.graphs[np.arange(0, len(embedding), max(1, len(embedding) // 12))]
    found, origin = embedding.space.neighbors_of_each(graphs)
    for number in range(len(graphs)):
        alone = embedding.space.neighbors(graphs[number])
        np.testing.assert_array_equal(found[origin == number].ops, alone.ops)
        np.testing.assert_array_equal(found[origin == number].adjacency, alone.adjacency)
    np.testing.assert_array_equal(origin, np.sort(origin))


def test_mutants_are_the_spaces_own_mutations(embedding: Embedding) -> None:
    moves = moves_of(embedding)
    for row in range(0, len(embedding), max(1, len(embedding) // 5)):
        mutated = embedding.space.mutate(embedding.graphs[np.full(9, row)], np.random.default_rng(row))
        assert moves.mutants(row, 9, np.random.default_rng(row)).tolist() == rows_by_dictionary(embedding, mutated)


def test_every_neighbour_in_nasbench201_is_there() -> None:
    moves = moves_of(embed(get_space("nasbench201")))
    assert all(len(moves.neighbours(row)) == 24 for row in range(0, 15_625, 997))


def test_rows_do_not_depend_on_numbering() -> None:
    space = get_space("nasbench101")
    graphs = space.sample(200, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    renumbered = []
    for ops, adjacency in zip(graphs.ops, graphs.adjacency, strict=True):
        inner = int((ops != PADDING).sum()) - 1
        order = np.arange(len(ops))
        order[1:inner] = rng.permutation(order[1:inner])
        shuffled = GraphBatch(ops[order][None], adjacency[np.ix_(order, order)][None])
        renumbered.append(in_topological_order(shuffled))
    batch = GraphBatch.concatenate(renumbered)
    assert (batch.adjacency != graphs.adjacency).any()
    np.testing.assert_array_equal(Rows(graphs).find(batch), np.arange(200))
    np.testing.assert_array_equal(Rows(graphs[50:]).find(batch[:50]), NONE)


def test_all_searches_share_them_and_they_go_with_the_embedding() -> None:
    embedding = some_of("nasbench201", 20)
    assert moves_of(embedding) is moves_of(embedding)
    assert decisions_of(embedding) is decisions_of(embedding)
    kept = weakref.ref(embedding), weakref.ref(moves_of(embedding)), weakref.ref(decisions_of(embedding))
    del embedding
    gc.collect()
    assert [reference() for reference in kept] == [None, None, None]


class TestDecisions:
    def test_each_architectures_choices_make_it(self, embedding: Embedding) -> None:
        decisions = decisions_of(embedding)
        made = np.where(decisions.choices == UNMADE, 0, decisions.choices)
        np.testing.assert_array_equal(decisions.rows(made), np.arange(len(embedding)))
        np.testing.assert_array_equal(decisions.has_unmade, (decisions.choices == UNMADE).any(axis=0))

    def test_what_they_are_in_the_published_spaces(self) -> None:
        assert decisions_of(embed(get_space("nasbench201"))).sizes.tolist() == [5] * 6
        cells = some_of("nasbench101", 2000)
        smallest = cells.space.parse(["01;00|input,output"])
        # Where every cell has an inner vertex, the first of them is sure to read the input.
        assert decisions_of(cells).sizes.tolist() == [3] * 5 + [2] * 20
        assert decisions_of(embed(cells.space, GraphBatch.concatenate([cells.graphs, smallest]))).sizes.tolist() == (
            [3] * 5 + [2] * 21
        )

    def test_idle_vertices_are_removed(self) -> None:
        embedding = embed(FREE)
        decisions = decisions_of(embedding)
        rng = np.random.default_rng(0)
        choices = rng.integers(decisions.sizes, size=(300, len(decisions.sizes)))
        rows = decisions.rows(choices)
        edges = [(i, j) for i in range(5) for j in range(i + 1, 5)]
        for picked, row in zip(choices.tolist(), rows.tolist(), strict=True):
            there = {edge for edge, present in zip(edges, picked[3:], strict=True) if present}
            reached, reaching = {0}, {4}
            for _ in range(5):
                reached |= {j for i, j in there if i in reached}
                reaching |= {i for i, j in there if j in reaching}
            kept = sorted(reached & reaching)
            inside = [(i, j) for i, j in there if i in kept and j in kept]
            if 4 not in reached or len(inside) > 6:
                assert row == NONE
                continue
            matrix = [";".join("".join(str(int((i, j) in inside)) for j in kept) for i in kept)]
            names = ["input" if v == 0 else "output" if v == 4 else ("conv", "pool")[picked[v - 1]] for v in kept]
            assert row == embedding.index_of(f"{matrix[0]}|{','.join(names)}")
