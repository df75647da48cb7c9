"""Parts: the exchangeable pieces of a job, and their one spelling.

A *part* is a family, a format, a layout or an engine: a frozen dataclass whose fields are its
parameters and whose docstring is its help. It is spelled ``name:key=value,key=value`` on the
command line, in a recipe and in a manifest, and that spelling rebuilds it::

    >>> from pixelgen.families import Family
    >>> str(parse(Family, "gaussian:sigma=20"))
    'gaussian:sigma=20.0'

Naming a subclass is all it takes to make it known::

    @dataclass(frozen=True)
    class Half(Family):
        '''Every pixel at half level.'''

        name = "half"

One of another project has no ``name`` of its own: it is spelled by its dotted path. It is known
once its module was imported, and a name in a recipe, a plan or a request imports nothing. What may
be imported is what the user names: on the command line, in ``PIXELGEN_PLUGINS`` (dotted paths with
commas between), or by installing a package with an entry point in the group ``pixelgen.families``,
``pixelgen.formats``, ``pixelgen.layouts`` or ``pixelgen.engines``.
"""

import math
import os
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Self, TypeVar, cast

from pixelgen.errors import BadValue

Value = int | float | bool | str
T = TypeVar("T", int, float, bool, str)
P = TypeVar("P", bound="Component")

PLUGINS = "PIXELGEN_PLUGINS"

_REGISTRY: dict[str, dict[str, type["Component"]]] = {}
_FOREIGN: dict[str, type["Component"]] = {}  # those of other projects, by their dotted paths
_COMMA = r"; a comma within a value is written \,"
_WORDS: Mapping[str, bool] = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


def option(
    default: T,
    about: str,
    *,
    low: T | None = None,
    high: T | None = None,
    choices: Sequence[T] = (),
) -> T:
    """Declare a parameter: its default, one line about it, and its inclusive bounds."""
    declared: T = field(
        default=default, metadata={"about": about, "low": low, "high": high, "choices": choices}
    )
    return declared


