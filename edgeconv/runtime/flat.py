"""FlatBuffer primitives over untrusted bytes: every offset, length and count is checked before it is used.

Work is bounded, too: everything read is paid for from a budget proportional to the size of the file, so that offsets
which make thousands of tables out of the same bytes run dry early.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any, NoReturn

from edgeconv.errors import InvalidModelError
from edgeconv.records import dataclass

__all__ = ["Flat", "Table", "damaged"]

_BUDGET_FACTOR = 4
_BUDGET_BASE = 1 << 16
_TABLE_COST = 48
"""What a table costs besides its bytes: it becomes a Python object."""
_MIN_TABLE, _MIN_VTABLE = 4, 4
_MOST_SLOTS = 16
"""Fields of a table that are looked at; no table of the format has as many."""

_layout = cache(lambda code: struct.Struct("<" + code))
"""The little-endian struct for a format without byte order."""


def damaged(what: str) -> NoReturn:
    """Raise the error for bytes that cannot be what a writer wrote."""
    raise InvalidModelError(f"the file is damaged: {what}; copy or convert the model again")


class Flat:
    """The bytes of a FlatBuffer, from its start to its end."""

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.size = len(view)
        self._budget = _BUDGET_FACTOR * self.size + _BUDGET_BASE
        self._strings: dict[int, str] = {}

    def unpack(self, layout: str, position: int, what: str) -> tuple[Any, ...]:
        """Little-endian values at `position`; `layout` is a struct format without byte order."""
        found = _layout(layout)
        if position < 0 or position + found.size > self.size:
            self.require(position, found.size, what)
        return found.unpack_from(self.view, position)

    def require(self, position: int, size: int, what: str) -> None:
        """The bytes position .. position + size exist."""
        if position < 0 or size < 0 or position + size > self.size:
            damaged(f"{what} would end at byte {position + size} of {self.size}")

    def spend(self, cost: int, what: str) -> None:
        """Pay for `cost` bytes of reading."""
        self._budget -= cost
        if self._budget < 0:
            damaged(f"{what} and what comes before it declare more than the file can hold")

    def follow(self, position: int, what: str) -> int:
        """The target of the offset stored at `position`; targets always lie behind it, so there are no cycles."""
        (offset,) = self.unpack("I", position, what)
        target = position + int(offset)
        if offset < 4 or target + 4 > self.size:
            damaged(f"{what} has the offset {offset} at byte {position} of {self.size}")
        return target

    def vector(self, position: int, item: int, what: str, align: int | None = None) -> tuple[int, int]:
        """(first item, count) of the vector at `position`, items of `item` bytes; all of them exist."""
        if position % 4:
            damaged(f"{what} is not aligned")
        (count,) = self.unpack("I", position, what)
        start = position + 4
        if count > (self.size - start) // item:
            damaged(f"{what} declares {count} items, which do not fit into {self.size} bytes")
        if start % (align or item):
            damaged(f"{what} is not aligned")
        return start, int(count)

    def string(self, position: int, what: str) -> str:
        """The UTF-8 text at `position`, which a zero byte ends."""
        known = self._strings.get(position)
        if known is not None:
            return known
        if position % 4:
            damaged(f"{what} is not aligned")
        start, count = self.vector(position, 1, what)
        self.spend(count, what)
        self.require(start, count + 1, what)
        if self.view[start + count]:
            damaged(f"{what} does not end with a zero byte")
        try:
            text = str(self.view[start : start + count], "utf-8")
        except UnicodeDecodeError:
            damaged(f"{what} is not UTF-8 text")
        self._strings[position] = text
        return text

    def table(self, position: int, what: str) -> Table:
        """The table at `position`, its extent and its list of fields checked."""
        if position % 4:
            damaged(f"{what} is not aligned")
        (back,) = self.unpack("i", position, what)
        vtable = position - int(back)
        if vtable % 2:
            damaged(f"{what} is not aligned")
        vtable_size, size = self.unpack("HH", vtable, what)
        if vtable_size < _MIN_VTABLE or vtable_size % 2 or size < _MIN_TABLE:
            damaged(f"{what} has a field list of {vtable_size} bytes and a body of {size}")
        self.require(vtable, vtable_size, what)
        self.require(position, size, what)
        self.spend(size + _TABLE_COST, what)
        slots = min((vtable_size - _MIN_VTABLE) // 2, _MOST_SLOTS)
        return Table(self, position, size, self.unpack(f"{slots}H", vtable + _MIN_VTABLE, what), what)


@dataclass(frozen=True)
class Table:
    """One table; `what` names it in messages. A field that is not there has its default.

    `offsets`: of each slot's field from `position`, 0 where it is not there.
    """

    flat: Flat
    position: int
    size: int
    offsets: tuple[int, ...]
    what: str

    def place(self, slot: int, size: int, align: int) -> int | None:
        """Position of the field in `slot`, which takes `size` bytes; None where it is left out."""
        offset = self.offsets[slot] if slot < len(self.offsets) else 0
        if offset == 0:
            return None
        if offset < 4 or offset + size > self.size or (self.position + offset) % align:
            damaged(f"{self.what} has a field at {offset} in a body of {self.size} bytes")
        return self.position + offset

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """An integer of struct type `code`."""
        layout = _layout(code)
        position = self.place(slot, layout.size, layout.size)
        return default if position is None else int(layout.unpack_from(self.flat.view, position)[0])

    def real(self, slot: int) -> float:
        """A float64."""
        position = self.place(slot, 8, 8)
        return 0.0 if position is None else float(self.flat.unpack("d", position, self.what)[0])

    def target(self, slot: int) -> int | None:
        """Where the offset in `slot` points to."""
        position = self.place(slot, 4, 4)
        return None if position is None else self.flat.follow(position, self.what)

    def text(self, slot: int, field: str) -> str:
        """A string; empty where it is left out."""
        position = self.target(slot)
        return "" if position is None else self.flat.string(position, f"{field} of {self.what}")

    def numbers(self, slot: int, code: str, field: str, most: int | None = None) -> tuple[Any, ...]:
        """A vector of struct type `code`, of at most `most` items."""
        start, count = self._vector(slot, _layout(code).size, field, most)
        return struct.unpack_from(f"<{count}{code}", self.flat.view, start)

    def texts(self, slot: int, field: str, most: int) -> tuple[str, ...]:
        """A vector of strings, of at most `most` items."""
        start, count = self._vector(slot, 4, field, most)
        if not count:
            return ()
        what = f"{field} of {self.what}"
        places = [self.flat.follow(start + 4 * index, what) for index in range(count)]
        return tuple(self.flat.string(place, what) for place in places)

    def tables(self, slot: int, field: str, item: str, most: int | None = None) -> list[Table]:
        """A vector of tables, each called `item` and its number in messages."""
        start, count = self._vector(slot, 4, field, most)
        flat, found = self.flat, []
        for index in range(count):
            what = f"{item} {index}"
            found.append(flat.table(flat.follow(start + 4 * index, what), what))
        return found

    def struct(self, slot: int, layout: str) -> tuple[Any, ...] | None:
        """The fields of a struct (4-byte aligned), None where it is left out."""
        position = self.place(slot, _layout(layout).size, 4)
        return None if position is None else self.flat.unpack(layout, position, self.what)

    def structs(self, slot: int, layout: str, field: str) -> list[tuple[Any, ...]]:
        """A vector of structs (4-byte aligned)."""
        size = _layout(layout).size
        start, count = self._vector(slot, size, field, None, align=4)
        return list(struct.iter_unpack("<" + layout, self.flat.view[start : start + count * size]))

    def data(self, slot: int, align: int) -> tuple[int, int]:
        """(position, length) of a byte vector aligned to `align` from the start of the file; nothing is read."""
        position = self.target(slot)
        if position is None:
            return 0, 0
        start, count = self.flat.vector(position, 1, self.what)
        if start % align:
            damaged(f"the data of {self.what} is not aligned to {align} bytes")
        return start, count

    def _vector(
        self, slot: int, item: int, field: str, most: int | None = None, align: int | None = None
    ) -> tuple[int, int]:
        position = self.target(slot)
        if position is None:
            return 0, 0
        what = f"{field} of {self.what}"
        start, count = self.flat.vector(position, item, what, align)
        if most is not None and count > most:
            damaged(f"{what} has {count} items, at most {most} are allowed")
        self.flat.spend(item * count, what)
        return start, count
