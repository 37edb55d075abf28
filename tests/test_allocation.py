"""A run allocates the outputs that it hands out and nothing above 4 kB, and what is allocated does not grow."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.ops.planes import Planes, filled
from edgeconv.runtime import Interpreter
from edgeconv.runtime.state import Settings

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.edge"))
LIMIT = 4096
BATCH = 16
CALLS = 2000


pytestmark = pytest.mark.skipif(sys.gettrace() is not None, reason="what traces lines, as coverage does, allocates")


def runner(path: Path) -> Callable[[], Array]:
    """One run of a golden model on a batch, its plan made."""
    interpreter = Interpreter(path)
    known = interpreter.input_type(interpreter.input_names[0])
    x = np.ones([dim if isinstance(dim, int) else BATCH for dim in known.shape], np.float32)
    for _ in range(3):
        interpreter(x)
    return lambda: interpreter(x)


def allocated(run: Callable[[], Array]) -> int:
    """Bytes that a second call takes at most beside its result."""
    tracemalloc.start()
    run()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    y = run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before - y.nbytes


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_run_allocates_its_outputs_and_at_most_4_kb(path: Path) -> None:
    assert allocated(runner(path)) <= LIMIT


@pytest.mark.parametrize("side", [7, 14, 28, 56, 112])
def test_maps_with_margins_are_changed_in_place(side: int) -> None:
    """NumPy works on a copy where it cannot tell at once that no two elements share a cell."""
    planes = Planes((side, side), (1, 1), (1, 1))
    rows = filled(np.empty(planes.rows(1, 64), np.float32))
    part = planes.elements(rows[:, :-1])[..., 1:]
    other, nothing = np.ones(part.shape, np.float32), np.zeros(0)

    def run() -> Array:
        np.maximum(part, other, out=part)
        return nothing

    with Settings():
        assert allocated(run) <= LIMIT
    assert part.min() == 1.0


def test_what_is_allocated_does_not_grow() -> None:
    run = runner(GOLDEN[0])
    tracemalloc.start()
    run()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(CALLS):
        run()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before <= LIMIT
