"""Training state in one safetensors file: weights, optimiser, noise generator, history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from arch2vec.common.documents import anything, checked, listing, mapping, parse_json, record, whole
from arch2vec.common.storage import difference, read_arrays, write_arrays
from arch2vec.errors import InputError
from arch2vec.models.adam import FlatAdam
from arch2vec.models.stored import stored_state
from arch2vec.pretraining.settings import PretrainConfig
from arch2vec.spaces import SearchSpace, stored_space

_KIND = "arch2vec checkpoint"
_OPTIMIZER = "optimizer.0."  # of the first of all parameters, which is the only one
_HISTORY = listing(record({"epoch": whole(1)}))
_MAY_CHANGE = ("epochs", "further", "after", "threads", "processes")  # while a run goes on


class Checkpointable(Protocol):
    """A run whose whole state is in these attributes."""

    space: SearchSpace
    config: PretrainConfig
    model: Any
    optimizer: FlatAdam
    noise: torch.Generator
    history: list[dict[str, Any]]


def save_checkpoint(path: Path, run: Checkpointable) -> None:
    """Write the state of ``run``, replacing an older checkpoint atomically."""
    arrays = {f"model.{name}": tensor.cpu().numpy() for name, tensor in run.model.state_dict().items()}
    arrays |= {f"{_OPTIMIZER}{name}": tensor.cpu().numpy() for name, tensor in run.optimizer.state_dict().items()}
    arrays["noise"] = run.noise.get_state().numpy()
    metadata = {"kind": _KIND, "space": run.space.reference, "history": json.dumps(run.history)}
    metadata["config"] = json.dumps(asdict(run.config))
    write_arrays(path, arrays, metadata)


def load_checkpoint(path: Path, run: Checkpointable) -> list[dict[str, Any]]:
    """Put ``run`` where it was when the checkpoint was written; a missing file leaves it at its start.

    Returns:
        The records of the epochs done.

    Raises:
        InputError: the file is damaged, no checkpoint, or of another space or model.
    """
    if not path.exists():
        return []
    arrays, metadata = read_arrays(path)
    if metadata.get("kind") != _KIND:
        raise InputError(f"{path} is not a checkpoint of a pre-training run")
    stored_space(metadata.get("space", ""), run.space, path)
    require_of_run(path, parse_json(metadata.get("config", "{}"), f"{path}: its config"), run.config)
    try:
        history = checked(parse_json(metadata.get("history", ""), "its history"), _HISTORY, "its history")
        if [entry["epoch"] for entry in history] != list(range(1, len(history) + 1)):
            raise InputError("its history does not go through the epochs")
        state = stored_state(run.model.state_dict(), _under("model.", arrays))
        # The optimiser has its own names for its shapes.
        optimizer = {name: torch.from_numpy(array) for name, array in _under(_OPTIMIZER, arrays).items()}
        noise = torch.from_numpy(arrays["noise"])
        run.noise.set_state(noise)
        run.optimizer.load_state_dict(optimizer)
        run.model.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"{path} does not fit this run: {str(error).splitlines()[0]}") from error
    run.history[:] = history
    return run.history


def require_of_run(path: Path, stored: Any, config: PretrainConfig) -> None:
    """Complain about a file of a run whose settings are not these; it may have been copied from another folder.

    Args:
        path: of the file.
        stored: the settings that it says it is of, as far as it does.
        config: the settings of the run.

    Raises:
        InputError: the first setting that differs.
    """
    checked(stored, mapping(anything), f"{path}: its config")
    wanted: Mapping[str, Any] = json.loads(json.dumps(asdict(config)))
    for name, value in wanted.items():
        found = stored.get(name, value)
        if isinstance(value, dict) and isinstance(found, dict):
            found = {**value, **found}  # older files have fewer settings
        if name not in _MAY_CHANGE and found != value:
            raise InputError(
                f"{path} is of another run, with {difference(name, found, value)}: put that of this run back, "
                "or choose another output folder"
            )


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
