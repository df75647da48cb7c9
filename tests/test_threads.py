"""Work aside: what it returns and raises is handed over, and signals are heard meanwhile."""

import os
import signal
import threading

import pytest

from pixelgen.threads import run_in_thread
from tests.support.faults import PATIENCE


def test_what_is_returned_and_what_is_raised_is_handed_over() -> None:
    assert run_in_thread(divmod, 17, 5) == (3, 2)
    with pytest.raises(ZeroDivisionError, match="zero"):
        run_in_thread(divmod, 17, 0)


def test_a_signal_is_heard_while_a_call_takes_long() -> None:
    heard = threading.Event()

    def await_the_handler() -> bool:
        os.kill(os.getpid(), signal.SIGUSR1)
        return heard.wait(PATIENCE)

    old = signal.signal(signal.SIGUSR1, lambda *_: heard.set())
    try:
        assert run_in_thread(await_the_handler)
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_where_there_are_no_more_threads_the_call_is_made_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert run_in_thread(divmod, 17, 5) == (3, 2)
