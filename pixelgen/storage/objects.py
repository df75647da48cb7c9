"""An object store, by its URL: whole objects, each put in one request.

An object is there whole or not at all, and what was put stays. Nothing is streamed to it: bytes are
gathered and hashed before they are sent. A request is repeated through an outage, which costs
nothing but time, because the same bytes go to the same name.
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
from pixelgen.storage.buffer import Gathered, gathered, write_temporary
from pixelgen.storage.fsspec_clients import client, create_options, failures, put_options
from pixelgen.storage.object_errors import is_taken, is_unconditional
from pixelgen.storage.object_log import ObjectLog
from pixelgen.storage.object_requests import request

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_AT_ONCE = 16  # requests of a batch
_PIECE = 8 << 20  # bytes that are read in a request


@dataclass(frozen=True)
class ObjectStore(Store):
    """The objects below a URL. ``durability`` has nothing to say: what was put stays."""

    root: str
    durability: str = "commit"

    @classmethod
    def at(cls, url: str, durability: str) -> "ObjectStore":
        """Return the store of a URL; raise BadValue where it is none."""
        scheme, _, place = url.partition("://")
        if not scheme or not place or place.startswith("/"):
            raise BadValue(
                f"{url!r} names no bucket; write it as s3://BUCKET/PREFIX, and a directory by its"
                " path, such as ./set"
            )
        store = cls(f"{scheme}://{place.strip('/')}", durability)
        client(store.root)
        return store

    # --- what is put ---

    def path(self, name: str) -> str:
        """Return the URL of an object."""
        return f"{self.root}/{name}"

    def absolute(self) -> "ObjectStore":
        """Return the same: a URL is one everywhere."""
        return self

    def create(self) -> None:
        """Do nothing: there are no directories."""

    @contextmanager
    def batch(self, folder: str) -> Iterator[Put]:
        """Put many objects, some at a time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            sent: list[Future[None]] = []

            def put(base: str, data: Chunks) -> None:
                name = f"{folder}/{base}" if folder else base
                whole = b"".join(map(bytes, iter_chunks(data)))
                if len(sent) >= 2 * _AT_ONCE:
                    sent.pop(0).result()
                sent.append(pool.submit(self.put, name, whole))

            yield put
            for each in sent:
                each.result()

    def put(self, name: str, data: Chunks) -> None:
        """Put an object, unless it is there."""
        with gathered(data) as whole:
            if self.size(name) is None and self._create(name, whole):
                return
            if not self._is_beginning(name, whole):
                raise Conflict(
                    f"{self.path(name)} is not pixelgen's own and stays as it is; move it away, or"
                    " choose another prefix"
                )
            if self.size(name) != whole.size:
                self._send(name, whole)

    def _is_beginning(self, name: str, whole: "Gathered") -> bool:
        """Tell whether an object is a beginning of some bytes, or all of them."""
        with whole.open() as file:
            return all(file.read(len(piece)) == piece for piece in self.chunks(name))

    def _create(self, name: str, whole: "Gathered") -> bool:
        """Send an object that is not there; return False where another process was faster.

        The store itself refuses a second one, where it can: between a look and a put is time.
        """
        options = put_options(self.root, whole.size)

        def create(files: "AbstractFileSystem", path: str) -> bool:
            try:
                whole.send(files, path, options | create_options(self.root))
            except failures(self.root) as error:
                if is_taken(error):
                    return False
                if not is_unconditional(error):
                    raise
            else:
                return True
            whole.send(files, path, options)
            return True

        return self._put(create, name, whole.size)

    def _send(self, name: str, whole: "Gathered") -> None:
        """Send an object in the place of what is there."""
        options = put_options(self.root, whole.size)

        def replace(files: "AbstractFileSystem", path: str) -> bool:
            whole.send(files, path, options)
            return True

        self._put(replace, name, whole.size)

    def _put(
        self, send: Callable[["AbstractFileSystem", str], bool], name: str, wanted: int
    ) -> bool:
        """Send an object, and if it was sent see that so many bytes arrived."""
        try:
            is_sent = request(self.root, send, name)
        except FileNotFoundError:
            raise PixelgenError(
                f"cannot write {self.path(name)}: there is no such bucket"
            ) from None
        if is_sent and (size := self.size(name)) != wanted:
            raise PixelgenError(
                f"{self.path(name)} has {size} bytes after {wanted} were sent; run the same"
                " command again"
            )
        return is_sent

    def overwrite(self, name: str, data: Chunks) -> None:
        """Put one of our own objects in the place of what it was."""
        with gathered(data) as whole:
            self._send(name, whole)

    def stage(self, name: str, data: Chunks) -> StagedFile:
        """Gather an object in a file of this machine."""
        return StagedFile(name, file=write_temporary(data))

    def publish(self, staged: StagedFile) -> None:
        """Send what was gathered, and drop it here."""
        try:
            self._send(staged.name, Gathered(file=staged.file))
        finally:
            self.discard(staged)

    def discard(self, staged: StagedFile) -> None:
        """Drop what was gathered."""
        if staged.file:
            staged.file.close()

    @contextmanager
    def probe_file(self, data: bytes) -> Iterator[str]:
        """Put an object for a while."""
        name = f"{PROBE_PREFIX}{secrets.token_hex(4)}"
        self.put(name, data)
        try:
            yield name
        finally:
            self.remove(name)

    def remove(self, name: str) -> None:
        """Remove an object, and if it is a log all that it consists of."""
        for each in (name, *self._parts(name)):
            with suppress(FileNotFoundError):
                request(self.root, lambda files, path: files.rm_file(path), each)

    @contextmanager
    def log(self, name: str) -> Iterator[ObjectLog]:
        """Open a log, which is sent a part at a time, each an object beside the first."""
        if self.size(name) is None:
            self.put(name, b"")
        send, clear = partial(self._send_part, name), partial(self.remove, name)
        with closing(ObjectLog(self._log_pieces(name), send, clear)) as log:
            yield log

    def _log_pieces(self, name: str) -> Iterator[bytes]:
        """Yield what a log holds, with an end to a line that its writer did not finish."""
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
        """Return the objects that a log consists of besides the first; none of another object."""
        return sorted(self.list_names(f"{name}.")) if name.startswith(".pixelgen.") else []

    # --- what is there ---

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield an object, a request a piece."""
        size = self.size(name)
        if size is None:
            raise FileNotFoundError(2, "no such object", self.path(name))
        for start in range(0, size, _PIECE):
            yield request(self.root, partial(_read, start, min(start + _PIECE, size)), name)

    def lines(self, name: str, *, max_bytes: int = LINE_LIMIT) -> Generator[bytes]:
        """Yield the lines, of a log those of all its parts."""
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
        """Read all of it: what is read at any place is a shard, and fits into memory."""
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
        """List all objects once: a thousand of them take the time of one asked for by itself."""
        yield self._sizes("").get

    def _sizes(self, prefix: str) -> dict[str, int]:
        try:
            found = request(
                self.root, lambda files, path: files.find(path, prefix=prefix, detail=True), ""
            )
        except FileNotFoundError:
            return {}
        _, root = client(self.root)
        return {path[len(root) + 1 :]: int(each["size"]) for path, each in found.items()}

    def exists(self, name: str) -> bool:
        """Tell whether an object bears the name, or lies below it."""
        return bool(request(self.root, lambda files, path: files.exists(path), name))

    def list_names(self, prefix: str) -> list[str]:
        """List those objects."""
        found = self._sizes(prefix)
        return [name for name in found if name.startswith(prefix) and "/" not in name]

    def is_known_empty(self) -> bool:
        """Tell whether there is nothing below the root."""
        return not self.exists("")

    def mount_id(self) -> str:
        """Name the one there is: what was put stays."""
        return "objects"


def _read(start: int, stop: int, files: "AbstractFileSystem", path: str) -> bytes:
    return bytes(files.cat_file(path, start=start, end=stop))


def _in_pieces(line: bytes, max_bytes: int) -> list[bytes]:
    """Cut a line that is too long into pieces."""
    return [line[start : start + max_bytes] for start in range(0, len(line), max_bytes)]
