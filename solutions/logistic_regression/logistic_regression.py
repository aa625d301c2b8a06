# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5 Logistic regression: from NumPy to PyTorch
#
# What does a house cost? In this notebook you predict a number, such as a price, from the features of a house
# (*regression*), and its price class from longitude and latitude (*classification*). You write the models, their
# gradients and their training first in NumPy, where nothing is hidden, and then in PyTorch, where you only say what is
# to happen.
#
# **Letters for shapes:** `n` samples (houses), `d` features of a sample (here longitude and latitude), `C` classes, `k`
# outputs of a linear layer.
#
# **What every NumPy function of this notebook keeps to:**
# - It takes arrays and returns an `np.ndarray`, or a single number where the section says so.
# - float32 stays float32, float64 stays float64, integers are promoted to float64. Beside a float array, integers (such
#   as labels) and numbers of Python follow the dtype of that array. The helper `as_floats` below does this.
# - Labels are integers from 0 to `C - 1`, in an array of shape `(n,)`. Targets of a regression have the shape `(n,)`,
#   too.
# - The input is never modified, and there is no Python loop over samples.
# - Results are right for every legal input, also for scores such as 1000 or -1000.
#
# **Conventions.** A loss is the **mean** over the samples, with the natural logarithm. The mean squared error has **no
# factor 1/2**. Weight decay adds `weight_decay` times the **sum of the squared weights** to the loss, without a factor
# 1/2 and without the bias. You will meet other conventions elsewhere; the gradient must always belong to the loss.
#
# You may use your earlier functions in later ones, and any function of NumPy. Other libraries may not compute the
# answer of a NumPy question. The first cell has three helpers.

# %%
import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


def as_floats(*values: npt.ArrayLike) -> list[Array]:
    """Return arrays of one float dtype: that of the float arrays among the values, float64 if there are none.

    An array that has this dtype already is returned itself and no copy: do not write into it.
    """
    floats = [v.dtype for v in values if isinstance(v, np.ndarray | np.generic) and np.issubdtype(v.dtype, np.floating)]
    dtype = np.result_type(*floats) if floats else np.dtype(np.float64)
    return [np.asarray(v).astype(dtype, copy=False) for v in values]


def log_softmax(scores: Array) -> Array:
    """Logarithms of the probabilities of each row, as in notebook 1; stable, float arrays of shape (n, C)."""
    shifted: Array = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def sigmoid(score: Array) -> Array:
    """Logistic function ``1 / (1 + exp(-score))``, as in notebook 1; stable, float arrays of any shape."""
    return np.exp(np.minimum(score, 0)) / (1 + np.exp(-np.abs(score)))


# %% [markdown]
# ## 5.1 The data
#
# The next cell makes up a town with 100 houses. `location` holds longitude and latitude in degrees, `price_class` the
# class of the price: 0 "cheap", 1 "medium", 2 "expensive". `x` is the location, standardised: minus the mean of its
# column, divided by its standard deviation (the one that divides by `n`). Gradient descent likes features of the same
# size; degrees would need a step size of their own, as a town is only a small part of one.

# %%
CLASS_NAMES = ["cheap", "medium", "expensive"]
_rng = np.random.default_rng(5)
_centres = np.array([[8.76, 50.09], [8.67, 50.15], [8.61, 50.08]])
price_class = _rng.integers(0, 3, size=100)
location = _centres[price_class] + _rng.normal(scale=(0.05, 0.018), size=(100, 2))
location[:, 1] += 5 * (location[:, 0] - 8.68) ** 2
x = (location - location.mean(axis=0)) / location.std(axis=0)


def draw_houses(panel: Any, title: str) -> None:
    """Draw the houses at their standardised location, one colour and mark per class."""
    for number, (name, mark) in enumerate(zip(CLASS_NAMES, "os^", strict=True)):
        here = x[price_class == number]
        panel.plot(*here.T, mark, color=f"C{number}", markeredgecolor="white", label=name)
    panel.set(title=title, xlabel="longitude", ylabel="latitude")


def draw_regions(panel: Any, classify: Any) -> None:
    """Colour each place by the class that ``classify`` gives to it, an array (m, 2) -> labels (m,)."""
    low, high = x.min(axis=0) - 0.3, x.max(axis=0) + 0.3
    east, north = np.meshgrid(np.linspace(low[0], high[0], 150), np.linspace(low[1], high[1], 150))
    labels = np.asarray(classify(np.stack([east.ravel(), north.ravel()], axis=1))).reshape(east.shape)
    panel.contourf(east, north, labels, levels=[-0.5, 0.5, 1.5, 2.5], colors=["C0", "C1", "C2"], alpha=0.25)


# %%
fig, panel = plt.subplots(figsize=(5, 3.6), layout="constrained")
draw_houses(panel, "100 houses")
panel.legend()
plt.show()

# %% [markdown]
# ## 5.2 `x_shape`, `w_shape`, `b_shape`, `out_shape`
#
# A linear model computes scores for all houses at once: $\text{out} = x w + b$, where $x w$ is the matrix product
# `x @ w`, and `b` is added to every row. The rows of `x` are the 100 houses, its columns longitude and latitude. Each
# house gets one score for each of the 3 price classes.
#
# Write down the four shapes as tuples, such as `(5, 4)`. `b` has one axis only; a tuple of one number is written
# `(7,)`.

# %%
x_shape = (100, 2)  # SOLUTION
w_shape = (2, 3)  # SOLUTION
b_shape = (3,)  # SOLUTION
out_shape = (100, 3)  # SOLUTION

