"""How a network is trained, as data. Importing this module imports no PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Literal, get_args

from arch2vec.errors import InputError, unknown

OptimiserName = Literal["sgd", "rmsprop"]
ScheduleName = Literal["cosine", "exponential", "linear", "constant"]


@dataclass(frozen=True)
class Augmentation:
    """What is done at random to every training image.

    Attributes:
        crop_padding: black pixels added on each side before a crop of the original size.
        flip: whether half of the images are mirrored.
        cutout: side in pixels of a square that is set to the mean colour (DeVries and
            Taylor, 2017); its centre is any pixel, and what is outside of the image is
            cut off. 0 for none.
        resized_crop: whether to take a crop of 8 to 100 % of the area and an aspect
            ratio of 3/4 to 4/3, scaled to the network's input (Szegedy et al., CVPR 2015).
            For data read from image files only.
        jitter: by how much brightness, contrast, saturation and hue vary: the first three
            by factors of 1 - j to 1 + j, the hue by -j to j of the circle. For data read
            from image files only.

    Raises:
        InputError: a number is out of its range.
    """

    crop_padding: int = 0
    flip: bool = False
    cutout: int = 0
    resized_crop: bool = False
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.crop_padding < 0 or self.cutout < 0:
            raise InputError(f"an augmentation's pixels are at least 0, got {self.crop_padding} and {self.cutout}")
        if len(self.jitter) != 4 or not all(0 <= j <= 1 for j in self.jitter) or self.jitter[3] > 0.5:
            raise InputError(
                f"an augmentation's jitter is four numbers from 0 to 1, the last up to 0.5; got {self.jitter}"
            )


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        name: of the recipe.
        source: where it was published.
        epochs: passes over the training images; the schedule ends with the last.
        batch_size: at most this many images a step; an epoch's batches differ by one image at most.
        learning_rate: the highest one.
        optimiser: ``sgd``, or ``rmsprop`` as TensorFlow has it (:class:`arch2vec.networks.optimisers.RMSProp`).
        momentum: of the optimiser.
        nesterov: whether the momentum is Nesterov's; for ``sgd`` only.
        weight_decay: L2 penalty on all parameters.
        schedule: of the learning rate: half a ``cosine`` or a ``linear`` fall to 0,
            ``exponential`` by the factor ``decay`` an epoch, or ``constant``.
        decay: see ``schedule``.
        change: whether the rate changes with every ``step`` or only with every ``epoch``.
        warmup: epochs over which the rate rises linearly to what the schedule says.
        label_smoothing: share of each target that is spread over all classes.
        auxiliary: weight of the loss of the network's auxiliary head; 0 for none.
        drop_path: probability of dropping a path, reached linearly over the epochs; 0 for none.
        gradient_clip: largest norm of the gradient; 0 for any.
        augmentation: of the training images.
        evaluate_every: epochs between evaluations; the last ``report`` epochs are always evaluated.
        report: the accuracies reported are means over so many last epochs.
        space: the search space whose networks it was published for, None where any will do.
        cells: of those networks: cells in a row, or in a stage.
        channels: of their first cells.

    Raises:
        InputError: a value is out of its range.
    """

    name: str
    source: str
    epochs: int
    batch_size: int
    learning_rate: float
    optimiser: OptimiserName = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: ScheduleName = "cosine"
    decay: float = 1.0
    change: Literal["step", "epoch"] = "step"
    warmup: int = 0
    label_smoothing: float = 0.0
    auxiliary: float = 0.0
    drop_path: float = 0.0
    gradient_clip: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    evaluate_every: int = 1
    report: int = 1
    space: str | None = None
    cells: int | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "evaluate_every", "report"):
            if getattr(self, name) < 1:
                raise InputError(f"recipe {self.name} needs {name} of at least 1, got {getattr(self, name)}")
        for name, chosen, known in (
            ("optimiser", self.optimiser, get_args(OptimiserName)),
            ("schedule", self.schedule, get_args(ScheduleName)),
            ("change", self.change, ("step", "epoch")),
        ):
            if chosen not in known:
                raise unknown(f"{name} of recipe {self.name}", chosen, known)
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise InputError(f"recipe {self.name} needs a positive, finite learning_rate, got {self.learning_rate}")
        for name in ("momentum", "label_smoothing", "drop_path"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"recipe {self.name} needs {name} in [0, 1), got {getattr(self, name)}")
        for name in ("weight_decay", "auxiliary", "gradient_clip", "warmup"):
            if not (getattr(self, name) >= 0 and math.isfinite(getattr(self, name))):
                raise InputError(f"recipe {self.name} needs {name} of at least 0, got {getattr(self, name)}")
        if not 0 < self.decay <= 1:
            raise InputError(f"recipe {self.name} needs decay in (0, 1], got {self.decay}")
        if self.nesterov and (self.optimiser != "sgd" or self.momentum == 0):
            raise InputError(f"recipe {self.name}: Nesterov's momentum needs the optimiser sgd and a momentum above 0")

    def evaluates(self, epoch: int) -> bool:
        """Whether accuracies are measured after an epoch, counted from 1."""
        return epoch % self.evaluate_every == 0 or epoch > self.epochs - self.report


def settings(recipe: Recipe) -> dict[str, object]:
    """What a recipe sets, for records of a training: all but where it comes from and what it was published for."""
    left_out = ("name", "source", "space", "cells", "channels", "augmentation")
    kept = {item.name: getattr(recipe, item.name) for item in fields(recipe) if item.name not in left_out}
    augmentation = {item.name: getattr(recipe.augmentation, item.name) for item in fields(recipe.augmentation)}
    return {"recipe": recipe.name, **kept, **augmentation, "jitter": list(recipe.augmentation.jitter)}
