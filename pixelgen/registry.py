"""The registry of components: the exchangeable pieces of a job, and how each is spelled.

A *component* is a family, a format, a layout (container or sidecar) or an engine: a frozen
dataclass whose fields are its parameters and whose docstring is its help. Its spec,
``name:key=value,key=value``, is the same on the command line, in a recipe and in a manifest, and
rebuilds it::

    >>> from pixelgen.families import Family
    >>> str(parse(Family, "gaussian:sigma=20"))
    'gaussian:sigma=20.0'

Defining a subclass with a ``name`` registers it::

    @dataclass(frozen=True)
    class Half(Family):
        '''Every pixel at half level.'''

        name = "half"

A component of another project sets no ``name``: its name is its dotted path. It is registered when
its module is imported, and a name in a recipe, a plan or a request never imports anything. The user
decides what may be imported: by naming it on the command line or in ``PIXELGEN_PLUGINS`` (dotted
paths separated by commas), or by installing a package with an entry point in the group
``pixelgen.families``, ``pixelgen.formats``, ``pixelgen.layouts`` or ``pixelgen.engines``.
"""

import math
import os
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from types import ModuleType
from typing import Any, ClassVar, Self, TypeVar, cast

from pixelgen.errors import BadValue, suggest_choice, suggest_comma, suggest_name

Value = int | float | bool | str
T = TypeVar("T", int, float, bool, str)
P = TypeVar("P", bound="Component")

PLUGINS = "PIXELGEN_PLUGINS"

_REGISTRY: dict[str, dict[str, type["Component"]]] = {}
_THIRD_PARTY: dict[str, type["Component"]] = {}  # those of other projects, by dotted path
_COMMA_HINT = r"; write a comma within a value as \,"
_BOOLEANS: Mapping[str, bool] = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


