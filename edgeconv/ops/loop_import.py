"""Import rules of Loop and Scan. A loop is written out where each trip gives other shapes, or carries sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, Dim, TensorType
from edgeconv.dims import symbol
from edgeconv.errors import EdgeconvError
from edgeconv.ops.add import Sub
from edgeconv.ops.axes import normal_axis
from edgeconv.ops.base import Expr, Ref, ShapeError, expr_type
from edgeconv.ops.concat import Concat
from edgeconv.ops.gather import Gather
from edgeconv.ops.loop import Loop
from edgeconv.ops.loop_trips import ENDLESS, trips_by_condition
from edgeconv.ops.onnx_rules import AtRunTime, Items, Nothing, Result, Subgraph, Traced, Unsupported, Value, onnx_rule
from edgeconv.ops.reshape import Reshape, reshape_to
from edgeconv.ops.shape import Dims
from edgeconv.ops.slice import EVERYTHING, Slice
from edgeconv.ops.transpose import Transpose

__all__: list[str] = []

_MOST_WRITTEN_OUT = 4096
"""Trips of a loop that is written out."""
_TRIP = TensorType("int64", ())


@onnx_rule("Loop")
def import_loop(
    trips: Ref | None = None,
    condition: Ref | None = None,
    *carried: Ref | Items | Nothing,
    body: Subgraph,
    label: str,
) -> tuple[Result, ...]:
    """Loop: with tensors as an operator, but written out where they change their shapes in trips of a known number."""
    tensors = [value for value in carried if isinstance(value, Ref)]
    if len(tensors) < len(carried):
        return _written_out(trips, condition, carried, body, Unsupported("it carries a sequence"))
    types = [ref.type.with_shape(ref.type.shape) for ref in tensors]
    fixed = [_unchanging(ref, body, place) for place, ref in enumerate(tensors)]

    def values(refs: Sequence[Ref]) -> list[Result]:
        now = [ref if value is None else value for ref, value in zip(refs[1:], fixed, strict=True)]
        return [refs[0], np.array(True), *now]  # a trip is only made while the condition holds

    try:
        traced = body.trace((_TRIP, *types), values)
        _check_carried(traced, types)
    except (Unsupported, ShapeError, EdgeconvError) as error:
        try:
            return _written_out(trips, condition, carried, body, error)
        except Unsupported as refusal:
            return _changing(trips, condition, tensors, body, label, refusal)
    count = _count(trips, _known(condition, True), traced, tensors)
    if count is None:
        limit = np.array(ENDLESS, np.int64) if trips is None else _scalar(trips)
        start = np.array(True) if condition is None else _scalar(condition)
        return _changing_only(traced, True, (limit, start), tensors, fixed, label)
    traced = body.trace((_TRIP, *types), values, skip=1)
    return _changing_only(traced, False, (count, np.array(True)), tensors, fixed, label)


def _changing_only(
    traced: Traced,
    conditional: bool,
    bounds: tuple[Expr, Expr],
    carried: Sequence[Ref],
    fixed: Sequence[Array | None],
    label: str,
) -> tuple[Result, ...]:
    """The outputs of a Loop that carries what is not `fixed`; the rest comes out as it went in."""
    program = traced.program
    kept = [place for place, value in enumerate(fixed) if value is None]
    away = {place for place, value in enumerate(fixed) if value is not None}
    inner = program.between(
        tuple(each for place, each in enumerate(program.inputs) if place - 1 not in away),
        tuple(each for place, each in enumerate(program.outputs) if place - conditional not in away),
    )
    call = Loop(inner, len(kept), conditional, label)(*bounds, *(carried[place] for place in kept), *traced.read)
    found: list[Result] = list(carried)
    for index, place in enumerate(kept):
        found[place] = call[index]
    return (*found, *(call[index] for index in range(len(kept), len(call.types))))


def _unchanging(ref: Ref, body: Subgraph, place: int) -> Array | None:
    """The constant that every trip hands on as it is, as TensorFlow's loops do with the weights of their layers."""
    is_plain = ref.value is not None and ref.value.dtype != object
    return ref.value if is_plain and body.hands_on(1 + place, 2 + place) else None