# %% [markdown]
# ## 5.3 `linear(x, w, b)`
#
# $$\text{out}_{ij} = \sum_{l=1}^{d} x_{il} \, w_{lj} + b_j$$
#
# `x` has the shape `(n, d)`, `w` `(d, k)`, `b` `(k,)`, the result `(n, k)`. For a model with a **single output**, `w`
# has the shape `(d,)`, `b` is a number and the result has the shape `(n,)`.
#
# **Convention.** Here `w` has one **column** per output. PyTorch's `nn.Linear` stores the transpose, one row per
# output, and computes `x @ weight.T + bias`.
#
# **Worked example.** $x = \begin{pmatrix} 1 & 2 \\ 3 & 0 \end{pmatrix}$,
# $w = \begin{pmatrix} 1 & 0 & -1 \\ 2 & 1 & 0 \end{pmatrix}$ and $b = (0, 10, 20)$ give
# $\begin{pmatrix} 5 & 12 & 19 \\ 3 & 10 & 17 \end{pmatrix}$. For the first house and the first output:
# $1 \cdot 1 + 2 \cdot 2 + 0 = 5$.


# %%
def linear(x: Array, w: Array, b: Array) -> Array:
    """Linear layer ``x @ w + b`` for all samples at once.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        w: weights, shape (d, k), or (d,) for a single output.
        b: bias, shape (k,), or a number for a single output.

    Returns:
        Outputs, shape (n, k), or (n,) for a single output; the common float dtype of the arrays (float64 for integers).

    Raises:
        ValueError: the shapes of ``x`` and ``w`` do not fit.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 6.1.

    >>> x, w = np.array([[1, 2], [3, 0]]), np.array([[1, 0, -1], [2, 1, 0]])
    >>> linear(x, w, np.array([0, 10, 20]))
    array([[ 5., 12., 19.],
           [ 3., 10., 17.]])
    """
    # BEGIN SOLUTION
    x, w, b = as_floats(x, w, b)
    out: Array = x @ w + b
    return out
    # END SOLUTION


# %% [markdown]
# ## 5.4 `linear_backward(grad, x, w)`
#
# Some loss $L$ is computed from the output of the layer. The *upstream gradient* $G = \partial L / \partial
# \text{out}$, shape `(n, k)`, is given. The chain rule carries it on to the three inputs of the layer:
#
# $$\frac{\partial L}{\partial x} = G \, w^\top \qquad \frac{\partial L}{\partial w} = x^\top G \qquad
# \frac{\partial L}{\partial b_j} = \sum_{i=1}^{n} G_{ij}$$
#
# The function returns them in this order, `dx, dw, db`, each in the shape of what it belongs to. All samples share `w`
# and `b`, so their contributions **add up**. There is no division by `n` here: if the loss is a mean, its $1/n$ is
# already inside `grad`. Here `w` always has two axes.
#
# **Worked example.** With `x` and `w` of 5.3 and $G = \begin{pmatrix} 1 & 0 & 0 \\ 0 & 1 & 2 \end{pmatrix}$:
#
# $$dx = \begin{pmatrix} 1 & 2 \\ -2 & 1 \end{pmatrix} \qquad
# dw = \begin{pmatrix} 1 & 3 & 6 \\ 2 & 0 & 0 \end{pmatrix} \qquad db = (1, 1, 2)$$
#
# **Why one wants it.** Every layer of a network that multiplies by weights goes back like this.


