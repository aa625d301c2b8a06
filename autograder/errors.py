"""What can go wrong outside a submission, and whose move it is.

A wrong submission is a result, never one of these. Each class carries the exit code of the command line.
"""

from __future__ import annotations


class AutograderError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 3


class UsageError(AutograderError):
    """The caller asked for something impossible: the message says what to do instead."""

    exit_code = 2


class CourseError(AutograderError):
    """The author of an assignment made a mistake: the message names file, line and remedy."""

    exit_code = 2


class GraderError(AutograderError):
    """The grader itself broke; a student never loses points for it."""

    exit_code = 3
