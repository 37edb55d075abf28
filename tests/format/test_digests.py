"""Any one byte changed, anywhere, is found; so is a file cut anywhere."""

from __future__ import annotations

import pytest

from edgeconv.errors import InvalidModelError
from edgeconv.export.edge import to_bytes
from edgeconv.runtime import reader
from edgeconv.runtime.program import Program
from edgeconv.runtime.reader import read_program
from edgeconv.runtime.verify import verify_file
from tests.format.digests import buffer_spans, structure_digest, with_digest
from tests.format.programs import Build, Q, operator, quantized, values
from tests.format.schema import Walker


def _small() -> Program:
    build = Build()
    x = build.input("x", "N", 4, dtype="int8", q=Q(0.5, 1))
    weight = build.constant("weight", values(4, 4, dtype="int8", low=-9, high=9), Q(0.1, 0))
    y = build.step(operator("Dense"), x, weight, name="y", node="fc", q=Q(0.25, -1))
    return build.program(y, build.constant("c", values(3)), metadata={"producer": "test"})


SMALL = to_bytes(_small())


@pytest.mark.parametrize("flip", [0xFF, 0x01, 0x80])
def test_every_byte_counts(flip: int) -> None:
    spans = buffer_spans(SMALL)
    for place in range(len(SMALL)):
        changed = bytearray(SMALL)
        changed[place] ^= flip
        with pytest.raises(InvalidModelError):
            verify_file(bytes(changed))
        if any(start <= place < end for start, end in spans):
            read_program(changed)
        else:
            with pytest.raises(InvalidModelError):
                read_program(changed)


def test_truncation_at_every_byte() -> None:
    for end in range(len(SMALL)):
        with pytest.raises(InvalidModelError):
            read_program(SMALL[:end])


@pytest.mark.parametrize("tail", [b"\0", b"x" * 64])
def test_nothing_may_follow(tail: bytes) -> None:
    with pytest.raises(InvalidModelError, match="structure has digest"):
        read_program(SMALL + tail)


def test_the_law_as_written() -> None:
    """An implementation of the law that shares no code finds the same digest, and 1 in 256 guesses is not luck."""
    for data in (SMALL, to_bytes(quantized())):
        place = Walker(data).place("digest")
        assert data[place : place + 16] == structure_digest(data, buffer_spans(data), place)
        assert with_digest(data[:place] + bytes(16) + data[place + 16 :]) == data


def test_a_digest_may_not_lie_inside_a_buffer() -> None:
    """It would cover nothing, and be covered by a digest that it does not cover."""
    for place in (0, 20, 60):
        with pytest.raises(InvalidModelError, match="digest lies inside a buffer"):
            reader.structure_digest(memoryview(bytes(128)), [reader.Payload(0, 64, b"")], place)


def test_a_damaged_buffer_is_named() -> None:
    start, _ = buffer_spans(SMALL)[0]
    changed = bytearray(SMALL)
    changed[start] ^= 4
    with pytest.raises(InvalidModelError, match=r"buffer 0 \(used by tensor 'weight'\) has digest"):
        verify_file(changed)


def test_what_a_sound_file_says() -> None:
    found = verify_file(SMALL)
    assert (found.version, found.producer, found.file_bytes) == (1, "test", len(SMALL))
    assert (found.tensors, found.constants, found.steps, found.operators) == (4, 2, 1, 1)
    assert (found.buffers, found.buffer_bytes) == (2, 16 + 12)
    assert (found.inputs, found.outputs) == (("x",), ("y", "c"))
    assert found.digest == Walker(SMALL).model()["digest"]["bytes"].hex()
