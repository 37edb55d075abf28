"""The common part of LSTM, GRU and RNN: attributes, shapes, and the walk through time.

x (T, N, I); weight (D, G * H, I) and recurrence (D, G * H, H), gates stacked in ONNX's order; bias (D, 2 * G * H),
first the input's, then the recurrence's; states (D, N, H). D is 2 where both directions are walked. With
`batch_first`, x is (N, T, I), y (N, T, D, H) and states (N, D, H). The state is float; weights may be stored in int8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, ClassVar, TypeAlias

import numpy as np

from edgeconv.core import Array, Shape, TensorType
from edgeconv.ops.base import Inputs, Operand, Operator, QuantRule, Ref, ShapeError
from edgeconv.ops.broadcast import fits
from edgeconv.ops.integer import is_real
from edgeconv.ops.recurrent_activations import find_activations, resolve_activations
from edgeconv.ops.recurrent_int8 import is_tanh_table, tanh_table
from edgeconv.ops.recurrent_kernels import Direction
from edgeconv.records import dataclass

__all__ = ["INT8", "Recurrent", "State", "recurrent_attributes"]

INT8 = QuantRule(weight_only=((1, 1), (2, 1)), constants=(1, 2, 3))
"""int8 weights, one scale for each row of a gate."""
State: TypeAlias = tuple[Array, ...]
"""What is carried from step to step: h, and an LSTM's c; each (N, H)."""

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


