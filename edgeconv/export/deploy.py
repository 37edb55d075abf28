"""A model and just the runtime that it needs, as one file that Python runs, or as a folder. All it asks for is NumPy.

Same model, same golden samples: same bytes. The model is stored as it is, so that it is read at once; code is deflated.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import edgeconv
from edgeconv.data import DataSource
from edgeconv.deployed import bundle
from edgeconv.deployed.carried import ABOUT, MODEL
from edgeconv.errors import InternalError
from edgeconv.export.golden import Golden, make_golden
from edgeconv.export.prune import prune, source_of
from edgeconv.export.strip import strip_source
from edgeconv.files import check_target, replacing, replacing_folder
from edgeconv.ops import MODULES
from edgeconv.report.inspection import inexact_steps, precision_of
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import every_program
from edgeconv.runtime.verify import verify_file

__all__ = ["Deployment", "deploy", "runtime_sources", "save_folder", "save_zipapp"]

_MAIN, _PACKAGE = "__main__.py", "edgeconv/__init__.py"
_SHEBANG = b"#!/usr/bin/env python3\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PUBLIC = (
    ("edgeconv", "__version__"),
    ("edgeconv.deployed", "open_model"),
    ("edgeconv.deployed.main", "main"),
    ("edgeconv.runtime", "Interpreter"),
    ("edgeconv.runtime", "Program"),
)
"""What code outside may ask of a deployed file; all else is there because these need it, or the model's operators."""


@dataclass(frozen=True)
class Deployment:
    """What goes into the file: path -> content. `operators`: those of the model. `inexact`: its float operators."""

    members: Mapping[str, bytes]
    operators: tuple[str, ...]
    inexact: tuple[str, ...]
    golden_samples: int

    @property
    def modules(self) -> int:
        """Python files inside."""
        return sum(path.endswith(".py") for path in self.members)

    def to_zipapp(self) -> bytes:
        """The bytes of the one file."""
        buffer = io.BytesIO()
        buffer.write(_SHEBANG)
        with zipfile.ZipFile(buffer, "a") as archive:
            for path, content in _bundled(self.members).items():
                info = zipfile.ZipInfo(path, _EPOCH)
                info.create_system, info.external_attr = 3, 0o644 << 16
                method = zipfile.ZIP_STORED if path == MODEL else zipfile.ZIP_DEFLATED
                archive.writestr(info, content, method, 9)
        return buffer.getvalue()


def deploy(model: bytes, name: str, golden: DataSource) -> Deployment:
    """The deployment of a `.edge` file: its bytes, what to call it, and samples for its golden outputs.

    golden: samples whose outputs are kept, to be held against the device's. Raises InvalidModelError for a model that
    is not sound, DataError for samples that do not fit.
    """
    verify_file(model)
    interpreter = Interpreter(model)
    program = interpreter.program
    every = [step for each in every_program(program) for step in each.steps]
    operators = tuple(sorted({type(step.op).__name__ for step in every}))
    inexact = inexact_steps(program)
    kept = make_golden(interpreter, golden)
    about = {
        "schema": "edgeconv/deployed/1",
        "model": name,
        "edgeconv": edgeconv.__version__,
        "precision": precision_of(program),
        "float_operators": inexact,
        "golden": kept.samples,
    }
    sources = {path: text.encode() for path, text in runtime_sources(operators).items()}
    members = {_MAIN: _launcher(), **sources, **_carried(model, about, kept)}
    return Deployment(members, operators, inexact, len(kept.samples))


def save_zipapp(deployment: Deployment, path: str | os.PathLike[str], *, overwrite: bool = False) -> int:
    """Write the one file, at once or not at all, and executable; returns its size in bytes.

    It is run beforehand, in a Python of its own: InternalError unless its golden outputs come out there.
    """
    check_target(path, overwrite=overwrite)
    data = deployment.to_zipapp()
    with tempfile.TemporaryDirectory() as folder:
        trial = os.path.join(folder, "trial.pyz")
        with open(trial, "wb") as file:
            file.write(data)
        _try(trial)
    with replacing(path, executable=True) as target:
        target.write(data)
    return len(data)


def save_folder(deployment: Deployment, path: str | os.PathLike[str], *, overwrite: bool = False) -> int:
    """Write an unpacked folder, at once or not at all; returns the bytes of its files. It is tried as the file is."""
    with replacing_folder(path, overwrite=overwrite) as folder:
        for name, content in deployment.members.items():
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(content)
        _try(folder)
    return sum(map(len, deployment.members.values()))


def _try(target: str) -> None:
    command = [sys.executable, "-B", target, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(f"{done.stdout} {done.stderr}".split())
        raise InternalError(f"deploy: what was made does not run here: {said[-500:]}")


def _launcher() -> bytes:
    return strip_source(source_of("edgeconv.deployed.__main__")).encode()


def _bundled(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members with all modules in one of them, and in place of the package's own the code that imports from it."""
    modules = {path: content.decode() for path, content in members.items() if path.startswith("edgeconv/")}
    package = (
        modules.pop(_PACKAGE)
        + strip_source(source_of("edgeconv.deployed.bundle"))
        + "install(__spec__.loader, __file__)\n"
    )
    others = {path: content for path, content in members.items() if not path.startswith("edgeconv/")}
    text = json.dumps(modules, ensure_ascii=False, separators=(",", ":"))
    return others | {_PACKAGE: _future_first(package).encode(), f"edgeconv/{bundle.MODULES}": text.encode()}


def _future_first(text: str) -> str:
    """`from __future__` must be a module's first statement."""
    future = "from __future__ import annotations\n"
    return future + text.replace(future, "")


def runtime_sources(operators: tuple[str, ...]) -> dict[str, str]:
    """Path -> source of all modules that a model of these operators needs, and of nothing else."""
    table = {name: MODULES[name] for name in operators}
    replaced = {
        "edgeconv": f"__version__ = {edgeconv.__version__!r}\n",
        "edgeconv.ops.modules": f"MODULES = {table!r}\nRULE_MODULES = ()\n",
    }
    wanted = [*_PUBLIC, *((f"edgeconv.ops.{module}", name) for name, module in table.items())]
    return prune(wanted, replaced)


def _carried(model: bytes, about: Mapping[str, object], golden: Golden) -> dict[str, bytes]:
    text = json.dumps(about, indent=1, ensure_ascii=True, sort_keys=True)
    return {ABOUT: text.encode(), MODEL: model, **golden.files}
