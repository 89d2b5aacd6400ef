"""NAS-Bench-101 networks: against published sizes and a slow reference, and the cost formulas against the networks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from arch2vec.common.threads import thread_count
from arch2vec.graphs import GraphBatch
from arch2vec.networks.layers import ConvNorm
from arch2vec.networks.nasbench101 import NASBench101Cell, NASBench101Network
from arch2vec.networks.weights import count_parameters
from arch2vec.spaces.nasbench101.cost import NASBench101Skeleton, count_cost
from arch2vec.spaces.nasbench101.space import NASBench101
from one_line import error_of

SPACE = NASBench101()
CONV1, CONV3, POOL = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"
FIRST_OPERATIONS = f"input,{CONV3},{POOL},{CONV3},{CONV3},{CONV1},output"
INCEPTION_OPERATIONS = f"input,{CONV1},{CONV3},{CONV3},{CONV3},{POOL},output"
LARGEST_OPERATIONS = f"input,{CONV3},{CONV3},{CONV3},{CONV3},{CONV3},output"
ALL_KINDS = (
    f"0110001;0001000;0001100;0000010;0000001;0000001;0000000|input,{CONV3},{POOL},{CONV1},{CONV3},{POOL},output"
)
SMALL = NASBench101Skeleton(channels=13, stacks=2, cells_per_stack=2, input_channels=1, classes=4)


@pytest.fixture(autouse=True, scope="module")
def one_core() -> Iterator[None]:
    with thread_count(1):
        yield


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def public_channels(before: int, after: int, matrix: np.ndarray) -> list[int]:
    """Channels of all vertices, vertex by vertex, by the rule of the paper's figure 1 and the public code."""
    n = len(matrix)
    channels = [before] + [0] * (n - 2) + [after]
    leading = [vertex for vertex in range(1, n - 1) if matrix[vertex][n - 1]]
    for place, vertex in enumerate(leading):
        channels[vertex] = after // len(leading) + (1 if place < after % len(leading) else 0)
    for vertex in reversed(range(1, n - 1)):
        if vertex not in leading:
            channels[vertex] = max(channels[reader] for reader in range(vertex + 1, n - 1) if matrix[vertex][reader])
    return channels


def parameters_by_hand(matrix: np.ndarray, operations: list[str], skeleton: NASBench101Skeleton) -> int:
    """The sum over all layers of a network, written out."""
    n = len(matrix)
    total = 9 * skeleton.input_channels * skeleton.channels + 2 * skeleton.channels
    before = skeleton.channels
    for stack in range(skeleton.stacks):
        after = skeleton.channels * 2**stack
        for _ in range(skeleton.cells_per_stack):
            channels = public_channels(before, after, matrix)
            for vertex in range(1, n):
                c = channels[vertex]
                if matrix[0][vertex]:
                    total += before * c + 2 * c
                if operations[vertex] in (CONV1, CONV3):
                    total += int(operations[vertex][4]) ** 2 * c * c + 2 * c
            before = after
    return total + before * skeleton.classes + skeleton.classes


def skip_cell(*operations: str) -> str:
    """A chain whose operations all lead to the output."""
    n = len(operations) + 2
    rows = ["".join("1" if j == i + 1 or (0 < i < j == n - 1) else "0" for j in range(n)) for i in range(n)]
    return f"{';'.join(rows)}|{','.join(['input', *operations, 'output'])}"


# The first row of the published file, the Inception-like cell that the public code's example asks for, and the
# smallest and the largest network of the space.
@pytest.mark.parametrize(
    ("architecture", "published"),
    [
        (f"0100110;0010000;0001001;0000010;0000010;0000001;0000000|{FIRST_OPERATIONS}", 8_555_530),
        (f"0111010;0000001;0000001;0000100;0000001;0000001;0000000|{INCEPTION_OPERATIONS}", 2_694_282),
        (skip_cell(POOL, POOL, POOL, POOL), 227_274),
        (f"0111010;0010000;0001000;0000100;0000010;0000001;0000000|{LARGEST_OPERATIONS}", 49_979_274),
    ],
)
def test_published_sizes(architecture: str, published: int) -> None:
    assert count_parameters(NASBench101Network(architecture, NASBench101Skeleton(), None)) == published
    assert count_cost(SPACE.parse([architecture])).parameters[0] == published


def test_parameters_of_random_cells_are_the_sum_over_layers() -> None:
    graphs = SPACE.sample(150, np.random.default_rng(1))
    costs = count_cost(graphs)
    for row, (matrix, operations) in enumerate(SPACE.to_matrix(graphs)):
        assert costs.parameters[row] == parameters_by_hand(matrix, operations, NASBench101Skeleton())
    for row, text in enumerate(SPACE.format(graphs[:25])):
        assert count_parameters(NASBench101Network(text, NASBench101Skeleton(), None)) == costs.parameters[row]


@pytest.mark.slow
def test_the_range_of_sizes_is_the_published_one() -> None:
    parameters = count_cost(SPACE.enumerate()).parameters
    assert (parameters.min(), parameters.max()) == (227_274, 49_979_274)


@pytest.mark.parametrize(("skeleton", "image"), [(SMALL, 6), (NASBench101Skeleton(5, 3, 1, 3, 7), 16)])
def test_multiply_adds_are_those_of_a_forward_pass(skeleton: NASBench101Skeleton, image: int) -> None:
    graphs = GraphBatch.concatenate(
        [SPACE.parse([ALL_KINDS, "01;00|input,output"]), SPACE.sample(10, np.random.default_rng(2))]
    )
    costs = count_cost(graphs, skeleton, image)
    for row, text in enumerate(SPACE.format(graphs)):
        network = NASBench101Network(text, skeleton, None).eval()
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            network(torch.empty(1, skeleton.input_channels, image, image, device="meta"))
        assert counter.get_total_flops() == 2 * costs.macs[row]  # a multiply-add is two operations there
        assert count_parameters(network) == costs.parameters[row]


