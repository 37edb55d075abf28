"""Files made to hurt, by code: each is a sound file with one lie in it, and its structure digest right again.

`FILES` maps a name to a function that makes the file, and to a pattern of the message it must be refused with.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from edgeconv.core import TensorType, type_of
from edgeconv.dims import symbol
from edgeconv.export.edge import to_bytes
from edgeconv.runtime.program import Program, Tensor
from tests.format.digests import with_digest
from tests.format.programs import Build, Q, operator, per_channel, values
from tests.format.schema import Walker

__all__ = ["FILES", "victim"]

NAN, INF = float("nan"), float("inf")
Path = tuple[str | int, ...]
Make = Callable[[], bytes]


def victim() -> Program:
    """Tensors: 0 x, 1 weight, 2 bias, 3 y, 4 z, 5 flags (bool), 6 matrix (scales along axis 1), 7 out.

    Steps: conv, reshape, dense.
    """
    build = Build()
    x = build.input("x", "N", 2, 4, dtype="int8", q=Q(0.5, 3))
    weight = build.constant("weight", values(6, 2, 3, dtype="int8", low=-9, high=9), per_channel(6, 0))
    bias = build.constant("bias", values(6, dtype="int32", low=-9, high=9))
    conv = operator("Conv", strides=(1,), pads=(1, 1), dilations=(1,), groups=1, low=-1.5)
    y = build.step(conv, x, weight, bias, name="y", node="conv", q=Q(0.25, -2))
    z = build.step(operator("Reshape", shape=(-1, 24), allow_zero=True), y, name="z", node="reshape", q=Q(0.25, -2))
    flags = build.constant("flags", np.array([True, False]))
    matrix = build.constant("matrix", values(24, 3, dtype="int8", low=-9, high=9), per_channel(3, 1))
    out = build.step(operator("Dense"), z, matrix, name="out", node="dense", q=Q(0.5, 0))
    return build.program(out, flags, metadata={"a": "1", "b": "2"})


def _scaled_indices() -> bytes:
    """Whole numbers that choose rows, with a scale: the kernel would see fractions."""
    build = Build()
    x = build.input("x", "N", 4)
    places = build.constant("places", np.int32([3, 1]), Q(0.1, 0))
    return to_bytes(build.program(build.step(operator("Gather", axis=1), x, places)))


def _scaled_integers() -> bytes:
    """Integers without a scale, multiplied by a matrix that has one."""
    build = Build()
    x = build.input("x", "N", 4, dtype="int8")
    matrix = build.constant("matrix", values(4, 3, dtype="int8", low=-9, high=9), Q(0.1, 0))
    return to_bytes(build.program(build.step(operator("MatMul"), x, matrix)))


def _edit(change: Callable[[bytearray, Walker], None]) -> Make:
    def make() -> bytes:
        data = to_bytes(victim())
        edited = bytearray(data)
        change(edited, Walker(data))
        return with_digest(bytes(edited))

    return make


def _set(path: Path, code: str, value: Any) -> Make:
    """The field at `path` (or the vector item, where it ends with a number) gets another value."""
    return _edit(lambda data, walker: struct.pack_into("<" + code, data, walker.place(*path), value))


def _put(path: Path, skip: int, code: str, value: Any) -> Make:
    """A value `skip` bytes behind what the offset at `path` points to (0: a vector's length, a table's vtable)."""
    return _edit(lambda data, walker: struct.pack_into("<" + code, data, walker.target(*path) + skip, value))


def _vtable(path: Path, skip: int, value: int) -> Make:
    """A value in the list of fields of the table at `path`: 0 its size, 2 the table's, 4 and on the fields."""

    def change(data: bytearray, walker: Walker) -> None:
        table = walker.target(*path) if path else walker.root.Pos
        vtable = table - struct.unpack_from("<i", data, table)[0]
        struct.pack_into("<H", data, vtable + skip, value)

    return _edit(change)


