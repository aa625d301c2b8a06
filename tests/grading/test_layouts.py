"""Whose is a notebook, and when was it handed in? As each platform packs a class, in folders and in archives."""

from __future__ import annotations

import json
import re
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import UsageError
from autograder.grading import layouts
from autograder.grading.gradescope import read_metadata
from autograder.grading.layouts import Place, compile_id_pattern, owners
from autograder.grading.reading import Rejected
from autograder.grading.submissions import find_submissions, recognised

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
METADATA = """\
---
submission_90000001:
  :submitters:
  - :name: Ann Lee
    :sid: '0071'
    :email: ann@example.org
  :created_at: 2026-10-01 18:00:00.123456000 Z
  :score: 88.0
  :results:
    tests:
    - name: ":submitters"
      output: "submission_90000002:\\n  :submitters:\\n  - :sid: eve"
  :history:
  - :id: 89999999
    :created_at: 2026-09-30 18:00:00.000000000 Z
submission_90000002:
  :history:
  - :created_at: 2026-09-30 18:00:00.000000000 Z
  :submitters:
  - :name: Bo Ng
    :sid: ''
    :email: bob@example.org
  - :name: Cid Østby
    :sid: 0073
    :email: cid@example.org
  :created_at: 2026-10-02 10:00:00.000000000 +02:00
submission_90000003:
  :submitters: []
"""


def pack(folder: Path, files: dict[str, bytes], *, archive: bool) -> Path:
    """The files as a folder or as a zip archive, each called class."""
    if archive:
        path = folder / "class.zip"
        with zipfile.ZipFile(path, "w") as made:
            for name, content in files.items():
                made.writestr(name, content)
        return path
    for name, content in files.items():
        path = folder / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "class"


def found(path: Path, **options) -> list[tuple[str, str, str]]:
    """Student, file and what says when, of each submission."""
    return [(s.student, s.file.split("/")[-1], s.time_from) for s in find_submissions([path], "softmax", **options)]


@pytest.fixture(params=["folder", "archive"])
def packed(request, tmp_path):
    """Packs files as a folder or as an archive."""
    return lambda files: pack(tmp_path, files, archive=request.param == "archive")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_canvas(packed):
    names = {
        "leeann_1071_501_softmax.ipynb": ("1071", "on time"),
        "lee_ann_LATE_1072_502_softmax-1.ipynb": ("1072", "late"),
        "østby_LATE_1073_503_1_2_x.ipynb": ("1073", "late"),
        "latecid_1074_504_.ipynb": ("1074", "on time"),
    }
    path = packed(dict.fromkeys(names, NOTEBOOK))
    assert found(path) == sorted((student, name, time) for name, (student, time) in names.items())
    assert recognised(find_submissions([path], "softmax")) == ["4 ids were read as in a download of Canvas."]


def test_a_class_of_which_one_file_looks_like_canvas_is_none(packed):
    path = packed({"hw_3_4_final.ipynb": NOTEBOOK, "ann.ipynb": NOTEBOOK})
    assert found(path) == [("ann", "ann.ipynb", "file"), ("hw_3_4_final", "hw_3_4_final.ipynb", "file")]
    assert recognised(find_submissions([path], "softmax")) == []


def test_moodle(packed):
    path = packed(
        {
            "Ann Lee_501_assignsubmission_file_/softmax.ipynb": NOTEBOOK,
            "Bo_2 Ng_502_assignsubmission_file_/deep/er/my work.ipynb": NOTEBOOK,
            "Cid Østby_503_assignsubmission_file_softmax.ipynb": NOTEBOOK,
            # What a student called a file is no claim to be another one.
            "Eve_504_assignsubmission_file_/Ann Lee_501_assignsubmission_file_/softmax.ipynb": NOTEBOOK,
            "Eve_504_assignsubmission_file_Ann Lee_501_assignsubmission_file_x.ipynb": NOTEBOOK,
            "Eve_504_assignsubmission_file_/submitted/501/softmax/softmax.ipynb": NOTEBOOK,
        }
    )
    assert [student for student, _, _ in found(path)] == ["501", "502", "503", "504", "504", "504"]


