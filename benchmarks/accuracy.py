"""int8 accuracy with default options, beside ONNX Runtime's quantizer on the same samples: top-1, SQNR, bytes."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import tempfile
from dataclasses import dataclass
from pathlib import Path

import edgeconv
from benchmarks.assets import CLASSIFIERS, Asset
from benchmarks.runtime import METHODS, outputs, quantize_onnx, session, top1
from benchmarks.table import Options, publish, sqnr, table
from edgeconv.core import Array
from edgeconv.runtime import Interpreter

HEADER = ("model", "fp32", "edgeconv", "ORT MinMax", "ORT Percentile", "edgeconv bytes", "ORT bytes", "ratio")


@dataclass(frozen=True)
class Score:
    """Top-1 (0 to 1), SQNR in dB of the outputs against fp32, and bytes of the file."""

    top1: float
    sqnr: float
    size: int

    def __str__(self) -> str:
        return f"{100 * self.top1:.2f} %, {self.sqnr:.1f} dB"


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, CLASSIFIERS)
    rows = []
    for asset in options.models:
        rows.append(_row(asset))
        print(" | ".join(rows[-1]), flush=True)
    publish("accuracy", table(HEADER, rows), options.write)


def _row(asset: Asset) -> list[str]:
    feeds, labels = asset.test()
    (samples,) = feeds.values()
    reference = _onnx_outputs(asset, asset.path, samples)
    ours = _edgeconv(asset, samples, labels, reference)
    theirs = {method: _onnxruntime(asset, method, samples, labels, reference) for method in METHODS}
    smallest = min((score.size for score in theirs.values() if score), default=None)
    return [
        asset.name,
        f"{100 * top1(reference, labels):.2f} %",
        str(ours),
        *(str(score) if score else "fails" for score in theirs.values()),
        f"{ours.size:,}",
        f"{smallest:,}" if smallest else "",
        f"{ours.size / smallest:.2f}" if smallest else "",
    ]


def _edgeconv(asset: Asset, samples: Array, labels: Array, reference: Array) -> Score:
    model = edgeconv.convert(asset.path, calibration=asset.calibration())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.edge"
        model.save(path)
        interpreter = Interpreter(path.read_bytes())
        size = path.stat().st_size
    found = outputs(interpreter, asset, samples)
    return Score(top1(found, labels), sqnr(reference, found), size)


def _onnxruntime(asset: Asset, method: str, samples: Array, labels: Array, reference: Array) -> Score | None:
    """ONNX Runtime's score, None where its quantizer or its runtime gives up."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = quantize_onnx(asset, method, Path(folder), next(iter(asset.calibration().values())))
            found = _onnx_outputs(asset, path, samples)
        except Exception as error:  # whatever it is, it is a result
            print(f"{asset.name}: ONNX Runtime's quantizer fails: {' '.join(str(error).split())[:200]}", flush=True)
            return None
        return Score(top1(found, labels), sqnr(reference, found), path.stat().st_size)


def _onnx_outputs(asset: Asset, path: Path, samples: Array) -> Array:
    running = session(path, threads=2, is_exact=path != asset.path)
    return outputs(lambda batch: running.run(None, {asset.input: batch})[0], asset, samples)


if __name__ == "__main__":
    main()
