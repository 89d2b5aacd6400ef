"""How well a network's rectified units tell images apart."""

from __future__ import annotations

import numpy as np
import torch

from arch2vec.proxies.base import proxy
from arch2vec.proxies.passes import Passes


@proxy("naswot", "Mellor et al., ICML 2021, equations 1 and 2")
def naswot(passes: Passes) -> float:
    """The logarithm of |K|, where K[i, j] is the number of ReLUs that are on for both images i and j, or off for both.

    K = N_A - d_H, for N_A units and the Hamming distance of the images' binary codes.
    A ReLU that several layers read counts once. In natural logarithms. NaN: K is singular,
    as where two images have the same code, or there are no ReLUs.
    """
    kernel = code_kernel([rectified.detach() for rectified in passes.trace.rectified], len(passes.images))
    if np.linalg.matrix_rank(kernel, hermitian=True) < len(kernel):
        return float("nan")
    return float(np.linalg.slogdet(kernel)[1])


def code_kernel(rectified: list[torch.Tensor], images: int) -> np.ndarray:
    """(B, B) float64, how many entries of the (B, ...) outputs of ReLUs are on or off for both images."""
    kernel = np.zeros((images, images))
    for output in rectified:
        codes = (output > 0).flatten(1).to(torch.float32)
        both = (codes @ codes.T).to(torch.float64).cpu().numpy()  # exact: counts are below 2^24
        on = both.diagonal()
        # On for both, plus off for both: U - on_i - on_j + both.
        kernel += 2 * both + codes.shape[1] - on[:, None] - on[None, :]
    return kernel
