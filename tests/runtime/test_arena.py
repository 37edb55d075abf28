"""Memory for weights and activations: where it lies, and that it is refused before it is taken."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.errors import EdgeconvError
from edgeconv.runtime import Interpreter
from edgeconv.runtime.arena import ScratchPool, aligned_block
from tests.runtime.test_memory_and_threads import network, samples


def test_large_weights_lie_together_and_keep_their_values() -> None:
    pool, rng = ScratchPool(1 << 40), np.random.default_rng(0)
    weights = [rng.random((200, 97)), rng.random((3, 5)), rng.random((640, 97)), rng.random((300, 3000)).T]
    held = [pool.for_step().hold(weight) for weight in weights]
    for given, found in zip(weights, held, strict=True):
        np.testing.assert_array_equal(found, given)
        assert found.strides == given.strides
    assert [found is given for given, found in zip(weights, held, strict=True)] == [False, True, False, True]
    assert pool.prepared_bytes == sum(weight.nbytes for weight in weights)
    assert all(found.ctypes.data % 64 == 0 for found in (held[0], held[2]))
    assert ScratchPool(1 << 40, is_frugal=True).for_step().hold(weights[0]) is weights[0]


def test_a_large_block_is_aligned_and_all_of_it_can_be_used() -> None:
    for nbytes in (0, 1, 1 << 12, (1 << 21) - 1, 1 << 21, (1 << 21) + 1, 9_000_001):
        block = aligned_block(nbytes)
        block.fill(7)
        assert block.size == nbytes
        assert nbytes == 0 or (block.ctypes.data % 64 == 0 and block[-1] == 7)


def test_rows_are_refused_before_they_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    program, taken = network((40, 60)), []
    interpreter = Interpreter(program, memory_limit=100_000)
    monkeypatch.setattr("edgeconv.runtime.arena.aligned_block", lambda nbytes: taken.append(nbytes) or np.empty(nbytes))
    with pytest.raises(EdgeconvError, match="more than the limit of 100,000"):
        interpreter(samples((40, 60)))
    assert max(taken, default=0) <= 100_000
