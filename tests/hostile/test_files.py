"""Family G: a broken or hostile file costs its own submission, with a reason; it never stops the batch."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.errors import UsageError
from autograder.grading import submissions
from autograder.grading.submissions import find_submissions
from autograder.text import csv_cell

from . import files
from .files import FULL, PERFECT, SOFTMAX, Expected, Row, bad, cells, notebook, packed, rejected

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files are made, and /proc is read, as on Linux")

RIGHT: list[dict[str, Any]] = notebook(cells())["cells"]


def without(*names: str) -> bytes:
    """A perfect notebook that lacks some of its parts and of those of its cells."""
    made = notebook(cells())
    for part in [made, *made["cells"]]:
        for name in names:
            part.pop(name, None)
    return packed(made)


def with_output(output: dict[str, Any]) -> bytes:
    """A perfect notebook with an output in its last cell."""
    made = notebook(cells())
    made["cells"][-1]["outputs"] = [output]
    return packed(made)


def old(version: int, **changes: Any) -> bytes:
    """A perfect notebook in the layout of format 2 and 3."""
    code = [
        {"cell_type": "code", "input": [f"{line}\n" for line in text.split("\n")], "language": "python", "outputs": []}
        for text in cells()
    ]
    heading = {"cell_type": "heading", "level": 1, "source": "Tiny"}
    sheet = {"cells": [heading, *code], "metadata": {}}
    return packed({"nbformat": version, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [sheet]} | changes)


def copied(text: str) -> bytes:
    """A perfect notebook with one more question cell behind the right one."""
    return packed(notebook([*cells(), text]))


def in_zip(name: str) -> bytes:
    """A zip archive of one file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, PERFECT)
    return stream.getvalue()


