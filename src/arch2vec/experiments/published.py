"""Search results that the paper has published, to stand beside ours.

Wherever they appear they are marked as published.
"""

from __future__ import annotations

from dataclasses import dataclass

Figure = tuple[float, float | None]
"""A mean and its standard deviation over runs, percent; None where no deviation was published."""


@dataclass(frozen=True)
class PublishedRow:
    """A published result of one method on one objective.

    Attributes:
        label: of the method, as in the paper.
        methods: ours that it stands beside.
        budget: that it was reached with.
        validation: accuracy, None where it was not published.
        test: accuracy.
        runs: that the figures are over.
    """

    label: str
    methods: tuple[str, ...]
    budget: str
    validation: Figure | None
    test: Figure
    runs: int = 500


_BO, _RL = ("bo", "gp-bo", "bo-local", "bo-release"), ("arch2vec-rl", "arch2vec-rl-release")

_TABLE_3: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "regularised evolution": (
        ("evolution",),
        (91.08, 0.43, 93.84, 0.43, 73.02, 0.46, 72.86, 0.55, 45.78, 0.56, 45.63, 0.64),
    ),
    "random search": (("random",), (90.94, 0.38, 93.75, 0.37, 72.17, 0.64, 72.05, 0.77, 45.47, 0.65, 45.33, 0.79)),
    "REINFORCE": (("reinforce",), (91.03, 0.33, 93.82, 0.31, 72.35, 0.63, 72.13, 0.79, 45.58, 0.62, 45.30, 0.86)),
    "BOHB": (("bohb",), (90.82, 0.53, 93.61, 0.52, 72.59, 0.82, 72.37, 0.90, 45.44, 0.70, 45.26, 0.83)),
    "arch2vec-RL": (_RL, (91.32, 0.42, 94.12, 0.42, 73.13, 0.72, 73.15, 0.78, 46.22, 0.30, 46.16, 0.38)),
    "arch2vec-BO": (_BO, (91.41, 0.22, 94.18, 0.24, 73.35, 0.32, 73.37, 0.30, 46.34, 0.18, 46.27, 0.37)),
}
"""Table 3, NAS-Bench-201: validation and test, mean and deviation, on the three data sets in turn."""

_TABLE_2: tuple[tuple[str, tuple[str, ...], int, float], ...] = (
    ("random search (discrete)", ("random",), 1000, 93.54),
    ("REINFORCE (discrete)", ("reinforce",), 1000, 93.58),
    ("BO (discrete)", ("bo-adjacency",), 1000, 93.72),
    ("regularised evolution (discrete)", ("evolution",), 1000, 93.72),
    ("NAO (supervised)", (), 1000, 93.74),
    ("BANANAS (supervised)", (), 500, 94.08),
    ("RL (supervised)", ("supervised-rl",), 400, 93.74),
    ("BO (supervised)", ("supervised-bo", "supervised-bo-release"), 400, 93.79),
    ("arch2vec-RL (unsupervised)", _RL, 400, 94.10),
    ("arch2vec-BO (unsupervised)", _BO, 400, 94.05),
)
"""Table 2, NAS-Bench-101: queries and mean test accuracy; no deviations."""

_BUDGETS = {
    "nasbench201-cifar10": "12,000 s",
    "nasbench201-cifar100": "as many queries as in 12,000 s on CIFAR-10",
    "nasbench201-imagenet16-120": "as many queries as in 12,000 s on CIFAR-10",
}


def published_rows(objective: str) -> list[PublishedRow]:
    """The published rows of an objective, in the paper's order; none where there are none."""
    if objective in _BUDGETS:
        place = 4 * list(_BUDGETS).index(objective)
        rows = []
        for label, (methods, numbers) in _TABLE_3.items():
            validation, validation_std, test, test_std = numbers[place : place + 4]
            budget = _BUDGETS[objective]
            rows.append(PublishedRow(label, methods, budget, (validation, validation_std), (test, test_std)))
        return rows
    if objective == "nasbench101":
        return [
            PublishedRow(label, methods, f"{queries:,} queries", None, (test, None))
            for label, methods, queries, test in _TABLE_2
        ]
    return []
