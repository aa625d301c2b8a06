"""Assignments of otter-grader and nbgrader become ones of a course, and nothing is dropped in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autograder.cli import app
from autograder.course.load import load_assignment
from autograder.course.master import stub_cells
from autograder.errors import UsageError
from autograder.importing.nbgrader import read_nbgrader
from autograder.importing.otter import read_otter
from autograder.importing.tests import Call, read_test

NAMES = {"f", "g", "x"}


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("assert f(3) == 9", [Call("f", "3")]),
        ("assert 9 == f(3)", [Call("f", "3")]),
        ("f(3)", [Call("f", "3")]),
        ("f(3) == 9", [Call("f", "3")]),
        ("np.testing.assert_allclose(f([1], k=2), [2], rtol=1e-3)", [Call("f", "[1], k=2")]),
        ("assert np.allclose([2], f([1]))", [Call("f", "[1]")]),
        ("assert np.isclose(f(1), 2).all()", [Call("f", "1")]),
        ("bool(np.isclose(f(1), 2))", [Call("f", "1")]),
        ("assert np.all(f(1) == 2)", [Call("f", "1")]),
        ("assert (f(1) == 2).all()", [Call("f", "1")]),
        ("y = f(1)\nassert y == 2", [Call("f", "1")]),
        ("a = np.ones(3)\nassert_array_equal(f(a), a + 1)\nassert g(2) == 3", [Call("f", "a"), Call("g", "2")]),
        ("assert x == 5", [Call("x", None)]),
        ("def test_f(f):\n    'Says.'\n    assert f(2) == 4\ntest_f(f)", [Call("f", "2")]),
    ],
)
def test_plain_comparisons_are_taken(source, calls):
    found = read_test(source, NAMES)
    assert (found.calls, found.reasons) == (calls, [])


def test_a_print_is_a_test_only_where_it_shows_an_answer():
    assert read_test("assert f(1) == 2\nprint('right')\nassert f(2) == 3", NAMES).calls == [
        Call("f", "1"),
        Call("f", "2"),
    ]
    assert read_test("print(f(1))", NAMES).reasons == ["`print(f(1))` is no plain comparison of an answer"]
    assert read_test("print(f(1))", NAMES, shown=False).reasons == ["it compares no answer with a value"]


@pytest.mark.parametrize("source", ["f(3)", "f(3) == 9", "np.allclose(f(3), 9)"])
def test_what_is_neither_asserted_nor_shown_compares_nothing(source):
    assert read_test(source, NAMES).calls == [Call("f", "3")]
    for text, shown in ((source, False), (f"def test(f):\n    {source}", True)):
        found = read_test(text, NAMES, shown=shown)
        assert found.calls == []
        assert "is no plain comparison of an answer" in found.reasons[0]


def test_what_only_the_expected_value_needs_stays_behind():
    source = (
        "from nose.tools import assert_equal\nimport torch\nseen = open('x')\na = [1]\nb = a\nassert_equal(f(b), seen)"
    )
    assert read_test(source, NAMES).setup == ["a = [1]", "b = a"]


def test_what_makes_the_inputs_goes_along():
    found = read_test("import numpy as np\na = np.eye(2)\nassert_equal(f(a), a)", NAMES)
    assert found.setup == ["import numpy as np", "a = np.eye(2)"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("assert f(3) > 0", "`assert f(3) > 0` is no plain comparison"),
        ("assert f(3).shape == (2,)", "no plain comparison"),
        ("assert f(g(1)) == 2", "no plain comparison"),
        ("assert f(1) == g(1)", "no plain comparison"),
        ("assert len(x) == 3", "no plain comparison"),
        ("for i in range(3):\n    assert f(i) == i", "`for i in range(3):` is no plain comparison"),
        ("with pytest.raises(ValueError):\n    f(1)", "no plain comparison"),
        ("print(1)", "it compares no answer with a value"),
        ("assert f(", "not Python"),
        ("def test(env):\n    assert env['f'](1) == 2", "all names of the notebook"),
        ("a = np.random.rand(3)\nassert_equal(f(a), a)", "draw them from `rng`"),
        ("assert_close(f(torch.ones(2)), 2)", "write tensors as tensor(...)"),
        ("a = 1\nassert f(a) == 1\na = 2\nassert f(a) == 4", "`a = 2` changes what its calls get"),
        ("a = [2, 1]\nassert f(a) == 1\na.sort()\nassert f(a) == 2", "`a.sort()` changes what its calls get"),
        ("def near(a, b):\n    return a == b\nassert near(f(1), 2)", "`assert near(f(1), 2)` is no plain comparison"),
        ("def check(n):\n    assert f(n) == 1\ncheck(3)", "`check(3)` is no plain comparison"),
        ("assert 'f' in globals()", "`assert 'f' in globals()` compares nothing that a solution cell defines"),
        ("a = rng.normal(size=3)\nassert_equal(f(a), a)", "draw them from `rng`"),
        ("a = 1\ny = f(a)\na += 1\nassert y == 1", "`a += 1` changes what its calls get"),
    ],
)
def test_everything_else_gets_a_reason(source, reason):
    found = read_test(source, NAMES)
    assert found.calls == []
    assert any(reason in said for said in found.reasons), found.reasons


def test_inputs_of_their_own_may_follow_an_earlier_call():
    found = read_test("a = 1\nassert f(a) == 1\nb = 2\nassert f(b) == 4", NAMES)
    assert (found.setup, found.calls, found.reasons) == (["a = 1", "b = 2"], [Call("f", "a"), Call("f", "b")], [])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("assert_allclose(f(1), 2, rtol=0.1)", "rtol"),
        ("assert np.isclose(f(1), 2, rtol=1e-2)", "rtol"),
        ("assert np.allclose(f(1), 2, 1e-2, 1e-3)", "atol and rtol"),
        ("assert np.allclose(f(1), 2, 1e-2, atol=1e-3)", "atol and rtol"),
        ("np.testing.assert_almost_equal(f(1), 2, 3)", "decimal"),
        ("self.assertAlmostEqual(f(1), 2, 3)", "places"),
        ("self.assertEqual(f(1), 2, 'a message')", ""),
        ("assert f(1) == 2, 'one and one'", "message 'one and one' is"),
        ("assert_equal(f(1), 2, err_msg='no')", "message 'no' is"),
        ("assert np.all(f(1) == 2)", ""),
    ],
)
def test_a_tolerance_that_is_not_taken_over_is_told(source, told):
    found = read_test(source, NAMES)
    assert found.calls == [Call("f", "1")]
    assert [note.partition(" not taken")[0].removesuffix(" are") for note in found.notes] == [f"its {told}"] * bool(
        told
    )


def code(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [], "execution_count": None}


def text(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source, "metadata": metadata}


def raw(*lines: str) -> dict[str, Any]:
    return {"cell_type": "raw", "source": "\n".join(lines), "metadata": {}}


def fenced(*lines: str) -> dict[str, Any]:
    return text("```otter\n" + "\n".join(lines) + "\n```")


def otter_cells(mark) -> list[dict[str, Any]]:
    return [
        mark("# ASSIGNMENT CONFIG", "name: hw", "tests: {ok_format: false}"),
        text("# Homework"),
        code("import numpy as np"),
        mark("# BEGIN QUESTION", "name: q1", "points: 3", "manual: false"),
        text("Square a number."),
        mark("# BEGIN SOLUTION"),
        code(
            "def square(x):\n    '''Its square.'''\n    return x ** 2 # SOLUTION\n\ndef helper():\n    return 1\n"
            'limit = 7 # SOLUTION\n""" # BEGIN PROMPT\nlimit = ...\n"""; # END PROMPT\n'
            "np.random.seed(1) # SEED\nprint(1) # IGNORE"
        ),
        mark("# END SOLUTION"),
        mark("# BEGIN TESTS"),
        code("def test_one(square):\n    assert square(3) == 9"),
        code(
            '""" # BEGIN TEST CONFIG\nhidden: true\npoints: 2\nfailure_message: "Try halves."\n""" # END TEST CONFIG\n'
            "assert square(0.5) == 0.25"
        ),
        code("# HIDDEN\nassert square(2) > 3"),
        mark("# END TESTS"),
        mark("# END QUESTION"),
        mark("# BEGIN QUESTION", "name: q2", "points: {each: 2}"),
        mark("# BEGIN SOLUTION"),
        code("# BEGIN SOLUTION\ndef double(a):\n    return 2 * a\n# END SOLUTION"),
        mark("# END SOLUTION"),
        mark("# BEGIN TESTS"),
        code("assert limit == 7"),
        code("np.testing.assert_allclose(double(np.ones(2)), [2, 2])"),
        mark("# END TESTS"),
        mark("# END QUESTION"),
        mark("# BEGIN QUESTION", "name: q3", "manual: true"),
        mark("# BEGIN SOLUTION"),
        text("Because."),
        mark("# END SOLUTION"),
        mark("# END QUESTION"),
    ]


