"""The journal: which of its lines count when a run is resumed."""

import json
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from pixelgen.dataset.journal import Journal
from pixelgen.dataset.plan import JOURNAL, Plan
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.engines import Serial
from pixelgen.job import Job
from pixelgen.layouts import ShardRecord
from pixelgen.storage import LocalStore
from pixelgen.storage.append_log import encode_line
from tests.support.command import Run, tree_digest
from tests.support.datasets import write


@pytest.mark.parametrize(
    "body",
    ['{"a":1}', "not json", "[]", '["x"]', "5", '["x",0,null,null,""]', '["x","0",[1],[2],""]',
     '["x",0,[],[],"",1]', '["x",-1,[1],["a"],""]', '["x",0,[1e999],["a"],""]', "[" * 100_000],
)  # fmt: skip
def test_a_journal_line_without_a_record_is_ignored(tmp_path: Path, body: str) -> None:
    job = Job.parse(count=5, width=8, height=8)
    store = LocalStore(str(tmp_path))
    write(job, store, How(stopped=lambda: True))
    (tmp_path / JOURNAL).write_text(f"{crc32(body.encode()):08x} {body}\n")

    assert write(job, store, How()).created == 5


@pytest.mark.parametrize(
    "record",
    [
        ShardRecord(1, [], []),  # the shard after the last one, which has no images
        ShardRecord(2, [1] * 10, ["0" * 64] * 10),
        ShardRecord(-1, [1] * 10, ["0" * 64] * 10),
        ShardRecord(0, [1] * 9, ["0" * 64] * 9),
        ShardRecord(0, [1] * 10, ["x" * 64] * 10),
        ShardRecord(0, [1] * 10, ["0" * 64] * 10, 0, "x"),
        ShardRecord(0, [1] * 10, ["0" * 64] * 10, 0, "", ["{}"] * 10),
    ],
)
def test_a_valid_journal_line_with_an_impossible_record_is_ignored(
    tmp_path: Path, record: ShardRecord
) -> None:
    job = Job.parse(count=10, width=512, height=512)
    assert job.shard_size == job.count
    store = LocalStore(str(tmp_path))
    write(job, store, How(stopped=lambda: True))
    (tmp_path / JOURNAL).write_bytes(Journal(store, Plan.of(job)).line(record))

    assert write(job, store, How(Serial())).created == 10


@pytest.mark.slow
def test_images_of_a_journal_line_are_generated_again_if_missing_or_truncated(
    tmp_path: Path,
) -> None:
    job = Job.parse(count=5000, width=8, height=8)
    whole = LocalStore(str(tmp_path / "whole"))
    write(job, whole, How())
    rounds = iter(range(3))
    cut = LocalStore(str(tmp_path / "cut"))
    write(job, cut, How(Serial(), stopped=lambda: next(rounds, None) is None))
    assert (tmp_path / "cut" / JOURNAL).read_text().count("\n") == 3
    (tmp_path / "cut/images/000001.png").unlink()
    (tmp_path / "cut/images/001500.png").write_bytes(b"")
    with (tmp_path / "cut" / JOURNAL).open("ab") as journal:
        journal.write(b"0badc0de [torn")
    (tmp_path / "cut/images/.000001.png.part").write_bytes(b"a stranger's")
    outcome = write(job, cut, How())
    (tmp_path / "cut/images/.000001.png.part").unlink()

    assert outcome.existing == 1000
    assert tree_digest(tmp_path / "cut") == tree_digest(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("other", ["boot", "mount"])
def test_journal_lines_of_another_boot_or_mount_need_matching_checksums(
    tmp_path: Path, other: str
) -> None:
    job = Job.parse(count=3000, width=8, height=8)
    store = LocalStore(str(tmp_path))
    rounds = iter(range(2))
    write(job, store, How(Serial(), stopped=lambda: next(rounds, None) is None))
    (tmp_path / "images/000005.png").write_bytes(
        bytes((tmp_path / "images/000005.png").stat().st_size)  # right size, zeros: a power cut
    )
    journal = tmp_path / JOURNAL
    here = json.loads(journal.read_text().partition("\n")[0][9:])[0]
    boot, mount = here.split()
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    there = f"another {mount}" if other == "boot" else f"{boot} 7{mount}"
    lines = []
    for line in journal.read_text().splitlines():
        body = line[9:].replace(here, there)
        lines.append(f"{crc32(body.encode()):08x} {body}\n")
    journal.write_text("".join(lines))
    outcome = write(job, store, How())

    assert outcome.existing == 1000
    assert np.asarray(Image.open(tmp_path / "images/000005.png")).any()


def test_a_forged_journal_line_does_not_reach_the_manifest(run: Run, tmp_path: Path) -> None:
    command = ("generate", "-n", 3, "-s", 8, "-q")
    assert run(*command, "-o", "whole").returncode == 0
    assert run(*command, "-o", "set").returncode == 0
    job = json.loads((tmp_path / "set/pixelgen.json").read_text())["digest"][:16]
    sizes = [path.stat().st_size for path in sorted((tmp_path / "set/images").iterdir())]
    store = LocalStore(str(tmp_path / "set"))
    line = encode_line([store.mount_id(), job, 0, sizes, ['x","evil":"\n'] * 3, 0, "", []])
    (tmp_path / "set/metadata.jsonl").unlink()
    (tmp_path / "set/SHA256SUMS").unlink()
    (tmp_path / "set/.pixelgen.journal").write_bytes(line)

    assert run(*command, "-o", "set").returncode == 0
    assert tree_digest(tmp_path / "set") == tree_digest(tmp_path / "whole")
