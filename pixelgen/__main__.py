"""The ``pixelgen`` command as a program, and ``python -m pixelgen``."""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line in this process, and end it."""
    # Ctrl-C while modules load ends the program without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pixelgen.cli import main

    code = main()
    for output in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):
            output.flush()
    # Taking the interpreter down in good order takes longer than making a small image does, and
    # nothing is left to do.
    os._exit(code)


if __name__ == "__main__":
    run()
