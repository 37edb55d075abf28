"""Interpreter: runs a `.edge` file with NumPy alone.

it = Interpreter("model.edge")
y, = it.run(None, {"input": x})        # ONNX Runtime's call
y = it(x)                              # the short one
it.allocate_tensors(); it.set_tensor(...); it.invoke(); it.get_tensor(...)      # LiteRT's
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.errors import DataError, UsageError
from edgeconv.records import replace
from edgeconv.runtime.litert import LiteRTCalls
from edgeconv.runtime.planner import Plan, build_plan, run_plan
from edgeconv.runtime.program import Program
from edgeconv.runtime.state import State, Turn, asked_inputs
from edgeconv.runtime.store import Memory, export, read

if TYPE_CHECKING:
    from edgeconv.runtime.processes import Processes
    from edgeconv.runtime.profile import Profile
    from edgeconv.runtime.threads import Threads

__all__ = ["DEFAULT_MEMORY_LIMIT", "GAPS", "Interpreter", "STRINGS", "Tap", "input_type", "prepare_inputs"]

DEFAULT_MEMORY_LIMIT = 1 << 31
_PLANS_KEPT = 4

Tap = Callable[[str, Array], None]
"""Called with (tensor name, array) after each step; the array is only valid during the call."""

GAPS = "gaps."
"""Metadata key, before the name of an input in which NaN stands for a value that is missing."""
STRINGS = "strings."
"""Before the name of an input in a file's metadata: the strings that its numbers stand for."""


