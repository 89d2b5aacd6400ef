"""An objective of one's own: what an architecture is worth, from its text. A training would stand here."""

WORTH = {"conv": 4.0, "pool": 1.5, "skip": 0.5}


def accuracy(architecture: str) -> dict[str, float]:
    """Made up: convolutions are worth most, and most of all early on."""
    layers = architecture.split("-")
    value = 60 + sum(WORTH[layer] * (len(layers) - place) for place, layer in enumerate(layers))
    return {"validation": value, "test": value - 0.5 * layers.count("skip"), "cost_s": 10.0 * layers.count("conv")}
