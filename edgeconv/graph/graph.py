"""Graph: immutable nodes over named values, each value with one type. Single assignment, topological order.

A constant is a value whose type holds its `value` and that no node produces.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgeconv.core import Array, QParams, TensorType
from edgeconv.errors import InternalError, InvalidModelError
from edgeconv.ops.base import Inputs, Operator, ShapeError, infer_types
from edgeconv.ops.integer import held_dtype

__all__ = ["Graph", "Node", "notes_of"]

_NOTES = "import.notes"


def notes_of(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The notes kept in the metadata of a graph or a file; none where a file holds nonsense there."""
    try:
        return tuple(str(note) for note in json.loads(metadata.get(_NOTES, "[]")))
    except (ValueError, TypeError, RecursionError):
        return ()


@dataclass(frozen=True)
class Node:
    """One operator applied to named values; "" stands for an absent optional input. `name` is the ONNX node's."""

    op: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    name: str = ""

    @property
    def op_name(self) -> str:
        """The operator's name."""
        return type(self.op).__name__

    @property
    def label(self) -> str:
        """How messages call the node: "Conv '/features/0/Conv'"."""
        return f"{self.op_name} {self.name or (self.outputs[0] if self.outputs else '?')!r}"


@dataclass
class Graph:
    """Nodes in execution order, the type of every value, and the names of inputs and outputs.

    `metadata` is kept in the file: provenance, options, `notes`. `log` says what each pass did: (pass, nodes changed,
    nodes fewer). `float_reasons` says, of a quantized graph, why a node stayed in float: first output -> reason.
    `protected` names the nodes that no pass may change or fuse. `grids`: scales (and axes) of the constants that the
    source holds as integers; no pass scales a weight then. `states`: input -> the output that it is in the next call.
    """

    nodes: list[Node]
    types: dict[str, TensorType]
    inputs: list[str]
    outputs: list[str]
    metadata: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, int, int]] = field(default_factory=list)
    float_reasons: dict[str, str] = field(default_factory=dict)
    protected: frozenset[str] = frozenset()
    grids: tuple[QParams, ...] = ()
    states: dict[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the graph differs from the ONNX model in a way that its user should know, one sentence each."""
        return notes_of(self.metadata)

    def add_notes(self, notes: Sequence[str]) -> None:
        """Add to `notes`."""
        if notes:
            self.metadata[_NOTES] = json.dumps([*self.notes, *notes], separators=(",", ":"))

    def copy(self) -> Graph:
        """A graph that can be changed without changing this one (arrays are shared; nobody writes to them)."""
        return Graph(
            list(self.nodes),
            dict(self.types),
            list(self.inputs),
            list(self.outputs),
            dict(self.metadata),
            list(self.log),
            dict(self.float_reasons),
            self.protected,
            self.grids,
            dict(self.states),
        )

    def producers(self) -> dict[str, Node]:
        """Value name -> the node that computes it."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    def consumers(self) -> dict[str, list[Node]]:
        """Value name -> the nodes that read it, in order."""
        found: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                if name:
                    found[name].append(node)
        return found

    def constant(self, name: str) -> Array | None:
        """The value of `name` if it is known while converting, or dimensions that are still open; never open floats."""
        known = self.types.get(name)
        if known is None or (known.is_float and known.value is not None and known.value.dtype == object):
            return None
        return known.value

    def input_types(self, node: Node) -> Inputs[TensorType]:
        """The types of a node's inputs, None for absent ones."""
        return Inputs([self.types[name] if name else None for name in node.inputs])

    def constants(self) -> Iterator[tuple[str, TensorType]]:
        """The constants that nodes (or the outputs) use, in order of first use."""
        produced = {name for node in self.nodes for name in node.outputs} | set(self.inputs)
        used = dict.fromkeys(name for node in self.nodes for name in node.inputs if name)
        for name in [*used, *self.outputs]:
            if name not in produced:
                yield name, self.types[name]

    def prune(self) -> None:
        """Drop nodes whose outputs nobody reads, and the types of values that are gone."""
        needed = set(self.outputs)
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(name for name in node.inputs if name)
        self.nodes = kept[::-1]
        alive = needed | {name for node in self.nodes for name in node.outputs} | set(self.inputs)
        self.types = {name: known for name, known in self.types.items() if name in alive}

    def check(self, after: str = "import") -> None:
        """The law of the IR: defined once and before use, declared type == inferred type. InternalError if broken.

        InvalidModelError for constants of the model that do not fit their node.
        """
        defined = set(self.inputs) | {name for name, known in self.constants() if known.value is not None}
        for node in self.nodes:
            missing = [name for name in node.inputs if name and name not in defined]
            if missing:
                raise InternalError(
                    f"after {after}: {node.label} reads {missing[0]!r}, which nothing defines before it"
                )
            self._check_types(node, after)
            repeated = defined.intersection(name for name in node.outputs if name)
            if repeated:
                raise InternalError(f"after {after}: {node.label} defines {sorted(repeated)[0]!r} a second time")
            defined.update(node.outputs)
        for name in self.outputs:
            if name not in defined:
                raise InternalError(f"after {after}: nothing defines the output {name!r}")

    def _check_types(self, node: Node, after: str) -> None:
        try:
            inferred = infer_types(node.op, list(self.input_types(node)))
        except ShapeError as error:
            if after == "import":  # constants of the model, once they are computed
                raise InvalidModelError(f"{node.label}: {error}") from error
            raise InternalError(f"after {after}: {node.label}: {error}") from error
        for name, found in zip(node.outputs, inferred, strict=True):
            declared = self.types[name]
            if (declared.dtype, declared.shape) != (held_dtype(node.op, found, declared), found.shape):
                raise InternalError(f"after {after}: {node.label} declares {name!r} {declared}, but computes {found}")
            shared = node.op.quant is not None and node.op.quant.shared
            if shared and declared.q != found.q:
                raise InternalError(f"after {after}: {node.label} must keep the scale of its input in {name!r}")

    def text(self) -> str:
        """The graph as text, one line per node, for tests and people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        yield "inputs " + ", ".join(f"{name}: {self.types[name]}" for name in self.inputs)
        for node in self.nodes:
            outputs = ", ".join(f"{name}: {self.types[name]}" for name in node.outputs)
            yield f"{outputs} = {node.op}({', '.join(name or '-' for name in node.inputs)})"
        yield "outputs " + ", ".join(self.outputs)
