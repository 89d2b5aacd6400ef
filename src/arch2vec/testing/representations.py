"""The rules of a representation. Each takes a representation and a space to try it on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch
from arch2vec.representations.base import Representation
from arch2vec.representations.features import Features
from arch2vec.representations.spec import AnyRepresentation, resolve_representation
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.testing.rules import check_all, global_randomness_untouched, require

_SOME = 60
_RELATIVE, _ABSOLUTE = 1e-4, 1e-5  # sums in another order


def check_representation(representation: AnyRepresentation, space: SearchSpace | str = "nasbench201") -> None:
    """Check all :data:`REPRESENTATION_RULES`.

    >>> from arch2vec.testing import check_representation
    >>> check_representation("structure?groups=paths")

    Args:
        representation: a name, ``python:FILE:FUNCTION``, or a function.
        space: to try it on.

    Raises:
        BrokenRule: for the first rule that is broken.
    """
    kind = resolve_representation(representation)
    where = get_space(space)
    check_all(REPRESENTATION_RULES, f"representation {kind.name}", kind, where)


def _some(space: SearchSpace) -> GraphBatch:
    return space.sample(min(_SOME, space.size or _SOME), np.random.default_rng(0))


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return np.allclose(one, other, _RELATIVE, _ABSOLUTE)


def gives_named_numbers(kind: Representation, space: SearchSpace) -> None:
    """It gives finite numbers in named groups, a row an architecture."""
    graphs = _some(space)
    made = kind.features(graphs, space)
    require(isinstance(made, Features), f"features() gives a {type(made).__name__}")
    require(len(made.values) == len(graphs), f"{len(made.values)} rows for {len(graphs)} architectures")
    require(np.isfinite(made.values).all(), "a number is not finite")
    names = [name for name, _ in made.groups]
    require(len(set(names)) == len(names), "two groups have one name")


def tells_architectures_apart(kind: Representation, space: SearchSpace) -> None:
    """Not all architectures have the same numbers."""
    values = kind.features(_some(space), space).values
    require(len(values) < 2 or len(np.unique(values, axis=0)) > 1, "all architectures have the same numbers")


def gives_the_same_again(kind: Representation, space: SearchSpace) -> None:
    """The same architectures have the same numbers every time."""
    graphs = _some(space)
    one, other = (kind.features(graphs, space).values for _ in range(2))
    require(np.array_equal(one, other), "the numbers differ between two calls")


def does_not_depend_on_the_batch(kind: Representation, space: SearchSpace) -> None:
    """An architecture has the same numbers, and groups, in every batch and every order."""
    graphs = _some(space)
    made = kind.features(graphs, space)
    for rows in ([0], [len(graphs) - 1, 0], list(range(len(graphs)))[::-1]):
        part = kind.features(graphs[rows], space)
        require(part.groups == made.groups, f"a batch of {len(rows)} has the groups {part.groups}, not {made.groups}")
        require(
            _alike(part.values, made.values[rows]),
            f"numbers differ in a batch of {len(rows)}",
        )


def gives_functions_the_same(kind: Representation, space: SearchSpace) -> None:
    """Where it says so, architectures that compute the same function have the same numbers."""
    if not kind.same_for_functions:
        return
    graphs = space.sample(min(2_000, space.size or 2_000), np.random.default_rng(0))
    classes, values = space.function_classes(graphs), kind.features(graphs, space).values
    _, first, where = np.unique(classes, return_index=True, return_inverse=True)
    require(_alike(values, values[first[where]]), "two that compute the same have other numbers")


def leaves_graphs_alone(kind: Representation, space: SearchSpace) -> None:
    """The graphs that it gets are not changed."""
    graphs = _some(space)
    before = graphs.ops.copy(), graphs.adjacency.copy()
    kind.features(graphs, space)
    same = np.array_equal(graphs.ops, before[0]) and np.array_equal(graphs.adjacency, before[1])
    require(same, "it changes the graphs")


def leaves_the_global_generators_alone(kind: Representation, space: SearchSpace) -> None:
    """No draw is from a generator that other code shares."""
    with global_randomness_untouched():
        kind.features(_some(space), space)


REPRESENTATION_RULES: tuple[Callable[[Representation, SearchSpace], None], ...] = (
    gives_named_numbers,
    tells_architectures_apart,
    gives_the_same_again,
    does_not_depend_on_the_batch,
    gives_functions_the_same,
    leaves_graphs_alone,
    leaves_the_global_generators_alone,
)
"""The rules of a representation, each a function of a representation and a space."""