#: One file each. Ids that begin with a letter and number are those of ATTACKS.md; the others are our own.
FILES = {
    "G-01 cut off": Row(PERFECT[:500], rejected(r"JSON error in line 1, column \d+")),
    "G-02 empty": Row(b"", rejected("The file is empty")),
    "G-04 byte order mark": Row(b"\xef\xbb\xbf" + PERFECT, FULL),
    "G-04 UTF-16": Row(PERFECT.decode().encode("utf-16"), rejected("UTF-16")),
    "G-04 UTF-16 without a mark": Row(PERFECT.decode().encode("utf-16-le"), rejected("JSON error|not UTF-8")),
    "G-04 UTF-32": Row(PERFECT.decode().encode("utf-32"), rejected("UTF-16|UTF-32|JSON error")),
    "G-04 Latin-1": Row(PERFECT.replace(b"import numpy", b"# \xe4\\nimport numpy"), rejected(r"byte \d+ is not UTF-8")),
    "G-05 office document": Row(in_zip("word/document.xml"), rejected("zip archive or an Office document")),
    "G-05 old office document": Row(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), rejected("old Office document")),
    "G-05 PDF": Row(b"%PDF-1.7\n%\xe2\xe3", rejected("PDF document")),
    "G-05 zip": Row(in_zip("ann.ipynb"), rejected("zip archive")),
    "G-05 login page": Row(b"<!DOCTYPE html><title>Log in</title>", rejected("web page")),
    "G-05 Python": Row(files.SOFTMAX.encode(), rejected("JSON error")),
    "G-05 random bytes": Row(bytes(range(256)) * 40, rejected("Not a")),
    "G-07 no metadata": Row(without("metadata", "nbformat", "nbformat_minor"), FULL),
    "G-07 no outputs, no count": Row(without("outputs", "execution_count"), FULL),
    "G-08 cells are an object": Row(packed({"cells": {}}), rejected("no list of cells")),
    "G-08 source is a number": Row(packed(notebook([*cells(), 3])), rejected("Cell 8 has no text")),
    "G-08 source is null": Row(packed(notebook([*cells(), None])), rejected("Cell 8 has no text")),
    "G-08 source is an object": Row(packed(notebook([*cells(), {"a": 1}])), rejected("Cell 8 has no text")),
    "G-08 lines that are no text": Row(packed(notebook([*cells(), ["x", 3, None]])), rejected("Cell 8 has no text")),
    "G-08 metadata is a list": Row(packed(notebook(cells(), metadata=[])), FULL),
    "G-08 cells of other kinds": Row(packed(notebook([]) | {"cells": [3, None, [], *RIGHT]}), FULL),
    "G-10 question twice, wrong behind": Row(
        copied("def softmax(x): return x\ngrader.check('softmax')"), Expected("fail", "values are wrong")
    ),
    "G-10 question twice, not checked again": Row(copied("def softmax(x): return x"), FULL),
    "G-11 question deleted": Row(
        packed(notebook([c for c in cells() if c != SOFTMAX])), Expected("missing", "not defined in the notebook")
    ),
    "G-11 name changed": Row(bad(SOFTMAX.replace("softmax", "softmax33")), Expected("missing", "not defined")),
    "G-13 deep": Row(b"[" * 10**5 + b"]" * 10**5, rejected("nested too deeply")),
    "G-13 deep objects": Row(b'{"a":' * 10**5 + b"1" + b"}" * 10**5, rejected("nested too deeply")),
    "G-14 large output": Row(with_output({"data": {"image/png": "A" * 5_000_000}}), FULL),
    "G-16 null byte": Row(bad(above="x = 1\0"), Expected("pass", "SyntaxError: .*(null|invalid)", cell="error")),
    "G-16 null byte in the question": Row(bad(SOFTMAX + "\0"), Expected("missing", "SyntaxError", cell="error")),
    "G-16 lone surrogate": Row(bad(above="s = '\ud800'"), Expected("pass", "SyntaxError", cell="error")),
    "G-16 half of the file is null bytes": Row(PERFECT + bytes(1000), rejected("JSON error|Not a")),
    "G-17 magics": Row(bad(above="%matplotlib inline\n%pip install x\n!pip install x\n?np.exp\n%run a.py"), FULL),
    "G-17 shell cell": Row(bad(above="%%bash\nrm -rf /"), FULL),
    "G-19 invisible characters": Row(
        bad("def softmax(x):\n\xa0 return x"),
        Expected("missing", r"invalid non-printable character U\+00A0", cell="error"),
    ),
    "G-19 tabs and blanks": Row(
        bad("def softmax(x):\n\ty = x\n        return y"),
        Expected("missing", "TabError|IndentationError", cell="error"),
    ),
    "G-20 return": Row(bad(above="return 5"), Expected("pass", "SyntaxError", cell="error")),
    "G-20 yield": Row(bad(above="yield 5"), Expected("pass", "SyntaxError", cell="error")),
    "G-20 await": Row(bad(above="import asyncio\nawait asyncio.sleep(0)"), FULL),
    "G-22 twice": Row(bad("def softmax(x): return 0\n" + SOFTMAX), FULL),
    "G-22 never": Row(bad("if False:\n    def softmax(x): return x"), Expected("missing", "not defined")),
    "G-23 main guard": Row(bad("if __name__ == '__main__':\n    " + SOFTMAX.replace("\n", "\n    ")), FULL),
    "G-25 local file": Row(
        bad(above="open('C:/Users/me/data.csv')"), Expected("pass", "FileNotFoundError", cell="error")
    ),
    "G-26 order": Row(
        bad(above="y = later(1)"), Expected("pass", "NameError: name 'later' is not defined", cell="error")
    ),
    "G-34 last week's notebook": Row(
        packed(notebook(cells(), metadata={"autograder": {"assignment": "relu", "schema": 1}})),
        rejected("notebook of the assignment 'relu', not of 'tiny'"),
    ),
    "G-34 name of an assignment that is no text": Row(
        packed(notebook(cells(), metadata={"autograder": {"assignment": ["relu"]}})), FULL
    ),
    "G-31 path in an output": Row(with_output({"metadata": {"filename": "../../x.py"}, "data": {}}), FULL),
    # Our own
    "format 2": Row(old(2), FULL),
    "format 3": Row(old(3), FULL),
    "format 3 without sheets": Row(old(3, worksheets={}), rejected("old format")),
    "format 3 with odd sheets": Row(old(3, worksheets=[{"cells": 3}]), rejected("old format")),
    "format 3 with many cells": Row(
        old(3, worksheets=[{"cells": [{"cell_type": "code", "input": "x"}] * 5000}]), rejected("5,000 cells")
    ),
    "format 5": Row(packed(notebook(cells(), nbformat=5, nbformat_minor=9)), FULL),
    "format that is no number": Row(packed(notebook(cells(), nbformat=[])), FULL),
    "no cells": Row(packed(notebook([])), Expected("missing", "not defined", others=False)),
    "two thousand empty cells": Row(packed(notebook([*cells(), *[""] * 1900])), FULL),
    "millions of empty cells": Row(b'{"cells": [' + b"{}," * 2_000_000 + b"{}]}", rejected("1,000,000 objects")),
    "a hundred thousand empty cells": Row(b'{"cells": [' + b"{}," * 100_000 + b"{}]}", rejected("100,001 cells")),
    "cell of 100,001 characters": Row(bad(above="#" * 100_001), FULL),
    "cell of a million characters": Row(bad(above="x = '" + "ä" * 900_000 + "'"), FULL),
    "cell above the limit": Row(bad(above="#" * 1_000_001), rejected("Cell 4 has 1,000,001 characters")),
    "many large cells": Row(packed(notebook([*cells(), *["#" * 900_000] * 6])), rejected("characters of code")),
    "cell of empty lines": Row(
        packed(notebook([files.SETUP, "\n" * 900_000 + "1 / 0\ndef softmax(x): return x"])),
        Expected("missing", "ZeroDivisionError", cell="error", others=False),
    ),
    "line of a million brackets": Row(
        bad(above="(" * 900_000), Expected("pass", "SyntaxError|MemoryError|ran longer", cell="error|limit")
    ),
    "checks without end": Row(
        bad(above='grader.check("' * 60_000), Expected("pass", "SyntaxError|ran longer", cell="error|limit")
    ),
    "same key twice": Row(PERFECT[:-1] + b', "cells": []}', Expected("missing", "not defined", others=False)),
    "huge number": Row(b'{"cells": [], "x": ' + b"9" * 10_000 + b"}", rejected("number that is too long")),
    "number beyond floats": Row(PERFECT[:-1] + b', "x": 1e999999999, "y": NaN, "z": -Infinity}', FULL),
    "surrogates in keys": Row(PERFECT[:-1] + rb', "\ud800": "\udc00"}', FULL),
    "JSON twice": Row(PERFECT + PERFECT, rejected("JSON error")),
    "a list": Row(b"[]", rejected("not an object")),
    "a text": Row(b'"notebook"', rejected("not an object")),
    "nothing but blanks": Row(b" \n\t\0" * 1000, rejected("empty")),
    "raw cells and attachments": Row(
        packed(notebook([]) | {"cells": [{"cell_type": "raw", "source": "1/0", "attachments": {"../x": {}}}, *RIGHT]}),
        FULL,
    ),
    "claims of points": Row(
        packed(notebook(cells("def softmax(x): return x"), points=100, score=1e9, status="graded")),
        Expected("fail", "values are wrong"),
    ),
}


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    files.lay_out(folder / "class", FILES)
    return files.run_grade(folder, [folder / "class"])


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_file_gives_a_mark_or_a_reason(batch, name):
    files.assert_outcome(batch.marks[files.students(FILES)[name]], FILES[name].expected)


