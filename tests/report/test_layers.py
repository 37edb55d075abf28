"""compare, layer by layer: every figure against an independent calculation, on networks of which all is known."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from fnmatch import fnmatchcase
from math import inf, log10
from pathlib import Path

import numpy as np
import pytest

import edgeconv
from edgeconv.core import Array, QParams, TensorType
from edgeconv.errors import DataError, UsageError
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.base import Ref
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.report.layer_content import layer_document
from edgeconv.report.layers import LayerFacts, LayerReport, Repair
from edgeconv.report.render import html
from edgeconv.report.text import render_text
from edgeconv.runtime import Interpreter, Program
from tests.harness import data, sqnr
from tests.laws.sources import REPOSITORY

SAMPLES = 40
RESNET = REPOSITORY / "sample_models" / "digits_resnet"


def network(names: tuple[str, ...] = ("first", "second", "third")) -> Graph:
    """Three Dense layers with ReLU between them: x [N, 6] -> 10 -> 8 -> 4, of nodes called `names`."""
    emitter = Emitter({"x": TensorType("float32", (SAMPLES, 6))})
    value = Ref("x", emitter.types["x"])
    for number, (name, rows, columns) in enumerate(zip(names, (10, 8, 4), (6, 10, 8), strict=True)):
        low = 0.0 if number < 2 else -inf
        layer = Dense(low=low)(value, data(columns, rows, seed=number), data(rows, seed=number))
        value = emitter.emit([layer], [f"{name}.out"], name)[f"{name}.out"]
    return Graph(emitter.nodes, emitter.types, ["x"], [value.name])


def quantized(graph: Graph) -> Program:
    """Rounded to nearest, so that every layer loses a little."""
    x = {"x": data(SAMPLES, 6)}
    return to_program(quantize(graph, [x], QuantConfig("minmax", refinements=())))


def compared(graph: Graph, candidate: Program) -> LayerReport:
    """On other samples than those of calibration."""
    return edgeconv.compare(graph, candidate, data(SAMPLES, 6, seed=9))


def layer(report: LayerReport, name: str) -> LayerFacts:
    """The layer called `name`."""
    return next(each for each in report.layers if each.name == name)


def spoilt(program: Program, name: str) -> Program:
    """The program with the weights of one layer rounded to two bits."""
    step = next(step for step in program.steps if step.name == name)
    known = program.tensors[step.inputs[1]]
    assert known.data is not None
    coarse = np.clip(np.rint(known.data / 64.0) * 64, -127, 127).astype(np.int8)
    tensors = list(program.tensors)
    tensors[step.inputs[1]] = replace(known, type=replace(known.type, value=coarse))
    return replace(program, tensors=tuple(tensors))


def _rounded(x: Array, q: QParams) -> Array:
    """The real values that int8 gives for `x`, in float64."""
    scale, zero_point = q.scale[0], q.zero_point[0]
    return scale * (np.clip(np.rint(x / scale) + zero_point, -128, 127) - zero_point)


def test_local_error_is_that_of_the_layer_on_the_reference_s_inputs() -> None:
    graph = network()
    program = quantized(graph)
    known = {tensor.name: tensor.type for tensor in program.tensors}
    seen: dict[str, Array] = {}
    tap = lambda name, array: seen.update({name: array.copy()})  # noqa: E731
    Interpreter(to_program(graph)).run(None, {"x": data(SAMPLES, 6, seed=9)}, tap=tap)
    step = next(step for step in program.steps if step.name == "second")
    weight, bias = (program.tensors[index] for index in step.inputs[1:3])
    q_x, q_w, q_y = known["first.out"].q, weight.type.q, known["second.out"].q
    assert q_x is not None and q_w is not None and q_y is not None
    assert weight.data is not None and bias.data is not None
    scales = np.array(q_w.scale)
    y = _rounded(seen["first.out"], q_x) @ weight.data * scales + bias.data * scales * q_x.scale[0]
    wanted = seen["second.out"].astype(np.float64)
    noise = np.square(wanted - _rounded(np.maximum(y, 0), q_y)).sum()
    found = layer(compared(graph, program), "second")
    assert found.local == pytest.approx(10 * log10(np.square(wanted).sum() / noise), abs=0.05)
    assert found.seen == (wanted.min(), wanted.max())
    assert found.held == (q_y.scale[0] * (-128 - q_y.zero_point[0]), q_y.scale[0] * (127 - q_y.zero_point[0]))
    outside = (wanted < found.held[0] - q_y.scale[0] / 2) | (wanted > found.held[1] + q_y.scale[0] / 2)
    assert found.saturated == outside.mean() > 0


def test_weights_are_compared_with_the_original_ones() -> None:
    graph = network()
    program = quantized(graph)
    step = next(step for step in program.steps if step.name == "first")
    stored = program.tensors[step.inputs[1]]
    original = graph.constant(graph.nodes[0].inputs[1])
    assert stored.data is not None and stored.type.q is not None and original is not None
    real = stored.data * np.array(stored.type.q.scale)
    assert layer(compared(graph, program), "first").weights == pytest.approx(sqnr(original, real), abs=0.01)


def test_what_comes_out_is_the_cumulative_error_of_the_last_layer() -> None:
    graph = network()
    program = quantized(graph)
    x = data(SAMPLES, 6, seed=9)
    wanted, found = Interpreter(to_program(graph))(x), Interpreter(program)(x)
    report = compared(graph, program)
    assert layer(report, "third").cumulative == pytest.approx(sqnr(wanted, found), abs=1e-3)
    assert report.outputs[0].sqnr == pytest.approx(sqnr(wanted, found), abs=1e-3)


def test_the_spoilt_layer_is_found_and_the_others_are_not_blamed() -> None:
    graph = network()
    good = quantized(graph)
    before, after = compared(graph, good), compared(graph, spoilt(good, "second"))
    assert after.ranked[0].name == "second"
    assert after.ranked[0].harm > 0.9
    assert layer(after, "second").local < layer(before, "second").local - 10
    for name in ("first", "third"):
        assert layer(after, name).local == pytest.approx(layer(before, name).local, abs=1e-9)
    assert layer(after, "third").cumulative < layer(before, "third").cumulative - 5
    assert sum(each.harm for each in after.layers) == pytest.approx(1)


def test_harm_is_measured_with_one_layer_quantized_alone() -> None:
    graph = network()
    program = spoilt(quantized(graph), "third")
    found = layer(compared(graph, program), "third")
    assert found.alone == pytest.approx(found.local, abs=1e-9)  # its output is the network's


def test_repair_names_the_layer_and_foretells_what_it_brings() -> None:
    graph = network()
    report = compared(graph, spoilt(quantized(graph), "second"))
    assert report.repair is not None
    assert report.repair.layers == ("second",)
    assert report.repair.sqnr_after > report.repair.sqnr_before + 5
    assert report.repair.sqnr_before == pytest.approx(report.outputs[0].sqnr, abs=1e-6)
    assert "--exclude second" in report.repair.command
    assert not report.repair.is_complete


def test_a_repair_says_on_how_many_samples_it_was_measured() -> None:
    graph, repair = network(), Repair(("a",), ("a",), 30.0, 33.0, 64, "edgeconv convert", True)
    report = replace(compared(graph, quantized(graph)), repair=repair)
    for samples, words in ((64, "33.0 dB: a"), (100, "33.0 dB on the first 64 samples: a")):
        assert words in " ".join(render_text(layer_document(replace(report, samples=samples))).split())


HOSTILE = ("a'; rm -rf /; '", "conv[1]*", "<img src=x>\n`$(id)`")


def test_a_repair_command_quotes_whatever_a_node_is_called() -> None:
    graph = network(HOSTILE)
    for name in HOSTILE:
        report = compared(graph, spoilt(quantized(graph), name))
        assert report.repair is not None
        words = shlex.split(report.repair.command)
        patterns = [words[i + 1] for i, word in enumerate(words) if word == "--exclude"]
        hits = [[each for each in HOSTILE if fnmatchcase(each, pattern)] for pattern in patterns]
        assert [name] in hits
        assert all(len(each) == 1 for each in hits)


def test_equal_models_lose_nothing() -> None:
    program = quantized(network())
    report = edgeconv.compare(program, program, data(SAMPLES, 6))
    assert {each.cumulative for each in report.layers} == {inf}
    assert report.repair is None
    text = report.to_text()
    assert "identical" in text and "every layer computes exactly" in text
    assert "every layer computes exactly" in report.to_markdown()


def test_samples_beyond_all_reason_are_reported_all_the_same() -> None:
    graph = network()
    with np.errstate(all="ignore"):
        report = edgeconv.compare(graph, quantized(graph), 3e38 * data(SAMPLES, 6, low=-1, high=1))
    assert json.loads(report.to_json())["layers"][-1]["seen"] == [None, None]
    assert "third" in html(report)


def test_the_range_is_said_with_what_holds_it_and_no_column_is_empty() -> None:
    graph = network()
    value = graph.nodes[0].outputs[0]
    wide = to_program(
        quantize(graph, [{"x": data(SAMPLES, 6)}], QuantConfig("minmax", raised=((value, "int16"),), refinements=()))
    )
    report = compared(graph, wide)
    assert [each.dtype for each in report.layers if each.value == value] == ["int16"]
    assert re.search(r"int16 -[\d,.]+ \.\. [\d,.]+", report.to_text())
    assert "can hold" not in compared(graph, to_program(graph)).to_text()


def test_equalized_channels_are_compared_in_the_reference_s_units() -> None:
    emitter = Emitter({"x": TensorType("float32", (6, 3, 8, 8))})
    spread = np.logspace(0, 3, 4, dtype=np.float32)
    weight = data(4, 3, 3, 3) * spread.reshape(-1, 1, 1, 1)
    first = Conv((1, 1), (1, 1, 1, 1), (1, 1), low=0.0)(Ref("x", emitter.types["x"]), weight, spread / 2)
    emitter.emit([first], ["h"], "first")
    weight = data(4, 1, 3, 3, seed=1) / spread.reshape(-1, 1, 1, 1)
    second = Conv((1, 1), (0, 0, 0, 0), (1, 1), 4)(Ref("h", first.type), weight, data(4))
    emitter.emit([second], ["y"], "second")
    graph, x = Graph(emitter.nodes, emitter.types, ["x"], ["y"]), data(6, 3, 8, 8)
    program = to_program(quantize(graph, [{"x": x}], QuantConfig("minmax", refinements=("equalize",))))
    found = {each.name: each for each in edgeconv.compare(graph, program, x).layers}
    assert found["first"].rescaled and not found["second"].rescaled
    assert min(found["first"].local, found["first"].cumulative) > 40
    assert min(found["first"].weights or 0, found["second"].weights or 0) > 35


def test_models_without_a_layer_in_common() -> None:
    with pytest.raises(UsageError, match="no value of the same name in common"):
        edgeconv.compare(network(("a", "b", "c")), _renamed(quantized(network())), data(SAMPLES, 6))


def _renamed(program: Program) -> Program:
    return replace(program, tensors=tuple(replace(tensor, name=f"other {tensor.name}") for tensor in program.tensors))


def test_models_with_other_outputs() -> None:
    program = quantized(network())
    more = replace(program, outputs=(program.outputs[0], program.steps[0].outputs[0]))
    with pytest.raises(DataError, match="2 outputs, the reference 1"):
        edgeconv.compare(network(), more, data(SAMPLES, 6))


def test_samples_add_up_however_they_are_batched() -> None:
    folder = str(RESNET) + "/"
    model = edgeconv.convert(folder + "model.onnx", calibration=folder + "calib.npz", samples=32)
    with np.load(folder + "test.npz") as file:
        images = file["input"][:50]
    one, many = (
        edgeconv.compare(folder + "model.onnx", model, samples)
        for samples in (images, lambda: (images[i : i + 7] for i in range(0, 50, 7)))
    )
    assert (one.samples, many.samples) == (50, 50)
    for a, b in zip(one.layers, many.layers, strict=True):
        assert (a.local, a.cumulative) == pytest.approx((b.local, b.cumulative), rel=1e-6)
        assert (a.seen, a.saturated) == (b.seen, b.saturated)
    report = edgeconv.evaluate(model, images, reference=folder + "model.onnx", metric="sqnr")
    assert one.outputs[0].sqnr == pytest.approx(report.outputs[0].sqnr, abs=1e-3)


def test_text_markdown_and_json_say_the_same(tmp_path: Path) -> None:
    graph = network(("<b>first</b>", "se|cond", "third"))
    report = compared(graph, spoilt(quantized(graph), "se|cond"))
    found = json.loads(report.to_json())
    assert found["schema"] == "edgeconv/layer-report/1"
    assert [each["name"] for each in found["layers"]] == ["x", "<b>first</b>", "se|cond", "third"]
    assert [each["rank"] for each in found["layers"]][2] == 1
    text, markdown = render_text(layer_document(report)), report.to_markdown()
    assert "<b>first</b>" in text
    assert "<b>" not in markdown.replace(found["repair"]["command"], "")
    for each in report.layers:
        for shown in (f"{100 * each.harm:.1f} %", f"{each.local:.1f} dB", f"{each.cumulative:.1f} dB"):
            assert shown in text
            assert shown in markdown
    assert report.repair is not None and report.repair.command in text and report.repair.command in markdown
