"""The web page in a real browser: what it shows is what its commands make."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.command import COMMAND
from tests.support.faults import wait_for
from tests.support.serving import TIMEOUT, Server, serving

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

pytestmark = pytest.mark.browser

HOSTILE = "\"'`$(touch x)<script>document.title='x'</script>\\"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1200,900",
)  # fmt: skip
SHOWN = """
const done = arguments[0], image = document.getElementById("image"), reader = new FileReader();
reader.onload = () => done([reader.result, image.naturalWidth, image.naturalHeight]);
image.decode().then(() => reader.readAsDataURL(window.given));
"""
WATCH = """
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { window.given = blob; return make.call(URL, blob); };
"""


class Page:
    """The page of a server in a browser."""

    def __init__(self, browser: Any, server: Server, folder: Path) -> None:
        self.browser, self.server, self.folder = browser, server, folder
        folder.mkdir()
        self.origin = f"http://127.0.0.1:{server.port}/"
        self.requested: list[str] = []
        for kind in ("browser", "performance"):
            browser.get_log(kind)  # of the pages before
        browser.get(self.origin)

    def until(self, is_so: Callable[[], object]) -> None:
        assert wait_for(lambda: bool(is_so()), TIMEOUT)

    def text(self, name: str) -> str:
        return str(self.browser.find_element("id", name).get_property("textContent"))

    def type(self, **fields: object) -> None:
        """Change fields as a person does, and wait until the page has updated."""
        before = self.text("curl")
        for name, value in fields.items():
            field = self.browser.find_element("name", name)
            if field.tag_name != "select":
                field.clear()
            field.send_keys(str(value))
        turn = self.finished_turn()
        self.until(lambda: self.text("curl") != before and self.finished_turn() >= turn)

    def finished_turn(self) -> int:
        """Return the number of requests of the page, once none is pending."""
        self.until(lambda: self.browser.execute_script("return timer === 0 && finished === latest"))
        return int(self.browser.execute_script("return latest"))

    def shown(self) -> tuple[bytes, int, int]:
        """Return the file that the image shows, and its sides as the browser sees them."""
        data, width, height = self.browser.execute_async_script(SHOWN)
        return base64.b64decode(data.partition(",")[2]), width, height

    def made(self, name: str, **environment: str) -> bytes:
        """Run a command as it is shown, and return the file that it makes."""
        for old in self.folder.iterdir():
            old.unlink()
        path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
        subprocess.run(
            ["bash", "-ec", self.text(name)], check=True, cwd=self.folder, stderr=subprocess.PIPE,
            env=os.environ | {"PATH": path} | environment,
        )  # fmt: skip
        (file,) = self.folder.iterdir()
        return file.read_bytes()

    def urls(self) -> list[str]:
        """Return the URLs that the browser requested, for the page or by itself."""
        for entry in self.browser.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self.requested.append(event["params"]["request"]["url"])
        return self.requested

    def check_logs(self) -> None:
        """Fail for errors in the browser's log, and for a request to another host."""
        refusal = f"{self.origin}pixelgenerate?"  # the log has answers of 400 and more as errors
        messages = [str(entry["message"]) for entry in self.browser.get_log("browser")]
        assert [each for each in messages if not each.startswith(refusal)] == []
        here = (self.origin, f"blob:{self.origin}", "data:", "chrome://")  # its own first page
        assert [each for each in self.urls() if not each.startswith(here)] == []


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    browser.set_script_timeout(TIMEOUT)
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    yield browser
    browser.quit()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Page]:
    with serving(tmp_path) as server:
        page = Page(browser, server, tmp_path / "made")
        page.finished_turn()
        yield page
        page.check_logs()


def test_both_commands_make_the_shown_image(page: Page) -> None:
    for fields in (
        {"width": 48, "height": 32, "noise": "perlin", "seed": 7},
        {"color": "gray50", "export": "bmp", "noise": "stripes"},
        {"color": "#cef48e", "density": 0.25, "export": "webp", "seed": "0xff"},
    ):
        page.type(**fields)
        shown, *sides = page.shown()

        assert sides == [48, 32]
        assert f"--family {fields.get('noise', 'stripes')}" in page.text("command")
        assert shown == page.made("command") == page.made("curl")


def test_error_of_the_server_is_shown(page: Page) -> None:
    page.type(color="reddish")
    refused = page.server.get(width=5, color="reddish")

    assert refused.json["error"] in page.text("message")
    assert page.text("command") == ""
    assert not page.browser.find_element("id", "image").is_displayed()
    page.type(color="red")
    assert " bytes in " in page.text("message")


