"""Operators that ONNX took back before opset 7; ONNX Runtime, which still runs them, is the judge."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.harness import Case, data

X = data(2, 3, 6, 5)


def _case(name: str, op_type: str, *places: Any, int8_sqnr: float | None = None, **attributes: Any) -> Case:
    constants = tuple(range(1, len(places) + 1))
    return Case(
        name, op_type, (X, *places), attributes, constants, opset=8, judge="onnxruntime", int8_sqnr=int8_sqnr
    )  # fmt: skip


CASES = [
    _case("both", "Affine", alpha=2.5, beta=-0.5, int8_sqnr=30),
    _case("plain", "Affine", int8_sqnr=30),
    _case("factor", "Scale", scale=0.25, int8_sqnr=30),
    _case("channels", "ImageScaler", scale=2.0, bias=[0.5, -1.0, 0.25], int8_sqnr=30),
    _case("both", "ScaledTanh", alpha=1.7, beta=0.6, int8_sqnr=20),
    _case("both", "ParametricSoftplus", alpha=1.5, beta=2.0, int8_sqnr=20),
    _case("opset_8", "ThresholdedRelu", alpha=0.3, int8_sqnr=20),
    _case("borders", "Crop", border=[1, 0, 2, 3], int8_sqnr=30),
    _case("size", "Crop", border=[1, 2, 0, 0], scale=[3, 2], int8_sqnr=30),
    _case("no_axes", "DynamicSlice", np.int64([0, 1]), np.int64([2, 3]), int8_sqnr=30),
    _case("axes", "DynamicSlice", np.int64([1, -4]), np.int64([3, -1]), np.int64([3, 2]), int8_sqnr=30),
    _case("maps", "MeanVarianceNormalization"),
    _case("all_channels", "MeanVarianceNormalization", across_channels=1),
    _case("mean_only", "MeanVarianceNormalization", normalize_variance=0),
]
