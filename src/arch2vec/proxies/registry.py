"""The zero-cost proxies by name, and many of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from arch2vec.errors import InputError, unknown
from arch2vec.proxies.base import Proxy
from arch2vec.proxies.counts import macs, parameters
from arch2vec.proxies.fisher import fisher
from arch2vec.proxies.gradients import grad_norm, grasp, l2_norm, plain, snip
from arch2vec.proxies.jacov import jacov
from arch2vec.proxies.naswot import naswot
from arch2vec.proxies.passes import Passes
from arch2vec.proxies.synflow import synflow
from arch2vec.proxies.zen import zen

PROXIES: Mapping[str, Proxy] = {
    proxy.name: proxy
    for proxy in (
        parameters,
        macs,
        synflow,
        jacov,
        naswot,
        zen,
        grad_norm,
        snip,
        grasp,
        fisher,
        plain,
        l2_norm,
    )
}
"""The proxies by name."""


def get_proxies(names: Sequence[str] | None) -> list[Proxy]:
    """The proxies of those names, all for None.

    Raises:
        InputError: there is none of a name, or none is named.
    """
    if names is None:
        return list(PROXIES.values())
    for name in names:
        if name not in PROXIES:
            raise unknown("zero-cost proxy", name, PROXIES)
    if not names:
        raise InputError(f"at least one zero-cost proxy must be named; known: {', '.join(sorted(PROXIES))}")
    return [PROXIES[name] for name in names]


def evaluate(
    network: nn.Module, images: Tensor, labels: Tensor, names: Sequence[str] | None = None, seed: int = 0
) -> dict[str, float]:
    """Several proxies of one network; passes that several are computed from are made once.

    All of them take about as long as the slowest (GraSP) and the passes of synflow and Zen:
    two to three times as fast as each by itself (``bench/proxies.py``).

    Args:
        network: maps images (B, channels, H, W) to scores (B, classes); left as it was.
        images: (B, channels, H, W), of the network's type.
        labels: (B,) int64, classes counted from 0.
        names: of the proxies, None for all.
        seed: of what proxies draw.

    Returns:
        The values by name, in the order of the names; NaN where a proxy is not defined.

    Raises:
        InputError: a name is unknown, or the batch does not fit.
    """
    proxies = get_proxies(names)
    second_order = any(proxy.second_order for proxy in proxies)
    passes = Passes(network, images, labels, seed, second_order=second_order)
    return {proxy.name: proxy.of(passes) for proxy in proxies}
