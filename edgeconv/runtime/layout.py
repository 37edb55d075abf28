"""Where things stand in a `.edge` file: the numbers of `schemas/edge.fbs`, for the writer and the reader.

A slot is the place of a field in its table; `schemas/README.md` says what may change and what never does.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ALIGNMENT",
    "BUFFER_STRUCT",
    "DEFAULT_DTYPE",
    "DIGEST_BYTES",
    "FORMAT_VERSION",
    "IDENTIFIER",
    "MAX_ATTRIBUTE_ITEMS",
    "MAX_DIM",
    "MAX_ELEMENTS",
    "MAX_FILE_BYTES",
    "MAX_NESTING",
    "MAX_RANK",
    "MAX_SYMBOL_TEXT",
    "QUANTIZATION_STRUCT",
    "STATE_STRUCT",
    "QUANTIZED_DTYPES",
    "AttributeKind",
    "AttributeSlot",
    "AxisQuantizationSlot",
    "EntrySlot",
    "ModelSlot",
    "OperatorSlot",
    "ProgramSlot",
    "StepSlot",
    "TensorSlot",
    "slot_names",
]

IDENTIFIER: Final = b"EDG1"
FORMAT_VERSION: Final = 1
"""What this edgeconv writes, and the newest that it reads."""
ALIGNMENT: Final = 64
"""Of buffer data, in bytes, from the start of the file."""
DIGEST_BYTES: Final = 16
BUFFER_STRUCT: Final = "II16s"
"""offset, length, digest"""
QUANTIZATION_STRUCT: Final = "fi"
"""scale, zero point"""
STATE_STRUCT: Final = "ii"
"""input, output"""
DEFAULT_DTYPE: Final = "int8"
"""Of a tensor that names none: the most common one."""
MAX_FILE_BYTES: Final = 2**31 - 1
"""FlatBuffers offsets are signed 32-bit numbers."""
MAX_RANK: Final = 32
"""NumPy's limit before version 2."""
MAX_DIM: Final = 2**31 - 1
MAX_ELEMENTS: Final = 2**40
"""Of one tensor, empty dimensions counted as one; far below what overflows NumPy's sizes."""
MAX_ATTRIBUTE_ITEMS: Final = 4096
"""Entries of one attribute; larger data is a constant."""
MAX_NESTING: Final = 16
"""Programs inside operators inside programs."""
MAX_SYMBOL_TEXT: Final = 2000
"""Characters of one symbolic dimension, written out."""
QUANTIZED_DTYPES: Final = ("int8", "uint8", "int16", "uint16", "int32")
"""Dtypes that may have quantization parameters."""


class AttributeKind:
    """What an attribute holds."""

    INT: Final = 0
    FLOAT: Final = 1
    BOOL: Final = 2
    STRING: Final = 3
    INTS: Final = 4
    FLOATS: Final = 5
    STRINGS: Final = 6
    PROGRAM: Final = 7


class ModelSlot:
    """Fields of table Model."""

    VERSION: Final = 0
    DIGEST: Final = 1
    OPERATORS: Final = 2
    TENSORS: Final = 3
    BUFFERS: Final = 4
    DATA: Final = 5
    STEPS: Final = 6
    INPUTS: Final = 7
    OUTPUTS: Final = 8
    METADATA: Final = 9
    STATES: Final = 10


class ProgramSlot:
    """Fields of table Program."""

    OPERATORS: Final = 0
    TENSORS: Final = 1
    STEPS: Final = 2
    INPUTS: Final = 3
    OUTPUTS: Final = 4


class OperatorSlot:
    """Fields of table Operator."""

    NAME: Final = 0
    ATTRIBUTES: Final = 1


class AttributeSlot:
    """Fields of table Attribute."""

    NAME: Final = 0
    KIND: Final = 1
    INTEGER: Final = 2
    REAL: Final = 3
    TEXT: Final = 4
    INTEGERS: Final = 5
    REALS: Final = 6
    TEXTS: Final = 7
    PROGRAM: Final = 8


class AxisQuantizationSlot:
    """Fields of table AxisQuantization."""

    AXIS: Final = 0
    SCALES: Final = 1
    ZERO_POINTS: Final = 2


class TensorSlot:
    """Fields of table Tensor."""

    NAME: Final = 0
    DTYPE: Final = 1
    SHAPE: Final = 2
    SYMBOLS: Final = 3
    QUANTIZATION: Final = 4
    AXIS_QUANTIZATION: Final = 5
    BUFFER: Final = 6


class StepSlot:
    """Fields of table Step."""

    OPERATOR_INDEX: Final = 0
    INPUTS: Final = 1
    OUTPUTS: Final = 2
    NAME: Final = 3


class EntrySlot:
    """Fields of table Entry."""

    KEY: Final = 0
    VALUE: Final = 1


def slot_names(table: type) -> list[str]:
    """The fields of one of the classes above, in the order of their slots."""
    return [name for name in vars(table) if name.isupper()]
