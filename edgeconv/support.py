"""Floor 3: what converts and what does not: of any model, and of a given one, before it is converted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgeconv.errors import EdgeconvError
from edgeconv.graph import Graph
from edgeconv.graph.late import late_nodes, settled
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, is_quantized, keep_parameters, select
from edgeconv.quantize.late import late_reasons
from edgeconv.report.conversion import FloatNode

if TYPE_CHECKING:
    import onnx
    from numpy.typing import ArrayLike

    from edgeconv.importer.catalogue import OnnxOperator
    from edgeconv.importer.support import Obstacle

__all__ = ["float_under_int8", "obstacles", "onnx_installed", "operators"]


def operators() -> tuple[OnnxOperator, ...]:
    """Every ONNX operator that converts, with opsets, dtypes, what it becomes, and how it runs after quantization."""
    with onnx_installed():
        from edgeconv.importer.catalogue import supported_operators
    return supported_operators()


def obstacles(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto,
    input_shapes: Mapping[str, Sequence[int | str]] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
) -> tuple[tuple[Obstacle, ...], int]:
    """(every node of an ONNX model that would not convert, with the reason; number of all nodes)."""
    with onnx_installed():
        from edgeconv.importer.support import find_obstacles
    return find_obstacles(source, input_shapes, constants)


def float_under_int8(graph: Graph) -> tuple[FloatNode, ...]:
    """The operators of a loaded model that would compute in float at int8, with the reasons."""
    simple = simplify(graph)
    known = settled(simple)
    lowered = keep_parameters(known) if is_quantized(known) else None
    reasons = select(known, QuantConfig()).reasons if lowered is None else lowered.float_reasons
    reasons = {**reasons, **late_reasons(simple)}
    return tuple(
        FloatNode(node.name or node.outputs[0], node.op_name, reasons[node.outputs[0]])
        for node in [*(known if lowered is None else lowered).nodes, *late_nodes(simple)]
        if node.outputs[0] in reasons
    )


@contextmanager
def onnx_installed() -> Iterator[None]:
    """EdgeconvError with the way on, where reading ONNX fails for want of its package."""
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("onnx", "google"):
            raise
        raise EdgeconvError('reading ONNX models needs the onnx package: pip install "edgeconv[convert]"') from error
