"""What is recorded of a search: the same however it came about, and never what cannot be read."""

from dataclasses import dataclass
from pathlib import Path

import pytest

import pixelgen
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from pixelgen.errors import PixelgenError
from pixelgen.scoring.base import Score, Scorer
from tests.support.mined import RULES, Brightness, candidates

SERIAL = RunConfig(Serial())


@dataclass(frozen=True)
class Named(Brightness):
    """Takes all that is bright for objects of one class."""

    predicted: str = ""

    def open(self) -> Scorer:
        score = super().open()
        return lambda images: [Score(each.value, self.predicted) for each in score(images)]


def test_names_of_classes_are_recorded_as_they_are(tmp_path: Path) -> None:
    for number, name in enumerate(("", "é" * 1000, 'a\ud800\n\x00"b\\')):
        out = tmp_path / str(number)
        pixelgen.mine(candidates(), Named(predicted=name), out, RULES, run=SERIAL)
        assert pixelgen.verify(out, deep=True, run=SERIAL).damage == []
        assert {row["predicted"] for row in pixelgen.load(out).rows} == {name}


def test_a_name_that_no_manifest_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PixelgenError, match=r"of 1,001 characters: must be at most 1,000"):
        pixelgen.mine(candidates(), Named(predicted="é" * 1001), tmp_path, RULES, run=SERIAL)
    assert [path.name for path in tmp_path.iterdir()] == [".pixelgen.search"]
