"""LiteRT's (TensorFlow Lite's) method names, so that a script for it changes only its import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.errors import DataError
from edgeconv.runtime.store import export

if TYPE_CHECKING:
    from edgeconv.runtime.planner import Plan
    from edgeconv.runtime.program import Program
    from edgeconv.runtime.state import State, Turn

__all__ = ["LiteRTCalls"]


class LiteRTCalls:
    """The stateful interface: allocate_tensors, set_tensor, invoke, get_tensor. Symbolic dimensions start at 1."""

    program: Program
    _turn: Turn
    _state: State

    def __init__(self) -> None:
        self._shapes: dict[int, tuple[int, ...]] = {
            index: tuple(dim if isinstance(dim, int) else 1 for dim in self.program.tensors[index].type.shape)
            for index in self.program.inputs
            if index not in dict(self.program.states)
        }

    def plan_for(self, shapes: Sequence[tuple[int, ...]]) -> Plan:
        """The plan for input shapes."""
        raise NotImplementedError

    def _execute(self, plan: Plan) -> None:
        raise NotImplementedError

    def _current(self) -> Plan:
        given = {self.program.tensors[index].name: shape for index, shape in self._shapes.items()}
        shapes = self._state.shapes(given) if self._state else given
        return self.plan_for([shapes[self.program.tensors[index].name] for index in self.program.inputs])

    def allocate_tensors(self) -> None:
        """Plan for the current input shapes; done by the first `invoke` otherwise."""
        self._current()

    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int], strict: bool = False) -> None:
        """Give an input another shape; only its symbolic dimensions may change."""
        declared = self.program.tensors[self._input(input_index)].type
        size = tuple(int(dim) for dim in tensor_size)
        fixed = zip(declared.shape, size, strict=False)
        if len(size) != declared.rank or any(isinstance(want, int) and want != have for want, have in fixed):
            raise DataError(f"input {input_index} is {declared}; it cannot take the shape {list(size)}")
        self._shapes[input_index] = size

    def get_input_details(self) -> list[dict[str, Any]]:
        """One dictionary per input (but for the state): name, index, shape, shape_signature, dtype, quantization."""
        return [self._details(index) for index in self._shapes]

    def get_output_details(self) -> list[dict[str, Any]]:
        """One dictionary per output, as `get_input_details`; a dimension that only data tells is 0 until `invoke`."""
        return [self._details(index) for index in self.program.outputs]

    def set_tensor(self, tensor_index: int, value: Array) -> None:
        """Copy `value` into an input; its dtype and shape must be those of the details."""
        index = self._input(tensor_index)
        plan, value = self._current(), np.asarray(value)
        known = plan.types[index]
        if value.shape != known.shape or value.dtype.name != known.dtype:
            wanted = f"{known.dtype}{list(known.shape)}"
            raise DataError(f"input {index} needs {wanted}, found {value.dtype.name}{list(value.shape)}")
        with self._turn:
            plan.loaders[index](value)

    def invoke(self) -> None:
        """Run on the inputs set before, and on the state that earlier calls have left."""
        with self._turn:
            plan = self._current()
            if self._state:
                self._load_state(plan)
            self._execute(plan)

    def reset_all_variables(self) -> None:
        """Forget the state: the next call starts a new sequence."""
        self._state.reset()

    def _load_state(self, plan: Plan) -> None:
        names = {self.program.tensors[index].name: index for index in self.program.inputs}
        given = {self.program.tensors[index].name: plan.types[index].ints for index in self._shapes}
        for name, array in self._state.missing(given).items():
            plan.loaders[names[name]](array)

    def get_tensor(self, tensor_index: int) -> Array:
        """A copy of an output (or of an input, until `invoke`), in its own dtype."""
        tensors = self._current().tensors
        if tensor_index not in tensors:
            raise DataError(f"there is no tensor {tensor_index}; see get_output_details()")
        return export(tensors[tensor_index], raw=True)

    def _input(self, index: int) -> int:
        if index not in self._shapes:
            raise DataError(f"tensor {index} is no input to set; the inputs are {list(self._shapes)}")
        return index

    def _details(self, index: int) -> dict[str, Any]:
        tensor, plan = self.program.tensors[index], self._current()
        resolved = plan.tensors[index].type if index in plan.tensors else plan.types[index]
        return {
            "name": tensor.name,
            "index": index,
            "shape": np.array([dim if isinstance(dim, int) else 0 for dim in resolved.shape], np.int32),
            "shape_signature": np.array([d if isinstance(d, int) else -1 for d in tensor.type.shape], np.int32),
            "dtype": np.dtype(resolved.dtype).type,
            **_quantization(tensor.type),
        }


def _quantization(known: TensorType) -> dict[str, Any]:
    q = known.q
    scales = np.array(q.scale if q else [], np.float32)
    zero_points = np.array(q.zero_point if q else [], np.int32)
    return {
        "quantization": (q.scale[0], q.zero_point[0]) if q else (0.0, 0),
        "quantization_parameters": {
            "scales": scales,
            "zero_points": zero_points,
            "quantized_dimension": (q.axis or 0) if q else 0,
        },
    }
