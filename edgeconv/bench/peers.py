"""Other runtimes, where they are installed, as functions that run a model once. The only importer of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeconv.core import Array
from edgeconv.errors import DataError, UsageError

__all__ = ["Call", "peer_calls"]

Call = Callable[[], object]


def peer_calls(path: str, shapes: Sequence[tuple[int, ...]], threads: int) -> dict[str, Call]:
    """Every runtime that can run the model at `path`: name -> one inference at batch 1.

    .onnx: ONNX Runtime; .tflite: LiteRT with XNNPACK, and with its built-in kernels. Open dimensions of an ONNX input
    are taken from `shapes`, by position, else 1. UsageError where the file is of another kind, or nothing runs it.
    """
    if path.endswith(".onnx"):
        return {"ONNX Runtime": _onnxruntime(path, shapes, threads)}
    if path.endswith(".tflite"):
        return {
            "LiteRT": _litert(path, threads, "AUTO"),
            "LiteRT built-in": _litert(path, threads, "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
        }
    raise UsageError(f"--against {path}: expected an .onnx or a .tflite file")


def _onnxruntime(path: str, shapes: Sequence[tuple[int, ...]], threads: int) -> Call:
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError("running an .onnx file beside needs ONNX Runtime: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feeds = {
            item.name: _filled(_closed(item.shape, shapes[place : place + 1]), _ONNX_DTYPES.get(item.type, "float32"))
            for place, item in enumerate(session.get_inputs())
        }
        session.run(None, feeds)
    except Exception as error:  # ONNX Runtime's exceptions have no common base below this one
        raise DataError(f"ONNX Runtime cannot run {path}: {' '.join(str(error).split())[:300]}") from error
    return lambda: session.run(None, feeds)


_ONNX_DTYPES = {
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
}


def _closed(declared: Sequence[Any], known: Sequence[tuple[int, ...]]) -> list[int]:
    """Open dimensions as `known` has them, at the same place."""
    sizes = known[0] if known and len(known[0]) == len(declared) else [1] * len(declared)
    return [dim if isinstance(dim, int) else size for dim, size in zip(declared, sizes, strict=True)]


def _litert(path: str, threads: int, resolver: str) -> Call:
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise UsageError("running a .tflite file beside needs LiteRT: pip install ai-edge-litert") from error
    try:
        running = Interpreter(
            model_path=path, num_threads=threads, experimental_op_resolver_type=getattr(OpResolverType, resolver)
        )
        running.allocate_tensors()
        feeds = [(item["index"], _filled(item["shape"], item["dtype"])) for item in running.get_input_details()]
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
