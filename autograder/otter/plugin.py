"""A plugin with which an unmodified `otter run` hands the grading to the sandbox.

Otter calls its hooks in its own process: what was submitted beside the notebook is removed before anything of it is
read, a notebook without cells takes the place of the submitted one in Otter's kernel, and the marks of this engine take
the place of the results. Only the configuration of an archive names this module; nothing else here needs Otter.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from otter.plugins import AbstractOtterPlugin
from otter.test_files.abstract_test import TestCase, TestCaseResult, TestFile
from otter.test_files.exception_test import ExceptionTestFile

from autograder.course.model import Assignment
from autograder.messages import say
from autograder.otter.container import assignment_of, grade_as_set, refuse_broken, remarks, words
from autograder.otter.gradescope import SETTINGS_FILE, read_settings
from autograder.records.mark import CheckMark, Mark, QuestionMark, points
from autograder.sandbox.ahead import begin_ahead


class SandboxPlugin(AbstractOtterPlugin):  # type: ignore[misc]  # Otter has no types
    """Grades in the sandbox; a fault of ours ends `otter run` without results."""

    def before_grading(self, config: Any) -> None:
        """Leave nothing of the submission but the notebook.

        Otter would unpickle a log, and its kernel could import a module that lies beside the notebook.
        """
        notebook = Path(self.submission_path)
        begin_ahead([notebook])
        for path in notebook.parent.iterdir():
            if path == notebook:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def before_execution(self, submission: Any) -> Any:
        """Grade the notebook; Otter goes on with an empty one.

        Raises:
            UsageError: this machine cannot hold hostile code, or the archive is not one of ours.
            CourseError: the solution does not answer its own checks.
            GraderError: the sandbox broke, or a fault of ours left a check unmarked.
        """
        notebook = Path(self.submission_path)
        source = notebook.parent.parent / "source"
        settings = read_settings(source / SETTINGS_FILE)
        self._assignment = assignment_of(source, settings)
        run = grade_as_set(self._assignment, notebook, settings)
        (self._mark,) = run.marks
        refuse_broken(self._mark)
        return nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]  # nbformat's own function has no types

    def after_grading(self, results: Any) -> None:
        """Put our marks in the place of the results."""
        results.results = {test.name: test for test in test_files(self._mark, self._assignment)}
        results.set_output("\n".join(remarks(self._mark)))


def test_files(mark: Mark, assignment: Assignment) -> Iterator[TestFile]:
    """A mark as Otter's results: a test file for each question, a test case for each check."""
    for question in mark.questions or _unread(mark, assignment):
        cases = [TestCase(c.title, "", not c.public, points(c.max_hundredths), None, None) for c in question.checks]
        test = ExceptionTestFile(question.name, f"tests/{question.name}.py", cases, all_or_nothing=False)
        test.test_case_results = [
            TestCaseResult(case, "\n".join(words(question, check)) or say("container.right"), check.verdict == "pass")
            for case, check in zip(cases, question.checks, strict=True)
        ]
        yield test


# Pytest collects functions of this name; this one is no test.
test_files.__test__ = False  # type: ignore[attr-defined]


def _unread(mark: Mark, assignment: Assignment) -> Iterator[QuestionMark]:
    """All questions of a notebook that was rejected, each with the reason."""
    reason = "; ".join(mark.flags)
    for q in assignment.questions:
        checks = tuple(CheckMark(c.title, c.public, "missing", 0, c.hundredths, reason) for c in q.checks)
        yield QuestionMark(q.name, q.hundredths, q.extra, checks)
