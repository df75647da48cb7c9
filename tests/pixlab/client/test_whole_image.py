"""Whole images only: each kind of damage is refused."""

import re
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from pixelgen.pixlab.client.errors import Failure
from pixelgen.pixlab.client.response import read_image
from pixelgen.pixlab.client.structure import CHECKS, Damage
from pixelgen.pixlab.client.transport import Response
from pixelgen.pixlab_api import FORMATS
from tests.support.damages import CASES, many_scans
from tests.support.faulty_server import chunk
from tests.support.image_files import (
    IDAT,
    IEND,
    SIZE,
    encode,
    frames,
    long_tag,
    packed_zeros,
    pillow_accepts,
    png,
    rejection,
    tiled_tiff,
    with_bit_flipped,
    with_tag,
)

pytestmark = [
    pytest.mark.usefixtures("_silent_pillow"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Pillow's, of damaged metadata
]


EASY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("case", CASES)
def test_damage_is_refused_in_a_short_line(case: str) -> None:
    name, message, pillow, make = CASES[case]
    data = make()

    assert pillow in (pillow_accepts(data, name), None)
    reason = rejection(data, name)
    assert re.search(message, reason)
    assert name.upper() in reason
    assert len(reason) < 100


# Damage of any kind.

WHOLE = {
    "png": png(chunk(b"tEXt", b"a\0b"), IDAT, IEND),
    **{name: encode(name) for name in ("jpeg", "bmp", "gif")},
    "tiff": encode("tiff", "L", compression="packbits"),
}


@given(st.integers(0, 8 * len(WHOLE["png"]) - 1))
@settings(EASY, max_examples=300)
def test_any_flipped_bit_of_a_png_is_found(bit: int) -> None:
    assert rejection(with_bit_flipped(WHOLE["png"], bit), "png")


@given(st.sampled_from(FORMATS), st.data())
@settings(EASY, max_examples=500)
def test_any_truncation_is_found(name: str, data: st.DataObject) -> None:
    whole = WHOLE[name]
    assert rejection(whole[: data.draw(st.integers(0, len(whole) - 1))], name)


@given(st.sampled_from(FORMATS), st.binary(min_size=1))
@settings(EASY, max_examples=500)
def test_any_appended_byte_is_found(name: str, tail: bytes) -> None:
    assert rejection(WHOLE[name], name) == ""
    assert rejection(WHOLE[name] + tail, name)


@given(st.sampled_from(FORMATS), st.binary(), st.integers(0, 200))
@settings(EASY, max_examples=500)
def test_any_bytes_are_a_whole_image_or_damage(name: str, data: bytes, kept: int) -> None:
    try:
        CHECKS[name](WHOLE[name][:kept] + data, *SIZE)
    except Damage as damage:
        assert str(damage).isprintable()  # noqa: PT017


@pytest.mark.parametrize("name", FORMATS)
def test_a_size_is_compared_before_anything_is_decoded(name: str) -> None:
    with pytest.raises(Failure, match=f"{name.upper()}.*64x48.*65x48"):
        read_image(Response(200, {}, WHOLE[name]), name, 65, 48)
    with pytest.raises(Damage, match=r"64x48.*64x47"):
        CHECKS[name](WHOLE[name], 64, 47)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png pixels": lambda: png(chunk(b"IDAT", packed_zeros(200 << 20)), IEND),
    "png profile": lambda: png(chunk(b"iCCP", b"p\0\0" + packed_zeros(200 << 20)), IDAT, IEND),
    "tiff tag": lambda: with_tag(encode("tiff", "L"), 258, count=1 << 30),
    "tiff tile": lambda: tiled_tiff(16).replace(long_tag(322, 16), long_tag(322, 1 << 30)),
    "jpeg scans": many_scans,
    "gif frames": lambda: frames("gif"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_found_without_the_memory_that_it_wants(case: str) -> None:
    data = BOMBS[case]()
    tracemalloc.start()
    try:
        assert rejection(data, case.split(maxsplit=1)[0])
        assert tracemalloc.get_traced_memory()[1] < len(data) + (2 << 20)
    finally:
        tracemalloc.stop()


def test_settings_of_pillow_do_not_matter_and_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for case in (
        "png with an unknown filter",
        "jpeg without its end",
        "gif with half of its pixels",
    ):
        name, message, _, make = CASES[case]
        assert pillow_accepts(make(), name)
        assert re.search(message, rejection(make(), name))

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert rejection(WHOLE["png"], "png") == ""

    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    assert Image.MAX_IMAGE_PIXELS == 1


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("data", [b"", b"<html>", b"\0" * 100])
def test_other_content_is_not_called_an_image(name: str, data: bytes) -> None:
    assert f"not a {name.upper()}" in rejection(data, name)


def test_content_type_is_ignored() -> None:
    response = Response(200, {"content-type": "text/plain"}, WHOLE["gif"])

    assert read_image(response, "gif", *SIZE).data == WHOLE["gif"]
    assert "not a PNG" in rejection(WHOLE["gif"], "png")
