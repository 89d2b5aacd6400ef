"""Progress curves: their numbers and their looks; and the files that figures are written to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from numpy.typing import NDArray

from arch2vec.reports.cells import draw_cell
from arch2vec.reports.curves import best_so_far
from arch2vec.reports.progress import Axis, mean_progress
from arch2vec.reports.style import PALETTE, method_styles, mixed
from arch2vec.spaces import get_space
from figures import ANYTHING, assert_texts_are_apart_and_inside, drawn, random_dag, text_boxes
from one_line import error_of

SPACE = get_space("nasbench201")


# Progress


def naive_mean(runs: list[list[tuple[float, float]]], at: float) -> list[float]:
    """The best value of each run up to cost ``at``, by looking at everything."""
    best = []
    for run in runs:
        spent, values = 0.0, []
        for value, cost in run:
            spent += cost
            if spent <= at and not np.isnan(value):
                values.append(value)
        best.append(max(values))
    return best


values = st.one_of(st.floats(0, 100), st.just(float("nan")))
runs_strategy = st.lists(
    st.lists(st.tuples(values, st.integers(0, 20).map(float)), min_size=1, max_size=12).filter(
        lambda run: not all(np.isnan(value) for value, _ in run)
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(runs=runs_strategy, by_cost=st.booleans())
def test_progress_is_the_naive_mean(runs: list[list[tuple[float, float]]], by_cost: bool) -> None:
    if not by_cost:
        runs = [[(value, 1.0) for value, _ in run] for run in runs]
    arrays = [np.array(run) for run in runs]
    progress = mean_progress("a", arrays, "cost_s" if by_cost else "evaluations", "deviation")
    assert progress.runs == len(runs)
    assert (np.diff(progress.x) > 0).all() and (np.diff(progress.mean) >= -1e-9).all()
    for at, mean, low, high in zip(progress.x, progress.mean, progress.low, progress.high, strict=True):
        best = naive_mean(runs, at)
        deviation = np.std(best, ddof=1) if len(best) > 1 else 0.0
        assert mean == pytest.approx(np.mean(best))
        assert low == pytest.approx(max(np.mean(best) - deviation, min(best)), abs=1e-9)
        assert high == pytest.approx(min(np.mean(best) + deviation, max(best)), abs=1e-9)
    assert progress.x[-1] == max(sum(cost for _, cost in run) for run in runs)


def test_frames_and_arrays_are_the_same() -> None:
    frame = pd.DataFrame(
        {
            "run": [2, 1, 2, 1, 2],
            "validation": [50.0, 10.0, 40.0, 30.0, 60.0],
            "cost_s": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )
    arrays = [np.array([[10.0, 2.0], [30.0, 4.0]]), np.array([[50.0, 1.0], [40.0, 3.0], [60.0, 5.0]])]
    axes: tuple[Axis, ...] = ("evaluations", "cost_s")
    for x in axes:
        one, other = mean_progress("a", frame, x, "ci95"), mean_progress("a", arrays, x, "ci95")
        for field in ("x", "mean", "low", "high"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert list(mean_progress("a", frame, "cost_s", "deviation").x) == [2.0, 4.0, 6.0, 9.0]
    assert list(mean_progress("a", frame, "cost_s", "deviation").mean) == [30.0, 30.0, 40.0, 45.0]
    by_seed = mean_progress("a", frame.rename(columns={"run": "seed"}), "evaluations", "deviation")
    assert by_seed.runs == 2 and list(by_seed.mean) == [30.0, 40.0, 45.0]
    assert mean_progress("a", frame.drop(columns="run"), "evaluations", "deviation").runs == 1


def test_the_confidence_interval_is_the_normal_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(50, 5, size=400)
    progress = mean_progress("a", [[value] for value in values], "evaluations", "ci95")
    expected = 1.96 * values.std(ddof=1) / 20
    assert progress.high[0] - progress.mean[0] == pytest.approx(expected, rel=1e-4)


def test_long_runs_are_thinned() -> None:
    rng = np.random.default_rng(0)
    runs = [np.stack([rng.random(3000), rng.random(3000)], axis=1) for _ in range(3)]
    progress = mean_progress("a", runs, "cost_s", "deviation")
    assert len(progress.x) == 1000
    assert progress.mean[-1] == np.mean([run[:, 0].max() for run in runs])


def test_bad_trajectories(tmp_path: Path) -> None:
    path, frame = tmp_path / "a.png", pd.DataFrame({"value": [1.0], "validation": [1.0]})

    def line(runs: object, x: str = "evaluations", **options: object) -> str:
        return error_of(lambda: best_so_far({"bo": runs}, path, x=x, **options))  # type: ignore[dict-item, arg-type]

    assert error_of(lambda: best_so_far({}, path)) == "no trajectories to draw"
    assert line([]) == "the trajectories of 'bo' hold no run"
    assert line(frame, "cost_s") == "the trajectories of 'bo' have no column 'cost_s'; they have value, validation"
    assert line(frame[["value"]]) == "the trajectories of 'bo' have no column 'validation'; they have value"
    assert line([[1.0]], "cost_s") == "a run of 'bo' has no costs: an array (n, 2) of values and seconds is needed"
    assert line([np.zeros((2, 3))]) == "a run of 'bo' must be an array (n,) or (n, 2), got (2, 3)"
    assert line([[np.nan, np.nan]]) == "a run of 'bo' has no value in 2 evaluations"
    assert line([[]]) == "a run of 'bo' has no value in 0 evaluations"
    assert line([[1.0, np.inf]]) == "a run of 'bo' has an infinite value at evaluation 2"
    assert line([[(1.0, -1.0)]], "cost_s") == "a run of 'bo' has a cost that is negative or not finite"
    assert line([[1.0]], "hours") == "unknown horizontal axis 'hours'; known: cost_s, evaluations"
    assert line([[1.0]], band="iqr") == "unknown band 'iqr'; known: ci95, deviation"
    assert list(tmp_path.iterdir()) == []


# Curves


def many_runs(num_methods: int, seed: int = 0) -> dict[str, list[NDArray[np.float64]]]:
    rng = np.random.default_rng(seed)
    return {
        f"method {i}": [np.stack([rng.uniform(60, 90, 40), rng.uniform(1, 400, 40)], axis=1) for _ in range(3)]
        for i in range(num_methods)
    }


@pytest.mark.parametrize(("num_methods", "x"), [(1, "evaluations"), (5, "cost_s"), (25, "evaluations")])
def test_texts_of_curves_do_not_collide(num_methods: int, x: Axis) -> None:
    trajectories = many_runs(num_methods)
    trajectories["a method with quite a long name, $5 a$ run"] = trajectories["method 0"]
    figure = drawn(lambda path: best_so_far(trajectories, path, x=x, optimum=90.0, title="Title"))
    assert_texts_are_apart_and_inside(figure)
    texts = {text for text, _ in text_boxes(figure)}
    assert set(trajectories) | {"optimum", "Title", "mean of 3 runs ± one standard deviation"} <= texts
    assert ("cost (hours)" in texts) == (x == "cost_s")


def test_labels_are_in_the_order_of_the_curves() -> None:
    trajectories = many_runs(9)
    figure = drawn(lambda path: best_so_far(trajectories, path))
    ends = {name: np.mean([run[:, 0].max() for run in runs]) for name, runs in trajectories.items()}
    notes = [note for note in figure.axes[0].texts if isinstance(note, Annotation)]
    by_height = [note.get_text() for note in sorted(notes, key=lambda note: note.xyann[1])]
    assert by_height == sorted(ends, key=ends.__getitem__)
    assert all(note.xy[1] == pytest.approx(ends[note.get_text()]) for note in notes)


def test_curves_are_steps_of_the_mean() -> None:
    runs = [[10.0, 40.0, 20.0], [30.0, 20.0, 50.0]]
    figure = drawn(lambda path: best_so_far({"bo": runs}, path))
    line = next(line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post")
    np.testing.assert_array_equal(line.get_xydata(), [[1, 20], [2, 35], [3, 45]])
    assert len(figure.axes[0].collections) == 1
    alone = drawn(lambda path: best_so_far({"bo": runs[:1]}, path))
    assert len(alone.axes[0].collections) == 0 and "one run each" in dict(text_boxes(alone))


def test_the_first_rise_does_not_flatten_the_rest() -> None:
    steep = [10.0, *np.linspace(90, 91, 99)]
    low, high = drawn(lambda path: best_so_far({"bo": [steep]}, path)).axes[0].get_ylim()
    assert 89 < low < 90.1 and 91 < high < 92
    slow = np.linspace(10, 91, 100)
    assert drawn(lambda path: best_so_far({"bo": [slow]}, path)).axes[0].get_ylim()[0] < 10


@pytest.mark.parametrize(
    ("run", "x"), [([50.0], "evaluations"), ([50.0, 50.0], "evaluations"), ([(50.0, 0.0)], "cost_s")]
)
def test_a_curve_of_one_point(run: list[float], x: Axis) -> None:
    figure = drawn(lambda path: best_so_far({"bo": [run]}, path, x=x, optimum=50.0))
    assert_texts_are_apart_and_inside(figure)
    assert any(line.get_marker() == "o" for line in figure.axes[0].lines)


def test_method_styles() -> None:
    names = [f"m{i}" for i in range(len(PALETTE) * 4)]
    assert len(set(method_styles(names).values())) == len(names)
    assert method_styles(names) == method_styles(reversed(names))
    assert {line for _, line in method_styles(["random", "bo", "rl", "x", "y", "z", "evolution"]).values()} == {"-"}
    known = method_styles(["random", "bo", "rl", "evolution", "local"])
    for name in known:
        assert method_styles([name, "anything", "else"])[name] == known[name]
    assert method_styles(["anything"])["anything"] == method_styles(["anything", "bo"])["anything"]
    assert error_of(lambda: method_styles([*names, "more"])) == "a figure can show at most 28 methods, got 29"


# Simulation matrices, linear RGB: Machado, Oliveira and Fernandes (2009), table 1, severity 1.
COLOUR_VISION = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def lab(colour: str, vision: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* (D65) of a colour as somebody sees it."""
    encoded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = (vision @ linear).clip(0, 1)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    relative = np.array(matrix) @ seen / [0.9505, 1.0, 1.089]
    x, y, z = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_the_palette_can_be_told_apart(vision: str) -> None:
    seen = {colour: lab(colour, np.array(COLOUR_VISION[vision])) for colour in PALETTE}
    for one, other in combinations(PALETTE, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 12, (one, other)
    white = lab("#ffffff", np.eye(3))
    assert all(white[0] - seen[colour][0] > 25 for colour in PALETTE)


def test_mixed_colours() -> None:
    assert mixed("#0072B2", "#ffffff", 0.0) == "#0072b2"
    assert mixed("#0072B2", "#ffffff", 1.0) == "#ffffff"
    assert mixed("#000000", "#ffffff", 0.5) == "#808080"


# Files

DRAWERS: dict[str, Callable[[Path], None]] = {
    "curves": lambda path: best_so_far({"bo": [[1.0, 2.0], [2.0, 3.0]]}, path, optimum=4.0),
    "cell": lambda path: draw_cell(SPACE, SPACE.enumerate()[0], path, title="A cell"),
    "graph": lambda path: draw_cell(ANYTHING, random_dag(0, 0.5), path),
}


@pytest.fixture(params=DRAWERS)
def draw(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return DRAWERS[request.param]


@pytest.mark.parametrize("suffix", ["PNG", "svg", "pdf"])
def test_files_have_the_format_of_their_name(draw: Callable[[Path], None], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"figure.{suffix}"
    draw(path)
    content = path.read_bytes()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    if suffix == "PNG":
        assert content.startswith(b"\x89PNG\r\n\x1a\n") and int.from_bytes(content[16:20], "big") > 500
    elif suffix == "svg":
        assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
    else:
        assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
    draw(path)
    assert path.read_bytes() == content  # the same figure is the same bytes


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "figure.png.txt"])
def test_other_formats_are_refused(draw: Callable[[Path], None], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert error_of(lambda: draw(path)) == f"cannot draw {path}: a figure's name ends in .png, .svg or .pdf"
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file_and_no_other(
    draw: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figure.png"
    path.write_text("old")

    def half(figure: Figure, target: Path, **options: object) -> None:
        Path(target).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="disk full"):
        draw(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be(draw: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert error_of(lambda: draw(tmp_path / "file" / "a.png")).startswith(f"cannot write {tmp_path}/file/a.png: ")


def test_settings_of_matplotlib_stay_as_they_are(draw: Callable[[Path], None], tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    draw(tmp_path / "a.svg")
    assert dict(mpl.rcParams) == before


def test_matplotlib_is_imported_late_and_pyplot_never(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import arch2vec.reports.curves as plots;"
        "assert not {'matplotlib', 'pandas', 'scipy', 'torch'} & set(sys.modules), 'too early';"
        f"plots.best_so_far({{'a': [[1.0, 2.0]]}}, Path({str(tmp_path / 'a.png')!r}));"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
