"""Stripped source: the same program, shorter."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest

from edgeconv.export.strip import Kept, lean_source, strip_source
from tests.laws.sources import Source, sources

_BEFORE = '''"""What it is."""

from __future__ import annotations
X: int = 3  # three
"""Said after it."""

@dataclass(frozen=True)
class Point:
    """A place."""

    x: float = 0.0  # across
    unit: ClassVar[str] = "m"

    def at(self, *others: Point, scale: float = 1.0, **rest: "Any") -> dict[str, list[int]]:
        """Docs."""
        count: int
        total: float = 0.0

        text = """two
# no comment

lines"""
        return {f"{self.x:.3f} # {'ä'}": lambda a, b=2: total}


class Empty(Exception):
    """Nothing more."""
'''

_AFTER = '''from __future__ import annotations
X=3
@dataclass(frozen=True)
class Point:
 x:float=0.0
 unit="m"
 def at(self,*others,scale=1.0,**rest):
  pass
  total=0.0
  text="""two
# no comment

lines"""
  return{f"{self.x:.3f} # {'ä'}":lambda a,b=2:total}
class Empty(Exception):
 pass
'''


def test_what_goes_and_what_stays() -> None:
    assert strip_source(_BEFORE) == _AFTER


_MODULE = '''"""What it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgeconv.core import Array, type_of
from edgeconv.graph import Graph  # handed on

if TYPE_CHECKING:
    from edgeconv.report import AccuracyReport

__all__ = ["Graph", "show"]


@command("show")
def show(x: Array, then: Callable[[Graph], None]) -> AccuracyReport:
    """Shows it."""
    scale: float = 1.0
    return then(_known(type_of(x), scale))


def _known(x: Sequence[int], items: Items | None = None) -> Array:
    """Helps."""
    return x
'''


def test_an_implementation_loses_imports_that_nothing_reads() -> None:
    assert (
        lean_source(_MODULE)
        == """from edgeconv.core import type_of
from edgeconv.graph import Graph
__all__=["Graph","show"]
@command("show")
def show(x,then):
 scale=1.0
 return then(_known(type_of(x),scale))
def _known(x,items=None):
 return x
"""
    )


def test_a_public_module_keeps_what_its_public_names_say() -> None:
    assert (
        lean_source(_MODULE, Kept(public=True))
        == '''"""What it is."""
from __future__ import annotations
from collections.abc import Callable
from typing import TYPE_CHECKING
from edgeconv.core import Array,type_of
from edgeconv.graph import Graph
if TYPE_CHECKING:
 from edgeconv.report import AccuracyReport
__all__=["Graph","show"]
@command("show")
def show(x:Array,then:Callable[[Graph],None])->AccuracyReport:
 """Shows it."""
 scale=1.0
 return then(_known(type_of(x),scale))
def _known(x,items=None):
 return x
'''
    )


def test_commands_keep_what_click_prints_and_rules_what_binds_them() -> None:
    lean = lean_source(_MODULE, Kept(decorated=True, words=("Items",)))
    assert '"""Shows it."""' in lean
    assert "Helps" not in lean
    assert "def _known(x,items:Items|None=None):" in lean
    assert lean.startswith("from __future__ import annotations\n")


def test_rules_keep_what_their_attributes_are_checked_by() -> None:
    text = "@{}\ndef rule(x: Typed, *, axis: int = 0) -> Expr:\n    return x\n"
    kept = Kept(checked="onnx_rule")
    assert (
        strip_source(text.format('onnx_rule("Op")'), kept) == '@onnx_rule("Op")\ndef rule(x,*,axis:int=0):\n return x\n'
    )
    assert strip_source(text.format('another("Op")'), kept) == '@another("Op")\ndef rule(x,*,axis=0):\n return x\n'


def test_forms_of_a_single_dispatch_keep_what_they_are_chosen_by() -> None:
    text = "@draw.register\ndef _(block: Table, style: Style) -> str:\n    return str(block)\n"
    assert strip_source(text) == "@draw.register\ndef _(block:Table,style:Style)->str:\n return str(block)\n"
    assert ":" not in strip_source(text.replace("register", "register(Table)")).splitlines()[1][:-1]


def test_a_statement_is_one_line_and_a_level_of_indentation_one_space() -> None:
    text = 'if x:\n    if y:\n        call(\n            """a  \n    b""", "c",\n        )\n'
    assert strip_source(text) == 'if x:\n if y:\n  call("""a  \n    b""","c",)\n'
    text = "if x:\n    pass\nelse:  # no\n    z = 1 + \\\n        2\n"
    assert strip_source(text) == "if x:\n pass\nelse:\n z=1+2\n"


def test_spaces_stay_where_words_or_strings_would_run_together() -> None:
    text = "x = not y if 1 in z else f'{ y  !r:{ w }} { {1: 2} }' 'a  b' or - z\n"
    assert strip_source(text) == "x=not y if 1 in z else f'{ y  !r:{ w }} { {1: 2} }' 'a  b' or-z\n"
    text = 'z = f"""{\n  x}\n  {f"{y}"}""" + "" "c"\n'
    assert strip_source(text) == 'z=f"""{\n  x}\n  {f"{y}"}"""+"" "c"\n'


def test_a_list_of_names_goes_where_all_of_them_are_defined() -> None:
    assert lean_source('__all__ = ["X"]\nX = 3\n') == "X=3\n"


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.module)
def test_the_program_stays_the_same(source: Source) -> None:
    short = strip_source(source.text)
    tree = ast.parse(short)
    assert ast.dump(_Bare().visit(tree)) == ast.dump(_Bare().visit(ast.parse(source.text)))
    assert len(short) <= len(source.text)
    kinds = {token.type for token in tokenize.generate_tokens(io.StringIO(short).readline)}
    assert tokenize.COMMENT not in kinds


class _Bare(ast.NodeTransformer):
    """A tree without docstrings, `pass`, and annotations that are not of a class: what both texts must agree in."""

    def __init__(self) -> None:
        self._is_in_class = False

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._inside(node, True)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._inside(node, False)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        self.generic_visit(node)
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if self._is_in_class and not (node.value and ast.unparse(node.annotation).startswith("ClassVar")):
            return node
        return None if node.value is None else ast.Assign([node.target], node.value)

    def _inside(self, node: ast.AST, is_class: bool) -> ast.AST:
        outer, self._is_in_class = self._is_in_class, is_class
        self.generic_visit(node)
        self._is_in_class = outer
        return node
