"""What the JSON documents in the folders of searches and studies look like; see :mod:`arch2vec.common.documents`.

They are read by what goes on with a search, and by what only looks at it.
"""

from __future__ import annotations

from arch2vec.common.documents import (
    anything,
    either,
    flag,
    listing,
    mapping,
    number,
    optional,
    record,
    row,
    text,
    whole,
)

_SEED = whole(0, 2**128)
_REPORTS = {"reports": listing(row(whole(0), optional(number()))), "pruned": flag}
_FIDELITY = optional(whole(1))
_ANY_NUMBER = number(finite=False)  # what an objective says beside its accuracy and cost is not checked when it does

TRIAL = record(
    {
        "number": whole(1),
        "index": whole(0),
        "architecture": text(),
        "validation": optional(number()),
        "test": optional(_ANY_NUMBER),
        "cost_s": number(0),
        "cumulative_cost_s": number(0),
        "method_s": number(0),
        "extra": mapping(_ANY_NUMBER),
    },
    {"fidelity": _FIDELITY, "error": optional(text()), **_REPORTS},
)

MARKS = ("measured", "code", "table", "data", "space_code", "method_code")
"""The marks of what is measured that studies may have, see :mod:`arch2vec.searching.identity`; older ones had fewer."""

_MARKS = dict.fromkeys(MARKS, text())
_CHANGE = {"what": text(), "from": text(), "to": text()}

_GOAL = {"minimise": flag, "most": mapping(number()), "criteria": mapping(text("max", "min"))}
STUDY = record(
    {
        "kind": text(),
        "config": record(
            {
                **dict.fromkeys(("space", "embedding", "objective", "method"), text()),
                "seed": _SEED,
                "batch": whole(1),
            },
            {**_MARKS, "device": text("cpu", "cuda"), "goal": text()},
        ),
        "trials": listing(TRIAL),
        "method": mapping(anything),
    },
    {"signal": text(), "unit": text(), **_GOAL, "changes": listing(record({**_CHANGE, "after_trial": whole(0)}))},
)
"""``study.json`` of a search."""

_RNG = record(
    {
        "bit_generator": text("PCG64"),
        "state": record({"state": whole(0, 2**128 - 1), "inc": whole(0, 2**128 - 1)}),
        "has_uint32": whole(0, 1),
        "uinteger": whole(0, 2**32 - 1),
    }
)
_ROW, _VALUE = whole(0), optional(number())
_LOOKS = listing(row(whole(0), optional(text())))
METHOD_STATE = record(
    {
        "method": text(),
        "seed": _SEED,
        "rng": _RNG,
        "asked": listing(either(row(_ROW, _FIDELITY), _ROW)),
        "told": listing(either(row(_ROW, _VALUE, _FIDELITY), row(_ROW, _VALUE))),
    },
    {
        # What some methods add.
        "grown": listing(either(row(text(), more=whole(0)), row(text(), more=text()))),
        "levels": listing(_FIDELITY),
        "begun": whole(0),
        "brackets": listing(record({"number": whole(0), "rungs": listing(listing(_ROW))})),
        "told_when_asked": listing(whole(0)),
        "samples": listing(row(_ROW, more=whole())),
        "criteria": listing(text()),
        "gains": listing(listing(_VALUE)),
        "generations": whole(0),
        "learned_from": optional(whole(0)),
        "looks": _LOOKS,
        "looked": listing(optional(row(whole(0), _LOOKS))),
    },
)
"""The state of a search method."""

JOURNAL_LINE = record(
    {
        "seed": _SEED,
        "row": whole(0),
        "architecture": text(),
        "fidelity": _FIDELITY,
        "validation": optional(number()),
        "test": optional(_ANY_NUMBER),
        "cost_s": number(0),
        "extra": mapping(_ANY_NUMBER),
        "error": optional(text()),
    },
    _REPORTS,
)
"""A line of a journal, see :mod:`arch2vec.studies.journal`."""

OWNER = record({"process": whole(1), "host": text(), "since": text()})
"""Who owns a folder, see :mod:`arch2vec.common.ownership`."""

PARETO_RUN = record(
    {
        "kind": text(),
        "method": text(),
        "seed": _SEED,
        "trials": listing(
            record(
                {
                    "number": whole(1),
                    "index": whole(0),
                    "architecture": text(),
                    "criteria": mapping(_ANY_NUMBER),
                    "test": optional(_ANY_NUMBER),
                    "cost_s": _ANY_NUMBER,
                    "method_s": number(0),
                }
            )
        ),
        "state": mapping(anything),
    },
    {"method_code": text()},
)
"""A multi-objective search."""

PARETO = record(
    {"kind": text(), "objective": text(), "criteria": listing(text()), "known": listing(text())},
    {"changes": listing(record(_CHANGE)), "unit": text()},
)
"""``pareto.json``: what a multi-objective study is of."""

COMPARISON = record(
    {
        "kind": text(),
        "all": mapping(mapping(anything)),
        "objectives": mapping(record({}, {**_MARKS, "minimise": flag})),
        "methods": mapping(mapping(anything)),
    },
    {
        "units": mapping(text()),
        "changes": listing(record({"objective": text(), **_CHANGE})),
    },
)
"""``comparison.json``: what a comparison is of."""

ASKED = record(
    {"started_at": number(0), "done_at_start": whole(0)},
    {"budget": optional(whole(1)), "max_cost_s": optional(number(0)), "runs": mapping(whole(0)), "command": text()}
    | {"units": mapping(text()), "space": text()},
)
"""``asked.json``, see :mod:`arch2vec.common.request`."""

TRAINED_EPOCHS = listing(
    record(
        {
            "epoch": whole(1),
            "learning_rate": number(0),
            "loss": _ANY_NUMBER,
            "validation": optional(number(0, 100)),
            "test": optional(number(0, 100)),
            "seconds": number(0),
        }
    )
)
"""The epochs of a network's training."""

TRAINING_RESULT = record({"failed": flag, "epochs": TRAINED_EPOCHS}, {"reason": text(), "lost_s": number(least=0)})
"""``result.json`` of a network's training."""
