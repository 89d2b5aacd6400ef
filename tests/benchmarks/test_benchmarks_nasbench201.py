"""NAS-Bench-201 and NATS-Bench files: three official records written in the original formats and read back."""

from __future__ import annotations

import bz2
import collections
import hashlib
import io
import os
import pickle
import pickletools
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from arch2vec.benchmarks import BenchmarkTable, convert, load
from arch2vec.benchmarks.pickles import read_pickle
from arch2vec.cli import main
from arch2vec.errors import InputError
from arch2vec.spaces import NASBench201
from benchmark_files import official_records, whole_document, write_pbz2
from one_line import error_of

INDICES = (0, 11, 284)
Records = dict[int, dict[str, Any]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def records(shared_data: Path) -> Records:
    return official_records(shared_data / "nasbench201_official_records.json")


@pytest.fixture(scope="session")
def small(records: Records) -> Records:
    """The records with only the ends of their curves, for tests in which the curves don't matter."""
    kept: Any = pickle.loads(pickle.dumps(records))
    for states in kept.values():
        for epochs, state in states.items():
            for trial in state["all_results"].values():
                trial["train_times"] = trial["train_acc5es"] = None
                for name in ("train_acc1es", "train_losses", "eval_acc1es", "eval_times", "eval_losses"):
                    last = (int(epochs) - 1, f"@{int(epochs) - 1}")
                    trial[name] = {k: v for k, v in trial[name].items() if k == last[0] or str(k).endswith(last[1])}
    return dict(kept)


@pytest.fixture(scope="session")
def architectures() -> list[str]:
    space = NASBench201()
    return space.format(space.enumerate())


def pth(path: Path, document: object, zipped: bool) -> Path:
    torch.save(document, path, _use_new_zipfile_serialization=zipped)
    return path


def simple(path: Path, architectures: list[str], records: Records) -> Path:
    path.mkdir()
    write_pbz2(path / "meta.pickle.pbz2", {"meta_archs": architectures, "total_archs": len(architectures)})
    for index, states in records.items():
        write_pbz2(path / f"{index:06d}.pickle.pbz2", states)
    return path


def tarred(path: Path, folder: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.add(folder, arcname=folder.name)
    return path


WRITERS: dict[str, Callable[[Path, list[str], Records], Path]] = {
    "pth, old format": lambda p, a, r: pth(p / "NAS-Bench-201-v1_0.pth", whole_document(a, r, old=True), False),
    "pth, new format": lambda p, a, r: pth(p / "NAS-Bench-201-v1_1.pth", whole_document(a, r, old=True), True),
    "pbz2": lambda p, a, r: write_pbz2(p / "NATS-tss.pickle.pbz2", whole_document(a, r, old=False)),
    "folder": lambda p, a, r: simple(p / "NATS-tss-simple", a, r),
    "archive": lambda p, a, r: tarred(p / "NATS-tss-simple.tar", simple(p / "NATS-tss-simple", a, r)),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_official_records_come_back(
    tmp_path: Path, architectures: list[str], records: Records, shared_data: Path, kind: str
) -> None:
    told: list[tuple[int, int]] = []
    path = WRITERS[kind](tmp_path, architectures, records)
    table = convert(path, partial=True, progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 0
    assert table.architectures == [architectures[index] for index in INDICES]
    assert table.schema.partial
    # Every run's value, looked up in the record by hand.
    state = records[284]["200"]
    for short, dataset, sets in (
        ("c10valid", "cifar10-valid", {"val": "x-valid", "test": "ori-test"}),
        ("c10", "cifar10", {"test": "ori-test"}),
        ("c100", "cifar100", {"val": "x-valid", "test": "x-test"}),
        ("in16", "ImageNet16-120", {"val": "x-valid", "test": "x-test"}),
    ):
        trials = {seed: state["all_results"][dataset, seed] for seed in (777, 888, 999)}
        for split, name in sets.items():
            wanted = {seed: trial["eval_acc1es"][f"{name}@199"] for seed, trial in trials.items()}
            for seed, value in wanted.items():
                assert table.column(f"{short}_{split}_200_seed{seed}")[2] == value
            assert table.column(f"{short}_{split}_200")[2] == pytest.approx(np.mean(list(wanted.values())), abs=1e-12)
        assert table.column(f"{short}_train_200_seed777")[2] == trials[777]["train_acc1es"][199]
        losses = [trial["train_losses"][199] for trial in trials.values()]
        assert table.column(f"{short}_train_loss_200")[2] == pytest.approx(np.mean(losses))
    # The same numbers as in the prepared table, which comes from elsewhere.
    prepared = load(shared_data / "nasbench201.parquet")
    rows = list(INDICES)
    for ours, theirs in {
        "c10valid_val_200": "c10valid_val_200",
        "c10_test_200": "c10_test_200_nats",
        "c100_test_200": "c100_test_200_nats",
        "in16_test_200": "in16_test_200_nats",
        "c10valid_val_12": "c10valid_val_12",
        "c100_val_12": "c100_val_12",
        "c10valid_cost_12_s": "c10valid_cost_12_s",
        "c100_cost_200_s": "c100_cost_200_s",
        "in16_cost_12_s": "in16_cost_12_s",
        "c10_cost_200_s": "c10_cost_200_s",
        "params_c10": "params_c10",
        "macs_in16": "macs_in16",
    }.items():
        np.testing.assert_allclose(table.column(ours), prepared.column(theirs)[rows], rtol=1e-9)


def test_a_conversion_happens_once(tmp_path: Path, architectures: list[str], small: Records, cache: Path) -> None:
    path = write_pbz2(tmp_path / "some.pickle.pbz2", whole_document(architectures, small, old=False))
    first = convert(path, partial=True)
    stamp = first.path.stat().st_mtime_ns
    again = convert(path, partial=True)
    assert again.path == first.path and again.path.stat().st_mtime_ns == stamp
    assert cache in again.path.parents
    reopened = load(first.path)
    assert reopened.schema == first.schema
    assert reopened.schema.source["md5"] == hashlib.md5(path.read_bytes()).hexdigest()
    # A changed file is read anew; a damaged conversion is made again.
    first.path.write_bytes(b"PAR1 and nothing")
    assert convert(path, partial=True).path.stat().st_size > 1000
    os.utime(path, ns=(1, 1))
    assert convert(path, partial=True).path != first.path


def refused(path: Path, cache: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The line with which a conversion is refused; it must leave nothing behind."""
    assert main(["data", "convert", str(path), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert not list(cache.rglob("*.parquet*"))
    return captured.err


class Foreign:
    """Writes a file when it is unpickled by anything that runs what pickles say."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("kind", WRITERS)
def test_foreign_code_is_not_run(
    tmp_path: Path, architectures: list[str], small: Records, cache: Path, capsys: Any, kind: str
) -> None:
    mark = tmp_path / "it-ran"
    poisoned = {**small, 5: {"12": Foreign(mark), "200": Foreign(mark)}}
    path = WRITERS[kind](tmp_path, architectures, poisoned)
    line = refused(path, cache, capsys, "--partial")
    assert "system" in line and "refused" in line
    assert not mark.exists()
    pickle.loads(pickle.dumps(Foreign(mark)))
    assert mark.exists(), "the pickle is harmless anyway and shows nothing"


@pytest.mark.parametrize(
    "program",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cbuiltins\ngetattr\n.",
        b"cos\nsystem\n.",
        b"(S'echo'\nios\nsystem\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x04load\x93.",
        b"cnumpy.core.multiarray\nfromfile\n.",
        b"ccollections\ndefaultdict\n.",
        b"ctorch\nload\n.",
        b"ctorch.storage\n_load_from_bytes\n.",
        b"Pelsewhere\n.",
        b"\x80\x02\x82\x01.",
        b"cnumpy\ndtype\n}S'_function'\nI1\nsb.",
        b"cnumpy\ndtype\n(N}S'_function'\nI1\nstb.",
        b"ccollections\nOrderedDict\n(N}S'get'\nI1\nstb.",
        b"cnumpy\ndtype\n(S'O8'\ntR.",
        b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
    ],
)
@pytest.mark.parametrize("tensors", [False, True])
def test_programs_are_refused(program: bytes, tensors: bool) -> None:
    assert error_of(lambda: read_pickle(io.BytesIO(program), "f", tensors=tensors)).startswith("f is ")


def test_allowed_objects_become_plain_ones() -> None:
    document = {
        "scalar": np.float64(1.5),
        "half": np.float32(0.5),
        "whole": np.int64(-7),
        "yes": np.bool_(True),
        "array": np.arange(6, dtype=">i2").reshape(2, 3),
        "bytes": b"\x00\xff",
        "ordered": collections.OrderedDict(a=1),
        "set": {1, 2},
    }
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        written = pickle.dumps(document, protocol=protocol)
        if any(op.name == "NEXT_BUFFER" for op, _, _ in pickletools.genops(written)):
            continue
        if protocol == 5:
            del document["array"]  # protocol 5 writes arrays through a function that no benchmark file needs
            written = pickle.dumps(document, protocol=protocol)
        read = read_pickle(io.BytesIO(written), "f")
        for name in document:
            if name == "array":
                np.testing.assert_array_equal(read[name].values, np.arange(6).reshape(2, 3))
            else:
                assert read[name] == document[name]
        assert type(read["scalar"]) is float and type(read["whole"]) is int


def test_weights_are_passed_over(tmp_path: Path, architectures: list[str], small: Records) -> None:
    weighty = pickle.loads(pickle.dumps(small))
    weighty[0]["200"]["all_results"]["cifar10", 777]["net_state_dict"] = collections.OrderedDict(w=torch.ones(3, 4))
    for zipped in (False, True):
        path = pth(tmp_path / f"{zipped}.pth", whole_document(architectures, weighty, old=True), zipped)
        assert len(convert(path, partial=True)) == 3


def test_damaged_files_are_refused(
    tmp_path: Path, architectures: list[str], small: Records, cache: Path, capsys: Any
) -> None:
    new = WRITERS["pth, new format"](tmp_path, architectures, small)
    old = WRITERS["pth, old format"](tmp_path, architectures, small)
    packed = WRITERS["pbz2"](tmp_path, architectures, small)
    folder = WRITERS["folder"](tmp_path, architectures, small)
    archive = tarred(tmp_path / "x.tar", folder)
    for path in (new, old, packed, archive):
        content = path.read_bytes()
        for cut in (len(content) // 2, 3):
            path.write_bytes(content[:cut])
            assert "damaged" in refused(path, cache, capsys, "--partial")
    flipped = bytearray(bz2.compress(pickle.dumps({})))
    flipped[20] ^= 0xFF
    packed.write_bytes(flipped)
    assert "damaged" in refused(packed, cache, capsys, "--partial")
    member = folder / "000011.pickle.pbz2"
    content = member.read_bytes()
    member.write_bytes(content[:-10])
    assert "000011" in refused(folder, cache, capsys, "--partial")
    member.write_bytes(content)
    for file in folder.iterdir():
        file.unlink()
    assert "one for each architecture" in refused(folder, cache, capsys, "--partial")


def test_folders_and_archives_as_people_have_them(
    tmp_path: Path, architectures: list[str], small: Records, cache: Path
) -> None:
    """Without the list, whose order is published; in folders of folders, as unpacking leaves it; compressed."""
    folder = simple(tmp_path / "NATS-tss-simple", architectures, small)
    expected = convert(folder, partial=True)
    archive = tmp_path / "NATS-tss-simple.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(folder, arcname="some/where/NATS-tss-simple")
    (folder / "meta.pickle.pbz2").unlink()
    outer = tmp_path / "unpacked" / "NATS-tss-simple"
    outer.mkdir(parents=True)
    (outer / "readme.txt").write_text("")
    inner = folder.rename(outer / folder.name)
    shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path / "unpacked")
    for path in (archive, inner, tmp_path / "unpacked", tarred(tmp_path / "bare.tar", inner), tmp_path / "zipped.zip"):
        table = convert(path, partial=True)
        assert table.architectures == expected.architectures
        for metric in expected.metrics:
            np.testing.assert_array_equal(table.column(metric), expected.column(metric))
    simple(tmp_path / "unpacked" / "another", architectures, small)
    with pytest.raises(InputError, match="several folders, NATS-tss-simple, another"):
        convert(tmp_path / "unpacked", partial=True)


def test_the_size_space_is_called_by_its_name(
    tmp_path: Path, small: Records, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = simple(tmp_path / "NATS-sss-simple", ["8:8:8:8:8", "8:8:8:8:16"], small)
    assert "NATS-Bench's size space" in refused(path, cache, capsys, "--partial")
    packed = tmp_path / "NATS-tss.pickle.pbz2.zip"
    packed.write_bytes(b"PK\x03\x04 and more")
    assert "damaged, truncated or encrypted" in refused(packed, cache, capsys)
    assert "unpack it" in refused(packed.rename(packed.with_suffix(".7z")), cache, capsys)


def test_a_flipped_bit_in_a_zip_is_seen(
    tmp_path: Path, architectures: list[str], small: Records, cache: Path, capsys: Any
) -> None:
    path = WRITERS["pth, new format"](tmp_path, architectures, small)
    content = bytearray(path.read_bytes())
    # A digit within a stored number: the pickle stays whole, only the checksum tells.
    place = content.index(b"G@", len(content) // 2)
    content[place + 5] ^= 1
    path.write_bytes(content)
    assert "CRC" in refused(path, cache, capsys, "--partial")


def test_a_part_needs_to_be_called_one(
    tmp_path: Path, architectures: list[str], small: Records, cache: Path, capsys: Any
) -> None:
    path = WRITERS["folder"](tmp_path, architectures, small)
    assert "15,625" in refused(path, cache, capsys)


def test_published_digits_of_the_checksum_are_compared(
    tmp_path: Path, architectures: list[str], small: Records, cache: Path, capsys: Any
) -> None:
    path = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
    write_pbz2(path, whole_document(architectures, small, old=False))
    assert "3ffb9" in refused(path, cache, capsys)


def change(records: Records, place: tuple[Any, ...], value: object) -> Records:
    changed: Any = pickle.loads(pickle.dumps(records))
    at = changed
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return dict(changed)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ((0, "12", "arch_str"), "|none~0|", "architecture 0"),
        ((0, "12", "all_results"), [], "architecture 0"),
        ((0, "200", "all_results", ("cifar10", 777), "epochs"), 90, "90 epochs"),
        ((0, "200", "all_results", ("cifar10", 777), "eval_acc1es"), {}, "ori-test@199"),
        ((0, "200", "all_results", ("cifar10", 777), "eval_acc1es", "ori-test@199"), "94", "not a number"),
        ((0, "200", "all_results", ("mnist", 777)), {}, "mnist"),
        ((11,), {}, "12 or 200 epochs"),
        ((15_625,), {}, "15625"),
    ],
)
def test_wrong_records_are_named(
    tmp_path: Path,
    architectures: list[str],
    small: Records,
    cache: Path,
    capsys: Any,
    place: tuple[Any, ...],
    value: object,
    expected: str,
) -> None:
    path = write_pbz2(tmp_path / "f.pbz2", whole_document(architectures, change(small, place, value), old=False))
    assert expected in refused(path, cache, capsys, "--partial")


def test_another_list_of_architectures_is_refused(
    tmp_path: Path, architectures: list[str], small: Records, cache: Path, capsys: Any
) -> None:
    exchanged = [architectures[1], architectures[0], *architectures[2:]]
    path = write_pbz2(tmp_path / "f.pbz2", whole_document(exchanged, small, old=False))
    assert "architecture 0 is" in refused(path, cache, capsys, "--partial")
    path = write_pbz2(tmp_path / "g.pbz2", [1, 2])
    assert "meta_archs" in refused(path, cache, capsys, "--partial")


@pytest.fixture(scope="session")
def everything(architectures: list[str], small: Records, shared_data: Path) -> Records:
    """All 15,625 records, with the prepared table's means as the only seed of a training of 200 epochs."""
    frame = pd.read_parquet(shared_data / "nasbench201.parquet")
    columns = {
        ("cifar10-valid", "x-valid"): "c10valid_val_200",
        ("cifar10-valid", "ori-test"): "c10valid_test_200",
        ("cifar10", "ori-test"): "c10_test_200_nats",
        ("cifar100", "x-valid"): "c100_val_200",
        ("cifar100", "x-test"): "c100_test_200",
        ("ImageNet16-120", "x-valid"): "in16_val_200",
        ("ImageNet16-120", "x-test"): "in16_test_200",
    }
    values = {key: frame[column].tolist() for key, column in columns.items()}
    whole: Records = {}
    for index, architecture in enumerate(architectures):
        results = {}
        for dataset in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"):
            names = [name for found, name in columns if found == dataset]
            results[dataset, 777] = {
                "epochs": 200,
                "train_acc1es": {199: 90.0},
                "train_losses": {199: 0.1},
                "train_times": None,
                "eval_acc1es": {f"{name}@199": values[dataset, name][index] for name in names},
                "eval_losses": {f"{name}@199": 0.3 for name in names},
                "eval_times": {},
                "params": 0.1,
                "flop": 15.0,
            }
        whole[index] = {"200": {"arch_str": architecture, "all_results": results}}
    return whole


@pytest.mark.slow
def test_a_whole_release_is_verified(
    tmp_path: Path, architectures: list[str], everything: Records, cache: Path, capsys: Any
) -> None:
    path = pth(tmp_path / "whole.pth", whole_document(architectures, everything, old=True), True)
    table: BenchmarkTable = convert(path)
    assert (len(table), table.schema.partial, table.schema.source["verified"]) == (15_625, False, 6)
    assert np.isnan(table.column("c10valid_cost_200_s")).all()
    table.path.unlink()
    best = everything[6111]["200"]["all_results"]["cifar10", 777]["eval_acc1es"]
    original = best["ori-test@199"]
    best["ori-test@199"] = 95.0
    try:
        pth(path, whole_document(architectures, everything, old=True), True)
        assert "94.3733 % is published" in refused(path, cache, capsys)
    finally:
        best["ori-test@199"] = original
