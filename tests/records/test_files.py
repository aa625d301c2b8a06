"""The folder of a run: whole files, one per submission, nothing foreign overwritten."""

import csv
import errno
import io
import json

import pytest

from autograder.errors import GraderError, UsageError
from autograder.records import files
from autograder.records.files import RunFolder, marks_csv, write_atomically
from autograder.records.mark import CheckMark, Mark, QuestionMark, points


def mark(student, file="x.ipynb", hundredths=250, flags=()):
    check = CheckMark("sums to one", True, "pass", hundredths, 300)
    question = QuestionMark("softmax", 300, False, (check,))
    return Mark("softmax", student, file, "00", "graded", 300, tuple(flags), (question,))


def test_json_has_the_keys_of_schema_1():
    document = json.loads(mark("ann").to_json())
    assert document["schema"] == 1
    keys = "schema assignment submission points max_points status flags questions cells provenance"
    assert list(document) == keys.split()
    assert document["submission"] == {"student": "ann", "file": "x.ipynb", "sha256": "00"}
    assert (document["points"], document["max_points"]) == (2.5, 3)
    (question,) = document["questions"]
    assert set(question) >= {"name", "points", "max_points", "mistake", "checks"}
    assert set(question["checks"][0]) == {"title", "public", "verdict", "points", "max_points", "message", "hint"}


@pytest.mark.parametrize(("hundredths", "number"), [(0, 0), (300, 3), (250, 2.5), (333, 3.33), (10_000, 100)])
def test_points_are_the_number_people_read(hundredths, number):
    assert points(hundredths) == number


def test_hundredths_add_up_exactly():
    checks = tuple(CheckMark(str(i), False, "pass", h, h) for i, h in enumerate([334, 333, 333]))
    question = QuestionMark("q", 1000, False, checks)
    assert json.loads(Mark("a", "s", "f", "", "graded", 1000, questions=(question,)).to_json())["points"] == 10


@pytest.mark.parametrize(
    "student",
    ["ann", "../../etc/passwd", "-rf", "$(id)", "a;b", "a\nb", "CON", "x" * 300, "\u202eevil", "Ä", "", ".", "\ud800"],
)
def test_any_student_id_becomes_a_safe_file_name(tmp_path, student):
    folder = RunFolder(tmp_path / "out", "softmax")
    path = folder.add(mark(student))
    assert path.parent == folder.marks
    assert path.name.isascii()
    assert not set(path.name) & set('/\\:*?"<>|\n$; ')
    assert len(path.name) < 120
    assert json.loads(path.read_text())["submission"]["student"] == student


def test_students_that_would_share_a_file_keep_their_own(tmp_path):
    folder = RunFolder(tmp_path, "softmax")
    paths = [folder.add(mark(s, f)) for s, f in [("ann", "1"), ("ann", "2"), ("Ann", "3"), ("a/b", "4"), ("a_b", "5")]]
    assert len({p.name.lower() for p in paths}) == 5
    assert paths[0].name == "ann.json"


def test_the_table_is_safe_for_spreadsheets():
    text = marks_csv([mark('=HYPERLINK("x")', flags=["a, b", 'c"d\ne'])])
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["student", "file", "status", "points", "max_points", "softmax", "flags"]
    assert rows[1][0] == '\'=HYPERLINK("x")'
    assert rows[1][3:6] == ["2.5", "3", "2.5"]
    assert len(rows) == 2


def test_a_run_is_unfinished_until_it_is_finished(tmp_path):
    folder = RunFolder(tmp_path / "out", "softmax")
    read = lambda: json.loads((tmp_path / "out" / "run.json").read_text())  # noqa: E731  # one line is clearest here
    assert read()["finished"] is False
    folder.finish([mark("ann")], {"seed": 1}, 1.5, finished=True)
    assert read()["finished"] is True
    assert read()["statuses"] == {"graded": 1}
    assert read()["provenance"] == {"seed": 1}


def test_foreign_and_earlier_folders_are_refused(tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("dear to me")
    with pytest.raises(UsageError, match="not of a run"):
        RunFolder(tmp_path / "foreign", "softmax", replace=True)
    RunFolder(tmp_path / "old", "softmax").add(mark("ann"))
    with pytest.raises(UsageError, match="--replace"):
        RunFolder(tmp_path / "old", "softmax")
    with pytest.raises(UsageError, match="not of 'relu'"):
        RunFolder(tmp_path / "old", "relu", replace=True)
    RunFolder(tmp_path / "old", "softmax", replace=True)
    assert list((tmp_path / "old" / "marks").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        RunFolder(tmp_path / "file", "softmax")


def test_a_full_disk_is_told_and_leaves_whole_files(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path, "softmax")
    folder.add(mark("ann"))

    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_atomically", full)
    with pytest.raises(GraderError, match=r"No space left on device.*1 marks"):
        folder.add(mark("bob"))
    assert [p.name for p in folder.marks.iterdir()] == ["ann.json"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
