"""Cells of declared search spaces as PyTorch networks.

A declaration says which operations there are, not what they do. A network needs a
layer for each: those that the declaration calls ``skip`` or ``zero`` are known, those
named like one of :data:`LAYERS` (``conv3x3``, ``sep_conv_5x5``, ``nor_conv_1x1``) are taken
for it, and the user says the rest: one of these, or a class of the user's own, ``python:FILE.py:CLASS``, that is
made with a number of channels and maps (B, C, H, W) to the same shape.

In a cell, an operation reads the sum of what leads to it, the output is the sum of
what leads to it, and all have the same channels and resolution; this is the meaning
under which :mod:`arch2vec.spaces.declared.functions` tells which cells compute the same.
Around the cells is the skeleton of :mod:`arch2vec.networks.staged`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from typing_extensions import override

from arch2vec.common.user_code import load_object
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.networks.darts_operations import operation
from arch2vec.networks.layers import relu_conv_norm
from arch2vec.networks.staged import StagedNetwork
from arch2vec.spaces.declared.space import DeclaredSpace
from arch2vec.spaces.nasbench201.cost import NASBench201Skeleton

SKIP, ZERO = "skip", "zero"
OWN = "python:"
"""What the name of a layer of the user's own starts with."""

_CELL_OPERATIONS = (
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "max_pool_3x3",
    "avg_pool_3x3",
)


def _convolution(kernel: int, channels: int) -> nn.Module:
    return relu_conv_norm(channels, channels, kernel)


ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
}
"""Layers that are an activation alone. An operation of such a name may well be more, so the user has to say it."""


def _activation(name: str, channels: int) -> nn.Module:
    del channels
    return ACTIVATIONS[name]()


LAYERS: Mapping[str, Callable[[int], nn.Module] | None] = {
    **{f"conv_{kernel}x{kernel}": partial(_convolution, kernel) for kernel in (1, 3, 5, 7)},
    **{name: partial(operation, name, stride=1) for name in _CELL_OPERATIONS},
    **{name: partial(_activation, name) for name in ACTIVATIONS},
    SKIP: None,
    ZERO: None,
}
"""What an operation can be: from the number of channels to the layer; None for the two that need none.

``conv`` is ReLU, convolution and batch norm; ``sep_conv`` twice ReLU, depthwise and pointwise
convolution and batch norm; ``dil_conv`` the same once with dilation 2.
"""


class DeclaredNetwork(StagedNetwork):
    """The network of one architecture.

    Args:
        space: a declared space.
        architecture: in its notation.
        skeleton: width, depth, input channels and classes.
        generator: the only source of the weights, None for a network without any on the ``meta`` device.
        layers: for operations of the space, which of :data:`LAYERS` they are, or whose class.

    Raises:
        InputError: the architecture is malformed, an entry of ``layers`` is wrong, or
            it is not known what an operation of the architecture is.
    """

    def __init__(
        self,
        space: DeclaredSpace,
        architecture: str,
        skeleton: NASBench201Skeleton,
        generator: torch.Generator | None,
        layers: Mapping[str, str] | None = None,
    ) -> None:
        graph = space.parse([architecture])
        names = layer_names(space, [space.operations[code] for code in graph.ops[0, graph.mask[0]].tolist()], layers)
        inputs, outputs = space.declaration.inputs, space.declaration.outputs
        super().__init__(lambda channels: DeclaredCell(graph, names, channels, inputs, outputs), skeleton, generator)
        if generator is not None:
            for cell in self.body:
                if isinstance(cell, DeclaredCell):
                    cell.draw_own(generator)


