"""The callable objective and the notation of objectives."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
import torch

from arch2vec.errors import EvaluationError
from arch2vec.objectives import FunctionObjective, Outcome, resolve_objective
from arch2vec.objectives.digits import DigitsConfig, DigitsObjective
from arch2vec.spaces import get_space
from one_line import error_of

SPACE = get_space("nasbench201")
CELLS = SPACE.format(SPACE.sample(2, np.random.default_rng(0)))


@pytest.fixture(autouse=True)
def import_state() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith(("_arch2vec_objective_", "a2v_")):
            del sys.modules[name]


# Functions


def test_what_a_function_may_return() -> None:
    whole = Outcome(90.0, 89.0, 2.0, {"params": 5.0})
    returns: list[tuple[object, Outcome]] = [
        (90, Outcome(90.0, None, 0.0)),
        (np.float32(0.5), Outcome(0.5, None, 0.0)),
        (Fraction(1, 4), Outcome(0.25, None, 0.0)),
        ({"validation": 90}, Outcome(90.0, None, 0.0)),
        ({"validation": 90, "test": 89, "cost_s": 2, "extra": {"params": 5}}, whole),
        ({"validation": 90.0, "test": None, "cost_s": None, "extra": None}, Outcome(90.0, None, 0.0)),
        (whole, whole),
    ]
    for returned, expected in returns:
        outcome = FunctionObjective(lambda _, returned=returned: returned).evaluate("any text")
        assert type(outcome.validation) is float and outcome.cost_s >= 0
        measured = expected if expected.cost_s else dataclasses.replace(expected, cost_s=outcome.cost_s)
        assert outcome == measured


def test_cost_is_measured_where_it_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr("arch2vec.objectives.function.time.perf_counter", lambda: next(clock))
    assert FunctionObjective(len).evaluate("abc") == Outcome(3.0, None, 2.5)
    assert FunctionObjective(lambda _: {"validation": 1, "cost_s": 7}).evaluate("abc").cost_s == 7.0


def test_nan_is_a_failed_evaluation() -> None:
    outcome = FunctionObjective(lambda _: math.nan).evaluate("a")
    assert math.isnan(outcome.validation) and outcome.test is None


class Unprintable:
    def __repr__(self) -> str:
        return "two\nlines " * 40


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned None (NoneType) as 'validation'; a number is needed"),
        ("93 apples", "returned '93 apples' (str) as 'validation'; a number is needed"),
        (True, "returned True (bool) as 'validation'; a number is needed"),
        (1j, "returned 1j (complex) as 'validation'; a number is needed"),
        ((90.0, 89.0), "returned (90.0, 89.0) (tuple) as 'validation'; a number is needed"),
        (np.zeros(2), "returned array([0., 0.]) (ndarray) as 'validation'; a number is needed"),
        (np.array(1j), "returned array(0.+1.j) (ndarray) as 'validation'; a number is needed"),
        (np.array(True), "returned array(True) (ndarray) as 'validation'; a number is needed"),
        ([], "returned [] (list) as 'validation'; a number is needed"),
        (
            10**400,
            "returned 100000000000000000000000000000000000000000000000000000000... (int) as 'validation'; "
            "a number that fits 64 bits is needed",
        ),
        (math.inf, "returned inf as 'validation'; NaN marks a failed evaluation"),
        ({}, "returned no 'validation'; keys: none; it returned {} (dict)"),
        ({"test": 3}, "returned no 'validation'; keys: test; it returned {'test': 3} (dict)"),
        ({"validation": [90, 91]}, "returned [90, 91] (list) as 'validation'; a number is needed"),
    ],
)
def test_what_a_function_may_not_return(returned: object, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        FunctionObjective(lambda _: returned, name="mine").evaluate("a")
    assert str(caught.value) == f"objective mine {message}"


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"test": "x"}, "returned 'x' (str) as 'test'; a number is needed: it is left out"),
        ({"test": math.inf}, "returned inf as 'test'; it is left out"),
        ({"cost_s": -1}, "returned cost_s -1.0; seconds, at least 0, are needed: the call's time counts"),
        ({"cost_s": math.nan}, "returned cost_s nan; seconds, at least 0, are needed: the call's time counts"),
        ({"extra": 3}, "returned 3 (int) as 'extra'; a mapping of numbers is needed: it is left out"),
        ({"extra": {"a": "b"}}, "returned 'b' (str) as 'a'; a number is needed: it is left out"),
        ({"tests": "b"}, "returned the unknown key 'tests'; did you mean 'test'?"),
    ],
)
def test_a_training_is_not_lost_for_what_stands_beside_its_value(
    beside: dict[str, object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    objective = FunctionObjective(lambda _: {"validation": 90, **beside}, name="mine")
    for _ in range(2):  # told once
        outcome = objective.evaluate("a")
        assert (outcome.validation, outcome.test) == (90.0, None) and 0 <= outcome.cost_s < 10
        assert not outcome.extra
    assert capsys.readouterr().err.splitlines()[0] == f"objective mine {message}"


def test_a_number_may_come_in_any_clothes() -> None:
    clothes: list[object] = [
        torch.tensor(82.5),
        torch.tensor([82.5], requires_grad=True),
        np.array(82.5),
        np.array([[82.5]]),
        np.float16(82.5),
        pd.Series([82.5]),
        Decimal("82.5"),
        Fraction(165, 2),
        [82.5],
        "82.5",
    ]
    for returned in clothes:
        for each in (returned, {"validation": returned, "test": returned, "params": returned}):
            outcome = FunctionObjective(lambda _, each=each: each).evaluate("a")
            assert outcome.validation == 82.5 and type(outcome.validation) is float
            assert not isinstance(each, dict) or (outcome.test, outcome.extra) == (82.5, {"params": 82.5})


def test_a_long_return_value_stays_one_line() -> None:
    line = error_of(lambda: FunctionObjective(lambda _: Unprintable()).evaluate("a"))
    assert "\n" not in line and "(Unprintable) as 'validation'" in line and len(line) < 200


def test_fidelity_goes_to_functions_that_take_it() -> None:
    def optional(architecture: str, fidelity: int = 7) -> float:
        return fidelity

    def required(architecture: str, *, fidelity: int | None) -> float:
        return -1 if fidelity is None else fidelity

    def rest(architecture: str, **options: int) -> float:
        return options.get("fidelity", -2)

    for function, default in ((optional, 7), (required, -1), (rest, -2)):
        objective = FunctionObjective(function)
        assert objective.evaluate("a").validation == default
        assert objective.evaluate("a", fidelity=12).validation == 12
    without = FunctionObjective(lambda _: 1.0, name="mine")
    assert error_of(lambda: without.evaluate("a", fidelity=12)) == (
        "objective mine has one fidelity: its function has no parameter 'fidelity'"
    )


def test_a_function_of_one_space_gets_canonical_architectures() -> None:
    seen: list[str] = []

    def function(architecture: str) -> float:
        """Percent of nothing.

        More.
        """
        seen.append(architecture)
        return 1.0

    objective = FunctionObjective(function, space="nasbench201")
    objective.evaluate(f" {CELLS[0]} ")
    assert seen == [CELLS[0]]
    assert objective.space == "nasbench201" and objective.description == "Percent of nothing."
    assert error_of(lambda: objective.evaluate("x")).startswith("not a nasbench201 architecture")
    assert len(seen) == 1


def test_errors_of_the_function_pass_through() -> None:
    with pytest.raises(ZeroDivisionError):
        FunctionObjective(lambda _: 1 / 0).evaluate("a")


def test_something_that_is_no_function() -> None:
    assert error_of(lambda: FunctionObjective(3, name="mine")) == "objective mine needs a function, got 3"  # type: ignore[arg-type]


# The notation


def test_tables_by_notation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    columns = {"cell": CELLS, "val & more?=%": [10.0, 90.5], "test": [11.0, 89.5], "seconds": [1.5, 2.5]}
    pd.DataFrame(columns).to_csv(tmp_path / "my results?.csv", index=False)
    objective = resolve_objective(
        f"table:my%20results%3F.csv?validation={quote('val & more?=%')}&test=test&cost=seconds&cost_scale=0.5"
        "&scale=2&architecture=cell&space=nasbench201&partial=true&name=mine"
    )
    assert objective.evaluate(CELLS[1]) == Outcome(181.0, 179.0, 1.25)
    assert objective.name == "mine"


def test_digits_by_notation() -> None:
    plain, changed = resolve_objective("digits"), resolve_objective("digits?epochs=3&seed=7")
    assert isinstance(plain, DigitsObjective) and isinstance(changed, DigitsObjective)
    assert plain.config == DigitsConfig()
    assert changed.config == DigitsConfig(epochs=3, seeds=(7,))
    assert "seeds" in error_of(lambda: resolve_objective("digits?seed=-1"))
    error_of(lambda: resolve_objective("digits?epochs=0"))


PYTHON_FILE = '''
"""A user's file."""
from a2v_neighbour import factor
from arch2vec.objectives import Objective, Outcome

