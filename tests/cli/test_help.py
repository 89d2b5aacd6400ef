"""What ``--help`` says: a full phrase for every option, its choices, its default."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import pytest

from arch2vec.cli import choices
from arch2vec.cli.main import build_parser
from arch2vec.searching import METHODS


def commands(parser: argparse.ArgumentParser, before: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, part in action.choices.items():
                yield from commands(part, f"{before} {name}".strip())
            return
    yield before, parser


ALL = dict(commands(build_parser()))
OPTIONS = [
    pytest.param(name, action, id=f"{name} {(action.option_strings or [str(action.metavar)])[-1]}")
    for name, parser in ALL.items()
    for action in parser._actions
    if action.dest != "help"
]


@pytest.mark.parametrize(("command", "action"), OPTIONS)
def test_an_option_is_understood_alone(command: str, action: argparse.Action) -> None:
    text = action.help or ""
    before_default = re.sub(r"\(default.*", "", text)
    assert len(before_default.split()) >= 4, text
    assert (
        not re.match(r"(of|instead|default|with|in|for|that) ", text.replace("for a space", ""))
        or len(before_default.split()) > 8
    ), text
    if isinstance(action, argparse._StoreTrueAction) or action.required or not action.option_strings:
        return
    if isinstance(action.default, int | float | str) and action.default not in ("", 0):
        number = f"{action.default:,}" if isinstance(action.default, int | float) else action.default
        number = number.removesuffix(".0")
        said = text.replace("'", "")
        assert "default" in said or str(action.default) in said, text
        assert number in said or str(action.default) in said or "both" in said, text


@pytest.mark.parametrize("command", ALL)
def test_help_is_printed(command: str) -> None:
    """A sign that argparse would fill in makes ``--help`` end in a traceback."""
    assert ALL[command].format_help().startswith("usage: arch2vec")


def test_every_method_is_named() -> None:
    assert set(choices.METHODS) == set(METHODS)
    for command in ("search", "compare"):
        text = re.sub(r"(?<=-)\n +", "", ALL[command].format_help())  # lines are broken at hyphens too
        for name in METHODS:
            assert re.search(rf"\b{name}\b", text), (command, name)


def test_objectives_name_the_benchmark_that_comes_along() -> None:
    for command in ("search", "compare", "pareto"):
        assert "digits-201" in ALL[command].format_help()
