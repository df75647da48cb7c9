"""Sets in an object store: a real S3 API on loopback, killed, away, wrong keys, the same bytes."""

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from pixelgen.cli import main
from pixelgen.dataset.plan import JOURNAL
from pixelgen.storage import PROBE_PREFIX, object_requests, open_store
from pixelgen.storage.fsspec_clients import open_client
from tests.support.command import Done, Run, tree_digest
from tests.support.dask_cluster import cluster
from tests.support.faults import format_of, layouts, running, trials, wait_for
from tests.support.s3_front import Answer, Front, Request
from tests.support.s3_server import Server

pytestmark = pytest.mark.engine

Make = Callable[..., Done]

MANY = ("-n", 20, "-s", 40, "--family", "gradient", "-f", "png", "-q")


@pytest.mark.parametrize("layout", layouts(10))
def test_a_set_is_the_one_of_a_directory_object_by_object(
    s3: Server, prefix: str, tmp_path: Path, make: Make, layout: str
) -> None:
    job = ("-n", 30, "-s", 40, "--layout", layout, "-f", format_of(layout), "-j", 1, "-q")
    make(*job, "-o", "whole")
    url = f"s3://sets/{prefix}"
    assert make(*job, "-o", url).stdout.startswith(f"{url}/")
    assert s3.digest(prefix) == tree_digest(tmp_path / "whole")
    assert s3.uploads() == []


def test_it_is_verified_repaired_indexed_and_previewed(
    s3: Server, prefix: str, make: Make, run: Run
) -> None:
    url = f"s3://sets/{prefix}"
    job = ("-n", 30, "-s", 40, "--layout", "webdataset:per_shard=10", "-j", 1, "-q")
    make(*job, "-o", url)
    whole = s3.digest(prefix)
    assert json.loads(make(*job, "--json", "-o", url).stdout)["created"] == 0
    assert run("verify", url, "--deep", "-j", 1).returncode == 0
    tar = f"{prefix}/negatives-000001.tar"
    data = bytearray(s3.read(tar))
    data[700] ^= 1
    s3.put(tar, bytes(data))
    s3.remove(f"{prefix}/negatives-000002.tar")
    done = run("verify", url)
    assert done.returncode == 3
    lines = {line.partition(": ")[0]: line for line in done.stdout.splitlines()}
    assert "SHA-256" in lines["negatives-000001.tar"]
    assert "missing" in lines["negatives-000002.tar"]
    assert run("repair", url, "-j", 1).returncode == 0
    assert s3.digest(prefix) == whole
    assert run("index", url, "--layout", "csv").returncode == 0
    assert run("verify", url).returncode == 0
    done = run("preview", url, "-n", 2, "-o", "sheet.png")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size", [0, 120 << 20, 260 << 20])
def test_an_object_is_put_in_one_request(s3: Server, prefix: str, size: int) -> None:
    pieces = (bytes(1 << 20) for _ in range(size >> 20))
    open_store(f"s3://sets/{prefix}").put("object", pieces)
    head = s3.client.head_object(Bucket="sets", Key=f"{prefix}/object")
    assert head["ContentLength"] == size
    assert "-" not in head["ETag"]  # which has the number of parts, if there are any
    s3.remove(f"{prefix}/object")


@pytest.mark.parametrize("layout", ["files", "webdataset:per_shard=5"])
def test_a_run_killed_at_any_moment_leaves_whole_objects_and_is_resumed(
    fronted: Front, s3: Server, tmp_path: Path, make: Make, layout: str
) -> None:
    job = (*MANY, "--layout", layout, "-j", 2)
    every = StopAt(0)
    fronted.rule = every
    make(*job, "-o", f"s3://sets/{tmp_path.name}/counted")
    make(*job, "-o", "whole")
    for trial in range(trials(2)):
        where = f"{tmp_path.name}/{trial}"
        random = Random(f"{layout} {trial}")
        stop = StopAt(random.randint(1, every.puts), arrives=bool(trial % 2))
        fronted.rule = stop
        with running(tmp_path, "generate", *job, "-o", f"s3://sets/{where}") as process:
            assert stop.reached.wait(120)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
        stop.killed.set()
        assert s3.torn(where, tmp_path / "whole") == []
        assert s3.uploads() == []
        fronted.rule = StopAt(0)
        make(*job, "-o", f"s3://sets/{where}")
        assert s3.digest(where) == tree_digest(tmp_path / "whole")