def _program(**changes: Any) -> Make:
    """The whole program, changed; the writer does not look at its laws."""
    return lambda: to_bytes(replace(victim(), **changes))


def _step(number: int, **changes: Any) -> Make:
    def make() -> bytes:
        program = victim()
        steps = list(program.steps)
        steps[number] = replace(steps[number], **changes)
        return to_bytes(replace(program, steps=tuple(steps)))

    return make


def _tensor(number: int, known: TensorType) -> Make:
    def make() -> bytes:
        program = victim()
        tensors = list(program.tensors)
        tensors[number] = Tensor(tensors[number].name, known)
        return to_bytes(replace(program, tensors=tuple(tensors)))

    return make


def _swap(path: Path, old: bytes, new: bytes) -> Make:
    """The string at `path` gets other characters, as many as it had."""

    def change(data: bytearray, walker: Walker) -> None:
        start = walker.target(*path) + 4
        assert data[start : start + len(old)] == old and len(old) == len(new)
        data[start : start + len(old)] = new

    return _edit(change)


def _misaligned(data: bytearray, walker: Walker) -> None:
    place, target = walker.place("data"), walker.target("data")
    (count,) = struct.unpack_from("<I", data, target)
    struct.pack_into("<I", data, place, target + 4 - place)
    struct.pack_into("<I", data, target + 4, count - 4)


def _overlap(data: bytearray, walker: Walker) -> None:
    struct.pack_into("<I", data, walker.place("buffers", 1, "offset"), 0)


def _same_table(data: bytearray, walker: Walker) -> None:
    first, second = walker.place("tensors", 0), walker.target("tensors", 1)
    struct.pack_into("<I", data, first, second - first)


def _same_attribute(data: bytearray, walker: Walker) -> None:
    place = walker.place(*_CONV, "attributes", 2)
    struct.pack_into("<I", data, place, walker.target(*_CONV, "attributes", 1) - place)


def _type(*shape: Any, dtype: str = "int8") -> TensorType:
    return TensorType(dtype, shape, Q(0.25, -2))


_CONV, _RESHAPE = ("operators", 0), ("operators", 1)
_LOW = (*_CONV, "attributes", 3)

