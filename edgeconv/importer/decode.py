"""ONNX protobuf -> NumPy arrays and plain Python values. External data stays inside the model's own folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edgeconv.core import DTYPES, Array
from edgeconv.errors import InvalidModelError, UnsupportedModelError
from edgeconv.ops.cast import onnx_dtype
from edgeconv.ops.onnx_rules import Unsupported

__all__ = ["attribute_value", "dtype_name", "external_path", "sparse_value", "tensor_decoder", "tensor_value"]

_MOST_BYTES = 1 << 31
"""Of a sparse tensor written out."""


def dtype_name(elem_type: int, where: str) -> str:
    """The NumPy name of an ONNX element type; narrow types read as wider ones."""
    if elem_type not in onnx.TensorProto.DataType.values():
        raise InvalidModelError(f"{where} has the unknown element type {elem_type}")
    try:
        return onnx_dtype(elem_type)
    except Unsupported:
        shown = onnx.TensorProto.DataType.Name(elem_type)
        way_on = "; turn strings into numbers before the model" if shown == "STRING" else ""
        known = f"the device has {', '.join(DTYPES)}"
        raise UnsupportedModelError(f"{where} is a tensor of {shown}; {known}{way_on}") from None


def tensor_value(tensor: onnx.TensorProto, folder: Path | None) -> Array:
    """The array behind an initializer or a tensor attribute; external data is read from `folder`."""
    where = f"tensor {tensor.name!r}"
    name = dtype_name(tensor.data_type, where)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = _with_data(tensor, folder)
    try:
        value = numpy_helper.to_array(tensor)
    except Exception as error:
        raise InvalidModelError(f"{where} cannot be decoded: {error}; export the model again") from error
    return np.ascontiguousarray(value, name).reshape(value.shape)


def sparse_value(sparse: onnx.SparseTensorProto, folder: Path | None) -> Array:
    """The array that a sparse tensor stands for: zeros but at its indices, linear ones or one row of them for each."""
    values, indices = tensor_value(sparse.values, folder), tensor_value(sparse.indices, folder)
    shape = tuple(sparse.dims)
    if min(shape, default=1) < 1 or prod(shape) * values.itemsize > _MOST_BYTES:
        raise InvalidModelError(f"sparse tensor {sparse.values.name!r} has the shape {shape}; export it as a dense one")
    dense = np.zeros(shape, values.dtype)
    try:
        places = indices if indices.ndim < 2 else np.ravel_multi_index(tuple(indices.T), shape)
        dense.reshape(-1)[places] = values
    except (ValueError, IndexError) as error:
        raise InvalidModelError(f"sparse tensor {sparse.values.name!r} cannot be decoded: {error}") from error
    return dense


def tensor_decoder(tensor: onnx.TensorProto, folder: Path | None) -> Callable[[], Array]:
    """`tensor_value`, for later."""
    return partial(tensor_value, tensor, folder)


def external_path(tensor: onnx.TensorProto, folder: Path | None) -> tuple[Path, int, int | None]:
    """(path, offset, length or None) of external data. A path that leaves `folder` is refused."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    where = f"tensor {tensor.name!r} keeps its data in {location[:200]!r}"
    if folder is None:
        raise InvalidModelError(f"{where}, but the model was not read from a file; pass its path instead")
    root = folder.resolve()
    try:
        path = (root / location).resolve()
        is_file = path.is_file()
    except (OSError, ValueError) as error:
        raise InvalidModelError(
            f"{where}, which is no path ({type(error).__name__}); export the model again"
        ) from error
    if not location or os.path.isabs(location) or not path.is_relative_to(root):
        raise InvalidModelError(f"{where}, which lies outside the model's folder; this is refused")
    if not is_file:
        raise InvalidModelError(f"{where}, a file that is missing; put it beside the model")
    try:
        length = int(entries["length"]) if "length" in entries else None
        return path, int(entries.get("offset", 0)), length
    except ValueError:
        raise InvalidModelError(f"{where} at an offset or length that is no number") from None


def _with_data(tensor: onnx.TensorProto, folder: Path | None) -> onnx.TensorProto:
    """A copy of `tensor` that holds its external data itself."""
    path, offset, length = external_path(tensor, folder)
    size = path.stat().st_size
    length = size - offset if length is None else length
    if offset < 0 or length < 0 or offset + length > size:
        raise InvalidModelError(
            f"tensor {tensor.name!r} needs bytes {offset} to {offset + length} of {path.name!r}, which has {size}"
        )
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    filled = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=data)
    return filled


def _decoders(folder: Path | None) -> dict[int, Callable[[onnx.AttributeProto], Any]]:
    kinds = onnx.AttributeProto
    return {
        kinds.FLOAT: lambda a: float(a.f),
        kinds.INT: lambda a: int(a.i),
        kinds.STRING: lambda a: a.s.decode("utf-8", "replace"),
        kinds.FLOATS: lambda a: tuple(a.floats),
        kinds.INTS: lambda a: tuple(a.ints),
        kinds.STRINGS: lambda a: tuple(s.decode("utf-8", "replace") for s in a.strings),
        kinds.TYPE_PROTO: lambda a: str(a.tp.WhichOneof("value")),
        kinds.TENSOR: lambda a: tensor_value(a.t, folder),
        kinds.SPARSE_TENSOR: lambda a: sparse_value(a.sparse_tensor, folder),
    }


def attribute_value(attribute: onnx.AttributeProto, folder: Path | None, where: str) -> Any:
    """The attribute as int, float, str, a tuple of them, or an array."""
    decode = _decoders(folder).get(attribute.type)
    if decode is None:
        kind = onnx.AttributeProto.AttributeType.Name(attribute.type)
        raise UnsupportedModelError(f"{where}: its attribute {attribute.name!r} is a {kind}, which is not supported")
    return decode(attribute)