@pytest.mark.parametrize("mark", [raw, fenced])
def test_a_master_of_otter_is_read_in_both_of_its_forms(mark):
    found = read_otter(otter_cells(mark))
    assert [(task.name, task.points, len(task.tests)) for task in found.tasks] == [
        ("q1", 3.0, 3),
        ("q2", [2.0, 2.0], 2),
        ("q3", None, 0),
    ]
    q1, *_ = found.tasks
    assert [(t.hidden, t.points, t.hint) for t in q1.tests] == [
        (False, None, ""),
        (True, 2.0, "Try halves."),
        (True, None, ""),
    ]
    reasons = [todo.reason for todo in found.todos]
    assert "a prompt of its own is replaced by our stub" in reasons
    assert "a line that seeds is kept as it is; checks draw inputs of their own" in reasons
    assert "question q3: `manual` has no counterpart here" in reasons
    assert "an answer in words is not graded here" in reasons
    (solution,) = (p.source for p in found.parts if "square" in p.source and p.kind == "code")
    assert "print(1)" not in solution
    assert "PROMPT" not in solution


def nbgrader(**told: Any) -> dict[str, Any]:
    return {
        "nbgrader": {"schema_version": 3, "locked": False, "grade": False, "solution": False, "task": False, **told}
    }


NBGRADER = [
    text("# Homework"),
    code("import numpy as np"),
    code(
        "def squares(n):\n    '''The first squares.'''\n    ### BEGIN SOLUTION\n"
        "    return [i ** 2 for i in range(1, n + 1)]\n    ### END SOLUTION",
        **nbgrader(solution=True, grade_id="squares"),
    ),
    code(
        "top = 3\nassert squares(top) == [1, 4, 9]\n"
        "### BEGIN HIDDEN TESTS\nassert squares(1) == [1]\n### END HIDDEN TESTS",
        **nbgrader(grade=True, locked=True, points=2, grade_id="test_squares"),
    ),
    code("assert sum(squares(2)) == 5", **nbgrader(grade=True, locked=True, points=1, grade_id="test_sum")),
    text("Why?", **nbgrader(grade=True, solution=True, points=4, grade_id="why")),
    code("plot()", **nbgrader(grade=True, solution=True, points=3, grade_id="plot")),
]


