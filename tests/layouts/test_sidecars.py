"""Sidecars: made with the dataset or added later."""

import json
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from pixelgen import registry
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.dataset.sidecar_files import dataset_folders, sidecar_files, sidecar_names
from pixelgen.engines import Serial
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.layouts import Shard, ShardRecord, Sidecar
from pixelgen.layouts.layout import Layout
from pixelgen.storage import LocalStore
from tests.layouts.support import SPLIT, VARIANTS, files, make_dataset, missing
from tests.support.command import Done, Run, tree_digest
from tests.support.datasets import write
from tests.support.faults import layouts

SIDECARS = [
    f"{(*part.containers, 'files')[0]},{name}"
    for name, part in registry.components("layout").items()
    if issubclass(part, Sidecar)
]


# What goes together


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("yolo,coco", "files,coco,yolo"), ("files", "files"), ("tar", "webdataset"),
     (" coco ", "files,coco"),
     ("wids,webdataset:per_shard=5,mtime=7,dali", "webdataset:per_shard=5,mtime=7,dali,wids"),
     ("coco,universal", "files,coco,croissant,dlib,hf,opencv,yolo"),
     ("files,files,coco,coco", "files,coco"), ("mds,mds:per_shard=5", "mds:per_shard=5"),
     ("coco:root=images,coco", "files,coco:root=images"),
     ("universal,hf:license=mit", "files,coco,croissant,dlib,hf:license=mit,opencv,yolo")],
)  # fmt: skip
def test_a_layout_is_a_container_and_sidecars_in_order(text: str, spelled: str) -> None:
    assert str(Layout.parse(text)) == spelled
    assert Layout.parse(spelled) == Layout.parse(text)


# What sidecars are made of


@pytest.mark.parametrize("split", [None, SPLIT])
@pytest.mark.parametrize("layout", [*SIDECARS, *VARIANTS, "universal"])
def test_a_sidecar_added_later_equals_one_made_at_once(
    layout: str, split: str | None, tmp_path: Path
) -> None:
    job = make_dataset(tmp_path / "at once", layout=layout, split=split)
    later = tmp_path / "later"
    bare = job.with_layout(Layout(job.layout.container))
    write(bare, LocalStore(str(later), "none"), How(Serial()))
    images = {later / name: (later / name).read_bytes() for name in job.files()}
    for image, data in images.items():
        image.write_bytes(bytes(len(data)))  # only their sizes are checked
    write(job, LocalStore(str(later), "none"), How(Serial()))
    for image, data in images.items():
        image.write_bytes(data)

    assert tree_digest(later) == tree_digest(tmp_path / "at once")


@pytest.mark.parametrize("layout", [*layouts(5), *VARIANTS])
def test_the_names_of_index_files_are_known_before_the_rows(layout: str, tmp_path: Path) -> None:
    job = make_dataset(tmp_path, layout=layout)
    named = [name for names in sidecar_names(job) for name in names]

    assert len(named) == len(set(named))
    assert files(tmp_path) == {
        *named, *job.files(), job.manifest, "pixelgen.json", "SHA256SUMS"
    }  # fmt: skip


@pytest.mark.parametrize("count", [40, 10_001])
@pytest.mark.parametrize("split", [None, SPLIT])
@pytest.mark.parametrize("layout", [*layouts(5), *VARIANTS])
def test_every_file_is_in_a_folder_that_the_layout_names(
    layout: str, split: str | None, count: int
) -> None:
    job = Job.parse(count=count, width=8, height=8, layout=layout, split=split)
    named = chain(job.files(), *sidecar_names(job))

    assert {name.rpartition("/")[0] for name in named} - {""} == set(dataset_folders(job)) - {""}


