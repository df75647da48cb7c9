"""Layouts: which components can be combined, and with which options."""

import pytest

from pixelgen.errors import BadValue
from pixelgen.job import Job
from tests.layouts.support import SPLIT, missing
from tests.support.command import Run


@pytest.mark.parametrize(
    ("text", "facts"),
    [("files,voc", "files voc containers"),
     ("webdataset:per_shard=5,webdataset:per_shard=6", "webdataset:per_shard=5 containers"),
     ("webdataset,yolo", "yolo files webdataset"),
     ("wids", "wids webdataset files"),
     ("imagefolder,coco", "coco files imagefolder"),
     ("yolo,cocoa", "layout 'cocoa' 'coco'"),
     ("universal:x=1", "layout 'universal'"), ("", "layout ''"),
     ("coco:classes=2", "layout 'coco' 'classes' path root"),
     ("coco:root=images,coco:root=.,coco:path=annotations/a.json", "coco:root=images choose"),
     ("masks,yolo", "masks yolo Ultralytics two"), ("masks,universal", "masks yolo"),
     ("yolofolder,hf", "hf files yolofolder"), ("yolofolder,yolo", "yolo files yolofolder"),
     ("masks:value=256", "value=256 0..255"), ("masks,mds", "masks files mds"),
     ("hf:license=CC0-1.0", "license=CC0-1.0 cc0-1.0"), ("hf:license=a b", "lower-case"),
     ("croissant:license=my own", "license=my SPDX CC0-1.0"),
     ("croissant:license=file:///x", "license=file:///x URL"),
     *((f"coco:path={path}", f"path={path} annotations/instances_default.json")
       for path in ("a.json", "annotations/a.txt", "../coco.json", "annotations/a/b.json",
                    "pixelgen.json", "annotations/instances_train2017.json",
                    "annotations/my-Test.json"))],
)  # fmt: skip
def test_components_that_cannot_be_combined_are_refused_with_the_reason(
    text: str, facts: str
) -> None:
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
     ({"split": "train=0.9"}, "train=0.9 0.9 1"),
     ({"split": "train=0.9,val=0.2"}, "train=0.9,val=0.2 1.1"),
     ({"split": "train=1,train=0"}, "train=0.9,val=0.1"),
     ({"split": "a/b=0.5,c=0.5"}, "split a/b=0.5"), ({"split": "x=1/0"}, "split x=1/0"),
     ({"split": "a=0.00001,b=0.99999"}, "a=0.00001,b=0.99999 fine"),
     ({"split": SPLIT, "count": 2}, "val empty 2"),
     ({"split": SPLIT, "count": 100, "layout": "webdataset:per_shard=50"},
      "val empty webdataset file 2 50")],
)  # fmt: skip
def test_options_that_a_layout_cannot_satisfy_are_refused_with_the_remedy(
    options: dict[str, object], facts: str
) -> None:
    with pytest.raises(BadValue) as refusal:
        Job.parse(**options)
    assert missing(facts, str(refusal.value)) == [], refusal.value


def test_a_layout_sets_its_default_format() -> None:
    assert str(Job.parse(layout="voc").format) == "jpeg"
    assert str(Job.parse(layout="npy").format) == "npy"
    assert str(Job.parse(layout="mds").format) == "png"
    assert Job.parse(**Job.parse(layout="voc").to_dict()) == Job.parse(layout="voc", format="jpeg")


@pytest.mark.parametrize("epoch", ["-1", "now", "1e9", "9" * 12])
def test_an_invalid_source_date_epoch_is_refused_only_if_it_is_used(run: Run, epoch: str) -> None:
    done = run("generate", "-n", 1, "--layout", "webdataset", SOURCE_DATE_EPOCH=epoch)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert run("generate", "-n", 1, SOURCE_DATE_EPOCH=epoch).returncode == 0