def test_a_source_notebook_of_nbgrader_is_read():
    found = read_nbgrader(NBGRADER)
    assert [(task.name, task.points, [t.hidden for t in task.tests]) for task in found.tasks] == [
        ("test_squares", 2.0, [False, True]),
        ("test_sum", 1.0, [False]),
    ]
    assert [todo.cell for todo in found.todos] == [6, 7]


def run(origin: str, cells: list[dict[str, Any]], folder: Path, name: str = "hw.ipynb") -> tuple[int, str]:
    notebook = folder / name
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook.write_text(json.dumps(document), encoding="utf-8")
    done = CliRunner().invoke(app, ["import", origin, str(notebook), "--out", str(folder / "course")])
    return done.exit_code, done.output


def test_an_assignment_of_otter_works_at_once_and_the_rest_is_listed(tmp_path):
    exit_code, said = run("otter", otter_cells(raw), tmp_path)
    assert exit_code == 0, said
    assignment = load_assignment(tmp_path / "course", "hw")
    assert {q.name: (q.hundredths, q.kind) for q in assignment.questions} == {
        "square": (250, "np"),
        "limit": (200, "value"),
        "double": (200, "np"),
    }
    square = assignment.question("square")
    assert [(c.public, c.hundredths, c.hint) for c in square.checks] == [(True, 50, ""), (False, 200, "Try halves.")]
    assert [c.hundredths for c in assignment.question("double").checks] == [0, 200]
    students = "\n".join(stub_cells(assignment))
    assert "x ** 2" not in students
    assert "2 * a" not in students
    assert "limit = 7" not in students
    assert "'''Its square.'''" in students
    todo = (tmp_path / "course" / "solutions" / "hw" / "TODO.md").read_text(encoding="utf-8")
    for line in (
        "Cell 12: q1 (0.5 points): `assert square(2) > 3` is no plain comparison of an answer.",
        "Cell 20: limit: its public test would show the answer; it is a hidden check now.",
        "Cell 21: double: it has one test only, which is a public check and a hidden one now; add inputs.",
        "Cell 7: no check asks for `helper`, so students see it as it is.",
    ):
        assert line in todo
        assert line.partition(": ")[2].rstrip(".") in said


