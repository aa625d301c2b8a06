"""Solution and stubs share their cells; the notebook is valid, the same on every build, without solutions."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from textwrap import dedent

import nbformat
import pytest

from autograder.course.load import assignment_names, load_assignment
from autograder.course.marks import MasterText
from autograder.course.master import solution_cells, stub_cells, student_notebook
from autograder.course.model import Assignment

ROOT = Path(__file__).resolve().parents[2]

HEADER = "import numpy as np\nfrom autograder.course import *\n\n"

MASTER = '''\
# ---
# jupyter:
#   kernelspec:
#     name: whatever
# ---
"""A docstring for readers of the master."""

# %% [markdown]
# # Statement
#
# The mark `# BEGIN SOLUTION` in a text is only text.

# %%
import functools

# %% tags=["given"]
def given(x):
    return x + 1  # stays

# %%
@functools.lru_cache(maxsize=None)
def double(x: float, *, by: float = 2.0) -> float:
    """Twice x.

    Even for # %% odd ones, "quoted".
    """
    # A hint that stays.
    # BEGIN SOLUTION
    secret_product = x * by
    # a secret comment

    return secret_product
    # END SOLUTION


# %%
class Counter:
    """Counts."""

    step: int = 1

    def __init__(self, start=0):
        """Begin at start."""
        # BEGIN SOLUTION
        self.secret_count = start
        # END SOLUTION

    # BEGIN SOLUTION
    secret_constant = 3

    @property
    def now(self):  # secret remark
        # secret lead
        """The count."""
        return self.secret_count

    def up(
        self,
        by: dict = {"a": (lambda x: x)},
    ) -> "Counter": return self

    def down(self): """Down."""; return self.secret_count
    # END SOLUTION

    def given_method(self):
        return self.step


# %% [markdown]
# Choose.

# %%
best: str = "b"  # SOLUTION
shape = (
    3,
    4,
)  # SOLUTION
'''  # fmt: skip

CHECKS = HEADER + dedent("""\
    counter = question("Counter", points=1)
    double = question("double", points=6)
    best = question("best", points=1, kind="value")
    shape = question("shape", points=0.5, kind="value", extra=True)

    @double.check("public", public=True)
    @double.check("hidden")
    def _(rng):
        return call(3.0)

    @counter.check("public", public=True)
    @counter.check("hidden")
    def _(rng):
        return steps(call(), do("up"))

    @best.check("letter")
    @shape.check("shape")
    def _(rng):
        return value()
    """)


@pytest.fixture
def assignment(course) -> Assignment:
    return course.load(MASTER, CHECKS)


def notebook(assignment: Assignment) -> nbformat.NotebookNode:
    return nbformat.reads(student_notebook(assignment), as_version=4)


def test_the_notebook_is_valid(assignment: Assignment):
    text = student_notebook(assignment)
    nbformat.validate(json.loads(text), version=4, version_minor=5)
    made = notebook(assignment)
    assert made.metadata.autograder == {"assignment": "hw", "schema": 1}
    assert made.metadata.kernelspec.name == "python3"
    assert len({cell.id for cell in made.cells}) == len(made.cells)
    assert all(cell.outputs == [] for cell in made.cells if cell.cell_type == "code")


def test_two_builds_give_the_same_bytes(course, assignment: Assignment):
    assert student_notebook(assignment) == student_notebook(load_assignment(course.folder, "hw"))


def test_a_cell_keeps_its_id_when_another_one_changes(course):
    before = notebook(course.load(MASTER, CHECKS))
    after = notebook(course.load(MASTER.replace("return x + 1", "return x + 2"), CHECKS))
    changed = [a.id for a, b in zip(before.cells, after.cells, strict=True) if a.id != b.id]
    assert len(changed) == 1


def test_cells_come_in_order_with_a_check_after_each_question(assignment: Assignment):
    firsts = [(c.cell_type, c.source.splitlines()[0]) for c in notebook(assignment).cells]
    assert firsts == [
        ("markdown", "# Statement"),
        ("code", "try:"),
        ("code", "import functools"),
        ("code", "def given(x):"),
        ("code", "@functools.lru_cache(maxsize=None)"),
        ("code", 'grader.check("double")  # 6 points'),
        ("code", "class Counter:"),
        ("code", 'grader.check("Counter")  # 1 point'),
        ("markdown", "Choose."),
        ("code", "best: str = ...  # YOUR ANSWER HERE"),
        ("code", 'grader.check("best")  # 1 point'),
        ("code", 'grader.check("shape")  # 0.5 points, extra credit'),
        ("markdown", "## Check everything and hand in"),
        ("code", "grader.check_all()"),
    ]


def test_cells_that_were_added_are_locked_and_those_of_students_are_not(
    assignment: Assignment,
):
    for cell in notebook(assignment).cells:
        if cell.cell_type == "code":
            added = "grader" in cell.source
            assert cell.metadata.get("editable", True) is not added, cell.source


def test_solution_and_stub_differ_in_the_cells_of_questions_only(assignment: Assignment):
    solution, stub = solution_cells(assignment), stub_cells(assignment)
    assert len(solution) == len(stub)
    differ = [a.splitlines()[0] for a, b in zip(solution, stub, strict=True) if a != b]
    assert differ == ["@functools.lru_cache(maxsize=None)", "class Counter:", 'best: str = "b"']


def test_stub_cells_are_the_code_cells_of_the_notebook(assignment: Assignment):
    cells = [c.source for c in notebook(assignment).cells if c.cell_type == "code"]
    assert stub_cells(assignment) == tuple(cells)


def test_the_stub_reads_as_a_student_should_see_it(assignment: Assignment):
    stub = stub_cells(assignment)
    assert stub[3] == dedent('''\
        @functools.lru_cache(maxsize=None)
        def double(x: float, *, by: float = 2.0) -> float:
            """Twice x.

            Even for # %% odd ones, "quoted".
            """
            # A hint that stays.
            # YOUR CODE HERE
            raise NotImplementedError("double is not written yet")''')
    assert stub[5] == dedent('''\
        class Counter:
            """Counts."""

            step: int = 1

            def __init__(self, start=0):
                """Begin at start."""
                # YOUR CODE HERE
                raise NotImplementedError("Counter.__init__ is not written yet")

            @property
            def now(self):
                """The count."""
                # YOUR CODE HERE
                raise NotImplementedError("Counter.now is not written yet")

            def up(
                self,
                by: dict = {"a": (lambda x: x)},
            ) -> "Counter":
                # YOUR CODE HERE
                raise NotImplementedError("Counter.up is not written yet")

            def down(self):
                """Down."""
                # YOUR CODE HERE
                raise NotImplementedError("Counter.down is not written yet")

            def given_method(self):
                return self.step''')
    assert stub[7] == "best: str = ...  # YOUR ANSWER HERE\nshape = ...  # YOUR ANSWER HERE"


def test_no_solution_is_left_in_the_notebook(assignment: Assignment):
    text = student_notebook(assignment)
    assert "secret" not in text
    assert '"b"' not in json.loads(text)["cells"][-5]["source"][0]
    assert not any("SOLUTION" in cell for cell in stub_cells(assignment))


def test_the_solution_runs_and_has_no_marks(assignment: Assignment, run_cells):
    names = run_cells(solution_cells(assignment))
    assert names["double"](4.0) == 8.0
    assert (names["best"], names["shape"]) == ("b", (3, 4))
    assert names["Counter"](5).now == 5
    assert not any("SOLUTION" in cell for cell in solution_cells(assignment))


def test_stubs_say_that_they_are_not_written(assignment: Assignment, run_cells):
    names = run_cells(stub_cells(assignment))
    with pytest.raises(NotImplementedError, match=r"^double is not written yet$"):
        names["double"](1.0)
    with pytest.raises(NotImplementedError, match=r"^Counter\.__init__ is not written yet$"):
        names["Counter"]()
    assert names["best"] is ...
    assert names["given"](1) == 2


def test_the_first_cell_works_without_otter(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(__import__("sys").modules, "otter", None)  # makes the import fail
    names: dict[str, object] = {}
    exec(stub_cells(assignment)[0], names)
    exec('grader.check("double")\ngrader.check_all()', names)
    assert capsys.readouterr().out.count("pip install otter-grader") == 2


def test_a_magic_stays_a_magic(course):
    assignment = course.load(MASTER.replace("import functools", "# %matplotlib inline\nimport functools"), CHECKS)
    assert solution_cells(assignment)[1].startswith("%matplotlib inline")


def test_variables_of_plots_may_be_used_again(course):
    plots = "# %%\nfig = [best for best in 'ab']\n\n# %%\nfig = 2\nfor _ in (): pass\n\n# %% [markdown]\n# Choose."
    course.load(MASTER.replace("# %% [markdown]\n# Choose.", plots), CHECKS)


def all_assignments() -> list[Assignment]:
    return [load_assignment(ROOT, name) for name in assignment_names(ROOT)]


@pytest.mark.parametrize("name", assignment_names(ROOT))
def test_every_assignment_of_the_course(name: str):
    assignment = load_assignment(ROOT, name)
    text = student_notebook(assignment)
    nbformat.validate(json.loads(text), version=4, version_minor=5)
    assert text == student_notebook(assignment)
    assert text.count("# YOUR CODE HERE") + text.count("# YOUR ANSWER HERE") >= len(assignment.questions)
    cells = list(zip(stub_cells(assignment), solution_cells(assignment), strict=True))
    given = {line.strip() for stub, solution in cells if stub == solution for line in stub.splitlines()}
    for stub, solution in cells:
        assert _surfaces(stub) == _surfaces(solution)
    for line in _solution_lines(assignment):
        # Short lines also stand in given code; a telling one must not, unless it is given too.
        assert json.dumps(line, ensure_ascii=False)[1:-1] not in text or line in given, line


def _surfaces(cell: str) -> list[str]:
    if cell.lstrip().startswith("%"):
        return []
    # What a function defines inside is part of its answer.
    body = ast.parse(cell).body
    body += [inner for node in body if isinstance(node, ast.ClassDef) for inner in node.body]
    found = []
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.append(ast.unparse(node.args))
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            decorators = [ast.unparse(d) for d in node.decorator_list]
            found.append(f"{node.name} {decorators} {ast.get_docstring(node)}")
    return found


def _solution_lines(assignment: Assignment) -> list[str]:
    master = MasterText(assignment)
    inside = [n for r in master.regions for n in range(r.begin + 1, r.end)] + master.inline
    lines = [master.lines[n - 1].strip() for n in inside]
    # A method that lies inside as a whole keeps its signature and docstring.
    return [line for line in lines if len(line) > 30 and not line.startswith(("def ", "@", '"""'))]
