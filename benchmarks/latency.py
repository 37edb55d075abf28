"""Median time for one sample on one thread, beside ONNX Runtime and tract: all take turns, in bursts, in one run.

tract runs the model itself, and the int8 file that ONNX Runtime's quantizer made. LiteRT runs `MODEL.tflite` where the
folder of assets has one. The floor is the calls into NumPy that are left, plus the multiply-accumulates at the rate of
a large matrix product. The second table is the same files with two threads.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from math import exp, log
from pathlib import Path
from typing import TypeVar

import numpy as np

import edgeconv
from benchmarks.assets import MODELS, Asset, assets_folder
from benchmarks.networks import NETWORKS, Network
from benchmarks.runtime import quantize_onnx, session
from benchmarks.table import Options, publish, table
from edgeconv.bench.benchmark import step_calls
from edgeconv.bench.machine import measure_machine
from edgeconv.bench.peers import peer_calls
from edgeconv.bench.turns import take_turns
from edgeconv.core import Array
from edgeconv.runtime import Interpreter, Program

Call = Callable[[], object]
T = TypeVar("T")
OURS, THEIRS = ("edgeconv int8", "edgeconv fp32"), ("ORT fp32", "ORT int8", "tract fp32", "tract int8")
TIMES = (*OURS, *THEIRS, "LiteRT", "LiteRT built-in")
RATIOS = (
    ("edgeconv int8", "ORT fp32"),
    ("edgeconv int8", "ORT int8"),
    ("edgeconv int8", "tract int8"),
    ("edgeconv int8", "tract fp32"),
    ("edgeconv fp32", "ORT fp32"),
)
HEADER = ("model", *TIMES, "int8 floor", *(f"{a.removeprefix('edgeconv ')} / {b}" for a, b in RATIOS))
THREADS_HEADER = ("model", "int8, 1 thread", "int8, 2 threads", "faster", "fp32, 1 thread", "fp32, 2 threads", "faster")
_SECONDS_EACH = float(os.environ.get("EDGECONV_SECONDS", "12"))
_SAMPLES = 8


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, (*MODELS, *NETWORKS), resumes=False)
    rows, thread_rows, medians = [], [], []
    for asset in options.models:
        with tempfile.TemporaryDirectory() as folder:
            chosen = asset.at(Path(folder)) if isinstance(asset, Network) else asset
            ours = {name: _convert(chosen, name.split()[1]) for name in OURS}
            row, found = _row(chosen, ours, Path(folder))
            thread_rows.append(_thread_row(chosen, ours))
        rows.append(row)
        medians.append(found)
        print(" | ".join(rows[-1]), flush=True)
    rows.append(_mean_row(medians))
    publish("latency", table(HEADER, rows), options.write, packages=("tract", "ai-edge-litert"))
    publish("threads", table(THREADS_HEADER, thread_rows), options.write)


def _row(asset: Asset, ours: Mapping[str, Program], folder: Path) -> tuple[list[str], Mapping[str, float]]:
    x = _few_samples(asset)[:1]
    contestants = {name: _call(Interpreter(program), x) for name, program in ours.items()} | _peers(asset, folder)
    found = {name: timing.p50 for name, timing in take_turns(contestants, _SECONDS_EACH).items()}
    cells = [f"{1000 * found[name]:.2f} ms" if name in found else "" for name in TIMES]
    return [asset.name, *cells, f"{1000 * _floor(Interpreter(ours[OURS[0]]), x):.2f} ms", *_ratios(found)], found


def _ratios(found: Mapping[str, float]) -> list[str]:
    return [f"{found[ours] / found[theirs]:.2f}" if theirs in found else "" for ours, theirs in RATIOS]


def _mean_row(medians: list[Mapping[str, float]]) -> list[str]:
    """Geometric means of the ratios."""
    means = []
    for ours, theirs in RATIOS:
        logs = [log(found[ours] / found[theirs]) for found in medians if theirs in found]
        means.append(f"{exp(sum(logs) / len(logs)):.2f}" if logs else "")
    return ["geometric mean", *[""] * (len(TIMES) + 1), *means]


def _thread_row(asset: Asset, ours: Mapping[str, Program]) -> list[str]:
    x, cells = _few_samples(asset)[:1], []
    for program in ours.values():
        one, two = Interpreter(program), Interpreter(program, threads=2)
        if not all(np.array_equal(a, b) for a, b in zip(_outputs(one, x), _outputs(two, x), strict=True)):
            raise SystemExit(f"{asset.name}: two threads give other bytes than one")
        found = take_turns({"one": _call(one, x), "two": _call(two, x)}, _SECONDS_EACH / 4)
        first, second = found["one"].p50, found["two"].p50
        cells += [f"{1000 * first:.2f} ms", f"{1000 * second:.2f} ms", f"{first / second:.2f}"]
    return [asset.name, *cells]


def _outputs(interpreter: Interpreter, x: Array) -> list[Array]:
    return interpreter.run(None, {interpreter.input_names[0]: x})


def _convert(asset: Asset, precision: str) -> Program:
    shapes = {asset.input: (asset.batch or "N", *asset.shape)}
    calibration = {asset.input: _few_samples(asset)} if precision == "int8" else None
    return edgeconv.convert(asset.path, calibration=calibration, precision=precision, input_shapes=shapes).program


def _floor(interpreter: Interpreter, x: Array) -> float:
    """Seconds: calls left times the price of one, plus multiply-accumulates over the machine's rate."""
    machine = measure_machine()
    calls = sum(step_calls(interpreter, [x]))
    macs = sum(step.macs for step in interpreter.profile(x, runs=1).steps)
    return calls * machine.call_seconds + macs / machine.macs_per_second


