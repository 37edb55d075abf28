"""If: one of two branches."""

from __future__ import annotations

from edgeconv.ops.base import Ref
from edgeconv.ops.onnx_rules import Result, Subgraph, Unsupported, onnx_rule

__all__: list[str] = []


@onnx_rule("If")
def import_if(condition: Ref, *, then_branch: Subgraph, else_branch: Subgraph) -> tuple[Result, ...]:
    """A condition that is known while importing leaves one branch, in the place of the node."""
    if condition.value is None or condition.value.dtype == object:
        raise Unsupported("its condition is only known at run time")
    if condition.value.size != 1:
        raise Unsupported(f"its condition {condition.type} is not one truth value")
    return (then_branch if bool(condition.value.reshape(())) else else_branch).inline()
