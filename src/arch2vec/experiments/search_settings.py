"""What the paper's search experiments run: objectives, budgets, and the methods' names in its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from arch2vec.errors import InputError
from arch2vec.searching.budget import Budget
from arch2vec.searching.pool import Sampled

LABELS: Mapping[str, str] = {
    "random": "random search",
    "evolution": "regularised evolution",
    "local-search": "local search",
    "reinforce": "REINFORCE (discrete)",
    "bohb": "BOHB",
    "bo-adjacency": "BO (adjacency)",
    "supervised-rl": "supervised RL",
    "supervised-bo": "supervised BO",
    "supervised-bo-release": "supervised BO, as released",
    "arch2vec-rl": "arch2vec-RL",
    "arch2vec-rl-release": "arch2vec-RL, as released",
    "bo": "arch2vec-BO (DNGO)",
    "bo-release": "arch2vec-BO, as released",
    "gp-bo": "arch2vec-BO (Gaussian process)",
    "bo-local": "arch2vec-BO, local (Gaussian process)",
    "group-bo": "BO on structure and embedding (weighed groups)",
    "wl-bo": "BO on subtrees of the function (Weisfeiler-Lehman kernel)",
    "group-wl-bo": "BO on structure, embedding and subtrees",
    "forest": "arch2vec, greedy forest",
}
"""The methods' names in tables and figures, in the tables' order."""

EVALUATIONS = tuple(Budget(number) for number in (25, 50, 100, 200))
"""The budgets of the comparison of all methods on equal terms."""


@dataclass(frozen=True)
class ObjectiveSetting:
    """One objective of an experiment.

    Attributes:
        spec: names the objective; a table's file may be added as its ``data``.
        title: for headings.
        budgets: the budgets to report at beside :data:`EVALUATIONS`, the paper's last.
        end: how far runs go: to the last of all budgets.
        batches: how many architectures a method proposes at a time where it is not one.
        pool: which architectures model-based methods look at in a round, None for their own choice.
        fidelities: epochs that methods may choose from, where it is not all that the table has.
    """

    spec: str
    title: str
    budgets: tuple[Budget, ...]
    end: Budget
    batches: Mapping[str, int] = field(default_factory=dict)
    fidelities: tuple[int, ...] | None = None
    pool: Sampled | None = None

    def capped(self, budget: int | None) -> ObjectiveSetting:
        """The setting with runs of ``budget`` evaluations, whatever they cost, and reported there.

        Raises:
            InputError: the budget is not positive.
        """
        if budget is None:
            return self
        if budget < 1:
            raise InputError(f"the budget must be at least 1 evaluation, got {budget}")
        kept = [one for one in self.budgets if one.evaluations and one.evaluations < budget]
        return replace(self, budgets=(*kept, Budget(budget)), end=Budget(budget))


def _nasbench201(
    dataset: str, title: str, seconds: float, fidelities: tuple[int, ...] | None = None
) -> ObjectiveSetting:
    return ObjectiveSetting(
        f"nasbench201?dataset={dataset}",
        f"NAS-Bench-201, {title}",
        (Budget(150), Budget(max_cost_s=seconds)),
        Budget(200, seconds, both=True),
        fidelities=fidelities,
    )


def _nasbench101(subset: str, title: str, pool: Sampled | None = None) -> ObjectiveSetting:
    return ObjectiveSetting(
        f"nasbench101?subset={subset}",
        f"NAS-Bench-101, {title}",
        (Budget(150), Budget(300), Budget(max_cost_s=1e6)),
        Budget(300, 1e6, both=True),
        # As the release does; one at a time is at least as good, and affordable where models are kept up.
        {"bo-release": 5, "supervised-bo-release": 5},
        pool=pool,
    )


EXPERIMENTS: Mapping[str, tuple[ObjectiveSetting, ...]] = {
    "nasbench201-search": (
        # One training of 200 epochs would cost as much as seventeen evaluations of the signal.
        _nasbench201("cifar10", "CIFAR-10", 12_000, fidelities=(12,)),
        _nasbench201("cifar100", "CIFAR-100", 500_000),
        _nasbench201("imagenet16-120", "ImageNet16-120", 1_400_000),
        # Not in the paper: the signal without the noise of short trainings.
        ObjectiveSetting(
            "nasbench201?dataset=cifar10&signal=200",
            "NAS-Bench-201, CIFAR-10, signal of 200 epochs",
            (Budget(150), Budget(200)),
            Budget(200),
        ),
    ),
    "nasbench101-search": (
        _nasbench101("all", "all 423,624 cells"),
        # Few enough to look at all of them in every round, but not in thousands of runs.
        _nasbench101("measured", "the cells with measured validation accuracy and time", Sampled()),
    ),
}
"""The settings of each experiment by its name on the command line."""


def order(methods: Mapping[str, object]) -> list[str]:
    """Names of methods in the order of tables, those without a label last."""
    return [name for name in LABELS if name in methods] + [name for name in methods if name not in LABELS]


def label(method: str) -> str:
    """A method's name in tables."""
    return LABELS.get(method, method)
