"""What readers swallow without a word: rows, images, types and splits that would be lost."""

import json
import os
import re
import signal
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.loaders.conftest import COUNT, SPLIT, Made, Offline, Sets
from tests.support.command import COMMAND, Done, tree_digest
from tests.support.faults import wait_for

IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".npy")
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
NO_METADATA = ("imagefolder", "roboflow", "yolofolder")
LOOSE = ("bagit", "files", "imagefolder", "roboflow", "voc", "yolofolder")


def test_every_row_has_its_file_and_every_image_its_row(made: Made) -> None:
    held = [row.get("shard", row["file_name"]) for row in made.rows]
    there = {name for name in made.files if name.endswith((*IMAGES, ".tar", ".mds", ".parquet"))}
    there |= {name for name in made.files if ".tfrecord-" in name}

    assert set(held) == there
    assert len(made.rows) == COUNT


@pytest.mark.parametrize("name", LOOSE)
def test_a_loose_image_is_listed_once(sets: Sets, options: tuple[str, ...], name: str) -> None:
    made = sets(name, *options)
    there = [path for path in made.files if path.endswith(IMAGES)]

    assert sorted(row["file_name"] for row in made.rows) == there
    assert len(there) == COUNT


def test_columns_of_whole_numbers_are_read_as_whole_numbers(
    sets: Sets, options: tuple[str, ...]
) -> None:
    made = sets("files", *options)
    frames = (
        pd.read_json(made.manifest, lines=True),
        pd.read_csv(made.root / "manifest.csv"),
    )
    for frame in frames:
        types = {name: frame[name].dtype.kind for name in ("index", "width", "height", "bytes")}
        assert set(types.values()) == {"i"}
        assert not frame.isna().any().any()


@pytest.mark.cli
@pytest.mark.parametrize("seed", [0, 10, 0x12345678901234567890123456789012])
def test_a_seed_of_digits_alone_stays_text_in_pandas_and_in_arrow(sets: Sets, seed: int) -> None:
    arrow = pytest.importorskip("pyarrow.json", reason="pyarrow is not installed")
    made = sets("files,csv", "-n", "3", "--seed", hex(seed))
    table = arrow.read_json(made.manifest).to_pydict()
    frame = pd.read_json(made.manifest, lines=True)

    assert table["seed"] == frame["seed"].tolist() == [hex(seed)] * 3
    assert pd.read_csv(made.root / "manifest.csv")["seed"].tolist() == [hex(seed)] * 3


def test_arrow_reads_no_column_as_a_time_a_float_or_a_null(made: Made) -> None:
    arrow = pytest.importorskip("pyarrow.json", reason="pyarrow is not installed")
    types = {str(field.type) for field in arrow.read_json(made.manifest).schema}

    assert types == {"int64", "string"}


def test_there_is_one_file_of_metadata_at_most_and_it_is_in_the_root(
    made: Made, layout: str
) -> None:
    found = [name for name in made.files if name.rpartition("/")[2] in METADATA]

    assert found == ([] if layout in NO_METADATA else ["metadata.jsonl"])


def test_no_folder_bears_a_name_that_means_something_else_to_a_reader(made: Made) -> None:
    folders = {part for name in made.files for part in name.split("/")[:-1]}

    assert not folders & {"masks", "mask", "semantic"}


def test_nothing_is_left_of_the_making(made: Made) -> None:
    for name in made.files:
        assert not name.endswith((".tmp", ".part", ".journal", ".lock"))
        assert not any(part.startswith(".") for part in name.split("/"))


def test_the_only_folders_of_imagefolder_are_those_of_the_classes(sets: Sets) -> None:
    whole, split = sets("imagefolder").root, sets("imagefolder", *SPLIT).root
    folders = [path.relative_to(split).as_posix() for path in split.rglob("*") if path.is_dir()]

    assert [path.name for path in whole.iterdir() if path.is_dir()] == ["negatives"]
    assert sorted(folders) == ["train", "train/bird", "val", "val/bird"]


def test_the_folder_of_a_class_holds_images_alone(sets: Sets, options: tuple[str, ...]) -> None:
    made = sets("imagefolder", *options)
    below = [name for name in made.files if "/" in name]

    assert len(below) == COUNT
    assert all(name.endswith(".png") for name in below)


@pytest.mark.parametrize("form", ["png", "webp", "bmp"])
def test_pascal_voc_is_refused_in_any_format_but_jpeg(
    run: Callable[..., Done], tmp_path: Path, form: str
) -> None:
    done = run("generate", "-n", 1, "--layout", "voc", "-f", form)

    assert done.returncode == 2
    assert "jpeg" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_images_of_pascal_voc_end_in_jpg(sets: Sets, options: tuple[str, ...]) -> None:
    rows = sets("voc", *options).rows

    assert all(row["file_name"].endswith(".jpg") for row in rows)


