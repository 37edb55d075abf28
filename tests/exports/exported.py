"""What a maker gives, and how an exported model is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

import edgeconv
from edgeconv.core import Array
from edgeconv.runtime import Interpreter
from tests.harness import sqnr

__all__ = ["Exported", "Maker", "judge"]

FP32_SQNR = 90.0


@dataclass(frozen=True)
class Exported:
    """A model and inputs for it.

    `strings`: outputs of class names -> the names in the order of their numbers. `least`: the SQNR in dB that real
    outputs must reach beside ONNX Runtime's.
    """

    model: onnx.ModelProto
    feeds: Mapping[str, Array]
    strings: Mapping[str, list[str]]
    least: float = FP32_SQNR


Maker = Callable[[], Exported]


def judge(exported: Exported) -> None:
    """Convert at fp32, write, read and run; labels are the same, numbers within 90 dB of ONNX Runtime's.

    Feeds in which values are missing are samples like others, for int8 as well.
    """
    found = converted(exported)
    for name, want in onnxruntime_outputs(exported).items():
        compare(name, want, found[name], exported.strings, exported.least)
    if any(feed.dtype.kind == "f" and np.isnan(feed).any() for feed in exported.feeds.values()):
        model = edgeconv.convert(exported.model, calibration=exported.feeds)
        report = edgeconv.evaluate(model, exported.feeds, reference=exported.model.SerializeToString())
        assert all(output.sqnr > 25 for output in report.outputs), report.outputs


def converted(exported: Exported, **options: object) -> dict[str, Array]:
    """The outputs of the converted model, by name."""
    model = edgeconv.convert(exported.model, precision="fp32", **options)  # type: ignore[arg-type]
    interpreter = Interpreter(model.to_bytes())
    return dict(zip(interpreter.output_names, interpreter.run(None, exported.feeds), strict=True))


def onnxruntime_outputs(exported: Exported) -> dict[str, Array]:
    """What ONNX Runtime gives; a list of maps (ZipMap) as the matrix of their values."""
    from onnxruntime import InferenceSession

    session = InferenceSession(exported.model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = session.run(None, dict(exported.feeds))
    found = dict(zip(names, results, strict=True))
    for name in [name for name, result in found.items() if _is_sequence(result)]:
        found.update((f"{name}.{place}", each) for place, each in enumerate(found.pop(name)))
    return {name: _matrix(result) for name, result in found.items()}


def _is_sequence(result: object) -> bool:
    return isinstance(result, list) and bool(result) and not isinstance(result[0], dict)


def _matrix(result: object) -> Array:
    if isinstance(result, list) and result and isinstance(result[0], dict):
        return np.array([list(row.values()) for row in result], np.float32)
    return np.asarray(result)


def compare(name: str, want: Array, found: Array, strings: Mapping[str, list[str]], least: float = FP32_SQNR) -> None:
    """Integers, booleans and class names are equal; real numbers agree within `least` dB, NaN where NaN is wanted."""
    if want.dtype.kind in "OUS":
        want = np.array([strings[name].index(each) for each in want.ravel()]).reshape(want.shape)
    assert want.shape == found.shape, f"{name}: {want.shape} != {found.shape}"
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(found, want, err_msg=name)
        return
    finite = np.isfinite(want)
    np.testing.assert_array_equal(found[~finite], want[~finite], err_msg=name)
    assert sqnr(want[finite], found[finite]) >= least, f"{name}: {sqnr(want[finite], found[finite]):.1f} dB"
