"""REINFORCE against automatic differentiation, PyTorch's Adam and the distribution it must propose by."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.decisions import UNMADE, decisions_of
from arch2vec.searching.moves import NONE
from arch2vec.searching.reinforce import Reinforce, score, softmax
from arch2vec.spaces import DeclaredSpace, SpaceDeclaration
from search_helpers import chain, embed, some_of

CHAIN = embed(chain(3))  # 27 cells
FREE = embed(DeclaredSpace(SpaceDeclaration("free", ("conv", "pool"), "vertices", vertices=4, max_edges=5)))


def log_probability(logits: torch.Tensor, choices: list[int]) -> torch.Tensor:
    logs = [torch.log_softmax(row[torch.isfinite(row)], dim=0) for row in logits]
    terms = [log[choice] for log, choice in zip(logs, choices, strict=True) if choice != UNMADE]
    return torch.stack(terms).sum()


@given(st.integers(0, 100_000))
def test_the_score_is_the_gradient_of_the_log_probability(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, size=5)
    logits = np.where(np.arange(5) < sizes[:, None], rng.normal(size=(5, 5)) * 3, -np.inf)
    choices = rng.integers(0, sizes)
    choices[1:][rng.random(4) < 0.3] = UNMADE
    variable = torch.tensor(logits, requires_grad=True)
    (expected,) = torch.autograd.grad(log_probability(variable, choices.tolist()), variable)
    np.testing.assert_allclose(score(logits, choices), expected.numpy(), atol=1e-12)
    np.testing.assert_allclose(softmax(logits).sum(axis=1), 1)


@pytest.mark.parametrize("embedding", [CHAIN, FREE], ids=["chain", "free"])
def test_learns_as_the_same_policy_written_in_pytorch(embedding: Embedding) -> None:
    search = Reinforce(embedding, seed=0, learning_rate=0.05, momentum=0.8)
    decisions = decisions_of(embedding)
    exists = torch.arange(int(decisions.sizes.max())) < torch.tensor(decisions.sizes)[:, None]
    logits = torch.nn.Parameter(torch.zeros(exists.shape, dtype=torch.float64))
    adam = torch.optim.Adam([logits], lr=0.05)
    baseline = None
    rng = np.random.default_rng(0)
    for number in range(15):
        (candidate,) = search.ask()
        value = math.nan if number == 4 else float(rng.normal())
        search.tell([candidate], [value])
        if number == 4:
            continue
        choices = search.samples[candidate.index]
        assert decisions.rows(np.array([choices])).tolist() == [candidate.index]
        baseline = value if baseline is None else baseline
        adam.zero_grad()
        masked = logits.masked_fill(~exists, -math.inf)
        (-(value - baseline) * log_probability(masked, choices)).backward()  # type: ignore[no-untyped-call]
        adam.step()
        baseline = 0.8 * baseline + 0.2 * value
        expected = torch.softmax(logits.masked_fill(~exists, -math.inf), dim=1).detach().numpy()
        np.testing.assert_allclose(softmax(search.logits), expected, atol=1e-9)


def proposal_probabilities(search: Reinforce) -> np.ndarray:
    """(N,) each row's chance of being proposed next: the policy's over all decisions, of those that are left."""
    decisions = decisions_of(search.embedding)
    every = np.array(list(np.ndindex(*decisions.sizes.tolist())))
    probabilities = softmax(search.logits)
    chances = probabilities[np.arange(len(decisions.sizes)), every].prod(axis=1)
    rows = decisions.rows(every)
    left = np.zeros(len(search.embedding))
    free = set(search.uncovered().tolist())
    for row, chance in zip(rows.tolist(), chances.tolist(), strict=True):
        if row != NONE and row in free:
            left[row] += chance
    return left / left.sum()


@pytest.mark.parametrize("embedding", [CHAIN, FREE], ids=["chain", "free"])
def test_proposes_by_the_policy_over_what_is_left(embedding: Embedding) -> None:
    counts: Counter[int] = Counter()
    runs = 600
    for seed in range(runs):
        search = Reinforce(embedding, seed=seed, learning_rate=0.5)
        prior = [search.candidate(architecture) for architecture in embedding.architectures[:9]]
        search.tell(prior, [float(len(set(candidate.architecture)) + candidate.index) for candidate in prior])
        if seed == 0:
            expected = proposal_probabilities(search)
        counts[search.ask()[0].index] += 1
    assert expected.max() > 2 * np.median(expected[expected > 0])  # the policy has an opinion
    for row, chance in enumerate(expected.tolist()):
        assert abs(counts[row] - runs * chance) <= 4.5 * math.sqrt(runs * chance * (1 - chance)), row


def test_what_samples_hardly_ever_make_is_drawn_by_the_same_policy() -> None:
    """A fixed topology of which hardly anything is embedded: choosing among the rows is exact."""
    embedding = embed(chain(9)).subset([5, 77, 4000, 19_000])
    counts: Counter[int] = Counter()
    for seed in range(400):
        search = Reinforce(embedding, seed=seed, learning_rate=0.5)
        search.tell([search.candidate(embedding.architectures[0])], [1.0])
        search.tell([search.candidate(embedding.architectures[1])], [2.0])
        counts[search.choose([])] += 1
    choices = decisions_of(embedding).choices[2:].astype(int)
    probabilities = softmax(search.logits)
    weights = [probabilities[np.arange(len(row)), row].prod() for row in choices]
    expected = 400 * weights[0] / sum(weights)
    assert abs(counts[2] - expected) < 4.5 * math.sqrt(expected * (400 - expected) / 400)
    assert counts[2] + counts[3] == 400


def test_a_policy_that_is_sure_still_proposes_what_is_left() -> None:
    search = Reinforce(some_of("nasbench201", 40), seed=0, learning_rate=5.0)
    while search.remaining:
        asked = search.ask(min(3, search.remaining))
        search.tell(asked, [float(candidate.architecture.count("conv_3x3")) for candidate in asked])


def test_learns_what_is_good() -> None:
    embedding = embed(chain(6))
    search = Reinforce(embedding, seed=0, learning_rate=0.1)
    worth = embedding.graphs.ops.astype(float).sum(axis=1)
    values = []
    for _ in range(120):
        (candidate,) = search.ask()
        values.append(worth[candidate.index])
        search.tell([candidate], values[-1:])
    assert np.mean(values[-30:]) > worth.mean() + 2


@pytest.mark.parametrize(
    "options", [{"learning_rate": 0.0}, {"learning_rate": math.nan}, {"momentum": 1.0}, {"momentum": -0.1}]
)
def test_refuses_settings_that_make_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Reinforce(CHAIN, seed=0, **options)
