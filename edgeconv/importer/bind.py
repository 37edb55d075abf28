"""Inputs bound to values: they stop being inputs, and shapes may depend on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import onnx
from numpy.typing import ArrayLike

from edgeconv.core import Array
from edgeconv.errors import UsageError
from edgeconv.importer.decode import dtype_name

__all__ = ["bind_inputs"]


def bind_inputs(inputs: Sequence[onnx.ValueInfoProto], constants: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """The values by input name, in the dtype and shape that the model declares.

    A flat list of as many numbers as the shape has elements takes that shape. UsageError for what does not fit.
    """
    declared = {value.name: value for value in inputs}
    bound = {}
    for name, given in constants.items():
        if name not in declared:
            raise UsageError(f"--bind names {name!r}, but the model's inputs are {', '.join(map(repr, declared))}")
        bound[name] = _fitted(declared[name], np.asarray(given))
    return bound


def _fitted(value: onnx.ValueInfoProto, given: Array) -> Array:
    dtype = dtype_name(value.type.tensor_type.elem_type, f"input {value.name!r}")
    array = given.astype(dtype)
    if not dtype.startswith("float") and not np.array_equal(array, given):
        raise UsageError(f"--bind gives {value.name!r} values that {dtype} cannot hold: {given.tolist()}")
    if not value.type.tensor_type.HasField("shape"):
        return array
    declared = value.type.tensor_type.shape.dim
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in declared]
    known = [dim for dim in dims if dim is not None]
    if array.ndim == 1 and len(known) == len(dims) and prod(known) == array.size:
        return array.reshape(known)
    if array.ndim != len(dims) or any(want not in (None, have) for want, have in zip(dims, array.shape, strict=True)):
        shown = ",".join(str(dim.dim_value) if dim.HasField("dim_value") else dim.dim_param or "?" for dim in declared)
        raise UsageError(f"--bind gives {value.name!r} the shape {list(given.shape)}, the model declares [{shown}]")
    return array
