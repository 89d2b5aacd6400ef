"""Adam for one flat tensor, without the two seconds that an optimiser of PyTorch takes to start.

The first step of any ``torch.optim.Optimizer`` imports PyTorch's compiler, which takes longer than a whole
search by Bayesian optimisation. The update is the same fused kernel, and the same to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.adamw import adamw

_BETA1, _EPS = 0.9, 1e-8


class FlatAdam:
    """Adam (Kingma and Ba, ICLR 2015), with decoupled weight decay (Loshchilov and Hutter, ICLR 2019) if asked for.

    Args:
        parameters: of any shape, changed in place.
        weight_decay: share of a parameter that a step of learning rate 1 takes away.
        beta2: share of the mean of squared gradients that a step keeps.
    """

    def __init__(self, parameters: Tensor, *, weight_decay: float = 0.0, beta2: float = 0.999) -> None:
        self._parameters, self._weight_decay, self._beta2 = parameters, weight_decay, beta2
        self._mean, self._square = torch.zeros_like(parameters), torch.zeros_like(parameters)
        self._steps = torch.zeros((), device=parameters.device)

    def state_dict(self) -> dict[str, Tensor]:
        """What a later run needs to go on, by PyTorch's names; not copied."""
        return {"step": self._steps, "exp_avg": self._mean, "exp_avg_sq": self._square}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state.

        Raises:
            KeyError: a part of it is missing.
            ValueError: a part is of another size.
        """
        for name, own in self.state_dict().items():
            if state[name].numel() != own.numel():
                raise ValueError(f"{name} of the optimiser has {state[name].numel():,} numbers, not {own.numel():,}")
            own.copy_(state[name].view_as(own))  # files hold single numbers as vectors of one

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float | Tensor) -> None:
        """Move the parameters against a gradient of their shape; a rate may be a scalar on their device."""
        adamw(
            [self._parameters],
            [gradient],
            [self._mean],
            [self._square],
            [],
            [self._steps],
            fused=True,
            amsgrad=False,
            beta1=_BETA1,
            beta2=self._beta2,
            lr=learning_rate,
            weight_decay=self._weight_decay,
            eps=_EPS,
            maximize=False,
        )
