"""Source files of networks of NAS-Bench-201 and of declared spaces."""

from __future__ import annotations

from pathlib import Path

from arch2vec.networks.declared import ACTIVATIONS, OWN, ZERO, DeclaredCell
from arch2vec.networks.declared import SKIP as SKIP_LAYER
from arch2vec.networks.export_parts import entries, sum_of
from arch2vec.networks.nasbench201 import NASBench201Cell
from arch2vec.networks.staged import StagedNetwork
from arch2vec.spaces.nasbench201.cost import KERNELS, STAGES
from arch2vec.spaces.nasbench201.space import EDGES, NONE, OPERATIONS, SKIP

_IDLE = "  # leads to no output"

_NETWORK = '''\
class Network(nn.Module):
    """Images (B, {colours}, H, W), H and W multiples of {stride}, to scores (B, {classes})."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm({colours}, {channels}, kernel=3)
        self.body = nn.Sequential(
{body}        )
        self.norm = nn.BatchNorm2d({last})
        self.classifier = nn.Linear({last}, {classes})
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        features = self.body(self.stem(images))
        pooled = functional.relu(self.norm(features)).mean(dim=(2, 3))
        return self.classifier(pooled)
'''


def staged_source(network: StagedNetwork) -> tuple[set[str], list[str]]:
    """The parts that a network uses, and the source of its classes."""
    first = network.body[0]
    if isinstance(first, NASBench201Cell):
        uses, cell = _nasbench201_cell(first)
    else:
        assert isinstance(first, DeclaredCell)
        uses, cell = _declared_cell(first)
    skeleton = network.skeleton
    body, width = [], skeleton.channels
    for stage in range(STAGES):
        if stage > 0:
            body.append(f"            Reduction({width}, {2 * width}),\n")
            width *= 2
        body.append(f"            *[Cell({width}) for _ in range({skeleton.cells_per_stage})],\n")
    text = _NETWORK.format(
        colours=skeleton.input_channels,
        channels=skeleton.channels,
        stride=skeleton.total_stride,
        classes=skeleton.classes,
        last=width,
        body="".join(body),
    )
    return uses | {"ConvNorm", "Reduction"}, [cell, text]


def _nasbench201_cell(cell: NASBench201Cell) -> tuple[set[str], str]:
    values: list[str | None] = ["x", None, None, None]  # None for zero
    terms: dict[int, list[str]] = {1: [], 2: [], 3: []}
    uses: set[str] = set()
    layers: list[str] = []
    lines: list[str] = []
    for edge, (source, target) in enumerate(EDGES):
        code, unit = cell.operations[edge], f'self.convolutions["{edge}"]'
        if edge > 0 and target != EDGES[edge - 1][1]:
            _finish(EDGES[edge - 1][1], terms, values, lines)
        idle = edge not in cell.computed
        if code in KERNELS:
            note = _IDLE if idle else f"  # node {source} to {target}"
            layers.append(f'"{edge}": ConvNorm(channels, channels, kernel={KERNELS[code]}),{note}')
        if idle or code == NONE:
            continue
        value = values[source]
        if code in KERNELS:
            zeros = f"{unit}.of_zeros(x)"
            terms[target].append(zeros if value is None else f"{unit}(functional.relu({value}))")
        elif value is not None and code == SKIP:
            terms[target].append(value)
        elif value is not None:
            assert OPERATIONS[code] == "avg_pool_3x3"
            uses.add("average")
            terms[target].append(f"average({value})")
    _finish(3, terms, values, lines)
    body = "\n".join([*lines, f"        return {values[3] or 'torch.zeros_like(x)'}"])
    text = f'''\
class Cell(nn.Module):
    """The cell: each node is the sum of the edges that lead to it; (B, C, H, W) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleDict({_call(layers)})

    def forward(self, x: Tensor) -> Tensor:
{body}
'''
    return uses, text


def _finish(node: int, terms: dict[int, list[str]], values: list[str | None], lines: list[str]) -> None:
    """Write the line of a node, if it is not zero."""
    if terms[node]:
        lines.append(f"        node{node} = {sum_of(terms[node])}")
        values[node] = f"node{node}"


def _declared_cell(cell: DeclaredCell) -> tuple[set[str], str]:
    uses: set[str] = set()
    layers: list[str] = []
    lines: list[str] = []
    values: list[str | None] = ["x"] * cell.inputs
    results: list[str] = []  # of outputs that are not zero
    for vertex in range(cell.inputs, len(cell.names)):
        terms = [value for value in (values[source] for source in cell.reads[vertex]) if value is not None]
        name = cell.names[vertex]
        total = sum_of(terms) if terms else None
        if name not in (SKIP_LAYER, ZERO):
            used, made = declared_layer(name)
            uses |= used
            layers.append(f'"{vertex}": {made},{"" if vertex in cell.computed else _IDLE}')
        if name == ZERO or vertex not in cell.computed:
            values.append(None)
            continue
        if name != SKIP_LAYER:
            total = f'self.layers["{vertex}"]({total or "torch.zeros_like(x)"})'
        if vertex in cell.outputs:
            results += [] if total is None else [f"({total})" if len(cell.outputs) > 1 and len(terms) > 1 else total]
        elif total is not None:
            lines.append(f"        value{vertex} = {total}")
        values.append(None if total is None else f"value{vertex}")
    lines.append(f"        return {sum_of(results) if results else 'torch.zeros_like(x)'}")
    body = "\n".join(lines)
    text = f'''\
class Cell(nn.Module):
    """The cell: each layer reads the sum of what leads to it; (B, C, H, W) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({_call(layers)})

    def forward(self, x: Tensor) -> Tensor:
{body}
'''
    return uses, text


def _call(layers: list[str]) -> str:
    """The argument of ``ModuleDict``; an empty cell has none."""
    return "\n            " + entries(layers, 12) + "\n        " if layers else ""


def declared_layer(name: str, stride: int = 1) -> tuple[set[str], str]:
    """The parts that a layer uses, or the line that imports it, and the source that makes it."""
    if name.startswith(OWN):
        where, _, made = name.removeprefix(OWN).rpartition(":")
        module = Path(where).stem if where.endswith(".py") or "/" in where else where
        return {f"from {module} import {made}"}, f"{made}(channels)"
    if name in ACTIVATIONS:
        return set(), f"nn.{ACTIVATIONS[name].__name__}()"
    step = "" if stride == 1 else f", stride={stride}"
    kind, kernel = name.rsplit("_", 1)[0], name[-1]
    match kind:
        case "conv":
            return {"relu_conv_norm"}, f"relu_conv_norm(channels, channels, {kernel})"
        case "sep_conv":
            made = f"nn.Sequential(separable(channels, {kernel}{step}), separable(channels, {kernel}))"
            return {"separable"}, made
        case "dil_conv":
            return {"separable"}, f"separable(channels, {kernel}{step}, dilation=2)"
        case "max_pool":
            return set(), f"nn.MaxPool2d(3, stride={stride}, padding=1)"
        case "avg_pool":
            return set(), f"nn.AvgPool2d(3, stride={stride}, padding=1, count_include_pad=False)"
    raise AssertionError(f"a layer without source: {name}")
