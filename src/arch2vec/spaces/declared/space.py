"""Search spaces of the user's own, from a declaration of a few lines.

The declaration's fields are those of :class:`SpaceDeclaration`. As in the built-in spaces, a
graph's first vertex is the input and its last the output, operation k of the
declaration has code k + 1, and everything works on batches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.arguments import Count, as_annotated
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.base import SearchSpace
from arch2vec.spaces.declared.cells import MAX_LISTED, DeclaredCells
from arch2vec.spaces.declared.constraint import ConstrainedCells, Constraint
from arch2vec.spaces.declared.fields import SpaceDeclaration
from arch2vec.spaces.declared.fixed import FixedCells, adjacency_of
from arch2vec.spaces.declared.free import FreeCells
from arch2vec.spaces.declared.functions import function_labels
from arch2vec.spaces.declared.numbers import Scales
from arch2vec.spaces.declared.roles import anywhere
from arch2vec.spaces.declared.text import read_yaml, to_reference
from arch2vec.spaces.reading import Reading, literal, read_texts
from arch2vec.spaces.roles import Roles, guess_weighted, roles_by_name

_SPACED = re.compile(r"\s*([|+,;~])\s*")  # what separates the parts of an architecture
_MOST_ATTEMPTS = 200_000  # cells drawn at a time
_IDLE_DRAWS = 2_000_000  # draws without anything new after which a sample is given up


class DeclaredSpace(SearchSpace):
    """The search space that a declaration describes.

    >>> import arch2vec
    >>> declared = arch2vec.SpaceDeclaration(
    ...     "mine", ["relu", "tanh", "skip"], carries="vertices", vertices=5, max_edges=6, skip=["skip"]
    ... )
    >>> space = arch2vec.DeclaredSpace(declared)
    >>> space.size, space.format(space.enumerate())[:2]
    (965, ['01;00|input,output', '010;001;000|input,relu,output'])

    Isomorphic cells are one architecture: :meth:`enumerate` lists one of each, and
    :meth:`sample` draws from them uniformly. Every numbering of a cell is
    valid and can be parsed; it stays as it is written.

    Args:
        declaration: what the space is.
    """

    def __init__(self, declaration: SpaceDeclaration) -> None:
        self.declaration = declaration
        self.name = declaration.name
        inputs, outputs = declaration.ends
        self.operations = (*inputs, *(variant.label for variant in declaration.variants), *outputs)
        free = declaration.max_edges is not None
        self._cells: DeclaredCells = FreeCells(declaration) if free else FixedCells(declaration)
        if declaration.constraint is not None:
            self._cells = ConstrainedCells(self._cells, Constraint(declaration.constraint))
        self.num_vertices = self._cells.num_vertices

    @classmethod
    def from_yaml(cls, path: Path | str) -> DeclaredSpace:
        """The space that a YAML file declares.

        Raises:
            InputError: see :func:`arch2vec.spaces.declared.text.read_yaml`.
        """
        return cls(read_yaml(Path(path)))

    @property
    @override
    def reference(self) -> str:
        """The whole declaration, so that what refers to it needs no other file."""
        if type(self) is not DeclaredSpace and self.loaded_from is not None:
            return self.loaded_from  # a class that may do more than its declaration says
        return to_reference(self.declaration)

    # The base class's attributes are plain; here they are worked out when somebody asks, as that can take seconds.
    @cached_property
    def size(self) -> int | None:  # type: ignore[override]
        """How many architectures there are up to isomorphism, None where they are too many to be counted."""
        number = self._cells.size()
        if number is None and self.enumerable:
            number = len(self._list)
        return number

    @cached_property
    def enumerable(self) -> bool:  # type: ignore[override]
        """Whether there are at most about a million."""
        return self._cells.can_list()

    @cached_property
    def estimated_size(self) -> int:
        """The size where it is known, else an estimate of it.

        See :meth:`arch2vec.spaces.declared.symmetry.Labellings.estimate` (fixed topology)
        and :meth:`arch2vec.spaces.declared.drawing.NumberedCells.estimated_classes` (free).
        """
        return self._cells.estimated_size() if self.size is None else self.size

    @cached_property
    def _list(self) -> GraphBatch:
        """All architectures. Never handed out, only copies of it."""
        listed = self._cells.all_cells()
        if not len(listed):
            raise InputError(f"{self.name}: its constraint {self.declaration.constraint} allows no architecture")
        return listed

    @property
    @override
    def given_edges(self) -> NDArray[np.bool_] | None:
        return adjacency_of(self.declaration) if self.declaration.edges is not None else None

    @property
    @override
    def own_code(self) -> object | None:
        if isinstance(self._cells, ConstrainedCells) and type(self) is DeclaredSpace:
            return self._cells.constraint.function
        return super().own_code

    @property
    @override
    def _narrowed(self) -> bool:
        return isinstance(self._cells, ConstrainedCells) or super()._narrowed

    @override
    def enumerate(self) -> GraphBatch:
        """Every architecture, one of each isomorphism class.

        A fixed topology's are in the order of the first position's operations, then
        of the second's, and so on; a free one's by vertex count, then by shape, then by
        operations.
        """
        if not self.enumerable:
            raise InputError(
                f"{self.name} has about {self.estimated_size:,} architectures, more than the {MAX_LISTED:,} "
                "that are listed; sample some"
            )
        return GraphBatch(self._list.ops.copy(), self._list.adjacency.copy())

    @override
    @as_annotated
    def sample(self, n: Count, rng: np.random.Generator) -> GraphBatch:
        """``n`` architectures, no two isomorphic, every such set equally likely.

        In one case they are not quite: a fixed topology with more than 50,000
        symmetries and more than a million labellings gives an architecture a chance
        in proportion to the number of labellings that mean it.
        """
        if self.enumerable:
            if n > len(self._list):
                raise InputError(
                    f"{self.name} has {len(self._list):,} architectures, cannot sample {n:,} distinct ones"
                )
            return self._list[rng.choice(len(self._list), size=n, replace=False)]
        parts: list[GraphBatch] = []
        prints = np.empty(0, dtype=np.uint64)
        attempts, idle = min(_MOST_ATTEMPTS, max(64, n)), 0
        while len(prints) < n or not parts:
            drawn = self._cells.draw(attempts, rng)
            own = fingerprint(drawn)
            _, first = np.unique(own, return_index=True)
            new = np.sort(first)
            new = new[~np.isin(own[new], prints)]
            idle = 0 if len(new) else idle + attempts
            if idle > _IDLE_DRAWS:
                raise InputError(
                    f"{self.name}: {idle:,} draws after {len(prints):,} architectures gave no other, "
                    f"cannot sample {n:,} distinct ones"
                )
            parts.append(drawn[new])
            prints = np.concatenate([prints, own[new]])
            if 4 * len(drawn) < attempts:  # little is kept of what is drawn
                attempts = min(_MOST_ATTEMPTS, 2 * attempts)
        return GraphBatch.concatenate(parts)[slice(n)]

    @override
    def read(self, architectures: Sequence[str]) -> Reading:
        """Read what :meth:`parse` reads, also in quotes, spaced, or as lists of names (free: matrix and names)."""
        return read_texts(self._cells.parse, self._imported, architectures)

    def _imported(self, text: str) -> tuple[str, str | None] | None:
        value = literal(text)
        listed = self._cells.text_of(text) or self._cells.text_of(value)
        if listed is not None:
            return listed, "lists of names"
        return (_SPACED.sub(r"\1", text), None) if value is None else None

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        """Read architectures.

        Operations on the vertices of a fixed topology: ``op|op|op``, in the order of the
        vertices. On its edges: a group of ``op~source`` for every target node, as in
        NAS-Bench-201, ``|op~0|+|op~0|op~1|``. Free topology: rows of the adjacency
        matrix and operations as in NAS-Bench-101,
        ``010;001;000|input,op,output``.
        """
        return self.read(architectures).graphs

    @override
    def format(self, graphs: GraphBatch) -> list[str]:
        self.check(graphs)
        return self._cells.format(graphs)

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return self._cells.is_cell(graphs)

    @override
    def _most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        return self._cells.most_likely(op_logits, edge_logits)

    @override
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """One random edit of each graph.

        Fixed topology: another operation at a position, uniformly. Free: see
        :func:`arch2vec.spaces.declared.edits.random_edit`.
        """
        self.check(graphs)
        return self._cells.random_edit(graphs, rng)

    @override
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        """All architectures one edit away, one of each isomorphism class; the graph's own is none of them."""
        if len(graph) != 1:
            raise InputError(f"neighbors are those of one architecture, got {len(graph)}")
        self.check(graph)
        return self._cells.all_edits(graph)

    @override
    def function_classes(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        """(N,) labels, equal exactly for architectures that compute the same function.

        Where ``skip`` or ``zero`` operations are declared, skips are contracted and zeros
        dropped (:mod:`arch2vec.spaces.declared.functions`); else only isomorphic cells compute
        the same.
        """
        self.check(graphs)
        skip, zero = self._having("skip"), self._having("zero")
        if not skip and not zero:
            return super().function_classes(graphs)
        inputs, outputs = self.declaration.inputs, self.declaration.outputs
        last = None if outputs == 1 else len(self.operations) - outputs
        return function_labels(graphs, skip, zero, inputs, last)

    def _having(self, role: str) -> set[int]:
        """The codes of the operations in a role."""
        return {
            code
            for code, variant in enumerate(self.declaration.variants, start=self.declaration.inputs)
            if variant.role == role
        }

    @cached_property
    @override
    def roles(self) -> Roles:
        declared = self.declaration
        inputs, outputs = range(declared.inputs), range(len(self.operations) - declared.outputs, len(self.operations))
        labels = {role: [each.label for each in declared.variants if each.role == role] for role in ("skip", "zero")}
        active = [each for each in declared.variants if not each.role]
        if declared.weights is None:
            # What is a skip elsewhere and not here has something to learn here.
            sometimes = anywhere(declared.skip) if isinstance(declared.skip, Mapping) else set()
            weighted = {*guess_weighted(each.name for each in active), *sometimes}
        else:
            weighted = set(declared.weights)
        heavy = [each.label for each in active if each.name in weighted]
        return roles_by_name(self.operations, inputs, outputs, labels["skip"], labels["zero"], heavy)

    @cached_property
    def _scales(self) -> Scales:
        declared, (inputs, outputs) = self.declaration, self.declaration.ends
        names = (*inputs, *(variant.name for variant in declared.variants), *outputs)
        return Scales(names, declared.values, declared.attributes)

    @override
    def numbers(self, graphs: GraphBatch) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Of ``values`` and numeric ``attributes``: :meth:`arch2vec.spaces.declared.numbers.Scales.columns`."""
        return self._scales.columns(graphs, fixed=self.declaration.edges is not None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeclaredSpace) and type(self) is type(other) and self.declaration == other.declaration

    def __hash__(self) -> int:
        return hash(self.declaration)
