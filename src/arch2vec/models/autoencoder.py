"""The autoencoder that joins an encoder and the decoder, and its training loss."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from arch2vec.errors import InputError, unknown
from arch2vec.models.decoder import Decoder
from arch2vec.models.encoders import GCNEncoder, GINEncoder, GraphEncoder
from arch2vec.models.inputs import GraphTensors, Share
from arch2vec.models.layers import linear
from arch2vec.models.losses import (
    OperationActivation,
    edge_loss,
    kl_divergence,
    operation_loss,
    ranking_loss,
    target_loss,
)
from arch2vec.models.pooling import pooled, pools_of

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model; the defaults are the paper's.

    Attributes:
        name: which model, a key of :data:`MODELS`.
        hidden: width of the encoder's layers.
        layers: how many of them aggregate over neighbours.
        latent: dimensions per vertex.
        dropout: on Z before decoding, in training.
        directed: whether what a vertex reads and what reads it have weights of their own
            (:class:`arch2vec.models.encoders.GINLayer`); the paper adds the two up.
        function_graph: whether what the encoder reads, and the decoder reconstructs, is the
            graph of what an architecture computes (:mod:`arch2vec.graphs.function`)
            instead of the graph as it is written. How an architecture was written cannot be
            told from that, so the written graph is no target then.
        mask: share of the inner vertices whose operation the encoder is not shown, in
            training; they are to be reconstructed as all others.
        edge_bias: whether the decoder's edges have a bias (:class:`arch2vec.models.decoder.Decoder`);
            the paper's have none.
        predicted: numbers of an architecture that a linear head predicts from its
            vector; set by the run that knows which.
    """

    name: str = "arch2vec"
    hidden: int = 128
    layers: int = 4
    latent: int = 16
    dropout: float = 0.3
    directed: bool = False
    function_graph: bool = False
    mask: float = 0.0
    edge_bias: bool = False
    predicted: int = 0

    def __post_init__(self) -> None:
        if self.name not in MODELS:
            raise unknown("model", self.name, MODELS)
        for field, smallest in (("hidden", 1), ("layers", 1), ("latent", 1)):
            if getattr(self, field) < smallest:
                raise InputError(f"{field} must be at least {smallest}, got {getattr(self, field)}")
        for field in ("dropout", "mask"):
            if not 0 <= getattr(self, field) < 1:
                raise InputError(f"{field} must be in [0, 1), got {getattr(self, field)}")
        if self.directed and MODELS[self.name].encoder is not GINEncoder:
            raise InputError(f"{self.name} averages over neighbours and has no directed form; arch2vec has one")
        if self.predicted < 0:
            raise InputError(f"predicted must be at least 0, got {self.predicted}")


@dataclass(frozen=True)
class Family:
    """What tells the models of the pre-training study (paper, table 1) apart.

    Attributes:
        encoder: graph isomorphism or graph convolution layers.
        variational: whether Z is sampled from q(Z | X, A) in training and the KL
            divergence to the prior is part of the loss; otherwise Z is the mean.
    """

    encoder: type[GraphEncoder]
    variational: bool


MODELS: dict[str, Family] = {
    "gae": Family(GCNEncoder, variational=False),
    "vgae": Family(GCNEncoder, variational=True),
    "arch2vec-no-kl": Family(GINEncoder, variational=False),
    "arch2vec": Family(GINEncoder, variational=True),
}


class Losses(NamedTuple):
    """The terms of the loss, each a scalar; ``total`` is what is minimised."""

    total: Tensor
    operations: Tensor
    edges: Tensor
    kl: Tensor
    targets: Tensor


