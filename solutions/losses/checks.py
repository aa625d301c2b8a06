"""Questions, checks, mistakes and equivalents of the assignment on losses; 100 points and 12 of extra credit.

Nearly every question is a loss with a reduction or its backward. `check_reduced` declares what they share, from
ordinary inputs and the code of single losses (`each`) and their derivatives (`slope`). That code is written in another
style than the reference. It never runs here: each row becomes a cell of a notebook that has `np`, `torch`, `math` and
`as_floats`. A name such as LR-06 in a comment is an entry in the team's list of misconceptions. `check_reduced` itself
writes CE-04 (adds up where the mean is asked for) for every loss, and LR-06 (does not divide by the number of losses),
LR-08 (has the opposite sign), AC-03 (writes into the upstream gradient) and AC-06 (ignores it) for the backward.
"""

from __future__ import annotations

import numpy as np

from autograder.course import (
    Far,
    Forbids,
    Tolerance,
    call,
    call_twice,
    check_numpy_alone,
    check_reduced,
    check_torch,
    declare_variants,
    gradient,
    question,
    tensor,
    value,
)


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
    [{"x": np.array([1e200, -3e200, 5e199]), "y": np.array([-1e200, 1e200, -2e199])}],
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
            "a": (
                "overlooks the kink of the absolute value",
                "Which slope has |r| just left of 0, and just right of it?",
            ),
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
            "b": (
                "confuses accuracy with its gradient",
                "How much does accuracy change when one score grows a little?",
            ),
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
    mistakes=[
        ("subtracts before it converts", "return reduced(abs(x - y) * x.dtype.type(1), reduction)", UINT),
        (
            "returns float64 for float32",
            "return reduced(abs(np.array(x, float) - y), reduction)",
            "Compare the dtype of your result with that of a float32 input.",
        ),
    ],
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
    far=[
        Far(
            "far predictions",
            "A residual of 1e120 has a finite square.",
            [{"x": np.array([1e120, 3.0]), "y": np.zeros(2)}],
        )
    ],
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
    *rmse, "x, y", draw=residuals, example={"x": np.array([3.0, 1.0]), "y": np.array([0.0, 5.0])}, far=[EQUAL]
)
#: Root of mean, sum or single squares; the lines after it return `root` or the gradient.
RMSE = """
x, y = as_floats(x, y)
square = (x - y) ** 2
square = square.mean() if reduction == "mean" else square.sum() if reduction == "sum" else square
root = np.sqrt(square)
count = x.size if reduction == "mean" else 1
safe = np.maximum(root, np.finfo(x.dtype).tiny)
"""
declare_variants(
    rmse[0],
    "x, y, reduction='mean'",
    mistakes=[
        ("forgets the root", RMSE + "square", "In which unit is the result, if the targets are metres?"),
        (
            "takes the root first, then the mean",
            "x, y = as_floats(x, y)\nreduced(np.sqrt((x - y) ** 2), reduction)",
            "Root of the mean, or mean of the roots? Compare both for the worked example.",
        ),
        ("divides the sum by the count again", RMSE + "root / count", "Where is the mean: inside or outside the root?"),
        (
            "adds a small constant inside the root",
            RMSE + "np.sqrt(square + 1e-6)",
            "What is the loss of a perfect prediction?",
        ),
        (
            "returns one number whatever the reduction",
            RMSE + "np.sqrt(np.mean((x - y) ** 2))",
            "What is asked for 'none'?",
        ),
    ],
    equivalents=[
        (
            "length of the residual vector",
            "x, y = as_floats(x, y)\n"
            "length, root = np.linalg.norm((x - y).ravel()), x.dtype.type(x.size) ** 0.5\n"
            "abs(x - y) if reduction == 'none' else length / root if reduction == 'mean' else length",
        ),
        (
            "power of one half",
            "x, y = as_floats(x, y)\ns = np.square(x - y)\n"
            "(s if reduction == 'none' else s.sum() / (s.size if reduction == 'mean' else 1)) ** 0.5",
        ),
    ],
)
declare_variants(
    rmse[1],
    "grad, x, y, reduction='mean'",
    mistakes=[
        (
            "gives the gradient of the mean squared error",
            RMSE + "np.asarray(grad, x.dtype) * 2 * (x - y) / count",
            "Differentiate the root as well. What is the derivative of sqrt(s)?",
        ),
        (
            "divides by zero",
            RMSE + "np.asarray(grad, x.dtype) * (x - y) / (root * count)",
            "What if all residuals are 0?",
        ),
        (
            "keeps a factor 2",
            RMSE + "np.asarray(grad, x.dtype) * 2 * (x - y) / (safe * count)",
            "The 2 of the square and the 1/2 of the root: what remains?",
        ),
        (
            "has the opposite sign",
            RMSE + "np.asarray(grad, x.dtype) * (y - x) / (safe * count)",
            "Take a small step against your gradient. Does the loss go down?",
        ),
        (  # LR-06
            "does not divide by the number of elements",
            RMSE + "np.asarray(grad, x.dtype) * (x - y) / safe",
            "Write every sample twice. Should each of them still pull as hard?",
        ),
        (
            "ignores the upstream gradient",
            RMSE + "0 * np.asarray(grad, x.dtype) + (x - y) / (safe * count)",
            "Double the upstream gradient. Does your answer double?",
        ),
    ],
    equivalents=[
        ("residual over loss and count", RMSE + "np.asarray(grad, x.dtype) * ((x - y) / (safe * count))"),
        (
            "perfect predictions apart",
            RMSE + "if reduction == 'none':\n    return np.asarray(grad, x.dtype) * np.sign(x - y)\n"
            "np.zeros_like(x) if root == 0 else np.asarray(grad, x.dtype) * (x - y) / (root * count)",
        ),
    ],
)

best_constant = question("best_constant", points=3)


@best_constant.check("the worked example", public=True, hint="Which constant makes the residuals add up to 0?")
def _(rng):
    return [call(y=np.array([1, 2, 3, 100]), loss=loss) for loss in ("mse", "mae")]


@best_constant.check("the best constant for squared errors", hint="Set the derivative of the sum of squares to 0.")
def _(rng):
    return [call(y=3 + rng.normal(size=n), loss="mse") for n in (1, 2, 5, 8)]


@best_constant.check(
    "the best constant for absolute errors, odd and even counts",
    hint="As many targets lie above it as below. What if their number is even?",
)
def _(rng):
    return [call(y=3 + 2 * rng.normal(size=n), loss="mae") for n in (1, 2, 5, 8)]


@best_constant.check("one target far away", hint="Does every target count, and as much as the text says?")
def _(rng):
    return [call(y=np.append(rng.normal(size=6), 1e6), loss=loss) for loss in ("mse", "mae")]


@best_constant.check("float32 stays float32, integers become float64", hint="Print the dtype of your result.")
def _(rng):
    single = 1 + rng.normal(size=(2, 6)).astype(np.float32)
    whole = [rng.permutation([1, 4, 2, 9]), rng.permutation([3, 4, 8, 9, 200]).astype(np.uint8)]
    return [call(y=y, loss=loss) for y in (*single, *whole) for loss in ("mse", "mae")]


@best_constant.check(
    "a second call gives the same answer and inputs stay as they were", hint="Is y still in its order?"
)
def _(rng):
    return [call_twice(y=rng.normal(size=6), loss=loss) for loss in ("mse", "mae")]


declare_variants(
    best_constant,
    "y, loss",
    mistakes=[
        (
            "has mean and median the wrong way round",
            "(y,) = as_floats(y)\nnp.median(y) if loss == 'mse' else y.mean()",
            "Which of the two should one far target move?",
        ),
        ("always takes the mean", "(y,) = as_floats(y)\ny.mean()", "Move the largest target up. Does the MAE gain?"),
        (
            "takes the middle entry of an unsorted list",
            "(y,) = as_floats(y)\ny.mean() if loss == 'mse' else y[len(y) // 2]",
            "Is the middle of the list the middle of the numbers?",
        ),
        (
            "takes the upper of the two middle targets",
            "(y,) = as_floats(y)\ny.mean() if loss == 'mse' else np.sort(y)[len(y) // 2]",
            "Another convention for an even count: what does the text say?",
        ),
        (
            "takes the middle between the extremes",
            "(y,) = as_floats(y)\n(y.min() + y.max()) / 2",
            "That minimises the largest error. Which errors does the loss add up?",
        ),
        (
            "sorts its input",
            "y.sort()\n(y,) = as_floats(y)\ny.mean() if loss == 'mse' else np.median(y)",
            "Print y before and after the call.",
        ),
    ],
    equivalents=[
        (
            "mean of the one or two middle targets",
            "(s,) = as_floats(np.sort(y))\nn = len(s)\n"
            "s[(n - 1) // 2 : n // 2 + 1].mean() if loss == 'mae' else s.sum() / n",
        ),
        (
            "numbers of Python",
            "s = sorted(map(float, y)); n = len(s)\nsum(s) / n if loss == 'mse' else (s[(n - 1) // 2] + s[n // 2]) / 2",
        ),
    ],
)

