"""Questions, checks, mistakes and equivalents of the assignment on activations; 100 points in all.

Nearly all functions work entry by entry, so `check_elementwise` makes their checks. A row of `mistakes` is name, body
and hint, a row of `equivalents` name and body; bodies never run here, and may use what the notebook gives to students
(`np`, `math`, `torch`, `as_float`, `per_channel`, `erf`, the constants of selu). A number such as AC-01 in a comment is
an entry in the team's list of misconceptions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from autograder.course import (
    Forbids,
    Generator,
    call,
    call_twice,
    check_elementwise,
    check_numpy_alone,
    check_torch,
    declare_variants,
    do,
    gradient,
    module,
    question,
    steps,
    tensor,
    value,
)

if TYPE_CHECKING:
    import torch

    from solutions.relu.relu import per_channel

LN2, LN3 = math.log(2), math.log(3)
#: Sigmoid of x as an expression, stable on both sides.
S = "np.exp(-np.logaddexp(0, -as_float(x)))"


def careless(slope: str) -> list[tuple[str, str, str]]:
    """Mistakes that any backward function can have, for a derivative written in terms of x."""
    return [
        (  # AC-06
            "ignores the upstream gradient",
            f"x = as_float(x); np.asarray({slope})",
            "Double the upstream gradient. Does your output double?",
        ),
        (  # AC-03
            "modifies the upstream gradient",
            f"grad, x = as_float(grad), as_float(x); grad *= {slope}; grad",
            "Print the upstream gradient after your call.",
        ),
    ]


# Step ------------------------------------------------------------------------------------------

step = question("step", points=1)
check_elementwise(
    step,
    x=[-1.0, 0.0, 2.0],
    kinks=[0.0],
    options=[{"threshold": 1.5}, {"threshold": -2}],
    hints={"kinks": "Another convention is common, too. Which one does the statement choose for x = threshold?"},
)
declare_variants(
    step,
    "x, threshold=0",
    mistakes=[
        (
            "fires at the threshold as well",
            "x = as_float(x); (x >= threshold).astype(x.dtype)",
            "That is another convention. What does the statement say about x = threshold?",
        ),
        ("ignores the threshold", "x = as_float(x); (x > 0).astype(x.dtype)", "Call it with threshold=1.5."),
        ("returns booleans", "np.asarray(x > threshold)", "Print the dtype of your result."),
        (
            "returns the sign",
            "np.sign(as_float(x) - threshold)",
            "Which two values can the result have? Is -1 one of them?",
        ),
        (
            "fires below the threshold",
            "x = as_float(x); (x < threshold).astype(x.dtype)",
            "Should a large input give 1 or 0?",
        ),
        (
            "passes the input on",
            "x = as_float(x); np.where(x > threshold, x, 0 * x)",
            "What is the result for 2: 2 or 1?",
        ),
    ],
    equivalents=[
        ("heaviside of the distance", "x = as_float(x); np.heaviside(x - threshold, np.zeros((), x.dtype))"),
        ("ones written into zeros", "x = as_float(x); y = np.zeros_like(x); y[x > threshold] = 1; y"),
    ],
)


# Bounded: sigmoid, tanh, gaussian --------------------------------------------------------------

sigmoid = question("sigmoid", points=2)
check_elementwise(
    sigmoid,
    x=[0.0, LN3, -LN3, 1.5],
    hints={
        "example": "sigmoid(0) is 0.5. Is sigmoid(x) + sigmoid(-x) = 1?",
        "far": "Which of the two quotients survives x = 800, and which x = -800?",
    },
)
declare_variants(
    sigmoid,
    "x",
    mistakes=[
        (  # AC-11
            "divides two large exponentials",
            "np.exp(x) / (1 + np.exp(x))",
            "Which of the two algebraic forms survives x = 1000, and which x = -1000?",
        ),
        (
            "has the sign of the exponent reversed",
            "1 / (1 + np.exp(as_float(x)))",
            "Should a larger x give a larger result?",
        ),
        (
            "clips its input",
            "1 / (1 + np.exp(-np.clip(as_float(x), -10, 10)))",
            "Look at your result for 15 on a logarithmic axis. Where does the curve become flat?",
        ),
        (
            "applies sigmoid twice",
            f"s = {S}; 1 / (1 + np.exp(-s))",
            "What is the largest value that your function can return?",
        ),
        (
            "decides for all entries at once",
            "1 / (1 + np.exp(-x)) if np.all(x >= 0) else np.exp(x) / (1 + np.exp(x))",
            "A choice per entry is needed. What does NumPy offer for that?",
        ),
        (  # SM-12
            "writes into an integer array",
            "y = np.zeros_like(x); y[...] = 1 / (1 + np.exp(-x)); y",
            "Check `out.dtype` for integer input.",
        ),
        (
            "modifies its input",
            "x[x < 0] *= 1.0000001; 1 / (1 + np.exp(-x))",
            "Print your input before and after the call.",
        ),
    ],
    equivalents=[
        ("1 / (1 + exp(-x)), which only warns", "1 / (1 + np.exp(-x))"),  # EQ-03
        ("half of one plus tanh of x / 2", "0.5 * (1 + np.tanh(x / 2))"),  # EQ-06
        ("exponential of minus log(1 + exp(-x))", "np.exp(-np.logaddexp(0, -x))"),
        ("both quotients and a choice", "e = np.exp(-np.abs(x)); np.where(x >= 0, 1 / (1 + e), e / (1 + e))"),
    ],
)

sigmoid_backward = question("sigmoid_backward", points=2)
check_elementwise(
    sigmoid_backward,
    grad=[1.0, 4.0, 4.0],
    x=[0.0, LN3, -LN3],
    hints={"example": "At x = 0 the slope is 0.25. Is x the input or the output of sigmoid?"},
)
declare_variants(
    sigmoid_backward,
    "grad, x",
    mistakes=[
        *careless(f"{S} * (1 - {S})"),
        (  # AC-13
            "takes the input for the output",
            "as_float(grad) * x * (1 - x)",
            "s (1 - s) holds for the output s. Is a slope of 0 plausible at the input 0?",
        ),
        (  # AC-12
            "applies sigmoid twice",
            f"s = {S}; s = 1 / (1 + np.exp(-s)); grad * s * (1 - s)",
            "At the input 0 the slope is 0.25. What do you get?",
        ),
        (
            "returns the function instead of the derivative",
            f"grad * {S}",
            "What should the slope be where the curve is flat, at x = 10?",
        ),
        (
            "divides infinity by infinity",
            "grad * np.exp(-x) / (1 + np.exp(-x)) ** 2",
            "What is np.exp(-x) for x = -800? Could the earlier function help?",
        ),
        ("has the wrong sign", f"s = {S}; grad * s * (s - 1)", "Sigmoid grows everywhere. Can its slope be negative?"),
    ],
    equivalents=[
        ("s (1 - s)", "s = 1 / (1 + np.exp(-x)); grad * s * (1 - s)"),
        ("square of the hyperbolic cosine", "grad * 0.25 / np.cosh(x / 2) ** 2"),
        ("derivative through tanh", "grad * (1 - np.tanh(x / 2) ** 2) / 4"),
    ],
)

tanh = question("tanh", points=2)
check_elementwise(tanh, x=[0.0, LN2, -LN2, 1.5], hints={"example": "tanh(ln 2) is (2 - 1/2) / (2 + 1/2)."})
declare_variants(
    tanh,
    "x",
    mistakes=[
        (  # AC-15
            "divides exponentials that overflow",
            "(np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))",
            "Try a very large input before you trust a textbook formula.",
        ),
        ("returns sigmoid", S, "tanh(0) is 0. Which values can tanh take?"),
        (
            "forgets to double the input",
            f"2 * {S} - 1",
            "tanh(x) = 2 sigmoid(2 x) - 1. How many factors 2 are there?",
        ),
        ("returns the tangent", "np.tan(as_float(x))", "Which values can tanh take? Is there a pole?"),
        (
            "has the sign of the exponents reversed",
            "np.tanh(-as_float(x))",
            "Should the result for a positive number be positive?",
        ),
    ],
    equivalents=[
        ("NumPy's own", "np.tanh(x)"),
        ("rescaled sigmoid", "2 / (1 + np.exp(-2 * x)) - 1"),
        ("exponentials of negative numbers only", "e = np.exp(-2 * np.abs(x)); np.sign(x) * (1 - e) / (1 + e)"),
    ],
)

tanh_backward = question("tanh_backward", points=2)
check_elementwise(
    tanh_backward,
    grad=[1.0, 100.0, 2.0],
    x=[0.0, LN2, -1.0],
    hints={"example": "tanh(ln 2) is 0.6, so the slope there is 1 - 0.36."},
)
declare_variants(
    tanh_backward,
    "grad, x",
    mistakes=[
        *careless("(1 - np.tanh(x) ** 2)"),
        (  # AC-14
            "takes the input for the output",
            "as_float(grad) * (1 - x ** 2)",
            "1 - t^2 holds for the output t. Can the slope of tanh be negative?",
        ),
        ("forgets the square", "grad * (1 - np.tanh(x))", "What is the slope at x = -5, where the curve is flat?"),
        ("uses the formula of sigmoid", "t = np.tanh(x); grad * t * (1 - t)", "The slope at 0 is 1. What do you get?"),
        (
            "forgets the inner derivative",
            "s = 1 / (1 + np.exp(-2 * as_float(x))); 2 * grad * s * (1 - s)",
            "tanh(x) = 2 sigmoid(2 x) - 1. The chain rule gives a second factor.",
        ),
    ],
    equivalents=[
        ("one over the square of cosh", "grad / np.cosh(x) ** 2"),
        ("product of two factors", "t = np.tanh(x); grad * (1 - t) * (1 + t)"),
        ("derivative of the rescaled sigmoid", "s = 1 / (1 + np.exp(-2 * x)); 4 * grad * s * (1 - s)"),
    ],
)

gaussian = question("gaussian", points=2)
check_elementwise(
    gaussian,
    x=[0.0, 1.0, -1.0, 0.5],
    hints={"example": "gaussian(1) is 1 / e.", "far": "Is the sign inside the exponential right for both sides?"},
)
declare_variants(
    gaussian,
    "x",
    mistakes=[
        (
            "has 1/2 in the exponent",
            "np.exp(-as_float(x) ** 2 / 2)",
            "That is another convention. Which exponent does the statement name?",
        ),
        (
            "squares the minus sign away",
            "np.exp((-as_float(x)) ** 2)",
            "What is (-x) ** 2? Should far inputs give 0 or infinity?",
        ),
        ("forgets the square", "np.exp(-np.abs(as_float(x)))", "Compare 0.5 and 2 with the formula."),
        ("squares the exponential", "np.exp(-as_float(x)) ** 2", "The square belongs to x. Is your curve symmetric?"),
        (
            "normalises to a density",
            "np.exp(-as_float(x) ** 2) / math.sqrt(math.pi)",
            "The statement has no factor in front: what is the value at 0?",
        ),
    ],
    equivalents=[
        ("one over the exponential of the square", "1 / np.exp(np.square(as_float(x)))"),
        ("product instead of power", "np.exp(-x * x)"),
    ],
)

gaussian_backward = question("gaussian_backward", points=2)
check_elementwise(
    gaussian_backward,
    grad=[1.0, 1.0, 5.0],
    x=[1.0, -1.0, 0.5],
    hints={"example": "At x = 1 the slope is -2 / e."},
)
declare_variants(
    gaussian_backward,
    "grad, x",
    mistakes=[
        *careless("(-2 * x * np.exp(-(x**2)))"),
        (
            "forgets the inner derivative",
            "grad * np.exp(-as_float(x) ** 2)",
            "The slope at the top of the curve is 0. What do you get at x = 0?",
        ),
        (
            "has the wrong sign",
            "grad * 2 * x * np.exp(-as_float(x) ** 2)",
            "Does the curve rise or fall to the right of 0?",
        ),
        (
            "has 1/2 in the exponent",
            "grad * -x * np.exp(-as_float(x) ** 2 / 2)",
            "That is the derivative for another convention. Which exponent does the statement name?",
        ),
        ("forgets the factor 2", "grad * -x * np.exp(-as_float(x) ** 2)", "What is the derivative of x^2?"),
    ],
    equivalents=[
        ("quotient", "-2 * grad * x / np.exp(np.square(as_float(x)))"),
        ("product of three factors", "e = np.exp(-x * x); (grad * e) * (-2 * x)"),
    ],
)


# Rectifiers: relu, relu6, leaky_relu -----------------------------------------------------------

AT_ZERO = "That is another convention. Does the statement count 0 among the active inputs, `> 0` or `>= 0`?"

relu = question("relu", points=2)
check_elementwise(relu, x=[-2.0, 0.0, 3.0, 8.0, -0.1])


@relu.check("infinite inputs are legal", hint="What is -np.inf * 0?")
def _(rng):
    return [call(x=np.array([-np.inf, 1.5, -0.5, 0.3])), call(x=np.array([0.7, np.inf, -np.inf]))]


declare_variants(
    relu,
    "x",
    mistakes=[
        ("modifies its input", "x[x < 0] = 0; as_float(x)", "Keep a copy of the input and compare it."),  # AC-02
        ("multiplies with a mask", "as_float(x) * (x > 0)", "What is `-np.inf * 0`?"),  # AC-04
        ("returns the absolute value", "np.abs(as_float(x))", "What should become of -2?"),
        ("leaks", "x = as_float(x); np.where(x > 0, x, 0.01 * x)", "What should become of -2?"),
        ("keeps integers", "np.maximum(x, 0)", "Check `out.dtype` for integer input."),
        ("has the sides swapped", "np.minimum(as_float(x), 0)", "Which side passes, and which gives 0?"),
        (
            "compares with the largest entry",
            "np.asarray(np.maximum(as_float(x).max(), 0))",
            "Print the shapes of input and output. max and maximum are two functions.",
        ),
    ],
    equivalents=[
        ("choice per entry", "np.where(x > 0, x, 0.0)"),
        ("list of cases", "x = as_float(x); np.select([x > 0], [x], default=0)"),
        ("clip without an upper end", "np.clip(as_float(x), 0, None)"),
        ("zeros written into a copy", "y = np.array(x, dtype=as_float(x).dtype); y[y < 0] = 0; y"),
    ],
)

relu_backward = question("relu_backward", points=2)
check_elementwise(relu_backward, grad=[5.0, 5.0, 5.0, -5.0], x=[-2.0, 0.0, 3.0, 8.0], kinks=[0.0])
declare_variants(
    relu_backward,
    "grad, x",
    mistakes=[
        ("has the gradient 1 at 0", "as_float(grad) * (x >= 0)", AT_ZERO),  # AC-01
        (
            "modifies the upstream gradient",
            "grad[x <= 0] = 0; as_float(grad)",
            "Print `grad` after your call.",
        ),  # AC-03
        (  # AC-05
            "takes the mask from the gradient",
            "as_float(grad) * (grad > 0)",
            "Use a negative upstream gradient with a positive input.",
        ),
        (  # AC-06
            "ignores the upstream gradient",
            "x = as_float(x); (x > 0).astype(x.dtype)",
            "Double the upstream gradient. Does your output double?",
        ),
        ("passes every gradient on", "as_float(grad) + 0", "How does the output change when x goes from -2 to -1.9?"),
        (
            "uses the sign of the input",
            "as_float(grad) * np.sign(as_float(x))",
            "What is the slope of relu for negative inputs?",
        ),
        ("multiplies with the output", "as_float(grad) * np.maximum(x, 0)", "What is the slope of relu at x = 3?"),
    ],
    equivalents=[
        ("choice per entry", "np.where(x > 0, grad, 0.0)"),
        ("zeros written into a copy", "g = np.array(grad, dtype=as_float(grad).dtype); g[x <= 0] = 0; g"),
        ("mask as a factor", "as_float(grad) * (x > 0)"),
    ],
)

relu6 = question("relu6", points=2)
check_elementwise(relu6, x=[-2.0, 0.0, 3.0, 8.0, 5.9], spread=4.0)
declare_variants(
    relu6,
    "x",
    mistakes=[
        ("has no upper end", "np.maximum(as_float(x), 0)", "What is relu6(8)?"),
        ("has no lower end", "np.minimum(as_float(x), 6)", "What is relu6(-2)?"),
        ("has the two ends swapped", "np.maximum(np.minimum(as_float(x), 0), 6)", "What is relu6(3)?"),
        (
            "falls back to 0 above 6",
            "x = as_float(x); np.where((x > 0) & (x < 6), x, 0 * x)",
            "The function stays at 6 once it is there.",
        ),
        ("ends at 1", "np.clip(as_float(x), 0, 1)", "Where is the upper end?"),
        ("keeps integers", "np.clip(x, 0, 6)", "Check `out.dtype` for integer input."),
    ],
    equivalents=[
        ("minimum of maximum", "np.minimum(np.maximum(as_float(x), 0), 6)"),
        ("two choices", "np.where(x > 6, 6.0, np.where(x > 0, as_float(x), 0.0)).astype(as_float(x).dtype)"),
    ],
)

relu6_backward = question("relu6_backward", points=2)
check_elementwise(
    relu6_backward,
    grad=[5.0, 5.0, 5.0, -5.0],
    x=[-2.0, 3.0, 8.0, 1.0],
    kinks=[0.0, 6.0],
    spread=4.0,
    hints={"kinks": "Which inputs does the statement call active, at either end?"},
)
declare_variants(
    relu6_backward,
    "grad, x",
    mistakes=[
        *careless("((x > 0) & (x < 6)).astype(x.dtype)"),
        (  # AC-25
            "masks the upper end only",
            "as_float(grad) * (x < 6)",
            "How does the output change when x goes from -3 to -2.9?",
        ),
        ("masks the lower end only", "as_float(grad) * (x > 0)", "How does the output change from x = 8 to 8.1?"),
        ("has the gradient 1 at 0", "as_float(grad) * ((x >= 0) & (x < 6))", AT_ZERO),
        (
            "has the gradient 1 at 6",
            "as_float(grad) * ((x > 0) & (x <= 6))",
            "That is another convention. What does the statement say about x = 6?",
        ),
    ],
    equivalents=[
        ("choice per entry", "np.where((x > 0) & (x < 6), grad, 0.0)"),
        ("distance from the middle", "as_float(grad) * (np.abs(x - 3) < 3)"),
    ],
)

SLOPES = [{"negative_slope": 0.2}, {"negative_slope": 2.0}, {"negative_slope": 0}]

leaky_relu = question("leaky_relu", points=2)
check_elementwise(
    leaky_relu,
    x=[-2.0, 0.0, 3.0, 8.0],
    options=SLOPES,
    hints={"options": "Try slopes of 0, 0.2 and 2. Does your formula hold for each?"},
)
declare_variants(
    leaky_relu,
    "x, negative_slope=0.01",
    mistakes=[
        (  # AC-08
            "has a slope of the wrong sign",
            "np.where(x > 0, x, -negative_slope * x)",
            "What sign should the output of -2 have?",
        ),
        ("takes the larger of two", "np.maximum(negative_slope * x, x)", "Try a slope larger than 1."),  # AC-09
        ("does not leak", "np.maximum(as_float(x), 0)", "What should become of -2?"),
        ("ignores the slope", "np.where(x > 0, x, 0.01 * x)", "Call it with negative_slope=0.2."),
        ("scales both sides", "negative_slope * as_float(x)", "What should become of 3?"),
        ("leaks on the wrong side", "np.where(x < 0, x, negative_slope * x)", "Which side has the slope 1?"),
        ("returns the slope", "np.where(x > 0, as_float(x), negative_slope)", "How does -2 differ from -4?"),
    ],
    equivalents=[
        ("sum of two parts", "np.maximum(x, 0) + negative_slope * np.minimum(x, 0)"),
        ("scaled in a copy", "y = np.array(x, dtype=as_float(x).dtype); y[y < 0] *= negative_slope; y"),
    ],
)

leaky_relu_backward = question("leaky_relu_backward", points=2)
check_elementwise(leaky_relu_backward, grad=[5.0, 5.0, 5.0, -5.0], x=[-2.0, 0.0, 3.0, 8.0], kinks=[0.0], options=SLOPES)
declare_variants(
    leaky_relu_backward,
    "grad, x, negative_slope=0.01",
    mistakes=[
        *careless("np.where(x > 0, 1, negative_slope).astype(x.dtype)"),
        (  # AC-10
            "has the gradient 0 on the negative side",
            "np.where(x > 0, grad, 0.0)",
            "What is the slope of your forward function at -2?",
        ),
        ("has the gradient 1 at 0", "np.where(x >= 0, grad, negative_slope * grad)", AT_ZERO),
        (  # AC-05
            "takes the mask from the gradient",
            "np.where(grad > 0, grad, negative_slope * grad)",
            "Use a negative upstream gradient with a positive input.",
        ),
        (
            "returns the forward value on the negative side",
            "np.where(x > 0, grad, negative_slope * x)",
            "Is the derivative of s x for x equal to s x?",
        ),
        ("ignores the slope", "np.where(x > 0, grad, 0.01 * grad)", "Call it with negative_slope=0.2."),
        (
            "returns float64 for float32",
            "grad * np.where(x > 0, 1, negative_slope)",
            "Which dtype has np.where(x > 0, 1, 0.01)?",
        ),
    ],
    equivalents=[
        (
            "scaled in a copy",
            "g = np.array(grad, dtype=as_float(grad).dtype); g[x <= 0] *= negative_slope; g",
        ),
        ("sum of two parts", "as_float(grad) * (x > 0) + negative_slope * (as_float(grad) * (x <= 0))"),
    ],
)


# Slopes that are learned or drawn: prelu, rrelu ------------------------------------------------

AXES = ((3,), (1,), (1, 1), (4, 1), (3, 3), (2, 1, 4))  # one slope fits them all
CHANNELS = "Which axis of x holds the channels? Does `a` line up with it?"
ONE_SLOPE = {"a": np.array([0.25])}
OTHER_SLOPES = [{"a": np.array([2.0])}, {"a": np.array([-0.5])}]


def in_channels(rng):
    """Inputs and slopes with 3 channels on axis 1; in the last ones the other axes have length 3, too."""
    shapes = [(4, 3), (2, 3, 4), (2, 3, 2, 2), (3, 3), (2, 3, 3)]
    return [(rng.normal(size=s), rng.normal(size=s), rng.uniform(0.1, 0.9, size=3)) for s in shapes]


prelu = question("prelu", points=2)
check_elementwise(
    prelu,
    x=[-2.0, 3.0, -4.0, -1.0],
    given=ONE_SLOPE,
    options=OTHER_SLOPES,
    shapes=AXES,
    hints={"options": "Try a slope above 1, and a negative one."},
)


@prelu.check("one slope per channel, on axis 1", hint=CHANNELS)
def _(rng):
    return [call(x=x, a=a) for _, x, a in in_channels(rng)]


declare_variants(
    prelu,
    "x, a",
    mistakes=[
        (
            "has the channels on the last axis",
            "x = as_float(x); np.where(x > 0, x, a * x)",
            "Another convention. Which axis does the statement name, for `x` of shape (N, C, L)?",
        ),
        (  # AC-08
            "has slopes of the wrong sign",
            "np.where(x > 0, x, -per_channel(a, x) * x)",
            "What sign should the output of -2 have?",
        ),
        ("takes the larger of two", "np.maximum(per_channel(a, x) * x, x)", "Try a slope larger than 1."),  # AC-09
        ("uses the first slope only", "np.where(x > 0, x, a[0] * x)", "How many slopes can there be?"),
        ("uses the mean slope", "np.where(x > 0, x, a.mean() * x)", "Does every channel get its own slope?"),
        ("scales both sides", "per_channel(a, x) * as_float(x)", "What should become of 3?"),
    ],
    equivalents=[
        ("sum of two parts", "np.maximum(x, 0) + per_channel(a, x) * np.minimum(x, 0)"),
        (
            "channels moved to the end and back",
            """
            if x.ndim < 2:
                return np.where(x > 0, x, a * x)
            last = np.moveaxis(x, 1, -1)
            return np.moveaxis(np.where(last > 0, last, a * last), -1, 1)
            """,
        ),
    ],
)

prelu_backward = question("prelu_backward", points=3)
check_elementwise(
    prelu_backward,
    grad=[1.0, 1.0, 2.0, 1.0],
    x=[-2.0, 3.0, -4.0, -1.0],
    given=ONE_SLOPE,
    options=OTHER_SLOPES,
    kinks=[0.0],
    shapes=AXES,
    hints={
        "example": "The second gradient is a sum over all entries that use the slope.",
        "shapes": "Which shape has the gradient for `a`, whatever the shape of `x`?",
        "options": "Does the gradient for `x` depend on `a`, and that for `a` not?",
    },
)


@prelu_backward.check("one slope per channel, on axis 1", hint=CHANNELS)
def _(rng):
    return [call(grad=grad, x=x, a=a) for grad, x, a in in_channels(rng)]


def two(for_x: str = "", for_a: str = "") -> str:
    """The body of a prelu_backward in which one of the two results is wrong."""
    return f"""
        grad, x, s = as_float(grad), as_float(x), per_channel(a, x)
        axes = tuple(i for i in range(x.ndim) if i != 1 or len(a) == 1)
        for_x = {for_x or "np.where(x > 0, grad, s * grad)"}
        return for_x, {for_a or "(grad * np.minimum(x, 0)).sum(axes).reshape(-1)"}
    """


declare_variants(
    prelu_backward,
    "grad, x, a",
    mistakes=[
        (
            "takes the mean for the slopes",
            two(for_a="(grad * np.minimum(x, 0)).mean(axes).reshape(-1)"),
            "Every entry that uses a slope adds to its gradient. Should a second batch of the same data double it?",
        ),
        (
            "does not sum over the entries",
            two(for_a="grad * np.minimum(x, 0)"),
            "The gradient for `a` has the shape of `a`. Which entries share a slope?",
        ),
        (
            "lets positive inputs change the slope",
            two(for_a="(grad * x).sum(axes).reshape(-1)"),
            "Does the output for x = 3 depend on the slope?",
        ),
        (
            "ignores the upstream gradient for the slopes",
            two(for_a="np.minimum(x, 0).sum(axes).reshape(-1)"),
            "Double the upstream gradient. Do both results double?",
        ),
        (
            "sums over the samples only",
            two(for_a="(grad * np.minimum(x, 0)).sum(0).reshape(-1)"),
            "For `x` of shape (N, C, L): over which axes does one slope reach?",
        ),
        (
            "sums over all channels",
            two(for_a="np.full_like(a, (grad * np.minimum(x, 0)).sum(), dtype=grad.dtype)"),
            "Change the slope of channel 0. Does the output of channel 1 change?",
        ),
        (  # AC-10
            "has the gradient 0 on the negative side",
            two(for_x="np.where(x > 0, grad, 0 * grad)"),
            "What is the slope of your forward function at -2?",
        ),
        ("has the gradient 1 at 0", two(for_x="np.where(x >= 0, grad, s * grad)"), AT_ZERO),
        (
            "returns the gradients in the other order",
            two(for_x="(grad * np.minimum(x, 0)).sum(axes).reshape(-1)", for_a="np.where(x > 0, grad, s * grad)"),
            "Which gradient comes first in the statement?",
        ),
        (
            "returns the gradient for the input only",
            "np.where(x > 0, grad, per_channel(a, x) * grad)",
            "How many arrays does the statement ask for?",
        ),
    ],
    equivalents=[
        (
            "masked products",
            two(for_x="grad * (x > 0) + s * (grad * (x <= 0))", for_a="(grad * x * (x < 0)).sum(axes).reshape(-1)"),
        ),
        (
            "channels moved to the front",
            """
            g, x = as_float(grad), as_float(x)
            rows = (g * np.minimum(x, 0)).reshape(1, -1)
            if len(a) > 1:
                rows = np.moveaxis(g * np.minimum(x, 0), 1, 0).reshape(len(a), -1)
            return [np.where(x > 0, g, per_channel(a, x) * g), rows.sum(1)]
            """,
        ),
    ],
)

RANDOM = [
    {"lower": 0.1, "upper": 0.5},
    {"training": True, "rng": Generator(5)},
    {"lower": 0.05, "upper": 0.9, "training": True, "rng": Generator(6)},
    {"lower": 0.3, "upper": 0.3, "training": True, "rng": Generator(7)},
]
DRAWN = "slopes = np.asarray(rng.uniform(lower, upper, size=x.shape)).astype(as_float(x).dtype)"
MEAN = "slopes = rng.uniform(lower, upper, size=x.shape) if training else (lower + upper) / 2"
RRELU = "x, lower=1/8, upper=1/3, training=False, rng=None"
RANDOM_HINTS = {
    "options": "In training: one call of rng.uniform with size=x.shape. In evaluation: the mean of both ends.",
    "shapes": "Is the slope the same for every entry in evaluation? No generator is given there.",
}
SINGLE = {
    "title": "float32 stays float32, in evaluation and in training",
    "hint": "Which dtype have the numbers that the generator draws?",
}


def rrelu_with(slopes: str, result: str = "np.where(x > 0, x, slopes * x)") -> str:
    """A body that chooses slopes of the dtype of x, and the result."""
    return f"""
        x = as_float(x)
        {slopes}
        slopes = np.asarray(slopes).astype(x.dtype)
        return {result}
    """


rrelu = question("rrelu", points=3)
check_elementwise(rrelu, x=[-4.8, 2.0, -2.4], options=RANDOM, hints=RANDOM_HINTS)
rrelu.check(**SINGLE)(
    lambda rng: [call(x=rng.normal(size=(3, 4)).astype(np.float32), **options) for options in RANDOM[:2]]
)
declare_variants(
    rrelu,
    RRELU,
    mistakes=[
        (
            "uses the lower end in evaluation",
            rrelu_with("slopes = rng.uniform(lower, upper, size=x.shape) if training else lower"),
            "Which slope does the statement name for evaluation?",
        ),
        (
            "draws in evaluation as well",
            rrelu_with(
                "rng = rng if training else np.random.default_rng(0); slopes = rng.uniform(lower, upper, size=x.shape)"
            ),
            "In evaluation the same input must always give the same output.",
        ),
        (
            "draws one slope for all entries",
            rrelu_with("slopes = rng.uniform(lower, upper) if training else (lower + upper) / 2"),
            "Two equal negative entries: do they get the same slope in training?",
        ),
        (
            "never draws",
            rrelu_with("slopes = (lower + upper) / 2"),
            "What does the argument `training` change?",
        ),
        (
            "draws for negative entries only",
            rrelu_with(
                "slopes = np.full(x.shape, (lower + upper) / 2)\n"
                "        if training: slopes[x <= 0] = rng.uniform(lower, upper, size=(x <= 0).sum())"
            ),
            "How many numbers does the statement draw, and do positive entries count?",
        ),
        (
            "divides by the slope",
            rrelu_with(MEAN, "np.where(x > 0, x, x / slopes)"),
            "The paper divides by numbers from 3 to 8; that is another convention. What does the statement do?",
        ),
        (
            "ignores the ends",
            rrelu_with("slopes = rng.uniform(1/8, 1/3, size=x.shape) if training else 11/48"),
            "Call it with lower=0.1 and upper=0.5.",
        ),
        (
            "applies the slope to every entry",
            rrelu_with(MEAN, "slopes * x"),
            "What becomes of a positive entry?",
        ),
    ],
    equivalents=[
        (
            "rescaled numbers from 0 to 1",
            rrelu_with("slopes = lower + (upper - lower) * (rng.random(x.shape) if training else 0.5)"),
        ),
        ("sum of two parts", rrelu_with(MEAN, "np.maximum(x, 0) + slopes * np.minimum(x, 0)")),
    ],
)

rrelu_backward = question("rrelu_backward", points=2)
check_elementwise(
    rrelu_backward, grad=[4.8, 4.8, -2.4], x=[-4.8, 2.0, -2.4], options=RANDOM, kinks=[0.0], hints=RANDOM_HINTS
)
rrelu_backward.check(**SINGLE)(
    lambda rng: [
        call(grad=rng.normal(size=(3, 4)).astype(np.float32), x=rng.normal(size=(3, 4)).astype(np.float32), **options)
        for options in RANDOM[:2]
    ]
)
declare_variants(
    rrelu_backward,
    f"grad, {RRELU}",
    mistakes=[
        (
            "uses the mean slope in training",
            "np.where(x > 0, grad, (lower + upper) / 2 * grad)",
            "Which slopes did the forward pass use in training? The generator draws them again.",
        ),
        (
            "draws only for negative entries",
            rrelu_with(
                "slopes = np.full(x.shape, (lower + upper) / 2)\n"
                "        if training: slopes[x <= 0] = rng.uniform(lower, upper, size=(x <= 0).sum())",
                "np.where(x > 0, grad, slopes * grad)",
            ),
            "The same numbers come only if as many are drawn as in the forward pass.",
        ),
        (
            "returns the forward value on the negative side",
            rrelu_with(MEAN, "np.where(x > 0, grad, slopes * x)"),
            "Is the derivative of s x for x equal to s x?",
        ),
        (
            "has the gradient 0 on the negative side",
            "np.where(x > 0, grad, 0.0)",
            "What is the slope of the forward function at -2?",
        ),
        ("has the gradient 1 at 0", rrelu_with(MEAN, "np.where(x >= 0, grad, slopes * grad)"), AT_ZERO),
        (
            "ignores the upstream gradient",
            rrelu_with(MEAN, "np.where(x > 0, 1 + 0 * x, slopes)"),
            "Double the upstream gradient. Does your output double?",
        ),
        (
            "modifies the upstream gradient",
            rrelu_with(MEAN, "np.multiply(grad, np.where(x > 0, 1, slopes), out=as_float(grad), casting='same_kind')"),
            "Print the upstream gradient after your call.",
        ),
    ],
    equivalents=[
        (
            "scaled in a copy",
            rrelu_with(
                f"g = np.array(grad, dtype=as_float(grad).dtype); {MEAN}; slopes = np.broadcast_to(slopes, x.shape)",
                "np.where(x > 0, g, g * slopes)",
            ),
        ),
        (
            "rescaled numbers from 0 to 1",
            rrelu_with(
                "slopes = lower + (upper - lower) * (rng.random(x.shape) if training else 0.5)",
                "grad * np.where(x > 0, np.ones_like(x), slopes)",
            ),
        ),
    ],
)


# Exponential: elu, celu, selu ------------------------------------------------------------------

ALPHAS = [{"alpha": 2.0}, {"alpha": 0.3}, {"alpha": 3}]
OTHER_BRANCH = {"far": "What does the side that is not chosen contain for x = 800, and what happens to it?"}

elu = question("elu", points=2)
check_elementwise(elu, x=[-LN2, 0.0, 3.0], options=ALPHAS, hints=OTHER_BRANCH)
declare_variants(
    elu,
    "x, alpha=1.0",
    mistakes=[
        ("ignores alpha", "np.where(x > 0, x, np.exp(x) - 1)", "Where does the curve end on the left for alpha=2?"),
        (
            "scales only the exponential",
            "np.where(x > 0, x, alpha * np.exp(x) - 1)",
            "Do the two pieces meet at 0 for alpha=2?",
        ),
        ("forgets the -1", "np.where(x > 0, x, alpha * np.exp(x))", "Do the two pieces meet at 0?"),
        (
            "divides inside the exponential",
            "np.where(x > 0, x, alpha * (np.exp(x / alpha) - 1))",
            "That is another function of this notebook. Compare the formulas for alpha=2.",
        ),
        (
            "multiplies both sides with masks",
            "(x > 0) * x + (x <= 0) * alpha * (np.exp(x) - 1)",
            "What is 0 * np.inf? Try x = 800.",
        ),
        ("uses one piece for all", "alpha * (np.exp(as_float(x)) - 1)", "What should become of 3?"),
        (
            "has the sign of the exponent reversed",
            "np.where(x > 0, x, alpha * (np.exp(-x) - 1))",
            "What should become of -800?",
        ),
        (
            "writes into an integer array",
            "y = np.array(x); y[y < 0] = alpha * (np.exp(y[y < 0]) - 1); y",
            "Check `out.dtype` for integer input.",
        ),
    ],
    equivalents=[
        ("formula as it stands", "np.where(x > 0, x, alpha * (np.exp(x) - 1))"),
        ("sum of two parts", "np.maximum(x, 0) + np.minimum(0, alpha * (np.exp(x) - 1))"),
        ("expm1 of the negative part", "np.maximum(x, 0) + alpha * np.expm1(np.minimum(as_float(x), 0))"),
    ],
)

elu_backward = question("elu_backward", points=2)
check_elementwise(elu_backward, grad=[1.0, 1.0, -2.0], x=[-LN2, 3.0, -LN3], kinks=[0.0], options=ALPHAS)
declare_variants(
    elu_backward,
    "grad, x, alpha=1.0",
    mistakes=[
        *careless("np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0))).astype(x.dtype)"),
        (  # AC-19
            "returns the forward value on the negative side",
            "np.where(x > 0, grad, grad * alpha * (np.exp(x) - 1))",
            "Can the slope of ELU be negative?",
        ),
        (  # AC-20
            "takes alpha for 1",
            "np.where(x > 0, grad, grad * (1 + alpha * (np.exp(x) - 1)))",
            "Repeat your gradient check with alpha=2.",
        ),
        ("ignores alpha", "np.where(x > 0, grad, grad * np.exp(x))", "Repeat your gradient check with alpha=2."),
        ("uses one piece for all", "grad * alpha * np.exp(as_float(x))", "What is the slope at x = 3?"),
        ("has the slope of the positive side at 0", "np.where(x >= 0, grad, grad * alpha * np.exp(x))", AT_ZERO),
        (
            "multiplies both sides with masks",
            "grad * ((x > 0) + (x <= 0) * alpha * np.exp(as_float(x)))",
            "What is 0 * np.inf? Try x = 800.",
        ),
    ],
    equivalents=[
        ("formula as it stands", "np.where(x > 0, grad, grad * alpha * np.exp(x))"),
        ("output plus alpha", "np.where(x > 0, grad, grad * (alpha * np.expm1(np.minimum(x, 0)) + alpha))"),
    ],
)

celu = question("celu", points=2)
check_elementwise(celu, x=[-LN2, 0.0, 3.0], options=ALPHAS, hints=OTHER_BRANCH)
declare_variants(
    celu,
    "x, alpha=1.0",
    mistakes=[
        (
            "is elu",
            "np.where(x > 0, x, alpha * (np.exp(x) - 1))",
            "Where does alpha appear twice? Compare the slopes at 0 for alpha=2.",
        ),
        (
            "uses alpha inside only",
            "np.where(x > 0, x, np.exp(x / alpha) - 1)",
            "Where does the curve end on the left for alpha=2?",
        ),
        (
            "multiplies inside the exponential",
            "np.where(x > 0, x, alpha * (np.exp(x * alpha) - 1))",
            "What is the slope just left of 0 for alpha=2?",
        ),
        ("forgets the -1", "np.where(x > 0, x, alpha * np.exp(x / alpha))", "Do the two pieces meet at 0?"),
        ("ignores alpha", "np.where(x > 0, x, np.exp(x) - 1)", "Call it with alpha=2."),
        (
            "scales the positive side, too",
            "np.where(x > 0, alpha * as_float(x), alpha * (np.exp(x / alpha) - 1))",
            "What should become of 3?",
        ),
    ],
    equivalents=[
        ("formula as it stands", "np.where(x > 0, x, alpha * (np.exp(x / alpha) - 1))"),
        ("maximum plus minimum", "np.maximum(x, 0) + np.minimum(0, alpha * (np.exp(x / alpha) - 1))"),
    ],
)

celu_backward = question("celu_backward", points=2)
check_elementwise(celu_backward, grad=[1.0, 1.0, -2.0], x=[-LN2, 3.0, -LN3], options=ALPHAS)
declare_variants(
    celu_backward,
    "grad, x, alpha=1.0",
    mistakes=[
        *careless("np.exp(np.minimum(x, 0) / alpha)"),
        (
            "keeps the factor alpha",
            "np.where(x > 0, grad, grad * alpha * np.exp(x / alpha))",
            "The inner derivative is 1 / alpha. What is left of the factor in front?",
        ),
        (
            "divides by alpha",
            "np.where(x > 0, grad, grad * np.exp(x / alpha) / alpha)",
            "Write out the chain rule: there is one factor alpha and one 1 / alpha.",
        ),
        (
            "is elu's",
            "np.where(x > 0, grad, grad * alpha * np.exp(x))",
            "Repeat your gradient check with alpha=2.",
        ),
        ("ignores alpha", "np.where(x > 0, grad, grad * np.exp(x))", "Repeat your gradient check with alpha=2."),
        (  # after AC-19
            "returns the forward value on the negative side",
            "np.where(x > 0, grad, grad * (np.exp(x / alpha) - 1))",
            "Can the slope of CELU be negative?",
        ),
    ],
    equivalents=[
        ("formula as it stands", "np.where(x > 0, grad, grad * np.exp(x / alpha))"),
        ("one exponential for both sides", "grad * np.exp(np.minimum(x, 0) / alpha)"),
    ],
)

selu = question("selu", points=2)
check_elementwise(selu, x=[-LN2, 0.0, 1.0], hints=OTHER_BRANCH)
declare_variants(
    selu,
    "x",
    mistakes=[
        (
            "forgets lambda on the positive side",
            "np.where(x > 0, x, SELU_SCALE * SELU_ALPHA * (np.exp(x) - 1))",
            "What is selu(1)?",
        ),
        ("forgets lambda", "np.where(x > 0, x, SELU_ALPHA * (np.exp(x) - 1))", "What is selu(1)?"),
        (
            "forgets alpha",
            "SELU_SCALE * np.where(x > 0, x, np.exp(x) - 1)",
            "Where does the curve end on the left? It should be at -1.758.",
        ),
        (
            "has rounded constants",
            "1.05 * np.where(x > 0, x, 1.67 * (np.exp(x) - 1))",
            "How many digits do the constants have that are given?",
        ),
        (
            "has the constants swapped",
            "SELU_ALPHA * np.where(x > 0, x, SELU_SCALE * (np.exp(x) - 1))",
            "Which of the two constants multiplies both pieces?",
        ),
        (
            "puts alpha inside the exponential",
            "SELU_SCALE * np.where(x > 0, x, np.exp(SELU_ALPHA * x) - 1)",
            "Compare your result for -5 with the formula.",
        ),
    ],
    equivalents=[
        ("formula as it stands", "np.where(x > 0, SELU_SCALE * x, SELU_SCALE * SELU_ALPHA * (np.exp(x) - 1))"),
        (
            "sum of two parts",
            "SELU_SCALE * (np.maximum(x, 0) + SELU_ALPHA * np.expm1(np.minimum(as_float(x), 0)))",
        ),
    ],
)

selu_backward = question("selu_backward", points=2)
check_elementwise(selu_backward, grad=[1.0, 1.0, -2.0], x=[-LN2, 3.0, -LN3], kinks=[0.0])
declare_variants(
    selu_backward,
    "grad, x",
    mistakes=[
        *careless("np.where(x > 0, SELU_SCALE, SELU_SCALE * SELU_ALPHA * np.exp(np.minimum(x, 0))).astype(x.dtype)"),
        (
            "forgets lambda on the positive side",
            "np.where(x > 0, grad, grad * SELU_SCALE * SELU_ALPHA * np.exp(x))",
            "What is the slope at x = 1?",
        ),
        ("forgets lambda", "np.where(x > 0, grad, grad * SELU_ALPHA * np.exp(x))", "What is the slope at x = 1?"),
        ("forgets alpha", "np.where(x > 0, grad, grad * np.exp(x)) * SELU_SCALE", "What is the slope just left of 0?"),
        (  # AC-19
            "returns the forward value on the negative side",
            "np.where(x > 0, grad, grad * SELU_ALPHA * (np.exp(x) - 1)) * SELU_SCALE",
            "Can the slope of SELU be negative?",
        ),
        (
            "has the slope of the positive side at 0",
            "np.where(x >= 0, grad, grad * SELU_ALPHA * np.exp(x)) * SELU_SCALE",
            AT_ZERO,
        ),
    ],
    equivalents=[
        ("formula as it stands", "np.where(x > 0, SELU_SCALE * grad, SELU_SCALE * SELU_ALPHA * grad * np.exp(x))"),
        ("one factor at the end", "SELU_SCALE * np.where(x > 0, grad, grad * SELU_ALPHA * np.exp(np.minimum(x, 0)))"),
    ],
)


# Smooth: softplus, log_sigmoid, silu, gelu -----------------------------------------------------

BETAS = [{"beta": 2.0}, {"beta": 0.5}, {"beta": 2}]
# Between 20 and 27 PyTorch's switch to x would show.
BEYOND_THE_SWITCH = (15.0, 30.0, 100.0, 800.0)

softplus = question("softplus", points=2)
check_elementwise(
    softplus,
    x=[0.0, LN3, -1.0],
    options=BETAS,
    far=BEYOND_THE_SWITCH,
    hints={"far": "softplus(800) is 800 and softplus(-800) is 0. Which simple function is it close to on each side?"},
)
declare_variants(
    softplus,
    "x, beta=1.0",
    mistakes=[
        (  # AC-16
            "takes the exponential of large numbers",
            "np.log(1 + np.exp(beta * x)) / beta",
            "For large x, softplus is almost equal to which simple function?",
        ),
        (  # AC-17
            "repairs one side and breaks the other",
            "x + np.log(1 + 1 / np.exp(beta * x)) / beta",
            "You tested 800. Did you also test -800?",
        ),
        (  # AC-18
            "does not divide by beta",
            "np.logaddexp(0, beta * as_float(x))",
            "For large x the slope must be 1. Is it, for beta=2?",
        ),
        ("ignores beta", "np.logaddexp(0, as_float(x))", "Call it with beta=2. Does the result change?"),
        ("divides inside the exponential", "np.logaddexp(0, x / beta) * beta", "Does a large beta come close to relu?"),
        ("is relu", "np.maximum(as_float(x), 0)", "What is softplus(0)?"),
        (
            "uses a logarithm to base 2",
            "np.logaddexp2(0, beta * x * math.log2(math.e)) / beta",
            "What is softplus(0)? It should be 0.693.",
        ),
    ],
    equivalents=[
        ("maximum plus a small rest", "np.maximum(x, 0) + np.log1p(np.exp(-beta * np.abs(x))) / beta"),
        (
            "maximum taken out of the sum",
            "z = beta * as_float(x); m = np.maximum(z, 0)\n(m + np.log(np.exp(-m) + np.exp(z - m))) / beta",
        ),
        ("switch to x above 20", "z = beta * x; np.where(z > 20, x, np.log1p(np.exp(np.minimum(z, 20))) / beta)"),
    ],
)

softplus_backward = question("softplus_backward", points=2)
check_elementwise(softplus_backward, grad=[1.0, 4.0, 2.0], x=[0.0, LN3, -1.0], options=BETAS, far=BEYOND_THE_SWITCH)
declare_variants(
    softplus_backward,
    "grad, x, beta=1.0",
    mistakes=[
        *careless("(1 / (1 + np.exp(-beta * x)))"),
        (
            "multiplies by beta",
            "grad * beta / (1 + np.exp(-beta * as_float(x)))",
            "The inner derivative is beta, and 1 / beta stands in front. What is left?",
        ),
        (
            "divides by beta",
            "grad / beta / (1 + np.exp(-beta * as_float(x)))",
            "The inner derivative is beta, and 1 / beta stands in front. What is left?",
        ),
        ("ignores beta", "grad / (1 + np.exp(-as_float(x)))", "Repeat your gradient check with beta=2."),
        (  # AC-11
            "divides two large exponentials",
            "e = np.exp(beta * as_float(x)); grad * e / (1 + e)",
            "What is inf / inf? Try x = 800.",
        ),
        (
            "has the sign of the exponent reversed",
            "grad / (1 + np.exp(beta * as_float(x)))",
            "Is softplus steep on the right or on the left?",
        ),
    ],
    equivalents=[
        ("1 / (1 + exp(-beta x))", "grad / (1 + np.exp(-beta * x))"),
        ("half of one plus tanh", "grad * (1 + np.tanh(beta * x / 2)) / 2"),
    ],
)

log_sigmoid = question("log_sigmoid", points=2)
check_elementwise(
    log_sigmoid,
    x=[0.0, LN3, -1.0],
    hints={"far": "log_sigmoid(-800) is -800. Can you avoid forming the probability?"},
)
declare_variants(
    log_sigmoid,
    "x",
    mistakes=[
        (  # LS-01
            "takes the logarithm of the finished sigmoid",
            "np.log(1 / (1 + np.exp(-as_float(x))))",
            "What is sigmoid(-800) in float64, and its logarithm?",
        ),
        (  # LS-02
            "adds a small constant inside the logarithm",
            f"np.log({S} + 1e-12)",
            "What is the smallest value that your function can return?",
        ),
        (  # AC-17
            "repairs one side and breaks the other",
            "x - np.log(1 + np.exp(as_float(x)))",
            "You tested -800. Did you also test 800?",
        ),
        ("has the wrong sign", "np.logaddexp(0, -as_float(x))", "Can the logarithm of a probability be positive?"),
        (
            "forgets both minus signs",
            "np.logaddexp(0, as_float(x))",
            "That is softplus. How are the two related?",
        ),
        (
            "uses a logarithm to base 2",
            "-np.logaddexp(0, -as_float(x)) / math.log(2)",
            "What is log_sigmoid(0)? It should be -0.693.",
        ),
    ],
    equivalents=[
        ("minus logaddexp", "-np.logaddexp(0, -x)"),
        ("minimum minus a small rest", "np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))"),
    ],
)

log_sigmoid_backward = question("log_sigmoid_backward", points=2)
check_elementwise(
    log_sigmoid_backward,
    grad=[1.0, 4.0, 2.0],
    x=[0.0, LN3, -1.0],
    hints={"far": "Far to the left the slope is 1, far to the right 0. Which quotient of exponentials survives both?"},
)
declare_variants(
    log_sigmoid_backward,
    "grad, x",
    mistakes=[
        *careless("(1 / (1 + np.exp(x)))"),
        (
            "has the sign of the exponent reversed",
            f"grad * {S}",
            "Is log-sigmoid steep on the left or on the right?",
        ),
        (
            "returns the derivative of sigmoid",
            f"grad * {S} * (1 - {S})",
            "The logarithm adds a factor 1 / s. What is left?",
        ),
        (
            "divides the derivative of sigmoid by sigmoid",
            "s = 1 / (1 + np.exp(-as_float(x))); grad * (s * (1 - s)) / s",
            "What is sigmoid(-800), and what is 0 / 0? Cancel first.",
        ),
        (  # AC-11
            "divides two large exponentials",
            "e = np.exp(-as_float(x)); grad * e / (1 + e)",
            "What is inf / inf? Try x = -800.",
        ),
        ("has the wrong sign", "-grad / (1 + np.exp(as_float(x)))", "Does log-sigmoid rise or fall?"),
    ],
    equivalents=[
        ("one minus sigmoid", "grad * (1 - 1 / (1 + np.exp(-x)))"),
        ("1 / (1 + exp(x))", "grad / (1 + np.exp(x))"),
    ],
)

silu = question("silu", points=2)
check_elementwise(silu, x=[0.0, LN3, -1.0])
declare_variants(
    silu,
    "x",
    mistakes=[
        ("returns the gate only", S, "Which two factors does silu have?"),
        (  # AC-11
            "divides two large exponentials",
            "x * np.exp(x) / (1 + np.exp(x))",
            "What is inf / inf? Try x = 800.",
        ),
        (
            "has the sign of the exponent reversed",
            "x / (1 + np.exp(as_float(x)))",
            "Should silu(5) be near 5 or near 0?",
        ),
        ("uses tanh as the gate", "x * np.tanh(as_float(x))", "What is silu(-5)? The gate should be closed there."),
        (
            "scales the gate",
            "x / (1 + np.exp(-1.702 * as_float(x)))",
            "1.702 belongs to an approximation of another function of this section.",
        ),
        (
            "cuts the negative side off",
            f"np.maximum(as_float(x), 0) * {S}",
            "What is silu(-1)?",
        ),
    ],
    equivalents=[
        ("quotient", "x / (1 + np.exp(-x))"),
        ("gate from tanh", "0.5 * x * (1 + np.tanh(x / 2))"),
    ],
)

silu_backward = question("silu_backward", points=2)
check_elementwise(silu_backward, grad=[1.0, 4.0, 2.0], x=[0.0, LN3, -1.0], hints={"example": "The slope at 0 is 0.5."})
declare_variants(
    silu_backward,
    "grad, x",
    mistakes=[
        *careless(f"({S} * (1 + x * (1 - {S})))"),
        (  # AC-23
            "forgets one term of the product rule",
            f"grad * {S} * (1 - {S})",
            "Differentiate u v. How many terms are there?",
        ),
        (
            "takes the gate for a constant",
            f"grad * {S}",
            "Does the gate change with x?",
        ),
        (
            "forgets the factor x",
            f"s = {S}; grad * (s + s * (1 - s))",
            "Differentiate u v: what stands beside the derivative of the gate? The slope at 0 is 0.5.",
        ),
        (
            "has a wrong sign in the product rule",
            f"s = {S}; grad * (s - x * s * (1 - s))",
            "For which x should the slope be largest: a positive or a negative one?",
        ),
        (
            "takes the input for the gate",
            "as_float(grad) * (x + x * x * (1 - x))",
            "The formula is written with s = sigmoid(x). Where is it computed?",
        ),
    ],
    equivalents=[
        ("through the output", "s = 1 / (1 + np.exp(-x)); y = x * s; grad * (y + s * (1 - y))"),
        ("one factor in front", "s = 1 / (1 + np.exp(-x)); grad * s * (1 + x * (1 - s))"),
    ],
)

CDF = "(1 + erf(as_float(x) / math.sqrt(2))) / 2"
DENSITY = "np.exp(-as_float(x) ** 2 / 2) / math.sqrt(2 * math.pi)"
NDTR = "x = as_float(x); cdf = torch.special.ndtr(torch.tensor(x)).numpy()"

gelu = question("gelu", points=2)
check_elementwise(gelu, x=[0.0, 1.0, -1.0, 2.3])
declare_variants(
    gelu,
    "x",
    mistakes=[
        (  # AC-22
            "uses the tanh approximation",
            "x = as_float(x); .5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + .044715 * x**3)))",
            "There are two definitions. Which one does the statement name: erf or tanh?",
        ),
        (
            "uses the sigmoid approximation",
            "x / (1 + np.exp(-1.702 * as_float(x)))",
            "There is an approximation with 1.702. Which definition does the statement name?",
        ),
        (
            "forgets the root of 2",
            "x = as_float(x); x / 2 * (1 + erf(x))",
            "How does Phi, with standard deviation 1, follow from erf?",
        ),
        (
            "forgets the half",
            f"x * 2 * ({CDF})",
            "What is gelu(10)? It should be near 10.",
        ),
        ("returns the gate only", CDF, "Which two factors does gelu have?"),
        (
            "uses the density as the gate",
            f"x * {DENSITY}",
            "Phi is the distribution function. What is gelu(10)?",
        ),
    ],
    equivalents=[
        ("distribution function from torch", f"{NDTR}; x * cdf"),
        (
            "error function of Python",
            "x = as_float(x); f = np.vectorize(math.erf, otypes=[float])\n"
            "(x * 0.5 * (1 + f(x / math.sqrt(2)))).astype(x.dtype)",
        ),
        ("half the input plus its erf share", "x = as_float(x); x / 2 + x / 2 * erf(x * math.sqrt(0.5))"),
    ],
)

gelu_backward = question("gelu_backward", points=2)
check_elementwise(gelu_backward, grad=[1.0, 1.0, 2.0], x=[0.0, 1.0, -1.0], hints={"example": "The slope at 0 is 0.5."})
declare_variants(
    gelu_backward,
    "grad, x",
    mistakes=[
        *careless(f"({CDF} + x * {DENSITY})"),
        (  # after AC-23
            "takes the gate for a constant",
            f"grad * ({CDF})",
            "Differentiate u v. How many terms are there?",
        ),
        (
            "forgets the factor x",
            f"grad * ({CDF} + {DENSITY})",
            "What stands beside the derivative of the gate? The slope at 0 is 0.5.",
        ),
        (
            "forgets to normalise the density",
            f"grad * ({CDF} + x * np.exp(-as_float(x) ** 2 / 2))",
            "The density at 0 is 0.399. What do you get?",
        ),
        (
            "has a wrong sign in the product rule",
            f"grad * ({CDF} - x * {DENSITY})",
            "The slope at 1 is above 1. Is yours?",
        ),
        (  # after AC-22
            "differentiates the tanh approximation",
            """
            x = as_float(x)
            t = np.tanh(math.sqrt(2 / math.pi) * (x + .044715 * x**3))
            inner = math.sqrt(2 / math.pi) * (1 + 3 * .044715 * x**2)
            return grad * (.5 * (1 + t) + .5 * x * (1 - t**2) * inner)
            """,
            "There are two definitions. Which one does the statement name: erf or tanh?",
        ),
        (
            "forgets the half in the exponent",
            f"grad * ({CDF} + x * np.exp(-as_float(x) ** 2) / math.sqrt(2 * math.pi))",
            "Compare your density at 1 with 0.242.",
        ),
    ],
    equivalents=[
        ("distribution function from torch", f"{NDTR}; grad * (cdf + x * {DENSITY})"),
        ("two products", f"grad * ({CDF}) + (grad * x) * ({DENSITY})"),
    ],
)


for _q, _hint in (
    (sigmoid, "What is np.exp(800.0) / np.exp(800.0)?"),
    (softplus, "What is np.log(np.exp(800.0))?"),
    (log_sigmoid, "What is np.log(1 / np.exp(800.0))?"),
):
    _q.check("800 and -800 give neither nan nor a wrong infinity", public=True, hint=_hint)(
        lambda rng: call(x=np.array([800.0, 0.3, -800.0]))
    )


# Several pieces: srelu, crelu, maxout ----------------------------------------------------------

PIECES = {"t_left": -1, "a_left": 0.1, "t_right": 2, "a_right": 0.5}
OTHER_PIECES = [
    {"t_left": -0.5, "a_left": 2.0, "t_right": 0.5, "a_right": -0.3},
    {"t_left": 0.0, "a_left": 0.0, "t_right": 6.0, "a_right": 0.0},
    {"t_left": 1.0, "a_left": 0.7, "t_right": 3.0, "a_right": 1.5},
]
SRELU = "x, t_left, a_left, t_right, a_right"

srelu = question("srelu", points=2)
check_elementwise(
    srelu,
    x=[-3.0, 0.5, 4.0],
    given=PIECES,
    options=OTHER_PIECES,
    spread=3.0,
    hints={"options": "Do the pieces meet at both thresholds, whatever the slopes are?"},
)
declare_variants(
    srelu,
    SRELU,
    mistakes=[
        (
            "jumps at the thresholds",
            "np.where(x <= t_left, a_left * x, np.where(x >= t_right, a_right * x, x))",
            "Do the pieces meet at x = t_right? What is the value of each there?",
        ),
        (
            "has the slopes swapped",
            "np.where(x <= t_left, t_left + a_right * (x - t_left),"
            " np.where(x >= t_right, t_right + a_left * (x - t_right), as_float(x)))",
            "Which slope belongs to the right piece?",
        ),
        (
            "is flat outside",
            "np.clip(as_float(x), t_left, t_right)",
            "How does the output change when x goes from 4 to 5?",
        ),
        (
            "forgets the left piece",
            "np.where(x >= t_right, t_right + a_right * (x - t_right), x)",
            "What should become of -3?",
        ),
        (
            "adds the slopes to that of the middle",
            "x + a_left * np.minimum(x - t_left, 0) + a_right * np.maximum(x - t_right, 0)",
            "What is the slope on the right: a_right or 1 + a_right?",
        ),
        (
            "measures from zero on the right",
            "np.where(x <= t_left, t_left + a_left * (x - t_left),"
            " np.where(x >= t_right, t_right + a_right * as_float(x), x))",
            "How far is x beyond the threshold?",
        ),
    ],
    equivalents=[
        (
            "clipped middle plus two rests",
            "np.clip(as_float(x), t_left, t_right) + a_left * np.minimum(x - t_left, 0)"
            " + a_right * np.maximum(x - t_right, 0)",
        ),
        (
            "pieces written into a copy",
            """
            x = as_float(x)
            y = x.copy()
            low, high = x <= t_left, x >= t_right
            y[low] = t_left + a_left * (x[low] - t_left)
            y[high] = t_right + a_right * (x[high] - t_right)
            return y
            """,
        ),
    ],
)

srelu_backward = question("srelu_backward", points=2)
check_elementwise(
    srelu_backward,
    grad=[1.0, 1.0, 2.0],
    x=[-3.0, 0.5, 4.0],
    given=PIECES,
    options=OTHER_PIECES,
    kinks=[-1.0, 2.0],
    spread=3.0,
    hints={"kinks": "Does a threshold belong to the middle piece or to the outer one?"},
)
declare_variants(
    srelu_backward,
    f"grad, {SRELU}",
    mistakes=[
        *careless("np.where(x <= t_left, a_left, np.where(x >= t_right, a_right, 1)).astype(x.dtype)"),
        (
            "counts the thresholds to the middle",
            "np.where(x < t_left, a_left * grad, np.where(x > t_right, a_right * grad, grad))",
            "That is another convention. Which piece does the statement choose at the thresholds?",
        ),
        (
            "has the slopes swapped",
            "np.where(x <= t_left, a_right * grad, np.where(x >= t_right, a_left * grad, grad))",
            "Which slope belongs to the right piece?",
        ),
        (  # after AC-25
            "has the gradient 0 outside",
            "np.where((x > t_left) & (x < t_right), grad, 0.0)",
            "How does the output change when x goes from 4 to 5?",
        ),
        (
            "forgets the left piece",
            "np.where(x >= t_right, a_right * grad, grad)",
            "How does the output change when x goes from -4 to -3?",
        ),
        (
            "returns float64 for float32",
            "grad * np.where(x <= t_left, a_left, np.where(x >= t_right, a_right, 1.0))",
            "Which dtype has np.where(x > 0, 1, 0.1)?",
        ),
    ],
    equivalents=[
        (
            "scaled in a copy",
            """
            g = np.array(grad, dtype=as_float(grad).dtype)
            g[x <= t_left] *= a_left
            g[x >= t_right] *= a_right
            return g
            """,
        ),
        (
            "three masked terms",
            "g = as_float(grad); a_left * (g * (x <= t_left)) + a_right * (g * (x >= t_right))"
            " + g * ((x > t_left) & (x < t_right))",
        ),
    ],
)

crelu = question("crelu", points=2)
check_elementwise(
    crelu,
    x=[2.0, -3.0, 0.0],
    shapes=AXES,
    hints={"shapes": "Which axis is twice as long in the result?"},
)
declare_variants(
    crelu,
    "x",
    mistakes=[
        (
            "keeps the negative half negative",
            "x = as_float(x); np.concatenate([np.maximum(x, 0), np.minimum(x, 0)], -1)",
            "relu(-x) is never negative.",
        ),
        (
            "doubles the first axis",
            "x = as_float(x); np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], 0)",
            "Which shape has the result for (4, 3)?",
        ),
        (
            "adds a new axis",
            "x = as_float(x); np.stack([np.maximum(x, 0), np.maximum(-x, 0)], -1)",
            "Which shape has the result for (4, 3): (4, 6) or (4, 3, 2)?",
        ),
        (
            "interleaves the halves",
            "x = as_float(x); np.stack([np.maximum(x, 0), np.maximum(-x, 0)], -1).reshape(*x.shape[:-1], -1)",
            "In which order do the numbers of [2, -3] appear in the worked example?",
        ),
        (
            "has the halves swapped",
            "x = as_float(x); np.concatenate([np.maximum(-x, 0), np.maximum(x, 0)], -1)",
            "Which half comes first?",
        ),
        (
            "repeats the positive half",
            "x = as_float(x); np.concatenate([np.maximum(x, 0), np.maximum(x, 0)], -1)",
            "Can the input be recovered from your result?",
        ),
        (
            "adds the halves",
            "np.abs(as_float(x))",
            "How many numbers come out of 3?",
        ),
    ],
    equivalents=[
        ("rectifier of both signs", "x = as_float(x); np.maximum(np.concatenate([x, -x], axis=-1), 0)"),
        (
            "halves written into an array",
            """
            x = as_float(x)
            y = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
            y[..., : x.shape[-1]] = np.where(x > 0, x, 0)
            y[..., x.shape[-1] :] = np.where(x < 0, -x, 0)
            return y
            """,
        ),
    ],
)

HALVES = "x = as_float(x); p, n = np.split(as_float(grad), 2, axis=-1)"

crelu_backward = question("crelu_backward", points=2)
check_elementwise(
    crelu_backward,
    grad=[1.0, 2.0, 3.0, 4.0],
    x=[2.0, -3.0],
    kinks=[0.0],
    shapes=AXES,
    widen=2,
    hints={"kinks": "At 0 neither half passes a gradient.", "shapes": "Which axis of `grad` holds the two halves?"},
)
declare_variants(
    crelu_backward,
    "grad, x",
    mistakes=[
        ("adds the halves", f"{HALVES}; p * (x > 0) + n * (x < 0)", "relu(-x): what is its derivative for x = -3?"),
        ("uses the first half only", f"{HALVES}; p * (x > 0)", "Which outputs depend on a negative entry?"),
        ("has the halves swapped", f"{HALVES}; n * (x > 0) - p * (x < 0)", "Which half comes first in the output?"),
        (
            "ignores the signs of the inputs",
            f"{HALVES}; p - n",
            "A positive entry changes only one of its two outputs. Which one?",
        ),
        (
            "passes a gradient at 0",
            f"{HALVES}; np.where(x > 0, p, -n)",
            "At 0 both derivatives are 0. Which branch takes x = 0 in your code?",
        ),
        (
            "splits the first axis",
            "x = as_float(x); p, n = np.split(as_float(grad), 2, axis=0); p * (x > 0) - n * (x < 0)",
            "Which axis did the forward pass double?",
        ),
        (
            "takes every second number",
            "g = as_float(grad); g[..., ::2] * (x > 0) - g[..., 1::2] * (x < 0)",
            "In which order did the forward pass put the halves?",
        ),
        (  # AC-06
            "ignores the upstream gradient",
            "np.sign(as_float(x))",
            "Double the upstream gradient. Does your output double?",
        ),
    ],
    equivalents=[
        ("masked difference", f"{HALVES}; p * (x > 0) - n * (x < 0)"),
        ("two choices", f"{HALVES}; np.where(x > 0, p, 0) + np.where(x < 0, -n, 0)"),
    ],
)


def maxout_inputs(rng, n=4, d=3, k=5, m=2):
    """Inputs x (N, D), w (K, D, M), b (K, M), without any two equal lengths by default."""
    return {"x": rng.normal(size=(n, d)), "w": rng.normal(size=(k, d, m)), "b": rng.normal(size=(k, m))}


def maxout_of(rng, backward, ask=call, dtype=None, **sizes):
    """A probe of maxout, or of its backward function with a random gradient."""
    arguments = maxout_inputs(rng, **sizes)
    if backward:
        shape = (len(arguments["x"]), arguments["b"].shape[1])
        arguments = {"grad": rng.normal(size=shape), **arguments}
    if dtype is not None:
        scale = 4 if dtype is int else 1
        arguments = {
            key: np.rint(v * scale).astype(int) if scale > 1 else v.astype(dtype) for key, v in arguments.items()
        }
    return ask(**arguments)


BY_HAND = {
    "x": np.array([[1.0, 2.0]]),
    "w": np.array([[[1.0], [0.0]], [[0.0], [1.0]]]),
    "b": np.array([[0.0], [-0.5]]),
}
SMALL_SIZES = [{"n": 1}, {"d": 1}, {"m": 1}, {"k": 1}, {"n": 1, "d": 1, "k": 2, "m": 1}]


def check_maxout(q, backward):
    """The checks that maxout and its backward function share."""
    by_hand = {"grad": np.array([[4.0]]), **BY_HAND} if backward else BY_HAND

    @q.check("the worked example", public=True, hint="Compute x @ w[k] + b[k] for each k. Which piece wins?")
    def _(rng):
        return call(**by_hand)

    @q.check("every unit of every sample has its own winner", hint="Over which axis do the pieces compete?")
    def _(rng):
        return [maxout_of(rng, backward), maxout_of(rng, backward, n=3, d=3, k=3, m=3)]

    @q.check("one sample, input, unit or piece", hint="Which shapes do the two sides of each operation have?")
    def _(rng):
        return [maxout_of(rng, backward, **sizes) for sizes in SMALL_SIZES]

    @q.check("biases decide, too", hint="Give one piece a bias of 100. Does it win everywhere?")
    def _(rng):
        inputs = maxout_inputs(rng) | {"b": 10 * rng.normal(size=(5, 2))}
        return call(**({"grad": rng.normal(size=(4, 2))} if backward else {}), **inputs)

    @q.check(
        "float32 stays float32, integers become floats", hint="Which dtype has each array that you create on the way?"
    )
    def _(rng):
        # 4 (x, w, b of a few integers): two pieces are rarely equal, and the first one wins if they are.
        return [maxout_of(rng, backward, dtype=np.float32), maxout_of(rng, backward, dtype=int)]

    @q.check(
        "a second call gives the same answer and inputs stay as they were",
        hint="Compare your input before and after the call.",
    )
    def _(rng):
        return maxout_of(rng, backward, ask=call_twice)


maxout = question("maxout", points=3)
check_maxout(maxout, backward=False)
Z = "z = as_float(x) @ as_float(w) + as_float(b)[:, None]"
declare_variants(
    maxout,
    "x, w, b",
    mistakes=[
        ("forgets the biases", "(as_float(x) @ w).max(0)", "Where does b enter?"),
        ("sums the pieces", f"{Z}; z.sum(0)", "How many pieces does the result use?"),
        ("takes the mean of the pieces", f"{Z}; z.mean(0)", "Is your result a linear function of x?"),
        ("takes the smallest piece", f"{Z}; z.min(0)", "Which piece wins?"),
        ("lets the units compete", f"{Z}; z.max(2)", "Which axis of z holds the pieces? Print the result's shape."),
        ("returns all pieces", Z + "; z", "Which axis disappears?"),
        (
            "rectifies as well",
            f"{Z}; np.maximum(z.max(0), 0)",
            "Can the result be negative when all pieces are?",
        ),
        (
            "adds the largest bias to the largest product",
            "(as_float(x) @ w).max(0) + as_float(b).max(0)",
            "Which comes first: adding the bias, or choosing the largest?",
        ),
    ],
    equivalents=[
        ("einsum", "(np.einsum('nd,kdm->nkm', as_float(x), as_float(w)) + b).max(axis=1)"),
        (
            "running maximum over the pieces",
            """
            y = as_float(x) @ w[0] + b[0]
            for k in range(1, len(w)):
                y = np.maximum(y, as_float(x) @ w[k] + b[k])
            return y
            """,
        ),
        ("one large matrix", "np.max(np.tensordot(as_float(x), as_float(w), (1, 1)) + b, axis=1)"),
    ],
)

maxout_backward = question("maxout_backward", points=4)
check_maxout(maxout_backward, backward=True)


@maxout_backward.check("of equal pieces the first one counts", hint="Which piece does np.argmax choose?")
def _(rng):
    inputs = maxout_inputs(rng, n=3, d=2, k=3, m=2)
    twin = np.array([[1.0, -1.0], [0.5, 2.0]])
    inputs |= {
        "x": np.array([[1.0, 2.0], [-1.0, 1.0], [3.0, 1.0]]),
        "w": np.stack([-twin, twin, 2 * twin - twin[::-1]]),
    }
    # All pieces are 0 at x = (1, 1) and x = (0, 0); at the others one wins.
    corners = np.array([[0.0, 0.0], [1.0, 2.0], [-2.0, 0.5]])
    return [
        call(grad=rng.normal(size=(3, 2)), **(inputs | {"x": corners, "b": np.zeros((3, 2))})),
        call(grad=rng.normal(size=(3, 2)), **inputs),
    ]


WON = "won = np.arange(len(w))[:, None, None] == z.argmax(0)"
PASSED = "(np.where(won, as_float(grad), 0) @ as_float(w).swapaxes(1, 2)).sum(0).astype(z.dtype)"
declare_variants(
    maxout_backward,
    "grad, x, w, b",
    mistakes=[
        (
            "lets every piece pass the gradient",
            "(as_float(grad) @ as_float(w).swapaxes(1, 2)).sum(0)",
            "Which pieces change the output when x changes a little?",
        ),
        (
            "forgets the biases when it chooses",
            f"z = as_float(x) @ as_float(w); {WON}; {PASSED}",
            "Which pieces won in the forward pass?",
        ),
        (
            "takes one winner for the whole batch",
            f"{Z}; z = np.broadcast_to(z.sum(1, keepdims=True), z.shape); {WON}; {PASSED}",
            "Can two samples have different winners?",
        ),
        (
            "takes one winner for all units",
            f"{Z}; won = np.arange(len(w))[:, None] == z.sum(2).argmax(0); won = won[..., None]; {PASSED}",
            "Can two units have different winners?",
        ),
        (  # AC-06
            "ignores the upstream gradient",
            f"{Z}; {WON}; (won.astype(z.dtype) @ as_float(w).swapaxes(1, 2)).sum(0)",
            "Double the upstream gradient. Does your output double?",
        ),
        (
            "shares the gradient among equal pieces",
            f"{Z}; won = z == z.max(0); {PASSED}",
            "When several pieces are equal, how many pass the gradient on? Another convention is not the one here.",
        ),
        (
            "takes the smallest piece",
            f"{Z}; z = -z; {WON}; {PASSED}",
            "Which piece won in the forward pass?",
        ),
        (  # after AC-05
            "looks for the winner in the gradient",
            f"{Z}; z = z * as_float(grad); {WON}; {PASSED}",
            "Does the winner depend on the upstream gradient?",
        ),
    ],
    equivalents=[
        (
            "einsum",
            f"{Z}; hot = (z == z.max(0)) & (np.cumsum(z == z.max(0), 0) == 1)\n"
            "np.einsum('nm,knm,kdm->nd', as_float(grad), hot.astype(z.dtype), as_float(w))",
        ),
        (
            "one piece after the other",
            f"""
            {Z}
            k = z.argmax(0)
            out = np.zeros(x.shape, z.dtype)
            for j in range(len(w)):
                out += (as_float(grad) * (k == j)) @ as_float(w[j]).T
            return out
            """,
        ),
        (
            "weights picked by index",
            f"{Z}; won = as_float(w)[z.argmax(0), :, np.arange(b.shape[1])]; (won * as_float(grad)[..., None]).sum(1)",
        ),
    ],
)


# Dead units ------------------------------------------------------------------------------------

dead_units = question("dead_units", points=2)


@dead_units.check("the worked example", public=True, hint="Which columns are negative in both rows?")
def _(rng):
    return call(np.array([[-1, 2, -3], [-2, -1, -4]]))


def layer(rng, n, d, dead):
    """Inputs of d units, of which the share `dead` is negative in all n rows, the others not."""
    x = rng.normal(size=(n, d))
    x[0] = np.abs(x[0])
    columns = rng.permutation(d)[: round(d * dead)]
    x[:, columns] = -np.abs(x[:, columns]) - 0.01
    return x


@dead_units.check("a share between 0 and 1 of many units", hint="How many columns does the result count, of how many?")
def _(rng):
    shares = [(8, 20, 0.35), (5, 7, 3 / 7), (30, 12, 1.0), (6, 9, 0.0), (4, 4, 0.75)]
    return [call(pre_activations=layer(rng, n, d, share)) for n, d, share in shares]


@dead_units.check("one sample, or one unit", hint="Over which axis must all entries be negative?")
def _(rng):
    row = layer(rng, 1, 7, 3 / 7)
    return [call(pre_activations=row), call(pre_activations=row.T), call(pre_activations=-1 - rng.random((4, 1)))]


@dead_units.check(
    "an exact 0 is not negative", hint="Another convention counts 0 as dead. What does the statement say?"
)
def _(rng):
    x = layer(rng, 5, 6, 4 / 6)
    dead = np.flatnonzero((x < 0).all(axis=0))
    x[2, dead[:1]] = 0
    return [call(pre_activations=x), call(pre_activations=np.array([[0.0, -1.0, -2.0], [-3.0, -1.0, 0.0]]))]


@dead_units.check("float32 and integers", hint="Which type has the result, whatever that of the input?")
def _(rng):
    x = layer(rng, 6, 9, 4 / 9)
    return [call(pre_activations=x.astype(np.float32)), call(pre_activations=np.floor(4 * x).astype(int))]


@dead_units.check(
    "a second call gives the same answer and inputs stay as they were",
    hint="Compare your input before and after the call.",
)
def _(rng):
    return call_twice(pre_activations=layer(rng, 4, 5, 0.4))


declare_variants(
    dead_units,
    "pre_activations",
    mistakes=[
        (
            "counts negative entries",
            "float(np.mean(pre_activations < 0))",
            "A unit that is negative for one sample only is alive. Does your result know units?",
        ),
        (
            "asks for one negative sample",
            "float(np.mean((pre_activations < 0).any(axis=0)))",
            "How many samples must be negative: one or all?",
        ),
        (
            "looks along the units",
            "float(np.mean((pre_activations < 0).all(axis=1)))",
            "Does your result count rows or columns?",
        ),
        (
            "counts 0 as negative",
            "float(np.mean((pre_activations <= 0).all(axis=0)))",
            "That is another convention. What does the statement say about an exact 0?",
        ),
        (
            "returns the number of dead units",
            "float((pre_activations < 0).all(axis=0).sum())",
            "A share is asked for. By which number do you divide?",
        ),
        (
            "divides by the number of samples",
            "float((pre_activations < 0).all(axis=0).sum() / len(pre_activations))",
            "Of how many things is it a share?",
        ),
        (
            "returns the share of living units",
            "float(np.mean((pre_activations >= 0).any(axis=0)))",
            "All units are dead: should the result be 0 or 1?",
        ),
        (
            "looks at the mean over the samples",
            "float(np.mean(pre_activations.mean(axis=0) < 0))",
            "A unit with one large positive and many negative inputs: is it dead?",
        ),
    ],
    equivalents=[
        ("largest input below 0", "(pre_activations.max(axis=0) < 0).mean()"),
        ("counted by hand", "sum((pre_activations >= 0).sum(axis=0) == 0) / pre_activations.shape[1]"),
    ],
)


# Looking back ----------------------------------------------------------------------------------

range_of_sigmoid = question("range_of_sigmoid", points=1, kind="value")
range_of_tanh = question("range_of_tanh", points=1, kind="value")
range_of_relu = question("range_of_relu", points=1, kind="value")
range_of_elu = question("range_of_elu", points=1, kind="value")
for _ends, _far in (
    (range_of_sigmoid, "What does sigmoid approach for x = 100, and for x = -100?"),
    (range_of_tanh, "What does tanh approach for x = 100, and for x = -100?"),
    (range_of_relu, "What is relu(-100), and what is relu(10 ** 9)?"),
    (range_of_elu, "What does elu approach for x = -100, and for x = 10 ** 9?"),
):
    _ends.check("both ends of the range", hint=_far)(lambda rng: value())

range_of_sigmoid.wrong((-1.0, 1.0), "gives the range of tanh", hint="Is sigmoid(-100) negative?")
range_of_sigmoid.wrong((0.0, 0.25), "gives the range of the derivative", hint="The question is about the function.")
range_of_sigmoid.wrong((1.0, 0.0), "gives the highest end first", hint="Which end comes first in the tuple?")
range_of_tanh.wrong((0.0, 1.0), "gives the range of sigmoid", hint="What is tanh(-100)?")
range_of_tanh.wrong((-0.5, 0.5), "shifts sigmoid without stretching it", hint="tanh(x) = 2 sigmoid(2 x) - 1.")
range_of_relu.wrong((0.0, 1.0), "gives the range of the derivative", hint="The question is about the function.")
range_of_relu.wrong((-1.0, 1.0), "gives the range of tanh", hint="What is relu(-100), and what is relu(100)?")
range_of_elu.wrong((-1.0, 1.0), "gives the range of tanh", hint="What is elu(100)?")
range_of_elu.wrong((0.0, 1.0), "gives the range of the derivative", hint="The question is about the function.")


def _everything():
    return (-np.inf, np.inf)


def _positive():
    return (0.0, np.inf)


range_of_relu.mistake("overlooks the lower end", hint="Can relu return -100?")(_everything)
range_of_elu.mistake("overlooks the lower end", hint="What does elu(-100) come near to?")(_everything)
range_of_elu.mistake("gives the range of relu", hint="Is elu(-1) negative?")(_positive)

zero_centred_activation = question("zero_centred_activation", points=1, kind="value")
zero_centred_activation.check(
    "the activation whose outputs are spread evenly around 0",
    hint="Compare f(x) and f(-x): when do the two cancel?",
)(lambda rng: value())
for _letter, _name in (("a", "sigmoid"), ("b", "ReLU"), ("d", "softplus"), ("e", "the Gaussian")):
    zero_centred_activation.wrong(_letter, f"chooses {_name}", hint="Can its outputs be negative at all?")

saturating_activation = question("saturating_activation", points=1, kind="value")
saturating_activation.check(
    "the activation that is flat on both sides",
    hint="Look at the dashed lines in the first figure. Which one goes to 0 on the left and on the right?",
)(lambda rng: value())
for _letter, _name in (("b", "ELU"), ("c", "SiLU"), ("e", "softplus")):
    saturating_activation.wrong(_letter, f"chooses {_name}", hint="What is its slope for large positive inputs?")
saturating_activation.wrong("a", "chooses leaky ReLU", hint="Is its slope 0 on either side?")


# PyTorch: torch_relu, torch_elu ----------------------------------------------------------------

TORCH_HINTS = {
    "example": "Is every step from x to the result a torch operation?",
    "dtypes": "Is there a .float(), or a new tensor? For integers, is a float involved anywhere?",
}

#: `relu`, `elu` and their relatives; `relu6` runs as `hardtanh`.
NO_RELATIVES = Forbids(operators=("*elu*", "threshold*", "hardtanh*"))
BY_HAND = "built without the library's relu, elu and relatives"

torch_relu = question("torch_relu", points=3, kind="torch", forbids=NO_RELATIVES)
check_torch(torch_relu, lambda rng: gradient(x=tensor(rng.normal(size=(2, 3)))), by_hand=BY_HAND, points=1.5)
check_elementwise(torch_relu, x=[-2.0, 3.0, 8.0, -0.1], hints=TORCH_HINTS)


@torch_relu.check("infinite inputs are legal", hint="What is -inf * 0, in the value and in the gradient?")
def _(rng):
    infinite = np.array([-np.inf, 1.5, -0.5, np.inf])
    return [call(x=tensor(infinite[:3])), gradient(x=tensor(infinite))]


declare_variants(
    torch_relu,
    "x",
    mistakes=[
        ("cuts the graph", "torch.where(x > 0, x, 0.0).detach()", "Does your result have a `grad_fn`?"),
        ("multiplies with a mask", "x * 1.0 * (x > 0)", "What is -inf * 0?"),  # AC-04
        (
            "modifies its input",
            "x.data[x.data < 0] = 0; x * 1.0",
            "Print your input before and after the call.",
        ),
        ("converts to float32", "torch.where(x > 0, x, 0.0).float()", "Compare `x.dtype` and `out.dtype`."),
        ("returns the absolute value", "(x * 1.0).abs()", "What should become of -2?"),
        ("leaks", "torch.where(x > 0, x, 0.01 * x)", "What should become of -2?"),
        (
            "computes in NumPy",
            "torch.from_numpy(np.maximum(x.detach().cpu().numpy(), 0)).to(x.device)",
            "Autograd follows torch operations only. Where does it lose x?",
        ),
        ("keeps integers", "torch.where(x > 0, x, 0)", "Compare `x.dtype` and `out.dtype` for integers."),
    ],
    equivalents=[
        ("clamp", "x.clamp(min=0.0)"),  # AC-07: only the gradient at 0 differs
        ("maximum with zeros", "x = x * 1.0; torch.maximum(x, torch.zeros_like(x))"),  # AC-07
        ("masked fill", "(x * 1.0).masked_fill(x <= 0, 0.0)"),
    ],
)

torch_elu = question("torch_elu", points=3, kind="torch", forbids=NO_RELATIVES)
check_torch(torch_elu, lambda rng: gradient(x=tensor(rng.normal(size=(2, 3)))), by_hand=BY_HAND, points=1.5)
check_elementwise(
    torch_elu,
    x=[-LN2, 3.0, -1.0],
    options=ALPHAS,
    hints={
        **TORCH_HINTS,
        "far": "Print x.grad for x = 800. What does the branch contain that was not chosen, and what is 0 * inf?",
    },
)


@torch_elu.check(
    "the gradient for 800 is 1", public=True, hint="What is the gradient of torch.exp(x) at 800, and what is 0 * inf?"
)
def _(rng):
    return gradient(x=tensor([800.0, 0.5, -1.0, -800.0]))


declare_variants(
    torch_elu,
    "x, alpha=1.0",
    mistakes=[
        (  # AC-21
            "lets the other branch overflow",
            "torch.where(x > 0, x, alpha * (torch.exp(x) - 1))",
            "What does the branch that was not chosen contain, and what happens to its gradient?",
        ),
        (
            "multiplies both sides with masks",
            "(x > 0) * x + (x <= 0) * alpha * (torch.exp(x) - 1)",
            "What is 0 * inf? Try x = 800.",
        ),
        (
            "ignores alpha",
            "torch.where(x > 0, x, torch.expm1(x.clamp(max=0)))",
            "Where does the curve end on the left for alpha=2?",
        ),
        (
            "cuts the graph of the negative side",
            "torch.where(x > 0, x, alpha * torch.expm1(x.detach().clamp(max=0)))",
            "What is the gradient for a negative input?",
        ),
        (
            "scales only the exponential",
            "torch.where(x > 0, x, alpha * torch.exp(x.clamp(max=0)) - 1)",
            "Do the two pieces meet at 0 for alpha=2?",
        ),
        (
            "stops at a bound",
            "torch.where(x > 0, x, alpha * torch.expm1(x.clamp(-1, 0)))",
            "What is the gradient of clamp beyond its ends? Try x = -2.",
        ),
        (
            "converts to float32",
            "x = x.float(); torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))",
            "Compare `x.dtype` and `out.dtype` for a float64 tensor.",
        ),
        (
            "modifies its input",
            "x = x if x.is_floating_point() else x.float(); x.data[x.data > 100] = 100\n"
            "x.data[x.data < 0] -= 1e-9; torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))",
            "Print your input before and after the call.",
        ),
    ],
    equivalents=[
        ("sum of two clamps", "x.clamp(min=0) + alpha * torch.expm1(x.clamp(max=0))"),
        (
            "exponential of a minimum",
            "low = torch.minimum(x, torch.zeros_like(x)); torch.where(x > 0, x, alpha * (torch.exp(low) - 1))",
        ),
        (
            "input replaced before the exponential",
            "safe = torch.where(x > 0, torch.zeros_like(x), x); torch.where(x > 0, x, alpha * (safe.exp() - 1))",
        ),
    ],
)


# PyTorch: Rectifier ----------------------------------------------------------------------------

Rectifier = question("Rectifier", points=4, kind="torch")


def rectify(values, dtype="float64"):
    """Output and gradient of Rectifier.apply at these values."""
    return gradient(tensor(values, dtype), wrt="0", method="apply")


check_torch(Rectifier, lambda rng: rectify(rng.normal(size=(2, 3))))


@Rectifier.check("output and gradient of ordinary numbers", public=True, hint="What does backward multiply grad with?")
def _(rng):
    return rectify(np.array([-2.0, 3.0, -0.5, 1.5]))


@Rectifier.check(
    "the gradient at 0 is 0", hint="This derivative is written by hand. What does the statement say about 0?"
)
def _(rng):
    return rectify(np.concatenate([np.zeros(2), rng.normal(size=4)]))


@Rectifier.check("tensors of any shape", hint="Does each result depend on its own entry only?")
def _(rng):
    return [rectify(rng.normal(size=shape)) for shape in [(), (1,), (6,), (3, 3), (2, 1, 4)]]


@Rectifier.check("large and infinite numbers", hint="What is -inf * 0?")
def _(rng):
    far = np.array([-800.0, 800.0, -30.0, 30.0]) * rng.uniform(0.9, 1.1, size=4)
    return [rectify(far), rectify(np.array([-np.inf, 0.5, -1.5]))]


@Rectifier.check("float32 stays float32", hint="Which dtype has each tensor that you create on the way?")
def _(rng):
    return rectify(rng.normal(size=(3, 4)), "float32")


@Rectifier.check(
    "a second call gives the same answer and inputs stay as they were",
    hint="Compare your input before and after the call.",
)
def _(rng):
    return call_twice(tensor(np.array([-1.0, 2.0, -3.0]) * rng.uniform(0.5, 1.5, size=3)), method="apply")


@Rectifier.mistake(  # AC-06
    "ignores the upstream gradient", hint="Multiply the output by 5. Does x.grad become 5 times as large?"
)
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.where(x > 0, x, 0.0)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return (x > 0).to(grad.dtype)

    return Rectifier


@Rectifier.mistake("has the gradient 1 at 0", hint=AT_ZERO)  # AC-01
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.where(x > 0, x, 0.0)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return torch.where(x >= 0, grad, 0.0)

    return Rectifier


@Rectifier.mistake("passes every gradient on", hint="How does the output change when x goes from -2 to -1.9?")
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.where(x > 0, x, 0.0)

        @staticmethod
        def backward(ctx, grad):
            return grad

    return Rectifier


@Rectifier.mistake(  # AC-05
    "takes the mask from the gradient", hint="Use a negative upstream gradient with a positive input."
)
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.where(x > 0, x, 0.0)

        @staticmethod
        def backward(ctx, grad):
            return torch.where(grad > 0, grad, 0.0)

    return Rectifier


@Rectifier.mistake("modifies its input", hint="Print your input before and after the call.")  # AC-02
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x > 0)
            x[x < 0] = 0
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            (mask,) = ctx.saved_tensors
            return grad * mask

    return Rectifier


@Rectifier.mistake("multiplies with a mask", hint="What is -inf * 0?")  # AC-04
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * (x > 0)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (x > 0)

    return Rectifier


@Rectifier.mistake(  # AC-03
    "modifies the upstream gradient and returns nothing", hint="backward hands the gradient over with return."
)
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.where(x > 0, x, 0.0)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            grad[x <= 0] = 0

    return Rectifier


@Rectifier.equivalent("the mask is saved")
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mask = x > 0
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.mask

    return Rectifier


@Rectifier.equivalent("forward and setup_context apart")
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return torch.clamp(x, min=0)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (x > 0).to(grad.dtype)

    return Rectifier


@Rectifier.equivalent("the output is saved")
def _():
    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = torch.maximum(x, torch.zeros_like(x))
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, grad):
            (y,) = ctx.saved_tensors
            grad = grad.clone()
            grad[y == 0] = 0
            return grad

    return Rectifier


# PyTorch: PReLU --------------------------------------------------------------------------------

PReLU = question("PReLU", points=4, kind="torch")


def layer_of(rng, slopes, shape):
    """A PReLU with these slopes on an input of this shape, forward and backward."""
    state = {"weight": tensor(np.array(slopes), "float32")}
    return module(call(num_parameters=len(slopes)), tensor(rng.normal(size=shape), "float32"), state=state)


@PReLU.check("output and gradients of two channels", public=True, hint="Compare with prelu and prelu_backward.")
def _(rng):
    x = tensor([[-2.0, 3.0], [-4.0, -1.0]], "float32")
    return module(call(num_parameters=2), x, state={"weight": tensor([0.5, 0.1], "float32")})


@PReLU.check("the slopes start at init and are a Parameter", hint="What is PReLU().weight, by type, shape and value?")
def _(rng):
    x = tensor(-1 - rng.random(size=(2, 3)), "float32")
    return [
        steps(call(), do("forward", x), watch=("weight",)),
        steps(call(num_parameters=3, init=0.4), do("forward", x), watch=("weight",)),
        steps(call(3, 0.1), do("forward", x), watch=("weight",)),
    ]


@PReLU.check("state_dict() holds the slopes as weight", hint="Print PReLU(3).state_dict().")
def _(rng):
    return [module(call()), module(call(num_parameters=3)), layer_of(rng, [0.3], (4, 2))]


@PReLU.check("channels are on axis 1", hint=CHANNELS)
def _(rng):
    slopes = rng.uniform(0.1, 0.9, size=3)
    return [layer_of(rng, slopes, shape) for shape in [(4, 3), (2, 3, 4), (2, 3, 2, 2), (3, 3), (2, 3, 3)]]


@PReLU.check("one slope serves inputs of any shape", hint="Does the gradient for the slope sum over all entries?")
def _(rng):
    return [layer_of(rng, [0.3], shape) for shape in [(5,), (4, 2), (2, 3, 4)]]


@PReLU.check("slopes above 1 and below 0", hint="Does your formula choose by the sign of x?")
def _(rng):
    return [layer_of(rng, [2.0, -0.5], (5, 2)), layer_of(rng, [1.5], (6,))]


@PReLU.mistake("keeps the slopes as an ordinary tensor", hint="Print list(PReLU().parameters()).")
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.weight = torch.full((num_parameters,), init, requires_grad=True)

        def forward(self, x):
            return torch.where(x > 0, x, per_channel(self.weight, x) * x)

    return PReLU


@PReLU.mistake(
    "registers the slopes as a buffer", hint="An optimizer sees parameters() only. Are the slopes among them?"
)
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.register_buffer("weight", torch.full((num_parameters,), init))

        def forward(self, x):
            return torch.where(x > 0, x, per_channel(self.weight, x) * x)

    return PReLU


@PReLU.mistake(
    "has another name for the slopes", hint="Print the keys of state_dict(). Which name does the statement give?"
)
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.a = torch.nn.Parameter(torch.full((num_parameters,), init))

        def forward(self, x):
            return torch.where(x > 0, x, per_channel(self.a, x) * x)

    return PReLU


@PReLU.mistake(
    "has the channels on the last axis", hint="Another convention. Which axis does the statement name for (N, C, L)?"
)
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((num_parameters,), init))

        def forward(self, x):
            return torch.where(x > 0, x, self.weight * x)

    return PReLU


@PReLU.mistake("cuts the slopes off the graph", hint="Is PReLU().weight.grad there after backward()?")
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((num_parameters,), init))

        def forward(self, x):
            return torch.where(x > 0, x, per_channel(self.weight.detach(), x) * x)

    return PReLU


@PReLU.mistake("ignores init", hint="Print PReLU(3, init=0.1).weight.")
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(num_parameters))

        def forward(self, x):
            return torch.where(x > 0, x, per_channel(self.weight, x) * x)

    return PReLU


@PReLU.mistake("has one slope only", hint="Print PReLU(3).weight.shape.")
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor([init]))

        def forward(self, x):
            return torch.where(x > 0, x, self.weight * x)

    return PReLU


@PReLU.mistake("takes the larger of two", hint="Try a slope larger than 1.")  # AC-09
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((num_parameters,), init))

        def forward(self, x):
            return torch.maximum(x, per_channel(self.weight, x) * x)

    return PReLU


@PReLU.equivalent("sum of two clamps")
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            super().__init__()
            self.weight = torch.nn.Parameter(init * torch.ones(num_parameters))

        def forward(self, x):
            return x.clamp(min=0) + per_channel(self.weight, x) * x.clamp(max=0)

    return PReLU


@PReLU.equivalent("registered by name, channels moved to the end and back")
def _():
    class PReLU(torch.nn.Module):
        def __init__(self, num_parameters=1, init=0.25):
            torch.nn.Module.__init__(self)
            self.register_parameter("weight", torch.nn.Parameter(torch.full([num_parameters], float(init))))

        def forward(self, x):
            if x.ndim < 2:
                return torch.where(x > 0, x, self.weight * x)
            last = x.movedim(1, -1)
            return torch.where(last > 0, last, self.weight * last).movedim(-1, 1)

    return PReLU


# Mutants that compute the same -----------------------------------------------------------------

SAME_AT_ZERO = "Both branches are 0 at x = 0."
SAME_VALUE_AT_ZERO = "Both branches are 0 at x = 0, and the statement does not ask autograd's gradient there."
NOT_CHOSEN = "Below 0 nothing changes; above 0 `where` takes the other branch, so an overflow there only warns."
SAME_AT_THRESHOLD = "Both branches are the threshold itself there."
ELU = "return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))"
ELU_BACKWARD = "return np.where(x > 0, grad, grad * (alpha * np.exp(np.minimum(x, 0))))"
SRELU = "return np.where(x <= t_left, left, np.where(x >= t_right, right, x))"
TORCH_ELU = "return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))"

for changed, line, old, new, why in [
    (leaky_relu, "return np.where(x > 0, x, negative_slope * x)", "x > 0", "x >= 0", SAME_AT_ZERO),
    (prelu, "return np.where(x > 0, x, per_channel(a, x) * x)", "x > 0", "x >= 0", SAME_AT_ZERO),
    (rrelu, "return np.where(x > 0, x, slopes * x)", "x > 0", "x >= 0", SAME_AT_ZERO),
    (elu, ELU, "x > 0", "x >= 0", SAME_AT_ZERO),
    (elu, ELU, "np.minimum(x, 0)", "x", NOT_CHOSEN),
    (elu, ELU, "np.minimum(x, 0)", "np.minimum(x, 1)", NOT_CHOSEN),
    (elu_backward, ELU_BACKWARD, "np.minimum(x, 0)", "x", NOT_CHOSEN),
    (elu_backward, ELU_BACKWARD, "np.minimum(x, 0)", "np.minimum(x, 1)", NOT_CHOSEN),
    (srelu, SRELU, "x <= t_left", "x < t_left", SAME_AT_THRESHOLD),
    (srelu, SRELU, "x >= t_right", "x > t_right", SAME_AT_THRESHOLD),
    (torch_relu, "return torch.where(x > 0, x, 0.0)", "x > 0", "x >= 0", SAME_VALUE_AT_ZERO),
    (torch_elu, TORCH_ELU, "x > 0", "x >= 0", SAME_VALUE_AT_ZERO),
    (torch_elu, TORCH_ELU, "max=0", "max=1", "The clamped branch is chosen below 0 only, and stays finite above."),
    (Rectifier, "return torch.where(x > 0, x, 0.0)", "x > 0", "x >= 0", "The derivative is written by hand elsewhere."),
    (PReLU, "return torch.where(x > 0, x, per_channel(self.weight, x) * x)", "x > 0", "x >= 0", SAME_VALUE_AT_ZERO),
]:
    changed.equivalent_mutant(f"{line} -> {line.replace(old, new)}", reason=why)

# The error function that the notebook hands out is PyTorch's.
check_numpy_alone(gelu, gelu_backward)
