"""Colour faces drawn from 16 known factors.

A face is a stack of parts, painted back to front. Each part is a *signed distance field*, a
function that is negative inside the part and positive outside. The distance, in pixels, tells how
much of a pixel the part covers, so edges are smooth at any size (Quilez, "2D distance functions").

Pixels see only sums, products, quotients, square roots and comparisons. These round in one way
only, so a face does not depend on the batch it is rendered in, bit for bit.
"""

import math
from types import SimpleNamespace

import torch
from torch import Tensor

from course_lib.datasets.painting import Canvas, bump, curve, ellipse, oval, ramp, rgb, wave
from course_lib.training.threads import one_thread

FACTORS = (  # what 0 and 1 mean; left and right are the viewer's
    "skin",  # light, dark
    "face_width",  # narrow, wide
    "jaw",  # pointed, square
    "eye_size",  # small, large
    "eye_dist",  # close together, far apart
    "gaze",  # left, right
    "eye_open",  # closed, wide open
    "brow_angle",  # inner ends down (stern), up (worried)
    "mouth_curve",  # frown, smile
    "mouth_open",  # closed, open
    "hair_colour",  # black, white; brown, red and blond between them
    "hair_length",  # above the ears, past the shoulders
    "tilt",  # head leans left, right
    "yaw",  # head turns left, right
    "light",  # comes from the left, right
    "background",  # red, purple; the hues in order between them
)
_UNIFORM = ("skin", "hair_colour", "hair_length", "light", "background")

_SKIN = ("ffe0c8", "f0c4a0", "d9a378", "ac744e", "805036", "643f2f")
_HAIR = ("221c1b", "4e3220", "885029", "ba5e30", "dcb064", "e6dbc2")
_BACKGROUND = ("be8278", "c8b682", "86ac86", "78a6b4", "7e86b8", "aa80b0")
_CLOTH, _LASH, _IRIS, _EYEBALL, _WHITE = "4a546c", "221614", "58685c", "f4f3f0", "ffffff"
_LIP_TINT, _MOUTH, _TONGUE, _TEETH, _BLUSH = "c4484e", "4a1418", "ba5454", "f4f0e8", "ff968c"
_HAIR_IN_SHADE = "a69080"

# Lengths: the picture spans -1/_ZOOM .. 1/_ZOOM, (0, 0) is its middle and y points down.
_ZOOM = 1.12
_HEAD_HEIGHT = 0.64  # half of it
_NECK = 0.62  # the head tilts about this height
_BROWS, _EYES, _NOSE, _LIPS = -0.235, -0.05, 0.165, 0.355  # heights
_CHUNK = 32  # faces painted at once; more would not fit into a processor's cache


def sample(n: int, seed: int = 0) -> Tensor:
    """Draw the factors of ``n`` faces; the same seed gives the same faces.

    Colours, light and hair length are uniform. Shape, pose and expression are the mean of two
    uniform draws (a triangular density), so that extreme faces are rare.

    Returns
    -------
    Tensor
        float32, shape (n, 16), in [0, 1], columns as in ``FACTORS``.
    """
    draws = torch.rand(2, n, len(FACTORS), generator=torch.Generator().manual_seed(seed))
    uniform = torch.tensor([name in _UNIFORM for name in FACTORS])
    return torch.where(uniform, draws[0], draws.mean(0))


@one_thread()
@torch.no_grad()
def render(factors: Tensor, size: int = 64) -> Tensor:
    """Paint faces.

    Parameters
    ----------
    factors : Tensor
        Floating point, shape (N, 16), in [0, 1], columns as in ``FACTORS``.
    size : int
        Height and width of the pictures in pixels.

    Returns
    -------
    Tensor
        uint8, shape (N, 3, size, size), RGB.

    Raises
    ------
    TypeError, ValueError
        If ``factors`` is not such a tensor, or ``size`` not a positive whole number.
    """
    _check(factors, size)
    faces = torch.empty(len(factors), 3, size, size, dtype=torch.uint8, device=factors.device)
    for chunk, out in zip(factors.split(_CHUNK), faces.split(_CHUNK), strict=True):
        out.copy_(_paint_faces(_describe(chunk), size, factors.device))
    return faces


