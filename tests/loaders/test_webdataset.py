"""WebDataset archives: in webdataset, and as wids and DALI index them."""

import io
import json
import re
import tarfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.loaders.conftest import COUNT, SHARES, SPLIT, Made, Sets, read_all

wds = pytest.importorskip("webdataset", reason="webdataset is not installed")


def samples(made: Made) -> list[dict[str, Any]]:
    """Return what webdataset reads from the archives that the command names."""
    (braces,) = re.findall(r"WebDataset\('([^']+)'", made.calls[0])
    return read_all(wds.WebDataset(str(made.root.parent / braces), shardshuffle=False))


def test_webdataset_reads_every_image_with_its_class_and_its_row(sets: Sets) -> None:
    made = sets("webdataset")
    read = samples(made)

    assert [sample["__key__"] for sample in read] == [f"{n:06d}" for n in range(COUNT)]
    assert {sample["cls"] for sample in read} == {b"0"}
    assert [json.loads(sample["json"]) for sample in read] == made.rows
    for index, sample in enumerate(read):
        pixels = np.asarray(Image.open(io.BytesIO(sample["png"])))
        assert (pixels == made.job.render(index)).all()


def test_the_archives_that_the_command_names_are_those_of_the_first_split(sets: Sets) -> None:
    made = sets("webdataset", *SPLIT)
    rows = [json.loads(sample["json"]) for sample in samples(made)]

    assert rows == [row for row in made.rows if row["split"] == "train"]
    assert len(rows) == SHARES["train"]


@pytest.mark.cli
@pytest.mark.parametrize("count", [8, 9, 15, 16, 23, 100])
def test_there_is_an_archive_for_each_of_eight_workers(sets: Sets, count: int) -> None:
    made = sets("webdataset", "-n", str(count), "-s", "8")
    archives = {row["shard"] for row in made.rows}

    assert len(archives) >= 8
    assert archives == {path.name for path in made.root.glob("*.tar")}


@pytest.mark.cli
def test_workers_without_a_shard_are_refused_or_read_nothing(
    sets: Sets, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sets("webdataset:per_shard=5")
    paths = sorted(map(str, made.root.glob("*.tar")))
    monkeypatch.setenv("NUM_WORKERS", "6")  # as in a DataLoader with six workers
    counts = []
    for worker in range(6):
        monkeypatch.setenv("WORKER", str(worker))
        lenient = wds.WebDataset(paths, shardshuffle=False, empty_check=False)
        counts.append(len(read_all(lenient)))
        if not counts[-1]:
            with pytest.raises(ValueError, match="fewer shards than workers"):
                read_all(wds.WebDataset(paths, shardshuffle=False))

    assert counts == [5, 5, 5, 5, 0, 0]


@pytest.mark.cli
@pytest.mark.parametrize("extension", ["png", "jpeg", "bmp", "webp", "tiff", "gif", "ppm", "tga"])
def test_webdataset_decodes_images_of_every_common_format(sets: Sets, extension: str) -> None:
    made = sets("webdataset", "-n", "8", "-s", "16", "-f", extension)
    suffix = made.rows[0]["file_name"].partition(".")[2]
    paths = sorted(map(str, made.root.glob("*.tar")))
    data = wds.WebDataset(paths, shardshuffle=False).decode("pil").to_tuple(suffix, "cls", "json")

    assert [(image.size, label) for image, label, _ in read_all(data)] == [((16, 16), 0)] * 8


@pytest.mark.parametrize("options", [(), SPLIT], ids=["whole", "split"])
def test_the_index_of_wids_lists_each_archive_with_its_samples_and_its_size(
    sets: Sets, options: tuple[str, ...]
) -> None:
    made = sets("webdataset", *options)
    names = [f"index-{split}set.json" for split in SHARES] if options else ["index.json"]
    listed = []
    for name in names:
        index = made.json(name)
        assert index["__kind__"] == "wids-shard-index-v1"
        assert index["wids_version"] == 1
        for shard in index["shardlist"]:
            with tarfile.open(made.root / shard["url"]) as tar:
                keys = {member.name.partition(".")[0] for member in tar}
            assert len(keys) == shard["nsamples"]
            assert (made.root / shard["url"]).stat().st_size == shard["filesize"]
            assert not options or all(
                f"{row['split']}set" in name for row in made.rows if row["shard"] == shard["url"]
            )
            listed.append(shard["url"])

    assert sorted(listed) == sorted(path.name for path in made.root.glob("*.tar"))


@pytest.mark.cli
@pytest.mark.parametrize("options", [(), SPLIT], ids=["whole", "split"])
@pytest.mark.parametrize("extension", ["png", "bmp"])
def test_the_index_of_dali_has_the_offset_of_each_file(
    sets: Sets, options: tuple[str, ...], extension: str
) -> None:
    made = sets("webdataset,dali", "-f", extension, *options)
    archives = sorted(made.root.glob("*.tar"))
    assert archives
    for archive in archives:
        raw = archive.read_bytes()
        with tarfile.open(archive) as tar:
            held = [(each.name, each.offset_data, each.size) for each in tar]
        head, *lines = archive.with_suffix(".idx").read_text().splitlines()
        offsets = [line.split(" ") for line in lines]
        flat = [word for line in offsets for word in line]
        listed = list(zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True))

        assert head == f"v1.2 {len(offsets)}"
        assert [(name, int(at), int(size)) for _, at, size, name in listed] == held
        assert all(name.partition(".")[2] == kind for kind, _, _, name in listed)
        assert all(
            len(line) == 12 and len({name[:6] for name in line[3::4]}) == 1 for line in offsets
        )
        for row in made.rows:
            for _, at, size, name in listed:
                if (row["shard"], row["file_name"]) == (archive.name, name):
                    image = Image.open(io.BytesIO(raw[int(at) : int(at) + int(size)]))
                    assert (np.asarray(image) == made.job.render(row["index"])).all()