@pytest.mark.cli
@pytest.mark.parametrize("layout", ["yolo", "universal", "files,yolo,hf"])
def test_label_files_are_written_in_every_layout_with_yolo(sets: Sets, layout: str) -> None:
    files = sets(layout).files

    assert len([name for name in files if re.fullmatch(r"labels/\d{6}\.txt", name)]) == COUNT


def test_an_archive_holds_samples_alone_each_with_class_and_row(
    sets: Sets, options: tuple[str, ...]
) -> None:
    made = sets("webdataset", *options)
    found: dict[str, set[str]] = {}
    for path in made.root.glob("*.tar"):
        with tarfile.open(path) as tar:
            for name in tar.getnames():
                key, _, kind = name.partition(".")
                found.setdefault(key, set()).add(kind)

    assert set(found) == {f"{number:06d}" for number in range(COUNT)}
    assert all(kinds == {"cls", "json", "png"} for kinds in found.values())


def test_the_rows_in_an_archive_have_the_keys_of_the_manifest(sets: Sets) -> None:
    made = sets("webdataset")
    with tarfile.open(made.root / "negatives-000000.tar") as tar:
        file = tar.extractfile("000000.json")
        assert file is not None
        assert json.load(file) == made.rows[0]


MANY = ("-n", "9999", "-s", "300", "--durability", "none")
SLOW = ("-n", "200", "-s", "128", "--durability", "none", "--family", "wmm")
SEEN_ENOUGH = 40


def in_progress(
    folder: Path, layout: str, look: tuple[str, ...] = MANY, waited_for: str = ""
) -> set[str]:
    """Kill a run at work, once a name with an end was seen; return all names that were seen."""
    command = [COMMAND, "generate", "-q", *look, "--layout", layout]
    seen: set[str] = set()

    def have_seen_enough() -> bool:
        assert process.poll() is None
        for _, _, names in os.walk(folder):
            seen.update(names)
        return len(seen) >= SEEN_ENOUGH and any(name.endswith(waited_for) for name in seen)

    process = subprocess.Popen(command, cwd=folder, start_new_session=True)
    try:
        assert wait_for(have_seen_enough), seen
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return seen


@pytest.mark.cli
@pytest.mark.parametrize("name", ["files", "imagefolder", "webdataset:per_shard=2"])
def test_files_in_progress_are_hidden_and_have_no_image_suffix(tmp_path: Path, name: str) -> None:
    seen = in_progress(tmp_path, name, waited_for=".part")
    final = re.compile(r"\d{6}\.png|negatives-\d{6}\.tar|pixelgen\.json")
    unfinished = {each for each in seen if not final.fullmatch(each)}

    assert {".pixelgen.journal", ".pixelgen.lock"} <= unfinished
    for each in unfinished:
        assert each.startswith(".")
        assert Path(each).suffix in (".part", ".journal", ".lock")


@pytest.mark.cli
@pytest.mark.slow
def test_an_unfinished_set_loads_its_finished_images_and_nothing_else(
    tmp_path: Path, offline: Offline
) -> None:
    in_progress(tmp_path, "files")
    root = tmp_path / "negatives"
    (root / "images/.000000.png.host.1.00000000.part").write_bytes(b"torn")
    whole = len([path for path in (root / "images").iterdir() if path.suffix == ".png"])
    code = """
import datasets
table = datasets.load_dataset("imagefolder", data_dir=given, split="train")
print(json.dumps([table.num_rows, table.column_names, len([i.size for i in table["image"]])]))
"""

    assert not (root / "metadata.jsonl").exists()
    assert offline(code, str(root)) == [whole, ["image"], whole]


@pytest.mark.cli
def test_the_root_of_an_unfinished_imagefolder_has_no_folder_but_the_class(tmp_path: Path) -> None:
    in_progress(tmp_path, "imagefolder")
    folders = [path.name for path in (tmp_path / "negatives").iterdir() if path.is_dir()]

    assert folders == ["negatives"]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["files,coco,csv,opencv", "webdataset:per_shard=5,csv,wids"])
def test_a_resumed_dataset_lists_each_image_once(
    make: Callable[..., Done], tmp_path: Path, layout: str
) -> None:
    in_progress(tmp_path, layout, SLOW)
    assert not (tmp_path / "negatives/metadata.jsonl").exists()
    for out in ("negatives", "anew"):
        make(*SLOW, "--layout", layout, "-o", out)

    assert tree_digest(tmp_path / "negatives") == tree_digest(tmp_path / "anew")
    rows = (tmp_path / "negatives/metadata.jsonl").read_text().splitlines()
    assert [json.loads(row)["index"] for row in rows] == list(range(200))
