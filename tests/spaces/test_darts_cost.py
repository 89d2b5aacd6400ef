"""The cost formulas against the literature; against built networks they are tested in test_networks_darts.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.darts.cost import CIFAR10, IMAGENET, DARTSCost, DARTSSkeleton, count_cost
from arch2vec.spaces.darts.notation import EXAMPLE
from arch2vec.spaces.darts.pair import DARTSPair
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES
from arch2vec.spaces.darts.space import DARTS


def cost_of(name: str, skeleton: DARTSSkeleton) -> DARTSCost:
    pair = DARTSPair()
    return count_cost(*pair.split(pair.parse([PUBLISHED_GENOTYPES[name]])), skeleton=skeleton)


def millions(count: np.ndarray, digits: int) -> float:
    return round(float(count[0]) / 1e6, digits)


# Parameters in millions as their authors publish them; None where they don't, or for another network.
@pytest.mark.parametrize(
    ("name", "cifar", "imagenet"),
    [
        ("DARTS_V2", 3.3, 4.7),
        ("GDAS", 3.4, None),
        ("P_DARTS", 3.4, 4.9),
        ("PC_DARTS_CIFAR", 3.6, 5.3),
        ("PC_DARTS_IMAGENET", None, 5.3),
        ("ARCH2VEC_RL", 3.3, 4.8),
        ("ARCH2VEC_BO", 3.6, 5.2),
    ],
)
def test_parameters_are_the_published_ones(name: str, cifar: float | None, imagenet: float | None) -> None:
    for skeleton, published in ((CIFAR10, cifar), (IMAGENET, imagenet)):
        if published is not None:
            assert millions(cost_of(name, skeleton).parameters, 1) == published


# Millions, as listed with the public code of FairDARTS (Chu et al., ECCV 2020).
@pytest.mark.parametrize(
    ("name", "macs", "parameters"),
    [("DARTS_V2", 528, 3.3), ("P_DARTS", 532, 3.43), ("GDAS", 519, 3.36), ("SNAS", 422, 2.66)],
)
def test_cifar_costs_are_those_of_an_independent_count(name: str, macs: int, parameters: float) -> None:
    cost = cost_of(name, CIFAR10)
    assert millions(cost.macs, 0) == macs
    assert cost.parameters[0] / 1e6 == pytest.approx(parameters, abs=0.05)


# arch2vec's ImageNet figures, from a counter that adds two operations for each normalised number.
@pytest.mark.parametrize(("name", "macs", "parameters"), [("ARCH2VEC_RL", 533, 4.82), ("ARCH2VEC_BO", 580, 5.18)])
def test_arch2vecs_imagenet_figures(name: str, macs: int, parameters: float) -> None:
    cost = cost_of(name, IMAGENET)
    assert millions(cost.macs_with_norms, 0) == macs
    assert millions(cost.parameters, 2) == parameters


def test_gdas_imagenet_figures() -> None:
    """581 M multiply-adds and 5.3 M parameters, with 50 channels."""
    cost = cost_of("GDAS", replace(IMAGENET, channels=50))
    assert millions(cost.macs, 0) == 581
    assert millions(cost.parameters, 1) == 5.3


def test_a_cell_is_its_own_reduction_cell_unless_told_otherwise() -> None:
    graphs = DARTS().sample(3000, np.random.default_rng(0))
    alone, twice = count_cost(graphs), count_cost(graphs, graphs)
    for field in ("parameters", "macs", "normalised"):
        values = getattr(alone, field)
        assert values.dtype == np.int64
        assert values.shape == (3000,)
        assert np.array_equal(values, getattr(twice, field))
    assert count_cost(graphs[:0]).macs.shape == (0,)


def test_cost_does_not_depend_on_how_a_cell_is_written() -> None:
    tokens = EXAMPLE.split("|")
    swapped = "|".join([tokens[slot ^ 1] for slot in range(8)])
    cost = count_cost(DARTS().parse([EXAMPLE, swapped]), skeleton=IMAGENET)
    assert len(set(cost.macs.tolist())) == len(set(cost.parameters.tolist())) == 1


def test_an_auxiliary_head_costs_what_its_layers_do() -> None:
    graphs = DARTS().parse([EXAMPLE])
    with_head, without = (
        count_cost(graphs, skeleton=replace(CIFAR10, auxiliary=auxiliary)) for auxiliary in (True, False)
    )
    # 1x1 convolution from 4 x 144 channels, 2x2 convolution, two batch norms, a linear layer.
    layers = 128 * 576 + 4 * 128 * 768 + 2 * (128 + 768) + 768 * 10 + 10
    assert with_head.parameters[0] - without.parameters[0] == layers
    assert with_head.macs[0] - without.macs[0] == 4 * 128 * 576 + 4 * 128 * 768 + 768 * 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stem": "mnist"}, "stem is 'cifar' or 'imagenet'"),
        ({"cells": 2}, "3 or more cells"),
        ({"classes": 0}, "a class"),
        ({"channels": 35}, "must be even"),
        ({"channels": 0}, "must be even"),
        ({"image": 30}, "multiple of 4 pixels"),
        ({"image": 0}, "multiple of 4 pixels"),
        ({"image": 28, "auxiliary": True}, "about 32 pixels"),
        ({"image": 64, "auxiliary": True}, "about 32 pixels"),
        ({"stem": "imagenet", "image": 128, "auxiliary": True}, "about 224 pixels"),
    ],
)
def test_a_skeleton_that_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    fields = {"stem": "cifar", "cells": 20, "channels": 36, "image": 32, "classes": 10}
    with pytest.raises(InputError, match=message):
        DARTSSkeleton(**(fields | changes))  # type: ignore[arg-type]


def test_graphs_that_are_no_cells_are_refused() -> None:
    cells = DARTS().parse([EXAMPLE] * 2)
    with pytest.raises(InputError, match="2 normal cells need as many"):
        count_cost(cells, cells[:1])
    broken = cells.ops.copy()
    broken[1, 3] = 2
    with pytest.raises(InputError, match="graph 1 of 2 is no DARTS cell"):
        count_cost(cells, GraphBatch(broken, cells.adjacency))
