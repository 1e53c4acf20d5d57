"""The brushes of `faces`: parts laid over a batch of pictures by their signed distance."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Canvas:
    """A batch of pictures under the brush, or a window of them."""

    image: Tensor  # (N, 3, h, w), in [0, 1]
    X: Tensor  # (1, 1, w), pixel centres in the frame of the picture
    Y: Tensor  # (1, h, 1)
    x: Tensor  # (N, h, w), pixel centres in the frame of the tilted head
    y: Tensor  # (N, h, w)
    pixel: float

    def window(self, x: float, y: float, half_width: float, half_height: float) -> "Canvas":
        """Only the pixels near (x, y): a small part then costs little."""

        def span(axis: Tensor, middle: float, half: float) -> slice:
            inside = ((axis.flatten() - middle).abs() <= half).nonzero()
            return slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)

        w, h = span(self.X, x, half_width), span(self.Y, y, half_height)
        frames = (self.X[..., w], self.Y[:, h], self.x[:, h, w], self.y[:, h, w])
        frames = (frame.contiguous() for frame in frames)
        return Canvas(self.image[..., h, w], *frames, self.pixel)

    def cover(self, distance: Tensor) -> Tensor:
        """Fraction of each pixel inside a part, from the signed distance to it."""
        return (0.5 - distance / self.pixel).clamp_(0, 1)

    def between(self, above: Tensor, below: Tensor) -> Tensor:
        """Fraction of each pixel inside a band, however thin, from the distances to its edges."""
        return (self.cover(above) + self.cover(below) - 1).clamp_(min=0)

    def paint(self, alpha: Tensor, colour: Tensor | str, shade: Tensor | None = None) -> None:
        """Lay a colour, times a shade (N, h, w), over the picture."""
        colour = rgb(colour, self.x) if isinstance(colour, str) else colour
        # Not torch.lerp: its rounding may depend on where a pixel lies in memory.
        change = (colour if shade is None else colour * shade.unsqueeze(1)) - self.image
        self.image.add_(change.mul_(alpha.unsqueeze(1)))


def rgb(colour: str, like: Tensor) -> Tensor:
    """(1, 3, 1, 1) from a hexadecimal colour."""
    return torch.tensor(list(bytes.fromhex(colour))).to(like).view(1, 3, 1, 1) / 255


def ramp(t: Tensor, colours: tuple[str, ...]) -> Tensor:
    """Piecewise linear colour (N, 3, 1, 1) at t (N, 1, 1) in [0, 1]."""
    position = t.unsqueeze(1) * (len(colours) - 1)
    # Each colour weighs in with a tent of its own: 1 at its place, 0 at its neighbours'.
    tents = ((1 - (position - i).abs()).clamp(min=0) for i in range(len(colours)))
    return sum(tent * rgb(colour, t) for tent, colour in zip(tents, colours, strict=True))  # ty: ignore[invalid-explicit-return] (no sum of tensors is 0)


def curve(level: Tensor, slope_x: Tensor, slope_y: Tensor) -> Tensor:
    """Signed distance to the curve level = 1, from the slopes of level; exact near the curve."""
    return (level - 1) / torch.sqrt(slope_x * slope_x + slope_y * slope_y + 1e-6)


def ellipse(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    """Signed distance to an ellipse."""
    u, v = x / rx, y / ry
    return curve(u * u + v * v, 2 * u / rx, 2 * v / ry)


def oval(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    """Signed distance to an oval that is flatter at the sides than an ellipse."""
    u, v = x / rx, y / ry
    square = v * v
    return curve(u * u + square * square, 2 * u / rx, 4 * square * v / ry)


def bump(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    """A soft hill: 1 in the middle, 0 from the edge of the ellipse on."""
    return (1 - (x / rx) ** 2 - (y / ry) ** 2).clamp_(min=0) ** 2


def wave(t: Tensor) -> Tensor:
    """Nearly a sine of period 1, made of parabolas."""
    t = t - torch.round(t)
    return 8 * t * (1 - 2 * t.abs())
