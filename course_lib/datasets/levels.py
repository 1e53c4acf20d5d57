"""What the numbers of an array stand for: grey levels of which range."""

import math

import numpy as np

from course_lib.datasets.axes import PIECE, Meaning, Source

LOOKED_AT = 64  # pictures that say whether all need to be looked at
FULL_SCALES = (255, 1023, 4095, 65535)  # the largest level of cameras' 8, 10, 12 and 16 bits
DARK = 31  # a level that something exceeds in all pictures but very dark ones
AROUND = 0.05  # how far beyond its range a resized picture may reach, as a share of it


def with_levels(meaning: Meaning, source: Source, name: str) -> Meaning:
    """The meaning with that of its numbers, which are all looked at unless a few tell enough."""
    stored = source().dtype
    if stored == np.uint8:
        n, *of_one = meaning.shape
        looked_at = min(LOOKED_AT, 2 + PIECE // math.prod(of_one))
        some = meaning.view(source())[np.unique(np.linspace(0, n - 1, looked_at).astype(int))]
        if some.max() > DARK and (some != some[:1]).any():
            return meaning
    low, high, all_equal = _extent(meaning, source, name)
    if low == high == 0:
        raise ValueError(
            f"{name} is all black, every number 0, but pictures were expected: check the code that "
            "made it."
        )
    if all_equal and meaning.shape[0] > 1:
        raise ValueError(
            f"{name} holds the same picture {meaning.shape[0]:,} times, but different ones were "
            "expected: check the code that made it."
        )
    if stored.kind == "b":
        return meaning.but(
            "false and true became black and white", levels=lambda x: x * np.uint8(255)
        )
    found = _scale(low, high, stored, name)
    if found is None:
        dark = f"they are very dark, nothing above {high:g} of 255"
        return meaning.but(dark) if high <= DARK else meaning
    (lowest, step), note = found

    def levels(x: np.ndarray) -> np.ndarray:
        exact = (x.astype(np.float64) - lowest) * (255 / step)
        return exact.round().clip(0, 255).astype(np.uint8)

    return meaning.but(note, levels=levels)


def _extent(meaning: Meaning, source: Source, name: str) -> tuple[float, float, bool]:
    """The smallest and the largest number, and whether all pictures are equal."""
    low, high, all_equal, first = math.inf, -math.inf, True, None
    for rows, part in meaning.pieces(source):
        first = part[:1].copy() if first is None else first
        all_equal = all_equal and bool((part == first).all())
        part_low, part_high = float(part.min()), float(part.max())
        if not math.isfinite(part_low) or not math.isfinite(part_high):
            kind = "NaN (not a number)" if math.isnan(part_low) else "infinity"
            raise ValueError(
                f"{name} holds {part.dtype} with {kind}, first in the pictures from {rows.start} "
                "on, but finite numbers were expected: find them with numpy.isfinite(images), and "
                "repair or drop those pictures."
            )
        low, high = min(low, part_low), max(high, part_high)
    return low, high, all_equal


def _scale(
    low: float, high: float, dtype: np.dtype, name: str
) -> tuple[tuple[float, float], str] | None:
    """Which number is black and how far white is above it, with words for it; None where the
    numbers are grey levels already."""
    whole = dtype.kind in "iu"
    if whole and low >= 0 and high <= 1:
        note = "they hold only 0 and 1, taken for black and white"
        if dtype == np.uint8:
            note += " (were they floats once, save those, for astype('uint8') cut their greys off)"
        return (0, 1), note
    if whole and low >= 0 and high > 255 and high <= FULL_SCALES[-1]:
        full = next(full for full in FULL_SCALES if high <= full)
        return (0, full), f"{dtype} from 0 to {full} became 0 to 255"
    if whole and low >= 0 and high <= 255:
        return ((0, 255), f"{dtype} became uint8") if dtype != np.uint8 else None
    if whole and low == -1 and high == 1:
        return (-1, 2), f"{dtype} from -1 to 1 became 0 to 255"
    if dtype == np.int8:
        return (-128, 255), "int8 from -128 to 127 became 0 to 255"
    if not whole:
        black, white = _range(low, high)
        if white:
            beyond = low < black or high > white
            seen = f"from {low:.3g} to {high:.3g}, clipped to {black}…{white},"
            note = seen if beyond else f"from {black} to {white}"
            return (black, white - black), f"{dtype} {note} became 0 to 255"
    raise ValueError(
        f"{name} holds {dtype} from {low:g} to {high:g}, but numbers from 0 to 255, 0 to 1 or -1 "
        "to 1 were expected: scale them to 0…1, by (images - images.min()) / (images.max() - "
        "images.min()) if nothing better is known."
    )


def _range(low: float, high: float) -> tuple[int, int]:
    """Black and white of floats; 0 and 0 where they could be this or that."""
    if low >= -AROUND and 1 / 64 < high <= 1 + AROUND:
        return 0, 1
    if -1 - 2 * AROUND <= low < -0.6 and high <= 1 + 2 * AROUND:
        return -1, 1
    if low >= -255 * AROUND and 32 < high <= 255 * (1 + AROUND):
        return 0, 255
    return 0, 0


def on_white(levels: np.ndarray) -> np.ndarray:
    """Four channels to three: transparent parts show white paper."""
    opacity = levels[..., 3:].astype(np.float32) / 255
    return (levels[..., :3] * opacity + 255 * (1 - opacity)).round().astype(np.uint8)
