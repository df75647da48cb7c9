"""The ``sh`` blocks of the documentation: each is run on loopback, or a guard fails.

A block is run by bash as it is written, but for what its test replaces: hosts, ports, buckets,
folders and counts. Programs that are not here (sbatch, GNU parallel) have stand-ins that run each
task, one after the other.
"""

import json
import os
import re
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from tests.support import pages
from tests.support.command import COMMAND, ROOT, Run, tree_digest
from tests.support.dask_cluster import Process, end
from tests.support.faults import wait_for
from tests.support.onnx_models import Affine, write_model
from tests.support.s3_server import s3_server
from tests.support.serving import Server, serving

SET_UP = "python3 -m venv .venv && .venv/bin/pip install"  # .ci/run runs these blocks
TIMEOUT = 300.0  # seconds, which nothing takes unless it hangs
RECIPE = 'count = 40\nsize = 16\nlayout = "webdataset"\nseed = 7\n'
STAND_INS = {
    "sbatch": """#!/usr/bin/env bash
        ids=(); for range in $(tr , ' ' <<< "${1#--array=}"); do
            ids+=($(seq "${range%-*}" "${range#*-}")); done
        export SLURM_ARRAY_TASK_MIN=${ids[0]} SLURM_ARRAY_TASK_MAX=${ids[-1]}
        export SLURM_ARRAY_TASK_COUNT=${#ids[@]}
        [ "$2" = --wrap ] || exit 2
        for id in "${ids[@]}"; do SLURM_ARRAY_TASK_ID=$id bash -c "$3" || exit 1; done
        """,
    "parallel": """#!/usr/bin/env bash
        [ "$1 $2" = "--retries 3" ] || exit 2
        shift 2; exec xargs -I{} "$@"
        """,
    "ssh": """#!/usr/bin/env bash
        [ "$1" = B ] || exit 2
        mkdir -p B && cp negatives.toml B && cd B && shift && exec "$@"
        """,
    "scp": """#!/usr/bin/env bash
        [ "$1 $3" = "-r ." ] && exec cp -r "${2/://}" .
        """,
    "yolo": """#!/usr/bin/env bash
        [ "$*" = "export model=best.pt format=onnx" ] && exec cp exported.onnx best.onnx
        """,
}
TestT = TypeVar("TestT", bound=Callable[..., None])
_claimed: set[tuple[Path, str]] = set()


def blocks_of(page: Path) -> list[str]:
    return [block.text for block in pages.blocks(page) if block.language == "sh"]


def runs(page: str, *starts: str) -> Callable[[TestT], TestT]:
    """Claim the blocks of a page that start so; the test gets their texts as ``blocks``."""
    found = []
    for start in starts:
        (block,) = (each for each in blocks_of(ROOT / page) if each.startswith(start))
        _claimed.add((ROOT / page, block))
        found.append(block)
    return pytest.mark.parametrize("blocks", [found], ids=[starts[0]])


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.stem)
def test_every_block_is_run_by_a_test_or_by_the_checks(page: Path) -> None:
    run = {block for where, block in _claimed if where == page}
    assert [b for b in blocks_of(page) if b not in run and not b.startswith(SET_UP)] == []


def test_the_checks_run_both_commands_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    patterns = re.findall(r"sed -n '/\^(.+)/p' README\.md", script)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(patterns) == 2
    for pattern in patterns:
        (line,) = re.findall(rf"^{pattern}.*$", readme, re.MULTILINE)
        assert line.startswith(SET_UP)


def replaced(block: str, replacements: Mapping[str, object]) -> str:
    """Replace parts of a block, each of which must be there."""
    for old, new in replacements.items():
        assert old in block, old
        block = block.replace(old, str(new))
    return block


def surroundings(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the command, Python and the stand-ins first in the path."""
    programs = folder / "stand-ins"
    programs.mkdir(exist_ok=True)
    for name, text in STAND_INS.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    places = (str(programs), str(Path(COMMAND).parent), os.environ["PATH"])
    ours = {"PATH": os.pathsep.join(places), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **ours, **environment}


def bash(block: str, folder: Path, **environment: str) -> str:
    """Run a block, which must succeed, and return what it prints."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], check=False, cwd=folder, text=True,
        env=surroundings(folder, environment), capture_output=True, timeout=TIMEOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def running(block: str, folder: Path, sign: str) -> Iterator[Process]:
    """Run a block that does not end, until it has printed a sign; end it at the end."""
    log = folder / f"{len([*folder.iterdir()])}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", block], cwd=folder, env=surroundings(folder, {}), stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        assert wait_for(lambda: sign in log.read_text(), TIMEOUT), log.read_text()
        yield process
    finally:
        end(process)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@runs("docs/pixlab.md", "pixelgen serve --port 8000\n", "curl -s ", "PIXLAB_API_KEY=any ")
