"""Whatever a file holds, reading it gives a result or one line; and never another result where there is a checksum."""

from __future__ import annotations

import json
import pickle
import random
import shutil
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from arch2vec.benchmarks.nasbench101_records import read_nasbench101
from arch2vec.benchmarks.nasbench201_files import read_pbz2, read_pth, read_simple
from arch2vec.benchmarks.user_files import read_own
from arch2vec.common.parquet import write_parquet
from arch2vec.common.storage import read_json
from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.models.adam import FlatAdam
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.flat import flatten_parameters
from arch2vec.networks.data.cifar import read_cifar
from arch2vec.objectives.table import TableObjective
from arch2vec.pretraining.checkpoint import load_checkpoint
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.supervised import SupervisedConfig, SupervisedEncoder, train_supervised
from arch2vec.proxies.table import _Store
from arch2vec.searching.pareto.problem import problem_of
from arch2vec.searching.pareto.run import pareto_search
from arch2vec.searching.study import search
from arch2vec.spaces import get_space
from arch2vec.studies import Budget, run_study
from arch2vec.studies.inspection import inspect, top
from arch2vec.studies.table import read_table
from benchmark_files import model_metrics, nasbench101_record, tfrecord, write_pbz2
from image_archives import write_cifar10
from mutations import STRANGE, TEXTS, damaged, flipped, restructured
from pareto_tables import embedding as cells
from pareto_tables import objective as table_objective

