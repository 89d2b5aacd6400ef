"""The settings of the experiment on DARTS (Yan et al., NeurIPS 2020, section 4.2); the defaults are the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from arch2vec.errors import InputError, unknown
from arch2vec.networks.build import NetworkPlan
from arch2vec.networks.data import DataChoice
from arch2vec.networks.recipe import Recipe
from arch2vec.networks.recipes import get_recipe
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES

DATA = ("cifar10", "cifar100", "digits")
METHODS: Mapping[str, int] = {"arch2vec-rl": 1, "bo": 5}
"""The paper's searches, with the number of cells that each proposes at a time."""


@dataclass(frozen=True)
class DartsSettings:
    """The experiment; by default the paper's.

    Attributes:
        data: to search and evaluate on, one of :data:`DATA`.
        data_dir: folder of its files.
        limit: use so many of its training images only.
        sample: cells that are learned from and searched.
        pretrain_epochs: passes over them.
        methods: searches, of :data:`METHODS` or any other of the package's.
        budget: trainings of each search.
        inner_epochs: of these, None for the recipe's.
        final_epochs: of the best cells' trainings, None for the recipe's.
        final_seeds: trainings of each.
        layers: cells in a row, None for the recipes'.
        channels: of the first cells, None for the recipes'.
        published: names of published genotypes that are evaluated likewise.
        imagenet: folder of ImageNet, to which the best cells are transferred; None not to.
        imagenet_epochs: of this, None for the recipe's.
        workers: processes that read ImageNet's images.
        seed: of everything random.
        device: where to compute; a GPU if there is one.
        threads: cores of a CPU that a training uses.

    Raises:
        InputError: a value is unknown or out of its range.
    """

    data: str = "cifar10"
    data_dir: str | None = None
    limit: int | None = None
    sample: int = 600_000
    pretrain_epochs: int = 10
    methods: tuple[str, ...] = tuple(METHODS)
    budget: int = 100
    inner_epochs: int | None = None
    final_epochs: int | None = None
    final_seeds: int = 3
    layers: int | None = None
    channels: int | None = None
    published: tuple[str, ...] = ()
    imagenet: str | None = None
    imagenet_epochs: int | None = None
    workers: int = 4
    seed: int = 0
    device: str | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        if self.data not in DATA:
            raise unknown("data set of the DARTS experiment", self.data, DATA)
        for name in ("sample", "pretrain_epochs", "budget", "final_seeds", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"the DARTS experiment needs {name} of at least 1, got {getattr(self, name)}")
        if self.seed < 0 or not (self.methods or self.published):
            raise InputError("the DARTS experiment needs a seed of at least 0, and a search or a published genotype")
        for name in self.published:
            if name not in PUBLISHED_GENOTYPES:
                raise unknown("published genotype", name, PUBLISHED_GENOTYPES)
        for step in ("search", "final", "imagenet"):
            self.plan(step)
        self.images(0.0)

    def recipe(self, step: str) -> Recipe:
        """How networks are trained in the ``search``, the ``final`` evaluation or on ``imagenet``."""
        epochs = {"search": self.inner_epochs, "final": self.final_epochs, "imagenet": self.imagenet_epochs}[step]
        small = self.data == "digits"
        inner, final = ("digits-darts",) * 2 if small else ("darts-cifar10-search", "darts-cifar10")
        recipe = get_recipe({"search": inner, "final": final, "imagenet": "darts-imagenet"}[step])
        return recipe if epochs is None else replace(recipe, epochs=epochs)

    def plan(self, step: str) -> NetworkPlan:
        """What is around the cells in these steps."""
        recipe = self.recipe(step)
        return NetworkPlan(
            "imagenet" if step == "imagenet" else self.data,
            self.channels or recipe.channels,
            self.layers or recipe.cells,
            auxiliary=recipe.auxiliary > 0,
        )

    def images(self, validation: float | None) -> DataChoice:
        """The data; the paper keeps a tenth to validate by in the search, and nothing in the end."""
        if self.data == "digits" and validation:
            validation = None  # a tenth of so few would say nothing
        return DataChoice(self.data, self.data_dir, validation, limit=self.limit)

    def fixed(self) -> dict[str, Any]:
        """What must stay the same when the experiment is resumed; more may be asked for."""
        names = ("data", "limit", "sample", "pretrain_epochs", "layers", "channels", "seed")
        return {name: getattr(self, name) for name in names} | {"inner_epochs": self.recipe("search").epochs}