def test_nbgrader(packed):
    path = packed(
        {
            "submitted/ann/softmax/softmax.ipynb": NOTEBOOK,
            "submitted/ann/softmax/timestamp.txt": b"2026-10-01 18:00:00.5 UTC\n",
            "submitted/bob/softmax/problem.ipynb": NOTEBOOK,
            "submitted/bob/softmax/timestamp.txt": b"yesterday" * 100,
            "submitted/cid/softmax/deep/softmax.ipynb": NOTEBOOK,
            "submitted/cid/softmax/timestamp.txt": b"2026-10-02 18:00:00 CEST",
            "submitted/eve/softmax/submitted/ann/softmax/x.ipynb": NOTEBOOK,
            "submitted/eve/softmax/ann_501_assignsubmission_file_x.ipynb": NOTEBOOK,
        }
    )
    sources = find_submissions([path], "softmax")
    assert [s.student for s in sources] == ["ann", "bob", "cid", "eve", "eve"]
    assert [s.time_from for s in sources] == ["stated", *["file"] * 4]
    assert sources[0].read().handed_in == at("2026-10-01T18:00:00+00:00")


@pytest.mark.parametrize("named", ["submitted", "submitted/ann", "submitted/ann/softmax/softmax.ipynb"])
def test_nbgrader_wherever_the_path_ends(tmp_path, monkeypatch, named):
    files = {
        "submitted/ann/softmax/softmax.ipynb": NOTEBOOK,
        "submitted/ann/softmax/timestamp.txt": b"2026-10-01 18:00 Z",
    }
    monkeypatch.chdir(pack(tmp_path, files, archive=False))
    assert found(Path(named)) == [("ann", "softmax.ipynb", "stated")]


@pytest.mark.parametrize(
    ("stamp", "student"),
    [
        pytest.param("timestamp.txt", "ann", id="as nbgrader collects them"),
        pytest.param("notes.txt", "", id="a folder of the operator's own"),
        pytest.param("deep/timestamp.txt", "", id="handed in"),
    ],
)
def test_several_notebooks_in_the_folder_of_an_assignment(tmp_path, stamp, student):
    files = {f"submitted/ann/softmax/{name}.ipynb": NOTEBOOK for name in ("one", "two")}
    folder = pack(tmp_path, files | {f"submitted/ann/softmax/{stamp}": b"2026-10-01 18:00 Z"}, archive=False)
    students = [student or name for name in ("one", "two")]
    assert [owner for owner, _, _ in found(folder / "submitted" / "ann" / "softmax")] == students


@pytest.mark.parametrize("top", ["", "assignment_42_export/"])
def test_gradescope(packed, top):
    path = packed(
        {
            f"{top}submission_metadata.yml": METADATA.encode(),
            f"{top}submission_90000001/softmax.ipynb": NOTEBOOK,
            f"{top}submission_90000002/hw/softmax.ipynb": NOTEBOOK,
            f"{top}submission_90000003/softmax.ipynb": NOTEBOOK,
            f"{top}submission_90000004/softmax.ipynb": NOTEBOOK,
            f"{top}submission_90000004/submission_metadata.yml": METADATA.encode(),
        }
    )
    sources = find_submissions([path], "softmax")
    students = ["0071", "0073", "bob@example.org", "submission_90000003", "submission_90000004"]
    assert [s.student for s in sources] == students
    assert [s.time_from for s in sources] == ["stated", "stated", "stated", "file", "file"]
    assert [s.stated for s in sources[:3]] == [at("2026-10-01T18:00:00+00:00"), *[at("2026-10-02T08:00:00+00:00")] * 2]
    assert [s.flags for s in sources] == [
        (),
        (),
        (),
        *[("submission_metadata.yml does not say who handed this in",)] * 2,
    ]
    assert sources[1].read().sha256 == sources[2].read().sha256 != ""


