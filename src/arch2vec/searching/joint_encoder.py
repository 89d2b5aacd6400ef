"""An encoder that a search trains by whatever gradient reaches its vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arch2vec.embedding import Embedding
from arch2vec.graphs import PADDING
from arch2vec.models.adam import FlatAdam
from arch2vec.models.flat import flatten_parameters
from arch2vec.models.inputs import GraphTensors
from arch2vec.models.regressor import Regressor, RegressorConfig

if TYPE_CHECKING:
    from arch2vec.searching.rl_config import SupervisedRLConfig

_BATCH = 512  # graphs encoded at a time: their activations stay in the cache
_CALIBRATION = 256  # graphs that batch norm takes its statistics from


class JointEncoder:
    """A graph isomorphism encoder, pooled by the mean, of the architectures of an embedding.

    Args:
        embedding: the embedding whose graphs are encoded.
        settings: the shape and the learning rate.
        seed: of the initial weights.
    """

    def __init__(self, embedding: Embedding, settings: SupervisedRLConfig, seed: int) -> None:
        self._graphs = embedding.graphs
        self._codes = torch.arange(embedding.space.num_operations, dtype=torch.uint8)
        shape = RegressorConfig(hidden=settings.hidden, layers=settings.layers, latent=settings.latent)
        generator = torch.Generator().manual_seed(seed)
        self._model = Regressor(shape, embedding.space.num_operations, generator).eval()
        for module in self._model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = None  # statistics are those of one pass
        self._flat = flatten_parameters(self._model)
        self._adam, self._rate = FlatAdam(self._flat), settings.encoder_rate

    @torch.no_grad()
    def calibrate(self, rng: np.random.Generator) -> None:
        """Take batch norm's statistics anew, from random architectures."""
        size = min(_CALIBRATION, len(self._graphs))
        for module in self._model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.reset_running_stats()
        self._model.train()
        self._model.vectors(self._expand(rng.choice(len(self._graphs), size=size, replace=False)))
        self._model.eval()

    @torch.no_grad()
    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, latent) of the architectures at ``rows``."""
        parts = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
        return torch.cat([self._model.vectors(self._expand(part)) for part in parts]).numpy()

    def learn(self, rows: NDArray[np.int64], gradient: Tensor) -> None:
        """One step of Adam, given the gradient (n, latent) of what is minimised with respect to the vectors."""
        assert self._flat.grad is not None
        self._flat.grad.zero_()
        with torch.enable_grad():
            self._model.vectors(self._expand(rows)).backward(gradient)  # type: ignore[no-untyped-call]
        self._adam.step(self._flat.grad, self._rate)

    def _expand(self, rows: NDArray[np.int64]) -> GraphTensors:
        ops = torch.from_numpy(self._graphs.ops[rows])
        adjacency = torch.from_numpy(self._graphs.adjacency[rows]).float()
        X = (ops.unsqueeze(-1) == self._codes).float()
        absent = ops == PADDING
        return GraphTensors(X, adjacency, (~absent).float() if bool(absent.any()) else None)
