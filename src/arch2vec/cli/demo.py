"""The whole path on something real: pre-train, embed, search, train what was found, show.

Searches look their trainings up in the benchmark that comes with the package; the cell
that one of them ends with is then trained. Everything is kept in one folder as
it is made, so that the demo may be stopped at any moment; started again, it
resumes and ends with the same result.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.output import pretraining_bar, print_json, print_table, progress_bar, say
from arch2vec.common.documents import checked, number, record
from arch2vec.common.ownership import owned
from arch2vec.common.storage import claim, read_json, require_writable, write_json
from arch2vec.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from arch2vec.embedding import Embedding

METHODS = ("random", "local-search", "group-bo")
BEST = METHODS[-1]
_TRAININGS = 3  # of the cell that was found, with seeds that the benchmark does not have
_FIRST_SEED = 100


@owned
def demo(out: Path, *, runs: int, evaluations: int, seed: int, as_json: bool, device: str | None = None) -> None:
    """Run the demo, or what is left of it, in the folder ``out``."""
    from arch2vec.embedding import Embedding
    from arch2vec.objectives.named import digits_201
    from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
    from arch2vec.studies import run_many, summarise

    for option, value in (("--runs", runs), ("--evaluations", evaluations)):
        if value < 1:
            raise InputError(f"{option} must be at least 1, got {value}")
    require_writable(out)
    claim(out / "demo.json", "demo", {"runs": runs, "evaluations": evaluations, "seed": seed})
    say("1. Learn what the 15,625 cells of NAS-Bench-201 look like, without training any of them.")
    with pretraining_bar("pre-training") as show:
        encoder = pretrain(
            "nasbench201", PretrainConfig(seed=seed), out=out / "pretraining", progress=show, device=device
        )
    embedding_file = out / "embedding.safetensors"
    if not embedding_file.exists():
        encoder.embed().save(embedding_file)
    embedding = Embedding.load(embedding_file)
    quality = encoder.training["last_epoch"]
    say(
        f"   {100 * quality['reconstruction']['graphs']:.2f} % of unseen cells are reconstructed exactly; "
        f"{100 * quality['strict_validity']:.1f} % of random points decode to a cell."
    )

    say(
        f"2. Search for a cell that reads handwritten digits: {evaluations} trainings a search, "
        f"{runs} searches by each of {', '.join(METHODS)}."
    )
    objective = digits_201()
    known = objective.restrict(embedding)
    with progress_bar("searching") as update:
        done = 0

        def count(_: str, made: int) -> None:
            nonlocal done
            done += made
            update(done, len(METHODS) * runs * evaluations, "evaluations")

        made = run_many(known, objective, METHODS, runs, evaluations, seed0=seed, out=out / "study", progress=count)
    rows = summarise(made).to_dict("records")
    best = _best_of(made, BEST, seed)

    say(f"3. Train what the first search by {BEST} found, with other seeds than the benchmark's.")
    trained = _train(out / "trained.json", best["architecture"])
    _draw(out, known, made, best["architecture"], objective.optimum)
    if as_json:
        print_json({"rows": rows, "best": best, "trained": trained})
        return
    print_table(
        "Best cell by validation accuracy, on scikit-learn's handwritten digits",
        ["method", "validation, %", "test, %", "searches"],
        [
            [row["method"], _spread(row, "validation"), _spread(row, "test"), str(row["runs"])]
            for row in map(_named, rows)
        ],
        footer=f"mean ± standard deviation; looked up in digits-201, where the best has {objective.optimum:.2f}",
    )
    for line in _tested(made):
        print(line)
    print(f"Cell found by the first search: {best['architecture']}")
    print(f"Validation in the benchmark: {best['validation']:.2f} %; test: {best['test']:.2f} %")
    print(
        f"Trained here {_TRAININGS} times: validation {trained['validation']:.2f} %, test {trained['test']:.2f} % "
        f"({trained['seconds']:.1f} s of one core)"
    )
    print(f"Best so far against trainings: {out / 'search.png'}; the cell drawn: {out / 'best_cell.png'}")


def _tested(made: pd.DataFrame) -> list[str]:
    """Whether the best method is ahead of the others on the same seeds, a line each."""
    from arch2vec.studies.significance import compare

    ends = made.groupby(["method", "seed"], sort=False)["validation"].max()
    values = {method: {int(seed): float(ends[method, seed]) for seed in ends[method].index} for method in METHODS}
    if len(values[BEST]) < 2:
        return []
    found = [pair for pair in compare({BEST: values[BEST], **values}) if pair.first == BEST]
    return [
        f"{BEST} against {pair.second}: {pair.difference:+.2f} [{pair.low:+.2f}, {pair.high:+.2f}] points of "
        f"validation, p = {pair.p_holm:.1g} (signed ranks over {pair.pairs} seeds, Holm)"
        for pair in found
    ]


def _named(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _spread(row: dict[str, Any], column: str) -> str:
    from arch2vec.reports.numbers import spread

    return spread(row[f"{column}_mean"], None if row["runs"] == 1 else row[f"{column}_std"])


def _best_of(made: pd.DataFrame, method: str, seed: int) -> dict[str, Any]:
    """The architecture of best validation in one search."""
    one = made[(made["method"] == method) & (made["seed"] == seed)]
    row = one.iloc[int(one["validation"].argmax())]
    return {
        "architecture": str(row["architecture"]),
        "validation": float(row["validation"]),
        "test": float(row["test"]),
        "found_at": int(row["evaluation"]),
    }


def _train(path: Path, architecture: str) -> dict[str, Any]:
    """Mean accuracies of some trainings; those that are kept in ``path`` if there are any."""
    if not path.exists():
        from arch2vec.common.threads import thread_count
        from arch2vec.objectives.digits import DigitsConfig, DigitsObjective

        seeds = tuple(range(_FIRST_SEED, _FIRST_SEED + _TRAININGS))
        with thread_count(1):
            outcome = DigitsObjective(DigitsConfig(seeds=seeds)).evaluate(architecture)
        found = {"validation": outcome.validation, "test": outcome.test, "seconds": outcome.cost_s}
        write_json(path, {"architecture": architecture, "seeds": seeds, **found})
    kept = record({"validation": number(0, 100), "test": number(0, 100), "seconds": number(0)})
    trained: dict[str, Any] = checked(read_json(path), kept, path)
    return trained


def _draw(out: Path, embedding: Embedding, made: pd.DataFrame, best: str, optimum: float) -> None:
    from arch2vec.reports.cells import draw_cell
    from arch2vec.reports.curves import best_so_far

    curves = {method: made[made["method"] == method] for method in METHODS}
    title = "Best cell so far, trained on handwritten digits"
    best_so_far(curves, out / "search.png", title=title, optimum=optimum, band="ci95")
    draw_cell(
        embedding.space, embedding.graphs[embedding.index_of(best)], out / "best_cell.png", title="The cell found"
    )
