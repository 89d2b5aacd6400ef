"""The graph isomorphism encoder (paper, section 3.1; Xu et al., ICLR 2019)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from arch2vec.models.layers import PosteriorHeads, linear
from arch2vec.models.present import Present, present_in


class GINLayer(nn.Module):
    """One graph isomorphism layer.

    H' = ReLU(BN(MLP((1 + eps) H + (A + A^T) H))), where the MLP is two linear
    layers with batch norm and ReLU between them, and eps is learned from 0.
    Batch norm takes its statistics over the vertices of all graphs of a batch.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(()))
        self.linear1 = linear(inputs, outputs, generator)
        self.norm1 = nn.BatchNorm1d(outputs)
        self.linear2 = linear(outputs, outputs, generator)
        self.norm2 = nn.BatchNorm1d(outputs)

    def forward(self, H: Tensor, S: Tensor, present: Present) -> Tensor:
        """Update every vertex from its neighbours.

        Args:
            H: (B, V, inputs) vertex features, zero at padded vertices.
            S: (B, V, V) the symmetrised adjacency A + A^T.
            present: which rows of H.view(B V, -1) hold a vertex.

        Returns:
            (B, V, outputs), zero at padded vertices.
        """
        B, V, _ = H.shape
        agg = present.taken(torch.baddbmm((1 + self.eps) * H, S, H).view(B * V, -1))
        inner = torch.relu(present.norm(self.norm1, self.linear1(agg)))
        out = torch.relu(present.norm(self.norm2, self.linear2(inner)))
        return present.put_back(out, B * V).view(B, V, -1)


class GINEncoder(nn.Module):
    """Graph isomorphism layers and linear heads for the parameters of q(Z | X, A).

    The paper's setting is four layers of width 128 and 16 latent dimensions,
    which it counts as a five-layer GIN {128, 128, 128, 128, 16}.

    Attributes:
        masked: how padding is left out, see :func:`arch2vec.models.present.present_in`.
    """

    masked: bool | None = None

    def __init__(
        self, operations: int, hidden: int, layers: int, latent: int, variational: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = [operations] + [hidden] * layers
        self.layers = nn.ModuleList(GINLayer(i, o, generator) for i, o in pairwise(widths))
        self.heads = PosteriorHeads(hidden, latent, variational, generator)

    def forward(self, X: Tensor, S: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The approximate posterior of every vertex.

        Args:
            X: (B, V, K) operations one-hot, zero rows at padded vertices.
            S: (B, V, V) symmetrised adjacency.
            mask: (B, V), 1 where there is a vertex; None if everywhere.

        Returns:
            Mean and log standard deviation (None unless variational), each (B, V,
            latent); what they hold at padded vertices means nothing.
        """
        present = present_in(mask, self.masked)
        H = X
        for layer in self.layers:
            H = layer(H, S, present)
        return self.heads(H)
