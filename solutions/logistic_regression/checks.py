"""Questions, checks, mistakes and equivalents of the assignment on logistic regression; 100 points in all.

Checks that name no points share what is left of their question's points equally. Most mistakes are one right body with
a piece exchanged: `exchanged(RIGHT, (old, new))`. None of them runs here: each becomes a cell of a notebook that
imports `np`, `torch` and `math`, and has the helpers that the master gives. A number such as LR-03 in a comment is its
entry in the team's list of misconceptions. Tables of mistakes are set by hand, to stay tables: `fmt: skip`.
"""

from __future__ import annotations

import numpy as np

from autograder.course import (
    Code,
    call,
    call_twice,
    check_numpy_alone,
    declare_variants,
    do,
    epochs,
    module,
    on_module,
    question,
    steps,
    tensor,
    value,
)

#: Every function must leave its inputs alone; one check of each says so.
STAYS = {
    "title": "a second call gives the same answer and inputs stay as they were",
    "hint": "Compare your inputs before and after the call.",
}
DTYPES = {
    "title": "float32 stays float32, integers become floats",
    "hint": "Which dtype has each array and each number on the way?",
}


def exchanged(right, *swaps):
    """A right body with pieces exchanged; each must occur exactly once."""
    for old, new in swaps:
        if right.count(old) != 1:
            raise ValueError(f"{old!r} occurs {right.count(old)} times")
        right = right.replace(old, new)
    return right


def mutants(right, *rows):
    """Rows of name, hint and exchanged pieces as rows for `declare_variants`."""
    return [(name, exchanged(right, *swaps), hint) for name, hint, *swaps in rows]


def single(*, ask=call, **arguments):
    """The call with all floating arrays in float32."""
    floats = {k: isinstance(v, np.ndarray) and v.dtype.kind == "f" for k, v in arguments.items()}
    return ask(**{k: v.astype(np.float32) if floats[k] else v for k, v in arguments.items()})


def layer(rng, n, d, k=None):
    """Features and parameters of a layer with `k` outputs, or with a single one."""
    outputs = () if k is None else (k,)
    b = float(rng.normal()) if k is None else rng.normal(size=k)
    return {"x": rng.normal(size=(n, d)), "w": rng.normal(size=(d, *outputs)), "b": b}


def labelled(rng, n, d, c):
    """A layer with `c` outputs, and labels in which every class occurs that finds room."""
    return layer(rng, n, d, c) | {"y": rng.permutation(np.arange(n) % c)}


def coin(rng, n, d):
    """A layer with a single output, and labels 0 and 1."""
    return layer(rng, n, d) | {"y": rng.permutation(np.arange(n) % 2)}


def straight(rng, n, d):
    """Features, and targets that follow them apart from some noise."""
    x = rng.normal(size=(n, d))
    return {"x": x, "y": x @ rng.normal(size=d) + rng.uniform(1, 2) + 0.3 * rng.normal(size=n)}


def grouped(rng, n, d, c):
    """Features whose mean depends on the label, and the labels."""
    y = rng.permutation(np.arange(n) % c)
    return {"x": rng.normal(size=(c, d))[y] + 0.5 * rng.normal(size=(n, d)), "y": y}


# Shapes ----------------------------------------------------------------------------------------

for name, title, hint, wrong in (
    ("x_shape", "the shape of the features", "Which of the two numbers counts the rows?", [
        ((2, 100), "has one column per house", "A house is a row: how many rows are there?"),
        ((100, 3), "counts the classes as features", "What is known of a house before its class is predicted?"),
        ((100,), "has one number per house", "How many numbers say where a house stands?"),
        (200, "gives the number of entries", "A shape is a tuple with one number per axis."),
    ]),
    ("w_shape", "the shape of the weights", "For x @ w, which axis of w must be as long as the last one of x?", [
        ((3, 2), "has one row per class, as PyTorch stores it", "Another convention. Does x @ w fit this shape?"),
        ((100, 3), "has weights for each house", "All houses share the weights. What is multiplied by them?"),
        ((2,), "has one weight per feature", "How many scores does a house get?"),
        ((2, 100), "has one column per house", "What are the columns of the result?"),
    ]),
    ("b_shape", "the shape of the bias", "Does the bias depend on the house, on the feature, or on the class?", [
        ((2,), "has one number per feature", "b is added after the features are summed up. What is left then?"),
        ((100,), "has one number per house", "Would a new house know its bias?"),
        ((100, 3), "has a bias for each house", "All houses share b. NumPy repeats it for every row."),
        (3, "writes a number in brackets", "What is type((3))? And type((3,))?"),
        ((1, 3), "has two axes", "How many axes does the text give to b?"),
    ]),
    ("out_shape", "the shape of the scores", "How many scores does each house get?", [
        ((3, 100), "has one column per house", "Houses are rows in x. Does the product change that?"),
        ((100, 2), "has the shape of x", "Which axis is summed over in x @ w?"),
        ((100,), "has one score per house", "Between how many classes must a house choose?"),
        ((2, 3), "has the shape of w", "How many houses are there?"),
    ]),
):  # fmt: skip
    shape = question(name, points=1, kind="value")
    shape.check(title, hint=hint)(lambda rng: value())
    for answer, words, help_ in wrong:
        shape.wrong(answer, words, hint=help_)

# Linear layer ----------------------------------------------------------------------------------

#: n, d, k: one sample, one feature, one class, squares of every kind.
SIZES = ((1, 2, 3), (4, 1, 2), (5, 3, 1), (1, 1, 1), (3, 3, 3), (4, 2, 4), (6, 2, 2))
X_EXAMPLE = np.array([[1.0, 2.0], [3.0, 0.0]])
W_EXAMPLE = np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]])


def whole(rng, *shape):
    """Small integers."""
    return rng.integers(-4, 5, size=shape)


linear = question("linear", points=4)
linear.check("the numbers of the worked example", public=True, hint="Do one entry with pen and paper.")(
    lambda rng: [call(x=X_EXAMPLE, w=W_EXAMPLE, b=np.array([0.0, 10.0, 20.0])), call(**layer(rng, 5, 2, 3))]
)
linear.check("any number of samples, features and outputs", hint="Try a square w. Does the bias belong to columns?")(
    lambda rng: [call(**layer(rng, *sizes)) for sizes in SIZES]
)
linear.check("a single output", hint="What is x @ w for w of shape (d,)? Which shape must the result have?")(
    lambda rng: [call(**layer(rng, n, d)) for n, d in ((4, 2), (1, 3), (5, 1), (3, 3))]
)
linear.check(**DTYPES)(
    lambda rng: [
        single(**layer(rng, 4, 3, 2)),
        single(**layer(rng, 4, 3)),
        call(x=whole(rng, 3, 2), w=rng.normal(size=(2, 2)), b=rng.normal(size=2)),
        call(x=whole(rng, 3, 2), w=whole(rng, 2, 4), b=whole(rng, 4)),
    ]
)
linear.check(**STAYS)(lambda rng: [call_twice(**layer(rng, 3, 2, 4)), call_twice(**layer(rng, 3, 2))])
LINEAR = "x, w, b = as_floats(x, w, b)\nx @ w + b"
declare_variants(
    linear,
    "x, w, b",
    mistakes=mutants(
        LINEAR,
        ("transposes the weights", "That is another convention. Does x @ w fit the shapes of the statement?",
         ("x @ w", "x @ w.T")),
        ("forgets the bias", "What should zero features give?", (" + b", "")),
        ("adds the bias to the rows", "How many numbers has b: one per sample, or one per output?",
         ("+ b", "+ np.reshape(b, (-1, 1))")),
        ("multiplies entry by entry", "Which operator is the matrix product?", ("x @ w", "x * w")),
        ("subtracts the bias", "Read the sign in front of b.", ("+ b", "- b")),
        ("multiplies the bias as well", "Is b inside the product?", ("x @ w + b", "(x + 1) @ w * b")),
        ("leaves integers as they are", "Which dtype has the product of two integer arrays?",
         ("x, w, b = as_floats(x, w, b)\n", "")),
        ("returns float64 for float32", "Compare `x.dtype` and `out.dtype` for float32 inputs.",
         ("as_floats(x, w, b)", "[np.array(a, dtype=np.float64) for a in (x, w, b)]")),
    ),
    equivalents=[
        ("all in one line", LINEAR),
        ("einsum", "x, w, b = as_floats(x, w, b)\nnp.einsum('nd,d...->n...', x, w) + b"),
        ("a column of ones for the bias",
         "x, w, b = as_floats(x, w, b)\nnp.hstack([x, np.ones_like(x[:, :1])]) @ np.concatenate([w, b[None]])"),
    ],
)  # fmt: skip


def upstream(rng, n, d, k):
    """Arguments of `linear_backward`."""
    return {"grad": rng.normal(size=(n, k)), "x": rng.normal(size=(n, d)), "w": rng.normal(size=(d, k))}


linear_backward = question("linear_backward", points=7)
linear_backward.check("the numbers of the worked example", public=True, hint="Which shape has each of dx, dw, db?")(
    lambda rng: [call(grad=np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 2.0]]), x=X_EXAMPLE, w=W_EXAMPLE)]
)
linear_backward.check(
    "a batch", public=True, hint="Compare with central differences of (grad * linear(x, w, b)).sum()."
)(lambda rng: call(**upstream(rng, 5, 2, 3)))
linear_backward.check(
    "any number of samples, features and outputs",
    hint="Square matrices hide a missing transpose. Write down all shapes.",
)(lambda rng: [call(**upstream(rng, *sizes)) for sizes in SIZES])
linear_backward.check("many samples add up", hint="Repeat every row of x and grad. What should happen to dw and db?")(
    lambda rng: [
        call(**{k: np.repeat(v, 3, axis=0) if k != "w" else v for k, v in upstream(rng, n, 2, 3).items()})
        for n in (1, 2, 7)
    ]
)
linear_backward.check(**DTYPES)(
    lambda rng: [
        single(**upstream(rng, 4, 3, 2)),
        call(grad=whole(rng, 4, 2), x=whole(rng, 4, 3), w=whole(rng, 3, 2)),
        call(grad=rng.normal(size=(3, 2)), x=whole(rng, 3, 2), w=rng.normal(size=(2, 2))),
    ]
)
linear_backward.check(**STAYS)(lambda rng: call_twice(**upstream(rng, 3, 2, 4)))
BACKWARD = "grad, x, w = as_floats(grad, x, w)\nreturn grad @ w.T, x.T @ grad, grad.sum(axis=0)"
declare_variants(
    linear_backward,
    "grad, x, w",
    mistakes=mutants(
        BACKWARD,
        ("transposes dw", "Compare `dw.shape` and `w.shape`, then use a non-square w.",
         ("x.T @ grad", "grad.T @ x")),  # LR-01
        ("does not sum db", "Which shape has b, and which shape has your db?", ("grad.sum(axis=0)", "grad")),  # LR-02
        ("sums db over everything", "How many numbers must db contain?", ("sum(axis=0)", "sum()")),  # LR-03
        ("averages db and sums dw", "Where did the factor 1/n enter, and how often?",
         ("sum(axis=0)", "mean(axis=0)")),  # LR-04
        ("forgets the transpose for dx", "Does the shape still fit when w is 2x3?", ("w.T", "w")),  # LR-05
        ("divides by the number of samples", "Is 1/n not inside `grad` already, if the loss is a mean?",
         ("x.T @ grad, grad.sum(axis=0)", "x.T @ grad / len(x), grad.sum(axis=0) / len(x)")),
        ("sums db over the outputs", "One number per output: which axis vanishes?", ("axis=0", "axis=1")),
        ("keeps an axis of length 1 in db", "Compare `db.shape` with the shape of b.",
         ("axis=0", "axis=0, keepdims=True")),
        ("returns another order", "In which order does the statement want the three?",
         ("grad @ w.T, x.T @ grad, grad.sum(axis=0)", "x.T @ grad, grad.sum(axis=0), grad @ w.T")),
        ("leaves integers as they are", "Which dtype has the product of two integer arrays?",
         ("as_floats(grad, x, w)", "grad, x, w")),
    ),
    equivalents=[
        ("all in one line", BACKWARD),
        ("einsum", """
         grad, x, w = as_floats(grad, x, w)
         return np.einsum("nk,dk->nd", grad, w), np.einsum("nd,nk->dk", x, grad), np.einsum("nk->k", grad)
         """),
        ("sums of outer products", """
         grad, x, w = as_floats(grad, x, w)
         dx = (grad[:, None, :] * w).sum(axis=2)
         dw = (x[:, :, None] * grad[:, None, :]).sum(axis=0)
         return dx, dw, np.ones(len(x), grad.dtype) @ grad
         """),
    ],
)  # fmt: skip

# Linear regression -----------------------------------------------------------------------------

LOSSES = ("mse", "mae")


def both(ask=call, **arguments):
    """The call with each of the two losses."""
    return [ask(**arguments, loss=loss) for loss in LOSSES]


def regression(rng, n, d):
    """Arguments of `linear_regression_gradients`; no residual is near 0."""
    given = layer(rng, n, d)
    sides = rng.permutation(np.resize([1.0, -1.0, 1.0], n))
    return given | {"y": given["x"] @ given["w"] + given["b"] + sides * rng.uniform(0.5, 2, size=n)}


