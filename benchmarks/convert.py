"""Wall time and peak memory of a conversion, from images to file, beside ONNX Runtime; each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.assets import CLASSIFIERS, Asset, assets_folder
from benchmarks.table import Options, publish, table

HEADER = ("model", "samples", "edgeconv", "ORT Percentile", "time ratio", "edgeconv peak", "ORT peak", "memory ratio")
_TURNS = 3
MEASURED = ("kws_dscnn", "resnet8_cifar10", "resnet20_cifar10_ts17", "mbnet_cifar10_ts17_unfusedbn", "vit_mnist_ts17")


@dataclass(frozen=True)
class Cost:
    """Of one process: wall time in seconds, and the most memory it had resident, in bytes."""

    seconds: float
    peak: int


def main() -> None:
    """Measure and print; `--onnxruntime MODEL FOLDER` is ONNX Runtime's own process."""
    if sys.argv[1:2] == ["--onnxruntime"]:
        asset = next(asset for asset in CLASSIFIERS if asset.name == sys.argv[2])
        _quantize_with_onnxruntime(asset, Path(sys.argv[3]))
        return
    options = Options(__doc__, [asset for asset in CLASSIFIERS if asset.name in MEASURED])
    publish("convert", table(HEADER, options.rows("convert", options.models, _row)), options.write)


def _row(asset: Asset) -> list[str]:
    turns = [(_cost(_edgeconv, asset), _cost(_onnxruntime, asset)) for _ in range(_TURNS)]
    ours, theirs = (min(costs, key=lambda cost: cost.seconds) for costs in zip(*turns, strict=True))
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


def _cost(command: Callable[[Asset, str], list[str]], asset: Asset) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        child = subprocess.Popen([sys.executable, *command(asset, folder)], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
    if status:
        raise SystemExit(f"{asset.name} is not converted")
    return Cost(seconds, usage.ru_maxrss * 1024)


def _edgeconv(asset: Asset, folder: str) -> list[str]:
    """The command line that users type."""
    script = "from edgeconv_cli.main import main; main()"
    data = str(assets_folder() / asset.calibration_data)
    command = ["-c", script, "convert", str(asset.path), f"{folder}/model.edge", "--quiet", "--calib", data]
    if asset.images is not None and not asset.images.is_identity:
        mean, std = (",".join(map(repr, values)) for values in (asset.images.mean, asset.images.std))
        command += ["--scale", repr(asset.images.scale), "--mean", mean, "--std", std]
    return command


def _onnxruntime(asset: Asset, folder: str) -> list[str]:
    """This script as a child of itself."""
    return ["-m", "benchmarks.convert", "--onnxruntime", asset.name, folder]


def _quantize_with_onnxruntime(asset: Asset, folder: Path) -> None:
    from benchmarks.runtime import quantize_onnx

    quantize_onnx(asset, "Percentile", folder, next(iter(asset.calibration().values())))


if __name__ == "__main__":
    main()
