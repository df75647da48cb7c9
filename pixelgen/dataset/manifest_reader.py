"""The records of a finished dataset, read back from its manifest and from SHA256SUMS."""

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from pixelgen.dataset.plan import SUMS
from pixelgen.errors import Conflict, shell_path
from pixelgen.job import Job
from pixelgen.layouts import ImageRecord, Shard, ShardRecord
from pixelgen.manifest_rows import is_sha256, origin_of
from pixelgen.storage import Store

Item = TypeVar("Item")

_SIZE_LIMIT = 1 << 53
_AHEAD = 64  # lines that are looked at to find the place again after a damage
_SHA256 = re.compile(rb"[0-9a-f]{64}")
_INDEX = re.compile(rb'"index":(\d{1,16})\b')
_SIZE = re.compile(rb'"bytes":(\d{1,15}),()')  # below _SIZE_LIMIT
_SIZE_AND_HASH = re.compile(rb'"bytes":(\d{1,15}),"sha256":"([0-9a-f]{64})"')


class Aligned(Generic[Item]):
    """Pairs of an item and its line, from lines that should stand in the order of the items.

    Each line is known by a key, so one that is missing or too many does not put out of place all
    that follow: an item whose line is missing gets an empty one, a damaged line goes to the item in
    whose place it stands, and lines of no item are counted in ``surplus``.
    """

    def __init__(
        self,
        items: Iterable[Item],
        lines: Iterator[bytes],
        item_key: Callable[[Item], object],
        line_key: Callable[[bytes], object],
    ) -> None:
        self._items = iter(items)
        self._lines = lines
        self._item_key = item_key
        self._line_key = line_key
        self._items_ahead: deque[Item] = deque()
        self._lines_ahead: deque[bytes] = deque()
        self.surplus = 0

    def __iter__(self) -> Iterator[tuple[Item, bytes]]:
        return self

    def __next__(self) -> tuple[Item, bytes]:
        item = self._items_ahead.popleft() if self._items_ahead else next(self._items)
        line = self._lines_ahead.popleft() if self._lines_ahead else next(self._lines, b"")
        if line and self._line_key(line) != self._item_key(item):
            self._lines_ahead.appendleft(line)
            line = self._find(self._item_key(item))
        return item, line

    def _find(self, wanted: object) -> bytes:
        """Return the line of a key that is not the next one; an empty line if it is missing."""
        self._items_ahead.extend(islice(self._items, _AHEAD - len(self._items_ahead)))
        self._lines_ahead.extend(islice(self._lines, _AHEAD - len(self._lines_ahead)))
        keys = [self._line_key(line) for line in self._lines_ahead]
        if wanted in keys:
            self.surplus += keys.index(wanted)
            for _ in range(keys.index(wanted)):
                self._lines_ahead.popleft()
            return self._lines_ahead.popleft()
        following = [self._item_key(item) for item in self._items_ahead]
        is_damaged = keys[1:2] == following[:1]  # what follows it is in its place
        return b"" if keys[0] in following and not is_damaged else self._lines_ahead.popleft()

    def has_more(self) -> bool:
        """Return whether there are lines of no item, now that all items were taken."""
        return bool(self.surplus or self._lines_ahead or next(self._lines, b""))


class ShardLines(NamedTuple):
    """A shard with its lines of the manifest and of SHA256SUMS; empty where there are none."""

    shard: Shard
    rows: list[bytes]
    sums: list[bytes]


def align_rows(job: Job, lines: Iterator[bytes]) -> Aligned[int]:
    """Align the lines of a manifest with the indices of the images."""
    return Aligned(job.indices, lines, int, _index_in)


def align_checksums(names: Iterable[str], lines: Iterator[bytes]) -> Aligned[str]:
    """Align the lines of ``SHA256SUMS`` with the names of files."""
    return Aligned(names, lines, str.encode, _name_in)


def is_checksum_line(line: bytes, name: str) -> bool:
    """Return whether a line of ``SHA256SUMS`` gives a SHA-256 for a file."""
    return bool(_SHA256.match(line)) and line[64:] == f"  {name}\n".encode()