_CONTAINER: Mapping[str, tuple[Make, str]] = {
    "nothing": (lambda: b"", "only 0 bytes"),
    "eight bytes": (lambda: to_bytes(victim())[:8], "only 8 bytes"),
    "another format": (lambda: b"\x08\x07\x12\x07pytorch" + bytes(99), "not a .edge file.*edgeconv convert"),
    "root beyond the end": (lambda: struct.pack("<I4s", 2**31, b"EDG1") + bytes(99), "the model has the offset"),
    "root at zero": (lambda: struct.pack("<I4s", 0, b"EDG1") + bytes(99), "the model has the offset 0"),
    "root not aligned": (lambda: struct.pack("<I4s", 13, b"EDG1") + bytes(99), "the model is not aligned"),
    "version of tomorrow": (_set(("version",), "H", 2), "format version 2.*newer edgeconv"),
    "version zero": (_set(("version",), "H", 0), "format version 0"),
    "no digest": (_vtable((), 6, 0), "has no digest"),
    "vtable before the file": (_put(("tensors", 0), 0, "i", 2**31 - 1), "tensor 0 (would end|is not aligned)"),
    "vtable behind the file": (_put(("tensors", 0), 0, "i", -(2**31)), "tensor 0 would end"),
    "vtable of odd size": (_vtable(("tensors", 0), 0, 7), "field list of 7 bytes"),
    "vtable of no size": (_vtable(("tensors", 0), 0, 0), "field list of 0 bytes"),
    "vtable beyond the end": (_vtable(("tensors", 0), 0, 65534), "tensor 0 would end"),
    "table beyond the end": (_vtable(("tensors", 0), 2, 65535), "tensor 0 would end"),
    "table of no size": (_vtable(("tensors", 0), 2, 0), "body of 0"),
    "field outside its table": (_vtable(("tensors", 0), 4, 999), "tensor 0 has a field at 999"),
    "field on the vtable offset": (_vtable(("tensors", 0), 4, 2), "tensor 0 has a field at 2"),
    "field not aligned": (_vtable(("tensors", 0), 4, 5), "tensor 0 has a field at 5"),
    "offset to itself": (_set(("tensors", 0), "I", 0), "tensor 0 has the offset 0"),
    "offset beyond the end": (_set(("tensors", 0), "I", 2**32 - 1), "tensor 0 has the offset 4294967295"),
    "offset not aligned": (_set(("tensors", 0), "I", 13), "tensor 0 is not aligned"),
    "vector offset not aligned": (_set(("tensors",), "I", 13), "list of tensors .* is not aligned"),
    "two tensors in one table": (_edit(_same_table), "the model's input .* is a constant"),
    "tensors without end": (_put(("tensors",), 0, "I", 2**32 - 1), "4294967295 items, which do not fit"),
    "steps without end": (_put(("steps",), 0, "I", 2**30), "1073741824 items, which do not fit"),
    "buffers without end": (_put(("buffers",), 0, "I", 2**31), "2147483648 items, which do not fit"),
    "data without end": (_put(("data",), 0, "I", 2**31), "2147483648 items, which do not fit"),
    "a name without end": (_put(("tensors", 0, "name"), 0, "I", 2**31), "name of tensor 0 declares"),
    "a name without zero byte": (_put(("tensors", 1, "name"), 0, "I", 3), "does not end with a zero byte"),
    "a name that is not UTF-8": (_swap(("tensors", 0, "name"), b"x", b"\xff"), "name of tensor 0 is not UTF-8"),
    "data not aligned": (_edit(_misaligned), "data of the model is not aligned"),
    "buffer not aligned": (_set(("buffers", 1, "offset"), "I", 32), "buffer 1 is not aligned to 64 bytes"),
    "buffer beyond the data": (_set(("buffers", 1, "offset"), "I", 2**32 - 64), "buffer 1 would end"),
    "buffer longer than the data": (_set(("buffers", 2, "length"), "I", 2**32 - 1), "buffer 2 would end"),
    "buffers that overlap": (_edit(_overlap), "two buffers overlap"),
    "a key twice": (_swap(("metadata", 1, "key"), b"b", b"a"), "has the key 'a' twice"),
}

