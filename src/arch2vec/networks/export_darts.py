"""Source files of DARTS networks."""

from __future__ import annotations

from collections.abc import Sequence

from arch2vec.networks.darts import DARTSNetwork
from arch2vec.networks.export_parts import entries
from arch2vec.networks.export_staged import declared_layer
from arch2vec.spaces.darts.cost import DARTSSkeleton

_CELL = '''\
def drop_path(x: Tensor, probability: float) -> Tensor:
    """Zero x for some images at random, and scale it up for the others."""
    kept = torch.rand((len(x), 1, 1, 1), dtype=x.dtype, device=x.device) >= probability
    return x * kept / (1 - probability)


class Cell(nn.Module):
    """What both cells have in common: their inputs are brought to the same channels and resolution."""

    operations: nn.ModuleList

    def __init__(self, before: int, last: int, channels: int, halved: bool) -> None:
        super().__init__()
        self.from_before = FactorisedReduction(before, channels) if halved else relu_conv_norm(before, channels)
        self.from_last = relu_conv_norm(last, channels)

    def run(self, slot: int, x: Tensor, dropped: float) -> Tensor:
        """An operation, whose output is dropped for an image with a probability."""
        y = self.operations[slot](x)
        return drop_path(y, dropped) if dropped else y
'''

_KIND = """\
class {name}(Cell):
    def __init__(self, before: int, last: int, channels: int, halved: bool) -> None:
        super().__init__(before, last, channels, halved)
        self.operations = nn.ModuleList(
            {operations}
        )

    def forward(self, before: Tensor, last: Tensor, dropped: float) -> Tensor:
        s0, s1 = self.from_before(before), self.from_last(last)
{nodes}        return torch.cat([s2, s3, s4, s5], dim=1)
"""

_NETWORK = '''\
class Network(nn.Module):
    """Images (B, {colours}, H, W), H and W multiples of {stride}, to scores (B, {classes}){pair}.

    Raise ``drop_path_probability`` while you train, as DARTS does: to 0.2, in proportion to the epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.drop_path_probability = 0.0
{stem}{auxiliary}        self.cells = nn.ModuleList(
            {cells}
        )
        self.classifier = nn.Linear({last}, {classes})

    def forward(self, images: Tensor) -> {result}:
        dropped = self.drop_path_probability if self.training else 0.0
        before = self.stem(images)
        last = self.second_stem(before)
{loop}
'''

_PLAIN_LOOP = """\
        for cell in self.cells:
            before, last = last, cell(before, last, dropped)
        return self.classifier(last.mean(dim=(2, 3)))"""

_AUXILIARY_LOOP = """\
        auxiliary = None
        for position, cell in enumerate(self.cells):
            before, last = last, cell(before, last, dropped)
            if self.training and position == {position}:
                auxiliary = self.auxiliary(last)
        scores = self.classifier(last.mean(dim=(2, 3)))
        return scores if auxiliary is None else (scores, auxiliary)"""


def darts_source(network: DARTSNetwork) -> tuple[set[str], list[str]]:
    """The parts that a network uses, and the source of its classes."""
    skeleton = network.skeleton
    uses = {"relu_conv_norm", "FactorisedReduction", "conv_norm"}
    classes = [_CELL]
    for name, cell, stride in (("NormalCell", network.normal, 1), ("ReductionCell", network.reduce, 2)):
        used, text = _kind(name, cell, stride)
        uses |= used
        classes.append(text)
    cells, position = [], -1
    channels, halved = skeleton.channels, skeleton.stem == "imagenet"
    before = last = 3 * channels if skeleton.stem == "cifar" else channels
    for position in range(skeleton.cells):
        reduction = position in skeleton.reductions
        channels *= 1 + reduction
        kind = "ReductionCell" if reduction else "NormalCell"
        cells.append(f"{kind}({before}, {last}, {channels}, halved={halved}),")
        before, last, halved = last, 4 * channels, reduction
    auxiliary = ""
    if skeleton.auxiliary:
        width = 4 * skeleton.channels * 4  # both reductions double the channels
        uses.add("AuxiliaryHead")
        made = f"{width}, {skeleton.classes}, stride={skeleton.auxiliary_stride}, normed={skeleton.stem == 'cifar'}"
        auxiliary = f"        self.auxiliary = AuxiliaryHead({made})\n"
    classes.append(
        _NETWORK.format(
            colours=skeleton.input_channels,
            stride=skeleton.total_stride,
            classes=skeleton.classes,
            pair=", in training a pair with the auxiliary head's" if skeleton.auxiliary else "",
            stem=_stem(skeleton),
            auxiliary=auxiliary,
            cells=entries(cells, 12, "[]"),
            last=last,
            result="Tensor | tuple[Tensor, Tensor]" if skeleton.auxiliary else "Tensor",
            loop=_AUXILIARY_LOOP.format(position=skeleton.reductions[1]) if skeleton.auxiliary else _PLAIN_LOOP,
        )
    )
    return uses, classes


def _kind(name: str, slots: Sequence[tuple[str, int]], stride: int) -> tuple[set[str], str]:
    """The class of the normal (stride 1) or of the reduction cell."""
    uses: set[str] = set()
    operations, terms = [], []
    for slot, (operation, source) in enumerate(slots):
        step = stride if source < 2 else 1
        if operation != "skip_connect":
            used, made = declared_layer(operation, step)
            uses |= used
        else:
            made = "nn.Identity()" if step == 1 else "FactorisedReduction(channels, channels)"
        operations.append(f"{made},  # reads s{source}")
        terms.append(f"s{source}" if made == "nn.Identity()" else f"self.run({slot}, s{source}, dropped)")
    nodes = "".join(f"        s{node + 2} = {terms[2 * node]} + {terms[2 * node + 1]}\n" for node in range(4))
    return uses, _KIND.format(name=name, operations=entries(operations, 12, "[]"), nodes=nodes)


def _stem(skeleton: DARTSSkeleton) -> str:
    channels, colours = skeleton.channels, skeleton.input_channels
    if skeleton.stem == "cifar":
        return (
            f"        self.stem = conv_norm({colours}, {3 * channels}, kernel=3)\n"
            "        self.second_stem = nn.Identity()\n"
        )
    return f"""\
        self.stem = nn.Sequential(
            conv_norm({colours}, {channels // 2}, kernel=3, stride=2),
            nn.ReLU(),
            conv_norm({channels // 2}, {channels}, kernel=3, stride=2),
        )
        self.second_stem = nn.Sequential(nn.ReLU(), conv_norm({channels}, {channels}, kernel=3, stride=2))
"""
