"""Small files that would take hours or gigabytes of a reader without limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flatbuffers

from edgeconv.core import TensorType
from edgeconv.dims import symbol
from edgeconv.export.edge import to_bytes
from edgeconv.ops.base import Operator
from edgeconv.runtime.program import Program, Step, Tensor
from tests.format.digests import with_digest
from tests.format.programs import operator

__all__ = ["BOMBS", "offsets_of", "raw_model"]


def raw_model(fill: Callable[[Any], dict[int, int]]) -> bytes:
    """A model made with the official builder; `fill` returns offsets by slot."""
    builder = flatbuffers.Builder(1 << 20)
    offsets = fill(builder)
    builder.StartObject(12)
    builder.PrependUint16Slot(0, 1, 0)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.Prep(1, 16)
    builder.head -= 16
    builder.PrependStructSlot(1, builder.Offset(), 0)
    builder.Finish(builder.EndObject(), b"EDG1")
    return with_digest(bytes(builder.Output()))


def offsets_of(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in offsets:
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def one_table_many_times() -> bytes:
    """100,000 tensors, all of them the same 20 bytes."""

    def fill(builder: Any) -> dict[int, int]:
        name = builder.CreateString("x")
        builder.StartObject(7)
        builder.PrependUOffsetTRelativeSlot(0, name, 0)
        return {3: offsets_of(builder, [builder.EndObject()] * 100_000)}

    return raw_model(fill)


def one_long_name_many_times() -> bytes:
    """5,000 metadata entries whose value is the same megabyte of text."""

    def fill(builder: Any) -> dict[int, int]:
        value = builder.CreateString("long" * 250_000)
        entries = []
        for number in range(5_000):
            key = builder.CreateString(str(number))
            builder.StartObject(2)
            builder.PrependUOffsetTRelativeSlot(0, key, 0)
            builder.PrependUOffsetTRelativeSlot(1, value, 0)
            entries.append(builder.EndObject())
        return {9: offsets_of(builder, entries)}

    return raw_model(fill)


def names_inside_names() -> bytes:
    """Strings of 64 kB that start 4 bytes apart: lengths and text are the same bytes."""

    def fill(builder: Any) -> dict[int, int]:
        builder.StartVector(4, 100_000, 4)
        for _ in range(100_000):
            builder.PrependUint32(65_536)
        end = builder.EndVector() - 4
        entries = []
        for number in range(10_000):
            key = builder.CreateString(str(number))
            builder.StartObject(2)
            builder.PrependUOffsetTRelativeSlot(0, key, 0)
            builder.PrependUOffsetTRelativeSlot(1, end - 4 * number, 0)
            entries.append(builder.EndObject())
        return {9: offsets_of(builder, entries)}

    return raw_model(fill)


def _chain(x: TensorType, ops: list[tuple[Operator, int]], rounds: int) -> bytes:
    """`ops` again and again: each is (operator, how far back its input lies); all dimensions declared as unknown."""
    tensors, steps = [Tensor("x", x)], []
    for number in range(rounds):
        for op, back in ops:
            last = len(tensors) - 1
            inputs = (last, last - 1) if type(op).__name__ == "Add" else (last - back,)
            steps.append(Step(op, inputs, (len(tensors),), ""))
            rank = 2 if type(op).__name__ in ("Add", "Reshape") else x.rank
            tensors.append(Tensor(f"{number}", TensorType("float32", (symbol("?"),) * rank)))
    return to_bytes(Program(tuple(tensors), tuple(steps), (0,), (len(tensors) - 1,)))


def _outer(x: TensorType) -> bytes:
    column, row = operator("Reshape", shape=(-1, 1)), operator("Reshape", shape=(1, -1))
    return _chain(x, [(column, 0), (row, 1), (operator("Add"), 0)], 60)


def _deep() -> bytes:
    """Halved and tripled in turn: each quotient stays inside the next."""
    pool = operator("MaxPool", kernel=(3,), strides=(2,), pads=(0, 0), dilations=(1,))
    triple = operator("ResizeNearest", axes=(2,), scales=(3.0,))
    return _chain(TensorType("float32", (1, 1, symbol("N"))), [(pool, 0), (triple, 0)], 300)


def _long_attributes() -> bytes:
    huge = operator("Reshape", shape=(2**62 + 1,) * 4096)
    return _chain(TensorType("float32", (symbol("N"), 2)), [(huge, 0)], 3)


def _wide() -> bytes:
    """A dimension of a hundred terms, by padding and flattening many symbols."""
    x = TensorType("float32", tuple(symbol(f"s{axis}") for axis in range(32)))
    return _chain(
        x, [(operator("Reshape", shape=(-1, 1)), 0), (operator("Reshape", shape=(1, -1)), 1), (operator("Add"), 0)], 9
    )


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "one table many times": one_table_many_times,
    "one long name many times": one_long_name_many_times,
    "names inside names": names_inside_names,
    "a dimension that squares itself": lambda: _outer(TensorType("float32", (symbol("N"), symbol("T")))),
    "a number that squares itself": lambda: _outer(TensorType("float32", (3, 3))),
    "a quotient of a quotient of a quotient": _deep,
    "attributes with huge products": _long_attributes,
    "a product of many symbols": _wide,
}
