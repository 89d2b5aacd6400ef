"""The whole path on something real: pre-train, embed, search by training networks, show.

Everything is kept in one folder as it is made, so that the demo may be stopped
at any moment; started again, it resumes and ends with the same result.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from arch2vec.cli.output import print_json, print_table, progress_bar, say
from arch2vec.errors import InputError
from arch2vec.storage import read_json, require_writable, write_json

METHODS = ("random", "bo")


def demo(out: Path, *, trainings: int, seed: int, as_json: bool) -> None:
    """Run the demo, or what is left of it, in the folder ``out``."""
    from arch2vec.embedding import Embedding
    from arch2vec.pretraining import PretrainConfig, Progress, pretrain

    if trainings < 1:
        raise InputError(f"--trainings must be at least 1, got {trainings}")
    require_writable(out)
    _claim(out, {"trainings": trainings, "seed": seed})
    say("1. Learn what the 15,625 cells of NAS-Bench-201 look like, without training any of them.")
    with progress_bar("pre-training") as update:

        def show(at: Progress) -> None:
            done = (at.epoch - 1) * at.steps + at.step
            update(done, at.epochs * at.steps, f"epoch {at.epoch}, loss {at.loss:.4f}")

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
    _search_all(out, embedding_file, trainings, seed)
    studies = {method: _study(out, method) for method in METHODS}

    rows = [_row(method, studies[method]) for method in METHODS]
    _draw(out, embedding, studies)
    if as_json:
        print_json({"rows": rows, "reconstruction": quality["reconstruction"]})
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
    winner = max(rows, key=lambda row: row["validation"])
    print(f"Best cell: {winner['architecture']}")
    print(f"Best so far against trainings: {out / 'search.png'}; the best cell drawn: {out / 'best_cell.png'}")


def _claim(out: Path, settings: dict[str, int]) -> None:
    path = out / "demo.json"
    if not path.exists():
        write_json(path, settings)
    elif (found := read_json(path)) != settings:
        raise InputError(f"{out} holds a demo with {found}, not {settings}; choose another folder with --out")


def _search_all(out: Path, embedding_file: Path, trainings: int, seed: int) -> None:
    """Run the searches side by side, one process and one core each, and show how far they are."""
    total = trainings * len(METHODS)
    with (
        progress_bar("training networks") as update,
        ProcessPoolExecutor(len(METHODS), mp_context=get_context("spawn")) as pool,
    ):
        futures = [pool.submit(_search_one, method, out, embedding_file, trainings, seed) for method in METHODS]
        while not all(future.done() for future in futures):
            update(sum(_trainings_done(out, method) for method in METHODS), total, "")
            time.sleep(0.3)
        for future in futures:
            future.result()
        update(total, total, "")


def _search_one(method: str, out: Path, embedding_file: Path, trainings: int, seed: int) -> None:
    import torch

    from arch2vec.embedding import Embedding
    from arch2vec.objectives.digits import DigitsObjective
    from arch2vec.search import search

    torch.set_num_threads(1)
    search(
        Embedding.load(embedding_file),
        DigitsObjective(),
        method=method,
        budget=trainings,
        seed=seed,
        out=out / f"search-{method}",
    )


def _trainings_done(out: Path, method: str) -> int:
    path = out / f"search-{method}" / "study.json"
    return len(read_json(path)["trials"]) if path.exists() else 0


def _study(out: Path, method: str) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = read_json(out / f"search-{method}" / "study.json")["trials"]
    return trials


def _row(method: str, trials: list[dict[str, Any]]) -> dict[str, Any]:
    best = max(trials, key=lambda trial: trial["validation"])
    return {
        "method": method,
        "architecture": best["architecture"],
        "validation": best["validation"],
        "test": best["test"],
        "trainings": len(trials),
        "seconds": sum(trial["cost_s"] for trial in trials),
    }


def _draw(out: Path, embedding: Any, studies: dict[str, list[dict[str, Any]]]) -> None:
    import pandas as pd

    from arch2vec.plots.cells import draw_cell
    from arch2vec.plots.curves import best_so_far

    curves = {}
    for method, trials in studies.items():
        frame = pd.DataFrame(trials)
        frame["best_validation"] = frame["validation"].cummax()
        frame["evaluation"] = range(1, len(frame) + 1)
        curves[method] = frame
    best_so_far(curves, out / "search.png")
    best = max((trial for trials in studies.values() for trial in trials), key=lambda trial: trial["validation"])
    graph = embedding.graphs[embedding.index_of(best["architecture"])]
    draw_cell(embedding.space, graph, out / "best_cell.png")
