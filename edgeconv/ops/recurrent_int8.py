"""int8 kernels of LSTM and GRU: exact products, gates from one stored table, the state in wider types.

Inputs and weights are int8, weights with one scale for each row of a gate; the hidden state is multiplied in 16 bits
(h * 2**15), the cell state is float32. By the determinism law: products are exact integers in float32 or float64,
whatever the order of summation; what follows are single IEEE operations; tanh is a table of 4096 entries, indexed by
rint(256 x), and sigmoid(x) = tanh(x / 2) / 2 + 1/2 reads the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgeconv.core import Array, Kernel, QParams, TensorType
from edgeconv.ops.base import Inputs, Operand, Scratch
from edgeconv.ops.integer import clamp_bounds, exact_dtype, required, scalar, weight_bound
from edgeconv.ops.recurrent_kernels import Direction
from edgeconv.records import dataclass

__all__ = ["TABLE_SIZE", "Walk", "is_tanh_table", "plan_gru_int8", "plan_lstm_int8", "tanh_table", "walks"]

TABLE_SIZE = 4096
_PER_UNIT = 256.0
"""Entries of the table for a step of 1."""
_STATE = 2.0**15
"""Steps of the hidden state for 1."""


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
    """Gates in ONNX's order: input, output, forget, cell."""
    halves = np.repeat(np.array([0.5, 0.5, 0.5, 1]), hidden)
    both = walk.part.bias.reshape(2, -1).astype(np.float64)
    projected, project = _projection(walk, halves, both[0] + both[1], scratch)
    gates = scratch(projected.shape[1:])
    h, multiply = _recurrence(walk, walk.recurrence_q, walk.part.recurrence, halves, gates, scratch)
    look_up = _table_reader(walk.table, gates.shape, scratch)
    c, product, inner = (scratch(h.shape) for _ in range(3))
    look_up_c = _table_reader(walk.table, c.shape, scratch)
    starts = [_start(walk, 0, h), _start(walk, 1, c)]
    sigmoids = gates[:, : 3 * hidden]
    i, o, f, g = (gates[:, k * hidden : (k + 1) * hidden] for k in range(4))
    steps = [(projected[t], _writer(walk.part.y[t], walk.y_q, scratch)) for t in walk.part.order()]
    ends = [_writer(last, q, scratch) for (_, last), (_, q) in zip(walk.part.states, walk.states_q, strict=True)]

    def kernel() -> None:
        project()
        for start in starts:
            start()
        for inputs, write in steps:
            multiply()
            np.add(gates, inputs, out=gates)
            look_up(gates)
            np.multiply(sigmoids, _HALF, out=sigmoids)
            np.add(sigmoids, _HALF, out=sigmoids)
            np.multiply(f, c, out=c)
            np.multiply(i, g, out=product)
            np.add(c, product, out=c)
            np.multiply(c, _INDEX, out=inner)
            look_up_c(inner)
            np.multiply(o, inner, out=h)
            write(h)
        ends[0](h)
        ends[1](c)

    return kernel


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
    look_up_pair, look_up_n = (_table_reader(walk.table, x.shape, scratch) for x in (pair, n))
    late_n = (late[2 * hidden :] * _PER_UNIT).astype(np.float32)
    start, end = _start(walk, 0, h), _writer(walk.part.states[0][1], walk.states_q[0][1], scratch)
    steps = [(projected[t], _writer(walk.part.y[t], walk.y_q, scratch)) for t in walk.part.order()]

    def kernel() -> None:
        project()
        start()
        for inputs, write in steps:
            open_pair()
            np.add(pair, inputs[:, : 2 * hidden], out=pair)
            look_up_pair(pair)
            np.multiply(pair, _HALF, out=pair)
            np.add(pair, _HALF, out=pair)
            if linear_before_reset:
                np.copyto(reset, h)
                open_n()
                np.add(n, late_n, out=n)
                np.multiply(n, r, out=n)
            else:
                np.multiply(r, h, out=reset)
                open_n()
            np.add(n, inputs[:, 2 * hidden :], out=n)
            look_up_n(n)
            np.subtract(h, n, out=h)
            np.multiply(h, z, out=h)
            np.add(h, n, out=h)
            write(h)
        end(h)

    return kernel