@pytest.mark.slow
def test_neighbours_keep_full_marks_and_the_batch_is_whole(batch):
    perfect = [f"{number:03}-perfect" for number in range(len(FILES) + 1)]
    files.assert_perfect(batch, perfect)
    files.assert_sound(batch, {*files.students(FILES).values(), *perfect})
    assert batch.elapsed_s < files.LIMITS.submission_s * len(FILES)
    assert "Traceback" not in batch.everything


# Names, folders, links ---------------------------------------------------------------------------

#: File name -> student. All hold a perfect notebook.
NAMES = {
    "G-32 option": "-rf.ipynb",
    "G-32 command": "$(touch pwned).ipynb",
    "G-32 separator": "a;b.ipynb",
    "G-32 line break": "a\nb.ipynb",
    "G-32 device": "CON.ipynb",
    "G-32 as long as can be": "x" * 249 + ".ipynb",
    "G-32 right to left": "ann\u202efdp.ipynb",
    "G-32 composed": "J\u00f6rg.ipynb",
    "G-32 decomposed": "Jo\u0308rg.ipynb",
    "G-32 lower case": "kim.ipynb",
    "G-32 upper case": "KIM.ipynb",
    "G-32 suffix in upper case": "lee.IPYNB",
    "G-35 leading zeros": "007.ipynb",
    "G-35 number": "7.ipynb",
    "G-35 blanks": " ann .ipynb",
    "G-35 not a number": "nan.ipynb",
    "no name": ".ipynb",
    "two dots": "...ipynb",
    "not UTF-8": os.fsdecode(b"\xff\xfe.ipynb"),
    "escape": "\x1b[2J\x1b]0;x\x07.ipynb",
    "formula": "=cmd|' /C calc'!A0.ipynb",
    "wide formula": "\uff1d1+1.ipynb",
    "markup": "[red]ann[/red].ipynb",
    "one of two": "a/tim.ipynb",
    "two of two": "b/tim.ipynb",
    "several files of one": "uma/tiny.ipynb",
}


