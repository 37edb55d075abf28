"""Resize and Upsample: every coordinate and nearest mode, scales and sizes, up and down, some axes only; blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeconv.core import Array
from tests.harness import Case, data

X = data(2, 3, 6, 5)
COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric")
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
_JUDGE = "onnxruntime"
"""Of 0.6: the reference evaluator takes it as the float32 beside 3 / 5, and misses the border of an element."""
UP, DOWN, SOME = (1.0, 1.0, 2.0, 3.0), (1.0, 1.0, 0.5, 0.6), (1.0, 1.0, 1.75, 0.8)


def _scales(name: str, scales: Sequence[float], attributes: Mapping[str, Any], x: Array = X, **more: Any) -> Case:
    return Case(name, "Resize", (x, None, np.array(scales, np.float32)), attributes, (2,), **more)


def _sizes(name: str, sizes: Sequence[int], attributes: Mapping[str, Any], x: Array = X, **more: Any) -> Case:
    return Case(name, "Resize", (x, None, None, np.array(sizes, np.int64)), attributes, (3,), **more)


def _linear(**attributes: Any) -> dict[str, Any]:
    return {"mode": "linear", **attributes}


def _cubic(**attributes: Any) -> dict[str, Any]:
    return {"mode": "cubic", **attributes}


_CROP = {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": "linear"}
CROPS = [
    ("crop", [0, 0, 0.4, 0.2, 1, 1, 0.9, 0.8], [*X.shape[:2], 5, 3], _CROP),
    ("crop_axes", [0.1, 0.3, 0.8, 0.6], [4, 6], {**_CROP, "axes": [3, 2]}),
    ("crop_outside", [-0.5, 0.3, 1.2, 1.6], [4, 6], {**_CROP, "axes": [2, 3], "extrapolation_value": 10.0}),
    ("crop_to_one", [0.1, 0.3, 0.8, 0.6], [1, 2], {**_CROP, "axes": [2, 3]}),
    ("crop_nearest", [0.13, 0.3, 0.8, 0.6], [4, 6], {**_CROP, "axes": [2, 3], "mode": "nearest"}),
]

CASES = [
    *(
        _scales(
            f"nearest_{c}_{n}_{label}",
            scales,
            {"coordinate_transformation_mode": c, "nearest_mode": n},
            int8_sqnr=40,
            judge=_JUDGE if label == "down" and c.endswith("half_pixel") else "onnx",
        )
        for c in COORDINATES
        for n in NEAREST
        for label, scales in (("up", UP), ("down", DOWN))
        if not (c == "align_corners" and label == "down")
    ),
    *(
        _sizes(f"{mode}_{c}_sizes", (2, 3, 9, 4), {"mode": mode, "coordinate_transformation_mode": c}, int8_sqnr=30)
        for c in COORDINATES
        for mode in ("linear", "cubic")
    ),
    _scales("linear_up", UP, _linear(), int8_sqnr=30),
    _scales("linear_down", DOWN, _linear(), int8_sqnr=30),
    _scales("linear_mixed", SOME, _linear(), int8_sqnr=30),
    _scales("cubic_up", UP, _cubic(), int8_sqnr=30),
    _scales("cubic_a", SOME, _cubic(cubic_coeff_a=-0.5), int8_sqnr=30),
    _scales("cubic_exclude_outside", UP, _cubic(exclude_outside=1), int8_sqnr=30),
    _scales("linear_antialias", DOWN, _linear(antialias=1), opset=18, int8_sqnr=30),
    _scales("cubic_antialias", DOWN, _cubic(antialias=1), opset=18, int8_sqnr=30),
    Case(
        "half_pixel_for_nearest",
        "Resize",
        (X, np.zeros(8, np.float32), np.array(UP, np.float32)),
        {"coordinate_transformation_mode": "tf_half_pixel_for_nn"},
        (1, 2),
        opset=11,
        judge="onnxruntime",
        int8_sqnr=40,
    ),
    Case(
        "borders_of_elements",
        "Resize",
        (X, np.zeros(8, np.float32), np.array((1.0, 1.0, 11 / 6, 1.5), np.float32)),
        {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "nearest_mode": "floor"},
        (1, 2),
        opset=11,
        judge=_JUDGE,
        int8_sqnr=40,
    ),
    _sizes("nearest_sizes", (2, 3, 7, 3), {}, int8_sqnr=40),
    _sizes("one_element", (2, 3, 1, 1), _linear(coordinate_transformation_mode="align_corners"), judge="onnxruntime"),
    _sizes("one_element_pytorch", (2, 3, 1, 1), _linear(coordinate_transformation_mode="pytorch_half_pixel")),
    _sizes("axes", (9, 4), _linear(axes=[3, 2]), opset=18, int8_sqnr=30),
    _scales("axes_scales", (2.0,), {"axes": [-1]}, opset=18, int8_sqnr=40, judge="onnxruntime"),
    _sizes("not_larger", (12, 7), {"axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"}, opset=18, dynamic=None),
    _sizes(
        "not_smaller", (12, 7), _linear(axes=[2, 3], keep_aspect_ratio_policy="not_smaller"), opset=18, dynamic=None
    ),
    _scales("all_dimensions", (2.0, 1.0, 2.0, 1.0), {}, dynamic=None),
    _scales("one_dimension", (1.0, 1.0, 2.5), _linear(), X[:, :, 0], int8_sqnr=30),
    _scales("three_dimensions", (1.0, 1.0, 2.0, 1.0, 2.0), _linear(), X[:, :, :, :, None], int8_sqnr=30),
    _scales("nothing_to_do", (1.0,) * 4, _linear()),
    _scales(
        "symmetric_same_size", (1.0, 1.0, 1.0, 1.1), _linear(coordinate_transformation_mode="half_pixel_symmetric")
    ),
    _scales("double", UP, _linear(), X.astype(np.float64)),
    _scales("int64", UP, {}, np.arange(12).reshape(1, 1, 3, 4)),
    Case("dynamic_width", "Resize", (X, None, np.array(UP, np.float32)), {}, (2,), dynamic=3, int8_sqnr=40),
    Case("dynamic_height_half", "Resize", (X, None, np.array((1, 1, 0.5, 1), np.float32)), {}, (2,), dynamic=2),
    Case("opset_10", "Resize", (X, np.array(UP, np.float32)), {}, (1,), opset=10, judge="onnxruntime", int8_sqnr=40),
    Case(
        "opset_10_linear",
        "Resize",
        (X, np.array(SOME, np.float32)),
        {"mode": "linear"},
        (1,),
        opset=10,
        judge="onnxruntime",
        int8_sqnr=30,
    ),
    _scales("opset_13", UP, _linear(), opset=13, int8_sqnr=30),
    _scales("opset_19", UP, _linear(), opset=19, int8_sqnr=30),
    Case("opset_7", "Upsample", (X,), {"scales": list(UP)}, opset=7, judge="onnxruntime", int8_sqnr=40),
    Case("opset_9", "Upsample", (X, np.array(UP, np.float32)), {}, (1,), opset=9, int8_sqnr=40),
    Case(
        "opset_9_linear",
        "Upsample",
        (X, np.array(UP, np.float32)),
        {"mode": "linear"},
        (1,),
        opset=9,
        judge="onnxruntime",
        int8_sqnr=30,
    ),
    Case("dcr", "DepthToSpace", (data(2, 12, 3, 4),), {"blocksize": 2}, int8_sqnr=40),
    Case("crd", "DepthToSpace", (data(2, 12, 3, 4),), {"blocksize": 2, "mode": "CRD"}, int8_sqnr=40),
    Case("dynamic_plane", "DepthToSpace", (data(2, 12, 3, 4),), {"blocksize": 2}, dynamic=2, int8_sqnr=40),
    Case("crd", "SpaceToDepth", (data(2, 3, 4, 6),), {"blocksize": 2, "mode": "CRD"}, opset=28, int8_sqnr=40),
    Case("plain", "SpaceToDepth", (data(2, 3, 4, 6),), {"blocksize": 2}, int8_sqnr=40),
    Case("dynamic_plane", "SpaceToDepth", (data(2, 3, 4, 6),), {"blocksize": 2}, dynamic=3, int8_sqnr=40),
    *(
        Case(name, "Resize", (X, np.float32(roi), None, np.int64(sizes)), attributes, (1, 3), opset=18, dynamic=None)
        for name, roi, sizes, attributes in CROPS
    ),
    *(
        Case(
            f"{name}_of_data_{dynamic}",
            "Resize",
            (X, np.float32(roi), None, np.int64(sizes)),
            attributes,
            (3,),
            opset=18,
            dynamic=dynamic,
        )
        for name, roi, sizes, attributes in CROPS
        for dynamic in (None, 2)
    ),
]
