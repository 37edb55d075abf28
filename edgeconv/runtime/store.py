"""Where the activations of a plan are held, and the ways in and out of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from math import prod

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.ops.base import Operand, Scratch
from edgeconv.ops.planes import filled
from edgeconv.ops.quantize import POSITIVE_ZERO, quantizer
from edgeconv.records import dataclass
from edgeconv.runtime.arena import Arena, Lifetime, aligned_block, check_limit, round_up
from edgeconv.runtime.forms import Form

__all__ = ["Loader", "Memory", "Store", "export", "read"]


@dataclass(frozen=True)
class Memory:
    """Bytes that a plan takes beside the file itself, known before the first run.

    `arena`: activations as the file declares them. `prepared`: weights in the form that kernels want, and tables.
    `scratch`: working memory, activations carried as float32 and margins included.
    """

    arena: int
    prepared: int
    scratch: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.arena + self.prepared + self.scratch


class Store:
    """Arrays for all tensors, in memory from `block`. `forms` and `lifetimes` are of roots, see `choose_forms`."""

    def __init__(
        self,
        types: Sequence[TensorType],
        lifetimes: Mapping[int, Lifetime],
        forms: Mapping[int, Form],
        limit: int,
        block: Callable[[int], Array] = aligned_block,
    ) -> None:
        self._types, self._forms = types, forms
        self._plain = Arena({root: life for root, life in lifetimes.items() if root not in forms}, limit, block)
        flat = {root: lifetimes[root] for root, form in forms.items() if form.planes is None and root in lifetimes}
        self._wide = Arena(
            {root: Lifetime(4 * life.nbytes, life.first, life.last) for root, life in flat.items()}, limit, block
        )
        self._rows = _place_planes(types, lifetimes, forms, partial(self._room, limit, block))

    def _room(self, limit: int, block: Callable[[int], Array], nbytes: int) -> Array:
        """Memory for all rows; EdgeconvError where it is over the limit."""
        check_limit(self._wide.nbytes + nbytes, limit)
        return block(nbytes)

    @property
    def arena_bytes(self) -> int:
        """Bytes of the activations that are held as the file declares them."""
        return self._plain.nbytes

    @property
    def working_bytes(self) -> int:
        """Bytes of those that are held in other forms."""
        return self._wide.nbytes + sum({id(rows): rows.nbytes for rows in self._rows.values()}.values())

    def operand(self, index: int, root: int) -> Operand | None:
        """Tensor `index`, which shares the bytes of `root`; None for one that nothing touches."""
        known = self._types[index]
        if known.value is not None:
            return Operand(known, known.value)
        form, rows = self._forms.get(root), self._rows.get(root)
        if form is not None and form.planes is not None and rows is not None:
            return Operand(known, form.planes.elements(rows[:, :-1]), form.planes, rows, form.clean)
        if root in self._wide.offsets:
            return Operand(known, self._wide.view(root, known.ints, "float32"))
        if root in self._plain.offsets:
            return Operand(known, self._plain.view(root, known.ints, known.dtype))
        return None


def _place_planes(
    types: Sequence[TensorType],
    lifetimes: Mapping[int, Lifetime],
    forms: Mapping[int, Form],
    block: Callable[[int], Array],
) -> dict[int, Array]:
    """Root -> rows; tensors of the same shape and form that are never alive at once share them.

    Margins are zero from the start and stay so, which is why others cannot use the memory.
    """
    planes = {root: form.planes for root, form in forms.items() if form.planes is not None and root in lifetimes}
    groups: dict[tuple[object, ...], list[list[int]]] = {}
    for root in sorted(planes, key=lambda root: (lifetimes[root].first, root)):
        shared = groups.setdefault((forms[root], types[root].ints), [])
        free = next((each for each in shared if lifetimes[each[-1]].last < lifetimes[root].first), None)
        if free is None:
            shared.append([root])
        else:
            free.append(root)
    places = [each for shared in groups.values() for each in shared]
    shapes = [planes[each[0]].rows(*types[each[0]].ints[:2]) for each in places]
    sizes = [round_up(4 * prod(shape)) for shape in shapes]
    memory = block(sum(sizes))
    rows: dict[int, Array] = {}
    for each, shape, size, end in zip(places, shapes, sizes, accumulate(sizes), strict=True):
        held = filled(memory[end - size : end - size + 4 * prod(shape)].view(np.float32).reshape(shape))
        rows.update(dict.fromkeys(each, held))
    return rows


class Loader:
    """Takes an array into an input: as it is, or quantized from float."""

    def __init__(self, target: Operand, scratch: Scratch) -> None:
        self._target = target.array
        self._zero_point = 0
        self._quantize = None
        if target.q is not None:
            self._zero_point = target.q.zero_point[0] if target.is_wide else 0
            self._quantize = quantizer(target.array, target.q, scratch(target.array.shape))

    def __call__(self, array: Array) -> None:
        """Copy or quantize `array`, of the target's shape: of the tensor's dtype, or float32 where that is int8."""
        if self._quantize is not None and array.dtype == np.float32:
            self._quantize(array)
            return
        np.copyto(self._target, array)
        if self._zero_point:
            np.subtract(self._target, np.float32(self._zero_point), out=self._target)


def read(held: Operand) -> Array:
    """The tensor as the file declares it: the array itself, or a new one where it is held in another form."""
    if held.is_wide and held.q is not None:
        shifted: Array = held.array + np.float32(held.q.zero_point[0])
        return shifted.astype(held.type.dtype)
    return held.array


def export(held: Operand, raw: bool) -> Array:
    """The caller's own copy: real values, or with `raw` the integers that stand for them."""
    if raw or held.q is None:
        found = read(held)
        return found if found is not held.array else held.array.copy()
    scale, zero_point = held.q.arrays(held.array.ndim)
    real: Array = np.empty(held.array.shape, np.float32)
    if held.is_wide:
        np.add(held.array, POSITIVE_ZERO, out=real)
    else:
        np.copyto(real, held.array)
        np.subtract(real, zero_point, out=real)
    return np.multiply(real, scale, out=real)
