"""Activations in 16 bits: exact beside plain integers, close to float, the same from a file, else refused."""

from __future__ import annotations

import math
import sys
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.errors import InvalidModelError
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.add import Add
from edgeconv.ops.average_pool import AveragePool
from edgeconv.ops.base import Call, Expr, Inputs, Operand, Ref
from edgeconv.ops.batch_norm import BatchNorm
from edgeconv.ops.concat import Concat
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.layer_norm import LayerNorm
from edgeconv.ops.lookup import Lookup
from edgeconv.ops.mul import Mul
from edgeconv.ops.pad import Pad
from edgeconv.ops.reduce import ReduceMean
from edgeconv.ops.sigmoid import Silu
from edgeconv.ops.softmax import Softmax
from edgeconv.ops.transpose import Transpose
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.runtime import Interpreter, Program
from edgeconv.runtime.arena import ScratchPool
from edgeconv.runtime.program import Step, Tensor
from tests.harness import data, sqnr

SHAPE = (3, 4, 6, 5)
X = data(*SHAPE)


def graph_of(make: Callable[[Ref], Expr], x: Array = X) -> Graph:
    """x -> y."""
    emitter = Emitter({"x": TensorType("float32", x.shape)})
    emitter.emit([make(Ref("x", emitter.types["x"]))], ["y"], "node")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def raised(graph: Graph, *names: str, x: Array = X) -> Graph:
    """The quantized graph with these values in 16 bits."""
    config = QuantConfig(method="minmax", refinements=(), raised=tuple((name, "int16") for name in names))
    return quantize(graph, [{"x": x}], config)


def integers(graph: Graph, x: Array) -> tuple[Array, Array]:
    """What the layer of `graph` read and wrote, as it is held."""
    seen: dict[str, Array] = {}
    Interpreter(to_program(graph)).run(None, {"x": x}, tap=lambda name, array: seen.update({name: array.copy()}))
    layer = next(node for node in graph.nodes if node.op_name in ("Conv", "Dense"))
    return seen[layer.inputs[0]], seen[layer.outputs[0]]


def requantized(acc: Array, scales: Array, q: QParams, dtype: str, low: float = -np.inf) -> Array:
    """saturate(rint(float32(acc) * float32(s_in / s_out)) + zero_point), as the architecture page says."""
    factor = (scales / q.scale[0]).astype(np.float32)
    steps = np.rint(acc.astype(np.float32) * factor) + q.zero_point[0]
    limits = np.iinfo(dtype)
    least = limits.min if np.isinf(low) else max(limits.min, round(low / q.scale[0]) + q.zero_point[0])
    clamped: Array = np.clip(steps, least, limits.max).astype(dtype)
    return clamped


