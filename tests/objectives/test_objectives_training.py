"""Real trainings as an objective, on the digits and on a small CIFAR-10 in the original format."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from arch2vec.networks.architecture_training import folder_name
from arch2vec.networks.build import NetworkPlan, build_network, count_parameters
from arch2vec.networks.data import DataChoice
from arch2vec.networks.data import cifar as cifar_module
from arch2vec.networks.data.archives import md5_of
from arch2vec.networks.recipes import get_recipe
from arch2vec.objectives.base import Outcome
from arch2vec.objectives.spec import resolve_objective
from arch2vec.objectives.training import TrainingObjective, training_objective
from arch2vec.spaces import DeclaredSpace, SearchSpace, SpaceDeclaration, get_space
from image_archives import write_cifar10
from one_line import error_of

NB201 = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
SMALL = "train:digits?space=nasbench201&epochs=2&cells=1&channels=4"
DIGITS = DataChoice("digits")


def cells(space: str) -> str:
    import numpy as np

    found = get_space(space)
    return found.format(found.sample(1, np.random.default_rng(0)))[0]


def numbers(outcome: Outcome) -> tuple[float, float | None, dict[str, float]]:
    return outcome.validation, outcome.test, dict(outcome.extra)


def test_an_evaluation_learns_and_says_what_it_did() -> None:
    outcome = resolve_objective(SMALL).evaluate(NB201, fidelity=4)
    assert 40 < outcome.validation < 100  # chance is 10 %
    assert outcome.test is not None and 40 < outcome.test < 100
    assert outcome.cost_s > 0
    network = build_network(get_space("nasbench201"), NB201, NetworkPlan("digits", 4, 1), None)
    assert outcome.extra == {"epochs": 4, "parameters": count_parameters(network), "trainings": 1}
    assert (outcome.validation * 7.0) == pytest.approx(round(outcome.validation * 7.0))  # of 700 images


@pytest.mark.parametrize("space", ["nasbench101", "darts", "darts_pair"])
def test_every_space_can_be_trained(space: str) -> None:
    objective = training_objective("digits", space, epochs=1, cells=3 if "darts" in space else 1, channels=6)
    assert objective.space == space
    outcome = objective.evaluate(cells(space))
    assert 0 <= outcome.validation <= 100


def test_repeatable_and_seeds_and_fidelities_matter() -> None:
    objective = resolve_objective(SMALL)
    first = numbers(objective.evaluate(NB201))
    assert numbers(resolve_objective(SMALL).evaluate(NB201, fidelity=2)) == first
    assert numbers(resolve_objective(SMALL + "&seed=1").evaluate(NB201)) != first
    assert numbers(objective.evaluate(NB201, fidelity=1)) != first
    recipe = replace(get_recipe("digits"), epochs=2)
    both = TrainingObjective("nasbench201", recipe, DIGITS, NetworkPlan("digits", 4, 1), seeds=(0, 1))
    mean = (first[0] + resolve_objective(SMALL + "&seed=1").evaluate(NB201).validation) / 2
    assert both.evaluate(NB201).validation == pytest.approx(mean)


def test_trainings_in_a_folder_are_not_repeated(tmp_path: Path) -> None:
    spec = f"{SMALL}&out={tmp_path}"
    first = resolve_objective(spec).evaluate(NB201)
    folder = tmp_path / folder_name(NB201, 0, 2)
    written = (folder / "result.json").stat().st_mtime_ns
    again = resolve_objective(spec).evaluate(NB201)
    assert again == first  # the seconds too: they were read
    assert (folder / "result.json").stat().st_mtime_ns == written
    assert NB201 in (folder / "config.json").read_text()
    assert "channels 4" in error_of(lambda: resolve_objective(spec.replace("channels=4", "channels=6")).evaluate(NB201))


def test_divergence_is_nan() -> None:
    wild = replace(get_recipe("digits"), learning_rate=1e30, epochs=2)
    outcome = TrainingObjective("nasbench201", wild, DIGITS, NetworkPlan("digits", 4, 1)).evaluate(NB201)
    assert math.isnan(outcome.validation)
    assert outcome.test is not None and math.isnan(outcome.test)


def test_darts_on_a_small_cifar10_with_everything_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_cifar10(tmp_path, images=20)
    variant = cifar_module.VARIANTS["cifar10"]
    archive = replace(variant.archives[0], md5=md5_of(path))
    monkeypatch.setitem(cifar_module.VARIANTS, "cifar10", replace(variant, archives=(archive,)))
    objective = resolve_objective(f"train:cifar10?space=darts&epochs=1&cells=3&channels=4&data_dir={tmp_path}")
    assert isinstance(objective, TrainingObjective)
    assert (objective.recipe.name, objective.recipe.auxiliary) == ("darts-cifar10-search", 0.4)
    assert "90 images to train, 10 to validate, 20 to test" in objective.description
    outcome = objective.evaluate(cells("darts"))
    assert 0 <= outcome.validation <= 100
    bare = build_network(get_space("darts"), cells("darts"), NetworkPlan("cifar10", 4, 3), None)
    assert outcome.extra["parameters"] == count_parameters(bare)


def test_a_builder_of_ones_own() -> None:
    def build(space: SearchSpace, architecture: str, plan: NetworkPlan, seed: int | None) -> nn.Module:
        assert (space.name, plan.classes, plan.input_size) == ("nasbench201", 10, 8)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    recipe = replace(get_recipe("digits"), epochs=1)
    outcome = TrainingObjective("nasbench201", recipe, DIGITS, build=build).evaluate(NB201)
    assert outcome.extra["parameters"] == 650


def test_it_describes_itself_and_can_be_sent_to_another_process() -> None:
    objective = resolve_objective(SMALL)
    assert isinstance(objective, TrainingObjective)
    for part in ("400 images to train", "recipe digits", "2 epochs", "1 cells and 4 channels", "seeds 0"):
        assert part in objective.description
    stored = pickle.dumps(objective)
    assert len(stored) < 4000
    assert pickle.loads(stored).description == objective.description


def test_defaults_are_the_published_ones() -> None:
    assert training_objective("digits", "darts").recipe.name == "digits-darts"
    assert training_objective("digits").recipe.name == "digits"
    assert training_objective("digits", recipe="digits-darts").space == "darts"


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    assert "unknown operation 'nor_conv_5x5'" in error_of(
        lambda: resolve_objective(SMALL).evaluate(NB201.replace("3x3", "5x5"))
    )
    for spec, said in (
        ("train", "needs a data set"),
        ("train:cifar", "unknown image data set 'cifar'"),
        ("train:digits?recipe=none", "unknown training recipe"),
        ("train:digits?space=nasbench", "unknown search space"),
        ("train:digits?epoch=1", "no option 'epoch'"),
        ("train:digits?epochs=0", "epochs of at least 1"),
        ("train:digits?seed=-1", "seeds of 0 or above"),
        ("train:digits?validation=0", "images to validate by"),
        ("train:cifar100?space=darts", "no recipe is usual"),
        (f"train:imagenet?recipe=darts-imagenet&data_dir={tmp_path}", "no folder of images"),
    ):
        assert said in error_of(lambda spec=spec: resolve_objective(spec)), spec  # type: ignore[misc]
    assert "at least 1, got 0" in error_of(lambda: resolve_objective(SMALL).evaluate(NB201, fidelity=0))


def test_the_searched_space_is_that_of_the_networks() -> None:
    space = get_space("darts")
    for spec in ("train:digits?epochs=1&channels=4", "proxy:naswot"):
        assert resolve_objective(spec).space == "nasbench201"
        assert resolve_objective(spec, space).space == "darts"
        assert resolve_objective(f"{spec}{'&' if '?' in spec else '?'}space=nasbench201", space).space == "nasbench201"


def test_layers_of_a_declared_space_are_said() -> None:
    space = DeclaredSpace(
        SpaceDeclaration(
            name="own", carries="vertices", operations=("relu", "wide"), vertices=3, edges=((0, 1), (1, 2))
        )
    )
    for spec in ("train:digits?epochs=1&channels=4", "proxy:naswot?batch=digits"):
        objective = resolve_objective(f"{spec}&layers=relu:relu,wide:conv_5x5", space)
        assert "relu being relu" in objective.description
        assert math.isfinite(objective.evaluate("wide").validation)
    assert "OPERATION:LAYER" in error_of(lambda: resolve_objective("train:digits?layers=relu", space))


def test_images_of_ones_own_are_pointed_to(tmp_path: Path) -> None:
    for spec in ("train:images", "train:imagenet?space=darts&data_dir=" + str(tmp_path)):
        assert "train:folder?data_dir=FOLDER" in error_of(lambda spec=spec: resolve_objective(spec))  # type: ignore[misc]
    assert resolve_objective("train:Digits?epochs=1").name == "train-digits"
    if not torch.cuda.is_available():
        assert "finds no GPU here" in error_of(lambda: resolve_objective("train:digits?device=cuda"))
