"""A gradebook loses nothing, grades nothing twice, and is the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

from autograder import UsageError
from autograder.course.late import CourseRules
from autograder.grading.results import results_of
from autograder.records.gradebook import Gradebook, store
from autograder.records.gradebook import run as run_book
from autograder.records.gradebook.tables import metadata
from autograder.records.mark import CellMark, CheckMark, Mark, QuestionMark, TimeFrom, mark_from_json
from autograder.reports.exports import export

POSTGRES = os.environ.get("AUTOGRADER_TEST_POSTGRES", "")
_names = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a fresh gradebook may be made, on each kind of database."""
    if request.param == "sqlite":
        yield str(tmp_path / "book.db")
        return
    if not POSTGRES:
        pytest.skip("needs a PostgreSQL server in AUTOGRADER_TEST_POSTGRES; `.ci/with-postgres make test` starts one")
    name = f"book_{os.getpid()}_{next(_names)}"
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield POSTGRES.rsplit("/", 1)[0] + f"/{name}"
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@dataclass(frozen=True)
class Paper:
    """A submission as the gradebook sees it."""

    student: str
    file: str = ""
    sha256: str = "0" * 64
    handed_in: float | None = 1_700_000_000.0
    time_from: TimeFrom = "file"


CONDITIONS = {"engine": "1", "seed": 7, "reveal": "hint"}


def mark_of(paper: Paper, hundredths: int = 250) -> Mark:
    checks = (
        CheckMark("a title", True, "pass", 100, 100),
        CheckMark("another", False, "fail", hundredths - 100, 400, "words \ud800\x00 of a student", "A hint."),
    )
    return Mark(
        "softmax",
        paper.student,
        paper.file,
        paper.sha256,
        "graded",
        500,
        ("look at this",),
        (QuestionMark("softmax", 500, False, checks, "over the batch", "A known mistake.", "Which axis?"),),
        (CellMark(3, "error", "NameError"),),
        dict(CONDITIONS),
    )


def never() -> Mark:
    raise AssertionError("graded again")


def grade_in(target: str, papers: list[Paper], make=mark_of, **options: bool) -> list[Mark]:
    """One whole run."""
    with Gradebook(target) as opened:
        run = opened.begin_run("softmax", CONDITIONS, ["class"], **options)
        marks = [run.graded(paper, lambda p=paper: make(p), lease_s=60, wait=True) for paper in papers]
        run.finish()
    assert None not in marks
    return [kept.mark for kept in marks]


def rows(target: str, table: str) -> int:
    with Gradebook(target) as opened, opened.engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def last_run(target: str) -> list[Mark]:
    with Gradebook(target) as opened:
        return list(opened.marks(opened.find_run("softmax")))


PAPERS = [Paper("ann"), Paper("bob"), Paper("\u202eeve\x00", "=1+1")]


def test_a_mark_survives_its_json():
    mark = replace(mark_of(PAPERS[2]), elapsed_s=1.5)
    assert mark_from_json(mark.to_json(), 1.5) == mark


@pytest.mark.parametrize("document", ["{}", "[]", "nonsense", '{"schema": 2}', '{"schema": 1}'])
def test_what_is_no_mark_is_refused(document):
    with pytest.raises(ValueError, match=r"."):
        mark_from_json(document)


def test_marks_come_back_as_they_were_given(target):
    given = grade_in(target, PAPERS)
    assert last_run(target) == sorted(given, key=lambda mark: mark.student.replace("\u202e", "\\u202e"))
    assert rows(target, "check_marks") == 6
    assert rows(target, "flags") == 3
    assert rows(target, "claims") == 0


def test_an_unchanged_submission_keeps_its_mark(target):
    first = grade_in(target, PAPERS)
    assert grade_in(target, PAPERS, make=lambda _: never()) == first
    assert last_run(target) != []
    assert rows(target, "marks") == 3
    assert rows(target, "runs") == 2


def test_force_adds_a_mark_and_keeps_the_old_one(target):
    grade_in(target, PAPERS[:1])
    again = grade_in(target, PAPERS[:1], make=lambda paper: mark_of(paper, 300), force=True)
    assert again[0].hundredths == 300
    assert last_run(target) == again
    assert rows(target, "marks") == 2


def test_an_unchanged_notebook_in_another_place_keeps_its_mark(target):
    first = grade_in(target, PAPERS[:1])
    assert grade_in(target, [replace(PAPERS[0], file="elsewhere.ipynb")], make=lambda _: never()) == first


