"""What only shows in a process of its own: imports, terminals, pipes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CALIB, MODEL, TEST

PROGRAM = "from edgeconv_cli.main import main; main()"


@pytest.mark.parametrize("command", [["verify"], ["run", "-i", "random:2"], ["inspect"], ["evaluate", "--data", TEST]])
def test_an_edge_file_needs_numpy_and_click_only(command: list[str], edge_file: Path) -> None:
    program = f"""
import sys
for name in ("onnx", "google", "flatbuffers", "PIL"):
    sys.modules[name] = None
sys.argv[1:] = {[command[0], str(edge_file), *command[1:]]!r}
{PROGRAM}
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_the_package_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "edgeconv", "inspect"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stderr) == (2, "error: Missing argument 'MODEL'. (see edgeconv inspect --help)\n")


def test_start_up_imports_no_converter() -> None:
    program = "import sys, edgeconv_cli.main; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    modules = set(found.stdout.split())
    assert not modules & {"onnx", "numpy", "flatbuffers", "edgeconv.api", "edgeconv.quantize", "edgeconv.runtime"}


def test_a_terminal_gets_progress_bars_and_the_json_stays_clean(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = ["convert", MODEL, str(tmp_path / "m.edge"), "--calib", CALIB, "--eval", TEST, "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command], stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := _read(ours):
            seen += chunk
        out = process.communicate(timeout=60)[0]
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert process.returncode == 0
    assert out.startswith("{")
    for stage in (b"calibrating", b"160/160", b"evaluating", b"285/285"):
        assert stage in seen


def _read(descriptor: int) -> bytes:
    """What the other end of a terminal has written; nothing once it is closed."""
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""


def test_a_reader_that_goes_away_is_no_error(edge_file: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-c", PROGRAM, "inspect", str(edge_file), "--json"]
    found = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(theirs)
    assert (found.returncode, found.stderr) == (1, "")
