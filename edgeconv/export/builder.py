"""A FlatBuffers builder that writes whatever occurs twice once: strings, vectors, and tables that callers give a key.

Builders write from the end of the file to its start, children before parents; an offset counts from the end.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import InternalError
from edgeconv.runtime.layout import slot_names

__all__ = ["Sink"]


class Sink:
    """Wraps `flatbuffers.Builder`. Methods return offsets; 0 stands for an empty vector, which is left out."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        self._written: dict[Hashable, int] = {}

    def once(self, key: Hashable, write: Callable[[], int]) -> int:
        """The offset of what `write` writes, which is called for the first of equal keys only."""
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]

    def text(self, text: str) -> int:
        """A string; InternalError where it is not Unicode text."""
        try:
            return self.once(("text", text), lambda: int(self.builder.CreateString(text)))
        except UnicodeEncodeError as error:
            raise InternalError(f"the name {text!r} cannot be written as UTF-8") from error

    def numbers(self, values: Sequence[float], stored: str) -> int:
        """A vector of numbers of the NumPy type `stored`."""
        array = np.array(values, stored)
        if not values:
            return 0
        return self.once((stored, array.tobytes()), lambda: int(self.builder.CreateNumpyVector(array)))

    def texts(self, texts: Sequence[str]) -> int:
        """A vector of strings."""
        return self.offsets([self.text(text) for text in texts])

    def offsets(self, offsets: Sequence[int]) -> int:
        """A vector of offsets (tables or strings)."""
        if not offsets:
            return 0
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def structs(self, layout: str, items: Sequence[tuple[Any, ...]]) -> int:
        """A vector of structs (4-byte aligned), `layout` in the words of the struct module."""
        if not items:
            return 0
        self.builder.StartVector(struct.calcsize("<" + layout), len(items), 4)
        for item in reversed(items):
            self._prepend(struct.pack("<" + layout, *item))
        return int(self.builder.EndVector())

    def chunks(self, chunks: Sequence[tuple[int, Array]], size: int, align: int) -> int:
        """A vector of `size` bytes, in which each chunk of bytes starts at its place, zeros between them."""
        if not size:
            return 0
        self.builder.StartVector(1, size, align)
        head = self._reserve(size)
        done = 0
        for place, chunk in chunks:
            self.builder.Bytes[head + done : head + place] = bytes(place - done)
            done = place + chunk.size
            self.builder.Bytes[head + place : head + done] = chunk.data
        return int(self.builder.EndVector())

    def table(self, slots: type, fields: Mapping[Any, int], scalars: Callable[[Any], None] | None = None) -> int:
        """A table with `slots`: `fields` are offsets by slot; `scalars` writes the others into the builder first."""
        self.builder.StartObject(len(slot_names(slots)))
        if scalars is not None:
            scalars(self.builder)
        for slot, offset in fields.items():
            self.builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        return int(self.builder.EndObject())

    def struct(self, slot: int, layout: str, align: int, *values: Any) -> int:
        """A struct inside the table being built."""
        data = struct.pack("<" + layout, *values)
        self.builder.Prep(align, len(data))
        self._prepend(data)
        offset = int(self.builder.Offset())
        self.builder.PrependStructSlot(slot, offset, 0)
        return offset

    def _prepend(self, data: bytes) -> None:
        head = self._reserve(len(data))
        self.builder.Bytes[head : head + len(data)] = data

    def _reserve(self, size: int) -> int:
        """Take `size` bytes that StartVector or Prep made sure of; the index of the first."""
        self.builder.head -= size
        return int(self.builder.head)
