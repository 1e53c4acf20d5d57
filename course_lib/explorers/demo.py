"""The latent explorer as a page that needs no kernel: all that its view may want, in one file.

A browser opens the page straight from disk, where it may neither fetch a file nor import a
module. So the front end is written into the page, and the data are a script that holds them as
text.
"""

import base64
import json
from functools import partial
from itertools import product
from pathlib import Path
from string import Template

import safetensors.torch
import torch
from torch import nn

from course_lib import datasets, files, training
from course_lib.explorers.latent_explorer import LatentExplorer
from course_lib.explorers.live import FRONTEND, bundle, style
from course_lib.likelihoods import Gaussian, OptimalGaussian
from course_lib.models import FullyConnectedVAE
from course_lib.objectives import elbo
from course_lib.transforms import face_transform

IMAGES = 24
DRAWS = 16  # of each kind, and from each face's cloud; then they come again
SLIDERS = 4  # of elements, at the start
# An edit is made already, lest "edited" repeat the reconstruction and the difference be a grey
# square: along a factor's direction, which means the same in both models. In standard deviations.
START = {"hair_colour": 2.0}
# A decoder of 2.4 MB, and an encoder of 0.8 MB, as float16.
LATENT, ENCODER_FIRST, ENCODER_HIDDEN, DECODER_HIDDEN = 16, 32, 384, 96
SYSTEMS = {  # objective, and σ² where it is set
    "AE": (partial(elbo, sample=False), None),
    "VAE": (elbo, None),
    "VAE, σ² = 1": (elbo, 1.0),
}


def make(folder: Path) -> list[Path]:
    """Train an AE and two VAEs on drawn faces, once, and write the page.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path
        The files written.
    """
    faces, transform = datasets.load("faces"), face_transform(crop=None)
    models = {}
    for name, (objective, sigma2) in SYSTEMS.items():
        state = training.fit_or_load(
            f"demo {name}",
            partial(network, sigma2),
            objective,
            faces,
            epochs=8,
            batch_size=128,
            lr=1e-3,
            device="cpu",
            transform=transform,
        )
        models[name] = state.model.requires_grad_(False)
    explorer = LatentExplorer(
        models,
        faces.test[:IMAGES],
        transform=transform,
        training=faces.train,
        factors=faces.factors and faces.factors["train"],
        points=["AE"],
    )
    explorer.state.elements, explorer.state.directions = telling(explorer), START
    try:
        return write(folder, explorer)
    finally:
        explorer.close()


def network(sigma2: float | None = None) -> nn.Module:
    """A VAE that travels light, with σ² in closed form unless it is set. Its encoder first looks at
    each face in 32 numbers without a bend: a twelfth of the weights, and reconstructions as good
    (measured: 0.0134, with all 0.0140)."""
    likelihood = OptimalGaussian() if sigma2 is None else Gaussian(sigma2)
    model = FullyConnectedVAE(hidden_dim=ENCODER_HIDDEN, latent_dim=LATENT, likelihood=likelihood)
    whole, *others = model.encoder
    few = nn.Linear(whole.in_features, ENCODER_FIRST, bias=False)  # ty: ignore[invalid-argument-type]
    model.encoder = nn.Sequential(few, nn.Linear(ENCODER_FIRST, ENCODER_HIDDEN), *others)
    model.decoder = FullyConnectedVAE(hidden_dim=DECODER_HIDDEN, latent_dim=LATENT).decoder
    return model


def telling(explorer: LatentExplorer, count: int = SLIDERS) -> list[int]:
    """The elements that follow a factor best, in any of the models."""
    tracks = [atlas.tracks for atlas in explorer.atlases.values()]
    r2 = [max(r2 for _, r2 in of_models) for of_models in zip(*tracks, strict=False)]
    return sorted(range(len(r2)), key=lambda element: -r2[element])[:count]


def write(folder: Path, explorer: LatentExplorer, draws: int = DRAWS) -> list[Path]:
    """Write an explorer as a page, its decoders' weights as float16.

    Parameters
    ----------
    folder : Path
        For ``index.html`` and ``data.js``; made if need be.
    explorer : LatentExplorer
        The page starts from its state.
    draws : int
        Codes drawn beforehand from each of its origins.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ValueError
        If a decoder cannot run in a browser.
    """
    view = explorer.get_state(["_setup", "_choice"])
    setup = view["_setup"]
    counts = dict.fromkeys(setup["origins"], draws) | {"image": setup["images"]}
    first = explorer.state.noise_seed
    request = {
        "models": True,
        "alone": True,
        "columns": [*range(setup["elements"]), *explorer.state.names],
        "bases": [base for origin, n in counts.items() for base in product([origin], range(n))]
        + list(product(["prior"], range(first, first + draws)))
        + list(product(["posterior"], range(setup["images"]), range(1, draws + 1))),
    }
    facts, tensors = explorer.parts(request, torch.float16)
    for name, fact in zip(setup["models"], facts or (), strict=True):
        if fact["layers"] is None:
            raise ValueError(
                f"The decoder of {name!r} cannot run in a browser: leave the model out, or give it "
                "a decoder of nn.Linear, ReLU, tanh and sigmoid in a chain."
            )
    data = {
        "setup": setup | {"draws": draws},
        "choice": view["_choice"],
        "facts": facts,
        "tensors": base64.b64encode(safetensors.torch.save(tensors)).decode(),
    }
    page = Template((FRONTEND / "demo.html").read_text(encoding="utf-8"))
    texts = {
        "data.js": f"const DEMO = {json.dumps(data)};\n",
        "index.html": page.substitute(style=style(), script=bundle("demo")),  # last: it needs data
    }
    for name, text in texts.items():
        files.write(folder / name, text)
    return [folder / name for name in texts]
