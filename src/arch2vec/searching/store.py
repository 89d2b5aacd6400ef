"""A study on disk: one JSON file that is replaced after every evaluation.

It holds what the study is (its configuration), the trials and the state of the
search method, and goes from one whole document to the next: after a crash the
study continues from its last finished evaluation.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arch2vec.common.documents import checked, shown
from arch2vec.common.schemas import STUDY
from arch2vec.common.storage import difference, read_json, require_writable, write_json
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.pools.pool import Pool
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.goal import Goal
from arch2vec.searching.identity import NAMED, changes, in_words
from arch2vec.searching.patience import patiently
from arch2vec.searching.trials import Trial

_KIND = "arch2vec study 1"


def embedding_digest(embedding: Embedding) -> str:
    """32 hexadecimal digits, equal for embeddings of the same architectures, order and vectors."""
    if isinstance(embedding, Pool):
        return embedding.digest
    digest = hashlib.sha256(embedding.vectors.tobytes())
    for _, array in sorted(embedding.graphs.arrays().items()):
        digest.update(array.tobytes())
    return digest.hexdigest()[:32]


_USUAL = (("device", None), ("goal", None))


@dataclass(frozen=True)
class StudyConfig:
    """What must be the same for a study to be continued. Its budget may differ.

    ``device`` is the kind of device that models look at the whole pool on, None if they do not.
    ``goal`` is :attr:`arch2vec.searching.goal.Goal.sentence`, None where more of one value is better.
    ``marks`` are those of :func:`arch2vec.searching.identity.identity_of`: a change in them can be accepted.
    """

    space: str
    embedding: str
    objective: str
    method: str
    seed: int
    batch: int
    marks: Mapping[str, str]
    device: str | None = None
    goal: str | None = None

    @property
    def fixed(self) -> dict[str, Any]:
        """All but the marks, and without what is as usual."""
        return {name: value for name, value in asdict(self).items() if name != "marks" and (name, value) not in _USUAL}

    def compared(
        self, stored: Mapping[str, Any], where: object, trials: int, accept_changes: bool
    ) -> list[dict[str, Any]]:
        """The changes since a study was stored.

        Args:
            stored: the configuration there.
            where: it is, for complaints.
            trials: how many it holds.
            accept_changes: whether marks may differ.

        Raises:
            InputError: it is another study, or its marks differ and that is not accepted.
        """
        for name, value in {**dict(_USUAL), **self.fixed}.items():
            if stored.get(name) != value:
                raise InputError(
                    f"{where} is a study with {difference(name, stored.get(name), value)}; "
                    f"repeat its {name} or name another {_elsewhere(where)}"
                )
        changed = changes(stored, self.marks)
        if changed and not accept_changes:
            raise InputError(
                f"{where} holds {trials} evaluations, and {in_words(changed[0], stored, self.marks)}: name "
                f"another {_elsewhere(where)}, or accept that they are not comparable (--accept-changes)"
            )
        return [
            {"what": NAMED.get(name, name), "from": stored[name], "to": self.marks[name], "after_trial": trials}
            for name in changed
        ]


def misplaced(where: object, architecture: str, number: int) -> str:
    """The complaint about a stored trial that is not where the embedding has it."""
    return (
        f"{where} is damaged, or of another space of this name: trial {number}, {architecture!r}, is not one of "
        "this embedding"
    )


def _elsewhere(where: object) -> str:
    return "output folder" if isinstance(where, Path) else "study"


class StudyFile:
    """``study.json`` in a folder.

    Args:
        folder: created where missing.
        config: of the study to write or continue.
        accept_changes: whether to continue a study of which the marks differ. It then says from
            which trial on they do.
        shown: further entries of the file, for those who look at it.
        goal: what methods are told of trials.

    Raises:
        InputError: the folder cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        config: StudyConfig,
        accept_changes: bool = False,
        shown: Mapping[str, Any] | None = None,
        goal: Goal | None = None,
    ) -> None:
        require_writable(folder)
        self.path = folder / "study.json"
        self.config = config
        self.changes: list[dict[str, Any]] = []
        self._accept = accept_changes
        self._shown = dict(shown or {})
        self._goal = goal or Goal()

    def save(self, method: SearchMethod, trials: Sequence[Trial]) -> None:
        """Replace the file by the study as it is now."""
        document = {
            "kind": _KIND,
            "config": {**self.config.fixed, **self.config.marks},
            **self._shown,
            **({"changes": self.changes} if self.changes else {}),
            "trials": [_to_json(trial) for trial in trials],
            "method": method.state_dict(),
        }
        patiently(str(self.path), lambda: write_json(self.path, document))

    def load(self, method: SearchMethod) -> list[Trial]:
        """Bring ``method`` to the stored state and return the trials; none where there is no file.

        Raises:
            InputError: the file is damaged, or of a study with another configuration.
        """
        if not self.path.exists():
            return []
        document = read_json(self.path)
        if not isinstance(document, dict) or document.get("kind") != _KIND:
            raise InputError(f"{self.path} is not a study; name another output folder")
        checked(document, STUDY, self.path)
        self.changes = list(document.get("changes", []))
        self.changes += self.config.compared(document["config"], self.path, len(document["trials"]), self._accept)
        trials = [_from_json(entry) for entry in document["trials"]]
        state = document["method"]
        try:
            known = method.architectures_of(state)
        except InputError as error:
            raise InputError(f"{self.path} is damaged: {error}") from error
        for number, trial in enumerate(trials, start=1):
            if trial.number != number or trial.index >= len(known) or known[trial.index] != trial.architecture:
                raise InputError(misplaced(self.path, trial.architecture, number))
        if state.get("told") != self._goal.as_told(trials):
            raise InputError(f"{self.path} is damaged: its search method knows of other evaluations than its trials")
        try:
            if state.get("seed") != self.config.seed:
                raise InputError(f"its search method has the seed {shown(state.get('seed'))}")
            method.load_state_dict(state)
        except InputError as error:
            raise InputError(f"{self.path} is damaged: {error}") from error
        return trials


def _to_json(trial: Trial) -> dict[str, Any]:
    plain = {name: value for name, value in vars(trial).items() if name not in ("reports", "pruned")}
    value = None if trial.failed else trial.validation
    return plain | {"validation": value, "extra": dict(trial.extra), **reports_entry(trial)}


def reports_entry(trial: Trial) -> dict[str, Any]:
    """What a document says of a training's reports; nothing where there are none."""
    if not trial.reports:
        return {}
    made = [[epoch, None if math.isnan(value) else value] for epoch, value in trial.reports]
    return {"reports": made, **({"pruned": True} if trial.pruned else {})}


def reports_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says of a training's reports, as :class:`Trial` has it."""
    made = ((epoch, math.nan if value is None else float(value)) for epoch, value in entry.get("reports", []))
    return {"reports": tuple(made), "pruned": bool(entry.get("pruned", False))}


def _from_json(entry: Mapping[str, Any]) -> Trial:
    return Trial(
        number=entry["number"],
        index=entry["index"],
        architecture=entry["architecture"],
        validation=math.nan if entry["validation"] is None else float(entry["validation"]),
        test=None if entry["test"] is None else float(entry["test"]),
        cost_s=float(entry["cost_s"]),
        cumulative_cost_s=float(entry["cumulative_cost_s"]),
        method_s=float(entry["method_s"]),
        extra={name: float(value) for name, value in entry["extra"].items()},
        fidelity=entry.get("fidelity"),  # studies from before there were fidelities do not name it
        error=entry.get("error"),
        **reports_of(entry),
    )
