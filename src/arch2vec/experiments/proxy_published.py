"""Published rank correlations of zero-cost proxies with accuracies on NAS-Bench-201, to stand beside ours.

Only figures that a source states are here; wherever they appear they are marked as published.
"""

from __future__ import annotations

from dataclasses import dataclass

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
"""The data sets, in the order of the figures."""


@dataclass(frozen=True)
class PublishedCorrelations:
    """Correlations of one proxy, on the three data sets in turn; None where the source has none.

    Attributes:
        source: where they were published.
        spearman: rho.
        kendall: tau.
    """

    source: str
    spearman: tuple[float, float, float] | None = None
    kendall: tuple[float, float, float] | None = None


_ABDELFATTAH = (
    "Abdelfattah et al., ICLR 2021, Table 1: absolute values, all architectures, batches of the data set itself"
)
_AKHAURI = "Akhauri et al., NeurIPS 2022: all architectures"
_MELLOR = "Mellor et al., ICML 2021, Figure 3: 1,000 random architectures, batches of the data set itself"

PUBLISHED: dict[str, PublishedCorrelations] = {
    "grad-norm": PublishedCorrelations(_ABDELFATTAH, (0.58, 0.64, 0.58)),
    "snip": PublishedCorrelations(_ABDELFATTAH, (0.58, 0.63, 0.58)),
    "grasp": PublishedCorrelations(_ABDELFATTAH, (0.48, 0.54, 0.56)),
    "fisher": PublishedCorrelations(_ABDELFATTAH, (0.36, 0.39, 0.33)),
    "synflow": PublishedCorrelations(_ABDELFATTAH, (0.74, 0.76, 0.75)),
    "jacov": PublishedCorrelations(_ABDELFATTAH, (0.73, 0.71, 0.71)),
    "naswot": PublishedCorrelations(_MELLOR, kendall=(0.574, 0.611, 0.549)),
    "parameters": PublishedCorrelations(_AKHAURI, (0.75, 0.72, 0.69), (0.56, 0.54, 0.50)),
    "macs": PublishedCorrelations(_AKHAURI, (0.75, 0.72, 0.69), (0.56, 0.54, 0.50)),
}
"""By proxy."""


def published(proxy: str, dataset: str) -> tuple[float | None, float | None]:
    """Spearman's and Kendall's correlation of a proxy on one of the :data:`DATASETS`, None where there is none."""
    if proxy not in PUBLISHED or dataset not in DATASETS:
        return None, None
    place, known = DATASETS.index(dataset), PUBLISHED[proxy]
    rho, tau = known.spearman, known.kendall
    return None if rho is None else rho[place], None if tau is None else tau[place]
