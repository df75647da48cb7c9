"""What the server returns: PixLab's contract, and clients in other languages."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from pixelgen.job import Job
from pixelgen.pixlab.server.app import create_app
from pixelgen.pixlab.server.config import ServerConfig
from tests.support.command import Run
from tests.support.serving import KEY, TIMEOUT, Server

pytest.importorskip("granian", reason="granian is not installed")


def test_response_has_the_fields_of_pixlab_and_a_link_to_the_image(
    server: Server,
) -> None:
    reply = server.get(width=30, height=20)
    payload = reply.json

    assert list(payload) == ["status", "link", "ssl_link", "id"]
    assert payload["link"] == payload["ssl_link"]
    assert payload["link"] == f"http://127.0.0.1:{server.port}/media/{payload['id']}"
    assert re.fullmatch(r"24p[0-9a-f]{32}\.png", payload["id"])
    for path in (f"/media/{payload['id']}", f"/{payload['id']}"):
        found = server.send("GET", path)
        assert found.headers["content-type"] == "image/png"
        assert found.image.size == (30, 20)


def test_json_type_has_no_charset_and_nothing_is_cached(server: Server) -> None:
    for reply in (server.get(width=3), server.get(), server.send("GET", "/status")):
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["content-length"] == str(len(reply.body))
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_same_seed_gives_the_bytes_of_the_generator(server: Server) -> None:
    fields = {"seed": "0x5", "noise": "gaussian:sigma=20", "color": "red"}
    replies = [server.get(width=40, height=30, blob=1, **fields).body for _ in range(2)]
    job = Job.parse(count=1, width=40, height=30, seed=5, family="gaussian:sigma=20", mode="RGB")

    assert replies[0] == replies[1] == bytes(job.maker()(0))


def test_requests_with_other_seeds_get_other_images(
    server: Server,
) -> None:
    for seed in (1, 2, 1):
        job = Job.parse(count=1, width=40, height=40, seed=seed, mode="RGBA")
        assert server.blob(width=40, seed=seed).tobytes() == job.render(0).tobytes()


def test_without_a_seed_no_two_images_are_the_same(server: Server) -> None:
    assert server.get(width=9, blob=1).body != server.get(width=9, blob=1).body


def test_a_density_lets_the_color_show(server: Server) -> None:
    drawn = np.asarray(server.blob(width=100, color="#cef48e", density=0.25, seed=1))
    share = (drawn == (0xCE, 0xF4, 0x8E)).all(axis=2).mean()

    assert abs(share - 0.75) < 0.02


@pytest.mark.parametrize(
    ("color", "mode"),
    [("", "RGBA"), ("tr", "RGBA"), ("none", "RGBA"), ("TRANSPARENT", "RGBA"), ("gray", "L"),
     ("grey50", "L"), ("red", "RGB"), ("cef48e", "RGB"), ("#cef48e", "RGB"), ("white", "RGB")],
)  # fmt: skip
def test_color_decides_the_mode_of_random_pixels(server: Server, color: str, mode: str) -> None:
    image = server.blob(width=64, color=color)

    assert image.mode == mode
    if mode == "RGBA":
        assert image.getchannel("A").getextrema() == (255, 255)
    levels = np.asarray(image.convert("L") if mode == "L" else image.convert("RGB"))
    assert abs(float(levels.mean()) - 127.5) < 6


@pytest.mark.parametrize(
    ("export", "kind"),
    [("", "PNG"), ("png", "PNG"), ("JPEG", "JPEG"), ("jpg", "JPEG"), ("Bmp", "BMP"),
     ("tif", "TIFF"), ("gif", "GIF"), ("webp", "WEBP")],
)  # fmt: skip
def test_every_export_opens_and_has_its_content_type(
    server: Server, export: str, kind: str
) -> None:
    for color in ("tr", "gray", "blue"):
        reply = server.get(width=20, export=export, color=color, blob="True")
        assert reply.headers["content-type"] == f"image/{kind.lower()}"
        assert (reply.image.format, reply.image.size) == (kind, (20, 20))


def test_a_new_image_is_of_one_color(server: Server) -> None:
    assert server.blob("/newimage", width=5).getcolors() == [(25, 128)]
    assert server.blob("/newimage", width=5, color="#010203").getcolors() == [(25, (1, 2, 3))]
    assert server.blob("/newimage", height=5, color="tr").getcolors() == [(25, (0, 0, 0, 0))]


def test_one_side_is_enough_and_unknown_or_empty_parameters_are_ignored(
    server: Server,
) -> None:
    assert server.blob(width=7).size == server.blob(height=7).size == (7, 7)
    assert server.blob(width=7, height="", color="", export="", seed="", img="x").size == (7, 7)


def multipart(fields: dict[str, object]) -> bytes:
    return b"".join(
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ) + b"--B--\r\n"  # fmt: skip


POSTS: dict[str, Callable[[dict[str, object]], bytes]] = {
    "application/json": lambda fields: json.dumps(fields).encode(),
    "application/json; charset=utf-8": lambda fields: json.dumps(fields).encode(),
    "application/x-www-form-urlencoded": lambda fields: urlencode(fields).encode(),
    "multipart/form-data; boundary=B": multipart,
}


@pytest.mark.parametrize("kind", POSTS)
@pytest.mark.parametrize("path", ["/pixelgenerate", "/pixelgenerate?"])
def test_post_body_is_read_in_every_content_type(server: Server, path: str, kind: str) -> None:
    body = POSTS[kind](KEY | {"width": 12, "height": 8, "blob": True, "export": "BMP"})
    reply = server.send("POST", path, body, content_type=kind)

    assert (reply.image.format, reply.image.size) == ("BMP", (12, 8))


def test_json_sent_as_a_form_is_read(server: Server) -> None:
    body = json.dumps(KEY | {"width": 6}).encode()
    kind = "application/x-www-form-urlencoded"

    assert server.send("POST", "/pixelgenerate", body, content_type=kind).json["id"]


def test_a_head_is_answered_without_a_body(server: Server) -> None:
    reply = server.send("HEAD", f"/pixelgenerate?width=9&blob=1&{urlencode(KEY)}")

    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) > 9 * 9 * 3


@pytest.mark.parametrize("blob", ["", "true"])
@pytest.mark.parametrize(
    ("status", "fields", "named"),
    [(400, {}, "width height"), (400, {"width": "wide"}, "width wide"),
     (400, {"width": 0}, "width 0"), (400, {"width": -1}, "width -1"),
     (400, {"width": "１"}, "width １"), (400, {"width": 10**9}, "width 1000000000"),
     (400, {"width": 16000, "height": 16000}, "16000x16000 16,777,216"),
     (400, {"width": 5, "color": "reddish"}, "color reddish"),
     (400, {"width": 5, "color": "#ggg"}, "color #ggg"),
     (400, {"width": 5, "noise": "nix"}, "nix"), (400, {"width": 5, "noise": "os.path"}, "os.path"),
     (400, {"width": 5, "noise": "patch_shuffle:source=.."}, "files server"),
     (400, {"width": 5, "density": 2}, "density 2.0"),
     (400, {"width": 5, "density": "nan"}, "density nan"),
     (400, {"width": 5, "seed": "zz"}, "seed zz"),
     (400, {"width": 5, "density": 0.5, "export": "jpeg"}, "jpeg alpha"),
     (415, {"width": 5, "export": "pdf"}, "export pdf png jpeg"),
     (401, {"width": 5, "key": ""}, "Missing/Invalid PixLab API Key")],
)  # fmt: skip
def test_invalid_parameters_are_refused_in_json(
    server: Server, status: int, fields: dict[str, object], named: str, blob: str
) -> None:
    reply = server.get(blob=blob, **fields)
    error = reply.json["error"]

    assert reply.status == status
    assert [word for word in named.split() if word not in error] == []
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/pixelgenerate/", 404), ("GET", "/media/../etc/passwd", 404),
     ("GET", "/media/24p00.png", 404), ("DELETE", "/pixelgenerate", 405), ("PUT", "/newimage", 405),
     ("OPTIONS", "/pixelgenerate", 405), ("POST", "/status", 405),
     ("GET", "/pixelgenerate?width=5&width=6&key=x", 400),
     ("GET", "/pixelgenerate?" + "&".join(f"a{n}=1" for n in range(30)), 400),
     ("GET", "/pixelgenerate?width=%FF%00&key=x", 400),
     ("GET", "/pixelgenerate?width=5&blob=maybe&key=x", 400)],
)  # fmt: skip
def test_unknown_paths_and_wrong_methods_have_their_status(
    server: Server, method: str, path: str, status: int
) -> None:
    reply = server.send(method, path)

    assert reply.json["status"] == status
    assert ("allow" in reply.headers) == (status == 405)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"1", b"[" * 60_000, b'{"width": {"a": 1}, "key": "x"}', b"\xff\xfe",
     b"x" * 70_000, json.dumps({f"a{n}": 1 for n in range(30)}).encode(),
     b'{"width": 1e999, "key": "x"}', b'{"width": 8, "key": "\\ud800"}',
     b'{"width": [8], "key": "x"}', b'{"width": 8, "width": 9, "key": "x"}'],
)  # fmt: skip
def test_invalid_body_is_refused(server: Server, body: bytes) -> None:
    reply = server.send("POST", "/pixelgenerate", body, content_type="application/json")

    assert reply.json["status"] == 400


# Clients in other languages


CLIENTS = {
    "python3": """
