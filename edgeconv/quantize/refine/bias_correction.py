"""Bias correction: rounding the weights shifts the mean of every output; the bias takes the shift back.

b += E[(W - Wq) x] with the channel means of x in the float network (Nagel et al., "Data-Free Quantization Through
Weight Equalization and Bias Correction", ICCV 2019, section 4.2, with means from calibration samples).
"""

from __future__ import annotations

from edgeconv.core import Array
from edgeconv.ops.base import Operator

__all__ = ["bias_shift"]


def bias_shift(op: Operator, weight: Array, quantized: Array, channel_mean: Array) -> Array | None:
    """What to add to the bias (channels,), or None for an operator that has no mean response."""
    return op.mean_response(channel_mean, weight.astype("float64") - quantized)
