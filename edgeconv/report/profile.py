"""Where the time of a run goes, as a picture: the steps' ONNX names read as paths, scope within scope.

Where no name has scopes, steps stand below their operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edgeconv.report.document import Block, Flame, Note, Section, Slice
from edgeconv.report.figures import Json

__all__ = ["TimedRun", "TimedStep", "flame_of", "profile_json", "profile_section"]

_SMALLEST = 0.002
"""A share below which neighbours are drawn as one."""
_DEEPEST = 5


class TimedStep(Protocol):
    """One step: its ONNX name, its operator, and how long it takes."""

    @property
    def name(self) -> str: ...
    @property
    def operator(self) -> str: ...
    @property
    def seconds(self) -> float: ...


class TimedRun(Protocol):
    """All steps of a run, in order, the median of so many runs."""

    @property
    def seconds(self) -> float: ...
    @property
    def runs(self) -> int: ...
    @property
    def steps(self) -> Sequence[TimedStep]: ...


@dataclass
class _Scope:
    seconds: float = 0.0
    operator: str = ""
    parts: dict[str, _Scope] = field(default_factory=dict)


def profile_section(profile: TimedRun) -> Section:
    """The time of one run at batch 1, drawn and in figures."""
    steps = profile.steps
    words = f"{len(steps)} steps take {_time(profile.seconds)} for one sample, the median of {profile.runs} runs here"
    blocks: tuple[Block, ...] = (Note(words), flame_of(steps))
    return Section("Where the time goes", blocks)


def profile_json(profile: TimedRun) -> Json:
    """{seconds, runs, steps: [{name, operator, seconds}]}."""
    steps = [{"name": each.name, "operator": each.operator, "seconds": each.seconds} for each in profile.steps]
    return {"seconds": profile.seconds, "runs": profile.runs, "steps": steps}


def flame_of(steps: Sequence[TimedStep]) -> Flame:
    """Scopes side by side in the order of their first step, as wide as the time they take; steps below them."""
    root = _Scope()
    has_scopes = any("/" in step.name[1:] for step in steps)
    for step in steps:
        path = [part for part in step.name.split("/") if part]
        if not (path and has_scopes):
            path.insert(0, step.operator)
        scope = root
        scope.seconds += step.seconds
        for part in [*path[: _DEEPEST - 1], "/".join(path[_DEEPEST - 1 :])]:
            if part:
                scope = scope.parts.setdefault(part, _Scope())
                scope.seconds += step.seconds
        scope.operator = step.operator
    return Flame(_slices(root, root.seconds or 1.0))


def _slices(scope: _Scope, whole: float) -> tuple[Slice, ...]:
    found, small = [], 0.0
    for name, part in scope.parts.items():
        if part.seconds < _SMALLEST * whole:
            small += part.seconds
            continue
        found.append(_slice(name, part, whole))
    if small:
        found.append(Slice("small steps", small / whole, _time(small)))
    return tuple(found)


def _slice(name: str, scope: _Scope, whole: float) -> Slice:
    """A scope; scopes with a single part are named together with it."""
    while len(scope.parts) == 1 and not scope.operator:
        only, inner = next(iter(scope.parts.items()))
        name, scope = f"{name}/{only}", inner
    kind = f"{scope.operator} " if scope.operator else ""
    return Slice(name, scope.seconds / whole, f"{kind}{_time(scope.seconds)}", _slices(scope, whole))


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.0f} µs"
