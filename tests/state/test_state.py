"""Streams against ONNX's reference evaluator with the state carried by hand: float, int8, every way to call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeconv.api import convert, evaluate
from edgeconv.core import Array, QParams
from edgeconv.errors import DataError, InvalidModelError, UsageError
from edgeconv.export.edge import to_bytes
from edgeconv.records import replace
from edgeconv.report.inspection import inspect_program
from edgeconv.report.inspection_content import inspection_document
from edgeconv.report.text import render_text
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program
from edgeconv.runtime.reader import read_program
from edgeconv_cli.main import run_commands
from tests.format.programs import Build, operator, same
from tests.harness import data, sqnr
from tests.state.models import CACHE, FRAMES, GRU, gru_model, in_one_go, tcn_model

MODELS: dict[str, tuple[Callable[..., onnx.ModelProto], dict[str, str]]] = {
    "gru": (gru_model, GRU),
    "tcn": (tcn_model, CACHE),
}
each_model = pytest.mark.parametrize("name", MODELS)


def _stream(batch: int, count: int = 20) -> Array:
    """(count, batch, 6)"""
    return data(count, batch, 6, seed=21, low=-1, high=1)


@each_model
@pytest.mark.parametrize("batch", [1, 3])
def test_a_float_stream(name: str, batch: int) -> None:
    make, states = MODELS[name]
    frames, model = _stream(batch), convert(make(), precision="fp32", states=states)
    interpreter = Interpreter(model.to_bytes())
    assert interpreter.input_names == ["x"]
    for _ in range(2):
        wanted = in_one_go(make(), states, frames)
        for frame, want in zip(frames, wanted, strict=True):
            np.testing.assert_allclose(interpreter(frame)[0], want, rtol=1e-5, atol=1e-5)
        interpreter.reset()


@each_model
def test_an_int8_stream(name: str) -> None:
    make, states = MODELS[name]
    model = convert(make(), {"x": FRAMES}, states=states)
    frames = _stream(1, 100)
    first, second = Interpreter(model.to_bytes()), Interpreter(model.to_bytes())
    wanted = np.stack(in_one_go(make(), states, frames))
    found = np.stack([first(frame)[0] for frame in frames])
    assert sqnr(wanted, found) > 25
    again = np.stack([second.run(["y"], {"x": frame}, raw=True)[0] for frame in frames])
    first.reset()
    assert np.array_equal(again, np.stack([first.run(["y"], {"x": frame}, raw=True)[0] for frame in frames]))


def test_a_cache_of_int8_values_is_handed_on_as_it_is() -> None:
    program = convert(tcn_model(), {"x": FRAMES}, states=CACHE).program
    ((source, target),) = program.states
    have, want = program.tensors[target].type, program.tensors[source].type
    assert have.dtype == want.dtype == "int8"
    assert have.q == want.q
    interpreter = Interpreter(to_bytes(program))
    frames = _stream(1, 5)
    caches = [interpreter.run(["cacheN"], {"x": frame}, raw=True)[0] for frame in frames]
    for before, after in pairwise(caches):
        assert np.array_equal(after[:, :, :3], before[:, :, 1:])
    assert interpreter.state["cache"].dtype == np.int8


def _delay(have: QParams | None, want: QParams | None) -> Program:
    """y = the x of the call before, through a state of one type that comes from an output of another."""
    build = Build()
    x = build.input("x", 1, 4, dtype="float32" if have is None else "int8", q=have)
    h = build.input("h", 1, 4, dtype="float32" if want is None else "int8", q=want)
    kept = build.step(operator("Reshape", shape=(1, 4)), x, name="hN", q=have)
    y = build.step(operator("Reshape", shape=(1, 4)), h, name="y", q=want)
    return replace(build.program(y, kept), states=((h, kept),))


@pytest.mark.parametrize("want", [None, QParams.per_tensor(0.02, 5), QParams.per_tensor(0.03, -7)])
@pytest.mark.parametrize("have", [None, QParams.per_tensor(0.02, 5)])
def test_the_border_between_two_scales(have: QParams | None, want: QParams | None) -> None:
    interpreter = Interpreter(to_bytes(_delay(have, want)))
    values = np.float32([[-1.1, 0.004, 0.5, 1.99]])
    assert not interpreter(values)[0].any()
    found = interpreter(np.zeros((1, 4), np.float32))[0]
    expected = values
    for q in (have, want):
        if q is not None:
            scale, zero = np.float32(q.scale[0]), q.zero_point[0]
            expected = (np.clip(np.rint(expected / scale) + zero, -128, 127) - zero) * scale
    assert np.array_equal(found, expected.astype(np.float32))


def test_a_state_may_be_given_and_read() -> None:
    interpreter = Interpreter(convert(gru_model(), precision="fp32", states=GRU).to_bytes())
    frames = _stream(2, 6)
    assert interpreter.state == {}
    outputs = [interpreter(frame)[0] for frame in frames[:3]]
    saved = interpreter.state["h"]
    rest = [interpreter(frame)[0] for frame in frames[3:]]
    first, *others = frames[3:]
    assert np.array_equal(interpreter.run(["y"], {"x": first, "h": saved})[0], rest[0])
    assert all(np.array_equal(interpreter(frame)[0], want) for frame, want in zip(others, rest[1:], strict=True))
    assert len(outputs) == 3
    with pytest.raises(DataError, match=r"the state 'h' was kept for the shape \[1, 2, 8\].*call reset\(\) first"):
        interpreter(frames[0][:1])
    interpreter.reset()
    assert interpreter(frames[0][:1])[0].shape == (1, 3)


def test_litert_calls() -> None:
    frames, bytes_ = _stream(2, 8), convert(tcn_model(), precision="fp32", states=CACHE).to_bytes()
    interpreter, plain = Interpreter(bytes_), Interpreter(bytes_)
    (details,) = interpreter.get_input_details()
    assert details["name"] == "x"
    interpreter.resize_tensor_input(details["index"], [2, 6])
    interpreter.allocate_tensors()
    y = next(each["index"] for each in interpreter.get_output_details() if each["name"] == "y")
    for frame in frames:
        interpreter.set_tensor(details["index"], frame)
        interpreter.invoke()
        assert np.array_equal(interpreter.get_tensor(y), plain(frame)[0])
    interpreter.reset_all_variables()
    interpreter.set_tensor(details["index"], frames[0])
    interpreter.invoke()
    plain.reset()
    assert np.array_equal(interpreter.get_tensor(y), plain(frames[0])[0])
    bound = next(i for i in interpreter.program.inputs if interpreter.program.tensors[i].name == "cache")
    with pytest.raises(DataError, match="is no input to set"):
        interpreter.set_tensor(bound, np.zeros((2, 6, 4), np.float32))


@each_model
def test_evaluate_runs_samples_in_order(name: str) -> None:
    make, states = MODELS[name]
    model = convert(make(), {"x": FRAMES}, states=states)
    test = {"x": data(50, 6, seed=31, low=-1, high=1)}
    report = evaluate(model, test, reference=make().SerializeToString(), metric="sqnr")
    wanted = np.concatenate(in_one_go(make(), states, test["x"][:, None]))
    interpreter = Interpreter(model.to_bytes())
    found = np.concatenate([interpreter(frame[None])[0] for frame in test["x"]])
    (y,) = (each for each in report.outputs if each.name == "y")
    assert abs(y.sqnr - sqnr(wanted, found)) < 0.1


def test_the_file_holds_it() -> None:
    program = convert(gru_model(), precision="fp32", states=GRU).program
    stored = read_program(to_bytes(program))
    assert same(stored, program) and len(stored.states) == 1
    text = render_text(inspection_document(inspect_program(stored, "model", None)))
    assert "state" in text and "kept from hN" in text
    assert stored.metadata["options.state"] == "h=hN"


DAMAGED: dict[str, tuple[Callable[[Program], Program], str]] = {
    "an output that is none": (lambda p: replace(p, states=((p.inputs[1], p.inputs[0]),)), "are not an output and an"),
    "an input that is none": (lambda p: replace(p, states=((p.outputs[0], p.outputs[1]),)), "are not an output and an"),
    "an index beyond": (lambda p: replace(p, states=((99, p.outputs[1]),)), "goes from tensor"),
    "a negative index": (lambda p: replace(p, states=((-1, -1),)), "goes from tensor -1"),
    "twice": (lambda p: replace(p, states=p.states * 2), "'h' is the state of two outputs"),
    "another type": (lambda p: replace(p, states=((p.inputs[0], p.outputs[1]),)), "comes from 'hN', which is"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_lies_about_its_state_is_refused(name: str) -> None:
    change, message = DAMAGED[name]
    program = convert(gru_model(), precision="fp32", states=GRU).program
    with pytest.raises(InvalidModelError, match=message):
        read_program(to_bytes(change(program)))


REFUSED = {
    "no such input": ({"g": "hN"}, "there is no input 'g'; there are 'x', 'h'"),
    "no such output": ({"h": "h"}, "there is no output 'h'; there are 'y', 'hN'"),
    "another type": ({"x": "hN"}, r"the input is float32\[N,6\], the output float32\[1,N,8\]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    states, message = REFUSED[name]
    with pytest.raises(UsageError, match=message):
        convert(gru_model(), precision="fp32", states=states)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, edge, calib, out = (str(tmp_path / name) for name in ("m.onnx", "m.edge", "c.npz", "o.npz"))
    onnx.save(gru_model(), model)
    np.savez(calib, x=FRAMES)
    assert run_commands(["convert", model, edge, "--calib", calib, "--state", "h=hN", "--eval", calib]) == 0
    assert run_commands(["run", edge, "-i", calib, "-o", out]) == 0
    interpreter = Interpreter(edge)
    wanted = np.concatenate([interpreter(frame[None])[0] for frame in FRAMES])
    assert np.array_equal(np.load(out)["y"], wanted)
    assert run_commands(["inspect", edge]) == 0
    assert "kept from hN" in capsys.readouterr().out
    assert run_commands(["convert", model, edge, "--force", "--precision", "fp32", "--state", "h"]) == 2
    assert "expected INPUT=OUTPUT" in capsys.readouterr().err


@pytest.mark.parametrize("is_first", [False, True], ids=["x first", "state first"])
def test_a_stream_is_profiled_and_measured_wherever_its_state_stands(is_first: bool, tmp_path: Path) -> None:
    model, path = gru_model("1"), tmp_path / "gru.edge"
    if is_first:
        inputs = list(model.graph.input)
        del model.graph.input[:]
        model.graph.input.extend(reversed(inputs))
    convert(model, precision="fp32", states=GRU).save(path)
    interpreter = Interpreter(path)
    profile = interpreter.profile(_stream(1)[0], runs=1)
    assert len(profile.steps) == len(interpreter.program.steps)
    assert interpreter.state == {}
    interpreter(_stream(1)[0])
    before = interpreter.state["h"]
    interpreter.profile(_stream(1)[1], runs=1)
    np.testing.assert_array_equal(interpreter.state["h"], before)
    assert run_commands(["bench", str(path), "--seconds", "0", "--runs", "1", "--quiet"]) == 0
    assert run_commands(["bench", str(path), "--seconds", "0", "--runs", "1", "--quiet", "--threads", "2"]) == 0
