"""Work aside: what it returns and raises is handed over, and signals are heard meanwhile."""

import os
import signal
import threading
import time
from types import FrameType

import pytest

from pixelgen.aside import aside


def test_what_is_returned_and_what_is_raised_is_handed_over() -> None:
    assert aside(divmod, 17, 5) == (3, 2)
    with pytest.raises(ZeroDivisionError, match="zero"):
        aside(divmod, 17, 0)


def test_a_signal_is_heard_while_a_call_takes_long() -> None:
    begun, heard = time.monotonic(), []

    def hear(_: int, __: FrameType | None) -> None:
        heard.append(time.monotonic() - begun)

    old = signal.signal(signal.SIGUSR1, hear)
    try:
        threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGUSR1]).start()
        aside(time.sleep, 1.0)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert time.monotonic() - begun >= 1
    assert len(heard) == 1
    assert heard[0] < 0.9


def test_where_there_are_no_more_threads_the_call_is_made_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert aside(divmod, 17, 5) == (3, 2)
