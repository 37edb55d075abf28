"""Every error that edgeconv raises on purpose, and the exit code that the command line gives it.

EdgeconvError                 1   anything below
 +- DataError                 1   the samples do not fit the model (name, rank, dtype, NaN, nothing there)
 |   +- CorruptDataError      4   the file of samples is truncated, damaged, or not what its name says
 |   +- UnsafeDataError       4   it could only be read by running code in it: a pickle
 +- InternalError             1   a bug in edgeconv: a law of its own was broken
 +- UsageError                2   an option makes no sense here (a pattern that matches nothing)
 +- AccuracyError             3   the accuracy gate: the drop is larger than allowed
 +- InvalidModelError         4   the file is damaged, unsafe, or not what it claims to be
 +- UnsupportedModelError     5   the model is valid, but holds something edgeconv does not convert
     +- RunTimeInputError   5   something must be known while converting that depends on an input of the model

A message is one line: the operator and node, what was found, what to do next.
"""

from __future__ import annotations

__all__ = [
    "AccuracyError",
    "CorruptDataError",
    "DataError",
    "EdgeconvError",
    "InternalError",
    "InvalidModelError",
    "RunTimeInputError",
    "UnsafeDataError",
    "UnsupportedModelError",
    "UsageError",
]


class EdgeconvError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 1


class DataError(EdgeconvError):
    """The samples given do not fit the model."""


class CorruptDataError(DataError):
    """The file of samples is truncated, damaged, or not what its name says."""

    exit_code = 4


class UnsafeDataError(DataError):
    """The file of samples holds a pickle, which would run code when read; it was not read."""

    exit_code = 4


class InternalError(EdgeconvError):
    """A law of edgeconv itself was broken; please report it."""


class UsageError(EdgeconvError):
    """An option that makes no sense for this model."""

    exit_code = 2


class AccuracyError(EdgeconvError):
    """The measured accuracy drop exceeds the permitted one."""

    exit_code = 3


class InvalidModelError(EdgeconvError):
    """The model file is damaged, unsafe, or not what it claims to be."""

    exit_code = 4


class UnsupportedModelError(EdgeconvError):
    """The model is valid, but holds something that edgeconv does not convert."""

    exit_code = 5


class RunTimeInputError(UnsupportedModelError):
    """Shapes depend on the values of the model's input called `input`; bind it, and the model may convert."""

    def __init__(self, message: str, input: str) -> None:
        super().__init__(message)
        self.input = input
