"""What the endpoint accepts and returns, described in OpenAPI.

https://spec.openapis.org/oas/v3.1.0.html
"""

from typing import Any

from pixelgen import __version__
from pixelgen.pixlab.server.headers import MAX_HEADER_BYTES, MAX_TARGET_BYTES
from pixelgen.pixlab.server.params import EXPORT_FORMATS, MAX_SIDE
from pixelgen.registry import components

_IMAGES: dict[str, Any] = {f"image/{name}": {} for name in dict.fromkeys(EXPORT_FORMATS.values())}
_SIDE = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE, "examples": [64]}
_JOB = {"description": "with blob: the job, as JSON", "schema": {"type": "string"}}
_SEED = "^([0-9]{1,38}|0[xX][0-9a-fA-F]{1,32})$"
_ERRORS = {
    "400": "a parameter is invalid, or the image would cost too much",
    "401": "the key is missing or wrong",
    "403": "a browser sent the request for a page of an origin that is not allowed",
    "415": "the format is not supported",
    "503": "busy; retry after the seconds in Retry-After",
}  # fmt: skip


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pixelgen serve", "version": __version__,
            "description": "PixLab's pixelgenerate and newimage, answered on this machine. Other"
                           " methods are answered 405, other paths 404, a path and query of more"
                           f" than {MAX_TARGET_BYTES >> 10} KiB 414, and headers of more than"
                           f" {MAX_HEADER_BYTES >> 10} KiB 431.",
        },
        "paths": {
            "/pixelgenerate": _image_path(
                "Random pixels", _pixlab_parameters() | _extension_parameters()
            ),
            "/newimage": _image_path("One color", _pixlab_parameters()),
            "/media/{id}": {"get": {
                "summary": "An image that was made recently", "security": [],
                "parameters": [_parameter("id", "path", {"type": "string"})],
                "responses": {"200": _response("the image", _IMAGES),
                              "404": _error("the image does not exist, or does no longer"),
                              "400": _error(_ERRORS["400"]), "403": _error(_ERRORS["403"])},
            }},
            "/status": {"get": {
                "summary": "Whether the server answers", "security": [],
                "responses": {"200": _json("it answers", "Status"), "400": _error(_ERRORS["400"])},
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


def _pixlab_parameters() -> dict[str, Any]:
    """Return the parameters that PixLab has."""
    return {
        "width": _SIDE, "height": _SIDE,
        "color": {"type": "string", "description": "a name, hex, gray0 … gray100, or tr",
                  "examples": ["red", "#cef48e", "gray50", "tr"]},
        "export": {"type": "string", "enum": list(EXPORT_FORMATS), "default": "png"},
        "blob": {"type": "boolean", "default": False,
                 "description": "send the image itself, not a link to it"},
    }  # fmt: skip


def _extension_parameters() -> dict[str, Any]:
    """Return the parameters that pixelgen adds."""
    return {
        "seed": {"type": "string", "pattern": _SEED,
                 "description": "up to 128 bits; the same seed gives the same bytes"},
        "noise": {"type": "string", "default": "uniform", "examples": list(components("family")),
                  "description": "a family, with or without parameters"},
        "density": {"type": "number", "minimum": 0, "maximum": 1},
    }  # fmt: skip


def _image_path(summary: str, fields: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {status: _error(text) for status, text in _ERRORS.items()}
    responses["200"] = _json("a link to the image; with blob: the image", "Link")
    responses["200"]["content"] |= _IMAGES
    responses["200"]["headers"] = {"X-Pixelgen-Job": _JOB}
    body = {"schema": {"type": "object", "properties": fields | {"key": {"type": "string"}}}}
    media_types = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    query = [_parameter(name, "query", schema) for name, schema in fields.items()]
    return {
        "get": {"summary": summary, "parameters": query, "responses": responses},
        "post": {
            "summary": summary, "requestBody": {"content": dict.fromkeys(media_types, body)},
            "responses": responses | {"408": _error("the body did not arrive in time")},
        },
    }  # fmt: skip


def _parameter(name: str, location: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": location, "required": location == "path", "schema": schema}


def _response(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": content}


def _error(description: str) -> dict[str, Any]:
    return _json(description, "Error")


def _json(description: str, schema: str) -> dict[str, Any]:
    reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return _response(description, {"application/json": reference})


def _object(*strings: str) -> dict[str, Any]:
    """Return the schema of a JSON response: a status, and strings."""
    properties = {"status": {"type": "integer"}} | {name: {"type": "string"} for name in strings}
    return {"type": "object", "properties": properties, "required": list(properties)}
