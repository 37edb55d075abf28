"""Inputs that are strings: categories, which the device knows by numbers.

A string input becomes int64: the place of the string among those that the encoders behind it name, -1 for any other.
Inputs that meet before their encoders share one numbering. What computes with strings otherwise is refused.
"""

from __future__ import annotations

from typing import Any

import onnx

from edgeconv.errors import UnsupportedModelError
from edgeconv.importer.order import in_order
from edgeconv.importer.scope import node_label

__all__ = ["Numbering"]

_ENCODERS = {
    "OneHotEncoder": {"cats_strings": "cats_int64s"},
    "LabelEncoder": {"keys_strings": "keys_int64s", "classes_strings": "keys_int64s"},
    "CategoryMapper": {"cats_strings": "keys_int64s"},
    "TfIdfVectorizer": {"pool_strings": "pool_int64s"},
}
"""Operator -> the attribute that holds its strings, and the one of the same rule for their numbers."""

_MOVEMENTS = (
    *("ArrayFeatureExtractor", "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
    *("Squeeze", "Tile", "Transpose", "Unsqueeze"),
)
_WAY_ON = (
    f"the device has no strings, but for inputs that go to {', '.join(_ENCODERS)}; compute on the host what "
    "comes before numbers (tokens, lower case, counts), and export the model behind that"
)


class Numbering:
    """The strings of a graph. `tables`: input -> its strings in the order of their numbers."""

    def __init__(self, graph: onnx.GraphProto, inputs: list[onnx.ValueInfoProto]) -> None:
        names = [value.name for value in inputs if value.type.tensor_type.elem_type == onnx.TensorProto.STRING]
        self._tables: dict[str, list[str]] = {name: [] for name in names}
        for node in in_order(graph.node) if names else ():
            self._follow(node)
        told = next((value.name for value in graph.output if value.name in self._tables), None)
        if told is not None:
            raise UnsupportedModelError(f"the output {told!r} is strings from an input; {_WAY_ON}")
        self.tables = {name: self._tables[name] for name in names}

    def notes(self) -> list[str]:
        """What the user must know of each input."""
        return [
            f"the input {name!r} takes numbers for strings, or the strings in Python: "
            f"{', '.join(f'{number} {text!r}' for number, text in enumerate(table))}; -1 for any other"
            for name, table in self.tables.items()
        ]

    def numbered(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes of an encoder of strings, as those of one of their numbers."""
        if not node.input or node.input[0] not in self._tables or node.op_type not in _ENCODERS:
            return attributes
        table, names = self._tables[node.input[0]], _ENCODERS[node.op_type]
        return {
            names.get(name, name): tuple(table.index(text) for text in value) if name in names else value
            for name, value in attributes.items()
        }

    def _follow(self, node: onnx.NodeProto) -> None:
        """Strings that `node` reads: known to it by name, or only moved."""
        read = [name for name in node.input if name in self._tables]
        if not read:
            return
        names = _ENCODERS.get(node.op_type, {})
        named = next((item.strings for item in node.attribute if item.name in names), None)
        if named is not None:
            table = self._tables[read[0]]
            table.extend(dict.fromkeys(text for text in (each.decode() for each in named) if text not in table))
        elif node.op_type in _MOVEMENTS:
            self._share(read, list(node.output))
        else:
            raise UnsupportedModelError(f"{node_label(node)}: it reads strings; {_WAY_ON}")

    def _share(self, names: list[str], others: list[str]) -> None:
        """One table for all of these."""
        table = self._tables[names[0]]
        merged = [self._tables[name] for name in names]
        for each in merged[1:]:
            table.extend(text for text in each if text not in table)
        self._tables.update(dict.fromkeys(others, table))
        for name, known in self._tables.items():
            if any(known is each for each in merged):
                self._tables[name] = table
