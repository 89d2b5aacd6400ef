"""What a user's code may do to a search: fail, change its process, be edited, live in another process."""

from __future__ import annotations

import gc
import json
import locale
import math
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import matplotlib
import numpy as np
import pandas as pd
import pytest
import scipy.special  # noqa: F401  (adds filters of warnings when it is first imported)
import torch
from typing_extensions import override

from arch2vec.cli import main
from arch2vec.common.code_identity import mark_of, mark_of_name
from arch2vec.common.guard import guarded
from arch2vec.common.parcels import pack
from arch2vec.common.workers import WorkerPool
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.networks.data.base import ImageData, MemoryPart, Normalisation
from arch2vec.objectives import FunctionObjective, Objective, Outcome, resolve_objective
from arch2vec.searching.base import Candidate
from arch2vec.searching.study import search
from arch2vec.studies import run_many
from arch2vec.studies.jobs import Job, perform
from search_helpers import chain, embed

BUDGET = 12


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return embed(chain(3))


class Odd(BaseException):
    """No Exception."""


def recursion() -> float:
    return recursion() + 1


def raising(error: BaseException) -> Callable[[], float]:
    def fail() -> float:
        raise error

    return fail


FAILURES = {
    "ValueError": raising(ValueError("two\nlines")),
    "SystemExit": lambda: sys.exit(3),
    "RecursionError": recursion,
    "MemoryError": raising(MemoryError()),
    "BrokenPipeError": raising(BrokenPipeError(32, "Broken pipe")),
    "OSError": raising(OSError(28, "No space left on device")),
    "InputError": raising(InputError("their own use of this package")),
    "Odd": raising(Odd()),
    "GeneratorExit": raising(GeneratorExit()),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_whatever_an_evaluation_raises_makes_a_failed_trial(
    kind: str, embedding: Embedding, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def worth(architecture: str) -> float:
        asked.append(architecture)
        return FAILURES[kind]() if architecture.count("a") == 1 else float(architecture.count("b"))

    found = search(embedding, worth, "evolution", BUDGET, out=tmp_path)
    failed = [trial for trial in found.trials if trial.failed]
    assert found.evaluations == BUDGET and {trial.architecture.count("a") for trial in failed} == {1}
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(failed) > 0
    for line, trial in zip(told, failed, strict=True):
        assert line.startswith(f"arch2vec: the evaluation of {trial.architecture} failed: {kind}")
        kept = Path(line.rpartition(" is in ")[2])
        assert kept.parent == tmp_path / "failures" and "Traceback" in kept.read_text()
        assert trial.error is not None and trial.error.startswith(kind) and math.isnan(trial.validation)
    again = search(embedding, worth, "evolution", BUDGET + 5, out=tmp_path)
    assert again.trials[:BUDGET] == found.trials and again.trials[BUDGET - 1].error == found.trials[-1].error
    assert len(set(asked)) == len(asked) == BUDGET + 5  # no failure is tried again


def test_an_interruption_is_no_failure(embedding: Embedding) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(embedding, lambda _: raising(KeyboardInterrupt())(), "random", BUDGET)


def test_a_class_of_the_user_may_refuse_an_architecture(embedding: Embedding) -> None:
    class Picky(Objective):
        name, space, description = "picky", None, "some only"

        @override
        def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
            if "a" in architecture:
                raise InputError("no a, please")
            return Outcome(1.0, None, 1.0)

    trials = search(embedding, Picky(), "random", BUDGET).trials
    assert {trial.error for trial in trials if trial.failed} == {"InputError: no a, please"}


def test_a_search_gives_up_in_the_end(embedding: Embedding, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[str] = []

    def broken(architecture: str) -> float:
        calls.append(architecture)
        raise ValueError("always")

    for times in (1, 2):
        with pytest.raises(InputError, match="gave up after 3 failed evaluations in a row, the last with ValueError"):
            search(embedding, broken, "random", BUDGET, out=tmp_path, max_failures=3)
        assert len(calls) == 3 * times  # what failed is not asked for again
    assert search(embedding, broken, "random", BUDGET, out=tmp_path, max_failures=None).evaluations == BUDGET
    with pytest.raises(InputError, match="after at least 1 failure"):
        search(embedding, broken, "random", BUDGET, max_failures=0)
    assert "with an output folder" not in capsys.readouterr().err
    search(embedding, broken, "random", 2)
    assert capsys.readouterr().err.count("with an output folder (--out) its traceback is kept") == 2


def test_values_that_nothing_can_calculate_with(embedding: Embedding) -> None:
    found = search(embedding, lambda text: 1e300 if "a" in text else 1.0, "reinforce", BUDGET)
    assert all(trial.failed == ("a" in trial.architecture) for trial in found.trials)


@pytest.mark.parametrize(("unit", "lines"), [("%", 1), ("", 0)])
def test_a_percentage_is_only_doubted_where_it_is_declared(
    unit: str, lines: int, embedding: Embedding, capsys: pytest.CaptureFixture[str]
) -> None:
    objective = FunctionObjective(lambda _: 8276.0, name="mine", unit=unit)
    assert search(embedding, objective, "random", 4).best.validation == 8276.0
    assert objective.signal == ("validation, %" if unit else "validation")
    said = capsys.readouterr().err
    assert said.count("8276, which is no percentage") == lines == len(said.splitlines())


def settings() -> dict[str, Any]:
    """Of this process, as the tests' own code reads them."""
    return {
        "folder": Path.cwd(),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
        "warnings": list(warnings.filters),
        "locale": locale.setlocale(locale.LC_ALL),
        "recursion": sys.getrecursionlimit(),
        "collector": gc.isenabled(),
        "numpy": np.geterr(),
        "interrupt": signal.getsignal(signal.SIGINT),
        "alarm": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        "type": torch.get_default_dtype(),
        "limits": resource.getrlimit(resource.RLIMIT_FSIZE),
        "cores": os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None,
        "figures": dict(matplotlib.rcParams),
        "autocast depth": (torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()),
        "device": torch.empty(0).device,
        "gradients": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
        "anomalies": torch.is_anomaly_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "environment": dict(os.environ),
        "arguments": list(sys.argv),
        "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "descriptors": [os.path.sameopenfile(number, number) and os.fstat(number).st_ino for number in (0, 1, 2)],
    }


def vandal(architecture: str) -> float:
    """Changes whatever a process has."""
    os.chdir("/")
    sys.stdout.close()
    sys.stderr.close()
    sys.stdout = sys.stdin = None
    warnings.simplefilter("error")
    locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")
    sys.setrecursionlimit(400)
    gc.disable()
    np.seterr(all="raise")
    np.set_printoptions(precision=1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(1000)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.set_num_threads(3)
    torch.set_float32_matmul_precision("medium")
    torch.autograd.set_detect_anomaly(True)
    torch.inference_mode().__enter__()
    torch.autocast("cpu").__enter__()  # type: ignore[no-untyped-call]
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    matplotlib.rcParams["text.usetex"] = True
    matplotlib.rcParams["font.size"] = 30
    os.environ.clear()
    os.environ["HOME"] = "/nowhere"
    sys.path.clear()
    sys.argv.clear()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.close(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    return float(architecture.count("b"))


def quiet(architecture: str) -> float:
    return float(architecture.count("b"))


@pytest.mark.parametrize("method", ["bo", "gp-bo", "arch2vec-rl", "reinforce", "supervised-bo"])
def test_what_a_function_changes_of_its_process_ends_with_the_call(
    method: str, embedding: Embedding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before, folders = settings(), list(sys.path)
    found = search(embedding, vandal, method, 20, out=Path("study"))
    assert settings() == before
    assert {*folders} <= {*sys.path}
    expected = search(embedding, quiet, method, 20)
    assert [trial.index for trial in found.trials] == [trial.index for trial in expected.trials]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


@pytest.mark.parametrize("end", ["return 50.0", "raise ValueError('of the copy')", "sys.exit(0)"])
def test_a_copy_that_a_function_forks_and_leaves_does_not_go_on_searching(
    end: str, embedding: Embedding, tmp_path: Path
) -> None:
    """A function that forgets to end what it has forked would have as many searches as it was called."""
    (tmp_path / "forks.py").write_text(
        "import os, sys\nME = os.getpid()\n"
        "def worth(a):\n    if os.getpid() == ME and os.fork() == 0:\n"
        f"        {end}\n    if os.getpid() != ME: os._exit(9)\n"
        "    return float(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    found = search(embedding, f"python:{tmp_path}/forks.py:worth", "bo", 8, out=tmp_path / "study")
    assert [trial.validation for trial in found.trials] == [float("raise" in end)] * 8


any_search: Any = search
any_run_many: Any = run_many


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda space: any_search(space, len, budget="5"), "a whole number, got '5'"),
        (lambda space: any_search(space, len, budget=2.5), "a whole number, got 2.5"),
        (lambda space: any_search(space, len, budget=3, seed=1.5), "seed is a whole number"),
        (lambda space: any_search(space, len, max_cost_s="3", budget=None), "max_cost_s is a number, got '3'"),
        (lambda space: any_search({"space": space}, len, budget=3), "a search takes an embedding, a search space"),
        (lambda space: any_run_many(7, len, ["random"], 1, 3), "a space's name, got int"),
        (lambda space: space.parse(None), "an architecture is text, got NoneType None"),
        (lambda space: space.parse(b"a|b"), "an architecture is text, got bytes"),
        (lambda space: space.parse([b"a|b"]), "an architecture is text, got bytes"),
    ],
)
def test_python_types_that_cannot_be_are_one_line(call: Callable[[Any], object], line: str) -> None:
    with pytest.raises(InputError, match=re.escape(line)):
        call(chain(4))


def test_a_search_takes_a_space_as_well() -> None:
    found = search(chain(4), lambda text: float(text.count("b")), budget=6)
    assert found.evaluations == 6
    frame = run_many("nasbench201", "digits-201", ["random"], 1, 3)
    assert len(frame) == 3


def test_guards_within_guards_and_beside_them() -> None:
    before = settings()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with guarded():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with guarded():
        thread.start()
        inside.wait(10)
        with guarded():
            torch.set_default_dtype(torch.float64)
    leave.set()
    thread.join()
    assert settings() == before


def test_calls_begin_as_their_own_import_left_it(tmp_path: Path) -> None:
    """A file that changes settings at its top finds them so, and no other file does, here and elsewhere."""
    (tmp_path / "data.txt").write_text("7")
    size = "def worth(a): return float(torch.ones(1).element_size())\n"
    (tmp_path / "a2v_doubles.py").write_text(
        "import os, torch\nos.chdir(os.path.dirname(__file__))\ntorch.set_default_dtype(torch.float64)\n"
        "def worth(a): return float(open('data.txt').read()) + torch.ones(1).element_size()\n"
    )
    (tmp_path / "a2v_halves.py").write_text(f"import torch\ntorch.set_default_dtype(torch.float16)\n{size}")
    (tmp_path / "a2v_plain.py").write_text(f"import torch\n{size}")
    before, expected = settings(), {"a2v_doubles": 15.0, "a2v_halves": 2.0, "a2v_plain": 4.0}
    objectives = {name: resolve_objective(f"python:{tmp_path}/{name}.py:worth") for name in expected}
    assert settings() == before
    for name in (*expected, *reversed(expected)):
        assert objectives[name].evaluate("a").validation == expected[name]
        assert settings() == before
    for name, objective in objectives.items():
        assert [file.stem for file in pack(objective, "an objective").files] == [name]
    with WorkerPool(1) as pool:  # one process for all
        for name, objective in objectives.items():
            job = Job(pack(objective, "an objective"), Candidate(0, "a"), 0)
            made = pool.submit(perform, job).result()
            assert made.outcome is not None and made.outcome.validation == expected[name]


def test_a_file_is_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is written twice within a second, with as many letters, and Python keeps compiled modules."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "a2v_edited.py"
    for value in (10.0, 50.0):
        file.write_text(f"def worth(a): return {value}\n")
        os.utime(file, (1e9, 1e9))
        assert resolve_objective(f"python:{file}:worth").evaluate("a").validation == value


NOISY = """
import os, subprocess, sys
print("imported")

def worth(architecture):
    print("training", architecture)
    sys.__stdout__.write("directly")
    os.write(1, b"by number")
    subprocess.run(["echo", "from a process"], check=True)
    return float(len(set(architecture)))
"""


@pytest.fixture
def vectors(embedding: Embedding, tmp_path: Path) -> Path:
    path = tmp_path / "vectors.safetensors"
    embedding.save(path)
    return path


def arch2vec(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arch2vec", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_json_stays_json_and_files_reach_other_processes(tmp_path: Path, vectors: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    objective = ("--objective", "python:noisy.py:worth", "--json")
    many = (*objective, "--methods", "random,evolution", "--runs", 2, "--budget", 4)
    one = arch2vec("search", vectors, *objective, "--method", "random", "--budget", 4, cwd=tmp_path)
    assert json.loads(one.stdout)["evaluations"] == 4 and one.stderr.count("from a process") == 4
    two = arch2vec("compare", vectors, *many, "--workers", 2, cwd=tmp_path)
    rows = json.loads(two.stdout)["rows"]
    assert [row["method"] for row in rows] == ["random", "evolution"]
    assert two.stderr.count("from a process") == 16


PROGRAM = """
import threading
from pathlib import Path
from arch2vec.embedding import Embedding
from arch2vec.studies import run_many

SCALE = 3.0

def worth(architecture):
    return SCALE * len(set(architecture))

embedding = Embedding.load(Path("vectors.safetensors"))
for objective in (worth, lambda architecture: SCALE * len(set(architecture))):
    found = run_many(embedding, objective, ["random"], 2, 3, workers=2)
    assert set(found.validation / SCALE) == {float(len(set(a))) for a in found.architecture}
lock = threading.Lock()
try:
    run_many(embedding, lambda architecture: len(str(lock)), ["random"], 2, 3, workers=2)
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("how", ["file", pytest.param("input", marks=pytest.mark.slow)])
def test_functions_of_programs_and_notebooks_reach_other_processes(how: str, tmp_path: Path, vectors: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py"] if how == "file" else [sys.executable, "-"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, input=PROGRAM if how == "input" else None, check=False
    )
    assert done.stderr == "" and len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("objective function cannot be sent to another process (TypeError: ")


DEADLY = """
import os, signal, time
from pathlib import Path

def worth(a):
    with open("calls.txt", "a") as calls:
        calls.write(f"{a}\\n")
    if a.startswith("a|a"):
        os._exit(7)
    if a.startswith("a|b"):
        os.kill(os.getpid(), signal.SIGKILL)
    if a.startswith("b|a"):
        raise KeyboardInterrupt("of the function")
    if a.startswith("b|b"):
        time.sleep(1000)
    return float(len(set(a)))
"""


def test_what_ends_its_process_is_a_failed_trial_of_a_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its runs go on, and the same call makes none of them again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deadly.py").write_text(DEADLY)

    def compare() -> pd.DataFrame:
        objective = resolve_objective("python:deadly.py:worth")
        return run_many(
            embed(chain(2)), objective, ["random"], 1, 9, out="table", workers=1, timeout_s=2, max_failures=None
        )

    found = compare().set_index("architecture")["validation"]
    said = capfd.readouterr().err
    for architecture, told in {
        "a|a": "its process ended with exit code 7",
        "a|b": "its process was ended by SIGKILL",
        "b|a": "KeyboardInterrupt: of the function",
        "b|b": "it took longer than 2 s (--timeout-per-training)",
    }.items():
        assert f"the evaluation of {architecture} failed: {told}" in said
        assert math.isnan(found[architecture])
    assert "Traceback" not in said
    assert len(compare()) == 9
    assert sorted(Path("calls.txt").read_text().split()) == sorted(embed(chain(2)).architectures)


def test_threads_that_are_left_at_work_are_named(tmp_path: Path, vectors: Path) -> None:
    (tmp_path / "threads.py").write_text(
        "import threading, time\n"
        "def worth(a):\n    threading.Thread(target=time.sleep, args=(1000,), name='of mine').start()\n    return 1.0\n"
    )
    words = ["search", vectors, "--objective", "python:threads.py:worth", "--method", "random", "--budget", 1]
    command = [sys.executable, "-m", "arch2vec", *map(str, words)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "threads that the objective's code has started are at work (of mine)" in process.stderr.readline()
        process.kill()


CODE = '''
import math
from a2v_helper import bonus

FACTOR = 10.0
WEIGHTS = {"a": 1}
WEIGHTS["b"] = 2
UNUSED = 3

def part(architecture):
    return FACTOR * len(architecture)

def worth(architecture):
    """What it is."""
    return part(architecture) + WEIGHTS["b"] + bonus(architecture)  # the sum

def other(architecture):
    return 1.0
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('    """What it is."""\n', "", True),
        ('"""What it is."""', '"""Something else,\n    longer."""', True),
        ("  # the sum", "", True),
        ("part(architecture) +", "(\n        part(architecture)\n    ) +", True),
        ("UNUSED = 3", "UNUSED = 4", True),
        ("return 1.0", "return 2.0", True),
        ("FACTOR = 10.0", "FACTOR = 50.0", False),
        ("* len(", "+ len(", False),
        ('["b"] = 2', '["b"] = 3', False),
        ('+ WEIGHTS["b"]', "", False),
        ("return 0", "return 1", False),
    ],
)
def test_the_mark_of_code_is_of_what_it_computes(old: str, new: str, same: bool, tmp_path: Path) -> None:
    file, helper = tmp_path / "mine.py", tmp_path / "a2v_helper.py"
    file.write_text(CODE)
    helper.write_text("def bonus(architecture):\n    return 0\n")
    before = mark_of_name(file, "worth")
    assert old in CODE or old in helper.read_text()
    file.write_text(CODE.replace(old, new))
    helper.write_text(helper.read_text().replace(old, new))
    assert (mark_of_name(file, "worth") == before) is same


def test_functions_within_functions_have_marks_of_their_own() -> None:
    def made(factor: float, step: float = 1.0) -> Callable[[str], float]:
        calls: list[str] = []

        def inner(architecture: str, step: float = step) -> float:
            calls.append(architecture)
            return factor * len(architecture)

        return inner

    used = made(1.0)
    before = mark_of(used)
    used("a")
    assert before is not None and mark_of(used) == before == mark_of(made(1.0))
    assert len({before, mark_of(made(2.0)), mark_of(made(1.0, 2.0)), mark_of(lambda _: 1.0)}) == 4
    assert mark_of(len) is None


def test_a_study_goes_on_with_the_same_code_only(
    tmp_path: Path, vectors: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "def worth(architecture):\n    return 10.0 + len(set(architecture))\n"
    command = ["search", str(vectors), "--objective", "python:mine.py:worth", "--method", "random", "--out", "study"]
    many = ["compare", str(vectors), "--objective", "python:mine.py:worth", "--methods", "random", "--budget", "3"]
    many += ["--out", "many", "--runs"]
    Path("mine.py").write_text(code)
    assert main([*command, "--budget", "4"]) == 0 and main([*many, "1"]) == 0
    Path("mine.py").write_text(code.replace(":\n", ':\n    """New words."""\n'))
    assert main([*command, "--budget", "5"]) == 0 and main([*many, "2"]) == 0
    capsys.readouterr()
    Path("mine.py").write_text(code.replace("10.0", "50.0"))
    for changed in ([*command, "--budget", "6"], [*many, "3"]):
        assert main(changed) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "the objective's code has changed since: name another output folder, or accept" in line
        assert main([*changed, "--accept-changes"]) == 0 and main(changed) == 0
        capsys.readouterr()
    (change,) = json.loads(Path("study/study.json").read_text())["changes"]
    assert (change["what"], change["after_trial"]) == ("the objective's code", 5)
    (change,) = json.loads(Path("many/comparison.json").read_text())["changes"]
    assert (change["what"], change["objective"]) == ("the objective's code", "worth")


def test_the_numbers_of_a_table_decide(
    tmp_path: Path, embedding: Embedding, vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, space = tmp_path / "table.csv", quote(embedding.space.reference)
    lines = [f'"{text}",{60 + number % 7}' for number, text in enumerate(embedding.architectures)]
    objective = f"table:{table}?validation=val&space={space}"
    command = ["search", str(vectors), "--objective", objective, "--method", "random"]
    command += ["--out", str(tmp_path / "study"), "--budget"]
    table.write_text("\n".join(["architecture,val", *lines]))
    assert main([*command, "4"]) == 0
    table.write_text("\n".join(["architecture,val", *reversed(lines)]))
    assert main([*command, "5"]) == 0  # the same numbers in another order
    table.write_text("\n".join(["architecture,val", *lines]).replace(",66", ",67"))
    capsys.readouterr()
    assert main([*command, "6"]) == 2
    assert "the numbers in the objective's table have changed since" in capsys.readouterr().err


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    found: list[Objective] = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a2v_same.py").write_text(f"def worth(a): return {len(folder + found.__repr__())}\n")
        found.append(resolve_objective(f"python:{tmp_path}/{folder}/a2v_same.py:worth"))
    first, second = (run_many(embed(chain(2)), each, ["random"], 1, 2).validation.iloc[0] for each in found)
    assert first != second


def test_the_content_of_images_decides() -> None:
    normalisation = Normalisation((0.5,), (0.5,))
    pixels, labels = torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4)
    part = MemoryPart(pixels, labels, normalisation)
    other = pixels.clone()
    other[3, 0, 1, 1] = 1
    marks = [
        ImageData("made", {}, 4, 1, 2, *parts).mark
        for parts in (
            (part, part, None),
            (MemoryPart(pixels.clone(), labels, normalisation), part, None),
            (part, None, part),
            (part, MemoryPart(other, labels, normalisation), None),
            (part, MemoryPart(pixels, labels.flip(0), normalisation), None),
        )
    ]
    assert marks[0] == marks[1] and len(set(marks)) == 4


def test_a_comparison_of_nothing_but_failures(
    tmp_path: Path, vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a2v_never.py").write_text("def worth(a):\n    raise ValueError('never')\n")
    command = ["compare", str(vectors), "--objective", f"python:{tmp_path}/a2v_never.py:worth", "--methods", "random"]
    command += ["--runs", "2", "--budget", "3", "--out", str(tmp_path / "out")]
    assert main([*command, "--json"]) == 0
    captured = capsys.readouterr()
    (row,) = json.loads(captured.out)["rows"]
    assert (row["validation_mean"], row["evaluations"]) == (None, 3.0)
    assert captured.err.count("2 of 2 runs of random have no evaluation to compare") == 1
    assert main(command) == 0 and "never" not in capsys.readouterr().err  # none is tried again
