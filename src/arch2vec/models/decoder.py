"""The decoder: edges from inner products, operations from a linear layer (paper, section 3.2)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from arch2vec.models.inputs import Share
from arch2vec.models.layers import linear


class Decoder(nn.Module):
    """p(A | Z) and p(X | Z), vertex by vertex and pair by pair.

    Edges: P(A_ij = 1) = sigmoid(z_i . z_j + c) for i < j, where c is 0 (paper) unless
    ``edge_bias`` is asked for. Many vectors cannot all have negative products, so that
    without it graphs of many vertices and few edges are out of reach. Operations: the
    activation (see :mod:`arch2vec.models.losses`) of W z_i + b. In training, dropout is
    applied to Z before both.
    """

    def __init__(
        self, latent: int, operations: int, dropout: float, generator: torch.Generator, edge_bias: bool = False
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.operations = linear(latent, operations, generator)
        self.edge_bias = nn.Parameter(torch.zeros(())) if edge_bias else None

    @torch.no_grad()
    def start_at_base_rate(self) -> None:
        """Set b so that each of the K operations starts with probability 1 / K under a sigmoid.

        From b near 0 the first thing that training finds is to lower all logits
        through the mean of Z, and noise then keeps operations from being told
        apart for anything between one and fifteen epochs, depending on the seed.
        """
        self.operations.bias.fill_(-math.log(max(1, self.operations.out_features - 1)))

    def forward(
        self, Z: Float[Tensor, "B V latent"], generator: torch.Generator | None = None, share: Share | None = None
    ) -> tuple[Float[Tensor, "B V K"], Float[Tensor, "B V V"]]:
        """Logits of operations and edges.

        Args:
            Z: (B, V, latent).
            generator: where dropout is drawn from, in training mode.
            share: what Z is of the batch that dropout is drawn for, None if all of it.

        Returns:
            Operation logits (B, V, K) and edge logits (B, V, V); of the latter only
            the strict upper triangle has a meaning.
        """
        if self.training and self.dropout > 0:
            keep = torch.empty_like(Z) if share is None else share.whole(Z)
            keep.bernoulli_(1 - self.dropout, generator=generator)
            keep = keep if share is None else share.own(keep, Z)
            Z = Z * keep.div_(1 - self.dropout)
        edges = torch.bmm(Z, Z.transpose(1, 2))
        return self.operations(Z), edges if self.edge_bias is None else edges + self.edge_bias
