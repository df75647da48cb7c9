"""Parsers of untrusted input: whatever comes, a result or one of our own errors."""

import json
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixelgen.errors import BadValue
from pixelgen.pixlab.client.connection import Deadline
from pixelgen.pixlab.client.errors import PERMANENT, RATE_LIMITED, UNAVAILABLE, Failure
from pixelgen.pixlab.client.rate_limit import RateLimit, parse_rate
from pixelgen.pixlab.client.response import check_link, check_response, parse_link, read_image
from pixelgen.pixlab.client.secret import Secret
from pixelgen.pixlab.client.transport import Response, Transport
from pixelgen.pixlab_api import parse_address
from tests.support.faulty_server import FaultyServer, image

pytestmark = pytest.mark.usefixtures("_silent_pillow")
KEY = Secret("SECRET/KEY+1")
BASE = "https://api.pixlab.io"
EASY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MOMENT = 1000.0  # seconds that a few calls cannot take


@pytest.mark.parametrize(
    ("text", "seconds"), [("7/min", 60 / 7), ("2/s", 0.5), (" 100/h ", 36), ("0.5/s", 2)]
)
def test_rate_is_parsed_to_seconds(text: str, seconds: float) -> None:
    assert parse_rate(text) == pytest.approx(seconds)


def test_rate_limit_spaces_requests() -> None:
    rate_limit = RateLimit(10_000)
    waits = [rate_limit.reserve() for _ in range(3)]

    assert waits == pytest.approx([0, 10_000, 20_000], abs=MOMENT)
    rate_limit.pause(100_000)
    assert rate_limit.reserve() == pytest.approx(100_000, abs=MOMENT)
    assert rate_limit.requests == 4


def test_key_is_hidden_and_redacted() -> None:
    message = f"bad key SECRET/KEY+1 (SECRET%2FKEY%2B1)\x1b[2J\n{'x' * 500}"

    assert "SECRET" not in f"{KEY} {KEY!r} {[KEY]}"
    assert KEY.reveal() == "SECRET/KEY+1"
    assert KEY.redact(message).startswith("bad key *** (***) [2J xxx")
    assert len(KEY.redact(message)) < 210


@pytest.mark.parametrize(
    ("status", "headers", "kind", "retry_after"),
    [(429, {"retry-after": "7"}, RATE_LIMITED, 7), (429, {}, RATE_LIMITED, 65),
     (503, {}, UNAVAILABLE, None),
     (429, {"retry-after": "soon"}, RATE_LIMITED, 65), (408, {"retry-after": "1"}, UNAVAILABLE, 1),
     (415, {}, PERMANENT, None),
     (429, {"retry-after": "Fri, 99 Foo"}, RATE_LIMITED, 65), (418, {}, PERMANENT, None)],
)  # fmt: skip
def test_status_decides_whether_and_when_to_retry(
    status: int, headers: dict[str, str], kind: object, retry_after: float | None
) -> None:
    with pytest.raises(Failure) as raised:
        check_response(Response(status, headers, b""), KEY)

    assert raised.value.kind is kind
    assert raised.value.retry_after == retry_after


def test_retry_after_may_be_a_date() -> None:
    with pytest.raises(Failure) as raised:
        check_response(Response(429, {"retry-after": formatdate(time.time() + 9000)}, b""), KEY)

    assert raised.value.retry_after == pytest.approx(9000, abs=MOMENT)


@pytest.mark.parametrize("status", [KEY.reveal(), [200], None, 200.5, {"a": 1}])
def test_invalid_status_is_refused_and_not_shown(status: object) -> None:
    body = json.dumps({"status": status}).encode()
    with pytest.raises(Failure, match="status") as raised:
        check_response(Response(200, {}, body), KEY)

    assert KEY.reveal() not in str(raised.value)


def test_key_in_an_id_is_redacted_before_the_id_is_shortened() -> None:
    """Of a key that is cut in the middle, nothing could be recognized."""
    _, name = parse_link({"link": "https://pixlab.xyz/a.png", "id": 190 * "x" + KEY.reveal()})

    assert KEY.redact(name) == 190 * "x" + "***"
    assert len(KEY.redact(name + 999 * "y")) == 201


