"""The floor of tar: two processes, 1,000 members a file, a MiB a write: COUNT SAMPLE DIRECTORY."""
# ruff: noqa: PTH116
# Importing pathlib would count as start-up.

import os
import sys

_BLOCK = 512
_MIB = 1 << 20
_MEMBERS = 1000


def write_half(first: int, count: int, member: int, out: str) -> None:
    """Write every second shard."""
    piece = os.urandom(_MIB)
    for start in range(first * _MEMBERS, count, 2 * _MEMBERS):
        left = min(_MEMBERS, count - start) * member
        fd = os.open(f"{out}/{start:06d}.raw", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        while left:
            left -= os.write(fd, piece[:left])
        os.close(fd)


if __name__ == "__main__":
    size = os.stat(sys.argv[2]).st_size
    child = os.fork()
    write_half(int(child == 0), int(sys.argv[1]), _BLOCK + size + -size % _BLOCK, sys.argv[3])
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
