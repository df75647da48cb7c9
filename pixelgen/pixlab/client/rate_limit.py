"""The pace: when the next request may start."""

import re
import threading
import time

from pixelgen.errors import BadValue

_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)/(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


def seconds_apart(rate: str) -> float:
    """Read a rate such as ``7/min``, ``2/s`` or ``100/h`` as the seconds between two requests."""
    found = _RATE.fullmatch(rate.strip())
    if not found or float(found[1]) == 0:
        raise BadValue(f"rate {rate[:20]!r} is none; write it as 7/min, 2/s or 100/h")
    return _SECONDS[found[2]] / float(found[1])


class Pace:
    """Gives out turns so many seconds apart, to any number of threads, and counts them."""

    def __init__(self, apart: float) -> None:
        self._apart = apart
        self._lock = threading.Lock()
        self._next = 0.0
        self.turns = 0

    def turn(self) -> float:
        """Take the next turn; return the seconds until it comes."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._apart
            self.turns += 1
            return start - now

    def hold(self, seconds: float) -> None:
        """Give out no turn for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
