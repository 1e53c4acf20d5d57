"""Notebook 02: what an autoencoder minimises, how it learns, and against whom it is judged."""

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong


def _pair(generator):
    """Four small pictures, and four that stand for their reconstructions."""
    return tuple(2 * torch.rand(4, 3, 5, 6, generator=generator) - 1 for _ in range(2))


def _squared_error(x, reconstruction):
    """Squared error of each picture: (n, C, H, W) and (n, C, H, W) to (n,)."""
    return (reconstruction - x).square().flatten(1).sum(1)


squared_error = Formula(
    "squared error",
    "What training minimises",
    solution=_squared_error,
    inputs=_pair,
    wrong=[
        Wrong(
            "you averaged over the 12,288 numbers: that is the MSE. The loss is their sum.",
            lambda x, y: (y - x).square().flatten(1).mean(1),
        ),
        Wrong(
            "that is one number for all pictures; each picture has an error of its own.",
            lambda x, y: (y - x).square().sum(),
        ),
        Wrong(
            "you averaged over everything, pictures too. Each picture has an error of its own.",
            lambda x, y: (y - x).square().mean(),
        ),
        Wrong(
            "you took the root at the end: that is the distance, and the loss is its square.",
            lambda x, y: (y - x).flatten(1).norm(dim=1),
        ),
        Wrong(
            "you summed absolute differences; squared ones weigh large errors more.",
            lambda x, y: (y - x).abs().flatten(1).sum(1),
        ),
        Wrong(
            "you summed the differences without squaring them: those of both signs cancel.",
            lambda x, y: (y - x).flatten(1).sum(1),
        ),
    ],
    hints=[
        "First the difference of the two, squared, number by number.",
        "flatten(1) makes (n, C·H·W) of (n, C, H, W); then sum over axis 1, which leaves (n,).",
    ],
)


def _start(generator):
    """A weight for two latent elements, and six pictures of four numbers."""
    weight = 0.3 * torch.randn(2, 4, generator=generator)
    return weight, torch.randn(6, 4, generator=generator)


def _learn(weight, x):
    """The weight after three steps on the squared error of x W^T W."""
    weight = weight.clone().requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=0.02)
    for _ in range(3):
        loss = (x @ weight.T @ weight - x).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weight.detach()


def _learn_with_a_bug(weight, x):
    weight = weight.clone().requires_grad_()
    optimizer = torch.optim.SGD([weight], lr=0.02)
    for _ in range(3):
        loss = (x @ weight.T @ weight - x).square().sum(1).mean()
        loss.backward()
        optimizer.step()
    return weight.detach()


def _learn_without_gradient(weight, x):
    return weight


def _learn_once(weight, x):
    weight = weight.clone().requires_grad_()
    (x @ weight.T @ weight - x).square().sum(1).mean().backward()
    return weight.detach() - 0.02 * weight.grad


loop = BugHunt(
    "training loop",
    "A bug in the training loop",
    buggy=_learn_with_a_bug,
    solution=_learn,
    inputs=_start,
    wrong=[
        Wrong(
            "now no step moves anything: the gradient is put to zero after backward has made it, "
            "and before step uses it.",
            _learn_without_gradient,
        ),
        Wrong("that is the weight after a single step: is `return` inside the loop?", _learn_once),
    ],
    hints=[
        "Compare line by line with the loop of this notebook: which line is missing?",
        "backward() adds to the gradient that is there already. Who puts it back to zero?",
    ],
)


def _drawn(generator):
    """What a decoder that ends in tanh draws, and the pictures that it should have drawn."""
    pixels = torch.randint(256, (4, 3, 5, 6), dtype=torch.uint8, generator=generator)
    return torch.tanh(torch.randn(4, 3, 5, 6, generator=generator)), pixels


def _against_pixels(reconstruction, pixels):
    return (reconstruction - (pixels / 127.5 - 1)).square().flatten(1).sum(1)


reach = BugHunt(
    "the decoder's reach",
    "A loss that asks for half of it",
    buggy=lambda y, pixels: (y - pixels / 255).square().flatten(1).sum(1),
    solution=_against_pixels,
    inputs=_drawn,
    wrong=[
        Wrong(
            "right in its idea, but in units of [0, 1], where every error is a quarter of what it "
            "is in the course's.",
            lambda y, pixels: ((y + 1) / 2 - pixels / 255).square().flatten(1).sum(1),
        ),
        Wrong(
            "right in its idea, but in grey levels: 127.5² times what it is in the course's units.",
            lambda y, pixels: ((y + 1) * 127.5 - pixels).square().flatten(1).sum(1),
        ),
        Wrong(
            "from -0.5 to 0.5: the decoder could draw that, but half of its range stays unused.",
            lambda y, pixels: (y - (pixels / 255 - 0.5)).square().flatten(1).sum(1),
        ),
        Wrong(
            "the scales agree now, and you averaged over the numbers; the loss is their sum.",
            lambda y, pixels: _against_pixels(y, pixels) / pixels[0].numel(),
        ),
    ],
    hints=[
        "Which numbers can tanh give? Which does the loss ask for where a pixel is black, 0?",
        "Scale the pixels to 0 … 2, then move them down by 1.",
    ],
)

ten_epochs = Number(
    "ten epochs",
    "Does it overtake PCA?",
    answer=0.0074,
    within=0.1,
    unit="(MSE on the test faces)",
    wrong={
        0.0127: "that is about the error after three epochs: did you train with epochs=10?",
        0.0065: "that is PCA's error with 64 components, and the network is not there yet.",
        91.0: "that is the loss, summed over a picture. The MSE is a 12,288th of it.",
        11.0: "those are grey levels (rms). The MSE is asked for, in units of [-1, 1].",
    },
    hints=[
        "fit_or_load takes a name: “ten epochs”, so that notebook 3 still finds “homework”.",
        'training.evaluate(model, squared_error, faces.test)["loss"], divided by 12,288.',
    ],
    solution="Ten epochs take a third of the error away, or more, and PCA with 64 components "
    "(0.0065) still leads.",
)

thirty_two = Number(
    "thirty-two elements",
    "A narrow bottleneck",
    answer=0.141,
    within=0.08,
    unit="(MSE on the test faces)",
    wrong={
        0.127: "that is the mean face's error. The network could do at least that well, and does "
        "worse.",
        0.0127: "that is about the error with 1,024 elements: did you pass latent_dim=32?",
        0.0105: "that is about what PCA does with 32 numbers; this network does much worse.",
        1733.0: "that is the loss, summed over a picture. The MSE is a 12,288th of it.",
    },
    hints=[
        "The model: partial(FullyConnectedAutoencoder, latent_dim=32), under a name of its own.",
        "It does not learn a smaller version of the same: count the elements above zero.",
    ],
    solution="Worse than the mean face (0.127): all 32 elements fell silent in the first steps, so "
    "that the decoder draws the same picture, tanh of its bias, for every face.",
)

why_pca_leads = Words(
    "why PCA leads",
    "Why 64 numbers beat 1,024",
    answer="PCA's 64 components are the exact optimum of the linear problem; the network took 237 "
    "steps of Adam from random weights and is far from the best that it could be, so the training "
    "and not the width of the bottleneck limits it.",
    wrong={
        "1,024 is too few": "with 64 numbers PCA does better, so the room is there.",
        "the network overfits": "then its error on the training faces would be far smaller; look "
        "at the table under the loss curve.",
    },
    hints=["What does each of the two do to find its numbers? Which of them is finished?"],
)
