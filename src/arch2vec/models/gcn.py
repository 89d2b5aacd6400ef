"""The graph-convolution encoder of the GAE and VGAE baselines (Kipf and Welling, 2016)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from arch2vec.models.layers import PosteriorHeads, linear
from arch2vec.models.present import Present, present_in


class GCNLayer(nn.Module):
    """One graph convolution: H' = ReLU(BN(N H W + b)), N the normalised adjacency with self-loops.

    Kipf and Welling have no batch norm. N averages a vertex with most of so small a
    graph, so that after four layers vertices differ by little, and without batch norm
    to bring that back to scale the operations of a cell are hardly learned at all: 59 %
    of them and 0.0 % of whole graphs on NAS-Bench-101, with it 83 % and 5.7 % (60,000
    cells, 4 epochs, seed 0, protocol ``release``).
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = linear(inputs, outputs, generator)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, H: Tensor, N: Tensor, present: Present) -> Tensor:
        """Average every vertex with its neighbours.

        Args:
            H: (B, V, inputs) vertex features.
            N: (B, V, V), see :func:`normalised`.
            present: which rows of H.view(B V, -1) hold a vertex.

        Returns:
            (B, V, outputs), zero at padded vertices.
        """
        B, V, _ = H.shape
        out = present.taken(torch.bmm(N, self.linear(H)).view(B * V, -1))
        return present.put_back(torch.relu(present.norm(self.norm, out)), B * V).view(B, V, -1)


class GCNEncoder(nn.Module):
    """Graph convolutions, the last of which give the parameters of q(Z | X, A).

    As deep and as wide as :class:`arch2vec.models.gin.GINEncoder`: {128, 128, 128,
    128, 16} in the pre-training study.

    Attributes:
        masked: how padding is left out, see :func:`arch2vec.models.present.present_in`.
    """

    masked: bool | None = None

    def __init__(
        self, operations: int, hidden: int, layers: int, latent: int, variational: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = [operations] + [hidden] * layers
        self.layers = nn.ModuleList(GCNLayer(i, o, generator) for i, o in pairwise(widths))
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
        N = normalised(S, mask)
        present = present_in(mask, self.masked)
        H = X
        for layer in self.layers:
            H = layer(H, N, present)
        return self.heads(torch.bmm(N, H))


def normalised(S: Tensor, mask: Tensor | None) -> Tensor:
    """(B, V, V) D^(-1/2) (S + I) D^(-1/2); rows and columns of padded vertices are zero."""
    present = S.new_ones(S.shape[:2]) if mask is None else mask
    looped = S + torch.diag_embed(present)
    scale = looped.sum(-1).clamp(min=1).rsqrt() * present
    return scale.unsqueeze(2) * looped * scale.unsqueeze(1)
