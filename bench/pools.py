"""What a search of a pool costs as the pool grows, and whether it finds as much as one that looks at everything.

    pip install 'arch2vec[index]'
    python bench/pools.py curve OUT --sizes 10000,100000,1000000,10000000
    python bench/pools.py memory OUT --sizes 10000,100000
    python bench/pools.py quality OUT --seeds 8 --budget 100

``curve`` samples DARTS cells into pools with their structure vectors, makes their indexes and searches them; ``memory``
searches as many cells that lie in memory. Each step is a process of its own, whose largest resident size is the
system's own figure (``ru_maxrss``), pages of mapped files included. A round is what the method takes to propose an
architecture and to learn its value; the objective, a function of the parameters, costs nothing. ``quality`` searches
all of NAS-Bench-101 (its table is needed): a few random rows and the surroundings of the best, as of every pool, beside
every row in every round.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from arch2vec.pools import Pool, Source, make_pool, open_pool
from arch2vec.representations.ready import represent
from arch2vec.spaces import get_space

METHODS = "random,evolution,local-search,group-bo,gp-bo,bo,arch2vec-rl"
Row = dict[str, Any]


def by_parameters(architecture: str) -> float:
    """A smooth function that has nothing to do with the vectors' scale."""
    space = get_space("darts")
    cost = space.network_cost(space.parse([architecture]))
    assert cost is not None
    return float(50 + 40 * np.tanh((cost.parameters[0] - 3e6) / 1e6))


def make(folder: Path, size: int, **_: object) -> Row:
    started = time.perf_counter()
    pool = make_pool(folder, Source.of("darts"), sample=size)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    open_pool(folder)
    opened = time.perf_counter() - started
    gigabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e9
    return {"seconds": seconds, "opened_s": opened, "disk_gb": gigabytes, "dimensions": pool.dimensions}


def index(folder: Path, **_: object) -> Row:
    from arch2vec.pools.index import INDEX, index_of, make_index

    pool = open_pool(folder)
    started = time.perf_counter()
    make_index(pool)
    seconds = time.perf_counter() - started
    index_of(pool)
    return {"seconds": seconds, "disk_gb": (folder / INDEX).stat().st_size / 1e9}


def recall(folder: Path, size: int, points: int = 100, **_: object) -> Row:
    """How often the index finds the very nearest row, of points like those that a policy proposes and near rows."""
    pool, rng = open_pool(folder), np.random.default_rng(1)
    deviation = pool.files.moments[1]
    noise = deviation * rng.standard_normal((2, points, pool.dimensions))
    near = pool.vectors[rng.integers(size, size=points)] + 0.3 * noise[1]
    found: Row = {}
    for name, asked in (("policy", noise[0]), ("near", near)):
        queries = asked.astype(np.float32)
        pool.nearest(queries[0], 1)
        started = time.perf_counter()
        rows = [int(pool.nearest(query, 1)[0][0]) for query in queries]
        found[f"{name}_s"] = (time.perf_counter() - started) / points
        found[f"{name}_recall"] = float(np.mean(np.array(rows) == nearest(pool, queries)))
    return found


def nearest(pool: Pool, queries: np.ndarray) -> np.ndarray:
    """The very nearest rows, by all distances."""
    best, rows, start = np.full(len(queries), np.inf), np.zeros(len(queries), dtype=np.int64), 0
    for block in pool.files.vectors.blocks(16_384):
        vectors = np.asarray(block, dtype=np.float64)
        squares = np.square(vectors).sum(axis=1) - 2 * queries.astype(np.float64) @ vectors.T
        place = squares.argmin(axis=1)
        value = squares[np.arange(len(queries)), place]
        better = value < best
        best[better], rows[better] = value[better], place[better] + start
        start += len(block)
    return rows


def search(folder: Path, size: int, budget: int, method: str = "group-bo", memory: bool = False) -> Row:
    import torch  # its import is no part of the first round

    from arch2vec.searching.study import search as searched

    torch.set_num_threads(1)
    embedding = represent("darts", "structure", sample=size) if memory else open_pool(folder)
    started = time.perf_counter()
    result = searched(embedding, by_parameters, method=method, budget=budget, seed=0)
    rounds = np.array([trial.method_s for trial in result.trials])
    return {
        "method": method,
        "seconds": time.perf_counter() - started,
        "round_mean_s": rounds.mean(),
        "round_median_s": np.median(rounds),
        "round_p95_s": np.quantile(rounds, 0.95),
        "round_max_s": rounds.max(),
        "best": result.best.validation,
    }


