"""Constraints on search spaces: see docs/own-space.md."""


def at_most_one_wide_layer(architecture: str) -> bool:
    """For cells such as 8|64|16."""
    return architecture.split("|").count("64") <= 1
