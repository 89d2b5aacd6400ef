"""Synaptic flow: the paths through a network, weighed without any data."""

from __future__ import annotations

import torch

from arch2vec.proxies.base import proxy
from arch2vec.proxies.passes import Passes
from arch2vec.proxies.trace import WithoutBatchNorm, watched


@proxy(
    "synflow", "Tanaka et al., NeurIPS 2020, summed as by Abdelfattah et al., ICLR 2021", data=False, logarithmic=True
)
def synflow(passes: Passes) -> float:
    """The sum over weights of |w| dR/d|w|, where R is the sum of scores for an image of ones.

    All parameters stand with their absolute values, in double precision. In a
    chain of L linear layers every layer's sum is R, the sum over all paths of the products
    of their weights, and the value is L R. Batch norms are left out (taken for
    the identity), as in Abdelfattah et al.'s ``synflow``; with them in place, scales
    that cancel would hide what is counted. Without unit. NaN: R is too large for double precision.
    """
    parameters = {
        name: value.detach().abs().to(torch.float64).requires_grad_()
        for name, value in passes.network.named_parameters()
    }
    image = torch.ones((1, *passes.images.shape[1:]), dtype=torch.float64, device=passes.images.device)
    # The inner mode sees a call first: batch norms never reach the trace.
    with torch.enable_grad(), WithoutBatchNorm():
        scores, trace = watched(passes.network, parameters, image)
    weights = list({id(layer.weight): layer.weight for layer in trace.layers}.values())
    found = torch.autograd.grad(scores, weights, torch.ones_like(scores), allow_unused=True)
    pairs = zip(weights, found, strict=True)
    return sum(float((weight.detach() * flow).sum()) for weight, flow in pairs if flow is not None)
