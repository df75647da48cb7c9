"""JPEG, by ITU-T T.81 | ISO/IEC 10918-1, annex B (compressed data formats).

https://www.w3.org/Graphics/JPEG/itu-t81.pdf
"""

import re
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from pixelgen.pixlab.client.structure.damage import (
    METADATA_PARTS,
    Damage,
    check_end,
    check_metadata,
    check_size,
)

_EOI, _SOS = 0xD9, 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15, without DHT, JPG and DAC
_HUFFMAN = {0xC0, 0xC1, 0xC2}  # baseline, extended sequential and progressive
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
_NO_SEGMENT = {0x01, 0xD8, *range(0xD0, 0xD8)}  # TEM, SOI and RST0 to RST7 have no parameters
_HIERARCHICAL = {0xDE, 0xDF}  # DHP and EXP
_SCANS = 100  # at most, as libtiff has it; encoders write about ten, and each is decoded in full

# A marker, which fill bytes may precede (B.1.1.2). In a scan, FF 00 is data and RST is part of it.
_MARKER = re.compile(rb"\xff++([^\x00\xff])", re.DOTALL)
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_FILL = b"\xff" * 1024  # so many fill bytes in a scan are refused: decoders are slow with them
_SURPLUS = b"\x5a\xa5\x3c\xc3\x69\x96"


class _Segment(NamedTuple):
    marker: int
    payload: memoryview
    end: int  # where the next one begins; for SOS, after the scan's entropy-coded data


def check_jpeg(data: bytes, width: int, height: int) -> list[bytes]:
    """Check the segments from SOI to EOI: one frame of one size, and nothing after it.

    Segments do not show whether a scan has data for all its blocks, and decoders fill those that
    are missing with gray. But a decoder that has all blocks ignores what follows in the scan. So a
    second file is returned, with surplus bytes at the end of each scan: if blocks are missing, it
    decodes to other pixels.
    """
    segments = check_segments(data)
    frame = next(segment for segment in segments if segment.marker in _FRAMES)
    height_there, width_there = struct.unpack_from(">HH", frame.payload, 1)
    check_size((width_there, height_there), width, height)
    ends = [segment.end for segment in segments if segment.marker == _SOS]
    if frame.marker not in _HUFFMAN:  # arithmetic coding may leave out zeros at the end of a scan
        return [data]
    # Without the fill bytes before a marker: the first surplus byte would make one of them.
    pieces = [data[start:end].rstrip(b"\xff") + _SURPLUS for start, end in pairwise([0, *ends])]
    return [data, b"".join([*pieces, data[ends[-1] :]])]


def check_segments(data: bytes | memoryview) -> Sequence[_Segment]:
    """Return the segments of a JPEG image, with or without its tables, once they are right."""
    segments = list(_segments(data))
    markers = [segment.marker for segment in segments]
    check_metadata(sum(len(segment.payload) for segment in segments))
    if _SOS not in markers or not _FRAMES.intersection(markers[: markers.index(_SOS)]):
        raise Damage("has no image data (SOF, SOS)")
    frames = [segment for segment in segments if segment.marker in _FRAMES]
    if len(frames) > 1 or _HIERARCHICAL.intersection(markers):
        raise Damage("has more than one frame (SOF)")
    _check_scans(frames[0], [segment for segment in segments if segment.marker == _SOS])
    return segments


def _check_scans(frame: _Segment, scans: Sequence[_Segment]) -> None:
    """Check that each coefficient of each component is in scans, to its last bit (G.1.1.1)."""
    if len(scans) > _SCANS:
        raise Damage(f"has more than {_SCANS} scans (SOS)")
    if len(frame.payload) < 9:
        raise Damage("has an invalid header (SOF)")
    missing = {component: {*range(64)} for component in bytes(frame.payload[6::3])}
    for scan in scans:
        components, first, last, low_bits = _scan_header(scan.payload)
        if frame.marker not in _PROGRESSIVE:
            first, last, low_bits = 0, 63, 0
        if low_bits == 0:
            for component in components:
                missing.get(component, set()).difference_update(range(first, last + 1))
    if any(missing.values()) and frame.marker not in _LOSSLESS:
        raise Damage("lacks a scan (SOS)")


def _scan_header(payload: memoryview) -> tuple[bytes, int, int, int]:
    """Return a scan's components, its first and last coefficient, and the bits that it leaves."""
    count = payload[0] if payload else 0
    if len(payload) != 4 + 2 * count:
        raise Damage("has an invalid header of a scan (SOS)")
    first, last, bits = payload[-3:]
    return bytes(payload[1 : 1 + 2 * count : 2]), first, last, bits & 15


def _segments(data: bytes | memoryview) -> Iterator[_Segment]:
    """Yield the segments between SOI and EOI."""
    view = memoryview(data)
    offset = 2
    for _ in range(METADATA_PARTS):
        found = _MARKER.match(view, offset)
        if not found:
            raise Damage(
                "has no end (EOI)" if offset >= len(view) else "has bytes between segments"
            )
        marker = found[1][0]
        if marker == _EOI:
            check_end(len(view), found.end(), "EOI")
            return
        segment = _segment(view, marker, found.end())
        yield segment
        offset = segment.end
    raise Damage(f"has more than {METADATA_PARTS:,} segments")


def _segment(view: memoryview, marker: int, offset: int) -> _Segment:
    """Return the segment whose parameters are at an offset."""
    if marker in _NO_SEGMENT:
        raise Damage(f"has a marker where none is allowed (FF {marker:02X})")
    length = int.from_bytes(view[offset : offset + 2], "big")
    end = offset + length
    if end > len(view):
        raise Damage("has no end (EOI)")
    if length < 2:
        raise Damage(f"has a damaged segment (FF {marker:02X})")
    payload = view[offset + 2 : end]
    if marker == _SOS:
        found = _SCAN_END.search(view, end)
        if not found:
            raise Damage("has no end (EOI)")
        scan, end = view[end : found.start()], found.start()
        if _FILL in bytes(scan):
            raise Damage("has a scan of fill bytes (SOS)")
    return _Segment(marker, payload, end)
