"""The passes through a network that proxies are computed from, each made once and only if it is asked for."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from arch2vec.errors import InputError
from arch2vec.proxies.trace import Trace, watched


class Passes:
    """One untrained network, one labelled batch, and what passes of it give.

    The network is in training mode in every pass, so batch norms use the
    statistics of the batch, as in the papers' experiments; it is left as it was.
    Gradients are those of the mean cross-entropy in natural logarithms, with
    respect to the weights (not the biases, nor batch norms) of convolutions and
    linear layers.

    Args:
        network: maps images (B, channels, H, W) to scores (B, classes).
        images: (B, channels, H, W), of the network's type.
        labels: (B,) int64, classes counted from 0.
        seed: of whatever a proxy draws, in 0 .. 2^63 - 1.
        second_order: whether :attr:`curvature` will be asked for; gradients take longer then.

    Raises:
        InputError: the batch is of the wrong shape.
    """

    def __init__(
        self, network: nn.Module, images: Tensor, labels: Tensor, seed: int = 0, *, second_order: bool = False
    ) -> None:
        if images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
            raise InputError(
                "a proxy needs images (B, channels, H, W) and labels (B,) with B of at least 1, "
                f"got {tuple(images.shape)} and {tuple(labels.shape)}"
            )
        self.network = network
        self.images = images
        self.labels = labels
        self.seed = seed
        self._second_order = second_order

    @cached_property
    def _forward(self) -> tuple[Tensor, Trace, Tensor]:
        images = self.images.detach().requires_grad_()
        parameters = {name: value.detach().requires_grad_() for name, value in self.network.named_parameters()}
        with torch.enable_grad():
            scores, trace = watched(self.network, parameters, images)
        if not trace.layers:
            raise InputError("a proxy needs a network with a convolution or a linear layer")
        if int(self.labels.max()) >= scores.shape[1] or int(self.labels.min()) < 0:
            raise InputError(f"labels must be among the network's {scores.shape[1]} classes, counted from 0")
        return scores, trace, images

    @property
    def scores(self) -> Tensor:
        """(B, classes) of the batch."""
        return self._forward[0].detach()

    @property
    def trace(self) -> Trace:
        """What the forward pass went through."""
        return self._forward[1]

    @cached_property
    def weights(self) -> list[Tensor]:
        """The L weights of convolutions and linear layers that the scores are computed with, each once."""
        return list({id(layer.weight): layer.weight for layer in self.trace.layers}.values())

    @cached_property
    def _gradients(self) -> list[Tensor]:
        scores, trace, _ = self._forward
        with torch.enable_grad():
            loss = functional.cross_entropy(scores, self.labels)
            wanted = [*self.weights, *(layer.output for layer in trace.layers)]
            found = torch.autograd.grad(
                loss, wanted, retain_graph=True, create_graph=self._second_order, allow_unused=True
            )
        return [
            torch.zeros_like(what) if gradient is None else gradient
            for what, gradient in zip(wanted, found, strict=True)
        ]

    @cached_property
    def weight_gradients(self) -> list[Tensor]:
        """The gradient of each of the :attr:`weights`, of its shape."""
        return [gradient.detach() for gradient in self._gradients[: len(self.weights)]]

    @cached_property
    def output_gradients(self) -> list[Tensor]:
        """The gradient with respect to each layer's output, in the order of the trace's layers."""
        return [gradient.detach() for gradient in self._gradients[len(self.weights) :]]

    @cached_property
    def curvature(self) -> list[Tensor]:
        """H g, the loss's Hessian times its gradient, by weight."""
        if not self._second_order:
            raise ValueError("ask for second_order first")
        gradients = self._gradients[: len(self.weights)]
        with torch.enable_grad():
            along = torch.stack([(gradient.detach() * gradient).sum() for gradient in gradients]).sum()
            found = torch.autograd.grad(along, self.weights, retain_graph=True, allow_unused=True)
        return [
            torch.zeros_like(weight) if product is None else product
            for weight, product in zip(self.weights, found, strict=True)
        ]

    @cached_property
    def jacobian(self) -> Tensor:
        """(B, D) for each image the gradient of the sum of all scores of the batch with respect to its D pixels."""
        scores, _, images = self._forward
        ones = torch.ones_like(scores)
        (found,) = torch.autograd.grad(scores, images, ones, retain_graph=True, allow_unused=True)
        return (torch.zeros_like(images) if found is None else found).flatten(1)
