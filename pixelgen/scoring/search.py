"""The search: candidates are scored in blocks of 256, until enough of them are selected.

Each block that was scored is a line of ``.pixelgen.search``, so that a search that was stopped or
killed is resumed. Blocks are taken into account in order, whichever is scored first, and the search
ends with the first block that fills the dataset: so what is found does not depend on workers.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.selection_record import SEARCH_JOURNAL
from pixelgen.dataset.worker_check import checked_workers
from pixelgen.engines import Check
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.scoring.base import Image, Model
from pixelgen.scoring.candidates import JobCandidates
from pixelgen.scoring.fingerprint import BITS, fingerprint
from pixelgen.scoring.score_table import ScoredCandidate, ScoreTable
from pixelgen.scoring.selection_rules import Selector
from pixelgen.scoring.workers import (
    engine_for,
    least_work,
    open_model,
    score_batches,
    score_rounded,
)
from pixelgen.storage import Log, Store
from pixelgen.storage.append_log import decode_line, encode_line
from pixelgen.storage.lock import lock

BLOCK = 256

_FIELDS = ("size", "width", "height", "mode", "depth", "color", "density", "family", "seed",
           "format")  # fmt: skip
_LINE_LIMIT = 1 << 20  # bytes


@dataclass(frozen=True)
class Search:
    """Candidates, and what scores them.

    Attributes:
        job: The candidates are its images, in order.
        model: What scores them.
        robust_from: The score from which on a candidate is scored mirrored and shifted by one pixel
            besides, and gets the lowest of the three; None if none is.
    """

    job: Job
    model: Model
    robust_from: float | None

    @property
    def first(self) -> int:
        """The index of the first candidate."""
        return self.job.start or 0

    @staticmethod
    def fields_of(job: Job) -> dict[str, Any]:
        """Return the fields of a job that decide what its candidates are."""
        fields = job.to_dict()
        return {name: fields[name] for name in _FIELDS if name in fields}

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all that the scores depend on, in hexadecimal."""
        whole = [
            self.fields_of(self.job),
            self.job.algorithm,
            self.job.encoder,
            *self.job.sources.digests,
            self.model.record,
            self.first,
            self.robust_from,
        ]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


@dataclass
class _Progress:
    """The blocks that are taken into account so far, all up to some number."""

    table: ScoreTable
    selector: Selector
    blocks: int
    known: set[int] = field(default_factory=set)
    taken: int = 0
    _waiting: dict[int, list[ScoredCandidate]] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return self.selector.is_full or self.taken == self.blocks

    def add(self, number: int, block: list[ScoredCandidate]) -> None:
        """Add a block, and take into account those that follow the last one."""
        self.known.add(number)
        self._waiting[number] = block
        while self.taken in self._waiting and not self.is_complete:
            following = self._waiting.pop(self.taken)
            first = self.table.first + len(self.table)
            self.table.add(following)
            for index, candidate in enumerate(following, first):
                self.selector.add(index, candidate)
            self.taken += 1


