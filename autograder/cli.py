"""One thin command line over the public functions of `autograder`.

Results go to stdout, progress and errors to stderr. Heavy imports happen inside the commands, so that ``--help`` and
``--version`` answer at once.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from autograder.console import CourseOption, MemoryOption, RevealLevel, SeedOption, TimeOption, TrustOption
from autograder.console import err as _err
from autograder.console import limits as _limits
from autograder.console import load as _load
from autograder.console import out as _out
from autograder.console import reported_errors as _reported_errors
from autograder.errors import GraderError, UsageError
from autograder.otter.commands import app as otter_app
from autograder.text import json_text

if TYPE_CHECKING:
    from autograder.grading.grade import Run
    from autograder.grading.validate import Validation
    from autograder.records.gradebook import Gradebook
    from autograder.records.mark import Mark
    from autograder.reports.source import RunSource

EXIT_CODES = (
    "Exit codes: 0 done; 1 done, and something failed (check, validate, build --check, --fail-under) or is in doubt "
    "(export); 2 wrong usage or a mistake in the course; 3 the grader itself broke and results are incomplete; "
    "130 interrupted."
)

app = typer.Typer(
    help=f"Grade notebooks of deep-learning exercises in a sandbox.\n\n{EXIT_CODES}",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Format(str, Enum):
    """How a result is written to stdout."""

    text = "text"
    json = "json"


class Target(str, Enum):
    """What kind of file an export is."""

    csv = "csv"
    canvas = "canvas"
    moodle = "moodle"
    gradescope = "gradescope"
    json = "json"


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


app.add_typer(otter_app, name="otter")


def _version(wanted: bool) -> None:
    if wanted:
        from autograder.records.provenance import engine_version

        typer.echo(f"autograder {engine_version()}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: autograder grade softmax submissions/ --out marks/")
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
    with _reported_errors():
        from autograder.grading.grade import grade as grade_paths
        from autograder.records.files import RunFolder
        from autograder.reports.source import changes_by_hand

        if show and format is Format.json:
            raise UsageError("--show adds text to the table; --format json has every student's feedback already.")
        if layers is not None and scheduler is None:
            raise UsageError("--layers is for the workers of a cluster; name its --scheduler.")
        loaded = _load(course, [assignment])[0]
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        folder = RunFolder(out, loaded.name, replace=replace) if out is not None else None
        with _opened(gradebook) as book, _progress(show_lines=True) as advance:

            def on_mark(mark: Mark, done: int, total: int) -> None:
                if folder is not None:
                    folder.add(mark)
                advance(mark, done, total)

            try:
                run = grade_paths(
                    loaded,
                    paths,
                    workers=workers,
                    seed=seed,
                    reveal=reveal.value,
                    limits=_limits(time_limit, memory_limit),
                    trust=trust_submissions,
                    on_mark=on_mark,
                    gradebook=book,
                    force=force,
                    id_pattern=id_pattern,
                    scheduler=scheduler,
                    layers=None if layers is None else _names(layers),
                )
            except BaseException:
                if folder is not None:
                    with suppress(GraderError):  # a full disk: the error on its way tells more
                        folder.finish(folder.written(), {}, 0.0, finished=False)
                    _err.print(f"{len(folder.written())} finished marks are in {folder.path}")
                raise
            by_hand = changes_by_hand(book, loaded.name) if book is not None else {}
            # While the gradebook is open: it holds the marks.
            for note in run.notes:
                _err.print(note, soft_wrap=True)
            for warning in run.warnings:
                _err.print(f"warning: {warning}", style="yellow", soft_wrap=True)
            if folder is not None:
                folder.finish(run.marks, run.provenance, run.elapsed_s, finished=True)
            if html is not None:
                from autograder.reports.classroom import Classroom
                from autograder.reports.folder import write_pages

                classroom = Classroom(run.assignment, started=started, by_hand=by_hand)
                _opened_page(write_pages(html, classroom, run.marks))
            _show_run(run, format, show or [])
            if any(mark.status == "grader_error" for mark in run.marks):
                raise typer.Exit(3)
            if fail_under is not None and any(_percent(mark) < fail_under for mark in run.marks):
                raise typer.Exit(1)


@app.command(epilog="Example: autograder status softmax --gradebook course.db")
def status(
    run: RunArgument,
    gradebook: GradebookOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Show the state of a run: verdicts, pass rates, slowest submissions, flags, failures of the grader."""
    with _reported_errors(), _needed(gradebook) as book:
        from autograder.reports.runs import run_summary, status_report

        found = book.find_run(run)
        summary = run_summary(found, book.marks(found), book.adjustments(found.assignment))
        if format is Format.json:
            typer.echo(json.dumps(summary, indent=1))
        else:
            _out.print(status_report(summary))


