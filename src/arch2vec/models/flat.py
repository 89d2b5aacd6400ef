"""All parameters of a model in one piece of memory.

At this method's sizes an optimiser step over forty small tensors costs more in
calls than in arithmetic. With the parameters and their gradients laid out in
two flat tensors, of which the model's are views, zeroing, clipping and the Adam
step are a few operations each, and a checkpoint holds one tensor a moment.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def flatten_parameters(model: nn.Module) -> nn.Parameter:
    """Lay the parameters of ``model`` out in one flat parameter and give it to an optimiser.

    The model keeps working as before; its parameters and their gradients are
    views of the flat ones. Gradients must be zeroed with ``flat.grad.zero_()``,
    never set to None.

    Returns:
        The flat parameter, its ``grad`` set to zeros.
    """
    parameters = list(model.parameters())
    flat = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
    gradient = torch.zeros_like(flat)
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = flat.data[start:stop].view_as(parameter)
        parameter.grad = gradient[start:stop].view_as(parameter)
        start = stop
    flat.grad = gradient
    return flat


def clip_gradient(flat: nn.Parameter, largest: float) -> Tensor:
    """Scale the gradient of ``flat`` down to norm ``largest`` where it is larger; returns the norm before."""
    assert flat.grad is not None
    norm = torch.linalg.vector_norm(flat.grad)
    flat.grad.mul_((largest / (norm + 1e-6)).clamp_(max=1.0))
    return norm
