"""What the source files of networks are put together from.

The code is for people: plain PyTorch, in the order and with the names of our own
modules, so that weights fit and outputs are the same to the bit. Layers are copied from
the source of :mod:`arch2vec.networks.layers`. A file holds only what its network uses.
Names of a user's operations go into comments and quoted text only.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Sequence

from arch2vec.networks.layers import (
    AuxiliaryHead,
    ConvNorm,
    FactorisedReduction,
    Reduction,
    average,
    conv_norm,
    relu_conv_norm,
    separable,
)

_WIDTH = 110

PARTS = (ConvNorm, Reduction, average, conv_norm, relu_conv_norm, separable, FactorisedReduction, AuxiliaryHead)
"""Layers in an order in which each uses earlier ones only."""


def part_sources(names: set[str]) -> list[str]:
    """The source of some of :data:`PARTS`, by name, and of those that they use."""
    sources = {part.__name__: inspect.getsource(part).replace("    @override\n", "") for part in PARTS}
    needed = set(names)
    for name, source in reversed(sources.items()):
        if name in needed:
            needed.update(other for other in sources if re.search(rf"\b{other}\(", source))
    return [source for name, source in sources.items() if name in needed]


def source_file(title: str, architecture: str, facts: Sequence[str], uses: set[str], classes: Sequence[str]) -> str:
    """A whole file.

    Args:
        title: of the network, without quotes or backslashes.
        architecture: in its space's notation; any text.
        facts: sentences for the head of the file, likewise.
        uses: which of :data:`PARTS`, and lines that import modules of the user's.
        classes: the source of the cells and, last, of the network.
    """
    imports = sorted(use for use in uses if use.startswith("from "))
    modules = sorted({line.split()[1] for line in imports})
    needed = f"of your own {', '.join(modules)}" if modules else "nothing else"
    code = "\n\n".join([*part_sources(uses), *classes])
    tensors = "import torch\n" if re.search(r"\btorch\.", code) else ""
    functional = "from torch.nn import functional\n" if "functional." in code else ""
    head = textwrap.fill(" ".join(facts), _WIDTH)
    return (
        f'"""{title}.\n\n{head}\n\n'
        f"This file needs PyTorch and {needed}. It was written by arch2vec, whose weights fit:\n\n"
        "    network = Network()\n"
        "    network.load_state_dict(weights)  # left out, the weights are random ones to train\n"
        '    scores = network.eval()(images)\n"""\n\n'
        f"{tensors}from torch import Tensor, nn\n{functional}\n"
        f"{''.join(f'{line}{chr(10)}' for line in imports)}{chr(10) if imports else ''}"
        f"ARCHITECTURE = {_quoted(architecture)}\n\n\n{code}"
    )


def _quoted(text: str) -> str:
    """A literal of any text, in lines of bearable length that end where a part of it does, if they can."""
    pieces = re.findall(rf"(?s).{{1,{_WIDTH - 10}}}(?:(?<=[|;,+])|$)|.{{1,{_WIDTH - 10}}}", text)
    literals = []
    for piece in pieces:
        literal = repr(piece)
        # Double quotes, as in the rest of the file, but where repr had to avoid them.
        literals.append(literal if '"' in literal else f'"{literal[1:-1]}"')
    return literals[0] if len(literals) == 1 else "(\n" + "".join(f"    {line}\n" for line in literals) + ")"


def sum_of(terms: Sequence[str]) -> str:
    """The source of a sum, over several lines where it is long; to be indented by eight."""
    line = " + ".join(terms)
    if len(line) <= 80 or len(terms) == 1:
        return line
    return "(\n            " + "\n            + ".join(terms) + "\n        )"


def entries(lines: Sequence[str], indent: int, brackets: str = "{}") -> str:
    """The source of a dictionary or list with an entry a line; ``indent`` is that of the closing bracket."""
    if not lines:
        return brackets
    space = " " * indent
    return brackets[0] + "\n" + "".join(f"{space}    {line}\n" for line in lines) + space + brackets[1]