STEPS: dict[str, Callable[..., Row]] = {"make": make, "index": index, "recall": recall, "search": search}


def apart(step: str, folder: Path, size: int, budget: int, **more: object) -> Row:
    """A step in a process of its own, and how large that was."""
    request = json.dumps({"step": step, "folder": str(folder), "size": size, "budget": budget, **more})
    done = subprocess.run([sys.executable, __file__, "step", request], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{step} of {size:,}: {done.stderr[-2000:]}")
    row = {"size": size, "step": step, **json.loads(done.stdout.splitlines()[-1])}
    print(json.dumps(row), flush=True)
    return row


def curve(pools: Path, sizes: list[int], methods: list[str], budget: int) -> list[Row]:
    rows = []
    for size in sizes:
        folder = pools / f"darts{size}"
        for step in ("make", "index", "recall"):
            done = (folder / {"make": "pool.json", "index": "index.json"}.get(step, "none")).exists()
            rows += [] if done else [apart(step, folder, size, budget)]
        rows += [apart("search", folder, size, budget, method=method) for method in methods]
    return rows


def in_memory(out: Path, sizes: list[int], methods: list[str], budget: int) -> list[Row]:
    others = [method for method in methods if method != "random"]
    return [apart("search", out, size, budget, method=each, memory=True) for size in sizes for each in others]


def quality(pools: Path, seeds: int, budget: int) -> list[Row]:
    """Searches of NAS-Bench-101, whose every architecture is in the pool."""
    from arch2vec.objectives import resolve_objective
    from arch2vec.objectives.lookup import LookupObjective
    from arch2vec.searching.group_bo import GroupedBayesianOptimization
    from arch2vec.searching.pool import Sampled
    from arch2vec.searching.study import search as searched

    table = resolve_objective("nasbench101")
    assert isinstance(table, LookupObjective)
    space = get_space("nasbench101")
    pool = make_pool(pools / "nasbench101", Source.of(space), graphs=table.graphs)
    memory = pool.subset(np.arange(len(pool)))
    everything = Sampled(size=len(pool), parents=0)

    def measured(architecture: str) -> dict[str, float | None]:
        found = table.evaluate(architecture)
        return {"validation": found.validation, "test": found.test, "cost_s": found.cost_s}

    ways: dict[str, Callable[[int], Any]] = {
        "pool": lambda seed: searched(pool, measured, method="group-bo", budget=budget, seed=seed),
        "everything": lambda seed: searched(
            memory, measured, method=GroupedBayesianOptimization(memory, seed=seed, pool=everything), budget=budget
        ),
        "random": lambda seed: searched(pool, measured, method="random", budget=budget, seed=seed),
    }
    rows = []
    for seed in range(seeds):
        for way, run in ways.items():
            result = run(seed)
            for cut in (25, 50, 100, 150):
                if cut <= budget:
                    best = max(result.trials[:cut], key=lambda trial: trial.validation)
                    seconds = float(np.mean([trial.method_s for trial in result.trials[:cut]]))
                    row = {"way": way, "seed": seed, "evaluations": cut, "validation": best.validation}
                    rows.append({**row, "test": best.test, "round_mean_s": seconds})
                    print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["curve", "memory", "quality", "step"])
    parser.add_argument("out")
    parser.add_argument("--sizes", default="10000,100000,1000000,10000000")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--pools", type=Path, help="where pools are kept (default: OUT/pools)")
    arguments = parser.parse_args()
    if arguments.what == "step":
        request = json.loads(arguments.out)
        found = STEPS[request.pop("step")](Path(request.pop("folder")), **request)
        found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sizes, methods = [int(size) for size in arguments.sizes.split(",")], arguments.methods.split(",")
    pools = arguments.pools or out / "pools"
    if arguments.what == "curve":
        rows = curve(pools, sizes, methods, arguments.budget)
    elif arguments.what == "memory":
        rows = in_memory(out, sizes, methods, arguments.budget)
    else:
        rows = quality(pools, arguments.seeds, arguments.budget)
    pd.DataFrame(rows).to_csv(out / f"{arguments.what}.csv", index=False, float_format="%.4g")
    if arguments.what == "quality":
        table = pd.DataFrame(rows).groupby(["evaluations", "way"])[["validation", "test", "round_mean_s"]]
        print(table.agg(["mean", "std"]).round(3))


if __name__ == "__main__":
    main()
