"""The commands on notebooks, and on what is made of them; those on pictures are in `__main__`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Notebooks = Annotated[list[Path], typer.Argument(help="One or more .ipynb files.")]


@app.command()
def execute(
    paths: Notebooks,
    timeout: Annotated[int, typer.Option(help="Seconds a single cell may take.")] = 600,
) -> None:
    """Run notebooks from top to bottom, clean them, and write them back with their outputs."""
    from course_lib.authoring import execute as execution

    for path in paths:
        typer.echo(f"{path} …")
        execution.execute(path, timeout=timeout)


@app.command()
def copies(
    fresh: Annotated[
        str | None,
        typer.Option(
            metavar="NB", help="Copy this notebook anew, and keep the old copy beside it."
        ),
    ] = None,
) -> None:
    """Copy the notebooks for a student, without outputs; a copy that is there stays as it is."""
    from course_lib.authoring import students

    originals = Path("notebooks")
    if fresh is not None:
        copy, kept = students.fresh(originals, fresh)
        typer.echo(f"{copy} is new." + (f" Your old one is {kept}." if kept else ""))
        return
    found = students.copies(originals)
    if found.new:
        folder, count = found.new[0].parent, len(found.new)
        typer.echo(f"{folder}: {count} new {'copy' if count == 1 else 'copies'}, yours to change.")
    for copy in found.outdated:
        typer.echo(
            f"{copy}: there is a newer version; make fresh NB={copy.name[:2]} gets it, "
            "and keeps yours."
        )


@app.command()
def slides(
    paths: Notebooks,
    folder: Annotated[Path, typer.Option(help="Where the decks go.")] = Path("build/slides"),
    pdf: Annotated[bool, typer.Option("--pdf", help="Print them too, a page for a slide.")] = False,
) -> None:
    """Export notebooks as reveal.js slides that work offline."""
    from course_lib.authoring import slides as decks

    for deck in decks.slides(paths, folder, pdf=pdf):
        typer.echo(deck)


@app.command("claims")
def claims_command(
    paths: Notebooks,
    write: Annotated[
        Path | None, typer.Option(help="Write them into this page too, which is replaced.")
    ] = None,
) -> None:
    """Print every claim and verdict that executed notebooks state, as Markdown tables."""
    from course_lib.authoring import claims

    stated = claims.collect(paths)
    typer.echo(claims.table(stated))
    if write is not None:
        claims.write(stated, write)


@app.command()
def report(
    notebook: Annotated[str, typer.Argument(help="Your copy's number, or the path of a notebook.")],
    folder: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("build/report"),
) -> None:
    """Make a report of a notebook: what belongs into one, and all cells that you added."""
    from course_lib.authoring import reports

    for path in reports.report(reports.find(notebook), folder):
        typer.echo(path)


@app.command()
def handout(
    folder: Annotated[Path, typer.Option(help="Where the pages go.")] = Path("build"),
) -> None:
    """Print the handout, AE and VAE on two pages of A4, to give away."""
    from course_lib.authoring import handout as pages

    for path in pages.handout(pages.SOURCE, folder):
        typer.echo(path)


@app.command()
def assignment(
    folder: Annotated[Path, typer.Option(help="Where it goes.")] = Path("build/assignment"),
) -> None:
    """Write notebook 09 as an assignment to hand out: without answers, with its points."""
    import nbformat

    from course_lib import files
    from course_lib.authoring import grading

    path = folder / grading.NOTEBOOK
    notebook = grading.assignment(Path("notebooks") / grading.NOTEBOOK)
    files.write(path, nbformat.writes(notebook) + "\n")
    typer.echo(path)


@app.command()
def grade(
    submissions: Annotated[Path, typer.Argument(help="The folder with what was handed in.")],
    folder: Annotated[Path, typer.Option(help="Where table and pages go.")] = Path("build/grades"),
    seed: Annotated[int, typer.Option(help="Of the numbers that answers are tried on.")] = 0,
    seconds: Annotated[int, typer.Option(min=1, help="Of computing, for one answer.")] = 10,
) -> None:
    """Grade what students made of the assignment; their code runs here, with your rights."""
    from course_lib.authoring import gradebook, grading

    base = grading.base(Path("notebooks") / grading.NOTEBOOK)
    grades = grading.grade(submissions, base, seed=seed, seconds=seconds, note=typer.echo)
    refused = sum(bool(one.refused) for one in grades)
    waiting = sum(bool(one.open) for one in grades)
    path = gradebook.write(grades, folder)
    typer.echo(f"{path}: {len(grades)} notebooks, {refused} refused, {waiting} wait for a person.")


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the page goes.")] = Path("build/demo"),
) -> None:
    """Train two small models, once, and write a page that explores them without a kernel."""
    from course_lib.explorers import demo

    for path in demo.make(folder):
        typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    typer.echo(f"Open {folder / 'index.html'} in a browser.")


@app.command("site")
def site_command(
    folder: Annotated[Path, typer.Option(help="Where the site goes.")] = Path("build/site"),
) -> None:
    """Build a site of the executed notebooks that works offline, the demo in it."""
    from course_lib.authoring import site
    from course_lib.explorers import demo

    home = site.site(Path(), folder, demo.make)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    typer.echo(f"{home}: {size / 1e6:.0f} MB in all")
