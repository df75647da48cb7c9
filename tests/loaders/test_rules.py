"""Rules that the files of every layout keep, so that no reader stumbles."""

import json
import os
import re
import tarfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from pixelgen.layouts.dataset_info import names_a_split
from tests.loaders.conftest import COUNT, LAYOUTS, SHARES, SPLIT, Made, Sets
from tests.support.command import Done, tree_digest

KEYWORDS = ("train", "training", "validation", "valid", "dev", "val", "test", "testing", "eval",
            "evaluation")  # fmt: skip
SEPARATORS = "-._ 0-9"
TEXTS = (".csv", ".idx", ".json", ".jsonl", ".md", ".txt", ".xml", ".yaml", "SHA256SUMS")


def is_of_a_split(path: str) -> bool:
    """Tell whether Hugging Face datasets would take a path for one of a split."""
    *folders, name = path.split("/")
    return any(
        fnmatchcase(name, f"{before}{word}[{SEPARATORS}]*")
        or any(
            fnmatchcase(folder, f"{before}{word}{after}")
            for folder in folders
            for after in ("", f"[{SEPARATORS}]*")
        )
        for word in KEYWORDS
        for before in ("", f"*[{SEPARATORS}]")
    )


@pytest.mark.parametrize("path", ["train/a.png", "a/my-test/b.png", "bg-val.txt", "eval.0.json"])
def test_a_path_with_the_word_of_a_split_is_known(path: str) -> None:
    assert is_of_a_split(path)
    assert names_a_split(path)
    assert not names_a_split(path.replace("/", "set/").replace(".", "set.", 1))
    assert not is_of_a_split(path.replace("/", "set/").replace(".", "set.", 1))


def test_the_manifest_has_a_row_an_image_and_nothing_else(made: Made) -> None:
    assert [row["index"] for row in made.rows] == list(range(COUNT))
    assert made.manifest.read_bytes().count(b"\n") == COUNT
    assert made.manifest.read_bytes().endswith(b"}\n")


def test_every_row_has_the_same_keys_of_the_same_types_and_no_null(made: Made) -> None:
    kinds = {tuple((key, type(value)) for key, value in row.items()) for row in made.rows}

    assert len(kinds) == 1
    assert {kind for _, kind in kinds.pop()} <= {str, int, float}


@pytest.mark.cli
def test_rows_of_a_mix_over_a_color_have_the_same_keys_of_the_same_types(sets: Sets) -> None:
    mix = ("--family", "uniform", "--family", "shapes", "--family", "blobs:sigma=1..3")
    rows = sets("files:", "--color", "red", *mix).rows
    kinds = {tuple((key, type(value)) for key, value in row.items()) for row in rows}

    assert {row["density"] for row in rows} == {0.5, 1.0}
    assert len(kinds) == 1


def test_no_whole_number_is_beyond_what_a_float_keeps(made: Made) -> None:
    numbers = [value for row in made.rows for value in row.values() if isinstance(value, int)]

    assert numbers
    assert max(numbers) < 2**53


@pytest.mark.cli
@pytest.mark.parametrize("seed", ["0", "1", str(2**53 + 1), str(2**128 - 1)])
def test_a_seed_is_hexadecimal_text(sets: Sets, seed: str) -> None:
    (row,) = sets("files:", "-n", "1", "--seed", seed).rows

    assert re.fullmatch("0x[0-9a-f]+", row["seed"])
    assert int(row["seed"], 16) == int(seed)


def test_a_base_name_has_one_dot_and_plain_characters(made: Made) -> None:
    for row in made.rows:
        assert re.fullmatch(r"[0-9A-Za-z_/-]+\.[a-z]+", row["file_name"])
    for name in made.files:
        assert re.fullmatch(r"[0-9A-Za-z_./-]+", name)
        if "/" in name and not re.search(r"shard\.\d{5}\.mds$|\.coco\.json$", name):
            assert name.rpartition("/")[2].count(".") == 1


def test_no_path_has_the_word_of_a_split_but_for_four(whole: Made, layout: str) -> None:
    allowed = {"parquet": r"data/train-.*\.parquet", "voc": r".*/ImageSets/Main/train\.txt",
               "roboflow": "train/.*", "yolofolder": "(images|labels)/train/.*"}  # fmt: skip
    taken = [name for name in whole.files if is_of_a_split(name)]

    assert [name for name in taken if not re.fullmatch(allowed.get(layout, "$"), name)] == []


