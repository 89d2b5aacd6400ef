"""Supervised encoders of several independent runs, trained side by side.

What :func:`arch2vec.pretraining.supervised.train_supervised` does for one run costs, at a few
dozen graphs a step, more in calls than in arithmetic. Runs with equally many
graphs take the same steps: here one batched product serves all of them, their
parameters lie in one tensor, and one Adam update moves them. Each run ends where
it would end alone, up to the order in which sums are rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from arch2vec.common.schedules import cosine
from arch2vec.common.threads import thread_count
from arch2vec.graphs import GraphBatch
from arch2vec.models.adam import FlatAdam
from arch2vec.models.flat import flatten_parameters
from arch2vec.models.inputs import GraphStore, GraphTensors
from arch2vec.models.losses import ranking_loss
from arch2vec.models.regressor import Regressor
from arch2vec.pretraining.supervised import (
    SupervisedConfig,
    SupervisedEncoder,
    checked_targets,
    started,
    train_supervised,
)
from arch2vec.spaces import SearchSpace

_TOGETHER = 8  # runs in a tensor: what they keep for the backward pass stays in the cache
# What a run's parameters, and the vertices and operations of its graphs, are padded to multiples of.
_ALIGN, _VERTICES, _OPERATIONS = 64, 4, 16


def train_supervised_together(
    space: SearchSpace,
    graphs: Sequence[GraphBatch],
    values: Sequence[ArrayLike],
    config: SupervisedConfig | None = None,
    seeds: Sequence[int] = (),
    start: Mapping[str, Tensor] | None = None,
) -> list[SupervisedEncoder]:
    """Learn a representation for each of R runs.

    Args:
        space: the space all graphs are of.
        graphs: R batches of the same size N, of evaluated architectures.
        values: (R, N) what they are worth, in any unit.
        config: how; encoders other than graph isomorphism networks are trained one by one.
        seeds: R of them, as for :func:`arch2vec.pretraining.supervised.train_supervised`.
        start: as there, of all runs.

    Raises:
        InputError: as there.
    """
    config = config or SupervisedConfig()
    runs = list(zip(graphs, values, seeds, strict=True))
    if config.model.encoder != "gin":
        return [train_supervised(space, some, worth, config, seed, start) for some, worth, seed in runs]
    encoders: list[SupervisedEncoder] = []
    for first in range(0, len(runs), _TOGETHER):
        encoders += _train(space, runs[first : first + _TOGETHER], config, start)
    return encoders


def _train(
    space: SearchSpace,
    runs: Sequence[tuple[GraphBatch, ArrayLike, int]],
    config: SupervisedConfig,
    start: Mapping[str, Tensor] | None,
) -> list[SupervisedEncoder]:
    scaled = [checked_targets(graphs, values) for graphs, values, _ in runs]
    generators = [torch.Generator().manual_seed(seed) for _, _, seed in runs]
    with thread_count(1):
        operations = space.num_operations
        regressors = [started(Regressor(config.model, operations, generator), start) for generator in generators]
        together = _Regressors(regressors, config)
        store = GraphStore(GraphBatch.concatenate([graphs for graphs, _, _ in runs]), space.num_operations, _CPU)
        targets = torch.from_numpy(np.stack([standard for standard, _, _ in scaled])).float()
        together.fit(store, targets, config, generators)
        together.hand_back()
    return [
        SupervisedEncoder(space, regressor, config, centre, spread)
        for regressor, (_, centre, spread) in zip(regressors, scaled, strict=True)
    ]


_CPU = torch.device("cpu")


class _Regressors:
    """R regressors of one shape as one, their parameters the rows of one tensor."""

    def __init__(self, regressors: Sequence[Regressor], config: SupervisedConfig) -> None:
        self._regressors = regressors
        self._layers, self._pooling = config.model.layers, config.model.pooling
        own = [flatten_parameters(regressor) for regressor in regressors]
        self._size = len(own[0])
        self.parameters = nn.Parameter(torch.zeros(len(own), -(-self._size // _ALIGN) * _ALIGN))
        self.parameters.data[:, : self._size] = torch.stack([flat.data for flat in own])
        self.parameters.grad = torch.zeros_like(self.parameters)
        self._own = own
        self._leaves = self._views(self.parameters.data)
        self._gradients = list(self._views(self.parameters.grad).values())
        for leaf in self._leaves.values():
            leaf.requires_grad_()
        norms = [name for name, module in regressors[0].named_modules() if isinstance(module, nn.BatchNorm1d)]
        self._norms = {name: _Norm(regressors, name) for name in norms}

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        """Every parameter by its name, with a first axis of runs, as views of a flat tensor."""
        views, start = {}, 0
        for name, parameter in self._regressors[0].named_parameters():
            stop = start + parameter.numel()
            views[name] = flat[:, start:stop].view(len(flat), *parameter.shape)
            start = stop
        return views

    def fit(
        self, store: GraphStore, targets: Tensor, config: SupervisedConfig, generators: Sequence[torch.Generator]
    ) -> None:
        """Minimise every run's loss: targets (R, n), graphs of run r the rows r n to (r + 1) n."""
        runs, n = targets.shape
        batches = 1 if config.batch_size is None else -(-n // config.batch_size)
        bounds = [n * batch // batches for batch in range(batches + 1)]
        adam = FlatAdam(self.parameters, weight_decay=config.weight_decay)
        X, S, present = _aligned(store.expand(slice(None)))
        offsets = n * torch.arange(runs).unsqueeze(1)
        gradient = cast("Tensor", self.parameters.grad)
        steps = config.epochs * batches
        for step in range(steps):
            if step % batches == 0:
                order = torch.stack([torch.randperm(n, generator=generator) for generator in generators]) + offsets
            rows = order[:, bounds[step % batches] : bounds[step % batches + 1]]
            predicted = self._predict(X[rows], S[rows], None if present is None else present[rows])
            wanted = targets.flatten()[rows]
            if config.loss == "ranking":
                loss = runs * ranking_loss(predicted, wanted)
            else:
                loss = (predicted - wanted).square().mean(1).sum()
            found = torch.autograd.grad(loss, list(self._leaves.values()))
            torch._foreach_copy_(self._gradients, found)
            norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            gradient.mul_((config.gradient_clip / (norm + 1e-6)).clamp_(max=1.0))
            adam.step(gradient, cosine(config.learning_rate, step, steps))

    def _predict(self, X: Tensor, S: Tensor, mask: Tensor | None) -> Tensor:
        """(R, b) predictions of X (R, b, V, K), S (R, b, V, V) and mask (R, b, V), in training mode."""
        runs, b, v, _ = X.shape
        H, S = X.flatten(0, 1), S.flatten(0, 1)
        present = None if mask is None else mask.view(runs, b * v, 1)
        for layer in range(self._layers):
            prefix = f"encoder.layers.{layer}."
            weight = (1 + self._leaves[prefix + "eps"]).repeat_interleave(b).view(-1, 1, 1)
            M = torch.baddbmm(weight * H, S, H).view(runs, b * v, -1)
            for number in (1, 2):
                M = self._linear(f"{prefix}linear{number}", M)
                M = self._normalised(f"{prefix}norm{number}", M, present)
            H = M.view(runs * b, v, -1)
        Z = self._linear("encoder.heads.mean", H.view(runs, b * v, -1))
        if present is not None:
            Z = Z * present
        pooled = Z.view(runs, b, v, -1).sum(2)
        if self._pooling == "mean":
            pooled = pooled / (v if mask is None else mask.sum(2, keepdim=True))
        # A product with one column is a sum here: the matrix library's result would depend on R.
        return (torch.tanh(pooled) * self._leaves["output.weight"]).sum(2) + self._leaves["output.bias"]

    def _linear(self, name: str, rows: Tensor) -> Tensor:
        weight, bias = self._leaves[name + ".weight"], self._leaves[name + ".bias"]
        if (more := rows.shape[2] - weight.shape[2]) > 0:  # operations that there are none of
            weight = nn.functional.pad(weight, (0, more))
        return torch.baddbmm(bias.unsqueeze(1), rows, weight.transpose(1, 2))

    def _normalised(self, name: str, rows: Tensor, present: Tensor | None) -> Tensor:
        norm = self._norms[name]
        output, mean, variance = _NormRelu.apply(  # type: ignore[no-untyped-call]
            rows,
            self._leaves[name + ".weight"].unsqueeze(1),
            self._leaves[name + ".bias"].unsqueeze(1),
            present,
            norm.eps,
        )
        norm.track(mean, variance, rows.shape[1] if present is None else present.sum(1))
        return cast("Tensor", output)

    def hand_back(self) -> None:
        """Give every regressor its parameters and statistics."""
        for run, flat in enumerate(self._own):
            flat.data.copy_(self.parameters.data[run, : self._size])
        for norm in self._norms.values():
            norm.hand_back()


def _aligned(graphs: GraphTensors) -> tuple[Tensor, Tensor, Tensor | None]:
    """X, the symmetrised adjacency and the mask, padded so that every run's numbers start at a whole vector register.

    A matrix library may sum in another order where they do not.
    """
    _, v, k = graphs.X.shape
    vertices, operations = -v % _VERTICES, -k % _OPERATIONS
    X = nn.functional.pad(graphs.X, (0, operations, 0, vertices))
    S = nn.functional.pad(graphs.symmetrised, (0, vertices, 0, vertices))
    if graphs.mask is None and not vertices:
        return X, S, None
    mask = graphs.X.new_ones(graphs.X.shape[:2]) if graphs.mask is None else graphs.mask
    return X, S, nn.functional.pad(mask, (0, vertices))


class _Norm:
    """The running statistics of one batch norm of R regressors."""

    def __init__(self, regressors: Iterable[Regressor], name: str) -> None:
        self._modules = [cast("nn.BatchNorm1d", regressor.get_submodule(name)) for regressor in regressors]
        self._momentum, self.eps = cast("float", self._modules[0].momentum), self._modules[0].eps
        self._mean = torch.stack([cast("Tensor", module.running_mean) for module in self._modules])
        self._variance = torch.stack([cast("Tensor", module.running_var) for module in self._modules])
        self._batches = 0

    def track(self, mean: Tensor, variance: Tensor, count: Tensor | int) -> None:
        """Take in a batch's means and variances, each (R, 1, c), of so many rows; the unbiased variance is kept."""
        self._mean.lerp_(mean.squeeze(1), self._momentum)
        self._variance.lerp_((variance.squeeze(1) * (count / (count - 1))), self._momentum)
        self._batches += 1

    def hand_back(self) -> None:
        for module, mean, variance in zip(self._modules, self._mean, self._variance, strict=True):
            cast("Tensor", module.running_mean).copy_(mean)
            cast("Tensor", module.running_var).copy_(variance)
            cast("Tensor", module.num_batches_tracked).fill_(self._batches)


class _NormRelu(torch.autograd.Function):
    """ReLU of batch norm over the present rows (R, M, c) of each run; zero where none is present."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, present: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        count = rows.shape[1] if present is None else present.sum(1, keepdim=True)
        mean = (rows if present is None else rows * present).sum(1, keepdim=True) / count
        normal = rows - mean
        if present is not None:
            normal.mul_(present)
        variance = normal.square().sum(1, keepdim=True) / count
        scale = (variance + eps).rsqrt()
        normal.mul_(scale)
        output = torch.addcmul(bias, normal, weight).clamp_min_(0)
        if present is not None:
            output.mul_(present)
        ctx.save_for_backward(normal, output, weight * scale)
        ctx.present, ctx.count = present, count
        ctx.mark_non_differentiable(mean, variance)
        return output, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        normal, output, scale = ctx.saved_tensors
        above = gradients[0] * (output > 0)
        bias = above.sum(1, keepdim=True)
        weight = (above * normal).sum(1, keepdim=True)
        rows = above.sub_(bias / ctx.count).addcmul_(normal, weight / ctx.count, value=-1).mul_(scale)
        if ctx.present is not None:
            rows.mul_(ctx.present)
        return rows, weight, bias, None, None
