"""Floor 2: operator pruning. One file per pass; SIMPLIFY is the whole pipeline, in order.

A pass is a function that changes the graph in place through `rewrite` (or, for whole-graph passes, by itself) and
returns how many nodes it changed.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeconv.errors import EdgeconvError, InternalError
from edgeconv.graph import Graph
from edgeconv.passes.bodies import simplify_bodies
from edgeconv.passes.cancel_transpose import cancel_transpose
from edgeconv.passes.commute_dense import commute_dense
from edgeconv.passes.drop_expand import drop_expand
from edgeconv.passes.fold_affine import fold_affine_after, fold_affine_before
from edgeconv.passes.fold_constants import fold_constants
from edgeconv.passes.fold_pad import fold_pad
from edgeconv.passes.fold_scale import fold_scale
from edgeconv.passes.fuse_activation import fuse_activation, fuse_hard_sigmoid
from edgeconv.passes.fuse_affine import fuse_affine
from edgeconv.passes.fuse_clamp import fuse_clamp
from edgeconv.passes.fuse_layer_norm import fuse_layer_norm
from edgeconv.passes.fuse_residual import fuse_residual
from edgeconv.passes.fuse_softmax import fuse_softmax
from edgeconv.passes.hoist_clamp import hoist_clamp
from edgeconv.passes.hoist_dequantize import hoist_dequantize
from edgeconv.passes.merge_movement import merge_movement
from edgeconv.passes.merge_views import merge_views
from edgeconv.passes.propagate_fill import propagate_fill
from edgeconv.passes.remove_identity import remove_identity
from edgeconv.passes.share_duplicates import share_duplicates
from edgeconv.passes.sink_affine import sink_affine
from edgeconv.passes.size_resize import size_resize
from edgeconv.passes.split_dense import split_dense

__all__ = ["SIMPLIFY", "Pass", "simplify"]

Pass = Callable[[Graph], int]

SIMPLIFY: tuple[Pass, ...] = (
    remove_identity,
    fold_constants,
    size_resize,
    share_duplicates,
    hoist_clamp,
    hoist_dequantize,
    propagate_fill,
    drop_expand,
    merge_movement,
    commute_dense,
    merge_views,
    split_dense,
    cancel_transpose,
    fuse_softmax,
    fuse_layer_norm,
    fuse_activation,
    fold_pad,
    fold_affine_after,
    sink_affine,
    fold_affine_before,
    fold_scale,
    fuse_affine,
    fuse_hard_sigmoid,
    fuse_clamp,
    fuse_residual,
)

_ROUNDS = 8


def simplify(graph: Graph, passes: tuple[Pass, ...] = SIMPLIFY) -> Graph:
    """A simplified copy: all passes in order, again while they find something. Its log says what each removed.

    Programs inside operators are simplified, too.
    """
    graph = graph.copy()
    simplify_bodies(graph, lambda inner: simplify(inner, passes))
    removed: dict[str, tuple[int, int]] = {}
    for _ in range(_ROUNDS):
        if not sum([_apply(graph, each, removed) for each in passes]):
            break
    graph.log.extend((name, changed, fewer) for name, (changed, fewer) in removed.items())
    return graph


def _apply(graph: Graph, each: Pass, removed: dict[str, tuple[int, int]]) -> int:
    name, before = each.__name__, len(graph.nodes)
    try:
        changed = each(graph)
        if changed:
            graph.check(name)
    except EdgeconvError:
        raise
    except Exception as error:
        raise InternalError(f"pass {name} failed after {', '.join(removed) or 'no other pass'}: {error!r}") from error
    if changed:
        known = removed.get(name, (0, 0))
        removed[name] = (known[0] + changed, known[1] + before - len(graph.nodes))
    return changed
