"""A dataset that was mined, as a later round or another selection takes it up."""

from dataclasses import dataclass
from typing import Self

from pixelgen.dataset.api import Place, open_to_read
from pixelgen.dataset.existing_plan import read_plan
from pixelgen.dataset.manifest import is_as_listed
from pixelgen.dataset.plan import SUMS
from pixelgen.dataset.selection_record import MINING, SCORES
from pixelgen.dataset.source_record import read_sources
from pixelgen.errors import BadValue, Conflict
from pixelgen.job import Job
from pixelgen.scoring.mining_record import MiningRecord
from pixelgen.source_images import SelectedImage, SourceCatalog
from pixelgen.storage import Store


@dataclass(frozen=True)
class MinedDataset:
    """Its store, job and record.

    Attributes:
        store: Where it is.
        job: Its job, with its selection.
        record: What it was mined by.
    """

    store: Store
    job: Job
    record: MiningRecord

    @classmethod
    def open(cls, place: Place) -> Self:
        """Open the dataset in a directory or object store.

        Raises:
            BadValue: Where no mined dataset is.
            Conflict: Where it is damaged.
        """
        store = open_to_read(place)
        plan = read_plan(store)
        if not plan.job.selection:
            raise BadValue(
                f"the dataset in {store.root} was not mined; give one that 'pixelgen mine' made"
            )
        check_search_files(store)
        return cls(store, read_sources(plan, store), MiningRecord.read(store))

    @property
    def candidates(self) -> Job:
        """The job of which the candidates that were scored are the images."""
        fields = self.job.to_dict() | {"start": self.record.first, "count": self.record.scored}
        job = Job.parse(**{name: fields[name] for name in fields.keys() - {"selection", "removed"}})
        return job.with_sources(SourceCatalog(self.job.sources.folders))

    @property
    def removed(self) -> set[int]:
        """The candidates whose images were removed from it."""
        kept = {image.candidate for image in self.images}
        selection = self.job.sources.selection
        return {*selection.candidates} - kept if selection else set()

    @property
    def images(self) -> tuple[SelectedImage, ...]:
        """Its images, without those that were removed from it."""
        selection = self.job.sources.selection
        return tuple(selection.images[index] for index in self.job.indices) if selection else ()


def check_search_files(store: Store) -> None:
    """Raise Conflict where a file of a search is missing, or is not as SHA256SUMS lists it."""
    for name in (MINING, SCORES):
        if not is_as_listed(store, name):
            raise Conflict(
                f"{store.path(name)} is missing, or not as {SUMS} lists it; restore it from a copy"
            )
