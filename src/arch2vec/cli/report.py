"""``arch2vec report``: a run, a search or a comparison as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arch2vec.cli.output import command, print_json, say


def add_commands(commands: Any) -> None:
    """Add ``report``."""
    parser = command(
        commands,
        "report",
        run_report,
        "a run, a search or a comparison as one HTML page",
        "One HTML page of what a folder holds: numbers, curves, the best architectures drawn, and an interactive map\n"
        "of the architectures. It needs no network and can be sent to others as it is. Of a folder with several\n"
        "parts, as an experiment's is, it holds a page for each. Test accuracies stay hidden while a search\n"
        "is running.",
    )
    parser.add_argument(
        "folder", metavar="DIR|URL", help="a folder that another command has written, or the URL of a storage of trials"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="file of the page to write (default: report.html in DIR, or here)"
    )
    parser.add_argument(
        "--vectors",
        type=Path,
        metavar="RUN|VECTORS",
        help="whose vectors make the map: a run's folder or a file of 'arch2vec embed' (default: the run's own, or "
        "the structure of the architectures)",
    )
    parser.add_argument("--objective", help="a benchmark or table, to colour all architectures of the map by")
    parser.add_argument("--space", metavar="SPACE", help="needed where DIR is of a space in your own Python code")
    parser.add_argument(
        "--map", default="pca", help="how the map is projected: pca (default), tsne (needs the extra 'maps') or none"
    )
    parser.add_argument("-k", type=int, default=10, help="how many of the best architectures are drawn (default 10)")


def run_report(arguments: argparse.Namespace) -> None:
    """``arch2vec report``."""
    from arch2vec.objectives.spec import resolve_objective
    from arch2vec.reports.page import report
    from arch2vec.spaces import get_space

    space = get_space(arguments.space) if arguments.space else None
    objective = resolve_objective(arguments.objective, space) if arguments.objective else None
    found = report(
        arguments.folder,
        arguments.out,
        vectors=arguments.vectors,
        space=arguments.space,
        objective=objective,
        projection=None if arguments.map == "none" else arguments.map,
        best=arguments.k,
        seed=arguments.seed,
    )
    if arguments.json:
        print_json({"file": str(found.file), "bytes": found.bytes, "points": found.points, "masked": found.masked})
        return
    say(f"{found.file}: {found.bytes / 1e6:.1f} MB, {found.points:,} architectures on the map")
    if found.masked:
        say("the search is running: test accuracies are hidden")
