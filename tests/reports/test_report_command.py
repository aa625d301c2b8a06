"""`autograder report`, and `grade --html`: from a folder, from a gradebook, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autograder import Gradebook, Run
from autograder.cli import app
from autograder.records.files import RunFolder


def report(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def refused(*arguments: str | Path) -> str:
    result = report(*arguments)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    return " ".join(result.stderr.split())


@pytest.fixture(scope="module")
def folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `grade --out` leaves."""
    path = tmp_path_factory.mktemp("marks") / "squares"
    written = RunFolder(path, run.assignment)
    for mark in run.marks:
        written.add(mark)
    written.finish(run.marks, run.provenance, run.elapsed_s, finished=True)
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_folder_becomes_a_page_of_the_class_and_one_for_each_submission(folder, run, tmp_path):
    result = report(folder, "--html", tmp_path / "html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    pages = sorted((tmp_path / "html" / "students").iterdir())
    assert len(pages) == len(run.marks) == page.count("<tr data-status=")
    for path in pages:
        assert f'href="students/{path.name}"' in page
        assert 'href="../index.html"' in path.read_text(encoding="utf-8")
    assert "the slowest 1.5 s" in page


def test_a_gradebook_becomes_the_same_with_what_people_changed(run, tmp_path):
    with Gradebook(tmp_path / "book.db") as book:
        part = book.begin_run(run.assignment, run.provenance, ["handed-in"])
        for mark in run.marks:
            part.graded(_HandedIn(mark), lambda mark=mark: mark, lease_s=60, wait=True)
        part.finish()
        book.adjust(run.assignment, "bela", 150, "A fair point.", "me")
    result = report("squares", "--gradebook", tmp_path / "book.db", "--html", tmp_path / "html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "html" / "students" / "bela.html").read_text(encoding="utf-8")
    assert "1.5 of 7.5 points" in page
    assert "Changed by hand: +1.5 points. A fair point." in page


class _HandedIn:
    """A submission as the gradebook knows it."""

    def __init__(self, mark):
        self.student, self.file, self.sha256 = mark.student, mark.file, mark.sha256
        self.handed_in, self.time_from = None, "file"


def test_without_html_the_tables_are_shown(folder):
    result = report(folder, "--show", "bela")
    assert result.exit_code == 0, result.output
    assert "bela  squares  0 of 7.5 points" in result.stdout
    assert "cubes" in result.stdout


def test_a_text_for_each_student(folder, run, tmp_path):
    assert report(folder, "--text", tmp_path / "texts").exit_code == 0
    texts = sorted((tmp_path / "texts").iterdir())
    assert len(texts) == len(run.marks)
    assert (tmp_path / "texts" / "bela.txt").read_text(encoding="utf-8").startswith("bela, squares: 0 of 7.5 points\n")


def test_a_second_report_replaces_the_first_and_leaves_no_old_page(folder, tmp_path):
    html = tmp_path / "html"
    assert report(folder, "--html", html).exit_code == 0
    fewer = tmp_path / "fewer"
    shutil.copytree(folder, fewer)
    (fewer / "marks" / "bela.json").unlink()
    assert report(fewer, "--html", html).exit_code == 0
    assert not (html / "students" / "bela.html").exists()
    assert (html / "students" / "ann.html").exists()


def test_grade_writes_the_same_pages(course, tmp_path):
    arguments = [
        "grade",
        "squares",
        course / "handed-in" / "ann.ipynb",
        "--course",
        course,
        "--html",
        tmp_path / "html",
    ]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "8.5 of 7.5 points" in (tmp_path / "html" / "students" / "ann.html").read_text(encoding="utf-8")


def test_a_folder_of_somebody_else_is_left_alone(folder, tmp_path):
    (tmp_path / "index.html").write_text("mine", encoding="utf-8")
    assert "holds files that are not of a report" in refused(folder, "--html", tmp_path)
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "mine"


def test_a_file_in_place_of_a_folder_is_refused(folder, tmp_path):
    (tmp_path / "html").write_text("", encoding="utf-8")
    assert "Choose another folder for --html" in refused(folder, "--html", tmp_path / "html")
    assert "Choose another --text" in refused(folder, "--text", tmp_path / "html")


def test_what_is_no_run_is_refused(tmp_path):
    assert "no such folder" in refused("nowhere")
    assert "holds no run" in refused(tmp_path)


def test_a_file_that_is_no_mark_is_named(folder, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "marks" / "bela.json").write_text(json.dumps({"schema": 99}), encoding="utf-8")
    assert "bela.json: cannot be read as a mark" in refused(broken, "--html", tmp_path / "html")


def test_open_shows_the_page_in_the_browser_of_the_user(folder, tmp_path, monkeypatch):
    import webbrowser

    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: shown.append(address) is None)
    assert report(folder, "--open").exit_code == 0
    assert shown == [(tmp_path / "report-squares" / "index.html").as_uri()]


def test_where_there_is_no_browser_the_page_is_named(folder, tmp_path, monkeypatch):
    import webbrowser

    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    assert "there is no browser here" in refused(folder, "--html", tmp_path / "html", "--open")
