"""Real trainings on the handwritten digits: the data's partition and the objective's promises."""

from __future__ import annotations

import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from arch2vec.errors import InputError
from arch2vec.networks.digits_data import digits_splits
from arch2vec.networks.nasbench201 import NASBench201Network
from arch2vec.networks.weights import count_parameters
from arch2vec.objectives.base import Outcome
from arch2vec.objectives.digits import DigitsConfig, DigitsObjective
from arch2vec.spaces import get_space
from arch2vec.spaces.nasbench201.cost import NASBench201Skeleton

GOOD = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
UNCONNECTED = "|none~0|+|none~0|nor_conv_3x3~1|+|none~0|nor_conv_1x1~1|skip_connect~2|"
SMALL = DigitsConfig(epochs=4, channels=4, cells_per_stage=1, train_images=200)


def numbers(outcome: Outcome) -> tuple[float, float | None, dict[str, float]]:
    return outcome.validation, outcome.test, dict(outcome.extra)


def test_parts_are_a_stratified_partition_of_the_digits() -> None:
    splits = digits_splits(400, 700, seed=3)
    parts = (splits.train, splits.validation, splits.test)
    assert [len(part) for part in parts] == [400, 700, 697]
    assert all(part.pixels.shape[1:] == (1, 8, 8) for part in parts)
    pixels, labels = load_digits(return_X_y=True)
    # Undo the scaling: together the parts are the original images, each once, with their labels.
    together = np.concatenate([part.pixels.flatten(1).numpy() for part in parts])
    together = (together - together.min()) / (together.max() - together.min()) * 16
    rows = np.column_stack([together.round(), np.concatenate([part.labels for part in parts])])
    original = np.column_stack([pixels, labels])
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], original[np.lexsort(original.T)])
    shares = np.bincount(labels) / len(labels)
    for part in parts:
        assert np.abs(np.bincount(part.labels) - shares * len(part)).max() <= 1


