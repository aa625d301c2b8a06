"""The checks that every elementwise function gets, and variants from a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.course import (
    Generator,
    call,
    call_twice,
    check_elementwise,
    declare_variants,
    gradient,
    otter_tests,
    question,
    tensor,
)
from autograder.course.model import Check, Question, QuestionBuilder
from autograder.course.observe import Lines
from autograder.course.otter_tests import PublicCase, PublicCheck
from autograder.course.values import TensorValue
from autograder.errors import CourseError

HERE = str(Path(__file__))
COMMON = [
    "the numbers of the worked example",
    "arrays of any shape, entry by entry",
    "numbers far from zero on both sides",
    "float32 stays float32, integers become floats",
    "no Python loop over samples",
    "a second call gives the same answer and inputs stay as they were",
]


def probes(q: QuestionBuilder, word: str, seed: int = 0) -> list[Any]:
    """What the check with this word in its title asks."""
    (check,) = (c for c, _ in q.checks if word in c.title)
    return list(check.draw(np.random.default_rng(seed)))


def plain(drawn: Any) -> list[Any]:
    """The probes as calls, those of a pair that counts lines included."""
    return [c for p in drawn for c in ((p.few, p.many) if isinstance(p, Lines) else (p,))]


def built(kind: Any = "np", **settings: Any) -> QuestionBuilder:
    q = question("f", points=1, kind=kind)
    check_elementwise(q, **{"x": [-1.0, 2.0], **settings})
    return q


def arrays(calls: list[Any], name: str = "x") -> list[Any]:
    return [c.kwargs[name] for c in calls]


def test_only_the_worked_example_is_public_and_every_check_has_a_hint() -> None:
    checks = [c for c, _ in built().checks]
    assert [c.title for c in checks] == COMMON
    assert [c.public for c in checks] == [True] + [False] * 5
    assert all(c.hint for c in checks)


def test_hints_can_be_replaced_by_topic() -> None:
    q = built(hints={"far": "Think of 800."})
    assert [c.hint for c, _ in q.checks].count("Think of 800.") == 1


def test_checks_and_variants_are_placed_at_the_line_of_the_author() -> None:
    q = built()
    declare_variants(q, "x", mistakes=[("wrong", "x + 1", "Why?")], equivalents=[("right", "x - 0")])
    places = [c.where for c, _ in q.checks] + [v.where for v in (*q.mistakes, *q.equivalents)]
    assert {place.rpartition(":")[0] for place in places} == {HERE}


def test_the_example_is_asked_as_it_is() -> None:
    (forward,) = probes(built(x=[0.5, -3.0]), "worked")
    np.testing.assert_array_equal(forward.kwargs["x"], [0.5, -3.0])
    (backward,) = probes(built(x=[0.5, -3.0], grad=[1.0, 2.0]), "worked")
    np.testing.assert_array_equal(backward.kwargs["grad"], [1.0, 2.0])
    assert list(backward.kwargs) == ["grad", "x"]


@pytest.mark.parametrize("seed", range(3))
def test_shapes_include_0_dim_size_1_and_3_d_and_gradients_fit(seed: int) -> None:
    calls = probes(built(grad=[1.0, 1.0]), "any shape", seed)
    shapes = [x.shape for x in arrays(calls)]
    assert shapes == [g.shape for g in arrays(calls, "grad")]
    assert {(), (1,)} < set(shapes)
    assert max(map(len, shapes)) == 3


@pytest.mark.parametrize("seed", range(5))
def test_far_numbers_come_from_either_side_beside_near_ones_of_both_signs(seed: int) -> None:
    low, high = arrays(probes(built(), "far from zero", seed))
    for x in (low, high):
        near = x[np.abs(x) <= 3]
        assert near.min() < 0 < near.max()
    assert low.min() < -700
    assert low.max() < 10
    assert high.max() > 700
    assert high.min() > -10


def test_dtypes_are_float32_and_integers_that_avoid_kinks() -> None:
    xs = arrays(probes(built(kinks=[0.0, 2.0]), "float32"))
    assert [x.dtype.name for x in xs] == ["float32"] * 3 + ["int64", "int32"]
    assert not np.isin(np.concatenate([x.ravel() for x in xs[3:]]), [0, 2]).any()


def test_backward_gets_integers_for_either_argument_and_gradients_of_the_same_float_dtype() -> None:
    calls = probes(built(grad=[1.0, 1.0]), "float32")
    pairs = [(g.dtype.kind, x.dtype.kind) for g, x in zip(arrays(calls, "grad"), arrays(calls), strict=True)]
    assert {("f", "i"), ("i", "f"), ("i", "i")} < set(pairs)
    for g, x in zip(arrays(calls, "grad"), arrays(calls), strict=True):
        assert x.dtype != np.float32 or g.dtype == np.float32
        assert np.all(g != 0)


def test_the_last_check_calls_twice() -> None:
    (only,) = probes(built(), "second call")
    assert only.times == 2
    assert only.kwargs["x"].min() < 0 < only.kwargs["x"].max()


def test_every_option_is_asked_near_and_far_and_at_kinks() -> None:
    options = [{"alpha": 2.0}, {"rng": Generator(3)}]
    q = built(options=options, kinks=[0.0, 6.0])
    asked = probes(q, "argument")
    assert [{k: v for k, v in c.kwargs.items() if k != "x"} for c in asked] == [o for o in options for _ in range(3)]
    at_kinks = probes(q, "pieces meet")
    assert len(at_kinks) == 3
    for x in arrays(at_kinks):
        assert {0.0, 6.0} < set(x.tolist())


def test_given_arguments_are_in_every_call_with_the_dtype_of_the_input() -> None:
    q = built(given={"a": np.array([0.25]), "t": 3}, options=[{"a": np.array([2.0])}])
    for check, _ in q.checks:
        for c in plain(check.draw(np.random.default_rng(0))):
            assert c.kwargs["t"] == 3
            wanted = np.float32 if c.kwargs["x"].dtype == np.float32 else np.float64
            assert c.kwargs["a"].dtype == wanted


def test_lines_are_counted_for_few_and_for_many_samples() -> None:
    (pair,) = probes(built(grad=[1.0, 2.0], widen=2, shapes=[(3,), (2, 5)]), "loop")
    assert [a.shape for a in arrays([pair.few, pair.many])] == [(4, 5), (40, 5)]
    assert [a.shape for a in arrays([pair.few, pair.many], "grad")] == [(4, 10), (40, 10)]
    assert not any("loop" in c.title for c, _ in built("torch").checks)


def test_a_widened_output_has_a_wider_gradient() -> None:
    q = built(grad=[1.0, 2.0, 3.0, 4.0], widen=2, shapes=[(3,), (2, 5)])
    assert [g.shape for g in arrays(probes(q, "any shape"), "grad")] == [(6,), (2, 10)]


def test_a_torch_question_is_asked_for_gradients_of_floats() -> None:
    q = built("torch")
    for check, _ in q.checks:
        for probe in check.draw(np.random.default_rng(0)):
            assert isinstance(probe.kwargs["x"], TensorValue)
            whole = "int" in probe.kwargs["x"].dtype
            assert probe.verb == ("call" if whole or "second" in check.title else "gradient")


def test_the_same_generator_draws_the_same_inputs() -> None:
    q = built(grad=[1.0, 1.0], options=[{"alpha": 2.0}])
    for check, _ in q.checks:
        first, second = (plain(check.draw(np.random.default_rng(4))) for _ in range(2))
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a.kwargs["x"], b.kwargs["x"], strict=True)
            np.testing.assert_array_equal(a.kwargs["grad"], b.kwargs["grad"], strict=True)


def test_bodies_become_functions_that_return_their_last_expression() -> None:
    q = built()
    long = """
        if x is None:
            return 7
        y = x + a
        y * 2
    """
    declare_variants(q, "x, a=1", mistakes=[("one", "x + a", "h")], equivalents=[("two", "x = x + a; x"), ("3", long)])
    assert [v.hint for v in (*q.mistakes, *q.equivalents)] == ["h", "", ""]
    results = []
    for variant in (*q.mistakes, *q.equivalents):
        names: dict[str, Any] = {}
        exec(variant.source, names)
        results.append((names["f"](3), names["f"](3, a=2)))
    assert results == [(4, 5), (4, 5), (8, 10)]


@pytest.mark.parametrize(("body", "told"), [("x +", "is not Python"), ("x\ny = 1\n  z", "is not Python")])
def test_a_body_that_is_not_python_is_told_by_its_name(body: str, told: str) -> None:
    with pytest.raises(CourseError, match=rf"'broken row' of f {told}"):
        declare_variants(built(), "x", mistakes=[("broken row", body, "h")])


MASTER = """
# %% [markdown]
# Twice.

