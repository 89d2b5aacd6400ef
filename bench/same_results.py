"""Whether two states of the code compute the same: small runs of every command, as one digest each.

Each case is a command line, run in a folder of its own. Its digest is of what it prints with ``--json`` and of
the files that it writes; what times runs, names this machine or states a version is left out. Run it with the one
state, then with the other, and compare::

    PYTHONPATH=OLD/src python bench/same_results.py --out before.json
    PYTHONPATH=NEW/src python bench/same_results.py --out after.json --against before.json

It ends with status 1 where digests differ. Takes about 3 minutes on one core.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors.numpy import load_file

from arch2vec.cli import main as arch2vec

ROOT = Path(__file__).resolve().parents[1]
SPACE = str(ROOT / "examples" / "my_space.yaml")
CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"
VOLATILE = re.compile(
    r"second|method_s|time|cost|_at$|file|folder|digest|version|package|machine|processor|device|since|host|^pace|^code$|checksum"
)
CHEAP = "random,evolution,local-search,reinforce,bohb,bo-adjacency,group-bo,gp-bo,bo-local,forest"
MODELS = "bo,bo-release,arch2vec-rl,arch2vec-rl-release"
TRAINED = "supervised-rl,supervised-bo,supervised-bo-release"

CASES: dict[str, list[str]] = {
    "spaces": ["spaces"],
    "pretrain": ["pretrain", SPACE, "--epochs", "2", "--out", "run"],
    "pretrain-201": ["pretrain", "nasbench201", "--epochs", "1", "--sample", "2000", "--out", "run201"],
    "pretrain-101": ["pretrain", "nasbench101", "--epochs", "1", "--sample", "1000", "--out", "run101"],
    "pretrain-function": [
        *("pretrain", "nasbench201", "--epochs", "1", "--sample", "1000", "--function-graph", "--directed"),
        *("--pools", "sum,max", "--targets", "structure", "--out", "directed"),
    ],
    "pretrain-vgae": ["pretrain", SPACE, "--model", "vgae", "--epochs", "1", "--out", "vgae"],
    "evaluate": ["evaluate", "run"],
    "embed": ["embed", "run201", "--out", "vectors.parquet"],
    "embed-structure-101": ["embed", "nasbench101", "--sample", "500", "--out", "structure101.parquet"],
    "embed-structure-darts": ["embed", "darts", "--sample", "500", "--out", "darts.parquet"],
    "nearest": ["nearest", "run201", CELL],
    "generate": ["generate", "run201", "-n", "20"],
    "search": ["search", "nasbench201", "--objective", "digits-201", "--budget", "12", "--out", "search"],
    "compare": [
        *("compare", "vectors.parquet", "--objective", "digits-201", "--methods", CHEAP),
        *("--runs", "2", "--budget", "30", "--out", "compare"),
    ],
    "compare-models": [
        *("compare", "vectors.parquet", "--objective", "digits-201", "--methods", MODELS),
        *("--runs", "2", "--budget", "24", "--out", "compare-models"),
    ],
    "compare-trained": [
        *("compare", "vectors.parquet", "--objective", "digits-201", "--methods", TRAINED),
        *("--runs", "1", "--budget", "20", "--out", "compare-trained"),
    ],
    "top": ["top", "compare"],
    "pareto": [
        *("pareto", "vectors.parquet", "--objective", "digits-201", "--against", "params"),
        *("--runs", "1", "--budget", "24", "--out", "pareto"),
    ],
    "train": ["search", "nasbench201", "--objective", "digits?epochs=1", "--budget", "2", "--out", "trained"],
    "train-recipe": [
        *("search", "nasbench201", "--objective", "train:digits?epochs=1&cells=1&channels=4", "--budget", "2"),
        *("--method", "random", "--out", "recipe"),
    ],
    "export": ["export", CELL, "--space", "nasbench201", "--to", "model.py"],
    "proxies": ["proxies", "nasbench201", "--sample", "6", "--batch-size", "4", "--out", "proxies.parquet"],
    "prediction": [
        *("experiment", "prediction", "run201", "--labels", "32", "--seeds", "2", "--test-points", "300"),
        *("--out", "prediction"),
    ],
    "representations": [
        *("experiment", "representations", "--labels", "32", "--draws", "2", "--objectives", "nasbench201-cifar10"),
        *("--out", "representations"),
    ],
}


def steady(value: Any) -> Any:
    """Numbers and texts that do not depend on the machine, its load or the date."""
    if isinstance(value, dict):
        return {name: steady(part) for name, part in value.items() if not VOLATILE.search(str(name))}
    if isinstance(value, list):
        return [steady(part) for part in value]
    return value


def pieces(file: Path) -> Iterator[bytes]:
    """What a file holds, without what varies."""
    if file.suffix == ".parquet":
        frame = pd.read_parquet(file)
        for name in frame.columns:
            if not VOLATILE.search(name):
                yield name.encode() + frame[name].to_json(double_precision=15).encode()
    elif file.suffix == ".csv":
        frame = pd.read_csv(file)
        kept = [name for name in frame.columns if not VOLATILE.search(name)]
        yield frame[kept].to_csv(index=False).encode()
    elif file.suffix == ".safetensors":
        for name, tensor in sorted(load_file(file).items()):
            yield name.encode() + tensor.tobytes()
    elif file.suffix == ".json" and file.name not in {"asked.json", "comparison.json"}:
        yield json.dumps(steady(json.loads(file.read_text())), sort_keys=True).encode()
    elif file.suffix in {".py", ".md"}:
        yield file.read_bytes()


def digest(command: list[str]) -> str:
    """Of what the command says and of the files that it leaves where ``--out`` or ``--to`` says."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()) as errors:
        status = arch2vec([*command, "--json"])
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}: {errors.getvalue()[-500:]}")
    whole = hashlib.sha256(json.dumps(steady(json.loads(said.getvalue())), sort_keys=True).encode())
    for flag in ("--out", "--to"):
        if flag in command:
            place = Path(command[command.index(flag) + 1])
            for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
                if file.is_file() and not file.name.startswith("table."):  # their rows have seconds
                    whole.update(file.name.encode())
                    for piece in pieces(file):
                        whole.update(piece)
    return whole.hexdigest()[:16]


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON file for the digests")
    parser.add_argument("--against", type=Path, help="JSON file of another state to compare with")
    arguments = parser.parse_args()
    out, against = arguments.out.resolve(), arguments.against and arguments.against.resolve()
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, command in CASES.items():
            found[name] = digest(command)
            print(f"{name:24} {found[name]}", flush=True)
        os.chdir(ROOT)
    out.write_text(json.dumps(found, indent=1))
    if against is None:
        return 0
    before = json.loads(against.read_text())
    differing = [name for name in CASES if found[name] != before.get(name)]
    print("differing:", ", ".join(differing) or "none")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
