"""Sets in Hugging Face datasets, all loaded in one process of its own."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.loaders.conftest import COUNT, HEIGHT, SHARES, SPLIT, WIDTH, Made, Offline, Sets
from tests.support.command import ROOT
from tests.support.pages import blocks

pytestmark = [pytest.mark.cli, pytest.mark.slow]

CODE = """
import datasets, hashlib, numpy
def digest(image):
    levels = numpy.asarray(image)
    return f"{levels.shape} {hashlib.sha256(levels.tobytes()).hexdigest()}"
def facts(table):
    column = next(name for name in ("image", "png") if name in table.column_names)
    return {
        "rows": table.num_rows,
        "types": {name: str(table.features[name]) for name in table.column_names},
        "images": [digest(image) for image in table[column]],
        "table": [
            {name: row[name] for name in row if name != column}
            for row in table.remove_columns(column)
        ],
    }
found = {}
for name, (first, keywords) in given.items():
    loaded = datasets.load_dataset(first, cache_dir=f"cache/{name}", **keywords)
    splits = loaded if isinstance(loaded, dict) else {"": loaded}
    found[name] = {split: facts(table) for split, table in splits.items()}
print(json.dumps(found))
"""
IN_IMAGE = {"file_name", "shard"}

Facts = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def loaded(sets: Sets, offline: Offline) -> dict[str, Facts]:
    """Load each set by each call, and return what came of it, of each split."""
    calls: dict[str, tuple[str, dict[str, object]]] = {}
    for tag, options in ("", ()), ("split", SPLIT):
        files, folder = (str(sets(name, *options).root) for name in ("files", "imagefolder"))
        calls |= {
            f"files{tag}": ("imagefolder", {"data_dir": files, "split": "train"}),
            f"folder{tag}": ("imagefolder", {"data_dir": folder, "drop_labels": False}),
        }
        for name in ("universal", "parquet", "webdataset"):
            calls[f"{name}{tag}"] = (str(sets(name, *options).root), {})
    calls["bare parquet"] = (str(sets("parquet:", *SPLIT).root), {})
    shards = str(sets("webdataset").root / "negatives-*.tar")
    calls["shards"] = ("webdataset", {"data_files": shards})
    found: dict[str, Facts] = offline(CODE, calls)
    return found


def pixels(made: Made, rows: list[dict[str, Any]]) -> list[str]:
    """Return what the code above tells of the images of rows, by the job."""
    levels = [made.job.render(row["index"]) for row in rows]
    return [f"{each.shape} {hashlib.sha256(each.tobytes()).hexdigest()}" for each in levels]


@pytest.mark.parametrize("tag", ["", "split"])
@pytest.mark.parametrize("name", ["files", "universal"])
def test_loose_files_load_in_one_table_with_every_column_of_the_manifest(
    sets: Sets, loaded: dict[str, Facts], name: str, tag: str
) -> None:
    made = sets(name, *(SPLIT if tag else ()))
    ((split, found),) = loaded[name + tag].items()
    rows = [{key: row[key] for key in row if key != "file_name"} for row in made.rows]

    assert split in ("", "train")
    assert found["rows"] == COUNT
    assert found["table"] == rows
    assert found["images"] == pixels(made, made.rows)


@pytest.mark.parametrize("name", ["parquet", "parquetsplit", "bare parquet"])
def test_parquet_loads_split_by_split_with_decoded_images_and_typed_columns(
    sets: Sets, loaded: dict[str, Facts], name: str
) -> None:
    is_split = name != "parquet"
    made = sets("parquet", *(SPLIT if is_split else ()))
    found = loaded[name]
    assert {split: facts["rows"] for split, facts in found.items()} == (
        SHARES if is_split else {"train": COUNT}
    )
    for split, facts in found.items():
        rows = [row for row in made.rows if row.get("split", split) == split]
        columns = [{key: row[key] for key in row if key not in IN_IMAGE} for row in rows]
        assert facts["table"] == columns
        assert facts["types"]["image"].startswith("Image(")
        assert {facts["types"][name] for name in ("index", "bytes", "width")} == {"Value('int64')"}
        assert facts["images"] == pixels(made, rows)


@pytest.mark.parametrize("name", ["webdataset", "webdatasetsplit", "shards"])
def test_archives_load_split_by_split_with_image_class_and_row(
    sets: Sets, loaded: dict[str, Facts], name: str
) -> None:
    is_split = name.endswith("split")
    made = sets("webdataset", *(SPLIT if is_split else ()))
    found = loaded[name]
    assert {split: facts["rows"] for split, facts in found.items()} == (
        SHARES if is_split else {"train": COUNT}
    )
    for split, facts in found.items():
        rows = [row for row in made.rows if row.get("split", split) == split]
        assert [row["json"] for row in facts["table"]] == rows
        assert [row["__key__"] for row in facts["table"]] == [row["file_name"][:6] for row in rows]
        assert {row["cls"] for row in facts["table"]} == {0}
        assert facts["images"] == pixels(made, rows)


@pytest.mark.parametrize("tag", ["", "split"])
def test_a_folder_of_a_class_loads_with_its_name_for_label(
    loaded: dict[str, Facts], tag: str
) -> None:
    found = loaded[f"folder{tag}"]
    shares = {"train": 16, "validation": 4} if tag else {"train": COUNT}
    label = "bird" if tag else "negatives"

    assert {split: facts["rows"] for split, facts in found.items()} == shares
    for facts in found.values():
        assert facts["types"]["label"] == f"ClassLabel(names=['{label}'])"
        assert all(image.startswith(f"({HEIGHT}, {WIDTH}, 3) ") for image in facts["images"])


def test_a_class_beside_a_set_keeps_its_images_and_its_label(
    sets: Sets, offline: Offline, tmp_path: Path
) -> None:
    copy = sets("imagefolder").copy(tmp_path)
    (copy / "cats").mkdir()
    for path in sorted((copy / "negatives").iterdir())[:3]:
        (copy / "cats" / path.name).write_bytes(path.read_bytes())
    code = """
