"""The page for people, in a real browser: what it shows is what its lines make."""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COMMAND
from tests.test_serve import Server, serving

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

HOSTILE = "\"'`$(touch x)<script>document.title='x'</script>\\"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1200,900",
)  # fmt: skip
NAMES = "arguments[0](performance.getEntriesByType('resource').map((entry) => entry.name))"
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
        browser.get(f"http://127.0.0.1:{server.port}/")
        browser.execute_script(WATCH)

    def until(self, is_so: Callable[[], object]) -> None:
        WebDriverWait(self.browser, 20, 0.1).until(lambda _: is_so())

    def text(self, name: str) -> str:
        return str(self.browser.find_element("id", name).get_property("textContent"))

    def type(self, **fields: object) -> None:
        """Change fields as a person does, and wait until the page has heard of it."""
        before = self.text("curl")
        for name, value in fields.items():
            field = self.browser.find_element("name", name)
            if field.tag_name != "select":
                field.clear()
            field.send_keys(str(value))
        turn = self.settled_turn()
        self.until(lambda: self.text("curl") != before and self.settled_turn() >= turn)

    def settled_turn(self) -> int:
        """Return how often the page has asked, once it waits for nothing."""
        self.until(lambda: self.browser.execute_script("return timer === 0 && settled === latest"))
        return int(self.browser.execute_script("return latest"))

    def shown(self) -> tuple[bytes, int, int]:
        """Return the file that the image shows, and its sides as the browser sees them."""
        data, width, height = self.browser.execute_async_script(SHOWN)
        return base64.b64decode(data.partition(",")[2]), width, height

    def made(self, name: str) -> bytes:
        """Run a line as it is shown and return the file that it makes."""
        for old in self.folder.iterdir():
            old.unlink()
        path = f"{Path(COMMAND).parent}:{os.environ['PATH']}"
        subprocess.run(
            ["bash", "-ec", self.text(name)], check=True, cwd=self.folder, stderr=subprocess.PIPE,
            env=os.environ | {"PATH": path},
        )  # fmt: skip
        (file,) = self.folder.iterdir()
        return file.read_bytes()

    def names(self) -> list[str]:
        """Return the addresses that the page asked for."""
        return [str(name) for name in self.browser.execute_async_script(NAMES)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    browser.set_script_timeout(20)
    yield browser
    browser.quit()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Page]:
    with serving(tmp_path) as server:
        page = Page(browser, server, tmp_path / "made")
        page.settled_turn()
        yield page
    entries = browser.get_log("browser")  # those of the network are answers that are errors
    assert [each["message"] for each in entries if each["source"] != "network"] == []


def test_the_picture_is_the_one_that_both_lines_make(page: Page) -> None:
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


def test_what_the_server_refuses_is_shown_in_its_words(page: Page) -> None:
    page.type(color="reddish")

    assert "unknown color" in page.text("told")
    assert page.text("command") == ""
    assert not page.browser.find_element("id", "image").is_displayed()
    page.type(color="red")
    assert " bytes in " in page.text("told")


def test_hostile_words_run_neither_in_the_page_nor_in_a_line(page: Page) -> None:
    page.type(color=HOSTILE, seed=HOSTILE)

    assert "unknown color" in page.text("told")
    assert page.browser.title == "pixelgen"
    assert b'"status": 400' in page.made("curl")


def test_nothing_comes_from_elsewhere(page: Page) -> None:
    names = page.names()

    assert names
    assert all(name.startswith(f"http://127.0.0.1:{page.server.port}/") for name in names)
    policy = page.server.send("GET", "/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_key_is_asked_for_and_goes_into_no_address(browser: Any, tmp_path: Path) -> None:
    with serving(tmp_path, PIXELGEN_SERVE_KEY="geheim") as server:
        page = Page(browser, server, tmp_path / "made")
        page.settled_turn()
        assert "Missing/Invalid PixLab API Key" in page.text("told")
        field = browser.find_element("id", "key")
        field.clear()
        field.send_keys("geheim")
        page.until(lambda: " bytes in " in page.text("told"))
        assert "geheim" not in page.text("curl") + page.text("command")
        assert "geheim" not in " ".join(page.names())
