"""Published hyper-parameters of trainings as recipes by name. Importing this module imports no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

from arch2vec.errors import InputError, unknown
from arch2vec.networks.recipe import Augmentation, Recipe, ScheduleName

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
        Recipe("digits", "this package", 6, 40, 0.1, nesterov=True, weight_decay=5e-4, cells=3, channels=8),
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
    if name is None and data == "folder":  # one's own: what is usual for small images
        name = _DEFAULTS.get(("darts" if space == "darts_pair" else space, "cifar10"), "digits")
    if name is None and data == "digits":
        name = "digits"
    if name is None:
        raise InputError(f"no recipe is usual for {space} on {data}: name one, {', '.join(sorted(RECIPES))}")
    return RECIPES[name]
