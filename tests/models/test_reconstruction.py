"""Whole search spaces learnt and read back: decode(encode(x)) = x."""

from __future__ import annotations

import numpy as np
import pytest

from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain, split
from arch2vec.spaces import NASBench201

FAST = PretrainConfig(batch_size=64, learning_rate=3e-3, schedule="cosine")
"""The documented setting that reaches the paper's quality soonest on NAS-Bench-201."""


@pytest.mark.slow
def test_every_cell_of_nasbench201_is_decoded_from_its_code() -> None:
    space = NASBench201()
    encoder = pretrain(space, FAST)
    cells = space.enumerate()
    decoded = encoder.decode(encoder.encode(cells))
    same = (decoded.ops == cells.ops).all(axis=1) & (decoded.adjacency == cells.adjacency).all(axis=(1, 2))
    _, held_out = split(cells, FAST)
    unseen = np.isin(fingerprint(cells), fingerprint(held_out))
    assert same.mean() >= 0.999
    assert same[unseen].mean() >= 0.999
    assert (fingerprint(decoded) == fingerprint(cells)).mean() >= 0.999
