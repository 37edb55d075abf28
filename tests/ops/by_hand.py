"""One operator on int8 tensors, run by the interpreter, without a converter in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.ops.base import Operator, infer_types
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program, Step, Tensor

__all__ = ["integers", "run_int8"]

Given = tuple[Array, QParams | None]


def integers(*shape: int, seed: int = 0) -> Array:
    """All of int8, at random."""
    return np.random.default_rng([seed, *shape]).integers(-128, 128, shape).astype(np.int8)


def run_int8(op: Operator, given: Sequence[Given], y_q: QParams, constants: Sequence[int] = ()) -> list[Array]:
    """The raw outputs of `op` on (array, parameters) pairs; every output has the parameters `y_q`."""
    types = [
        type_of(array, q) if index in constants else TensorType(array.dtype.name, array.shape, q)
        for index, (array, q) in enumerate(given)
    ]
    found = infer_types(op, types)
    tensors = [Tensor(f"x{index}", known) for index, known in enumerate(types)]
    tensors += [Tensor(f"y{index}", TensorType(known.dtype, known.shape, y_q)) for index, known in enumerate(found)]
    outputs = tuple(range(len(types), len(tensors)))
    variable = tuple(index for index in range(len(types)) if index not in constants)
    step = Step(op, tuple(range(len(types))), outputs)
    interpreter = Interpreter(Program(tuple(tensors), (step,), variable, outputs))
    feeds = {f"x{index}": given[index][0] for index in variable}
    interpreter.run(None, feeds, raw=True)  # a second run must not see what the first one left behind
    return interpreter.run(None, feeds, raw=True)
