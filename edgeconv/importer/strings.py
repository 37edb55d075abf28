"""Inputs that are strings: categories, which the device knows by numbers.

A string input becomes int64: the place of the string among those that the encoders behind it name, -1 for any other.
Inputs that meet before their encoders share one numbering. An input of text that a Tokenizer parts becomes the numbers
of its words: it has one dimension more, and the interpreter makes lower case and words, as StringNormalizer and
Tokenizer tell. What computes with strings otherwise is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import onnx

from edgeconv.errors import UnsupportedModelError
from edgeconv.importer.order import in_order
from edgeconv.importer.scope import node_label
from edgeconv.ops.class_labels import listed_names
from edgeconv.runtime.strings import is_word_pattern

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
_BEFORE_WORDS = ("Flatten", "Identity", "Reshape", "Squeeze", "StringNormalizer")
_WAY_ON = (
    f"the device has no strings, but for inputs that go to {', '.join(_ENCODERS)}; compute on the host what "
    "comes before numbers, and export the model behind that"
)


class Numbering:
    """The strings of a graph. `tables`: input -> its strings in the order of their numbers.

    `words`: input of text -> how it is parted, as `StringType` reads it.
    """

    def __init__(self, graph: onnx.GraphProto, inputs: list[onnx.ValueInfoProto]) -> None:
        texts = {each.name: each for each in inputs if each.type.tensor_type.elem_type == onnx.TensorProto.STRING}
        names = [*texts]
        self._refused: set[str] = set()
        self._tables: dict[str, dict[str, int]] = {name: {} for name in names}
        nodes = in_order(graph.node) if names else []
        self.words, self._whole = _texts_of(nodes, texts)
        for node in nodes:
            self._follow(node)
        told = next((value.name for value in graph.output if value.name in self._tables), None)
        if told is not None:
            raise UnsupportedModelError(f"the output {told!r} is strings from an input; {_WAY_ON}")
        self.tables = {name: self._tables[name] for name in names}

    def notes(self) -> list[str]:
        """What the user must know of each input."""
        return [
            f"the input {name!r} takes numbers for strings, or the strings in Python: "
            f"{listed_names([*table])}; -1 for any other"
            for name, table in self.tables.items()
        ]

    def numbered(self, node: onnx.NodeProto, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes of an encoder of strings, as those of one of their numbers."""
        if not node.input or node.input[0] not in self._tables or node.op_type not in _ENCODERS:
            return attributes
        table, names = self._tables[node.input[0]], _ENCODERS[node.op_type]
        return {
            names.get(name, name): tuple(table[text] for text in value) if name in names else value
            for name, value in attributes.items()
        }

    def plain(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """The node, or what it leaves to do where the interpreter makes words: nothing, or one row for each text.

        Raises UnsupportedModelError for a node that does something else with strings.
        """
        if self._refused.intersection(node.output):
            raise UnsupportedModelError(f"{node_label(node)}: it reads strings; {_WAY_ON}")
        source = self._whole.get(node.input[0]) if node.input else None
        if source is None:
            return node
        is_last = node.op_type == "Tokenizer"
        return onnx.helper.make_node("Flatten" if is_last else "Identity", [source], node.output, node.name)

    def _follow(self, node: onnx.NodeProto) -> None:
        """Strings that `node` reads: known to it by name, or only moved."""
        node = self.plain(node)
        read = [name for name in node.input if name in self._tables]
        if not read:
            return
        names = _ENCODERS.get(node.op_type, {})
        named = next((item.strings for item in node.attribute if item.name in names), None)
        if named is not None:
            _extend(self._tables[read[0]], (each.decode("utf-8", "replace") for each in named))
        elif node.op_type in _MOVEMENTS:
            self._share(read, list(node.output))
        else:
            self._refused.update(node.output)

    def _share(self, names: list[str], others: list[str]) -> None:
        """One table for all of these."""
        table = self._tables[names[0]]
        merged = [self._tables[name] for name in names]
        for each in merged[1:]:
            _extend(table, each)
        self._tables.update(dict.fromkeys(others, table))
        for name, known in self._tables.items():
            if any(known is each for each in merged):
                self._tables[name] = table


def _extend(table: dict[str, int], strings: Iterable[str]) -> None:
    """Give a number to every string that has none."""
    for text in strings:
        table.setdefault(text, len(table))


def _texts_of(
    nodes: list[onnx.NodeProto], inputs: Mapping[str, onnx.ValueInfoProto]
) -> tuple[dict[str, str], dict[str, str]]:
    """How each input that a Tokenizer reads is parted into words; and its names before that, each with the input."""
    known = {name: (name, "NONE") for name in inputs}
    words: dict[str, str] = {}
    for node in nodes:
        if not node.input or node.input[0] not in known:
            continue
        source, case = known[node.input[0]]
        given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Tokenizer":
            words[source] = _words(node, given, case, inputs[source])
        elif node.op_type in _BEFORE_WORDS and not given.get("stopwords"):
            known[node.output[0]] = source, given.get("case_change_action", case.encode()).decode("utf-8", "replace")
    whole = {name: source for name, (source, _) in known.items() if source in words}
    for node in nodes:
        if whole.keys() & set(node.input) and node.op_type not in (*_BEFORE_WORDS, "Tokenizer"):
            raise UnsupportedModelError(f"{node_label(node)}: it reads a text beside the Tokenizer; {_WAY_ON}")
    return words, whole


def _words(node: onnx.NodeProto, given: Mapping[str, Any], case: str, text: onnx.ValueInfoProto) -> str:
    pattern, dims = given.get("tokenexp", b"").decode("utf-8", "replace"), text.type.tensor_type.shape.dim
    if given.get("mark") or not is_word_pattern(pattern):
        raise UnsupportedModelError(
            f"{node_label(node)}: it parts text by {pattern or 'separators'!r}; words are found by expressions such as "
            f"[a-z]+ or \\b\\w\\w+\\b, without marks"
        )
    if len(dims) > 2 or any(dim.dim_value != 1 for dim in dims[1:]):
        raise UnsupportedModelError(
            f"{node_label(node)}: {text.name!r} is several columns of text; give each its input"
        )
    return "\x1f".join((case, str(given.get("mincharnum", 1)), pattern))
