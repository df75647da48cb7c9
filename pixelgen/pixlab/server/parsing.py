"""The fields of a request, however they are sent: in the query, a form, or as JSON.

Readers are lenient, as PixLab's is: what is unknown or empty counts as absent.
"""

import json
from email import message_from_bytes
from email.policy import HTTP
from http import HTTPStatus
from typing import TypeAlias, TypeVar
from urllib.parse import parse_qsl

from pixelgen.errors import PixelgenError

Fields: TypeAlias = dict[str, str]
_Value = TypeVar("_Value")

MOST_FIELDS = 20
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class Refusal(PixelgenError):
    """A request that is not granted: an HTTP status, what was wrong, and headers to go with it."""

    def __init__(self, status: HTTPStatus, error: str, **headers: str) -> None:
        super().__init__(error)
        self.status = status
        self.headers = headers


def bad(error: str) -> Refusal:
    """Refuse with 400, Bad Request."""
    return Refusal(HTTPStatus.BAD_REQUEST, error)


def from_query(query: bytes) -> Fields:
    """Read the fields of a query or of a form's body; raise Refusal where they make no sense."""
    try:
        pairs = parse_qsl(
            query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise _too_many() from None
    return _each_once(pairs)


def from_body(content_type: str, body: bytes) -> Fields:
    """Read the fields of a POST body: a JSON object, or a form of either kind."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _from_multipart(content_type, body)
    is_form = kind == "application/x-www-form-urlencoded" and not body.startswith(b"{")
    if is_form or not body.strip():  # curl -d says so of JSON, too
        return from_query(body.strip())
    return _from_json(body)


def _from_json(body: bytes) -> Fields:
    try:
        found = json.loads(body, object_pairs_hook=_each_once)
        json.dumps(found, ensure_ascii=False).encode()  # \ud800 by itself is no text
    except (ValueError, RecursionError):
        raise bad("the body is no JSON object, and no form") from None
    if not isinstance(found, dict):
        raise bad("the body must be a JSON object")
    return {name: _word(name, value) for name, value in found.items() if value is not None}


def _word(name: str, value: object) -> str:
    """Spell a value of JSON as it would be in a query."""
    if not isinstance(value, str | int | float):
        raise bad(f"{name[:20]!r} is neither text nor a number")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from_multipart(content_type: str, body: bytes) -> Fields:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    parts = message_from_bytes(head + body, policy=HTTP).iter_parts()
    found = [
        (str(name), bytes(part.get_payload(decode=True) or b"").decode(errors="replace"))
        for part in parts
        if (name := part.get_param("name", header="content-disposition"))
    ]
    return _each_once(found)


def _each_once(pairs: list[tuple[str, _Value]]) -> dict[str, _Value]:
    """Return the fields by name; raise Refusal where there are too many, or one comes twice."""
    if len(pairs) > MOST_FIELDS:
        raise _too_many()
    fields: dict[str, _Value] = {}
    for name, value in pairs:
        if name in fields:
            raise bad(f"the parameter {name[:20]!r} is given twice")
        fields[name] = value
    return fields


def _too_many() -> Refusal:
    return bad(f"there are more than {MOST_FIELDS} parameters")


def truth(fields: Fields, name: str) -> bool:
    """Return a field that is true or false; absent is false."""
    word = fields.get(name, "").strip().lower()
    if word and word not in _TRUE + _FALSE:
        raise bad(f"{name} {word[:20]!r} is neither true nor false")
    return word in _TRUE
