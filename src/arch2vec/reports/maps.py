"""An embedding in two dimensions as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arch2vec.errors import InputError
from arch2vec.reports.curves import FONT
from arch2vec.reports.picture import Picture
from arch2vec.reports.projection import project
from arch2vec.reports.style import GREY, INK

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding

_MOST = 20_000  # points drawn


def embedding_map(
    embedding: Embedding,
    colour: ArrayLike | Mapping[str, float] | None = None,
    *,
    label: str = "",
    way: str = "pca",
    seed: int = 0,
) -> Picture:
    """A map of an embedding's architectures.

    Args:
        embedding: at most 20,000 of its architectures are drawn, a random sample of more.
        colour: a number for each of the N architectures, NaN where there is none; or some of them by text.
        label: what the numbers are, with their unit.
        way: ``pca`` or ``tsne``, see :func:`arch2vec.reports.projection.project`.
        seed: of the sample and of t-SNE.

    Raises:
        InputError: not as many numbers as architectures, one that is not embedded, or as ``project`` does.
    """
    from matplotlib.figure import Figure

    values = _values(embedding, colour)
    rows = np.arange(len(embedding))
    if len(rows) > _MOST:
        known = rows[np.isfinite(values)]
        kept = known[:_MOST]
        others = np.setdiff1d(rows, kept)
        extra = np.random.default_rng(seed).permutation(others)[: _MOST - len(kept)]
        rows = np.sort(np.concatenate([kept, extra]))
    found, values = project(embedding.vectors[rows], way, seed), values[rows]
    figure = Figure(figsize=(6.4, 5.0), layout="constrained")
    axes = figure.add_subplot()
    known = np.isfinite(values)
    size = 4 if len(rows) > 4000 else 12
    if not known.all():
        axes.scatter(
            found.points[~known, 0], found.points[~known, 1], s=size, color="#d5d9e0", linewidths=0, rasterized=True
        )
    if known.any():
        order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]  # the highest on top
        few = len(order) < 3000 and not known.all()
        drawn = axes.scatter(
            found.points[order, 0],
            found.points[order, 1],
            c=values[order],
            cmap="viridis",
            s=28 if few else size,
            linewidths=0.5 if few else 0,
            edgecolors="#22222299",
            vmin=float(np.quantile(values[order], 0.05)),
            rasterized=True,
        )
        bar = figure.colorbar(drawn, ax=axes, shrink=0.8, extend="min")
        bar.set_label(label, size=FONT, color=INK)
        bar.ax.tick_params(labelsize=FONT, color=GREY)
    axes.set_xlabel(found.axes[0], size=FONT + 1, color=INK)
    axes.set_ylabel(found.axes[1], size=FONT + 1, color=INK)
    axes.set_aspect("equal", adjustable="datalim")
    axes.tick_params(labelsize=FONT, color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    sample = "" if len(rows) == len(embedding) else f", {len(rows):,} of {len(embedding):,}"
    title = f"{len(embedding):,} architectures, {embedding.dimensions} numbers each{sample}"
    axes.set_title(title, size=FONT + 1, loc="left", color=INK)
    return Picture(figure)


def _values(embedding: Embedding, colour: ArrayLike | Mapping[str, float] | None) -> NDArray[np.float64]:
    if colour is None:
        return np.full(len(embedding), np.nan)
    if isinstance(colour, Mapping):
        values = np.full(len(embedding), np.nan)
        for text, value in colour.items():
            values[embedding.index_of(text)] = value
        return values
    values = np.asarray(colour, dtype=np.float64)
    if values.shape != (len(embedding),):
        raise InputError(f"{len(embedding):,} architectures need as many numbers to be coloured by, got {values.shape}")
    return values
