"""Networks of all spaces by name, and those of declared spaces against their definition and against NAS-Bench-201."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from arch2vec.common.threads import thread_count
from arch2vec.networks.build import SHAPES, ImageShape, NetworkPlan, build_network, count_macs, count_parameters
from arch2vec.networks.declared import ACTIVATIONS, LAYERS, DeclaredCell, layer_names
from arch2vec.networks.layers import ConvNorm
from arch2vec.spaces import (
    DARTSPair,
    DeclaredSpace,
    NASBench201,
    SearchSpace,
    SpaceDeclaration,
    get_space,
    network_cost,
)
from arch2vec.spaces.darts import cost as darts_cost
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES
from arch2vec.spaces.nasbench101 import cost as nasbench101_cost
from arch2vec.spaces.nasbench201 import cost as nasbench201_cost
from one_line import error_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "my_space.yaml"
OWN_201 = DeclaredSpace(
    SpaceDeclaration(
        name="own201",
        carries="edges",
        operations=("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none"),
        nodes=4,
        edges=((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)),
        skip=("skip_connect",),
        zero=("none",),
    )
)
FREE = DeclaredSpace(
    SpaceDeclaration(name="free", carries="vertices", operations=tuple(LAYERS), vertices=5, max_edges=8)
)
MEANT = {name: name for name in ACTIVATIONS}


@pytest.fixture(autouse=True, scope="module")
def one_core() -> Iterator[None]:
    with thread_count(1):
        yield


def images(plan: NetworkPlan, n: int = 2) -> Tensor:
    shape = plan.images
    return torch.randn(n, shape.channels, shape.side, shape.side, generator=torch.Generator().manual_seed(0))


CELL_201 = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"
CELL_101 = "0100;0010;0001;0000|input,conv3x3-bn-relu,maxpool3x3,output"


def cost(space: str, architecture: str, plan: NetworkPlan) -> tuple[int, int]:
    """Parameters and multiply-adds by the formulas, of the published networks."""
    graphs = get_space(space).parse([architecture])
    found: network_cost.NetworkCost | darts_cost.DARTSCost
    if space == "nasbench101":
        found = nasbench101_cost.count_cost(graphs)
    elif space == "nasbench201":
        found = nasbench201_cost.count_cost(graphs)
    else:
        published = darts_cost.IMAGENET if plan.data == "imagenet" else darts_cost.CIFAR10
        found = darts_cost.count_cost(*DARTSPair().split(graphs), skeleton=published)
    return int(found.parameters[0]), int(found.macs[0])


@pytest.mark.parametrize(
    ("space", "architecture", "plan", "parameters"),
    [
        ("nasbench101", CELL_101, NetworkPlan(), None),
        ("nasbench201", CELL_201, NetworkPlan(), 344_346),
        # As the public code of DARTS prints them.
        ("darts_pair", PUBLISHED_GENOTYPES["DARTS_V2"], NetworkPlan(), 3_349_342),
        ("darts_pair", PUBLISHED_GENOTYPES["DARTS_V2"], NetworkPlan("imagenet"), 4_718_752),
    ],
)
def test_default_networks_are_the_published_ones(
    space: str, architecture: str, plan: NetworkPlan, parameters: int | None
) -> None:
    network = build_network(get_space(space), architecture, plan, seed=None)
    assert (count_parameters(network), count_macs(network, plan.images)) == cost(space, architecture, plan)
    assert parameters in (None, count_parameters(network))
    assert all(parameter.is_meta for parameter in network.parameters())


@pytest.mark.parametrize("data", SHAPES)
@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts", "darts_pair", "own201"])
def test_small_networks_of_all_spaces_read_the_images_of_all_data_sets(name: str, data: str) -> None:
    space: SearchSpace = OWN_201 if name == "own201" else get_space(name)
    architecture = space.format(space.sample(1, np.random.default_rng(3)))[0]
    plan = NetworkPlan(
        data, channels=8, cells=3 if name.startswith("darts") else 1, input_size=32 if data == "imagenet" else None
    )
    network = build_network(space, architecture, plan, seed=1).eval()
    with torch.no_grad():
        scores = network(images(plan))
        assert scores.shape == (2, plan.images.classes)
        assert torch.equal(build_network(space, architecture, plan, seed=1).eval()(images(plan)), scores)
        assert not torch.equal(build_network(space, architecture, plan, seed=2).eval()(images(plan)), scores)


def test_a_plan_overrides_what_the_data_set_says() -> None:
    assert NetworkPlan("digits", input_size=16, classes=3, input_channels=2).images == ImageShape(2, 16, 3)
    assert NetworkPlan("cifar100").images == ImageShape(3, 32, 100)


def conv_norm_pairs(space: SearchSpace, architecture: str, plan: NetworkPlan) -> tuple[nn.Module, nn.Module]:
    """The declared network and the built-in one with the same weights."""
    ours = build_network(OWN_201, architecture, plan)
    built_in = build_network(space, architecture, plan)
    theirs = built_in.state_dict()
    state = {}
    for name in ours.state_dict():
        # Vertex e + 1 is edge e; its layer is ReLU, then convolution and batch norm.
        parts = name.split(".")
        if "layers" in parts:
            at = parts.index("layers")
            parts[at], parts[at + 1] = "convolutions", str(int(parts[at + 1]) - 1)
            parts[at + 2 : at + 4] = ["convolution" if parts[at + 3] == "0" else "norm"]
        state[name] = theirs[".".join(parts)]
    ours.load_state_dict(state)
    return ours, built_in


def test_a_declared_nasbench201_is_nasbench201() -> None:
    space, plan = NASBench201(), NetworkPlan("digits", channels=4, cells=1)
    for architecture in space.format(space.sample(25, np.random.default_rng(0))):
        ours, built_in = conv_norm_pairs(space, architecture, plan)
        torch.testing.assert_close(ours(images(plan, 4)), built_in(images(plan, 4)))
        assert isinstance(built_in.stem, ConvNorm)


def test_cells_are_sums_of_what_their_layers_give() -> None:
    graphs = FREE.sample(60, np.random.default_rng(1))
    used = set()
    for row in range(len(graphs)):
        graph = graphs[row]
        operations = [FREE.operations[code] for code in graph.ops[0, graph.mask[0]].tolist()]
        used |= set(operations[1:-1])
        cell = DeclaredCell(graph, layer_names(FREE, operations, MEANT), 4).to_empty(device="cpu")
        generator = torch.Generator().manual_seed(row)
        with torch.no_grad():
            for module in cell.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.reset_parameters()
            for parameter in cell.parameters():
                parameter.normal_(generator=generator)
        x = torch.randn(2, 4, 6, 6, generator=generator)
        values = [x]
        for vertex in range(1, len(operations)):
            total = torch.zeros_like(x)
            for source in range(vertex):
                if graph.adjacency[0, source, vertex]:
                    total = total + values[source]
            match operations[vertex]:
                case "zero":
                    total = torch.zeros_like(x)
                case "skip" | "output":
                    pass
                case _:
                    total = cell.layers[str(vertex)](total)
            values.append(total)
        torch.testing.assert_close(cell(x), values[-1])
    assert used == set(LAYERS)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("conv3x3", "conv_3x3"),
        ("nor_conv_1x1", "conv_1x1"),
        ("SepConv5x5", "sep_conv_5x5"),
        ("max-pool-3x3", "max_pool_3x3"),
        ("identity", "skip"),
        ("skip_connect", "skip"),
        ("none", "zero"),
    ],
)
def test_layers_are_known_by_their_names(name: str, layer: str) -> None:
    space = DeclaredSpace(
        SpaceDeclaration(name="x", carries="vertices", operations=(name, "other"), vertices=3, max_edges=3)
    )
    assert layer_names(space, ["input", name, "output"], None)[1] == layer
    assert layer_names(space, ["input", name, "output"], {name: "conv_7x7"})[1] == "conv_7x7"
    assert "what layer the operation 'other' of x is" in error_of(
        lambda: layer_names(space, ["input", "other", "output"], None)
    )


def test_bad_input_is_one_line() -> None:
    space, plan = get_space(str(EXAMPLE)), NetworkPlan("digits", layers={"tanh": "conv_3x3"})
    text = "010;001;000|input,relu,output"
    assert "operation 'relu' of small_layers is; say so, to export as --operation relu=LAYER" in error_of(
        lambda: build_network(space, text, plan)
    )
    build_network(space, text.replace("relu", "tanh"), plan, seed=None)
    assert "has no operation 'gelu'" in error_of(
        lambda: build_network(space, text, replace(plan, layers={"gelu": "x"}))
    )
    assert "unknown layer 'relu6'" in error_of(
        lambda: build_network(space, text, replace(plan, layers={"relu": "relu6"}))
    )
    assert "unknown image data set 'mnist'" in error_of(lambda: NetworkPlan("mnist"))
    assert "cells of at least 1, got 0" in error_of(lambda: NetworkPlan(cells=0))
    chosen = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    assert "only DARTS networks have an auxiliary head" in error_of(
        lambda: build_network(NASBench201(), chosen, NetworkPlan(auxiliary=True))
    )
    assert "layers are for declared spaces" in error_of(lambda: build_network(NASBench201(), chosen, plan))
    assert "3 or more cells" in error_of(
        lambda: build_network(get_space("darts_pair"), PUBLISHED_GENOTYPES["SNAS"], NetworkPlan(cells=2))
    )
    assert "use the space darts_pair" in error_of(
        lambda: build_network(get_space("darts"), PUBLISHED_GENOTYPES["SNAS"])
    )

    class Foreign(NASBench201):
        name = "foreign"

    assert "no networks are known for the search space 'foreign'" in error_of(lambda: build_network(Foreign(), chosen))
