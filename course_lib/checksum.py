"""A checksum inside a safetensors file, over every byte of it but its own eight."""

import re
import zlib
from pathlib import Path

import safetensors.torch
from torch import Tensor

LONGEST_HEADER = 100_000_000  # bytes, as safetensors has it
PIECE = 2**20  # bytes that are read at a time
_NONE = b"00000000"  # stands where the checksum will
_PLACE = re.compile(rb'"checksum":"([0-9a-f]{8})"')  # within a text the quotes would have a \


def save_file(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """As safetensors' own, with ``checksum`` among the metadata: a CRC-32, hexadecimal."""
    safetensors.torch.save_file(tensors, path, metadata | {"checksum": _NONE.decode()})
    place, sum_, _ = _summed(path)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(sum_)


def misfit(path: Path) -> str | None:
    """What is wrong with a file's checksum, in words that follow the file's name; None if it fits.

    Any one changed bit is noticed, and of other changes all but one in 4,000,000,000.
    """
    place, sum_, there = _summed(path)
    if place < 0:
        return "has no checksum: it is damaged, or of an older version of the course"
    return None if sum_ == there else "is damaged: its checksum does not fit its content"


def header(path: Path) -> bytes:
    """A safetensors file's beginning, with its header, even if its length is damaged."""
    with path.open("rb") as file:
        start = file.read(8)
        length = min(int.from_bytes(start, "little"), LONGEST_HEADER)
        return start + file.read(max(length, PIECE))


def _summed(path: Path) -> tuple[int, bytes, bytes]:
    """Where in a file the checksum is, -1 if nowhere, what it should be, and what it is."""
    start = header(path)
    if (found := _PLACE.search(start)) is None:
        return -1, b"", b""
    sum_ = zlib.crc32(start[: found.start(1)] + _NONE + start[found.end(1) :])
    with path.open("rb") as file:
        file.seek(len(start))
        while piece := file.read(PIECE):
            sum_ = zlib.crc32(piece, sum_)
    return found.start(1), b"%08x" % sum_, found[1]
