"""What an accuracy to keep costs: `--max-drop 0.005` on every labelled model, `--min-sqnr` on two.

What stays in int8 is counted in the file that is written, not in the report.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import time
from dataclasses import dataclass
from math import ceil

import edgeconv
from benchmarks.assets import CLASSIFIERS, Asset
from benchmarks.runtime import outputs, top1
from benchmarks.table import Options, publish, sqnr, table
from edgeconv.core import Array
from edgeconv.ops.base import Inputs
from edgeconv.report.record import RefinementRecord
from edgeconv.runtime import Interpreter, Program
from edgeconv.runtime.planner import resolve_types
from edgeconv.runtime.program import ABSENT
from edgeconv.runtime.reader import read_program

MAX_DROP = 0.005
_SQNR = ("kws_dscnn", "resnet8_cifar10")
"""Models that are asked for more dB than default reaches."""
_MORE = 3
HEADER = ("model", "fp32", "default", "asked for", "reached", "in int8", "ways measured", "processor time")


@dataclass(frozen=True)
class _Wish:
    """A model and what of it is to be kept."""

    asset: Asset
    is_loud: bool = False

    @property
    def name(self) -> str:
        """Of the row."""
        return f"{self.asset.name}, {'SQNR' if self.is_loud else 'top-1'}"


def main() -> None:
    """Measure and print."""
    options = Options(__doc__, CLASSIFIERS)
    wishes = [_Wish(asset) for asset in sorted(options.models, key=lambda asset: asset.path.stat().st_size)]
    wishes += [_Wish(asset, True) for asset in options.models if asset.name in _SQNR]
    publish("budget", table(HEADER, options.rows("budget", wishes, _row)), options.write)


def _row(wish: _Wish) -> list[str]:
    asset = wish.asset
    feeds, labels = asset.test()
    (samples,) = feeds.values()
    reference = outputs(Interpreter(edgeconv.convert(asset.path, precision="fp32").to_bytes()), asset, samples)
    plain = outputs(Interpreter(edgeconv.convert(asset.path, asset.calibration()).to_bytes()), asset, samples)

    def shown(found: Array) -> str:
        drop = top1(reference, labels) - top1(found, labels)
        return f"{100 * drop:+.2f} points, {sqnr(reference, found):.1f} dB"

    least = ceil(sqnr(reference, plain) + _MORE)
    if wish.is_loud:
        kept, *cells = _kept(asset, feeds, samples, min_sqnr=least)
    else:
        kept, *cells = _kept(asset, {**feeds, "labels": labels}, samples, max_drop=MAX_DROP)
    wanted = f"--min-sqnr {least}" if wish.is_loud else f"--max-drop {MAX_DROP}"
    return [asset.name, f"{100 * top1(reference, labels):.2f} %", shown(plain), wanted, shown(kept), *cells]


def _kept(asset: Asset, evaluation: dict[str, Array], samples: Array, **wanted: float) -> tuple[Array, str, str, str]:
    """The outputs of what keeps an accuracy; its share of int8 products, the ways measured, the processor time."""
    begin = time.process_time()
    model = edgeconv.convert(asset.path, asset.calibration(), evaluation=evaluation, **wanted)  # type: ignore[arg-type]  # they are numbers
    seconds = time.process_time() - begin
    data, record = model.to_bytes(), model.refinement
    assert isinstance(record, RefinementRecord)
    share = int8_share(read_program(data), samples[: asset.batch or 1])
    told = next(each.int8_share for each in reversed(record.attempts) if each.is_enough)
    if abs(share - told) > 5e-4:
        raise SystemExit(f"{asset.name}: the report says {told:.4f} in int8, the file {share:.4f}")
    return (
        outputs(Interpreter(data), asset, samples),
        f"{100 * share:.1f} %",
        str(len(record.attempts)),
        f"{seconds:.0f} s",
    )


def int8_share(program: Program, sample: Array) -> float:
    """Of a program's multiply-accumulates on `sample`, those of int8 weights times int8 activations."""
    types = resolve_types(program, {program.inputs[0]: sample.shape})
    total = narrow = 0
    for step in program.steps:
        inputs = Inputs([None if index == ABSENT else types[index] for index in step.inputs])
        count = step.op.macs(inputs, [types[index] for index in step.outputs if index != ABSENT])
        read = [types[index] for index in step.inputs[:2] if index != ABSENT]
        total += count
        narrow += count * all(each.dtype == "int8" for each in read)
    return narrow / max(total, 1)


if __name__ == "__main__":
    main()
