"""Source files of NAS-Bench-101 networks."""

from __future__ import annotations

from torch import nn

from arch2vec.networks.export_parts import entries, sum_of
from arch2vec.networks.layers import ConvNorm
from arch2vec.networks.nasbench101 import NASBench101Cell, NASBench101Network

_CELL = '''\
class Cell(nn.Module):
    """The cell: (B, before, H, W) to (B, after, H, W), with its operations' numbers of channels."""

    def __init__(self, before: int, after: int, channels: list[int]) -> None:
        super().__init__()
{unpacked}        # From the cell's input, brought to the channels of what reads it.
        self.projections = nn.ModuleDict({projections})
        self.convolutions = nn.ModuleDict({convolutions})
        self.channels = channels

    def project(self, x: Tensor, reader: int) -> Tensor:
        return functional.relu(self.projections[str(reader)](x))

    def forward(self, x: Tensor) -> Tensor:
{lines}
'''

_NETWORK = '''\
class Network(nn.Module):
    """Images (B, {colours}, H, W), H and W multiples of {stride}, to scores (B, {classes})."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm({colours}, {channels}, kernel=3{momentum})
        self.body = nn.Sequential({body})
        self.classifier = nn.Linear({last}, {classes})
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        features = self.body(functional.relu(self.stem(images)))
        return self.classifier(features.mean(dim=(2, 3)))
'''


def nasbench101_source(network: NASBench101Network) -> tuple[set[str], list[str]]:
    """The parts that a network uses, and the source of its classes."""
    skeleton = network.skeleton
    cells = [module for module in network.body if isinstance(module, NASBench101Cell)]
    momentum = f", norm_momentum={skeleton.norm_momentum!r}"
    body = []
    widths = iter(skeleton.widths)
    for module in network.body:
        if isinstance(module, nn.MaxPool2d):
            body.append("nn.MaxPool2d(2),")
        else:
            assert isinstance(module, NASBench101Cell)
            before, after, _ = next(widths)
            body.append(f"Cell({before}, {after}, {module.channels[1 : module.output]}),")
    text = _NETWORK.format(
        colours=skeleton.input_channels,
        channels=skeleton.channels,
        stride=skeleton.total_stride,
        classes=skeleton.classes,
        last=skeleton.widths[-1][1],
        momentum=momentum,
        body="\n            " + "\n            ".join(body) + "\n        ",
    )
    return {"ConvNorm"}, [_cell(cells, momentum), text]


def _cell(cells: list[NASBench101Cell], momentum: str) -> str:
    """The class of cells that differ in their channels only."""
    cell, output = cells[0], cells[0].output

    def width(vertex: int) -> str:
        return "after" if vertex == output else f"c{vertex}"

    projections = [f'"{name}": ConvNorm(before, {width(int(name))}, kernel=1{momentum}),' for name in cell.projections]
    convolutions = []
    for name, unit in cell.convolutions.items():
        assert isinstance(unit, ConvNorm)
        kernel, own = unit.convolution.kernel_size[0], width(int(name))
        convolutions.append(f'"{name}": ConvNorm({own}, {own}, kernel={kernel}{momentum}),')
    lines, truncates = [], False
    for vertex in range(1, output):
        terms = []
        for source in cell.reads[vertex]:
            if source > 0:
                # With few channels it can depend on the stack which of two operations is the wider one.
                truncated = any(other.channels[source] > other.channels[vertex] for other in cells)
                truncates |= truncated
                terms.append(f"v{source}[:, :c{vertex}]" if truncated else f"v{source}")
        if str(vertex) in cell.projections:
            terms.append(f"self.project(x, {vertex})")
        if str(vertex) in cell.convolutions:
            value = f'functional.relu(self.convolutions["{vertex}"]({sum_of(terms)}))'
        else:
            value = f"functional.max_pool2d({sum_of(terms)}, 3, stride=1, padding=1)"
        lines.append(f"        v{vertex} = {value}")
    joined = [f"v{source}" for source in cell.reads[output] if source > 0]
    terms = [f"torch.cat([{', '.join(joined)}], dim=1)"] if joined else []
    if str(output) in cell.projections:
        terms.append(f"self.project(x, {output})")
    lines.append(f"        return {sum_of(terms)}")
    names = [f"c{vertex}" for vertex in range(1, output)]
    if truncates:
        lines.insert(0, _unpacked(names, "self.channels"))
    return _CELL.format(
        unpacked=f"{_unpacked(names, 'channels')}\n" if names else "",
        projections=_argument(projections),
        convolutions=_argument(convolutions),
        lines="\n".join(lines),
    )


def _unpacked(names: list[str], value: str) -> str:
    return f"        {', '.join(names) if len(names) > 1 else f'({names[0]},)'} = {value}"


def _argument(lines: list[str]) -> str:
    return "\n            " + entries(lines, 12) + "\n        " if lines else ""
