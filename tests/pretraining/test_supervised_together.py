"""Encoders trained side by side, against those trained one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.models.folded import basis_of
from arch2vec.models.inputs import GraphStore
from arch2vec.models.regressor import RegressorConfig
from arch2vec.pretraining.supervised import SupervisedConfig, SupervisedEncoder, train_supervised
from arch2vec.pretraining.supervised_together import _NormRelu, train_supervised_together
from arch2vec.spaces import get_space

SMALL = RegressorConfig(hidden=16, layers=2)
SEEDS = (3, 8, 1)


def problem(name: str, n: int) -> tuple[list[GraphBatch], list[np.ndarray]]:
    space, rng = get_space(name), np.random.default_rng(0)
    graphs = [space.sample(n, rng) for _ in SEEDS]
    return graphs, [3.0 * (some.ops == 2).sum(axis=1) + rng.normal(size=n) for some in graphs]


def largest_difference(one: SupervisedEncoder, other: SupervisedEncoder, but: tuple[str, ...] = ()) -> float:
    """Of weights and batch norm's statistics, except those whose name ends in one of ``but``."""
    others = other.regressor.state_dict()
    return max(
        float((value.double() - others[name].double()).abs().max())
        for name, value in one.regressor.state_dict().items()
        if not name.endswith(but)
    )


IDLE = ("linear1.bias", "linear2.bias", "running_mean")
"""Batch norm subtracts these biases: their gradient is rounding, which Adam makes whole steps of."""


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts"])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_each_run_ends_where_it_ends_alone(name: str, pooling: str) -> None:
    """Weights and batch norm's statistics, after so few steps that rounding has not grown."""
    graphs, values = problem(name, 37)
    config = SupervisedConfig(RegressorConfig(hidden=16, layers=2, pooling=pooling), epochs=2, weight_decay=0.1)  # type: ignore[arg-type]
    together = train_supervised_together(get_space(name), graphs, values, config, SEEDS)
    for encoder, some, worth, seed in zip(together, graphs, values, SEEDS, strict=True):
        alone = train_supervised(get_space(name), some, worth, config, seed)
        assert (encoder.centre, encoder.spread) == (alone.centre, alone.spread)
        assert largest_difference(encoder, alone, but=IDLE) < 1e-3
        np.testing.assert_allclose(encoder.predict(some), alone.predict(some), atol=0.05)


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201"])
@pytest.mark.parametrize("n", [16, 75, 200])
def test_company_changes_no_bit(name: str, n: int) -> None:
    graphs, values = problem(name, n)
    config, space = SupervisedConfig(SMALL, epochs=3), get_space(name)
    together = train_supervised_together(space, graphs, values, config, SEEDS)
    alone = train_supervised_together(space, graphs[1:2], values[1:2], config, SEEDS[1:2])
    assert largest_difference(together[1], alone[0]) == 0


def test_more_runs_than_fit_in_a_tensor() -> None:
    graphs, values = problem("nasbench201", 12)
    config, space = SupervisedConfig(SMALL, epochs=1), get_space("nasbench201")
    many = train_supervised_together(space, graphs * 6, values * 6, config, range(18))
    assert len(many) == 18
    assert largest_difference(many[17], train_supervised(space, graphs[2], values[2], config, 17), but=IDLE) < 1e-3


def test_other_encoders_are_trained_one_by_one() -> None:
    graphs, values = problem("nasbench201", 20)
    config = SupervisedConfig(RegressorConfig(encoder="gcn", hidden=8, layers=1), epochs=2)
    space = get_space("nasbench201")
    together = train_supervised_together(space, graphs, values, config, SEEDS)
    for encoder, some, worth, seed in zip(together, graphs, values, SEEDS, strict=True):
        assert largest_difference(encoder, train_supervised(space, some, worth, config, seed)) == 0


def test_a_value_that_is_not_finite_is_named() -> None:
    graphs, values = problem("nasbench201", 20)
    values[1][4] = np.nan
    with pytest.raises(InputError, match="value 4 is not finite"):
        train_supervised_together(get_space("nasbench201"), graphs, values, SupervisedConfig(SMALL), SEEDS)


@pytest.mark.parametrize("padded", [False, True])
def test_norm_and_relu_are_pytorchs(padded: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, 30, 5, generator=generator, dtype=torch.float64) + 1
    weight, bias, above = (torch.randn(2, size, 5, generator=generator, dtype=torch.float64) for size in (1, 1, 30))
    present = (torch.rand(2, 30, 1, generator=generator) < 0.7).double() if padded else None
    arguments = [tensor.clone().requires_grad_() for tensor in (rows, weight, bias)]
    output, mean, variance = _NormRelu.apply(*arguments, present, 1e-5)  # type: ignore[no-untyped-call]
    gradients = torch.autograd.grad((output * above).sum(), arguments)
    for run in range(2):
        there = torch.ones(30, dtype=torch.bool) if present is None else present[run, :, 0] > 0
        own = [rows[run, there].clone(), weight[run, 0].clone(), bias[run, 0].clone()]
        own = [tensor.requires_grad_() for tensor in own]
        expected = torch.relu(nn.functional.batch_norm(own[0], None, None, own[1], own[2], training=True, eps=1e-5))
        torch.testing.assert_close(output[run, there], expected)
        assert not output[run, ~there].any()
        torch.testing.assert_close(mean[run, 0], own[0].mean(0))
        torch.testing.assert_close(variance[run, 0], own[0].var(0, unbiased=False))
        slow = torch.autograd.grad((expected * above[run, there]).sum(), own)
        torch.testing.assert_close(gradients[0][run, there], slow[0])
        torch.testing.assert_close(gradients[1][run, 0], slow[1])
        torch.testing.assert_close(gradients[2][run, 0], slow[2])


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts"])
@pytest.mark.parametrize(("encoder", "pooling"), [("gin", "mean"), ("gin", "sum"), ("gcn", "mean")])
def test_folded_basis_is_that_of_the_module(name: str, encoder: str, pooling: str) -> None:
    graphs, values = problem(name, 30)
    model = RegressorConfig(encoder=encoder, hidden=16, layers=2, pooling=pooling)  # type: ignore[arg-type]
    trained = train_supervised(get_space(name), graphs[0], values[0], SupervisedConfig(model, epochs=3))
    store = GraphStore(graphs[1], get_space(name).num_operations, torch.device("cpu"))
    basis = basis_of(trained.regressor)
    found = torch.cat([basis(batch) for batch in store.batches(7)])
    assert not found.requires_grad
    np.testing.assert_allclose(found.numpy(), trained.basis(graphs[1]), atol=1e-5)
