"""Whether a learned vector is worth its training: each departure from the paper's model, beside vectors that cost nothing.

    python bench/learned.py [--space nasbench201] [--sample N] [--epochs 5] [--draws 10] [--only NAME,NAME] [--out FILE]

Every model learns from graphs alone. Its vectors then predict accuracies: a Gaussian process is shown N labels as normal
scores, and Kendall's tau compares its means with the accuracies of all architectures. Draws of labels are paired: all
vectors see the same. A line appears as soon as it is measured; ``--out`` adds it to a CSV file, and what that has already
is not measured again.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from arch2vec import benchmarks
from arch2vec.encoder import Encoder
from arch2vec.gp_regression import GaussianProcess
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining import PretrainConfig, pretrain
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.representations.structure import structure
from arch2vec.searching.bo import normal_scores
from arch2vec.spaces import SearchSpace
from arch2vec.training_data import StructureTargets
from arch2vec.training_run import Run
from arch2vec.training_data import training_data

LABELS = (16, 100, 424)
COLUMNS = {"nasbench201": "c10_test_200_nats", "nasbench101": "c10_test_108"}

PAPER = PretrainConfig()
ALL = PretrainConfig(
    model=ModelConfig(directed=True, function_graph=True, mask=0.15, latent=32),
    pools="mean,max,min",
    targets="structure",
)
MODELS: dict[str, PretrainConfig] = {
    "paper": PAPER,
    "paper, mean": PretrainConfig(pools="mean"),
    "+ function graph": PretrainConfig(model=ModelConfig(function_graph=True)),
    "+ directed": PretrainConfig(model=ModelConfig(directed=True)),
    "+ pools mean, max, min": PretrainConfig(pools="mean,max,min"),
    "+ targets structure": PretrainConfig(targets="structure"),
    "+ mask 0.15": PretrainConfig(model=ModelConfig(mask=0.15)),
    "+ latent 32": PretrainConfig(model=ModelConfig(latent=32)),
    "all": ALL,
}