@app.command(epilog="Example: autograder report marks/ --html report/ --open")
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
    with _reported_errors(), _run_of(run, gradebook) as found:
        from autograder.reports.folder import write_pages, write_texts

        _speak(course)
        if open_ and html is None:
            html = Path(f"report-{found.assignment}")
        if html is not None:
            _opened_page(write_pages(html, found.classroom(), found.marks()), open_)
        if text is not None:
            _err.print(f"texts: {write_texts(text, found)}", soft_wrap=True)
        marks = list(found.marks()) if show or (html is None and text is None) else []
        if html is None and text is None:
            _show_tables(marks)
        _show_students(marks, show or [])


@app.command(epilog="Example: autograder regrade softmax --gradebook course.db")
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
    with _reported_errors(), _needed(gradebook) as book:
        from autograder.grading.regrade import regrade as regrade_run
        from autograder.reports.runs import regrading_document, regrading_report

        found = book.find_run(run)
        assignment = _load(course, [found.assignment])[0]
        with _progress() as advance:
            regrading = regrade_run(
                book,
                found,
                assignment,
                workers=workers or _cores(),
                apply=apply,
                trust=trust_submissions,
                on_mark=advance,
            )
        if format is Format.json:
            typer.echo(json.dumps(regrading_document(regrading), indent=1))
        else:
            _out.print(regrading_report(regrading))


@app.command(epilog="Example: autograder export softmax --to canvas --roster canvas.csv")
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
    with _reported_errors(), _needed(gradebook) as book:
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
            _write(out, exported.text)
        _err.print(rules_in_words(results), soft_wrap=True)
        for note, students in exported.notes.items():
            _err.print(with_students(note, students), soft_wrap=True)
        for doubt, students in exported.doubts.items():
            _err.print(f"warning: {with_students(doubt, students)}", style="yellow", soft_wrap=True)
        if exported.doubts:
            raise typer.Exit(1)


@app.command(
    epilog="Example: autograder adjust softmax ann 1.5 --comment 'A fair point.'",
    # A negative number is no option.
    context_settings={"ignore_unknown_options": True},
)
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
    with _reported_errors(), _needed(gradebook) as book:
        import getpass

        hundredths = round(points * 100)
        if abs(points * 100 - hundredths) > 1e-6:
            raise UsageError(f"{points:g} points: at most two decimals.")
        book.adjust(assignment, student, hundredths, comment, author or getpass.getuser())


@app.command(epilog="Example: autograder check softmax.ipynb")
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
    with _reported_errors():
        from autograder.grading.check import check as check_notebook

        mark = check_notebook(notebook, tests=tests, limits=_limits(time_limit, memory_limit))
        if format is Format.json:
            typer.echo(mark.to_json(), nl=False)
        else:
            from autograder.reports.terminal import feedback

            _out.print(feedback(mark))
        if mark.status == "grader_error":
            raise typer.Exit(3)
        if mark.status != "graded" or any(c.verdict != "pass" for q in mark.questions for c in q.checks):
            raise typer.Exit(1)


