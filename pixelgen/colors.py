"""Colors: parsed from text, as red, green, blue and alpha of 0 … 255."""

import re
from typing import Any, NamedTuple

from pixelgen.errors import BadValue

_TRANSPARENT = {"tr", "transparent", "none"}
_GRAY = re.compile(r"gr[ae]y(\d{1,3})")
_BARE_HEX = re.compile(r"[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}")


class Color(NamedTuple):
    """A color with straight (not premultiplied) alpha; ``str`` returns text that parses back."""

    red: int
    green: int
    blue: int
    alpha: int = 255

    def __str__(self) -> str:
        if self.alpha == 0:
            return "transparent"
        return "#" + bytes(self[:3] if self.alpha == 255 else self).hex()

    @property
    def luma(self) -> int:
        """The gray level; see :func:`luma`."""
        return int(luma(self.red, self.green, self.blue))


def luma(red: Any, green: Any, blue: Any) -> Any:
    """Return the gray level of ITU-R BT.601, in 16-bit fixed point: what Pillow gives mode L.

    Takes whole numbers of up to 16 bits, or arrays of them in uint32.
    """
    return (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16


def parse_color(text: str) -> Color:
    """Read a color.

    Takes whatever Pillow's ``ImageColor`` takes (140 names, ``#rgb``, ``#rgba``, ``#rrggbb``,
    ``#rrggbbaa``, ``rgb(…)``, ``hsl(…)``, ``hsv(…)``), bare hexadecimal digits, ``gray0`` …
    ``gray100`` (and ``grey…``; per cent of white), and ``tr``, ``transparent`` or ``none``.

    >>> parse_color("cef48e"), str(parse_color("tr"))
    (Color(red=206, green=244, blue=142, alpha=255), 'transparent')

    Raises:
        BadValue: If it has another form.
    """
    word = text.strip().lower()
    if word in _TRANSPARENT:
        return Color(0, 0, 0, 0)
    gray = _GRAY.fullmatch(word)
    if gray and int(gray[1]) <= 100:
        # 2.55·p + ½ in whole numbers: the 101 gray levels of ImageMagick.
        return Color(*[(255 * int(gray[1]) + 50) // 100] * 3)
    from PIL import ImageColor  # here, because most jobs have no color

    try:
        color = Color(*ImageColor.getrgb("#" + word if _BARE_HEX.fullmatch(word) else word))
        bytes(color)  # raises ValueError past 255
    except ValueError:
        raise BadValue(
            f"unknown color {text!r}: must be a name (red, gray50), hex (#cef48e), rgb(…) or tr"
        ) from None
    return color
