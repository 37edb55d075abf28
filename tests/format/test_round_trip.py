"""read_program(to_bytes(p)) == p: types with their quantization and symbols, values, names, operators, metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeconv.core import DTYPES, Array, QParams, TensorType
from edgeconv.export.edge import save, to_bytes
from edgeconv.runtime.program import Program, Step, Tensor
from edgeconv.runtime.reader import read_program
from tests.format.bombs import offsets_of, raw_model
from tests.format.programs import PROGRAMS, Build, operator, same


@pytest.mark.parametrize("name", PROGRAMS)
def test_by_hand(name: str, tmp_path: Path) -> None:
    program, path = PROGRAMS[name](), tmp_path / "model.edge"
    data = to_bytes(program)
    assert same(read_program(data), program)
    assert save(program, path) == len(data)
    assert path.read_bytes() == data
    assert same(read_program(path), program) and same(read_program(str(path)), program)


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda data: memoryview(b"odd" + data)[3:]])
def test_any_bytes_like(wrap: type[bytes]) -> None:
    program = PROGRAMS["quantized"]()
    assert same(read_program(wrap(to_bytes(program))), program)


def test_other_memory_layouts() -> None:
    build = Build()
    plain = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    index = build.constant("transposed", plain.T)
    other = build.constant("big", plain.astype(">i2"))
    strided = build.constant("strided", np.arange(20, dtype=np.float32)[::3])
    program = build.program(index, other, strided)
    found = read_program(to_bytes(program))
    for tensor, expected in zip(found.tensors, (plain.T, plain, np.arange(20, dtype=np.float32)[::3]), strict=True):
        assert tensor.data is not None and tensor.data.flags.c_contiguous
        np.testing.assert_array_equal(tensor.data, expected)


@pytest.mark.parametrize("low", [0.0, -0.0, -1.5, 5e-324, -float("inf"), 1e308])
def test_float_attributes_keep_every_bit(low: float) -> None:
    build = Build()
    program = build.program(build.step(operator("Clamp", low=low, high=float("inf")), build.input("x", 2)))
    assert str(read_program(to_bytes(program)).steps[0].op) == str(program.steps[0].op)


@pytest.mark.parametrize("factors", [(), (2**62, -(2**63), 2**63 - 1)])
def test_integer_attributes_are_64_bits_wide(factors: tuple[int, ...]) -> None:
    build, rank = Build(), len(factors)
    x = build.input("x", *([1] * rank))
    op = operator("Dims", factors=factors, axes=tuple(range(rank)), offsets=(0,) * rank, shape=(rank,))
    program = build.program(build.step(op, x))
    assert read_program(to_bytes(program)).steps[0].op == op


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scales = st.floats(2.0**-120, 2.0**60, width=32)


@st.composite
def constants(draw: st.DrawFn) -> tuple[Array, QParams | None]:
    dtype = draw(st.sampled_from(DTYPES))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    raw = draw(st.binary(min_size=8, max_size=8))
    value = np.resize(np.frombuffer(raw, np.uint8), (*shape, np.dtype(dtype).itemsize))
    array = (value % 2 if dtype == "bool" else value).view(dtype).reshape(shape)
    if dtype not in ("int8", "uint8", "int16", "int32") or not draw(st.booleans()):
        return array, None
    limits = np.iinfo(dtype)
    axes = [axis for axis, dim in enumerate(shape) if dim]
    axis = draw(st.sampled_from([None, *axes]))
    count = 1 if axis is None else shape[axis]
    zero_points = st.lists(st.integers(limits.min, limits.max), min_size=count, max_size=count)
    scale = draw(st.lists(scales, min_size=count, max_size=count))
    return array, QParams(tuple(scale), tuple(draw(zero_points)), axis)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Constants of all kinds, and a chain of operators over an input of up to four dimensions."""
    build = Build()
    dims = st.one_of(st.integers(0, 9), st.sampled_from(["N", "T", "a dimension", "2*N"]))
    at = build.input("in" + draw(names), *draw(st.lists(dims, max_size=4)))
    outputs = [
        build.constant(f"{number}{draw(names)}", *item) for number, item in enumerate(draw(st.lists(constants())))
    ]
    for _ in range(draw(st.integers(0, 5))):
        rank = build.tensors[at].type.rank
        bound = st.floats(allow_nan=False)
        ops = [operator("Clamp", low=draw(bound), high=draw(bound)), operator("Identity")]
        ops.append(operator("Transpose", perm=tuple(draw(st.permutations(range(rank))))))
        if 0 not in build.tensors[at].type.shape:
            ops.append(operator("Reshape", shape=(-1,)))
        at = build.step(draw(st.sampled_from(ops)), at, name=f"t{len(build.tensors)}", node=draw(names))
    return build.program(at, *outputs, metadata=draw(st.dictionaries(names, names, max_size=3)))


@settings(max_examples=80, deadline=None)
@given(programs())
def test_generated(program: Program) -> None:
    data = to_bytes(program)
    assert same(read_program(data), program)
    assert to_bytes(read_program(data)) == data


def test_an_operator_is_read_once_for_many_steps() -> None:
    steps: tuple[Step, ...] = read_program(to_bytes(PROGRAMS["kws"]())).steps
    assert steps[1].op is steps[2].op


def test_fields_of_tomorrow_are_ignored() -> None:
    """A model and a tensor with fields that this version does not know; the digest covers them all the same."""

    def fill(builder: Any) -> dict[int, int]:
        name, later = builder.CreateString("x"), builder.CreateString("a field of version 1.1")
        one = builder.CreateNumpyVector(np.array([0], np.int32))
        builder.StartObject(9)
        builder.PrependUOffsetTRelativeSlot(0, name, 0)
        builder.PrependUOffsetTRelativeSlot(8, later, 0)
        return {3: offsets_of(builder, [builder.EndObject()]), 7: one, 8: one, 11: later}

    found = read_program(raw_model(fill))
    assert found == Program((Tensor("x", TensorType("int8", ())),), (), (0,), (0,))


def test_big_endian_machines_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the constants are converted; nothing else changes."""
    program = PROGRAMS["dtypes"]()
    data = to_bytes(program)
    monkeypatch.setattr("sys.byteorder", "big")
    found = read_program(data)
    assert same(found, program)
    assert not any(tensor.data.flags.writeable for tensor in found.tensors if tensor.data is not None)
