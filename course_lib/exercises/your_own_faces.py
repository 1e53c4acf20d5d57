"""Notebook 09: the homework itself."""

import torch

from course_lib.exercises.exercise import BugHunt, Formula, Number, Words, Wrong

introduction = Words(
    "introduction",
    "What is a VAE?",
    answer="A variational autoencoder is a model of how data come about, trained together with a "
    "network that runs it backwards. A code z is drawn from a prior N(0, I) and a decoder says how "
    "pictures scatter about it, p(x|z); an encoder gives for each picture not one code but a "
    "distribution q(z|x), an approximation of the true posterior. Both are trained at once on a "
    "lower bound of log p(x): minus the distortion (how badly a code drawn from q(z|x) describes "
    "the picture) minus the rate (KL(q(z|x) ‖ p(z)), what that code costs).",
    wrong={
        "an autoencoder whose code is random": "half of it: without the rate, training would "
        "switch the noise off again. What is missing is the price, and what it is a bound on.",
        "an autoencoder with a regulariser": "the rate is no penalty that somebody thought of: it "
        "follows from the bound, and so does its weight, 1.",
    },
    hints=["Three parts: a prior, a decoder, an encoder. One number that trains them."],
)

advantage = Words(
    "advantage",
    "One advantage over a plain autoencoder",
    answer="It says how sure it is of a code and what the code costs, and it puts pictures on a "
    "scale in nats: a bound of log p(x), where an autoencoder has an error only (notebook 6: wide "
    "clouds for upside-down faces, “I do not know”). Also true, with a measurement: new pictures "
    "can be drawn from N(0, I) without fitting a density first, if the codes do follow it.",
    wrong={
        "it can generate new pictures, an autoencoder cannot": "an autoencoder can, as soon as a "
        "density is fitted to its codes; on our faces it then draws better than a VAE from its "
        "prior (notebooks 6 and 8).",
        "its latent space is smooth, one can interpolate": "notebook 6 measured it: the middle "
        "of two faces is no nearer to the true one than the autoencoder's.",
        "it overfits less": "over three seeds the difference is small (notebook 6); if you claim "
        "it, show both errors, on training pictures and on new ones.",
        "its code is disentangled": "notebooks 6 and 8 measured it: it is not.",
    },
    hints=["What does a VAE tell of a picture that an autoencoder does not?"],
)

problem = Words(
    "problem",
    "One problem",
    answer="What is drawn from the prior is not what the decoder was trained on: the codes of all "
    "faces together are no N(0, I), so samples are worse than from a fitted density (notebook 5). "
    "Or: elements, or all of them, collapse to the prior when the rate is dearer than what they "
    "save, as in the homework's own loss. Or: pictures are blurred where σ² is set too large.",
    wrong={
        "its two terms are hard to balance": "the bound balances them itself, at β = 1, once σ² is "
        "the data's; who has to balance has averaged one term and summed the other.",
        "the pictures are blurred": "it depends on σ²: with the best σ² the reconstructions are "
        "nearly as sharp as the autoencoder's with the same code (notebook 7). Say which σ².",
    },
    hints=["What does the loss pay for, and what does it not?"],
)


def _auc(normal, strange):
    """The share of pairs of one normal and one strange picture in which the strange one scores
    higher; ties count half."""
    apart = strange[:, None] - normal[None]
    return (apart > 0).double().mean() + (apart == 0).double().mean() / 2


auc = Formula(
    "auc",
    "The area under the curve, by counting",
    solution=_auc,
    # Whole numbers, so that there are ties.
    inputs=lambda g: (
        torch.randint(0, 8, (13,), generator=g).double(),
        torch.randint(2, 10, (7,), generator=g).double(),
    ),
    wrong=[
        Wrong(
            "that is the share of pairs in which the *normal* picture scores higher: turn it "
            "round.",
            lambda n, s: 1 - _auc(n, s),
        ),
        Wrong(
            "ties count nothing with you; a tie is a coin toss and counts half.",
            lambda n, s: (s[:, None] > n[None]).double().mean(),
        ),
        Wrong(
            "ties count fully with you; a tie is a coin toss and counts half.",
            lambda n, s: (s[:, None] >= n[None]).double().mean(),
        ),
        Wrong(
            "that is the share of strange pictures above the *mean* of the normal ones: each has "
            "to be compared with each.",
            lambda n, s: (s > n.mean()).double().mean(),
        ),
        Wrong(
            "that is a difference of means, which has a unit; a share of pairs has none.",
            lambda n, s: s.mean() - n.mean(),
        ),
    ],
    hints=[
        "All differences at once: strange[:, None] - normal[None] has a row per strange picture.",
        "The mean of (apart > 0), plus half the mean of (apart == 0).",
    ],
)