def lay_out_names(folder: Path) -> Path:
    """A class with odd names, links, loops, pipes, archives and folders that are no notebooks."""
    home = folder / "class"
    for name in NAMES.values():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(PERFECT)
    (home / "zz").mkdir()
    (home / "zz" / "loop").symlink_to(home)  # a loop
    (home / "linked").symlink_to(folder / "elsewhere")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "secret.ipynb").write_bytes(PERFECT)
    (home / "link.ipynb").symlink_to(folder / "elsewhere" / "secret.ipynb")
    (home / "device.ipynb").symlink_to("/dev/zero")
    (home / "dangling.ipynb").symlink_to(folder / "nowhere")
    os.mkfifo(home / "pipe.ipynb")
    (home / "folder.ipynb").mkdir()
    (home / "within.zip").write_bytes(in_zip("ann.ipynb"))
    for ignored in (".ipynb_checkpoints/ann-checkpoint.ipynb", "__MACOSX/ann.ipynb", "zz/._ann.ipynb", "readme.txt"):
        (home / ignored).parent.mkdir(exist_ok=True)
        (home / ignored).write_bytes(PERFECT)
    return home


REFUSED = {
    "loop": "is a link, which is not followed",
    "linked": "is a link, which is not followed",
    "link": "The file is a link",
    "device": "The file is a link",
    "dangling": "The file is a link",
    "pipe": "not a regular file",
    "folder": "not a regular file",
    "within": "An archive within a folder",
}


def test_a_path_on_the_command_line_is_not_shown_as_it_is(tmp_path, capfd):
    odd = tmp_path / "a\x1b[2J\nERROR student=eve.txt"
    odd.write_text("")
    with pytest.raises(UsageError) as caught:
        find_submissions([odd], "tiny")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_what_cannot_be_graded_among_others_costs_itself_only(tmp_path):
    """As in `autograder grade tiny class/*`; alone it is wrong usage."""
    (tmp_path / "ann.ipynb").write_bytes(PERFECT)
    (tmp_path / "bob.zip").write_bytes(b"PK\x03\x04 nonsense")
    (tmp_path / "cleo.docx").write_bytes(b"PK\x03\x04 nonsense")
    (tmp_path / "dan").mkdir()
    with zipfile.ZipFile(tmp_path / "eve.zip", "w") as archive:
        archive.writestr("readme.txt", "")
    found = {s.student: s.read().rejected for s in find_submissions(sorted(tmp_path.iterdir()), "tiny")}
    assert found.pop("ann") == ""
    assert set(found) == {"bob", "cleo", "dan", "eve"}
    assert all(found.values())
    with pytest.raises(UsageError, match="not a zip archive"):
        find_submissions([tmp_path / "bob.zip", tmp_path / "cleo.docx"], "tiny")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file; the next test covers root")
def test_an_unreadable_folder_is_told(tmp_path):
    _assert_unreadable_are_told(tmp_path)


