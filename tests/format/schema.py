"""Reads any FlatBuffer by the text of its schema, with the official `flatbuffers` package: no generated code.

It trusts the file, so it is for files that the writer made, and for finding the places that hostile files change.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flatbuffers import encode
from flatbuffers import number_types as n
from flatbuffers.table import Table

__all__ = ["Field", "Schema", "Walker", "load_schema"]

_SCALARS = {
    "ubyte": "B",
    "ushort": "H",
    "short": "h",
    "uint": "I",
    "int": "i",
    "long": "q",
    "float": "f",
    "double": "d",
}


@dataclass(frozen=True)
class Field:
    """One field of a table or struct."""

    name: str
    type: str
    default: str


@dataclass(frozen=True)
class Schema:
    """The declarations of a schema by name."""

    enums: dict[str, list[str]]
    structs: dict[str, list[Field]]
    tables: dict[str, list[Field]]
    root: str
    identifier: bytes


@cache
def load_schema() -> Schema:
    """schemas/edge.fbs, parsed."""
    text = (Path(__file__).parents[2] / "schemas" / "edge.fbs").read_text("utf-8")
    text = re.sub(r"//.*", "", text)
    bodies = {
        kind: dict(re.findall(rf"\b{kind} (\w+)[^{{]*{{([^}}]*)}}", text)) for kind in ("enum", "struct", "table")
    }
    enums = {
        name: re.findall(r"(\w+)(?: *= *\d+)?", re.sub(r"= *\d+", "", body)) for name, body in bodies["enum"].items()
    }
    root, identifier = re.search(r"root_type (\w+)", text), re.search(r'file_identifier "(\w+)"', text)
    assert root and identifier
    return Schema(
        enums,
        {name: _fields(body) for name, body in bodies["struct"].items()},
        {name: _fields(body) for name, body in bodies["table"].items()},
        root[1],
        identifier[1].encode(),
    )


def _fields(body: str) -> list[Field]:
    found = re.findall(r"(\w+) *: *(\[?\w+(?::\d+)?\]?)(?: *= *([-\w]+))?[^;]*;", body)
    return [Field(name, kind, default or "0") for name, kind, default in found]


class Walker:
    """A file seen through its schema."""

    def __init__(self, data: bytes) -> None:
        self.data, self.schema = data, load_schema()
        assert data[4:8] == self.schema.identifier
        self.root = Table(bytearray(data), encode.Get(n.UOffsetTFlags.packer_type, data, 0))

    def model(self) -> dict[str, Any]:
        """The whole file as dictionaries and lists, defaults filled in; a vector of bytes as bytes."""
        return self._table(self.schema.root, self.root)

    def place(self, *path: str | int) -> int:
        """Position of a field: its scalar, its struct, its offset, or (after a number) the item of its vector."""
        table, kind, position = self.root, self.schema.root, int(self.root.Pos)
        for key in path:
            if isinstance(key, str) and kind in self.schema.structs:
                position, kind = self._member(kind, key, position)
            elif isinstance(key, str):
                if position != table.Pos:
                    table = Table(table.Bytes, table.Indirect(position))
                position, kind = self._slot(table, kind, key)
            else:
                inner = kind[1:-1]
                start = int(table.Vector(position - table.Pos))
                position, kind = start + key * self._size(inner), inner
        return position

    def target(self, *path: str | int) -> int:
        """Position of what the offset at `path` points to: a table, or the length of a vector or string."""
        position = self.place(*path)
        return position + int(struct.unpack_from("<I", self.data, position)[0])

    def _slot(self, table: Table, kind: str, key: str) -> tuple[int, str]:
        fields = self.schema.tables[kind]
        slot = [field.name for field in fields].index(key)
        offset = table.Offset(4 + 2 * slot)
        assert offset, f"{kind}.{key} is not in this file"
        return table.Pos + offset, fields[slot].type

    def _member(self, kind: str, key: str, position: int) -> tuple[int, str]:
        for field in self.schema.structs[kind]:
            if field.name == key:
                return position, field.type
            position += self._size(field.type)
        raise KeyError(key)

    def _size(self, kind: str) -> int:
        """Bytes of a value in a vector or struct (all of ours are without padding)."""
        if ":" in kind:
            inner, count = kind[1:-1].split(":")
            return self._size(inner) * int(count)
        if kind in self.schema.structs:
            return sum(self._size(field.type) for field in self.schema.structs[kind])
        kind = "ubyte" if kind in self.schema.enums else kind
        return struct.calcsize("<" + _SCALARS[kind]) if kind in _SCALARS else 4

    def _table(self, kind: str, table: Table) -> dict[str, Any]:
        found = {}
        for slot, field in enumerate(self.schema.tables[kind]):
            offset = table.Offset(4 + 2 * slot)
            found[field.name] = self._value(field.type, table, table.Pos + offset) if offset else self._default(field)
        return found

    def _default(self, field: Field) -> Any:
        if field.type.startswith("["):
            return b"" if field.type == "[ubyte]" else []
        if field.type in self.schema.enums and field.default != "0":
            return self.schema.enums[field.type].index(field.default)
        is_number = field.type in _SCALARS or field.type in self.schema.enums
        return int(field.default) if is_number else None

    def _value(self, kind: str, table: Table, position: int) -> Any:
        if kind in self.schema.enums:
            kind = "ubyte"
        if kind in _SCALARS:
            return struct.unpack_from("<" + _SCALARS[kind], self.data, position)[0]
        if kind == "string":
            return table.String(position).decode()
        if kind in self.schema.structs:
            return self._struct(kind, position)
        if not kind.startswith("["):
            return self._table(kind, Table(table.Bytes, table.Indirect(position)))
        inner, start, count = kind[1:-1], table.Vector(position - table.Pos), table.VectorLen(position - table.Pos)
        if inner == "ubyte":
            return self.data[start : start + count]
        return [self._value(inner, table, start + index * self._size(inner)) for index in range(count)]

    def _struct(self, kind: str, position: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in self.schema.structs[kind]:
            size = self._size(field.type)
            if field.type in self.schema.structs:
                found[field.name] = self._struct(field.type, position)
            elif field.type in _SCALARS:
                found[field.name] = struct.unpack_from("<" + _SCALARS[field.type], self.data, position)[0]
            else:
                found[field.name] = self.data[position : position + size]
            position += size
        return found
