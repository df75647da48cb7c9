"""The floor: a file's bytes written COUNT times by two processes: COUNT SAMPLE DIRECTORY."""
# ruff: noqa: PTH102, PTH123
# Importing pathlib would count as start-up.

import os
import sys


def write_half(first: int, count: int, data: bytes, out: str) -> None:
    """Write every second file, in a folder of its own: two writers to one wait for each other."""
    os.mkdir(f"{out}/{first}")
    for index in range(first, count, 2):
        path = f"{out}/{first}/{index:06d}.raw"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        os.write(fd, data)
        os.close(fd)


if __name__ == "__main__":
    with open(sys.argv[2], "rb") as file:
        sample = file.read()
    child = os.fork()
    write_half(int(child == 0), int(sys.argv[1]), sample, sys.argv[3])
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
