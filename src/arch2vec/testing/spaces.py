"""The rules of a search space. Each takes a space."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.testing.rules import check_all, global_randomness_untouched, require

_SOME, _FEW = 40, 5
_LISTED = 20_000  # architectures up to which all are looked at


def check_space(space: SearchSpace | str) -> None:
    """Check all :data:`SPACE_RULES`.

    >>> from arch2vec.testing import check_space
    >>> check_space("nasbench201")

    Args:
        space: a space, its name, or ``python:FILE:CLASS``.

    Raises:
        BrokenRule: for the first rule that is broken.
    """
    found = get_space(space)
    check_all(SPACE_RULES, f"search space {found.name}", found)


def _some(space: SearchSpace, number: int = _SOME, seed: int = 0) -> GraphBatch:
    return space.sample(min(number, space.size or number), np.random.default_rng(seed))


def says_what_it_is(space: SearchSpace) -> None:
    """It has a name, different operations, a number of vertices and, where it is known, a size."""
    require(isinstance(space.name, str) and space.name.isprintable() and space.name, "its name is no text")
    names = space.operations
    require(isinstance(names, tuple) and all(isinstance(each, str) and each for each in names), "operations are texts")
    require(len(set(names)) == len(names), "two operations have one name")
    require(0 < len(names) < PADDING, f"it has {len(names)} operations; at most {PADDING - 1} are possible")
    require(isinstance(space.num_vertices, int) and space.num_vertices > 0, "num_vertices is a positive number")
    require(space.size is None or (isinstance(space.size, int) and space.size > 0), "size is a positive number or None")


def samples_what_is_valid(space: SearchSpace) -> None:
    """A sample is of different architectures of the space, and the same for the same generator."""
    graphs = _some(space)
    require(len(graphs) == min(_SOME, space.size or _SOME), f"{len(graphs)} were sampled")
    require(graphs.num_vertices == space.num_vertices, f"graphs have {graphs.num_vertices} vertices")
    valid = space.is_valid(graphs)
    require(valid.shape == (len(graphs),) and valid.dtype == np.bool_, "is_valid gives no array (N,) of truths")
    require(valid.all(), f"sampled architecture {int(np.argmin(valid))} is not valid")
    texts = space.format(graphs)
    require(len(set(texts)) == len(texts), "an architecture was sampled twice")
    require(space.format(_some(space)) == texts, "the same generator gives another sample")
    if len(texts) > _FEW and (space.size is None or space.size > _SOME):
        require(space.format(_some(space, seed=1)) != texts, "another generator gives the same sample")
    require(len(space.sample(1, np.random.default_rng(0))) == 1, "one cannot be sampled")
    if space.size is not None:
        require(
            _refuses(lambda: space.sample((space.size or 0) + 1, np.random.default_rng(0))), "more than all sampled"
        )


def lists_all(space: SearchSpace) -> None:
    """Listing gives every architecture once, as many as the size says; a space too large to list refuses."""
    if not space.enumerable:
        require(_refuses(space.enumerate), "it says that it cannot be listed, and lists")
        return
    if space.size is not None and space.size > _LISTED:
        return
    graphs = space.enumerate()
    require(space.size is None or len(graphs) == space.size, f"{len(graphs)} are listed of {space.size}")
    require(space.is_valid(graphs).all(), "an architecture in the list is not valid")
    texts = space.format(graphs)
    require(len(set(texts)) == len(texts), "an architecture is listed twice")
    missing = [text for text in space.format(_some(space)) if text not in set(texts)]
    known = set(fingerprint(graphs).tolist())
    for text in missing:  # perhaps written in another order of vertices
        require(int(fingerprint(space.parse([text]))[0]) in known, f"{text!r} is sampled and not listed")


def reads_what_it_writes(space: SearchSpace) -> None:
    """An architecture's text is read back as the same architecture."""
    graphs = _some(space)
    texts = space.format(graphs)
    require(len(texts) == len(graphs) and all(isinstance(text, str) for text in texts), "format gives no text each")
    require(all(text.isprintable() and text.strip() == text for text in texts), "a text is no plain line")
    again = space.parse(texts)
    require(space.format(again) == texts, "what is read is written differently")
    require((fingerprint(again) == fingerprint(graphs)).all(), "what is read back is another graph")
    for row in range(min(_FEW, len(texts))):
        require(space.format(space.parse([texts[row]])) == [texts[row]], "one alone is read differently")