linear_regression_gradients = question("linear_regression_gradients", points=7)
linear_regression_gradients.check(
    "squared error: the worked example", public=True, hint="Which residuals do you get? What is their derivative?"
)(
    lambda rng: [
        call(x=np.array([[1.0, 2.0], [3.0, 4.0]]), y=np.array([1.0, 2.0]), w=np.array([1.0, 1.0]), b=0.0),
        call(**regression(rng, 5, 3)),
    ]
)
linear_regression_gradients.check(
    "absolute error: the worked example", public=True, hint="What is the slope of |r| left and right of 0?"
)(
    lambda rng: [
        call(x=np.array([[1.0, 2.0], [3.0, 4.0]]), y=np.array([1.0, 2.0]), w=np.array([1.0, 1.0]), b=0.0, loss="mae"),
        call(**regression(rng, 5, 3), loss="mae"),
    ]
)
linear_regression_gradients.check(
    "any number of samples and features", hint="Which number does the mean divide by? What does one sample give?"
)(lambda rng: [p for n, d in ((1, 1), (1, 3), (6, 1), (3, 3), (7, 2), (2, 7)) for p in both(**regression(rng, n, d))])
linear_regression_gradients.check(
    "every sample meets its own target only", hint="Print the shape of the residuals. How many did you expect?"
)(
    lambda rng: [
        p
        for n in (4, 5)
        for p in both(x=np.eye(n), y=rng.normal(size=n), w=3 + rng.uniform(1, 2, size=n), b=float(rng.uniform(1, 2)))
    ]
)
linear_regression_gradients.check(
    "a residual of exactly 0", hint="Read the convention: which derivative has the absolute value at its kink?"
)(
    lambda rng: both(
        x=np.array([[1.0, 2.0], [3.0, 4.0], [-1.0, 1.0], [2.0, 2.0]]),
        y=np.array([4.0, 5.0, 1.0, 7.0]),
        w=np.array([1.0, 1.0]),
        b=1.0,
    )
)
linear_regression_gradients.check(**DTYPES)(
    lambda rng: [
        *both(ask=single, **regression(rng, 5, 2)),
        *both(x=whole(rng, 4, 2), y=whole(rng, 4) + 30, w=whole(rng, 2), b=1),
        *both(x=whole(rng, 5, 2), y=whole(rng, 5), w=rng.normal(size=2), b=float(rng.normal())),
    ]
)
linear_regression_gradients.check(**STAYS)(lambda rng: both(ask=call_twice, **regression(rng, 4, 2)))
REGRESSION = """
x, y, w, b = as_floats(x, y, w, b)
residual = x @ w + b - y
slope = 2 * residual if loss == "mse" else np.sign(residual)
return x.T @ slope / len(y), slope.mean()
"""
declare_variants(
    linear_regression_gradients,
    "x, y, w, b, loss='mse'",
    mistakes=mutants(
        REGRESSION,
        ("does not average", "Duplicate every row. Should the gradient of a mean change?",
         (" / len(y), slope.mean()", ", slope.sum()")),  # LR-06
        ("loses the factor 2",
         "That is another convention: half the squared error. What is the ratio to a numerical gradient of this loss?",
         ("2 * residual", "residual")),  # LR-07
        ("has the residual with the wrong sign", "Take one small step. Did the loss go down?",
         ("x @ w + b - y", "y - (x @ w + b)")),  # LR-08
        ("pairs every prediction with every target", "Print the shape of `prediction - y`.",
         ("x @ w + b - y", "((x @ w + b).reshape(-1, 1) - y).mean(1)")),  # LR-09
        ("averages db and sums dw", "Where does 1/n stand in the loss: once for w and not for b?", (" / len(y)", "")),
        ("divides by the number of features", "The mean is over what: samples or features?", ("len(y)", "x.shape[1]")),
        ("forgets the bias", "Does your prediction change with b?", ("x @ w + b - y", "x @ w - y")),
        ("uses the residual itself for the absolute error", "What is the slope of |r| at r = 5?",
         ("np.sign(residual)", "residual")),
        ("uses the absolute residual", "The loss is |r|. What is its derivative?",
         ("np.sign(residual)", "np.abs(residual)")),
        ("keeps the factor 2 for the absolute error", "Where does the 2 of the squared error come from?",
         ("np.sign(residual)", "2 * np.sign(residual)")),
        ("ignores the loss", "Call it with loss='mae'. Should something change?",
         ('2 * residual if loss == "mse" else np.sign(residual)', "2 * residual")),
        ("has derivative 1 at the kink", "Read the convention for a residual of exactly 0.",
         ("np.sign(residual)", "np.where(residual >= 0, 1, -1).astype(residual.dtype)")),
        ("divides by the absolute residual", "What does your code give for a residual of exactly 0?",
         ("np.sign(residual)", "residual / np.abs(residual)")),
        ("returns db first", "In which order does the statement want the two?",
         ("x.T @ slope / len(y), slope.mean()", "slope.mean(), x.T @ slope / len(y)")),
        ("computes the residual in the array of targets", "Print y before and after the call.",
         ("x @ w + b - y", "np.subtract(x @ w + b, y, out=y)")),
    ),
    equivalents=[
        ("all in one function", REGRESSION),
        ("by way of linear_backward", """
         x, y, w, b = as_floats(x, y, w, b)
         r = (x @ w + b - y)[:, None]
         grad = (2 * r if loss == "mse" else (r > 0) * 1.0 - (r < 0)).astype(x.dtype) / x.dtype.type(len(r))
         _, dw, db = linear_backward(grad, x, w[:, None])
         return dw[:, 0], db[0]
         """),
        ("mean of per-sample gradients", """
         x, y, w, b = as_floats(x, y, w, b)
         r = linear(x, w, b) - y
         r = r + r if loss == "mse" else np.sign(r)
         return (x * r[:, None]).mean(axis=0), np.mean(r)
         """),
    ],
)  # fmt: skip

fit_linear_regression = question("fit_linear_regression", points=7, kind="train")
fit_linear_regression.check("two steps by hand", public=True, hint="Print w, b, dw and db after each step.")(
    lambda rng: [call(x=np.array([[1.0], [2.0]]), y=np.array([1.0, 3.0]), lr=0.1, steps=n) for n in (1, 2)]
)
fit_linear_regression.check(
    "fifty steps with the squared error", public=True, hint="Is the gradient computed anew in each step?"
)(lambda rng: call(**straight(rng, 12, 2), lr=0.1, steps=50))
fit_linear_regression.check(
    "the absolute error", hint="Is `loss` passed on? How does a step with the absolute error look?"
)(lambda rng: [call(**straight(rng, n, d), lr=0.05, steps=9, loss="mae") for n, d in ((7, 2), (1, 1), (5, 3))])
fit_linear_regression.check(
    "no step, one step, any step size", hint="Where do the parameters start? How many updates are made?"
)(lambda rng: [call(**straight(rng, 6, 2), lr=lr, steps=n) for lr, n in ((0.1, 0), (0.3, 1), (0.02, 2), (0.2, 3))])
fit_linear_regression.check(
    "any number of samples and features", hint="Which lengths has w? Are features left as they come?"
)(lambda rng: [call(**straight(rng, n, d), lr=0.05, steps=20) for n, d in ((1, 1), (1, 3), (9, 1), (3, 3), (2, 4))])
fit_linear_regression.check(
    "features of different size and a repeated one", hint="Does your code use only steps against the gradient?"
)(
    lambda rng: [
        call(x=1 + rng.normal(size=(8, 2)) * [2.0, 0.1], y=rng.normal(size=8), lr=0.02, steps=30),
        call(x=np.repeat(rng.normal(size=(6, 1)), 2, axis=1), y=rng.normal(size=6), lr=0.1, steps=25),
    ]
)
fit_linear_regression.check(**DTYPES)(
    lambda rng: [
        *(single(**straight(rng, 6, 2), lr=0.1, steps=8) for _ in range(2)),
        call(x=np.array([[1], [2]]), y=np.array([1, 3]), lr=0.1, steps=5),
        call(x=whole(rng, 5, 2), y=rng.normal(size=5), lr=0.02, steps=5),
    ]
)
fit_linear_regression.check(**STAYS)(lambda rng: call_twice(**straight(rng, 5, 2), lr=0.1, steps=4))
FIT = """
x, y = as_floats(x, y)
w, b = np.zeros(x.shape[1], x.dtype), x.dtype.type(0)
for _ in range(steps):
    dw, db = linear_regression_gradients(x, y, w, b, loss)
    w, b = w - lr * dw, b - lr * db
return w, b
"""
UPDATE = "dw, db = linear_regression_gradients(x, y, w, b, loss)\n    w, b = w - lr * dw, b - lr * db"
declare_variants(
    fit_linear_regression,
    "x, y, lr, steps, loss='mse'",
    mistakes=mutants(
        FIT,
        ("changes w before it computes db", "Compute both gradients before you change any parameter.",
         (UPDATE, "w = w - lr * linear_regression_gradients(x, y, w, b, loss)[0]\n"
          "    b = b - lr * linear_regression_gradients(x, y, w, b, loss)[1]")),  # LR-12
        ("computes the gradient once", "Print the gradient in every iteration.",
         ("for _ in range(steps):\n    dw, db = linear_regression_gradients(x, y, w, b, loss)\n",
          "dw, db = linear_regression_gradients(x, y, w, b, loss)\nfor _ in range(steps):\n")),  # LR-13
        ("solves the normal equations",
         "Are `steps` and `lr` used? And what does an inverse do when a feature occurs twice?",
         ("for _ in range(steps):\n    " + UPDATE,
          "a = np.hstack([x, np.ones_like(x[:, :1])])\n*w, b = np.linalg.inv(a.T @ a) @ a.T @ y\n"
          "w = np.array(w)")),  # LR-18
        ("standardises the features", "Are the features used as they come? (And which divisor has your deviation?)",
         ("x, y = as_floats(x, y)", "x, y = as_floats(x, y)\nx = (x - x.mean(0)) / x.std(0, ddof=1)")),  # LR-19
        ("has parameters of the type of the data", "Print `w.dtype` when x holds integers.",
         ("x, y = as_floats(x, y)\n", ""), ("w, b = w - lr * dw", "w[:], b = w - lr * dw")),  # LR-20
        ("goes along the gradient", "Does the loss grow or fall?",
         ("w - lr * dw, b - lr * db", "w + lr * dw, b + lr * db")),
        ("starts at ones", "Which start does the statement name?", ("np.zeros", "np.ones")),
        ("starts at random", "Which start does the statement name?",
         ("np.zeros(x.shape[1], x.dtype)", "np.random.default_rng(0).normal(size=x.shape[1]).astype(x.dtype)")),
        ("makes one step too few", "Count the updates for steps=1.", ("range(steps)", "range(1, steps)")),
        ("makes one step too many", "Count the updates for steps=0.", ("range(steps)", "range(steps + 1)")),
        ("never changes the bias", "Which parameters are learnt?", ("b - lr * db", "b")),
        ("ignores the loss", "Call it with loss='mae'. Should something change?", ("w, b, loss)", "w, b)")),
        ("halves the step size in each step", "Is lr the same in every step?",
         ("w, b = w - lr * dw, b - lr * db", "w, b, lr = w - lr * dw, b - lr * db, lr / 2")),
    ),
    equivalents=[
        ("all in one function", FIT),
        ("bias as a weight of a constant feature", """
         x, y = as_floats(x, y)
         a, v = np.hstack([x, np.ones_like(x[:, :1])]), np.zeros(x.shape[1] + 1, x.dtype)
         for _ in range(steps):
             r = a @ v - y
             v = v - lr * (2 * r if loss == "mse" else np.sign(r)) @ a / len(a)
         return v[:-1], v[-1]
         """),
        ("parameters changed in place", """
         x, y = as_floats(x, y)
         w, b = np.zeros_like(x[0]), np.zeros(1, x.dtype)
         for _ in range(steps):
             dw, db = linear_regression_gradients(x, y, w, b[0], loss)
             w -= lr * dw
             b -= lr * db
         return w, b[0]
         """),
    ],
)  # fmt: skip

# Logistic regression ---------------------------------------------------------------------------

#: With `IDENTITY`, rows of scores that are far from zero and from each other.
FAR = np.array([[1000.0, 1003.0, 998.0], [-1000.0, -1001.0, -1000.5], [0.0, 1.0, 2.0], [0.0, 800.0, -40.0]])
IDENTITY = {"w": np.eye(3), "b": np.zeros(3)}
LN = np.array([[np.log(2), 0.0, np.log(5)], [0.0, 0.0, 0.0]])
SOFTMAX_SIZES = ((1, 2, 3), (4, 1, 2), (5, 3, 1), (3, 3, 3), (6, 2, 4))

