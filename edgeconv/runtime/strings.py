"""Inputs that are strings to the user: the network knows them by numbers, from a table that the file keeps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.errors import DataError
from edgeconv.records import dataclass, field

__all__ = ["STRING_KINDS", "WORDS", "StringType", "is_word_pattern"]

WORDS = "words."
"""Before the name of an input of text: case, the characters that a word has at least, the expression of words."""
STRING_KINDS = "USO"
"""NumPy's letters of arrays that hold strings."""


@dataclass(frozen=True)
class StringType(TensorType):
    """int64 that stands for strings: their places in `table`, a list with \\x1f between its items.

    Where `words` says how to part text into words, the last dimension is those of each text.
    """

    table: str = field(default="", compare=False, repr=False)
    words: str = field(default="", compare=False, repr=False)

    def numbered(self, array: Array) -> Array:
        """The numbers of strings, -1 for those that are not in the table; numbers stay as they are."""
        if array.dtype.kind not in STRING_KINDS:
            return array
        places = _places(self.table)
        texts = (np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array).ravel().tolist()
        if not self.words:
            return np.array([places.get(text, -1) for text in texts], np.int64).reshape(array.shape)
        rows = [[places.get(word, -1) for word in words] for words in _parted(texts, *self.words.split("\x1f", 2))]
        width = max([1, *map(len, rows)])
        numbers = np.full((len(rows), width), -1, np.int64)
        for number, row in enumerate(rows):
            numbers[number, : len(row)] = row
        return numbers.reshape(*array.shape, width)


def is_word_pattern(pattern: str) -> bool:
    """True for an expression that finds words in a time that grows with the text: characters, the last one repeated."""
    import re

    character = r"(?:\.|\w|\\[wWdDsS]|\[(?:[^\[\]\\]|\\[wWdDsS-])+\])"
    return re.fullmatch(rf"(?:\\b)?{character}+\+?(?:\\b)?", pattern) is not None


def _parted(texts: list[str], case: str = "", least: str = "", pattern: str = "") -> list[list[str]]:
    """The words of each text."""
    import re

    if not is_word_pattern(pattern) or not least.isdecimal():
        raise DataError(f"the file parts text into words by {pattern!r}, which is no such expression; convert it again")
    change = {"LOWER": str.lower, "UPPER": str.upper}.get(case, str)
    found = [re.findall(pattern, change(str(text)), re.ASCII) for text in texts]
    return [[word for word in words if len(word) >= int(least)] for words in found]


@lru_cache(maxsize=16)
def _places(table: str) -> dict[str, int]:
    return {text: number for number, text in enumerate(table.split("\x1f"))}
