"""Every file gives a submission or a reason; nothing that lies in one stops a batch."""

import json
import os
import re
import stat
import zipfile

import nbformat
import pytest

from autograder.errors import UsageError
from autograder.grading import reading, submissions
from autograder.grading.submissions import find_submissions


def notebook(*sources, **extra):
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": s} for s in sources
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | extra


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def read_one(path):
    (source,) = find_submissions([path], "softmax")
    return source.read()


GOOD = json.dumps(notebook("x = 1")).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (GOOD[:40], r"JSON error in line 1, column \d+"),
        (b"hello", "JSON error"),
        (b"[1, 2]", "not an object"),
        (b"{}", "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
        (b"PK\x03\x04...", "zip archive or an Office document"),
        (b"%PDF-1.7", "PDF"),
        (b"<!doctype html>", "web page"),
        ("{}".encode("utf-16"), "UTF-16"),
        (b'{"cells": "\xe4"}', "byte 11 is not UTF-8"),
        (b"[" * 200_000, "nested too deeply|JSON error"),
        (b'{"cells": ' + b"9" * 6000 + b"}", "number that is too long"),
        (notebook(3), "Cell 1 has no text"),
        (notebook(None), "Cell 1 has no text"),
        (notebook(["a", 3]), "Cell 1 has no text"),
        (notebook("x" * 1_000_001), "1,000,001 characters"),
        ({"cells": [{"cell_type": "markdown"}] * 2001}, "2,001 cells"),
        ({"worksheets": 3, "nbformat": 3}, "old format that cannot be converted"),
    ],
)
def test_a_file_that_is_no_notebook_is_rejected_with_a_reason(tmp_path, content, reason):
    submission = read_one(write(tmp_path / "ann.ipynb", content))
    assert submission.student == "ann"
    assert submission.cells == ()
    assert submission.rejected
    assert re.search(reason, submission.rejected), submission.rejected


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (GOOD, ((1, "x = 1"),)),
        (b"\xef\xbb\xbf" + GOOD, ((1, "x = 1"),)),
        (notebook(["a = 1\n", "b = 2"]), ((1, "a = 1\nb = 2"),)),
        ({"cells": [{"cell_type": "markdown"}, {"cell_type": "code", "source": "y"}, "odd"]}, ((2, "y"),)),
        ({"cells": [{"cell_type": "code"}]}, ((1, ""),)),
        (notebook("s = '\ud800'"), ((1, "s = '\ud800'"),)),
        (notebook("x = 1\0"), ((1, "x = 1\0"),)),
    ],
    ids=["plain", "byte order mark", "lines", "no metadata", "no source", "lone surrogate", "null byte"],
)
def test_only_the_text_of_code_cells_is_read(tmp_path, content, cells):
    submission = read_one(write(tmp_path / "ann.ipynb", content))
    assert submission.rejected == ""
    assert submission.cells == cells


def test_old_notebooks_are_upgraded(tmp_path):
    old = nbformat.v3.new_notebook(
        worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input="x = 1")])]
    )
    submission = read_one(write(tmp_path / "ann.ipynb", nbformat.v3.writes_json(old).encode()))
    assert [source for _, source in submission.cells] == ["x = 1"]


def test_large_outputs_are_dropped_and_larger_files_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_NOTEBOOK_BYTES", 10_000)
    small = notebook("x = 1")
    small["cells"][0]["outputs"] = [{"data": {"image/png": "A" * 5_000}}]
    assert read_one(write(tmp_path / "a" / "ann.ipynb", small)).cells == ((1, "x = 1"),)
    small["cells"][0]["outputs"] = [{"data": {"image/png": "A" * 10_000}}]
    assert "larger than" in read_one(write(tmp_path / "b" / "ann.ipynb", small)).rejected


def test_students_are_named_after_file_or_folder(tmp_path):
    for name in ("bob/softmax.ipynb", "ann.ipynb", "deep/er/cleo.ipynb"):
        write(tmp_path / name, GOOD)
    for ignored in (
        ".ipynb_checkpoints/ann-checkpoint.ipynb",
        "__MACOSX/ann.ipynb",
        "bob/._softmax.ipynb",
        "notes.txt",
    ):
        write(tmp_path / ignored, GOOD)
    assert [s.student for s in find_submissions([tmp_path], "softmax")] == ["ann", "bob", "cleo"]


