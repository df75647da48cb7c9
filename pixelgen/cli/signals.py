"""Signals: the first asks the run to stop, the second ends it."""

import os
import signal
from contextlib import suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE = 4.0  # seconds for the shards at hand


class Stop:
    """Whether, and by which signal, this run was asked to stop; ``then`` says what to do after."""

    def __init__(self, then: str) -> None:
        self.signal = 0
        self._then = then
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
                signal.signal(number, self._on_signal)

    def __bool__(self) -> bool:
        return self.signal != 0

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as shells have it."""
        return 128 + self.signal

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.signal = number
        for other in _SIGNALS:
            if signal.getsignal(other) == self._on_signal:
                signal.signal(other, signal.SIG_DFL)  # the next one ends us; workers follow
        signal.signal(signal.SIGALRM, lambda *_: os._exit(self.exit_code))
        signal.setitimer(signal.ITIMER_REAL, _GRACE)
        line = f"pixelgen: {signal.Signals(number).name}: stopping; {self._then}\n"
        with suppress(OSError):  # not print: a handler may run in the middle of one
            os.write(2, line.encode())
