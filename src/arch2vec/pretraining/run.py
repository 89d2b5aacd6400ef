"""A pre-training run in progress: its steps, epochs and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arch2vec.common.schedules import cosine, risen
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.models.adam import FlatAdam
from arch2vec.models.autoencoder import GraphAutoencoder, Losses
from arch2vec.models.encoders import GINEncoder
from arch2vec.models.flat import clip_gradient, flatten_parameters
from arch2vec.models.inputs import GraphTensors, divided
from arch2vec.models.synced_norm import synchronise
from arch2vec.pretraining.checkpoint import save_checkpoint
from arch2vec.pretraining.data import TrainingData
from arch2vec.pretraining.log import MetricsStream
from arch2vec.pretraining.patience import goes_on, within_steps
from arch2vec.pretraining.processes import Processes
from arch2vec.pretraining.quality import quality
from arch2vec.pretraining.replay import Replayed, StepRates
from arch2vec.pretraining.settings import PAPER_BATCH_SIZE, PROTOCOLS, PretrainConfig, pooling_of
from arch2vec.spaces import SearchSpace

_AFTER = 0.1  # of the learning rate, once a schedule has come to its end


class PretrainingProgress(NamedTuple):
    """Where a run stands: step ``step`` of ``steps`` in epoch ``epoch`` (from 1) of ``epochs``."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


