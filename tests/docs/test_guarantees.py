"""The page of guarantees: each is numbered in order, and names tests that exist."""

import re

import pytest

from tests.support.command import ROOT

TEXT = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
NAMED = r"`([\w/]+\.py::\w+)`"


@pytest.mark.parametrize("named", re.findall(NAMED, TEXT))
def test_every_guarantee_names_an_existing_test(named: str) -> None:
    file, _, name = named.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_the_guarantees_are_numbered_and_each_names_a_test() -> None:
    sections = re.split(r"^#{2,3} ", TEXT, flags=re.MULTILINE)
    guarantees = [section for section in sections if re.match(r"\d+\. ", section)]
    assert [int(each.partition(".")[0]) for each in guarantees] == [*range(1, 17)]
    assert all(re.search(NAMED, each) for each in guarantees)
