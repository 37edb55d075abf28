"""Samples for calibration, evaluation and running: one grammar for files, folders, images, random data and Python.

source = open_data("calib.npz", {"input": TensorType("float32", (symbol("N"), 1, 28, 28))})
for batch in source.batches(32):
    interpreter.run(None, batch.inputs)

Law of this folder: it imports core, dims and errors, numpy and the standard library; Pillow only where an image is
opened. Nothing is ever unpickled.
"""

from edgeconv.data.grammar import Data, open_data, open_prepared
from edgeconv.data.preprocessing import (
    CHANNELS,
    LAYOUTS,
    PREPROCESSING,
    RESIZES,
    Preprocessing,
    parse_number,
    parse_numbers,
    resolve,
)
from edgeconv.data.source import RANDOM_NOTE, Batch, ContentDigest, DataSource
from edgeconv.errors import CorruptDataError, UnsafeDataError

__all__ = [
    "CHANNELS",
    "LAYOUTS",
    "PREPROCESSING",
    "RANDOM_NOTE",
    "RESIZES",
    "Batch",
    "ContentDigest",
    "CorruptDataError",
    "Data",
    "DataSource",
    "Preprocessing",
    "UnsafeDataError",
    "open_data",
    "open_prepared",
    "parse_number",
    "parse_numbers",
    "resolve",
]
