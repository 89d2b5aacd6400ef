"""The neural basis of DNGO: many small tanh networks trained at once.

The networks of R independent runs have the same shape, so one batched matrix
product serves them all. With a hundred targets, what an automatic
differentiation engine and an optimiser spend on bookkeeping outweighs the
arithmetic; here the backward pass is written out, gradients land in one flat
buffer and one fused Adam update moves all weights.

A run's weights follow from its own seed and data only. Its numbers occupy a
fixed number of whole vector registers wherever it lies in the batch, so that
each is rounded the same way in any company.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from arch2vec.common.devices import CPU
from arch2vec.common.schedules import cosine
from arch2vec.models.adam import FlatAdam
from arch2vec.surrogates.base import Seed

_ALIGN = 64  # floats; a run's parameters are padded to a multiple of this


@dataclass(frozen=True)
class BasisTraining:
    """How the basis network is trained.

    The defaults are the paper's shape and epochs, with all targets in every step:
    in searches of NAS-Bench-201 minibatches of ten, half or twice the epochs and a
    weight decay of 1e-3 all came out within the noise of 20 to 32 seeds, and full
    batches train several times faster.

    Attributes:
        width: units of each hidden layer.
        layers: hidden layers.
        epochs: passes over the data.
        batch_size: targets a step, None for all of them.
        learning_rate: of Adam at the start; it falls to zero along half a cosine.
        weight_decay: times half the squared length of all parameters, added to the loss.
    """

    width: int = 128
    layers: int = 3
    epochs: int = 100
    batch_size: int | None = None
    learning_rate: float = 0.01
    weight_decay: float = 0.0


class BasisNetwork:
    """R networks from d inputs through tanh layers to a linear output.

    Args:
        inputs: d, how many numbers describe a point.
        training: the shape, among the rest.
        seeds: one a run, of its initial weights and of the order of its data.
        device: where it computes; all that is random is drawn on the processor, the same on every device.
    """

    def __init__(self, inputs: int, training: BasisTraining, seeds: Sequence[Seed], device: torch.device = CPU) -> None:
        self.training = training
        self.generators = [np.random.default_rng(seed) for seed in seeds]
        widths = [inputs] + [training.width] * training.layers
        self._shapes = list(pairwise(widths))
        size = sum(i * o + o for i, o in self._shapes) + training.width + 1
        initial = torch.zeros(len(seeds), -(-size // _ALIGN) * _ALIGN)
        layers, output = self._views(initial)
        for run, generator in enumerate(self.generators):
            for weight, _ in (*layers, output):
                draws = generator.standard_normal(weight.shape[1:], dtype=np.float32)
                weight[run] = torch.from_numpy(draws) / math.sqrt(weight.shape[1])
        self.parameters = initial.to(device)
        self._layers, self._output = self._views(self.parameters)

    def _views(self, flat: Tensor) -> tuple[list[tuple[Tensor, Tensor]], tuple[Tensor, Tensor]]:
        """Weight (R, i, o) and bias (R, 1, o) of every layer, and of the output, as views of a flat buffer."""
        pairs, start = [], 0
        for i, o in (*self._shapes, (self.training.width, 1)):
            weight = flat[:, start : start + i * o].view(-1, i, o)
            bias = flat[:, start + i * o : start + i * o + o].view(-1, 1, o)
            pairs.append((weight, bias))
            start += i * o + o
        return pairs[:-1], pairs[-1]

    def fit(self, features: Tensor, targets: Tensor) -> None:
        """Minimise the mean squared error by Adam.

        Args:
            features: (R, n, d) float32.
            targets: (R, n) float32.
        """
        n = features.shape[1]
        batches = 1 if self.training.batch_size is None else max(1, round(n / self.training.batch_size))
        bounds = [n * batch // batches for batch in range(batches + 1)]
        gradient = torch.zeros_like(self.parameters)
        adam = FlatAdam(self.parameters)
        steps = self.training.epochs * batches
        for step in range(steps):
            if batches > 1 and step % batches == 0:
                order = torch.from_numpy(np.stack([generator.permutation(n) for generator in self.generators]))
                order = order.to(features.device)
                features = features.take_along_dim(order.unsqueeze(2), 1)
                targets = targets.take_along_dim(order, 1)
            start, stop = bounds[step % batches], bounds[step % batches + 1]
            self.gradient(features[:, start:stop], targets[:, start:stop], gradient)
            adam.step(gradient, cosine(self.training.learning_rate, step, steps))

    def gradient(self, features: Tensor, targets: Tensor, out: Tensor) -> None:
        """Write the loss's gradient with respect to :attr:`parameters` to ``out``, of the same shape.

        Args:
            features: (R, b, d) float32.
            targets: (R, b) float32.
            out: overwritten, but for the padding at the end of each run, which has no gradient.
        """
        layers, (output_weight, output_bias) = self._views(out)
        inputs = [features]  # of every layer, and of the output
        for weight, bias in self._layers:
            inputs.append(_tanh(torch.baddbmm(bias, inputs[-1], weight, beta=2, alpha=2)))
        top, (weight, bias) = inputs[-1], self._output
        row = weight.transpose(1, 2)
        # A product with one column is a sum here: the matrix library's result would depend on R.
        residual = (top * row).sum(2, keepdim=True).add_(bias).sub_(targets.unsqueeze(2))
        residual.mul_(2 / targets.shape[1])
        torch.sum(residual, 1, keepdim=True, out=output_bias)
        output_weight.copy_((top * residual).sum(1).unsqueeze(2))
        delta = residual * row  # the loss's derivative by the layer's output, then by its tanh's input
        for layer in range(len(layers) - 1, -1, -1):
            delta.addcmul_(delta, inputs[layer + 1].square(), value=-1)
            torch.bmm(inputs[layer].transpose(1, 2), delta, out=layers[layer][0])
            torch.sum(delta, 1, keepdim=True, out=layers[layer][1])
            if layer:
                delta = torch.bmm(delta, self._layers[layer][0].transpose(1, 2))
        if self.training.weight_decay:
            out.add_(self.parameters, alpha=self.training.weight_decay)

    def basis(self, run: int, points: Tensor) -> Tensor:
        """The last hidden layer of one run's network, and a one for the bias.

        Args:
            run: which of the R networks.
            points: (N, d) float32.

        Returns:
            (N, width + 1) float32.
        """
        hidden = points
        for weight, bias in self._layers:
            hidden = _tanh(torch.addmm(bias[run], hidden, weight[run], beta=2, alpha=2))
        return torch.cat([hidden, hidden.new_ones(len(points), 1)], 1)

    def bases(self, runs: Tensor, points: Tensor) -> Tensor:
        """:meth:`basis` of several runs at once, (A, N, width + 1), of points (A, N, d) of each of the runs (A,)."""
        hidden = points
        for weight, bias in self._layers:
            hidden = _tanh(torch.baddbmm(bias[runs], hidden, weight[runs], beta=2, alpha=2))
        return torch.cat([hidden, hidden.new_ones(*hidden.shape[:2], 1)], 2)


def _tanh(doubled: Tensor) -> Tensor:
    """tanh(x) from 2 x, in place, as 2 sigmoid(2 x) - 1: several times faster than PyTorch's tanh on a CPU."""
    return doubled.sigmoid_().mul_(2).sub_(1)
