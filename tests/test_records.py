"""Records keep the promises of the standard library's frozen dataclasses, and `dataclasses` knows them as such."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any, ClassVar

import pytest

from edgeconv.records import dataclass, field, fields_of, replace


@dataclass(frozen=True)
class Point:
    """Two numbers, and what is not compared."""

    x: int
    y: float = 1.5
    note: str = field(default="", compare=False, repr=False)
    tags: dict[str, int] = field(default_factory=dict)
    origin: ClassVar[int] = 0


@dataclass(frozen=True)
class Named(Point):
    """Inherits fields; gives one of them another default; checks itself."""

    name: str = "n"
    y: float = 2.5

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x is below 0")


class Plain(Point):
    """Not decorated: what its base is."""


@dataclass(frozen=True, eq=False)
class Node:
    """Equal only to itself."""

    x: int


@dataclass(frozen=True)
class Own:
    """Brings methods of its own."""

    x: int

    def __str__(self) -> str:
        return f"own {self.x}"

    __repr__ = __str__


def test_values_come_by_position_by_name_and_by_default() -> None:
    point = Point(1, note="here")
    assert (point.x, point.y, point.note, point.tags) == (1, 1.5, "here", {})
    assert Point(2).tags is not Point(2).tags
    assert (Named(1).y, Named(1, 3.0, "", {}, "m").name) == (2.5, "m")


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1,), {"x": 2}), ((1,), {"z": 2}), ((1, 2.0, "", {}, 5), {}), ((), {"y": 2.0})],
)
def test_wrong_values_are_a_type_error(args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError, match="Point"):
        Point(*args, **kwargs)


def test_equality_and_hash_are_by_value_and_class() -> None:
    assert Point(1, note="a") == Point(1, note="b")
    assert Point(1) != Point(2)
    assert Point(1) != Plain(1)
    assert Own(1) == Own(1)
    assert hash(Own(1)) == hash(Own(1))
    assert Node(1) != Node(1)
    assert len({Node(1), Node(1)}) == 2


def test_repr_names_class_and_fields() -> None:
    assert repr(Point(1, note="a")) == "Point(x=1, y=1.5, tags={})"
    assert repr(Own(1)) == "own 1"


def test_nothing_changes() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"Point\.x"):
        point.x = 2  # type: ignore[misc]  # that is the test
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"Point\.x"):
        del point.x  # type: ignore[misc]  # that is the test
    assert point.x == 1


def test_post_init_has_its_say() -> None:
    with pytest.raises(ValueError, match="below 0"):
        Named(-1)


def test_replace_makes_another_record() -> None:
    assert replace(Point(1, note="a"), x=2) == Point(2)
    assert replace(Point(1, note="a"), x=2).note == "a"
    with pytest.raises(TypeError, match="'z'"):
        replace(Point(1), z=2)  # type: ignore[call-arg]  # that is the test


def test_the_standard_library_knows_records() -> None:
    assert dataclasses.is_dataclass(Point)
    assert [item.name for item in dataclasses.fields(Named)] == ["x", "y", "note", "tags", "name"]
    assert dataclasses.asdict(Point(1)) == {"x": 1, "y": 1.5, "note": "", "tags": {}}
    assert dataclasses.replace(Named(1), x=2) == Named(2)


def test_a_standard_dataclass_may_derive_from_a_record() -> None:
    @dataclasses.dataclass(frozen=True)
    class Derived(Point):
        z: int = 3

    assert dataclasses.astuple(Derived(1)) == (1, 1.5, "", {}, 3)


def test_fields_keep_their_annotation_as_written() -> None:
    assert [(item.name, item.annotation) for item in fields_of(Point)][:2] == [("x", "int"), ("y", "float")]
    assert fields_of(int) == ()


def test_only_frozen_records_exist() -> None:
    with pytest.raises(TypeError, match="frozen"):
        dataclass(frozen=False)


def test_records_load_without_dataclasses() -> None:
    code = "import edgeconv.records, sys; print('dataclasses' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