def test_files_that_cannot_be_read_are_told_apart_by_name(target):
    grade_in(target, [Paper("ann", "one.ipynb", ""), Paper("ann", "two.ipynb", "")])
    assert len(last_run(target)) == 2


@pytest.mark.parametrize("change", [{"sha256": "1" * 64}, {"student": "cid"}])
def test_a_changed_submission_is_graded_again(target, change):
    grade_in(target, PAPERS[:1])
    grade_in(target, [replace(PAPERS[0], **change)])
    assert rows(target, "marks") == 2


def test_changed_conditions_grade_again(target):
    grade_in(target, PAPERS[:1])
    with Gradebook(target) as opened:
        run = opened.begin_run("softmax", CONDITIONS | {"seed": 8}, ["class"])
        run.graded(PAPERS[0], lambda: mark_of(PAPERS[0]), lease_s=60, wait=True)
    assert rows(target, "marks") == 2


@pytest.mark.parametrize(("status", "sha256"), [("grader_error", "0" * 64), ("rejected", "")])
def test_a_fault_of_ours_and_an_unreadable_file_are_tried_again(target, status, sha256):
    paper = Paper("ann", sha256=sha256)
    grade_in(target, [paper], make=lambda p: replace(mark_of(p), status=status))
    assert grade_in(target, [paper])[0].status == "graded"


def test_an_error_while_grading_gives_the_submission_back(target):
    with Gradebook(target) as opened:
        run = opened.begin_run("softmax", CONDITIONS, ["class"])
        with pytest.raises(AssertionError, match="graded again"):
            run.graded(PAPERS[0], never, lease_s=60, wait=True)
    assert rows(target, "claims") == 0


def test_an_unfinished_run_is_gone_on_with(target):
    with Gradebook(target) as opened:
        run = opened.begin_run("softmax", CONDITIONS, ["class"])
        run.graded(PAPERS[0], lambda: mark_of(PAPERS[0]), lease_s=60, wait=True)
        assert opened.begin_run("softmax", CONDITIONS, ["class"]).run == run.run
        assert opened.begin_run("softmax", CONDITIONS, ["other class"]).run != run.run
        run.finish()
        assert opened.begin_run("softmax", CONDITIONS, ["class"]).run != run.run


def test_what_another_grader_is_at_work_on_is_left_or_waited_for(target):
    with Gradebook(target) as opened:
        one, two = (opened.begin_run("softmax", CONDITIONS, ["class"]) for _ in range(2))
        inside, go_on = threading.Event(), threading.Event()

        def slowly() -> Mark:
            inside.set()
            assert go_on.wait(60)
            return mark_of(PAPERS[0])

        first = threading.Thread(target=lambda: one.graded(PAPERS[0], slowly, lease_s=60, wait=True))
        first.start()
        assert inside.wait(60)
        assert two.graded(PAPERS[0], never, lease_s=60, wait=False) is None
        go_on.set()
        assert two.graded(PAPERS[0], never, lease_s=60, wait=True).mark == mark_of(PAPERS[0])
        first.join()


@pytest.fixture
def left_behind(target, monkeypatch):
    """A gradebook with the claim of a grader that ended while it graded."""

    def ends_here() -> Mark:
        raise KeyboardInterrupt

    def leave(lease_s: float) -> str:
        with Gradebook(target) as opened, monkeypatch.context() as gone:
            gone.setattr(run_book.RunBook, "_release", lambda *_: None)
            with pytest.raises(KeyboardInterrupt):
                opened.begin_run("softmax", CONDITIONS, ["class"]).graded(
                    PAPERS[0], ends_here, lease_s=lease_s, wait=True
                )
        return target

    return leave


def may_grade(target: str) -> bool:
    """Whether another grader gets the submission."""
    with Gradebook(target) as opened:
        run = opened.begin_run("softmax", CONDITIONS, ["class"])
        return run.graded(PAPERS[0], lambda: mark_of(PAPERS[0]), lease_s=60, wait=False) is not None


@pytest.mark.parametrize(
    ("lease_s", "host", "start", "free"),
    [
        pytest.param(60, None, None, False, id="its process is there"),
        # On a crowded machine grading may take longer than any lease.
        pytest.param(-1, None, None, False, id="its process is there, and late"),
        pytest.param(60, None, "", True, id="its process is gone"),
        pytest.param(60, "elsewhere", None, False, id="of another machine"),
        pytest.param(-1, "elsewhere", None, True, id="of another machine, and late"),
    ],
)
def test_a_claim_holds_while_its_grader_may_be_at_work(left_behind, monkeypatch, lease_s, host, start, free):
    target = left_behind(lease_s)
    if host is not None:
        monkeypatch.setattr(run_book.socket, "gethostname", lambda: host)
    if start is not None:
        monkeypatch.setattr(run_book, "_start_of", lambda pid: start)
    assert may_grade(target) is free


