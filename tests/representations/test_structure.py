"""Function graphs, sweeps and structure vectors against paths that are written out one by one."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch2vec
from arch2vec.cli.main import main
from arch2vec.embedding import Embedding
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.function import function_graphs
from arch2vec.graphs.sweeps import NONE, at_outputs, count_paths, extremes, totals, walk_moments, walks
from arch2vec.representations.features import Features
from arch2vec.representations.structure import GROUPS, structure
from arch2vec.spaces import DARTS, DARTSPair, DeclaredSpace, NASBench101, NASBench201, SearchSpace, SpaceDeclaration
from arch2vec.spaces.roles import guess_weighted
from graph_strategies import dags
from one_line import error_of

SKIP, ZERO = 1, 2


@st.composite
def cells(draw: st.DrawFn) -> GraphBatch:
    """One graph whose inputs and outputs are neither skips nor zeros."""
    graph = draw(dags())
    inner = graph.adjacency.any(axis=1) & graph.adjacency.any(axis=2)
    return GraphBatch(np.where(graph.mask & ~inner, 3, graph.ops).astype(np.uint8), graph.adjacency)


def paths_of(ops: list[int], adjacency: np.ndarray, skip: set[int], zero: set[int]) -> list[tuple[int, ...]]:
    """Every path from a vertex without predecessor to one without successor, by recursion, without skips and zeros."""
    there = [vertex for vertex, code in enumerate(ops) if code != PADDING]
    starts = [vertex for vertex in there if not adjacency[:, vertex].any()]
    ends = {vertex for vertex in there if not adjacency[vertex].any()}

    def onwards(vertex: int) -> list[tuple[int, ...]]:
        if ops[vertex] in zero:
            return []
        if vertex in ends:
            return [(vertex,)]
        following = np.flatnonzero(adjacency[vertex]).tolist()
        return [(vertex, *rest) for reader in following for rest in onwards(reader)]

    found = [path for start in starts for path in onwards(start)]
    return [
        tuple(v for place, v in enumerate(path) if ops[v] not in skip or place in (0, len(path) - 1)) for path in found
    ]


@settings(max_examples=60, deadline=None)
@given(cells(), st.booleans(), st.booleans())
def test_sweeps_are_sums_over_paths(graphs: GraphBatch, with_skip: bool, with_zero: bool) -> None:
    skip, zero = {SKIP} if with_skip else set(), {ZERO} if with_zero else set()
    function = function_graphs(graphs, skip, zero)
    weights = np.stack([function.ops == 3, function.ops < 4], axis=1)
    paths = count_paths(function)
    number, total = at_outputs(function, paths), totals(function, weights, paths)
    least, most = extremes(function, weights)
    for row in range(len(graphs)):
        ops = graphs.ops[row].tolist()
        found = paths_of(ops, graphs.adjacency[row], skip, zero)
        counts = [[sum(ops[v] == 3 for v in path), sum(ops[v] < 4 for v in path)] for path in found]
        assert number[row] == len(found)
        np.testing.assert_allclose(total[:, row], np.sum(counts, axis=0) if found else [0, 0])
        np.testing.assert_allclose(least[:, row], np.min(counts, axis=0) if found else [NONE, NONE])
        np.testing.assert_allclose(most[:, row], np.max(counts, axis=0) if found else [NONE, NONE])


@settings(max_examples=40, deadline=None)
@given(cells())
def test_walks_are_probabilities(graphs: GraphBatch) -> None:
    """Shares of backward walks against those of paths, each as likely as its steps."""
    function = function_graphs(graphs, {SKIP}, {ZERO})
    passed, steps = walks(function, forwards=False)
    weights = (function.ops == 3)[:, None]
    mean, deviation = walk_moments(function, weights)
    for row in range(len(graphs)):
        ops, edges = graphs.ops[row].tolist(), function.edges[:, :, row]
        ends = np.flatnonzero(function.ends[:, row])
        found = Counter(paths_of(ops, graphs.adjacency[row], {SKIP}, {ZERO}))
        shares, collected = np.zeros(len(ops)), []
        for path, times in found.items():
            chance = times / len(ends)
            # `times` is the product of the multiplicities of the path's edges.
            for target in path[1:]:
                chance /= edges[:, target].sum()
            for vertex in path:
                shares[vertex] += chance
            collected.append((chance, sum(ops[v] == 3 for v in path)))
        reached = function.edges[:, ends, row].sum(axis=0) > 0
        shares[ends[~reached]] = 1 / len(ends)  # a walk that has nowhere to go stays
        np.testing.assert_allclose(passed[:, row], shares, atol=1e-5)
        np.testing.assert_allclose(steps[:, :, row].sum(axis=1), passed[:, row] * ~function.ends[:, row], atol=1e-5)
        if reached.all() and found:
            average = sum(chance * value for chance, value in collected)
            square = sum(chance * value**2 for chance, value in collected)
            np.testing.assert_allclose(mean[0, row], average, atol=1e-5)
            np.testing.assert_allclose(deviation[0, row] ** 2, square - average**2, atol=1e-4)


SPACES: list[SearchSpace] = [
    NASBench201(),
    NASBench101(),
    DARTS(),
    DARTSPair(),
    DeclaredSpace(
        SpaceDeclaration(
            name="edges",
            operations=("conv", "pool", "skip", "zero"),
            carries="edges",
            nodes=4,
            edges=((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)),
            skip=("skip",),
            zero=("zero",),
        )
    ),
    DeclaredSpace(
        SpaceDeclaration(
            name="free", operations=("linear", "relu", "skip"), carries="vertices", vertices=5, max_edges=7
        )
    ),
    DeclaredSpace(
        SpaceDeclaration(
            name="chain",
            operations=tuple(f"layer{number}" for number in range(20)),
            carries="vertices",
            vertices=16,
            edges=tuple((vertex, vertex + 1) for vertex in range(15)),
            weights=("layer3", "layer4"),
        )
    ),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_columns_depend_on_the_space_alone(space: SearchSpace) -> None:
    graphs = space.sample(40, np.random.default_rng(0))
    whole = structure(graphs, space)
    assert np.isfinite(whole.values).all()
    assert set(dict(whole.groups)) <= set(GROUPS)
    alone = structure(graphs[7], space)
    assert alone.names == whole.names
    np.testing.assert_allclose(alone.values[0], whole.values[7], rtol=1e-6)
    none = structure(graphs[np.arange(0)], space)
    assert none.values.shape == (0, len(whole.names))
    for group, size in whole.groups:
        assert structure(graphs, space, [group]).values.shape == (40, size)


@pytest.mark.parametrize("space", [SPACES[0], SPACES[4]], ids=lambda space: space.name)
def test_equal_functions_have_equal_structure(space: SearchSpace) -> None:
    """But for costs, which count what leads nowhere, and for positions."""
    graphs = space.sample(600, np.random.default_rng(1))
    values = structure(graphs, space, ["paths"]).values
    _, first, function = np.unique(space.function_classes(graphs), return_index=True, return_inverse=True)
    assert len(first) < len(graphs)
    np.testing.assert_allclose(values, values[first][function], rtol=1e-5)


def test_numbers_of_a_known_cell() -> None:
    space = NASBench201()
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
    known = structure(space.parse([text]), space, ["paths"])
    number = dict(zip(known.names, known.values[0].tolist(), strict=True))
    # Paths: pool; 3x3 then 1x1; 3x3 then skip, skip.
    assert number["paths: paths"] == 3
    assert number["paths: paths without weights"] == 1
    assert number["paths: nor_conv_3x3 on all paths"] == 2
    assert number["paths: most weighted on a path"] == 2
    assert number["paths: fewest operations on a path"] == 1


def test_isomorphic_cells_have_equal_structure() -> None:
    space = NASBench101()
    texts = [
        "01100;00010;00010;00001;00000|input,conv1x1-bn-relu,maxpool3x3,conv3x3-bn-relu,output",
        "01100;00010;00010;00001;00000|input,maxpool3x3,conv1x1-bn-relu,conv3x3-bn-relu,output",
    ]
    first, second = structure(space.parse(texts), space).values
    np.testing.assert_allclose(first, second)


def test_vectors_need_no_run() -> None:
    texts = ["|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"]
    found = arch2vec.vectors("nasbench201", texts)
    np.testing.assert_array_equal(arch2vec.vectors("nasbench201", texts[0]), found)
    everything = arch2vec.structure_embedding(NASBench201())
    np.testing.assert_allclose(everything.vectors[everything.index_of(texts[0])], found[0])
    assert dict(everything.subset([1, 2]).groups) == dict(everything.groups)


@pytest.mark.parametrize("role", ["skip", "zero"])
def test_spaces_where_nothing_computes(role: str) -> None:
    space = DeclaredSpace(SpaceDeclaration("x", ("a",), "vertices", vertices=5, max_edges=6, **{role: ["a"]}))  # type: ignore[arg-type]
    embedding = arch2vec.structure_embedding(space)
    functions = len(set(embedding.function_classes.tolist()))
    assert len(np.unique(embedding.vectors, axis=0)) == functions
    assert arch2vec.search(embedding, len, budget=functions).evaluations == functions


def test_unknown_groups_and_wrong_graphs_are_named() -> None:
    space = NASBench201()
    graphs = space.sample(2, np.random.default_rng(0))
    assert "'path'" in error_of(lambda: structure(graphs, space, ["path"]))
    assert "no architectures of darts" in error_of(lambda: structure(graphs, DARTS()))
    known = structure(graphs, space)
    assert known.chosen(["costs"]).values.shape == (2, 2)
    assert "no group 'learned'" in error_of(lambda: known.chosen(["learned"]))
    assert "none of these groups" in error_of(lambda: Features.of({"a": (np.empty((3, 0)), [])}))


def test_weighted_operations_are_declared_or_sound_like_it() -> None:
    assert guess_weighted(["conv3x3", "max_pool", "Linear", "relu", "skip", "mbconv6"]) == [
        "conv3x3",
        "Linear",
        "mbconv6",
    ]
    chain = SPACES[-1]
    assert [chain.operations[code] for code in chain.roles.weighted] == ["layer3", "layer4"]
    base = {"name": "s", "operations": ("a", "skip"), "carries": "vertices", "vertices": 3, "edges": ((0, 1), (1, 2))}
    wrong = error_of(lambda: SpaceDeclaration(**base, skip=("skip",), weights=("skip",)))  # type: ignore[arg-type]
    assert "weights" in wrong
    assert "weights" in error_of(lambda: SpaceDeclaration(**base, weights=("b",)))  # type: ignore[arg-type]


def test_every_pair_of_labels_is_counted_once() -> None:
    """Edge pairs of the neighbours sum up to the number of edges."""
    space = NASBench101()
    graphs = space.sample(200, np.random.default_rng(3))
    known = structure(graphs, space, ["neighbours"])
    pairs = [column for column, name in enumerate(known.names) if " edges" in name]
    assert len(pairs) == len(list(itertools.product(space.operations, repeat=2)))
    np.testing.assert_array_equal(known.values[:, pairs].sum(axis=1), graphs.adjacency.sum(axis=(1, 2)))


def test_the_command_line_needs_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "chain.yaml"
    file.write_text(
        "{name: chain4, carries: vertices, operations: [relu, tanh, skip], vertices: 6, "
        "edges: [[0,1],[1,2],[2,3],[3,4],[4,5]], skip: [skip]}"
    )
    vectors = tmp_path / "vectors.parquet"
    assert main(["embed", str(file), "--out", str(vectors), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["architectures"] == 81
    stored = Embedding.load(vectors)
    assert dict(stored.groups) == dict(arch2vec.structure_embedding(stored.space).groups)
    own = tmp_path / "own.py"
    own.write_text("def worth(architecture):\n    return float(architecture.count('tanh'))\n")
    for source in (file, vectors):
        assert main(["search", str(source), "--objective", f"python:{own}:worth", "--budget", "12", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["best"]["validation"] == 4
    assert main(["embed", str(vectors)]) == 2
    assert "holds vectors already" in capsys.readouterr().err
    assert main(["search", "nasbench20", "--objective", f"python:{own}:worth"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
