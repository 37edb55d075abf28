"""What each refinement and level of effort gives: SQNR, top-1, processor time; on sample models and EDGECONV_ASSETS."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edgeconv
from benchmarks.assets import CLASSIFIERS, Asset
from benchmarks.stand_in import images, stand_in
from benchmarks.table import Options, publish, sqnr, table
from edgeconv.core import Array
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.runtime import Interpreter

_SAMPLES = Path(__file__).resolve().parents[1] / "sample_models"
_AT_ONCE = 32

WAYS = {
    "none": QuantConfig("mse", refinements=()),
    "fast": QuantConfig(effort="fast"),
    "bias": QuantConfig("mse", refinements=("bias",)),
    "+ GPTQ": QuantConfig("mse", refinements=("bias", "gptq")),
    "+ fit": QuantConfig("mse", refinements=("bias", "gptq", "fit")),
    "+ equalization": QuantConfig("mse", refinements=("equalize", "bias", "gptq", "fit")),
    "+ free 16 bits": QuantConfig("mse", refinements=("equalize", "bias", "gptq", "fit", "free")),
    "+ cheap 16 bits": QuantConfig("mse", refinements=("equalize", "bias", "gptq", "fit", "free", "cheap")),
    "+ streams": QuantConfig("mse", effort="default"),
    "+ measured ranges: default": QuantConfig(effort="default"),
    "best without 16 bits that cost": QuantConfig(
        effort="best", refinements=("equalize", "bias", "gptq", "fit", "free", "cheap", "streams", "ranges")
    ),
    "best": QuantConfig(effort="best"),
}


@dataclass(frozen=True)
class Subject:
    """One network with its samples; `labels` is None where there are none. `batch`: rows at a time."""

    name: str
    graph: Graph
    input: str
    calibration: Array
    test: Array
    labels: Array | None
    batch: int = _AT_ONCE

    def outputs(self, graph: Graph) -> Array:
        """The first output for all test samples."""
        interpreter = Interpreter(to_program(graph))
        rows = range(0, len(self.test), self.batch)
        return np.concatenate([interpreter.run(None, {self.input: self.test[at : at + self.batch]})[0] for at in rows])

    def batches(self) -> list[dict[str, Array]]:
        """Calibration samples."""
        rows = range(0, len(self.calibration) - self.batch + 1, self.batch)
        return [{self.input: self.calibration[at : at + self.batch]} for at in rows]


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, CLASSIFIERS)
    rows = options.rows("ablation", subjects(options.models), _row)
    publish("ablation", table(("model", *WAYS), rows), options.write)


def subjects(assets: list[Asset]) -> Iterator[Subject]:
    """The stand-in, the sample models, and the real ones."""
    yield Subject("stand_in", stand_in(), "x", images(256, 1), images(512, 2), None)
    for folder in sorted(path.parent for path in _SAMPLES.glob("*/model.onnx")):
        calibration, test = (np.load(folder / f"{part}.npz") for part in ("calib", "test"))
        graph = simplify(edgeconv.load(folder / "model.onnx"))
        yield Subject(folder.name, graph, "input", calibration["input"], test["input"], test["labels"])
    for asset in assets:
        feeds, labels = asset.test()
        calibration_samples, samples = next(iter(asset.calibration().values())), next(iter(feeds.values()))
        graph = simplify(edgeconv.load(asset.path))
        yield Subject(asset.name, graph, asset.input, calibration_samples, samples, labels, asset.batch or _AT_ONCE)


def _row(subject: Subject) -> list[str]:
    reference = subject.outputs(subject.graph)
    cells = [subject.name]
    for config in WAYS.values():
        begin = time.process_time()
        graph = quantize(subject.graph, subject.batches(), config)
        seconds = time.process_time() - begin
        found = subject.outputs(graph)
        parts = [f"{sqnr(reference, found):.1f} dB"]
        if subject.labels is not None:
            hits = found.reshape(len(found), -1).argmax(axis=1) == subject.labels
            parts.append(f"{100 * float(np.mean(hits)):.2f} %")
        cells.append(", ".join([*parts, f"{seconds:.1f} s"]))
    return cells


if __name__ == "__main__":
    main()
