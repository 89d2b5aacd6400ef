"""DARTS networks: against a slow functional reference, and the cost formulas against them."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from arch2vec.errors import InputError
from arch2vec.networks.darts import DARTSCell, DARTSNetwork
from arch2vec.networks.layers import FactorisedReduction
from arch2vec.spaces.darts.cost import CIFAR10, IMAGENET, DARTSSkeleton, count_cost
from arch2vec.spaces.darts.notation import EXAMPLE
from arch2vec.spaces.darts.pair import DARTSPair
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES
from arch2vec.spaces.darts.space import DARTS

SMALL = DARTSSkeleton("cifar", cells=5, channels=4, image=32, classes=10)
SMALL_IMAGENET = DARTSSkeleton("imagenet", cells=6, channels=6, image=224, classes=7)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int, skeleton: DARTSSkeleton, seed: int = 0) -> Tensor:
    return torch.randn(n, skeleton.input_channels, skeleton.image, skeleton.image, generator=generator(seed))


def assert_costs_are_exact(n: int, seed: int, skeleton: DARTSSkeleton) -> None:
    """Formulas against the numel of a built network's parameters and PyTorch's own count of a forward pass."""
    space = DARTSPair()
    graphs = space.sample(n, np.random.default_rng(seed))
    costs = count_cost(*space.split(graphs), skeleton=skeleton)
    for row, architecture in enumerate(space.format(graphs)):
        # In training mode, as the auxiliary head does nothing otherwise; of two images, as it normalises single pixels.
        network = DARTSNetwork(architecture, skeleton, None).train(skeleton.auxiliary)
        assert sum(parameter.numel() for parameter in network.parameters()) == costs.parameters[row]
        normalised = 0

        def count_normalised(_module: nn.Module, _inputs: tuple[Tensor], output: Tensor) -> None:
            nonlocal normalised
            normalised += output.numel()

        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.register_forward_hook(count_normalised)
        counter = FlopCounterMode(display=False)
        batch = torch.empty(2, skeleton.input_channels, skeleton.image, skeleton.image, device="meta")
        with counter, torch.no_grad():
            network(batch)
        assert counter.get_total_flops() == 2 * 2 * costs.macs[row]  # a multiply-add is two operations there
        assert normalised == 2 * costs.normalised[row]


@pytest.mark.parametrize(
    "skeleton",
    [
        replace(SMALL, auxiliary=True),
        replace(SMALL_IMAGENET, auxiliary=True),
        DARTSSkeleton("imagenet", 3, 8, 64, 5),
        DARTSSkeleton("cifar", 4, 10, 8, 3, input_channels=1),
    ],
)
def test_formulas_are_exact(skeleton: DARTSSkeleton) -> None:
    assert_costs_are_exact(2, skeleton.cells, skeleton)


@pytest.mark.slow
@pytest.mark.parametrize("auxiliary", [False, True])
@pytest.mark.parametrize("skeleton", [CIFAR10, IMAGENET])
def test_formulas_are_exact_for_the_published_networks(skeleton: DARTSSkeleton, auxiliary: bool) -> None:
    """Half of 200 pairs of cells with an auxiliary head, half without."""
    assert_costs_are_exact(100, int(auxiliary), replace(skeleton, auxiliary=auxiliary))


# Millions: from the papers, and for DARTS_V2 from a user's count with a common tool.
@pytest.mark.parametrize(
    ("name", "published", "digits"),
    [("P_DARTS", 557, 0), ("PC_DARTS_CIFAR", 586, 0), ("PC_DARTS_IMAGENET", 597, 0), ("DARTS_V2", 544.59, 2)],
)
def test_published_multiply_adds_count_every_layer(name: str, published: float, digits: int) -> None:
    """Multiply-adds, two for each normalised number, one for each that passes a ReLU or is pooled."""
    space = DARTSPair()
    cost = count_cost(*space.split(space.parse([PUBLISHED_GENOTYPES[name]])), skeleton=IMAGENET)
    network = DARTSNetwork(PUBLISHED_GENOTYPES[name], IMAGENET, None).eval()
    others = 768 * 7 * 7  # global pooling

    def count(_module: nn.Module, inputs: tuple[Tensor]) -> None:
        nonlocal others
        others += inputs[0].numel()

    for module in network.modules():
        if isinstance(module, nn.ReLU | nn.MaxPool2d | nn.AvgPool2d):
            module.register_forward_pre_hook(count)
    with torch.no_grad():
        network(torch.empty(1, 3, 224, 224, device="meta"))
    total = cost.macs_with_norms[0] + others
    assert round(float(total) / 1e6, digits) == published


@pytest.mark.parametrize("skeleton", [SMALL, SMALL_IMAGENET])
def test_shapes_and_gradients(skeleton: DARTSSkeleton) -> None:
    with_head = replace(skeleton, auxiliary=True)
    network = DARTSNetwork(PUBLISHED_GENOTYPES["PC_DARTS_CIFAR"], with_head, generator()).train()
    scores, auxiliary = network(images(2, skeleton))
    assert scores.shape == auxiliary.shape == (2, skeleton.classes)
    torch.autograd.backward(scores.sum() + auxiliary.sum())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_a_network_is_fixed_by_its_generator() -> None:
    before = torch.random.get_rng_state()
    first, same, other = (DARTSNetwork(EXAMPLE, SMALL, generator(seed)).eval() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    batch = images(2, SMALL)
    with torch.no_grad():
        assert torch.equal(first(batch), same(batch))
        assert not torch.allclose(first(batch), other(batch))


def test_one_cell_serves_for_both() -> None:
    batch = images(2, SMALL)
    with torch.no_grad():
        outputs = [
            DARTSNetwork(text, SMALL, generator()).eval()(batch)
            for text in (EXAMPLE, f"{EXAMPLE}+{EXAMPLE}", DARTS().to_genotype(DARTS().parse([EXAMPLE]))[0])
        ]
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


def test_the_auxiliary_head_works_in_training_only_and_leaves_the_scores_alone() -> None:
    with_head = DARTSNetwork(EXAMPLE, replace(SMALL, auxiliary=True), generator())
    without = DARTSNetwork(EXAMPLE, SMALL, generator())
    without.load_state_dict({name: value for name, value in with_head.state_dict().items() if "auxiliary" not in name})
    batch = images(2, SMALL)
    with torch.no_grad():
        pair = with_head.train()(batch)
        assert isinstance(pair, tuple) and len(pair) == 2
        assert torch.equal(pair[0], without.train()(batch))
        scores = with_head.eval()(batch)
        assert isinstance(scores, Tensor) and torch.equal(scores, without.eval()(batch))


def norm(x: Tensor) -> Tensor:
    """What a new batch norm does in training."""
    deviation = x - x.mean(dim=(0, 2, 3), keepdim=True)
    return deviation / (deviation.square().mean(dim=(0, 2, 3), keepdim=True) + 1e-5).sqrt()


def reference(weights: list[Tensor], name: str, x: Tensor, stride: int) -> Tensor:
    """An operation of the paper, taking its convolutions' weights from the front of the list."""
    match name:
        case "skip_connect":
            return x if stride == 1 else halve(weights, x)
        case "max_pool_3x3":
            return functional.max_pool2d(x, 3, stride, 1)
        case "avg_pool_3x3":
            ones = functional.avg_pool2d(torch.ones_like(x), 3, stride, 1)  # the share of a window inside the image
            return functional.avg_pool2d(x, 3, stride, 1) / ones
        case "sep_conv_3x3" | "sep_conv_5x5":
            for step in (stride, 1):
                x = depthwise_pointwise(weights, x, int(name[-1]) // 2, step, 1)
            return x
        case _:
            return depthwise_pointwise(weights, x, int(name[-1]) // 2 * 2, stride, 2)


def depthwise_pointwise(weights: list[Tensor], x: Tensor, padding: int, stride: int, dilation: int) -> Tensor:
    depthwise, pointwise = weights.pop(0), weights.pop(0)
    x = functional.conv2d(functional.relu(x), depthwise, None, stride, padding, dilation, groups=x.shape[1])
    return norm(functional.conv2d(x, pointwise))


def pointwise(weights: list[Tensor], x: Tensor) -> Tensor:
    return norm(functional.conv2d(functional.relu(x), weights.pop(0)))


def halve(weights: list[Tensor], x: Tensor) -> Tensor:
    x = functional.relu(x)
    even = functional.conv2d(x[:, :, ::2, ::2], weights.pop(0))
    odd = functional.conv2d(x[:, :, 1::2, 1::2], weights.pop(0))
    return norm(torch.cat([even, odd], dim=1))


def initialised(module: nn.Module) -> list[Tensor]:
    """Give the module random weights; its convolutions' weights in order."""
    module.to_empty(device="cpu").train()
    source = generator(3)
    weights = []
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=0.3, generator=source)
            weights.append(part.weight.detach())
        elif isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()
    return weights


@pytest.mark.parametrize("reduction", [False, True])
@pytest.mark.parametrize("halved", [False, True])
def test_a_cell_is_the_definition(reduction: bool, halved: bool) -> None:
    slots = [
        ("sep_conv_3x3", 1), ("skip_connect", 0), ("max_pool_3x3", 1), ("dil_conv_5x5", 2),
        ("avg_pool_3x3", 0), ("dil_conv_3x3", 3), ("sep_conv_5x5", 0), ("skip_connect", 4),
    ]  # fmt: skip
    cell = DARTSCell(slots, before=6, last=10, channels=8, reduction=reduction, halved=halved)
    weights = initialised(cell)
    side = 16 if halved else 8
    before = torch.randn(3, 6, side, side, generator=generator(1))
    last = torch.randn(3, 10, 8, 8, generator=generator(2))
    values = [halve(weights, before) if halved else pointwise(weights, before), pointwise(weights, last)]
    for node in range(4):
        terms = []
        for name, source in slots[2 * node : 2 * node + 2]:
            terms.append(reference(weights, name, values[source], 2 if reduction and source < 2 else 1))
        values.append(terms[0] + terms[1])
    assert not weights
    expected = torch.cat(values[2:], dim=1)
    assert expected.shape == (3, 32, *((4, 4) if reduction else (8, 8)))
    torch.testing.assert_close(cell(before, last), expected, rtol=1e-4, atol=1e-4)


def test_a_factorised_reduction_is_two_strided_convolutions_that_read_even_and_odd_pixels() -> None:
    reduction = FactorisedReduction(3, 5).double()
    initialised(reduction)
    x = torch.randn(2, 3, 6, 6, generator=generator(), dtype=torch.float64)
    ours, reference = x.clone().requires_grad_(), x.clone().requires_grad_()
    rectified = reference.relu()
    strided = [
        functional.conv2d(pixels, layer.weight, stride=2)
        for pixels, layer in ((rectified, reduction.even), (rectified[:, :, 1:, 1:], reduction.odd))
    ]
    expected = reduction.norm(torch.cat(strided, dim=1))
    found = reduction(ours)
    assert found.shape == (2, 5, 3, 3)
    torch.testing.assert_close(found, expected)
    towards = torch.randn(found.shape, generator=generator(1), dtype=torch.float64)
    gradients = torch.autograd.grad(found, ours, towards) + torch.autograd.grad(expected, reference, towards)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("channels", [2, 4])
def test_few_channels_stored_last_are_trained(channels: int) -> None:
    # A strided 1x1 convolution would write past its memory here, on some processors.
    reduction = FactorisedReduction(channels, channels)
    initialised(reduction)
    for seed in range(20):
        x = torch.randn(4, channels, 8, 8, generator=generator(seed)).contiguous(memory_format=torch.channels_last)
        torch.autograd.backward(reduction(x.requires_grad_()).square().sum())
        assert x.grad is not None and torch.isfinite(x.grad).all()


def test_drop_path_zeroes_images_and_keeps_the_mean() -> None:
    network = DARTSNetwork(EXAMPLE, SMALL, generator()).train()
    network.drop_path_probability = 0.25
    factors = network._drop_path_factors(torch.empty(4_000, 1))
    assert factors is not None and factors.shape == (SMALL.cells, 8, 4_000, 1, 1, 1)
    assert set(factors.flatten().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert (factors.mean(dim=2) - 1).abs().max() < 0.05  # each operation on its own
    assert abs(factors.mean().item() - 1) < 0.005
    assert network.eval()._drop_path_factors(torch.empty(2, 1)) is None


def test_drop_path_spares_the_identity_only() -> None:
    slots = [("skip_connect", 0), ("max_pool_3x3", 1)] * 4
    cell = DARTSCell(slots, before=2, last=2, channels=2, reduction=False, halved=False)
    initialised(cell)
    x = torch.randn(3, 2, 4, 4, generator=generator())
    dropped = torch.ones(8, 3, 1, 1, 1)
    dropped[:, 1] = 0
    plain, output = cell(x, x), cell(x, x, dropped)
    assert torch.equal(output[[0, 2]], plain[[0, 2]])
    for node in range(4):  # the middle image keeps the identity
        assert torch.equal(output[1, 2 * node : 2 * node + 2], cell.from_before(x)[1])
    assert not torch.equal(output[1], plain[1])


def test_drop_path_depends_on_the_batches_seen_and_nothing_else() -> None:
    network = DARTSNetwork(EXAMPLE, SMALL, generator()).train()
    network.drop_path_probability = 0.5
    batch, state = images(4, SMALL), torch.random.get_rng_state()
    start = copy.deepcopy(network.state_dict())
    first, second = network(batch), network(batch)
    assert not torch.allclose(first, second)
    network.load_state_dict(start)
    assert torch.equal(network(batch), first)
    saved = copy.deepcopy(network.state_dict())
    resumed = DARTSNetwork(EXAMPLE, SMALL, generator()).train()
    resumed.load_state_dict(saved)
    resumed.drop_path_probability = 0.5
    assert torch.equal(resumed(batch), second)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert DARTSNetwork(EXAMPLE, SMALL, generator(1)).drop_path_seed != network.drop_path_seed
    for probability in (1.0, -0.1, float("nan")):
        with pytest.raises(InputError, match=r"in \[0, 1\)"):
            network.drop_path_probability = probability
    assert network.drop_path_probability == 0.5


def test_a_few_steps_of_training_fit_the_labels() -> None:
    network = DARTSNetwork(EXAMPLE, replace(SMALL, cells=3), generator()).train()
    batch, labels = images(8, SMALL), torch.arange(8)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(8):
        loss = functional.cross_entropy(network(batch), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_network_can_be_copied_and_its_weights_loaded() -> None:
    network = DARTSNetwork(EXAMPLE, SMALL, generator()).eval()
    batch = images(2, SMALL)
    other = DARTSNetwork(EXAMPLE, SMALL, generator(1)).eval()
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(network)(batch), network(batch))
        assert torch.equal(other(batch), network(batch))


def test_images_that_cannot_be_halved_are_refused() -> None:
    network = DARTSNetwork(EXAMPLE, SMALL, generator())
    with pytest.raises(InputError, match=r"multiples of 4, got \(32, 30\)"):
        network(torch.zeros(1, 3, 32, 30))
    with pytest.raises(InputError, match=r"\(B, 3, H, W\), got \(1, 1, 32, 32\)"):
        network(torch.zeros(1, 1, 32, 32))
    with_head = DARTSNetwork(EXAMPLE, replace(SMALL, auxiliary=True), generator())
    with pytest.raises(InputError, match=r"auxiliary head needs images of about 32 pixels, got \(32, 64\)"):
        with_head(torch.zeros(1, 3, 32, 64))
    assert with_head.eval()(torch.zeros(1, 3, 32, 64)).shape == (1, 10)
    with pytest.raises(InputError, match="one looks like"):
        DARTSNetwork("skip_connect~0", SMALL, generator())
    with pytest.raises(InputError, match="node 1 reads '3'"):
        DARTSNetwork(EXAMPLE.replace("|sep_conv_3x3~0", "|sep_conv_3x3~3", 1), SMALL, None)
    with pytest.raises(InputError, match="unknown operation 'sep_conv_9x9'"):
        DARTSNetwork(EXAMPLE.replace("sep_conv_3x3~0", "sep_conv_9x9~0", 1), SMALL, None)
