"""Tables of a `.edge` file -> tensors, metadata and programs, each checked alone; `check` sees them together.

A program inside an operator (a branch, the body of a loop) is a table inside a table, so that none can contain itself;
each belongs to one step, so that planning takes no more than the file is large.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import isfinite, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeconv.core import DTYPES, Array, Dim, QParams, TensorType
from edgeconv.dims import symbol
from edgeconv.errors import InvalidModelError
from edgeconv.ops import MODULES, operator_class
from edgeconv.ops.base import Operator
from edgeconv.runtime.attributes import AttributeValue, build_operator
from edgeconv.runtime.check import element_count, settle
from edgeconv.runtime.flat import Table, damaged
from edgeconv.runtime.layout import (
    DEFAULT_DTYPE,
    MAX_ATTRIBUTE_ITEMS,
    MAX_ELEMENTS,
    MAX_NESTING,
    MAX_RANK,
    MAX_SYMBOL_TEXT,
    QUANTIZATION_STRUCT,
    QUANTIZED_DTYPES,
    STATE_STRUCT,
    AttributeKind,
    AttributeSlot,
    AxisQuantizationSlot,
    EntrySlot,
    ModelSlot,
    OperatorSlot,
    ProgramSlot,
    StepSlot,
    TensorSlot,
)
from edgeconv.runtime.program import Program, Step, Tensor, programs_of

if TYPE_CHECKING:
    from edgeconv.runtime.reader import Container, Payload

__all__ = ["buffer_users", "decode_metadata", "decode_program", "decode_tensors"]


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


_Slots = type[ModelSlot] | type[ProgramSlot]


def decode_program(container: Container) -> Program:
    """The program of an open container; InvalidModelError where it is not sound."""
    model = container.model
    declared = _declared(container, model, ModelSlot, 0)
    states = tuple((source, target) for source, target in model.structs(ModelSlot.STATES, STATE_STRUCT, "the states"))
    return settle(Program(*declared, decode_metadata(model), states))


def _declared(
    container: Container, table: Table, slots: _Slots, depth: int
) -> tuple[tuple[Tensor, ...], tuple[Step, ...], tuple[int, ...], tuple[int, ...]]:
    tensors = tuple(decode_tensors(container, table, slots))
    tables = table.tables(slots.OPERATORS, "the list of operators", "operator")
    steps = tuple(_steps(table, slots, [_operator(container, each, depth) for each in tables]))
    inputs = table.numbers(slots.INPUTS, "i", "the inputs")
    return tensors, steps, inputs, table.numbers(slots.OUTPUTS, "i", "the outputs")


def _program(container: Container, table: Table, depth: int) -> Program:
    """The program in an attribute: as sound as the model's own, and in float."""
    if depth > MAX_NESTING:
        damaged(f"{table.what} holds more than {MAX_NESTING} programs inside each other")
    place = table.target(AttributeSlot.PROGRAM)
    if place is None:
        damaged(f"{table.what} holds no program")
    inner = table.flat.table(place, f"the program of {table.what}")
    program = settle(Program(*_declared(container, inner, ProgramSlot, depth)))
    for tensor in program.tensors:
        if tensor.type.q is not None and tensor.data is None:
            damaged(f"{inner.what} computes {tensor.name!r} in {tensor.type.dtype} with a scale; it must be float")
    return program


def _steps(table: Table, slots: _Slots, operators: Sequence[Operator]) -> list[Step]:
    """The steps; tensor indices are not checked here."""
    steps: list[Step] = []
    taken: set[int] = set()
    for each in table.tables(slots.STEPS, "the list of steps", "step"):
        index = each.number(StepSlot.OPERATOR_INDEX, "I")
        if index >= len(operators):
            damaged(f"{each.what} names operator {index} of {len(operators)}")
        if index in taken and programs_of(operators[index]):
            damaged(f"{each.what} shares operator {index}, which holds a program, with another step")
        taken.add(index)
        inputs = each.numbers(StepSlot.INPUTS, "i", "the inputs")
        outputs = each.numbers(StepSlot.OUTPUTS, "i", "the outputs")
        steps.append(Step(operators[index], inputs, outputs, each.text(StepSlot.NAME, "the name")))
    return steps


def _operator(container: Container, table: Table, depth: int) -> Operator:
    name = table.text(OperatorSlot.NAME, "the name")
    if name not in MODULES:
        raise InvalidModelError(
            f"{table.what} is called {name!r}, which this edgeconv does not know; "
            "install a newer edgeconv (pip install -U edgeconv)"
        )
    what = f"{table.what} ({name})"
    found: dict[str, tuple[int, AttributeValue]] = {}
    for item in table.tables(OperatorSlot.ATTRIBUTES, "the attributes", f"{what}: attribute", MAX_ATTRIBUTE_ITEMS):
        key = item.text(AttributeSlot.NAME, "the name")
        if key in found:
            damaged(f"{what} has the attribute {key!r} twice")
        found[key] = _attribute(container, item, depth)
    return build_operator(operator_class(name), found, what)


def _attribute(container: Container, table: Table, depth: int) -> tuple[int, AttributeValue]:
    kind = table.number(AttributeSlot.KIND, "B")
    if kind > AttributeKind.PROGRAM:
        damaged(f"{table.what} is of the unknown kind {kind}")
    if kind == AttributeKind.PROGRAM:
        return kind, _program(container, table, depth + 1)
    if kind in (AttributeKind.INTS, AttributeKind.FLOATS, AttributeKind.STRINGS):
        return kind, _list(table, kind)
    if kind == AttributeKind.STRING:
        return kind, table.text(AttributeSlot.TEXT, "the value")
    if kind == AttributeKind.FLOAT:
        return kind, table.real(AttributeSlot.REAL)
    value = table.number(AttributeSlot.INTEGER, "q")
    if kind == AttributeKind.BOOL and value not in (0, 1):
        damaged(f"{table.what} is a truth value of {value}")
    return kind, bool(value) if kind == AttributeKind.BOOL else value


def _list(table: Table, kind: int) -> tuple[int, ...] | tuple[float, ...] | tuple[str, ...]:
    most = MAX_ATTRIBUTE_ITEMS
    if kind == AttributeKind.INTS:
        return table.numbers(AttributeSlot.INTEGERS, "q", "the values", most)
    if kind == AttributeKind.FLOATS:
        return table.numbers(AttributeSlot.REALS, "d", "the values", most)
    return table.texts(AttributeSlot.TEXTS, "the values", most)