def test_an_assignment_of_nbgrader_works_at_once_and_the_rest_is_listed(tmp_path):
    exit_code, said = run("nbgrader", NBGRADER, tmp_path)
    assert exit_code == 0, said
    (squares,) = load_assignment(tmp_path / "course", "hw").questions
    assert (squares.name, squares.hundredths) == ("squares", 200)
    assert "test_sum (1 points): `assert sum(squares(2)) == 5` is no plain comparison" in said
    assert "code that is graded by hand (3 points)" in said


def test_what_only_the_instructor_may_read_is_listed_or_left_out(tmp_path):
    answer = text("Because seven divides it.", **nbgrader(grade=True, solution=True, points=4, grade_id="why"))
    loose = code("### BEGIN SOLUTION\nprint(6 * 7)\n### END SOLUTION", **nbgrader(solution=True, grade_id="loose"))
    exit_code, said = run("nbgrader", [*NBGRADER[:5], answer, loose], tmp_path)
    assert exit_code == 0, said
    folder = tmp_path / "course" / "solutions" / "hw"
    assert "seven divides" not in (folder / "hw.py").read_text(encoding="utf-8")
    todo = (folder / "TODO.md").read_text(encoding="utf-8")
    assert "Because seven divides it." in todo
    assert "Cell 7: students see these lines of the solution; move or remove them." in todo
    assert "print(6 * 7)" in todo


def test_a_solution_that_does_not_work_is_told(tmp_path):
    broken = json.loads(json.dumps(NBGRADER).replace("i ** 2", "i / 0"))
    exit_code, said = run("nbgrader", broken, tmp_path)
    assert exit_code == 1
    assert "not ready: " in said
    assert "ZeroDivisionError" in said


def test_without_a_test_that_can_be_used_there_is_a_list_only(tmp_path):
    exit_code, said = run("nbgrader", [NBGRADER[2], NBGRADER[4]], tmp_path)
    assert exit_code == 1
    assert "questions with checks: none" in said
    assert "not ready: no test could be used" in said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a notebook that can be read"),
        ("[]", "no list of cells"),
        (json.dumps({"cells": [{"cell_type": "code", "source": 3}]}), "cell 1 has no text"),
        (json.dumps({"cells": [{"cell_type": "code", "source": "", "metadata": []}]}), "or no metadata"),
        (json.dumps({"cells": [raw("# BEGIN TESTS")]}), "TESTS is never ended"),
        (json.dumps({"cells": [raw("# END TESTS")]}), "Cell 1: END TESTS without its begin"),
        (json.dumps({"cells": [raw("# BEGIN QUESTION", "name: q1")]}), "The question of cell 1 is never ended"),
        (
            json.dumps({"cells": [raw("# BEGIN QUESTION", "name: q1"), raw("# BEGIN QUESTION", "name: q2")]}),
            "Cell 2: BEGIN QUESTION before the question of cell 1 ends",
        ),
        (
            json.dumps({"cells": [], "metadata": {"kernelspec": {"language": "R", "name": "ir"}}}),
            "it is written in R. An assignment here is in Python",
        ),
        (json.dumps({"cells": [raw("# BEGIN QUESTION", "a: [")]}), "Cell 1: its settings are not YAML"),
        (json.dumps({"cells": [raw("# BEGIN SOLUTION"), raw("# BEGIN TESTS")]}), "BEGIN TESTS inside of SOLUTION"),
    ],
)
def test_a_notebook_that_cannot_be_read_is_refused_with_a_reason(content, reason, tmp_path):
    (tmp_path / "hw.ipynb").write_text(content, encoding="utf-8")
    done = CliRunner().invoke(app, ["import", "otter", str(tmp_path / "hw.ipynb"), "--out", str(tmp_path)])
    assert done.exit_code == 2, done.output
    assert reason in done.output.replace("\n", " ")


