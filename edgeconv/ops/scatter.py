"""ScatterElements and ScatterND: a copy of x with elements replaced (or combined) at places that indices name."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, Shape, TensorType
from edgeconv.ops.axes import check_axis, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.broadcast import fits
from edgeconv.ops.gather import check_indices, check_inside, check_range
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.records import dataclass

__all__ = ["ScatterElements", "ScatterND"]

_COMBINE = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


@dataclass(frozen=True)
class ScatterElements(Operator):
    """y[..., indices[..., i, ...], ...] = updates[..., i, ...] along `axis`; y is x elsewhere."""

    axis: int = 0
    reduction: str = "none"

    def infer(self, x: TensorType, indices: TensorType, updates: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank)
        check_indices(indices, x.shape[self.axis])
        check_inside(indices, x, self.axis)
        _check_updates(x, updates, indices.shape, self.reduction)
        return (x.with_shape(x.shape),)

    def run(self, x: Array, indices: Array, updates: Array) -> Array:
        check_range(indices, x.shape[self.axis])
        places = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
        places[self.axis] = indices
        return _scatter(x, tuple(places), updates, self.reduction)


@dataclass(frozen=True)
class ScatterND(Operator):
    """The slices of x that the last dimension of the indices addresses become the updates; y is x elsewhere."""

    reduction: str = "none"

    def infer(self, x: TensorType, indices: TensorType, updates: TensorType) -> tuple[TensorType, ...]:
        depth = indices.shape[-1] if indices.rank else 0
        if not isinstance(depth, int) or not 1 <= depth <= x.rank:
            raise ShapeError(f"indices {indices} do not address {x}")
        check_indices(indices, None)
        if indices.value is not None:
            for position in range(depth):
                check_indices(TensorType("int64", (), value=indices.value[..., position]), x.shape[position])
        _check_updates(x, updates, (*indices.shape[:-1], *x.shape[depth:]), self.reduction)
        return (x.with_shape(x.shape),)

    def run(self, x: Array, indices: Array, updates: Array) -> Array:
        for position in range(indices.shape[-1]):
            check_range(indices[..., position], x.shape[position])
        return _scatter(x, tuple(np.moveaxis(indices, -1, 0)), updates, self.reduction)


def _check_updates(x: TensorType, updates: TensorType, shape: Shape, reduction: str) -> None:
    if updates.dtype != x.dtype or not fits(updates.shape, shape):
        raise ShapeError(f"updates {updates} must be {x.dtype} of shape {shape}")
    if reduction not in ("none", *_COMBINE) or (reduction != "none" and x.dtype == "bool"):
        raise ShapeError(f"reduction {reduction!r} of {x} is none of none, {', '.join(_COMBINE)}")


def _scatter(x: Array, places: tuple[Array, ...], updates: Array, reduction: str) -> Array:
    y = x.copy()
    if reduction == "none":
        y[places] = updates
    else:
        _COMBINE[reduction].at(y, places, updates)
    return y


@onnx_rule("Scatter", since=9)
def import_scatter(x: Ref, indices: Ref, updates: Ref, *, axis: int = 0) -> Expr:
    """The old name of ScatterElements."""
    return import_scatter_elements(x, indices, updates, axis=axis)


@onnx_rule("ScatterElements", since=11)
def import_scatter_elements(x: Ref, indices: Ref, updates: Ref, *, axis: int = 0, reduction: str = "none") -> Expr:
    """Elements replaced along an axis."""
    return ScatterElements(normal_axis(axis, x.type.rank), reduction)(x, indices, updates)


@onnx_rule("ScatterND", since=11)
def import_scatter_nd(x: Ref, indices: Ref, updates: Ref, *, reduction: str = "none") -> Expr:
    """Slices replaced."""
    return ScatterND(reduction)(x, indices, updates)
