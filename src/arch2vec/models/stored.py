"""Models from files: their shape is compared with what the file holds before anything of that size is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from arch2vec.errors import InputError

_Model = TypeVar("_Model", bound=nn.Module)


def stored_model(make: Callable[[], _Model], layers: int, arrays: Mapping[str, np.ndarray]) -> _Model:
    """The model that ``make`` makes, with the weights of a file.

    Args:
        make: by :func:`arch2vec.models.layers.linear` and PyTorch's own layers.
        layers: how many it will have, each with weights of its own.
        arrays: its weights by name.

    Raises:
        InputError: the file holds other weights than the model has, or some that are
            not finite.
    """
    if layers > len(arrays):
        raise InputError(f"it holds {len(arrays)} arrays, too few for {layers:,} layers")
    with torch.device("meta"):
        outline = make()
    state = stored_state(outline.state_dict(), arrays)
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{name!r} holds a number that is not finite")
    model = make()
    model.load_state_dict(state)
    return model


def stored_state(wanted: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Arrays of a file as the tensors of a state, each of the wanted shape and type.

    Raises:
        InputError: one is missing, too many, or of another shape or type.
    """
    for name in (*wanted, *arrays):
        if name not in arrays or name not in wanted:
            raise InputError(f"it has {'no' if name in wanted else 'a strange'} array {name!r}")
        tensor, array = wanted[name], arrays[name]
        shape = tuple(tensor.shape)
        # Files hold single numbers as vectors of one.
        if array.shape != (shape or (1,)) and array.shape != shape:
            raise InputError(f"its array {name!r} is {array.shape}, not {shape}")
        if str(array.dtype) != str(tensor.dtype).removeprefix("torch."):
            raise InputError(f"its array {name!r} holds {array.dtype}, not {str(tensor.dtype).removeprefix('torch.')}")
    return {name: torch.from_numpy(arrays[name]).view(tensor.shape) for name, tensor in wanted.items()}
