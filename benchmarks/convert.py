"""Wall time and peak memory of a conversion, from images to file, beside ONNX Runtime; each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.assets import CLASSIFIERS, Asset
from benchmarks.table import Options, publish, table

HEADER = ("model", "samples", "edgeconv", "ORT Percentile", "time ratio", "edgeconv peak", "ORT peak", "memory ratio")
MEASURED = ("kws_dscnn", "resnet8_cifar10", "resnet20_cifar10_ts17", "mbnet_cifar10_ts17_unfusedbn", "vit_mnist_ts17")


@dataclass(frozen=True)
class Cost:
    """Of one process: wall time in seconds, and the most memory it had resident, in bytes."""

    seconds: float
    peak: int


def main() -> None:
    """Measure and print; `--child SIDE MODEL FOLDER` is one measurement's own process."""
    if sys.argv[1:2] == ["--child"]:
        _convert(sys.argv[2], next(asset for asset in CLASSIFIERS if asset.name == sys.argv[3]), Path(sys.argv[4]))
        return
    options = Options(__doc__, [asset for asset in CLASSIFIERS if asset.name in MEASURED])
    rows = []
    for asset in options.models:
        rows.append(_row(asset))
        print(" | ".join(rows[-1]), flush=True)
    publish("convert", table(HEADER, rows), options.write)


def _row(asset: Asset) -> list[str]:
    ours, theirs = _cost("edgeconv", asset), _cost("onnxruntime", asset)
    return [
        asset.name,
        str(len(next(iter(asset.calibration().values())))),
        f"{ours.seconds:.1f} s",
        f"{theirs.seconds:.1f} s",
        f"{ours.seconds / theirs.seconds:.2f}",
        f"{ours.peak / 1e6:.0f} MB",
        f"{theirs.peak / 1e6:.0f} MB",
        f"{ours.peak / theirs.peak:.2f}",
    ]


def _cost(side: str, asset: Asset) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.convert", "--child", side, asset.name, folder]
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
    if status:
        raise SystemExit(f"{side} does not convert {asset.name}")
    return Cost(seconds, usage.ru_maxrss * 1024)


def _convert(side: str, asset: Asset, folder: Path) -> None:
    """Both sides read the same files with the same code, and write a model."""
    if side == "edgeconv":
        import edgeconv

        edgeconv.convert(asset.path, calibration=asset.calibration()).save(folder / "model.edge")
        return
    from benchmarks.runtime import quantize_onnx

    quantize_onnx(asset, "Percentile", folder, next(iter(asset.calibration().values())))


if __name__ == "__main__":
    main()