import os, requests
base = os.environ["BASE"]
reply = requests.get(base + "/pixelgenerate", params={"width": 32, "height": 24, "color": "tr",
                     "export": "JPEG", "key": "My_PixLab_Key_1"}).json()
if reply["status"] != 200:
    raise SystemExit(reply["error"])
open("link", "wb").write(requests.get(reply["link"]).content)
reply = requests.post(base + "/pixelgenerate?", json={"width": 32, "height": 24, "blob": True,
                      "key": "My_PixLab_Key_1"})
if reply.headers["Content-Type"] == "application/json":
    raise SystemExit(reply.json()["error"])
open("blob", "wb").write(reply.content)
""",
    "node": """
const fs = require("fs"), base = process.env.BASE, key = "My_PixLab_Key_1";
(async () => {
  const query = new URLSearchParams({width: 32, height: 24, color: "#cef48e", key});
  const reply = await (await fetch(`${base}/pixelgenerate?${query}`)).json();
  if (reply.status !== 200) throw new Error(reply.error);
  fs.writeFileSync("link", Buffer.from(await (await fetch(reply.ssl_link)).arrayBuffer()));
  const blob = await fetch(`${base}/pixelgenerate?width=32&height=24&blob=true`,
                           {headers: {"WWW-Authenticate": key}});
  if (blob.headers.get("content-type") === "application/json") throw new Error(await blob.text());
  fs.writeFileSync("blob", Buffer.from(await blob.arrayBuffer()));
})();
""",
    "php": """<?php
