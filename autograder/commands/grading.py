"""The commands that grade: a class, or a student's own notebook at home."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.console import (
    CourseOption,
    Format,
    FormatOption,
    GradebookOption,
    HtmlOption,
    MemoryOption,
    RevealLevel,
    SeedOption,
    ShowOption,
    TimeOption,
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
)
from autograder.console import limits as limits_of
from autograder.errors import GraderError, UsageError
from autograder.text import json_text

if TYPE_CHECKING:
    from autograder.grading.grade import OnMark, Run
    from autograder.records.gradebook import Gradebook
    from autograder.records.mark import Mark


def grade(
    assignment: Annotated[str, typer.Argument(help="Name of the assignment.")],
    paths: Annotated[list[Path], typer.Argument(help="Notebooks, folders or zip archives of notebooks.")],
    workers: WorkersOption = None,
    seed: SeedOption = 0,
    reveal: Annotated[RevealLevel, typer.Option(help="How much failed hidden checks tell.")] = RevealLevel.hint,
    format: FormatOption = Format.text,
    out: Annotated[Path | None, typer.Option(help="Folder for one JSON mark each, marks.csv and run.json.")] = None,
    html: HtmlOption = None,
    gradebook: GradebookOption = None,
    force: Annotated[bool, typer.Option("--force", help="Grade again what the gradebook has a mark for.")] = False,
    id_pattern: Annotated[
        str | None,
        typer.Option(
            help="Regular expression with a group (?P<id>...) that finds the student's id in a path "
            "[default: known downloads are recognised].",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take over --out from an earlier run.")] = False,
    time_limit: TimeOption = 10.0,
    memory_limit: MemoryOption = 1024,
    show: ShowOption = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Grade on the workers of this Dask scheduler (tcp://HOST:8786).", show_default=False),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Sandbox layers every worker of the cluster must have, with commas [default: those of this machine].",
            show_default=False,
        ),
    ] = None,
    fail_under: Annotated[
        float | None, typer.Option(min=0, max=100, help="End with 1 when a mark is below this percentage.")
    ] = None,
    trust_submissions: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Grade notebooks and show the table of marks."""
    with reported_errors():
        from autograder.grading.grade import grade as grade_paths

        if layers is not None and scheduler is None:
            raise UsageError("--layers is for the workers of a cluster; name its --scheduler.")
        loaded = load(course, [assignment])[0]

        def start(on_mark: OnMark, book: Gradebook | None) -> Run:
            return grade_paths(
                loaded,
                paths,
                workers=workers,
                seed=seed,
                reveal=reveal.value,
                limits=limits_of(time_limit, memory_limit),
                trust=trust_submissions,
                on_mark=on_mark,
                gradebook=book,
                force=force,
                id_pattern=id_pattern,
                scheduler=scheduler,
                layers=None if layers is None else _names(layers),
            )

        conduct(
            loaded.name,
            start,
            format,
            show,
            out=out,
            replace=replace,
            html=html,
            gradebook=gradebook,
            fail_under=fail_under,
        )


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


def check(
    notebook: Annotated[Path, typer.Argument(help="Your notebook.")],
    tests: Annotated[
        Path | None,
        typer.Option(help="Folder of the public checks [default: tests beside the notebook].", show_default=False),
    ] = None,
    format: FormatOption = Format.text,
    time_limit: TimeOption = 10.0,
    memory_limit: MemoryOption = 1024,
) -> None:
    """Run the public checks on your own notebook; ends with 1 when one fails."""
    with reported_errors():
        from autograder.grading.check import check as check_notebook

        mark = check_notebook(notebook, tests=tests, limits=limits_of(time_limit, memory_limit))
        if format is Format.json:
            typer.echo(mark.to_json(), nl=False)
        else:
            from autograder.reports.terminal import feedback

            out.print(feedback(mark))
        if mark.status == "grader_error":
            raise typer.Exit(3)
        if mark.status != "graded" or any(c.verdict != "pass" for q in mark.questions for c in q.checks):
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


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


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
