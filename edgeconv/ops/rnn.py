"""RNN: h' = f(x W + h R + b)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.ops.base import Expr, Inputs, Operand, Ref, Scratch
from edgeconv.ops.onnx_rules import onnx_rule
from edgeconv.ops.recurrent import Recurrent, State, recurrent_attributes
from edgeconv.ops.recurrent_kernels import Direction, plan_projection, plan_recurrence, start_state
from edgeconv.records import dataclass

__all__ = ["RNN"]


@dataclass(frozen=True)
class RNN(Recurrent):
    """The plain recurrent layer; outputs y and the last h."""

    gates: ClassVar[int] = 1
    defaults: ClassVar[tuple[str, ...]] = ("tanh",)

    @property
    def is_quantizable(self) -> bool:
        return False

    def infer(
        self,
        x: TensorType,
        weight: TensorType,
        recurrence: TensorType,
        bias: TensorType | None = None,
        lengths: TensorType | None = None,
        h: TensorType | None = None,
    ) -> tuple[TensorType, ...]:
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
        biases = np.zeros(weight.shape[:2], x.dtype) if bias is None else bias.reshape(len(weight), 2, -1).sum(axis=1)
        functions = [self.functions(d)[0] for d in range(len(weight))]

        def step(d: int, x_t: Array, state: State) -> State:
            total = x_t @ weight[d].T + state[0] @ recurrence[d].T + biases[d]
            return (functions[d](self.clipped(total)),)

        return self.walk(x, lengths, (h,), step)

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        if not self.is_plain(inputs, constants=(1, 2, 3), absent=(4,)):
            return super().plan(inputs, outputs, scratch)
        kernels = [_plan_direction(part, scratch) for part in self.split(inputs, outputs, (5,))]

        def kernel() -> None:
            for walk in kernels:
                walk()

        return kernel


def _plan_direction(part: Direction, scratch: Scratch) -> Kernel:
    both = part.bias.reshape(2, -1)
    projected, project = plan_projection(part, part.weight, both[0] + both[1], scratch)
    initial, last = part.states[0]
    start, gate = start_state(initial, last), scratch(last.shape)
    multiply_state = plan_recurrence(part.recurrence, gate)
    order = list(part.order())
    states = [last, *(part.y[t] for t in order)]
    steps = [(h, projected[t], out) for h, t, out in zip(states, order, states[1:], strict=False)]

    def kernel() -> None:
        project()
        start()
        for h, inputs, out in steps:
            multiply_state(h)
            np.add(gate, inputs, out=gate)
            np.tanh(gate, out=out)
        np.copyto(last, states[-1])

    return kernel


@onnx_rule("RNN")
def import_rnn(
    x: Ref,
    weight: Ref,
    recurrence: Ref,
    bias: Ref | None = None,
    lengths: Ref | None = None,
    h: Ref | None = None,
    *,
    outputs: int = 1,
    **attributes: Any,
) -> tuple[Expr | None, ...]:
    """ONNX RNN."""
    call = RNN(**recurrent_attributes(RNN, recurrence, **attributes))(x, weight, recurrence, bias, lengths, h)
    return tuple(call[index] for index in range(outputs))
