"""Reshape: the same elements in another shape. Flatten, Squeeze and Unsqueeze are this operator, too."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, Shape, SymbolicDim, TensorType
from edgeconv.dims import any_counted, compare, is_counted
from edgeconv.ops.axes import constant_ints, normal_axes, normal_axis, sizes_of
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.jobs import cast, nothing
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["Reshape", "ReshapeTo", "reshape_to"]


@dataclass(frozen=True)
class Reshape(Operator):
    """New shape; 0 keeps the input's dimension at that place (unless `allow_zero`), one -1 takes what is left."""

    shape: tuple[int, ...]
    allow_zero: bool = False

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    int16: ClassVar[str] = "move"
    view: ClassVar[bool] = True

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        dims: list[Dim] = [
            x.shape[axis] if dim == 0 and not self.allow_zero else dim for axis, dim in enumerate(self.shape)
        ]
        if dims.count(-1) > 1 or any(isinstance(dim, int) and dim < -1 for dim in dims):
            raise ShapeError(f"shape {self.shape} has more than one -1, or another negative dimension")
        total = prod(x.shape)
        if -1 in dims:
            known = prod(dim for dim in dims if dim != -1)
            dims[dims.index(-1)] = total // known if known != 0 else 0
        is_open = is_counted(total) or (-1 in self.shape and not isinstance(total, int))
        if not is_open and compare(prod(dims), total) not in (0, None):  # what is open agrees; the planner checks
            raise ShapeError(f"{x} does not have the elements of shape {self.shape}")
        return (x.with_shape(tuple(dims)),)

    def run(self, x: Array) -> Array:
        return x.reshape(self.infer(TensorType(x.dtype.name, x.shape))[0].ints)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        if np.shares_memory(x, y):
            return nothing
        source = x.reshape(y.shape)

        def kernel() -> None:
            np.copyto(y, source)

        return kernel


@dataclass(frozen=True)
class ReshapeTo(Operator):
    """Reshape to a shape given as int64, which follows from the shapes of the model's inputs (a -1 takes what is left);
    or, with a `label`, from data, and 0 in it then means what it means to Reshape.
    """

    label: str = ""
    allow_zero: bool = False

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    int16: ClassVar[str] = "move"
    view: ClassVar[bool] = True

    def infer(self, x: TensorType, shape: TensorType) -> tuple[TensorType, ...]:
        if shape.rank != 1:
            raise ShapeError(f"a shape is a vector of integers, found {shape}")
        dims = tuple(sizes_of(shape, self.label))
        known = tuple(dim for dim in dims if isinstance(dim, int))
        if self.label and len(known) == len(dims):
            return Reshape(known, self.allow_zero).infer(x)
        if -1 in dims:
            rest = -prod(dims)
            left = prod(x.shape) // rest if rest != 0 else 0
            dims = tuple(left if dim == -1 else dim for dim in dims)
        after = x.with_shape(dims)
        if x.is_static and after.is_static and prod(dims) != x.size:
            raise ShapeError(f"{x} does not have the elements of shape {dims}")
        return (after,)

    def run(self, x: Array, shape: Array) -> Array:
        if shape.dtype == object:
            raise ValueError("the shape is not known yet")
        return Reshape(tuple(shape.tolist()), self.allow_zero or not self.label).run(x)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array
        return nothing if np.shares_memory(x, y) else cast(y, x.reshape(y.shape))


def _dims_of(x: Expr, source: Shape, target: Shape) -> Expr:
    """A shape made of the dimensions of x itself."""
    from edgeconv.ops.shape import Dims  # while converting only: a device that reshapes need not load it

    terms: list[tuple[int, int, int]] = []
    for dim in target:
        if isinstance(dim, SymbolicDim) and dim not in source:
            raise Unsupported(f"its shape {target} is only known at run time; pass --input-shape")
        terms.append((1, source.index(dim), 0) if isinstance(dim, SymbolicDim) else (0, 0, dim))
    factors, axes, offsets = zip(*terms, strict=True)
    return Dims(factors, axes, offsets, (len(target),))(x)


