"""Adam of a flat tensor is PyTorch's, step by step."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from arch2vec.common.schedules import cosine
from arch2vec.models.adam import FlatAdam


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(37,), (3, 128)])
def test_it_is_pytorchs_to_the_bit(shape: tuple[int, ...], weight_decay: float) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=generator)
    ours, theirs = start.clone(), torch.nn.Parameter(start.clone())
    adam = FlatAdam(ours, weight_decay=weight_decay)
    reference = torch.optim.AdamW([theirs], lr=1.0, weight_decay=weight_decay, fused=True)
    for step in range(30):
        gradient = torch.randn(shape, generator=generator)
        theirs.grad, reference.param_groups[0]["lr"] = gradient.clone(), 0.01 / (1 + step)
        reference.step()
        adam.step(gradient, 0.01 / (1 + step))
    assert torch.equal(ours, theirs.detach())


def test_it_goes_on_from_its_state() -> None:
    generator = torch.Generator().manual_seed(1)
    start, gradients = torch.randn(9, generator=generator), torch.randn(8, 9, generator=generator)
    whole, resumed = start.clone(), start.clone()
    adam, first = FlatAdam(whole), FlatAdam(resumed)
    for gradient in gradients:
        adam.step(gradient, 0.1)
    for gradient in gradients[:5]:
        first.step(gradient, 0.1)
    second = FlatAdam(resumed)
    second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
    for gradient in gradients[5:]:
        second.step(gradient, 0.1)
    assert torch.equal(whole, resumed)
    with pytest.raises(ValueError, match="exp_avg of the optimiser has 2 numbers, not 9"):
        second.load_state_dict(second.state_dict() | {"exp_avg": torch.zeros(2)})
    with pytest.raises(KeyError, match="exp_avg_sq"):
        second.load_state_dict({"step": torch.zeros(()), "exp_avg": torch.zeros(9)})


def test_the_rate_falls_along_half_a_cosine() -> None:
    rates = [cosine(0.2, step, 10) for step in range(11)]
    assert rates[0] == 0.2 and rates[5] == pytest.approx(0.1) and rates[10] == pytest.approx(0, abs=1e-17)
    assert rates == sorted(rates, reverse=True)


def test_first_step_is_the_sign_of_the_gradient() -> None:
    parameters = torch.nn.Parameter(torch.zeros(3))
    FlatAdam(parameters).step(torch.tensor([2.0, -0.5, 0.0]), 0.1)
    torch.testing.assert_close(parameters.detach(), torch.tensor([-0.1, 0.1, 0.0]), rtol=1e-6, atol=1e-8)


def test_a_search_does_not_wait_for_the_compiler() -> None:
    program = """
import sys
import numpy as np
from arch2vec.embedding import Embedding
from arch2vec.searching.study import search
from arch2vec.spaces import get_space
space = get_space("nasbench201")
graphs = space.sample(60, np.random.default_rng(0))
embedding = Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(60, -1))
for method in ("bo", "gp-bo", "supervised-bo"):
    search(embedding, lambda architecture: 70.0 + architecture.count("nor"), method, 20)
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
