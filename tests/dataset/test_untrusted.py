"""What a dataset, a recipe or a plan that others made can do at most.

Each name of a test is a sentence of the README's "What it promises". Data name no code to run, no
address to ask, and no place to write to.
"""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from PIL import Image

from pixelgen.cli import main
from pixelgen.dataset.plan import plan_text
from tests.support.command import COMMAND, MEASURED, ROOT, Done, Run

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

    def index(self, manifest):
        yield "thing.txt", b"thing"
"""


def with_job(root: Path, **changes: object) -> None:
    """Have a dataset's plan say something else, with the checksums that such a plan has."""
    plan = root / "pixelgen.json"
    members: dict[str, Any] = json.loads(plan.read_text())
    members["job"] |= changes
    plan.write_bytes(plan_text(members))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A module that leaves a trace when it is imported, and a dataset beside it."""
    marker = tmp_path / "marker"
    (tmp_path / "evilmod.py").write_text(MARKER.format(marker=str(marker)))
    return marker


@pytest.mark.slow
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
        assert "'evilmod.Thing'" in done.stderr, command
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
    assert "PIXELGEN_PLUGINS" in done.stderr
    assert not marker.exists()
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert "'thing'" in run(*named[:-1], "thin", **here).stderr


class RequestCounter(ThreadingHTTPServer):
    """A server that counts the requests that come, whatever they are."""

    requests = 0


class _CountRequests(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, RequestCounter)
        self.server.requests += 1
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def counter() -> Iterator[RequestCounter]:
    with RequestCounter(("127.0.0.1", 0), _CountRequests) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("options", [(), ("--remote",)])
def test_a_recipe_that_names_an_address_does_not_get_the_key(
    options: tuple[str, ...], counter: RequestCounter, run: Run, tmp_path: Path
) -> None:
    address = f"http://127.0.0.1:{counter.server_port}"
    recipe = f'count = 1\nsize = 8\nremote = "{address}"\n'
    (tmp_path / "r.toml").write_text(recipe)
    key = {"PIXLAB_API_KEY": "abcdefghijklmnop"}
    done = run("generate", "--recipe", "r.toml", "-o", "new", *options, **key)

    assert done.returncode == 2
    assert "--remote-url" in done.stderr
    assert counter.requests == 0
    asked = ("--remote", "--remote-url", address, "--remote-timeout", 60)
    done = run("generate", "--recipe", "r.toml", "-o", "new", *asked, **key)
    assert done.returncode == 4
    assert counter.requests > 0  # what the message says to do does ask it


def test_a_plan_that_names_an_address_does_not_get_the_key(
    counter: RequestCounter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXLAB_API_KEY", "abcdefghijklmnop")
    assert main(("generate", "-n", "3", "-s", "8", "-o", "whole")) == 0
    plan = tmp_path / "whole/pixelgen.json"
    members: dict[str, Any] = json.loads(plan.read_text())
    for name in ("family", "mode", "depth", "seed"):
        del members["job"][name]
    members["job"]["remote"] = f"http://127.0.0.1:{counter.server_port}"
    members |= {"algorithm": "pixlab", "encoder": ""}
    plan.write_bytes(plan_text(members))
    for name, command in COMMANDS.items():
        for is_unfinished in (False, True):
            shutil.copytree(tmp_path / "whole", tmp_path / "set")
            if is_unfinished:
                (tmp_path / "set/metadata.jsonl").unlink()
                (tmp_path / "set/.pixelgen.journal").touch()
            assert main([*map(str, command)]) in (0, 1, 2, 3), name
            assert counter.requests == 0, name
            shutil.rmtree(tmp_path / "set")
            shutil.rmtree(tmp_path / "new", ignore_errors=True)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n{} loop\n"


def png_claiming(width: int, height: int) -> bytes:
    """Return the beginning of a PNG of any size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(99))
    chunks = [struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
              for each in (head, data, b"IEND")]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture
def interpreter(tmp_path: Path) -> Path:
    """A stand-in for Ghostscript that leaves a trace, first in the PATH."""
    program = tmp_path / "bin/gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    program.chmod(0o755)
    return program


