"""Proxies as features of architectures, for surrogates and predictors."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.cache import cache_folder
from arch2vec.common.storage import require_writable
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.proxies.registry import get_proxies
from arch2vec.proxies.settings import ProxySetting
from arch2vec.proxies.table import Progress, compute_table
from arch2vec.spaces import SearchSpace

VERSION = 1
"""To be raised whenever a proxy changes its values, so that what is on disk is computed anew."""

FEATURES = (
    "parameters",
    "macs",
    "synflow",
    "jacov",
    "naswot",
    "zen",
    "grad-norm",
    "snip",
    "fisher",
    "plain",
    "l2-norm",
)
"""The proxies that are features by default: all but GraSP, which takes as long as the others together."""

_LOG = logging.getLogger(__name__)


def proxy_features(
    graphs: GraphBatch,
    space: SearchSpace,
    names: Sequence[str] = FEATURES,
    setting: ProxySetting | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """(N, P) normal scores of the ranks of P proxies among the N architectures.

    Proxies differ by tens of orders of magnitude (synflow) and have outliers (jacov), so
    their ranks are used: a column is the standard normal distribution's quantiles at
    (rank - 1/2) / N, standardised; ties share their mean rank. An undefined
    value ranks last: the network does not tell images apart. A column that is the same for
    all is 0. The values follow from the N architectures together: the same ones have to be
    encoded at once.

    Values computed once are kept in the cache (:func:`arch2vec.common.cache.cache_folder`) in a
    Parquet file of their setting, and an interrupted computation resumes.

    Args:
        graphs: the N architectures whose proxies are computed.
        space: they belong to.
        names: of the proxies.
        setting: batch, networks and seed; by default :func:`small_setting`.
        workers: processes, one core each.
        progress: told how far it is, as :data:`arch2vec.proxies.table.Progress` says.

    Raises:
        InputError: a proxy is unknown, the space has no networks, or a graph is no architecture of it.
    """
    space.check(graphs)
    get_proxies(names)
    setting = small_setting(space) if setting is None else setting
    frame = compute_table(
        space, space.format(graphs), names, setting, cache_file(space, setting), workers=workers, progress=progress
    )
    return normal_scores(frame[list(names)].to_numpy(dtype=np.float64))


def small_setting(space: SearchSpace) -> ProxySetting:
    """Digits, and networks so small that all of NAS-Bench-201 takes minutes: 8 channels, 1 cell a stage (DARTS: 3)."""
    return ProxySetting(channels=8, cells=3 if space.name.startswith("darts") else 1)


def cache_file(space: SearchSpace, setting: ProxySetting) -> Path | None:
    """Where the proxies of a setting are kept, None if there is no folder that can be written to."""
    key = json.dumps({"version": VERSION, "space": space.reference, **setting.to_dict()}, sort_keys=True)
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    try:
        folder = cache_folder()
        require_writable(folder)
    except InputError as error:
        _LOG.warning("proxies are not kept for later runs: %s", error)
        return None
    return folder / f"proxies-{space.name}-{digest}.parquet"


def normal_scores(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N, P) standardised normal quantiles of each column's ranks; NaN ranks below all else."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(np.where(np.isnan(values), -np.inf, values), axis=0)
    scores = ndtri((ranks - 0.5) / max(len(values), 1))
    spread = scores.std(axis=0)
    constant = spread < 1e-12
    return np.where(constant, 0, (scores - scores.mean(axis=0)) / np.where(constant, 1, spread)).astype(np.float32)
