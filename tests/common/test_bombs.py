"""Small files that ask for much, and files that never end, are refused before that costs anything."""

from __future__ import annotations

import bz2
import io
import json
import os
import pickle
import resource
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arch2vec.benchmarks.conversion import convert
from arch2vec.benchmarks.nasbench201_files import read_pbz2, read_pth, read_simple
from arch2vec.benchmarks.pickle_bytes import PickleBytes
from arch2vec.benchmarks.pickles import read_pickle
from arch2vec.benchmarks.user_files import read_own
from arch2vec.common.storage import read_arrays, read_json, write_arrays
from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.networks.data.cifar import read_cifar
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.spaces import get_space
from arch2vec.spaces.declared.text import PREFIX
from arch2vec.studies.inspection import inspect
from image_archives import cifar10_members
from one_line import error_of

CHAIN = {"name": "chain4", "carries": "vertices", "vertices": 6, "operations": ["relu", "tanh", "skip"]}
CHAIN |= {"edges": [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]}


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """What a test here asks for beyond two gigabytes is not there."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        (b"\x80\x02]r\xff\xff\xff\x0f.", "a memo of 268,435,455 places"),
        (b"(p268435455\n.", "a memo of 268,435,455 places"),
        (b"\x80\x04" + b"]" * 5_000_000 + b".", "containers in"),
        (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x0f.", "holds no whole pickle"),
        (b"\x80\x02c__builtin__\nset\nq\x00(" + b"K\x01" * 999 + b"lq\x01" + b"0h\x00h\x01\x85R" * 999, "copies"),
        (b"\x80\x02" + b"(" * 10, "holds no whole pickle"),
        (b"S" + b"x" * 3_000_000, "a line without an end"),
    ],
)  # fmt: skip
def test_pickles_that_ask_for_more_than_they_hold(tmp_path: Path, program: bytes, complaint: str) -> None:
    path = tmp_path / "x.pickle.pbz2"
    path.write_bytes(bz2.compress(program))
    assert complaint in error_of(lambda: read_pickle(io.BytesIO(program), "it", encoding="latin1"))
    assert str(path) in error_of(lambda: convert(path, tmp_path / "out.parquet"))
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_the_rest_of_a_stream_is_left(protocol: int) -> None:
    document = {"a": [1, 2.5, None, "x" * 300, b"y" * 70_000, 10**30], 3: ((1, 2), {4, 5})}
    content = pickle.dumps(document, protocol) + pickle.dumps("next", protocol)
    for opened in (io.BytesIO(content), io.BufferedReader(io.BytesIO(content), 7)):
        assert pickle.load(io.BufferedReader(PickleBytes(opened))) == document
        assert pickle.load(io.BufferedReader(PickleBytes(opened))) == "next"
        assert opened.read() == b""


def test_what_unpacks_to_thousands_of_times_its_size(tmp_path: Path) -> None:
    zeros = b"\x80\x04B" + (20_000_000).to_bytes(4, "little") + bytes(20_000_000) + b"."
    (tmp_path / "x.pbz2").write_bytes(bz2.compress(zeros))
    assert "unpack to more than" in error_of(lambda: read_pbz2(tmp_path / "x.pbz2"))
    with zipfile.ZipFile(tmp_path / "x.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x/data.pkl", zeros)
    assert "unpack to more than" in error_of(lambda: read_pth(tmp_path / "x.pth"))
    members = cifar10_members(images=2) | {"cifar-10-batches-py/padding": bytes(20_000_000)}
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as opened:
        for name, content in sorted(members.items(), key=lambda entry: len(entry[1]), reverse=True):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    assert "unpack to more than" in error_of(lambda: read_cifar("cifar10", tmp_path, None))


def test_a_sparse_archive(tmp_path: Path) -> None:
    """As GNU tar writes a file of 5 GB that is one hole."""
    entry = tarfile.TarInfo("meta.pickle.pbz2")
    entry.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % 5_000_000_000
    header[386:410] = b"%011o\0%011o\0" % (4_999_999_999, 0)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    (tmp_path / "x.tar").write_bytes(bytes(header) + bytes(10_240 - len(header)))
    assert "claims 5,000,000,000 bytes" in error_of(lambda: read_simple(tmp_path / "x.tar"))


def test_a_table_of_a_billion_equal_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    texts = pa.DictionaryArray.from_arrays(np.zeros(20_000_000, np.int8), pa.array(["x"]))
    table = pa.table({"architecture": texts, "v0": np.zeros(20_000_000, np.float32)})
    pq.write_table(table.replace_schema_metadata({"kind": "arch2vec embedding", "space": "nasbench201"}), path)
    del texts, table
    assert path.stat().st_size < 150_000
    for read in (Embedding.load, read_own):
        assert "20,000,000 rows" in error_of(lambda read=read: read(path))  # type: ignore[misc]


@pytest.mark.parametrize("change", [{"hidden": 30_000}, {"layers": 300_000}, {"latent": 10**9}, {"hidden": "x"}])
def test_an_encoder_that_claims_to_be_large(tmp_path: Path, change: dict[str, object]) -> None:
    space = get_space(PREFIX + json.dumps(CHAIN))
    pretrain(space, PretrainConfig(model=ModelConfig(hidden=4, layers=1, latent=3), epochs=1), out=tmp_path)
    arrays, metadata = read_arrays(tmp_path / "encoder.safetensors")
    metadata["config"] = json.dumps(json.loads(metadata["config"]) | change)
    write_arrays(tmp_path / "claims.safetensors", arrays, metadata)
    assert "damaged encoder" in error_of(lambda: Encoder.load(tmp_path / "claims.safetensors"))


DECLARED = "name: a\ncarries: vertices\nvertices: 6\nedges: [[0,1],[1,2],[2,3],[3,4],[4,5]]\n"
YAMLS = {
    "100,000 operations": DECLARED + "operations: [" + ",".join(f"a{number}" for number in range(100_000)) + "]\n",
    "10,000 operations": DECLARED + "operations: [" + ",".join(f"a{number}" for number in range(9_000)) + "]\n",
    "aliases of aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)),
    "an alias of itself": "a: &a [*a]\n",
    "many edges": DECLARED.replace("edges: [", "edges: [" + "[0,1]," * 5_000) + "operations: [x, y]\n",
    "no date": DECLARED + "operations: [2001-99-99]\n",
    "no number": DECLARED + "operations: [!!int '']\n",
    "no flag": DECLARED + "operations: [!!bool x]\n",
}


@pytest.mark.parametrize("name", YAMLS)
def test_declarations(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.yaml").write_text(YAMLS[name])
    line = error_of(lambda: get_space(str(tmp_path / "x.yaml")))
    assert str(tmp_path / "x.yaml") in line and len(line) < 500
    document = CHAIN | {"operations": [f"a{number}" for number in range(100_000)]}
    assert "at most 62" in error_of(lambda: get_space(PREFIX + json.dumps(document)))


@pytest.mark.parametrize(
    "read", [convert, read_json, read_arrays, Embedding.load, read_own, lambda path: inspect(path.parent)]
)
@pytest.mark.parametrize("name", ["config.json", "x.parquet", "x.csv", "x.tar"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / name)
    line = error_of(lambda: read(tmp_path / name))
    assert "not an ordinary file" in line or "holds no run" in line
