"""A trained model with all that is needed to use it: architectures to vectors and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from arch2vec.documents import anything, checked, mapping, number, parse_json, record, text, whole
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError, unknown
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import MODELS, GraphAutoencoder, ModelConfig
from arch2vec.models.inputs import GraphStore
from arch2vec.models.stored import stored_model
from arch2vec.spaces import SearchSpace, stored_space
from arch2vec.storage import read_arrays, write_arrays

_KIND = "arch2vec encoder"
_BATCH = 512  # graphs encoded at a time: their activations stay in the cache

Pooling = Literal["sum", "mean"]

_CONFIG = record(
    {"name": text(*MODELS), "hidden": whole(1), "layers": whole(1), "latent": whole(1), "dropout": number(0, 1)}
)


class Encoder:
    """Architectures of one space to vectors, and points of the latent space to architectures.

    Attributes:
        space: the search space it was trained on.
        model: the autoencoder, in evaluation mode.
        pooling: how an architecture's vector is made from its vertices' means: their
            sum (paper) or their mean (public release). Padded vertices do not count.
        prior: (2, V, latent), mean and standard deviation of the training
            architectures' vertex means; the prior of generated architectures.
        training: how it was trained, as saved with it.
    """

    def __init__(
        self,
        space: SearchSpace,
        model: GraphAutoencoder,
        config: ModelConfig,
        pooling: Pooling,
        prior: NDArray[np.float32],
        training: Mapping[str, Any],
    ) -> None:
        self.space = space
        self.model = model.eval()
        self.config = config
        self.pooling = pooling
        self.prior = prior
        self.training = dict(training)
        self.device = next(model.parameters()).device

    @torch.no_grad()
    def encode(self, graphs: GraphBatch) -> NDArray[np.float32]:
        """(N, V, latent) posterior means, zero at padded vertices."""
        store = GraphStore(graphs, self.space.num_operations, self.device)
        means = torch.empty(len(store), store.num_vertices, self.config.latent)
        start = 0
        for batch in store.batches(_BATCH):
            mean = self.model.encode(batch)
            if batch.mask is not None:
                mean = mean * batch.mask.unsqueeze(-1)
            means[start : start + len(mean)] = mean
            start += len(mean)
        return means.numpy()

    def vectors(self, graphs: GraphBatch) -> NDArray[np.float32]:
        """(N, latent) one vector an architecture."""
        pooled = self.encode(graphs).sum(axis=1)
        if self.pooling == "mean":
            pooled /= graphs.mask.sum(axis=1, keepdims=True)
        return pooled.astype(np.float32)

    def embed(self, graphs: GraphBatch | SearchSpace | None = None) -> Embedding:
        """The embedding of ``graphs``, by default of the whole search space.

        Raises:
            InputError: a graph is no architecture of this encoder's space, or the
                whole space is asked for and too large.
        """
        if isinstance(graphs, SearchSpace) and graphs.reference != self.space.reference:
            raise InputError(f"this encoder was trained on {self.space.name}, not on {graphs.name}")
        if isinstance(graphs, GraphBatch):
            self.space.check(graphs)
        else:
            graphs = self.space.enumerate()
        return Embedding(self.space, graphs, self.vectors(graphs))

    @torch.no_grad()
    def decode(self, Z: NDArray[np.float32]) -> GraphBatch:
        """The most probable graph of each latent point (N, V, latent); it need not be an architecture."""
        parts = []
        for start in range(0, len(Z), 4096):
            ops, adjacency = self.model.decode(torch.from_numpy(Z[start : start + 4096]).to(self.device))
            parts.append(GraphBatch(ops.cpu().numpy(), adjacency.cpu().numpy()))
        return GraphBatch.concatenate(parts)

    def sample_prior(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """(n, V, latent) standard normal draws, scaled and shifted to the training embedding."""
        mean, std = self.prior
        return rng.standard_normal((n, *mean.shape), dtype=np.float32) * std + mean

    def save(self, path: Path) -> None:
        """Write the encoder as one safetensors file, atomically."""
        arrays = {f"model.{name}": tensor.cpu().numpy() for name, tensor in self.model.state_dict().items()}
        metadata = {
            "kind": _KIND,
            "space": self.space.reference,
            "config": json.dumps(asdict(self.config)),
            "pooling": self.pooling,
            "training": json.dumps(self.training),
        }
        write_arrays(path, {**arrays, "prior": self.prior}, metadata)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu", space: SearchSpace | None = None) -> Encoder:
        """Read what :meth:`save` wrote. Runs no code from the file.

        Args:
            path: the file.
            device: where the model is to be.
            space: the space it was trained on; needed only where that is Python code of
                your own.

        Raises:
            InputError: the file is missing, damaged, no encoder or of another space.
        """
        arrays, metadata = read_arrays(path)
        if metadata.get("kind") != _KIND:
            raise InputError(f"{path} is not an encoder; 'arch2vec pretrain' writes one")
        space = stored_space(metadata.get("space", ""), space, path)
        try:
            if missing := {"config", "pooling", "training"} - metadata.keys():
                raise InputError(f"it does not say its {min(missing)}")
            config = ModelConfig(**checked(parse_json(metadata["config"], "its config"), _CONFIG, "its config"))
            training = checked(parse_json(metadata["training"], "its training"), mapping(anything), "its training")
            if metadata["pooling"] not in get_args(Pooling):
                raise unknown("pooling", metadata["pooling"], get_args(Pooling))
            pooling = cast(Pooling, metadata["pooling"])
            prior = arrays.pop("prior", np.empty(0))
            _check_prior(prior, (2, space.num_vertices, config.latent))
            weights = {name.removeprefix("model."): array for name, array in arrays.items()}
            operations = space.num_operations
            model = stored_model(
                lambda: GraphAutoencoder(config, operations, torch.Generator()), config.layers, weights
            )
        except (TypeError, InputError) as error:
            raise InputError(f"{path} is a damaged encoder: {error}") from error
        return cls(space, model.to(device), config, pooling, prior, training)


def _check_prior(prior: NDArray[Any], shape: tuple[int, ...]) -> None:
    if prior.shape != shape or prior.dtype != np.float32:
        raise InputError(f"its prior is {prior.shape} {prior.dtype}, not {shape} float32")
    if not np.isfinite(prior).all() or (prior[1] < 0).any():
        raise InputError("its prior holds a number that is not finite, or a negative deviation")
