"""Family H: text of students reaches every reader as text: on a terminal, in a table, in JSON, in lines of a log.

Entries on HTML (H-01, H-02, H-04), databases (H-11) and mail (H-20) are tested for the places that exist today; pages in a
real browser have tests of their own in ``tests/reports``.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autograder.records.files import marks_csv
from autograder.records.mark import CellMark, CheckMark, Curve, Detail, Grid, Mark, QuestionMark
from autograder.reports.feedback import make_feedback
from autograder.reports.lms import lms_text
from autograder.reports.pages import student_page
from autograder.reports.terminal import feedback, mark_line, marks_table
from autograder.text import csv_cell, visible

from . import files
from .files import PERFECT, Expected, Row, bad

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is read from /proc")

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def unsafe(text: str, allowed: str = "\n") -> set[str]:
    """Characters that a reader does not see as what they are."""
    return {character for character in set(text) - set(allowed) if unicodedata.category(character) in UNSAFE}


def raises(expression: str, seen: str, above: str = "") -> Row:
    """A function that raises this."""
    return Row(bad(f"{above}\ndef softmax(x): raise {expression}".strip()), Expected("error", seen))


def cell(text: str, seen: str, status: str = "error") -> Row:
    """A cell above the right function fails, or does not ("")."""
    return Row(bad(above=text), Expected("pass", seen, cell=status))


def returns(expression: str, seen: str, above: str = "") -> Row:
    """A function that returns this."""
    return Row(bad(f"{above}\ndef softmax(x): return {expression}".strip()), Expected("fail", seen))


EVIL_NAME = r"'<b>\x1b[31m\n\u202e[red]' + 'A' * 10**6"
EVIL_SHOWN = r"<b>\\x1b\[31m(\\x0a|\n)\\u202e\[red\]A+"
FORGED = r"x\n2030-01-01 INFO student=eve score=100\n  pass    FORGED  3/3"

#: Ids that begin with a letter and number are those of ATTACKS.md; the others are our own.
TEXTS = {
    "H-02 markup in an exception": raises("ValueError('<img src=x onerror=alert(document.cookie)>')", "<img src=x"),
    "H-02 markup in a cell": cell("raise ValueError('<img src=x onerror=alert(1)>')", "<img src=x"),
    "H-04 end of a script": raises(r"ValueError('</script><script>alert(1)</script> \u2028')", r"</script>.*\\u2028"),
    "H-05 templates": raises(
        "ValueError('{{7*7}} {%raw%} ${7*7} %s%n {0.__class__.__mro__} {x} [red]a[/red] :smile:')",
        r"\{\{7\*7\}\} .* %s%n \{0\.__class__\.__mro__\} \{x\} \[red\]a\[/red\] :smile:",
    ),
    "H-08 printed escapes": cell(
        r"print('\x1b[2J\x1b[1;1HAll tests passed\x1b]52;c;cm0gLXJm\x07\x1b]8;;http://example.org\x07')", "", ""
    ),
    "H-08 raised escapes": cell(
        r"raise ValueError('\x1b[2J\x1b[1;1HAll tests passed\x1b]52;c;x\x07\x9b1m\x7f\r\b')",
        r"\\x1b\[2J\\x1b\[1;1HAll tests passed\\x1b\]52;c;x\\x07\\x9b1m\\x7f\\x0d\\x08",
    ),
    "H-08 escapes from C": cell(r"import os; [os.write(fd, b'\x1b[2JFORGED\n' * 99) for fd in (1, 2)]; None", "", ""),
    "H-10 forged lines": raises(f"ValueError('{FORGED}')", "2030-01-01 INFO"),
    "H-10 forged lines of a cell": cell(f"raise ValueError('{FORGED}')", r"x\\x0a2030-01-01 INFO"),
    "H-10 forged lines on the streams": cell(
        "import logging, sys\n"
        + "\n".join(f"print({FORGED!r}, file={s})" for s in ("sys.stdout", "sys.stderr", "sys.__stderr__"))
        + f"\nlogging.error({FORGED!r})",
        "",
        "",
    ),
    "H-13 hostile text methods": raises(
        "Bad()",
        "Bad \\(no message\\)",
        "class Bad(Exception):\n    def __str__(self): raise RuntimeError('no')\n    __repr__ = __str__",
    ),
    "H-14 name of an exception": raises("Evil()", EVIL_SHOWN, f"Evil = type({EVIL_NAME}, (Exception,), {{}})"),
    "H-14 name of an exception in a cell": cell(f"raise type({EVIL_NAME}, (Exception,), {{}})()", EVIL_SHOWN),
    "H-14 name of a type": returns("Evil()", EVIL_SHOWN, f"Evil = type({EVIL_NAME}, (), {{}})"),
    "H-14 name of a function": cell(
        "def helper(): 1 / 0\n"
        r"helper.__code__ = helper.__code__.replace(co_name='\x1b[31m\n\u202eFORGED')"
        "\nhelper()",
        "ZeroDivisionError",
    ),
    "H-16 direction and zero width": raises(
        r"ValueError('score \u202e001\u202c \u200b \u0430dmin \U000e0041 \ufeff')",
        r"score \\u202e001\\u202c \\u200b .dmin \\U000e0041 \\ufeff",
    ),
    "H-17 no encoding": raises(r"ValueError('\ud800 \x00')", r"\\ud800 \\x00"),
    "H-17 no encoding, in a cell": cell(r"raise ValueError('\ud800 \x00')", r"\\ud800 \\x00"),
    "H-19 claims instead of an answer": returns(
        "{'points': 100, 'verdict': 'pass', 'max_points': float('nan'), 'score': 10**400}", "a dict|dictionary"
    ),
    "H-19 no finite number": returns("np.full(x.shape, np.nan)", "nan"),
    "H-19 infinity": returns("np.full(x.shape, -np.inf)", "inf"),
    "H-19 subnormal and huge": returns("np.full(x.shape, 1e308) * [1, -1, 5e-324][0]", "wrong"),
    "hostile metaclass": raises(
        "Evil()",
        "error|exception|Evil|raised",
        r"""
