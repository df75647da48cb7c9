"""The image cache: images that can be downloaded for a while by a link that cannot be guessed."""

import secrets
import time
from collections import OrderedDict
from typing import NamedTuple


class CachedImage(NamedTuple):
    """An image file: its bytes, and the name of its format."""

    data: bytes
    format: str


class ImageCache:
    """Images of at most so many bytes in all, each for so many seconds; the oldest go first."""

    def __init__(self, max_bytes: int, max_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._images: OrderedDict[str, tuple[float, CachedImage]] = OrderedDict()
        self.bytes = 0

    def put(self, image: CachedImage) -> str:
        """Add an image; return its name: of PixLab's form, but 128 bits of it are random."""
        name = f"24p{secrets.token_hex(16)}.{image.format}"
        self._images[name] = time.monotonic(), image
        self.bytes += len(image.data)
        self._evict()
        return name

    def get(self, name: str) -> CachedImage | None:
        """Return an image, if it is still cached."""
        self._evict()
        found = self._images.get(name)
        return found[1] if found else None

    def _evict(self) -> None:
        oldest = time.monotonic() - self._max_seconds
        while self._images:
            name, (added, image) = next(iter(self._images.items()))
            if added >= oldest and self.bytes <= self._max_bytes:
                break
            del self._images[name]
            self.bytes -= len(image.data)
