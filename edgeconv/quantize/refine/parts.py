"""Layers with very many inputs, as fully connected ones behind the last map: their inputs in parts, as if in groups.

Second moments take the square of the number of inputs in memory, and what is done with them its cube in time. Each part
makes up for its own errors only.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array

__all__ = ["columns_in_parts", "joined", "weight_in_parts"]

_LARGEST = 4608
"""Inputs of a part at most: those of a 3 x 3 convolution over 512 channels."""


def columns_in_parts(columns: Array) -> Array:
    """(groups, K, L) as (groups * parts, size, L); what the last part lacks is zero."""
    groups, inputs, count = columns.shape
    parts, size = _parts(inputs)
    if parts == 1:
        return columns
    filled = np.pad(columns, ((0, 0), (0, parts * size - inputs), (0, 0)))
    return filled.reshape(groups * parts, size, count)


def weight_in_parts(weight: Array) -> Array:
    """(groups, outputs, K) as (groups * parts, outputs, size); what the last part lacks is zero."""
    groups, outputs, inputs = weight.shape
    parts, size = _parts(inputs)
    if parts == 1:
        return weight
    filled = np.pad(weight, ((0, 0), (0, 0), (0, parts * size - inputs)))
    return filled.reshape(groups, outputs, parts, size).transpose(0, 2, 1, 3).reshape(-1, outputs, size)


def joined(parts: Array, shape: tuple[int, ...]) -> Array:
    """The weight of this `shape` (groups, outputs, K) whose parts these are."""
    groups, outputs, inputs = shape
    size = parts.shape[2]
    whole = parts.reshape(groups, -1, outputs, size).transpose(0, 2, 1, 3).reshape(groups, outputs, -1)
    return np.ascontiguousarray(whole[:, :, :inputs])


def _parts(inputs: int) -> tuple[int, int]:
    """How many parts, and the inputs of each."""
    count = max(-(-inputs // _LARGEST), 1)
    return count, -(-inputs // count)
