"""LSTM. Gates in ONNX's order: input, output, forget, cell.

i = f(x Wi + h Ri + Pi * c), f likewise, c' = f * c + i * g(x Wc + h Rc), o = f(x Wo + h Ro + Po * c'), h' = o * h(c').
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
from edgeconv.ops.recurrent_int8 import plan_lstm_int8, walks
from edgeconv.ops.recurrent_kernels import Direction, plan_projection, plan_recurrence, start_state
from edgeconv.records import dataclass, replace

__all__ = ["LSTM"]


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory; outputs y, the last h and the last c. `input_forget` sets f = 1 - i."""

    input_forget: bool = False

    gates: ClassVar[int] = 4
    defaults: ClassVar[tuple[str, ...]] = ("sigmoid", "tanh", "tanh")
    quant: ClassVar[QuantRule | None] = replace(INT8, activations=(0, 5, 6), absent=(4, 7), table_at=8)

    @property
    def is_quantizable(self) -> bool:
        return super().is_quantizable and not self.input_forget

    def infer(
        self,
        x: TensorType,
        weight: TensorType,
        recurrence: TensorType,
        bias: TensorType | None = None,
        lengths: TensorType | None = None,
        h: TensorType | None = None,
        c: TensorType | None = None,
        peephole: TensorType | None = None,
        table: TensorType | None = None,
    ) -> tuple[TensorType, ...]:
        self.check_table(x, table, (weight, recurrence, bias))
        parameters = self.common(x, weight, recurrence, bias, lengths, h)
        parameters["initial_c"] = (c, self.state_shape(x))
        parameters["P"] = (peephole, (len(self.directions), 3 * self.hidden))
        y, state = self.check(x, parameters)
        return y, state, state

    def run(
        self,
        x: Array,
        weight: Array,
        recurrence: Array,
        bias: Array | None = None,
        lengths: Array | None = None,
        h: Array | None = None,
        c: Array | None = None,
        peephole: Array | None = None,
    ) -> tuple[Array, ...]:
        biases = np.zeros(weight.shape[:2], x.dtype) if bias is None else bias.reshape(len(weight), 2, -1).sum(axis=1)
        peepholes = np.zeros((len(weight), 3 * self.hidden), x.dtype) if peephole is None else peephole
        functions = [self.functions(d) for d in range(len(weight))]

        def step(d: int, x_t: Array, state: State) -> State:
            total = x_t @ weight[d].T + state[0] @ recurrence[d].T + biases[d]
            return self._step(total, state[1], np.split(peepholes[d], 3), functions[d])

        return self.walk(x, lengths, (h, c), step)

    def _step(
        self, total: Array, c: Array, peephole: Sequence[Array], functions: Sequence[Callable[[Array], Array]]
    ) -> State:
        f, g, h = functions
        gate_i, gate_o, gate_f, gate_c = np.split(total, 4, axis=1)
        i = f(self.clipped(gate_i + peephole[0] * c))
        forget = 1 - i if self.input_forget else f(self.clipped(gate_f + peephole[2] * c))
        c = forget * c + i * g(self.clipped(gate_c))
        return f(self.clipped(gate_o + peephole[1] * c)) * h(c), c

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if inputs[0].q is not None:
            parts = walks(self.split(inputs, outputs, (5, 6)), inputs, outputs, (5, 6), 8)
            return chain([plan_lstm_int8(walk, self.hidden, scratch) for walk in parts])
        if self.input_forget or not self.is_plain(inputs, constants=(1, 2, 3), absent=(4, 7)):
            return super().plan(inputs, outputs, scratch)
        kernels = [_plan_direction(part, self.hidden, scratch) for part in self.split(inputs, outputs, (5, 6))]

        def kernel() -> None:
            for walk in kernels:
                walk()

        return kernel


def _plan_direction(part: Direction, hidden: int, scratch: Scratch) -> Kernel:
    """sigmoid(x) = tanh(x / 2) / 2 + 1/2: with i, o and f halved beforehand (exactly), one tanh serves all gates."""
    halves = np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), hidden)
    both = part.bias.reshape(2, -1)
    projected, project = plan_projection(part, part.weight * halves[:, None], (both[0] + both[1]) * halves, scratch)
    (initial_h, last_h), (initial_c, c) = part.states
    gates, product = scratch(projected.shape[1:]), scratch(c.shape)
    multiply_state = plan_recurrence(part.recurrence * halves[:, None], gates)
    starts = (start_state(initial_h, last_h), start_state(initial_c, c))
    half = np.array(0.5, np.float32)  # an array costs less than a Python number in every call
    sigmoids = gates[:, : 3 * hidden]
    i, o, f, g = (gates[:, k * hidden : (k + 1) * hidden] for k in range(4))
    order = list(part.order())
    states = [last_h, *(part.y[t] for t in order)]
    steps = [(h, projected[t], out) for h, t, out in zip(states, order, states[1:], strict=False)]

    def kernel() -> None:
        project()
        for start in starts:
            start()
        for h, inputs, out in steps:
            multiply_state(h)
            np.add(gates, inputs, out=gates)
            np.tanh(gates, out=gates)
            np.multiply(sigmoids, half, out=sigmoids)
            np.add(sigmoids, half, out=sigmoids)
            np.multiply(f, c, out=c)
            np.multiply(i, g, out=product)
            np.add(c, product, out=c)
            np.tanh(c, out=product)
            np.multiply(o, product, out=out)
        np.copyto(last_h, states[-1])

    return kernel


@onnx_rule("LSTM")
def import_lstm(
    x: Ref,
    weight: Ref,
    recurrence: Ref,
    bias: Ref | None = None,
    lengths: Ref | None = None,
    h: Ref | None = None,
    c: Ref | None = None,
    peephole: Ref | None = None,
    *,
    input_forget: int = 0,
    outputs: int = 1,
    **attributes: Any,
) -> tuple[Expr | None, ...]:
    """ONNX LSTM with all its optional inputs."""
    op = LSTM(**recurrent_attributes(LSTM, recurrence, **attributes), input_forget=bool(input_forget))
    call = op(x, weight, recurrence, bias, lengths, h, c, peephole)
    return tuple(call[index] for index in range(outputs))
