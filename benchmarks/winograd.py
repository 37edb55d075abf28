"""Where Winograd's products pay: 3x3 convolutions in float, the time by tiles over the time by taps.

Each number is the ratio of medians of two equal layers in a row (so that the first writes into the margins of the
second), both ways taking turns in one run. `winograd_pays` in edgeconv/ops/winograd.py is the rule that follows.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from collections.abc import Callable
from statistics import median
from unittest.mock import patch

import numpy as np

from benchmarks.table import Options, publish, table
from edgeconv.core import TensorType, type_of
from edgeconv.ops import winograd
from edgeconv.ops.conv import Conv
from edgeconv.ops.windows import Window
from edgeconv.ops.winograd import winograd_pays
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program, Step, Tensor

CHANNELS = (16, 32, 48, 64, 96, 128, 192, 256, 384)
SIDES = (7, 10, 14, 20, 28, 40, 56, 112)
_SECONDS = float(os.environ.get("EDGECONV_SECONDS", "0.5"))


def main() -> None:
    """Measure and print; what the rule chooses is marked."""
    options = Options(__doc__, (), resumes=False)
    rows = []
    for channels in CHANNELS:
        cells = [str(channels)]
        for side in SIDES:
            window = Window((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
            chosen = winograd_pays(window, 1, (channels, channels), (side, side))
            cells.append(f"{_ratio(channels, side):.2f}{' *' if chosen else ''}")
        rows.append(cells)
        print(" | ".join(cells), flush=True)
    publish("winograd", table(("channels", *(f"{side}x{side}" for side in SIDES)), rows), options.write)


def _ratio(channels: int, side: int) -> float:
    runs, found = [], []
    for tiled in (True, False):
        with patch.object(winograd, "winograd_pays", lambda *_: tiled):  # noqa: B023 - called while it is patched
            runs.append(_run(channels, side))
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end or len(found) < 5:
        times = [_time(run) for run in runs]
        found.append(times[0] / times[1])
    return median(found)


def _time(run: Callable[[], object]) -> float:
    run()
    begin = time.perf_counter()
    for _ in range(3):
        run()
    return time.perf_counter() - begin


def _run(channels: int, side: int) -> Callable[[], object]:
    """Two equal layers, planned."""
    rng = np.random.default_rng(0)
    conv, shape = Conv((1, 1), (1, 1, 1, 1), (1, 1), low=0.0), (1, channels, side, side)
    tensors = [Tensor("x", TensorType("float32", shape))]
    for number in range(2):
        weight = rng.standard_normal((channels, channels, 3, 3)).astype(np.float32) * np.float32(
            1 / (3 * channels**0.5)
        )
        tensors += [Tensor(f"w{number}", type_of(weight)), Tensor(f"y{number}", TensorType("float32", shape))]
    steps = (Step(conv, (0, 1), (2,)), Step(conv, (2, 3), (4,)))
    interpreter = Interpreter(Program(tuple(tensors), steps, (0,), (4,)))
    x = rng.standard_normal(shape).astype(np.float32)
    interpreter(x)
    return lambda: interpreter(x)


if __name__ == "__main__":
    main()
