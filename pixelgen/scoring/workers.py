"""Images scored by any number of workers, in blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Engine, Serial, Work
from pixelgen.errors import PixelgenError
from pixelgen.scoring.audit import ScoredImage
from pixelgen.scoring.base import Image, Model, Score, Scorer
from pixelgen.scoring.candidates import Candidate, Candidates
from pixelgen.source_images import LONGEST_NAME

BLOCK = 64
"""Images that are scored as one task."""

_BATCH = 32  # images in memory at once: a part of a block, so that batches are always the same


def least_work(model: Model, blocks: int, block: int) -> Work:
    """Return how much work it is to score so many blocks of so many images."""
    return Work(blocks, blocks * block * model.least_seconds)


def engine_for(model: Model, run: RunConfig) -> Engine:
    """Return the engine of a run, or this process if no other can open the model."""
    return Serial() if model.is_local else run.engine


def score_candidates(candidates: Candidates, model: Model, run: RunConfig) -> list[ScoredImage]:
    """Score images by any number of workers; return the scores in order of the images.

    Where the run is stopped, the scores of the first images are returned.

    Raises:
        PixelgenError: For an image or a model that fails.
    """
    count = len(candidates)
    blocks = [range(first, min(first + BLOCK, count)) for first in range(0, count, BLOCK)]

    def wanted() -> Iterator[range]:
        for block in blocks:
            if run.stopped():
                return
            yield block

    found: dict[int, list[ScoredImage]] = {}
    used = model.absolute() if run.engine.distributed else model
    for block, scored in engine_for(model, run).map(
        _ScoreBlock(candidates, used),
        wanted(),
        work=least_work(model, len(blocks), BLOCK),
        jobs=run.workers,
    ):
        found[block.start] = scored
        run.progress(len(block), 0, count)
    return [each for start in sorted(found) for each in found[start]]


@dataclass(frozen=True)
class _ScoreBlock:
    """Scores a block of images, in a worker."""

    candidates: Candidates
    model: Model

    def __call__(self, block: range) -> tuple[range, list[ScoredImage]]:
        """Return the block, and what was found."""
        return block, [
            ScoredImage(candidate.family, score)
            for batch, scores in score_batches(self.candidates, self.model, block)
            for candidate, score in zip(batch, scores, strict=True)
        ]


def score_batches(
    candidates: Candidates, model: Model, numbers: range
) -> Iterator[tuple[list[Candidate], list[Score]]]:
    """Yield images in batches with their scores, whose values are rounded to 1e-4."""
    score = open_model(model)
    for first in range(numbers.start, numbers.stop, _BATCH):
        batch = [*candidates.read(range(first, min(first + _BATCH, numbers.stop)))]
        yield batch, score_rounded(score, [each.image for each in batch])


def score_rounded(score: Scorer, images: Sequence[Image]) -> list[Score]:
    """Return the scores of images, their values rounded to 1e-4.

    Raises:
        PixelgenError: For the name of a class that is too long for a manifest.
    """
    scores = [each._replace(value=round(each.value, 4)) for each in score(images)]
    for _, name in scores:
        if len(name) > LONGEST_NAME:
            raise PixelgenError(
                f"the model names a class {name[:40]!r}…, of {len(name):,} characters: must"
                f" be at most {LONGEST_NAME:,}"
            )
    return scores


@lru_cache(maxsize=1)
def open_model(model: Model) -> Scorer:
    """Open a model once in each process."""
    return model.open()
