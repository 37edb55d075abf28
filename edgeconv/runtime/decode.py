"""Tables of a `.edge` file -> tensors and metadata, each checked alone; `check` sees them together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import isfinite, prod
from typing import Any

import numpy as np

from edgeconv.core import DTYPES, Array, Dim, QParams, TensorType
from edgeconv.dims import symbol
from edgeconv.runtime.container import Container, Payload
from edgeconv.runtime.flat import Table, damaged
from edgeconv.runtime.layout import (
    DEFAULT_DTYPE,
    MAX_ELEMENTS,
    MAX_RANK,
    MAX_SYMBOL_TEXT,
    QUANTIZATION_STRUCT,
    QUANTIZED_DTYPES,
    AxisQuantizationSlot,
    EntrySlot,
    ModelSlot,
    ProgramSlot,
    TensorSlot,
)
from edgeconv.runtime.program import Tensor

__all__ = ["buffer_users", "decode_metadata", "decode_tensors", "element_count"]


def decode_tensors(container: Container, table: Table, slots: type[ModelSlot] | type[ProgramSlot]) -> list[Tensor]:
    """The tensors with their declared types; constants are read-only views of the file."""
    quantizations: dict[int, QParams] = {}
    tables = table.tables(slots.TENSORS, "the list of tensors", "tensor")
    return [_tensor(each, container, quantizations) for each in tables]


def decode_metadata(model: Table) -> dict[str, str]:
    """Free text by key."""
    found: dict[str, str] = {}
    for table in model.tables(ModelSlot.METADATA, "the metadata", "metadata entry"):
        key = table.text(EntrySlot.KEY, "the key")
        if key in found:
            damaged(f"the metadata has the key {key!r} twice")
        found[key] = table.text(EntrySlot.VALUE, "the value")
    return found


def buffer_users(container: Container) -> dict[int, str]:
    """Buffer index -> name of the first tensor that uses it."""
    users: dict[int, str] = {}
    for table in container.model.tables(ModelSlot.TENSORS, "the list of tensors", "tensor"):
        users.setdefault(table.number(TensorSlot.BUFFER, "i", -1), table.text(TensorSlot.NAME, "the name"))
    return users


def element_count(shape: Sequence[Dim]) -> int:
    """Elements of the known dimensions, empty ones counted as one."""
    count = 1
    for dim in shape:
        count *= max(dim, 1) if isinstance(dim, int) else 1
    return count


def _tensor(table: Table, container: Container, quantizations: dict[int, QParams]) -> Tensor:
    name = table.text(TensorSlot.NAME, "the name")
    number = table.number(TensorSlot.DTYPE, "B", DTYPES.index(DEFAULT_DTYPE))
    if number >= len(DTYPES):
        damaged(f"{table.what} ({name!r}) has the unknown dtype {number}")
    dtype, what = DTYPES[number], f"{table.what} ({name!r})"
    shape = _shape(table, name, what)
    q = _quantization(table, quantizations)
    if q is not None:
        _check_quantization(q, dtype, shape, what)
    index = table.number(TensorSlot.BUFFER, "i", -1)
    if index == -1:
        return Tensor(name, TensorType(dtype, shape, q))
    if not 0 <= index < len(container.payloads):
        damaged(f"{what} is stored in buffer {index} of {len(container.payloads)}")
    return Tensor(name, TensorType(dtype, shape, q, _constant(container, index, dtype, shape, what)))


def _shape(table: Table, name: str, what: str) -> tuple[Dim, ...]:
    dims = table.numbers(TensorSlot.SHAPE, "i", "the shape", MAX_RANK)
    symbols = table.texts(TensorSlot.SYMBOLS, "the symbols", MAX_RANK)
    if min(dims, default=0) < -1:
        damaged(f"{what} has the shape {list(dims)}")
    if symbols and len(symbols) != dims.count(-1):
        damaged(f"{what} names {len(symbols)} of its {dims.count(-1)} symbolic dimensions")
    if element_count(dims) > MAX_ELEMENTS:
        damaged(f"{what} has the shape {list(dims)}, more elements than any memory holds")
    if -1 not in dims:
        return dims
    if any(not 0 < len(text) <= MAX_SYMBOL_TEXT for text in symbols):
        damaged(f"{what} has a symbolic dimension with a name of 0 or more than {MAX_SYMBOL_TEXT} characters")
    names = iter(symbols or [f"{name}.{axis}" for axis, dim in enumerate(dims) if dim == -1])
    return tuple(symbol(next(names)) if dim == -1 else dim for dim in dims)


def _quantization(table: Table, known: dict[int, QParams]) -> QParams | None:
    """Parameters of the whole tensor, or along an axis; None where there are none."""
    whole, place = (
        table.struct(TensorSlot.QUANTIZATION, QUANTIZATION_STRUCT),
        table.target(TensorSlot.AXIS_QUANTIZATION),
    )
    if whole is not None and place is not None:
        damaged(f"{table.what} is quantized twice")
    if whole is not None:
        scale, zero_point = whole
        return QParams((scale,), (zero_point,))
    if place is not None and place not in known:
        known[place] = _axis_quantization(table.flat.table(place, f"the quantization of {table.what}"))
    return None if place is None else known[place]


def _axis_quantization(table: Table) -> QParams:
    scales = table.numbers(AxisQuantizationSlot.SCALES, "f", "the scales")
    zero_points = table.numbers(AxisQuantizationSlot.ZERO_POINTS, "i", "the zero points")
    if zero_points and len(zero_points) != len(scales):
        damaged(f"{table.what} has {len(scales)} scales and {len(zero_points)} zero points")
    return QParams(scales, zero_points or (0,) * len(scales), table.number(AxisQuantizationSlot.AXIS, "H"))


def _check_quantization(q: QParams, dtype: str, shape: Sequence[Dim], what: str) -> None:
    if dtype not in QUANTIZED_DTYPES:
        damaged(f"{what} is {dtype}, yet has a scale and a zero point")
    if not q.scale or not isfinite(sum(q.scale)) or min(q.scale) <= 0:
        damaged(f"{what} has a scale that is not a positive number")
    limits = np.iinfo(dtype)
    if min(q.zero_point) < limits.min or max(q.zero_point) > limits.max:
        damaged(f"{what} is {dtype}, yet has a zero point outside of its range")
    if q.axis is not None and (q.axis >= len(shape) or shape[q.axis] != len(q.scale)):
        damaged(f"{what} of shape {list(shape)} has {len(q.scale)} scales along axis {q.axis}")


def _constant(container: Container, index: int, dtype: str, shape: Sequence[Dim], what: str) -> Array:
    payload = container.payloads[index]
    sizes = [dim for dim in shape if isinstance(dim, int)]
    if len(sizes) != len(shape):
        damaged(f"{what} is a constant with a symbolic dimension")
    stored = np.dtype(dtype).newbyteorder("<")
    count = prod(sizes)
    if count * stored.itemsize != payload.length:
        damaged(f"{what} of shape {sizes} needs {count * stored.itemsize} bytes, buffer {index} has {payload.length}")
    array = _view(container.view, payload, stored, count).reshape(sizes)
    if dtype == "bool" and count and int(array.view(np.uint8).max()) > 1:
        damaged(f"{what} has truth values other than 0 and 1")
    return array


def _view(view: memoryview, payload: Payload, stored: np.dtype[Any], count: int) -> Array:
    """The payload as a flat array; without a copy where the machine is little-endian."""
    if not count:
        array = np.empty(0, stored)
        array.flags.writeable = False
        return array
    array = np.frombuffer(view, stored, count, payload.position)
    if sys.byteorder == "little":
        return array
    native = array.astype(stored.newbyteorder("="))
    native.flags.writeable = False
    return native
