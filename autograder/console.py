"""What commands share: options, where they write, how an error of ours ends them, what goes on around a grading."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from autograder.errors import AutograderError, GraderError, UsageError
from autograder.text import json_text, visible

if TYPE_CHECKING:
    from autograder.course.model import Assignment
    from autograder.grading.grade import OnMark, Run
    from autograder.records.gradebook import Gradebook
    from autograder.records.mark import Mark
    from autograder.sandbox.limits import Limits

# Where stdout is no terminal, Rich would assume 80 columns; COLUMNS still decides where it is set.
_WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 110
out = Console(highlight=False, markup=False, emoji=False, width=_WIDTH)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


class Format(str, Enum):
    """How a result is written to stdout."""

    text = "text"
    json = "json"


class RevealLevel(str, Enum):
    """How much a failed hidden check tells."""

    none = "none"
    hint = "hint"
    full = "full"


CourseOption = Annotated[
    Path | None, typer.Option("--course", help="Course folder [default: found upward from here].", show_default=False)
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the inputs of hidden checks.")]
TrustOption = Annotated[
    bool, typer.Option("--trust-submissions", help="Run even where this machine cannot hold hostile code.")
]
TimeOption = Annotated[
    float, typer.Option("--time-limit", min=0.1, help="CPU seconds per cell and per question; six times that in all.")
]
MemoryOption = Annotated[int, typer.Option("--memory-limit", min=64, help="MiB per submission.")]

DeviceOption = Annotated[
    str, typer.Option("--device", help="Where torch questions run: cpu, cuda, cuda:N, mps (untested), or all.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="How many at the same time [default: cores].", show_default=False)
]
FormatOption = Annotated[Format, typer.Option("--format", help="text, or one JSON document.")]
GradebookOption = Annotated[
    str | None,
    typer.Option(
        "--gradebook",
        envvar="AUTOGRADER_GRADEBOOK",
        help="Gradebook: a file (SQLite) or a URL (postgresql+psycopg://...); a run that was killed goes on there.",
        show_default=False,
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html", help="Folder for the report as HTML: the class, and a page per student.", show_default=False
    ),
]
ShowOption = Annotated[list[str] | None, typer.Option(help="Also show this student's feedback (repeatable).")]
RunArgument = Annotated[str, typer.Argument(help="Number of a run, or an assignment for its last run.")]


def load(course: Path | None, names: list[str]) -> list[Assignment]:
    """The assignments of these names, all of the course where none is named; from now on, we use the course's words."""
    from autograder import messages
    from autograder.course.load import find_course, load_assignment, load_course

    folder = find_course(course)
    messages.use(messages.read_course(folder))
    return [load_assignment(folder, name) for name in names] if names else list(load_course(folder))


def limits(time_limit: float, memory_limit: int) -> Limits:
    """The limits that the options ask for."""
    from autograder.sandbox.limits import Limits

    return Limits(step_s=time_limit, submission_s=6 * time_limit, memory_mib=memory_limit)


@contextmanager
def reported_errors() -> Iterator[None]:
    """Our own errors as a line on stderr and an exit code; anything else is a fault of ours and keeps its traceback."""
    try:
        yield
    except AutograderError as error:
        # It may name what a student named: a file, an id.
        err.print(f"error: {visible(str(error), 8_000, keep_newlines=True)}", style="red", soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        err.print("interrupted", style="yellow")
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


@contextmanager
def progress(show_lines: bool = False) -> Iterator[Callable[[Mark, int, int], None]]:
    """Progress on stderr: a bar where it is a terminal, and a line per submission where asked for."""
    from autograder.reports.terminal import mark_line

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("grading", total=None, rate="")

        def advance(mark: Mark, done: int, total: int) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = f"{done / elapsed:.1f}/s" if elapsed > 0 else ""
            progress.update(task, total=total, completed=done, rate=rate)
            if show_lines:
                progress.console.print(mark_line(mark), soft_wrap=True)

        yield advance


def write(path: Path, text: str) -> None:
    """Write a file as a whole; raises `UsageError` where that cannot be done."""
    from autograder.records.files import write_atomically

    try:
        write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}). Name another file.") from error


def show_page(page: Path, show: bool = False) -> None:
    """Say where the page of a class is, and show it in a browser."""
    import webbrowser

    err.print(f"report: {page}", soft_wrap=True)
    if show and not webbrowser.open(page.resolve().as_uri()):
        raise UsageError(f"{page}: there is no browser here that could show it. Open the file where there is one.")