def test_an_upload_that_its_client_breaks_off_does_not_reach_the_server(fronted: Front) -> None:
    passed = []
    fronted.rule = lambda request, _: passed.append(request)
    with socket.create_connection(("127.0.0.1", fronted.port)) as client:
        client.sendall(b"PUT /sets/cut HTTP/1.1\r\nHost: s3\r\nContent-Length: 10\r\n\r\n12345")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert passed == []


class StopAt:
    """Holds the n-th PUT, and those after it, until the one who asks is killed.

    The parts of the journal are not counted: how many there are, the clock decides.
    """

    def __init__(self, number: int, *, arrives: bool = False) -> None:
        self._number = number
        self._arrives = arrives
        self._lock = threading.Lock()
        self.puts = 0
        self.reached, self.killed = threading.Event(), threading.Event()

    def __call__(self, request: Request, forward: Callable[[], Answer]) -> Answer | None:
        if request.method != "PUT" or f"{JOURNAL}." in request.path:
            return forward()
        with self._lock:
            self.puts += 1
            is_held = 0 < self._number <= self.puts
        if not is_held:
            return forward()
        if self._arrives:
            forward()
        self.reached.set()
        self.killed.wait(120)
        return None


def test_what_the_journal_records_is_not_made_again(
    fronted: Front, s3: Server, prefix: str, tmp_path: Path, make: Make
) -> None:
    job = (*MANY, "--layout", "webdataset:per_shard=2", "-j", 1)
    url = f"s3://sets/{prefix}"
    stopped, killed = threading.Event(), threading.Event()

    def hold_once_recorded(request: Request, forward: Callable[[], Answer]) -> Answer | None:
        """Hold a shard once the journal tells of three, for which each waits a little."""
        if request.method != "PUT" or ".tar" not in request.path:
            return forward()
        if not wait_for(lambda: recorded(s3, prefix) >= 3, 0.5):
            return forward()
        stopped.set()
        killed.wait(120)
        return None

    fronted.rule = hold_once_recorded
    with running(tmp_path, "generate", *job, "-o", url) as process:
        assert stopped.wait(120)
        process.kill()
        process.wait(60)
    killed.set()
    fronted.rule = lambda _, forward: forward()
    kept = recorded(s3, prefix)
    done = json.loads(make(*job, "--json", "-o", url).stdout)
    assert done["existing"] == 2 * kept
    assert done["created"] == 20 - 2 * kept


def recorded(s3: Server, prefix: str) -> int:
    """Return how many shards the journal tells of."""
    parts = [name for name in s3.names(prefix) if name.startswith(f"{JOURNAL}.")]
    return sum(s3.read(f"{prefix}/{name}").count(b"\n") for name in parts)


def test_a_server_that_cuts_connections_for_a_while_costs_nothing_but_time(
    s3: Server, prefix: str, tmp_path: Path, make: Make
) -> None:
    job = (*MANY, "--layout", "webdataset:per_shard=2", "-j", 2)
    make(*job, "-o", "whole")
    url = f"s3://sets/{prefix}"
    with running(tmp_path, "generate", *job, "-o", url) as process:
        assert wait_for(lambda: any(name.endswith(".tar") for name in s3.names(prefix)), 120)
        s3.proxy.cut(12)  # more than the client repeats by itself
        _, complaint = process.communicate(timeout=240)
        assert (process.returncode, complaint) == (0, "")
        assert s3.proxy.is_through()
    assert s3.digest(prefix) == tree_digest(tmp_path / "whole")


@pytest.mark.parametrize(
    ("error", "is_printed"), [(ConnectionResetError("closing"), False), (ValueError("odd"), True)]
)
def test_a_broken_connection_of_a_repeated_request_is_not_printed(
    s3: Server, prefix: str, caplog: pytest.LogCaptureFixture, error: Exception, is_printed: bool
) -> None:
    files, _ = open_client(f"s3://sets/{prefix}")
    files.loop.call_exception_handler({"message": "never retrieved", "exception": error})
    assert ("never retrieved" in caplog.text) is is_printed


