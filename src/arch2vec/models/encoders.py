"""The encoders: graph isomorphism layers of the paper, with directions on request, and graph convolutions.

All have the same shape: layers that update every vertex from its neighbours, then linear heads for the
parameters of q(Z | X, A). Batch norm takes its statistics over the vertices of all graphs of a batch; padded
vertices stay out of them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from arch2vec.models.layers import PosteriorHeads, linear
from arch2vec.models.present import Present, present_in


class GINLayer(nn.Module):
    """One graph isomorphism layer (paper, section 3.1; Xu et al., ICLR 2019).

    H' = ReLU(BN(MLP((1 + eps) H + (A + A^T) H))), where the MLP is two linear
    layers with batch norm and ReLU between them, and eps is learned from 0, or from
    wherever :meth:`GINEncoder.start_eps` puts it.

    With ``directed`` the MLP is given [(1 + eps) H, A^T H, A H] side by side: what a
    vertex reads, along the edges, and what reads it, against them, have weights of their own.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator, directed: bool = False) -> None:
        super().__init__()
        self.directed = directed
        self.eps = nn.Parameter(torch.zeros(()))
        self.linear1 = linear(3 * inputs if directed else inputs, outputs, generator)
        self.norm1 = nn.BatchNorm1d(outputs)
        self.linear2 = linear(outputs, outputs, generator)
        self.norm2 = nn.BatchNorm1d(outputs)

    def forward(
        self, H: Float[Tensor, "B V inputs"], S: Float[Tensor, "B V V"], present: Present
    ) -> Float[Tensor, "B V outputs"]:
        """Update every vertex from its neighbours.

        Args:
            H: (B, V, inputs) vertex features, zero at padded vertices.
            S: (B, V, V) the symmetrised adjacency A + A^T, or A if directed; edges may have any weight.
            present: which rows of H.view(B V, -1) hold a vertex.

        Returns:
            (B, V, outputs), zero at padded vertices.
        """
        B, V, _ = H.shape
        if self.directed:
            seen = torch.cat([(1 + self.eps) * H, torch.bmm(S.transpose(1, 2), H), torch.bmm(S, H)], dim=2)
        else:
            # One product of small matrices instead of passes over the wide features, forwards and backwards.
            seen = torch.bmm(S + (1 + self.eps) * torch.eye(V, dtype=S.dtype, device=S.device), H)
        inner = torch.relu_(present.norm(self.norm1, self.linear1(present.taken(seen.view(B * V, -1)))))
        out = torch.relu_(present.norm(self.norm2, self.linear2(inner)))
        return present.put_back(out, B * V).view(B, V, -1)


class GCNLayer(nn.Module):
    """One graph convolution: H' = ReLU(BN(N H W + b)), N the normalised adjacency with self-loops.

    Kipf and Welling (2016) have no batch norm. N averages a vertex with most of so small a
    graph, so that after four layers vertices differ by little, and without batch norm
    to bring that back to scale the operations of a cell are hardly learned at all: 59 %
    of them and 0.0 % of whole graphs on NAS-Bench-101, with it 83 % and 5.7 % (60,000
    cells, 4 epochs, seed 0, protocol ``release``).
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = linear(inputs, outputs, generator)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(
        self, H: Float[Tensor, "B V inputs"], N: Float[Tensor, "B V V"], present: Present
    ) -> Float[Tensor, "B V outputs"]:
        """Average every vertex with its neighbours: H as for :class:`GINLayer`, N (B, V, V) of :func:`normalised`."""
        B, V, _ = H.shape
        out = present.taken(torch.bmm(N, self.linear(H)).view(B * V, -1))
        return present.put_back(torch.relu(present.norm(self.norm, out)), B * V).view(B, V, -1)


class GraphEncoder(nn.Module):
    """What encoders have in common: layers, and heads for the parameters of q(Z | X, A).

    Args:
        operations: K, the number of operations in the space's vocabulary.
        hidden: width of the layers.
        layers: how many there are.
        latent: dimensions of Z.
        variational: whether there is a head for the standard deviation.
        generator: of the initial weights.
        directed: whether the adjacency that the encoder is given is A, and messages along
            and against the edges have weights of their own; else it is A + A^T.

    Attributes:
        masked: how padding is left out, see :func:`arch2vec.models.present.present_in`.
    """

    masked: bool | None = None
    layer: ClassVar[type[GINLayer | GCNLayer]]

    def __init__(
        self,
        operations: int,
        hidden: int,
        layers: int,
        latent: int,
        variational: bool,
        generator: torch.Generator,
        directed: bool = False,
    ) -> None:
        super().__init__()
        widths = [operations] + [hidden] * layers
        settings = {"directed": True} if directed else {}
        self.layers = nn.ModuleList(self.layer(i, o, generator, **settings) for i, o in pairwise(widths))
        self.heads = PosteriorHeads(hidden, latent, variational, generator)

    def forward(
        self, X: Float[Tensor, "B V K"], S: Float[Tensor, "B V V"], mask: Float[Tensor, "B V"] | None = None
    ) -> tuple[Float[Tensor, "B V latent"], Float[Tensor, "B V latent"] | None]:
        """The approximate posterior of every vertex.

        Args:
            X: (B, V, K) operations one-hot, zero rows at padded vertices.
            S: (B, V, V) symmetrised adjacency, or A if directed.
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


class GINEncoder(GraphEncoder):
    """Graph isomorphism layers and heads.

    The paper's setting is four layers of width 128 and 16 latent dimensions,
    which it counts as a five-layer GIN {128, 128, 128, 128, 16}.
    """

    layer = GINLayer

    @torch.no_grad()
    def start_eps(self, eps: float) -> None:
        """Let a vertex count ``eps`` more than each of its neighbours in every layer.

        From 0 on, a vertex that holds one operation and has a neighbour with another is the same to
        the first layer as one with the two exchanged, so that operations are told apart from what lies farther off,
        and late.
        """
        for layer in self.layers:
            assert isinstance(layer, GINLayer)
            layer.eps.fill_(eps)


class GCNEncoder(GraphEncoder):
    """Graph convolutions, the last of which give the parameters, as in the GAE and VGAE of Kipf and Welling (2016).

    As deep and as wide as :class:`GINEncoder`: {128, 128, 128, 128, 16} in the pre-training study.
    """

    layer = GCNLayer

    def forward(
        self, X: Float[Tensor, "B V K"], S: Float[Tensor, "B V V"], mask: Float[Tensor, "B V"] | None = None
    ) -> tuple[Float[Tensor, "B V latent"], Float[Tensor, "B V latent"] | None]:
        """As :meth:`GraphEncoder.forward`."""
        N = normalised(S, mask)
        present = present_in(mask, self.masked)
        H = X
        for layer in self.layers:
            H = layer(H, N, present)
        return self.heads(torch.bmm(N, H))


def normalised(S: Float[Tensor, "B V V"], mask: Float[Tensor, "B V"] | None) -> Float[Tensor, "B V V"]:
    """(B, V, V) D^(-1/2) (S + I) D^(-1/2); rows and columns of padded vertices are zero."""
    present = S.new_ones(S.shape[:2]) if mask is None else mask
    looped = S + torch.diag_embed(present)
    scale = looped.sum(-1).clamp(min=1).rsqrt() * present
    return scale.unsqueeze(2) * looped * scale.unsqueeze(1)


ENCODERS: dict[str, type[GraphEncoder]] = {"gin": GINEncoder, "gcn": GCNEncoder}
"""The encoders by their names."""
