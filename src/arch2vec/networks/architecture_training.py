"""From an architecture to its trained network: what searches and final evaluations have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from torch import nn

from arch2vec.common.storage import AnyPath
from arch2vec.networks.build import NetworkPlan, build_network, count_parameters
from arch2vec.networks.classifier_training import ClassifierResult, StepsDone, train_classifier
from arch2vec.networks.data import DataChoice, load_images
from arch2vec.networks.recipe import Recipe
from arch2vec.spaces import SearchSpace

Builder = Callable[[SearchSpace, str, NetworkPlan, int | None], nn.Module]
"""Makes the network of an architecture, as :func:`arch2vec.networks.build.build_network` does."""


@dataclass(frozen=True)
class ArchitectureTrainer:
    """How the architectures of a space are trained. It holds choices, not images, so it can be sent to processes.

    Attributes:
        space: of the architectures.
        recipe: how networks are trained.
        data: on what.
        plan: what is around the cells; what it does not say of images is the data's.
        out: a folder for the trainings, one below it for each; None to keep nothing.
            One that was interrupted goes on, a finished one is not repeated.
        device: where to compute; a GPU if there is one.
        threads: cores of a CPU.
        keep_weights: whether ``out`` keeps the trained networks.
        build: makes the networks.
    """

    space: SearchSpace
    recipe: Recipe
    data: DataChoice
    plan: NetworkPlan
    out: AnyPath | None = None
    device: str | None = None
    threads: int = 1
    keep_weights: bool = False
    build: Builder = build_network

    def train(
        self,
        architecture: str,
        seed: int,
        epochs: int | None = None,
        progress: Callable[[StepsDone], None] | None = None,
    ) -> ClassifierResult:
        """One training.

        Args:
            architecture: in the space's notation.
            seed: of the weights, the order of the images and their augmentation, at least 0.
            epochs: instead of the recipe's, whose schedules are stretched to them.
            progress: called after every step.

        Raises:
            InputError: the architecture is malformed, what is chosen does not fit, or
                the training's folder cannot be used.
        """
        canonical = self.canonical(architecture)
        recipe = self.recipe if epochs is None else replace(self.recipe, epochs=epochs)
        # The weights and everything else come from independent streams.
        weights_seed, training_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
        plan = self.fitted_plan()
        return train_classifier(
            self.build(self.space, canonical, plan, weights_seed),
            load_images(self.data),
            recipe,
            training_seed,
            out=None if self.out is None else Path(self.out) / folder_name(canonical, seed, recipe.epochs),
            identity={"space": self.space.name, "architecture": canonical, **asdict(plan)},
            device=self.device,
            threads=self.threads,
            keep_weights=self.keep_weights,
            progress=progress,
        )

    def canonical(self, architecture: str) -> str:
        """An architecture as the space writes it.

        Raises:
            InputError: it is malformed.
        """
        return self.space.format(self.space.parse([architecture]))[0]

    def fitted_plan(self) -> NetworkPlan:
        """The plan for images of the data's size, channels and classes."""
        images = load_images(self.data)
        return replace(self.plan, classes=images.classes, input_size=images.size, input_channels=images.channels)

    def parameters(self, architecture: str) -> int:
        """Parameters of an architecture's network, without an auxiliary head's."""
        return count_parameters(self.bare(architecture))

    def bare(self, architecture: str) -> nn.Module:
        """An architecture's network without auxiliary head and without weights, to count what it costs."""
        return self.build(self.space, self.canonical(architecture), replace(self.fitted_plan(), auxiliary=False), None)


def folder_name(architecture: str, seed: int, epochs: int) -> str:
    """The name of a training's folder, which has the architecture in its ``config.json``."""
    digest = hashlib.sha256(architecture.encode()).hexdigest()[:16]
    return f"{digest}-seed{seed}-{epochs}epochs"
