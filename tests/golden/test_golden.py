"""The promise of determinism: the same bytes under every NumPy, with any number of threads, at any batch size.

The stored outputs are confirmed by an evaluation in plain integers, so that they are right and not merely old.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.runtime import Interpreter
from tests.golden import reference
from tests.golden.files import MODELS, edge_file, expected, raw_outputs, samples, update
from tests.golden.wide import wide_input, wide_program

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 80_000

each_model = pytest.mark.parametrize("name", MODELS)

if os.environ.get("UPDATE_GOLDEN"):
    for _name in MODELS:
        update(_name)


@each_model
@pytest.mark.parametrize("batch", [1, 7])
def test_outputs_are_the_golden_bytes(name: str, batch: int) -> None:
    found = raw_outputs(Interpreter(edge_file(name)), samples(name), batch)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, expected(name))


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_number_of_threads_changes_nothing(threads: str, tmp_path: Path) -> None:
    settings = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    command = [sys.executable, "-m", "tests.golden.probe", str(tmp_path / "found.npz")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=True)
    found = np.load(tmp_path / "found.npz")
    for name in MODELS:
        np.testing.assert_array_equal(found[name], expected(name))
    np.testing.assert_array_equal(found["wide"], reference.evaluate(wide_program(), wide_input())["y"])


@pytest.mark.parametrize("name", ["digits_resnet", "digits_mobilenet"])
def test_plain_integers_give_the_same_bytes(name: str) -> None:
    interpreter, x = Interpreter(edge_file(name)), samples(name)
    program = interpreter.program
    q = program.tensors[program.inputs[0]].type.q
    assert q is not None
    wanted = reference.evaluate(program, reference.quantized(x, q))
    seen: dict[str, Array] = {}
    feeds = {interpreter.input_names[0]: x}
    interpreter.run(None, feeds, raw=True, tap=lambda tensor, array: seen.update({tensor: array.copy()}))
    assert seen.keys() == wanted.keys()
    for tensor, array in seen.items():
        np.testing.assert_array_equal(array, wanted[tensor], err_msg=tensor)
    np.testing.assert_array_equal(wanted[interpreter.output_names[0]], expected(name))


@each_model
def test_golden_files_are_small_and_wholly_int8(name: str) -> None:
    assert edge_file(name).stat().st_size < MOST_BYTES
    program = Interpreter(edge_file(name)).program
    computed = {tensor.type.dtype for tensor in program.tensors if tensor.data is None and tensor.type.rank > 1}
    assert computed <= {"int8", "float32"}
    assert not [step.name for step in program.steps if program.tensors[step.outputs[0]].type.dtype == "float32"]
