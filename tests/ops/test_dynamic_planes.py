"""Height, width and length that stay open: the interpreter plans for each shape anew, and agrees with ONNX on all."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.errors import EdgeconvError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.runtime import Interpreter
from tests.harness import data
from tests.importer.models import agrees, model_from

PLANES = "agraph (float[N,2,H,W] x) => (float[A,B,C,D] y) "
NETWORKS = {
    "a pyramid: reduced, enlarged, added": """{
        small = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (x)
        smaller = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (small)
        up = Resize <mode = "nearest"> (smaller, , scales)
        sum = Add (up, small)
        up2 = Resize <mode = "nearest"> (sum, , scales)
        y = Add (up2, x)
    }""",
    "a pyramid: joined along the channels": """{
        small = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)
        up = Resize <mode = "nearest"> (small, , scales)
        both = Concat <axis = 1> (x, up)
        y = ReduceMax <keepdims = 1> (both, one)
    }""",
    "resized to the size of another": """{
        small = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (x)
        shape = Shape (x)
        up = Resize <mode = "linear", coordinate_transformation_mode = "align_corners"> (small, , , shape)
        y = Sub (x, up)
    }""",
    "every second row and column (focus)": """{
        a = Slice (x, zero, many, two, two)
        b = Slice (x, one, many, two, two)
        y = Concat <axis = 1> (a, b)
    }""",
    "without the border": """{ t = Slice (x, one, minus, two)  y = Slice (t, zero, minus, three) }""",
    "the first few": """{ t = Slice (x, zero, four, two)  y = Neg (t) }""",
    "the last few": """{ t = Slice (x, minus4, many, three)  y = Neg (t) }""",
    "a half, by shape arithmetic": """{
        shape = Shape (x)
        h = Gather (shape, two)
        middle = Div (h, two)
        y = Slice (x, zero, middle, two)
    }""",
    "the shape of what was computed": """{
        small = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (x)
        shape = Shape (small)
        flat = Reshape (small, rows)
        e = Exp (flat)
        y = Reshape (e, shape)
    }""",
    "expanded to what was computed": """{
        small = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (x)
        shape = Shape (small)
        t = Expand (half, shape)
        y = Mul (t, small)
    }""",
}
CONSTANTS = (
    "float[4] scales = {1, 1, 2, 2}, int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, "
    "int64[1] three = {3}, int64[1] four = {4}, int64[1] minus = {-1}, int64[1] minus4 = {-4}, "
    "int64[1] many = {9223372036854775807}, int64[3] rows = {0, 0, -1}, float half = {0.5}"
)


@pytest.mark.parametrize("name", NETWORKS)
def test_height_and_width(name: str) -> None:
    shapes = [(1, 8, 12), (2, 16, 4), (1, 4, 20), (3, 12, 8), (1, 8, 12), (1, 24, 28)]
    agrees(
        f"{PLANES} <{CONSTANTS}> {NETWORKS[name]}",
        *({"x": data(n, 2, h, w)} for n, h, w in shapes),
        judge="onnxruntime",
    )


def test_a_pyramid_that_does_not_fit_says_so_for_the_size_at_hand() -> None:
    text = f"{PLANES} <{CONSTANTS}> {NETWORKS['a pyramid: joined along the channels']}"
    interpreter = Interpreter(to_program(load_onnx(model_from(text))))
    assert interpreter(data(1, 2, 8, 8)).shape == (1, 1, 8, 8)
    with pytest.raises(EdgeconvError, match=r"do not join along axis 1"):
        interpreter(data(1, 2, 9, 8))
    assert interpreter(data(1, 2, 6, 8)).shape == (1, 1, 6, 8)


def test_dimensions_that_broadcast_only_sometimes() -> None:
    """Either may be 1: the shape of the sum is known when the inputs are."""
    text = """agraph (float[N,4] a, float[M,4] b) => (float[P,4] y, float[Q,2,2] z) <int64[3] split = {0, 2, 2}> {
        sum = Add (a, b)
        both = Mul (sum, b)
        shape = Shape (both)
        flat = Reshape (both, all)
        y = Reshape (flat, shape)
        z = Reshape (both, split)
    }""".replace("<int64[3]", "<int64[1] all = {-1}, int64[3]")
    feeds = [{"a": data(n, 4), "b": data(m, 4, seed=1)} for n, m in ((3, 3), (1, 5), (5, 1), (1, 1))]
    agrees(text, *feeds, judge="onnxruntime")


def test_positions_up_to_the_length() -> None:
    """Transformers cut their table of positions at the length of the sentence."""
    text = """agraph (float[N,T,4] x) => (float[A,B,C] y)
        <int64 one = {1}, int64[1] none = {0}, int64[1] first = {1}, float[1,6,4] table = {
            0,1,2,3, 4,5,6,7, 8,9,10,11, 12,13,14,15, 16,17,18,19, 20,21,22,23}> {
        shape = Shape (x)
        length = Gather (shape, one)
        end = Unsqueeze (length, none)
        positions = Slice (table, none, end, first)
        y = Add (x, positions)
    }"""
    graph = agrees(text, *({"x": data(n, t, 4)} for n, t in ((1, 6), (2, 3), (1, 1))), judge="onnxruntime")
    assert "SliceAt" in {node.op_name for node in graph.nodes}
    interpreter = Interpreter(to_program(graph))
    with pytest.raises(EdgeconvError):
        interpreter(np.zeros((1, 7, 4), np.float32))