def test_no_file_of_a_set_of_loose_files_has_the_word_of_a_split(sets: Sets) -> None:
    made = sets("files", *SPLIT)

    assert any("train" in name for name in made.files)
    assert [name for name in made.files if is_of_a_split(name)] == []


def test_lines_end_in_line_feeds_alone(made: Made) -> None:
    texts = [name for name in made.files if name.endswith(TEXTS)]
    assert texts
    for name in texts:
        data = (made.root / name).read_bytes()
        assert b"\r" not in data
        assert not data.startswith(b"\xef\xbb\xbf")
        assert not data or data.endswith(b"\n")


def test_an_index_of_images_has_no_line_that_is_blank(sets: Sets) -> None:
    lists = ["classes.txt", "darknet.data", "darknet.names", "darknet.txt", "imglist.txt",
             "labels.csv", *NAMES, "images-trainset.txt", "images-valset.txt", "manifest.csv",
             "metadata.jsonl"]  # fmt: skip
    for name in lists:
        options = SPLIT if "set." in name else ()
        lines = sets("files", *options).read(name).split("\n")
        assert lines.pop() == ""
        assert all(line == line.strip() != "" for line in lines)


NAMES = {"bg.txt": COUNT} | {f"bg-{split}set.txt": share for split, share in SHARES.items()}


def read_from_the_working_directory(text: str) -> list[str]:
    """Read a list as opencv_traincascade does: up to an empty line, trimmed on the right."""
    names = []
    for line in text.split("\n"):
        name = line.rstrip(" \n\r\t")
        if not name:
            break
        if not name.startswith("#"):
            names.append(name)
    return names


