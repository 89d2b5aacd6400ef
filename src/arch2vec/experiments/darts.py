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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arch2vec.common.ownership import owned
from arch2vec.common.storage import claim, require_writable
from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.experiments.darts_settings import METHODS, DartsSettings
from arch2vec.experiments.darts_table import row_of, write_results
from arch2vec.networks.architecture_training import ArchitectureTrainer
from arch2vec.networks.classifier_training import ClassifierResult
from arch2vec.networks.data import DataChoice
from arch2vec.objectives.training import TrainingObjective
from arch2vec.pretraining.pretrain import PretrainConfig, architectures, pretrain
from arch2vec.searching import get_method
from arch2vec.searching.study import SearchResult, search
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES

REFERENCE = "darts?max_macs=600000000"
"""Normal and reduction cell are the same; under 600 M multiply-adds on ImageNet."""

Note = Callable[[str, int, int, str], None]
"""Called with the step under way, how much of it is done, of how much, and what is worth saying."""


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


@owned
def run_experiment(settings: DartsSettings, out: Path, note: Note = lambda *_: None) -> list[dict[str, Any]]:
    """Run the experiment, or what is left of it.

    Args:
        settings: what to do.
        out: the folder that keeps the experiment.
        note: called as the work goes on.

    Returns:
        A row a cell, as in ``results.json``.

    Raises:
        InputError: data are missing or unusable, or ``out`` holds another experiment or
            cannot be written to.
    """
    _check(settings)
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


def _check(settings: DartsSettings) -> None:
    """Refuse what would fail only after hours: methods that are unknown, images that are not there or do not fit.

    Raises:
        InputError: see there.
    """
    for method in settings.methods:
        get_method(method)
    space = get_space("darts_pair")
    for step in ("search", "final") + (("imagenet",) if settings.imagenet is not None else ()):
        trainer = _trainer(settings, step, space, None)
        trainer.build(space, PUBLISHED_GENOTYPES["ARCH2VEC_BO"], trainer.fitted_plan(), None)


def _trainer(settings: DartsSettings, step: str, space: SearchSpace, out: Path | None) -> ArchitectureTrainer:
    """How networks are trained in the final evaluation or on ImageNet; with images to validate by, in the search."""
    if step == "imagenet":
        data = DataChoice("imagenet", settings.imagenet, workers=settings.workers)
    else:
        data = settings.images(0.1 if step == "search" else 0.0)
    plan = settings.plan(step)
    return ArchitectureTrainer(
        space, settings.recipe(step), data, plan, out, settings.device, settings.threads, keep_weights=True
    )


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
        device=settings.device,
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
    trainer = _trainer(settings, step, contender.space, out / step / contender.name)
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
        from arch2vec.reports.cells import draw_cell

        draw_cell(contender.space, contender.space.parse([contender.architecture]), path, title=contender.name)
