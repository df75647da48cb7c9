"""What was selected of candidates, and the dataset of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pixelgen.dataset.api import Manifest, Place, generate
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.selection_record import MINING, SCORES
from pixelgen.errors import PixelgenError
from pixelgen.generator import Generator
from pixelgen.job import Job
from pixelgen.scoring.audit import Audit
from pixelgen.scoring.mining_record import MiningRecord
from pixelgen.scoring.score_table import ScoreTable
from pixelgen.scoring.selection_rules import Selected
from pixelgen.source_images import SelectedImage, Selection

_MOST_EXCLUDED = 10_000  # rows of the record
_NAMED = 5  # of the excluded images


@dataclass(frozen=True)
class Choice:
    """What was selected of candidates.

    Attributes:
        candidates: The job of which the candidates are the images.
        table: Their scores.
        record: The model, the candidates and the rules.
        selected: What was selected of them.
        carried: The images of an earlier round, which come first.
    """

    candidates: Job
    table: ScoreTable
    record: MiningRecord
    selected: Selected
    carried: tuple[SelectedImage, ...]

    @property
    def audit(self) -> Audit:
        """The scores of all candidates, by family."""
        return Audit.of(self.table.scored_images(), self.record.rules.threshold)

    @cached_property
    def job(self) -> Job:
        """The job of the dataset."""
        files = ((MINING, self.record.to_bytes()), (SCORES, self.table.to_bytes()))
        return self.candidates.with_selection(
            Selection((*self.carried, *self.selected.images), files)
        )

    def _held_back(self) -> str:
        """Return how many candidates fool the model and were excluded, as a clause."""
        excluded = [_describe_place(each) for each in self.record.excluded]
        if not excluded:
            return ""
        named = ", ".join(excluded[:_NAMED]) + (", …" if len(excluded) > _NAMED else "")
        return (
            f"; {len(self.selected.excluded):,} of your own images are excluded (--own-limit), as"
            f" they may hold an object without a label: {named}"
        )

    def write(self, path: Place, run: RunConfig | None = None) -> Manifest:
        """Generate the dataset, or resume it.

        Raises:
            PixelgenError: If no candidate fools the model; and what :func:`generate` raises.
        """
        if not self.selected.mined:
            threshold = self.record.rules.threshold
            raise PixelgenError(
                f"none of {len(self.table):,} candidates is mined: the highest score is"
                f" {self.audit.overall.highest:.6g}, and the threshold {threshold:.6g}"
                f"{self._held_back()}; give a lower --threshold, or other candidates"
            )
        return generate(self.job, path, run=run)


def describe_excluded(selected: Selected, job: Job) -> Iterator[dict[str, Any]]:
    """Yield which of the user's images were excluded, and where in them the candidates are."""
    generator = Generator(job.image, job.sources)
    for image in selected.excluded[:_MOST_EXCLUDED]:
        part = generator.origin(image.candidate).part
        window = {f"crop_{name}": value for name, value in part.window._asdict().items()}
        yield {
            "source": part.name,
            **window,
            "score": image.score,
            "predicted": image.predicted,
            "candidate": image.candidate,
        }


def _describe_place(row: Mapping[str, Any]) -> str:
    """Return which part of the user's images an excluded candidate is."""
    return f"{row['source']} at {row['crop_x']},{row['crop_y']}"