class Interpreter(LiteRTCalls):
    """A loaded model. One thread at a time may use it: make one Interpreter per thread.

    source: path, bytes, or a Program. threads: how many work on one layer (the bytes that come out are the same); on
    Linux the others are forked processes, so that the interpreter then belongs to the process that made it.
    memory: "fast" keeps weights and activations in the form that kernels like; "small" keeps activations as the file
    declares them and makes weights ready layer by layer in every call. memory_limit: bytes that activations (and again
    working memory) may take. Raises InvalidModelError for anything but a sound model.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | bytes | memoryview | Program,
        *,
        threads: int = 1,
        memory: str = "fast",
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> None:
        if not isinstance(threads, int) or threads < 1 or memory not in ("fast", "small"):
            raise UsageError(f"threads={threads!r} and memory={memory!r} must be 1 or more, and 'fast' or 'small'")
        self.program = source if isinstance(source, Program) else _read(source)
        self._limit, self._small = memory_limit, memory == "small"
        self._workers = _start(threads, self._small) if threads > 1 else None
        self._plans: OrderedDict[tuple[tuple[int, ...], ...], Plan] = OrderedDict()
        self._known: tuple[object, Plan] | None = None
        self._names = tuple(self.program.tensors[index].name for index in self.program.inputs)
        self._asked = tuple(asked_inputs(self.program))
        self._turn, self._state = Turn(is_shared=threads > 1), State(self.program)
        super().__init__()

    @property
    def threads(self) -> int:
        """How many work on one layer."""
        return 1 if self._workers is None else self._workers.threads

    @property
    def memory(self) -> Memory:
        """What a run takes beside the file, in bytes, for the shapes of LiteRT's calls (symbolic dimensions are 1).

        Without what comes after a shape that only data tells.
        """
        return self._current().memory

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs that a caller gives, in order: all but the state."""
        return list(self._asked)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in order."""
        return [self.program.tensors[index].name for index in self.program.outputs]

    def input_type(self, name: str) -> TensorType:
        """The type of the input called `name`."""
        known = self.program.tensors[self.program.inputs[self._names.index(name)]].type
        return input_type(known, name, self.program.metadata)

    @property
    def input_types(self) -> dict[str, TensorType]:
        """The types of the inputs that a caller gives, by name, in order."""
        return {name: self.input_type(name) for name in self._asked}

    @property
    def state(self) -> dict[str, Array]:
        """Copies of what is kept for the next call, by the name of the input; empty while all of it is zeros."""
        return self._state.values

    def with_state(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """`feeds` with the state that the next call would take."""
        return self._state.filled(feeds)

    def reset(self) -> None:
        """Forget the state: the next call starts a new sequence."""
        self._state.reset()

    def __call__(self, *arrays: Array, raw: bool = False) -> Any:
        """Run on positional inputs; one output comes alone, several as a list."""
        if len(arrays) != len(self._asked):
            raise DataError(f"the model has {len(self._asked)} inputs {self.input_names}, found {len(arrays)}")
        outputs = self.run(None, dict(zip(self._asked, arrays, strict=True)), raw=raw)
        return outputs[0] if len(outputs) == 1 else outputs

    def run(
        self,
        output_names: Sequence[str] | None,
        feeds: Mapping[str, Array],
        *,
        raw: bool = False,
        tap: Tap | None = None,
    ) -> list[Array]:
        """Outputs for the inputs in `feeds`, by name.

        Float input to an int8 model is quantized, int8 output is dequantized; with `raw` it stays int8. int8 input
        is taken as it is. `tap` sees every tensor as it is computed. The outputs are the caller's own copies.
        Inputs that are state are kept from call to call; one in `feeds` is taken instead of what is kept.
        """
        if not hasattr(feeds, "keys"):
            raise UsageError(f"run takes a dictionary of the inputs {list(self._asked)}, found {type(feeds).__name__}")
        with self._turn:
            if self._state:
                feeds = self._state.filled(feeds)
            plan, arrays = self._plan_inputs(feeds)
            for index, array in zip(self.program.inputs, arrays, strict=True):
                plan.loaders[index](array)
            self._execute(plan, tap)
            return [export(plan.tensors[index], raw) for index in self._outputs(output_names)]

    def _plan_inputs(self, feeds: Mapping[str, Array]) -> tuple[Plan, Sequence[Array]]:
        """The plan for `feeds`, and the checked arrays; what was right last time is not checked again."""
        given = [feeds.get(name) for name in self._names]
        key = [(type(array), getattr(array, "shape", ()), getattr(array, "dtype", None)) for array in given]
        if self._known is not None and self._known[0] == key and len(feeds) == len(given):
            return self._known[1], [array for array in given if array is not None]
        arrays = prepare_inputs(self.program, feeds)
        plan = self.plan_for([array.shape for array in arrays])
        if all(array is mine for array, mine in zip(given, arrays, strict=True)):
            self._known = key, plan
        return plan, arrays

    def profile(self, *arrays: Array, runs: int = 30) -> Profile:
        """Where the time goes on these inputs: for every step its median of `runs` runs, its work and its bytes.

        The state stays what it was.
        """
        from edgeconv.runtime.profile import flattened, profile_plan

        with self._turn:
            plan, inputs = self._plan_inputs(self._state.filled(dict(zip(self._asked, arrays, strict=False))))
            for index, array in zip(self.program.inputs, inputs, strict=True):
                plan.loaders[index](array)
            kept = self._state.values
            if plan.next is not None:
                self._execute(plan)
            try:
                return profile_plan(flattened(plan), self._execute, max(runs, 1))
            finally:
                self._state.put_back(kept)

    def plan_for(self, shapes: Sequence[tuple[int, ...]]) -> Plan:
        """The plan for input shapes, made once and kept for the last few shapes."""
        key = tuple(tuple(shape) for shape in shapes)
        if key not in self._plans:
            shapes_by_index = dict(zip(self.program.inputs, key, strict=True))
            self._plans[key] = build_plan(
                self.program, shapes_by_index, self._limit, small=self._small, workers=self._workers
            )
            if len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return self._plans[key]

    def _execute(self, plan: Plan, tap: Tap | None = None) -> None:
        if self._workers is None:
            self._run_kernels(plan, tap)
        else:
            from edgeconv.runtime.blas import single_blas_thread

            with single_blas_thread():
                self._run_kernels(plan, tap)
        if self._state:
            self._state.keep(plan.tensors)

    def _run_kernels(self, plan: Plan, tap: Tap | None) -> None:
        if tap is None:
            run_plan(plan)
            return
        tensors = self.program.tensors
        for index in self.program.inputs:
            tap(tensors[index].name, read(plan.tensors[index]))
        run_plan(plan, lambda index, held: tap(tensors[index].name, read(held)))

    def _outputs(self, names: Sequence[str] | None) -> Sequence[int]:
        if names is None:
            return self.program.outputs
        known = dict(zip(self.output_names, self.program.outputs, strict=True))
        for name in names:
            if name not in known:
                raise DataError(f"the model has no output {name!r}; its outputs are {list(known)}")
        return [known[name] for name in names]


def input_type(known: TensorType, name: str, metadata: Mapping[str, str]) -> TensorType:
    """The type of the input `name` as a caller sees it, by the metadata of its file."""
    if GAPS + name in metadata:
        return replace(known, takes_nan=True)
    if STRINGS + name not in metadata:
        return known
    from edgeconv.runtime.strings import WORDS, StringType

    words = metadata.get(WORDS + name, "")
    return StringType(known.dtype, known.shape, known.q, table=metadata[STRINGS + name], words=words)


def _start(threads: int, is_small: bool) -> Processes | Threads:
    """Who works on one layer: processes where there are any, but on layers that are made ready in every call."""
    if not is_small:
        from edgeconv.runtime.processes import Processes

        try:
            return Processes(threads)
        except OSError:  # not on Linux, or not allowed
            pass
    from edgeconv.runtime.threads import Threads

    return Threads(threads)


def _read(source: str | os.PathLike[str] | bytes | memoryview) -> Program:
    from edgeconv.runtime.reader import read_program

    return read_program(source)


def prepare_inputs(program: Program, feeds: Mapping[str, Array]) -> list[Array]:
    """The inputs of a program in order, checked; DataError says what does not fit.

    Each has its tensor's dtype, or is float32 where that is quantized. A state that is not given is at rest.
    """
    if program.states:
        feeds = State(program).filled(feeds)
    names = [program.tensors[index].name for index in program.inputs]
    unknown = sorted(set(feeds) - set(names))
    if unknown:
        raise DataError(f"the model has no input {unknown[0]!r}; its inputs are {names}")
    missing = [name for name in names if name not in feeds]
    if missing:
        raise DataError(f"input {missing[0]!r} is missing; the model's inputs are {names}")
    return [
        _import(np.asarray(feeds[name]), input_type(program.tensors[index].type, name, program.metadata), name)
        for index, name in zip(program.inputs, names, strict=True)
    ]


def _import(array: Array, known: TensorType, name: str) -> Array:
    """An input array in the tensor's dtype (float32 is left to be quantized), its shape checked."""
    array = known.numbered(array)
    fits = len(array.shape) == known.rank and all(
        not isinstance(want, int) or have == want for have, want in zip(array.shape, known.shape, strict=True)
    )
    if not fits:
        raise DataError(f"input {name!r} has shape {list(array.shape)}, the model needs {known}")
    if array.dtype.name == known.dtype:
        return array
    if known.q is not None and array.dtype.kind == "f":
        return array.astype(np.float32, copy=False)
    if not np.can_cast(array.dtype, known.dtype, "same_kind") or known.q is not None:
        real = "" if known.q is None else " or floating-point numbers"
        raise DataError(f"input {name!r} is {array.dtype.name}, the model needs {known}{real}")
    return array.astype(known.dtype)