CHAIN = """
name: chain4
carries: vertices
operations: [relu, tanh, skip]
vertices: 6
edges: [[0,1],[1,2],[2,3],[3,4],[4,5]]
"""
SMALL = ModelConfig(hidden=4, layers=1, latent=3)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        file: a whole one.
        read: reads the file of that name in another folder, and returns all that follows from it.
        sealed: whether a checksum protects it.
    """

    file: Path
    read: Callable[[Path], object]
    sealed: bool = False


def worth(architecture: str) -> float:
    """A made-up accuracy."""
    return 50.0 + sum(map(ord, architecture)) % 40


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    """A whole file of every kind that the package reads."""
    place = tmp_path_factory.mktemp("whole")
    (place / "chain.yaml").write_text(CHAIN)
    space = get_space(str(place / "chain.yaml"))
    graphs = space.enumerate()
    config = PretrainConfig(model=SMALL, epochs=1)
    embedding = pretrain(space, config, out=place / "run").embed()
    embedding.save(place / "embedding.parquet")
    embedding.save(place / "embedding.safetensors")
    values = np.arange(len(graphs), dtype=np.float64)
    train_supervised(space, graphs, values, SupervisedConfig(epochs=1)).save(place / "supervised.safetensors")
    search(embedding, worth, "random", 5, out=place / "search")
    search(embedding, worth, "arch2vec-rl", 5, out=place / "rl")
    objective = table_objective(place / "table.parquet")
    run_study(cells(), objective, ["random"], 2, Budget(3), out=place / "study")
    write_parquet(read_table(place / "study/trajectories.parquet"), place / "block.parquet")
    problem, _ = problem_of(objective, cells(), ["latency:phone"])
    pareto_search(cells(), problem, "random", seed=0, budget=4, file=place / "pareto.json")
    (place / "own.csv").write_text("architecture,val\n" + "".join(f"{cell},{90.5}\n" for cell in cells().architectures))
    document = {"meta_archs": ["a", "b"], "arch2infos": {0: {"less": {"all_results": {("cifar10", 777): 1.5}}}}}
    write_pbz2(place / "x.pbz2", document)
    with zipfile.ZipFile(place / "x.pth", "w") as opened:
        opened.writestr("x/data.pkl", pickle.dumps(document, protocol=2))
    write_tar(place / "x.tar", {"meta.pickle.pbz2": (place / "x.pbz2").read_bytes(), "000000.pickle.pbz2": b"BZh9"})
    message = model_metrics([(0, 0, 0.1, 0.1, 0.1), (54, 9, 0.8, 0.8, 0.8), (108, 9, 0.9, 0.9, 0.9)], 7, 18.0)
    (place / "x.tfrecord").write_bytes(tfrecord([nasbench101_record("00" * 16, 108, "0100", "input,output", message)]))
    write_cifar10(place, images=2)
    store = _Store(place / "proxies.parquet", {"seed": 0})
    for architecture in embedding.architectures[:5]:
        store.add(architecture, {"naswot": 1.5, "seconds": 0.1})
    store.save()

    def checkpoint(path: Path) -> object:
        model = GraphAutoencoder(SMALL, space.num_operations, torch.Generator().manual_seed(0))
        run = SimpleNamespace(space=space, model=model, optimizer=FlatAdam(flatten_parameters(model)), history=[])
        run.config = replace(config, activation="sigmoid")
        run.noise = torch.Generator()
        history = load_checkpoint(path, run)
        numbers = [*model.state_dict().values(), *run.optimizer.state_dict().values(), run.noise.get_state()]
        return history, [tensor.numpy().tobytes() for tensor in numbers]

    def encoder(path: Path) -> object:
        loaded = Encoder.load(path)
        return loaded.vectors(graphs).tobytes(), loaded.prior.tobytes(), loaded.config, loaded.training

    def supervised(path: Path) -> object:
        return SupervisedEncoder.load(path).predict(graphs).tobytes()

    def embedded(path: Path) -> object:
        loaded = Embedding.load(path)
        return loaded.architectures, loaded.vectors.tobytes()

    def looked_at(path: Path) -> object:
        best = top(path.parent)
        inspect(path.parent)
        return best

    def gone_on(method: str) -> Callable[[Path], object]:
        def read(path: Path) -> object:
            looked_at(path)
            trials = search(embedding, worth, method, 6, out=path.parent).trials  # of the last one the time differs
            return trials[:5], trials[5].architecture, trials[5].validation

        return read

    def table(path: Path) -> object:
        objective = TableObjective(path, validation="val", partial=True) if path.suffix == ".csv" else read_own(path)
        return str(objective)

    def images(path: Path) -> object:
        return [part[0].tobytes() for part in read_cifar("cifar10", path.parent, None)]

    return {
        "encoder": Kind(place / "run/encoder.safetensors", encoder, sealed=True),
        "checkpoint": Kind(place / "run/checkpoint.safetensors", checkpoint, sealed=True),
        "supervised": Kind(place / "supervised.safetensors", supervised, sealed=True),
        "embedding": Kind(place / "embedding.parquet", embedded, sealed=True),
        "arrays": Kind(place / "embedding.safetensors", embedded, sealed=True),
        "search": Kind(place / "search/study.json", gone_on("random"), sealed=True),
        "rl": Kind(place / "rl/study.json", gone_on("arch2vec-rl"), sealed=True),
        "asked": Kind(place / "search/asked.json", looked_at),
        "config": Kind(place / "run/config.json", lambda path: inspect(path.parent).of, sealed=True),
        "metrics": Kind(place / "run/metrics.jsonl", lambda path: inspect(path.parent)),
        "comparison": Kind(place / "study/comparison.json", looked_at, sealed=True),
        "trajectories": Kind(place / "study/trajectories.parquet", lambda path: read_table(path).to_pydict(), True),
        "block": Kind(place / "block.parquet", lambda path: read_table(path).to_pydict(), True),
        "pareto": Kind(
            place / "pareto.json",
            lambda path: pareto_search(cells(), problem, "random", seed=0, budget=5, file=path),
            sealed=True,
        ),
        "proxies": Kind(place / "proxies.parquet", lambda path: _Store(path, {"seed": 0}).rows, sealed=True),
        "yaml": Kind(place / "chain.yaml", lambda path: get_space(str(path)).size),
        "reference": Kind(
            reference_of(place, space.reference), lambda path: get_space(path.read_text(errors="replace")).size
        ),
        "csv": Kind(place / "own.csv", table),
        "table": Kind(place / "table.parquet", table),
        "pbz2": Kind(place / "x.pbz2", read_pbz2),
        "pth": Kind(place / "x.pth", read_pth),
        "tar": Kind(place / "x.tar", read_simple),
        "tfrecord": Kind(place / "x.tfrecord", read_nasbench101),
        "cifar": Kind(place / "cifar-10-python.tar.gz", images),
    }


def reference_of(place: Path, reference: str) -> Path:
    (place / "reference").write_text(reference)
    return place / "reference"


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    import tarfile

    with tarfile.open(path, "w") as opened:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, BytesIO(content))


NAMES = (
    "encoder", "checkpoint", "supervised", "embedding", "arrays", "search", "rl", "asked", "config", "metrics",
    "comparison", "trajectories", "block", "pareto", "proxies", "yaml", "reference", "csv", "table", "pbz2", "pth",
    "tar", "tfrecord", "cifar",
)  # fmt: skip


class Trial:
    """Reads damaged copies of a whole file, each in a folder of its own."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind, self._folder, self._count = kind, folder, 0
        self.content = kind.file.read_bytes()

    def read(self, content: bytes) -> object:
        """What follows from a file of that content: a result, or the line that refuses it as an InputError."""
        self._count += 1
        folder = self._folder / str(self._count)
        if self.kind.file.parent.name in ("run", "search", "rl", "study"):
            shutil.copytree(self.kind.file.parent, folder, ignore=shutil.ignore_patterns("tensorboard"))
        folder.mkdir(exist_ok=True)
        path = folder / self.kind.file.name
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.kind.read(path)
        except InputError as error:
            line = " ".join(str(error).split())
            assert 10 < len(line) < 20_000, line  # it may quote an architecture as it is
            return error
        finally:
            shutil.rmtree(folder)


