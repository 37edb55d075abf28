"""What users write: never run, but read by mypy against the modules of the wheel, whose types must serve it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import edgeconv
from edgeconv.core import Array, QParams, TensorType
from edgeconv.data import Preprocessing, open_data
from edgeconv.deployed import open_model
from edgeconv.errors import DataError, EdgeconvError, UnsupportedModelError
from edgeconv.graph import Graph
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.report import AccuracyReport
from edgeconv.runtime import Interpreter, Program


def convert(path: Path, samples: Array) -> int:
    """From ONNX to a file, as README shows it."""
    graph = edgeconv.load(path, {"x": (1, "N")}, constants={"size": [2, 3]})
    assert_type(graph, Graph)
    print(graph.text(), [node.op_name for node in graph.nodes], graph.types["x"].shape)
    seen = edgeconv.calibrate(path, samples)
    model = edgeconv.convert(graph, seen, exclude=["*/head/*"], preprocessing=Preprocessing(), effort="fast")
    assert_type(model, edgeconv.Model)
    for note in model.notes:
        print(note.upper())
    return model.save(path.with_suffix(".edge"), overwrite=True)


def measure(model: edgeconv.Model, data: Path) -> float:
    """Accuracy, and the layers that lose it."""
    report = edgeconv.evaluate(model, data, metric="top1", batch_size=4)
    assert_type(report, AccuracyReport)
    report.to_html("report.html")
    layers = edgeconv.compare(model, model, data)
    print(report.to_text(), report.drop, report.outputs[0].sqnr, [layer.harm for layer in layers.layers])
    return report.int8


def run(path: str, x: Array) -> list[Array]:
    """Both ways to call the interpreter, and LiteRT's."""
    interpreter = Interpreter(path, threads=2, memory="small")
    assert_type(interpreter.program, Program)
    print(interpreter.memory.arena, interpreter.input_names[0].upper(), interpreter.input_type("x").shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    print(interpreter.get_tensor(0).shape, interpreter.profile(x, runs=3).steps[0])
    return interpreter.run(None, {"x": x}, raw=True)


def by_hand(graph: Graph, samples: list[dict[str, Array]]) -> Graph:
    """The parts that the documentation names."""
    known = TensorType("int8", (1, 2), QParams((0.5,), (3,)))
    source = open_data("calib.npz", {"x": known})
    print(source.name, [batch.inputs["x"].shape for batch in source.batches(4)])
    try:
        return quantize(graph, samples, QuantConfig(method="mse"))
    except (UnsupportedModelError, DataError) as error:
        raise EdgeconvError(str(error)) from error


def deployed(x: Array) -> int:
    """On the device."""
    scores: Array = open_model()(x)
    return int(scores.argmax())
