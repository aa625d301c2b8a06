"""The commands for what was graded: look at a run, change it, hand it on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.console import (
    CourseOption,
    Format,
    FormatOption,
    GradebookOption,
    HtmlOption,
    RunArgument,
    ShowOption,
    TrustOption,
    WorkersOption,
    err,
    load,
    out,
    progress,
    reported_errors,
    show_page,
    show_students,
    show_tables,
    speak,
    write,
)
from autograder.errors import UsageError

if TYPE_CHECKING:
    from autograder.records.gradebook import Gradebook
    from autograder.reports.source import RunSource


class Target(str, Enum):
    """What kind of file an export is."""

    csv = "csv"
    canvas = "canvas"
    moodle = "moodle"
    gradescope = "gradescope"
    json = "json"


def status(
    run: RunArgument,
    gradebook: GradebookOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Show the state of a run: verdicts, pass rates, slowest submissions, flags, failures of the grader."""
    with reported_errors(), _needed(gradebook) as book:
        from autograder.reports.runs import run_summary, status_report

        found = book.find_run(run)
        summary = run_summary(found, book.marks(found), book.adjustments(found.assignment))
        if format is Format.json:
            typer.echo(json.dumps(summary, indent=1))
        else:
            out.print(status_report(summary))


def report(
    run: Annotated[str, typer.Argument(help="Folder of `grade --out`; or a run in the gradebook, as for status.")],
    gradebook: GradebookOption = None,
    html: HtmlOption = None,
    open_: Annotated[bool, typer.Option("--open", help="Show the page of the class in a browser.")] = False,
    text: Annotated[Path | None, typer.Option(help="Folder for a text per student: comments for an LMS.")] = None,
    show: ShowOption = None,
    course: CourseOption = None,
) -> None:
    """Report on a run: pages of HTML, texts for an LMS, or tables here."""
    with reported_errors(), _run_of(run, gradebook) as found:
        from autograder.reports.folder import write_pages, write_texts

        speak(course)
        if open_ and html is None:
            html = Path(f"report-{found.assignment}")
        if html is not None:
            show_page(write_pages(html, found.classroom(), found.marks()), open_)
        if text is not None:
            err.print(f"texts: {write_texts(text, found)}", soft_wrap=True)
        marks = list(found.marks()) if show or (html is None and text is None) else []
        if html is None and text is None:
            show_tables(marks)
        show_students(marks, show or [])


def regrade(
    run: RunArgument,
    gradebook: GradebookOption = None,
    apply: Annotated[bool, typer.Option("--apply", help="Keep the new marks, as a run of their own.")] = False,
    workers: WorkersOption = None,
    format: FormatOption = Format.text,
    trust_submissions: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Grade a run again with the checks of today and show whose points would change."""
    with reported_errors(), _needed(gradebook) as book:
        from autograder.grading.examine import cores
        from autograder.grading.regrade import regrade as regrade_run
        from autograder.reports.runs import regrading_document, regrading_report

        found = book.find_run(run)
        assignment = load(course, [found.assignment])[0]
        with progress() as advance:
            regrading = regrade_run(
                book,
                found,
                assignment,
                workers=workers or cores(),
                apply=apply,
                trust=trust_submissions,
                on_mark=advance,
            )
        if format is Format.json:
            typer.echo(json.dumps(regrading_document(regrading), indent=1))
        else:
            out.print(regrading_report(regrading))


def export(
    run: RunArgument,
    to: Annotated[Target, typer.Option("--to", help="Whose import file it is.")],
    roster: Annotated[
        Path | None, typer.Option(help="CSV that maps ids to names, sections and a platform's ids.")
    ] = None,
    times: Annotated[Path | None, typer.Option(help="CSV with id and time: when submissions were handed in.")] = None,
    column: Annotated[
        str | None,
        typer.Option(help="Name of the column of points [default: the assignment].", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write [default: stdout].", show_default=False)] = None,
    gradebook: GradebookOption = None,
    course: CourseOption = None,
) -> None:
    """Write the points of a run, after lateness and changes by hand; ends with 1 when something is in doubt."""
    with reported_errors(), _needed(gradebook) as book:
        from autograder.course.late import load_rules
        from autograder.course.load import assignment_names, find_course
        from autograder.grading.results import results_of
        from autograder.grading.times import NO_TIMES, read_times
        from autograder.records.roster import Roster
        from autograder.reports.exports import export as export_results
        from autograder.reports.exports import rules_in_words, with_students

        folder = find_course(course)
        rules = load_rules(folder, assignment_names(folder))
        results = results_of(book, book.find_run(run), rules, NO_TIMES if times is None else read_times(times))
        people = None if roster is None else Roster(roster)
        exported = export_results(results, to.value, roster=people, column=column)
        if out is None:
            typer.echo(exported.text, nl=False)
        else:
            write(out, exported.text)
        err.print(rules_in_words(results), soft_wrap=True)
        for note, students in exported.notes.items():
            err.print(with_students(note, students), soft_wrap=True)
        for doubt, students in exported.doubts.items():
            err.print(f"warning: {with_students(doubt, students)}", style="yellow", soft_wrap=True)
        if exported.doubts:
            raise typer.Exit(1)


def adjust(
    assignment: Annotated[str, typer.Argument(help="Name of the assignment.")],
    student: Annotated[str, typer.Argument(help="Id of the student.")],
    points: Annotated[float, typer.Argument(help="Points to add, or to take with a minus sign.")],
    comment: Annotated[str, typer.Option(help="Why; kept with the change.")],
    author: Annotated[
        str | None, typer.Option(help="Who decided it [default: the name of the user].", show_default=False)
    ] = None,
    gradebook: GradebookOption = None,
) -> None:
    """Change a student's points by hand; no grading overwrites it."""
    with reported_errors(), _needed(gradebook) as book:
        import getpass

        if not math.isfinite(points):
            raise UsageError(f"{points} points: not a number of points.")
        hundredths = round(points * 100)
        if abs(points * 100 - hundredths) > 1e-6:
            raise UsageError(f"{points:g} points: at most two decimals.")
        book.adjust(assignment, student, hundredths, comment, author or getpass.getuser())


@contextmanager
def _needed(target: str | None) -> Iterator[Gradebook]:
    """The gradebook of this name, which must be there already."""
    if target is None:
        raise UsageError("Which gradebook? Name it with --gradebook, or in the variable AUTOGRADER_GRADEBOOK.")
    if "://" not in target and not Path(target).is_file():
        raise UsageError(f"{target}: no such gradebook. `autograder grade ... --gradebook {target}` makes one.")
    from autograder.records.gradebook import Gradebook

    with Gradebook(target) as book:
        yield book


@contextmanager
def _run_of(name: str, gradebook: str | None) -> Iterator[RunSource]:
    """The run of this name: a folder that `grade --out` wrote, or a run in the gradebook."""
    from autograder.reports.source import run_in_book, run_in_folder

    if Path(name).is_dir():
        yield run_in_folder(Path(name))
        return
    if gradebook is None:
        raise UsageError(f"{name}: no such folder. For a run in a gradebook name that, with --gradebook.")
    with _needed(gradebook) as book:
        yield run_in_book(book, name)