def _check(factors: Tensor, size: int) -> None:
    if not isinstance(factors, Tensor) or not factors.is_floating_point():
        found = factors.dtype if isinstance(factors, Tensor) else type(factors).__name__
        raise TypeError(f"factors must be a floating point tensor, found {found}.")
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS):
        found, expected = tuple(factors.shape), f"(N, {len(FACTORS)})"
        raise ValueError(f"factors must have shape {expected}, found {found}; use f[None] for one.")
    bad = ~((factors >= 0) & (factors <= 1))  # NaN is neither
    if bad.any():
        row, column = bad.nonzero()[0].tolist()
        found = f"{FACTORS[column]} = {factors[row, column]:g} in row {row}"
        raise ValueError(f"factors must lie in [0, 1], found {found}; clamp or repair them first.")
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"size must be a positive whole number of pixels, found {size!r}.")


def _describe(factors: Tensor) -> SimpleNamespace:
    """Turn factors into lengths and sines (N, 1, 1) and colours (N, 3, 1, 1) of the parts.

    Computed in double precision, so that sines round to the same float32 in every batch.
    """
    f = dict(zip(FACTORS, factors.double().T[..., None, None], strict=True))
    tilt = (2 * f["tilt"] - 1) * math.radians(18)
    yaw = (2 * f["yaw"] - 1) * math.radians(20)
    spread = 0.45 + 0.20 * f["eye_dist"]  # the angle from the middle of the face to an eye
    width = 0.44 + 0.12 * f["face_width"]
    hair_left, hair_right = width * torch.sin(yaw - 1.3), width * torch.sin(yaw + 1.3)
    parting = width * (torch.sin(yaw) - 0.26)
    values = {
        "tilt_sin": torch.sin(tilt),
        "tilt_cos": torch.cos(tilt),
        "yaw_sin": torch.sin(yaw),
        "yaw_cos": torch.cos(yaw),
        "eye_sin": torch.sin(spread),
        "eye_cos": torch.cos(spread),
        "width": width,  # half the width of the head
        "jaw": 0.62 - 0.60 * f["jaw"],  # how fast the head narrows downwards
        "eye_size": 0.098 + 0.042 * f["eye_size"],
        "lid": 0.32 - 1.10 * f["eye_open"] * (1.7 - 0.7 * f["eye_open"]),  # usual faces are awake
        "gaze": 2 * f["gaze"] - 1,
        "brow_slope": 0.72 * f["brow_angle"] - 0.48,
        "smile": 0.15 * f["mouth_curve"] - 0.045,  # how far the corners of the mouth rise
        "mouth_width": 0.18 + 0.03 * f["mouth_curve"],
        "mouth_open": 0.06 * f["mouth_open"] * (1 + f["mouth_open"]),
        "hair_end": 0.04 + f["hair_length"],
        "hair_left": hair_left,
        "hair_right": hair_right,
        "left_radius": 2.0 * (parting - hair_left),
        "right_radius": 1.4 * (hair_right - parting),
        "light": 2 * f["light"] - 1,
        "skin": ramp(f["skin"], _SKIN),
        "hair": ramp(f["hair_colour"], _HAIR),
        "background": ramp(f["background"], _BACKGROUND),
    }
    return SimpleNamespace(**{name: value.float() for name, value in values.items()})


