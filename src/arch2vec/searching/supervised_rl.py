"""REINFORCE in a latent space that is learned along with the policy, the paper's supervised baseline.

The search is that of :mod:`arch2vec.searching.arch2vec_rl`, but for where vectors come
from: an encoder of the same kind as the pre-trained one starts from random
weights, and the policy gradient goes on through the states into it. At
the start of every episode the pool is embedded anew.

Two things keep it affordable. Only a random part of a large pool is embedded in an
episode. And batch norm takes its statistics from 256 architectures, in the pass
before the embedding; they count as constants where the gradient passes.

In contrast to the search in a fixed embedding, a policy of unit variance does better here than
one scaled to the embedding: it is the default.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.searching.arch2vec_rl import Arch2vecRL
from arch2vec.searching.rl_config import SupervisedRLConfig

if TYPE_CHECKING:
    from torch import Tensor

    from arch2vec.searching.joint_encoder import JointEncoder
    from arch2vec.searching.latent_map import LatentMap


_DEFAULT = SupervisedRLConfig()


class SupervisedRL(Arch2vecRL):
    """Policy and encoder trained together by policy gradient.

    Args:
        embedding: the architectures to choose from; its vectors are not used.
        seed: of all random choices.
        settings: of policy and encoder.
    """

    name: ClassVar[str] = "supervised-rl"

    def __init__(self, embedding: Embedding, *, seed: int, settings: SupervisedRLConfig = _DEFAULT) -> None:
        self.settings = settings
        super().__init__(embedding, seed=seed, config=self.settings.policy)

    @override
    def restart(self) -> None:
        super().restart()
        self._encoder: JointEncoder | None = None

    @property
    @override
    def dimensions(self) -> int:
        return self.settings.latent

    @override
    def alike(self) -> Hashable:
        return id(self)  # every search has an encoder and a map of its own

    @override
    def _new_map(self) -> LatentMap:
        from arch2vec.searching.joint_encoder import JointEncoder
        from arch2vec.searching.latent_map import LatentMap

        rng = np.random.default_rng([self.seed, 3, self.position()[0]])
        if self._encoder is None:
            self._encoder = JointEncoder(self.embedding, self.settings, self.seed)
        size = min(self.settings.pool, len(self.embedding))
        rows = np.sort(rng.choice(len(self.embedding), size=size, replace=False))
        self._encoder.calibrate(rng)
        return LatentMap(self._encoder.vectors(rows), rows, self.config.scaling)

    @override
    def states_of(self, rows: Sequence[int]) -> Tensor:
        assert self.latent_map is not None and self._encoder is not None
        return self.latent_map.states(self._encoder.vectors(np.array(rows)))

    @override
    def pass_on(self, rows: Sequence[int], gradient: Tensor) -> None:
        assert self.latent_map is not None and self._encoder is not None
        self._encoder.learn(np.array(rows), gradient / self.latent_map.spread)

    @override
    def elsewhere(self, point: Tensor) -> int:
        from arch2vec.searching.latent_map import LatentMap

        assert self._encoder is not None
        rows = self.uncovered(besides=self.walk[len(self._asked) :])
        whole = LatentMap(self._encoder.vectors(rows), rows, "unit")
        (row,) = whole.nearest(point.unsqueeze(0), [lambda some: np.zeros(len(some), dtype=np.bool_)])
        assert row is not None
        return row
