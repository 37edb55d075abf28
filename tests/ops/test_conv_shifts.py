"""Depthwise convolutions whose taps are taken line by line: the bytes of the definition, alone and inside a network."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.ops import conv_kernels, im2col
from edgeconv.ops.conv import Conv
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import ABSENT, Program, Step, Tensor
from tests.ops.test_products_int8 import X_Q, Y_Q, check_conv, conv_accumulator, integers, requantize

WINDOWS = [
    # x, kernel, pads, dilations
    ((1, 6, 9, 11), (3, 3), (1, 1, 1, 1), (1, 1)),
    ((2, 4, 8, 7), (5, 5), (2, 2, 2, 2), (1, 1)),
    ((1, 4, 9, 12), (3, 5), (1, 4, 1, 4), (1, 2)),
    ((1, 3, 12, 9), (7, 7), (3, 3, 3, 3), (1, 1)),
    ((1, 3, 6, 9), (2, 3), (0, 2, 1, 0), (1, 1)),
    ((1, 2, 5, 6, 7), (3, 3, 3), (1, 1, 1, 1, 1, 1), (1, 1, 1)),
]


@pytest.fixture(params=[True, False], ids=["small products", "none"], autouse=True)
def small_products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_kernels, "has_small_products", lambda: request.param)


def scales_of(channels: int) -> Array:
    scales: Array = np.linspace(0.002, 0.02, channels).astype(np.float32)
    return scales


@pytest.mark.parametrize(("x_shape", "kernel", "pads", "dilations"), WINDOWS)
def test_alone(
    x_shape: tuple[int, ...], kernel: tuple[int, ...], pads: tuple[int, ...], dilations: tuple[int, ...]
) -> None:
    channels = x_shape[1]
    check_conv(Conv((1,) * len(kernel), pads, dilations, channels), x_shape, (channels, 1, *kernel))


@pytest.mark.parametrize("small_blocks", [False, True])
@pytest.mark.parametrize(("x_shape", "kernel", "pads", "dilations"), WINDOWS)
def test_inside_a_network(
    x_shape: tuple[int, ...],
    kernel: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    small_blocks: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two of them in a row: maps have margins, the first has to leave zeros there, the second need not."""
    if small_blocks:
        monkeypatch.setattr(im2col, "BLOCK_BYTES", 1 << 10)
        monkeypatch.setattr(im2col, "KEPT_CELLS", 0)
    channels, x = x_shape[1], integers(*x_shape)
    conv = Conv((1,) * len(kernel), pads, dilations, channels)
    point = Conv((1,) * len(kernel), (0,) * len(pads), (1,) * len(kernel))
    ops = [conv, conv, point, conv]
    shapes = {conv: (channels, 1, *kernel), point: (channels, channels, *(1,) * len(kernel))}
    weights = [integers(*shapes[op], low=-127) for op in ops]
    tensors, steps, wanted = [Tensor("x", TensorType("int8", x.shape, X_Q))], [], x
    for index, (op, weight) in enumerate(zip(ops, weights, strict=True)):
        scales = scales_of(channels) * np.float32(Y_Q.scale[0] / X_Q.scale[0])
        known = TensorType("int8", (*x.shape[:2], *wanted_shape(op, wanted, weight)), X_Q)
        tensors += [Tensor(f"w{index}", type_of(weight, QParams.per_channel(scales, 0))), Tensor(f"y{index}", known)]
        steps.append(Step(op, (2 * index, 2 * index + 1), (2 * index + 2,)))
        acc = conv_accumulator(wanted, weight, None, op)
        wanted = requantize(acc, scales, 1, y_q=X_Q)
    program = Program(tuple(tensors), tuple(steps), (0,), (len(tensors) - 1,))
    for memory in ("fast", "small"):
        interpreter = Interpreter(program, memory=memory)
        for _ in range(3):
            np.testing.assert_array_equal(interpreter(x, raw=True), wanted)


def wanted_shape(op: Conv, x: Array, weight: Array) -> tuple[int, ...]:
    return op.infer(TensorType("float32", x.shape), TensorType("float32", weight.shape))[0].ints[2:]


def test_what_lies_around_a_map_does_not_grow_from_call_to_call() -> None:
    """The sums of a depthwise layer fill its margins; a layer adds them to its own as a residual."""
    depthwise, point = Conv((1, 1), (1, 1, 1, 1), (1, 1), 4), Conv((1, 1), (0, 0, 0, 0), (1, 1))
    rng = np.random.default_rng(3)
    x_type = TensorType("float32", (1, 4, 8, 8))
    weights = [rng.standard_normal((4, each, size, size)).astype(np.float32) for each, size in ((4, 1), (1, 3), (4, 1))]
    tensors = [Tensor("x", x_type), *(Tensor(f"w{i}", type_of(weight)) for i, weight in enumerate(weights))]
    tensors += [Tensor(name, x_type) for name in ("a", "b", "c", "d")]
    steps = [
        Step(point, (0, 1), (4,)),
        Step(depthwise, (4, 2), (5,)),
        Step(point, (5, 3, ABSENT, 5), (6,)),
        Step(point, (6, 3), (7,)),
    ]
    interpreter = Interpreter(Program(tuple(tensors), tuple(steps), (0,), (7,)))
    x = rng.standard_normal((1, 4, 8, 8)).astype(np.float32)
    rows = []
    for _ in range(3):
        interpreter(x)
        (plan,) = interpreter._plans.values()
        rows.append([held.rows.copy() for held in plan.tensors.values() if held.rows is not None])
    assert len(rows[0]) > 2
    for second, third in zip(rows[1], rows[2], strict=True):
        np.testing.assert_array_equal(second, third)