constant = 3

def length(architecture):
    """Length in characters."""
    return factor * len(architecture)

class Mine(Objective):
    name, space, description = "mine", None, "ones"
    def evaluate(self, architecture, fidelity=None):
        return Outcome(1.0, None, 0.0)

mine = Mine()
'''


def test_functions_by_notation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text(PYTHON_FILE)
    (folder / "a2v_neighbour.py").write_text("factor = 2\n")
    monkeypatch.chdir(tmp_path)
    by_file = resolve_objective("python:code/train.py:length")
    assert by_file.evaluate("abc").validation == 6.0
    assert (by_file.name, by_file.space, by_file.description) == ("length", None, "Length in characters.")
    named = resolve_objective(f"python:{folder}/train.py:length?name=mine&space=nasbench201")
    assert (named.name, named.space) == ("mine", "nasbench201")
    assert resolve_objective("python:code/train.py:mine").evaluate("a") == Outcome(1.0, None, 0.0)

    (tmp_path / "a2v_package").mkdir()
    (tmp_path / "a2v_package" / "training.py").write_text("def run(architecture): return {'validation': 5}\n")
    assert resolve_objective("python:a2v_package.training:run").evaluate("a").validation == 5.0
    assert resolve_objective("python:builtins:len").evaluate("abcd").validation == 4.0


FORMS = (
    "digits-201, nasbench101, nasbench201, nasbench301-surrogate, digits, train:DATA, proxy:NAME, "
    "table:PATH?validation=COLUMN, python:MODULE_OR_FILE:FUNCTION, cmd:COMMAND"
)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", f"unknown objective ''; known: {FORMS}"),
        ("imagenet", f"unknown objective 'imagenet'; known: {FORMS}"),
        ("a.csv?x=1", f"unknown objective 'a.csv'; known: {FORMS}; did you mean table:a.csv?validation=COLUMN"),
        ("digits-201:8", "objective digits-201 takes options only, as in digits-201?signal=3; got '8' after the colon"),
        ("digits-201?data=x", "objective digits-201 has no option 'data'; it has signal, seed, noise_seed"),
        ("digits:8", "objective digits takes options only, as in digits?seed=1; got '8' after the colon"),
        ("digits?epoch=8", "objective digits has no option 'epoch'; did you mean 'epochs'? it has epochs, seed"),
        ("digits?epochs=many", "objective digits: option 'epochs' must be a whole number, got 'many'"),
        ("table", "objective table needs a file, as in table:results.parquet?validation=COLUMN"),
        (
            "table:a.csv?test=b",
            "objective table:a.csv needs the column that a search maximises, as in table:a.csv?validation=COLUMN",
        ),
        ("table:a.csv?validation=b", "cannot read a.csv: No such file or directory"),
        ("table:a.csv?validation=", "objective table: option 'validation' needs a value, as in validation=VALUE"),
        ("table:a.csv?validation", "objective table: option 'validation' needs a value, as in validation=VALUE"),
        ("table:a.csv?validation=b&validation=c", "objective table has option 'validation' twice"),
        ("table:a.csv?validation=b&scale=x", "objective table: option 'scale' must be a number, got 'x'"),
        ("table:a.csv?validation=b&partial=1", "objective table: option 'partial' must be true or false, got '1'"),
        (
            "table:a.csv?valid=b",
            "objective table has no option 'valid'; did you mean 'validation'? it has validation, test, cost, "
            "architecture, space, name, unit, cost_scale, scale, absent, partial, seed, noise_seed, minimise, minimize",
        ),
        ("python:a2v_nothing", "python:a2v_nothing names no function; write python:MODULE_OR_FILE.py:FUNCTION"),
        ("python::f", "python::f names no function; write python:MODULE_OR_FILE.py:FUNCTION"),
        (
            "python:a.py:f",
            "there is no Python file a.py; write your own, which examples/mine.py of the repository shows",
        ),
        ("python:os:getcwdd", "os has no function 'getcwdd'; it has getcwd, getcwdb, getuid"),
        ("python:os:sep", "'sep' in os is of type str, not a function"),
        (
            "python:os:getcwd?seed=1",
            "objective python has no option 'seed'; it has name, space, unit, fidelities, minimise, minimize",
        ),
        ("python:os:getcwd?space=x", "unknown search space 'x'; known: "),
    ],
)
def test_bad_notation(spec: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = error_of(lambda: resolve_objective(spec))
    assert line.startswith(message) if message.endswith(" ") else line == message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("def f(:\n", "SyntaxError: "),
        ("import a2v_missing\n", "ModuleNotFoundError: No module named 'a2v_missing'"),
        ("raise ValueError('one\\ntwo')\n", "ValueError: one two"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
    ],
)
def test_code_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a2v_broken.py").write_text(content)
    for where, shown in (("a2v_broken.py", str(tmp_path / "a2v_broken.py")), ("a2v_broken", "a2v_broken")):
        line = error_of(lambda where=where: resolve_objective(f"python:{where}:f"))  # type: ignore[misc]
        assert line.startswith(f"cannot import {shown}: {reason}")
    assert not [name for name in sys.modules if "a2v_broken" in name]


def test_a_module_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a2v_nothing", "a2v_nothing.deeper", "os.a2v_nothing"):
        assert error_of(lambda name=name: resolve_objective(f"python:{name}:f")).startswith(  # type: ignore[misc]
            f"there is no Python module {name!r}"
        )
