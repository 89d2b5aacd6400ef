"""What the encoders and the decoder are built from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PosteriorHeads(nn.Module):
    """Linear heads for the parameters of q(Z | X, A): a vertex's mean and, if variational, its log deviation."""

    def __init__(self, hidden: int, latent: int, variational: bool, generator: torch.Generator) -> None:
        super().__init__()
        self.mean = linear(hidden, latent, generator)
        self.log_std = linear(hidden, latent, generator) if variational else None

    def forward(self, H: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mean and log standard deviation (None unless variational), each (B, V, latent), of H (B, V, hidden)."""
        return self.mean(H), None if self.log_std is None else self.log_std(H)


def linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer initialised as PyTorch does (uniform within 1/sqrt(inputs)), from a generator of its own."""
    # Not by skip_init, which imports a second's worth of PyTorch's compiler.
    layer = nn.Linear(inputs, outputs, device="meta")
    if torch.get_default_device().type == "meta":  # its shape is all that is asked for
        return layer
    bound = inputs**-0.5
    for name, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
        values = torch.empty(shape, device=generator.device).uniform_(-bound, bound, generator=generator)
        setattr(layer, name, nn.Parameter(values))
    return layer
