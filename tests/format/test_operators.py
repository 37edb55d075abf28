"""Every operator faces attributes from hell: its shape rule answers or refuses, at once and without taking memory.

The reader runs shape rules on attributes and types that a file declares, so they stand in the first line.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest

from edgeconv.core import TensorType, type_of
from edgeconv.dims import symbol
from edgeconv.errors import EdgeconvError, InvalidModelError
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.ops import MODULES, operator_class
from edgeconv.ops.base import ShapeError, infer_types
from edgeconv.runtime import Interpreter
from edgeconv.runtime.attributes import attribute_kinds, build_operator
from edgeconv.runtime.check import INFER_FAILURES
from edgeconv.runtime.layout import AttributeKind
from edgeconv.runtime.program import ABSENT, Program, Step, Tensor
from tests import cases
from tests.format.test_fuzz import run_on_zeros
from tests.harness import model_of

MODULE_NAMES = sorted(info.name for info in iter_modules(cases.__path__))
INTS = (0, 1, 2, 3, -1, -2, 32, 1000, 2**31, 2**62, -(2**63))
FLOATS = (0.0, 1.0, -1.0, 0.5, float("inf"), -float("inf"), 1e308, 5e-324)
TEXTS = ("", "constant", "linear", "nearest", "float32", "int8", "object", "../../etc", "reflect", "O8", "x" * 1000)
N = symbol("N")
TYPES = (
    TensorType("float32", ()),
    TensorType("float32", (4,)),
    TensorType("float32", (N, 4)),
    TensorType("float32", (2, 3, 8)),
    TensorType("float32", (N, 3, 8, 8)),
    TensorType("float32", (N, 3, N, 8)),
    TensorType("float32", (0, 3, 8, 8)),
    TensorType("int8", (N, 3, 8, 8)),
    TensorType("int64", (4,)),
    TensorType("bool", (2, 2)),
    type_of(np.array([2, -1], np.int64)),
    type_of(np.array([2**62, 2**62, 2**62, -5], np.int64)),
    type_of(np.zeros(0, np.int64)),
    type_of(np.ones((3, 3, 3, 3), np.float32)),
    type_of(np.array(2**40)),
    TensorType("float32", (1,) * 32),
    TensorType("float32", (2**31 - 1, 1, 1, 1)),
)


def _inner(inputs: int, outputs: int, dtype: str) -> Program:
    """A program that hands its inputs on, or as many as there are outputs of."""
    tensors = [Tensor(f"in{number}", TensorType(dtype, ())) for number in range(inputs)]
    steps = []
    for number in range(outputs):
        tensors.append(Tensor(f"out{number}", TensorType(dtype, ())))
        steps.append(Step(operator_class("Identity")(), (number % inputs,), (inputs + number,)))
    return Program(tuple(tensors), tuple(steps), tuple(range(inputs)), tuple(range(inputs, inputs + outputs)))


INNER = tuple(
    _inner(inputs, outputs, dtype)
    for inputs in (1, 2, 3)
    for outputs in (1, 2)
    for dtype in ("float32", "int64", "bool")
)


def value(kind: int, dice: random.Random) -> Any:
    """An attribute that the reader lets through."""
    length = dice.choice((0, 1, 1, 2, 2, 2, 3, 4, 4, 8, 4096))
    if kind == AttributeKind.INTS:
        pool = dice.choice((INTS, INTS, (1,), (0, 1), (1, 2, 3)))
        return tuple(dice.choice(pool) for _ in range(length))
    if kind == AttributeKind.FLOATS:
        return tuple(dice.choice(FLOATS) for _ in range(length))
    if kind == AttributeKind.STRINGS:
        return tuple(dice.choice(TEXTS) for _ in range(length))
    choices = {
        AttributeKind.INT: INTS,
        AttributeKind.FLOAT: FLOATS,
        AttributeKind.BOOL: (False, True),
        AttributeKind.STRING: TEXTS,
        AttributeKind.PROGRAM: INNER,
    }
    return dice.choice(choices[kind])


@pytest.mark.parametrize("name", MODULES)
def test_shape_rule(name: str) -> None:
    dice, op = random.Random(name), operator_class(name)
    tracemalloc.start()
    try:
        for _ in range(60):
            _challenge(op, dice)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def _challenge(op: Any, dice: random.Random) -> None:
    found = {}
    for name, kind in attribute_kinds(op).items():
        if dice.random() < 0.7:
            found[name] = (kind, value(kind, dice))
    inputs = [dice.choice(TYPES) for _ in range(dice.choice((1, 1, 2, 2, 3, 4, 6)))]
    start = time.process_time()
    try:
        infer_types(build_operator(op, found, op.__name__), inputs)
    except (InvalidModelError, *INFER_FAILURES):
        pass
    elapsed = time.process_time() - start
    assert elapsed < 0.5, f"{op.__name__} took {elapsed:.1f} s for {found} and {inputs}"


def _wrong(kind: int, known: Any, dice: random.Random) -> Any:
    """Nearly what the attribute is: one item of a tuple changed, added or missing."""
    if kind != AttributeKind.INTS:
        return value(kind, dice)
    items = list(known)
    place = dice.randrange(len(items) + 1)
    items[place : place + dice.choice((0, 1, 1, 1))] = dice.choice(((), *[(number,) for number in (*INTS, 5, 7)]))
    return tuple(items)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # attributes of 1e308 overflow: that is what they are for
@pytest.mark.parametrize("module", MODULE_NAMES)
def test_kernels(module: str) -> None:
    """Every case of every operator with an attribute gone wrong: it runs, or one of edgeconv's errors says why not."""
    dice, ran = random.Random(module), 0
    for case in import_module(f"tests.cases.{module}").CASES:
        program = to_program(load_onnx(model_of(case)))
        for step in program.steps:
            ran += sum(_runs_wrong(program, step, dice) for _ in range(8))
    assert ran


def _runs_wrong(program: Program, step: Step, dice: random.Random) -> bool:
    """True where it ran."""
    changes = {
        name: _wrong(kind, getattr(step.op, name), dice)
        for name, kind in attribute_kinds(type(step.op)).items()
        if dice.random() < 0.4
    }
    try:
        op = replace(step.op, **changes)
        damaged = _as_inferred(
            replace(program, steps=tuple(replace(s, op=op) if s is step else s for s in program.steps))
        )
        data = to_bytes(damaged)
    except (EdgeconvError, *INFER_FAILURES):
        return False
    try:
        run_on_zeros(Interpreter(data, memory_limit=1 << 26))
    except EdgeconvError:
        return False
    return True


def _as_inferred(program: Program) -> Program:
    """The program with the types that its operators give, so that it is refused for nothing else."""
    tensors = list(program.tensors)
    for step in program.steps:
        found = infer_types(step.op, [None if i == ABSENT else tensors[i].type for i in step.inputs])
        for index, known in zip(step.outputs, found, strict=False):
            if index != ABSENT:
                tensors[index] = Tensor(tensors[index].name, known.with_shape(known.shape))
    return replace(program, tensors=tuple(tensors))


@pytest.mark.parametrize("name", MODULES)
def test_attributes_fit_into_a_file(name: str) -> None:
    op = operator_class(name)
    assert set(attribute_kinds(op)) == {item.name for item in fields(op)} if is_dataclass(op) else True


def test_too_many_inputs_are_refused() -> None:
    with pytest.raises(ShapeError, match="needs 1 to 1 inputs, found 2"):
        infer_types(operator_class("Clamp")(), TYPES[:2])
