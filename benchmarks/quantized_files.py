"""The quantized files that ONNX Runtime's quantizer makes of a model, in the settings that people use."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from edgeconv.core import Array

__all__ = ["SETTINGS", "Setting", "quantized_file"]

logging.getLogger().setLevel(logging.ERROR)  # the quantizer's advice to do what was done already

U8, S8, U16, S16 = QuantType.QUInt8, QuantType.QInt8, QuantType.QUInt16, QuantType.QInt16


@dataclass(frozen=True)
class Setting:
    """How to quantize. `family`: what the result is reported under. `prepared`: after `quant_pre_process`."""

    family: str
    name: str
    activations: QuantType = U8
    weights: QuantType = S8
    format: QuantFormat = QuantFormat.QDQ
    method: CalibrationMethod = CalibrationMethod.MinMax
    per_channel: bool = False
    reduce_range: bool = False
    prepared: bool = True
    dynamic: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


_QOP, _ENTROPY, _PERCENTILE = QuantFormat.QOperator, CalibrationMethod.Entropy, CalibrationMethod.Percentile

SETTINGS = (
    Setting("QDQ", "u8s8"),
    Setting("QDQ", "u8s8-channel", per_channel=True),
    Setting("QDQ", "u8s8-raw", per_channel=True, prepared=False),
    Setting("QDQ", "u8u8", weights=U8),
    Setting("QDQ", "u8u8-channel", weights=U8, per_channel=True),
    Setting("QDQ", "s8s8-channel", S8, per_channel=True),
    Setting("QDQ", "s8s8-symmetric", S8, extra={"ActivationSymmetric": True}),
    Setting("QDQ", "s8s8-asymmetric-weight", S8, per_channel=True, extra={"WeightSymmetric": False}),
    Setting("QDQ", "u8s8-entropy", method=_ENTROPY, per_channel=True),
    Setting("QDQ", "s8s8-percentile", S8, method=_PERCENTILE),
    Setting("QDQ", "u8s8-reduced", per_channel=True, reduce_range=True),
    Setting("QDQ float bias", "u8s8-float-bias", per_channel=True, extra={"QuantizeBias": False}),
    Setting("QDQ float bias", "s8s8-float-bias", S8, extra={"QuantizeBias": False}),
    Setting("QDQ 16 bits", "u16s8", U16, per_channel=True),
    Setting("QDQ 16 bits", "s16s8", S16, extra={"ActivationSymmetric": True}),
    Setting("QOperator", "u8s8", format=_QOP),
    Setting("QOperator", "u8s8-channel", format=_QOP, per_channel=True),
    Setting("QOperator", "u8u8-raw", weights=U8, format=_QOP, prepared=False),
    Setting("QOperator", "s8s8-channel", S8, format=_QOP, per_channel=True),
    Setting("QOperator", "u8s8-reduced-entropy", format=_QOP, method=_ENTROPY, reduce_range=True),
    Setting("dynamic", "s8", dynamic=True),
    Setting("dynamic", "u8-channel", weights=U8, dynamic=True, per_channel=True),
)


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime has no types
    """The samples one by one, or `batch` at a time."""

    def __init__(self, name: str, samples: Array, batch: int) -> None:
        parts = (samples[at : at + batch] for at in range(0, len(samples), batch))
        self._feeds = iter([{name: part} for part in parts])

    def get_next(self) -> dict[str, Array] | None:
        """The next feed, None at the end."""
        return next(self._feeds, None)


def quantized_file(model: Path, setting: Setting, folder: Path, name: str, samples: Array, batch: int) -> Path:
    """The file, made where it is not there yet. `samples` of the input `name` calibrate, `batch` at a time."""
    folder = folder.resolve()
    target = folder / f"{model.parent.name}.{model.stem}.{setting.family.replace(' ', '-')}.{setting.name}.onnx"
    if target.exists():
        return target
    source = _prepared(model, folder) if setting.prepared else model
    common = {"per_channel": setting.per_channel, "reduce_range": setting.reduce_range, "weight_type": setting.weights}
    # ONNX Runtime leaves files of its own where it runs, if it fails.
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        if setting.dynamic:
            quantize_dynamic(str(source), str(target), **common)
        else:
            quantize_static(
                str(source),
                str(target),
                _Reader(name, samples, batch),
                quant_format=setting.format,
                activation_type=setting.activations,
                calibrate_method=setting.method,
                extra_options=dict(setting.extra),
                **common,
            )
    return target


def _prepared(model: Path, folder: Path) -> Path:
    target = folder / f"{model.parent.name}.{model.stem}.prepared.onnx"
    if target.exists():
        return target
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        try:
            quant_pre_process(str(model), str(target))
        except Exception:  # its symbolic shape inference does not know every graph
            quant_pre_process(str(model), str(target), skip_symbolic_shape=True)
    return target
