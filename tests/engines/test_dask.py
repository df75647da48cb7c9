"""A real Dask cluster on loopback: the same bytes whatever dies, and clear words elsewhere."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import pixelgen
from pixelgen.dataset.plan import JOURNAL
from tests.support.command import COMMAND, Done, Run, tree_digest
from tests.support.dask_cluster import ROOT, Cluster, cluster, end, kill
from tests.support.dask_counted import COUNTED, DRAWN, drawers, gate
from tests.support.faults import finish, running, wait_for

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
pytestmark = pytest.mark.engine

PER_SHARD = 12
SHARDS = 20
SOME = 8 * PER_SHARD  # images, of which two workers make six shards at least
JOB = ("-n", SHARDS * PER_SHARD, "-s", 32, "--layout", f"webdataset:per_shard={PER_SHARD}",
       "--family", COUNTED, "-q")  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Count what is drawn, here and in workers."""
    variables = {DRAWN: str(tmp_path / "drawn"), "PYTHONPATH": ROOT}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest of the set as one process makes it."""
    folder = tmp_path_factory.mktemp("whole")
    command = [COMMAND, "generate", *map(str, JOB), "--engine", "serial"]
    variables = {DRAWN: str(folder / "drawn"), "PYTHONPATH": ROOT}
    subprocess.run(command, check=True, cwd=folder, env=os.environ | variables)
    return tree_digest(folder / "negatives")


@pytest.fixture
def two(tmp_path: Path, environment: dict[str, str]) -> Iterator[Cluster]:
    with cluster(tmp_path / "dask", 2, environment) as made:
        yield made


def drawn(tmp_path: Path) -> Counter[int]:
    """Return how many images each process has drawn so far, and begin anew."""
    path = tmp_path / "drawn"
    lines = drawers(path)
    path.unlink(missing_ok=True)
    return Counter(lines)


def await_gate(folder: Path, drawn: Path, whole_shards: int) -> None:
    """Wait until a gate holds a worker, and so many shards are there."""
    assert wait_for(lambda: len(drawers(drawn)) > SOME, 120)
    assert wait_for(lambda: len([*folder.glob("*.tar")]) >= whole_shards, 120)


def test_thousands_of_images_are_the_same_by_every_engine(
    tmp_path: Path, shared: Cluster, run: Run
) -> None:
    job = ("-n", 4_000, "-s", 64, "--layout", "webdataset:per_shard=250", "-q")
    engines = {"serial": "serial", "local": "local", "cluster": shared.engine, "begun": "dask"}
    for out, engine in engines.items():
        done = run("generate", *job, "--engine", engine, "-j", 2, "-o", out)
        assert (done.returncode, done.stderr) == (0, "")
    assert len({tree_digest(tmp_path / out) for out in engines}) == 1


@pytest.mark.parametrize("whom", ["worker", "worker and nanny"])
def test_a_killed_worker_costs_the_current_shard_and_one_not_yet_reported(
    tmp_path: Path, two: Cluster, whole: str, whom: str
) -> None:
    with (
        gate(tmp_path / "drawn", SOME) as open_gate,
        running(tmp_path, "generate", *JOB, "--engine", two.engine, "-o", "cut") as process,
    ):
        await_gate(tmp_path / "cut", tmp_path / "drawn", 4)
        if whom == "worker":
            os.kill(drawers(tmp_path / "drawn")[-1], signal.SIGKILL)
        else:
            kill(two.workers[0])
        open_gate()
        _, complaint = process.communicate(timeout=240)
        assert (process.returncode, complaint) == (0, "")
    assert tree_digest(tmp_path / "cut") == whole
    assert PER_SHARD * SHARDS <= drawn(tmp_path).total() < PER_SHARD * (SHARDS + 2)


def test_a_killed_scheduler_ends_the_run_and_the_next_one_completes_it(
    tmp_path: Path, two: Cluster, whole: str, environment: dict[str, str]
) -> None:
    def run(*arguments: object) -> Done:
        return finish(tmp_path, *arguments)

    with (
        gate(tmp_path / "drawn", SOME),
        running(tmp_path, "generate", *JOB, "--engine", two.engine, "-o", "cut") as process,
    ):
        await_gate(tmp_path / "cut", tmp_path / "drawn", 4)
        kill(two.scheduler)
        _, complaint = process.communicate(timeout=240)
        assert process.returncode == 1
        assert len(complaint.splitlines()) == 1
        assert "Dask scheduler" in complaint
        assert "lost" in complaint
        assert "again" in complaint
        for worker in two.workers:  # which would draw on once the gate is gone
            end(worker)
    with cluster(tmp_path / "again", 2, environment) as again:
        drawn(tmp_path)
        left = SHARDS - len((tmp_path / "cut" / JOURNAL).read_text().splitlines())
        command = ("generate", *JOB, "--engine", again.engine, "-o", "cut")
        done = run(*command)
        assert (done.returncode, done.stderr) == (0, "")
        assert drawn(tmp_path).total() == PER_SHARD * left
        assert run(*command).returncode == 0
        assert drawn(tmp_path).total() == 0
    assert tree_digest(tmp_path / "cut") == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_is_finished_by_the_same_command(
    tmp_path: Path, shared: Cluster, whole: str, number: signal.Signals
) -> None:
    command = (*JOB, "--engine", shared.engine)
    file = Path(shared.environment[DRAWN])
    file.unlink(missing_ok=True)
    with (
        gate(file, SOME),
        running(tmp_path, "generate", *command, "-o", "cut") as process,
    ):
        await_gate(tmp_path / "cut", file, 2)
        if number == signal.SIGINT:  # as of a terminal, which tells the whole group
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, complaint = process.communicate(timeout=240)
        stopped = -number if number == signal.SIGKILL else 128 + number
        assert process.returncode == stopped, complaint
        assert "Traceback" not in complaint
    assert finish(tmp_path, "generate", *command, "-o", "cut").returncode == 0
    assert tree_digest(tmp_path / "cut") == whole


def test_a_worker_of_many_threads_makes_the_same(
    tmp_path: Path, environment: dict[str, str], run: Run
) -> None:
    job = ("-n", 400, "-s", 64, "--family", "dead_leaves=1", "--family", "perlin=1", "-q")
    with cluster(tmp_path / "dask", 0, environment) as made:
        made.start_worker(environment, threads=4)
        assert run("generate", *job, "--engine", made.engine, "-o", "threads").returncode == 0
    assert run("generate", *job, "-o", "alone").returncode == 0
    assert tree_digest(tmp_path / "threads") == tree_digest(tmp_path / "alone")


def test_a_cluster_over_tls(tmp_path: Path, run: Run) -> None:
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "all.pem"
    )
    files = {"CA_FILE": "ca.pem"}
    for part in ("SCHEDULER", "WORKER", "CLIENT"):
        files |= {f"{part}__CERT": "all.pem", f"{part}__KEY": "all.pem"}
    variables = {
        f"DASK_DISTRIBUTED__COMM__TLS__{name}": f"{tmp_path}/{file}" for name, file in files.items()
    }
    variables["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] = "True"
    with cluster(tmp_path / "dask", 2, variables | {"PROTOCOL": "tls"}) as made:
        assert made.address.startswith("tls://")
        engine = made.address.replace("tls", "dask+tls")
        done = run("generate", "-n", 300, "--engine", engine, "-q", "-o", "out", **variables)
        assert (done.returncode, done.stderr) == (0, "")
        refused(
            run("generate", "-n", 300, "--engine", engine, "-q", "-o", "other"),
            "tls://",
            "DASK_DISTRIBUTED__COMM__TLS__",
        )


def refused(done: Done, *words: str) -> None:
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("what", ["pixelgen", "numpy", "Pillow"])
def test_a_worker_of_another_version_is_refused(
    tmp_path: Path, environment: dict[str, str], run: Run, what: str
) -> None:
    package = {"pixelgen": "pixelgen", "numpy": "numpy", "Pillow": "PIL"}[what]
    other = tmp_path / "other"
    other.mkdir()
    # What Python runs when it starts: it puts another version in the place of the one there is.
    (other / "sitecustomize.py").write_text(f"import {package}\n{package}.__version__ = '0.0.1'\n")
    with cluster(tmp_path / "dask", 1, environment) as made:
        made.start_worker(environment | {"PYTHONPATH": f"{other}:{ROOT}"})
        done = run("generate", *JOB, "--engine", made.engine, "-o", "out")
    refused(done, f"{what} 0.0.1", "install", "tcp://127.0.0.1")
    assert drawn(tmp_path).total() == 0


def test_a_worker_without_pixelgen_is_refused(
    tmp_path: Path, environment: dict[str, str], run: Run
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pixelgen.py").write_text("raise ImportError('none here')\n")
    with cluster(tmp_path / "dask", 0, environment) as made:
        made.start_worker(environment | {"PYTHONPATH": f"{other}:{ROOT}"})
        done = run("generate", *JOB, "--engine", made.engine, "-o", "out")
    refused(done, f"pixelgen {pixelgen.__version__}", "'dask'")


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_worker_that_sees_another_store_is_refused(
    tmp_path: Path, environment: dict[str, str], when: str
) -> None:
    apart = ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("another view of a directory: no right to make name spaces")
    out = tmp_path / "out"
    out.mkdir()
    with cluster(tmp_path / "dask", int(when == "meanwhile"), environment) as made:
        apart += ["sh", "-c", f'mount -t tmpfs none {out} && exec "$@"', "sh"]
        if when == "before":
            made.start_worker(environment, under=apart)
        with (
            # There is work left until the second worker has had its share.
            gate(tmp_path / "drawn", SOME),
            running(tmp_path, "generate", *JOB, "--engine", made.engine, "-o", str(out)) as process,
        ):
            if when == "meanwhile":
                await_gate(out, tmp_path / "drawn", 2)
                made.start_worker(environment, under=apart)
            _, complaint = process.communicate(timeout=240)
    done = subprocess.CompletedProcess(COMMAND, process.returncode, "", complaint)
    refused(done, str(out), "share")


def test_a_relative_source_is_refused(tmp_path: Path, shared: Cluster, run: Run) -> None:
    assert run("generate", "-n", 3, "-o", "photos").returncode == 0
    family = ("--family", "pixel_shuffle:source=photos/images")
    done = run("generate", "-n", 8, *family, "--engine", shared.engine, "-o", "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "absolute path" in done.stderr
    family = ("--family", f"pixel_shuffle:source={tmp_path}/photos/images")
    assert run("generate", "-n", 8, *family, "--engine", shared.engine, "-o", "all").returncode == 0


def test_an_invalid_or_unreachable_address_is_reported(tmp_path: Path, run: Run) -> None:
    for engine, code, words in (
        ("dask://", 2, "dask://HOST:8786"),
        ("ray://host", 2, "dask+tls://HOST:8786"),
        ("dask://127.0.0.1:9", 1, "tcp://127.0.0.1:9"),
        ("dask:///none/there.json", 1, "dask scheduler --scheduler-file /none/there.json"),
    ):
        done = run("generate", "-n", 3, "--engine", engine, "-o", "out")
        assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
        assert words in done.stderr


def test_a_scheduler_without_workers_is_waited_for(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with (
        cluster(tmp_path / "dask", 0, environment) as made,
        running(tmp_path, "generate", *JOB, "--engine", made.engine, "-o", "cut") as process,
    ):
        made.await_tasks()  # for which the command found no worker
        made.start_worker(environment)
        _, complaint = process.communicate(timeout=240)
        assert (process.returncode, complaint) == (0, "")
