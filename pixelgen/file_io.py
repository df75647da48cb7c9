"""Writing to file descriptors. Light to import: the command line needs it before anything else."""

import os


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of the data: the system may write less than it is given, without an error."""
    view = memoryview(data)
    while view.nbytes:
        view = view[os.write(fd, view) :]