import datasets
table = datasets.load_dataset("imagefolder", data_dir=given, split="train")
print(json.dumps([table.features["label"].names, table["label"][:]]))
"""
    names, labels = offline(code, str(copy))

    assert names == ["cats", "negatives"]
    assert sorted(labels) == [0] * 3 + [1] * COUNT


def test_negatives_are_added_to_a_detection_dataset_whatever_its_types(
    sets: Sets, offline: Offline
) -> None:
    (recipe,) = (
        block.text
        for block in blocks(ROOT / "docs/trainers.md")
        if block.text.startswith("# detection.py")
    )
    code = (
        recipe
        + """
from PIL import Image
box = {"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": [1]}
corners, number = datasets.List(datasets.Value("float32"), length=4), datasets.Value("int64")
label = datasets.ClassLabel(names=["cat", 'K\u00e4fer "x", <b>'])
kinds = [
    {"bbox": datasets.List(corners), "category": datasets.List(label)},
    {"bbox": datasets.List(datasets.List(datasets.Value("float64"))),
     "category": datasets.List(number)},
    datasets.List({"bbox": corners, "category": label}),
]
negatives = datasets.load_dataset("imagefolder", data_dir=given, split="train")
found = []
for kind in kinds:
    objects = box if isinstance(kind, dict) else [{key: each[0] for key, each in box.items()}]
    image = Image.new("RGB", (9, 9))
    rows = [{"image": image, "image_id": n, "objects": objects} for n in range(3)]
    features = datasets.Features({"image": datasets.Image(), "image_id": number, "objects": kind})
    own = datasets.Dataset.from_list(rows, features=features)
    both = add_negatives(own, negatives)
    assert both.features == own.features
    sizes = [image.size for image in both["image"]]
    kept = both["objects"][:3] == own["objects"][:]
    found.append([sizes, kept, both["objects"][3:], both["image_id"][3:]])
print(json.dumps(found))
"""
    )
    sizes = [[9, 9]] * 3 + [[WIDTH, HEIGHT]] * COUNT
    none: list[object] = [{"bbox": [], "category": []}] * COUNT
    empty: list[object] = [[]] * COUNT
    answers: object = offline(code, str(sets("files").root))

    assert answers == [[sizes, True, each, [None] * COUNT] for each in (none, none, empty)]


@pytest.mark.parametrize("layout", ["files", "webdataset", "parquet"])
def test_the_license_is_that_of_the_card(sets: Sets, offline: Offline, layout: str) -> None:
    made = sets(f"{layout},hf:license=cc0-1.0")
    code = """
import datasets, huggingface_hub
card = huggingface_hub.DatasetCard.load(f"{given}/README.md")
print(json.dumps([card.data.license, datasets.load_dataset(given, split="train").num_rows]))
"""

    assert offline(code, str(made.root)) == ["cc0-1.0", COUNT]
    assert "license" not in sets("universal").read("README.md")
