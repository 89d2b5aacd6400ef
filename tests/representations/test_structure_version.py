"""The structure vectors' version: no change of a number goes unnoticed, and files say which version they hold."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import arch2vec
from arch2vec.cli.main import main
from arch2vec.common.parquet import read_parquet, write_parquet
from arch2vec.common.storage import read_arrays, write_arrays
from arch2vec.embedding import Embedding
from arch2vec.representations.features import slices
from arch2vec.representations.ready import joined_with
from arch2vec.representations.spec import resolve_representation
from arch2vec.representations.structure import VERSION, structure
from arch2vec.spaces import NASBench201, SearchSpace, get_space
from one_line import error_of

CELLS = {
    "nasbench101": [
        "0110000;0001010;0001100;0000001;0000010;0000001;0000000"
        "|input,maxpool3x3,maxpool3x3,maxpool3x3,conv3x3-bn-relu,conv1x1-bn-relu,output",
        "0100100;0010100;0001100;0000001;0000010;0000001;0000000"
        "|input,conv1x1-bn-relu,conv3x3-bn-relu,conv1x1-bn-relu,conv3x3-bn-relu,conv3x3-bn-relu,output",
        "01100;00010;00010;00001;00000|input,conv1x1-bn-relu,maxpool3x3,conv3x3-bn-relu,output",
        "01;00|input,output",
    ],
    "nasbench201": [
        "|avg_pool_3x3~0|+|none~0|avg_pool_3x3~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|nor_conv_3x3~0|none~1|avg_pool_3x3~2|",
        "|none~0|+|none~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|none~2|",
    ],
    "darts": [
        "sep_conv_5x5~1|skip_connect~0|dil_conv_3x3~2|skip_connect~1|sep_conv_5x5~3|dil_conv_3x3~2|skip_connect~1"
        "|dil_conv_5x5~4",
        "max_pool_3x3~1|dil_conv_3x3~0|max_pool_3x3~2|dil_conv_5x5~0|dil_conv_5x5~2|sep_conv_5x5~3|max_pool_3x3~4"
        "|dil_conv_5x5~1",
        "skip_connect~0|skip_connect~1|avg_pool_3x3~0|skip_connect~1|sep_conv_3x3~0|skip_connect~1|skip_connect~0"
        "|skip_connect~1",
    ],
    "chain": [],  # all of it
}
CHAIN = """name: chain
carries: vertices
operations: [conv3, pool, skip, none]
vertices: 5
edges: [[0, 1], [1, 2], [0, 2], [2, 3], [3, 4]]
skip: [skip]
zero: [none]
"""

DIGESTS: dict[int, dict[str, dict[str, str]]] = {
    1: {
        "nasbench101": {
            "paths": "cfd372523ac5",
            "walks": "0b16010f6b44",
            "neighbours": "a275f1bf3a24",
            "costs": "54e306f972ae",
        },
        "nasbench201": {
            "paths": "9ca045f6c888",
            "walks": "d0ff08641a88",
            "neighbours": "4dc6498988fe",
            "costs": "af6391e45ae2",
            "positions": "b7f1f471e28a",
        },
        "darts": {
            "paths": "939b0e0bff4e",
            "walks": "fb5dda7f34d4",
            "neighbours": "cf174e28d8d4",
            "costs": "2d0a5263030e",
        },
        "chain": {
            "paths": "a1b8d476b575",
            "walks": "f66523bfb777",
            "neighbours": "151ff0b80a97",
            "positions": "5a772fdc33c3",
        },
    }
}
"""Of every version that was ever there, so that none means two things: by space and group."""


def architectures(space: SearchSpace) -> list[str]:
    return CELLS[space.name] or space.format(space.enumerate())


def digests(space: SearchSpace) -> dict[str, str]:
    """Of the names and the numbers, to five digits: how sums are rounded differs between processors."""
    known = structure(space.parse(architectures(space)), space)
    found = {}
    for group, columns in slices(known.groups).items():
        lines = [
            f"{name}: " + " ".join(f"{value + 0.0:.5g}" for value in known.values[:, place].tolist())
            for place, name in list(enumerate(known.names))[columns]
        ]
        found[group] = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    return found


@pytest.mark.parametrize("name", CELLS)
def test_the_numbers_are_those_of_the_version(name: str, tmp_path: Path) -> None:
    """Where they have to change, raise ``VERSION`` and write their digests down beside the older ones."""
    if name == "chain":
        (tmp_path / "chain.yaml").write_text(CHAIN)
    space = get_space(str(tmp_path / "chain.yaml") if name == "chain" else name)
    assert digests(space) == DIGESTS[VERSION][name]


def test_two_cells_make_a_pair_as_wide_as_both() -> None:
    """DARTS with two cells has the columns of each: what is told apart there is told apart here."""
    pair = get_space("darts_pair")
    cells = CELLS["darts"]
    normal = structure(pair.parse([f"{cells[0]}+{cells[1]}", f"{cells[0]}+{cells[2]}"]), pair)
    changed = {name for name, both in zip(normal.names, normal.values.T, strict=True) if both[0] != both[1]}
    assert changed
    assert len(set(normal.names)) == len(normal.names)


@pytest.mark.parametrize("suffix", [".parquet", ".safetensors"])
def test_files_say_which_version_they_hold(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    space = NASBench201()
    made = arch2vec.structure_embedding(space, space.parse(CELLS["nasbench201"]))
    assert made.structure_version == VERSION
    path = tmp_path / f"vectors{suffix}"
    made.save(path)
    assert Embedding.load(path).structure_version == VERSION
    assert not caplog.records

    later = replace(made, structure_version=VERSION + 1)
    later.subset([0, 1, 2]).save(path)
    with caplog.at_level(logging.WARNING):
        read = Embedding.load(path)
    assert read.structure_version == VERSION + 1  # and stays so when it is saved again
    (record,) = caplog.records
    assert f"version {VERSION + 1}" in record.getMessage()
    assert str(path) in record.getMessage()
    assert "\n" not in record.getMessage()

    def rewritten(version: str | None) -> None:
        changes = {} if version is None else {"structure_version": version}
        if suffix == ".parquet":
            table, metadata = read_parquet(path)
            entries = {key.decode(): value.decode() for key, value in metadata.items() if key != b"structure_version"}
            write_parquet(table.replace_schema_metadata(None), path, {**entries, **changes})
        else:
            arrays, known = read_arrays(path)
            known = {key: value for key, value in known.items() if key != "structure_version"}
            write_arrays(path, arrays, {**known, **changes})

    rewritten(None)  # as files were written before there were versions
    assert Embedding.load(path).structure_version == 1
    for wrong in ("0", "-1", "one", "", "1.5", "9" * 400):
        rewritten(wrong)
        assert "structure_version" in error_of(lambda: Embedding.load(path))
        assert main(["search", str(path), "--objective", "digits-201", "--budget", "3"]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_learned_vectors_have_no_version_of_the_structure(tmp_path: Path) -> None:
    space = NASBench201()
    graphs = space.parse(CELLS["nasbench201"])
    learned = Embedding(space, graphs, np.ones((4, 3), dtype=np.float32))
    assert learned.structure_version == 0
    learned.save(tmp_path / "learned.parquet")
    assert b"structure_version" not in pq.read_schema(tmp_path / "learned.parquet").metadata
    assert Embedding.load(tmp_path / "learned.parquet").structure_version == 0


def test_vectors_beside_others_keep_their_version_and_versions_are_not_mixed() -> None:
    space = NASBench201()
    graphs = space.parse(CELLS["nasbench201"])
    path, paths = resolve_representation("path"), resolve_representation("structure?groups=paths")
    later = replace(arch2vec.represent(space, "structure?groups=costs", graphs), structure_version=VERSION + 1)
    assert joined_with(later, [path], own_too=True).structure_version == VERSION + 1
    assert joined_with(later, [paths], own_too=False).structure_version == VERSION
    assert joined_with(arch2vec.represent(space, "path", graphs), [paths], own_too=True).structure_version == VERSION
    assert "cannot be mixed" in error_of(lambda: joined_with(later, [paths], own_too=True))