class GraphAutoencoder(nn.Module):
    """Encoder q(Z | X, A) and decoder p(X, A | Z).

    Args:
        config: the shape of the model.
        operations: K, the number of operations in the space's vocabulary.
        generator: of the initial weights.
        pooling: how vertices' means become the vector that a head predicts from.
    """

    def __init__(self, config: ModelConfig, operations: int, generator: torch.Generator, pooling: str = "sum") -> None:
        super().__init__()
        self.config, self.pooling = config, pooling
        family = MODELS[config.name]
        shown = operations + (config.mask > 0)  # the last one says that an operation is not shown
        shape = (shown, config.hidden, config.layers, config.latent, family.variational)
        self.encoder = family.encoder(*shape, generator, config.directed)
        self.decoder = Decoder(config.latent, operations, config.dropout, generator, config.edge_bias)
        width = len(pools_of(pooling)) * config.latent
        self.head = linear(width, config.predicted, generator) if config.predicted else None

    def encode(self, graphs: GraphTensors) -> Tensor:
        """(B, V, latent) the posterior means."""
        mean, _ = self.encoder(*self._shown(graphs, None))
        return mean

    def _shown(self, graphs: GraphTensors, hidden: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """What the encoder is given: the operations of vertices ``hidden`` (B, V, 1) are replaced by the last code."""
        X = graphs.X
        if self.config.mask > 0:
            hidden = X.new_zeros(*X.shape[:2], 1) if hidden is None else hidden
            X = torch.cat([X * (1 - hidden), hidden], dim=2)
        return X, graphs.A if self.config.directed else graphs.symmetrised, graphs.mask

    def _drawn(self, graphs: GraphTensors, generator: torch.Generator, share: Share | None) -> Tensor | None:
        """(B, V, 1) the inner vertices that are not shown in this step, None where none ever is."""
        if not (self.training and self.config.mask > 0):
            return None
        inner = ((graphs.A > 0).any(1) & (graphs.A > 0).any(2)).float()
        drawn = torch.empty_like(inner) if share is None else share.whole(inner)
        drawn.bernoulli_(self.config.mask, generator=generator)
        return (inner * (drawn if share is None else share.own(drawn, inner))).unsqueeze(2)

    def loss(
        self,
        graphs: GraphTensors,
        kl_weight: float | Tensor,
        activation: OperationActivation,
        generator: torch.Generator,
        *,
        share: Share | None = None,
        precision: Precision = "float32",
        encoder: Callable[..., tuple[Tensor, Tensor | None]] | None = None,
        target_weight: float = 1.0,
        ranked: bool = False,
    ) -> Losses:
        """The training loss of one batch.

        In training mode Z is one sample of the posterior with dropout applied; in
        evaluation mode it is the posterior mean.

        Args:
            graphs: the batch, or one process's part of it.
            kl_weight: factor of the KL divergence, a scalar on the batch's device where it changes in a recorded step.
            activation: of the operation logits.
            generator: of the noise, which is drawn for the whole batch in every process.
            share: what ``graphs`` are of the batch, None if all of it. The losses are then
                this part's summands of the batch's.
            precision: of the encoder's matrix products; with ``bfloat16`` its activations
                are as short, while weights, gradients of weights, statistics, the decoder
                and the losses stay in single precision.
            encoder: replaces the encoder by one that computes the same, a compiled one.
            target_weight: factor of the error of what the head predicts.
            ranked: whether the head's last number only has to order graphs as their last target does.
        """
        hidden = self._drawn(graphs, generator, share)
        short = torch.autocast(graphs.X.device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
        with short:
            encode = self.encoder if encoder is None else encoder
            mean, log_std = encode(*self._shown(graphs, hidden))
        mean, log_std = mean.float(), None if log_std is None else log_std.float()
        Z = mean
        if self.training and log_std is not None:
            noise = torch.empty_like(mean) if share is None else share.whole(mean)
            noise.normal_(generator=generator)
            Z = torch.addcmul(mean, log_std.exp(), noise if share is None else share.own(noise, mean))
        operation_logits, edge_logits = self.decoder(Z, generator, share)
        operations = operation_loss(operation_logits, graphs.X, graphs.mask, activation)
        there = graphs.A.clamp(max=1) if self.config.function_graph else graphs.A
        edges = edge_loss(edge_logits, there, graphs.mask)
        kl = mean.new_zeros(()) if log_std is None else kl_divergence(mean, log_std, graphs.mask)
        targets = mean.new_zeros(())
        if self.head is not None:
            if graphs.targets is None:
                raise ValueError("a model with a head learns from graphs with targets")
            # From the means, which vectors are made of, not from the sample.
            predicted = self.head(pooled(mean, graphs.mask, self.pooling))
            numbers = predicted.shape[1] - ranked
            if numbers:
                targets = target_loss(predicted[:, :numbers], graphs.targets[:, :numbers])
            if ranked:
                targets = targets + ranking_loss(predicted[:, -1], graphs.targets[:, -1])
        if share is not None:
            operations, edges, kl = operations * share.vertices, edges * share.pairs, kl * share.vertices
            targets = targets * share.own_graphs
        total = operations + edges + kl_weight * kl
        if self.head is not None:
            total = total + target_weight * targets
        return Losses(total, operations, edges, kl, targets)

    @torch.no_grad()
    def decode(self, Z: Tensor) -> tuple[Tensor, Tensor]:
        """The most probable graph: operations (B, V) uint8 and adjacency (B, V, V) bool."""
        operation_logits, edge_logits = self.decoder(Z)
        return operation_logits.argmax(-1).to(torch.uint8), (edge_logits > 0).triu(1)
