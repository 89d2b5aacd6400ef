"""Curves as a page's script draws them: numbers and words, no pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from arch2vec.errors import InputError
from arch2vec.reports.page.evaluations import Evaluations, runs_of
from arch2vec.reports.style import method_styles
from arch2vec.studies.curves import Curve, regret_curve
from arch2vec.studies.runs import SearchRuns

if TYPE_CHECKING:
    from numpy.typing import NDArray

View = dict[str, Any]
Chart = dict[str, Any]

_DIGITS = 6
_UNITS = ((7200.0, 3600.0, "h"), (300.0, 60.0, "min"), (0.0, 1.0, "s"))


def search_chart(found: Evaluations, objective: str, optimum: Mapping[str, float]) -> tuple[Chart | None, list[str]]:
    """The best so far of every method against one objective: by evaluations and by cost, validation and test.

    Args:
        found: the evaluations that are drawn.
        objective: one of its objectives.
        optimum: the best values there are, by column, where they are known.

    Returns:
        The chart, None where there is nothing to draw, and a line for each method that cannot be drawn whole.
    """
    mine = found.frame[found.frame["objective"] == objective]
    many, notes = [], []
    for method, rows in mine.groupby("method", sort=False):
        runs = runs_of(rows)
        alive = (runs.incumbents >= 0).any(axis=1)
        if not alive.all():
            notes.append(f"{int((~alive).sum())} of {len(runs)} runs of {method} have no evaluation that succeeded.")
        if alive.any():
            many.append(runs.select(runs.seeds[alive].tolist()))
    columns = [("reported", f"best {found.signal}")]
    if mine["test"].notna().any():
        what = "test value of the best by validation" + (f", {found.unit}" if found.unit else "")
        columns.append(("test", what))
    longest = max((float(runs.cumulative_cost_s.max()) for runs in many), default=0.0)
    views = []
    for axis in ("evaluations", "seconds") if longest > 0 else ("evaluations",):
        for column, what in columns:
            drawn = [runs for runs in many if np.isfinite(getattr(runs, column)).any()]
            if view := _search_view(
                drawn, column, axis, what, longest, optimum.get("test" if column == "test" else "validation")
            ):
                views.append(view)
    if not views:
        return None, notes
    counts = sorted({len(runs) for runs in many})
    count = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    single = "One run each." if len(many) > 1 else ""
    band = single if counts == [1] else f"Mean of {count} runs, band: 95 % confidence interval (bootstrap)."
    return {"title": objective, "views": views, "note": band}, notes


def _search_view(
    many: Sequence[SearchRuns], column: str, axis: str, what: str, longest: float, optimum: float | None
) -> View | None:
    unit, word = 1.0, ""
    if axis == "seconds":
        unit, word = next((unit, word) for least, unit, word in _UNITS if longest >= least)
    curves: dict[str, Curve] = {}
    for runs in many:
        try:  # the value is what is missing to nothing
            curves[runs.method] = regret_curve(runs, 0.0, column=column, x=axis)
        except InputError:
            continue
    if not curves:
        return None
    label = "evaluations" if axis == "evaluations" else f"cost of the evaluations, {word}"
    drawn = [
        {
            "name": name,
            "x": _numbers(curve.x / unit),
            "mean": _numbers(-curve.mean),
            "low": _numbers(-curve.high) if curve.runs > 1 else None,
            "high": _numbers(-curve.low) if curve.runs > 1 else None,
        }
        for name, curve in curves.items()
    ]
    short = "test" if column == "test" else "validation"
    view: View = {"label": f"{short} by {'evaluations' if axis == 'evaluations' else 'cost'}", "x": label, "y": what}
    view |= {"series": styled(drawn), "step": True}
    if optimum is not None:
        view["reference"] = {"label": "best there is", "value": _number(optimum)}
    return view


def epochs_chart(title: str, records: Sequence[Mapping[str, Any]], lines: Mapping[str, str], y: str) -> Chart | None:
    """Numbers of a training, epoch by epoch.

    Args:
        title: of the chart.
        records: one an epoch, with ``epoch``.
        lines: the names of numbers, ``a/b`` for ``b`` within ``a``, and what they are called.
        y: what they are in.
    """
    series = []
    for key, name in lines.items():
        pairs = [(record["epoch"], value) for record in records if (value := within(record, key)) is not None]
        if pairs:
            series.append({"name": name, "x": [at for at, _ in pairs], "mean": [_number(value) for _, value in pairs]})
    if not series:
        return None
    view = {"label": "by epoch", "x": "epoch", "y": y, "series": styled(series), "step": False}
    return {"title": title, "views": [view], "note": ""}


def within(record: Mapping[str, Any], key: str) -> float | None:
    """A number of a record, None where it has none of that name."""
    value: Any = record
    for part in key.split("/"):
        value = value.get(part) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def styled(series: Iterable[View]) -> list[View]:
    """Lines with a colour and a dash each, as in our figures."""
    drawn = list(series)
    styles = method_styles([str(line["name"]) for line in drawn])
    dashes = {"-": "", "--": "7 4", ":": "2 3", "-.": "8 3 2 3"}
    return [
        {"low": None, "high": None, **line, "colour": styles[line["name"]][0], "dash": dashes[styles[line["name"]][1]]}
        for line in drawn
    ]


def _number(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [_number(value) for value in values.tolist()]
