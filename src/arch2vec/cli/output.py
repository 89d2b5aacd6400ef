"""What commands have in common on the way out: JSON, tables, progress, and their flags."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from arch2vec.pretraining.pretrain import PretrainingProgress


_NAME = 30  # characters of a first column's cell that are kept on one line
_PIECE = 8  # of one that is folded, at least
_EVERY_S = 60.0  # between lines of progress
_ANY = 10_000  # columns, more than any table has


def add_common(parser: argparse.ArgumentParser, random: bool = True) -> None:
    """The flags that every command has."""
    told = (
        "seed of everything random (default 0)" if random else "taken by every command; nothing is random in this one"
    )
    parser.add_argument("--seed", type=int, default=0, help=told)
    parser.add_argument("--json", action="store_true", help="print one JSON document; all else goes to stderr")


def command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    summary: str,
    description: str | None = None,
    *,
    random: bool = True,
) -> argparse.ArgumentParser:
    """Add a command with the common flags; ``random`` says whether its seed matters."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description or summary[0].upper() + summary[1:] + ".",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser, random)
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_out(parser: argparse.ArgumentParser) -> None:
    """The folder of an experiment, which every one has."""
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder that keeps the experiment, and from which the same command resumes",
    )


@contextmanager
def only_json_on_stdout(wanted: bool) -> Iterator[None]:
    """Within the block everything that is printed goes to stderr, but for :func:`print_json`.

    That holds for what user code prints, for its subprocesses and for worker processes too.

    Args:
        wanted: whether to do so.
    """
    if not wanted:
        yield
        return
    stream = sys.stdout
    stream.flush()
    try:
        kept = os.dup(1) if stream.fileno() == 1 else None
    except (OSError, ValueError, AttributeError):  # no file, as in a notebook
        kept = None
    _ASIDE.append((stream, kept))
    sys.stdout = sys.stderr
    if kept is not None:
        os.dup2(2, 1)
    try:
        yield
    finally:
        _ASIDE.pop()
        _flush(stream)
        sys.stdout = stream
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


_ASIDE: list[tuple[TextIO, int | None]] = []  # standard output, as it was


def _flush(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        stream.flush()


def print_json(document: Any) -> None:
    """Print the command's one JSON document; what is no number becomes null."""
    text = json.dumps(_finite(document))
    stream, kept = _ASIDE[-1] if _ASIDE else (sys.stdout, None)
    if kept is None:
        print(text, file=stream)
        return
    _flush(stream)  # what was printed to it directly
    os.dup2(kept, 1)
    try:
        print(text, file=stream, flush=True)
    finally:
        os.dup2(2, 1)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], footer: str | None = None) -> None:
    """Print a table; the first column is text, the others are numbers.

    On a terminal it is as wide as that, in a file or a pipe as wide as it has to be.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", caption=footer, caption_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        widest = console.measure(table, options=console.options.update(width=_ANY)).maximum
        console.width = max(console.width, widest)
    # Cells of several lines keep their lines, and names stay whole, as far as there is room.
    cells = [[line for row in rows for line in row[index].split("\n")] for index in range(len(columns))]
    whole = [index for index, lines in enumerate(cells) if len(lines) > len(rows)]
    if max(map(len, cells[0]), default=0) <= _NAME:
        whole.append(0)
    # Of other columns the longest word, but names can be folded anywhere.
    least = [max(map(len, " ".join([column, *lines]).split())) for column, lines in zip(columns, cells, strict=True)]
    least[0] = min(least[0], _PIECE)
    for index in whole:
        least[index] = max(map(len, (*columns[index].split(), *cells[index])))
        if sum(least) + 3 * len(least) + 1 <= console.width:
            table.columns[index].no_wrap = True
    console.print(table)


def say(text: str) -> None:
    """Tell the user what is going on, on stderr."""
    print(text, file=sys.stderr)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar on stderr; off a terminal, as in a batch job's log, a line a minute.

    Yields:
        ``update(done, total, note)``.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(label, total=1, note="")
        start = told = time.monotonic()

        def update(done: int, total: int, note: str = "") -> None:
            nonlocal told
            bar.update(task, completed=done, total=total, note=note)
            now = time.monotonic()
            if not console.is_terminal and now - told >= _EVERY_S:
                told = now
                say(f"{label}: {done:.0f} of {total:.0f} after {(now - start) / 60:.0f} min; {note}".rstrip("; "))

        yield update


@contextmanager
def pretraining_bar(label: str) -> Iterator[Callable[[PretrainingProgress], None]]:
    """A progress bar for pre-training.

    Yields:
        What :func:`arch2vec.pretraining.pretrain` takes as ``progress``.
    """
    with progress_bar(label) as update:

        def show(at: PretrainingProgress) -> None:
            done = (at.epoch - 1) * at.steps + at.step
            update(done, at.epochs * at.steps, f"epoch {at.epoch}, loss {at.loss:.4f}")

        yield show


def percent(share: float, digits: int = 2) -> str:
    """A share between 0 and 1 as percent."""
    return f"{100 * share:.{digits}f}"


def span(seconds: float) -> str:
    """A time in words."""
    for least, unit, name in ((172_800, 86_400, "days"), (5_400, 3_600, "h"), (90, 60, "min")):
        if seconds >= least:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"
