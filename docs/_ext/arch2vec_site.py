"""What the site adds to Sphinx: measured tables from ``results/``, and the pages of that folder themselves.

``{measured} METHOD`` becomes what ``results/`` holds of a search method, read when the site is built, so that no page
can tell other figures than the tables.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
PAGES = Path(__file__).parents[1] / "results"  # made at every build, ignored by git

NEXT = "\N{NO-BREAK SPACE}"
COLUMNS = ("on", "at", "runs", "validation, %", "test, %", "at the optimum", "s a run")
TABLES = {
    "nasbench201-search": ("NAS-Bench-201", "25 evaluations", "50 evaluations", "100 evaluations"),
    "nasbench101-search": ("NAS-Bench-101", "50 evaluations", "150 evaluations", "300 evaluations"),
    "structure-search": ("", "16 evaluations", "25 evaluations", "50 evaluations", "100 evaluations"),
}
NAMES = {
    "nasbench201-cifar10": "NAS-Bench-201, CIFAR-10",
    "nasbench201-cifar100": "NAS-Bench-201, CIFAR-100",
    "nasbench201-imagenet16-120": "NAS-Bench-201, ImageNet16-120",
    "nasbench101": "NAS-Bench-101, all cells",
    "nasbench101-measured": "NAS-Bench-101, cells with validation",
}


def measured(method: str) -> list[dict[str, str]]:
    """What results hold of a method: a row an objective and number of evaluations."""
    rows = []
    for folder, (_, *cuts) in TABLES.items():
        for path in sorted((RESULTS / folder).glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as opened:
                table = list(csv.DictReader(opened))
            if not table or "optimum_share" not in table[0]:
                continue
            rows += [row for row in table if row["method"] == method and row["budget"] in cuts]
    return rows


def line(row: dict[str, str]) -> list[str]:
    """A row as the site shows it."""

    def spread(name: str) -> str:
        mean, std = row[f"{name}_mean"], row[f"{name}_std"]
        if not mean or mean == "nan":
            return ""
        return f"{float(mean):.2f}{NEXT}±{NEXT}{float(std):.2f}" if std and std != "nan" else f"{float(mean):.2f}"

    share = row["optimum_share"]
    return [
        NAMES.get(row["objective"], row["objective"]),
        row["budget"],
        row["runs"],
        spread("validation"),
        spread("test"),
        f"{100 * float(share):.0f} %" if share and share != "nan" else "",
        f"{float(row['seconds_per_run']):.2f}",
    ]


class Measured(SphinxDirective):
    """The table of a method, or with ``peers`` that of Optuna's samplers."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the table; a method without measurements is a mistake on the page."""
        name = self.arguments[0]
        headings, rows = peers() if name == "peers" else (list(COLUMNS), [line(row) for row in measured(name)])
        if not rows:
            raise self.error(f"results/ hold nothing of {name!r}")
        text = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
        text += [f"| {' | '.join(cells)} |" for cells in rows]
        holder = nodes.container()
        self.state.nested_parse(StringList(text, source=name), self.content_offset, holder)
        return holder.children


def peers() -> tuple[list[str], list[list[str]]]:
    """Optuna's sampler and the default method: a row a sampler and number of evaluations, a column a data set."""
    with (RESULTS / "peers" / "nasbench201.csv").open(encoding="utf-8", newline="") as opened:
        found = list(csv.DictReader(opened))
    datasets = list(dict.fromkeys(row["dataset"] for row in found))
    cells = {
        (row["evaluations"], row["sampler"], row["runs"], row["dataset"]): _test(
            row["test"], row["std"], row["at the optimum"]
        )
        for row in found
    }
    budgets = list(dict.fromkeys(row["evaluations"] for row in found))
    for row in measured("group-bo"):
        dataset, count = row["objective"].removeprefix("nasbench201-"), row["budget"].removesuffix(" evaluations")
        if dataset in datasets and count in budgets:
            shown = _test(row["test_mean"], row["test_std"], row["optimum_share"])
            cells[count, "group-bo", row["runs"], dataset] = shown
    lines = sorted({key[:3] for key in cells}, key=lambda key: (int(key[0]), key[1] == "group-bo"))
    rows = [[*key, *(cells.get((*key, dataset), "") for dataset in datasets)] for key in lines]
    return ["evaluations", "sampler", "runs", *datasets], rows


def _test(mean: str, std: str, share: str) -> str:
    return f"{float(mean):.2f}{NEXT}±{NEXT}{float(std):.2f} ({100 * float(share):.0f}{NEXT}%)"


def copy_results(_app: Sphinx) -> None:
    """Bring the pages of ``results/`` and their pictures into the site."""
    shutil.rmtree(PAGES, ignore_errors=True)
    for path in sorted(RESULTS.rglob("*")):
        if path.suffix in (".md", ".png", ".svg"):
            target = PAGES / path.relative_to(RESULTS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def links(_app: Sphinx, name: str, source: list[str]) -> None:
    """Turn links between the repository's folders into links between pages."""
    depth = name.count("/")
    if name.startswith("results/"):
        source[0] = source[0].replace("](../../docs/", "](" + "../" * depth)
        if not source[0].startswith("#"):
            source[0] = f"# {' '.join(name.split('/')[1:])}\n\n{source[0]}"
    else:
        source[0] = source[0].replace("](../results/", "](results/").replace("](../../results/", "](../results/")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    app.add_directive("measured", Measured)
    app.connect("builder-inited", copy_results)
    app.connect("source-read", links)
    return {"parallel_read_safe": True}
