"""Real trainings within seconds: NAS-Bench-201 cells on scikit-learn's handwritten digits.

The digits are easy: with a thousand training images nearly every cell reaches
98 %, and ranks are noise. The default setting makes them tell cells apart: few
training images, few steps, three cells a stage. All functions were
trained with it, and are looked up by the objective ``digits-201``; ``bench/digits.py`` measures
what that is worth (see the page on digits-201).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.networks.classifier_training import ClassifierResult, train_classifier
from arch2vec.networks.data.base import ImageData
from arch2vec.networks.digits_data import NUM_CLASSES, NUM_IMAGES, digits_splits
from arch2vec.networks.nasbench201 import NASBench201Network
from arch2vec.networks.recipe import Recipe
from arch2vec.networks.weights import count_parameters
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.spaces.nasbench201.cost import NASBench201Skeleton


@dataclass(frozen=True)
class DigitsConfig:
    """How an architecture is trained on the digits; the module's text says why so by default.

    Attributes:
        epochs: the default fidelity.
        channels: of the first stage.
        cells_per_stage: cells in each of the three stages.
        train_images: images to fit weights to.
        validation_images: images to choose by; all others are for testing.
        batch_size: images a step.
        learning_rate: of the first step.
        weight_decay: L2 penalty.
        seeds: of the trainings (weights and order of the images), whose accuracies are averaged.
        split_seed: of the partition of the images.

    Raises:
        InputError: a value is out of its range.
    """

    epochs: int = 6
    channels: int = 8
    cells_per_stage: int = 3
    train_images: int = 400
    validation_images: int = 700
    batch_size: int = 40
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    seeds: tuple[int, ...] = (0,)
    split_seed: int = 0

    def __post_init__(self) -> None:
        if not self.seeds or min(self.seeds) < 0:
            raise InputError(f"training on the digits needs seeds of 0 or above, got {self.seeds}")
        if not 0 <= self.split_seed < 2**32:
            raise InputError(f"a split_seed must be in 0 .. 2^32 - 1, got {self.split_seed}")
        self.skeleton()
        self.training(self.epochs)

    def skeleton(self) -> NASBench201Skeleton:
        """What surrounds the cells."""
        return NASBench201Skeleton(self.channels, self.cells_per_stage, input_channels=1, classes=NUM_CLASSES)

    def training(self, epochs: int, evaluate_every: int | None = None) -> Recipe:
        """How one network is trained for a number of epochs; by default only the last is evaluated."""
        return Recipe(
            "digits",
            "as NAS-Bench-201 trains (Dong and Yang, ICLR 2020, table 2), with fewer epochs",
            epochs,
            self.batch_size,
            self.learning_rate,
            nesterov=True,
            weight_decay=self.weight_decay,
            evaluate_every=evaluate_every or epochs,
        )


class DigitsObjective(Objective):
    """The accuracy an architecture reaches when its network is trained on the digits.

    Each evaluation is a training on one core and depends on nothing but the
    architecture, the configuration and the fidelity, bit for bit on one
    machine. The object holds the configuration only, so it can be sent to
    worker processes; run several evaluations at once that way, not in threads.

    An evaluation's ``validation`` is NaN where training diverged. Its ``cost_s``
    is the processor time of the trainings; ``extra`` holds ``epochs``,
    ``parameters`` and ``trainings`` (the number of seeds).
    """

    name = "digits"
    space = "nasbench201"

    def __init__(self, config: DigitsConfig | None = None) -> None:
        self.config = DigitsConfig() if config is None else config
        train_images, validation_images = self.config.train_images, self.config.validation_images
        digits_splits(train_images, validation_images, self.config.split_seed)
        seeds = ", ".join(map(str, self.config.seeds))
        self.description = (
            f"handwritten digits of scikit-learn, 8x8: {train_images} images to train, {validation_images} to "
            f"validate, {NUM_IMAGES - train_images - validation_images} to test (split {self.config.split_seed}); "
            f"accuracy after {self.config.epochs} epochs, mean over training seeds {seeds}"
        )

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        epochs = self.config.epochs if fidelity is None else fidelity
        if epochs < 1:
            raise InputError(f"the fidelity of {self.name} is a number of epochs of at least 1, got {epochs}")
        config = self.config
        results = [train_on_digits(architecture, config, seed, config.training(epochs)) for seed in config.seeds]
        return Outcome(
            validation=float(np.mean(np.array([result.validation for result in results], dtype=np.float64))),
            test=float(np.mean(np.array([result.test for result in results], dtype=np.float64))),
            cost_s=sum(result.seconds for result in results),
            extra={
                "epochs": epochs,
                "parameters": count_parameters(NASBench201Network(architecture, config.skeleton(), None)),
                "trainings": len(results),
            },
        )


def train_on_digits(architecture: str, config: DigitsConfig, seed: int, recipe: Recipe) -> ClassifierResult:
    """One training; everything random in it follows from the seed.

    All its passes draw their orders from one stream, as those did that the table of ``digits-201`` is of.
    """
    splits = digits_splits(config.train_images, config.validation_images, config.split_seed)
    # The weights and the order of the images come from independent streams.
    weights_seed, order_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    generator = torch.Generator().manual_seed(weights_seed)
    network = NASBench201Network(architecture, config.skeleton(), generator)
    data = ImageData(
        name="digits",
        settings={},
        classes=NUM_CLASSES,
        channels=1,
        size=8,
        train=replace(splits.train, stream=torch.Generator().manual_seed(order_seed)),
        validation=splits.validation,
        test=splits.test,
    )
    return train_classifier(network, data, recipe, order_seed, device="cpu")