def whole(kind: Kind, folder: Path) -> tuple[Trial, object]:
    trial = Trial(kind, folder)
    return trial, trial.read(trial.content)


def same(first: object, second: object) -> bool:
    """Whether two results are, times left out."""
    return str(first) == str(second) if not isinstance(first, list | tuple) else first == second


def check(kind: Kind, folder: Path, rounds: int, seed: int) -> None:
    trial, right = whole(kind, folder)
    # Made-up results of the published benchmarks are refused as such; everything else is whole.
    assert isinstance(right, InputError) == (kind.file.stem == "x"), right
    rng = random.Random(seed)
    for _ in range(rounds):
        trial.read(damaged(trial.content, rng))
    if kind.sealed:
        for _ in range(rounds):
            found = trial.read(flipped(trial.content, rng))
            assert isinstance(found, InputError) or same(found, right)


@pytest.mark.parametrize("name", NAMES)
def test_damage_is_one_line_and_no_other_result(kinds: dict[str, Kind], tmp_path: Path, name: str) -> None:
    check(kinds[name], tmp_path, 12, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_much_damage_is_one_line_and_no_other_result(kinds: dict[str, Kind], tmp_path: Path, name: str) -> None:
    check(kinds[name], tmp_path, 200, seed=2)


DOCUMENTS = ("search", "rl", "asked", "config", "comparison", "pareto", "reference", "metrics")


def check_documents(kind: Kind, folder: Path, rounds: int, seed: int) -> None:
    """Documents without a checksum, as older versions wrote them, of another shape."""
    trial = Trial(kind, folder)
    head = trial.content[: trial.content.index(b"{")]  # what is before the JSON
    line = b"\n" if kind.file.suffix == ".jsonl" else b""
    document = json.loads(trial.content[len(head) :]) if not line and head else read_first(kind.file)
    rng = random.Random(seed)
    for text in TEXTS:
        trial.read(head + text.encode() + line)
    for _ in range(rounds):
        changed = restructured(document, rng)
        trial.read(head + json.dumps(changed).replace('"1e999"', "1e999").encode() + line)


def read_first(path: Path) -> Any:
    return json.loads(path.read_text().splitlines()[0]) if path.suffix == ".jsonl" else read_json(path)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_of_another_shape_are_one_line(kinds: dict[str, Kind], tmp_path: Path, name: str) -> None:
    check_documents(kinds[name], tmp_path, 25, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_many_documents_of_another_shape_are_one_line(kinds: dict[str, Kind], tmp_path: Path, name: str) -> None:
    check_documents(kinds[name], tmp_path, 500, seed=4)


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: str(value)[:8])
def test_every_number_of_a_study_is_checked(kinds: dict[str, Kind], tmp_path: Path, value: object) -> None:
    trial = Trial(kinds["search"], tmp_path)
    for place in ("number", "index", "cost_s", "validation", "architecture", "extra"):
        document = read_json(trial.kind.file)
        if document["trials"][2][place] == value or (
            place == "cost_s" and value in (0, 1.5, True) and value is not True
        ):
            continue
        document["trials"][2][place] = value
        found = trial.read(json.dumps(document).encode())
        if not (place in ("cost_s", "extra") and (value == {"": 0} or isinstance(value, int | float))):
            assert isinstance(found, InputError), (place, value)
