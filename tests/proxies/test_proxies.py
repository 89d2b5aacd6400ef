"""The zero-cost proxies against slow, obvious versions of themselves."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from arch2vec.networks.nasbench201 import NASBench201Network
from arch2vec.proxies.counts import macs, parameters
from arch2vec.proxies.fisher import fisher
from arch2vec.proxies.gradients import grad_norm, grasp, l2_norm, plain, snip
from arch2vec.proxies.jacov import jacov
from arch2vec.proxies.naswot import naswot
from arch2vec.proxies.registry import PROXIES, evaluate
from arch2vec.proxies.synflow import synflow
from arch2vec.proxies.zen import zen
from arch2vec.spaces.nasbench201.cost import NASBench201Skeleton
from one_line import error_of
from proxy_networks import labelled, linear_chain, small_network

SEEDS = st.integers(0, 10_000)
ARCHITECTURE = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"
UNCONNECTED = "|none~0|+|none~0|nor_conv_3x3~1|+|none~0|nor_conv_1x1~1|skip_connect~2|"
WEIGHTS = ("0.weight", "3.weight", "8.weight")


def in_training(network: nn.Sequential) -> nn.Sequential:
    """A copy in training mode that keeps no running statistics."""
    network = copy.deepcopy(network).train()
    for module in network:
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
    return network


def loss_of(network: nn.Sequential, images: Tensor, labels: Tensor) -> Callable[[dict[str, Tensor]], Tensor]:
    """The loss in training mode as a function of some weights; the network passed in is not touched."""
    network = in_training(network)

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return functional.cross_entropy(functional_call(network, weights, (images,)), labels)

    return loss


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters() if name in WEIGHTS}


def slopes(network: nn.Sequential, images: Tensor, labels: Tensor, step: float = 1e-6) -> dict[str, Tensor]:
    """The loss's gradient by central differences, a weight at a time."""
    loss, weights = loss_of(network, images, labels), weights_of(network)
    found = {name: torch.zeros_like(value) for name, value in weights.items()}
    for name, value in weights.items():
        for place in itertools.product(*map(range, value.shape)):
            ends = []
            for sign in (1, -1):
                moved = value.clone()
                moved[place] += sign * step
                ends.append(loss({**weights, name: moved}).item())
            found[name][place] = (ends[0] - ends[1]) / (2 * step)
    return found


# Gradients


def test_first_order_proxies_by_finite_differences() -> None:
    network, (images, labels) = small_network(), labelled()
    gradient, weights = slopes(network, images, labels), weights_of(network)
    terms = {name: weights[name] * gradient[name] for name in weights}
    assert snip(network, images, labels) == pytest.approx(
        float(sum(t.abs().sum() for t in terms.values())), rel=1e-6, abs=1e-7
    )
    assert plain(network, images, labels) == pytest.approx(
        float(sum(t.sum() for t in terms.values())), rel=1e-6, abs=1e-7
    )
    norms = [math.sqrt(sum(g**2 for g in gradient[name].flatten().tolist())) for name in weights]
    assert grad_norm(network, images, labels) == pytest.approx(sum(norms), rel=1e-6, abs=1e-7)
    lengths = [math.sqrt(sum(w**2 for w in weights[name].flatten().tolist())) for name in weights]
    assert l2_norm(network, images, labels) == pytest.approx(sum(lengths))


