"""Methods by a name with settings, by a file, a class, a factory and an instance, in Python and on the command line."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arch2vec
from arch2vec.cli import main
from arch2vec.cli.choices import METHOD, PARETO_METHOD
from arch2vec.cli.choices import METHODS as NAMES
from arch2vec.cli.choices import PARETO_METHODS as PARETO_NAMES
from arch2vec.cli.main import build_parser
from arch2vec.common.settings import settings_of, settings_text
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching import METHODS
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.evolution import RegularizedEvolution
from arch2vec.searching.pareto import PARETO_METHODS
from arch2vec.searching.random_search import RandomSearch
from arch2vec.searching.spec import resolve_method, resolve_methods, resolve_pareto_method, split_methods
from arch2vec.searching.trials import SearchResult
from arch2vec.surrogates.gaussian_process import GaussianProcess
from arch2vec.testing.samples import cells
from one_line import error_of
from search_helpers import chain, embed

MINE = '''
from arch2vec import SearchMethod


class Mine(SearchMethod):
    """Takes rows in order, from one on."""

    name = "mine"

    def __init__(self, embedding, *, seed, first: int = 0, upwards: bool = True):
        super().__init__(embedding, seed=seed)
        if first < 0:
            raise ValueError("first is a row")
        self.first, self.upwards = first, upwards

    def propose(self, n):
        free = self.uncovered()
        return sorted(free.tolist(), key=lambda row: (row < self.first, row), reverse=not self.upwards)[:n]


class Nameless(SearchMethod):
    def propose(self, n):
        return self.draw(n)


class Named(Mine):
    name = "bo"


def factory(embedding, seed, first: int = 3):
    return Mine(embedding, seed=seed, first=first)


def other_seed(embedding, seed):
    return Mine(embedding, seed=seed + 1)


def nothing(embedding, seed):
    return 3


class NoMethod:
    pass


number = 3
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "worth.py").write_text("def worth(architecture):\n    return 50.0 + architecture.count('a')\n")
    return tmp_path


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return embed(chain(4))


def architectures(result: SearchResult) -> list[str]:
    return [trial.architecture for trial in result.trials]


def worth(architecture: str) -> float:
    return 50.0 + architecture.count("a")


@pytest.mark.parametrize(
    ("text", "name", "attributes"),
    [
        ("bo", "bo", {"initial": 16}),
        (" bo?growth=1.2&initial=10 ", "bo?initial=10&growth=1.2", {"initial": 10, "growth": 1.2}),
        ("bo?pool=none", "bo?pool=none", {"pool": None}),
        ("gp-bo?around=2&targets=values", "gp-bo?targets=values&around=2", {"initial": 8, "around": 2}),
        ("local-search?step=best", "local-search?step=best", {"step": "best", "at_optimum": "restart"}),
        ("bohb?fidelities=1,3,9&random_share=0.50", "bohb?fidelities=1,3,9&random_share=0.5", {"random_share": 0.5}),
        ("bo?growth=2", "bo?growth=2", {"growth": 2.0}),
    ],
)
def test_texts_set_what_they_say(text: str, name: str, attributes: dict[str, Any], embedding: Embedding) -> None:
    spec = resolve_method(text)
    assert spec.name == name
    assert resolve_method(name).name == name
    made = spec.make(embedding, seed=5)
    assert made.seed == 5
    assert {key: getattr(made, key) for key in attributes} == attributes


def test_fields_of_a_configuration_are_settings(embedding: Embedding) -> None:
    made: Any = resolve_method("arch2vec-rl?sigma=1&baseline=3").make(embedding, seed=0)
    assert (made.config.sigma, made.config.baseline, made.config.steps) == (1.0, 3.0, 16)
    joint: Any = resolve_method("supervised-rl?policy.hidden=8&settings.hidden=16").make(embedding, seed=0)
    assert (joint.settings.hidden, joint.settings.policy.hidden, joint.settings.policy.scaling) == (16, 8, "unit")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("bi", "unknown search method 'bi'; known: .*one of your own is python:MODULE_OR_FILE.py:CLASS"),
        ("bo?init=3", "search method bo has no setting 'init'; did you mean 'initial'\\? it has initial, targets,"),
        ("bo?initial=ten", "search method bo: setting 'initial' must be a whole number, got 'ten'"),
        ("bo?initial=1.5", "must be a whole number, got '1.5'"),
        ("bo?growth=nan", "must be a number, got 'nan'"),
        ("bo?repeats=1", "must be true or false, got '1'"),
        ("bo?pool=few", "must be a whole number or none, got 'few'"),
        ("bo?initial", "needs a value, as in initial=VALUE"),
        ("bo?initial=2&initial=3", "has setting 'initial' twice"),
        ("bo?surrogate=gp", "has no setting 'surrogate'"),
        ("random?x=1", "search method random has no setting 'x'; it has none"),
        ("local-search?step=last", "setting 'step' must be first or best, got 'last'"),
        ("arch2vec-rl?sigma=0", "search method arch2vec-rl\\?sigma=0: sigma must be positive"),
    ],
)
def test_mistakes_get_one_line(text: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        resolve_method(text)
    assert "\n" not in str(caught.value)


def test_a_value_that_a_constructor_refuses_names_the_method(embedding: Embedding) -> None:
    with pytest.raises(InputError, match=r"search method bo\?initial=1: a first model needs at least 2"):
        resolve_method("bo?initial=1").make(embedding, seed=0)


def test_every_setting_of_every_method_is_read_back(embedding: Embedding) -> None:
    """Each method given its own defaults as a text is the method without."""
    for name, kind in METHODS.items():
        known = settings_of(kind, ("self", "embedding", "seed"))
        said = {key: setting.default for key, setting in known.items() if setting.read is not None}
        text = f"{name}?{settings_text(said)}" if said else name
        spec = resolve_method(text)
        assert spec.name == text
        for key, value in spec.arguments.items():
            assert value == known[key].default if key in known else True


@given(st.integers(2, 10**6), st.floats(1, 1e6))
def test_numbers_survive(initial: int, growth: float) -> None:
    spec = resolve_method(resolve_method(partial(BayesianOptimization, initial=initial, growth=growth)).name)
    assert spec.arguments == {"initial": initial, "growth": growth}


def test_lists_are_split_where_a_method_begins() -> None:
    assert split_methods("random, bo?initial=3,bohb?fidelities=3,9,27&eta=2,python:a.py:B") == [
        "random",
        "bo?initial=3",
        "bohb?fidelities=3,9,27&eta=2",
        "python:a.py:B",
    ]
    assert split_methods("random,,random") == ["random"]


def test_objects_are_named_like_texts(embedding: Embedding) -> None:
    assert resolve_method(BayesianOptimization).name == "bo"
    assert resolve_method(partial(RegularizedEvolution, population=5)).name == "evolution?population=5"
    assert (
        resolve_method(BayesianOptimization(embedding, seed=0, growth=1.5, initial=3)).name == "bo?initial=3&growth=1.5"
    )
    model = resolve_method(partial(BayesianOptimization, surrogate=GaussianProcess("rbf"))).name
    assert model == "bo?surrogate=GaussianProcess(kernel='rbf', priors=True)"
    assert resolve_method("bo?initial=3", name="short").name == "short"
    assert resolve_method(resolve_method("bo"), name="other").name == "other"
    with pytest.raises(InputError, match="give it one, as resolve_method"):
        resolve_method(lambda embedding, seed: RandomSearch(embedding, seed=seed))
    assert resolve_method(lambda embedding, seed: RandomSearch(embedding, seed=seed), name="mine").name == "mine"
    for wrong, line in ((3, "a search method is named by a text"), (dict, "dict is no subclass")):
        with pytest.raises(InputError, match=line):
            resolve_method(cast(Any, wrong))


def test_an_instance_is_searched_with_its_own_seed(embedding: Embedding, tmp_path: Path) -> None:
    made = RegularizedEvolution(embedding, seed=7, population=4)
    found = arch2vec.search(embedding, worth, made, budget=12)
    named = arch2vec.search(embedding, worth, "evolution?population=4", budget=12, seed=7)
    assert architectures(found) == architectures(named)
    kept = arch2vec.search(embedding, worth, RegularizedEvolution(embedding, seed=7, population=4), 5, out=tmp_path)
    assert architectures(kept) == architectures(found)[:5]
    resumed = arch2vec.search(embedding, worth, "evolution?population=4", 12, seed=7, out=tmp_path)
    assert architectures(resumed) == architectures(found)
    assert "has begun already" in error_of(lambda: arch2vec.search(embedding, worth, made, 20, out=tmp_path))
    other = embedding.subset(range(40))
    assert "another embedding" in error_of(
        lambda: arch2vec.search(other, worth, RandomSearch(embedding, seed=0), budget=3)
    )
    assert "a search for every seed" in error_of(
        lambda: arch2vec.run_many(embedding, worth, [RandomSearch(embedding, seed=0)], 2, 3)
    )


def test_settings_are_part_of_a_study(embedding: Embedding, tmp_path: Path) -> None:
    arch2vec.search(embedding, worth, "evolution?population=4", 5, out=tmp_path / "one")
    line = error_of(lambda: arch2vec.search(embedding, worth, "evolution?population=5", 9, out=tmp_path / "one"))
    assert "is a study with method 'evolution?population=4', not 'evolution?population=5'" in line
    first = arch2vec.run_many(embedding, worth, ["evolution?population=4"], 2, 6, out=tmp_path / "many")
    again = arch2vec.run_many(
        embedding, worth, ["evolution?population=4", "evolution?population=5"], 2, 6, out=tmp_path / "many"
    )
    assert again["method"].unique().tolist() == ["evolution?population=4", "evolution?population=5"]
    assert again[: len(first)].drop(columns="method_s").equals(first.drop(columns="method_s"))


def test_a_file_of_ones_own(folder: Path, embedding: Embedding) -> None:
    spec = resolve_method("python:mine.py:Mine?upwards=false&first=3")
    assert spec.name == "mine?first=3&upwards=false"
    found = arch2vec.search(embedding, worth, "python:mine.py:Mine?first=3", budget=4, out=folder / "out")
    assert [trial.index for trial in found.trials] == [3, 4, 5, 6]
    # Found from elsewhere it is the same method; changed it is another.
    (folder / "elsewhere.py").write_text(MINE)
    assert len(arch2vec.search(embedding, worth, "python:elsewhere.py:Mine?first=3", 5, out=folder / "out").trials) == 5
    (folder / "elsewhere.py").write_text(MINE.replace("row < self.first", "row <= self.first"))
    line = error_of(
        lambda: arch2vec.search(embedding, worth, "python:elsewhere.py:Mine?first=3", 6, out=folder / "out")
    )
    assert "holds 5 evaluations, and the code of the search method has changed since" in line
    accepted = arch2vec.search(
        embedding, worth, "python:elsewhere.py:Mine?first=3", 6, out=folder / "out", accept_changes=True
    )
    assert len(accepted.trials) == 6
    made = resolve_method("python:mine.py:factory?first=2")
    assert (made.name, made.make(embedding, seed=4).ask()[0].index) == ("factory?first=2", 2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("python:mine.py:Other", "mine.py has no search method 'Other'; it has"),
        ("python:gone.py:Mine", "there is no Python file gone.py"),
        ("python:mine.py:NoMethod", "is the class NoMethod, no search method: a subclass of"),
        ("python:mine.py:number", "is a int, no search method"),
        ("python:mine.py:Nameless", "search method Nameless has no name; give it one, name = 'nameless' in its body"),
        ("python:mine.py:Named", "Named is called 'bo' as a search method of arch2vec is"),
        (
            "python:mine.py:Mine?last=3",
            "search method python:mine.py:Mine has no setting 'last'; it has first, upwards",
        ),
        ("python:mine.py:Mine?first=-1", "search method mine\\?first=-1 cannot be made: ValueError: first is a row"),
        ("python:mine.py:nothing", "search method nothing is made as a int"),
        ("python:mine.py:other_seed", "was made for another embedding or seed"),
    ],
)
def test_a_file_that_is_wrong_gets_one_line(text: str, line: str, folder: Path, embedding: Embedding) -> None:
    with pytest.raises(InputError, match=line) as caught:
        resolve_method(text).make(embedding, seed=0)
    assert "\n" not in str(caught.value)


def test_two_methods_of_one_name_are_refused(folder: Path) -> None:
    (folder / "other.py").write_text(MINE.replace("row < self.first", "row > self.first"))
    with pytest.raises(InputError, match="two methods are called 'mine'"):
        resolve_methods(["python:mine.py:Mine", "python:other.py:Mine"])
    assert list(resolve_methods(["bo", "bo", BayesianOptimization])) == ["bo"]


@pytest.mark.slow
def test_compare_with_workers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    methods = "random,evolution?population=4&tournament=2,python:mine.py:Mine?first=3"
    cells(60).save("vectors.parquet")
    common = ["--objective", "digits-201", "--methods", methods, "--runs", "2", "--budget", "5", "--json"]
    documents = []
    for more in (["--out", "study"], ["--out", "study"], ["--workers", "2"]):
        assert main(["compare", "vectors.parquet", *common, *more]) == 0
        documents.append(json.loads(capsys.readouterr().out)["rows"])
    assert [row["method"] for row in documents[0]] == [
        "random",
        "evolution?population=4&tournament=2",
        "mine?first=3",
    ]
    compared = [[(row["method"], row["validation_mean"], row["test_mean"]) for row in rows] for rows in documents]
    assert compared[0] == compared[1] == compared[2]


def test_command_lines_that_are_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, line in (
        (["search", "nasbench201", "--method", "bo?init=3"], "has no setting 'init'"),
        (["compare", "nasbench201", "--methods", "random,bo?initial=x"], "must be a whole number"),
    ):
        assert main([*words, "--objective", "digits-201"]) == 2
        told = capsys.readouterr().err
        assert line in told and told.count("\n") == 1


@pytest.mark.slow
def test_pareto_methods_have_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resolve_pareto_method("ehvi?growth=2&initial=4").name == "ehvi?initial=4&growth=2"
    with pytest.raises(InputError, match="multi-objective method ehvi has no setting 'population'"):
        resolve_pareto_method("ehvi?population=3")
    with pytest.raises(InputError, match="is the class Mine, no multi-objective method"):
        resolve_pareto_method("python:mine.py:Mine")
    (folder / "front.py").write_text(
        "from arch2vec.searching.pareto import ParetoSearch\n\n\nclass Draw(ParetoSearch):\n    name = 'draw'\n\n"
        "    def propose(self, n):\n        return self.draw(n)\n"
    )
    cells(60).save("vectors.parquet")
    command = "pareto vectors.parquet --objective digits-201 --against params --budget 8 --runs 1 --out study --json"
    methods = "random,ehvi?initial=4,python:front.py:Draw"
    documents = []
    for _ in range(2):
        assert main([*command.split(), "--methods", methods]) == 0
        documents.append(json.loads(capsys.readouterr().out)["rows"])
    assert {row["method"] for row in documents[0]} == {"random", "ehvi?initial=4", "draw"}
    told = [[(row["method"], row["hypervolume_mean"]) for row in rows] for rows in documents]
    assert told[0] == told[1]
    front = (folder / "front.py").read_text()
    (folder / "front.py").write_text(front.replace("self.draw(n)", "self.draw(n)[::-1]"))
    assert main([*command.split(), "--methods", methods]) == 2
    assert "the code of the search method has changed since" in capsys.readouterr().err


def test_help_names_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(NAMES) == set(METHODS) and set(PARETO_NAMES) == set(PARETO_METHODS)
    assert all(name in METHOD for name in METHODS) and all(name in PARETO_METHOD for name in PARETO_METHODS)
    for command, names in (("search", METHODS), ("compare", METHODS), ("pareto", PARETO_METHODS)):
        with pytest.raises(SystemExit):
            build_parser().parse_args([command, "--help"])
        shown = "".join(capsys.readouterr().out.split())
        assert all(name in shown for name in names)


def test_settings_are_noted_whatever_becomes_of_them(embedding: Embedding) -> None:
    made = RegularizedEvolution(embedding, seed=1, tournament=3)
    assert dict(made.made_with) == {"tournament": 3}
    assert dict(RandomSearch(embedding, seed=1).made_with) == {}