@pytest.mark.slow
def test_images_are_decoded_by_a_fixed_list_of_formats_and_no_program_is_run(
    interpreter: Path, run: Run, tmp_path: Path
) -> None:
    path = {"PATH": f"{interpreter.parent}:{os.environ['PATH']}"}
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos/a.png")
    (tmp_path / "photos/b.png").write_bytes(POSTSCRIPT)
    family = ("--family", "pixel_shuffle:source=photos")
    made = run("generate", "-n", 1, "-s", 8, *family, "-o", "made", **path)
    skipped = run("generate", "-n", 1, "-s", 8, *family, "-o", "made", "--skip-damaged", **path)
    assert run("generate", "-n", 1, "-s", 64, "-o", "set").returncode == 0
    (tmp_path / "set/images/000000.png").write_bytes(POSTSCRIPT)
    shown = run("preview", "set", "-o", "sheet.png", **path)

    assert (made.returncode, skipped.returncode, shown.returncode) == (2, 0, 3)
    for done in (made, skipped, shown):
        assert "not an image" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png_claiming(60_000, 60_000), "178,956,970"),
        (png_claiming(64, 64), "damaged"),
        (b"", "not an image"),
    ],
)
def test_sizes_are_checked_before_an_image_is_decoded(
    data: bytes, message: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/b.png").write_bytes(data)
    done = run("generate", "-n", 1, "-s", 8, "--family", "pixel_shuffle:source=photos")
    assert done.returncode == 2
    assert message in done.stderr
    assert run("generate", "-n", 1, "-s", 64, "-o", "set").returncode == 0
    (tmp_path / "set/images/000000.png").write_bytes(data)
    shown = run("preview", "set")
    assert shown.returncode == 3
    assert "cannot be shown" in shown.stderr


def test_a_source_of_more_bytes_than_an_image_has_is_not_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with (tmp_path / "photos/b.png").open("wb") as file:
        file.truncate(40 << 30)
    done = run("generate", "-n", 1, "-s", 8, "--family", "pixel_shuffle:source=photos")

    assert done.returncode == 2
    assert "42,949,672,960" in done.stderr
    assert "536,870,912" in done.stderr


@pytest.mark.slow
def test_a_pipe_in_place_of_a_file_is_not_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos/a.png")
    family = ("--family", "pixel_shuffle:source=photos")
    assert run("generate", "-n", 1, "-s", 8, *family, "-o", "set").returncode == 0
    for name in ("photos/a.png", "set/images/000000.png", "set/metadata.jsonl", "set/SHA256SUMS",
                 "set/sources.jsonl", "set/pixelgen.json"):  # fmt: skip
        (tmp_path / name).rename(tmp_path / "aside")
        os.mkfifo(tmp_path / name)
        for command in ("deep verify", "repair", "status"):
            done = run(*COMMANDS[command])
            assert done.returncode in (0, 1, 3), (name, command, done.stderr)
        (tmp_path / name).unlink()
        (tmp_path / "aside").rename(tmp_path / name)


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["pixelgen.json", "SHA256SUMS", "metadata.jsonl", "sources.jsonl", "images/000000.png"],
)
def test_no_file_is_read_into_memory_whole(name: str, tmp_path: Path) -> None:
    def run(*arguments: object) -> Done:
        command = (sys.executable, "-c", MEASURED, COMMAND, *map(str, arguments))
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos/a.png")
    family = ("--family", "pixel_shuffle:source=photos")
    assert run("generate", "-n", 3, "-s", 8, *family, "-o", "set").returncode == 0
    with (tmp_path / "set" / name).open("r+b") as file:
        file.truncate(1 << 30)  # a sparse file
    for command in (("verify", "set"), ("status", "set"), ("repair", "set")):
        done = run(*command)
        assert done.returncode in (0, 1, 3), (command, done.stderr)
        assert "Traceback" not in done.stderr
        peak = int(done.stdout.rpartition(" ")[2])
        assert peak < 200 << 10, (command, peak)


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(("generate", "-n", "3", "-s", "8", "-o", "set")) == 0
    plan = tmp_path / "set/pixelgen.json"
    members = json.loads(plan.read_text())
    for name, value in (
        ("encoder", "\x1b[2J\x1b]0;title\x07"),
        ("job", members["job"] | {"family": "\x1b[31mred\u202e"}),
        ("\x1b[2J", 1),
    ):
        plan.write_bytes(plan_text(members | {name: value}))
        for command in COMMANDS.values():
            main([*map(str, command)])
            said = capfd.readouterr()
            assert not {"\x1b", "\x07", "\u202e"} & {*said.out, *said.err}, command


@pytest.mark.parametrize("sha256", ["\\u0014", 'x","index":7,"y":"', "0" * 63, "\\n", "0" * 65])
def test_a_row_with_an_invalid_checksum_is_damaged(sha256: str, run: Run, tmp_path: Path) -> None:
    made = run("generate", "-n", 3, "-s", 8, "-o", "set", "--layout", "files,coco,csv,yolo")
    assert made.returncode == 0
    manifest = tmp_path / "set/metadata.jsonl"
    whole = manifest.read_text()
    first, *others = whole.splitlines(keepends=True)
    row = json.loads(first)
    spelled = sha256 if sha256.startswith("\\") else json.dumps(sha256)[1:-1]
    manifest.write_text("".join([first.replace(row["sha256"], spelled), *others]))
    done = run("verify", "set")

    assert done.returncode == 3
    assert re.fullmatch(r"metadata\.jsonl: .*\b0\b.*\n", done.stdout)
    assert run("repair", "set").returncode == 0
    assert manifest.read_text() == whole


@pytest.mark.cli
@pytest.mark.slow
def test_verify_of_a_hostile_dataset_is_safe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.hostile", "300"], check=False, capture_output=True,
        text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "cases 300, codes" in done.stderr
