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
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pixelgen.errors import PixelgenError
from pixelgen.source_images.files import UnusableImage, decode, read_file
from pixelgen.source_images.images import SourceImage

Levels = npt.NDArray[Any]
"""(height, width, channels): RGB, or RGBA of an image that is not opaque; uint8 or uint16."""

Plane = npt.NDArray[Any]
"""A channel of an image: (height, width), uint8 or uint16."""

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
        """Return the levels of an image, each channel contiguous; they must not be changed.

        Raises:
            PixelgenError: Where the file is not the one that was scanned.
        """
        with self._lock:
            if self._process != os.getpid():
                self._begin()  # the file's end is another's, too
            if kept := self._kept.get(image.name):
                return _to_levels(self._mapped(kept, "r"))
            if self._last is None or self._last[0] != image.name:
                planes = decode_planes(self._path, image)
                if self._keep(image.name, planes):
                    return _to_levels(self._mapped(self._kept[image.name], "r"))
                self._last = image.name, np.stack(planes)
            return _to_levels(self._last[1])

    def _keep(self, name: str, planes: list[Plane]) -> bool:
        """Write the planes of an image to the file; return whether there was space."""
        size = sum(plane.nbytes for plane in planes)
        kept = _Kept(self._used, (len(planes), *planes[0].shape), planes[0].dtype)
        try:
            if self._file is None:
                free = shutil.disk_usage(tempfile.gettempdir()).free
                self._space = min(_MOST_BYTES, free // _SHARE_OF_FREE)
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this object
                weakref.finalize(self, self._file.close)
            if self._used + size > self._space:
                return False
            _reserve(self._file, self._used, size)
            for target, plane in zip(self._mapped(kept, "r+"), planes, strict=True):
                target[...] = plane
        except OSError:  # no space after all, or no folder for temporary files
            self._space = 0
            return False
        self._kept[name] = kept
        self._used += size
        return True

    def _mapped(self, kept: _Kept, mode: Literal["r", "r+"]) -> Levels:
        """Return the planes of an image as they are in the file, (channels, height, width)."""
        file: Any = self._file
        return np.asarray(np.memmap(file, kept.dtype, mode, kept.offset, kept.shape))


def _to_levels(planes: Levels) -> Levels:
    return planes.transpose(1, 2, 0)


def _reserve(file: IO[bytes], offset: int, size: int) -> None:
    """Reserve space for what is mapped: without space, a write there ends the process (SIGBUS)."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), offset, size)
    else:
        file.seek(offset)
        file.write(bytes(size))
        file.flush()


def decode_planes(path: str, image: SourceImage) -> list[Plane]:
    """Read and decode an image below a path: three channels, or four if it is not opaque.

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
        return 3 * [np.asarray(found).astype(np.uint16)]
    mode = "RGBA" if found.has_transparency_data else "RGB"
    if found.mode != mode:
        found = found.convert(mode)
    # Channel by channel takes half the time that Pillow takes for all.
    shape = found.height, found.width
    planes = [np.frombuffer(found.tobytes("raw", each), np.uint8).reshape(shape) for each in mode]
    return planes[:3] if len(planes) == 4 and planes[3].min() == 255 else planes