def test_masks_are_in_sub_folders_as_the_images_are() -> None:
    job = Job.parse(count=10_001, layout="masks")
    named = [name for names in sidecar_names(job) for name in names]

    assert [name for name in named if name.endswith(".png")] == [
        name.replace("images/", "masks/") for name in job.files()
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "layout", [*SIDECARS, *VARIANTS, "voc", "mds", "bagit", "roboflow", "yolofolder"]
)
def test_an_index_of_any_size_needs_constant_memory(layout: str) -> None:
    def peak(count: int) -> int:
        job = Job.parse(count=count, width=8, height=8, layout=layout, seed=1)

        def records() -> Iterator[tuple[Shard, ShardRecord]]:
            for shard in job.shards():
                images = len(shard.indices)
                yield shard, ShardRecord(shard.number, [300] * images, ["0" * 64] * images)

        def consume() -> None:
            for _, data in sidecar_files(job, records):
                for _ in (data,) if isinstance(data, bytes) else data:
                    pass

        consume()
        tracemalloc.start()
        consume()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(4_000) < peak(2_000) + 50_000


def test_a_dataset_keeps_sidecars_that_a_later_command_does_not_name(tmp_path: Path) -> None:
    whole = make_dataset(tmp_path, layout="coco,yolo")
    digest = tree_digest(tmp_path)
    for layout in ("files", "coco"):
        make_dataset(tmp_path, layout=layout)
        assert tree_digest(tmp_path) == digest
    assert Job.parse(layout="coco").digest == Job.parse().digest
    assert json.loads((tmp_path / "pixelgen.json").read_text())["digest"] == whole.digest


def test_added_sidecars_are_reported(make: Callable[..., Done]) -> None:
    make("-n", 9, "-s", 8)
    messages = [make("-n", 9, "-s", 8, "--layout", "coco").stderr for _ in range(2)]

    assert missing("sidecars added 9", messages[0]) == []
    assert missing("nothing 9", messages[1]) == []


def test_a_sidecar_does_not_overwrite_an_existing_file(tmp_path: Path) -> None:
    make_dataset(tmp_path)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/000030.txt").write_text("0 .5 .5 1 1")
    before = tree_digest(tmp_path)
    with pytest.raises(Conflict, match=r"labels/000030\.txt"):
        make_dataset(tmp_path, layout="yolo")
    assert tree_digest(tmp_path) == before

    with pytest.raises(Conflict, match=r"000030\.txt"):
        make_dataset(tmp_path, layout="yolo", seed=0, count=40)
    shutil.rmtree(tmp_path / "labels")
    make_dataset(tmp_path, layout="yolo")
    assert (tmp_path / "labels/000030.txt").read_bytes() == b""


def test_no_dataset_is_started_where_the_name_of_a_sidecar_is_taken(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("mine")
    with pytest.raises(Conflict, match=r"data\.yaml"):
        make_dataset(tmp_path, layout="yolo")
    assert files(tmp_path) == {"data.yaml"}


def test_sidecars_of_a_damaged_manifest_are_refused(tmp_path: Path) -> None:
    make_dataset(tmp_path)
    manifest = tmp_path / "metadata.jsonl"
    manifest.write_text(manifest.read_text().replace('"width":9', '"width":8', 1))
    before = tree_digest(tmp_path)
    with pytest.raises(Conflict, match="pixelgen repair"):
        make_dataset(tmp_path, layout="coco")
    assert tree_digest(tmp_path) == before


# The commands


def test_the_index_command_adds_sidecars_and_prints_how_to_load_them(
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
    result = json.loads(run("index", "--layout", "csv", "--json", "-q").stdout)
    assert result["layout"] == "webdataset:per_shard=3,csv"


@pytest.mark.parametrize(
    ("layout", "code", "facts"),
    [("yolo", 2, "yolo files webdataset"),
     ("files,csv", 2, "files webdataset:per_shard=3 containers"),
     ("cvs", 2, "'cvs' 'csv'")],
)  # fmt: skip
def test_the_index_command_refuses_sidecars_that_the_container_does_not_support(
    make: Callable[..., Done], run: Run, layout: str, code: int, facts: str
) -> None:
    make("-n", 9, "-s", 8, "--layout", "webdataset:per_shard=3")
    done = run("index", "--layout", layout)

    assert done.returncode == code
    assert missing(facts, done.stderr) == [], done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert run("index", "nowhere", "--layout", "csv").returncode == 2