_TENSORS: Mapping[str, tuple[Make, str]] = {
    "dtype 255": (_set(("tensors", 2, "dtype"), "B", 255), "'bias'.* unknown dtype 255"),
    "dtype 12": (_set(("tensors", 2, "dtype"), "B", 12), "unknown dtype 12"),
    "dimension -5": (_put(("tensors", 1, "shape"), 4, "i", -5), r"shape \[-5, 2, 3\]"),
    "a product that overflows": (_tensor(3, _type(*[2**31 - 1] * 5)), "more elements than any memory"),
    "an empty product that overflows": (_tensor(3, _type(0, *[2**31 - 1] * 5)), "more elements than any memory"),
    "33 dimensions": (_tensor(3, _type(*[1] * 33)), "33 items, at most 32"),
    "shape without end": (_put(("tensors", 1, "shape"), 0, "I", 2**30), "shape of tensor 1 declares"),
    "a constant of unknown size": (_put(("tensors", 1, "shape"), 12, "i", -1), "constant with a symbolic dimension"),
    "a constant larger than its buffer": (_put(("tensors", 1, "shape"), 12, "i", 4), "needs 48 bytes, buffer 0 has 36"),
    "a buffer that is not there": (_set(("tensors", 1, "buffer"), "i", 99), "stored in buffer 99 of 4"),
    "buffer -2": (_set(("tensors", 1, "buffer"), "i", -2), "stored in buffer -2"),
    "a truth value of 2": (
        _edit(lambda data, walker: data.__setitem__(walker.target("data") + 4 + 128, 2)),
        "truth values other than 0 and 1",
    ),
    "more dimensions than symbols": (_put(("tensors", 0, "shape"), 8, "i", -1), "names 1 of its 2 symbolic"),
    "a symbol without name": (_put(("tensors", 0, "symbols", 0), 0, "H", 0), "does not end|name of 0"),
    "scale NaN": (_set(("tensors", 0, "quantization", "scale"), "f", NAN), "not a positive number"),
    "scale inf": (_set(("tensors", 0, "quantization", "scale"), "f", INF), "not a positive number"),
    "scale zero": (_set(("tensors", 0, "quantization", "scale"), "f", 0), "not a positive number"),
    "scale below zero": (_put(("tensors", 1, "axis_quantization", "scales"), 8, "f", -1), "not a positive number"),
    "zero point 200": (_set(("tensors", 0, "quantization", "zero_point"), "i", 200), "zero point outside of its range"),
    "quantized float": (_tensor(3, _type(symbol("N"), 6, 4, dtype="float32")), "float32, yet has a scale"),
    "axis out of range": (_set(("tensors", 6, "axis_quantization", "axis"), "H", 2), "3 scales along axis 2"),
    "axis of another length": (_set(("tensors", 6, "axis_quantization", "axis"), "H", 0), "3 scales along axis 0"),
    "no scales": (_put(("tensors", 1, "axis_quantization", "scales"), 0, "I", 0), "not a positive number"),
    "a tensor that nothing computes": (
        _program(tensors=(*victim().tensors, Tensor("ghost", _type(1)))),
        "nothing computes the tensor 'ghost'",
    ),
}

_OPERATORS: Mapping[str, tuple[Make, str]] = {
    "unknown operator": (_swap((*_CONV, "name"), b"Conv", b"Corn"), "'Corn', which this edgeconv does not know.*newer"),
    "an operator called ../x": (_swap((*_RESHAPE, "name"), b"Reshape", b"../x/os"), "'../x/os', which this edgeconv"),
    "unknown attribute": (_swap((*_LOW, "name"), b"low", b"lol"), "'lol', which this edgeconv.*it knows: strides"),
    "the same attribute twice": (_edit(_same_attribute), "has the attribute 'pads' twice"),
    "attribute of another kind": (_set((*_LOW, "kind"), "B", 3), "'low' of kind string where float is needed"),
    "attribute of no kind": (_set((*_LOW, "kind"), "B", 8), "unknown kind 8"),
    "attribute NaN": (_set((*_LOW, "real"), "d", NAN), "'low' with NaN"),
    "attribute without end": (
        _put((*_CONV, "attributes", 1, "integers"), 0, "I", 2**29),
        "536870912 items, which do not fit",
    ),
    "truth value 2": (_set((*_RESHAPE, "attributes", 1, "integer"), "q", 2), "truth value of 2"),
    "a missing attribute": (_put((*_CONV, "attributes"), 0, "I", 2), "lacks the attribute 'dilations'"),
    "strides of zero": (_put((*_CONV, "attributes", 0, "integers"), 4, "q", 0), "step 0, Conv 'conv', is not possible"),
    "two dimensions to be guessed": (
        _put((*_RESHAPE, "attributes", 0, "integers"), 12, "q", -1),
        "Reshape 'reshape', is not possible",
    ),
}

