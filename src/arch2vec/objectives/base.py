"""What an architecture is worth: the interface between searches and their objectives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """One evaluation of one architecture.

    >>> import arch2vec
    >>> arch2vec.Outcome(validation=91.2, test=None, cost_s=3.5, extra={"parameters": 1e6}).validation
    91.2

    Attributes:
        validation: the signal a search maximises (or minimises, where the objective says so), accuracy in percent
            unless the objective says otherwise; NaN where the evaluation failed.
        test: accuracy in percent on data that no search decision may use, None
            where there is none. It is kept for reporting.
        cost_s: what the evaluation cost (or, in a table, would have cost), seconds.
        extra: further named numbers, such as parameters or epochs.
    """

    validation: float
    test: float | None
    cost_s: float
    extra: Mapping[str, float] = field(default_factory=dict)


class Objective(ABC):
    """Evaluates architectures given in their space's notation.

    >>> import arch2vec
    >>> objective = arch2vec.resolve_objective("digits-201")
    >>> objective.name, objective.unit
    ('digits-201', '%')
    >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
    >>> round(objective.evaluate(cell).validation, 2)
    94.43
    """

    name: str
    """Short, for tables and files."""
    space: str | None
    """The name of the space whose architectures it takes, None for any."""
    description: str
    """One line that says what the numbers are: data set, splits, epochs, seeds."""
    signal_split: str = "validation"
    """The data that :attr:`Outcome.validation` was measured on: ``validation``, or ``test`` where there is no other."""
    unit: str = "%"
    """Of validation and test values, empty where they have none or it is not known. Where it is ``%``, other values
    than 0 to 100 are a mistake."""
    minimise: bool = False
    """Whether less of :attr:`Outcome.validation` is better, as of an error or a loss. Outcomes, records and outputs
    hold the values as they are; methods are told minus them (:mod:`arch2vec.searching.goal`)."""
    note: str = ""
    """One line that every output has to show: what is estimated, what is no training, which signal is test data."""
    code: str | None = None
    """The mark of the code that makes it, where that is a user's; see :mod:`arch2vec.common.code_identity`."""
    fidelities: tuple[int, ...] = ()
    """The training epochs to choose from, ascending; empty where there is no choice or any number will do."""

    reports: bool = False
    """Whether it may report what a training reaches on its way, see :mod:`arch2vec.objectives.reporting`."""

    looked_up: bool = False
    """Whether evaluations are looked up in a table, which takes no time and harms nothing."""

    apart: bool = False
    """Whether searches evaluate it in processes of their own even where nobody asks for it."""

    def for_search(self, seed: int) -> Objective:
        """The objective as the search with this seed meets it: this one, but where the noise of trainings is drawn."""
        del seed
        return self

    def __repr__(self) -> str:
        where, what = getattr(self, "space", None) or "any space", " ".join(getattr(self, "description", "").split())
        short = what if len(what) <= 120 else f"{what[:120]} ..."
        return f"{type(self).__name__}({getattr(self, 'name', '?')!r}, of {where}: {short})"

    @property
    def identity(self) -> dict[str, str]:
        """Marks of what is measured, by name: a study is continued only while they stay the same.

        By default the description and, of a user's class, its code.
        """
        marks = {"measured": self.description}
        if self.code is None and type(self).__module__.partition(".")[0] != "arch2vec":
            from arch2vec.common.code_identity import mark_of

            self.code = mark_of(type(self))
        return marks if self.code is None else {**marks, "code": self.code}

    @property
    def signal_name(self) -> str:
        """What :attr:`Outcome.validation` is, for headings."""
        return "validation" if self.signal_split == "validation" else f"signal ({self.signal_split.upper()} data)"

    @property
    def signal(self) -> str:
        """What :attr:`Outcome.validation` is, with its unit, for headings."""
        return self.with_unit(self.signal_name)

    def with_unit(self, what: str) -> str:
        """``what`` with the unit of the objective's values."""
        return f"{what}, {self.unit}" if self.unit else what

    @abstractmethod
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        """The worth of one architecture.

        Args:
            architecture: in the space's notation.
            fidelity: training epochs where the objective offers a choice, None
                for its default.

        Raises:
            InputError: the architecture is malformed or unknown to the objective,
                or the fidelity is not offered.
        """
