"""Training state in one safetensors file: weights, optimiser, noise generator, history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import torch

from arch2vec.errors import InputError
from arch2vec.models.adam import FlatAdam
from arch2vec.spaces import SearchSpace, stored_space
from arch2vec.storage import read_arrays, write_arrays

_KIND = "arch2vec checkpoint"
_OPTIMIZER = "optimizer.0."  # of the first of all parameters, which is the only one


class Checkpointable(Protocol):
    """A run whose whole state is in these attributes."""

    space: SearchSpace
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
    try:
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        run.model.load_state_dict(_under("model.", tensors))
        run.optimizer.load_state_dict(_under(_OPTIMIZER, tensors))
        run.noise.set_state(tensors["noise"])
        run.history[:] = json.loads(metadata["history"])
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"{path} does not fit this run: {str(error).splitlines()[0]}") from error
    return run.history


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
