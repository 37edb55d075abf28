"""Loop: a program run again and again; ONNX's Loop and Scan.

Where values that the body hands on to its next run have one shape throughout, and it is known how many scan outputs,
of which every run gives one, there will be, all is planned beforehand; else every trip is planned for the shapes that
data leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Dim, Kernel, SymbolicDim, TensorType, type_of
from edgeconv.dims import counted
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
    says whether to go on. Outputs: the carried values at the end, and all scans along a new axis 0. `label` names
    dimensions that data decides: the number of trips, and those in which a carried value changes.
    """

    body: Subprogram
    carried: int
    conditional: bool = False
    label: str = ""

    folds: ClassVar[bool] = False
    measures: ClassVar[bool] = False

    def infer(self, trips: TensorType, condition: TensorType, *values: TensorType) -> tuple[TensorType, ...]:
        if (trips.dtype, trips.shape) != ("int64", ()) or (condition.dtype, condition.shape) != ("bool", ()):
            raise ShapeError(f"needs a number of trips and a truth value, found {trips} and {condition}")
        if not 0 <= self.carried <= len(values):
            raise ShapeError(f"carries {self.carried} values, found {len(values)}")
        state = tuple(known.with_shape(known.shape) for known in values[: self.carried])
        while True:
            after = self._after_a_trip(state, values[self.carried :])
            wider = tuple(self._common(place, *pair) for place, pair in enumerate(zip(state, after, strict=False)))
            if wider == state:
                break
            state = wider
        scans = after[self.carried :]
        if not scans:
            return state
        count = self._count(trips, condition)
        return (*state, *(TensorType(known.dtype, (count, *known.shape)) for known in scans))

    def _after_a_trip(self, state: Sequence[TensorType], read: Sequence[TensorType]) -> Sequence[TensorType]:
        """What the body gives, without its condition."""
        found = self.body.infer((_TRIP, *state, *read))
        if self.conditional and (not found or found[0].dtype != "bool" or found[0].size != 1):
            raise ShapeError("its body must say as its first output whether to go on")
        after = found[self.conditional :]
        if len(after) < len(state):
            raise ShapeError(f"carries {len(state)} values, its body gives {len(after)}")
        return after

    def _common(self, place: int, before: TensorType, after: TensorType) -> TensorType:
        """What is known of a carried value that is `before` at first and `after` later."""
        is_same = (before.dtype, before.shape) == (after.dtype, after.shape)
        if not is_same and (before.dtype != after.dtype or before.rank != after.rank or not self.label):
            raise ShapeError(f"carried value {place} is {before}, and {after} after a trip; both must be the same")
        dims = enumerate(zip(before.shape, after.shape, strict=True))
        shape = tuple(x if x == y else counted(f"{self.label}.{place}.{axis}") for axis, (x, y) in dims)
        return TensorType(before.dtype, shape)

    def _count(self, trips: TensorType, condition: TensorType) -> Dim:
        """How many trips there will be."""
        go = condition.value
        if self.conditional or trips.value is None or go is None or go.dtype == object:
            if not self.label:
                raise ShapeError("the number of its trips depends on data, and it has no label for such a dimension")
            return counted(self.label)
        if not bool(go[()]):
            return 0
        count: Dim = trips.value.item()
        return count if isinstance(count, SymbolicDim) else max(count, 0)

    def prepare(self, limit: int) -> Callable[..., tuple[Array, ...]]:
        """Run the body for the shapes at hand, trip after trip."""
        body = self.body.runner(limit)

        def compute(trips: Array, condition: Array, *values: Array) -> tuple[Array, ...]:
            state, read = list(values[: self.carried]), values[self.carried :]
            rows: list[Sequence[Array]] = []
            go, count = bool(condition), 0
            with _counted() as spend:
                while go and count < int(trips):
                    spend()
                    after = body(np.array(count), *state, *read)
                    go = bool(after[0]) if self.conditional else go
                    state = [each.copy() for each in after[self.conditional :][: self.carried]]
                    rows.append([each.copy() for each in after[self.conditional + self.carried :]])
                    _check_bytes(rows[-1], count + 1, limit)
                    count += 1
            return (*state, *(self._stacked(rows, values)))

        return compute

    def _stacked(self, rows: Sequence[Sequence[Array]], values: Sequence[Array]) -> list[Array]:
        """The scans along a new axis 0; where there was no trip, the shape of a row is what is known of it."""
        if rows:
            return [np.stack(column) for column in zip(*rows, strict=True)]
        types = [type_of(value).with_shape(value.shape) for value in values]
        found = self._after_a_trip(types[: self.carried], types[self.carried :])[self.carried :]
        shapes = [tuple(dim if isinstance(dim, int) else 0 for dim in known.shape) for known in found]
        return [np.empty((0, *shape), known.dtype) for shape, known in zip(shapes, found, strict=True)]

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


def _check_bytes(row: Sequence[Array], count: int, limit: int) -> None:
    """EdgeconvError where `count` such rows take more than `limit` bytes."""
    nbytes = count * sum(each.nbytes for each in row)
    if nbytes > limit:
        raise EdgeconvError(f"a Loop has collected {nbytes:,} bytes, more than the limit of {limit:,}; raise it with "
                            "Interpreter(..., memory_limit=bytes)")  # fmt: skip


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
