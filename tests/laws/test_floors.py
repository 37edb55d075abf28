"""Imports never go up a floor, and every foreign package has its few importers."""

from __future__ import annotations

import sys

import pytest

from tests.laws.sources import Source, imports_of, sources

FLOORS = {
    "edgeconv.archived": 0,
    "edgeconv.core": 0,
    "edgeconv.dims": 0,
    "edgeconv.errors": 0,
    "edgeconv.files": 0,
    "edgeconv.records": 0,
    "edgeconv.ops": 1,
    "edgeconv.runtime": 1,
    "edgeconv.bench": 2,
    "edgeconv.data": 2,
    "edgeconv.deployed": 2,
    "edgeconv.export": 2,
    "edgeconv.graph": 2,
    "edgeconv.importer": 2,
    "edgeconv.passes": 2,
    "edgeconv.quantize": 2,
    "edgeconv.report": 2,
    "edgeconv.api": 3,
    "edgeconv.calibration": 3,
    "edgeconv.comparison": 3,
    "edgeconv.feeds": 3,
    "edgeconv.model": 3,
    "edgeconv.support": 3,
    "edgeconv.target": 3,
    "edgeconv": 3,
    "edgeconv.__main__": 4,
    "edgeconv_cli": 4,
}

FOREIGN = {
    "numpy": ("edgeconv", "edgeconv_cli"),
    "onnx": ("edgeconv.importer",),
    "google": ("edgeconv.importer",),
    "flatbuffers": ("edgeconv.export.edge",),
    "PIL": ("edgeconv.data",),
    "click": ("edgeconv_cli",),
    "onnxruntime": ("edgeconv.bench.peers",),
    "ai_edge_litert": ("edgeconv.bench.peers",),
    "distributed": ("edgeconv_cli",),
}
"""Foreign package -> the modules and packages that may import it."""

VERSION_ONLY = "edgeconv"
"""The package itself holds `__version__`, which every floor may read; all its other names load on first use."""

every_source = pytest.mark.parametrize("source", sources(), ids=lambda source: source.module)


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _floor(module: str) -> int:
    owner = max((known for known in FLOORS if _within(module, known)), key=len)
    assert owner != "edgeconv" or module == "edgeconv", f"{module} has no floor: give it one in FLOORS and in docs/"
    return FLOORS[owner]


def _ours(module: str) -> bool:
    return module.partition(".")[0] in ("edgeconv", "edgeconv_cli")


@every_source
def test_imports_never_go_up_a_floor(source: Source) -> None:
    floor = _floor(source.module)
    climbing = [
        f"line {line}: {module} (floor {_floor(module)})"
        for line, module in imports_of(source)
        if _ours(module) and module != VERSION_ONLY and _floor(module) > floor
    ]
    assert not climbing, f"{source.module} is on floor {floor}, but imports {climbing}"


@every_source
def test_foreign_packages_have_their_few_importers(source: Source) -> None:
    strange = []
    for line, module in imports_of(source, at_run_time=True):
        root = module.partition(".")[0]
        allowed = FOREIGN.get(root, ())
        if _ours(module) or root in sys.stdlib_module_names:
            continue
        if not any(_within(source.module, package) for package in allowed):
            strange.append(f"line {line}: {module} (its importers: {', '.join(allowed) or 'none'})")
    assert not strange, f"{source.module} imports {strange}"


def test_operators_know_nothing_of_the_runtime_that_runs_them() -> None:
    operators = [source for source in sources() if _within(source.module, "edgeconv.ops")]
    imported = {module for source in operators for _, module in imports_of(source)}
    assert not [module for module in imported if _within(module, "edgeconv.runtime")]


def test_the_floors_of_a_device_generate_no_code_when_they_load() -> None:
    below = [source for source in sources() if _floor(source.module) <= 1 and source.module != "edgeconv.records"]
    using = [source.module for source in below if "dataclasses" in {module for _, module in imports_of(source)}]
    assert not using, f"{using} import dataclasses: take `dataclass`, `field` and `replace` from edgeconv.records"