def _changing(
    trips: Ref | None,
    condition: Ref | None,
    carried: Sequence[Ref],
    body: Subgraph,
    label: str,
    refusal: Unsupported,
) -> tuple[Result, ...]:
    """A loop with tensors whose shapes change from trip to trip, as far as data leads to."""
    limit = np.array(ENDLESS, np.int64) if trips is None else _scalar(trips)
    start = np.array(True) if condition is None else _scalar(condition)
    types = [ref.type.with_shape(ref.type.shape) for ref in carried]
    while True:
        try:
            traced = body.trace((_TRIP, *types), lambda refs: [refs[0], np.array(True), *refs[1:]])
            wider = _wider(traced, types, label)
            if wider == types:
                call = Loop(traced.program, len(carried), True, label)(limit, start, *carried, *traced.read)
                return tuple(call[index] for index in range(len(call.types)))
        except (ShapeError, EdgeconvError) as error:
            raise refusal from error
        types = wider


def _wider(traced: Traced, types: Sequence[TensorType], label: str) -> list[TensorType]:
    """Types that carried values have before a trip as well as after it; ShapeError where there are none."""
    program, found = traced.program, list[TensorType]()
    after = [program.tensors[index].type for index in program.outputs[1 : 1 + len(types)]]
    for place, (x, y) in enumerate(zip(types, after, strict=True)):
        if x.dtype != y.dtype or x.rank != y.rank:
            raise ShapeError(f"its carried value {place} is {x}, and {y} after a trip")
        dims = enumerate(zip(x.shape, y.shape, strict=True))
        found.append(x.with_shape(tuple(a if a == b else symbol(f"#{label}.{place}.{axis}") for axis, (a, b) in dims)))
    return found


def _known(ref: Ref | None, absent: int | bool) -> int | bool | None:
    """The number or truth value of an input, None where data decides."""
    if ref is None:
        return absent
    is_plain = ref.value is not None and ref.value.dtype != object and ref.value.size == 1
    return ref.value.reshape(()).item() if is_plain and ref.value is not None else None


def _scalar(ref: Ref) -> Expr:
    return ref if ref.type.rank == 0 else Reshape(())(ref)


def _check_carried(traced: Traced, types: Sequence[TensorType]) -> None:
    program = traced.program
    after = [program.tensors[index].type for index in program.outputs[1 : 1 + len(types)]]
    for place, (known, found) in enumerate(zip(types, after, strict=True)):
        if (known.dtype, known.shape) != (found.dtype, found.shape):
            raise ShapeError(f"its carried value {place} is {known}, and {found} after a trip")


def _count(trips: Ref | None, go: bool | int | None, traced: Traced, carried: Sequence[Ref]) -> Expr | None:
    """The number of trips as a tensor, None where it depends on data (but for the number of trips, which may)."""
    if go is None:
        return None
    if not go:
        return np.array(0, np.int64)
    by_condition = trips_by_condition(traced.program, [ref.type for ref in carried], [ref.type for ref in traced.read])
    if by_condition is None:
        return None
    if by_condition == ENDLESS and trips is not None:
        return _scalar(trips)
    limit = _known(trips, ENDLESS)
    if not isinstance(by_condition, int):
        source = _dims_source(by_condition, traced.read) if limit is not None and limit >= _UNBOUNDED else None
        return source
    return None if limit is None else np.array(min(int(limit), by_condition), np.int64)


_UNBOUNDED = 2**31 - 1
"""What exporters write for no limit, or more."""


def _dims_source(count: Dim, read: Sequence[Ref]) -> Expr | None:
    """A symbolic count as a dimension, plus or minus a constant, of one of the tensors that the body reads."""
    for ref in read:
        for axis, dim in enumerate(ref.type.shape):
            offset = count - dim
            if isinstance(offset, int):
                return Dims((1,), (axis,), (offset,), ())(ref)
    return None


