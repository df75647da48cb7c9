"""Journals, plans, manifests, checksums and locks that are damaged or of another dataset."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.engines import Serial
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from pixelgen.storage.lock import LOCK
from tests.support.command import tree_digest
from tests.support.datasets import write
from tests.support.faults import (
    manifest_of,
    trials,
)
from tests.support.planted import CUT, cut_short, identities, try_generate, whole_digest

pytestmark = pytest.mark.faults


def line_of(*body: object) -> bytes:
    """A line of the journal as pixelgen writes it, with a right checksum."""
    text = json.dumps(body, separators=(",", ":")).encode()
    return b"%08x %s\n" % (crc32(text), text)


def forged(old: bytes, *record: object) -> bytes:
    """Append a line that names the mount and the job of the first one, if that is a journal's."""
    mount, job = json.loads(old.partition(b"\n")[0][9:])[:2] if old[8:9] == b" " else ("", "")
    return old + line_of(mount, job, *record)


SPOIL: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "zeros": lambda old: bytes(len(old)),
    "end torn": lambda old: old[:-7],
    "no last newline": lambda old: old[:-1],
    "first line torn": lambda old: old[5:],
    "middle cut out": lambda old: old[: len(old) // 3] + old[len(old) // 2 :],
    "a hole of zeros": lambda old: old[:100] + bytes(4096) + old[4196:],
    "twice": lambda old: old * 2,
    "thrice, and torn": lambda old: old * 3 + old[:60],
    "lines swapped": lambda old: b"".join(reversed(old.splitlines(keepends=True))),
    "carriage returns": lambda old: old.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda old: b"\xef\xbb\xbf" + old,
    "lines of a stranger's": lambda old: b"mine\n" + old + b"\xff\xfe\n{}\n[]\n",
    "one endless line": lambda old: b"x" * (4 << 20) + b"\n" + old,
    "blank lines": lambda old: b"\n\n" + old.replace(b"\n", b"\n\n"),
    "nothing but a newline": lambda _: b"\n",
    "of a shard that is not": lambda old: forged(old, 10**6, [1], ["x"], 0, ""),
    "of shard -1": lambda old: forged(old, -1, [1], ["x"], 0, ""),
    "of sizes that are not": lambda old: forged(old, 2, [0, 0], ["x", "x"], 0, ""),
    "of no sizes": lambda old: forged(old, 2, [], [], 0, ""),
    "of sizes below 0": lambda old: forged(old, 2, [-1, -1], ["x", "x"], 0, ""),
    "of numbers past any": lambda old: forged(old, float("inf"), [float("nan")], [], 0, ""),
    "of nested lists": lambda old: old + b"%08x %s\n" % (crc32(b"[" * 9999), b"[" * 9999),
}


@pytest.mark.parametrize("how", SPOIL)
@pytest.mark.parametrize("name", [JOURNAL, PLAN, "manifest", SUMS, LOCK])
def test_damaged_state_of_an_unfinished_dataset_is_resumed_or_refused(
    tmp_path: Path, layout: str, name: str, how: str
) -> None:
    out = cut_short(tmp_path / "set", layout)
    name = manifest_of(layout) if name == "manifest" else name
    plausible = (out / PLAN).read_bytes() if name not in (JOURNAL, PLAN) else b""
    old = (out / name).read_bytes() if name in (JOURNAL, PLAN) else plausible
    (out / name).write_bytes(SPOIL[how](old))
    assert_resumed_or_refused(out, layout)


def assert_resumed_or_refused(out: Path, layout: str, hint: object = "") -> None:
    before = identities(out)
    code, line = try_generate(out, layout=layout, **CUT)
    if code == 0:
        assert tree_digest(out) == whole_digest(layout), hint
        return
    after = identities(out)
    before.pop(JOURNAL, None)  # of a run that is refused late, more shards stand in it
    assert code == 3, (line, hint)
    assert "\n" not in line
    assert {name: after.get(name) for name in before} == before, hint
    assert not list(out.rglob("*.part")), hint


@pytest.mark.parametrize("name", [JOURNAL, PLAN])
def test_missing_state_is_resumed_or_refused(tmp_path: Path, layout: str, name: str) -> None:
    out = cut_short(tmp_path / "set", layout)
    (out / name).unlink()
    assert_resumed_or_refused(out, layout)


@pytest.mark.parametrize("name", [PLAN, JOURNAL])
def test_state_of_another_dataset_is_resumed_or_refused(
    tmp_path: Path, layout: str, name: str
) -> None:
    out = cut_short(tmp_path / "set", layout)
    other = tmp_path / "other"
    rounds = iter(range(2))
    stopping = How(Serial(), stopped=lambda: next(rounds, None) is None)
    write(Job.parse(layout=layout, **CUT | {"seed": 5}), LocalStore(str(other)), stopping)
    shutil.copyfile(other / name, out / name)
    assert_resumed_or_refused(out, layout)


@pytest.mark.parametrize("name", [JOURNAL])
def test_randomly_damaged_state_is_resumed_or_refused(
    tmp_path: Path, layout: str, name: str
) -> None:
    cut_short(tmp_path / "cut", layout)
    for seed in range(trials(10)):
        dice = random.Random(seed)
        out = tmp_path / str(seed)
        shutil.copytree(tmp_path / "cut", out, copy_function=os.link)
        old = (out / name).read_bytes()
        (out / name).unlink()
        if name != JOURNAL:
            privately(out / JOURNAL)
        (out / name).write_bytes(spoiled(old, dice))
        assert_resumed_or_refused(out, layout, f"seed {seed}")
        shutil.rmtree(out)


def privately(path: Path) -> None:
    """Make of one name of a file a file of its own."""
    old = path.read_bytes()
    path.unlink()
    path.write_bytes(old)


def spoiled(old: bytes, dice: random.Random) -> bytes:
    """Return bytes with one to three random faults: cuts, flips, holes, repetitions, noise."""
    new = bytearray(old)
    for _ in range(dice.randint(1, 3)):
        start = dice.randrange(len(new) + 1)
        stop = min(len(new), start + dice.choice((1, 10, 500, 5000)))
        kind = dice.randrange(5)
        if kind == 0:
            del new[start:]
        elif kind == 1 and start < stop:
            new[start] ^= 1 << dice.randrange(8)
        elif kind == 2:
            new[start:stop] = bytes(stop - start)
        elif kind == 3:
            new[start:start] = new[start:stop]
        else:
            new[start:start] = dice.randbytes(20)
    return bytes(new)
