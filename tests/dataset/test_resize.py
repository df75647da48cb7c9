"""Datasets that grow, start later, or lose images: always what one run would have made."""

import json
from pathlib import Path

import pytest
from PIL import Image

from pixelgen.dataset.api import generate, load, remove, repair, verify
from pixelgen.dataset.plan import JOURNAL
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.staging import RESIZE_JOURNAL
from pixelgen.engines import Serial
from pixelgen.errors import BadValue, Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.layouts.image_indices import ImageIndices, IndexRanges
from pixelgen.storage import LocalStore
from tests.layouts.support import missing
from tests.support.command import Run, tree_digest
from tests.support.faults import layouts

LAYOUTS = (
    *layouts(4),
    "webdataset",
    "tfrecord",
    "parquet,hf",
    "webdataset:per_shard=3,csv,dali,hf,wids",
    "files,coco,croissant,csv,datapackage,dlib,hf,opencv,yolo",
)
SPLIT = "train=0.75,val=0.25"
SERIAL = RunConfig(Serial())


def make(root: Path, **options: object) -> Job:
    job = Job.parse(**{"count": 40, "size": 9, "family": ["uniform", "stripes"]} | options)
    generate(job, LocalStore(str(root), "none"), run=SERIAL)
    return job


@pytest.mark.parametrize("split", [None, SPLIT])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_dataset_that_grows_is_the_one_made_at_once(
    layout: str, split: str | None, tmp_path: Path
) -> None:
    for count in (23, 25, 40):
        make(tmp_path / "grown", count=count, layout=layout, split=split)
        assert verify(tmp_path / "grown", jobs=1).damage == []
    make(tmp_path / "whole", layout=layout, split=split)

    assert tree_digest(tmp_path / "grown") == tree_digest(tmp_path / "whole")


@pytest.mark.parametrize("split", [None, SPLIT])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_removed_images_stay_removed(layout: str, split: str | None, tmp_path: Path) -> None:
    root = tmp_path / "thinned"
    options: dict[str, object] = {"layout": layout, "split": split}
    job = make(root, count=25, **options)
    assert remove(root, [3, 8, 9, 24], run=SERIAL).count == 21
    assert remove(root, [3], run=SERIAL).count == 21
    dataset = load(root)
    assert (
        [row["index"] for row in dataset.rows]
        == [*dataset.job.indices]
        == [index for index in range(25) if index not in (3, 8, 9, 24)]
    )
    assert all(row["sha256"] == job.row(row["index"])["sha256"] for row in dataset.rows)
    assert len([*dataset.images]) == 21
    assert verify(root, deep=True, jobs=1).damage == []
    make(root, count=25, **options)  # nothing is to be done
    (root / next(iter(dataset.job.files()))).unlink()
    assert len(repair(root, jobs=1).damage) > 0
    make(root, **options)
    make(tmp_path / "whole", removed="3,8-9,24", **options)

    assert len(load(root)) == 36
    assert tree_digest(root) == tree_digest(tmp_path / "whole")


