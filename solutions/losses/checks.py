"""Questions, checks, mistakes and equivalents of the assignment on losses; 100 points and 12 of extra credit.

Nearly every question is a loss with a reduction or its backward: `check_reduced` declares what they have in common, from
ordinary inputs and the code of single losses (`each`) and their derivatives (`slope`). That code is written in another
style than the reference. It never runs here: each row becomes a cell of a notebook that has `np`, `torch`, `math` and
`as_floats`. A name such as LR-06 in a comment is an entry in the team's list of misconceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autograder.course import (
    Far,
    call,
    call_twice,
    check_reduced,
    declare_variants,
    gradient,
    question,
    tensor,
    value,
)

if TYPE_CHECKING:
    import torch


def both(name, points):
    """The question of a loss and that of its backward, which share the points equally."""
    return question(name, points=points / 2), question(f"{name}_backward", points=points / 2)


def signs(rng, shape):
    """Labels -1 and 1, both of them where there are two or more."""
    return rng.permutation(np.resize([-1, 1], int(np.prod(shape)))).reshape(shape)


def residuals(rng, shape):
    """Predictions and targets whose differences lie on both sides of 1 and of 0."""
    return {"x": 2 * rng.normal(size=shape), "y": rng.normal(size=shape)}


def scores_and_signs(rng, shape):
    return {"x": 1.5 * rng.normal(size=shape), "y": signs(rng, shape)}


def scores_and_bits(rng, shape):
    return {"x": 2 * rng.normal(size=shape), "y": (signs(rng, shape) + 1) // 2}


TWO = "x, y = as_floats(x, y)\n"
ONE = "(x,) = as_floats(x)\n"
#: Residuals whose squares and exponentials overflow.
VERY_FAR = Far(
    "very far predictions stay finite",
    "Which step of yours squares or exponentiates the whole residual?",
    [{"x": np.array([1e200, -3e200, 5e199]), "y": np.array([-1e200, 1e200, 2e199])}],
)
EQUAL = Far(
    "equal predictions and targets beside others",
    "Which slope does the text ask for at a kink?",
    [{"x": np.array([2.0, 1.3, -1.0]), "y": np.array([2.0, 0.6, 0.7])}],
)
UINT = "Which number is np.uint8(1) - np.uint8(2)? Convert before you compute."

# Pen and paper ---------------------------------------------------------------------------------

LETTERS = {
    "differentiable_everywhere": (
        "the loss without a kink",
        "Look for kinks in the figure, and ask what happens where two pieces meet.",
        {
            "a": ("overlooks the kink of the absolute value", "Which slope has |r| just left of 0, and just right of it?"),
            "b": ("overlooks the corner of the hinge", "What is the slope of the hinge for margins 0.99 and 1.01?"),
            "d": ("overlooks the kink of the quantile loss", "Which slopes has the quantile loss on both sides of 0?"),
        },
    ),
    "least_moved_by_outlier": (
        "the loss whose best constant stays",
        "Set the sum of the derivatives to 0. How strongly does one far target pull?",
        {
            "a": ("thinks that the mean is robust", "What is the mean of 1, 2, 3, 4, 1000?"),
            "c": ("thinks that the root tames the outlier", "A root moves no minimum. Which constant minimises RMSE?"),
            "d": ("takes any Huber loss for robust", "With delta = 100, how hard does the far target pull?"),
        },
    ),
    "gradient_of_accuracy": (
        "how accuracy reacts to a small change of a score",
        "Change one score by a millionth. What happens to the largest entry, and to accuracy?",
        {
            "a": ("gives the gradient of cross-entropy", "That belongs to a loss that reacts to every small change."),
            "b": ("confuses accuracy with its gradient", "How much does accuracy change when one score grows a little?"),
            "d": ("hopes for a direction", "Does accuracy see how far a score is from winning?"),
        },
    ),
}
for name, (title, hint, wrong) in LETTERS.items():
    asked = question(name, points=1, kind="value")
    asked.check(title, hint=hint)(lambda rng: value())
    for letter, (mistake, advice) in wrong.items():
        asked.wrong(letter, mistake, hint=advice)

# Regression ------------------------------------------------------------------------------------

l1 = both("l1_loss", 3)
check_reduced(
    *l1,
    "x, y",
    draw=residuals,
    start=TWO,
    each="abs(y - x)",
    slope="np.where(x > y, 1, np.where(x < y, -1, 0))",
    example={"x": np.array([3.0, 1.0, 2.0]), "y": np.array([1.0, 1.0, 5.0])},
    far=[VERY_FAR, EQUAL],
    wrong=[
        (  # LR-09
            "compares every prediction with every target",
            "abs(x.reshape(-1, 1) - y.reshape(-1))",
            "Print the shape of x - y. How many differences do you expect?",
        ),
        ("forgets the absolute value", "x - y", "Can errors of +1 and -1 cancel in an error measure?"),
        ("squares instead", "(x - y) ** 2", "How much does an error of 2 cost?"),
        ("goes through a root of squares", "np.sqrt((x - y) ** 2)", "What is the square of 1e200?"),
    ],
    wrong_slopes=[
        ("gives the derivative of the square", "2 * (x - y)", "Does the slope of |r| grow with r?"),
        ("has no 0 at equal values", "np.where(x >= y, 1, -1)", "Which slope does the text ask for at x = y?"),
        ("divides the residual by its size", "(x - y) / abs(x - y)", "What is 0 / 0?"),
    ],
    same=[("larger minus smaller", "np.maximum(x, y) - np.minimum(x, y)")],
    same_slopes=[("difference of two comparisons", "(x > y) * 1.0 - (x < y)")],
)
declare_variants(
    l1[0],
    "x, y, reduction='mean'",
    mistakes=[("subtracts before it converts", "return reduced(abs(x - y) * x.dtype.type(1), reduction)", UINT)],
)

mse = both("mse_loss", 3)
check_reduced(
    *mse,
    "x, y",
    draw=residuals,
    start=TWO,
    each="np.square(y - x)",
    slope="x - y + (x - y)",
    example={"x": np.array([3.0, 1.0, 2.0]), "y": np.array([1.0, 1.0, 5.0])},
    far=[Far("far predictions", "A residual of 1e120 has a finite square.", [{"x": np.array([1e120, 3.0]), "y": np.zeros(2)}])],
    wrong=[
        (  # LR-09
            "compares every prediction with every target",
            "(x.reshape(-1, 1) - y.reshape(-1)) ** 2",
            "Print the shape of x - y. How many differences do you expect?",
        ),
        ("halves the square", "(x - y) ** 2 / 2", "Another convention: does the definition here have a factor 1/2?"),
        ("takes the absolute value instead", "abs(x - y)", "How much does an error of 2 cost?"),
        ("squares prediction and target one by one", "x ** 2 - y ** 2", "What is the loss for x = 2 and y = -2?"),
    ],
    wrong_slopes=[
        ("loses the factor 2", "x - y", "Compare with (L(x + h) - L(x - h)) / 2h. What is the ratio?"),  # LR-07
        ("gives the loss again", "(x - y) ** 2", "Can the slope be positive on both sides of the target?"),
    ],
    same=[("square multiplied out by differences", "(x - y) * (x - y)")],
    same_slopes=[("square differentiated as a power", "2 * np.power(x - y, 1)")],
)
declare_variants(
    mse[0],
    "x, y, reduction='mean'",
    mistakes=[
        (
            "modifies its input",
            "x -= y if x.dtype.kind == 'f' else 0\nx, y = as_floats(x, 0)\nreturn reduced(x ** 2, reduction)",
            "Print x before and after the call.",
        ),
        ("subtracts before it converts", "return reduced((x - y) ** 2 * x.dtype.type(1), reduction)", UINT),
    ],
)

rmse = both("rmse_loss", 3)
check_reduced(
    *rmse,
    "x, y",
    draw=residuals,
    start=TWO + "d = x - y",
    each="abs(d)",
    slope="np.sign(d)",
    example={"x": np.array([3.0, 1.0]), "y": np.array([0.0, 5.0])},
    far=[EQUAL],
    wrong=[("forgets the root", "d ** 2", "In which unit is the result, if the targets are metres?")],
    wrong_slopes=[
        ("divides by the residual itself", "d / abs(d)", "What is 0 / 0?"),
        ("gives the gradient of the mean squared error", "2 * d", "Differentiate the root as well: 1 / (2 L) ..."),
    ],
)
