"""CRC-32C, TFRecord framing, ModelMetrics and NAS-Bench-101's original files."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.benchmarks import convert
from arch2vec.benchmarks.crc32c import crc32c, crc32c_of
from arch2vec.benchmarks.nasbench101_metrics import parse_model_metrics
from arch2vec.benchmarks.tfrecord import read_records
from arch2vec.cli import main
from arch2vec.graphs.fingerprints import module_hash
from arch2vec.spaces import NASBench101
from benchmark_files import model_metrics, nasbench101_record, slow_crc32c, tfrecord, varint
from one_line import error_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# --- checksums ---


def test_crc_has_the_published_values() -> None:
    # RFC 3720, appendix B.4, and the check value of the CRC catalogue.
    published = {
        bytes(32): 0x8A9136AA,
        b"\xff" * 32: 0x62A8AB43,
        bytes(range(32)): 0x46DD794E,
        bytes(range(31, -1, -1)): 0x113FDB5C,
        b"123456789": 0xE3069283,
        b"": 0,
    }
    assert {message: crc32c(message) for message in published} == published
    assert crc32c_of(list(published)).tolist() == list(published.values())


@given(st.lists(st.binary(max_size=70), max_size=12))
def test_crcs_of_many_are_those_of_each(messages: list[bytes]) -> None:
    assert crc32c_of(messages).tolist() == [slow_crc32c(message) for message in messages]


# --- framing ---


def records_of(path: Path) -> list[bytes]:
    return [record for batch, _ in read_records(path) for record in batch]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8))
def test_records_come_back(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("framing") / "file"
    path.write_bytes(tfrecord(records))
    assert records_of(path) == records


def test_batches_end_where_records_do(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(tfrecord([b"x"]) * 5000)
    batches = list(read_records(path))
    assert [len(records) for records, _ in batches] == [4096, 904]
    assert [end for _, end in batches] == [4096 * 17, 5000 * 17]


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5), st.data())
def test_no_damage_goes_unseen(tmp_path_factory: pytest.TempPathFactory, records: list[bytes], data: Any) -> None:
    whole = tfrecord(records)
    path = tmp_path_factory.mktemp("damage") / "file"
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(flipped)
    assert "checksum" in error_of(lambda: records_of(path))
    ends = np.cumsum([0, *(len(record) + 16 for record in records)]).tolist()
    path.write_bytes(whole[:place])
    if place in ends:  # between two records nothing tells a shorter file from a whole one
        assert records_of(path) == records[: ends.index(place)]
    else:
        assert "truncated" in error_of(lambda: records_of(path))


# --- messages ---

ANY = st.floats(allow_nan=False, width=64)
EVALUATIONS = st.lists(st.tuples(ANY, ANY, ANY, ANY, ANY), max_size=4)


@given(EVALUATIONS, st.integers(-(2**31), 2**31 - 1), ANY, st.binary(max_size=200))
def test_messages_come_back(evaluations: list[tuple[float, ...]], parameters: int, seconds: float, path: bytes) -> None:
    read = parse_model_metrics(model_metrics(evaluations, parameters, seconds, path))
    assert [tuple(evaluation) for evaluation in read.evaluations] == evaluations
    assert (read.parameters, read.seconds) == (parameters, seconds)


@given(st.binary(max_size=30))
def test_unknown_fields_are_skipped(content: bytes) -> None:
    unknown = varint(9 * 8 + 2) + varint(len(content)) + content + varint(10 * 8 + 5) + b"1234" + varint(88) + varint(7)
    message = unknown + model_metrics([(0, 1, 2, 3, 4)], 5, 6) + unknown
    assert parse_model_metrics(message) == parse_model_metrics(model_metrics([(0, 1, 2, 3, 4)], 5, 6))


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse_model_metrics(data)


@given(st.binary(max_size=40))
def test_messages_are_read_as_the_protobuf_library_does(data: bytes) -> None:
    library = pytest.importorskip("google.protobuf.message_factory")
    oracle = _library_message(library)()
    message = model_metrics([(0, 1, 2, 3, 4)], -5, 6, b"somewhere") + data
    try:
        read = parse_model_metrics(message)
    except ValueError:
        return  # the library may know more, such as groups, which were never used
    try:
        oracle.ParseFromString(message)
    except Exception as error:
        # It refuses numbers of fields beyond 29 bits and text that is no UTF-8; nothing else.
        assert type(error).__name__ == "DecodeError"
        return
    expected = [
        (e.current_epoch, e.training_time, e.train_accuracy, e.validation_accuracy, e.test_accuracy)
        for e in oracle.evaluation_data
    ]
    assert repr([tuple(evaluation) for evaluation in read.evaluations]) == repr(expected)
    assert (read.parameters, repr(read.seconds)) == (oracle.trainable_parameters, repr(oracle.total_time))


def _library_message(library: Any) -> Any:
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
    descriptor_pool = pytest.importorskip("google.protobuf.descriptor_pool")
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="oracle", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    evaluation = file.message_type.add(name="EvaluationData")
    names = ("current_epoch", "training_time", "train_accuracy", "validation_accuracy", "test_accuracy")
    for number, name in enumerate(names, start=1):
        evaluation.field.add(name=name, number=number, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_OPTIONAL)
    evaluation.field.add(name="checkpoint_path", number=6, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    metrics = file.message_type.add(name="ModelMetrics")
    metrics.field.add(
        name="evaluation_data",
        number=1,
        type=kinds.TYPE_MESSAGE,
        label=kinds.LABEL_REPEATED,
        type_name=".oracle.EvaluationData",
    )
    metrics.field.add(name="trainable_parameters", number=2, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
    metrics.field.add(name="total_time", number=3, type=kinds.TYPE_DOUBLE, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return library.GetMessageClass(pool.FindMessageTypeByName("oracle.ModelMetrics"))


# --- NAS-Bench-101 ---

CELLS = (
    ("011", "input,conv3x3-bn-relu,output", "010001000"),
    ("0110", "input,conv1x1-bn-relu,maxpool3x3,output", "0110000100010000"),
    ("01", "input,output", "0100"),
)


FINE_EVALUATIONS = [(0, 0, 0, 0, 0), (2, 1, 0.5, 0.5, 0.5), (4, 2, 0.6, 0.6, 0.6)]
FINE = model_metrics(FINE_EVALUATIONS, 1, 1)


def with_accuracy(value: float) -> bytes:
    return model_metrics([*FINE_EVALUATIONS[:2], (4, 2, 0.6, value, 0.6)], 1, 1)


def accuracies(cell: int, epochs: int, run: int, moment: int) -> tuple[float, float, float]:
    value = 0.5 + 0.1 * cell + 0.01 * run + 0.05 * moment + epochs / 1000
    return value + 0.02, value, value - 0.01


def hash_of(text: str) -> str:
    graph = NASBench101().parse([text])
    n = int(graph.mask.sum())
    # The published labels: input -1, output -2, 3x3 0, 1x1 1, pooling 2.
    labels = [(-1, 1, 0, 2, -2)[code] for code in graph.ops[0, :n]]
    return module_hash(graph.adjacency[0, :n, :n], labels)


def cell_records(runs: int = 3, budgets: tuple[int, ...] = (4, 108)) -> Iterator[bytes]:
    for run in range(runs):
        for cell, (_, operations, matrix) in enumerate(CELLS):
            n = math.isqrt(len(matrix))
            rows = ";".join(matrix[i : i + n] for i in range(0, n * n, n))
            digest = hash_of(f"{rows}|{operations}")
            for epochs in budgets:
                evaluations = [
                    (epochs * moment / 2, 10.0 * epochs * moment + run, *accuracies(cell, epochs, run, moment))
                    for moment in range(3)
                ]
                message = model_metrics(evaluations, 1000 + cell, 99.0)
                yield nasbench101_record(digest, epochs, matrix, operations, message)


def written(path: Path, records: Iterator[bytes] | list[bytes]) -> Path:
    path.write_bytes(tfrecord(records))
    return path


def test_all_runs_of_all_cells_come_back(tmp_path: Path) -> None:
    path = written(tmp_path / "nasbench_small.tfrecord", cell_records())
    told: list[tuple[int, int]] = []
    table = convert(path, partial=True, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (path.stat().st_size,) * 2
    assert table.schema.partial and table.space == "nasbench101" and len(table) == 3
    hashes = [hash_of(text) for text in table.architectures]
    assert hashes == sorted(hashes)
    row = table.architectures.index("0110;0001;0001;0000|input,conv1x1-bn-relu,maxpool3x3,output")
    assert table.column("parameters")[row] == 1001
    for epochs in (4, 108):
        for moment, half in ((1, "_half"), (2, "")):
            for which, name in enumerate(("train", "val", "test")):
                column = f"{name}_accuracy_{epochs}{half}"
                runs = [accuracies(1, epochs, run, moment)[which] * 100 for run in range(3)]
                assert [table.column(f"{column}_run{run}")[row] for run in (1, 2, 3)] == runs
                assert table.column(column)[row] == pytest.approx(sum(runs) / 3, abs=1e-12)
            seconds = [10.0 * epochs * moment + run for run in range(3)]
            assert [table.column(f"train_time_{epochs}{half}_s_run{run}")[row] for run in (1, 2, 3)] == seconds
    (metric,) = table.find(split="validation", epochs=54, seed=2)
    assert (metric.schedule, metric.column) == (108, "val_accuracy_108_half_run2")


def test_missing_runs_are_nan_and_a_part(tmp_path: Path) -> None:
    path = written(tmp_path / "file.tfrecord", cell_records(runs=2))
    assert "runs" in error_of(lambda: convert(path))
    table = convert(path, partial=True)
    assert np.isnan(table.column("val_accuracy_108_run3")).all() and np.isnan(table.column("val_accuracy_108")).all()
    assert np.isfinite(table.column("val_accuracy_108_run2")).all()


def damaged(place: int) -> bytes:
    content = bytearray(tfrecord(cell_records()))
    content[place] ^= 1
    return bytes(content)


def one_record(*, digest: str = "0" * 32, matrix: str = CELLS[0][2], message: bytes = FINE) -> bytes:
    return tfrecord([nasbench101_record(digest, 4, matrix, CELLS[0][1], message)])


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated": (lambda: tfrecord(cell_records())[:-7], "truncated"),
    "wrong checksum of a length": (lambda: damaged(0), "checksum of the length of record 0"),
    "wrong checksum": (lambda: damaged(40), "checksum of the data of record 0"),
    "no TFRecord file": (lambda: b"hello, this is some text and nothing else", "checksum"),
    "empty": (lambda: b"", "no records"),
    "too few cells": (lambda: tfrecord(cell_records()), "423,624"),
    "a fourth run": (lambda: tfrecord(cell_records(runs=4)), "more than 3"),
    "another hash": (one_record, "hash"),
    "no cell": (lambda: one_record(matrix="0" * 9), "no path"),
    "no message": (lambda: one_record(message=FINE[:-3]), "record 0"),
    "an evaluation too few": (lambda: one_record(message=model_metrics(FINE_EVALUATIONS[:2], 1, 1)), "2 evaluations"),
    "an accuracy of 2": (lambda: one_record(message=with_accuracy(2.0)), "above 1"),
    "an accuracy of NaN": (lambda: one_record(message=with_accuracy(math.nan)), "not finite"),
    "no JSON": (lambda: tfrecord([b"[1, 2"]), "record 0"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_and_leave_nothing(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    content, expected = BAD[kind]
    path = tmp_path / "nasbench_only108.tfrecord"
    path.write_bytes(content())
    out = tmp_path / "out.parquet"
    for arguments in ([], ["--out", str(out)]):
        assert main(["data", "convert", str(path), *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1 and expected in captured.err
    assert not list(cache.rglob("*.parquet*")) and not out.exists()


def test_a_double_is_eight_bytes() -> None:
    # The layout that the fast path of the parser counts on.
    assert len(model_metrics([(0, 0, 0, 0, 0)], 0, 0)) == 2 + 45 + 2 + 9 and struct.calcsize("<BdBdBdBdBd") == 45
