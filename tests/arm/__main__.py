"""`python -m tests.arm arm64`: deployed models there and here, bit for bit. Skipped where emulation cannot be had."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeconv.core import Array
from edgeconv.data import open_data
from edgeconv.deployed.golden import Difference, difference, is_close
from edgeconv.export.deploy import deploy, save_zipapp
from edgeconv.report.inspection import inexact_steps
from edgeconv.runtime import Interpreter
from tests.arm.networks import Network, networks
from tests.arm.root import ARCHITECTURES, Root, UnavailableError, open_root

_BUILD = Path(__file__).resolve().parents[2] / "build" / "arm"
_LEAST_INT8 = 6
_TICK = 0.05


@dataclass(frozen=True)
class _Ran:
    """What a run left: exit code, what it said, seconds, and the most memory of Python and its emulator, in bytes."""

    code: int
    said: str
    seconds: float
    peak: int


def main(name: str) -> int:
    """Every model on the architecture called `name`; returns the exit code."""
    started = time.monotonic()
    try:
        root = open_root(ARCHITECTURES[name], _BUILD)
    except UnavailableError as reason:
        print(f"{name}: skipped: {reason}")
        return 0
    print(f"{name}: root ready after {time.monotonic() - started:.0f} s", flush=True)
    print(f"{_describe(root)}; peak memory is that of the emulator, too: indicative only", flush=True)
    passed = failed = exact = 0
    for network in networks(_BUILD / "models"):
        differing, is_int8, ran = _compare(root, network)
        is_right = not ran.code and (not differing or (not is_int8 and all(map(is_close, differing))))
        passed, failed, exact = passed + is_right, failed + (not is_right), exact + (is_int8 and is_right)
        print(f"  {network.name:<30} {_verdict(differing, is_int8, ran)}", flush=True)
    is_shown = _demo(root)
    print(f"{exact} int8 models give the same bytes as on x86 ({time.monotonic() - started:.0f} s in all)")
    print(f"{passed + is_shown} passed, {failed + (not is_shown)} failed")
    return 0 if is_shown and not failed and exact >= _LEAST_INT8 else 1


def _describe(root: Root) -> str:
    """What runs there; it must be the architecture that was asked for."""
    facts = "'Python', platform.python_version(), 'NumPy', numpy.__version__, platform.machine()"
    said = _run(root, "-c", f"import platform, numpy; print({facts})").said.strip()
    if not said.endswith(root.architecture.machine):
        raise SystemExit(f"{root.folder} does not run Python for {root.architecture.machine}: {said}")
    return said


def _compare(root: Root, network: Network) -> tuple[list[Difference], bool, _Ran]:
    """How raw outputs there differ from those here; whether the model is wholly int8; the run."""
    data = network.edge.read_bytes()
    here = Interpreter(data)
    types = {name: here.input_type(name) for name in here.input_names}
    work = root.folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    save_zipapp(deploy(data, network.name, open_data(network.samples, types)), work / "model.pyz")
    np.save(work / "x.npy", network.samples)
    ran = _run(root, "/work/model.pyz", "/work/x.npy", "-o", "/work/y.npz", "--raw")
    is_int8 = not inexact_steps(here.program)
    if ran.code:
        return [], is_int8, ran
    outputs = here.run(None, {here.input_names[0]: network.samples}, raw=True)
    with np.load(work / "y.npz") as there:
        found: list[Array] = [there[name] for name in here.output_names]
    pairs = zip(here.output_names, found, outputs, strict=True)
    return [each for name, a, b in pairs if (each := difference(0, name, a, b)) is not None], is_int8, ran


def _verdict(differing: list[Difference], is_int8: bool, ran: _Ran) -> str:
    cost = f"{ran.seconds:5.1f} s, {ran.peak / 1e6:4.0f} MB"
    if ran.code:
        return f"FAILED with exit code {ran.code} ({cost}): {ran.said.strip()}"
    kind = "" if is_int8 else " (float operators)"
    if not differing:
        return f"{cost}  the same bytes{kind}"
    word = "FAILED" if is_int8 or not all(map(is_close, differing)) else "within the tolerance of float operators"
    return f"{cost}  {word}: {'; '.join(map(str, differing))}"


def _demo(root: Root) -> bool:
    """What a user sees there of the last model, two working on each layer."""
    ran = _run(root, "/work/model.pyz", "--demo", "--threads", "2")
    print("".join(f"  | {line}\n" for line in ran.said.splitlines()), end="")
    return not ran.code


def _run(root: Root, *arguments: str) -> _Ran:
    started, peak = time.monotonic(), 0
    with tempfile.TemporaryFile("w+") as output:
        process = root.python(output, *arguments)
        while process.poll() is None:
            peak = max(peak, _peak_bytes(process.pid))
            time.sleep(_TICK)
        output.seek(0)
        return _Ran(process.returncode, output.read(), time.monotonic() - started, peak)


def _peak_bytes(pid: int) -> int:
    """The most memory that a process has held so far; 0 once it has ended."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ARCHITECTURES:
        sys.exit(f"usage: python -m tests.arm {'|'.join(ARCHITECTURES)}")
    sys.exit(main(sys.argv[1]))
