"""A dataset that was mined, as a later round or another selection takes it up."""

from dataclasses import dataclass
from typing import Self

from pixelgen.dataset.api import Place, open_to_read
from pixelgen.dataset.existing_plan import read_plan
from pixelgen.dataset.source_record import read_sources
from pixelgen.errors import BadValue
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
        record = MiningRecord.read(store) if plan.job.selection else None
        if record is None:
            raise BadValue(
                f"the dataset in {store.root} was not mined; give one that 'pixelgen mine' made"
            )
        return cls(store, read_sources(plan, store), record)

    @property
    def candidates(self) -> Job:
        """The job of which the candidates that were scored are the images."""
        fields = self.job.to_dict() | {"start": self.record.first, "count": self.record.scored}
        job = Job.parse(**{name: fields[name] for name in fields.keys() - {"selection", "removed"}})
        return job.with_sources(SourceCatalog(self.job.sources.folders))

    @property
    def images(self) -> tuple[SelectedImage, ...]:
        """Its images, without those that were removed from it."""
        selection = self.job.sources.selection
        return tuple(selection.images[index] for index in self.job.indices) if selection else ()