logistic_regression = question("logistic_regression", points=5)
logistic_regression.check("the numbers of the worked example", public=True, hint="Scores, exponentials, shares.")(
    lambda rng: [call(x=np.array([[1.0, 2.0]]), w=LN, b=np.zeros(3)), call(**layer(rng, 5, 2, 3))]
)
logistic_regression.check("any number of samples, features and classes", hint="Which axis sums to 1?")(
    lambda rng: [call(**layer(rng, *sizes)) for sizes in SOFTMAX_SIZES]
)
logistic_regression.check("scores far from zero", hint="What is np.exp(1000.0)? Which helper is stable?")(
    lambda rng: [call(x=FAR, **IDENTITY), call(x=FAR[1:2], **IDENTITY), call(x=FAR[::-1].copy(), **IDENTITY)]
)
logistic_regression.check(**DTYPES)(
    lambda rng: [
        single(**layer(rng, 4, 2, 3)),
        single(x=100 + rng.normal(size=(3, 3)), **IDENTITY),
        call(x=whole(rng, 4, 2), w=rng.normal(size=(2, 3)), b=rng.normal(size=3)),
        call(x=whole(rng, 4, 2), w=rng.integers(-1, 2, size=(2, 3)), b=whole(rng, 3)),
    ]
)
logistic_regression.check(**STAYS)(lambda rng: call_twice(**layer(rng, 3, 2, 4)))
SOFTMAX = """
x, w, b = as_floats(x, w, b)
z = x @ w + b
e = np.exp(z - z.max(axis=1, keepdims=True))
return e / e.sum(axis=1, keepdims=True)
"""
declare_variants(
    logistic_regression,
    "x, w, b",
    mistakes=mutants(
        SOFTMAX,
        ("normalises over the batch", "Print the sum over axis 1. Which numbers belong to one sample?",
         ("z.max(axis=1, keepdims=True)", "z.max(axis=0)"), ("e.sum(axis=1, keepdims=True)", "e.sum(axis=0)")),  # SM-01
        ("normalises over the whole array", "May a second sample change the first one's probabilities?",
         ("e.sum(axis=1, keepdims=True)", "e.sum()")),  # SM-02
        ("subtracts no maximum", "What is `np.exp(1000.0)`?", ("z - z.max(axis=1, keepdims=True)", "z")),  # SM-03
        ("subtracts the maximum of the whole batch", "Try one tiny and one huge row. Whose maximum did you subtract?",
         ("z.max(axis=1, keepdims=True)", "z.max()")),  # SM-04
        ("uses the sigmoid", "Do the probabilities of a sample sum to 1?",
         ("e / e.sum(axis=1, keepdims=True)", "sigmoid(z)")),
        ("returns the scores", "Which range has a probability?", ("e / e.sum(axis=1, keepdims=True)", "z")),
        ("returns log-probabilities", "Which helper gives logarithms, and what undoes a logarithm?",
         ("e / e.sum(axis=1, keepdims=True)", "log_softmax(z)")),
        ("forgets the bias", "What do zero features give?", ("x @ w + b", "x @ w")),
        ("transposes the weights", "That is another convention. Which shape has w here?", ("x @ w", "x @ w.T")),
        ("returns float64 for float32", "Compare `x.dtype` and `out.dtype` for float32 inputs.",
         ("as_floats(x, w, b)", "[np.array(a, dtype=np.float64) for a in (x, w, b)]")),
    ),
    equivalents=[
        ("all in one function", SOFTMAX),
        ("exponential of scores minus their log-sum-exp",
         "z = linear(x, w, b)\nnp.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))"),
        ("log-softmax twice", """
         z = log_softmax(log_softmax(linear(x, w, b)))
         return np.exp(z)
         """),  # EQ-01
    ],
)  # fmt: skip

BIG = {"x": FAR, "y": np.array([0, 1, 2, 0]), **IDENTITY}
logistic_regression_loss = question("logistic_regression_loss", points=9)
logistic_regression_loss.check(
    "the numbers of the worked example", public=True, hint="The loss of the example is -ln 0.25. What is yours?"
)(
    lambda rng: [
        call(x=np.array([[1.0, 2.0]]), y=np.array([0]), w=LN, b=np.zeros(3)),
        call(x=rng.normal(size=(6, 2)), y=np.arange(6) % 3, w=np.zeros((2, 3)), b=np.zeros(3)),
    ]
)
logistic_regression_loss.check("weight decay", public=True, hint="Differentiate exactly the penalty in the loss.")(
    lambda rng: [
        call(x=np.array([[1.0, 2.0]]), y=np.array([0]), w=LN, b=np.zeros(3), weight_decay=0.1),
        call(**labelled(rng, 5, 2, 3), weight_decay=0.3),
    ]
)
logistic_regression_loss.check(
    "any number of samples, features and classes", hint="Duplicate every row. May loss or gradients change?"
)(lambda rng: [call(**labelled(rng, *sizes)) for sizes in (*SOFTMAX_SIZES, (12, 2, 3))])
logistic_regression_loss.check(
    "weight decay for any batch and any strength", hint="What is penalised, and is it divided by n?"
)(
    lambda rng: [
        call(**labelled(rng, n, 2, 3), weight_decay=decay) for n, decay in ((1, 0.5), (8, 0.5), (5, 2.0), (4, 0.01))
    ]
)
logistic_regression_loss.check(
    "the bias is not penalised", hint="Shift the bias of all classes by 3. What may change?"
)(
    lambda rng: [
        call(**(labelled(rng, 5, 2, 3) | {"b": 3 + rng.normal(size=3)}), weight_decay=0.5),
        call(**(labelled(rng, 4, 3, 2) | {"w": np.zeros((3, 2))}), weight_decay=1.0),
    ]
)
logistic_regression_loss.check(
    "scores far from zero", hint="A wrong prediction with a gap of 800 must cost 800. What do you get?"
)(
    lambda rng: [
        call(**BIG),
        call(x=FAR[:3], y=np.array([0, 1, 2]), **IDENTITY),
        call(x=FAR[3:] / 20, y=np.array([2]), **IDENTITY, weight_decay=0.1),
    ]
)
logistic_regression_loss.check(**DTYPES)(
    lambda rng: [
        *(single(**labelled(rng, n, 2, 3), weight_decay=0.2) for n in (4, 7)),
        single(**BIG),
        call(x=whole(rng, 5, 2), y=np.arange(5) % 3, w=rng.normal(size=(2, 3)), b=rng.normal(size=3)),
        call(
            x=whole(rng, 5, 2), y=np.arange(5, dtype=np.uint8) % 3, w=rng.integers(-1, 2, size=(2, 3)), b=whole(rng, 3)
        ),
    ]
)
logistic_regression_loss.check(**STAYS)(lambda rng: call_twice(**labelled(rng, 4, 2, 3), weight_decay=0.2))
LOSS = """
x, w, b = as_floats(x, w, b)
rows = np.arange(len(y))
log_p = log_softmax(x @ w + b)
loss = -log_p[rows, y].mean() + weight_decay * (w**2).sum()
grad = np.exp(log_p)
grad[rows, y] -= 1
grad /= len(y)
dw = x.T @ grad + 2 * weight_decay * w
db = grad.sum(axis=0)
return loss, dw, db
"""
ADDS_CONSTANT = "adds a small constant inside the logarithm"
declare_variants(
    logistic_regression_loss,
    "x, y, w, b, weight_decay=0.0",
    mistakes=mutants(
        LOSS,
        ("penalises the bias", "Shift the bias of all classes. Should the penalty react?",
         ("(w**2).sum()", "((w**2).sum() + (b**2).sum())"),
         ("grad.sum(axis=0)", "grad.sum(axis=0) + 2 * weight_decay * b")),  # LR-10
        ("decays the bias in the gradient only", "Which penalty has the loss, and does it contain b?",
         ("grad.sum(axis=0)", "grad.sum(axis=0) + 2 * weight_decay * b")),  # LR-10
        ("loses the factor 2 of the penalty", "Differentiate exactly the penalty that your loss adds.",
         ("2 * weight_decay * w", "weight_decay * w")),  # LR-11
        ("halves the penalty",
         "That is another convention: has the penalty of the statement a factor 1/2?",
         ("weight_decay * (w**2).sum()", "weight_decay / 2 * (w**2).sum()"),
         ("2 * weight_decay * w", "weight_decay * w")),  # LR-11
        ("divides the penalty by the number of samples", "Is the penalty inside the mean?",
         ("weight_decay * (w**2).sum()", "weight_decay * (w**2).sum() / len(y)"),
         ("2 * weight_decay * w", "2 * weight_decay * w / len(y)")),
        ("averages the squared weights", "Sum or mean of the squares?", ("(w**2).sum()", "(w**2).mean()")),
        ("penalises the norm instead of its square", "Double all weights. By which factor should the penalty grow?",
         ("(w**2).sum()", "np.sqrt((w**2).sum())")),
        ("penalises absolute weights", "That is another penalty (L1). Which one is asked for?",
         ("(w**2).sum()", "np.abs(w).sum()"), ("2 * weight_decay * w", "weight_decay * np.sign(w)")),
        ("puts the penalty into the loss only", "Does your gradient belong to your loss?",
         (" + 2 * weight_decay * w", "")),
        ("puts the penalty into the gradient only", "Does your loss belong to your gradient?",
         (" + weight_decay * (w**2).sum()", "")),
        ("does not average", "Duplicate every row. Should the loss of a mean change?",
         (".mean()", ".sum()"), ("grad /= len(y)\n", "")),  # CE-04, LR-06
        ("averages the loss and sums the gradient",
         "Compare with a numerical gradient for one and for two samples. What is the ratio?",
         ("grad /= len(y)\n", "")),  # CE-14
        ("averages twice for the bias", "Where did the factor 1/n enter, and how often?",
         ("grad.sum(axis=0)", "grad.mean(axis=0)")),  # LR-04
        ("sums db over everything", "How many numbers must db contain?", ("grad.sum(axis=0)", "grad.sum()")),  # LR-03
        ("transposes dw", "Compare `dw.shape` and `w.shape`.", ("x.T @ grad", "grad.T @ x")),  # LR-01
        ("has the sign reversed", "Should a better prediction make the loss larger or smaller?",
         ("-log_p[rows, y]", "log_p[rows, y]")),  # CE-13
        ("has the gradient reversed", "Take a small step against your gradient. Does the loss fall?",
         ("grad /= len(y)", "grad /= -len(y)")),  # LR-08
        ("subtracts the labels from the scores", "What are the probabilities? Must each row of the gradient sum to 0?",
         ("np.exp(log_p)", "x @ w + b")),
        ("takes the logarithm of the finished softmax",
         "What is the exact log-probability of a class with a gap of 800? Do you need the probability for it?",
         ("log_softmax(x @ w + b)", "np.log(np.exp(log_softmax(x @ w + b)))")),  # LS-01
        (ADDS_CONSTANT, "A wrong prediction with a gap of 100 should cost about 100. What does it cost here?",
         ("log_softmax(x @ w + b)", "np.log(np.exp(log_softmax(x @ w + b)) + 1e-8)")),  # CE-09
        ("believes that classes start at 1", "Which column does label 0 select in your code?",
         ("grad[rows, y]", "grad[rows, y - 1]"), ("-log_p[rows, y]", "-log_p[rows, y - 1]")),  # CE-08
        ("pairs every label with every sample", "Print the shape of what you select. How many numbers did you want?",
         ("-log_p[rows, y]", "-log_p[:, y]")),  # CE-12
        ("uses a logarithm to base 2", "For zero weights and three classes the loss is ln 3. What do you get?",
         (".mean()", ".mean() / math.log(2)")),  # CE-03
        ("shrinks the weights in place", "Print w before and after the call.",
         ("dw = x.T", "w -= 0.1 * w\ndw = x.T")),
        ("returns db before dw", "In which order does the statement want the three?", ("loss, dw, db", "loss, db, dw")),
    ),
    equivalents=[
        ("all in one function", LOSS),
        ("one-hot matrix and einsum", """
         x, w, b = as_floats(x, w, b)
         onehot = np.eye(w.shape[1], dtype=w.dtype)[y]
         z = linear(x, w, b)
         z = z - z.max(1, keepdims=True)
         log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
         n = x.dtype.type(len(y))
         loss = -(onehot * log_p).sum() / n + weight_decay * np.vdot(w, w)
         grad = (np.exp(log_p) - onehot) / n
         return loss, np.einsum("nd,nc->dc", x, grad) + weight_decay * (w + w), np.einsum("nc->c", grad)
         """),
        ("constant feature for the bias", """
         x, w, b = as_floats(x, w, b)
         a, v = np.hstack([x, np.ones_like(x[:, :1])]), np.vstack([w, b])
         log_p = log_softmax(a @ v)
         right = np.arange(v.shape[1]) == np.asarray(y)[:, None]
         grad = a.T @ (np.exp(log_p) - right.astype(a.dtype)) / len(a)
         loss = np.where(right, -log_p, 0).sum() / a.dtype.type(len(a)) + weight_decay * np.square(w).sum()
         return loss, grad[:-1] + 2 * weight_decay * w, grad[-1]
         """),
    ],
)  # fmt: skip

