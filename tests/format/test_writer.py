"""What the writer promises: same bytes, aligned, compact, at once or not at all, and never a file that lies."""

from __future__ import annotations

import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import QParams, TensorType
from edgeconv.dims import symbol
from edgeconv.errors import EdgeconvError, InternalError, UnsupportedModelError, UsageError
from edgeconv.export.edge import save, to_bytes
from edgeconv.runtime.program import Program, Tensor
from edgeconv.runtime.reader import read_program
from tests.format.digests import buffer_spans
from tests.format.programs import PROGRAMS, Build, Q, kws, operator, quantized, values
from tests.format.schema import Walker


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_program_same_bytes(name: str) -> None:
    program = PROGRAMS[name]()
    shuffled = replace(program, metadata=dict(reversed(list(program.metadata.items()))))
    assert to_bytes(program) == to_bytes(PROGRAMS[name]()) == to_bytes(shuffled)


@pytest.mark.parametrize("name", PROGRAMS)
def test_buffers_are_aligned_and_apart(name: str) -> None:
    data = to_bytes(PROGRAMS[name]())
    end = 0
    for start, stop in buffer_spans(data):
        assert start % 64 == 0 and end <= start <= stop <= len(data)
        end = stop


def test_equal_constants_are_stored_once() -> None:
    model = Walker(to_bytes(quantized())).model()
    first, second = (tensor for tensor in model["tensors"] if tensor["name"] in ("table", "table again"))
    assert first["buffer"] == second["buffer"]


def test_constants_are_views_of_the_file(tmp_path: Path) -> None:
    data = to_bytes(kws())
    whole = np.frombuffer(data, np.uint8)
    arrays = [tensor.data for tensor in read_program(data).tensors if tensor.data is not None]
    assert len(arrays) == 19 and all(np.shares_memory(array, whole) for array in arrays)
    save(kws(), tmp_path / "kws.edge")
    tracemalloc.start()
    mapped = [tensor.data for tensor in read_program(tmp_path / "kws.edge").tensors if tensor.data is not None]
    tracemalloc.stop()
    for array in arrays + mapped:
        assert not array.flags.writeable and not array.flags.owndata
        assert array.ctypes.data % 4 == 0


def test_a_small_model_stays_small() -> None:
    """22,016 int8 weights, 2,304 bytes of biases, 2,352 of scales: the rest takes at most 9,000 bytes for 39 steps."""
    program = kws()
    payload = sum(tensor.data.nbytes for tensor in program.tensors if tensor.data is not None)
    assert (len(program.steps), payload) == (39, 22016 + 2304)
    assert len(to_bytes(program)) < payload + 2352 + 9000


def test_memory_is_twice_the_file() -> None:
    build = Build()
    program = build.program(build.constant("w", values(1 << 20)), build.constant("v", values(1 << 20, seed=1)))
    tracemalloc.start()
    data = to_bytes(program)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.1 * len(data)


def test_more_than_two_gibibytes() -> None:
    """Refused before anything of that size is read or allocated."""
    build = Build()
    huge = np.broadcast_to(np.float32(1), (1 << 29,))
    tensor = Tensor("w", TensorType("float32", huge.shape, None, huge))
    build.tensors.append(tensor)
    with pytest.raises(EdgeconvError, match="at most 2 GiB"):
        to_bytes(build.program(0))


def test_an_existing_file_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "model.edge"
    path.write_bytes(b"precious")
    with pytest.raises(UsageError, match="--force"):
        save(quantized(), path)
    assert path.read_bytes() == b"precious"
    save(quantized(), path, overwrite=True)
    assert path.read_bytes() == to_bytes(quantized())
    assert [item.name for item in tmp_path.iterdir()] == ["model.edge"]


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(EdgeconvError, match=r"cannot write .*: No such file"):
        save(quantized(), tmp_path / "nowhere" / "model.edge")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: type[BaseException] | OSError
) -> None:
    """Ctrl-C or a full disk at the last moment: the old file stays, the temporary one goes."""
    path = tmp_path / "model.edge"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises((KeyboardInterrupt, EdgeconvError)):
        save(quantized(), path, overwrite=True)
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["model.edge"]


def test_without_flatbuffers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    with pytest.raises(EdgeconvError, match=r'pip install "edgeconv\[convert\]"'):
        save(quantized(), tmp_path / "model.edge")
    assert not list(tmp_path.iterdir())


def _with_input(known: TensorType) -> Program:
    return Program((Tensor("x", known),), (), (0,), (0,))


def _clamp(low: object) -> Program:
    program = PROGRAMS["floats"]()
    return replace(program, steps=(replace(program.steps[0], op=operator("Clamp", low=low)),))


@pytest.mark.parametrize(
    "program",
    [
        _with_input(TensorType("int8", (1,), QParams((0.1,), (0,)))),
        _with_input(TensorType("int8", (1,), QParams((1e39,), (0,)))),
        _with_input(TensorType("int8", (2,), QParams((0.5, 0.5), (0, 0)))),
        _with_input(TensorType("int8", (1,), QParams((0.5,), (2**40,)))),
        _with_input(TensorType("int8", (1,), QParams((0.5,), (0,), -1))),
        _with_input(TensorType("int8", (2 * symbol("N"),))),
        Program((Tensor("\ud800", TensorType("int8", ())),), (), (0,), (0,)),
        Program((Tensor("w", TensorType("int8", (2,), None, np.zeros(3, np.int8))),), (), (), (0,)),
        Program((Tensor("w", TensorType("int8", (3,), None, np.zeros(3, np.int16))),), (), (), (0,)),
        _clamp("0"),
        _clamp(float("nan")),
    ],
)
def test_what_a_file_cannot_hold(program: Program) -> None:
    with pytest.raises(InternalError):
        to_bytes(program)


def test_a_dimension_beyond_what_a_file_holds_is_the_model_s() -> None:
    with pytest.raises(UnsupportedModelError, match="more than a file holds"):
        to_bytes(_with_input(TensorType("int8", (2**40,))))


def test_save_does_not_write_what_the_reader_refuses(tmp_path: Path) -> None:
    program = replace(quantized(), outputs=())
    with pytest.raises(InternalError, match="the model has no outputs"):
        save(program, tmp_path / "model.edge")
    assert not list(tmp_path.iterdir())


def test_per_tensor_scale_of_one_channel() -> None:
    """An axis of one element is not the same as no axis."""
    build = Build()
    known = QParams((0.5,), (0,), 0)
    program = build.program(
        build.constant("w", np.zeros((1, 2), np.int8), known), build.constant("v", np.zeros(1, np.int8), Q(0.5, 0))
    )
    assert [tensor.type.q for tensor in read_program(to_bytes(program)).tensors] == [known, Q(0.5, 0)]
