"""AveragePool: the mean of every window of x (N, C, *S).

int8: the exact sum of integers, and one requantization whose multiplier holds the number of elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, QuantRule, Scratch, ShapeError, Typed
from edgeconv.ops.integer import exact_dtype, is_real, multiplier, reach, requantize_into, required, scalar
from edgeconv.ops.jobs import cast, chain
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.planes import Planes
from edgeconv.ops.pool_taps import Pooling, axis_members, import_window, plan_separable, window_counts
from edgeconv.records import dataclass

__all__ = ["AveragePool"]

_FEW = 16
"""Up to so many outputs per channel, all windows are summed by one product."""


@dataclass(frozen=True)
class AveragePool(Pooling):
    """Mean over sliding windows. With `count_include_pad`, zeros in the padding count as elements.

    `stepwise`: int8 as in `edgeconv.ops.stepwise`.
    """

    count_include_pad: bool = False
    stepwise: bool = False

    quant: ClassVar[QuantRule | None] = QuantRule(activations=(0,))
    int16: ClassVar[str] = "own"
    wide: ClassVar[bool] = True
    planes: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        if not is_real(x):
            raise ShapeError(f"needs real numbers, found {x}")
        return super().infer(x)

    def _divisors(self, x: tuple[int, ...], y: tuple[int, ...]) -> Array:
        """Elements under each window, at least 1; a single number where all windows have the same."""
        counts = np.maximum(window_counts(self.window, x[2:], y[2:], self.count_include_pad), 1)
        return counts if counts.size and counts.min() < counts.max() else counts.reshape(-1)[:1]

    def run(self, x: Array) -> Array:
        sums = self.reduced(np.add, 0, x)
        return (sums / self._divisors(x.shape, sums.shape)).astype(x.dtype)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0], outputs[0]
        divisors = self._divisors(x.array.shape, y.array.shape)
        if x.q is not None:
            return self._plan_stepwise(x, y, divisors, scratch) or self._plan_int8(x, y, divisors, scratch)
        factor, out = (1 / divisors).astype(y.array.dtype), y.array
        found = self._plan_product(x, out.shape, scratch)
        if found is not None:
            total, few = found
            return chain([total, partial(np.multiply, few, factor, out=out)])
        total = plan_separable(np.add, 0, self.window, x.array, out, scratch)
        return chain([total, partial(np.multiply, out, factor, out=out)])

    def _plan_stepwise(self, x: Operand, y: Operand, divisors: Array, scratch: Scratch) -> Kernel | None:
        if not self.stepwise:
            return None
        from edgeconv.ops.stepwise import plan_window_means

        return plan_window_means(x, y, self.window, divisors, scratch)

    def _plan_product(self, x: Operand, out: tuple[int, ...], scratch: Scratch) -> tuple[Kernel, Array] | None:
        """(kernel, sums): one product that sums all windows of planes, where there are few; else None."""
        outputs = prod(out[2:])
        if x.planes is None or x.rows is None or outputs > _FEW:
            return None
        sums = scratch((*out[:2], outputs))
        members = scratch.hold(self._membership(x.planes, out[2:]))
        return partial(np.matmul, x.rows[:, :-1], members, sums), sums.reshape(out)

    def _plan_int8(self, x: Operand, y: Operand, divisors: Array, scratch: Scratch) -> Kernel:
        scale_x, zero_x = scalar(x.q)
        dtype = exact_dtype(prod(self.kernel) * reach(x.type))
        factor = multiplier(scale_x / divisors, scalar(y.q)[0])
        found = self._plan_product(x, y.array.shape, scratch) if dtype == "float32" else None
        if found is not None:
            total, few = found
            return chain([total, requantize_into(few, factor, required(y.q), y.array, dtype=y.type.dtype)])
        values, jobs = x.array, list[Kernel]()
        if values.dtype.name != dtype:
            values = scratch(x.array.shape, dtype)
            jobs.append(cast(values, x.array))
            if not x.is_wide and zero_x:
                jobs.append(partial(np.subtract, values, np.asarray(zero_x, dtype), values))
        acc = scratch(y.array.shape, dtype)
        jobs.append(plan_separable(np.add, 0, self.window, values, acc, scratch))
        return chain([*jobs, requantize_into(acc, factor, required(y.q), y.array, dtype=y.type.dtype)])

    def _membership(self, planes: Planes, out: tuple[int, ...]) -> Array:
        """float32 (length, outputs): how often an element of the row is in an output's window."""
        counts, rank = np.ones((), np.float32), len(out)
        for axis, (size, wanted) in enumerate(zip(planes.spatial, out, strict=True)):
            counts = np.multiply.outer(counts, axis_members(self.window, axis, size, wanted))
        table = np.zeros((prod(out), planes.length), np.float32)
        outputs_first = counts.transpose((*range(0, 2 * rank, 2), *range(1, 2 * rank, 2)))
        planes.elements(table)[...] = outputs_first.reshape(prod(out), *planes.spatial)
        return np.ascontiguousarray(table.T)


@onnx_rule("AveragePool")
def import_average_pool(
    x: Typed,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] = (),
    kernel_shape: Sequence[int],
    pads: Sequence[int] = (),
    strides: Sequence[int] = (),
) -> Expr:
    """ONNX AveragePool; one window over the whole plane is a mean over the spatial axes."""
    from edgeconv.ops.auto_pad import padded, plane_of_ones

    window = import_window(kernel_shape, strides, dilations, pads)
    source, padding = padded(auto_pad, window, x)
    if window.kernel == x.type.shape[2:] and not any(padding) and set(window.dilations) == {1}:
        from edgeconv.ops.reduce import ReduceMean

        return ReduceMean(tuple(range(2, x.type.rank)))(x)
    is_ceil = bool(ceil_mode) and auto_pad == "NOTSET"
    op = AveragePool(window.kernel, window.strides, padding, window.dilations, is_ceil, bool(count_include_pad))
    if source is x or count_include_pad:
        return op(source)
    from edgeconv.ops.mul import Div

    return Div()(op(source), op(padded(auto_pad, window, plane_of_ones(x))[0]))
