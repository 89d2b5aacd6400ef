"""A trained model with all that is needed to use it: architectures to vectors and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray

from arch2vec.common.arguments import as_annotated
from arch2vec.common.devices import CPU, Device, get_device
from arch2vec.common.documents import anything, checked, flag, mapping, number, parse_json, record, text, whole
from arch2vec.common.kinds import is_series
from arch2vec.common.storage import AnyPath, read_arrays, write_arrays
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.models.autoencoder import MODELS, GraphAutoencoder, ModelConfig
from arch2vec.models.generation import LatentPrior, check_temperature, collected, perturbed, without_repeats
from arch2vec.models.graph_inputs import graph_store, read_graphs
from arch2vec.models.pooling import pooled_arrays, pools_of
from arch2vec.models.stored import stored_model
from arch2vec.spaces import SearchSpace, stored_space

_KIND = "arch2vec encoder"
FINISHED = "encoder.safetensors"
"""The file of a run's folder that holds its encoder."""

_BATCH = 512  # graphs encoded at a time: their activations stay in the cache
_DECODED = 4096  # points decoded at a time
_ON_GPU = 32_768  # of either at a time on a GPU, which needs as many to be busy

_CONFIG = record(
    {"name": text(*MODELS), "hidden": whole(1), "layers": whole(1), "latent": whole(1), "dropout": number(0, 1)},
    {"directed": flag, "function_graph": flag, "mask": number(0, 1), "edge_bias": flag, "predicted": whole(0)},
)

Architectures = GraphBatch | Iterable[str]
"""As graphs; or one architecture's text, or several, in any notation that the space reads."""


