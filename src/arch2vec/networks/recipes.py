"""How networks are trained: published hyper-parameters as named recipes.

A recipe is data. Importing this module imports no PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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


_CIFAR = Augmentation(crop_padding=4, flip=True)
_CUTOUT = Augmentation(crop_padding=4, flip=True, cutout=16)
_IMAGENET = Augmentation(resized_crop=True, flip=True, jitter=(0.4, 0.4, 0.4, 0.2))
_NASBENCH201 = "Dong and Yang, ICLR 2020, section 2.2 and table 2"
_DARTS = "Liu, Simonyan and Yang, ICLR 2019"


def _nasbench101(epochs: int, name: str) -> Recipe:
    """Ying et al., ICML 2019, section 2.4 and the appendix's table of hyper-parameters.

    40,000 images to train, 10,000 to validate. The table of results has 4, 12, 36
    and 108 epochs. The released code has an epsilon of 1 and a decay of 0.9.
    """
    return Recipe(
        name,
        "Ying et al., ICML 2019, section 2.4 and appendix; released code for the epsilon of 1",
        epochs=epochs,
        batch_size=256,
        learning_rate=0.2,
        optimiser="rmsprop",
        weight_decay=1e-4,
        augmentation=_CIFAR,
        space="nasbench101",
        cells=3,
        channels=128,
    )


def _nasbench201(epochs: int, name: str, padding: int = 4) -> Recipe:
    """Dong and Yang: 25,000 images to train and as many to validate on CIFAR-10, or all 50,000."""
    return Recipe(
        name,
        _NASBENCH201,
        epochs=epochs,
        batch_size=256,
        learning_rate=0.1,
        nesterov=True,
        weight_decay=5e-4,
        augmentation=Augmentation(crop_padding=padding, flip=True),
        space="nasbench201",
        cells=5,
        channels=16,
    )


def _darts_cifar(epochs: int, name: str, source: str, report: int = 1) -> Recipe:
    """Liu et al., section 3.2 and appendix A.2. The rate changes with the epoch, as in the released code."""
    return Recipe(
        name,
        source,
        epochs=epochs,
        batch_size=96,
        learning_rate=0.025,
        weight_decay=3e-4,
        change="epoch",
        auxiliary=0.4,
        drop_path=0.2,
        gradient_clip=5.0,
        augmentation=_CUTOUT,
        report=report,
        space="darts",
        cells=20,
        channels=36,
    )


def _darts_imagenet(
    name: str, source: str, batch_size: int, rate: float, schedule: ScheduleName, decay: float, warmup: int
) -> Recipe:
    return Recipe(
        name,
        source,
        epochs=250,
        batch_size=batch_size,
        learning_rate=rate,
        weight_decay=3e-5,
        schedule=schedule,
        decay=decay,
        change="epoch",
        warmup=warmup,
        label_smoothing=0.1,
        auxiliary=0.4,
        gradient_clip=5.0,
        augmentation=_IMAGENET,
        space="darts",
        cells=14,
        channels=48,
    )


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _nasbench101(108, "nasbench101-cifar10"),
        _nasbench201(200, "nasbench201-cifar10"),
        _nasbench201(12, "nasbench201-cifar10-12"),
        # The benchmark pads the 16 pixels of ImageNet16-120 by 2.
        _nasbench201(200, "nasbench201-imagenet16", padding=2),
        _darts_cifar(600, "darts-cifar10", f"{_DARTS}, section 3.2 and appendix A.2"),
        # The validation accuracy is the mean of the last five epochs; 45,000 images to train, 5,000 to validate.
        _darts_cifar(50, "darts-cifar10-search", "Yan et al., NeurIPS 2020, section 4.2; released code", report=5),
        _darts_imagenet("darts-imagenet", f"{_DARTS}, appendix A.3", 128, 0.1, "exponential", 0.97, 0),
        # For large batches.
        _darts_imagenet("darts-imagenet-1024", "Xu et al., ICLR 2020, section 4.3", 1024, 0.5, "linear", 1.0, 5),
        Recipe("digits", "this package", 6, 32, 0.1, nesterov=True, weight_decay=5e-4, cells=5, channels=8),
        Recipe(
            "digits-darts",
            "this package",
            4,
            32,
            0.05,
            weight_decay=3e-4,
            drop_path=0.1,
            gradient_clip=5.0,
            augmentation=Augmentation(crop_padding=1),
            space="darts",
            cells=5,
            channels=8,
        ),
    )
}
"""Every recipe by its name."""


def get_recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in RECIPES:
        raise unknown("training recipe", name, RECIPES)
    return RECIPES[name]


_DEFAULTS: Mapping[tuple[str, str], str] = {
    ("nasbench101", "cifar10"): "nasbench101-cifar10",
    ("nasbench201", "cifar10"): "nasbench201-cifar10-12",
    ("nasbench201", "cifar100"): "nasbench201-cifar10",
    ("nasbench201", "imagenet16-120"): "nasbench201-imagenet16",
    ("darts", "cifar10"): "darts-cifar10-search",
    ("darts", "imagenet"): "darts-imagenet",
    ("darts", "digits"): "digits-darts",
}


def default_recipe(space: str, data: str) -> Recipe:
    """How architectures of a space are trained on a data set while one is searched for, if nothing else is said.

    Raises:
        InputError: nothing is known for the two.
    """
    name = _DEFAULTS.get(("darts" if space == "darts_pair" else space, data))
    if name is None and data == "digits":
        name = "digits"
    if name is None:
        raise InputError(f"no recipe is usual for {space} on {data}: name one, {', '.join(sorted(RECIPES))}")
    return RECIPES[name]


def settings(recipe: Recipe) -> dict[str, object]:
    """What a recipe sets, for records of a training: all but where it comes from and what it was published for."""
    left_out = ("name", "source", "space", "cells", "channels", "augmentation")
    kept = {item.name: getattr(recipe, item.name) for item in fields(recipe) if item.name not in left_out}
    augmentation = {item.name: getattr(recipe.augmentation, item.name) for item in fields(recipe.augmentation)}
    return {"recipe": recipe.name, **kept, **augmentation, "jitter": list(recipe.augmentation.jitter)}
