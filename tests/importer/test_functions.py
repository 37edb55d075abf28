"""Functions of the model, and those by which ONNX defines its operators, written out in the place of the call."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.errors import InvalidModelError, UnsupportedModelError
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.importer.support import find_obstacles
from edgeconv.runtime import Interpreter
from tests.harness import Case, data, feeds_of, model_of, reference_outputs
from tests.importer.models import agrees, model_from

X = data(2, 4)


def test_nested_calls_with_attributes_passed_on() -> None:
    """An attribute of the caller, its default, and one that is absent reach the operators inside."""
    text = """
    agraph (float[N,4] x) => (float[N,4] y, float[N,4] z) {
        y = local.outer <alpha: float = 0.3> (x)
        z = local.outer (x)
    }
    <domain: "local", opset_import: ["" : 18, "inner" : 1]>
    outer <alpha: float = 0.7> (a) => (c) { b = inner.scaled <slope: float = @alpha> (a)  c = Add (b, a) }
    <domain: "inner", opset_import: ["" : 18]>
    scaled <slope> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }
    """
    graph = agrees(text, {"x": X}, judge="onnxruntime")
    assert {node.op_name for node in graph.nodes} == {"LeakyRelu", "Add"}


def test_an_attribute_that_the_caller_leaves_out_is_left_out_inside() -> None:
    text = """
    agraph (float[N,4] x) => (float[N,4] y) { y = local.f (x) }
    <domain: "local", opset_import: ["" : 18]> f <slope> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }
    """
    agrees(text, {"x": X}, judge="onnxruntime")


def test_a_function_has_an_opset_of_its_own() -> None:
    """Unsqueeze takes its axes as an attribute in opset 11, as an input in 18."""
    text = """
    agraph (float[2,4] x) => (float[A,B,C] y) { y = local.f (x) }
    <domain: "local", opset_import: ["" : 11]> f (a) => (b) { b = Unsqueeze <axes = [1]> (a) }
    """
    graph = load_onnx(model_from(text))
    assert graph.types["y"].shape == (2, 1, 4)


def test_optional_inputs_and_outputs() -> None:
    text = """
    agraph (float[N,4] x) => (float[N,4] y, float[N,4] z) {
        y = local.clipped (x, , high)
        , z = local.pair (x)
    }
    <float high = {0.5}>
    <domain: "local", opset_import: ["" : 18]> clipped (a, low, high) => (b) { b = Clip (a, low, high) }
    <domain: "local", opset_import: ["" : 18]> pair (a) => (b, c) { b = Neg (a)  c = Abs (a) }
    """
    text = text.replace("    <float high = {0.5}>\n", "").replace(
        "{\n        y", "<float high = {0.5}> {\n        y", 1
    )
    agrees(text, {"x": X})


def test_names_inside_do_not_meet_those_outside() -> None:
    text = """
    agraph (float[N,4] x) => (float[N,4] y) { t = Neg (x)  u = local.f (t)  v = local.f (u)  y = Add (t, v) }
    <domain: "local", opset_import: ["" : 18]> f (x) => (y) { t = Exp (x)  y = Sqrt (t) }
    """
    graph = agrees(text, {"x": X})
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)


def test_a_result_may_be_an_argument() -> None:
    text = """
    agraph (float[N,4] x) => (float[N,4] y) { y = local.same (x) }
    <domain: "local", opset_import: ["" : 18]> same (a) => (a) { unused = Neg (a) }
    """
    agrees(text, {"x": X})


def test_a_function_that_calls_itself_is_refused() -> None:
    text = """
    agraph (float[N,4] x) => (float[N,4] y) { y = local.f (x) }
    <domain: "local", opset_import: ["" : 18, "local" : 1]> f (a) => (b) { c = Neg (a)  b = local.f (c) }
    """
    with pytest.raises(InvalidModelError, match="more than 64 functions and subgraphs; is it recursive"):
        load_onnx(model_from(text))


def test_what_does_not_convert_is_named_with_the_call() -> None:
    text = """
    agraph (float[N,4] x) => (float[N,4] y) { [call] y = local.f (x) }
    <domain: "local", opset_import: ["" : 18]> f (a) => (b) { [inside] b = Hologram (a) }
    """
    model = model_from(text)
    with pytest.raises(UnsupportedModelError, match="Hologram 'call/inside': the operator Hologram is not supported"):
        load_onnx(model)
    (obstacle,), count = find_obstacles(model)
    assert (obstacle.name, count) == ("call", 1)
    assert "call/inside" in obstacle.reason


def test_operators_that_onnx_defines_by_others() -> None:
    """No rule of edgeconv's own: the body comes from ONNX, with the operator's default attributes."""
    graph = agrees("agraph () => (float[N] y) <int64 size = {8}> { y = HannWindow (size) }", {})
    assert [node.op_name for node in graph.nodes] == ["Identity"]
    agrees("agraph () => (float[N] y) <int64 size = {8}> { y = BlackmanWindow <periodic = 0> (size) }", {})


def test_a_body_that_onnx_writes_for_the_inputs_at_hand() -> None:
    """CenterCropPad's body depends on the attributes and on the rank."""
    text = (
        "agraph (float[N,7,6] x) => (float[A,B,C] y) <int64[2] s = {4, 9}> { y = CenterCropPad <axes = [1, 2]> (x, s) }"
    )
    agrees(text, {"x": data(2, 7, 6)})


def test_a_function_of_the_model_stands_in_for_an_operator_without_a_rule() -> None:
    """The `_expanded` forms of ONNX's tests, and operators of other domains that come with their definition."""
    text = """
    agraph (float[N,4] x) => (float[N,4] y) { y = com.example.Gated <factor = 2> (x) }
    <domain: "com.example", opset_import: ["" : 18]> Gated <factor: int = 1> (a) => (b) {
        k = Constant <value_int: int = @factor> ()
        f = CastLike (k, a)
        g = Mul (a, f)
        b = Sigmoid (g)
    }
    """
    graph = agrees(text, {"x": X}, header='<ir_version: 10, opset_import: ["" : 18, "com.example" : 1]>\n')
    assert np.isclose(graph.types[graph.nodes[0].inputs[1]].value, 2)


FORMS = {
    "Clip": Case("bound from data", "Clip", (X, None, np.float32(0.1))),
    "GroupNormalization": Case(
        "parameters from data", "GroupNormalization", (data(2, 4, 3), data(4), data(4)), {"num_groups": 2}, opset=21
    ),
}
"""Forms that edgeconv's own rules refuse."""


@pytest.mark.parametrize("name", FORMS)
def test_a_form_without_a_rule_falls_back_on_its_definition(name: str) -> None:
    case = FORMS[name]
    found = Interpreter(to_program(load_onnx(model_of(case)))).run(None, feeds_of(case))
    (want,) = reference_outputs(model_of(case), feeds_of(case))
    np.testing.assert_allclose(found[0], want, rtol=case.rtol, atol=1e-5)
