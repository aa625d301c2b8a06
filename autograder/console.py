"""What all commands share: their options, where they write, how an error of ours ends them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from autograder.errors import AutograderError
from autograder.text import visible

if TYPE_CHECKING:
    from autograder.course.model import Assignment
    from autograder.sandbox.limits import Limits

# Where stdout is no terminal, Rich would assume 80 columns; COLUMNS still decides where it is set.
_WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 110
out = Console(highlight=False, markup=False, emoji=False, width=_WIDTH)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


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
