"""Real trainings: an architecture is worth the validation accuracy that its network reaches by a recipe.

For every space that networks are known for and every data set of
:mod:`arch2vec.networks.data`. In seconds on a CPU with the digits, in GPU hours
with CIFAR-10 and the published recipes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from typing_extensions import override

from arch2vec.common.code_identity import mark_of_name
from arch2vec.common.devices import get_device
from arch2vec.common.storage import AnyPath
from arch2vec.errors import InputError
from arch2vec.networks.architecture_training import ArchitectureTrainer, Builder
from arch2vec.networks.build import SHAPES, NetworkPlan, build_network
from arch2vec.networks.data import DataChoice, known_data, load_images
from arch2vec.networks.declared import OWN
from arch2vec.networks.recipe import Recipe
from arch2vec.networks.recipes import default_recipe, get_recipe
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.spaces import SearchSpace, get_space


class TrainingObjective(Objective):
    """The validation accuracy of an architecture's network after a training.

    The fidelity is a number of epochs; the recipe's schedules are stretched to it.
    Where training diverged, ``validation`` and ``test`` are NaN. ``cost_s`` is what the
    trainings took: processor time on one core of a CPU, else time on the clock.
    ``extra`` holds ``epochs``, ``parameters`` (without an auxiliary head's) and
    ``trainings`` (the number of seeds).

    The object holds choices, not images, so it can be sent to worker processes.

    Args:
        space: of the architectures, or its name.
        recipe: how networks are trained.
        data: on what; it needs images to validate by.
        plan: what is around the cells; by default what the recipe was published for.
        seeds: of the trainings (weights, order and augmentation), whose accuracies are averaged.
        out: a folder for the trainings, one below it for each. One that was interrupted
            goes on from its last whole epoch, a finished one is not repeated.
        device: where to compute; a GPU if there is one.
        threads: cores of a CPU.
        keep_weights: whether ``out`` keeps the trained networks.
        build: makes the networks.

    Raises:
        InputError: the data cannot be loaded, have no images to validate by, or there are no seeds.
    """

    def __init__(
        self,
        space: SearchSpace | str,
        recipe: Recipe,
        data: DataChoice,
        plan: NetworkPlan | None = None,
        *,
        seeds: Sequence[int] = (0,),
        out: AnyPath | None = None,
        device: str | None = None,
        threads: int = 1,
        keep_weights: bool = False,
        build: Builder = build_network,
    ) -> None:
        if not seeds or min(seeds) < 0:
            raise InputError(f"a training objective needs seeds of 0 or above, got {tuple(seeds)}")
        searched = get_space(space)
        self.space = searched.name
        self.recipe, self.seeds = recipe, tuple(seeds)
        images = load_images(data)
        if images.validation is None:
            raise InputError(
                f"a search needs images to validate by, and {images.description} has none; "
                "keep a share of those to train on, as in validation=0.1"
            )
        plan = plan or NetworkPlan(_shape(data.name), recipe.channels, recipe.cells, auxiliary=recipe.auxiliary > 0)
        self._trainer = ArchitectureTrainer(searched, recipe, data, plan, out, device, threads, keep_weights, build)
        self._data = data
        self.name = f"train-{data.name}"
        known = {"cells": plan.cells, "channels": plan.channels}
        sizes = [f"{number} {name}" for name, number in known.items() if number is not None]
        self.description = (
            f"{images.description}; recipe {recipe.name}, accuracy after {recipe.epochs} epochs"
            + (f" (mean of the last {recipe.report})" if recipe.report > 1 else "")
            + (f", networks of {' and '.join(sizes)}" if sizes else "")
            + "".join(f", {name} being {layer}" for name, layer in sorted(plan.layers.items()))
            + f", mean over training seeds {', '.join(map(str, self.seeds))}"
        )

    @property
    @override
    def identity(self) -> dict[str, str]:
        """The description, the content of the images, and the code of layers of the user's own."""
        marks = {}
        for layer in self._trainer.plan.layers.values():
            file, _, name = layer.removeprefix(OWN).rpartition(":")
            if layer.startswith(OWN) and file.endswith(".py"):
                marks[f"code of {layer}"] = mark_of_name(Path(file), name) or ""
        return {**super().identity, "data": load_images(self._data).mark, **marks}

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        epochs = self.recipe.epochs if fidelity is None else fidelity
        if epochs < 1:
            raise InputError(f"the fidelity of {self.name} is a number of epochs of at least 1, got {epochs}")
        results = [self._trainer.train(architecture, seed, epochs) for seed in self.seeds]
        validation, test = ([getattr(result, part) for result in results] for part in ("validation", "test"))
        return Outcome(
            validation=float(np.mean(validation)),
            test=None if None in test else float(np.mean(test)),
            cost_s=sum(result.seconds for result in results),
            extra={
                "epochs": epochs,
                "parameters": self._trainer.parameters(architecture),
                "trainings": len(results),
            },
        )


def training_objective(
    data: str,
    space: SearchSpace | str | None = None,
    recipe: str | None = None,
    epochs: int | None = None,
    cells: int | None = None,
    channels: int | None = None,
    seed: int = 0,
    data_dir: AnyPath | None = None,
    validation: float | None = None,
    split_seed: int = 0,
    limit: int | None = None,
    size: int | None = None,
    out: AnyPath | None = None,
    device: str | None = None,
    threads: int = 1,
    layers: Mapping[str, str] | None = None,
) -> TrainingObjective:
    """A training objective from names, as on the command line.

    Args:
        data: a data set's name.
        space: a search space or its name; by default that of the recipe, or ``nasbench201``.
        recipe: by default the one that is usual for the two.
        epochs: instead of the recipe's.
        cells: of the networks, instead of the recipe's.
        channels: the network's width, None for the published one.
        seed: of the trainings.
        data_dir: folder of the data's files.
        validation: see :class:`arch2vec.networks.data.DataChoice`; by default half of the
            training images, but a fifth for NAS-Bench-101 and a tenth for DARTS, as published.
        split_seed: of the division of the images, as in the choice of the data.
        limit: how many of the training images are used, None for all.
        size: what images from files are brought to, in pixels.
        out: folder of the trainings.
        device: where to compute.
        threads: cores of a CPU.
        layers: of a declared space, what layers its operations are (:mod:`arch2vec.networks.declared`).

    Raises:
        InputError: a name is unknown, or a value out of its range.
    """
    if device is not None:
        get_device(device)  # a mistake is told before the first training
    data = known_data(data)
    chosen = None if recipe is None else get_recipe(recipe)
    if space is None:
        space = chosen.space if chosen is not None and chosen.space else "nasbench201"
    searched = get_space(space)
    chosen = chosen or default_recipe(searched.name, data)
    if epochs is not None:
        chosen = replace(chosen, epochs=epochs)
    if validation is None and data == "cifar10":
        validation = {"nasbench101": 0.2, "darts": 0.1, "darts_pair": 0.1}.get(searched.name)
    choice = DataChoice(data, None if data_dir is None else str(data_dir), validation, split_seed, limit, size)
    plan = NetworkPlan(
        _shape(data),
        channels or chosen.channels,
        cells or chosen.cells,
        auxiliary=chosen.auxiliary > 0,
        layers=dict(layers or {}),
    )
    return TrainingObjective(searched, chosen, choice, plan, seeds=(seed,), out=out, device=device, threads=threads)


def _shape(data: str) -> str:
    """The data set whose usual networks are taken; the shape of its images is that of the data in any case."""
    return data if data in SHAPES else "cifar10"
