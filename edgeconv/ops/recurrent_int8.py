"""int8 kernels of LSTM and GRU: exact products, gates from one stored table, the state in wider types.

Inputs and weights are int8, weights with one scale for each row of a gate; the hidden state is multiplied in as many
bits as keep its product exact in float32 (h * 2**11 to h * 2**15; in float64 otherwise; fewer steps to 1 where an
initial state lies beyond it), the cell state is float32. By
the determinism law: products are exact integers, whatever the order of summation; what follows are single IEEE
operations; tanh is a table of 4096 entries, indexed by rint(256 x), and sigmoid(x) = tanh(x / 2) / 2 + 1/2 reads the
same one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, frexp

import numpy as np

from edgeconv.core import Array, Kernel, QParams, TensorType
from edgeconv.ops.base import Inputs, Operand, Scratch
from edgeconv.ops.integer import EXACT_FLOAT32, clamp_bounds, exact_dtype, narrow, required, scalar, weight_bound
from edgeconv.ops.jobs import cast, chain, clip
from edgeconv.ops.recurrent_kernels import Direction
from edgeconv.records import dataclass

__all__ = ["TABLE_SIZE", "Walk", "is_tanh_table", "plan_gru_int8", "plan_lstm_int8", "tanh_table", "walks"]

TABLE_SIZE = 4096
_PER_UNIT = 256.0
"""Entries of the table for a step of 1."""
_STATE = 2.0**15
"""Steps of the hidden state, at most."""
_ROUNDING = 3 * 2**22
_FARTHEST = 2**14 - 2
"""Places within so many of the middle need no clamp: two tables that reach so far have 16-bit indices."""
_ROUNDED_UP = 1.001
"""More than float32 sums can grow by rounding."""
_FEWEST_BITS = 11
"""Bits of the hidden state below which float64 is better than fewer."""


def tanh_table() -> Array:
    """int16 (4096,): tanh(i / 256) * 2**15 for i from -2048 to 2047; made at conversion, stored in the file."""
    x = np.arange(-TABLE_SIZE // 2, TABLE_SIZE // 2) / _PER_UNIT
    return np.clip(np.rint(np.tanh(x) * _STATE), -32767, 32767).astype(np.int16)


def is_tanh_table(table: TensorType) -> bool:
    """True for what has the form of such a table."""
    return table.dtype == "int16" and table.shape == (TABLE_SIZE,) and table.q is None and table.value is not None


@dataclass(frozen=True)
class Walk:
    """One direction of a planned operator: views as in Direction, and the parameters of what they hold.

    `weight_q`, `recurrence_q`: of the int8 weights; `x_q`, `y_q`; `states_q`: (of the initial state or None, of the
    final one) of every state. `table`: float32 (4096,).
    """

    part: Direction
    x_q: QParams
    y_q: QParams
    weight_q: QParams
    recurrence_q: QParams
    states_q: tuple[tuple[QParams | None, QParams], ...]
    table: Array


def walks(
    parts: Sequence[Direction], inputs: Inputs[Operand], outputs: Sequence[Operand], initial: Sequence[int], table: int
) -> list[Walk]:
    """The directions `parts` with their parameters; `initial`, `table`: positions of initial states and table."""
    states = tuple(
        (None if (start := inputs.get(position)) is None else required(start.q), required(out.q))
        for position, out in zip(initial, outputs[1:], strict=True)
    )
    values = inputs[table].array.astype(np.float32) / np.float32(_STATE)
    x, y, weight, recurrence = (required(each.q) for each in (inputs[0], outputs[0], inputs[1], inputs[2]))
    return [Walk(part, x, y, weight, recurrence, states, values) for part in parts]


def plan_lstm_int8(walk: Walk, hidden: int, scratch: Scratch) -> Kernel:
    """An LSTM's walk, with few calls per step: gates in the order input, forget, output, cell, so that one product
    makes i * g and f * c; c is held in entries of the table and h in steps of the product, by exact powers of 2.
    """
    part, rows = walk.part, np.arange(4 * hidden).reshape(4, hidden)[[0, 2, 1, 3]].reshape(-1)
    halves = np.repeat(np.array([0.5, 0.5, 0.5, 1]), hidden)
    both = part.bias.reshape(2, -1).astype(np.float64)
    projected, project = _projection(walk, halves, both[0] + both[1], scratch, rows)
    steps, batch = projected.shape[:2]
    product = _StateProduct(walk, halves, rows, batch, scratch)
    states, gates = scratch((steps, batch, hidden)), scratch((batch, 4 * hidden))
    values, terms, inner = scratch((batch, 5 * hidden)), scratch((batch, 2 * hidden)), scratch((batch, hidden))
    c, o = values[:, 4 * hidden :], values[:, 2 * hidden : 3 * hidden]
    tables, farthest = (_sigmoid(walk.table), walk.table * _INDEX), _farthest(walk, halves, both[0] + both[1])
    look_up = _look_up(tables, hidden, farthest, gates, gates, values[:, : 4 * hidden], scratch)
    cell_table, farthest = walk.table * np.float32(product.unit), (steps + _most(walk, 1)) * _PER_UNIT * _ROUNDED_UP
    look_up_c = _look_up([cell_table], hidden, farthest, c, inner, inner, scratch)
    jobs: list[Kernel] = [project, *product.start(walk, 0), _start(walk, 1, c), partial(np.multiply, c, _INDEX, c)]
    for at in part.order():
        jobs += product.into(gates)
        jobs += [
            partial(np.add, gates, projected[at], gates),
            *look_up,
            partial(np.multiply, values[:, : 2 * hidden], values[:, 3 * hidden :], terms),
            partial(np.add, terms[:, :hidden], terms[:, hidden:], c),
            *look_up_c,
            partial(np.multiply, o, inner, states[at]),
            *product.take(states[at]),
        ]
    last = [*part.order()][-1] if steps else None
    jobs += _written(part.y, walk.y_q, states, product.unit, scratch)
    if last is not None:
        jobs += _written(part.states[0][1], walk.states_q[0][1], states[last], product.unit, scratch)
        jobs += _written(part.states[1][1], walk.states_q[1][1], c, _PER_UNIT, scratch)
    return chain(jobs)


class _StateProduct:
    """h @ recurrence.T in entries of the table, from h in steps of `1 / unit`: exact sums of integers."""

    def __init__(self, walk: Walk, halves: Array, rows: Array, batch: int, scratch: Scratch) -> None:
        weight = walk.part.recurrence.astype(np.int64)[rows]
        bits = min(15, EXACT_FLOAT32.bit_length() - 1 - int(np.abs(weight).sum(axis=1).max(initial=1)).bit_length())
        narrow_enough = bits >= _FEWEST_BITS
        self._limit = (2.0**bits if narrow_enough else _STATE) - 1
        self.unit = (self._limit + 1) / _reach(walk)
        dtype = "float32" if narrow_enough else "float64"
        self._matrix = scratch.hold(np.array(weight.T if batch > 1 else weight, dtype, order="C"))
        scales = np.array(walk.recurrence_q.scale, np.float64)[rows]
        factor = (scales * halves * _PER_UNIT / self.unit).astype(np.float32)
        self._factor = np.tile(factor, (batch, 1))  # NumPy takes twice as long to broadcast a short row
        self._rounded = scratch((batch, weight.shape[1]))
        self._steps = self._rounded if narrow_enough else scratch(self._rounded.shape, dtype)
        self._acc = scratch((batch, weight.shape[0]), dtype)

    def start(self, walk: Walk, state: int) -> list[Kernel]:
        """Jobs: the initial state, clipped to the reach of the steps."""
        limit, initial = np.float32(self._limit), self._rounded
        return [
            _start(walk, state, initial),
            partial(np.multiply, initial, np.float32(self.unit), initial),
            *self.take(initial),
            partial(clip, self._steps, -limit, limit, self._steps),
        ]

    def take(self, scaled: Array) -> list[Kernel]:
        """Jobs: h, times `unit`, rounded to steps."""
        jobs: list[Kernel] = [partial(np.rint, scaled, self._rounded)]
        return jobs if self._steps is self._rounded else [*jobs, cast(self._steps, self._rounded)]

    def into(self, gates: Array) -> list[Kernel]:
        """Jobs: the product in `gates`, float32."""
        if len(gates) > 1:
            product: Kernel = partial(np.matmul, self._steps, self._matrix, self._acc)
        else:  # a matrix by a vector: half the time of a product of one row
            product = partial(np.dot, self._matrix, self._steps[0], self._acc[0])
        if self._acc.dtype == np.float32:
            return [product, partial(np.multiply, self._acc, self._factor, gates)]
        return [product, cast(gates, self._acc), partial(np.multiply, gates, self._factor, gates)]


def _farthest(walk: Walk, halves: Array, bias: Array) -> float:
    """How far a gate's place can lie from the middle of the table."""
    sums = np.abs(bias)
    for weight, q, most in (
        (walk.part.weight, walk.weight_q, 255 * scalar(walk.x_q)[0]),
        (walk.part.recurrence, walk.recurrence_q, _reach(walk)),
    ):
        sums = sums + np.abs(weight.astype(np.int64)).sum(axis=1) * (np.array(q.scale, np.float64) * most)
    return float((sums * halves).max(initial=0)) * _PER_UNIT * _ROUNDED_UP


