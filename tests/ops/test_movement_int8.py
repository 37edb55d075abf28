"""Data movement in int8 is data movement of bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgeconv.core import Array, QParams
from edgeconv.ops.base import Operator
from edgeconv.ops.expand import Expand, Tile
from edgeconv.ops.gather import Gather, GatherElements, GatherND
from edgeconv.ops.identity import Identity
from edgeconv.ops.pad import Pad
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.slice import Slice
from edgeconv.ops.split import Split
from edgeconv.ops.transpose import Transpose
from tests.ops.by_hand import integers, run_int8

Q = QParams.per_tensor(0.1, -20)
PICK = np.int64([[0, -1, 2], [1, 1, -3]])

MOVES: list[tuple[Operator, list[Array], Callable[[Array], Array]]] = [
    (Identity(), [], lambda x: x),
    (Reshape((0, -1)), [], lambda x: x.reshape(len(x), -1)),
    (Transpose((2, 0, 1)), [], lambda x: x.transpose(2, 0, 1)),
    (Slice((3, 0), (0, 2), (1, 2), (-1, 1)), [], lambda x: x[:, 3:0:-1, :2]),
    (Tile((1, 2, 3)), [], lambda x: np.tile(x, (1, 2, 3))),
    (Expand(), [np.int64([2, 1, 1, 1])], lambda x: np.broadcast_to(x, (2, *x.shape))),
    (Gather(1), [PICK], lambda x: x[:, PICK]),
    (Gather(2), [np.int64(-2)], lambda x: x[:, :, -2]),
    (GatherElements(1), [PICK[:1, :, None]], lambda x: x[[0], PICK[0], 0][None, :, None]),
    (GatherND(), [np.int64([[0, 1], [0, -1]])], lambda x: x[0, [1, -1]]),
    (Pad((0, 1, 2, 0, 0, 1), value=0.0), [], lambda x: np.pad(x, [(0, 0), (1, 0), (2, 1)], constant_values=-20)),
    (Pad((0, 1, 0, 0, 0, 0), value=0.5), [], lambda x: np.pad(x, [(0, 0), (1, 0), (0, 0)], constant_values=-15)),
    (Pad((0, 1, 0, 0, 0, 0), value=-np.inf), [], lambda x: np.pad(x, [(0, 0), (1, 0), (0, 0)], constant_values=-128)),
    (Pad((0, 2, 3, 0, 1, 2), "reflect"), [], lambda x: np.pad(x, [(0, 0), (2, 1), (3, 2)], "reflect")),
    (Pad((1, 6, 0, 2, 0, 9), "wrap"), [], lambda x: np.pad(x, [(1, 2), (6, 0), (0, 9)], "wrap")),
    (Pad((1, -1, 0, 0, 2, -2), "edge"), [], lambda x: np.pad(x[:, 1:, :-2], [(1, 0), (0, 2), (0, 0)], "edge")),
]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("op", "others", "meaning"), MOVES, ids=[str(move[0]) for move in MOVES])
def test_bytes_are_moved(op: Operator, others: list[Array], meaning: Callable[[Array], Array], batch: int) -> None:
    x = integers(batch, 4, 5)
    given = [(x, Q), *((other, None) for other in others)]
    (found,) = run_int8(op, given, Q, constants=range(1, len(given)))
    np.testing.assert_array_equal(found, meaning(x))


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_a_vector_gets_a_border(mode: str) -> None:
    x = integers(5)
    (found,) = run_int8(Pad((3, 7), mode), [(x, Q)], Q)
    np.testing.assert_array_equal(found, np.pad(x, (3, 7), mode))  # type: ignore[call-overload]


def test_a_scalar_is_moved_as_well() -> None:
    x = integers(1).reshape(())
    for op in (Slice((), (), (), ()), Tile(()), Reshape(()), Transpose(())):
        (found,) = run_int8(op, [(x, Q)], Q)
        assert found.shape == ()
        assert found == x


def test_a_constant_is_reshaped_by_a_copy() -> None:
    x = integers(2, 6)
    (found,) = run_int8(Reshape((3, -1)), [(x, Q)], Q, constants=(0,))
    np.testing.assert_array_equal(found, x.reshape(3, 4))


def test_split_gives_every_part() -> None:
    x = integers(3, 6, 5)
    found = run_int8(Split(1, (1, 0, 5)), [(x, Q)], Q)
    for part, want in zip(found, (x[:, :1], x[:, :0], x[:, 1:]), strict=True):
        np.testing.assert_array_equal(part, want)
