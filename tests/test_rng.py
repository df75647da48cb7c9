"""The random stream against its published definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgen.errors import BadValue
from pixelgen.rng import DATA, PARAMETERS, Stream, parse_seed

_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
_WORD = (1 << 64) - 1


def philox(key: int, counter: list[int]) -> list[int]:
    """Compute a block of Philox4x64-10 as the paper defines it, in plain integers."""
    keys = [key & _WORD, key >> 64]
    c = list(counter)
    for number in range(10):
        if number:
            keys = [(k + w) & _WORD for k, w in zip(keys, _WEYL, strict=True)]
        low, high = _MULTIPLIERS[0] * c[0], _MULTIPLIERS[1] * c[2]
        c = [high >> 64 ^ c[1] ^ keys[0], high & _WORD, low >> 64 ^ c[3] ^ keys[1], low & _WORD]
    return c


def words(stream: Stream, count: int) -> list[int]:
    return [int(word) for word in stream.integers(count, 64)]


def test_numpy_s_generator_gives_the_value_that_c_plus_plus_26_demands() -> None:
    generator = np.random.Philox(key=20111115, counter=(1 << 256) - 1)

    assert int(generator.random_raw(10_000)[-1]) == 3409172418970261260


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, (1 << 128) - 1),
    image=st.integers(0, (1 << 64) - 1),
    family=st.integers(0, (1 << 32) - 1),
    purpose=st.integers(0, (1 << 64) - 1),
)
def test_the_counter_holds_block_purpose_image_and_family(
    seed: int, image: int, family: int, purpose: int
) -> None:
    stream = Stream(seed)
    stream.seek(image, family, version=3, purpose=purpose)

    expected = [
        word
        for block in (1, 2, 3)  # numpy counts before its first block
        for word in philox(seed, [block, purpose, image, family << 32 | 3])
    ]
    assert words(stream, 12) == expected


def test_seeds_that_floats_would_merge_give_different_streams() -> None:
    assert words(Stream(2**63 + 1), 4) != words(Stream(2**63 + 3), 4)


def test_images_families_versions_and_purposes_never_share_words() -> None:
    stream = Stream(7)
    seen: set[int] = set()
    for image in (0, 1, 2**40):
        for family in (0, 1, 2):
            for version in (1, 2):
                for purpose in (PARAMETERS, DATA, 2):
                    stream.seek(image, family, version, purpose)
                    seen.update(words(stream, 64))

    assert len(seen) == 3 * 3 * 2 * 3 * 64


def test_a_purpose_is_read_from_its_start_whatever_was_drawn_before() -> None:
    stream = Stream(7)
    stream.seek(5, 2)
    first = words(stream, 9)
    stream.purpose(PARAMETERS)
    parameters = words(stream, 3)
    stream.purpose(DATA)

    assert words(stream, 9) == first
    assert parameters != first[:3]


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_a_draw_takes_whole_words_lowest_byte_first(bits: int) -> None:
    stream = Stream(1)
    raw = b"".join(word.to_bytes(8, "little") for word in words(stream, 4))
    stream.seek(0)
    drawn = stream.integers(3, bits)
    following = stream.integers(1, 64)

    assert drawn.tobytes() == raw[: 3 * bits // 8]
    assert following.tobytes() == raw[-(-3 * bits // 64) * 8 :][:8]


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        ("0", 0),
        ("007", 7),
        ("0x2A", 42),
        (" 12 ", 12),
        (str(2**128 - 1), 2**128 - 1),
        (hex(2**128 - 1), 2**128 - 1),
    ],
)
def test_a_seed_is_decimal_or_hexadecimal(text: str, seed: int) -> None:
    assert parse_seed(text) == seed


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "x", "0x", "1_000", str(2**128), "9" * 5000, "٣"]
)
def test_any_other_seed_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="seed"):
        parse_seed(text)


def test_a_stream_refuses_a_seed_past_128_bits() -> None:
    with pytest.raises(BadValue, match=r"2\*\*128"):
        Stream(1 << 128)
