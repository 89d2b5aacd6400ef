"""What commands that search have in common on the way in: vectors, objectives, budgets, lists of names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.output import say
from arch2vec.cli.representation import add_space, embed_some, load_encoder
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding
    from arch2vec.objectives.base import Objective

OBJECTIVE = (
    "what an architecture is worth: a benchmark by its name, 'nasbench201?dataset=cifar10', 'nasbench101', "
    "'nasbench301-surrogate'; 'digits' trains it on handwritten digits, 'train:DATA?space=SPACE' on images; "
    "'proxy:NAME' is a zero-cost proxy and trains nothing; "
    "'table:FILE?validation=COLUMN&test=COLUMN&cost=COLUMN' looks it up in a Parquet or CSV file; "
    "'python:MODULE_OR_FILE:FUNCTION' calls your function"
)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Where the vectors come from."""
    parser.add_argument("source", type=Path, metavar="RUN", help="a run's folder, or a file made by 'arch2vec embed'")
    add_space(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """When a search ends."""
    parser.add_argument("--budget", type=int, help="evaluations (default 100, or no limit with --max-cost)")
    parser.add_argument("--max-cost", type=float, metavar="S", help="stop once evaluations have cost S seconds")


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


def load_embedding(source: Path, space: str | None) -> Embedding:
    """The embedding in a file of ``arch2vec embed``, or of the encoder in a run's folder.

    Raises:
        InputError: there is none, or it is of another space than ``space``.
    """
    from arch2vec.embedding import Embedding
    from arch2vec.spaces import get_space

    if source.is_file():
        return Embedding.load(source, get_space(space) if space else None)
    return embed_some(load_encoder(source, space))


def restricted(embedding: Embedding, objectives: Sequence[Objective]) -> Embedding:
    """The embedding of those architectures that all tables among the objectives hold.

    Raises:
        InputError: an objective is for another space, or nothing is left.
    """
    from arch2vec.objectives.lookup import LookupObjective

    whole = len(embedding)
    for objective in objectives:
        if isinstance(objective, LookupObjective):
            embedding = objective.restrict(embedding)
    if len(embedding) < whole:
        say(f"{whole - len(embedding):,} of {whole:,} architectures are left out: they are not in the tables")
    return embedding


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
        name, _, digits = (part.strip() for part in pair.partition("="))
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