def test_grasp_is_the_product_of_the_explicit_hessian() -> None:
    network, (images, labels) = small_network(3), labelled(seed=2)
    loss, weights = loss_of(network, images, labels), weights_of(network)
    sizes = [value.numel() for value in weights.values()]

    def of_vector(vector: Tensor) -> Tensor:
        parts = torch.split(vector, sizes)
        return loss({name: part.view_as(weights[name]) for name, part in zip(weights, parts, strict=True)})

    vector = torch.cat([value.flatten() for value in weights.values()]).requires_grad_()
    (gradient,) = torch.autograd.grad(of_vector(vector), vector)
    hessian = torch.autograd.functional.hessian(of_vector, vector)  # type: ignore[no-untyped-call]
    assert grasp(network, images, labels) == pytest.approx(-(vector @ (hessian @ gradient)).item(), rel=1e-9)
    # What the documentation says of it: how the squared gradient changes with the scale of all weights.
    ends = []
    for scale in (1 + 1e-5, 1 - 1e-5):
        at = (scale * vector).detach().requires_grad_()
        (g,) = torch.autograd.grad(of_vector(at), at)
        ends.append((g @ g).item() / 2)
    assert grasp(network, images, labels) == pytest.approx(-(ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_fisher_is_the_gradient_of_gates_on_channels() -> None:
    network, (images, labels) = small_network(1), labelled()
    gated = in_training(network)
    gates: list[Tensor] = []

    def gate(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        gates.append(torch.ones(output.shape[:2], dtype=output.dtype, requires_grad=True))
        return output * (gates[-1] if output.ndim == 2 else gates[-1][:, :, None, None])

    for module in gated:
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(gate)
    found = torch.autograd.grad(functional.cross_entropy(gated(images), labels), gates)
    expected = 0.0
    for by_channel in found:  # (B, C)
        for channel in range(by_channel.shape[1]):
            expected += sum(float(value) ** 2 for value in by_channel[:, channel]) / len(images) / 2
    assert fisher(network, images, labels) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), SEEDS)
@settings(max_examples=20, deadline=None)
def test_plain_in_a_linear_chain_is_the_same_for_every_layer(hidden: list[int], seed: int) -> None:
    network = linear_chain([6, *hidden, 3], seed)
    images, labels = labelled(4, (1, 2, 3), seed=seed)
    scores = network(images).detach()
    # d loss / d log(scale of the scores): scaling any layer scales the scores.
    slope = (scores * (scores.softmax(dim=1) - functional.one_hot(labels, 3))).sum(dim=1).mean()
    assert plain(network, images, labels) == pytest.approx((len(hidden) + 1) * float(slope), rel=1e-9, abs=1e-12)


def test_what_plain_leaves_of_layers_before_a_batch_norm() -> None:
    network, (images, labels) = small_network(2), labelled(30)
    gradient = slopes(network, images, labels)["8.weight"]
    classifier = float((network.get_parameter("8.weight").detach() * gradient).sum())
    assert plain(network, images, labels) == pytest.approx(classifier, abs=1e-3)


# Synaptic flow


@given(st.lists(st.integers(1, 3), min_size=0, max_size=3), SEEDS)
@settings(max_examples=25, deadline=None)
def test_synflow_of_a_linear_chain_sums_its_paths(hidden: list[int], seed: int) -> None:
    widths = [4, *hidden, 2]
    network = linear_chain(widths, seed)
    weights = [layer.weight.detach().numpy() for layer in network if isinstance(layer, nn.Linear)]
    paths = 0.0
    for path in itertools.product(*map(range, widths)):
        product = 1.0
        for weight, (source, target) in zip(weights, itertools.pairwise(path), strict=True):
            product *= abs(float(weight[target, source]))
        paths += product
    images, labels = labelled(2, (1, 2, 2), classes=2)
    assert synflow(network, images, labels) == pytest.approx(len(weights) * paths, rel=1e-9)
    # It sees neither the signs of weights nor the data.
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(-1)
    assert synflow(network, *labelled(3, (1, 2, 2), classes=2, seed=seed)) == pytest.approx(
        len(weights) * paths, rel=1e-9
    )


def test_synflow_leaves_batch_norms_out() -> None:
    network, (images, labels) = small_network(), labelled()
    bare = nn.Sequential(*(module for module in copy.deepcopy(network) if not isinstance(module, nn.BatchNorm2d)))
    for parameter in bare.parameters():
        parameter.data.abs_()
    bare(torch.ones((1, *images.shape[1:]), dtype=torch.float64)).sum().backward()
    layers = [module for module in bare if isinstance(module, nn.Conv2d | nn.Linear)]
    expected = sum((layer.weight * layer.weight.grad).sum().item() for layer in layers if layer.weight.grad is not None)
    assert synflow(network, images, labels) == pytest.approx(expected, rel=1e-12)
    # Double precision whatever the network's: the weights are rounded, the sum is not.
    assert synflow(network.float(), images.float(), labels) == pytest.approx(expected, rel=1e-5)


# Responses to images


def test_jacov_from_explicit_jacobians() -> None:
    network, (images, labels) = small_network(4), labelled()
    # (B, classes, B, C, H, W)
    jacobian = torch.autograd.functional.jacobian(in_training(network), images)  # type: ignore[no-untyped-call]
    rows = [jacobian[:, :, image].sum(dim=(0, 1)).flatten().numpy() for image in range(len(images))]
    values = np.linalg.eig(np.corrcoef(rows))[0].real
    expected = -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in values)
    assert jacov(network, images, labels) == pytest.approx(expected, rel=1e-6)


