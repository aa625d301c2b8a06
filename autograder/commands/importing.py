"""The command that turns assignments of other formats into one of a course."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from autograder.console import TrustOption, err, out, reported_errors


class Origin(str, Enum):
    """For what a notebook was made."""

    otter = "otter"
    nbgrader = "nbgrader"


def import_(
    origin: Annotated[Origin, typer.Argument(help="For what the notebook was made.", metavar="otter|nbgrader")],
    notebook: Annotated[Path, typer.Argument(help="Otter's master, or nbgrader's source notebook.")],
    course: Annotated[Path, typer.Option("--out", help="Folder of the course.")],
    trust_submissions: TrustOption = False,
) -> None:
    """Turn an assignment of another format into one of a course; ends with 1 where it does not work as it is."""
    with reported_errors():
        from autograder.importing.write import import_notebook

        made = import_notebook(origin.value, notebook, course, trust=trust_submissions)
        out.print(f"written: {made.folder}", soft_wrap=True)
        out.print(f"questions with checks: {', '.join(made.questions) or 'none'}", soft_wrap=True)
        for todo in made.todos:
            at = f"cell {todo.cell}: " if todo.cell else ""
            out.print(f"by hand: {at}{todo.reason}", soft_wrap=True)
        if made.problem:
            err.print(f"not ready: {made.problem}", soft_wrap=True)
            raise typer.Exit(1)
        out.print("The solution answers every check.")
