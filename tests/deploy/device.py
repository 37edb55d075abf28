"""A Python as on a device: NumPy and the standard library on its path, and nothing else that is installed here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

__all__ = ["run_bare", "run_deployed"]


def run_bare(folder: Path, code: str, arguments: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run `code` without site-packages; NumPy alone is linked into `folder`."""
    place = folder / "only_numpy"
    if not place.exists():
        place.mkdir()
        package = Path(np.__file__).parent
        for each in (package, package.with_name("numpy.libs")):
            if each.exists():
                (place / each.name).symlink_to(each)
    command = [
        sys.executable,
        "-I",
        "-S",
        "-B",
        "-c",
        f"import sys; sys.path.append({str(place)!r})\n{code}",
        *arguments,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def run_deployed(folder: Path, target: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """What `python3 TARGET ARGUMENTS` does there."""
    code = f"""
import runpy
sys.argv = [{str(target)!r}, *sys.argv[1:]]
runpy.run_path({str(target)!r}, run_name="__main__")
"""
    return run_bare(folder, code, [str(argument) for argument in arguments])
