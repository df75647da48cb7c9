"""The decoded levels of the images of a folder, kept where they take no memory.

Images are wanted in random order, and decoding one takes far longer than cutting a part of it out.
So the levels of each are written to a temporary file that has no name, and read from there: by the
pages that are wanted, in memory that the system may take back. Where space is short, an
image is decoded each time.
"""

import hashlib
import os
import shutil
import tempfile
import weakref
from threading import Lock
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgen.errors import PixelgenError
from pixelgen.source_images.files import UnusableImage, decode, read_file
from pixelgen.source_images.images import SourceImage

Levels = npt.NDArray[Any]
"""(height, width, channels): RGB, or RGBA of an image that is not opaque; uint8 or uint16."""

_MOST_BYTES = 4 << 30
_SHARE_OF_FREE = 4  # a quarter of the space, as other processes keep images, too


class _Kept(NamedTuple):
    """Where in the file the levels of an image are, and what they are like."""

    offset: int
    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"


class DecodedImages:
    """The levels of images below a path; thread-safe. A forked process begins with none."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._kept: dict[str, _Kept] = {}
        self._last: tuple[str, Levels] | None = None
        self._file: IO[bytes] | None = None
        self._space = 0
        self._used = 0

    def levels(self, image: SourceImage) -> Levels:
        """Return the levels of an image; they must not be changed.

        Raises:
            PixelgenError: Where the file is not the one that was scanned.
        """
        with self._lock:
            if self._process != os.getpid():
                self._begin()  # the file's end is another's, too
            if kept := self._kept.get(image.name):
                file = self._file
                mapped = np.memmap(file, kept.dtype, "r", kept.offset, kept.shape)  # type: ignore[call-overload]
                return np.asarray(mapped)  # slices of a memmap are slow
            if self._last is None or self._last[0] != image.name:
                self._last = image.name, decode_levels(self._path, image)
                self._keep(*self._last)
            return self._last[1]

    def _keep(self, name: str, levels: Levels) -> None:
        """Write the levels of an image to the file, if there is space."""
        try:
            if self._file is None:
                free = shutil.disk_usage(tempfile.gettempdir()).free
                self._space = min(_MOST_BYTES, free // _SHARE_OF_FREE)
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this object
                weakref.finalize(self, self._file.close)
            if self._used + levels.nbytes > self._space:
                return
            self._file.seek(self._used)
            self._file.write(np.ascontiguousarray(levels).data)
            self._file.flush()
        except OSError:  # no space after all, or no folder for temporary files
            self._space = 0
            return
        self._kept[name] = _Kept(self._used, levels.shape, levels.dtype)
        self._used += levels.nbytes


def decode_levels(path: str, image: SourceImage) -> Levels:
    """Read and decode an image below a path.

    Raises:
        PixelgenError: Where the file is not the one that was scanned.
    """
    file = os.path.join(path, image.name)
    way = "restore the file, or generate the dataset anew in another directory"
    try:
        data = read_file(file)
        if hashlib.sha256(data).hexdigest() != image.sha256:
            raise PixelgenError(f"{file} has changed since it was scanned; {way}")
        found = decode(data)
    except OSError as error:
        raise PixelgenError(f"cannot read {file}: {error.strerror}; {way}") from None
    except UnusableImage as error:
        raise PixelgenError(f"{file} is {error}; {way}") from None
    if found.mode.startswith("I;16"):
        return np.repeat(np.asarray(found).astype(np.uint16)[..., None], 3, axis=-1)
    if found.mode in ("L", "RGB") and not found.has_transparency_data:
        return np.asarray(found.convert("RGB"))
    levels = np.asarray(found.convert("RGBA"))
    return levels if (levels[..., 3] < 255).any() else np.ascontiguousarray(levels[..., :3])
