"""Small streaming networks: a recurrent layer, and convolutions over a cache of the frames before."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper, parser

from edgeconv.core import Array
from tests.harness import data

__all__ = ["CACHE", "FRAMES", "GRU", "gru_model", "in_one_go", "tcn_model"]

FRAMES = data(120, 6, seed=11, low=-1, high=1)
"""A stream of 120 frames of 6 features."""
GRU, CACHE = {"h": "hN"}, {"cache": "cacheN"}
_HEADER = '<ir_version: 10, opset_import: ["" : 17]>\n'


def _model(text: str, **constants: Array) -> onnx.ModelProto:
    model = parser.parse_model(_HEADER + text)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return model


def gru_model(batch: str = "N") -> onnx.ModelProto:
    """x (N, 6), h (1, N, 8) -> y (N, 3), hN: one step of a GRU, and a layer on its state."""
    text = f"""agraph (float[{batch},6] x, float[1,{batch},8] h) => (float[{batch},3] y, float[1,{batch},8] hN) {{
        step = Unsqueeze (x, first)
        all, hN = GRU <hidden_size = 8, linear_before_reset = 1> (step, w, r, b, , h)
        flat = Squeeze (hN, first)
        y = Gemm (flat, out, bias)
    }}"""
    return _model(
        text,
        first=np.array([0]),
        w=data(1, 24, 6, seed=1, low=-0.7, high=0.7),
        r=data(1, 24, 8, seed=2, low=-0.7, high=0.7),
        b=data(1, 48, seed=3, low=-0.3, high=0.3),
        out=data(8, 3, seed=4, low=-1, high=1),
        bias=data(3, seed=5),
    )


def tcn_model(batch: str = "N") -> onnx.ModelProto:
    """x (N, 6), cache (N, 6, 4) -> y (N, 3), cacheN: convolutions over five frames, four of them from before."""
    kept = f"float[{batch},6,4] cache"
    text = f"""agraph (float[{batch},6] x, {kept}) => (float[{batch},3] y, {kept}N) {{
        frame = Unsqueeze (x, last)
        window = Concat <axis = 2> (cache, frame)
        cacheN = Slice (window, one, many, last)
        a = Conv <kernel_shape = [3]> (window, k1, b1)
        p = Relu (a)
        c = Conv <kernel_shape = [3]> (p, k2, b2)
        y = Squeeze (c, last)
    }}"""
    return _model(
        text,
        last=np.array([2]),
        one=np.array([1]),
        many=np.array([2**31 - 1]),
        k1=data(8, 6, 3, seed=1, low=-0.5, high=0.5),
        b1=data(8, seed=2, low=-0.2, high=0.2),
        k2=data(3, 8, 3, seed=3, low=-0.5, high=0.5),
        b2=data(3, seed=4),
    )


def in_one_go(model: onnx.ModelProto, states: dict[str, str], frames: Array) -> list[Array]:
    """What ONNX's reference evaluator gives for each frame (rows of x) when the state is carried by hand."""
    from onnx.reference import ReferenceEvaluator

    judge = ReferenceEvaluator(model)
    names = [value.name for value in model.graph.output]
    shapes = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    kept = {name: np.zeros([dim.dim_value or frames.shape[1] for dim in shapes[name]], np.float32) for name in states}
    results = []
    for frame in frames:
        outputs = dict(zip(names, judge.run(None, {"x": frame, **kept}), strict=True))
        kept = {name: outputs[target] for name, target in states.items()}
        results.append(outputs["y"])
    return results
