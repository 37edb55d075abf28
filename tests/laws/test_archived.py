"""The wheel's archive of modules: whoever imports, debugs or pickles them does not miss their files.

Every probe runs in a Python of its own on an unpacked wheel, without `site`: an editable install would answer instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from edgeconv.archived import ARCHIVE
from edgeconv.export.deploy import runtime_sources
from edgeconv.ops import MODULES, operator_class
from edgeconv.runtime import Interpreter
from tests.laws.sources import REPOSITORY, sources, unpacked

_MODULE = "edgeconv/passes/match.py"
_CACHED = f"edgeconv/passes/__pycache__/match.{sys.implementation.cache_tag}.pyc"


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """The folder that the wheel was unpacked into."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    assert not (tmp_path / _MODULE).exists()
    return tmp_path


def _run(place: Path, code: str) -> str:
    """What `code` prints, with edgeconv at `place`."""
    search = os.pathsep.join((str(place), str(Path(np.__file__).parents[1])))
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True, text=True, check=False, cwd=place.parent, env={"PYTHONPATH": search},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _archived(place: Path) -> dict[str, str]:
    return unpacked((place / "edgeconv" / ARCHIVE).read_bytes())


_NO_COMPILER = """
from importlib.machinery import SourceFileLoader
SourceFileLoader.source_to_code = None
import edgeconv.passes.match
"""


def test_bytecode_is_cached_where_that_of_a_file_would_be(installed: Path) -> None:
    assert _run(installed, "import edgeconv.passes.match as m; print(m.__file__)") == str(installed / _MODULE)
    assert (installed / _CACHED).exists()
    _run(installed, _NO_COMPILER)


def test_bytecode_of_another_archive_is_not_used(installed: Path) -> None:
    _run(installed, "import edgeconv.passes.match")
    archive = installed / "edgeconv" / ARCHIVE
    first, *parts = archive.read_bytes().split(b"\f")
    at = list(_archived(installed)).index(_MODULE)
    parts[at] += b"IS_NEW=True\n"
    archive.write_bytes(b"\f".join([first, *parts]))
    assert _run(installed, "import edgeconv.passes.match as m; print(m.IS_NEW)") == "True"


def test_a_folder_that_cannot_be_written_is_fine(installed: Path) -> None:
    (installed / "edgeconv" / "passes" / "__pycache__").write_text("no folder")
    assert _run(installed, "import edgeconv.passes.match; print('imported')") == "imported"


def test_a_wheel_on_the_path_works_as_it_is(wheel: Path) -> None:
    assert _run(wheel, "import edgeconv.passes.match; print('imported')") == "imported"


_FAILS = """
import inspect, traceback
from edgeconv.export import strip
try:
    strip.strip_source(None)
except AttributeError:
    print(traceback.format_exc(), inspect.getsource(strip), sep="---")
"""


def test_sources_show_in_tracebacks_and_to_inspect(installed: Path) -> None:
    shown, source = _run(installed, _FAILS).split("---")
    assert f'File "{installed / "edgeconv" / "export" / "strip.py"}", line' in shown
    assert "text.encode()" in shown
    assert source.strip() == _archived(installed)["edgeconv/export/strip.py"].strip()


_SPAWNS = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from edgeconv.export.strip import strip_source
with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
    print(pool.submit(strip_source, "x = 3  # three").result())
"""


def test_workers_that_start_anew_find_them(installed: Path) -> None:
    assert _run(installed, _SPAWNS) == "x=3"


def test_a_device_never_meets_the_archive(installed: Path) -> None:
    loaded = _run(installed, "import sys, edgeconv.runtime; print(*sys.modules)").split()
    assert "edgeconv.runtime.interpreter" in loaded
    assert "edgeconv.archived" not in loaded


def test_of_the_operators_what_no_device_needs_is_archived(installed: Path) -> None:
    known = {source.module for source in sources() if source.module.startswith("edgeconv.ops.")}
    archived = _modules(_archived(installed))
    assert archived >= known - _modules(runtime_sources(tuple(MODULES))), "name these in RULES of setup.py"


def test_what_int8_networks_are_made_of_is_in_files(installed: Path) -> None:
    has_int8 = {name for name in MODULES if operator_class(name).quant is not None}
    golden = (REPOSITORY / "tests" / "golden").glob("*.edge")
    used = {type(step.op).__name__ for path in golden for step in Interpreter(path).program.steps}
    needed = _modules(runtime_sources(tuple(sorted(has_int8 | used))))
    archived = needed & _modules(_archived(installed))
    assert not [each for each in archived if each.startswith(("edgeconv.ops.", "edgeconv.runtime."))]
    assert {"edgeconv.ops.conv", "edgeconv.ops.lookup", "edgeconv.ops.quantize"} <= needed


def test_an_operator_out_of_the_archive_runs(installed: Path) -> None:
    code = "import numpy; from edgeconv.ops.det import Det; print(Det().run(numpy.diag([2.0, 3.0])))"
    assert "edgeconv/ops/det.py" in _archived(installed)
    assert float(_run(installed, code)) == pytest.approx(6)


def _modules(places: Iterable[str]) -> set[str]:
    return {place.removesuffix(".py").replace("/", ".") for place in places}


def test_what_there_is_not_is_not_found(installed: Path) -> None:
    code = "try:\n import edgeconv.passes.nothing\nexcept ModuleNotFoundError as error:\n print(error)"
    assert _run(installed, code) == "No module named 'edgeconv.passes.nothing'"