def conv_norm_relu(unit: nn.Module, x: Tensor) -> Tensor:
    """Convolution, training-mode batch norm and ReLU written out."""
    assert isinstance(unit, ConvNorm)
    y = functional.conv2d(x, unit.convolution.weight, padding=unit.convolution.weight.shape[-1] // 2)
    y = (y - y.mean((0, 2, 3), keepdim=True)) / torch.sqrt(y.var((0, 2, 3), keepdim=True, unbiased=False) + 1e-5)
    return (y * unit.norm.weight[:, None, None] + unit.norm.bias[:, None, None]).clamp(min=0)


def cell_by_hand(cell: NASBench101Cell, matrix: np.ndarray, operations: list[str], x: Tensor, after: int) -> Tensor:
    n = len(matrix)
    values, widths = [x], public_channels(x.shape[1], after, matrix)
    for vertex in range(1, n - 1):
        total: Tensor | float = 0.0
        for source in range(1, vertex):
            if matrix[source][vertex]:
                total = total + values[source].narrow(1, 0, widths[vertex])
        if matrix[0][vertex]:
            total = total + conv_norm_relu(cell.projections[str(vertex)], x)
        assert isinstance(total, Tensor)
        if operations[vertex] == POOL:
            padded = functional.pad(total, (1, 1, 1, 1), value=-torch.inf)
            values.append(padded.unfold(2, 3, 1).unfold(3, 3, 1).amax(dim=(-1, -2)))
        else:
            values.append(conv_norm_relu(cell.convolutions[str(vertex)], total))
    joined = [values[vertex] for vertex in range(1, n - 1) if matrix[vertex][n - 1]]
    output: Tensor | float = torch.cat(joined, dim=1) if joined else 0.0
    if matrix[0][n - 1]:
        output = output + conv_norm_relu(cell.projections[str(n - 1)], x)
    assert isinstance(output, Tensor)
    return output


def test_cells_are_the_definition() -> None:
    graphs = GraphBatch.concatenate(
        [SPACE.parse([ALL_KINDS, "01;00|input,output"]), SPACE.sample(40, np.random.default_rng(3))]
    )
    for row, (matrix, operations) in enumerate(SPACE.to_matrix(graphs)):
        cell = NASBench101Cell(graphs[row], 6, 13)
        cell.to_empty(device="cpu").double().train()
        source = generator(row)
        for module in cell.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.normal_(generator=source)
        x = torch.randn(3, 6, 4, 4, generator=source, dtype=torch.float64)
        expected = cell_by_hand(cell, matrix, operations, x, 13)
        assert expected.shape == (3, 13, 4, 4)
        torch.testing.assert_close(cell(x), expected)


def test_a_network_is_its_composition() -> None:
    network = NASBench101Network(ALL_KINDS, SMALL, generator()).double().eval()
    images = torch.randn(2, 1, 6, 6, generator=generator(1), dtype=torch.float64)
    kinds = [type(block).__name__ for block in network.body]
    assert kinds == ["NASBench101Cell", "NASBench101Cell", "MaxPool2d", "NASBench101Cell", "NASBench101Cell"]
    x = functional.relu(network.stem(images))
    for block in network.body:
        x = block(x) if isinstance(block, NASBench101Cell) else x.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(-1, -2))
    assert x.shape == (2, 26, 3, 3)
    expected = x.flatten(2).mean(dim=2) @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network(images), expected)


def test_weights_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (NASBench101Network(ALL_KINDS, SMALL, generator(seed)).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["stem.convolution.weight"], other["stem.convolution.weight"])
    assert NASBench101Network(ALL_KINDS, SMALL, None).stem.norm.momentum == 0.003


def test_a_few_steps_of_training_fit_the_labels() -> None:
    network = NASBench101Network(ALL_KINDS, NASBench101Skeleton(8, 2, 1, 1, 4), generator()).train()
    images, labels = torch.randn(8, 1, 8, 8, generator=generator(1)), torch.arange(8) % 4
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(10):
        loss = functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        assert all(parameter.grad is not None for parameter in network.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_bad_input_is_one_line() -> None:
    network = NASBench101Network(ALL_KINDS, SMALL, generator())
    assert "multiples of 2, got (6, 7)" in error_of(lambda: network(torch.zeros(1, 1, 6, 7)))
    assert "(B, 1, H, W), got (1, 3, 6, 6)" in error_of(lambda: network(torch.zeros(1, 3, 6, 6)))
    assert "edge on or below" in error_of(lambda: NASBench101Network("01;10|input,output", SMALL, None))
    assert "unknown operation 'conv9x9'" in error_of(
        lambda: NASBench101Network("010;001;000|input,conv9x9,output", SMALL, None)
    )
    assert "channels of at least 5, got 4" in error_of(lambda: NASBench101Skeleton(channels=4))
    assert "stacks of at least 1, got 0" in error_of(lambda: NASBench101Skeleton(stacks=0))
    assert "norm_momentum is in (0, 1], got 0" in error_of(lambda: NASBench101Skeleton(norm_momentum=0))
    assert "multiple of 4 pixels, got 30" in error_of(lambda: count_cost(SPACE.parse([ALL_KINDS]), image=30))
    unpruned = SPACE.parse([ALL_KINDS])
    unpruned.adjacency[0, 0] = False
    assert "graph 0 of 1 is no NAS-Bench-101 cell" in error_of(lambda: count_cost(unpruned))
    assert len(count_cost(unpruned[:0]).macs) == 0
