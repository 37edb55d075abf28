"""Bias correction: the bias that makes a layer's mean output right, b + W E[x] - Wq E[xq].

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019), section 4.2. With
what the int8 network so far really gives as xq it corrects layer after layer; with xq = x, the float network's own
means, all layers at once.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array

__all__ = ["corrected_bias"]

_LIMIT = 2**31 - 1


def corrected_bias(wanted: Array, given: Array, bias: Array, steps: Array) -> Array:
    """int32 (groups, outputs), in `steps` of the accumulator.

    wanted: W E[x] (groups, outputs) of the float layer; given: Wq E[xq]; bias: of the float layer, real.
    """
    corrected = np.rint((bias + wanted - given) / steps)
    return np.clip(corrected, -_LIMIT, _LIMIT).astype(np.int32)