fit_logistic_regression = question("fit_logistic_regression", points=6, kind="train")
fit_logistic_regression.check("one step by hand", public=True, hint="Start at zero: which probabilities come first?")(
    lambda rng: call(x=np.array([[1.0], [-1.0]]), y=np.array([0, 1]), num_classes=2, lr=1.0, steps=1)
)
fit_logistic_regression.check("thirty steps", public=True, hint="Is the gradient computed anew in each step?")(
    lambda rng: call(**grouped(rng, 15, 2, 3), num_classes=3, lr=0.5, steps=30)
)
fit_logistic_regression.check("weight decay", hint="Is `weight_decay` passed on? Does the bias decay?")(
    lambda rng: [
        call(**grouped(rng, 12, 2, 3), num_classes=3, lr=0.4, steps=20, weight_decay=0.1),
        call(
            x=rng.normal(size=(7, 2)),
            y=np.array([0, 0, 0, 0, 0, 1, 1]),
            num_classes=2,
            lr=0.3,
            steps=9,
            weight_decay=0.5,
        ),
    ]
)
fit_logistic_regression.check(
    "classes that do not occur in the data", hint="Which length has b? Is a label missing in y a missing class?"
)(
    lambda rng: [
        call(**grouped(rng, 8, 2, 2), num_classes=4, lr=0.5, steps=6),
        call(x=rng.normal(size=(5, 3)), y=np.full(5, 2), num_classes=3, lr=0.5, steps=4),
        call(x=rng.normal(size=(1, 2)), y=np.array([0]), num_classes=2, lr=1.0, steps=3),
    ]
)
fit_logistic_regression.check(
    "no step, one step, any step size", hint="Where do the parameters start? How many updates are made?"
)(
    lambda rng: [
        call(**grouped(rng, 9, 2, 3), num_classes=3, lr=lr, steps=n)
        for lr, n in ((0.1, 0), (2.0, 1), (0.05, 2), (1.0, 40))
    ]
)
fit_logistic_regression.check(**DTYPES)(
    lambda rng: [
        *(single(**grouped(rng, 9, 2, 3), num_classes=3, lr=0.5, steps=8) for _ in range(2)),
        call(x=whole(rng, 6, 2), y=np.arange(6, dtype=np.uint8) % 3, num_classes=3, lr=0.1, steps=5),
    ]
)
fit_logistic_regression.check(**STAYS)(
    lambda rng: call_twice(**grouped(rng, 6, 2, 3), num_classes=3, lr=0.5, steps=4, weight_decay=0.1)
)
FIT_SOFTMAX = """
x, = as_floats(x)
w, b = np.zeros((x.shape[1], num_classes), x.dtype), np.zeros(num_classes, x.dtype)
for _ in range(steps):
    _, dw, db = logistic_regression_loss(x, y, w, b, weight_decay)
    w, b = w - lr * dw, b - lr * db
return w, b
"""
declare_variants(
    fit_logistic_regression,
    "x, y, num_classes, lr, steps, weight_decay=0.0",
    mistakes=mutants(
        FIT_SOFTMAX,
        ("changes w before it computes db", "Compute both gradients before you change any parameter.",
         ("_, dw, db = logistic_regression_loss(x, y, w, b, weight_decay)\n    w, b = w - lr * dw, b - lr * db",
          "w = w - lr * logistic_regression_loss(x, y, w, b, weight_decay)[1]\n"
          "    b = b - lr * logistic_regression_loss(x, y, w, b, weight_decay)[2]")),  # LR-12
        ("computes the gradient once", "Print the gradient in every iteration.",
         ("for _ in range(steps):\n    _, dw, db = logistic_regression_loss(x, y, w, b, weight_decay)\n",
          "_, dw, db = logistic_regression_loss(x, y, w, b, weight_decay)\nfor _ in range(steps):\n")),  # LR-13
        ("has parameters of the type of the data", "Print `w.dtype` when x holds integers.",
         ("x, = as_floats(x)\n", ""),
         ("w, b = w - lr * dw, b - lr * db", "w[:], b[:] = w - lr * dw, b - lr * db")),  # LR-20
        ("counts the classes in the data", "What if no house of the last class is in the data?",
         ("x, = as_floats(x)", "x, = as_floats(x)\nnum_classes = y.max() + 1")),
        ("ignores weight decay", "Call it with weight_decay=1. Should something change?",
         (", weight_decay)\n", ")\n")),
        ("decays once more", "The penalty is already part of the gradient.",
         ("w - lr * dw", "(1 - lr * weight_decay) * w - lr * dw")),
        ("decays the bias", "Is the bias penalised?", ("b - lr * db", "b - lr * (db + 2 * weight_decay * b)")),  # LR-10
        ("goes along the gradient", "Does the loss grow or fall?",
         ("w - lr * dw, b - lr * db", "w + lr * dw, b + lr * db")),
        ("starts at random", "Which start does the statement name?",
         ("np.zeros((x.shape[1], num_classes), x.dtype)",
          "np.random.default_rng(0).normal(size=(x.shape[1], num_classes)).astype(x.dtype)")),
        ("makes one step too few", "Count the updates for steps=1.", ("range(steps)", "range(1, steps)")),
        ("uses one sample in each step", "Full batch: which samples take part in a step?",
         ("for _ in range(steps):\n    _, dw, db = logistic_regression_loss(x, y,",
          "for i in range(steps):\n    i %= len(y)\n"
          "    _, dw, db = logistic_regression_loss(x[i : i + 1], y[i : i + 1],")),
        ("stops when the loss is small", "How many steps are asked for?",
         ("    w, b = w - lr", "    if abs(dw).max() < 0.02:\n        break\n    w, b = w - lr")),
    ),
    equivalents=[
        ("all in one function", FIT_SOFTMAX),
        ("own gradient, updates in place", """
         x, = as_floats(x)
         w, b = np.zeros((x.shape[1], num_classes), x.dtype), np.zeros(num_classes, x.dtype)
         onehot = np.eye(num_classes, dtype=x.dtype)[y]
         for _ in range(steps):
             e = np.exp(x @ w + b)
             grad = (e / e.sum(1, keepdims=True) - onehot) / len(x)
             db = grad.sum(0)
             w -= lr * (x.T @ grad + 2 * weight_decay * w)
             b -= lr * db
         return w, b
         """),
        ("weights shrunk first", """
         x, = as_floats(x)
         w, b = np.zeros((x.shape[1], num_classes), x.dtype), np.zeros(num_classes, x.dtype)
         for _ in range(steps):
             _, dw, db = logistic_regression_loss(x, y, w, b)
             w, b = (1 - 2 * lr * weight_decay) * w - lr * dw, b - lr * db
         return w, b
         """),
    ],
)  # fmt: skip

# Predictions -----------------------------------------------------------------------------------

SQUARE = np.array([[1.0, 3.0, 2.0], [0.5, 0.0, 2.0], [0.0, 2.5, 1.0]])

predict = question("predict", points=3)
predict.check("the numbers of the worked example", public=True, hint="Which column has the largest score?")(
    lambda rng: [call(x=np.array([[1.0, 3.0, 2.0], [4.0, 0.0, 4.0]]), **IDENTITY), call(**layer(rng, 9, 2, 3))]
)
predict.check(
    "any number of samples, features and classes",
    hint="How many predictions do you expect for 2 samples and 3 classes?",
)(lambda rng: [call(**layer(rng, *sizes)) for sizes in ((1, 2, 3), (8, 1, 2), (5, 3, 1), (9, 2, 5))])
predict.check("as many samples as classes", hint="Is the largest score searched in a row or in a column?")(
    lambda rng: [
        call(x=SQUARE, **IDENTITY),
        call(x=SQUARE[::-1].copy(), **IDENTITY),
        call(x=SQUARE.T.copy(), **IDENTITY),
    ]
)
predict.check("the bias can decide", hint="What is predicted for features of 0?")(
    lambda rng: [
        call(x=np.zeros((2, 2)), w=rng.normal(size=(2, 3)), b=np.array([0.0, 0.5, 2.0])),
        call(x=0.1 * rng.normal(size=(5, 2)), w=rng.normal(size=(2, 3)), b=np.array([-9.0, -1.0, -5.0])),
    ]
)
predict.check("of equal scores the first one wins", hint="Which entry does np.argmax choose?")(
    lambda rng: call(x=np.array([[2.0, 2.0, 1.0], [0.0, 3.0, 3.0], [1.0, 1.0, 1.0]]), **IDENTITY)
)
predict.check("scores far from zero", hint="Does anything but the order of the scores count?")(
    lambda rng: [call(x=FAR, **IDENTITY), call(x=np.array([[-800.0, -900.0, -950.0], [0.0, 800.0, 900.0]]), **IDENTITY)]
)
predict.check("labels are int64 for inputs of any type", hint="Which dtype has your result?")(
    lambda rng: [
        single(**layer(rng, 6, 2, 3)),
        call(x=np.array([[1, 5, 2], [7, 0, 3]]), w=np.eye(3, dtype=int), b=np.array([0, 0, 6])),
    ]
)
predict.check(**STAYS)(lambda rng: call_twice(**layer(rng, 5, 2, 3)))
declare_variants(
    predict,
    "x, w, b",
    mistakes=mutants(
        "scores = linear(x, w, b)\nreturn scores.argmax(axis=1)",
        ("searches the largest score in each column", "How many predictions do you expect for 2 samples and 3 classes?",
         ("axis=1", "axis=0")),  # LG-06
        ("takes the smallest score", "Which score does a classifier trust?", ("argmax", "argmin")),
        ("forgets the bias", "What is predicted for features of 0?", ("linear(x, w, b)", "x @ w")),
        ("counts classes from 1", "Which label has the first class?", ("axis=1)", "axis=1) + 1")),
        ("lets the last of equal scores win", "Which entry does np.argmax choose?",
         ("scores.argmax(axis=1)", "scores.shape[1] - 1 - scores[:, ::-1].argmax(axis=1)")),
        ("returns the largest score", "The score, or its place?", ("argmax", "max")),
        ("returns floats", "What is the dtype of a label?", ("axis=1)", "axis=1).astype(float)")),
        ("returns one-hot rows", "Which shape should the result have?",
         ("scores.argmax(axis=1)", "(scores == scores.max(axis=1, keepdims=True)).astype(int)")),
        ("compares probabilities that overflowed", "Do you need probabilities to find the largest score?",
         ("linear(x, w, b)", "np.exp(linear(x, w, b))")),
        ("compares with a threshold", "What if two probabilities are above it, or none?",
         ("scores.argmax(axis=1)", "(logistic_regression(x, w, b) > 0.5).argmax(axis=1)")),
    ),
    equivalents=[
        ("of the probabilities", "np.argmax(logistic_regression(x, w, b), axis=-1)"),
        ("place of the maximum by comparison", "z = linear(x, w, b)\n(z == z.max(1)[:, None]).argmax(1)"),
    ],
)  # fmt: skip


def predicted(rng, n, d, c, right):
    """A model, and labels of which so many are what it predicts."""
    given = layer(rng, n, d, c)
    y = (given["x"] @ given["w"] + given["b"]).argmax(axis=1)
    wrong = rng.permutation(n)[right:]
    y[wrong] = (y[wrong] + 1) % c
    return given | {"y": y}


accuracy = question("accuracy", points=3)
accuracy.check(
    "share of right predictions", public=True, hint="Compare the predicted class of each row with its label."
)(
    lambda rng: [
        call(x=np.array([[0.0, 5, 1], [3, 1, 2], [0, 0, 1], [1, 2, 4]]), y=np.array([1, 2, 2, 0]), **IDENTITY),
        call(**predicted(rng, 7, 2, 3, right=4)),
    ]
)
accuracy.check("any batch, from all wrong to all right", hint="Are rows and columns told apart in a square batch?")(
    lambda rng: [
        call(**predicted(rng, n, 2, c, right))
        for n, c, right in ((1, 3, 1), (1, 3, 0), (3, 3, 2), (6, 6, 5), (9, 2, 4), (5, 4, 5), (13, 3, 3))
    ]
)
accuracy.check("the largest score of each sample", hint="How many predictions are there for 2 samples and 3 classes?")(
    lambda rng: [
        call(x=SQUARE, y=np.array([1, 0, 1]), **IDENTITY),
        call(x=SQUARE[:2], y=np.array([1, 2]), **IDENTITY),
        call(x=SQUARE - 50, y=np.array([1, 2, 0]), **IDENTITY),
    ]
)
accuracy.check("the result is float64 for inputs of any type", hint="Which dtype has the mean of True and False?")(
    lambda rng: [
        single(**predicted(rng, 7, 2, 3, right=5)),
        call(x=np.array([[1, 5, 2], [0, -1, -2], [3, 4, 9]]), y=np.array([1, 0, 0], dtype=np.uint8), **IDENTITY),
    ]
)
accuracy.check(**STAYS)(lambda rng: call_twice(**predicted(rng, 7, 2, 3, right=2)))
declare_variants(
    accuracy,
    "x, y, w, b",
    mistakes=[
        ("searches the largest score in each column",
         "best = linear(x, w, b).argmax(0)\nn = min(len(best), len(y))\n(best[:n] == y[:n]).mean()",
         "How many predictions do you expect for 2 samples and 3 classes?"),  # LG-06
        ("compares every prediction with every label", "(predict(x, w, b) == y.reshape(-1, 1)).mean()",
         "Print the shape of the comparison."),  # LG-07
        ("counts instead of averaging", "float((predict(x, w, b) == y).sum())", "Which range has a share?"),
        ("gives percent", "100 * (predict(x, w, b) == y).mean()", "Which range has a share?"),
        ("returns the share of wrong predictions", "(predict(x, w, b) != y).mean()", "Is larger better here?"),
        ("averages the probability of the right class", "logistic_regression(x, w, b)[np.arange(len(y)), y].mean()",
         "Does a right prediction with probability 0.6 count less than one with 0.9?"),
        ("returns the dtype of the features", "(predict(x, w, b) == y).mean(dtype=as_floats(x)[0].dtype)",
         "What is the dtype of your result for float32 features?"),
        ("divides by the number of classes", "(predict(x, w, b) == y).sum() / len(b)", "The share of what?"),
    ],
    equivalents=[
        ("count divided by the number of samples", "np.sum(np.argmax(linear(x, w, b), axis=1) == y) / len(y)"),
        ("diagonal of the confusion matrix", "table = confusion_matrix(y, predict(x, w, b), len(b))\n"
         "float(np.trace(table) / table.sum())"),
    ],
)  # fmt: skip


