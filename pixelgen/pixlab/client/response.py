"""What an HTTP response is worth: everything in it is checked before it is used.

The contract lists 200, 400, 401, 404, 405, 415, 429 and 500, and does not say whether HTTP's status
or the one in the JSON counts: both must be 200. JSON where an image was requested is an error.
"""

import json
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from pixelgen.pixlab.client.complete_image import check_image
from pixelgen.pixlab.client.errors import BAD_IMAGE, PERMANENT, RATE_LIMITED, UNAVAILABLE, Failure
from pixelgen.pixlab.client.secret import Secret
from pixelgen.pixlab.client.structure import SIGNATURES, Damage
from pixelgen.pixlab.client.transport import Response

_RATE_LIMIT_SECONDS = 65.0  # a limit that counts by the minute is over by then
_TEMPORARY = (408, 500, 502, 503, 504)
_MAX_LINK = 2000


class DownloadedImage(NamedTuple):
    """An image that was checked: its file's bytes, and its mode as Pillow calls it."""

    data: bytes
    mode: str

    @property
    def depth(self) -> int:
        """Bits per channel."""
        return {"1": 1}.get(self.mode, 16 if ";16" in self.mode or self.mode == "I" else 8)


def read_image(response: Response, name: str, width: int, height: int) -> DownloadedImage:
    """Return the image of a response.

    Only the bytes count, whatever Content-Type says about them.

    Raises:
        Failure: Unless it is whole and what was requested.
    """
    format_name = name.upper()
    if not response.body.startswith(SIGNATURES[name]):
        raise Failure(BAD_IMAGE, f"the response is not a {format_name} image")
    try:
        mode = check_image(response.body, name, width, height)
    except Damage as damage:
        raise Failure(BAD_IMAGE, f"the {format_name} image {damage}") from None
    return DownloadedImage(response.body, mode)


def check_response(response: Response, key: Secret) -> dict[str, Any] | None:
    """Return the JSON of a successful response, or None if it has none; raise Failure otherwise."""
    if 300 <= response.status < 400:
        raise Failure(PERMANENT, f"redirects are not followed ({response.status})")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Failure(PERMANENT, "unsupported Content-Encoding: the body must not be compressed")
    is_json = "json" in response.headers.get("content-type", "").lower()
    payload = _parse_json(response.body) if is_json or response.body[:1] == b"{" else None
    status = response.status
    if status == HTTPStatus.OK and payload is not None:
        status = payload.get("status", 0)
    if not isinstance(status, int):
        raise Failure(PERMANENT, "invalid status in the JSON response: must be a number")
    if status != HTTPStatus.OK:
        error = key.redact(str((payload or {}).get("error", "")))
        _raise_for_status(status, error, _parse_retry_after(response))
    return payload


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise Failure(PERMANENT, "invalid JSON in the response: must be an object")
    return payload


def _raise_for_status(status: int, error: str, retry_after: float | None) -> NoReturn:
    """Raise the failure that a status means."""
    detail = f": {error}" if error else ""
    if status in (401, 403):
        message = f"the key was rejected ({status}){detail}; see console.pixlab.io"
        raise Failure(PERMANENT, message)
    if status == 429:
        delay = _RATE_LIMIT_SECONDS if retry_after is None else retry_after
        raise Failure(RATE_LIMITED, f"too many requests (429){detail}", delay)
    if status in _TEMPORARY:
        raise Failure(UNAVAILABLE, f"temporary server error ({status}){detail}", retry_after)
    raise Failure(PERMANENT, f"the request failed with status {str(status)[:20]}{detail}")


def _parse_retry_after(response: Response) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date."""
    text = response.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def parse_link(payload: dict[str, Any]) -> tuple[str, str]:
    """Return the link and the id of a JSON response.

    The id is returned whole, so that a key in it is found before it is shortened.

    Raises:
        Failure: If it has no link.
    """
    link = payload.get("ssl_link") or payload.get("link")
    if not isinstance(link, str):
        raise Failure(PERMANENT, "the JSON response has no link")
    return link, str(payload.get("id", ""))


def check_link(link: str, base: str, allowed_hosts: tuple[str, ...]) -> SplitResult:
    """Return the parts of a link that may be followed.

    It must be https to PixLab's own hosts, to PixLab's folder of S3, to the endpoint at ``base``
    (there by the same scheme and port), or to a host that the user allows.

    Raises:
        Failure: For every other link.
    """
    parts = _split_link(link)
    endpoint, host = urlsplit(base), parts.hostname or ""
    is_same = (parts.scheme, parts.netloc) == (endpoint.scheme, endpoint.netloc)
    is_known = parts.scheme == "https" and (
        host == "pixlab.xyz"
        or host.endswith(".pixlab.xyz")
        or (host == "s3.amazonaws.com" and parts.path.startswith("/media.pixlab.xyz/"))
        or host in allowed_hosts
    )
    if parts.username is not None or not (is_same or is_known):
        origin = f"{parts.scheme}://{host}"[:80]
        raise Failure(PERMANENT, f"links to {origin} are not followed")
    return parts


def _split_link(link: str) -> SplitResult:
    is_url = link.isascii() and link.isprintable() and not {" ", "\\"}.intersection(link)
    try:
        parts = urlsplit(link)
        _ = parts.port
    except ValueError:
        is_url = False
    if not is_url or len(link) > _MAX_LINK:
        raise Failure(PERMANENT, "invalid link in the JSON response: must be a URL")
    if ".." in unquote(parts.path):
        raise Failure(PERMANENT, "invalid link in the JSON response: must not contain '..'")
    return parts
