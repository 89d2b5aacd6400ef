"""Which rows of a batch's vertices are vertices and which are padding, and batch norm over the former.

Layers treat the (B V, width) rows of a batch alike, but padded vertices must stay out of batch norm's
statistics and be zero afterwards. There are two ways to the same numbers:

- the rows that hold a vertex are *listed* and taken out. Nothing is computed in vain, but how many
  there are has to be known first: a GPU is waited for in every step, and shapes change from batch to batch;
- all rows are computed and *masked*. Shapes never change, nothing is waited for, so that a step can be
  compiled, or recorded once and replayed.

Sums are taken in another order, so that the last bits differ. A processor lists, a GPU masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

_SINGLE = 4  # bytes of the shortest numbers that statistics are taken in


@runtime_checkable
class Present(Protocol):
    """Where there are vertices among R rows."""

    def taken(self, x: Tensor) -> Tensor:
        """The rows (R, width) to compute with."""

    def norm(self, norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
        """Batch norm of rows that were taken."""

    def put_back(self, x: Tensor, rows: int) -> Tensor:
        """All R rows, zero where there is no vertex."""


class Everywhere:
    """Every row holds a vertex."""

    def taken(self, x: Tensor) -> Tensor:
        """All rows."""
        return x

    def norm(self, norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
        """Batch norm as it is."""
        normed: Tensor = norm(x)
        return normed

    def put_back(self, x: Tensor, rows: int) -> Tensor:  # noqa: ARG002
        """The same rows."""
        return x


@dataclass(frozen=True)
class Listed(Everywhere):
    """The rows that hold a vertex, ascending."""

    rows: Tensor

    def taken(self, x: Tensor) -> Tensor:
        """These rows."""
        return x.index_select(0, self.rows)

    def put_back(self, x: Tensor, rows: int) -> Tensor:
        """All rows, zero at the others."""
        return x.new_zeros(rows, x.shape[1]).index_copy(0, self.rows, x)


@dataclass(frozen=True)
class Masked(Everywhere):
    """(R, 1) one where a row holds a vertex, else zero, and (,) how many do."""

    mask: Tensor
    count: Tensor

    def norm(self, norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
        """Batch norm with the statistics of the rows that hold a vertex."""
        if not norm.training:
            return super().norm(norm, x)
        exact = x.float() if x.dtype.itemsize < _SINGLE else x
        mean = (exact * self.mask).sum(0) / self.count
        centred = (exact - mean) * self.mask
        variance = centred.square().sum(0) / self.count
        with torch.no_grad():
            assert norm.running_mean is not None
            assert norm.running_var is not None
            assert norm.num_batches_tracked is not None
            assert norm.momentum is not None
            norm.num_batches_tracked += 1
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(variance * (self.count / (self.count - 1)), norm.momentum)
        return (centred * ((variance + norm.eps).rsqrt() * norm.weight) + norm.bias).to(x.dtype)

    def put_back(self, x: Tensor, rows: int) -> Tensor:  # noqa: ARG002
        """All rows, zero at the others."""
        return x * self.mask.to(x.dtype)


def present_in(mask: Tensor | None, masked: bool | None = None) -> Present:
    """Where there are vertices in a batch.

    Args:
        mask: (B, V), 1 where there is a vertex; None if everywhere.
        masked: whether padded rows are computed too; None for what suits the mask's device.
    """
    if mask is None:
        return Everywhere()
    if masked is None:
        masked = mask.device.type != "cpu"
    flat = mask.flatten()
    return Masked(flat.unsqueeze(1), flat.sum()) if masked else Listed(flat.nonzero().squeeze(1))
