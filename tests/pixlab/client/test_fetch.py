"""Datasets of fetched images: complete despite faults and kills, each image fetched once."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from pixelgen import registry
from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.run_config import Damage
from pixelgen.dataset.run_config import RunConfig as Running
from pixelgen.dataset.verify import check
from pixelgen.job import Job
from pixelgen.layouts import Container, Sidecar
from pixelgen.storage import LocalStore
from pixelgen.storage.append_log import encode_line
from tests.support.command import COMMAND, Run, tree_digest
from tests.support.faults import wait_for
from tests.support.pixlab_endpoint import FAULTS, KEY, Endpoint, remote_command, rows_of, run_remote
from tests.support.serving import TIMEOUT, serving


@pytest.mark.slow
def test_many_images_are_fetched_despite_faults_and_a_kill(run: Run, tmp_path: Path) -> None:
    """One request in ten fails, and the first run is killed: no image is fetched twice."""
    count, at_once = 500, 32
    with serving(tmp_path, "-q") as server, Endpoint(fault_every=10, upstream=server) as endpoint:
        options = ("-n", count, "-j", at_once, "--remote-timeout", 60, "--json")
        first = subprocess.Popen(
            [COMMAND, *remote_command(endpoint, *options)], cwd=tmp_path, stderr=subprocess.PIPE,
            env=os.environ | {"PIXLAB_API_KEY": KEY},
        )  # fmt: skip
        assert wait_for(lambda: endpoint.counts["image"] >= 200, TIMEOUT)
        first.kill()
        first.communicate()
        before = endpoint.requests
        assert not (tmp_path / "set/metadata.jsonl").exists()
        second = run_remote(run, endpoint, *options)
        while (
            second.returncode in (1, 4) and endpoint.requests < 2 * count
        ):  # one image had them all
            assert re.search(r"kept.*\b\d+\b", second.stderr)
            before = endpoint.requests
            second = run_remote(run, endpoint, *options)
        endpoint.shutdown()

    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["requests"] == endpoint.requests - before
    assert count <= endpoint.counts["image"] <= count + at_once
    assert all(endpoint.counts[fault] > 5 for fault in FAULTS)
    checked = run("verify", "set")
    assert checked.returncode == 0
    assert str(count) in checked.stderr
    rows = rows_of(tmp_path / "set/metadata.jsonl")
    assert [row["index"] for row in rows] == list(range(count))
    assert len({row["sha256"] for row in rows}) == count
    assert not list((tmp_path / "set").glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_batch_refused_half_way_is_resumed(run: Run, tmp_path: Path, layout: str) -> None:
    options = ("-n", 20, "-j", 1, "--layout", layout)
    with Endpoint(max_images=7) as endpoint:
        first = run_remote(run, endpoint, *options)
        assert first.returncode == 4
        assert re.search(r"key.*\b401\b.*kept.*\b7\b", first.stderr)
        endpoint.max_images = 1 << 30
        second = run_remote(run, endpoint, *options)
        again = run_remote(run, endpoint, *options, PIXLAB_API_KEY="")
        endpoint.shutdown()

    assert second.returncode == again.returncode == 0, second.stderr
    assert endpoint.requests == 20 + 1
    assert run("verify", "set").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_requests_in_progress_and_keeps_fetched_images(
    run: Run, tmp_path: Path, number: int
) -> None:
    with Endpoint(fault_every=8) as endpoint:
        while FAULTS[(endpoint.requests // 8 + 1) % 5] != "stall":
            endpoint.next("")
        before = endpoint.counts["image"]
        first = subprocess.Popen(
            [
                COMMAND, *remote_command(endpoint, "-n", 20, "-j", 1),
                "--remote-timeout", str(9 * TIMEOUT),
            ],
            cwd=tmp_path, text=True,
            stderr=subprocess.PIPE, env=os.environ | {"PIXLAB_API_KEY": KEY},
        )  # fmt: skip
        assert wait_for(lambda: endpoint.counts["stall"] > 0, TIMEOUT)
        first.send_signal(number)
        _, stderr = first.communicate(timeout=TIMEOUT)  # the request itself lasts longer
        came = endpoint.counts["image"] - before
        endpoint.fault_every = 0
        second = run_remote(run, endpoint, "-n", 20)
        endpoint.shutdown()

    assert first.returncode == 128 + number
    assert "Traceback" not in stderr
    assert came == 7
    assert second.returncode == 0, second.stderr
    assert endpoint.counts["image"] - before == 20


CONTAINER_FORMATS = {
    name: part.formats or ("png",)
    for name, part in registry.components("layout").items()
    if issubclass(part, Container) and set(part.formats or ("png",)) & {"png", "jpeg"}
}  # fmt: skip

SIDECARS = sorted(
    name for name, part in registry.components("layout").items() if issubclass(part, Sidecar)
)


def test_fetched_images_may_be_removed_and_no_others_be_added(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    assert run_remote(run, endpoint, "-n", 6, "--layout", "files,yolo").returncode == 0
    rows = rows_of(tmp_path / "set/metadata.jsonl")
    assert run("remove", "set", "--index", "2-3", "-q").returncode == 0
    assert run("verify", "set", "-q").returncode == 0
    assert rows_of(tmp_path / "set/metadata.jsonl") == [
        row for row in rows if row["index"] not in (2, 3)
    ]
    assert not (tmp_path / "set/labels/000003.txt").exists()
    more = run_remote(run, endpoint, "-n", 9, "--layout", "files,yolo")
    assert (more.returncode, endpoint.requests) == (3, 6)
    assert run_remote(run, endpoint, "-n", 6, "--layout", "tar", "-o", "shards").returncode == 0
    assert run("remove", "shards", "--index", 2).returncode == 3


@pytest.mark.parametrize("container", CONTAINER_FORMATS)
def test_fetched_images_go_to_every_layout_and_are_checked_by_their_hashes(
    run: Run, tmp_path: Path, endpoint: Endpoint, container: str
) -> None:
    sidecars = [
        name for name in SIDECARS
        if name != "masks"  # it excludes another, and needs no image
        if not (wanted := getattr(registry.components("layout")[name], "containers", ()))
        or container in wanted
    ]  # fmt: skip
    kind = "png" if "png" in CONTAINER_FORMATS[container] else "jpeg"
    made = run_remote(
        run, endpoint, "-n", 12, "-f", kind, "--layout", ",".join([container, *sidecars]), "-q"
    )
    store = LocalStore(str(tmp_path / "set"))

    def damage() -> list[Damage]:
        found = check(finished_plan(store), store, Running(jobs=1))
        return [each for checked in found for each in checked.damage]

    assert made.returncode == 0, made.stderr
    assert damage() == []
    for row in rows_of(tmp_path / made.stdout.strip()):
        assert tuple(row)[-5:] == ("mode", "depth", "host", "id", "status")
        assert (row["mode"], row["host"], row["status"]) == ("RGB", "127.0.0.1", 200)
    for path in sorted((tmp_path / "set").rglob("*")):
        if path.is_file() and path.name != "pixelgen.json":
            data = path.read_bytes()
            path.write_bytes(data[:-3] + bytes([data[-3] ^ 4]) + data[-2:] if data else b"x")
            assert damage(), path
            path.write_bytes(data)


def tree_names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.slow
def test_sidecars_are_added_without_a_request(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    run_remote(run, endpoint, "-n", 9, "--layout", "files,coco,csv")
    shutil.copytree(tmp_path / "set", tmp_path / "whole")
    run_remote(run, endpoint, "-n", 9, "--force")
    requests = endpoint.requests
    done = run("index", "set", "--layout", "coco,csv")

    assert done.returncode == 0, done.stderr
    assert endpoint.requests == requests == 18
    assert run("verify", "set").returncode == 0
    assert tree_names(tmp_path / "set") == tree_names(tmp_path / "whole")


@pytest.mark.slow
def test_fetched_images_are_never_regenerated(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    run_remote(run, endpoint, "-n", 3)
    before = tree_digest(tmp_path / "set")
    for words in (("verify", "--deep", "set"), ("repair", "set"), ("repair", "--deep", "set")):
        done = run(*words)
        assert done.returncode == 2
        assert endpoint.url in done.stderr
        assert len(done.stderr.splitlines()) == 1
    (tmp_path / "set/images/000001.png").unlink()
    assert run("verify", "set").returncode == 3
    assert tree_digest(tmp_path / "set") != before
    with pytest.raises(ValueError, match="cannot be generated"):
        Job.parse(count=1, remote=endpoint.url)[0]


def test_verify_of_an_unfinished_dataset_names_the_command(run: Run, tmp_path: Path) -> None:
    with Endpoint(max_images=2) as endpoint:
        run_remote(run, endpoint, "-n", 5, "-j", 1)
        done = run("verify", "set")
        endpoint.shutdown()

    assert done.returncode == 1
    assert re.search("not finished.*command", done.stderr)


@pytest.mark.slow
def test_paid_images_are_counted_and_never_replaced(run: Run, tmp_path: Path) -> None:
    with Endpoint(max_images=2) as endpoint:
        run_remote(run, endpoint, "-n", 5, "-j", 1)
        planned = run_remote(run, endpoint, "-n", 5, "--dry-run")
        before = tree_digest(tmp_path / "set")
        others = [
            run("generate", "-n", 1, "-o", "set", "--force"),
            run_remote(run, endpoint, "-n", 6, "--force"),
        ]
        endpoint.shutdown()

    assert re.search(r"\b2 images", planned.stdout)
    assert re.search(r"\b3 requests", planned.stdout)
    for done in others:
        assert done.returncode == 3
        assert re.search(r"\bset\b.*fetched", done.stderr)
    assert tree_digest(tmp_path / "set") == before


@pytest.mark.slow
def test_lost_image_is_reported_before_any_request(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    run_remote(run, endpoint, "-n", 3)
    lost = tmp_path / "set/images/000001.png"
    lost.unlink()
    forced = run_remote(run, endpoint, "-n", 3, "--force")
    (tmp_path / "set/metadata.jsonl").unlink()
    checked, again = run("verify", "set"), run_remote(run, endpoint, "-n", 3)

    for done in (forced, again, checked):
        assert done.returncode == 3
        assert re.search("move .*set", done.stderr)
        assert "repair" not in done.stderr
    assert endpoint.requests == 3
    assert not lost.exists()


def test_interrupted_stream_promises_no_resume(run: Run) -> None:
    with Endpoint(max_images=2) as endpoint:
        done = run_remote(run, endpoint, "-n", 5, "-j", 1, "-o", "-")
        endpoint.shutdown()

    assert done.returncode == 4
    assert "kept" not in done.stderr


def test_only_torn_lines_of_the_download_cache_are_fetched_again(run: Run, tmp_path: Path) -> None:
    with Endpoint(max_images=6) as endpoint:
        run_remote(run, endpoint, "-n", 12, "-j", 1)
        cache_file = tmp_path / "set/.pixelgen.fetched"
        lines = cache_file.read_bytes().splitlines(keepends=True)
        assert len(lines) == 6
        lines[2] = lines[2].replace(b"A", b"B", 1)
        cache_file.write_bytes(b"".join(lines)[:-100])
        endpoint.max_images = 1 << 30
        second = run_remote(run, endpoint, "-n", 12, "-j", 1)
        endpoint.shutdown()

    assert second.returncode == 0, second.stderr
    assert endpoint.counts["image"] == 12 + 2
    assert not cache_file.exists()
    assert run("verify", "set").returncode == 0


@pytest.mark.slow
def test_one_image_goes_to_a_pipe_and_more_as_a_tar_stream(run: Run, endpoint: Endpoint) -> None:
    def piped(*options: str) -> bytes:
        words = [COMMAND, "generate", "--remote", "--remote-url", endpoint.url, "-s", "64x48"]
        return subprocess.run(
            [*words, *options], check=True, stdout=subprocess.PIPE,
            env=os.environ | {"PIXLAB_API_KEY": KEY},
        ).stdout  # fmt: skip

    with Image.open(io.BytesIO(piped("-n", "1", "-o", "-"))) as single:
        assert single.size == (64, 48)
    with tarfile.open(fileobj=io.BytesIO(piped("-n", "3", "--blob"))) as tar:
        assert tar.getnames() == ["000000.png", "000001.png", "000002.png"]
    with tarfile.open(fileobj=io.BytesIO(piped("-n", "2", "-o", "-", "--layout", "tar"))) as tar:
        row = json.loads(tar.extractfile("000001.json").read())  # type: ignore[union-attr]
        assert row["host"] == "127.0.0.1"


def test_empty_dataset_needs_no_request(run: Run, endpoint: Endpoint) -> None:
    done = run_remote(run, endpoint, "-n", 0)

    assert done.returncode == 0, done.stderr
    assert endpoint.requests == 0
    assert run("verify", "set").returncode == 0


@pytest.mark.slow
def test_concurrent_datasets_are_complete(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    def one(number: int) -> int:
        return run_remote(run, endpoint, "-n", 30, "-j", 8, "-o", f"set{number}", "-q").returncode

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one, range(3))) == [0, 0, 0]
    assert endpoint.requests == 90
    for number in range(3):
        assert run("verify", f"set{number}").returncode == 0


def test_paid_images_of_another_dataset_are_not_removed(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    (tmp_path / "set").mkdir()
    cache_file = tmp_path / "set/.pixelgen.fetched"
    cache_file.write_bytes(encode_line(["0" * 64, 0, "", "AAAA"]))
    before = cache_file.read_bytes()
    done = run("generate", "-n", 3, "-s", 8, "--remote", "--remote-url", endpoint.url, "-o", "set",
               PIXLAB_API_KEY="abcdefghijklmnop")  # fmt: skip

    assert done.returncode == 3
    assert ".pixelgen.fetched" in done.stderr
    assert "move it away" in done.stderr
    assert cache_file.read_bytes() == before
