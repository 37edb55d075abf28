"""Expressions -> nodes. Import rules and rewrite rules return expressions; the emitter writes them into a graph.

Calls on constants are evaluated on the way (constant folding), and so are computations of shapes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.graph.graph import Node
from edgeconv.ops.base import Call, Expr, OnGrid, Output, Ref

__all__ = ["Emitter"]

_FOLD_GROWTH_BYTES = 1 << 20
"""A folded constant may be this much larger than what it is computed from."""


class Emitter:
    """Appends expressions to a list of nodes; `types` holds the type of every value named so far.

    `grids`: the scales of constants that came as integers.
    """

    def __init__(self, types: dict[str, TensorType]) -> None:
        self.types = types
        self.nodes: list[Node] = []
        self.grids: dict[QParams, None] = {}

    def fresh(self, base: str) -> str:
        """A name not taken yet, derived from `base`."""
        if base not in self.types:
            return base
        number = 1
        while f"{base}.{number}" in self.types:
            number += 1
        return f"{base}.{number}"

    def emit(self, results: Sequence[Expr | None], names: Sequence[str], label: str) -> dict[str, Ref]:
        """Write `results` as the values called `names`, nodes named `label`; returns what each name now means.

        A result that is a reference stays that reference: the caller decides what to do with the alias.
        """
        job = _Job(self, names, label)
        wanted = [(name, result) for name, result in zip(names, results, strict=False) if result is not None]
        for name, result in wanted:
            job.claim(name, result)
        return {name: job.place(result, name) for name, result in wanted}


class _Job:
    """One call of `Emitter.emit`."""

    def __init__(self, emitter: Emitter, names: Sequence[str], label: str) -> None:
        self._emitter, self._label = emitter, label
        self._base = next((name for name in names if name), label)
        self._claimed: dict[tuple[int, int], str] = {}
        self._done: dict[int, list[Ref]] = {}

    def claim(self, name: str, expr: Expr) -> None:
        """Remember that the output computed by `expr` shall be called `name`."""
        if isinstance(expr, Call):
            self._claimed.setdefault((id(expr), 0), name)
        elif isinstance(expr, Output):
            self._claimed.setdefault((id(expr.call), expr.index), name)

    def place(self, expr: Expr, name: str = "") -> Ref:
        """The reference to `expr`, written out first where need be."""
        if isinstance(expr, Ref):
            return expr
        if isinstance(expr, OnGrid):
            self._emitter.grids[expr.grid] = None
            expr = expr.value
        if isinstance(expr, np.ndarray):
            return self._constant(expr, name or self._emitter.fresh(f"{self._base}.const"))
        call, index = (expr, 0) if isinstance(expr, Call) else (expr.call, expr.index)
        if id(call) not in self._done:
            self._done[id(call)] = self._call(call)
        return self._done[id(call)][index]

    def _call(self, call: Call) -> list[Ref]:
        arguments = [None if expr is None else self.place(expr) for expr in call.inputs]
        types = call.types
        names = [self._name(call, index) for index in range(len(types))]
        values = [known.value for known in types]
        if any(value is None for value in values):
            values = _fold(call, arguments) or values
        if all(_is_plain(value) for value in values):
            return [self._constant(v, n) for v, n in zip(values, names, strict=True) if v is not None]
        outputs = [
            TensorType(known.dtype, known.shape, known.q, value) for known, value in zip(types, values, strict=True)
        ]
        self._emitter.types.update(zip(names, outputs, strict=True))
        inputs = tuple("" if ref is None else ref.name for ref in arguments)
        self._emitter.nodes.append(Node(call.op, inputs, tuple(names), self._label))
        return [Ref(name, known) for name, known in zip(names, outputs, strict=True)]

    def _name(self, call: Call, index: int) -> str:
        claimed = self._claimed.get((id(call), index))
        if claimed:
            return claimed
        name = self._emitter.fresh(f"{self._base}.{type(call.op).__name__.lower()}")
        self._emitter.types[name] = call.types[index]
        return name

    def _constant(self, value: Array, name: str) -> Ref:
        self._emitter.types[name] = type_of(value)
        return Ref(name, self._emitter.types[name])


def _is_plain(value: Array | None) -> bool:
    return value is not None and value.dtype != object


def _fold(call: Call, arguments: Sequence[Ref | None]) -> list[Array | None] | None:
    """The call's values if all its inputs are known, else None."""
    if not call.op.folds or any(ref is not None and ref.value is None for ref in arguments):
        return None
    if any(ref is not None and ref.type.q is not None for ref in arguments):
        return None
    known = sum(ref.value.nbytes for ref in arguments if ref is not None and ref.value is not None)
    if all(t.is_static for t in call.types) and sum(t.nbytes for t in call.types) > known + _FOLD_GROWTH_BYTES:
        return None
    return _run(call, [None if ref is None else ref.value for ref in arguments])


def _run(call: Call, values: Sequence[Array | None]) -> list[Array | None] | None:
    symbolic = any(value is not None and value.dtype == object for value in values)
    try:
        with np.errstate(all="ignore"):
            results = call.op.run(*values)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        if symbolic:
            return None
        raise
    tuple_of = results if isinstance(results, tuple) else (results,)
    return [_settle(np.asarray(r), t) for r, t in zip(tuple_of, call.types, strict=False)]


def _settle(value: Array, known: TensorType) -> Array | None:
    """The value in its declared dtype; an array of dimensions stays one while a symbol is left in it."""
    if value.dtype == object and any(not isinstance(item, (int, float)) for item in value.reshape(-1)):
        return value if value.shape == known.shape else None
    shape = known.ints if known.is_static else value.shape  # which the type did not tell, but the values do
    return np.ascontiguousarray(value, known.dtype).reshape(shape)