function ask($url, $body = null) {
    $curl = curl_init($url);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    if ($body !== null) curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
    $reply = curl_exec($curl);
    return [$reply, curl_getinfo($curl, CURLINFO_CONTENT_TYPE)];
}
$base = getenv("BASE");
[$text] = ask("$base/pixelgenerate?width=32&height=24&key=My_PixLab_Key_1");
$reply = json_decode($text);
if ($reply->status !== 200) { fwrite(STDERR, $reply->error); exit(1); }
file_put_contents("link", ask($reply->link)[0]);
[$image, $type] = ask("$base/pixelgenerate", ["width" => 32, "height" => 24, "blob" => "true",
                      "key" => "My_PixLab_Key_1"]);
if ($type === "application/json") { fwrite(STDERR, $image); exit(1); }
file_put_contents("blob", $image);
""",
    "ruby": """
require "net/http"; require "json"
base = ENV["BASE"]
form = {width: 32, height: 24, key: "My_PixLab_Key_1"}
reply = JSON.parse(Net::HTTP.get(URI("#{base}/pixelgenerate?#{URI.encode_www_form(form)}")))
abort reply["error"] unless reply["status"] == 200
File.binwrite("link", Net::HTTP.get(URI(reply["link"])))
blob = Net::HTTP.post_form(URI("#{base}/pixelgenerate"), form.merge(blob: 1))
abort blob.body if blob["Content-Type"] == "application/json"
File.binwrite("blob", blob.body)
""",
}


@pytest.mark.parametrize("language", CLIENTS)
def test_pixlab_clients_work_unchanged(server: Server, tmp_path: Path, language: str) -> None:
    program = sys.executable if language == "python3" else shutil.which(language)
    if program is None:
        pytest.skip(f"{language} is not installed")
    if language == "python3":
        pytest.importorskip("requests", reason="requests is not installed")
    (tmp_path / "client").write_text(CLIENTS[language])
    done = subprocess.run(
        [program, "client"], check=False, cwd=tmp_path, capture_output=True, text=True,
        timeout=TIMEOUT, env=os.environ | {"BASE": f"http://127.0.0.1:{server.port}"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    for name in ("link", "blob"):
        with Image.open(tmp_path / name) as image:
            assert image.size == (32, 24)


def test_server_is_not_imported_by_other_commands(run: Run) -> None:
    done = run("--version", PYTHONPROFILEIMPORTTIME="1")
    loaded = re.findall(r"\|\s+(\S+)$", done.stderr, re.MULTILINE)

    assert not {"granian", "asyncio", "email", "http.client", "numpy"} & set(loaded)


def test_image_is_the_same_from_any_asgi_server(server: Server) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/pixelgenerate",
        "headers": [(b"host", b"localhost")], "query_string": b"width=9&seed=3&blob=1&key=x",
    }  # fmt: skip
    asyncio.run(create_app(ServerConfig())(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)

    assert (
        hashlib.sha256(body).digest()
        == hashlib.sha256(server.get(width=9, seed=3, blob=1).body).digest()
    )
