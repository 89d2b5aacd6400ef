"""The graph-convolution encoder of the GAE and VGAE baselines (Kipf and Welling, 2016)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from arch2vec.models.layers import PosteriorHeads, linear


class GCNEncoder(nn.Module):
    """Graph convolutions, the last of which give the parameters of q(Z | X, A).

    H' = ReLU(N H W + b) with N = D^(-1/2) (A + A^T + I) D^(-1/2), D the degrees of
    A + A^T + I. As deep and as wide as :class:`arch2vec.models.gin.GINEncoder`:
    {128, 128, 128, 128, 16} in the pre-training study.
    """

    def __init__(
        self, operations: int, hidden: int, layers: int, latent: int, variational: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = [operations] + [hidden] * layers
        self.layers = nn.ModuleList(linear(i, o, generator) for i, o in pairwise(widths))
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
        H = X
        for layer in self.layers:
            H = torch.relu(torch.bmm(N, layer(H)))
        return self.heads(torch.bmm(N, H))


def normalised(S: Tensor, mask: Tensor | None) -> Tensor:
    """(B, V, V) D^(-1/2) (S + I) D^(-1/2); rows and columns of padded vertices are zero."""
    present = S.new_ones(S.shape[:2]) if mask is None else mask
    looped = S + torch.diag_embed(present)
    scale = looped.sum(-1).clamp(min=1).rsqrt() * present
    return scale.unsqueeze(2) * looped * scale.unsqueeze(1)
