"""The build is setuptools' own, as pyproject.toml says; but what is installed is lean.

A wheel has no comments, and docstrings and annotations only where a user meets them: in the modules of `PUBLIC`, and
those of the commands that click prints. The converter's other modules are one file in it, which
`edgeconv/archived.py` imports from. The repository, the sdist and an editable install have everything, as plain files.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from setuptools import setup
from setuptools.command.build_py import build_py

PUBLIC = frozenset(
    {
        *("edgeconv", "edgeconv.api", "edgeconv.calibration", "edgeconv.comparison", "edgeconv.core"),
        *("edgeconv.data", "edgeconv.data.grammar", "edgeconv.data.preprocessing", "edgeconv.data.source"),
        *(
            "edgeconv.deployed",
            "edgeconv.deployed.carried",
            "edgeconv.dims",
            "edgeconv.errors",
            "edgeconv.graph",
            "edgeconv.graph.graph",
        ),
        *("edgeconv.model", "edgeconv.quantize", "edgeconv.quantize.calibrated", "edgeconv.quantize.config"),
        *("edgeconv.records", "edgeconv.report", "edgeconv.report.accuracy", "edgeconv.report.conversion"),
        *("edgeconv.report.layers", "edgeconv.runtime", "edgeconv.runtime.interpreter", "edgeconv.runtime.litert"),
        *("edgeconv.runtime.profile", "edgeconv.runtime.program"),
    }
)
"""Modules that keep the docstrings and annotations of their public names."""

FILES = (
    *("edgeconv.archived", "edgeconv.ops.", "edgeconv.runtime.", "edgeconv_cli.main"),
    *("edgeconv.data.input_statistics", "edgeconv.quantize.pipeline", "edgeconv.quantize.select"),
    *("edgeconv.quantize.statistics", "edgeconv.report.record"),
)
"""Modules that are plain files as well, or what their names begin with: what a device needs, where all begins, and the
types that public names hand out; but not `RULES` and `RARE`.
"""

RULES = frozenset(
    f"edgeconv.ops.{name}"
    for name in (
        *("attention", "attention_rules", "auto_pad", "class_labels", "crop_resize", "experimental", "features"),
        *("fused", "gemm"),
        *("integer_products", "loop_import", "loop_trips", "nhwc_rules", "qdq_blocks", "qlinear", "sequence"),
        *("tree_rules", "tree_tables"),
    )
)
"""Modules of operators' import rules, which no device needs: tests/laws/test_archived.py knows them all."""

RARE = frozenset(
    f"edgeconv.ops.{name}"
    for name in (
        *("branch", "logic", "loop", "narrow", "non_max_suppression", "tensor_scatter", "top_k"),
        *("label_encoder", "linear_model", "post_transform", "range", "scatter", "svm", "tf_idf", "tree_ensemble"),
        *("dft", "einsum", "det", "cum_sum", "reduce_norms", "hardmax", "reverse", "simple_norms", "unique"),
        *("col2im", "deform_conv", "grid_sample", "lp_pool", "max_unpool", "non_zero", "roi_align", "sample_points"),
    )
)
"""Modules of operators without an int8 form that networks for small devices seldom have, or only behind the
last layer: control flow, classical machine learning, mathematics, less usual ways to sample or to index, selections.
"""

FINDER = """
class _Archived:
 @staticmethod
 def find_spec(name,path=None,target=None):
  if name.startswith(("edgeconv.","edgeconv_cli.")):
   from edgeconv.archived import find_spec
   return find_spec(name)
import sys
sys.meta_path.append(_Archived)
"""
"""The end of `edgeconv/__init__.py`: asked last, for modules of ours that no file answers."""

_WORD, _SHARED, _REACH = re.compile(r"\b\w"), 8, 1 << 15
"""Characters that make a beginning of a word, and how far back deflate sees what it can repeat."""

_TOKEN, _FOREIGN, _CODES = re.compile(r"[A-Za-z0-9_]+"), re.compile(r"[^\x00-\x7f]"), 128
"""Words, characters that are not ASCII, and how many words and such characters can be coded."""