def guesses(rng, n, c):
    """Right and predicted labels, of which more than half agree."""
    y = rng.integers(0, c, size=n)
    return {"y_true": y, "y_pred": np.where(rng.random(n) < 0.6, y, rng.integers(0, c, size=n)), "num_classes": c}


confusion_matrix = question("confusion_matrix", points=4)
confusion_matrix.check("the numbers of the worked example", public=True, hint="Is the row the true class?")(
    lambda rng: [
        call(y_true=np.array([0, 0, 1, 2, 2]), y_pred=np.array([0, 1, 1, 2, 0]), num_classes=3),
        call(**guesses(rng, 20, 3)),
    ]
)
confusion_matrix.check("pairs that occur often", hint="What does table[i, j] += 1 do when a pair occurs twice?")(
    lambda rng: [
        call(**guesses(rng, 60, 3)),
        call(y_true=np.zeros(300, dtype=int), y_pred=np.repeat([0, 1], [280, 20]), num_classes=2),
    ]
)
confusion_matrix.check("classes that do not occur", hint="Which shape must the table have?")(
    lambda rng: [
        call(y_true=np.array([0, 1, 1]), y_pred=np.array([1, 0, 1]), num_classes=4),
        call(y_true=np.array([3]), y_pred=np.array([1]), num_classes=5),
        call(y_true=np.array([], dtype=int), y_pred=np.array([], dtype=int), num_classes=2),
        call(y_true=np.array([0, 0]), y_pred=np.array([0, 0]), num_classes=1),
    ]
)
confusion_matrix.check("labels of any integer type", hint="Which numbers can a uint8 hold?")(
    lambda rng: [
        call(y_true=np.array([1, 0, 2], dtype=np.uint8), y_pred=np.array([2, 0, 2], dtype=np.uint8), num_classes=3),
        call(y_true=np.array([19, 1], dtype=np.uint8), y_pred=np.array([18, 3], dtype=np.uint8), num_classes=20),
        call(y_true=np.array([1, 0], dtype=np.int32), y_pred=np.array([0, 0]), num_classes=2),
    ]
)
confusion_matrix.check(**STAYS)(lambda rng: call_twice(**guesses(rng, 12, 3)))
TABLE = """
table = np.zeros((num_classes, num_classes), dtype=np.int64)
np.add.at(table, (y_true, y_pred), 1)
return table
"""
declare_variants(
    confusion_matrix,
    "y_true, y_pred, num_classes",
    mistakes=mutants(
        TABLE,
        ("has the predictions in the rows", "That is another convention. What are the rows here?",
         ("(y_true, y_pred)", "(y_pred, y_true)")),
        ("counts each pair once", "What does `table[[0, 0], [1, 1]] += 1` do?",
         ("np.add.at(table, (y_true, y_pred), 1)", "table[y_true, y_pred] += 1")),
        ("divides by the row sums", "Counts are asked for. What should all entries sum to?",
         ("return table", "return table / np.maximum(table.sum(1, keepdims=True), 1)")),
        ("counts the classes in the data", "Which shape must the table have when a class does not occur?",
         ("(num_classes, num_classes)", "(max(y_true.max(initial=0), y_pred.max(initial=0)) + 1,) * 2")),
        ("holds floats", "What is the dtype of a count?", ("dtype=np.int64", "dtype=float")),
        ("counts in uint8", "What is the largest count that a uint8 can hold?", ("np.int64", "np.uint8")),
        ("computes cell numbers in the type of the labels", "What is np.uint8(19) * 20?",
         ("np.add.at(table, (y_true, y_pred), 1)",
          "np.add.at(table.reshape(-1), y_true * y_true.dtype.type(num_classes) + y_pred, 1)")),
        ("counts wrong predictions only", "Where are the right predictions?",
         ("return table", "return table - np.diag(np.diag(table))")),
    ),
    equivalents=[
        ("bincount of cell numbers", """
         cell = np.asarray(y_true, dtype=int) * num_classes + np.asarray(y_pred, dtype=int)
         return np.bincount(cell, minlength=num_classes**2).reshape(num_classes, num_classes)
         """),
        ("product of one-hot matrices", "eye = np.eye(num_classes, dtype=np.int64)\neye[y_true].T @ eye[y_pred]"),
    ],
)  # fmt: skip

# Two classes -----------------------------------------------------------------------------------

FAR_SCORES = np.array([[1000.0], [-1000.0], [40.0], [-40.0], [1.0]])
ONE = {"w": np.ones(1), "b": 0.0}

binary_logistic_regression = question("binary_logistic_regression", points=4)
binary_logistic_regression.check("the numbers of the worked example", public=True, hint="What is sigmoid(ln 3)?")(
    lambda rng: [call(x=np.eye(2), w=np.log([3.0, 1 / 3]), b=0.0), call(**layer(rng, 5, 2))]
)
binary_logistic_regression.check("any number of samples and features", hint="Which shape must the result have?")(
    lambda rng: [call(**layer(rng, n, d)) for n, d in ((1, 1), (1, 3), (6, 1), (3, 3), (7, 2))]
)
binary_logistic_regression.check("scores far from zero", hint="What is inf / inf? Which helper is stable?")(
    lambda rng: [
        call(x=FAR_SCORES, **ONE),
        call(x=FAR_SCORES[:2], **ONE),
        call(x=np.zeros((2, 1)), w=np.ones(1), b=900.0),
    ]
)
binary_logistic_regression.check(**DTYPES)(
    lambda rng: [
        single(**layer(rng, 5, 2)),
        single(x=FAR_SCORES, **ONE),
        call(x=whole(rng, 4, 2), w=rng.normal(size=2), b=float(rng.normal())),
        call(x=rng.integers(-1, 2, size=(4, 2)), w=rng.integers(1, 3, size=2), b=1),
    ]
)
binary_logistic_regression.check(**STAYS)(lambda rng: call_twice(**layer(rng, 4, 2)))
BINARY = "s = linear(x, w, b)\nreturn sigmoid(s)"
declare_variants(
    binary_logistic_regression,
    "x, w, b",
    mistakes=mutants(
        BINARY,
        ("gives the probability of class 0", "Should a large score make class 1 more or less probable?",
         ("sigmoid(s)", "sigmoid(-s)")),
        ("uses softmax over the samples", "May a second sample change the first one's probability?",
         ("sigmoid(s)", "np.exp(s - s.max()) / np.exp(s - s.max()).sum()")),
        ("divides inf by inf", "What is np.exp(1000.0), and what is your quotient then?",
         ("sigmoid(s)", "np.exp(s) / (1 + np.exp(s))")),
        ("forgets the bias", "What do zero features give?", ("linear(x, w, b)", "linear(x, w, 0)")),
        ("returns labels", "A probability, or a decision?", ("sigmoid(s)", "(s > 0).astype(s.dtype)")),
        ("uses tanh", "Which range has your result?", ("sigmoid(s)", "np.tanh(s)")),
        ("returns the score", "Which range has a probability?", ("sigmoid(s)", "s")),
        ("returns a column", "Which shape must the result have?", ("sigmoid(s)", "sigmoid(s)[:, None]")),
    ),
    equivalents=[
        ("one over one plus exp", exchanged(BINARY, ("sigmoid(s)", "1 / (1 + np.exp(-s))"))),  # EQ-03
        ("by way of tanh", exchanged(BINARY, ("sigmoid(s)", "0.5 * (1 + np.tanh(s / 2))"))),  # EQ-06
        ("softmax with a second score of 0", """
         s = linear(x, w, b)
         return np.exp(log_softmax(np.stack([np.zeros_like(s), s], axis=1)))[:, 1]
         """),
    ],
)  # fmt: skip

binary_logistic_regression_loss = question("binary_logistic_regression_loss", points=6)
binary_logistic_regression_loss.check(
    "the numbers of the worked example", public=True, hint="Two losses: -ln 0.75 and -ln 0.25. And their mean?"
)(
    lambda rng: [
        call(x=np.eye(2), y=np.array([1, 1]), w=np.log([3.0, 1 / 3]), b=0.0),
        call(**coin(rng, 6, 2)),
    ]
)
binary_logistic_regression_loss.check(
    "weight decay", public=True, hint="Differentiate exactly the penalty in the loss."
)(lambda rng: call(**coin(rng, 5, 2), weight_decay=0.3))
binary_logistic_regression_loss.check(
    "any number of samples and features", hint="Duplicate every row. May loss or gradients change?"
)(lambda rng: [call(**coin(rng, n, d)) for n, d in ((1, 1), (1, 3), (6, 1), (3, 3), (9, 2))])
binary_logistic_regression_loss.check(
    "batches of one class", hint="Which term counts for the label 1, and which for 0?"
)(lambda rng: [call(**(coin(rng, 5, 2) | {"y": np.full(5, label)})) for label in (0, 1)])
binary_logistic_regression_loss.check(
    "weight decay for any batch and any strength", hint="What is penalised? Is it divided by n? Is b in it?"
)(
    lambda rng: (
        [call(**coin(rng, n, 2), weight_decay=decay) for n, decay in ((1, 0.5), (8, 0.5), (5, 2.0), (4, 0.01))]
        + [call(**(coin(rng, 5, 2) | {"b": 3.0}), weight_decay=1.0)]
    )
)
binary_logistic_regression_loss.check(
    "scores far from zero", hint="A wrong prediction with a score of 40 must cost 40. What do you get?"
)(
    lambda rng: [
        call(x=FAR_SCORES, y=np.array([1, 0, 0, 1, 1]), **ONE),
        call(x=FAR_SCORES, y=np.array([0, 1, 1, 0, 0]), **ONE),
        call(x=FAR_SCORES[2:], y=np.array([0, 1, 1]), **ONE),
    ]
)
binary_logistic_regression_loss.check(**DTYPES)(
    lambda rng: [
        *(single(**coin(rng, n, 2), weight_decay=0.2) for n in (4, 7)),
        single(x=FAR_SCORES, y=np.array([0, 1, 0, 1, 1]), **ONE),
        call(**(coin(rng, 6, 2) | {"y": np.array([1.0, 0, 0, 1, 1, 0])})),
        call(x=whole(rng, 5, 2), y=np.arange(5, dtype=np.uint8) % 2, w=rng.normal(size=2), b=0.5),
    ]
)
binary_logistic_regression_loss.check(**STAYS)(lambda rng: call_twice(**coin(rng, 4, 2), weight_decay=0.2))
BINARY_LOSS = """
x, y, w, b = as_floats(x, y, w, b)
s = x @ w + b
each = y * np.logaddexp(0, -s) + (1 - y) * np.logaddexp(0, s)
loss = each.mean() + weight_decay * (w**2).sum()
grad = (sigmoid(s) - y) / len(y)
dw = x.T @ grad + 2 * weight_decay * w
db = grad.sum()
return loss, dw, db
"""
LOGS = "y * np.logaddexp(0, -s) + (1 - y) * np.logaddexp(0, s)"
declare_variants(
    binary_logistic_regression_loss,
    "x, y, w, b, weight_decay=0.0",
    mistakes=mutants(
        BINARY_LOSS,
        ("penalises the bias", "Is the bias penalised?", ("(w**2).sum()", "((w**2).sum() + b**2)"),
         ("grad.sum()", "grad.sum() + 2 * weight_decay * b")),  # LR-10
        ("loses the factor 2 of the penalty", "Differentiate exactly the penalty that your loss adds.",
         ("2 * weight_decay * w", "weight_decay * w")),  # LR-11
        ("halves the penalty", "That is another convention: has the penalty of the statement a factor 1/2?",
         ("weight_decay * (w**2).sum()", "weight_decay / 2 * (w**2).sum()"),
         ("2 * weight_decay * w", "weight_decay * w")),  # LR-11
        ("divides the penalty by the number of samples", "Is the penalty inside the mean?",
         ("weight_decay * (w**2).sum()", "weight_decay * (w**2).sum() / len(y)"),
         ("2 * weight_decay * w", "2 * weight_decay * w / len(y)")),
        ("does not average", "Duplicate every row. Should a mean change?",
         ("each.mean()", "each.sum()"), (" / len(y)", "")),  # LR-06
        ("averages the loss and sums the gradient", "Compare with a numerical gradient. What is the ratio?",
         (" / len(y)", "")),
        ("averages twice for the bias", "Where did the factor 1/n enter, and how often?",
         ("grad.sum()", "grad.mean()")),  # LR-04
        ("has the gradient reversed", "Take a small step against your gradient. Does the loss fall?",
         ("(sigmoid(s) - y)", "(y - sigmoid(s))")),  # LR-08
        ("swaps the labels", "For a label 1 and a large score, should the loss be near 0?",
         (LOGS, "(1 - y) * np.logaddexp(0, -s) + y * np.logaddexp(0, s)")),  # BC-02
        ("forgets the negative class", "Which loss does a batch with only zeros get?",
         (" + (1 - y) * np.logaddexp(0, s)", "")),  # BC-05
        ("takes logarithms of the finished sigmoid", "What is 1 - sigmoid(40) in float64, and its logarithm?",
         (LOGS, "-(y * np.log(sigmoid(s)) + (1 - y) * np.log(1 - sigmoid(s)))")),  # BC-06
        ("clips the probability", "A wrong prediction with a score of 40 should cost 40. What does it cost here?",
         ("s = x @ w + b\n", "s = x @ w + b\nq = np.clip(sigmoid(s), 1e-7, 1 - 1e-7)\n"),
         (LOGS, "-(y * np.log(q) + (1 - y) * np.log(1 - q))")),  # BC-07
        ("adds an extra sigmoid derivative",
         "How large is your gradient for a sure and wrong prediction? Should learning stop there?",
         ("(sigmoid(s) - y)", "(sigmoid(s) - y) * sigmoid(s) * (1 - sigmoid(s))")),  # BC-10
        ("takes labels for -1 and 1", "That is another convention. Which labels are used here?",
         (LOGS, "np.logaddexp(0, -y * s)")),
        ("uses the squared error", "The negative logarithm of the right class is asked for.",
         (LOGS, "(sigmoid(s) - y) ** 2")),
        ("pairs every prediction with every label", "Print the shape of `p - y`.",
         ("s = x @ w + b", "s = x @ w + b\ny = np.full_like(y, y.mean())")),  # LR-09
    ),
    equivalents=[
        ("all in one function", BINARY_LOSS),
        ("softplus by hand", """
         x, y, w, b = as_floats(x, y, w, b)
         s = linear(x, w, b) * (1 - 2 * y)
         loss = np.mean(np.maximum(s, 0) + np.log1p(np.exp(-np.abs(s)))) + weight_decay * (w @ w)
         grad = (binary_logistic_regression(x, w, b) - y) / x.dtype.type(len(x))
         return loss, grad @ x + weight_decay * (w + w), np.sum(grad)
         """),
        ("softmax loss with a second score of 0", """
         x, y, w, b = as_floats(x, y, w, b)
         wide = np.stack([np.zeros_like(w), w], axis=1), np.stack([np.zeros_like(b), b])
         loss, dw, db = logistic_regression_loss(x, y.astype(int), *wide, weight_decay)
         return loss, dw[:, 1], db[1]
         """),
    ],
)  # fmt: skip

