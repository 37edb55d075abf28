"""Floor 1: what a device needs. Imports numpy, the standard library, floor 0 and the operators named by a model."""

from edgeconv.runtime.interpreter import Interpreter
from edgeconv.runtime.program import Program

__all__ = ["Interpreter", "Program"]
