"""The learning rate and the probability of drop path in the course of a training."""

from __future__ import annotations

from arch2vec.common.schedules import cosine
from arch2vec.networks.recipe import Recipe


def learning_rate(recipe: Recipe, epoch: int, step: int = 0, steps: int = 1) -> float:
    """The rate of a step.

    With E epochs, t epochs done (whole ones where the rate changes with the epoch)
    and the highest rate r::

        cosine        r (1 + cos(pi t / E)) / 2      (Loshchilov and Hutter, ICLR 2017)
        linear        r (1 - t / E)
        exponential   r decay^t
        constant      r

    In the w epochs of warm-up it is that times t / w, or (epoch + 1) / w where the
    rate changes with the epoch.

    Args:
        recipe: how the network is trained.
        epoch: whole epochs done.
        step: of the epoch under way, counted from 0.
        steps: in an epoch.
    """
    step, steps = (step, steps) if recipe.change == "step" else (0, 1)
    done = epoch + step / steps
    match recipe.schedule:
        case "cosine":
            factor = cosine(1.0, epoch * steps + step, recipe.epochs * steps)
        case "linear":
            factor = 1 - done / recipe.epochs
        case "exponential":
            factor = recipe.decay**done
        case "constant":
            factor = 1.0
    if epoch < recipe.warmup:
        # With the epochs done, the whole first epoch would have a rate of 0.
        factor *= (done if recipe.change == "step" else epoch + 1) / recipe.warmup
    return recipe.learning_rate * factor


def drop_path(recipe: Recipe, epoch: int) -> float:
    """The probability of dropping a path in the epoch after ``epoch`` whole ones (Liu et al., appendix A.2)."""
    return recipe.drop_path * epoch / recipe.epochs