# Mini-batches ----------------------------------------------------------------------------------

steps_per_epoch = question("steps_per_epoch", points=2)
steps_per_epoch.check(
    "the numbers of the worked example", public=True, hint="Draw the batches of 5 samples, 2 at a time."
)(lambda rng: [call(n=100, batch_size=32), call(n=96, batch_size=32)])
steps_per_epoch.check("batch sizes that divide n", hint="Is there an empty batch at the end?")(
    lambda rng: [call(n=int(k * b), batch_size=int(b)) for k, b in rng.integers(1, 60, size=(5, 2))]
)
steps_per_epoch.check("one sample left over, one missing", hint="A shorter last batch is kept.")(
    lambda rng: [call(n=7 * b + rest, batch_size=b) for b in (5, 8, 33) for rest in (1, b - 1)]
)
steps_per_epoch.check("no sample, one sample, one batch, huge numbers", hint="What does a float do to 2**60 + 1?")(
    lambda rng: [call(n=n, batch_size=b) for n, b in ((0, 4), (1, 1), (1, 64), (64, 64), (9, 1), (2**60 + 1, 2))]
)
declare_variants(
    steps_per_epoch,
    "n, batch_size",
    mistakes=[
        ("drops the last batch", "n // batch_size", "How many steps have 5 samples in batches of 2?"),  # LR-15
        ("adds one always", "n // batch_size + 1", "How many steps have 6 samples in batches of 2?"),
        ("rounds to the nearest", "round(n / batch_size)", "A last batch of one sample is kept, too."),
        ("returns a float", "float(np.ceil(n / batch_size))", "Which type has a number of steps?"),
        ("divides as floats", "math.ceil(n / batch_size)", "Try n = 2**60 + 1. Which operator stays with integers?"),
        ("counts samples", "n", "One step per batch, or one per sample?"),
    ],
    equivalents=[
        ("rounded up by hand", "(n + batch_size - 1) // batch_size"),
        ("quotient and rest", "full, rest = divmod(n, batch_size)\nfull + (1 if rest else 0)"),
        ("length of a range", "len(range(0, n, batch_size))"),
    ],
)  # fmt: skip


def samples(rng, n, d=2):
    """Samples that all differ, with labels."""
    return {"x": rng.normal(size=(n, d)), "y": rng.integers(0, 3, size=n)}


minibatches = question("minibatches", points=6)
minibatches.check("5 samples in batches of 2", public=True, hint="Which shapes have the three batches?")(
    lambda rng: epochs(**samples(rng, 5), batch_size=2)
)
minibatches.check(
    "each sample once per epoch, with its own target",
    public=True,
    hint="After shuffling, is row 0 still with its label?",
)(lambda rng: epochs(x=np.arange(24.0).reshape(12, 2), y=np.arange(12), batch_size=3))
minibatches.check("batch sizes that do not divide n", hint="How many samples has one epoch in your code?")(
    lambda rng: [epochs(**samples(rng, n), batch_size=size) for n, size in ((7, 3), (10, 4), (11, 5), (5, 8), (1, 1))]
)
minibatches.check("pairs stay together", hint="Is one order drawn for both arrays, or one for each?")(
    lambda rng: [
        epochs(**samples(rng, n), batch_size=size, seed=seed) for n, size, seed in ((30, 7, 1), (16, 4, 2), (9, 9, 3))
    ]
)
minibatches.check(
    "a new order in each epoch, over the whole data", hint="Where do batches 1 and 2 of an epoch come from?"
)(
    lambda rng: [
        epochs(**samples(rng, 60), batch_size=12, seed=int(rng.integers(100)), epochs=3, orders=True),
        epochs(**samples(rng, 47), batch_size=10, seed=int(rng.integers(100)), orders=True),
    ]
)
minibatches.check("data of any shape and type", hint="Is anything converted, or only indexed?")(
    lambda rng: [
        epochs(x=rng.permutation(9), y=rng.normal(size=9), batch_size=4),
        epochs(x=rng.normal(size=(6, 2, 3)).astype(np.float32), y=rng.normal(size=(6, 2)), batch_size=4),
        epochs(x=rng.permutation(10).astype(np.uint8)[:, None], y=rng.random(10) < 0.5, batch_size=3),
    ]
)
minibatches.check("the data stays as it was", hint="Compare x and y before and after the call.")(
    lambda rng: epochs(**samples(rng, 20), batch_size=6, inputs=True)
)
CUT = """
order = rng.permutation(len(x))
parts = [order[i : i + batch_size] for i in range(0, len(x), batch_size)]
return [(x[part], y[part]) for part in parts]
"""
declare_variants(
    minibatches,
    "x, y, batch_size, rng",
    mistakes=mutants(
        CUT,
        ("drops the last batch", "How many samples appear in one epoch when n = 5 and the batch size is 2?",
         ("range(0, len(x), batch_size)", "range(0, len(x) - batch_size + 1, batch_size)")),  # LR-15
        ("shuffles x and y separately", "After shuffling, does row 0 still have its own label?",
         ("return [(x[part], y[part])", "y = y[rng.permutation(len(y))]\nreturn [(x[part], y[part])")),  # LR-17
        ("does not shuffle", "Print the first batch of two epochs.", ("rng.permutation(len(x))", "np.arange(len(x))")),
        ("shuffles the batches only", "Which samples share a batch with sample 0, epoch after epoch?",
         ("for part in parts]", "for part in (np.sort(order)[i : i + batch_size] for i in "
          "rng.permutation(range(0, len(x), batch_size)))]")),
        ("shuffles within each batch only", "Which samples share a batch with sample 0, epoch after epoch?",
         ("rng.permutation(len(x))", "np.arange(len(x))"), ("(x[part], y[part]) for part in parts",
          "(x[part], y[part]) for part in map(rng.permutation, parts)")),
        ("draws with replacement", "Does every sample occur in an epoch, and only once?",
         ("rng.permutation(len(x))", "rng.integers(0, len(x), size=len(x))")),
        ("ignores the generator", "Do two generators with the same seed give the same batches?",
         ("rng.permutation", "np.random.permutation")),
        ("makes a generator of its own", "Are two epochs in the same order?",
         ("rng.permutation", "np.random.default_rng(0).permutation")),
        ("fills up the last batch", "Does a sample occur twice in one epoch?",
         ("order = rng.permutation(len(x))", "order = rng.permutation(len(x))\n"
          "order = np.concatenate([order, order[: -len(order) % batch_size]])")),
        ("appends the rest to the last full batch", "Which size has the last batch?",
         ("return [", "if len(parts) > 1 and len(parts[-1]) < batch_size:\n"
          "    parts[-2:] = [np.concatenate(parts[-2:])]\nreturn [")),
        ("shuffles the data in place", "Print x before and after the call.",
         ("return [(x[part], y[part]) for part in parts]",
          "x[:], y[:] = x[order], y[order]\n"
          "return [(x[i : i + batch_size], y[i : i + batch_size]) for i in range(0, len(x), batch_size)]")),
        ("makes batches of the wrong type", "What is the dtype of the labels in a batch?",
         ("y[part])", "y[part].astype(float))")),
        ("returns lists instead of arrays", "Which type has one batch?",
         ("(x[part], y[part])", "(x[part].tolist(), y[part].tolist())")),
        ("takes batch_size for the number of batches", "How many samples has a batch?",
         ("[order[i : i + batch_size] for i in range(0, len(x), batch_size)]", "np.array_split(order, batch_size)")),
    ),
    equivalents=[
        ("all in one function", CUT),
        ("batches that are yielded", """
         order = np.argsort(rng.random(len(x)))
         for start in range(0, len(x), batch_size):
             yield x[order[start : start + batch_size]], y[order[start : start + batch_size]]
         """),
        ("drawn without replacement", """
         order = rng.choice(len(x), size=len(x), replace=False)
         cuts = np.arange(batch_size, len(x), batch_size)
         return list(zip(np.split(x[order], cuts), np.split(y[order], cuts)))
         """),
        ("a list of indices, shuffled", """
         order = list(range(len(x)))[::-1]
         rng.shuffle(order)
         return [[x[order[k : k + batch_size]], y[order[k : k + batch_size]]] for k in range(0, len(order), batch_size)]
         """),
    ],
)  # fmt: skip

# PyTorch: data and models ----------------------------------------------------------------------


def looked_up(x, y, *places):
    """The length of a dataset and some of its samples."""
    return steps(call(x=x, y=y), do("__len__"), *(do("__getitem__", place) for place in places))


HousesDataset = question("HousesDataset", points=3, kind="torch")
HousesDataset.check("the numbers of the worked example", public=True, hint="Print dataset[1] and its dtypes.")(
    lambda rng: looked_up(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 2]), 0, 1)
)
HousesDataset.check("features and label of every house", hint="Does sample i hold row i of both arrays?")(
    lambda rng: [
        looked_up(x, y, *range(6))
        for x, y in [(rng.normal(size=(6, 3)), rng.permutation(6)), (rng.normal(size=(6, 1)), np.arange(6) % 2)]
    ]
)
HousesDataset.check("counting from the end", hint="What is x[-1] of a list?")(
    lambda rng: looked_up(rng.normal(size=(5, 2)), rng.permutation(5), -1, -5, -2)
)
HousesDataset.check("one sample, many samples, one feature", hint="What does len() count?")(
    lambda rng: [
        looked_up(rng.normal(size=(n, d)), rng.integers(0, 3, size=n), 0, n - 1) for n, d in ((1, 4), (40, 1), (3, 3))
    ]
)
HousesDataset.check("features are float32, labels int64", hint="Which dtype wants nn.Linear, and which cross_entropy?")(
    lambda rng: [
        looked_up(rng.normal(size=(3, 2)).astype(np.float32), rng.permutation(3).astype(np.int32), 0, 1, 2),
        looked_up(whole(rng, 4, 2), rng.permutation(4).astype(np.uint8), 0, 3),
    ]
)


def dataset(head="", x="torch.tensor(x, dtype=torch.float32)", y="torch.tensor(y, dtype=torch.int64)", **methods):
    """The text of a dataset, as a student would write it, with pieces exchanged."""
    length, item = methods.get("length", "len(self.x)"), methods.get("item", "self.x[index], self.y[index]")
    return f"""
class HousesDataset(torch.utils.data.Dataset):
    def __init__(self, x, y):
        {head or "super().__init__()"}
        self.x = {x}
        self.y = {y}

    def __len__(self):
        return {length}

    def __getitem__(self, index):
        return {item}
"""


