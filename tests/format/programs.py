"""Programs built by hand, and the helper that builds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgeconv.core import DTYPES, Array, QParams, TensorType, type_of
from edgeconv.dims import symbol
from edgeconv.ops import operator_class
from edgeconv.ops.base import Operator, infer_types
from edgeconv.runtime.program import ABSENT, Program, Step, Tensor, every_program

__all__ = ["PROGRAMS", "Build", "body", "dtypes", "floats", "kws", "nested", "operator", "quantized", "same"]

Q = QParams.per_tensor


def operator(name: str, **attributes: object) -> Operator:
    """An operator by name."""
    return operator_class(name)(**attributes)


class Build:
    """Collects tensors and steps; types of outputs are inferred."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.steps: list[Step] = []
        self.inputs: list[int] = []

    def input(self, name: str, *shape: int | str, dtype: str = "float32", q: QParams | None = None) -> int:
        """A model input; a dimension given as text is symbolic."""
        dims = tuple(symbol(dim) if isinstance(dim, str) else dim for dim in shape)
        self.inputs.append(self._add(name, TensorType(dtype, dims, q)))
        return self.inputs[-1]

    def constant(self, name: str, value: Array, q: QParams | None = None) -> int:
        """A constant."""
        return self._add(name, type_of(value, q))

    def step(self, op: Operator, *inputs: int | None, name: str = "", node: str = "", q: QParams | None = None) -> int:
        """Apply `op`; the index of its first output, which gets the parameters `q`."""
        indices = tuple(ABSENT if index is None else index for index in inputs)
        types = infer_types(op, [None if index is None else self.tensors[index].type for index in inputs])
        outputs = tuple(
            self._add(f"{name or len(self.tensors)}{'.' * number}", TensorType(found.dtype, found.shape, q))
            for number, found in enumerate(types)
        )
        self.steps.append(Step(op, indices, outputs, node))
        return outputs[0]

    def program(self, *outputs: int, metadata: Mapping[str, str] | None = None) -> Program:
        """The finished program."""
        return Program(tuple(self.tensors), tuple(self.steps), tuple(self.inputs), outputs, dict(metadata or {}))

    def _add(self, name: str, known: TensorType) -> int:
        self.tensors.append(Tensor(name, known))
        return len(self.tensors) - 1


