"""What a search is after: the one place where values become what methods maximise, and where the best is chosen.

Outcomes, trials, records and outputs hold what was measured, in its own unit. A method is told one number of which
more is better (:meth:`Goal.told`), or several criteria (:meth:`Goal.tell`). Between the two stand

- the direction: of what is minimised, the method is told minus the value;
- limits on further numbers, ``latency <= 5``: what is beyond one is never the best, and a method is told that
  it is no better than the worst that was within them;
- pruning: a training that was given up is never the best, and a method is told what it would have come to had it gained
  from there on what others did.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.searching.base import Candidate, SearchMethod

if TYPE_CHECKING:
    from arch2vec.searching.pareto.criteria import Criterion
    from arch2vec.searching.trials import Trial


@dataclass(frozen=True, eq=False)
class Goal:
    """What is better.

    Attributes:
        minimise: whether less of the validation value is.
        most: the largest values that further numbers of an evaluation may have, by name.
        criteria: that are weighed against each other, the validation value first; none for a search by it alone.
        known: (N,) numbers of the embedding's architectures that need no evaluation, by name.
    """

    minimise: bool = False
    most: Mapping[str, float] = field(default_factory=dict)
    criteria: tuple[Criterion, ...] = ()
    known: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)

    @property
    def sentence(self) -> str | None:
        """What a study has to have in common to be continued; None where the validation value is maximised."""
        parts = ["minimise"] if self.minimise else []
        parts += [f"{name} <= {limit:.17g}" for name, limit in sorted(self.most.items())]
        if self.criteria:
            parts.append("against " + ", ".join(str(criterion) for criterion in self.criteria[1:]))
        return "; ".join(parts) or None

    @property
    def facts(self) -> dict[str, Any]:
        """What those who look at a study need of it; empty where there is nothing to say."""
        found: dict[str, Any] = {}
        if self.minimise:
            found["minimise"] = True
        if self.most:
            found["most"] = dict(self.most)
        if self.criteria:
            found["criteria"] = {each.column: "max" if each.maximise else "min" for each in self.criteria}
        return found

    def gain(self, value: float) -> float:
        """A validation value as a number of which more is better; applied twice, the value."""
        return -value if self.minimise else value

    def number(self, trial: Trial, name: str) -> float:
        """A number of an evaluation, NaN where it has none of that name."""
        if name in self.known and trial.index < len(self.known[name]):
            return float(self.known[name][trial.index])
        return float(trial.extra.get(name, math.nan))

    def values(self, trial: Trial) -> list[float]:
        """The criteria of an evaluation, in their units; all NaN where it has not all of them."""
        found = [trial.validation, *(self.number(trial, criterion.column) for criterion in self.criteria[1:])]
        whole = self.competes(trial) and all(map(math.isfinite, found))
        return found if whole else [math.nan] * len(found)

    def missing(self, trial: Trial) -> list[str]:
        """The numbers that the goal needs and an evaluation that went through has not."""
        if trial.failed or trial.pruned:
            return []
        needed = dict.fromkeys([*self.most, *(criterion.column for criterion in self.criteria[1:])])
        return [name for name in needed if math.isnan(self.number(trial, name))]

    def within(self, trial: Trial) -> bool:
        """Whether an evaluation has all numbers that are limited, and they are within their limits."""
        return all(self.number(trial, name) <= limit for name, limit in self.most.items())

    def competes(self, trial: Trial) -> bool:
        """Whether an evaluation may be the best."""
        return not (trial.failed or trial.pruned) and self.within(trial)

    def beats(self, trial: Trial, incumbent: Trial | None) -> bool:
        """Whether a trial takes the place of the best of the trials before it.

        The incumbent is the best trial among those of the highest fidelity at which any has
        succeeded so far, the first of equal ones: values of different fidelities are not
        compared. The objective's default counts as its highest.
        """
        if not self.competes(trial) or incumbent is None:
            return self.competes(trial)
        own, other = (math.inf if each.fidelity is None else each.fidelity for each in (trial, incumbent))
        return own > other or (own == other and self.gain(trial.validation) > self.gain(incumbent.validation))

    def front(self, trials: Sequence[Trial]) -> list[Trial]:
        """The trials that no other surpasses in one criterion without being worse in another, in order."""
        from arch2vec.searching.pareto.criteria import gains
        from arch2vec.searching.pareto.fronts import non_dominated

        whole = [trial for trial in trials if not any(map(math.isnan, self.values(trial)))]
        if not whole:
            return []
        kept = non_dominated(gains([self.values(trial) for trial in whole], self.criteria))
        return [trial for trial, stays in zip(whole, kept.tolist(), strict=True) if stays]

    def told(self, trial: Trial, earlier: Sequence[Trial]) -> float:
        """What a method is told of a trial; NaN for a failure.

        Args:
            trial: whatever became of it.
            earlier: the trials that the method was told of before.
        """
        if trial.failed:
            return math.nan
        if trial.pruned:
            return self.gain(_continued(trial, earlier))
        value = self.gain(trial.validation)
        if self.within(trial):
            return value
        return min([value, *(self.gain(other.validation) for other in earlier if self.competes(other))])

    def tell(self, searcher: SearchMethod, trial: Trial, earlier: Sequence[Trial]) -> None:
        """Tell a method of a trial."""
        candidate = Candidate(trial.index, trial.architecture, trial.fidelity)
        if self.criteria:
            from arch2vec.searching.pareto.base import ParetoSearch

            assert isinstance(searcher, ParetoSearch)
            searcher.tell_criteria([candidate], [self.values(trial)])
        else:
            searcher.tell([candidate], [self.told(trial, earlier)])

    def as_told(self, trials: Sequence[Trial]) -> list[list[int | float | None]]:
        """Trials as the state of a search method tells of them."""
        entries: list[list[int | float | None]] = []
        for place, trial in enumerate(trials):
            value = self.values(trial)[0] if self.criteria else self.told(trial, trials[:place])
            entry: list[int | float | None] = [trial.index, None if math.isnan(value) else value]
            entries.append(entry if trial.fidelity is None else [*entry, trial.fidelity])
        return entries


def _continued(pruned: Trial, earlier: Sequence[Trial]) -> float:
    """What a training that was given up would have come to, had it changed from there on as others did."""
    at, value = pruned.reports[-1]
    changed = []
    for trial in earlier:
        then = dict(trial.reports).get(at, math.nan)
        if not (trial.failed or trial.pruned or math.isnan(then)):
            changed.append(trial.validation - then)
    return value + (statistics.median(changed) if changed else 0.0)
