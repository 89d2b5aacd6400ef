"""The training loop against a hand-written one, and the promises it makes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError
from arch2vec.networks.nasbench201 import NASBench201Network, NASBench201Skeleton
from arch2vec.networks.training import (
    Images,
    Splits,
    TrainingConfig,
    TrainingResult,
    accuracy,
    train,
)

ARCHITECTURE = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"


def stripes(n: int, seed: int) -> Images:
    """Noisy images of one bright row of eight, whose number is the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 8, size=n)
    pixels = rng.normal(size=(n, 1, 8, 8))
    pixels[np.arange(n), 0, labels] += 2
    return Images(torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(labels))


SPLITS = Splits(stripes(96, 0), stripes(80, 1), stripes(80, 2))
CONFIG = TrainingConfig(epochs=3, batch_size=32)


def network(seed: int = 0) -> NASBench201Network:
    skeleton = NASBench201Skeleton(channels=4, cells_per_stage=1, input_channels=1, classes=8)
    return NASBench201Network(ARCHITECTURE, skeleton, torch.Generator().manual_seed(seed))


def run(config: TrainingConfig = CONFIG, seed: int = 0, splits: Splits = SPLITS) -> tuple[TrainingResult, Tensor]:
    """The result and all weights, one after another."""
    trained = network()
    result = train(trained, splits, config, seed)
    return result, torch.cat([value.flatten().double() for value in trained.state_dict().values()])


