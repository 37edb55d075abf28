"""Floor 2: the converter's intermediate representation. Imports floors 0 and 1, nothing else."""

from edgeconv.graph.emit import Emitter
from edgeconv.graph.graph import Graph, Node
from edgeconv.graph.states import bind_states

__all__ = ["Emitter", "Graph", "Node", "bind_states"]