def test_duplicate_students_are_kept_and_flagged(tmp_path):
    write(tmp_path / "a" / "ann.ipynb", GOOD)
    write(tmp_path / "b" / "ann.ipynb", GOOD)
    write(tmp_path / "b" / "Ann.ipynb", GOOD)
    found = [s.read() for s in find_submissions([tmp_path], "softmax")]
    assert [s.student for s in found] == ["Ann", "ann", "ann"]
    assert [bool(s.flags) for s in found] == [False, True, True]
    assert "2 submissions" in found[1].flags[0]


def test_archives_are_read_member_by_member(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ann.ipynb", GOOD)
        archive.writestr("bob/softmax.ipynb", GOOD)
        archive.writestr("__MACOSX/ann.ipynb", b"")
        archive.writestr("readme.txt", b"")
        archive.writestr("../eve.ipynb", GOOD)
        link = zipfile.ZipInfo("mallory.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    found = {s.student: s.read() for s in find_submissions([path], "softmax")}
    assert found["ann"].cells == found["bob"].cells == ((1, "x = 1"),)
    assert "leads outside" in found["eve"].rejected
    assert "not a regular file" in found["mallory"].rejected
    assert sorted(found) == ["ann", "bob", "eve", "mallory"]


def test_an_archive_that_unpacks_to_too_much_costs_only_what_is_above(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_NOTEBOOK_BYTES", 100_000)
    monkeypatch.setattr(submissions, "MAX_ARCHIVE_BYTES", 2_000_000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ann.ipynb", GOOD)
        archive.writestr("bomb.ipynb", b"0" * 1_500_000)
        archive.writestr("late.ipynb", b"0" * 1_500_000)
    found = {s.student: s.read() for s in find_submissions([path], "softmax")}
    assert found["ann"].rejected == ""
    assert "larger than" in found["bomb"].rejected
    assert "unpacks to more" in found["late"].rejected


def test_a_member_without_a_name_is_no_submission(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ann.ipynb", GOOD)
        archive.writestr("#.ipynb", GOOD)
    path.write_bytes(path.read_bytes().replace(b"#.ipynb", b"\0.ipynb"))  # it ends at its first null byte
    assert [s.student for s in find_submissions([path], "softmax")] == ["ann"]


def test_a_notebook_of_another_assignment_is_rejected(tmp_path):
    said = {"metadata": {"autograder": {"assignment": "relu"}}}
    write(tmp_path / "ann.ipynb", notebook("x = 1", **said))
    write(tmp_path / "bob.ipynb", notebook("x = 1", metadata={"autograder": {"assignment": "softmax"}}))
    write(tmp_path / "cleo.ipynb", notebook("x = 1", metadata={"autograder": [1]}))
    rejected = {s.student: s.read().rejected for s in find_submissions([tmp_path], "softmax")}
    assert rejected == {
        "ann": "It is the notebook of the assignment 'relu', not of 'softmax'.",
        "bob": "",
        "cleo": "",
    }


def test_a_damaged_member_is_rejected_alone(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ann.ipynb", GOOD)
        archive.writestr("bob.ipynb", GOOD)
    data = bytearray(path.read_bytes())
    at = data.index(GOOD)
    data[at] ^= 0xFF
    path.write_bytes(data)
    found = {s.student: s.read() for s in find_submissions([path], "softmax")}
    assert "cannot be unpacked" in found["ann"].rejected
    assert found["bob"].rejected == ""


def test_links_and_pipes_are_not_followed(tmp_path):
    secret = write(tmp_path / "elsewhere" / "secret.ipynb", GOOD)
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "ann.ipynb").symlink_to(secret)
    os.mkfifo(folder / "bob.ipynb")
    found = {s.student: s.read() for s in find_submissions([folder], "softmax")}
    assert "is a link" in found["ann"].rejected
    assert "not a regular file" in found["bob"].rejected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing.ipynb", "no such file or folder"),
        (lambda folder: folder, "no notebook"),
        (lambda folder: write(folder / "a.txt", b""), "not a notebook"),
        (lambda folder: write(folder / "a.zip", b"nonsense"), "not a zip archive"),
    ],
    ids=["missing", "empty folder", "text file", "not a zip"],
)
def test_a_path_that_cannot_be_graded_is_wrong_usage(tmp_path, make, message):
    with pytest.raises(UsageError, match=message):
        find_submissions([make(tmp_path)], "softmax")


def test_too_many_entries_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "MAX_ARCHIVE_ENTRIES", 3)
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(4):
            archive.writestr(f"{i}.ipynb", b"")
    with pytest.raises(UsageError, match="4 entries"):
        find_submissions([path], "softmax")
