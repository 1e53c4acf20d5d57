"""The command line, ``python -m course_lib``: notebooks made ready, models trained, a demo.

Each command imports what it needs itself: nobody waits for PyTorch, or for nbconvert, to be told of
a typing error.
"""

import os
import signal

if __name__ == "__main__":  # Ctrl-C ends what has not begun, without a word
    for _which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_which, lambda *_: os._exit(130))

import io
import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from course_lib import sources
from course_lib.authoring import commands

STOPPED = 130  # as shells say that a program was interrupted


class Commands(TyperGroup):
    """A mistake that the user can mend is one sentence; anything else is ours, and a traceback."""

    def invoke(self, ctx):  # of a class that Typer keeps to itself
        """Run the command, and say in a sentence what went wrong."""
        try:
            return super().invoke(ctx)
        except BaseException as error:
            if (interrupt := _interrupt(error)) is not None:
                print(interrupt if interrupt.args else "Stopped.", file=sys.stderr)
                raise SystemExit(STOPPED) from None
            if ctx.params["traceback"] or not _is_the_users(error):
                raise
            raise SystemExit(f"Error: {error}") from None


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """The Ctrl-C that an error comes from: in the midst of an import it may become another."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _is_the_users(error: BaseException) -> bool:
    if isinstance(error, ValueError):  # the course's own words, and not some library's surprise
        *_, (raised_in, _) = traceback.walk_tb(error.__traceback__)
        return (raised_in.f_globals.get("__package__") or "").partition(".")[0] == __package__
    return isinstance(error, FloatingPointError | OSError)


app = typer.Typer(
    cls=Commands,
    pretty_exceptions_enable=False,  # a plain traceback, without the contents of all variables
    help="Work on the course's notebooks, train a model on pictures, or write the demo.",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(commands.app)

Model = StrEnum("Model", "vae ae homework homework-fcn homework-cnn homework-vae")
By = StrEnum("By", ["distance", "bound", "density"])
Likelihood = StrEnum("Likelihood", ["optimal", "bernoulli"])
FIGURES = {  # as results.measure names them, and with their units
    "distortion": "distortion, as the loss counts it",
    "rate": "rate, nats per picture",
    "mse": "squared error of a pixel in [-1, 1]",
    "mean_mse": "squared error of the mean picture",
    "rms": "root of the model's, in grey levels",
    "active": "active latent elements",
    "nll": "-log p(x), nats per picture",
}


@app.callback()
def options(
    traceback: Annotated[
        bool, typer.Option("--traceback", help="After a mistake, show where it was noticed.")
    ] = False,
) -> None:
    """What all commands take."""


@app.command()
def train(
    data: Annotated[
        str, typer.Option(help="A data set's name, or the path of a folder of pictures or a file.")
    ],
    model: Annotated[
        Model,
        typer.Option(
            help="ae is the vae's network without noise or rate; homework is the homework's "
            "autoencoder, and the last three are its sample code's."
        ),
    ] = Model.vae,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where the results go.", show_default="build/runs/DATA-MODEL"),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training set.")] = 20,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures in a step.")] = 128,
    lr: Annotated[float, typer.Option(help="Adam's learning rate.")] = 1e-3,
    seed: Annotated[int, typer.Option(help="Of weights, order and noise.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")] = "auto",
    devices: Annotated[
        int, typer.Option(min=1, help="How many, a process each; torchrun says it otherwise.")
    ] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines with so many, by torchrun.")] = 1,
    strategy: Annotated[
        str, typer.Option(help="How several share the work: auto or ddp, which is the same.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="As Lightning Fabric calls it: 32-true, bf16-mixed, …")
    ] = "32-true",
    hidden_dim: Annotated[int, typer.Option(min=1, help="Units of the hidden layers.")] = 1024,
    latent_dim: Annotated[int, typer.Option(min=1, help="Latent elements.")] = 64,
    beta: Annotated[float, typer.Option(min=0, help="The rate's weight.")] = 1.0,
    warm_up: Annotated[int, typer.Option(min=0, help="Steps until the full beta.")] = 0,
    likelihood: Annotated[
        Likelihood, typer.Option(help="A Gaussian of the best variance, or black and white.")
    ] = Likelihood.optimal,
    crop: Annotated[
        bool, typer.Option("--crop", help="Keep the homework's band of eyes and brows only.")
    ] = False,
    binarise: Annotated[
        bool, typer.Option("--binarise", help="Draw each pixel black or white, by its grey.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the run in the folder; lr, batch size may change."
        ),
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="A file of weights to start from: .pt, .pth, .safetensors."),
    ] = None,
    nll_samples: Annotated[
        int, typer.Option(min=0, help="Codes per picture to estimate log p(x) with; 0: do not.")
    ] = 0,
) -> None:
    """Train a model, write its weights, history, reconstructions and samples, print its figures."""
    data = _found(data)  # a typing error is told before PyTorch is loaded

    from course_lib import runs
    from course_lib.runs import results

    folder = folder or runs.default_folder(data, model)
    measured = runs.train(
        data,
        folder,
        model=model,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        device=device,
        devices=devices,
        nodes=nodes,
        strategy=strategy,
        precision=precision,
        hidden_dim=hidden_dim,
        latent_dim=latent_dim,
        beta=beta,
        warm_up=warm_up,
        likelihood=likelihood,
        crop=crop,
        binarise=binarise,
        resume=resume,
        start=start,
        nll_samples=nll_samples,
    )
    if not measured:  # one of torchrun's processes, and not the one that tells
        return
    typer.echo(f"{'':36}{'validation':>12}{'test':>12}")
    for name, words in FIGURES.items():
        if name in measured["test"]:
            row = "".join(f"{measured[part][name]:>12.4g}" for part in ("validation", "test"))
            typer.echo(f"{words:36}{row}")
    if warning := results.warning(measured["test"]):
        typer.echo(warning)
    typer.echo(f"Weights, history and sheets are in {folder}.")


@app.command()
def score(
    run: Annotated[Path, typer.Option(help="The folder of a run of train.")],
    data: Annotated[
        str, typer.Option(help="The pictures: a path, or a data set's name for its test set.")
    ],
    out: Annotated[Path, typer.Option(help="The CSV to write.")] = Path("scores.csv"),
    by: Annotated[
        By,
        typer.Option(
            help="Root of the summed squared error, negative ELBO, or the code's density."
        ),
    ] = By.distance,
    header: Annotated[str, typer.Option(help="Names of the two columns.")] = "ID,score",
    labels: Annotated[
        Path | None, typer.Option(help="1 for strange, 0 for usual pictures: .npy, or text.")
    ] = None,
    maps: Annotated[
        Path | None, typer.Option(help="A .npy for each picture's squared error, pixel by pixel.")
    ] = None,
) -> None:
    """Score each picture of a file, in its order; with labels, say how well that tells them."""
    data = _found(data)
    names = header.split(",")
    if len(names) != 2 or not all(map(str.strip, names)):
        raise ValueError(f"--header is {header!r}, but two names are expected, as in ID,score.")

    from course_lib import runs

    first, second = (name.strip() for name in names)
    scored = runs.score(run, data, out, by=by, header=(first, second), labels=labels, maps=maps)
    typer.echo(f"{out}: {scored.count} scores, by {by}.")
    if scored.curve is not None:
        told = f"AUC {scored.curve.auc:.4f}"
        if scored.interval is not None:
            low, high = scored.interval
            told += f", for other pictures of these kinds {low:.3f} to {high:.3f} (95 %)"
        typer.echo(f"{told}; the curve is in {out.with_suffix('.roc.png')}.")


def _found(data: str) -> str:
    """A set's name, or a path that is not taken for one: ``./faces`` is a folder of one's own."""
    found = sources.find(data)
    return found if isinstance(found, str) else str(found.absolute())


def main() -> None:
    """Run the command line."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed; whatever is opened next would take its place
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):  # a console's code page may lack σ, × and …
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="python -m course_lib")


if __name__ == "__main__":
    for _which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_which, signal.default_int_handler)
    main()
