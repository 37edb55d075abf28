"""ONNX Runtime's side of every comparison: sessions, its quantizer, and what its outputs score."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.assets import Asset
from benchmarks.table import sqnr
from edgeconv.core import Array

__all__ = ["METHODS", "Score", "outputs", "quantize_file", "quantize_onnx", "score", "session", "top1"]

METHODS = {
    "MinMax": CalibrationMethod.MinMax,
    "Percentile": CalibrationMethod.Percentile,
    "Entropy": CalibrationMethod.Entropy,
}
_AT_ONCE = 50
logging.getLogger().setLevel(logging.ERROR)  # the quantizer's advice to do what was done already


def session(model: Path, threads: int = 1, is_exact: bool = False) -> Any:
    """An InferenceSession on the processor.

    is_exact: integers are computed as QDQ means them. The optimized kernels for uint8 times int8 saturate at 16 bits on
    processors without VNNI, which is no matter of the quantizer.
    """
    options = onnxruntime.SessionOptions()
    if is_exact:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def outputs(run: Any, asset: Asset, samples: Array) -> Array:
    """The first output for all samples; `run` maps a batch to it. Batches are as large as the model takes."""
    size = asset.batch or _AT_ONCE
    parts = [np.asarray(run(samples[start : start + size])) for start in range(0, len(samples), size)]
    return np.concatenate([part.copy() for part in parts])


@dataclass(frozen=True)
class Score:
    """Top-1 (0 to 1), SQNR in dB of the outputs against fp32, and bytes of the file."""

    top1: float
    sqnr: float
    size: int

    def __str__(self) -> str:
        return f"{100 * self.top1:.2f} %, {self.sqnr:.1f} dB"


def score(found: Array, reference: Array, labels: Array, size: int) -> Score:
    """What outputs `found` are worth beside those of fp32, of a file of `size` bytes."""
    return Score(top1(found, labels), sqnr(reference, found), size)


def quantize_onnx(asset: Asset, method: str, folder: Path, calibration: Array) -> Path:
    """What `quantize_file` makes of a model, in `folder`."""
    target = folder.resolve() / f"{asset.name}.{method}.onnx"
    quantize_file(asset.path, target, [{asset.input: row[None]} for row in calibration], METHODS[method])
    return target


def quantize_file(
    path: Path,
    target: Path,
    feeds: Iterable[dict[str, Array]],
    method: CalibrationMethod = CalibrationMethod.MinMax,
    activations: QuantType = QuantType.QUInt8,
) -> None:
    """What `quant_pre_process` and `quantize_static` make of a file: QDQ, weights per channel."""
    path, target = path.resolve(), target.resolve()
    prepared = target.with_suffix(".prepared.onnx")
    # It leaves files of its own where it runs, if it fails.
    with contextlib.chdir(target.parent), contextlib.redirect_stdout(io.StringIO()):
        try:
            quant_pre_process(str(path), str(prepared))
        except Exception:  # its symbolic shape inference does not know every graph
            quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _Samples(feeds),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=activations,
            calibrate_method=method,
        )


class _Samples(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Calibration samples one by one, as ONNX Runtime asks for them."""

    def __init__(self, feeds: Iterable[dict[str, Array]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, Array] | None:
        return next(self._feeds, None)


def top1(logits: Array, labels: Array) -> float:
    """Share of samples whose largest output is the label's."""
    return float(np.mean(logits.reshape(len(labels), -1).argmax(axis=1) == labels))
