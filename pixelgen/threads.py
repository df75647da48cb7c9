"""Work aside: a call in a thread of its own, while the thread that waits for it hears signals.

Python runs the handler of a signal between two instructions of the main thread. To encode an image
or to sync a disk is one instruction, of seconds or minutes; a thread that waits wakes at once.
"""

import threading
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

A = TypeVarTuple("A")
R = TypeVar("R")


def run_in_thread(function: Callable[[Unpack[A]], R], *args: *A) -> R:
    """Return what a function returns, or raise what it raises, called in another thread."""
    returned: list[R] = []
    raised: list[BaseException] = []

    def call() -> None:
        try:
            returned.append(function(*args))
        except BaseException as error:  # noqa: BLE001 – handed over, whatever it is
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the system has none left: better late to hear than not to work
        return function(*args)
    thread.join()
    for error in raised:
        raise error
    return returned[0]
