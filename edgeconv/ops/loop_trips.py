"""How often a loop runs, read off its condition: exporters count to a bound, such as the length of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from edgeconv.core import Dim, TensorType
from edgeconv.dims import compare
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Operator, ShapeError, infer_types
from edgeconv.ops.cast import Cast
from edgeconv.ops.compare import Greater, GreaterOrEqual, Less, LessOrEqual
from edgeconv.ops.identity import Identity
from edgeconv.ops.logic import And, Not
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.subprogram import Subprogram, SubStep
from edgeconv.records import dataclass

__all__ = ["ENDLESS", "trips_by_condition"]

ENDLESS = 2**62
"""Trips of a loop whose condition always holds."""

_ORDERS = {Less: (False, 0), LessOrEqual: (False, 1), Greater: (True, 0), GreaterOrEqual: (True, 1)}
"""Comparison -> (are its sides exchanged, is equality enough), to read it as a < b or a <= b."""
_OPPOSITE: dict[type[Operator], type[Operator]] = {
    Less: GreaterOrEqual,
    LessOrEqual: Greater,
    Greater: LessOrEqual,
    GreaterOrEqual: Less,
}

_Line: TypeAlias = tuple[Dim, int]
"""A number in the course of the loop: its value in the first trip, and what each trip adds."""


def trips_by_condition(body: Subprogram, carried: Sequence[TensorType], read: Sequence[TensorType]) -> Dim | None:
    """The number of trips of a loop that starts, None where it depends on data.

    body: (trip, carried..., read...) -> (condition, carried...). `carried` and `read` are the types at the
    start, with their values where they are known.
    """
    reader = _Reader(body, (*carried, *read), len(carried))
    return reader.trips(body.outputs[0])


@dataclass(frozen=True)
class _Reader:
    body: Subprogram
    starts: Sequence[TensorType]
    carried: int

    def trips(self, condition: int) -> Dim | None:
        """Trips until the condition fails: one more than those after which it holds."""
        value = self.body.tensors[condition].type.value
        if value is not None:
            return ENDLESS if bool(value.reshape(-1)[0]) else 1
        step = self._step(condition)
        if step is None:
            return None
        if isinstance(step.op, (Identity, Reshape)):
            return self.trips(step.inputs[0])
        if isinstance(step.op, And):
            return _least(*(self.trips(index) for index in step.inputs))
        return self._comparison(step)

    def _comparison(self, step: SubStep) -> Dim | None:
        kind: type[Operator] = type(step.op)
        if kind is Not:
            inner = self._step(step.inputs[0])
            if inner is None or type(inner.op) not in _OPPOSITE:
                return None
            step, kind = inner, _OPPOSITE[type(inner.op)]
        if kind not in _ORDERS:
            return None
        is_exchanged, equal = _ORDERS[kind]
        a, b = (self.line(index) for index in (step.inputs[::-1] if is_exchanged else step.inputs))
        if a is None or b is None:
            return None
        distance, speed = b[0] - a[0] + equal, a[1] - b[1]
        return _reached(distance, speed)

    def line(self, index: int) -> _Line | None:
        """What is known of a number in the body."""
        if index == self.body.inputs[0]:
            return 0, 1
        known = self._value(index)
        if known is not None:
            return known, 0
        if index in self.body.inputs:
            place = self.body.inputs.index(index) - 1
            return self._carried(place)
        step = self._step(index)
        return None if step is None else self._computed(step)

    def _computed(self, step: SubStep) -> _Line | None:
        if isinstance(step.op, (Identity, Reshape)) or (isinstance(step.op, Cast) and step.op.dtype in _COUNTS):
            return self.line(step.inputs[0])
        if type(step.op) not in (Add, Sub):
            return None
        a, b = (self.line(each) for each in step.inputs[:2])
        sign = 1 if isinstance(step.op, Add) else -1
        return None if a is None or b is None else (a[0] + b[0] * sign, a[1] + b[1] * sign)

    def _carried(self, place: int) -> _Line | None:
        """A value that every trip moves on by the same amount, or that is only read."""
        start = _number(self.starts[place])
        if start is None or place >= self.carried:
            return None if start is None else (start, 0)
        added = self._added(self.body.outputs[place + 1], self.body.inputs[place + 1])
        return None if added is None else (start, added)

    def _added(self, index: int, source: int) -> int | None:
        """The constant by which the tensor `index` is larger than the tensor `source`."""
        if index == source:
            return 0
        step = self._step(index)
        if step is None:
            return None
        if isinstance(step.op, (Identity, Reshape)):
            return self._added(step.inputs[0], source)
        if type(step.op) not in (Add, Sub):
            return None
        sign = 1 if isinstance(step.op, Add) else -1
        pairs = [step.inputs[:2], step.inputs[1::-1]] if sign == 1 else [step.inputs[:2]]
        for first, second in pairs:
            added, more = self._added(first, source), self._value(second)
            if added is not None and isinstance(more, int):
                return added + sign * more
        return None

    def _value(self, index: int) -> Dim | None:
        """A constant, or a number that follows from shapes."""
        known = self.body.tensors[index].type
        if known.value is not None:
            return _number(known)
        step = self._step(index)
        if step is None:
            return None
        try:
            types = infer_types(step.op, [None if each < 0 else self.body.tensors[each].type for each in step.inputs])
        except ShapeError:
            return None
        return _number(types[step.outputs.index(index)])

    def _step(self, index: int) -> SubStep | None:
        return next((step for step in self.body.steps if index in step.outputs), None)


_EXACT = 2**24
"""Up to here float32 counts exactly: TensorFlow's exporter compares counters as floats."""
_COUNTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")


def _number(known: TensorType) -> Dim | None:
    """The integer or dimension that a tensor of one element holds."""
    if known.value is None or known.value.size != 1 or known.dtype not in _COUNTS:
        return None
    found: Dim | float = known.value.reshape(-1).tolist()[0]
    if not isinstance(found, float):
        return found
    return int(found) if abs(found) <= _EXACT and found.is_integer() else None


def _reached(distance: Dim, speed: int) -> Dim | None:
    """Trips of a loop that goes on while `distance`, less by `speed` with every trip, is above 0."""
    if not isinstance(distance, int):
        return distance + 1 if speed == 1 and compare(distance + 1, 0) == 1 else None
    if distance <= 0:
        return 1
    return ENDLESS if speed <= 0 else -(-distance // speed) + 1


def _least(a: Dim | None, b: Dim | None) -> Dim | None:
    if a is None or b is None:
        return None
    order = compare(a, b)
    if order is None:
        return b if a == ENDLESS else a if b == ENDLESS else None
    return a if order <= 0 else b
