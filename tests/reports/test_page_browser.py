"""The page in a real browser: what a reader points at, clicks, plays and switches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from arch2vec.embedding import Embedding
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.reports.page import report
from arch2vec.searching.study import search
from arch2vec.spaces import get_space
from browser import Page, browser

SPACE = get_space("nasbench201")
CELLS = SPACE.sample(400, np.random.default_rng(0))
HOSTILE = "<img src=x onerror=\"document.body.dataset.broken='yes'\"></script><script>boom()</script>"


class Made(Objective):
    name = HOSTILE
    space = "nasbench201"
    description = f"accuracy by the number of convolutions {HOSTILE}"

    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        worth = 60 + 5 * architecture.count("nor_conv_3x3") - 7 * architecture.count("none")
        return Outcome(float(worth), worth - 1.5, 10.0, {"length": float(len(architecture))})


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Embedding]:
    folder = tmp_path_factory.mktemp("search")
    rng = np.random.default_rng(1)
    embedding = Embedding(SPACE, CELLS, rng.normal(size=(len(CELLS), 3)).astype(np.float32))
    search(embedding, Made(), "random", budget=40, out=folder / "study")
    embedding.save(folder / "vectors.parquet")
    return report(folder / "study", vectors=folder / "vectors.parquet").file, embedding


def opened(page: Page, path: Path, width: int = 1280) -> Page:
    page.complaints.clear()
    page.open(path, width)
    page.value("document.getElementById('plane').scrollIntoView({ block: 'center', behavior: 'instant' })")
    page.settle()
    return page


def place(page: Page, text: str) -> tuple[float, float]:
    """Where an architecture is on the screen."""
    at = page.value(
        "(() => { const box = document.getElementById('plane').getBoundingClientRect();"
        f" const at = arch2vecMap.place(arch2vecMap.texts.indexOf({text!r}));"
        " return [box.x + at[0], box.y + at[1]]; })()"
    )
    return float(at[0]), float(at[1])


def details(page: Page) -> str:
    return str(page.value("document.getElementById('details').innerText"))


def alone(embedding: Embedding, page: Page) -> str:
    """An architecture that no other is drawn near."""
    found = page.value(
        "(() => { const at = arch2vecMap.texts.map((_, row) => arch2vecMap.place(row));"
        " const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);"
        " const away = at.map((a, i) => Math.min(...at.map((b, j) => i === j ? 99 : far(a, b))));"
        " return arch2vecMap.texts[away.indexOf(Math.max(...away))]; })()"
    )
    assert found in embedding.architectures
    return str(found)


def test_opens_without_a_complaint_or_a_request(page: Page, made: tuple[Path, Embedding]) -> None:
    for width in (1280, 390):
        opened(page, made[0], width)
        assert page.complaints == []
        assert page.requests == [made[0].resolve().as_uri()]
        assert page.value("document.documentElement.scrollWidth") <= width
        assert page.value("document.body.dataset.broken") is None
        assert "onerror" in page.value("document.body.innerText")  # what users name is shown as it is


def test_hover_shows_the_cell_and_its_numbers(page: Page, made: tuple[Path, Embedding]) -> None:
    opened(page, made[0])
    text = alone(made[1], page)
    page.point(*place(page, text))
    page.settle()
    assert text in details(page).replace("\n", "")
    assert page.value("document.querySelectorAll('#details svg circle').length") == 4
    assert "parameters" in details(page)
    page.point(1, 1)
    page.settle()
    assert "Point at an architecture" in details(page)


def test_an_evaluated_one_has_its_values(page: Page, made: tuple[Path, Embedding]) -> None:
    opened(page, made[0])
    text = str(page.value("document.querySelector('button.show').dataset.show"))
    page.value("document.querySelector('button.show').click()")
    page.settle()
    right = Made().evaluate(text)
    shown = details(page)
    assert f"{right.validation:g}" in shown and f"{right.test:g}" in shown and "order of evaluation" in shown


def test_selecting_lists_the_nearest(page: Page, made: tuple[Path, Embedding]) -> None:
    path, embedding = made
    opened(page, path)
    text = alone(embedding, page)
    page.click(*place(page, text))
    page.settle()
    listed = page.value("[...document.querySelectorAll('#details .near button')].map((one) => one.textContent)")
    rows, distances = embedding.nearest(embedding.vectors[embedding.index_of(text)], 9)
    assert listed == [embedding.architectures[row] for row in rows[1:]]
    assert f"{distances[1]:.2f}".rstrip("0").rstrip(".") in details(page)
    page.value("document.querySelector('#details .near button').click()")
    assert listed[0] in details(page).replace("\n", "")


def test_colours_switch(page: Page, made: tuple[Path, Embedding]) -> None:
    opened(page, made[0])
    options = page.value("[...document.getElementById('colour').options].map((one) => one.textContent)")
    assert options[:2] == ["validation, %", "test, %"] and "order of evaluation" in options and "parameters" in options
    seen = set()
    for number in range(len(options)):
        page.value(
            f"(() => {{ const box = document.getElementById('colour'); box.selectedIndex = {number};"
            " box.dispatchEvent(new Event('change')); })()"
        )
        page.settle()
        assert options[number].split(",")[0] in page.value("document.getElementById('scale').textContent")
        seen.add(page.value("document.getElementById('cloud').toDataURL()"))
    assert len(seen) >= len(options) - 2  # test is validation less a constant; all cost the same


def test_the_path_plays(page: Page, made: tuple[Path, Embedding]) -> None:
    opened(page, made[0])
    assert page.value("Number(document.getElementById('step').max)") == 40
    page.value("document.getElementById('play').click()")
    page.wait("Number(document.getElementById('step').value) >= 3")
    assert "best so far" in page.value("document.getElementById('says').textContent")
    page.value("document.getElementById('play').click()")
    stopped = page.value("Number(document.getElementById('step').value)")
    time.sleep(0.3)
    assert page.value("Number(document.getElementById('step').value)") == stopped < 40
    before = page.value("document.getElementById('marks').toDataURL()")
    page.value(
        "(() => { const s = document.getElementById('step'); s.value = 40; s.dispatchEvent(new Event('input')); })()"
    )
    page.settle()
    assert page.value("document.getElementById('marks').toDataURL()") != before
    assert "Evaluation 40" in page.value("document.getElementById('says').textContent")


def test_curves_answer(page: Page, made: tuple[Path, Embedding]) -> None:
    opened(page, made[0])
    page.value("document.querySelector('.drawing').scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = page.value(
        "(() => { const b = document.querySelector('.drawing svg').getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height]; })()"
    )
    page.point(box[0] + box[2] * 0.7, box[1] + box[3] * 0.5)
    assert "random:" in page.value("document.querySelector('.tip').innerText")
    page.value("document.querySelectorAll('.views button')[1].click()")
    assert "test value" in page.value("document.querySelector('.drawing svg').textContent")
    assert page.complaints == []


@pytest.mark.slow
def test_several_parts_are_chosen_from(page: Page, tmp_path: Path) -> None:
    for name in ("first", "second"):
        search(Embedding(SPACE, CELLS, CELLS.ops[:, 1:4].astype(np.float32)), Made(), "random", 6, out=tmp_path / name)
    made = report(tmp_path).file
    inner = "document.getElementById('part').contentDocument"
    ready = f"{inner}?.documentElement?.dataset.ready === 'yes' && {inner}.querySelector('h1').textContent"
    for width in (1280, 390):
        page.complaints.clear()
        page.open(made, width)
        page.wait(f"{ready} === 'first: search'")
        page.value("document.querySelectorAll('button[data-part]')[1].click()")
        page.wait(f"{ready} === 'second: search'")
        page.value(f"{inner}.querySelector(\"nav a[href='#map']\").click()")
        page.wait(f"{inner}.defaultView.scrollY > 0")  # the link leads to the map of the part, not to another page
        assert page.value(f"{ready}") == "second: search"
        assert page.value(f"{inner}.querySelectorAll('#cloud').length") == 1
        assert page.value(f"{inner}.documentElement.scrollWidth") <= width
        assert page.complaints == []
        assert page.requests == [made.resolve().as_uri()]


@pytest.mark.slow
def test_all_of_nasbench201_is_small_and_quick(page: Page, tmp_path: Path) -> None:
    everything = SPACE.enumerate()
    points = np.random.default_rng(0).normal(size=(len(everything), 2))
    embedding = Embedding(SPACE, everything, points.astype(np.float32))
    search(embedding, Made(), "random", budget=30, out=tmp_path / "study")
    embedding.save(tmp_path / "vectors.safetensors")
    found = report(tmp_path / "study", vectors=tmp_path / "vectors.safetensors")
    assert found.points == 15_625 and found.bytes < 5_000_000
    opened(page, found.file)
    busy = page.call("Performance.enable") or {
        m["name"]: m["value"] for m in page.call("Performance.getMetrics")["metrics"]
    }
    assert busy["ScriptDuration"] + busy["LayoutDuration"] < 2.0  # of its own, whatever else the machine does
    assert page.complaints == []