class Meta(type):
    __name__ = property(lambda self: '\x1b[2J')
    def __repr__(self): return '\x1b[2J'
class Evil(Exception, metaclass=Meta): pass
""",
    ),
    "hostile keys": returns(r"{'\x1b[2J\n': 1, '=1+1': 2}", "a dict|dictionary"),
    "hostile text returned": returns(r"'\x1b[2J\n\u202e' * 100", "text|str"),
    "hostile attributes of a syntax error": cell(
        r"raise SyntaxError('\x1b[2J', ('<cell 1>', 10**30, -1, '\x1b[2J\n'))", "SyntaxError"
    ),
    "name error with a name of its own": cell(r"raise NameError('x', name='\x1b[2J\n')", "NameError"),
    "code that claims another cell": cell(
        "exec(compile('\\n' * 99 + '1 / 0', '<cell 1>', 'exec'))", "ZeroDivisionError"
    ),
    "code that claims a file": cell("exec(compile('1 / 0', '/etc/passwd', 'exec'))", "ZeroDivisionError"),
    "lines that are long and odd": cell("x = 1 / 0  # \x1b[2J \u202e " + "z" * 5000, r"ZeroDivisionError"),
    "exception with arguments that lie": cell(
        "class T(str):\n    __str__ = lambda self: 7\n    __len__ = lambda *a: 1 / 0\nraise ValueError(T())",
        "ValueError",
    ),
    "group of exceptions": cell(
        # Of Python 3.11.
        r"G = __builtins__.__dict__.get('ExceptionGroup', ValueError); raise G('\x1b[2J', [ValueError('\x1b[2J\n')])",
        "ExceptionGroup|ValueError",
    ),
    "notes of an exception": cell("e = ValueError('x')\ne.__notes__ = ['\\x1b[2J', 3]\nraise e", "ValueError: x"),
    "letters of all languages": raises("ValueError('größe 漢字 🙂 عربى')", "größe 漢字 🙂 عربى"),
}


#: Names of students. Each hands in a perfect notebook.
NAMES = {
    "H-01 markup": "<img src=x onerror=alert(1)>",
    "H-01 attribute": "\"><b onmouseover='alert(1)'>",
    "template": "{{7*7}} ${7*7} %s%n {0}",
    "markup of Rich": "[bold red]admin[blink] [link=x]x :smile:",
    "H-07 structure": 'Doe, "J"\nadmin,100',
    "H-07 semicolon": "Doe;100;100",
    "H-07 byte order mark": "\ufeffann",
    "escapes": "\x1b[2J\x1b]0;owned\x07\r\b\x9b1m\x7f",
    "log line": "x\n2030-01-01 INFO student=eve score=100",
    "H-11 SQL": "Robert'); DROP TABLE grades;--",
    "H-11 SQL, too": "1 OR 1=1",
    "direction": "ann\u202e001\u202c\u200b",
    "homoglyph": "\u0430nn",
    "no encoding": os.fsdecode(b"\xff\xfe\x80"),
    "H-20 header": "Ann\r\nSubject: grade A",
    "formula =": "=1+1",
    "formula +": "+1+cmd|' C'!A0",
    "formula -": "-1+1",
    "formula @": "@SUM(A1)",
    "formula tab": "\t=1+1",
    "formula blank": "  =1+1",
    "formula full width": "\uff1d1+1",
    "formula DDE": "|calc",
    "separator of lines": "ann\u2028bob\u2029\x85",
    "languages": "größe 漢字 🙂 عربى",
}


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """All texts and names in one run, with the feedback of those whose text it shows."""
    folder = tmp_path_factory.mktemp("injection")
    files.lay_out(folder / "class", TEXTS)
    for name in NAMES.values():
        (folder / "class" / f"{name}.ipynb").write_bytes(PERFECT)
    shown = [*files.students(TEXTS).values(), *NAMES.values()]
    options = [f"--show={student}" for student in shown]
    return files.run_grade(folder, [folder / "class"], *options)


@linux_only
@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_told_as_text(batch, name):
    mark = batch.marks[files.students(TEXTS)[name]]
    files.assert_outcome(mark, TEXTS[name].expected)
    told = files.words(mark)
    assert unsafe(told) == set()
    assert all(len(line) < 3000 for line in told.splitlines())
    # A flag or the message of a cell is one line wherever it is shown.
    assert not any("\n" in text for text in [*mark["flags"], *(c["message"] for c in mark["cells"])])


@linux_only
@pytest.mark.slow
def test_a_name_is_stored_as_it_is_and_shown_as_text(batch):
    for name in NAMES.values():
        assert batch.marks[name]["points"] == 10, name
        assert visible(name, 60) in "".join(batch.stderr.splitlines())
    assert unsafe(batch.stdout) == set()
    assert unsafe(batch.stderr) == set()


@linux_only
@pytest.mark.slow
def test_one_event_is_one_line_on_stderr(batch):
    known = {visible(student, 60) for student in batch.marks}
    for line in batch.events:
        assert any(line.startswith(f"{student}: ") for student in known), line
    assert len(batch.events) == len(batch.marks)


@linux_only
@pytest.mark.slow
def test_the_table_keeps_its_columns_and_holds_no_formula(batch):
    assert len(batch.rows) == len(batch.marks)
    shown = {csv_cell(student) for student in batch.marks}
    assert {row["student"] for row in batch.rows} == shown
    text = (batch.out / "marks.csv").read_bytes().decode("utf-8")
    assert unsafe(text) == set()
    for row in csv.reader(io.StringIO(text)):
        assert len(row) == len(batch.rows[0])
        for value in row:
            assert not re.match(r"\s*[=+@|%＝＋－＠-]", value), value


@linux_only
@pytest.mark.slow
def test_feedback_cannot_be_forged(batch):
    """A line break in an exception continues the message; it starts no line of ours."""
    for line in batch.stdout.splitlines():
        assert not re.match(r" {0,9}(2030-01-01|pass +FORGED)", line), line
    assert "[red]a[/red] :smile:" in re.sub(r"\s+", " ", batch.stdout)
    assert not re.search("Traceback|autograder/", batch.everything)


@linux_only
@pytest.mark.slow
def test_neighbours_keep_full_marks_and_the_batch_is_whole(batch):
    perfect = [f"{number:03}-perfect" for number in range(len(TEXTS) + 1)]
    files.assert_perfect(batch, perfect)
    files.assert_sound(batch, {*files.students(TEXTS).values(), *NAMES.values(), *perfect})
    assert batch.elapsed_s < files.LIMITS.submission_s * len(batch.marks)


@linux_only
@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_few_letters_shows_all_the_same(tmp_path, encoding):
    """A name that cannot be written there must not cost the report of the class."""
    files.write_course(tmp_path / "course")
    names = ["größe 漢字 🙂", os.fsdecode(b"\xff"), "ann"]
    for name in names:
        (tmp_path / f"{name}.ipynb").write_bytes(PERFECT)
    command = [sys.executable, "-m", "autograder", "grade", "tiny", str(tmp_path), "--course", str(tmp_path / "course")]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [*command, "--show", "größe 漢字 🙂"], env=environment, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 3
    assert rb"\u6f22" in done.stdout


def test_an_error_that_names_a_student_shows_the_name_as_text(tmp_path, capfd):
    """`--show` of an unknown student lists those there are; a path may be what a student named a file."""
    import typer

    from autograder.console import reported_errors as _reported_errors
    from autograder.errors import UsageError

    with pytest.raises(typer.Exit), _reported_errors():
        raise UsageError("there are \x1b[2J\x9b \u202eeve \udcff")
    assert unsafe(capfd.readouterr().err) == set()


# Whatever the text ------------------------------------------------------------------------------

ANY = st.text(st.characters(exclude_categories=()), max_size=30) | st.text(
    st.sampled_from("=+-@|%\t\r\n \x00\x1b\x7f\x85\x9b\u2028\u202e\ud800\ufeff＝＋,;\"'[]{}<>a1"), max_size=12
)


@given(ANY)
def test_a_cell_of_a_table_is_no_formula_and_one_line(text):
    shown = csv_cell(text)
    assert not re.match(r"\s*[=+@|%＝＋－＠-]", shown)
    assert unsafe(shown, "") == set()


@st.composite
def marks(draw: Any) -> Mark:
    """A mark with any text where a student's may stand; messages have been made visible when they were marked."""
    told = visible(draw(ANY), 4000, keep_newlines=True)
    check = CheckMark("a table", True, "error", 0, 200, told)
    return Mark(
        "tiny",
        draw(ANY),
        draw(ANY),
        "",
        draw(st.sampled_from(["graded", "rejected", "grader_error"])),
        200,
        tuple(draw(st.lists(ANY, max_size=2))),
        (QuestionMark("softmax", 200, False, (check,)),),
        (CellMark(3, "error", visible(draw(ANY), 4000)),),
    )


