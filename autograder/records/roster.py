"""Who takes the course? A table that maps ids of submissions to names, sections and a platform's own ids.

The table may be one that a platform exports: a gradebook of Canvas, a grading worksheet or a list of participants of
Moodle, a roster of Gradescope.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UsageError
from autograder.records.table import Row, read_table
from autograder.text import visible

#: What may identify a student, with the names such a column has in the tables of platforms.
KEYS = {
    "id": ("id", "student id", "sid", "identifier"),
    "sis_id": ("sis user id", "id number", "sis id"),
    "login": ("sis login id", "username", "login id", "login"),
    "email": ("email", "email address"),
}
_COLUMNS = KEYS | {
    "name": ("name", "full name", "student", "student name"),
    "first_name": ("first name", "firstname"),
    "last_name": ("last name", "surname", "lastname"),
    "section": ("section", "sections", "group"),
}
#: Begins the row of a Canvas gradebook that names no student.
POINTS_POSSIBLE = "Points Possible"


@dataclass(frozen=True)
class Person:
    """One row of a roster; what it does not say is ""."""

    line: int
    id: str = ""
    sis_id: str = ""
    login: str = ""
    email: str = ""
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    section: str = ""

    @property
    def full_name(self) -> str:
        """The name as one text."""
        return self.name or " ".join(part for part in (self.first_name, self.last_name) if part)

    @property
    def words(self) -> str:
        """How a message names this row."""
        ids = next((getattr(self, key) for key in KEYS if getattr(self, key)), "no id")
        return f"{self.full_name} ({ids})" if self.full_name else ids


class Roster:
    """The people of a course.

    Args:
        path: a CSV file with at least one column that identifies students.

    Raises:
        UsageError: it is no such file.
    """

    def __init__(self, path: Path) -> None:
        table = read_table(path, _COLUMNS)
        self.path, self.fields = path, frozenset(table.fields)
        #: Whether it is a gradebook of Canvas, which alone calls names "Student" beside an "ID".
        self.from_canvas = (table.fields.get("name"), table.fields.get("id")) == ("student", "id")
        if not self.fields & set(KEYS):
            known = ", ".join(sorted(name for names in KEYS.values() for name in names))
            raise UsageError(f"{path}: no column identifies a student. Name one of them: {known}.")
        self.people = tuple(_person(row) for row in table.rows if not row["name"].startswith(POINTS_POSSIBLE))

    def match(self, students: Iterable[str]) -> dict[str, Person]:
        """Each student's row, for those that have one.

        Raises:
            UsageError: a student fits two rows, or two students the same one.
        """
        index: dict[str, dict[int, Person]] = {}
        for person in self.people:
            for key in KEYS:
                if value := getattr(person, key):
                    index.setdefault(value, {})[person.line] = person
        found: dict[str, Person] = {}
        owner: dict[int, str] = {}
        for student in students:
            people = list(index.get(student, {}).values())
            if len(people) > 1:
                lines = " and ".join(str(person.line) for person in people)
                raise UsageError(
                    f"{self.path}, lines {lines}: {visible(student, 100)} may be any of them. "
                    "Leave out the column that does not hold the ids of the submissions."
                )
            for person in people:
                other = owner.setdefault(person.line, student)
                if other != student:
                    raise UsageError(
                        f"{self.path}, line {person.line}: both {visible(other, 100)} and {visible(student, 100)} are "
                        "this person. Give them one id and grade again."
                    )
                found[student] = person
        return found


def _person(row: Row) -> Person:
    facts = {field: row[field] for field in _COLUMNS}
    # A grading worksheet of Moodle has "Participant 1234567", its downloads have the number.
    return Person(row.line, **facts | {"id": facts["id"].removeprefix("Participant ")})