def read_from_its_own_directory(text: str, directory: str) -> list[str]:
    """Read a list as opencv_createsamples does: nothing is trimmed but the line feed."""
    lines = text.split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    return [directory + line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("name", NAMES)
def test_both_tools_of_opencv_find_every_image_in_a_list(
    sets: Sets, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sets("files", *(() if name == "bg.txt" else SPLIT))
    monkeypatch.chdir(made.root)
    text = Path(name).read_bytes().decode()
    found = read_from_the_working_directory(text)

    assert len(set(found)) == NAMES[name]
    assert all(Path(path).is_file() for path in found)
    assert read_from_its_own_directory(text, "") == found
    assert all(Path(path).is_absolute() is False for path in found)
    elsewhere = read_from_its_own_directory(text, f"{made.root}/")
    monkeypatch.chdir("/")
    assert all(Path(path).is_file() for path in elsewhere)


@pytest.mark.parametrize(
    ("name", "options"),
    [("coco.json", ()), ("coco-trainset.json", SPLIT), ("coco-valset.json", SPLIT)],
)
def test_a_coco_file_has_unique_ids_from_one_a_category_and_annotations(
    sets: Sets, name: str, options: tuple[str, ...]
) -> None:
    coco = sets("files", *options).json(name)
    ids = [image["id"] for image in coco["images"]]

    assert len(ids) == len(set(ids))
    assert min(ids) >= 1
    assert coco["annotations"] == []
    assert [category["id"] for category in coco["categories"]] == [1]
    assert coco["categories"][0]["name"]
    assert {"info", "licenses"} <= set(coco)


@pytest.mark.parametrize("container", ["files", "yolofolder"])
def test_data_yaml_has_no_path_and_each_image_a_label_file_of_no_bytes(
    sets: Sets, options: tuple[str, ...], container: str
) -> None:
    made = sets(container, *options)
    labels = [name for name in made.files if name.startswith("labels/")]
    images = [name for name in made.files if name.startswith("images/")]

    assert "path:" not in made.read("data.yaml")
    assert labels == [re.sub(r"^images/(.*)\.png$", r"labels/\1.txt", name) for name in images]
    assert {(made.root / name).stat().st_size for name in labels} == {0}


def archives(made: Made) -> list[list[tarfile.TarInfo]]:
    found = []
    for path in sorted(made.root.glob("*.tar")):
        with tarfile.open(path) as tar:
            found.append(tar.getmembers())
    assert found
    return found


@pytest.mark.cli
@pytest.mark.parametrize("form", ["png", "bmp", "jpeg"])
def test_the_files_of_a_sample_stand_together_under_a_key_without_a_dot(
    sets: Sets, options: tuple[str, ...], form: str
) -> None:
    made = sets("webdataset", "-f", form, *options)
    suffix = made.rows[0]["file_name"].partition(".")[2]
    for members in archives(made):
        names = [member.name for member in members]
        keys = [row["file_name"][:6] for row in made.rows if row["file_name"] in names]
        samples = [names[place : place + 3] for place in range(0, len(names), 3)]
        assert [set(sample) for sample in samples] == [
            {f"{key}.{kind}" for kind in ("cls", "json", suffix)} for key in keys
        ]


@pytest.mark.cli
def test_an_archive_ends_as_posix_has_it(sets: Sets) -> None:
    """Two blocks of zeros after the last member, whose data fill whole blocks (POSIX.1-1988)."""
    for path in sets("webdataset").root.glob("*.tar"):
        with tarfile.open(path) as archive:
            last = archive.getmembers()[-1]
        end = last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        assert path.read_bytes()[end:] == bytes(2 * tarfile.BLOCKSIZE)


def test_members_of_archives_bear_no_owner_and_no_time(
    sets: Sets, options: tuple[str, ...]
) -> None:
    for members in archives(sets("webdataset", *options)):
        for member in members:
            facts = member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode
            assert facts == (0, 0, 0, "", "", 0o644)
            assert member.isreg()


def test_source_date_epoch_dates_the_members_and_stands_in_the_plan(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    variables = {"SOURCE_DATE_EPOCH": "1700000000"}
    for out, environment in (("dated", variables), ("again", variables), ("plain", {})):
        make("-n", 9, "-s", 8, "--layout", "webdataset", "-o", out, **environment)
    plan = json.loads((tmp_path / "dated/pixelgen.json").read_text())
    for path in (tmp_path / "dated").glob("*.tar"):
        with tarfile.open(path) as tar:
            assert {member.mtime for member in tar} == {1700000000}

    assert plan["job"]["layout"] == "webdataset:mtime=1700000000"
    assert tree_digest(tmp_path / "dated") == tree_digest(tmp_path / "again")
    assert tree_digest(tmp_path / "dated") != tree_digest(tmp_path / "plain")


def test_source_date_epoch_changes_nothing_where_no_time_is_written(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    for out, environment in (("dated", {"SOURCE_DATE_EPOCH": "1700000000"}), ("plain", {})):
        make("-n", 8, "-s", 8, "--layout", LAYOUTS["files"], "-o", out, **environment)

    assert tree_digest(tmp_path / "dated") == tree_digest(tmp_path / "plain")


@pytest.mark.cli
@pytest.mark.parametrize("name", ["webdataset", "mds", "tfrecord", "npy", "parquet"])
def test_files_are_numbered_without_a_gap_within_each_split(
    sets: Sets, options: tuple[str, ...], name: str
) -> None:
    made = sets(f"{name}:per_shard=2", *options)
    groups: dict[str, list[int]] = {}
    for shard in dict.fromkeys(row["shard"] for row in made.rows):
        assert (made.root / shard).is_file()
        stem = re.sub(r"-of-\d+", "", shard)
        (number,) = re.findall(r"\d{5,6}", stem)
        groups.setdefault(stem.replace(number, "#"), []).append(int(number))
        if "-of-" in shard:
            head = shard[: shard.index(number)]
            alike = [path for path in made.files if path.startswith(head)]
            assert int(shard.partition("-of-")[2][:5]) == len(alike)

    assert sorted(map(len, groups.values())) == ([2, 8] if options else [10])
    assert all(numbers == list(range(len(numbers))) for numbers in groups.values())


def test_the_same_command_again_makes_the_manifest_the_newest_file(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    command = "-n", 3, "-s", 8, "--layout", LAYOUTS["files"]
    manifest = tmp_path / make(*command).stdout.strip()
    os.utime(manifest, (1, 1))
    make(*command)
    times = [path.stat().st_mtime_ns for path in manifest.parent.rglob("*") if path.is_file()]

    assert manifest.stat().st_mtime_ns == max(times)


@pytest.mark.slow
def test_any_number_of_workers_makes_the_same_tree(
    make: Callable[..., Done], tmp_path: Path, layout: str
) -> None:
    look = "-n", 20, "-s", 500, "--family", "gaussian", "--durability", "none", *SPLIT
    for jobs in (1, 3):
        make(*look, "--layout", LAYOUTS[layout], "-j", jobs, "-o", f"by-{jobs}")

    assert tree_digest(tmp_path / "by-1") == tree_digest(tmp_path / "by-3")
