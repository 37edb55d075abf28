"""Hostile files are refused, each with the sentence for its lie; in little time and memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from edgeconv.errors import InvalidModelError, UsageError
from edgeconv.export.edge import to_bytes
from edgeconv.runtime.reader import read_program
from edgeconv.runtime.verify import verify_file
from tests.format.hostile import BOMBS, FILES, victim


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
