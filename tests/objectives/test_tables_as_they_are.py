"""Tables in the forms that people have them in, from the files to a search on the command line."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import arch2vec
from arch2vec.cli.main import main
from arch2vec.embedding import Embedding
from arch2vec.objectives.spec import resolve_objective
from arch2vec.objectives.table import TableObjective
from arch2vec.spaces import SearchSpace, get_space
from one_line import error_of

DECLARATION = """name: chain
carries: vertices
operations: [relu, tanh, skip]
vertices: 5
edges: [[0,1],[1,2],[2,3],[3,4]]
"""
CELLS = ["|".join(names) for names in itertools.product(("relu", "tanh", "skip"), repeat=3)]
VALUES = [40 + 1.25 * at for at in range(len(CELLS))]


@pytest.fixture
def space(tmp_path: Path) -> SearchSpace:
    (tmp_path / "chain.yaml").write_text(DECLARATION)
    return get_space(str(tmp_path / "chain.yaml"))


def lines(separator: str = ",", comma: str = ".") -> list[str]:
    rows = [f"{cell}{separator}{value:.2f}".replace(".", comma) for cell, value in zip(CELLS, VALUES, strict=True)]
    return [f"arch{separator}val", *rows]


def table(path: Path, space: SearchSpace, **options: object) -> TableObjective:
    arguments: dict[str, object] = {"validation": "val", "architecture": "arch", "space": space, **options}
    return TableObjective(path, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.csv", "\n".join(lines())),
        ("semicolons.csv", "\n".join(lines(";"))),
        ("tabs.tsv", "\n".join(lines("\t"))),
        ("commas.csv", "\n".join(lines(";", ","))),
        ("tab-commas.txt", "\n".join(lines("\t", ","))),
        ("comments.csv", "\n".join(["# measured in May", "", *lines(";")[:5], "# the rest", *lines(";")[5:], "# end"])),
        ("percent.csv", "\n".join([lines(";")[0], *(f"{line} %" for line in lines(";")[1:])])),
        ("windows.csv", "\r\n".join(["# comment", *lines(";")])),
        ("old-mac.csv", "\r".join(lines())),
        ("blanks.txt", "\n".join(line.replace(",", "   ") for line in lines())),
        ("spaced.csv", "\n".join(lines(" , "))),
        ("bars.csv", "\n".join(line.replace("|", "-") for line in lines()).replace(",", "|")),
        ("spreadsheet.csv", "\n".join(["sep=;", *lines(";", ",")])),
        ("numpy.csv", "\n".join([f"# {lines()[0]}", *lines()[1:]])),
    ],
)
@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
def test_delimiters_commas_comments_and_archives(
    tmp_path: Path, space: SearchSpace, name: str, text: str, packed: str
) -> None:
    path = tmp_path / f"{name}{packed}"
    if packed == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif packed == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, text)
    else:
        path.write_bytes(text.encode())
    view = table(path, space).columns()
    assert view.validation.tolist() == pytest.approx(VALUES, abs=0.005)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(tmp_path: Path, space: SearchSpace, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes("\r\n".join(lines(";", ",")).encode(encoding))
    assert table(tmp_path / "t.csv", space).columns().validation.tolist() == pytest.approx(VALUES, abs=0.005)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("größe,arch\n1,relu".encode("latin-1"), "not UTF-8 .byte 0xf6 in line 1.; if it is Latin-1 .* iconv"),
        (b'[{"arch": "relu"}]', "it is JSON"),
        (b"\x89HDF\r\n\x1a\n", "it is HDF5"),
        (b"\x80\x04\x95", "it is a pickle"),
        (b"My results\n" + "\n".join(lines()).encode(), "first line, 'My results', doesn't name the columns"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, space: SearchSpace, content: bytes, said: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        table(tmp_path / "t.csv", space)


@pytest.mark.parametrize(
    ("column", "said"),
    [(name, "less is better") for name in ("mse", "latency_ms", "val_regret", "FID", "params")]
    + [(name, "sounds like a number") for name in ("id", "best_epoch", "seed", "row")],
)
def test_columns_whose_names_say_that_they_are_no_accuracy(
    tmp_path: Path, space: SearchSpace, column: str, said: str
) -> None:
    (tmp_path / "t.csv").write_text("\n".join(lines()).replace("val", column, 1))
    assert said in error_of(lambda: table(tmp_path / "t.csv", space, validation=column))
    assert len(table(tmp_path / "t.csv", space, validation=column, minimise=False, scale=1.0)) == len(CELLS)


def test_architectures_over_several_lines_and_without_a_value(tmp_path: Path) -> None:
    cells = ["\"[[0 1]\n [0 0]], ['input' 'output']\"", "\"[[0 1 0]\n [0 0 1]\n [0 0 0]], ['conv3x3']\""]
    (tmp_path / "t.csv").write_text(f"Architecture,val\n{cells[0]},91.5\n{cells[1]},failed\n")
    objective = TableObjective(tmp_path / "t.csv", validation="val", space="nasbench101", partial=True)
    assert objective.evaluate("01;00|input,output").validation == 91.5


def test_archives_that_hold_no_table(tmp_path: Path, space: SearchSpace) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "\n".join(lines()))
        archive.writestr("b.csv", "")
    assert "holds a.csv, b.csv; a zip of one table" in error_of(lambda: table(path, space))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"arch,val\n" * 99)[:-9])
    assert "damaged compressed file" in error_of(lambda: table(tmp_path / "t.csv.gz", space))


def test_what_is_missing_is_left_out_when_asked(tmp_path: Path, space: SearchSpace) -> None:
    rows = lines(";")
    rows[3] = f"{CELLS[2]};"
    rows[7] = ";50"
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows))
    assert "partial=true leaves" in error_of(lambda: table(path, space))
    objective = table(path, space, partial=True)
    assert objective.architectures == [cell for at, cell in enumerate(CELLS) if at not in (2, 6)]
    assert "2 rows without a value left out" in objective.description


def _seeds(tmp_path: Path) -> Path:
    frame = pd.DataFrame({"arch": CELLS * 3, "val": np.arange(81) % 27 + 10.0 * (np.arange(81) // 27), "s": 1.0})
    frame["test"] = frame["val"] + 1
    frame = frame.drop(index=[80])  # the last architecture has two rows
    frame.to_csv(tmp_path / "seeds.csv", index=False)
    return tmp_path / "seeds.csv"


def test_several_rows_of_one_architecture(tmp_path: Path, space: SearchSpace) -> None:
    path = _seeds(tmp_path)
    assert "seed=mean" in error_of(lambda: table(path, space))
    mean = table(path, space, test="test", cost="s", seed="mean")
    assert mean.evaluate(CELLS[4]) == arch2vec.Outcome(14.0, 15.0, 1.0)
    assert mean.evaluate(CELLS[26]).validation == 31.0
    first = table(path, space, test="test", seed=1)
    assert first.evaluate(CELLS[4]) == arch2vec.Outcome(14.0, 15.0, 0.0)
    assert table(path, space, seed=2).evaluate(CELLS[4]).validation == 24.0
    assert "below 3" in error_of(lambda: table(path, space, seed=3))
    assert "noise_seed needs seed=random" in error_of(lambda: table(path, space, noise_seed=1))


def test_rows_as_noise(tmp_path: Path, space: SearchSpace) -> None:
    path = _seeds(tmp_path)
    drawn = [table(path, space, seed="random", noise_seed=seed).columns().validation for seed in range(40)]
    assert all({values[4] for values in drawn} == {4.0, 14.0, 24.0} for _ in (0,))
    assert {values[26] for values in drawn} == {26.0, 36.0}
    each = table(path, space, seed="random", noise_seed="search")
    assert each.redrawn and "ask for_search" in error_of(lambda: each.evaluate(CELLS[0]))
    graphs = space.parse(CELLS)
    embedding = Embedding(space, graphs, np.zeros((27, 2), dtype=np.float32))
    met, _ = each.drawn(embedding).of(np.arange(27), np.full(27, 7, dtype=np.uint64))
    # What many searches at once meet is what each of them meets alone.
    assert met.tolist() == each.for_search(7).columns().validation.tolist() == drawn[7].tolist()


def test_two_labellings_of_one_cell_are_one_architecture(tmp_path: Path) -> None:
    cells = [
        f"0110;0001;0001;0000|input,{a},{b},output"
        for a, b in itertools.permutations(("conv1x1-bn-relu", "maxpool3x3"))
    ]
    path = tmp_path / "t.csv"
    pd.DataFrame({"architecture": cells, "val": [50.0, 60.0]}).to_csv(path, index=False)
    assert "more than once" in error_of(lambda: TableObjective(path, validation="val", partial=True))
    objective = TableObjective(path, validation="val", partial=True, seed="mean")
    assert [objective.evaluate(cell).validation for cell in cells] == [55.0, 55.0]


def test_a_loss_is_minimised_when_asked(tmp_path: Path, space: SearchSpace) -> None:
    frame = pd.DataFrame({"arch": CELLS, "val_loss": [2.5 - value / 50 for value in VALUES]})
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    assert "sounds like loss" in error_of(lambda: table(path, space, validation="val_loss"))
    objective = table(path, space, validation="val_loss", minimise=True, unit="nats")
    assert objective.optimum == pytest.approx(frame["val_loss"].min())
    assert (objective.signal, objective.with_unit("test")) == ("val_loss, nats", "test, nats")
    assert table(path, space, validation="val_loss", minimise=False, unit="nats").optimum == frame["val_loss"].max()
    found = resolve_objective(f"table:{path}?validation=val_loss&architecture=arch&minimise=true&unit=nats", space)
    assert found.evaluate(CELLS[0]).validation == frame["val_loss"][0]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (list(range(27)), "numbers the rows"),
        (list(range(1, 28)), "numbers the rows"),
        ([*([0.5] * 26), -1], "lies between 0 and 1 in 26 of 27 rows but is -1 at row 26"),
        ([*([50.5] * 26), 101], "no accuracy in percent, it is 101 at row 26"),
        ([*([50.5] * 26), -7], "unit=points"),
    ],
)
def test_numbers_that_are_no_percentages(tmp_path: Path, space: SearchSpace, column: list[float], said: str) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"arch": CELLS, "val": column}).to_csv(path, index=False)
    assert said in error_of(lambda: table(path, space))
    assert table(path, space, unit="points").evaluate(CELLS[26]).validation == column[26]
    assert table(path, space, scale=1).evaluate(CELLS[26]).validation == column[26]


def test_indices_as_architectures(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("architecture,val\n5,50\n7,70\n")
    assert "could be of nasbench101 or nasbench201" in error_of(
        lambda: TableObjective(path, validation="val", partial=True)
    )
    objective = TableObjective(path, validation="val", partial=True, space="nasbench201")
    cells = get_space("nasbench201")
    assert objective.architectures == cells.format(cells.enumerate()[[5, 7]])


def _run(tmp_path: Path, space: str, *more: str) -> Path:
    run = tmp_path / "run"
    assert main(["pretrain", space, "--epochs", "1", "--out", str(run), "--json", *more]) == 0
    return run


def test_the_command_line_reads_a_table_in_the_runs_own_space(
    tmp_path: Path, space: SearchSpace, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _run(tmp_path, str(tmp_path / "chain.yaml"))
    (tmp_path / "t.csv").write_text("\n".join(lines(";", ",")))
    capsys.readouterr()
    spec = f"table:{tmp_path / 't.csv'}?validation=val&architecture=arch"
    assert main(["search", str(run), "--objective", spec, "--method", "random", "--budget", "27", "--json"]) == 0
    best = json.loads(capsys.readouterr().out)["best"]
    assert best["validation"] == pytest.approx(max(VALUES)) and best["architecture"] == CELLS[-1]


def test_a_table_is_searched_in_a_space_too_large_to_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _run(tmp_path, "darts", "--sample", "64")
    darts = get_space("darts")
    cells = darts.format(darts.sample(12, np.random.default_rng(5)))
    values = np.linspace(80, 90.9, 12)
    pd.DataFrame({"architecture": cells, "val": values}).to_csv(tmp_path / "t.csv", index=False)
    capsys.readouterr()
    spec = f"table:{tmp_path / 't.csv'}?validation=val"
    assert main(["search", str(run), "--objective", spec, "--method", "random", "--budget", "12", "--json"]) == 0
    streams = capsys.readouterr()
    assert "the 12 architectures of the table are embedded" in streams.err
    assert math.isclose(json.loads(streams.out)["best"]["validation"], values[-1])
