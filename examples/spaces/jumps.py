"""The constraint of channels.yaml."""

from itertools import pairwise


def no_jumps(architecture: str) -> bool:
    """Whether no layer is more than twice as wide as the one before it."""
    widths = [int(width) for width in architecture.split("|")]
    return all(after <= 2 * before for before, after in pairwise(widths))
