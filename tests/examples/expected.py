"""What a student of ``examples/classes`` must earn, as a row of a table.

There is one table per assignment, ``tables/ASSIGNMENT.py``. Where a course changes on purpose (a check is added or
reordered, points are shared differently), a test of ``test_classes.py`` fails and shows the row that it found, ready to
be put in the place of the old one. Before that, read it: a letter that changed must follow from what was changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from autograder import Mark
from autograder.records.mark import points
from autograder.reports.feedback import reason

_LETTERS = {"pass": "P", "fail": "F", "error": "E", "limit": "L", "missing": "M"}


@dataclass(frozen=True)
class Expected:
    """What one student must get.

    Attributes:
        points: exactly.
        why: part of the one-line reason in the table of marks.
        verdicts: by question, one letter per check (Pass, Fail, Error, Limit, Missing), or one for all; others pass.
        hostile: whether it could spoil the run for others.
        seen: part of a message that the student gets.
    """

    points: float
    why: str = ""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    hostile: bool = False
    seen: str = ""
    status: str = "graded"

    def is_met_by(self, mark: Mark) -> bool:
        """Whether a mark is what this row says."""
        due = {name: letters for name, letters in self.verdicts.items() if letters != "P"}
        told = self.why or ("all checks pass" if not due else "")
        return (
            (mark.status, points(mark.hundredths), verdicts(mark)) == (self.status, self.points, due)
            and told in reason(mark)
            and (not self.seen or any(self.seen in text for text in texts(mark)))
        )


def verdicts(mark: Mark) -> dict[str, str]:
    """One letter per check, or one for all, of the questions that do not pass."""
    found = {q.name: "".join(_LETTERS.get(c.verdict, "?") for c in q.checks) for q in mark.questions}
    short = {name: letters[0] if len(set(letters)) == 1 else letters for name, letters in found.items()}
    return {name: letters for name, letters in short.items() if letters != "P"}


def texts(mark: Mark) -> Iterator[str]:
    """Everything that a student reads about single checks."""
    for question in mark.questions:
        for check in question.checks:
            yield from (check.message, check.hint)


def row(mark: Mark) -> str:
    """A mark as a row of a table, without what is told of it."""
    found = verdicts(mark)
    pairs = ", ".join(f'"{question}": "{letters}"' for question, letters in found.items())
    told = f", verdicts={{{pairs}}}" if found else ""
    return f'"{mark.student}": Expected({points(mark.hundredths):g}{told}),'
