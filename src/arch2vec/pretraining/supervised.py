"""Representations learned from accuracies, the paper's supervised counterpart of pre-training.

:func:`train_supervised` fits an encoder and a linear output to evaluated
architectures. What comes out embeds any graph of the space, as a pre-trained
:class:`arch2vec.Encoder` does, and predicts its value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from arch2vec.common.documents import checked, number, optional, parse_json, record, row, text, whole
from arch2vec.common.schedules import cosine
from arch2vec.common.storage import read_arrays, write_arrays
from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError, unknown
from arch2vec.graphs import GraphBatch
from arch2vec.models.adam import FlatAdam
from arch2vec.models.encoders import ENCODERS
from arch2vec.models.flat import clip_gradient, flatten_parameters
from arch2vec.models.inputs import GraphStore, GraphTensors
from arch2vec.models.losses import ranking_loss
from arch2vec.models.regressor import Regressor, RegressorConfig
from arch2vec.models.stored import stored_model
from arch2vec.spaces import SearchSpace, stored_space

_KIND = "arch2vec supervised encoder"
_BATCH = 512  # graphs encoded at a time: their activations stay in the cache
_MODEL = {"encoder": text(*ENCODERS), "hidden": whole(1), "layers": whole(1), "latent": whole(1)}
LOSSES = ("squares", "ranking")
_CONFIG = record(
    {
        "model": record({**_MODEL, "pooling": text("mean", "sum")}),
        "epochs": whole(1),
        "batch_size": optional(whole(1)),
        "learning_rate": number(),
        "weight_decay": number(),
        "gradient_clip": number(),
    },
    {"loss": text(*LOSSES)},
)


@dataclass(frozen=True)
class SupervisedConfig:
    """How a representation is learned from accuracies.

    The defaults are the best of some ten settings on NAS-Bench-201 (Kendall's tau of
    predictions from 100 labels, 6 seeds: 0.566; 0.549 with 100 epochs at 1e-3; 0.516 with
    all labels in every step); half the epochs lose next to nothing.

    Attributes:
        model: the shape of encoder and output.
        epochs: passes over the evaluated architectures.
        batch_size: of them a step, at most; None for all.
        learning_rate: of Adam at the start; it falls to zero along half a cosine.
        weight_decay: decoupled, a share of the weights per unit of learning rate (AdamW).
        gradient_clip: the largest norm of a gradient.
        loss: the mean of ``squares`` of the standardised values' errors, or of
            :func:`arch2vec.models.losses.ranking_loss`, which asks for their order alone: predictions
            are then no values.
    """

    model: RegressorConfig = field(default_factory=RegressorConfig)
    epochs: int = 50
    batch_size: int | None = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    gradient_clip: float = 5.0
    loss: Literal["squares", "ranking"] = "squares"

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        if self.epochs < 1:
            raise InputError(f"epochs must be at least 1, got {self.epochs}")
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch_size must be at least 1, or None for all, got {self.batch_size}")
        for name in ("learning_rate", "gradient_clip"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.weight_decay >= 0:
            raise InputError(f"weight_decay must not be negative, got {self.weight_decay}")


class SupervisedEncoder:
    """A trained regressor with all that is needed to use it.

    Attributes:
        space: the search space it was trained on.
        regressor: in evaluation mode; its output is (value - centre) / spread.
        config: how it was trained.
        centre: mean of the values it was trained on.
        spread: their standard deviation, 1 if they were all equal.
    """

    def __init__(
        self, space: SearchSpace, regressor: Regressor, config: SupervisedConfig, centre: float, spread: float
    ) -> None:
        self.space = space
        self.regressor = regressor.eval()
        self.config = config
        self.centre = centre
        self.spread = spread

    def embed(self, graphs: GraphBatch) -> NDArray[np.float32]:
        """(N, latent) one vector an architecture: its vertices' vectors, pooled."""
        return self._each(graphs, self.regressor.vectors)

    def basis(self, graphs: GraphBatch) -> NDArray[np.float32]:
        """(N, latent) what the predictions are linear in: tanh of the vectors."""
        return self._each(graphs, self.regressor.basis)

    def predict(self, graphs: GraphBatch) -> NDArray[np.float64]:
        """(N,) predicted values, in the unit of those it was trained on."""
        return self._each(graphs, self.regressor).astype(np.float64) * self.spread + self.centre

    @torch.no_grad()
    def _each(self, graphs: GraphBatch, function: Callable[[GraphTensors], Tensor]) -> NDArray[np.float32]:
        store = GraphStore(graphs, self.space.num_operations, torch.device("cpu"))
        return torch.cat([function(batch) for batch in store.batches(_BATCH)]).numpy()

    def save(self, path: Path) -> None:
        """Write the encoder as one safetensors file, atomically."""
        arrays = {name: tensor.numpy() for name, tensor in self.regressor.state_dict().items()}
        metadata = {
            "kind": _KIND,
            "space": self.space.reference,
            "config": json.dumps(asdict(self.config)),
            "scale": json.dumps([self.centre, self.spread]),
        }
        write_arrays(path, arrays, metadata)

    @classmethod
    def load(cls, path: Path, space: SearchSpace | None = None) -> SupervisedEncoder:
        """Read what :meth:`save` wrote. Runs no code from the file.

        Args:
            path: the file to read, made by :meth:`save`.
            space: the space it was trained on; needed only where that is Python code of your own.

        Raises:
            InputError: the file is missing, damaged, no such encoder or of another space.
        """
        arrays, metadata = read_arrays(path)
        if metadata.get("kind") != _KIND:
            raise InputError(f"{path} is not a supervised encoder")
        space = stored_space(metadata.get("space", ""), space, path)
        try:
            recorded = checked(parse_json(metadata.get("config", ""), "its config"), _CONFIG, "its config")
            config = SupervisedConfig(**{**recorded, "model": RegressorConfig(**recorded["model"])})
            scale = row(number(), number())
            centre, spread = checked(parse_json(metadata.get("scale", ""), "its scale"), scale, "its scale")
            operations = space.num_operations
            regressor = stored_model(
                lambda: Regressor(config.model, operations, torch.Generator()), config.model.layers, arrays
            )
        except (TypeError, InputError) as error:
            raise InputError(f"{path} is a damaged supervised encoder: {error}") from error
        return cls(space, regressor, config, centre, spread)


