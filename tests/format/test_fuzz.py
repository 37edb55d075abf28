"""Seeded random damage behind a right digest: the reader returns or refuses, the interpreter runs or says why not."""

from __future__ import annotations

import random
import struct
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from edgeconv.errors import EdgeconvError, InvalidModelError
from edgeconv.export.edge import to_bytes
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program
from edgeconv.runtime.reader import read_program
from edgeconv.runtime.verify import verify_file
from tests.format.digests import buffer_spans, with_digest
from tests.format.hostile import victim
from tests.format.programs import dtypes, floats, nested, quantized

INTERESTING = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    12,
    64,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32 - 4,
)
PROGRAMS = {"victim": victim, "floats": floats, "quantized": quantized, "dtypes": dtypes, "nested": nested}


def mutants(name: str, count: int) -> Iterator[bytes]:
    """`count` damaged forms of a sound file, the structure more often hit than the weights, the digest right."""
    data = to_bytes(PROGRAMS[name]())
    structure = min((start for start, end in buffer_spans(data) if start < end), default=len(data))
    dice = random.Random(name)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            _damage(changed, dice, structure if dice.random() < 0.95 else len(data))
        yield with_digest(bytes(changed))


def _damage(data: bytearray, dice: random.Random, end: int) -> None:
    place = dice.randrange(8, end)
    kind = dice.randrange(4)
    if kind == 0:
        data[place] = dice.randrange(256)
    elif kind == 1:
        data[place] ^= 1 << dice.randrange(8)
    elif kind == 2:
        struct.pack_into("<I", data, place & ~3, dice.choice(INTERESTING))
    else:
        source, length = dice.randrange(8, end), dice.randrange(1, 17)
        chunk = data[source : source + length][: end - place]
        data[place : place + len(chunk)] = chunk


@pytest.mark.parametrize("name", PROGRAMS)
def test_reader(name: str) -> None:
    returned = 0
    for data in mutants(name, 800):
        start = time.process_time()
        try:
            program = read_program(data)
        except InvalidModelError:
            continue
        finally:
            assert time.process_time() - start < 1
        returned += 1
        assert isinstance(program, Program)
    assert 10 < returned < 700, "the damage must reach the checks behind the digest, and some of it must matter"


@pytest.mark.parametrize("name", PROGRAMS)
def test_verifier(name: str) -> None:
    for data in mutants(name, 200):
        try:
            verify_file(data)
        except InvalidModelError:
            continue


@pytest.mark.parametrize("name", PROGRAMS)
def test_interpreter(name: str) -> None:
    """What was read runs on zeros (within 64 MB), or says in one of edgeconv's own errors why it cannot."""
    ran = 0
    for data in mutants(name, 800):
        try:
            interpreter = Interpreter(data, memory_limit=1 << 26)
        except InvalidModelError:
            continue
        try:
            run_on_zeros(interpreter)
        except EdgeconvError:
            continue
        ran += 1
    assert ran > 5


def run_on_zeros(interpreter: Interpreter) -> None:
    """One run on zeros of the declared shapes, 2 for what is symbolic; not where they have over a million elements."""
    feeds = {}
    for name in interpreter.input_names:
        known = interpreter.input_type(name)
        shape = [dim if isinstance(dim, int) else 2 for dim in known.shape]
        if np.prod([max(dim, 1) for dim in shape], dtype=float) > 1 << 20:
            return
        feeds[name] = np.zeros(shape, known.dtype)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # damaged attributes overflow: that is what they are for
        interpreter.run(None, feeds)