@pytest.mark.cli
@pytest.mark.slow
def test_the_server_answers_curl_and_the_client(blocks: list[str], tmp_path: Path) -> None:
    pytest.importorskip("granian", reason="the extra 'serve' is not installed")
    port = free_port()
    serve, curl, fetch = (replaced(block, {"8000": port}) for block in blocks)
    with running(serve, tmp_path, f"http://127.0.0.1:{port}"):
        answer = json.loads(bash(curl, tmp_path))
        bash(f"curl -sf -o linked {shlex.quote(answer['link'])}", tmp_path)
        bash(fetch, tmp_path)
    assert (tmp_path / "linked").read_bytes().startswith(b"\xff\xd8\xff")  # JPEG
    assert (tmp_path / "noise.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "fetched/metadata.jsonl").read_text().splitlines()) == 10


@runs("docs/pixlab.md", "export PIXLAB_API_KEY=")
@pytest.mark.cli
@pytest.mark.slow
def test_a_dataset_is_fetched_with_the_key(blocks: list[str], tmp_path: Path) -> None:
    pytest.importorskip("granian", reason="the extra 'serve' is not installed")
    fetch = replaced(blocks[0], {"-n 100": "-n 3", "7/min": "100/s"})
    with serving(tmp_path, PIXELGEN_SERVE_KEY="YOUR_KEY") as server:
        bash(fetch, tmp_path, PIXELGEN_REMOTE_URL=f"http://127.0.0.1:{server.port}")
        assert server.statuses == [200] * 3
    assert len([*(tmp_path / "negatives/images").iterdir()]) == 3


@runs("docs/pixlab.md", "pixelgen serve --allow-origin ")
@pytest.mark.cli
@pytest.mark.slow
def test_a_page_of_an_allowed_origin_may_use_the_server(blocks: list[str], tmp_path: Path) -> None:
    pytest.importorskip("granian", reason="the extra 'serve' is not installed")
    port = free_port()
    serve = replaced(blocks[0], {"pixelgen serve": f"pixelgen serve --port {port}"})
    path = "/pixelgenerate?width=8&blob=true&key=any"
    with running(serve, tmp_path, f"http://127.0.0.1:{port}") as process:
        server = Server(process, port, tmp_path)  # type: ignore[arg-type]
        allowed = server.send("GET", path, Origin="http://localhost:3000")
        other = server.send("GET", path, Origin="http://localhost:3001")
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert other.status == 403


@runs("docs/clusters.md", "sbatch --array=1-64 ", "missing=")
@pytest.mark.cli
@pytest.mark.slow
def test_a_job_array_makes_the_dataset_and_what_is_missing(
    blocks: list[str], tmp_path: Path, run: Run
) -> None:
    (tmp_path / "negatives.toml").write_text(RECIPE)
    shared = tmp_path / "shared/negatives"
    places = {"/shared/": f"{tmp_path}/shared/"}
    array = replaced(blocks[0], places | {"1-64": "1-4"})
    bash(array, tmp_path)
    assert run("finish", shared).returncode == 0
    digest = tree_digest(shared)

    for each in shared.iterdir():
        each.unlink()
    for number in (1, 3):
        run("generate", "--recipe", "negatives.toml", "-o", shared, "--partition", f"{number}/4")
    assert run("finish", shared).returncode == 1
    bash(replaced(blocks[1], places | {"/64": "/4"}), tmp_path)
    assert run("finish", shared).returncode == 0
    assert tree_digest(shared) == digest


@runs("docs/clusters.md", "seq 64 | parallel ")
@pytest.mark.cli
@pytest.mark.slow
def test_gnu_parallel_makes_all_partitions(blocks: list[str], tmp_path: Path, run: Run) -> None:
    (tmp_path / "negatives.toml").write_text(RECIPE)
    bash(replaced(blocks[0], {"seq 64": "seq 3", "/64": "/3"}), tmp_path)
    assert run("finish", "negatives").returncode == 0


@runs("docs/clusters.md", "pixelgen generate --recipe negatives.toml -o part-1 ")
@pytest.mark.cli
@pytest.mark.slow
def test_two_machines_without_a_shared_disk_make_the_dataset(
    blocks: list[str], tmp_path: Path, run: Run
) -> None:
    (tmp_path / "negatives.toml").write_text(RECIPE)
    bash(blocks[0], tmp_path)
    assert (tmp_path / "B/part-2/pixelgen.json").exists()
    assert run("verify", "negatives").returncode == 0


@pytest.mark.cli
@pytest.mark.slow
def test_the_jobs_of_a_matrix_make_the_dataset(tmp_path: Path) -> None:
    (tmp_path / "negatives.toml").write_text(RECIPE)
    text = (ROOT / "docs/clusters.md").read_text(encoding="utf-8")
    (workflow,) = re.findall(r"^```yaml\n(jobs:.*?)^```$", text, re.DOTALL | re.MULTILINE)
    partition, finish, verify = re.findall(r"- run: (.+)", workflow)
    (numbers,) = re.findall(r"number: \[(.+)\]", workflow)
    for number in numbers.split(", "):
        bash(replaced(partition, {"${{ matrix.number }}": number}), tmp_path)
    bash(finish, tmp_path)
    bash(verify, tmp_path)


@runs("docs/clusters.md", "pixelgen generate -n 4000 ")
@pytest.mark.engine
def test_a_bucket_takes_a_dataset(blocks: list[str], tmp_path: Path) -> None:
    pytest.importorskip("s3fs", reason="the extra 's3' is not installed")
    pytest.importorskip("moto", reason="a server: moto is not installed")
    with s3_server(tmp_path) as server:
        block = replaced(blocks[0], {"BUCKET": "sets", "-n 4000": "-n 40"})
        bash(block, tmp_path, **server.environment)
        assert "metadata.jsonl" in server.names("negatives")


@runs("docs/clusters.md", "dask scheduler ")
@pytest.mark.engine
def test_a_dask_cluster_makes_the_dataset(blocks: list[str], tmp_path: Path, run: Run) -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    port = free_port()
    names = {"--host A": "--host 127.0.0.1", "//A:": "//127.0.0.1:", "8786": port}
    more = {"-n 20000": "-n 40", "/shared/": f"{tmp_path}/shared/"}
    scheduler, worker, generate = replaced(blocks[0], names | more).splitlines()
    with (
        running(scheduler, tmp_path, f"127.0.0.1:{port}"),
        running(worker, tmp_path, "Starting established connection"),
    ):
        bash(generate, tmp_path)
    assert run("verify", "shared/negatives").returncode == 0


@runs("docs/benchmarks.md", "python -m benchmarks ")
@pytest.mark.cli
@pytest.mark.slow
def test_the_benchmarks_print_a_row(blocks: list[str], tmp_path: Path) -> None:
    for line in blocks[0].splitlines():
        command = re.sub(r" --rounds \d", "", line) + " --smoke"
        printed = bash(f"cd {shlex.quote(str(ROOT))}; {command}", tmp_path, TMPDIR=str(tmp_path))
        assert re.search(r" : (pixelgen|none) +1 +[\d.]+ \(", printed), printed


@runs("docs/benchmarks.md", "python -m benchmarks.families --markdown")
@pytest.mark.cli
@pytest.mark.slow
def test_the_benchmarks_print_tables(blocks: list[str], tmp_path: Path) -> None:
    for line in blocks[0].splitlines():
        command = f"cd {shlex.quote(str(ROOT))}; {line} --smoke --only uniform"
        printed = bash(command, tmp_path, TMPDIR=str(tmp_path))
        assert "cores usable" in printed
        assert re.search(r"^\|-.*\n\| .*uniform", printed, re.MULTILINE), printed


@runs("docs/benchmarks.md", "git worktree add ")
@pytest.mark.cli
@pytest.mark.slow
def test_two_source_trees_are_compared(blocks: list[str], tmp_path: Path) -> None:
    worktree, compare = blocks[0].splitlines()
    tree = worktree.split()[3]
    compare = replaced(compare, {tree: "."}) + " --smoke"  # a test must not change the repository
    printed = bash(f"cd {shlex.quote(str(ROOT))}; {compare}", tmp_path, TMPDIR=str(tmp_path))
    assert printed.count("same bytes") == 2


@runs("docs/benchmarks.md", "pixelgen generate -n 1000 -s 25")
@pytest.mark.cli
@pytest.mark.slow
def test_negatives_are_compared(blocks: list[str], tmp_path: Path) -> None:
    compare_negatives(blocks[0], tmp_path)


@runs("docs/benchmarks.md", "python -m benchmarks.usefulness.mining")
@pytest.mark.cli
@pytest.mark.slow
def test_mined_negatives_are_compared(blocks: list[str], tmp_path: Path) -> None:
    skip_without_scikit()
    (tmp_path / "photos").mkdir()
    Image.effect_noise((60, 60), 50).save(tmp_path / "photos" / "1.jpg")
    smaller = "--seeds 2 --jobs 1 --only eyes --negatives 10 --candidates 10"
    printed = bash(f"{blocks[0].rstrip()} {smaller}", tmp_path)
    assert "10 negatives of each dataset, 2 seeds, 18 photographs, 10 candidates" in printed
    for row in ("`default`", "mined in one round", "mined in 3 rounds", "half own scenes"):
        assert re.search(rf"^\| {row}.* \| [\d.]+ \[", printed, re.MULTILINE)


@runs("docs/choosing.md", "pixelgen generate -n 4000 -s 25")
@pytest.mark.cli
@pytest.mark.slow
def test_the_comparison_of_mixtures_can_be_repeated(blocks: list[str], tmp_path: Path) -> None:
    compare_negatives(blocks[0], tmp_path)


@runs("docs/hard-negatives.md", "yolo export")
@pytest.mark.cli
@pytest.mark.slow
def test_an_exported_model_is_scored(blocks: list[str], tmp_path: Path) -> None:
    skip_without_onnx()
    output = Affine(np.full((6, 9), -0.1), *np.full((3, 6, 9), 1 / 3))
    metadata = {"task": "detect", "names": "{0: 'cat', 1: 'dog'}", "imgsz": "[32, 32]"}
    write_model(tmp_path / "exported.onnx", {"output0": output}, shape=(1, 3, 32, 32),
                metadata=metadata)  # fmt: skip
    printed = bash(blocks[0].replace("-n 2000", "-n 70"), tmp_path)
    head, *lines = printed.splitlines()
    assert ">= 0.25" in head
    assert "uniform" in [line.split()[0] for line in lines]
    assert re.fullmatch(r"all +70 .+ (cat|dog)", lines[-1])


TRAINING = """
import pathlib, shutil, sys
_, _, images, _, model = sys.argv
assert len([*pathlib.Path(images).iterdir()]) == 8 * int(images.strip("hard/images"))
shutil.copy("retrained.onnx", model)
"""


def write_detector(path: Path, bias: float) -> None:
    output = Affine(np.full((6, 9), bias), *np.full((3, 6, 9), 1 / 3))
    write_model(path, {"output0": output}, shape=(1, 3, 32, 32),
                metadata={"task": "detect", "imgsz": "[32, 32]"})  # fmt: skip


@runs("docs/hard-negatives.md", "# rounds.sh")
@pytest.mark.cli
@pytest.mark.slow
def test_three_rounds_are_mined(blocks: list[str], tmp_path: Path) -> None:
    skip_without_onnx()
    write_detector(tmp_path / "round0.onnx", 0)
    write_detector(tmp_path / "retrained.onnx", -0.05)
    (tmp_path / "train.py").write_text(TRAINING)
    smaller = replaced(blocks[0], {"--keep 300": "--keep 8", "-n 500": "-n 60"})
    printed = bash(smaller, tmp_path)
    assert [f"hard{n}/metadata.jsonl" for n in (1, 2, 3)] == printed.splitlines()[:3]
    records = [json.loads((tmp_path / f"hard{n}/mining.json").read_text()) for n in (1, 2, 3)]
    assert records[0]["model"] != records[1]["model"] == records[2]["model"]
    assert [record["first"] for record in records] == [
        sum(record["scored"] for record in records[:n]) for n in range(3)
    ]
    assert bash(smaller, tmp_path) == printed


@runs("docs/hard-negatives.md", "pixelgen mine --model best.onnx --threshold 0.7")
@pytest.mark.cli
@pytest.mark.slow
def test_a_mined_dataset_joins_the_users(blocks: list[str], tmp_path: Path) -> None:
    skip_without_onnx()
    write_detector(tmp_path / "best.onnx", 0)
    (tmp_path / "own").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "own/1.png")
    own = {
        "images": [{"id": 7, "file_name": "1.png", "width": 9, "height": 9}],
        "annotations": [],
        "categories": [{"id": 17, "name": "cat"}],
    }
    (tmp_path / "own/train.json").write_text(json.dumps(own))
    bash(blocks[0].replace("--threshold 0.7", "--threshold 0.5"), tmp_path)
    joined = json.loads((tmp_path / "own/with_negatives.json").read_text())
    assert len(joined["images"]) == 41
    assert joined["categories"] == own["categories"]


def skip_without_onnx() -> None:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="the extra 'mine' and onnx are not installed")


def skip_without_scikit() -> None:
    for name in ("sklearn", "skimage"):
        pytest.importorskip(name, reason="scikit-learn or scikit-image is not installed")


def compare_negatives(block: str, folder: Path) -> None:
    """Run a comparison with few images, seeds and tasks; it prints a row for each dataset."""
    skip_without_scikit()
    found = re.search(r"usefulness ([\w ]+?)[\s\\]+--photographs (\S+)", block)
    assert found
    datasets, photographs = found[1].split(), folder / found[2]
    photographs.mkdir(parents=True)
    Image.effect_noise((60, 60), 50).save(photographs / "1.jpg")
    smaller = re.sub(r"-n \d+", "-n 12", block).rstrip() + " --seeds 2 --jobs 1 --only eyes"
    printed = bash(smaller, folder)
    assert "12 negatives of each dataset, 2 seeds, 18 photographs" in printed
    for name in datasets[1:]:
        assert re.search(rf"^\| `{name}` \| [\d.]+ \[", printed, re.MULTILINE)