def refuses_what_is_no_architecture(space: SearchSpace) -> None:
    """What is no architecture is refused in one line by parse, and told by is_valid."""
    graphs = _some(space)
    text = space.format(graphs)[0]
    for wrong in ("", "no architecture", text[: len(text) // 2] + "\N{SNOWMAN}"):
        require(_refuses(lambda wrong=wrong: space.parse([wrong])), f"{wrong!r} is read")  # type: ignore[misc]
    unknown = GraphBatch(np.where(graphs.mask, space.num_operations, PADDING).astype(np.uint8), graphs.adjacency)
    require(not space.is_valid(unknown).any(), "operations beyond the vocabulary are valid")
    require(_refuses(lambda: space.format(unknown)), "a graph with unknown operations is written")
    empty = GraphBatch(np.full_like(graphs.ops, PADDING), np.zeros_like(graphs.adjacency))
    require(not space.is_valid(empty).any(), "a graph without any vertex is valid")
    backwards = graphs.adjacency.copy()
    backwards[:, -1, 0] = True
    require(not space.is_valid(GraphBatch(graphs.ops, backwards)).any(), "an edge backwards is valid")


def mutates_to_what_is_valid(space: SearchSpace) -> None:
    """One random edit gives another architecture of the space."""
    if space.size == 1:
        return
    graphs = _some(space)
    mutants = space.mutate(graphs, np.random.default_rng(0))
    require(len(mutants) == len(graphs), f"{len(graphs)} architectures became {len(mutants)}")
    require(space.is_valid(mutants).all(), "a mutant is not valid")
    before, after = space.format(graphs), space.format(mutants)
    same = [one for one, other in zip(before, after, strict=True) if one == other]
    require(not same, f"{len(same)} of {len(before)} mutants are what they come from")
    again = space.mutate(graphs, np.random.default_rng(0))
    require(space.format(again) == after, "the same generator gives other mutants")


def has_neighbours_on_both_sides(space: SearchSpace) -> None:
    """Neighbours are other architectures of the space; where they have as many vertices, each is the other's."""
    if space.size == 1:
        return
    graphs = _some(space, _FEW)
    texts = space.format(graphs)
    rng = np.random.default_rng(0)
    for row, text in enumerate(texts):
        found = space.neighbors(graphs[[row]])
        names = space.format(found)
        require(names, f"{text!r} has no neighbour")
        require(space.is_valid(found).all(), f"a neighbour of {text!r} is not valid")
        require(len(set(names)) == len(names), f"{text!r} has a neighbour twice")
        require(text not in names, f"{text!r} is its own neighbour")
        own = int(fingerprint(graphs[[row]])[0])
        # An edit that cuts vertices off cannot be undone by one edit.
        equals = np.flatnonzero(found.mask.sum(axis=1) == graphs.mask[row].sum())
        for place in rng.permutation(equals.tolist())[:_FEW].tolist():
            back = fingerprint(space.neighbors(found[[place]]))
            require(own in back.tolist(), f"{text!r} has the neighbour {names[place]!r}, which has not {text!r}")
    together, origin = space.neighbors_of_each(graphs)
    alone = [space.format(space.neighbors(graphs[[row]])) for row in range(len(graphs))]
    texts_together = np.array(space.format(together), dtype=object)
    parted = [texts_together[origin == row].tolist() for row in range(len(graphs))]
    require(parted == alone, "neighbors_of_each gives others than neighbors")


def knows_functions(space: SearchSpace) -> None:
    """Which architectures compute the same does not depend on the batch, and isomorphic ones do."""
    graphs = _some(space)
    classes = space.function_classes(graphs)
    require(classes.shape == (len(graphs),) and classes.dtype == np.uint64, "function_classes gives no (N,) uint64")
    backwards = np.arange(len(graphs))[::-1]
    require((space.function_classes(graphs[backwards]) == classes[backwards]).all(), "labels depend on the order")
    alone = [int(space.function_classes(graphs[[row]])[0]) for row in range(len(graphs))]
    require(alone == classes.tolist(), "labels depend on the batch")
    prints = fingerprint(graphs)
    for value in np.unique(prints):
        require(len(np.unique(classes[prints == value])) == 1, "isomorphic architectures have different labels")


def knows_costs(space: SearchSpace) -> None:
    """Costs, where it knows any, are finite numbers with names that do not depend on the batch."""
    graphs = _some(space)
    costs, names = space.costs(graphs)
    require(costs.shape == (len(graphs), len(names)), f"costs are {costs.shape} with {len(names)} names")
    require(len(set(names)) == len(names), "two costs have one name")
    require(np.isfinite(costs).all(), "a cost is not finite")
    one, _ = space.costs(graphs[[-1]])
    require(np.allclose(one[0], costs[-1], rtol=1e-5), "costs depend on the batch")


def finds_the_most_likely(space: SearchSpace) -> None:
    """A decoder that is sure of an architecture of the space is decoded to it."""
    graphs = _some(space, _FEW)
    sure = np.where(graphs.one_hot(space.num_operations) > 0, 20.0, -20.0)
    edges = np.where(graphs.adjacency, 20.0, -20.0)
    found = space.most_likely(sure, edges)
    require(space.is_valid(found).all(), "what it finds is not valid")
    full = graphs.mask.all(axis=1)  # a vertex that is absent has no operation to be sure of
    same = fingerprint(found) == fingerprint(graphs)
    require(same[full].all(), "it finds another architecture")


def leaves_shared_randomness_alone(space: SearchSpace) -> None:
    """No draw is from a generator that other code shares."""
    with global_randomness_untouched():
        graphs = _some(space, _FEW)
        if space.size != 1:
            space.mutate(graphs, np.random.default_rng(0))
            space.neighbors(graphs[[0]])


def _refuses(call: Callable[[], object]) -> bool:
    try:
        call()
    except InputError as error:
        require("\n" not in str(error), f"the line has several: {error}")
        return True
    return False


SPACE_RULES: tuple[Callable[[SearchSpace], None], ...] = (
    says_what_it_is,
    samples_what_is_valid,
    lists_all,
    reads_what_it_writes,
    refuses_what_is_no_architecture,
    mutates_to_what_is_valid,
    has_neighbours_on_both_sides,
    knows_functions,
    knows_costs,
    finds_the_most_likely,
    leaves_shared_randomness_alone,
)
"""The rules of a search space, each a function of a space."""