class PretrainingRun:
    """A training run in progress: everything that a checkpoint holds."""

    def __init__(
        self,
        space: SearchSpace,
        config: PretrainConfig,
        data: TrainingData,
        device: torch.device,
        processes: Processes | None = None,
    ) -> None:
        self.space, self.config, self.data, self.device = space, config, data, device
        self.processes = processes or Processes()
        self.protocol = PROTOCOLS[config.protocol]
        initial = torch.Generator().manual_seed(config.seed)
        self.shape = replace(config.model, predicted=data.target_count)
        self.pooling = pooling_of(config)
        self.model = GraphAutoencoder(self.shape, space.num_operations, initial, self.pooling).to(device)
        if self.protocol.base_rate:
            self.model.decoder.start_at_base_rate()
        if isinstance(self.model.encoder, GINEncoder):
            self.model.encoder.start_eps(config.eps)
        if self.processes.count > 1:
            synchronise(self.model)
        self._compiled = torch.compile(self.model.encoder, dynamic=False) if config.compile else None
        self.parameters = flatten_parameters(self.model)
        self.optimizer = FlatAdam(self.parameters, beta2=config.beta2)
        self.noise = torch.Generator(device).manual_seed(config.seed)
        self.history: list[dict[str, Any]] = []
        if config.replay and device.type != "cuda":
            raise InputError(f"steps are replayed on a GPU only, not on {str(device)!r}; leave replay out")
        self._replayed: dict[bool, Replayed] = {}  # by whether the model is in training mode

    @property
    def kl_weight(self) -> float:
        """Factor of the KL divergence."""
        if self.config.kl_weight is not None:
            return self.config.kl_weight
        return 1 / (PAPER_BATCH_SIZE * self.space.num_vertices)

    def train(
        self,
        stream: MetricsStream | None,
        checkpoint: Path | None,
        progress: Callable[[PretrainingProgress], None] | None,
    ) -> None:
        """Train from wherever the run stands to its last epoch.

        Where all is done already, as after a stop between the last epoch and what follows, nothing is.
        """
        # Only process 0 measures, so that several make the epochs they were told to make.
        steps = -(-len(self.data) // self.config.batch_size)
        epochs = self.config.epochs + self.config.after
        further = within_steps(epochs, self.config.further, steps) if self.processes.count == 1 else 0
        while goes_on(self.history, epochs, further):
            epoch = len(self.history)
            started = time.perf_counter()
            losses = self._epoch(epoch, progress)
            trained = time.perf_counter()
            record = {"epoch": epoch + 1, **losses}
            if self.processes.rank == 0:
                measured = quality(self.encoder(), self.data.held_out, self.data.known(epoch), seed=self.config.seed)
                record |= {
                    **measured.to_dict(),
                    "seconds_training": trained - started,
                    "seconds_measuring": time.perf_counter() - trained,
                }
            self.history.append(record)
            if checkpoint is not None:
                save_checkpoint(checkpoint, self)
            if stream is not None:
                stream.write(record)

    def _epoch(self, epoch: int, progress: Callable[[PretrainingProgress], None] | None) -> dict[str, float]:
        config, model = self.config, self.model
        model.train(self.protocol.training_mode == "throughout" or epoch == 0)
        parameters = self.parameters
        assert parameters.grad is not None
        steps = -(-len(self.data) // config.batch_size)
        totals = torch.zeros(len(Losses._fields), device=self.device)
        for step, batch in enumerate(self.data.batches(epoch), start=1):
            rates = self._rates_of(epoch * steps + step, config.epochs * steps)
            if config.replay and len(batch.X) == config.batch_size:
                terms = self._replay(batch, rates)
            else:
                terms = self._step(batch, rates)
            totals += terms
            if progress is not None and (step % 20 == 0 or step == steps):
                # A process has its part of the loss, which is about as large as those of the others.
                loss = terms[0].item() * self.processes.count
                progress(PretrainingProgress(epoch + 1, max(config.epochs, epoch + 1), step, steps, loss))
        model.eval()
        self.processes.sum(totals)
        self.processes.check_equal(parameters)
        names = ("loss", "loss_operations", "loss_edges", "kl", "loss_targets")
        means = (totals / steps).tolist()
        if not np.isfinite(means[0]):
            raise FloatingPointError(f"training diverged in epoch {epoch + 1}: the loss is {means[0]}")
        found = dict(zip(names, means, strict=True))
        if model.head is None:
            del found["loss_targets"]
        return found

    def _step(self, batch: GraphTensors, rates: StepRates) -> Tensor:
        """Learn from a batch; the terms of its loss, as in :class:`Losses`."""
        gradient = self.parameters.grad
        assert gradient is not None
        losses = self._losses(batch, rates.kl_weight)
        gradient.zero_()
        losses.total.backward()  # type: ignore[no-untyped-call]
        self.processes.sum(gradient)
        clip_gradient(self.parameters, self.config.gradient_clip)
        self.optimizer.step(gradient, rates.learning_rate)
        return torch.stack([term.detach() for term in losses])

    def _replay(self, batch: GraphTensors, rates: StepRates) -> Tensor:
        mode = self.model.training
        if mode not in self._replayed:
            state = [self.parameters, *self.optimizer.state_dict().values(), *self.model.buffers()]
            self._replayed[mode] = Replayed(self._step, batch, self.noise, state)
        return self._replayed[mode](batch, rates)

    def _losses(self, batch: GraphTensors, kl_weight: float | Tensor) -> Losses:
        """The batch's losses, or this process's summands of them."""
        config, share = self.config, None
        assert config.activation is not None
        # A batch of another size would be compiled for anew.
        encoder = self._compiled if len(batch.X) == config.batch_size else None
        if self.processes.count > 1:
            batch, share = divided(batch, self.processes.rank, self.processes.count)
        return self.model.loss(
            batch,
            kl_weight,
            config.activation,
            self.noise,
            share=share,
            precision=config.precision,
            encoder=encoder,
            target_weight=config.target_weight,
            ranked=self.data.ranked,
        )

    def _rates_of(self, step: int, steps: int) -> StepRates:
        """Of a step, counted from 1, of all steps."""
        config = self.config
        if config.schedule == "constant":
            return StepRates(config.learning_rate, self.kl_weight)
        if step > steps:
            return StepRates(config.learning_rate * _AFTER, self.kl_weight)
        # Rises count the step itself: with those behind it alone, the first would change nothing.
        rate = cosine(config.learning_rate, step - 1, steps) * risen(step / steps, config.warmup)
        return StepRates(rate, self.kl_weight * risen(step / steps, config.kl_warmup))

    def encoder(self) -> Encoder:
        """The model as it is now, with the prior that its training embedding gives."""
        self.model.eval()
        last = self.history[-1] if self.history else {}
        training = {"config": asdict(self.config), "last_epoch": last}
        empty = np.zeros((2, self.space.num_vertices, self.shape.latent), dtype=np.float32)
        encoder = Encoder(self.space, self.model, self.shape, self.pooling, empty, training)
        encoder.prior = prior_of(encoder, self.data.prior_sample)
        return encoder


def prior_of(encoder: Encoder, graphs: GraphBatch) -> NDArray[np.float32]:
    """(2, V, latent) mean and standard deviation of the graphs' vertex means, padded vertices left out."""
    means = encoder.encode(graphs).astype(np.float64)
    present = encoder.read(graphs).mask[:, :, None]
    count = np.maximum(present.sum(axis=0), 1)
    mean = (means * present).sum(axis=0) / count
    variance = (np.square(means - mean) * present).sum(axis=0) / np.maximum(count - 1, 1)
    return np.stack([mean, np.sqrt(variance)]).astype(np.float32)
