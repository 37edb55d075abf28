"""The outside of a `.edge` file: header, format version, buffers and digests. Nothing here knows operators.

Two kinds of digest cover every byte: each buffer has one of its data, and the structure digest covers all that is not
buffer data (padding too), its own 16 bytes taken as zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from edgeconv.errors import InternalError, InvalidModelError
from edgeconv.records import dataclass
from edgeconv.runtime.flat import Flat, Table, damaged
from edgeconv.runtime.layout import (
    ALIGNMENT,
    BUFFER_STRUCT,
    DIGEST_BYTES,
    FORMAT_VERSION,
    IDENTIFIER,
    MAX_FILE_BYTES,
    ModelSlot,
)

__all__ = ["Container", "Payload", "open_container", "payload_digest", "structure_digest"]

_SMALLEST = 16
"""Bytes of a header and an empty root table."""


@dataclass(frozen=True)
class Payload:
    """The data of one buffer: where it lies, and the digest that the file declares for it."""

    position: int
    length: int
    digest: bytes


@dataclass(frozen=True)
class Container:
    """A file whose header is sound, and whose structure has the digest that it declares."""

    flat: Flat
    model: Table
    version: int
    digest: bytes
    payloads: tuple[Payload, ...]

    @property
    def view(self) -> memoryview:
        """All bytes of the file."""
        return self.flat.view


def open_container(view: memoryview) -> Container:
    """Check header, version, buffers and the structure digest; InvalidModelError where one is not sound."""
    flat = Flat(view)
    model = flat.table(_root(flat), "the model")
    version = model.number(ModelSlot.VERSION, "H")
    if version > FORMAT_VERSION:
        raise InvalidModelError(
            f"the file has format version {version}, this edgeconv reads up to {FORMAT_VERSION}; "
            "install a newer edgeconv (pip install -U edgeconv)"
        )
    if version < 1:
        damaged(f"it declares format version {version}")
    place = model.place(ModelSlot.DIGEST, DIGEST_BYTES, 1)
    if place is None:
        damaged("it has no digest")
    payloads = _payloads(model)
    declared = bytes(view[place : place + DIGEST_BYTES])
    found = structure_digest(view, payloads, place)
    if found != declared:
        damaged(f"its structure has digest {found.hex()}, not {declared.hex()} as declared")
    return Container(flat, model, version, declared, payloads)


def payload_digest(data: bytes | memoryview) -> bytes:
    """The digest of a buffer's data."""
    from hashlib import sha256

    return sha256(data).digest()[:DIGEST_BYTES]


def structure_digest(view: memoryview, payloads: Sequence[Payload], place: int) -> bytes:
    """The digest of all bytes outside `payloads`, the 16 bytes of the digest itself (at `place`) taken as zero."""
    sha, is_outside = _small_sha256(), False
    for start, end in _gaps(payloads, len(view)):
        if start <= place <= end - DIGEST_BYTES:
            sha.update(view[start:place])
            sha.update(bytes(DIGEST_BYTES))
            sha.update(view[place + DIGEST_BYTES : end])
            is_outside = True
        else:
            sha.update(view[start:end])
    if not is_outside:
        damaged("its digest lies inside a buffer")
    return bytes(sha.digest()[:DIGEST_BYTES])


def _small_sha256() -> Any:
    """SHA-256 from Python itself: for a few bytes of structure, to load hashlib and its OpenSSL would cost far more."""
    for module in ("_sha2", "_sha256", "hashlib"):
        try:
            return import_module(module).sha256()
        except ImportError:
            continue
    raise InternalError("this Python has no SHA-256")


def _gaps(payloads: Sequence[Payload], size: int) -> Iterator[tuple[int, int]]:
    """(start, end) of what lies between buffers; buffers that overlap are refused."""
    position = 0
    for payload in sorted((item for item in payloads if item.length), key=lambda item: item.position):
        if payload.position < position:
            damaged(f"two buffers overlap at byte {payload.position}")
        yield position, payload.position
        position = payload.position + payload.length
    yield position, size


def _root(flat: Flat) -> int:
    if flat.size < _SMALLEST:
        raise InvalidModelError(f"this is not a .edge file: it has only {flat.size} bytes")
    if flat.size > MAX_FILE_BYTES:
        raise InvalidModelError(f"this is not a .edge file: {flat.size} bytes are more than its format allows (2 GiB)")
    found = bytes(flat.view[4:8])
    if found != IDENTIFIER:
        raise InvalidModelError(
            f"this is not a .edge file: bytes 4 to 7 are {found!r} instead of {IDENTIFIER!r}; "
            "an ONNX model becomes one with `edgeconv convert`"
        )
    return flat.follow(0, "the model")


def _payloads(model: Table) -> tuple[Payload, ...]:
    base, size = model.data(ModelSlot.DATA, ALIGNMENT)
    found = []
    for index, (offset, length, digest) in enumerate(model.structs(ModelSlot.BUFFERS, BUFFER_STRUCT, "the buffers")):
        if offset % ALIGNMENT:
            damaged(f"buffer {index} is not aligned to {ALIGNMENT} bytes")
        if offset + length > size:
            damaged(f"buffer {index} would end at byte {offset + length} of {size} bytes of data")
        found.append(Payload(base + offset, length, digest))
    return tuple(found)
