"""What OpenCV does not say of an .mp4, .mov or .3gp, how its picture is turned, and does not write: frames' own times.

The boxes are those of ISO/IEC 14496-12: size, name, body; `moov` holds the tables, of each track in a `trak`.
"""

import itertools
import struct

INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")
TICKS = 90_000  # per second, of a rewritten track
LARGEST = 2**28  # bytes of a moov that is read


def orientations(path):
    """EXIF's number (1 to 8) for the turn of each video track; [] where the file is of another kind or damaged."""
    with open(path, "rb") as file:
        _, moov = _moov(file)
    found = []
    try:
        for name, start, end in _boxes(moov, 8, len(moov)):
            if name == b"trak" and _is_video(moov, start, end):
                ((header, _),) = _find(moov, start, end, b"tkhd")
                matrix = header + (52 if moov[header] else 40)
                a, b, _, c, d = struct.unpack_from(">5i", moov, matrix)
                found.append(_orientation(a, b, c, d))
    except (ValueError, struct.error):
        pass
    return found


def set_times(path, times, last):
    """Give the frames of a file that was written at a constant rate their own times.

    times: seconds from the first frame, growing. last: seconds that the last frame is shown.

    Raises:
        ValueError: the file does not hold as many frames, or is not whole (the disk was full).
    """
    with open(path, "r+b") as file:
        place, moov = _moov(file)
        try:
            ((sizes, _),) = _find(moov, 8, len(moov), b"trak", b"mdia", b"minf", b"stbl", b"stsz")
            (count,) = struct.unpack_from(">I", moov, sizes + 8)
        except (ValueError, struct.error):
            raise ValueError("its tables are missing") from None
        if count != len(times):
            raise ValueError(f"it holds {count} of {len(times)} frames")
        ticks = [round(time * TICKS) for time in [*times, times[-1] + last]]
        durations = [max(1, after - before) for before, after in itertools.pairwise(ticks)]
        file.seek(place)
        file.write(_box(b"moov", _retimed(moov, 8, len(moov), durations, sum(durations) / TICKS)))
        file.truncate()


def _moov(file):
    """Where the box moov begins and its bytes, header and all; b"" where there is none."""
    place, end = 0, file.seek(0, 2)
    while place + 8 <= end:
        file.seek(place)
        head = file.read(16)
        size, name = struct.unpack_from(">I4s", head)
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack_from(">Q", head, 8)
        size = size or end - place
        if size < 8 or place + size > end:
            break
        if name == b"moov" and size <= LARGEST:
            file.seek(place)
            return place, file.read(size)
        place += size
    return end, b""


def _boxes(data, place, end):
    """(name, start and end of its body) of each box."""
    while place + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, place)
        if size < 8 or place + size > end:
            raise ValueError("a box ends outside the one around it")
        yield name, place + 8, place + size
        place += size


def _find(data, start, end, *names):
    """(start, end) of the bodies of all boxes with this path."""
    places = [(start, end)]
    for name in names:
        places = [(s, e) for outer in places for found, s, e in _boxes(data, *outer) if found == name]
    return places


def _is_video(data, start, end):
    return any(data[s + 8 : s + 12] == b"vide" for s, _ in _find(data, start, end, b"mdia", b"hdlr"))


def _orientation(a, b, c, d):
    """EXIF's number for a matrix that shows pixel (x, y) at (a x + c y, b x + d y)."""
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return {(True, True): 1, (False, True): 2, (False, False): 3, (True, False): 4}[a >= 0, d >= 0]
    return {(True, True): 5, (True, False): 6, (False, False): 7, (False, True): 8}[b >= 0, c >= 0]


def _retimed(data, place, end, durations, seconds):
    """The boxes of data[place:end] with the durations (ticks) of their frames, `seconds` in all."""
    out, thousandths = b"", round(seconds * 1000)
    for name, start, stop in _boxes(data, place, end):
        body = bytearray(data[start:stop])
        if name in INSIDE:
            body = _retimed(data, start, stop, durations, seconds)
        elif name == b"stts":
            body = (
                bytes(4)
                + struct.pack(">I", len(durations))
                + b"".join(struct.pack(">2I", 1, ticks) for ticks in durations)
            )
        elif name == b"mdhd":
            struct.pack_into(">2I", body, 12, TICKS, sum(durations))
        elif name == b"mvhd":
            struct.pack_into(">2I", body, 12, 1000, thousandths)
        elif name == b"tkhd":
            struct.pack_into(">I", body, 20, thousandths)
        elif name == b"elst":
            struct.pack_into(">2I", body, 8, thousandths, 0)
        out += _box(name, bytes(body))
    return out


def _box(name, body):
    return struct.pack(">I4s", 8 + len(body), name) + body
