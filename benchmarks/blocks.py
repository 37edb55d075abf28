"""Why blocks of taps and ufunc buffers have the sizes that they have: layers of int8 networks under other sizes.

Each column is the time for one size over the time for the size in use, all taking turns in one run.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from benchmarks.table import table
from edgeconv.core import QParams, TensorType, type_of
from edgeconv.ops import im2col
from edgeconv.ops.conv import Conv
from edgeconv.runtime import Interpreter, state
from edgeconv.runtime.program import Program, Step, Tensor

LAYERS = {
    "3x3 depthwise, 32 of 112x112": (32, 32, 112, 3, 32),
    "3x3 depthwise, 144 of 56x56": (144, 144, 56, 3, 144),
    "3x3 depthwise, 384 of 14x14": (384, 384, 14, 3, 384),
    "3x3, 64 to 64 of 56x56": (64, 64, 56, 3, 1),
    "3x3, 16 to 16 of 32x32": (16, 16, 32, 3, 1),
    "1x1, 16 to 96 of 112x112": (16, 96, 112, 1, 1),
    "1x1, 64 to 384 of 14x14": (64, 384, 14, 1, 1),
}
BLOCKS = tuple(1 << bits for bits in (16, 18, 19, 20, 21, 22, 24))
BUFFERS = (32, 128, 512, 2048, 8192)
_ROUNDS = 40


def main() -> None:
    """Measure and print."""
    in_use = im2col.BLOCK_BYTES, state.BUFFER
    for title, sizes, set_to in (("block", BLOCKS, _set_block), ("buffer", BUFFERS, _set_buffer)):
        rows = []
        for name, layer in LAYERS.items():
            times = _times(layer, sizes, set_to)
            base = times[in_use[0] if title == "block" else in_use[1]]
            rows.append([name, f"{1e6 * base:.0f} us", *(f"{times[size] / base:.2f}" for size in sizes)])
        print("\n".join(table((title, "in use", *map(str, sizes)), rows).splitlines()), flush=True)
        im2col.BLOCK_BYTES, state.BUFFER = in_use


def _set_block(size: int) -> None:
    im2col.BLOCK_BYTES = size


def _set_buffer(size: int) -> None:
    state.BUFFER = size


def _times(
    layer: tuple[int, int, int, int, int], sizes: tuple[int, ...], set_to: Callable[[int], None]
) -> dict[int, float]:
    found: dict[int, list[float]] = {size: [] for size in sizes}
    runs = {}
    for size in sizes:
        set_to(size)
        runs[size] = _run(*layer)
    for _ in range(_ROUNDS):
        for size, run in runs.items():
            set_to(size)
            run()
            begin = time.perf_counter()
            run()
            found[size].append(time.perf_counter() - begin)
    return {size: median(values) for size, values in found.items()}


def _run(inputs: int, outputs: int, side: int, kernel: int, groups: int) -> Callable[[], object]:
    """Two equal layers in a row, so that the first writes into the margins of the second."""
    rng = np.random.default_rng(0)
    q = QParams.per_tensor(0.05, -128)
    conv = Conv((1, 1), (kernel // 2,) * 4, (1, 1), groups, low=0.0)
    back = Conv((1, 1), (kernel // 2,) * 4, (1, 1), groups, low=0.0)
    tensors = [Tensor("x", TensorType("int8", (1, inputs, side, side), q))]
    for number, (rows, columns) in enumerate(((outputs, inputs), (inputs, outputs))):
        weight = rng.integers(-127, 128, (rows, columns // groups, kernel, kernel)).astype(np.int8)
        scales = QParams.per_channel(np.full(rows, 0.002, np.float32), 0)
        tensors.append(Tensor(f"w{number}", type_of(weight, scales)))
        tensors.append(Tensor(f"y{number}", TensorType("int8", (1, rows, side, side), q)))
    steps = (Step(conv, (0, 1), (2,)), Step(back, (2, 3), (4,)))
    interpreter = Interpreter(Program(tuple(tensors), steps, (0,), (4,)))
    x = rng.integers(-128, 128, (1, inputs, side, side)).astype(np.int8)
    return lambda: interpreter(x, raw=True)


if __name__ == "__main__":
    main()
