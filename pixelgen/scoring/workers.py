"""Images scored by any number of workers, in blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines.base import Work
from pixelgen.scoring.audit import ScoredImage
from pixelgen.scoring.base import Model, Score, Scorer
from pixelgen.scoring.candidates import Candidates

BLOCK = 64
"""Images that are scored as one task."""

_BATCH = 32  # images in memory at once: a part of a block, so that batches are always the same


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
    for block, scored in run.engine.map(
        _ScoreBlock(candidates, model), wanted(), work=Work(len(blocks), 0.0), jobs=run.workers
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
        score = _open(self.model)
        scored: list[ScoredImage] = []
        for first in range(block.start, block.stop, _BATCH):
            batch = [*self.candidates.read(range(first, min(first + _BATCH, block.stop)))]
            scores = score([each.image for each in batch])
            scored += [
                ScoredImage(each.family, Score(round(value, 4), predicted))
                for each, (value, predicted) in zip(batch, scores, strict=True)
            ]
        return block, scored


@lru_cache(maxsize=1)
def _open(model: Model) -> Scorer:
    """Open a model once in each process."""
    return model.open()
