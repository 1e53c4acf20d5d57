"""The command line, ``python -m course_lib``: what the Makefile does with notebooks."""

from pathlib import Path
from typing import Annotated

import typer

from course_lib import notebooks

app = typer.Typer(
    help="Work on the course's notebooks.", no_args_is_help=True, add_completion=False
)

Notebooks = Annotated[list[Path], typer.Argument(help="One or more .ipynb files.")]


@app.command()
def execute(
    paths: Notebooks,
    timeout: Annotated[int, typer.Option(help="Seconds a single cell may take.")] = 600,
) -> None:
    """Run notebooks from top to bottom, clean them, and write them back with their outputs."""
    for path in paths:
        typer.echo(f"{path} …")
        notebooks.execute(path, timeout=timeout)


@app.command()
def slides(
    paths: Notebooks,
    folder: Annotated[Path, typer.Option(help="Where the decks go.")] = Path("build/slides"),
) -> None:
    """Export notebooks as reveal.js slides that work offline."""
    for deck in notebooks.slides(paths, folder):
        typer.echo(deck)


def main() -> None:
    """Run the command line; a mistake the user can mend is one sentence, not a traceback."""
    try:
        app(prog_name="python -m course_lib")
    except (OSError, RuntimeError, ValueError) as error:
        raise SystemExit(f"Error: {error}") from None


if __name__ == "__main__":
    main()
