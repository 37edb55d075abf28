"""How many calls a kernel makes out of edgeconv's own code: calls into NumPy, with the few built-in functions between.

Each costs what any NumPy call costs before it does a thing, so their number is the part of the time that no faster
product takes away.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import edgeconv

__all__ = ["count_calls"]

_HOME = str(Path(edgeconv.__file__).parent / "_")[:-1]
_CALLS = frozenset(dis.opmap[name] for name in ("CALL", "CALL_KW", "CALL_FUNCTION_EX") if name in dis.opmap)


def count_calls(function: Callable[[], object]) -> int:
    """Calls made from edgeconv's code during `function()`, those to edgeconv's own functions not counted.

    It traces every bytecode, so the call takes its time; a debugger or coverage tool that traces, too, is back after.
    """
    counter = _Counter()
    before = sys.gettrace()
    sys.settrace(counter.trace)
    try:
        _call(function)
    finally:
        sys.settrace(before)
    return counter.made - counter.entered


def _call(function: Callable[[], object]) -> None:
    """One call from a frame of ours, so that `function` itself counts where it is NumPy's."""
    function()


class _Counter:
    """`made`: calls from frames of edgeconv. `entered`: those that came to edgeconv's own code."""

    def __init__(self) -> None:
        self.made = self.entered = 0

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """The trace function of a new frame: none for frames that are not ours."""
        if not _is_ours(frame):
            return None
        if frame.f_code is not _call.__code__ and frame.f_back is not None and _is_ours(frame.f_back):
            self.entered += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._opcode

    def _opcode(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode" and frame.f_code.co_code[frame.f_lasti] in _CALLS:
            self.made += 1
        return self._opcode


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_HOME)
