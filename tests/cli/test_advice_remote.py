"""The advice of messages about remote images and the server works: see ``test_advice``."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelgen.dataset.run_config import RunConfig
from pixelgen.storage import LocalStore
from tests.support.advice import DATASET, Console, follows_advice, refused, remote
from tests.support.datasets import read_plan, write

if TYPE_CHECKING:
    from tests.support.pixlab_endpoint import Endpoint


@follows_advice("--remote cannot be combined with --engine: this process alone asks the endpoint")
def test_images_are_fetched_without_an_engine(console: Console, endpoint: "Endpoint") -> None:
    console.run(remote(endpoint, "--engine serial"), 2)
    console.run(remote(endpoint))


@follows_advice("--… needs --remote; give that, too")
@pytest.mark.parametrize(
    "option", ["--remote-url URL", "--remote-rate 9/s", "--remote-timeout 9", "--remote-mode blob",
               "--remote-auth query", "--remote-allow-host nix", "--key x", "--key-file key"]
)  # fmt: skip
def test_remote_options_need_remote(option: str, console: Console, endpoint: "Endpoint") -> None:
    Path("key").write_text("SECRETKEY-0123")
    Path("key").chmod(0o600)
    more = option.replace("URL", endpoint.url)
    if option != "--remote-mode blob":  # which is the default
        assert option.split(maxsplit=1)[0] in console.run(f"generate -n 1 -s 8 -o set {more}", 2)
    else:
        console.run("generate -n 1 -s 8 -o set --remote-mode link", 2)
    console.run(remote(endpoint, more))


@follows_advice(
    "--checksum none cannot be combined with a remote endpoint, whose images cannot be made again"
)
def test_images_are_fetched_with_checksums(console: Console, endpoint: "Endpoint") -> None:
    console.run(remote(endpoint, "--checksum none"), 2)
    console.run(remote(endpoint))


@follows_advice(
    "where the key is sent: add --remote, and --remote-url for another address than PixLab's",
    "and --remote asks …; to ask the other one, give it as --remote-url",
)
def test_the_url_of_a_recipe_is_used_only_if_given_as_an_option(
    console: Console, endpoint: "Endpoint"
) -> None:
    console.run(remote(endpoint))
    recipe = "generate --recipe set/pixelgen.json -q -o again"
    console.run(recipe, 2)
    console.run(f"{recipe} --remote", 2)
    console.run(f"{recipe} --remote --remote-url {endpoint.url}")
    console.verified("again")


@follows_advice("the key is missing: set … or give --key-file…")
def test_a_key_is_read_from_each_named_place(
    console: Console, endpoint: "Endpoint", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIXLAB_API_KEY")
    console.run(remote(endpoint), 2)
    variable, own = re.findall(r"set (\w+) or give --key-file, or put it in (\S+);", console.last)[
        0
    ]
    Path(own).parent.mkdir(parents=True)
    for path in (Path(own), Path("key")):
        path.write_text("SECRETKEY-0123\n")
        path.chmod(0o600)
    console.run(remote(endpoint, "-o own"))
    Path(own).unlink()
    console.run(remote(endpoint, "-o file --key-file key"))
    monkeypatch.setenv(variable, "SECRETKEY-0123")
    console.run(remote(endpoint, "-o variable"))


@pytest.mark.cli
@follows_advice("others can read the key in …; run: chmod 600 …")
@pytest.mark.parametrize("name", ["key", "it's my key", "-key"])
def test_the_printed_chmod_protects_a_key_file(
    name: str, console: Console, endpoint: "Endpoint", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIXLAB_API_KEY")
    Path(name).write_text("SECRETKEY-0123")
    Path(name).chmod(0o644)
    command = remote(endpoint, f"--key-file={shlex.quote(name)}")
    console.run(command, 2)
    subprocess.run(["sh", "-c", console.advised()], check=True)
    console.run(command)


@pytest.mark.cli
@follows_advice(
    "…; the next retry, in … s, would exceed --remote-timeout",
    "; try again later, or generate the images on this machine: in another directory, without"
    " --remote and its options",
)
def test_a_busy_endpoint_needs_more_time_or_local_images(
    console: Console, endpoint: "Endpoint"
) -> None:
    endpoint.fault_every, endpoint.retry_after = 1, 300
    console.run(remote(endpoint, "-j 1 --remote-timeout 200"), 1)
    console.run("generate -n 3 -s 64x48 -q -o other")
    endpoint.fault_every, endpoint.retry_after = 2, 0
    console.run(remote(endpoint, "-n 1 -j 1 --remote-timeout 500"))
    assert endpoint.counts["429"] == 2
    console.verified()


@follows_advice("finished; finish it with the command that began it, or remove the directory")
def test_an_unfinished_remote_dataset_is_finished_before_it_is_replaced(
    console: Console, endpoint: "Endpoint"
) -> None:
    endpoint.max_images = 2
    console.run(remote(endpoint, "-j 1"), 4)
    console.run(f"{DATASET} --force", 3)
    endpoint.max_images = 9
    console.run(remote(endpoint, "-j 1"))
    console.run(f"{DATASET} --force")
    console.verified()


@follows_advice(
    "images of this dataset are still to be fetched from …: run the 'pixelgen generate --remote'"
)
def test_missing_remote_images_are_fetched_by_the_original_command(
    console: Console, endpoint: "Endpoint"
) -> None:
    endpoint.max_images = 2
    console.run(remote(endpoint, "-j 1"), 4)
    plan = read_plan(LocalStore("set"))
    refused(console, lambda: write(plan.job, LocalStore("set"), RunConfig(jobs=1)))
    endpoint.max_images = 9
    console.run(remote(endpoint, "-j 1"))
    console.verified()


@follows_advice("to check these by their SHA-256, run: pixelgen verify …")
def test_a_remote_dataset_is_resumed_and_then_verified(
    console: Console, endpoint: "Endpoint"
) -> None:
    endpoint.max_images = 2
    console.run(remote(endpoint, "-j 1"), 4)
    assert "run the command that makes it again\n" in console.run("repair set", 1)
    endpoint.max_images = 9
    console.run(remote(endpoint, "-j 1"))
    for command in ("repair", "verify --deep"):
        console.run(f"{command} set", 2)
        console.follow()


@follows_advice(
    "--remote cannot write to …: downloaded images are paid for, and only a directory keeps each at"
    " once; use a directory for --out"
)
def test_images_are_fetched_to_a_directory(console: Console, endpoint: "Endpoint") -> None:
    pytest.importorskip("s3fs", reason="the extra 's3' is not installed")
    console.run(remote(endpoint, "-o s3://bucket/set"), 2)
    console.run(remote(endpoint))


@pytest.mark.cli
@follows_advice(
    "host … is reachable by others: require a key with --key-file, or allow everyone with"
    " --no-auth",
    "--no-auth cannot be combined with a key; give either",
    "invalid noise …: must be a family; see 'pixelgen list families'",
)
def test_a_server_for_others_has_a_key_or_is_open(console: Console, tmp_path: Path) -> None:
    pytest.importorskip("granian", reason="granian is not installed")
    from tests.support.serving import serving

    Path("key").write_text("SECRET")
    Path("key").chmod(0o600)
    console.run("serve --host 0.0.0.0 --port 0", 2)
    console.run("serve --host 0.0.0.0 --port 0 --key-file key --no-auth", 2)
    for options in (("--key-file", "key"), ("--no-auth",)):
        with serving(tmp_path, "--host", "0.0.0.0", *options) as server:  # noqa: S104
            assert server.get(width=5, key="SECRET").status == 200
            wrong = server.get(width=5, key="SECRET", noise="os.path")
            console.note(wrong.json["error"])
            for name in re.findall(r"^(\w+)", console.run("list families"), re.MULTILINE)[:3]:
                assert server.get(width=5, key="SECRET", noise=name).status == 200
