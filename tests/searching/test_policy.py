"""LSTM policies: against PyTorch's LSTM and Adam, closed forms and finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from arch2vec.searching.policy import Policies

D, H, T = 3, 5, 4


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def parts(policies: Policies, run: int) -> list[Tensor]:
    """Weights of one run: from state (D, 4H), from hidden (H, 4H), bias, to mean (H, D), bias."""
    shapes = ((D, 4 * H), (H, 4 * H), (4 * H,), (H, D), (D,))
    sizes = [int(torch.tensor(shape).prod()) for shape in shapes]
    pieces = torch.split(policies.parameters[run, : sum(sizes)], sizes)
    return [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def test_step_is_an_lstm_cell_and_a_linear_layer() -> None:
    policies = Policies(D, H, [7, 8])
    states = draws(T, 2, D)
    means = torch.stack([policies.step(state) for state in states])
    for run in range(2):
        from_state, from_hidden, bias, to_mean, mean_bias = parts(policies, run)
        cell = nn.LSTMCell(D, H)
        with torch.no_grad():
            cell.weight_ih.copy_(from_state.T)
            cell.weight_hh.copy_(from_hidden.T)
            cell.bias_ih.copy_(bias)
            cell.bias_hh.zero_()
            memory = None
            for t in range(T):
                memory = cell(states[t, run].unsqueeze(0), memory)
                torch.testing.assert_close(means[t, run], memory[0][0] @ to_mean + mean_bias)


def test_initial_weights_fill_their_range_and_follow_the_seed() -> None:
    policies = Policies(D, 100, [7, 8, 7])
    bound = 0.1
    used = policies.parameters[0][policies.parameters[0] != 0]
    assert used.abs().max() <= bound and used.abs().max() > 0.99 * bound
    assert used.mean().abs() < 0.01 * bound * 3
    torch.testing.assert_close(policies.parameters[0], policies.parameters[2], rtol=0, atol=0)
    assert (policies.parameters[0] != policies.parameters[1]).any()


def minimised(policies: Policies, parameters: Tensor, states: Tensor, actions: Tensor, worth: Tensor) -> Tensor:
    """(R,) -1/T sum_t A_t log pi(a_t) from the density of PyTorch's normal distribution."""
    means, _ = policies._unroll(parameters, states, states.new_zeros(2, len(states), H))
    density = torch.distributions.Normal(means, 0.7)
    log_density = density.log_prob(actions).sum(2)  # type: ignore[no-untyped-call]
    return -(worth * log_density).mean(1)


def test_gradient_is_that_of_finite_differences() -> None:
    policies = Policies(D, H, [1, 2])
    parameters = policies.parameters.double()
    states, actions, worth = (draws(*shape).double() for shape in ((2, T, D), (2, T, D), (2, T)))
    by_weight, by_state = policies.gradient(parameters, states, actions, worth, 0.7)
    step = 1e-5
    for seed in range(5):
        direction = draws(*parameters.shape, seed=seed).double()
        change = minimised(policies, parameters + step * direction, states, actions, worth)
        change = change - minimised(policies, parameters - step * direction, states, actions, worth)
        torch.testing.assert_close((by_weight * direction).sum(1), change / (2 * step), rtol=1e-6, atol=1e-8)
        way = draws(*states.shape, seed=seed).double()
        change = minimised(policies, parameters, states + step * way, actions, worth)
        change = change - minimised(policies, parameters, states - step * way, actions, worth)
        torch.testing.assert_close((by_state * way).sum((1, 2)), change / (2 * step), rtol=1e-6, atol=1e-8)


def test_gradient_of_the_last_layer_has_a_closed_form() -> None:
    policies = Policies(D, H, [1])
    states, actions, worth = draws(1, T, D), draws(1, T, D, seed=1), draws(1, T, seed=2)
    means = torch.stack([policies.step(states[:, t]) for t in range(T)], 1)
    by_weight, _ = policies.gradient(policies.parameters, states, actions, worth, 0.5)
    score = (actions - means) / 0.25  # of each step's mean
    expected = -(worth.unsqueeze(2) * score).mean(1)[0]
    start = 4 * H * (D + H + 1) + H * D
    torch.testing.assert_close(by_weight[0, start : start + D], expected)


def test_updates_are_adams_for_each_run_by_itself() -> None:
    policies = Policies(D, H, [1, 2])
    leaves = [nn.Parameter(parameters.clone()) for parameters in policies.parameters]
    optimisers = [torch.optim.Adam([leaf], lr=0.01) for leaf in leaves]
    for number, runs in enumerate([[0, 1], [1], [1], [0, 1]]):
        states, actions = draws(len(runs), T, D, seed=number), draws(len(runs), T, D, seed=number + 9)
        worth = draws(len(runs), T, seed=number + 5)
        by_state = policies.update(runs, states, actions, worth, 0.7, 0.01)
        for place, run in enumerate(runs):
            one = slice(place, place + 1)
            gradient, expected = policies.gradient(
                leaves[run].detach().unsqueeze(0), states[one], actions[one], worth[one], 0.7
            )
            torch.testing.assert_close(by_state[one], expected)
            leaves[run].grad = gradient[0]
            optimisers[run].step()
        for run in range(2):
            torch.testing.assert_close(policies.parameters[run], leaves[run].data)


@pytest.mark.parametrize("hidden", [5, 128])
def test_a_run_is_rounded_the_same_way_in_any_company(hidden: int) -> None:
    seeds = [3, 1, 4, 5, 9]
    many, one = Policies(16, hidden, seeds), Policies(16, hidden, [4])
    states, actions, worth = draws(5, T, 16), draws(5, T, 16, seed=1), draws(5, T, seed=2)
    for _ in range(3):
        many.update(range(5), states, actions, worth, 1.0, 0.01)
        one.update([0], states[2:3], actions[2:3], worth[2:3], 1.0, 0.01)
    torch.testing.assert_close(many.parameters[2], one.parameters[0], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(many.step(states[:, 0])[2:3], one.step(states[2:3, 0]), rtol=1e-6, atol=1e-7)


def test_gathered_policies_go_on_as_they_would_have() -> None:
    first, second = Policies(D, H, [1, 2]), Policies(D, H, [3])
    states = draws(T, 3, D)
    first.step(states[0, :2])
    second.update([0], draws(1, T, D), draws(1, T, D, seed=1), draws(1, T), 1.0, 0.1)
    gathered = Policies.gather([(second, 0), (first, 1)])
    expected = torch.cat([second.step(states[1, 2:]), first.step(states[1, :2])[1:]])
    torch.testing.assert_close(gathered.step(states[1, [2, 1]]), expected)
    gathered.forget([1])
    assert gathered.memory[:, 0].any() and not gathered.memory[:, 1].any()
    assert gathered.updates.flatten().tolist() == [1, 0]
