"""The memory that is left: files of Linux as they look, below a folder that stands for its root."""

from pathlib import Path

import pytest

from pixelgen.engines import available_memory

MEMINFO = """\
MemTotal:       24683656 kB
MemFree:        20718532 kB
MemAvailable:   21299464 kB
Buffers:            7440 kB
SwapFree:              0 kB
"""
ON_MACHINE = 21299464 << 10
V1 = """\
12:cpuset:/docker/7f3a
9:name=systemd:/docker/7f3a
4:blkio,memory:/docker/7f3a
0::/
"""
V1_NO_LIMIT = 9223372036854771712


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def v2(folder: str, limit: int | str, used: int, cached: int = 0) -> dict[str, str]:
    """Return the files of a group of version 2, with half of its cache in each list."""
    at = f"sys/fs/cgroup/{folder}".rstrip("/")
    stat = f"anon {used - cached}\nfile {cached}\ninactive_anon 5\nactive_anon 7\n"
    stat += f"inactive_file {cached // 2}\nactive_file {cached // 2}\nslab 9\n"
    return {
        f"{at}/memory.max": f"{limit}\n",
        f"{at}/memory.current": f"{used}\n",
        f"{at}/memory.stat": stat,
    }


def v1(folder: str, limit: int, used: int, cached: int = 0) -> dict[str, str]:
    at = f"sys/fs/cgroup/memory/{folder}".rstrip("/")
    stat = "cache 1\ninactive_file 3\nactive_file 5\n"  # of this group without those in it
    stat += f"total_cache {cached}\ntotal_inactive_file {cached}\ntotal_active_file 0\n"
    return {
        f"{at}/memory.limit_in_bytes": f"{limit}\n",
        f"{at}/memory.usage_in_bytes": f"{used}\n",
        f"{at}/memory.stat": stat,
    }


def test_without_control_groups_it_is_what_linux_reports(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": MEMINFO})
    assert available_memory(tmp_path) == ON_MACHINE


def test_where_nothing_says_it_is_not_known(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None


def test_a_limit_leaves_what_is_not_used_and_what_is_cached(tmp_path: Path) -> None:
    files = v2("ci/job", 4 << 30, used=3 << 30, cached=1 << 30)
    write(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/ci/job\n", **files})
    assert available_memory(tmp_path) == 2 << 30


@pytest.mark.parametrize("nearest", ["max", 16 << 30])
def test_the_tightest_of_nested_groups_counts(tmp_path: Path, nearest: int | str) -> None:
    files = v2("a/b/c", nearest, used=1 << 20) | v2("a/b", "max", used=1 << 30)
    files |= v2("a", 5 << 30, used=2 << 30)
    write(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/a/b/c\n", **files})
    assert available_memory(tmp_path) == 3 << 30


def test_the_machine_counts_where_it_has_less_than_the_limit(tmp_path: Path) -> None:
    files = v2("a", 64 << 30, used=1 << 30)
    write(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/a\n", **files})
    assert available_memory(tmp_path) == ON_MACHINE


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path: Path) -> None:
    files = v2("a", 1 << 30, used=2 << 30)
    write(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/a\n", **files})
    assert available_memory(tmp_path) == 0


def test_version_1_has_the_limit_of_the_memory_controller(tmp_path: Path) -> None:
    files = v1("docker/7f3a", 2 << 30, used=1 << 30, cached=1 << 29)
    files |= v1("docker", V1_NO_LIMIT, used=1 << 30) | v1("", V1_NO_LIMIT, used=1 << 33)
    write(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": V1, **files})
    assert available_memory(tmp_path) == 3 << 29


@pytest.mark.parametrize(
    ("cgroup", "files"),
    [(V1, v1("", 1 << 30, used=1 << 28)), ("0::/system.slice/x\n", v2("", 1 << 30, used=1 << 28)),
     ("0::/../../x\n", v2("", 1 << 30, used=1 << 28))],
)  # fmt: skip
def test_in_a_container_the_path_may_be_that_on_the_host(
    tmp_path: Path, cgroup: str, files: dict[str, str]
) -> None:
    write(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": cgroup, **files})
    assert available_memory(tmp_path) == 3 << 28


def test_this_machine_has_memory() -> None:
    available = available_memory()
    assert available is None or available > 0
