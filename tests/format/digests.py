"""The law of the digests as schemas/README.md states it, a second time and from scratch."""

from __future__ import annotations

import hashlib
import struct

from tests.format.schema import Walker

__all__ = ["buffer_spans", "structure_digest", "with_digest"]


def buffer_spans(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of each buffer in the file."""
    walker = Walker(data)
    model = walker.model()
    start = walker.target("data") + 4 if model["data"] else 0
    return [(start + item["offset"], start + item["offset"] + item["length"]) for item in model["buffers"]]


def structure_digest(data: bytes, spans: list[tuple[int, int]], place: int) -> bytes:
    """SHA-256, cut to 16 bytes, of what is outside `spans`, the digest at `place` taken as zero."""
    zeroed = data[:place] + bytes(16) + data[place + 16 :]
    outside = bytearray(zeroed)
    for start, end in sorted(spans, reverse=True):
        del outside[start:end]
    return hashlib.sha256(outside).digest()[:16]


def with_digest(data: bytes) -> bytes:
    """`data` with its structure digest made right again; unchanged where too much is broken to find it."""
    try:
        place, spans = _find(data)
        return data[:place] + structure_digest(data, spans, place) + data[place + 16 :]
    except (struct.error, ValueError, IndexError):
        return data


def _find(data: bytes) -> tuple[int, list[tuple[int, int]]]:
    """(place of the digest, spans of the buffers), read without trust."""
    (root,) = struct.unpack_from("<I", data, 0)
    place = _field(data, root, 1)
    spans: list[tuple[int, int]] = []
    if not place:
        raise ValueError("no digest")
    at, base = _field(data, root, 4), _field(data, root, 5)
    if at and base:
        at, base = (position + struct.unpack_from("<I", data, position)[0] for position in (at, base))
        (count,) = struct.unpack_from("<I", data, at)
        if count > len(data):
            raise ValueError("too many buffers")
        for index in range(count):
            offset, length = struct.unpack_from("<II", data, at + 4 + 24 * index)
            spans.append((base + 4 + offset, base + 4 + offset + length))
    return place, spans


def _field(data: bytes, table: int, slot: int) -> int:
    """Position of a field of the table at `table`, 0 where it is left out."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if vtable < 0 or 4 + 2 * slot >= struct.unpack_from("<H", data, vtable)[0]:
        return 0
    (offset,) = struct.unpack_from("<H", data, vtable + 4 + 2 * slot)
    return table + offset if offset else 0
