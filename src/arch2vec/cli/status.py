"""``arch2vec status`` and ``top``: looking at a folder while something is written there, or after."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.output import command, print_json, print_table, span
from arch2vec.errors import InputError
from arch2vec.reports.numbers import valued

if TYPE_CHECKING:
    from arch2vec.studies.inspection import Status


_FAR_S = 1e9  # an end so far away has no time of day


def add_commands(commands: Any) -> None:
    """Add ``status`` and ``top``."""
    parser = command(
        commands,
        "status",
        run_status,
        "how far a run or study is, and the best so far",
        "How far the run or study in a folder is: what is done, the best so far, speed and estimated end.\n"
        "Reads only; safe while the study runs.",
        random=False,
    )
    _add_folder(parser)
    parser.add_argument(
        "--watch", action="store_true", help="show it again and again until it is finished (default: once)"
    )
    parser.add_argument(
        "--every", type=float, default=2.0, metavar="S", help="seconds between looks of --watch (default 2)"
    )
    parser = command(
        commands,
        "top",
        run_top,
        "the best architectures that a study has evaluated",
        "The architectures of highest validation accuracy (or lowest loss, where that is minimised) among all that a\n"
        "folder's searches have evaluated.\n"
        "Reads only; safe while the study runs.",
        random=False,
    )
    _add_folder(parser)
    parser.add_argument(
        "-k", type=int, default=10, help="how many architectures are listed for each objective (default 10)"
    )
    parser.add_argument(
        "--by",
        metavar="NUMBER",
        help="sort by another number of the evaluations, the largest first: cost_s, or one that a function returns in "
        "'extra'; min:NUMBER for the smallest first (default: validation)",
    )


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="DIR|URL",
        help="a folder that another command has written, of a search, a comparison or an experiment, or the URL of a "
        "storage",
    )


def run_status(arguments: argparse.Namespace) -> None:
    """``arch2vec status``."""
    from arch2vec.studies.inspection import inspect

    if arguments.json:
        if arguments.watch:
            raise InputError("--json is one document; leave --watch out, or --json")
        print_json(inspect(arguments.folder).to_dict())
        return
    if not arguments.watch:
        _print(inspect(arguments.folder))
        return
    from arch2vec.cli.watch import repeatedly

    found: list[Status] = []

    def render() -> str:
        found[:] = [inspect(arguments.folder)]
        return "\n".join(_lines(found[0], ago=False))

    repeatedly(render, lambda: found[0].state == "finished", arguments.every)


def _print(found: Status) -> None:
    print("\n".join(_lines(found)))
    if found.parts:
        parts = [[_part(found.folder, p.folder), p.kind, _done(p), _state(p), _best(p)] for p in found.parts]
        print_table("Parts", ["folder", "kind", "done", "state", "best validation"], parts)


def _lines(found: Status, ago: bool = True) -> list[str]:
    """No table, so that an architecture stays in one piece."""
    lines = [("what", found.what), ("done", _done(found)), ("state", _state(found)), ("speed", _speed(found))]
    if ago:
        lines.append(("last change", f"{span(max(0.0, time.time() - found.updated_at))} ago"))
    if found.best is not None:
        value, test = (valued(number, found.best.unit) for number in (found.best.validation, found.best.test))
        tested = f", test {test}" if test else ""
        least = " (least)" if found.best.minimise else ""
        lines.append(("best so far", f"validation {value}{least}{tested}: {found.best.architecture}"))
    lines += [(name, f"{value:,.6g}") for name, value in (found.figures or {}).items()]
    return [f"{found.folder}: {found.kind}", *(f"  {name:<12} {text}" for name, text in lines)]


def _part(whole: Path | str, part: Path | str) -> str:
    """A part's name."""
    return str(part.relative_to(whole)) if isinstance(part, Path) and isinstance(whole, Path) else str(part)


def _done(status: Status) -> str:
    if status.of is None:
        return f"{status.done:,} {status.unit}"
    share = f" ({100 * status.done / status.of:.0f} %)" if status.of else ""
    return f"{status.done:,} of {status.of:,} {status.unit}{share}"


def _state(status: Status) -> str:
    if status.state == "running" and status.remaining_s is not None:
        if status.remaining_s > _FAR_S:
            return f"running, {span(status.remaining_s)} to go"
        end = time.strftime("%H:%M", time.localtime(time.time() + status.remaining_s))
        return f"running, {span(status.remaining_s)} to go, about {end}"
    return {"idle": "not running; the same command resumes", "unknown": "not running"}.get(status.state, status.state)


def _speed(status: Status) -> str:
    if status.step_s is None or status.step_s <= 0:
        return "-"
    unit = status.unit.split()[0]
    if status.step_s >= 1:
        return f"{span(status.step_s)} for one of the {unit}"
    return f"{1 / status.step_s:,.1f} {unit} a second"


def _best(status: Status) -> str:
    return "-" if status.best is None else valued(status.best.validation, status.best.unit)


def run_top(arguments: argparse.Namespace) -> None:
    """``arch2vec top``."""
    from arch2vec.studies.inspection import top

    found = top(arguments.folder, arguments.k, arguments.by)
    if arguments.json:
        print_json({"rows": [asdict(entry) for entry in found]})
        return
    for objective in dict.fromkeys(entry.objective for entry in found):
        mine = [entry for entry in found if entry.objective == objective]
        print(f"{objective}: the best {len(mine)} by {arguments.by or 'validation'}")
        for number, entry in enumerate(mine, start=1):
            test = "" if entry.test is None else f"   test {valued(entry.test, entry.unit)}"
            extra = "".join(f"   {name} {value:,.6g}" for name, value in entry.extra.items())
            found_by = f"{entry.method}, seed {entry.seed}, evaluation {entry.evaluation}"
            figures = f"validation {valued(entry.validation, entry.unit)}{test}   cost {entry.cost_s:,.1f} s{extra}"
            print(f"{number:4}  {figures}   ({found_by})")
            print(f"      {entry.architecture}")
