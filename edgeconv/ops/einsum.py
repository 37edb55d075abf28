"""Einsum: sums of products over named dimensions. A contraction of two tensors becomes one MatMul."""

from __future__ import annotations

import re
from math import prod

import numpy as np

from edgeconv.core import Array, Dim, TensorType
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError, expr_type
from edgeconv.ops.binary import check_kind
from edgeconv.ops.broadcast import equal_dim
from edgeconv.ops.matmul import product
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.reshape import reshape_to
from edgeconv.ops.transpose import Transpose
from edgeconv.records import dataclass

__all__ = ["Einsum"]

_EQUATION = re.compile(r"([A-Za-z]|\.\.\.|,)*->([A-Za-z]|\.\.\.)*")


@dataclass(frozen=True)
class Einsum(Operator):
    """NumPy's einsum, with "->" and without spaces. Dimensions under an ellipsis are called by their places."""

    equation: str

    def infer(self, first: TensorType, *rest: TensorType) -> tuple[TensorType, ...]:
        inputs = (first, *rest)
        check_kind(first, "fiu")
        terms, result = self._terms([x.rank for x in inputs])
        dims: dict[str, Dim] = {}
        for x, term in zip(inputs, terms, strict=True):
            if x.dtype != first.dtype or len(term) != x.rank:
                raise ShapeError(f"{self.equation} does not fit {x}")
            for name, dim in zip(term, x.shape, strict=True):
                known = dims.setdefault(name, dim)
                if known == 1 and name.isdigit():
                    dims[name] = dim
                elif not (dim == 1 and name.isdigit()):
                    common = equal_dim((known, dim))
                    if common is None:
                        raise ShapeError(f"{self.equation}: {name} is {known} and {dim}")
                    dims[name] = common
        if len(set(result)) != len(result) or any(name not in dims for name in result):
            raise ShapeError(f"{self.equation}: the result must name every dimension once")
        return (TensorType(first.dtype, tuple(dims[name] for name in result)),)

    def _terms(self, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
        """The names of each input's dimensions, and the result's; those under "..." count from the back."""
        left, _, right = self.equation.partition("->")
        terms = left.split(",")
        if not _EQUATION.fullmatch(self.equation) or self.equation.count("->") != 1 or len(terms) != len(ranks):
            raise ShapeError(f"{self.equation!r} is no equation for {len(ranks)} inputs")
        hidden = [
            rank - len(term.replace("...", "")) if "..." in term else 0 for rank, term in zip(ranks, terms, strict=True)
        ]
        if max(hidden) and "..." not in right:
            raise ShapeError(f"{self.equation!r} must keep the dimensions under the ellipsis")
        names = [_names(term, count) for term, count in zip(terms, hidden, strict=True)]
        return names, _names(right, max(hidden))

    def run(self, *xs: Array) -> Array:
        result: Array = np.einsum(self.equation, *xs, optimize=len(xs) > 2)
        return result


def _names(term: str, hidden: int) -> list[str]:
    head, dots, tail = term.partition("...")
    return [*head, *(str(place) for place in range(hidden - 1, -1, -1) if dots), *tail]


@onnx_rule("Einsum", since=12)
def import_einsum(first: Ref, *rest: Ref, equation: str) -> Expr:
    """Any equation; two inputs that share batch dimensions and sum over the rest as a MatMul."""
    inputs = (first, *rest)
    explicit = _explicit(equation.replace(" ", ""))
    if len(inputs) == 2 and "." not in explicit and first.type.is_float:
        Einsum(explicit)(*inputs).types  # noqa: B018 (raises ShapeError on an equation that does not fit)
        try:
            return _contraction(explicit, *inputs) or Einsum(explicit)(*inputs)
        except Unsupported:
            pass
    return Einsum(explicit)(*inputs)


def _explicit(equation: str) -> str:
    """The equation with its result: by default the names that occur once, in alphabetical order."""
    if "->" in equation:
        return equation
    names = equation.replace("...", "").replace(",", "")
    once = "".join(sorted(name for name in set(names) if names.count(name) == 1))
    return f"{equation}->{'...' if '...' in equation else ''}{once}"


def _contraction(equation: str, a: Ref, b: Ref) -> Expr | None:
    """Transpose, Reshape, MatMul, Reshape, Transpose; None where a dimension is summed within one input."""
    left, right, result = re.split(",|->", equation)
    shared = [name for name in left if name in right]
    batch, inner = [n for n in result if n in shared], [n for n in shared if n not in result]
    rows, columns = [n for n in left if n not in shared], [n for n in right if n not in shared]
    if set(rows + columns) - set(result) or len(set(left)) < len(left) or len(set(right)) < len(right):
        return None
    x_dims, y_dims = dict(zip(left, a.type.shape, strict=True)), dict(zip(right, b.type.shape, strict=True))
    x = _grouped(a, left, [batch, rows, inner] if batch else [rows, inner], x_dims)
    y = _grouped(b, right, [batch, inner, columns], y_dims)
    z = product(x, y)
    order = [*batch, *rows, *columns]
    dims = x_dims | y_dims | dict(zip(batch, expr_type(z).shape, strict=False))
    shaped = reshape_to(z, expr_type(z).shape, tuple(dims[name] for name in order))
    perm = tuple(order.index(name) for name in result)
    return shaped if perm == tuple(range(len(perm))) else Transpose(perm)(shaped)


def _grouped(x: Expr, term: str, groups: list[list[str]], dims: dict[str, Dim]) -> Expr:
    """x with its dimensions in the order of the groups: those of the first apart, those of every other one as one."""
    order = [name for group in groups for name in group]
    perm = tuple(term.index(name) for name in order)
    moved = x if perm == tuple(range(len(perm))) else Transpose(perm)(x)
    target = (*(dims[name] for name in groups[0]), *(prod(dims[name] for name in group) for group in groups[1:]))
    source = expr_type(moved).shape
    return moved if target == source else reshape_to(moved, source, target)
