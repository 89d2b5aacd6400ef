"""Training a network to classify images by a recipe: seeded, resumable, on a CPU or a GPU.

On a CPU a training is repeatable bit for bit, interrupted or not: what it gives
depends on the network's weights, the images, the recipe, the seed and the number
of threads. On a GPU it computes with mixed precision, and some of PyTorch's
operations add in no fixed order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from arch2vec.common.ownership import owning
from arch2vec.common.storage import AnyPath
from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError
from arch2vec.networks.classifier_folder import ClassifierFolder
from arch2vec.networks.classifier_run import ClassifierRun, StepsDone, TrainedEpoch
from arch2vec.networks.data.base import ImageData
from arch2vec.networks.recipe import Recipe, settings

__all__ = ["ClassifierResult", "StepsDone", "TrainedEpoch", "train_classifier"]


@dataclass(frozen=True)
class ClassifierResult:
    """A training's course.

    Attributes:
        epochs: the completed epochs, first to last.
        failed: whether a loss or a score was not finite; training ends there.
        report: accuracies are means over so many last epochs.
        lost_s: what the epoch took in which it failed, seconds. Not compared for equality.
    """

    epochs: tuple[TrainedEpoch, ...]
    failed: bool
    report: int = 1
    lost_s: float = field(default=0.0, compare=False)

    @property
    def validation(self) -> float | None:
        """Accuracy in percent at the end, NaN for a failed training, None without images to validate by."""
        return self._mean([epoch.validation for epoch in self.epochs])

    @property
    def test(self) -> float | None:
        """Accuracy in percent at the end, NaN for a failed training, None without images to test on."""
        return self._mean([epoch.test for epoch in self.epochs])

    @property
    def seconds(self) -> float:
        """What all epochs took, one in which it failed included."""
        return sum(epoch.seconds for epoch in self.epochs) + self.lost_s

    def _mean(self, accuracies: list[float | None]) -> float | None:
        if self.failed:
            return math.nan
        last = [accuracy for accuracy in accuracies[-self.report :] if accuracy is not None]
        return float(np.mean(last)) if last else None


def train_classifier(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    seed: int,
    *,
    out: AnyPath | None = None,
    identity: Mapping[str, Any] | None = None,
    device: torch.device | str | None = None,
    threads: int = 1,
    keep_weights: bool = True,
    progress: Callable[[StepsDone], None] | None = None,
) -> ClassifierResult:
    """Train ``network`` in place.

    Args:
        network: maps images (B, channels, H, W) to class scores (B, classes); with an
            auxiliary head, in training mode, to a pair of those. For a recipe that drops
            paths it has an attribute ``drop_path_probability``, which is set every epoch.
        data: images; only ``data.train`` influences the weights.
        recipe: how it is trained: optimiser, schedule, augmentation.
        seed: of everything random in the training, in 0 .. 2^63 - 1.
        out: the training's folder (:mod:`arch2vec.networks.classifier_folder`). One that
            was interrupted goes on from its last whole epoch, and ends where it would
            have without; of a finished one the result is read.
        identity: what tells the network from others, such as its architecture; recorded
            in ``out`` and compared when it is used again. Its keys differ from a recipe's.
        device: where to compute; a GPU if there is one.
        threads: cores to compute with on a CPU.
        keep_weights: whether ``out`` keeps the trained network.
        progress: called after every step.

    Returns:
        The losses and accuracies by epoch. A training that diverges is a failed result,
        there and when it is resumed.

    Raises:
        InputError: the network, the images and the recipe do not fit each other, ``out``
            holds another training, or it cannot be written to.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"a training's seed must be in 0 .. 2^63 - 1, got {seed}")
    if threads < 1:
        raise InputError(f"a training needs at least 1 thread, got {threads}")
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    # Whoever trains the same at this moment is waited for: the result is then there.
    with owning(None if out is None else Path(out), wait=True):
        folder = None
        if out is not None:
            images = {"data": data.name, **{f"data_{name}": value for name, value in data.settings.items()}}
            whole = {**(identity or {}), **settings(recipe), **images, "training_seed": seed, "threads": threads}
            folder = ClassifierFolder(Path(out), whole)
            if (found := folder.finished(network)) is not None:
                return ClassifierResult(tuple(found.epochs), found.failed, recipe.report, found.lost_s)
        with thread_count(threads):
            run = ClassifierRun(network, data, recipe, seed, place)
            epochs = [] if folder is None else folder.load(run)
            failed, lost_s = False, 0.0
            while len(epochs) < recipe.epochs and not failed:
                started = run.clock()
                epoch = run.train_epoch(len(epochs), progress)
                if epoch is None:
                    failed, lost_s = True, run.clock() - started
                else:
                    epochs.append(epoch)
                    if folder is not None:
                        folder.save(run, epochs)
        if folder is not None:
            folder.finish(network, epochs, failed, lost_s, keep_weights)
        return ClassifierResult(tuple(epochs), failed, recipe.report, lost_s)
