"""What a reply is worth: nothing is believed that was not looked at.

The contract lists 200, 400, 401, 404, 405, 415, 429 and 500, and does not say whether HTTP's status
or the one in the JSON counts: both must be 200. JSON where an image was asked for is an error.
"""

import json
import time
import warnings
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from pixelgen.pixlab.client.complete_image import check_image
from pixelgen.pixlab.client.errors import BROKEN, FINAL, RATE, UNAVAILABLE, Failure
from pixelgen.pixlab.client.secret import Secret
from pixelgen.pixlab.client.structure import SIGNATURES, Damage
from pixelgen.pixlab.client.transport import Reply

_MINUTE = 65.0  # seconds, of a limit that counts by the minute
_TEMPORARY = (408, 500, 502, 503, 504)


class Picture(NamedTuple):
    """An image that was looked at: its file's bytes, and its mode as Pillow calls it."""

    data: bytes
    mode: str

    @property
    def depth(self) -> int:
        """Bits a level."""
        return {"1": 1}.get(self.mode, 16 if ";16" in self.mode or self.mode == "I" else 8)


def quiet_pillow() -> None:
    """Keep Pillow from warning of large sizes and odd metadata: what counts is looked at here."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")


def read_image(reply: Reply, name: str, width: int, height: int) -> Picture:
    """Return the image of a reply; raise Failure unless it is whole and what was asked for.

    Only the bytes count, whatever Content-Type says about them.
    """
    kind = name.upper()
    if not reply.body.startswith(SIGNATURES[name]):
        raise Failure(BROKEN, f"what it sent is not a {kind} image")
    try:
        return Picture(reply.body, check_image(reply.body, name, width, height))
    except Damage as damage:
        raise Failure(BROKEN, f"the {kind} it sent {damage}") from None


def check(reply: Reply, key: Secret) -> dict[str, Any] | None:
    """Return the JSON of a reply that has any, or None; raise Failure for all but a success."""
    if 300 <= reply.status < 400:
        raise Failure(FINAL, "it redirects elsewhere, which is not followed")
    if reply.headers.get("content-encoding", "identity").lower() != "identity":
        raise Failure(FINAL, "it compresses its answer, which was not asked for")
    is_json = "json" in reply.headers.get("content-type", "").lower()
    told = _json(reply.body) if is_json or reply.body[:1] == b"{" else None
    status = reply.status
    if status == HTTPStatus.OK and told is not None:
        status = told.get("status", 0)
    if not isinstance(status, int):
        raise Failure(FINAL, "its answer has a status that is not a number")
    if status != HTTPStatus.OK:
        error = str((told or {}).get("error", ""))
        _fail(status, key.redact(error), _seconds(reply.headers.get("retry-after", "")))
    return told


def _json(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Failure(FINAL, "its answer looks like JSON and is none")
    return told


def _fail(status: int, error: str, wait: float | None) -> NoReturn:
    """Raise what a status means."""
    said = f": {error}" if error else ""
    if status in (401, 403):
        raise Failure(FINAL, f"it does not accept the key ({status}){said}; see console.pixlab.io")
    if status == 429:
        wait = _MINUTE if wait is None else wait
        raise Failure(RATE, f"too many requests a minute (429){said}", wait)
    if status in _TEMPORARY:
        raise Failure(UNAVAILABLE, f"it is out of order ({status}){said}", wait)
    raise Failure(FINAL, f"it refuses the request ({str(status)[:20]}){said}")


def _seconds(text: str) -> float | None:
    """Read a Retry-After: seconds, or a date."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def link_of(told: dict[str, Any]) -> tuple[str, str]:
    """Return the link and the id of a JSON reply; raise Failure where there is no link.

    The id is returned whole, so that a key in it is found before it is shortened.
    """
    link = told.get("ssl_link") or told.get("link")
    if not isinstance(link, str):
        raise Failure(FINAL, "its answer has no link")
    return link, str(told.get("id", ""))


def check_link(link: str, base: str, allowed: tuple[str, ...]) -> SplitResult:
    """Return the parts of a link that may be followed; raise Failure for every other.

    It must be https to PixLab's own hosts, to PixLab's folder of S3, to the host that was asked
    (there by the same scheme and port), or to one that the user allows.
    """
    printable = link.isascii() and link.isprintable() and " " not in link
    try:
        parts = urlsplit(link)
        _ = parts.port
    except ValueError:
        printable = False
    if not printable or len(link) > 2000 or "\\" in link:
        raise Failure(FINAL, "its link is no address")
    asked, host = urlsplit(base), parts.hostname or ""
    if ".." in unquote(parts.path):
        raise Failure(FINAL, "its link has .. in it")
    same = (parts.scheme, parts.netloc) == (asked.scheme, asked.netloc)
    known = parts.scheme == "https" and (
        host == "pixlab.xyz"
        or host.endswith(".pixlab.xyz")
        or (host == "s3.amazonaws.com" and parts.path.startswith("/media.pixlab.xyz/"))
        or host in allowed
    )
    if parts.username is not None or not (same or known):
        shown = f"{parts.scheme}://{host}"[:80]
        raise Failure(FINAL, f"its link leads to {shown}, which is not followed")
    return parts
