"""The rules of a search method. Each takes a method (as searches do) and an embedding to try it on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.spec import AnyMethod, MethodSpec, resolve_method
from arch2vec.testing.rules import check_all, global_randomness_untouched, require
from arch2vec.testing.samples import cells, chains, tiny, worth

EPOCHS = (1, 3, 9)
_EVALUATIONS = 19  # beyond every built-in method's initial ones, so that models take part


def check_method(method: AnyMethod, embedding: Embedding | None = None) -> None:
    """Check all :data:`METHOD_RULES`.

    >>> from arch2vec.testing import check_method, chains
    >>> check_method("evolution?population=4&tournament=2", chains())

    Args:
        method: a name, ``python:FILE:CLASS``, a class or a factory, as searches take it.
        embedding: of at least 60 architectures, to try it on; by default 200 cells of NAS-Bench-201.

    Raises:
        BrokenRule: for the first rule that is broken.
    """
    spec = resolve_method(method)
    check_all(METHOD_RULES, f"search method {spec}", spec, cells() if embedding is None else embedding)


def _make(method: AnyMethod, embedding: Embedding, seed: int, fidelities: Sequence[int] = ()) -> SearchMethod:
    return resolve_method(method).make(embedding, seed=seed, fidelities=tuple(fidelities))


def _tell(search: SearchMethod, asked: Sequence[Candidate]) -> None:
    search.tell(asked, [worth(candidate, search.embedding) for candidate in asked])


def _run(search: SearchMethod, evaluations: int, batch: int = 1) -> list[int]:
    rows: list[int] = []
    while len(rows) < evaluations:
        asked = search.ask(min(batch, evaluations - len(rows)))
        _tell(search, asked)
        rows += [candidate.index for candidate in asked]
    return rows


def _resumed(method: AnyMethod, search: SearchMethod, fidelities: Sequence[int] = ()) -> SearchMethod:
    """Another search, at the state of this one as a file keeps it."""
    other = _make(method, search.embedding, search.seed + 96, fidelities)
    other.load_state_dict(json.loads(json.dumps(search.state_dict(), allow_nan=False)))
    return other


def _refused(call: Callable[[], object]) -> str:
    """The one line with which something is refused; empty if it is not."""
    try:
        call()
    except InputError as error:
        require("\n" not in str(error), f"the line has several: {error}")
        return str(error)
    return ""


def proposes_what_is_in_the_embedding(method: AnyMethod, embedding: Embedding) -> None:
    """Candidates are rows of the embedding, as many as were asked for."""
    for n in (1, 5):
        asked = _make(method, embedding, 0).ask(n)
        require(len(asked) == n, f"asked for {n}, it proposed {len(asked)}")
        for candidate in asked:
            known = embedding.architectures[candidate.index]
            require(known == candidate.architecture, f"row {candidate.index} is {known!r}")


def proposes_every_function_once(method: AnyMethod, embedding: Embedding) -> None:
    """No function is proposed twice, and none is left out."""
    some = [(embedding.subset(range(min(40, len(embedding)))), (1, 7)), *((few, (1, 2)) for few in tiny())]
    for few, batches in some:
        for batch in batches:
            search = _make(method, few, 0)
            if search.repeats:
                continue
            rows: list[int] = []
            functions = len(np.unique(few.function_classes))
            while search.remaining:
                asked = search.ask(min(batch, search.remaining))
                _tell(search, asked)
                rows += [candidate.index for candidate in asked]
                left = functions - len(rows)
                require(search.remaining == left, f"{search.remaining} are said to remain where {left} do")
            different = len(np.unique(few.function_classes[rows]))
            require(different == len(rows), f"{len(rows) - different} of {len(rows)} proposals were of no new function")
            require(len(rows) == functions, f"{len(rows)} of {functions} functions were proposed")
            require("different functions" in _refused(search.ask), "it proposes more than there is")


def refuses_to_propose_more_than_there_is(method: AnyMethod, embedding: Embedding) -> None:
    """Asking for more than is left, or for none, is refused and changes nothing."""
    search = _make(method, embedding.subset([0, 1, 2]), 0)
    left = search.remaining
    require(_refused(lambda: search.ask(left + 1)), f"{left + 1} proposals were made of {left}")
    require(_refused(lambda: search.ask(0)), "no proposal at all was asked for, and made")
    require(search.remaining == left, "a refusal changed what remains")


def repeats_with_the_seed(method: AnyMethod, embedding: Embedding) -> None:
    """The same seed and values give the same proposals."""
    first, again = (_run(_make(method, embedding, 3), _EVALUATIONS) for _ in range(2))
    require(first == again, f"proposal {_first_difference(first, again)} differs")


def leaves_global_randomness_alone(method: AnyMethod, embedding: Embedding) -> None:
    """No draw is from a generator that other code shares."""
    with global_randomness_untouched():
        _run(_make(method, embedding, 0), 18)


def goes_on_from_its_state(method: AnyMethod, embedding: Embedding) -> None:
    """A search that goes on from its stored state is the one that never stopped."""
    whole = _run(_make(method, embedding, 1), _EVALUATIONS)
    for stop in (0, 5, 19):
        search = _make(method, embedding, 1)
        require(_run(search, stop) == whole[:stop], "the same seed gives other proposals")
        rest = _run(_resumed(method, search), _EVALUATIONS - stop)
        place = stop + _first_difference(rest, whole[stop:])
        require(rest == whole[stop:], f"stopped after {stop} evaluations, proposal {place} differs")


def keeps_what_is_under_way(method: AnyMethod, embedding: Embedding) -> None:
    """The state holds what was proposed and not told yet."""
    search = _make(method, embedding, 0)
    asked = search.ask(3)
    search.tell(asked[1:2], [90.0])
    resumed = _resumed(method, search)
    require(search.pending == [asked[0], asked[2]], "pending is not what was asked and not told")
    require(resumed.pending == search.pending, "the state forgets what is pending")
    require(resumed.ask(2) == search.ask(2), "it goes on differently with evaluations under way")


def takes_failures(method: AnyMethod, embedding: Embedding) -> None:
    """A failed evaluation, told as NaN, is not proposed again."""
    search = _make(method, embedding.subset(range(min(60, len(embedding)))), 0)
    seen: set[int] = set()
    for number in range(24):
        (candidate,) = search.ask()
        require(search.repeats or candidate.index not in seen, f"row {candidate.index} was proposed again")
        seen.add(candidate.index)
        search.tell([candidate], [math.nan if number % 2 else worth(candidate, embedding)])
    state = json.loads(json.dumps(search.state_dict(), allow_nan=False))
    require(sum(value is None for _, value in state["told"]) == 12, "the state does not hold 12 failures")
    require(not search.pending, "what was told is still pending")


def takes_nothing_but_failures(method: AnyMethod, embedding: Embedding) -> None:
    """Nothing but failures is no trouble."""
    search = _make(method, embedding, 0)
    for _ in range(20):
        search.tell(search.ask(), [math.nan])
    require(search.ask(), "it proposes nothing")


def takes_equal_values(method: AnyMethod, embedding: Embedding) -> None:
    """Values that are all the same, or very large, are no trouble."""
    for value in (10.0, -1e15):
        search = _make(method, embedding, 0)
        for _ in range(20):
            search.tell(search.ask(), [value])


def takes_evaluations_from_elsewhere(method: AnyMethod, embedding: Embedding) -> None:
    """What it did not ask for can be told, and is not proposed then."""
    small = embedding.subset(range(min(30, len(embedding))))
    search = _make(method, small, 0)
    if search.repeats:
        return
    prior = [search.candidate(architecture) for architecture in small.architectures[:10]]
    _tell(search, prior)
    covered = set(small.function_classes[:10].tolist())
    left = len(np.unique(small.function_classes)) - len(covered)
    require(search.remaining == left, f"{search.remaining} are said to remain where {left} do")
    for candidate in search.ask(search.remaining):
        function = int(small.function_classes[candidate.index])
        require(function not in covered, f"row {candidate.index} was told before")


def is_the_same_together_and_alone(method: AnyMethod, embedding: Embedding) -> None:
    """Searches that are asked together propose what each would alone."""
    alone = [_run(_make(method, embedding, seed), _EVALUATIONS) for seed in range(2)]
    searches = [_make(method, embedding, seed) for seed in range(2)]
    rows: list[list[int]] = [[], []]
    for _ in range(_EVALUATIONS):
        for number, asked in enumerate(type(searches[0]).ask_together(searches)):
            _tell(searches[number], asked)
            rows[number].append(asked[0].index)
    for seed, (own, together) in enumerate(zip(alone, rows, strict=True)):
        require(own == together, f"proposal {_first_difference(own, together)} of seed {seed} differs")

    def at_different_points() -> list[SearchMethod]:
        some = [_make(method, embedding, seed) for seed in range(3)]
        for search, count in zip(some, (0, 15, 17), strict=True):
            _run(search, count)
        some[2].ask()
        return some

    asked_together = type(searches[0]).ask_together(at_different_points(), 3)
    require(
        asked_together == [search.ask(3) for search in at_different_points()],
        "searches at different points disturb one another",
    )


def refuses_what_is_not_of_its_embedding(method: AnyMethod, embedding: Embedding) -> None:
    """What cannot be told is refused in one line, and nothing of it is noted."""
    search = _make(method, embedding, 0)
    real, n = search.candidate(embedding.architectures[0]), len(embedding)
    for wrong in (Candidate(-1, real.architecture), Candidate(n, real.architecture), Candidate(1, "none of them")):
        require(
            "of the embedding is not" in _refused(lambda wrong=wrong: search.tell([real, wrong], [1.0, 2.0])),  # type: ignore[misc]
            f"{wrong} was told",
        )
    require("give a finite one" in _refused(lambda: search.tell([real], [math.inf])), "an infinite value was told")
    require(_refused(lambda: search.tell([real], [1.0, 2.0])), "two values were told of one candidate")
    require(
        "not among" in _refused(lambda: _make(method, embedding.subset([0]), 0).candidate(embedding.architectures[1])),
        "an architecture that is not in the embedding became a candidate",
    )
    require(not search.told and search.remaining == _make(method, embedding, 0).remaining, "something was noted")
    require("seed" in _refused(lambda: _make(method, embedding, -1)), "a seed of -1 was taken")


def refuses_a_damaged_state(method: AnyMethod, embedding: Embedding) -> None:
    """A damaged state is refused in one line, and changes nothing."""
    search = _make(method, embedding, 0)
    before = search.state_dict()
    damages: list[dict[str, object]] = [
        {"method": "another"},
        {"rng": None},
        {"rng": {"bit_generator": "PCG64"}},
        {"asked": [len(embedding)]},
        {"told": [[0]]},
        {"told": [["x", 1.0]]},
        {"seed": None},
    ]
    for damage in damages:
        require(_refused(lambda damage=damage: search.load_state_dict({**before, **damage})), f"it took {damage}")  # type: ignore[misc]
        require(search.state_dict() == before, f"the refusal of {damage} changed it")


def comes_back_at_higher_fidelities_only(method: AnyMethod, embedding: Embedding) -> None:
    """An architecture is proposed again at a higher fidelity only."""
    del embedding
    own = chains()
    search = _make(method, own, 0, EPOCHS)
    if search.repeats:
        return
    levels: dict[int, float] = {}
    for _ in range(12):
        asked = search.ask(3)
        for candidate in asked:
            level = math.inf if candidate.fidelity is None else candidate.fidelity
            require(level in (*EPOCHS, math.inf), f"fidelity {level} is none of {EPOCHS}")
            require(level > levels.get(candidate.index, 0), f"row {candidate.index} was proposed again at {level}")
            levels[candidate.index] = level
        _tell(search, asked)
    require(len(np.unique(own.function_classes[list(levels)])) == len(levels), "a function was proposed twice")
    require(_resumed(method, search, EPOCHS).ask(3) == search.ask(3), "it goes on differently from its state")


def takes_answers_late_and_in_any_order(method: AnyMethod, embedding: Embedding) -> None:
    """Answers may come late, in any order, some of them failures, and the search may be resumed meanwhile."""
    del embedding
    rng = np.random.default_rng(0)
    search, repeated = (_make(method, chains(), 3, EPOCHS) for _ in range(2))
    waiting: list[Candidate] = []
    for number in range(20):
        asked = search.ask(2)
        require(repeated.ask(2) == asked, f"the same answers give other proposals in round {number}")
        waiting += asked
        rng.shuffle(waiting)
        done, waiting = waiting[: number % 4], waiting[number % 4 :]
        values = [math.nan if candidate.index % 5 == 0 else worth(candidate, chains()) for candidate in done]
        for each in (search, repeated):
            each.tell(done, values)
        if number == 11:
            repeated = _resumed(method, search, EPOCHS)
    if not search.repeats:
        require(sorted(search.pending, key=repr) == sorted(waiting, key=repr), "pending is not what is waited for")


def _first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False), start=1) if a != b), 0)


METHOD_RULES: tuple[Callable[[MethodSpec, Embedding], None], ...] = (
    proposes_what_is_in_the_embedding,
    proposes_every_function_once,
    refuses_to_propose_more_than_there_is,
    repeats_with_the_seed,
    leaves_global_randomness_alone,
    goes_on_from_its_state,
    keeps_what_is_under_way,
    takes_failures,
    takes_nothing_but_failures,
    takes_equal_values,
    takes_evaluations_from_elsewhere,
    is_the_same_together_and_alone,
    refuses_what_is_not_of_its_embedding,
    refuses_a_damaged_state,
    comes_back_at_higher_fidelities_only,
    takes_answers_late_and_in_any_order,
)
"""The rules of a search method, each a function of a method and an embedding."""
