"""Bodies of operators: functions that a model brings along, and those by which ONNX defines its own operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from edgeconv.core import TensorType
from edgeconv.importer.scope import Scope
from edgeconv.ops.onnx_rules import Value

__all__ = ["Functions", "function_scope", "schema_function"]

Functions = Mapping[tuple[str, str, str], onnx.FunctionProto]
"""(domain, name, overload) -> the function of the model."""


def function_scope(function: onnx.FunctionProto, node: onnx.NodeProto, inputs: Sequence[Value], outer: Scope) -> Scope:
    """The scope of a function's body, called by `node` of the scope `outer` with these inputs."""
    attributes = {item.name: item for item in function.attribute_proto}
    given = [outer.resolved(item) for item in node.attribute]
    attributes.update((item.name, item) for item in given if item is not None)
    values: dict[str, Value] = dict.fromkeys(function.input)
    values.update(zip(function.input, inputs, strict=False))
    opsets = {item.domain or "ai.onnx": item.version for item in function.opset_import}
    label = f"{outer.label}{node.name or (node.output[0] if node.output else node.op_type)}/"
    return Scope({**outer.opsets, **opsets}, values, attributes=attributes, label=label, depth=outer.depth + 1)


def schema_function(
    node: onnx.NodeProto, attributes: Iterable[onnx.AttributeProto], opset: int, types: Sequence[TensorType | None]
) -> onnx.FunctionProto | None:
    """The body by which ONNX defines the operator of `node`, None where it has none for these inputs."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    try:
        schema: Any = onnx.defs.get_schema(node.op_type, opset, domain)  # onnx's stubs do not know its functions
    except onnx.defs.SchemaError:
        return None
    body = None
    if schema.has_function:
        version = max((v for v in schema.function_opset_versions if v <= opset), default=None)
        body = None if version is None else schema.get_function_with_opset_version(version)
    elif schema.has_context_dependent_function:
        body = _context_body(schema, node, attributes, opset, types)
    if not body:
        return None
    function = onnx.FunctionProto.FromString(body)
    function.attribute_proto.extend(_defaults(schema, function))
    return function if function.node else None


def _context_body(
    schema: Any,
    node: onnx.NodeProto,
    attributes: Iterable[onnx.AttributeProto],
    opset: int,
    types: Sequence[TensorType | None],
) -> bytes | None:
    version = max((v for v in schema.context_dependent_function_opset_versions if v <= opset), default=None)
    if version is None:
        return None
    plain = onnx.NodeProto()
    plain.CopyFrom(node)
    del plain.attribute[:]
    plain.attribute.extend(attributes)
    protos = [_type_proto(known).SerializeToString() for known in types]
    try:
        body: bytes = schema.get_context_dependent_function_with_opset_version(
            version, plain.SerializeToString(), protos
        )
    except (RuntimeError, ValueError):  # ONNX's builder of the body does not accept these inputs
        return None
    return body


def _type_proto(known: TensorType | None) -> onnx.TypeProto:
    if known is None:
        return onnx.TypeProto()
    dims = [dim if isinstance(dim, int) else str(dim) for dim in known.shape]
    return onnx.helper.make_tensor_type_proto(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(known.dtype)), dims)


def _defaults(schema: Any, function: onnx.FunctionProto) -> list[onnx.AttributeProto]:
    """Defaults of the operator's attributes, which the body of a schema leaves to the schema."""
    known = {item.name for item in function.attribute_proto}
    return [
        attribute.default_value
        for name, attribute in schema.attributes.items()
        if name not in known and attribute.default_value.name
    ]
