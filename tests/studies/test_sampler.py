"""Our methods in a plain program of Optuna's."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import optuna
import pytest
import yaml
from optuna.samplers import BaseSampler, RandomSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, SingleOnlySamplerTestCase

from arch2vec.searching.methods import METHODS
from arch2vec.studies.optuna.sampler import ROW, Arch2VecSampler
from arch2vec.studies.optuna.storage import open_storage
from search_helpers import chain, embed, some_of

HUB = Path(__file__).parents[2] / "examples" / "optunahub" / "package" / "samplers" / "arch2vec"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


def count(sampler: Arch2VecSampler) -> Callable[[optuna.Trial], float]:
    def objective(trial: optuna.Trial) -> float:
        return float(sampler.suggest(trial).count("b"))

    return objective


class TestAsOptunaAsks(BasicSamplerTestCase, SingleOnlySamplerTestCase):
    """Optuna's own test cases, for what they say of parameters of any kind and of studies of several objectives."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: Arch2VecSampler(embed(chain(3)), "gp-bo", seed=0)


class TestSearch:
    @pytest.mark.parametrize("method", ["random", "evolution", "local-search", "reinforce", "gp-bo", "arch2vec-rl"])
    def test_no_architecture_twice(self, method: str) -> None:
        assert method in METHODS
        sampler = Arch2VecSampler(embed(chain(3)), method, seed=1)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(count(sampler), n_trials=27)
        assert len({trial.user_attrs["architecture"] for trial in study.trials}) == 27
        assert study.best_value == 3 and study.best_params == {f"vertex {vertex}": "b" for vertex in (1, 2, 3)}
        study.optimize(count(sampler), n_trials=2)  # nothing is left: some once more
        assert len(study.trials) == 29

    def test_it_is_guided(self) -> None:
        """Better than chance, in either direction."""
        ends = []
        directions = (optuna.study.StudyDirection.MAXIMIZE, 1), (optuna.study.StudyDirection.MINIMIZE, -1)
        for direction, sign in directions:
            sampler = Arch2VecSampler(embed(chain(5)), "reinforce", seed=0)
            study = optuna.create_study(direction=direction, sampler=sampler)

            def objective(trial: optuna.Trial, sampler: Arch2VecSampler = sampler, sign: int = sign) -> float:
                return sign * float(sampler.suggest(trial).count("b"))

            study.optimize(objective, n_trials=30)
            ends.append([sign * trial.values[0] for trial in study.trials])
        assert ends[0] == ends[1]

    def test_a_study_goes_on_from_its_trials_alone(self, tmp_path: Path) -> None:
        url = f"journal:///{tmp_path}/study.log"
        embedding = embed(chain(3))

        def architectures(name: str, parts: list[int]) -> list[str]:
            for part in parts:
                sampler = pickle.loads(pickle.dumps(Arch2VecSampler(embedding, "gp-bo", seed=3)))
                study = optuna.create_study(
                    study_name=name,
                    storage=open_storage(url),
                    direction="maximize",
                    sampler=sampler,
                    load_if_exists=True,
                )
                study.optimize(count(sampler), n_trials=part)
            return [trial.user_attrs["architecture"] for trial in study.trials]

        assert architectures("whole", [19]) == architectures("parts", [7, 2, 10])

    def test_what_runs_elsewhere_is_not_proposed(self) -> None:
        embedding = embed(chain(2))
        storage = optuna.storages.InMemoryStorage()
        for seed in range(3):
            sampler = Arch2VecSampler(embedding, "random", seed=seed)
            study = optuna.create_study(study_name="one", storage=storage, sampler=sampler, load_if_exists=True)
            for _ in range(3):
                sampler.suggest(study.ask())
        asked = [trial.system_attrs[ROW] for trial in study.trials]
        assert sorted(asked) == list(range(9))

    def test_others_parameters_and_trials_are_welcome(self) -> None:
        sampler = Arch2VecSampler(embed(chain(3)), "gp-bo", seed=0)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.enqueue_trial({f"vertex {vertex}": "b" for vertex in (1, 2, 3)})
        study.add_trial(optuna.trial.create_trial(value=1.0))

        def objective(trial: optuna.Trial) -> float:
            rate = trial.suggest_float("rate", 0, 1)
            value = float(sampler.suggest(trial).count("b"))
            if trial.number == 4:
                raise optuna.TrialPruned
            return float("nan") if trial.number == 5 else value + rate / 10

        study.optimize(objective, n_trials=26)
        made = [trial.user_attrs["architecture"] for trial in study.trials if "rate" in trial.params]
        assert made[0] == "b|b|b" and len(made) == len(set(made)) == 26

    def test_any_sampler_can_suggest_with_it(self) -> None:
        sampler = Arch2VecSampler(some_of("nasbench101", 30), "random", seed=0)
        study = optuna.create_study(sampler=RandomSampler(seed=0))
        study.optimize(lambda trial: float(len(sampler.suggest(trial))), n_trials=5)
        states = {trial.state for trial in study.trials}
        assert states <= {optuna.trial.TrialState.PRUNED, optuna.trial.TrialState.COMPLETE}

    def test_a_space_by_name(self) -> None:
        sampler = Arch2VecSampler("nasbench201", "random", seed=0)
        assert len(sampler.parameters.names) == 6
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: float(len(sampler.suggest(trial))), n_trials=2)
        assert study.best_trial.user_attrs["architecture"].startswith("|")


class TestHub:
    def test_the_folder_is_as_the_registry_wants_it(self) -> None:
        text = (HUB / "README.md").read_text()
        _, front, body = text.split("---\n", 2)
        about = yaml.safe_load(front)
        assert set(about) == {"author", "title", "description", "tags", "optuna_versions", "license"}
        assert about["license"] == "MIT License" and "sampler" in about["tags"]
        assert all(f"## {name}\n" in body for name in ("Abstract", "APIs", "Installation", "Example"))
        assert (HUB / "LICENSE").read_text().startswith("MIT License")

    def test_its_example_runs(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        hub = ModuleType("optunahub")

        def load_module(package: str) -> ModuleType:
            assert package == "samplers/arch2vec"
            specification = importlib.util.spec_from_file_location("hub_arch2vec", HUB / "__init__.py")
            assert specification is not None and specification.loader is not None
            module = importlib.util.module_from_spec(specification)
            specification.loader.exec_module(module)
            return module

        monkeypatch.setattr(hub, "load_module", load_module, raising=False)
        monkeypatch.setitem(__import__("sys").modules, "optunahub", hub)
        code = (HUB / "example.py").read_text().replace("n_trials=20", "n_trials=3")
        exec(compile(code, "example.py", "exec"), {"__name__": "__main__"})
        assert capsys.readouterr().out.startswith("|")
