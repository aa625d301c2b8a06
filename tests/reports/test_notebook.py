"""`%check` in a student's own kernel."""

from __future__ import annotations

import atexit
import json
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import autograder
from autograder import UsageError, messages
from autograder.grading.key import make_key, write_public
from autograder.messages import Catalogue
from autograder.notebook import Checked, check_in_kernel
from autograder.sandbox.host import Sandbox

from .conftest import FIRST, SQUARE, TOTAL


@pytest.fixture(scope="module")
def homework(course: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a student: public checks, and nothing of the course."""
    folder = tmp_path_factory.mktemp("homework")
    assignment = autograder.load_assignment(course, "squares")
    with Sandbox(preload=("numpy",)) as sandbox:
        slot = sandbox.slot()
        key = make_key(assignment, 0, slot, sandbox.limits)
        slot.close()
    (folder / "tests").mkdir()
    (folder / "tests" / "public.json").write_text(write_public(key), encoding="utf-8")
    return folder


@pytest.fixture
def shell(homework: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An IPython shell in this process."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.chdir(homework)
    made = InteractiveShell(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
    made.run_line_magic("load_ext", "autograder")
    yield made
    atexit.unregister(made.atexit_operations)
    made.atexit_operations()


def run(shell: Any, source: str) -> None:
    shell.run_cell(source, store_history=True).raise_error()


@pytest.mark.slow
def test_a_real_kernel_shows_the_feedback_of_an_executed_notebook(homework, repo):
    from nbclient import NotebookClient

    sources = ["%load_ext autograder", SQUARE.format(3), TOTAL, "%check square", "checked = _\nchecked.mark.hundredths"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    environment = os.environ | {"PYTHONPATH": str(repo)}
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(homework)}}
    ).execute(env=environment)
    assert [output.output_type for output in notebook.cells[3].outputs] == ["execute_result"], notebook.cells[3]
    (shown,) = notebook.cells[3].outputs
    assert "<mark>*-8</mark>" in shown["data"]["text/html"]
    assert '<svg viewBox="0 0 280 150"' in shown["data"]["text/html"]
    assert "│ *-8 *-1   0   1  *8" in shown["data"]["text/plain"]
    (points,) = notebook.cells[4].outputs
    assert points["data"]["text/plain"] == "0"


def test_only_the_public_checks_of_the_named_question_run(shell):
    run(shell, SQUARE.format(2) + TOTAL)
    mark = shell.run_line_magic("check", "square").mark
    assert [(q.name, [c.verdict for c in q.checks]) for q in mark.questions] == [("square", ["pass"])]
    assert (mark.hundredths, mark.max_hundredths) == (200, 200)


def test_without_a_name_all_questions_are_checked(shell):
    run(shell, SQUARE.format(2) + FIRST)
    mark = shell.run_line_magic("check", "").mark
    assert [(q.name, q.checks[0].verdict) for q in mark.questions] == [
        *(("square", "pass"), ("total", "missing"), ("first", "pass"), ("last", "missing"))
    ]


def test_what_is_defined_now_counts(shell):
    run(shell, SQUARE.format(3))
    assert shell.run_line_magic("check", "square").mark.hundredths == 0
    run(shell, SQUARE.format(2))
    assert shell.run_line_magic("check", "square").mark.hundredths == 200


def test_an_exception_names_the_students_lines_by_the_number_of_the_cell(shell):
    run(shell, "1 + 1")
    run(shell, "def inner(x):\n    return x[10]\n\ndef first(x):\n    return inner(x)\n")
    (question,) = shell.run_line_magic("check", "first").mark.questions
    assert question.checks[0].traceback == (
        "cell 2, line 5, in first: return inner(x)",
        "cell 2, line 2, in inner: return x[10]",
    )


def test_the_kernel_stays_as_it_was(shell):
    run(shell, SQUARE.format(2))
    before = {name: value for name, value in shell.user_ns.items() if not name.startswith("_")}
    trace, modules = sys.gettrace(), sys.modules["__main__"]
    shell.run_line_magic("check", "")
    assert {name: value for name, value in shell.user_ns.items() if not name.startswith("_")} == before
    assert (sys.gettrace(), sys.modules["__main__"]) == (trace, modules)


def test_it_speaks_in_the_words_of_the_course(shell, homework, tmp_path):
    document = json.loads((homework / "tests" / "public.json").read_text(encoding="utf-8"))
    document |= {"language": "de", "messages": {"verdict.pass": "prima"}}
    (tmp_path / "public.json").write_text(json.dumps(document), encoding="utf-8")
    run(shell, SQUARE.format(2))
    try:
        shown = Checked(check_in_kernel(shell, ["square", "first"], tmp_path))._repr_mimebundle_()
    finally:
        messages.use(Catalogue())
    assert "first ist im Notebook nicht definiert." in shown["text/plain"]
    assert "Schreib first in die dafür vorgesehene Zelle" in shown["text/html"]


def test_ctrl_c_ends_the_check(shell):
    run(shell, "def first(x):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        shell.run_line_magic("check", "first")


def test_a_question_without_public_checks_is_named_with_those_that_have_some(shell):
    from IPython.core.error import UsageError as MagicError

    with pytest.raises(MagicError, match=r"'nonsense' has no public checks. There are square, total, first, last"):
        shell.run_line_magic("check", "nonsense")


def test_without_public_checks_it_says_where_they_should_be(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="The public checks lie in the folder `tests` beside the notebook"):
        check_in_kernel(shell, [])
