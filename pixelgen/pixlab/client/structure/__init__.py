"""The structure of image files: whether one is whole, before it is decoded.

Decoders are lenient. Pillow opens a PNG without its end, a truncated JPEG, a TIFF with bytes
after its last strip. So each format has a check here, written from its specification, that walks
through the whole file: all its parts are there, checksums are right, it is one image of the size
that was requested, and nothing follows. Each check also bounds what decoding may cost, in memory
and time, and needs time in proportion to the file's length.
"""

from collections.abc import Callable, Mapping

from pixelgen.pixlab.client.structure.bmp import check_bmp
from pixelgen.pixlab.client.structure.damage import Damage
from pixelgen.pixlab.client.structure.gif import check_gif
from pixelgen.pixlab.client.structure.jpeg import check_jpeg
from pixelgen.pixlab.client.structure.png import check_png
from pixelgen.pixlab.client.structure.tiff import check_tiff

__all__ = ["CHECKS", "SIGNATURES", "Damage"]

CHECKS: Mapping[str, Callable[[bytes, int, int], list[bytes]]] = {
    "png": check_png,
    "jpeg": check_jpeg,
    "bmp": check_bmp,
    "tiff": check_tiff,
    "gif": check_gif,
}
"""The check of each format: it takes a file, and the width and height that its image must have.

It raises :class:`Damage`, or returns files that are to be decoded, all to the same pixels: mostly
the file itself.
"""

SIGNATURES: Mapping[str, tuple[bytes, ...]] = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8",),
    "bmp": (b"BM",),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "gif": (b"GIF87a", b"GIF89a"),
}
"""What the files of each format begin with."""
