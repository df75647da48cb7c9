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

One of another project has no ``name`` of its own: it is spelled, and found, by its dotted path.
"""

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Self, TypeVar

from pixelgen.errors import BadValue

Value = int | float | bool | str
T = TypeVar("T", int, float, bool, str)
P = TypeVar("P", bound="Part")

_REGISTRY: dict[str, dict[str, type["Part"]]] = {}
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
class Part:
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

    def __post_init__(self) -> None:
        """Bring each parameter to its type and check its bounds."""
        for parameter in fields(self):
            value = _typed(self, parameter, getattr(self, parameter.name))
            _check(self, parameter, value)
            object.__setattr__(self, parameter.name, value)

    def __str__(self) -> str:
        """Spell the part with the parameters that differ from their defaults."""
        return self.spell()

    def spell(self, always: Container[str] = ()) -> str:
        """Spell the part with the parameters that differ from their defaults, and some always."""
        pairs = [
            f"{parameter.name}={spell(getattr(self, parameter.name))}"
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


def known(kind: str) -> dict[str, type[Part]]:
    """Import every module of a kind's package and return all parts of the kind, sorted by name."""
    import importlib
    import pkgutil

    package = importlib.import_module(f"pixelgen.{plural(kind)}")
    for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
        importlib.import_module(f"{package.__name__}.{module.name}")
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
        return _import(base, name.strip())
    name = name.strip().lower()
    found = _REGISTRY[base.kind].get(name)
    if found and issubclass(found, base):
        return found
    names: dict[str, type[P]] = {}
    for part in known(base.kind).values():
        if issubclass(part, base):
            names |= dict.fromkeys((part.name, *part.aliases), part)
    if name not in names:
        raise BadValue(
            f"unknown {base.kind} {name!r}{did_you_mean(name, names)}"
            f" (see: pixelgen list {plural(base.kind)})"
        )
    return names[name]


def _import(base: type[P], path: str) -> type[P]:
    """Return the part that another project has under a dotted path."""
    import importlib

    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadValue(
            f"{base.kind} {path!r} cannot be imported: {error}; install it, or name its folder in"
            " PYTHONPATH"
        ) from None
    if not (isinstance(found, type) and issubclass(found, base)) or found.name != path:
        raise BadValue(
            f"{path} is no {base.kind} of another project: it must be a subclass of"
            f" {base.__module__}.{base.__name__} without a name of its own"
        )
    return found


def plural(kind: str) -> str:
    """Return the plural of a kind: families, formats, layouts, engines."""
    return kind[:-1] + "ies" if kind.endswith("y") else kind + "s"


def did_you_mean(word: str, words: Mapping[str, object]) -> str:
    """Return ``: did you mean …?`` with the nearest of the words, or nothing."""
    import difflib

    near = difflib.get_close_matches(word, list(words), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def pairs(cls: type[Part], text: str) -> dict[str, str]:
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
                f"{did_you_mean(key, parameters)} ({takes}{_COMMA if given else ''})"
            )
        if not equals or not value:
            raise BadValue(f"{cls.kind} {cls.name!r}: write {key!r} as {key}=VALUE")
        if key in given:
            raise BadValue(f"{cls.kind} {cls.name!r}: {key!r} is given twice")
        given[key] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
    return given


def _typed(part: Part, parameter: "Field[Any]", value: object) -> Value:
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


def _check(part: Part, parameter: "Field[Any]", value: Value) -> None:
    low, high, choices = (parameter.metadata.get(key) for key in ("low", "high", "choices"))
    shown = value if isinstance(value, str) else brief(value)
    where = f"{part.kind} {part.name!r}: {parameter.name}={spell(shown)}"
    if choices and value not in choices:
        raise BadValue(f"{where} is none of {', '.join(map(spell, choices))}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValue(f"{where} is not a finite number")
    if (low is not None and value < low) or (high is not None and value > high):
        span = f"{spell(low) if low is not None else ''}..{spell(high) if high is not None else ''}"
        raise BadValue(f"{where} is out of range {span}")


def brief(value: float) -> str:
    """Write a number for a message: of a whole one that fills lines, the beginning."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"{value:#x}"[:20] + "…"
    return str(value)


def spell(value: Value) -> str:
    """Write a parameter's value so that it parses back."""
    if isinstance(value, bool):
        return str(value).lower()
    return re.sub(r"[,\\]", r"\\\g<0>", str(value))
