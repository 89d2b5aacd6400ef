"""``arch2vec experiment NAME``: a table or figure of the paper, ours beside the published one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arch2vec.cli import (
    darts_experiment,
    digits201,
    figures_study,
    prediction,
    pretraining_study,
    proxies_study,
    representations_study,
    search_tables,
    smoothness_study,
)

_EXPERIMENTS: tuple[Callable[[Any], None], ...] = (
    pretraining_study.add_command,
    prediction.add_command,
    representations_study.add_command,
    search_tables.add_command,
    darts_experiment.add_command,
    proxies_study.add_command,
    digits201.add_command,
    smoothness_study.add_command,
    figures_study.add_command,
)
"""What adds one experiment's command each."""


def add_commands(commands: Any) -> None:
    """Add ``experiment``, and under it a command for each experiment."""
    parser = commands.add_parser(
        "experiment",
        help="a table or figure of the paper, ours beside the published one",
        description="Run one of the paper's experiments. Running the same command again resumes.",
        allow_abbrev=False,
    )
    experiments = parser.add_subparsers(metavar="NAME", required=True, parser_class=type(parser))
    for add in _EXPERIMENTS:
        add(experiments)
