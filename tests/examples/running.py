"""Runs an example as a person would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["EXAMPLES", "SAMPLES", "run_example"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAMPLES = EXAMPLES.parent / "sample_models"


def run_example(name: str, *arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`python3 examples/NAME ARGUMENTS`."""
    command = [sys.executable, str(EXAMPLES / name), *(str(argument) for argument in arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