@pytest.mark.parametrize(
    "link",
    ["https://pixlab.xyz/a.png", "https://media.pixlab.xyz/a.png", f"{BASE}/a.png",
     "https://s3.amazonaws.com/media.pixlab.xyz/24p62f73c9583ec6.jpeg", "https://mine.example/a"],
)  # fmt: skip
def test_links_to_pixlab_s_own_hosts_are_followed(link: str) -> None:
    assert check_link(link, BASE, ("mine.example",)).geturl() == link


@pytest.mark.parametrize(
    "link",
    ["http://media.pixlab.xyz/a.png", "https://s3.amazonaws.com/media.pixlab.xyz.evil/a",
     "https://s3.amazonaws.com:99999/media.pixlab.xyz/a", "https://pixlab.xyz@evil.example/a",
     "https://evil.example/pixlab.xyz", "//pixlab.xyz/a", "a.png", "", "https://pixlab.xyz\\@evil/",
     "https://[::1/a", "gopher://pixlab.xyz/", "https://pixlab.xyz/\u0430", "https://.pixlab.xyz.e/"],
)  # fmt: skip
def test_links_to_other_hosts_are_not_followed(link: str) -> None:
    with pytest.raises(Failure):
        check_link(link, BASE, ())


def test_link_to_a_private_address_gets_no_request(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    url = f"http://127.0.0.1:{FaultyServer(tmp_path / 'log').port}/ok"
    transport = Transport(1)
    with pytest.raises(Failure, match=r"127\.0\.0\.1.*public"):
        transport.get(url, {}, 1 << 20, Deadline(MOMENT), public_only=True)

    assert (tmp_path / "log").read_text() == ""
    assert transport.get(url, {}, 1 << 20, Deadline(MOMENT)).status == 200


@pytest.mark.slow
@given(st.text() | st.from_regex(r"https?://[\w.@:\[\]-]{0,30}/.{0,20}"))
@settings(EASY, max_examples=500)
def test_any_link_is_followed_to_a_known_host_or_refused(link: str) -> None:
    try:
        parts = check_link(link, BASE, ())
    except Failure:
        return
    assert parts.scheme == "https"
    assert parts.hostname is not None
    assert parts.hostname.endswith(
        (".pixlab.xyz", "s3.amazonaws.com", "api.pixlab.io", "pixlab.xyz")
    )


@pytest.mark.slow
@given(st.text() | st.from_regex(r"https?://[\w.@:\[\]-]{0,30}/?.{0,20}"))
@settings(EASY, max_examples=500)
def test_any_address_is_parsed_or_refused(text: str) -> None:
    try:
        found = parse_address(text)
    except BadValue:
        return
    assert found == "" or found.startswith(
        ("https://", "http://localhost", "http://127.", "http://[")
    )
    assert parse_address(found) == found


HEADERS = st.sampled_from(["content-type", "retry-after", "content-encoding"])
BODIES = st.binary() | st.text().map(lambda text: b'{"status":200,"link":' + text.encode())


@pytest.mark.slow
@given(st.integers(0, 999), st.dictionaries(HEADERS, st.text()), BODIES)
@settings(EASY, max_examples=500)
def test_any_response_is_accepted_or_fails(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    try:
        payload = check_response(Response(status, headers, body), KEY)
        if payload is not None:
            parse_link(payload)
    except Failure:
        return
    assert status == 200


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.sampled_from(["png", "jpeg", "bmp", "tiff", "gif"]), st.data())
@settings(EASY, max_examples=400)
def test_any_damage_to_an_image_is_found_or_harmless(name: str, data: st.DataObject) -> None:
    whole = bytearray(image(kind=name.upper()))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(400, len(whole) - 1)))
        whole[place : place + 1] = data.draw(st.binary(max_size=3))
    try:
        downloaded = read_image(Response(200, {}, bytes(whole)), name, 64, 48)
    except Failure:
        return
    assert downloaded.data == bytes(whole)
    assert downloaded.depth in (1, 8, 16)
