"""The reader: bytes that nobody vouches for -> a Program that the interpreter may trust.

`read_program` returns a valid program or raises InvalidModelError: it never crashes, hangs, or allocates what a file
merely declares. Files are mapped, unless they are small, and constants stay views of them. Here is the outside of a
file: header, format version, buffers and digests, which knows no operators.

Two kinds of digest cover every byte: each buffer has one of its data, and the structure digest covers all that is not
buffer data (padding too), its own 16 bytes taken as zero.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeAlias

from edgeconv.errors import InternalError, InvalidModelError, UsageError
from edgeconv.records import dataclass
from edgeconv.runtime.decode import decode_program
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
from edgeconv.runtime.program import Program

__all__ = [
    "Container",
    "Payload",
    "Source",
    "naming",
    "open_container",
    "open_source",
    "payload_digest",
    "read_program",
    "structure_digest",
]

_MAPPED_FROM = 1 << 18
"""Bytes of a file that is not worth loading `mmap` for."""

Source: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]
"""A path, or the bytes of a file."""


def read_program(source: Source) -> Program:
    """The program in a `.edge` file.

    source: path (mapped, so the file must not be changed in place while the program is in use) or the bytes.
    Constants are read-only views without a copy. The structure digest is checked, the digests of the weights are not:
    that takes `verify_file`. Raises InvalidModelError for anything but a sound file, UsageError for a path that
    cannot be read.
    """
    with naming(source):
        return decode_program(open_container(open_source(source)))


@contextmanager
def naming(source: Source) -> Iterator[None]:
    """Puts the path in front of what is wrong with the file."""
    try:
        yield
    except InvalidModelError as error:
        if not isinstance(source, (str, os.PathLike)):
            raise
        raise InvalidModelError(f"{os.fspath(source)}: {error}") from error


def open_source(source: Source) -> memoryview:
    """The bytes of `source`, read-only; a path is mapped."""
    if isinstance(source, (str, os.PathLike)):
        return _map(source)
    view = memoryview(source).toreadonly()
    if not view.nbytes:
        return memoryview(b"")
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def _map(path: str | os.PathLike[str]) -> memoryview:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise InvalidModelError("the file is empty; copy or convert the model again")
            if size < _MAPPED_FROM:
                return memoryview(file.read(size))
            import mmap

            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {os.fspath(path)}: {getattr(error, 'strerror', None) or error}") from error


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
