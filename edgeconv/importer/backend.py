"""edgeconv as a backend of `onnx.backend`: a model goes the whole way to `.edge` bytes and back before it runs.

    from edgeconv.importer import backend
    y, = backend.prepare(model).run([x])

Types that the device does not have are computed in wider ones, and come back as the model declares them. An input that
the rank of a result depends on, or what is computed (`axes`), must be bound, see `prepare`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep

from edgeconv.core import Array
from edgeconv.errors import DataError, RunTimeInputError
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.importer.load import load_onnx
from edgeconv.ops.cast import onnx_dtype
from edgeconv.passes import simplify
from edgeconv.runtime import Interpreter

__all__ = ["EdgeconvBackend", "EdgeconvRep", "prepare", "prepare_binding", "run_model", "run_node", "supports_device"]

_Outputs = tuple[Union[Array, list[Array]], ...]


class EdgeconvRep(BackendRep):
    """A converted model, ready to run. `names`: of the inputs that `run` takes, in order (bound ones included)."""

    def __init__(
        self, model: onnx.ModelProto, constants: Mapping[str, Array], shapes: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        initializers = {tensor.name for tensor in model.graph.initializer}
        self.names = [value.name for value in model.graph.input if value.name not in initializers]
        self._constants = dict(constants)
        self._outputs = list(model.graph.output)
        self._interpreter = Interpreter(to_bytes(to_program(simplify(load_onnx(model, shapes, constants)))))

    def run(self, inputs: Any, **kwargs: Any) -> _Outputs:
        """Outputs for inputs in the order of the model, or by name; a bound one must have the value it was bound to.

        A sequence is a list of arrays.
        """
        named = inputs if isinstance(inputs, Mapping) else dict(zip(self.names, inputs, strict=True))
        for name, value in self._constants.items():
            if name in named and not np.array_equal(named[name], value):
                raise DataError(f"input {name!r} was bound to {np.asarray(value).tolist()}; prepare the model again")
        feeds = {name: _plain(value) for name, value in named.items() if name not in self._constants}
        found = iter(zip(self._interpreter.output_names, self._interpreter.run(None, feeds), strict=True))
        return tuple(self._gathered(value, found) for value in self._outputs)

    def _gathered(self, value: onnx.ValueInfoProto, found: Iterator[tuple[str, Array]]) -> Array | list[Array]:
        """An output of the model, from those of the interpreter."""
        if not value.type.HasField("sequence_type"):
            dtype, (_, y) = _declared(value), next(found)
            return y if dtype is None else y.astype(dtype)
        count = sum(name.rpartition(".")[0] == value.name for name in self._interpreter.output_names)
        return [next(found)[1] for _ in range(count)]


class EdgeconvBackend(Backend):
    """What `onnx.backend` calls; the functions of this module are its methods."""

    @classmethod
    def prepare(
        cls, model: onnx.ModelProto, device: str = "CPU", constants: Mapping[str, Array] | None = None, **kwargs: Any
    ) -> EdgeconvRep:
        """Convert a model at fp32. constants: values for inputs by name, which thereby stop being inputs.

        Raises UnsupportedModelError; its kind RunTimeInputError names an input that must be bound.
        """
        return EdgeconvRep(model, constants or {})

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> _Outputs:
        """Convert and run; inputs that shapes depend on are bound to the values given."""
        rep, _ = prepare_binding(model, inputs)
        return rep.run(inputs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """The CPU, where NumPy runs."""
        return bool(device == "CPU")


def prepare_binding(model: onnx.ModelProto, inputs: Sequence[Array]) -> tuple[EdgeconvRep, tuple[str, ...]]:
    """(the model ready to run, the inputs that had to be bound to their values in `inputs`, in order of demand)."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in initializers]
    given, constants = dict(zip(names, inputs, strict=True)), dict[str, Array]()
    shapes = {name: value.shape for name, value in given.items() if isinstance(value, np.ndarray) and 0 in value.shape}
    while True:
        shapes = {name: shape for name, shape in shapes.items() if name not in constants}
        try:
            return EdgeconvRep(model, constants, shapes), tuple(constants)
        except RunTimeInputError as error:
            if error.input in constants or error.input not in given:
                raise
            constants[error.input] = np.asarray(given[error.input])


def _declared(value: onnx.ValueInfoProto) -> np.dtype[Any] | None:
    """The dtype that the model declares of an output, None where it declares none."""
    elem_type = value.type.tensor_type.elem_type
    return onnx.helper.tensor_dtype_to_np_dtype(elem_type) if elem_type else None


def _plain(value: Any) -> Array:
    """An input in the dtype that stands for its own on the device: half precision as float32, int4 as int8.

    Strings stay: the interpreter knows their numbers.
    """
    array = np.asarray(value)
    if array.dtype.kind in "UO":
        return array
    return array.astype(onnx_dtype(onnx.helper.np_dtype_to_tensor_dtype(array.dtype)), copy=False)


prepare = EdgeconvBackend.prepare
run_model = EdgeconvBackend.run_model
run_node = EdgeconvBackend.run_node
supports_device = EdgeconvBackend.supports_device
