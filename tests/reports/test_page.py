"""The page of a folder, without a browser: what is in it, what is hidden, and what is refused."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arch2vec.cli import main
from arch2vec.common.ownership import owning
from arch2vec.common.request import given_as, note_start
from arch2vec.common.storage import read_json, write_json
from arch2vec.embedding import Embedding
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.spec import resolve_objective
from arch2vec.reports.page import build, landscape, report
from arch2vec.searching.study import search
from arch2vec.spaces import get_space
from arch2vec.studies import Budget, run_study
from arch2vec.studies.inspection.top import top
from one_line import error_of
from search_helpers import chain, embed

SPACE = get_space("nasbench201")
CELLS = embed(SPACE, SPACE.sample(120, np.random.default_rng(0)))


class Made(Objective):
    """Worth by the number of convolutions; the test value is one that nothing else is equal to."""

    name = "made"
    space = "nasbench201"
    description = "made up"

    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        row = CELLS.index_of(architecture)
        if row % 11 == 0:
            return Outcome(float("nan"), None, 1.0)
        return Outcome(
            50.0 + row / 10, 71.777 + row / 1e6, 2.0, {"parameters": 1.0 * row, "my_Test_loss": 71.777 + row / 1e6}
        )


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'id="data">([^<]*)<', page.read_text())
    assert found is not None
    return dict(json.loads(gzip.decompress(base64.b64decode(found.group(1)))))


def numbers(packed: dict[str, str]) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(packed["data"]), dtype=np.dtype(packed["type"]))


def map_of(searched: Path) -> dict[str, Any]:
    found = report(searched / "study", searched / "page.html", vectors=searched / "vectors.parquet")
    return dict(data_of(found.file)["map"])


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    search(CELLS, Made(), "random", budget=30, out=folder / "study")
    CELLS.save(folder / "vectors.parquet")
    return folder


def test_a_search_is_on_the_page_as_it_is_in_the_folder(searched: Path) -> None:
    found = report(searched / "study", searched / "page.html", vectors=searched / "vectors.parquet", best=3)
    assert found.points == 120 and not found.masked
    text, data = found.file.read_text(), data_of(found.file)
    trials = read_json(searched / "study" / "study.json")["trials"]
    texts = data["map"]["texts"].split("\n")
    assert texts == CELLS.architectures
    path = data["map"]["paths"][0]
    assert [texts[row] for row in numbers(path["rows"])] == [trial["architecture"] for trial in trials]
    values = [np.nan if trial["validation"] is None else trial["validation"] for trial in trials]
    np.testing.assert_allclose(numbers(path["validation"]), values, rtol=1e-6)
    columns = {column["key"]: column for column in data["map"]["objectives"][0]["columns"]}
    rows = numbers(data["map"]["objectives"][0]["rows"])
    order = dict(zip(rows.tolist(), numbers(columns["order"]["values"]).tolist(), strict=True))
    assert all(order[trial["index"]] == trial["number"] for trial in trials)
    assert {"validation", "test", "cost_s", "parameters", "order"} <= set(columns)
    best = sorted(
        (trial for trial in trials if trial["validation"] is not None), key=lambda trial: -trial["validation"]
    )
    for trial in best[:3]:
        assert trial["architecture"] in text and f"{trial['test']:.2f}" in text
    assert text.count('class="picture"') == 3
    assert "which were searched" in text and "All 120 architectures" in text
    assert "src=" not in text and "http://" not in text.replace("http://www.w3.org/", "")


def test_neighbours_are_those_of_the_vectors(searched: Path) -> None:
    data = data_of(report(searched / "study", searched / "page.html", vectors=searched / "vectors.parquet").file)["map"]
    rows, distances = (
        numbers(data["neighbours"]).reshape(120, data["k"]),
        numbers(data["distances"]).reshape(120, data["k"]),
    )
    for row in (0, 17, 119):
        right, far = CELLS.nearest(CELLS.vectors[row], data["k"] + 1)
        assert rows[row].tolist() == right[1:].tolist()
        np.testing.assert_allclose(distances[row], far[1:], rtol=1e-5)


def test_cells_are_sent_as_they_are(searched: Path) -> None:
    cells = data_of(report(searched / "study", searched / "page.html", vectors=searched / "vectors.parquet").file)[
        "map"
    ]["cells"]
    ops = numbers(cells["ops"]).reshape(120, cells["vertices"])
    assert (ops == CELLS.graphs.ops).all()
    bits = np.unpackbits(numbers(cells["bits"]).reshape(120, cells["bytes"]), axis=1)
    upper = np.triu_indices(cells["vertices"], 1)
    assert (bits[:, : len(upper[0])] == CELLS.graphs.adjacency[:, upper[0], upper[1]]).all()


def test_test_values_are_hidden_while_the_search_runs(searched: Path) -> None:
    def everything(page: Path) -> str:
        return page.read_text() + json.dumps(data_of(page))

    def run() -> Path:
        return report(searched / "study", searched / "page.html", vectors=searched / "vectors.parquet").file

    asked = read_json(searched / "study" / "asked.json")
    write_json(searched / "study" / "asked.json", asked | {"budget": 100})
    with owning(searched / "study"):
        hidden = run()
    assert "Test accuracies are hidden" in hidden.read_text()
    data = data_of(hidden)
    keys = {column["key"] for column in data["map"]["objectives"][0]["columns"]}
    assert "test" not in keys and not any("test" in key.lower() for key in keys)
    assert not any("test" in view["label"] for chart in data["charts"] for view in chart["views"])
    assert "71.77" not in everything(hidden) and "71.78" not in everything(hidden)  # every test value begins so
    write_json(searched / "study" / "asked.json", asked)
    shown = run()
    assert "71.78" in shown.read_text() and "are hidden" not in shown.read_text()
    assert {"test", "my_Test_loss"} <= {column["key"] for column in data_of(shown)["map"]["objectives"][0]["columns"]}


def test_a_comparison(tmp_path: Path) -> None:
    run_study(CELLS, [Made()], ["random", "local-search"], 7, Budget(20), out=tmp_path / "many")
    data = data_of(report(tmp_path / "many").file)
    views = data["charts"][0]["views"]
    assert {view["label"] for view in views} == {
        "validation by evaluations",
        "test by evaluations",
        "validation by cost",
        "test by cost",
    }
    assert [line["name"] for line in views[0]["series"]] == ["random", "local-search"]
    for line in views[0]["series"]:
        assert all(low <= mean <= high for low, mean, high in zip(line["low"], line["mean"], line["high"], strict=True))
        assert line["mean"] == sorted(line["mean"])
    assert len(data["map"]["paths"]) == 2 * landscape.MOST_PATHS
    assert "paths of 10 of 14 searches" in (tmp_path / "many" / "report.html").read_text()


def test_large_spaces_are_sampled_and_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landscape, "MOST_POINTS", 60)
    monkeypatch.setattr(landscape, "MOST_EVALUATED", 30)
    search(CELLS, Made(), "random", budget=25, out=tmp_path / "study")
    found = report(tmp_path / "study")
    data = data_of(found.file)["map"]
    texts = data["texts"].split("\n")
    assert found.points == len(texts) == len(set(texts)) <= 60
    trials = read_json(tmp_path / "study" / "study.json")["trials"]
    assert {trial["architecture"] for trial in trials} <= set(texts)
    assert "A sample" in found.file.read_text() and "25 of 25 that were evaluated" in found.file.read_text()


def test_a_table_colours_all(searched: Path) -> None:
    found = report(searched / "study", searched / "page.html", objective=resolve_objective("digits-201"))
    table = next(column for column in data_of(found.file)["map"]["columns"] if column["key"] == "table:validation")
    assert np.isfinite(numbers(table["values"])).sum() == found.points == 15_625


def test_a_space_that_is_nobodys_has_no_map(tmp_path: Path) -> None:
    space = chain(3)
    everything = embed(space)

    def worth(architecture: str) -> float:
        return float(architecture.count("a"))

    search(everything, worth, "random", budget=5, out=tmp_path / "study")
    found = report(tmp_path / "study")
    if found.points == 0:
        assert "no code is run unasked" in found.file.read_text()


def test_what_is_refused(tmp_path: Path, searched: Path) -> None:
    study = searched / "study"
    assert "holds no run" in error_of(lambda: report(tmp_path))
    assert "ends in .html" in error_of(lambda: report(study, tmp_path / "page.pdf", projection=None))
    assert "unknown projection 'umap'" in error_of(
        lambda: report(study, vectors=searched / "vectors.parquet", projection="umap")
    )
    assert "between 1 and 100" in error_of(lambda: report(study, best=0))
    assert "is none" in error_of(lambda: report(study, objective=Made()))
    assert "of the search space 'nasbench201', not 'nasbench101'" in error_of(
        lambda: report(study, space="nasbench101")
    )
    assert "there is no storage sqlite:" in error_of(lambda: report(f"sqlite:///{tmp_path}/none.db"))
    assert list(tmp_path.glob("*.html")) == []


def parts_of(page: Path) -> list[str]:
    found = re.findall(r'id="part\d+">([^<]*)<', page.read_text())
    return [gzip.decompress(base64.b64decode(text)).decode() for text in found]


def test_a_folder_of_several_parts_has_a_page_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MOST", 6)
    monkeypatch.setattr(build, "MOST_MAPS", 4)
    for name, budget in (("a", 3), ("b/<i>c", 4)):
        search(CELLS, Made(), "random", budget=budget, out=tmp_path / "two" / name)
    made = report(tmp_path / "two", projection=None)
    assert made.file == tmp_path / "two" / "report.html" and made.points == 0
    text, parts = made.file.read_text(), parts_of(made.file)
    assert "two: 2 parts" in text and "b/&lt;i&gt;c" in text and "<i>c" not in text
    assert [
        f"{number} evaluations" in part or f">{number}, " in part for number, part in zip((3, 4), parts, strict=True)
    ]
    assert "study b" not in parts[0] and "random on made" in parts[0]
    for number in range(6):
        search(CELLS, Made(), "random", budget=1, out=tmp_path / "many" / f"{number:02}")
    found = report(tmp_path / "many")
    assert found.points == 0 and "there are no maps" in found.file.read_text()
    search(CELLS, Made(), "random", budget=1, out=tmp_path / "many" / "one-more")
    assert "holds 7 parts, a page shows at most 6: name 00, 01, 02 ..." in error_of(lambda: report(tmp_path / "many"))


def test_a_study_in_a_storage_has_a_page(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/trials.db"
    search(CELLS, Made(), "random", budget=12, storage=url)
    kept = report(url, tmp_path / "page.html", projection=None)
    text = kept.file.read_text()
    listed = re.findall(r"<code>([^<]*)</code>", text)
    assert listed[:5] == [entry.architecture for entry in top(url, 5)]
    assert f"arch2vec top {url}" in text
    search(CELLS, Made(), "evolution", budget=5, storage=url)
    assert len(parts_of(report(url, tmp_path / "page.html", projection=None).file)) == 2


def test_the_command_says_where_the_page_is(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(searched / "study"), "--vectors", str(searched / "vectors.parquet"), "--json"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert Path(answer["file"]) == searched / "study" / "report.html" and answer["points"] == 120
    assert answer["bytes"] == Path(answer["file"]).stat().st_size


def test_what_was_typed_is_kept_without_passwords(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CELLS.save(tmp_path / "v.parquet")
    typed = ["search", str(tmp_path / "v.parquet"), "--objective", "digits-201", "--budget", "3"]
    assert main([*typed, "--out", str(tmp_path / "s")]) == 0
    capsys.readouterr()
    text = report(tmp_path / "s", projection=None).file.read_text()
    assert "arch2vec search" in text and "--objective digits-201 --budget 3" in text
    with given_as(["search", "--storage", "postgresql://me:secret@host/db"]):
        note_start(tmp_path / "s")
    text = report(tmp_path / "s", projection=None).file.read_text()
    assert "postgresql://me:***@host/db" in text and "secret" not in text


def test_the_same_folder_gives_the_same_page(searched: Path) -> None:
    def page() -> bytes:
        return report(searched / "study", searched / "p.html", vectors=searched / "vectors.parquet").file.read_bytes()

    assert page() == page()


def test_one_architecture_is_a_page_too(tmp_path: Path) -> None:
    one = Embedding(SPACE, CELLS.graphs[1:2], CELLS.vectors[1:2])
    search(one, Made(), "random", budget=1, out=tmp_path / "study")
    one.save(tmp_path / "v.parquet")
    assert report(tmp_path / "study", vectors=tmp_path / "v.parquet").points == 1
