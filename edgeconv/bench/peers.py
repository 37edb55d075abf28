"""Other runtimes, where they are installed, as functions that run a model once. The only importer of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import DataError, UsageError

__all__ = ["Call", "peer_calls"]

Call = Callable[[], object]


def peer_calls(path: str, inputs: Mapping[str, Sequence[int]], threads: int) -> dict[str, Call]:
    """Every runtime that can run the model at `path`: name -> one inference.

    .onnx: ONNX Runtime; .tflite: LiteRT with XNNPACK, and with its built-in kernels. `inputs`: names and shapes of what
    it shall run beside, empty for anything; open dimensions of an ONNX input are taken from there, by position, else 1.
    UsageError where the file is of another kind, takes other inputs, or nothing runs it.
    """
    if path.endswith(".onnx"):
        return {"ONNX Runtime": _onnxruntime(path, inputs, threads)}
    if path.endswith(".tflite"):
        return {
            "LiteRT": _litert(path, inputs, threads, "AUTO"),
            "LiteRT built-in": _litert(path, inputs, threads, "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
        }
    raise UsageError(f"--against {path}: expected an .onnx or a .tflite file")


def _check_inputs(path: str, found: Mapping[str, Sequence[int]], wanted: Mapping[str, Sequence[int]]) -> None:
    """UsageError where as many inputs of as many values are not `wanted`; names and order of dimensions may differ."""
    if wanted and sorted(map(prod, found.values())) != sorted(map(prod, wanted.values())):
        theirs, ours = (
            ", ".join(f"{name} [{','.join(map(str, shape))}]" for name, shape in each.items())
            for each in (found, wanted)
        )
        raise UsageError(f"--against {path}: its inputs are {theirs}, this model's are {ours}: not the same network")


def _onnxruntime(path: str, inputs: Mapping[str, Sequence[int]], threads: int) -> Call:
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError("running an .onnx file beside needs ONNX Runtime: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    with _refusing(path):
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    asked, shapes = session.get_inputs(), [*inputs.values()]
    closed = {item.name: _closed(item.shape, shapes[place : place + 1]) for place, item in enumerate(asked)}
    _check_inputs(path, closed, inputs)
    feeds = {item.name: _filled(closed[item.name], _ONNX_DTYPES.get(item.type, "float32")) for item in asked}
    with _refusing(path):
        session.run(None, feeds)
    return lambda: session.run(None, feeds)


@contextmanager
def _refusing(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # ONNX Runtime's exceptions have no common base below this one
        raise DataError(f"ONNX Runtime cannot run {path}: {' '.join(str(error).split())[:300]}") from error


_ONNX_DTYPES = {
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
}


def _closed(declared: Sequence[Any], known: Sequence[Sequence[int]]) -> list[int]:
    """Open dimensions as `known` has them, at the same place."""
    sizes = known[0] if known and len(known[0]) == len(declared) else [1] * len(declared)
    return [dim if isinstance(dim, int) else size for dim, size in zip(declared, sizes, strict=True)]


def _litert(path: str, inputs: Mapping[str, Sequence[int]], threads: int, resolver: str) -> Call:
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise UsageError("running a .tflite file beside needs LiteRT: pip install ai-edge-litert") from error
    try:
        running = Interpreter(
            model_path=path, num_threads=threads, experimental_op_resolver_type=getattr(OpResolverType, resolver)
        )
        running.allocate_tensors()
        details = running.get_input_details()
        _check_inputs(path, {item["name"]: item["shape"].tolist() for item in details}, inputs)
        feeds = [(item["index"], _filled(item["shape"], item["dtype"])) for item in details]
        outputs = [item["index"] for item in running.get_output_details()]
    except (RuntimeError, ValueError) as error:
        raise DataError(f"LiteRT cannot run {path}: {' '.join(str(error).split())[:300]}") from error

    def call() -> list[Any]:
        for index, array in feeds:
            running.set_tensor(index, array)
        running.invoke()
        return [running.get_tensor(index) for index in outputs]

    return call


def _filled(shape: Sequence[int], dtype: Any) -> Array:
    """Values to run on; how long a model takes does not depend on them."""
    values = np.random.default_rng(0).standard_normal([int(dim) for dim in shape])
    return values.astype(dtype) if np.dtype(dtype).kind == "f" else np.abs(values).astype(dtype)
