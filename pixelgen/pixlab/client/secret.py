"""The API key, which is never printed."""

import re
from urllib.parse import quote

from pixelgen.errors import BadValue

_KEY = re.compile(r"[!-~]{1,512}")
_MAX_MESSAGE = 200  # characters of a message from an endpoint


class Secret:
    """An API key whose text only :meth:`reveal` returns."""

    def __init__(self, text: str) -> None:
        if not _KEY.fullmatch(text):
            raise BadValue("invalid key: must be one line of 1 to 512 visible ASCII characters")
        self._text = text

    def reveal(self) -> str:
        """Return the key."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def redact(self, text: str) -> str:
        """Return a message of an endpoint as a short, printable line without the key."""
        for spelling in (self._text, quote(self._text, safe="")):
            text = text.replace(spelling, "***")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= _MAX_MESSAGE else line[:_MAX_MESSAGE] + "…"
