"""The Zen-score: how much a network's features move when its input does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arch2vec.errors import InputError
from arch2vec.proxies.base import proxy
from arch2vec.proxies.passes import Passes
from arch2vec.proxies.trace import Trace, watched

_ALPHA = 0.01


@proxy("zen", "Lin et al., ICCV 2021", data=False)
def zen(passes: Passes) -> float:
    """The Zen-score: log E ||f(x) - f(x + 0.01 e)|| + sum over batch norms of log sqrt(mean variance of channels).

    f are the features before the last pooling, ||.|| the Euclidean norm of one
    image's, the mean is over a batch as large as the given one; x, e and the weights of
    convolutions and linear layers are drawn from N(0, 1) with the seed; biases are 0 and
    batch norms the identity but for their normalisation. The variances are those of
    the batch norms' inputs over the batch x; they make up for the scale that
    normalisation takes away. Residual connections stay, unlike in the paper's own space. In natural
    logarithms. NaN: the features do not depend on x, or a batch norm's input has no variance.

    Raises:
        InputError: the network has no feature map.
    """
    generator = torch.Generator().manual_seed(passes.seed)
    like = passes.images
    with torch.no_grad():
        parameters = _gaussian(passes.network, generator)
        x, noise = (torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device) for _ in range(2))
        _, first = watched(passes.network, parameters, x)
        before, scale = _features(first), _log_scale(first)
        del first  # and with it all activations
        after = _features(watched(passes.network, parameters, x + _ALPHA * noise)[1])
        moved = torch.linalg.vector_norm((after - before).flatten(1), dim=1, dtype=torch.float64).mean()
    return float(moved.log()) + scale


def _features(trace: Trace) -> Tensor:
    if trace.features is None:
        raise InputError("the Zen-score needs a network with feature maps (B, C, H, W)")
    return trace.features


def _log_scale(trace: Trace) -> float:
    """The logarithm of the scale that batch norms have taken out."""
    variances = [x.var(dim=(0, 2, 3), correction=0).mean() for x in trace.normalised if x.ndim == 4]
    return sum(float(variance.to(torch.float64).log()) / 2 for variance in variances)


def _gaussian(network: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """The network's parameters as the score wants them."""
    norms = {id(p) for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) for p in m.parameters()}
    drawn: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1:
            scale = id(parameter) in norms and name.endswith("weight")
            drawn[name] = torch.full_like(parameter, 1.0 if scale else 0.0)
        else:
            value = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            drawn[name] = value.to(parameter.device)
    return drawn
