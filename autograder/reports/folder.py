"""The folder of HTML that a run becomes: the page of the class, and one for each submission."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autograder.errors import GraderError, UsageError
from autograder.records.files import FileNames, write_atomically
from autograder.records.mark import Mark
from autograder.reports.classroom import Classroom
from autograder.reports.lms import lms_text
from autograder.reports.pages import INDEX, OURS, STUDENTS, class_page, student_page
from autograder.reports.source import RunSource


def write_pages(folder: Path, classroom: Classroom, marks: Iterable[Mark]) -> Path:
    """Write the pages of a run; the marks are gone through once.

    Args:
        folder: made if missing; pages of an earlier report in it are replaced.
        classroom: to which the marks are added.
        marks: of the run.

    Returns:
        The page of the class.

    Raises:
        UsageError: the folder holds something else, or cannot be written.
        GraderError: a page cannot be written, for example because the disk is full.
    """
    old = earlier_pages(folder)
    try:
        names, written = FileNames(), set()
        for mark in marks:
            name = f"{names.of(mark)}.html"
            told = classroom.add(mark, f"{STUDENTS}/{name}")
            write_atomically(folder / STUDENTS / name, student_page(told, back=f"../{INDEX}"))
            written.add(name)
        write_atomically(folder / INDEX, class_page(classroom.report()))
        for page in old:
            if page.name not in written:
                page.unlink(missing_ok=True)
    except OSError as error:
        raise GraderError(f"{folder}: a page cannot be written ({error.strerror}). Make room and try again.") from error
    return folder / INDEX


def earlier_pages(folder: Path) -> list[Path]:
    """The pages of students that an earlier report left; the folder is made if missing.

    Raises:
        UsageError: it holds something else, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            return []
        if OURS not in (folder / INDEX).read_text(encoding="utf-8", errors="replace")[:2_000]:
            raise FileNotFoundError
        return list((folder / STUDENTS).glob("*.html"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder}: holds files that are not of a report. Choose an empty folder for --html."
        ) from None
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written ({error.strerror}). Choose another folder for --html."
        ) from error


def write_texts(folder: Path, run: RunSource) -> Path:
    """Write the feedback of each student of a run as text for an LMS, one file each, and give the folder back.

    Raises:
        UsageError: the folder cannot be written.
    """
    names, classroom = FileNames(), run.classroom()
    try:
        for mark in run.marks():
            write_atomically(folder / f"{names.of(mark)}.txt", lms_text(classroom.add(mark)))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}). Choose another --text.") from error
    return folder