def files_mark(text: str) -> Mark:
    """A mark with this text in every place where a student's may stand on a page."""
    told = visible(text, 4000, keep_newlines=True)
    grid = Grid((1,), ((told,),))
    shown = Detail(((text, grid),), text, grid, grid, ((True,),), Curve(text, (0.0,), (1.0,), (2.0,)))
    check = CheckMark("a table", True, "error", 0, 200, told or "a", "hint", (told,), shown)
    question = QuestionMark("softmax", 200, False, (check,), None, "diagnosis", "hint")
    cell = CellMark(3, "error", told, told or "a")
    return Mark("tiny", text, text, "", "graded", 200, (text,), (question,), (cell,))


@given(marks())
def test_a_mark_is_safe_wherever_it_is_shown(mark):
    text = mark.to_json()
    assert text.isascii()
    assert json.loads(text)["submission"]["student"] == mark.student
    rows = list(csv.reader(io.StringIO(marks_csv([mark]))))
    assert [len(row) for row in rows] == [len(rows[0])] * 2
    line = mark_line(mark)
    assert unsafe(line, "") == set()
    stream = io.StringIO()
    console = Console(file=stream, width=110, markup=False, emoji=False, highlight=False)
    console.print(marks_table([mark]), feedback(mark))
    assert unsafe(stream.getvalue()) == set()
    assert unsafe(lms_text(make_feedback(mark))) == set()


class _Tags(HTMLParser):
    """The tags of a page, and the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


HARMLESS = _Tags(student_page(make_feedback(files_mark("a")))).found


@given(ANY)
def test_a_page_has_the_same_tags_whatever_a_student_writes(text):
    page = student_page(make_feedback(files_mark(text or "a")))
    assert _Tags(page).found == HARMLESS
    assert unsafe(page) == set()