def test_a_run_that_an_outage_ended_is_resumed_by_the_same_command(
    s3: Server, prefix: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ("generate", "-n", "3", "-s", "8", "-q", "-o", f"s3://sets/{prefix}")
    with monkeypatch.context() as impatient:
        impatient.setattr(object_requests, "_RETRY_SECONDS", 0.1)
        s3.proxy.leave()
        code = main(command)
        s3.proxy.come_back()
    assert code == 1
    assert "again" in capfd.readouterr().err
    assert main(command) == 0
    assert main(("verify", f"s3://sets/{prefix}", "-q")) == 0


def test_a_wrong_key_or_bucket_is_one_line(s3: Server, run: Run) -> None:
    for environment, words in (
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "may read and write"),
        ({"AWS_ACCESS_KEY_ID": "wrong"}, "credentials"),
    ):
        done = run("generate", "-n", 3, "-o", "s3://sets/none", **environment)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert words in done.stderr
    done = run("generate", "-n", 3, "-o", "s3://no-such-bucket/none")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "bucket does not exist" in done.stderr


NO_PLACES = ("://", "s3://", "s3:///x", "s3:/x", "S3:/x", "file:///x", "memory://x", "none://a/b",
             "http://a/b", "HTTPS://a/b", "http:/a")  # fmt: skip


@pytest.mark.parametrize("url", NO_PLACES)
def test_a_url_that_is_none_is_refused(run: Run, url: str) -> None:
    done = run("generate", "-n", 3, "-o", url)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


def test_options_that_need_a_directory_are_refused(s3: Server, run: Run) -> None:
    for option in ("--force", "--remote"):
        done = run("generate", "-n", 3, option, "-o", "s3://sets/none", PIXLAB_API_KEY="none")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert s3.names("none") == []


def test_a_dataset_is_replaced_once_its_objects_are_removed(
    s3: Server, prefix: str, make: Make, run: Run
) -> None:
    job = ("-n", 3, "-s", 8, "-q", "-o", f"s3://sets/{prefix}")
    make(*job)
    done = run("generate", *job, "--seed", 1, "--force")
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert "remove the objects" in done.stderr
    for name in s3.names(prefix):
        s3.remove(f"{prefix}/{name}")
    make(*job, "--seed", 1)
    assert run("verify", f"s3://sets/{prefix}").returncode == 0


def test_an_object_of_somebody_elses_stays(s3: Server, prefix: str, make: Make, run: Run) -> None:
    s3.put(f"{prefix}/images/000001.png", b"mine")
    done = run("generate", "-n", 3, "-o", f"s3://sets/{prefix}")
    assert done.returncode == 3
    assert f"s3://sets/{prefix}/images/000001.png" in done.stderr
    assert s3.names(prefix) == ["images/000001.png"]
    make("-n", 3, "-q", "-o", f"s3://sets/{prefix}/a")
    other = run("generate", "-n", 3, "--seed", 1, "-o", f"s3://sets/{prefix}/a")
    assert other.returncode == 3
    assert "--force" not in other.stderr


def test_partitions_in_the_store_become_one_dataset(
    s3: Server, prefix: str, tmp_path: Path, make: Make, run: Run
) -> None:
    job = ("-n", 80, "-s", 40, "--layout", "webdataset:per_shard=10", "-j", 1, "-q")
    make(*job, "-o", "whole")
    url = f"s3://sets/{prefix}/set"
    make(*job, "--partition", "1/2", "-o", url)
    done = run("finish", url)
    assert done.returncode == 1
    assert re.search(r"--partition I/2 .*I = 2\b", done.stderr)
    make(*job, "--partition", "2/2", "-o", url)
    assert run("status", url, "--missing").stdout == "\n"
    assert run("finish", url, "-q").returncode == 0
    assert s3.digest(f"{prefix}/set") == tree_digest(tmp_path / "whole")
    for number in (1, 2):
        make(*job, "--partition", f"{number}/2", "-o", f"part-{number}")
    assert run("finish", f"{url}-2", "part-1", "part-2", "-q").returncode == 0
    assert s3.digest(f"{prefix}/set-2") == tree_digest(tmp_path / "whole")


def test_workers_of_a_cluster_write_to_it(
    s3: Server, prefix: str, tmp_path: Path, make: Make
) -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    job = ("-n", 80, "-s", 40, "--layout", "webdataset:per_shard=10", "-q")
    make(*job, "-o", "whole")
    s3.put(f"{prefix}/{PROBE_PREFIX}dead", b"what a killed run left")
    with cluster(tmp_path / "dask", 2, s3.environment) as made:
        make(*job, "--engine", made.engine, "-o", f"s3://sets/{prefix}")
    assert s3.digest(prefix) == tree_digest(tmp_path / "whole")