@dataclass(frozen=True)
class Recurrent(Operator):
    """Attributes shared by all recurrent operators; `clip` bounds the gates' inputs, infinite for none.

    `activations` (lower case) with their `alphas` and `betas`: those of the first direction, then of the second.
    """

    hidden: int
    direction: str
    activations: tuple[str, ...]
    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    clip: float
    batch_first: bool

    quant: ClassVar[QuantRule | None] = INT8
    gates: ClassVar[int]
    defaults: ClassVar[tuple[str, ...]]

    @property
    def directions(self) -> tuple[bool, ...]:
        """Is it reversed? for each direction."""
        if self.direction not in _DIRECTIONS:
            raise ShapeError(f"direction {self.direction!r} is none of {', '.join(_DIRECTIONS)}")
        return _DIRECTIONS[self.direction]

    def check(self, x: TensorType, parameters: dict[str, tuple[TensorType | None, Shape]]) -> tuple[TensorType, ...]:
        """Types of y and of one state; `parameters` are (type, shape that is needed) by name."""
        count = len(self.directions)
        if x.rank != 3 or not is_real(x) or self.hidden < 1 or not self.clip > 0:
            raise ShapeError(f"needs a real input of rank 3, a hidden size and a clip above 0, found {x} and {self}")
        if len(self.activations) != count * len(self.defaults):
            raise ShapeError(f"needs {count * len(self.defaults)} activations, found {self.activations}")
        find_activations(self.activations, self.alphas, self.betas)
        for name, (known, wanted) in parameters.items():
            if known is not None and name != "sequence_lens" and not (known.is_float or known.dtype == "int8"):
                raise ShapeError(f"{name} {known} must hold real numbers")
            if known is not None and not fits(known.shape, wanted):
                raise ShapeError(f"{name} {known} must have the shape {list(wanted)} for input {x}")
        steps, batch = (x.shape[1], x.shape[0]) if self.batch_first else x.shape[:2]
        y = (batch, steps, count, self.hidden) if self.batch_first else (steps, count, batch, self.hidden)
        return TensorType(x.dtype, y), TensorType(x.dtype, self.state_shape(x))

    def check_table(
        self, x: TensorType, table: TensorType | None, parameters: tuple[TensorType, TensorType, TensorType | None]
    ) -> None:
        """ShapeError unless an int8 input comes with a table and int8 weights that are known, and others without."""
        weights, bias = parameters[:2], parameters[2]
        if table is not None and (bias is not None and (bias.value is None or bias.q is not None)):
            raise ShapeError("its bias must be a real constant beside an int8 input")
        if table is not None and any(w.dtype != "int8" or w.value is None or w.q is None or w.q.axis != 1
                                     for w in weights):  # fmt: skip
            raise ShapeError("its weights must be int8 constants with a scale for each row beside an int8 input")
        if (table is not None) != (x.dtype == "int8") or (table is not None and not is_tanh_table(table)):
            raise ShapeError(f"needs a table int16[4096] where its input is int8, found {x} and {table}")
        if table is not None and not self.is_quantizable:
            raise ShapeError(f"has no int8 form with {self}")

    @property
    def is_quantizable(self) -> bool:
        return self.activations == self.defaults * len(self.directions) and self.clip == inf

    def tables(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> tuple[Array, ...]:
        return (tanh_table(),)

    def state_shape(self, x: TensorType) -> Shape:
        """The shape of a state over all directions."""
        count = len(self.directions)
        return (x.shape[0], count, self.hidden) if self.batch_first else (count, x.shape[1], self.hidden)

    def weight_columns(self, position: int, x: Array, y: Array) -> Array:
        count = len(self.directions)
        if position == 1:
            return np.repeat(x.reshape(-1, x.shape[2]).T[None], count, axis=0)
        states = y.transpose((2, 3, 0, 1) if self.batch_first else (1, 3, 0, 2))
        return states.reshape(count, self.hidden, -1)

    def common(
        self,
        x: TensorType,
        weight: TensorType,
        recurrence: TensorType,
        bias: TensorType | None,
        lengths: TensorType | None,
        h: TensorType | None,
    ) -> dict[str, tuple[TensorType | None, Shape]]:
        """The parameters that every recurrent operator has, for `check`."""
        count, rows = len(self.directions), self.gates * self.hidden
        if lengths is not None and lengths.is_float:
            raise ShapeError(f"sequence_lens must be integers, found {lengths}")
        return {
            "weight": (weight, (count, rows, x.shape[-1])),
            "recurrence": (recurrence, (count, rows, self.hidden)),
            "bias": (bias, (count, 2 * rows)),
            "sequence_lens": (lengths, (x.shape[0 if self.batch_first else 1],)),
            "initial_h": (h, self.state_shape(x)),
        }

    def functions(self, direction: int) -> list[Callable[[Array], Array]]:
        """The activation functions of one direction."""
        count = len(self.defaults)
        part = slice(direction * count, (direction + 1) * count)
        return find_activations(self.activations[part], self.alphas[part], self.betas[part])

    def clipped(self, x: Array) -> Array:
        """What reaches an activation function."""
        return np.clip(x, -self.clip, self.clip)

    def walk(
        self,
        x: Array,
        lengths: Array | None,
        initial: Sequence[Array | None],
        step: Callable[[int, Array, State], State],
    ) -> tuple[Array, ...]:
        """y and the final states; `step(direction, x_t (N, I), state)` gives the state after one more element.

        A sequence that has ended keeps its state, and y is 0 from there on; in reverse it starts at its own end.
        """
        x = self._time_first(x)
        steps, batch = x.shape[:2]
        lengths = np.full(batch, steps) if lengths is None else np.clip(lengths.astype(np.int64), 0, steps)
        count, rows = len(self.directions), np.arange(batch)
        y = np.zeros((steps, count, batch, self.hidden), x.dtype)
        zero = np.zeros((count, batch, self.hidden), x.dtype)
        states = [zero if s is None else s.swapaxes(0, 1) if self.batch_first else s for s in initial]
        finals = [zero.copy() for _ in states]
        for d, is_reverse in enumerate(self.directions):
            state: State = tuple(s[d] for s in states)
            for moment in range(steps):
                active = moment < lengths
                places = np.where(active & is_reverse, lengths - 1 - moment, moment)
                after = step(d, x[places, rows], state)
                state = tuple(np.where(active[:, None], new, old) for new, old in zip(after, state, strict=True))
                y[places[active], d, rows[active]] = state[0][active]
            for final, value in zip(finals, state, strict=True):
                final[d] = value
        if not self.batch_first:
            return (y, *finals)
        return (y.transpose(2, 0, 1, 3), *(final.swapaxes(0, 1) for final in finals))

    def is_plain(self, inputs: Inputs[Operand], constants: Sequence[int], absent: Sequence[int]) -> bool:
        """Can the fast kernel serve? Default activations, no clip, float32, weights known, rare inputs absent."""
        is_default = self.activations == self.defaults * len(self.directions) and self.clip == np.inf
        known = all(inputs.get(i) is None or inputs[i].is_constant for i in constants)
        return (
            is_default and known and inputs[0].array.dtype == np.float32 and all(inputs.get(i) is None for i in absent)
        )

    def split(self, inputs: Inputs[Operand], outputs: Sequence[Operand], initial: Sequence[int]) -> list[Direction]:
        """The directions of a planned operator; `initial` are the positions of the initial states."""
        rows = 2 * self.gates * self.hidden
        found = []
        for d, is_reverse in enumerate(self.directions):
            bias = inputs.get(3)
            states = tuple(
                (
                    None if (start := inputs.get(position)) is None else self._part(start.array, d),
                    self._part(out.array, d),
                )
                for position, out in zip(initial, outputs[1:], strict=True)
            )
            y = outputs[0].array
            found.append(
                Direction(
                    self._time_first(inputs[0].array),
                    self._time_first(y[:, :, d]) if self.batch_first else y[:, d],
                    inputs[1].array[d],
                    inputs[2].array[d],
                    np.zeros(rows, np.float32) if bias is None else bias.array[d],
                    states,
                    is_reverse,
                )
            )
        return found

    def _time_first(self, x: Array) -> Array:
        return x.swapaxes(0, 1) if self.batch_first else x

    def _part(self, state: Array, direction: int) -> Array:
        return state[:, direction] if self.batch_first else state[direction]

    def macs(self, inputs: Inputs[TensorType], outputs: Sequence[TensorType]) -> int:
        return inputs[0].ints[0] * inputs[0].ints[1] * (inputs[1].size + inputs[2].size)


def recurrent_attributes(
    op: type[Recurrent],
    recurrence: Ref,
    *,
    activation_alpha: Sequence[float] = (),
    activation_beta: Sequence[float] = (),
    activations: Sequence[str] = (),
    clip: float = inf,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
) -> dict[str, Any]:
    """ONNX's attributes as those of `op`; the hidden size is the recurrence's, whatever else is said."""
    count = 2 if direction == "bidirectional" else 1
    names, alphas, betas = resolve_activations(
        tuple(activations) or op.defaults * count, activation_alpha, activation_beta
    )
    if recurrence.type.rank != 3:
        raise ShapeError(f"recurrence {recurrence.type} must have rank 3")
    return {
        "hidden": recurrence.type.ints[2],
        "direction": direction,
        "activations": names,
        "alphas": alphas,
        "betas": betas,
        "clip": clip,
        "batch_first": bool(layout),
    }
