"""The learning rate and the weight of the KL divergence in the course of a pre-training."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.cli import main
from arch2vec.common.schedules import risen
from arch2vec.errors import InputError
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.data import training_data
from arch2vec.pretraining.pretrain import PretrainConfig, PretrainingProgress, Schedule, pretrain
from arch2vec.pretraining.replay import StepRates
from arch2vec.pretraining.run import PretrainingRun
from arch2vec.spaces import get_space

SPACE = get_space("nasbench201")
SMALL = ModelConfig(hidden=8, layers=1, latent=4)


def rates_of_steps(monkeypatch: pytest.MonkeyPatch, config: PretrainConfig) -> list[StepRates]:
    found: list[StepRates] = []
    step = PretrainingRun._step

    def noted(run: PretrainingRun, batch: object, rates: StepRates) -> torch.Tensor:
        found.append(rates)
        return step(run, batch, rates)  # type: ignore[arg-type]

    monkeypatch.setattr(PretrainingRun, "_step", noted)
    pretrain(SPACE, config, device="cpu")
    return found


def test_both_rise_along_a_line_and_the_rate_falls_on_a_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    config = PretrainConfig(
        SMALL, epochs=2, sample=400, batch_size=36, learning_rate=0.01, schedule="cosine", warmup=0.25, kl_warmup=0.5
    )
    found = rates_of_steps(monkeypatch, config)
    assert len(found) == 20
    whole = 1 / (32 * 8)
    for step, rates in enumerate(found, start=1):
        falling = 0.01 * (1 + math.cos(math.pi * (step - 1) / 20)) / 2
        assert rates.learning_rate == pytest.approx(falling * min(1, step / 5))
        assert rates.kl_weight == pytest.approx(whole * min(1, step / 10))


def test_the_papers_setting_has_one_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rates_of_steps(monkeypatch, PretrainConfig(SMALL, epochs=1, sample=100))
    assert set(found) == {StepRates(1e-3, 1 / (32 * 8))}


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.99))
def test_a_rise_goes_up_to_one_and_stays(first: float, second: float, share: float) -> None:
    early, late = sorted((first, second))
    assert 0 <= risen(early, share) <= risen(late, share) <= 1
    assert risen(max(share, first), share) == 1


def test_the_weight_of_the_divergence_is_that_of_the_step() -> None:
    config = PretrainConfig(SMALL, sample=100, activation="sigmoid", schedule="cosine", kl_warmup=0.5)
    run = PretrainingRun(SPACE, config, training_data(SPACE, config, None, torch.device("cpu")), torch.device("cpu"))
    batch = next(iter(run.data.batches(0)))
    total, operations, edges, kl, _ = run._step(batch, StepRates(0.0, 0.125)).tolist()
    assert total == pytest.approx(operations + edges + 0.125 * kl)


@pytest.mark.parametrize("name", ["warmup", "kl_warmup"])
def test_a_rise_needs_a_schedule_and_an_end(name: str) -> None:
    def config(schedule: Schedule, share: float) -> PretrainConfig:
        return PretrainConfig(schedule=schedule, **{name: share})  # type: ignore[arg-type]

    with pytest.raises(InputError, match=f"{name} is a share of the steps of a schedule"):
        config("constant", 0.1)
    for wrong in (-0.1, 1.0, math.nan):
        with pytest.raises(InputError, match=f"{name} is a share of all steps from 0 to below 1"):
            config("cosine", wrong)


def test_a_run_with_rises_goes_on_where_it_stood(tmp_path: Path) -> None:
    config = PretrainConfig(SMALL, epochs=3, sample=400, schedule="cosine", warmup=0.3, kl_warmup=0.6)
    whole = pretrain(SPACE, config, device="cpu").model.state_dict()

    def stop(progress: PretrainingProgress) -> None:
        if progress.epoch == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        pretrain(SPACE, config, out=tmp_path / "run", progress=stop, device="cpu")
    resumed = pretrain(SPACE, config, out=tmp_path / "run", device="cpu").model.state_dict()
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_rises_are_said_on_the_command_line(tmp_path: Path) -> None:
    command = ["pretrain", "nasbench201", "--sample", "200", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main([*command, "--schedule", "cosine", "--warmup", "0.1", "--kl-warmup", "0.5"]) == 0
    recorded = json.loads((tmp_path / "run/config.json").read_text())
    assert (recorded["warmup"], recorded["kl_warmup"]) == (0.1, 0.5)
    assert main([*command, "--schedule", "cosine", "--warmup", "0.2", "--kl-warmup", "0.5"]) == 2
