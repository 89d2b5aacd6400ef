"""Commands around benchmark files: what is known and found, what a table holds, converting one."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.output import command, print_json, print_table, progress_bar
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.benchmarks import BenchmarkTable, Release


def add_commands(commands: Any) -> None:
    """Add this module's commands to the command line."""
    parser = command(
        commands,
        "data",
        run_list,
        "which benchmark files are known, found and verified; converting them",
        "Which benchmark files are known, where they were found, whether they hold what is published,\n"
        "and where to get them. They are looked for in $ARCH2VEC_DATA, else in data and ../shared/data\n"
        "of the current folder and in ~/.local/share/arch2vec.",
        random=False,
    )
    actions = parser.add_subparsers(metavar="[show NAME | convert FILE]")
    show = _action(actions, "show", run_show, "the columns of a benchmark: what each one measures")
    show.add_argument(
        "name", metavar="NAME", help="the name of a benchmark that 'arch2vec data' lists, or a file of one"
    )

    convert = _action(actions, "convert", run_convert, "convert a benchmark's original file, once")
    convert.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a .tfrecord, .pth, .pickle.pbz2, .tar (also .tar.gz), .csv or .parquet file, or a -simple folder",
    )
    convert.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the Parquet file to write (default: one in the cache folder, where it is found by the benchmark's name)",
    )
    convert.add_argument(
        "--partial",
        action="store_true",
        help="accept a part of a benchmark: published counts, optima and checksums are not compared",
    )


def _action(actions: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    """One of the things to do with data; the common flags may also stand before its name."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=summary, description=f"{summary}.".capitalize())
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print one JSON document on standard output; all else goes to standard error",
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def run_list(arguments: argparse.Namespace) -> None:
    """``arch2vec data``."""
    from arch2vec.benchmarks import RELEASES, data_folders
    from arch2vec.benchmarks.embedded import EMBEDDED

    found = [*(_embedded(name) for name in EMBEDDED), *(_status(release) for release in RELEASES)]
    if arguments.json:
        print_json({"folders": [str(folder) for folder in data_folders()], "files": found})
        return
    rows = [
        [
            entry["name"],
            "-" if entry["verified"] is None else "yes" if entry["verified"] else "NO",
            "to convert" if entry["architectures"] is None else f"{entry['architectures']:,}",
            "-" if entry["metrics"] is None else str(entry["metrics"]),
            entry["found"],
        ]
        for entry in found
        if entry["found"] is not None
    ]
    if rows:
        print_table("Benchmark files", ["name", "verified", "architectures", "columns", "file"], rows)
    for entry in found:
        if entry["problem"]:
            print(f"{entry['name']}: {entry['problem']}")
        elif entry["found"] is None:
            print(f"{entry['name']} is not here: {entry['file']}, from {entry['where']}")
    print(f"Looked in {', '.join(str(folder) for folder in data_folders())}")


def _embedded(name: str) -> dict[str, Any]:
    """What is known of a benchmark that comes with the package."""
    from arch2vec import benchmarks

    table = benchmarks.load(name)
    return {
        "name": name,
        "benchmark": name,
        "file": table.path.name,
        "found": str(table.path),
        "table": str(table.path),
        "verified": None,  # nothing else is published to compare with
        "problem": None,
        "architectures": len(table),
        "metrics": len(table.metrics),
        "where": "comes with arch2vec",
    }


def _status(release: Release) -> dict[str, Any]:
    """What is known of one release: found or not, and whether it holds what is published."""
    from arch2vec.benchmarks.checks import verify
    from arch2vec.benchmarks.conversion import earlier_conversion
    from arch2vec.benchmarks.folders import find_file
    from arch2vec.benchmarks.loading import open_prepared

    path = find_file(release.file)
    table: BenchmarkTable | None = None
    verified: bool | None = None
    problem = None
    if path is not None:
        try:
            if release.schema is None:
                table = earlier_conversion(release, path)
                verified = None if table is None else bool(table.schema.source.get("verified"))
            else:
                table = open_prepared(release, path)
                # Where nothing is published to compare with, nothing is verified.
                verified = verify(table.schema, len(table), table.column, path) > 0 or None
        except InputError as error:
            verified, problem = False, str(error)
    return {
        "name": release.name,
        "benchmark": release.benchmark,
        "file": release.file,
        "found": None if path is None else str(path),
        "table": None if table is None else str(table.path),
        "verified": verified,
        "problem": problem,
        "architectures": None if table is None else len(table),
        "metrics": None if table is None else len(table.metrics),
        "where": release.where,
    }


def run_show(arguments: argparse.Namespace) -> None:
    """``arch2vec data show``."""
    from arch2vec import benchmarks

    with progress_bar("converting") as update:
        table = benchmarks.load(arguments.name, lambda done, total: update(100 * done // max(total, 1), 100, "%"))
    if arguments.json:
        print_json(_described(table))
        return
    rows = [[metric.column, str(metric), metric.description] for metric in table.metrics]
    print_table(f"{table.name}: {len(table):,} architectures of {table.space}", ["column", "what it is", "notes"], rows)


def run_convert(arguments: argparse.Namespace) -> None:
    """``arch2vec data convert``."""
    from arch2vec import benchmarks

    with progress_bar(f"converting {arguments.file.name}") as update:
        table = benchmarks.convert(
            arguments.file,
            arguments.out,
            partial=arguments.partial,
            progress=lambda done, total: update(100 * done // max(total, 1), 100, "%"),
        )
    if arguments.json:
        print_json(_described(table))
        return
    compared = table.schema.source.get("verified", 0)
    release = table.schema.source.get("release") or "unknown release"
    checked = f"{compared} published optima confirmed" if compared else "not compared with anything published"
    part = ", a part of the benchmark" if table.schema.partial else ""
    print(f"{table.name}: {len(table):,} architectures{part}, {len(table.metrics)} columns; {release}, {checked}")
    print(table.path)


def _described(table: BenchmarkTable) -> dict[str, Any]:
    return {
        "benchmark": table.name,
        "space": table.space,
        "table": str(table.path),
        "architectures": len(table),
        "partial": table.schema.partial,
        "description": table.schema.description,
        "source": dict(table.schema.source),
        "metrics": [asdict(metric) for metric in table.metrics],
    }
