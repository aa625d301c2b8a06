"""The results of a run as a file that another program imports: a table, JSON, or what a learning platform documents.

Rows of students whom the platform could not find are left out and named: Moodle gives up at the first of them, and
Canvas would make a guess from the name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from autograder.errors import UsageError
from autograder.grading.results import Result, Results
from autograder.grading.times import parse_time, time_text
from autograder.records.mark import points
from autograder.records.roster import POINTS_POSSIBLE, Person, Roster
from autograder.text import csv_cell, json_text, visible

Format = Literal["csv", "canvas", "moodle", "gradescope", "json"]

NOT_IN_ROSTER = "Not in the roster"
NOTHING_HANDED_IN = "In the roster, but without a submission"
REJECTED = "Could not be read or were rejected, so nothing was earned"
LEFT_OUT = "Left out, because the roster does not say how {platform} finds them"


@dataclass(frozen=True)
class Export:
    """A file's text, and what a person should know about it.

    Attributes:
        notes: sentences, each with the students it concerns; they may well be right.
        doubts: the same, but something has to be done about them.
    """

    text: str
    notes: Mapping[str, Sequence[str]]
    doubts: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class _Class:
    """Results with the people they belong to."""

    results: Results
    column: str
    roster: Roster | None
    people: Mapping[str, Person]

    @property
    def strangers(self) -> list[str]:
        """Students who have no row in the roster."""
        return [] if self.roster is None else [r.student for r in self.results.results if r.student not in self.people]

    @property
    def absent(self) -> list[Person]:
        """Rows of the roster without a submission."""
        there = {person.line for person in self.people.values()}
        return [] if self.roster is None else [p for p in self.roster.people if p.line not in there]

    def complete(self) -> list[tuple[Result, Person]]:
        """Results that have points and a row."""
        known = [(r, self.people[r.student]) for r in self.results.results if r.student in self.people]
        return [(result, person) for result, person in known if result.hundredths is not None]


def export(results: Results, to: Format, *, roster: Roster | None = None, column: str | None = None) -> Export:
    """The results as the text of a file.

    Args:
        results: of a run.
        to: which kind of file.
        roster: who takes the course; Canvas and Moodle find nobody without it.
        column: name of the column of points [default: the assignment].

    Raises:
        UsageError: the roster is missing where it is needed, is ambiguous, or lacks what a platform looks for; the kind
            of file has no such column.
    """
    if column is not None and to not in ("canvas", "moodle"):
        raise UsageError(f"--column names the column of points for Canvas and Moodle; {to} has none to be named.")
    people = {} if roster is None else roster.match([r.student for r in results.results])
    group = _Class(results, column or results.assignment, roster, people)
    text, left_out = _WRITERS[to](group)
    doubts = dict(results.doubts)
    if group.strangers:
        doubts[NOT_IN_ROSTER] = group.strangers
    if left_out:
        doubts[LEFT_OUT.format(platform=to.capitalize())] = left_out
    rejected = [result.student for result in results.results if result.status == "rejected"]
    notes = {NOTHING_HANDED_IN: [person.words for person in group.absent], REJECTED: rejected}
    return Export(text, {note: students for note, students in notes.items() if students}, doubts)


def rules_in_words(results: Results) -> str:
    """What was exported under which rules, in one line."""
    rules = results.rules
    words = [f"run {results.run}, {results.assignment}: {len(results.results)} students"]
    if rules.due is None:
        words.append("no due date in course.toml, so nothing is taken for lateness")
    else:
        words += [
            f"due {time_text(rules.due)} and {_number(rules.grace_s / 60)} min of grace",
            f"{_number(rules.percent_per_day)} % per day, at most {_number(rules.cap_percent)} %",
            f"late days in the course: {results.late_days}",
        ]
    return "; ".join([*words, f"the {rules.attempts} submission counts"])


# Tables ------------------------------------------------------------------------------------------


def _csv(group: _Class) -> tuple[str, list[str]]:
    results = group.results.results
    questions = list(dict.fromkeys(name for result in results for name, _ in result.questions))
    header = ["student", "name", "section", *_FACTS, *questions, "flags"]
    rows = []
    for result in results:
        person = group.people.get(result.student, Person(0))
        earned = dict(result.questions)
        facts = [get(result) for get in _FACTS.values()]
        cells = [points(earned[name]) if name in earned else "" for name in questions]
        rows.append([result.student, person.full_name, person.section, *facts, *cells, "; ".join(result.flags)])
    return _table([header, *rows]), []


def _json(group: _Class) -> tuple[str, list[str]]:
    rules = group.results.rules
    document = {
        "schema": 1,
        "run": group.results.run,
        "assignment": group.results.assignment,
        "rules": {
            "due": None if rules.due is None else time_text(rules.due),
            "grace_minutes": _number(rules.grace_s / 60),
            "percent_per_day": _number(rules.percent_per_day),
            "cap_percent": _number(rules.cap_percent),
            "late_days": group.results.late_days,
            "attempts": rules.attempts,
        },
        "results": [
            {
                "student": result.student,
                "name": group.people.get(result.student, Person(0)).full_name,
                "section": group.people.get(result.student, Person(0)).section,
                **{name: _or_none(get(result)) for name, get in _FACTS.items()},
                "questions": {name: points(hundredths) for name, hundredths in result.questions},
                "flags": list(result.flags),
            }
            for result in group.results.results
        ],
        "doubts": {doubt: list(students) for doubt, students in group.results.doubts.items()},
        "not_in_roster": group.strangers,
        "without_submission": [person.words for person in group.absent],
    }
    return json_text(document), []


def _canvas(group: _Class) -> tuple[str, list[str]]:
    """Columns as in a gradebook that Canvas exports; an ID of any other table could be another student's."""
    roster = _needed(group, "Canvas")
    known = roster.fields & {"sis_id", "login"} | ({"id"} if roster.from_canvas else set())
    if not known:
        raise UsageError(
            f"{roster.path}: Canvas finds students by ID, SIS User ID or SIS Login ID, and none is here. Export the "
            "gradebook in Canvas, and give that as --roster."
        )
    maximum = max((result.max_hundredths for result in group.results.results), default=0)
    rows: list[list[Any]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", group.column],
        [f"    {POINTS_POSSIBLE}", "", "", "", "", points(maximum)],
    ]
    left_out = []
    for result, person in group.complete():
        ids = [person.id if roster.from_canvas else "", person.sis_id, person.login]
        if any(ids):
            rows.append([person.full_name, *ids, person.section, points(result.hundredths or 0)])
        else:
            left_out.append(result.student)
    return _table(rows), left_out


