"""What a store answers: what passes is repeated, and what does not is said at once."""

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelgen.storage import open_store
from tests.support.command import Done, Run, tree_digest
from tests.support.s3_front import Answer, Front, Request
from tests.support.s3_server import Server

pytestmark = pytest.mark.engine

Make = Callable[..., Done]
Forward = Callable[[], Answer]

JOB = ("-n", 40, "-s", 40, "--layout", "webdataset:per_shard=10", "-j", 1, "-q")
CREDENTIALS = (
    (400, "ExpiredToken"),
    (400, "InvalidToken"),
    (400, "TokenRefreshRequired"),
    (403, "InvalidAccessKeyId"),
)


@pytest.mark.parametrize(("status", "code"), CREDENTIALS)
def test_credentials_that_are_not_valid_are_one_line_after_a_few_requests(
    fronted: Front, prefix: str, run: Run, status: int, code: str
) -> None:
    asked = []

    def refuse(request: Request, _: Forward) -> Answer:
        asked.append(request.method)
        return Answer.of_error(status, code)

    fronted.rule = refuse
    done = run("generate", *JOB, "-o", f"s3://sets/{prefix}")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert code in done.stderr
    assert "credentials" in done.stderr
    assert len(asked) <= 4


def test_a_wrong_clock_is_said_to_be_wrong(fronted: Front, prefix: str, run: Run) -> None:
    fronted.rule = lambda *_: Answer.of_error(403, "RequestTimeTooSkewed")
    done = run("generate", *JOB, "-o", f"s3://sets/{prefix}")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "clock" in done.stderr
    fronted.rule = lambda _, forward: forward()
    assert run("generate", *JOB, "-o", f"s3://sets/{prefix}").returncode == 0


def test_credentials_that_expire_in_a_run_are_renewed_and_it_is_resumed(
    fronted: Front, s3: Server, prefix: str, tmp_path: Path, run: Run
) -> None:
    expired = threading.Event()

    def expire(request: Request, forward: Forward) -> Answer:
        if request.method == "PUT" and ".tar" in request.path:
            expired.set()  # after this answer
            return forward()
        return Answer.of_error(400, "ExpiredToken") if expired.is_set() else forward()

    fronted.rule = expire
    done = run("generate", *JOB, "-o", f"s3://sets/{prefix}")
    assert done.returncode == 1
    assert "credentials" in done.stderr
    assert "again" in done.stderr
    fronted.rule = lambda _, forward: forward()
    for out in (f"s3://sets/{prefix}", "whole"):
        assert run("generate", *JOB, "-o", out).returncode == 0
    assert s3.digest(prefix) == tree_digest(tmp_path / "whole")


PASSING = (
    (503, "SlowDown"),
    (500, "InternalError"),
    (400, "RequestTimeout"),
    (409, "ConditionalRequestConflict"),
    (429, "TooManyRequests"),
)


@pytest.mark.parametrize(("status", "code"), PASSING)
def test_what_passes_is_repeated(fronted: Front, prefix: str, status: int, code: str) -> None:
    refused: list[str] = []

    def fail_at_first(request: Request, forward: Forward) -> Answer:
        if request.method == "PUT" and len(refused) < 4:  # more than the client repeats by itself
            refused.append(code)
            return Answer.of_error(status, code)
        return forward()

    fronted.rule = fail_at_first
    store = open_store(f"s3://sets/{prefix}")
    store.put("one", b"1")
    assert (store.read("one", 99), len(refused)) == (b"1", 4)


def test_credentials_that_their_provider_renews_are_renewed(
    s3: Server, prefix: str, tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {
        "Version": 1,
        "AccessKeyId": s3.environment["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": s3.environment["AWS_SECRET_ACCESS_KEY"],
    }
    given = tmp_path / "given"
    provider = tmp_path / "provider.py"
    provider.write_text(
        "import datetime, json\n"
        f"open({str(given)!r}, 'a').write('once\\n')\n"
        # Those that expire within ten minutes are renewed before they are used.
        "soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=9)\n"
        f"print(json.dumps({json.dumps(answer)} | {{'Expiration': soon.isoformat()}}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {sys.executable} {provider}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    make(*JOB, "-o", f"s3://sets/{prefix}", AWS_CONFIG_FILE=str(config))
    make(*JOB, "-o", "whole")
    assert s3.digest(prefix) == tree_digest(tmp_path / "whole")
    assert len(given.read_text().splitlines()) > 1
