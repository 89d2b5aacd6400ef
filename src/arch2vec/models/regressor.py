"""The supervised counterpart of the autoencoder: an encoder and a regression of accuracy on it.

This is the model behind the paper's supervised baselines: the same encoder,
its vertex vectors pooled into one vector an architecture, tanh, and a linear
output. What an autoencoder learns from graphs alone, it learns from accuracies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from arch2vec.errors import InputError, unknown
from arch2vec.models.encoders import ENCODERS
from arch2vec.models.inputs import GraphTensors
from arch2vec.models.layers import linear
from arch2vec.models.pooling import pooled


@dataclass(frozen=True)
class RegressorConfig:
    """The shape of a regressor; the defaults are those of the paper's encoder.

    Attributes:
        encoder: a key of :data:`arch2vec.models.encoders.ENCODERS`.
        hidden: width of the encoder's layers.
        layers: how many of them aggregate over neighbours.
        latent: dimensions per vertex, and of an architecture's vector.
        pooling: how the vector is made from the vertices', padded ones left out.
    """

    encoder: str = "gin"
    hidden: int = 128
    layers: int = 4
    latent: int = 16
    pooling: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise unknown("encoder", self.encoder, ENCODERS)
        if self.pooling not in ("mean", "sum"):
            raise unknown("pooling", self.pooling, ("mean", "sum"))
        for field in ("hidden", "layers", "latent"):
            if getattr(self, field) < 1:
                raise InputError(f"{field} must be at least 1, got {getattr(self, field)}")


class Regressor(nn.Module):
    """Predicts one number an architecture: w . tanh(pool(encoder(graph))) + b."""

    def __init__(self, config: RegressorConfig, operations: int, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        kind = ENCODERS[config.encoder]
        self.encoder = kind(operations, config.hidden, config.layers, config.latent, False, generator)
        self.output = linear(config.latent, 1, generator)

    def vectors(self, graphs: GraphTensors) -> Tensor:
        """(B, latent) the architectures' vectors: the pooled vertex vectors, before tanh."""
        Z, _ = self.encoder(graphs.X, graphs.symmetrised, graphs.mask)
        return pooled(Z, graphs.mask, self.config.pooling)

    def basis(self, graphs: GraphTensors) -> Tensor:
        """(B, latent) what the output is linear in: tanh of :meth:`vectors`."""
        return torch.tanh(self.vectors(graphs))

    def forward(self, graphs: GraphTensors) -> Tensor:
        """(B,) predictions."""
        return self.output(self.basis(graphs)).squeeze(1)
