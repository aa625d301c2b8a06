"""Losses with a reduction: from a few lines come checks that see every listed mistake, and nothing else."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from autograder.course.draw import probes_of
from autograder.course.master import solution_cells
from autograder.course.observe import Lines
from autograder.course.probes import map_values
from autograder.errors import CourseError
from autograder.grading.compare import compare
from autograder.grading.tolerance import allowances

MASTER = '''# %% [markdown]
# # Losses

# %%
import numpy as np


# %%
def square(x, y, factor=1.0, reduction="mean"):
    """Square of the difference."""
    # BEGIN SOLUTION
    dtype = np.result_type(*[a.dtype for a in (np.asarray(x), np.asarray(y)) if a.dtype.kind == "f"] or [float])
    each = factor * np.subtract(x, y, dtype=dtype) ** 2
    return each if reduction == "none" else each.mean() if reduction == "mean" else each.sum()
    # END SOLUTION


# %%
def square_backward(grad, x, y, factor=1.0, reduction="mean"):
    """Gradient for x."""
    # BEGIN SOLUTION
    dtype = np.result_type(*[a.dtype for a in (np.asarray(x), np.asarray(y)) if a.dtype.kind == "f"] or [float])
    slope = 2 * factor * np.subtract(x, y, dtype=dtype)
    grad = np.asarray(grad, slope.dtype)
    return grad * slope / (slope.size if reduction == "mean" else 1)
    # END SOLUTION


# %%
def rowwise(x, y, reduction="mean"):
    """Entry of each row at the label, squared."""
    # BEGIN SOLUTION
    x = np.asarray(x) if np.asarray(x).dtype.kind == "f" else np.asarray(x, float)
    each = np.take_along_axis(x, y[..., None], -1)[..., 0] ** 2
    return each if reduction == "none" else each.mean() if reduction == "mean" else each.sum()
    # END SOLUTION


# %%
def rowwise_backward(x, y, reduction="mean"):
    """Gradient for x, without an upstream gradient."""
    # BEGIN SOLUTION
    x = np.asarray(x) if np.asarray(x).dtype.kind == "f" else np.asarray(x, float)
    slope = 2 * x * (np.arange(x.shape[-1]) == y[..., None])
    return slope / (y.size if reduction == "mean" else 1)
    # END SOLUTION
'''

CHECKS = """import numpy as np
from autograder.course import Far, check_reduced, question

