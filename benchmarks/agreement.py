"""Quantized ONNX files beside the .edge files they become: how often both give the same integers.

ONNX's reference evaluator computes the same file. Where a file ends in float, it is measured at the quantized values
that this float part reads. Unit: the step of the value at hand.

python -m benchmarks.agreement [--folder DIR] [--samples N] [--setting PART]... [--exact] [MODEL ...]
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

import edgeconv
from benchmarks.assets import MODELS, Asset
from benchmarks.quantized_files import SETTINGS, Setting, quantized_file
from benchmarks.reference_operators import EXACT, reference
from benchmarks.table import table
from edgeconv.core import Array
from edgeconv.errors import EdgeconvError
from sample_models.catalogue import ROOT

_FOLDER = Path("build/quantized")
_CALIBRATION = 40
_AT_ONCE = 25
_SAMPLE_MODELS = ("digits_resnet", "digits_mobilenet", "digits_vit", "cancer_mlp", "whistles_dscnn")


@dataclass(frozen=True)
class Source:
    """A float model with samples: `load` gives those for calibration and those to measure on."""

    name: str
    path: Path
    input: str
    batch: int | None
    load: Callable[[], tuple[Array, Array]]


@dataclass(frozen=True)
class Agreement:
    """Output elements: how many, how many are identical, the largest difference in steps, left in float, SQNR."""

    elements: int
    identical: int
    largest: float
    floats: int

    @property
    def share(self) -> float:
        """Identical elements in percent."""
        return 100 * self.identical / max(self.elements, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--folder", type=Path, default=_FOLDER)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--setting", action="append", default=[])
    parser.add_argument("--exact", action="store_true", help="products in float64: what rounding alone does")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    families: dict[str, list[Agreement]] = defaultdict(list)
    for source in _sources():
        if given.models and source.name not in given.models:
            continue
        for setting in SETTINGS:
            title = f"{setting.family}/{setting.name}"
            if given.setting and not any(part in title for part in given.setting):
                continue
            started = time.perf_counter()
            found = _measured(source, setting, given.folder, given.samples, given.exact)
            seconds = time.perf_counter() - started
            if isinstance(found, str):
                print(f"{source.name:30} {title:36} {found}", flush=True)
                continue
            families[setting.family].append(found)
            print(
                f"{source.name:30} {title:36} {found.share:7.2f} % of {found.elements:7}, "
                f"at most {found.largest:5.2f} off, {found.floats} in float, {seconds:.0f} s",
                flush=True,
            )
    print(table(("family", "files", "identical", "lowest", "largest"), [_row(*each) for each in families.items()]))


def _row(family: str, found: Sequence[Agreement]) -> list[str]:
    mean, lowest = np.mean([each.share for each in found]), min(each.share for each in found)
    largest = max(each.largest for each in found)
    return [family, str(len(found)), f"{mean:.2f} %", f"{lowest:.2f} %", f"{largest:.2f}"]


def _sources() -> Iterator[Source]:
    for name in _SAMPLE_MODELS:
        folder = ROOT / name
        yield Source(name, folder / "model.onnx", "input", None, lambda folder=folder: _stored(folder))  # type: ignore[misc]
    if os.environ.get("EDGECONV_ASSETS"):
        for asset in MODELS:
            yield Source(asset.name, asset.path, asset.input, asset.batch, lambda asset=asset: _loaded(asset))  # type: ignore[misc]


def _stored(folder: Path) -> tuple[Array, Array]:
    return np.load(folder / "calib.npz")["input"], np.load(folder / "test.npz")["input"]


def _loaded(asset: Asset) -> tuple[Array, Array]:
    if asset.calibration_data:
        return asset.calibration()[asset.input], asset.test()[0][asset.input]
    random = np.random.default_rng(0)
    pictures = random.uniform(0, 255, (24, asset.shape[0], 8, 8)).astype(np.float32)
    large = [np.kron(each, np.ones((1, asset.shape[1] // 8, asset.shape[2] // 8), np.float32)) for each in pictures]
    samples = np.stack(large) if asset.name.startswith("yunet") else (np.stack(large) - 127) / 60
    return samples[:16], samples[16:]


def _measured(source: Source, setting: Setting, folder: Path, count: int, exact: bool) -> Agreement | str:
    """The agreement, or why there is none."""
    calibration, samples = source.load()
    batch = source.batch or _AT_ONCE
    try:
        file = quantized_file(source.path, setting, folder, source.input, calibration[:_CALIBRATION], source.batch or 1)
    except Exception as error:  # the quantizer has its own limits
        return f"ONNX Runtime: {type(error).__name__}: {str(error).splitlines()[0][:90] if str(error) else ''}"
    model = onnx.load(file)
    count = min(count, 4 if samples[0].size > 50_000 else 8 if samples[0].size > 10_000 else count)
    try:
        return agreement(model, source.input, samples[:count], batch, exact)
    except NotImplementedError as error:  # ONNX Runtime's DynamicQuantizeLSTM, for one
        return f"ONNX's evaluator: {error}"
    except EdgeconvError as error:
        return f"edgeconv: {error}"


def agreement(model: onnx.ModelProto, name: str, samples: Array, batch: int, exact: bool = False) -> Agreement:
    """Compare both on the samples of the input `name`."""
    cut, steps = at_quantized(model)
    evaluator, floats = reference(cut), 0
    if exact:
        run = reference(cut, EXACT)
    else:
        converted = edgeconv.convert(cut)
        floats, run = sum("own integers" not in node.reason for node in converted.float_nodes), converted.interpreter()
    elements = identical = 0
    largest = 0.0
    for at in range(0, len(samples), batch):
        feeds = {name: samples[at : at + batch]}
        for wanted, found, step in zip(evaluator.run(None, feeds), run.run(None, feeds), steps, strict=True):
            unit = step or float(np.abs(wanted).max()) / 255
            off = np.abs(wanted.astype(np.float64) - found.astype(np.float64)) / unit
            elements, identical = elements + off.size, identical + int(np.sum(off < (1e-3 if step else 1e-2)))
            largest = max(largest, float(off.max(initial=0)))
    return Agreement(elements, identical, largest, floats)


def at_quantized(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[float]]:
    """The model as far as its last quantized values, and the step of each; 0 where none is before an output."""
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    producers = {name: node for node in model.graph.node for name in node.output}
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    found: dict[str, float] = {}
    todo = [output.name for output in model.graph.output]
    seen: set[str] = set()
    while todo:
        name = todo.pop(0)
        node = producers.get(name)
        if name in seen or node is None:
            continue
        seen.add(name)
        scale = constants.get(node.input[1]) if node.op_type == "DequantizeLinear" else None
        if scale is not None and node.input[0] not in constants:
            found[name] = float(scale.reshape(-1)[0])
        else:
            todo.extend(node.input)
    if not found:
        return cut, [0.0] * len(model.graph.output)
    del cut.graph.output[:]
    cut.graph.output.extend(onnx.ValueInfoProto(name=name) for name in found)
    return cut, list(found.values())


if __name__ == "__main__":
    main()
