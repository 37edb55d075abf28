"""GPTQ-style rounding: one input after another is rounded, and the inputs still to come make up for the error.

Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers" (ICLR 2023), with
the Hessian X X^T of the layer's own, already quantized input. Batched over the groups of a convolution.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array

__all__ = ["inverse_factor", "round_with_compensation"]

_DAMPING = 0.01
_BLOCK = 64


def round_with_compensation(weight: Array, scales: Array, inverse: Array) -> Array:
    """Integers in [-127, 127] for `weight` (groups, outputs, K) at `scales` (groups, outputs).

    inverse: (groups, K, K), the `inverse_factor` of the second moment of the input.
    """
    rest = weight.astype(np.float64) / scales[:, :, None]
    rounded = np.empty_like(rest)
    size = rest.shape[2]
    for begin in range(0, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        errors = np.empty_like(rest[:, :, begin:end])
        for k in range(begin, end):
            rounded[:, :, k] = np.clip(np.rint(rest[:, :, k]), -127, 127)
            errors[:, :, k - begin] = (rest[:, :, k] - rounded[:, :, k]) / inverse[:, k, k, None]
            carried = errors[:, :, k - begin, None] * inverse[:, None, k, k + 1 : end]
            rest[:, :, k + 1 : end] -= carried
        rest[:, :, end:] -= errors @ inverse[:, begin:end, end:]
    return rounded.astype(np.int8)


def inverse_factor(hessian: Array) -> Array:
    """The upper Cholesky factor of the inverse of the damped Hessian (groups, K, K)."""
    size = hessian.shape[1]
    diagonal = np.einsum("gkk->gk", hessian)
    damping = _DAMPING * diagonal.mean(axis=1) + 1e-12
    damped = hessian + damping[:, None, None] * np.eye(size)
    factor: Array = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    return factor
