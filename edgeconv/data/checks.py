"""The one place where arrays are held against a model's inputs: names, ranks, dimensions, dtypes, values.

Every message says where the array came from, what was found, what the model expects, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeconv.core import Array, TensorType
from edgeconv.data.npy import PICKLE_ADVICE
from edgeconv.errors import DataError, UnsafeDataError

__all__ = [
    "LABELS",
    "Rows",
    "check_labels",
    "check_names",
    "checked_dtype",
    "convert",
    "feed_dtype",
    "rows_of",
    "single_input",
]

LABELS = "labels"
_TAKEN = {"f": "fiub", "i": "iub", "u": "iub", "b": "b"}
"""Kinds of array that an input of each kind takes, in NumPy's letters."""


@dataclass(frozen=True)
class Rows:
    """How an array is cut into samples: `count` of `shape` each; `is_whole` where a sample is a whole input."""

    count: int
    shape: tuple[int, ...]
    is_whole: bool


def check_names(where: str, found: Collection[str], inputs: Mapping[str, TensorType]) -> None:
    """DataError unless `found` is one name per input, and perhaps `labels`."""
    missing = [name for name in inputs if name not in found]
    extra = [name for name in found if name not in inputs and name != LABELS]
    if not missing and not extra:
        return
    listing = f"found {_listed(found)}, the model's inputs are {_listed(inputs)}"
    if missing:
        near = difflib.get_close_matches(missing[0], extra, 1, 0.5)
        hint = f"did you mean {missing[0]!r} where it says {near[0]!r}?" if near else f"name one array {missing[0]!r}"
        if not near and len(inputs) > 1:
            hint += ", or make it a state where the call before gives it (convert --state)"
        raise DataError(f"{where}: no array for input {missing[0]!r}: {listing}; {hint}")
    near = difflib.get_close_matches(extra[0], [LABELS], 1, 0.5)
    hint = f"did you mean {near[0]!r}?" if near else "leave it out"
    raise DataError(f"{where}: array {extra[0]!r} belongs to no input: {listing}; {hint}")


def single_input(where: str, inputs: Mapping[str, TensorType]) -> str:
    """The name of the only input; DataError when there are several."""
    if len(inputs) != 1:
        raise DataError(f"{where}: one array for a model with inputs {_listed(inputs)}; name one per input in an .npz")
    return next(iter(inputs))


def rows_of(where: str, name: str, shape: tuple[int, ...], known: TensorType) -> Rows:
    """How an array of `shape` feeds the input `name`.

    The input's own rank: a batch along axis 0. One rank more: a stack of whole inputs, which counts as a batch when
    every whole input has one row.
    """
    if known.rank == 0 and not shape:
        return Rows(1, (), True)
    stacked = len(shape) == known.rank + 1
    if not stacked and (len(shape) != known.rank or known.rank == 0):
        raise DataError(f"{where}: array {name!r} has {_shape(shape)}, input {name!r} is {known}; {_rank_hint(known)}")
    expected = known.shape if stacked else known.shape[1:]
    for axis, (have, want) in enumerate(zip(shape[1:], expected, strict=True), start=1):
        if have < 1 or (isinstance(want, int) and have != want):
            raise DataError(
                f"{where}: array {name!r} has {_shape(shape)}, input {name!r} is {known}: axis {axis} is {have}, "
                f"expected {want}; check the layout, or convert the model with another --input-shape"
            )
    if stacked and (known.rank == 0 or shape[1] != 1):
        return Rows(shape[0], shape[1:], True)
    return Rows(shape[0], shape[2:] if stacked else shape[1:], False)


def feed_dtype(known: TensorType) -> np.dtype[np.generic]:
    """The dtype of the real values that an input takes: its own, or float32 where it is quantized."""
    return np.dtype("float32" if known.q is not None else known.dtype)


def checked_dtype(where: str, name: str, found: npt.DTypeLike, known: TensorType) -> np.dtype[np.generic]:
    """The dtype in which input `name` is fed from an array of dtype `found`.

    Floats and integers feed float inputs, integers integer inputs. A quantized input takes real values as float32,
    or values of its own dtype as they are. DataError for anything else.
    """
    dtype = np.dtype(found)
    if dtype.hasobject:
        raise UnsafeDataError(
            f"{where}: array {name!r} holds Python objects, which are stored as pickles; {PICKLE_ADVICE}"
        )
    if known.q is not None and dtype.name == known.dtype:
        return dtype.newbyteorder("=")
    target = feed_dtype(known)
    if dtype.kind not in _TAKEN[target.kind]:
        raise DataError(
            f"{where}: array {name!r} is {dtype}, input {name!r} takes {target}; {_dtype_hint(dtype, target)}"
        )
    return target


def check_labels(where: str, shape: tuple[int, ...], dtype: npt.DTypeLike, count: int, is_whole: bool) -> None:
    """DataError unless the labels are integers, one per sample."""
    found = np.dtype(dtype)
    if found.hasobject:
        checked_dtype(where, LABELS, found, TensorType("int64", ()))
    if found.kind not in "iu":
        raise DataError(f"{where}: labels are {found}, expected integers; for one-hot labels give np.argmax(labels, 1)")
    if shape != (count,) and not (is_whole and len(shape) == 2 and shape[0] == count):
        raise DataError(f"{where}: labels have {_shape(shape)}, expected [{count}]: one integer per sample")


def convert(
    where: str, name: str, rows: Array, target: np.dtype[np.generic], first: int, takes_nan: bool = False
) -> Array:
    """`rows`, of which the first is sample number `first`, as `target`; DataError for NaN, infinity and overflow.

    takes_nan: NaN stands for a value that is missing.
    """
    if target.kind in "iu" and not np.can_cast(rows.dtype, target, "safe"):
        limits = np.iinfo(target.name)
        bad = (rows < limits.min) | (rows > limits.max)
        if bad.any():
            _refuse_value(where, name, rows, bad, target, first)
    with np.errstate(over="ignore", invalid="ignore"):
        converted = np.ascontiguousarray(rows).astype(target, copy=False)
    if target.kind == "f" and not (is_fine := np.isfinite(converted) | (takes_nan & np.isnan(converted))).all():
        _refuse_value(where, name, rows, ~is_fine, target, first)
    return converted


def _refuse_value(where: str, name: str, rows: Array, bad: Array, target: np.dtype[np.generic], first: int) -> None:
    position = np.argwhere(bad)[0]
    value = rows[tuple(position)]
    fault = f"{value}, too large for {target}" if np.isfinite(value) else "NaN" if np.isnan(value) else "infinity"
    raise DataError(
        f"{where}: array {name!r} holds {fault} in sample {first + int(position[0])}; "
        "expected finite numbers: mend or leave out that sample"
    )


def _rank_hint(known: TensorType) -> str:
    if known.rank == 0:
        return "expected rank 1: one number per sample"
    return f"expected rank {known.rank}, samples on axis 0 (one sample alone is x[None]), or rank {known.rank + 1}"


def _dtype_hint(found: np.dtype[np.generic], target: np.dtype[np.generic]) -> str:
    if found.kind in "US":
        return "the model takes numbers there; give them as numbers"
    if target.kind == "f":
        return "give real numbers or integers"
    return f"if the values are right, save them with astype({target.name!r})"


def _shape(shape: tuple[int, ...]) -> str:
    return f"shape [{','.join(map(str, shape))}]"


def _listed(names: Collection[str]) -> str:
    shown = [repr(name) for name in list(names)[:8]]
    return ", ".join(shown) + (f" and {len(names) - 8} more" if len(names) > 8 else "") if shown else "nothing"
