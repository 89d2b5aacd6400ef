"""The settings of a pre-training run, and the two protocols: the paper's and its public release's."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from arch2vec.common.documents import anything, checked, flag, mapping, number, optional, record, text, whole
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError, unknown
from arch2vec.models.autoencoder import MODELS, PRECISIONS, ModelConfig, Precision
from arch2vec.models.encoders import GINEncoder
from arch2vec.models.graph_inputs import targets_of
from arch2vec.models.losses import ACTIVATIONS, OperationActivation
from arch2vec.models.pooling import pools_of


@dataclass(frozen=True)
class Protocol:
    """What the paper says and what its public release does differ in these points.

    Attributes:
        training_mode: whether sampling, dropout and batch statistics stay on
            ``throughout``, or only in the ``first epoch``: the release switches the
            model to evaluation mode for its first validity check and never back.
        shuffle: the order of the training graphs is drawn anew for ``every epoch``
            or ``once``.
        pooling: how a vector is made from the vertices' means.
        base_rate: whether operations start at their base rate, see
            :meth:`arch2vec.models.decoder.Decoder.start_at_base_rate`; the release
            starts from PyTorch's default, which with training mode throughout
            leaves it to the seed whether ten epochs are enough.
    """

    training_mode: Literal["throughout", "first epoch"]
    shuffle: Literal["every epoch", "once"]
    pooling: Literal["sum", "mean"]
    base_rate: bool


PROTOCOLS: dict[str, Protocol] = {
    "paper": Protocol("throughout", "every epoch", "sum", base_rate=True),
    "release": Protocol("first epoch", "once", "mean", base_rate=False),
}

PAPER_BATCH_SIZE = 32

_SIGMOID_OPERATIONS = 8

Schedule = Literal["constant", "cosine"]
SCHEDULES: tuple[Schedule, ...] = ("constant", "cosine")


@dataclass(frozen=True)
class PretrainConfig:
    """A pre-training run; the defaults are the paper's.

    >>> import arch2vec
    >>> config = arch2vec.PretrainConfig(batch_size=256, learning_rate=3e-3, schedule="cosine")
    >>> config.epochs, config.protocol
    (10, 'paper')

    Attributes:
        model: which model and its shape.
        protocol: a key of :data:`PROTOCOLS`.
        activation: of the operation logits; None for :func:`default_activation`.
        epochs: passes over the training split.
        further: so many more at most, as long as reconstruction is not good and gets better
            (:mod:`arch2vec.pretraining.patience`), and as long as there are at most 10,000 steps; none in the paper's
            setting, or with several processes.
        batch_size: graphs a step.
        learning_rate: of Adam; with a schedule, that of the first step.
        schedule: how the learning rate goes on, ``constant`` (paper) or ``cosine``, down
            to 0 at the last step.
        warmup: share of all steps in which the learning rate rises from 0 to what the schedule says;
            0 (paper) for none. Only with a schedule, which knows how many steps there are.
        kl_warmup: share of all steps in which the factor of the KL divergence rises from 0 (Bowman et
            al., CoNLL 2016); 0 (paper) for none. Only with a schedule.
        eps: where the graph isomorphism layers' eps starts, 0 in the paper; see
            :meth:`arch2vec.models.encoders.GINEncoder.start_eps`.
        beta2: of Adam, the share of the mean of squared gradients that a step keeps.
        after: epochs that follow those of a schedule, at a tenth of the learning rate, as
            further ones do; how a finished run gets more of them.
        gradient_clip: largest norm of the gradient.
        sample: how many architectures to draw from the space (by ``seed``) and learn
            from, None for all of it. Spaces too large to list need one.
        stream: whether every epoch draws its share of ``sample`` anew instead of going
            over the same architectures again; see
            :class:`arch2vec.pretraining.data.StreamedGraphs`.
        held_out: share of the graphs kept for measuring reconstruction.
        kl_weight: factor of the KL divergence, by default 1 / (32 V), the
            paper's 1 / (B V) at its batch size, whatever the batch size here.
        threads: that PyTorch computes with; by default one for batches below 128, all
            otherwise. Two are a little faster at the paper's batch size on an idle
            machine and many times slower on a busy one; results depend on it in
            their last bits.
        processes: that share every batch (:mod:`arch2vec.pretraining.processes`). Results are those
            of one process but for rounding.
        precision: of the encoder's matrix products in training: ``bfloat16`` on
            processors that have it is faster at large batches, see
            :meth:`arch2vec.models.autoencoder.GraphAutoencoder.loss`.
        compile: whether the encoder is compiled for training, which takes a C++ compiler
            and about a minute, and is then up to 15 % faster; only for a single process.
        replay: whether a training step is recorded once and replayed
            (:mod:`arch2vec.pretraining.replay`); on a GPU, for a single process.
        seed: of the split, the initial weights, the order and all noise.
        pools: how vertices' means become an architecture's vector: names of
            :data:`arch2vec.models.pooling.POOLS`, separated by commas, None for the protocol's.
        targets: what a linear head learns to predict from the vector beside
            reconstruction: names for :func:`arch2vec.models.graph_inputs.targets_of`; None (paper) for nothing.
        target_weight: factor of the mean squared error of the standardised targets, and of the loss of ranking.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    protocol: str = "paper"
    activation: OperationActivation | None = None
    epochs: int = 10
    batch_size: int = PAPER_BATCH_SIZE
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    gradient_clip: float = 5.0
    sample: int | None = None
    stream: bool = False
    held_out: float = 0.1
    kl_weight: float | None = None
    threads: int | None = None
    processes: int = 1
    precision: Precision = "float32"
    compile: bool = False
    replay: bool = False
    seed: int = 0
    pools: str | None = None
    targets: str | None = None
    target_weight: float = 1.0
    further: int = 0
    warmup: float = 0.0
    kl_warmup: float = 0.0
    eps: float = 0.0
    beta2: float = 0.999
    after: int = 0

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise unknown("protocol", self.protocol, PROTOCOLS)
        if self.activation is not None and self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        for name in ("epochs", "batch_size", "processes"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.further < 0:
            raise InputError(f"further epochs are 0 or more, got {self.further}")
        for name in ("warmup", "kl_warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is a share of all steps from 0 to below 1, got {getattr(self, name)}")
            if getattr(self, name) and self.schedule == "constant":
                raise InputError(f"{name} is a share of the steps of a schedule: give one, such as cosine")
        if not 0 <= self.beta2 < 1:
            raise InputError(f"beta2 must be from 0 to below 1, got {self.beta2}")
        if not math.isfinite(self.eps):
            raise InputError(f"eps must be finite, got {self.eps}")
        if self.eps and MODELS[self.model.name].encoder is not GINEncoder:
            raise InputError(f"{self.model.name} averages over neighbours and has no eps; arch2vec has one")
        if self.after < 0:
            raise InputError(f"epochs after the schedule are 0 or more, got {self.after}")
        if self.after and self.schedule == "constant":
            raise InputError("a constant learning rate has no end for epochs to come after: give more epochs")
        if self.sample is not None and self.sample < 2:
            raise InputError(f"a sample has at least 2 architectures, got {self.sample}")
        if self.stream and self.sample is None:
            raise InputError("a stream needs a sample, the number of architectures that an epoch draws")
        if self.compile and self.processes > 1:
            raise InputError("compile is only for a single process")
        if self.replay and self.processes > 1:
            raise InputError("replay is only for a single process")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads must be at least 1, got {self.threads}")
        if self.pools is not None:
            pools_of(self.pools)
        if self.targets is not None and targets_of(self.targets).proxy is not None:
            # Pairs of a whole batch are compared, and each architecture is a network that is built.
            if self.stream:
                raise InputError("a ranking by a proxy needs architectures that stay: leave stream out")
            if self.processes > 1:
                raise InputError("a ranking by a proxy is only for a single process")
        if self.model.predicted and self.targets is None:
            raise InputError("a model that predicts needs targets")
        for name in ("learning_rate", "gradient_clip", "target_weight"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if not 0 < self.held_out < 1:
            raise InputError(f"held_out must be between 0 and 1, got {self.held_out}")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed must be between 0 and 2^63 - 1, got {self.seed}")


def pooling_of(config: PretrainConfig) -> str:
    """How the vectors of a run's encoder are pooled."""
    return PROTOCOLS[config.protocol].pooling if config.pools is None else config.pools


_RECORDED = record(
    {"model": mapping(anything), "epochs": whole(1), "batch_size": whole(1), "seed": whole(0)},
    {
        "sample": optional(whole(2)),
        "stream": flag,
        "held_out": number(0, 1),
        "learning_rate": number(),
        "gradient_clip": number(),
        "kl_weight": optional(number()),
        "threads": optional(whole(1)),
        "processes": whole(1),
        "compile": flag,
        "replay": flag,
        "pools": optional(text()),
        "targets": optional(text()),
        "target_weight": number(),
        "further": whole(0),
        "warmup": number(0, 1),
        "kl_warmup": number(0, 1),
        "eps": number(),
        "beta2": number(0, 1),
        "after": whole(0),
    },
)
"""What an encoder's record of its training must be like."""


def default_activation(protocol: str, num_operations: int) -> OperationActivation:
    """The activation of the operation logits where none is asked for.

    The paper's text has a softmax, its public release a sigmoid for each operation.
    Points off the training architectures' vectors decode to valid cells far more often
    with the sigmoid. With training mode throughout, however, the more operations there
    are, the longer it leaves them undistinguished: on DARTS (K = 11) to the end of ten
    epochs. So the sigmoid is for vocabularies of up to 8 operations, and for the
    ``release`` protocol.
    """
    return "sigmoid" if protocol == "release" or num_operations <= _SIGMOID_OPERATIONS else "softmax"


def config_of(encoder: Encoder) -> PretrainConfig:
    """The configuration an encoder was trained with.

    Raises:
        InputError: the encoder's record of it is damaged.
    """
    try:
        recorded = checked(encoder.training.get("config"), _RECORDED, "its configuration")
        return PretrainConfig(**{**recorded, "model": ModelConfig(**recorded["model"])})
    except (TypeError, InputError) as error:
        raise InputError(f"the encoder does not say how it was trained: {error}") from error
