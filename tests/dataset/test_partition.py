"""Partitions of a dataset: which runs they stand beside, what they resume, and what they refuse."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from pixelgen.dataset.plan import JOURNAL, PLAN
from tests.support.command import COMMAND, Run, tree_digest
from tests.support.faults import PATIENCE, running, wait_for
from tests.support.partitions import JOB, SLOW, Make, partition


def state(out: Path) -> list[str]:
    return sorted(path.name for path in out.glob(".*"))


@pytest.mark.slow
def test_only_a_killed_partition_is_repeated(tmp_path: Path, make: Make, run: Run) -> None:
    make(*SLOW, "-o", "whole")
    out = tmp_path / "out"
    command = ("generate", *SLOW, "--partition", "2/4", "-o", "out")
    with running(tmp_path, *command) as process:
        assert wait_for((out / ".pixelgen.2-of-4.journal").exists)
        assert wait_for(lambda: (out / ".pixelgen.2-of-4.journal").stat().st_size > 0)
        process.kill()
        process.wait(PATIENCE)
    for number in (1, 3, 4):
        assert partition(out, number, SLOW).returncode == 0
    done = run("finish", "out")
    assert done.returncode == 1
    missing = json.loads(run("status", "out", "--json").stdout)["missing_shards"]
    assert missing.split(",")[0] in done.stderr
    assert "--partition I/4" in done.stderr
    assert "I = 2" in done.stderr
    assert run("status", "out", "--missing").stdout == "2\n"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert partition(out, 2, SLOW).returncode == 0
    after = {path: path.stat().st_mtime_ns for path in before}
    assert before == after
    assert run("status", "out", "--missing").stdout == "\n"
    assert run("finish", "-q", "out").returncode == 0
    assert tree_digest(out) == tree_digest(tmp_path / "whole")


def test_a_run_without_partition_keeps_the_images_of_partitions(tmp_path: Path, make: Make) -> None:
    make(*JOB, "-o", "whole")
    out = tmp_path / "out"
    assert partition(out, 1).returncode == 0
    assert partition(out, 3, total=8).returncode == 0
    done = json.loads(make(*JOB, "--json", "-o", "out").stdout)
    assert (done["created"], done["existing"]) == (120, 80)
    assert tree_digest(out) == tree_digest(tmp_path / "whole")


@pytest.mark.slow
def test_a_repeated_partition_does_nothing_and_empty_partitions_are_allowed(
    tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out"
    command = ("generate", *JOB, "--json", "-o", "out")
    for number in range(1, 31):
        done = json.loads(run(*command, "--partition", f"{number}/30").stdout)
        assert (done["state"], done["count"]) == ("partial", 10 if number <= 20 else 0)
    again = json.loads(run(*command, "--partition", "3/30").stdout)
    assert (again["created"], again["existing"]) == (0, 10)
    assert run("finish", "out", "-q").returncode == 0
    assert state(out) == []
    assert json.loads(run(*command, "--partition", "3/30").stdout)["existing"] == 10
    assert state(out) == []


@pytest.mark.slow
def test_a_second_run_of_a_partition_and_a_full_run_beside_it_are_refused(
    tmp_path: Path, run: Run
) -> None:
    command = ("generate", *SLOW, "-n", 4000, "-o", "out")
    with running(tmp_path, *command, "--partition", "1/2") as process:
        assert wait_for((tmp_path / "out" / ".pixelgen.1-of-2.lock").exists)
        assert run(*command, "--partition", "1/2").returncode == 5
        assert run(*command).returncode == 5
        assert run("finish", "out").returncode == 5
        process.terminate()
        assert process.wait(PATIENCE) == 143


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_partition_keeps_finished_images(
    tmp_path: Path, run: Run, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    with running(tmp_path, "generate", *SLOW, "--partition", "1/2", "-o", "out") as process:
        journal = out / ".pixelgen.1-of-2.journal"
        assert wait_for(lambda: journal.exists() and journal.stat().st_size > 0)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 128 + number
    done = json.loads(run("generate", *SLOW, "--partition", "1/2", "--json", "-o", "out").stdout)
    assert done["existing"] > 0
    assert done["created"] > 0


def test_synced_images_of_a_partition_are_not_read_again_on_another_machine(
    tmp_path: Path, run: Run
) -> None:
    # Other machines have other boots; the lines of the journals name them.
    for number in (1, 2):
        assert partition(tmp_path / "out", number, total=2).returncode == 0
    from pixelgen.storage.append_log import decode_line, encode_line

    for path in (tmp_path / "out").glob(".pixelgen.*-of-2.journal"):
        lines = [decode_line(line) for line in path.read_bytes().splitlines(keepends=True)]
        for line in lines[:-1]:
            line[0] = "another boot 7"
        path.write_bytes(b"".join(map(encode_line, lines)))
    (tmp_path / "out" / "negatives-000003.tar").chmod(0)
    strace = ["strace", "-f", "-e", "trace=openat", "-o", str(tmp_path / "trace")]
    if shutil.which("strace") is None:
        pytest.skip("what is opened: strace is not installed")
    done = subprocess.run(
        [*strace, COMMAND, "finish", "-q", "out"], check=False, cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert '.tar"' not in (tmp_path / "trace").read_text()


@pytest.mark.slow
def test_the_task_of_a_slurm_array_is_a_partition(tmp_path: Path, make: Make, run: Run) -> None:
    make(*JOB, "-o", "whole")
    array = {"MIN": "5", "MAX": "8", "COUNT": "4"}
    for task in range(5, 9):
        environment = {
            f"SLURM_ARRAY_TASK_{name}": each for name, each in (*array.items(), ("ID", str(task)))
        }
        done = run("generate", *JOB, "--partition", "slurm", "--json", "-o", "out", **environment)
        assert json.loads(done.stdout)["partition"] == f"{task - 4}/4"
    assert run("finish", "out", "-q").returncode == 0
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "whole")
    sparse = {"ID": "3", "MIN": "3", "MAX": "9", "COUNT": "4"}
    environment = {f"SLURM_ARRAY_TASK_{name}": each for name, each in sparse.items()}
    done = run("generate", *JOB, "--partition", "slurm", "-o", "other", **environment)
    assert done.returncode == 2
    assert '--partition "$SLURM_ARRAY_TASK_ID/N"' in done.stderr
    done = run("generate", *JOB, "--partition", "slurm", "-o", "other")
    assert done.returncode == 2
    assert "Slurm" in done.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_missing_partitions_are_printed_for_a_job_array(tmp_path: Path, run: Run) -> None:
    for number in (1, 2, 4, 5, 6):
        assert partition(tmp_path / "out", number, total=9).returncode == 0
    assert run("status", "out", "--missing").stdout == "3,7-9\n"
    assert run("status", "out", "--missing", "--of", 3).stdout == "1-3\n"
    lines = run("status", "out").stdout.splitlines()
    facts = (("120", "200"), ("2,6-8,11,15-17", "8"), ("--partition I/9", "3,7-9"))
    assert len(lines) == len(facts)
    for line, words in zip(lines, facts, strict=True):
        assert [word for word in words if word not in line] == []
    assert partition(tmp_path / "out", 1, total=2).returncode == 0
    assert run("status", "out", "--missing").returncode == 2
    assert run("status", "nothing").returncode == 2


@pytest.mark.parametrize(
    "shard", ["0/4", "5/4", "1/0", "a/b", "1", "-1/4", "1/4/2", "", "1/9999999"]
)
def test_an_invalid_partition_is_refused(tmp_path: Path, run: Run, shard: str) -> None:
    done = run("generate", *JOB, "--partition", shard, "-o", "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "I/N" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_options_of_a_complete_dataset_exclude_partition(tmp_path: Path, run: Run) -> None:
    for more in (["--force"], ["-o", "-"], ["--remote"]):
        done = run("generate", "-n", 3, "--partition", "1/2", *more, PIXLAB_API_KEY="none")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert partition(tmp_path / "out", 1).returncode == 0
    other = run("generate", *JOB, "--partition", "2/4", "--seed", 5, "-o", "out")
    assert other.returncode == 3
    job = ("-n", 50, "--layout", "files", "-q")
    assert partition(tmp_path / "more", 1, job).returncode == 0
    done = run("generate", "-n", 50, "--layout", "files,yolo", "--partition", "2/4", "-o", "more")
    assert done.returncode == 3
    assert "--layout" in done.stderr


def test_a_dry_run_counts_images_of_finished_partitions(tmp_path: Path, run: Run) -> None:
    assert partition(tmp_path / "out", 1).returncode == 0
    done = run("generate", *JOB, "--dry-run", "--json", "-o", "out")
    assert json.loads(done.stdout)["existing"] == 50
    assert (tmp_path / "out" / PLAN).exists()
    assert (tmp_path / "out" / JOURNAL).exists()
