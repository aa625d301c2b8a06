"""In a container of Gradescope: from the submitted notebook to ``results.json``.

    python -m autograder.otter.container ROOT

ROOT holds ``source`` (the unpacked archive), ``submission`` and ``results``. A fault of ours leaves no results:
Gradescope then says that the autograder failed, which can be run again, instead of showing points that nobody earned or
lost. The reason is on stdout, which only instructors see.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autograder import messages
from autograder.course.load import load_assignment
from autograder.course.model import Assignment
from autograder.errors import AutograderError, GraderError, UsageError
from autograder.grading.grade import Run, grade
from autograder.grading.reading import Rejected
from autograder.grading.submissions import find_submissions
from autograder.messages import say
from autograder.otter.gradescope import COURSE, SETTINGS_FILE, Settings, read_settings
from autograder.records.files import write_atomically
from autograder.records.mark import CheckMark, Mark, QuestionMark, points
from autograder.sandbox.ahead import begin_ahead
from autograder.sandbox.layers import LAYERS
from autograder.text import json_text, visible


def main() -> int:
    """Grade the submission of the folder that is named on the command line; returns the exit code."""
    root = Path(sys.argv[1]).absolute()
    try:
        grade_submission(root)
    except AutograderError as error:
        print(f"error: {visible(str(error), 8_000, keep_newlines=True)}")
        return error.exit_code
    return 0


def grade_submission(root: Path) -> None:
    """Grade the notebook in ``submission`` and write ``results/results.json``.

    Raises:
        UsageError: this container cannot hold hostile code, or the archive is not one of ours.
        CourseError: the solution does not answer its own checks.
        GraderError: the sandbox broke, or a fault of ours left a check unmarked.
    """
    started = time.monotonic()
    begin_ahead([root / "submission"])
    source, results = root / "source", root / "results" / "results.json"
    try:
        results.unlink(missing_ok=True)
        # Where there are no namespaces and no Landlock, a job is kept out by the rights of files alone.
        for folder in (source, results.parent):
            folder.chmod(0o700)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}. Is {root} the folder of a container?") from error
    settings = read_settings(source / SETTINGS_FILE)
    assignment = assignment_of(source, settings)
    try:
        notebook = handed_in(root / "submission", assignment.name)
    except Rejected as reason:
        document: dict[str, Any] = {"score": 0, "output": visible(str(reason), 4_000)}
    else:
        run = grade_as_set(assignment, notebook, settings)
        (mark,) = run.marks
        document = results_document(mark, settings)
        print("\n".join([f"{points(mark.hundredths):g} of {points(mark.max_hundredths):g} points", *run.warnings]))
    seconds = math.ceil(time.monotonic() - started)
    try:
        write_atomically(results, json_text(_FORM | {"execution_time": seconds} | document))
    except OSError as error:
        raise GraderError(f"{results}: cannot be written ({error.strerror}).") from error


#: Texts are plain, so that nothing of a submission is read as markup; stdout is for instructors.
_FORM = {
    "output_format": "text",
    "test_output_format": "text",
    "test_name_format": "text",
    "stdout_visibility": "hidden",
}


def assignment_of(source: Path, settings: Settings) -> Assignment:
    """The assignment of an unpacked archive; from here on messages are in the words of its course.

    Raises:
        UsageError, CourseError: as `autograder.load_assignment`.
    """
    messages.use(messages.read_course(source / COURSE))
    return load_assignment(source / COURSE, settings.assignment)


def grade_as_set(assignment: Assignment, notebook: Path, settings: Settings) -> Run:
    """Grade one notebook as the settings of an archive say; raises what `autograder.grade` raises."""
    return grade(
        assignment,
        [notebook],
        workers=1,
        seed=settings.seed,
        reveal=settings.reveal,
        limits=settings.limits,
        trust=settings.trust,
    )


def refuse_broken(mark: Mark) -> None:
    """Give out no mark that would cost a student points for a fault of ours.

    Raises:
        GraderError: such a fault left something unmarked.
    """
    if mark.status == "grader_error":
        messages = [c.message for q in mark.questions for c in q.checks if c.verdict == "grader_error"]
        raise GraderError("\n".join(dict.fromkeys([*mark.flags, *messages])) or "something was left unmarked.")


def handed_in(folder: Path, assignment: str) -> Path:
    """The notebook that was submitted: the only one, or the one that has the name of the assignment.

    Raises:
        Rejected: there is none, or it is not clear which one counts.
    """
    try:
        found = find_submissions([folder], assignment)
    except UsageError:
        raise Rejected(say("container.no_notebook")) from None
    readable = [source.path for source in found if not source.rejected]
    named = [path for path in readable if path.name == f"{assignment}.ipynb"]
    if not readable:
        raise Rejected(f"{found[0].path.relative_to(folder)}: {found[0].rejected}")
    for candidates in (readable, named):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(os.fspath(path.relative_to(folder)) for path in sorted(readable)[:5])
    raise Rejected(say("container.many_notebooks", count=len(readable), names=names, name=f"{assignment}.ipynb"))


def results_document(mark: Mark, settings: Settings) -> dict[str, Any]:
    """What ``results.json`` says about a mark.

    Raises:
        GraderError: a fault of ours left something unmarked.
    """
    refuse_broken(mark)
    output = visible("\n".join(remarks(mark)), 16_000, keep_newlines=True)
    if mark.status == "rejected":
        return {"score": 0, "output": output}
    tests = [
        _test(f"{number}.{at}", question, check, settings)
        for number, question in enumerate(mark.questions, start=1)
        for at, check in enumerate(question.checks, start=1)
    ]
    return {"output": output, "tests": tests}


def remarks(mark: Mark) -> Iterator[str]:
    """What concerns no single check; the walls of the sandbox are part of what a mark depends on."""
    yield from mark.flags
    for cell in mark.cells:
        yield say("container.cell_failed", number=cell.number, message=cell.message)
    active = set(mark.provenance.get("layers", ()))
    if active:
        yield say("container.walls", names=_listed([layer.name for layer in LAYERS if layer.name in active]))
        yield say("container.missing_walls", names=_listed([a.name for a in LAYERS if a.name not in active]))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or say("container.nothing")


def _test(number: str, question: QuestionMark, check: CheckMark, settings: Settings) -> dict[str, Any]:
    extra = f" ({say('report.extra')})" if question.extra else ""
    return {
        "number": number,
        "name": visible(f"{question.name}{extra}: {check.title}", 300),
        "score": points(check.hundredths),
        # Extra credit lies beside the points of the assignment.
        "max_score": 0 if question.extra else points(check.max_hundredths),
        "status": "passed" if check.verdict == "pass" else "failed",
        "visibility": "visible" if check.public else settings.hidden,
        "output": visible("\n".join(words(question, check)), 8_000, keep_newlines=True),
    }


def words(question: QuestionMark, check: CheckMark) -> Iterator[str]:
    """Why a check failed; what the whole question's answers say goes to the last that did, a hidden one if any did."""
    if check.verdict == "pass":
        return
    verdict = say(f"verdict.{check.verdict}")
    yield f"{verdict}: {check.message}" if check.message else verdict
    if check.hint:
        yield say("report.hint", hint=check.hint)
    failed = sorted((c for c in question.checks if c.verdict != "pass"), key=lambda c: not c.public)
    if check is failed[-1]:
        if question.diagnosis:
            yield question.diagnosis
        if question.hint:
            yield say("report.hint", hint=question.hint)


if __name__ == "__main__":
    sys.exit(main())
