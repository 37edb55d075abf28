"""Floor 0: the words that every other module speaks.

real = scale * (q - zero_point). Activations: int8, asymmetric, per tensor. Weights: int8, symmetric, per channel.
Layout is NCHW everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from edgeconv.dims import Dim, SymbolicDim
from edgeconv.records import dataclass, field

__all__ = [
    "DTYPES",
    "INT8_MAX",
    "INT8_MIN",
    "Array",
    "Dim",
    "Kernel",
    "QParams",
    "Shape",
    "SymbolicDim",
    "TensorType",
    "dequantize",
    "quantize",
    "type_of",
]

if TYPE_CHECKING:
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[Any]
else:
    Array = np.ndarray
Shape: TypeAlias = tuple[Dim, ...]

_LONGEST_DIM = 24
"""Characters of a formula that still tells people something."""
Kernel: TypeAlias = Callable[[], object]
"""A planned operator: reads and writes the buffers that it was planned with. What it returns is nothing to anybody."""

INT8_MIN, INT8_MAX = -128, 127

DTYPES = (
    "float32",
    "int8",
    "int32",
    "int64",
    "bool",
    "uint8",
    "float16",
    "float64",
    "int16",
    "uint16",
    "uint32",
    "uint64",
)
"""The dtypes of a tensor, in the order of the schema's `DType`."""


@dataclass(frozen=True)
class QParams:
    """How int8 values stand for real ones: real = scale * (q - zero_point).

    One scale and zero point for the whole tensor (`axis` None), or one of each along `axis`.
    Scales are positive and exactly representable in float32.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None

    @staticmethod
    def per_tensor(scale: float, zero_point: int) -> QParams:
        """Parameters of an activation; the scale is rounded to float32."""
        return QParams((float(np.float32(scale)),), (int(zero_point),))

    @staticmethod
    def per_channel(scales: Array, axis: int) -> QParams:
        """Symmetric parameters of a weight; `scales` has shape (channels,)."""
        rounded = np.asarray(scales, np.float32)
        return QParams(tuple(rounded.tolist()), (0,) * rounded.size, axis)

    def arrays(self, rank: int) -> tuple[Array, Array]:
        """Scale (float32) and zero point (float32), shaped to broadcast against a tensor of `rank` dimensions."""
        shape = [1] * rank
        if self.axis is not None:
            shape[self.axis] = len(self.scale)
        scale = np.array(self.scale, np.float32).reshape(shape)
        return scale, np.array(self.zero_point, np.float32).reshape(shape)


@dataclass(frozen=True)
class TensorType:
    """What is known of a tensor before it is computed.

    dtype is a NumPy name ("float32"); `q` is set where int8 or int32 values stand for real ones; `value` holds the
    tensor itself where it is known beforehand: a constant, or a shape being computed (dtype object where it holds
    symbolic dimensions). `takes_nan`: of an input where NaN stands for a value that is missing. `limits`: the lowest
    and the highest integer of an activation in 16 bits, where less is proven than its dtype holds.
    """

    dtype: str
    shape: Shape
    q: QParams | None = None
    value: Array | None = field(default=None, compare=False, repr=False)
    takes_nan: bool = field(default=False, compare=False, repr=False)
    limits: tuple[int, int] | None = field(default=None, compare=False, repr=False)

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        """True when no dimension is symbolic."""
        return {int}.issuperset(map(type, self.shape))

    @property
    def ints(self) -> tuple[int, ...]:
        """The shape as integers; ValueError while a dimension is symbolic."""
        if not self.is_static:
            raise ValueError(f"shape {self} is not known yet")
        return cast("tuple[int, ...]", self.shape)

    @property
    def size(self) -> int:
        """Number of elements of a static shape."""
        product = 1
        for dim in self.ints:
            product *= dim
        return product

    @property
    def nbytes(self) -> int:
        """Bytes of a static shape."""
        return self.size * np.dtype(self.dtype).itemsize

    @property
    def is_float(self) -> bool:
        """True for floating-point dtypes."""
        return self.dtype.startswith("float")

    def with_shape(self, shape: Shape) -> TensorType:
        """The same dtype and quantization with another shape, value unknown."""
        return TensorType(self.dtype, shape, self.q)

    def numbered(self, array: Array) -> Array:
        """What a caller gives, as numbers; there are types that take strings as well."""
        return array

    @property
    def dims(self) -> str:
        """The shape for people: a dimension that follows from others by a long formula is a question mark."""
        texts = (str(dim) for dim in self.shape)
        return f"[{','.join(text if len(text) <= _LONGEST_DIM else '?' for text in texts)}]"

    def __str__(self) -> str:
        return self.dtype + self.dims


def type_of(array: Array, q: QParams | None = None) -> TensorType:
    """The type of a constant, its value included."""
    return TensorType(array.dtype.name, tuple(array.shape), q, array)


def quantize(x: Array, q: QParams, dtype: str = "int8") -> Array:
    """float -> integer: saturate(rint(x / scale) + zero_point), ties to even; per tensor or per channel."""
    scale, zero_point = q.arrays(x.ndim)
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore"):  # infinity saturates like any other large value
        values = np.rint(np.asarray(x, np.float32) / scale) + zero_point
    rounded: Array = np.clip(values, limits.min, limits.max).astype(dtype)
    return rounded


def dequantize(x: Array, q: QParams) -> Array:
    """integer -> float32: scale * (x - zero_point)."""
    scale, zero_point = q.arrays(x.ndim)
    return (x.astype(np.float32) - zero_point) * scale
