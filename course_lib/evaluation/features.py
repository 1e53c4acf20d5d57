"""What to compare pictures by, if not pixel by pixel: features for `evaluation.frechet_distance`.

Two kinds, both made on the spot. Principal components know how faces vary as pictures: colours,
outlines, blends. The factor reader knows what a rendered face is made of, eyes and mouth included.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from course_lib.datasets import Splits
from course_lib.files import data_folder, load_or_make
from course_lib.training.fingerprint import fingerprint
from course_lib.training.runtime import own_random_numbers
from course_lib.training.threads import one_thread
from course_lib.transforms import Pictures


def pixel_pca(pictures: Tensor, components: int = 64, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Principal components of the pixels (scikit-learn, randomised).

    Parameters
    ----------
    pictures : Tensor
        Float (N, C, H, W): what the components are fitted to, some thousands.
    components : int
    seed : int

    Returns
    -------
    callable
        From pictures (n, C, H, W) to features (n, components), in units of the pixels: the
        squared length of a difference is the squared error that these components see.
    """
    pca = PCA(components, svd_solver="randomized", random_state=seed)
    pca.fit(_rows(pictures))
    return lambda x: torch.from_numpy(pca.transform(_rows(x)))


def _rows(pictures: Tensor) -> np.ndarray:
    return pictures.detach().cpu().flatten(1).numpy()


class FactorReader(nn.Module):
    """A small convolutional network that reads the 16 known factors from a rendered face.

    Made by `factor_reader`. What it reads are the features for a Fréchet distance. It raises
    ValueError for pictures of another shape.

    Parameters
    ----------
    size : int
        Height and width of the pictures, a multiple of 8: the first layer looks at 8 × 8 patches,
        which overlap by a pixel.
    factors : int
    """

    def __init__(self, size: int = 64, factors: int = 16):
        super().__init__()
        self.size, patch = size, size // 8
        self.body = nn.Sequential(
            nn.Conv2d(3, 32, patch + 2, stride=patch, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, factors)

    def forward(self, x: Tensor) -> Tensor:
        """Whole faces (n, 3, size, size) in [-1, 1] to factors (n, 16), about 0 to 1."""
        if x.shape[1:] != (3, self.size, self.size):
            raise ValueError(
                f"The factor reader got shape {tuple(x.shape)}, but expects (batch, 3, "
                f"{self.size}, {self.size}): pass whole faces of the size that it was trained on."
            )
        return self.head(self.body(x))


def factor_reader(faces: Splits, *, epochs: int = 6, root: Path | None = None) -> FactorReader:
    """Train a `FactorReader`, or read the one that was trained before.

    It has a loop of its own: `training.fit` shows a network pictures only, and a network that is
    to be told the answers is no subject of this course. On new faces of 16×16 pixels it reads
    colours, light, hair and tilt almost exactly, but a quarter or less of the variance of jaw, eye
    size, gaze and smile: its features see less of these.

    Parameters
    ----------
    faces : Splits
        ``datasets.load("faces")``, with factors, or these made smaller by `datasets.resized`; at
        the size that is to be read. A reader of large faces, shown small ones enlarged, reads
        half as many factors.
    epochs : int
        Passes over the training set.
    root : path, optional
        Folder of the trained weights; `files.data_folder` by default.

    Returns
    -------
    FactorReader

    Raises
    ------
    ValueError
        If the factors of the faces are not known, or their size is no multiple of 8.
    """
    if faces.factors is None:
        raise ValueError(
            "factor_reader needs pictures with known factors: pass datasets.load('faces')."
        )
    images, factors = faces.train, faces.factors["train"]
    if images.shape[-1] % 8:
        raise ValueError(
            f"factor_reader got pictures of {images.shape[-1]} pixels a side, but expects a "
            "multiple of 8: pass datasets.resized(faces, face_transform(crop=None, size=(16, 16)))."
        )
    recipe = fingerprint(_train, images, factors, epochs)  # another renderer, other pictures
    size = images.shape[-1]
    path = (root or data_folder()) / "models" / f"factor_reader_{size}.safetensors"
    reader = FactorReader(size, factors.shape[1])
    reader.load_state_dict(load_or_make(path, recipe, lambda: _train(images, factors, epochs)))
    return reader.eval().requires_grad_(False)


@one_thread()  # its layers are small
def _train(images: Pictures, factors: Tensor, epochs: int) -> dict[str, Tensor]:
    with own_random_numbers(seed=0):
        reader = FactorReader(images.shape[-1], factors.shape[1])
        steps = epochs * -(-len(images) // 64)
        optimizer = torch.optim.Adam(reader.parameters(), fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
        for _ in range(epochs):
            for chosen in torch.randperm(len(images)).split(64):
                x = 2 * images[chosen].float() / 255 - 1
                loss = (reader(x) - factors[chosen]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return {name: weight.contiguous() for name, weight in reader.state_dict().items()}
