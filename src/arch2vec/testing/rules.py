"""What a rule is, and how several are checked."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np


class BrokenRule(AssertionError):  # noqa: N818
    """Something does not keep a rule; one line says which and how."""


def require(holds: object, broken: str) -> None:
    """Raise :class:`BrokenRule` with what is broken unless something holds."""
    if not holds:
        raise BrokenRule(broken)


def check_all(rules: Sequence[Callable[..., None]], what: str, *subject: object) -> None:
    """Check every rule.

    Args:
        rules: each takes the subject.
        what: it is, for messages: ``search method mine``.
        subject: what is checked.

    Raises:
        BrokenRule: for the first rule that is broken.
    """
    for rule in rules:
        try:
            rule(*subject)
        except BrokenRule as error:
            raise BrokenRule(f"{what}: {title(rule)}: {error}") from error
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise BrokenRule(f"{what}: {title(rule)}: {reason}") from error


def title(rule: Callable[..., None]) -> str:
    """A rule in words: the first line of its docstring."""
    return (rule.__doc__ or rule.__name__).strip().partition("\n")[0].rstrip(".")


@contextmanager
def global_randomness_untouched() -> Iterator[None]:
    """Raise :class:`BrokenRule` if the block draws from a generator that all code shares."""
    before = _shared_states()
    yield
    after = _shared_states()
    changed = [name for name, state in before.items() if after[name] != state]
    require(not changed, f"it draws from the global generator of {', '.join(changed)}; draw from one of your own")


def _shared_states() -> dict[str, str]:
    import sys

    states = {
        "random": str(random.getstate()),
        "numpy.random": str(np.random.get_state(legacy=False)),  # noqa: NPY002
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = str(torch.get_rng_state().numpy().tobytes())
    return states
