"""Plain words: phrases that readers stumbled over appear nowhere that a user reads."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from tokenize import COMMENT, tokenize

import click
import pytest

import pixelgen
from pixelgen.cli import cli
from tests.support.command import ROOT
from tests.support.pages import PAGES

PACKAGE = Path(pixelgen.__file__).parent
ODD = re.compile(
    r"\b(?:gone? on with|goes on|going on|hangs? on|in the making|is no (?!longer|coarser)|is none"
    r"|is about|[Tt]ells?|told|(?:to be|is|be) had|leaves? (?:it|them|that) out|left out|at work)\b"
)
ALLOWED = {
    "each has a row that tells what it": "a sentence in the dataset card, whose bytes are promised",
}
DOCUMENTS = [*PAGES, ROOT / "CHANGELOG.md"]


def odd_phrases(text: str) -> list[str]:
    """Return each odd phrase with the words around it."""
    return [text[max(0, f.start() - 30) : f.end() + 20] for f in ODD.finditer(text)]


def prose(page: Path) -> str:
    """Return the text of a page without its code and its quotations."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`|\"[^\"\n]*\"", "", text)


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_a_page_has_no_odd_phrase(page: Path) -> None:
    assert odd_phrases(prose(page)) == []


@pytest.mark.parametrize("name", ["", *cli.list_commands(click.Context(cli))])
def test_the_help_of_a_command_has_no_odd_phrase(name: str) -> None:
    command = cli.get_command(click.Context(cli), name) if name else cli
    assert command
    with command.make_context(name, [], resilient_parsing=True) as context:
        assert odd_phrases(command.get_help(context)) == []


def strings(path: Path) -> Iterator[str]:
    """Yield the strings of a module, and its comments."""
    with path.open("rb") as file:
        yield from (each.string for each in tokenize(file.readline) if each.type == COMMENT)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.stem))
def test_a_module_has_no_odd_phrase_in_its_texts(path: Path) -> None:
    found = [odd for text in strings(path) for odd in odd_phrases(text)]
    assert [odd for odd in found if not any(each in odd for each in ALLOWED)] == []


def test_odd_phrases_are_found() -> None:
    assert (
        len(odd_phrases("the run is gone on with, as told; it is about a set in the making")) == 4
    )
    assert odd_phrases("there is no longer a file; a telltale") == []