def parameter(
    default: T,
    about: str,
    *,
    low: T | None = None,
    high: T | None = None,
    choices: Sequence[T] = (),
) -> T:
    """Declare a parameter of a component.

    Args:
        default: Its value if none is given; also decides its type.
        about: One line that help shows.
        low: The smallest value, inclusive; None means no bound.
        high: The largest value, inclusive; None means no bound.
        choices: All values that are allowed; empty means any.
    """
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
        """Register a subclass under its own name, or under its dotted path."""
        if "kind" in cls.__dict__:
            _REGISTRY[cls.kind] = {}
        elif "name" in cls.__dict__:
            registered = _REGISTRY[cls.kind].setdefault(cls.name, cls)
            if registered is not cls:
                raise TypeError(f"the {cls.kind} name {cls.name!r} is already registered")
        elif not cls.__module__.startswith("pixelgen."):
            cls.name = f"{cls.__module__}.{cls.__qualname__}"
            _THIRD_PARTY[cls.name] = cls

    def __post_init__(self) -> None:
        """Convert each parameter to its type and check its bounds."""
        for declared in fields(self):
            value = _convert(self, declared, getattr(self, declared.name))
            _check_bounds(self, declared, value)
            object.__setattr__(self, declared.name, value)

    def __str__(self) -> str:
        """Return the spec, with the parameters that differ from their defaults."""
        return self.to_spec()

    def to_spec(self, always: Container[str] = ()) -> str:
        """Return the spec, with the parameters that differ from defaults or are in ``always``."""
        pairs = [
            f"{declared.name}={to_spec(getattr(self, declared.name))}"
            for declared in fields(self)
            if declared.name in always or getattr(self, declared.name) != declared.default
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
        """Create a component of this class from the text after ``name:``."""
        return cls(**parse_parameters(cls, text))


class ComponentPackage(ModuleType):
    """A package of components that can be called to list them: ``pixelgen.families()``."""

    def __call__(self) -> dict[str, type[Component]]:
        """Return the components of the package's kind by name."""
        (kind,) = (each for each in _REGISTRY if self.__name__ == f"pixelgen.{plural_of(each)}")
        return components(kind)


def components(kind: str) -> dict[str, type[Component]]:
    """Import every module of a kind's package; return the kind's components, sorted by name."""
    import importlib
    import pkgutil

    package = importlib.import_module(f"pixelgen.{plural_of(kind)}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return dict(sorted(_REGISTRY[kind].items()))


def subclasses(base: type[P]) -> dict[str, type[P]]:
    """Return the components of a kind by name, as far as they are subclasses of ``base``."""
    found = components(base.kind).items()
    return {name: each for name, each in found if issubclass(each, base)}


def parse(base: type[P], text: str) -> P:
    """Create a component of the kind of ``base`` from ``name:key=value,…``.

    Raises:
        BadValue: For an unknown name or key, a pair without ``=`` and a value out of range.
    """
    name, _, rest = text.strip().partition(":")
    return find_component(base, name).build(rest)


def find_component(base: type[P], name: str, others: Iterable[str] = ()) -> type[P]:
    """Return the component with a name; import the whole kind only if necessary.

    Raises:
        BadValue: For an unknown name; it suggests ``others``, too, which may stand there.
    """
    if "." in name:
        return _find_third_party(base, name.strip())
    name = name.strip().lower()
    found = _REGISTRY[base.kind].get(name)
    if found and issubclass(found, base):
        return found
    names: dict[str, type[P]] = {}
    for component in subclasses(base).values():
        names |= dict.fromkeys((component.name, *component.aliases), component)
    if name in names:
        return names[name]
    plugins = _entry_points(base.kind)
    if name in plugins:
        return _require_subclass(base, import_component(base.kind, plugins[name]))
    raise BadValue(
        f"unknown {base.kind} {name!r}"
        f"{suggest_choice(name, [*sorted(_REGISTRY[base.kind]), *plugins, *others], base.kind)}"
    )


def _find_third_party(base: type[P], path: str) -> type[P]:
    """Return a component of another project by dotted path; import it only if allowed."""
    found = _THIRD_PARTY.get(path)
    if found is None:
        allowed = [each.strip() for each in os.environ.get(PLUGINS, "").split(",")]
        if path not in allowed and path not in _entry_points(base.kind).values():
            raise BadValue(
                f"{base.kind} {path!r} is not part of pixelgen, and pixelgen does not import code"
                f" only because a file names it; if you trust it, add it to {PLUGINS}"
            )
        found = import_component(base.kind, path)
    return _require_subclass(base, found)


def _require_subclass(base: type[P], found: type[Component]) -> type[P]:
    if not issubclass(found, base):
        raise BadValue(f"{found.name} must be a subclass of {base.__module__}.{base.__name__}")
    return found


def import_user_components(kind: str, text: str) -> None:
    """Import the components of other projects that the user named, in a spec or a list of specs."""
    for spec in re.split(r"(?<!\\),", text):
        name = re.split("[:=@]", spec)[0].strip()
        if name.endswith((".csv", ".json", ".yaml", ".yml", ".txt", ".xml")):
            raise BadValue(f"{name!r} is not a {kind}; write a comma within a path as \\,")
        if "." in name:
            import_component(kind, name)


def import_component(kind: str, path: str) -> type[Component]:
    """Import a component of another project by dotted path; raise BadValue if it is not one."""
    import importlib

    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadValue(
            f"{kind} {path!r} cannot be imported: {error}; install it, or add its folder to"
            " PYTHONPATH"
        ) from None
    is_component = isinstance(found, type) and issubclass(found, Component)
    if not is_component or getattr(found, "kind", "") != kind or found.name != path:
        raise BadValue(
            f"{path} is not a {kind} of another project: it must be a subclass of pixelgen's base"
            f" class for {plural_of(kind)} that does not set name"
        )
    return cast(type[Component], found)


def _entry_points(kind: str) -> dict[str, str]:
    """Return the dotted paths of the components of installed packages, by short name."""
    from importlib.metadata import entry_points

    found = entry_points(group=f"pixelgen.{plural_of(kind)}")
    return {each.name: each.value.replace(":", ".") for each in found}


def installed_components(kind: str) -> dict[str, type[Component]]:
    """Import the components of a kind that installed packages offer; return them by short name."""
    return {
        name: import_component(kind, path) for name, path in sorted(_entry_points(kind).items())
    }


def plural_of(kind: str) -> str:
    """Return the plural of a kind: families, formats, layouts, engines."""
    return kind[:-1] + "ies" if kind.endswith("y") else kind + "s"


def parse_parameters(cls: type[Component], text: str) -> dict[str, str]:
    """Split ``key=value,key=value``; a backslash escapes the next character of a value."""
    declared = {each.name: each for each in fields(cls)}
    given: dict[str, str] = {}
    for pair in split_list(text):
        key, equals, value = pair.partition("=")
        key = key.strip()
        if key not in declared:
            takes = f"it takes {', '.join(declared)}" if declared else "it takes none"
            raise BadValue(
                f"{cls.kind} {cls.name!r} has no parameter {key!r}"
                f"{suggest_name(key, declared)} ({takes}{_COMMA_HINT if given else ''})"
            )
        if not equals or not value:
            raise BadValue(f"{cls.kind} {cls.name!r}: write {key!r} as {key}=VALUE")
        if key in given:
            raise BadValue(f"{cls.kind} {cls.name!r}: {key!r} is given twice; give it once")
        given[key] = unescape(value)
    return given


def split_list(text: str) -> list[str]:
    """Split at commas, but for those that a backslash escapes."""
    return re.findall(r"(?:\\.|[^,\\])+", text, re.DOTALL)


def unescape(text: str) -> str:
    """Remove the backslashes that escape the next character."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _convert(component: Component, declared: "Field[Any]", value: object) -> Value:
    """Convert a value to the type of the parameter's default."""
    wanted: type[Any] = type(declared.default)
    try:
        if wanted is bool and isinstance(value, str):
            return _BOOLEANS[value.strip().lower()]
        if wanted is int and isinstance(value, str):
            return int(value.strip(), 0)
        if isinstance(value, bool) != (wanted is bool):
            raise TypeError
        if wanted is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        converted: Value = wanted(value)
    except (ValueError, TypeError, KeyError, OverflowError):
        allowed = {bool: "true or false", int: "a whole number", float: "a number"}[wanted]
        span = re.fullmatch(r"([0-9.]+)\s*[-:–]\s*([0-9.]+)", str(value))
        hint = suggest_comma(f"{declared.name}={value}")
        hint = f"; write a range as {declared.name}={span[1]}..{span[2]}" if span else hint
        raise BadValue(
            f"{component.kind} {component.name!r}: {declared.name}={value} must be {allowed}{hint}"
        ) from None
    return converted


def _check_bounds(component: Component, declared: "Field[Any]", value: Value) -> None:
    low, high, choices = (declared.metadata.get(key) for key in ("low", "high", "choices"))
    printed = to_spec(value if isinstance(value, str) else abbreviate(value))
    where = f"{component.kind} {component.name!r}: {declared.name}={printed}"
    if choices and value not in choices:
        hint = suggest_comma(f"{declared.name}={printed}")
        raise BadValue(f"{where} must be one of {', '.join(map(to_spec, choices))}{hint}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValue(f"{where} must be a finite number")
    if (low is not None and value < low) or (high is not None and value > high):
        span = "..".join("" if end is None else to_spec(end) for end in (low, high))
        raise BadValue(f"{where} is out of range {span}")


def abbreviate(value: float) -> str:
    """Format a number for a message: only the first digits of a very long integer."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"{value:#x}"[:20] + "…"
    return str(value)


def to_spec(value: Value) -> str:
    """Format a parameter's value so that it parses back."""
    if isinstance(value, bool):
        return str(value).lower()
    return re.sub(r"[,\\]", r"\\\g<0>", str(value))
