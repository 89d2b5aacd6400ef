"""How a space is learned where nobody says how: by the paper's setting where the paper has it, else by a short recipe.

The paper's ten epochs at a small constant rate are meant for hundreds of thousands of small cells. On other spaces they
leave much undone, and on all of them much of the time is spent waiting until operations are told apart. The short
recipe takes large steps that end small: the learning rate rises, and falls on a cosine. The KL divergence comes in
later, so that operations are told apart before their vectors are drawn together, and a vertex counts more than its
neighbours from the start (:meth:`arch2vec.models.encoders.GINEncoder.start_eps`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from arch2vec.errors import InputError
from arch2vec.models.autoencoder import MODELS, ModelConfig
from arch2vec.models.encoders import GINEncoder
from arch2vec.pretraining.patience import FURTHER
from arch2vec.pretraining.settings import PAPER_BATCH_SIZE, PretrainConfig
from arch2vec.spaces import SPACES, SearchSpace

_EPOCHS, _MOST_EPOCHS = 4, 100
_STEPS = 800  # at least, where so many epochs have as many
_LARGE = 100_000  # graphs, from which on there are steps enough for what comes late
_BATCHES = 10  # an epoch, at least
_EPS = 0.5  # where there are few steps; edges are learned better from 0, and operations in time where there are many

_HOW = ("protocol", "epochs", "batch_size", "learning_rate", "schedule", "warmup", "kl_warmup", "eps", "beta2")


def default_config(space: SearchSpace, *, graphs: int | None = None, **said: Any) -> PretrainConfig:
    """The configuration where somebody has said these settings only.

    The paper's spaces are learned by its setting, others by :func:`short_config` unless something is said of
    how to train. Further epochs may follow until reconstruction is good (:mod:`arch2vec.pretraining.patience`), unless
    it is said where training ends.

    Args:
        space: that is learned.
        graphs: how many architectures of it, by default those of the sample, or all.
        said: settings of :class:`PretrainConfig`.
    """
    ends = {"epochs", "protocol", "schedule", "further"} & said.keys() or said.get("processes", 1) > 1
    settings = dict(said) if ends else {"further": FURTHER, **said}
    if space.name in SPACES or any(name in said for name in _HOW):
        return PretrainConfig(**settings)
    return short_config(space, graphs=graphs, **settings)


def continued(record: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for a run that is there, where nothing is said of how to train but perhaps a number of epochs.

    A run at a constant rate goes on as one. A learning rate that falls to the end of its epochs cannot have been meant
    for more of them: they come after.

    Args:
        record: the settings of the run.
        said: the settings that somebody has said.
    """
    if any(name in said for name in _HOW if name != "epochs"):
        return dict(said)
    epochs, before = said.get("epochs"), record.get("epochs")
    if record.get("schedule", "constant") == "constant":
        return dict(said) if epochs is not None else {**said, "batch_size": PAPER_BATCH_SIZE}
    if not (isinstance(epochs, int) and isinstance(before, int) and epochs >= before):
        return dict(said)
    kept = {name: record[name] for name in (*_HOW, "further") if name in record}
    model = record.get("model")
    if isinstance(model, Mapping) and model.get("edge_bias") is True and isinstance(said.get("model"), ModelConfig):
        kept["model"] = replace(said["model"], edge_bias=True)
    settings = {**said, **kept}
    try:
        settings["after"] = max(record.get("after", 0), epochs - before)
        PretrainConfig(**settings)
    except (TypeError, InputError):  # a damaged record: what differs in it is told where the run is claimed
        return dict(said)
    return settings


def short_config(space: SearchSpace, *, graphs: int | None = None, **said: Any) -> PretrainConfig:
    """A configuration that reaches the quality of the paper's in a tenth of its time, or a better one on other spaces.

    In spaces that the paper does not have and whose wiring is free, the decoder's edges have a bias.

    >>> from arch2vec.pretraining.recipe import short_config
    >>> from arch2vec.spaces import get_space
    >>> config = short_config(get_space("nasbench201"), seed=1)
    >>> config.epochs, config.batch_size, config.schedule
    (4, 64, 'cosine')

    Args:
        space: that is learned.
        graphs: how many architectures of it, by default those of the sample, or all. Few of
            them take more epochs, as there are few steps in each.
        said: settings of :class:`PretrainConfig` that are to stay as they are.
    """
    base = PretrainConfig(**{name: value for name, value in said.items() if name not in ("warmup", "kl_warmup")})
    count = (graphs or base.sample or space.size or _LARGE) * (1 - base.held_out)
    chosen: dict[str, Any] = {"schedule": "cosine", "learning_rate": 1e-2, "beta2": 0.99}
    chosen["batch_size"] = _batch_size(count)
    if count < _LARGE and MODELS[base.model.name].encoder is GINEncoder:
        chosen["eps"] = _EPS
    if said.get("schedule", "cosine") != "constant":
        chosen |= {"warmup": 0.1, "kl_warmup": 0.5}
    if space.name not in SPACES and space.given_edges is None:
        said["model"] = replace(base.model, edge_bias=True)
    chosen |= said
    steps = math.ceil(count / chosen["batch_size"])
    chosen.setdefault("epochs", max(_EPOCHS, min(_MOST_EPOCHS, math.ceil(_STEPS / steps))))
    return PretrainConfig(**chosen)


def _batch_size(graphs: float) -> int:
    """A power of two between 8 and 64."""
    return int(2 ** min(6, max(3, math.floor(math.log2(max(1.0, graphs / _BATCHES))))))