def _index_in(row: bytes) -> int | None:
    found = _INDEX.search(row)
    return int(found[1]) if found else None


def _name_in(line: bytes) -> bytes:
    return line[66:].rstrip(b"\n")


def group_by_shard(job: Job, rows: Iterator[bytes], sums: Iterator[bytes]) -> Iterator[ShardLines]:
    """Group the lines of the manifest and of SHA256SUMS by shard."""
    has_sums = job.checksum != "none"
    aligned = align_checksums(job.files(), sums) if has_sums else None
    return group_aligned(job, align_rows(job, rows), aligned)


def group_aligned(job: Job, rows: Aligned[int], sums: Aligned[str] | None) -> Iterator[ShardLines]:
    """Group lines that were aligned with the images and files by shard."""
    files = job.layout.container.files
    for shard in job.shards():
        yield ShardLines(
            shard,
            [line for _, line in islice(rows, len(shard.indices))],
            [next(sums)[1] for _ in files(job.info, shard)] if sums else [],
        )


def read_rows(job: Job, entry: ShardLines) -> tuple[ShardRecord, list[int]]:
    """Return what the rows say, and the images of which they say anything else than the job."""
    origins: list[str] = []
    record, wrong = ShardRecord(entry.shard.number, [], [], origins=origins), []
    row, has_checksum = job.info.row, job.checksum != "none"
    find = _finder(job)
    for index, line in zip(entry.shard.indices, entry.rows, strict=True):
        image_record = find(index, line)
        if image_record is None or row(image_record) != line:
            image_record = _parsed_record(job, index, line)
            if row(image_record) != line or bool(image_record.sha256) != has_checksum:
                wrong.append(index)
        record.sizes.append(image_record.size)
        if has_checksum:
            record.hashes.append(image_record.sha256)
        if job.remote:
            origins.append(image_record.origin)
    return record, wrong


def _finder(job: Job) -> Callable[[int, bytes], ImageRecord | None]:
    """Return the function that finds what a row says of its image, or None if it cannot.

    To parse a row takes several times as long. That it says nothing else, the caller finds out: it
    makes the row again. Of fetched images, rows say more, and are parsed.
    """
    if job.remote:
        return lambda *_: None
    search = (_SIZE if job.checksum == "none" else _SIZE_AND_HASH).search

    def find(index: int, line: bytes) -> ImageRecord | None:
        if found := search(line):
            size, sha256 = found.groups()
            return ImageRecord(index, int(size), sha256.decode(), "")
        return None

    return find


def _parsed_record(job: Job, index: int, line: bytes) -> ImageRecord:
    """Return what a row says of its image; 0 and zeros, as of no image, if it cannot be read."""
    try:
        row = json.loads(line)
        origin = origin_of(row) if job.remote else ""
        sha256, size = str(row.get("sha256", "")), int(row["bytes"])
        # Rows are made again from these, and foreign text could make them something else.
        if 0 <= size < _SIZE_LIMIT and (not sha256 or is_sha256(sha256)):
            return ImageRecord(index, size, sha256, origin)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    return ImageRecord(index, 0, "0" * 64 if job.checksum != "none" else "", "")


def list_damaged(job: Job, store: Store, name: str) -> Conflict:
    """Return the refusal of a list of a dataset that is not as it was written."""
    way = f"first run: pixelgen repair {shell_path(store.root)}"
    if job.remote:
        way = "restore it"
    return Conflict(f"{store.path(name)} is damaged or of another dataset; {way}")


def read_records(job: Job, store: Store) -> Iterator[tuple[Shard, ShardRecord]]:
    """Yield every shard with its record, without opening an image.

    Raises:
        Conflict: Where the manifest is damaged.
    """
    for entry in group_by_shard(job, store.lines(job.manifest), store.lines(SUMS)):
        record, wrong = read_rows(job, entry)
        if wrong:
            raise list_damaged(job, store, job.manifest)
        alone = entry.sums[0] if len(entry.sums) == 1 else b""
        yield entry.shard, record._replace(file_hash=alone[:64].decode(errors="replace"))
