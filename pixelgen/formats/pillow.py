"""Formats that Pillow encodes: all lossy formats, and some rare ones.

Encoding is always in memory, because ``Image.save`` to a path may leave a truncated file on a full
disk without an error.
"""

import io
from abc import abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pixelgen.formats.base import Format
from pixelgen.image_types import Pixels, Texture
from pixelgen.registry import parameter

if TYPE_CHECKING:
    from PIL.Image import Image

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_CHROMA = ("4:4:4", "4:2:2", "4:2:0")


@dataclass(frozen=True)
class PillowFormat(Format):
    """A format encoded by Pillow; a subclass sets Pillow's name and keywords for it."""

    pillow_name: ClassVar[str]

    @abstractmethod
    def save_options(self) -> dict[str, Any]:
        """Return the keywords of ``Image.save``."""

    def image(self, pixels: Pixels) -> "Image":
        """Make the Pillow image that is saved."""
        from PIL import Image  # here: most jobs are PNG, which needs no Pillow

        height, width, channels = pixels.shape
        mode = "I;16" if pixels.dtype.itemsize == 2 else _MODES[channels]
        levels = np.ascontiguousarray(pixels)
        return Image.frombuffer(mode, (width, height), levels, "raw", mode, 0, 1)

    def encode(self, pixels: Pixels) -> bytes:
        """Save into memory."""
        buffer = io.BytesIO()
        self.image(pixels).save(buffer, self.pillow_name, **self.save_options())
        return buffer.getvalue()

    def encoded_by(self, texture: Texture) -> str:
        """Return the version of Pillow, whose wheels include the codecs."""
        import PIL

        return f"Pillow {PIL.__version__}"


@dataclass(frozen=True)
class Jpeg(PillowFormat):
    """JPEG, baseline or progressive: RGB and gray."""

    name = "jpeg"
    aliases = ("jpg",)
    suffix = ".jpg"
    holds: ClassVar = {"L": (8,), "RGB": (8,)}
    side = 65500
    pillow_name = "JPEG"

    quality: int = parameter(75, "of the quantization tables", low=1, high=100)
    subsampling: str = parameter("4:2:0", "of chroma", choices=_CHROMA)
    progressive: bool = parameter(False, "store in several scans")
    optimize: bool = parameter(False, "compute the best Huffman tables")

    def save_options(self) -> dict[str, Any]:
        """Return the keywords of ``Image.save``."""
        return asdict(self)

    def is_lossless(self, mode: str) -> bool:
        """Pixels change."""
        return False


@dataclass(frozen=True)
class Webp(PillowFormat):
    """WebP, lossy or lossless: RGB and RGBA."""

    name = "webp"
    suffix = ".webp"
    holds: ClassVar = {"RGB": (8,), "RGBA": (8,)}
    side = 16383
    drops_opaque_alpha = True
    pillow_name = "WEBP"

    quality: int = parameter(80, "of a lossy image, or effort of a lossless one", low=0, high=100)
    lossless: bool = parameter(False, "keep every pixel, those under alpha 0 too")
    method: int = parameter(4, "effort, from fast to small", low=0, high=6)

    def save_options(self) -> dict[str, Any]:
        """Return the keywords of ``Image.save``."""
        return asdict(self) | {"exact": self.lossless}

    def is_lossless(self, mode: str) -> bool:
        """Return whether pixels are preserved."""
        return self.lossless


@dataclass(frozen=True)
class Avif(PillowFormat):
    """AVIF: RGB and RGBA, lossy."""

    name = "avif"
    suffix = ".avif"
    holds: ClassVar = {"RGB": (8,), "RGBA": (8,)}
    side = 32768  # one more writes a file that libavif refuses to read back
    pillow_name = "AVIF"

    quality: int = parameter(75, "from small to good", low=0, high=100)
    subsampling: str = parameter("4:2:0", "of chroma", choices=_CHROMA)
    speed: int = parameter(6, "from small to fast", low=0, high=10)

    def save_options(self) -> dict[str, Any]:
        """Return the keywords of ``Image.save``; one thread, since workers are processes."""
        return asdict(self) | {"max_threads": 1}

    def is_lossless(self, mode: str) -> bool:
        """Pixels change."""
        return False


@dataclass(frozen=True)
class Jpeg2000(PillowFormat):
    """JPEG 2000 (.jp2): every mode, and 16-bit gray; lossless unless a quality is given."""

    name = "jpeg2000"
    aliases = ("jp2", "j2k")
    suffix = ".jp2"
    holds: ClassVar = {"L": (8, 16), "LA": (8,), "RGB": (8,), "RGBA": (8,)}
    side = (1 << 31) - 1
    pillow_name = "JPEG2000"

    quality: int = parameter(0, "signal to noise ratio in dB; 0 is lossless", low=0, high=100)

    def save_options(self) -> dict[str, Any]:
        """Return the keywords of ``Image.save``."""
        if self.quality == 0:
            return {"irreversible": False}
        return {"irreversible": True, "quality_mode": "dB", "quality_layers": [self.quality]}

    def is_lossless(self, mode: str) -> bool:
        """Return whether pixels are preserved."""
        return self.quality == 0


@dataclass(frozen=True)
class Gif(PillowFormat):
    """GIF: gray as it is; RGB in a fixed palette of 8 reds, 8 greens and 4 blues."""

    name = "gif"
    suffix = ".gif"
    holds: ClassVar = {"L": (8,), "RGB": (8,)}
    side = 65535
    pillow_name = "GIF"

    interlace: bool = parameter(False, "store every eighth row first")

    def save_options(self) -> dict[str, Any]:
        """Return the keywords of ``Image.save``; the palette keeps all its entries."""
        return {"interlace": int(self.interlace), "optimize": False}

    def image(self, pixels: Pixels) -> "Image":
        """Map RGB to the palette: a noise image has no better one."""
        if pixels.shape[2] == 1:
            return super().image(pixels)
        red, green, blue = np.moveaxis(pixels, 2, 0)
        entries = (red & 0xE0) | (green >> 5 << 2) | (blue >> 6)
        image = super().image(entries[..., None])
        image.putpalette(
            [
                level
                for entry in range(256)
                for level in (
                    (entry >> 5) * 255 // 7,
                    (entry >> 2 & 7) * 255 // 7,
                    (entry & 3) * 85,
                )
            ]
        )
        return image

    def is_lossless(self, mode: str) -> bool:
        """Gray is preserved, RGB is not."""
        return mode == "L"


@dataclass(frozen=True)
class Tga(PillowFormat):
    """Truevision TGA: every mode."""

    name = "tga"
    suffix = ".tga"
    holds: ClassVar = {"L": (8,), "LA": (8,), "RGB": (8,), "RGBA": (8,)}
    side = 65535
    pillow_name = "TGA"

    rle: bool = parameter(False, "compress runs of equal pixels")

    def save_options(self) -> dict[str, Any]:
        """Return the keywords of ``Image.save``."""
        return {"compression": "tga_rle" if self.rle else None}


@dataclass(frozen=True)
class Qoi(PillowFormat):
    """The Quite OK Image format: RGB and RGBA, lossless."""

    name = "qoi"
    suffix = ".qoi"
    holds: ClassVar = {"RGB": (8,), "RGBA": (8,)}
    side = (1 << 31) - 1
    pillow_name = "QOI"

    def save_options(self) -> dict[str, Any]:
        """Return the keywords of ``Image.save``: none."""
        return {}