_STEPS: Mapping[str, tuple[Make, str]] = {
    "operator 7 of 3": (_set(("steps", 1, "operator_index"), "I", 7), "step 1 names operator 7 of 3"),
    "reads tensor 99": (_step(0, inputs=(99, 1, 2)), "reads tensor 99 of 8"),
    "reads tensor -2": (_step(0, inputs=(-2, 1, 2)), "reads tensor -2 of 8"),
    "writes tensor 99": (_step(0, outputs=(99,)), "writes tensor 99 of 8"),
    "writes tensor -2": (_step(0, outputs=(-2,)), "writes tensor -2 of 8"),
    "uses its own output": (_step(0, inputs=(3, 1, 2)), "reads '[yz]' before it is computed"),
    "uses a later output": (_program(steps=victim().steps[::-1]), "reads '[yz]' before it is computed"),
    "writes an input": (_step(0, outputs=(0,)), "writes 'x', which is an input"),
    "writes a constant": (_step(0, outputs=(2,)), "writes 'bias', which is an input, a constant"),
    "written twice": (_step(1, outputs=(3,)), "writes 'y', which is an input, a constant, or computed already"),
    "no output": (_step(0, outputs=()), "has no output"),
    "only absent outputs": (_step(0, outputs=(-1,)), "has no output"),
    "too many outputs": (_step(0, outputs=(3, -1)), "has 2 outputs, the operator gives 1"),
    "too many inputs": (_step(1, inputs=(3, 3)), "needs 1 to 1 inputs, found 2"),
    "too few inputs": (_step(0, inputs=(0, -1, 2)), "needs 2 to . inputs, found 2"),
    "inputs that do not fit": (_step(0, inputs=(1, 0, 2)), "step 0, Conv 'conv', is not possible"),
    "another dtype than declared": (
        _tensor(4, TensorType("uint8", (symbol("N"), 24))),
        r"gives int8\[N,24\] as 'z', the file declares uint8",
    ),
    "another shape than declared": (
        _tensor(3, _type(symbol("N"), 5, 4)),
        r"gives int8\[N,6,4\] as 'y', the file declares",
    ),
    "another rank than declared": (
        _tensor(3, _type(symbol("N"), 24)),
        r"gives int8\[N,6,4\] as 'y', the file declares",
    ),
    "a shape where a symbol is": (_tensor(3, _type(7, 6, 4)), r"the file declares int8\[7,6,4\]"),
    "activations of int16": (_tensor(3, _type(symbol("N"), 6, 4, dtype="int16")), "as 'z', the file declares int8"),
    "activations with several scales": (
        _tensor(3, TensorType("int8", (symbol("N"), 6, 4), per_channel(6, 1))),
        "'y' is a quantized int8.*with one scale",
    ),
    "an activation without scale": (_tensor(4, TensorType("int8", (symbol("N"), 24))), "yet 'z' has none"),
    "a float weight": (
        _program(tensors=(*victim().tensors[:6], Tensor("matrix", type_of(values(24, 3))), victim().tensors[7])),
        "computes with scales, yet its weight has none",
    ),
    "a weight with scales along another axis": (
        _program(
            tensors=(
                *victim().tensors[:6],
                Tensor("matrix", type_of(values(24, 3).astype(np.int8), per_channel(24, 0))),
                victim().tensors[7],
            )
        ),
        "weight with scales along axis 0, not 1",
    ),
    "indices with a scale": (_scaled_indices, "reads 'places' as it is, which has a scale"),
    "integers times a matrix with a scale": (_scaled_integers, "computes with scales, yet 'x' has none"),
    "input 99": (_program(inputs=(99,)), "input of the model is tensor 99 of 8"),
    "input -1": (_program(inputs=(-1,)), "input of the model is tensor -1 of 8"),
    "output 99": (_program(outputs=(99,)), "output of the model is tensor 99 of 8"),
    "output -1": (_program(outputs=(-1,)), "output of the model is tensor -1 of 8"),
    "no outputs": (_program(outputs=()), "has no outputs"),
    "a constant as input": (_program(inputs=(0, 1)), "input 'weight' is a constant"),
    "the same input twice": (_program(inputs=(0, 0)), "two inputs of the model are called 'x'"),
    "the same output twice": (_program(outputs=(7, 7)), "two outputs of the model are called 'out'"),
    "no inputs": (_program(inputs=()), "reads 'x' before it is computed"),
}

FILES: Mapping[str, tuple[Make, str]] = {**_CONTAINER, **_TENSORS, **_OPERATORS, **_STEPS}
