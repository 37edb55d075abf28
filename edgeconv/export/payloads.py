"""The constants of a program as they lie in the file: little-endian, C order, equal bytes once, 64-byte aligned."""

from __future__ import annotations

import hashlib

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import InternalError
from edgeconv.runtime.layout import ALIGNMENT, DIGEST_BYTES
from edgeconv.runtime.program import Program, Tensor, every_program

__all__ = ["Payloads"]


class Payloads:
    """Buffers in the order of their first use, by the program or by one inside an operator.

    chunks: (offset, bytes) of each buffer. digests: of each buffer. index: id of a tensor -> buffer number.
    size: bytes from the first buffer to the end of the last.
    """

    def __init__(self, program: Program) -> None:
        self.chunks: list[tuple[int, Array]] = []
        self.digests: list[bytes] = []
        self.index: dict[int, int] = {}
        self.size = 0
        known: dict[tuple[bytes, int], int] = {}
        for tensor in (each for part in every_program(program) for each in part.tensors):
            if tensor.data is not None:
                raw = _raw_bytes(tensor, tensor.data)
                digest = hashlib.sha256(raw.data).digest()
                key = (digest, raw.size)
                if key not in known:
                    known[key] = self._add(raw, digest)
                self.index[id(tensor)] = known[key]

    def _add(self, raw: Array, digest: bytes) -> int:
        offset = -(-self.size // ALIGNMENT) * ALIGNMENT
        self.chunks.append((offset, raw))
        self.digests.append(digest[:DIGEST_BYTES])
        self.size = offset + raw.size
        return len(self.chunks) - 1


def _raw_bytes(tensor: Tensor, data: Array) -> Array:
    """The constant as uint8, a view where it is stored as the file needs it."""
    if data.dtype.name != tensor.type.dtype or data.shape != tensor.type.shape:
        raise InternalError(f"constant {tensor.name!r} is {data.dtype}{list(data.shape)}, declared as {tensor.type}")
    stored = np.ascontiguousarray(data, data.dtype.newbyteorder("<"))
    return stored.reshape(-1).view(np.uint8)