def _moodle(group: _Class) -> tuple[str, list[str]]:
    """For "Import > CSV file" in the grades of a course, where a person says which column is which."""
    roster = _needed(group, "Moodle")
    known = {field: title for field, title in _MOODLE.items() if field in roster.fields}
    if not known:
        raise UsageError(
            f"{roster.path}: Moodle finds students by email address, ID number or user name. Add one of these columns."
        )
    found = [(r, p) for r, p in group.complete() if any(getattr(p, field) for field in known)]
    left_out = [r.student for r, p in group.complete() if not any(getattr(p, field) for field in known)]
    # A blank in the column that is chosen ends the import, so only columns without blanks are offered.
    whole = {field: title for field, title in known.items() if all(getattr(p, field) for _, p in found)}
    if not whole:
        lacking = next(p for _, p in found if not getattr(p, next(iter(known))))
        raise UsageError(
            f"{roster.path}, line {lacking.line}: {known[next(iter(known))]} is empty, and no other column identifies "
            "every student to Moodle. Fill it."
        )
    rows: list[list[Any]] = [["Full name", *whole.values(), group.column, "Feedback"]]
    for result, person in found:
        ids = [getattr(person, field) for field in whole]
        rows.append([person.full_name, *ids, points(result.hundredths or 0), _explanation(result)])
    return _table(rows), left_out


_MOODLE = {"email": "Email address", "sis_id": "ID number", "login": "Username"}


def _gradescope(group: _Class) -> tuple[str, list[str]]:
    """Columns as in the table of grades that Gradescope gives out, which other tools read."""
    due = group.results.rules.due
    rows: list[list[Any]] = [list(_GRADESCOPE)]
    for result in group.results.results:
        person = group.people.get(result.student, Person(0, id=result.student))
        seconds = parse_time(result.handed_in)
        broken = result.hundredths is None
        rows.append(
            [
                *_named(person),
                "" if result.hundredths is None else points(result.hundredths),
                points(result.max_hundredths),
                "Ungraded" if broken else "Graded",
                "",
                "" if seconds is None else time_text(int(seconds)).replace("T", " ").replace("Z", " +0000"),
                "" if seconds is None or due is None else _clock(max(0, int(seconds) - due)),
            ]
        )
    maximum = max((result.max_hundredths for result in group.results.results), default=0)
    rows += [[*_named(person), "", points(maximum), "Missing", "", "", ""] for person in group.absent]
    return _table(rows), []


_GRADESCOPE = (
    "First Name",
    "Last Name",
    "SID",
    "Email",
    "Sections",
    "Total Score",
    "Max Points",
    "Status",
    "Submission ID",
    "Submission Time",
    "Lateness (H:M:S)",
)


def _named(person: Person) -> list[str]:
    last, comma, first = person.name.partition(", ")
    names = (first, last) if comma else (person.name, "")
    return [person.first_name or names[0], person.last_name or names[1], person.id, person.email, person.section]


def _needed(group: _Class, platform: str) -> Roster:
    if group.roster is None:
        raise UsageError(f"{platform} has its own names for students: say with --roster which they are.")
    return group.roster


def _explanation(result: Result) -> str:
    """How the points came about, where they are not those of the mark."""
    words = []
    charge = result.charge
    if charge is not None and charge.days:
        words.append(
            f"days late: {charge.days}, late days used: {charge.free_days}, taken: {_number(charge.percent)} %"
        )
    if result.adjusted:
        words.append(f"changed by hand: {points(result.adjusted):+g}")
    return "; ".join([f"{points(result.earned):g} points earned", *words]) if words else ""


#: Columns of a result between the student's and the questions'.
_FACTS: dict[str, Callable[[Result], Any]] = {
    "status": lambda r: r.status,
    "points": lambda r: "" if r.hundredths is None else points(r.hundredths),
    "max_points": lambda r: points(r.max_hundredths),
    "earned": lambda r: points(r.earned),
    "days_late": lambda r: "" if r.charge is None else r.charge.days,
    "late_days_used": lambda r: "" if r.charge is None else r.charge.free_days,
    "late_percent": lambda r: "" if r.charge is None else _number(r.charge.percent),
    "changed_by_hand": lambda r: points(r.adjusted),
    "attempts": lambda r: r.attempts,
    "handed_in": lambda r: r.handed_in,
    "file": lambda r: r.file,
}

_WRITERS: Mapping[str, Callable[[_Class], tuple[str, list[str]]]] = {
    "csv": _csv,
    "canvas": _canvas,
    "moodle": _moodle,
    "gradescope": _gradescope,
    "json": _json,
}


def _table(rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        writer.writerow([csv_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()


def _or_none(value: Any) -> Any:
    return None if value == "" else value


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def with_students(sentence: str, students: Sequence[str]) -> str:
    """A note or a doubt with everybody it concerns, for a terminal."""
    return f"{sentence}: {', '.join(visible(student, 100) for student in students)}"
