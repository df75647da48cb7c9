"""The function that scores images; the command line calls what it calls."""

import os

from pixelgen.dataset.api import load
from pixelgen.dataset.run_config import RunConfig
from pixelgen.errors import BadValue
from pixelgen.job import Job
from pixelgen.scoring.audit import Audit
from pixelgen.scoring.base import Model
from pixelgen.scoring.candidates import Candidates, DatasetCandidates, JobCandidates
from pixelgen.scoring.workers import score_candidates


def score(
    images: Job | str | os.PathLike[str],
    model: Model,
    *,
    threshold: float | None = None,
    run: RunConfig | None = None,
) -> Audit:
    """Score images that hold none of a model's objects, family by family.

    Args:
        images: A job, which has scanned the images that it is made from; or the directory or URL of
            a finished dataset.
        model: As :func:`load_model` returns it.
        threshold: The score, 0 … 1, from which on an image fools the model; by default the model's
            own.
        run: How to run it: ``engine``, ``jobs``, ``progress`` and ``stopped`` count.

    Raises:
        BadValue: Without images.
        PixelgenError: For an image or a model that fails.
    """
    candidates: Candidates
    if isinstance(images, Job):
        candidates = JobCandidates(images)
    else:
        path = os.fspath(images)
        candidates = DatasetCandidates(path, len(load(path)))
    if not len(candidates):
        raise BadValue("there are no images to score; choose a job or a dataset that has some")
    scored = score_candidates(candidates, model, run or RunConfig())
    return Audit.of(scored, model.default_threshold if threshold is None else threshold)
