"""Cold start: fresh processes from nothing to the first output of keyword spotting, in turns with NumPy alone.

ONNX Runtime and tract run the ONNX model, edgeconv the int8 file made from it. LiteRT runs `kws_dscnn.tflite` where the
folder of assets has one; otherwise only its import is measured, and the row says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import edgeconv
from benchmarks.assets import CLASSIFIERS, assets_folder
from benchmarks.table import Options, publish, table

HEADER = ("process", "time", "beyond NumPy", "peak memory", "beyond NumPy")
_TURNS = int(os.environ.get("EDGECONV_TURNS", "25"))
_ASSET = next(asset for asset in CLASSIFIERS if asset.name == "kws_dscnn")

_NUMPY = "import numpy as np"
_INPUT = f"{_NUMPY}; x = np.zeros((1, 49, 10, 1), np.float32)"
_EDGECONV = f"{_INPUT}; from edgeconv.runtime import Interpreter; Interpreter({{edge!r}})(x)"
_ORT = f"""{_INPUT}; import onnxruntime as ort; options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1; options.log_severity_level = 3
ort.InferenceSession({{onnx!r}}, options, providers=["CPUExecutionProvider"]).run(None, {{{{"input_1": x}}}})"""
_TRACT = f"""{_INPUT}; import tract; model = tract.onnx().load({{onnx!r}})
model.set_input_fact(0, "1,49,10,1,f32"); model.analyse()
model.into_model().into_runnable().run([x])[0].to_numpy()"""
_LITERT = """from ai_edge_litert.interpreter import Interpreter; it = Interpreter({tflite!r}, num_threads=1)
import numpy as np; it.allocate_tensors(); x = it.get_input_details()[0]
it.set_tensor(x["index"], np.zeros(x["shape"], x["dtype"])); it.invoke()
it.get_tensor(it.get_output_details()[0]["index"])"""
_LITERT_IMPORT = "import ai_edge_litert.interpreter"
_PEAK = """
print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].partition(":")[2])"""


@dataclass(frozen=True)
class Start:
    """One process: wall time in seconds, and the most memory it had resident, in bytes."""

    seconds: float
    peak: int


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, [_ASSET], resumes=False)
    with tempfile.TemporaryDirectory() as folder:
        scripts = _scripts(Path(folder))
        found: dict[str, list[Start]] = {name: [] for name in scripts}
        for turn in range(_TURNS + 1):
            for name, script in scripts.items():
                start = _start(script)
                if turn:  # the first finds files that nobody has read yet
                    found[name].append(start)
    publish("start", table(HEADER, _rows(found)), options.write, packages=("ai-edge-litert", "tract"))


def _scripts(folder: Path) -> dict[str, str]:
    """Name -> program, of everybody who is installed."""
    edge = folder / "kws.edge"
    edgeconv.convert(_ASSET.path, calibration=_ASSET.calibration()).save(edge)
    tflite = assets_folder() / f"{_ASSET.name}.tflite"
    found = {"NumPy alone": _NUMPY, "edgeconv int8": _EDGECONV.format(edge=str(edge))}
    found["ONNX Runtime fp32"] = _ORT.format(onnx=str(_ASSET.path))
    if find_spec("tract") is not None:
        found["tract fp32"] = _TRACT.format(onnx=str(_ASSET.path))
    if find_spec("ai_edge_litert") is not None and tflite.exists():
        found["LiteRT int8"] = _LITERT.format(tflite=str(tflite))
    elif find_spec("ai_edge_litert") is not None:
        found["LiteRT, import alone"] = _LITERT_IMPORT
    return found


def _start(script: str) -> Start:
    """Run `script` in a fresh process whose modules are compiled, as those of an installed package are."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script + _PEAK], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return Start(time.perf_counter() - begin, int(done.stdout.split()[-2]) * 1024)


def _rows(found: dict[str, list[Start]]) -> list[list[str]]:
    alone = found["NumPy alone"]
    base_seconds, base_peak = median(each.seconds for each in alone), median(each.peak for each in alone)
    rows = []
    for name, starts in found.items():
        seconds, peak = median(each.seconds for each in starts), median(each.peak for each in starts)
        more = [f"{1000 * (seconds - base_seconds):+.0f} ms", f"{(peak - base_peak) / 1e6:+.1f} MB"]
        is_base = name == "NumPy alone"
        rows.append(
            [
                name,
                f"{1000 * seconds:.0f} ms",
                "" if is_base else more[0],
                f"{peak / 1e6:.1f} MB",
                "" if is_base else more[1],
            ]
        )
    return rows


if __name__ == "__main__":
    main()
