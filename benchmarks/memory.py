"""Memory of deployed models: each in a process of its own, beside Python with NumPy alone. Needs no downloaded models.

    python -m benchmarks.memory            the sample models, and those in $EDGECONV_ASSETS where that is set

On a device, `python3 model.pyz --demo` says the same of one model.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import edgeconv
from benchmarks.assets import CLASSIFIERS
from benchmarks.table import publish, table
from edgeconv.core import Array
from edgeconv.data import open_data
from edgeconv.export.deploy import deploy, save_zipapp
from edgeconv.runtime import Interpreter

HEADER = ("model", ".edge", "deployed", "peak memory", "over NumPy alone", "of it planned", "planned, small")
_SAMPLES = Path(__file__).resolve().parents[1] / "sample_models"
_CALIBRATION = 32
_PEAK = r"VmHWM:\s+(\d+) kB"
_NUMPY_ALONE = "import numpy; print(open('/proc/self/status').read())"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    given = parser.parse_args()
    alone = 1024 * int(_found(_PEAK, _run("-c", _NUMPY_ALONE)))
    rows = [["NumPy alone", "", "", f"{alone / 1e6:.1f} MB", "", "", ""]]
    for name, model, samples in models():
        rows.append(_row(name, edgeconv.convert(model, calibration=samples).to_bytes(), alone))
    publish("memory", table(HEADER, rows), given.write)


def _row(name: str, data: bytes, alone: int) -> list[str]:
    fast, small = Interpreter(data), Interpreter(data, memory="small")
    types = {each: fast.input_type(each) for each in fast.input_names}
    golden = open_data("random:1", types)
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "model.pyz")
        size = save_zipapp(deploy(data, name, golden), target)
        peak = 1e6 * float(_found(r"peak memory of this process ([\d.]+) MB", _run(target, "--demo")))
    planned = [f"{each.memory.total / 1e3:,.0f} kB" for each in (fast, small)]
    return [name, f"{len(data):,}", f"{size:,}", f"{peak / 1e6:.1f} MB", f"{(peak - alone) / 1e6:.1f} MB", *planned]


def models() -> Iterator[tuple[str, Path, dict[str, Array]]]:
    """(name, ONNX file, calibration samples)."""
    for folder in sorted(each for each in _SAMPLES.iterdir() if (each / "model.onnx").exists()):
        with np.load(folder / "calib.npz") as data:
            yield folder.name, folder / "model.onnx", {"input": data["input"][:_CALIBRATION]}
    if os.environ.get("EDGECONV_ASSETS"):
        for asset in CLASSIFIERS:
            yield asset.name, asset.path, {asset.input: asset.calibration()[asset.input][:_CALIBRATION]}


def _run(*arguments: str) -> str:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True
    ).stdout


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit("this machine does not tell the memory of a process: /proc/self/status has no VmHWM")
    return match[1]


if __name__ == "__main__":
    main()
