"""From a master to everything a student receives: the notebook with stubs and the public checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from autograder.course.master import student_notebook
from autograder.course.model import Assignment
from autograder.course.otter_tests import PublicCase, PublicCheck, test_file
from autograder.grading.key import PUBLIC_FILE, AnswerKey, make_key, write_public
from autograder.records.files import write_atomically
from autograder.sandbox.host import Sandbox, Slot
from autograder.sandbox.limits import Limits

#: Public checks are drawn from this seed, so that the generated files do not depend on a run.
BUILD_SEED = 0


@dataclass(frozen=True)
class Built:
    """What one build found or wrote.

    Attributes:
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
    with Sandbox(limits, trust=trust) as sandbox, closing(sandbox.slot()) as slot:
        return [_build_one(assignment, slot, limits, check) for assignment in assignments]


def _build_one(assignment: Assignment, slot: Slot, limits: Limits, check: bool) -> Built:
    texts = generated_files(assignment, make_key(assignment, BUILD_SEED, slot, limits))
    stale = tuple(path for path, text in texts.items() if not _holds(path, text))
    tests = assignment.student_folder / "tests"
    extra = tuple(sorted(p for p in tests.glob("*") if p.suffix in (".py", ".json") and p not in texts))
    if not check:
        for path in stale:
            write_atomically(path, texts[path])
        for path in extra:
            path.unlink()
    return Built(assignment.name, tuple(texts), stale, extra)


def generated_files(assignment: Assignment, key: AnswerKey) -> Mapping[Path, str]:
    """Path and text of every file that students receive."""
    folder = assignment.student_folder
    texts = {folder / f"{assignment.name}.ipynb": student_notebook(assignment)}
    keyed = {question.name: question for question in key.questions}
    for question in assignment.questions:
        by_title = {check.title: check for check in keyed[question.name].checks}
        public = [
            PublicCheck(
                check,
                tuple(
                    PublicCase(case.probe, case.expected, {path: a.absolute for path, a in case.allowed.items()})
                    for case in by_title[check.title].cases
                ),
            )
            for check in question.checks
            if check.public
        ]
        texts[folder / "tests" / f"{question.name}.py"] = test_file(question, public)
    texts[folder / "tests" / PUBLIC_FILE] = write_public(key)
    return texts


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except FileNotFoundError:
        return False