def _look_up(
    tables: Sequence[Array], width: int, farthest: float, places: Array, work: Array, values: Array, scratch: Scratch
) -> list[Kernel]:
    """Jobs: into `values`, what the tables hold at rint(`places`), 0 being their middle; beyond an end, what it holds.

    Each table serves `width` columns, the first those that are left. No place is further than `farthest` from 0. What
    float32 `work` held is lost: a whole number plus 3 * 2**22 has that number in its low bits, once rounded to even.
    """
    jobs, source, middle = list[Kernel](), places, TABLE_SIZE // 2
    if farthest > _FARTHEST:
        jobs, source = [partial(clip, places, np.float32(-middle), np.float32(middle - 1), work)], work
        farthest = middle
    margin = max(2 * ceil(farthest / 2) + 2 - middle, 0)
    all_tables = scratch.hold(np.concatenate([np.pad(table, margin, "edge") for table in tables]))
    widths = [places.shape[1] - width * (len(tables) - 1), *[width] * (len(tables) - 1)]
    begins = middle + margin + len(all_tables) // len(tables) * np.arange(len(tables))
    shift = np.tile(np.repeat(begins + _ROUNDING, widths).astype(np.float32), (len(places), 1))
    index = scratch(places.shape, np.dtype(np.intp).name)
    found = values if values.flags.c_contiguous else scratch(values.shape)
    jobs += [
        partial(np.add, source, shift, work),
        cast(index, work.view(np.uint16)[:, sys.byteorder == "big" :: 2]),
        partial(all_tables.take, index, None, found, "clip"),
    ]
    return jobs if found is values else [*jobs, cast(values, found)]


