"""Each usual mishap has a sentence that says what to do."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from autograder.course.load import load_assignment
from autograder.grading.examine import mark_one
from autograder.grading.key import make_key
from autograder.grading.submissions import Submission
from autograder.sandbox.host import Sandbox

MASTER = '''\
# %%
import numpy as np
# %%
def double(x, times=2):
    """Twice x."""
    # BEGIN SOLUTION
    return times * x
    # END SOLUTION
'''
CHECKS = """\
from autograder.course import call, call_twice, question
double = question("double", points=4)
double.check("an example", public=True, hint="What is 2 * 3?")(lambda rng: call(x=rng.normal(size=3)))
double.check("a table", hint="Elementwise.")(lambda rng: call_twice(x=rng.normal(size=(2, 3)), times=3))
@double.mistake("squares", hint="What is 2 * 3?")
def _(x, times=2):
    return x * x
"""

#: Cells of the student's, and what is said of the first check, which is public; "~" is said of the hidden one as well.
SAID = {
    "still a stub": (
        ["def double(x, times=2): raise NotImplementedError('double is not written yet')"],
        "~Put your answer where the stub raises NotImplementedError",
    ),
    "no such name": (["def twice(x): return 2 * x"], "~the name as in the task?"),
    "a failed cell": (
        ["1 / 0\ndef double(x, times=2): return times * x"],
        "~It should have been defined in cell 2, which failed",
    ),
    "a helper in a failed cell": (
        ["1 / 0\ndef helper(x): return 2 * x", "def double(x, times=2): return helper(x)"],
        "It should have been defined in cell 2, which failed: ZeroDivisionError",
    ),
    "a helper that is nowhere": (
        ["def double(x, times=2): return helper(x)"],
        "Is helper defined in a cell above? Restart the kernel and run all cells from the top.",
    ),
    "too few parameters": (["def double(): return 1"], "~Keep the parameters of the stub"),
    "another name for a parameter": (["def double(y, times=2): return 2 * y"], "~Keep the parameters of the stub"),
    "a type error of its own": (["def double(x, times=2): return x + 'a'"], "cell 2, line 1"),
    "nothing returned": (["def double(x, times=2): 2 * x"], "return"),
    "printed instead of returned": (["def double(x, times=2): print(2 * x)"], "print"),
    "a list": (["def double(x, times=2): return (times * x).tolist()"], "~np.array(...)"),
}


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """The mark of a notebook with these cells, at the level of an ordinary run."""
    folder = tmp_path_factory.mktemp("course")
    home = folder / "solutions" / "tiny"
    home.mkdir(parents=True)
    (home / "tiny.py").write_text(MASTER)
    (home / "checks.py").write_text(CHECKS)
    with Sandbox(preload=("numpy",)) as sandbox, closing(sandbox.slot()) as slot:
        key = make_key(load_assignment(folder, "tiny"), 3, slot, sandbox.limits)

        def mark(cells: list[str]):
            numbered = tuple(enumerate(["import numpy as np", *cells], start=1))
            return mark_one(Submission("ann", "ann.ipynb", cells=numbered), key, slot, sandbox.limits, "hint", {})

        yield mark


@pytest.mark.parametrize("name", SAID)
def test_a_usual_mishap_is_told_with_what_to_do(marked, name):
    cells, said = SAID[name]
    mark = marked(cells)
    public, hidden = mark.questions[0].checks
    assert (public.verdict == "pass", hidden.verdict == "pass") == (False, False)
    assert said.removeprefix("~") in public.message
    if said.startswith("~"):
        assert said.removeprefix("~") in hidden.message
    assert "Traceback" not in json.dumps(mark.to_json())


def test_a_changed_input_is_told(marked):
    cell = "def double(x, times=2):\n    x *= times\n    return x"
    public, hidden = marked([cell]).questions[0].checks
    assert (public.verdict, hidden.verdict) == ("pass", "fail")
    assert "Input x after call 1 is not as expected" in hidden.message
    assert "work on a copy" in hidden.message