def show_tables(marks: Sequence[Mark]) -> None:
    """The marks of a class, and which misconceptions it holds."""
    from autograder.reports.terminal import marks_table, misconceptions_table

    out.print(marks_table(marks))
    if (table := misconceptions_table(marks)) is not None:
        out.print()
        out.print(table)


def show_students(marks: Sequence[Mark], show: list[str]) -> None:
    """The feedback of these students; raises `UsageError` for one that is not there."""
    from autograder.reports.terminal import feedback

    for student in show:
        chosen = [mark for mark in marks if mark.student == student]
        if not chosen:
            known = ", ".join(sorted({mark.student for mark in marks})[:20])
            raise UsageError(f"--show {student}: no such student in this run; there are {known}.")
        for mark in chosen:
            out.print()
            out.print(feedback(mark))


def speak(course: Path | None) -> None:
    """Use the words of the course, where there is one."""
    from autograder import messages
    from autograder.course.load import find_course

    try:
        folder = find_course(course)
    except UsageError:
        if course is not None:
            raise
        return
    messages.use(messages.read_course(folder))


def conduct(
    name: str,
    start: Callable[[OnMark, Gradebook | None], Run],
    format: Format,
    show: list[str] | None,
    *,
    out: Path | None,
    replace: bool,
    html: Path | None,
    gradebook: str | None,
    fail_under: float | None = None,
) -> None:
    """Grade a class with everything around it: progress, files of marks, gradebook, table, pages.

    Args:
        name: of the assignment.
        start: grades; called with what is to be told of each mark, and the gradebook.
        format: of what is shown.
        show: students whose feedback is shown.
        out: folder of the marks.
        replace: whether it may be that of an earlier run.
        html: folder of the pages.
        gradebook: its file or address.
        fail_under: the least percentage that a mark may have.

    Raises:
        Exit: after all that, with 3 where a fault of ours left something unmarked, with 1 where a mark is too low.
    """
    from autograder.records.files import RunFolder
    from autograder.reports.source import changes_by_hand

    if show and format is Format.json:
        raise UsageError("--show adds text to the table; --format json has every student's feedback already.")
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    folder = RunFolder(out, name, replace=replace) if out is not None else None
    if html is not None:  # a folder that cannot be used is told before the class is graded
        from autograder.reports.folder import earlier_pages

        earlier_pages(html)
    with _opened(gradebook) as book, progress(show_lines=True) as advance:

        def on_mark(mark: Mark, done: int, total: int) -> None:
            if folder is not None:
                folder.add(mark)
            advance(mark, done, total)

        try:
            run = start(on_mark, book)
        except BaseException:
            if folder is not None:
                with suppress(GraderError):  # a full disk: the error on its way tells more
                    folder.finish(folder.written(), {}, 0.0, finished=False)
                err.print(f"{len(folder.written())} finished marks are in {folder.path}")
            raise
        by_hand = changes_by_hand(book, name) if book is not None else {}
        # While the gradebook is open: it holds the marks.
        for note in run.notes:
            err.print(note, soft_wrap=True)
        for warning in run.warnings:
            err.print(f"warning: {warning}", style="yellow", soft_wrap=True)
        if folder is not None:
            folder.finish(run.marks, run.provenance, run.elapsed_s, finished=True)
        _show_run(run, format, show or [])
        if html is not None:
            from autograder.reports.classroom import Classroom
            from autograder.reports.folder import write_pages

            classroom = Classroom(run.assignment, started=started, by_hand=by_hand)
            show_page(write_pages(html, classroom, run.marks))
        if any(mark.status == "grader_error" for mark in run.marks):
            raise typer.Exit(3)
        if fail_under is not None and any(_percent(mark) < fail_under for mark in run.marks):
            raise typer.Exit(1)


@contextmanager
def _opened(target: str | None) -> Iterator[Gradebook | None]:
    """The gradebook of this name, if one was named."""
    if target is None:
        yield None
        return
    from autograder.records.gradebook import Gradebook

    with Gradebook(target) as book:
        yield book


def _percent(mark: Mark) -> float:
    return 100 * mark.hundredths / mark.max_hundredths if mark.max_hundredths else 0.0


def _show_run(run: Run, format: Format, show: list[str]) -> None:
    if format is Format.json:
        document = {
            "schema": 1,
            "assignment": run.assignment,
            "marks": [json.loads(mark.to_json()) for mark in run.marks],
            "warnings": list(run.warnings),
        }
        typer.echo(json_text(document), nl=False)
        return
    show_tables(run.marks)
    show_students(run.marks, show)
