"""A store in memory, as another project would write one: no more than the contract asks for."""

import secrets
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Self

from pixelgen.errors import Conflict
from pixelgen.storage import PROBE_PREFIX, Chunks, Put, StagedFile, Store
from pixelgen.storage.base import LINE_LIMIT, iter_chunks

FILES: dict[str, dict[str, bytes]] = {}
"""The files of each root, which all stores of that root share."""


class MemoryLog:
    def __init__(self, files: dict[str, bytes], name: str) -> None:
        self._files = files
        self._name = name

    @property
    def size(self) -> int:
        return len(self._files[self._name])

    def append(self, line: bytes) -> int:
        place = self.size
        self._files[self._name] += line
        return place

    def lines(self, start: int = 0, *, max_bytes: int) -> Generator[bytes]:
        yield from _lines(self._files[self._name][start:], max_bytes)

    def remove(self) -> None:
        self._files.pop(self._name, None)


def _lines(data: bytes, max_bytes: int) -> Iterator[bytes]:
    file = BytesIO(data)
    return iter(lambda: file.readline(max_bytes), b"")


@dataclass(frozen=True)
class MemoryStore(Store):
    root: str
    durability: str = "commit"

    @property
    def files(self) -> dict[str, bytes]:
        return FILES.setdefault(self.root, {})

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def absolute(self) -> Self:
        return self

    def create(self) -> None:
        pass

    @contextmanager
    def batch(self, folder: str) -> Iterator[Put]:
        yield lambda name, data: self.put(f"{folder}/{name}" if folder else name, data)

    def put(self, name: str, data: Chunks) -> None:
        whole = b"".join(map(bytes, iter_chunks(data)))
        if not whole.startswith(self.files.get(name, b"")):
            raise Conflict(f"{self.path(name)} is not pixelgen's own; move it away")
        self.files[name] = whole

    def overwrite(self, name: str, data: Chunks) -> None:
        self.files[name] = b"".join(map(bytes, iter_chunks(data)))

    def stage(self, name: str, data: Chunks) -> StagedFile:
        return StagedFile(name, file=BytesIO(b"".join(map(bytes, iter_chunks(data)))))

    def publish(self, staged: StagedFile) -> None:
        assert staged.file is not None
        self.put(staged.name, staged.file.read())

    def discard(self, staged: StagedFile) -> None:
        pass

    @contextmanager
    def probe_file(self, data: bytes) -> Iterator[str]:
        name = f"{PROBE_PREFIX}{secrets.token_hex(4)}"
        self.put(name, data)
        yield name
        self.remove(name)

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    def log(self, name: str) -> AbstractContextManager[MemoryLog]:
        self.files.setdefault(name, b"")
        return nullcontext(MemoryLog(self.files, name))

    def chunks(self, name: str) -> Iterator[bytes]:
        if name not in self.files:
            raise FileNotFoundError(name)
        yield self.files[name]

    def lines(self, name: str, *, max_bytes: int = LINE_LIMIT) -> Generator[bytes]:
        yield from _lines(self.files.get(name, b""), max_bytes)

    def reader(self, name: str) -> AbstractContextManager[BinaryIO]:
        return BytesIO(b"".join(self.chunks(name)))

    def size(self, name: str) -> int | None:
        return len(self.files[name]) if name in self.files else None

    def exists(self, name: str) -> bool:
        return any(each == name or each.startswith(f"{name}/") for each in self.files)

    def list_names(self, prefix: str) -> list[str]:
        return [name for name in self.files if name.startswith(prefix) and "/" not in name]

    def is_known_empty(self) -> bool:
        return not self.files

    def mount_id(self) -> str:
        return "memory"
