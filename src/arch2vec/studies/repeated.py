"""Many runs against one objective, as one data frame, and what comes out on average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import numpy as np

from arch2vec.common.arguments import as_annotated
from arch2vec.common.storage import AnyPath
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.representations.ready import searchable
from arch2vec.searching.budget import Budget
from arch2vec.searching.evaluation import AnyObjective
from arch2vec.searching.failures import MOST_IN_A_ROW
from arch2vec.searching.spec import AnyMethod, resolve_methods
from arch2vec.spaces import SearchSpace
from arch2vec.studies.runs import SearchRuns
from arch2vec.studies.study import run_study
from arch2vec.studies.table import with_further

if TYPE_CHECKING:
    import pandas as pd


@as_annotated
def run_many(
    embedding: Embedding | SearchSpace | str,
    objective: AnyObjective,
    methods: Sequence[AnyMethod],
    runs: int,
    budget: int | None,
    seed0: int = 0,
    max_cost_s: float | None = None,
    out: AnyPath | None = None,
    progress: Callable[[str, int], None] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    timeout_s: float | None = None,
    max_failures: int | None = MOST_IN_A_ROW,
    accept_changes: bool = False,
) -> pd.DataFrame:
    """Run every method with the seeds ``seed0`` ... ``seed0 + runs - 1``.

    >>> import arch2vec, numpy as np
    >>> space = arch2vec.get_space("nasbench201")
    >>> embedding = arch2vec.structure_embedding(space, space.sample(50, np.random.default_rng(0)))
    >>> arch2vec.run_many(embedding, "digits-201", ["random", "local-search"], runs=2, budget=4).shape
    (16, 12)

    With ``out``, finished runs are kept there, in the end in ``trajectories.parquet``,
    and not repeated when it is called again, with more runs or methods or the same.

    Args:
        embedding: the architectures and their vectors.
        objective: what is maximised, as for :func:`arch2vec.searching.study.search`.
        methods: search methods, likewise, each with a name of its own.
        runs: how many of each.
        budget: evaluations a run at most, None for no limit but the cost.
        seed0: the first seed.
        max_cost_s: no evaluation of a run starts once those before it cost this many seconds.
        out: a folder, created where missing.
        progress: called with a method's name and how many of its evaluations
            were just made, or found in ``out``.
        workers: processes that share the work, as for :func:`arch2vec.studies.run_study`.
        executor: as for :func:`arch2vec.studies.run_study`.
        timeout_s: as for :func:`arch2vec.studies.run_study`.
        max_failures: how many evaluations may fail in a row, as for :func:`arch2vec.studies.run_study`.
        accept_changes: whether to go on though the objective has changed, as for :func:`arch2vec.studies.run_study`.

    Returns:
        A row an evaluation: the columns of :meth:`SearchResult.trajectory`
        after ``method`` and ``seed``.

    Raises:
        InputError: as :func:`arch2vec.searching.study.search` does; ``out`` holds runs
            with another embedding, objective or limit.
    """
    import pandas as pd

    embedding, specs = searchable(embedding), resolve_methods(methods)
    found = run_study(
        embedding,
        objective,
        list(specs.values()),
        runs,
        Budget(budget, max_cost_s),
        seed0=seed0,
        out=out,
        workers=workers,
        executor=executor,
        timeout_s=timeout_s,
        max_failures=max_failures,
        accept_changes=accept_changes,
        progress=None if progress is None else lambda method, _, evaluations: progress(method, evaluations),
    )
    ((_, name), *_) = found.keys()
    wanted = range(seed0, seed0 + runs)
    many = [found.runs(method, name).select(wanted) for method in specs]
    return pd.concat([best_so_far(runs, embedding.architectures) for runs in many], ignore_index=True)


def best_so_far(runs: SearchRuns, architectures: Sequence[str]) -> pd.DataFrame:
    """A row an evaluation, run by run, with the best found so far.

    Args:
        runs: of one method and objective.
        architectures: the embedding's, by row.

    Returns:
        The columns ``method``, ``seed`` and those of :meth:`SearchResult.trajectory`, and one for each number that
        a function returned beside its value.
    """
    import pandas as pd

    made, best = runs.made, runs.incumbents
    evaluation = np.broadcast_to(np.arange(1, made.shape[1] + 1), made.shape)

    def at_best(values: np.ndarray) -> np.ndarray:
        return np.where(best < 0, np.nan, np.take_along_axis(values, np.maximum(best, 0), axis=1))

    frame = pd.DataFrame(
        {
            "method": runs.method,
            "seed": np.repeat(runs.seeds, runs.lengths),
            "evaluation": evaluation[made],
            "architecture": runs.texts(runs.rows[made].tolist(), architectures),
            "validation": runs.validation[made],
            "test": runs.test[made],
            "cost_s": runs.cost_s[made],
            "cumulative_cost_s": runs.cumulative_cost_s[made],
            "method_s": runs.method_s[made].astype(np.float64),
            "best_validation": at_best(runs.validation)[made],
            "best_test": at_best(runs.test)[made],
            "fidelity": np.where(runs.fidelity == 0, np.nan, runs.fidelity)[made],
        }
    )
    return frame if runs.further is None else with_further(frame.assign(further=runs.further[made]))


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """What each method reached: the architecture of best validation at the end of every run, over its runs.

    >>> import arch2vec, numpy as np
    >>> space = arch2vec.get_space("nasbench201")
    >>> embedding = arch2vec.structure_embedding(space, space.sample(50, np.random.default_rng(0)))
    >>> runs = arch2vec.run_many(embedding, "digits-201", ["random", "local-search"], runs=2, budget=4)
    >>> table = arch2vec.summarise(runs)
    >>> list(table["method"]), list(table["runs"])
    (['random', 'local-search'], [2, 2])

    Args:
        frame: the evaluations that :func:`run_many` has returned.

    Returns:
        A row a method, in their order: ``method``, ``runs``, ``validation_mean``,
        ``validation_std``, ``test_mean``, ``test_std`` (percent; standard deviations
        with n - 1, NaN for one run), ``evaluations`` and ``cost_s`` (means a run),
        ``seconds_per_run`` (spent by the method itself).

    Raises:
        InputError: it is none of these.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame) or not {"method", "seed", "best_validation"} <= {*frame.columns}:
        raise InputError("what is summarised is the data frame that run_many has returned")
    runs = frame.groupby(["method", "seed"], sort=False).agg(
        validation=("best_validation", "last"),
        test=("best_test", "last"),
        evaluations=("evaluation", "size"),
        cost_s=("cost_s", "sum"),
        method_s=("method_s", "sum"),
    )
    return (
        runs.groupby("method", sort=False)
        .agg(
            runs=("validation", "size"),
            validation_mean=("validation", "mean"),
            validation_std=("validation", "std"),
            test_mean=("test", "mean"),
            test_std=("test", "std"),
            evaluations=("evaluations", "mean"),
            cost_s=("cost_s", "mean"),
            seconds_per_run=("method_s", "mean"),
        )
        .reset_index()
    )
