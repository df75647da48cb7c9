"""Mined datasets in every layout: what is known of a candidate is in the rows of each."""

import json
from pathlib import Path

import pytest

import pixelgen
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from tests.support.faults import format_of, layouts
from tests.support.mined import RULES, Brightness, candidates, selection_rows

SERIAL = RunConfig(Serial())


@pytest.mark.parametrize("layout", layouts(8))
def test_every_layout_holds_what_was_mined(layout: str, tmp_path: Path) -> None:
    job = candidates(layout=layout, format=format_of(layout))
    pixelgen.mine(job, Brightness(), tmp_path, RULES, run=SERIAL)
    assert pixelgen.verify(tmp_path, deep=True, run=SERIAL).damage == []
    for row, image in zip(pixelgen.load(tmp_path).rows, selection_rows(tmp_path), strict=True):
        assert {name: row[name] for name in image} == image


def test_tables_have_truth_values(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra 'parquet' is not installed")
    for layout in ("files,croissant", "parquet:per_shard=20"):
        pixelgen.mine(candidates(layout=layout), Brightness(), tmp_path / layout, RULES, run=SERIAL)
    description = json.loads((tmp_path / "files,croissant/croissant.json").read_text())
    (field,) = [
        field
        for record in description["recordSet"]
        for field in record["field"]
        if field["name"] == "mined"
    ]
    assert field["dataType"] == "sc:Boolean"
    (file,) = (tmp_path / "parquet:per_shard=20").rglob("*.parquet")
    column = parquet.read_table(file)["mined"]
    assert str(column.type) == "bool"
    assert column.to_pylist() == [
        row["mined"] for row in pixelgen.load(tmp_path / "parquet:per_shard=20").rows
    ]