def test_jacov_of_a_jacobian_that_is_rounding_is_nan() -> None:
    # Every unit after the last batch norm is on for all images or for none, and what the norm gives sums to zero.
    network, (images, labels) = small_network(3887), labelled(seed=3887)
    assert math.isnan(jacov(network, images, labels))
    assert math.isnan(jacov(network.float(), images.float(), labels))


def test_naswot_from_codes_by_hand() -> None:
    network, (images, labels) = small_network(5), labelled(4)
    codes: list[list[bool]] = [[] for _ in images]

    def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        for image, values in enumerate(output):
            codes[image].extend(value > 0 for value in values.flatten().tolist())

    whole = in_training(network)
    for module in whole:
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(note)
    whole(images)
    kernel = [[sum(a == b for a, b in zip(x, y, strict=True)) for y in codes] for x in codes]
    assert naswot(network, images, labels) == pytest.approx(math.log(np.linalg.det(np.array(kernel, dtype=float))))


@given(SEEDS, st.permutations(range(5)))
@example(3887, [0, 1, 2, 4, 3])  # the Jacobian is rounding
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_images_does_not_matter(seed: int, order: list[int]) -> None:
    network, (images, labels) = small_network(seed), labelled(seed=seed)
    names = [name for name in PROXIES if name != "zen"]
    before, after = (evaluate(network, images[rows], labels[rows], names) for rows in (list(range(5)), order))
    assert after == pytest.approx(before, rel=1e-6, abs=1e-9, nan_ok=True)
    assert before["fisher"] >= 0
    assert math.isnan(before["jacov"]) or before["jacov"] <= -5 + 1e-3  # -B where nothing is correlated


# The Zen-score


def test_zen_of_a_linear_network_is_the_size_of_its_features() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.Flatten(), nn.Linear(12, 2)).double()
    images, labels = labelled(6, classes=2)
    generator = torch.Generator().manual_seed(11)
    weight = torch.randn((3, 2, 3, 3), generator=generator, dtype=torch.float64)
    torch.randn((2, 12), generator=generator, dtype=torch.float64)
    torch.randn(images.shape, generator=generator, dtype=torch.float64)
    noise = torch.randn(images.shape, generator=generator, dtype=torch.float64)
    moved = [0.01 * float(functional.conv2d(image[None], weight).norm()) for image in noise]
    assert zen(network, images, labels, seed=11) == pytest.approx(math.log(sum(moved) / 6), rel=1e-9)


def test_zen_from_its_definition() -> None:
    network, (images, labels) = small_network(), labelled(7)
    generator = torch.Generator().manual_seed(4)
    direct = in_training(network)
    with torch.no_grad():
        for name in WEIGHTS:
            weight = direct.get_parameter(name)
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
        for name in ("1.weight", "4.weight"):
            direct.get_parameter(name).fill_(1)
        for name in ("1.bias", "4.bias", "8.bias"):
            direct.get_parameter(name).fill_(0)
    x, noise = (torch.randn(images.shape, generator=generator, dtype=torch.float64) for _ in range(2))
    scale = 0.0
    for inputs in (direct[:1](x), direct[:4](x)):
        variances = [inputs[:, channel].var(correction=0).item() for channel in range(inputs.shape[1])]
        scale += math.log(math.sqrt(sum(variances) / len(variances)))
    moved = (direct[:6](x + 0.01 * noise) - direct[:6](x)).flatten(1).norm(dim=1).mean()
    assert zen(network, images, labels, seed=4) == pytest.approx(math.log(moved.item()) + scale, rel=1e-9)
    assert zen(network, images, labels, seed=5) != pytest.approx(zen(network, images, labels, seed=4), rel=1e-6)


# Sizes


def test_sizes_of_a_benchmark_network() -> None:
    skeleton = NASBench201Skeleton(channels=4, cells_per_stage=2)
    network = NASBench201Network(ARCHITECTURE, skeleton, torch.Generator().manual_seed(0))
    images = torch.zeros(3, 3, 8, 8)
    with FlopCounterMode(display=False) as counter:
        network(images)
    labels = torch.zeros(3, dtype=torch.int64)
    assert macs(network, images, labels) == counter.get_total_flops() / 2 / 3
    assert parameters(network, images, labels) == sum(p.numel() for p in network.parameters())


