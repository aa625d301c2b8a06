"""The commands `autograder otter ...`."""

from __future__ import annotations

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
    MemoryOption,
    RevealLevel,
    SeedOption,
    ShowOption,
    TimeOption,
    TrustOption,
    WorkersOption,
    conduct,
    limits,
    load,
    out,
    reported_errors,
)
from autograder.sandbox.ahead import begin_ahead

if TYPE_CHECKING:
    from autograder.grading.grade import OnMark, Run
    from autograder.records.gradebook import Gradebook

app = typer.Typer(
    help="Archives for Gradescope and otter-grader; assignments made for otter-grader.",
    epilog="Example: autograder otter build softmax --out archives/",
    no_args_is_help=True,
)


class Platform(str, Enum):
    """Whose archive is built."""

    gradescope = "gradescope"
    otter = "otter"
    otter_sandboxed = "otter-sandboxed"
    otter_assign = "otter-assign"


class HiddenVisibility(str, Enum):
    """When a student sees hidden checks, in Gradescope's words."""

    after_published = "after_published"
    after_due_date = "after_due_date"
    hidden = "hidden"
    visible = "visible"


@app.callback()
def _group() -> None:
    pass


@app.command(epilog="Example: autograder otter build softmax --out archives/ --for gradescope")
def build(
    assignment: Annotated[str, typer.Argument(help="Name of the assignment.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder of the archives.")],
    platform: Annotated[
        Platform,
        typer.Option(
            "--for",
            help="Who grades: Gradescope, otter, otter with a plugin for the sandbox; or a master for otter assign.",
        ),
    ] = Platform.gradescope,
    hidden: Annotated[
        HiddenVisibility, typer.Option(help="When students see hidden checks on Gradescope.")
    ] = HiddenVisibility.after_published,
    reveal: Annotated[RevealLevel, typer.Option(help="How much failed hidden checks tell.")] = RevealLevel.hint,
    seed: SeedOption = 0,
    time_limit: TimeOption = 10.0,
    memory_limit: MemoryOption = 1024,
    requirements: Annotated[
        Path | None, typer.Option(help="File with further requirements and options of pip.", show_default=False)
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(
            help="Wheel of this package, to go into the archive [default: made of the installed one].",
            show_default=False,
        ),
    ] = None,
    trust_submissions: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Build the archive with which another platform grades an assignment."""
    with reported_errors():
        from autograder.otter.assign import build_master
        from autograder.otter.gradescope import Settings, build_gradescope
        from autograder.otter.stock import build_otter, build_sandboxed

        settings = Settings(
            assignment, seed, reveal.value, hidden.value, limits(time_limit, memory_limit), trust_submissions
        )
        loaded = load(course, [assignment])[0]
        if platform in (Platform.otter, Platform.otter_assign):
            make = build_otter if platform is Platform.otter else build_master
            path = make(loaded, folder, seed=seed, trust=trust_submissions, requirements=requirements, wheel=wheel)
        else:
            in_sandbox = build_gradescope if platform is Platform.gradescope else build_sandboxed
            path = in_sandbox(loaded, folder, settings, requirements=requirements, wheel=wheel)
        out.print(f"written: {path}", soft_wrap=True)


@app.command(epilog="Example: autograder otter grade hw1-autograder.zip submissions/ --solution hw1.ipynb")
def grade(
    archive: Annotated[Path, typer.Argument(help="The autograder.zip of an assignment made with stock otter-grader.")],
    paths: Annotated[list[Path], typer.Argument(help="Notebooks, folders or zip archives of notebooks.")],
    solution: Annotated[
        Path | None,
        typer.Option(
            help="Notebook of the solution: shows which tests can run apart from the students' code.",
            show_default=False,
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            help="Question whose tests must run beside the student's code, which can forge them (repeatable) "
            "[default: doctests, and tests that take `env`].",
            show_default=False,
        ),
    ] = None,
    workers: WorkersOption = None,
    reveal: Annotated[RevealLevel, typer.Option(help="How much failed hidden tests tell.")] = RevealLevel.hint,
    format: FormatOption = Format.text,
    out: Annotated[Path | None, typer.Option(help="Folder for one JSON mark each, marks.csv and run.json.")] = None,
    html: HtmlOption = None,
    gradebook: GradebookOption = None,
    force: Annotated[bool, typer.Option("--force", help="Grade again what the gradebook has a mark for.")] = False,
    id_pattern: Annotated[
        str | None,
        typer.Option(help="Regular expression with a group (?P<id>...), as for `grade`.", show_default=False),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take over --out from an earlier run.")] = False,
    time_limit: TimeOption = 10.0,
    memory_limit: MemoryOption = 1024,
    show: ShowOption = None,
    trust_submissions: TrustOption = False,
) -> None:
    """Grade an assignment that was made for stock otter-grader, in the sandbox."""
    with reported_errors():
        begin_ahead(paths)
        from autograder.grading.examine import Terms
        from autograder.otter.existing.archive import read_archive
        from autograder.otter.existing.examiner import grade_existing

        made = read_archive(archive)
        terms = Terms(0, reveal.value, limits(time_limit, memory_limit), trust_submissions)

        def start(on_mark: OnMark, book: Gradebook | None) -> Run:
            return grade_existing(
                made,
                paths,
                workers=workers,
                terms=terms,
                beside=beside or (),
                solution=solution,
                on_mark=on_mark,
                gradebook=book,
                force=force,
                id_pattern=id_pattern,
            )

        conduct(made.name, start, format, show, out=out, replace=replace, html=html, gradebook=gradebook)