def test_what_is_there_is_not_overwritten(tmp_path):
    assert run("nbgrader", NBGRADER, tmp_path)[0] == 0
    exit_code, said = run("nbgrader", NBGRADER, tmp_path)
    assert exit_code == 2
    assert "is there already" in said.replace("\n", " ")


def imported(origin: str, cells: list[dict[str, Any]], folder: Path) -> tuple[str, str, str]:
    """What an import that works says, its master, and the code that students get."""
    exit_code, said = run(origin, cells, folder)
    assert exit_code == 0, said
    master = (folder / "course" / "solutions" / "hw" / "hw.py").read_text(encoding="utf-8")
    return said, master, "\n".join(stub_cells(load_assignment(folder / "course", "hw")))


def solution(source: str) -> dict[str, Any]:
    return code(source, **nbgrader(solution=True, grade_id="s"))


def graded(source: str, points: float = 1) -> dict[str, Any]:
    return code(source, **nbgrader(grade=True, locked=True, points=points, grade_id="t"))


TWO = [graded("assert f(1) == 2"), graded("assert f(2) == 3")]


def test_every_function_of_a_cell_keeps_its_marks_or_gets_some(tmp_path):
    """Also where only one of them has marks: the other's must not go."""
    cell = solution(
        "def f(x):\n    # first\n    ### BEGIN SOLUTION\n    y = x + 1\n    ### END SOLUTION\n    # then\n"
        "    #BEGIN SOLUTION: the end\n    return y\n    #END SOLUTION\n\n"
        'def g(x):\n    """Twice."""\n    # the trick: add\n    return x + x\n    # done\n\n\ndef h(x): return 77 * x'
    )
    tests = [*TWO, graded("assert g(1) == 2"), graded("assert g(2) == 4"), graded("assert h(1) == 77")]
    _, _, students = imported("nbgrader", [code("import numpy as np"), cell, *tests], tmp_path)
    for secret in ("y = x + 1", "return y", "the trick", "x + x", "done", "77"):
        assert secret not in students
    for kept in ("# first", "# then", "Twice.", "def h(x):"):
        assert kept in students


@pytest.mark.parametrize("begin", ["### BEGIN HIDDEN TESTS", "# BEGIN HIDDEN TESTS", "###  BEGIN HIDDEN TESTS  "])
def test_hidden_tests_stay_hidden_however_their_mark_is_written(begin):
    end = begin.replace("BEGIN", "END")
    (task,) = read_nbgrader([graded(f"assert f(1) == 2\n{begin}\nassert f(77) == 78\n{end}")]).tasks
    assert [(test.hidden, "77" in test.source) for test in task.tests] == [(False, False), (True, True)]


def test_what_only_graders_may_read_is_left_out(tmp_path):
    task = text(
        "Draw it.\n=== BEGIN MARK SCHEME ===\nA point for the axes.\n=== END MARK SCHEME ===",
        **nbgrader(task=True, points=3, grade_id="task"),
    )
    loose = code("a = 1\n### BEGIN HIDDEN TESTS\nassert a == 1\n### END HIDDEN TESTS")
    no_solution = code("### BEGIN SOLUTION\nb = 2\n### END SOLUTION")
    function = solution("def f(x):\n    return x + 1")
    said, master, _ = imported("nbgrader", [task, loose, no_solution, function, *TWO], tmp_path)
    assert "Draw it." in master
    assert "axes" not in master
    assert "assert a" not in master
    assert "BEGIN" not in master.replace("# BEGIN SOLUTION", "", 1)
    for line in (
        "cell 1: a task or an answer in words (3 points) is graded by hand",
        "cell 2: hidden tests or a scheme of marks outside of a test are left out",
        "cell 3: marks of a solution in a cell that is none: students see what is between",
    ):
        assert line in said


