"""Attributes of every kind, through a file and back; and what is refused where the operator's class is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.errors import InternalError, InvalidModelError
from edgeconv.export.edge import to_bytes
from edgeconv.ops import MODULES
from edgeconv.ops.base import TABLE, Operator, QuantRule
from edgeconv.records import dataclass
from edgeconv.runtime.attributes import attribute_kinds, build_operator, stored_attributes
from edgeconv.runtime.layout import AttributeKind
from edgeconv.runtime.reader import read_program
from tests.format.programs import Build, Q
from tests.format.schema import Walker


@dataclass(frozen=True)
class Everything(Operator):
    """An attribute of every kind; `shape` and `dtype` say what comes out."""

    count: int
    flag: bool
    factor: float = -0.0
    dtype: str = "float32"
    shape: tuple[int, ...] = ()
    factors: tuple[float, ...] = (1.0,)
    names: tuple[str, ...] = ()

    quant: ClassVar[QuantRule | None] = TABLE

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"count is {self.count}")

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(self.dtype, self.shape),)


@dataclass(frozen=True)
class Impossible(Operator):
    """An attribute that no file holds."""

    table: dict[str, int]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operator above in the table of operators, as a newer edgeconv would have it."""
    module = ModuleType("edgeconv.ops.everything")
    module.__dict__["Everything"] = Everything
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(MODULES, "Everything", "everything")
    yield


def _file(op: Operator) -> bytes:
    build = Build()
    return to_bytes(build.program(build.step(op, build.input("x", 1))))


@pytest.mark.parametrize(
    "op",
    [
        Everything(0, False),
        Everything(2**63 - 1, True, 0.0, "int8", (1, 2), (), ("a", "", "größer")),
        Everything(1, True, float("inf"), "bool", (0, 3), (-0.0, 1e-310, float("-inf")), ("x",) * 4096),
    ],
)
def test_every_kind(op: Everything) -> None:
    assert repr(read_program(_file(op)).steps[0].op) == repr(op)


def test_defaults_are_left_out() -> None:
    (found,) = Walker(_file(Everything(5, False, -0.0, "float32", (), (1.0,), ()))).model()["operators"]
    assert [attribute["name"] for attribute in found["attributes"]] == ["count", "flag"]


def test_numpy_values_are_plain_in_the_file() -> None:
    values: Any = {"count": np.int32(3), "flag": np.bool_(True), "factor": np.float32(0.5), "shape": np.array([1, 2])}
    op = Everything(**values)
    assert read_program(_file(op)).steps[0].op == Everything(3, True, 0.5, shape=(1, 2))


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Everything(2**63, False), "Everything.count is 9223372036854775808, not int"),
        (Everything(1.5, False), "Everything.count is 1.5, not int"),  # type: ignore[arg-type]
        (Everything(1, False, float("nan")), "Everything.factor is nan, not float: NaN"),
        (Everything(1, False, dtype=None), "Everything.dtype is None, not string"),  # type: ignore[arg-type]
        (Everything(1, False, names=(1,)), "Everything.names is .1,., not strings"),  # type: ignore[arg-type]
        (Everything(1, False, names=("",) * 4097), "'names' has 4097 items, a file holds 4096"),
    ],
)
def test_what_the_writer_refuses(op: Operator, message: str) -> None:
    with pytest.raises(InternalError, match=message):
        _file(op)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"count": (AttributeKind.INT, 1)}, "lacks the attribute 'flag'"),
        ({"count": (AttributeKind.INT, -1), "flag": (AttributeKind.BOOL, True)}, "do not fit together: count is -1"),
        ({"count": (AttributeKind.BOOL, True)}, "'count' of kind bool where int is needed"),
        ({"factors": (AttributeKind.FLOATS, (0.0, float("nan")))}, "'factors' with NaN"),
    ],
)
def test_what_the_reader_refuses(found: dict[str, tuple[int, int]], message: str) -> None:
    with pytest.raises(InvalidModelError, match=f"Everything.*{message}"):
        build_operator(Everything, found, "operator 0 (Everything)")


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Everything(1, True, shape=(1,) * 33), "gives 33 dimensions, at most 32"),
        (Everything(1, True, dtype="object"), "gives values of type object"),
        (Everything(1, True, shape=(2**31,)), "a dimension of more than 2"),
        (Everything(1, True, shape=(-1,)), "a dimension of less than 0|cannot exist"),
    ],
)
def test_what_an_operator_may_not_infer(op: Everything, message: str) -> None:
    data = _declared(Everything(1, True), op)
    with pytest.raises(InvalidModelError, match=message):
        read_program(data)


def test_float_from_int8_takes_a_dequantize() -> None:
    """An operator that has an int8 form does not read int8 as if it were real values."""
    build = Build()
    program = build.program(build.step(Everything(1, True), build.input("x", 1, dtype="int8", q=Q(0.5, 0)), name="y"))
    with pytest.raises(InvalidModelError, match="reads int8, yet gives 'y' in float"):
        read_program(to_bytes(program))


def _declared(op: Operator, real: Operator) -> bytes:
    """A file whose step does `real` and declares what `op` gives."""
    build = Build()
    program = build.program(build.step(op, build.input("x", 1)))
    object.__setattr__(program.steps[0], "op", real)
    return to_bytes(program)


def test_classes_that_no_file_can_hold() -> None:
    with pytest.raises(InternalError, match=r"Impossible\.table has type dict"):
        attribute_kinds(Impossible)
    assert stored_attributes(Operator()) == []
