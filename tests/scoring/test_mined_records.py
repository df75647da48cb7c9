"""What is recorded of a search: the same however it came about, and never what cannot be read."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import pixelgen
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from pixelgen.errors import PixelgenError
from pixelgen.job import Job
from pixelgen.scoring.base import Score, Scorer
from tests.support.mined import RULES, Brightness, candidates, contents

SERIAL = RunConfig(Serial())


@dataclass(frozen=True)
class Named(Brightness):
    """Takes all that is bright for objects of one class."""

    predicted: str = ""

    def open(self) -> Scorer:
        score = super().open()
        return lambda images: [Score(each.value, self.predicted) for each in score(images)]


@pytest.fixture
def own(tmp_path: Path) -> Job:
    """Crops of images of the user's own, beside other candidates."""
    pixelgen.generate(candidates(4, size=64), tmp_path / "photos", run=SERIAL)
    families = ["smooth", f"crop:source={tmp_path}/photos/images"]
    return candidates(family=families).scan_sources()


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


def test_images_of_the_users_own_are_excluded_alike_by_a_search_and_a_selection(
    own: Job, tmp_path: Path
) -> None:
    rules = replace(RULES, own_limit=0.55)
    _, choice = pixelgen.mine(own, Brightness(), tmp_path / "mined", rules, run=SERIAL)
    assert choice.selected.is_full
    pixelgen.select(tmp_path / "mined").write(tmp_path / "again", SERIAL)
    assert contents(tmp_path / "again") == contents(tmp_path / "mined")


def test_a_selection_records_what_it_excludes_itself(own: Job, tmp_path: Path) -> None:
    low, high = replace(RULES, own_limit=0.52), replace(RULES, own_limit=0.6)
    pixelgen.mine(own, Brightness(), tmp_path / "low", low, run=SERIAL)
    pixelgen.mine(own, Brightness(), tmp_path / "high", high, run=SERIAL)
    pixelgen.select(tmp_path / "low", high).write(tmp_path / "out", SERIAL)
    records = [json.loads((tmp_path / out / "mining.json").read_text()) for out in ("out", "high")]
    one, other = (record["excluded"] for record in records)
    assert one == other != []