def _paint_faces(face: SimpleNamespace, size: int, device: torch.device) -> Tensor:
    pixel = 2 / size / _ZOOM
    axis = (torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2) * pixel
    X, Y = axis.view(1, 1, -1), axis.view(1, -1, 1)
    x = face.tilt_cos * X + face.tilt_sin * (Y - _NECK)
    y = face.tilt_cos * (Y - _NECK) - face.tilt_sin * X + _NECK
    background = face.background * (1 - 0.2 * Y.unsqueeze(1))
    canvas = Canvas(background.repeat(1, 1, 1, size), X, Y, x, y, pixel)
    outline, opening, side = _hair_fields(canvas, face)
    _paint_back_hair(canvas, face, outline)
    _paint_body(canvas.window(0, 0.65, 1, 0.35), face)
    _paint_ear(canvas.window(-0.5, 0.02, 0.42, 0.38), face, -1)
    _paint_ear(canvas.window(0.5, 0.02, 0.42, 0.38), face, 1)
    _paint_head(canvas, face, opening)
    _paint_blush_and_nostrils(canvas.window(0, 0.15, 0.9, 0.4), face)
    for sign in (-1, 1):
        window = canvas.window(0.28 * sign, -0.12, 0.70, 0.38)
        _paint_eye(window, face, sign)
        _paint_brow(window, face, sign)
    _paint_mouth(canvas.window(0, 0.42, 0.56, 0.3), face)
    _paint_front_hair(canvas, face, outline, opening, side)
    return canvas.image.clamp_(0, 1).mul_(255).add_(0.5).to(torch.uint8)


# ---------------------------------------------------------------------------------------- hair


def _hair_fields(canvas: Canvas, face: SimpleNamespace) -> tuple[Tensor, Tensor, Tensor]:
    """The hair's outline, its opening around the face, and the side of the parting.

    The opening is a pointed arch, where two ovals overlap; the parting starts at its tip.
    """
    y, length = canvas.y + 0.12, 0.4 + face.hair_end
    up, down = (y / 0.65).clamp_(max=0), (y / length).clamp_(min=0)
    square = down * down
    half_width = face.width * (1.15 + 0.1 * face.hair_end * square)
    x = (canvas.x + 0.06 * face.yaw_sin) / half_width
    slopes = 2 * x / half_width, 2 * up / 0.65 + 4 * square * down / length
    outline = curve(x * x + up * up + square * square, *slopes)
    rise = (canvas.y - 0.35).clamp_(max=0)  # below, the locks fall straight
    left = oval(canvas.x - face.hair_left - face.left_radius, rise, face.left_radius, 0.892)
    right = oval(canvas.x - face.hair_right + face.right_radius, rise, face.right_radius, 0.848)
    return outline, torch.maximum(left, right), left - right


def _hair_shade(canvas: Canvas, face: SimpleNamespace) -> Tensor:
    return 0.94 + 0.25 * face.light * canvas.x - 0.16 * canvas.y


def _paint_back_hair(canvas: Canvas, face: SimpleNamespace, outline: Tensor) -> None:
    colour = face.hair * rgb(_HAIR_IN_SHADE, face.hair)
    # A little smaller than the front hair, or its edge would show twice.
    canvas.paint(canvas.cover(outline + 0.02), colour, _hair_shade(canvas, face))


def _paint_front_hair(
    canvas: Canvas, face: SimpleNamespace, outline: Tensor, opening: Tensor, side: Tensor
) -> None:
    # Short hair ends in sideburns, long hair in locks that are longest outside.
    slant = 1.0 - 1.6 * face.hair_end
    tips = canvas.y - face.hair_end + slant * (canvas.x.abs() - 0.95 * face.width)
    tips = tips / torch.sqrt(1 + slant * slant)
    hair = torch.maximum(torch.maximum(outline, -opening), tips)
    shine = bump(canvas.x - 0.25 * face.light, canvas.y + 0.52 + 0.2 * canvas.x**2, 0.5, 0.16)
    parting = (1 - 30 * side.abs()).clamp_(min=0) * (-4 * canvas.y - 1.2).clamp_(0, 1)
    shade = _hair_shade(canvas, face) + 0.22 * shine - 0.15 * parting
    for frequency in (7, 12, 23):  # strands run along the opening; those thinner than pixels blend
        visible = 0.3 / (frequency * canvas.pixel) - 1
        if visible > 0:
            shade += 0.06 * min(visible, 1) * wave(frequency * opening)
    canvas.paint(canvas.cover(hair), face.hair + 0.02, shade)


