"""Reading ONNX: from a path, bytes or a ModelProto to a checked Graph."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias, Union

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import ArrayLike

from edgeconv import ops
from edgeconv.core import Dim, Shape
from edgeconv.dims import symbol
from edgeconv.errors import EdgeconvError, InvalidModelError, UnsupportedModelError, UsageError
from edgeconv.graph import Graph
from edgeconv.graph.gaps import gaps
from edgeconv.importer.bind import bind_inputs
from edgeconv.importer.build import GraphBuilder
from edgeconv.importer.decode import dtype_name, external_path
from edgeconv.importer.fitting import fitted
from edgeconv.importer.order import needed
from edgeconv.importer.scope import Scope, node_label
from edgeconv.importer.strings import Numbering
from edgeconv.runtime.interpreter import GAPS, STRINGS
from edgeconv.runtime.strings import WORDS

__all__ = ["Constants", "InputShapes", "Parsed", "Source", "load_onnx", "parse", "prepare"]

_OLDEST_OPSET = 7
_OTHER_FORMS = {
    b"EDG1": "an .edge file, which needs no conversion",
    b"TFL3": "a LiteRT file; convert what it was made from, with tf2onnx for example",
    b"PK\x03\x04": "a zip archive (of PyTorch: export the model with torch.onnx.export)",
    b"\x89HDF": "an HDF5 file (of Keras: export the model with tf2onnx)",
}
"""What people mistake for ONNX, by the bytes that such files begin with."""
_ONNX = ("", "ai.onnx")
_NO_NAMES = ("?", "-1", "None", "*", "unk", "dynamic")
"""What exporters write for any dimension that is open: two of them need not be the same."""

Constants = Mapping[str, ArrayLike]
InputShapes = Mapping[str, Sequence[int | str]]
Source: TypeAlias = Union[str, "os.PathLike[str]", bytes, onnx.ModelProto]


def load_onnx(source: Source, input_shapes: InputShapes | None = None, constants: Constants | None = None) -> Graph:
    """The graph of an ONNX model, shapes inferred and shape computations folded.

    `input_shapes` fixes dimensions by input name; a dimension given as a name stays symbolic. `constants` binds inputs
    to values: they become constants, on which shapes may depend.
    Raises InvalidModelError, UnsupportedModelError, or UsageError for an input that is not there.
    """
    parsed = parse(source)
    builder, model = prepare(parsed, input_shapes, constants), parsed.model
    graph = model.graph
    live = needed(graph.node, (value.name for value in graph.output))
    for node in live:
        builder.add_node(builder.strings.plain(node))
    builder.count += len(graph.node) - len(live)
    unknown = _unknown_among(builder, graph.node, live)
    built = builder.finish([value.name for value in graph.output])
    built.log.append(("import", builder.count, builder.count - len(built.nodes)))
    built.add_notes(builder.strings.notes())
    if unknown:
        built.add_notes([f"left out, since no output needs them, though not supported: {', '.join(unknown)}"])
    built.metadata.update((STRINGS + name, "\x1f".join(table)) for name, table in builder.strings.tables.items())
    built.metadata.update((WORDS + name, words) for name, words in builder.strings.words.items())
    built.metadata.update((GAPS + name, "NaN") for name in built.inputs if name in gaps(built))
    built.metadata["source.operators"] = str(builder.count)
    built.metadata["source.sha256"] = parsed.digest
    if parsed.nbytes is not None:
        built.metadata["source.bytes"] = str(parsed.nbytes)
    built.metadata["source.producer"] = f"{model.producer_name} {model.producer_version}".strip()
    built.check()
    return built


def _unknown_among(builder: GraphBuilder, nodes: Iterable[onnx.NodeProto], live: Iterable[onnx.NodeProto]) -> list[str]:
    """Labels of the nodes that are not `live` and would not convert if they were."""
    made = {name for node in live for name in node.output if name}
    found = []
    for node in nodes:
        try:
            if not made.intersection(node.output):
                builder.check_known(node)
        except UnsupportedModelError:
            found.append(node_label(node))
    return found


def prepare(
    parsed: Parsed, input_shapes: InputShapes | None = None, constants: Constants | None = None
) -> GraphBuilder:
    """A builder that knows the inputs and initializers of the model, ready for its nodes."""
    ops.load_all()
    model, folder, graph = parsed.model, parsed.folder, parsed.model.graph
    _check_header(model)
    dense = [*graph.initializer, *(each.values for each in graph.sparse_initializer)]
    initializers = {tensor.name for tensor in dense}
    inputs = [value for value in graph.input if value.name not in initializers]
    bound = bind_inputs(inputs, constants or {})
    inputs = [value for value in inputs if value.name not in bound]
    shapes = fitted(graph, _input_shapes(inputs, dict(input_shapes or {})))
    opsets = {opset.domain or "ai.onnx": opset.version for opset in model.opset_import}
    functions = {("" if f.domain == "ai.onnx" else f.domain, f.name, f.overload): f for f in model.functions}
    builder = GraphBuilder(Scope(opsets), folder, functions)
    builder.strings = strings = Numbering(graph, inputs)
    for value in inputs:
        is_text = value.name in strings.tables
        dtype = "int64" if is_text else dtype_name(value.type.tensor_type.elem_type, f"input {value.name!r}")
        words = (symbol(f"{value.name}_words"),) if value.name in strings.words else ()
        builder.add_input(value.name, dtype, (*shapes[value.name], *words))
    declared = [*graph.input, *graph.value_info]
    builder.scope.elements.update((value.name, value.type.tensor_type.elem_type) for value in declared)
    for name, array in bound.items():
        builder.add_lazy_constant(name, partial(np.asarray, array))
    builder.add_initializers(graph)
    return builder


@dataclass(frozen=True)
class Parsed:
    """A model; the folder of its external data; size (with that data, None where it was no file) and sha256."""

    model: onnx.ModelProto
    folder: Path | None
    nbytes: int | None
    digest: str


def parse(source: Source) -> Parsed:
    """Decode the protobuf; EdgeconvError where it cannot be read, InvalidModelError for anything but ONNX."""
    if isinstance(source, onnx.ModelProto):
        return Parsed(source, None, None, hashlib.sha256(source.SerializeToString(deterministic=True)).hexdigest())
    folder, name = None, "the bytes given"
    if not isinstance(source, bytes):
        path = Path(source)
        try:
            source, folder, name = path.read_bytes(), path.parent, repr(str(path))
        except OSError as error:
            raise EdgeconvError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(source)
    except DecodeError as error:
        known = next((form for mark, form in _OTHER_FORMS.items() if mark in source[:8]), "")
        problem = f"{known}, not an ONNX model" if known else f"not an ONNX model, or is cut off ({error})"
        raise InvalidModelError(f"{name} is {problem}") from error
    if not model.graph.node and not model.graph.output:
        raise InvalidModelError(f"{name} is not an ONNX model: it holds no graph")
    nbytes = len(source) + _external_bytes(model, folder)
    return Parsed(model, folder, nbytes, hashlib.sha256(source).hexdigest())


def _external_bytes(model: onnx.ModelProto, folder: Path | None) -> int:
    """Size of the files that hold external data, as far as they are there; reading them comes later."""
    outside = [tensor for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    return sum(path.stat().st_size for path in {external_path(tensor, folder)[0] for tensor in outside})


def _check_header(model: onnx.ModelProto) -> None:
    if not model.opset_import:
        raise InvalidModelError("the model does not say which opset it uses; it is damaged or cut off")
    if not model.graph.output:
        raise InvalidModelError("the model has no output; it is damaged or cut off")
    texts = (text for node in model.graph.node for text in (node.name, node.op_type, *node.input, *node.output))
    if any(isinstance(text, bytes) for text in texts):  # what protobuf makes of them
        raise InvalidModelError("the model has names that are no text (UTF-8); it is damaged")
    for opset in model.opset_import:
        if not 0 <= opset.version < 2**31:
            raise InvalidModelError(f"the model uses version {opset.version} of {opset.domain!r}; it is damaged")
        if opset.domain in _ONNX:
            _check_opset(model.graph.node, opset.version)


def _check_opset(nodes: Iterable[onnx.NodeProto], version: int) -> None:
    """UnsupportedModelError for an opset that this onnx does not know, or operators that were others before 7."""
    newest = onnx.defs.onnx_opset_version()
    names = {node.op_type for node in nodes if node.domain in _ONNX} if version < _OLDEST_OPSET else set()
    changed = sorted(name for name in names if _definition(name, version) != _definition(name, _OLDEST_OPSET))
    if 1 <= version <= newest and not changed:
        return
    what = f", whose {changed[0]} is not that of opset {_OLDEST_OPSET}" if changed else ""
    raise UnsupportedModelError(
        f"the model uses opset {version}{what}; edgeconv with this onnx reads {_OLDEST_OPSET} to {newest}; "
        "use onnx.version_converter, or another opset_version when exporting"
    )


def _definition(name: str, version: int) -> int:
    """The opset since which an operator is what it is at `version`; 0 where it is not there."""
    try:
        return int(onnx.defs.get_schema(name, version).since_version)
    except onnx.defs.SchemaError:
        return 0


def _input_shapes(inputs: Sequence[onnx.ValueInfoProto], overrides: dict[str, Sequence[int | str]]) -> dict[str, Shape]:
    names = [value.name for value in inputs]
    for name in overrides:
        if name not in names:
            raise UsageError(f"--input-shape names {name!r}, but the model's inputs are {', '.join(map(repr, names))}")
    return {value.name: _input_shape(value, overrides.get(value.name)) for value in inputs}


def _input_shape(value: onnx.ValueInfoProto, override: Sequence[int | str] | None) -> Shape:
    if not value.type.HasField("tensor_type"):
        raise UnsupportedModelError(f"input {value.name!r} is no tensor; only tensors are supported")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape") and override is None:
        raise UnsupportedModelError(f"input {value.name!r} has no shape; pass --input-shape {value.name}:...")
    declared = tensor.shape.dim
    if override is None:
        return tuple(_declared_dim(dim, axis, value.name) for axis, dim in enumerate(declared))
    if tensor.HasField("shape") and len(override) != len(declared):
        raise UsageError(
            f"--input-shape gives {len(override)} dimensions for {value.name!r}, which has {len(declared)}"
        )
    for axis, (want, dim) in enumerate(zip(override, declared, strict=False)):
        if dim.dim_value > 0 and isinstance(want, int) and want != dim.dim_value:
            raise UsageError(f"--input-shape sets dimension {axis} of {value.name!r} to {want}; it is {dim.dim_value}")
    return tuple(dim if isinstance(dim, int) and dim >= 0 else symbol(str(dim)) for dim in override)


def _declared_dim(dim: onnx.TensorShapeProto.Dimension, axis: int, name: str) -> Dim:
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return int(dim.dim_value)
    named = "" if dim.dim_param in _NO_NAMES else dim.dim_param
    return symbol(named or ("N" if axis == 0 else f"{name}.{axis}"))