# %%
def linear_backward(grad: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Gradients of a linear layer for its three inputs.

    Args:
        grad: gradient for the output, shape (n, k); float32, float64 or integer.
        x: features, shape (n, d).
        w: weights, shape (d, k).

    Returns:
        ``dx, dw, db`` of shapes (n, d), (d, k) and (k,); the common float dtype of the arrays (float64 for integers).

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 6.5.

    >>> x, w = np.array([[1, 2], [3, 0]]), np.array([[1, 0, -1], [2, 1, 0]])
    >>> dx, dw, db = linear_backward(np.array([[1, 0, 0], [0, 1, 2]]), x, w)
    >>> dx.tolist(), dw.tolist(), db.tolist()
    ([[1.0, 2.0], [-2.0, 1.0]], [[1.0, 3.0, 6.0], [2.0, 0.0, 0.0]], [1.0, 1.0, 2.0])
    """
    # BEGIN SOLUTION
    grad, x, w = as_floats(grad, x, w)
    return grad @ w.T, x.T @ grad, grad.sum(axis=0)
    # END SOLUTION


# %% [markdown]
# ## 5.5 `linear_regression_gradients(x, y, w, b, loss="mse")`
#
# Linear regression predicts a number for each sample, $\hat y = x w + b$, with a single output: `w` has the shape
# `(d,)` and `b` is a number. The target `y` has the shape `(n,)`. With the residuals $r_i = \hat y_i - y_i$, the two
# usual losses and their derivatives are
#
# | `loss` | formula | derivative for $\hat y_i$ |
# |---|---|---|
# | `"mse"`, mean squared error | $\frac{1}{n} \sum_i r_i^2$ | $\frac{2}{n} r_i$ |
# | `"mae"`, mean absolute error | $\frac{1}{n} \sum_i \lvert r_i \rvert$ | $\frac{1}{n} \operatorname{sign}(r_i)$ |
#
# The function returns `dw, db`, the gradients of the loss for `w` and `b`: an array of shape `(d,)` and a number.
#
# **Conventions.** The mean squared error has no factor 1/2, so its gradient has a **2**. (With 1/2 in front of the
# loss, as many books have it, the 2 would cancel.) At $r_i = 0$ the absolute value has a kink; take the derivative 0
# there, as `np.sign` does.
#
# **Worked example.** $x = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$, $w = (1, 1)$, $b = 0$ predict $(3, 7)$. For
# $y = (1, 2)$ the residuals are $(2, 5)$. Squared error: $dw = \frac{2}{2} (2 + 15, 4 + 20) = (17, 24)$ and
# $db = 2 + 5 = 7$. Absolute error: $dw = \frac{1}{2} (1 + 3, 2 + 4) = (2, 3)$ and $db = 1$.


# %%
def linear_regression_gradients(x: Array, y: Array, w: Array, b: Array, loss: str = "mse") -> tuple[Array, Array]:
    """Gradients of the mean loss of a linear regression for its parameters.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        y: targets, shape (n,).
        w: weights, shape (d,).
        b: bias, a number.
        loss: "mse" for the mean of squared residuals, "mae" for the mean of absolute ones (derivative 0 at 0).

    Returns:
        ``dw, db``: shape (d,) and a number; the common float dtype of the arrays (float64 for integers).

    Raises:
        ValueError: another ``loss``.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 3.1, without its factor 1/2.

    >>> x, y = np.array([[1, 2], [3, 4]]), np.array([1, 2])
    >>> [linear_regression_gradients(x, y, np.array([1, 1]), 0, loss)[0].tolist() for loss in ("mse", "mae")]
    [[17.0, 24.0], [2.0, 3.0]]
    """
    # BEGIN SOLUTION
    if loss not in ("mse", "mae"):
        raise ValueError(f'loss must be "mse" or "mae", not {loss!r}')
    x, y, w, b = as_floats(x, y, w, b)
    residual = linear(x, w, b) - y
    slope = 2 * residual if loss == "mse" else np.sign(residual)
    return x.T @ slope / len(y), slope.mean()
    # END SOLUTION


# %% [markdown]
# ## 5.6 `fit_linear_regression(x, y, lr, steps, loss="mse")`
#
# Gradient descent: start with all parameters at **zero**, and `steps` times go against the gradient of the whole data,
#
# $$w \leftarrow w - \text{lr} \cdot dw \qquad b \leftarrow b - \text{lr} \cdot db$$
#
# Both gradients belong to the same parameters: compute both before you change either. The function returns `w, b` as
# they are after the last step, an array of shape `(d,)` and a number. `steps` may be 0. The inputs are used as they
# come, without standardising.
#
# **Worked example.** $x = \begin{pmatrix} 1 \\ 2 \end{pmatrix}$, $y = (1, 3)$, `lr=0.1`. At zero the residuals are
# $(-1, -3)$, so $dw = -7$, $db = -4$, and after one step $w = 0.7$, $b = 0.4$. Now the residuals are $(0.1, -1.2)$,
# $dw = -2.3$, $db = -1.1$, and after the second step $w = 0.93$, $b = 0.51$.
#
# **Why not solve for the best parameters?** For the squared error one can (`np.linalg.lstsq`). Gradient descent also
# works for the absolute error, for classification and for deep networks. The figure shows one difference: squared
# residuals are moved far by a single outlier.


# %%
def fit_linear_regression(x: Array, y: Array, lr: float, steps: int, loss: str = "mse") -> tuple[Array, Array]:
    """Parameters of a linear regression after gradient descent on all data, from zero parameters.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        y: targets, shape (n,).
        lr: learning rate.
        steps: number of steps, at least 0.
        loss: "mse" or "mae", as for `linear_regression_gradients`.

    Returns:
        ``w, b`` after the last step: shape (d,) and a number; the common float dtype of ``x`` and ``y`` (float64 for
        integers).

    Raises:
        ValueError: another ``loss``.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 4.3.

    >>> w, b = fit_linear_regression(np.array([[1], [2]]), np.array([1, 3]), lr=0.1, steps=2)
    >>> w.round(3), round(float(b), 3)
    (array([0.93]), 0.51)
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    w, b = np.zeros(x.shape[1], x.dtype), np.zeros((), x.dtype)
    for _ in range(steps):
        dw, db = linear_regression_gradients(x, y, w, b, loss)
        w, b = w - lr * dw, b - lr * db
    return w, b
    # END SOLUTION


# %%
try:
    area = np.linspace(-1.5, 1.5, 13)[:, None]
    cost = 3 + area[:, 0]
    cost[-1] = 0.0
    fig, panel = plt.subplots(figsize=(5, 3), layout="constrained")
    panel.plot(area[:, 0], cost, "o", color="black")
    for kind in ("mse", "mae"):
        slope, start = fit_linear_regression(area, cost, lr=0.05, steps=1000, loss=kind)
        panel.plot(area[:, 0], linear(area, slope, start), label=kind)
    panel.set(title="one outlier", xlabel="area, standardised", ylabel="price")
    panel.legend()
    plt.show()
except NotImplementedError:
    plt.close()
    print("Your fit will be drawn here.")

# %% [markdown]
# ## 5.7 `logistic_regression(x, w, b)`
#
# To predict a class, compute one score per class and turn the scores of each sample into probabilities:
#
# $$p = \operatorname{softmax}(x w + b)$$
#
# `x` has the shape `(n, d)`, `w` `(d, C)`, `b` `(C,)`, and each row of the result, shape `(n, C)`, sums to 1. The
# helper `log_softmax` gives the **logarithm** of the probabilities, and is stable.
#
# **Worked example.** $x = \begin{pmatrix} 1 & 2 \end{pmatrix}$,
# $w = \begin{pmatrix} \ln 2 & 0 & \ln 5 \\ 0 & 0 & 0 \end{pmatrix}$ and $b = (0, 0, 0)$ give the scores
# $(\ln 2, 0, \ln 5)$, so the probabilities are $(2/8, 1/8, 5/8) = (0.25, 0.125, 0.625)$.
#
# The name is old: it is a *regression* on the logarithms of the odds, and a model for *classification*.


# %%
def logistic_regression(x: Array, w: Array, b: Array) -> Array:
    """Probabilities of the classes: ``softmax(x @ w + b)``.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        w: weights, shape (d, C).
        b: bias, shape (C,).

    Returns:
        Probabilities, shape (n, C), rows sum to 1; the common float dtype of the arrays (float64 for integers). Finite
        for all finite scores.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4.

    >>> w = np.array([[math.log(2), 0, math.log(5)], [0, 0, 0]])
    >>> logistic_regression(np.array([[1, 2]]), w, np.zeros(3)).round(3)
    array([[0.25 , 0.125, 0.625]])
    """
    # BEGIN SOLUTION
    return np.exp(log_softmax(linear(x, w, b)))
    # END SOLUTION


# %% [markdown]
# ## 5.8 `logistic_regression_loss(x, y, w, b, weight_decay=0.0)`
#
# The loss is the mean negative log-probability of the right classes, plus a penalty on large weights:
#
# $$L = -\frac{1}{n} \sum_{i=1}^{n} \ln p_{i, y_i} + \lambda \sum_{l, j} w_{lj}^2$$
#
# with $\lambda$ = `weight_decay`. From notebook 2 you know that the gradient of the first part for the scores of sample
# $i$ is $(p_i - \text{onehot}(y_i)) / n$. `linear_backward` carries it on to `w` and `b`. The function returns
# `loss, dw, db`.
#
# **Conventions.** The penalty has no factor 1/2, so its derivative is $2 \lambda w$. (The optimizers of PyTorch add
# $\lambda w$ to the gradient: the same thing with 1/2 in front of the penalty.) The **bias is not penalised**: it only
# says how frequent the classes are.
#
# **Worked example.** With zero parameters all classes are equally probable, and for $C = 3$ the loss is
# $\ln 3 = 1.099$, whatever the data. For the `x` and `w` of 5.7 and the label 0, the loss is $-\ln 0.25 = 1.386$ and
# $db = (-0.75, 0.125, 0.625)$. With `weight_decay=0.1` it is
# $1.386 + 0.1 \cdot ((\ln 2)^2 + (\ln 5)^2) = 1.386 + 0.307 = 1.693$.
#
# **The numeric trap.** The probability of a right class can be 0 in float64 while its logarithm is an ordinary number.


# %%
def logistic_regression_loss(
    x: Array, y: Array, w: Array, b: Array, weight_decay: float = 0.0
) -> tuple[Array, Array, Array]:
    """Loss of a logistic regression, and its gradients for the parameters.

    Formula: mean of ``-log(p[i, y[i]])``, plus ``weight_decay * (w ** 2).sum()``.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        y: labels from 0 to C - 1, shape (n,).
        w: weights, shape (d, C).
        b: bias, shape (C,); not penalised.
        weight_decay: factor of the penalty, at least 0.

    Returns:
        ``loss, dw, db``: a number in nats, shape (d, C), shape (C,); the common float dtype of ``x``, ``w`` and ``b``
        (float64 for integers). Finite for all finite scores.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), sections 4.3.4 and 3.1.4.

    >>> w = np.array([[math.log(2), 0, math.log(5)], [0, 0, 0]])
    >>> loss, dw, db = logistic_regression_loss(np.array([[1, 2]]), np.array([0]), w, np.zeros(3), weight_decay=0.1)
    >>> round(float(loss), 3), db.round(3)
    (1.693, array([-0.75 ,  0.125,  0.625]))
    """
    # BEGIN SOLUTION
    x, w, b = as_floats(x, w, b)
    rows = np.arange(len(y))
    log_p = log_softmax(linear(x, w, b))
    loss = -log_p[rows, y].mean() + weight_decay * (w**2).sum()
    grad = np.exp(log_p)
    grad[rows, y] -= 1
    _, dw, db = linear_backward(grad / len(y), x, w)
    return loss, dw + 2 * weight_decay * w, db
    # END SOLUTION


# %% [markdown]
# ## 5.9 `fit_logistic_regression(x, y, num_classes, lr, steps, weight_decay=0.0)`
#
# Gradient descent as in 5.6, with the loss of 5.8 on all data in every step (*full batch*). All parameters start at
# **zero**: the loss has no other minimum in which one could get stuck, and classes are told apart by their labels. The
# function returns `w, b` after the last step, of shapes `(d, C)` and `(C,)`. Not every class needs to occur in `y`, so
# their number `C` is given as `num_classes`.
#
# **Worked example.** One feature, two samples $x = \begin{pmatrix} 1 \\ -1 \end{pmatrix}$ with the labels $(0, 1)$. At
# zero all probabilities are $1/2$, so the gradients for the scores are $(-1/4, 1/4)$ and $(1/4, -1/4)$, $dw = (-1/2,
# 1/2)$ and $db = (0, 0)$. After one step with `lr=1` we have $w = (0.5, -0.5)$ and $b = (0, 0)$.


# %%
def fit_logistic_regression(
    x: Array, y: Array, num_classes: int, lr: float, steps: int, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """Parameters of a logistic regression after gradient descent on all data, from zero parameters.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        y: labels from 0 to C - 1, shape (n,).
        num_classes: number C of classes.
        lr: learning rate.
        steps: number of steps, at least 0.
        weight_decay: factor of the penalty ``(w ** 2).sum()``, at least 0.

    Returns:
        ``w, b`` after the last step, shapes (d, C) and (C,), dtype of ``x`` (float64 for integers).

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 4.3.

    >>> w, b = fit_logistic_regression(np.array([[1], [-1]]), np.array([0, 1]), num_classes=2, lr=1, steps=1)
    >>> w, b
    (array([[ 0.5, -0.5]]), array([0., 0.]))
    """
    # BEGIN SOLUTION
    (x,) = as_floats(x)
    w, b = np.zeros((x.shape[1], num_classes), x.dtype), np.zeros(num_classes, x.dtype)
    for _ in range(steps):
        _, dw, db = logistic_regression_loss(x, y, w, b, weight_decay)
        w, b = w - lr * dw, b - lr * db
    return w, b
    # END SOLUTION


# %% [markdown]
# ## 5.10 `predict(x, w, b)`
#
# The predicted class of a sample is the one with the largest probability. Softmax keeps the order of the scores, so the
# largest **score** decides. Of equal scores the first one wins, as in `np.argmax`. The result has the shape `(n,)` and
# holds integers (int64).
#
# **Worked example.** The scores $(1, 3, 2)$ and $(4, 0, 4)$ give the classes $(1, 0)$.


# %%
def predict(x: Array, w: Array, b: Array) -> Array:
    """Predicted class of each sample: the place of its largest score in ``x @ w + b``.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        w: weights, shape (d, C).
        b: bias, shape (C,).

    Returns:
        Labels from 0 to C - 1, shape (n,), int64; of equal scores the first one wins.

    Source:
        The definition above; ties as in ``np.argmax``.

    >>> predict(np.array([[1, 3, 2], [4, 0, 4]]), np.eye(3), np.zeros(3)).tolist()
    [1, 0]
    """
    # BEGIN SOLUTION
    labels: Array = linear(x, w, b).argmax(axis=1)
    return labels
    # END SOLUTION


# %% [markdown]
# ## 5.11 `accuracy(x, y, w, b)`
#
# The share of samples whose predicted class is the right one: one number from 0 to 1, float64 for inputs of any type.
#
# **Worked example.** Predicted $(1, 0, 2, 2)$, right $(1, 2, 2, 0)$: two of four, $0.5$.


# %%
def accuracy(x: Array, y: Array, w: Array, b: Array) -> Array:
    """Share of the samples whose predicted class is their label.

    Args:
        x: features, shape (n, d), n at least 1; float32, float64 or integer.
        y: labels from 0 to C - 1, shape (n,).
        w: weights, shape (d, C).
        b: bias, shape (C,).

    Returns:
        One number from 0 to 1, float64.

    Source:
        The definition above.

    >>> x = np.array([[0, 5, 1], [3, 1, 2], [0, 0, 1], [1, 2, 4]])
    >>> float(accuracy(x, np.array([1, 2, 2, 0]), np.eye(3), np.zeros(3)))
    0.5
    """
    # BEGIN SOLUTION
    share: Array = (predict(x, w, b) == y).mean()
    return share
    # END SOLUTION


# %%
try:
    fit_steps = [0, 1, 2, 5, 10, 20, 50, 100]
    fits = [fit_logistic_regression(x, price_class, 3, 0.5, count) for count in fit_steps]
    fit_losses = [float(logistic_regression_loss(x, price_class, *parameters)[0]) for parameters in fits]
    share = float(accuracy(x, price_class, *fits[-1]))
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    left.plot(fit_steps, fit_losses, "o-")
    left.axhline(math.log(3), color="gray", linestyle=":", label="ln 3")
    left.set(title="loss", xlabel="steps", ylim=(0, 1.2))
    left.legend()
    draw_regions(right, lambda places: predict(places, *fits[-1]))
    draw_houses(right, f"predicted classes, {share:.0%} right")
    plt.show()
except NotImplementedError:
    print("The loss and the predicted classes of your model will be drawn here.")

# %% [markdown]
# Look at the borders between two classes: they are straight lines. On a border two scores are equal, and the difference
# of two linear functions is linear.
#
# ## 5.12 `confusion_matrix(y_true, y_pred, num_classes)`
#
# Which classes does the model confuse? Entry $(i, j)$ of the *confusion matrix* counts the samples of class $i$ that
# were predicted as class $j$. The result has the shape `(C, C)` and holds integers (int64). Right predictions are on
# the diagonal, and all entries sum to `n`.
#
# **Convention.** Rows are the **true** classes, columns the predicted ones, as in scikit-learn. Some books have the
# transpose.
#
# **Worked example.** True $(0, 0, 1, 2, 2)$, predicted $(0, 1, 1, 2, 0)$, three classes:
#
# $$\begin{pmatrix} 1 & 1 & 0 \\ 0 & 1 & 0 \\ 1 & 0 & 1 \end{pmatrix}$$


# %%
def confusion_matrix(y_true: Array, y_pred: Array, num_classes: int) -> Array:
    """Table of how often each class (row) was predicted as each class (column).

    Args:
        y_true: right labels from 0 to C - 1, shape (n,), any integer type; n may be 0.
        y_pred: predicted labels, shape (n,).
        num_classes: number C of classes, of which some may not occur.

    Returns:
        Counts, shape (C, C), int64; row: true class, column: predicted class.

    Source:
        scikit-learn, ``sklearn.metrics.confusion_matrix``.

    >>> confusion_matrix(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 0]), num_classes=3)
    array([[1, 1, 0],
           [0, 1, 0],
           [1, 0, 1]])
    """
    # BEGIN SOLUTION
    table = np.zeros((num_classes, num_classes), dtype=np.int64)
    # table[y_true, y_pred] += 1 would count each pair once, however often it occurs.
    np.add.at(table, (y_true, y_pred), 1)
    return table
    # END SOLUTION


# %% [markdown]
# ## 5.13 `binary_logistic_regression(x, w, b)`
#
# With two classes, only the difference of the two scores counts. One output is enough, and the sigmoid takes the place
# of softmax:
#
# $$p = \sigma(x w + b)$$
#
# is the probability of class **1**. `w` has the shape `(d,)`, `b` is a number, the result has the shape `(n,)`.
#
# **Worked example.** $x = \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}$, $w = (\ln 3, -\ln 3)$, $b = 0$: the scores
# $\pm \ln 3$ have the probabilities $(0.75, 0.25)$.


# %%
def binary_logistic_regression(x: Array, w: Array, b: Array) -> Array:
    """Probability of class 1: ``sigmoid(x @ w + b)``.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        w: weights, shape (d,).
        b: bias, a number.

    Returns:
        Probabilities, shape (n,); the common float dtype of the arrays (float64 for integers). Finite for all finite
        scores.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.2.

    >>> binary_logistic_regression(np.eye(2), np.array([math.log(3), -math.log(3)]), 0.0).round(3)
    array([0.75, 0.25])
    """
    # BEGIN SOLUTION
    return sigmoid(linear(x, w, b))
    # END SOLUTION


# %% [markdown]
# ## 5.14 `binary_logistic_regression_loss(x, y, w, b, weight_decay=0.0)`
#
# The mean binary cross-entropy, with the penalty of 5.8 (no 1/2, not on the bias):
#
# $$L = -\frac{1}{n} \sum_{i=1}^{n} \bigl( y_i \ln p_i + (1 - y_i) \ln (1 - p_i) \bigr) + \lambda \sum_{l} w_l^2$$
#
# Labels `y` are 0 or 1 (there is another form of this loss for labels -1 and 1). The gradient of the first part for the
# score of sample $i$ is $(p_i - y_i) / n$. The function returns `loss, dw, db`: a number, shape `(d,)`, a number.
#
# **Worked example.** With `x`, `w` and `b` of 5.13 and $y = (1, 1)$, the losses are $-\ln 0.75 = 0.288$ and
# $-\ln 0.25 = 1.386$, their mean is $0.837$. $dw = (-0.125, -0.375)$ and $db = -0.5$.
#
# **The numeric trap.** $\sigma(40)$ is exactly 1 in float64, so $\ln(1 - \sigma(40))$ is $-\infty$; its true value is
# $-40$. Write the logarithms as $\ln \sigma(s) = -\ln(1 + e^{-s})$ and use `np.logaddexp(0, ...)`.


# %%
def binary_logistic_regression_loss(
    x: Array, y: Array, w: Array, b: Array, weight_decay: float = 0.0
) -> tuple[Array, Array, Array]:
    """Loss of a logistic regression with two classes, and its gradients for the parameters.

    Formula: mean of ``-(y * log(p) + (1 - y) * log(1 - p))``, plus ``weight_decay * (w ** 2).sum()``.

    Args:
        x: features, shape (n, d); float32, float64 or integer.
        y: labels 0 or 1, shape (n,), integers or floats.
        w: weights, shape (d,).
        b: bias, a number; not penalised.
        weight_decay: factor of the penalty, at least 0.

    Returns:
        ``loss, dw, db``: a number in nats, shape (d,), a number; the common float dtype of the arrays (float64 for
        integers). Finite for all finite scores.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.2.

    >>> w = np.array([math.log(3), -math.log(3)])
    >>> loss, dw, db = binary_logistic_regression_loss(np.eye(2), np.array([1, 1]), w, 0.0)
    >>> round(float(loss), 3), dw.round(3), round(float(db), 3)
    (0.837, array([-0.125, -0.375]), -0.5)
    """
    # BEGIN SOLUTION
    x, y, w, b = as_floats(x, y, w, b)
    score = linear(x, w, b)
    # log(1 + exp(score)) for the label 0, log(1 + exp(-score)) for 1: no probability is formed.
    loss = np.logaddexp(0, (1 - 2 * y) * score).mean() + weight_decay * (w**2).sum()
    grad = (sigmoid(score) - y) / len(y)
    return loss, x.T @ grad + 2 * weight_decay * w, grad.sum()
    # END SOLUTION


# %% [markdown]
# ## 5.15 `steps_per_epoch(n, batch_size)`
#
# The gradient of all data is exact and expensive. A few samples, a *mini-batch*, give a rough one for little. An
# *epoch* goes through all `n` samples once, in batches of `batch_size`. If `batch_size` does not divide `n`, the last
# batch is shorter, and it is **kept**. How many steps has an epoch? The result is a whole number (`int`).
#
# **Worked example.** 100 samples in batches of 32 make 4 steps: three of 32 and one of 4. 96 samples make 3.


# %%
def steps_per_epoch(n: int, batch_size: int) -> int:
    """Number of batches in one epoch, a shorter last one included.

    Args:
        n: number of samples, at least 0.
        batch_size: samples in a batch, at least 1.

    Returns:
        ``n / batch_size``, rounded up.

    Source:
        The definition above; ``len`` of a PyTorch ``DataLoader`` with ``drop_last=False``.

    >>> steps_per_epoch(100, 32), steps_per_epoch(96, 32)
    (4, 3)
    """
    # BEGIN SOLUTION
    return -(-n // batch_size)
    # END SOLUTION


# %% [markdown]
# ## 5.16 `minibatches(x, y, batch_size, rng)`
#
# One epoch of mini-batches: shuffle the samples, then cut them into batches. The function returns a list of pairs
# `(x_batch, y_batch)`, or yields them one after the other.
#
# - Every sample occurs exactly **once** per epoch, and every row of `x` stays with **its own** entry of `y`.
# - All batches have `batch_size` samples; a shorter last batch is kept.
# - The whole data is shuffled, anew in **each call**. All randomness comes from `rng`, a generator of NumPy such as
#   `np.random.default_rng(0)`: two generators with the same seed give the same batches. Which method of `rng` you use
#   is up to you.
# - `x` has the shape `(n, ...)`, `y` the shape `(n, ...)`, and both keep their dtype. They are not modified.
#
# **Worked example.** 5 samples in batches of 2 give batches of 2, 2 and 1. If the order drawn is $(3, 0, 4, 1, 2)$, the
# first batch is `(x[[3, 0]], y[[3, 0]])`.
#
# **A trap for later.** The mean of the losses of all batches is not the loss of the epoch when the last batch is
# shorter: weight each batch by its size.


# %%
def minibatches(x: Array, y: Array, batch_size: int, rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Shuffled mini-batches of one epoch; a shorter last one is kept.

    Args:
        x: samples, shape (n, ...), any dtype.
        y: their targets, shape (n, ...), any dtype.
        batch_size: samples in a batch, at least 1.
        rng: where all randomness comes from.

    Returns:
        Pairs ``(x_batch, y_batch)`` that hold each sample once, in random order.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 8.1.3.

    >>> batches = minibatches(np.arange(5), np.arange(5) ** 2, 2, np.random.default_rng(0))
    >>> [len(x_batch) for x_batch, _ in batches], all((x**2 == y).all() for x, y in batches)
    ([2, 2, 1], True)
    """
    # BEGIN SOLUTION
    order = rng.permutation(len(x))
    parts = [order[start : start + batch_size] for start in range(0, len(x), batch_size)]
    return [(x[part], y[part]) for part in parts]
    # END SOLUTION


# %% [markdown]
# # From NumPy to PyTorch
#
# In PyTorch you write the way forward, and autograd goes back. The rest of the notebook builds the same model again,
# then a deeper one. What you write must run **on any device**: never name a device, take the one of the model.
#
# ## 5.17 `class HousesDataset(torch.utils.data.Dataset)`
#
# A *dataset* hands out one sample at a time, and a `DataLoader` makes shuffled mini-batches of it, as in 5.16.
#
# - `HousesDataset(x, y)` takes NumPy arrays of shapes `(n, d)` and `(n,)`.
# - `len(dataset)` is `n`.
# - `dataset[i]` is the pair `(features, label)` of sample `i`: a float32 tensor of shape `(d,)` and an int64 tensor
#   without axes. `dataset[-1]` is the last sample; an `i` beyond the end raises `IndexError`, as for a list.
#
# **Worked example.** With $x = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$ and $y = (0, 2)$, `dataset[1]` is
# `(tensor([3., 4.]), tensor(2))`.


# %%
class HousesDataset(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Houses with their price classes, one at a time.

    Source:
        https://pytorch.org/docs/stable/data.html

    >>> dataset = HousesDataset(np.array([[1, 2], [3, 4]]), np.array([0, 2]))
    >>> len(dataset), dataset[1]
    (2, (tensor([3., 4.]), tensor(2)))
    """

    def __init__(self, x: Array, y: Array) -> None:
        """Keep the data.

        Args:
            x: features, shape (n, d); any number dtype.
            y: labels, shape (n,); any integer dtype.
        """
        # BEGIN SOLUTION
        self.x = torch.tensor(x, dtype=torch.float32)
        self.y = torch.tensor(y, dtype=torch.int64)
        # END SOLUTION

    def __len__(self) -> int:
        """Number of samples."""
        # BEGIN SOLUTION
        return len(self.x)
        # END SOLUTION

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (d,), float32, and label (), int64, of one sample."""
        # BEGIN SOLUTION
        return self.x[index], self.y[index]
        # END SOLUTION


# %% [markdown]
# ## 5.18 `build_linear(in_features, classes)`
#
# The linear layer of 5.3 as a module of PyTorch: an `nn.Linear` with bias, from `in_features` features to `classes`
# scores. It has no softmax: the loss of PyTorch takes scores (*logits*), and a second softmax would flatten them.
#
# **Worked example.** `build_linear(2, 3)` has a `weight` of shape `(3, 2)`, one **row** per class, and a `bias` of
# shape `(3,)`. Those are $2 \cdot 3 + 3 = 9$ numbers.


# %%
def build_linear(in_features: int, classes: int) -> torch.nn.Module:
    """A linear layer from features to the scores of the classes.

    Args:
        in_features: number d of features.
        classes: number C of classes.

    Returns:
        An ``nn.Linear`` with bias, (n, d) -> (n, C), freshly initialised.

    Source:
        PyTorch, ``torch.nn.Linear``.

    >>> {key: tuple(value.shape) for key, value in build_linear(2, 3).state_dict().items()}
    {'weight': (3, 2), 'bias': (3,)}
    """
    # BEGIN SOLUTION
    return torch.nn.Linear(in_features, classes)
    # END SOLUTION


# %% [markdown]
# ## 5.19 `build_mlp(in_features, hidden, classes)`
#
# Borders that are not straight need a hidden layer: an `nn.Sequential` of a linear layer to `hidden` units, a ReLU, and
# a linear layer to the scores. Without the ReLU, two linear layers are only another linear layer.
#
# **Worked example.** `build_mlp(2, 8, 3)` has $2 \cdot 8 + 8 = 24$ numbers in its first layer and $8 \cdot 3 + 3 = 27$
# in its second. The keys of its `state_dict()` count the parts of the `nn.Sequential`: `0.weight`, `0.bias`,
# `2.weight`, `2.bias`.


# %%
def build_mlp(in_features: int, hidden: int, classes: int) -> torch.nn.Module:
    """A network with one hidden layer and ReLU, from features to the scores of the classes.

    Args:
        in_features: number d of features.
        hidden: number of hidden units.
        classes: number C of classes.

    Returns:
        An ``nn.Sequential`` of linear layer, ReLU and linear layer, (n, d) -> (n, C), freshly initialised.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 6.1.

    >>> list(build_mlp(2, 8, 3).state_dict())
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """
    # BEGIN SOLUTION
    return torch.nn.Sequential(torch.nn.Linear(in_features, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, classes))
    # END SOLUTION


# %% [markdown]
# ## 5.20 `class LogisticRegression(torch.nn.Module)`
#
# The same model as a class of your own. A module that is assigned to an attribute is *registered*: its parameters
# appear in `parameters()`, where the optimizer finds them, and in `state_dict()`, which is what one saves.
#
# - `LogisticRegression(in_features, classes)` has one linear layer, as its attribute `linear`. So the keys of
#   `state_dict()` are `linear.weight` and `linear.bias`.
# - `forward(x)` takes features `(n, d)` and returns **logits**, the scores `(n, C)`, not probabilities.
#
# **Worked example.** With the weights $\begin{pmatrix} 1 & 2 \\ 0 & 1 \\ -1 & 0 \end{pmatrix}$ (one row per class) and
# the bias $(0, 10, 20)$, the features $(1, 2)$ have the logits $(5, 12, 19)$, as in 5.3.


# %%
class LogisticRegression(torch.nn.Module):
    """Logistic regression as a module that returns logits.

    Source:
        PyTorch, ``torch.nn.Module``.

    >>> [name for name, _ in LogisticRegression(2, 3).named_parameters()]
    ['linear.weight', 'linear.bias']
    """

    def __init__(self, in_features: int, classes: int) -> None:
        """Make the layer.

        Args:
            in_features: number d of features.
            classes: number C of classes.
        """
        super().__init__()
        # BEGIN SOLUTION
        self.linear = build_linear(in_features, classes)
        # END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, C) of features (n, d)."""
        # BEGIN SOLUTION
        logits: torch.Tensor = self.linear(x)
        return logits
        # END SOLUTION


# %% [markdown]
# ## 5.21 `train(model, x, y, lr, steps)`
#
# Train any model that returns logits: `steps` steps of gradient descent (`torch.optim.SGD` without momentum) on the
# mean cross-entropy of **all** samples. One step is always the same:
#
# 1. set the gradients to zero, since `backward()` **adds** to what is there;
# 2. the way forward: logits, then the loss;
# 3. `backward()`, then let the optimizer make its step.
#
# - `x` is a float tensor `(n, d)`, `y` an int64 tensor `(n,)`. They may lie on another device than the model: move
#   them.
# - The model is changed in place. It is in training mode during the steps and afterwards. Gradients that it may carry
#   from before must not count.
# - The function returns a list of `steps` losses as numbers of Python. Each belongs to the model **before** its step,
#   so the first one is the loss of the untrained model. Why numbers and not tensors? A tensor keeps its whole graph
#   alive.
#
# **Worked example.** For a `LogisticRegression(1, 2)` with zero parameters and the data of 5.9, `train(model, x, y, 1,
# 1)` returns `[0.693...]`, and `model.linear.weight` is then $(0.5, -0.5)$ in a column.


# %%
def train(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, lr: float, steps: int) -> list[float]:
    """Train a model in place by gradient descent on the mean cross-entropy of all samples.

    Args:
        model: returns logits (n, C) for ``x``; on any device.
        x: features, shape (n, d), dtype of the model; on any device.
        y: labels, int64, shape (n,); on any device.
        lr: learning rate.
        steps: number of steps, at least 0.

    Returns:
        The loss before each step, in nats, as ``steps`` numbers of Python. The model is left in training mode.

    Source:
        PyTorch, ``torch.optim.SGD`` and ``torch.nn.functional.cross_entropy``.

    >>> model = LogisticRegression(1, 2)
    >>> _ = torch.nn.init.zeros_(model.linear.weight), torch.nn.init.zeros_(model.linear.bias)
    >>> [round(loss, 3) for loss in train(model, torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1]), lr=1, steps=2)]
    [0.693, 0.313]
    """
    # BEGIN SOLUTION
    device = next(model.parameters()).device
    x, y = x.to(device), y.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        optimizer.step()
        losses.append(loss.item())
    return losses
    # END SOLUTION


# %% [markdown]
# ## 5.22 `predict_proba(model, x)`
#
# The probabilities of all classes, shape `(n, C)`, from a trained model that returns logits.
#
# - Some layers, such as dropout and batch normalisation, behave differently while training. So the model must be in
#   **evaluation mode** here, and afterwards in the mode in which it came.
# - Nobody will go back through this computation: no graph is kept, and the result has `requires_grad=False`.
# - `x` may lie on another device than the model: move it. The result has the dtype and device of the model.
#
# **Worked example.** A model with the logits $(\ln 2, 0, \ln 5)$ gives $(0.25, 0.125, 0.625)$, as in 5.7.


# %%
def predict_proba(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Probabilities of the classes, in evaluation mode and without a graph.

    Args:
        model: returns logits (n, C) for ``x``; on any device. It keeps its mode and its parameters.
        x: features, shape (n, d), dtype of the model; on any device.

    Returns:
        Probabilities, shape (n, C), rows sum to 1; dtype and device of the model; ``requires_grad`` is False.

    Source:
        PyTorch, ``torch.nn.Module.eval`` and ``torch.no_grad``.

    >>> predict_proba(torch.nn.Identity(), torch.log(torch.tensor([[2.0, 1.0, 5.0]])))
    tensor([[0.2500, 0.1250, 0.6250]])
    """
    # BEGIN SOLUTION
    was_training = model.training
    # A model without parameters has no device of its own.
    device = next((parameter.device for parameter in model.parameters()), x.device)
    model.eval()
    with torch.no_grad():
        probabilities: torch.Tensor = model(x.to(device)).softmax(dim=1)
    model.train(was_training)
    return probabilities
    # END SOLUTION


# %%
try:
    torch.manual_seed(0)
    inputs, targets = torch.tensor(x, dtype=torch.float32), torch.tensor(price_class)
    models = {"linear model": LogisticRegression(2, 3), "16 hidden units": build_mlp(2, 16, 3)}
    curves = {name: train(model, inputs, targets, lr=0.5, steps=300) for name, model in models.items()}

    def classes_of(model: torch.nn.Module, places: Array) -> Array:
        """The class that a model predicts at each place."""
        return predict_proba(model, torch.tensor(places, dtype=torch.float32)).argmax(dim=1).numpy()

    fig, (first, *others) = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    for (name, curve), panel in zip(curves.items(), others, strict=True):
        first.plot(curve, label=name)
        draw_regions(panel, lambda places, model=models[name]: classes_of(model, places))
        draw_houses(panel, f"{name}, {(classes_of(models[name], x) == price_class).mean():.0%} right")
    first.set(title="loss", xlabel="step", ylim=(0, 1.2))
    first.legend()
    plt.show()
except NotImplementedError:
    plt.close()
    print("The training of your models in PyTorch will be drawn here.")

# %% [markdown]
# The hidden layer bends the borders and lowers the loss on these 100 houses. Whether it also predicts *other* houses
# better is another question: it may have learned some of them by heart.
