"""A second opinion on int8 programs: plain loops over plain integers; it shares only the attributes with the kernels.

real = scale * (q - zero_point). Sums are int64, one float32 factor requantizes: saturate(rint(float32(acc) * factor) +
zero_point), ties to even. It knows the operators that two of the golden models need, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from edgeconv.core import Array, QParams
from edgeconv.runtime.program import Program

__all__ = ["evaluate", "quantized"]


def evaluate(program: Program, x: Array) -> dict[str, Array]:
    """Every tensor by name, for the int8 input `x`."""
    tensors = program.tensors
    values: dict[int, Array] = {i: np.asarray(t.data) for i, t in enumerate(tensors) if t.data is not None}
    values[program.inputs[0]] = x
    for step in program.steps:
        operands = [_Operand(values[index], tensors[index].type.q) for index in step.inputs]
        result = _OPERATORS[type(step.op).__name__](step.op, *operands, q=tensors[step.outputs[0]].type.q)
        values[step.outputs[0]] = result
    return {tensors[index].name: value for index, value in values.items() if tensors[index].data is None}


def quantized(x: Array, q: QParams) -> Array:
    """float32 -> int8: saturate(rint(x / scale) + zero_point)."""
    return _saturate(np.rint(x.astype(np.float32) / np.float32(q.scale[0])), q)


class _Operand:
    """int8 values with their parameters; `centred` are q - zero_point as int64."""

    def __init__(self, values: Array, q: QParams | None) -> None:
        self.values, self.q = values, q

    @property
    def scale(self) -> np.float64:
        assert self.q is not None
        return np.float64(self.q.scale[0])

    @property
    def centred(self) -> Array:
        assert self.q is not None
        return self.values.astype(np.int64) - self.q.zero_point[0]

    def units_of(self, q: QParams) -> Array:
        """The values in units of another scale: float32(q - zero_point) * float32(scale / other scale)."""
        return self.centred.astype(np.float32) * np.float32(self.scale / np.float64(q.scale[0]))


def _saturate(rounded: Array, q: QParams, low: float = -np.inf, high: float = np.inf) -> Array:
    """Zero point added, clamped to int8 and to the real bounds `low` and `high`."""
    scale, zero_point = q.scale[0], q.zero_point[0]
    lowest = -128 if np.isinf(low) else max(-128, round(low / scale) + zero_point)
    highest = 127 if np.isinf(high) else min(127, round(high / scale) + zero_point)
    return np.clip(rounded.astype(np.int64) + zero_point, lowest, highest).astype(np.int8)


def _conv(op: Any, x: _Operand, w: _Operand, b: _Operand, residual: _Operand | None = None, *, q: QParams) -> Array:
    """x (N, C, H, W), w (O, C / groups, KH, KW): every output element is a sum of its own."""
    assert w.q is not None
    top, left, bottom, right = op.pads
    padded = np.pad(x.centred, ((0, 0), (0, 0), (top, bottom), (left, right)))
    (outputs, per_group, kernel_h, kernel_w), groups = w.values.shape, op.groups
    height = (padded.shape[2] - op.dilations[0] * (kernel_h - 1) - 1) // op.strides[0] + 1
    width = (padded.shape[3] - op.dilations[1] * (kernel_w - 1) - 1) // op.strides[1] + 1
    acc = np.zeros((len(padded), outputs, height, width), np.int64)
    weights = w.values.astype(np.int64)
    for output in range(outputs):
        first = output // (outputs // groups) * per_group
        for channel, i, j in np.ndindex(per_group, kernel_h, kernel_w):
            y, z = i * op.dilations[0], j * op.dilations[1]
            rows = slice(y, y + (height - 1) * op.strides[0] + 1, op.strides[0])
            columns = slice(z, z + (width - 1) * op.strides[1] + 1, op.strides[1])
            acc[:, output] += weights[output, channel, i, j] * padded[:, first + channel, rows, columns]
    acc += b.values.astype(np.int64).reshape(-1, 1, 1)
    factor = _factor(np.array(w.q.scale) * x.scale, q).reshape(-1, 1, 1)
    scaled = acc.astype(np.float32) * factor
    if residual is not None:
        scaled = scaled + residual.units_of(q)
    return _saturate(np.rint(scaled), q, op.low, op.high)


def _dense(op: Any, x: _Operand, w: _Operand, b: _Operand, *, q: QParams) -> Array:
    """x (..., K), w (K, O)."""
    assert w.q is not None
    acc = np.einsum("...k,ko->...o", x.centred, w.values.astype(np.int64)) + b.values.astype(np.int64)
    factor = _factor(np.array(w.q.scale) * x.scale, q)
    return _saturate(np.rint(acc.astype(np.float32) * factor), q, op.low, op.high)


def _add(op: Any, a: _Operand, b: _Operand, *, q: QParams) -> Array:
    return _saturate(np.rint(a.units_of(q) + b.units_of(q)), q, op.low, op.high)


def _mul(op: Any, a: _Operand, b: _Operand, *, q: QParams) -> Array:
    factor = _factor(np.array(a.scale * b.scale), q)
    return _saturate(np.rint((a.centred * b.centred).astype(np.float32) * factor), q, op.low, op.high)


def _mean(op: Any, x: _Operand, *, q: QParams) -> Array:
    acc = x.centred.sum(axis=op.axes, keepdims=op.keep_dims)
    factor = _factor(np.array(x.scale / prod(x.values.shape[axis] for axis in op.axes)), q)
    return _saturate(np.rint(acc.astype(np.float32) * factor), q)


def _lookup(op: Any, x: _Operand, table: _Operand, *, q: QParams) -> Array:
    return table.values[np.clip(x.values.astype(np.int64) - op.first, 0, len(table.values) - 1)]


def _reshape(op: Any, x: _Operand, *, q: QParams) -> Array:
    return x.values.reshape([x.values.shape[axis] if dim == 0 else dim for axis, dim in enumerate(op.shape)])


def _factor(scales: Array, q: QParams) -> Array:
    """float32(s_in / s_out), divided in float64."""
    return (scales / np.float64(q.scale[0])).astype(np.float32)


_OPERATORS: Mapping[str, Callable[..., Array]] = {
    "Add": _add,
    "Conv": _conv,
    "Dense": _dense,
    "Lookup": _lookup,
    "Mul": _mul,
    "ReduceMean": _mean,
    "Reshape": _reshape,
}
