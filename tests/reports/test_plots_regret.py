"""Figures of regret: what is drawn, and that its texts can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Annotation

from arch2vec.reports.names import cost_label, objective_title
from arch2vec.reports.regret import regret_curves, regret_distributions
from arch2vec.studies.curves import Curve
from figures import assert_texts_are_apart_and_inside, drawn, text_boxes
from one_line import error_of


def curve(scale: float, end: float = 200.0) -> Curve:
    x = np.linspace(1, end, 50)
    mean = scale / np.sqrt(np.linspace(1, 200, 50))
    return Curve(x, mean, 0.9 * mean, 1.1 * mean, 500)


@pytest.mark.parametrize("count", [1, 14])
@pytest.mark.parametrize(("x", "end"), [("evaluations", 200.0), ("seconds", 1e6)])
def test_curves(count: int, x: str, end: float) -> None:
    curves = {f"a method, number {number}": curve(1 + number / 10, end) for number in range(count)}
    figure = drawn(lambda path: regret_curves(curves, path, x=x, title="NAS-Bench-201, CIFAR-10"))
    assert_texts_are_apart_and_inside(figure)
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    assert len(axes.lines) == len(axes.collections) == count
    texts = dict(text_boxes(figure))
    assert "mean of 500 runs, 95 % confidence interval" in texts
    assert ("simulated time (hours)" in texts) == (x == "seconds")
    unit = 3600.0 if x == "seconds" else 1.0
    first = curves["a method, number 0"]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xydata()), np.stack([first.x / unit, first.mean], axis=1))
    notes = [note for note in axes.texts if isinstance(note, Annotation)]
    heights = [note.get_text() for note in sorted(notes, key=lambda note: note.xyann[1])]
    assert heights == list(curves)


def test_no_regret_has_a_place_on_a_logarithmic_axis() -> None:
    nothing = Curve(np.arange(1.0, 4), np.array([1.0, 0.5, 0.0]), np.zeros(3), np.ones(3), 5)
    axes = drawn(lambda path: regret_curves({"bo": nothing}, path)).axes[0]
    assert np.isfinite(np.log(axes.get_ylim())).all()
    linear = drawn(lambda path: regret_curves({"bo": nothing}, path, log=False)).axes[0]
    np.testing.assert_array_equal(linear.lines[0].get_ydata(), nothing.mean)


def test_distributions() -> None:
    values = {"random": np.array([1.0, 3.0, np.nan, 2.0]), "bo": np.array([0.5, 0.5, 1.5, 2.0])}
    figure = drawn(lambda path: regret_distributions(values, path, title="At 150 evaluations"))
    assert_texts_are_apart_and_inside(figure)
    axes = figure.axes[0]
    lines = {str(line.get_label()): np.asarray(line.get_xydata()) for line in axes.lines}
    assert lines["random"][1:4].tolist() == [[1.0, 0.25], [2.0, 0.5], [3.0, 0.75]]
    assert lines["bo"][1:4].tolist() == [[0.5, 0.5], [1.5, 0.75], [2.0, 1.0]]
    legend = axes.get_legend()
    assert legend is not None and [text.get_text() for text in legend.get_texts()] == ["bo", "random"]


def test_equal_regrets_and_nothing_to_draw(tmp_path: Path) -> None:
    regret_distributions({"bo": np.zeros(5)}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert "no regrets" in error_of(lambda: regret_distributions({"bo": np.array([np.nan])}, tmp_path / "a.png"))
    assert "no regret curves" in error_of(lambda: regret_curves({}, tmp_path / "a.png"))
    assert "ends in .png" in error_of(lambda: regret_curves({"bo": curve(1)}, tmp_path / "a.txt"))


def test_many_distributions_are_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = {f"method {number}": rng.uniform(number, number + 1, 50) for number in range(9)}
    values["none found"] = np.full(50, np.nan)
    figure = drawn(lambda path: regret_distributions(values, path, title="Nine and one"))
    assert_texts_are_apart_and_inside(figure)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["none found", *(f"method {number}" for number in reversed(range(9)))]  # the best at the top
    means = [float(np.asarray(line.get_xdata())[0]) for line in figure.axes[0].lines if line.get_marker() == "D"]
    np.testing.assert_allclose(means, [values[name].mean() for name in names[1:]])


def test_sixteen_methods_can_be_told_apart(tmp_path: Path) -> None:
    curve = Curve(np.arange(1.0, 9), np.full(8, 0.5), np.full(8, 0.4), np.full(8, 0.6), 500)
    figure = drawn(lambda path: regret_curves({f"m{number}": curve for number in range(16)}, path, title="Sixteen"))
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in figure.axes[0].lines}
    assert len(looks) == 16
    below = [text for text in figure.axes[0].texts if "confidence" in text.get_text()]
    box = below[0].get_window_extent()
    assert box.y1 < figure.axes[0].get_window_extent().y0  # where no curve is


@pytest.mark.parametrize(
    ("column", "unit", "label"),
    [
        ("params_c10", "trainable parameters", "parameters, CIFAR-10"),
        ("macs_in16", "multiply-adds of one forward pass", "multiply-adds, ImageNet16-120"),
        ("edgegpu_latency", "inference latency, milliseconds", "edgegpu latency (ms)"),
        ("c10_edgegpu_latency", "inference latency, milliseconds", "latency on an edge GPU, CIFAR-10 (ms)"),
        ("in16_pixel3_latency", "inference latency, milliseconds", "latency on a Pixel 3, ImageNet16-120 (ms)"),
        ("c100_fpga_energy", "energy, mJ", "energy on an FPGA, CIFAR-100 (mJ)"),
        ("my_number", "", "my number"),
    ],
)
def test_costs_are_named_as_people_do(column: str, unit: str, label: str) -> None:
    assert cost_label(column, unit) == label


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("nasbench101", "NAS-Bench-101"),
        ("nasbench101-measured", "NAS-Bench-101, cells with a validation accuracy"),
        ("nasbench201-imagenet16-120", "NAS-Bench-201, ImageNet16-120"),
        ("nasbench201-cifar10-200epochs", "NAS-Bench-201, CIFAR-10, 200 epochs"),
        ("digits-201", "digits-201"),
        ("my-nasbench201", "my-nasbench201"),
    ],
)
def test_objectives_are_named_as_people_do(name: str, title: str) -> None:
    assert objective_title(name) == title