D = TWO + "d = abs(x - y)\n"
check_reduced(
    *both("smooth_l1_loss", 4),
    "x, y, beta=1.0",
    draw=residuals,
    start=D,
    each="np.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)",
    slope="np.where(d < beta, (x - y) / beta, np.sign(x - y))",
    example={"x": np.array([0.5, 3.0]), "y": np.zeros(2), "beta": 2.0},
    options=[{"beta": 0.5}, {"beta": 3.0}],
    far=[VERY_FAR],
    wrong=[
        ("forgets the offset beta / 2", "np.where(d < beta, d * d / (2 * beta), d)", "Do your pieces meet at beta?"),
        ("forgets the 2", "np.where(d < beta, d * d / beta, d - beta / 2)", "Do your pieces meet at beta?"),
        (
            "computes the Huber loss",
            "np.where(d <= beta, d * d / 2, beta * (d - beta / 2))",
            "Its relative agrees for beta = 1. What is the slope far out for beta = 2?",
        ),
        ("always uses beta = 1", "np.where(d < 1, d * d / 2, d - 0.5)", "Is beta used in both pieces?"),
        (
            "compares the residual with its sign",
            "np.where(x - y < beta, d * d / (2 * beta), d - beta / 2)",
            "Try a residual of -100. Which piece does it get?",
        ),
    ],
    wrong_slopes=[
        ("always uses beta = 1", "np.clip(x - y, -1, 1)", "Where does the straight part begin for beta = 3?"),
        ("gives the slope of the Huber loss", "np.clip(x - y, -beta, beta)", "What is the slope far out for beta = 2?"),
        ("knows the quadratic part only", "(x - y) / beta", "What is the slope for a residual of 1000?"),
        ("knows the straight part only", "np.sign(x - y)", "What is the slope for a residual of 0.01?"),
    ],
    same=[("quadratic part cut off", "m = np.minimum(d, beta); m * m / (2 * beta) + d - m")],
    same_slopes=[("maximum of minimum", "np.maximum(-1, np.minimum(1, (x - y) / beta))")],
)
check_reduced(
    *both("huber_loss", 4),
    "x, y, delta=1.0",
    draw=residuals,
    start=D,
    each="np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))",
    slope="np.where(d <= delta, x - y, delta * np.sign(x - y))",
    example={"x": np.array([1.0, 3.0]), "y": np.zeros(2), "delta": 2.0},
    options=[{"delta": 0.5}, {"delta": 3.0}],
    far=[VERY_FAR],
    wrong=[
        (
            "computes the smooth L1 loss",
            "np.where(d < delta, d * d / (2 * delta), d - delta / 2)",
            "Its relative agrees for delta = 1. What is the slope far out for delta = 2?",
        ),
        ("forgets the offset", "np.where(d <= delta, d * d / 2, delta * d)", "Do your pieces meet at delta?"),
        ("forgets the half", "np.where(d <= delta, d * d, delta * (d - delta / 2))", "Do your pieces meet at delta?"),
        ("always uses delta = 1", "np.where(d <= 1, d * d / 2, d - 0.5)", "Is delta used in both pieces?"),
    ],
    wrong_slopes=[
        ("gives the slope of smooth L1", "np.clip((x - y) / delta, -1, 1)", "What is the slope near 0 for delta = 2?"),
        ("always uses delta = 1", "np.clip(x - y, -1, 1)", "Where does the straight part begin for delta = 3?"),
        (
            "forgets the factor delta",
            "np.where(d <= delta, x - y, np.sign(x - y))",
            "Is your slope continuous at delta?",
        ),
        ("knows the quadratic part only", "x - y", "What is the slope for a residual of 1000?"),
    ],
    same=[("quadratic part cut off", "m = np.minimum(d, delta); m * (d - m / 2)")],
    same_slopes=[("maximum of minimum", "np.maximum(-delta, np.minimum(delta, x - y))")],
)
check_reduced(
    *both("log_cosh_loss", 4),
    "x, y",
    draw=residuals,
    start=D,
    each="d + np.log1p(np.exp(-2 * d)) - np.log(2)",
    slope="1 - 2 / (np.exp(2 * (x - y)) + 1)",
    example={"x": np.array([np.log(3.0), -1.0]), "y": np.zeros(2)},
    far=[
        VERY_FAR,
        Far("residuals around 1000", "What is np.cosh(1000.0)?", [{"x": np.array([1000.0, -800.0]), "y": np.zeros(2)}]),
    ],
    wrong=[
        ("computes the cosine before the logarithm", "np.log(np.cosh(x - y))", "What is np.cosh(1000.0)?"),
        ("forgets the 2 in the denominator", "np.logaddexp(x - y, y - x)", "What is the loss of a perfect prediction?"),
        ("takes the parabola", "d * d / 2", "Compare with |r| - ln 2 for a residual of 10."),
        ("uses a logarithm to base 10", "np.log10(np.cosh(np.minimum(d, 300)))", "Which logarithm does the text mean?"),
        ("uses the asymptote everywhere", "d - np.log(2)", "What is the loss of a perfect prediction?"),
    ],
    wrong_slopes=[
        ("divides two huge numbers", "np.sinh(x - y) / np.cosh(x - y)", "What is np.cosh(1000.0)? And inf / inf?"),
        (
            "cuts the residual off at 1",
            "np.clip(x - y, -1, 1)",
            "That is the slope of the Huber loss. Try a residual of 1.",
        ),
        ("differentiates once too often", "1 - np.tanh(x - y) ** 2", "What is the slope at a residual of 0?"),
        ("takes the sine for the quotient", "np.sin(x - y)", "What is the slope for a residual of 3?"),
    ],
    same=[("softplus of the doubled residual", "np.logaddexp(0, 2 * d) - d - np.log(2)")],
    same_slopes=[("from the size and the sign", "np.sign(x - y) * -np.expm1(-2 * d) / (1 + np.exp(-2 * d))")],
)
check_reduced(
    *both("quantile_loss", 4),
    "x, y, q",
    draw=lambda rng, shape: {**residuals(rng, shape), "q": 0.3},
    start=TWO,
    each="np.where(x < y, q * (y - x), (1 - q) * (x - y))",
    slope="np.where(x < y, -q, np.where(x > y, 1 - q, 0))",
    example={"x": np.array([8.0, 12.0]), "y": np.array([10.0, 10.0]), "q": 0.9},
    options=[{"q": 0.9}, {"q": 0.5}, {"q": 0.05}],
    far=[Far(f.title, f.hint, [{**case, "q": 0.3} for case in f.cases]) for f in (VERY_FAR, EQUAL)],
    wrong=[
        (
            "swaps the two sides",
            "np.where(x < y, (1 - q) * (y - x), q * (x - y))",
            "With q = 0.9, which should cost more: a prediction too low, or one too high?",
        ),
        ("treats both sides alike", "q * abs(x - y)", "What does a prediction that is too high cost with q = 0.9?"),
        ("charges one side only", "np.maximum(q * (y - x), 0)", "What does a prediction that is too high cost?"),
        ("gets negative on one side", "np.where(x < y, q, 1 - q) * (y - x)", "Can a loss reward being too high?"),
        ("ignores q", "abs(x - y) / 2", "Which constant minimises your loss?"),
    ],
    wrong_slopes=[
        ("swaps the two sides", "np.where(x < y, q - 1, np.where(x > y, q, 0))", "Which slope belongs to x < y?"),
        (
            "differentiates for the target",
            "np.where(x < y, q, np.where(x > y, q - 1, 0))",
            "Below the target, does a larger x make the loss larger or smaller?",
        ),
        ("has no 0 at equal values", "np.where(x < y, -q, 1 - q)", "Which slope does the text ask for at x = y?"),
        ("ignores q", "np.sign(x - y) / 2", "Which slopes belong to q = 0.9?"),
    ],
    same=[("half the absolute value and a tilt", "abs(x - y) / 2 + (q - 0.5) * (y - x)")],
    same_slopes=[("comparison minus q", "(x > y) - q * (x != y)")],
)

# Likelihoods -----------------------------------------------------------------------------------

POISSON = """
x, y = as_floats(x, y)
v = np.where(y > 1, y, 2)
stirling = np.where(y > 1, v * np.log(v) - v + np.log(2 * np.pi * v) / 2, 0) if full else 0
"""
check_reduced(
    *both("poisson_nll_loss", 4),
    "x, y, log_input=True, full=False",
    draw=lambda rng, shape: {
        "x": rng.uniform(0.1, 3, size=shape),
        "y": np.asarray(rng.poisson(2.5, size=shape), float),
    },
    start=POISSON,
    each="(np.exp(x) - y * x if log_input else x - y * np.log(x + 1e-8)) + stirling",
    slope="np.exp(x) - y if log_input else 1 - y / (x + 1e-8)",
    example={"x": np.log([2.0]), "y": np.array([3.0])},
    options=[{"log_input": False}, {"full": True}, {"log_input": False, "full": True}],
    far=[
        Far(
            "counts and rates of 0, and large ones",
            "Which step gives nan for a rate of 0, or for a count of 0?",
            [
                {"x": np.array([-30.0, -3.0, 5.0]), "y": np.array([0.0, 2.0, 100.0])},
                {"x": np.array([0.0, 2.5, 0.5]), "y": np.array([0.0, 1.0, 3.0]), "log_input": False},
                {"x": np.array([0.0, 0.0]), "y": np.array([2.0, 1.0]), "log_input": False},
                {"x": np.array([0.3, 0.7, 1.1, 3.9]), "y": np.array([0.0, 1.0, 2.0, 50.0]), "full": True},
            ],
        )
    ],
    wrong=[
        (
            "takes rates for their logarithms and the reverse",
            "(x - y * np.log(x + 1e-8) if log_input else np.exp(x) - y * x) + stirling",
            "With log_input=True, what is the rate: x or exp(x)?",
        ),
        ("never adds Stirling's term", "np.exp(x) - y * x if log_input else x - y * np.log(x + 1e-8)", "Is full used?"),
        (
            "adds the exact factorial",
            "lf = np.vectorize(math.lgamma, otypes=[float])(y + 1) if full else 0\n"
            "(np.exp(x) - y * x if log_input else x - y * np.log(x + 1e-8)) + lf",
            "Another convention: the text asks for Stirling's approximation. How far off is it for y = 2?",
        ),
        (
            "adds Stirling's term to counts of 1 as well",
            "u = np.maximum(y, 1)\n"
            "s = (u * np.log(u) - u + np.log(2 * np.pi * u) / 2) * (y > 0) if full else 0\n"
            "(np.exp(x) - y * x if log_input else x - y * np.log(x + 1e-8)) + s",
            "For which counts does the text add the term?",
        ),
        (
            "adds no small number to the rate",
            "(np.exp(x) - y * x if log_input else x - y * np.log(x)) + stirling",
            "What is 0 * log(0) in NumPy?",
        ),
        (
            "returns the likelihood, not its negative",
            "(y * x - np.exp(x) if log_input else y * np.log(x + 1e-8) - x) - stirling",
            "Should a better prediction make the number go up or down?",
        ),
    ],
    wrong_slopes=[
        ("ignores log_input", "np.exp(x) - y", "What is the derivative of x - y ln(x)?"),
        ("gives the slope of the squared error", "x - y", "What is the derivative of exp(x)?"),
        (
            "divides by a rate of 0",
            "np.exp(x) - y if log_input else 1 - y / x",
            "Which small number stands beside x in the loss?",
        ),
        (
            "differentiates Stirling's term for the count",
            "(np.exp(x) - y if log_input else 1 - y / (x + 1e-8)) + full * (y > 1) * np.log(v)",
            "Does Stirling's term depend on the prediction?",
        ),
    ],
    same=[
        (
            "rate first",
            "rate = np.exp(x) if log_input else x; rate - y * (x if log_input else np.log(x + 1e-8)) + stirling",
        )
    ],
    same_slopes=[("one quotient", "np.exp(x) - y if log_input else (x + 1e-8 - y) / (x + 1e-8)")],
)
check_reduced(
    *both("gaussian_nll_loss", 4),
    "mean, target, var",
    draw=lambda rng, shape: {
        "mean": 2 * rng.normal(size=shape),
        "target": rng.normal(size=shape),
        "var": rng.uniform(0.2, 3, size=shape),
    },
    whole=lambda rng, shape: {
        "mean": rng.integers(-5, 6, size=shape),
        "target": rng.integers(-5, 6, size=shape),
        "var": rng.integers(1, 5, size=shape).astype(np.uint8),
    },
    start="mean, target, var = as_floats(mean, target, var)\nd, v = mean - target, np.clip(var, 1e-6, None)",
    each="0.5 * np.log(v) + 0.5 * d * d / v",
    slope="d / v",
    example={"mean": np.array([3.0]), "target": np.array([1.0]), "var": np.array([4.0])},
    far=[
        Far(
            "variances at and near 0",
            "Which is the smallest variance that the formula uses?",
            [
                {
                    "mean": np.array([1.0, 2.0, 0.3]),
                    "target": np.array([1.001, 2.0, 0.302]),
                    "var": np.array([0, 1e-9, 1e-5]),
                },
                {"mean": np.array([1e100, 3.0]), "target": np.array([0.0, 1.0]), "var": np.array([2.0, 0.7])},
            ],
        )
    ],
    wrong=[
        ("has no smallest variance", "(np.log(var) + d * d / var) / 2", "What does a variance of 0 give?"),
        (
            "adds the smallest variance",
            "(np.log(var + 1e-6) + d * d / (var + 1e-6)) / 2",
            "The larger one, or the sum?",
        ),
        ("takes the variance for a standard deviation", "np.log(v) + (d / v) ** 2 / 2", "Which unit has var?"),
        (
            "adds the constant of the density",
            "(np.log(v) + d * d / v + np.log(2 * np.pi)) / 2",
            "Another convention: is the constant part of the formula here?",
        ),
        ("halves one term only", "np.log(v) + d * d / (2 * v)", "To which terms does the factor 1/2 belong?"),
        ("forgets the logarithm", "d * d / (2 * v)", "What keeps a model from predicting an endless variance?"),
    ],
    wrong_slopes=[
        ("forgets the variance", "d", "Should an unsure prediction pull as hard as a sure one?"),
        ("keeps a factor 2", "2 * d / v", "The 2 of the square and the 1/2 in front: what remains?"),
        ("takes the variance for a standard deviation", "d / v**2", "Which unit has var?"),
        ("has no smallest variance", "d / var", "What does a variance of 0 give?"),
        ("adds the smallest variance", "d / (var + 1e-6)", "The larger one of the two, or their sum?"),
    ],
    same=[("logarithm of a root", "np.log(np.sqrt(v)) + (d / np.sqrt(v)) ** 2 / 2")],
    same_slopes=[("product with a precision", "(mean - target) * (1 / v)")],
)

