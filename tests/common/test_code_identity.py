"""Which changes of a user's code and objects are changes of what a study measures."""

from __future__ import annotations

import functools
import itertools
import linecache
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arch2vec.common.code_identity import mark_of, mark_of_command, mark_of_name

ONE = "def f(a): return 1.0\n"
USES = "def worth(a): return f(a)\n"
FILES: dict[str, tuple[dict[str, str], str, str, bool]] = {
    "a star import": ({"mine.py": f"from helper import *\n{USES}", "helper.py": ONE}, "1.0", "2.0", False),
    "a constant by a star": (
        {"mine.py": "from helper import *\ndef worth(a): return F\n", "helper.py": "F = 1.0\n"}, "1.0", "2.0", False,
    ),
    "relative imports in a package": (
        {"mine.py": f"from p.s import f\n{USES}", "p/__init__.py": "", "p/s.py": "from .deep import f\n"}
        | {"p/deep.py": ONE},
        "1.0", "2.0", False,
    ),
    "the package of an import": (
        {"mine.py": f"from p.s import f\n{USES}", "p/__init__.py": "X = 1.0\n", "p/s.py": "def f(a): return 3\n"},
        "1.0", "2.0", False,
    ),
    "a seed at the top": (
        {"mine.py": "import random\nrandom.seed(1)\ndef worth(a): return random.random()\n"}, "(1)", "(2)", False,
    ),
    "a seed of what is not named": (
        {"mine.py": "import torch\nfrom torch import rand\ntorch.manual_seed(1)\ndef worth(a): return rand(1)\n"},
        "(1)", "(2)", False,
    ),
    "a list that is filled": ({"mine.py": "W = []\nW.append(1)\ndef worth(a): return W[0]\n"}, "(1)", "(2)", False),
    "under a condition": (
        {"mine.py": "W = []\nif True:\n    W.append(1)\ndef worth(a): return W[0]\n"}, "(1)", "(2)", False,
    ),
    "another one": ({"mine.py": "W = []\nW.append(1)\ndef worth(a): return 0\n"}, "(1)", "(2)", True),
    "what is printed": ({"mine.py": "W = [1]\nprint('one', W)\ndef worth(a): return W[0]\n"}, "one", "two", True),
    "a helper's configuration": (
        {"mine.py": f"import helper\nhelper.configure(1)\n{USES.replace('f(', 'helper.f(')}", "helper.py": ONE},
        "(1)", "(2)", False,
    ),
    "a global of another function": (
        {"mine.py": "N = 0\ndef set_it():\n    global N\n    N = 1\nset_it()\ndef worth(a): return N\n"},
        "N = 1", "N = 2", False,
    ),
    "what a helper does as a program": (
        {"mine.py": f"from helper import f\n{USES}", "helper.py": ONE + "if __name__ == '__main__': print('one')\n"},
        "one", "two", True,
    ),
    "annotations": ({"mine.py": ONE.replace("f(", "worth(")}, "(a)", "(a: str) -> float", True),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_of_files(kind: str, tmp_path: Path) -> None:
    files, old, new, same = FILES[kind]

    def mark(change: Callable[[str], str]) -> str | None:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(change(text))
        return mark_of_name(tmp_path / "mine.py", "worth")

    before, after = mark(lambda text: text), mark(lambda text: text.replace(old, new))
    assert any(old in text for text in files.values()) and before is not None
    assert (before == after) is same


def train(architecture: str, config: object = None) -> float:
    return 1.0


class Trainer:
    def __init__(self, config: object) -> None:
        self.config, self.calls, self.number = config, [""], 0

    def __call__(self, architecture: str) -> float:
        self.calls.append(architecture)
        self.number += 1
        return 1.0


def closure(config: object) -> Callable[[str], object]:
    def inner(architecture: str) -> object:
        return config

    return inner


MAKERS: list[Callable[[Any], Any]] = [
    lambda held: functools.partial(train, config=held),
    lambda held: functools.partial(train, "a", held),
    Trainer,
    lambda held: Trainer(held).__call__,
    closure,
    lambda held: lambda architecture, config=held: 1.0,
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "held",
    [
        lambda n: {"lr": n},
        lambda n: [[n]],
        lambda n: {n, 7},
        lambda n: np.full(3, n),
        lambda n: torch.full((3,), n),
        lambda n: Path(str(n)),
        lambda n: np.float64(n),
    ],
)
def test_of_what_objects_hold(make: Callable[[Any], Any], held: Callable[[int], object]) -> None:
    assert mark_of(make(held(1))) == mark_of(make(held(1))) != mark_of(make(held(2)))


def test_what_calls_change_is_no_change() -> None:
    trainer = Trainer(1)
    before = mark_of(trainer)
    trainer("a")
    assert mark_of(trainer) == before != mark_of(Trainer(2))
    network = torch.nn.Linear(2, 2)
    before = mark_of(Trainer(network))
    network.weight.data += 1
    assert mark_of(Trainer(network)) == before


NUMBERS = itertools.count()


def notebook(*cells: str) -> Any:
    """What the last of some cells calls ``worth``."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for source in cells:
        name = f"<ipython-input-{next(NUMBERS)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        exec(compile(source, name, "exec"), names)
    return names["worth"]


@pytest.mark.parametrize("cell", ["FACTOR = {}\n", "def FACTOR(): return {}\n", "FACTOR = [{}]\n"])
def test_what_other_cells_of_a_notebook_define_counts(cell: str) -> None:
    last = "def worth(a): return FACTOR\n"
    first, again, other = (mark_of(notebook(cell.format(value), last)) for value in (1, 1, 2))
    assert first == again != other
    lost = functools.partial(notebook(last), 1)
    linecache.cache.pop(lost.func.__code__.co_filename)
    assert mark_of(lost, whole=True) is None


@pytest.mark.parametrize(
    "command", ["python -m pack.train", "python train.py --config=conf.yaml", "sh -c 'python train.py --fast'"]
)
def test_of_the_files_of_a_command(command: str, tmp_path: Path) -> None:
    name = {"pack": "pack/train.py", "conf": "conf.yaml", "fast": "train.py"}
    file = tmp_path / next(path for key, path in name.items() if key in command)
    file.parent.mkdir(exist_ok=True)
    marks = []
    for text in ("1\n", "2\n"):
        file.write_text(text)
        marks.append(mark_of_command(shlex.split(command), tmp_path))
    assert marks[0] != marks[1]


@pytest.mark.parametrize(
    "command",
    ["sh t.sh --out w.json", "sh t.sh --log=w.txt", "sh t.sh w.log", "sh -c 'sh t.sh > w.json'", "sh t.sh -o w"],
)
def test_what_a_command_writes_is_none_of_its_code(command: str, tmp_path: Path) -> None:
    before = mark_of_command(shlex.split(command), tmp_path)
    for name in ("w.json", "w.txt", "w.log", "w"):
        (tmp_path / name).write_text("written")
    assert mark_of_command(shlex.split(command), tmp_path) == before
    (tmp_path / "t.sh").write_text("echo 1")
    assert mark_of_command(shlex.split(command), tmp_path) != before