def run_search(
    search: Search, selector: Selector, store: Store, run: RunConfig, known: ScoreTable | None
) -> ScoreTable:
    """Score candidates until the selector is full, or all are scored; or until the run is stopped.

    Those that are ``known`` from a search of the same digest are not scored again. Returns the
    scores of all candidates up to the last block that was taken into account.

    Raises:
        Conflict: Where the directory holds the scores of another search.
        Busy: Where another process writes to it.
        PixelgenError: For a model that fails.
    """
    count = len(search.job)
    progress = _Progress(ScoreTable(search.first), selector, -(-count // BLOCK))
    store.create()
    with lock(store), store.log(SEARCH_JOURNAL) as log:
        for number, block in enumerate(_blocks(known or ())):
            log.append(encode_line([search.digest, number, block]))
        for number, block in _replay(log, search, store):
            progress.add(number, block)
        run.progress(min(len(progress.known) * BLOCK, count), 0, count)
        with checked_workers(search.job, store, run.engine) as (_, check):
            _score_missing(search, progress, log, run, check)
    return progress.table


def _score_missing(
    search: Search, progress: _Progress, log: Log, run: RunConfig, check: Check | None
) -> None:
    """Score the blocks that are not known, as long as they are wanted."""
    count, known, digest = len(search.job), {*progress.known}, search.digest

    def wanted() -> Iterator[range]:
        for number in range(progress.blocks):
            if run.stopped() or progress.is_complete:
                return
            if number not in known:
                yield range(number * BLOCK, min((number + 1) * BLOCK, count))

    work = least_work(search.model, progress.blocks - len(known), BLOCK)
    model = search.model.absolute() if run.engine.distributed else search.model
    task = _ScoreBlock(JobCandidates(search.job), model, search.robust_from)
    for numbers, block in engine_for(model, run).map(
        task, wanted(), work=work, jobs=run.workers, check=check
    ):
        number = numbers.start // BLOCK
        log.append(encode_line([digest, number, block]))
        progress.add(number, block)
        run.progress(len(numbers), 0, count)


def _blocks(candidates: Iterable[ScoredCandidate]) -> Iterator[list[ScoredCandidate]]:
    """Yield candidates by whole blocks."""
    rest = iter(candidates)
    while len(block := [*islice(rest, BLOCK)]) == BLOCK:
        yield block


def _replay(log: Log, search: Search, store: Store) -> Iterator[tuple[int, list[ScoredCandidate]]]:
    """Yield the blocks that the journal has.

    Raises:
        Conflict: Where it is of another search.
    """
    digest = search.digest
    for line in log.lines(max_bytes=_LINE_LIMIT):
        found = _parse(decode_line(line), len(search.job))
        if found is None:
            continue
        owner, number, block = found
        if owner != digest:
            raise Conflict(
                f"{store.path(SEARCH_JOURNAL)} has the scores of another model or of other"
                " candidates; remove it, or choose another directory"
            )
        yield number, block


def _parse(value: Any, count: int) -> tuple[str, int, list[ScoredCandidate]] | None:
    """Read a line; None for one that was torn, or that holds no block of so many candidates."""
    try:
        owner, number, rows = value
        block = [ScoredCandidate(*row) for row in rows]
        size = len(range(count)[number * BLOCK : (number + 1) * BLOCK])
        are_scores = all(0 <= score <= 1 and 0 <= bits < 1 << BITS for score, _, _, bits in block)
    except (ValueError, TypeError):
        return None
    is_block = number >= 0 and 0 < size == len(block) and are_scores
    return (str(owner), number, block) if is_block else None


@dataclass(frozen=True)
class _ScoreBlock:
    """Scores a block of candidates, in a worker."""

    candidates: JobCandidates
    model: Model
    robust_from: float | None

    def __call__(self, numbers: range) -> tuple[range, list[ScoredCandidate]]:
        """Return the numbers, and what is known of the candidates."""
        block: list[ScoredCandidate] = []
        for batch, scores in score_batches(self.candidates, self.model, numbers):
            images = [each.image for each in batch]
            values = self._robust([score.value for score in scores], images)
            block += [
                ScoredCandidate(value, score.predicted, each.family, fingerprint(each.image))
                for value, score, each in zip(values, scores, batch, strict=True)
            ]
        return numbers, block

    def _robust(self, values: list[float], images: list[Image]) -> list[float]:
        """Return the scores, of images that fool the model the lowest of their variants' scores."""
        if self.robust_from is None:
            return values
        fooling = [number for number, value in enumerate(values) if value >= self.robust_from]
        variants = [each for number in fooling for each in _variants(images[number])]
        scores = score_rounded(open_model(self.model), variants) if variants else []
        lowest = iter(scores)
        for number in fooling:
            values[number] = min(values[number], *(each.value for each in islice(lowest, 2)))
        return values


def _variants(image: Image) -> tuple[Image, Image]:
    """Return an image mirrored, and shifted to the right by one pixel."""
    shifted = np.concatenate([image[:, :1], image[:, :-1]], axis=1)
    return np.ascontiguousarray(image[:, ::-1]), shifted
