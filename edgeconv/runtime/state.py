"""State: outputs that come back as inputs in the next call, kept by the interpreter between calls.

Before the first call, and after `reset`, the state is at rest: zeros. A value goes from an output to its input as it
is where both have the same type and scale; else through float32, by single elementwise operations, so that the bytes
are the same everywhere. Beside it stands what holds during a call: how NumPy is set, and that nobody else runs.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from collections.abc import Mapping

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.dims import evaluate
from edgeconv.errors import DataError, UsageError
from edgeconv.ops.base import Operand
from edgeconv.runtime.program import Program
from edgeconv.runtime.store import export

__all__ = ["Settings", "State", "Turn", "asked_inputs"]


def asked_inputs(program: Program) -> list[str]:
    """The names of the inputs that a caller must give: those that no output is bound to."""
    bound = {source for source, _ in program.states}
    return [program.tensors[index].name for index in program.inputs if index not in bound]


class State:
    """The state of one interpreter."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._bound = {program.tensors[source].name: (source, target) for source, target in program.states}
        self._kept: dict[str, Array] = {}

    def __bool__(self) -> bool:
        return bool(self._bound)

    @property
    def values(self) -> dict[str, Array]:
        """What is kept, by the name of the input; nothing while the state is at rest."""
        return {name: array.copy() for name, array in self._kept.items()}

    def reset(self) -> None:
        """Back to rest."""
        self._kept.clear()

    def put_back(self, values: Mapping[str, Array]) -> None:
        """What `values` has told before is the state again."""
        self._kept = dict(values)

    def filled(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """`feeds` with the state for every bound input that is not among them; DataError where it does not fit."""
        return {**feeds, **self.missing({name: np.shape(array) for name, array in feeds.items()})}

    def missing(self, given: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
        """The state for every bound input whose shape is not `given`, as the shapes of the others want it."""
        sizes = self._sizes(given)
        wanted = {name: source for name, (source, _) in self._bound.items() if name not in given}
        return {name: self._value(name, self._program.tensors[source].type, sizes) for name, source in wanted.items()}

    def shapes(self, given: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """`given`, shapes by input name, with those of the bound inputs."""
        sizes = self._sizes(given)
        bound = {name: self._program.tensors[source].type for name, (source, _) in self._bound.items()}
        return {**given, **{name: _shape(known, sizes) for name, known in bound.items()}}

    def keep(self, tensors: Mapping[int, Operand]) -> None:
        """Take the state from the outputs, as a call has left them."""
        types = self._program.tensors
        for name, (source, target) in self._bound.items():
            want, have = types[source].type, types[target].type
            self._kept[name] = export(tensors[target], raw=(want.dtype, want.q) == (have.dtype, have.q))

    def _value(self, name: str, known: TensorType, sizes: Mapping[str, int]) -> Array:
        shape, kept = _shape(known, sizes), self._kept.get(name)
        if kept is None:
            return np.zeros(shape, "float32" if known.q is not None else known.dtype)
        if kept.shape != shape and len(kept.shape) == len(shape):
            raise DataError(f"the state {name!r} was kept for the shape {list(kept.shape)}, these inputs need "
                            f"{list(shape)}; call reset() first")  # fmt: skip
        return kept

    def _sizes(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        """Symbol -> size, read off the inputs that are given."""
        sizes: dict[str, int] = {}
        for index in self._program.inputs:
            tensor = self._program.tensors[index]
            for dim, size in zip(tensor.type.shape, shapes.get(tensor.name, ()), strict=False):
                if not isinstance(dim, int):
                    sizes[str(dim)] = size
        return sizes


def _shape(known: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape with symbols replaced; 1 for those that no input tells."""
    dims = (evaluate(dim, sizes) for dim in known.shape)
    return tuple(dim if isinstance(dim, int) else 1 for dim in dims)


BUFFER = 256 if int(np.__version__.partition(".")[0]) > 1 else 128
"""Elements of the buffers of ufuncs (NumPy 1 takes two where NumPy 2 takes one). Rows that are not contiguous are
copied through buffers, as many as fit, unless a single row fills one: long rows are faster without, and kernels avoid
short ones. Small buffers cost little memory.
"""


class Settings:
    """A context with small buffers and without warnings; what was set before comes back at the end."""

    def __enter__(self) -> None:
        self._before = np.setbufsize(BUFFER)
        self._errors = np.errstate(all="ignore")
        self._errors.__enter__()

    def __exit__(self, *failure: object) -> None:
        self._errors.__exit__(None, None, None)
        np.setbufsize(self._before)


class Turn:
    """These settings, for one thread at a time; UsageError for a second one.

    `is_shared`: what runs shares memory with other processes, so that a copy of it in a forked one must not run.
    """

    def __init__(self, is_shared: bool) -> None:
        self._lock, self._settings = allocate_lock(), Settings()
        self._owner = os.getpid() if is_shared else 0

    def __enter__(self) -> None:
        if self._owner and self._owner != os.getpid():
            raise UsageError("this Interpreter was made with threads in another process; make one in each process")
        if not self._lock.acquire(blocking=False):
            raise UsageError("this Interpreter is running in another thread; make one Interpreter for each thread")
        self._settings.__enter__()

    def __exit__(self, *failure: object) -> None:
        self._settings.__exit__()
        self._lock.release()
