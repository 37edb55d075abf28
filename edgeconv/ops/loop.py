"""Loop: a program run again and again; ONNX's Loop and Scan.

Values that the body hands on to its next run have one shape throughout. Scan outputs collect a value of every run, so
that their length must be known when memory is planned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, SymbolicDim, TensorType
from edgeconv.errors import EdgeconvError
from edgeconv.ops.base import Inputs, Operand, Operator, Scratch, ShapeError
from edgeconv.ops.subprogram import Subprogram, evaluate
from edgeconv.records import dataclass

__all__ = ["Loop"]

_MOST_TRIPS = 1 << 22
"""Of all loops inside each other, in one run: a file must not keep a device busy for ever."""


_TRIP = TensorType("int64", ())


@dataclass(frozen=True)
class Loop(Operator):
    """Runs `body` while the condition holds, as often as the number of trips says at most.

    Inputs: the number of trips (int64), the condition (bool), `carried` values, what the body reads besides.
    The body: (trip, carried..., read...) -> (carried..., scans...); where the loop is `conditional`, its first output
    says whether to go on. Outputs: the carried values at the end, and all scans along a new axis 0.
    """

    body: Subprogram
    carried: int
    conditional: bool = False

    folds: ClassVar[bool] = False

    def infer(self, trips: TensorType, condition: TensorType, *values: TensorType) -> tuple[TensorType, ...]:
        if (trips.dtype, trips.shape) != ("int64", ()) or (condition.dtype, condition.shape) != ("bool", ()):
            raise ShapeError(f"needs a number of trips and a truth value, found {trips} and {condition}")
        if not 0 <= self.carried <= len(values):
            raise ShapeError(f"carries {self.carried} values, found {len(values)}")
        state = tuple(known.with_shape(known.shape) for known in values[: self.carried])
        found = self.body.infer((_TRIP, *state, *values[self.carried :]))
        if self.conditional and (not found or found[0].dtype != "bool" or found[0].size != 1):
            raise ShapeError("its body must say as its first output whether to go on")
        after = found[self.conditional :]
        for place, known in enumerate(state):
            if len(after) <= place or (after[place].dtype, after[place].shape) != (known.dtype, known.shape):
                given = after[place] if len(after) > place else "nothing"
                raise ShapeError(f"carried value {place} is {known}, and {given} after a trip; both must be the same")
        scans = after[self.carried :]
        if not scans:
            return state
        count = self._count(trips, condition)
        return (*state, *(TensorType(known.dtype, (count, *known.shape)) for known in scans))

    def _count(self, trips: TensorType, condition: TensorType) -> Dim:
        """How many trips there will be; ShapeError where that depends on data."""
        go = condition.value
        if self.conditional or trips.value is None or go is None or go.dtype == object:
            raise ShapeError(
                "the number of its trips depends on data, and with it the length of what it collects; make the number "
                "of trips a constant and the condition true, or collect into a carried value of fixed size"
            )
        if not bool(go[()]):
            return 0
        count: Dim = trips.value.item()
        return count if isinstance(count, SymbolicDim) else max(count, 0)

    def run(self, trips: Array, condition: Array, *values: Array) -> tuple[Array, ...]:
        return evaluate(self, [trips, condition, *values])

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        trips, condition = inputs[0].array, inputs[1].array
        values = [inputs[place] for place in range(2, len(inputs))]
        state = [Operand(known.type.with_shape(known.type.shape), known.array) for known in outputs[: self.carried]]
        go, trip = scratch((), "bool"), scratch((), "int64")
        body = self.body.plan([Operand(_TRIP, trip), *state, *values[self.carried :]], scratch)
        after = [operand.array for operand in body.outputs]
        move = _plan_move(after[self.conditional :][: self.carried], [operand.array for operand in state], scratch)
        scans = list(zip(outputs[self.carried :], after[self.conditional + self.carried :], strict=True))
        starts = [(known.array, value.array) for known, value in zip(state, values, strict=False)]

        def one_trip(count: int) -> None:
            trip[...] = count
            body.run()
            for target, found in scans:
                np.copyto(target.array[count, ...], found)
            if self.conditional:
                np.copyto(go, after[0].reshape(()))
            move()

        def kernel() -> None:
            for target, start in starts:
                np.copyto(target, start)
            np.copyto(go, condition)
            limit, count = int(trips), 0
            with _counted() as spend:
                while go and count < limit:
                    spend()
                    one_trip(count)
                    count += 1

        return kernel

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        """Of all trips; ShapeError where data decides how many there are."""
        values = [inputs[place] for place in range(2, len(inputs))]
        state = [known.with_shape(known.shape) for known in values[: self.carried]]
        count = self._count(inputs[0], inputs[1])
        if not isinstance(count, int):
            raise ShapeError("the number of its trips is not known")
        return count * self.body.macs([_TRIP, *state, *values[self.carried :]])


def _plan_move(sources: Sequence[Array], targets: Sequence[Array], scratch: Scratch) -> Kernel:
    """Copy sources to targets as if all at once: a body may hand on two carried values in exchange."""
    first: list[tuple[Array, Array]] = []
    then: list[tuple[Array, Array]] = []
    for place, (source, target) in enumerate(zip(sources, targets, strict=True)):
        others = [other for number, other in enumerate(targets) if number != place]
        if any(np.may_share_memory(source, other) for other in others):
            between = scratch(source.shape, source.dtype.name)
            first.append((between, source))
            then.append((target, between))
        elif not np.may_share_memory(source, target):
            then.append((target, source))

    def move() -> None:
        for target, source in first:
            np.copyto(target, source)
        for target, source in then:
            np.copyto(target, source)

    return move


class _Left(local):
    """Trips left in the run at hand, of each thread; None outside of loops."""

    trips: int | None = None


_left = _Left()


@contextmanager
def _counted() -> Iterator[Kernel]:
    """What every trip calls: EdgeconvError once loops inside each other have made too many."""
    is_outer = _left.trips is None
    if is_outer:
        _left.trips = _MOST_TRIPS

    def spend() -> None:
        assert _left.trips is not None
        _left.trips -= 1
        if _left.trips < 0:
            raise EdgeconvError(f"a Loop has made {_MOST_TRIPS:,} trips and would go on; does its condition end it?")

    try:
        yield spend
    finally:
        if is_outer:
            _left.trips = None
