"""ConvTranspose: every input element adds its weighted kernel to the output. x (N, C, *S), weight (O, C / groups, *K).

One product per sample gives what every tap adds; shifted slices are then summed into the output, in int8 exactly.
The weight is stored with the outputs first, like that of Conv; ONNX's is (C, O / groups, *K).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Any, ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, Shape, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.integer import (
    centred_weight,
    exact_dtype,
    is_real,
    multiplier,
    real_bias,
    requantize_into,
    required,
    scalar,
    weight_bound,
    whole_bias,
)
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.pool_taps import axis_taps
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.transpose import Transpose
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass

__all__ = ["ConvTranspose"]


@dataclass(frozen=True)
class ConvTranspose(Operator):
    """Transposed convolution. `pads` (begins, then ends) are cut off, `output_padding` is added to its end."""

    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    output_padding: tuple[int, ...]
    groups: int = 1

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,), weight=1, weight_axis=0, bias=2)

    def window(self, weight: TensorType) -> Window:
        """The kernel as it slides over the output."""
        return Window(weight.ints[2:], self.strides, self.dilations, self.pads)

    def infer(self, x: TensorType, weight: TensorType, bias: TensorType | None = None) -> tuple[TensorType, ...]:
        if not is_real(x) or x.rank < 3 or weight.rank != x.rank or 0 in weight.ints:
            raise ShapeError(f"input {x} and weight {weight} must be real and have the same rank, 3 or more")
        outputs = weight.ints[0]
        if self.groups < 1 or x.shape[1] != weight.ints[1] * self.groups or outputs % self.groups:
            raise ShapeError(f"input {x} does not fit weight {weight} in {self.groups} groups")
        if bias is not None and bias.shape != (outputs,):
            raise ShapeError(f"bias {bias} must have one element for each of {outputs} outputs")
        window, spatial = self.window(weight), x.rank - 2
        window.check(spatial)
        if len(self.output_padding) != spatial or min(self.output_padding) < 0:
            raise ShapeError(f"output_padding {self.output_padding} must be {spatial} integers, none negative")
        dims = tuple(self._output_dim(window, axis, dim) for axis, dim in enumerate(x.shape[2:]))
        return (x.with_shape((x.shape[0], outputs, *dims)),)

    def _output_dim(self, window: Window, axis: int, dim: Dim) -> Dim:
        span = window.dilations[axis] * (window.kernel[axis] - 1) + 1
        cut = self.pads[axis] + self.pads[axis + len(self.strides)]
        out = (dim - 1) * self.strides[axis] + span + self.output_padding[axis] - cut
        if (isinstance(dim, int) and dim < 1) or (isinstance(out, int) and out < 1):
            raise ShapeError(f"pads {self.pads} leave nothing of {dim} elements along spatial axis {axis}")
        return out

    def run(self, x: Array, w: Array, b: Array | None = None) -> Array:
        out = self.infer(TensorType(x.dtype.name, x.shape), TensorType(w.dtype.name, w.shape))[0].ints
        y = np.zeros(out, np.result_type(x, w))
        per_in, per_out = w.shape[1], w.shape[0] // self.groups
        for tap, into, source in _scatter(self.window(TensorType(w.dtype.name, w.shape)), x.shape[2:], out[2:]):
            for group in range(self.groups):
                rows = slice(group * per_out, (group + 1) * per_out)
                channels = x[_index(None, [slice(group * per_in, (group + 1) * per_in)], source)]
                kernel = w[_index(rows, [slice(None)], tap)]
                y[_index(None, [rows], into)] += np.einsum("nc...,oc->no...", channels, kernel)
        return y if b is None else y + b.reshape(-1, *(1,) * (x.ndim - 2))

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, weight, bias, y = inputs[0], inputs[1], inputs.get(2), outputs[0]
        if not (weight.is_constant and (bias is None or bias.is_constant)) or y.array.dtype not in ("float32", "int8"):
            return super().plan(inputs, outputs, scratch)
        prepare = _plan_float if x.q is None else _plan_int8
        return prepare(self, x, weight, bias, y, scratch)

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        return inputs[0].size * inputs[1].size // inputs[0].ints[1]


def _scatter(
    window: Window, before: Sequence[int], after: Sequence[int]
) -> list[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
    """(tap, part of the output, part of the input) for every tap that reaches the output."""
    axes = [axis_taps(window, axis, size, before[axis]).parts for axis, size in enumerate(after)]
    return [
        (tuple(tap for tap, _, _ in parts), tuple(into for _, _, into in parts), tuple(own for _, own, _ in parts))
        for parts in product(*axes)
    ]


def _index(first: slice | None, *rest: Sequence[int | slice]) -> tuple[Any, ...]:
    """An index: `first` (None: everything), then all entries of the rest."""
    return (slice(None) if first is None else first, *(entry for part in rest for entry in part))


def _as_matrix(weight: Array, groups: int) -> Array:
    """(O, C / groups, *K) as (groups, O / groups * taps, C / groups)."""
    rows = np.moveaxis(weight, 1, -1)
    return rows.reshape(groups, -1, weight.shape[1])


def _plan_product(op: ConvTranspose, matrix: Array, window: Window, terms: Array, x: Array, acc: Array) -> Kernel:
    """A kernel that adds the transposed convolution of a sample x (C, *S) to acc (O, *S'); `terms` is scratch."""
    dims = x.shape[1:]
    source = x.reshape(op.groups, -1, prod(dims))
    by_tap = terms.reshape(acc.shape[0], *window.kernel, *dims)
    pairs = [
        (acc[_index(None, into)], by_tap[_index(None, tap, own)])
        for tap, into, own in _scatter(window, dims, acc.shape[1:])
    ]

    def kernel() -> None:
        np.matmul(matrix, source, out=terms)
        for target, term in pairs:
            np.add(target, term, out=target)

    return kernel


def _plan_float(
    op: ConvTranspose, x: Operand, weight: Operand, bias: Operand | None, y: Operand, scratch: Scratch
) -> Kernel:
    matrix = np.ascontiguousarray(_as_matrix(weight.array, op.groups))
    terms = scratch((*matrix.shape[:2], prod(x.array.shape[2:])))
    window = op.window(weight.type)
    start = np.zeros((), np.float32) if bias is None else bias.array.reshape(-1, *(1,) * (x.array.ndim - 2))
    steps = [
        (out, _plan_product(op, matrix, window, terms, sample, out))
        for sample, out in zip(x.array, y.array, strict=True)
    ]

    def kernel() -> None:
        for out, add_products in steps:
            np.copyto(out, start)
            add_products()

    return kernel


def _plan_int8(
    op: ConvTranspose, x: Operand, weight: Operand, given: Operand | None, y: Operand, scratch: Scratch
) -> Kernel:
    bias, real = whole_bias(given), real_bias(given, scalar(y.q)[0])
    scale_x, zero_x = scalar(x.q)
    rows = weight.array.shape[0]
    centred = centred_weight(weight)
    dtype = exact_dtype(2.0 * weight_bound(centred, bias))  # x - zero_point needs one bit more than x
    matrix = np.ascontiguousarray(_as_matrix(centred, op.groups), dtype)
    terms = scratch((*matrix.shape[:2], prod(x.array.shape[2:])), dtype)
    values, acc = scratch(x.array.shape[1:], dtype), scratch(y.array.shape[1:], dtype)
    add_products = _plan_product(op, matrix, op.window(weight.type), terms, values, acc)
    channels = (-1, *(1,) * (x.array.ndim - 2))
    start = np.zeros((), dtype) if bias is None else bias.astype(dtype).reshape(channels)
    scales = np.broadcast_to(np.array(required(weight.q).scale, np.float64), (rows,)) * scale_x
    factor = multiplier(scales, scalar(y.q)[0]).reshape(channels)
    work = acc if dtype == "float32" else scratch(acc.shape)
    add = [] if real is None else [partial(np.add, work, real.reshape(channels), work)]
    steps = [
        (sample, requantize_into(acc, factor, required(y.q), out, add=add, work=work))
        for sample, out in zip(x.array, y.array, strict=True)
    ]
    zero_point = np.asarray(zero_x, dtype)

    def kernel() -> None:
        for sample, requantize in steps:
            np.subtract(sample, zero_point, out=values)
            np.copyto(acc, start)
            add_products()
            requantize()

    return kernel


@onnx_rule("ConvTranspose")
def import_conv_transpose(
    x: Ref,
    w: Ref,
    b: Ref | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (),
    group: int = 1,
    kernel_shape: Sequence[int] = (),
    output_padding: Sequence[int] = (),
    output_shape: Sequence[int] = (),
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Expr:
    """ONNX ConvTranspose; the kernel shape is the weight's."""
    kernel = w.type.ints[2:]
    if kernel_shape and tuple(kernel_shape) != kernel:
        raise Unsupported(f"kernel_shape {tuple(kernel_shape)} differs from the weight {w.type}")
    if w.type.rank < 3 or group < 1 or w.type.ints[0] % group:
        raise ShapeError(f"weight {w.type} does not have {group} groups of inputs")
    ones, none = (1,) * len(kernel), (0,) * len(kernel)
    window = Window(kernel, tuple(strides) or ones, tuple(dilations) or ones, tuple(pads) or none * 2)
    window.check(len(kernel))
    extra = tuple(output_padding) or none
    if output_shape or auto_pad not in ("NOTSET", "VALID"):
        padding, extra = _pads_for(window, extra, tuple(output_shape), auto_pad, x.type.shape[2:])
    else:
        padding = none * 2 if auto_pad == "VALID" else window.pads
    op = ConvTranspose(window.strides, padding, window.dilations, extra, group)
    return op(x, _outputs_first(w, group), b)


def _pads_for(
    window: Window, extra: tuple[int, ...], output_shape: tuple[int, ...], auto_pad: str, spatial: Shape
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(pads, output padding) that lead to `output_shape`, or to input * stride where there is none.

    What the kernel does not reach is padding of the output, as in ONNX Runtime.
    """
    begins, ends, added = [], [], []
    for axis, dim in enumerate(spatial):
        stride = window.strides[axis]
        wanted = output_shape[axis - len(spatial)] if output_shape else dim * stride
        span = window.dilations[axis] * (window.kernel[axis] - 1) + 1
        total = (dim - 1) * stride + extra[axis] + span - wanted
        if not isinstance(total, int):
            raise Unsupported(f"its output_shape needs a fixed spatial shape, found {dim}; pass --input-shape")
        cut = max(total, 0)
        small, large = cut // 2, cut - cut // 2
        begins.append(small if auto_pad == "SAME_UPPER" else large)
        ends.append(large if auto_pad == "SAME_UPPER" else small)
        added.append(extra[axis] - min(total, 0))
    return (*begins, *ends), tuple(added)


def _outputs_first(w: Ref, groups: int) -> Expr:
    """ONNX's weight (C, O / groups, *K) as (O, C / groups, *K)."""
    inputs, per_group, *kernel = w.type.ints
    axes = tuple(range(3, 3 + len(kernel)))
    split = Reshape((groups, inputs // groups, per_group, *kernel))(w)
    return Reshape((groups * per_group, inputs // groups, *kernel))(Transpose((0, 2, 1, *axes))(split))