def _peers(asset: Asset, folder: Path) -> dict[str, Call]:
    """Whoever is installed and runs the model; who fails is named."""
    x = _few_samples(asset)[:1]
    found: dict[str, Call] = {"ORT fp32": _call_onnx(asset, asset.path, x)}
    quantized = _attempt(asset, "ORT's quantizer", lambda: quantize_onnx(asset, "MinMax", folder, _few_samples(asset)))
    attempts: dict[str, Callable[[], Call]] = {"tract fp32": lambda: _call_tract(asset.path, x, folder)}
    if quantized is not None:
        attempts["ORT int8"] = lambda: _call_onnx(asset, quantized, x)
        attempts["tract int8"] = lambda: _call_tract(quantized, x, folder)
    for name, attempt in attempts.items():
        call = _attempt(asset, name, attempt)
        if call is not None:
            found[name] = call
    tflite = "" if isinstance(asset, Network) else str(assets_folder() / f"{asset.name}.tflite")
    return found | (peer_calls(tflite, {}, 1) if os.path.exists(tflite) and find_spec("ai_edge_litert") else {})


def _attempt(asset: Asset, name: str, attempt: Callable[[], T]) -> T | None:
    try:
        return attempt()
    except Exception as error:  # whatever it is, it is a result
        print(f"{asset.name}: {name} fails: {' '.join(str(error).split())[:200]}", flush=True)
        return None


def _few_samples(asset: Asset) -> Array:
    if asset.calibration_data:
        return next(iter(asset.calibration().values()))[:_SAMPLES]
    scale = 1.0 if isinstance(asset, Network) else 255.0
    return np.random.default_rng(0).uniform(0, scale, (_SAMPLES, *asset.shape)).astype(np.float32)


def _call(interpreter: Interpreter, x: Array) -> Call:
    return lambda: interpreter(x)


def _call_onnx(asset: Asset, path: Path, x: Array) -> Call:
    running = session(path, threads=1)
    return lambda: running.run(None, {asset.input: x})


def _call_tract(path: Path, x: Array, folder: Path) -> Call:
    """tract takes shapes between the nodes as given; with an open batch size they contradict the input's."""
    import onnx
    import tract

    plain = onnx.load(path)
    del plain.graph.value_info[:]
    for output in plain.graph.output:
        output.type.tensor_type.ClearField("shape")
    target = folder / f"{path.stem}.tract.onnx"
    onnx.save(plain, target)
    model = tract.onnx().load(str(target))
    model.set_input_fact(0, ",".join([*map(str, x.shape), "f32"]))
    model.analyse()
    running = model.into_model().into_runnable()

    def call() -> object:
        return running.run([x])[0].to_numpy()

    call()
    return call


if __name__ == "__main__":
    main()
