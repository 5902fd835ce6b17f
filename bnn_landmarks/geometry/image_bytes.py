"""What an image file's segments tell: where the picture ends, and how it must be turned.

Decoders stop at a picture's end mark and fill what a truncated file lacks with grey; what lies behind the mark (the
video of a motion photo, a maker's trailer) says nothing about the picture. So the segments are walked from the start.
Sources: ITU-T T.81 annex B (JPEG), the PNG specification, RIFF as in the WebP specification, TIFF 6.0, EXIF 2.3
and netpbm's pgm(5).
"""

import dataclasses
import re
import struct

import numpy as np

STANDALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length: TEM, RST0 to RST7, SOI.
APP1, SOS, EOI = 0xE1, 0xDA, 0xD9
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
EXIF = b"Exif\0\0"
ORIENTATION = 0x0112
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}
# The kind, then width, height and the value that is white.
NETPBM = re.compile(rb"P([2356])(?:(?:\s|#[^\n]*\n)+(\d{1,9})){3}(?=[\s#])")
SIGNATURES = (
    *(b"\x89PNG", b"BM", b"II*\0", b"MM\0*", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF"),
    *(b"\0\0\0\x0cjP", b"\xffO\xffQ", b"v/1\x01", b"#?RADIANCE", b"#?RGBE"),
)


@dataclasses.dataclass(frozen=True)
class Told:
    """format: "jpeg", "png", "webp", "tiff", "heif", "avif", "netpbm" (PGM, PPM), "pfm", or "" for all others.
    whole: its end mark is there (True for formats whose decoder refuses a truncated file). progressive: a JPEG of
    several scans. orientation: EXIF's, 1 to 8; None where it is the decoder that turns the picture. size: width,
    height as stored, before any turn; None where that takes decoding. white: of netpbm the value that is white in
    what OpenCV decodes."""

    format: str
    whole: bool = True
    progressive: bool = False
    orientation: int | None = None
    size: tuple[int, int] | None = None
    white: int | None = None


def tell(data: bytes) -> Told:
    """What the segments of an encoded image say."""
    if data.startswith(b"\xff\xd8"):
        return _tell_jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        chunks = dict(_png_chunks(data))
        header = chunks.get(b"IHDR", b"")
        size = struct.unpack_from(">II", header) if len(header) == 13 else None
        return Told("png", b"IEND" in chunks, False, _orientation(chunks.get(b"eXIf", b"")), size)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        whole = int.from_bytes(data[4:8], "little") + 8 <= len(data)
        return Told("webp", whole, orientation=_orientation(dict(_riff_chunks(data)).get(b"EXIF", b"")))
    if data.startswith((b"II*\0", b"MM\0*")):
        return Told("tiff")
    if header := NETPBM.match(data):
        white = int(header[2])
        # OpenCV scales text to 8 bits, and nothing else.
        return Told("netpbm", white=255 if header[1] in b"23" and white < 256 else white)
    if data.startswith((b"Pf", b"PF")):
        return Told("pfm")
    if data[4:8] == b"ftyp":
        end = min(int.from_bytes(data[:4], "big"), len(data))
        brands = {data[8:12], *(data[i : i + 4] for i in range(16, end, 4))}
        if brands & AVIF_BRANDS:
            return Told("avif")
        if data[8:12] in HEIF_BRANDS:
            return Told("heif")
    return Told("")


def is_image(start: bytes) -> bool:
    """Whether the first bytes of a file (32 are enough) are those of an image format."""
    return start.startswith((b"\xff\xd8", *SIGNATURES)) or bool(tell(start).format)


def turned(image, orientation):
    """An image [H, W, ...] put upright: `orientation` is EXIF's number from 1 (it is) to 8."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _tell_jpeg(data):
    marker, orientation, progressive, size = None, 1, False, None
    for marker, start, end in _jpeg_segments(data):
        if marker == APP1 and data.startswith(EXIF, start) and orientation == 1:
            orientation = _orientation(data[start:end])
        progressive |= marker in PROGRESSIVE
        if marker in FRAMES and end - start >= 6 and size is None:
            size = struct.unpack_from(">HH", data, start + 1)[::-1]
    return Told("jpeg", marker == EOI, progressive, orientation, size)


def _jpeg_segments(data):
    """(marker, start and end of its body) of each segment up to the end mark, or to where the file breaks off."""
    place = 2
    between, in_scan = re.compile(rb"\xff[^\x00\xff]"), re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
    search = between
    while found := search.search(data, place):
        marker, place = data[found.start() + 1], found.end()
        if marker in STANDALONE:
            continue
        if marker == EOI:
            yield marker, place, place
            return
        end = place + int.from_bytes(data[place : place + 2], "big")
        if end > len(data):
            return
        yield marker, place + 2, end
        search = in_scan if marker == SOS else between
        place = end


def _png_chunks(data):
    """(name, body) of each chunk that is there whole, up to IEND."""
    place, name = 8, None
    while place + 12 <= len(data) and name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, place)
        if place + 12 + length > len(data):
            return
        yield name, data[place + 8 : place + 8 + length]
        place += 12 + length


def _riff_chunks(data):
    """(name, body) of each chunk; bodies are padded to even sizes."""
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        yield name, data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _orientation(exif):
    """The orientation, 1 to 8, that a block of EXIF holds; 1 where it holds none."""
    exif = exif.removeprefix(EXIF)
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", exif, entry)
            if tag == ORIENTATION:
                (value,) = struct.unpack_from(order + {1: "B", 4: "I"}.get(kind, "H"), exif, entry + 8)
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
