"""Training of an image classifier: seeded, repeatable, on one core unless told otherwise.

Stochastic gradient descent with Nesterov momentum and a cosine schedule, as
NAS-Bench-201 trains (Dong and Yang, ICLR 2020, table 2). The data are tensors
in memory, so a batch is an index and no worker processes are needed.

On a CPU a run is repeatable bit for bit: it depends on the network's weights,
the data, the configuration, the seed and the number of threads, on nothing that
ran before, and it leaves PyTorch's global generator as it was. Run concurrent
trainings in processes of one core each: the number of threads belongs to the process.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from arch2vec.common.schedules import cosine
from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError


@dataclass(frozen=True)
class Images:
    """N labelled images.

    Attributes:
        pixels: (N, channels, H, W) float32.
        labels: (N,) int64, classes counted from 0.
    """

    pixels: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.labels.shape != self.pixels.shape[:1] or not len(self.labels):
            raise InputError(
                "labelled images need pixels (N, channels, H, W) and labels (N,) with N of at least 1, "
                f"got {tuple(self.pixels.shape)} and {tuple(self.labels.shape)}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Images:
        """The same images on ``device``, stored with channels last, which convolutions read fastest."""
        pixels = self.pixels.to(device, memory_format=torch.channels_last)
        return Images(pixels, self.labels.to(device))


@dataclass(frozen=True)
class Splits:
    """Images to fit weights to, to choose an architecture by, and to report on."""

    train: Images
    validation: Images
    test: Images


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Attributes:
        epochs: passes over the training images; the schedule ends with the last.
        batch_size: at most this many images a step; an epoch's batches differ by one image at most.
        learning_rate: of the first step; it falls to 0 along half a cosine, step by step.
        momentum: of Nesterov's method.
        weight_decay: L2 penalty on all parameters.
        label_smoothing: share of each target that is spread over all classes, in [0, 1).
        evaluate_every: epochs between evaluations; the last epoch is always evaluated.
        threads: cores to compute with. The last bits of a result depend on it.

    Raises:
        InputError: a value is out of its range.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    evaluate_every: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "evaluate_every", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"training needs {name} of at least 1, got {getattr(self, name)}")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise InputError(f"training needs a positive, finite learning_rate, got {self.learning_rate}")
        if not 0 < self.momentum < 1:
            raise InputError(f"training needs a momentum between 0 and 1, got {self.momentum}")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise InputError(f"training needs a weight_decay of at least 0, got {self.weight_decay}")
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"training needs a label_smoothing in [0, 1), got {self.label_smoothing}")


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures.

    Attributes:
        epoch: counted from 1.
        loss: mean training loss over the epoch's images, natural logarithm.
        validation: accuracy in percent after the epoch, None where not evaluated.
        test: likewise.
    """

    epoch: int
    loss: float
    validation: float | None
    test: float | None


@dataclass(frozen=True)
class TrainingResult:
    """A training's course.

    Attributes:
        epochs: the completed epochs, first to last.
        failed: whether a loss or a score was not finite; training ends there.
        cpu_seconds: processor time of the calling thread for steps and evaluations,
            which is all the time they take on one core.
    """

    epochs: tuple[Epoch, ...]
    failed: bool
    cpu_seconds: float = field(compare=False)

    @property
    def validation(self) -> float:
        """Accuracy in percent after the last epoch, NaN for a failed training."""
        return math.nan if self.failed else _known(self.epochs[-1].validation)

    @property
    def test(self) -> float:
        """Accuracy in percent after the last epoch, NaN for a failed training."""
        return math.nan if self.failed else _known(self.epochs[-1].test)


def _known(accuracy: float | None) -> float:
    assert accuracy is not None, "the last epoch is always evaluated"
    return accuracy


def train(
    network: nn.Module,
    splits: Splits,
    config: TrainingConfig,
    seed: int,
    device: str = "cpu",
) -> TrainingResult:
    """Train ``network`` in place.

    Args:
        network: maps images (B, channels, H, W) to class scores (B, classes).
        splits: images; only ``train`` influences the weights.
        config: how it is trained: epochs, batches, learning rate.
        seed: of the order of the images, in 0 .. 2^63 - 1.
        device: where to compute, such as ``cuda``.

    Returns:
        The accuracies and losses by epoch. A loss that is not finite ends the
        training and is reported as a failure, not raised.
    """
    place = torch.device(device)
    generator = torch.Generator().manual_seed(seed)
    network.to(place)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    images, validation, test = (part.to(place) for part in (splits.train, splits.validation, splits.test))
    optimiser = torch.optim.SGD(
        network.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=True,
        fused=True,
    )
    # Only now: the first optimiser of a process spends more than a second on PyTorch's imports.
    start = time.thread_time()
    with thread_count(config.threads):
        course, failed = _run(network, images, (validation, test), optimiser, config, generator)
    return TrainingResult(tuple(course), failed, time.thread_time() - start)


def _run(
    network: nn.Module,
    images: Images,
    held_out: tuple[Images, Images],
    optimiser: torch.optim.Optimizer,
    config: TrainingConfig,
    generator: torch.Generator,
) -> tuple[list[Epoch], bool]:
    """The completed epochs, and whether training failed in the one after them."""
    batches = math.ceil(len(images) / config.batch_size)
    steps = config.epochs * batches
    course: list[Epoch] = []
    for epoch in range(1, config.epochs + 1):
        network.train()
        total = 0.0
        order = torch.randperm(len(images), generator=generator, device="cpu").to(images.labels.device)
        for step, rows in enumerate(order.tensor_split(batches), start=(epoch - 1) * batches):
            for group in optimiser.param_groups:
                group["lr"] = cosine(config.learning_rate, step, steps)
            scores = network(images.pixels[rows])
            loss = functional.cross_entropy(scores, images.labels[rows], label_smoothing=config.label_smoothing)
            value = loss.item()
            if not math.isfinite(value):
                return course, True
            total += value * len(rows)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
        accuracies: list[float | None] = [None, None]
        if epoch % config.evaluate_every == 0 or epoch == config.epochs:
            measured = [accuracy(network, part) for part in held_out]
            if not all(map(math.isfinite, measured)):
                return course, True
            accuracies = [*measured]
        course.append(Epoch(epoch, total / len(images), *accuracies))
    return course, False


@torch.inference_mode()
def accuracy(network: nn.Module, images: Images, batch_size: int = 512) -> float:
    """The share of correctly classified images in percent, NaN where a score is not finite.

    The network is put in evaluation mode.
    """
    network.eval()
    correct = 0
    for pixels, labels in zip(
        torch.split(images.pixels, batch_size), torch.split(images.labels, batch_size), strict=True
    ):
        scores = network(pixels)
        if not torch.isfinite(scores).all():
            return math.nan
        correct += int((scores.argmax(dim=1) == labels).sum())
    return 100.0 * correct / len(images)
