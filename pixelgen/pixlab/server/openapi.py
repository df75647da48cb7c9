"""What the endpoint takes and gives, as OpenAPI tells it to programs.

https://spec.openapis.org/oas/v3.1.0.html
"""

from typing import Any

from pixelgen import __version__
from pixelgen.pixlab.server.params import FORMATS, LONGEST_SIDE
from pixelgen.registry import known

_IMAGES: dict[str, Any] = {f"image/{name}": {} for name in dict.fromkeys(FORMATS.values())}
_SIDE = {"type": "integer", "minimum": 1, "maximum": LONGEST_SIDE, "examples": [64]}
_JOB = {"description": "with blob the job, as JSON", "schema": {"type": "string"}}
_SEED = "^([0-9]{1,38}|0[xX][0-9a-fA-F]{1,32})$"
_REFUSALS = {
    "400": "a parameter makes no sense, or the image would take too much",
    "401": "the key is missing or another",
    "403": "a browser sent it for a page of an origin that is not allowed",
    "415": "no such format is served",
    "503": "busy: come again after the seconds in Retry-After",
}  # fmt: skip


def description() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pixelgen serve", "version": __version__,
            "description": "PixLab's pixelgenerate and newimage, answered on this machine. Other"
                           " methods are answered 405, other paths 404, a path and query of more"
                           " than 8 KiB 414, and headers of more than 32 KiB 431.",
        },
        "paths": {
            "/pixelgenerate": _maker("Random pixels", _asked() | _extensions()),
            "/newimage": _maker("One color", _asked()),
            "/media/{id}": {"get": {
                "summary": "An image that was made, for a while", "security": [],
                "parameters": [_parameter("id", "path", {"type": "string"})],
                "responses": {"200": _response("the image", _IMAGES), "404": _error("not there"),
                              "400": _error(_REFUSALS["400"]), "403": _error(_REFUSALS["403"])},
            }},
            "/status": {"get": {
                "summary": "Whether the server answers", "security": [],
                "responses": {"200": _told("it does", "Status"), "400": _error(_REFUSALS["400"])},
            }},
        },
        "components": {
            "schemas": {"Status": _object(), "Link": _object("link", "ssl_link", "id"),
                        "Error": _object("error")},
            "securitySchemes": {
                "query": {"type": "apiKey", "in": "query", "name": "key"},
                "header": {"type": "apiKey", "in": "header", "name": "WWW-Authenticate"},
            },
        },
        "security": [{"query": []}, {"header": []}],
    }  # fmt: skip


def _asked() -> dict[str, Any]:
    """Return PixLab's own parameters."""
    return {
        "width": _SIDE, "height": _SIDE,
        "color": {"type": "string", "description": "a name, hex, gray0 … gray100, or tr",
                  "examples": ["red", "#cef48e", "gray50", "tr"]},
        "export": {"type": "string", "enum": list(FORMATS), "default": "png"},
        "blob": {"type": "boolean", "default": False,
                 "description": "send the image itself, not a link to it"},
    }  # fmt: skip


def _extensions() -> dict[str, Any]:
    """Return pixelgen's."""
    return {
        "seed": {"type": "string", "pattern": _SEED,
                 "description": "up to 128 bits; the same gives the same bytes"},
        "noise": {"type": "string", "default": "uniform", "examples": list(known("family")),
                  "description": "a family, with parameters or without"},
        "density": {"type": "number", "minimum": 0, "maximum": 1},
    }  # fmt: skip


def _maker(summary: str, fields: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {status: _error(what) for status, what in _REFUSALS.items()}
    responses["200"] = _told("a link to the image; with blob the image", "Link")
    responses["200"]["content"] |= _IMAGES
    responses["200"]["headers"] = {"X-Pixelgen-Job": _JOB}
    given = {"schema": {"type": "object", "properties": fields | {"key": {"type": "string"}}}}
    kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    query = [_parameter(name, "query", schema) for name, schema in fields.items()]
    return {
        "get": {"summary": summary, "parameters": query, "responses": responses},
        "post": {
            "summary": summary, "requestBody": {"content": dict.fromkeys(kinds, given)},
            "responses": responses | {"408": _error("the body took too long to come")},
        },
    }  # fmt: skip


def _parameter(name: str, place: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _response(what: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": what, "content": content}


def _error(what: str) -> dict[str, Any]:
    return _told(what, "Error")


def _told(what: str, schema: str) -> dict[str, Any]:
    reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return _response(what, {"application/json": reference})


def _object(*strings: str) -> dict[str, Any]:
    """Return the schema of an answer: a status, and strings."""
    properties = {"status": {"type": "integer"}} | {name: {"type": "string"} for name in strings}
    return {"type": "object", "properties": properties, "required": list(properties)}
