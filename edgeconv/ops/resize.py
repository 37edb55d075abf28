"""ResizeNearest, and the import rules of Resize and Upsample. Output elements are copies: int8 moves raw bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.axes import constant_ints, constant_value, is_plain, known_value, normal_axis, sizes_of
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.interpolate import Interpolate
from edgeconv.ops.onnx_rules import AtRunTime, Unsupported, onnx_rule
from edgeconv.ops.resize_base import ResizeBase
from edgeconv.ops.resize_tables import NEAREST, nearest_indices
from edgeconv.records import dataclass

__all__ = ["ResizeNearest"]


@dataclass(frozen=True)
class ResizeNearest(ResizeBase):
    """Every output element is a copy of an input element."""

    nearest: str = "round_prefer_floor"

    quant: ClassVar[QuantRule | None] = MOVE

    def _check(self, x: TensorType) -> None:
        super()._check(x)
        if self.nearest not in NEAREST:
            raise ShapeError(f"nearest mode {self.nearest!r} is none of {NEAREST}")

    def run(self, x: Array, sizes: Array | None = None) -> Array:
        if sizes is not None and sizes.dtype == np.float32:
            return self.scaled(sizes).run(x)
        for axis, table in self.resized(x.shape, self.output_shape(x, sizes)).items():
            x = np.take(x, nearest_indices(table, self.coordinates, self.nearest), axis)
        return x

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if len(inputs) > 1 and inputs[1].type.is_float:
            return self.scaled(inputs[1].array).plan(Inputs([inputs[0]]), outputs, scratch)
        source, y = inputs[0].array, outputs[0].array
        steps: list[tuple[Array, Array, int, Array]] = []
        tables = self.resized(source.shape, y.shape)
        for position, (axis, table) in enumerate(tables.items(), 1):
            shape = (*source.shape[:axis], table.after, *source.shape[axis + 1 :])
            target = y if position == len(tables) else scratch(shape, y.dtype.name)
            steps.append((source, nearest_indices(table, self.coordinates, self.nearest), axis, target))
            source = target

        def kernel() -> None:
            for values, indices, axis, target in steps:
                np.take(values, indices, axis, out=target, mode="clip")
            if not steps:
                np.copyto(y, source)

        return kernel


@onnx_rule("Upsample")
def import_upsample_attribute(x: Ref, *, scales: Sequence[float], mode: str = "nearest") -> Expr:
    """Upsample before opset 9: the scales are an attribute."""
    return _import_simple(x, scales, mode)


@onnx_rule("Upsample", since=9)
@onnx_rule("Resize", since=10)
def import_resize_simple(x: Ref, scales: Ref, *, mode: str = "nearest", label: str = "") -> Expr:
    """Upsample, and Resize of opset 10: element i lies at i / scale."""
    if not is_plain(scales):
        return _operator(range(x.type.rank), (), (), {**_simple_options(mode), "label": label})(x, scales)
    return _import_simple(x, _constant_floats(scales, "scales"), mode)


def _import_simple(x: Ref, scales: Sequence[float], mode: str) -> Expr:
    return _build(x, tuple(range(x.type.rank)), tuple(scales), (), _simple_options(mode))


def _simple_options(mode: str) -> dict[str, Any]:
    return {"mode": "linear" if mode == "bilinear" else mode, "coordinates": "asymmetric", "nearest": "floor"}


@onnx_rule("Resize", since=11)
def import_resize(
    x: Ref,
    roi: Ref | None = None,
    scales: Ref | None = None,
    sizes: Ref | None = None,
    *,
    antialias: int = 0,
    axes: Sequence[int] = (),
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
    label: str = "",
) -> Expr:
    """Resize by scales or to sizes; `roi` and the extrapolation value only matter to tf_crop_and_resize."""
    chosen = tuple(normal_axis(axis, x.type.rank) for axis in axes) or tuple(range(x.type.rank))
    if coordinate_transformation_mode == "tf_crop_and_resize":
        from edgeconv.ops.crop_resize import crop_and_resize

        if roi is None or sizes is None:
            raise Unsupported("it crops without a roi, or not to sizes; crop with Slice before it")
        known_value(sizes, "sizes")
        return crop_and_resize(x, chosen, roi, sizes_of(sizes.type, label), mode, extrapolation_value)
    options = {
        "mode": mode,
        "coordinates": coordinate_transformation_mode,
        "nearest": nearest_mode,
        "cubic_a": cubic_coeff_a,
        "exclude_outside": bool(exclude_outside),
        "antialias": bool(antialias),
    }
    if sizes is None and scales is not None and not is_plain(scales):
        return _at_run_time(x, chosen, scales, {**options, "label": label})
    if sizes is None:
        return _build(x, chosen, _constant_floats(scales, "scales"), (), options)
    if not is_plain(sizes):
        if sizes.value is not None:
            _require_stretch(keep_aspect_ratio_policy)
        elif keep_aspect_ratio_policy != "stretch":
            raise AtRunTime(sizes, "sizes").because(f"its policy is {keep_aspect_ratio_policy}")
        return _at_run_time(x, chosen, sizes, {**options, "label": label})
    wanted = constant_ints(sizes, "sizes")
    if keep_aspect_ratio_policy == "stretch":
        return _build(x, chosen, (), wanted, options)
    scale, wanted = _keep_aspect(x, chosen, wanted, keep_aspect_ratio_policy)
    return _build(x, chosen, (scale,) * len(chosen), wanted, options)


def _at_run_time(x: Ref, axes: Sequence[int], given: Ref, options: dict[str, Any]) -> Expr:
    """Resizing by scales or to sizes that are known at run time only."""
    from edgeconv.ops.gather import Gather  # while converting only: a device that resizes need not load it

    order = np.argsort(axes)
    sorted_so = given if list(axes) == sorted(axes) else Gather()(given, order.astype(np.int64))
    return _operator(sorted(axes), (), (), options)(x, sorted_so)


def _require_stretch(policy: str) -> None:
    if policy != "stretch":
        raise Unsupported(f"its policy {policy} needs a shape that is known beforehand; pass --input-shape")


def _keep_aspect(x: Ref, axes: Sequence[int], sizes: Sequence[int], policy: str) -> tuple[float, tuple[int, ...]]:
    """One scale for all axes, the smallest or largest that the sizes ask for, and the sizes that it leads to."""
    dims = [dim for dim in (x.type.shape[axis] for axis in axes) if isinstance(dim, int)]
    if len(dims) != len(axes):
        _require_stretch(policy)
    ratios = [size / dim for size, dim in zip(sizes, dims, strict=True)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return scale, tuple(int(scale * dim + 0.5) for dim in dims)


def _build(x: Ref, axes: Sequence[int], scales: Sequence[float], sizes: Sequence[int], options: dict[str, Any]) -> Expr:
    """The operator on those axes that change; a batch that is not known yet keeps its size whatever the file says."""
    for given in (scales, sizes):
        if given and len(given) != len(axes):
            raise ShapeError(f"needs {len(axes)} scales or sizes, found {tuple(given)}")
    kept = [
        (axis, scales[i] if scales else None, sizes[i] if sizes else None)
        for i, axis in enumerate(axes)
        if not _is_unchanged(x, axis, scales[i] if scales else None, sizes[i] if sizes else None)
    ]
    kept.sort(key=lambda item: item[0])
    if not kept:
        return x
    return _operator(
        tuple(axis for axis, _, _ in kept),
        tuple(scale for _, scale, _ in kept if scale is not None),
        tuple(size for _, _, size in kept if size is not None),
        options,
    )(x)


def _is_unchanged(x: Ref, axis: int, scale: float | None, size: int | None) -> bool:
    dim = x.type.shape[axis]
    if scale is not None:
        return scale == 1 and size in (None, dim)
    return dim == size or (axis == 0 and not isinstance(dim, int))


def _operator(
    axes: Sequence[int], scales: Sequence[float], sizes: Sequence[int], options: dict[str, Any]
) -> ResizeBase:
    common = (tuple(axes), tuple(scales), tuple(sizes), options["coordinates"], options.get("label", ""))
    mode = options["mode"]
    if mode == "nearest":
        return ResizeNearest(*common, options["nearest"])
    if mode not in ("linear", "cubic"):
        raise Unsupported(f"its mode {mode!r} is none of nearest, linear, cubic")
    keys = ("cubic_a", "exclude_outside", "antialias")
    return Interpolate(*common, mode == "cubic", **{key: options[key] for key in keys if key in options})


def _constant_floats(ref: Ref | None, name: str) -> tuple[float, ...]:
    if ref is None:
        raise ShapeError(f"needs {name}, or sizes")
    return tuple(float(item) for item in constant_value(ref, name).reshape(-1))
