"""BFGS for many small problems at once.

Each of R runs minimises a function of its own of P parameters (Nocedal and Wright,
Numerical Optimization, 2006, algorithm 6.1 with backtracking); they are evaluated
together, and those that are done are not evaluated any more.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_DECREASE = 1e-4  # of the slope that a step has to achieve (Armijo)
_HALVINGS = 8
_LONGEST = 2.0  # step in any parameter

Function = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From (A,) numbers of runs and their parameters (A, P) to values (A,) and gradients (A, P)."""


def minimise(function: Function, start: Tensor, iterations: int = 60, tolerance: float = 1e-5) -> Tensor:
    """(R, P) parameters at a minimum of each run's function.

    Args:
        function: what is minimised.
        start: (R, P) where each run's search begins.
        iterations: how many steps a run may take at most.
        tolerance: a run is done when an iteration gains less than this.
    """
    runs, parameters = start.shape
    x = start.clone()
    active = torch.arange(runs, device=start.device)
    value, gradient = function(active, x)
    identity = torch.eye(parameters, dtype=start.dtype, device=start.device)
    inverse = identity.repeat(runs, 1, 1) / gradient.norm(dim=1).clamp_min(1.0)[:, None, None]
    for _ in range(iterations):
        step = -(inverse[active] @ gradient[active].unsqueeze(2)).squeeze(2)
        downhill = (step * gradient[active]).sum(1) < 0
        step = torch.where(downhill[:, None], step, -gradient[active])
        step = step * (_LONGEST / step.abs().amax(1).clamp_min(_LONGEST))[:, None]
        moved, new_value, new_gradient = _search(function, active, x[active], value[active], gradient[active], step)
        change, bend = moved - x[active], new_gradient - gradient[active]
        inverse[active] = _updated(inverse[active], change, bend, identity)
        gained = value[active] - new_value
        x[active], value[active], gradient[active] = moved, new_value, new_gradient
        active = active[gained > tolerance]
        if not len(active):
            break
    return x


def _search(
    function: Function, runs: Tensor, x: Tensor, value: Tensor, gradient: Tensor, step: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Go as far along the step as makes the value fall enough; stay where nothing does."""
    moved, best, slope = x.clone(), value.clone(), (step * gradient).sum(1)
    new_gradient = gradient.clone()
    open_ = torch.arange(len(runs), device=x.device)
    length = 1.0
    for _ in range(_HALVINGS):
        tried = x[open_] + length * step[open_]
        values, gradients = function(runs[open_], tried)
        enough = values <= value[open_] + _DECREASE * length * slope[open_]
        taken = open_[enough]
        moved[taken], best[taken], new_gradient[taken] = tried[enough], values[enough], gradients[enough]
        open_ = open_[~enough]
        if not len(open_):
            break
        length /= 2
    return moved, best, new_gradient


def _updated(inverse: Tensor, change: Tensor, bend: Tensor, identity: Tensor) -> Tensor:
    """The BFGS update of inverse Hessians (A, P, P); left alone where the curvature is not positive."""
    curvature = (change * bend).sum(1)
    fine = curvature > 1e-10
    rho = torch.where(fine, 1 / torch.where(fine, curvature, 1.0), 0.0)[:, None, None]
    left = identity - rho * change.unsqueeze(2) * bend.unsqueeze(1)
    updated = left @ inverse @ left.transpose(1, 2) + rho * change.unsqueeze(2) * change.unsqueeze(1)
    return torch.where(fine[:, None, None], updated, inverse)
