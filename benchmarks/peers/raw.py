"""The floor: files of the sizes that a file lists, by plain os.write: SIZES OUT WRITERS."""
# ruff: noqa: PTH102, PTH123
# Importing pathlib would count as start-up.

import os
import sys

_MIB = 1 << 20


def write_share(first: int, step: int, sizes: list[int], out: str) -> None:
    """Write one file in ``step``, to a folder of its own: in one, writers wait for each other."""
    os.mkdir(f"{out}/{first}")
    piece = memoryview(os.urandom(_MIB))
    for index in range(first, len(sizes), step):
        left = sizes[index]
        fd = os.open(f"{out}/{first}/{index:06d}.raw", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        while left:
            left -= os.write(fd, piece[:left])
        os.close(fd)


if __name__ == "__main__":
    writers = int(sys.argv[3])
    with open(sys.argv[1]) as file:
        listed = [*map(int, file)]
    children = []
    for number in range(1, writers):
        children.append(os.fork())
        if not children[-1]:
            write_share(number, writers, listed, sys.argv[2])
            os._exit(0)
    write_share(0, writers, listed, sys.argv[2])
    statuses = [os.waitpid(child, 0)[1] for child in children]
    sys.exit(int(any(statuses)))
