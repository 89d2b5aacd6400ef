from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.inputs import GraphStore, divided
from arch2vec.pretraining.pretrain import PretrainConfig, PretrainingProgress, pretrain
from arch2vec.spaces import NASBench101, NASBench201

SPACE = NASBench201()
GRAPHS = SPACE.sample(411, np.random.default_rng(0))  # 370 to learn from: the last batch of an epoch is smaller
CONFIG = PretrainConfig(model=ModelConfig(hidden=32), epochs=3, batch_size=64, threads=1, seed=4)


def weights(encoder: Encoder) -> torch.Tensor:
    return torch.cat([tensor.double().flatten() for tensor in encoder.model.state_dict().values()])


class InterruptedRunError(Exception):
    pass


@pytest.mark.parametrize("processes", [2, 3, 100])
def test_parts_of_a_batch_add_up_to_it(processes: int) -> None:
    """Losses and gradients of a padded batch, in evaluation mode: neither noise nor batch statistics."""
    space = NASBench101()
    graphs = space.sample(50, np.random.default_rng(1))
    (batch,) = GraphStore(graphs, space.num_operations, torch.device("cpu")).batches(64)
    generator = torch.Generator().manual_seed(0)
    model = GraphAutoencoder(ModelConfig(hidden=16), space.num_operations, generator).eval()
    whole = model.loss(batch, 0.1, "sigmoid", generator)
    whole.total.backward()  # type: ignore[no-untyped-call]
    expected = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    parts = []
    for process in range(processes):
        part, share = divided(batch, process, processes)
        parts.append(model.loss(part, 0.1, "sigmoid", generator, share=share))
        parts[-1].total.backward()  # type: ignore[no-untyped-call]
    for name in whole._fields:
        assert sum(getattr(part, name).item() for part in parts) == pytest.approx(getattr(whole, name).item(), rel=1e-5)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        assert gradient is not None
        assert torch.allclose(parameter.grad, gradient, atol=1e-6)


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """With noise, dropout and batch statistics on: all three are those of the whole batch."""
    one = pretrain(SPACE, CONFIG, graphs=GRAPHS)
    config = replace(CONFIG, processes=2)
    two = pretrain(SPACE, config, graphs=GRAPHS, out=tmp_path / "whole")
    for (name, tensor), other in zip(one.model.state_dict().items(), two.model.state_dict().values(), strict=True):
        # Batch norm takes away what the bias before it adds: the gradient of that is rounding alone, of which
        # Adam makes whole steps, and the running mean follows.
        if not name.endswith(("linear1.bias", "linear2.bias", "running_mean")):
            assert torch.allclose(tensor, other, atol=1e-5), name
    records = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert one.training["last_epoch"]["loss"] == pytest.approx(records[-1]["loss"], rel=1e-4)


@pytest.mark.slow
def test_two_processes_resume(tmp_path: Path) -> None:
    config = replace(CONFIG, processes=2)
    two = pretrain(SPACE, config, graphs=GRAPHS, out=tmp_path / "whole")

    def interrupt(at: PretrainingProgress) -> None:
        if at.epoch == 3:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        pretrain(SPACE, config, graphs=GRAPHS, out=tmp_path / "cut", progress=interrupt)
    resumed = pretrain(SPACE, config, graphs=GRAPHS, out=tmp_path / "cut")
    assert torch.equal(weights(two), weights(resumed))
    with pytest.raises(InputError, match="processes 2, not 1"):
        pretrain(SPACE, CONFIG, graphs=GRAPHS, out=tmp_path / "cut")


PROGRAM = """
import sys, numpy as np
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
config = PretrainConfig(ModelConfig(hidden=32), epochs=1, batch_size=64, sample=300, threads=1)
encoder = pretrain("nasbench101", config, out=sys.argv[1])
np.save(sys.argv[2], np.concatenate([tensor.numpy().ravel() for tensor in encoder.model.state_dict().values()]))
"""


@pytest.mark.slow
def test_processes_of_a_launcher(tmp_path: Path) -> None:
    """Started as torchrun starts them; cells with padding; both end with the same model and one has written it."""
    environment = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    run = tmp_path / "run"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(run), str(tmp_path / f"{rank}.npy")],
            env={**environment, "RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    first, second = (np.load(tmp_path / f"{rank}.npy") for rank in range(2))
    assert np.array_equal(first, second)
    stored = Encoder.load(run / "encoder.safetensors")
    assert np.array_equal(np.concatenate([t.numpy().ravel() for t in stored.model.state_dict().values()]), first)
    assert stored.training["config"]["processes"] == 2


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
