"""The paper's pictures: what a walk and a line through a latent space meet, predictions, and what groups are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.experiments.smoothness import Draw
from arch2vec.experiments.smoothness_report import shown
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.edit_distance import edit_distance
from arch2vec.reports.curves import FONT
from arch2vec.reports.strips import Strip
from arch2vec.reports.style import GREY, INK, PALETTE, write_figure
from arch2vec.representations.geometry import Vectors, walk
from arch2vec.searching.vectors import grouped_vectors
from arch2vec.surrogates.by_groups import process_for
from arch2vec.surrogates.predictors import PREDICTORS

_SHOWN_POINTS = 4000
TOGETHER_NAME = "paths to costs, together"
"""What the term of several groups is called."""


def walk_strip(name: str, vectors: Vectors, draw: Draw, start: int, steps: int = 15) -> Strip:
    """A walk that goes on to the nearest architecture that it has not met (figure 5), with the edits of every step."""
    pool = np.ascontiguousarray(vectors(draw.graphs), dtype=np.float32)
    rows = walk(pool, start, steps)
    edits = edit_distance(draw.graphs[rows[:-1]], draw.graphs[rows[1:]])
    captions = ["start", *(f"step {place}: {_edits(edit)}" for place, edit in enumerate(edits.tolist(), start=1))]
    return Strip(f"{shown(name)}: {edits.mean():.1f} edits a step", draw.graphs[rows], captions)


def line_strip(encoder: Encoder, first: GraphBatch, last: GraphBatch, steps: int = 12) -> Strip:
    """The cells that points of a straight line between two cells decode to."""
    cells = encoder.interpolate(first, last, steps)
    edits = edit_distance(cells[: len(cells) - 1], cells[1:]).tolist() if len(cells) > 1 else []
    captions = ["from", *(f"{_edits(edit)} on" for edit in edits)]
    if len(cells) > 1:
        captions[-1] = f"to: {captions[-1]}"
    return Strip("decoded along a straight line", cells, captions)


def _edits(number: int) -> str:
    return f"{number} edit{'' if number == 1 else 's'}"


def predictions(
    encodings: Mapping[str, Vectors], draw: Draw, labels: int, seed: int, predictor: str = "gp"
) -> dict[str, NDArray[np.float64]]:
    """What a predictor fitted to the first architectures of a draw expects of the others, by encoding."""
    found = {}
    for name, vectors in encodings.items():
        known = np.ascontiguousarray(vectors(draw.graphs), dtype=np.float32)
        groups = ((name, known.shape[1]),)
        found[name] = PREDICTORS[predictor](known[:labels], draw.values[:labels], known[labels:], seed, groups)
    return found


def draw_predictions(
    predicted: Mapping[str, NDArray[np.float64]], true: NDArray[np.float64], path: Path, title: str
) -> None:
    """Predicted against true accuracy, a panel an encoding, on common axes (figure 2)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(3, len(predicted))
    down = -(-len(predicted) // across)
    figure = Figure(figsize=(3.0 * across + 0.4, 3.1 * down + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    low, high = float(np.quantile(true, 0.02)), float(true.max())
    margin = 0.04 * (high - low) or 0.5
    rows = np.linspace(0, len(true) - 1, min(len(true), _SHOWN_POINTS)).astype(int)
    for place, (name, values) in enumerate(predicted.items(), start=1):
        axes = figure.add_subplot(down, across, place)
        axes.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        axes.plot(
            true[rows],
            np.clip(values[rows], low - margin, high + margin),
            ".",
            markersize=2.5,
            color=PALETTE[0],
            alpha=0.35,
            markeredgewidth=0,
            rasterized=True,
        )
        tau = float(kendalltau(values, true).statistic)
        axes.set_title(f"{shown(name)}, Kendall's tau {tau:.2f}", size=FONT + 1, color=INK, loc="left")
        axes.set_xlim(low - margin, high + margin)
        axes.set_ylim(low - margin, high + margin)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=FONT, color=GREY)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("accuracy (%)", size=FONT + 1, color=INK)
    figure.supylabel("predicted (%)", size=FONT + 1, color=INK)
    figure.suptitle(f"{title}\n", size=FONT + 2, color=INK)
    write_figure(figure, path)


def group_weights(
    embedding: Embedding, values: NDArray[np.float64], labels: Sequence[int], draws: int, seed: int
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """What the model of ``group-bo`` finds each group of numbers to be worth, as labels come in.

    Args:
        embedding: N architectures; beside its vectors their structure is looked at.
        values: (N,) their values.
        labels: L numbers of labels.
        draws: of labels, that are averaged over.
        seed: of the draws.

    Returns:
        The names of T terms, and (L, T) their mean shares of the prior variance.
    """
    known = grouped_vectors(embedding)
    process = process_for(known.groups)
    names = tuple(name for name, _ in known.groups)
    terms = tuple(names[term[0]] if len(term) == 1 else TOGETHER_NAME for term in process.terms)
    orders = [np.random.default_rng((seed, draw)).permutation(len(values))[: max(labels)] for draw in range(draws)]
    weights = np.empty((len(labels), len(terms)))
    for place, number in enumerate(labels):
        rows = np.stack([order[:number] for order in orders])
        learned = process.fit(known.vectors[rows].astype(np.float64), values[rows])
        weights[place] = np.mean([one.weights for one in learned], axis=0)
    return terms, weights


def draw_group_weights(
    terms: Sequence[str], weights: NDArray[np.float64], labels: Sequence[int], path: Path, title: str
) -> None:
    """The shares of :func:`group_weights`, a bar a number of labels; names stand beside the last bar."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    hatches = ("", "///", "...", "\\\\\\")
    bottom = np.zeros(len(labels))
    for place, name in enumerate(terms):
        axes.bar(
            range(len(labels)),
            100 * weights[:, place],
            bottom=bottom,
            width=0.74,
            label=name,
            color=PALETTE[place % len(PALETTE)],
            hatch=hatches[place // len(PALETTE)],
            edgecolor="white",
            linewidth=0.8,
        )
        bottom += 100 * weights[:, place]
    axes.set_xticks(range(len(labels)), [str(number) for number in labels])
    axes.set_xlabel("labelled architectures", size=FONT + 1, color=INK)
    axes.set_ylabel("share of the model's variance (%)", size=FONT + 1, color=INK)
    axes.set_ylim(0, 100)
    axes.set_title(title, size=FONT + 2, loc="left", color=INK)
    axes.tick_params(labelsize=FONT, color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=FONT, frameon=False)
    write_figure(figure, path)
