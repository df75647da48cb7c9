"""Components: one spelling, parsed and printed without loss."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgen import registry
from pixelgen.engines import Engine
from pixelgen.errors import SYNONYMS, BadValue
from pixelgen.families import Family, Shape
from pixelgen.families.pointwise import Gaussian
from pixelgen.families.presets import PRESETS
from pixelgen.formats import Format
from pixelgen.formats.pillow import Jpeg
from pixelgen.image_types import Pixels
from pixelgen.job import Job
from pixelgen.layouts import LayoutComponent
from pixelgen.registry import Component, parameter, parse
from pixelgen.rng import Stream
from pixelgen.trainers import TRAINERS

KINDS: tuple[type[Component], ...] = (Family, Format, LayoutComponent, Engine)
EVERY = [(base, part) for base in KINDS for part in registry.components(base.kind).values()]


@pytest.fixture
def ramp() -> Iterator[type[Family]]:
    """Define a family, as a stranger would, and forget it again."""

    @dataclass(frozen=True)
    class Ramp(Family):
        """Levels that rise from left to right."""

        name = "ramp"
        number = 0xFFFF

        step: int = parameter(1, "levels a pixel", low=1, high=9)
        note: str = parameter("", "a free word")

        def render(self, stream: Stream, shape: Shape) -> Pixels:
            row = np.arange(shape.width, dtype=shape.dtype) * self.step
            return np.broadcast_to(row[:, None], shape.levels).astype(shape.dtype)

    yield Ramp
    registry._REGISTRY["family"].pop("ramp")


def test_a_family_of_ten_lines_is_known_everywhere(ramp: type[Family]) -> None:
    job = Job.parse(count=1, width=4, height=2, family="ramp:step=3")

    assert job[0][0, :, 0].tolist() == [0, 3, 6, 9]
    assert job.to_dict()["family"] == "ramp:step=3"
    assert Job.parse(**job.to_dict()) == job
    assert "ramp" in registry.components("family")
    with pytest.raises(BadValue, match=r"'ramp'.* step=10 .*1\.\.9"):
        parse(Family, "ramp:step=10")
    with pytest.raises(BadValue, match="'ramp'"):
        parse(Family, "rmap")


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_any_text_in_a_parameter_survives_its_spelling(word: str) -> None:
    @dataclass(frozen=True)
    class Echo(Family):
        """Holds a word."""

        word: str = parameter("", "a word")

        def render(self, stream: Stream, shape: Shape) -> Pixels:
            raise AssertionError

    Echo.name = "echo"  # known by its class alone
    part = Echo(word)

    assert Echo.build(str(part).partition(":")[2]) == part


@pytest.mark.parametrize(("base", "part"), EVERY, ids=lambda value: value.__name__)
def test_each_part_is_rebuilt_by_its_spelling(base: type[Component], part: type[Component]) -> None:
    for changed in _variants(part):
        assert parse(base, str(changed)) == changed
        assert hash(parse(base, str(changed))) == hash(changed)


def _variants(part: type[Component]) -> Iterator[Component]:
    """Yield the part as it is, and with each parameter at each bound and choice."""
    yield part()
    for declared in fields(part):
        bounds = [declared.metadata[key] for key in ("low", "high") if declared.metadata[key]]
        choices = [True, False] if isinstance(declared.default, bool) else bounds
        for value in (*choices, *declared.metadata["choices"]):
            yield part(**{declared.name: value})


@pytest.mark.parametrize(("base", "part"), EVERY, ids=lambda value: value.__name__)
def test_each_part_helps_its_user(base: type[Component], part: type[Component]) -> None:
    assert part.summary().endswith(".")
    assert base.kind == part.kind
    for declared in part.parameters():
        assert declared["about"]
        bounded = {"low", "high"} <= declared.keys() or "choices" in declared
        assert bounded or declared["type"] in ("bool", "str"), declared


@pytest.mark.parametrize(
    ("base", "text", "facts"),
    [
        (Family, "unifrom", "family 'unifrom' 'uniform'"),
        (Format, "pngg", "format 'pngg' 'png'"),
        (LayoutComponent, "file", "layout 'file' 'files'"),
        (Engine, "lokal", "engine 'lokal' 'local'"),
        (Family, "", "family ''"),
        (Family, "gaussian:sigma", "'sigma' sigma=VALUE"),
        (Family, "gaussian:sgma=3", "'gaussian' 'sgma' 'sigma' mean"),
        (Family, "uniform:a=3", "'uniform' 'a' none"),
        (Family, "gaussian:sigma=-1", "sigma=-1.0 0.0..10000.0"),
        (Family, "gaussian:sigma=nan", "sigma=nan finite number"),
        (Family, "gaussian:sigma=wide", "sigma=wide number"),
        (Family, "gaussian:sigma=1,sigma=2", "'sigma' twice"),
        (Family, "solid:tone=blue", "tone=blue random gray black white"),
        (Format, "jpeg:quality=101", "quality=101 1..100"),
        (Format, "jpeg:quality=9.5", "quality=9.5 whole number"),
        (Format, "jpeg:progressive=maybe", "progressive=maybe true false"),
        (Format, "png:compression=10", "compression=10 auto 0 1"),
    ],
)
def test_a_bad_spelling_is_one_clear_line(base: type[Component], text: str, facts: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse(base, text)

    message = str(caught.value)
    assert [fact for fact in facts.split() if fact not in message] == [], message
    assert "\n" not in message


def test_values_may_be_given_as_values() -> None:
    assert str(parse(Format, " JPG : quality=90 ")) == "jpeg:quality=90"
    assert str(Gaussian(sigma=20)) == "gaussian:sigma=20.0"
    assert str(Jpeg(progressive=True)) == "jpeg:progressive=true"


def test_two_parts_of_a_kind_cannot_bear_one_name() -> None:
    def define() -> type[Any]:
        class Twin(Family):
            """Another uniform."""

            name = "uniform"

        return Twin

    with pytest.raises(TypeError, match="uniform"):
        define()


@pytest.mark.parametrize("kind", SYNONYMS)
def test_a_synonym_is_no_name_itself_and_stands_for_names_that_exist(kind: str) -> None:
    others = {"trainer": {*TRAINERS}, "mode": {"RGB", "RGBA", "L", "LA"}}
    names = others[kind] if kind in others else {*registry.components(kind)}
    for word, meant in SYNONYMS[kind].items():
        assert word not in names
        assert set(meant) <= names | set(PRESETS)
