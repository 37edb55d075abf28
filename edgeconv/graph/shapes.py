"""Shapes with symbols in them, as one operator that reads the shapes of graph inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeconv.core import Array, SymbolicDim
from edgeconv.dims import FloorDiv, quotient
from edgeconv.ops.base import Call, Ref
from edgeconv.ops.cast import Cast
from edgeconv.ops.ratio import dimension
from edgeconv.ops.shape import Dims
from edgeconv.ops.shape_formula import ADD, CONSTANT, DIMENSION, DIVIDE, MULTIPLY, ShapeFormula

__all__ = ["any_shape_expression", "shape_expression", "shape_formula"]


def any_shape_expression(
    value: Array, dtype: str, inputs: Sequence[Ref], computed: Callable[[], Sequence[Ref]] = tuple
) -> Call | None:
    """Of the inputs if that is possible, of one value if possible: the shortest of the expressions below, or None."""
    found = shape_expression(value, dtype, inputs)
    if found is None:
        others = computed()
        found = shape_expression(value, dtype, others) or shape_formula(value, dtype, [*inputs, *others])
    return found


def shape_expression(value: Array, dtype: str, sources: Sequence[Ref]) -> Call | None:
    """`Dims` of the first source that explains every symbolic entry, or None.

    A Cast follows where `dtype` is not that of dimensions, int64.
    """
    for source in sources:
        terms = [_term(entry, source) for entry in map(dimension, value.reshape(-1).tolist())]
        known = [term for term in terms if term is not None]
        if len(known) == len(terms):
            factors, axes, offsets, shifts, divisors = zip(*known, strict=True)
            is_plain = set(divisors) == {1} and not any(shifts)
            rest = ((), ()) if is_plain else (shifts, divisors)
            dims = Dims(factors, axes, offsets, tuple(value.shape), *rest)(source)
            return dims if dtype == "int64" else Cast(dtype)(dims)
    return None


_Term = tuple[int, int, int, int, int]
"""factor, axis, offset, shift, divisor: factor * ((dimension + shift) // divisor) + offset."""


def _term(entry: object, source: Ref) -> _Term | None:
    if not isinstance(entry, SymbolicDim):
        return (0, 0, int(entry), 0, 1) if isinstance(entry, int) else None
    shape = source.type.shape
    found = next((axis for axis, dim in enumerate(shape) if entry == dim), None)
    if found is not None:
        return 1, found, 0, 0, 1
    for axis, dim in enumerate(shape):
        line = _line(entry, dim) if isinstance(dim, SymbolicDim) else None
        if line is not None:
            return line[0], axis, *line[1:]
    return None


def _line(entry: SymbolicDim, dim: SymbolicDim) -> tuple[int, int, int, int] | None:
    """(factor, offset, shift, divisor) with entry == factor * ((dim + shift) // divisor) + offset."""
    constant = dict(entry.terms).get((), 0)
    monomial = dim.terms[0][0]
    factor = dict(entry.terms).get(monomial, 0)
    if entry == dim * factor + constant:
        return factor, constant, 0, 1
    found = quotient(entry)
    if found is None:
        return None
    factor, numerator, divisor, offset = found
    inner = _line(numerator, dim)
    if inner is None or inner[0] != 1:
        return None
    _, inner_offset, shift, inner_divisor = inner
    return factor, offset, shift + inner_offset * inner_divisor, divisor * inner_divisor


def shape_formula(value: Array, dtype: str, sources: Sequence[Ref]) -> Call | None:
    """`ShapeFormula` of all sources that it takes to explain every symbolic entry, or None. A Cast may follow."""
    formula = _Formula(sources)
    if not all(formula.add(entry) for entry in map(dimension, value.reshape(-1).tolist())):
        return None
    dims = ShapeFormula(tuple(formula.code), tuple(value.shape))(*formula.read)
    return dims if dtype == "int64" else Cast(dtype)(dims)


class _Formula:
    """Instructions that compute dimensions from the shapes of `read`, which are some of the sources."""

    def __init__(self, sources: Sequence[Ref]) -> None:
        self.code: list[int] = []
        self.read: list[Ref] = []
        self._places = {
            dim.terms[0][0][0]: (source, axis)
            for source in reversed(sources)
            for axis, dim in enumerate(source.type.shape)
            if isinstance(dim, SymbolicDim) and dim == SymbolicDim(((dim.terms[0][0][:1], 1),))
        }

    def add(self, entry: object) -> bool:
        """Instructions for one more entry; False where the sources do not tell it."""
        if isinstance(entry, int):
            self.code += (CONSTANT, entry, 0)
            return True
        return isinstance(entry, SymbolicDim) and all(
            self._add_term(monomial, factor, position > 0) for position, (monomial, factor) in enumerate(entry.terms)
        )

    def _add_term(self, monomial: Sequence[str | FloorDiv], factor: int, is_more: bool) -> bool:
        self.code += (CONSTANT, factor, 0)
        for atom in monomial:
            if not self._add_atom(atom):
                return False
            self.code += (MULTIPLY, 0, 0)
        self.code += (ADD, 0, 0) if is_more else ()
        return True

    def _add_atom(self, atom: str | FloorDiv) -> bool:
        if atom in self._places:
            source, axis = self._places[atom]
            if source not in self.read:
                self.read.append(source)
            self.code += (DIMENSION, self.read.index(source), axis)
            return True
        if isinstance(atom, str):
            return False
        is_known = self.add(atom.numerator) and self.add(atom.denominator)
        self.code += (DIVIDE, 0, 0)
        return is_known
