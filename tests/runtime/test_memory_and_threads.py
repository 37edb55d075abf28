"""Memory is known beforehand, and neither its frugal use nor threads change a byte of what comes out."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType, type_of
from edgeconv.errors import UsageError
from edgeconv.ops import im2col
from edgeconv.ops.add import Add
from edgeconv.ops.conv import Conv
from edgeconv.ops.max_pool import MaxPool
from edgeconv.runtime import Interpreter, processes, threads
from edgeconv.runtime.program import Program, Step, Tensor

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.edge"))
MAPS = ((25, 5), (7, 7), (40, 60))
"""Narrow, square, and wide enough for several blocks."""


def integers(*shape: int, seed: int, low: int = -128, high: int = 127) -> Array:
    return np.random.default_rng([seed, *shape]).integers(low, high + 1, shape).astype(np.int8)


def conv(k: int, stride: int = 1, groups: int = 1, low: float = -np.inf) -> Conv:
    return Conv((stride, stride), (k // 2,) * 4, (1, 1), groups, low=low)


@pytest.fixture(autouse=True)
def threads_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads work on the smallest layer, too, although that takes longer."""
    for module in (processes, threads):
        monkeypatch.setattr(module, "worthwhile", lambda sharing: 0)


class Net:
    """A chain of int8 steps made by hand; every activation has parameters of its own."""

    def __init__(self, spatial: tuple[int, int]) -> None:
        self.tensors = [Tensor("x", TensorType("int8", (1, 3, *spatial), QParams.per_tensor(0.05, 3)))]
        self.steps: list[Step] = []

    def constant(self, value: Array, q: QParams | None = None) -> int:
        self.tensors.append(Tensor(f"c{len(self.tensors)}", type_of(value, q)))
        return len(self.tensors) - 1

    def step(self, op: Conv | MaxPool | Add, *inputs: int, moves: bool = False) -> int:
        known = op.infer(*(self.tensors[index].type for index in inputs))[0]
        number = len(self.tensors)
        q = self.tensors[inputs[0]].type.q if moves else QParams.per_tensor(0.04 + number / 100, number % 50 - 30)
        self.tensors.append(Tensor(f"t{number}", TensorType("int8", known.shape, q)))
        self.steps.append(Step(op, inputs, (number,), f"step{number}"))
        return number

    def layer(self, x: int, outputs: int, op: Conv, kernel: int, residual: int | None = None, most: int = 127) -> int:
        channels = self.tensors[x].type.ints[1] // op.groups
        scales = np.linspace(0.001, 0.01, outputs).astype(np.float32)
        weight = integers(outputs, channels, kernel, kernel, seed=len(self.tensors), low=-most, high=most)
        bias = np.random.default_rng(len(self.tensors)).integers(-900, 900, outputs).astype(np.int32)
        constants = self.constant(weight, QParams.per_channel(scales, 0)), self.constant(bias)
        return self.step(op, x, *constants, *(() if residual is None else (residual,)))

    def program(self, *outputs: int) -> Program:
        return Program(tuple(self.tensors), tuple(self.steps), (0,), outputs)


def network(spatial: tuple[int, int]) -> Program:
    """What mobile networks are made of: strides, groups, residuals, pooling, and two readers of one map."""
    net = Net(spatial)
    x = net.layer(0, 32, conv(3, low=0.0), 3)
    y = net.layer(x, 32, conv(3, groups=32), 3)
    y = net.layer(y, 32, conv(1, low=0.0), 1, residual=x)
    z = net.layer(y, 48, conv(3, stride=2), 3)
    pooled = net.step(MaxPool((3, 3), (2, 2), (1, 1, 1, 1), (1, 1)), y, moves=True)
    w = net.layer(pooled, 48, conv(5, groups=2), 5)
    return net.program(net.step(Add(), z, w), net.layer(z, 16, conv(1), 1))


def samples(spatial: tuple[int, int]) -> Array:
    return integers(1, 3, *spatial, seed=5)


