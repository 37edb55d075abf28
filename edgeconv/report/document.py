"""What a report says, before it is decided how it looks: sections of facts, tables and notes.

Every renderer draws the same document, so that text, Markdown (and HTML) cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, Union

__all__ = ["Block", "Document", "Facts", "Note", "Section", "Table"]


@dataclass(frozen=True)
class Facts:
    """Pairs of a label and what is to be said."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows under a header; a column is set right where its letter in `align` is "r", else left ("l")."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str


@dataclass(frozen=True)
class Note:
    """A sentence; `strong` for what must not be overlooked, `code` for what is to be pasted as it is."""

    text: str
    strong: bool = False
    code: bool = False


Block: TypeAlias = Union[Facts, Table, Note]


@dataclass(frozen=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]


Document: TypeAlias = tuple[Section, ...]
