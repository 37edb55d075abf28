"""Where things stand in a `.edge` file: the numbers of `schemas/edge.fbs`, for the writer and the reader.

A slot is the place of a field in its table; `schemas/README.md` says what may change and what never does.
"""

from __future__ import annotations

from enum import IntEnum
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
    "MAX_RANK",
    "MAX_SYMBOL_TEXT",
    "QUANTIZATION_STRUCT",
    "QUANTIZED_DTYPES",
    "AttributeKind",
    "AttributeSlot",
    "AxisQuantizationSlot",
    "EntrySlot",
    "ModelSlot",
    "OperatorSlot",
    "StepSlot",
    "TensorSlot",
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
MAX_SYMBOL_TEXT: Final = 2000
"""Characters of one symbolic dimension, written out."""
QUANTIZED_DTYPES: Final = ("int8", "uint8", "int16", "uint16", "int32")
"""Dtypes that may have quantization parameters."""


class AttributeKind(IntEnum):
    """What an attribute holds."""

    INT = 0
    FLOAT = 1
    BOOL = 2
    STRING = 3
    INTS = 4
    FLOATS = 5
    STRINGS = 6


class ModelSlot(IntEnum):
    """Fields of table Model."""

    VERSION = 0
    DIGEST = 1
    OPERATORS = 2
    TENSORS = 3
    BUFFERS = 4
    DATA = 5
    STEPS = 6
    INPUTS = 7
    OUTPUTS = 8
    METADATA = 9


class OperatorSlot(IntEnum):
    """Fields of table Operator."""

    NAME = 0
    ATTRIBUTES = 1


class AttributeSlot(IntEnum):
    """Fields of table Attribute."""

    NAME = 0
    KIND = 1
    INTEGER = 2
    REAL = 3
    TEXT = 4
    INTEGERS = 5
    REALS = 6
    TEXTS = 7


class AxisQuantizationSlot(IntEnum):
    """Fields of table AxisQuantization."""

    AXIS = 0
    SCALES = 1
    ZERO_POINTS = 2


class TensorSlot(IntEnum):
    """Fields of table Tensor."""

    NAME = 0
    DTYPE = 1
    SHAPE = 2
    SYMBOLS = 3
    QUANTIZATION = 4
    AXIS_QUANTIZATION = 5
    BUFFER = 6


class StepSlot(IntEnum):
    """Fields of table Step."""

    OPERATOR_INDEX = 0
    INPUTS = 1
    OUTPUTS = 2
    NAME = 3


class EntrySlot(IntEnum):
    """Fields of table Entry."""

    KEY = 0
    VALUE = 1
