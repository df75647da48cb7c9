"""How much memory is left to this process: on its machine, and in its control groups."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_ROOT = Path("/")


class _Files(NamedTuple):
    """The files of a control group: its limit, what it uses, and of that the cached files."""

    folder: str
    limit: str
    used: str
    cached: str  # a regular expression for lines of memory.stat


_V2 = _Files("sys/fs/cgroup", "memory.max", "memory.current", "(?:in)?active_file")
_V1 = _Files(
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_(?:in)?active_file",
)


def available_memory(root: Path = _ROOT) -> int | None:
    """Return the bytes that this process and those it starts may still take; None if not known.

    That is the least of what Linux reports as available, and of what the limit of each control
    group leaves, of version 1 or 2: that of this process, and those that it is nested in. Cached
    files count as available, because Linux drops them first. Swap space does not count.

    Args:
        root: The folder that has ``proc`` and ``sys``.
    """
    return min([*_left_on_machine(root), *_left_in_groups(root)], default=None)


def _left_on_machine(root: Path) -> list[int]:
    found = re.search(r"^MemAvailable: +(\d+) kB$", _read(root / "proc/meminfo"), re.MULTILINE)
    return [int(found[1]) << 10] if found else []


def _left_in_groups(root: Path) -> Iterator[int]:
    """Yield what each control group leaves; see cgroups(7) for the lines that name them."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number != "0" and "memory" not in controllers.split(","):
            continue
        files = _V2 if number == "0" else _V1
        group = PurePosixPath(path)
        # In a container the path may be that on the host: then only the last folder is there.
        for each in (group, *group.parents):
            yield from _left_in_group(root / files.folder / each.relative_to("/"), files)


def _left_in_group(folder: Path, files: _Files) -> list[int]:
    limit, used = _read(folder / files.limit).strip(), _read(folder / files.used).strip()
    if not (limit.isdecimal() and used.isdecimal()):  # it does not exist, or the limit is "max"
        return []
    statistics = _read(folder / "memory.stat")
    cached = re.findall(rf"^{files.cached} (\d+)$", statistics, re.MULTILINE)
    return [max(0, int(limit) - int(used) + sum(map(int, cached)))]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
