"""The two oldest proxies: how large a network is, and how much it computes."""

from __future__ import annotations

from arch2vec.proxies.base import proxy
from arch2vec.proxies.passes import Passes

_BASELINE = "baseline; White et al., ICLR Blog Track 2022"


@proxy("parameters", _BASELINE, data=False)
def parameters(passes: Passes) -> float:
    """The number of trainable numbers, those that no output depends on included; never NaN."""
    return float(sum(parameter.numel() for parameter in passes.network.parameters()))


@proxy("macs", _BASELINE, data=False)
def macs(passes: Passes) -> float:
    """The multiply-adds of convolutions and linear layers for one image; never NaN.

    Each of a layer's outputs takes as many as it has weights. Counted are the
    layers that are computed: a network that leaves out what no output depends on has
    fewer than one that computes it in vain. Published FLOPs are twice as many, or the
    same number by another name.
    """
    per_batch = sum(layer.output.numel() * layer.weight[0].numel() for layer in passes.trace.layers)
    return float(per_batch // len(passes.images))