_STRIP = Path(__file__).parent / "edgeconv" / "export" / "strip.py"


def lean(module: str, text: str) -> str:
    """The source of a module as it is installed."""
    strip = sys.modules.get("_strip") or _load_strip()
    # import rules are bound by their annotations: edgeconv/importer/arguments.py
    words, checked = ("Items", "Names", "Nothing", "Subgraph"), "onnx_rule"
    is_command = module.startswith("edgeconv_cli.")
    kept = strip.Kept(public=module in PUBLIC, decorated=is_command, words=words, checked=checked)
    return str(strip.lean_source(text, kept))


def beside_alike(sources: dict[str, str]) -> list[str]:
    """The places, each behind those that its source shares most beginnings of words with: they compress best there."""
    known = {
        place: {text[each.start() : each.start() + _SHARED] for each in _WORD.finditer(text)}
        for place, text in sources.items()
    }
    left, order = list(sources), list[str]()
    while left:
        near, size = set[str](), 0
        for place in reversed(order):
            if size > _REACH:
                break
            near, size = near | known[place], size + len(sources[place])
        order.append(max(left, key=lambda place: len(known[place] & near) / max(len(known[place]), 1)))
        left.remove(order[-1])
    return order


def coded(text: str) -> bytes:
    """The archive of `text`: one character instead of each of the words that take most of it, for edgeconv/archived.py.

    Deflate sees 32 kB, and would say them again and again.
    """
    foreign = sorted(set(_FOREIGN.findall(text)))
    counts = Counter(_TOKEN.findall(text))
    longest = sorted(counts, key=lambda word: (counts[word] * (1 - len(word)), word))
    words = [*foreign, *longest[: _CODES - len(foreign)]]
    codes = {word: chr(256 - _CODES + index) for index, word in enumerate(words)}
    short = _TOKEN.sub(lambda found: codes.get(found[0], found[0]), _FOREIGN.sub(lambda found: codes[found[0]], text))
    return " ".join(words).encode("unicode_escape") + short.encode("latin-1")


def _load_strip() -> ModuleType:
    """`edgeconv.export.strip` without edgeconv, whose dependencies are not there when it is built."""
    spec = spec_from_file_location("_strip", _STRIP)
    assert spec is not None and spec.loader is not None
    module = sys.modules["_strip"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class LeanBuild(build_py):
    """Copies modules as `lean` has them."""

    def run(self) -> None:
        """Every module anew: what stands in build/ may come from an earlier build, of modules that are gone."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            self._archive(Path(self.build_lib))

    @staticmethod
    def _archive(root: Path) -> None:
        """Put into one file what is not among the wheel's plain ones."""
        packed = {}
        for path in sorted(root.rglob("*.py")):
            place = path.relative_to(root).as_posix()
            module = place.removesuffix(".py").replace("/", ".")
            is_file = path.name == "__init__.py" or module in PUBLIC or module.startswith(FILES)
            if not is_file or module in RULES | RARE:
                packed[place] = path.read_text(encoding="utf-8")
                path.unlink()
        text = "".join(f"\f{place}\n{packed[place]}" for place in beside_alike(packed))
        if text.count("\f") != len(packed):
            raise ValueError("a form feed separates the sources in the archive, and one of them has its own")
        (root / "edgeconv" / "archived.txt").write_bytes(coded(text))
        with (root / "edgeconv" / "__init__.py").open("a", encoding="utf-8") as package:
            package.write(FINDER)

    def build_module(self, module: str, module_file: str, package: str) -> tuple[str, bool]:
        """Where the module was put, and that it was."""
        target, is_copied = super().build_module(module, module_file, package)
        if not self.editable_mode:
            name = ".".join([package, *([] if module == "__init__" else [module])])
            Path(target).write_text(lean(name, Path(module_file).read_text(encoding="utf-8")), encoding="utf-8")
        return target, is_copied


if __name__ == "__main__":
    setup(cmdclass={"build_py": LeanBuild})
