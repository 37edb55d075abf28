"""What an import loads: a device needs NumPy and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.laws.sources import REPOSITORY

_PROBE = """
import json, sys
import numpy
before = set(sys.modules)
{code}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def _loaded_by(code: str) -> list[str]:
    """The modules that `code` loads in a fresh interpreter which has NumPy already."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE.format(code=code)],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    return list(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["edgeconv.runtime", "edgeconv.core", "edgeconv.errors", "edgeconv.ops"])
def test_the_runtime_loads_numpy_and_the_standard_library_only(module: str) -> None:
    allowed = {"numpy", "edgeconv", *sys.stdlib_module_names}
    assert not [name for name in _loaded_by(f"import {module}") if name.partition(".")[0] not in allowed]


def test_the_runtime_loads_nothing_of_the_converter() -> None:
    ours = {name.split(".")[1] for name in _loaded_by("import edgeconv.runtime") if name.startswith("edgeconv.")}
    assert ours <= {"core", "dims", "errors", "ops", "records", "runtime"}


def test_the_package_itself_loads_nothing() -> None:
    assert [name for name in _loaded_by("import edgeconv; edgeconv.__version__") if "edgeconv" in name] == ["edgeconv"]


_OPEN_MODEL = """
import numpy as np
from edgeconv.core import TensorType
from edgeconv.ops import operator_class
from edgeconv.runtime import Interpreter, Program
from edgeconv.runtime.program import Step, Tensor
x = Tensor("x", TensorType("float32", (2, 3)))
y = Tensor("y", TensorType("float32", (3, 2)))
program = Program((x, y), (Step(operator_class("Transpose")((1, 0)), (0,), (1,)),), (0,), (1,))
Interpreter(program)(np.zeros((2, 3), np.float32))
"""


def test_a_model_loads_only_the_operators_that_it_names() -> None:
    loaded = _loaded_by(_OPEN_MODEL)
    assert "edgeconv.ops.transpose" in loaded
    strangers = {"edgeconv.ops.conv", "edgeconv.ops.softmax", "edgeconv.ops.max_pool", "edgeconv.ops.layer_norm"}
    assert not strangers & set(loaded)


_RUN_CNN = """
import numpy as np
from edgeconv.runtime import Interpreter
interpreter = Interpreter({path!r})
known = interpreter.input_type(interpreter.input_names[0])
interpreter(np.zeros([dim if isinstance(dim, int) else 1 for dim in known.shape], np.float32))
"""

_CNN_OPERATORS = {"add", "average_pool", "clamp", "conv", "dense", "lookup", "mul", "reduce", "reshape"}
_CNN_PARTS = {
    "axes", "base", "binary", "broadcast", "conv_kernels", "im2col", "integer", "jobs", "modules",
    "onnx_rules", "planes", "pool_taps", "quantize", "residual", "windows",
}  # fmt: skip
_RUNTIME = {
    "arena", "attributes", "check", "decode", "flat", "forms", "interpreter", "layout", "litert",
    "planner", "program", "reader", "state", "store",
}  # fmt: skip


_TYPING = {"__future__", "typing", "_typing"}
"""Loaded already by newer NumPys, or by what an editable install starts; else by us."""


def test_a_convolutional_network_starts_with_few_modules() -> None:
    path = str(REPOSITORY / "tests" / "golden" / "digits_mobilenet.edge")
    loaded = _loaded_by(_RUN_CNN.format(path=path))
    ours = {name for name in loaded if name.startswith("edgeconv.")}
    operators = {name.split(".")[2] for name in ours if name.startswith("edgeconv.ops.")}
    runtime = {name.split(".")[2] for name in ours if name.startswith("edgeconv.runtime.")}
    assert operators <= _CNN_OPERATORS | _CNN_PARTS
    assert runtime <= _RUNTIME
    foreign = {name.partition(".")[0] for name in loaded}
    assert foreign <= {"edgeconv", "_sha2", "_sha256", *_TYPING}