_HALF, _INDEX = np.array(0.5, np.float32), np.array(_PER_UNIT, np.float32)


def _rows(q: QParams, begin: int, end: int) -> QParams:
    """The parameters of some rows of a weight."""
    return QParams(q.scale[begin:end], q.zero_point[begin:end], 0)


def _projection(walk: Walk, halves: Array, bias: Array, scratch: Scratch) -> tuple[Array, Kernel]:
    """(values, kernel): x @ weight.T + bias for all steps at once, in entries of the table, (T, N, rows)."""
    scale_x, zero_x = scalar(walk.x_q)
    weight = walk.part.weight.astype(np.int64)
    dtype = exact_dtype(weight_bound(weight, None, 256))
    matrix = scratch.hold(np.array(weight.T, dtype, order="C"))
    factor = (np.array(walk.weight_q.scale, np.float64) * scale_x * halves * _PER_UNIT).astype(np.float32)
    offset = (bias * halves * _PER_UNIT).astype(np.float32)
    x, source = scratch(walk.part.x.shape, dtype), walk.part.x
    acc = scratch((*x.shape[:2], matrix.shape[1]), dtype)
    values = acc if dtype == "float32" else scratch(acc.shape)
    zero_point = np.asarray(zero_x, dtype)

    def kernel() -> None:
        np.copyto(x, source)
        np.subtract(x, zero_point, out=x)
        np.matmul(x, matrix, out=acc)
        np.copyto(values, acc, casting="same_kind")
        np.multiply(values, factor, out=values)
        np.add(values, offset, out=values)

    return values, kernel


def _recurrence(
    walk: Walk, q: QParams, weight: Array, halves: Array, out: Array, scratch: Scratch
) -> tuple[Array, Kernel]:
    """(h, kernel): the kernel leaves h @ weight.T in `out`, in entries of the table; h is float32 (N, H)."""
    dtype = exact_dtype(weight_bound(weight, None, 1 << 15))
    matrix = scratch.hold(np.array(weight.astype(np.int64).T, dtype, order="C"))
    factor = (np.array(q.scale, np.float64) * halves * _PER_UNIT / _STATE).astype(np.float32)
    h = scratch((out.shape[0], weight.shape[1]))
    steps, acc = scratch(h.shape, dtype), scratch(out.shape, dtype)
    scale, limit = np.asarray(_STATE, np.float32), np.asarray(_STATE - 1, dtype)

    def kernel() -> None:
        np.multiply(h, scale, out=steps)
        np.rint(steps, out=steps)
        np.clip(steps, -limit, limit, out=steps)
        np.matmul(steps, matrix, out=acc)
        np.copyto(out, acc, casting="same_kind")
        np.multiply(out, factor, out=out)

    return h, kernel


def _table_reader(table: Array, shape: tuple[int, ...], scratch: Scratch) -> Callable[[Array], None]:
    """A function that replaces float32 places in the table, 0 being its middle, by what stands there."""
    index, values = scratch(shape, np.dtype(np.intp).name), scratch(shape)
    middle, last = np.float32(TABLE_SIZE // 2), np.float32(TABLE_SIZE - 1)

    def read(places: Array) -> None:
        np.rint(places, out=values)
        np.add(values, middle, out=values)
        np.clip(values, np.float32(0), last, out=values)
        np.copyto(index, values, casting="unsafe")
        np.take(table, index, out=values, mode="clip")
        np.copyto(places, values)

    return read


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
        np.clip(work, low, high, out=work)
        np.copyto(out, work, casting="unsafe")

    return write
