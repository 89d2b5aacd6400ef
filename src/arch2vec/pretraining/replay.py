"""Training steps that are recorded once and replayed on a GPU (a CUDA graph).

A step of this method is some two hundred small operations. A GPU is done with most of them sooner than a
processor can ask for the next. Recorded, they are asked for together: what remains is the arithmetic.
A recording is of one shape of batch, and everything in it has to lie where it lay when it was made:
parameters, the optimiser's moments, batch norm's statistics, the batch. What is drawn at random is drawn anew in
every replay, from the generator's state of then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from arch2vec.models.inputs import GraphTensors


class StepRates(NamedTuple):
    """What changes from step to step; scalars on the device where steps are recorded."""

    learning_rate: float | Tensor
    kl_weight: float | Tensor


Step = Callable[[GraphTensors, StepRates], Tensor]
"""From a batch and the rates of a step to the terms of the loss; changes parameters in place."""

_WARM = 3  # steps before recording, in which libraries choose their kernels and take their memory


class Replayed:
    """A step that is recorded.

    Args:
        step: what is recorded; waits for nothing, and makes shapes from shapes only.
        batch: of the shape to record, on a GPU.
        generator: that the step draws from.
        state: every tensor that the step changes; as before when the recording is made.
    """

    def __init__(self, step: Step, batch: GraphTensors, generator: torch.Generator, state: Iterable[Tensor]) -> None:
        self._batch = GraphTensors(*(None if part is None else part.clone() for part in batch))  # type: ignore[arg-type]
        self._rates = torch.zeros(len(StepRates._fields), device=batch.X.device)
        rates = StepRates(*self._rates.unbind())
        kept = [(tensor, tensor.detach().clone()) for tensor in state]
        noise = generator.get_state()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM):
                step(self._batch, rates)
        torch.cuda.current_stream().wait_stream(side)
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
        generator.set_state(noise)
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph):
            self._terms = step(self._batch, rates)

    def __call__(self, batch: GraphTensors, rates: StepRates) -> Tensor:
        """The step with another batch of the same shape; the terms are overwritten by the next call."""
        for own, part in zip(self._batch, batch, strict=True):
            if own is not None and part is not None:
                own.copy_(part)
        for own, value in zip(self._rates.unbind(), rates, strict=True):
            own.fill_(value)
        self._graph.replay()
        return self._terms
