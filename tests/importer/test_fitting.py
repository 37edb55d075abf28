"""Inputs all of whose dimensions are open: what weights decide is known, the rest stays open."""

from __future__ import annotations

import pytest

from edgeconv.core import Array
from edgeconv.errors import EdgeconvError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.runtime import Interpreter
from tests.harness import data
from tests.importer.models import agrees, model_from


def _weight(*shape: int) -> str:
    """A Constant node of this shape."""
    values = ", ".join(f"{value:.3f}" for value in data(*shape, seed=9).ravel())
    return f"Constant <value = float[{','.join(map(str, shape))}] {{{values}}}> ()"


def _with(text: str, *weights: str) -> str:
    """The text with weights in the places that are marked."""
    return text % weights


MODELS: dict[str, tuple[str, list[str], tuple[int, ...], str]] = {
    "conv": (
        "agraph (float[N,C,H,W] x) => (float[A,B,D,E] y) { w = %s  t = Relu (x)  y = Conv <group = 2> (t, w) }",
        [_weight(4, 3, 3, 3)], (2, 6, 5, 7), "N,6,H,W",
    ),
    "conv_channels_last": (
        """agraph (float[N,H,W,C] x) => (float[A,B,D,E] y) { w = %s  h = Constant <value = float {2}> ()
           s = Div (x, h)  t = Transpose <perm = [0, 3, 1, 2]> (s)  y = Conv (t, w) }""",
        [_weight(4, 3, 3, 3)], (2, 5, 7, 3), "N,H,W,3",
    ),
    "conv_transpose": (
        "agraph (float[N,C,H,W] x) => (float[A,B,D,E] y) { w = %s  y = ConvTranspose (x, w) }",
        [_weight(5, 2, 3, 3)], (1, 5, 4, 4), "N,5,H,W",
    ),
    "gemm": (
        "agraph (float[N,F] x) => (float[A,B] y) { w = %s  y = Gemm <transB = 1> (x, w) }",
        [_weight(4, 6)], (3, 6), "N,6",
    ),
    "gemm_turned": (
        "agraph (float[F,N] x) => (float[A,B] y) { w = %s  y = Gemm <transA = 1> (x, w) }",
        [_weight(6, 4)], (6, 3), "6,N",
    ),
    "matmul": (
        "agraph (float[N,T,F] x) => (float[A,B,D] y) { w = %s  t = Neg (x)  y = MatMul (t, w) }",
        [_weight(6, 4)], (3, 2, 6), "N,T,6",
    ),
    "batch_norm": (
        "agraph (float[N,C,T] x) => (float[A,B,D] y) { w = %s  v = Abs (w)  y = BatchNormalization (x, w, w, w, v) }",
        [_weight(4)], (2, 4, 3), "N,4,T",
    ),
    "gru": (
        "agraph (float[T,N,F] x) => (float[A,B,D,E] y) { w = %s  r = %s  y = GRU <hidden_size = 2> (x, w, r) }",
        [_weight(1, 6, 5), _weight(1, 6, 2)], (3, 2, 5), "T,N,5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_weights_say_how_large_a_dimension_is(name: str) -> None:
    text, weights, shape, known = MODELS[name]
    x: Array = data(*shape)
    graph = agrees(_with(text, *weights), {"x": x}, judge="onnxruntime")
    assert str(graph.types["x"]) == f"float32[{known}]"


def test_a_name_has_one_size_everywhere() -> None:
    text = """agraph (float[N,C,H,W] x, float[N,C] z) => (float[A,B,D,E] y, float[F,G] v) {
        w = %s  y = Conv (x, w)  v = Neg (z) }"""
    graph = agrees(_with(text, _weight(4, 3, 3, 3)), {"x": data(1, 3, 5, 5), "z": data(1, 3)})
    assert str(graph.types["z"]) == "float32[N,3]"


def test_no_other_size_is_taken() -> None:
    text = _with("agraph (float[N,5] x) => (float[A,B] y) { w = %s  y = MatMul (x, w) }", _weight(6, 4))
    with pytest.raises(EdgeconvError, match="does not fit"):
        load_onnx(model_from(text))


AGREEING = {
    "product": (
        "agraph (float[N,A] x, float[B,4] z) => (float[C,D] y) { y = MatMul (x, z) }",
        (data(2, 3), data(3, 4)), (data(2, 3), data(5, 4)),
    ),
    "einsum": (
        """agraph (float[N,3,5] x, float[M,5,4] z) => (float[A,B,C] y) {
           y = Einsum <equation = "bij,bjk->bik"> (x, z) }""",
        (data(2, 3, 5), data(2, 5, 4)), (data(3, 3, 5), data(2, 5, 4)),
    ),
    "einsum_grouped": (
        """agraph (float[N,3,5,2] x, float[M,5,2,4] z) => (float[A,B,C] y) {
           y = Einsum <equation = "bijk,bjkl->bil"> (x, z) }""",
        (data(2, 3, 5, 2), data(2, 5, 2, 4)), (data(2, 3, 5, 2), data(3, 5, 2, 4)),
    ),
    "updates": (
        """agraph (float[N,3] x, float[M,3] z) => (float[A,B] y) {
           i = Constant <value = int64[2,1] {1, 0}> ()  y = ScatterND (x, i, z) }""",
        (data(3, 3), data(2, 3)), (data(3, 3), data(4, 3)),
    ),
    "grid": (
        "agraph (float[N,1,4,4] x, float[M,2,3,2] z) => (float[A,B,C,D] y) { y = GridSample (x, z) }",
        (data(2, 1, 4, 4), data(2, 2, 3, 2)), (data(2, 1, 4, 4), data(3, 2, 3, 2)),
    ),
    "rows": (
        """agraph (float[N,A] x, float[N,M] z) => (float[B,C] y) { s = Constant <value = int64[2] {-1, 4}> ()
           w = Concat <axis = 1> (x, z)  y = Reshape (w, s) }""",
        (data(2, 3), data(2, 5)), (data(1, 3), data(1, 2)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AGREEING)
def test_open_dimensions_that_must_agree_are_taken_to(name: str) -> None:
    text, fitting, other = AGREEING[name]
    graph = agrees(text, dict(zip("xz", fitting, strict=True)), judge="onnxruntime")
    with pytest.raises(EdgeconvError, match=r"fit|address|elements|shape|equation|dimensions|updates"):
        Interpreter(to_program(graph)).run(None, dict(zip("xz", other, strict=True)))


def test_a_batch_that_fits_one_size_only_stays_open() -> None:
    text = """agraph (float[N,2,3] x) => (float[M,6] y) {
        s = Constant <value = int64[2] {1, 6}> ()  f = Reshape (x, s)  y = Neg (f) }"""
    graph = agrees(text, {"x": data(1, 2, 3)})
    with pytest.raises(EdgeconvError, match="does not have the elements"):
        Interpreter(to_program(graph))(data(2, 2, 3))
    with pytest.raises(EdgeconvError, match="does not have the elements"):
        load_onnx(model_from(text.replace("{1, 6}", "{1, 5}")))
