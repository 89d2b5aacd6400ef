"""Every file that commands write is known here, and damage to any of them is one line or makes no difference."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arch2vec.cli import main
from mutations import flipped

CHAIN = "name: chain\ncarries: vertices\noperations: [a, b, c]\nvertices: 5\nedges: [[0, 1], [1, 2], [2, 3], [3, 4]]\n"
MINE = "def f(a):\n    return {'validation': 50.0 + sum(map(ord, a)) % 40, 'size': float(len(set(a)))}\n"
SEARCH = "chain.yaml --objective python:mine.py:f --method evolution --budget"
COMPARE = "compare chain.yaml --objective python:mine.py:f --methods random --runs 2 --budget 3 --out compare"
PARETO = "pareto chain.yaml --objective table:t.csv?validation=value --against min:size --methods random --runs 1"
STORAGE = "--storage journal:///storage/s.log"

MADE = {
    "run": "pretrain chain.yaml --epochs 1 --latent 3 --out run",
    "pool": "embed run --pool --out pool",
    "vectors": "embed run --out vectors/v.parquet",
    "search": f"search {SEARCH} 4 --out search",
    "compare": COMPARE,
    "storage": f"search {SEARCH} 4 {STORAGE}",
    "pareto": f"{PARETO} --budget 3 --out pareto",
}
"""What makes each folder."""

GOING_ON = {
    "run": ["embed run --out again.parquet"],
    "pool": [f"search {SEARCH} 4".replace("chain.yaml", "pool")],
    "vectors": [f"search {SEARCH} 4".replace("chain.yaml", "vectors/v.parquet")],
    "search": ["top search", f"search {SEARCH} 5 --out search"],
    "compare": ["top compare", COMPARE],
    "storage": ["top journal:///storage/s.log", f"search {SEARCH} 5 {STORAGE}"],
    "pareto": ["top pareto", MADE["pareto"]],
}
"""What reads it."""

# What is read back by nobody, or decides nothing.
FOR_PEOPLE = (".png", ".svg", ".csv", ".md")
NOTES = {"asked.json", "metrics.jsonl", "trials.parquet", "table.parquet"}
DECIDE = {
    "run": {"config.json", "checkpoint.safetensors", "encoder.safetensors"},
    "pool": {"adjacency.npy", "encoder.safetensors", "keys.npy", "moments.npy", "ops.npy", "pool.json"}
    | {"request.json", "rows.npy", "sums.npy", "vectors.npy"},
    "vectors": {"v.parquet"},
    "search": {"study.json"},
    "compare": {"comparison.json", "trajectories.parquet"},
    "storage": {"s.log"},
    "pareto": {"pareto.json", "random--seed-0.json"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the commands make."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("chain.yaml").write_text(CHAIN)
        Path("mine.py").write_text(MINE)
        cells = ("|".join(each) for each in itertools.product("abc", repeat=3))
        rows = (f"{cell},{50 + number},{number % 7}" for number, cell in enumerate(cells))
        Path("t.csv").write_text("\n".join(["architecture,value,size", *rows]))
        for command in MADE.values():
            assert main(command.split()) == 0
    return folder


def files_of(folder: Path) -> dict[str, Path]:
    return {
        path.name: path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in FOR_PEOPLE and path.name not in NOTES
    }


@pytest.mark.parametrize("name", MADE)
def test_every_file_is_known(name: str, place: Path) -> None:
    """A file of a new kind belongs to what decides, and is then damaged below, or to what does not."""
    assert files_of(place / name).keys() == DECIDE[name]


def told(capsys: pytest.CaptureFixture[str], commands: list[str]) -> list[Any]:
    """What commands print, times left out, or None from the first that refuses in one line."""
    found: list[Any] = []
    for command in commands:
        capsys.readouterr()
        code = main([*command.split(), "--json"])
        shown = capsys.readouterr()
        if code:
            assert code == 2 and shown.err.splitlines()[-1].startswith("arch2vec: "), shown.err
            return [*found, None]
        found.append(without_times(json.loads(shown.out)))
    return found


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if "second" not in name and "_s" not in name}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_damage_to_any_file_changes_no_result(
    name: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(0)
    damage: list[Callable[[bytes, random.Random], bytes]] = [flipped, flipped, flipped]
    if name != "storage":  # the beginning of a journal is what it was earlier
        damage.append(cut)

    def fresh(folder: Path) -> None:
        shutil.copytree(place, folder)
        monkeypatch.chdir(folder)

    fresh(tmp_path / "right")
    right = told(capsys, GOING_ON[name])
    assert None not in right
    for number, (file, change) in enumerate((file, change) for file in sorted(DECIDE[name]) for change in damage):
        fresh(tmp_path / str(number))
        path = files_of(Path(name))[file]
        path.write_bytes(change(path.read_bytes(), rng))
        for one, other in zip(told(capsys, GOING_ON[name]), right, strict=False):
            assert one is None or one == other, (file, change)
        shutil.rmtree(tmp_path / str(number))