class Encoder:
    """Architectures of one space to vectors, and points of the latent space to architectures.

    >>> import arch2vec
    >>> from arch2vec.models.autoencoder import ModelConfig
    >>> small = arch2vec.PretrainConfig(model=ModelConfig(hidden=8, latent=4), epochs=1, sample=200)
    >>> encoder = arch2vec.pretrain("nasbench201", small, device="cpu")
    >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
    >>> encoder.embed([cell]).vectors.shape
    (1, 4)
    >>> encoder.encode(encoder.space.parse([cell])).shape                       # a vector a vertex
    (1, 8, 4)

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
        device: where it computes; :meth:`to` moves it.
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

    def __repr__(self) -> str:
        shape = f"{self.config.layers} layers of {self.config.hidden}, {self.config.latent} numbers a vertex"
        return f"Encoder({self.config.name} on {self.space.name}, {shape}, pooled by {self.pooling})"

    def to(self, device: Device) -> Encoder:
        """The same encoder, which computes on another device from now on.

        Raises:
            InputError: there is no such device.
        """
        self.device = get_device(device)
        self.model.to(self.device)
        return self

    def _together(self, on_processor: int) -> int:
        return on_processor if self.device.type == "cpu" else _ON_GPU

    @torch.no_grad()
    def encode(self, graphs: Architectures) -> Float32[NDArray[np.float32], "N V latent"]:
        """(N, V, latent) posterior means, zero at padded vertices and at those that are not :meth:`read`."""
        store = graph_store(self._graphs(graphs), self.space, self.config, self.device)
        means = torch.empty(len(store), store.num_vertices, self.config.latent, device=self.device)
        start = 0
        for batch in store.batches(self._together(_BATCH)):
            mean = self.model.encode(batch)
            if batch.mask is not None:
                mean = mean * batch.mask.unsqueeze(-1)
            means[start : start + len(mean)] = mean
            start += len(mean)
        return means.cpu().numpy()

    def vectors(self, graphs: Architectures) -> Float32[NDArray[np.float32], "N d"]:
        """(N, pools x latent) one vector an architecture."""
        graphs = self._graphs(graphs)
        return pooled_arrays(self.encode(graphs), self.read(graphs).mask, self.pooling)

    def read(self, graphs: GraphBatch) -> GraphBatch:
        """What the model reads of ``graphs`` and reconstructs: themselves, or the graphs of their functions."""
        return read_graphs(graphs, self.space, self.config)[0]

    def _graphs(self, given: Architectures) -> GraphBatch:
        """Architectures as graphs."""
        if isinstance(given, GraphBatch):
            return given
        if not is_series(given):  # a set has no order
            raise InputError(
                "an encoder takes architectures as text, a batch of graphs or, to embed it, its space, "
                f"got {type(given).__name__}"
            )
        return self.space.parse([given] if isinstance(given, str) else list(given))

    def embed(self, graphs: GraphBatch | SearchSpace | str | Iterable[str] | None = None) -> Embedding:
        """The embedding of architectures, by default of the whole search space.

        Args:
            graphs: a batch of graphs; or one architecture's text, or several in a
                list, in any notation that the space reads; or the space itself or
                None for all of them.

        Raises:
            InputError: a graph is no architecture of this encoder's space, a text is
                malformed, there are none, or the whole space is asked for and too large.
        """
        if isinstance(graphs, SearchSpace) and graphs.reference != self.space.reference:
            raise InputError(f"this encoder was trained on {self.space.name}, not on {graphs.name}")
        if graphs is None or isinstance(graphs, SearchSpace):
            graphs = self.space.enumerate()
        elif isinstance(graphs, GraphBatch):
            self.space.check(graphs)
        graphs = self._graphs(graphs)
        if not len(graphs):
            raise InputError("embed needs at least one architecture, got none")
        return Embedding(self.space, graphs, self.vectors(graphs), extend=self.vectors)

    @torch.no_grad()
    def decode(
        self,
        Z: Float32[NDArray[np.float32], "N V latent"],
        *,
        rules: bool = False,
        temperature: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> GraphBatch:
        """The most probable graph of each latent point (N, V, latent).

        Args:
            Z: the points of the latent space to decode.
            rules: whether only architectures of the space are looked at, see
                :meth:`arch2vec.SearchSpace.most_likely`. Without, as in the paper, each operation and
                each edge is the most probable on its own, and the graph need not be an architecture. Edges that
                the space gives are as they are given.
            temperature: with ``rules``, of noise on what the decoder believes
                (:func:`arch2vec.models.generation.perturbed`): 0 for none, 1 to draw from what it believes.
            rng: where the noise is drawn from.

        Raises:
            InputError: with ``rules``, a point is not finite; a temperature is below 0, or given
                without ``rules`` or ``rng``.
        """
        check_temperature(temperature)
        if temperature and (not rules or rng is None):
            raise InputError("a temperature needs decoding under rules, and a generator to draw the noise from")
        if rules:
            parts = []
            for beliefs in self._beliefs(Z):
                noisy = perturbed(*beliefs, temperature, rng) if rng is not None and temperature else beliefs
                parts.append(self.space.most_likely(*noisy))
            return GraphBatch.concatenate(parts)
        parts, together = [], self._together(_DECODED)
        for start in range(0, len(Z), together):
            ops, adjacency = self.model.decode(torch.from_numpy(Z[start : start + together]).to(self.device))
            parts.append(GraphBatch(ops.cpu().numpy(), adjacency.cpu().numpy()))
        decoded = GraphBatch.concatenate(parts)
        given = None if self.config.function_graph else self.space.given_edges
        return decoded if given is None else GraphBatch(decoded.ops, np.tile(given, (len(decoded), 1, 1)))

    @torch.no_grad()
    def _beliefs(self, Z: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """What the decoder believes of points, some at a time: see :meth:`arch2vec.SearchSpace.most_likely`."""
        if not np.isfinite(Z).all():
            raise InputError("points of the latent space must be finite numbers")
        for start in range(0, max(1, len(Z)), _DECODED):
            points = torch.from_numpy(Z[start : start + _DECODED]).to(self.device)
            operation_logits, edge_logits = self.model.decoder(points)
            yield operation_logits.cpu().numpy(), edge_logits.cpu().numpy()

    @as_annotated
    def sample_prior(self, n: int, rng: np.random.Generator) -> Float32[NDArray[np.float32], "n V latent"]:
        """(n, V, latent) standard normal draws, scaled and shifted to the training embedding."""
        mean, std = self.prior
        return rng.standard_normal((n, *mean.shape), dtype=np.float32) * std + mean

    @as_annotated
    def generate(
        self,
        n: int,
        rng: np.random.Generator,
        *,
        rules: bool = True,
        temperature: float = 0.0,
        prior: LatentPrior | None = None,
        distinct: bool = False,
        known: NDArray[np.uint64] | None = None,
    ) -> GraphBatch:
        """``n`` graphs decoded from draws of the prior.

        Args:
            n: how many graphs to decode.
            rng: of the draws.
            rules: whether only architectures are decoded, as in :meth:`decode`.
            temperature: as in :meth:`decode`.
            prior: another prior than :meth:`sample_prior`, such as
                :class:`arch2vec.models.generation.JointPrior`.
            distinct: whether to go on drawing until there are ``n`` of which no two are isomorphic.
            known: fingerprints of graphs to leave out, of those that the encoder has learned from for example.

        Raises:
            InputError: ``n`` is below 1; there are not so many distinct ones, or so many distinct (or
                unknown) ones are not found; see :meth:`decode`.
        """
        if n < 1:
            raise InputError(f"at least 1 architecture has to be asked for, got {n}")
        if distinct and rules:
            self.space.check_sample_size(n)
        sample = self.sample_prior if prior is None else prior.sample

        def draw(number: int) -> GraphBatch:
            return self.decode(sample(number, rng), rules=rules, temperature=temperature, rng=rng)

        return collected(draw, n, distinct, known) if distinct or known is not None else draw(n)

    @as_annotated
    def interpolate(self, a: Architectures, b: Architectures, steps: int = 10) -> GraphBatch:
        """Architectures on the way from one to another: those that points between them decode to.

        A vertex that only one of the two has stays at that one's point; how many vertices there are
        follows from where the decoder sees the output.

        Args:
            a: the first, a batch of one or its text.
            b: the last, likewise.
            steps: into how many equal parts the straight line between them is divided.

        Returns:
            ``a``, the architectures between, ``b``; no two next to each other are isomorphic. One
            graph if ``a`` and ``b`` are isomorphic.

        Raises:
            InputError: a graph is no architecture of this space, or not one; ``steps`` is below 1.
        """
        if steps < 1:
            raise InputError(f"at least 1 step is needed, got {steps}")
        a, b = self._graphs(a), self._graphs(b)
        for end in (a, b):
            if len(end) != 1:
                raise InputError(f"interpolation is between two batches of one architecture, got one of {len(end)}")
            self.space.check(end)
        if fingerprint(a) == fingerprint(b):
            return a
        first, last = self.encode(a), self.encode(b)
        in_first, in_last = self.read(a).mask[:, :, None], self.read(b).mask[:, :, None]
        first, last = np.where(in_first, first, last), np.where(in_last, last, first)
        share = (np.arange(1, steps, dtype=np.float32) / np.float32(steps))[:, None, None]
        between = self.decode(first * (1 - share) + last * share, rules=True)
        return without_repeats(GraphBatch.concatenate([a, between, b]))

    @as_annotated
    def save(self, path: AnyPath) -> None:
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
    @as_annotated
    def load(cls, path: AnyPath, device: Device = CPU, space: SearchSpace | None = None) -> Encoder:
        """Read what :meth:`save` wrote. Runs no code from the file.

        Args:
            path: the file, or the folder of a run.
            device: where it is to compute, such as ``cuda``; None for a GPU if there is one.
            space: the space it was trained on; needed only where that is Python code of
                your own.

        Raises:
            InputError: the file is missing, damaged, no encoder or of another space, or there is no such device.
        """
        path, place = _file_of(Path(path)), get_device(device)
        arrays, metadata = read_arrays(path)
        if metadata.get("kind") != _KIND:
            raise InputError(f"{path} is not an encoder; 'arch2vec pretrain' writes one")
        space = stored_space(metadata.get("space", ""), space, path)
        try:
            if missing := {"config", "pooling", "training"} - metadata.keys():
                raise InputError(f"it does not say its {min(missing)}")
            config = ModelConfig(**checked(parse_json(metadata["config"], "its config"), _CONFIG, "its config"))
            training = checked(parse_json(metadata["training"], "its training"), mapping(anything), "its training")
            pooling = metadata["pooling"]
            pools_of(pooling)
            prior = arrays.pop("prior", np.empty(0))
            _check_prior(prior, (2, space.num_vertices, config.latent))
            weights = {name.removeprefix("model."): array for name, array in arrays.items()}
            operations = space.num_operations
            model = stored_model(
                lambda: GraphAutoencoder(config, operations, torch.Generator(), pooling), config.layers, weights
            )
        except (TypeError, InputError) as error:
            raise InputError(f"{path} is a damaged encoder: {error}") from error
        return cls(space, model.to(place), config, pooling, prior, training)


def _check_prior(prior: NDArray[Any], shape: tuple[int, ...]) -> None:
    if prior.shape != shape or prior.dtype != np.float32:
        raise InputError(f"its prior is {prior.shape} {prior.dtype}, not {shape} float32")
    if not np.isfinite(prior).all() or (prior[1] < 0).any():
        raise InputError("its prior holds a number that is not finite, or a negative deviation")


def _file_of(path: Path) -> Path:
    """The encoder's file, where ``path`` is the folder of a run.

    Raises:
        InputError: the folder holds none.
    """
    if not path.is_dir():
        return path
    if (path / FINISHED).exists():
        return path / FINISHED
    if (path / "config.json").exists():
        raise InputError(f"the run in {path} is not finished; repeat its 'arch2vec pretrain' command to resume it")
    raise InputError(f"no run in {path}; make one with: arch2vec pretrain SPACE --out {path}")
