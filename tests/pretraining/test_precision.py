from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from arch2vec.errors import InputError
from arch2vec.models.autoencoder import MODELS, PRECISIONS, GraphAutoencoder, ModelConfig
from arch2vec.models.inputs import GraphStore
from arch2vec.pretraining.pretrain import PretrainConfig, PretrainingProgress, pretrain
from arch2vec.spaces import NASBench101, NASBench201

SPACE = NASBench201()
GRAPHS = SPACE.sample(600, np.random.default_rng(0))
CONFIG = PretrainConfig(model=ModelConfig(hidden=32), epochs=3, batch_size=64, threads=1, precision="bfloat16")


@pytest.mark.parametrize("name", list(MODELS))
def test_losses_and_gradients_are_those_of_single_precision_but_for_rounding(name: str) -> None:
    space = NASBench101()  # cells with padding
    graphs = space.sample(64, np.random.default_rng(0))
    batch = GraphStore(graphs, space.num_operations, torch.device("cpu")).expand(slice(None))
    model = GraphAutoencoder(ModelConfig(name, hidden=32), space.num_operations, torch.Generator().manual_seed(0))
    losses, gradients = [], []
    for precision in PRECISIONS:
        model.zero_grad()
        noise = torch.Generator().manual_seed(1)
        losses.append(model.loss(batch, 0.01, "sigmoid", noise, precision=precision))
        losses[-1].total.backward()  # type: ignore[no-untyped-call]
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    for exact, rounded in zip(*losses, strict=True):
        assert rounded.dtype == torch.float32
        assert rounded.item() == pytest.approx(exact.item(), rel=0.1)  # the KL holds an exponential
    assert not torch.equal(*gradients)
    assert torch.cosine_similarity(gradients[0], gradients[1], dim=0) > 0.9


def test_training_in_bfloat16_learns_and_resumes(tmp_path: Path) -> None:
    whole = pretrain(SPACE, CONFIG, graphs=GRAPHS)
    exact = pretrain(SPACE, replace(CONFIG, precision="float32"), graphs=GRAPHS)
    assert whole.training["last_epoch"]["loss"] == pytest.approx(exact.training["last_epoch"]["loss"], rel=0.03)
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in whole.model.state_dict().values())

    def interrupt(at: PretrainingProgress) -> None:
        if at.epoch == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        pretrain(SPACE, CONFIG, graphs=GRAPHS, out=tmp_path, progress=interrupt)
    resumed = pretrain(SPACE, CONFIG, graphs=GRAPHS, out=tmp_path)
    assert np.array_equal(whole.vectors(GRAPHS), resumed.vectors(GRAPHS))


def test_wrong_settings() -> None:
    with pytest.raises(InputError, match="unknown precision 'float16'"):
        replace(CONFIG, precision="float16")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="single process"):
        replace(CONFIG, compile=True, processes=2)
    with pytest.raises(InputError, match="processes must be at least 1"):
        replace(CONFIG, processes=0)


@pytest.mark.slow
def test_a_compiled_encoder_trains_the_same_model() -> None:
    config = replace(CONFIG, precision="float32", epochs=1)
    encoders = [pretrain(SPACE, replace(config, compile=compiled), graphs=GRAPHS) for compiled in (False, True)]
    losses = [encoder.training["last_epoch"]["loss"] for encoder in encoders]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
