"""How many elements are under each window: tap by tap, and in no more memory than the counts take."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from edgeconv.ops.pool_taps import window_counts
from edgeconv.ops.windows import Window


@pytest.mark.parametrize("kernel", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("pads", [(0, 0), (4, 1), (2, 5)])
def test_taps_inside_the_input_are_counted(kernel: int, stride: int, dilation: int, pads: tuple[int, int]) -> None:
    window, size = Window((kernel,), (stride,), (dilation,), pads), 13
    out = (size + sum(pads) - dilation * (kernel - 1) - 1) // stride + 1
    places = [[at * stride - pads[0] + tap * dilation for tap in range(kernel)] for at in range(out)]
    wanted = [sum(0 <= place < size for place in row) for row in places]
    assert window_counts(window, [size], [out], include_pad=False).tolist() == wanted


def test_a_long_signal_takes_no_table_of_all_pairs() -> None:
    tracemalloc.start()
    try:
        counts = window_counts(Window((4,), (4,), (1,), (2, 2)), [1 << 20], [(1 << 18) + 1], include_pad=False)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counts[[0, 1, -1]].tolist() == [2, 4, 2]
    assert most < 16 * counts.nbytes
    assert counts.dtype == np.float64
