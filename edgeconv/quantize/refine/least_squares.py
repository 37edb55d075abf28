"""Least-squares fit: weights that make the quantized input reproduce the float output.

W* = W + W E[(x - xq) xq^T] (E[xq xq^T] + lambda)^-1, ridge regression around the trained weights (cf. Hubara et al.,
"Accurate Post Training Quantization With Small Calibration Sets", ICML 2021, solved in closed form). Inputs are
centred: the bias takes care of the means.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array

__all__ = ["RIDGES", "damped", "fit_weights"]

RIDGES = {"fit": 0.5, "close fit": 0.15}
"""Pull towards the trained weights, as a share of the input's mean second moment, by the proposal's name."""


def fit_weights(weight: Array, difference: Array, hessian: Array, ridge: float = RIDGES["fit"]) -> Array:
    """The fitted weight (groups, outputs, K), pulled towards `weight` by `ridge`.

    difference: (groups, K, K), mean of (x - xq) xq^T; hessian: (groups, K, K), mean of xq xq^T; all centred.
    """
    wanted = difference.transpose(0, 2, 1) @ weight.astype(np.float64).transpose(0, 2, 1)
    fitted: Array = weight + np.linalg.solve(damped(hessian, ridge), wanted).transpose(0, 2, 1)
    return fitted


def damped(hessian: Array, share: float) -> Array:
    """The Hessian (groups, K, K) with `share` of the mean of its diagonal added to the diagonal."""
    found: Array = hessian.copy()
    diagonal = np.einsum("gkk->gk", found)
    diagonal += share * diagonal.mean(axis=1, keepdims=True) + 1e-12
    return found