# Margins ---------------------------------------------------------------------------------------

KINKS = {"x": np.array([1.0, -1.0, 2.0, 0.3, -0.7]), "y": np.array([1, -1, -1, 1, 1])}
hinge = both("hinge_loss", 3)
check_reduced(
    *hinge,
    "x, y",
    draw=scores_and_signs,
    start=TWO,
    each="np.where(y * x < 1, 1 - y * x, 0)",
    slope="np.where(y * x < 1, -y, 0)",
    example={"x": np.array([2.0, 0.5, -1.0]), "y": np.array([1, 1, 1])},
    far=[Far("margins of exactly 1 beside others", "Which slope does the text ask for at a kink?", [KINKS])],
    wrong=[
        ("asks for the right sign only", "np.maximum(0, -y * x)", "What does a margin of 0.5 cost?"),
        ("forgets to cut off at 0", "1 - y * x", "May a very good score make the loss negative?"),
        ("forgets the label", "np.maximum(0, 1 - x)", "Swap the sign of x and of y together. May the loss change?"),
        ("squares the hinge", "np.maximum(0, 1 - y * x) ** 2", "What does a margin of -1 cost?"),
        (  # BC-13
            "takes the labels for 0 and 1",
            "np.maximum(0, 1 - (2 * y - 1) * x)",
            "Which factor does a label of -1 become in your code?",
        ),
    ],
    wrong_slopes=[
        ("counts wrong signs only", "np.where(y * x < 0, -y, 0)", "Does a margin of 0.5 still cost something?"),
        ("forgets the label", "np.where(y * x < 1, -1, 0)", "Which way must a score with y = -1 move?"),
        ("is not 0 at the kink", "np.where(y * x <= 1, -y, 0)", "Which slope does the text ask for at y x = 1?"),
        ("differentiates for the label", "np.where(y * x < 1, -x, 0)", "Which of the two factors is the variable?"),
        ("never stops pulling", "-y", "What is the slope for a margin of 5?"),
    ],
    same=[("clipped", "np.clip(1 - y * x, 0, None)")],
    same_slopes=[("step times label", "-y * np.heaviside(1 - y * x, 0)")],
)
declare_variants(
    hinge[0],
    "x, y, reduction='mean'",
    mistakes=[
        (
            "lets integer labels turn float32 into float64",
            "return reduced(np.maximum(0, 1 - y * x), reduction)",
            "Which dtype has the product of int64 labels and float32 scores?",
        )
    ],
)
check_reduced(
    *both("exponential_loss", 3),
    "x, y",
    draw=scores_and_signs,
    start=TWO,
    each="1 / np.exp(y * x)",
    slope="-y / np.exp(y * x)",
    example={"x": np.log([2.0, 2.0]), "y": np.array([1, -1])},
    far=[
        Far(
            "margins far on both sides",
            "What is exp(600)? It is large, but float64 can hold it.",
            [
                {"x": np.array([-600.0, 599.0]), "y": np.array([1, -1])},
                {"x": np.array([30.0, -29.0]), "y": np.array([1, -1])},
            ],
        )
    ],
    wrong=[
        ("forgets the minus sign", "np.exp(y * x)", "Should a better margin cost more or less?"),
        ("forgets the label", "np.exp(-x)", "Swap the sign of x and of y together. May the loss change?"),
        ("cuts the exponent off", "np.exp(np.clip(-y * x, -50, 50))", "What is the loss for a margin of -600?"),
        ("adds a logarithm", "np.log1p(np.exp(-y * x))", "What does a margin of 0 cost?"),
        ("takes the labels for 0 and 1", "np.exp(-(2 * y - 1) * x)", "Which factor does a label of -1 become?"),
    ],
    wrong_slopes=[
        ("forgets the label", "-np.exp(-y * x)", "Which way must a score with y = -1 move?"),
        ("gives the loss itself", "np.exp(-y * x)", "What is the inner derivative of exp(-y x)?"),
        ("differentiates for the label", "-x * np.exp(-y * x)", "Which of the two factors is the variable?"),
        ("forgets the minus sign of the exponent", "-y * np.exp(y * x)", "Which exponential stands in the loss?"),
    ],
    same=[("power of e", "np.power(np.e, -y * x)")],
    same_slopes=[("label by label", "np.where(y > 0, -np.exp(-x), np.exp(x))")],
)

FAR_MARGINS = Far(
    "margins of 1000 on both sides stay finite",
    "What is exp(1000)? And what is log(1 + exp(z)) for a large z?",
    [{"x": np.array([1000.0, -1000.0, 1000.0, -40.0, 0.3]), "y": np.array([1, 1, -1, 1, -1])}],
)
check_reduced(
    *both("soft_margin_loss", 4),
    "x, y",
    draw=scores_and_signs,
    start=TWO + "z = y * x\n",
    each="np.maximum(-z, 0) + np.log1p(np.exp(-abs(z)))",
    slope="-y / (1 + np.exp(z))",
    example={"x": np.log([3.0, 3.0]), "y": np.array([1, -1])},
    far=[FAR_MARGINS],
    wrong=[
        ("takes the exponential first", "np.log(1 + np.exp(-z))", "What is np.exp(1000.0)?"),  # BC-01
        (  # BC-07
            "clips the probability",
            "-np.log(np.clip(1 / (1 + np.exp(-z)), 1e-7, 1 - 1e-7))",
            "Plot the loss for margins -10, -20, -30. Where does it become flat?",
        ),
        (
            "adds a small constant inside the logarithm",
            "-np.log(1 / (1 + np.exp(-z)) + 1e-9)",
            "What can the loss reach?",
        ),
        (  # BC-09
            "keeps the sign in the exponent",
            "np.maximum(-z, 0) + np.log1p(np.exp(-z))",
            "Test a negative margin. Which of the two terms gets large?",
        ),
        (  # BC-13, the other way round
            "uses the formula for labels 0 and 1",
            "np.logaddexp(0, x) - y * x",
            "What does a sample with y = -1 and a very negative score cost?",
        ),
        ("forgets the minus sign", "np.logaddexp(0, z)", "Should a better margin cost more or less?"),
        ("uses a logarithm to base 2", "np.logaddexp(0, -z) / np.log(2)", "What does a margin of 0 cost, in nats?"),
    ],
    wrong_slopes=[
        (  # BC-10
            "multiplies by an extra derivative of the sigmoid",
            "s = np.exp(-np.logaddexp(0, z)); -y * s * s * (1 - s)",
            "How large is your gradient for a very wrong score? Should learning stop there?",
        ),
        ("divides two huge numbers", "-y * np.exp(-z) / (1 + np.exp(-z))", "What is np.exp(1000.0)? And inf / inf?"),
        ("forgets the label", "-1 / (1 + np.exp(z))", "Which way must a score with y = -1 move?"),
        ("pulls hardest where all is well", "-y / (1 + np.exp(-z))", "What is the slope for a margin of 100?"),
    ],
    same=[("minus the log of a stable sigmoid", "-(np.minimum(z, 0) - np.log1p(np.exp(-abs(z))))")],
    same_slopes=[("by the hyperbolic tangent", "-y * (1 - np.tanh(z / 2)) / 2")],
)