@pytest.mark.parametrize("spatial", MAPS)
@pytest.mark.parametrize(
    "settings", [{"memory": "small"}, {"threads": 2}, {"threads": 3}, {"threads": 3, "memory": "small"}]
)
def test_the_bytes_are_the_same(spatial: tuple[int, int], settings: dict[str, object]) -> None:
    program, x = network(spatial), samples(spatial)
    wanted = Interpreter(program).run(None, {"x": x}, raw=True)
    other = Interpreter(program, **settings)  # type: ignore[arg-type]
    real = [each.run(None, {"x": x}) for each in (Interpreter(program), other)]
    assert [array.tobytes() for array in real[0]] == [array.tobytes() for array in real[1]], "no zero has a sign"
    for _ in range(2):
        for found, expected in zip(other.run(None, {"x": x}, raw=True), wanted, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert np.unique(wanted[0]).size > 20


@pytest.mark.parametrize("spatial", MAPS)
@pytest.mark.parametrize("size", [1 << 10, 1 << 14])
def test_blocks_of_any_size_give_the_same_bytes(
    spatial: tuple[int, int], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, x = network(spatial), samples(spatial)
    wanted = Interpreter(program).run(None, {"x": x}, raw=True)
    monkeypatch.setattr(im2col, "BLOCK_BYTES", size)
    for found, expected in zip(Interpreter(program).run(None, {"x": x}, raw=True), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_many_channels_on_a_small_map() -> None:
    """Taps of several blocks, while the sums are few, and small enough for float32."""
    net = Net((16, 16))
    x = net.layer(net.layer(0, 128, conv(3), 3), 16, conv(3), 3, most=20)
    program, sample = net.program(net.layer(x, 4, conv(3), 3)), samples((16, 16))
    fast, small = (
        Interpreter(program, memory=memory).run(None, {"x": sample}, raw=True) for memory in ("fast", "small")
    )
    np.testing.assert_array_equal(fast[0], small[0])


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("settings", [{"memory": "small"}, {"threads": 2}])
def test_the_bytes_of_trained_networks_are_the_same(path: Path, settings: dict[str, object]) -> None:
    plain, other = Interpreter(path), Interpreter(path, **settings)  # type: ignore[arg-type]
    known = plain.input_type(plain.input_names[0])
    shape = [dim if isinstance(dim, int) else 3 for dim in known.shape]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    outputs = [each.run(None, {each.input_names[0]: x}) for each in (plain, other)]
    assert [array.tobytes() for array in outputs[0]] == [array.tobytes() for array in outputs[1]]


def test_a_tap_sees_the_values_of_the_file() -> None:
    program, x = network((7, 7)), samples((7, 7))
    seen: list[dict[str, Array]] = []
    for memory in ("fast", "small"):
        values: dict[str, Array] = {}
        interpreter = Interpreter(program, memory=memory)
        interpreter.run(None, {"x": x}, tap=lambda name, array, found=values: found.update({name: array.copy()}))  # type: ignore[misc]
        seen.append(values)
    assert seen[0].keys() == seen[1].keys()
    for name, found in seen[0].items():
        assert found.dtype == np.int8
        np.testing.assert_array_equal(found, seen[1][name])


def test_memory_is_known_before_the_first_run_and_small_is_smaller() -> None:
    program = network((40, 60))
    fast, small = Interpreter(program).memory, Interpreter(program, memory="small").memory
    sizes = [tensor.type.nbytes for tensor in program.tensors if tensor.data is None]
    assert small.arena < sum(sizes)
    assert small.arena >= max(a + b for a, b in pairwise(sizes))
    assert 0 < small.prepared < fast.prepared
    assert small.total < fast.total
    assert small.total == small.arena + small.prepared + small.scratch


def test_one_interpreter_is_for_one_thread_at_a_time() -> None:
    interpreter, x = Interpreter(network((7, 7))), samples((7, 7))
    refused: list[UsageError] = []

    def use_it_as_well() -> None:
        try:
            interpreter(x)
        except UsageError as error:
            refused.append(error)

    def tap(name: str, array: Array) -> None:
        if not refused:
            thread = threading.Thread(target=use_it_as_well)
            thread.start()
            thread.join()

    interpreter.run(None, {"x": x}, tap=tap)
    assert "make one Interpreter for each thread" in str(refused[0])
    interpreter(x)


def test_interpreters_in_threads_of_their_own_agree() -> None:
    program, x = network((25, 5)), samples((25, 5))
    wanted = Interpreter(program)(x, raw=True)[0]
    found: list[Array] = []

    def work() -> None:
        own = Interpreter(program)
        found.extend(own(x, raw=True)[0] for _ in range(20))

    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 80
    for each in found:
        np.testing.assert_array_equal(each, wanted)


@pytest.mark.parametrize("settings", [{"threads": 0}, {"memory": "tiny"}])
def test_other_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"threads=.* and memory="):
        Interpreter(GOLDEN[0], **settings)  # type: ignore[arg-type]


def test_numpy_is_set_as_before_after_a_run() -> None:
    before = np.getbufsize(), np.geterr()
    Interpreter(network((7, 7)))(samples((7, 7)))
    assert (np.getbufsize(), np.geterr()) == before