# ------------------------------------------------------------------------------- body and head


def _paint_body(canvas: Canvas, face: SimpleNamespace) -> None:
    X, Y, x, y = canvas.X, canvas.Y, canvas.x, canvas.y
    neck = torch.maximum(x.abs() - 0.52 * face.width - 0.5 * (Y - 0.6).clamp(0, 0.2), 0.2 - y)
    shade = 0.88 + 0.3 * face.light * x - 0.3 * bump(x, y - 0.6, 0.6, 0.3)  # shadow of the chin
    canvas.paint(canvas.cover(neck), face.skin, shade)
    neckline = ellipse(X, Y - 0.66, 0.32, 0.17)
    shoulders = torch.maximum(ellipse(X, Y - 1.16, 0.94, 0.47), -neckline)
    canvas.paint(canvas.cover(shoulders), _CLOTH, 1 + 0.27 * face.light * X)


def _paint_ear(canvas: Canvas, face: SimpleNamespace, sign: int) -> None:
    x, y = canvas.x - face.width * (0.99 * sign + 0.1 * face.yaw_sin), canvas.y - 0.05
    ear = ellipse(x, y, 0.08 * (1 - 0.4 * sign * face.yaw_sin), 0.13)
    shade = 0.86 + 0.16 * sign * face.light - 0.25 * bump(x, y, 0.06, 0.1)
    canvas.paint(canvas.cover(ear), face.skin, shade)


def _paint_head(canvas: Canvas, face: SimpleNamespace, opening: Tensor) -> None:
    v = canvas.y / _HEAD_HEIGHT
    x = canvas.x * (1 + face.jaw * v.clamp(min=0) ** 2)
    u = x / face.width
    # The light falls on a dome. It is never quite dark, so dark skin keeps its features.
    normal = torch.sqrt((1 - 0.96 * (u * u + v * v)).clamp_(min=0.02))
    light_x = 0.72 * face.light
    light_z = torch.sqrt(0.8 - light_x * light_x)
    shade = 0.72 + 0.36 * (light_x * u - 0.3 * v + light_z * normal).clamp_(min=-0.15)
    nose_x, nose_y = canvas.x - 1.3 * face.width * face.yaw_sin, canvas.y - _NOSE
    lit, shaded = nose_x - 0.03 * face.light, nose_x + 0.06 * face.light
    shade += 0.10 * bump(lit, nose_y + 0.12, 0.10, 0.34)  # bridge
    shade += 0.12 * bump(lit, nose_y + 0.03, 0.07, 0.08)  # tip
    shade -= 0.12 * bump(shaded, nose_y + 0.05, 0.13, 0.26)
    shade -= 0.14 * bump(nose_x, nose_y - 0.05, 0.13, 0.05)
    shade -= 0.22 * (1 + 10 * opening).clamp_(0, 1)  # shadow of the hair
    canvas.paint(canvas.cover(ellipse(x, canvas.y, face.width, _HEAD_HEIGHT)), face.skin, shade)


def _paint_blush_and_nostrils(canvas: Canvas, face: SimpleNamespace) -> None:
    centre = canvas.x - face.width * face.yaw_sin
    blush = bump(centre.abs() - 0.56 * face.width, canvas.y - 0.2, 0.24, 0.2)
    canvas.paint(0.2 * blush, face.skin * rgb(_BLUSH, face.skin))
    nose_x = canvas.x - 1.3 * face.width * face.yaw_sin
    nostrils = bump(nose_x.abs() - 0.036, canvas.y - _NOSE - 0.03, 0.036, 0.026)
    canvas.paint(0.55 * nostrils, 0.35 * face.skin)


# ------------------------------------------------------------------------ eyes, brows and mouth


