"""The documentation site: every page is in its contents, and every link leads somewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import pixelgen
from pixelgen.cli import cli
from pixelgen.families.presets import PRESETS
from tests.support.command import ROOT
from tests.support.pages import PAGES

DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST name them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [link for link in LINK.findall(text) if "://" not in link]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_contents() -> None:
    contents = re.findall(r"```\{toctree\}.*?```", (DOCS / "index.md").read_text(), re.S)
    named = {
        line for block in contents for line in block.splitlines() if re.fullmatch(r"[\w-]+", line)
    }
    assert named == {page.stem for page in DOCS.glob("*.md")} - {"index"}


def test_the_readme_links_to_the_pages() -> None:
    linked = {Path(link).stem for link in links(ROOT / "README.md") if link.startswith("docs/")}
    others = {"index", "contributing", "changelog"}
    assert {page.stem for page in DOCS.glob("*.md")} - linked == others


def test_the_command_reference_names_every_command() -> None:
    named = re.search(r":commands: (.+)", (DOCS / "cli.md").read_text(encoding="utf-8"))
    assert named
    assert named[1].split(", ") == cli.list_commands(click.Context(cli))


@pytest.mark.parametrize(
    ("page", "commands"),
    [("cli.md", ["pixelgen generate --help"]), ("api.md", ["python -m pydoc pixelgen"])],
)
def test_a_generated_page_says_how_to_read_it_in_a_checkout(page: str, commands: list[str]) -> None:
    first_screen = "\n".join((DOCS / page).read_text(encoding="utf-8").splitlines()[:12])
    for command in (*commands, "pip install -e '.[docs]'", "sphinx-build -W docs docs/_build"):
        assert f"`{command}`" in first_screen


@pytest.mark.cli
@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    missing = [name for name in ("sphinx", "myst_parser", "furo", "sphinx_click")
               if not importlib.util.find_spec(name)]  # fmt: skip
    if missing:
        pytest.skip(f"the extra 'docs' is not installed: {', '.join(missing)}")
    argv = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-d",
        str(tmp_path / "trees"),
    ]
    done = subprocess.run(
        [*argv, str(DOCS), str(tmp_path / "site")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pictures = {each.stem for each in (tmp_path / "site/_images").glob("family-*.png")}
    assert pictures == {f"family-{name}" for name in pixelgen.families()}
    reference = (tmp_path / "site/api.html").read_text(encoding="utf-8")
    assert {"families", "formats", "layouts"} <= set(
        re.findall('id="pixelgen.([a-z]+)"', reference)
    )
    page = (tmp_path / "site/families.html").read_text(encoding="utf-8")
    entries = {name.replace("_", "-") for name in pixelgen.families()}
    assert entries <= set(re.findall(r'<section id="([^"]+)"', page))
    assert entries <= set(re.findall(r'href="#([^"]+)"', page))
    assert all(preset.origin.partition(",")[0] in page for preset in PRESETS.values())
