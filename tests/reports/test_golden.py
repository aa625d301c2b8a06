"""The three forms of feedback, and the page of a class, are what they were.

After a change that is meant: ``python -m pytest tests/reports/test_golden.py --renew-golden``, and read the difference.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from autograder import Mark, messages
from autograder.messages import Catalogue
from autograder.reports.classroom import Classroom
from autograder.reports.feedback import make_feedback
from autograder.reports.lms import lms_text
from autograder.reports.pages import class_page, student_page
from autograder.reports.terminal import feedback

from .conftest import graded

GOLDEN = Path(__file__).with_name("golden")


def on_terminal(mark: Mark) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100, markup=False, emoji=False, highlight=False).print(feedback(mark))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def body(page: str) -> str:
    """What a page shows: style, script, pictures and the hashes of the policy apart."""
    page = re.sub(r"<(style|script)>.*?</\1>", r"<\1></\1>", page, flags=re.DOTALL)
    return re.sub(r"sha256-[^']+|base64,[A-Za-z0-9+/=]+", "...", page)


FORMS: dict[str, Callable[[Mark], str]] = {
    "terminal.txt": on_terminal,
    "lms.txt": lambda mark: lms_text(make_feedback(mark, [(50, "A fair point.")])),
    "page.html": lambda mark: body(student_page(make_feedback(mark), back="../index.html")),
}


@pytest.fixture
def same_as_golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with its golden file, or renew the file."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--renew-golden"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.mark.parametrize("student", ["ann", "bela", "dora"])
@pytest.mark.parametrize("form", FORMS)
def test_feedback_is_what_it_was(marks, same_as_golden, student, form):
    same_as_golden(f"{student}.{form}", FORMS[form](marks[student]))


def test_the_page_of_a_class_is_what_it_was(run, same_as_golden):
    classroom = Classroom(run.assignment, started="2026-01-31T12:00:00Z")
    for mark in run.marks:
        classroom.add(mark, f"students/{len(mark.student)}.html")
    same_as_golden("class.html", body(class_page(classroom.report())))


@pytest.mark.parametrize("language", ["de", "pl"])
def test_feedback_in_another_language_is_what_it_was(course, same_as_golden, language):
    messages.use(Catalogue(language))
    try:
        (mark,) = graded(course, [course / "handed-in" / "bela.ipynb"])
        same_as_golden(f"bela.{language}.lms.txt", lms_text(make_feedback(mark)))
        same_as_golden(f"bela.{language}.page.html", body(student_page(make_feedback(mark))))
    finally:
        messages.use(Catalogue())
