"""A classifier's training on disk: a folder from which it goes on after a crash.

``config.json``
    what is trained on what and how; the folder is refused for anything else.
``checkpoint.safetensors``
    the state after the last whole epoch, replaced by each; gone when training is done.
``metrics.jsonl``
    a line an epoch.
``result.json``
    the finished training's course, and whether it failed.
``weights.safetensors``
    the trained network, where it is to be kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from arch2vec.common.documents import checked, mapping, number, parse_json
from arch2vec.common.schemas import TRAINED_EPOCHS, TRAINING_RESULT
from arch2vec.common.storage import claim, read_arrays, read_json, require_writable, write_arrays, write_json, writing
from arch2vec.errors import InputError
from arch2vec.models.stored import stored_state
from arch2vec.networks.classifier_run import ClassifierRun, TrainedEpoch
from arch2vec.pretraining.log import MetricsStream

_KIND = "arch2vec classifier 1"


class Finished(NamedTuple):
    """The epochs of a training that is over, whether it failed, and the seconds of the epoch in which it did."""

    epochs: list[TrainedEpoch]
    failed: bool
    lost_s: float


class ClassifierFolder:
    """The folder of one training.

    Args:
        path: created where missing.
        settings: what is trained, as JSON has it.

    Raises:
        InputError: it cannot be written to, or holds another training.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        require_writable(path)
        self.path = path
        self._checkpoint, self._result = path / "checkpoint.safetensors", path / "result.json"
        self._weights = path / "weights.safetensors"
        self._stream: MetricsStream | None = None
        claim(path / "config.json", "training", json.loads(json.dumps(settings)))

    def load(self, run: ClassifierRun) -> list[TrainedEpoch]:
        """Put ``run`` where the checkpoint has it; without one it stays at its start.

        Returns:
            The epochs done.

        Raises:
            InputError: the checkpoint is damaged, or does not fit the network.
        """
        if not self._checkpoint.exists():
            return []
        arrays, metadata = read_arrays(self._checkpoint)
        try:
            if metadata.get("kind") != _KIND:
                raise ValueError("it is no checkpoint of a classifier")
            stored = checked(parse_json(metadata["epochs"], "its epochs"), TRAINED_EPOCHS, "its epochs")
            epochs = [TrainedEpoch(**entry) for entry in stored]
            _put_weights(run.network, _under("network.", arrays))
            _put_optimiser(run.optimiser, _under("optimiser.", arrays))
            scaler = checked(parse_json(metadata["scaler"], "its scaler"), mapping(number()), "its scaler")
            run.scaler.load_state_dict(scaler)
        except (KeyError, ValueError, RuntimeError, TypeError, IndexError) as error:
            raise InputError(f"{self._checkpoint} does not fit this training: {str(error).splitlines()[0]}") from error
        return epochs

    def save(self, run: ClassifierRun, epochs: Sequence[TrainedEpoch]) -> None:
        """Replace the checkpoint by the state of ``run``, and bring the stream of metrics up to ``epochs``.

        Raises:
            InputError: they cannot be written; the checkpoint before is left as it was.
        """
        arrays = {f"network.{name}": array for name, array in _arrays(run.network.state_dict()).items()}
        for index, state in run.optimiser.state_dict()["state"].items():
            for name, array in _arrays(state).items():
                arrays[f"optimiser.{index}.{name}"] = array
        metadata = {"kind": _KIND, "epochs": _json(epochs), "scaler": json.dumps(run.scaler.state_dict())}
        write_arrays(self._checkpoint, arrays, metadata)
        with writing(self.path / "metrics.jsonl"):
            if self._stream is None:
                self._stream = MetricsStream(self.path, [asdict(epoch) for epoch in epochs[:-1]])
            self._stream.write(asdict(epochs[-1]))

    def finish(
        self, network: nn.Module, epochs: Sequence[TrainedEpoch], failed: bool, lost_s: float, keep_weights: bool
    ) -> None:
        """Record that training is over, and remove the checkpoint.

        Raises:
            InputError: the result cannot be written; the checkpoint is left as it was.
        """
        if self._stream is not None:
            self._stream.close()
        if keep_weights and not failed:
            write_arrays(self._weights, _arrays(network.state_dict()), {"kind": "arch2vec network"})
        document: dict[str, Any] = {"failed": failed, "epochs": [asdict(epoch) for epoch in epochs]}
        if failed:
            document["lost_s"] = lost_s
            document["reason"] = f"a loss or a score was not finite in epoch {len(epochs) + 1}"
        write_json(self._result, document)
        self._checkpoint.unlink(missing_ok=True)

    def finished(self, network: nn.Module) -> Finished | None:
        """How the finished training ended, None where it is not finished.

        The network gets its weights where they were kept.

        Raises:
            InputError: a file is damaged, or does not fit the network.
        """
        if not self._result.exists():
            return None
        document = checked(read_json(self._result), TRAINING_RESULT, self._result)
        try:
            epochs = [TrainedEpoch(**entry) for entry in document["epochs"]]
            failed = document["failed"]
            if self._weights.exists():
                _put_weights(network, read_arrays(self._weights)[0])
        except (KeyError, TypeError, RuntimeError) as error:
            raise InputError(f"{self.path} holds a damaged result: {str(error).splitlines()[0]}") from error
        self._checkpoint.unlink(missing_ok=True)
        return Finished(epochs, failed, document.get("lost_s", 0.0))


def _json(epochs: Sequence[TrainedEpoch]) -> str:
    return json.dumps([asdict(epoch) for epoch in epochs])


def _arrays(tensors: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items() if tensor is not None}


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _put_weights(network: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    network.load_state_dict(stored_state(network.state_dict(), arrays))


def _put_optimiser(optimiser: torch.optim.Optimizer, arrays: Mapping[str, np.ndarray]) -> None:
    """Give the optimiser its state, each tensor laid out in memory as the parameter it belongs to."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    for name, array in arrays.items():
        index, entry = name.split(".", 1)
        parameter = parameters[int(index)]
        value = torch.from_numpy(array)
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        optimiser.state[parameter][entry] = value
