"""The negative evidence lower bound that pre-training minimises (paper, section 3.3).

Padded vertices, where a batch has any, count in none of the terms.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

OperationActivation = Literal["softmax", "sigmoid"]
ACTIVATIONS: tuple[OperationActivation, ...] = ("softmax", "sigmoid")


def operation_loss(
    logits: Float[Tensor, "B V K"],
    X: Float[Tensor, "B V K"],
    mask: Float[Tensor, "B V"] | None,
    activation: OperationActivation,
) -> Float[Tensor, ""]:
    """Mean binary cross-entropy over the B x V x K operation probabilities.

    Args:
        logits: (B, V, K).
        X: (B, V, K) the operations one-hot.
        mask: (B, V), None for no padding.
        activation: how logits become probabilities: a ``softmax`` over the operations,
            as in the paper's text, or an independent ``sigmoid`` for each, as in its
            public release.
    """
    if activation == "sigmoid":
        losses = functional.binary_cross_entropy_with_logits(logits, X, reduction="none")
    else:
        losses = _softmax_losses(logits, X)
    return losses.mean() if mask is None else (losses.mean(-1) * mask).sum() / mask.sum()


def _softmax_losses(logits: Tensor, X: Tensor) -> Tensor:
    """Binary cross-entropy of softmax probabilities, (B, V, K), from their logarithms.

    log(1 - p_i) is that of the sum of all other p_j, not 1 - p_i itself: where p_i is so
    near 1 that the difference is all rounding, gradients taken through it are noise
    of any size, and one such vertex undoes what thousands of steps have learned.
    Beside the most probable operation the sum without p_i is at least half of the whole one, so that
    only the most probable one needs a sum of its own.
    """
    peak, at = logits.detach().max(-1, keepdim=True)
    first = torch.zeros_like(logits, dtype=torch.bool).scatter_(-1, at, True)
    shares = (logits - peak).exp()
    total = shares.sum(-1, keepdim=True)
    without_first = logits.masked_fill(first, -torch.inf).logsumexp(-1, keepdim=True)
    others = torch.where(first, without_first, peak + (total - shares).masked_fill(first, 1.0).log())
    return peak + total.log() - torch.where(X > 0, logits, others)


def edge_loss(
    logits: Float[Tensor, "B V V"], A: Float[Tensor, "B V V"], mask: Float[Tensor, "B V"] | None
) -> Float[Tensor, ""]:
    """Mean binary cross-entropy over the B x V x V adjacency, whose lower triangle is zero on both sides.

    Args:
        logits: (B, V, V), of which only the strict upper triangle is used.
        A: (B, V, V), strictly upper triangular, 0 or 1.
        mask: (B, V), None for no padding.
    """
    V = A.shape[-1]
    upper = torch.triu(torch.ones(V, V, device=A.device), 1)
    losses = functional.binary_cross_entropy_with_logits(logits, A, weight=upper, reduction="none")
    if mask is None:
        return losses.mean()
    pairs = mask.unsqueeze(2) * mask.unsqueeze(1)
    return (losses * pairs).sum() / pairs.sum()


def target_loss(predicted: Float[Tensor, "B T"], targets: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
    """Mean squared error of predicted numbers (B, T)."""
    return functional.mse_loss(predicted, targets)


def ranking_loss(scores: Float[Tensor, "*runs B"], values: Float[Tensor, "*runs B"]) -> Float[Tensor, ""]:
    """Mean softplus(s_j - s_i) over the pairs of which i is worth more than j: how wrongly scores order them.

    Scores and values of any shape (..., B) are compared along the last axis; without a pair, 0.

    Args:
        scores: (..., B) what is predicted of B architectures.
        values: (..., B), NaN where it is not known; such are in no pair.
    """
    better = values.unsqueeze(-1) > values.unsqueeze(-2)
    losses = functional.softplus(scores.unsqueeze(-2) - scores.unsqueeze(-1))
    pairs = better.sum((-2, -1))
    return ((losses * better).sum((-2, -1)) / pairs.clamp_min(1)).mean()


def kl_divergence(
    mean: Float[Tensor, "B V latent"], log_std: Float[Tensor, "B V latent"], mask: Float[Tensor, "B V"] | None
) -> Float[Tensor, ""]:
    """KL(q(Z | X, A) || N(0, I)), summed over dimensions, averaged over vertices and batch.

    Args:
        mean: (B, V, latent).
        log_std: (B, V, latent).
        mask: (B, V), None for no padding.
    """
    vertexwise = -0.5 * (1 + 2 * log_std - mean.square() - (2 * log_std).exp()).sum(-1)
    return vertexwise.mean() if mask is None else (vertexwise * mask).sum() / mask.sum()
