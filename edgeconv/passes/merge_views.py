"""Chains of Reshape, Transpose and Slice (as around attention) in their shortest form.

    any chain    ->    Slice, Reshape, Transpose, Reshape, of which each may be missing

Every dimension is followed as a list of atoms, factors of it that stay together; Reshape splits and joins atoms,
Transpose reorders them, Slice cuts the outermost atom of a dimension. At the end the atoms say what remains to be done.
A chain is replaced where fewer operators are left; or as many, but none that other nodes need, too. What other nodes
read of it stays for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from edgeconv.core import Dim, Shape
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Expr, Ref, ShapeError
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.ops.reshape import Reshape, reshape_to
from edgeconv.ops.slice import Slice
from edgeconv.ops.transpose import Transpose
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["merge_views"]

_LONGEST = 12


def merge_views(graph: Graph) -> int:
    """Shorten every chain at its end."""
    return rewrite(graph, _rule)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, (Reshape, Transpose, Slice)):
        return None
    chain = _chain(node, view)
    for start in range(len(chain) - 1):
        part = chain[start:]
        form = _Form(view.type_of(part[0].inputs[0]).shape)
        if not all(form.follow(each, view) for each in part):
            continue
        try:
            made, count = form.build(view.ref(part[0].inputs[0]), view.type_of(node.outputs[0]).shape)
        except (Unsupported, ShapeError) as error:
            view.decline(node, str(error))
            continue
        removable = _removable(part, view)
        if count < removable or count == removable < len(part):
            return made
    return None


def _chain(node: Node, view: View) -> list[Node]:
    """The movements that end in `node`, first one first."""
    chain = [node]
    while len(chain) < _LONGEST:
        source = view.producer(chain[0].inputs[0])
        if source is None or not isinstance(source.op, (Reshape, Transpose, Slice)):
            break
        chain.insert(0, source)
    return chain


def _removable(chain: list[Node], view: View) -> int:
    """How many nodes at the end of the chain serve nothing else."""
    count = 1
    for node in reversed(chain[1:]):
        if not view.only_use(node.inputs[0]):
            break
        count += 1
    return count


@dataclass(eq=False)
class _Atom:
    """A factor of a dimension; `axis` is the dimension of the source that it is part of."""

    size: Dim
    axis: int


class _Form:
    """The source's dimensions (after one Slice) and the current ones, as lists of atoms without those of size 1."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        atoms = [_Atom(dim, axis) for axis, dim in enumerate(shape)]
        self._source = [[atom] if atom.size != 1 else [] for atom in atoms]
        self._current = [list(part) for part in self._source]
        self._spans: dict[int, tuple[int, int]] = {}

    def follow(self, node: Node, view: View) -> bool:
        """Apply one movement; False where atoms cannot express it."""
        if isinstance(node.op, Transpose):
            self._current = [self._current[axis] for axis in node.op.perm]
            return True
        if isinstance(node.op, Slice):
            return self._slice(node.op)
        return self._reshape(view.type_of(node.outputs[0]).shape)

    def _reshape(self, target: Shape) -> bool:
        rest = [atom for part in self._current for atom in part]
        parts: list[list[_Atom]] = []
        for wanted in target:
            part: list[_Atom] = []
            missing = wanted
            while missing != 1:
                if not rest:
                    return False
                atom = rest[0]
                if not _divides(atom.size, missing):
                    if not _divides(missing, atom.size):
                        return False
                    rest[0:1] = [atom, self._split(atom, missing)]
                part.append(rest.pop(0))
                missing = missing // part[-1].size
            parts.append(part)
        self._current = parts
        return not rest

    def _split(self, atom: _Atom, outer: Dim) -> _Atom:
        """Make `atom` its outer factor; the inner one is returned, and stands behind it in the source."""
        inner = _Atom(atom.size // outer, atom.axis)
        atom.size = outer
        part = self._source[atom.axis]
        part.insert(part.index(atom) + 1, inner)
        return inner

    def _slice(self, op: Slice) -> bool:
        for start, end, axis, step in zip(op.starts, op.ends, op.axes, op.steps, strict=True):
            part = self._current[axis]
            if not part and len(range(1)[slice(start, end, step)]) == 1:
                continue
            if len(part) != 1 or step != 1 or not isinstance(part[0].size, int):
                return False
            atom = part[0]
            source = self._source[atom.axis]
            inner = prod(other.size for other in source[1:])
            if source[0] is not atom or not isinstance(inner, int):
                return False
            chosen = range(atom.size)[slice(start, end)]  # type: ignore[arg-type]  # checked above
            if not chosen:
                return False
            first = self._spans.get(atom.axis, (0, 0))[0] + chosen.start * inner
            self._spans[atom.axis] = first, first + len(chosen) * inner
            atom.size = len(chosen)
            if atom.size == 1:
                source.remove(atom)
                part.remove(atom)
        return True

    def build(self, x: Ref, target: Shape) -> tuple[Expr, int]:
        """(expression, number of operators) for what was followed."""
        self._join()
        made, count, shape = self._cut(x)
        source = [atom for part in self._source for atom in part]
        current = [atom for part in self._current for atom in part]
        perm = tuple(source.index(atom) for atom in current)
        if perm != tuple(range(len(perm))):
            atoms = tuple(atom.size for atom in source)
            if atoms != shape:
                made, count = reshape_to(made, shape, atoms), count + 1
            made, count = Transpose(perm)(made), count + 1
            shape = tuple(atom.size for atom in current)
        if shape != target:
            made, count = reshape_to(made, shape, target), count + 1
        return made, count

    def _cut(self, x: Ref) -> tuple[Expr, int, Shape]:
        """(the Slice of x, or x itself; number of operators; its shape)."""
        axes = sorted(axis for axis, span in self._spans.items() if span != (0, self._shape[axis]))
        if not axes:
            return x, 0, self._shape
        starts, ends = zip(*(self._spans[axis] for axis in axes), strict=True)
        cut = Slice(starts, ends, tuple(axes), (1,) * len(axes))(x)
        return cut, 1, cut.type.shape

    def _join(self) -> None:
        """Make one atom of two that are neighbours in the source's dimension and at the end, too."""
        for part in self._source:
            for outer, inner in [*pairwise(part)][::-1]:
                for now in self._current:
                    at = now.index(outer) if outer in now else -1
                    if 0 <= at < len(now) - 1 and now[at + 1] is inner:
                        outer.size = outer.size * inner.size
                        now.remove(inner)
                        part.remove(inner)


def _divides(a: Dim, b: Dim) -> bool:
    """True when b is a multiple of a, whatever the symbols stand for."""
    return a != 0 and b != 0 and (b // a) * a == b
