"""Every mistake an author can make is told with file, line, what and what to do."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from autograder.course.draw import PUBLIC_SEED, check_rng, draw, probes_of
from autograder.course.load import assignment_names, find_course, load_assignment, load_course
from autograder.course.master import solution_cells
from autograder.course.probes import Call
from autograder.errors import CourseError, UsageError

HEADER = "import numpy as np\nfrom autograder.course import *\n\n"

MASTER = '''\
# %% [markdown]
# # Statement

# %%
import numpy as np

# %%
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION

# %%
best = "b"  # SOLUTION
'''

CHECKS = HEADER + dedent("""\
    double = question("double", points=3)

    @double.check("small numbers", public=True)
    def _(rng):
        return call(x=rng.normal(size=3))

    @double.check("more numbers", hint="Twice?")
    def _(rng):
        return [call_twice(x=rng.normal(size=(2, 2))), call(np.array([1]))]

    @double.mistake("triples", hint="Twice?")
    def _(x):
        return 3 * x

    best = question("best", points=0.25, kind="value", extra=True)

    @best.check("the best letter")
    def _(rng):
        return value()
    """)


def edited(text: str, old: str, new: str) -> str:
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


def test_a_sound_assignment_is_loaded_as_frozen_data(course):
    assignment = course.load(MASTER, CHECKS)
    double, best = assignment.questions
    assert [c.hundredths for c in double.checks] == [150, 150]
    assert (best.hundredths, best.extra, best.kind) == (25, True, "value")
    assert double.mistakes[0].source == "def double(x):\n    return 3 * x"
    assert double.where == "solutions/hw/checks.py:4"
    assert double.checks[1].where == "solutions/hw/checks.py:10"
    assert assignment.question("best") is best


def test_loading_leaves_nothing_behind(course):
    modules = set(sys.modules)
    course.load(MASTER, CHECKS)
    assert set(sys.modules) == modules
    assert not list(course.folder.rglob("__pycache__"))


def test_a_changed_file_of_the_same_size_is_read_again(course):
    course.load(MASTER, CHECKS)
    changed = course.load(MASTER, edited(CHECKS, "return 3 * x", "return 4 * x"))
    assert "4 * x" in changed.questions[0].mistakes[0].source


def test_equal_shares_that_do_not_divide_add_up(course):
    third = '@double.check("a third", hint="?")\ndef _(rng):\n    return call(x=1.0)\n\n@double.mistake'
    checks = edited(edited(CHECKS, "points=3", "points=1"), "@double.mistake", third)
    question = course.load(MASTER, checks).questions[0]
    assert [c.hundredths for c in question.checks] == [34, 33, 33]


CHECKS_ERRORS = {
    "syntax error": ("double = question", "double = = question", r"checks.py:4: this is not Python"),
    "import error": ("import numpy as np", "import nunpy", r"checks.py:1: .*No module named 'nunpy'"),
    "runtime error": ("double = q", "1 / 0\ndouble = q", r"checks.py:4: .*ZeroDivisionError: division"),
    "exit": ("double = q", "raise SystemExit(3)\ndouble = q", r"checks.py:4: .*SystemExit: 3"),
    "no questions": (CHECKS[len(HEADER) :], "", r"checks.py:1: it declares no question"),
    "name is no identifier": ('question("double"', 'question("2x"', r"checks.py:4: '2x' cannot be"),
    "name is a keyword": ('question("double"', 'question("lambda"', r"'lambda' cannot be a question"),
    "reserved name": ('question("double"', 'question("env"', r"'env' .* for something else"),
    "private name": ('question("double"', 'question("_double"', r"'_double' .* for something else"),
    "unknown kind": ("points=3", 'points=3, kind="jax"', r"kind 'jax'. Choose one of 'np', 'torch'"),
    "same question twice": ('question("best"', 'question("double"', r"already declared at .*py:4"),
    "no points": ("points=3", "points=0", r"'double' has 0 points"),
    "negative points": ("points=3", "points=-1", r"points=-1\. Points are 0 or more"),
    "three decimals": ("points=3", "points=1.125", r"points=1.125.*at most two decimals"),
    "points are no number": ("points=3", 'points="3"', r"points='3'"),
    "points are nan": ("points=3", 'points=float("nan")', r"points=nan"),
    "points are a truth value": ("points=3", "points=True", r"points=True"),
    "checks exceed the question": ('hint="Twice?")\ndef _(rng', "points=4)\ndef _(rng", r"add up to 4 .* has 3"),
    "check points negative": (
        'hint="Twice?")\ndef _(rng',
        "points=-4)\ndef _(rng",
        r"check 'more numbers' has points=-4",
    ),
    "nothing left to share": ('hint="Twice?")\ndef _(rng', "points=3)\ndef _(rng", r"leave nothing for the others"),
    "no check": ('@best.check("the best letter")\n', "", r"'best' has no check\. Add .*@best.check"),
    "same title twice": ('"more numbers"', '"small numbers"', r"another check 'small numbers', at .*py:6"),
    "empty title": ('"more numbers"', '" "', r"checks.py:10: the title .* is empty"),
    "title of two lines": ('"more numbers"', r'"more\nnumbers"', r"more than one line"),
    "hint of two lines": (
        'hint="Twice?")\ndef _(rng',
        r'hint="a\nb")' + "\ndef _(rng",
        r"the hint .* more than one line",
    ),
    "no hidden check": ('"more numbers"', '"more numbers", public=True', r"'double' has no hidden check"),
    "no public check": (", public=True", "", r"'double' has no public check"),
    "public value": ('"the best letter"', '"the best letter", public=True', r"would print the answer of"),
    "draw returns nothing": ("return call(x=rng.normal(size=3))", "call(x=1)", r"'small numbers' returns nothing"),
    "draw returns no probe": ("return call(x=rng.normal(size=3))", "return 3", r"returns a int, which is no probe"),
    "draw returns an empty list": ("return call(x=rng.normal(size=3))", "return []", r"returns no probe at all"),
    "draw raises": ("return call(x=rng.normal(size=3))", "return rng.norml()", r"raised AttributeError .*\(line 8\)"),
    "verb does not fit": ("return value()", "return call(1)", r"asks call\(...\) of 'best', whose kind is 'value'"),
    "gradient of a NumPy question": (
        "return call(x=rng.normal(size=3))",
        "return gradient(x=tensor([1.0]))",
        r"asks gradient.*'double'.*Use call\(...\), steps\(...\)",
    ),
    "input that cannot travel": (
        "call(np.array([1]))",
        "call(object())",
        r"args\[0\] is a builtins.object, which cannot",
    ),
    "array of objects": ("call(np.array([1]))", "call(np.array([None]))", r"args\[0\] is an array of object"),
    "tolerance without a reason": (
        'hint="Twice?")\ndef _(rng',
        'tolerance=Tolerance("", 1e-3))\ndef _(rng',
        r"tolerance without a reason",
    ),
    "negative tolerance": (
        'hint="Twice?")\ndef _(rng',
        'tolerance=Tolerance("why", -1e-3))\ndef _(rng',
        r"relative=-0.001",
    ),
    "infinite tolerance": (
        'hint="Twice?")\ndef _(rng',
        'tolerance=Tolerance("why", absolute=np.inf))\ndef _(rng',
        r"absolute=inf",
    ),
    "tolerance is a number": ('hint="Twice?")\ndef _(rng', "tolerance=1e-3)\ndef _(rng", r"tolerance=0.001. Write"),
    "same mistake twice": (
        "best = question",
        '@double.equivalent("triples")\ndef _(x):\n    return x + x\n\nbest = question',
        r"another mistake or equivalent 'triples'",
    ),
    "mistake without a hint": (
        '"triples", hint="Twice?"',
        '"triples", hint=""',
        r"the hint of mistake 'triples' is empty",
    ),
    "mistake without a name": ('"triples"', '""', r"the name of a mistake .* is empty"),
    "mistake without a body": ("return 3 * x", '"""Triples."""', r"'triples' has an empty body"),
    "mistake with other parameters": ("def _(x):\n", "def _(y):\n", r"takes \(y\), the reference takes \(x\)"),
    "no hidden check looks at inputs": (
        "call_twice(x=",
        "call(x=",
        r"checks.py:4: question 'double': no hidden check sees whether .* writes to its inputs\. Use call_twice",
    ),
    "wrong value without a hint": (
        "return value()\n",
        'return value()\n\nbest.wrong("a", "first letter", hint="")\n',
        r"checks.py:24: the hint of mistake 'first letter' is empty",
    ),
    "same wrong value twice": (
        "return value()\n",
        'return value()\n\nfor a in "ac":\n    best.wrong(a, "other letter", hint="?")\n',
        r"checks.py:25: question 'best' has another mistake or equivalent 'other letter'",
    ),
    "wrong value that cannot be written": (
        "return value()\n",
        'return value()\n\nbest.wrong(object(), "an object", hint="?")\n',
        r"checks.py:24: the wrong answer 'an object' of best cannot be written out",
    ),
    "wrong value of a function": (
        "return value()\n",
        'return value()\n\ndouble.wrong(3, "a number", hint="?")\n',
        r"checks.py:24: double is no value question",
    ),
    "mistake as text that is not Python": (
        "return value()\n",
        'return value()\n\ndouble.mistake_text("typo", "double = = 3", hint="?")\n',
        r"checks.py:24: the text of 'typo' is not Python",
    ),
    "mistake as text for another name": (
        "return value()\n",
        'return value()\n\ndouble.mistake_text("typo", "dubble = 3", hint="?")\n',
        r"checks.py:24: 'typo' does not define 'double'",
    ),
    "mistake that makes nothing": (
        "def _(x):\n    return 3 * x",
        "def _():\n    ...",
        r"'triples' has an empty body",
    ),
    "question from elsewhere": (
        "double = question",
        "from autograder.course.model import QuestionBuilder\n"
        'stray = QuestionBuilder("stray", 1, "np", False, "other.py:1")\ndouble = question',
        r"'stray' was declared elsewhere \(other.py:1\)",
    ),
    "two classes of one name": (
        "best = question",
        "class Wrong: pass\nclass Wrong: pass\nbest = question",
        r"checks.py:19: class Wrong is already defined in line 18",
    ),
    "not in the master": (
        'question("double"',
        'question("doubl"',
        r"'doubl' is not defined by .*hw.py. It defines 'double'",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), CHECKS_ERRORS.values(), ids=CHECKS_ERRORS)
def test_an_error_in_the_checks_is_told(course, old: str, new: str, message: str):
    with pytest.raises(CourseError, match=message) as caught:
        course.load(MASTER, edited(CHECKS, old, new))
    assert str(caught.value).startswith("solutions/hw/checks.py")
    assert str(course.folder) not in str(caught.value)


TRIPLES = '@double.mistake("triples", hint="Twice?")\ndef _(x):\n    return 3 * x'
LAMBDAS = {
    "mistake": 'double.mistake("triples", hint="Twice?")(lambda x: 3 * x)',
    "equivalent": 'double.equivalent("triples")(lambda x: 3 * x)',
}


@pytest.mark.parametrize("variant", LAMBDAS.values(), ids=LAMBDAS)
def test_a_variant_written_as_lambda_is_told(course, variant: str):
    with pytest.raises(CourseError, match=r"double must be written with def or class") as caught:
        course.load(MASTER, edited(CHECKS, TRIPLES, variant))
    assert str(caught.value).startswith("solutions/hw/checks.py:14: ")


def test_a_variant_written_as_lambda_is_told_without_the_folder_of_the_course(course):
    with pytest.raises(CourseError) as caught:
        course.load(MASTER, edited(CHECKS, TRIPLES, LAMBDAS["mistake"]))
    assert str(course.folder) not in str(caught.value)


HIDDEN = "return [call_twice(x=rng.normal(size=(2, 2))), call(np.array([1]))]"
TORCH = ("points=3", 'points=3, kind="torch"')
#: What hidden checks may ask without or with a look at the inputs, and whether that is refused.
LOOKS = {
    "array": ("return call(x=np.ones(2))", True),
    "array by position": ("return call(np.ones(2))", True),
    "array in a list": ("return call(x=[1.0, np.ones(2)])", True),
    "tensor": ("return call(x=tensor([1.0]))", True),
    "one among several": ("return [call(x=np.ones(2)), call_twice(x=np.ones(3))]", False),
    "twice, with another input": ("return [call(x=np.ones(2)), call_twice(x=2.0)]", True),
    "no arrays": ('return [call(x=2.0), call(x=[1, 2]), call(x="text")]', False),
    "gradients only": ("return gradient(x=tensor([1.0]))", False),
    "objects only": ('return steps(call(np.ones(2)), do("step", np.ones(2)))', False),
    "calls beside gradients": ("return [gradient(x=tensor([1.0])), call(x=tensor([1.0]))]", True),
}


@pytest.mark.parametrize(("hidden", "refused"), LOOKS.values(), ids=LOOKS)
def test_one_hidden_check_looks_at_the_inputs(course, hidden: str, refused: bool):
    checks = edited(edited(CHECKS, HIDDEN, hidden), *TORCH)
    if not refused:
        course.load(MASTER, checks)
        return
    with pytest.raises(CourseError, match=r"^solutions/hw/checks.py:4: question 'double': .*Use call_twice\(\.\.\.\)"):
        course.load(MASTER, checks)


def test_a_public_check_that_looks_at_the_inputs_is_not_enough(course):
    checks = edited(edited(CHECKS, HIDDEN, "return call(x=np.ones(2))"), "return call(x=", "return call_twice(x=")
    with pytest.raises(CourseError, match="no hidden check sees"):
        course.load(MASTER, checks)


def test_any_hidden_check_may_be_the_one_that_looks_at_the_inputs(course):
    third = '@double.check("twice")\ndef _(rng):\n    return call_twice(x=rng.normal(size=4))\n\n@double.mistake'
    checks = edited(edited(CHECKS, HIDDEN, "return call(x=np.ones(2))"), "@double.mistake", third)
    course.load(MASTER, checks)


@pytest.mark.parametrize("answer", ["a", 3, 0.1, None, (3, 4), ["it's", 'a "quote"'], {"a": True}])
def test_a_wrong_value_becomes_a_cell(course, run_cells, answer: object):
    assignment = course.load(MASTER, CHECKS + f'\nbest.wrong({answer!r}, "another", hint="Look again.")\n')
    (wrong,) = assignment.question("best").mistakes
    assert (wrong.name, wrong.hint, wrong.where) == ("another", "Look again.", "solutions/hw/checks.py:24")
    assert run_cells((*solution_cells(assignment), wrong.source))["best"] == answer


MADE = """\
def _():
    class Triple:
        def __call__(self, x):
            return 3 * x

    return Triple()"""


def test_a_variant_without_parameters_makes_the_answer(course, run_cells):
    for kind in ('mistake("made", hint="Twice?")', 'equivalent("made")'):
        assignment = course.load(MASTER, edited(CHECKS, TRIPLES, f"@double.{kind}\n{MADE}"))
        double = assignment.question("double")
        (variant,) = (*double.mistakes, *double.equivalents)
        assert variant.where == "solutions/hw/checks.py:14"
        made, bound = ast.parse(variant.source).body
        assert ast.unparse(made) == ast.unparse(ast.parse(MADE.replace("def _()", "def _variant()")))
        assert ast.unparse(bound) == "double = _variant()"
        assert run_cells((*solution_cells(assignment), variant.source))["double"](2.0) == 6.0


def test_a_wrong_value_may_be_computed_by_a_function(course, run_cells):
    checks = CHECKS + '\n@best.mistake("another", hint="?")\ndef _():\n    return "b" * 2\n'
    assignment = course.load(MASTER, checks)
    (wrong,) = assignment.question("best").mistakes
    assert run_cells((*solution_cells(assignment), wrong.source))["best"] == "bb"


def test_a_variant_with_parameters_is_the_answer(course, run_cells):
    """Also with ``*args`` only: that is not a function without parameters."""
    for parameters in ("x", "*args", "**kwargs", "x, /"):
        variant = edited(TRIPLES, "def _(x):\n    return 3 * x", f"def _({parameters}):\n    return 7")
        assignment = course.load(MASTER, edited(CHECKS, TRIPLES, variant))
        (mistake,) = assignment.question("double").mistakes
        assert mistake.source == f"def double({parameters}):\n    return 7"
        assert callable(run_cells((*solution_cells(assignment), mistake.source))["double"])


MASTER_ERRORS = {
    "syntax error": ("return 2 * x", "return 2 *", r"hw.py:11: this is not Python"),
    "no cells": (MASTER, "double = 1\n", r"hw.py:1: it has no cell"),
    "code before the first cell": (
        "# %% [markdown]",
        "import os\n# %% [markdown]",
        r"hw.py:1: code before the first cell",
    ),
    "question missing": ("def double", "def doubled", r"'double' is not defined by .*It defines 'doubled'"),
    "no marks": (
        "    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION\n",
        "    return 2 * x\n",
        r"hw.py:8: question 'double' has no solution marks.*BEGIN SOLUTION",
    ),
    "no mark at a value": ("  # SOLUTION", "", r"hw.py:15: question 'best' has no solution marks"),
    "begin twice": (
        "    return 2 * x",
        "    # BEGIN SOLUTION\n    return x",
        r"hw.py:11: a second .* line 10\. .*nest",
    ),
    "no end": ("    # END SOLUTION\n", "", r"hw.py:10: '# BEGIN SOLUTION' without"),
    "no begin": ("    # BEGIN SOLUTION\n", "", r"hw.py:11: '# END SOLUTION' without"),
    "over two cells": ("    return 2 * x\n", "    return 2 * x\n\n# %%\n", r"hw.py:10: .* span two cells"),
    "other indentation": ("    # END SOLUTION", "# END SOLUTION", r"hw.py:12: .*indented differently"),
    "unknown mark": ("# BEGIN SOLUTION", "# BEGIN SOLUTION NO PROMPT", r"hw.py:10: .*is not a mark we know"),
    "mark behind code": ("    # END SOLUTION", "    x  # END SOLUTION", r"hw.py:12: .*is not a mark we know"),
    "marks in no question": (
        "# %%\nbest",
        "# %%\ndef helper(x):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION\n\n# %%\nbest",
        r"hw.py:16: these marks lie in no question",
    ),
    "marks around a whole function": (
        MASTER[MASTER.index("def double") : MASTER.index("\n# %%\nbest")],
        "# BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n# END SOLUTION\n",
        r"hw.py:8: these marks lie in no question",
    ),
    "value mark in a function": ("return 2 * x", "y = 2 * x  # SOLUTION", r"hw.py:11: .*belongs at the end of a line"),
    "value mark for two names": ('best = "b"', 'best = other = "b"', r"hw.py:15: .*name = value"),
    "half a statement": (
        "    # BEGIN SOLUTION\n    return 2 * x",
        "    return (\n    # BEGIN SOLUTION\n    2 * x)",
        r"Enclose whole statements",
    ),
    "docstring inside": (
        '    """Twice x."""\n    # BEGIN SOLUTION\n',
        '    # BEGIN SOLUTION\n    """Twice x."""\n',
        r"hw.py:8: 'double' would lose its signature or docstring",
    ),
    "defined in two cells": (
        "# %%\nbest",
        "# %%\ndouble = 3\n\n# %%\nbest",
        r"hw.py:15: question 'double' is defined in two cells, first in line 8",
    ),
    "defined twice in a cell": (
        "# %%\nbest",
        "double = 3\n\n# %%\nbest",
        r"hw.py:14: question 'double' is defined twice",
    ),
    "helper in two cells": (
        "# %%\nbest",
        "# %%\ndef helper(): ...\n\n# %%\ndef helper(): ...\n\n# %%\nbest",
        r"hw.py:18: 'helper' is defined in two cells",
    ),
    "value question is a function": (
        'best = "b"  # SOLUTION',
        "def best(): ...",
        r"'best' is a function or class, but its kind is 'value'",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), MASTER_ERRORS.values(), ids=MASTER_ERRORS)
def test_an_error_in_the_master_is_told(course, old: str, new: str, message: str):
    with pytest.raises(CourseError, match=message) as caught:
        course.load(edited(MASTER, old, new), CHECKS)
    assert str(caught.value).startswith("solutions/hw/")


def test_missing_files_are_told(course):
    with pytest.raises(CourseError, match=r"solutions/hw/checks.py: there is no such file"):
        course.load(MASTER, None)
    with pytest.raises(CourseError, match=r"solutions/other/other.py: there is no such file"):
        course.load(None, CHECKS, "other")


def test_an_error_in_checks_is_chained(course):
    with pytest.raises(CourseError) as caught:
        course.load(MASTER, "1 / 0")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_unknown_assignment_names_the_known_ones_closest_first(course):
    for name in ("adam", "softmax", "zeros"):
        course.write(MASTER, CHECKS, name)
    with pytest.raises(UsageError, match=r"Did you mean 'softmax'\? Known: softmax, adam, zeros\."):
        load_assignment(course.folder, "sofmax")
    for path in ("../hw", "", "."):
        with pytest.raises(UsageError, match="No assignment"):
            load_assignment(course.folder, path)


def test_a_folder_that_is_no_identifier_is_refused(course):
    with pytest.raises(CourseError, match="must be a Python identifier"):
        course.load(MASTER, CHECKS, "my-hw")


def test_a_course_without_solutions_says_so(tmp_path: Path):
    with pytest.raises(UsageError, match="solutions"):
        load_course(tmp_path)
    with pytest.raises(UsageError, match=r"solutions/ .* is missing or empty"):
        load_assignment(tmp_path, "hw")


def test_the_course_is_found_from_any_folder_inside(course):
    course.write(MASTER, CHECKS)
    assert find_course(course.folder / "solutions" / "hw") == course.folder.resolve()
    assert assignment_names(course.folder) == ["hw"]
    assert [a.name for a in load_course(course.folder)] == ["hw"]


def test_no_course_is_told_with_what_was_looked_for(tmp_path: Path):
    with pytest.raises(UsageError, match=r"assignments/ or solutions/"):
        find_course(tmp_path)


def test_a_generator_depends_on_every_word_and_on_nothing_else():
    words = (7, "softmax", "softmax", "rows")
    assert check_rng(*words).integers(10**9) == check_rng(*words).integers(10**9)
    others = [(8, *words[1:]), (7, "relu", *words[2:]), (7, "softmax", "relu", "rows"), (*words[:3], "row")]
    draws = {int(check_rng(*other).integers(10**9)) for other in [words, *others]}
    assert len(draws) == 5


def test_a_generator_is_the_same_on_every_machine():
    # Raw output of PCG64 as drawn with NumPy 2.4; NumPy promises to keep that stream.
    raw = check_rng(7, "softmax", "softmax", "rows").bit_generator.random_raw(2)
    assert raw.tolist() == [5263423294169888043, 3474204768141810622]


def test_public_checks_do_not_depend_on_the_seed_and_hidden_ones_do(course):
    assignment = course.load(MASTER, CHECKS)
    question = assignment.questions[0]
    public, hidden = question.checks

    def drawn(check, seed):
        return probes_of(assignment, question, check, seed)[0].kwargs["x"].tobytes()

    assert drawn(public, 1) == drawn(public, 2) == drawn(public, PUBLIC_SEED)
    assert drawn(hidden, 1) != drawn(hidden, 2)
    assert drawn(hidden, 1) == drawn(hidden, 1)


def test_draw_accepts_one_probe_or_several(course):
    checks = course.load(MASTER, CHECKS).questions[0].checks
    rng = np.random.default_rng(0)
    assert [len(draw(check, rng)) for check in checks] == [1, 2]
    assert all(isinstance(probe, Call) for check in checks for probe in draw(check, rng))


PROBE_ERRORS = {
    "gradient of no argument": ('gradient(x=tensor([1.0]), wrt="y")', "'y', which is not among its arguments: x"),
    "gradient of an array": ("gradient(x=np.ones(2))", "'x', which is no tensor of floats"),
    "gradient of integers": ("gradient(x=tensor([1]))", "'x', which is no tensor of floats"),
    "object that is not made": ('steps(call(), do("step", on=1))', r"on=1\), but the number of objects is 1"),
    "no step": ("steps(call())", "at least one do"),
    "script without an expression": ('script("y = 1")', "shows no expression"),
    "script with a broken line": ('script("y = = 1", "y")', "'y = = 1' is not Python"),
    "script with a broken expression": ('script("y = 1", "y +")', r"'y \+' is not Python"),
    "state without tensors": ('module(call(), state={"w": np.ones(2)})', r"state\['w'\] is a ndarray"),
}


@pytest.mark.parametrize(("probe", "message"), PROBE_ERRORS.values(), ids=PROBE_ERRORS)
def test_a_probe_that_nobody_could_answer_is_told(course, probe: str, message: str):
    checks = edited(CHECKS, "points=3", 'points=3, kind="torch"')
    checks = edited(checks, "call(x=rng.normal(size=3))", probe)
    with pytest.raises(CourseError, match=message):
        course.load(MASTER, checks)
