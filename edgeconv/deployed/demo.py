"""`--demo`: how fast a deployed model is on this machine, what memory that takes, and whether its answers are right."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgeconv.core import Array
from edgeconv.deployed.carried import MODEL, read_member
from edgeconv.deployed.golden import FLOAT_TOLERANCE, INT8_STEPS, differences, golden_inputs, is_close
from edgeconv.report.text import printable
from edgeconv.runtime import Interpreter
from edgeconv.runtime.verify import verify_file

__all__ = ["check_lines", "measure_lines"]

_MOST_RUNS, _LEAST_RUNS, _SECONDS = 200, 5, 2.0
_NAMES_SHOWN = 5


def measure_lines(interpreter: Interpreter, about: Mapping[str, Any]) -> Iterator[str]:
    """How long a first run and later ones take, and the memory of the process."""
    feeds = golden_inputs(about["golden"][0])
    started = time.perf_counter()
    interpreter.run(None, feeds)
    first = time.perf_counter() - started
    times = _latencies(interpreter, feeds)
    program, arrays = interpreter.program, interpreter.with_state(feeds)
    memory = interpreter.plan_for([arrays[program.tensors[index].name].shape for index in program.inputs]).memory
    median, slow = np.percentile(times, [50, 90])
    yield f"{printable(about['model'])}: {about['precision']}, {len(interpreter.program.steps)} operators"
    yield f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}"
    yield f"first run {1e3 * first:.1f} ms"
    yield f"latency p50 {1e3 * median:.3f} ms, p90 {1e3 * slow:.3f} ms ({len(times)} runs)"
    held = {"weights": memory.prepared, "activations": memory.arena + memory.scratch}
    yield f"memory planned {_kilobytes(memory.total)}: {', '.join(f'{n} {_kilobytes(b)}' for n, b in held.items())}"
    peak = _peak_bytes()
    if peak is not None:
        yield f"peak memory of this process {peak / 1e6:.1f} MB"


def check_lines(interpreter: Interpreter, about: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The lines about the golden outputs, and whether these are right.

    Raises InvalidModelError where a byte of the model is not what was written.
    """
    verify_file(read_member(MODEL))
    samples, float_operators = about["golden"], about["float_operators"]
    found = list(differences(interpreter, samples))
    told = [f"  {each}" for each in found]
    if not found:
        return ["bit-exact on this machine: yes", *_note(float_operators)], True
    if float_operators and all(map(is_close, found)):
        exact = f"bit-exact on this machine: up to {_named(float_operators)}"
        return [exact, f"  within the tolerance for them: {_tolerance()}", *told], True
    reason = [f"  more than the tolerance for {_named(float_operators)}: {_tolerance()}"] if float_operators else []
    return ["bit-exact on this machine: no", *told, *reason], False


def _note(float_operators: Sequence[str]) -> list[str]:
    if not float_operators:
        return []
    return [f"  on these samples; other inputs may differ in the last bits of {_named(float_operators)}"]


def _named(float_operators: Sequence[str]) -> str:
    names = ", ".join(printable(name) for name in float_operators[:_NAMES_SHOWN])
    more = f" and {len(float_operators) - _NAMES_SHOWN} more" if len(float_operators) > _NAMES_SHOWN else ""
    return f"{len(float_operators)} float operator{'s' * (len(float_operators) != 1)} ({names}{more})"


def _tolerance() -> str:
    return f"{INT8_STEPS} steps of an int8 output, {FLOAT_TOLERANCE:.1%} of a float output's range"


def _kilobytes(count: int) -> str:
    return f"{count / 1e3:,.0f} kB"


def _latencies(interpreter: Interpreter, feeds: Mapping[str, Array]) -> list[float]:
    """Seconds per call, for as many calls as fit into a moment."""
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < _LEAST_RUNS or (len(times) < _MOST_RUNS and time.perf_counter() < end):
        started = time.perf_counter()
        interpreter.run(None, feeds)
        times.append(time.perf_counter() - started)
    return times


def _peak_bytes() -> int | None:
    """The most memory that this process has held, where Linux tells."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            found = [line for line in file if line.startswith("VmHWM:")]
        return int(found[0].split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        return None
