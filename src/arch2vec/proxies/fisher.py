"""The Fisher proxy: how much the loss depends on whole channels."""

from __future__ import annotations

import torch

from arch2vec.proxies.base import proxy
from arch2vec.proxies.passes import Passes


@proxy("fisher", "Turner et al., ICLR 2020, summed as by Abdelfattah et al., ICLR 2021")
def fisher(passes: Passes) -> float:
    """Half the mean over images of (sum over pixels of z dL/dz)^2, summed over all channels of all layers.

    z is the output of a convolution or linear layer, L the mean loss over the
    batch as in Abdelfattah et al., so the unit is nats squared; the loss of each image by
    itself would give B^2 times as much. NaN: the loss is not finite.
    """
    total = 0.0
    for layer, gradient in zip(passes.trace.layers, passes.output_gradients, strict=True):
        products = layer.output.detach() * gradient  # (B, C, ...)
        by_channel = products.flatten(2).sum(dim=2) if products.ndim > 2 else products
        total += float(by_channel.to(torch.float64).square().mean(dim=0).sum()) / 2
    return total