@pytest.mark.parametrize("what", ["HIDDEN TESTS", "MARK SCHEME"])
def test_a_mark_of_nbgrader_without_its_end_is_refused(what):
    with pytest.raises(UsageError, match=f"Cell 1: BEGIN {what} without its end"):
        read_nbgrader([code(f"### BEGIN {what}\npass")])


def test_magics_and_lines_that_look_like_cells_do_no_harm(tmp_path):
    cells = [
        text("Sums\n\n%% are not cells"),
        code("%matplotlib inline\n!true\n# %% a section\nimport numpy as np"),
        code("%%html\n<b>bold</b>"),
        solution("%%time\ndef f(x):\n    return x + 1"),
        *TWO,
    ]
    said, _, students = imported("nbgrader", cells, tmp_path)
    assert "%matplotlib inline\n!true\n# % a section\nimport numpy as np" in students
    assert students.count("%%") == 1
    assert "%%time\ndef f(x):" in students
    assert "cell 3: it is not Python, so it is left out" in said
    for number in (1, 2):
        assert f"cell {number}: a line that would begin a cell in a master begins with % instead of %% now" in said


def test_what_a_cell_of_ours_cannot_hold_is_listed(tmp_path):
    pictured = text("![a](attachment:a.png)") | {"attachments": {"a.png": {"image/png": ""}}}
    said, *_ = imported("nbgrader", [pictured, raw("raw"), solution("def f(x):\n    return x + 1"), *TWO], tmp_path)
    assert "cell 1: pictures that are kept inside of the notebook are left out (a.png)" in said
    assert "cell 2: a raw cell is left out" in said


def test_points_of_thirds_add_up(tmp_path):
    cells = [
        solution("def f(x):\n    return x + 1\n\ndef g(x):\n    return x\n\ndef h(x):\n    return x"),
        graded("assert f(1) == 2\n# BEGIN HIDDEN TESTS\nassert f(2) == 3\n# END HIDDEN TESTS"),
        graded("assert f(1) == 2\nassert g(1) == 1\nassert h(1) == 1"),
        graded("assert f(3) == 4\n# BEGIN HIDDEN TESTS\nf(4) == 5\n# END HIDDEN TESTS\n"
               "# BEGIN HIDDEN TESTS\nassert f(5) == 6\n# END HIDDEN TESTS"),
    ]  # fmt: skip
    said, *_ = imported("nbgrader", cells, tmp_path)
    assignment = load_assignment(tmp_path / "course", "hw")
    assert sum(question.hundredths for question in assignment.questions) == 300
    assert "t: its 1 points are shared out between f, g, h" in said


def test_a_test_that_needs_the_notebook_is_listed_and_the_others_work(tmp_path):
    cells = [
        code("data = [1, 2]\nvalue = 3"),
        solution("def f(x):\n    return x + 1\n\nvalue = 4\nspare = 5\nlong = [\n    1,\n]\ntyped: int = 66"),
        *TWO,
        graded("assert f(data[0]) == 2"),
        graded("assert value == 4"),
        graded("assert spare == 5", points=0),
        graded("assert long == [1]"),
        graded("assert typed == 66"),
    ]
    said, _, students = imported("nbgrader", cells, tmp_path)
    for line in (
        "cell 5: t (1 points): its inputs cannot be made without the notebook (NameError: name 'data' is not defined)",
        "cell 6: t (1 points): `value` is a name that checks.py needs itself: choose another one",
        "cell 7: spare: its tests give no points, and a question here has some, so it is none",
        "cell 2: `spare` is no question, so students see its value",
    ):
        assert line in said
    assert {q.name for q in load_assignment(tmp_path / "course", "hw").questions} == {"f", "long", "typed"}
    assert "long = ..." in students
    assert "66" not in students


def test_a_public_check_that_students_cannot_have_is_told(tmp_path):
    """`build` would refuse it."""
    cells = [solution("def f(x):\n    return {x}"), graded("assert f(1) == {1}"), graded("assert f(2) == {2}")]
    exit_code, said = run("nbgrader", cells, tmp_path)
    assert exit_code == 1
    assert "a value of type set in it, which a test file cannot hold" in said


