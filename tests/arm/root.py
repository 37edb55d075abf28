"""A Debian 12 file system of another architecture, made from Debian's packages and kept under build/.

Packages are unpacked, not configured: no program of the other architecture runs until Python does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["ARCHITECTURES", "Architecture", "Root", "UnavailableError", "open_root"]

SUITE = "bookworm"
PACKAGES = "python3,python3-numpy"
_TOOLS = {"debootstrap": "debootstrap", "dpkg": "dpkg"}


class UnavailableError(Exception):
    """Emulation cannot be had here; the message says why."""


@dataclass(frozen=True)
class Architecture:
    """Debian's name, qemu's name, the triplet of its library folders, and what Python calls the machine."""

    name: str
    emulator: str
    triplet: str
    machine: str


ARCHITECTURES = {
    "arm64": Architecture("arm64", "qemu-aarch64-static", "aarch64-linux-gnu", "aarch64"),
    "armhf": Architecture("armhf", "qemu-arm-static", "arm-linux-gnueabihf", "armv7l"),
}


@dataclass(frozen=True)
class Root:
    """A file system that is ready: run Python in it."""

    architecture: Architecture
    folder: Path

    def python(self, output: IO[str], *arguments: str) -> subprocess.Popen[bytes]:
        """Start Python there; all that it says goes to `output`."""
        triplet = self.architecture.triplet
        libraries = f"LD_LIBRARY_PATH=/usr/lib/{triplet}/blas:/usr/lib/{triplet}/lapack"
        command = ["chroot", str(self.folder), f"/usr/bin/{self.architecture.emulator}", "-E", libraries]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "OPENBLAS_NUM_THREADS": "1", "HOME": "/root"}
        command += ["/usr/bin/python3", "-B", *arguments]
        return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)


def open_root(architecture: Architecture, below: Path) -> Root:
    """The root in `below`, built where it is not there yet; UnavailableError says why it cannot be."""
    root = Root(architecture, below / f"{SUITE}-{architecture.name}")
    complete = root.folder / ".complete"
    if os.geteuid() != 0:
        raise UnavailableError("debootstrap and chroot need root")
    emulator = _find_tools(architecture)
    if not complete.exists():
        shutil.rmtree(root.folder, ignore_errors=True)
        root.folder.mkdir(parents=True)
        _unpack(architecture, root.folder)
        complete.touch()
    shutil.copy(emulator, root.folder / "usr/bin" / architecture.emulator)
    (root.folder / "work").mkdir(exist_ok=True)
    return root


def _find_tools(architecture: Architecture) -> str:
    """The path of the emulator; installs what is missing where apt-get can."""
    needed = {**_TOOLS, architecture.emulator: "qemu-user-static"}
    missing = sorted({package for tool, package in needed.items() if shutil.which(tool) is None})
    if missing:
        if shutil.which("apt-get") is None:
            raise UnavailableError(f"{', '.join(missing)} not installed, and there is no apt-get")
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        _run([*apt, "update"], "apt-get update fails")
        _run([*apt, "install", "-y", *missing], f"{', '.join(missing)} cannot be installed")
    return shutil.which(architecture.emulator) or ""


def _unpack(architecture: Architecture, folder: Path) -> None:
    foreign = ["debootstrap", "--foreign", f"--arch={architecture.name}", "--variant=minbase"]
    command = [*foreign, f"--include={PACKAGES}", SUITE, str(folder), _mirror()]
    _run(command, f"debootstrap cannot fetch {SUITE} for {architecture.name}")
    for package in sorted((folder / "var/cache/apt/archives").glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(folder)], f"{package.name} cannot be unpacked")


def _mirror() -> str:
    """The mirror that this machine's apt takes Debian 12 from."""
    query = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {SUITE}"]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
    if not found:
        raise UnavailableError(f"apt knows no mirror of Debian's {SUITE} here")
    return found[0]


def _run(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        last = (done.stdout.strip().splitlines() or [""])[-1]
        raise UnavailableError(f"{failure}: {last}")
