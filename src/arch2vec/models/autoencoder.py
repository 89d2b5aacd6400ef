"""The autoencoder that joins an encoder and the decoder, and its training loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from arch2vec.errors import InputError, unknown
from arch2vec.models.decoder import Decoder
from arch2vec.models.gcn import GCNEncoder
from arch2vec.models.gin import GINEncoder
from arch2vec.models.inputs import GraphTensors, Share
from arch2vec.models.losses import OperationActivation, edge_loss, kl_divergence, operation_loss

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
    """

    name: str = "arch2vec"
    hidden: int = 128
    layers: int = 4
    latent: int = 16
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if self.name not in MODELS:
            raise unknown("model", self.name, MODELS)
        for field, smallest in (("hidden", 1), ("layers", 1), ("latent", 1)):
            if getattr(self, field) < smallest:
                raise InputError(f"{field} must be at least {smallest}, got {getattr(self, field)}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), got {self.dropout}")


@dataclass(frozen=True)
class Family:
    """What tells the models of the pre-training study (paper, table 1) apart.

    Attributes:
        encoder: graph isomorphism or graph convolution layers.
        variational: whether Z is sampled from q(Z | X, A) in training and the KL
            divergence to the prior is part of the loss; otherwise Z is the mean.
    """

    encoder: type[GINEncoder | GCNEncoder]
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


class GraphAutoencoder(nn.Module):
    """Encoder q(Z | X, A) and decoder p(X, A | Z)."""

    def __init__(self, config: ModelConfig, operations: int, generator: torch.Generator) -> None:
        super().__init__()
        family = MODELS[config.name]
        self.encoder = family.encoder(
            operations, config.hidden, config.layers, config.latent, family.variational, generator
        )
        self.decoder = Decoder(config.latent, operations, config.dropout, generator)

    def encode(self, graphs: GraphTensors) -> Tensor:
        """(B, V, latent) the posterior means."""
        mean, _ = self.encoder(graphs.X, graphs.symmetrised, graphs.mask)
        return mean

    def loss(
        self,
        graphs: GraphTensors,
        kl_weight: float,
        activation: OperationActivation,
        generator: torch.Generator,
        *,
        share: Share | None = None,
        precision: Precision = "float32",
        encoder: Callable[..., tuple[Tensor, Tensor | None]] | None = None,
    ) -> Losses:
        """The training loss of one batch.

        In training mode Z is one sample of the posterior with dropout applied; in
        evaluation mode it is the posterior mean.

        Args:
            graphs: the batch, or one process's part of it.
            kl_weight: factor of the KL divergence.
            activation: of the operation logits.
            generator: of the noise, which is drawn for the whole batch in every process.
            share: what ``graphs`` are of the batch, None if all of it. The losses are then
                this part's summands of the batch's.
            precision: of the encoder's matrix products; with ``bfloat16`` its activations
                are as short, while weights, gradients of weights, statistics, the decoder
                and the losses stay in single precision.
            encoder: replaces the encoder by one that computes the same, a compiled one.
        """
        with torch.autocast(graphs.X.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            encode = self.encoder if encoder is None else encoder
            mean, log_std = encode(graphs.X, graphs.symmetrised, graphs.mask)
        mean, log_std = mean.float(), None if log_std is None else log_std.float()
        Z = mean
        if self.training and log_std is not None:
            noise = torch.empty_like(mean) if share is None else share.whole(mean)
            noise.normal_(generator=generator)
            Z = torch.addcmul(mean, log_std.exp(), noise if share is None else share.own(noise, mean))
        operation_logits, edge_logits = self.decoder(Z, generator, share)
        operations = operation_loss(operation_logits, graphs.X, graphs.mask, activation)
        edges = edge_loss(edge_logits, graphs.A, graphs.mask)
        kl = mean.new_zeros(()) if log_std is None else kl_divergence(mean, log_std, graphs.mask)
        if share is not None:
            operations, edges, kl = operations * share.vertices, edges * share.pairs, kl * share.vertices
        return Losses(operations + edges + kl_weight * kl, operations, edges, kl)

    @torch.no_grad()
    def decode(self, Z: Tensor) -> tuple[Tensor, Tensor]:
        """The most probable graph: operations (B, V) uint8 and adjacency (B, V, V) bool."""
        operation_logits, edge_logits = self.decoder(Z)
        return operation_logits.argmax(-1).to(torch.uint8), (edge_logits > 0).triu(1)
