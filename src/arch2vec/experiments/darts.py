"""The paper's experiment on DARTS (section 4.2, table 4): pre-train, search by trainings, train the best, transfer it.

Everything is in one folder, each step in a part of it, and each goes on where an
interrupted run has left it::

    config.json             what must stay the same
    pretraining/            the run of the encoder
    embedding.safetensors   the cells it has learned from, which are searched
    trainings/              a folder for each training of a search
    search/METHOD/          the searches
    final/NAME/             trainings of the best cells, one a seed, with their weights
    imagenet/NAME/          their transfer
    cells/NAME.svg          what they look like
    results.json, table.md  what came out, beside what was published
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError, unknown
from arch2vec.experiments.darts_table import row_of, write_results
from arch2vec.networks.architecture_training import ArchitectureTrainer
from arch2vec.networks.build import NetworkPlan
from arch2vec.networks.classifier_training import ClassifierResult
from arch2vec.networks.data import DataChoice
from arch2vec.networks.recipe import Recipe
from arch2vec.networks.recipes import get_recipe
from arch2vec.objectives.training import TrainingObjective
from arch2vec.pretraining import PretrainConfig, architectures, pretrain
from arch2vec.searching.study import SearchResult, search
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.spaces.darts_published import PUBLISHED_GENOTYPES
from arch2vec.storage import claim, require_writable

REFERENCE = "darts?max_macs=600000000"
"""Normal and reduction cell are the same; under 600 M multiply-adds on ImageNet."""

DATA = ("cifar10", "cifar100", "digits")
METHODS: Mapping[str, int] = {"arch2vec-rl": 1, "bo": 5}
"""The paper's searches, with the number of cells that each proposes at a time."""

Note = Callable[[str, int, int, str], None]
"""Called with the step under way, how much of it is done, of how much, and what is worth saying."""


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
        self.recipe("search"), self.recipe("final"), self.recipe("imagenet")

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


@dataclass(frozen=True)
class Contender:
    """A cell to evaluate.

    Attributes:
        name: for tables and folders.
        method: the search that found it, None for a published one.
        architecture: the cell.
        space: that it is of.
        found: the search, None for a published one.
    """

    name: str
    method: str | None
    architecture: str
    space: SearchSpace
    found: SearchResult | None = None


def run_experiment(settings: DartsSettings, out: Path, note: Note = lambda *_: None) -> list[dict[str, Any]]:
    """Run the experiment, or what is left of it.

    Args:
        settings: what to do.
        out: its folder.
        note: called as the work goes on.

    Returns:
        A row a cell, as in ``results.json``.

    Raises:
        InputError: data are missing or unusable, or ``out`` holds another experiment or
            cannot be written to.
    """
    require_writable(out)
    claim(out / "config.json", "DARTS experiment", settings.fixed())
    rows = []
    for contender in _contenders(settings, out, note):
        final = _trainings(contender, settings, "final", settings.final_seeds, out, note)
        transfer = None
        if settings.imagenet is not None:
            transfer = _trainings(contender, settings, "imagenet", 1, out, note)[1][0]
        _draw(contender, out / "cells" / f"{contender.name}.svg")
        trainer, results = final
        rows.append(row_of(contender.method, contender.name, trainer, contender.architecture, results, transfer))
        if contender.found is not None:
            best = contender.found.best
            rows[-1] |= {
                "evaluations": contender.found.evaluations,
                "failed_evaluations": sum(trial.failed for trial in contender.found.trials),
                "validation_mean": best.validation,
                "search_seconds": contender.found.cost_s,
            }
    write_results(rows, settings.recipe("final").epochs, out)
    return rows


def _contenders(settings: DartsSettings, out: Path, note: Note) -> Iterator[Contender]:
    if settings.methods:
        embedding = _embedding(settings, out, note)
        objective = TrainingObjective(
            embedding.space,
            settings.recipe("search"),
            settings.images(0.1),
            settings.plan("search"),
            seeds=(settings.seed,),
            out=out / "trainings",
            device=settings.device,
            threads=settings.threads,
        )
        for method in settings.methods:
            step = f"search by {method}"
            result = search(
                embedding,
                objective,
                method,
                settings.budget,
                seed=settings.seed,
                batch=METHODS.get(method, 1),
                out=out / "search" / method,
                on_evaluation=lambda trial, step=step: note(  # type: ignore[misc]
                    step, trial.number, settings.budget, f"{trial.validation:.2f} %"
                ),
            )
            yield Contender(method, method, result.best.architecture, embedding.space, result)
    for name in settings.published:
        yield Contender(name, None, PUBLISHED_GENOTYPES[name], get_space("darts_pair"))


def _embedding(settings: DartsSettings, out: Path, note: Note) -> Embedding:
    space = get_space(REFERENCE)
    config = PretrainConfig(epochs=settings.pretrain_epochs, sample=settings.sample, seed=settings.seed)
    encoder: Encoder = pretrain(
        space,
        config,
        out=out / "pretraining",
        progress=lambda at: note(
            "pre-training", (at.epoch - 1) * at.steps + at.step, at.epochs * at.steps, f"loss {at.loss:.4f}"
        ),
    )
    path = out / "embedding.safetensors"
    if path.exists():
        return Embedding.load(path)
    embedding = encoder.embed(architectures(space, config))
    embedding.save(path)
    return embedding


def _trainings(
    contender: Contender, settings: DartsSettings, step: str, seeds: int, out: Path, note: Note
) -> tuple[ArchitectureTrainer, Sequence[ClassifierResult]]:
    """The trainings of a cell in one step, one a seed."""
    if step == "imagenet":
        data = DataChoice("imagenet", settings.imagenet, workers=settings.workers)
    else:
        data = settings.images(0.0)
    trainer = ArchitectureTrainer(
        contender.space,
        settings.recipe(step),
        data,
        settings.plan(step),
        out / step / contender.name,
        settings.device,
        settings.threads,
        keep_weights=True,
    )
    results: list[ClassifierResult] = []
    label = f"{step} training of {contender.name}"
    for seed in range(settings.seed, settings.seed + seeds):
        before = len(results)

        def show(at: Any, before: int = before) -> None:
            done = (at.epoch - 1) * at.steps + at.step
            total = at.epochs * at.steps
            note(label, before * total + done, seeds * total, f"seed {before + 1} of {seeds}, epoch {at.epoch}")

        results.append(trainer.train(contender.architecture, seed, progress=show))
    return trainer, results


def _draw(contender: Contender, path: Path) -> None:
    if not path.exists():
        from arch2vec.plots.cells import draw_cell

        draw_cell(contender.space, contender.space.parse([contender.architecture]), path, title=contender.name)
