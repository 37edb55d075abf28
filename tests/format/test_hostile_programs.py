"""Programs inside operators that are not what they claim: refused as those of the model itself are."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import flatbuffers
import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.errors import EdgeconvError, InvalidModelError
from edgeconv.export.edge import to_bytes
from edgeconv.ops import loop
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program, Step, Tensor
from edgeconv.runtime.reader import read_program
from edgeconv.runtime.verify import verify_file
from tests.format.bombs import offsets_of, raw_model
from tests.format.digests import with_digest
from tests.format.programs import Build, Q, body, nested, operator, values
from tests.format.schema import Walker


def test_the_program_is_sound_and_runs() -> None:
    data, x = to_bytes(nested()), values(2, 3)
    assert verify_file(data).steps == 2
    last, collected = Interpreter(data)(x)
    state, weight = -x, values(3, 3)
    for trip in range(5):
        chosen = state @ weight if trip > 2 else np.tanh(x)
        np.testing.assert_allclose(collected[trip], chosen, rtol=1e-5)
        state = chosen + x
    np.testing.assert_allclose(last, state, rtol=1e-5)


def _with_body(change: Callable[[Program], Program]) -> bytes:
    """The sound program with another body in its loop; the writer does not look at its laws."""
    program = nested()
    start, step = program.steps
    wrong = object.__new__(type(step.op))
    wrong.__dict__.update(step.op.__dict__ | {"body": change(body())})
    return to_bytes(replace(program, steps=(start, replace(step, op=wrong))))


def _with_tensor(program: Program, number: int, known: TensorType) -> Program:
    tensors = list(program.tensors)
    tensors[number] = Tensor(tensors[number].name, known)
    return replace(program, tensors=tuple(tensors))


REFUSED: dict[str, tuple[Callable[[Program], Program], str]] = {
    "no outputs": (lambda p: replace(p, outputs=()), "the model has no outputs"),
    "an output that is not there": (lambda p: replace(p, outputs=(99,)), "output of the model is tensor 99"),
    "an input that is not there": (lambda p: replace(p, inputs=(0, 99, 2)), "input of the model is tensor 99"),
    "one input too few": (lambda p: replace(p, inputs=p.inputs[:2]), "reads 'x' before it is computed"),
    "another input": (lambda p: _with_tensor(p, 0, TensorType("float32", ())), "(Greater|as float32)"),
    "another rank": (lambda p: _with_tensor(p, 1, TensorType("float32", (3,))), "If"),
    "int8 inside": (lambda p: _with_tensor(p, 1, TensorType("int8", p.tensors[1].type.shape, Q(1, 0))), "If"),
    "a state that changes": (lambda p: replace(p, outputs=(3, p.outputs[1])), "an output of the model|carried value 0"),
    "steps in another order": (lambda p: replace(p, steps=p.steps[::-1]), "before it is computed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name: str) -> None:
    change, message = REFUSED[name]
    with pytest.raises(InvalidModelError, match=message) as raised:
        read_program(_with_body(change))
    assert "\n" not in str(raised.value)


def test_quantized_values_inside_are_refused() -> None:
    build = Build()
    trip, state = build.input("trip", dtype="int64"), build.input("state", "N", 3, dtype="int8", q=Q(0.5, 0))
    inner = build.program(build.step(operator("Neg"), trip, name="n"), state)
    outer = Build()
    x = outer.input("x", 1, dtype="bool")
    step = Step(_loop(inner), (x, x, x), (1,))
    data = to_bytes(Program((*outer.tensors, Tensor("y", TensorType("int8", (1,)))), (step,), (x,), (1,)))
    with pytest.raises(InvalidModelError, match="computes 'state' in int8 with a scale; it must be float"):
        read_program(data)


def _loop(inner: Program) -> Any:
    return operator("Loop", body=inner, carried=1)


def _tower(height: int) -> Program:
    """Loops inside each other."""
    build = Build()
    state = build.input("state", 2)
    inner = build.program(build.step(operator("Neg"), state, name="y"))
    for _ in range(height):
        around = Build()
        go, x = around.constant("go", np.array(True)), around.input("x", 2)
        inner = around.program(
            around.step(operator("If", then_branch=inner, else_branch=_leaf()), go, x, x, name="chosen")
        )
    return inner


def _leaf() -> Program:
    build = Build()
    return build.program(build.step(operator("Exp"), build.input("x", 2), name="y"))


def test_programs_inside_each_other() -> None:
    assert Interpreter(to_bytes(_tower(16)))(np.ones(2, np.float32)).tolist() == [-1, -1]
    with pytest.raises(InvalidModelError, match="more than 16 programs inside each other"):
        read_program(to_bytes(_tower(17)))
    with pytest.raises(InvalidModelError, match="more than 16 programs"):
        read_program(to_bytes(_tower(60)))


def test_a_program_belongs_to_one_step() -> None:
    program = _tower(1)
    data = to_bytes(program)
    again = replace(program.steps[0], outputs=(len(program.tensors),))
    tensors = (*program.tensors, Tensor("more", program.tensors[-1].type))
    shared = replace(program, tensors=tensors, steps=(program.steps[0], again))
    assert Walker(to_bytes(shared)).model()["steps"][1]["operator_index"] == 0
    read_program(data)
    with pytest.raises(InvalidModelError, match="shares operator 0, which holds a program, with another step"):
        read_program(to_bytes(shared))


def test_an_attribute_without_its_program() -> None:
    data = bytearray(to_bytes(_tower(1)))
    walker = Walker(bytes(data))
    table = walker.target("operators", 0, "attributes", 0)
    vtable = table - int(np.frombuffer(data, "<i4", 1, table)[0])
    data[vtable + 4 + 2 * 8 : vtable + 6 + 2 * 8] = b"\0\0"
    with pytest.raises(InvalidModelError, match="holds no program"):
        read_program(with_digest(bytes(data)))


def _diamonds(levels: int) -> bytes:
    """Each program has two operators that hold the same table of the next: 2 ** levels programs in a few kB."""

    def fill(builder: Any) -> dict[int, int]:
        names = {name: builder.CreateString(name) for name in ("If", "then_branch", "else_branch")}
        builder.StartObject(5)
        inner = builder.EndObject()
        operators = 0
        for _ in range(levels):
            attributes = []
            for name in ("then_branch", "else_branch"):
                builder.StartObject(9)
                builder.PrependUOffsetTRelativeSlot(0, names[name], 0)
                builder.PrependUint8Slot(1, 7, 0)
                builder.PrependUOffsetTRelativeSlot(8, inner, 0)
                attributes.append(builder.EndObject())
            both = offsets_of(builder, attributes)
            builder.StartObject(2)
            builder.PrependUOffsetTRelativeSlot(0, names["If"], 0)
            builder.PrependUOffsetTRelativeSlot(1, both, 0)
            operators = offsets_of(builder, [builder.EndObject()])
            builder.StartObject(5)
            builder.PrependUOffsetTRelativeSlot(0, operators, 0)
            inner = builder.EndObject()
        return {2: operators}

    return raw_model(fill)


@pytest.mark.parametrize("levels", [15, 200])
def test_tables_that_share_tables_do_not_multiply(levels: int) -> None:
    data = _diamonds(levels)
    assert flatbuffers is not None and len(data) < 40_000
    start = time.process_time()
    tracemalloc.start()
    with pytest.raises(InvalidModelError):
        read_program(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - start < 5
    assert peak < 8 << 20


def _endless(trips: int, collects: bool) -> bytes:
    build = Build()
    trip, state = build.input("trip", dtype="int64"), build.input("state", 2)
    after = build.step(operator("Neg"), state, name="after")
    inner = build.program(after, *([trip] if collects else []))
    outer = Build()
    limit, go = outer.constant("limit", np.array(trips)), outer.constant("go", np.array(True))
    x = outer.input("x", 2)
    tensors = [*outer.tensors, Tensor("y", TensorType("float32", (2,)))]
    outputs: tuple[int, ...] = (3,)
    if collects:
        tensors.append(Tensor("z", TensorType("int64", (min(trips, 2**31 - 1),))))
        outputs = (3, 4)
    return to_bytes(Program(tuple(tensors), (Step(_loop(inner), (limit, go, x), outputs),), (x,), outputs))


def test_a_number_of_trips_beyond_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidModelError):
        read_program(_endless(2**62, collects=True))
    with pytest.raises(EdgeconvError, match="more than the limit"):
        Interpreter(_endless(2**31 - 1, collects=True)).run(None, {"x": np.zeros(2, np.float32)})
    interpreter = Interpreter(_endless(2**62, collects=False))
    monkeypatch.setattr(loop, "_MOST_TRIPS", 100)
    with pytest.raises(EdgeconvError, match="has made 100 trips and would go on"):
        interpreter(np.zeros(2, np.float32))


def test_negative_trips_are_none() -> None:
    y, z = Interpreter(_endless_negative())(np.ones(2, np.float32))
    assert (y.tolist(), z.shape) == ([1, 1], (0,))


def _endless_negative() -> bytes:
    data = bytearray(_endless(0, collects=True))
    walker = Walker(bytes(data))
    start = walker.target("data") + 4
    offset = walker.model()["buffers"][0]["offset"]
    data[start + offset : start + offset + 8] = (-3).to_bytes(8, "little", signed=True)
    return with_digest(bytes(data))
