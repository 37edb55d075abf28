"""Tables of a `.edge` file -> programs: the model's, and those inside operators (branches, bodies of loops).

A program inside an operator is a table inside a table, so that none can contain itself; each belongs to one step, so
that planning takes no more than the file is large.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgeconv.errors import InvalidModelError
from edgeconv.ops import MODULES, operator_class
from edgeconv.ops.base import Operator
from edgeconv.runtime.attributes import AttributeValue, build_operator
from edgeconv.runtime.check import settle
from edgeconv.runtime.container import Container
from edgeconv.runtime.decode import decode_metadata, decode_tensors
from edgeconv.runtime.flat import Table, damaged
from edgeconv.runtime.layout import (
    MAX_ATTRIBUTE_ITEMS,
    MAX_NESTING,
    STATE_STRUCT,
    AttributeKind,
    AttributeSlot,
    ModelSlot,
    OperatorSlot,
    ProgramSlot,
    StepSlot,
)
from edgeconv.runtime.program import Program, Step, Tensor, programs_of

__all__ = ["decode_program"]

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
    found: dict[str, tuple[AttributeKind, AttributeValue]] = {}
    for item in table.tables(OperatorSlot.ATTRIBUTES, "the attributes", f"{what}: attribute", MAX_ATTRIBUTE_ITEMS):
        key = item.text(AttributeSlot.NAME, "the name")
        if key in found:
            damaged(f"{what} has the attribute {key!r} twice")
        found[key] = _attribute(container, item, depth)
    return build_operator(operator_class(name), found, what)


def _attribute(container: Container, table: Table, depth: int) -> tuple[AttributeKind, AttributeValue]:
    number = table.number(AttributeSlot.KIND, "B")
    if number >= len(AttributeKind):
        damaged(f"{table.what} is of the unknown kind {number}")
    kind = AttributeKind(number)
    if kind is AttributeKind.PROGRAM:
        return kind, _program(container, table, depth + 1)
    if kind in (AttributeKind.INTS, AttributeKind.FLOATS, AttributeKind.STRINGS):
        return kind, _list(table, kind)
    if kind is AttributeKind.STRING:
        return kind, table.text(AttributeSlot.TEXT, "the value")
    if kind is AttributeKind.FLOAT:
        return kind, table.real(AttributeSlot.REAL)
    value = table.number(AttributeSlot.INTEGER, "q")
    if kind is AttributeKind.BOOL and value not in (0, 1):
        damaged(f"{table.what} is a truth value of {value}")
    return kind, bool(value) if kind is AttributeKind.BOOL else value


def _list(table: Table, kind: AttributeKind) -> tuple[int, ...] | tuple[float, ...] | tuple[str, ...]:
    most = MAX_ATTRIBUTE_ITEMS
    if kind is AttributeKind.INTS:
        return table.numbers(AttributeSlot.INTEGERS, "q", "the values", most)
    if kind is AttributeKind.FLOATS:
        return table.numbers(AttributeSlot.REALS, "d", "the values", most)
    return table.texts(AttributeSlot.TEXTS, "the values", most)