def test_metadata_among_a_student_s_own_files_say_nothing(tmp_path):
    claim = b"softmax:\n  :submitters:\n  - :sid: bob\nx:\n  :submitters:\n  - :sid: bob\n"
    files = {"ann/submission_metadata.yml": claim, "ann/x/softmax.ipynb": NOTEBOOK, "cid/x/softmax.ipynb": NOTEBOOK}
    path = pack(tmp_path, files, archive=False)
    (path / "ann" / "softmax.ipynb").write_bytes(NOTEBOOK)
    assert [student for student, _, _ in found(path)] == ["ann", "x", "x"]
    assert found(path / "ann" / "softmax.ipynb") == [("ann", "softmax.ipynb", "file")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: b: c", "not the metadata of a Gradescope export"),
        (b"\xff", "not the metadata of a Gradescope export"),
        (b"\x00", "not the metadata of a Gradescope export"),
        (b"[" * 1_000_000, "nested too deeply"),
        (b"- " * 1_000_000, "nested too deeply"),
        (b"{a: " * 1_000_000, "nested too deeply"),
        (b"? [1]\n: 2", "is a key"),
        (b"a: !!python/object/apply:os.system [false]\nb: *c\n", None),
        (b"", None),
        (b"- 1\n- 2\n", None),
        (b"submission_1: {':submitters': {'999999999': {':sid': x}}}", None),
        (b"".join([b"a: &a [1]\n", *(b"b%d: &b%d [*a, *a]\n" % (n, n) for n in range(99))]), None),
    ],
    ids=[
        "syntax",
        "not UTF-8",
        "null",
        "lists",
        "sequences",
        "mappings",
        "key",
        "tag",
        "empty",
        "list",
        "number",
        "alias",
    ],
)
def test_metadata_of_strangers_are_read_or_refused(packed, content, says):
    path = packed({"submission_metadata.yml": content, "submission_1/softmax.ipynb": NOTEBOOK})
    if says is None:
        assert len(find_submissions([path], "softmax")) == 1
    else:
        with pytest.raises(UsageError, match=says):
            find_submissions([path], "softmax")


def test_metadata_that_are_too_large_are_refused(packed, monkeypatch):
    monkeypatch.setattr(layouts, "MAX_METADATA_BYTES", 100)
    path = packed({"submission_metadata.yml": METADATA.encode(), "submission_90000001/softmax.ipynb": NOTEBOOK})
    with pytest.raises(UsageError, match="cannot be read, or is larger than"):
        find_submissions([path], "softmax")


def test_metadata_behind_a_link_are_refused(tmp_path):
    path = pack(tmp_path, {"submission_90000001/softmax.ipynb": NOTEBOOK}, archive=False)
    (tmp_path / "elsewhere.yml").write_text(METADATA)
    (path / "submission_metadata.yml").symlink_to(tmp_path / "elsewhere.yml")
    with pytest.raises(UsageError, match="cannot be read"):
        find_submissions([path], "softmax")


@given(st.binary(max_size=300) | st.text(alphabet=":-submitersd_1 \n'\"{}[]&*?|!", max_size=300).map(str.encode))
def test_metadata_never_make_the_reader_fail_otherwise(data):
    try:
        known = read_metadata(data)
    except Rejected:
        return
    for students, time in known.values():
        assert all(isinstance(student, str) and student for student in students)
        assert time is None or time >= 0


# --id-pattern ------------------------------------------------------------------------------------


def test_a_pattern_finds_ids_and_replaces_every_layout(packed):
    path = packed(
        {
            "2026/lee-ann=a71/softmax.ipynb": NOTEBOOK,
            "2026/lee-bo=b72/x_1_2_softmax.ipynb": NOTEBOOK,
            "2026/nobody/softmax.ipynb": NOTEBOOK,
        }
    )
    sources = find_submissions([path], "softmax", id_pattern=compile_id_pattern(r"^class/.*=(?P<id>\w+)/"))
    assert [(s.student, s.rejected) for s in sources] == [
        ("a71", ""),
        ("b72", ""),
        ("softmax", "The pattern of --id-pattern finds no id in its path."),
    ]


@pytest.mark.parametrize(
    ("pattern", "says"), [("(?P<id>", "not a regular expression"), (r"(\d+)", "no group called id")]
)
def test_a_pattern_that_is_none_is_told(pattern, says):
    with pytest.raises(UsageError, match=re.escape(says)):
        compile_id_pattern(pattern)


names = st.text(st.characters(blacklist_characters="/\0"), min_size=1, max_size=60) | st.lists(
    st.sampled_from(
        ["_", "LATE", "1", "77", "assignsubmission_file", "submitted", "softmax", ".", "a", "\udcff", "\n"]
    ),
    min_size=1,
    max_size=12,
).map("".join)


@given(
    st.lists(st.lists(names, min_size=1, max_size=4).map(tuple), min_size=1, max_size=5),
    st.sampled_from([None, r"(?P<id>\d+)?", r"/(?P<id>[^/]*)_", r"(?s)(?P<id>.*)\.", r"(?P<id>$)"]),
)
def test_names_of_students_never_make_the_reader_fail(paths, pattern):
    place = Place("/home/class", "class", lambda wanted, cap: {})
    compiled = None if pattern is None else compile_id_pattern(pattern)
    found = owners(paths, place, "softmax", compiled)
    assert len(found) == len(paths)
    assert all(len(who) == 1 and isinstance(who[0].student, str) for who in found)
