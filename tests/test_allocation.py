"""A run allocates the outputs that it hands out, and nothing that grows with the network's activations.

NumPy itself takes buffers of up to 8192 elements where an operation changes the dtype.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from edgeconv.runtime import Interpreter

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.edge"))
CAST_BUFFERS = 2 * 8192 * 8


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_run_allocates_only_its_outputs(path: Path) -> None:
    interpreter = Interpreter(path)
    known = interpreter.input_type(interpreter.input_names[0])
    x = np.ones([dim if isinstance(dim, int) else 64 for dim in known.shape], np.float32)
    y = interpreter(x)
    tracemalloc.start()
    interpreter(x)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    interpreter(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 2 * y.nbytes + CAST_BUFFERS
