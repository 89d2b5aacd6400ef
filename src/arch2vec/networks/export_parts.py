"""What the source files of networks are put together from.

The code is written for people: plain PyTorch, in the order and with the names of our
own modules, so that weights fit and outputs are the same to the bit. A file holds
only what its network uses. Names of a user's operations go into comments and
quoted text only.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

_WIDTH = 110

PARTS = {
    "ConvNorm": '''\
class ConvNorm(nn.Module):
    """A convolution without bias, padded to keep the size, and batch norm."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, momentum: float = 0.1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(after, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolution(x))
''',
    "Reduction": '''\
class Reduction(nn.Module):
    """A residual block that halves the resolution."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = ConvNorm(before, after, kernel=3, stride=2)
        self.second = ConvNorm(after, after, kernel=3)
        self.shortcut = nn.Conv2d(before, after, kernel_size=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.second(functional.relu(self.first(functional.relu(x))))
        return residual + self.shortcut(functional.avg_pool2d(x, 2))
''',
    "average": '''\
def average(x: Tensor) -> Tensor:
    """3x3 average pooling that does not count the padding."""
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
''',
    "conv_norm": '''\
def conv_norm(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    """A convolution without bias, padded to keep the size, and batch norm."""
    convolution = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))
''',
    "relu_conv_norm": """\
def relu_conv_norm(before: int, after: int, kernel: int = 1) -> nn.Module:
    return nn.Sequential(nn.ReLU(), conv_norm(before, after, kernel))
""",
    "separable": '''\
def separable(channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """ReLU, a depthwise and a pointwise convolution, batch norm."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(
        channels, channels, kernel, stride, padding, dilation=dilation, groups=channels, bias=False
    )
    return nn.Sequential(nn.ReLU(), depthwise, conv_norm(channels, channels, kernel=1))
''',
    "FactorisedReduction": '''\
class FactorisedReduction(nn.Module):
    """Half the resolution, from two 1x1 convolutions of stride 2 that read different pixels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(before, after // 2, kernel_size=1, bias=False)
        self.odd = nn.Conv2d(before, after - after // 2, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        return self.norm(torch.cat([self.even(x[:, :, ::2, ::2]), self.odd(x[:, :, 1::2, 1::2])], dim=1))
''',
}
"""Layers by name, in an order in which each uses earlier ones only."""

_NEEDS = {
    "Reduction": ("ConvNorm",),
    "relu_conv_norm": ("conv_norm",),
    "separable": ("conv_norm",),
}


def source_file(title: str, architecture: str, facts: Sequence[str], uses: set[str], classes: Sequence[str]) -> str:
    """A whole file.

    Args:
        title: of the network, without quotes or backslashes.
        architecture: in its space's notation; any text.
        facts: sentences for the head of the file, likewise.
        uses: which of :data:`PARTS`.
        classes: the source of the cells and, last, of the network.
    """
    needed = set(uses)
    for name in uses:
        needed.update(_NEEDS.get(name, ()))
    code = "\n\n".join([*(text for name, text in PARTS.items() if name in needed), *classes])
    tensors = "import torch\n" if re.search(r"\btorch\.", code) else ""
    functional = "from torch.nn import functional\n" if "functional." in code else ""
    head = textwrap.fill(" ".join(facts), _WIDTH)
    return (
        f'"""{title}.\n\n{head}\n\n'
        "This file needs PyTorch and nothing else. It was written by arch2vec, whose weights fit:\n\n"
        "    network = Network()\n"
        "    network.load_state_dict(weights)  # left out, the weights are random ones to train\n"
        '    scores = network.eval()(images)\n"""\n\n'
        f"{tensors}from torch import Tensor, nn\n{functional}\n"
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
