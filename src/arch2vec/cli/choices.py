"""What options may name: the texts of --help. Nothing is imported for them, so that help answers at once."""

from __future__ import annotations

OBJECTIVE = (
    "what an architecture is worth: a benchmark by its name, 'digits-201', which comes with the package, "
    "'nasbench201?dataset=cifar10', 'nasbench101', 'nasbench301-surrogate'; "
    "'digits' trains it on handwritten digits, 'train:DATA?space=SPACE' on images; "
    "'proxy:NAME' is a zero-cost proxy and trains nothing; "
    "'table:FILE?validation=COLUMN&test=COLUMN&cost=COLUMN' looks it up in a Parquet or CSV file; "
    "'python:MODULE_OR_FILE:FUNCTION' calls your function, 'cmd:COMMAND' runs any command line with {architecture}"
)


LEARNED = "learned"
"""The representation that a run has learned, or that a file of vectors holds."""

METHODS = (
    *("random", "evolution", "local-search", "reinforce", "bohb"),
    *("bo", "gp-bo", "bo-local", "group-bo", "wl-bo", "group-wl-bo", "bo-adjacency", "bo-release", "forest"),
    *("arch2vec-rl", "arch2vec-rl-release", "supervised-rl", "supervised-bo", "supervised-bo-release"),
)
"""The names of the search methods, which are here so that --help need not import them."""

PARETO_METHODS = ("random", "nsga2", "parego", "ehvi")
"""Those of multi-objective ones."""

_FORMS = "with settings as NAME?setting=value&setting=value; or one of your own, python:MODULE_OR_FILE:CLASS"
METHOD = f"{', '.join(METHODS)}; {_FORMS}"
REPRESENTATION = (
    "which vectors: structure (the default of a search space; some of it as structure?groups=paths,costs), adjacency, "
    "path, path-short, learned (those of RUN or VECTORS), your own function as python:MODULE_OR_FILE:FUNCTION, or "
    "several joined by +"
)
PARETO_METHOD = f"{', '.join(PARETO_METHODS)}; {_FORMS}"
