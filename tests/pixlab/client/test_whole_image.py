"""Whole images only: each kind of damage is refused."""

import re
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ImageFile

from pixelgen.pixlab.client.errors import Failure
from pixelgen.pixlab.client.response import read_image
from pixelgen.pixlab.client.structure import CHECKS, Damage
from pixelgen.pixlab.client.transport import Response
from pixelgen.pixlab_api import FORMATS
from tests.support.damages import CASES, many_scans
from tests.support.faulty_server import chunk
from tests.support.pictures import (
    IDAT,
    IEND,
    SIZE,
    encode,
    frames,
    long_tag,
    packed_zeros,
    pillow_accepts,
    png,
    refusal,
    tiled_tiff,
    with_bit_flipped,
    with_tag,
)

pytestmark = [
    pytest.mark.usefixtures("_quiet"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Pillow's, of damaged metadata
]


EASY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("case", CASES)
def test_damage_is_refused_in_a_short_line(case: str) -> None:
    name, said, pillow, make = CASES[case]
    data = make()

    assert pillow in (pillow_accepts(data, name), None)
    reason = refusal(data, name)
    assert re.search(said, reason)
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
    assert refusal(with_bit_flipped(WHOLE["png"], bit), "png")


@given(st.sampled_from(FORMATS), st.data())
@settings(EASY, max_examples=500)
def test_any_truncation_is_found(name: str, data: st.DataObject) -> None:
    whole = WHOLE[name]
    assert refusal(whole[: data.draw(st.integers(0, len(whole) - 1))], name)


@given(st.sampled_from(FORMATS), st.binary(min_size=1))
@settings(EASY, max_examples=500)
def test_any_appended_byte_is_found(name: str, tail: bytes) -> None:
    assert refusal(WHOLE[name], name) == ""
    assert refusal(WHOLE[name] + tail, name)


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
        assert refusal(data, case.split(maxsplit=1)[0])
        assert tracemalloc.get_traced_memory()[1] < len(data) + (2 << 20)
    finally:
        tracemalloc.stop()


def test_a_switch_of_pillow_s_does_not_make_it_lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for case in (
        "png with an unknown filter",
        "jpeg without its end",
        "gif with half of its pixels",
    ):
        name, said, _, make = CASES[case]
        assert pillow_accepts(make(), name)
        assert re.search(said, refusal(make(), name))

    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("data", [b"", b"<html>", b"\0" * 100])
def test_what_is_no_image_is_called_so(name: str, data: bytes) -> None:
    assert f"not a {name.upper()}" in refusal(data, name)


def test_the_bytes_count_and_not_what_their_type_says() -> None:
    response = Response(200, {"content-type": "text/plain"}, WHOLE["gif"])

    assert read_image(response, "gif", *SIZE).data == WHOLE["gif"]
    assert "not a PNG" in refusal(WHOLE["gif"], "png")
