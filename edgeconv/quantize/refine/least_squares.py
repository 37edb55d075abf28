"""Least-squares fit: weights that make the quantized input reproduce the float output.

W* = W + W E[(x - xq) xq^T] (E[xq xq^T] + lambda)^-1, ridge regression around the trained weights (cf. Hubara et al.,
"Accurate Post Training Quantization With Small Calibration Sets", ICML 2021, solved in closed form). Inputs are
centred: the bias takes care of the means.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array

__all__ = ["RIDGES", "fit_weights"]

RIDGES = {"fit": 0.5, "close fit": 0.15}
"""Pull towards the trained weights, as a share of the input's mean second moment, by the proposal's name."""


def fit_weights(weight: Array, difference: Array, hessian: Array, ridge: float = RIDGES["fit"]) -> Array:
    """The fitted weight (groups, outputs, K), pulled towards `weight` by `ridge`.

    difference: (groups, K, K), mean of (x - xq) xq^T; hessian: (groups, K, K), mean of xq xq^T; all centred.
    """
    pull = ridge * np.einsum("gkk->gk", hessian).mean(axis=1) + 1e-12
    damped = hessian + pull[:, None, None] * np.eye(hessian.shape[1])
    solved = np.linalg.solve(damped, difference.transpose(0, 2, 1)).transpose(0, 2, 1)
    fitted: Array = weight + weight.astype(np.float64) @ solved
    return fitted
