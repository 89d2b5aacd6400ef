"""The whole path on something real: pre-train, embed, search by training networks, show.

Everything is kept in one folder as it is made, so that the demo may be stopped
at any moment; started again, it resumes and ends with the same result.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.output import pretraining_bar, print_json, print_table, progress_bar, say
from arch2vec.errors import InputError
from arch2vec.storage import claim, read_json, require_writable
from arch2vec.workers import worker_pool

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding
    from arch2vec.searching.study import SearchResult

METHODS = ("random", "bo")


def demo(out: Path, *, trainings: int, seed: int, as_json: bool) -> None:
    """Run the demo, or what is left of it, in the folder ``out``."""
    from arch2vec.embedding import Embedding
    from arch2vec.pretraining import PretrainConfig, pretrain

    if trainings < 1:
        raise InputError(f"--trainings must be at least 1, got {trainings}")
    require_writable(out)
    claim(out / "demo.json", "demo", {"trainings": trainings, "seed": seed})
    say("1. Learn what the 15,625 cells of NAS-Bench-201 look like, without training any of them.")
    with pretraining_bar("pre-training") as show:
        encoder = pretrain("nasbench201", PretrainConfig(seed=seed), out=out / "pretraining", progress=show)
    embedding_file = out / "embedding.safetensors"
    if not embedding_file.exists():
        encoder.embed().save(embedding_file)
    embedding = Embedding.load(embedding_file)
    quality = encoder.training["last_epoch"]
    say(
        f"   {100 * quality['reconstruction']['graphs']:.2f} % of unseen cells are reconstructed exactly; "
        f"{100 * quality['strict_validity']:.1f} % of random points decode to a cell."
    )

    say(f"2. Search: {trainings} networks trained on handwritten digits by each of {' and '.join(METHODS)}.")
    results = _search_all(out, embedding_file, trainings, seed)
    rows = [_row(method, result) for method, result in results.items()]
    best = max(rows, key=lambda row: row["validation"])
    _draw(out, embedding, results, best["architecture"])
    if as_json:
        print_json({"rows": rows, "best": best})
        return
    print_table(
        "Best cell by validation accuracy, on scikit-learn's handwritten digits",
        ["method", "validation, %", "test, %", "trainings", "seconds training"],
        [
            [
                row["method"],
                f"{row['validation']:.2f}",
                f"{row['test']:.2f}",
                str(row["trainings"]),
                f"{row['seconds']:.0f}",
            ]
            for row in rows
        ],
        footer=f"one search each, seed {seed}",
    )
    print(f"Best cell: {best['architecture']}")
    print(f"Best so far against trainings: {out / 'search.png'}; the best cell drawn: {out / 'best_cell.png'}")


def _search_all(out: Path, embedding_file: Path, trainings: int, seed: int) -> dict[str, SearchResult]:
    """Run the searches side by side, one process and one core each, and show how far they are."""
    total = trainings * len(METHODS)
    with (
        progress_bar("training networks") as update,
        worker_pool(len(METHODS)) as pool,
    ):
        futures = {method: pool.submit(_search_one, method, out, embedding_file, trainings, seed) for method in METHODS}
        while not all(future.done() for future in futures.values()):
            update(sum(_trainings_done(out, method) for method in METHODS), total, "")
            time.sleep(0.5)
        update(total, total, "")
        return {method: future.result() for method, future in futures.items()}


def _search_one(method: str, out: Path, embedding_file: Path, trainings: int, seed: int) -> SearchResult:
    import torch

    from arch2vec.embedding import Embedding
    from arch2vec.objectives.digits import DigitsObjective
    from arch2vec.searching.study import search

    torch.set_num_threads(1)
    return search(
        Embedding.load(embedding_file),
        DigitsObjective(),
        method=method,
        budget=trainings,
        seed=seed,
        out=_folder(out, method),
    )


def _folder(out: Path, method: str) -> Path:
    return out / f"search-{method}"


def _trainings_done(out: Path, method: str) -> int:
    path = _folder(out, method) / "study.json"
    return len(read_json(path)["trials"]) if path.exists() else 0


def _row(method: str, result: SearchResult) -> dict[str, Any]:
    best = result.best
    return {
        "method": method,
        "architecture": best.architecture,
        "validation": best.validation,
        "test": best.test,
        "trainings": result.evaluations,
        "seconds": result.cost_s,
    }


def _draw(out: Path, embedding: Embedding, results: dict[str, SearchResult], best: str) -> None:
    from arch2vec.plots.cells import draw_cell
    from arch2vec.plots.curves import best_so_far

    curves = {method: result.trajectory() for method, result in results.items()}
    best_so_far(curves, out / "search.png", title="Best cell so far, trained on handwritten digits")
    draw_cell(embedding.space, embedding.graphs[embedding.index_of(best)], out / "best_cell.png", title="The best cell")