#: A grader of thirty submissions, forked with everything imported; it says what it grades, line by line.
_GRADERS = """
import os, random, signal, sys
sys.path.insert(0, sys.argv[2])
from test_gradebook import CONDITIONS, Gradebook, Paper, mark_of

def grader():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, os.fdopen(reader)
    try:
        out = os.fdopen(writer, "w", buffering=1)
        with Gradebook(sys.argv[1]) as opened:
            run = opened.begin_run("softmax", CONDITIONS, ["class"])
            print("started", file=out)
            for wait in (False, True):
                for number in range(30):
                    paper = Paper(f"s{number:02}", "", f"{number:064}")
                    def make():
                        print("grading", number, file=out)
                        return mark_of(paper, 100 + number)
                    run.graded(paper, make, lease_s=60, wait=wait)
            run.finish()
        os._exit(0)
    finally:
        os._exit(1)
"""
_KILLED = (
    _GRADERS
    + """
moments = random.Random(4)
for kill in range(51):
    pid, lines = grader()
    for _ in range(moments.randrange(3) if kill < 50 else 0):
        print(lines.readline(), end="")
    # Some more instructions of its, so that the kill comes before, within and after commits.
    for _ in range(moments.randrange(20_000)):
        pass
    if kill < 50:
        os.kill(pid, signal.SIGKILL)
    print(lines.read(), end="")
    status = os.waitpid(pid, 0)[1]
print(f"the last one ended with {status}")
"""
)
_TWO = (
    _GRADERS
    + """
both = [grader() for _ in range(2)]
for pid, lines in both:
    print(lines.read(), end="")
    print(f"ended with {os.waitpid(pid, 0)[1]}")
"""
)


def output_of(script: str, target: str) -> list[str]:
    command = [sys.executable, "-c", script, target, str(Path(__file__).parent)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout.splitlines()


def exported(target: str) -> list[str]:
    """All that can be exported of the last run; the files hold no time of grading."""
    with Gradebook(target) as opened:
        results = results_of(opened, opened.find_run("softmax"), CourseRules(file_times=True))
    return [export(results, to).text for to in ("csv", "json", "gradescope")]


def test_killed_at_fifty_moments_it_goes_on_without_losing_a_mark(target, tmp_path):
    output = output_of(_KILLED, target)
    assert output[-1] == "the last one ended with 0"
    whole = str(tmp_path / "whole.db")
    papers = [Paper(f"s{n:02}", "", f"{n:064}") for n in range(30)]
    grade_in(whole, papers, make=lambda paper: mark_of(paper, 100 + papers.index(paper)))
    assert exported(target) == exported(whole)
    assert last_run(target) == [mark_of(Paper(f"s{n:02}", "", f"{n:064}"), 100 + n) for n in range(30)]
    assert rows(target, "marks") == 30
    assert rows(target, "runs") == 1
    # Only what was in flight at a kill is graded again.
    graded = [line for line in output if line.startswith("grading")]
    assert 30 <= len(graded) <= 30 + 50


def test_two_graders_share_a_run_and_grade_nothing_twice(target):
    Gradebook(target).close()
    output = output_of(_TWO, target)
    assert output.count("ended with 0") == 2
    graded = [line for line in output if line.startswith("grading")]
    assert sorted(graded) == sorted(f"grading {n}" for n in range(30))
    assert rows(target, "marks") == 30


# Adjustments, runs -----------------------------------------------------------------------------


def test_adjustments_survive_a_new_grading(target):
    grade_in(target, PAPERS)
    with Gradebook(target) as opened:
        opened.adjust("softmax", "ann", 150, "A fair point.", "Dr. Who")
        with pytest.raises(UsageError, match="zoe: no submission of softmax"):
            opened.adjust("softmax", "zoe", 100, "", "")
    grade_in(target, PAPERS, force=True)
    with Gradebook(target) as opened:
        (kept,) = opened.adjustments("softmax")
    assert (kept.student, kept.hundredths, kept.comment, kept.author) == ("ann", 150, "A fair point.", "Dr. Who")


def test_a_run_is_found_by_number_and_by_assignment(target):
    grade_in(target, PAPERS)
    grade_in(target, PAPERS)
    with Gradebook(target) as opened:
        assert [run.id for run in opened.runs()] == [1, 2]
        assert opened.find_run("1").id == 1
        assert opened.find_run("softmax").id == 2
        with pytest.raises(UsageError, match=r"relu: no such run .* Runs: 1 \(softmax\), 2 \(softmax\)"):
            opened.find_run("relu")


# Opening ---------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_of_the_code(target):
    with Gradebook(target) as opened, opened.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_newer_gradebook_is_refused(target):
    with Gradebook(target) as opened, opened.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UsageError, match="newer version of autograder"):
        Gradebook(target)


