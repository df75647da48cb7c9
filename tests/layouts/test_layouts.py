"""Layouts: which go together, what they are made of, and how sidecars come to a set."""

import json
import shutil
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgen import registry
from pixelgen.dataset.sidecar_files import index_names, manifest_view
from pixelgen.dataset.writer import Run as How
from pixelgen.dataset.writer import write
from pixelgen.engines import Serial
from pixelgen.errors import BadValue, Conflict
from pixelgen.job import Job
from pixelgen.layouts import Container, Shard, ShardRecord, Sidecar, Splits
from pixelgen.layouts.layout import Layout
from pixelgen.storage import LocalStore
from pixelgen.trainers import TRAINERS, calls
from tests.support.command import Done, Run, tree_digest
from tests.support.faults import layouts

SIDECARS = [
    f"{(*part.containers, 'files')[0]},{name}"
    for name, part in registry.components("layout").items()
    if issubclass(part, Sidecar)
]
CONTAINERS = [
    name for name, part in registry.components("layout").items() if issubclass(part, Container)
]
SPLIT = "train=0.75,val=0.25"


def made(root: Path, **options: object) -> Job:
    job = Job.parse(**{"count": 40, "width": 9, "height": 7} | options)
    write(job, LocalStore(str(root), "none"), How(Serial()))
    return job


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def missing(facts: str, told: str) -> list[str]:
    """Return the words that a message lacks."""
    return [fact for fact in facts.split() if fact not in told]


# What goes together


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("yolo,coco", "files,coco,yolo"), ("files", "files"), ("tar", "webdataset"),
     (" coco ", "files,coco"),
     ("wids,webdataset:per_shard=5,mtime=7,dali", "webdataset:per_shard=5,mtime=7,dali,wids"),
     ("coco,universal", "files,coco,croissant,dlib,hf,opencv,yolo"),
     ("files,files,coco,coco", "files,coco"), ("mds,mds:per_shard=5", "mds:per_shard=5")],
)  # fmt: skip
def test_a_layout_is_a_container_and_sidecars_in_order(text: str, spelled: str) -> None:
    assert str(Layout.parse(text)) == spelled
    assert Layout.parse(spelled) == Layout.parse(text)


@pytest.mark.parametrize(
    ("text", "facts"),
    [("files,voc", "files voc containers"),
     ("webdataset:per_shard=5,webdataset:per_shard=6", "webdataset:per_shard=5 containers"),
     ("webdataset,yolo", "yolo files webdataset"),
     ("wids", "wids webdataset files"),
     ("imagefolder,coco", "coco files imagefolder"),
     ("yolo,cocoa", "layout 'cocoa' 'coco'"),
     ("universal:x=1", "layout 'universal'"), ("", "layout ''"),
     ("coco:classes=2", "layout 'coco' 'classes' none")],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_with_the_reason(text: str, facts: str) -> None:
    with pytest.raises(BadValue) as refusal:
        Job.parse(layout=text)
    assert missing(facts, str(refusal.value)) == [], refusal.value


@pytest.mark.parametrize(
    ("options", "facts"),
    [({"layout": "voc", "format": "png"}, "voc jpeg png"),
     ({"layout": "npy", "format": "png"}, "layout npy png"),
     ({"layout": "mds", "format": "bmp"}, "mds png jpeg bmp"),
     ({"layout": "bagit", "checksum": "none"}, "bagit checksum"),
     ({"layout": "mds:per_shard=1000000"}, "4 GB mds:per_shard="),
     ({"label": "a/b"}, "class 'a/b' ASCII"),
     ({"label": "val"}, "class 'val' split"),
     ({"label": ""}, "class '' name"), ({"label": "no\nway"}, "class name"),
     ({"split": "train=0.9"}, "train=0.9 0.9, 1"),
     ({"split": "train=0.9,val=0.2"}, "train=0.9,val=0.2 1.1"),
     ({"split": "train=1,train=0"}, "train=0.9,val=0.1"),
     ({"split": "a/b=0.5,c=0.5"}, "split a/b=0.5"), ({"split": "x=1/0"}, "split x=1/0"),
     ({"split": "a=0.00001,b=0.99999"}, "a=0.00001,b=0.99999 fine"),
     ({"split": SPLIT, "count": 2}, "val empty 2"),
     ({"split": SPLIT, "count": 100, "layout": "webdataset:per_shard=50"},
      "val empty webdataset file 2 50")],
)  # fmt: skip
def test_what_a_layout_cannot_hold_is_refused_with_the_way_out(
    options: dict[str, object], facts: str
) -> None:
    with pytest.raises(BadValue) as refusal:
        Job.parse(**options)
    assert missing(facts, str(refusal.value)) == [], refusal.value


def test_a_layout_brings_its_format_along() -> None:
    assert str(Job.parse(layout="voc").format) == "jpeg"
    assert str(Job.parse(layout="npy").format) == "npy"
    assert str(Job.parse(layout="mds").format) == "png"
    assert Job.parse(**Job.parse(layout="voc").to_dict()) == Job.parse(layout="voc", format="jpeg")


# Splits


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 2000))
def test_splits_are_exact_after_a_cycle_and_never_far_from_it(
    weights: list[int], units: int
) -> None:
    shares = tuple((f"s{n}", Fraction(w, sum(weights))) for n, w in enumerate(weights))
    splits = Splits(shares)
    counted = Counter(splits.of(number) for number in range(units))
    for name, share in shares:
        assert splits.count(name, units) == counted[name]
        assert abs(counted[name] - share * units) < len(weights)
        whole = sum(weights)
        assert splits.count(name, whole) == share * whole
    assert Splits.parse(str(splits)) == splits


