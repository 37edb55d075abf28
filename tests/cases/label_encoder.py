"""LabelEncoder between numbers: keys and values of all kinds, unknown keys, NaN as a key, tensors (opset 4)."""

from __future__ import annotations

import numpy as np

from tests.harness import Case

ML = "ai.onnx.ml"
INTS = np.array([[3, 1, 7], [0, 3, -2]], np.int64)
FLOATS = np.array([0.5, 2.0, np.nan, -1.0, 0.25], np.float32)


def _case(name: str, x: np.ndarray, opset: int = 2, judge: str = "onnx", **fields: object) -> Case:
    return Case(name, "LabelEncoder", (x,), fields, domain=ML, domain_opset=opset, judge=judge)


CASES = [
    _case("ints_to_ints", INTS, keys_int64s=[7, 3, 1], values_int64s=[10, 20, 30], default_int64=-5),
    _case("ints_to_floats", INTS, keys_int64s=[3, 0], values_floats=[0.5, 1.5], default_float=-0.25),
    _case("floats_to_ints", FLOATS, keys_floats=[2.0, 0.5], values_int64s=[4, 5], default_int64=-1),
    _case("floats_to_floats", FLOATS, keys_floats=[-1.0, 0.5], values_floats=[4.0, 5.0], default_float=0.0),
    _case("default", INTS, 2, "onnxruntime", keys_int64s=[3], values_int64s=[9]),
    _case("nan", FLOATS, 4, "onnxruntime", keys_floats=[np.nan, 2.0], values_floats=[7.0, 8.0], default_float=0.5),
    _case(
        "tensors", INTS.astype(np.int64), 4,
        keys_tensor=np.array([1, 3, 7]), values_tensor=np.array([0.5, 0.25, 8.0], np.float32),
        default_tensor=np.array([-1.0], np.float32),
    ),
]  # fmt: skip
