"""Frozen dataclasses without generated code: the standard library's `@dataclass(frozen=True)`, made in microseconds.

The standard library compiles the methods of every dataclass when its module loads, which takes longer than to read a
model and to run it. Here, all classes share plain methods. Everything in `dataclasses` (`fields`, `replace`, `asdict`,
even a standard dataclass as subclass) works on the result; that module loads when somebody asks. Annotations must be
strings (`from __future__ import annotations`). To type checkers it is the standard decorator.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

__all__ = ["MISSING", "Field", "dataclass", "field", "fields_of", "replace"]

if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace

MISSING: Any = type("MISSING", (), {"__repr__": lambda self: "MISSING"})()
"""The default of a field that has none."""


class Field:
    """One field: its name, its annotation as written, and its default."""

    __slots__ = ("annotation", "compare", "default", "default_factory", "name", "repr")

    def __init__(self, default: Any, default_factory: Any, compare: bool, repr: bool) -> None:
        self.name = self.annotation = ""
        self.default, self.default_factory = default, default_factory
        self.compare, self.repr = compare, repr

    def value(self, owner: str) -> Any:
        """The default; TypeError where there is none."""
        if self.default_factory is not MISSING:
            return self.default_factory()
        if self.default is MISSING:
            raise TypeError(f"{owner}() needs a value for {self.name!r}")
        return self.default


def fields_of(cls: type) -> tuple[Field, ...]:
    """The fields of a class made by `dataclass`, or derived from one, in order; none for any other class."""
    found: tuple[Field, ...] = getattr(cls, "__record_fields__", ())
    return found


if not TYPE_CHECKING:

    def field(*, default=MISSING, default_factory=MISSING, compare=True, repr=True) -> Field:
        """A field that is more than a name and a default."""
        return Field(default, default_factory, compare, repr)

    def dataclass(*, frozen: bool, eq: bool = True) -> Callable[[type], type]:
        """Give a class the methods of a frozen dataclass, equal by value unless `eq` is False."""
        if not frozen:
            raise TypeError("records are frozen; dataclasses.dataclass makes mutable ones")
        return lambda cls: _equip(cls, eq)

    def replace(record, /, **changes):
        """The record with other values in some fields."""
        kept = {each.name: getattr(record, each.name) for each in fields_of(type(record))}
        return type(record)(**(kept | changes))


def _equip(cls: Any, eq: bool) -> Any:
    """What the class neither defines itself nor inherits from another record."""
    fields, is_derived = _collect(cls), hasattr(cls, "__record_fields__")
    methods: dict[str, Any] = {"__init__": _initializer(cls, fields)}
    if eq:
        methods["__eq__"], methods["__hash__"] = _comparison([each.name for each in fields if each.compare])
    if not is_derived:
        methods["__repr__"] = _repr
        cls.__setattr__ = cls.__delattr__ = _refuse_change
        cls.__dataclass_fields__, cls.__dataclass_params__ = _FIELDS, _PARAMS
    own = vars(cls)
    for name, method in methods.items():
        if own.get(name) is None:
            setattr(cls, name, method)
    cls.__record_fields__ = fields
    return cls


def _collect(cls: type) -> tuple[Field, ...]:
    """Inherited fields first; a field given anew keeps its place."""
    found = {each.name: each for base in reversed(cls.__mro__[1:]) for each in fields_of(base)}
    for name, annotation in cls.__annotations__.items():
        if annotation.startswith("ClassVar"):
            continue
        given = cls.__dict__.get(name, MISSING)
        item = given if isinstance(given, Field) else Field(given, MISSING, True, True)
        item.name, item.annotation = name, annotation
        found[name] = item
        if isinstance(given, Field):
            delattr(cls, name)
            if item.default is not MISSING:
                setattr(cls, name, item.default)
    return tuple(found.values())


def _initializer(cls: type, fields: tuple[Field, ...]) -> Callable[..., None]:
    names, owner = tuple(each.name for each in fields), cls.__name__
    has_more = hasattr(cls, "__post_init__")
    defaults = tuple(each.default for each in fields)
    least = max((n for n, default in enumerate(defaults, 1) if default is MISSING), default=0)

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs or not least <= len(args) <= len(names):
            args = _bind(owner, fields, args, kwargs)
        elif len(args) < len(names):
            args += defaults[len(args) :]
        self.__dict__.update(zip(names, args))  # noqa: B905 - as many as there are names, by the line above
        if has_more:
            self.__post_init__()

    return initialize


def _bind(owner: str, fields: tuple[Field, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """One value for every field; TypeError for one too many, one too few, or a name that is not there."""
    if len(args) > len(fields):
        raise TypeError(f"{owner}() takes {len(fields)} values, found {len(args)}")
    rest, given = fields[len(args) :], len(kwargs)
    values = [kwargs[each.name] if each.name in kwargs else each.value(owner) for each in rest]
    if given > sum(each.name in kwargs for each in rest):
        strange = set(kwargs) - {each.name for each in rest}
        raise TypeError(f"{owner}() has no field {sorted(strange)[0]!r}, or two values for it")
    return (*args, *values)


def _repr(self: Any) -> str:
    shown = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields_of(type(self)) if each.repr)
    return f"{type(self).__qualname__}({shown})"


def _refuse_change(self: Any, name: str, value: Any = None) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"{type(self).__name__}.{name} cannot be changed")


def _comparison(names: list[str]) -> tuple[Callable[[Any, Any], Any], Callable[[Any], int]]:
    """`__eq__` and `__hash__` over the values of `names`, for instances of one class."""
    get: Callable[[Any], Any] = attrgetter(*names) if len(names) > 1 else _tuple_getter(names)

    def equal(self: Any, other: Any) -> Any:
        return get(self) == get(other) if other.__class__ is self.__class__ else NotImplemented

    return equal, lambda self: hash(get(self))


def _tuple_getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda self: tuple(getattr(self, name) for name in names)


class _Standard:
    """An attribute that `dataclasses` looks for, made when it does."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        return getattr(_standard_twin(owner), self._name)


_FIELDS, _PARAMS = _Standard("__dataclass_fields__"), _Standard("__dataclass_params__")


@cache
def _standard_twin(cls: type) -> type:
    """A dataclass of the standard library with the same fields."""
    import dataclasses

    twins = []
    for each in fields_of(cls):
        options: dict[str, Any] = {"compare": each.compare, "repr": each.repr}
        if each.default is not MISSING:
            options["default"] = each.default
        if each.default_factory is not MISSING:
            options["default_factory"] = each.default_factory
        twins.append((each.name, each.annotation, dataclasses.field(**options)))
    return dataclasses.make_dataclass(cls.__name__, twins, frozen=True)
