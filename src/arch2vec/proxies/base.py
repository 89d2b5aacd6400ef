"""What a zero-cost proxy is: a number that an untrained network gives away within a few passes of one batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from arch2vec.proxies.passes import Passes


@dataclass(frozen=True)
class Proxy:
    """A pure function of an untrained network and a labelled batch; the higher, the better the network is hoped to be.

    Attributes:
        name: by which it is asked for.
        compute: the function, of passes that several proxies can share.
        source: where it was published.
        data: whether its value depends on the images or labels (their shape does not count).
        second_order: whether it needs second derivatives.
        logarithmic: whether values are positive and of so many orders of magnitude that only
            their logarithm is good for arithmetic.
    """

    name: str
    compute: Callable[[Passes], float]
    source: str
    data: bool = True
    second_order: bool = False
    logarithmic: bool = False

    def __call__(self, network: nn.Module, images: Tensor, labels: Tensor, seed: int = 0) -> float:
        """Its value.

        Args:
            network: maps images (B, channels, H, W) to scores (B, classes); left as it was.
            images: (B, channels, H, W), of the network's type.
            labels: (B,) int64, classes counted from 0.
            seed: of what the proxy draws, if anything.

        Returns:
            A finite number, or NaN where the proxy is not defined.

        Raises:
            InputError: the batch does not fit.
        """
        return self.of(Passes(network, images, labels, seed, second_order=self.second_order))

    def of(self, passes: Passes) -> float:
        """Its value for a network and batch whose passes others may have made already."""
        value = self.compute(passes)
        return value if math.isfinite(value) else math.nan


def proxy(
    name: str, source: str, *, data: bool = True, second_order: bool = False, logarithmic: bool = False
) -> Callable[[Callable[[Passes], float]], Proxy]:
    """Make a proxy of a function of passes; its documentation is kept."""

    def make(compute: Callable[[Passes], float]) -> Proxy:
        made = Proxy(name, compute, source, data, second_order, logarithmic)
        object.__setattr__(made, "__doc__", compute.__doc__)
        return made

    return make
