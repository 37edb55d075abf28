"""What can be wrong with a data file itself, over and above not fitting the model.

DataError                   1   the samples do not fit the model
 +- CorruptDataError        4   the file is truncated, damaged, or not what its name says
 +- UnsafeDataError         4   the file could only be read by running code in it: a pickle
"""

from __future__ import annotations

from edgeconv.errors import DataError

__all__ = ["PICKLE_ADVICE", "CorruptDataError", "UnsafeDataError"]

PICKLE_ADVICE = "pickles run code when read; save plain numbers with np.save(..., allow_pickle=False)"


class CorruptDataError(DataError):
    """The data file is truncated, damaged, or not what its name says."""

    exit_code = 4


class UnsafeDataError(DataError):
    """The data file holds a pickle, which would run code when read; it was not read."""

    exit_code = 4
