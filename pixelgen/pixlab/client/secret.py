"""The key, which nothing prints."""

import re
from urllib.parse import quote

from pixelgen.errors import BadValue

_KEY = re.compile(r"[!-~]{1,512}")
_SHOWN = 200  # characters of what an endpoint says


class Secret:
    """A key that shows itself to nobody who does not ask for it by name."""

    def __init__(self, text: str) -> None:
        if not _KEY.fullmatch(text):
            raise BadValue("the key must be 1 to 512 visible ASCII characters in one line")
        self._text = text

    def reveal(self) -> str:
        """Return the key."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def redact(self, text: str) -> str:
        """Return what an endpoint says, in a short line that is printable and without the key."""
        for spelled in (self._text, quote(self._text, safe="")):
            text = text.replace(spelled, "***")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
