"""The precision ladder: bytes, SQNR against fp32 and top-1 of int8, w8, fp16 and fp32, on the same samples."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import edgeconv
from benchmarks.assets import CLASSIFIERS, Asset
from benchmarks.runtime import outputs, score, top1
from benchmarks.table import Options, publish, table
from edgeconv.runtime import Interpreter

HEADER = ("model", "fp32 bytes", "fp16", "w8", "int8")


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, CLASSIFIERS)
    publish("precision", table(HEADER, options.rows("precision", options.models, _row)), options.write)


def _row(asset: Asset) -> list[str]:
    feeds, labels = asset.test()
    (samples,) = feeds.values()
    row, reference, whole = [asset.name], None, 1
    for precision in ("fp32", "fp16", "w8", "int8"):
        calibration = asset.calibration() if precision == "int8" else None
        data = edgeconv.convert(asset.path, calibration, precision).to_bytes()
        found = outputs(Interpreter(data), asset, samples)
        if reference is None:
            reference, whole = found, len(data)
            row.append(f"{whole:,}, {100 * top1(found, labels):.2f} %")
            continue
        reached = score(found, reference, labels, len(data))
        row.append(f"{100 * reached.size / whole:.0f} % of bytes, {reached}")
    return row


if __name__ == "__main__":
    main()
