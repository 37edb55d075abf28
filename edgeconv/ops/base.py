"""What an operator is: one frozen dataclass that answers every question asked of it.

Fields are the attributes. `infer` and `run` define the operator; `plan` prepares it once for fixed buffers;
`quant` says, as data, how it is quantized. Calling an operator builds an expression: `Conv(...)(x, w, b)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from math import inf, prod
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

import numpy as np

from edgeconv.core import Array, Kernel, QParams, TensorType, type_of
from edgeconv.ops.planes import Planes
from edgeconv.records import dataclass

__all__ = [
    "Call",
    "Expr",
    "Inputs",
    "MOVE",
    "OnGrid",
    "Operand",
    "Operator",
    "Output",
    "QuantRule",
    "Ref",
    "Scratch",
    "ShapeError",
    "TABLE",
    "Typed",
    "expr_type",
    "infer_types",
]


_MOST_ELEMENTS = 2**59
_TAKES_MORE = 0x04
"""The flag of code with `*args` (`inspect.CO_VARARGS`)."""


class ShapeError(ValueError):
    """Input types or attributes that an operator cannot accept; the message says what was found."""


@dataclass(frozen=True)
class QuantRule:
    """How an operator is quantized, as data.

    `activations`: positions of the inputs that become int8 activations (None: all of them).
    `weight`, `weight_axis`: the input that is a weight, int8 per channel along that axis when it is constant.
    `bias`: the input stored as int32 at scale_x * scale_w.
    `shared`: the output has the input's parameters, the values are moved or selected, never recomputed.
    `table`: a one-input elementwise function, replaced by a table made from `run`.
    `output`: parameters that hold all that the function can return; smaller ranges seen get finer ones.
    `weight_only`: (input, axis) pairs kept in int8, also where the arithmetic stays in float.
    `constants`: inputs that must be known for the int8 form, `absent`: those that it does not know.
    `table_at`: position of the tables, where inputs before them may be missing. `reach`, `steps`: so far below
    its largest element an input in 16 bits matters, and in how many steps; its table serves as many.
    """

    activations: tuple[int, ...] | None = None
    weight: int | None = None
    weight_axis: int = 0
    bias: int | None = None
    shared: bool = False
    table: bool = False
    output: QParams | None = None
    weight_only: tuple[tuple[int, int], ...] = ()
    constants: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    table_at: int = 0
    reach: float = 0.0
    steps: int = 0


MOVE = QuantRule(activations=(0,), shared=True)
TABLE = QuantRule(activations=(0,), table=True)


@dataclass(frozen=True)
class Operand:
    """A tensor as a kernel sees it: its type, and the array that holds (or will hold) it.

    Constants are contiguous, and `type.value` is set for them. An int8 activation may be carried as float32 values
    q - zero_point (`is_wide`), between operators that are `wide`. Between operators that know `planes`, `rows`
    (N, C + 1, length) hold an activation with margins (see Planes), and `array` is a strided view of its elements;
    `clean` says that somebody relies on zeros in the margins.
    """

    type: TensorType
    array: Array
    planes: Planes | None = None
    rows: Array | None = None
    clean: bool = False

    @property
    def is_wide(self) -> bool:
        """True for int8 or int16 values carried as float32, centred: q - zero_point."""
        return self.type.dtype in ("int8", "int16") and self.array.dtype == np.float32

    @property
    def is_constant(self) -> bool:
        """True when the values are known at plan time."""
        return self.type.value is not None

    @property
    def q(self) -> QParams | None:
        """Quantization parameters, None for real values."""
        return self.type.q


class Scratch(Protocol):
    """Hands out working memory that is free again when the kernel returns."""

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        """An uninitialised array; its contents do not survive from one call of the kernel to the next."""

    def shared(self, key: str, shape: Sequence[int], dtype: str) -> Array:
        """As above, but the same memory for all requests of this step with the same key."""

    def threads_for(self, macs: int) -> int:
        """How many parts of a kernel are worth running at once, if all take as long as a product of `macs`."""

    @property
    def is_frugal(self) -> bool:
        """Is memory more precious than time?"""

    def parallel(self, parts: Sequence[Kernel]) -> Kernel:
        """One kernel that runs all `parts`, at once as far as there are threads; none writes what others use."""

    def hold(self, array: Array) -> Array:
        """`array` itself, which the kernel keeps for good: weights made ready. It is counted."""

    def kept(self, key: str, shape: Sequence[int], dtype: str) -> Array:
        """An array of zeros at first, shared by the steps that ask for the same key, shape and dtype, and no others."""

    def nested(self) -> Scratch:
        """For one step inside this one: it leaves alone what was handed out so far, and shares what comes after."""


T = TypeVar("T")


class Inputs(Generic[T]):
    """The inputs of one node; an optional one may be absent."""

    def __init__(self, items: Sequence[T | None]) -> None:
        self._items = tuple(items)

    def __getitem__(self, index: int) -> T:
        item = self._items[index]
        if item is None:
            raise ShapeError(f"input {index} is missing")
        return item

    def get(self, index: int) -> T | None:
        """Input number `index`, or None where it is absent."""
        return self._items[index] if index < len(self._items) else None

    def __iter__(self) -> Iterator[T | None]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


@dataclass(frozen=True)
class Operator:
    """Base of all operators. Subclasses are frozen dataclasses; instances carry only attributes.

    Attribute types that the file can hold: int, float, bool, str, and tuples of int, float or str.
    """

    quant: ClassVar[QuantRule | None] = None
    """None: the operator stays in float."""
    float_reason: ClassVar[str] = "it has no int8 kernel"
    """Why, where `quant` is None."""
    view: ClassVar[bool] = False
    """True: output 0 has the bytes of input 0 in the same order (Reshape), so it needs no buffer of its own."""
    elementwise: ClassVar[bool] = False
    """True: every output element depends on the input elements at its place alone."""
    wide: ClassVar[bool] = False
    """True: int8 inputs and outputs may each be carried as float32, see Operand."""
    planes: ClassVar[bool] = False
    """True: inputs and outputs of rank 3 and more may be planes, see Operand."""
    int16: ClassVar[str] = ""
    """Activations in 16 bits: "own": each input and output has 8 or 16; "move": all have the same;
    "table": the output has what its table has; "": none."""
    channel_axis: ClassVar[int] = 1
    """Where the input's channels are, for an operator with a weight."""
    folds: ClassVar[bool] = True
    """False: never evaluated while converting, even on constants."""
    reads_nan: ClassVar[bool] = False
    """True: NaN in an input is a value that is missing, and has a meaning of its own."""
    measures: ClassVar[bool] = True
    """True: `infer` tells the shapes of the outputs, without much work, from the values of the inputs."""

    def infer(self, *args: Any, **kwargs: Any) -> tuple[TensorType, ...]:
        """Output types from input types. Raises ShapeError with what was found and what is needed.

        An override names its inputs: required ones without default, optional ones `| None = None`. Dimensions may be
        symbolic. Call `infer_types`, which checks the number of inputs first.
        """
        raise NotImplementedError

    def run(self, *args: Any, **kwargs: Any) -> Array | tuple[Array, ...]:
        """What the operator means, on real values. The definition: short, plain, and without side effects."""
        raise NotImplementedError

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        """Prepare everything that can be computed before the data is there; return a kernel that only computes.

        The kernel reads the inputs' arrays and writes every element of the outputs' arrays. The default runs `run`.
        """
        arrays = [None if operand is None else operand.array for operand in inputs]
        targets = [operand.array for operand in outputs]

        def kernel() -> None:
            results = self.run(*arrays)
            for target, result in zip(targets, results if isinstance(results, tuple) else (results,), strict=True):
                np.copyto(target, result, casting="unsafe")

        return kernel

    def prepare(self, limit: int) -> Callable[..., Array | tuple[Array, ...]]:
        """Instead of `plan`, where only data tells the shapes of the outputs: what computes them from the inputs.

        limit: bytes that it may take. The default is `run`.
        """
        return self.run

    def margins(self, inputs: Inputs[TensorType]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """(begins, ends) of the zeros that `plan` would like around input 0, where that is given as planes."""
        return None

    def tables(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> tuple[Array, ...]:
        """Constants that the int8 form needs (an exp table); made at conversion, appended to the inputs."""
        return ()

    @property
    def is_quantizable(self) -> bool:
        """False where these attributes rule out the int8 form that `quant` describes."""
        return True

    def columns(self, x: Array, weight: Array, count: int) -> Array | None:
        """For a layer with a weight: what the rows of `matrix` multiply, (groups, K, positions).

        Of more than `count` positions, so many, spread over the batch and the map.
        """
        return None

    def matrix(self, weight: Array) -> Array:
        """The weight of a layer as (groups, outputs, K)."""
        raise NotImplementedError

    def from_matrix(self, matrix: Array, like: Array) -> Array:
        """The inverse of `matrix`, in the shape of the weight `like`."""
        raise NotImplementedError

    def weight_columns(self, position: int, x: Array, y: Array) -> Array | None:
        """For weights kept in int8 under float arithmetic: what input `position` multiplies, (groups, K, positions).

        x, y: the operator's first input and output on calibration samples.
        """
        return None

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        """Multiply-accumulate operations for these static types."""
        return 0

    def __call__(self, *inputs: Expr | None) -> Call:
        """The expression that applies this operator to `inputs`."""
        return Call(self, inputs)


@dataclass(frozen=True)
class Ref:
    """A value that already exists in the graph, with its type (and value, where known)."""

    name: str
    type: TensorType

    @property
    def value(self) -> Array | None:
        """The constant behind the reference, or None."""
        return self.type.value


@dataclass(frozen=True, eq=False)
class Call:
    """An operator applied to expressions: the vocabulary of import rules and rewrite rules."""

    op: Operator
    inputs: tuple[Expr | None, ...]

    @cached_property
    def types(self) -> tuple[TensorType, ...]:
        """The types of all outputs."""
        return infer_types(self.op, [None if expr is None else expr_type(expr) for expr in self.inputs])

    @property
    def type(self) -> TensorType:
        """The type of the first output."""
        return self.types[0]

    def __getitem__(self, index: int) -> Output:
        """Output number `index` of an operator with several."""
        return Output(self, index)


@dataclass(frozen=True, eq=False)
class Output:
    """One of several outputs of a call."""

    call: Call
    index: int

    @property
    def type(self) -> TensorType:
        """The type of this output."""
        return self.call.types[self.index]


@dataclass(frozen=True, eq=False)
class OnGrid:
    """A float constant that was stored as integers: value = scale * integer, with the scales (and axis) of `grid`."""

    value: Array
    grid: QParams

    @property
    def type(self) -> TensorType:
        """The type of the constant."""
        return type_of(self.value)


Typed: TypeAlias = Ref | Call | Output | OnGrid
"""Expressions that know their type."""

Expr: TypeAlias = "Typed | Array"


def expr_type(expr: Expr) -> TensorType:
    """The type of any expression; an array is a constant."""
    return type_of(expr) if isinstance(expr, np.ndarray) else expr.type


def infer_types(op: Operator, inputs: Sequence[TensorType | None]) -> tuple[TensorType, ...]:
    """`op.infer` after a check of the number of inputs; raises ShapeError, never anything else, on a bad node."""
    required, most = _arity(type(op).infer)
    needed = inputs if most == inf else inputs[:required]
    if not required <= len(inputs) <= most or any(x is None for x in needed):
        found = sum(x is not None for x in inputs)
        raise ShapeError(f"needs {required} to {most} inputs, found {found}")
    try:
        found_types = op.infer(*inputs)
        for known in found_types:
            _check_size(known)
        return found_types
    except ShapeError:
        raise
    except (ValueError, TypeError, IndexError, KeyError, ArithmeticError) as error:
        shown = ", ".join(str(x) for x in inputs)
        raise ShapeError(f"inputs ({shown}) do not fit the attributes of {op}: {error}") from error


def _check_size(known: TensorType) -> None:
    """ShapeError for a dimension below 0, or more elements than NumPy counts (empty dimensions taken as 1)."""
    dims = [dim for dim in known.shape if isinstance(dim, int)]
    if min(dims, default=0) < 0 or prod(max(dim, 1) for dim in dims) > _MOST_ELEMENTS:
        raise ShapeError(f"its output {known} cannot exist")


@cache
def _arity(infer: Any) -> tuple[int, float]:
    """(required, most) inputs, read off the signature of the method `infer`."""
    code, optional = infer.__code__, len(infer.__defaults__ or ())
    inputs = code.co_argcount - 1
    return (inputs, inf) if code.co_flags & _TAKES_MORE else (inputs - optional, inputs)
