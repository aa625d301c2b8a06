"""One thin command line over the public functions of `autograder`.

Results go to stdout, progress and errors to stderr. Heavy imports happen inside the commands, so that ``--help`` and
``--version`` answer at once.
"""

from __future__ import annotations

import atexit
import gc
import io
import sys
from typing import Annotated

import typer

from autograder.commands.course import build, doctor, validate
from autograder.commands.grading import check, grade
from autograder.commands.importing import import_
from autograder.commands.runs import adjust, export, regrade, report, status
from autograder.otter.commands import app as otter_app

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


app.command(epilog="Example: autograder grade softmax submissions/ --out marks/")(grade)
app.command(epilog="Example: autograder status softmax --gradebook course.db")(status)
app.command(epilog="Example: autograder report marks/ --html report/ --open")(report)
app.command(epilog="Example: autograder regrade softmax --gradebook course.db")(regrade)
app.command(epilog="Example: autograder export softmax --to canvas --roster canvas.csv")(export)
app.command(
    epilog="Example: autograder adjust softmax ann 1.5 --comment 'A fair point.'",
    # A negative number is no option.
    context_settings={"ignore_unknown_options": True},
)(adjust)
app.command(epilog="Example: autograder check softmax.ipynb")(check)
app.command(epilog="Example: autograder build softmax --check")(build)
app.command(epilog="Example: autograder validate softmax --junit proof.xml")(validate)
app.command(epilog="Example: autograder doctor")(doctor)
app.command("import", epilog="Example: autograder import otter hw1.ipynb --out course/")(import_)
app.add_typer(otter_app, name="otter")


def main() -> None:
    """Entry point of the command ``autograder``."""
    # What imports make stays: to look through it again and again, and once more at the end, costs a tenth of a run.
    gc.set_threshold(20_000)
    atexit.register(gc.freeze)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's encoding lacks must not cost the report of a class.
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
