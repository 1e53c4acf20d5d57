"""Grades as a table for who teaches, and as a page for each student."""

import csv
import io
from html import escape
from pathlib import Path

from course_lib import files
from course_lib.authoring.grading import POINTS, Grade


def table(grades: list[Grade]) -> str:
    """All grades as CSV; an empty field waits for a person."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", *POINTS, "total so far", "open", "feedback"])
    for one in grades:
        points = [one.marks[name].points if one.marks else None for name in POINTS]
        row = [one.file.as_posix(), *points, one.total, ", ".join(one.open), one.feedback]
        writer.writerow([_plain(x) if isinstance(x, str) else x for x in row])
    return text.getvalue()


def _plain(text: str) -> str:
    """One line that no spreadsheet takes for a formula: students choose their files' names."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def page(grade: Grade) -> str:
    """What a student, or a person who marks, reads of one submission, as HTML."""
    rows = []
    for name, mark in grade.marks.items():
        points = "open" if mark.points is None else f"{mark.points:g}"
        words = escape(mark.why) + (
            f"<blockquote>{escape(mark.text)}</blockquote>" * bool(mark.text)
        )
        rows.append(f"<tr><th scope=row>{name}<td>{points} of {POINTS[name]:g}<td>{words}")
    title = escape(grade.file.as_posix())
    body = f"<p>{escape(grade.refused)}" if grade.refused else (
        "<table><tr><th scope=col>task<th scope=col>points<th scope=col>feedback\n"
        + "\n".join(rows)
        + f"\n</table>\n<p>So far {grade.total:g} of {sum(POINTS.values()):g} points"
        + (f"; open: {', '.join(grade.open)}." if grade.open else ".")
    )  # fmt: skip
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        "<style>body{font:1rem/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
        "th,td{text-align:left;vertical-align:top;padding:.3rem 1rem .3rem 0}"
        "blockquote{white-space:pre-wrap}</style>\n"
        f"<h1>{title}</h1>\n{body}\n</html>\n"
    )


def write(grades: list[Grade], folder: Path) -> Path:
    """Write the table and a page for each submission; gives the table's path."""
    for one in grades:
        files.write(folder / one.file.with_suffix(".html"), page(one))
    path = folder / "grades.csv"
    files.write(path, "\ufeff" + table(grades))  # a spreadsheet then reads Chinese names
    return path