FOCAL = """
logits, y = as_floats(logits, y)
z = np.where(y > 0, logits, -logits)
soft = np.maximum(-z, 0) + np.log1p(np.exp(-abs(z)))
p, rest = np.exp(-soft), np.exp(-soft - z)
a = np.where(y > 0, alpha, 1 - alpha)
sign = np.where(y > 0, 1, -1)
"""
check_reduced(
    *both("focal_loss", 5),
    "logits, y, gamma=2.0, alpha=0.25",
    draw=lambda rng, shape: {"logits": 2 * rng.normal(size=shape), "y": (signs(rng, shape) + 1) // 2},
    start=FOCAL,
    each="a * rest**gamma * soft",
    slope="-sign * a * rest**gamma * (gamma * p * soft + rest)",
    example={"logits": np.log([3.0, 3.0]), "y": np.array([1, 0])},
    options=[{"gamma": 0.0}, {"gamma": 0.5}, {"alpha": 0.6}, {"gamma": 5.0, "alpha": 0.9}],
    far=[
        Far(
            "logits of 1000 on both sides stay finite",
            "What is the logarithm of a probability that was rounded to 0?",
            [
                {"logits": np.array([1000.0, -1000.0, 1000.0, -1000.0, 0.7]), "y": np.array([1, 1, 0, 0, 1])},
                {"logits": np.array([1000.0, -900.0, 800.0]), "y": np.array([1, 1, 0]), "gamma": 0.5},
            ],
        )
    ],
    wrong=[
        (  # BC-01
            "takes the logarithm of a rounded probability",
            "-a * rest**gamma * np.log(1 / (1 + np.exp(-z)))",
            "What is the probability for z = -1000, and its logarithm?",
        ),
        (  # BC-07
            "clips the probability",
            "p, rest = np.clip(p, 1e-7, 1 - 1e-7), np.clip(rest, 1e-7, 1 - 1e-7); -a * rest**gamma * np.log(p)",
            "Plot the loss for z = -10, -20, -30. Where does it become flat?",
        ),
        (  # BC-02
            "swaps the labels",
            "a * p**gamma * (soft + z)",
            "For y = 1 and a large logit, should the loss be near 0?",
        ),
        ("weights both classes alike", "alpha * rest**gamma * soft", "Which weight do samples with y = 0 get?"),
        (
            "swaps the weights of the classes",
            "(1 - a) * rest**gamma * soft",
            "With alpha = 0.25, which class gets 0.25?",
        ),
        ("turns the hard samples down", "a * p**gamma * soft", "Which samples should count less: easy or hard ones?"),
        ("ignores gamma", "a * rest**2 * soft", "Try gamma = 0: what remains of the factor?"),
        ("leaves the weight alpha out", "rest**gamma * soft", "Is alpha used?"),
        ("forgets the samples with label 0", "y * a * rest**gamma * soft", "Which loss has a batch of zeros?"),  # BC-05
        (  # BC-13
            "takes the labels for -1 and 1",
            "w = y * logits; a * np.exp(-np.logaddexp(0, w)) ** gamma * np.logaddexp(0, -w)",
            "What does a sample with y = 0 cost, whatever its logit is?",
        ),
    ],
    wrong_slopes=[
        (
            "treats the focal factor as a constant",
            "-sign * a * rest**gamma * rest",
            "The factor (1 - p) ** gamma depends on the logit as well.",
        ),
        (
            "differentiates for z, not for the logit",
            "-a * rest**gamma * (gamma * p * soft + rest)",
            "How does z change with the logit of a sample with y = 0?",
        ),
        (
            "loses the derivative of the logarithm",
            "-sign * a * rest**gamma * gamma * p * soft",
            "A product has two factors. What is the derivative of the other one?",
        ),
        (
            "divides by 1 - p",
            "-sign * a * (gamma * (rest**gamma / rest) * p * rest * soft + rest**gamma * rest)",
            "What is 0 / 0? Cancel before you compute.",
        ),
        (
            "weights both classes alike",
            "-sign * alpha * rest**gamma * (gamma * p * soft + rest)",
            "Which weight has y = 0?",
        ),
    ],
    same=[("power as an exponential", "a * np.exp(-gamma * (soft + z)) * soft")],
    same_slopes=[("product rule term by term", "-sign * a * (gamma * rest**gamma * p * soft + rest ** (gamma + 1))")],
)

# Pairs and triples -----------------------------------------------------------------------------

check_reduced(
    *both("hinge_embedding_loss", 4),
    "x, y, margin=1.0",
    draw=lambda rng, shape: {"x": 1 + 1.5 * rng.normal(size=shape), "y": signs(rng, shape)},
    start=TWO,
    each="np.where(y == 1, x, np.clip(margin - x, 0, None))",
    slope="np.where(y == 1, 1, np.where(x < margin, -1, 0))",
    example={"x": np.array([0.25, 0.25, 3.0]), "y": np.array([1, -1, -1])},
    options=[{"margin": 0.5}, {"margin": 2.5}],
    far=[
        Far(
            "distances at the margin and negative ones",
            "Which piece belongs to which label, and where does each end?",
            [{"x": np.array([1.0, 0.4, -2.3, -0.6]), "y": np.array([-1, -1, 1, -1])}],
        )
    ],
    wrong=[
        (
            "swaps alike and unlike",
            "np.where(y == 1, np.maximum(0, margin - x), x)",
            "Two alike items at distance 0: what should they cost?",
        ),
        ("uses the hinge loss", "np.maximum(0, margin - y * x)", "What do two alike items at distance 5 cost?"),
        ("ignores the margin", "np.where(y == 1, x, np.maximum(0, 1 - x))", "Is margin used?"),
        ("forgets to cut off at 0", "np.where(y == 1, x, margin - x)", "May far unlike items make the loss negative?"),
        (
            "cuts off the alike pairs as well",
            "np.maximum(0, np.where(y == 1, x, margin - x))",
            "Which of the two pieces has a maximum in the text?",
        ),
    ],
    wrong_slopes=[
        ("forgets where the hinge ends", "y", "What is the slope for unlike items far apart?"),
        ("ignores the margin", "np.where(y == 1, 1, np.where(x < 1, -1, 0))", "Is margin used?"),
        (
            "is not 0 at the kink",
            "np.where(y == 1, 1, np.where(x <= margin, -1, 0))",
            "What is asked for at x = margin?",
        ),
        ("stops pulling alike items together", "np.where(x < margin, y, 0)", "What is the slope of x itself?"),
    ],
    same=[("arithmetic with labels", "(1 + y) / 2 * x + (1 - y) / 2 * np.maximum(0, margin - x)")],
    same_slopes=[("cases added up", "(y == 1) * 1.0 - ((y == -1) & (margin > x))")],
)
PAIR = "x1, x2, y = as_floats(x1, x2, y)\n"
check_reduced(
    *both("margin_ranking_loss", 4),
    "x1, x2, y, margin=0.0",
    draw=lambda rng, shape: {"x1": rng.normal(size=shape), "x2": rng.normal(size=shape), "y": signs(rng, shape)},
    start=PAIR + "gap = margin - y * (x1 - x2)\n",
    each="np.where(gap > 0, gap, 0)",
    slope="np.where(gap > 0, -y, 0)",
    example={"x1": np.array([3.0, 3.0]), "x2": np.array([1.0, 2.5]), "y": np.array([1, 1]), "margin": 1.0},
    options=[{"margin": 0.5}, {"margin": 2.0}],
    far=[
        Far(
            "pairs exactly at the margin",
            "Which slope does the text ask for at a kink?",
            [
                {
                    "x1": np.array([1.5, 2.0, 0.4]),
                    "x2": np.array([0.5, 2.7, 1.1]),
                    "y": np.array([1, -1, 1]),
                    "margin": 1.0,
                }
            ],
        )
    ],
    wrong=[
        (
            "rewards the wrong order",
            "np.maximum(0, margin + y * (x1 - x2))",
            "y = 1 and x1 far ahead: what is the cost?",
        ),
        (
            "multiplies the margin by the label",
            "np.maximum(0, y * (margin - (x1 - x2)))",
            "Set y = -1. Which sign has margin?",
        ),
        ("ignores the margin", "np.maximum(0, -y * (x1 - x2))", "Is margin used?"),
        ("forgets to cut off at 0", "gap", "May a pair in the right order make the loss negative?"),
        ("subtracts the margin", "np.maximum(0, -y * (x1 - x2) - margin)", "Should a larger margin cost more or less?"),
    ],
    wrong_slopes=[
        (
            "gives the gradient for the second score",
            "np.where(gap > 0, y, 0)",
            "For which argument is the gradient asked?",
        ),
        ("ignores the margin", "np.where(y * (x1 - x2) < 0, -y, 0)", "Is margin used?"),
        ("forgets the label", "np.where(gap > 0, -1, 0)", "Which way must x1 move where y = -1?"),
        ("is not 0 at the kink", "np.where(gap >= 0, -y, 0)", "Which slope does the text ask for where the loss is 0?"),
    ],
    same=[("half of value and size", "(gap + abs(gap)) / 2")],
    same_slopes=[("step times label", "-y * np.heaviside(gap, 0)")],
)


def vectors(rng, shape):
    """Vectors so long that a small constant beside their squared length does not show."""
    x1, x2 = 100 * rng.normal(size=(2, *shape))
    return {"x1": x1, "x2": x2, "y": signs(rng, shape[:-1])}


def whole_vectors(rng, shape):
    x1, x2 = rng.integers(20, 200, size=(2, *shape)) * rng.choice([-1, 1], size=(2, *shape))
    return {"x1": x1, "x2": x2, "y": signs(rng, shape[:-1])}


COSINE = (
    PAIR
    + """
n1, n2 = (np.linalg.norm(v, axis=1) + 1e-30 for v in (x1, x2))
dot = np.einsum("nd,nd->n", x1, x2)
cos = dot / n1 / n2
"""
)
TURN = "(x2 / n2[:, None] - cos[:, None] * x1 / n1[:, None]) / n1[:, None]"
check_reduced(
    *both("cosine_embedding_loss", 5),
    "x1, x2, y, margin=0.0",
    draw=vectors,
    rows=True,
    shapes=((1, 2), (4, 3), (3, 3), (5, 2)),
    whole=whole_vectors,
    start=COSINE,
    each="np.where(y == 1, 1 - cos, np.clip(cos - margin, 0, None))",
    slope=f"np.where(y == 1, -1, cos > margin)[:, None] * {TURN}",
    example={"x1": np.array([[30.0, 0.0]] * 2), "x2": np.array([[30.0, 40.0]] * 2), "y": np.array([1, -1])},
    options=[{"margin": 0.3}, {"margin": -0.5}],
    far=[
        Far(
            "a vector of zeros has the cosine 0",
            "What is 0 / 0? Which number does the text add to each squared length?",
            [
                {
                    "x1": np.array([[0.0, 0.0], [10.0, 70.0]]),
                    "x2": np.array([[30.0, 40.0], [20.0, -10.0]]),
                    "y": np.array([1, 1]),
                }
            ],
            backward=False,
        ),
        Far(
            "unlike vectors on both sides of the margin",
            "Where does the hinge of unlike vectors end?",
            [
                {
                    "x1": np.array([[90.0, 20.0], [70.0, 10.0], [60.0, 50.0]]),
                    "x2": np.array([[10.0, -20.0], [0.0, 80.0], [-30.0, 90.0]]),
                    "y": np.array([-1, -1, -1]),
                    "margin": margin,
                }
                for margin in (0.2, -0.5)
            ],
        ),
        Far(
            "long and short vectors",
            "Does the length of a vector change the angle?",
            [
                {
                    "x1": np.array([[1e6, 3e6], [50.0, 60.0]]),
                    "x2": np.array([[20.0, 90.0], [8e5, -1e5]]),
                    "y": np.array([1, -1]),
                }
            ],
        ),
    ],
    wrong=[
        (
            "takes the dot product",
            "np.where(y == 1, 1 - dot, np.maximum(0, dot - margin))",
            "Double the length of one vector. Should the loss change?",
        ),
        (
            "forgets to cut off at 0",
            "np.where(y == 1, 1 - cos, cos - margin)",
            "What do unlike, opposite vectors cost?",
        ),
        ("ignores the margin", "np.where(y == 1, 1 - cos, np.maximum(0, cos))", "Is margin used?"),
        (
            "swaps alike and unlike",
            "np.where(y == 1, np.maximum(0, cos - margin), 1 - cos)",
            "Two equal vectors with y = 1: what should they cost?",
        ),
        (
            "forgets the roots of the lengths",
            "c = dot / (n1 * n2) ** 2; np.where(y == 1, 1 - c, np.maximum(0, c - margin))",
            "What is the cosine of a vector with itself?",
        ),
        (
            "normalises over the whole batch",
            "c = dot / np.linalg.norm(x1) / np.linalg.norm(x2); np.where(y == 1, 1 - c, np.maximum(0, c - margin))",
            "May the second pair change the loss of the first?",
        ),
        (
            "divides by zero",
            "c = dot / np.sqrt((x1**2).sum(1) * (x2**2).sum(1)); np.where(y == 1, 1 - c, np.maximum(0, c - margin))",
            "What does a vector of zeros give?",
        ),
    ],
    wrong_slopes=[
        (
            "treats the length as a constant",
            "np.where(y == 1, -1, cos > margin)[:, None] * x2 / (n1 * n2)[:, None]",
            "The gradient of a cosine is orthogonal to its vector. Is yours?",
        ),
        ("pulls unlike vectors together", f"-{TURN}", "Which sign has the cosine in the loss of unlike vectors?"),
        (
            "forgets where the hinge ends",
            f"np.where(y == 1, -1, 1)[:, None] * {TURN}",
            "What is the slope for unlike vectors that are far apart?",
        ),
        ("ignores the margin", f"np.where(y == 1, -1, cos > 0)[:, None] * {TURN}", "Is margin used?"),
        (
            "gives the gradient for the second vector",
            "s = np.where(y == 1, -1, cos > margin)[:, None]\n"
            "s * (x1 / n1[:, None] - cos[:, None] * x2 / n2[:, None]) / n2[:, None]",
            "For which argument is the gradient asked?",
        ),
    ],
    same=[
        (
            "dot product of unit vectors",
            "c = (x1 / n1[:, None] * (x2 / n2[:, None])).sum(1); np.where(y == 1, 1 - c, np.maximum(0, c - margin))",
        )
    ],
    same_slopes=[
        (
            "projection of the other unit vector",
            "u, w = x1 / n1[:, None], x2 / n2[:, None]\n"
            "np.where(y == 1, -1.0, 1.0 * (cos > margin))[:, None] * (w - (u * w).sum(1)[:, None] * u) / n1[:, None]",
        )
    ],
)


def triples(rng, shape):
    """Triples some of which keep the margin and some of which do not."""
    a, p, n = rng.normal(size=(3, *shape))
    n[0] /= 10  # at least the first one costs something
    return {"a": a, "p": a + p, "n": a + 2 * n}


NO_SMALL_NUMBER = Tolerance(
    "whoever leaves out the 1e-6 loses the check with equal vectors, not all of them", absolute=1e-5
)
TRIPLE = """
a, p, n = as_floats(a, p, n)
u, v = a - p + 1e-6, a - n + 1e-6
du, dv = (np.linalg.norm(w, p_norm, axis=1) for w in (u, v))
"""
PULL = "(np.sign(u) * (abs(u) / du[:, None]) ** (p_norm - 1) - np.sign(v) * (abs(v) / dv[:, None]) ** (p_norm - 1))"
ACTIVE = "(du - dv + margin > 0)[:, None]"
check_reduced(
    *both("triplet_margin_loss", 5),
    "a, p, n, margin=1.0, p_norm=2",
    draw=triples,
    rows=True,
    whole=lambda rng, shape: {k: np.rint(9 * v).astype(np.int64) for k, v in triples(rng, shape).items()},
    tolerance=NO_SMALL_NUMBER,
    start=TRIPLE,
    each="np.clip(du - dv + margin, 0, None)",
    slope=f"{ACTIVE} * {PULL}",
    example={"a": np.array([[0.0, 0.0]]), "p": np.array([[3.0, 4.0]]), "n": np.array([[0.0, 5.5]])},
    options=[{"margin": 0.2}, {"p_norm": 1}, {"p_norm": 3, "margin": 2.0}],
    far=[
        Far(
            "an anchor equal to its positive",
            "Where does the text add a small number, and what does it do to 0 / 0?",
            [
                {
                    "a": np.array([[1.0, 2.0], [0.3, 0.1]]),
                    "p": np.array([[1.0, 2.0], [0.5, -0.1]]),
                    "n": np.array([[1.5, 2.0], [0.2, 0.4]]),
                }
            ],
        )
    ],
    wrong=[
        (
            "swaps positive and negative",
            "np.maximum(0, dv - du + margin)",
            "Anchor on the positive, negative far away: what should it cost?",
        ),
        ("squares the distances", "np.maximum(0, du**2 - dv**2 + margin)", "Another convention: is there a root in d?"),
        (
            "always uses the Euclidean norm",
            "np.maximum(0, np.linalg.norm(u, axis=1) - np.linalg.norm(v, axis=1) + margin)",
            "Is p_norm used?",
        ),
        ("forgets the root", "np.maximum(0, du**p_norm - dv**p_norm + margin)", "Which power stands outside the sum?"),
        ("forgets to cut off at 0", "du - dv + margin", "May an easy triple make the loss negative?"),
        ("ignores the margin", "np.maximum(0, du - dv + 1)", "Is margin used?"),
        (
            "adds no small number",
            "np.maximum(0, np.linalg.norm(a - p, p_norm, axis=1) - np.linalg.norm(a - n, p_norm, axis=1) + margin)",
            "Another convention: what does the formula in the text add to each difference?",
        ),
    ],
    wrong_slopes=[
        (
            "forgets the negative",
            f"{ACTIVE} * np.sign(u) * (abs(u) / du[:, None]) ** (p_norm - 1)",
            "The anchor appears in two distances.",
        ),
        ("forgets where the hinge ends", PULL, "What is the gradient of an easy triple?"),
        ("forgets to divide by the distance", f"{ACTIVE} * (u - v)", "How long is the gradient of a distance?"),
        (
            "always uses the Euclidean norm",
            f"{ACTIVE} * (u / np.linalg.norm(u, axis=1)[:, None] - v / np.linalg.norm(v, axis=1)[:, None])",
            "Is p_norm used?",
        ),
        (
            "gives the gradient for the positive",
            f"-1.0 * {ACTIVE} * np.sign(u) * (abs(u) / du[:, None]) ** (p_norm - 1)",
            "For which of the three arguments is the gradient asked?",
        ),
        ("ignores the margin", f"(du - dv + 1 > 0)[:, None] * {PULL}", "Is margin used?"),
    ],
    same=[
        (
            "sums of powers",
            "f = lambda w: (abs(w) ** p_norm).sum(1) ** (1 / p_norm); np.maximum(0, f(u) - f(v) + margin)",
        )
    ],
    same_slopes=[
        (
            "powers of differences over powers of distances",
            "g = lambda w, d: np.sign(w) * abs(w) ** (p_norm - 1) / d[:, None] ** (p_norm - 1)\n"
            "np.where((du - dv + margin > 0)[:, None], g(u, du) - g(v, dv), 0)",
        )
    ],
)

# Many classes ----------------------------------------------------------------------------------

HINGES = (
    ONE
    + """
rows, C = np.arange(len(x)), x.shape[1]
h = np.clip(margin - x[rows, y][:, None] + x, 0, None)
h[rows, y] = 0
"""
)
SLOPES = "s = p * h ** (p - 1) * (h > 0)\n"
check_reduced(
    *both("multi_margin_loss", 5),
    "x, y, p=1, margin=1.0",
    draw=lambda rng, shape: {"x": rng.normal(size=shape), "y": rng.integers(0, shape[1], size=shape[0])},
    rows=True,
    start=HINGES,
    each="(h**p).sum(1) / C",
    slope=SLOPES + "s[rows, y] = -s.sum(1)\ns / C",
    example={"x": np.array([[2.0, 1.5, 0.0]]), "y": np.array([0])},
    options=[{"p": 2}, {"margin": 0.3}, {"p": 2, "margin": 2.5}],
    far=[
        Far(
            "scores exactly at the margin",
            "Which slope does the text ask for at a kink?",
            [{"x": np.array([[1.5, 0.5, 3.0, -0.3], [0.2, 0.1, 0.4, 0.3]]), "y": np.array([0, 3])}],
        )
    ],
    wrong=[
        (
            "counts the right class as well",
            "(h**p).sum(1) / C + margin**p / C",
            "What is the hinge of the right class?",
        ),
        (
            "divides by the number of wrong classes",
            "(h**p).sum(1) / max(C - 1, 1)",
            "By which number does the text divide?",
        ),
        ("does not divide by the number of classes", "(h**p).sum(1)", "By which number does the text divide?"),
        (
            "counts the strongest rival only",
            "(h**p).max(1) / C",
            "Another convention: does the text take a maximum over the classes, or a sum?",
        ),
        ("ignores the exponent", "h.sum(1) / C", "Is p used?"),
        (
            "ignores the margin",
            "g = np.maximum(0, 1 - x[rows, y][:, None] + x); g[rows, y] = 0; (g**p).sum(1) / C",
            "Is margin used?",
        ),
        (  # CE-08
            "takes the labels to start at 1",
            "g = np.maximum(0, margin - x[rows, y - 1][:, None] + x); g[rows, y - 1] = 0; (g**p).sum(1) / C",
            "Which column does label 0 select in your code?",
        ),
        (  # CE-12
            "selects columns instead of one entry per row",
            "g = np.maximum(0, margin - x[:, y[:1]] + x); g[rows, y] = 0; (g**p).sum(1) / C",
            "Print the shape of what you select with y. How many numbers did you want?",
        ),
        (
            "has the difference the wrong way round",
            "g = np.maximum(0, margin + x[rows, y][:, None] - x); g[rows, y] = 0; (g**p).sum(1) / C",
            "The right class far ahead: what should it cost?",
        ),
    ],
    wrong_slopes=[
        ("leaves the right class out", SLOPES + "s / C", "Each row of the gradient adds up to 0. Does yours?"),
        (
            "counts the right class once",
            SLOPES + "s[rows, y] = -1.0 * (s > 0).any(1)\ns / C",
            "In how many hinges is it?",
        ),
        (
            "does not divide by the number of classes",
            SLOPES + "s[rows, y] = -s.sum(1)\ns",
            "Where is the 1/C of the loss?",
        ),
        ("ignores the exponent", "s = 1.0 * (h > 0)\ns[rows, y] = -s.sum(1)\ns / C", "What is the slope of a square?"),
        (
            "loses the factor of the square",
            "s = h ** (p - 1) * (h > 0)\ns[rows, y] = -s.sum(1)\ns / C",
            "Differentiate h ** p.",
        ),
        (
            "is not 0 at the kink",
            "s = p * h ** (p - 1) * (margin - x[rows, y][:, None] + x >= 0)\n"
            "s[rows, y] = 0\ns[rows, y] = -s.sum(1)\ns / C",
            "Which slope does the text ask for where a hinge is exactly 0?",
        ),
    ],
    same=[
        (
            "mask of wrong classes",
            "own = np.take_along_axis(x, y[:, None], 1)\n"
            "(np.maximum(0, margin - own + x) ** p * (np.arange(C) != y[:, None])).mean(1)",
        )
    ],
    same_slopes=[
        ("one-hot product", "one = np.eye(C)[y]\n" + SLOPES + "(s - one * s.sum(1, keepdims=True)) / C"),
    ],
)
SOFT = TWO + "C, e = x.shape[1], np.exp(-abs(x))\ns = np.where(x >= 0, 1, e) / (1 + e)\n"
check_reduced(
    *both("multilabel_soft_margin_loss", 4),
    "x, y",
    draw=scores_and_bits,
    rows=True,
    start=SOFT,
    each="(np.maximum(x, 0) - y * x + np.log1p(e)).mean(1)",
    slope="(s - y) / C",
    example={"x": np.array([[np.log(3.0), 0.0]]), "y": np.array([[1, 0]])},
    far=[
        Far(
            "scores of 1000 on both sides stay finite",
            "What is the logarithm of a probability that was rounded to 0?",
            [
                {
                    "x": np.array([[1000.0, -1000.0], [-1000.0, 1000.0], [0.5, -0.3]]),
                    "y": np.array([[1, 0], [1, 0], [1, 1]]),
                }
            ],
        )
    ],
    wrong=[
        (  # BC-01
            "takes logarithms of rounded probabilities",
            "q = 1 / (1 + np.exp(-x)); -(y * np.log(q) + (1 - y) * np.log(1 - q)).mean(1)",
            "Which of the two logarithms breaks for a score of 1000, and which for -1000?",
        ),
        (
            "swaps the labels",
            "(np.maximum(x, 0) - (1 - y) * x + np.log1p(e)).mean(1)",
            "A present class with a large score: what should it cost?",
        ),  # BC-02
        (
            "applies the sigmoid twice",
            "(np.logaddexp(0, s) - y * s).mean(1)",
            "What can a perfect model reach?",
        ),  # BC-03
        (
            "forgets the absent classes",
            "(y * np.logaddexp(0, -x)).mean(1)",
            "What does a sample without labels cost?",
        ),  # BC-05
        (
            "adds the label term",
            "(np.maximum(x, 0) + y * x + np.log1p(e)).mean(1)",
            "A present class with a large score: what should it cost?",
        ),  # BC-08
        (
            "keeps the sign in the exponent",
            "(np.maximum(x, 0) - y * x + np.log1p(np.exp(-x))).mean(1)",
            "Test a negative score. Which of the terms gets large?",
        ),  # BC-09
        (
            "clips the probability",
            "q = np.clip(s, 1e-7, 1 - 1e-7); -(y * np.log(q) + (1 - y) * np.log(1 - q)).mean(1)",
            "Plot the loss of y = 0 for the scores 10, 20, 30. Where does it become flat?",
        ),  # BC-07
        (
            "takes the arguments in the wrong order",
            "(np.logaddexp(0, y) - x * y).mean(1)",
            "Which argument is allowed to be larger than 1?",
        ),  # BC-04
        (
            "compares every sample with every row of labels",
            "(np.logaddexp(0, x)[:, None] - y * x[:, None]).mean((1, 2))",
            "Print the shape of the product of labels and scores. How many numbers do you expect?",
        ),  # BC-11
        (  # BC-13
            "uses the formula for labels -1 and 1",
            "np.logaddexp(0, -y * x).mean(1)",
            "What does an absent class cost, whatever its score is?",
        ),
        ("adds the classes up", "(np.maximum(x, 0) - y * x + np.log1p(e)).sum(1)", "Sum or mean over the classes?"),
    ],
    wrong_slopes=[
        (
            "multiplies by an extra derivative",
            "(s - y) * s * (1 - s) / C",
            "Should learning stop at a very wrong score?",
        ),  # BC-10
        ("does not divide by the number of classes", "s - y", "Where is the 1/C of the loss?"),
        (
            "uses the formula for labels -1 and 1",
            "-y * np.exp(-np.logaddexp(0, y * x)) / C",
            "Which gradient does an absent class get in your code?",
        ),  # BC-13
        ("swaps the labels", "(s - 1 + y) / C", "y = 1, large score: should the gradient be near 0?"),  # BC-02
        (
            "applies the sigmoid twice",
            "(1 / (1 + np.exp(-s)) - y) / C",
            "What pulls at a prediction that is as good as perfect?",
        ),  # BC-03, AC-12
        ("forgets the sigmoid", "(x - y) / C", "May a slope of this loss be larger than 1/C?"),
    ],
    same=[("cross-entropy of two log-sigmoids", "(y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)).mean(1)")],
    same_slopes=[("by the hyperbolic tangent", "((1 + np.tanh(x / 2)) / 2 - y) / C")],
)


def listed(rng, shape):
    """Scores, and rows that list some classes, then -1, then numbers that do not count."""
    n, classes = shape
    y = rng.permuted(np.tile(np.arange(classes), (n, 1)), axis=1)
    for i, row in enumerate(y):
        # In the first row some classes are present and some are not, where there are two.
        end = rng.integers(0, classes + 1) if i or classes == 1 else rng.integers(1, classes)
        row[end : end + 1] = -1
    return {"x": rng.normal(size=shape), "y": y}


LISTED = (
    ONE
    + """
C = x.shape[1]
ok = np.cumprod(y >= 0, axis=1) > 0
here = (np.eye(C, dtype=int)[np.where(ok, y, 0)] * ok[..., None]).sum(1) > 0
"""
)
GAP = "gap = 1 - x[:, :, None] + x[:, None, :]\n"
EACH = "(np.maximum(0, gap) * (here[:, :, None] & ~here[:, None, :])).sum((1, 2)) / C"
HIT = GAP + "hit = here[:, :, None] & ~here[:, None, :] & (gap > 0)\n"
PAST = "here = (np.eye(C, dtype=int)[np.maximum(y, 0)] * (y >= 0)[..., None]).sum(1) > 0\n"
check_reduced(
    *both("multilabel_margin_loss", 5),
    "x, y",
    draw=listed,
    rows=True,
    start=LISTED,
    each=GAP + "np.einsum('np,na,npa->n', 1.0 * here, 1.0 * ~here, np.maximum(0, gap)) / C",
    slope=HIT + "(1.0 * hit.sum(1) - hit.sum(2)) / C",
    example={"x": np.array([[0.1, 0.2, 0.4, 0.8]]), "y": np.array([[3, 0, -1, 1]])},
    far=[
        Far(
            "rows with all classes, with none, and with one",
            "What remains of the double sum when nothing is present, or nothing absent?",
            [
                {
                    "x": np.array([[0.3, 1.7, -0.6], [0.9, -0.2, 0.1], [0.1, 0.4, 1.4]]),
                    "y": np.array([[2, 0, 1], [-1, 2, 0], [1, -1, -1]]),
                }
            ],
        )
    ],
    wrong=[
        ("reads on behind the first -1", PAST + GAP + EACH, "What does the row [2, -1, 0] say about class 0?"),
        (
            "takes -1 for the last class",
            "here = np.eye(C, dtype=int)[np.where(ok, y, C - 1)].sum(1) > 0\n" + GAP + EACH,
            "Which class does index -1 select in NumPy?",
        ),
        ("takes the numbers for marks", "here = y > 0\n" + GAP + EACH, "Does y list classes, or mark them?"),
        (
            "compares present classes with each other as well",
            GAP + "(np.maximum(0, gap) * here[:, :, None] * ~np.eye(C, dtype=bool)).sum((1, 2)) / C",
            "Does the first present class have to lead the second?",
        ),
        ("does not divide by the number of classes", GAP + EACH[:-4], "By which number does the text divide?"),
        (
            "has the difference the wrong way round",
            "gap = 1 + x[:, :, None] - x[:, None, :]\n" + EACH,
            "A present class far ahead of all absent ones: what should it cost?",
        ),
        (
            "averages over the pairs",
            GAP + EACH[:-4] + " / np.maximum(here.sum(1) * (~here).sum(1), 1)",
            "By which number does the text divide?",
        ),
    ],
    wrong_slopes=[
        (
            "leaves the present classes out",
            HIT + "1.0 * hit.sum(1) / C",
            "Each row of the gradient adds up to 0. Does yours?",
        ),
        ("counts each class once", HIT + "(1.0 * hit.any(1) - hit.any(2)) / C", "In how many pairs is a class?"),
        (
            "does not divide by the number of classes",
            HIT + "1.0 * hit.sum(1) - hit.sum(2)",
            "Where is the 1/C of the loss?",
        ),
        (
            "reads on behind the first -1",
            PAST + HIT + "(1.0 * hit.sum(1) - hit.sum(2)) / C",
            "What does the row [2, -1, 0] say about class 0?",
        ),
        (
            "forgets where the hinges end",
            "hit = here[:, :, None] & ~here[:, None, :]\n(1.0 * hit.sum(1) - hit.sum(2)) / C",
            "What pulls at a class that leads by 10?",
        ),
    ],
    same=[
        (
            "pairs masked by infinity",
            "low = np.where(here, x, np.inf)[:, :, None]\nhigh = np.where(here, -np.inf, x)[:, None, :]\n"
            "np.maximum(0, 1 - low + high).sum((1, 2)) / C",
        )
    ],
    same_slopes=[
        ("signs of both roles", HIT + "np.einsum('npa->na', hit * 1.0) / C - np.einsum('npa->np', hit * 1.0) / C"),
    ],
)

# PyTorch ---------------------------------------------------------------------------------------

torch_smooth_l1 = question(
    "torch_smooth_l1", points=4, kind="torch", forbids=Forbids(operators=("smooth_l1_loss*", "huber_loss*"))
)


def tensors(rng, shape, dtype=None):
    return {k: tensor(v, dtype) for k, v in residuals(rng, shape).items()}


check_torch(
    torch_smooth_l1,
    lambda rng: gradient(**tensors(rng, (4, 3))),
    by_hand="built without the library's smooth_l1_loss and huber_loss",
    points=2,
)


@torch_smooth_l1.check("the worked example and a batch", public=True, hint="Both pieces, then the mean.")
def _(rng):
    return [call(x=tensor([0.5, 3.0]), y=tensor([0.0, 0.0])), call(**tensors(rng, (4, 3)))]


@torch_smooth_l1.check("autograd finds the gradient", public=True, hint="Is every step from x a torch operation?")
def _(rng):
    return gradient(**tensors(rng, (4, 3)))


@torch_smooth_l1.check("any shape, gradients for both arguments", hint="Is the mean over all elements?")
def _(rng):
    return [gradient(**tensors(rng, shape), wrt=("x", "y")) for shape in [(), (1,), (5,), (3, 3), (2, 1, 4)]]


@torch_smooth_l1.check(
    "other values of beta", hint="Where does beta stand in each piece, and where do the pieces meet?"
)
def _(rng):
    return [gradient(**tensors(rng, (4, 3)), beta=beta) for beta in (0.5, 3.0)]


@torch_smooth_l1.check(
    "very far predictions have finite gradients", hint="What does where do to the branch not chosen?"
)
def _(rng):
    x = tensor([1e200, -3e200, 5e199])
    return gradient(x=x, y=tensor([0.0, 1e200, 2e199]))


@torch_smooth_l1.check("dtype and device are kept", hint="Is there a .float() or a new tensor?")
def _(rng):
    return [gradient(**tensors(rng, (4, 3), dtype)) for dtype in ("float32", "float64")]


@torch_smooth_l1.check(
    "a second call gives the same answer and inputs stay as they were", hint="Print x after the call."
)
def _(rng):
    return call_twice(**tensors(rng, (3, 2)))


declare_variants(
    torch_smooth_l1,
    "x, y, beta=1.0",
    mistakes=[
        (
            "adds up instead of averaging",
            "d = (x - y).abs(); torch.where(d < beta, d * d / (2 * beta), d - beta / 2).sum()",
            "Write every sample twice. Should the result double?",
        ),
        (
            "computes the Huber loss",
            "d = (x - y).abs(); torch.where(d < beta, d * d / 2, beta * (d - beta / 2)).mean()",
            "Its relative agrees for beta = 1. What is the slope far out for beta = 2?",
        ),
        (
            "always uses beta = 1",
            "d = (x - y).abs(); torch.where(d < 1, d * d / 2, d - 0.5).mean()",
            "Is beta used in both pieces?",
        ),
        (
            "cuts the graph",
            "d = (x - y).abs().detach(); torch.where(d < beta, d * d / (2 * beta), d - beta / 2).mean()",
            "Does your result have a grad_fn?",
        ),
        (  # LG-04
            "returns a number of Python",
            "d = (x - y).abs(); torch.where(d < beta, d * d / (2 * beta), d - beta / 2).mean().item()",
            "Can you call backward() on your result?",
        ),
        (
            "converts to float32",
            "d = (x - y).abs().float(); torch.where(d < beta, d * d / (2 * beta), d - beta / 2).mean()",
            "Compare x.dtype with the dtype of your result.",
        ),
        (
            "modifies its input",
            "x.data -= y\nd = x.abs(); torch.where(d < beta, d * d / (2 * beta), d - beta / 2).mean()",
            "Print x before and after the call.",
        ),
    ],
    equivalents=[
        (
            "two pieces with a mask",
            "d = (x - y).abs(); near = (d < beta).to(d.dtype)\n"
            "(near * d.clamp(max=beta) ** 2 / (2 * beta) + (1 - near) * (d - beta / 2)).mean()",
        ),
        (
            "formula as it stands",
            "d = torch.abs(x - y); torch.where(d < beta, 0.5 * d**2 / beta, d - 0.5 * beta).mean()",
        ),
    ],
)

torch_triplet_margin = question(
    "torch_triplet_margin",
    points=5,
    kind="torch",
    # PyTorch's own runs the same operators as one written by hand: only its names tell.
    forbids=Forbids(names=("triplet_margin_loss", "triplet_margin_with_distance_loss", "TripletMarginLoss")),
)
EQUAL_TRIPLE = {
    "a": tensor([[1.0, 2.0], [0.3, 0.1]]),
    "p": tensor([[1.0, 2.0], [0.5, -0.1]]),
    "n": tensor([[1.5, 2.0], [0.2, 0.4]]),
}


def torch_triples(rng, shape, dtype=None):
    return {k: tensor(v, dtype) for k, v in triples(rng, shape).items()}


check_torch(
    torch_triplet_margin,
    lambda rng: gradient(**torch_triples(rng, (4, 3)), wrt="a"),
    by_hand="built without the library's triplet_margin_loss",
    points=2.5,
)


@torch_triplet_margin.check(
    "the worked example and a batch", public=True, hint="Two distances, a margin, a maximum.", tolerance=NO_SMALL_NUMBER
)
def _(rng):
    shown = {"a": tensor([[0.0, 0.0]]), "p": tensor([[3.0, 4.0]]), "n": tensor([[0.0, 5.5]])}
    return [call(**shown), call(**torch_triples(rng, (4, 3)))]


@torch_triplet_margin.check(
    "autograd finds the gradient",
    public=True,
    hint="Is every step from a a torch operation?",
    tolerance=NO_SMALL_NUMBER,
)
def _(rng):
    return gradient(**torch_triples(rng, (4, 3)), wrt="a")


@torch_triplet_margin.check(
    "gradients for all three arguments", hint="Which of the three does your graph lose?", tolerance=NO_SMALL_NUMBER
)
def _(rng):
    return [gradient(**torch_triples(rng, shape), wrt=("a", "p", "n")) for shape in ((1, 4), (4, 1), (3, 3), (6, 2))]


@torch_triplet_margin.check("other margins", hint="Is margin used, and with which sign?", tolerance=NO_SMALL_NUMBER)
def _(rng):
    return [gradient(**torch_triples(rng, (6, 3)), margin=margin, wrt=("a", "n")) for margin in (0.2, 3.0)]


@torch_triplet_margin.check(
    "equal vectors have finite gradients", hint="What is the derivative of a root at 0? What does the text add?"
)
def _(rng):
    return gradient(**EQUAL_TRIPLE, wrt=("a", "p", "n"))


@torch_triplet_margin.check(
    "dtype and device are kept", hint="Is there a .float() or a new tensor?", tolerance=NO_SMALL_NUMBER
)
def _(rng):
    return [gradient(**torch_triples(rng, (4, 3), dtype), wrt="a") for dtype in ("float32", "float64")]


@torch_triplet_margin.check(
    "a second call gives the same answer and inputs stay as they were",
    hint="Print a afterwards.",
    tolerance=NO_SMALL_NUMBER,
)
def _(rng):
    return call_twice(**torch_triples(rng, (3, 2)))


DISTANCE = "u, v = ((a - w + 1e-6).norm(dim=1) for w in (p, n))\n"
declare_variants(
    torch_triplet_margin,
    "a, p, n, margin=1.0",
    mistakes=[
        (
            "adds no small number",
            "u, v = ((a - w).norm(dim=1) for w in (p, n)); (u - v + margin).clamp(min=0).mean()",
            "Another convention: what does the formula in the text add to each difference?",
        ),
        (
            "swaps positive and negative",
            DISTANCE + "(v - u + margin).clamp(min=0).mean()",
            "Which one should be closer?",
        ),
        ("squares the distances", DISTANCE + "(u**2 - v**2 + margin).clamp(min=0).mean()", "Is there a root in d?"),
        ("forgets to cut off at 0", DISTANCE + "(u - v + margin).mean()", "May an easy triple make up for a hard one?"),
        (
            "treats the negative as a constant",
            DISTANCE + "(u - v.detach() + margin).clamp(min=0).mean()",
            "Print n.grad. Should the negative move?",
        ),
        ("ignores the margin", DISTANCE + "(u - v + 1).clamp(min=0).mean()", "Is margin used?"),
        (
            "cuts off the mean, not each triple",
            DISTANCE + "(u - v + margin).mean().clamp(min=0)",
            "Which comes first: the maximum with 0, or the mean?",
        ),
        (
            "adds up instead of averaging",
            DISTANCE + "(u - v + margin).clamp(min=0).sum()",
            "Write every row twice. Should the loss double?",
        ),
    ],
    equivalents=[
        ("norms of the library", DISTANCE + "torch.relu(u - v + margin).mean()"),
        (
            "distances of the library",
            "d = torch.nn.functional.pairwise_distance; torch.clamp(d(a, p) - d(a, n) + margin, min=0).mean()",
        ),
        (
            "powers and roots",
            "d = lambda w: ((a - w + 1e-6) ** 2).sum(-1) ** 0.5; torch.maximum(d(p) - d(n) + margin, 0 * d(p)).mean()",
        ),
    ],
)

torch_focal = question("torch_focal", points=5, kind="torch")


def focal_tensors(rng, shape, dtype="float64", **options):
    x, y = 2 * rng.normal(size=shape), (signs(rng, shape) + 1) // 2
    return {"logits": tensor(x, dtype), "y": tensor(y, dtype), "gamma": 2.0, "alpha": 0.25, **options}


check_torch(torch_focal, lambda rng: gradient(**focal_tensors(rng, (4, 3)), wrt="logits"))


@torch_focal.check("the worked example and a batch", public=True, hint="What is the probability of the true class?")
def _(rng):
    shown = {"logits": tensor(np.log([3.0, 3.0])), "y": tensor([1.0, 0.0])}
    return [call(**shown, gamma=2.0, alpha=0.25), call(**focal_tensors(rng, (4, 3)))]


@torch_focal.check("autograd finds the gradient", public=True, hint="Is every step from the logits a torch operation?")
def _(rng):
    return gradient(**focal_tensors(rng, (4, 3)), wrt="logits")


@torch_focal.check("any shape", hint="Is the mean over all elements?")
def _(rng):
    return [gradient(**focal_tensors(rng, shape), wrt="logits") for shape in [(), (1,), (5,), (3, 3), (2, 1, 4)]]


@torch_focal.check(
    "other values of gamma and alpha", hint="What remains of the loss for gamma = 0? Which class has alpha?"
)
def _(rng):
    options = [{"gamma": 0.0}, {"gamma": 0.5}, {"alpha": 0.6}, {"gamma": 5.0, "alpha": 0.9}]
    return [gradient(**focal_tensors(rng, (4, 3), **option), wrt="logits") for option in options]


@torch_focal.check(
    "values and gradients for logits of 1000 stay finite",
    hint="Look at the gradient too. Which step has an infinite derivative?",
)
def _(rng):
    far = {"logits": tensor([1000.0, -1000.0, 900.0, -900.0, 0.7]), "y": tensor([1.0, 1.0, 0.0, 0.0, 1.0])}
    return [gradient(**far, gamma=gamma, alpha=0.25, wrt="logits") for gamma in (2.0, 0.5)]


@torch_focal.check("dtype and device are kept", hint="Is there a .float() or a new tensor?")
def _(rng):
    return [gradient(**focal_tensors(rng, (4, 3), dtype), wrt="logits") for dtype in ("float32", "float64")]


@torch_focal.check(
    "a second call gives the same answer and inputs stay as they were", hint="Print the logits afterwards."
)
def _(rng):
    return call_twice(**focal_tensors(rng, (3, 2)))


TORCH_FOCAL = """
z = torch.where(y > 0, logits, -logits)
a = alpha * y + (1 - alpha) * (1 - y)
logp, logq = -torch.logaddexp(-z, 0 * z), -torch.logaddexp(z, 0 * z)
"""
declare_variants(
    torch_focal,
    "logits, y, gamma, alpha",
    mistakes=[
        (  # BC-01
            "takes the logarithm of a rounded probability",
            TORCH_FOCAL + "p = torch.sigmoid(z); -(a * torch.exp(gamma * logq) * p.log()).mean()",
            "What is the probability for z = -1000, and its logarithm?",
        ),
        (
            "takes a power of 0",
            TORCH_FOCAL + "-(a * (1 - torch.sigmoid(z)) ** gamma * logp).mean()",
            "Look at the gradient for a logit of 1000 and gamma = 0.5. What is the derivative of q ** 0.5 at 0?",
        ),
        (
            "treats the focal factor as a constant",
            TORCH_FOCAL + "-(a * torch.exp(gamma * logq).detach() * logp).mean()",
            "Which part of your loss does autograd not see?",
        ),
        (  # BC-07, CE-10
            "clamps the probability",
            TORCH_FOCAL + "p = torch.sigmoid(z).clamp(1e-7, 1 - 1e-7); -(a * (1 - p) ** gamma * p.log()).mean()",
            "Compute the gradient for a badly wrong sample. Why is it exactly zero?",
        ),
        (  # BC-05
            "forgets the samples with label 0",
            TORCH_FOCAL + "-(y * a * torch.exp(gamma * logq) * logp).mean()",
            "Which loss has a batch of zeros?",
        ),
        (  # BC-13
            "takes the labels for -1 and 1",
            "z = y * logits; a = alpha * y + (1 - alpha) * (1 - y); F = torch.nn.functional\n"
            "-(a * torch.exp(gamma * F.logsigmoid(-z)) * F.logsigmoid(z)).mean()",
            "What does a sample with y = 0 cost, whatever its logit is?",
        ),
        (  # LG-04
            "wraps a finished number in a new tensor",
            TORCH_FOCAL + "torch.tensor(-(a * torch.exp(gamma * logq) * logp).mean().item(), dtype=z.dtype)",
            "Does your result have a grad_fn?",
        ),
        (
            "weights both classes alike",
            TORCH_FOCAL + "-(alpha * torch.exp(gamma * logq) * logp).mean()",
            "Which weight do samples with y = 0 get?",
        ),
        (
            "swaps the weights of the classes",
            TORCH_FOCAL + "-((1 - a) * torch.exp(gamma * logq) * logp).mean()",
            "With alpha = 0.25, which class gets 0.25?",
        ),
        (
            "turns the hard samples down",
            TORCH_FOCAL + "-(a * torch.exp(gamma * logp) * logp).mean()",
            "Which samples should count less: easy or hard ones?",
        ),
        (
            "makes the weights in float32",
            TORCH_FOCAL + "a = torch.where(y > 0, alpha, 1 - alpha); -(a * torch.exp(gamma * logq) * logp).mean()",
            "Which dtype has torch.where of two numbers of Python? How many digits of 0.6 remain?",
        ),
        (
            "adds up instead of averaging",
            TORCH_FOCAL + "-(a * torch.exp(gamma * logq) * logp).sum()",
            "Write every sample twice. Should the result double?",
        ),
        (
            "divides by the sum of the weights",
            TORCH_FOCAL + "-(a * torch.exp(gamma * logq) * logp).sum() / a.sum()",
            "Another convention: by which number does the mean divide?",
        ),
    ],
    equivalents=[
        ("exponents added up", TORCH_FOCAL + "(a * torch.exp(gamma * logq) * -logp).sum() / logits.numel()"),
        (
            "library cross-entropy times a focal factor",
            "F = torch.nn.functional\n"
            "ce = F.binary_cross_entropy_with_logits(logits, y, reduction='none')\n"
            "q = torch.exp(gamma * F.logsigmoid(logits * (1 - 2 * y)))\n"
            "((y * alpha + (1 - y) * (1 - alpha)) * q * ce).mean()",
        ),
    ],
)

# Extra credit ----------------------------------------------------------------------------------

ctc_loss = question("ctc_loss", points=6, extra=True)


def speech(rng, t, n, c, s, *, blank=0, sharp=1.0):
    """Log-probabilities and targets of the full lengths, with a letter that is repeated where there are two."""
    raw = sharp * rng.normal(size=(t, n, c))
    log_probs = raw - np.logaddexp.reduce(raw, axis=2, keepdims=True)
    letters = np.delete(np.arange(c), blank)
    targets = rng.choice(letters, size=(n, s))
    targets[::2, 1:2] = targets[::2, :1]
    return {"log_probs": log_probs, "targets": targets, "input_lengths": np.full(n, t), "target_lengths": np.full(n, s)}


def cut(given, input_lengths, target_lengths):
    return {**given, "input_lengths": np.array(input_lengths), "target_lengths": np.array(target_lengths)}


@ctc_loss.check("the worked example", public=True, hint="Write down all paths of two slices that stand for the target.")
def _(rng):
    probs = np.log([[[0.4, 0.6]], [[0.4, 0.6]]])
    return call(log_probs=probs, targets=np.array([[1]]), input_lengths=np.array([2]), target_lengths=np.array([1]))


@ctc_loss.check("texts of two and three letters", public=True, hint="From which states may a path come?")
def _(rng):
    return [call(**speech(rng, 6, 3, 4, s), reduction="none") for s in (2, 3)]


@ctc_loss.check("equal letters in a row need a blank between them", hint="For what does the path `aa` stand?")
def _(rng):
    given = speech(rng, 7, 2, 3, 3)
    return call(**{**given, "targets": np.array([[1, 1, 2], [2, 2, 2]])}, reduction="none")


@ctc_loss.check("samples of different length", hint="What may stand behind the lengths, and may it change anything?")
def _(rng):
    given = cut(speech(rng, 8, 4, 4, 3), [8, 5, 6, 3], [3, 2, 1, 3])
    given["targets"] = np.array([[1, 2, 3], [2, 2, 3], [3, 1, 1], [1, 3, 2]])
    return [call(**given, reduction=reduction) for reduction in ("none", "mean", "sum")]


@ctc_loss.check("mean, sum and single losses", hint="By which lengths does the mean divide?")
def _(rng):
    given = cut(speech(rng, 6, 3, 4, 3), [6, 6, 6], [3, 2, 1])
    return [call(**given), call(**given, reduction="sum"), call(**given, reduction="none")]


@ctc_loss.check("another blank, empty targets, one slice", hint="Which symbol stands between the letters?")
def _(rng):
    empty = cut(speech(rng, 4, 2, 3, 2), [4, 3], [0, 2])
    one = {**speech(rng, 1, 2, 3, 1), "targets": np.array([[1], [2]])}
    last = speech(rng, 6, 3, 4, 2, blank=3)
    return [call(**last, blank=3), call(**empty), call(**empty, reduction="none"), call(**one, reduction="none")]


@ctc_loss.check("a target that does not fit costs inf, others nothing of that", hint="What is the logarithm of 0?")
def _(rng):
    given = cut(speech(rng, 5, 3, 4, 3), [2, 5, 3], [3, 3, 2])
    given["targets"] = np.array([[1, 2, 3], [3, 2, 1], [2, 1, 1]])
    return call(**given, reduction="none")


@ctc_loss.check("long recordings do not underflow", hint="How large is 0.1 to the power 400? Work with logarithms.")
def _(rng):
    return call(**speech(rng, 400, 2, 9, 20, sharp=3.0), reduction="none")


@ctc_loss.check("float32 stays float32", hint="Which dtype has each array that you create on the way?")
def _(rng):
    given = speech(rng, 6, 3, 4, 3)
    given["log_probs"] = given["log_probs"].astype(np.float32)
    return [call(**given), call(**given, reduction="none")]


@ctc_loss.check(
    "a second call gives the same answer and inputs stay as they were", hint="Compare inputs before and after."
)
def _(rng):
    return call_twice(**speech(rng, 5, 2, 4, 2))


#: One sample after the other, with probabilities kept as logarithms; words in capitals are what mistakes change.
CTC = """
each = []
for i, (length, size) in enumerate(zip(input_lengths, target_lengths)):
    word = [blank]
    for k in targets[i, :size]:
        word += [k, blank]
    word = np.array(word)
    lp = log_probs[:length, i][:, word]
    skip = np.array([s > 1 and word[s] != blank and word[s] != word[s - 2] for s in range(len(word))])
    a = np.full(len(word), -np.inf)
    a[:2] = lp[0, :2]
    for t in range(1, length):
        one = np.append(-np.inf, a[:-1])
        two = np.where(skip, np.append([-np.inf, -np.inf], a)[: len(a)], -np.inf)
        a = ADD(ADD(a, one), two) + lp[t]
    each.append(-(ADD(a[-1], a[-2]) if len(a) > 1 else a[-1]))
each = np.array(each, dtype=log_probs.dtype)
if reduction == "none":
    return each
return (each / np.maximum(target_lengths, 1)).mean(dtype=each.dtype) if reduction == "mean" else each.sum()
"""


def ctc(old="", new="", add="np.logaddexp"):
    assert old in CTC
    return CTC.replace(old, new, 1 if old else 0).replace("ADD", add)


declare_variants(
    ctc_loss,
    "log_probs, targets, input_lengths, target_lengths, blank=0, reduction='mean'",
    mistakes=[
        ("follows the best path only", ctc(add="np.maximum"), "Which paths does the probability of the target add up?"),
        (
            "skips blanks between equal letters",
            ctc(" and word[s] != word[s - 2]"),
            "For what does the path `aa` stand: for `a` or for `aa`?",
        ),
        ("never skips a blank", ctc("s > 1 and", "False and"), "Is `ab` a path for the target `ab`?"),
        (
            "must end in a blank",
            ctc("(ADD(a[-1], a[-2]) if len(a) > 1 else a[-1])", "a[-1]"),
            "May a path end with a letter?",
        ),
        ("must start with a blank", ctc("a[:2] = lp[0, :2]", "a[0] = lp[0, 0]"), "May a path start with a letter?"),
        (
            "reads all slices of every sample",
            ctc("log_probs[:length, i]", "log_probs[:, i]").replace("range(1, length)", "range(1, len(lp))"),
            "Is input_lengths used?",
        ),
        ("reads on behind the end of the target", ctc("targets[i, :size]", "targets[i]"), "Is target_lengths used?"),
        (
            "averages without the target lengths",
            ctc("(each / np.maximum(target_lengths, 1))", "each"),
            "Read the convention of the mean.",
        ),
        ("takes 0 for the blank", ctc().replace("each = []", "each, blank = [], 0"), "Is blank used?"),
        (
            "computes with probabilities",
            ctc("lp = log_probs[:length, i][:, word]", "lp = np.exp(log_probs[:length, i][:, word])")
            .replace("a = np.full(len(word), -np.inf)", "a = np.zeros(len(word))")
            .replace("-np.inf", "0")
            .replace("+ lp[t]", "* lp[t]")
            .replace("np.logaddexp(np.logaddexp(a, one), two)", "(a + one + two)")
            .replace("-(np.logaddexp(a[-1], a[-2]) if len(a) > 1 else a[-1])", "-np.log(a[-2:].sum())"),
            "How large is 0.1 to the power 400?",
        ),
    ],
    equivalents=[
        ("one sample after the other", ctc()),
        (
            "one state after the other",
            """
            each = []
            for i, (length, size) in enumerate(zip(input_lengths, target_lengths)):
                word = [blank]
                for k in targets[i][:size]:
                    word += [int(k), blank]
                a = np.full((length, len(word)), -np.inf)
                a[0, :2] = log_probs[0, i, word[:2]]
                for t in range(1, length):
                    for s, k in enumerate(word):
                        skips = s > 1 and k != blank and k != word[s - 2]
                        a[t, s] = np.logaddexp.reduce(a[t - 1, max(s - 1 - skips, 0) : s + 1]) + log_probs[t, i, k]
                each.append(-np.logaddexp.reduce(a[-1, -2:]))
            each = np.array(each, dtype=log_probs.dtype)
            if reduction == "mean":
                each = each / np.maximum(target_lengths, 1).astype(each.dtype)
            return each if reduction == "none" else each.sum() if reduction == "sum" else each.mean()
            """,
        ),
    ],
)

adaptive_log_softmax_loss = question("adaptive_log_softmax_loss", points=6, kind="torch", extra=True)


def rare(rng, n, d, sizes, widths, *, dtype=None, targets=None):
    """Features, targets of all groups, weights: `sizes` of the frequent group and of the rare ones."""
    cutoffs = [int(c) for c in np.cumsum(sizes)[:-1]]
    head = rng.normal(size=(sizes[0] + len(widths), d))
    tails = [(rng.normal(size=(w, d)), rng.normal(size=(size, w))) for w, size in zip(widths, sizes[1:], strict=True)]
    chosen = rng.permutation(np.resize(np.arange(sum(sizes)), n)) if targets is None else np.array(targets)
    return {
        "x": tensor(rng.normal(size=(n, d)), dtype),
        "targets": tensor(chosen),
        "head": tensor(head, dtype),
        "tails": [tuple(tensor(w, dtype) for w in pair) for pair in tails],
        "cutoffs": cutoffs,
    }


check_torch(adaptive_log_softmax_loss, lambda rng: gradient(**rare(rng, 6, 3, (3, 4), (2,))))


@adaptive_log_softmax_loss.check("the worked example", public=True, hint="Multiply the probability of the group, too.")
def _(rng):
    tails = [(tensor([[1.0]]), tensor([[0.0], [0.0]]))]
    head = tensor([[0.0], [0.0], [np.log(2.0)]])
    return call(x=tensor([[1.0], [1.0]]), targets=tensor([0, 3]), head=head, tails=tails, cutoffs=[2])


@adaptive_log_softmax_loss.check(
    "one rare group", public=True, hint="Which rows of the head are classes, which are groups?"
)
def _(rng):
    return gradient(**rare(rng, 6, 3, (3, 4), (2,)))


@adaptive_log_softmax_loss.check("two and three rare groups", hint="Which row of the head belongs to which group?")
def _(rng):
    return [gradient(**rare(rng, 9, 4, (2, 3, 4), (3, 2))), gradient(**rare(rng, 12, 4, (3, 2, 3, 4), (2, 1, 2)))]


@adaptive_log_softmax_loss.check(
    "groups without a target, one sample, all targets in one group", hint="What does an empty selection give?"
)
def _(rng):
    cases = [(4, [0, 1, 1, 0]), (1, [6]), (5, [2, 3, 2, 4, 3]), (2, [5, 8])]
    return [gradient(**rare(rng, n, 3, (2, 3, 4), (3, 2), targets=targets)) for n, targets in cases]


@adaptive_log_softmax_loss.check("gradients for features and head", hint="Is every step a torch operation?")
def _(rng):
    return gradient(**rare(rng, 9, 4, (2, 3, 4), (3, 2)), wrt=("x", "head"))


@adaptive_log_softmax_loss.check("large scores stay finite", hint="Logarithm of softmax, or log-softmax?")
def _(rng):
    given = rare(rng, 7, 3, (2, 3, 2), (3, 2))
    return call(**{**given, "x": tensor(300 * rng.normal(size=(7, 3)))})


@adaptive_log_softmax_loss.check("dtype and device are kept", hint="Is there a .float() or a new tensor?")
def _(rng):
    return [gradient(**rare(rng, 7, 3, (2, 3, 2), (3, 2), dtype=dtype)) for dtype in ("float32", "float64")]


@adaptive_log_softmax_loss.check(
    "a second call gives the same answer and inputs stay as they were", hint="Compare inputs before and after."
)
def _(rng):
    return call_twice(**rare(rng, 6, 3, (2, 3, 2), (2, 2)))


#: The logarithms of all probabilities, and then those of the targets.
ADAPTIVE = """
first, parts = cutoffs[0], []
log_head = torch.log_softmax(x @ head.T, 1)
parts.append(log_head[:, :first])
for g, (down, up) in enumerate(tails):
    parts.append(log_head[:, first + g, None] + torch.log_softmax(x @ down.T @ up.T, 1))
output = torch.cat(parts, 1).gather(1, targets[:, None]).squeeze(1)
return output, -output.mean()
"""


def adaptive(old="", new=""):
    assert old in ADAPTIVE
    return ADAPTIVE.replace(old, new) if old else ADAPTIVE


declare_variants(
    adaptive_log_softmax_loss,
    "x, targets, head, tails, cutoffs",
    mistakes=[
        (
            "forgets the probability of the group",
            adaptive("log_head[:, first + g, None] + ", ""),
            "Add up the probabilities of all classes. Is it 1?",
        ),
        (
            "normalises the frequent classes without the groups",
            adaptive("parts.append(log_head[:, :first])", "parts.append(torch.log_softmax(x @ head[:first].T, 1))"),
            "Add up the probabilities of all classes. Is it 1?",
        ),
        (
            "counts the groups from the end",
            adaptive("first + g, None", "-1 - g, None"),
            "Which row of the head belongs to the first rare group?",
        ),
        (
            "takes the logarithm of finished probabilities",
            adaptive("torch.log_softmax(x @ down.T @ up.T, 1)", "torch.softmax(x @ down.T @ up.T, 1).log()").replace(
                "torch.log_softmax(x @ head.T, 1)", "torch.softmax(x @ head.T, 1).log()"
            ),
            "What is the logarithm of a probability that was rounded to 0?",
        ),
        (
            "adds up instead of averaging",
            adaptive("-output.mean()", "-output.sum()"),
            "Write every sample twice. Should the loss double?",
        ),
        (
            "returns the mean without its sign",
            adaptive("-output.mean()", "output.mean()"),
            "May a loss be negative here?",
        ),
        (
            "cuts the graph",
            adaptive("return output, -output.mean()", "output = output.detach()\nreturn output, -output.mean()"),
            "Does your result have a grad_fn?",
        ),
    ],
    equivalents=[
        ("log-probabilities of all classes", adaptive()),
        (
            "masks, and a list of both results",
            """
            log_head = torch.log_softmax(x @ head.T, dim=-1)
            out = torch.zeros(len(x), dtype=x.dtype, device=x.device)
            low = targets < cutoffs[0]
            out[low] = log_head[low, targets[low]]
            for g, (down, up) in enumerate(tails):
                mine = (targets >= cutoffs[g]) & (targets < cutoffs[g] + len(up))
                log_tail = torch.log_softmax(x[mine] @ down.T @ up.T, dim=1)
                picked = log_tail[torch.arange(len(log_tail), device=x.device), targets[mine] - cutoffs[g]]
                out[mine] = log_head[mine, cutoffs[0] + g] + picked
            return [out, -out.mean()]
            """,
        ),
    ],
)

check_numpy_alone()