def test_points_of_old_notebooks_are_texts():
    cell = graded("assert f(1) == 2")
    cell["metadata"]["nbgrader"]["points"] = "2.5"
    assert read_nbgrader([cell]).tasks[0].points == 2.5


def test_marks_of_otter_are_read_as_otter_reads_them(tmp_path):
    cells = [
        code("# IGNORE\nprint('for colleagues')"),
        text("## Ignore ##\nFor colleagues, too."),
        text(
            "# Part 1\n\n```otter\n# BEGIN QUESTION\nname: q1\npoints: [1, 2]\n```\n\n"
            "Square it.\nNot this. # IGNORE\n\n```otter\n# Begin Prompt\n```"
        ),
        code("def square(x): ..."),
        fenced("# end prompt"),
        raw("# begin solution (short)"),
        code("def square(x):\n    return x ** 2 # SOLUTION"),
        text("```otter\n# END SOLUTION\n```\n```otter\n# BEGIN TESTS\n```"),
        code("square(3) == 9 # not hidden"),
        code("# a hidden test\nsquare(123) == 15129"),
        text("```otter\n# END TESTS\n```\n\n```otter\n# END QUESTION\n```\n\nGood."),
        code("secret = 3 # SOLUTION"),
        raw("# EXPORT"),
    ]
    said, master, students = imported("otter", cells, tmp_path)
    (square,) = load_assignment(tmp_path / "course", "hw").questions
    assert [(check.public, check.hundredths) for check in square.checks] == [(True, 100), (False, 200)]
    assert [word in master for word in ("# # Part 1", "Square it.", "Good.")] == [True] * 3
    for gone in ("colleagues", "Not this", "```", "x ** 2"):
        assert gone not in students
        assert gone not in master.replace("x ** 2", "")
    for line in (
        "cell 4: a prompt of its own is replaced by our stub",
        "cell 12: marks of a solution in a cell that is none: students see what is between",
        "cell 13: a raw cell is left out",
    ):
        assert line in said


def test_points_that_do_not_fit_the_tests_are_told(tmp_path):
    cells = otter_cells(raw)
    cells[3] = raw("# BEGIN QUESTION", "name: q1", "points: [1, 2]")
    said, *_ = imported("otter", cells, tmp_path)
    assert "cell 4: q1: 2 points for 3 tests: the points of its checks are a guess" in said
    assert "cell 1: settings of the assignment have no counterpart here: name, tests" in said


@pytest.mark.parametrize("points", [-1, float("nan"), float("inf"), "two"])
def test_points_that_are_none_are_told(points):
    (todo,) = read_nbgrader([graded("assert f(1) == 2", points)]).todos
    assert todo.reason.startswith("t: its points are no number from 0 (")
    for cells in (
        [raw("# BEGIN QUESTION", "name: q", f"points: {json.dumps(points)}"), raw("# END QUESTION")],
        [raw("# BEGIN QUESTION", "name: q", f"points: {{each: {json.dumps(points)}}}"), raw("# END QUESTION")],
    ):
        reasons = [todo.reason for todo in read_otter(cells).todos]
        assert any("its points are no number from 0 (" in reason for reason in reasons)


def test_a_test_that_ends_the_program_and_marks_that_do_not_pair_are_told(tmp_path):
    unpaired = solution("def f(x):\n    ### END SOLUTION\n    return x + 1\n    ### BEGIN SOLUTION")
    said, _, students = imported("nbgrader", [unpaired, *TWO, graded("exit()\nassert f(3) == 4")], tmp_path)
    assert "cell 1: its marks do not pair, so functions are hidden as a whole" in said
    assert "x + 1" not in students
    assert "cell 4: t (1 points): its inputs cannot be made without the notebook (SystemExit: " in said


def test_half_a_character_is_refused(tmp_path):
    (tmp_path / "hw.ipynb").write_text(json.dumps({"cells": [code("x = '\ud800'")]}), encoding="utf-8")
    done = CliRunner().invoke(app, ["import", "nbgrader", str(tmp_path / "hw.ipynb"), "--out", str(tmp_path)])
    assert done.exit_code == 2, done.output
    assert "cell 1 holds half a character" in done.output.replace("\n", " ")
