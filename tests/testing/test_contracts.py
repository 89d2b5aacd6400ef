"""The package's own spaces, representations and objectives keep the public rules, and broken ones are told so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.function import FunctionObjective
from arch2vec.objectives.spec import resolve_objective
from arch2vec.representations.spec import resolve_representation
from arch2vec.searching.base import SearchMethod
from arch2vec.spaces import DeclaredSpace, ListedSpace, SearchSpace, SpaceDeclaration, get_space
from arch2vec.testing import (
    OBJECTIVE_RULES,
    REPRESENTATION_RULES,
    SPACE_RULES,
    BrokenRule,
    cells,
    chains,
    check_method,
    check_objective,
    check_representation,
    check_space,
)
from arch2vec.testing import title as title_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SPACES = ("nasbench201", "nasbench101", "darts", "darts_pair", "free", "edges", "listed")


class Row(ListedSpace):
    """Four layers in a row."""

    name = "row"
    operations: tuple[str, ...] = ("input", "conv", "pool", "skip", "output")

    @override
    def listed(self) -> tuple[Sequence[str], GraphBatch]:
        rows = list(product((1, 2, 3), repeat=4))
        graphs = GraphBatch.of([(0, *row, 4) for row in rows], [np.eye(6, k=1, dtype=np.bool_)] * len(rows))
        return ["-".join(self.operations[code] for code in row) for row in rows], graphs


@cache
def space_of(name: str) -> SearchSpace:
    if name == "free":
        return get_space(str(EXAMPLES / "my_space.yaml"))
    if name == "edges":
        edges = ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3))
        some = {"0-3": ("skip", "none")}
        operations = ("conv3x3", "conv5x5", "skip", "none")
        kinds: dict[str, Any] = {"skip": ("skip",), "zero": ("none",)}
        return DeclaredSpace(
            SpaceDeclaration("edges", operations, "edges", nodes=4, edges=edges, allowed=some, **kinds)
        )
    return Row() if name == "listed" else get_space(name)


@pytest.mark.parametrize("rule", SPACE_RULES, ids=lambda rule: str(rule.__name__))
@pytest.mark.parametrize("name", SPACES)
def test_spaces(name: str, rule: Callable[[SearchSpace], None]) -> None:
    rule(space_of(name))


@pytest.mark.parametrize("rule", REPRESENTATION_RULES, ids=lambda rule: str(rule.__name__))
@pytest.mark.parametrize("space", ["nasbench201", "free"])
@pytest.mark.parametrize("name", ["structure", "structure?groups=paths%2Cwalks%2Cneighbours", "adjacency", "path"])
def test_representations(name: str, space: str, rule: Callable[..., None]) -> None:
    rule(resolve_representation(name), space_of(space))


@pytest.mark.parametrize("rule", OBJECTIVE_RULES, ids=lambda rule: str(rule.__name__))
@pytest.mark.parametrize("name", ["digits-201", "digits-201?seed=random&noise_seed=search", "own"])
def test_objectives(name: str, rule: Callable[..., None]) -> None:
    rule(objective_of(name), cells(6))


@cache
def objective_of(name: str) -> Objective:
    return FunctionObjective(len, "own") if name == "own" else resolve_objective(name)


def test_rules_say_what_they_are() -> None:
    for rules in (SPACE_RULES, REPRESENTATION_RULES, OBJECTIVE_RULES):
        titles = [title_of(rule) for rule in rules]
        assert len(set(titles)) == len(rules) and all(" " in title for title in titles)


class Broken(SearchMethod):
    """A method with one of several faults."""

    name = "broken"
    drawn = 0

    def __init__(self, embedding: Embedding, *, seed: int, fault: str) -> None:
        super().__init__(embedding, seed=seed)
        self.fault = fault

    @override
    def propose(self, n: int) -> Sequence[int]:
        free = self.uncovered()
        free = free[np.unique(self._function[free], return_index=True)[1]]  # one of each function
        if self.fault == "failures" and any(value != value for _, value in self.told):
            raise ZeroDivisionError("a mean of nothing")
        if self.fault == "global":
            return np.random.permutation(free)[:n].tolist()  # noqa: NPY002
        if self.fault == "seed":
            return np.random.default_rng().permutation(free)[:n].tolist()
        if self.fault == "state":  # what it counts is not in its state
            self.drawn += 1
            return np.roll(free, self.drawn)[:n].tolist()
        if self.fault == "visited":
            return [0] * n
        return self.draw(n)


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("failures", "search method broken.*A failed evaluation.*ZeroDivisionError: a mean of nothing"),
        ("global", "No draw is from a generator.*numpy.random|The same seed"),
        ("seed", "The same seed and values give the same proposals"),
        ("state", "goes on from its stored state.*proposal"),
        ("visited", "proposed row 0 though it"),
    ],
)
def test_a_broken_method_is_told_which_rule(fault: str, line: str) -> None:
    with pytest.raises(BrokenRule, match=line) as caught:
        check_method(partial(Broken, fault=fault))
    assert "\n" not in str(caught.value)


def test_a_sound_method_passes() -> None:
    check_method(partial(Broken, fault=""), cells(80))


class Directed(Row):
    """Its neighbours are those after it."""

    @override
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        row = self.format(self.enumerate()).index(self.format(graph)[0])
        return self.enumerate()[[(row + 1) % 81]]


class Loose(Row):
    """Takes every text for the first architecture."""

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        return super().parse([text if text.count("-") == 3 else "conv-conv-conv-conv" for text in architectures])


class Sticking(Row):
    """Some mutants are what they come from."""

    @override
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        return graphs


class Biased(Row):
    """Labels that depend on the batch."""

    @override
    def function_classes(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        return np.arange(len(graphs), dtype=np.uint64)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Directed, "has the neighbour '.*', which has not"),
        (Loose, "'' is read|'no architecture' is read"),
        (Sticking, "mutants are what they come from"),
        (Biased, "labels depend on"),
    ],
)
def test_a_broken_space_is_told_which_rule(kind: type[Row], line: str) -> None:
    check_space(Row())
    with pytest.raises(BrokenRule, match=line):
        check_space(kind())


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ((["a", "a"], 2), "lists an architecture twice"),
        ((["a"], 2), "lists 1 texts and 2 graphs"),
        (([], 0), "lists 0 texts and 0 graphs"),
    ],
)
def test_a_list_that_is_wrong_is_refused(rows: tuple[list[str], int], line: str) -> None:
    class Wrong(Row):
        @override
        def listed(self) -> tuple[Sequence[str], GraphBatch]:
            return rows[0], Row().enumerate()[: rows[1]]

    with pytest.raises(InputError, match=line):
        Wrong()

    class Unknown(Row):
        operations = ("input", "conv")

        @override
        def listed(self) -> tuple[Sequence[str], GraphBatch]:
            return Row().format(Row().enumerate()), Row().enumerate()

    with pytest.raises(InputError, match="lists operation 4; it has 2"):
        Unknown()


def of_the_batch(graphs: GraphBatch) -> NDArray[np.float64]:
    return graphs.ops / max(1, len(graphs))


def constant(graphs: GraphBatch) -> NDArray[np.float64]:
    return np.ones((len(graphs), 2))


def random_numbers(graphs: GraphBatch) -> NDArray[np.float64]:
    return np.random.default_rng().normal(size=(len(graphs), 2))


def growing(graphs: GraphBatch) -> NDArray[np.uint8]:
    return graphs.ops[:, : 3 + len(graphs) % 2]


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (of_the_batch, "numbers differ in a batch of 1"),
        (constant, "all architectures have the same numbers"),
        (random_numbers, "the numbers differ between two calls"),
        (growing, "has the groups"),
    ],
)
def test_a_broken_representation_is_told_which_rule(function: Callable[..., object], line: str) -> None:
    with pytest.raises(BrokenRule, match=line):
        check_representation(function, chains().space)


class Wrong(Objective):
    """An objective with one of several faults."""

    name, description = "wrong", "made up"
    space: str | None = None

    def __init__(self, fault: str) -> None:
        self.fault, self.calls = fault, 0
        self.unit = "" if fault == "negative" else "%"
        self.lock = None if fault != "unsendable" else threading.Lock()

    @property
    @override
    def identity(self) -> dict[str, str]:
        return {"measured": str(self.calls) if self.fault == "identity" else "made up"}

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        self.calls += 1
        value = 50.0 + architecture.count("none")
        if self.fault == "unsteady":
            value += self.calls / 10
        if self.fault == "percent":
            value *= 3
        return Outcome(value, value - (self.fault != "test"), -1.0 if self.fault == "negative" else 1.0)


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("unsteady", "is worth .* and then"),
        ("percent", "is said to be a percentage"),
        ("negative", "an evaluation cost -1.0 s"),
        ("test", "validation and test are the same numbers; say so"),
        ("identity", "its marks change"),
        ("unsendable", "cannot be sent to another process"),
    ],
)
def test_a_broken_objective_is_told_which_rule(fault: str, line: str) -> None:
    with pytest.raises(BrokenRule, match=line):
        check_objective(Wrong(fault))


def test_a_sound_objective_passes() -> None:
    check_objective(Wrong(""))
