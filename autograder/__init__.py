"""Exercises for deep-learning courses, and a grader whose marks cannot be forged.

Everything that other programs may use is listed in `__all__`; each name is imported on first use, so that
``autograder --version`` needs neither NumPy nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.course.late import load_rules
    from autograder.course.load import assignment_names, find_course, load_assignment, load_course
    from autograder.doctor import doctor
    from autograder.errors import AutograderError, CourseError, GraderError, UsageError
    from autograder.grading.build import build
    from autograder.grading.check import check
    from autograder.grading.grade import Run, grade
    from autograder.grading.regrade import Regrading, regrade
    from autograder.grading.results import results_of
    from autograder.grading.validate import Validation, validate
    from autograder.records.gradebook import Gradebook
    from autograder.records.mark import CheckMark, Mark, QuestionMark
    from autograder.records.roster import Roster
    from autograder.reports.exports import export
    from autograder.sandbox.limits import Limits

_HOMES = {
    "AutograderError": "errors",
    "CheckMark": "records.mark",
    "CourseError": "errors",
    "Gradebook": "records.gradebook",
    "GraderError": "errors",
    "Limits": "sandbox.limits",
    "Mark": "records.mark",
    "QuestionMark": "records.mark",
    "Regrading": "grading.regrade",
    "Roster": "records.roster",
    "Run": "grading.grade",
    "UsageError": "errors",
    "Validation": "grading.validate",
    "assignment_names": "course.load",
    "build": "grading.build",
    "check": "grading.check",
    "doctor": "doctor",
    "find_course": "course.load",
    "export": "reports.exports",
    "grade": "grading.grade",
    "load_assignment": "course.load",
    "load_course": "course.load",
    "load_rules": "course.late",
    "load_ipython_extension": "notebook",
    "regrade": "grading.regrade",
    "results_of": "grading.results",
    "validate": "grading.validate",
}

__all__ = [
    "AutograderError",
    "CheckMark",
    "CourseError",
    "Gradebook",
    "GraderError",
    "Limits",
    "Mark",
    "QuestionMark",
    "Regrading",
    "Roster",
    "Run",
    "UsageError",
    "Validation",
    "assignment_names",
    "build",
    "check",
    "doctor",
    "export",
    "find_course",
    "grade",
    "load_assignment",
    "load_course",
    "load_rules",
    "regrade",
    "results_of",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
