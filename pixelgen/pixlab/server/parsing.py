"""The parameters of a request, however they are sent: in the query, a form, or as JSON.

Parsing is lenient, as PixLab's is: what is unknown or empty counts as absent.
"""

import json
from email import message_from_bytes
from email.policy import HTTP
from typing import TypeAlias, TypeVar
from urllib.parse import parse_qsl

from pixelgen.pixlab.server.errors import HttpError, bad_request

Fields: TypeAlias = dict[str, str]
_Value = TypeVar("_Value")

MAX_FIELDS = 20
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def parse_query(query: bytes) -> Fields:
    """Return the parameters of a query or of a form's body; raise HttpError if it is malformed."""
    try:
        pairs = parse_qsl(
            query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise _too_many_fields() from None
    return _unique_fields(pairs)


def parse_body(content_type: str, body: bytes) -> Fields:
    """Return the parameters of a POST body: a JSON object, or a form of either kind."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return _parse_multipart(content_type, body)
    is_form = media_type == "application/x-www-form-urlencoded" and not body.startswith(b"{")
    if is_form or not body.strip():  # curl -d sends that type with JSON, too
        return parse_query(body.strip())
    return _parse_json(body)


def _parse_json(body: bytes) -> Fields:
    try:
        payload = json.loads(body, object_pairs_hook=_unique_fields)
        json.dumps(payload, ensure_ascii=False).encode()  # \ud800 by itself cannot be encoded
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise bad_request("invalid body: must be a JSON object or a form")
    return {name: _to_text(name, value) for name, value in payload.items() if value is not None}


def _to_text(name: str, value: object) -> str:
    """Return a value of JSON as it would be in a query."""
    if not isinstance(value, str | int | float):
        raise bad_request(f"invalid {name[:20]!r}: must be text, a number, true or false")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse_multipart(content_type: str, body: bytes) -> Fields:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    parts = message_from_bytes(head + body, policy=HTTP).iter_parts()
    pairs = [
        (str(name), bytes(part.get_payload(decode=True) or b"").decode(errors="replace"))
        for part in parts
        if (name := part.get_param("name", header="content-disposition"))
    ]
    return _unique_fields(pairs)


def _unique_fields(pairs: list[tuple[str, _Value]]) -> dict[str, _Value]:
    """Return the fields by name; raise HttpError if there are too many, or one is repeated."""
    if len(pairs) > MAX_FIELDS:
        raise _too_many_fields()
    fields: dict[str, _Value] = {}
    for name, value in pairs:
        if name in fields:
            raise bad_request(f"the parameter {name[:20]!r} is given twice; give it once")
        fields[name] = value
    return fields


def _too_many_fields() -> HttpError:
    return bad_request(f"too many parameters: at most {MAX_FIELDS} are allowed")


def parse_bool(fields: Fields, name: str) -> bool:
    """Return a parameter that is true or false; absent is false."""
    word = fields.get(name, "").strip().lower()
    if word and word not in _TRUE + _FALSE:
        raise bad_request(f"invalid {name} {word[:20]!r}: must be true or false")
    return word in _TRUE
