"""Searches in other programs' books: TensorBoard and MLflow, each a :class:`~arch2vec.searching.watching.Watcher`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from arch2vec.errors import InputError
from arch2vec.searching.trials import Trial
from arch2vec.searching.watching import Beginning, Watcher

FORMS = "tensorboard:DIR or mlflow:URI"


def watcher_of(text: str) -> Watcher:
    """The logger that a text names: ``tensorboard:DIR``, ``mlflow:URI``.

    Raises:
        InputError: there is none of that name, or its package is not installed.
    """
    kind, _, where = text.partition(":")
    if kind not in ("tensorboard", "mlflow") or not where:
        raise InputError(f"a search is logged to {FORMS}; got {text!r}")
    return TensorBoardLogger(where) if kind == "tensorboard" else MLflowLogger(where)


class _Logger(Watcher):
    """What loggers have in common: the best so far, and numbers by name."""

    def begin(self, beginning: Beginning) -> None:
        """As :class:`Watcher` says."""
        self._about, self._best = beginning, None
        for trial in beginning.trials:
            self._take(trial)

    _best: Trial | None

    def _take(self, trial: Trial) -> None:
        self._best = trial if self._about.goal.beats(trial, self._best) else self._best

    def _numbers(self, trial: Trial) -> dict[str, float]:
        """The numbers of a trial; what a search must not see is not among them."""
        found = {"cost_s": trial.cost_s, "cumulative_cost_s": trial.cumulative_cost_s, "method_s": trial.method_s}
        found["validation"] = trial.validation
        if self._best is not None:
            found["best_validation"] = self._best.validation
        found |= {name: value for name, value in trial.extra.items() if "test" not in name.lower()}
        return {name: value for name, value in found.items() if math.isfinite(value)}


class TensorBoardLogger(_Logger):
    """Scalars by evaluation, the curve of every training that reports, and the architectures as text.

    Args:
        folder: for ``tensorboard --logdir``.

    Raises:
        InputError: TensorBoard is not installed.
    """

    def __init__(self, folder: str) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("--log tensorboard needs a package more: pip install 'arch2vec[tensorboard]'") from error
        self._make: Any = SummaryWriter
        self._folder = Path(folder)
        self._writer: Any = None

    def begin(self, beginning: Beginning) -> None:
        """As :class:`Watcher` says."""
        super().begin(beginning)
        self._writer = self._make(str(self._folder), purge_step=len(beginning.trials) + 1)

    def trial(self, trial: Trial) -> None:
        """As :class:`Watcher` says."""
        self._take(trial)
        for name, value in self._numbers(trial).items():
            self._writer.add_scalar(f"search/{name}", value, trial.number)
        for epoch, value in trial.reports:
            if math.isfinite(value):
                self._writer.add_scalar(f"training {trial.number}/reported", value, epoch)
        state = "pruned" if trial.pruned else f"failed: {trial.error}" if trial.failed else "complete"
        self._writer.add_text("architecture", f"{trial.architecture} ({state})", trial.number)
        self._writer.flush()

    def end(self) -> None:
        """As :class:`Watcher` says."""
        if self._writer is not None:
            self._writer.close()


class MLflowLogger(_Logger):
    """One run of MLflow's for the search, with a run of its own within it for every training.

    Args:
        uri: of the tracking server or database, or a folder.

    Raises:
        InputError: MLflow is not installed.
    """

    def __init__(self, uri: str) -> None:
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise InputError("--log mlflow needs a package more: pip install 'arch2vec[mlflow]'") from error
        self._make: Any = MlflowClient
        self._uri = uri if "://" in uri else Path(uri).absolute().as_uri()
        self._client: Any = None

    def begin(self, beginning: Beginning) -> None:
        """As :class:`Watcher` says."""
        super().begin(beginning)
        self._client = self._make(tracking_uri=self._uri)
        name = f"arch2vec {beginning.objective.name}"
        known = self._client.get_experiment_by_name(name)
        self._experiment = self._client.create_experiment(name) if known is None else known.experiment_id
        title = f"{beginning.method}, seed {beginning.seed}"
        self._run = self._client.create_run(self._experiment, run_name=title).info.run_id
        for key, value in {**beginning.settings, "budget": beginning.budget}.items():
            self._client.log_param(self._run, key, str(value)[:500])

    def trial(self, trial: Trial) -> None:
        """As :class:`Watcher` says."""
        self._take(trial)
        tags = {"mlflow.parentRunId": self._run}
        run = self._client.create_run(self._experiment, tags=tags, run_name=f"trial {trial.number}").info.run_id
        self._client.log_param(run, "architecture", trial.architecture[:6000])
        for name, value in self._numbers(trial).items():
            self._client.log_metric(self._run, _plain(name), value, step=trial.number)
            self._client.log_metric(run, _plain(name), value)
        for epoch, value in trial.reports:
            if math.isfinite(value):
                self._client.log_metric(run, "reported", value, step=epoch)
        self._client.set_terminated(run, "KILLED" if trial.pruned else "FAILED" if trial.failed else "FINISHED")

    def end(self) -> None:
        """As :class:`Watcher` says."""
        if self._client is not None:
            self._client.set_terminated(self._run)


def _plain(name: str) -> str:
    """A name as MLflow takes it."""
    return "".join(each if each.isalnum() or each in "_-. /" else "_" for each in name)
