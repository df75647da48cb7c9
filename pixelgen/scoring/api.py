"""The function that scores images; the command line calls what it calls."""

import os
from pathlib import Path

from pixelgen.dataset.api import load
from pixelgen.dataset.existing_plan import MANIFESTS
from pixelgen.dataset.plan import JOURNAL, PLAN
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.selection_record import SEARCH_JOURNAL
from pixelgen.errors import BadValue, PixelgenError
from pixelgen.job import Job
from pixelgen.scoring.audit import Audit
from pixelgen.scoring.base import Model
from pixelgen.scoring.candidates import (
    Candidates,
    DatasetCandidates,
    FolderCandidates,
    JobCandidates,
)
from pixelgen.scoring.models import Hook, to_model
from pixelgen.scoring.workers import score_candidates
from pixelgen.source_images import ImageSource, scan_folder
from pixelgen.source_images.folder import image_names


def score(
    images: Job | str | os.PathLike[str],
    model: Model | Hook,
    *,
    threshold: float | None = None,
    run: RunConfig | None = None,
) -> Audit:
    """Score images that hold none of a model's objects, family by family.

    Args:
        images: A job, which has scanned the images that it is made from; the directory or URL of a
            finished dataset; or a folder of other images.
        model: As :func:`load_model` returns it; or a function that takes uint8[N, height, width, 3]
            and returns N confidences of 0 … 1, or these and a list of N class names. One that
            workers cannot import, as of a notebook, is called in this process.
        threshold: The score, 0 … 1, from which on an image fools the model; by default the model's
            own.
        run: How to run it: ``engine``, ``jobs``, ``progress`` and ``stopped`` count.

    Raises:
        BadValue: Without images.
        PixelgenError: For an image or a model that fails, and if the run was stopped before any
            image was scored.
    """
    model = to_model(model)
    scored = score_candidates(candidates_of(images), model, run or RunConfig())
    if not scored:
        raise PixelgenError("the run was stopped before any image was scored; run it again")
    return Audit.of(scored, model.default_threshold if threshold is None else threshold)


def candidates_of(images: Job | str | os.PathLike[str]) -> Candidates:
    """Return the images of a job, or those of the dataset or folder of images at a path.

    Raises:
        BadValue: Where there are none.
    """
    candidates: Candidates
    if isinstance(images, Job):
        candidates = JobCandidates(images)
    elif _is_folder_of_others(path := os.fspath(images)):
        candidates = FolderCandidates(scan_folder(ImageSource(path), (1, 1)))
    else:
        candidates = DatasetCandidates(path, len(load(path)))
    if not len(candidates):
        raise BadValue(
            "there are no images to score: their number must be at least 1; give a greater --count,"
            " or another dataset"
        )
    return candidates


def _is_folder_of_others(path: str) -> bool:
    """Return whether a path is a folder with images, in which pixelgen has written nothing."""
    folder = Path(path)
    own = (PLAN, JOURNAL, SEARCH_JOURNAL, *MANIFESTS)
    return (
        folder.is_dir() and not any((folder / n).exists() for n in own) and any(image_names(path))
    )
