"""Sets whose images are fetched: complete through faults and kills, and asked for once."""

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from pixelgen import registry
from pixelgen.dataset.verify import Damage, check, finished_plan
from pixelgen.dataset.writer import Run as Running
from pixelgen.job import Job
from pixelgen.layouts import Container, Sidecar
from pixelgen.storage import LocalStore
from pixelgen.storage.append_log import seal
from tests.support.command import COMMAND, ROOT, Run, tree_digest
from tests.support.faults import wait_for
from tests.support.pixlab_endpoint import FAULTS, KEY, Endpoint, asked, command, rows_of
from tests.support.serving import HANG, serving


@pytest.mark.slow
def test_many_images_come_through_faults_and_a_kill(run: Run, tmp_path: Path) -> None:
    """One request in ten fails, and the first run is killed: what is there is not asked for."""
    count, at_once = 500, 32
    with serving(tmp_path, "-q") as server, Endpoint(often=10, behind=server) as endpoint:
        options = ("-n", count, "-j", at_once, "--remote-timeout", 60, "--json")
        first = subprocess.Popen(
            [COMMAND, *command(endpoint, *options)], cwd=tmp_path, stderr=subprocess.PIPE,
            env=os.environ | {"PIXLAB_API_KEY": KEY},
        )  # fmt: skip
        assert wait_for(lambda: endpoint.given["image"] >= 200, HANG)
        first.kill()
        first.communicate()
        before = endpoint.requests
        assert not (tmp_path / "set/metadata.jsonl").exists()
        second = asked(run, endpoint, *options)
        while (
            second.returncode in (1, 4) and endpoint.requests < 2 * count
        ):  # one image had them all
            assert re.search(r"kept.*\b\d+\b", second.stderr)
            before = endpoint.requests
            second = asked(run, endpoint, *options)
        endpoint.shutdown()

    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["requests"] == endpoint.requests - before
    assert count <= endpoint.given["image"] <= count + at_once
    assert all(endpoint.given[fault] > 5 for fault in FAULTS)
    checked = run("verify", "set")
    assert checked.returncode == 0
    assert str(count) in checked.stderr
    rows = rows_of(tmp_path / "set/metadata.jsonl")
    assert [row["index"] for row in rows] == list(range(count))
    assert len({row["sha256"] for row in rows}) == count
    assert not list((tmp_path / "set").glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_a_batch_that_is_refused_half_way_is_kept_and_finished(
    run: Run, tmp_path: Path, layout: str
) -> None:
    options = ("-n", 20, "-j", 1, "--layout", layout)
    with Endpoint(most=7) as endpoint:
        first = asked(run, endpoint, *options)
        assert first.returncode == 4
        assert re.search(r"key.*\b401\b.*kept.*\b7\b", first.stderr)
        endpoint.most = 1 << 30
        second = asked(run, endpoint, *options)
        again = asked(run, endpoint, *options, PIXLAB_API_KEY="")
        endpoint.shutdown()

    assert second.returncode == again.returncode == 0, second.stderr
    assert endpoint.requests == 20 + 1
    assert run("verify", "set").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_requests_under_way_and_keeps_what_came(
    run: Run, tmp_path: Path, number: int
) -> None:
    with Endpoint(often=8) as endpoint:
        while FAULTS[(endpoint.requests // 8 + 1) % 5] != "stall":
            endpoint.next("")
        before = endpoint.given["image"]
        first = subprocess.Popen(
            [COMMAND, *command(endpoint, "-n", 20, "-j", 1, "--remote-timeout", 9 * HANG)],
            cwd=tmp_path, text=True,
            stderr=subprocess.PIPE, env=os.environ | {"PIXLAB_API_KEY": KEY},
        )  # fmt: skip
        assert wait_for(lambda: endpoint.given["stall"] > 0, HANG)
        first.send_signal(number)
        _, said = first.communicate(timeout=HANG)  # the request itself lasts longer
        came = endpoint.given["image"] - before
        endpoint.often = 0
        second = asked(run, endpoint, "-n", 20)
        endpoint.shutdown()

    assert first.returncode == 128 + number
    assert "Traceback" not in said
    assert came == 7
    assert second.returncode == 0, second.stderr
    assert endpoint.given["image"] - before == 20


TAKEN = {
    name: part.formats or ("png",)
    for name, part in registry.known("layout").items()
    if issubclass(part, Container) and set(part.formats or ("png",)) & {"png", "jpeg"}
}  # fmt: skip

BESIDE = sorted(
    name for name, part in registry.known("layout").items() if issubclass(part, Sidecar)
)


@pytest.mark.parametrize("container", TAKEN)
def test_fetched_images_go_to_every_layout_and_are_checked_by_their_hashes(
    run: Run, tmp_path: Path, endpoint: Endpoint, container: str
) -> None:
    beside = [
        name for name in BESIDE
        if not (wanted := getattr(registry.known("layout")[name], "containers", ()))
        or container in wanted
    ]  # fmt: skip
    kind = "png" if "png" in TAKEN[container] else "jpeg"
    made = asked(
        run, endpoint, "-n", 12, "-f", kind, "--layout", ",".join([container, *beside]), "-q"
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
def test_sidecars_come_later_without_a_request(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    asked(run, endpoint, "-n", 9, "--layout", "files,coco,csv")
    shutil.copytree(tmp_path / "set", tmp_path / "whole")
    asked(run, endpoint, "-n", 9, "--force")
    requests = endpoint.requests
    done = run("index", "set", "--layout", "coco,csv")

    assert done.returncode == 0, done.stderr
    assert endpoint.requests == requests == 18
    assert run("verify", "set").returncode == 0
    assert tree_names(tmp_path / "set") == tree_names(tmp_path / "whole")


@pytest.mark.slow
def test_what_cannot_be_made_again_is_not_remade(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    asked(run, endpoint, "-n", 3)
    before = tree_digest(tmp_path / "set")
    for words in (("verify", "--deep", "set"), ("repair", "set"), ("repair", "--deep", "set")):
        done = run(*words)
        assert done.returncode == 2
        assert endpoint.url in done.stderr
        assert len(done.stderr.splitlines()) == 1
    (tmp_path / "set/images/000001.png").unlink()
    assert run("verify", "set").returncode == 3
    assert tree_digest(tmp_path / "set") != before
    with pytest.raises(ValueError, match="cannot be made"):
        Job.parse(count=1, remote=endpoint.url)[0]


def test_an_unfinished_set_says_what_finishes_it(run: Run, tmp_path: Path) -> None:
    with Endpoint(most=2) as endpoint:
        asked(run, endpoint, "-n", 5, "-j", 1)
        done = run("verify", "set")
        endpoint.shutdown()

    assert done.returncode == 1
    assert re.search("not finished.*command", done.stderr)


@pytest.mark.slow
def test_what_was_paid_for_is_counted_and_never_replaced(run: Run, tmp_path: Path) -> None:
    with Endpoint(most=2) as endpoint:
        asked(run, endpoint, "-n", 5, "-j", 1)
        planned = asked(run, endpoint, "-n", 5, "--dry-run")
        before = tree_digest(tmp_path / "set")
        others = [
            run("generate", "-n", 1, "-o", "set", "--force"),
            asked(run, endpoint, "-n", 6, "--force"),
        ]
        endpoint.shutdown()

    assert re.search(r"\b2 images", planned.stdout)
    assert re.search(r"\b3 requests", planned.stdout)
    for done in others:
        assert done.returncode == 3
        assert re.search(r"\bset\b.*fetched", done.stderr)
    assert tree_digest(tmp_path / "set") == before


@pytest.mark.slow
def test_a_lost_image_is_told_with_its_way_out_before_anything_is_asked(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    asked(run, endpoint, "-n", 3)
    lost = tmp_path / "set/images/000001.png"
    lost.unlink()
    forced = asked(run, endpoint, "-n", 3, "--force")
    (tmp_path / "set/metadata.jsonl").unlink()
    checked, again = run("verify", "set"), asked(run, endpoint, "-n", 3)

    for done in (forced, again, checked):
        assert done.returncode == 3
        assert re.search("move .*set", done.stderr)
        assert "repair" not in done.stderr
    assert endpoint.requests == 3
    assert not lost.exists()


def test_a_stream_that_breaks_off_promises_nothing(run: Run) -> None:
    with Endpoint(most=2) as endpoint:
        done = asked(run, endpoint, "-n", 5, "-j", 1, "-o", "-")
        endpoint.shutdown()

    assert done.returncode == 4
    assert "kept" not in done.stderr


def test_a_torn_spool_is_asked_for_again_and_nothing_else(run: Run, tmp_path: Path) -> None:
    with Endpoint(most=6) as endpoint:
        asked(run, endpoint, "-n", 12, "-j", 1)
        spool = tmp_path / "set/.pixelgen.fetched"
        lines = spool.read_bytes().splitlines(keepends=True)
        assert len(lines) == 6
        lines[2] = lines[2].replace(b"A", b"B", 1)
        spool.write_bytes(b"".join(lines)[:-100])
        endpoint.most = 1 << 30
        second = asked(run, endpoint, "-n", 12, "-j", 1)
        endpoint.shutdown()

    assert second.returncode == 0, second.stderr
    assert endpoint.given["image"] == 12 + 2
    assert not spool.exists()
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


def test_the_command_of_the_readme_fetches(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^pixelgen (generate --remote -n 100 .+)$", readme, re.M)
    assert found
    words = [*shlex.split(found[1].replace("7/min", "9999/s").replace("300x300", "64x48"))]
    done = run(*words, PIXLAB_API_KEY=KEY, PIXELGEN_REMOTE_URL=endpoint.url)

    assert done.returncode == 0, done.stderr
    assert all("color=%23cef48e" in head for head in endpoint.heads)
    with Image.open(tmp_path / "negatives/images/000099.jpg") as last:
        assert last.format == "JPEG"


def test_a_set_of_none_is_empty_and_asks_for_nothing(run: Run, endpoint: Endpoint) -> None:
    done = asked(run, endpoint, "-n", 0)

    assert done.returncode == 0, done.stderr
    assert endpoint.requests == 0
    assert run("verify", "set").returncode == 0


@pytest.mark.slow
def test_sets_of_many_threads_are_whole(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    def one(number: int) -> int:
        return asked(run, endpoint, "-n", 30, "-j", 8, "-o", f"set{number}", "-q").returncode

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one, range(3))) == [0, 0, 0]
    assert endpoint.requests == 90
    for number in range(3):
        assert run("verify", f"set{number}").returncode == 0


def test_images_that_were_paid_for_for_another_set_are_not_dropped(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    (tmp_path / "set").mkdir()
    spool = tmp_path / "set/.pixelgen.fetched"
    spool.write_bytes(seal(["0" * 64, 0, "", "AAAA"]))
    before = spool.read_bytes()
    done = run("generate", "-n", 3, "-s", 8, "--remote", "--remote-url", endpoint.url, "-o", "set",
               PIXLAB_API_KEY="abcdefghijklmnop")  # fmt: skip

    assert done.returncode == 3
    assert ".pixelgen.fetched" in done.stderr
    assert "move it away" in done.stderr
    assert spool.read_bytes() == before
