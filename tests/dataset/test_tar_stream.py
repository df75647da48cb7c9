"""Images on standard output: one raw, many as a tar."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pixelgen.job import Job
from tests.support.command import COMMAND


@pytest.mark.cli
def test_one_image_goes_to_a_pipe_raw_and_many_as_a_tar(tmp_path: Path) -> None:
    for blob in (["-o", "-"], ["--blob"]):
        one = subprocess.run(
            [COMMAND, "generate", "-n", "1", "-s", "16", "-f", "npy", *blob],
            check=True, capture_output=True, cwd=tmp_path,
        )  # fmt: skip
        (tmp_path / "one.npy").write_bytes(one.stdout)
        assert (np.load(tmp_path / "one.npy") == Job(count=1, width=16, height=16).render(0)).all()
    many = subprocess.run(
        ["bash", "-c", f"{COMMAND} generate -n 3 -s 16 -o - | tar tf -"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip

    assert many.stdout.split() == ["000000.png", "000001.png", "000002.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["one.npy"]


@pytest.mark.cli
@pytest.mark.parametrize("count", [1, 1000])
def test_a_closed_pipe_ends_the_run_quietly_with_141(tmp_path: Path, count: int) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{COMMAND} generate -n {count} -s 500 -o - | head -c 1 >/dev/null;"
         " echo ${PIPESTATUS[0]}"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip

    assert done.stdout == "141\n"
    assert done.stderr == ""


@pytest.mark.cli
def test_an_image_only_half_written_to_stdout_is_a_failure(tmp_path: Path) -> None:
    script = f"ulimit -f 100; exec '{COMMAND}' generate -n 1 -s 300 -q -o - > image.png"
    done = subprocess.run(
        ["bash", "-c", script], check=False, cwd=tmp_path, capture_output=True, text=True
    )

    assert (tmp_path / "image.png").stat().st_size == 100 << 10
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "standard output: File too large" in done.stderr
