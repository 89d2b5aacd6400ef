"""What commands that search have in common on the way in: vectors, objectives, budgets, lists of names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.choices import LEARNED, REPRESENTATION
from arch2vec.cli.output import say
from arch2vec.cli.runs import add_space, embed_some, load_encoder
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding
    from arch2vec.encoder import Encoder
    from arch2vec.graphs import GraphBatch
    from arch2vec.objectives.base import Objective
    from arch2vec.representations.base import Representation
    from arch2vec.searching.spec import MethodSpec
    from arch2vec.spaces import SearchSpace


def add_source(parser: argparse.ArgumentParser) -> None:
    """Where the vectors come from."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="SPACE|RUN|VECTORS",
        help="a search space (its architectures' structure, no pre-training), a run's folder, or a file or pool made "
        "by 'arch2vec embed'",
    )
    add_space(parser)
    add_representation(parser)


def add_representation(parser: argparse.ArgumentParser) -> None:
    """Which vectors are taken, where it is not the source's own."""
    parser.add_argument("--representation", metavar="R", help=REPRESENTATION)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """When a search ends."""
    parser.add_argument(
        "--budget", type=int, help="how many evaluations a search may make (default 100, or any number with --max-cost)"
    )
    parser.add_argument(
        "--max-cost",
        type=float,
        metavar="S",
        help="begin no evaluation once those before it have cost S seconds, real or simulated (default: no limit)",
    )


def add_direction(parser: argparse.ArgumentParser) -> None:
    """Whether less is better."""
    parser.add_argument(
        "--minimise",
        "--minimize",
        action="store_true",
        help="less of what is measured is better, as of a loss or an error; for table:, python: and cmd: objectives, "
        "whose own option minimise=true says the same of one of several",
    )


def add_care(parser: argparse.ArgumentParser) -> None:
    """What becomes of failures and of a changed objective."""
    parser.add_argument(
        "--max-failures",
        type=int,
        default=20,
        metavar="N",
        help="give up after N evaluations in a row that fail, 0 for never (default 20)",
    )
    parser.add_argument(
        "--accept-changes",
        action="store_true",
        help="go on in --out though the objective's code, table or data have changed since; the folder then says so",
    )


