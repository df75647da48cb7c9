"""The shelf: images that are kept for a while under a link that cannot be guessed."""

import secrets
import time
from collections import OrderedDict
from typing import NamedTuple


class Picture(NamedTuple):
    """An image file: its bytes, and the format's name."""

    data: bytes
    format: str


class Shelf:
    """Pictures of at most so many bytes in all, each for so many seconds; the oldest go first."""

    def __init__(self, most_bytes: int, most_seconds: float) -> None:
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._pictures: OrderedDict[str, tuple[float, Picture]] = OrderedDict()
        self.bytes = 0

    def put(self, picture: Picture) -> str:
        """Keep a picture; return its name: of PixLab's shape, but 128 bits of it are random."""
        name = f"24p{secrets.token_hex(16)}.{picture.format}"
        self._pictures[name] = time.monotonic(), picture
        self.bytes += len(picture.data)
        self._clear()
        return name

    def get(self, name: str) -> Picture | None:
        """Return a picture, if it is still there."""
        self._clear()
        found = self._pictures.get(name)
        return found[1] if found else None

    def _clear(self) -> None:
        oldest = time.monotonic() - self._most_seconds
        while self._pictures:
            name, (put, picture) = next(iter(self._pictures.items()))
            if put >= oldest and self.bytes <= self._most_bytes:
                break
            del self._pictures[name]
            self.bytes -= len(picture.data)
