"""LSTM policies over points of a latent space and their policy gradient, batched over runs.

A policy reads the point it stands at and gives the mean of a Gaussian over the
next point; its memory is the state of one LSTM layer. REINFORCE (Williams,
1992) moves its weights along

    1/T sum_t A_t grad log pi(a_t | s_1 ... s_t),   log pi = -|a_t - mean_t|^2 / (2 sigma^2) + const,

with A_t the advantages of T steps. Every tensor has a leading axis of R
independent runs, each with weights of its own: one batched product advances
all of them. A run's numbers occupy whole vector registers wherever it lies in
the batch, so that it is rounded the same way in any company.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_ALIGN = 64  # floats; a run's weights are padded to a multiple of this
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8  # Adam's


class Policies:
    """R policies, with the memory of each and the moments of its optimiser.

    Args:
        dimensions: d, of a point.
        hidden: H, units of the LSTM layer.
        seeds: one a run, of its initial weights: uniform within 1/sqrt(H), as PyTorch's are.

    Attributes:
        parameters: (R, P) float32.
        memory: (2, R, H), what the LSTM hands from step to step, zero at the start of an episode.
    """

    def __init__(self, dimensions: int, hidden: int, seeds: Sequence[int]) -> None:
        self.dimensions, self.hidden = dimensions, hidden
        gates = 4 * hidden
        self._shapes = ((dimensions, gates), (hidden, gates), (1, gates), (hidden, dimensions), (1, dimensions))
        size = sum(rows * columns for rows, columns in self._shapes)
        self.parameters = torch.zeros(len(seeds), -(-size // _ALIGN) * _ALIGN)
        bound = 1 / math.sqrt(hidden)
        for run, seed in enumerate(seeds):
            generator = torch.Generator().manual_seed(seed)
            self.parameters[run, :size].uniform_(-bound, bound, generator=generator)
        self.moments = torch.zeros(2, *self.parameters.shape)
        self.updates = torch.zeros(len(seeds), 1)
        self.memory = torch.zeros(2, len(seeds), hidden)

    def __len__(self) -> int:
        return len(self.parameters)

    @classmethod
    def gather(cls, parts: Sequence[tuple[Policies, int]]) -> Policies:
        """Copies of runs of other batches, all of the same shape, as one batch."""
        first = parts[0][0]
        gathered = cls(first.dimensions, first.hidden, [])
        gathered.parameters = torch.stack([batch.parameters[run] for batch, run in parts])
        gathered.moments = torch.stack([batch.moments[:, run] for batch, run in parts], 1)
        gathered.updates = torch.stack([batch.updates[run] for batch, run in parts])
        gathered.memory = torch.stack([batch.memory[:, run] for batch, run in parts], 1)
        return gathered

    def forget(self, runs: Sequence[int]) -> None:
        """Clear the memory of some runs: an episode begins."""
        self.memory[:, list(runs)] = 0

    def step(self, states: Tensor) -> Tensor:
        """The means (R, d) at states (R, d). The memory moves on."""
        means, self.memory = self._unroll(self.parameters, states.unsqueeze(1), self.memory)
        return means.squeeze(1)

    def update(
        self, runs: Sequence[int], states: Tensor, actions: Tensor, advantages: Tensor, sigma: float, rate: float
    ) -> Tensor:
        """One step of Adam along the policy gradient, for some of the runs.

        Args:
            runs: n of them.
            states: (n, T, d) where an episode's steps were taken from.
            actions: (n, T, d) the points drawn there.
            advantages: (n, T) how much better than the baseline each step was.
            sigma: the standard deviation that they were drawn with.
            rate: the learning rate.

        Returns:
            (n, T, d) the gradient of what is minimised with respect to the states, before the
            step: what an encoder that made the states learns from.
        """
        index = torch.tensor(runs)
        parameters = self.parameters[index]
        gradient, by_state = self.gradient(parameters, states, actions, advantages, sigma)
        first, second = self.moments[0, index], self.moments[1, index]
        first.lerp_(gradient, 1 - _BETA1)
        second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        updates = self.updates[index] + 1
        size = (second / (1 - _BETA2**updates)).sqrt_().add_(_EPS)
        parameters.addcdiv_(first / (1 - _BETA1**updates), size, value=-rate)
        self.parameters[index], self.updates[index] = parameters, updates
        self.moments[0, index], self.moments[1, index] = first, second
        return by_state

    def gradient(
        self, parameters: Tensor, states: Tensor, actions: Tensor, advantages: Tensor, sigma: float
    ) -> tuple[Tensor, Tensor]:
        """Of -1/T sum_t A_t log pi(a_t), with respect to parameters (n, P) and states (n, T, d).

        The other arguments are those of :meth:`update`. An episode starts with a clear memory.
        """
        weights, origin = parameters.detach().requires_grad_(), states.detach().requires_grad_()
        with torch.enable_grad():
            means, _ = self._unroll(weights, origin, states.new_zeros(2, len(states), self.hidden))
            squares = (actions - means).square().sum(2)
            loss = (advantages * squares).sum() / (2 * sigma**2 * states.shape[1])
            by_weight, by_state = torch.autograd.grad(loss, (weights, origin))
        return by_weight, by_state

    def _unroll(self, parameters: Tensor, states: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Means (n, T, d) along states (n, T, d) and the memory after the last."""
        weights, start = [], 0
        for rows, columns in self._shapes:
            weights.append(parameters[:, start : start + rows * columns].view(-1, rows, columns))
            start += rows * columns
        from_state, from_hidden, bias, to_mean, mean_bias = weights
        inputs = torch.baddbmm(bias, states, from_state)
        hidden, cell = memory[0].unsqueeze(1), memory[1].unsqueeze(1)
        steps = []
        for t in range(states.shape[1]):
            gates = inputs[:, t : t + 1] + torch.bmm(hidden, from_hidden)
            enter, keep, fresh, leave = gates.chunk(4, 2)
            cell = keep.sigmoid() * cell + enter.sigmoid() * fresh.tanh()
            hidden = leave.sigmoid() * cell.tanh()
            steps.append(hidden)
        means = torch.baddbmm(mean_bias, torch.cat(steps, 1), to_mean)
        return means, torch.stack([hidden.squeeze(1), cell.squeeze(1)])
