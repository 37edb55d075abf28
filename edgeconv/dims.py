"""Symbolic dimensions: what is known of a shape before the batch size is.

A `SymbolicDim` is a polynomial with integer coefficients over atoms; an atom is a named symbol ("N") or an inexact
floor division. Every symbol stands for a positive integer. Arithmetic with plain integers gives a plain integer back
as soon as the symbols cancel, so shape rules are written once and serve the converter and the runtime.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from edgeconv.records import dataclass

__all__ = [
    "Dim",
    "FloorDiv",
    "SymbolicDim",
    "compare",
    "counted",
    "evaluate",
    "any_counted",
    "is_counted",
    "larger",
    "quotient",
    "symbol",
    "unknown",
]

Dim: TypeAlias = "int | SymbolicDim"

_MAX_ATOMS = 64
"""Atoms in one dimension, written out: files from anywhere must not make polynomials explode."""


@dataclass(frozen=True)
class FloorDiv:
    """A floor division that leaves a remainder, as far as is known."""

    numerator: SymbolicDim
    denominator: Dim

    def __str__(self) -> str:
        return str(self.numerator) if self.denominator == 1 else f"(({self.numerator})//{self.denominator})"


_Monomial: TypeAlias = "tuple[str | FloorDiv, ...]"


@dataclass(frozen=True)
class SymbolicDim:
    """A polynomial over positive symbols: sorted (monomial, coefficient) pairs, none of them zero."""

    terms: tuple[tuple[_Monomial, int], ...]

    def __add__(self, other: Dim) -> Dim:
        total = dict(self.terms)
        for monomial, coefficient in _terms(other):
            total[monomial] = total.get(monomial, 0) + coefficient
        return _normal(total)

    def __mul__(self, other: Dim) -> Dim:
        total: dict[_Monomial, int] = {}
        for a, ca in self.terms:
            for b, cb in _terms(other):
                monomial = tuple(sorted(a + b, key=str))
                total[monomial] = total.get(monomial, 0) + ca * cb
        return _normal(total)

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + (-other)

    def __rsub__(self, other: int) -> Dim:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        if other == 0:
            raise ZeroDivisionError(f"({self}) // 0")
        exact = _exact_quotient(self, other)
        if exact is not None:
            return exact
        if isinstance(other, int) and other > 0:
            whole = _normal({m: c // other for m, c in self.terms if m == () or c % other == 0})
            if whole != 0:
                return whole + (self - whole * other) // other
            inner = quotient(self)
            if inner is not None and inner[0] == 1:
                _, numerator, divisor, offset = inner
                return (numerator + offset * divisor) // (divisor * other)
        return SymbolicDim((((FloorDiv(self, other),), 1),))

    def __rfloordiv__(self, other: int) -> Dim:
        return SymbolicDim((((FloorDiv(SymbolicDim((((), other),)), self),), 1),)) if other else 0

    def __mod__(self, other: Dim) -> Dim:
        return self - (self // other) * other

    def __str__(self) -> str:
        return "+".join(_monomial_text(m, c) for m, c in self.terms).replace("+-", "-")

    __repr__ = __str__


def symbol(name: str) -> SymbolicDim:
    """The symbol called `name`, a positive integer not known yet."""
    return SymbolicDim((((name,), 1),))


def quotient(dim: SymbolicDim) -> tuple[int, SymbolicDim, int, int] | None:
    """(factor, numerator, divisor, offset) of a dimension that is factor * (numerator // divisor) + offset, or None."""
    terms = dict(dim.terms)
    offset = terms.pop((), 0)
    if len(terms) != 1:
        return None
    ((monomial, factor),) = terms.items()
    if len(monomial) != 1 or not isinstance(monomial[0], FloorDiv):
        return None
    atom = monomial[0]
    if not isinstance(atom.denominator, int) or atom.denominator < 2:
        return None
    return factor, atom.numerator, atom.denominator, offset


def unknown(name: str) -> SymbolicDim:
    """A dimension of which nothing is known but its name: it may even be 0."""
    return SymbolicDim((((FloorDiv(symbol(name), 1),), 1),))


_COUNTED = "#"
"""Begins the name of a dimension that data decides."""


def counted(label: str) -> SymbolicDim:
    """A dimension that only data tells, such as how many elements are not zero. One label, one size."""
    return unknown(f"{_COUNTED}{label}")


def is_counted(dim: Dim) -> bool:
    """True where the dimension follows from `counted` ones, so that input shapes do not tell it."""
    return not isinstance(dim, int) and _COUNTED in str(dim)


def any_counted(dims: Iterable[Dim]) -> bool:
    """True where one of the dimensions is counted."""
    return any(map(is_counted, dims))


def compare(a: Dim, b: Dim) -> int | None:
    """-1, 0 or 1 as a < b, a == b or a > b whatever the symbols stand for; None where it depends on them."""
    difference = a - b
    if not isinstance(difference, SymbolicDim):
        return (difference > 0) - (difference < 0)
    low, high = _bound(difference), _bound(-difference)
    if low is not None and low > 0:
        return 1
    return -1 if high is not None and high > 0 else None


def larger(a: Dim, b: Dim) -> Dim:
    """The larger of two dimensions, whatever the symbols stand for; ValueError where it depends on them."""
    for x, y in ((a, b), (b, a)):
        least = _bound(x - y)
        if least is not None and least >= 0:
            return x
    raise ValueError(f"which of {a} and {b} is larger is not known yet")


def _bound(dim: Dim) -> int | None:
    """A number that `dim` is never below, where one is found: with every atom counted from its own bound."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        product: Dim = coefficient
        for atom in monomial:
            least = 1 if isinstance(atom, str) else _quotient_bound(atom)
            if least is None:
                return None
            product = product * (SymbolicDim((((atom,), 1),)) + least)
        total = total + product
    parts = dict(_terms(total))
    least = parts.pop((), 0)
    return least if min(parts.values(), default=0) >= 0 else None


def _quotient_bound(atom: FloorDiv) -> int | None:
    if not isinstance(atom.denominator, int) or atom.denominator < 1:
        return None
    if atom.denominator == 1:  # see `unknown`
        return 0
    least = _bound(atom.numerator)
    return None if least is None else least // atom.denominator


def evaluate(dim: Dim, values: Mapping[str, int]) -> Dim:
    """`dim` with the symbols in `values` replaced; an integer once none is left."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        product: Dim = coefficient
        for atom in monomial:
            product = product * _evaluate_atom(atom, values)
        total = total + product
    return total


def _evaluate_atom(atom: str | FloorDiv, values: Mapping[str, int]) -> Dim:
    if isinstance(atom, FloorDiv):
        return evaluate(atom.numerator, values) // evaluate(atom.denominator, values)
    return values[atom] if atom in values else symbol(atom)


def _terms(dim: Dim) -> tuple[tuple[_Monomial, int], ...]:
    return dim.terms if isinstance(dim, SymbolicDim) else (((), int(dim)),)


def _normal(total: Mapping[_Monomial, int]) -> Dim:
    terms = sorted(((m, c) for m, c in total.items() if c), key=lambda term: [str(a) for a in term[0]])
    if not terms:
        return 0
    if sum(len(monomial) for monomial, _ in terms) > _MAX_ATOMS or any(abs(c) >> 63 for _, c in terms):
        raise OverflowError("a dimension that is only known at run time is too complicated")
    if len(terms) == 1 and terms[0][0] == ():
        return terms[0][1]
    return SymbolicDim(tuple(terms))


def _exact_quotient(dim: SymbolicDim, divisor: Dim) -> Dim | None:
    """`dim / divisor` if the polynomial `divisor` divides it: leading terms are divided until nothing is left."""
    lead, factor = _leading(divisor)
    total: dict[_Monomial, int] = {}
    rest: Dim = dim
    while rest != 0:
        monomial, coefficient = _leading(rest)
        left = list(monomial)
        for atom in lead:
            if atom not in left:
                return None
            left.remove(atom)
        if coefficient % factor or len(total) > _MAX_ATOMS:
            return None
        total[tuple(left)] = coefficient // factor
        rest = rest - _normal({tuple(left): coefficient // factor}) * divisor
    return _normal(total)


def _leading(dim: Dim) -> tuple[_Monomial, int]:
    """The term of the highest degree, of several the first in the alphabet: an order that products keep."""
    return min(_terms(dim), key=lambda term: (-len(term[0]), [str(atom) for atom in term[0]]))


def _monomial_text(monomial: _Monomial, coefficient: int) -> str:
    name = "*".join(str(atom) for atom in monomial)
    if not name:
        return str(coefficient)
    return name if coefficient == 1 else f"{coefficient}*{name}"
