"""Evaluations on a cluster of Ray's: any number of machines, each evaluation with the resources that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from arch2vec.errors import InputError
from arch2vec.objectives.reporting import Judge
from arch2vec.searching.evaluation import Attempt
from arch2vec.studies.engines import Pending
from arch2vec.studies.jobs import Job, perform
from arch2vec.studies.processes import perform_apart


class RayEngine:
    """Makes evaluations as tasks of Ray's, an :class:`arch2vec.studies.engines.Engine`.

    A task is never made again by Ray itself: a training that ends its process is a failed evaluation, and the search's
    ``retries`` say how often it is tried again. The machines need this package, and the modules that the objective
    imports.

    Args:
        address: of a cluster, ``auto`` for the one of this machine or ``ray://HOST:10001``; None for one that is
            started here, for as long as this process lives.
        slots: evaluations at once, None for as many as the cluster's resources allow.
        timeout_s: an evaluation has failed after so many seconds, None for never.
        resources: of each evaluation, ``{"gpu": 1, "cpu": 4}``; one core by default.

    Raises:
        InputError: Ray is not installed, no cluster answers, or it has not the resources for one evaluation.
    """

    def __init__(
        self,
        address: str | None = None,
        slots: int | None = None,
        timeout_s: float | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise InputError("the engine ray needs the package ray: pip install 'arch2vec[ray]'") from error
        needs = dict(resources or {})
        cpu, gpu = needs.get("cpu", 1.0), needs.get("gpu", 0.0)
        if not ray.is_initialized():
            try:
                ray.init(address=address, logging_level="ERROR")
            except Exception as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                raise InputError(f"no cluster of Ray's answers at {address or 'this machine'}: {reason}") from error
        there = ray.cluster_resources()
        fit = min(int(there.get(name, 0.0) / need + 1e-9) for name, need in (("CPU", cpu), ("GPU", gpu)) if need > 0)
        if fit < 1:
            raise InputError(
                f"the cluster of Ray's has {there.get('CPU', 0):g} cores and {there.get('GPU', 0):g} graphics cards, "
                f"an evaluation needs cpu={cpu:g} and gpu={gpu:g}"
            )
        self.slots, self.here, self.asks = slots if slots is not None else fit, False, False
        self._ray: Any = ray
        self._timeout_s = timeout_s
        options = {"num_cpus": cpu, "num_gpus": gpu, "max_retries": 0}
        self._task = ray.remote(**options)(perform if timeout_s is None else perform_apart)
        self._begun: list[tuple[Any, Future[Attempt]]] = []

    def submit(self, job: Job, judge: Judge | None = None) -> Pending:
        """Hand an evaluation to the cluster."""
        del judge  # it is not there; the job has its own
        arguments = (job,) if self._timeout_s is None else (job, self._timeout_s)
        reference = self._task.remote(*arguments)
        begun: Future[Attempt] = reference.future()
        self._begun = [each for each in self._begun if not each[1].done()] + [(reference, begun)]
        return begun

    def close(self) -> None:
        """End what has not ended."""
        for reference, begun in self._begun:
            if not begun.done():
                self._ray.cancel(reference, force=True)
