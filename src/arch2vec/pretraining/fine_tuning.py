"""A pre-trained encoder as the beginning of a supervised one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.models.autoencoder import MODELS
from arch2vec.models.encoders import GINEncoder
from arch2vec.models.regressor import RegressorConfig

_SAMPLE = 1_000  # architectures that the scale of vectors is found from


@dataclass(frozen=True, eq=False)
class Start:
    """What a regressor begins with.

    Attributes:
        model: its shape.
        weights: of its encoder, by name; its output is drawn.
    """

    model: RegressorConfig
    weights: Mapping[str, Tensor]


def start_of(encoder: Encoder) -> Start:
    """The weights of a pre-trained encoder for a :class:`arch2vec.models.regressor.Regressor` of its shape.

    Its output is linear in tanh of the vectors, which are far from 0 where a sum is pooled. The last linear layer is
    therefore scaled and shifted so that every dimension of the mean vector has mean 0 and deviation 1 over
    architectures of the space: nothing that was learned changes by that.

    Raises:
        InputError: the encoder departs from the paper's model in what it reads.
    """
    config = encoder.config
    if MODELS[config.name].encoder is not GINEncoder or config.directed or config.function_graph or config.mask > 0:
        raise InputError(
            "only an encoder that reads graphs as the paper's does can be fine-tuned: "
            "arch2vec or arch2vec-no-kl, without directed, function_graph and mask"
        )
    space = encoder.space
    graphs = space.sample(min(_SAMPLE, space.size or _SAMPLE), np.random.default_rng(0))
    mask = encoder.read(graphs).mask[:, :, None]
    vectors = (encoder.encode(graphs) * mask).sum(axis=1) / mask.sum(axis=1)
    spread = vectors.std(axis=0)
    centre, spread = vectors.mean(axis=0), np.where(spread > 0, spread, 1.0)
    weights = {
        f"encoder.{name}": tensor.detach().cpu().clone()
        for name, tensor in encoder.model.encoder.state_dict().items()
        if not name.startswith("heads.log_std")
    }
    head = encoder.model.encoder.heads.mean
    scale = head.weight.new_tensor(1 / spread).cpu()
    weights["encoder.heads.mean.weight"] = head.weight.detach().cpu() * scale.unsqueeze(1)
    weights["encoder.heads.mean.bias"] = (head.bias.detach().cpu() - scale.new_tensor(centre)) * scale
    model = RegressorConfig(hidden=config.hidden, layers=config.layers, latent=config.latent, pooling="mean")
    return Start(model, weights)
