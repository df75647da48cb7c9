"""The journal: which shards of a dataset are done, so that an interrupted run can be resumed.

As long as a dataset is unfinished, from before its plan (:mod:`pixelgen.dataset.plan`) to after its
manifest, there are also ``.pixelgen.lock`` and ``.pixelgen.journal``: a line for each shard that is
done, of the CRC-32 of the rest as eight hexadecimal digits, a space, and JSON. Runs that make a
partition of the dataset each have a journal of their own beside it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from itertools import chain

import numpy as np
import numpy.typing as npt

from pixelgen.dataset.partition import WHOLE, Partition
from pixelgen.dataset.plan import JOURNAL, Plan, checksum_files
from pixelgen.dataset.sidecar_files import dataset_folders, sidecar_names
from pixelgen.errors import BadValue, Conflict, PixelgenError
from pixelgen.layouts import Shard, ShardRecord
from pixelgen.manifest_rows import is_origin, is_sha256
from pixelgen.storage import Log, Store
from pixelgen.storage.append_log import decode_line, encode_line
from pixelgen.storage.checksums import sha256_of

_DURABLE = "settled"  # as journals have it
_VALUES = 8  # in the line of a shard
_DURABLE_SIZE = 64  # bytes that such a line has at most
_LINE, _IMAGE, _FETCHED = 4096, 128, 2048  # bytes of a line: at most, and for each of its images


class Journal:
    """The shards of a job that are done: on disk a line each, in memory the place of that line.

    Of a ``partition`` it counts the shards of that alone; ``name`` is that of another file than
    usual. Raises BadValue where the memory has no room for the places.
    """

    def __init__(
        self, store: Store, plan: Plan, partition: Partition = WHOLE, name: str = ""
    ) -> None:
        job = plan.job
        self._store = store
        self._job = job
        self._id = plan.id
        self._partition = partition
        self._name = name or (JOURNAL if partition == WHOLE else partition.journal)
        self._places = _places(job.shard_count)
        self._most = _LINE + job.shard_size * (_FETCHED if job.remote else _IMAGE)
        self._log: Log | None = None
        self._begun = 0
        self.images = 0
        self.shards_missing = len(range(partition.number - 1, job.shard_count, partition.total))

    @cached_property
    def _mount(self) -> str:
        """Name the time for which the store is believed to keep what it has not synced."""
        return self._store.mount_id()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open the journal's file, to append to the lines that are there already."""
        with self._store.log(self._name) as self._log:
            self._check_owner(self._log)
            self.replay(partial(self._log.lines, max_bytes=self._most))
            self._begun = self._log.size
            yield

    def _check_owner(self, log: Log) -> None:
        """Raise Conflict where the file is of another job, as in the middle of a resize."""
        for line in log.lines(max_bytes=self._most):
            values = decode_line(line)
            if isinstance(values, list) and len(values) == _VALUES and values[1] != self._id:
                raise Conflict(
                    f"{self._store.path(self._name)} is of a dataset of more images or fewer:"
                    " 'generate -n' or 'remove' was interrupted; run that command again"
                )
            return

    def replay(self, lines: Callable[[], Iterable[bytes]]) -> None:
        """Take what the lines of this journal's file say, as far as it is true."""
        for place, _, record in self._true_lines(lines):
            self._mark_done(record, place)

    def read(self, name: str) -> None:
        """Take what another journal of the dataset says, for as long as none of it is written."""
        for place, _, record in self._true_lines(self._lines_of(name)):
            self._mark_done(record, place)

    def records_in(self, name: str) -> Iterator[ShardRecord]:
        """Yield what another journal of the dataset says, as far as it is true."""
        return (record for _, _, record in self._true_lines(self._lines_of(name)))

    def take_over(self, name: str) -> None:
        """Take over the lines of another journal of the dataset, as far as they are true."""
        for _, line, record in self._true_lines(self._lines_of(name)):
            if not self.has(record.shard):
                self._mark_done(record, self._file.append(line))

    def _lines_of(self, name: str) -> Callable[[], Iterable[bytes]]:
        """Return what reads the lines of a journal, none longer than those of this job."""
        return partial(self._store.lines, name, max_bytes=self._most)

    def _true_lines(
        self, lines: Callable[[], Iterable[bytes]]
    ) -> Iterator[tuple[int, bytes, ShardRecord]]:
        """Yield every whole line of the job whose files are there, with its place and its record.

        Of another mount, unless they were durable, with the right hashes.
        """
        place, durable = 0, self._durable_place(lines())
        with self._store.opened() as store, store.size_lookup() as sizes:
            for line in lines():
                record, mount = self._parse(line)
                unsafe = None if mount == self._mount or place < durable else store
                if record and self._fits(record) and self._is_there(record, sizes, unsafe):
                    yield place, line, record
                place += len(line)

    def _durable_place(self, lines: Iterable[bytes]) -> int:
        """Return the place up to which everything in its lines was on the disk."""
        place, durable = 0, 0
        for line in lines:
            if len(line) <= _DURABLE_SIZE and decode_line(line) == [self._id, _DURABLE]:
                durable = place
            place += len(line)
        return durable

    def mark_durable(self) -> None:
        """Write down that what is done so far is on the disk, for other mounts to believe."""
        self._file.append(encode_line([self._id, _DURABLE]))

    def _fits(self, record: ShardRecord) -> bool:
        if not 0 <= record.shard < self._job.shard_count:
            return False
        images = len(self._job.shard(record.shard).indices)
        hashes = images if self._job.checksum != "none" else 0
        origins = images if self._job.remote else 0
        lengths = len(record.sizes), len(record.hashes), len(record.origins)
        of_file = [record.file_hash] if record.file_hash else []
        return (
            lengths == (images, hashes, origins)
            and all(map(is_sha256, chain(record.hashes, of_file)))
            and all(map(is_origin, record.origins))
        )

    def _is_there(
        self, record: ShardRecord, sizes: Callable[[str], int | None], unsafe: Store | None
    ) -> bool:
        """Return whether the record's files are there: by size, and in an unsafe store by hash."""
        shard, info = self._job.shard(record.shard), self._job.info
        return all(
            (size := sizes(found.name)) is not None
            and found.size in (None, size)
            and (unsafe is None or found.sha256 == sha256_of(unsafe.chunks(found.name)))
            for found in self._job.layout.container.file_entries(info, shard, record)
        )

    def is_begun(self) -> bool:
        """Return whether the file has a line of this job, whatever became of the files."""
        return any(self._parse(line)[0] for line in self._lines_of(self._name)())

    def add(self, record: ShardRecord) -> None:
        """Write down that a shard is done."""
        self._mark_done(record, self._file.append(self.line(record)))

    def _mark_done(self, record: ShardRecord, place: int) -> None:
        number, total = self._partition
        if record.shard % total != number - 1:
            return
        if not self.has(record.shard):
            self.images += len(record.sizes)
            self.shards_missing -= 1
        self._places[record.shard] = place + 1

    def has(self, shard: int) -> bool:
        """Return whether a shard is done."""
        return bool(self._places[shard])

    def missing(self) -> Iterator[Shard]:
        """Yield the shards that are not done."""
        return (each for each in self._partition.shards(self._job) if not self.has(each.number))

    def records(self) -> Iterator[tuple[Shard, ShardRecord]]:
        """Yield every shard with its record, in order."""
        for shard in self._job.shards():
            lines = self._file.lines(int(self._places[shard.number]) - 1, max_bytes=self._most)
            record, _ = self._parse(next(lines, b""))
            lines.close()
            if record is None or record.shard != shard.number:
                path = self._store.path(self._name)
                raise PixelgenError(
                    f"{path} was changed by another process; run the same command again"
                )
            yield shard, record

    def remove(self) -> None:
        """Remove the file: the dataset is complete."""
        self._file.remove()

    def discard_unsynced(self) -> None:
        """Believe nothing after a sync that failed, so that the next run makes or compares all.

        The system reports a lost page once, and shows the old content while it is cached. So what
        was made in this run is removed, and what was there before is read from the disk anew.
        """
        info, container = self._job.info, self._job.layout.container
        with suppress(PixelgenError):  # what failed first is reported
            for name in chain((JOURNAL, *checksum_files(self._job)), *sidecar_names(self._job)):
                self._store.remove(name)
            for shard in self._job.shards():
                is_made = self._places[shard.number] > self._begun
                for name in container.files(info, shard):
                    (self._store.remove if is_made else self._store.drop_page_cache)(name)
            for folder in dataset_folders(self._job):
                self._store.remove_folder(folder)

    @property
    def _file(self) -> Log:
        if self._log is None:
            raise RuntimeError("the journal is not open")
        return self._log

    def line(self, record: ShardRecord) -> bytes:
        """Return the line of a record, which names the mount and the job, too."""
        return encode_line([self._mount, self._id, *record])

    def _parse(self, line: bytes) -> tuple[ShardRecord | None, str]:
        """Read a line into its record and the mount it was written in; None if it is not ours."""
        try:
            mount, job, shard, sizes, hashes, file_size, file_hash, origins = decode_line(line)
            record = ShardRecord(
                int(shard), [*map(int, sizes)], [*map(str, hashes)], int(file_size), str(file_hash),
                [*map(str, origins)],
            )  # fmt: skip
        except (ValueError, TypeError, OverflowError):
            return None, ""
        return (record if job == self._id else None), mount


def _places(shards: int) -> npt.NDArray[np.int64]:
    """Return an array of a place a shard: 0 is unknown; takes no memory until it is written."""
    try:
        return np.zeros(shards, np.int64)
    except MemoryError:
        raise BadValue(
            f"{shards:,} shards are more than this machine can keep track of; make fewer images, or"
            " several datasets"
        ) from None


def partitions(store: Store) -> Iterator[Partition]:
    """Yield the partitions that have a journal in a directory."""
    return filter(None, map(Partition.of_journal, store.list_names(".pixelgen.")))


def replay_journals(store: Store, plan: Plan, partition: Partition = WHOLE) -> Journal:
    """Return what the journals of an unfinished dataset say is done, without a change to any."""
    done = Journal(store, plan, partition)
    for name in (JOURNAL, *(each.journal for each in partitions(store))):
        done.read(name)
    return done
