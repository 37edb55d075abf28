"""How fast a model is, as plain data: percentiles, its operators, memory, the floor, and others beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgeconv.bench.calls import count_calls
from edgeconv.bench.machine import Machine, measure_machine
from edgeconv.bench.peers import Call
from edgeconv.bench.turns import Timing, take_turns
from edgeconv.core import Array
from edgeconv.runtime import Interpreter
from edgeconv.runtime.profile import StepProfile, flattened
from edgeconv.runtime.store import Memory

__all__ = ["Benchmark", "OperatorTime", "bench", "shapes_with_state", "step_calls"]

_PROFILE_SHARE = 0.3
_MOST_PROFILED = 200


@dataclass(frozen=True)
class OperatorTime:
    """All steps of one operator: how many, seconds and multiply-accumulates of a run, and calls into NumPy."""

    operator: str
    steps: int
    calls: int
    seconds: float
    macs: int

    @property
    def macs_per_second(self) -> float:
        """0 for an operator without multiply-accumulates."""
        return self.macs / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Benchmark:
    """One model on one machine.

    `timing`: of whole runs, inputs taken in and outputs copied out. `steps` and `calls`: the profile of a run, step by
    step, and the calls into NumPy that each step makes. `peers`: the same for others, measured in turns.
    `memory`: bytes beside the file, `file_bytes`, None where there is no file.
    """

    model: str
    timing: Timing
    steps: tuple[StepProfile, ...]
    calls: tuple[int, ...]
    memory: Memory
    machine: Machine
    peers: Mapping[str, Timing]
    file_bytes: int | None = None

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a run."""
        return sum(step.macs for step in self.steps)

    @property
    def floor(self) -> float:
        """Seconds that a run takes at least on this machine.

        Each call into NumPy costs what an empty one costs (a run makes one at least, for its output); each
        multiply-accumulate what it costs in a large product.
        """
        return max(sum(self.calls), 1) * self.machine.call_seconds + self.macs / self.machine.macs_per_second

    @property
    def operators(self) -> tuple[OperatorTime, ...]:
        """The steps summed by operator, the slowest first."""
        names = dict.fromkeys(step.operator for step in self.steps)
        found = [self._operator(name) for name in names]
        return tuple(sorted(found, key=lambda each: -each.seconds))

    def _operator(self, name: str) -> OperatorTime:
        own = [(step, calls) for step, calls in zip(self.steps, self.calls, strict=True) if step.operator == name]
        return OperatorTime(
            name,
            len(own),
            sum(calls for _, calls in own),
            sum(step.seconds for step, _ in own),
            sum(step.macs for step, _ in own),
        )


def bench(
    interpreter: Interpreter,
    inputs: Sequence[Array],
    *,
    model: str,
    peers: Mapping[str, Call] | None = None,
    seconds: float = 3.0,
    runs: int | None = None,
    file_bytes: int | None = None,
) -> Benchmark:
    """Measure a model on `inputs` beside `peers`, in turns, for about `seconds` in all, or `runs` runs each."""
    contestants: dict[str, Call] = {"edgeconv": lambda: interpreter(*inputs), **(peers or {})}
    timings = take_turns(contestants, (1 - _PROFILE_SHARE) * seconds, runs)
    timing = timings.pop("edgeconv")
    afford = int(_PROFILE_SHARE * seconds / max(timing.p50, 1e-9))
    profile = interpreter.profile(*inputs, runs=runs or min(max(afford, 5), _MOST_PROFILED))
    calls = step_calls(interpreter, inputs)
    memory = interpreter.plan_for([*shapes_with_state(interpreter, inputs).values()]).memory
    return Benchmark(model, timing, profile.steps, calls, memory, measure_machine(), timings, file_bytes)


def step_calls(interpreter: Interpreter, inputs: Sequence[Array]) -> tuple[int, ...]:
    """Calls into NumPy of every step, in a plan for one thread."""
    alone = Interpreter(interpreter.program) if interpreter.threads > 1 else interpreter
    alone(*inputs)
    plan = flattened(alone.plan_for([*shapes_with_state(alone, inputs).values()]))
    with np.errstate(all="ignore"):
        return tuple(count_calls(kernel) for _, kernel in plan.kernels)


def shapes_with_state(interpreter: Interpreter, inputs: Sequence[Array]) -> dict[str, tuple[int, ...]]:
    """The shape of every input of the model by name, in order, where a caller gives `inputs`."""
    full = interpreter.with_state(dict(zip(interpreter.input_names, inputs, strict=True)))
    names = (interpreter.program.tensors[index].name for index in interpreter.program.inputs)
    return {name: full[name].shape for name in names}
