"""Calls in another thread, so that the main thread can handle signals while it waits.

Python runs signal handlers between two bytecode instructions of the main thread. A call into C,
such as encoding an image or syncing a disk, is one instruction and may take minutes; a thread that
waits in ``join`` wakes up at once.
"""

import threading
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

A = TypeVarTuple("A")
R = TypeVar("R")


def run_in_thread(function: Callable[[Unpack[A]], R], *args: *A) -> R:
    """Call a function in another thread; return its result or raise its exception."""
    results: list[R] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(function(*args))
        except BaseException as error:  # noqa: BLE001 – raised again below
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no more threads: signals are handled late, but the work is done
        return function(*args)
    thread.join()
    for error in errors:
        raise error
    return results[0]
