"""Conv, ConvTranspose and Dense seen alike, as a linear map with a bias, and operators that scale and shift channels.

All arithmetic is float64; results are rounded once, to the dtype of the weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from edgeconv.core import Array
from edgeconv.graph import Node
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Expr, Operator, Ref
from edgeconv.ops.batch_norm import BatchNorm
from edgeconv.ops.conv import Conv
from edgeconv.ops.conv_transpose import ConvTranspose
from edgeconv.ops.dense import Dense
from edgeconv.ops.elementwise import Neg
from edgeconv.ops.integer import bounds
from edgeconv.ops.mul import Div, Mul
from edgeconv.passes.match import operands
from edgeconv.passes.rewrite import View

__all__ = ["RAW_SPREAD", "Affine", "Linear", "affine", "linear"]

RAW_SPREAD = 16.0
"""An affine map of a graph input with factors further apart than this standardises raw features."""

_Op = Conv | ConvTranspose | Dense


@dataclass(frozen=True)
class Affine:
    """x * factor + offset for each channel: float64 arrays of shape (channels,)."""

    x: str
    factor: Array
    offset: Array

    def after(self, inner: Affine) -> Affine:
        """This one applied to the result of `inner`."""
        return Affine(inner.x, inner.factor * self.factor, inner.offset * self.factor + self.offset)

    @property
    def spread(self) -> float:
        """How many times the largest factor is larger than the smallest."""
        sizes = np.abs(self.factor[self.factor != 0])
        return float(sizes.max() / sizes.min()) if sizes.size else 1.0

    @property
    def is_scalar(self) -> bool:
        """True when all channels are treated alike."""
        return bool(np.ptp(self.factor) == 0 and np.ptp(self.offset) == 0)

    def bounds(self, low: float, high: float) -> tuple[float, float] | None:
        """What bounds of x become behind this map, if they are the same for every channel."""
        if low == -inf and high == inf:
            return low, high
        if not (self.factor > 0).all():
            return None
        moved = [np.unique(self.factor * bound + self.offset) for bound in (low, high)]
        return (float(moved[0][0]), float(moved[1][0])) if all(found.size == 1 for found in moved) else None


@dataclass(frozen=True)
class Linear:
    """One linear operator with constant weight (and bias, float64, shape (outputs,)).

    `is_fixed`: the weight came as integers, so nothing is multiplied into it.
    """

    op: _Op
    x: Ref
    weight: Array
    bias: Array | None
    is_fixed: bool = False

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return int(self.weight.shape[1 if isinstance(self.op, Dense) else 0])

    @property
    def output_axis(self) -> int:
        """Where the output has its channels."""
        return self.x.type.rank - 1 if isinstance(self.op, Dense) else 1

    @property
    def input_axis(self) -> int:
        """Where the input has its channels."""
        return self.output_axis

    def followed_by(self, outer: Affine, low: float = -inf, high: float = inf) -> Linear | None:
        """This operator with `outer` and then a clamp folded in; None where its own clamp stands between."""
        moved = None if self.is_fixed and (outer.factor != 1).any() else outer.bounds(*bounds(self.op))
        if moved is None or max(moved[0], low) > min(moved[1], high):
            return None
        weight = self.weight * self._by_output(outer.factor)
        bias = outer.offset if self.bias is None else self.bias * outer.factor + outer.offset
        low, high = max(moved[0], low), min(moved[1], high)
        op = self.op
        if not isinstance(op, ConvTranspose):
            op = replace(op, low=low, high=high)
        elif (low, high) != (-inf, inf):
            return None
        return Linear(op, self.x, weight, None if self.bias is None and not outer.offset.any() else bias)

    def _by_output(self, factor: Array) -> Array:
        """A vector over the output channels so that it broadcasts against the weight."""
        if isinstance(self.op, Dense):
            return factor
        return factor.reshape(-1, *(1,) * (self.weight.ndim - 1))

    def _by_input(self, factor: Array) -> Array:
        """A vector over the input channels so that it broadcasts against the weight."""
        if not isinstance(self.op, Dense):
            per_output = np.repeat(factor.reshape(self.op.groups, -1), self.outputs // self.op.groups, axis=0)
            return per_output.reshape(*per_output.shape, *(1,) * (self.weight.ndim - 2))
        return factor.reshape(-1, *(1,) * (self.weight.ndim - 1))

    def preceded_by(self, inner: Affine, x: Ref) -> Linear | None:
        """This operator applied to `inner` of x; None where its borders would not see the offset."""
        op = self.op
        if self.is_fixed or (isinstance(op, ConvTranspose) and inner.offset.any()):
            return None
        if isinstance(op, Conv) and any(op.pads) and (inner.offset.any() or op.pad_values):
            if not inner.factor.all():
                return None
            values = (np.array(op.pad_values or 0.0) - inner.offset) / inner.factor
            op = replace(op, pad_values=tuple(values.astype(np.float32).tolist()))
        weight = self.weight * self._by_input(inner.factor)
        if not inner.offset.any():
            return Linear(op, x, weight, self.bias)
        shifted = self.weight * self._by_input(inner.offset)
        constant = shifted.sum(axis=(0,) if isinstance(op, Dense) else tuple(range(1, self.weight.ndim)))
        return Linear(op, x, weight, constant if self.bias is None else self.bias + constant)

    def expr(self, dtype: str) -> Expr:
        """The expression, its constants rounded to `dtype`."""
        weight = np.ascontiguousarray(self.weight, dtype)
        return self.op(self.x, weight, None if self.bias is None else np.ascontiguousarray(self.bias, dtype))


def linear(node: Node | None, view: View) -> Linear | None:
    """`node` as a linear operator, if it is one with real constants."""
    if node is None or not isinstance(node.op, (Conv, ConvTranspose, Dense)) or len(node.inputs) > 3:
        return None
    weight = view.constant(node.inputs[1])
    has_bias = len(node.inputs) > 2 and node.inputs[2]
    bias = view.constant(node.inputs[2]) if has_bias else None
    if weight is None or weight.dtype.kind != "f" or (has_bias and bias is None):
        return None
    exact = None if bias is None else bias.astype(np.float64)
    return Linear(node.op, view.ref(node.inputs[0]), weight.astype(np.float64), exact, view.has_grids)


def affine(node: Node | None, view: View, axis: int) -> Affine | None:
    """`node` as a map of channels along `axis`: BatchNorm, or Mul, Div, Add, Sub by a constant; its clamp left out."""
    if node is None or view.type_of(node.outputs[0]).dtype not in ("float32", "float64"):
        return None
    if isinstance(node.op, BatchNorm):
        values = [view.constant(name) for name in node.inputs[1:]]
        known = [value.astype(np.float64) for value in values if value is not None]
        found = Affine(node.inputs[0], *node.op.factors(*known)) if len(known) == 4 and axis == 1 else None
    else:
        found = _elementwise(node, view, axis)
    if found is None or not (np.isfinite(found.factor).all() and np.isfinite(found.offset).all()):
        return None
    return found


def _elementwise(node: Node, view: View, axis: int) -> Affine | None:
    if not isinstance(node.op, (Add, Sub, Mul, Div, Neg)):
        return None
    channels = view.type_of(node.outputs[0]).shape[axis] if axis < view.type_of(node.outputs[0]).rank else None
    if not isinstance(channels, int) or channels == 0:
        return None
    if isinstance(node.op, Neg):
        return Affine(node.inputs[0], -np.ones(channels), np.zeros(channels))
    pair = operands(node, view)
    vector = None if pair is None else _along(pair[1], view.type_of(pair[0]).rank, axis, channels)
    if pair is None or vector is None:
        return None
    return _mapped(node.op, pair[0], vector, node.inputs[0] == pair[0])


def _mapped(op: Operator, x: str, vector: Array, is_first: bool) -> Affine | None:
    """`op` of x and a vector over the channels; `is_first`: x comes first."""
    ones, zeros = np.ones_like(vector), np.zeros_like(vector)
    if isinstance(op, Mul):
        return Affine(x, vector, zeros)
    if isinstance(op, Div):
        with np.errstate(all="ignore"):
            return Affine(x, 1 / vector, zeros) if is_first else None
    if isinstance(op, Add):
        return Affine(x, ones, vector)
    return Affine(x, ones, -vector) if is_first else Affine(x, -ones, vector)


def _along(value: Array, rank: int, axis: int, channels: int) -> Array | None:
    """A constant as a float64 vector over `axis` of a tensor of `rank` dimensions, if it varies along no other."""
    shape = (1,) * (rank - value.ndim) + value.shape
    if any(dim != 1 for place, dim in enumerate(shape) if place != axis):
        return None
    return np.broadcast_to(value.reshape(-1).astype(np.float64), (channels,))
