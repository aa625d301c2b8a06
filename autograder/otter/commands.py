"""The commands `autograder otter ...`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from autograder.console import (
    CourseOption,
    MemoryOption,
    RevealLevel,
    SeedOption,
    TimeOption,
    TrustOption,
    limits,
    load,
    out,
    reported_errors,
)

app = typer.Typer(
    help="Archives for Gradescope and otter-grader.",
    epilog="Example: autograder otter build softmax --out archives/",
    no_args_is_help=True,
)


class Platform(str, Enum):
    """Whose archive is built."""

    gradescope = "gradescope"
    otter = "otter"
    otter_sandboxed = "otter-sandboxed"


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
        typer.Option("--for", help="Who grades: Gradescope, stock otter, or otter with a plugin for the sandbox."),
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
            help="Wheel of this package, to go into the archive [default: pip finds the release].", show_default=False
        ),
    ] = None,
    trust_submissions: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Build the archive with which another platform grades an assignment."""
    with reported_errors():
        from autograder.otter.gradescope import Settings, build_gradescope
        from autograder.otter.stock import build_otter, build_sandboxed

        settings = Settings(
            assignment, seed, reveal.value, hidden.value, limits(time_limit, memory_limit), trust_submissions
        )
        loaded = load(course, [assignment])[0]
        if platform is Platform.otter:
            path = build_otter(
                loaded, folder, seed=seed, trust=trust_submissions, requirements=requirements, wheel=wheel
            )
        else:
            in_sandbox = build_gradescope if platform is Platform.gradescope else build_sandboxed
            path = in_sandbox(loaded, folder, settings, requirements=requirements, wheel=wheel)
        out.print(f"written: {path}", soft_wrap=True)