class DeclaredCell(nn.Module):
    """One cell; maps (B, C, H, W) to the same shape. Every input reads the same, and outputs are summed.

    Args:
        graph: a batch of one.
        names: of each vertex's layer; those of inputs and outputs don't count.
        channels: C, the channels that the cell works with.
        inputs: how many vertices are inputs, the first ones.
        outputs: how many are outputs, the last ones.
    """

    def __init__(
        self, graph: GraphBatch, names: Sequence[str], channels: int, inputs: int = 1, outputs: int = 1
    ) -> None:
        super().__init__()
        self.names = [*names[:-outputs], *[SKIP] * outputs]
        self.inputs, self.outputs = inputs, range(len(names) - outputs, len(names))
        self.reads = [graph.adjacency[0, :, vertex].nonzero()[0].tolist() for vertex in range(len(names))]
        layers = {}
        for vertex in range(inputs, self.outputs.start):
            made = _layer(names[vertex], channels)
            if made is not None:
                layers[str(vertex)] = made
        self._channels = channels
        self.layers = nn.ModuleDict(layers)
        self.computed = {*self.outputs}  # vertices on which an output depends; the others are left out
        for vertex in range(len(names) - 1, inputs - 1, -1):
            if vertex in self.computed and self.names[vertex] != ZERO:
                self.computed.update(self.reads[vertex])

    def draw_own(self, generator: torch.Generator) -> None:
        """Make the layers of the user's classes anew, with weights of theirs, from a seed that is drawn."""
        for vertex, name in enumerate(self.names):
            if name.startswith(OWN):
                seed = int(torch.randint(2**62, (), generator=generator))
                with torch.random.fork_rng(devices=[]), torch.device(generator.device):
                    torch.manual_seed(seed)
                    made = _layer(name, self._channels)
                assert made is not None
                self.layers[str(vertex)] = made

    @override
    def forward(self, x: Tensor) -> Tensor:
        values: list[Tensor | None] = [x] * self.inputs  # None stands for zero
        for vertex in range(self.inputs, len(self.names)):
            if vertex not in self.computed or self.names[vertex] == ZERO:
                values.append(None)
                continue
            terms = [value for value in (values[source] for source in self.reads[vertex]) if value is not None]
            total = _sum(terms)
            if str(vertex) in self.layers:
                total = self.layers[str(vertex)](torch.zeros_like(x) if total is None else total)
            values.append(total)
        output = _sum([value for value in values[self.outputs.start :] if value is not None])
        return torch.zeros_like(x) if output is None else output


def _layer(name: str, channels: int) -> nn.Module | None:
    """The layer of a name, None where it needs none.

    Raises:
        InputError: the user's class cannot be used.
    """
    if not name.startswith(OWN):
        make = LAYERS[name]
        return None if make is None else make(channels)
    found, _ = load_object(name.removeprefix(OWN), "layer", "CLASS")
    try:
        made = found(channels)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{name} is called with a number of channels, and fails for {channels}: {reason}") from error
    if not isinstance(made, nn.Module):
        raise InputError(f"{name} makes {type(made).__name__}, a torch.nn.Module is needed")
    images = torch.empty(2, channels, 8, 8)
    if images.is_meta:  # where a network is laid out
        try:
            result = made(images)
        except NotImplementedError:  # it looks at values
            return made
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(f"{name} fails for a tensor of {tuple(images.shape)}: {reason[:200]}") from error
        if getattr(result, "shape", None) != images.shape:
            got = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
            raise InputError(f"{name} makes {got} of a tensor of {tuple(images.shape)}; the same shape is needed")
    return made


def _sum(terms: Sequence[Tensor]) -> Tensor | None:
    """The sum from left to right, None for zero."""
    if not terms:
        return None
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def layer_names(space: DeclaredSpace, operations: Sequence[str], layers: Mapping[str, str] | None) -> list[str]:
    """Which of :data:`LAYERS` each operation is.

    Args:
        space: to which the operations belong.
        operations: of a cell's vertices, inputs first and outputs last, as the space's vocabulary has them.
        layers: what the user says.

    Raises:
        InputError: an operation is of no known kind, or ``layers`` has an entry that is wrong.
    """
    given = dict(layers or {})
    for name, layer in given.items():
        if name not in space.declaration.names:
            known = ", ".join(space.declaration.names)
            raise InputError(f"{space.name} has no operation {name!r}; it has {known}")
        if layer not in LAYERS and not layer.startswith(OWN):
            raise InputError(
                f"unknown layer {layer!r} for the operation {name!r}; known: {', '.join(LAYERS)}; or {OWN}FILE.py:CLASS"
            )
    squashed = {_squashed(layer): layer for layer in LAYERS if layer not in ACTIVATIONS} | {
        "identity": SKIP,
        "none": ZERO,
    }
    declared = space.declaration
    variants = {variant.label: variant for variant in declared.variants}
    names = [SKIP] * declared.inputs
    for label in operations[declared.inputs : len(operations) - declared.outputs]:
        name, role = variants[label].name, variants[label].role
        elsewhere = any(other.name == name and other.role for other in variants.values())
        known_as = {"skip": SKIP, "zero": ZERO}.get(role, squashed.get(_squashed(name)))
        if not role and elsewhere and known_as in (SKIP, ZERO):
            known_as = None  # it sounds like a skip and is none here
        # What is said of a name holds where it is not declared to be a skip or zero.
        meant = known_as if label != name else given.get(name, known_as)
        if meant is None:
            raise InputError(
                f"it is not known what layer the operation {name!r} of {space.name} is; say so, to export as "
                f"--operation {name}=LAYER, to train: and proxy: as layers={name}:LAYER; a LAYER is {OWN}FILE.py:CLASS "
                f"or one of {', '.join(LAYERS)}"
            )
        names.append(meant)
    return [*names, *[SKIP] * declared.outputs]


def _squashed(name: str) -> str:
    """A name without what spellings of the same operation differ in."""
    return re.sub(r"^nor_|connect$|[\W_]", "", name.lower())
