"""Median time for one sample on one thread, beside ONNX Runtime: all contestants take turns, in bursts, in one run."""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

import edgeconv
from benchmarks.assets import MODELS, Asset
from benchmarks.runtime import quantize_onnx, session
from benchmarks.table import Options, publish, table
from edgeconv.core import Array
from edgeconv.runtime import Interpreter

HEADER = ("model", "edgeconv int8", "edgeconv fp32", "ORT fp32", "ORT int8", "int8 / ORT fp32", "int8 / ORT int8")
_SECONDS_EACH = 12.0
_BURST = 6
_SAMPLES = 8


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, MODELS)
    rows = []
    for asset in options.models:
        rows.append(_row(asset))
        print(" | ".join(rows[-1]), flush=True)
    publish("latency", table(HEADER, rows), options.write)


def _row(asset: Asset) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        times = _take_turns(_contestants(asset, Path(folder)))
    ours, fp32, int8 = times["edgeconv int8"], times["ORT fp32"], times.get("ORT int8")
    cells = [f"{1000 * times[name]:.2f} ms" if name in times else "fails" for name in HEADER[1:5]]
    return [asset.name, *cells, f"{ours / fp32:.2f}", f"{ours / int8:.2f}" if int8 else ""]


def _contestants(asset: Asset, folder: Path) -> dict[str, Callable[[], object]]:
    """Name -> one inference of the same sample."""
    calibration = _few_samples(asset)
    x = calibration[:1]
    shapes = {asset.input: (asset.batch or "N", *asset.shape)}
    ours = edgeconv.convert(asset.path, calibration={asset.input: calibration}, input_shapes=shapes)
    plain = edgeconv.convert(asset.path, precision="fp32", input_shapes=shapes)
    found = {
        "edgeconv int8": _call(Interpreter(ours.program), x),
        "edgeconv fp32": _call(Interpreter(plain.program), x),
        "ORT fp32": _call_onnx(asset, asset.path, x),
    }
    try:
        found["ORT int8"] = _call_onnx(asset, quantize_onnx(asset, "MinMax", folder, calibration), x)
    except Exception as error:  # whatever it is, it is a result
        print(f"{asset.name}: ONNX Runtime's quantizer fails: {' '.join(str(error).split())[:200]}", flush=True)
    return found


def _few_samples(asset: Asset) -> Array:
    if asset.calibration_data:
        return next(iter(asset.calibration().values()))[:_SAMPLES]
    return np.random.default_rng(0).uniform(0, 255, (_SAMPLES, *asset.shape)).astype(np.float32)


def _call(interpreter: Interpreter, x: Array) -> Callable[[], object]:
    return lambda: interpreter(x)


def _call_onnx(asset: Asset, path: Path, x: Array) -> Callable[[], object]:
    running = session(path, threads=1)
    return lambda: running.run(None, {asset.input: x})


def _take_turns(contestants: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each; the first of every burst finds the caches full of the others' data and does not count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    end = time.perf_counter() + _SECONDS_EACH
    while time.perf_counter() < end or min(map(len, times.values())) < 3 * _BURST:
        for name, call in contestants.items():
            call()
            for _ in range(_BURST):
                begin = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - begin)
    return {name: median(found) for name, found in times.items()}


if __name__ == "__main__":
    main()