def test_an_older_gradebook_is_copied_before_it_is_migrated(tmp_path, monkeypatch):
    path = tmp_path / "book.db"
    grade_in(str(path), PAPERS)
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for file in Path(store.__file__).parent.joinpath("migrations").rglob("*.py*"):
        if "__pycache__" not in file.parts:
            (folder / file.relative_to(Path(store.__file__).parent / "migrations")).write_text(file.read_text())
    (folder / "versions" / "0003_more.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = '0003'\ndown_revision = '0002'\n"
        "def upgrade():\n    op.add_column('runs', sa.Column('note', sa.Text()))\n"
    )
    monkeypatch.setattr(store, "_MIGRATIONS", folder)
    assert len(last_run(str(path))) == 3
    with closing(sqlite3.connect(path)) as new, closing(sqlite3.connect(tmp_path / "book.db.before-0002")) as old:
        assert new.execute("SELECT version_num FROM alembic_version").fetchall() == [("0003",)]
        assert new.execute("SELECT note FROM runs").fetchall() == [(None,)]
        assert old.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
        assert old.execute("SELECT count(*) FROM marks").fetchall() == [(3,)]


def test_a_gradebook_of_the_first_version_says_that_its_times_are_those_of_files(tmp_path, monkeypatch):
    folder = tmp_path / "migrations"
    shutil.copytree(store._MIGRATIONS, folder, ignore=shutil.ignore_patterns("0002*", "__pycache__"))
    path = tmp_path / "book.db"
    with monkeypatch.context() as older:
        older.setattr(store, "_MIGRATIONS", folder)
        Gradebook(path).close()
    with closing(sqlite3.connect(path)) as old:
        facts = "(1, 'softmax', 'ann', 'ann.ipynb', '', '1', '2026-10-01T12:00:00Z')"
        old.execute(f"INSERT INTO submissions VALUES {facts}")
        old.commit()
    Gradebook(path).close()
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("SELECT student, handed_in, time_from FROM submissions").fetchall() == [
            ("ann", "2026-10-01T12:00:00Z", "file")
        ]


def test_a_foreign_database_is_refused(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE things (id INTEGER)")
    with pytest.raises(UsageError, match="not of a gradebook"):
        Gradebook(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder, "is a folder"),
        (lambda folder: _text_file(folder / "notes.txt"), "cannot be opened .*not a database"),
        (lambda folder: _text_file(folder / "file") / "book.db", "cannot be opened"),
        (lambda folder: "mystery://host/name", "not a gradebook"),
        (
            lambda folder: "postgresql+psycopg://user:secret@127.0.0.1:1/name",
            r"^127\.0\.0\.1:1/name: .*cannot be opened",
        ),
    ],
    ids=["folder", "text file", "below a file", "unknown scheme", "no server"],
)
def test_what_cannot_be_opened_is_told(tmp_path, make, says):
    with pytest.raises(UsageError, match=says) as told:
        Gradebook(make(tmp_path))
    assert "secret" not in str(told.value)


def _text_file(path: Path) -> Path:
    path.write_text("These are my notes about the course, and no database at all." * 20)
    return path


def test_sqlite_keeps_a_write_ahead_log_and_foreign_keys(tmp_path):
    with Gradebook(tmp_path / "book.db") as opened, opened.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_the_marks_of_a_run_are_read_one_by_one_in_the_order_asked_for(target):
    with Gradebook(target) as opened:
        run = opened.begin_run("softmax", CONDITIONS, ["class"])
        papers = [Paper(f"s{n:03}", "", f"{n:064}") for n in range(250)]
        ids = [run.graded(p, lambda p=p: mark_of(p), lease_s=60, wait=True).id for p in papers]
        marks = run.sequence([*reversed(ids), ids[7]])
        assert len(marks) == 251
        assert [mark.student for mark in marks] == [*(p.student for p in reversed(papers)), "s007"]
        assert marks[-1] == mark_of(papers[7])
        assert [mark.student for mark in marks[1:3]] == ["s248", "s247"]
