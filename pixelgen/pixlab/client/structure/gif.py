"""GIF, by CompuServe's "Graphics Interchange Format, Version 89a", which includes 87a.

https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

import struct

from pixelgen.pixlab.client.structure.damage import (
    METADATA_PARTS,
    Damage,
    check_end,
    check_metadata,
    check_size,
)

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_NO_END = "has no end (trailer 3B)"


def check_gif(data: bytes, width: int, height: int) -> list[bytes]:
    """Check the blocks from the screen descriptor to the trailer, and that one is an image.

    The file that is returned ends with the image: Pillow reads on in what follows where the image's
    data has too few pixels.

    Raises:
        Damage: If anything of this does not hold.
    """
    if len(data) < 13:
        raise Damage(_NO_END)
    *screen, flags = struct.unpack_from("<HHB", data, 6)
    check_size((screen[0], screen[1]), width, height)
    offset = 13 + _table_bytes(flags)
    image_end = metadata = 0
    for _ in range(METADATA_PARTS):
        kind = _byte(data, offset)
        if kind == _TRAILER:
            break
        if kind == _EXTENSION:
            end = _skip_sub_blocks(data, offset + 2)
            metadata += end - offset
            check_metadata(metadata)
        elif kind == _IMAGE:
            if image_end:
                raise Damage("is an animation of several frames")
            end = image_end = _skip_image(data, offset, width, height)
        else:
            raise Damage(f"has an unknown block ({kind:02X})")
        offset = end
    else:
        raise Damage(f"has more than {METADATA_PARTS:,} extensions")
    if not image_end:
        raise Damage("has no image (2C)")
    check_end(len(data), offset + 1, "trailer 3B")
    return [data[:image_end] + bytes([_TRAILER])]


def _skip_image(data: bytes, offset: int, width: int, height: int) -> int:
    """Return where an image ends: its descriptor, color table, and LZW data in sub-blocks."""
    if offset + 11 > len(data):
        raise Damage(_NO_END)
    left, top, across, down, flags = struct.unpack_from("<HHHHB", data, offset + 1)
    if left + across > width or top + down > height:
        raise Damage("has a frame that does not fit its size")
    return _skip_sub_blocks(data, offset + 10 + _table_bytes(flags) + 1)


def _skip_sub_blocks(data: bytes, offset: int) -> int:
    """Return where sub-blocks end, each of which begins with its length, and the last has none."""
    while length := _byte(data, offset):
        offset += 1 + length
    return offset + 1


def _byte(data: bytes, offset: int) -> int:
    if offset >= len(data):
        raise Damage(_NO_END)
    return data[offset]


def _table_bytes(flags: int) -> int:
    """Return the size of a color table, as the descriptor that it belongs to has it."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