def _written_out(
    trips: Ref | None, condition: Ref | None, carried: Sequence[Value], body: Subgraph, why: Exception
) -> tuple[Result, ...]:
    """One trip after another in the place of the node; or the reason why that, too, is not possible."""
    most, go = _known(trips, ENDLESS), _known(condition, True)
    if trips is not None and most is None:
        raise AtRunTime(trips, "M").because(why) from why
    if condition is not None and go is None:
        raise AtRunTime(condition, "cond").because(why) from why
    assert most is not None and go is not None
    if most > _MOST_WRITTEN_OUT and body.hands_on(
        0, 1, ("Cast", "Identity")
    ):  # nothing but the number of trips ends it
        raise Unsupported(f"{why}, and {_MOST_WRITTEN_OUT} trips do not end it")
    values: list[Value] = list(carried)
    rows: list[tuple[Value, ...]] = []
    while go and len(rows) < most:
        if len(rows) == _MOST_WRITTEN_OUT:
            raise Unsupported(f"{why}, and {_MOST_WRITTEN_OUT} trips do not end it")
        again, *after = body.inline((np.array(len(rows), np.int64), np.array(True), *values))
        values = after[: len(carried)]
        rows.append(tuple(after[len(carried) :]))
        known = _known(again, True) if isinstance(again, Ref) else True
        if known is None:
            raise Unsupported(f"{why}, and its condition depends on data; make every trip the same")
        go = known
    if not rows and body.outputs > 1 + len(carried):
        raise Unsupported("it makes no trip, so that nothing tells what it would collect")
    return (*values, *(_stack(column) for column in zip(*rows, strict=True)))


def _stack(column: Sequence[Value]) -> Expr:
    refs = [value for value in column if isinstance(value, Ref)]
    if len(refs) < len(column):
        raise Unsupported("it collects something else than tensors")
    return Concat(0)(*(reshape_to(ref, ref.type.shape, (1, *ref.type.shape)) for ref in refs))


@onnx_rule("Scan", since=9)
def import_scan(
    *inputs: Ref,
    body: Subgraph,
    num_scan_inputs: int,
    scan_input_axes: Sequence[int] = (),
    scan_input_directions: Sequence[int] = (),
    scan_output_axes: Sequence[int] = (),
    scan_output_directions: Sequence[int] = (),
) -> tuple[Result, ...]:
    """Scan: a loop over slices of its inputs."""
    first = len(inputs) - num_scan_inputs
    states, scanned = inputs[:first], inputs[first:]
    if not scanned:
        raise Unsupported("it scans nothing")
    given = tuple(scan_input_axes) or (0,) * len(scanned)
    axes = [normal_axis(axis, x.type.rank) for axis, x in zip(given, scanned, strict=True)]
    backward = tuple(scan_input_directions) or (0,) * len(scanned)
    types = [ref.type.with_shape(ref.type.shape) for ref in (*states, *scanned)]

    def slices(refs: Sequence[Ref]) -> list[Result]:
        parts = zip(refs[1 + first :], axes, backward, strict=True)
        return [*refs[1 : 1 + first], *(_element(x, refs[0], axis, bool(back)) for x, axis, back in parts)]

    traced = body.trace((_TRIP, *types), slices)
    count = _dim(scanned[0], axes[0], 0)
    call = Loop(traced.program, first)(count, np.array(True), *inputs, *traced.read)
    scans = range(first, len(call.types))
    output_axes = tuple(scan_output_axes) or (0,) * len(scans)
    turned = tuple(scan_output_directions) or (0,) * len(scans)
    collected = [
        _placed(call[index], axis, bool(back)) for index, axis, back in zip(scans, output_axes, turned, strict=True)
    ]
    return (*(call[index] for index in range(first)), *collected)


def _dim(x: Ref, axis: int, offset: int) -> Expr:
    dim = x.type.shape[axis]
    return np.array(dim + offset, np.int64) if isinstance(dim, int) else Dims((1,), (axis,), (offset,), ())(x)


def _element(x: Ref, trip: Ref, axis: int, is_backward: bool) -> Expr:
    """The slice of x for a trip."""
    return Gather(axis)(x, Sub()(_dim(x, axis, -1), trip) if is_backward else trip)


def _placed(scan: Expr, axis: int, is_backward: bool) -> Expr:
    """What was collected along axis 0, along `axis`, the last first where it goes backward."""
    rank = expr_type(scan).rank
    if is_backward:
        scan = Slice((-1,), (-EVERYTHING,), (0,), (-1,))(scan)
    place = normal_axis(axis, rank)
    if place == 0:
        return scan
    perm = list(range(1, rank))
    perm.insert(place, 0)
    return Transpose(tuple(perm))(scan)
