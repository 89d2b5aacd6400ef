"""Every path that computes on a device, on the processor and on a GPU: the same tests for both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from arch2vec.encoder import Encoder
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.networks.build import NetworkPlan, build_network
from arch2vec.networks.classifier_run import ClassifierRun
from arch2vec.networks.data.named import DataChoice, load_images
from arch2vec.networks.recipes import get_recipe
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.proxies.networks import builder
from arch2vec.proxies.settings import ProxySetting
from arch2vec.proxies.table import evaluate_architecture
from arch2vec.representations.ready import structure_embedding
from arch2vec.searching import get_method
from arch2vec.searching.pool import OnDevice
from arch2vec.searching.spec import resolve_method
from arch2vec.spaces import get_space

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
SHORT = PretrainConfig(epochs=2, batch_size=32)
SMALL = PretrainConfig(model=ModelConfig(hidden=16, layers=2, latent=8), epochs=1, batch_size=64)


def cells(space: str, count: int) -> GraphBatch:
    return get_space(space).sample(count, np.random.default_rng(0))


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("space", ["nasbench101", "nasbench201", "darts"])
def test_pretraining_repeats_and_resumes(space: str, device: str, tmp_path: Path) -> None:
    graphs = cells(space, 300)
    config = replace(SMALL, epochs=2)
    whole = pretrain(space, config, graphs=graphs, device=device, out=tmp_path / "whole")
    again = pretrain(space, config, graphs=graphs, device=device)
    assert whole.device.type == device
    assert np.array_equal(whole.vectors(graphs), again.vectors(graphs))

    def stop(at: object) -> None:
        if getattr(at, "epoch", 0) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(space, config, graphs=graphs, device=device, out=tmp_path / "parts", progress=stop)
    resumed = pretrain(space, config, graphs=graphs, device=device, out=tmp_path / "parts")
    assert np.array_equal(whole.vectors(graphs), resumed.vectors(graphs))


@pytest.mark.gpu
@pytest.mark.parametrize("replay", [False, True])
def test_pretraining_learns_on_a_gpu(replay: bool) -> None:
    config = PretrainConfig(epochs=6, batch_size=64, learning_rate=3e-3, schedule="cosine", replay=replay)
    encoder = pretrain("nasbench201", config, device="cuda")
    assert encoder.training["last_epoch"]["reconstruction"]["operations"] > 0.99


@pytest.mark.parametrize("model", [ModelConfig(), ModelConfig(directed=True), ModelConfig(name="vgae")])
def test_an_encoder_gives_the_same_vectors_wherever_it_computes(
    model: ModelConfig, device: str, tmp_path: Path
) -> None:
    graphs = cells("nasbench101", 700)
    pretrain("nasbench101", replace(SMALL, model=model), graphs=graphs, device="cpu").save(
        tmp_path / "encoder.safetensors"
    )
    here = Encoder.load(tmp_path / "encoder.safetensors", "cpu")
    there = Encoder.load(tmp_path / "encoder.safetensors", device)
    assert there.device.type == device
    vectors = here.vectors(graphs)
    assert np.allclose(vectors, there.vectors(graphs), rtol=1e-4, atol=1e-4)
    points = here.encode(graphs[:50])
    one, other = here.decode(points), there.decode(points)
    assert (one.ops == other.ops).mean() > 0.99
    assert np.array_equal(vectors, there.to("cpu").vectors(graphs))


@pytest.mark.parametrize("name", ["group-bo", "gp-bo", "bo", "bo-adjacency"])
def test_searches_on_a_device_propose_what_others_propose(name: str, device: str) -> None:
    embedding = structure_embedding(get_space("nasbench201"), cells("nasbench201", 400))
    kind, worth = get_method(name), embedding.vectors[:, :40].sum(axis=1)
    proposals = []
    for pool in (None, OnDevice(device)):
        searches = [resolve_method(kind).make(embedding, seed=seed, pool=pool) for seed in range(3)]
        rows = []
        for n in (1,) * 18 + (3, 2):
            asked = kind.ask_together(searches, n)
            for search, candidates in zip(searches, asked, strict=True):
                search.tell(candidates, [float(worth[candidate.index]) for candidate in candidates])
            rows.append([candidate.index for candidates in asked for candidate in candidates])
        proposals.append(np.concatenate(rows))
    same = (proposals[0] == proposals[1]).mean()
    assert same == 1 or (device == "cuda" and same > 0.8)  # nearly equal ones change places on another device


def test_networks_train_alike(device: str) -> None:
    data = load_images(DataChoice("digits", limit=64))
    for space, recipe in (("nasbench201", "digits"), ("darts", "digits-darts")):
        graphs = cells(space, 1)
        states = []
        for _ in range(2):
            network = build_network(
                get_space(space), get_space(space).format(graphs)[0], NetworkPlan("digits", channels=4, cells=3), seed=0
            )
            run = ClassifierRun(network, data, replace(get_recipe(recipe), epochs=2), 0, torch.device(device))
            epochs = [run.train_epoch(0), run.train_epoch(1)]
            assert all(epoch is not None for epoch in epochs)
            states.append({name: value.cpu() for name, value in network.state_dict().items()})
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_proxies_on_a_device(device: str) -> None:
    space, setting = get_space("nasbench201"), ProxySetting(channels=4, cells=1, batch_size=8)
    build, (architecture,) = builder(space, setting), space.format(cells("nasbench201", 1))
    here = evaluate_architecture(build, architecture, None, setting)
    there = evaluate_architecture(build, architecture, None, setting, device)
    for name in here.keys() - {"seconds"}:
        assert there[name] == pytest.approx(here[name], rel=1e-2, nan_ok=True), name


@pytest.mark.gpu
def test_replayed_steps_are_the_steps() -> None:
    graphs = cells("nasbench101", 1000)
    config = SHORT
    plain = pretrain("nasbench101", config, graphs=graphs, device="cuda")
    replayed = pretrain("nasbench101", replace(config, replay=True), graphs=graphs, device="cuda")
    assert np.allclose(plain.vectors(graphs), replayed.vectors(graphs), rtol=1e-2, atol=1e-2)
    again = pretrain("nasbench101", replace(config, replay=True), graphs=graphs, device="cuda")
    assert np.array_equal(again.vectors(graphs), replayed.vectors(graphs))


@pytest.mark.gpu
def test_memory_of_a_round_does_not_grow_with_the_searches_and_the_pool() -> None:
    embedding = structure_embedding(get_space("nasbench201"))
    kind = get_method("group-bo")
    searches = [resolve_method(kind).make(embedding, seed=seed, pool=OnDevice("cuda")) for seed in range(100)]
    rng = np.random.default_rng(0)
    for search in searches:
        rows = rng.choice(len(embedding), 50, replace=False)
        search.tell([search._candidate(int(row)) for row in rows], rng.normal(size=50).tolist())
    torch.cuda.reset_peak_memory_stats()
    kind.ask_together(searches)
    assert torch.cuda.max_memory_allocated() < 16 * 2**30


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one process a GPU: there are fewer than two GPUs")
def test_processes_train_on_a_gpu_each() -> None:
    graphs = cells("nasbench101", 600)
    alone = pretrain("nasbench101", SMALL, graphs=graphs, device="cuda")
    together = pretrain("nasbench101", replace(SMALL, processes=2), graphs=graphs, device="cuda")
    assert np.allclose(alone.vectors(graphs), together.vectors(graphs), rtol=1e-2, atol=1e-2)
