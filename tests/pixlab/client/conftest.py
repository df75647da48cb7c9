"""A faulty server in a network namespace of its own, where possible, and its certificates."""

import datetime
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pixelgen.pixlab.client.complete_image import silence_pillow_warnings
from tests.support.pixlab_endpoint import Endpoint

PROJECT = Path(__file__).parents[3]


class FaultyProcess(NamedTuple):
    """The server: its ports, request log and CA, and the command prefix to enter its network."""

    ports: dict[str, int]
    log: Path
    ca: Path
    prefix: list[str]

    def requests(self, case: str) -> list[str]:
        """Return the heads of the requests for a case so far."""
        lines = map(json.loads, self.log.read_text().splitlines())
        return [head for name, head in lines if name == case]


def write_certificates(folder: Path) -> Path:
    """Write certificates, of which a client that trusts the CA accepts one; return the CA."""
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    known, unknown = trustme.CA(), trustme.CA()
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    for name, issued in (
        ("good", known.issue_cert("127.0.0.1", "good.example")),
        ("unknown", unknown.issue_cert("127.0.0.1")),
        ("wrong", known.issue_cert("other.example")),
        ("expired", known.issue_cert("127.0.0.1", not_after=past)),
    ):
        issued.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
    known.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


@pytest.fixture(scope="package")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProcess]:
    """Run the server in a process, so that its memory is not that of the tests."""
    folder = tmp_path_factory.mktemp("faulty")
    ca, log = write_certificates(folder), folder / "log"
    log.touch()
    tools = [shutil.which("unshare"), shutil.which("nsenter")]
    alone = ["unshare", "-n"]
    can = all(tools) and subprocess.run([*alone, "true"], check=False).returncode == 0
    command = [sys.executable, "-m", "tests.support.faulty_server", str(log), str(folder)]
    with subprocess.Popen(
        [*alone, *command, "isolated"] if can else command,
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        prefix = ["nsenter", f"--target={process.pid}", "--net", "--"] if can else []
        yield FaultyProcess(ports, log, ca, prefix)
        process.kill()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint
        endpoint.shutdown()


@pytest.fixture(scope="module")
def _silent_pillow() -> Iterator[None]:
    """Ignore Pillow's warnings, as the client does, for the tests of a module."""
    with warnings.catch_warnings():
        silence_pillow_warnings()
        yield
