"""An object store, by its URL: each object is written whole, in one request.

An object exists whole or not at all, and writes are durable. Nothing is streamed: bytes are
buffered and hashed before they are sent. Requests are retried during an outage, which is safe
because the same bytes go to the same name.
"""

import secrets
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from pixelgen.errors import BadValue, Conflict, PixelgenError
from pixelgen.storage.base import (
    LINE_LIMIT,
    PROBE_PREFIX,
    Chunks,
    Put,
    SizeLookup,
    StagedFile,
    Store,
    iter_chunks,
)
from pixelgen.storage.buffer import BufferedObject, buffered, write_unnamed_file
from pixelgen.storage.fsspec_clients import client_errors, create_options, open_client, put_options
from pixelgen.storage.object_errors import is_already_there, rejects_condition
from pixelgen.storage.object_log import ObjectLog
from pixelgen.storage.object_requests import request

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_MAX_CONCURRENT = 16  # requests of a batch
_READ_SIZE = 8 << 20  # bytes in a request


@dataclass(frozen=True)
class ObjectStore(Store):
    """The objects below a URL. ``durability`` has no effect: every write is durable."""

    root: str
    durability: str = "commit"

    @classmethod
    def at(cls, url: str, durability: str) -> "ObjectStore":
        """Return the store of a URL; raise BadValue if it is invalid."""
        scheme, _, path = url.partition("://")
        if not scheme or not path or path.startswith("/"):
            raise BadValue(
                f"invalid output {url!r}: must be s3://BUCKET/PREFIX or the like, or the path of a"
                " directory such as ./negatives"
            )
        store = cls(f"{scheme}://{path.strip('/')}", durability)
        open_client(store.root)
        return store

    def path(self, name: str) -> str:
        """Return the URL of an object."""
        return f"{self.root}/{name}"

    def absolute(self) -> "ObjectStore":
        """Return the same store: a URL is absolute."""
        return self

    def create(self) -> None:
        """Do nothing: there are no folders."""

    @contextmanager
    def batch(self, folder: str) -> Iterator[Put]:
        """Write many objects, some at a time."""
        with ThreadPoolExecutor(_MAX_CONCURRENT) as pool:
            sent: list[Future[None]] = []

            def put(base: str, data: Chunks) -> None:
                name = f"{folder}/{base}" if folder else base
                whole = b"".join(map(bytes, iter_chunks(data)))
                if len(sent) >= 2 * _MAX_CONCURRENT:
                    sent.pop(0).result()
                sent.append(pool.submit(self.put, name, whole))

            yield put
            for each in sent:
                each.result()

    def put(self, name: str, data: Chunks) -> None:
        """Write an object, unless it exists."""
        with buffered(data) as whole:
            if self.size(name) is None and self._create(name, whole):
                return
            if not self._is_prefix(name, whole):
                raise Conflict(
                    f"{self.path(name)} is not pixelgen's own and was not changed; move it away,"
                    " or use another prefix"
                )
            if self.size(name) != whole.size:
                self._send(name, whole)

    def _is_prefix(self, name: str, whole: "BufferedObject") -> bool:
        """Return whether an object is a prefix of some bytes, or all of them."""
        with whole.open() as file:
            return all(file.read(len(piece)) == piece for piece in self.chunks(name))

    def _create(self, name: str, whole: "BufferedObject") -> bool:
        """Create an object; return False if another process did so first.

        The store itself refuses to replace it, if it can: a check before the write would race.
        """
        options = put_options(self.root, whole.size)

        def create(files: "AbstractFileSystem", path: str) -> bool:
            try:
                whole.send(files, path, options | create_options(self.root))
            except client_errors(self.root) as error:
                if is_already_there(error):
                    return False
                if not rejects_condition(error):
                    raise
            else:
                return True
            whole.send(files, path, options)
            return True

        return self._put(create, name, whole.size)

    def _send(self, name: str, whole: "BufferedObject") -> None:
        """Write an object, or replace what is there."""
        options = put_options(self.root, whole.size)

        def replace(files: "AbstractFileSystem", path: str) -> bool:
            whole.send(files, path, options)
            return True

        self._put(replace, name, whole.size)

    def _put(
        self, send: Callable[["AbstractFileSystem", str], bool], name: str, expected: int
    ) -> bool:
        """Send an object; if it was sent, check that the store has all its bytes."""
        try:
            is_sent = request(self.root, send, name)
        except FileNotFoundError:
            raise PixelgenError(
                f"cannot write {self.path(name)}: the bucket does not exist; create it first"
            ) from None
        if is_sent and (size := self.size(name)) != expected:
            raise PixelgenError(
                f"{self.path(name)} has {size} bytes, but {expected} were sent; run the same"
                " command again"
            )
        return is_sent

    def overwrite(self, name: str, data: Chunks) -> None:
        """Replace the content of one of our own objects."""
        with buffered(data) as whole:
            self._send(name, whole)

    def stage(self, name: str, data: Chunks) -> StagedFile:
        """Write an object to a temporary file of this machine."""
        return StagedFile(name, file=write_unnamed_file(data))

    def publish(self, staged: StagedFile) -> None:
        """Send a staged object, and remove its temporary file."""
        try:
            self._send(staged.name, BufferedObject(file=staged.file))
        finally:
            self.discard(staged)

    def discard(self, staged: StagedFile) -> None:
        """Remove the temporary file of a staged object."""
        if staged.file:
            staged.file.close()

    @contextmanager
    def probe_file(self, data: bytes) -> Iterator[str]:
        """Keep an object while the context lasts."""
        name = f"{PROBE_PREFIX}{secrets.token_hex(4)}"
        self.put(name, data)
        try:
            yield name
        finally:
            self.remove(name)

    def remove(self, name: str) -> None:
        """Remove an object; of a log, all its parts."""
        for each in (name, *self._parts(name)):
            with suppress(FileNotFoundError):
                request(self.root, lambda files, path: files.rm_file(path), each)

    @contextmanager
    def log(self, name: str) -> Iterator[ObjectLog]:
        """Open a log, whose parts are objects beside the first."""
        if self.size(name) is None:
            self.put(name, b"")
        send, clear = partial(self._send_part, name), partial(self.remove, name)
        with closing(ObjectLog(self._log_pieces(name), send, clear)) as log:
            yield log

    def _log_pieces(self, name: str) -> Iterator[bytes]:
        """Yield the content of a log; a line that its writer did not finish gets an end."""
        for each in (name, *self._parts(name)):
            piece = b"\n"
            with suppress(FileNotFoundError):
                for piece in self.chunks(each):
                    yield piece
            if not piece.endswith(b"\n"):
                yield b"\n"

    def _send_part(self, name: str, number: str, lines: bytes) -> None:
        self.put(f"{name}.{number}", lines)

    def _parts(self, name: str) -> list[str]:
        """Return the objects of a log besides the first; none if the name is not of a log."""
        return sorted(self.list_names(f"{name}.")) if name.startswith(".pixelgen.") else []

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield an object in chunks, each by a request."""
        size = self.size(name)
        if size is None:
            raise FileNotFoundError(2, "no such object", self.path(name))
        for start in range(0, size, _READ_SIZE):
            yield request(self.root, partial(_read, start, min(start + _READ_SIZE, size)), name)

    def lines(self, name: str, *, max_bytes: int = LINE_LIMIT) -> Generator[bytes]:
        """Yield the lines of an object; of a log, those of all its parts."""
        for each in (name, *self._parts(name)):
            rest = b""
            with suppress(FileNotFoundError):
                for chunk in self.chunks(each):
                    *whole, rest = BytesIO(rest + chunk).readlines()
                    for line in whole:
                        yield from _in_pieces(line, max_bytes)
                    if len(rest) > max_bytes:
                        *whole, rest = _in_pieces(rest, max_bytes)
                        yield from whole
            if rest:
                yield rest

    @contextmanager
    def reader(self, name: str) -> Iterator[BinaryIO]:
        """Read the whole object: only shards are read with seek, and they fit into memory."""
        yield BytesIO(b"".join(self.chunks(name)))

    def size(self, name: str) -> int | None:
        """Return the size of an object."""
        try:
            found = request(self.root, lambda files, path: files.info(path), name)
        except FileNotFoundError:
            return None
        return int(found["size"]) if found["type"] == "file" else None

    @contextmanager
    def size_lookup(self) -> Iterator[SizeLookup]:
        """List all objects once: a list of a thousand takes as long as one request for a size."""
        yield self._sizes("").get

    def _sizes(self, prefix: str) -> dict[str, int]:
        try:
            found = request(
                self.root, lambda files, path: files.find(path, prefix=prefix, detail=True), ""
            )
        except FileNotFoundError:
            return {}
        _, root = open_client(self.root)
        return {path[len(root) + 1 :]: int(each["size"]) for path, each in found.items()}

    def exists(self, name: str) -> bool:
        """Return whether an object has this name, or lies below it."""
        return bool(request(self.root, lambda files, path: files.exists(path), name))

    def list_names(self, prefix: str) -> list[str]:
        """Return the names in the root with a prefix."""
        found = self._sizes(prefix)
        return [name for name in found if name.startswith(prefix) and "/" not in name]

    def is_known_empty(self) -> bool:
        """Return whether there is nothing below the root."""
        return not self.exists("")

    def mount_id(self) -> str:
        """Return a constant: every write is durable."""
        return "objects"


def _read(start: int, stop: int, files: "AbstractFileSystem", path: str) -> bytes:
    return bytes(files.cat_file(path, start=start, end=stop))


def _in_pieces(line: bytes, max_bytes: int) -> list[bytes]:
    """Split a line that is too long into pieces."""
    return [line[start : start + max_bytes] for start in range(0, len(line), max_bytes)]
