"""GPTQ-style rounding: one input after another is rounded, and the inputs still to come make up for the error.

Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers" (ICLR 2023), with
the Hessian X X^T of the layer's own, already quantized input. Batched over the groups of a convolution.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array
from edgeconv.quantize.refine.least_squares import damped

__all__ = ["inverse_factor", "round_with_compensation"]

_DAMPING = 0.01
_BLOCK = 64
_SMALL = 128
"""Rows of a triangular matrix that is inverted as any other."""


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
    """The upper Cholesky factor U of the inverse of the damped Hessian (groups, K, K): inverse = U^T U.

    Backwards in both axes, the damped Hessian is L L^T; turned back again, L is upper triangular, and U is its inverse.
    """
    turned = damped(hessian, _DAMPING)[:, ::-1, ::-1]
    return _inverse_of_upper(np.linalg.cholesky(turned)[:, ::-1, ::-1])


def _inverse_of_upper(matrix: Array) -> Array:
    """The inverse of upper triangular matrices (groups, K, K): that of both halves, then one product for the corner."""
    size = matrix.shape[1]
    if size <= _SMALL:
        return np.triu(np.linalg.inv(matrix))
    half = size // 2
    first, last = _inverse_of_upper(matrix[:, :half, :half]), _inverse_of_upper(matrix[:, half:, half:])
    found = np.zeros(matrix.shape)
    found[:, :half, :half], found[:, half:, half:] = first, last
    found[:, :half, half:] = -first @ (matrix[:, :half, half:] @ last)
    return found