# What all of them promise


def test_together_they_give_what_they_give_alone() -> None:
    network, (images, labels) = small_network(6), labelled()
    together = evaluate(network, images, labels, seed=3)
    assert list(together) == list(PROXIES)
    alone = {name: proxy(network, images, labels, 3) for name, proxy in PROXIES.items()}
    assert together == pytest.approx(alone, rel=1e-9, abs=1e-12)
    assert evaluate(network, images, labels, seed=3) == together
    some = evaluate(network, images, labels, ["naswot", "snip"])
    assert some == {name: together[name] for name in ("naswot", "snip")}


def test_networks_and_random_states_are_left_as_they_were() -> None:
    network, (images, labels) = small_network(), labelled()
    network.eval()
    network[1].train()
    network.get_parameter("0.weight").requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state, pixels = torch.get_rng_state(), images.clone()
    with torch.no_grad():
        evaluate(network, images, labels)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(images, pixels)
    assert not images.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [module.training for module in network] == [index == 1 for index in range(9)]
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.get_parameter("0.weight").requires_grad


def test_functions_are_seen_as_well_as_modules() -> None:
    class Functions(nn.Module):
        def __init__(self, modules: nn.Sequential) -> None:
            super().__init__()
            self.modules_ = modules

        def forward(self, x: Tensor) -> Tensor:
            p = dict(self.modules_.named_parameters())
            x = functional.conv2d(x, p["0.weight"], padding=1)
            x = torch.relu(functional.batch_norm(x, None, None, p["1.weight"], p["1.bias"], training=True))
            x = functional.conv2d(x, p["3.weight"], padding=1, stride=2)
            x = functional.batch_norm(x, None, None, p["4.weight"], p["4.bias"], training=True).relu_()
            return functional.linear(x.mean(dim=(2, 3)), p["8.weight"], p["8.bias"])

    network, (images, labels) = small_network(8), labelled()
    names = [name for name in PROXIES if name != "zen"]  # it takes batch norms' parameters from their modules
    assert evaluate(Functions(network), images, labels, names) == pytest.approx(
        evaluate(network, images, labels, names), rel=1e-9, abs=1e-12
    )


def test_a_network_that_does_not_read_its_input() -> None:
    network = NASBench201Network(UNCONNECTED, NASBench201Skeleton(4, 1), torch.Generator().manual_seed(0))
    images = torch.randn((6, 3, 8, 8), generator=torch.Generator().manual_seed(1))
    values = evaluate(network, images, torch.arange(6))
    undefined = {name for name, value in values.items() if math.isnan(value)}
    assert undefined == {"jacov", "naswot", "zen"}
    assert values["synflow"] == 0


def test_values_are_finite_or_nan() -> None:
    network, (images, labels) = small_network(), labelled()
    images[0] = images[1]
    assert math.isnan(naswot(network, images, labels))  # two images with one code
    assert math.isnan(jacov(linear_chain([32, 3]), images[:1], labels[:1]))
    with torch.no_grad():
        network.get_parameter("8.weight").fill_(1e308)
    assert math.isnan(synflow(network, images, labels))
    with torch.no_grad():
        network.get_parameter("0.weight").fill_(math.nan)
    assert math.isnan(snip(network, images, labels))
    assert math.isnan(grasp(network, images, labels))


def test_bad_input_is_one_line() -> None:
    network, (images, labels) = small_network(), labelled()
    assert "unknown zero-cost proxy 'synflo'; known: fisher, " in error_of(
        lambda: evaluate(network, images, labels, ["synflo"])
    )
    assert "at least one" in error_of(lambda: evaluate(network, images, labels, []))
    assert "got (5, 2, 4, 4) and (4,)" in error_of(lambda: snip(network, images, labels[:4]))
    assert "labels must be among the network's 3 classes" in error_of(lambda: snip(network, images, labels + 3))
    assert "convolution or a linear layer" in error_of(lambda: snip(nn.Flatten(), images, labels))
    assert "feature maps" in error_of(lambda: zen(linear_chain([32, 3]), images, labels))


@pytest.mark.parametrize("name", PROXIES)
def test_documentation_says_what_a_value_is(name: str) -> None:
    text = PROXIES[name].compute.__doc__ or ""
    assert "NaN" in text
    assert PROXIES[name].__doc__ == text
