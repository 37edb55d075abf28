"""The kernels of Conv: the taps of each block, one (batched) product, and one pass after another over its sums.

Float32 or exactly in int8. A batch goes sample by sample. Where source and target are planes, nothing is padded or
copied on the way: the sums of whole lines, gaps included, go into the target's row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from math import isinf, prod
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from edgeconv.core import Array, Kernel, quantize
from edgeconv.ops.base import Operand, Scratch
from edgeconv.ops.im2col import Block, Columns, in_shifts, reused
from edgeconv.ops.integer import (
    centred_weight,
    clamp_bounds,
    exact_product,
    multiplier,
    real_bias,
    required,
    scalar,
    span,
    whole_bias,
)
from edgeconv.ops.jobs import EXPANDED, SHORT, cast, chain, clip, has_small_products, matmul
from edgeconv.ops.planes import Planes
from edgeconv.ops.residual import Residual
from edgeconv.ops.windows import Window
from edgeconv.records import dataclass

__all__ = ["ConvLayer"]

_OfSample: TypeAlias = "Callable[[int, Array], Iterator[Kernel]]"
"""From a sample and its rows to what computes it."""
_MOST_MARGINS = 1.5
"""Whole rows that are not short are added as one where they are at most so much longer than what belongs to the map."""


@dataclass(frozen=True)
class ConvLayer:
    """A convolution with constant weight (and bias), ready to be planned.

    `pad_values`: float32, real values of the padding; one, or one for each input channel.
    """

    window: Window
    groups: int
    low: float
    high: float
    pad_values: Array
    x: Operand
    weight: Operand
    bias: Operand | None
    residual: Operand | None
    y: Operand

    def plan(self, scratch: Scratch) -> Kernel:
        """The kernel, in the arithmetic of x."""
        return chain(self._jobs(scratch))

    def _jobs(self, scratch: Scratch) -> Iterator[Kernel]:
        source = _Source(self, scratch)
        of_sample = self._by_tiles(source, scratch) or self._by_taps(source, scratch)
        for n in range(self.x.array.shape[0]):
            rows, load = source.sample(n)
            yield from load
            yield from of_sample(n, rows)

    def _by_taps(self, source: _Source, scratch: Scratch) -> _OfSample:
        """The sums of the window's taps."""
        matrix, dtype, ones, cut = self._matrix(source)
        target = self.y.planes if self.y.planes is not None and self.y.planes.spatial == self._out else None
        channels, outputs = self.x.array.shape[1], self.weight.array.shape[0]
        columns = Columns.over(self.window, source.planes, self._out, target, self.groups, channels, outputs)
        finish = _Finish(self, columns, dtype, cut, scratch)
        if self._can_shift(dtype, cut) and finish.gains_from(columns.shifted()):
            columns, matrix = columns.shifted(), in_shifts(matrix, self.window.kernel, ones)
            finish = _Finish(self, columns, dtype, cut, scratch)
        direct = columns.is_pointwise and dtype == "float32"
        carried = ones and (not direct or (source.has_ones and self.groups == 1))
        grouped = scratch.hold(matrix if carried or not ones else np.ascontiguousarray(matrix[:, :, :-1]))
        offset = None if carried or not ones else np.ascontiguousarray(matrix[:, :, -1])
        is_exact = self.x.q is not None
        threads = scratch.threads_for(columns.cost(outputs))

        def of_sample(n: int, rows: Array) -> Iterator[Kernel]:
            if direct:
                stages = columns.direct(rows, carried, outputs, threads, is_exact)
            else:
                stages = columns.stages(rows, dtype, carried, outputs, threads, is_exact, scratch)
            for stage in stages:
                yield from stage.loads
                lanes: dict[int, list[Kernel]] = {}
                for block in stage.blocks:
                    lanes.setdefault(block.lane, []).extend(finish.block(n, block, grouped, offset))
                yield scratch.parallel([chain(jobs) for jobs in lanes.values()])
            yield from finish.clear(n)

        return of_sample

    def _by_tiles(self, source: _Source, scratch: Scratch) -> _OfSample | None:
        """The same sums with fewer products, in float; None where that does not pay."""
        if self.x.q is not None or scratch.is_frugal:
            return None
        from edgeconv.ops.winograd import Winograd, winograd_pays

        if not winograd_pays(self.window, self.groups, self.weight.type.ints, self._out):
            return None
        planes = source.planes
        first = Columns(self.window, planes, self._out, planes.steps, 1, self.x.array.shape[1]).first
        bias, bounds = None if self.bias is None else self.bias.array, (self.low, self.high)
        tiled = Winograd(self.weight.array, bias, bounds, self._out, first, planes.steps[0], scratch)
        residuals = None if self.residual is None else self.residual.array
        return lambda n, rows: tiled.sample(rows, None if residuals is None else residuals[n], self.y.array[n])

    def _can_shift(self, dtype: str, cut: int) -> bool:
        """True for a depthwise window whose taps can be taken line by line: fewer are copied, for more products."""
        channels, outputs, kernel = self.x.array.shape[1], self.weight.array.shape[0], self.window.kernel
        is_plain = 1 < self.groups == channels == outputs and set(self.window.strides) == {1} and prod(kernel[:-1]) > 1
        return is_plain and dtype == "float32" and not cut and kernel[-1] > 1

    @property
    def _out(self) -> tuple[int, ...]:
        return self.y.type.ints[2:]

    def _matrix(self, source: _Source) -> tuple[Array, str, bool, int]:
        """Weights (groups, outputs, taps [+ 1 for the bias]), the product's dtype, whether there is a bias, the cut."""
        rows, weight, cut = self.weight.array.shape[0], self.weight.array, 0
        if self.x.q is None:
            dtype, bias = "float32", None if self.bias is None else self.bias.array
        else:
            weight, whole = centred_weight(self.weight).reshape(rows, -1), whole_bias(self.bias)
            bias = -source.folded * weight.sum(axis=1, dtype=np.int64) + (0 if whole is None else whole)
            dtype, cut = exact_product(weight, bias, source.lowest, source.highest)
        taps = weight.size // rows
        matrix = np.empty((rows, taps + (bias is not None)), dtype)
        matrix[:, :taps] = weight.reshape(rows, taps)
        if bias is not None:
            matrix[:, taps] = bias
        return matrix.reshape(self.groups, rows // self.groups, -1), dtype, bias is not None, cut


class _Source:
    """The samples of x as rows (C [+ 1], length), with the padding of the window around them.

    int8: rows hold q, or q - zero_point where x is carried so; `folded` is what is still to be subtracted, by way of
    the bias. All values lie between `lowest` and `highest`.
    """

    def __init__(self, layer: ConvLayer, scratch: Scratch) -> None:
        self._x, window = layer.x, layer.window
        rank = len(window.kernel)
        begins, ends = window.pads[:rank], window.pads[rank:]
        zero = 0 if self._x.q is None else scalar(self._x.q)[1]
        centre = zero if self._x.is_wide else 0
        self.folded = zero - centre
        fill = self._padding(layer, self.folded)
        self.lowest, self.highest = (0, 0) if self._x.q is None else span(self._x.type, centre)
        if any(window.pads):
            self.lowest, self.highest = min(self.lowest, int(fill.min())), max(self.highest, int(fill.max()))
        known = self._x.planes
        plain = not fill.any() or not any(window.pads)
        self._rows = self._x.rows if known is not None and plain and known.covers(begins, ends) else None
        self.has_ones = self._rows is not None
        if known is not None and self._rows is not None:
            self.planes, self._buffer = known, None
            return
        self.planes = _planes_for(layer, begins, ends)
        dense = self._x.array.dtype == np.float32 and not any(window.pads) and self.planes.run == self.planes.length
        is_view = dense and self._x.array.flags.c_contiguous
        self._buffer = None if is_view else scratch((self._x.array.shape[1], self.planes.length))
        self._fill = fill

    def sample(self, n: int) -> tuple[Array, list[Kernel]]:
        """The rows of sample `n`, and what brings them up to date."""
        if self._rows is not None:
            return self._rows[n], []
        x, buffer = self._x.array[n], self._buffer
        if buffer is None:
            return x.reshape(x.shape[0], -1), []
        jobs = [cast(self.planes.elements(buffer), x)]
        if self.planes.run < self.planes.length:
            jobs.insert(0, cast(buffer, self._fill))
        return buffer, jobs

    def _padding(self, layer: ConvLayer, folded: int) -> Array:
        """float32 (C or 1, 1): what the padding holds, in the rows' own numbers."""
        values = layer.pad_values.reshape(-1, 1)
        if self._x.q is None:
            return values
        if not values.any():
            return np.full((1, 1), folded, np.float32)
        steps = quantize(values, required(self._x.q), "int16").astype(np.float32)
        return steps - np.float32(scalar(self._x.q)[1] - folded)


def _planes_for(layer: ConvLayer, begins: tuple[int, ...], ends: tuple[int, ...]) -> Planes:
    """Rows for x with the window's padding; at the pitch of the target's, where that saves a copy."""
    spatial, wanted = layer.x.type.ints[2:], layer.y.planes
    if wanted is not None and wanted.spatial == spatial and wanted.covers(begins, ends):
        return wanted
    return Planes(spatial, begins, ends)


class _Finish:
    """From the sums of a block to the output: scale (int8), residual, clamp, and the way into y."""

    def __init__(self, layer: ConvLayer, columns: Columns, dtype: str, cut: int, scratch: Scratch) -> None:
        self._layer, self._columns, self._dtype, self._cut, self._scratch = layer, columns, dtype, cut, scratch
        self._y, self._q = layer.y, layer.y.q
        aligned = self._y.planes is not None and self._y.planes.spatial == columns.out
        self._aligned = aligned and self._y.planes is not None and self._y.planes.steps == columns.steps
        self._residual = None if layer.residual is None else Residual(layer.residual, self._y.type)
        self._in_place = self._q is None and self._aligned and dtype == "float32"
        if self._q is None:
            self._bounds = np.float32(layer.low), np.float32(layer.high)
            self._clamps, self._expanded = not (isinf(layer.low) and isinf(layer.high)), False
            self._whole = self._in_place and layer.low <= 0 <= layer.high and self._residual_keeps_zeros(in_place=True)
            return
        zero = self._q.zero_point[0]
        low, high = clamp_bounds(self._q, layer.low, layer.high, self._y.type.dtype)
        self._bounds, self._clamps = (np.float32(low - zero), np.float32(high - zero)), True
        width = self._y.planes.length if self._aligned and self._y.planes is not None else columns.run
        small = layer.weight.array.shape[0] * width <= EXPANDED and columns.run < SHORT
        self._expanded = small and not scratch.is_frugal
        keeps_zeros = low - zero <= 0 <= high - zero and self._residual_keeps_zeros()
        self._whole = self._expanded and self._aligned and dtype == "float32" and keeps_zeros

    def _residual_keeps_zeros(self, in_place: bool = False) -> bool:
        """True where the residual has zeros wherever y has to have them; all around, where it is added `in_place`."""
        residual = self._layer.residual
        wanted = in_place or self._y.clean
        return residual is None or (residual.planes == self._y.planes and (residual.clean or not wanted))

    @cached_property
    def _factor(self) -> Array:
        """float32 (rows, 1); for short rows of the shape of the sums, since NumPy buffers what it broadcasts.

        Where whole rows are written, margins included, zeros in it clear the margins.
        """
        layer, rows = self._layer, self._layer.weight.array.shape[0]
        scales = np.broadcast_to(np.array(required(layer.weight.q).scale, np.float64), (rows,))
        factor = multiplier(scales * scalar(layer.x.q)[0], required(self._q).scale[0]).reshape(-1, 1)
        return self._laid_out(factor)

    @cached_property
    def _real_bias(self) -> Array | None:
        """A bias in real units as what is added to the scaled sums, laid out as `_factor`."""
        found = None if self._q is None else real_bias(self._layer.bias, self._q.scale[0])
        return None if found is None else self._laid_out(found.reshape(-1, 1))

    def _laid_out(self, column: Array) -> Array:
        """(rows, 1) of the shape of the sums, where these are short."""
        if not self._expanded:
            return column
        whole = self._whole and self._y.planes is not None
        mask = self._y.planes.mask if whole and self._y.planes is not None else np.ones(self._columns.run, np.float32)
        return self._scratch.hold(column * mask)

    def _part_of(self, laid_out: Array, rows: slice, columns: slice) -> Array:
        """The part of the factor or the bias for some rows and columns of the sums."""
        if not self._expanded:
            return laid_out[rows]
        first = self._y.planes.origin if self._whole and self._y.planes is not None else 0
        return laid_out[rows, first + columns.start : first + columns.stop]

    def block(self, n: int, block: Block, matrix: Array, offset: Array | None) -> Iterator[Kernel]:
        """Product and finish of one block of sample `n`."""
        rows, columns, lane = block.rows, block.columns, block.lane
        sums, acc = self._sums(n, rows, columns, lane)
        if block.load is not None:
            yield block.load
        left = matrix[block.groups] if self._layer.groups > 1 else matrix[:, rows]
        if self._columns.shifts > 1:
            yield from self._shifted_products(left, block.array, sums, acc, lane)
        else:
            shape = (left.shape[0], acc.shape[0] // left.shape[0], acc.shape[1])
            inner = as_strided(acc, shape, (shape[1] * acc.strides[0], *acc.strides))
            column = None if offset is None else offset.reshape(-1)[rows].reshape(left.shape[0], -1, 1)
            yield from self._product(left, block.array, column, inner, lane)
        if self._whole and self._y.planes is not None and acc.shape[1] == self._columns.run:
            origin = self._y.planes.origin
            yield from self._scale_and_write(n, sums, rows, slice(-origin, sums.shape[1] - origin), lane)
        else:
            yield from self._scale_and_write(n, acc, rows, columns, lane)

    def _sums(self, n: int, rows: slice, columns: slice, lane: int) -> tuple[Array, Array]:
        """Where the sums of a block are computed: whole rows, and the part of them that a product writes."""
        count, run = rows.stop - rows.start, columns.stop - columns.start
        if self._y.planes is None or self._y.rows is None or not (self._in_place or self._whole):
            sums = self._scratch.shared(f"sums {lane}", (count, run), self._dtype)
            return sums, sums
        if self._in_place:
            sums = self._y.rows[n, rows]
        else:
            sums = reused(self._scratch, f"sums {lane}", (count, self._y.planes.length), "float32")
        first = self._y.planes.origin + columns.start
        return sums, sums[:, first : first + run]

    def _product(self, left: Array, right: Array, offset: Array | None, out: Array, lane: int) -> Iterator[Kernel]:
        """(groups, rows, K) times (groups, K, columns), plus (groups, rows, 1); in two where one would not be exact."""
        last, cut = out, self._cut
        work = partial(self._scratch.shared, f"terms {lane}", out.shape, self._dtype)
        if cut:
            last = self._scratch.shared(f"rest {lane}", out.shape, self._dtype)
            yield from matmul(left[..., :cut], right[:, :cut], out, work)
            left, right = left[..., cut:], right[:, cut:]
        yield from matmul(left, right, last, work)
        if offset is not None:
            yield partial(np.add, last, offset, last)
        if cut:
            yield partial(np.add, out, last, out)

    def gains_from(self, shifted: Columns) -> bool:
        """True where it pays to make sums in shifts; few only for small products, and long runs or all as one."""
        is_cheap = shifted.run >= SHORT or self._has_room(shifted)
        return shifted.shifts >= 5 or (shifted.shifts >= 3 and has_small_products() and is_cheap)

    def _has_room(self, shifted: Columns) -> bool:
        """True where sums are computed in whole rows, with little beside the map and nothing that has to stay zero."""
        planes = self._y.planes
        if planes is None or not self._whole or (self._in_place and self._y.clean):
            return False
        most = max(SHORT, _MOST_MARGINS * shifted.run)
        return planes.origin + shifted.run + shifted.reach <= planes.length <= most

    def _shifted_products(self, left: Array, right: Array, sums: Array, acc: Array, lane: int) -> Iterator[Kernel]:
        """(groups, shifts, K) times (groups, K, columns + reach), added with shifts into `acc`, a part of `sums`.

        Where rows of `sums` have room for the reach, all of them are added as one.
        """
        shifts, shift, reach = self._columns.shifts, self._columns.shift, self._columns.reach
        count, run = acc.shape
        fits = self._has_room(self._columns)
        start = self._y.planes.origin if fits and self._y.planes is not None else 0
        pitch = sums.shape[1] if fits else run + reach
        parts = reused(self._scratch, f"shifts {lane}", (shifts, count, pitch), "float32")
        yield partial(np.matmul, left, right, parts[:, :, start : start + run + reach].transpose(1, 0, 2))
        if fits:
            size = count * pitch - reach
            addends = [parts[index].reshape(-1)[index * shift :][:size] for index in range(shifts)]
            target = sums.reshape(-1)[:size]
        else:
            addends, target = [parts[index, :, index * shift :][:, :run] for index in range(shifts)], acc
        yield partial(np.add, *addends[:2], target)
        for addend in addends[2:]:
            yield partial(np.add, target, addend, target)

    def _scale_and_write(self, n: int, acc: Array, rows: slice, columns: slice, lane: int) -> Iterator[Kernel]:
        work = acc
        if self._dtype != "float32":
            work = self._scratch.shared(f"rounded {lane}", acc.shape, "float32")
            yield cast(work, acc)
        if self._q is not None:
            yield partial(np.multiply, work, self._part_of(self._factor, rows, columns), work)
            if self._real_bias is not None:
                yield partial(np.add, work, self._part_of(self._real_bias, rows, columns), work)
        if self._residual is not None:
            yield from self._residual.add(n, work, rows, columns, self._columns, self._scratch, lane)
        if self._q is not None:
            yield partial(np.rint, work, work)
        yield from self._write(n, work, rows, columns)

    def _write(self, n: int, work: Array, rows: slice, columns: slice) -> Iterator[Kernel]:
        """Clamp into the target; where that is int8, by way of `work`."""
        low, high = self._bounds
        source, target = (work, work) if self._in_place else self._ends(n, work, rows, columns)
        if self._q is not None and not self._y.is_wide:
            yield partial(clip, work, low, high, work)
            if self._q.zero_point[0]:
                yield partial(np.add, work, np.float32(self._q.zero_point[0]), work)
            yield cast(target, source)
        elif self._clamps:
            yield partial(clip, source, low, high, target)
        elif not self._in_place:
            yield cast(target, source)

    def _ends(self, n: int, work: Array, rows: slice, columns: slice) -> tuple[Array, Array]:
        """The same cells of the sums and of y."""
        if self._aligned and self._y.rows is not None and self._y.planes is not None:
            origin = self._y.planes.origin
            return work, self._y.rows[n, rows, origin + columns.start : origin + columns.stop]
        first = columns.start // self._columns.steps[0]
        lines = -(-(columns.stop - columns.start) // self._columns.steps[0])
        part = self._columns.part(first, lines)
        return part.elements(work), self._y.array[n, rows, first : first + lines]

    def clear(self, n: int) -> Iterator[Kernel]:
        """Zeros into the gaps that whole lines were written over."""
        is_masked = self._whole and self._expanded
        if self._aligned and self._y.clean and not is_masked and self._y.rows is not None and self._y.planes:
            for hole in self._y.planes.holes(self._y.rows[n, :-1]):
                yield partial(hole.fill, 0)
