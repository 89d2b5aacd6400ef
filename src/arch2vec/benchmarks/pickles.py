"""Reading other people's pickles without ever running their code.

A pickle is a program. The few things that benchmark files need it to call are
replaced by functions of this module, which only make plain numbers and
containers; a pickle that names anything else is refused before that is called.
"""

from __future__ import annotations

import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any, NoReturn

import numpy as np

from arch2vec.benchmarks.pickle_bytes import PickleBytes
from arch2vec.common.documents import shown
from arch2vec.errors import InputError

_DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ImportError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""What unpickling raises where the bytes are no whole pickle."""

_NUMBER = re.compile(r"[<>=|]?([fiu][1248]|b1)")


def read_pickle(opened: IO[bytes], where: object, *, tensors: bool = False, encoding: str = "ASCII") -> Any:
    """The next object of a file, made of plain containers and numbers.

    Args:
        opened: a file at the start of a pickle; it is left behind its end.
        where: the file, for complaints.
        tensors: accept PyTorch's tensors; none is read, each becomes a :class:`Skipped`.
        encoding: of the strings in pickles that Python 2 has written; ``latin1`` for
            those with arrays.

    Raises:
        InputError: the pickle names a class or function that is not among the
            allowed ones (nothing of it is run), or it is damaged.
    """
    try:
        return _Restricted(opened, where, tensors, encoding).load()
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(f"{where} is damaged or truncated: it holds no whole pickle ({_one_line(error)})") from error
    except Exception as error:  # of decompression, or whatever else the bytes bring about
        raise InputError(f"{where} is damaged: {_one_line(error)}") from error


class Skipped:
    """Stands for a tensor, whose numbers are of no use here and are not read."""


class _Restricted(pickle.Unpickler):
    def __init__(self, opened: IO[bytes], where: object, tensors: bool, encoding: str) -> None:
        self._bytes = PickleBytes(opened)
        super().__init__(io.BufferedReader(self._bytes, 1 << 16), encoding=encoding)
        self._copied = 0
        self._where = where
        self._tensors = tensors

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        found = _ALLOWED.get((module_name, global_name))
        if found is None and self._tensors:
            is_storage = module_name in ("torch", "torch.storage") and global_name.endswith("Storage")
            found = _SKIP if is_storage else _TENSORS.get((module_name, global_name))
        if found is None:
            name = f"{module_name}.{global_name}"[:100]
            raise InputError(
                f"{self._where} is refused: its pickle asks for {name!r}, which is no part of a benchmark; "
                "nothing in it was run"
            )
        return _Function(self._copying(found)) if found in (OrderedDict, set, _LATIN1) else found

    def _copying(self, make: Callable[..., Any]) -> Callable[..., Any]:
        """``make``, as long as what it copies is no more than the pickle has had bytes: each thing once."""

        def made(*arguments: Any) -> Any:
            self._copied += sum(len(argument) for argument in arguments if hasattr(argument, "__len__"))
            if self._copied > self._bytes.passed:
                raise ValueError("it copies the same things again and again")
            return make(*arguments)

        return made

    def persistent_load(self, pid: Any, /) -> Any:
        if self._tensors and isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage":
            return Skipped()
        raise InputError(f"{self._where} is refused: its pickle refers to something outside of it, {shown(pid)}")


class _NumberType:
    """Stands for ``numpy.dtype``, of plain numbers only."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not _NUMBER.fullmatch(code):
            raise ValueError(f"numbers of type {code!r}")
        self._code = code
        self._order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._order = ">" if state[1] == ">" else "<"

    def read(self, data: bytes) -> np.ndarray:
        code = self._code if self._code[0] in "<>=|" else self._order + self._code
        return np.frombuffer(data, dtype=np.dtype(code))


class _Array:
    """Stands for ``numpy.ndarray``; filled by its state."""

    values: np.ndarray

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, columns_first, data = state
        if isinstance(data, str):  # as Python 2 has written it
            data = data.encode("latin1")
        if not isinstance(kind, _NumberType) or not isinstance(data, bytes):
            raise ValueError("an array of other things than numbers")
        self.values = kind.read(data).reshape(shape, order="F" if columns_first else "C")


def _scalar(kind: _NumberType, data: bytes) -> int | float | bool:
    if not isinstance(kind, _NumberType) or not isinstance(data, bytes):
        raise ValueError("a NumPy scalar that is no number")
    return kind.read(data).item()


def _empty_array(*_: object) -> _Array:
    return _Array()


def _latin1(text: str, encoding: str) -> bytes:
    """How bytes are written in pickles of protocol 2."""
    if encoding != "latin1":
        raise ValueError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")


def _skip(*_: object) -> Skipped:
    return Skipped()


class _Function:
    """One of our functions as a pickle gets it: it can be called, but nothing of it can be changed."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TypeError(f"an attempt to change what {self._function.__name__} does")

    def __setstate__(self, state: object) -> NoReturn:
        raise TypeError(f"an attempt to change what {self._function.__name__} does")


_SKIP, _LATIN1 = _Function(_skip), _Function(_latin1)
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    # Two built-in types; the pickle gets functions that make them.
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("_codecs", "encode"): _LATIN1,
    ("numpy", "dtype"): _Function(_NumberType),
    ("numpy", "ndarray"): _Function(_empty_array),
    ("numpy.core.multiarray", "scalar"): _Function(_scalar),
    ("numpy._core.multiarray", "scalar"): _Function(_scalar),
    ("numpy.core.multiarray", "_reconstruct"): _Function(_empty_array),
    ("numpy._core.multiarray", "_reconstruct"): _Function(_empty_array),
}
_TENSORS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _SKIP,
    ("torch._utils", "_rebuild_parameter"): _SKIP,
}


def _one_line(error: BaseException) -> str:
    text = str(error).partition("\n")[0] or type(error).__name__
    return "".join(character for character in text if character.isprintable())[:100]
