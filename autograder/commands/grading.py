"""The commands that grade: a class, or a student's own notebook at home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.console import (
    CourseOption,
    DeviceOption,
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
    err,
    load,
    out,
    reported_errors,
)
from autograder.console import limits as limits_of
from autograder.errors import UsageError
from autograder.sandbox.ahead import begin_ahead

if TYPE_CHECKING:
    from autograder.grading.grade import OnMark, Run
    from autograder.records.gradebook import Gradebook


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
    device: DeviceOption = "cpu",
    gpu_jobs: Annotated[int, typer.Option(min=1, help="Jobs on a GPU at the same time.")] = 1,
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
        if layers is not None and scheduler is None:
            raise UsageError("--layers is for the workers of a cluster; name its --scheduler.")
        if scheduler is None:
            begin_ahead(paths)
        loaded = load(course, [assignment])[0]
        from autograder.grading.grade import grade as grade_paths
        from autograder.sandbox.devices import chosen

        devices = chosen(device)
        if device == "all" and len(devices) == 1:
            err.print("note: there is no GPU here: torch questions are asked on the CPU alone.")

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
                devices=devices,
                jobs_per_device=gpu_jobs,
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


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
