"""The page of a course shows every question as students use it, and nothing that is hidden from them."""

from __future__ import annotations

import pytest

from autograder.course.page import exercises_page, signatures

MASTER = '''\
# %% [markdown]
# # Homework

# %%
import numpy as np

# %%
def scale(x: "np.ndarray | None", /, by: float = 2.0, *rest: int, clip: bool = False, **options: str) -> "np.ndarray":
    """Scaled."""
    # BEGIN SOLUTION
    return by * x
    # END SOLUTION

# %%
class Counter(dict):
    """Counts."""

    # BEGIN SOLUTION
    def __init__(self, start: int, step: int = 1) -> None:
        self.secret_state = start

    # END SOLUTION

# %%
class Plain:
    """Nothing to be told when it is made."""

    # BEGIN SOLUTION
    def twice(self, x):
        return 2 * x
    # END SOLUTION

# %%
best: str = "secret answer"  # SOLUTION
'''

CHECKS = """\
import numpy as np
from autograder.course import call, call_twice, do, question, steps, value

scale = question("scale", points=2.5)
for number in range(3):
    scale.check(f"open {number}", public=True)(lambda rng: call(np.ones(2)))
for number in range(2):
    scale.check(f"concealed {number}", hint="a confidence")(lambda rng: call_twice(np.ones(2)))
scale.mistake_text("a slip", "scale = 8", hint="a confidence")
Counter = question("Counter", points=3, kind="torch", extra=True)
Counter.check("open", public=True)(lambda rng: steps(call(1), do("keys")))
Counter.check("concealed")(lambda rng: steps(call(1), do("keys")))
Plain = question("Plain", points=4, kind="torch")
Plain.check("open", public=True)(lambda rng: steps(call(), do("twice", 1)))
Plain.check("concealed")(lambda rng: steps(call(), do("twice", 1)))
best = question("best", points=1, kind="value")
best.check("concealed")(lambda rng: value())
best.wrong("a", "takes the first", hint="a confidence")
best.wrong("b", "takes the second", hint="a confidence")
"""


@pytest.fixture
def assignment(course):
    return course.load(MASTER, CHECKS)


def test_signatures_are_those_of_the_master_without_annotations(assignment):
    assert signatures(assignment) == [
        "scale(x, /, by=2.0, *rest, clip=False, **options)",
        "class Counter(start, step=1)",
        "class Plain",
        "best",
    ]


def test_every_question_has_a_row_with_points_and_counts(assignment):
    page = exercises_page([assignment])
    assert (
        page.split("## hw\n")[1]
        == """
[Notebook](../assignments/hw/hw.ipynb)

| question | kind | points | public checks | hidden checks | mistakes |
| --- | --: | --: | --: | --: | --: |
| `scale(x, /, by=2.0, *rest, clip=False, **options)` | np | 2.5 | 3 | 2 | 1 |
| `class Counter(start, step=1)` | torch | +3 | 1 | 1 | 0 |
| `class Plain` | torch | 4 | 1 | 1 | 0 |
| `best` | value | 1 | 0 | 1 | 2 |
"""
    )
    # In the table of assignments: 2.5 + 4 + 1 points and 3 of extra credit.
    assert "| [hw](#hw) | 4 | 7.5 +3 | 5 | 5 | 3 |" in page.splitlines()


@pytest.mark.parametrize("hidden", ["concealed", "confidence", "secret", "a slip", "first", "return", "SOLUTION"])
def test_nothing_hidden_is_on_the_page(assignment, hidden):
    assert hidden not in exercises_page([assignment])


def test_a_bar_in_a_default_does_not_end_its_column(course):
    master = "# %%\ndef f(x, flags=1 | 2):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION\n"
    checks = (
        "from autograder.course import call, question\n\nf = question('f', points=1)\n"
        "f.check('a', public=True)(lambda rng: call(1))\nf.check('b')(lambda rng: call(2))\n"
    )
    assert r"| `f(x, flags=1 \| 2)` | np | 1 |" in exercises_page([course.load(master, checks)])


def test_the_page_is_the_same_each_time(course, assignment):
    assert exercises_page([course.load(MASTER, CHECKS)]) == exercises_page([assignment])