@dataclass(frozen=True)
class Component:
    """One exchangeable piece of a job; see the module's docstring."""

    kind: ClassVar[str]
    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Make a subclass that has a name of its own known under its kind."""
        if "kind" in cls.__dict__:
            _REGISTRY[cls.kind] = {}
        elif "name" in cls.__dict__:
            known = _REGISTRY[cls.kind].setdefault(cls.name, cls)
            if known is not cls:
                raise TypeError(f"two {cls.kind} parts are named {cls.name!r}")
        elif not cls.__module__.startswith("pixelgen."):
            cls.name = f"{cls.__module__}.{cls.__qualname__}"
            _FOREIGN[cls.name] = cls

    def __post_init__(self) -> None:
        """Bring each parameter to its type and check its bounds."""
        for parameter in fields(self):
            value = _typed(self, parameter, getattr(self, parameter.name))
            _check(self, parameter, value)
            object.__setattr__(self, parameter.name, value)

    def __str__(self) -> str:
        """Spell the part with the parameters that differ from their defaults."""
        return self.to_spec()

    def to_spec(self, always: Container[str] = ()) -> str:
        """Spell the part with the parameters that differ from their defaults, and some always."""
        pairs = [
            f"{parameter.name}={to_spec(getattr(self, parameter.name))}"
            for parameter in fields(self)
            if parameter.name in always or getattr(self, parameter.name) != parameter.default
        ]
        return f"{self.name}:{','.join(pairs)}" if pairs else self.name

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    @classmethod
    def parameters(cls) -> list[dict[str, Any]]:
        """Describe each parameter: name, type, default, about, and bounds where it has them."""
        return [
            {"name": p.name, "type": type(p.default).__name__, "default": p.default}
            | {key: value for key, value in p.metadata.items() if value not in (None, ())}
            for p in fields(cls)
        ]

    @classmethod
    def build(cls, text: str) -> Self:
        """Make the part of this class from the text after ``name:``."""
        return cls(**pairs(cls, text))


def known(kind: str) -> dict[str, type[Component]]:
    """Import every module of a kind's package and return all parts of the kind, sorted by name."""
    import importlib
    import pkgutil

    package = importlib.import_module(f"pixelgen.{plural(kind)}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return dict(sorted(_REGISTRY[kind].items()))


def parse(base: type[P], text: str) -> P:
    """Make a part of the kind of ``base`` from ``name:key=value,…``.

    Raises BadValue for an unknown name or key, a pair without ``=`` and a value out of range.
    """
    name, _, rest = text.strip().partition(":")
    return find(base, name).build(rest)


def find(base: type[P], name: str) -> type[P]:
    """Return the part of a name, or raise BadValue; import the whole kind only if need be."""
    if "." in name:
        return _find_foreign(base, name.strip())
    name = name.strip().lower()
    found = _REGISTRY[base.kind].get(name)
    if found and issubclass(found, base):
        return found
    names: dict[str, type[P]] = {}
    for part in known(base.kind).values():
        if issubclass(part, base):
            names |= dict.fromkeys((part.name, *part.aliases), part)
    if name in names:
        return names[name]
    plugins = _plugins(base.kind)
    if name in plugins:
        return _checked(base, import_part(base.kind, plugins[name]))
    raise BadValue(
        f"unknown {base.kind} {name!r}{suggest_name(name, dict.fromkeys([*names, *plugins]))}"
        f" (see: pixelgen list {plural(base.kind)})"
    )


def _find_foreign(base: type[P], path: str) -> type[P]:
    """Return the part of another project that a dotted path names; import only what is allowed."""
    found = _FOREIGN.get(path)
    if found is None:
        allowed = [each.strip() for each in os.environ.get(PLUGINS, "").split(",")]
        if path not in allowed and path not in _plugins(base.kind).values():
            raise BadValue(
                f"{base.kind} {path!r} is not part of pixelgen, and that a file names it does not"
                f" import its code; if you trust it, name it in {PLUGINS}"
            )
        found = import_part(base.kind, path)
    return _checked(base, found)


def _checked(base: type[P], found: type[Component]) -> type[P]:
    if not issubclass(found, base):
        raise BadValue(f"{found.name} must be a subclass of {base.__module__}.{base.__name__}")
    return found


def import_named(kind: str, text: str) -> None:
    """Import the parts of other projects that the user named, in a spelling or a list of such."""
    for spelled in re.split(r"(?<!\\),", text):
        name = spelled.partition(":")[0].partition("=")[0].strip()
        if "." in name:
            import_part(kind, name)


def import_part(kind: str, path: str) -> type[Component]:
    """Import the part of another project that has a dotted path; raise BadValue if it is none."""
    import importlib

    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadValue(
            f"{kind} {path!r} cannot be imported: {error}; install it, or name its folder in"
            " PYTHONPATH"
        ) from None
    is_part = isinstance(found, type) and issubclass(found, Component)
    if not is_part or getattr(found, "kind", "") != kind or found.name != path:
        raise BadValue(
            f"{path} is not a {kind} of another project: it must be a subclass of pixelgen's base"
            f" class for {plural(kind)}, without a name of its own"
        )
    return cast(type[Component], found)


def _plugins(kind: str) -> dict[str, str]:
    """Return the dotted paths of the parts that installed packages offer, by their short names."""
    from importlib.metadata import entry_points

    found = entry_points(group=f"pixelgen.{plural(kind)}")
    return {each.name: each.value.replace(":", ".") for each in found}


def installed(kind: str) -> dict[str, type[Component]]:
    """Import the parts of a kind that installed packages offer; return them by short name."""
    return {name: import_part(kind, path) for name, path in sorted(_plugins(kind).items())}


def plural(kind: str) -> str:
    """Return the plural of a kind: families, formats, layouts, engines."""
    return kind[:-1] + "ies" if kind.endswith("y") else kind + "s"


def suggest_name(word: str, words: Mapping[str, object]) -> str:
    """Return ``: did you mean …?`` with the nearest of the words, or nothing."""
    import difflib

    near = difflib.get_close_matches(word, list(words), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def pairs(cls: type[Component], text: str) -> dict[str, str]:
    """Split ``key=value,key=value``; a backslash keeps the next character of a value as it is."""
    parameters = {parameter.name: parameter for parameter in fields(cls)}
    given: dict[str, str] = {}
    for pair in re.findall(r"(?:\\.|[^,\\])+", text, re.DOTALL):
        key, equals, value = pair.partition("=")
        key = key.strip()
        if key not in parameters:
            takes = f"it takes {', '.join(parameters)}" if parameters else "it takes none"
            raise BadValue(
                f"{cls.kind} {cls.name!r} has no parameter {key!r}"
                f"{suggest_name(key, parameters)} ({takes}{_COMMA if given else ''})"
            )
        if not equals or not value:
            raise BadValue(f"{cls.kind} {cls.name!r}: write {key!r} as {key}=VALUE")
        if key in given:
            raise BadValue(f"{cls.kind} {cls.name!r}: {key!r} is given twice")
        given[key] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
    return given


def _typed(part: Component, parameter: "Field[Any]", value: object) -> Value:
    """Bring a value to the type of the parameter's default."""
    wanted: type[Any] = type(parameter.default)
    try:
        if wanted is bool and isinstance(value, str):
            return _WORDS[value.strip().lower()]
        if wanted is int and isinstance(value, str):
            return int(value.strip(), 0)
        if isinstance(value, bool) != (wanted is bool):
            raise TypeError
        if wanted is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        typed: Value = wanted(value)
    except (ValueError, TypeError, KeyError, OverflowError):
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[wanted]
        raise BadValue(
            f"{part.kind} {part.name!r}: {parameter.name}={value} is not {kind}"
        ) from None
    return typed


def _check(part: Component, parameter: "Field[Any]", value: Value) -> None:
    low, high, choices = (parameter.metadata.get(key) for key in ("low", "high", "choices"))
    shown = value if isinstance(value, str) else abbreviate(value)
    where = f"{part.kind} {part.name!r}: {parameter.name}={to_spec(shown)}"
    if choices and value not in choices:
        raise BadValue(f"{where} is none of {', '.join(map(to_spec, choices))}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValue(f"{where} is not a finite number")
    if (low is not None and value < low) or (high is not None and value > high):
        span = "..".join("" if end is None else to_spec(end) for end in (low, high))
        raise BadValue(f"{where} is out of range {span}")


def abbreviate(value: float) -> str:
    """Write a number for a message: of a whole one that fills lines, the beginning."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"{value:#x}"[:20] + "…"
    return str(value)


def to_spec(value: Value) -> str:
    """Write a parameter's value so that it parses back."""
    if isinstance(value, bool):
        return str(value).lower()
    return re.sub(r"[,\\]", r"\\\g<0>", str(value))
