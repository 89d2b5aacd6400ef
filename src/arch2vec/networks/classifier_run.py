"""A classifier's training in progress: its epochs, and everything that they change.

All that is random in an epoch comes from the training's seed and the epoch's
number, so the state between epochs is the weights, the optimiser and the scale
of mixed precision's losses; no generator goes from one epoch into the next.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from arch2vec.common.devices import repeatable_convolutions
from arch2vec.errors import InputError
from arch2vec.networks.data.base import ImageData, Part
from arch2vec.networks.optimisers import make_optimiser
from arch2vec.networks.recipe import Recipe
from arch2vec.networks.schedules import drop_path, learning_rate

_EVALUATION_BATCH, _SMALL = 512, 64  # images of at most so many pixels across; of larger ones as many as in training
_STEPS_BETWEEN_CHECKS = 50  # on a GPU, where asking for a loss waits for it


@dataclass(frozen=True)
class TrainedEpoch:
    """One epoch's figures.

    Attributes:
        epoch: counted from 1.
        learning_rate: of its first step.
        loss: mean training loss over the epoch's images, natural logarithm, without the auxiliary head's.
        validation: accuracy in percent after the epoch, None where not measured.
        test: likewise.
        seconds: what it took, evaluations included: processor time on one core of a CPU
            (which a busy machine does not lengthen), time on the clock otherwise.
    """

    epoch: int
    learning_rate: float
    loss: float
    validation: float | None
    test: float | None
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class StepsDone:
    """Where a training stands: step ``step`` of ``steps`` in epoch ``epoch`` (from 1) of ``epochs``."""

    epoch: int
    epochs: int
    step: int
    steps: int


class ClassifierRun:
    """A training between two epochs.

    Args:
        network: maps images to class scores; with an auxiliary head, in training mode,
            to the pair of its scores and the head's.
        data: the images to train on and to measure by.
        recipe: how it is trained: optimiser, schedule, augmentation.
        seed: of everything random in the training, in 0 .. 2^63 - 1.
        device: where to compute. On a GPU with mixed precision.

    Raises:
        InputError: the recipe needs a drop path that the network does not have.
    """

    def __init__(self, network: nn.Module, data: ImageData, recipe: Recipe, seed: int, device: torch.device) -> None:
        self.recipe, self.seed, self.device = recipe, seed, device
        self.network = network.to(device)
        self._droppable: Any = network
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.data = data.to(device)
        self.optimiser = make_optimiser(recipe, network)
        self.mixed = device.type == "cuda"
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.mixed)
        if recipe.drop_path and not hasattr(network, "drop_path_probability"):
            raise InputError(
                f"recipe {recipe.name} drops paths, which a {type(network).__name__} cannot; "
                "take one with drop_path 0, or a network of DARTS cells"
            )

    def clock(self) -> float:
        """Seconds: processor time on one core of a CPU, time on the clock otherwise."""
        one_core = self.device.type == "cpu" and torch.get_num_threads() == 1
        return time.thread_time() if one_core else time.perf_counter()

    def train_epoch(self, done: int, progress: Callable[[StepsDone], None] | None = None) -> TrainedEpoch | None:
        """Train for the epoch after ``done`` whole ones.

        Returns:
            Its figures, or None where a loss or a score was not finite.
        """
        started, recipe = self.clock(), self.recipe
        if recipe.drop_path:
            self._droppable.drop_path_probability = drop_path(recipe, done)
        data_seed, global_seed = np.random.SeedSequence([self.seed, done]).generate_state(2).tolist()
        with _global_seed(global_seed, self.device), repeatable_convolutions():
            loss = self._pass(done, data_seed, progress)
        if not math.isfinite(loss):
            return None
        validation = test = None
        if recipe.evaluates(done + 1):
            validation = None if self.data.validation is None else self.accuracy(self.data.validation)
            test = None if self.data.test is None else self.accuracy(self.data.test)
            if not all(math.isfinite(measured) for measured in (validation, test) if measured is not None):
                return None
        rate = learning_rate(recipe, done)
        return TrainedEpoch(done + 1, rate, loss, validation, test, self.clock() - started)

    def _pass(self, done: int, seed: int, progress: Callable[[StepsDone], None] | None) -> float:
        """Mean loss of a pass over the training images; not finite as soon as one step's is not."""
        recipe, data = self.recipe, self.data
        self.network.train()
        steps = data.train.steps(recipe.batch_size)
        between = _STEPS_BETWEEN_CHECKS if self.mixed else 1
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        batches = data.train.training_batches(recipe.batch_size, recipe.augmentation, seed)
        for step, (images, labels) in enumerate(batches):
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(recipe, done, step, steps)
            with torch.autocast(self.device.type, torch.float16, enabled=self.mixed):
                loss, added = self._losses(images, labels)
            total += loss.detach().double() * len(labels)
            if added is not None:
                total += 0 * added.detach().double()  # nothing, unless it is not finite
                loss = loss + added
            if (step + 1) % between == 0 and not math.isfinite(total.item()):
                return math.nan
            self.optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(self.scaler.scale(loss))
            if recipe.gradient_clip:
                self.scaler.unscale_(self.optimiser)
                nn.utils.clip_grad_norm_(self.network.parameters(), recipe.gradient_clip)
            self.scaler.step(self.optimiser)
            self.scaler.update()
            if progress is not None:
                progress(StepsDone(done + 1, recipe.epochs, step + 1, steps))
        return total.item() / len(data.train)

    def _losses(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """The loss, and what the auxiliary head adds to it."""
        recipe, network = self.recipe, self.network
        output = network(images)
        scores, second = output if isinstance(output, tuple) else (output, None)
        smoothing = recipe.label_smoothing
        loss = functional.cross_entropy(scores, labels, label_smoothing=smoothing)
        if not recipe.auxiliary:
            return loss, None
        if second is None:
            raise InputError(
                f"recipe {recipe.name} needs an auxiliary head, which this {type(network).__name__} has not; "
                "build it with one, or take a recipe with auxiliary 0"
            )
        return loss, recipe.auxiliary * functional.cross_entropy(second, labels, label_smoothing=smoothing)

    @torch.inference_mode()
    def accuracy(self, part: Part) -> float:
        """The share of correctly classified images in percent, NaN where a score is not finite.

        The network is put in evaluation mode.
        """
        self.network.eval()
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        finite = torch.ones((), dtype=torch.bool, device=self.device)
        for images, labels in part.batches(_EVALUATION_BATCH if self.data.size <= _SMALL else self.recipe.batch_size):
            with torch.autocast(self.device.type, torch.float16, enabled=self.mixed):
                scores = self.network(images)
            finite &= torch.isfinite(scores).all()
            correct += (scores.argmax(dim=1) == labels).sum()
        return 100.0 * int(correct) / len(part) if finite else math.nan


@contextmanager
def _global_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Within the block, PyTorch's global generators start from ``seed``; afterwards they are as they were.

    Layers such as ``nn.Dropout``, which a user's network may have, draw from them.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield
