"""Batch norm whose statistics are those of a batch that several processes share.

With statistics of their own parts, the processes would train another model than
one process does, and a different one for every number of them. Two small
messages a layer and step avoid that: means and variances on the way forward,
and the two sums of the gradient on the way back.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from typing_extensions import override

from arch2vec.models.encoders import GraphEncoder


class SyncedBatchNorm(nn.BatchNorm1d):
    """:class:`torch.nn.BatchNorm1d` over the rows of all processes; in evaluation mode it is just that."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        out, mean, variance, rows = _Normalise.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, self.eps
        )
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (rows / (rows - 1)), self.momentum)
        return out


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over the rows of all processes."""

    @staticmethod
    @override
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        exact = x.float()
        variance, mean = torch.var_mean(exact, dim=0, correction=0)
        own = torch.cat([mean, variance, mean.new_full((1,), len(x))])
        gathered = own.new_empty(dist.get_world_size(), len(own))
        dist.all_gather(list(gathered.unbind()), own)
        means, variances, counts = gathered[:, : len(mean)], gathered[:, len(mean) : -1], gathered[:, -1:]
        rows = counts.sum()
        mean = (means * counts).sum(0) / rows
        variance = ((variances + (means - mean).square()) * counts).sum(0) / rows
        scale = (variance + eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, scale, rows)
        out = (exact - mean) * (scale * weight) + bias
        ctx.mark_non_differentiable(mean, variance, rows)
        return out.to(x.dtype), mean, variance, rows

    @staticmethod
    @override
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, scale, rows = ctx.saved_tensors
        gradient = gradients[0].float()
        normal = (x.float() - mean) * scale
        for_bias, for_weight = gradient.sum(0), (gradient * normal).sum(0)
        sums = torch.stack([for_bias, for_weight])
        dist.all_reduce(sums)
        centred = gradient - sums[0] / rows - normal * (sums[1] / rows)
        return (centred * (scale * weight)).to(x.dtype), for_weight, for_bias, None


def synchronise(model: nn.Module) -> None:
    """Turn every batch norm of ``model`` into one over all processes; its parameters stay where they are.

    Its layers then list the vertices of each process's part, which the statistics are gathered from.
    """
    for module in model.modules():
        if isinstance(module, GraphEncoder):
            module.masked = False
        if type(module) is nn.BatchNorm1d:
            module.__class__ = SyncedBatchNorm
