"""In which form the planner holds each activation: as the file says, or as its operators like it better.

Between operators that are `wide`, int8 values are carried as float32: no kernel has to convert them. Between operators
that know `planes`, maps have margins for the padding of their readers. Maps of one size that an operator connects get
the same margins, so that whole lines go from one to the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import prod

from edgeconv.core import TensorType
from edgeconv.ops.base import Inputs, Operator
from edgeconv.ops.planes import Planes
from edgeconv.records import dataclass
from edgeconv.runtime.program import ABSENT, Program, Step

__all__ = ["Form", "choose_forms"]

_WIDE_BYTES = 1 << 23
"""Up to this size an int8 activation is carried as float32; larger ones cost more memory traffic than they save."""


@dataclass(frozen=True)
class Form:
    """`wide`: int8 carried as float32. `planes`: where the elements lie. `clean`: zeros are wanted around them."""

    wide: bool = False
    planes: Planes | None = None
    clean: bool = False


class _Group:
    """Maps of one spatial shape that are to have the same planes."""

    def __init__(self, rank: int) -> None:
        self.begins = self.ends = (0,) * rank
        self.wanted = False

    def widen(self, begins: Sequence[int], ends: Sequence[int]) -> None:
        """At least these margins."""
        self.begins = tuple(map(max, self.begins, begins))
        self.ends = tuple(map(max, self.ends, ends))
        self.wanted = True


def choose_forms(program: Program, types: Sequence[TensorType], roots: Sequence[int]) -> dict[int, Form]:
    """Root tensor -> its form, for those that are not plain arrays."""
    operators, members = _operators(program, roots), _members(program, types, roots)
    wide = _same_on_both_sides(program, roots, {root for root in members if _can_be_wide(types[root], operators[root])})
    maps = {
        root
        for root, names in members.items()
        if len(names) == 1
        and types[root].rank >= 3
        and 0 not in types[root].ints
        and (root in wide or (types[root].dtype == "float32" and types[root].q is None))
        and all(op.planes for op in operators[root])
    }
    groups, clean = _group(program, types, maps), _clean(program, types)
    forms = {}
    for root in sorted(wide | maps):
        group = groups.get(root)
        planes = None
        if group is not None and group.wanted:
            planes = Planes(types[root].ints[2:], group.begins, group.ends)
        if planes is not None or root in wide:
            forms[root] = Form(root in wide, planes, root in clean)
    return forms


def _operators(program: Program, roots: Sequence[int]) -> Mapping[int, list[Operator]]:
    """Root -> the operators that read or write it, views left out."""
    found: dict[int, list[Operator]] = defaultdict(list)
    for step in program.steps:
        for index in _touched(step):
            if not step.op.view:
                found[roots[index]].append(step.op)
    return found


def _touched(step: Step) -> Iterator[int]:
    return (index for index in (*step.inputs, *step.outputs) if index != ABSENT)


def _members(program: Program, types: Sequence[TensorType], roots: Sequence[int]) -> dict[int, set[int]]:
    """Root -> all tensors that share its bytes; activations only."""
    found: dict[int, set[int]] = {}
    ends = (*program.inputs, *program.outputs)
    for index in (*ends, *(index for step in program.steps for index in _touched(step))):
        if types[index].value is None:
            found.setdefault(roots[index], set()).add(index)
    return found


def _can_be_wide(known: TensorType, operators: Sequence[Operator]) -> bool:
    per_tensor = known.dtype in ("int8", "int16") and known.q is not None and known.q.axis is None
    return per_tensor and 4 * prod(known.ints) <= _WIDE_BYTES and all(op.wide for op in operators)


def _same_on_both_sides(program: Program, roots: Sequence[int], wide: set[int]) -> set[int]:
    """Of `wide`, what remains when operators that only move values find them in the same form on both sides."""
    moves = [
        {roots[index] for index in (step.inputs[0], *step.outputs) if index != ABSENT}
        for step in program.steps
        if step.op.quant is not None and step.op.quant.shared
    ]
    while True:
        mixed = [ends for ends in moves if ends & wide and not ends <= wide]
        if not mixed:
            return wide
        wide = wide.difference(*mixed)


def _group(program: Program, types: Sequence[TensorType], maps: set[int]) -> dict[int, _Group]:
    """Map -> its group: maps of the same spatial shape around one operator are in one."""
    groups: dict[int, _Group] = {}
    for root in maps:
        groups[root] = _Group(types[root].rank - 2)
    for step in program.steps:
        ends = [index for index in _touched(step) if index in groups]
        for index in ends[1:]:
            for other in ends[: ends.index(index)]:
                if types[index].shape[2:] == types[other].shape[2:]:
                    _merge(groups, index, other)
    for step in program.steps:
        margins = _margins(step, types)
        if margins is not None and step.inputs[0] in groups:
            groups[step.inputs[0]].widen(*margins)
    return groups


def _merge(groups: dict[int, _Group], one: int, other: int) -> None:
    gone, stays = groups[one], groups[other]
    if gone is not stays:
        for root, group in groups.items():
            if group is gone:
                groups[root] = stays


def _margins(step: Step, types: Sequence[TensorType]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    if not step.op.planes:
        return None
    return step.op.margins(Inputs([None if index == ABSENT else types[index] for index in step.inputs]))


def _clean(program: Program, types: Sequence[TensorType]) -> set[int]:
    """Tensors that some reader wants zeros around."""
    found = set()
    for step in program.steps:
        margins = _margins(step, types)
        if margins is not None and any((*margins[0], *margins[1])):
            found.add(step.inputs[0])
    return found