def _written(out: Array, q: QParams, values: Array, unit: float, scratch: Scratch) -> list[Kernel]:
    """Jobs: real values, times `unit` (a power of 2), quantized into `out`."""
    work, zero_point = scratch(values.shape), np.float32(q.zero_point[0])
    low, high = (np.float32(bound) - zero_point for bound in clamp_bounds(q))
    return [
        partial(np.divide, values, np.float32(q.scale[0]) * np.float32(unit), work),
        partial(np.rint, work, work),
        *narrow(work, low, high, zero_point, out),
    ]


def plan_gru_int8(walk: Walk, hidden: int, linear_before_reset: bool, scratch: Scratch) -> Kernel:
    """Gates in ONNX's order: update (z), reset (r), hidden (n); see `gru` for the two forms of the last."""
    halves = np.repeat(np.array([0.5, 0.5, 1]), hidden)
    of_input, of_state = walk.part.bias.reshape(2, -1).astype(np.float64)
    late = np.where(np.arange(3 * hidden) < 2 * hidden, 0, of_state) if linear_before_reset else np.zeros(3 * hidden)
    projected, project = _projection(walk, halves, of_input + of_state - late, scratch)
    gates = scratch(projected.shape[1:])
    pair, z, r, n = gates[:, : 2 * hidden], gates[:, :hidden], gates[:, hidden : 2 * hidden], gates[:, 2 * hidden :]
    first, second = _rows(walk.recurrence_q, 0, 2 * hidden), _rows(walk.recurrence_q, 2 * hidden, 3 * hidden)
    recurrence = walk.part.recurrence
    h, open_pair = _recurrence(walk, first, recurrence[: 2 * hidden], halves[: 2 * hidden], pair, scratch)
    reset, open_n = _recurrence(walk, second, recurrence[2 * hidden :], halves[2 * hidden :], n, scratch)
    farthest = _farthest(walk, halves, np.abs(of_input) + np.abs(of_state))
    look_up_pair = _look_up([_sigmoid(walk.table)], 0, farthest, pair, scratch(pair.shape), pair, scratch)
    look_up_n = _look_up([walk.table], 0, farthest, n, scratch(n.shape), n, scratch)
    read_pair, read_n = chain(look_up_pair), chain(look_up_n)
    late_n = (late[2 * hidden :] * _PER_UNIT).astype(np.float32)
    start, end = _start(walk, 0, h), _writer(walk.part.states[0][1], walk.states_q[0][1], scratch)
    steps = [(projected[t], _writer(walk.part.y[t], walk.y_q, scratch)) for t in walk.part.order()]

    def kernel() -> None:
        project()
        start()
        for inputs, write in steps:
            open_pair()
            np.add(pair, inputs[:, : 2 * hidden], out=pair)
            read_pair()
            if linear_before_reset:
                np.copyto(reset, h)
                open_n()
                np.add(n, late_n, out=n)
                np.multiply(n, r, out=n)
            else:
                np.multiply(r, h, out=reset)
                open_n()
            np.add(n, inputs[:, 2 * hidden :], out=n)
            read_n()
            np.subtract(h, n, out=h)
            np.multiply(h, z, out=h)
            np.add(h, n, out=h)
            write(h)
        end(h)

    return kernel


_INDEX = np.array(_PER_UNIT, np.float32)


