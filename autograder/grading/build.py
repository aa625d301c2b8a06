"""From a master to everything a student receives: the notebook with stubs and the public checks.

Beside them a page for teachers, with all questions of a course.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course.master import student_notebook
from autograder.course.model import Assignment, Question
from autograder.course.otter_tests import PublicCase, PublicCheck, test_file
from autograder.course.page import PAGE, exercises_page
from autograder.errors import UsageError
from autograder.grading.compare import compare
from autograder.grading.key import (
    PUBLIC_FILE,
    AnswerKey,
    Case,
    KeyedCheck,
    KeyedQuestion,
    make_key,
    read_public,
    texts_of,
    write_public,
)
from autograder.records.files import write_atomically
from autograder.sandbox import wire
from autograder.sandbox.host import Sandbox, Slot
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import named_in

#: Public checks are drawn from this seed, so that the generated files do not depend on a run.
BUILD_SEED = 0


@dataclass(frozen=True)
class Built:
    """What one build found or wrote.

    Attributes:
        assignment: its name, or that of the page with all of them.
        stale: generated files that differ from what the master and the checks now say (missing ones too).
        extra: files in the generated folders that nothing generates any more.
    """

    assignment: str
    files: tuple[Path, ...]
    stale: tuple[Path, ...]
    extra: tuple[Path, ...]

    @property
    def fresh(self) -> bool:
        """Whether nothing has to be written or removed."""
        return not self.stale and not self.extra


def build(assignments: Sequence[Assignment], *, check: bool = False, trust: bool = False) -> list[Built]:
    """Generate the student notebooks and public tests.

    Args:
        assignments: what to build.
        check: only compare with what is there; write nothing.
        trust: run the solutions even where this machine cannot hold hostile code.

    Raises:
        CourseError: a master or checks file has a mistake.
    """
    limits = Limits()
    preload = named_in(text for assignment in assignments for text in texts_of(assignment))
    with Sandbox(limits, trust=trust, preload=preload) as sandbox, closing(sandbox.slot()) as slot:
        return [_build_one(assignment, slot, limits, check) for assignment in assignments]


def _build_one(assignment: Assignment, slot: Slot, limits: Limits, check: bool) -> Built:
    key = make_key(assignment, BUILD_SEED, slot, limits)
    texts = generated_files(assignment, _settled(key, assignment.student_folder / "tests" / PUBLIC_FILE))
    stale = tuple(path for path, text in texts.items() if not _holds(path, text))
    tests = assignment.student_folder / "tests"
    extra = tuple(sorted(p for p in tests.glob("*") if p.suffix in (".py", ".json") and p not in texts))
    if not check:
        for path in stale:
            write_atomically(path, texts[path])
        for path in extra:
            path.unlink()
    return Built(assignment.name, tuple(texts), stale, extra)


def build_page(assignments: Sequence[Assignment], *, check: bool = False) -> Built:
    """Generate the page with all questions of a course.

    Args:
        assignments: all of them.
        check: only compare with what is there; write nothing.
    """
    path, text = assignments[0].folder / PAGE, exercises_page(assignments)
    stale = () if _holds(path, text) else (path,)
    if stale and not check:
        write_atomically(path, text)
    return Built(PAGE, (path,), stale, ())


def _settled(key: AnswerKey, file: Path) -> AnswerKey:
    """The key with the expected values of an earlier build wherever they say the same within the tolerance.

    Another machine or another version of a library may differ in the last bit of an answer; that alone must not make
    a generated file stale.
    """
    try:
        old = read_public(file)
    except UsageError:
        return key
    held = {
        (question.name, check.title, at): case
        for question in old.questions
        for check in question.checks
        for at, case in enumerate(check.cases)
    }

    def settle(question: str, check: KeyedCheck) -> KeyedCheck:
        cases = [_same(held.get((question, check.title, at)), case) for at, case in enumerate(check.cases)]
        return replace(check, cases=tuple(cases))

    questions = tuple(replace(q, checks=tuple(settle(q.name, c) for c in q.checks)) for q in key.questions)
    return replace(key, questions=questions)


def _same(old: Case | None, new: Case) -> Case:
    """The old case if it asks the same and its answer agrees, else the new one."""
    if old is None or wire.encode(old.probe) != wire.encode(new.probe) or old.allowed.keys() != new.allowed.keys():
        return new
    pairs = [(old.allowed[path], new.allowed[path]) for path in new.allowed]
    close = all(_close(a.absolute, b.absolute) and _close(a.relative, b.relative) for a, b in pairs)
    return old if close and compare(new.expected, old.expected, new.allowed) is None else new


def _close(old: float, new: float) -> bool:
    # Allowances come from measured noise, which may differ by some last bits of a float32 answer.
    return old == new or 0.5 < old / new < 2.0 if new else old == new


def generated_files(assignment: Assignment, key: AnswerKey) -> Mapping[Path, str]:
    """Path and text of every file that students receive."""
    folder = assignment.student_folder
    texts = {folder / f"{assignment.name}.ipynb": student_notebook(assignment)}
    keyed = {question.name: question for question in key.questions}
    for question in assignment.questions:
        public = public_checks(question, keyed[question.name])
        texts[folder / "tests" / f"{question.name}.py"] = test_file(question, public)
    texts[folder / "tests" / PUBLIC_FILE] = write_public(key)
    return texts


def public_checks(question: Question, keyed: KeyedQuestion) -> list[PublicCheck]:
    """The public checks of a question with what the solution answered, as a test file needs them."""
    by_title = {check.title: check for check in keyed.checks}
    return [
        PublicCheck(
            check,
            tuple(
                PublicCase(
                    case.probe, case.expected, {path: (a.absolute, a.relative) for path, a in case.allowed.items()}
                )
                for case in by_title[check.title].cases
            ),
        )
        for check in question.checks
        if check.public
    ]


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except FileNotFoundError:
        return False
