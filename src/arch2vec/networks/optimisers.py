"""The optimisers of recipes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from arch2vec.networks.recipe import Recipe


class RMSProp(torch.optim.Optimizer):
    """RMSProp as TensorFlow 1 has it, with which NAS-Bench-101 was made.

    With the gradient g (weight decay included), the mean of squares s (1 at first)
    and the velocity v (0 at first)::

        s <- decay s + (1 - decay) g^2
        v <- momentum v + rate g / sqrt(s + epsilon)
        w <- w - v

    ``torch.optim.RMSprop`` differs: s starts at 0, epsilon is added to the root, and
    the rate multiplies the velocity, so that a falling rate also shrinks old steps.

    Args:
        parameters: the parameters that are changed in place.
        lr: the learning rate of the first step.
        decay: of the mean of squares.
        momentum: of the velocity.
        epsilon: NAS-Bench-101 uses 1.
        weight_decay: factor of the L2 penalty on all parameters.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        decay: float = 0.9,
        momentum: float = 0.9,
        epsilon: float = 1.0,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "decay": decay, "momentum": momentum, "epsilon": epsilon, "weight_decay": weight_decay}
        super().__init__(parameters, defaults)

    @override
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient = parameter.grad.add(parameter, alpha=group["weight_decay"])
                state: dict[str, Any] = self.state[parameter]
                if not state:
                    state["squares"] = torch.ones_like(parameter)
                    state["velocity"] = torch.zeros_like(parameter)
                squares, velocity = state["squares"], state["velocity"]
                squares.mul_(group["decay"]).addcmul_(gradient, gradient, value=1 - group["decay"])
                velocity.mul_(group["momentum"]).addcdiv_(
                    gradient, squares.add(group["epsilon"]).sqrt_(), value=group["lr"]
                )
                parameter.sub_(velocity)
        return loss


def make_optimiser(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser for a network's parameters."""
    if recipe.optimiser == "rmsprop":
        return RMSProp(
            network.parameters(), recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay
        )
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
        fused=True,
    )
