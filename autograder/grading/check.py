"""What a student runs at home: the public checks of one notebook, with full feedback and no solution on disk."""

from __future__ import annotations

from pathlib import Path

from autograder import messages
from autograder.errors import UsageError
from autograder.grading.examine import facts_of, mark_one
from autograder.grading.key import PUBLIC_FILE, read_public
from autograder.grading.submissions import Source
from autograder.records.mark import Mark
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import ALWAYS, named_in


def check(notebook: Path, *, tests: Path | None = None, limits: Limits | None = None) -> Mark:
    """Run the public checks on one notebook.

    The notebook is the student's own, so it also runs where this machine has no sandbox.

    Args:
        notebook: the file to check.
        tests: the folder with the public checks; by default ``tests`` beside the notebook.
        limits: of the notebook.

    Returns:
        Its mark, counted over the public checks only.

    Raises:
        UsageError: the notebook or the public checks are not there.
    """
    if not notebook.is_file():
        raise UsageError(f"{notebook}: no such notebook.")
    key = read_public((tests or notebook.parent / "tests") / PUBLIC_FILE)
    messages.use(key.words)
    submission = Source(notebook.stem, str(notebook), notebook.resolve()).read()
    modules = named_in((source for _, source in submission.cells), always=ALWAYS)
    with Sandbox(limits, trust=True, preload=modules) as sandbox:
        slot = sandbox.slot()
        try:
            return mark_one(submission, key, slot, sandbox.limits, "full", facts_of(key, sandbox))
        finally:
            slot.close()
