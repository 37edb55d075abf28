"""int8 accuracy with default options, beside ONNX Runtime's quantizer on the same samples: top-1, SQNR, bytes."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import tempfile
from pathlib import Path

import edgeconv
from benchmarks.assets import CLASSIFIERS, Asset
from benchmarks.runtime import METHODS, Score, outputs, quantize_onnx, score, session, top1
from benchmarks.table import Options, publish, table
from edgeconv.core import Array
from edgeconv.runtime import Interpreter

HEADER = ("model", "fp32", "edgeconv", *(f"ORT {method}" for method in METHODS), "edgeconv bytes", "ORT bytes", "ratio")


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, CLASSIFIERS)
    publish("accuracy", table(HEADER, options.rows("accuracy", options.models, _row)), options.write)


def _row(asset: Asset) -> list[str]:
    feeds, labels = asset.test()
    (samples,) = feeds.values()
    reference = _onnx_outputs(asset, asset.path, samples)
    ours = _edgeconv(asset, samples, labels, reference)
    theirs = {method: _onnxruntime(asset, method, samples, labels, reference) for method in METHODS}
    smallest = min((each.size for each in theirs.values() if each), default=None)
    return [
        asset.name,
        f"{100 * top1(reference, labels):.2f} %",
        str(ours),
        *(str(each) if each else "fails" for each in theirs.values()),
        f"{ours.size:,}",
        f"{smallest:,}" if smallest else "",
        f"{ours.size / smallest:.2f}" if smallest else "",
    ]


def _edgeconv(asset: Asset, samples: Array, labels: Array, reference: Array) -> Score:
    data = edgeconv.convert(asset.path, calibration=asset.calibration()).to_bytes()
    return score(outputs(Interpreter(data), asset, samples), reference, labels, len(data))


def _onnxruntime(asset: Asset, method: str, samples: Array, labels: Array, reference: Array) -> Score | None:
    """ONNX Runtime's score, None where its quantizer or its runtime gives up."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = quantize_onnx(asset, method, Path(folder), next(iter(asset.calibration().values())))
            found = _onnx_outputs(asset, path, samples)
        except Exception as error:  # whatever it is, it is a result
            print(f"{asset.name}: ONNX Runtime's quantizer fails: {' '.join(str(error).split())[:200]}", flush=True)
            return None
        return score(found, reference, labels, path.stat().st_size)


def _onnx_outputs(asset: Asset, path: Path, samples: Array) -> Array:
    running = session(path, threads=2, is_exact=path != asset.path)
    return outputs(lambda batch: running.run(None, {asset.input: batch})[0], asset, samples)


if __name__ == "__main__":
    main()
