"""MapValues: a table from numbers to numbers (LabelEncoder of ai.onnx.ml)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.cast import Cast
from edgeconv.ops.class_labels import names_note, picked
from edgeconv.ops.onnx_rules import Names, Noted, Unsupported, onnx_rule
from edgeconv.records import dataclass

__all__ = ["MapValues"]

_STRINGS = "strings: the device has no string tensors; encode the strings before the model, and export it behind that"


@dataclass(frozen=True)
class MapValues(Operator):
    """values[i] where x is keys[i], else the default; keys (n,) are sorted, NaN comes last, values are (n,).

    Inputs: x, keys, values, and the default of one element.
    """

    reads_nan: ClassVar[bool] = True

    def infer(self, x: TensorType, keys: TensorType, values: TensorType, default: TensorType) -> tuple[TensorType, ...]:
        if keys.rank != 1 or values.shape != keys.shape or default.shape != (1,):
            raise ShapeError(f"needs as many values as keys, and one default, found {keys}, {values} and {default}")
        if x.dtype != keys.dtype or values.dtype != default.dtype or x.dtype == "bool":
            raise ShapeError(f"needs keys like {x} and a default like {values}, found {keys} and {default}")
        known = keys.value
        if known is None or bool((known[1:] < known[:-1]).any()):
            raise ShapeError(f"its keys {keys} must be constant and sorted")
        return (TensorType(values.dtype, x.shape),)

    def run(self, x: Array, keys: Array, values: Array, default: Array) -> Array:
        if not keys.size:
            return np.full(x.shape, default[0])
        place = np.minimum(np.searchsorted(keys, x), keys.size - 1)
        same = keys[place] == x
        if x.dtype.kind == "f":
            same |= np.isnan(keys[place]) & np.isnan(x)
        return np.where(same, values[place], default)


@onnx_rule("LabelEncoder", domain="ai.onnx.ml")
def import_label_encoder_strings(
    x: Ref,
    *,
    classes_strings: Sequence[str] = (),
    keys_int64s: Sequence[int] = (),
    default_int64: int = -1,
    default_string: str = "",
) -> Expr | Noted:
    """Opset 1: of numbers the names of classes, which are these numbers; of names, the numbers of the classes.

    `keys_int64s` has, in place of `classes_strings`, what the importer has numbered those of a string input.
    """
    if keys_int64s:
        places = np.arange(len(keys_int64s))
        return _mapping(x, np.array(keys_int64s, np.int64), places, np.array([default_int64]))
    return picked(Names(tuple(classes_strings)), x)


@onnx_rule("LabelEncoder", domain="ai.onnx.ml", since=2)
def import_label_encoder(
    x: Ref,
    *,
    keys_int64s: Sequence[int] = (),
    keys_floats: Sequence[float] = (),
    keys_strings: Sequence[str] = (),
    keys_tensor: Array | None = None,
    values_int64s: Sequence[int] = (),
    values_floats: Sequence[float] = (),
    values_strings: Sequence[str] = (),
    values_tensor: Array | None = None,
    default_int64: int = -1,
    default_float: float = -0.0,
    default_string: str = "_Unused",
    default_tensor: Array | None = None,
) -> Expr | Noted:
    """Numbers to numbers; to strings, the numbers of the strings, and of the default where that is none of them."""
    if keys_strings:
        raise Unsupported(_STRINGS)
    keys = _first(keys_tensor, (keys_int64s, "int64"), (keys_floats, "float32"))
    if keys is None or x.type.dtype == "bool":
        raise ShapeError(f"it has no keys for {x.type}")
    names = list(dict.fromkeys([*values_strings, default_string])) if values_strings else []
    places = {name: place for place, name in enumerate(names)}
    numbers = [places[name] for name in values_strings]
    values = _first(values_tensor, (numbers, "int64"), (values_int64s, "int64"), (values_floats, "float32"))
    if values is None or values.size != keys.size:
        raise ShapeError(f"it has {keys.size} keys and {0 if values is None else values.size} values")
    plain = places[default_string] if names else default_float if values.dtype.kind == "f" else default_int64
    default = np.array(plain) if default_tensor is None else default_tensor.reshape(-1)[:1]
    found = _mapping(x, keys, values, default.astype(values.dtype).reshape(1))
    return Noted((found,), names_note("its result", names)) if names else found


@onnx_rule("CategoryMapper", domain="ai.onnx.ml")
def import_category_mapper(
    x: Ref,
    *,
    cats_int64s: Sequence[int] = (),
    cats_strings: Sequence[str] = (),
    keys_int64s: Sequence[int] = (),
    default_int64: int = -1,
    default_string: str = "_Unused",
) -> Expr | Noted:
    """Of names their numbers; of numbers the names, each by its place among `cats_strings`, the default behind them.

    `keys_int64s` has, in place of `cats_strings`, what the importer has numbered those of a string input.
    """
    count = len(cats_int64s)
    if len(keys_int64s or cats_strings) != count:
        raise ShapeError(f"it has {len(keys_int64s or cats_strings)} names for {count} numbers")
    numbers = np.array(cats_int64s, np.int64)
    if keys_int64s:
        return _mapping(x, np.array(keys_int64s, np.int64), numbers, np.array([default_int64]))
    found = _mapping(x, numbers, np.arange(count), np.array([count]))
    return Noted((found,), names_note("its result", [*cats_strings, default_string]))


def _mapping(x: Ref, keys: Array, values: Array, default: Array) -> Expr:
    """MapValues over sorted keys; of a key that is there twice, the first holds."""
    unique, first = np.unique(keys, return_index=True)
    source: Expr = x if x.type.dtype == keys.dtype.name else Cast(keys.dtype.name)(x)
    return MapValues()(source, unique, np.ascontiguousarray(values[first]), default)


def _first(tensor: Array | None, *lists: tuple[Sequence[float], str]) -> Array | None:
    """The attribute that is there, as an array."""
    if tensor is not None:
        return tensor.reshape(-1)
    return next((np.array(items, dtype) for items, dtype in lists if len(items)), None)