def _eye_frame(canvas: Canvas, face: SimpleNamespace, sign: int) -> tuple[Tensor, Tensor]:
    """Distance outwards from the middle of an eye, and how much the yaw foreshortens the eye."""
    centre = face.width * (face.eye_sin * face.yaw_cos * sign + face.eye_cos * face.yaw_sin)
    foreshortening = face.eye_cos * face.yaw_cos - sign * face.eye_sin * face.yaw_sin
    return sign * (canvas.x - centre), 1.15 * foreshortening.clamp(0.4, 0.95)


def _paint_eye(canvas: Canvas, face: SimpleNamespace, sign: int) -> None:
    x, foreshortening = _eye_frame(canvas, face, sign)
    y, size = canvas.y - _EYES, face.eye_size
    u = x / (size * foreshortening)
    canvas.paint(0.2 * bump(u, y + 0.03, 2.1, 0.17), 0.35 * face.skin)  # socket
    bow = (1 - u * u) * size  # all lids are parabolas through the corners of the eye
    crease, upper, lower = y + 0.86 * bow, y - face.lid * bow, y - 0.32 * bow
    canvas.paint(canvas.between(-crease, upper), 0.86 * face.skin)  # closed lids look like skin
    inside = canvas.between(-upper, lower)
    canvas.paint(inside, _EYEBALL, 0.92 + 1.2 * upper.clamp(-0.1, 0.05))  # shaded by the lid
    x_iris, y_iris = size * (u - 0.36 * sign * face.gaze), y + 0.12 * size
    radius = torch.sqrt(x_iris * x_iris + y_iris * y_iris)
    canvas.paint(inside * canvas.cover(radius - 0.56 * size), _IRIS)
    canvas.paint(inside * canvas.cover(radius - 0.29 * size), _LASH)
    glint = bump(x_iris - 0.18 * sign * face.light * size, y_iris + 0.2 * size, 0.04, 0.04)
    canvas.paint(inside * glint, _WHITE)
    across = upper.abs() / torch.sqrt(1 + (2 * face.lid * u) ** 2)  # not just downwards
    canvas.paint(canvas.cover(across - 0.014 * (1.1 - u * u)), _LASH)


def _paint_brow(canvas: Canvas, face: SimpleNamespace, sign: int) -> None:
    x, foreshortening = _eye_frame(canvas, face, sign)
    y = canvas.y - _BROWS - face.brow_slope * x + 0.9 * x * x
    beyond = (x.abs() - 0.13 * foreshortening).clamp(min=0)
    taper = 0.026 - 0.09 * x.clamp(-0.1, 0.15)
    brow = canvas.cover(torch.sqrt(beyond * beyond + y * y) - taper)
    canvas.paint(0.9 * brow, face.hair * rgb(_HAIR_IN_SHADE, face.hair))


def _paint_mouth(canvas: Canvas, face: SimpleNamespace) -> None:
    x = canvas.x - 1.05 * face.width * face.yaw_sin
    u = x / (face.mouth_width * face.yaw_cos)
    y = canvas.y - _LIPS + face.smile * (u * u - 0.4)
    bow = 1 - u * u  # negative beyond the corners, where lips and gap are therefore empty
    top, bottom = -0.25 * face.mouth_open * bow, 0.75 * face.mouth_open * bow
    lip = 0.5 * face.skin + 0.5 * rgb(_LIP_TINT, face.skin)
    canvas.paint(canvas.between(top - 0.036 * bow - y, y), 0.82 * lip)
    canvas.paint(canvas.between(-y, y - bottom - 0.05 * bow), lip)
    inside = canvas.between(top - 0.008 * bow - y, y - bottom - 0.008 * bow)
    canvas.paint(inside, _MOUTH)
    tongue = canvas.cover(ellipse(x, y - 0.8 * face.mouth_open, 0.6 * face.mouth_width, 0.04))
    canvas.paint(inside * tongue * (8 * face.mouth_open), _TONGUE)
    teeth = canvas.cover(y - top - 0.3 * face.mouth_open * (0.8 - u * u))
    canvas.paint(inside * teeth * (25 * face.mouth_open).clamp(max=1), _TEETH)