@pytest.mark.parametrize("layout", ["files,coco", "webdataset:per_shard=4,wids", "mds", "parquet"])
def test_a_dataset_of_the_user_s_images_grows_and_loses_images(layout: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for level in (50, 100, 150):
        Image.new("RGB", (16, 16), (level, 0, 0)).save(tmp_path / f"photos/{level}.png")
    options: dict[str, object] = {
        "layout": layout,
        "family": f"patch_shuffle:source={tmp_path / 'photos'},patch=4",
    }
    make(tmp_path / "grown", count=13, **options)
    make(tmp_path / "grown", **options)
    remove(tmp_path / "grown", [2, 20], run=SERIAL)
    assert verify(tmp_path / "grown", deep=True, jobs=1).damage == []
    make(tmp_path / "whole", removed="2,20", **options)

    assert tree_digest(tmp_path / "grown") == tree_digest(tmp_path / "whole")


def test_an_image_keeps_its_file_where_others_are_added_or_removed(tmp_path: Path) -> None:
    make(tmp_path, count=20, layout="files,yolo")
    before = {path: path.stat() for path in (tmp_path / "images").iterdir()}
    make(tmp_path, layout="files,yolo")
    remove(tmp_path, [30], run=SERIAL)

    for path, status in before.items():
        now = path.stat()
        assert (now.st_ino, now.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
    assert not (tmp_path / "labels/000030.txt").exists()


def test_datasets_of_one_seed_that_start_apart_are_parts_of_one(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole", layout="coco")
    for start, count in ((0, 15), (15, 25)):
        part = make(tmp_path / str(start), start=start, count=count, layout="coco")
        assert verify(tmp_path / str(start), deep=True, jobs=1).damage == []
        assert all((part[n] == whole[start + n]).all() for n in (0, count - 1))
        for row in load(tmp_path / str(start)).rows:
            name = row["file_name"]
            image = (tmp_path / str(start) / name).read_bytes()
            assert image == (tmp_path / "whole" / name).read_bytes()
    ids = [
        {each["id"] for each in json.loads((tmp_path / f"{start}/coco.json").read_text())["images"]}
        for start in (0, 15)
    ]
    assert ids[0].isdisjoint(ids[1])
    assert Job(count=3, start=0) == Job(count=3)


def test_a_growth_that_is_stopped_leaves_the_old_dataset_and_is_resumed(tmp_path: Path) -> None:
    root = tmp_path / "grown"
    make(root, count=25, layout="webdataset:per_shard=5")
    before = tree_digest(root)
    job = Job.parse(count=400, size=9, family=["uniform", "stripes"], layout="tar:per_shard=5")
    made = 0

    def progress(images: int, _: int, __: int) -> None:
        nonlocal made
        made += images

    run = RunConfig(Serial(), stopped=lambda: made >= 100)
    assert not generate(job, root, progress=progress, run=run).is_complete
    assert verify(root, jobs=1).damage == []
    seen = {path for path in root.iterdir() if not path.name.startswith(".pixelgen.resize")}
    assert len(seen) == 5 + len(("metadata.jsonl", "pixelgen.json", "SHA256SUMS"))
    assert generate(job, root, run=SERIAL).created < 300
    generate(job, tmp_path / "whole", run=SERIAL)
    assert tree_digest(root) == tree_digest(tmp_path / "whole") != before


def test_a_growth_that_was_given_up_is_in_nobody_s_way(tmp_path: Path) -> None:
    root, layout = tmp_path / "grown", "webdataset:per_shard=5"
    make(root, count=22, layout=layout)
    for count in (90, 80):
        job = Job.parse(count=count, size=9, family=["uniform", "stripes"], layout=layout)
        run = RunConfig(Serial(), stopped=iter([False] * 8 + [True] * 99).__next__)
        assert not generate(job, root, run=run).is_complete
    make(root, count=30, layout=layout)
    make(tmp_path / "whole", count=30, layout=layout)
    assert tree_digest(root) == tree_digest(tmp_path / "whole")


@pytest.mark.parametrize("layout", ["yolo", "webdataset:per_shard=5", "voc"])
@pytest.mark.parametrize(
    "command",
    [
        ("generate", "-n", 20),
        ("generate", "-n", 30),
        ("generate", "-n", 25, "--force"),
        ("remove", "d", "--index", 3),
    ],
)
def test_what_a_stopped_growth_made_is_reported_and_deleted_by_another_command(
    command: tuple[object, ...], layout: str, run: Run, tmp_path: Path
) -> None:
    options = ("-s", 9, "--layout", layout, "--split", "train=0.75,val=0.25", "-q")
    assert run("generate", "-n", 20, *options, "-o", "d").returncode == 0
    job = Job.parse(count=2000, size=9, layout=layout, split="train=0.75,val=0.25")
    stopped = iter([False] + [True] * 99).__next__
    assert not generate(job, tmp_path / "d", run=RunConfig(Serial(), stopped=stopped)).is_complete
    status = run("status", "d", "--json")
    assert json.loads(status.stdout)["begun_count"] == 2000
    assert "2,000 images was begun" in status.stderr
    assert run("verify", "-q", "d").returncode == 0

    growth = (*options, "-o", "d") if command[0] == "generate" else ("-q",)
    done = run(*command, *growth)
    assert done.returncode == 0, done.stderr
    count = command[2] if command[0] == "generate" else 20
    removed = "3" if command[0] == "remove" else None
    made = Job.parse(**job.to_dict() | {"count": count, "removed": removed})
    generate(made, tmp_path / "whole", run=SERIAL)
    assert tree_digest(tmp_path / "d") == tree_digest(tmp_path / "whole")
    folders = [
        {path.relative_to(root) for path in root.rglob("*") if path.is_dir()}
        for root in (tmp_path / "d", tmp_path / "whole")
    ]
    assert folders[0] == folders[1]


def test_a_file_of_somebody_else_outlives_a_growth_that_is_given_up(tmp_path: Path) -> None:
    make(tmp_path, count=20)
    job = Job.parse(count=2500, size=9, family=["uniform", "stripes"])
    stopped = iter([False, False] + [True] * 99).__next__
    assert not generate(job, tmp_path, run=RunConfig(Serial(), stopped=stopped)).is_complete
    (tmp_path / RESIZE_JOURNAL).write_text("")  # as after a power cut
    torn, mine, folder = (tmp_path / f"images/00{n}.png" for n in (1500, 2100, 2200))
    torn.write_bytes(torn.read_bytes()[:100])
    mine.write_text("mine")
    folder.mkdir()
    make(tmp_path, count=20)
    assert len([*(tmp_path / "images").iterdir()]) == 20 + 2
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["coco.json", "labels/000030.txt", "images/000030.png", "images/000031.png/"]
)
def test_a_file_of_somebody_else_refuses_growth_before_anything_is_made(
    name: str, tmp_path: Path
) -> None:
    make(tmp_path, count=20, layout="files" if name == "coco.json" else "yolo")
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("mine")
    before = tree_digest(tmp_path)
    with pytest.raises(Conflict) as refusal:
        make(tmp_path, layout="files,coco" if name == "coco.json" else "yolo")
    assert str(refusal.value).startswith(f"{tmp_path / name} exists")
    assert tree_digest(tmp_path) == before


def test_images_that_a_growth_left_are_not_those_of_somebody_else(tmp_path: Path) -> None:
    make(tmp_path / "grown", count=20)
    job = make(tmp_path / "whole")
    stop = RunConfig(Serial(), stopped=lambda: True)
    assert not generate(job, tmp_path / "grown", run=stop).is_complete
    for index, end in ((30, None), (31, 70), (32, 0)):  # whole, torn by a power cut, and empty
        data = (tmp_path / f"whole/images/{index:06d}.png").read_bytes()
        torn = data[:end].ljust(len(data) - 1, b"\0") if end else data[:end]
        (tmp_path / f"grown/images/{index:06d}.png").write_bytes(torn)
    generate(job, LocalStore(str(tmp_path / "grown"), "none"), run=SERIAL)
    assert tree_digest(tmp_path / "grown") == tree_digest(tmp_path / "whole")


def test_names_that_would_change_refuse_growth(tmp_path: Path) -> None:
    make(tmp_path, count=3, size=1, checksum="none")
    with pytest.raises(Conflict, match="--start 3 -n 9998"):
        make(tmp_path, count=10_001, size=1, checksum="none")


def test_damage_and_unfinished_work_refuse_a_resize(tmp_path: Path) -> None:
    make(tmp_path / "damaged", count=20)
    (tmp_path / "damaged/metadata.jsonl").write_text("")
    with pytest.raises(Conflict, match="pixelgen repair"):
        make(tmp_path / "damaged")
    job = Job.parse(count=20, size=9, family=["uniform", "stripes"])
    generate(job, tmp_path / "begun", run=RunConfig(Serial(), stopped=lambda: True))
    with pytest.raises(PixelgenError, match="not finished") as refusal:
        make(tmp_path / "begun")
    assert refusal.value.exit_code == 1


@pytest.mark.parametrize(
    ("indices", "facts"),
    [
        ([40], "index 40 is range 0 39"),
        ([8, 41, 43, 44], "indices 41,43-44 are range 0 39"),
        (range(41, 99, 2), "55,…"),
        (range(40), "directory"),
        (range(0, 40_002, 2), "20,000"),
    ],
)
def test_what_cannot_be_removed_is_refused(indices: list[int], facts: str, tmp_path: Path) -> None:
    make(tmp_path, removed="3,7")
    before = tree_digest(tmp_path)
    with pytest.raises(BadValue) as refusal:
        remove(tmp_path, indices, run=SERIAL)
    said = str(refusal.value)
    assert missing(facts, said) == []
    assert "3,7" not in said
    assert len(said) < 120
    assert tree_digest(tmp_path) == before


def test_a_journal_of_another_size_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    layout = "webdataset:per_shard=4"
    job = make(tmp_path / "old", count=20, layout=layout)
    larger = Job.parse(**job.to_dict() | {"count": 40})
    stopped = iter([False] * 3 + [True] * 99).__next__
    assert not generate(
        larger, tmp_path / "new", run=RunConfig(Serial(), stopped=stopped)
    ).is_complete
    (tmp_path / "old" / JOURNAL).write_bytes((tmp_path / "new" / JOURNAL).read_bytes())
    with pytest.raises(Conflict, match="interrupted"):
        generate(job, tmp_path / "old", run=SERIAL)


def test_images_are_removed_by_what_their_rows_say(run: Run, tmp_path: Path) -> None:
    options = ("-n", 30, "-s", 8, "--family", "uniform", "--family", "stripes:n=4", "-q")
    assert run("generate", *options, "-o", "d").returncode == 0
    stripes = [row["index"] for row in load(tmp_path / "d").rows if "stripes" in row["generator"]]
    done = run("remove", "d", "--where", "family=stripes", "--json")
    assert json.loads(done.stdout)["count"] == 30 - len(stripes), done.stderr
    again = run("remove", "d", "--where", "family=stripes", "--json")
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert "no image in d has family 'stripes'" in again.stderr
    assert run("verify", "-q", "d").returncode == 0
    assert not any("stripes" in row["generator"] for row in load(tmp_path / "d").rows)


@pytest.mark.parametrize(
    "stopped_at",
    [
        "writer.replace_files",
        "writer.manifest.publish",
        "writer.end_replacement",
        "journal.Journal.remove",
    ],
)
def test_a_removal_by_rows_that_was_stopped_is_finished_by_the_same_command(
    stopped_at: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, options in {"d": {}, "whole": {"removed": "17"}}.items():
        make(tmp_path / name, **options)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"pixelgen.dataset.{stopped_at}", stop)
    with pytest.raises(KeyboardInterrupt):
        remove(tmp_path / "d", [17], run=SERIAL)
    done = run("remove", "d", "--where", "index=17")
    assert done.returncode == 0, done.stderr
    assert tree_digest(tmp_path / "d") == tree_digest(tmp_path / "whole")


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        ((), "--index --where"),
        (("--index", "1", "--where", "a=b"), "--index cannot combined --where either"),
        (("--index", "3-1"), "3-1 17,20-30"),
        (("--index", "all"), "all 17,20-30"),
        (("--where", "stripes"), "stripes COLUMN=VALUE"),
        (("--where", "famly=stripes"), "famly family"),
        (("--where", "family=stripes"), "no image stripes"),
    ],
)
def test_a_wrong_choice_of_images_is_refused_in_a_line(
    run: Run, options: tuple[str, ...], facts: str
) -> None:
    assert run("generate", "-n", 3, "-s", 8, "-q", "-o", "d").returncode == 0
    done = run("remove", "d", *options)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert missing(facts, done.stderr) == []


@pytest.mark.parametrize("removed", ["", "0", "5-7,9", "0-3,19", "18-19", "0,2,4,6,8"])
def test_positions_and_indices_are_each_other_s_reverse(removed: str) -> None:
    ranges = IndexRanges.parse(removed) if removed else IndexRanges(())
    plain = [index for index in range(20) if index not in set(ranges)]
    indices = ImageIndices(100, 120, IndexRanges.of(100 + index for index in ranges))
    assert [*indices] == [100 + index for index in plain] == [indices[n] for n in range(len(plain))]
    assert [indices.position(100 + index) for index in range(-1, 21)] == [
        plain.index(index) if index in plain else None for index in range(-1, 21)
    ]
    assert [*indices[2:-1:3]] == [100 + index for index in plain][2:-1:3]
    assert IndexRanges.parse(str(ranges)) == ranges if removed else str(ranges) == ""
