"""The file is a standard FlatBuffer: read with the official package and the schema, it says what the program says."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.core import DTYPES, SymbolicDim
from edgeconv.export.edge import to_bytes
from edgeconv.runtime import layout
from edgeconv.runtime.program import Program, Tensor
from tests.format.programs import PROGRAMS
from tests.format.schema import Walker, load_schema


@pytest.mark.parametrize("name", PROGRAMS)
def test_tensors(name: str) -> None:
    program = PROGRAMS[name]()
    model = Walker(to_bytes(program)).model()
    assert len(model["tensors"]) == len(program.tensors)
    for found, tensor in zip(model["tensors"], program.tensors, strict=True):
        assert found["name"] == tensor.name
        assert DTYPES[found["dtype"]] == tensor.type.dtype
        assert found["shape"] == [-1 if isinstance(dim, SymbolicDim) else dim for dim in tensor.type.shape]
        _check_quantization(found, tensor)
        _check_data(found, tensor, model)
    assert [model["tensors"][i]["symbols"] for i in model["inputs"]] == [
        [str(dim) for dim in program.tensors[i].type.shape if isinstance(dim, SymbolicDim)] for i in program.inputs
    ]


def _check_quantization(found: dict[str, Any], tensor: Tensor) -> None:
    q, whole, along = tensor.type.q, found["quantization"], found["axis_quantization"]
    if q is None:
        assert whole is None and along is None
    elif q.axis is None:
        assert whole == {"scale": q.scale[0], "zero_point": q.zero_point[0]} and along is None
    else:
        assert (whole, along["axis"], tuple(along["scales"])) == (None, q.axis, q.scale)
        assert tuple(along["zero_points"] or [0] * len(q.scale)) == q.zero_point


def _check_data(found: dict[str, Any], tensor: Tensor, model: dict[str, Any]) -> None:
    if tensor.data is None:
        assert found["buffer"] == -1
        return
    buffer = model["buffers"][found["buffer"]]
    data = model["data"][buffer["offset"] : buffer["offset"] + buffer["length"]]
    assert data == tensor.data.astype(np.dtype(tensor.type.dtype).newbyteorder("<")).tobytes()
    assert buffer["length"] == prod(found["shape"]) * np.dtype(tensor.type.dtype).itemsize
    assert buffer["digest"]["bytes"] == hashlib.sha256(data).digest()[:16]


@pytest.mark.parametrize("name", PROGRAMS)
def test_steps_and_ends(name: str) -> None:
    program = PROGRAMS[name]()
    model = Walker(to_bytes(program)).model()
    assert model["version"] == 1
    assert (tuple(model["inputs"]), tuple(model["outputs"])) == (program.inputs, program.outputs)
    assert {entry["key"]: entry["value"] for entry in model["metadata"]} == program.metadata
    assert [entry["key"] for entry in model["metadata"]] == sorted(program.metadata)
    _check_steps(model, program)


def _check_steps(model: dict[str, Any], program: Program) -> None:
    assert len(model["steps"]) == len(program.steps)
    for found, step in zip(model["steps"], program.steps, strict=True):
        op = model["operators"][found["operator_index"]]
        assert (found["name"] or "", op["name"]) == (step.name, type(step.op).__name__)
        assert (tuple(found["inputs"]), tuple(found["outputs"])) == (step.inputs, step.outputs)
        for attribute in op["attributes"]:
            _check_attribute(attribute, getattr(step.op, attribute["name"]))


def _check_attribute(attribute: dict[str, Any], known: Any) -> None:
    field = ("integer", "real", "integer", "text", "integers", "reals", "texts", "program")[attribute["kind"]]
    value = attribute[field]
    if field != "program":
        assert known == (tuple(value) if isinstance(value, list) else value)
        return
    assert [tensor["name"] for tensor in value["tensors"]] == [tensor.name for tensor in known.tensors]
    assert (tuple(value["inputs"]), tuple(value["outputs"])) == (known.inputs, known.outputs)
    _check_steps(value, known)


def test_operators_are_shared() -> None:
    model = Walker(to_bytes(PROGRAMS["kws"]())).model()
    assert len(model["operators"]) == 7
    assert len(model["steps"]) == 39


@pytest.mark.parametrize(
    ("table", "slots"),
    [
        ("Model", layout.ModelSlot),
        ("Operator", layout.OperatorSlot),
        ("Attribute", layout.AttributeSlot),
        ("AxisQuantization", layout.AxisQuantizationSlot),
        ("Tensor", layout.TensorSlot),
        ("Step", layout.StepSlot),
        ("Program", layout.ProgramSlot),
        ("Entry", layout.EntrySlot),
    ],
)
def test_slots_are_those_of_the_schema(table: str, slots: type) -> None:
    names = layout.slot_names(slots)
    assert [field.name.upper() for field in load_schema().tables[table]] == names
    assert [getattr(slots, name) for name in names] == list(range(len(names)))


def test_enums_are_those_of_the_schema() -> None:
    schema = load_schema()
    assert [name.lower() for name in schema.enums["DType"]] == list(DTYPES)
    kinds = layout.slot_names(layout.AttributeKind)
    assert [name.upper() for name in schema.enums["AttributeKind"]] == kinds
    assert [getattr(layout.AttributeKind, name) for name in kinds] == list(range(len(kinds)))
    assert schema.identifier == layout.IDENTIFIER
    tables = {"Model", "Operator", "Attribute", "AxisQuantization", "Tensor", "Step", "Program", "Entry"}
    assert tables == set(schema.tables)


@pytest.mark.skipif(shutil.which("flatc") is None, reason="flatc (Debian: flatbuffers-compiler) is not installed")
def test_flatc_reads_schema_and_file(tmp_path: Path) -> None:
    (tmp_path / "model.edge").write_bytes(to_bytes(PROGRAMS["quantized"]()))
    schema = Path(__file__).parents[2] / "schemas" / "edge.fbs"
    command = ["flatc", "--json", "--strict-json", "--raw-binary", str(schema), "--", "model.edge"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert '"conv"' in (tmp_path / "model.json").read_text("utf-8")
