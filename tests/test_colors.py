"""Colors: how they may be spelled."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ImageColor

from pixelgen.colors import Color, parse_color
from pixelgen.errors import BadValue


@pytest.mark.parametrize("name", sorted(ImageColor.colormap))
def test_every_color_name_of_pillow_is_known(name: str) -> None:
    wanted = Color(*ImageColor.getrgb(name))
    for spelled in (name, name.upper(), f"  {name.title()}\n"):
        assert parse_color(spelled) == wanted


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("#123", (0x11, 0x22, 0x33, 255)),
        ("#1234", (0x11, 0x22, 0x33, 0x44)),
        ("#cef48e", (206, 244, 142, 255)),
        ("#CEF48E", (206, 244, 142, 255)),
        ("#cef48e80", (206, 244, 142, 128)),
        ("123", (0x11, 0x22, 0x33, 255)),
        ("fade", (0xFF, 0xAA, 0xDD, 0xEE)),
        ("cef48e", (206, 244, 142, 255)),
        ("CEF48E", (206, 244, 142, 255)),
        ("cef48e80", (206, 244, 142, 128)),
        ("000000", (0, 0, 0, 255)),
        ("12345600", (0x12, 0x34, 0x56, 0)),
        ("rgb(1, 2, 3)", (1, 2, 3, 255)),
        ("rgb(100%,0%,50%)", (255, 0, 128, 255)),
        ("rgba(1,2,3,4)", (1, 2, 3, 4)),
        ("hsl(120,100%,50%)", (0, 255, 0, 255)),
        ("hsv(240,100%,100%)", (0, 0, 255, 255)),
        ("hsb(240,100%,100%)", (0, 0, 255, 255)),
        ("gray", (128, 128, 128, 255)),
        ("grey", (128, 128, 128, 255)),
        ("tr", (0, 0, 0, 0)),
        ("TR", (0, 0, 0, 0)),
        ("transparent", (0, 0, 0, 0)),
        (" None ", (0, 0, 0, 0)),
    ],
)
def test_a_color_has_many_notations(text: str, color: tuple[int, ...]) -> None:
    assert parse_color(text) == color


@pytest.mark.parametrize("percent", range(101))
def test_grays_are_percentages_of_white(percent: int) -> None:
    color = parse_color(f"gray{percent}")
    assert color == (color.red, color.red, color.red, 255)
    assert abs(color.red - percent * 2.55) < 0.5 + 1e-9
    for word in ("grey", "Gray", "GREY"):
        assert parse_color(f"{word}{percent}") == color


def test_grays_are_those_of_x11() -> None:
    # 50 and 90 are left out: 2.55 times these is a half, which X11 rounds down.
    x11 = {0: 0, 1: 3, 7: 18, 10: 26, 30: 77, 49: 125, 51: 130, 70: 179, 99: 252, 100: 255}
    assert {percent: parse_color(f"gray{percent}").red for percent in x11} == x11


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "#", "nocolor", "#ggg", "ggg", "#12", "12", "#12345", "12345", "1234567",
        "#123456789", "gray101", "gray-1", "gray1.5", "gray1000", "rgb(300,0,0)",
        "rgb(0,0,256)", "rgba(0,0,0,256)", "rgb(101%,0%,0%)", "rgb(1,2)", "rgb(-1,0,0)",
        "rgb(1,2,3", "hsl(0,300%,50%)", "red,blue", "##123456", "0x123456", "9" * 10_000,
    ],
)  # fmt: skip
def test_an_invalid_color_is_refused_with_the_text_and_what_to_write(text: str) -> None:
    with pytest.raises(BadValue, match="unknown color") as refusal:
        parse_color(text)
    assert repr(text) in str(refusal.value)
    assert "#cef48e" in str(refusal.value)


@given(st.tuples(*[st.integers(0, 255)] * 4))
@example((1, 2, 3, 0))
@example((1, 2, 3, 255))
def test_a_formatted_color_parses_back(levels: tuple[int, int, int, int]) -> None:
    color = Color(*levels)
    assert parse_color(str(color)) == (color if color.alpha else Color(0, 0, 0, 0))
    assert str(parse_color(str(color))) == str(color)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=30)
    | st.from_regex(r"(rgb|rgba|hsl|hsv|hsb)\( ?[0-9.%-]{1,9},[0-9.%]{1,9},[0-9.%]{1,9}\)")
    | st.from_regex(r"#?[0-9a-fA-F]{0,10}|gr[ae]y\d{0,4}", fullmatch=True)
)
def test_any_text_is_a_color_or_refused(text: str) -> None:
    try:
        color = parse_color(text)
    except BadValue:
        return
    assert len(color) == 4
    assert all(type(level) is int and 0 <= level <= 255 for level in color)
    assert parse_color(str(color)) == (color if color.alpha else Color(0, 0, 0, 0))
