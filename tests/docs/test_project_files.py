"""The files that hosts and tools read: the citation, the hooks of pre-commit, the issue forms."""

import re
from pathlib import Path
from typing import Any

import pytest

import pixelgen
from tests.support.command import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*_*.yml"))


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_citation_names_the_version_and_the_authors() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "type", "version", "license", "authors"} <= citation.keys()
    assert citation["title"] == "pixelgen"
    assert citation["version"] == pixelgen.__version__
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith(f"{citation['license']} License")
    assert all(author["name"] in licence for author in citation["authors"])


def test_the_hooks_run_the_commands_of_the_checks() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    checks = re.findall(r"^check \.venv/bin/((?:ruff|mypy).*)$", script, re.MULTILINE)
    (local,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == checks
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False


@pytest.mark.parametrize("path", FORMS, ids=lambda path: str(path.stem))
def test_an_issue_form_has_fields_with_labels_of_their_own(path: Path) -> None:
    form = read(path)
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in form["body"])
    assert "command" in ids


def test_a_bug_report_asks_for_the_version() -> None:
    text = (ROOT / ".github/ISSUE_TEMPLATE/bug_report.yml").read_text(encoding="utf-8")
    assert "pixelgen --version" in text
