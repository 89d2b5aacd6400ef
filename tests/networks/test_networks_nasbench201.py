"""NAS-Bench-201 networks against the published parameter counts and dense, direct computation."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError
from arch2vec.networks.layers import ConvNorm, Reduction
from arch2vec.networks.nasbench201 import NASBench201Cell, NASBench201Network
from arch2vec.networks.weights import count_parameters
from arch2vec.spaces.nasbench201.cost import NASBench201Skeleton, count_cost
from arch2vec.spaces.nasbench201.space import EDGES, NONE, OPERATIONS, SKIP, NASBench201

CONV1, CONV3, POOL = 1, 2, 3
SPACE = NASBench201()
edge_operations = st.lists(st.integers(1, 5), min_size=6, max_size=6)


@pytest.fixture(autouse=True, scope="module")
def one_core() -> Iterator[None]:
    """Tensors this small are only slowed down by more."""
    with thread_count(1):
        yield


def text(operations: list[int]) -> str:
    return SPACE.format(SPACE.from_edge_operations(np.array([operations])))[0]


def network_of(operations: list[int], skeleton: NASBench201Skeleton, seed: int = 0) -> NASBench201Network:
    return NASBench201Network(text(operations), skeleton, torch.Generator().manual_seed(seed))


def randomised_cell(operations: list[int], channels: int, seed: int) -> NASBench201Cell:
    """A float64 cell all of whose weights are random, batch norms' scales and shifts included."""
    cell = NASBench201Cell(operations, channels).to_empty(device="cpu").double()
    generator = torch.Generator().manual_seed(seed)
    for module in cell.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(generator=generator)
    return cell