def conv_in_integers(x: Array, w: Array, groups: int) -> Array:
    """3x3, padding 1, in Python's order, in int64; `x` is centred."""
    n, _, height, width = x.shape
    padded = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.zeros((n, len(w), height, width), np.int64)
    per_in, per_out = w.shape[1], len(w) // groups
    for o in range(len(w)):
        for c in range(per_in):
            source = padded[:, o // per_out * per_in + c]
            for i in range(3):
                for j in range(3):
                    y[:, o] += source[:, i : i + height, j : j + width] * int(w[o, c, i, j])
    return y


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("names", [("x",), ("y",), ("x", "y")])
def test_conv_is_exact(groups: int, names: tuple[str, ...]) -> None:
    weight, bias = data(8, 4 // groups, 3, 3), data(8, seed=3)
    conv = Conv((1, 1), (1, 1, 1, 1), (1, 1), groups, low=0.0)
    graph = raised(graph_of(lambda x: conv(x, weight, bias)), *names)
    node = next(node for node in graph.nodes if node.op_name == "Conv")
    read, written = integers(graph, X)
    dtypes = ["int16" if name in names else "int8" for name in ("x", "y")]
    assert [read.dtype.name, written.dtype.name] == dtypes
    q_x, q_w, q_y = (graph.types[name].q for name in (*node.inputs[:2], "y"))
    assert q_x is not None and q_w is not None and q_y is not None
    w, b = graph.constant(node.inputs[1]), graph.constant(node.inputs[2])
    assert w is not None and b is not None
    acc = conv_in_integers(read.astype(np.int64) - q_x.zero_point[0], w, groups) + b.reshape(-1, 1, 1)
    scales = np.array(q_w.scale, np.float64).reshape(-1, 1, 1) * q_x.scale[0]
    np.testing.assert_array_equal(written, requantized(acc, scales, q_y, dtypes[1], low=0.0))


@pytest.mark.parametrize(("terms", "dtype"), [(300, "float32"), (3000, "float64")])
def test_dense_is_exact_at_the_largest_values(terms: int, dtype: str) -> None:
    """int16 values at their limits, over a long row: sums far beyond 2**24; by high and low bytes where these fit."""
    x = np.where(data(4, terms) > 0, 1.0, data(4, terms, seed=5)).clip(-1, 1).astype(np.float32)
    weight = data(terms, 7, seed=2)
    graph = raised(graph_of(lambda ref: Dense()(ref, weight), x), "x", "y", x=x)
    node = next(node for node in graph.nodes if node.op_name == "Dense")
    read, written = integers(graph, x)
    assert np.abs(read).max() == 32767
    w, q_x, q_w, q_y = graph.constant(node.inputs[1]), *(graph.types[n].q for n in (*node.inputs[:2], "y"))
    assert w is not None and q_x is not None and q_w is not None and q_y is not None
    acc = np.array([[sum(int(a) * int(b) for a, b in zip(row, column, strict=True)) for column in w.T] for row in read])
    scales = np.array(q_w.scale, np.float64) * q_x.scale[0]
    np.testing.assert_array_equal(written, requantized(acc, scales, q_y, "int16"))
    prepared = Interpreter(to_program(graph)).memory.prepared
    assert weight.size * np.dtype(dtype).itemsize <= prepared < weight.size * np.dtype(dtype).itemsize + 1000


@pytest.mark.parametrize("count", [1, 5, 300])
def test_softmax_reads_sixteen_bits(count: int) -> None:
    """Distances from the largest element up to 40 and beyond the table; one division, rounded once."""
    q_x, q_y = QParams.per_tensor(1 / 32, 0), QParams.per_tensor(1 / 256, -128)
    x = np.linspace(-900, 900, 4 * count).round().astype(np.int16).reshape(4, count)[:, ::-1].copy()
    op = Softmax(1)
    (table,) = op.tables(Inputs([TensorType("int16", x.shape, q_x)]), [TensorType("int8", x.shape, q_y)])
    assert len(table) == 16 + 45
    entries = [int(table[16 + at // 16]) * int(table[at % 16]) // 2**30 for at in range(45 * 16)]
    assert max(abs(entry - math.exp(-at / 32) * 2**30) for at, entry in enumerate(entries)) <= 2
    assert entries[-1] == 0
    found = np.empty(x.shape, np.int8)
    operands = [Operand(TensorType("int16", x.shape, q_x), x), Operand(type_of(table), table)]
    op.plan(Inputs(operands), [Operand(TensorType("int8", x.shape, q_y), found)], ScratchPool(1 << 20).for_step())()
    for row, have in zip(x.tolist(), found.tolist(), strict=True):
        terms = [entries[min(max(row) - each, len(entries) - 1)] for each in row]
        assert have == [min(round(256 * term / sum(terms)), 255) - 128 for term in terms]


@pytest.mark.parametrize("kept", ["int8", "int16"])
@pytest.mark.parametrize("is_wide", [False, True])
def test_a_table_has_the_function_at_every_step_of_sixteen_bits(kept: str, is_wide: bool) -> None:
    graph = raised(graph_of(Silu()), "x", *(["y"] if kept == "int16" else []))
    node = next(node for node in graph.nodes if node.op_name == "Lookup")
    q_x, q_y, table = (graph.types[node.inputs[0]].q, graph.types["y"].q, graph.types[node.inputs[1]])
    assert q_x is not None and q_y is not None and table.value is not None and table.dtype == kept
    assert 255 < abs(X).max() / q_x.scale[0] < 511
    steps, limits = np.arange(-(1 << 15), 1 << 15), np.iinfo(kept)
    values = steps.astype(np.float32) if is_wide else steps.astype(np.int16)
    found = np.empty(steps.shape, np.float32 if is_wide else kept)
    operands = [Operand(TensorType("int16", steps.shape, q_x), values), Operand(table, table.value)]
    node.op.plan(Inputs(operands), [Operand(graph.types["y"], found)], ScratchPool(1 << 20).for_step())()
    seen = (steps * q_x.scale[0] >= X.min()) & (steps * q_x.scale[0] <= X.max())
    real = steps[seen] * np.float64(q_x.scale[0])
    wanted = real / (1 + np.exp(-real)) / q_y.scale[0] + q_y.zero_point[0]
    centre = q_y.zero_point[0] if is_wide else 0
    assert np.abs(found[seen] + centre - np.clip(wanted, limits.min, limits.max)).max() < 0.51
    np.testing.assert_array_equal(found[[0, -1]] + centre, table.value[[0, -1]])
    np.testing.assert_array_equal(found + centre, node.op.run(steps, table.value))


CALLS: dict[str, Callable[[Ref], Call]] = {
    "Add": lambda x: Add(low=0.0)(x, x),
    "AddConstant": lambda x: Add()(x, data(4, 1, 5, seed=4)),
    "AveragePool": AveragePool((2, 2), (1, 1), (1, 1, 1, 1), (1, 1)),
    "BatchNorm": lambda x: BatchNorm()(x, *(np.abs(data(4, seed=seed)) + 0.5 for seed in range(4))),
    "Concat": lambda x: Concat(1)(x, Transpose((0, 1, 2, 3))(x)),
    "Conv with padding values": lambda x: Conv(
        (2, 2), (1, 1, 1, 1), (1, 1), pad_values=(0.5, -0.25, 1.0, 0.0)
    )(x, data(4, 4, 3, 3, seed=5), data(4)),
    "Conv with residual": lambda x: Conv((1, 1), (0, 0, 0, 0), (1, 1))(x, data(4, 4, 1, 1), data(4), x),
    "Dense": lambda x: Dense()(x, data(5, 7), data(7)),
    "LayerNorm": lambda x: LayerNorm(2)(x, data(6, 5), data(6, 5, seed=6)),
    "ReduceMean": ReduceMean((2, 3)),
    "Mul": lambda x: Mul(low=-0.5)(x, x),
    "Silu": Silu(),
    "Transpose": Transpose((0, 2, 3, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_sixteen_bits_are_close_to_float_and_the_same_from_a_file(name: str) -> None:
    graph = graph_of(CALLS[name])
    shared = {each for node in graph.nodes for each in (*node.inputs, *node.outputs) if graph.constant(each) is None}
    lowered = raised(graph, *shared)
    assert lowered.types["y"].dtype == "int16"
    wanted = Interpreter(to_program(graph))(X)
    program = to_program(lowered)
    found = Interpreter(program)(X)
    weights_are_int8 = "Conv" in name or name in ("Dense", "AddConstant")
    assert sqnr(wanted, found) > (38 if weights_are_int8 else 50 if name == "Silu" else 75)  # of some 500 steps
    for memory in ("fast", "small"):  # carried as float32, and as the file declares it
        np.testing.assert_array_equal(Interpreter(to_bytes(program), memory=memory)(X), found)
    np.testing.assert_array_equal(np.concatenate([Interpreter(to_program(raised(graph_of(CALLS[name]), *shared)))(X)]),
                                  found)  # fmt: skip


@pytest.mark.skipif(sys.gettrace() is not None, reason="what traces lines, as coverage does, allocates")
@pytest.mark.parametrize("name", CALLS)
def test_sixteen_bits_allocate_nothing_beyond_the_output(name: str) -> None:
    x = data(40, *SHAPE[1:])
    graph = graph_of(CALLS[name], x)
    shared = {each for node in graph.nodes for each in (*node.inputs, *node.outputs) if graph.constant(each) is None}
    interpreter = Interpreter(to_program(raised(graph, *shared, x=x)))
    for _ in range(3):
        interpreter(x)
    tracemalloc.start()
    interpreter(x)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    y = interpreter(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before - y.nbytes <= 4096


def hostile(op: object, dtype: str, q: QParams | None) -> Program:
    """x float -> Quantize -> h of `dtype` -> op -> y of `dtype`."""
    from edgeconv.ops.quantize import Quantize

    tensors = (
        Tensor("x", TensorType("float32", (2, 8))),
        Tensor("h", TensorType(dtype, (2, 8), q)),
        Tensor("y", TensorType(dtype, (2, 8), q)),
    )
    steps = (Step(Quantize(), (0,), (1,), "q"), Step(op, (1,), (2,), "op"))  # type: ignore[arg-type]  # an operator
    return Program(tensors, steps, (0,), (2,))


def test_an_operator_without_such_a_kernel_is_refused() -> None:
    with pytest.raises(InvalidModelError, match="16 bits"):
        Interpreter(to_bytes(hostile(Pad((0, 0, 0, 0)), "int16", QParams.per_tensor(0.1, 0))))


def test_a_table_that_does_not_fit_is_refused() -> None:
    for dtype, op in (("int8", Lookup("f", 0)), ("int16", Lookup("f", 1 << 15)), ("int16", Lookup("f", -(1 << 40)))):
        q = QParams.per_tensor(0.1, 0)
        program = hostile(op, dtype, q)
        tensors = (*program.tensors, Tensor("t", type_of(np.zeros(256, dtype))))
        step = Step(op, (1, 3), (2,), "op")
        with pytest.raises(InvalidModelError, match="table"):
            Interpreter(to_bytes(Program(tensors, (program.steps[0], step), (0,), (2,))))


def test_sixteen_bits_without_parameters_are_refused() -> None:
    with pytest.raises(InvalidModelError):
        Interpreter(to_bytes(hostile(Transpose((0, 1)), "int16", None)))


def test_an_input_in_sixteen_bits_is_refused() -> None:
    q = QParams.per_tensor(0.1, 0)
    tensors = (Tensor("x", TensorType("int16", (2, 8), q)), Tensor("y", TensorType("int16", (2, 8), q)))
    program = Program(tensors, (Step(Transpose((0, 1)), (0,), (1,), "t"),), (0,), (1,))
    with pytest.raises(InvalidModelError, match="input 'x' is held in 16 bits"):
        Interpreter(to_bytes(program))
