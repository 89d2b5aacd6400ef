"""Unsupervised pre-training: how a model learns from graphs (paper, sections 3.3 and 4.1).

A run is a folder: ``config.json``, ``checkpoint.safetensors`` (replaced after
every epoch), ``metrics.jsonl`` and, when training is done, ``encoder.safetensors``.
Starting it again resumes after the last whole epoch and ends bit for bit where
an uninterrupted run would have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arch2vec.checkpoint import load_checkpoint, save_checkpoint
from arch2vec.encoder import Encoder, Pooling
from arch2vec.errors import InputError, unknown
from arch2vec.fingerprints import fingerprint
from arch2vec.graphs import GraphBatch
from arch2vec.metrics import quality
from arch2vec.metrics_stream import MetricsStream
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.flat import clip_gradient, flatten_parameters
from arch2vec.models.inputs import GraphStore
from arch2vec.models.losses import ACTIVATIONS, OperationActivation
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.storage import claim, require_writable
from arch2vec.threads import thread_count


@dataclass(frozen=True)
class Protocol:
    """What the paper says and what its public release does differ in these points.

    Attributes:
        training_mode: whether sampling, dropout and batch statistics stay on
            ``throughout``, or only in the ``first epoch``: the release switches the
            model to evaluation mode for its first validity check and never back.
        shuffle: the order of the training graphs is drawn anew for ``every epoch``
            or ``once``.
        pooling: how a vector is made from the vertices' means.
        base_rate: whether operations start at their base rate, see
            :meth:`arch2vec.models.decoder.Decoder.start_at_base_rate`; the release
            starts from PyTorch's default, which with training mode throughout
            leaves it to the seed whether ten epochs are enough.
    """

    training_mode: Literal["throughout", "first epoch"]
    shuffle: Literal["every epoch", "once"]
    pooling: Pooling
    base_rate: bool


PROTOCOLS: dict[str, Protocol] = {
    "paper": Protocol("throughout", "every epoch", "sum", base_rate=True),
    "release": Protocol("first epoch", "once", "mean", base_rate=False),
}

PAPER_BATCH_SIZE = 32

Schedule = Literal["constant", "cosine"]
SCHEDULES: tuple[Schedule, ...] = ("constant", "cosine")

_ONE_THREAD_BELOW = 128  # graphs a batch, from which on a second thread pays
_PRIOR_SAMPLE = 5_000  # training graphs, in random order, that the prior is estimated from: to 1 % of a deviation


@dataclass(frozen=True)
class PretrainConfig:
    """A pre-training run; the defaults are the paper's.

    Attributes:
        model: which model and its shape.
        protocol: a key of :data:`PROTOCOLS`.
        activation: of the operation logits. The paper's text has a softmax; the default
            is the sigmoid that its figures come from. Points off the training
            architectures' vectors decode to valid cells far more often with it.
        epochs: passes over the training split.
        batch_size: graphs a step.
        learning_rate: of Adam; with a schedule, that of the first step.
        schedule: how the learning rate goes on, ``constant`` (paper) or ``cosine``, down
            to 0 at the last step.
        gradient_clip: largest norm of the gradient.
        sample: how many architectures to draw from the space (by ``seed``) and learn
            from, None for all of it. Spaces too large to list need one.
        held_out: share of the graphs kept for measuring reconstruction.
        kl_weight: factor of the KL divergence, by default 1 / (32 V), the
            paper's 1 / (B V) at its batch size, whatever the batch size here.
        threads: that PyTorch computes with; by default one for batches below 128, all
            otherwise. Two are a little faster at the paper's batch size on an idle
            machine and many times slower on a busy one; results depend on it in
            their last bits.
        seed: of the split, the initial weights, the order and all noise.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    protocol: str = "paper"
    activation: OperationActivation = "sigmoid"
    epochs: int = 10
    batch_size: int = PAPER_BATCH_SIZE
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    gradient_clip: float = 5.0
    sample: int | None = None
    held_out: float = 0.1
    kl_weight: float | None = None
    threads: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise unknown("protocol", self.protocol, PROTOCOLS)
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.sample is not None and self.sample < 2:
            raise InputError(f"a sample has at least 2 architectures, got {self.sample}")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads must be at least 1, got {self.threads}")
        for name in ("learning_rate", "gradient_clip"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 < self.held_out < 1:
            raise InputError(f"held_out must be between 0 and 1, got {self.held_out}")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed must be between 0 and 2^63 - 1, got {self.seed}")


class Progress(NamedTuple):
    """Where a run stands: step ``step`` of ``steps`` in epoch ``epoch`` (from 1) of ``epochs``."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


def architectures(space: SearchSpace, config: PretrainConfig) -> GraphBatch:
    """The architectures a run learns from and is measured on.

    Raises:
        InputError: the space is too large to list and the configuration has no
            sample, or the space is smaller than that.
    """
    if config.sample is not None:
        return space.sample(config.sample, np.random.default_rng([config.seed, 3]))
    if not space.enumerable:
        raise InputError(f"{space.name} is too large to list: learn from a sample of it (--sample 600000)")
    return space.enumerate()


def split(graphs: GraphBatch, config: PretrainConfig) -> tuple[GraphBatch, GraphBatch]:
    """The training and the held-out graphs of a run, drawn by its seed."""
    held_out = round(len(graphs) * config.held_out)
    if not 0 < held_out < len(graphs):
        raise InputError(f"{len(graphs)} graphs are too few to hold out {config.held_out:.0%} of them")
    order = np.random.default_rng([config.seed, 1]).permutation(len(graphs))
    return graphs[order[held_out:]], graphs[order[:held_out]]


def config_of(encoder: Encoder) -> PretrainConfig:
    """The configuration an encoder was trained with.

    Raises:
        InputError: the encoder's record of it is damaged.
    """
    try:
        recorded = dict(encoder.training["config"])
        return PretrainConfig(**{**recorded, "model": ModelConfig(**recorded["model"])})
    except (KeyError, TypeError) as error:
        raise InputError(f"the encoder does not say how it was trained: {error}") from error


def pretrain(
    space: SearchSpace | str,
    config: PretrainConfig | None = None,
    *,
    graphs: GraphBatch | None = None,
    seed: int | None = None,
    out: Path | str | None = None,
    progress: Callable[[Progress], None] | None = None,
    device: torch.device | str | None = None,
) -> Encoder:
    """Learn a representation of a search space without training one of its architectures.

    Args:
        space: the space or its name.
        config: how; the paper's setting by default.
        graphs: the architectures to learn from, by default those of ``config``.
        seed: replaces ``config.seed``.
        out: the run's folder. A run that is there is resumed, or loaded when it is
            complete. Without one, nothing is written.
        progress: called every few steps.
        device: where to train, by default a GPU if there is one.

    Returns:
        The encoder, with its last epoch's metrics in ``encoder.training``.

    Raises:
        InputError: ``out`` cannot be written to, or holds another run.
    """
    space = get_space(space) if isinstance(space, str) else space
    config = config or PretrainConfig()
    if seed is not None:
        config = replace(config, seed=seed)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = None if out is None else Path(out)
    if folder is not None and (finished := folder / "encoder.safetensors").exists():
        _claim(folder, space, config)
        return Encoder.load(finished, device, space)
    graphs = architectures(space, config) if graphs is None else graphs
    space.check(graphs)
    run = _Run(space, config, graphs, torch.device(device))
    default = 1 if config.batch_size < _ONE_THREAD_BELOW else torch.get_num_threads()
    with thread_count(config.threads or default):
        if folder is None:
            run.train(None, None, progress)
            return run.encoder()
        return _start_or_resume(run, folder, progress)


def _start_or_resume(run: _Run, folder: Path, progress: Callable[[Progress], None] | None) -> Encoder:
    require_writable(folder)
    _claim(folder, run.space, run.config)
    checkpoint = folder / "checkpoint.safetensors"
    stream = MetricsStream(folder, load_checkpoint(checkpoint, run))
    run.train(stream, checkpoint, progress)
    stream.close()
    encoder = run.encoder()
    encoder.save(folder / "encoder.safetensors")
    return encoder


def _claim(folder: Path, space: SearchSpace, config: PretrainConfig) -> None:
    claim(folder / "config.json", "run", {"space": space.reference, **asdict(config)})


class _Run:
    """A training run in progress: everything that a checkpoint holds."""

    def __init__(self, space: SearchSpace, config: PretrainConfig, graphs: GraphBatch, device: torch.device) -> None:
        self.space, self.config, self.device = space, config, device
        self.protocol = PROTOCOLS[config.protocol]
        self.training, self.held_out = split(graphs, config)
        initial = torch.Generator().manual_seed(config.seed)
        self.model = GraphAutoencoder(config.model, space.num_operations, initial).to(device)
        if self.protocol.base_rate:
            self.model.decoder.start_at_base_rate()
        self.parameters = flatten_parameters(self.model)
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam([self.parameters], lr=config.learning_rate, fused=True)
        self.noise = torch.Generator(device).manual_seed(config.seed)
        self.history: list[dict[str, Any]] = []

    @property
    def kl_weight(self) -> float:
        if self.config.kl_weight is not None:
            return self.config.kl_weight
        return 1 / (PAPER_BATCH_SIZE * self.space.num_vertices)

    def order(self, epoch: int) -> Tensor:
        """The rows of the training split in the order of this epoch."""
        draw = epoch if self.protocol.shuffle == "every epoch" else 0
        rng = np.random.default_rng([self.config.seed, 2, draw])
        return torch.from_numpy(rng.permutation(len(self.training))).to(self.device)

    def train(
        self, stream: MetricsStream | None, checkpoint: Path | None, progress: Callable[[Progress], None] | None
    ) -> None:
        """Train from wherever the run stands to its last epoch."""
        store = GraphStore(self.training, self.space.num_operations, self.device)
        for epoch in range(len(self.history), self.config.epochs):
            started = time.perf_counter()
            losses = self._epoch(epoch, store, progress)
            trained = time.perf_counter()
            measured = quality(self.encoder(), self.held_out, self._known, seed=self.config.seed)
            record = {
                "epoch": epoch + 1,
                **losses,
                **measured.to_dict(),
                "seconds_training": trained - started,
                "seconds_measuring": time.perf_counter() - trained,
            }
            self.history.append(record)
            if checkpoint is not None:
                save_checkpoint(checkpoint, self)
            if stream is not None:
                stream.write(record)

    def _epoch(self, epoch: int, store: GraphStore, progress: Callable[[Progress], None] | None) -> dict[str, float]:
        config, model = self.config, self.model
        model.train(self.protocol.training_mode == "throughout" or epoch == 0)
        parameters = self.parameters
        assert parameters.grad is not None
        steps = -(-len(store) // config.batch_size)
        totals = torch.zeros(4, device=self.device)
        for step, batch in enumerate(store.batches(config.batch_size, self.order(epoch)), start=1):
            self._set_learning_rate(epoch + (step - 1) / steps)
            losses = model.loss(batch, self.kl_weight, config.activation, self.noise)
            parameters.grad.zero_()
            losses.total.backward()  # type: ignore[no-untyped-call]
            clip_gradient(parameters, config.gradient_clip)
            self.optimizer.step()
            totals += torch.stack([term.detach() for term in losses])
            if progress is not None and (step % 20 == 0 or step == steps):
                progress(Progress(epoch + 1, config.epochs, step, steps, losses.total.item()))
        model.eval()
        names = ("loss", "loss_operations", "loss_edges", "kl")
        means = (totals / steps).tolist()
        if not np.isfinite(means[0]):
            raise FloatingPointError(f"training diverged in epoch {epoch + 1}: the loss is {means[0]}")
        return dict(zip(names, means, strict=True))

    def _set_learning_rate(self, epochs_done: float) -> None:
        if self.config.schedule == "cosine":
            progress = epochs_done / self.config.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.learning_rate * (1 + math.cos(math.pi * progress)) / 2

    @cached_property
    def _known(self) -> NDArray[np.uint64]:
        return fingerprint(self.training)

    def encoder(self) -> Encoder:
        """The model as it is now, with the prior that its training embedding gives."""
        self.model.eval()
        last = self.history[-1] if self.history else {}
        training = {"config": asdict(self.config), "last_epoch": last}
        empty = np.zeros((2, self.space.num_vertices, self.config.model.latent), dtype=np.float32)
        encoder = Encoder(self.space, self.model, self.config.model, self.protocol.pooling, empty, training)
        encoder.prior = prior_of(encoder, self.training[:_PRIOR_SAMPLE])
        return encoder


def prior_of(encoder: Encoder, graphs: GraphBatch) -> NDArray[np.float32]:
    """(2, V, latent) mean and standard deviation of the graphs' vertex means, padded vertices left out."""
    means = encoder.encode(graphs).astype(np.float64)
    present = graphs.mask[:, :, None]
    count = np.maximum(present.sum(axis=0), 1)
    mean = (means * present).sum(axis=0) / count
    variance = (np.square(means - mean) * present).sum(axis=0) / np.maximum(count - 1, 1)
    return np.stack([mean, np.sqrt(variance)]).astype(np.float32)
