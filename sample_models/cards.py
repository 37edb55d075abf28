"""Measure the sample models with edgeconv and write their cards: every figure in them comes from here.

    python sample_models/cards.py            rewrite each model's README.md and the table in sample_models/README.md
    python sample_models/cards.py --check    write nothing, exit 1 if a card is stale

Needs edgeconv and onnx, not PyTorch.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from catalogue import FILES, INPUT, LABELS, OUTPUT, ROOT, SAMPLES, Sample

import edgeconv
from edgeconv.report import AccuracyReport

_BEGIN, _END = "<!-- begin: written by cards.py -->", "<!-- end -->"


@dataclass(frozen=True)
class _Measured:
    """What a card says in figures. Accuracies (int8 with edgeconv's defaults) are top-1 on the test set, in 0..1."""

    fp32: float
    int8: float
    parameters: int
    nodes: int
    calibration: int
    test: int


def main() -> int:
    """Write or check every card; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a card is stale")
    check = parser.parse_args().check
    cards = _render_all({sample: _measure(sample) for sample in SAMPLES})
    stale = [path for path, text in cards.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not check:
            path.write_text(cards[path], encoding="utf-8", newline="\n")
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT.parent)}")
    return 1 if check and stale else 0


def _measure(sample: Sample) -> _Measured:
    """Convert and evaluate one model through edgeconv's own API."""
    plain = _report(sample)
    model_file, calibration, test = (sample.folder / name for name in FILES)
    assert plain.fp32 is not None  # there is a reference
    proto = onnx.load(model_file).graph
    floats = [weight for weight in proto.initializer if weight.data_type == onnx.TensorProto.FLOAT]
    return _Measured(
        fp32=plain.fp32,
        int8=plain.int8,
        parameters=sum(math.prod(weight.dims) for weight in floats),
        nodes=len(proto.node),
        calibration=len(np.load(calibration)[INPUT]),
        test=len(np.load(test)[LABELS]),
    )


def _report(sample: Sample) -> AccuracyReport:
    model_file, calibration, test = (sample.folder / name for name in FILES)
    graph = edgeconv.load(model_file)
    model = edgeconv.convert(graph, calibration=calibration, precision="int8")
    return edgeconv.evaluate(model, data=test, reference=graph, metric="top1")


def _render_all(measured: dict[Sample, _Measured]) -> dict[Path, str]:
    """Every file that this script owns, or owns a part of, and its text."""
    cards = {sample.folder / "README.md": _card(sample, figures) for sample, figures in measured.items()}
    index = ROOT / "README.md"
    before, _, rest = index.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    return {**cards, index: f"{before}{_BEGIN}\n{_table(measured)}{_END}{after}"}


def _table(measured: dict[Sample, _Measured]) -> str:
    rows = [
        "| model | exporter, opset | nodes | parameters | size | fp32 | int8 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for sample, figures in measured.items():
        cells = [
            f"[{sample.name}]({sample.name}/README.md)",
            f"{sample.exporter}, {sample.opset}",
            str(figures.nodes),
            str(figures.parameters),
            f"{(sample.folder / 'model.onnx').stat().st_size / 1000:.0f} kB",
            _percent(figures.fp32),
            _percent(figures.int8),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _card(sample: Sample, figures: _Measured) -> str:
    parts = [
        f"# {sample.name}\n\n{sample.title}. Written by `sample_models/cards.py`; do not edit.",
        sample.architecture,
        _facts(sample, figures),
        f"## Accuracy\n\n{_accuracy(sample, figures)}",
        f"## Data\n\n{_data(sample, figures)}",
        f"## Files\n\n{_files(sample)}",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(sample: Sample, figures: _Measured) -> str:
    proto = onnx.load(sample.folder / "model.onnx")
    shape = proto.graph.input[0].type.tensor_type.shape.dim
    dims = ", ".join(dim.dim_param or str(dim.dim_value) for dim in shape)
    exporter = "TorchScript (`dynamo=False`)" if sample.exporter == "torchscript" else "`dynamo=True`"
    return "\n".join(
        [
            f"- Input `{INPUT}`, float32 [{dims}]; output `{OUTPUT}`, unnormalised class scores.",
            f"- Exported by {proto.producer_name} {proto.producer_version}, {exporter}, opset {sample.opset};"
            f" {figures.nodes} nodes, {figures.parameters} parameters.",
            "- Licence of the model: Apache-2.0.",
        ]
    )


def _accuracy(sample: Sample, figures: _Measured) -> str:
    rows = [
        "| | top-1 |\n| --- | ---: |",
        f"| fp32, edgeconv's interpreter | {_percent(figures.fp32)} |",
        f"| int8, edgeconv's defaults | {_percent(figures.int8)} |",
    ]
    paragraphs = [
        "\n".join(rows),
        f"On the {figures.test} test samples; one sample is {100 / figures.test:.2f} points.",
        "```\nedgeconv convert model.onnx --calib calib.npz --eval test.npz --metric top1\n```",
    ]
    return "\n\n".join(paragraphs)


def _data(sample: Sample, figures: _Measured) -> str:
    dataset = sample.dataset
    doi = f", doi {dataset.doi}" if dataset.doi else ""
    return (
        f"{dataset.title}, {dataset.creators}{doi}, licence {dataset.licence}.\n"
        f"From the {dataset.origin}.\n"
        f"{dataset.values}\n\n"
        f"- `calib.npz`: {figures.calibration} training samples, `{INPUT}` only.\n"
        f"- `test.npz`: {figures.test} samples that were neither trained nor calibrated on, `{INPUT}` and `{LABELS}`."
    )


def _files(sample: Sample) -> str:
    rows = ["| file | bytes | sha256 |", "| --- | ---: | --- |"]
    for name in FILES:
        content = (sample.folder / name).read_bytes()
        rows.append(f"| {name} | {len(content)} | `{hashlib.sha256(content).hexdigest()}` |")
    return "\n".join(rows)


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


if __name__ == "__main__":
    sys.exit(main())
