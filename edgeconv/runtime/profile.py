"""Where the time of a run goes, step by step: what `Interpreter.profile` gives. Plain data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter

import numpy as np

from edgeconv.core import Kernel
from edgeconv.ops.base import Inputs
from edgeconv.ops.jobs import chain
from edgeconv.records import dataclass, replace
from edgeconv.runtime.planner import Plan
from edgeconv.runtime.program import ABSENT, Step

__all__ = ["Profile", "StepProfile", "flattened", "profile_plan"]


@dataclass(frozen=True)
class StepProfile:
    """One step.

    `seconds`: the median of all runs. `macs`: its multiply-accumulate operations. `nbytes`: of what it reads (constants
    included) and writes, as the file declares it.
    """

    name: str
    operator: str
    seconds: float
    macs: int
    nbytes: int


@dataclass(frozen=True)
class Profile:
    """The steps that run, in order; those whose results follow from shapes alone are computed once and not among them.

    `seconds`: the median time of all steps together, without what takes inputs in and outputs out.
    """

    seconds: float
    runs: int
    steps: tuple[StepProfile, ...]


def flattened(plan: Plan) -> Plan:
    """All stages of a plan as one, for inputs that lead to the shapes of its last run."""
    if plan.next is None or plan.next.plan is None:
        return plan
    load, follow = partial(plan.next.load, plan.tensors), flattened(plan.next.plan)
    kernels = [*plan.kernels, *follow.kernels]
    if follow.kernels:
        step, kernel = follow.kernels[0]
        kernels[len(plan.kernels)] = step, chain([load, kernel])
    tensors = {**follow.tensors, **plan.tensors}
    types = [tensors[index].type if index in tensors else known for index, known in enumerate(plan.types)]
    return replace(plan, types=types, kernels=kernels, next=None)


def profile_plan(plan: Plan, execute: Callable[[Plan], None], runs: int) -> Profile:
    """Time every step of `plan` in `runs` runs, after one that does not count. `execute` runs a plan."""
    times = np.empty((runs + 1, len(plan.kernels)))
    row = 0

    def timed(column: int, kernel: Kernel) -> Kernel:
        def measured() -> None:
            begin = perf_counter()
            kernel()
            times[row, column] = perf_counter() - begin

        return measured

    kernels = [(step, timed(column, kernel)) for column, (step, kernel) in enumerate(plan.kernels)]
    instrumented = replace(plan, kernels=kernels)
    for row in range(runs + 1):  # noqa: B007 - the kernels read it
        execute(instrumented)
    medians = np.median(times[1:], axis=0) if kernels else np.zeros(0)
    steps = tuple(_step(plan, step, float(each)) for (step, _), each in zip(kernels, medians, strict=True))
    return Profile(float(np.median(times[1:].sum(axis=1))), runs, steps)


def _step(plan: Plan, step: Step, seconds: float) -> StepProfile:
    inputs = [None if index == ABSENT else plan.types[index] for index in step.inputs]
    outputs = [plan.types[index] for index in step.outputs if index != ABSENT]
    return StepProfile(
        step.name,
        type(step.op).__name__,
        seconds,
        step.op.macs(Inputs(inputs), outputs),
        sum(known.nbytes for known in (*inputs, *outputs) if known is not None),
    )
