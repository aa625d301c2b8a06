"""What is exported is what a platform takes in: read again by a reader written from the platform's own rules."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

from autograder.course.late import CourseRules, LateRules
from autograder.errors import UsageError
from autograder.grading.results import results_of
from autograder.grading.times import read_times
from autograder.records.roster import Roster
from autograder.reports import exports
from autograder.reports.exports import export

SAMPLES = Path(__file__).parent / "samples"
DUE = "2026-10-01T23:59:00+02:00"
IN_TIME, LATE = "2026-10-01T20:00:00+02:00", "2026-10-02T10:00:00+02:00"
RULES = CourseRules(
    assignments={"softmax": LateRules(int(datetime.fromisoformat(DUE).timestamp()), percent_per_day=Fraction(10))}
)


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), strict=True))


def canvas_import(text: str, students: dict[int, tuple[str, str, str]]) -> tuple[dict[str, str], dict[int, dict]]:
    """What Canvas takes from a gradebook file: points possible, and for each student by Canvas's number the scores.

    Args:
        text: the file.
        students: of the course: number, with SIS user id, SIS login id and name.
    """
    rows = cells(text)
    header = rows.pop(0)
    assert "Student" in header[0]
    assert "ID" in header[1]
    assert (header[2:4], header[4]) == (["SIS User ID", "SIS Login ID"], "Section")
    columns = {
        at: name
        for at, name in enumerate(header)
        if at > 4 and not re.search("(Current|Final) (Score|Points|Grade)", name)
    }
    possible: dict[str, str] = {}
    scores: dict[int, dict[str, str]] = {}
    for row in rows:
        if "Points Possible" in row[0]:
            possible = {name: row[at] for at, name in columns.items()}
            continue
        if all(re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", cell) for cell in row):
            continue
        # Ruby's to_i: the digits at the start, 0 without any.
        number = int((re.match(r"\d+", row[1]) or ["0"])[0])
        if number not in students:
            by_sis = [n for n, (sis, login, _) in students.items() if row[2] == sis or (row[3] and row[3] == login)]
            number = (by_sis or [n for n, (_, _, name) in students.items() if name == row[0]] or [-1])[0]
        assert number in students, f"Canvas would make a new student of {row}"
        assert number not in scores
        scores[number] = {name: row[at] for at, name in columns.items()}
    return possible, scores


def moodle_import(text: str, by: str, column: str, users: dict[str, str]) -> dict[str, float]:
    """What Moodle takes from a file of grades: one unknown or blank user ends the import."""
    header, *rows = cells(text)
    found = {}
    for row in rows:
        assert len(row) == len(header)
        user = users[row[header.index(by)]]
        value = row[header.index(column)].strip()
        if value not in ("", "-"):
            found[user] = float(value)
    return found


CANVAS = {
    1071: ("S0071", "ann", "Lee, Ann"),
    1072: ("S0072", "bob", 'Ng, "Bo"'),
    1073: ("S0073", "cid", "Østby, Cid"),
    1099: ("", "0f1e2d3c", "Student, Test"),
}


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


@pytest.fixture
def results(graded, handed_in):
    """By the ids of a platform: one in time, one a day late, one unknown to every roster."""

    def make(ann: str, bob: str, stranger: str = "zoe"):
        run = graded.grade(
            handed_in(ann, 8_750, IN_TIME), handed_in(bob, 9_001, LATE), handed_in(stranger, 5_000, IN_TIME)
        )
        graded.book.adjust("softmax", bob, 50, "a fair point", "eve")
        return results_of(graded.book, run, RULES)

    return make


# Canvas ------------------------------------------------------------------------------------------


def test_the_reader_of_canvas_files_reads_the_sample():
    possible, scores = canvas_import(sample("canvas.csv"), CANVAS)
    assert possible == {"Warm-up (4300)": "10.00", "Softmax (4314)": "100.00"}
    assert scores[1073] == {"Warm-up (4300)": "7.50", "Softmax (4314)": "55.00"}
    assert sorted(scores) == [1071, 1072, 1073, 1099]


@pytest.mark.parametrize(("ann", "bob"), [("1071", "1072"), ("S0071", "S0072"), ("ann", "bob")])
def test_canvas_finds_every_student_again(results, ann, bob):
    exported = export(results(ann, bob), "canvas", roster=Roster(SAMPLES / "canvas.csv"), column="Softmax (4314)")
    assert cells(exported.text)[0][:5] == cells(sample("canvas.csv"))[0][:5]
    possible, scores = canvas_import(exported.text, CANVAS)
    assert possible == {"Softmax (4314)": "100"}
    # 90.01 less ten percent is 81.009, and half a point by hand.
    assert scores == {1071: {"Softmax (4314)": "87.5"}, 1072: {"Softmax (4314)": "81.51"}}
    assert exported.doubts == {exports.NOT_IN_ROSTER: ["zoe"]}
    assert exported.notes == {exports.NOTHING_HANDED_IN: ["Østby, Cid (1073)", "Student, Test (1099)"]}
    assert [row[4] for row in cells(exported.text)[2:]] == ["CS 1 - Monday", "CS 1 - Monday and CS 1 - Lab"]


def test_a_number_of_another_table_is_not_taken_for_canvas_s_own(results, tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("id,name,login\n1072,Ann Lee,ann\n1071,Bo Ng,\n")
    exported = export(results("1072", "1071"), "canvas", roster=Roster(roster))
    assert canvas_import(exported.text, CANVAS)[1] == {1071: {"softmax": "87.5"}}
    assert exported.doubts[exports.LEFT_OUT.format(platform="Canvas")] == ["1071"]
    roster.write_text("id,name\n1071,Ann Lee\n")
    with pytest.raises(UsageError, match=r"roster.csv: Canvas finds students by ID, SIS User ID or SIS Login ID"):
        export(results("1071", "1072"), "canvas", roster=Roster(roster))


@pytest.mark.parametrize("platform", ["canvas", "moodle"])
def test_a_platform_with_names_of_its_own_needs_a_roster(results, platform):
    with pytest.raises(UsageError, match=f"{platform.capitalize()} has its own names .* --roster"):
        export(results("a", "b"), platform)


# Moodle ------------------------------------------------------------------------------------------


def test_the_reader_of_moodle_files_reads_the_sample():
    users = {f"S007{n}": name for n, name in ((1, "ann"), (2, "bob"), (3, "cid"))}
    assert moodle_import(sample("moodle.csv"), "ID number", "Assignment: Warm-up (Real)", users) == {
        "ann": 9.0,
        "bob": 10.0,
    }


@pytest.mark.parametrize(
    ("roster", "ann", "bob", "by"),
    [
        ("moodle.csv", "S0071", "S0072", "ID number"),
        ("moodle.csv", "ann@example.org", "bob@example.org", "Email address"),
        ("moodle_worksheet.csv", "501", "502", "Email address"),
    ],
)
def test_moodle_finds_every_student_again(results, roster, ann, bob, by):
    exported = export(results(ann, bob), "moodle", roster=Roster(SAMPLES / roster))
    users = {"S0071": "ann", "ann@example.org": "ann", "S0072": "bob", "bob@example.org": "bob"}
    assert moodle_import(exported.text, by, "softmax", users) == {"ann": 87.5, "bob": 81.51}
    feedback = {row[0]: row[-1] for row in cells(exported.text)}
    assert feedback["Ann Lee"] == ""
    expected = "90.01 points earned; days late: 1, late days used: 0, taken: 10 %; changed by hand: +0.5"
    assert feedback['"Bo" Ng'] == expected
    assert exported.doubts == {exports.NOT_IN_ROSTER: ["zoe"]}


def test_no_blank_identifier_reaches_moodle(results, tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("id,email,id number\nann,ann@example.org,S1\nbob,,S2\n")
    exported = export(results("ann", "bob"), "moodle", roster=Roster(roster))
    assert cells(exported.text)[0] == ["Full name", "ID number", "softmax", "Feedback"]
    roster.write_text("id,email,id number\nann,ann@example.org,\nbob,,S2\n")
    with pytest.raises(UsageError, match="line 3: Email address is empty, and no other column identifies"):
        export(results("ann", "bob"), "moodle", roster=Roster(roster))
    roster.write_text("id,email\nann,ann@example.org\nbob,\n")
    exported = export(results("ann", "bob"), "moodle", roster=Roster(roster))
    assert [row[1] for row in cells(exported.text)[1:]] == ["ann@example.org"]
    assert exported.doubts[exports.LEFT_OUT.format(platform="Moodle")] == ["bob"]
    roster.write_text("id,name\nann,Ann\n")
    with pytest.raises(UsageError, match="Moodle finds students by email address"):
        export(results("ann", "bob"), "moodle", roster=Roster(roster))


# Gradescope --------------------------------------------------------------------------------------


def test_a_table_of_gradescope_has_the_columns_and_the_words_of_the_sample(results):
    exported = export(results("S0071", "S0072"), "gradescope", roster=Roster(SAMPLES / "gradescope.csv"))
    header, *rows = cells(exported.text)
    samples = {row[2]: dict(zip(header, row, strict=True)) for row in cells(sample("gradescope.csv"))[1:]}
    assert header == cells(sample("gradescope.csv"))[0]
    found = {row[2]: dict(zip(header, row, strict=True)) for row in rows}
    assert sorted(found) == ["S0071", "S0072", "S0073", "zoe"]
    # In time or late to the same second as in the sample; only submissions and points are others.
    same = ["First Name", "Last Name", "Email", "Status", "Lateness (H:M:S)"]
    assert [[found[sid][n] for n in same] for sid in samples] == [[samples[sid][n] for n in same] for sid in samples]
    assert [found[sid]["Total Score"] for sid in sorted(found)] == ["87.5", "81.51", "", "50"]
    assert found["S0072"]["Submission Time"] == "2026-10-02 08:00:00 +0000"


def test_a_table_of_gradescope_says_when_it_was(tmp_path):
    known = read_times(SAMPLES / "gradescope.csv").known
    assert known == {
        ("S0071", "", ""): int(datetime.fromisoformat(IN_TIME).timestamp()),
        ("S0072", "", ""): int(datetime.fromisoformat(LATE).timestamp()),
    }


# Tables and JSON ---------------------------------------------------------------------------------


def test_csv_and_json_say_the_same(results):
    found = results("1071", "1072")
    roster = Roster(SAMPLES / "canvas.csv")
    table = list(csv.DictReader(io.StringIO(export(found, "csv", roster=roster).text)))
    document = json.loads(export(found, "json", roster=roster).text)
    assert [row["student"] for row in table] == ["1071", "1072", "zoe"]
    for row, result in zip(table, document["results"], strict=True):
        for name, value in result.items():
            if name == "questions":
                assert {q: float(row[q]) for q in value} == value
            elif name != "flags":
                assert row[name] == ("" if value is None else str(value)), name
    bob = document["results"][1]
    assert (bob["name"], bob["earned"], bob["points"], bob["days_late"]) == ('Ng, "Bo"', 90.01, 81.51, 1)
    assert (bob["late_percent"], bob["changed_by_hand"], bob["questions"]) == (10, 0.5, {"question": 90.01})
    assert document["rules"]["due"] == "2026-10-01T21:59:00Z"
    assert document["not_in_roster"] == ["zoe"]
    assert document["without_submission"] == ["Østby, Cid (1073)", "Student, Test (1099)"]


def test_a_fault_of_the_grader_reaches_no_platform(graded, handed_in):
    run = graded.grade(handed_in("ann", 100, IN_TIME, status="grader_error"), handed_in("bob", 100, IN_TIME))
    found = results_of(graded.book, run, RULES)
    canvas = export(found, "canvas", roster=Roster(SAMPLES / "canvas.csv"))
    assert sorted(canvas_import(canvas.text, CANVAS)[1]) == [1072]
    assert [row[5:8] for row in cells(export(found, "gradescope").text)[1:]] == [
        ["", "100", "Ungraded"],
        ["1", "100", "Graded"],
    ]
    assert json.loads(export(found, "json").text)["results"][0]["points"] is None
    assert cells(export(found, "csv").text)[1][4] == ""


def test_what_was_rejected_is_named_and_earns_nothing(graded, handed_in):
    run = graded.grade(handed_in("ann", 0, IN_TIME, status="rejected"), handed_in("bob", 100, IN_TIME))
    exported = export(results_of(graded.book, run, RULES), "csv")
    assert (exported.notes, exported.doubts) == ({exports.REJECTED: ["ann"]}, {})
    assert cells(exported.text)[1][3:5] == ["rejected", "0"]


@pytest.mark.parametrize("platform", ["csv", "json", "gradescope"])
def test_a_column_that_cannot_be_named_is_refused(results, platform):
    with pytest.raises(UsageError, match=f"--column .* {platform} has none"):
        export(results("a", "b"), platform, column="x")


HOSTILE = "=HYPERLINK(1)", "+1", "@SUM(1)", "-2", "a\r\n=1+1", "x;=cmd|1", '"', "\u202eeve"


@pytest.mark.parametrize(
    ("platform", "column"), [("csv", None), ("canvas", "=1+1"), ("moodle", "=1+1"), ("gradescope", None)]
)
def test_no_cell_is_a_formula(graded, handed_in, tmp_path, platform, column):
    run = graded.grade(*(handed_in(s, 100, IN_TIME, file=f"{s}.ipynb") for s in HOSTILE))
    found = results_of(graded.book, run, RULES)
    with (tmp_path / "roster.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name", "section", "login"])
        pairs = zip(found.results, HOSTILE, strict=True)
        writer.writerows([result.student, name, name, result.student] for result, name in pairs)
    text = export(found, platform, roster=Roster(tmp_path / "roster.csv"), column=column).text
    rows = cells(text)
    assert column is None or "'=1+1" in rows[0]
    assert len(rows) >= 1 + len(HOSTILE)
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert not re.search(r"(^|;)\s*[=+@|%-]", cell), cell
        assert cell.isprintable()


# Rosters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("name,section\nAnn,1\n", "no column identifies a student"),
        ("id,login\n7,ann\nann,8\n", "lines 2 and 3: ann may be any of them"),
        ("id,login\nann,bob\n", "line 2: both ann and bob are this person"),
        ('id\nann\0\n"', "not a CSV table"),
    ],
)
def test_a_roster_that_cannot_be_used_is_told(results, tmp_path, text, says):
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(UsageError, match=says):
        export(results("ann", "bob"), "csv", roster=Roster(tmp_path / "roster.csv"))


def test_a_roster_may_come_out_of_a_spreadsheet(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_bytes("\ufeffStudent_ID;Surname;First Name;Group;Notes\r\n\r\nann;Lee;Ann;1\r\n;;;;x\r\n".encode())
    (ann,) = Roster(path).people
    assert (ann.id, ann.full_name, ann.section, ann.line) == ("ann", "Ann Lee", "1", 3)
    with pytest.raises(UsageError, match=r"none.csv: cannot be read \(No such file"):
        Roster(tmp_path / "none.csv")
