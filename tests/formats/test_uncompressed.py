"""BMP, PPM, TIFF and NPY, which pixelgen writes itself."""

import io

import numpy as np
import pytest
from PIL import Image

from pixelgen.errors import BadValue
from pixelgen.families import Texture
from pixelgen.formats import Format
from pixelgen.formats.uncompressed import Bmp, Npy, Ppm, Tiff


@pytest.mark.parametrize("kind", [Bmp, Ppm, Npy, Tiff])
def test_uncompressed_formats_depend_on_no_library(kind: type[Format]) -> None:
    assert {kind().encoded_by(texture) for texture in Texture} == {""}


def test_tiff_is_deflated_only_on_request() -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    for compression, name in (("none", "raw"), ("deflate", "tiff_adobe_deflate")):
        with Image.open(io.BytesIO(Tiff(compression).encode(pixels))) as image:
            assert image.info["compression"] == name
    assert len(Tiff("deflate").encode(pixels)) < len(Tiff().encode(pixels)) / 4


def test_bmp_refuses_a_size_over_32_bits() -> None:
    with pytest.raises(BadValue, match="bmp"):
        Bmp().check(1, (1 << 30) + 1, "L", 8)  # rows are padded to four bytes