def test_pixels_are_standardised_by_the_training_part() -> None:
    splits = digits_splits(100, 200, seed=0)
    assert float(splits.train.pixels.mean()) == pytest.approx(0, abs=1e-5)
    assert float(splits.train.pixels.std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert abs(float(splits.test.pixels.mean())) > 1e-4


def test_partition_depends_on_the_seed_alone() -> None:
    first = digits_splits(400, 700, seed=1).train.labels
    digits_splits.cache_clear()
    np.random.default_rng(0).random(5)
    assert torch.equal(digits_splits(400, 700, seed=1).train.labels, first)
    assert not torch.equal(digits_splits(400, 700, seed=2).train.labels, first)


@pytest.mark.parametrize(("train", "validation"), [(1797, 10), (9, 700), (400, 5), (1000, 790)])
def test_parts_too_small(train: int, validation: int) -> None:
    with pytest.raises(InputError, match="each part needs at least 10"):
        digits_splits(train, validation, seed=0)


def test_an_evaluation_learns_and_says_what_it_did() -> None:
    outcome = DigitsObjective(SMALL).evaluate(GOOD)
    assert outcome.test is not None
    assert 60 < outcome.validation < 100  # chance is 10 %
    assert 60 < outcome.test < 100
    assert 0 < outcome.cost_s < 60
    network = NASBench201Network(GOOD, NASBench201Skeleton(SMALL.channels, 1, 1, 10), torch.Generator())
    assert outcome.extra == {"epochs": 4, "parameters": count_parameters(network), "trainings": 1}
    # Accuracies are counts of 700 and 897 images.
    assert (outcome.validation * 7.0) == pytest.approx(round(outcome.validation * 7.0))
    assert (outcome.test * 8.97) == pytest.approx(round(outcome.test * 8.97))


def test_evaluations_are_repeatable_and_seeds_matter() -> None:
    first = DigitsObjective(SMALL).evaluate(GOOD, fidelity=2)
    other_order = DigitsObjective(replace(SMALL, seeds=(1,))).evaluate(GOOD, fidelity=2)
    assert numbers(DigitsObjective(SMALL).evaluate(GOOD, fidelity=2)) == numbers(first)
    assert numbers(other_order) != numbers(first)
    both = DigitsObjective(replace(SMALL, seeds=(0, 1))).evaluate(GOOD, fidelity=2)
    assert both.validation == pytest.approx((first.validation + other_order.validation) / 2)
    assert both.extra["trainings"] == 2


def test_fidelity_is_a_number_of_epochs() -> None:
    objective = DigitsObjective(SMALL)
    short = objective.evaluate(GOOD, fidelity=1)
    assert short.extra["epochs"] == 1
    assert short.validation < objective.evaluate(GOOD, fidelity=6).validation
    assert numbers(objective.evaluate(GOOD)) == numbers(objective.evaluate(GOOD, fidelity=SMALL.epochs))
    with pytest.raises(InputError, match="epochs of at least 1, got 0"):
        objective.evaluate(GOOD, fidelity=0)


def test_an_architecture_whose_output_reads_nothing_stays_at_chance() -> None:
    outcome = DigitsObjective(SMALL).evaluate(UNCONNECTED)
    assert outcome.test is not None
    assert outcome.validation < 15
    assert outcome.test < 15


def test_divergence_is_nan() -> None:
    outcome = DigitsObjective(replace(SMALL, learning_rate=1e30)).evaluate(GOOD)
    assert math.isnan(outcome.validation)
    assert outcome.test is not None
    assert math.isnan(outcome.test)


def test_it_names_its_space_data_and_seeds() -> None:
    objective = DigitsObjective(replace(SMALL, seeds=(3, 4)))
    assert objective.name == "digits"
    assert get_space(objective.space).name == "nasbench201"
    for part in ("200 images to train, 700 to validate, 897 to test", "4 epochs", "seeds 3, 4"):
        assert part in objective.description


def test_bad_input_is_one_line() -> None:
    with pytest.raises(InputError, match="unknown operation 'nor_conv_5x5'"):
        DigitsObjective(SMALL).evaluate(GOOD.replace("3x3", "5x5"))
    with pytest.raises(InputError, match="seeds of 0 or above"):
        DigitsConfig(seeds=())
    with pytest.raises(InputError, match="channels of at least 1"):
        DigitsConfig(channels=0)
    with pytest.raises(InputError, match="batch_size of at least 1"):
        DigitsConfig(batch_size=0)
    with pytest.raises(InputError, match="split_seed"):
        DigitsConfig(split_seed=-1)
    with pytest.raises(InputError, match="each part needs at least 10"):
        DigitsObjective(DigitsConfig(train_images=1790))


def test_it_can_be_sent_to_another_process() -> None:
    objective = DigitsObjective(SMALL)
    stored = pickle.dumps(objective)
    assert len(stored) < 1000  # the configuration, not the images
    assert pickle.loads(stored).config == SMALL


@pytest.mark.slow
def test_a_spawned_process_gives_the_same_numbers() -> None:
    objective = DigitsObjective(SMALL)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        there = list(executor.map(objective.evaluate, [GOOD, UNCONNECTED, GOOD]))
    assert [numbers(outcome) for outcome in there] == [
        numbers(objective.evaluate(a)) for a in (GOOD, UNCONNECTED, GOOD)
    ]


@pytest.mark.slow
def test_the_default_setting_tells_architectures_apart_and_agrees_between_seeds() -> None:
    from scipy.stats import spearmanr

    space = get_space("nasbench201")
    architectures = space.format(space.sample(16, np.random.default_rng(0)))
    first, second = (
        [
            DigitsObjective(DigitsConfig(seeds=(seed,))).evaluate(architecture).validation
            for architecture in architectures
        ]
        for seed in (0, 1)
    )
    assert spearmanr(first, second).statistic > 0.6
    assert np.quantile(first, 0.75) - np.quantile(first, 0.25) > 3
