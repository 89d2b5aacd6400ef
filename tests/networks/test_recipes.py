"""Recipes against what was published, schedules and RMSProp against formulas."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.networks.optimisers import RMSProp
from arch2vec.networks.recipe import Augmentation, Recipe, settings
from arch2vec.networks.recipes import RECIPES, get_recipe
from arch2vec.networks.schedules import drop_path, learning_rate
from one_line import error_of

PLAIN = Recipe("plain", "here", epochs=10, batch_size=8, learning_rate=0.4)


def test_published_numbers() -> None:
    found = {
        name: (r.epochs, r.batch_size, r.learning_rate, r.weight_decay, r.cells, r.channels)
        for name, r in RECIPES.items()
    }
    assert found["nasbench101-cifar10"] == (108, 256, 0.2, 1e-4, 3, 128)
    assert found["nasbench201-cifar10"] == (200, 256, 0.1, 5e-4, 5, 16)
    assert found["nasbench201-cifar10-12"] == (12, 256, 0.1, 5e-4, 5, 16)
    assert found["darts-cifar10"] == (600, 96, 0.025, 3e-4, 20, 36)
    assert found["darts-cifar10-search"] == (50, 96, 0.025, 3e-4, 20, 36)
    assert found["darts-imagenet"] == (250, 128, 0.1, 3e-5, 14, 48)
    darts, imagenet = RECIPES["darts-cifar10"], RECIPES["darts-imagenet"]
    assert (darts.auxiliary, darts.drop_path, darts.gradient_clip, darts.augmentation.cutout) == (0.4, 0.2, 5, 16)
    assert (imagenet.schedule, imagenet.decay, imagenet.label_smoothing) == ("exponential", 0.97, 0.1)
    assert RECIPES["nasbench101-cifar10"].optimiser == "rmsprop"
    assert RECIPES["darts-cifar10-search"].report == 5


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_every_recipe_says_where_it_is_from_and_can_be_recorded(recipe: Recipe) -> None:
    assert recipe.source
    assert get_recipe(recipe.name) is recipe
    recorded = settings(recipe)
    assert recorded["epochs"] == recipe.epochs
    assert "source" not in recorded
    other = settings(replace(recipe, augmentation=replace(recipe.augmentation, cutout=recipe.augmentation.cutout + 2)))
    assert other != recorded


def test_rates_at_known_points() -> None:
    cosine = replace(PLAIN, schedule="cosine")
    assert learning_rate(cosine, 0) == 0.4
    assert learning_rate(cosine, 5) == pytest.approx(0.2)
    assert learning_rate(cosine, 2, 1, 2) == pytest.approx(0.4 * math.cos(math.pi / 8) ** 2)
    assert learning_rate(replace(cosine, change="epoch"), 2, 1, 2) == learning_rate(cosine, 2)
    assert learning_rate(replace(PLAIN, schedule="linear"), 7, 1, 2) == pytest.approx(0.1)
    assert learning_rate(replace(PLAIN, schedule="constant"), 9) == 0.4
    imagenet = RECIPES["darts-imagenet"]
    assert learning_rate(imagenet, 249, 9, 10) == pytest.approx(0.1 * 0.97**249)


def test_warm_up_is_linear_and_then_over() -> None:
    recipe = RECIPES["darts-imagenet-1024"]
    rates = [learning_rate(recipe, epoch) for epoch in range(7)]
    expected = [0.5 * (1 - epoch / 250) * min(1, (epoch + 1) / 5) for epoch in range(7)]
    assert rates == pytest.approx(expected)
    by_step = replace(PLAIN, schedule="constant", warmup=2)
    assert [learning_rate(by_step, 0), learning_rate(by_step, 1, 1, 2), learning_rate(by_step, 2)] == pytest.approx(
        [0, 0.3, 0.4]
    )


@given(st.sampled_from(sorted(RECIPES)), st.integers(0, 599), st.integers(0, 998))
def test_rates_are_between_nothing_and_the_highest(name: str, epoch: int, step: int) -> None:
    recipe = RECIPES[name]
    assert 0 <= learning_rate(recipe, epoch % recipe.epochs, step, 999) <= recipe.learning_rate * (1 + 1e-12)


def test_drop_path_rises_linearly_from_nothing() -> None:
    recipe = RECIPES["darts-cifar10"]
    assert [drop_path(recipe, epoch) for epoch in (0, 300, 599)] == pytest.approx([0, 0.1, 0.2 * 599 / 600])


def test_rmsprop_is_tensorflows() -> None:
    rng = np.random.default_rng(0)
    weight = torch.nn.Parameter(torch.from_numpy(rng.normal(size=7)))
    optimiser = RMSProp([weight], lr=0.2, momentum=0.9, weight_decay=0.01)
    w, s, v = weight.detach().numpy().copy(), np.ones(7), np.zeros(7)
    for step in range(5):
        rate = 0.2 / (step + 1)
        for group in optimiser.param_groups:
            group["lr"] = rate
        gradient = rng.normal(size=7)
        weight.grad = torch.from_numpy(gradient.copy())
        optimiser.step()
        g = gradient + 0.01 * w
        s = 0.9 * s + 0.1 * g**2
        v = 0.9 * v + rate * g / np.sqrt(s + 1.0)
        w = w - v
        np.testing.assert_allclose(weight.detach().numpy(), w, rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs of at least 1, got 0"),
        ({"report": 0}, "report of at least 1"),
        ({"learning_rate": math.inf}, "positive, finite learning_rate"),
        ({"momentum": 1.0}, r"momentum in \[0, 1\), got 1.0"),
        ({"drop_path": 1.0}, r"drop_path in \[0, 1\)"),
        ({"gradient_clip": -1.0}, "gradient_clip of at least 0"),
        ({"decay": 0.0}, r"decay in \(0, 1\]"),
        ({"schedule": "step"}, "unknown schedule of recipe plain 'step'; known: constant, cosine"),
        ({"optimiser": "adam"}, "unknown optimiser"),
        ({"nesterov": True, "optimiser": "rmsprop"}, "needs the optimiser sgd"),
    ],
)
def test_bad_recipes(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PLAIN, **values)  # type: ignore[arg-type]


def test_bad_names_and_augmentations() -> None:
    assert "darts-cifar10-search" in error_of(lambda: get_recipe("darts"))
    assert "-1" in error_of(lambda: Augmentation(crop_padding=-1))
    assert "0.5" in error_of(lambda: Augmentation(jitter=(0, 0, 0, 0.6)))
