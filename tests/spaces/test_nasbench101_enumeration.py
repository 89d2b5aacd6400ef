"""The list of all NAS-Bench-101 cells against brute force and the published table."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nasbench101_reference as slow
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.nasbench101 import enumeration
from arch2vec.spaces.nasbench101.edits import EDGE, OPERATION, NASBench101Edits, apply
from arch2vec.spaces.nasbench101.hashes import module_digests, order_of
from arch2vec.spaces.nasbench101.space import NASBench101
from nasbench101_reference import Cell


@pytest.fixture(scope="module")
def fresh() -> GraphBatch:
    """The list computed in this run, whatever is on disk."""
    return enumeration.enumerate_cells()


def every_cell(n: int) -> list[Cell]:
    """All cells of n vertices, isomorphic ones several times."""
    pairs = list(itertools.combinations(range(n), 2))
    result = []
    for chosen in itertools.product((False, True), repeat=len(pairs)):
        edges = frozenset(itertools.compress(pairs, chosen))
        unlabelled: Cell = ((0, *[1] * (n - 2), 4), edges)
        if len(edges) <= 9 and slow.pruned(unlabelled) == unlabelled:
            result += [((0, *inner, 4), edges) for inner in itertools.product((1, 2, 3), repeat=n - 2)]
    return result


def canonical(cell: Cell) -> tuple[object, ...]:
    """Equal exactly for isomorphic cells: the least of all numberings that keep input and output."""
    ops, edges = cell
    n = len(ops)
    return min(
        (tuple(ops[old] for old in (0, *inner, n - 1)), tuple(sorted((number[i], number[j]) for i, j in edges)))
        for inner in itertools.permutations(range(1, n - 1))
        for number in [{old: new for new, old in enumerate((0, *inner, n - 1))}]
    )


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_equals_brute_force(n: int) -> None:
    brute = every_cell(n)
    graphs = enumeration.enumerate_cells(n)
    listed = [cell for cell in slow.from_graphs(graphs) if len(cell[0]) == n]
    assert {slow.hash_of(cell) for cell in listed} == {slow.hash_of(cell) for cell in brute}
    forms = [canonical(cell) for cell in listed]
    assert len(set(forms)) == len(forms)
    assert set(forms) == {canonical(cell) for cell in brute}


def test_published_number_of_cells(fresh: GraphBatch) -> None:
    assert len(fresh) == 423_624
    assert len(np.unique(fingerprint(fresh))) == 423_624
    assert NASBench101().is_valid(fresh).all()
    sizes, counts = np.unique(fresh.mask.sum(axis=1), return_counts=True)
    assert dict(zip(sizes.tolist(), counts.tolist(), strict=True)) == {
        2: 1,
        3: 6,
        4: 84,
        5: 2441,
        6: 62010,
        7: 359082,
    }


def test_listed_order_is_that_of_the_hashes(fresh: GraphBatch) -> None:
    space = NASBench101()
    listed = space.enumerate()
    np.testing.assert_array_equal(np.sort(fingerprint(listed)), np.sort(fingerprint(fresh)))
    rows = np.sort(np.random.default_rng(0).choice(len(listed), size=300, replace=False))
    hashes = [slow.hash_of(cell) for cell in slow.from_graphs(listed[rows])]
    assert hashes == sorted(hashes)
    assert hashes == space.module_hashes(listed[rows])


def test_enumerations_are_independent_copies() -> None:
    space = NASBench101()
    space.enumerate().ops[:] = 0
    assert space.is_valid(space.enumerate()[:1000]).all()


def test_order_of_sorts_as_text_does() -> None:
    digests = np.random.default_rng(0).integers(0, 256, size=(50, 16), dtype=np.uint8)
    digests[:20, :8] = digests[20:40, :8]  # equal first halves
    texts = [digest.tobytes().hex() for digest in digests]
    assert [texts[row] for row in order_of(digests)] == sorted(texts)


def test_rows_are_those_of_the_published_table(shared_data: Path) -> None:
    table = pd.read_parquet(shared_data / "nasbench101.parquet", columns=["hash", "adjacency", "ops"])
    space = NASBench101()
    listed = space.enumerate()
    assert space.format(listed) == (table["adjacency"] + "|" + table["ops"]).tolist()
    rows = np.random.default_rng(0).choice(len(table), size=2000, replace=False)
    assert space.module_hashes(listed[rows]) == table["hash"].iloc[rows].tolist()


@pytest.mark.slow
def test_all_hashes_are_those_of_the_published_table(fresh: GraphBatch, shared_data: Path) -> None:
    published = pd.read_parquet(shared_data / "nasbench101.parquet", columns=["hash"])["hash"].tolist()
    digests = module_digests(fresh)
    order = order_of(digests)
    assert [digest.tobytes().hex() for digest in digests[order]] == published
    listed = NASBench101().enumerate()
    np.testing.assert_array_equal(fresh.ops[order], listed.ops)
    np.testing.assert_array_equal(fresh.adjacency[order], listed.adjacency)


@pytest.mark.slow
def test_every_cell_can_be_reached_from_every_other() -> None:
    """Already by removals, and what undoes them: an added edge, or a new vertex with one edge in and one out."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    space = NASBench101()
    listed = space.enumerate()
    sources, targets = [], []
    for i, j in itertools.combinations(range(7), 2):
        rows = np.flatnonzero(listed.adjacency[:, i, j])
        zeros = np.zeros(len(rows), dtype=np.int64)
        edited, valid = apply(listed[rows], NASBench101Edits(zeros + EDGE, zeros + i, zeros + j, zeros + OPERATION))
        before, after = listed[rows[valid]], edited[valid]
        found = space.index_of(after)
        assert (found >= 0).all()
        lost_vertices = before.mask.sum(axis=1) - after.mask.sum(axis=1)
        lost_edges = before.adjacency.sum(axis=(1, 2)) - after.adjacency.sum(axis=(1, 2))
        undone = (lost_vertices == 0) | ((lost_vertices == 1) & (lost_edges == 2))
        sources += [rows[valid], found[undone]]
        targets += [found, rows[valid][undone]]
    ends = (np.concatenate(sources), np.concatenate(targets))
    steps = coo_matrix((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(len(listed), len(listed)))
    assert connected_components(steps.tocsr(), directed=True, connection="strong")[0] == 1
