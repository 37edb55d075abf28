"""The rules by which edgeconv does not pass a node test: each a sentence, and the errors that it stands behind."""

from __future__ import annotations

import re

__all__ = ["DIFFERENCES", "REASONS", "reason_of"]

REASONS = {
    "strings: no string tensors on the device": r"of STRING|STRING tensor|reads strings|RegexFull|String",
    "sequences: the device has tensors only": r"SequenceAt|SplitToSequence|is a sequence|no tensor|SequenceMap",
    "optionals: every input of a device program is there": r"OptionalHasElement|OptionalGetElement|is an optional",
    "training: the device infers, it does not learn": r"preview\.training",
    "random: a program gives the same bytes every time": r"random|Bernoulli|is random|training mode",
    "images: decoding files is the data loader's task": r"ImageDecoder",
    "Scan of opset 8: it has a batch axis that later ones do not": r"Scan is supported from opset 9",
    "operator: edgeconv does not have it": r"the operator \S+ is not supported",
    "form: edgeconv has the operator, not this form of it": r"",
}
"""Reason -> pattern in the error; the first that fits is the reason."""

_ALIGNED = "align_corners: lengths are whole numbers, as in ONNX Runtime and PyTorch, the case has 2.4 columns"

DIFFERENCES = {
    "test_resize_downsample_scales_linear_align_corners": _ALIGNED,
    "test_resize_downsample_scales_cubic_align_corners": _ALIGNED,
}
"""Cases that edgeconv computes otherwise than ONNX's data wants, on purpose, and the reason."""


def reason_of(error: str) -> str:
    """The reason behind an error that edgeconv raised on purpose."""
    return next(reason for reason, pattern in REASONS.items() if re.search(pattern, error))
