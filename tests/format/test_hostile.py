"""Hostile files are refused, each with the sentence for its lie; in little time and memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import QParams
from edgeconv.errors import InvalidModelError, UsageError
from edgeconv.export.edge import to_bytes
from edgeconv.runtime.reader import read_program
from edgeconv.runtime.verify import verify_file
from tests.format.bombs import BOMBS
from tests.format.digests import with_digest
from tests.format.hostile import FILES, victim
from tests.format.programs import Build, operator
from tests.format.schema import Walker


def test_the_victim_is_sound() -> None:
    assert verify_file(to_bytes(victim())).steps == 3


@pytest.mark.parametrize("name", FILES)
def test_is_refused(name: str) -> None:
    make, message = FILES[name]
    with pytest.raises(InvalidModelError, match=message) as raised:
        read_program(make())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", BOMBS)
def test_takes_little_time_and_memory(name: str) -> None:
    data = BOMBS[name]()
    start = time.process_time()
    with pytest.raises(InvalidModelError):
        read_program(data)
    assert time.process_time() - start < 5
    tracemalloc.start()
    with pytest.raises(InvalidModelError):
        read_program(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * len(data) + (8 << 20)


@pytest.mark.parametrize("name", ["tensors without end", "data without end", "shape without end", "a name without end"])
def test_declared_lengths_allocate_nothing(name: str) -> None:
    data = FILES[name][0]()
    tracemalloc.start()
    with pytest.raises(InvalidModelError):
        read_program(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


def test_paths(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing.edge: No such file"):
        read_program(tmp_path / "missing.edge")
    with pytest.raises(UsageError, match=r"cannot read .*: Is a directory"):
        read_program(tmp_path)
    (tmp_path / "empty.edge").write_bytes(b"")
    with pytest.raises(InvalidModelError, match=r"empty.edge: the file is empty"):
        read_program(tmp_path / "empty.edge")


def test_a_file_of_two_gibibytes(tmp_path: Path) -> None:
    """Refused by its size alone; the file is sparse, so the test takes no space either."""
    with open(tmp_path / "huge.edge", "wb") as file:
        file.write(b"\x10\0\0\0EDG1")
        file.truncate(2**31)
    with pytest.raises(InvalidModelError, match="more than its format allows"):
        read_program(tmp_path / "huge.edge")


def test_fewer_zero_points_than_scales() -> None:
    build = Build()
    known = QParams((0.5, 0.25), (1, 2), 0)
    data = to_bytes(build.program(build.constant("w", np.zeros((2, 2), np.int8), known)))
    place = Walker(data).target("tensors", 0, "axis_quantization", "zero_points")
    with pytest.raises(InvalidModelError, match="has 2 scales and 1 zero points"):
        read_program(with_digest(data[:place] + b"\1\0\0\0" + data[place + 4 :]))


def test_a_dimension_that_fills_pages() -> None:
    build = Build()
    flat = build.step(operator("Reshape", shape=(-1,)), build.input("x", "a" * 1500, "b" * 1500))
    with pytest.raises(InvalidModelError, match="a dimension too long to write down"):
        read_program(to_bytes(build.program(flat)))
