"""The rate limit: when the next request may start."""

import re
import threading
import time

from pixelgen.errors import BadValue

_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)/(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


def parse_rate(text: str) -> float:
    """Return the seconds between two requests at a rate such as ``7/min``, ``2/s`` or ``100/h``."""
    match = _RATE.fullmatch(text.strip())
    if not match or float(match[1]) == 0:
        raise BadValue(f"invalid rate {text[:20]!r}: must be like 7/min, 2/s or 100/h")
    return _SECONDS[match[2]] / float(match[1])


class RateLimit:
    """Spaces the requests of any number of threads ``interval`` seconds apart, and counts them."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._lock = threading.Lock()
        self._next = 0.0
        self.requests = 0

    def reserve(self) -> float:
        """Reserve the next start of a request; return the seconds until then."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._interval
            self.requests += 1
            return start - now

    def pause(self, seconds: float) -> None:
        """Let no request start for that long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