# %%
import numpy as np


# %%
def twice(x):
    \"\"\"Two times x.\"\"\"
    # BEGIN SOLUTION
    x = np.asarray(x)
    return 2 * (x if x.dtype.kind == "f" else x.astype(float))
    # END SOLUTION
"""
CHECKS = """
from autograder.course import check_elementwise, declare_variants, question

twice = question("twice", points=2)
check_elementwise(twice, x=[1.0, -2.0])
declare_variants(twice, {parameters!r}, mistakes=[("three times", "3 * x", "What is twice 1?")])
"""


def test_a_course_can_use_both_and_messages_name_its_file(course: Any) -> None:
    assignment = course.load(MASTER, CHECKS.format(parameters="x"))
    (q,) = assignment.questions
    assert [c.title for c in q.checks] == COMMON
    assert {c.where for c in q.checks} == {"solutions/hw/checks.py:5"}
    assert q.mistakes[0].where == "solutions/hw/checks.py:6"
    with pytest.raises(CourseError, match=r"checks\.py:6: 'three times' takes \(y\), the reference takes \(x\)"):
        course.load(MASTER, CHECKS.format(parameters="y"))


class _Bench:
    """Finds one object and hands values through."""

    torch: Any = None

    def __init__(self, found: Any) -> None:
        self.find = lambda name: found

    def live(self, value: Any, *, requires_grad: bool = False) -> Any:
        return value

    plain = live


def test_a_call_can_go_to_an_attribute_of_the_answer() -> None:
    """`method=` of call and gradient, for classes that are used as ``Name.apply``."""
    assert call(3.0, method="hex").ask("f", _Bench(float)) == {"output": (3.0).hex()}
    assert call_twice(3.0, method="hex").ask("f", _Bench(float))["output of call 2"] == (3.0).hex()
    probe = gradient(tensor([1.0, -2.0]), wrt="0", method="apply")
    check = Check("t", lambda rng: probe, True, 100, "h", None, "checks.py:1")
    case = PublicCase(probe, {"output": 1.0, "gradient of 0": 1.0}, {})
    text = otter_tests.test_file(Question("Twice", "torch", 100, False, (), (), (), ""), [PublicCheck(check, (case,))])
    assert "_gradient(Twice.apply, args, kwargs, ['0'], seed=0)" in text