def care_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of :func:`add_care`, as searches take them."""
    return {"max_failures": arguments.max_failures or None, "accept_changes": arguments.accept_changes}


@dataclass(frozen=True)
class VectorSource:
    """Where a command's vectors come from.

    Attributes:
        space: the search space.
        whole: the embedding of all its architectures that there are to search.
        of: the embedding of any of its architectures; None where only those of a file have vectors.
        representation: what the vectors are by, where that is all there is to them.
        encoder: what the vectors are by, likewise.
    """

    space: SearchSpace
    whole: Callable[[], Embedding]
    of: Callable[[GraphBatch], Embedding] | None
    representation: Representation | None = None
    encoder: Encoder | None = None

    def embedding(self, objectives: Sequence[Objective] = (), *, pools: bool = False) -> Embedding:
        """The architectures to search: those that all tables among the objectives hold.

        Of a space too large to list, the tables' own architectures are embedded.

        Args:
            objectives: what they are searched for.
            pools: whether a pool may be searched as it is on disk.

        Raises:
            InputError: an objective is for another space, or nothing is left.
        """
        from arch2vec.objectives.lookup import LookupObjective

        tables = [objective for objective in objectives if isinstance(objective, LookupObjective)]
        if (
            self.of is not None
            and tables
            and not self.space.enumerable
            and all(table.space == self.space.name for table in tables)
        ):
            say(
                f"{self.space.name} is too large to list: "
                f"the {len(tables[0]):,} architectures of the table are embedded"
            )
            return restricted(self.of(tables[0].graphs), tables)
        whole = self.whole()
        if not pools or tables:
            from arch2vec.searching.reach import in_memory

            whole = in_memory(whole, objectives, "this command")
        return restricted(whole, objectives)


def open_source(
    source: Path, space: str | None, *, representation: str | None = None, device: str | None = None
) -> VectorSource:
    """A file of ``arch2vec embed``, a run's folder, or a search space, whose architectures' structure is taken.

    Args:
        source: which of these.
        space: its search space, where that is Python code of the user's own.
        representation: what is taken instead of its own vectors, or ``learned`` besides; None for these alone.
        device: where a run's encoder computes, None for a GPU if there is one.

    Raises:
        InputError: there is none, it is of another space than ``space``, or no such representation.
    """
    from arch2vec.pools.folder import is_pool
    from arch2vec.spaces import get_space

    if _names_space(source):
        if space is not None:
            raise InputError(f"{source} is a search space already; leave --space {space} out")
        return _represented(get_space(str(source)), "structure" if representation is None else representation)
    if representation is not None and is_pool(source):
        raise InputError(
            f"a pool has the vectors that it was made with: leave --representation out, or make another pool than "
            f"{source} with it"
        )
    if representation is not None:
        return _with_others(representation, lambda: open_source(source, space, device=device))
    if source.is_file() or is_pool(source):
        from arch2vec.embedding import Embedding

        vectors = Embedding.load(source, get_space(space) if space else None)
        return VectorSource(vectors.space, lambda: vectors, None)
    encoder = load_encoder(source, space, device)
    return VectorSource(encoder.space, lambda: embed_some(encoder), encoder.embed, encoder=encoder)


def _represented(space: SearchSpace, representation: str) -> VectorSource:
    from arch2vec.representations.ready import SAMPLE, represent
    from arch2vec.representations.spec import resolve_representation

    if LEARNED in (part.strip() for part in representation.split("+")):
        raise InputError(
            f"--representation {LEARNED} is a run's, or of a file of vectors; {space.name} is a search space"
        )
    kind = resolve_representation(representation)

    def whole() -> Embedding:
        if not space.enumerable:
            say(f"{space.name} is too large to list: {SAMPLE:,} of its architectures are searched")
        return represent(space, kind)

    return VectorSource(space, whole, lambda graphs: represent(space, kind, graphs), kind)


def _with_others(representation: str, open_own: Callable[[], VectorSource]) -> VectorSource:
    """A source whose vectors are by another representation, or by that and its own."""
    from arch2vec.representations.ready import joined_with
    from arch2vec.representations.spec import resolve_representation

    parts = [part.strip() for part in representation.split("+")]
    others = [resolve_representation(part) for part in parts if part != LEARNED]  # before the source is read
    own = open_own()

    def again(embedding: Embedding) -> Embedding:
        return joined_with(embedding, others, own_too=LEARNED in parts)

    of = own.of
    return VectorSource(own.space, lambda: again(own.whole()), None if of is None else lambda graphs: again(of(graphs)))


def source_and_objectives(
    source: Path,
    space: str | None,
    specs: Sequence[str],
    representation: str | None = None,
    device: str | None = None,
    minimise: bool = False,
) -> tuple[VectorSource, list[Objective]]:
    """Where vectors come from, and the objectives that lines of text name.

    Only those that are of the searched space unless they name another need to know it, so that a mistake in
    another objective is told at once.

    Raises:
        InputError: one of them is wrong.
    """
    from arch2vec.objectives.spec import OF_THE_SEARCHED, resolve_objective

    kinds = tuple(f"{kind}:" for kind in OF_THE_SEARCHED)
    found = {spec: resolve_objective(spec, minimise=minimise) for spec in specs if not spec.strip().startswith(kinds)}
    opened = open_source(source, space, representation=representation, device=device)
    others = {spec: resolve_objective(spec, opened.space, minimise) for spec in specs if spec not in found}
    return opened, [{**found, **others}[spec] for spec in specs]


def _names_space(source: Path) -> bool:
    """Whether it is a search space and no file or folder of a run."""
    from arch2vec.spaces import SPACES

    text = str(source)
    name = text.partition("?")[0]
    if source.suffix in (".yaml", ".yml") or text.startswith(("python:", "declared:")):
        return True
    return name in SPACES and not source.exists()


def restricted(embedding: Embedding, objectives: Sequence[Objective]) -> Embedding:
    """The embedding of those architectures that all tables among the objectives hold.

    Where a table contradicts what a declared space calls the same function, a line says so.

    Raises:
        InputError: an objective is for another space, or nothing is left.
    """
    from arch2vec.objectives.equivalences import doubt
    from arch2vec.objectives.lookup import LookupObjective

    whole = len(embedding)
    for objective in objectives:
        if isinstance(objective, LookupObjective):
            embedding = objective.restrict(embedding)
    if len(embedding) < whole:
        say(f"{whole - len(embedding):,} of {whole:,} architectures are left out: they are not in the tables")
    for objective in objectives:
        if isinstance(objective, LookupObjective):
            doubtful = doubt(objective, embedding)
            if doubtful is not None:
                say(doubtful)
    return embedding


def note_fidelities(methods: Iterable[MethodSpec], objectives: Sequence[Objective]) -> None:
    """Say so where a method that chooses fidelities has none to choose from."""
    choosing = [method.name for method in methods if method.chooses_fidelities]
    if not choosing:
        return
    from arch2vec.objectives.function import FunctionObjective

    for objective in objectives:
        if not objective.fidelities:
            own = isinstance(objective, FunctionObjective) and objective.takes_fidelity
            hint = "; say which its function may be asked for, as in fidelities=3,9,27" if own else ""
            say(
                f"{', '.join(choosing)} evaluates everything at one fidelity: objective {objective.name} offers no "
                f"others{hint}"
            )


_LOOKED_AT = 20  # architectures by which it is told whether any have neighbours


def note_neighbours(methods: Iterable[MethodSpec], objectives: Sequence[Objective], embedding: Embedding) -> None:
    """Say so where a method that goes by edits finds hardly any neighbour among the architectures that there are.

    So it is with a sample of a space too large to list that cannot grow: vectors of a file, or a table's architectures.
    """
    from arch2vec.objectives.lookup import LookupObjective
    from arch2vec.pools.pool import Pool
    from arch2vec.searching.moves import moves_of

    if isinstance(embedding, Pool):  # has rows of its own kind, and neighbours where they can be embedded
        return
    going = [method.name for method in methods if method.goes_by_edits]
    tables = [objective for objective in objectives if isinstance(objective, LookupObjective)]
    if not going or embedding.space.enumerable or (embedding.extend is not None and not tables):
        return
    rows = range(min(_LOOKED_AT, len(embedding)))
    moves = moves_of(embedding)
    moves.explore(rows)
    alone = sum(len(moves.neighbours(row)) == 0 for row in rows)
    if 2 * alone > len(rows):
        why = "only what a table holds can be looked up"
        if not tables:
            why = "a file of vectors cannot be added to, a run or the space itself in its place can"
        say(
            f"{', '.join(going)}: {alone} of {len(rows)} architectures looked at have no neighbour among the "
            f"{len(embedding):,} that are searched, so that going from one to the next is no better than random; {why}"
        )


def budget_of(arguments: argparse.Namespace) -> int | None:
    """The evaluations of a search, None for no limit but its cost."""
    budget: int | None = arguments.budget
    return 100 if budget is None and arguments.max_cost is None else budget


def names(text: str) -> list[str]:
    """The different entries of a comma-separated list, in their order."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def numbers_of(chosen: Sequence[str], number: int, text: str, what: str) -> dict[str, int]:
    """How many runs each of ``chosen`` gets: ``number`` (``--runs``), or what ``text`` (``--runs-of``) says of it.

    Args:
        chosen: the names of what is run.
        number: of runs of each.
        text: ``NAME=NUMBER`` pairs, comma-separated, may be empty.
        what: what the names are, in the plural.

    Raises:
        InputError: the text names something else or no number, or a number is below 1.
    """
    found = dict.fromkeys(chosen, number)
    for pair in filter(None, text.split(",")):
        name, _, digits = (part.strip() for part in pair.rpartition("="))
        if name not in found:
            raise InputError(f"--runs-of names {name!r}, which is none of the {what} that are run")
        try:
            found[name] = int(digits)
        except ValueError:
            raise InputError(f"--runs-of takes NAME=NUMBER pairs, as in {chosen[0]}=50; got {pair!r}") from None
    for name, runs in found.items():
        if runs < 1:
            raise InputError(f"at least 1 run of each is needed, got {runs} of {name}")
    return found