def test_response_without_json_is_reported_by_its_status(page: Page) -> None:
    page.browser.execute_script("form.elements.color.value = 'x'.repeat(70000); update()")
    page.finished_turn()

    assert re.search(r"\b4\d\d\b", page.text("message"))
    assert page.text("command") == ""


def test_hostile_input_runs_neither_in_the_page_nor_in_a_command(page: Page) -> None:
    page.type(color=HOSTILE, seed=HOSTILE)

    assert "seed" in page.text("message")
    assert "<script>" in page.text("message")  # as text, not as an element
    assert page.browser.title == "pixelgen"
    assert b'"status": 400' in page.made("curl")


def test_every_control_has_a_name_and_works_from_the_keyboard(page: Page) -> None:
    controls = page.browser.find_elements("css selector", "input, select, button")
    assert [each.accessible_name.strip() for each in controls] == [
        "Width", "Height", "Noise", "Color", "Pick a color", "Density", "Export", "Seed",
        "Another seed", "Key",
    ]  # fmt: skip
    before = page.shown()
    page.browser.find_element("id", "another").send_keys("\n")
    page.finished_turn()
    assert page.shown() != before
    assert page.shown()[0] == page.made("command") == page.made("curl")


def test_color_picker_and_text_agree(page: Page) -> None:
    page.type(color="#A1b2C3")
    assert page.browser.find_element("id", "picker").get_property("value") == "#a1b2c3"
    page.browser.execute_script(
        "picker.value = '#010203'; picker.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.finished_turn()
    assert "color=%23010203&" in page.text("curl")


def test_page_loads_nothing_from_other_hosts(page: Page) -> None:
    assert any(each.startswith(f"{page.origin}pixelgenerate?") for each in page.urls())
    policy = page.server.send("GET", "/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_key_is_required_and_appears_in_no_url(browser: Any, tmp_path: Path) -> None:
    with serving(tmp_path, PIXELGEN_SERVE_KEY="geheim") as server:
        page = Page(browser, server, tmp_path / "made")
        page.finished_turn()
        assert "Missing/Invalid PixLab API Key" in page.text("message")
        field = browser.find_element("id", "key")
        field.clear()
        field.send_keys("geheim")
        page.until(lambda: " bytes in " in page.text("message"))
        assert "geheim" not in page.text("curl") + page.text("command")
        assert page.shown()[0] == page.made("curl", PIXLAB_API_KEY="geheim")
        assert "geheim" not in " ".join(page.urls())
        page.check_logs()


class Blank(BaseHTTPRequestHandler):
    """A page of another origin, with nothing on it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html>")

    def log_request(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def other_origin() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


ASK = """
const [base, done] = arguments;
const ask = (path, options) => fetch(base + path, options)
  .then(async (reply) => [reply.status, (await reply.blob()).type, reply.headers.has("x-pixelgen-job")])
  .catch((error) => error.name);
const show = (path) => new Promise((settle) => {
  const image = new Image();
  image.onload = () => settle("shown");
  image.onerror = () => settle("not shown");
  image.src = base + path;
});
(async () => done([
  await ask("/pixelgenerate?width=8&blob=1&key=x"),
  await ask("/pixelgenerate", {method: "POST", headers: {"Content-Type": "application/json",
    "WWW-Authenticate": "x"}, body: JSON.stringify({width: 8, blob: true})}),
  await ask("/pixelgenerate?width=8&blob=1&key=x", {mode: "no-cors"}),
  await show("/pixelgenerate?width=8&blob=1&key=x"),
]))();
"""  # noqa: E501


def test_page_of_another_origin_gets_nothing_unless_allowed(
    browser: Any, tmp_path: Path, other_origin: str
) -> None:
    image = [200, "image/png", True]
    for allowed in (False, True):
        options = ("--allow-origin", other_origin) if allowed else ()
        with serving(tmp_path, *options) as server:
            browser.get(other_origin)
            got = browser.execute_async_script(ASK, f"http://127.0.0.1:{server.port}")
        hidden = [0, "", False]  # what a page sees of a response without CORS
        assert got == [*([image, image] if allowed else ["TypeError"] * 2), hidden, "not shown"]
        statuses = [line.split()[3] for line in server.log.read_text().splitlines()]
        assert statuses.count("403") == (2 if allowed else 4), statuses
        assert statuses.count("200") == (3 if allowed else 0), statuses
