"""Kernels for activations held in 16 bits, beside int8 weights: the second rung of the ladder of precision.

The determinism law holds: products and sums of integers are exact, in float32 where the input is int8, else in float64
(32768 * 127 * K stays below 2**53, in any order of summation; the product of 64-bit floats takes what two of 32 bits,
one for the high and one for the low byte, would). Everything else is a single
IEEE operation for each element. One rounding at the end:
saturate(rint(float32(acc) * float32(s_x * s_w / s_y) [+ residual]) + zero_point). Inputs and outputs may be int8 or
int16, each with parameters of its own; how an operator is computed is data, `Operator.int16`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf

import numpy as np

from edgeconv.core import Array, Kernel
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, ShapeError
from edgeconv.ops.integer import centred_weight, clamp_bounds, exact_dtype, multiplier, required, scalar, weight_bound
from edgeconv.records import replace

__all__ = ["plan_int16"]


def plan_int16(op: Operator, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
    """The kernel of an operator of which an input or output is int16; ShapeError where it has none."""
    if op.int16 not in _PLANS:
        raise ShapeError("it has no kernel for 16-bit activations")
    return _PLANS[op.int16](op, inputs, outputs, scratch)


def _plan_layer(op: Operator, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
    """Conv, Dense: one exact product per sample."""
    x, weight, y, residual = inputs[0], inputs[1], outputs[0], inputs.get(3)
    bias = inputs.get(2)
    if not weight.is_constant or (bias is not None and not bias.is_constant):
        raise ShapeError("its weight and bias must be constants beside 16-bit activations")
    (scale_x, _), scale_y = scalar(x.q), scalar(y.q)[0]
    op, values = _in_steps(op, scale_x), centred_weight(weight)
    largest = 2**15 if x.type.dtype == "int16" else 2**8
    dtype = exact_dtype(weight_bound(values if op.channel_axis == 1 else values.T, None, largest))
    matrix = op.matrix(values.astype(dtype))
    scales = np.broadcast_to(np.array(required(weight.q).scale, np.float64), (matrix.shape[0] * matrix.shape[1],))
    factor = multiplier(scales * scale_x, scale_y)[:, None]
    offset = np.zeros((factor.size, 1)) if bias is None else bias.array.astype(np.float64)[:, None]
    if bias is not None and bias.type.is_float:
        offset /= (scales * scale_x)[:, None]
    low, high = getattr(op, "low", -inf), getattr(op, "high", inf)
    settle = _settler(y, low, high)
    load, add = _reader(x, dtype), None if residual is None else _scaled_reader(residual, scale_y)

    def one(row: slice) -> None:
        columns = op.columns(load(row), values, _ALL)
        assert columns is not None
        acc = np.matmul(matrix, columns).reshape(factor.size, -1)
        total = (acc.astype(np.float64) + offset).astype(np.float32) * factor
        real = _to_output(op, total, y.array[row].shape)
        settle(row, real if add is None else real + add(row))

    return _by_sample(one, x, y)


_ALL = 1 << 62
"""Every position of a map."""


def _in_steps(op: Operator, scale: float) -> Operator:
    """The operator with the values of its padding in steps of the input instead of real units."""
    padding = getattr(op, "pad_values", ())
    if not padding:
        return op
    steps = np.rint(np.array(padding) / scale)
    return replace(op, pad_values=tuple(steps.tolist()))  # type: ignore[call-arg]  # a Conv has them


def _to_output(op: Operator, total: Array, shape: tuple[int, ...]) -> Array:
    """(channels, positions) in the shape of the output, whose channels are at `op.channel_axis`."""
    axis = op.channel_axis % len(shape)
    others = tuple(size for at, size in enumerate(shape) if at != axis)
    return np.moveaxis(total.reshape(len(total), *others), 0, axis)


def _plan_real(op: Operator, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
    """Elementwise arithmetic without functions: on real values in float64, rounded once."""
    y = outputs[0]
    scale = scalar(y.q)[0]
    loads = [None if operand is None else _real_reader(operand) for operand in inputs]
    settle = _settler(y, -inf, inf)

    def kernel() -> None:
        with np.errstate(all="ignore"):
            real = op.run(*(None if load is None else load(_EVERY) for load in loads))
        settle(_EVERY, np.asarray(real) / scale)

    return kernel


def _plan_sums(op: Operator, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
    """Means and sums: of the integers, exactly, then scaled."""
    x, y = inputs[0], outputs[0]
    factor = scalar(x.q)[0] / scalar(y.q)[0]
    load, settle = _reader(x), _settler(y, -inf, inf)

    def kernel() -> None:
        settle(_EVERY, np.asarray(op.run(load(_EVERY))) * factor)

    return kernel


def _plan_move(op: Operator, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
    """Movement of data: the bytes as they are."""
    return Operator.plan(op, inputs, outputs, scratch)


def _plan_border(op: Operator, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
    """Quantize and Dequantize."""
    x, y = inputs[0], outputs[0]
    if y.q is None:
        scale, load = np.float32(scalar(x.q)[0]), _reader(x)
        return lambda: np.copyto(y.array, load(_EVERY).astype(np.float32) * scale)
    scale, settle = np.float32(scalar(y.q)[0]), _settler(y, -inf, inf)
    return lambda: settle(_EVERY, x.array / scale)


_PLANS: dict[str, Callable[[Operator, Inputs[Operand], Sequence[Operand], Scratch], Kernel]] = {
    "layer": _plan_layer,
    "real": _plan_real,
    "sums": _plan_sums,
    "move": _plan_move,
    "border": _plan_border,
    "own": lambda op, inputs, outputs, scratch: op.plan(inputs, outputs, scratch),
}
_EVERY = slice(None)


def _by_sample(one: Callable[[slice], None], x: Operand, y: Operand) -> Kernel:
    """`one` for each sample in turn, so that working memory is that of one; all at once where there is no batch."""
    count = x.array.shape[0] if x.array.ndim > 2 and x.array.shape[0] == y.array.shape[0] else 0
    rows = [slice(at, at + 1) for at in range(count)] or [_EVERY]

    def kernel() -> None:
        for row in rows:
            one(row)

    return kernel


def _reader(x: Operand, dtype: str = "float64") -> Callable[[slice], Array]:
    """A function: some rows of q - zero_point."""
    array, zero_point = x.array, 0 if x.is_wide else scalar(x.q)[1]

    def read(row: slice) -> Array:
        values: Array = array[row].astype(dtype)
        return values - zero_point if zero_point else values

    return read


def _real_reader(x: Operand) -> Callable[[slice], Array]:
    """A function: some rows of the real values, in float64."""
    if x.q is None:
        return partial(_rows_of, x.array.astype(np.float64))
    read, scale = _reader(x), scalar(x.q)[0]
    return lambda row: read(row) * scale


def _rows_of(array: Array, row: slice) -> Array:
    return array[row] if row is not _EVERY else array


def _scaled_reader(x: Operand, scale: float) -> Callable[[slice], Array]:
    """A function: some rows in units of `scale`, in float32."""
    read, factor = _reader(x), multiplier([scalar(x.q)[0]], scale)[0]
    return lambda row: read(row).astype(np.float32) * factor


def _settler(y: Operand, low: float, high: float) -> Callable[[slice, Array], None]:
    """A function that rounds values in units of the output's scale, clamps them, and stores them in some rows."""
    q = required(y.q)
    zero_point = 0 if y.is_wide else q.zero_point[0]
    lo, hi = (bound - q.zero_point[0] for bound in clamp_bounds(q, low, high, y.type.dtype))
    array = y.array

    def settle(row: slice, values: Array) -> None:
        rounded = np.clip(np.rint(values), lo, hi)
        np.copyto(array[row], rounded + zero_point, casting="unsafe")

    return settle