def _sigmoid(table: Array) -> Array:
    """sigmoid(2 x), where the table holds tanh(x)."""
    return table * np.float32(0.5) + np.float32(0.5)


def _most(walk: Walk, state: int) -> float:
    """The largest magnitude of an initial state."""
    q = walk.states_q[state][0]
    return 0.0 if q is None else 255 * q.scale[0]


def _reach(walk: Walk) -> float:
    """The power of 2 that no hidden state exceeds: 1, but for larger initial ones (the last step of a range aside)."""
    q = walk.states_q[0][0]
    most = 1.0 if q is None else max(1.0, (127 + abs(q.zero_point[0])) * q.scale[0] - q.scale[0])
    mantissa, exponent = frexp(most)
    return 2.0 ** (exponent - (mantissa == 0.5))


def _rows(q: QParams, begin: int, end: int) -> QParams:
    """The parameters of some rows of a weight."""
    return QParams(q.scale[begin:end], q.zero_point[begin:end], 0)


def _projection(
    walk: Walk, halves: Array, bias: Array, scratch: Scratch, rows: Array | None = None
) -> tuple[Array, Kernel]:
    """(values, kernel): x @ weight.T + bias for all steps at once, in entries of the table, (T, N, rows).

    `rows`: the order of the rows wanted, by default the weight's.
    """
    scale_x, zero_x = scalar(walk.x_q)
    rows = np.arange(len(bias)) if rows is None else rows
    weight, bias = walk.part.weight.astype(np.int64)[rows], bias[rows]
    dtype = exact_dtype(weight_bound(weight, None, 256))
    matrix = scratch.hold(np.array(weight.T, dtype, order="C"))
    factor = (np.array(walk.weight_q.scale, np.float64)[rows] * scale_x * halves * _PER_UNIT).astype(np.float32)
    offset = (bias * halves * _PER_UNIT).astype(np.float32)
    x, source = scratch(walk.part.x.shape, dtype), walk.part.x
    acc = scratch((*x.shape[:2], matrix.shape[1]), dtype)
    values = acc if dtype == "float32" else scratch(acc.shape)
    zero_point = np.asarray(zero_x, dtype)

    jobs: list[Kernel] = [
        cast(x, source),
        partial(np.subtract, x, zero_point, x),
        partial(np.matmul, x, matrix, acc),
    ]
    if values is not acc:
        jobs.append(cast(values, acc))
    jobs += [partial(np.multiply, values, factor, values), partial(np.add, values, offset, values)]
    return values, chain(jobs)


def _recurrence(
    walk: Walk, q: QParams, weight: Array, halves: Array, out: Array, scratch: Scratch
) -> tuple[Array, Kernel]:
    """(h, kernel): the kernel leaves h @ weight.T in `out`, in entries of the table; h is float32 (N, H)."""
    dtype = exact_dtype(weight_bound(weight, None, 1 << 15))
    matrix = scratch.hold(np.array(weight.astype(np.int64).T, dtype, order="C"))
    unit = _STATE / _reach(walk)
    factor = (np.array(q.scale, np.float64) * halves * _PER_UNIT / unit).astype(np.float32)
    h = scratch((out.shape[0], weight.shape[1]))
    steps, acc = scratch(h.shape, dtype), scratch(out.shape, dtype)
    scale, limit = np.asarray(unit, np.float32), np.asarray(_STATE - 1, dtype)

    def kernel() -> None:
        np.multiply(h, scale, out=steps)
        np.rint(steps, out=steps)
        clip(steps, -limit, limit, steps)
        np.matmul(steps, matrix, out=acc)
        np.copyto(out, acc, casting="same_kind")
        np.multiply(out, factor, out=out)

    return h, kernel


def _start(walk: Walk, state: int, target: Array) -> Kernel:
    """A kernel that brings an initial state (zeros where there is none) into `target`, in real values."""
    initial, q = walk.part.states[state][0], walk.states_q[state][0]
    if initial is None or q is None:
        return lambda: target.fill(0)
    scale, zero_point = np.float32(q.scale[0]), np.float32(q.zero_point[0])

    def kernel() -> None:
        np.copyto(target, initial)
        np.subtract(target, zero_point, out=target)
        np.multiply(target, scale, out=target)

    return kernel


def _writer(out: Array, q: QParams, scratch: Scratch) -> Callable[[Array], None]:
    """A function that quantizes real values (N, H) into `out`."""
    work, scale, zero_point = scratch(out.shape), np.float32(q.scale[0]), np.float32(q.zero_point[0])
    low, high = (np.float32(bound) for bound in clamp_bounds(q))

    def write(values: Array) -> None:
        np.divide(values, scale, out=work)
        np.rint(work, out=work)
        np.add(work, zero_point, out=work)
        clip(work, low, high, work)
        np.copyto(out, work, casting="unsafe")

    return write
