"""Sequences and optionals of ONNX, resolved while importing: the device has tensors only. No operator of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.ops.axes import constant_ints, normal_axis
from edgeconv.ops.base import Expr, Ref, expr_type
from edgeconv.ops.concat import Concat
from edgeconv.ops.onnx_rules import NOTHING, Items, Nothing, Result, Subgraph, Unsupported, Value, onnx_rule
from edgeconv.ops.reshape import reshape_to
from edgeconv.ops.split import Split

__all__: list[str] = []


@onnx_rule("SequenceConstruct", since=11)
def import_sequence_construct(*items: Ref) -> Items:
    """A sequence of these tensors."""
    return Items(items)


@onnx_rule("SequenceEmpty", since=11)
def import_sequence_empty(*, dtype: int = 1) -> Items:
    """A sequence of nothing."""
    return Items(())


@onnx_rule("SequenceLength", since=11)
def import_sequence_length(sequence: Items) -> Expr:
    """The number of tensors."""
    return np.array(len(_items(sequence)), np.int64)


@onnx_rule("SequenceAt", since=11)
def import_sequence_at(sequence: Items, position: Ref) -> Expr:
    """One of the tensors."""
    items = _items(sequence)
    return items[_place(position, len(items), len(items) - 1)]


@onnx_rule("SequenceInsert", since=11)
def import_sequence_insert(sequence: Items, tensor: Ref, position: Ref | None = None) -> Items:
    """One tensor more, by default behind the last."""
    items = list(_items(sequence))
    items.insert(len(items) if position is None else _place(position, len(items), len(items)), tensor)
    return Items(tuple(items))


@onnx_rule("SequenceErase", since=11)
def import_sequence_erase(sequence: Items, position: Ref | None = None) -> Items:
    """One tensor less, by default the last."""
    items = list(_items(sequence))
    if not items:
        raise Unsupported("it erases from an empty sequence")
    del items[-1 if position is None else _place(position, len(items), len(items) - 1)]
    return Items(tuple(items))


@onnx_rule("ConcatFromSequence", since=11)
def import_concat_from_sequence(sequence: Items, *, axis: int, new_axis: int = 0) -> Expr:
    """All tensors as one, along an axis that is there or along a new one."""
    items = _items(sequence)
    if not items:
        raise Unsupported("it concatenates an empty sequence, whose shape nothing tells")
    rank = expr_type(items[0]).rank + bool(new_axis)
    place = normal_axis(axis, rank)
    return Concat(place)(*(_unsqueeze(item, place) for item in items) if new_axis else items)


@onnx_rule("SplitToSequence", since=11)
def import_split_to_sequence(x: Ref, split: Ref | None = None, *, axis: int = 0, keepdims: int = 1) -> Items:
    """Parts of constant sizes, or of one size (the last may be smaller), or single elements."""
    place = normal_axis(axis, x.type.rank)
    dim = x.type.shape[place]
    if not isinstance(dim, int):
        raise Unsupported(f"it splits {x.type} along a dimension that is not known; fix it with --input-shape")
    if split is None:
        sizes: Sequence[int] = (1,) * dim
    elif split.type.rank:
        sizes = constant_ints(split, "split")
    else:
        (size,) = constant_ints(split, "split")
        if size < 1:
            raise Unsupported(f"it splits into parts of {size}")
        sizes = tuple(min(size, dim - start) for start in range(0, dim, size))
    if not sizes:
        return Items(())
    call = Split(place, tuple(sizes))(x)
    parts: list[Expr] = [call[index] for index in range(len(sizes))]
    if split is None and not keepdims:
        parts = [_squeeze(part, place) for part in parts]
    return Items(tuple(parts))


@onnx_rule("SequenceMap", since=17)
def import_sequence_map(first: Items, *others: Ref | Items, body: Subgraph) -> tuple[Result, ...]:
    """The body on one tensor of each sequence after another; tensors beside them are the same for all."""
    count = len(_items(first))
    if not count:
        return tuple(Items(()) for _ in range(body.outputs))
    rows: list[tuple[Value, ...]] = []
    for place in range(count):
        values = [_at(each, place) for each in (first, *others)]
        rows.append(body.inline(values))
    if not all(isinstance(value, Ref) for row in rows for value in row):
        raise Unsupported("its body gives something else than tensors")
    return tuple(Items(tuple(v for v in column if isinstance(v, Ref))) for column in zip(*rows, strict=True))


@onnx_rule("Optional", since=15)
def import_optional(value: Ref | Items | None = None, *, type: object = None) -> Result:
    """What is in an optional stands for the optional."""
    return NOTHING if value is None else value


@onnx_rule("OptionalHasElement", since=15)
def import_optional_has_element(value: Ref | Items | Nothing | None = None) -> Expr:
    """Whether something is there: known while importing."""
    return np.array(value is not None and not isinstance(value, Nothing))


@onnx_rule("OptionalGetElement", since=15)
def import_optional_get_element(value: Ref | Items | Nothing) -> Result:
    """What is in an optional."""
    if isinstance(value, Nothing):
        raise Unsupported("the optional holds nothing")
    return value


def _items(sequence: Value) -> tuple[Expr, ...]:
    if not isinstance(sequence, Items):
        raise Unsupported("it needs a sequence made by operators of the model, not a tensor")
    return sequence.values


def _at(value: Value, place: int) -> Value:
    if not isinstance(value, Items):
        return value
    if place >= len(value.values):
        raise Unsupported("its sequences differ in length")
    found = value.values[place]
    assert isinstance(found, Ref)
    return found


def _place(position: Ref, count: int, last: int) -> int:
    """A position from the front, 0 to `last`."""
    (place,) = constant_ints(position, "position")
    if not -count <= place <= last:
        raise Unsupported(f"position {place} is outside a sequence of {count}")
    return place % count if place < 0 else place


def _unsqueeze(x: Expr, axis: int) -> Expr:
    shape = expr_type(x).shape
    return reshape_to(x, shape, (*shape[:axis], 1, *shape[axis:]))


def _squeeze(x: Expr, axis: int) -> Expr:
    shape = expr_type(x).shape
    return reshape_to(x, shape, shape[:axis] + shape[axis + 1 :])
