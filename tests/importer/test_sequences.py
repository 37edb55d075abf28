"""Sequences and optionals: resolved while importing."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edgeconv.errors import UnsupportedModelError
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.importer import backend, load_onnx
from edgeconv.passes import simplify
from edgeconv.runtime import Interpreter
from tests.harness import data
from tests.importer.models import agrees, model_from

X = data(2, 6)

MODELS = {
    "split and concatenate": """{
        s = SplitToSequence <axis = 1> (x, two)
        y = ConcatFromSequence <axis = 0> (s)
    }""",
    "split evenly, the last part smaller": """{
        s = SplitToSequence <axis = 1> (x, four)
        a = SequenceAt (s, minus)
        b = SequenceAt (s, zero)
        y = Concat <axis = 1> (a, b)
    }""",
    "split into given sizes": """{
        s = SplitToSequence <axis = 1> (x, sizes)
        a = SequenceAt (s, one)
        y = Identity (a)
    }""",
    "single elements without their axis": """{
        s = SplitToSequence <axis = 1, keepdims = 0> (x)
        a = SequenceAt (s, two)
        y = Neg (a)
    }""",
    "stack": """{
        a = Neg (x)
        s = SequenceConstruct (x, a, x)
        y = ConcatFromSequence <axis = -1, new_axis = 1> (s)
    }""",
    "insert and erase": """{
        a = Neg (x)
        b = Exp (x)
        none = SequenceEmpty ()
        s1 = SequenceInsert (none, x)
        s2 = SequenceInsert (s1, a, zero)
        s3 = SequenceInsert (s2, b)
        s4 = SequenceErase (s3, one)
        same = Identity (s4)
        y = ConcatFromSequence <axis = 0> (same)
    }""",
    "length": """{
        a = Neg (x)
        s = SequenceConstruct (x, a)
        n = SequenceLength (s)
        f = CastLike (n, x)
        y = Mul (x, f)
    }""",
    "map": """{
        a = Neg (x)
        s = SequenceConstruct (x, a)
        m = SequenceMap (s, x) <body = f (p, q) => (r) { t = Mul (p, q)  r = Exp (t) }>
        y = ConcatFromSequence <axis = 0> (m)
    }""",
    "optional": """{
        o = Optional (x)
        has = OptionalHasElement (o)
        v = OptionalGetElement (o)
        y = If (has) < then_branch = yes () => (a) { a = Neg (v) }, else_branch = no () => (b) { b = Exp (v) } >
    }""",
    "a sequence through a function and a branch": """{
        s = local.parts (x)
        t = If (yes) <
            then_branch = a () => (u) { u = SequenceErase (s) },
            else_branch = b () => (v) { v = Identity (s) }
        >
        y = ConcatFromSequence <axis = 1> (t)
    }
    <domain: "local", opset_import: ["" : 18]> parts (p) => (q) {
        n = Constant <value_int = 2> ()
        q = SplitToSequence <axis = 1> (p, n)
    }""",
}
CONSTANTS = (
    "int64 zero = {0}, int64 one = {1}, int64 two = {2}, int64 four = {4}, int64 minus = {-1}, bool yes = {1}, "
    "int64[3] sizes = {1, 3, 2}"
)


@pytest.mark.parametrize("name", MODELS)
def test_sequence(name: str) -> None:
    judge = "onnxruntime" if name == "optional" else "onnx"
    agrees(f"agraph (float[2,6] x) => (float[A,B] y) <{CONSTANTS}> {MODELS[name]}", {"x": X}, judge=judge)


REFUSED = {
    "a position from data": ("{ s = SplitToSequence <axis = 1> (x)  y = SequenceAt (s, k) }", "'position' is computed"),
    "outside": ("{ s = SequenceConstruct (x)  y = SequenceAt (s, two) }", "position 2 is outside a sequence of 1"),
    "a sequence for a tensor": ("{ s = SequenceConstruct (x)  y = Neg (s) }", "input 'x' is a sequence"),
    "a tensor for a sequence": ("{ y = SequenceAt (x, zero) }", "needs a sequence"),
    "an output of nothing": ("{ y = SequenceEmpty () }", "output 'y' is a sequence; the device has tensors only"),
    "an unknown dimension": ("{ s = SplitToSequence (x)  y = SequenceAt (s, zero) }", "fix it with --input-shape"),
    "nothing to concatenate": ("{ s = SequenceEmpty ()  y = ConcatFromSequence <axis = 0> (s) }", "an empty sequence"),
    "nothing to erase": ("{ s = SequenceEmpty ()  t = SequenceErase (s)  y = SequenceAt (t, zero) }", "from an empty"),
    "parts of nothing": ("{ s = SplitToSequence <axis = 1> (x, zero)  y = SequenceAt (s, one) }", "into parts of 0"),
    "sequences of two lengths": (
        """{ s = SequenceConstruct (x, x)  t = SequenceConstruct (x)
        m = SequenceMap (s, t) <body = f (p, q) => (r) { r = Mul (p, q) }>  y = SequenceAt (m, zero) }""",
        "its sequences differ in length",
    ),
    "a map to sequences": (
        """{ s = SequenceConstruct (x, x)
        m = SequenceMap (s) <body = f (p) => (r) { r = SequenceConstruct (p) }>  y = SequenceAt (m, zero) }""",
        "something else than tensors",
    ),
    "a map of nothing": (
        "{ s = SequenceEmpty ()  m = SequenceMap (s) <body = f (p) => (r) { r = Neg (p) }>  y = SequenceAt (m, zero) }",
        "position 0 is outside a sequence of 0",
    ),
    "nothing there": (
        "{ o = Optional <type = float[2]> ()  y = OptionalGetElement (o) }",
        "the optional holds nothing",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    body, message = REFUSED[name]
    with pytest.raises(UnsupportedModelError, match=message):
        load_onnx(model_from(f"agraph (float[N,6] x, int64 k) => (float y) <{CONSTANTS}> {body}"))


def test_an_output_that_is_constant_keeps_its_name() -> None:
    model = model_from("""agraph (float[N,6] x) => (int64 y) {
        s = SplitToSequence <axis = 1> (x)
        y = SequenceLength (s)
        real = Cast <to = 1> (y)
        total = Add (x, real)
    }""")
    model.graph.output.add().CopyFrom(onnx.helper.make_tensor_value_info("total", onnx.TensorProto.FLOAT, None))
    graph = load_onnx(model)
    assert graph.outputs == ["y", "total"]
    length, total = Interpreter(to_program(graph)).run(None, {"x": X})
    assert length == 6
    assert np.array_equal(total, X + 6)


def test_a_sequence_as_an_output_is_its_tensors() -> None:
    """What MultiOutputClassifier gives."""
    model = model_from("""agraph (float[N,4] x) => (float[N,4] n, seq(float[N,2]) y) {
        n = Neg (x)
        a, b = Split <axis = 1, num_outputs = 2> (x)
        y = SequenceConstruct (b, a)
    }""")
    graph = load_onnx(model)
    assert graph.outputs == ["n", "y.0", "y.1"]
    assert graph.notes == ("the output 'y' is a sequence; its tensors are 'y.0', 'y.1'",)
    x = data(3, 4)
    negative, first, second = Interpreter(to_bytes(to_program(simplify(graph)))).run(None, {"x": x})
    np.testing.assert_array_equal(negative, -x)
    np.testing.assert_array_equal(first, x[:, 2:])
    np.testing.assert_array_equal(second, x[:, :2])
    found = backend.run_model(model, [x])
    assert isinstance(found[1], list)
    np.testing.assert_array_equal(found[1][1], x[:, :2])
