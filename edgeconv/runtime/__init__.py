"""Floor 1: all that a device needs. Imports numpy, the standard library, floor 0 and the operators that a model names."""

from edgeconv.runtime.interpreter import Interpreter
from edgeconv.runtime.program import Program

__all__ = ["Interpreter", "Program"]
