"""Floor 3: Model, what `convert` returns; and opening anything that can be run."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Union

from edgeconv.errors import EdgeconvError, UsageError
from edgeconv.export.edge import save, to_bytes
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.records import replace as replace_record
from edgeconv.report import Conversion, FloatNode, ModelFacts, PassEffect
from edgeconv.report.inspection import FLOAT_REASONS, activations_at_batch_one, precision_of
from edgeconv.report.record import RefinementRecord
from edgeconv.runtime import Interpreter, Program

__all__ = [
    "Model",
    "Opened",
    "Runnable",
    "is_edge_file",
    "open_model",
    "operators_before",
    "pass_effects",
    "source_bytes",
    "with_states",
]


@dataclass(frozen=True, eq=False)
class Model:
    """A converted model, ready to be saved or run.

    `graph`: what is in the file. `method`, `calibration_samples`, `calibration_is_random`: how ranges were chosen, None
    at fp32. `warnings`: what the user should know. `refinement`: what was tried to lose less, None at fp32.
    """

    graph: Graph = field(repr=False)
    method: str | None = None
    calibration_samples: int | None = None
    calibration_is_random: bool = False
    warnings: tuple[str, ...] = ()
    refinement: RefinementRecord | None = field(default=None, repr=False)

    @cached_property
    def program(self) -> Program:
        """What the interpreter runs and the file holds."""
        return to_program(self.graph)

    def to_bytes(self) -> bytes:
        """The bytes of the `.edge` file."""
        return to_bytes(self.program)

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> int:
        """Write the `.edge` file at once or not at all; returns its size. UsageError where `path` exists."""
        return save(self.program, path, overwrite=overwrite)

    def interpreter(self) -> Interpreter:
        """An interpreter of the file's bytes."""
        return Interpreter(self.to_bytes())

    @cached_property
    def bytes_after(self) -> int:
        """Size of the `.edge` file."""
        return len(self.to_bytes())

    @property
    def bytes_before(self) -> int | None:
        """Size of the ONNX file with its external data, None where the source was no file."""
        return source_bytes(self.graph)

    @property
    def operators_before(self) -> int:
        """Nodes of the ONNX graph."""
        return operators_before(self.graph)

    @property
    def operators_after(self) -> int:
        """Operators in the file."""
        return len(self.graph.nodes)

    @property
    def float_nodes(self) -> tuple[FloatNode, ...]:
        """What stayed in float, and why."""
        reasons = self.graph.float_reasons
        nodes = [node for node in self.graph.nodes if node.outputs[0] in reasons]
        return tuple(FloatNode(node.name or node.outputs[0], node.op_name, reasons[node.outputs[0]]) for node in nodes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened, in sentences: what passes removed, what stayed in float and why, warnings."""
        removed = [f"{effect.name}: {effect.removed} operators fewer" for effect in pass_effects(self.graph)]
        floats = [f"{node.operator} {node.name!r} stays in float: {node.reason}" for node in self.float_nodes]
        return (*removed, *floats, *self.warnings)

    @cached_property
    def conversion(self) -> Conversion:
        """The facts of the conversion, for reports."""
        return Conversion(
            precision=precision_of(self.program),
            operators_before=self.operators_before,
            operators_after=self.operators_after,
            passes=pass_effects(self.graph),
            float_nodes=self.float_nodes,
            bytes_before=self.bytes_before,
            bytes_after=self.bytes_after,
            method=self.method,
            calibration_samples=self.calibration_samples,
            calibration_is_random=self.calibration_is_random,
            warnings=self.warnings,
            refinement=self.refinement,
        )


Runnable = Union[Model, Graph, Program, Interpreter, str, "os.PathLike[str]", bytes]
"""What can be evaluated: a path or the bytes of an `.edge` or `.onnx` file, or anything that edgeconv makes of one."""


@dataclass(frozen=True)
class Opened:
    """A model that can be run, and what a report says of it."""

    interpreter: Interpreter
    facts: ModelFacts
    conversion: Conversion | None = None


def open_model(model: Runnable) -> Opened:
    """An interpreter for `model`; `.onnx` is converted to fp32 on the fly."""
    if isinstance(model, Interpreter):
        return Opened(model, _facts(model.program, "model", None))
    if isinstance(model, Program):
        return Opened(Interpreter(model), _facts(model, "model", None))
    if isinstance(model, Model):
        data = model.to_bytes()
        facts = _facts(model.program, "converted model", len(data), _sha256(data))
        return Opened(Interpreter(data), facts, model.conversion)
    if isinstance(model, Graph):
        program = to_program(model)
        return Opened(Interpreter(program), _imported(model, program, "imported model"))
    return _open_file(model)


def _open_file(model: str | os.PathLike[str] | bytes) -> Opened:
    if not is_edge_file(model):
        from edgeconv.api import load

        graph = load(model)
        program = to_program(graph)
        return Opened(Interpreter(program), _imported(graph, program, _name(model)))
    interpreter = Interpreter(model)
    data = model if isinstance(model, bytes) else Path(model).read_bytes()
    return Opened(interpreter, _facts(interpreter.program, _name(model), len(data), _sha256(data)))


def is_edge_file(source: str | os.PathLike[str] | bytes) -> bool:
    """True for what must be read as `.edge`: by its first bytes, or by its name."""
    if isinstance(source, bytes):
        return source[4:8] == b"EDG1"
    try:
        with open(source, "rb") as file:
            return file.read(8)[4:] == b"EDG1" or Path(source).suffix == ".edge"
    except OSError as error:
        raise EdgeconvError(f"cannot read {os.fspath(source)}: {error.strerror or error}") from error


def operators_before(graph: Graph) -> int:
    """Nodes of the ONNX graph that `graph` was made from."""
    return int(graph.metadata.get("source.operators", len(graph.nodes)))


def source_bytes(graph: Graph) -> int | None:
    """Size of the ONNX file and its external data, None where there was none."""
    found = graph.metadata.get("source.bytes")
    return None if found is None else int(found)


def pass_effects(graph: Graph) -> tuple[PassEffect, ...]:
    """What import, passes and quantization did to the number of operators, in order."""
    effects = [PassEffect(*entry) for entry in graph.log if entry[1] or entry[2]]
    left = operators_before(graph) - sum(effect.removed for effect in effects) - len(graph.nodes)
    if left:
        effects.append(PassEffect("quantize", 0, left))
    return tuple(effects)


def record_float_reasons(graph: Graph) -> None:
    """Keep in the file why operators stayed in float."""
    groups: dict[str, list[str]] = defaultdict(list)
    for node in graph.nodes:
        if node.outputs[0] in graph.float_reasons:
            groups[graph.float_reasons[node.outputs[0]]].append(node.outputs[0])
    if groups:
        graph.metadata[FLOAT_REASONS] = json.dumps(dict(sorted(groups.items())), separators=(",", ":"))


def _facts(program: Program, name: str, nbytes: int | None, digest: str = "") -> ModelFacts:
    activations = activations_at_batch_one(program)
    return ModelFacts(name, precision_of(program), len(program.steps), nbytes, digest, activations)


def _imported(graph: Graph, program: Program, name: str) -> ModelFacts:
    facts = _facts(program, name, source_bytes(graph), graph.metadata.get("source.sha256", ""))
    return replace(facts, operators=operators_before(graph))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _name(model: str | os.PathLike[str] | bytes) -> str:
    return "model" if isinstance(model, bytes) else Path(model).name


def with_states(opened: Opened, like: Program) -> Opened:
    """A reference that has no state, with that of the candidate: the same inputs from the same outputs."""
    program = opened.interpreter.program
    if program.states or not like.states:
        return opened
    inputs = {program.tensors[index].name: index for index in program.inputs}
    outputs = {program.tensors[index].name: index for index in program.outputs}
    names = [(like.tensors[source].name, like.tensors[target].name) for source, target in like.states]
    if not all(source in inputs and target in outputs for source, target in names):
        raise UsageError(f"the reference lacks the state {names} of the model; compare with the model it came from")
    states = tuple((inputs[source], outputs[target]) for source, target in names)
    return replace(opened, interpreter=Interpreter(replace_record(program, states=states)))