class Linear(nn.Module):
    """A linear classifier of pixels in float64, starting at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 64, dtype=torch.float64))

    @override
    def forward(self, images: Tensor) -> Tensor:
        return images.double().flatten(1) @ self.weight.T


def test_steps_are_nesterov_with_cosine_schedule() -> None:
    config = TrainingConfig(
        epochs=5, batch_size=200, learning_rate=0.3, momentum=0.8, weight_decay=0.02, label_smoothing=0.1
    )
    model = Linear()
    result = train(model, SPLITS, config, seed=0)

    x = SPLITS.train.pixels.double().flatten(1).numpy()
    target = 0.9 * np.eye(8)[SPLITS.train.labels.numpy()] + 0.1 / 8
    weight, velocity = np.zeros((8, 64)), np.zeros((8, 64))
    for step, epoch in enumerate(result.epochs):
        scores = x @ weight.T
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        assert epoch.loss == pytest.approx(-(target * np.log(shares)).sum(axis=1).mean(), rel=1e-6)
        gradient = (shares - target).T @ x / len(x) + 0.02 * weight
        velocity = 0.8 * velocity + gradient
        rate = 0.3 * 0.5 * (1 + math.cos(math.pi * step / 5))
        weight = weight - rate * (gradient + 0.8 * velocity)
    np.testing.assert_allclose(model.weight.detach().numpy(), weight, rtol=1e-6, atol=1e-9)
    guesses = (SPLITS.test.pixels.double().flatten(1).numpy() @ weight.T).argmax(axis=1)
    assert result.test == pytest.approx(100 * (guesses == SPLITS.test.labels.numpy()).mean())


def test_batches_of_an_epoch_cover_all_images_once() -> None:
    seen: list[Tensor] = []

    class Recording(Linear):
        @override
        def forward(self, images: Tensor) -> Tensor:
            if self.training:
                seen.append(images[:, 0, 0, 0])
            return super().forward(images)

    train(Recording(), SPLITS, TrainingConfig(epochs=2, batch_size=40), seed=3)
    assert [len(part) for part in seen] == [32, 32, 32] * 2  # 96 images in at most 40s: three equal batches
    every = SPLITS.train.pixels[:, 0, 0, 0].sort().values
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert torch.equal(first.sort().values, every)
    assert torch.equal(second.sort().values, every)
    assert not torch.equal(first, second)


def test_training_beats_chance() -> None:
    result, _ = run(replace(CONFIG, epochs=6))
    assert not result.failed
    assert result.validation > 50  # chance is 12.5 %
    assert result.test > 50
    assert result.epochs[-1].loss < 0.6 * result.epochs[0].loss


def test_repeatable_bit_for_bit_whatever_ran_before() -> None:
    result, weights = run()
    torch.rand(7)
    run(replace(CONFIG, batch_size=17, learning_rate=1.0), seed=5)
    with thread_count(2):
        again, same = run()
    assert again == result
    assert torch.equal(same, weights)
    _, other = run(seed=1)
    assert not torch.equal(other, weights)


def test_process_wide_state_is_left_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    run()
    assert torch.equal(torch.get_rng_state(), state)
    with thread_count(threads + 1):
        run()
        assert torch.get_num_threads() == threads + 1
        with pytest.raises(ZeroDivisionError), thread_count(1):
            assert torch.get_num_threads() == 1
            1 / 0  # noqa: B018
        assert torch.get_num_threads() == threads + 1
    assert torch.get_num_threads() == threads


def test_only_the_training_part_influences_the_weights() -> None:
    _, weights = run()
    _, same = run(splits=Splits(SPLITS.train, stripes(8, 7), stripes(9, 8)))
    assert torch.equal(same, weights)
    _, unevaluated = run(replace(CONFIG, evaluate_every=3))
    assert torch.equal(unevaluated, weights)


def test_evaluations_come_when_asked_for_and_at_the_end() -> None:
    result, _ = run(replace(CONFIG, epochs=5, evaluate_every=2))
    assert [epoch.epoch for epoch in result.epochs] == [1, 2, 3, 4, 5]
    assert [epoch.validation is not None for epoch in result.epochs] == [False, True, False, True, True]
    assert result.validation == result.epochs[-1].validation
    assert result.test == result.epochs[-1].test


def test_divergence_is_a_failed_result() -> None:
    result, _ = run(replace(CONFIG, learning_rate=1e30))
    assert result.failed
    assert math.isnan(result.validation)
    assert math.isnan(result.test)
    assert len(result.epochs) < CONFIG.epochs


def test_divergence_at_the_very_last_step_is_noticed() -> None:
    result, _ = run(TrainingConfig(epochs=1, batch_size=200, learning_rate=1e38))
    assert result.failed
    assert result.epochs == ()


def test_failure_keeps_the_epochs_before_it() -> None:
    class FailsLater(Linear):
        steps = 0

        @override
        def forward(self, images: Tensor) -> Tensor:
            self.steps += self.training
            return super().forward(images) * (math.inf if self.steps > 4 else 1.0)

    result = train(FailsLater(), SPLITS, CONFIG, seed=0)  # three steps an epoch
    assert result.failed
    assert [epoch.epoch for epoch in result.epochs] == [1]
    assert math.isnan(result.validation)


def test_accuracy_counts() -> None:
    model = Linear()
    with torch.no_grad():
        model.weight[3] += 1.0  # class 3 where the pixels' sum is positive, else the first class
    images = stripes(50, 4)
    guesses = torch.where(images.pixels.sum(dim=(1, 2, 3)) > 0, 3, 0)
    expected = 100 * sum(int(a == b) for a, b in zip(guesses, images.labels, strict=True)) / 50
    assert 0 < expected < 100
    assert accuracy(model, images, batch_size=7) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs of at least 1, got 0"),
        ({"batch_size": -1}, "batch_size of at least 1"),
        ({"threads": 0}, "threads of at least 1"),
        ({"learning_rate": 0.0}, "positive, finite learning_rate"),
        ({"learning_rate": math.inf}, "positive, finite learning_rate"),
        ({"momentum": 1.0}, "momentum between 0 and 1"),
        ({"weight_decay": -1e-4}, "weight_decay of at least 0"),
        ({"label_smoothing": 1.0}, r"label_smoothing in \[0, 1\)"),
    ],
)
def test_bad_configurations(values: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(CONFIG, **values)  # type: ignore[arg-type]


def test_bad_images() -> None:
    with pytest.raises(InputError, match=r"got \(2, 8, 8\) and \(2,\)"):
        Images(torch.zeros(2, 8, 8), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(InputError, match="N of at least 1"):
        Images(torch.zeros(0, 1, 8, 8), torch.zeros(0, dtype=torch.int64))
