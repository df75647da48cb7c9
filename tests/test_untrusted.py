"""What a dataset, a recipe or a plan that others made can do at most.

Each name of a test is a sentence of the README's "What it promises". Data name no code to run, no
address to ask, and no place to write to.
"""

import json
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pixelgen.plan import plan_text
from tests.conftest import Run

COMMANDS: dict[str, tuple[object, ...]] = {
    "generate": ("generate", "-n", 3, "-s", 8, "-o", "set"),
    "recipe": ("generate", "--recipe", "set/pixelgen.json", "-o", "new"),
    "force": ("generate", "-n", 3, "-s", 8, "-o", "set", "--force"),
    "verify": ("verify", "set"),
    "deep verify": ("verify", "--deep", "set"),
    "repair": ("repair", "set"),
    "status": ("status", "set"),
    "finish": ("finish", "set"),
    "gather": ("finish", "new", "set"),
    "index": ("index", "set", "--layout", "coco"),
    "preview": ("preview", "set", "-o", "sheet.png"),
}
MARKER = """
from pathlib import Path

Path({marker!r}).write_text("it ran")

from pixelgen.families import Family
from pixelgen.layouts import Sidecar


class Thing(Sidecar):
    \"\"\"Index nothing.\"\"\"

    def index(self, catalogue):
        yield "thing.txt", b"thing"
"""


def with_job(root: Path, **changes: object) -> None:
    """Have a dataset's plan say something else, with the checksums that such a plan has."""
    plan = root / "pixelgen.json"
    members: dict[str, Any] = json.loads(plan.read_text())
    members["job"] |= changes
    plan.write_bytes(plan_text(members))


# --- code ---


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A module that leaves a trace when it is imported, and a dataset beside it."""
    marker = tmp_path / "marker"
    (tmp_path / "evilmod.py").write_text(MARKER.format(marker=str(marker)))
    return marker


@pytest.mark.parametrize("kind", ["family", "format", "layout"])
def test_a_plan_that_names_code_does_not_run_it(
    kind: str, marker: Path, run: Run, tmp_path: Path
) -> None:
    assert run("generate", "-n", 3, "-s", 8, "-o", "whole").returncode == 0
    name = "files,evilmod.Thing" if kind == "layout" else "evilmod.Thing"
    with_job(tmp_path / "whole", **{kind: name})
    for command in COMMANDS.values() if kind == "layout" else [COMMANDS["verify"]]:
        shutil.copytree(tmp_path / "whole", tmp_path / "set")
        done = run(*command, PYTHONPATH=str(tmp_path))
        assert done.returncode in (2, 3), command
        assert "'evilmod.Thing' is not part of pixelgen" in done.stderr, command
        assert len(done.stderr.splitlines()) == 1
        assert not marker.exists(), command
        shutil.rmtree(tmp_path / "set")


@pytest.mark.parametrize("kind", ["family", "format", "layout"])
def test_a_recipe_that_names_code_does_not_run_it(
    kind: str, marker: Path, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "r.toml").write_text(f'count = 3\nsize = 8\n{kind} = "evilmod.Thing"\n')
    done = run("generate", "--recipe", "r.toml", "-o", "new", PYTHONPATH=str(tmp_path))

    assert done.returncode == 2
    assert "name it in PIXELGEN_PLUGINS" in done.stderr
    assert not marker.exists()
    assert not (tmp_path / "new").exists()


def test_code_that_the_user_names_runs(marker: Path, run: Run, tmp_path: Path) -> None:
    here = {"PYTHONPATH": str(tmp_path)}
    trusted = here | {"PIXELGEN_PLUGINS": "other.Part, evilmod.Thing"}
    named = ("generate", "-n", 3, "-s", 8, "-o", "set", "--layout", "csv,evilmod.Thing")

    assert run(*named, **here).returncode == 0
    assert run(*named, **here).returncode == 0
    assert (tmp_path / "set/thing.txt").read_text() == "thing"
    assert run("verify", "set", **here).returncode == 3
    assert run("verify", "set", **trusted).returncode == 0
    (tmp_path / "set/thing.txt").unlink()
    assert run("repair", "set", **trusted).returncode == 0
    assert run("index", "set", "--layout", "evilmod.Thing", **here).returncode == 0


def test_code_of_an_installed_package_runs_by_its_short_name_and_by_its_path(
    marker: Path, run: Run, tmp_path: Path
) -> None:
    package = tmp_path / "evilmod-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: evilmod\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[pixelgen.layouts]\nthing = evilmod:Thing\n")
    here = {"PYTHONPATH": str(tmp_path)}
    named = ("generate", "-n", 3, "-s", 8, "-o", "set", "--layout", "thing")

    assert run(*named, **here).returncode == 0
    assert json.loads((tmp_path / "set/pixelgen.json").read_text())["job"]["layout"] == (
        "files,evilmod.Thing"
    )
    assert run("verify", "set", **here).returncode == 0
    assert "Index nothing." in run("list", "layouts", **here).stdout
    assert "did you mean 'thing'" in run(*named[:-1], "thin", **here).stderr


# --- addresses and keys ---


class Trap(ThreadingHTTPServer):
    """A server that counts the requests that come, whatever they are."""

    requests = 0


class _Count(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Trap)
        self.server.requests += 1
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def trap() -> Iterator[Trap]:
    with Trap(("127.0.0.1", 0), _Count) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("options", [(), ("--remote",)])
def test_a_recipe_that_names_an_address_does_not_get_the_key(
    options: tuple[str, ...], trap: Trap, run: Run, tmp_path: Path
) -> None:
    address = f"http://127.0.0.1:{trap.server_port}"
    recipe = f'count = 1\nsize = 8\nremote = "{address}"\n'
    (tmp_path / "r.toml").write_text(recipe)
    key = {"PIXLAB_API_KEY": "abcdefghijklmnop"}
    done = run("generate", "--recipe", "r.toml", "-o", "new", *options, **key)

    assert done.returncode == 2
    assert "--remote-url" in done.stderr
    assert trap.requests == 0
    asked = ("--remote", "--remote-url", address, "--remote-timeout", 1)
    done = run("generate", "--recipe", "r.toml", "-o", "new", *asked, **key)
    assert done.returncode == 4
    assert trap.requests > 0  # what the message says to do does ask it


def test_a_plan_that_names_an_address_does_not_get_the_key(
    trap: Trap, run: Run, tmp_path: Path
) -> None:
    assert run("generate", "-n", 3, "-s", 8, "-o", "whole").returncode == 0
    plan = tmp_path / "whole/pixelgen.json"
    members: dict[str, Any] = json.loads(plan.read_text())
    for name in ("family", "mode", "depth", "seed"):
        del members["job"][name]
    members["job"]["remote"] = f"http://127.0.0.1:{trap.server_port}"
    members |= {"algorithm": "pixlab", "encoder": ""}
    plan.write_bytes(plan_text(members))
    for name, command in COMMANDS.items():
        for is_unfinished in (False, True):
            shutil.copytree(tmp_path / "whole", tmp_path / "set")
            if is_unfinished:
                (tmp_path / "set/metadata.jsonl").unlink()
                (tmp_path / "set/.pixelgen.journal").touch()
            done = run(*command, PIXLAB_API_KEY="abcdefghijklmnop")
            assert done.returncode in (0, 1, 2, 3), (name, done.stderr)
            assert trap.requests == 0, name
            shutil.rmtree(tmp_path / "set")
            shutil.rmtree(tmp_path / "new", ignore_errors=True)