@pytest.mark.parametrize("layout", ["files", "webdataset:per_shard=5", "parquet:per_shard=10"])
def test_the_splits_of_a_smaller_set_are_those_of_a_larger_one(layout: str, tmp_path: Path) -> None:
    told = []
    for count in (40, 80):
        made(tmp_path / str(count), count=count, layout=layout, split=SPLIT)
        rows = (tmp_path / str(count) / "metadata.jsonl").read_text().splitlines()
        told.append([json.loads(row)["split"] for row in rows])

    assert told[1][:40] == told[0]
    assert Counter(told[1]) == {"train": 60, "val": 20}


def test_the_class_and_the_split_stand_in_every_row(tmp_path: Path) -> None:
    made(tmp_path, label="bird", split=SPLIT, layout="imagefolder")
    for line in (tmp_path / "manifest.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert (row["label"], row["file_name"].split("/")[:2]) == ("bird", [row["split"], "bird"])
        assert (tmp_path / row["file_name"]).is_file()


# What sidecars are made of


@pytest.mark.parametrize("split", [None, SPLIT])
@pytest.mark.parametrize("layout", [*SIDECARS, "universal"])
def test_a_sidecar_added_later_is_the_one_that_would_have_been_made(
    layout: str, split: str | None, tmp_path: Path
) -> None:
    job = made(tmp_path / "at once", layout=layout, split=split)
    later = tmp_path / "later"
    bare = replace(job, layout=Layout(job.layout.container))
    write(bare, LocalStore(str(later), "none"), How(Serial()))
    images = {later / name: (later / name).read_bytes() for name in job.files()}
    for image, data in images.items():
        image.write_bytes(bytes(len(data)))  # their sizes are looked at, and nothing else
    write(job, LocalStore(str(later), "none"), How(Serial()))
    for image, data in images.items():
        image.write_bytes(data)

    assert tree_digest(later) == tree_digest(tmp_path / "at once")


@pytest.mark.parametrize("layout", layouts(5))
def test_the_names_of_an_index_are_known_before_its_rows(layout: str, tmp_path: Path) -> None:
    job = made(tmp_path, layout=layout)
    named = [name for names in index_names(job) for name in names]

    assert len(named) == len(set(named))
    assert files(tmp_path) == {
        *named, *job.files(), job.manifest, "pixelgen.json", "SHA256SUMS"
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("layout", [*SIDECARS, "voc", "mds", "bagit"])
def test_an_index_of_any_size_takes_the_memory_of_a_small_one(layout: str) -> None:
    def peak(count: int) -> int:
        job = Job.parse(count=count, width=8, height=8, layout=layout, seed=1)

        def records() -> Iterator[tuple[Shard, ShardRecord]]:
            for shard in job.shards():
                images = shard.stop - shard.start
                yield shard, ShardRecord(shard.number, [300] * images, ["0" * 64] * images)

        def consume() -> None:
            for _, data in job.layout.index(manifest_view(job, records)):
                for _ in (data,) if isinstance(data, bytes) else data:
                    pass

        consume()
        tracemalloc.start()
        consume()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(16_000) < peak(8_000) + 50_000


def test_a_set_keeps_the_sidecars_that_a_later_command_does_not_name(tmp_path: Path) -> None:
    whole = made(tmp_path, layout="coco,yolo")
    digest = tree_digest(tmp_path)
    for layout in ("files", "coco"):
        made(tmp_path, layout=layout)
        assert tree_digest(tmp_path) == digest
    assert Job.parse(layout="coco").digest == Job.parse().digest
    assert json.loads((tmp_path / "pixelgen.json").read_text())["digest"] == whole.digest


def test_it_is_told_that_sidecars_were_added_to_a_set(make: Callable[..., Done]) -> None:
    make("-n", 9, "-s", 8)
    told = [make("-n", 9, "-s", 8, "--layout", "coco").stderr for _ in range(2)]

    assert missing("sidecars added 9", told[0]) == []
    assert missing("nothing 9", told[1]) == []


def test_a_sidecar_is_not_written_over_what_is_there(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/000030.txt").write_text("0 .5 .5 1 1")
    before = tree_digest(tmp_path)
    with pytest.raises(Conflict, match=r"labels/000030\.txt"):
        made(tmp_path, layout="yolo")
    assert tree_digest(tmp_path) == before

    with pytest.raises(Conflict, match=r"000030\.txt"):
        made(tmp_path, layout="yolo", seed=0, count=40)
    shutil.rmtree(tmp_path / "labels")
    made(tmp_path, layout="yolo")
    assert (tmp_path / "labels/000030.txt").read_bytes() == b""


def test_a_new_set_is_not_begun_where_a_sidecar_s_name_is_taken(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("mine")
    with pytest.raises(Conflict, match=r"data\.yaml"):
        made(tmp_path, layout="yolo")
    assert files(tmp_path) == {"data.yaml"}


def test_sidecars_of_a_damaged_manifest_are_refused(tmp_path: Path) -> None:
    made(tmp_path)
    manifest = tmp_path / "metadata.jsonl"
    manifest.write_text(manifest.read_text().replace('"width":9', '"width":8', 1))
    before = tree_digest(tmp_path)
    with pytest.raises(Conflict, match="pixelgen repair"):
        made(tmp_path, layout="coco")
    assert tree_digest(tmp_path) == before


# The commands


def test_the_index_command_adds_sidecars_and_says_how_to_load_them(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    make("-n", 9, "-s", 8, "--layout", "webdataset:per_shard=3")
    done = run("index", "--layout", "wids,csv")

    assert (done.returncode, done.stdout) == (0, "negatives/metadata.jsonl\n")
    assert (
        "load it: wids.ShardListDataset('negatives/index.json', cache_dir='negatives')"
        in done.stderr
    )
    assert "load it: pandas.read_csv('negatives/manifest.csv')" in done.stderr
    assert run("verify").returncode == 0
    told = json.loads(run("index", "--layout", "csv", "--json", "-q").stdout)
    assert told["layout"] == "webdataset:per_shard=3,csv"


@pytest.mark.parametrize(
    ("layout", "code", "facts"),
    [("yolo", 2, "yolo files webdataset"),
     ("files,csv", 2, "files webdataset:per_shard=3 containers"),
     ("cvs", 2, "'cvs' 'csv'")],
)  # fmt: skip
def test_the_index_command_refuses_what_does_not_go_with_the_set(
    make: Callable[..., Done], run: Run, layout: str, code: int, facts: str
) -> None:
    make("-n", 9, "-s", 8, "--layout", "webdataset:per_shard=3")
    done = run("index", "--layout", layout)

    assert done.returncode == code
    assert missing(facts, done.stderr) == [], done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert run("index", "nowhere", "--layout", "csv").returncode == 1


KITTI = '''
from pixelgen.layouts.containers.files import Files


class Kitti(Files):
    """KITTI."""

    def folder(self, info, index):
        return "image_2"

    def folders(self, info):
        return iter(["image_2"])

    def index(self, manifest):
        for row in manifest.rows():
            yield f"label_2/{manifest.info.key(row['index'])}.txt", b""


class Taken(Kitti):
    name = "taken"
'''


@pytest.mark.slow
def test_a_layout_of_another_project_is_one_like_any_other(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "strange.py").write_text(KITTI)
    here = {"PYTHONPATH": str(tmp_path)}
    for jobs in (1, 2):
        make("-n", 500, "-s", 90, "-j", jobs, "--layout", "strange.Kitti,csv", "-o", jobs, **here)
    assert tree_digest(tmp_path / "1") == tree_digest(tmp_path / "2")
    assert (tmp_path / "1/label_2/000499.txt").read_bytes() == b""
    plan = json.loads((tmp_path / "1/pixelgen.json").read_text())
    assert plan["job"]["layout"] == "strange.Kitti,csv"

    (tmp_path / "1/image_2/000007.png").unlink()
    (tmp_path / "1/label_2/000008.txt").unlink()
    assert run("repair", "1", **here).returncode == 3  # its code was not named by the user
    assert run("repair", "1", **here, PIXELGEN_PLUGINS="strange.Kitti").returncode == 0
    assert tree_digest(tmp_path / "1") == tree_digest(tmp_path / "2")


@pytest.mark.parametrize(
    ("path", "facts"),
    [("strange.Nothing", "'strange' 'Nothing'"),
     ("nowhere.Kitti", "'nowhere' install PYTHONPATH"),
     ("os.path", "os.path layout"),
     ("strange.Taken", "strange.Taken name"), (".Kitti", ".Kitti import"),
     ("pixelgen.layouts.containers.files.Files", "pixelgen.layouts.containers.files.Files name")],
)  # fmt: skip
def test_what_is_no_layout_of_another_project_is_refused_in_one_line(
    run: Run, tmp_path: Path, path: str, facts: str
) -> None:
    (tmp_path / "strange.py").write_text(KITTI)
    done = run("generate", "--layout", path, PYTHONPATH=str(tmp_path))

    assert done.returncode == 2
    assert missing(facts, done.stderr) == [], done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "name", ["../a.txt", "/a.txt", ".a", "a/../b", "a/.b/c", "", "a//b", "a\nb"]
)
def test_a_file_outside_the_set_is_refused_before_anything_is_written(
    run: Run, tmp_path: Path, name: str
) -> None:
    (tmp_path / "strange.py").write_text(
        "from pixelgen.layouts import Sidecar\nclass Astray(Sidecar):\n"
        f"    def index(self, manifest):\n        yield {name!r}, b''\n"
    )
    done = run("generate", "-n", 3, "--layout", "strange.Astray", PYTHONPATH=str(tmp_path))

    assert done.returncode == 2
    assert "strange.Astray" in done.stderr
    assert repr(name) in done.stderr
    assert files(tmp_path / "negatives") == set()


@pytest.mark.parametrize("name", TRAINERS)
def test_a_trainer_s_set_is_made_and_its_call_is_printed(
    make: Callable[..., Done], run: Run, name: str
) -> None:
    done = make("-n", 9, "-s", 32, "--for", name)
    (call,) = [line[9:] for line in done.stderr.splitlines() if line.startswith("load it: ")]
    compile(call.replace("cd negatives && ", "'").replace("-h 24", "'"), "call", "eval")

    assert "negatives" in call
    assert run("verify").returncode == 0
    assert TRAINERS[name].hint in done.stderr


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [(("--for", "mmdet", "-s", 31), "MMDetection 32 31"),
     (("--for", "ultralytics", "-s", 9), "Ultralytics 10 9"),
     (("--for", "ultralytics", "-f", "gif"), "Ultralytics gif png jpeg bmp"),
     (("--for", "opencv", "-s", "64x20"), "24"),
     (("--for", "torchvision", "--mode", "L", "--depth", 16), "16-bit gray"),
     (("--for", "keras", "-f", "tiff"), "Keras tiff png jpeg bmp gif"),
     (("--for", "ultralitics"), "'ultralitics' 'ultralytics'"),
     (("--for", "streaming", "--layout", "yolo"), "yolo files mds"),
     (("--for", "dlib", "--layout", "voc"), "voc containers")],
)  # fmt: skip
def test_what_a_trainer_would_drop_is_refused(
    run: Run, tmp_path: Path, arguments: tuple[object, ...], facts: str
) -> None:
    done = run("generate", "-n", 9, *arguments)

    assert done.returncode == 2
    assert missing(facts, done.stderr) == [], done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_trainers_of_a_layout_would_drop_is_told(make: Callable[..., Done]) -> None:
    done = make("-n", 9, "-s", 8, "--layout", "yolo", "-f", "ppm", "-q", "-o", "quiet")
    assert done.stderr == ""
    done = make("-n", 9, "-s", 8, "--layout", "yolo", "-f", "ppm")
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: Ultralytics")]
    assert [("ppm" in note, "10 pixels" in note) for note in notes] == [
        (True, False),
        (False, True),
    ]


def test_a_trainer_s_layout_and_another_are_joined(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    done = make("-n", 9, "-s", 32, "--for", "mmdet", "--layout", "yolo", "--class", "bird",
                "--split", "train=0.5,val=0.5")  # fmt: skip
    assert {"data.yaml", "coco-trainset.json", "coco-valset.json"} <= files(tmp_path / "negatives")
    assert "coco-trainset.json" in done.stderr
    assert "classes=('bird',)" in done.stderr


def test_every_trainer_of_the_help_is_there(run: Run) -> None:
    told = " ".join(run("generate", "--help").stdout.split())
    for name in TRAINERS:
        assert name in told
    job = Job.parse(count=1, layout="coco", split="all=1")
    assert calls(TRAINERS["detectron2"], job, "x")[0].endswith("'x/coco-allset.json', 'x')")


@pytest.mark.parametrize("epoch", ["-1", "now", "1e9", "9" * 12])
def test_a_time_that_is_none_is_refused_where_it_would_be_told(run: Run, epoch: str) -> None:
    done = run("generate", "-n", 1, "--layout", "webdataset", SOURCE_DATE_EPOCH=epoch)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert run("generate", "-n", 1, SOURCE_DATE_EPOCH=epoch).returncode == 0
