"""Vectors in the plane."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from arch2vec.reports.projection import project
from one_line import error_of

VECTORS = (np.random.default_rng(0).normal(size=(60, 5)) * [5, 3, 1, 1, 1] + 7).astype(np.float32)


def test_principal_components() -> None:
    found = project(VECTORS)
    other = PCA(2).fit(VECTORS.astype(np.float64))
    right = other.transform(VECTORS.astype(np.float64))
    signs = np.sign((found.points * right).sum(axis=0))  # a component has no direction
    np.testing.assert_allclose(found.points, right * signs, atol=1e-3)
    shares = [round(100 * share) for share in other.explained_variance_ratio_]
    assert found.axes == tuple(f"component {place} ({share} % of variance)" for place, share in enumerate(shares, 1))
    assert (project(VECTORS).points == found.points).all()


def test_what_does_not_vary() -> None:
    assert (project(np.ones((4, 3), dtype=np.float32)).points == 0).all()
    line = project(np.arange(5, dtype=np.float32)[:, None])
    assert line.axes[0] == "component 1 (100 % of variance)" and (line.points[:, 1] == 0).all()


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "unknown projection 'umap'" in error_of(lambda: project(VECTORS, "umap"))
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    assert "pip install 'arch2vec[maps]'" in error_of(lambda: project(VECTORS, "tsne"))


@pytest.mark.skipif(importlib.util.find_spec("openTSNE") is None, reason="needs openTSNE, the extra 'maps'")
def test_neighbours_stay_together() -> None:
    groups = np.concatenate([VECTORS, VECTORS + 100])
    found = project(groups, "tsne", seed=1)
    centres = found.points[:60].mean(axis=0), found.points[60:].mean(axis=0)
    near = np.linalg.norm(found.points[:60] - centres[0], axis=1)
    assert (near < np.linalg.norm(found.points[:60] - centres[1], axis=1)).all()
    assert (project(groups, "tsne", seed=1).points == found.points).all()
    assert "perplexity" in found.note and found.axes == ("t-SNE 1", "t-SNE 2")
    assert "at least 10" in error_of(lambda: project(VECTORS[:5], "tsne"))