for words, text, help_ in (
    ("keeps float64 features", dataset(x="torch.tensor(x)"), "Which dtype have the weights of nn.Linear?"),
    ("makes labels to floats", dataset(y="torch.tensor(y, dtype=torch.float32)"),
     "Which dtype does cross_entropy want for labels?"),
    ("keeps the integer type of the labels", dataset(y="torch.tensor(y)"),
     "Which dtype has a label from a uint8 array?"),
    ("returns arrays of NumPy", dataset(x="x.astype(np.float32)", y="y.astype(np.int64)"),
     "Print type(dataset[0][0])."),
    ("has labels of shape (1,)", dataset(y="torch.tensor(y, dtype=torch.int64)[:, None]"),
     "Print dataset[0][1].shape."),
    ("counts the features", dataset(length="self.x.shape[1]"), "How many samples are there?"),
    ("counts from 1", dataset(item="self.x[index - 1], self.y[index - 1]"), "Which sample is dataset[0]?"),
    ("returns the label first", dataset(item="self.y[index], self.x[index]"), "In which order comes the pair?"),
    ("returns the features only", dataset(item="self.x[index]"), "What does training need beside the features?"),
    ("keeps an axis of samples", dataset(item="self.x[index : index + 1], self.y[index]"),
     "Print dataset[0][0].shape."),
    ("shuffles the samples",
     dataset(head="order = np.random.default_rng(0).permutation(len(x)); x, y = x[order], y[order]"),
     "Who shuffles: the dataset, or the DataLoader?"),
    ("shuffles features and labels apart", dataset(head="x = x[np.random.default_rng(0).permutation(len(x))]"),
     "Has each sample still its own label?"),  # LR-17
):  # fmt: skip
    HousesDataset.mistake_text(words, text, hint=help_)
HousesDataset.equivalent_text("all in one class", dataset())
HousesDataset.equivalent_text(
    "converted when asked for",
    dataset(x="np.array(x)", y="np.array(y)", length="self.y.shape[0]",
            item="(torch.as_tensor(self.x[index], dtype=torch.float32), torch.tensor(int(self.y[index])))"),
)  # fmt: skip
HousesDataset.equivalent_text(
    "a TensorDataset inside",
    dataset(head="self.data = torch.utils.data.TensorDataset(torch.tensor(x).float(), torch.tensor(y).long())",
            length="len(self.data)", item="list(self.data[index])"),
)  # fmt: skip


def weights(rng, *sizes, names=("",), dtype="float32"):
    """A state dict of linear layers: one from each size to the next, under the prefixes `names`."""
    state = {}
    for name, fan_in, fan_out in zip(names, sizes[:-1], sizes[1:], strict=True):
        state[f"{name}weight"] = tensor(rng.normal(size=(fan_out, fan_in)), dtype)
        state[f"{name}bias"] = tensor(rng.normal(size=fan_out), dtype)
    return state


def features(rng, *shape, dtype="float32"):
    """Features as a tensor."""
    return tensor(rng.normal(size=shape), dtype)


build_linear = question("build_linear", points=2, kind="torch")
build_linear.check("names and shapes of the parameters", public=True, hint="Print build_linear(2, 3).state_dict().")(
    lambda rng: [module(call(2, 3)), module(call(in_features=5, classes=2))]
)
build_linear.check("scores and gradients", public=True, hint="Is there anything after the linear layer?")(
    lambda rng: module(call(2, 3), features(rng, 4, 2), state=weights(rng, 2, 3))
)
build_linear.check("names and shapes for other sizes", hint="Which argument comes first in nn.Linear?")(
    lambda rng: [module(call(*sizes)) for sizes in ((1, 4), (6, 2), (3, 1))]
)
build_linear.check("scores of any batch", hint="Which scores do zero features have?")(
    lambda rng: [
        module(call(d, c), features(rng, n, d), state=weights(rng, d, c))
        for n, d, c in ((1, 2, 3), (5, 3, 3), (4, 4, 1))
    ]
)
LAYER = "layer = torch.nn.Linear(in_features, classes)\nreturn layer"
declare_variants(
    build_linear,
    "in_features, classes",
    mistakes=mutants(
        LAYER,
        ("swaps the sizes", "Which of the two is the number of features?",
         ("(in_features, classes)", "(classes, in_features)")),
        ("has no bias", "Print state_dict().", ("classes)", "classes, bias=False)")),
        ("appends a softmax", "What does the loss of PyTorch take: scores or probabilities?",
         ("return layer", "return torch.nn.Sequential(layer, torch.nn.Softmax(dim=1))")),
        ("appends a ReLU", "May a score be negative?",
         ("return layer", "layer.register_forward_hook(lambda m, i, out: out.relu())\nreturn layer")),
        ("wraps the layer", "Print the keys of state_dict().",
         ("return layer", "return torch.nn.Sequential(layer)")),
    ),
    equivalents=[
        ("by name", "torch.nn.Linear(in_features=in_features, out_features=classes, bias=True)"),
        ("with other start values", "layer = torch.nn.Linear(in_features, classes)\n"
         "torch.nn.init.zeros_(layer.bias)\nreturn layer"),
    ],
)  # fmt: skip

MLP_NAMES = ("0.", "2.")
build_mlp = question("build_mlp", points=3, kind="torch")
build_mlp.check("names and shapes of the parameters", public=True, hint="Print build_mlp(2, 8, 3).state_dict().")(
    lambda rng: [module(call(2, 8, 3)), module(call(in_features=4, hidden=3, classes=2))]
)
build_mlp.check(
    "scores and gradients", public=True, hint="Linear, ReLU, linear: is anything before, between or after?"
)(lambda rng: module(call(2, 5, 3), features(rng, 4, 2), state=weights(rng, 2, 5, 3, names=MLP_NAMES)))
build_mlp.check("names and shapes for other sizes", hint="Which size stands between the two layers?")(
    lambda rng: [module(call(*sizes)) for sizes in ((1, 4, 2), (3, 3, 5), (6, 2, 1))]
)
build_mlp.check("scores of any batch", hint="Which scores belong to a sample whose hidden units are all off?")(
    lambda rng: [
        module(call(d, h, c), features(rng, n, d), state=weights(rng, d, h, c, names=MLP_NAMES))
        for n, d, h, c in ((1, 2, 6, 3), (8, 3, 3, 3), (5, 4, 2, 2), (6, 1, 4, 2))
    ]
)
build_mlp.check("training mode changes nothing", hint="Is there a layer that draws random numbers?")(
    lambda rng: [
        module(call(2, 8, 3), features(rng, 9, 2), state=weights(rng, 2, 8, 3, names=MLP_NAMES), training=True)
    ]
)
MLP = """
first, last = torch.nn.Linear(in_features, hidden), torch.nn.Linear(hidden, classes)
return torch.nn.Sequential(first, torch.nn.ReLU(), last)
"""
declare_variants(
    build_mlp,
    "in_features, hidden, classes",
    mistakes=mutants(
        MLP,
        ("has no ReLU between the layers", "What are two linear layers in a row?",
         ("torch.nn.ReLU()", "torch.nn.Identity()")),
        ("has another activation", "Which activation does the statement name?", ("ReLU", "Tanh")),
        ("has a ReLU after the last layer", "May a score be negative?", ("last)\n", "last, torch.nn.ReLU())\n")),
        ("appends a softmax", "What does the loss of PyTorch take: scores or probabilities?",
         ("last)\n", "last, torch.nn.Softmax(dim=1))\n")),
        ("drops out hidden units", "Call the model twice in training mode. Are the scores equal?",
         ("torch.nn.ReLU()", "torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Dropout(0.5))")),
        ("lists only the layers with parameters", "Which keys has state_dict(), and why does the statement skip 1?",
         ("torch.nn.Sequential(first, torch.nn.ReLU(), last)",
          "torch.nn.Sequential(torch.nn.Sequential(first, torch.nn.ReLU()), last)")),
        ("has as many hidden units as classes", "Print the shapes in state_dict().",
         ("(in_features, hidden), torch.nn.Linear(hidden, classes)",
          "(in_features, classes), torch.nn.Linear(classes, classes)")),
        ("has a layer too many", "How many linear layers are asked for?",
         ("last)\n", "torch.nn.Linear(hidden, hidden), torch.nn.ReLU(), last)\n")),
    ),
    equivalents=[
        ("all in one function", MLP),
        ("appended one by one", """
         net = torch.nn.Sequential()
         for layer in (build_linear(in_features, hidden), torch.nn.ReLU(inplace=True), build_linear(hidden, classes)):
             net.append(layer)
         return net
         """),
    ],
)  # fmt: skip


def logit_model(rng, n, d, c, **options):
    """A LogisticRegression on some features, forward and backward."""
    return module(call(d, c), features(rng, n, d), state=weights(rng, d, c, names=("linear.",)), **options)


LogisticRegression = question("LogisticRegression", points=4, kind="torch")
LogisticRegression.check("names and shapes in state_dict()", public=True, hint="Print the state_dict() of your model.")(
    lambda rng: [module(call(2, 3)), module(call(in_features=4, classes=2))]
)
LogisticRegression.check("logits and gradients", public=True, hint="Scores or probabilities? Do the gradients flow?")(
    lambda rng: [
        module(
            call(2, 3),
            tensor([[1.0, 2.0]], "float32"),
            state={
                "linear.weight": tensor([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.0]], "float32"),
                "linear.bias": tensor([0.0, 10.0, 20.0], "float32"),
            },
        )
    ]
)
LogisticRegression.check("names and shapes for other sizes", hint="Is the layer assigned to self.linear?")(
    lambda rng: [module(call(*sizes)) for sizes in ((1, 4), (6, 2), (3, 1))]
)
LogisticRegression.check("logits of any batch", hint="Must the logits of a sample sum to 1?")(
    lambda rng: [logit_model(rng, *sizes) for sizes in ((1, 2, 3), (5, 3, 3), (4, 1, 2), (7, 4, 1))]
)
LogisticRegression.check("training and evaluation mode agree", hint="What depends on self.training in your model?")(
    lambda rng: [logit_model(rng, 6, 2, 3, training=training) for training in (True, False)]
)


def model(
    layer="self.linear = torch.nn.Linear(in_features, classes)", forward="self.linear(x)", start="super().__init__()"
):
    """The text of a model, as a student would write it, with pieces exchanged."""
    return f"""
class LogisticRegression(torch.nn.Module):
    def __init__(self, in_features, classes):
        {start}
        {layer}

    def forward(self, x):
        return {forward}
"""


for words, text, help_ in (
    ("returns probabilities", model(forward="self.linear(x).softmax(dim=1)"),
     "The loss applies a softmax. What happens if you do it, too?"),  # CE-02
    ("returns log-probabilities", model(forward="self.linear(x).log_softmax(dim=1)"),
     "Logits are the scores as they are."),
    ("returns the sigmoid", model(forward="self.linear(x).sigmoid()"), "Which range has a logit?"),
    ("has another name for the layer",
     model("self.layer = torch.nn.Linear(in_features, classes)", "self.layer(x)"),
     "Print the keys of state_dict(). Which names does the statement give?"),
    ("hides the layer in a list",
     model("self.linear = [torch.nn.Linear(in_features, classes)]", "self.linear[0](x)"),
     "Print list(model.parameters()). Which attributes does PyTorch register?"),
    ("keeps weight and bias as tensors",
     model("self.weight, self.bias = torch.randn(classes, in_features), torch.zeros(classes)",
           "x @ self.weight.T + self.bias"),
     "An optimizer sees parameters() only. Is something there?"),
    ("makes a new layer in each call",
     model(forward="torch.nn.Linear(self.linear.in_features, self.linear.out_features)(x)"),
     "Call the model twice with the same x."),
    ("forgets to start nn.Module", model(start="pass"), "Which call must come first in __init__ of a module?"),
    ("has no bias", model("self.linear = torch.nn.Linear(in_features, classes, bias=False)"), "Print state_dict()."),
    ("swaps the sizes", model("self.linear = torch.nn.Linear(classes, in_features)"), "Which size comes first?"),
    ("cuts the graph", model(forward="self.linear(x).detach()"), "Is model.linear.weight.grad there after backward()?"),
    ("drops out features", model(forward="self.linear(torch.nn.functional.dropout(x, training=self.training))"),
     "Call the model twice in training mode. Are the logits equal?"),
    ("centres the features", model(forward="self.linear(x - x.mean(dim=0))"),
     "Should the logits of one sample depend on the others?"),
):  # fmt: skip
    LogisticRegression.mistake_text(words, text, hint=help_)
LogisticRegression.equivalent_text("all in one class", model())
LogisticRegression.equivalent_text(
    "product by hand",
    model(
        "self.add_module('linear', build_linear(in_features, classes))", "x @ self.linear.weight.t() + self.linear.bias"
    ),
)

# PyTorch: training -----------------------------------------------------------------------------

#: Models that the grader makes, with the names of their linear layers and their sizes beside features and classes.
LINEAR_MODEL = Code("torch.nn.Linear(2, 3)")
MLP_MODEL = Code("torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))")
NORM_MODEL = Code("torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3))")
DROPOUT_MODEL = Code("torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3))")


def norm_state(rng, dtype):
    """A state dict of `NORM_MODEL`."""
    state = weights(rng, 2, 4, names=("0.",), dtype=dtype) | weights(rng, 4, 3, names=("2.",), dtype=dtype)
    return state | {
        "1.weight": tensor(rng.uniform(0.5, 2, size=4), dtype),
        "1.bias": tensor(rng.normal(size=4), dtype),
        "1.running_mean": tensor(rng.normal(size=4), dtype),
        "1.running_var": tensor(rng.uniform(0.5, 2, size=4), dtype),
        "1.num_batches_tracked": tensor(np.array(3)),
    }


def trained(rng, made, state, n=9, *, dtype="float64", lr=0.3, number=5, **options):
    """Training of a model on houses in three groups."""
    data = grouped(rng, n, 2, 3)
    x, y = tensor(data["x"], dtype), tensor(data["y"])
    return on_module(made, state=state, x=x, y=y, lr=lr, steps=number, **{"training": True, **options})