def reshape_to(x: Expr, source: Shape, target: Shape) -> Expr:
    """The Reshape of `x` (of shape `source`) to `target`, of whose dimensions several may be symbolic."""
    dims: list[int] = []
    for axis, dim in enumerate(target):
        if isinstance(dim, SymbolicDim):
            dims.append(0 if axis < len(source) and source[axis] == dim else -1)
        else:
            dims.append(dim)
    if dims.count(-1) > 1:
        return ReshapeTo()(x, _dims_of(x, source, target))
    has_zero = any(dim == 0 for dim in target)
    if has_zero and any(isinstance(dim, SymbolicDim) for dim in target):
        raise Unsupported(f"shape {target} mixes empty and unknown dimensions; pass --input-shape")
    return Reshape(tuple(dims), has_zero)(x)


@onnx_rule("Reshape")
def import_reshape(x: Ref, shape: Ref, *, allowzero: int = 0, label: str = "") -> Expr:
    """Reshape to a constant shape, to one computed from shapes, or from data."""
    if shape.value is None:
        return ReshapeTo(label, bool(allowzero))(x, shape)
    dims = list(shape.value.tolist())
    if any(isinstance(dim, SymbolicDim) for dim in dims):
        resolved = [x.type.shape[axis] if dim == 0 and not allowzero else dim for axis, dim in enumerate(dims)]
        if -1 in resolved:
            known = prod(dim for dim in resolved if dim != -1)
            resolved[resolved.index(-1)] = prod(x.type.shape) // known
        elif resolved == dims and sum(isinstance(dim, SymbolicDim) for dim in dims) > 1:
            return ReshapeTo()(x, shape)
        try:
            return reshape_to(x, x.type.shape, tuple(resolved))
        except Unsupported:
            if 0 in dims:
                raise
            return ReshapeTo()(x, shape)
    return Reshape(tuple(int(dim) for dim in dims), bool(allowzero) and 0 in dims)(x)


@onnx_rule("Flatten")
def import_flatten(x: Ref, *, axis: int = 1) -> Expr:
    """Two dimensions: everything before `axis`, everything from it on."""
    axis = axis if axis == x.type.rank else normal_axis(axis, x.type.rank)
    lead = prod(x.type.shape[:axis])
    if isinstance(lead, SymbolicDim):
        return reshape_to(x, x.type.shape, (lead, prod(x.type.shape[axis:])))
    return Reshape((lead, -1))(x)


@onnx_rule("Squeeze")
def import_squeeze_attribute(x: Ref, *, axes: Sequence[int] | None = None) -> Expr:
    """Squeeze before opset 13: the axes are an attribute."""
    rank = x.type.rank
    ones = [axis for axis, dim in enumerate(x.type.shape) if dim == 1]
    drop = normal_axes(ones if axes is None else axes, rank)
    for axis in drop:
        if isinstance(x.type.shape[axis], int) and x.type.shape[axis] != 1:
            raise Unsupported(f"axis {axis} of {x.type} is not 1")
    rest = tuple(dim for axis, dim in enumerate(x.type.shape) if axis not in drop)
    if any_counted(x.type.shape[axis] for axis in drop):  # data tells, and it is 1 where the model is right
        return ReshapeTo()(x, _dims_of(x, x.type.shape, rest))
    return reshape_to(x, x.type.shape, rest)


@onnx_rule("Squeeze", since=13)
def import_squeeze(x: Ref, axes: Ref | None = None) -> Expr:
    """Drop dimensions of one element."""
    return import_squeeze_attribute(x, axes=None if axes is None else constant_ints(axes, "axes"))


@onnx_rule("Unsqueeze")
def import_unsqueeze_attribute(x: Ref, *, axes: Sequence[int]) -> Expr:
    """Unsqueeze before opset 13: the axes are an attribute."""
    rank = x.type.rank + len(axes)
    added = normal_axes(axes, rank)
    rest = iter(x.type.shape)
    return reshape_to(x, x.type.shape, tuple(1 if axis in added else next(rest) for axis in range(rank)))


@onnx_rule("Unsqueeze", since=13)
def import_unsqueeze(x: Ref, axes: Ref) -> Expr:
    """Insert dimensions of one element."""
    return import_unsqueeze_attribute(x, axes=constant_ints(axes, "axes"))
