"""The table objective."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arch2vec.objectives import Outcome, resolve_objective
from arch2vec.objectives.table import TableObjective
from arch2vec.spaces import get_space
from one_line import error_of

SPACE = get_space("nasbench201")
CELLS = SPACE.format(SPACE.sample(6, np.random.default_rng(0)))


def small_frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "architecture": CELLS,
            "val": [10.0, 90.5, 80.25, 70.0, 60.0, 91.5],
            "test": [11.0, 89.5, 81.25, 71.0, 61.0, 90.5],
            "seconds": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
        }
    )


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


@pytest.fixture(params=[".parquet", ".csv"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[pd.DataFrame], Path]:
    """Writes a frame, once as Parquet and once as CSV."""

    def write_table(frame: pd.DataFrame) -> Path:
        return write(frame, tmp_path / f"results{request.param}")

    return write_table


# Look-ups


def test_a_small_table_is_looked_up(table: Callable[[pd.DataFrame], Path]) -> None:
    objective = TableObjective(table(small_frame()), validation="val", test="test", cost="seconds", partial=True)
    assert objective.evaluate(CELLS[2]) == Outcome(80.25, 81.25, 3.5)
    assert objective.optimum == 91.5
    assert objective.space == "nasbench201" and objective.name == "results-val"
    assert len(objective) == 6 and objective.architectures == CELLS
    expected = small_frame().set_axis(["architecture", "validation", "test", "cost_s"], axis=1)
    pd.testing.assert_frame_equal(objective.frame, expected, check_dtype=False)


def test_without_test_and_cost(table: Callable[[pd.DataFrame], Path]) -> None:
    objective = TableObjective(table(small_frame()), validation="val", partial=True)
    assert objective.evaluate(CELLS[1]) == Outcome(90.5, None, 0.0)
    assert "no cost (0 s)" in objective.description
    assert list(objective.frame) == ["architecture", "validation", "cost_s"]


def test_the_shared_table_equals_pandas(shared_data: Path) -> None:
    path = shared_data / "nasbench201.parquet"
    objective = resolve_objective(
        f"table:{quote(str(path))}?validation=c10valid_val_12&test=c10_test_200_nats"
        "&cost=c10_train_s_per_epoch_est&cost_scale=6"
    )
    assert isinstance(objective, TableObjective)
    frame = pd.read_parquet(path)
    columns = frame[["arch_str", "c10valid_val_12", "c10_test_200_nats", "c10_train_s_per_epoch_est"]]
    for architecture, validation, test, seconds in columns.itertuples(index=False):
        assert objective.evaluate(architecture) == Outcome(validation, test, 6 * seconds)
    assert objective.optimum == frame["c10valid_val_12"].max()
    assert objective.architectures == list(frame["arch_str"])
    assert objective.description == (
        "nasbench201.parquet, 15,625 nasbench201 architectures: validation c10valid_val_12 (percent), "
        "test c10_test_200_nats (percent), cost 6 x c10_train_s_per_epoch_est s"
    )


@pytest.mark.parametrize(
    ("column", "optimum", "index"),
    [
        ("c10valid_val_200", 91.6067, 6111),
        ("c10_test_200_nats", 94.3733, 6111),
        ("c100_val_200", 73.4933, 9930),
        ("c100_test_200", 73.5133, 9930),
        ("in16_val_200", 46.7333, 10676),
        ("in16_test_200", 47.3111, 857),
    ],
)
def test_published_optima(shared_data: Path, column: str, optimum: float, index: int) -> None:
    objective = TableObjective(shared_data / "nasbench201.parquet", validation=column)
    assert objective.optimum == pytest.approx(optimum, abs=5e-5)
    best = SPACE.format(SPACE.enumerate()[index])[0]
    assert objective.evaluate(best).validation == objective.optimum


def test_csv_equals_parquet_bit_for_bit(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "nasbench201.parquet"
    names = ["c10valid_val_12", "c100_test_200", "c10_train_s_per_epoch_est"]
    csv = write(pd.read_parquet(path, columns=["arch_str", *names]), tmp_path / "t.csv")
    from_csv, from_parquet = (
        TableObjective(source, validation=names[0], test=names[1], cost=names[2]).frame for source in (csv, path)
    )
    pd.testing.assert_frame_equal(from_csv, from_parquet, check_exact=True)


def test_only_the_named_columns_are_read(tmp_path: Path) -> None:
    frame = small_frame()
    frame["other"] = ["x", None, "", "y", "z", "w"]
    frame["nan"] = math.nan
    assert TableObjective(write(frame, tmp_path / "t.csv"), validation="val", partial=True).optimum == 91.5


def test_notation_variants_match(table: Callable[[pd.DataFrame], Path]) -> None:
    frame = small_frame()
    frame["architecture"] = [f"  {cell} " for cell in CELLS]
    objective = TableObjective(table(frame), validation="val", partial=True)
    assert objective.evaluate(CELLS[3]).validation == 70.0
    assert objective.evaluate(f" {CELLS[3]}\n").validation == 70.0
    assert objective.architectures == CELLS


def test_isomorphic_cells_are_the_same(tmp_path: Path) -> None:
    operations = "input,conv1x1-bn-relu,maxpool3x3,output"
    turned = "input,maxpool3x3,conv1x1-bn-relu,output"
    cells = [f"0110;0001;0001;0000|{operations}", "01;00|input,output"]
    frame = pd.DataFrame({"architecture": cells, "val": [50.0, 60.0]})
    objective = TableObjective(write(frame, tmp_path / "t.csv"), validation="val", partial=True)
    assert objective.space == "nasbench101" and objective.architectures == cells
    assert objective.evaluate(f"0110;0001;0001;0000|{turned}").validation == 50.0
    chain = f"0100;0010;0001;0000|{operations}"
    assert error_of(lambda: objective.evaluate(chain)).startswith(f"{chain!r} is not among the 2 architectures")
    frame.loc[1, "architecture"] = f"0110;0001;0001;0000|{turned}"
    path = write(frame, tmp_path / "t.csv")
    assert bad_table(path).startswith(
        f"{path} holds architectures more than once: {cells[0]!r} at rows 0 and 1; rows too many: 1; say seed=mean"
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_validation_does_not_depend_on_test(tmp_path: Path, seed: int) -> None:
    frame = small_frame()
    plain = TableObjective(write(frame, tmp_path / "a.parquet"), validation="val", test="test", partial=True)
    shuffled = np.random.default_rng(seed).permutation(frame["test"].to_numpy())
    frame["test"] = shuffled
    other = TableObjective(write(frame, tmp_path / "b.parquet"), validation="val", test="test", partial=True)
    assert other.optimum == plain.optimum
    for row, cell in enumerate(CELLS):
        outcome = other.evaluate(cell)
        assert dataclasses.replace(outcome, test=None) == dataclasses.replace(plain.evaluate(cell), test=None)
        assert outcome.test == shuffled[row]


def test_rows_may_come_in_any_order(table: Callable[[pd.DataFrame], Path]) -> None:
    objective = TableObjective(table(small_frame()[::-1]), validation="val", test="test", partial=True)
    assert objective.evaluate(CELLS[0]) == Outcome(10.0, 11.0, 0.0)


# Units


def test_fractions_become_percent(table: Callable[[pd.DataFrame], Path]) -> None:
    frame = small_frame()
    frame["val"] = [0.0, 0.5, 0.25, 0.75, 0.125, 1.0]
    path = table(frame)
    objective = TableObjective(path, validation="val", test="test", partial=True)
    assert objective.evaluate(CELLS[2]) == Outcome(25.0, 81.25, 0.0)  # each column is judged by itself
    assert "val (fractions, read as percent)" in objective.description and "test (percent)" in objective.description
    assert TableObjective(path, validation="val", scale=1, partial=True).evaluate(CELLS[2]).validation == 0.25
    scaled = TableObjective(path, validation="val", test="test", scale=10, partial=True)
    assert scaled.evaluate(CELLS[2]) == Outcome(2.5, 812.5, 0.0)
    assert "val (times 10)" in scaled.description


def test_fractions_with_one_value_beyond_are_refused(table: Callable[[pd.DataFrame], Path]) -> None:
    frame = small_frame()
    frame["val"] = [0.5, 0.5, 0.25, 0.75, 0.125, -1.0]
    path = table(frame)
    said = "lies between 0 and 1 in 5 of 6 rows but is -1 at row 5: say scale=100 or scale=1, or absent=-1"
    assert said in bad_table(path)
    assert TableObjective(path, validation="val", scale=1, partial=True).evaluate(CELLS[2]).validation == 0.25
    without = TableObjective(path, validation="val", absent=-1, partial=True)
    assert without.evaluate(CELLS[2]).validation == 25.0 and len(without) == 5


def test_whole_numbers_and_a_cost_scale(table: Callable[[pd.DataFrame], Path]) -> None:
    frame = small_frame()
    frame["val"] = [10, 20, 30, 40, 50, 60]
    objective = TableObjective(table(frame), validation="val", cost="seconds", cost_scale=6, partial=True)
    assert objective.evaluate(CELLS[0]) == Outcome(10.0, None, 9.0)
    assert "cost 6 x seconds s" in objective.description


# Bad tables, each one line


def bad_table(path: Path, **options: object) -> str:
    arguments: dict[str, object] = {"validation": "val", "partial": True, **options}
    return error_of(lambda: TableObjective(path, **arguments))  # type: ignore[arg-type]


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "nothing.parquet"
    assert bad_table(path) == f"cannot read {path}: No such file or directory"
    assert bad_table(tmp_path) == f"cannot read {tmp_path}: Is a directory"


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".txt"])
@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n\x00\x00", b"PAR1", b"a,b\n1\n", b"\xff\xfea,\x00b\n1,2\n"]
)
def test_a_file_of_another_kind(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    assert bad_table(path).startswith(f"cannot read {path}: ")


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_parquet_file(tmp_path: Path, share: float) -> None:
    path = write(small_frame(), tmp_path / "t.parquet")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert bad_table(path).startswith(f"cannot read {path}: ")


def test_a_truncated_csv_file(tmp_path: Path) -> None:
    path = write(small_frame(), tmp_path / "t.csv")
    text = path.read_text()
    path.write_text(text[: text.rindex(",", 0, text.rindex(","))])
    assert "Expected 4 columns, got 2" in bad_table(path)


def test_a_missing_column(table: Callable[[pd.DataFrame], Path]) -> None:
    path = table(small_frame())
    assert bad_table(path, validation="vall") == f"{path} has no column 'vall'; closest: 'val'"
    listed = "it has 'architecture', 'val', 'test', 'seconds'"
    assert bad_table(path, cost="qqq") == f"{path} has no column 'qqq'; {listed}"
    assert bad_table(path, architecture="qqq") == f"{path} has no column 'qqq'; {listed}"
    renamed = table(small_frame().rename(columns={"architecture": "cell"}))
    assert bad_table(renamed).startswith(f"{path} has neither a column 'architecture' nor 'arch_str'; name")
    assert TableObjective(renamed, validation="val", architecture="cell", partial=True).optimum == 91.5


def test_a_repeated_column_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"architecture,val,val\n{CELLS[0]},1,2\n")
    assert bad_table(path) == f"{path} has 2 columns named 'val'; a column's name must be unique"


def test_no_rows(table: Callable[[pd.DataFrame], Path]) -> None:
    path = table(small_frame()[:0])
    assert bad_table(path) == f"{path} has no rows"


def test_duplicate_architectures(table: Callable[[pd.DataFrame], Path]) -> None:
    frame = small_frame()
    frame["architecture"] = [CELLS[0], CELLS[1], CELLS[2], f" {CELLS[1]}", CELLS[2], CELLS[1]]
    path = table(frame)
    assert bad_table(path) == (
        f"{path} holds architectures more than once: {CELLS[1]!r} at rows 1 and 3; rows too many: 3; "
        "say seed=mean for means over the rows of one, or seed=random to draw one of them for each"
    )


def test_a_malformed_architecture(table: Callable[[pd.DataFrame], Path]) -> None:
    for row in (0, 4):
        frame = small_frame()
        frame.loc[row, "architecture"] = "|nor_conv_9x9~0|+|"
        path = table(frame)
        assert bad_table(path).startswith(f"{path}, row {row}: not a nasbench201 architecture: '|nor_conv_9x9~0|+|'")
        assert bad_table(path, space="nasbench201").startswith(f"{path}, row {row}: not a nasbench201 architecture")


def test_a_missing_architecture(tmp_path: Path) -> None:
    frame = small_frame()
    frame["architecture"] = frame["architecture"].astype(object)
    frame.loc[2, "architecture"] = None
    path = write(frame, tmp_path / "t.parquet")
    for name in ("t.parquet", "t.csv"):
        path = write(frame, tmp_path / name)
        said = f"{path}: column 'architecture' is empty at row 2; partial=true leaves such rows out"
        assert bad_table(path, partial=False) == said
        assert len(TableObjective(path, validation="val", partial=True)) == 5
    frame["architecture"] = None
    assert "no row with an architecture" in bad_table(write(frame, tmp_path / "t.csv"))


def test_architectures_of_no_known_space(table: Callable[[pd.DataFrame], Path]) -> None:
    frame = small_frame()
    frame["architecture"] = [f"8:{i}" for i in range(6)]
    path = table(frame)
    assert bad_table(path).startswith(f"{path}: '8:0' at row 0 is not in the notation of a known space (")
    assert bad_table(path, space="nasbench999").startswith("unknown search space 'nasbench999'; known: ")
    assert bad_table(path, architecture="seconds") == f"{path}: column 'seconds' holds double, not text"


@pytest.mark.parametrize("column", ["val", "test", "seconds"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite(table: Callable[[pd.DataFrame], Path], column: str, value: float) -> None:
    frame = small_frame()
    frame.loc[[3, 5], column] = value
    path = table(frame)
    what = "empty" if math.isnan(value) else str(value)  # pandas writes a NaN as an empty entry
    hint = "; partial=true leaves rows without one out" if math.isnan(value) else ""
    assert bad_table(path, test="test", cost="seconds", partial=False) == (
        f"{path}: column {column!r} is {what} at row 3 (architecture {CELLS[3]!r}), "
        f"and unusable in 2 of 6 rows; a finite number is needed in each{hint}"
    )
    if math.isnan(value):  # a test value may be missing, the others are what an evaluation is made of
        kept = TableObjective(path, validation="val", test="test", cost="seconds", partial=True)
        assert len(kept) == (6 if column == "test" else 4)
    else:
        assert f"is {what} at row 3" in bad_table(path, test="test", cost="seconds")


def test_a_column_of_text(table: Callable[[pd.DataFrame], Path]) -> None:
    frame = small_frame()
    frame["val"] = ["1.5", "2", "3", "n/k", "5", "6"]
    path = table(frame)
    assert bad_table(path) == f"{path}: column 'val' is not numeric: row 3 holds 'n/k'; a number alone is right"
    frame["val"] = [True, False, True, True, True, True]
    path = table(frame)
    assert bad_table(path) == f"{path}: column 'val' is not numeric: it holds bool"


def test_a_negative_cost(table: Callable[[pd.DataFrame], Path]) -> None:
    frame = small_frame()
    frame.loc[4, "seconds"] = -1.0
    path = table(frame)
    expected = f"{path}: column 'seconds' is negative at row 4 (architecture {CELLS[4]!r})"
    assert bad_table(path, cost="seconds") == expected


def test_an_incomplete_table(table: Callable[[pd.DataFrame], Path]) -> None:
    everything = SPACE.format(SPACE.enumerate())
    present = [cell for index, cell in enumerate(everything) if index not in (7, 4000)]
    path = table(pd.DataFrame({"architecture": present, "val": np.linspace(2.0, 90.0, len(present))}))
    assert bad_table(path, partial=False) == (
        f"{path} lacks 2 architectures of nasbench201, the first {everything[7]!r}; say partial=true to use the others"
    )
    objective = TableObjective(path, validation="val", partial=True)
    assert error_of(lambda: objective.evaluate(everything[4000])) == (
        f"{everything[4000]!r} is not among the 15,623 architectures of objective results-val"
    )


def test_options_that_contradict(tmp_path: Path) -> None:
    path = write(small_frame(), tmp_path / "t.csv")
    assert bad_table(path, test="val") == "validation and test are both 'val': a search would see the test accuracy"
    assert bad_table(path, cost_scale=6.0) == "cost_scale needs a cost column to multiply"
    assert bad_table(path, cost="seconds", cost_scale=-1.0) == "cost_scale must be a positive number, got -1.0"
    assert bad_table(path, scale=math.nan) == "scale must be a positive number, got nan"
    assert "say minimise=true" in bad_table(path, scale=-1.0)


def test_bad_evaluations(tmp_path: Path) -> None:
    objective = TableObjective(write(small_frame(), tmp_path / "t.csv"), validation="val", partial=True)
    assert error_of(lambda: objective.evaluate("nonsense")).startswith("not a nasbench201 architecture: 'nonsense'")
    assert error_of(lambda: objective.evaluate(CELLS[0], fidelity=12)) == (
        "objective t-val has one fidelity, that of its columns; 12 is not offered"
    )