@app.command(epilog="Example: autograder build softmax --check")
def build(
    assignments: Annotated[list[str] | None, typer.Argument(help="Names; all when none is given.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; end with 1 when a file is stale.")] = False,
    trust_submissions: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Make the student notebooks and public tests from the masters; without names also the page of all questions."""
    with _reported_errors():
        from autograder.grading.build import build as build_assignments
        from autograder.grading.build import build_page
        from autograder.reports.terminal import build_report

        loaded = _load(course, assignments or [])
        results = build_assignments(loaded, check=check, trust=trust_submissions)
        if not assignments:  # the page is about the whole course
            results.append(build_page(loaded, check=check))
        for built in results:
            _out.print(build_report(built, check=check), soft_wrap=True)  # a path is one word, however long
        if check and not all(built.fresh for built in results):
            _err.print("Run `autograder build` and commit what it writes.")
            raise typer.Exit(1)


@app.command(epilog="Example: autograder validate softmax --junit proof.xml")
def validate(
    assignments: Annotated[list[str] | None, typer.Argument(help="Names; all when none is given.")] = None,
    workers: WorkersOption = None,
    seed: SeedOption = 0,
    format: FormatOption = Format.text,
    junit: Annotated[Path | None, typer.Option(help="Also write the findings to this file, as JUnit XML.")] = None,
    mutants: Annotated[bool, typer.Option(help="Also change the reference, one slip at a time.")] = True,
    cache: Annotated[bool, typer.Option(help="Reuse a sound result while nothing it depends on has changed.")] = True,
    trust_submissions: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Prove the checks: the solution earns everything, the stub nothing, every mistake fails."""
    with _reported_errors():
        from autograder.grading.proofs import Proofs
        from autograder.reports.junit import junit_xml
        from autograder.reports.terminal import validation_report

        results = []
        for assignment in _load(course, assignments or []):
            with _progress() as advance:
                proofs = Proofs(assignment.folder if cache else None)
                results.append(
                    proofs.validate(
                        assignment,
                        workers=workers or _cores(),
                        seed=seed,
                        trust=trust_submissions,
                        mutants=mutants,
                        on_mark=advance,
                    )
                )
            if format is Format.text:
                _out.print(validation_report(results[-1]))
        if junit is not None:
            _write(junit, junit_xml(results))
        if format is Format.json:
            typer.echo(json_text([_validation_document(v) for v in results]), nl=False)
        if any(validation.breaches for validation in results):
            raise typer.Exit(1)


@app.command(epilog="Example: autograder doctor")
def doctor(format: FormatOption = Format.text) -> None:
    """Show what this machine can do, and what each missing layer of the sandbox costs."""
    with _reported_errors():
        from autograder.doctor import doctor as examine
        from autograder.reports.terminal import layers_table
        from autograder.sandbox.layers import LAYERS

        found = examine()
        if format is Format.json:
            layers = {s.name: {"active": s.active, "detail": s.detail} for s in found.layers.values()}
            document = {
                "engine": found.engine,
                "python": found.python,
                "platform": found.platform,
                "libraries": found.libraries,
                "devices": found.devices,
                "layers": layers,
                "acceptable": found.decision.acceptable,
                "refusals": list(found.decision.refusals),
                "warnings": list(found.decision.warnings),
            }
            typer.echo(json_text(document), nl=False)
        else:
            libraries = ", ".join(f"{name} {version}" for name, version in found.libraries.items())
            _out.print(f"autograder {found.engine}, Python {found.python} on {found.platform}")
            _out.print(f"libraries: {libraries}\ndevices: {found.devices}\n")
            _out.print(layers_table(found.layers.values(), {layer.name: layer.lost for layer in LAYERS}))
            for line in (*found.decision.refusals, *found.decision.warnings):
                _out.print(f"\n{line}", style="yellow")
            verdict = "can" if found.decision.acceptable else "cannot"
            _out.print(f"\nThis machine {verdict} grade submissions that nobody trusts.", style="bold")
        if not found.decision.acceptable:
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


def _opened_page(page: Path, show: bool = False) -> None:
    """Say where the page of a class is, and show it in a browser."""
    import webbrowser

    _err.print(f"report: {page}", soft_wrap=True)
    if show and not webbrowser.open(page.resolve().as_uri()):
        raise UsageError(f"{page}: there is no browser here that could show it. Open the file where there is one.")


def _speak(course: Path | None) -> None:
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


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
    _show_tables(run.marks)
    _show_students(run.marks, show)


def _show_tables(marks: Sequence[Mark]) -> None:
    from autograder.reports.terminal import marks_table, misconceptions_table

    _out.print(marks_table(marks))
    if (table := misconceptions_table(marks)) is not None:
        _out.print()
        _out.print(table)


def _show_students(marks: Sequence[Mark], show: list[str]) -> None:
    from autograder.reports.terminal import feedback

    for student in show:
        chosen = [mark for mark in marks if mark.student == student]
        if not chosen:
            known = ", ".join(sorted({mark.student for mark in marks})[:20])
            raise UsageError(f"--show {student}: no such student in this run; there are {known}.")
        for mark in chosen:
            _out.print()
            _out.print(feedback(mark))


def _validation_document(validation: Validation) -> dict[str, Any]:
    document = validation.to_document()
    return {
        "assignment": document["assignment"],
        "breaches": len(validation.breaches),
        "findings": document["findings"],
        "idle_checks": [{"question": question, "title": title} for question, title in validation.idle],
    }


def _write(path: Path, text: str) -> None:
    from autograder.records.files import write_atomically

    try:
        write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}). Name another file.") from error


@contextmanager
def _progress(show_lines: bool = False) -> Iterator[Callable[[Mark, int, int], None]]:
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
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
        task = progress.add_task("grading", total=None, rate="")

        def advance(mark: Mark, done: int, total: int) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = f"{done / elapsed:.1f}/s" if elapsed > 0 else ""
            progress.update(task, total=total, completed=done, rate=rate)
            if show_lines:
                progress.console.print(mark_line(mark), soft_wrap=True)

        yield advance


def main() -> None:
    """Entry point of the command ``autograder``."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's encoding lacks must not cost the report of a class.
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
