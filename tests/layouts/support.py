"""Datasets for the tests of layouts."""

from pathlib import Path

from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.engines import Serial
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.datasets import write

SPLIT = "train=0.75,val=0.25"
VARIANTS = ["files,coco:path=annotations/instances_default.json,root=images", "masks:value=255",
            "files,croissant:license=CC0-1.0,hf:license=cc0-1.0",
            "voc:trainval=true,masks=true"]  # fmt: skip
"""Layouts whose parameters change the names of files; the tests of all layouts run on them too."""


def make_dataset(root: Path, **options: object) -> Job:
    """Make a dataset of 40 images in a directory."""
    job = Job.parse(**{"count": 40, "width": 9, "height": 7} | options)
    write(job, LocalStore(str(root), "none"), How(Serial()))
    return job


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def missing(facts: str, message: str) -> list[str]:
    """Return the facts that a message does not contain."""
    return [fact for fact in facts.split() if fact not in message]
