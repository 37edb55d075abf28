"""Floor 2: operator pruning. One file per pass; SIMPLIFY is the whole pipeline, in order.

A pass is a function that changes the graph in place through `rewrite` (or, for whole-graph passes, by itself) and
returns how many nodes it changed.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeconv.errors import EdgeconvError, InternalError
from edgeconv.graph import Graph
from edgeconv.passes.fuse_clamp import fuse_clamp

__all__ = ["SIMPLIFY", "simplify"]

Pass = Callable[[Graph], int]

SIMPLIFY: tuple[Pass, ...] = (fuse_clamp,)

_ROUNDS = 8


def simplify(graph: Graph, passes: tuple[Pass, ...] = SIMPLIFY) -> Graph:
    """A simplified copy: all passes in order, again while they find something. Its log says what each removed."""
    graph = graph.copy()
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
        graph.check(name)
    except EdgeconvError:
        raise
    except Exception as error:
        raise InternalError(f"pass {name} failed after {', '.join(removed) or 'no other pass'}: {error!r}") from error
    if changed:
        known = removed.get(name, (0, 0))
        removed[name] = (known[0] + changed, known[1] + before - len(graph.nodes))
    return changed
