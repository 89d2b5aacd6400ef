"""A trained model with all that is needed to use it: architectures to vectors and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graph_inputs import graph_store, read_graphs
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.pooling import pooled_arrays
from arch2vec.spaces import SearchSpace, stored_space
from arch2vec.storage import read_arrays, write_arrays

_KIND = "arch2vec encoder"
_BATCH = 512  # graphs encoded at a time: their activations stay in the cache


class Encoder:
    """Architectures of one space to vectors, and points of the latent space to architectures.

    Attributes:
        space: the search space it was trained on.
        model: the autoencoder, in evaluation mode.
        pooling: how an architecture's vector is made from its vertices' means: their
            sum (paper), their mean (public release), or several of
            :data:`arch2vec.models.pooling.POOLS` side by side, separated by commas.
            Padded vertices do not count.
        prior: (2, V, latent), mean and standard deviation of the training
            architectures' vertex means; the prior of generated architectures.
        training: how it was trained, as saved with it.
    """

    def __init__(
        self,
        space: SearchSpace,
        model: GraphAutoencoder,
        config: ModelConfig,
        pooling: str,
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
        """(N, V, latent) posterior means, zero at padded vertices and at those that are not :meth:`read`."""
        store = graph_store(graphs, self.space, self.config, self.device)
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
        """(N, pools x latent) one vector an architecture."""
        return pooled_arrays(self.encode(graphs), self.read(graphs).mask, self.pooling)

    def read(self, graphs: GraphBatch) -> GraphBatch:
        """What the model reads of ``graphs`` and reconstructs: themselves, or the graphs of their functions."""
        return read_graphs(graphs, self.space, self.config)[0]

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
        try:
            space = stored_space(metadata["space"], space, path)
            config = ModelConfig(**json.loads(metadata["config"]))
            pooling = metadata["pooling"]
            model = GraphAutoencoder(config, space.num_operations, torch.Generator(), pooling)
            state = {
                name.removeprefix("model."): torch.from_numpy(array)
                for name, array in arrays.items()
                if name.startswith("model.")
            }
            model.load_state_dict(state)
            training = json.loads(metadata["training"])
            return cls(space, model.to(device), config, pooling, arrays["prior"], training)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path} is a damaged encoder: {str(error).splitlines()[0]}") from error
