"""Where the time goes: slices are as wide as the time that their steps take."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from edgeconv.report.document import Slice
from edgeconv.report.profile import flame_of, profile_section
from edgeconv.report.text import render_text


@dataclass(frozen=True)
class Step:
    """A step as the interpreter times it."""

    name: str
    operator: str
    seconds: float


@dataclass(frozen=True)
class Run:
    """A run of them."""

    seconds: float
    runs: int
    steps: tuple[Step, ...]


STEPS = (
    Step("/stem/Conv", "Conv", 2e-3),
    Step("/block/first/Conv", "Conv", 4e-3),
    Step("/block/second/Conv", "Conv", 1e-3),
    Step("", "Softmax", 2.99e-3),
    Step("/tiny/Add", "Add", 1e-5),
)


def _by_name(slices: tuple[Slice, ...]) -> dict[str, Slice]:
    return {each.label: each for each in slices}


def test_scopes_hold_their_steps() -> None:
    found = _by_name(flame_of(STEPS).slices)
    assert list(found) == ["stem/Conv", "block", "Softmax", "small steps"]
    assert found["block"].share == pytest.approx(0.5)
    assert [(each.label, each.share) for each in found["block"].parts] == [
        ("first/Conv", pytest.approx(0.4)),
        ("second/Conv", pytest.approx(0.1)),
    ]
    assert found["stem/Conv"].text == "Conv 2.00 ms"
    assert sum(each.share for each in found.values()) == pytest.approx(1)


def test_scopes_end_somewhere() -> None:
    (deep,) = flame_of([Step("/".join("abcdefghij"), "Conv", 1.0)]).slices
    assert deep.label == "a/b/c/d/e/f/g/h/i/j"
    assert flame_of([]).slices == ()


def test_a_step_may_be_named_like_a_scope() -> None:
    (a,) = flame_of([Step("a", "Conv", 1.0), Step("a/b", "Add", 3.0)]).slices
    assert (a.share, a.parts[0].share) == (1.0, 0.75)


def test_without_scopes_steps_stand_below_their_operators() -> None:
    found = flame_of([Step("n0", "Conv", 1.0), Step("n1", "Lookup", 1.0), Step("n2", "Conv", 2.0)]).slices
    assert [(each.label, each.share) for each in found] == [("Conv", 0.75), ("Lookup/n1", 0.25)]
    assert [each.label for each in found[0].parts] == ["n0", "n2"]


def test_the_section_says_how_long_and_how_often() -> None:
    text = render_text((profile_section(Run(0.01, 30, STEPS)),))
    assert "5 steps take 10.00 ms for one sample, the median of 30 runs here" in text
    assert text.splitlines()[-5].split() == ["block", "50.0", "%", "5.00", "ms"]