def _assert_unreadable_are_told(folder: Path) -> None:
    for name in ("ann.ipynb", "bob.ipynb", "closed/cleo.ipynb"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(PERFECT)
    (folder / "bob.ipynb").chmod(0)
    (folder / "closed").chmod(0)
    try:
        found = {s.student: s.read().rejected for s in find_submissions([folder], "tiny")}
    finally:
        (folder / "closed").chmod(0o700)
    assert found == {
        "ann": "",
        "bob": "The file cannot be read: Permission denied.",
        "closed": "The folder cannot be read: Permission denied.",
    }


PLAIN = """
import importlib, pathlib, sys, tempfile
sys.path.insert(0, sys.argv[1])
module = importlib.import_module("tests.hostile.test_files")
with tempfile.TemporaryDirectory() as folder:
    module._assert_unreadable_are_told(pathlib.Path(folder))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_unreadable_folder_is_told_to_a_plain_user(repo):
    helper = repo / "tests" / "sandbox" / "plain_user.py"
    command = [sys.executable, str(helper), "plain", sys.executable, "-c", PLAIN, str(repo)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


# Files that change between finding and reading ----------------------------------------------------


def _vanish(path: Path) -> None:
    path.unlink()


def _become_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _shrink(path: Path) -> None:
    path.write_bytes(PERFECT[:100])


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "vanishes": (_vanish, "not a regular file|cannot be read"),
    "becomes a link": (_become_link, "cannot be read"),
    "becomes a pipe": (_become_pipe, "not a regular file"),
    "becomes a folder": (_become_folder, "not a regular file|Is a directory"),
    "is cut off": (_shrink, "JSON error"),
}


@pytest.mark.parametrize("when", ["before it is read", "as it is opened"])
@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_changes_after_it_was_found_is_rejected(tmp_path, monkeypatch, change, reason, when):
    path = tmp_path / "ann.ipynb"
    path.write_bytes(PERFECT)
    (source,) = find_submissions([tmp_path], "tiny")
    if when == "before it is read":
        change(path)
    else:
        # The worst moment: the file has been looked at, and is then replaced.
        is_file = Path.is_file

        def looked_at(self: Path) -> bool:
            answer = is_file(self)
            change(self)
            return answer

        monkeypatch.setattr(Path, "is_file", looked_at)
    reader = threading.Thread(target=lambda: read.append(source.read()), daemon=True)
    read: list[submissions.Submission] = []
    reader.start()
    reader.join(10)
    assert not reader.is_alive(), "it waits for a pipe"
    assert re.search(reason, read[0].rejected), read[0].rejected
    assert read[0].cells == ()


def test_an_archive_that_changes_after_it_was_found_is_rejected(tmp_path):
    path = tmp_path / "class.zip"
    path.write_bytes(in_zip("ann.ipynb"))
    (source,) = find_submissions([path], "tiny")
    path.write_bytes(in_zip("another-name.ipynb"))
    assert "cannot be unpacked" in source.read().rejected
    path.unlink()
    assert "No such file" in source.read().rejected


# Archives ----------------------------------------------------------------------------------------


def link(name: str, kind: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (kind | 0o777) << 16
    return entry


def hostile_archive(path: Path) -> None:
    """One archive with a member of every kind; all names begin with z."""
    stored, deflated = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", deflated) as archive:
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, reason in ARCHIVED.items():
            if (not reason and name != "drive") or name in ("damaged", "deflate", "encrypted"):
                archive.writestr(f"z {name}.ipynb", PERFECT, stored if name == "damaged" else deflated)
        archive.writestr("z twice.ipynb", bad("def softmax(x): return x"))
        archive.writestr("C:\\Users\\x\\z drive.ipynb", PERFECT)
        archive.writestr("..\\..\\z backslash.ipynb", PERFECT)
        archive.writestr("/z absolute.ipynb", PERFECT)
        archive.writestr("a/../../z up.ipynb", PERFECT)
        archive.writestr(link("z link.ipynb", stat.S_IFLNK), "/etc/passwd")
        archive.writestr(link("z pipe.ipynb", stat.S_IFIFO), "")
        archive.writestr(link("z device.ipynb", stat.S_IFCHR), "")
        archive.writestr("z bzip2.ipynb", PERFECT, zipfile.ZIP_BZIP2)
        archive.writestr("z lzma.ipynb", PERFECT, zipfile.ZIP_LZMA)
        archive.writestr("z inner.zip", in_zip("ann.ipynb"))
        archive.writestr("folder.ipynb/", "")
        archive.writestr("#.ipynb", PERFECT)
        archive.writestr("z bomb.ipynb", bytes(60 * 2**20))
    # A name ends at its first null byte: this one is empty.
    data = bytearray(path.read_bytes().replace(b"#.ipynb", b"\0.ipynb"))
    _damage(data, "damaged", 70)
    _damage(data, "deflate", 70)
    _set_flag(data, "encrypted")
    path.write_bytes(data)


def _damage(data: bytearray, name: str, distance: int) -> None:
    """Spoil the content of the first member of this name, leaving its headers."""
    at = data.index(f"z {name}.ipynb".encode()) + distance
    data[at : at + 20] = b"\xff" * 20


def _set_flag(data: bytearray, name: str) -> None:
    """Say that a member is encrypted, in both of its headers."""
    text = f"z {name}.ipynb".encode()
    local = data.index(b"PK\x03\x04", data.index(text) - 30)
    central = data.rindex(b"PK\x01\x02", 0, data.rindex(text))
    data[local + 6] |= 1
    data[central + 8] |= 1


#: Student, behind "z " -> why a member is refused, "" where it is graded.
ARCHIVED = {
    "ann": "",
    "twice": "",
    "Ann": "",
    "J\u00f6rg": "",
    "Jo\u0308rg": "",
    "drive": "",
    "a\nb": "",
    "\x1b[2J": "",
    "CON": "",
    "backslash": "leads outside",
    "absolute": "leads outside",
    "up": "leads outside",
    "link": "not a regular file",
    "pipe": "not a regular file",
    "device": "not a regular file",
    "encrypted": "encrypted",
    "bzip2": "packed in a way that is not read",
    "lzma": "packed in a way that is not read",
    "inner": "An archive within",
    "bomb": "larger than 50 MiB",
    "damaged": "cannot be unpacked",
    "deflate": "cannot be unpacked",
}


def long_list() -> bytes:
    """An archive whose list of entries has nine MiB: a long comment at each of few entries is quickly made."""
    entry = b"PK\x01\x02" + struct.pack("<4B4HL2L5H2L", *[0] * 13, 65_000, *[0] * 4) + b"x" * 65_000
    size, count = len(entry) * 150, 150
    return entry * count + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, size, 0, 0)


def lay_out_archives(folder: Path) -> list[Path]:
    """Archives that cannot be read, one that can, and one with a member of every kind."""
    paths = {name: folder / f"{name}.zip" for name in (*UNREADABLE, "good", "class")}
    paths["good"].write_bytes(in_zip("sound.ipynb"))
    hostile_archive(paths["class"])
    with zipfile.ZipFile(paths["many"], "w") as archive:
        for number in range(10_000):
            archive.writestr(f"{number}.ipynb", b"")
    paths["endless"].write_bytes(long_list())
    paths["empty"].write_bytes(b"")
    paths["nonsense"].write_bytes(bytes(range(256)) * 9)
    with zipfile.ZipFile(paths["nothing"], "w"):
        pass
    return list(paths.values())


#: Entries of ATTACKS.md that are members of an archive, or archives.
IN_ARCHIVES = {
    "G-28": ("link", "pipe", "device"),
    "G-29": ("bomb", "inner", "many", "endless"),
}

UNREADABLE = {
    "many": "10,000 entries",
    "endless": "list of entries is too long",
    "empty": "not a zip archive",
    "nonsense": "not a zip archive",
    "nothing": "no notebook",
}


@pytest.fixture(scope="module")
def odd_batch(tmp_path_factory):
    """All odd names and all archives in one run."""
    folder = tmp_path_factory.mktemp("odd")
    return files.run_grade(folder, [lay_out_names(folder), *lay_out_archives(folder)])


@pytest.mark.slow
def test_odd_names_are_graded_under_their_own(odd_batch):
    students = [Path(name).parent.name if "tiny" in name else Path(name).stem for name in NAMES.values()]
    for student in students:
        assert (odd_batch.marks[student]["status"], odd_batch.marks[student]["points"]) == ("graded", 10), student
    # Both submissions of a student are kept, and flagged.
    assert [row["points"] for row in odd_batch.rows if "2 submissions" in row["flags"] and row["student"] == "tim"] == [
        "10",
        "10",
    ]
    assert not list(odd_batch.out.parent.rglob("pwned"))


@pytest.mark.slow
@pytest.mark.parametrize(("student", "reason"), (REFUSED | UNREADABLE).items())
def test_what_is_no_file_is_refused_with_a_reason(odd_batch, student, reason):
    files.assert_outcome(odd_batch.marks[student], rejected(reason))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reason"), ARCHIVED.items())
def test_each_member_of_an_archive_stands_for_itself(odd_batch, name, reason):
    mark = odd_batch.marks[f"z {name}"]
    if reason:
        files.assert_outcome(mark, rejected(reason))
    else:
        assert mark["status"] == "graded"
        # A name that occurs twice: each row is of its own bytes.
        points = sorted(float(row["points"]) for row in odd_batch.rows if row["student"] == csv_cell(f"z {name}"))
        assert points == ([4, 10] if name == "twice" else [10])


@pytest.mark.slow
def test_every_file_has_one_row_and_one_mark(odd_batch):
    """Names that differ in case or in how they compose a letter, and names that occur twice, share no file."""
    assert odd_batch.exit_code == 0
    # One more for each name that occurs twice: tim has two folders, the archive has two members of one name.
    count = len(NAMES) + len(REFUSED) + len(UNREADABLE) + len(ARCHIVED) + 1 + 1
    assert len(odd_batch.rows) == count
    assert len(list((odd_batch.out / "marks").iterdir())) == count
    assert len(odd_batch.events) == count
    assert "Traceback" not in odd_batch.everything


def bomb(path: Path, method: int, size: int, claimed: int) -> None:
    """A member of `size` null bytes that claims to have fewer."""
    with zipfile.ZipFile(path, "w", method) as archive, archive.open("ann.ipynb", "w") as file:
        for _ in range(size // 2**20):
            file.write(bytes(2**20))
    data = path.read_bytes()
    data = data.replace(struct.pack("<I", size), struct.pack("<I", claimed))
    path.write_bytes(data)


@contextmanager
def peak_below(mib: int) -> Iterator[None]:
    """What happens inside allocates no more than this at any time."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    assert peak < mib


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["deflate", "bzip2", "lzma"]
)
def test_what_a_bomb_claims_does_not_matter(tmp_path, method):
    """A kilobyte of bzip2 unpacks to gigabytes, and zipfile unpacks it in one piece."""
    bomb(tmp_path / "bomb.zip", method, 64 * 2**20, 1000)
    (source,) = find_submissions([tmp_path / "bomb.zip"], "tiny")
    with peak_below(20):
        submission = source.read()
    assert submission.rejected


