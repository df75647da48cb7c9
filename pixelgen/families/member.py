"""A member of a mixture: a family with a weight, and parameters that are drawn for each image.

A member is written ``name=weight@limit:key=value,…``; it has at most ``limit`` images. A value may
be drawn for each image: ``lo..hi`` uniformly between two numbers, ``a|b|c`` one of a list.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from itertools import product
from typing import NamedTuple, Self, TypeAlias

from pixelgen.errors import BadValue
from pixelgen.families.base import Family
from pixelgen.families.presets import PRESETS
from pixelgen.image_types import Shape
from pixelgen.registry import Value, find_component, parse_parameters, to_spec


class Span(NamedTuple):
    """A number drawn from ``low`` to ``high``: a whole one, or one of four significant digits."""

    low: int | float
    high: int | float

    def draw(self, word: int) -> Value:
        """Return the value that a random word of 64 bits stands for."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return self.low + ((word >> 32) * (self.high - self.low + 1) >> 32)
        drawn = self.low + (self.high - self.low) * ((word >> 11) / (1 << 53))
        return min(max(float(f"{drawn:.4g}"), self.low), self.high)

    @property
    def ends(self) -> tuple[Value, Value]:
        """The least and the greatest number."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{to_spec(self.low)}..{to_spec(self.high)}"


class Choice(NamedTuple):
    """One of some values, equally likely."""

    values: tuple[Value, ...]

    def draw(self, word: int) -> Value:
        """Return the value that a random word of 64 bits stands for."""
        return self.values[(word >> 32) * len(self.values) >> 32]

    @property
    def ends(self) -> tuple[Value, Value]:
        """The least and the greatest value, of numbers."""
        return min(self.values, key=float), max(self.values, key=float)

    def __str__(self) -> str:
        return "|".join(map(to_spec, self.values))


Drawn: TypeAlias = Span | Choice


class Member(NamedTuple):
    """A family of a mixture: its weight, its fixed parameters, and those drawn for each image.

    It has at most ``limit`` images, counted from image 0; 0 means no limit.
    """

    family: Family
    weight: Fraction = Fraction(1)
    drawn: tuple[tuple[str, Drawn], ...] = ()
    limit: int = 0

    @classmethod
    def build(cls, name: str, weight: Fraction, limit: int, text: str) -> Self:
        """Read the text after the colon; raise BadValue for what is not allowed."""
        family = find_component(Family, name, PRESETS)
        fixed: dict[str, str] = {}
        drawn: list[tuple[str, Drawn]] = []
        given = parse_parameters(family, text)
        for key in (field.name for field in fields(family) if field.name in given):
            found = _drawn(family, key, given[key])
            if found:
                drawn.append((key, found))
            else:
                fixed[key] = given[key]
        member = cls(family(**fixed), weight, tuple(drawn), limit)
        member._check_source()
        return member

    def _check_source(self) -> None:
        """Refuse to draw for each image what decides which images of the user's are read at all."""
        if self.family.image_source is None:
            return
        for key, values in self.drawn:
            ends = {replace(self.family, **{key: end}).image_source for end in values.ends}
            if ends != {self.family.image_source}:
                raise BadValue(
                    f"family {self.family.name!r}: {key} cannot be drawn for each image, as it"
                    f" decides which of your images are read; write one value: {key}="
                    f"{to_spec(values.ends[0])}"
                )

    @property
    def drawn_names(self) -> tuple[str, ...]:
        """The parameters that are drawn."""
        return tuple(name for name, _ in self.drawn)

    @property
    def algorithms(self) -> set[str]:
        """The families that its images come from, each with the version of its pixels."""
        found = self.family.algorithms
        for key, drawn in self.drawn:
            for value in drawn.values if isinstance(drawn, Choice) else ():
                found |= replace(self.family, **{key: value}).algorithms
        return found

    def at(self, words: Sequence[int]) -> Family:
        """Return the family with the parameters that random words of 64 bits stand for."""
        if not self.drawn:
            return self.family
        values = {field.name: getattr(self.family, field.name) for field in fields(self.family)}
        for (key, drawn), word in zip(self.drawn, words, strict=False):
            values[key] = drawn.draw(word)
        return type(self.family)(**values)

    def check_shape(self, shape: Shape) -> None:
        """Refuse a frame that the family cannot fill with everything that may be drawn for it.

        The family is asked with the least and the greatest of each number that it depends on.

        Raises:
            BadValue: For such a frame.
        """
        ends = [
            [(name, end) for end in drawn.ends]
            for name, drawn in self.drawn
            if name in self.family.shape_parameters
        ]
        for corner in product(*ends):
            replace(self.family, **dict(corner)).check_shape(shape)

    def __str__(self) -> str:
        name, _, rest = str(self.family).partition(":")
        parameters = [rest] if rest else []
        parameters += [f"{key}={drawn}" for key, drawn in self.drawn]
        head = name if self.weight == 1 else f"{name}={self.weight}"
        head += f"@{self.limit}" if self.limit else ""
        return f"{head}:{','.join(parameters)}" if parameters else head


def _drawn(family: type[Family], key: str, text: str) -> Drawn | None:
    """Read a range or a list; None if the text is one value."""
    default = next(field.default for field in fields(family) if field.name == key)
    described = next(each for each in family.parameters() if each["name"] == key)
    is_text = isinstance(default, str)
    if is_text and "choices" not in described:  # free text may contain "|" and ".."
        return None

    def value(word: str) -> Value:
        read: Value = getattr(family(**{key: word}), key)
        return read

    if "|" in text and ".." in text:
        raise BadValue(
            f"family {family.name!r}: {key}={text} must be a list of values or a range, not both"
        )
    if "|" in text:
        return Choice(tuple(map(value, text.split("|"))))
    low, dots, high = text.partition("..")
    if not dots or is_text or isinstance(default, bool):
        return None
    least, most = value(low), value(high)
    if not isinstance(least, str) and not isinstance(most, str) and least <= most:
        return Span(least, most)
    raise BadValue(
        f"family {family.name!r}: range {key}={text} ends below its start; write LOW..HIGH"
    )