price = Number(
    "price",
    "The homework's β on MNIST",
    answer=128 * 28 * 28 / 2,
    wrong={
        28 * 28 / 2: "that is for a batch of one: the KL is summed over the batch, the error "
        "averaged over it too.",
        128 * 28 * 28: "nearly: a Gaussian with σ² = 1 costs *half* the squared error.",
        128: "the error is also averaged over the 784 numbers of a picture.",
        28 * 28: "that is D; half of it, and times the batch, over which the KL is summed.",
        2000 * 12288 / 2: "that is the homework's own; here are 128 pictures of 784 numbers.",
    },
    hints=[
        "Bring both terms to nats per picture: multiply the loss until its first term is half the "
        "summed squared error of one picture.",
        "The mean runs over B · D numbers. So multiply by D/2, and the KL's factor is that times "
        "the B of its sum.",
    ],
    solution="B · D/2 with B = 128 and D = 784: 50,176. A β of 1 is an ELBO's.",
)


def _loss(x, y, mean, log_variance):
    """The negative ELBO of a batch, nats per picture, at σ² = 1 and up to a constant."""
    distortion = (x - y).square().flatten(1).sum(1) / 2
    rate = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)
    return (distortion + rate).mean()


def _sample_loss(x, y, mean, log_variance):
    rate = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
    return (x - y).square().mean() + rate


loss = BugHunt(
    "homework loss",
    "Mend the homework's loss",
    buggy=_sample_loss,
    solution=_loss,
    inputs=lambda g: (
        torch.rand(5, 3, 4, 2, generator=g),
        torch.rand(5, 3, 4, 2, generator=g),
        torch.randn(5, 6, generator=g),
        torch.randn(5, 6, generator=g),
    ),
    wrong=[
        Wrong(
            "the KL is per picture now, and the error still a mean over pixels: β is D/2.",
            lambda x, y, m, v: (
                (x - y).square().mean() + _loss(x, x, m, v)  # no error left: the mean rate
            ),
        ),
        Wrong(
            "the error is a sum now, for one picture, and the KL is still summed over the batch: β "
            "is the batch's size.",
            lambda x, y, m, v: _loss(x, y, m, v) + (len(x) - 1) * _loss(x, x, m, v),
        ),
        Wrong(
            "the squared error lacks its ½: that is σ² = ½, a choice one may make, but say so. "
            "Here σ² = 1 is asked for.",
            lambda x, y, m, v: _loss(x, y, m, v) + ((x - y) ** 2).flatten(1).sum(1).mean() / 2,
        ),
        Wrong(
            "both are sums over the batch now: right up to a factor, the batch's size, by which "
            "plain gradient descent would take larger steps. Take the mean over pictures.",
            lambda x, y, m, v: len(x) * _loss(x, y, m, v),
        ),
        Wrong(
            "the KL is per picture now, and the error summed over the whole batch: β is one over "
            "the batch's size.",
            lambda x, y, m, v: len(x) * (_loss(x, y, m, v) - _loss(x, x, m, v)) + _loss(x, x, m, v),
        ),
        Wrong(
            "that is the ELBO itself: training minimises, so take its negative.",
            lambda x, y, m, v: -_loss(x, y, m, v),
        ),
        Wrong(
            "both are means over everything now: the KL is averaged over the latents and the error "
            "over the pixels, two different numbers. Sum within a picture.",
            lambda x, y, m, v: (x - y).square().mean() / 2 + _loss(x, x, m, v) / m.shape[1],
        ),
    ],
    hints=[
        "Which numbers does each term run over? Sum over a picture's own, then average over the "
        "pictures, in both.",
        "(x - y).square().flatten(1).sum(1) / 2 is one distortion per picture.",
    ],
)