def train_supervised(
    space: SearchSpace,
    graphs: GraphBatch,
    values: ArrayLike,
    config: SupervisedConfig | None = None,
    seed: int = 0,
    start: Mapping[str, Tensor] | None = None,
) -> SupervisedEncoder:
    """Learn a representation of a space from the values of some of its architectures.

    Minimises the loss in one thread. The result follows from the arguments, bit for bit.

    Args:
        space: the space the graphs are of.
        graphs: N evaluated architectures.
        values: (N,) what they are worth, in any unit.
        config: the shape of the network and how it is trained.
        seed: of the initial weights and the order of the graphs.
        start: weights to begin with, by name, in the place of drawn ones; see
            :func:`arch2vec.pretraining.fine_tuning.start_of`.

    Raises:
        InputError: no graphs, not as many values as graphs, or a value that is not finite.
    """
    config = config or SupervisedConfig()
    targets, centre, spread = checked_targets(graphs, values)
    generator = torch.Generator().manual_seed(seed)
    with thread_count(1):
        regressor = started(Regressor(config.model, space.num_operations, generator), start)
        store = GraphStore(graphs, space.num_operations, torch.device("cpu"))
        _fit(regressor, store, torch.from_numpy(targets).float(), config, generator)
    return SupervisedEncoder(space, regressor, config, centre, spread)


def started(regressor: Regressor, start: Mapping[str, Tensor] | None) -> Regressor:
    """The regressor with the weights to begin with; what they do not name stays as it was drawn."""
    if start is not None:
        regressor.load_state_dict({**regressor.state_dict(), **start})
    return regressor


def checked_targets(graphs: GraphBatch, values: ArrayLike) -> tuple[NDArray[np.float64], float, float]:
    """The values (N,) of N graphs standardised, their centre and their spread; 1 for values that are all equal.

    Raises:
        InputError: as :func:`train_supervised` does.
    """
    targets = np.asarray(values, dtype=np.float64)
    if targets.shape != (len(graphs),) or len(graphs) == 0:
        raise InputError(f"{len(graphs)} graphs need as many values, and at least one; got values {targets.shape}")
    if not np.isfinite(targets).all():
        raise InputError(f"value {int(np.flatnonzero(~np.isfinite(targets))[0])} is not finite: leave failures out")
    centre, deviation = float(targets.mean()), float(targets.std())
    spread = deviation if deviation > 1e-12 * float(np.abs(targets).max()) else 1.0
    return (targets - centre) / spread, centre, spread


def _fit(
    regressor: Regressor, store: GraphStore, targets: Tensor, config: SupervisedConfig, generator: torch.Generator
) -> None:
    n = len(store)
    batches = 1 if config.batch_size is None else -(-n // config.batch_size)
    bounds = [n * batch // batches for batch in range(batches + 1)]  # of sizes that differ by one at most
    flat = flatten_parameters(regressor)
    assert flat.grad is not None
    adam = FlatAdam(flat, weight_decay=config.weight_decay)
    steps = config.epochs * batches
    regressor.train()
    graphs = store.expand(slice(None))
    for step in range(steps):
        if step % batches == 0:
            order = torch.randperm(n, generator=generator)
        rows = order[bounds[step % batches] : bounds[step % batches + 1]]
        batch = GraphTensors(graphs.X[rows], graphs.A[rows], None if graphs.mask is None else graphs.mask[rows])
        flat.grad.zero_()
        loss = ranking_loss if config.loss == "ranking" else torch.nn.functional.mse_loss
        loss(regressor(batch), targets[rows]).backward()  # type: ignore[no-untyped-call]
        clip_gradient(flat, config.gradient_clip)
        adam.step(flat.grad, cosine(config.learning_rate, step, steps))
    regressor.eval()
