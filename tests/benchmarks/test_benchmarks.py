"""Tables by name and by file: schemas, columns, joins, own files, the command that lists them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.benchmarks import BenchmarkTable, Metric, TableSchema, convert, load
from arch2vec.benchmarks.results import Results, write_results
from arch2vec.benchmarks.schema import KINDS, SPLITS
from arch2vec.benchmarks.table import stored_schema
from arch2vec.cli import main
from arch2vec.errors import InputError
from arch2vec.spaces import NASBench201, get_space
from one_line import error_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def known_data(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    return shared_data


# --- schemas ---

NAMES = st.text(min_size=1, max_size=8)
METRICS = st.builds(
    Metric,
    column=NAMES,
    kind=st.sampled_from(sorted(KINDS)),
    dataset=st.none() | NAMES,
    split=st.sampled_from(SPLITS),
    epochs=st.none() | st.integers(1, 300),
    schedule=st.none() | st.integers(1, 300),
    seed=st.none() | st.just("mean") | st.integers(0, 999),
    device=st.none() | NAMES,
    estimated=st.booleans(),
    description=NAMES,
    terms=st.lists(st.tuples(NAMES, st.floats(-10, 10)), max_size=2).map(tuple),
    absent=st.none() | st.floats(-2, 0),
)


@given(st.lists(METRICS, max_size=4, unique_by=lambda metric: metric.column), st.booleans())
def test_schemas_come_back(metrics: list[Metric], part: bool) -> None:
    schema = TableSchema("n", "nasbench201", ("a", "b"), tuple(metrics), partial=part, source={"md5": "0" * 32})
    assert TableSchema.from_json(schema.to_json(), "f") == schema


def test_wrong_schemas_are_refused() -> None:
    assert "known:" in error_of(lambda: Metric("m", "taste"))
    assert "needs a split" in error_of(lambda: Metric("m", "accuracy"))
    assert "known:" in error_of(lambda: Metric("m", "accuracy", split="exam"))  # type: ignore[arg-type]
    assert "'mean'" in error_of(lambda: Metric("m", "cost_s", seed="median"))  # type: ignore[arg-type]
    twice = (Metric("m", "cost_s"), Metric("m", "macs"))
    assert "'m'" in error_of(lambda: TableSchema("n", "s", ("a",), twice))
    newer = json.dumps({**json.loads(TableSchema("n", "s", ("a",), ()).to_json()), "format": 2})
    assert "format 2" in error_of(lambda: TableSchema.from_json(newer, "f"))
    assert "not a JSON document" in error_of(partial(TableSchema.from_json, "", "f"))
    for text in ("[]", "{}", '{"format": 1}', '{"format": 1, "metrics": [3], "architecture": []}'):
        assert "damaged" in error_of(partial(TableSchema.from_json, text, "f"))


# --- prepared tables ---


def test_nasbench101_by_name(known_data: Path) -> None:
    table = load("nasbench101")
    assert (table.name, table.space, len(table)) == ("nasbench101", "nasbench101", 423_624)
    raw = pd.read_parquet(known_data / "nasbench101.parquet", columns=["test_accuracy_108", "val_accuracy_12_run1"])
    np.testing.assert_array_equal(table.column("test_accuracy_108"), raw["test_accuracy_108"] * 100)
    np.testing.assert_array_equal(table.column("val_accuracy_12_run1"), raw["val_accuracy_12_run1"] * 100)
    assert np.isfinite(table.column("train_time_108_s")).sum() == 30_001
    assert table.find(split="validation", epochs=36) == (table.metric("val_accuracy_36_run1"),)
    some = table.architectures[::5003]
    assert get_space("nasbench101").format(get_space("nasbench101").parse(some)) == some


def test_nasbench201_by_name(known_data: Path) -> None:
    table = load("nasbench201")
    space = NASBench201()
    assert table.architectures == space.format(space.enumerate())
    raw = pd.read_parquet(known_data / "nasbench201.parquet")
    published = {
        "c10valid_val_200": (91.6067, 6111),
        "c10_test_200_nats": (94.3733, 6111),
        "c100_val_200": (73.4933, 9930),
        "c100_test_200": (73.5133, 9930),
        "in16_val_200": (46.7333, 10676),
        "in16_test_200": (47.3111, 857),
    }
    for column, (best, index) in published.items():
        values = table.column(column)
        assert round(float(values.max()), 4) == best and int(values.argmax()) == index
    # Every column of the file that holds a result is there, in its own unit.
    for column in map(str, raw):
        if column in ("index", "arch_str", "unique_str") or column.startswith("op_"):
            continue
        name = column.replace("mflops", "macs")
        factor = 1e6 if name != column else 1
        np.testing.assert_array_equal(table.column(name), raw[column] * factor)
    hardware = pd.read_parquet(known_data / "nasbench201_hardware.parquet")
    for column in map(str, hardware.columns.drop(["index", "arch_str"])):
        expected = hardware[column].to_numpy(dtype=float)
        np.testing.assert_array_equal(table.column(column), np.where(expected == -1, np.nan, expected))
    assert np.isnan(table.column("c10_edgetpu_latency")).any()
    for metric in table.metrics:
        assert metric.kind in KINDS and str(metric)


def test_costs_are_those_of_the_official_records(known_data: Path) -> None:
    table = load("nasbench201")
    records = json.loads((known_data / "nasbench201_official_records.json").read_text())
    validation = {"cifar10-valid": "x-valid", "cifar10": None, "cifar100": "x-valid", "ImageNet16-120": "x-valid"}
    for index in (0, 11, 284):
        for epochs in (12, 200):
            for dataset, evaluated in validation.items():
                trials = records[f"tss/{index}"][str(epochs)]["results"]
                trial = next(trial for name, trial in trials.items() if name.split("@")[0] == dataset)
                seconds = sum(trial["train_times"].values())
                if evaluated is not None:
                    seconds += trial["eval_times"][f"{evaluated}@{epochs - 1}"]
                (metric,) = table.find(kind="cost_s", dataset=dataset, epochs=epochs, estimated=False)
                assert table.column(metric)[index] == pytest.approx(seconds, rel=1e-9)
                (metric,) = table.find(kind="cost_s", dataset=dataset, epochs=epochs, estimated=True)
                assert table.column(metric)[index] == pytest.approx(seconds, rel=0.1)


def test_hardware_is_joined_where_it_lies_beside(known_data: Path, tmp_path: Path) -> None:
    alone = tmp_path / "nasbench201.parquet"
    alone.symlink_to(known_data / "nasbench201.parquet")
    assert not load(alone).find(kind="latency_ms")
    # In another order it is joined by the architecture.
    hardware = pd.read_parquet(known_data / "nasbench201_hardware.parquet")
    hardware.sample(frac=1, random_state=0).to_parquet(tmp_path / "nasbench201_hardware.parquet")
    np.testing.assert_array_equal(load(alone).column("help_pixel2"), hardware["help_pixel2"])
    hardware[1:].to_parquet(tmp_path / "nasbench201_hardware.parquet")
    assert "cannot be joined" in error_of(lambda: load(alone).column("help_pixel2"))


def test_the_surrogate_is_marked_as_one(known_data: Path) -> None:
    table = load("nasbench301-surrogate")
    assert all(metric.estimated for metric in table.metrics) and table.schema.partial
    space = get_space(table.space)
    assert space.format(space.parse(table.architectures[:50])) == table.architectures[:50]
    assert 90 < table.column("surrogate_accuracy").max() < 100


def test_only_used_columns_are_read_and_none_can_be_written_to(known_data: Path) -> None:
    table = load("nasbench101")
    values = table.column("test_accuracy_108")
    assert table.column(table.metric("test_accuracy_108")) is values
    assert set(table._columns) == {"test_accuracy_108"}
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1


def test_unknown_names_say_what_there_is(known_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = load("nasbench201")
    assert "c10_test_12" in error_of(lambda: table.column("c10_test_13"))
    assert "known:" in error_of(lambda: table.find(datset="cifar10"))
    assert "nasbench101-full" in error_of(lambda: load("nasbench102"))
    monkeypatch.setenv("ARCH2VEC_DATA", str(tmp_path))
    line = error_of(lambda: load("nasbench101"))
    assert str(tmp_path) in line and "https://storage.googleapis.com/nasbench/" in line and "ARCH2VEC_DATA" in line
    assert "nasbench_only108.tfrecord" in error_of(lambda: load("nasbench101-only108"))
    assert "No such file" in error_of(lambda: load("nowhere/table.parquet"))


def test_folders_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.delenv("ARCH2VEC_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    folders = [tmp_path / "home" / "arch2vec", tmp_path / "shared" / "data", tmp_path / "project" / "data"]
    for value, folder in enumerate(folders):
        own_table(folder / "nasbench201.parquet", value)
        assert load("nasbench201").column("val")[0] == value


def test_damaged_tables_are_refused(known_data: Path, tmp_path: Path) -> None:
    whole = (known_data / "nasbench301_surrogate_10k.parquet").read_bytes()
    path = tmp_path / "nasbench301_surrogate_10k.parquet"
    path.write_bytes(whole[: len(whole) // 2])
    assert "not a whole Parquet file" in error_of(lambda: load(path))
    pd.DataFrame({"normal": ["x"], "reduce": ["y"]}).to_parquet(path)
    assert "surrogate_accuracy" in error_of(lambda: load(path))
    pd.DataFrame({"normal": [1], "reduce": [2], "surrogate_accuracy": ["a"], "surrogate_runtime_s": [1.0]}).to_parquet(
        path
    )
    assert "not numbers" in error_of(lambda: load(path).column("surrogate_accuracy"))
    assert "not text" in error_of(lambda: load(path).architectures)


# --- tables of one's own ---

SPACE = NASBench201()
SCHEMA = TableSchema(
    "mine",
    "nasbench201",
    ("architecture",),
    (Metric("val", "accuracy", "cifar10", "validation", 12, seed=1), Metric("seconds", "cost_s", epochs=12)),
)


def test_a_part_of_a_known_table_is_no_benchmark(known_data: Path, tmp_path: Path) -> None:
    pd.read_parquet(known_data / "nasbench201.parquet").head(100).to_parquet(tmp_path / "nasbench201.parquet")
    line = error_of(lambda: load(tmp_path / "nasbench201.parquet"))
    assert "holds 100 architectures; nasbench201 has 15,625" in line


def own_table(path: Path, value: float) -> BenchmarkTable:
    texts = SPACE.format(SPACE.enumerate()[:3])
    columns = {"val": np.array([value, 50.0, np.nan]), "seconds": np.ones(3)}
    write_results(Results.of(SCHEMA, texts, columns), path)
    return load(path)


def test_a_written_table_describes_itself(tmp_path: Path) -> None:
    table = own_table(tmp_path / "x.parquet", 7)
    assert stored_schema(tmp_path / "x.parquet") == SCHEMA == table.schema
    np.testing.assert_array_equal(table.column("val"), [7, 50, np.nan])
    # What is not measured is an empty entry to everybody else.
    assert pd.read_parquet(tmp_path / "x.parquet")["val"].isna().tolist() == [False, False, True]
    again = convert(tmp_path / "x.parquet")
    assert again.architectures == table.architectures and again.path != table.path


def own_csv(folder: Path, frame: pd.DataFrame, schema: TableSchema = SCHEMA) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "results.csv"
    frame.to_csv(path, index=False)
    (folder / "results.schema.json").write_text(schema.to_json())
    return path


def frame(n: int = 4) -> pd.DataFrame:
    texts = SPACE.format(SPACE.enumerate()[:n])
    return pd.DataFrame({"architecture": texts, "val": np.linspace(10, 90, n), "seconds": 1.0})


def test_csv_with_a_schema_beside_it(tmp_path: Path) -> None:
    fractions = replace(SCHEMA, metrics=(replace(SCHEMA.metrics[0], terms=(("val", 100.0),)), SCHEMA.metrics[1]))
    given_frame = frame()
    given_frame["val"] = [0.25, -1, None, 0.5]
    schema = replace(fractions, metrics=(replace(fractions.metrics[0], absent=-1.0), fractions.metrics[1]))
    table = load(own_csv(tmp_path, given_frame, schema))
    np.testing.assert_array_equal(table.column("val"), [25, np.nan, np.nan, 50])
    assert table.architectures == given_frame["architecture"].tolist()
    assert load(tmp_path / "results.csv").path == table.path, "it is converted once"
    (tmp_path / "results.schema.json").write_text(replace(schema, description="another").to_json())
    assert load(tmp_path / "results.csv").path != table.path, "another schema makes it another table"


def bad_csv(kind: str) -> tuple[pd.DataFrame, TableSchema, str]:
    good = frame()
    if kind == "notation":
        return good.assign(architecture="|nope|"), SCHEMA, "not a nasbench201 architecture"
    if kind == "repeated":
        return pd.concat([good, good[:1]]), SCHEMA, "row 4"
    if kind == "column":
        return good.drop(columns="val"), SCHEMA, "'val'"
    if kind == "text":
        return good.assign(val="high"), SCHEMA, "not numbers"
    if kind == "percent":
        return good.assign(val=101.0), SCHEMA, "percent"
    if kind == "no rows":
        return good[:0], SCHEMA, "no rows"
    if kind == "space":
        return good, replace(SCHEMA, space="nasbench2001"), "search space"
    if kind == "count":
        return good, replace(SCHEMA, name="nasbench201"), "15,625"
    assert kind == "optimum"
    metric = replace(SCHEMA.metrics[0], dataset="cifar10-valid", epochs=200, seed="mean")
    return frame(15_625), replace(SCHEMA, name="nasbench201", metrics=(metric,)), "91.6067 % is published"


@pytest.mark.parametrize(
    "kind", ["notation", "repeated", "column", "text", "percent", "no rows", "space", "count", "optimum"]
)
def test_bad_tables_are_refused_and_leave_nothing(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    content, schema, expected = bad_csv(kind)
    path = own_csv(tmp_path / "own", content, schema)
    assert main(["data", "convert", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and expected in captured.err
    assert not cache.exists()


def test_a_file_without_schema_is_refused(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "x.csv", index=False)
    assert "x.schema.json" in error_of(lambda: convert(tmp_path / "x.csv"))
    (tmp_path / "y.pth").write_bytes(b"not what torch.save writes")
    assert ".pth" in error_of(lambda: convert(tmp_path / "y.pth"))
    path = own_csv(tmp_path, frame())
    assert "overwritten" in error_of(lambda: convert(path, path))
    with pytest.raises(InputError):
        convert(tmp_path / "nothing.csv")


# --- the command ---


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["data", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_data_lists_what_is_there(known_data: Path, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("nasbench101.parquet", "nasbench201.parquet", "nasbench201_hardware.parquet"):
        (folder / name).symlink_to(known_data / name)
    (folder / "nasbench301_surrogate_10k.parquet").write_bytes(b"PAR1")
    (folder / "nasbench_only108.tfrecord").write_bytes(b"")
    monkeypatch.setenv("ARCH2VEC_DATA", str(folder))
    found = {entry["name"]: entry for entry in answer(capsys)["files"]}
    assert (found["nasbench101"]["verified"], found["nasbench101"]["architectures"]) == (True, 423_624)
    assert (found["nasbench201"]["verified"], found["nasbench201"]["architectures"]) == (True, 15_625)
    assert found["nasbench201"]["metrics"] > 100
    assert found["nasbench201"]["found"] == str(folder / "nasbench201.parquet")
    surrogate = found["nasbench301-surrogate"]
    assert surrogate["verified"] is False and "not a whole Parquet file" in surrogate["problem"]
    assert found["nasbench101-only108"]["architectures"] is None and found["nasbench101-only108"]["found"]
    assert found["nasbench101-full"]["found"] is None and "https://" in found["nasbench101-full"]["where"]
    assert main(["data"]) == 0
    printed = capsys.readouterr().out
    assert "423,624" in printed and "nasbench_full.tfrecord, from https://" in printed and str(folder) in printed


def test_data_convert_and_show(tmp_path: Path, capsys: Any) -> None:
    path = own_csv(tmp_path, frame())
    told = answer(capsys, "convert", str(path), "--out", str(tmp_path / "out.parquet"))
    assert (told["architectures"], told["table"], told["partial"]) == (4, str(tmp_path / "out.parquet"), False)
    assert load(tmp_path / "out.parquet").column("val").tolist() == frame()["val"].tolist()
    shown = answer(capsys, "show", str(tmp_path / "out.parquet"))
    assert [metric["column"] for metric in shown["metrics"]] == ["val", "seconds"]
    assert main(["data", "show", str(tmp_path / "out.parquet")]) == 0
    assert "validation" in capsys.readouterr().out
    assert main(["data", "convert", str(path)]) == 0
    assert "4 architectures" in capsys.readouterr().out
