"""3x3 convolutions in float by way of tiles: what they compute, whatever the map, its padding and its neighbours."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from unittest.mock import patch

import numpy as np
import pytest

from edgeconv.core import Array, TensorType, type_of
from edgeconv.ops import winograd
from edgeconv.ops.conv import Conv
from edgeconv.ops.windows import Window
from edgeconv.ops.winograd import Winograd, winograd_pays
from edgeconv.runtime import Interpreter, processes
from edgeconv.runtime.program import Program, Step, Tensor

INPUTS, OUTPUTS = 96, 112


def normal(*shape: int) -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def sqnr(wanted: Array, found: Array) -> float:
    noise = np.square(wanted - found.astype(np.float64)).sum()
    return float(10 * np.log10(np.square(wanted).sum() / noise))


class Net:
    """Float convolutions made by hand, and what they mean in float64."""

    def __init__(self, *shape: int) -> None:
        self.tensors = [Tensor("x", TensorType("float32", shape))]
        self.steps: list[Step] = []
        self.wanted = [normal(*shape).astype(np.float64)]

    def constant(self, value: Array) -> int:
        self.tensors.append(Tensor(f"c{len(self.tensors)}", type_of(value)))
        self.wanted.append(value.astype(np.float64))
        return len(self.tensors) - 1

    def conv(self, op: Conv, x: int, outputs: int, kernel: int = 3, residual: int | None = None) -> int:
        channels = self.tensors[x].type.ints[1]
        weight = self.constant(normal(outputs, channels, kernel, kernel) / np.float32(kernel * channels**0.5))
        inputs = (x, weight, self.constant(normal(outputs)), *(() if residual is None else (residual,)))
        known = op.infer(*(self.tensors[index].type for index in inputs))[0]
        self.tensors.append(Tensor(f"y{len(self.tensors)}", known))
        self.wanted.append(op.run(*(self.wanted[index] for index in inputs)))
        self.steps.append(Step(op, inputs, (len(self.tensors) - 1,)))
        return len(self.tensors) - 1

    def run(self, y: int, threads: int = 1, memory: str = "fast") -> Array:
        program = Program(tuple(self.tensors), tuple(self.steps), (0,), (y,))
        interpreter = Interpreter(program, threads=threads, memory=memory)
        first, again = (interpreter(self.wanted[0].astype(np.float32)) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert isinstance(first, np.ndarray)
        return first


def tiled_layers(net: Net, y: int) -> int:
    """How many layers Winograd computes."""
    with patch.object(winograd.Winograd, "sample", autospec=True, side_effect=Winograd.sample) as sample:
        net.run(y)
    return sample.call_count


@pytest.mark.parametrize("pads", [(1, 1, 1, 1), (0, 0, 0, 0), (2, 0, 1, 3)])
@pytest.mark.parametrize("size", [(16, 16), (17, 20), (19, 17), (20, 41)])
def test_any_size_and_padding(size: tuple[int, int], pads: tuple[int, ...]) -> None:
    net = Net(1, INPUTS, *size)
    y = net.conv(Conv((1, 1), pads, (1, 1)), 0, OUTPUTS)
    assert tiled_layers(net, y) == 1
    assert sqnr(net.wanted[y], net.run(y)) > 120


def test_batch_bounds_residual_and_neighbours_with_wider_margins() -> None:
    net = Net(2, INPUTS, 18, 21)
    x = net.conv(Conv((1, 1), (0, 0, 0, 0), (1, 1), low=0.0), 0, INPUTS, kernel=1)
    y = net.conv(Conv((1, 1), (1, 1, 1, 1), (1, 1), low=-0.5, high=2.0), x, INPUTS, residual=x)
    z = net.conv(Conv((1, 1), (2, 2, 2, 2), (1, 1)), y, 32, kernel=5)
    assert tiled_layers(net, z) == 2, "one for each sample"
    assert sqnr(net.wanted[y], net.run(y)) > 120
    assert sqnr(net.wanted[z], net.run(z)) > 120


def test_padding_with_other_values() -> None:
    net = Net(1, INPUTS, 16, 16)
    values = tuple(float(value) for value in normal(INPUTS))
    y = net.conv(Conv((1, 1), (1, 1, 1, 1), (1, 1), pad_values=values), 0, OUTPUTS)
    assert tiled_layers(net, y) == 1
    assert sqnr(net.wanted[y], net.run(y)) > 120


@pytest.mark.parametrize(("channels", "size"), [(64, 57), (129, 14)])
def test_threads_give_the_same_bytes(channels: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share many blocks of lines, or the channels of one."""
    monkeypatch.setattr(processes, "worthwhile", lambda sharing: 0)
    net = Net(1, channels, size, size)
    y = net.conv(Conv((1, 1), (1, 1, 1, 1), (1, 1), low=0.0), 0, channels)
    z = net.conv(Conv((1, 1), (1, 1, 1, 1), (1, 1), low=0.0), y, channels, residual=0)
    assert tiled_layers(net, z) == 2
    one, two, three = (net.run(z, threads) for threads in (1, 2, 3))
    assert sqnr(net.wanted[z], one) > 120
    for a, b in pairwise((one, two, three)):
        np.testing.assert_array_equal(a, b)


def test_small_memory_keeps_the_weights_as_they_are() -> None:
    net = Net(1, INPUTS, 16, 16)
    y = net.conv(Conv((1, 1), (1, 1, 1, 1), (1, 1)), 0, OUTPUTS)
    with patch.object(winograd.Winograd, "sample", side_effect=AssertionError):
        assert sqnr(net.wanted[y], net.run(y, memory="small")) > 120


def test_inputs_far_from_zero_lose_nothing() -> None:
    net = Net(1, INPUTS, 16, 16)
    net.wanted[0] = net.wanted[0] + 300.0
    y = net.conv(Conv((1, 1), (0, 0, 0, 0), (1, 1)), 0, OUTPUTS)
    assert sqnr(net.wanted[y], net.run(y)) > 110


@pytest.mark.parametrize(
    ("kernel", "strides", "dilations", "groups", "weight", "out"),
    [
        ((3, 3), (2, 2), (1, 1), 1, (64, 64), (56, 56)),
        ((3, 3), (1, 1), (2, 2), 1, (64, 64), (56, 56)),
        ((3, 3), (1, 1), (1, 1), 64, (64, 1), (56, 56)),
        ((5, 5), (1, 1), (1, 1), 1, (64, 64), (56, 56)),
        ((3,), (1,), (1,), 1, (64, 64), (56,)),
        ((3, 3), (1, 1), (1, 1), 1, (16, 16), (56, 56)),
        ((3, 3), (1, 1), (1, 1), 1, (256, 256), (7, 7)),
        ((3, 3), (1, 1), (1, 1), 1, (512, 512), (28, 28)),
    ],
)
def test_other_layers_are_left_to_the_taps(
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    groups: int,
    weight: tuple[int, ...],
    out: tuple[int, ...],
) -> None:
    window = Window(kernel, strides, dilations, (1,) * 2 * len(kernel))
    assert not winograd_pays(window, groups, weight, out)


def test_infinite_bounds_mean_none() -> None:
    net = Net(1, INPUTS, 16, 16)
    y = net.conv(Conv((1, 1), (1, 1, 1, 1), (1, 1), low=-inf, high=1.0), 0, OUTPUTS)
    assert sqnr(net.wanted[y], net.run(y)) > 120
    assert net.run(y).max() == 1.0
