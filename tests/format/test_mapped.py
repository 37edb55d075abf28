"""A small file is read, a large one mapped: the same program either way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("flatbuffers", reason="the writer needs it")

from edgeconv.core import TensorType, type_of
from edgeconv.export.edge import to_bytes
from edgeconv.ops import operator_class
from edgeconv.runtime import Program
from edgeconv.runtime.program import Step, Tensor
from edgeconv.runtime.reader import read_program


@pytest.mark.parametrize("count", [4, 100_000])
def test_constants_are_read_only_views_of_what_the_file_holds(count: int, tmp_path: Path) -> None:
    values = np.arange(count, dtype=np.float32)
    known = TensorType("float32", (count,))
    tensors = (Tensor("x", known), Tensor("w", type_of(values)), Tensor("y", known))
    path = tmp_path / "sum.edge"
    path.write_bytes(to_bytes(Program(tensors, (Step(operator_class("Add")(), (0, 1), (2,)),), (0,), (2,))))
    found = read_program(path).tensors[1].data
    assert found is not None and not found.flags.writeable
    np.testing.assert_array_equal(found, values)
