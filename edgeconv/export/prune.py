"""Operator pruning of the runtime: of edgeconv's own code, what some names need, found by following them.

A definition is a statement at the top of a module. It is live when a live one mentions its name, or imports it from
anywhere in its body; what is not live is left out, and so is every module of which nothing is. Statements that run for
their effect live as soon as their module does. Decorators of another module (`@onnx_rule`) do not make a definition
live; those of its own (`@draw.register`) do, once they are.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

from edgeconv.errors import InternalError
from edgeconv.export.strip import strip_source

__all__ = ["prune", "source_of"]

_ROOT = "edgeconv"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def prune(wanted: Iterable[tuple[str, str]], replaced: Mapping[str, str]) -> dict[str, str]:
    """Path ("edgeconv/ops/conv.py") -> source, of all that the (module, name) pairs in `wanted` need.

    replaced: module -> text that stands for it here. Raises InternalError for a name that is nowhere defined.
    """
    pruner = _Pruner(replaced)
    for module, name in wanted:
        pruner.need(module, name)
    pruner.run()
    return {module.path: strip_source(module.live_text()) for _, module in sorted(pruner.modules.items())}


@dataclass
class _Module:
    """One module: its statements, and the numbers of those that are live."""

    name: str
    text: str
    is_package: bool
    body: list[ast.stmt]
    defined: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    live: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        parts = self.name.replace(".", "/")
        return f"{parts}/__init__.py" if self.is_package else f"{parts}.py"

    def live_text(self) -> str:
        lines = self.text.split("\n")
        return "".join(self._source(self.body[number], lines) for number in sorted(self.live))

    def _source(self, node: ast.stmt, lines: list[str]) -> str:
        if isinstance(node, ast.Import | ast.ImportFrom):
            aliases = [alias for alias in node.names if _bound(alias) in self.names]
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                aliases = node.names
            return ast.unparse(type(node)(**{**vars(node), "names": aliases})) + "\n"
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        return "".join(f"{line}\n" for line in lines[first - 1 : node.end_lineno])


class _Pruner:
    """Walks from name to name until nothing new is needed."""

    def __init__(self, replaced: Mapping[str, str]) -> None:
        self.modules: dict[str, _Module] = {}
        self._replaced = replaced
        self._waiting: list[tuple[_Module, int]] = []

    def need(self, module: str, name: str) -> None:
        """Make a name of a module live."""
        found = self._module(module)
        if name in found.names:
            return
        if name not in found.defined:
            if found.is_package and _is_module(f"{module}.{name}"):
                self._need_all(f"{module}.{name}")
            elif "__getattr__" not in found.defined:
                raise InternalError(f"deploy: {module} defines no {name!r}, which the runtime asks of it")
            return
        found.names.add(name)
        for number in found.defined[name]:
            self._enliven(found, number)

    def run(self) -> None:
        """Follow every mention in what is live."""
        while self._waiting:
            module, number = self._waiting.pop()
            node = module.body[number]
            if isinstance(node, ast.Import | ast.ImportFrom):
                continue
            for name in _mentions(node):
                if name in module.defined:
                    self.need(module.name, name)
            for inner in _walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    for alias in inner.names:
                        self._follow(module, inner, alias)

    def _enliven(self, module: _Module, number: int) -> None:
        node = module.body[number]
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if _bound(alias) in module.names:
                    self._follow(module, node, alias)
        if number not in module.live:
            module.live.add(number)
            self._waiting.append((module, number))

    def _follow(self, module: _Module, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> None:
        """Make live what an import brings, where that is ours."""
        if isinstance(node, ast.Import):
            if alias.name.split(".")[0] == _ROOT:
                self._need_all(alias.name)
            return
        base = _base(module, node)
        if base.split(".")[0] == _ROOT:
            self.need(base, alias.name)

    def _need_all(self, name: str) -> None:
        module = self._module(name)
        for defined in module.defined:
            if not defined.startswith("__"):
                self.need(name, defined)

    def _module(self, name: str) -> _Module:
        """The module, its packages, and what they run for its effect."""
        if name not in self.modules:
            package = name.rpartition(".")[0]
            if package:
                self._module(package)
            self.modules[name] = module = _read(name, self._replaced.get(name))
            for number in _effects(module):
                self._enliven(module, number)
        return self.modules[name]


def source_of(name: str) -> str:
    """The source of one of our modules, wherever that is imported from."""
    return _source(_spec(name), name)


def _spec(name: str) -> ModuleSpec:
    spec = find_spec(name)
    if spec is None:
        raise InternalError(f"deploy: there is no module {name}")
    return spec


def _source(spec: ModuleSpec, name: str) -> str:
    if not isinstance(spec.loader, InspectLoader):
        raise InternalError(f"deploy: the module {name} has no source")
    return spec.loader.get_source(name) or ""


def _read(name: str, text: str | None) -> _Module:
    spec = _spec(name)
    text = _source(spec, name) if text is None else text
    module = _Module(name, text, spec.submodule_search_locations is not None, ast.parse(text).body)
    for number, node in enumerate(module.body):
        if not _is_for_type_checkers(node):
            for bound in _bindings(node):
                module.defined[bound].append(number)
    module.defined.pop("__all__", None)
    return module


def _effects(module: _Module) -> Iterator[int]:
    """Numbers of the statements that are not definitions; `from __future__` and module hooks are among them."""
    for number, node in enumerate(module.body):
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        is_hook = isinstance(node, _FUNCTIONS) and node.name.startswith("__")
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_definition = isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)) or _is_plain(node)
        if is_future or is_hook or not (is_definition or is_text or _is_for_type_checkers(node)):
            module.names.update(_bindings(node))
            yield number


def _is_plain(node: ast.stmt) -> bool:
    """True for an assignment to names; `table[key] = value` changes something else."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return bool(targets) and all(isinstance(target, ast.Name | ast.Tuple) for target in targets)


def _bindings(node: ast.stmt) -> Iterator[str]:
    """Names that keep a statement at the top of a module: what it defines, and `draw` where it is `draw.register`ed."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Attribute) and isinstance(decorator.value, ast.Name):
                yield decorator.value.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (_bound(alias) for alias in node.names)
    else:
        yield from (
            each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        )
        for each in ast.walk(node):
            if isinstance(each, ast.Import | ast.ImportFrom):
                yield from (_bound(alias) for alias in each.names)
            elif isinstance(each, (*_FUNCTIONS, ast.ClassDef)):
                yield each.name


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".")[0]


def _base(module: _Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    base = package.rsplit(".", node.level - 1)[0]
    return f"{base}.{node.module}" if node.module else base


def _mentions(node: ast.AST) -> Iterator[str]:
    """Names that a statement reads; a text that is a name counts, since `getattr` may read it."""
    for inner in _walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value.isidentifier():
            yield inner.value


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below, but for annotations: nothing evaluates them, and of their words dataclasses heed one."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns") and value is not None:
            yield from (each for each in ast.walk(value) if isinstance(each, ast.Name) and each.id == "ClassVar")
            continue
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, ast.AST):
                yield from _walk(inner)


def _is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _is_module(name: str) -> bool:
    return find_spec(name) is not None