def random_images(channels: int, size: int, seed: int) -> Tensor:
    return torch.randn(5, channels, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def conv_norm(unit: nn.Module, x: Tensor, stride: int = 1) -> Tensor:
    """A convolution and training-mode batch norm written out: moments over batch and pixels."""
    assert isinstance(unit, ConvNorm)
    weight = unit.convolution.weight
    y = functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
    mean = y.mean(dim=(0, 2, 3), keepdim=True)
    variance = y.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
    scale, shift = unit.norm.weight[:, None, None], unit.norm.bias[:, None, None]
    return (y - mean) / torch.sqrt(variance + 1e-5) * scale + shift


def dense_cell(cell: NASBench201Cell, operations: list[int], x: Tensor) -> Tensor:
    """Every edge computed, those that read zeros or lead nowhere too."""
    nodes = [x] + [torch.zeros_like(x)] * 3
    ones = torch.ones_like(x)
    for edge, (source, target) in enumerate(EDGES):
        value, operation = nodes[source], operations[edge]
        if operation in (CONV1, CONV3):
            term = conv_norm(cell.convolutions[str(edge)], functional.relu(value))
        elif operation == POOL:
            # The mean over the pixels that are there: padded sums over counts.
            term = functional.avg_pool2d(value, 3, 1, 1) / functional.avg_pool2d(ones, 3, 1, 1)
        else:
            term = value if operation == SKIP else torch.zeros_like(value)
        nodes[target] = nodes[target] + term
    return nodes[3]


@pytest.fixture(scope="module")
def published(shared_data: Path) -> pd.DataFrame:
    return pd.read_parquet(shared_data / "nasbench201.parquet")


# For each data set, the benchmark's classes and image sides.
DATA_SETS = {"c10": (10, 32), "c100": (100, 32), "in16": (120, 16)}


def test_parameters_of_networks_are_the_published_ones(published: pd.DataFrame) -> None:
    for _, row in published.sample(60, random_state=0).iterrows():
        assert count_parameters(NASBench201Network(row.arch_str, NASBench201Skeleton(), None)) == row.params_c10
    for _, row in published.sample(5, random_state=1).iterrows():
        assert (
            count_parameters(NASBench201Network(row.arch_str, NASBench201Skeleton(classes=100), None))
            == row.params_c100
        )
        assert (
            count_parameters(NASBench201Network(row.arch_str, NASBench201Skeleton(classes=120), None))
            == row.params_in16
        )


@pytest.mark.parametrize("data", DATA_SETS)
def test_formulas_give_all_published_sizes(published: pd.DataFrame, data: str) -> None:
    """The benchmark's "FLOPs" are multiply-adds, and one more for each class, in millions."""
    classes, side = DATA_SETS[data]
    cost = count_cost(SPACE.parse(published["arch_str"].tolist()), NASBench201Skeleton(classes=classes), side)
    assert len(cost.parameters) == 15_625
    assert np.array_equal(cost.parameters, published[f"params_{data}"])
    assert np.array_equal(cost.macs + classes, np.rint(published[f"mflops_{data}"] * 1e6))


@pytest.mark.parametrize(("skeleton", "image"), [(NASBench201Skeleton(3, 2, 1, 7), 8), (NASBench201Skeleton(), 32)])
def test_formulas_are_those_of_a_forward_pass(skeleton: NASBench201Skeleton, image: int) -> None:
    # In these cells all convolutions have a path to the output; the network leaves out the others.
    rows = [[CONV1, CONV3, POOL, SKIP, CONV1, CONV3], [CONV3] * 6, [POOL, NONE, CONV1, NONE, SKIP, SKIP], [NONE] * 6]
    cost = count_cost(SPACE.from_edge_operations(np.array(rows)), skeleton, image)
    for row, operations in enumerate(rows):
        network = NASBench201Network(text(operations), skeleton, None).eval()
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            network(torch.empty(1, skeleton.input_channels, image, image, device="meta"))
        assert counter.get_total_flops() == 2 * cost.macs[row]  # a multiply-add is two operations there
        assert count_parameters(network) == cost.parameters[row]


@pytest.mark.parametrize(("operation", "published"), [(NONE, 73_306), (CONV3, 1_531_546)])
def test_extreme_parameter_counts(operation: int, published: int) -> None:
    assert count_parameters(network_of([operation] * 6, NASBench201Skeleton())) == published


def test_cell_is_its_hand_written_composition() -> None:
    operations = [CONV3, POOL, CONV1, SKIP, CONV1, CONV3]
    cell = randomised_cell(operations, 3, seed=1)
    x = random_images(3, 6, seed=2)
    units = cell.convolutions
    node1 = conv_norm(units["0"], functional.relu(x))
    pooled = functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    node2 = pooled + conv_norm(units["2"], functional.relu(node1))
    node3 = x + conv_norm(units["4"], functional.relu(node1)) + conv_norm(units["5"], functional.relu(node2))
    torch.testing.assert_close(cell(x), node3)


@settings(max_examples=60, deadline=None)
@given(edge_operations, st.integers(0, 2**32))
def test_work_left_out_changes_neither_output_nor_gradients(operations: list[int], seed: int) -> None:
    cell = randomised_cell(operations, 2, seed)
    x = random_images(2, 4, seed + 1).requires_grad_()
    weights = [x, *cell.parameters()]
    sent, expected = cell(x), dense_cell(cell, operations, x)
    torch.testing.assert_close(sent, expected)
    direction = random_images(2, 4, seed + 2)
    pairs = []
    for output in (sent, expected):
        depends = output.requires_grad
        pairs.append(
            torch.autograd.grad(output, weights, direction, allow_unused=True, materialize_grads=True)
            if depends
            else [torch.zeros_like(weight) for weight in weights]
        )
    for ours, dense in zip(*pairs, strict=True):
        torch.testing.assert_close(ours, dense, atol=1e-6, rtol=1e-6)


def test_evaluation_mode_uses_running_moments() -> None:
    operations = [NONE, CONV3, CONV1, SKIP, CONV3, CONV1]
    cell = randomised_cell(operations, 2, seed=3)
    for seed in range(4):
        cell(random_images(2, 4, seed))
    cell.eval()
    x = random_images(2, 4, seed=9)

    def unit(edge: int, value: Tensor) -> Tensor:
        layer = cell.convolutions[str(edge)]
        assert isinstance(layer, ConvNorm)
        weight, norm = layer.convolution.weight, layer.norm
        y = functional.conv2d(functional.relu(value), weight, padding=weight.shape[-1] // 2)
        return functional.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    zero = torch.zeros_like(x)  # what node 1 holds
    node2 = unit(1, x) + unit(2, zero)
    torch.testing.assert_close(cell(x), x + unit(4, zero) + unit(5, node2))


def test_whole_network_is_its_composition() -> None:
    operations = [CONV1, SKIP, POOL, CONV3, NONE, SKIP]
    network = network_of(operations, NASBench201Skeleton(2, 2, input_channels=3, classes=4)).double()
    images = random_images(3, 8, seed=4)
    x = conv_norm(network.stem, images)
    for block in network.body:
        if isinstance(block, NASBench201Cell):
            x = dense_cell(block, operations, x)
        else:
            assert isinstance(block, Reduction)
            inner = functional.relu(conv_norm(block.first, functional.relu(x), stride=2))
            corner = sum(x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
            shortcut = torch.einsum("oc,bchw->bohw", block.shortcut.weight[:, :, 0, 0], torch.as_tensor(corner))
            x = conv_norm(block.second, inner) + shortcut
    assert x.shape == (5, 8, 2, 2)
    centred = x - x.mean(dim=(0, 2, 3), keepdim=True)
    normed = centred / torch.sqrt((centred**2).mean(dim=(0, 2, 3), keepdim=True) + 1e-5)
    pooled = normed.clamp(min=0).flatten(2).mean(dim=2)
    torch.testing.assert_close(network(images), pooled @ network.classifier.weight.T + network.classifier.bias)
    kinds = [
        "NASBench201Cell",
        "NASBench201Cell",
        "Reduction",
        "NASBench201Cell",
        "NASBench201Cell",
        "Reduction",
        "NASBench201Cell",
        "NASBench201Cell",
    ]
    assert [type(block).__name__ for block in network.body] == kinds


@cache
def classes_of_several() -> list[NDArray[np.uint8]]:
    """For every function that several architectures compute, the operations of those that do."""
    graphs = SPACE.enumerate()
    labels = SPACE.function_classes(graphs)
    order = np.argsort(labels, kind="stable")
    groups = np.split(graphs.ops[order, 1:-1], np.flatnonzero(np.diff(labels[order])) + 1)
    return [group for group in groups if len(group) > 1]


def tie_weights(network: NASBench201Network, operations: list[int]) -> None:
    """Give every convolution that takes part the weights that belong to the term it computes.

    A convolution of zeros keeps its initial shift, zero, and so adds nothing.
    """
    for depth, cell in enumerate(block for block in network.body if isinstance(block, NASBench201Cell)):
        sums: list[list[str]] = [["x"], [], [], []]
        for edge, (source, target) in enumerate(EDGES):
            operation = operations[edge]
            if operation == NONE or not sums[source]:
                continue
            term = f"{operation}({'+'.join(sorted(sums[source]))})"
            sums[target] = sums[target] + (sums[source] if operation == SKIP else [term])
            if operation in (CONV1, CONV3):
                generator = torch.Generator().manual_seed(zlib.crc32(f"{depth}{term}".encode()))
                with torch.no_grad():
                    for parameter in cell.convolutions[str(edge)].parameters():
                        parameter.normal_(generator=generator)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_architectures_of_one_function_class_compute_the_same(data: st.DataObject) -> None:
    group = data.draw(st.sampled_from(classes_of_several()))
    chosen = data.draw(st.lists(st.integers(0, len(group) - 1), min_size=2, max_size=2, unique=True))
    images = random_images(1, 4, seed=5)
    outputs = []
    for operations in group[chosen].tolist():
        network = network_of(operations, NASBench201Skeleton(2, 1, input_channels=1, classes=3)).double()
        # Everything but the cells is the same already but for the order of the draws.
        generator = torch.Generator().manual_seed(6)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if "convolutions" not in name:
                    parameter.normal_(generator=generator)
        tie_weights(network, operations)
        outputs.append(network(images))
    torch.testing.assert_close(outputs[0], outputs[1])


def test_a_cell_without_a_path_gives_zeros() -> None:
    cell = randomised_cell([CONV3, NONE, NONE, NONE, NONE, CONV1], 2, seed=0)
    x = random_images(2, 4, seed=0)
    # Node 2 is zero, so the last convolution gives its batch norm's shift everywhere.
    unit = cell.convolutions["5"]
    assert isinstance(unit, ConvNorm)
    torch.testing.assert_close(cell(x), unit.norm.bias[None, :, None, None].expand_as(x))
    silent = randomised_cell([CONV3, CONV1, POOL, NONE, NONE, NONE], 2, seed=0)
    assert not silent(x).any()


def computed_edges(operations: list[int]) -> dict[int, bool]:
    """For every convolution of a cell, whether a gradient reached its kernel."""
    cell = randomised_cell(operations, 2, seed=0)
    cell(random_images(2, 4, seed=0)).sum().backward()
    return {
        int(name.split(".")[1]): parameter.grad is not None
        for name, parameter in cell.named_parameters()
        if name.endswith("convolution.weight")
    }


def test_only_edges_that_matter_are_computed() -> None:
    assert computed_edges([CONV3, CONV1, NONE, NONE, CONV1, NONE]) == {0: True, 1: False, 4: True}  # 1 leads nowhere
    assert computed_edges([NONE, SKIP, CONV3, NONE, CONV3, NONE]) == {2: False, 4: False}  # both read zero


def test_weights_come_from_the_generator_alone() -> None:
    skeleton = NASBench201Skeleton(4, 1)
    before = torch.get_rng_state()
    first, again, other = (network_of([CONV3] * 6, skeleton, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["stem.convolution.weight"], other["stem.convolution.weight"])
    weight = network_of([CONV3] * 6, NASBench201Skeleton(32, 1)).state_dict()[
        "body.0.convolutions.0.convolution.weight"
    ]
    assert float(weight.std()) == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.05)  # He et al. (2015)


def test_shapes() -> None:
    network = network_of([CONV1] * 6, NASBench201Skeleton(3, 1, input_channels=2, classes=7))
    assert network(torch.zeros(4, 2, 12, 8)).shape == (4, 7)
    assert OPERATIONS[CONV1 : POOL + 1] == ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def test_bad_input_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^image sides must be multiples of 4, got \(8, 10\)$"):
        network_of([SKIP] * 6, NASBench201Skeleton(2, 1))(torch.zeros(1, 3, 8, 10))
    with pytest.raises(InputError, match="not a nasbench201 architecture"):
        NASBench201Network("|skip~0|", NASBench201Skeleton(), torch.Generator())
    with pytest.raises(InputError, match=r"reads images \(B, 3, H, W\), got \(1, 1, 8, 8\)"):
        network_of([SKIP] * 6, NASBench201Skeleton(2, 1))(torch.zeros(1, 1, 8, 8))
    with pytest.raises(InputError, match="cells_per_stage of at least 1, got 0"):
        NASBench201Skeleton(cells_per_stage=0)
    with pytest.raises(InputError, match="multiple of 4 pixels, got 30"):
        count_cost(SPACE.from_edge_operations(np.array([[SKIP] * 6])), image=30)
