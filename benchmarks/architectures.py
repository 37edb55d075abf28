"""int8 with default options on untrained networks of many architectures, beside ONNX Runtime on the same samples: SQNR.

Needs PyTorch, for the exporter: `pip install -e ".[exports,bench]"`. ONNX Runtime: QDQ, weights per channel, MinMax,
the better of int8 and uint8 activations.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import argparse
import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType

import edgeconv
from benchmarks.runtime import quantize_file, session
from benchmarks.table import publish, sqnr, table
from benchmarks.torch_networks import NETWORKS, Network, prepared
from edgeconv.core import Array
from edgeconv.runtime import Interpreter

HEADER = ("network", "fp32", "int8", "ORT int8", "more", "steps in float")
_CALIBRATION, _TEST = 64, 24
_LAYERS = ("Conv", "ConvTranspose", "GRU", "Gemm", "LSTM", "MatMul", "RNN")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    write = parser.parse_args().write
    warnings.filterwarnings("ignore", module="torch")
    torch.set_num_threads(1)
    rows = []
    for name, network in NETWORKS.items():
        rows.append(_row(name, network))
        print(" | ".join(rows[-1]), flush=True)
    publish("architectures", table(HEADER, rows), write, packages=("torch",))


def _row(name: str, network: Network) -> list[str]:
    module = prepared(network)
    calibration, test = network.samples(_CALIBRATION).numpy(), network.samples(_TEST).numpy()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(_exported(module, calibration))
        want = _onnx_output(path, test)
        fp32 = Interpreter(edgeconv.convert(path, precision="fp32").to_bytes())(test)
        interpreter = Interpreter(edgeconv.convert(path, calibration={"x": calibration}).to_bytes())
        theirs, kept = max(_theirs(path, calibration, test, want, kind) for kind in (QuantType.QInt8, QuantType.QUInt8))
    found = interpreter(test)
    ours, program = sqnr(want, found), interpreter.program
    in_float = sum(program.tensors[step.outputs[0]].type.is_float for step in program.steps)
    parts = [f"{part} {sqnr(want[place], found[place]):.1f}" for part, place in network.parts.items()]
    shown = f"{ours:.1f} dB" + (f" ({', '.join(parts)})" if parts else "")
    steps = f"{in_float} of {len(program.steps)}"
    beside = f"{theirs:.1f} dB" + (f", {kept} in float" if kept else "")
    exact = "equal" if np.array_equal(want, fp32) else f"{sqnr(want, fp32):.0f} dB"
    return [name, exact, shown, beside, f"{ours - theirs:+.1f} dB", steps]


def _exported(module: torch.nn.Module, samples: Array) -> bytes:
    target = io.BytesIO()
    torch.onnx.export(
        module, (torch.from_numpy(samples[:1]),), target, input_names=["x"], output_names=["y"], opset_version=17,
        dynamo=False, dynamic_axes={"x": {0: "N"}, "y": {0: "N"}},
    )  # fmt: skip
    return target.getvalue()


def _onnx_output(path: Path, samples: Array) -> Array:
    return np.asarray(session(path, is_exact=True).run(None, {"x": samples})[0])


def _theirs(path: Path, calibration: Array, test: Array, want: Array, kind: QuantType) -> tuple[float, str]:
    """SQNR of ONNX Runtime's own int8 form, and the types of its layers whose weights are float."""
    target = path.with_suffix(f".{kind.name}.onnx")
    quantize_file(path, target, [{"x": row[None]} for row in calibration], activations=kind)
    graph = onnx.load(target).graph
    weights = {
        each.name for each in graph.initializer if each.data_type == onnx.TensorProto.FLOAT and len(each.dims) > 1
    }
    kept = sorted({node.op_type for node in graph.node if node.op_type in _LAYERS and node.input[1] in weights})
    return sqnr(want, _onnx_output(target, test)), ", ".join(kept)


if __name__ == "__main__":
    main()
