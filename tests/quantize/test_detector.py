"""A detector: convolutions in int8, then NonMaxSuppression and what depends on it in float, whatever it finds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import edgeconv
from edgeconv.comparison import compare
from edgeconv.core import Array
from edgeconv.quantize.late import REASON
from edgeconv.runtime import Interpreter
from edgeconv.support import float_under_int8
from edgeconv_cli.main import run_commands
from tests.deploy.device import run_deployed
from tests.harness import data, reference_outputs

DETECTOR = """
<ir_version: 9, opset_import: ["": 17]>
detector (float[N,3,32,32] x) => (float[M,5] found, float[M] chance, int32[M] kind, int64 count)
<int64 zero = {0}, int64[1] none = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3},
 int64[1] rest = {-1}, int64[1] four = {4}, int64[1] most = {7}, float[1] overlap = {0.4}, float[1] least = {0.6},
 float sixteen = {16.0}>
{
    c = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w1, b1)
    r = Relu (c)
    d = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (r, w2, b2)
    s = Relu (d)
    places = Conv <pads = [1, 1, 1, 1]> (s, w3, b3)
    classes = Conv <pads = [1, 1, 1, 1]> (s, w4, b4)
    shape = Shape (x)
    n = Gather (shape, zero)
    batch = Unsqueeze (n, none)
    to_places = Concat <axis = 0> (batch, rest, four)
    to_classes = Concat <axis = 0> (batch, rest, three)
    p = Transpose <perm = [0, 2, 3, 1]> (places)
    q = Reshape (p, to_places)
    t = Tanh (q)
    u = Mul (t, sixteen)
    boxes = Add (u, anchors)
    k = Transpose <perm = [0, 2, 3, 1]> (classes)
    l = Reshape (k, to_classes)
    m = Sigmoid (l)
    scores = Transpose <perm = [0, 2, 1]> (m)
    picked = NonMaxSuppression <center_point_box = 1> (boxes, scores, most, overlap, least)
    of = Slice (picked, none, one, one)
    what = Slice (picked, one, two, one)
    which = Slice (picked, two, three, one)
    pair = Concat <axis = 1> (of, which)
    box = GatherND (boxes, pair)
    chance = GatherND (scores, picked)
    single = Squeeze (what, one)
    kind = Cast <to = 6> (single)
    sample = Cast <to = 1> (of)
    found = Concat <axis = 1> (sample, box)
    size = Shape (chance)
    count = Gather (size, zero)
}
"""
SAMPLES = data(24, 3, 32, 32)


@cache
def detector() -> onnx.ModelProto:
    """Two scales of convolutions, two anchors at each of 64 places, three classes."""
    weights = {
        "w1": data(8, 3, 3, 3, low=-0.3, high=0.3),
        "b1": data(8),
        "w2": data(16, 8, 3, 3, low=-0.3, high=0.3),
        "b2": data(16),
        "w3": data(8, 16, 3, 3, low=-0.2, high=0.2),
        "b3": data(8, low=-0.2, high=0.2),
        "w4": data(6, 16, 3, 3, low=-0.3, high=0.3),
        "b4": data(6, low=-0.2, high=0.2),
        "anchors": np.concatenate([data(1, 128, 2, low=0, high=32), np.full((1, 128, 2), 14, np.float32)], axis=2),
    }
    model = parser.parse_model(DETECTOR)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in weights.items())
    return model


@cache
def converted() -> edgeconv.Model:
    return edgeconv.convert(detector(), {"x": SAMPLES[:16]}, effort="fast")


@pytest.mark.parametrize("memory", ["fast", "small"])
@pytest.mark.parametrize("precision", ["fp32", "w8", "fp16"])
def test_in_float_it_finds_what_onnx_runtime_finds(precision: str, memory: str) -> None:
    interpreter = Interpreter(edgeconv.convert(detector(), precision=precision).to_bytes(), memory=memory)
    for batch in (SAMPLES[:1], SAMPLES[1:4], SAMPLES[:1]):
        wanted = reference_outputs(detector(), {"x": batch}, "onnxruntime")
        found = interpreter.run(None, {"x": batch})
        assert wanted[0].size
        assert [array.dtype for array in found] == [array.dtype for array in wanted]
        if precision == "fp32":
            for want, have in zip(wanted, found, strict=True):
                np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-5)


def test_the_backbone_is_int8_and_what_data_decides_is_float() -> None:
    program = converted().program
    types = {tensor.name: tensor.type for tensor in program.tensors}
    for name in ("c", "d", "places", "classes", "scores"):
        assert types.get(name) is None or types[name].q is not None
    assert types["boxes"].dtype == "float32"
    kernels = [step for step in program.steps if type(step.op).__name__ == "Conv"]
    assert len(kernels) == 4
    assert all(types[program.tensors[step.outputs[0]].name].q is not None for step in kernels)
    reasons = {reason for _, reason in edgeconv.quantize.float_nodes(converted().graph)}
    assert any("boxes or coordinates" in reason for reason in reasons)
    assert len(reasons) == 2
    assert REASON in reasons


def test_what_will_be_float_is_told_beforehand() -> None:
    told, found = float_under_int8(edgeconv.load(detector())), converted().conversion.float_nodes
    late = [node for node in found if node.reason == REASON]
    assert late
    assert [node for node in told if node.reason == REASON] == late
    assert {node.name for node in told} <= {node.name for node in found}


@pytest.mark.parametrize("memory", ["fast", "small"])
@pytest.mark.parametrize("threads", [1, 2])
def test_int8_picks_from_its_own_boxes_as_onnx_runtime_would(threads: int, memory: str) -> None:
    """What comes after the boxes is exact: the same as the tail of the ONNX model, fed with the boxes of int8."""
    interpreter = Interpreter(converted().to_bytes(), threads=threads, memory=memory)
    tail = _tail()
    seen: dict[str, Array] = {}
    for batch in (SAMPLES[:1], SAMPLES[16:21], SAMPLES[:1]):
        found = interpreter.run(None, {"x": batch}, tap=lambda name, array: seen.update({name: array.copy()}))
        feeds = {"boxes": seen["boxes"], "scores": seen["scores.float"]}
        for want, have in zip(reference_outputs(tail, feeds, "onnxruntime"), found, strict=True):
            np.testing.assert_array_equal(have, want)
        for want, have in zip(found, interpreter.run(None, {"x": batch}), strict=True):
            np.testing.assert_array_equal(have, want)


def _file() -> bytes:
    return detector().SerializeToString()


def _tail() -> onnx.ModelProto:
    """The detector from its boxes and scores on."""
    model = onnx.ModelProto()
    model.CopyFrom(detector())
    nodes = list(model.graph.node)
    start = next(place for place, node in enumerate(nodes) if node.op_type == "NonMaxSuppression")
    del model.graph.node[:start], model.graph.input[:]
    for name, shape in (("boxes", ["N", 128, 4]), ("scores", ["N", 3, 128])):
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    return model


def test_it_is_judged_by_the_boxes_and_scores() -> None:
    """How many boxes are left differs between float and int8, so that these cannot be compared one by one."""
    report = edgeconv.evaluate(converted(), {"x": SAMPLES[16:]}, reference=_file())
    assert [output.name for output in report.outputs] == ["boxes", "scores"]
    assert report.int8 > 25
    layers = compare(_file(), converted(), {"x": SAMPLES[16:]})
    assert {"boxes", "scores"} == {output.name for output in layers.outputs}
    assert {"Conv"} <= {layer.operator for layer in layers.layers}
    same = edgeconv.evaluate(edgeconv.convert(detector(), precision="fp32"), {"x": SAMPLES[16:]}, reference=_file())
    assert same.int8 > 120


def test_an_accuracy_can_be_kept_and_nodes_behind_it_excluded() -> None:
    samples = {"x": SAMPLES[:16]}
    model = edgeconv.convert(detector(), samples, effort="fast", evaluation={"x": SAMPLES[16:]}, min_sqnr=10.0,
                             exclude=["found", "c"])  # fmt: skip
    reasons = {node.outputs[0]: reason for node, reason in edgeconv.quantize.float_nodes(model.graph)}
    assert "excluded" in reasons["c"]
    assert reasons["found"] == REASON


def test_values_between_tables_are_not_held_in_16_bits() -> None:
    """A product by a number is a table once quantized, which has 256 entries; what it gives can be raised to float."""
    samples = {"x": SAMPLES[:16]}
    model = edgeconv.convert(detector(), samples, effort="fast", evaluation={"x": SAMPLES[16:]}, min_sqnr=45.0)
    types = {tensor.name: tensor.type.dtype for tensor in model.program.tensors}
    assert types.get("u") != "int16"
    assert edgeconv.evaluate(model, {"x": SAMPLES[16:]}, reference=_file()).int8 >= 45


def test_a_profile_has_all_its_steps() -> None:
    interpreter = Interpreter(converted().to_bytes())
    names = {step.operator for step in interpreter.profile(SAMPLES[:2], runs=2).steps}
    assert {"Conv", "NonMaxSuppression", "GatherND", "Cast"} <= names


def test_litert_calls_tell_the_shape_that_was_found() -> None:
    interpreter = Interpreter(converted().to_bytes())
    details = interpreter.get_output_details()[0]
    assert details["shape_signature"].tolist() == [-1, 5]
    assert details["shape"].tolist() == [0, 5]
    (x,) = interpreter.get_input_details()
    scale, zero_point = x["quantization"]
    raw = np.clip(np.rint(SAMPLES[:1] / np.float32(scale)) + zero_point, -128, 127).astype(np.int8)
    interpreter.set_tensor(x["index"], raw)
    interpreter.invoke()
    found = interpreter.get_tensor(details["index"])
    assert interpreter.get_output_details()[0]["shape"].tolist() == list(found.shape)
    np.testing.assert_array_equal(found, interpreter.run(None, {"x": SAMPLES[:1]})[0])


def test_it_runs_with_numpy_alone(tmp_path: Path) -> None:
    edge = tmp_path / "detector.edge"
    converted().save(edge)
    assert run_commands(["deploy", str(edge), "-o", str(tmp_path / "detector.pyz"), "--quiet"]) == 0
    np.save(tmp_path / "x.npy", SAMPLES[:3])
    done = run_deployed(tmp_path, tmp_path / "detector.pyz", "x.npy", "-o", "y.npz")
    assert (done.returncode, done.stderr) == (0, "")
    wanted = Interpreter(str(edge)).run(None, {"x": SAMPLES[:3]})
    with np.load(tmp_path / "y.npz") as found:
        for name, want in zip(Interpreter(str(edge)).output_names, wanted, strict=True):
            np.testing.assert_array_equal(found[name], want)


@pytest.mark.parametrize("command", ["inspect", "verify", "bench", "run"])
def test_the_commands_know_it(command: str, tmp_path: Path) -> None:
    edge = tmp_path / "detector.edge"
    converted().save(edge)
    np.save(tmp_path / "x.npy", SAMPLES[:1])
    given = {"run": ["-i", f"x={tmp_path / 'x.npy'}"], "bench": ["--runs", "2"]}
    assert run_commands([command, str(edge), *given.get(command, [])]) == 0
