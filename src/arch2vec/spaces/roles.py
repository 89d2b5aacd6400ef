"""What a space's operations do to the data that flows through a cell, as far as that can be said without running it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arch2vec.graphs import GraphBatch

_WEIGHTED = re.compile(
    r"conv|linear|dense|lstm|gru|rnn|attention|attn|transformer|mlp|fc\d|^fc|_fc|embed|bottleneck|mbconv|inverted|^mb|"
    r"sep_|dil_|ffn|feedforward|moe|mixer|squeeze|^se_|glu"
)
"""Names of operations that have trainable weights in the spaces that are published."""


@dataclass(frozen=True)
class Roles:
    """Codes of operations, by what they do.

    Attributes:
        outputs: of the vertices that nothing reads; cells of several outputs have one code for each.
        skip: they give on the sum of what they read.
        zero: they give nothing.
        weighted: they have trainable weights.
        free: they have none, and are neither of the above, nor inputs or outputs.
    """

    outputs: tuple[int, ...]
    skip: tuple[int, ...] = ()
    zero: tuple[int, ...] = ()
    weighted: tuple[int, ...] = ()
    free: tuple[int, ...] = ()


def guess_weighted(names: Iterable[str]) -> list[str]:
    """Those of the names that sound like operations with trainable weights."""
    return [name for name in names if _WEIGHTED.search(name.lower())]


def roles_by_name(
    operations: Sequence[str],
    inputs: Sequence[int],
    outputs: Sequence[int],
    skip: Iterable[str] = (),
    zero: Iterable[str] = (),
    weighted: Iterable[str] | None = None,
) -> Roles:
    """The roles of a vocabulary.

    Args:
        operations: the names of all operations of the space.
        inputs: codes of input vertices.
        outputs: codes of output vertices.
        skip: names of operations that pass on what they read.
        zero: names of operations whose result is zero.
        weighted: names, None to go by how they sound (:func:`guess_weighted`).
    """
    skips, zeros = tuple(map(operations.index, skip)), tuple(map(operations.index, zero))
    others = [code for code in range(len(operations)) if code not in {*inputs, *outputs, *skips, *zeros}]
    names = guess_weighted(operations[code] for code in others) if weighted is None else list(weighted)
    heavy = tuple(code for code in others if operations[code] in names)
    return Roles(tuple(outputs), skips, zeros, heavy, tuple(code for code in others if code not in heavy))


def ends_of(graphs: GraphBatch) -> tuple[list[int], list[int]]:
    """Codes of the operations of the vertices that read nothing, and of those that nothing reads."""
    no_source = graphs.mask & ~graphs.adjacency.any(axis=1)
    no_reader = graphs.mask & ~graphs.adjacency.any(axis=2)
    return sorted({*graphs.ops[no_source].tolist()}), sorted({*graphs.ops[no_reader].tolist()})
