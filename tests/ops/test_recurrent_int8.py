"""int8 LSTM and GRU beside a plain evaluation in integers and single float32 operations, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType
from edgeconv.errors import InvalidModelError
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.importer import load_onnx
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.runtime import Interpreter, Program
from edgeconv.runtime.program import Tensor
from tests.cases import all_cases
from tests.harness import Case, feeds_of, model_of, reference_outputs, sqnr

F = np.float32


def case_of(op: str, name: str) -> Case:
    return next(case for case in all_cases() if (case.op_type, case.name) == (op, name))


def lowered(case: Case) -> Graph:
    return quantize(simplify(load_onnx(model_of(case))), [feeds_of(case)], QuantConfig(method="minmax"))


class ByHand:
    """The constants of a quantized recurrent layer, one direction, and its arithmetic."""

    def __init__(self, graph: Graph) -> None:
        (self.node,) = (node for node in graph.nodes if node.op_name in ("LSTM", "GRU"))
        values = {at: graph.constant(name) for at, name in enumerate(self.node.inputs) if name}
        self.types = [graph.types[name] if name else None for name in self.node.inputs]
        self.x_q, self.w_q, self.r_q = (self.q(self.types[at]) for at in range(3))
        self.w, self.r, self.bias = (values[at] for at in range(1, 4))
        self.table = values[len(self.node.inputs) - 1]
        self.outputs = [graph.types[name].q for name in self.node.outputs]

    @staticmethod
    def q(known: TensorType | None) -> QParams:
        assert known is not None and known.q is not None
        return known.q

    def projected(self, x: Array, halves: Array, bias: Array) -> Array:
        assert self.w is not None
        acc = (x.astype(np.int64) - self.x_q.zero_point[0]) @ self.w[0].astype(np.int64).T
        factor = (np.array(self.w_q.scale) * self.x_q.scale[0] * halves * 256).astype(F)
        return acc.astype(F) * factor + (bias * halves * 256).astype(F)

    def recurrent(self, h: Array, rows: slice, halves: Array, bits: int = 15) -> Array:
        assert self.r is not None
        limit = 2**bits - 1
        steps = np.clip(np.rint(h.astype(np.float64) * 2**bits), -limit, limit).astype(np.int64)
        factor = (np.array(self.r_q.scale[rows]) * halves[rows] * 256 / 2**bits).astype(F)
        return (steps @ self.r[0, rows].astype(np.int64).T).astype(F) * factor

    def tanh(self, places: Array) -> Array:
        assert self.table is not None
        index = np.clip(np.rint(places) + 2048, 0, 4095).astype(int)
        return self.table[index].astype(F) / F(2**15)

    def held(self, values: Array, output: int) -> Array:
        q = self.outputs[output]
        assert q is not None
        return np.clip(np.rint(values / F(q.scale[0])) + q.zero_point[0], -128, 127).astype(np.int8)


def lstm_by_hand(net: ByHand, x: Array, hidden: int) -> tuple[Array, Array, Array]:
    assert net.bias is not None
    halves = np.repeat([0.5, 0.5, 0.5, 1.0], hidden)
    both = net.bias.reshape(2, -1).astype(np.float64)
    inputs = net.projected(x, halves, both[0] + both[1])
    h, c = np.zeros((x.shape[1], hidden), F), np.zeros((x.shape[1], hidden), F)
    assert net.r is not None
    largest = int(np.abs(net.r[0].astype(np.int64)).sum(axis=1).max())
    bits = max(k for k in range(16) if largest < 2 ** (24 - k))  # every sum of products stays below 2**24
    seen = []
    for step in inputs:
        gates = net.tanh(net.recurrent(h, slice(None), halves, bits) + step)
        i, o, f, g = np.split(gates, 4, axis=1)
        i, o, f = (gate * F(0.5) + F(0.5) for gate in (i, o, f))
        c = f * c + i * g
        h = o * net.tanh(c * F(256))
        seen.append(net.held(h, 0))
    return np.stack(seen)[:, None], net.held(h, 1)[None], net.held(c, 2)[None]


def gru_by_hand(net: ByHand, x: Array, hidden: int) -> Array:
    assert net.bias is not None
    halves = np.repeat([0.5, 0.5, 1.0], hidden)
    of_input, of_state = net.bias.reshape(2, -1).astype(np.float64)
    inputs = net.projected(x, halves, of_input + of_state)
    h = np.zeros((x.shape[1], hidden), F)
    pair, last = slice(0, 2 * hidden), slice(2 * hidden, 3 * hidden)
    seen = []
    for step in inputs:
        z, r = np.split(net.tanh(net.recurrent(h, pair, halves) + step[:, pair]) * F(0.5) + F(0.5), 2, axis=1)
        n = net.tanh(net.recurrent(r * h, last, halves) + step[:, last])
        h = (h - n) * z + n
        seen.append(net.held(h, 0))
    return np.stack(seen)[:, None]


def scaled(case: Case, gain: float) -> Case:
    """The case with larger weights: gates beyond the ends of the table, or so far that they have to be clamped."""
    return replace(case, inputs=[case.inputs[0], *(gain * part for part in case.inputs[1:] if part is not None)])


GAINS = (1.0, 3.0, 400.0)


@pytest.mark.parametrize("gain", GAINS)
def test_lstm_gives_the_bytes_of_a_plain_evaluation(gain: float) -> None:
    case = scaled(case_of("LSTM", "plain"), gain)
    graph = lowered(case)
    net, program = ByHand(graph), to_program(graph)
    x = np.clip(np.rint(feeds_of(case)["input0"] / F(net.x_q.scale[0])) + net.x_q.zero_point[0], -128, 127)
    wanted = lstm_by_hand(net, x, case.attributes["hidden_size"])
    for want, have in zip(wanted, Interpreter(program).run(None, feeds_of(case), raw=True), strict=False):
        np.testing.assert_array_equal(want, have)


@pytest.mark.parametrize("gain", GAINS)
def test_gru_gives_the_bytes_of_a_plain_evaluation(gain: float) -> None:
    case = scaled(case_of("GRU", "plain"), gain)
    graph = lowered(case)
    net, program = ByHand(graph), to_program(graph)
    x = np.clip(np.rint(feeds_of(case)["input0"] / F(net.x_q.scale[0])) + net.x_q.zero_point[0], -128, 127)
    want = gru_by_hand(net, x, case.attributes["hidden_size"])
    np.testing.assert_array_equal(want, Interpreter(program).run(None, feeds_of(case), raw=True)[0])


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_an_initial_state_beyond_one_is_not_cut_off(op: str) -> None:
    case = case_of(op, "initial_h")
    inputs = [part if at != 5 or part is None else 5 * part for at, part in enumerate(case.inputs)]
    case = replace(case, inputs=inputs)
    wanted = reference_outputs(model_of(case), feeds_of(case), case.judge)
    for want, have in zip(wanted, Interpreter(to_program(lowered(case))).run(None, feeds_of(case)), strict=True):
        assert sqnr(want, have) > 30


@pytest.mark.parametrize("damage", ["shape", "absent"])
def test_a_table_that_is_none_is_refused(damage: str) -> None:
    program = to_program(lowered(case_of("LSTM", "plain")))
    table = next(i for i, tensor in enumerate(program.tensors) if tensor.type.shape == (4096,))
    known = program.tensors[table]
    tensors = list(program.tensors)
    assert known.type.value is not None
    short = known.type.value[: 4095 if damage == "shape" else 4096].astype("int16" if damage == "shape" else "int32")
    tensors[table] = Tensor(known.name, TensorType(short.dtype.name, short.shape, None, short))
    broken = Program(tuple(tensors), program.steps, program.inputs, program.outputs, program.metadata)
    with pytest.raises(InvalidModelError, match=r"table int16\[4096\]"):
        Interpreter(to_bytes(broken))
