"""A graph isomorphism encoder that tells what a vertex reads from what reads it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from arch2vec.models.layers import PosteriorHeads, linear
from arch2vec.models.present import Present, present_in


class DirectedLayer(nn.Module):
    """One layer: H' = ReLU(BN(MLP([(1 + eps) H, A^T H, A H]))).

    What a vertex reads, along the edges, and what reads it, against them, have weights of
    their own, where the paper's layer adds the two up. Edges may have any weight.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(()))
        self.linear1 = linear(3 * inputs, outputs, generator)
        self.norm1 = nn.BatchNorm1d(outputs)
        self.linear2 = linear(outputs, outputs, generator)
        self.norm2 = nn.BatchNorm1d(outputs)

    def forward(self, H: Tensor, A: Tensor, present: Present) -> Tensor:
        """Update every vertex from those it reads and those that read it.

        Args:
            H: (B, V, inputs) vertex features, zero at padded vertices.
            A: (B, V, V) edges, from the first index to the second.
            present: which rows of H.view(B V, -1) hold a vertex.

        Returns:
            (B, V, outputs), zero at padded vertices.
        """
        B, V, _ = H.shape
        seen = torch.cat([(1 + self.eps) * H, torch.bmm(A.transpose(1, 2), H), torch.bmm(A, H)], dim=2)
        seen = present.taken(seen.view(B * V, -1))
        inner = torch.relu(present.norm(self.norm1, self.linear1(seen)))
        out = torch.relu(present.norm(self.norm2, self.linear2(inner)))
        return present.put_back(out, B * V).view(B, V, -1)


class DirectedEncoder(nn.Module):
    """As :class:`arch2vec.models.gin.GINEncoder`, of :class:`DirectedLayer`, and given A instead of A + A^T."""

    masked: bool | None = None

    def __init__(
        self, operations: int, hidden: int, layers: int, latent: int, variational: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = [operations] + [hidden] * layers
        self.layers = nn.ModuleList(DirectedLayer(i, o, generator) for i, o in pairwise(widths))
        self.heads = PosteriorHeads(hidden, latent, variational, generator)

    def forward(self, X: Tensor, A: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The approximate posterior of every vertex.

        Args:
            X: (B, V, K) operations one-hot, zero rows at padded vertices.
            A: (B, V, V) edges, from the first index to the second.
            mask: (B, V), 1 where there is a vertex; None if everywhere.

        Returns:
            Mean and log standard deviation (None unless variational), each (B, V,
            latent); what they hold at padded vertices means nothing.
        """
        present = present_in(mask, self.masked)
        H = X
        for layer in self.layers:
            H = layer(H, A, present)
        return self.heads(H)