check_reduced(
    question("square", points=4),
    question("square_backward", points=4),
    "x, y, factor=1.0",
    draw=lambda rng, shape: {"x": 2 * rng.normal(size=shape), "y": rng.normal(size=shape)},
    start="x, y = (np.asarray(a) if np.asarray(a).dtype.kind == 'f' else np.asarray(a, float) for a in (x, y))",
    each="factor * (x - y) ** 2",
    slope="factor * 2 * (x - y)",
    example={"x": np.array([1.0, 4.0]), "y": np.array([0.0, 1.0])},
    options=[{"factor": 0.5}, {"factor": 3.0}],
    far=[Far("far apart", "How large?", [{"x": np.array([1e6, 3.0]), "y": np.zeros(2)}])],
    wrong=[("forgets the factor", "(x - y) ** 2", "Is the factor used?")],
    wrong_slopes=[("forgets the two", "factor * (x - y)", "Differentiate a square.")],
    same=[("with statements", "d = y - x; factor * d * d")],
    same_slopes=[("from the other side", "-2 * factor * (y - x)")],
)
check_reduced(
    question("rowwise", points=2),
    question("rowwise_backward", points=2),
    "x, y",
    draw=lambda rng, shape: {"x": rng.normal(size=shape), "y": rng.integers(0, shape[-1], size=shape[:-1])},
    start="x = np.asarray(x) if np.asarray(x).dtype.kind == 'f' else np.asarray(x, float)",
    each="(x * (np.arange(x.shape[-1]) == y[..., None])).sum(-1) ** 2",
    slope="2 * np.where(np.arange(x.shape[-1]) == y[..., None], x, 0)",
    rows=True,
    upstream=False,
)
"""


@pytest.fixture
def losses(course):
    return course.load(MASTER, CHECKS)


def test_a_loss_gets_checks_mistakes_and_an_equivalent(losses):
    counts = {
        q.name: (
            sum(c.public for c in q.checks),
            sum(not c.public for c in q.checks),
            len(q.mistakes),
            len(q.equivalents),
        )
        for q in losses.questions
    }
    assert counts == {
        "square": (2, 6, 3, 2),
        "square_backward": (1, 7, 5, 2),
        "rowwise": (2, 4, 2, 1),
        "rowwise_backward": (1, 5, 2, 1),
    }
    assert all(c.hint for q in losses.questions for c in q.checks)


def test_every_mistake_fails_a_hidden_check_and_every_equivalent_passes(losses, run_cells):
    for question in losses.questions:
        for variant in (*question.mistakes, *question.equivalents):
            failed = [
                c for c in question.checks if not c.public and not agrees(losses, question, c, variant, run_cells)
            ]
            assert bool(failed) == (variant in question.mistakes), (question.name, variant.name, variant.source)


def test_checks_ask_for_every_reduction_shape_and_dtype(losses):
    probes = [p for c in losses.question("square").checks for p in drawn(losses, "square", c)]
    assert {p.kwargs.get("reduction", "mean") for p in probes} == {"mean", "sum", "none"}
    assert {p.kwargs["x"].shape for p in probes} >= {(), (1,), (5,), (2, 1, 4)}
    assert {p.kwargs["x"].dtype.name for p in probes} == {"float64", "float32", "int64", "uint8"}
    assert {p.kwargs.get("factor") for p in probes} == {None, 0.5, 3.0}
    assert all(type(p.kwargs[name]) is np.ndarray for p in probes for name in ("x", "y"))


def test_upstream_gradients_have_shape_and_dtype_of_the_output(losses):
    probes = [p for c in losses.question("square_backward").checks for p in drawn(losses, "square_backward", c)]
    upstream = [p for p in probes if isinstance(p.kwargs["grad"], np.ndarray)]
    assert len(upstream) == len(probes) - 1  # the worked example has 1.0
    for probe in upstream:
        grad, x = probe.kwargs["grad"], probe.kwargs["x"]
        assert grad.shape == (x.shape if probe.kwargs.get("reduction") == "none" else ())
        assert grad.dtype == (x.dtype if x.dtype.kind == "f" else np.float64)
        assert (np.abs(grad) >= 0.5).all()
    without = [p for c in losses.question("rowwise_backward").checks for p in drawn(losses, "rowwise_backward", c)]
    assert not any("grad" in p.kwargs for p in without)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('each="factor * (x - y) ** 2"', 'each="factor * (x - y"', r"is not Python"),
        ('"factor * (x - y)", "Diff', '"z = x - y", "Diff', r"must end with an expression, the value of slope"),
        ('question("square_backward", points=4)', "None", r"square: a slope was given, but no question"),
        ('each="factor * (x - y) ** 2"', 'each=""', r"square: variants were given, but no each"),
    ],
)
def test_the_author_is_told_what_is_wrong(course, old, new, message):
    assert old in CHECKS
    with pytest.raises(CourseError, match=message):
        course.load(MASTER, CHECKS.replace(old, new))


def test_a_loss_without_backward_has_checks_of_its_own(course):
    master = MASTER[: MASTER.index("# %%\ndef rowwise_backward")]
    checks = CHECKS.replace('question("rowwise_backward", points=2)', "None")
    at = checks.rindex("    slope=")
    checks = checks[:at] + checks[checks.index("\n", at) + 1 :]
    assert [q.name for q in course.load(master, checks).questions] == ["square", "square_backward", "rowwise"]


def test_without_code_there_are_checks_only(course):
    at, end = CHECKS.index("    wrong=["), CHECKS.index(")\ncheck_reduced")
    checks = CHECKS[:at] + CHECKS[end:]
    checks = checks.replace('each="factor * (x - y) ** 2"', 'each=""').replace(
        'slope="factor * 2 * (x - y)"', 'slope=""'
    )
    square, backward, *_ = course.load(MASTER, checks).questions
    assert (len(square.checks), len(square.mistakes), len(square.equivalents)) == (8, 0, 0)
    assert (len(backward.checks), len(backward.mistakes), len(backward.equivalents)) == (8, 0, 0)


class Bench:
    """Asks a namespace of this process."""

    torch = None

    def __init__(self, names):
        self.find = names.__getitem__
        self.live = lambda value, requires_grad=False: map_values(value, copy.copy)
        self.plain = copy.copy


def drawn(assignment, name, check):
    """The calls of a check, those of a pair that counts lines included."""
    probes = probes_of(assignment, assignment.question(name), check, seed=3)
    return [c for p in probes for c in ((p.few, p.many) if isinstance(p, Lines) else (p,))]


def agrees(assignment, question, check, variant, run_cells):
    """Whether a variant answers like the reference, within the tolerance of a grading run."""
    cells = [cell for cell in solution_cells(assignment) if "grader" not in cell]
    right, wrong = Bench(run_cells(tuple(cells))), Bench(run_cells((*cells, variant.source)))
    for probe in drawn(assignment, question.name, check):
        expected = probe.ask(question.name, right)
        try:
            actual = probe.ask(question.name, wrong)
        except (ValueError, TypeError):
            return False
        if compare(expected, actual, allowances(expected, None, None, probe)) is not None:
            return False
    return True