def values(*shape: int, dtype: str = "float32", low: float = -1, high: float = 1, seed: int = 0) -> Array:
    """Deterministic numbers."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape).astype(dtype)


def per_channel(count: int, axis: int, seed: int = 0) -> QParams:
    """Different scales along `axis`."""
    return QParams.per_channel(values(count, low=0.001, high=0.1, seed=seed), axis)


def floats() -> Program:
    """Conv with a fused clamp, Reshape and Dense over a symbolic batch; an absent optional input; two outputs."""
    build = Build()
    x = build.input("x", "N", 3, 8, 8)
    w = build.constant("conv.weight", values(4, 3, 3, 3))
    conv = operator("Conv", strides=(2, 2), pads=(1, 1, 1, 1), dilations=(1, 1), low=0.0)
    y = build.step(conv, x, w, None, name="conv.out", node="/conv")
    flat = build.step(operator("Reshape", shape=(0, -1)), y, name="flat", node="/flatten")
    weight, bias = build.constant("fc.weight", values(64, 10)), build.constant("fc.bias", values(10))
    logits = build.step(operator("Dense"), flat, weight, bias, name="logits", node="/fc")
    return build.program(logits, flat, metadata={"producer": "edgeconv tests", "options": "--précision fp32"})


def quantized() -> Program:
    """int8 from Quantize to Dequantize: Conv and Dense per channel with int32 bias, a table, a shared constant."""
    build = Build()
    x = build.input("x", "N", 3, 6, 6)
    x8 = build.step(operator("Quantize"), x, name="x8", q=Q(0.02, -3))
    w = build.constant("w", values(4, 3, 3, 3, dtype="int8", low=-127, high=127), per_channel(4, 0))
    b = build.constant("b", values(4, dtype="int32", low=-999, high=999), per_channel(4, 0))
    conv = operator("Conv", strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1))
    y = build.step(conv, x8, w, b, name="y", node="conv", q=Q(0.05, 4))
    table = np.arange(-128, 128).astype(np.int8)
    t1 = build.constant("table", table)
    t2 = build.constant("table again", table.copy())
    z = build.step(operator("Lookup", function="Relu"), y, t1, name="z", q=Q(0.05, -128))
    z = build.step(operator("Lookup", function="Relu"), z, t2, name="z2", q=Q(0.05, -128))
    flat = build.step(operator("Reshape", shape=(0, -1)), z, name="flat", q=Q(0.05, -128))
    dense = build.constant("dense", values(64, 5, dtype="int8", low=-127, high=127), per_channel(5, 1))
    out = build.step(operator("Dense"), flat, dense, name="out8", q=Q(0.3, 0))
    return build.program(build.step(operator("Dequantize"), out, name="out"), out)


def dtypes() -> Program:
    """Constants of every dtype, in every odd shape, as outputs; an input that is an output, all symbolic."""
    build = Build()
    x = build.input("x", "batch", "time", dtype="float16")
    outputs = [x]
    for number, dtype in enumerate(DTYPES):
        shape: tuple[int, ...] = ((), (3,), (2, 0, 5), (1, 2, 3))[number % 4]
        value = values(*shape, low=0, high=2).astype(dtype)
        outputs.append(build.constant(f"{dtype} constant", np.asarray(value)))
    return build.program(*outputs)


def kws() -> Program:
    """The shape of a DS-CNN for keyword spotting: 22.6 k int8 parameters; every layer followed by two tables."""
    build = Build()
    at = build.input("input_1", "N", 1, 49, 10, dtype="int8", q=Q(0.58, 83))
    weights = [("conv2d", 1, (64, 1, 10, 4), (2, 2))]
    for block in range(1, 5):
        weights.append((f"depthwise_conv2d_{block}", 64, (64, 1, 3, 3), (1, 1)))
        weights.append((f"conv2d_{block}", 1, (64, 64, 1, 1), (1, 1)))
    for number, (layer, groups, shape, strides) in enumerate(weights):
        name = f"functional_1/{layer}"
        weight = values(*shape, dtype="int8", low=-127, high=127, seed=number)
        w = build.constant(f"{name}/weights", weight, per_channel(64, 0, seed=number))
        b = build.constant(f"{name}/bias", values(64, dtype="int32", low=-9999, high=9999, seed=number))
        pad = tuple(size // 2 for size in shape[2:])
        op = operator("Conv", strides=strides, pads=pad + pad, dilations=(1, 1), groups=groups, low=0.0)
        at = build.step(op, at, w, b, name=f"{name}/Relu:0", node=f"{name}/Conv2D", q=Q(0.01 + number, -128))
        for again in range(3):
            moved = operator("Transpose", perm=(0, 1, 2, 3))
            layer_name = f"{name}/transpose_{again}"
            at = build.step(moved, at, name=f"{layer_name}:0", node=layer_name, q=Q(0.01 + number, -128))
    flat = build.step(operator("Reshape", shape=(0, -1)), at, name="flatten:0", node="flatten", q=Q(8.01, -128))
    weights12 = values(64, 12, dtype="int8", low=-127, high=127)
    head = build.constant("functional_1/dense/weights", weights12, per_channel(12, 1))
    picked = build.step(operator("Reshape", shape=(-1, 64)), flat, name="pool:0", node="pool", q=Q(8.01, -128))
    out = build.step(operator("Dense"), picked, head, name="Identity", node="functional_1/dense/MatMul", q=Q(0.2, 5))
    metadata = {
        "producer": "edgeconv 0.1.0",
        "source_sha256": "ab" * 32,
        "calibration_sha256": "cd" * 32,
        "options": '{"precision":"int8","method":"percentile","bias_correction":true,"exclude":[]}',
    }
    return build.program(out, metadata=metadata)


def body() -> Program:
    """(trip, state, x) -> (state, collected), with a branch inside that reads a constant of its own."""
    first, second = Build(), Build()
    h, w = first.input("h", "N", 3), first.constant("w", values(3, 3))
    then_branch = first.program(first.step(operator("MatMul"), h, w, name="product", node="/branch/product"))
    else_branch = second.program(second.step(operator("Tanh"), second.input("h", "N", 3), name="tanh"))
    build = Build()
    trip, state, x = build.input("trip", dtype="int64"), build.input("state", "N", 3), build.input("x", "N", 3)
    odd = build.step(operator("Greater"), trip, build.constant("two", np.array(2)), name="late")
    branch = operator("If", then_branch=then_branch, else_branch=else_branch)
    chosen = build.step(branch, odd, state, x, name="chosen", node="/branch")
    after = build.step(operator("Add"), chosen, x, name="after", node="/add")
    return build.program(after, chosen)


def nested() -> Program:
    """A loop of five trips with a branch in it, over a symbolic batch."""
    build = Build()
    x = build.input("x", "N", 3)
    trips, go = build.constant("trips", np.array(5)), build.constant("go", np.array(True))
    start = build.step(operator("Neg"), x, name="start")
    loop = operator("Loop", body=body(), carried=1)
    last = build.step(loop, trips, go, start, x, name="last", node="/loop")
    return build.program(last, last + 1)


PROGRAMS: Mapping[str, Callable[[], Program]] = {
    "floats": floats,
    "quantized": quantized,
    "dtypes": dtypes,
    "kws": kws,
    "nested": nested,
}


def same(a: Program, b: Program) -> bool:
    """Equal, the bytes of all constants included (which `==` does not compare), those inside operators too."""
    pairs = list(zip(every_program(a), every_program(b), strict=True))
    return a == b and all(
        (p.data is None) == (q.data is None)
        and (p.data is None or q.data is None or p.data.tobytes() == q.data.tobytes())
        for one, other in pairs
        for p, q in zip(one.tensors, other.tensors, strict=True)
    )
