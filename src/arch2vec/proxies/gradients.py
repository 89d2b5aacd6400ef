"""Proxies from weights and their gradients, with one backward pass (Abdelfattah et al., ICLR 2021).

w are the L weights of convolutions and linear layers, g their gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arch2vec.proxies.base import proxy
from arch2vec.proxies.passes import Passes

_ABDELFATTAH = "Abdelfattah et al., ICLR 2021"


@proxy("grad-norm", _ABDELFATTAH)
def grad_norm(passes: Passes) -> float:
    """The sum over layers of the Euclidean norm of g, in nats per unit of weight. NaN: the loss is not finite."""
    return sum(_norm(gradient) for gradient in passes.weight_gradients)


@proxy("snip", "Lee et al., ICLR 2019, summed as by Abdelfattah et al., ICLR 2021")
def snip(passes: Passes) -> float:
    """SNIP: the sum of |w g| over all weights, in nats. NaN: the loss is not finite.

    To first order how much the loss changes if a weight is taken away, whatever the direction.
    """
    return sum(_sum((w * g).abs()) for w, g in zip(passes.weights, passes.weight_gradients, strict=True))


@proxy("plain", _ABDELFATTAH)
def plain(passes: Passes) -> float:
    """The sum of w g over all weights, in nats, of either sign. NaN: the loss is not finite.

    Batch norm makes the loss independent of the scale of the weights before it, whose
    terms cancel: what is left is of the other layers, mostly the classifier.
    """
    return sum(_sum(w * g) for w, g in zip(passes.weights, passes.weight_gradients, strict=True))


@proxy("l2-norm", _ABDELFATTAH, data=False)
def l2_norm(passes: Passes) -> float:
    """The sum over layers of the Euclidean norm of w, in units of weight; never NaN."""
    return sum(_norm(weight) for weight in passes.weights)


@proxy("grasp", "Wang et al., ICLR 2020, summed as by Abdelfattah et al., ICLR 2021", second_order=True)
def grasp(passes: Passes) -> float:
    """GraSP: the sum of -w (H g) over all weights, H the loss's Hessian, in nats squared per unit of weight squared.

    To first order how much the squared norm of the gradient falls, times one half, if weights are
    scaled up together. Of either sign. NaN: the loss is not finite.
    """
    return -sum(_sum(w * product) for w, product in zip(passes.weights, passes.curvature, strict=True))


def _sum(values: Tensor) -> float:
    return float(values.detach().sum(dtype=torch.float64))


def _norm(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values.detach(), dtype=torch.float64))
