"""The manifest in pandas and jq, its table, and what describes a set in YAML, XML and JSON-LD."""

import csv
import hashlib
import shutil
import subprocess
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from PIL import Image

from tests.loaders.conftest import COUNT, HEIGHT, SHARES, SPLIT, WIDTH, Made, Sets

VOC = "VOCdevkit/VOC2012"


def test_pandas_reads_the_manifest_of_any_layout_without_bending_a_value(made: Made) -> None:
    frame = pd.read_json(made.manifest, lines=True)

    assert frame.to_dict("records") == made.rows


@pytest.mark.cli
def test_jq_makes_the_sums_from_the_manifest(sets: Sets, options: tuple[str, ...]) -> None:
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("jq is not installed")
    made = sets("files", *options)
    program = r'"\(.sha256)  \(.file_name)"'
    lines = subprocess.run(
        [jq, "-r", program, made.manifest], check=True, capture_output=True
    ).stdout

    assert lines.count(b"\n") == COUNT
    assert lines in (made.root / "SHA256SUMS").read_bytes()


def test_pandas_reads_the_same_from_the_table(sets: Sets, options: tuple[str, ...]) -> None:
    made = sets("files", *options)
    frame = pd.read_csv(made.root / "manifest.csv")

    assert frame.to_dict("records") == made.rows
    assert list(frame.columns) == list(made.rows[0])


@pytest.mark.cli
def test_a_family_with_commas_stays_one_cell_of_the_table(sets: Sets) -> None:
    family = "perlin:res=3,threshold=0.4"
    made = sets("files,csv", "--family", family, "--color", "red")
    with (made.root / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert "," in rows[0]["generator"]
    assert rows == [{key: str(value) for key, value in row.items()} for row in made.rows]


def test_data_yaml_names_folders_that_are_there_and_no_path(sets: Sets) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    made = sets("files")
    data_yaml = yaml.safe_load(made.read("data.yaml"))

    assert data_yaml == {"train": "images", "val": "images", "names": {0: "object"}}
    assert len(list((made.root / data_yaml["train"]).iterdir())) == COUNT


def test_data_yaml_names_a_list_of_images_for_each_split(sets: Sets) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    made = sets("files", *SPLIT)
    data_yaml = yaml.safe_load(made.read("data.yaml"))

    assert list(data_yaml) == ["train", "val", "names"]
    assert data_yaml["names"] == {0: "bird"}
    for split, share in SHARES.items():
        paths = made.read(data_yaml[split]).splitlines()
        assert len(paths) == share
        assert [path.removeprefix("./") for path in paths] == [
            row["file_name"] for row in made.rows if row["split"] == split
        ]
        assert all(path.startswith("./images/") for path in paths)


@pytest.mark.cli
@pytest.mark.parametrize("name", ["007", "null", "yes", "1e3"])
def test_a_class_that_looks_like_a_number_or_a_truth_stays_a_name_in_data_yaml(
    sets: Sets, name: str
) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    made = sets("files,yolo", "-n", "1", "--class", name)

    assert yaml.safe_load(made.read("data.yaml"))["names"] == {0: name}


def test_every_annotation_of_voc_tells_its_image_and_no_object(
    sets: Sets, options: tuple[str, ...]
) -> None:
    made = sets("voc", *options)
    paths = sorted((made.root / VOC / "Annotations").iterdir())
    images = sorted((made.root / VOC / "JPEGImages").iterdir())

    assert [path.stem for path in paths] == [path.stem for path in images]
    assert len(paths) == COUNT
    for path, image in zip(paths, images, strict=True):
        root = ElementTree.parse(path).getroot()  # noqa: S314
        size = [root.findtext(f"size/{side}") for side in ("width", "height", "depth")]
        assert root.tag == "annotation"
        assert root.findtext("filename") == image.name
        assert size == [str(WIDTH), str(HEIGHT), "3"]
        assert root.findall("object") == []
        with Image.open(image) as found:
            assert (found.format, found.size) == ("JPEG", (WIDTH, HEIGHT))


@pytest.mark.cli
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_depth_of_an_annotation_is_the_number_of_channels(sets: Sets, mode: str) -> None:
    made = sets("voc", "-n", "1", "--mode", mode)
    root = ElementTree.fromstring(made.read(f"{VOC}/Annotations/000000.xml"))  # noqa: S314

    assert root.findtext("size/depth") == str(len(mode))


def test_the_lists_of_voc_name_each_image_of_their_split_once(
    sets: Sets, options: tuple[str, ...]
) -> None:
    made = sets("voc", *options)
    lists = {
        path.stem: path.read_text().splitlines()
        for path in (made.root / VOC / "ImageSets/Main").iterdir()
    }

    assert sorted(lists) == (["train", "val"] if options else ["train"])
    for split, keys in lists.items():
        rows = [row for row in made.rows if row.get("split", "train") == split]
        assert keys == [PurePath(row["file_name"]).stem for row in rows]


def below(made: Made, pattern: str) -> list[str]:
    found = made.root.glob(pattern)
    return sorted(path.relative_to(made.root).as_posix() for path in found)


def held(nodes: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (each for each in nodes if each["@type"] == kind)
    return found


@pytest.mark.cli
@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_the_description_in_croissant_covers_every_image_and_the_very_manifest(
    sets: Sets, options: tuple[str, ...], form: str
) -> None:
    made = sets("files,croissant", "-f", form, *options)
    croissant = made.json("croissant.json")
    manifest = held(croissant["distribution"], "cr:FileObject")
    images = held(croissant["distribution"], "cr:FileSet")
    matched = below(made, images["includes"])

    assert matched == [row["file_name"] for row in made.rows]
    assert "containedIn" not in images
    assert images["encodingFormat"] == f"image/{form}"
    assert manifest["contentUrl"] == made.manifest.name
    assert manifest["sha256"] == hashlib.sha256(made.manifest.read_bytes()).hexdigest()
    records = {each["@id"]: each["field"] for each in croissant["recordSet"]}
    columns = {field["source"]["extract"]["column"] for field in records["manifest"]}
    assert columns == set(made.rows[0])
    assert {field["source"]["fileObject"]["@id"] for field in records["manifest"]} == {
        manifest["@id"]
    }
    assert [field["source"]["fileSet"]["@id"] for field in records["images"]] == [images["@id"]]
    types = {"sc:Integer": int, "sc:Float": float, "sc:Text": str}
    assert all(
        type(made.rows[0][field["name"]]) is types[field["dataType"]]
        for field in records["manifest"]
    )


@pytest.mark.cli
@pytest.mark.parametrize(
    ("text", "license_url"),
    [("CC0-1.0", "https://spdx.org/licenses/CC0-1.0"), ("https://a.b/c?d", "https://a.b/c?d")],
)
def test_the_license_of_croissant_is_an_address(sets: Sets, text: str, license_url: str) -> None:
    assert sets(f"croissant:license={text}").json("croissant.json")["license"] == license_url
    assert "license" not in sets("files").json("croissant.json")


@pytest.mark.cli
@pytest.mark.slow
def test_the_sub_folders_of_a_large_set_are_described_and_have_their_labels(sets: Sets) -> None:
    made = sets("files,croissant,yolo", "-n", "10001", "-s", "1")
    images = held(made.json("croissant.json")["distribution"], "cr:FileSet")
    matched = below(made, images["includes"])

    assert matched == [row["file_name"] for row in made.rows]
    assert below(made, "labels/*/*.txt") == [
        name.replace("images/", "labels/").replace(".png", ".txt") for name in matched
    ]
    assert len(matched) == 10001
