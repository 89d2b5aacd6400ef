"""Any command line as an objective."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from arch2vec.cli import main
from arch2vec.common.storage import read_json
from arch2vec.errors import EvaluationError
from arch2vec.objectives.command import CommandObjective
from arch2vec.objectives.spec import resolve_objective
from arch2vec.searching.study import search
from one_line import error_of
from search_helpers import chain, embed

PYTHON = sys.executable


def script(folder: Path, text: str, name: str = "train.py") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize(
    ("printed", "validation"),
    [
        ("93.5", 93.5),
        ('{"validation": 91}', 91),
        ('epoch 1\n{"validation": 1, "x": 5}\n{"validation": 2, "test": 3, "cost_s": 7}\nbye', 2),
        ('{"validation": NaN}', math.nan),
        ('{"validation": "88.5"}', 88.5),
        ("[1, 2]\ntrue\nnull\n7", 7),
        ("7\n[1, 2]\ntrue\nnull\n{", 7),
    ],
)
def test_the_last_json_line_is_the_outcome(tmp_path: Path, printed: str, validation: float) -> None:
    file = script(tmp_path, f"import sys\nsys.stderr.write('99\\n')\nprint({printed!r})")
    outcome = resolve_objective(f"cmd:{PYTHON} {file} {{architecture}}").evaluate("a|b")
    assert outcome.validation == pytest.approx(validation, nan_ok=True)
    if "test" in printed:
        assert (outcome.test, outcome.cost_s) == (3, 7)
    else:
        assert outcome.cost_s > 0


def test_words_arrive_whole_and_no_shell_sees_them(tmp_path: Path) -> None:
    file = script(
        tmp_path,
        "import json, os, sys\nprint(json.dumps({'validation': 1, 'extra': {'n': len(sys.argv)}}))\n"
        "seen = [sys.argv[1:], os.environ['ARCHITECTURE'], os.environ.get('FIDELITY')]\n"
        "open('seen', 'a').write(json.dumps(seen) + '\\n')",
    )
    objective = CommandObjective(
        f"{PYTHON} {file} --arch={{architecture}} '{{fidelity}} epochs' '{{other}}'", fidelities=[3, 9]
    )
    objective._folder = tmp_path
    text = "|nor~0|+|$(touch x)~0|; rm \"'{fidelity}"
    assert objective.evaluate(text).extra == {"n": 4}
    objective.evaluate(text, 3)
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    assert seen == [[[f"--arch={text}", f"{level} epochs", "{other}"], text, level] for level in ("9", "3")]
    shell = CommandObjective("sh -c 'echo ${#ARCHITECTURE}'")
    assert shell.evaluate(text).validation == len(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("print('loss is nan'); raise SystemExit(3)", "the command ended with exit code 3; it said last: loss is nan"),
        ("import os; os.kill(os.getpid(), 9)", "the command was ended by SIGKILL"),
        ("print('done')", 'the command printed no line that is JSON, such as {"validation": 93.5}; it said last: done'),
        ("print('{\"accuracy\": 3}')", "objective train returned no 'validation'; keys: accuracy"),
        ("print('x' * (1 << 20) + '93.5')", "the command printed no line that is JSON"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\n' * 99)", "the command printed no line that is JSON"),
    ],
)
def test_what_goes_wrong_is_one_failed_evaluation(tmp_path: Path, text: str, told: str) -> None:
    objective = resolve_objective(f"cmd:{PYTHON} {script(tmp_path, text)} {{architecture}}")
    with pytest.raises(EvaluationError) as caught:
        objective.evaluate("a")
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("cmd:", "objective cmd needs a command line"),
        ("cmd:echo", "has no place for the architecture; write {architecture}"),
        ("cmd:echo '{architecture}", "cannot be split into words: No closing quotation"),
        ("cmd:no-such-program-of-mine {architecture}", "there is no program 'no-such-program-of-mine' to run"),
        ("cmd:echo {architecture} {fidelity}", "say what {fidelity} is, as in 'cmd?fidelity=50:echo"),
        ("cmd?fidelity=3:echo {architecture}", "has no place for a fidelity; write {fidelity}"),
        ("cmd?fidelities=9,3:echo {architecture} {fidelity}", "different whole numbers, ascending from 1"),
        ("cmd?epochs=3:echo {architecture}", "objective cmd has no option 'epochs'; it has name, unit, fidelity"),
    ],
)
def test_what_cannot_run_is_one_line(spec: str, told: str) -> None:
    assert told in error_of(lambda: resolve_objective(spec))


def test_its_script_is_what_it_measures(tmp_path: Path) -> None:
    file = script(tmp_path, "import helper\nprint(helper.VALUE)  # a number")
    script(tmp_path, "VALUE = 3", "helper.py")

    def mark(options: str = "") -> str | None:
        return resolve_objective(f"cmd:{PYTHON} {file} {{architecture}}{options}").code

    first = mark()
    script(tmp_path, "import helper\n\nprint( helper.VALUE )")
    assert mark() == first  # the same statements
    script(tmp_path, "VALUE = 4", "helper.py")
    second = mark()
    assert second != first and mark(" --more") != second


def test_a_search_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    embed(chain(2)).save(tmp_path / "vectors.safetensors")
    file = script(
        tmp_path,
        "import sys\nprint('training')\nif sys.argv[1] == 'c|c': sys.exit('out of luck')\n"
        "print('{\"validation\": %d, \"macs\": 5}' % (sys.argv[1].count('b') * int(sys.argv[2])))",
    )
    command = f"cmd?fidelity=9&unit=%25&name=mine:{PYTHON} {file} {{architecture}} {{fidelity}}"
    common = ["search", str(tmp_path / "vectors.safetensors"), "--objective", command, "--method", "random"]
    assert main([*common, "--budget", "9", "--workers", "2", "--out", str(tmp_path / "out"), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["best"]["architecture"] == "b|b" and json.loads(said.out)["best"]["validation"] == 18
    failed = [trial for trial in read_json(tmp_path / "out" / "study.json")["trials"] if trial["error"]]
    assert [trial["architecture"] for trial in failed] == ["c|c"] and "exit code 1" in failed[0]["error"]
    (trace,) = (tmp_path / "out" / "failures").iterdir()
    assert {"training", "out of luck"} < set(trace.read_text().splitlines())


def test_bohb_chooses_its_fidelities(tmp_path: Path) -> None:
    result = search(embed(chain(3)), "cmd?fidelities=1,3,9:echo {fidelity} {architecture}", "random", 1)
    assert result.trials[0].failed  # 'echo' prints no JSON, but for a number alone
    result = search(embed(chain(3)), "cmd?fidelities=1,3,9:sh -c 'echo $FIDELITY' {architecture}", "bohb", 14)
    assert {trial.validation for trial in result.trials} == {1, 3, 9}