STATE, LOSSES_ONLY, MODE = ("state",), ("output",), ("mode",)


def several(rng, watch):
    """Trainings of several models for several numbers of steps."""
    return [
        *(
            trained(
                rng, MLP_MODEL, weights(rng, 2, 4, 3, names=MLP_NAMES, dtype="float64"), lr=lr, number=n, watch=watch
            )
            for lr, n in ((0.5, 12), (0.1, 1), (1.0, 2), (0.2, 0))
        ),
        trained(rng, LINEAR_MODEL, weights(rng, 2, 3, dtype="float64"), n=1, number=3, watch=watch),
        trained(rng, LINEAR_MODEL, weights(rng, 2, 3, dtype="float64"), n=14, number=25, lr=1.0, watch=watch),
    ]


train = question("train", points=7, kind="train")
train.check("one step by hand", public=True, hint="Zero the gradients, forward, backward, step.")(
    lambda rng: on_module(
        Code("torch.nn.Linear(1, 2)"),
        x=tensor([[1.0], [-1.0]]),
        y=tensor([0, 1]),
        lr=1.0,
        steps=1,
        state={"weight": tensor(np.zeros((2, 1))), "bias": tensor(np.zeros(2))},
        watch=STATE,
    )
)
train.check("the losses of ten steps", public=True, hint="How many losses are there, and of which type?")(
    lambda rng: trained(rng, LINEAR_MODEL, weights(rng, 2, 3, dtype="float64"), number=10, watch=LOSSES_ONLY)
)
train.check("any model, any number of steps", hint="Print a gradient before and after zero_grad(), in each step.")(
    lambda rng: several(rng, STATE)
)
train.check("each loss belongs to the model before its step", hint="Which loss has the untrained model?")(
    lambda rng: several(rng, LOSSES_ONLY)
)
train.check("gradients from before do not count", hint="Where may a gradient come from in the very first step?")(
    lambda rng: [
        trained(rng, LINEAR_MODEL, weights(rng, 2, 3, dtype="float64"), number=number, stale=True, watch=STATE)
        for number in (1, 4)
    ]
)
train.check("the model trains in training mode", hint="Which layers care about the mode? Who sets it?")(
    lambda rng: [
        trained(rng, NORM_MODEL, norm_state(rng, "float64"), n=12, number=3, lr=0.1, training=training, watch=STATE)
        for training in (False, True)
    ]
)
train.check("the model is in training mode afterwards", hint="Print model.training after the call.")(
    lambda rng: [
        trained(rng, LINEAR_MODEL, weights(rng, 2, 3, dtype="float64"), number=2, training=training, watch=MODE)
        for training in (False, True)
    ]
)
train.check("models of either float type", hint="Is a dtype or a device named in your code?")(
    lambda rng: [
        trained(rng, made, weights(rng, 2, *sizes, 3, names=names, dtype=dtype), dtype=dtype, number=6, watch=STATE)
        for dtype in ("float32", "float64")
        for made, sizes, names in ((LINEAR_MODEL, (), ("",)), (MLP_MODEL, (4,), MLP_NAMES))
    ]
)
TRAIN = """
optimizer = torch.optim.SGD(model.parameters(), lr=lr)
losses = []
model.train()
for _ in range(steps):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
return losses
"""
ENTROPY = "torch.nn.functional.cross_entropy(model(x), y)"
declare_variants(
    train,
    "model, x, y, lr, steps",
    mistakes=mutants(
        TRAIN,
        ("never sets the gradients to zero",
         "Print a gradient after the second backward call. Is it the gradient of this step only?",
         ("    optimizer.zero_grad()\n", "")),  # LG-01
        ("sets the gradients to zero after the step only", "What if the model comes with gradients?",
         ("    optimizer.zero_grad()\n", ""), ("optimizer.step()", "optimizer.step()\n    optimizer.zero_grad()")),
        ("sets the gradients to zero between backward and step", "Do the weights change at all?",
         ("    optimizer.zero_grad()\n", ""),
         ("loss.backward()", "loss.backward()\n    optimizer.zero_grad()")),  # LG-02
        ("gives a name to new weights instead of changing the old ones",
         "After your update, is the new tensor part of the model?",
         ("optimizer.step()", "for p in model.parameters():\n        p = p - lr * p.grad")),  # LG-03
        ("rebuilds the loss from its number", "After backward, is the gradient of a weight a tensor or None?",
         (ENTROPY, f"torch.tensor({ENTROPY}.item(), requires_grad=True)")),  # LG-04
        ("keeps the graphs in the list of losses", "What is `type(losses[0])`?", ("loss.item()", "loss")),  # LG-05
        ("records the loss after the update", "Which loss has the untrained model, and is it in your list?",
         ("loss.item()", f"{ENTROPY}.item()")),  # LR-14
        ("averages the means of batches of different size",
         "Let the last batch hold a single sample. How much does it count?",
         (ENTROPY, "torch.stack([torch.nn.functional.cross_entropy(model(a), b) "
          "for a, b in zip(x.split(4), y.split(4))]).mean()")),  # LR-16
        ("applies softmax twice",
         "With a perfect prediction the loss should approach 0. What is the lowest you can reach?",
         ("(model(x), y)", "(model(x).softmax(dim=1), y)")),  # CE-02
        ("adds up the losses of the samples", "Duplicate the data. Should the step become twice as large?",
         ("(model(x), y)", "(model(x), y, reduction='sum')")),  # CE-04
        ("computes the gradient once", "Which lines must be repeated in each step?",
         ("losses = []", "losses = []\nmodel.train()\nloss = " + ENTROPY + "\nloss.backward()"),
         ("    optimizer.zero_grad()\n", ""), (f"    loss = {ENTROPY}\n    loss.backward()\n", "")),  # LR-13
        ("leaves the model in evaluation mode", "Which layers care about the mode? Who sets it?",
         ("model.train()\n", "")),
        ("ends in evaluation mode", "In which mode should the model be afterwards?",
         ("return losses", "model.eval()\nreturn losses")),
        ("uses Adam", "Which optimizer does the statement name?", ("optim.SGD", "optim.Adam")),
        ("uses momentum", "SGD without momentum: what else does the optimizer remember?",
         ("lr=lr)", "lr=lr, momentum=0.9)")),
        ("uses weight decay", "Is there a penalty in the loss?", ("lr=lr)", "lr=lr, weight_decay=0.01)")),
        ("makes one step too few", "Count the losses for steps=1.", ("range(steps)", "range(1, steps)")),
        ("returns the last loss only", "How many losses are asked for?",
         ("return losses", "return losses[-1] if losses else None")),
        ("trains a copy", "Does the model of the caller change?",
         ("losses = []", "import copy\nmodel = copy.deepcopy(model)\n"
          "optimizer = torch.optim.SGD(model.parameters(), lr=lr)\nlosses = []")),
        ("converts the data to float32", "Does it work for a model in float64?", ("model(x)", "model(x.float())")),
        ("trains the last layer only", "Which parameters does the optimizer get?",
         ("model.parameters()", "list(model.parameters())[-2:]")),
        ("changes the mode for good and freezes the bias", "Which parameters are learnt?",
         ("model.parameters()", "[p for p in model.parameters() if p.ndim > 1]")),
    ),
    equivalents=[
        ("all in one function", TRAIN),
        ("no optimizer", """
         model.train()
         losses = []
         for _ in range(steps):
             loss = -model(x).log_softmax(dim=1).gather(1, y[:, None]).mean()
             gradients = torch.autograd.grad(loss, list(model.parameters()))
             with torch.no_grad():
                 for p, g in zip(model.parameters(), gradients):
                     p -= lr * g
             losses.append(float(loss))
         return losses
         """),
        ("criterion as a module, losses as a tuple", """
         criterion = torch.nn.CrossEntropyLoss()
         model.train(True)
         model.zero_grad()
         device = next(model.parameters()).device
         history = ()
         for _ in range(steps):
             loss = criterion(model(x.to(device)), y.to(device))
             loss.backward()
             history += (loss.detach().cpu().item(),)
             for p in model.parameters():
                 p.data.add_(p.grad, alpha=-lr)
                 p.grad = None
         return history
         """),
    ],
)  # fmt: skip


def asked(rng, made, state, n=6, *, dtype="float64", **options):
    """The probabilities of some places."""
    return on_module(made, state=state, x=features(rng, n, 2, dtype=dtype), **options)


def dropout_state(rng, dtype="float64"):
    """A state dict of `DROPOUT_MODEL`."""
    return weights(rng, 2, 8, 3, names=MLP_NAMES, dtype=dtype)


predict_proba = question("predict_proba", points=4, kind="torch")
predict_proba.check("the numbers of the worked example", public=True, hint="Logits, exponentials, shares.")(
    lambda rng: on_module(
        Code("torch.nn.Linear(2, 3)"),
        x=tensor([[0.0, 0.0], [1.0, 0.0]]),
        state={"weight": tensor([[0.0, 1.0], [np.log(2), 0.0], [0.0, 0.0]]), "bias": tensor(np.log([2.0, 1.0, 5.0]))},
    )
)
predict_proba.check("a model with dropout", public=True, hint="Call it twice. Are the probabilities equal?")(
    lambda rng: asked(rng, DROPOUT_MODEL, dropout_state(rng), training=True)
)
predict_proba.check("no graph is kept", hint="Print requires_grad of your result.")(
    lambda rng: [
        asked(rng, LINEAR_MODEL, weights(rng, 2, 3, dtype="float64"), n, watch=("output", "graph")) for n in (1, 3, 8)
    ]
)
predict_proba.check("the model is in evaluation mode", hint="Which layers care about the mode? What do they change?")(
    lambda rng: [
        asked(rng, DROPOUT_MODEL, dropout_state(rng), n=9, training=True),
        asked(rng, NORM_MODEL, norm_state(rng, "float64"), n=7, training=True, watch=("output", "state")),
    ]
)
predict_proba.check(
    "afterwards the model is in the mode in which it came", hint="Which mode had it before you set one?"
)(
    lambda rng: [
        asked(rng, MLP_MODEL, weights(rng, 2, 4, 3, names=MLP_NAMES, dtype="float64"), training=training, watch=MODE)
        for training in (False, True)
    ]
)
predict_proba.check("logits far from zero", hint="Is your softmax stable? Which dim holds the classes?")(
    lambda rng: [
        on_module(
            Code("torch.nn.Linear(3, 3)"),
            x=tensor(FAR),
            state={"weight": tensor(np.eye(3)), "bias": tensor(np.zeros(3))},
        ),
        asked(rng, LINEAR_MODEL, weights(rng, 2, 3, dtype="float64"), 3),
    ]
)
predict_proba.check("models of either float type", hint="Is a dtype or a device named in your code?")(
    lambda rng: [asked(rng, DROPOUT_MODEL, dropout_state(rng, dtype), dtype=dtype) for dtype in ("float32", "float64")]
)
PROBA = """
was_training = model.training
model.eval()
with torch.no_grad():
    p = model(x).softmax(dim=1)
model.train(was_training)
return p
"""
declare_variants(
    predict_proba,
    "model, x",
    mistakes=mutants(
        PROBA,
        ("stays in training mode", "Call it twice for a model with dropout.", ("model.eval()\n", "")),
        ("leaves the model in evaluation mode", "In which mode was the model before?",
         ("model.train(was_training)\n", "")),
        ("always ends in training mode", "In which mode was the model before?", ("train(was_training)", "train()")),
        ("keeps the graph", "Print requires_grad of your result.",
         ("with torch.no_grad():", "with torch.enable_grad():")),
        ("normalises over the batch", "Which sums are 1 in your result?", ("dim=1", "dim=0")),
        ("returns the logits", "Do the rows sum to 1?", (".softmax(dim=1)", "")),
        ("returns log-probabilities", "Do the rows sum to 1?", ("softmax", "log_softmax")),
        ("uses the sigmoid", "Do the rows sum to 1?", ("softmax(dim=1)", "sigmoid()")),
        ("applies softmax twice", "Which probability does the model give to a sure class?",
         (".softmax(dim=1)", ".softmax(dim=1).softmax(dim=1)")),  # CE-02
        ("subtracts no maximum", "What is torch.exp of 1000?",
         ("model(x).softmax(dim=1)", "model(x).exp() / model(x).exp().sum(dim=1, keepdim=True)")),  # SM-03
        ("returns labels", "Probabilities of all classes, or the best class?", ("softmax(dim=1)", "argmax(dim=1)")),
        ("converts to float32", "Does it work for a model in float64?", ("return p", "return p.float()")),
        ("returns an array", "Which type is asked for?", ("return p", "return p.numpy()")),
    ),
    equivalents=[
        ("all in one function", PROBA),
        ("detached, with a restored mode", """
         mode = model.training
         try:
             return torch.nn.functional.softmax(model.train(False)(x).detach(), dim=-1)
         finally:
             model.train(mode)
         """),
        ("inference mode", """
         before = model.training
         model.eval()
         with torch.inference_mode():
             z = model(x)
             e = (z - z.amax(1, keepdim=True)).exp()
             p = e / e.sum(1, keepdim=True)
         if before:
             model.train()
         return p
         """),
    ],
)  # fmt: skip

check_numpy_alone()
