"""GRU. Gates in ONNX's order: update (z), reset (r), hidden.

z = f(x Wz + h Rz), r = f(x Wr + h Rr), n = g(x Wn + (r * h) Rn), h' = (1 - z) * n + z * h. With `linear_before_reset`
(PyTorch's form) the reset gate comes after the product: n = g(x Wn + r * (h Rn + bn)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, QuantRule, Ref, Scratch
from edgeconv.ops.jobs import chain
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.recurrent import INT8, Recurrent, State, recurrent_attributes
from edgeconv.ops.recurrent_int8 import plan_gru_int8, walks
from edgeconv.ops.recurrent_kernels import Direction, plan_projection, plan_recurrence, start_state
from edgeconv.records import dataclass, replace

__all__ = ["GRU"]


@dataclass(frozen=True)
class GRU(Recurrent):
    """Gated recurrent unit; outputs y and the last h."""

    linear_before_reset: bool = False

    gates: ClassVar[int] = 3
    defaults: ClassVar[tuple[str, ...]] = ("sigmoid", "tanh")
    quant: ClassVar[QuantRule | None] = replace(INT8, activations=(0, 5), absent=(4,), table_at=6)

    def infer(
        self,
        x: TensorType,
        weight: TensorType,
        recurrence: TensorType,
        bias: TensorType | None = None,
        lengths: TensorType | None = None,
        h: TensorType | None = None,
        table: TensorType | None = None,
    ) -> tuple[TensorType, ...]:
        self.check_table(x, table, (weight, recurrence, bias))
        return self.check(x, self.common(x, weight, recurrence, bias, lengths, h))

    def run(
        self,
        x: Array,
        weight: Array,
        recurrence: Array,
        bias: Array | None = None,
        lengths: Array | None = None,
        h: Array | None = None,
    ) -> tuple[Array, ...]:
        both = (
            np.zeros((len(weight), 2, weight.shape[1]), x.dtype) if bias is None else bias.reshape(len(weight), 2, -1)
        )
        functions = [self.functions(d) for d in range(len(weight))]

        def step(d: int, x_t: Array, state: State) -> State:
            return self._step(x_t @ weight[d].T + both[d, 0], state[0], recurrence[d], both[d, 1], functions[d])

        return self.walk(x, lengths, (h,), step)

    def _step(
        self, x: Array, h: Array, recurrence: Array, bias: Array, functions: Sequence[Callable[[Array], Array]]
    ) -> State:
        f, g = functions
        x_z, x_r, x_n = np.split(x, 3, axis=1)
        r_z, r_r, r_n = np.split(recurrence, 3)
        b_z, b_r, b_n = np.split(bias, 3)
        z = f(self.clipped(x_z + h @ r_z.T + b_z))
        r = f(self.clipped(x_r + h @ r_r.T + b_r))
        hidden = r * (h @ r_n.T + b_n) if self.linear_before_reset else (r * h) @ r_n.T + b_n
        n = g(self.clipped(x_n + hidden))
        return ((1 - z) * n + z * h,)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if inputs[0].q is not None:
            parts = walks(self.split(inputs, outputs, (5,)), inputs, outputs, (5,), 6)
            before = self.linear_before_reset
            return chain([plan_gru_int8(walk, self.hidden, before, scratch) for walk in parts])
        if not self.is_plain(inputs, constants=(1, 2, 3), absent=(4,)):
            return super().plan(inputs, outputs, scratch)
        kernels = [
            _plan_direction(part, self.hidden, self.linear_before_reset, scratch)
            for part in self.split(inputs, outputs, (5,))
        ]

        def kernel() -> None:
            for walk in kernels:
                walk()

        return kernel


def _plan_direction(part: Direction, hidden: int, linear_before_reset: bool, scratch: Scratch) -> Kernel:
    """sigmoid(x) = tanh(x / 2) / 2 + 1/2, with z and r halved beforehand, which is exact."""
    halves = np.repeat(np.array([0.5, 0.5, 1], np.float32), hidden)
    of_input, of_state = part.bias.reshape(2, -1) * halves
    late = (
        np.where(np.arange(3 * hidden) < 2 * hidden, np.float32(0), of_state) if linear_before_reset else 0 * of_state
    )
    projected, project = plan_projection(part, part.weight * halves[:, None], of_input + (of_state - late), scratch)
    recurrence = part.recurrence * halves[:, None]
    initial, last = part.states[0]
    start, gates = start_state(initial, last), scratch((last.shape[0], 3 * hidden))
    pair, z, r, n = gates[:, : 2 * hidden], gates[:, :hidden], gates[:, hidden : 2 * hidden], gates[:, 2 * hidden :]
    multiply_pair, multiply_n = (
        plan_recurrence(recurrence[: 2 * hidden], pair),
        plan_recurrence(recurrence[2 * hidden :], n),
    )
    hidden_bias, product = late[2 * hidden :], scratch((last.shape[0], hidden))
    half = np.array(0.5, np.float32)
    order = list(part.order())
    states = [last, *(part.y[t] for t in order)]
    steps = [(h, projected[t], out) for h, t, out in zip(states, order, states[1:], strict=False)]

    def open_gates(h: Array, inputs: Array) -> None:
        multiply_pair(h)
        np.add(pair, inputs[:, : 2 * hidden], out=pair)
        np.tanh(pair, out=pair)
        np.multiply(pair, half, out=pair)
        np.add(pair, half, out=pair)

    def candidate(h: Array) -> None:
        if linear_before_reset:
            multiply_n(h)
            np.add(n, hidden_bias, out=n)
            np.multiply(n, r, out=n)
        else:
            np.multiply(r, h, out=product)
            multiply_n(product)

    def kernel() -> None:
        project()
        start()
        for h, inputs, out in steps:
            open_gates(h, inputs)
            candidate(h)
            np.add(n, inputs[:, 2 * hidden :], out=n)
            np.tanh(n, out=n)
            np.subtract(h, n, out=product)
            np.multiply(product, z, out=product)
            np.add(n, product, out=out)
        np.copyto(last, states[-1])

    return kernel


@onnx_rule("GRU")
def import_gru(
    x: Ref,
    weight: Ref,
    recurrence: Ref,
    bias: Ref | None = None,
    lengths: Ref | None = None,
    h: Ref | None = None,
    *,
    linear_before_reset: int = 0,
    outputs: int = 1,
    **attributes: Any,
) -> tuple[Expr | None, ...]:
    """ONNX GRU."""
    op = GRU(**recurrent_attributes(GRU, recurrence, **attributes), linear_before_reset=bool(linear_before_reset))
    call = op(x, weight, recurrence, bias, lengths, h)
    return tuple(call[index] for index in range(outputs))