def test_no_file_makes_the_reader_take_memory_without_end(tmp_path):
    for name, content in {
        "objects": b'{"cells": [' + b"{}," * 1_100_000 + b"{}]}",
        "lists": b"[" + b"[]," * 1_100_000 + b"[]]",
        "pairs": b'{"cells": [' + b'{"a":0},' * 1_100_000 + b"{}]}",
    }.items():
        (tmp_path / f"{name}.ipynb").write_bytes(content)
    (tmp_path / "large.ipynb").write_bytes(bytes(200 * 2**20))
    started = time.monotonic()
    for source in find_submissions([tmp_path], "tiny"):
        with peak_below(60):
            assert re.search("objects and lists|larger than", source.read().rejected)
    assert time.monotonic() - started < 20


# Whatever the bytes -------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.data())
def test_damaged_bytes_give_a_submission_or_a_reason(tmp_path_factory, data):
    """Any change of a few bytes of a notebook or an archive, and any cut."""
    kind = data.draw(st.sampled_from(["ipynb", "zip"]))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ann.ipynb", "b/tiny.ipynb"):
            archive.writestr(name, PERFECT)
    content = bytearray(PERFECT if kind == "ipynb" else stream.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
    path = tmp_path_factory.mktemp("fuzz") / f"ann.{kind}"
    path.write_bytes(content[:cut])
    try:
        found = find_submissions([path], "tiny")
    except UsageError:
        assert kind == "zip"  # nothing to grade in it: told, with exit code 2
        return
    for source in found:
        submission = source.read()
        assert bool(submission.rejected) != bool(submission.sha256 and submission.cells) or not submission.cells
        assert all(type(text) is str for _, text in submission.cells)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(st.sampled_from(["cells", "worksheets", "source", "input", "cell_type", "code"]), x)
        ),
    )
)
def test_any_json_gives_a_submission_or_a_reason(tmp_path_factory, document):
    path = tmp_path_factory.mktemp("json") / "ann.ipynb"
    path.write_text(json.dumps(document), encoding="utf-8")
    submission = find_submissions([path], "tiny")[0].read()
    assert submission.rejected or isinstance(submission.cells, tuple)
