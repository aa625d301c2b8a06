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
# # 4 Losses: regression, margin and ranking
#
# A loss says in one number how wrong a prediction is. Its gradient says in which direction to change the prediction,
# and how hard. In this notebook you write twenty losses, each with its gradient, and find out what tells them apart:
# how they treat small errors, large errors, outliers, and predictions that are already right.
#
# **Letters for shapes:** `N` samples, `C` classes, `D` numbers in a vector, `T` time steps, `S` symbols in a target.
#
# **Reduction.** A loss computes one number per element, or one per row where the text says so: the *single losses*
# $\ell_1, \dots, \ell_n$. The argument `reduction` says what is returned: `"mean"` (the default) their mean, `"sum"`
# their sum, `"none"` the array of all of them.
#
# **Backward.** Each loss `NAME(x, ...)` comes with `NAME_backward(grad, x, ...)`. It takes the same arguments after the
# *upstream gradient* `grad`, and returns the gradient for the **first** argument of the loss, in the shape of that
# argument. `grad` has the shape of what the loss returns: a single number for `"mean"` and `"sum"`, an array of the
# shape of the single losses for `"none"`. By the chain rule
#
# $$\frac{\partial L}{\partial x_i} = \text{grad} \cdot \frac{1}{n} \cdot \frac{\partial \ell_i}{\partial x_i}
# \quad \text{(mean)}, \qquad \text{grad} \cdot \frac{\partial \ell_i}{\partial x_i} \quad \text{(sum)}, \qquad
# \text{grad}_i \cdot \frac{\partial \ell_i}{\partial x_i} \quad \text{(none)}$$
#
# **Kinks.** Where a loss has a kink, no derivative exists. There, the term with the kink gets the derivative 0.
#
# **What every NumPy function of this notebook keeps to:**
# - It takes arrays and returns an `np.ndarray` of the right shape and dtype, a single number, or a tuple of two things,
#   as the section says.
# - float32 stays float32, float64 stays float64, integers are promoted to float64. Beside a float array, integers (such
#   as labels) follow the dtype of that array. The helper `as_floats` below does this. Constants count too:
#   `math.log(2)` is a number of Python and leaves float32 alone, `np.log(2)` is float64 and does not.
# - Predictions and targets have the same shape, any shape unless the text says otherwise, `()` included. Arithmetic on
#   arrays without axes gives NumPy scalars, into which nothing can be written (`g[x > 1] = 0` fails); `np.where` works
#   for both.
# - The input is never modified, and there is no Python loop over samples.
# - Results are right for every legal input, also for very large ones. NumPy may print a warning on the way; a warning
#   costs nothing, a `nan` does.
# - $\log$ and $\ln$ both mean the natural logarithm.
#
# Names, defaults and conventions are those of PyTorch unless the text says otherwise. You may use your earlier
# functions in later ones, and any NumPy function. Other libraries may not compute the answer of a NumPy question. The
# first cell has three helpers; most answers are then one to three lines.

# %%
import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


def as_floats(*arrays: npt.ArrayLike) -> list[Array]:
    """Return the arrays as floats of one dtype: that of the float arrays among them, float64 if there are none.

    An array that has this dtype already is returned itself and no copy: do not write into it.
    """
    made = [np.asarray(a) for a in arrays]
    floats = [a.dtype for a in made if np.issubdtype(a.dtype, np.floating)]
    dtype = np.result_type(*floats) if floats else np.dtype(np.float64)
    return [a.astype(dtype, copy=False) for a in made]


def reduced(each: Array, reduction: str) -> Array:
    """Return the mean or the sum of the single losses ``each``, or ``each`` itself for "none"."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction must be "mean", "sum" or "none", not {reduction!r}')
    result: Array = each if reduction == "none" else each.mean() if reduction == "mean" else each.sum()
    return result


def reduced_backward(grad: npt.ArrayLike, each: Array, reduction: str) -> Array:
    """Return the gradient for every single loss, given that for ``reduced(each, reduction)``.

    Of ``each`` only the shape and the dtype are used, so any array of the shape of the single losses will do.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'reduction must be "mean", "sum" or "none", not {reduction!r}')
    spread = np.broadcast_to(np.asarray(grad, dtype=each.dtype), each.shape)
    return spread / each.size if reduction == "mean" else spread


# %% [markdown]
# **Example.** The single losses $[1, 4, 7]$ have the mean 4 and the sum 12. An upstream gradient of 6 for the mean
# gives $6/3 = 2$ for each single loss; an upstream gradient of 6 for the sum gives 6 for each.

# %%
single = np.array([1.0, 4.0, 7.0])
print("mean", reduced(single, "mean"), "sum", reduced(single, "sum"), "none", reduced(single, "none"))
print("backward", reduced_backward(6.0, single, "mean"), reduced_backward(6.0, single, "sum"))

# %% [markdown]
# Losses of regression depend on the *residual* $r = x - y$, prediction minus target. The figure shows each one with its
# derivative. Look for three things: is there a kink at 0, how fast does the loss grow, and is the derivative bounded?

# %%
r = np.linspace(-3, 3, 241)
panels = {
    "squared (MSE)": (r**2, 2 * r),
    "absolute (L1)": (np.abs(r), np.sign(r)),
    "smooth L1, beta = 0.5": (np.where(np.abs(r) < 0.5, r**2, np.abs(r) - 0.25), np.clip(2 * r, -1, 1)),
    "Huber, delta = 2": (np.where(np.abs(r) < 2, r**2 / 2, 2 * np.abs(r) - 2), np.clip(r, -2, 2)),
    "log cosh": (np.log(np.cosh(r)), np.tanh(r)),
    "quantile, q = 0.9": (np.where(r < 0, -0.9 * r, 0.1 * r), np.where(r < 0, -0.9, 0.1)),
}
fig, axes = plt.subplots(2, 3, figsize=(9, 4.6), sharex=True, sharey=True, layout="constrained")
for panel, (title, (loss, slope)) in zip(axes.flat, panels.items(), strict=True):
    panel.plot(r, loss, label="loss")
    # A jump of the derivative is a gap in its line.
    panel.plot(r, np.where(np.abs(np.gradient(slope)) > 0.3, np.nan, slope), "--", label="derivative")
    panel.axhline(0, color="gray", linewidth=0.6)
    panel.set(title=title, ylim=(-3, 5))
for panel in axes[1]:
    panel.set_xlabel("residual x - y")
axes[0, 0].legend()
plt.show()

# %% [markdown]
# ## 4.1 Before any code
#
# Pen and paper and the figure are enough here. Answer each question with one lower-case letter in quotes, such as
# `"a"`.
#
# ### `differentiable_everywhere`
# Which of these losses has a derivative at **every** prediction $x$, for any target?
#
# - **a** the L1 loss $|x - y|$
# - **b** the hinge loss $\max(0, 1 - yx)$
# - **c** the Huber loss
# - **d** the quantile loss with $q = 0.9$

# %%
differentiable_everywhere = "c"  # SOLUTION

# %% [markdown]
# ### `least_moved_by_outlier`
# The targets are $[1, 2, 3, 4, 5]$. For each loss, take the constant prediction that minimises it. Then a slip of the
# pen turns the 5 into 1000. For which loss does the best constant move **least**?
#
# - **a** mean squared error
# - **b** mean absolute error
# - **c** root mean squared error
# - **d** Huber loss with $\delta = 100$

# %%
least_moved_by_outlier = "b"  # SOLUTION

# %% [markdown]
# ### `gradient_of_accuracy`
# Accuracy is the share of samples whose largest score belongs to the right class. What is its gradient for the scores,
# wherever it exists?
#
# - **a** probabilities minus one-hot labels, divided by $N$
# - **b** 1 for right predictions, 0 for wrong ones
# - **c** 0 for every score of every sample
# - **d** it points from the predicted class to the right one

# %%
gradient_of_accuracy = "c"  # SOLUTION

# %% [markdown]
# ## 4.2 `l1_loss(x, y, reduction="mean")`
#
# $$\ell = |x - y| \qquad \frac{\partial \ell}{\partial x} = \operatorname{sign}(x - y)$$
#
# The mean of these is the *mean absolute error*, MAE. The derivative is 0 at $x = y$, as for every kink here.
#
# **Worked example.** $x = [3, 1, 2]$ and $y = [1, 1, 5]$ have the single losses $[2, 0, 3]$, so the mean is $5/3$. Its
# gradient is $[1, 0, -1] / 3$.
#
# **Why one wants it.** An error of 10 costs ten times an error of 1, not a hundred times: outliers do not rule.


# %%
def l1_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Absolute error ``|x - y|``.

    Args:
        x: finite predictions, any shape; float32, float64 or integer.
        y: finite targets, shape of ``x``.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in the unit of ``y``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        The definition above; ``torch.nn.functional.l1_loss``.

    >>> float(l1_loss(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])).round(3))
    1.667
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(np.abs(x - y), reduction)
    # END SOLUTION


# %%
def l1_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``l1_loss`` for ``x``: ``sign(x - y)`` times ``grad``, over N for the mean.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``l1_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers); 0 where ``x == y``.

    Source:
        Derivative of the absolute value.

    >>> l1_loss_backward(3.0, np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0]))
    array([ 1.,  0., -1.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = np.sign(x - y)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.3 `mse_loss(x, y, reduction="mean")`
#
# $$\ell = (x - y)^2 \qquad \frac{\partial \ell}{\partial x} = 2 (x - y)$$
#
# **Convention.** There is no factor 1/2. Some books have $\frac{1}{2}(x - y)^2$, whose derivative has no 2; loss and
# gradient must belong together.
#
# **Worked example.** $x = [3, 1, 2]$ and $y = [1, 1, 5]$ have the single losses $[4, 0, 9]$, so the mean is $13/3$. Its
# gradient is $[4, 0, -6] / 3$.
#
# **Why one wants it.** It is smooth, and for normally distributed errors it is minus the log-likelihood, up to
# constants. Errors below 1 hardly count, large errors count a lot.


# %%
def mse_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Squared error ``(x - y) ** 2``.

    Args:
        x: predictions, any shape, below 1e150 (1e18 in float32); float32, float64 or integer.
        y: targets, shape of ``x``.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in the unit of ``y`` squared.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        The definition above; ``torch.nn.functional.mse_loss``.

    >>> float(mse_loss(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])).round(3))
    4.333
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced((x - y) ** 2, reduction)
    # END SOLUTION


# %%
def mse_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``mse_loss`` for ``x``: ``2 * (x - y)`` times ``grad``, over N for the mean.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``mse_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of the square.

    >>> mse_loss_backward(3.0, np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0]))
    array([ 4.,  0., -6.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = 2 * (x - y)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.4 `rmse_loss(x, y, reduction="mean")`
#
# The root of the mean squared error, in the unit of the targets again. PyTorch has no such function. Here it is the
# root of `mse_loss` with the same reduction:
#
# $$L = \sqrt{\operatorname{mse}(x, y)} \qquad
# \frac{\partial L}{\partial x_i} = \frac{1}{2 L} \cdot \frac{\partial \operatorname{mse}(x, y)}{\partial x_i}$$
#
# So `"sum"` gives the length of the residual vector, and `"none"` the roots of the single squares. Note the order:
# first the mean, then the root. Where $L = 0$, take the gradient 0.
#
# **Worked example.** $x = [3, 1]$ and $y = [0, 5]$ have the squares $[9, 16]$. The mean $12.5$ has the root
# $3.536$, the sum 25 has the root 5. The gradient for `"sum"` is $[3, -4] / 5 = [0.6, -0.8]$.
#
# **Why one wants it.** "Off by 3.5 metres" can be reported, "off by 12.5 square metres" cannot. Both have their minimum
# at the same place.


# %%
def rmse_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Root of the squared error: ``sqrt(mse_loss(x, y, reduction))``.

    Args:
        x: predictions, any shape, below 1e150 (1e18 in float32); float32, float64 or integer.
        y: targets, shape of ``x``.
        reduction: of the squares, before the root: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in the unit of ``y``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        The definition above.

    >>> float(rmse_loss(np.array([3.0, 1.0]), np.array([0.0, 5.0]), reduction="sum"))
    5.0
    """
    # BEGIN SOLUTION
    return np.sqrt(mse_loss(x, y, reduction))
    # END SOLUTION


# %%
def rmse_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``rmse_loss`` for ``x``: that of ``mse_loss`` over twice the loss.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``rmse_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers); 0 where the loss is 0.

    Source:
        Chain rule on ``sqrt(mse)``.

    >>> rmse_loss_backward(1.0, np.array([3.0, 1.0]), np.array([0.0, 5.0]), reduction="sum")
    array([ 0.6, -0.8])
    """
    # BEGIN SOLUTION
    loss = rmse_loss(x, y, reduction)
    # Where the loss is 0, all its residuals are: any finite factor gives 0 there.
    factor = 1 / (2 * np.where(loss > 0, loss, 1).astype(loss.dtype))
    return mse_loss_backward(np.asarray(grad, loss.dtype) * factor, x, y, reduction)
    # END SOLUTION


# %% [markdown]
# ## 4.5 `best_constant(y, loss)`
#
# A model without inputs can only predict one number $c$ for all samples. Which one is best depends on the loss alone:
#
# - `loss="mse"`: $\frac{\mathrm{d}}{\mathrm{d}c} \sum_i (c - y_i)^2 = 0$ says that the residuals add up to 0.
# - `loss="mae"`: $\frac{\mathrm{d}}{\mathrm{d}c} \sum_i |c - y_i| = 0$ says that as many targets lie above $c$ as
#   below.
#
# Both have a name and a NumPy function. With an even number of targets, every $c$ between the two middle ones minimises
# the absolute error. **Convention:** return the point halfway between these two.
#
# **Worked example.** $[1, 2, 3, 100]$ gives 26.5 for `"mse"` and 2.5 for `"mae"`.

# %%
targets = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
constants = np.linspace(0, 11, 221)
residuals = constants[:, None] - targets
fig, panel = plt.subplots(figsize=(6, 2.6), layout="constrained")
for label, curve in {"MSE": (residuals**2).mean(1), "MAE": np.abs(residuals).mean(1)}.items():
    (line,) = panel.plot(constants, curve / curve.min(), label=label)
    panel.plot(constants[curve.argmin()], 1, "o", color=line.get_color())
panel.plot(targets, np.full(5, 0.7), "k|", markersize=10, label="targets")
panel.set(xlabel="constant prediction c", ylabel="loss / its minimum", ylim=(0.5, 4))
panel.legend()
plt.show()


# %%
def best_constant(y: Array, loss: str) -> Array:
    """Constant prediction that minimises the mean loss over all targets.

    Args:
        y: finite targets, shape (N,), N at least 1; float32, float64 or integer.
        loss: "mse" or "mae".

    Returns:
        A number in the unit and dtype of ``y`` (float64 for integers).

    Raises:
        ValueError: ``loss`` is neither of the two.

    Source:
        Koenker, "Quantile Regression" (2005), section 1.3.

    >>> [float(best_constant(np.array([1, 2, 3, 100]), loss)) for loss in ("mse", "mae")]
    [26.5, 2.5]
    """
    # BEGIN SOLUTION
    (y,) = as_floats(y)
    if loss not in ("mse", "mae"):
        raise ValueError(f'loss must be "mse" or "mae", not {loss!r}')
    best: Array = y.mean() if loss == "mse" else np.median(y)
    return best
    # END SOLUTION


# %% [markdown]
# ## 4.6 `smooth_l1_loss(x, y, beta=1.0, reduction="mean")`
#
# Quadratic near 0, straight further out, and smooth where the two meet:
#
# $$\ell = \begin{cases} \dfrac{(x - y)^2}{2 \beta} & |x - y| < \beta \\[1ex] |x - y| - \dfrac{\beta}{2} & \text{else}
# \end{cases} \qquad \frac{\partial \ell}{\partial x} = \begin{cases} (x - y) / \beta & |x - y| < \beta \\
# \operatorname{sign}(x - y) & \text{else} \end{cases}$$
#
# Here $\beta > 0$. (PyTorch also accepts $\beta = 0$ and then gives the L1 loss.)
#
# **Worked example.** $\beta = 1$ and the residuals $[0.5, 3]$ give $[0.125, 2.5]$ with the derivatives $[0.5, 1]$.
# For $\beta = 2$ they give $[0.0625, 2]$ with $[0.25, 1]$.
#
# **Why one wants it.** Box corners in object detection: no kink at 0, and no huge gradients from bad boxes.


# %%
def smooth_l1_loss(x: Array, y: Array, beta: float = 1.0, reduction: str = "mean") -> Array:
    """Smooth L1 loss: ``d ** 2 / (2 * beta)`` for ``d = |x - y| < beta``, else ``d - beta / 2``.

    Args:
        x: finite predictions, any shape; float32, float64 or integer.
        y: finite targets, shape of ``x``.
        beta: where the quadratic part ends, above 0; in the unit of ``y``.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in the unit of ``y``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Girshick, "Fast R-CNN" (2015), equation 3; ``torch.nn.functional.smooth_l1_loss``.

    >>> smooth_l1_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    distance = np.abs(x - y)
    # Cut at beta before squaring: the part beyond is straight, and nothing overflows.
    near = np.minimum(distance, beta)
    return reduced(near**2 / (2 * beta) + (distance - near), reduction)
    # END SOLUTION


# %%
def smooth_l1_loss_backward(grad: Array, x: Array, y: Array, beta: float = 1.0, reduction: str = "mean") -> Array:
    """Gradient of ``smooth_l1_loss`` for ``x``: ``(x - y) / beta``, cut off at -1 and 1.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``smooth_l1_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of each piece; they agree where the pieces meet.

    >>> smooth_l1_loss_backward(2.0, np.array([0.5, 3.0]), np.array([0.0, 0.0]))
    array([0.5, 1. ])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = np.clip((x - y) / beta, -1, 1)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.7 `huber_loss(x, y, delta=1.0, reduction="mean")`
#
# The older relative of smooth L1, scaled so that the quadratic part is always $\frac{1}{2}(x - y)^2$:
#
# $$\ell = \begin{cases} \frac{1}{2} (x - y)^2 & |x - y| \le \delta \\ \delta \left(|x - y| - \frac{\delta}{2}\right) &
# \text{else} \end{cases}$$
#
# It is $\delta$ times the smooth L1 loss with $\beta = \delta$. Derive its derivative from that.
#
# **Worked example.** $\delta = 2$ and the residuals $[1, 3]$ give $[0.5, 4]$ with the derivatives $[1, 2]$.
#
# **Why one wants it.** Statistics: almost as precise as squares for good data, almost as robust as L1 for bad data.


# %%
def huber_loss(x: Array, y: Array, delta: float = 1.0, reduction: str = "mean") -> Array:
    """Huber loss: ``d ** 2 / 2`` for ``d = |x - y| <= delta``, else ``delta * (d - delta / 2)``.

    Args:
        x: finite predictions, any shape; float32, float64 or integer.
        y: finite targets, shape of ``x``.
        delta: where the quadratic part ends, above 0; in the unit of ``y``.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in the unit of ``y`` squared.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Huber, "Robust estimation of a location parameter" (1964); ``torch.nn.functional.huber_loss``.

    >>> huber_loss(np.array([1.0, 3.0]), np.array([0.0, 0.0]), delta=2, reduction="none")
    array([0.5, 4. ])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    distance = np.abs(x - y)
    near = np.minimum(distance, delta)
    return reduced(near**2 / 2 + delta * (distance - near), reduction)
    # END SOLUTION


# %%
def huber_loss_backward(grad: Array, x: Array, y: Array, delta: float = 1.0, reduction: str = "mean") -> Array:
    """Gradient of ``huber_loss`` for ``x``: ``x - y``, cut off at -delta and delta.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``huber_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of each piece; they agree where the pieces meet.

    >>> huber_loss_backward(2.0, np.array([1.0, 3.0]), np.array([0.0, 0.0]), delta=2)
    array([1., 2.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = np.clip(x - y, -delta, delta)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.8 `log_cosh_loss(x, y, reduction="mean")`
#
# $$\ell = \ln \cosh (x - y) = \ln \frac{e^{x - y} + e^{-(x - y)}}{2}
# \qquad \frac{\partial \ell}{\partial x} = \tanh(x - y)$$
#
# Close to $\frac{1}{2} r^2$ for small residuals $r$ and to $|r| - \ln 2$ for large ones, as Huber's, but smooth to any
# order.
#
# **Worked example.** The residual $\ln 3$ has $\cosh = (3 + 1/3) / 2 = 5/3$, so the loss is $\ln(5/3) \approx 0.511$,
# and the derivative is $(3 - 1/3) / (3 + 1/3) = 0.8$.
#
# **Why one wants it.** Outliers pull with a bounded force, and the second derivative, which some optimizers use, exists
# everywhere. Huber's loss has none where its pieces meet.
#
# **The numeric trap.** In float64, `np.cosh(1000.0)` is `inf`, but the loss is simply $1000 - \ln 2$. Which function
# adds two exponentials by their logarithms?


# %%
def log_cosh_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Logarithm of the hyperbolic cosine of the residual: ``log(cosh(x - y))``.

    Args:
        x: finite predictions, any shape; float32, float64 or integer.
        y: finite targets, shape of ``x``.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; finite for all finite residuals.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Saleh and Saleh, "Statistical properties of the log-cosh loss function" (2022).

    >>> log_cosh_loss(np.array([math.log(3), 1000.0]), np.array([0.0, 0.0]), reduction="none").round(3)
    array([5.11000e-01, 9.99307e+02])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(np.logaddexp(x - y, y - x) - math.log(2), reduction)
    # END SOLUTION


# %%
def log_cosh_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``log_cosh_loss`` for ``x``: ``tanh(x - y)`` times ``grad``, over N for the mean.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``log_cosh_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        ``sinh / cosh``.

    >>> log_cosh_loss_backward(1.0, np.array([math.log(3)]), np.array([0.0])).round(3)
    array([0.8])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = np.tanh(x - y)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.9 `quantile_loss(x, y, q, reduction="mean")`
#
# Also called *pinball loss*. Being too low costs $q$ per unit, being too high costs $1 - q$:
#
# $$\ell = \begin{cases} q \, (y - x) & x < y \\ (1 - q) (x - y) & x \ge y \end{cases} \qquad
# \frac{\partial \ell}{\partial x} = \begin{cases} -q & x < y \\ 0 & x = y \\ 1 - q & x > y \end{cases}$$
#
# **Worked example.** $q = 0.9$, $y = 10$: the prediction 8 costs $0.9 \cdot 2 = 1.8$, the prediction 12 costs
# $0.1 \cdot 2 = 0.2$. The derivatives are $-0.9$ and $0.1$.
#
# **Why one wants it.** The constant that minimises it is the $q$-quantile of the targets: "in 9 of 10 cases the trip
# takes at most $x$ minutes". With $q = 0.5$ it is half the L1 loss.


# %%
def quantile_loss(x: Array, y: Array, q: float, reduction: str = "mean") -> Array:
    """Pinball loss: ``q * (y - x)`` for predictions that are too low, ``(1 - q) * (x - y)`` for the others.

    Args:
        x: finite predictions, any shape; float32, float64 or integer.
        y: finite targets, shape of ``x``.
        q: which quantile, from 0 to 1.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in the unit of ``y``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Koenker and Bassett, "Regression quantiles" (1978).

    >>> quantile_loss(np.array([8.0, 12.0]), np.array([10.0, 10.0]), q=0.9, reduction="none").round(3)
    array([1.8, 0.2])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(np.maximum(q * (y - x), (1 - q) * (x - y)), reduction)
    # END SOLUTION


# %%
def quantile_loss_backward(grad: Array, x: Array, y: Array, q: float, reduction: str = "mean") -> Array:
    """Gradient of ``quantile_loss`` for ``x``: -q below the target, 1 - q above it, 0 at it.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``quantile_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of each piece.

    >>> quantile_loss_backward(2.0, np.array([8.0, 12.0]), np.array([10.0, 10.0]), q=0.9).round(3)
    array([-0.9,  0.1])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = (np.where(x < y, -q, 1 - q) * (x != y)).astype(x.dtype)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.10 `poisson_nll_loss(x, y, log_input=True, full=False, reduction="mean")`
#
# Targets that count something (visitors per hour) follow a Poisson distribution with some rate $\lambda$. The negative
# log-likelihood of $y$ events is $\lambda - y \ln \lambda + \ln y!$, and the last term does not depend on the
# prediction.
#
# $$\ell = \begin{cases} e^x - y x & \text{log\_input=True: } x = \ln \lambda \\
# x - y \ln(x + 10^{-8}) & \text{log\_input=False: } x = \lambda \ge 0 \end{cases}$$
#
# With `full=True`, Stirling's approximation of $\ln y!$ is added where $y > 1$, and 0 elsewhere:
#
# $$y \ln y - y + \tfrac{1}{2} \ln (2 \pi y)$$
#
# (Another convention adds the exact $\ln y!$. Both the small number $10^{-8}$ and the approximation are PyTorch's.)
#
# The derivative for $x$ is yours to find. What does `full` change in it?
#
# **Worked example.** $x = \ln 2$, $y = 3$: $\ell = 2 - 3 \ln 2 \approx -0.079$, with the derivative $2 - 3 = -1$. With
# `full=True`, $3 \ln 3 - 3 + \frac{1}{2} \ln (6 \pi) \approx 1.764$ is added. With `log_input=False`, the rate 2 has
# the same loss and the derivative $1 - 3/2 = -0.5$.


# %%
def poisson_nll_loss(x: Array, y: Array, log_input: bool = True, full: bool = False, reduction: str = "mean") -> Array:
    """Negative log-likelihood of counts: ``exp(x) - y * x``, or ``x - y * log(x + 1e-8)``.

    Args:
        x: logarithms of rates below 700 (85 in float32), or with ``log_input=False`` rates, at least 0; any shape;
            float32, float64 or integer.
        y: counts, at least 0, shape of ``x``.
        log_input: whether ``x`` holds logarithms of rates.
        full: whether to add Stirling's approximation of ``log(y!)`` where ``y > 1``.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in nats.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        ``torch.nn.functional.poisson_nll_loss`` with its default ``eps``.

    >>> float(poisson_nll_loss(np.array([math.log(2)]), np.array([3])).round(3))
    -0.079
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    each = np.exp(x) - y * x if log_input else x - y * np.log(x + 1e-8)
    if full:
        # Counts of 0 and 1 have log(y!) = 0, and 0 * log(0) would be nan.
        above = np.maximum(y, 1)
        each = each + (y > 1) * (above * np.log(above) - above + 0.5 * np.log(2 * math.pi * above))
    return reduced(each, reduction)
    # END SOLUTION


# %%
def poisson_nll_loss_backward(
    grad: Array, x: Array, y: Array, log_input: bool = True, full: bool = False, reduction: str = "mean"
) -> Array:
    """Gradient of ``poisson_nll_loss`` for ``x``: ``exp(x) - y``, or ``1 - y / (x + 1e-8)``.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``poisson_nll_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of each case.

    >>> poisson_nll_loss_backward(1.0, np.array([math.log(2)]), np.array([3])).round(3)
    array([-1.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = np.exp(x) - y if log_input else 1 - y / (x + 1e-8)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.11 `gaussian_nll_loss(mean, target, var, reduction="mean")`
#
# The model predicts a mean **and** a variance, and may say where it is unsure:
#
# $$\ell = \frac{1}{2} \left( \ln v + \frac{(\text{mean} - \text{target})^2}{v} \right), \quad
# v = \max(\text{var}, 10^{-6}) \qquad
# \frac{\partial \ell}{\partial \text{mean}} = \frac{\text{mean} - \text{target}}{v}$$
#
# The constant $\frac{1}{2} \ln 2 \pi$ is left out, as PyTorch does by default. All three arguments have one shape.
#
# **Worked example.** mean 3, target 1, variance 4: $\ell = \frac{1}{2} (\ln 4 + 4/4) \approx 1.193$ with the derivative
# $2/4 = 0.5$.
#
# The figure shows the loss against the predicted variance. A variance that is too small costs much more than one that
# is too large. For a residual $r$, the best variance is $r^2$.

# %%
variance = np.geomspace(0.02, 30, 200)
fig, panel = plt.subplots(figsize=(6, 2.6), layout="constrained")
for residual in (0.5, 1.0, 2.0):
    (line,) = panel.plot(variance, (np.log(variance) + residual**2 / variance) / 2, label=f"residual {residual:g}")
    panel.plot(residual**2, (np.log(residual**2) + 1) / 2, "o", color=line.get_color())
panel.set(xscale="log", ylim=(-1, 6), xlabel="predicted variance", ylabel="loss")
panel.legend()
plt.show()


# %%
def gaussian_nll_loss(mean: Array, target: Array, var: Array, reduction: str = "mean") -> Array:
    """Negative log-likelihood of a normal distribution: ``(log(v) + (mean - target) ** 2 / v) / 2``.

    Args:
        mean: predicted means, any shape, below 1e140 (1e15 in float32); float32, float64 or integer.
        target: targets, shape of ``mean``.
        var: predicted variances, at least 0, shape of ``mean``; ``v`` is the larger of ``var`` and 1e-6.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``mean``; in nats.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Nix and Weigend, "Estimating the mean and variance of the target probability distribution" (1994);
        ``torch.nn.functional.gaussian_nll_loss`` with its default ``eps``.

    >>> float(gaussian_nll_loss(np.array([3.0]), np.array([1.0]), np.array([4.0])).round(3))
    1.193
    """
    # BEGIN SOLUTION
    mean, target, var = as_floats(mean, target, var)
    v = np.maximum(var, 1e-6)
    return reduced((np.log(v) + (mean - target) ** 2 / v) / 2, reduction)
    # END SOLUTION


# %%
def gaussian_nll_loss_backward(grad: Array, mean: Array, target: Array, var: Array, reduction: str = "mean") -> Array:
    """Gradient of ``gaussian_nll_loss`` for ``mean``: ``(mean - target) / max(var, 1e-6)``.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``mean``. All other arguments, and the
    errors, are those of ``gaussian_nll_loss``.

    Returns:
        Shape and dtype of ``mean`` (float64 for integers).

    Source:
        Derivative of the square.

    >>> gaussian_nll_loss_backward(1.0, np.array([3.0]), np.array([1.0]), np.array([4.0]))
    array([0.5])
    """
    # BEGIN SOLUTION
    mean, target, var = as_floats(mean, target, var)
    slope: Array = (mean - target) / np.maximum(var, 1e-6)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.12 `hinge_loss(x, y, reduction="mean")`
#
# Now classification with two classes: the label $y$ is $-1$ or $1$, and the score $x$ is any real number. The *margin*
# $z = y x$ is positive when the sign of the score is right. Losses of this kind fall with the margin; the figure shows
# four of them, beside the zero-one loss (1 for a wrong sign), which they replace because its derivative is 0.
#
# $$\ell = \max(0, 1 - y x) \qquad
# \frac{\partial \ell}{\partial x} = \begin{cases} -y & y x < 1 \\ 0 & \text{else} \end{cases}$$
#
# **Worked example.** $x = [2, 0.5, -1]$ with $y = [1, 1, 1]$ gives $[0, 0.5, 2]$ with the derivatives $[0, -1, -1]$.
# For $y = [-1, -1, -1]$ the losses are $[3, 1.5, 0]$.
#
# **Why one wants it.** It is the loss of the support vector machine. Samples beyond the margin 1 cost nothing and pull
# at nothing.

# %%
z = np.linspace(-3, 3, 241)
sigma = 1 / (1 + np.exp(-z))
margin_losses = {
    "zero-one": (np.where(z < 0, 1.0, 0.0), np.zeros_like(z)),
    "hinge": (np.maximum(0, 1 - z), np.where(z < 1, -1.0, 0.0)),
    "exponential": (np.exp(-z), -np.exp(-z)),
    "soft margin": (-np.log(sigma), sigma - 1),
    "focal, gamma = 2": (
        -((1 - sigma) ** 2) * np.log(sigma),
        (1 - sigma) ** 2 * (2 * sigma * np.log(sigma) - (1 - sigma)),
    ),
}
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), sharex=True, layout="constrained")
for label, (loss, slope) in margin_losses.items():
    left.plot(z, loss, label=label)
    right.plot(z, slope)
left.set(title="loss", xlabel="margin z (for y = 1, the score itself)", ylim=(-0.1, 4))
right.set(title="derivative for z", xlabel="margin z (for y = 1, the score itself)", ylim=(-4, 0.1))
left.legend()
plt.show()


# %%
def hinge_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Hinge loss ``max(0, 1 - y * x)``.

    Args:
        x: finite scores, any shape; float32, float64 or integer.
        y: labels -1 or 1, shape of ``x``; float or integer.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Cortes and Vapnik, "Support-vector networks" (1995).

    >>> hinge_loss(np.array([2.0, 0.5, -1.0]), np.array([1, 1, 1]), reduction="none")
    array([0. , 0.5, 2. ])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(np.maximum(0, 1 - y * x), reduction)
    # END SOLUTION


# %%
def hinge_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``hinge_loss`` for ``x``: -y where ``y * x < 1``, else 0.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``hinge_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers); 0 at the kink.

    Source:
        Derivative of each piece.

    >>> hinge_loss_backward(3.0, np.array([2.0, 0.5, -1.0]), np.array([1, 1, 1]))
    array([-0., -1., -1.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = -y * (y * x < 1)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.13 `exponential_loss(x, y, reduction="mean")`
#
# $$\ell = e^{-y x}, \quad y \in \{-1, 1\}$$
#
# The derivative for $x$ is yours to find.
#
# **Worked example.** $x = \ln 2$ costs $0.5$ for $y = 1$ and 2 for $y = -1$. The derivatives are $-0.5$ and 2.
#
# **Why one wants it.** AdaBoost minimises it. But one mislabelled sample with a score far on the wrong side can cost
# more than all others together.


# %%
def exponential_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Exponential loss ``exp(-y * x)``.

    Args:
        x: scores, any shape; ``-y * x`` below 700 (85 in float32); float32, float64 or integer.
        y: labels -1 or 1, shape of ``x``; float or integer.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Friedman, Hastie and Tibshirani, "Additive logistic regression: a statistical view of boosting" (2000).

    >>> exponential_loss(np.array([math.log(2), math.log(2)]), np.array([1, -1]), reduction="none")
    array([0.5, 2. ])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(np.exp(-y * x), reduction)
    # END SOLUTION


# %%
def exponential_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``exponential_loss`` for ``x``.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``exponential_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Chain rule.

    >>> exponential_loss_backward(2.0, np.array([math.log(2), math.log(2)]), np.array([1, -1]))
    array([-0.5,  2. ])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = -y * np.exp(-y * x)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.14 `soft_margin_loss(x, y, reduction="mean")`
#
# $$\ell = \ln \left(1 + e^{-y x}\right), \quad y \in \{-1, 1\} \qquad
# \frac{\partial \ell}{\partial x} = \frac{-y}{1 + e^{y x}}$$
#
# This is minus the logarithm of the sigmoid of the margin, $-\ln \sigma(y x)$: binary cross-entropy in another
# notation. With labels 0 and 1 the formula is another one, see 4.21.
#
# **Worked example.** $x = \ln 3$: for $y = 1$ the loss is $\ln(4/3) \approx 0.288$ with the derivative $-0.25$, for
# $y = -1$ it is $\ln 4 \approx 1.386$ with the derivative $0.75$.
#
# **Why one wants it.** It is logistic regression: the scores can be read as log-odds, which those of the hinge cannot.
#
# **The numeric trap.** The margin $-1000$ costs 1000, and the margin 1000 costs $e^{-1000}$, which is 0 in float64.
# Both derivatives are finite, too.


# %%
def soft_margin_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Logistic loss for labels -1 and 1: ``log(1 + exp(-y * x))``.

    Args:
        x: finite scores, any shape; float32, float64 or integer.
        y: labels -1 or 1, shape of ``x``; float or integer.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in nats, finite for all finite scores.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        ``torch.nn.functional.soft_margin_loss``.

    >>> soft_margin_loss(np.array([math.log(3), -1000.0]), np.array([1, 1]), reduction="none").round(3)
    array([2.88e-01, 1.00e+03])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(np.logaddexp(0, -y * x), reduction)
    # END SOLUTION


# %%
def soft_margin_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``soft_margin_loss`` for ``x``: ``-y / (1 + exp(y * x))``.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``soft_margin_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Chain rule.

    >>> soft_margin_loss_backward(1.0, np.array([math.log(3)]), np.array([1])).round(3)
    array([-0.25])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    # 1 / (1 + exp(z)) as exp(-log(1 + exp(z))): no exponential overflows.
    slope: Array = -y * np.exp(-np.logaddexp(0, y * x))
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.15 `focal_loss(logits, y, gamma=2.0, alpha=0.25, reduction="mean")`
#
# When nearly all samples are easy (in object detection, nearly every box is background), the sum of many small losses
# drowns the few that matter. Focal loss turns the easy ones down. Here the labels are **0 or 1**. With
# $z = (2y - 1) \cdot \text{logit}$, the probability of the true class is $p = \sigma(z)$:
#
# $$\ell = -a \, (1 - p)^\gamma \ln p, \qquad a = \begin{cases} \alpha & y = 1 \\ 1 - \alpha & y = 0 \end{cases} \qquad
# \frac{\partial \ell}{\partial z} = a \, (1 - p)^\gamma \left( \gamma \, p \ln p - (1 - p) \right)$$
#
# What remains for the gradient for the logit is the factor $\partial z / \partial \text{logit}$. With $\gamma = 0$ the
# loss is the soft margin loss, weighted by $a$. **Convention:** the balanced form of the paper with $a$ is used here
# (another one leaves $a$ out), and the mean divides by the number of elements, not by the sum of the weights.
#
# **Worked example.** logit $\ln 3$, $y = 1$: $p = 0.75$, so $\ell = 0.25 \cdot 0.25^2 \cdot \ln(4/3) \approx 0.0045$,
# with the derivative $0.25 \cdot 0.25^2 \cdot (1.5 \ln 0.75 - 0.25) \approx -0.0106$. For $y = 0$: $p = 0.25$, so
# $\ell = 0.75 \cdot 0.75^2 \cdot \ln 4 \approx 0.5848$, 130 times as much.
#
# **The numeric trap.** For logits of $\pm 1000$, $p$ rounds to 0 or 1, and the logarithm of 0 is $-\infty$. Compute
# $\ln p$ from $z$, not from $p$.


# %%
def focal_loss(logits: Array, y: Array, gamma: float = 2.0, alpha: float = 0.25, reduction: str = "mean") -> Array:
    """Focal loss: ``-a * (1 - p) ** gamma * log(p)`` for the probability ``p`` of the true class.

    Args:
        logits: finite scores of class 1, any shape; float32, float64 or integer.
        y: labels 0 or 1, shape of ``logits``; float or integer.
        gamma: at least 0; how strongly easy samples are turned down.
        alpha: weight of class 1, from 0 to 1; class 0 has ``1 - alpha``.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``logits``; finite for all finite logits.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Lin et al., "Focal loss for dense object detection" (2017), equation 5; ``torchvision.ops.sigmoid_focal_loss``.

    >>> focal_loss(np.array([math.log(3), math.log(3)]), np.array([1, 0]), reduction="none").round(4)
    array([0.0045, 0.5848])
    """
    # BEGIN SOLUTION
    logits, y = as_floats(logits, y)
    z = (2 * y - 1) * logits
    rest = np.exp(-np.logaddexp(0, z))  # 1 - p
    a = alpha * y + (1 - alpha) * (1 - y)
    return reduced(a * rest**gamma * np.logaddexp(0, -z), reduction)
    # END SOLUTION


# %%
def focal_loss_backward(
    grad: Array, logits: Array, y: Array, gamma: float = 2.0, alpha: float = 0.25, reduction: str = "mean"
) -> Array:
    """Gradient of ``focal_loss`` for ``logits``.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``logits``. All other arguments, and the
    errors, are those of ``focal_loss``.

    Returns:
        Shape and dtype of ``logits`` (float64 for integers); finite for all finite logits.

    Source:
        Lin et al., "Focal loss for dense object detection" (2017), appendix B.

    >>> focal_loss_backward(1.0, np.array([math.log(3)]), np.array([1])).round(4)
    array([-0.0106])
    """
    # BEGIN SOLUTION
    logits, y = as_floats(logits, y)
    sign = 2 * y - 1
    log_p = -np.logaddexp(0, -sign * logits)
    rest = np.exp(-np.logaddexp(0, sign * logits))  # 1 - p
    a = alpha * y + (1 - alpha) * (1 - y)
    slope: Array = sign * a * rest**gamma * (gamma * np.exp(log_p) * log_p - rest)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.16 `hinge_embedding_loss(x, y, margin=1.0, reduction="mean")`
#
# Here $x$ is a distance between two items, and $y$ says whether they are alike (1) or not ($-1$). Alike items should be
# close, the others at least `margin` apart:
#
# $$\ell = \begin{cases} x & y = 1 \\ \max(0, \text{margin} - x) & y = -1 \end{cases}$$
#
# The derivative for $x$ is yours to find. At the kink it is 0.
#
# **Worked example.** margin 1: $x = [0.25, 0.25, 3]$ with $y = [1, -1, -1]$ gives $[0.25, 0.75, 0]$, with the
# derivatives $[1, -1, 0]$.
#
# **Why one wants it.** Metric learning: nobody says where an item belongs, only which pairs are alike.


# %%
def hinge_embedding_loss(x: Array, y: Array, margin: float = 1.0, reduction: str = "mean") -> Array:
    """Loss of distances: ``x`` where y is 1, ``max(0, margin - x)`` where y is -1.

    Args:
        x: finite distances, any shape (negative numbers are legal); float32, float64 or integer.
        y: 1 or -1, shape of ``x``; float or integer.
        margin: how far apart unlike items should be.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x``; in the unit of ``x``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        ``torch.nn.functional.hinge_embedding_loss``.

    >>> hinge_embedding_loss(np.array([0.25, 0.25, 3.0]), np.array([1, -1, -1]), reduction="none")
    array([0.25, 0.75, 0.  ])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(np.where(y > 0, x, np.maximum(0, margin - x)), reduction)
    # END SOLUTION


# %%
def hinge_embedding_loss_backward(
    grad: Array, x: Array, y: Array, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """Gradient of ``hinge_embedding_loss`` for ``x``.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x``. All other arguments, and the errors,
    are those of ``hinge_embedding_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers); 0 at the kink.

    Source:
        Derivative of each piece.

    >>> hinge_embedding_loss_backward(3.0, np.array([0.25, 0.25, 3.0]), np.array([1, -1, -1]))
    array([ 1., -1., -0.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = y * ((y > 0) | (x < margin))
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.17 `margin_ranking_loss(x1, x2, y, margin=0.0, reduction="mean")`
#
# Two scores, and only their order counts. $y = 1$ says that $x_1$ should be larger, $y = -1$ that $x_2$ should:
#
# $$\ell = \max\left(0, -y (x_1 - x_2) + \text{margin}\right)$$
#
# The backward returns the gradient for $x_1$. It is 0 at the kink.
#
# **Worked example.** margin 1, $y = 1$: $x_1 = [3, 3]$ and $x_2 = [1, 2.5]$ give $[0, 0.5]$ with the derivatives
# $[0, -1]$. For $y = -1$ the losses are $[3, 1.5]$ with the derivatives $[1, 1]$.
#
# **Why one wants it.** Search results, recommendations, and reward models: people say which of two they prefer, not by
# how much.


# %%
def margin_ranking_loss(x1: Array, x2: Array, y: Array, margin: float = 0.0, reduction: str = "mean") -> Array:
    """Loss of pairs in the wrong order: ``max(0, -y * (x1 - x2) + margin)``.

    Args:
        x1: finite scores, any shape; float32, float64 or integer.
        x2: finite scores, shape of ``x1``.
        y: 1 where ``x1`` should be larger, -1 where ``x2`` should, shape of ``x1``; float or integer.
        margin: by how much.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" the shape of ``x1``; in the unit of ``x1``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        ``torch.nn.functional.margin_ranking_loss``.

    >>> float(margin_ranking_loss(np.array([3.0, 3.0]), np.array([1.0, 2.5]), np.array([1, 1]), margin=1.0))
    0.25
    """
    # BEGIN SOLUTION
    x1, x2, y = as_floats(x1, x2, y)
    return reduced(np.maximum(0, margin - y * (x1 - x2)), reduction)
    # END SOLUTION


# %%
def margin_ranking_loss_backward(
    grad: Array, x1: Array, x2: Array, y: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """Gradient of ``margin_ranking_loss`` for ``x1``.

    ``grad`` is the upstream gradient: a number, or for "none" the shape of ``x1``. All other arguments, and the errors,
    are those of ``margin_ranking_loss``.

    Returns:
        Shape and dtype of ``x1`` (float64 for integers); 0 at the kink.

    Source:
        Derivative of each piece.

    >>> margin_ranking_loss_backward(2.0, np.array([3.0, 3.0]), np.array([1.0, 2.5]), np.array([-1, -1]), margin=1.0)
    array([1., 1.])
    """
    # BEGIN SOLUTION
    x1, x2, y = as_floats(x1, x2, y)
    slope: Array = -y * (margin - y * (x1 - x2) > 0)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.18 `cosine_embedding_loss(x1, x2, y, margin=0.0, reduction="mean")`
#
# From here on, a single loss belongs to a **row**. `x1` and `x2` have the shape `(N, D)`: $N$ pairs of vectors. `y` of
# shape `(N,)` says which pairs should point in the same direction (1) and which should not ($-1$):
#
# $$\cos(a, b) = \frac{a \cdot b}{\|a\| \, \|b\|} \qquad
# \ell = \begin{cases} 1 - \cos(x_1, x_2) & y = 1 \\ \max(0, \cos(x_1, x_2) - \text{margin}) & y = -1 \end{cases}$$
#
# As PyTorch does, add $10^{-12}$ to each squared length $\|a\|^2$. Then the loss is finite for a vector of zeros, whose
# cosine is 0 (the backward is never asked for one).
#
# The backward returns the gradient for `x1`, in the shape `(N, D)`. For `"none"`, `grad` has the shape `(N,)`. It needs
#
# $$\frac{\partial \cos(a, b)}{\partial a} = \frac{b}{\|a\| \, \|b\|} - \cos(a, b) \, \frac{a}{\|a\|^2}$$
#
# **Worked example.** $a = [30, 0]$, $b = [30, 40]$: $\cos = 900 / (30 \cdot 50) = 0.6$. With $y = 1$ the loss is $0.4$,
# with $y = -1$ it is $0.6$. The derivative of the cosine is $[30, 40] / 1500 - 0.6 \cdot [30, 0] / 900 = [0, 2/75]$:
# turning $a$ helps, stretching it does not.
#
# **Why one wants it.** Embeddings of words, sentences and faces, where only the direction carries meaning.


# %%
def cosine_embedding_loss(x1: Array, x2: Array, y: Array, margin: float = 0.0, reduction: str = "mean") -> Array:
    """Loss of angles: ``1 - cos(x1, x2)`` where y is 1, ``max(0, cos(x1, x2) - margin)`` where y is -1.

    Args:
        x1: vectors, shape (N, D), lengths below 1e9; float32, float64 or integer.
        x2: vectors, shape (N, D).
        y: 1 or -1, shape (N,); float or integer.
        margin: largest cosine that unlike vectors may have, from -1 to 1.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" shape (N,).

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        ``torch.nn.functional.cosine_embedding_loss``.

    >>> x1, x2 = np.array([[30.0, 0.0]] * 2), np.array([[30.0, 40.0]] * 2)
    >>> cosine_embedding_loss(x1, x2, np.array([1, -1]), reduction="none")
    array([0.4, 0.6])
    """
    # BEGIN SOLUTION
    x1, x2, y = as_floats(x1, x2, y)
    length1, length2 = (np.sqrt((x * x).sum(-1) + 1e-12) for x in (x1, x2))
    cosine = (x1 * x2).sum(-1) / (length1 * length2)
    return reduced(np.where(y > 0, 1 - cosine, np.maximum(0, cosine - margin)), reduction)
    # END SOLUTION


# %%
def cosine_embedding_loss_backward(
    grad: Array, x1: Array, x2: Array, y: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """Gradient of ``cosine_embedding_loss`` for ``x1``.

    ``grad`` is the upstream gradient: a number, or for "none" shape (N,). All other arguments, and the errors, are
    those of ``cosine_embedding_loss``; here no vector is zero.

    Returns:
        Shape (N, D), dtype of ``x1`` (float64 for integers); 0 at the kink.

    Source:
        Quotient rule on ``a @ b / (|a| * |b|)``.

    >>> cosine_embedding_loss_backward(75.0, np.array([[30.0, 0.0]]), np.array([[30.0, 40.0]]), np.array([1])).round(3)
    array([[-0., -2.]])
    """
    # BEGIN SOLUTION
    x1, x2, y = as_floats(x1, x2, y)
    length1, length2 = (np.sqrt((x * x).sum(-1) + 1e-12) for x in (x1, x2))
    cosine = (x1 * x2).sum(-1) / (length1 * length2)
    slope: Array = np.where(y > 0, -1, cosine > margin).astype(x1.dtype)
    turn = x2 / (length1 * length2)[:, None] - x1 * (cosine / length1**2)[:, None]  # (N, D)
    result: Array = (reduced_backward(grad, slope, reduction) * slope)[:, None] * turn
    return result
    # END SOLUTION


# %% [markdown]
# ## 4.19 `triplet_margin_loss(a, p, n, margin=1.0, p_norm=2, reduction="mean")`
#
# Three vectors per row, each argument of shape `(N, D)`: the *anchor* $a$ should be closer to the *positive* $p$ than
# to the *negative* $n$, by a margin:
#
# $$\ell = \max\left(0, d(a, p) - d(a, n) + \text{margin}\right), \qquad
# d(u, v) = \left( \sum_k |u_k - v_k + 10^{-6}|^{p} \right)^{1/p}, \quad p = \texttt{p\_norm} \ge 1$$
#
# PyTorch adds the small number inside the distance, so that its root has a derivative also for $u = v$; we do the same.
# (PyTorch calls the argument `p`. Another convention, that of the FaceNet paper, compares **squared** distances; here
# they are not squared.)
#
# The backward returns the gradient for `a`, in the shape `(N, D)`. With $w = u - v + 10^{-6}$, the distance has the
# derivative
#
# $$\frac{\partial d}{\partial u_k} = \operatorname{sign}(w_k) \left( \frac{|w_k|}{d} \right)^{p - 1}$$
#
# **Worked example.** $a = [0, 0]$, $p = [3, 4]$, $n = [0, 5.5]$: $d(a, p) = 5$, $d(a, n) = 5.5$, so the loss is $0.5$.
# The gradient for $a$ is $[-0.6, -0.8] - [0, -1] = [-0.6, 0.2]$. With `p_norm=1` the distances are 7 and 5.5, and the
# loss is $2.5$. (All up to $10^{-6}$.)
#
# **Why one wants it.** Face recognition: no classes, just "these two pictures show the same person, this one does not".


# %%
def triplet_margin_loss(
    a: Array, p: Array, n: Array, margin: float = 1.0, p_norm: float = 2, reduction: str = "mean"
) -> Array:
    """Triplet loss ``max(0, d(a, p) - d(a, n) + margin)``.

    Args:
        a: anchors, shape (N, D), numbers below 1e100 (1e12 in float32); float32, float64 or integer.
        p: positives, shape (N, D).
        n: negatives, shape (N, D).
        margin: how much further away the negative should be.
        p_norm: exponent of the norm, at least 1.
        reduction: "mean", "sum" or "none".

    Returns:
        A number, or for "none" shape (N,); in the unit of the vectors.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Schroff, Kalenichenko and Philbin, "FaceNet" (2015); ``torch.nn.functional.triplet_margin_loss``.

    >>> a, p, n = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), np.array([[0.0, 5.5]])
    >>> [float(triplet_margin_loss(a, p, n, p_norm=k).round(4)) for k in (2, 1)]
    [0.5, 2.5]
    """
    # BEGIN SOLUTION
    a, p, n = as_floats(a, p, n)
    near, far = ((np.abs(a - v + 1e-6) ** p_norm).sum(-1) ** (1 / p_norm) for v in (p, n))
    return reduced(np.maximum(0, near - far + margin), reduction)
    # END SOLUTION


# %%
def triplet_margin_loss_backward(
    grad: Array, a: Array, p: Array, n: Array, margin: float = 1.0, p_norm: float = 2, reduction: str = "mean"
) -> Array:
    """Gradient of ``triplet_margin_loss`` for ``a``.

    ``grad`` is the upstream gradient: a number, or for "none" shape (N,). All other arguments, and the errors, are
    those of ``triplet_margin_loss``.

    Returns:
        Shape (N, D), dtype of ``a`` (float64 for integers); 0 at the kink.

    Source:
        Chain rule on the norm.

    >>> a, p, n = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), np.array([[0.0, 5.5]])
    >>> triplet_margin_loss_backward(1.0, a, p, n).round(4)
    array([[-0.6,  0.2]])
    """
    # BEGIN SOLUTION
    a, p, n = as_floats(a, p, n)
    gaps = [a - v + 1e-6 for v in (p, n)]
    near, far = ((np.abs(w) ** p_norm).sum(-1, keepdims=True) ** (1 / p_norm) for w in gaps)
    to_p, to_n = (np.sign(w) * (np.abs(w) / d) ** (p_norm - 1) for w, d in zip(gaps, (near, far), strict=True))
    active = (near - far + margin > 0).astype(a.dtype)  # (N, 1)
    slope: Array = active * (to_p - to_n)  # (N, D)
    return reduced_backward(grad, active[:, 0], reduction)[:, None] * slope
    # END SOLUTION


# %% [markdown]
# ## 4.20 `multi_margin_loss(x, y, p=1, margin=1.0, reduction="mean")`
#
# The hinge loss for more than two classes. `x` holds the scores, shape `(N, C)`, `y` the labels $0, \dots, C - 1$,
# shape `(N,)`. Every wrong class whose score comes closer than `margin` to that of the right class costs something:
#
# $$\ell = \frac{1}{C} \sum_{j \ne y} \max\left(0, \text{margin} - x_y + x_j\right)^p, \quad p \in \{1, 2\}$$
#
# Note the divisor: all $C$ classes, not $C - 1$. (Another convention, by Crammer and Singer, counts the strongest rival
# only, with a maximum instead of the sum.) In the gradient, each wrong class inside the margin is pushed down,
# and the right class up by the same amount in all. With $p = 1$ a wrong class gets the derivative $1/C$, with $p = 2$
# twice its hinge over $C$. At a kink it is 0.
#
# **Worked example.** $x = [2, 1.5, 0]$, $y = 0$: the hinges of the wrong classes are $0.5$ and 0, so
# $\ell = 0.5 / 3 \approx 0.167$ with the derivatives $[-1, 1, 0] / 3$. With $p = 2$ it is
# $0.25 / 3 \approx 0.083$ with $[-1, 1, 0] / 3$ again, since $2 \cdot 0.5 = 1$.
#
# **Why one wants it.** Support vector machines with many classes. Only the lead of the right class counts, and once it
# is large enough, the sample is left alone.


# %%
def multi_margin_loss(x: Array, y: Array, p: int = 1, margin: float = 1.0, reduction: str = "mean") -> Array:
    """Hinge loss of several classes: ``sum(max(0, margin - x[y] + x[j]) ** p) / C`` over all j other than y.

    Args:
        x: scores, shape (N, C), below 1e150 (1e18 in float32); float32, float64 or integer.
        y: labels from 0 to C - 1, shape (N,), integer.
        p: exponent, 1 or 2.
        margin: lead that the right class should have.
        reduction: "mean" (over the samples), "sum" or "none".

    Returns:
        A number, or for "none" shape (N,).

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Weston and Watkins, "Support vector machines for multi-class pattern recognition" (1999);
        ``torch.nn.functional.multi_margin_loss``.

    >>> float(multi_margin_loss(np.array([[2.0, 1.5, 0.0]]), np.array([0])).round(3))
    0.167
    """
    # BEGIN SOLUTION
    (x,) = as_floats(x)
    hinge = np.maximum(0, margin - np.take_along_axis(x, y[:, None], 1) + x)
    np.put_along_axis(hinge, y[:, None], 0, 1)
    return reduced((hinge**p).sum(1) / x.shape[1], reduction)
    # END SOLUTION


# %%
def multi_margin_loss_backward(
    grad: Array, x: Array, y: Array, p: int = 1, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """Gradient of ``multi_margin_loss`` for ``x``.

    ``grad`` is the upstream gradient: a number, or for "none" shape (N,). All other arguments, and the errors, are
    those of ``multi_margin_loss``.

    Returns:
        Shape (N, C), dtype of ``x`` (float64 for integers); each row adds up to 0.

    Source:
        Derivative of each hinge; the right class is in all of them.

    >>> multi_margin_loss_backward(3.0, np.array([[2.0, 1.5, 0.0]]), np.array([0]))
    array([[-1.,  1.,  0.]])
    """
    # BEGIN SOLUTION
    (x,) = as_floats(x)
    hinge = np.maximum(0, margin - np.take_along_axis(x, y[:, None], 1) + x)
    slope: Array = p * hinge ** (p - 1) * (hinge > 0) / x.shape[1]  # (N, C)
    np.put_along_axis(slope, y[:, None], 0, 1)
    np.put_along_axis(slope, y[:, None], -slope.sum(1, keepdims=True), 1)
    return reduced_backward(grad, x[:, 0], reduction)[:, None] * slope
    # END SOLUTION


# %% [markdown]
# ## 4.21 `multilabel_soft_margin_loss(x, y, reduction="mean")`
#
# A picture may show a dog **and** a ball: several classes at once. `x` holds the scores, shape `(N, C)`, `y` of the
# same shape a 1 for each class that is there and a 0 for each that is not. Every class is a yes-or-no question of its
# own, and the single loss is the mean of its $C$ cross-entropies:
#
# $$\ell = -\frac{1}{C} \sum_{j} \left( y_j \ln \sigma(x_j) + (1 - y_j) \ln \sigma(-x_j) \right) \qquad
# \frac{\partial \ell}{\partial x_j} = \frac{\sigma(x_j) - y_j}{C}, \qquad \sigma(x) = \frac{1}{1 + e^{-x}}$$
#
# The labels are 0 and 1 here. For $-1$ and 1 each term would be that of `soft_margin_loss`; mixing the two up gives a
# loss that does not care about the absent classes.
#
# **Worked example.** $x = [\ln 3, 0]$, $y = [1, 0]$: $\ell = \frac{1}{2} (\ln \frac{4}{3} + \ln 2) \approx 0.490$ with
# the derivatives $[-0.25, 0.5] / 2$.
#
# **Why one wants it.** Tags of pictures, topics of texts, diagnoses: any number of them may be true at once.


# %%
def multilabel_soft_margin_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Mean binary cross-entropy of the classes of each sample, from scores.

    Args:
        x: finite scores, shape (N, C); float32, float64 or integer.
        y: 1 for each class that is present, else 0, shape (N, C); float or integer.
        reduction: "mean" (over the samples), "sum" or "none".

    Returns:
        A number, or for "none" shape (N,); in nats, finite for all finite scores.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        ``torch.nn.functional.multilabel_soft_margin_loss``.

    >>> float(multilabel_soft_margin_loss(np.array([[math.log(3), 0.0]]), np.array([[1, 0]])).round(3))
    0.49
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(soft_margin_loss(x, 2 * y - 1, reduction="none").mean(1), reduction)
    # END SOLUTION


# %%
def multilabel_soft_margin_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``multilabel_soft_margin_loss`` for ``x``: ``(sigmoid(x) - y) / C``, over N for the mean.

    ``grad`` is the upstream gradient: a number, or for "none" shape (N,). All other arguments, and the errors, are
    those of ``multilabel_soft_margin_loss``.

    Returns:
        Shape (N, C), dtype of ``x`` (float64 for integers).

    Source:
        Chain rule; the factor sigmoid * (1 - sigmoid) cancels.

    >>> multilabel_soft_margin_loss_backward(2.0, np.array([[math.log(3), 0.0]]), np.array([[1, 0]])).round(3)
    array([[-0.25,  0.5 ]])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope: Array = (np.exp(-np.logaddexp(0, -x)) - y) / x.shape[1]
    return reduced_backward(grad, x[:, 0], reduction)[:, None] * slope
    # END SOLUTION


# %% [markdown]
# ## 4.22 `multilabel_margin_loss(x, y, reduction="mean")`
#
# The hinge loss for several labels per sample: every class that is there should lead every class that is not by at
# least 1.
#
# $$\ell = \frac{1}{C} \sum_{j \,\text{present}} \; \sum_{i \,\text{absent}} \max\left(0, 1 - x_j + x_i\right)$$
#
# **Convention** (PyTorch's): `y` has the shape `(N, C)` of the scores and lists the **numbers** of the present classes,
# then $-1$. Whatever stands behind the first $-1$ of a row does not count. No class is listed twice. For $C = 4$, the
# row $[3, 0, -1, 1]$ says: classes 3 and 0 are present, 1 and 2 are absent.
#
# In the gradient, each pair inside the margin adds $1/C$ to its absent class and $-1/C$ to its present class.
#
# **Worked example.** $x = [0.1, 0.2, 0.4, 0.8]$ with $y = [3, 0, -1, 1]$. Class 3 against 1 and 2: $0.4 + 0.6$. Class 0
# against 1 and 2: $1.1 + 1.3$. So $\ell = 3.4 / 4 = 0.85$, and the gradient is $[-2, 2, 2, -2] / 4$.
#
# **Why one wants it.** Suggesting tags: what counts is that the right ones are ranked above the others.
#
# **Hint.** Make a boolean table `(N, C)` of the present classes first: comparing `y[:, :, None]` with `np.arange(C)`
# gives `(N, C, C)`. Then `x[:, None, :] - x[:, :, None]` holds the differences of all pairs.


# %%
def multilabel_margin_loss(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Hinge loss of all pairs of a present and an absent class, over C.

    Args:
        x: finite scores, shape (N, C); float32, float64 or integer.
        y: numbers of the present classes, then -1, shape (N, C), integer; in each row, what follows the first -1 is
            ignored.
        reduction: "mean" (over the samples), "sum" or "none".

    Returns:
        A number, or for "none" shape (N,).

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        ``torch.nn.functional.multilabel_margin_loss``.

    >>> float(multilabel_margin_loss(np.array([[0.1, 0.2, 0.4, 0.8]]), np.array([[3, 0, -1, 1]])).round(3))
    0.85
    """
    # BEGIN SOLUTION
    (x,) = as_floats(x)
    classes = x.shape[1]
    listed = np.logical_and.accumulate(y >= 0, axis=1)
    present = ((y[:, :, None] == np.arange(classes)) & listed[:, :, None]).any(1)  # (N, C)
    pairs = present[:, :, None] & ~present[:, None, :]  # (N, present, absent)
    hinge = np.maximum(0, 1 - x[:, :, None] + x[:, None, :])
    return reduced((pairs * hinge).sum((1, 2)) / classes, reduction)
    # END SOLUTION


# %%
def multilabel_margin_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``multilabel_margin_loss`` for ``x``.

    ``grad`` is the upstream gradient: a number, or for "none" shape (N,). All other arguments, and the errors, are
    those of ``multilabel_margin_loss``.

    Returns:
        Shape (N, C), dtype of ``x`` (float64 for integers); each row adds up to 0.

    Source:
        Derivative of each hinge, counted per class.

    >>> multilabel_margin_loss_backward(4.0, np.array([[0.1, 0.2, 0.4, 0.8]]), np.array([[3, 0, -1, 1]]))
    array([[-2.,  2.,  2., -2.]])
    """
    # BEGIN SOLUTION
    (x,) = as_floats(x)
    classes = x.shape[1]
    listed = np.logical_and.accumulate(y >= 0, axis=1)
    present = ((y[:, :, None] == np.arange(classes)) & listed[:, :, None]).any(1)
    pairs = present[:, :, None] & ~present[:, None, :] & (1 - x[:, :, None] + x[:, None, :] > 0)
    slope: Array = (pairs.sum(1) - pairs.sum(2)).astype(x.dtype) / classes
    return reduced_backward(grad, x[:, 0], reduction)[:, None] * slope
    # END SOLUTION


# %% [markdown]
# ## 4.23 `torch_smooth_l1(x, y, beta=1.0)`
#
# Now PyTorch, where autograd finds the gradient. The three functions that follow return the **mean** as a tensor
# without axes, with the dtype and device of the inputs.
#
# - PyTorch's own loss of this name (and `huber_loss`, or a loss module) is not allowed: half of the
#   points of `torch_smooth_l1` and `torch_triplet_margin` are for that. All else is allowed.
# - The result stays connected to its inputs, so that `backward()` gives the right gradient, also for extreme inputs.
# - The input is never modified, and there is no Python loop over samples.
#
# The formula is that of 4.6. `x` and `y` have the same shape.
#
# **Worked example.** For `x = torch.tensor([0.5, 3.0], requires_grad=True)` and zeros as targets the loss is
# $(0.125 + 2.5) / 2 = 1.3125$. After `backward()`, `x.grad` is $[0.25, 0.5]$.


# %%
def torch_smooth_l1(x: torch.Tensor, y: torch.Tensor, beta: float = 1.0) -> torch.Tensor:
    """Mean smooth L1 loss; see ``smooth_l1_loss``.

    Args:
        x: finite predictions, any shape and device; float32 or float64.
        y: finite targets, shape, dtype and device of ``x``.
        beta: where the quadratic part ends, above 0.

    Returns:
        The mean, a tensor without axes, dtype and device of ``x``.

    Source:
        Girshick, "Fast R-CNN" (2015), equation 3.

    >>> torch_smooth_l1(torch.tensor([0.5, 3.0]), torch.zeros(2))
    tensor(1.3125)
    """
    # BEGIN SOLUTION
    distance = (x - y).abs()
    near = distance.clamp(max=beta)
    return (near**2 / (2 * beta) + (distance - near)).mean()
    # END SOLUTION


# %% [markdown]
# ## 4.24 `torch_triplet_margin(a, p, n, margin=1.0)`
#
# The formula of 4.19 with the Euclidean distance ($p = 2$), $10^{-6}$ included. `a`, `p` and `n` have the shape
# `(N, D)`. PyTorch's `triplet_margin_loss` and its relatives are not allowed; functions that compute norms
# or distances are.
#
# **Worked example.** For the vectors of 4.19 the loss is $0.5$, and after `backward()` the gradient for `a` is
# $[-0.6, 0.2]$, that for `p` is $[0.6, 0.8]$, and that for `n` is $[0, -1]$.
#
# Autograd finds the gradients for all three arguments, and also where two of the vectors are equal.


# %%
def torch_triplet_margin(a: torch.Tensor, p: torch.Tensor, n: torch.Tensor, margin: float = 1.0) -> torch.Tensor:
    """Mean triplet loss with the Euclidean distance; see ``triplet_margin_loss``.

    Args:
        a: anchors, shape (N, D), any device; float32 or float64.
        p: positives, shape (N, D), dtype and device of ``a``.
        n: negatives, shape (N, D), dtype and device of ``a``.
        margin: how much further away the negative should be.

    Returns:
        The mean, a tensor without axes, dtype and device of ``a``.

    Source:
        Schroff, Kalenichenko and Philbin, "FaceNet" (2015).

    >>> a, p, n = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 5.5]])
    >>> torch_triplet_margin(a, p, n)
    tensor(0.5000)
    """
    # BEGIN SOLUTION
    near, far = ((a - v + 1e-6).square().sum(1).sqrt() for v in (p, n))
    return (near - far + margin).clamp(min=0).mean()
    # END SOLUTION


# %% [markdown]
# ## 4.25 `torch_focal(logits, y, gamma, alpha)`
#
# The formula of 4.15. `y` holds zeros and ones in the dtype of the logits. All of PyTorch is allowed.
#
# **Worked example.** For the logits $[\ln 3, \ln 3]$ with $y = [1, 0]$, $\gamma = 2$ and $\alpha = 0.25$ the loss is
# $(0.0045 + 0.5848) / 2 \approx 0.2947$.
#
# **The numeric trap, one level up.** Autograd differentiates the steps that you wrote, not the formula that you meant.
# The derivative of $q^{0.5}$ at $q = 0$ is infinite, and infinity times the 0 of the next step is `nan`. So for logits
# of 1000, look at the gradient as well. Which step never reaches $q = 0$? (Think of $q^\gamma = e^{\gamma \ln q}$.)


# %%
def torch_focal(logits: torch.Tensor, y: torch.Tensor, gamma: float, alpha: float) -> torch.Tensor:
    """Mean focal loss; see ``focal_loss``.

    Args:
        logits: finite scores of class 1, any shape and device; float32 or float64.
        y: labels 0 or 1, shape, dtype and device of ``logits``.
        gamma: at least 0.
        alpha: weight of class 1, from 0 to 1.

    Returns:
        The mean, a tensor without axes, dtype and device of ``logits``, with right gradients for all finite logits.

    Source:
        Lin et al., "Focal loss for dense object detection" (2017), equation 5.

    >>> torch_focal(torch.tensor([math.log(3), math.log(3)]), torch.tensor([1.0, 0.0]), 2.0, 0.25)
    tensor(0.2947)
    """
    # BEGIN SOLUTION
    z = (2 * y - 1) * logits
    log_p, log_rest = torch.nn.functional.logsigmoid(z), torch.nn.functional.logsigmoid(-z)
    a = alpha * y + (1 - alpha) * (1 - y)
    return -(a * torch.exp(gamma * log_rest) * log_p).mean()
    # END SOLUTION


# %% [markdown]
# ## 4.26 Extra credit: `ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean")`
#
# Speech recognition: $T$ slices of sound, $S \le T$ letters, and nobody has said which slice belongs to which letter.
# The model gives log-probabilities of $C$ symbols for every slice, one of which is the *blank* "no letter". A path of
# $T$ symbols stands for a text: first merge equal neighbours, then drop the blanks. So `aa-a` and `-a-a` both stand for
# `aa`, but `aaa` stands for `a`. The loss is minus the logarithm of the probability of **all** paths that stand for the
# target.
#
# **Forward algorithm.** Put blanks around and between the letters: `cat` becomes `-c-a-t-`, which has $2S + 1$ *states*
# $s$ with symbols $k_s$. Let $\alpha_t(s)$ be the probability of all beginnings of paths that are in state $s$ after
# slice $t$. A path stays, moves on by one state, or skips the blank between two **different** letters:
#
# $$\alpha_t(s) = p_t(k_s) \left( \alpha_{t-1}(s) + \alpha_{t-1}(s - 1) + [k_s \ne \text{blank}, k_s \ne k_{s-2}] \;
# \alpha_{t-1}(s - 2) \right)$$
#
# It starts in state 0 or 1 and ends in one of the last two states. Work with logarithms (`np.logaddexp`; the logarithm
# of 0 is $-\infty$). A loop over time is fine.
#
# **Shapes.** `log_probs` is `(T, N, C)`, time first. `targets` is `(N, S)`; row $i$ has `target_lengths[i]` labels,
# then any filling. Only the first `input_lengths[i]` slices of sample $i$ count. If no path fits, the single loss is
# `inf`.
#
# **Convention** (PyTorch's). `"mean"` divides each single loss by its target length (by 1 if that is 0) and then
# averages over the samples. `"sum"` and `"none"` do not divide.
#
# **Worked example.** $T = 2$, blank 0 with probability $0.4$ and letter 1 with $0.6$ in both slices, target $[1]$. The
# paths `11`, `01` and `10` have the probability $0.36 + 0.24 + 0.24 = 0.84$, so the loss is $-\ln 0.84 \approx 0.174$.
# For the target $[1, 1]$ no path of length 2 fits: `inf`.


# %%
def ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int = 0,
    reduction: str = "mean",
) -> Array:
    """Connectionist temporal classification: minus the log-probability of all paths that stand for the target.

    Args:
        log_probs: log-probabilities of the symbols, shape (T, N, C); float32 or float64.
        targets: labels other than ``blank``, shape (N, S), integer; what follows the length of a row is ignored.
        input_lengths: number of slices of each sample, from 1 to T, shape (N,), integer.
        target_lengths: number of labels of each sample, from 0 to S, shape (N,), integer.
        blank: number of the blank symbol.
        reduction: "mean" (each loss over its target length first), "sum" or "none".

    Returns:
        A number, or for "none" shape (N,); in nats; ``inf`` where no path fits. dtype of ``log_probs``.

    Raises:
        ValueError: ``reduction`` is none of the three.

    Source:
        Graves et al., "Connectionist temporal classification" (2006), section 4.1; ``torch.nn.functional.ctc_loss``.

    >>> log_probs = np.log([[[0.4, 0.6]], [[0.4, 0.6]]])
    >>> float(ctc_loss(log_probs, np.array([[1]]), np.array([2]), np.array([1])).round(3))
    0.174
    """
    # BEGIN SOLUTION
    (log_probs,) = as_floats(log_probs)
    samples = np.arange(targets.shape[0])
    symbols = np.full((len(samples), 2 * targets.shape[1] + 1), blank)
    symbols[:, 1::2] = targets
    may_skip = np.zeros(symbols.shape, dtype=bool)
    may_skip[:, 2:] = (symbols[:, 2:] != blank) & (symbols[:, 2:] != symbols[:, :-2])
    scores = log_probs[:, samples[:, None], symbols]  # (T, N, states)
    alpha = np.full(symbols.shape, -np.inf, dtype=log_probs.dtype)
    alpha[:, :2] = scores[0, :, :2]
    for t in range(1, len(scores)):
        before = np.pad(alpha, ((0, 0), (2, 0)), constant_values=-np.inf)
        skipped = np.where(may_skip, before[:, :-2], -np.inf).astype(alpha.dtype)
        moved = np.logaddexp(np.logaddexp(alpha, before[:, 1:-1]), skipped) + scores[t]
        # A sample whose slices are over keeps what it has.
        alpha = np.where((t < input_lengths)[:, None], moved, alpha)
    ends = alpha[samples, 2 * target_lengths]
    # An empty target has a single state, and no letter to end on.
    letters = np.where(target_lengths > 0, alpha[samples, 2 * target_lengths - 1], -np.inf).astype(alpha.dtype)
    each = -np.logaddexp(ends, letters)
    if reduction == "mean":
        each = each / np.maximum(target_lengths, 1).astype(each.dtype)
    return reduced(each, reduction)
    # END SOLUTION


# %% [markdown]
# ## 4.27 Extra credit: `adaptive_log_softmax_loss(x, targets, head, tails, cutoffs)`
#
# A language model may know a million words, but most text is made of a few thousand. Adaptive softmax sorts the classes
# by frequency and cuts them into groups at `cutoffs`: classes below `cutoffs[0]` are frequent, the next group reaches
# to `cutoffs[1]`, and so on. The *head* has one score per frequent class **and one per rare group**. Only if the target
# is in a rare group, its *tail* is looked at, which is cheap: it squeezes `x` to fewer numbers first.
#
# $$\ln p(y) = \begin{cases} \ln \operatorname{softmax}(H x)_y & y \text{ frequent} \\
# \ln \operatorname{softmax}(H x)_{\text{group}} +
# \ln \operatorname{softmax}(U_g V_g x)_{y - \text{first of the group}} & y \text{ in rare group } g \end{cases}$$
#
# **Shapes.** `x` is `(N, D)`, `targets` `(N,)`. `head` is $H$, of shape `(cutoffs[0] + G, D)` for `G` rare groups;
# group $g$ (counted from 0) has the row `cutoffs[0] + g`. `tails` is a list of `G` pairs $(V_g, U_g)$ of shapes
# `(width, D)` and `(size, width)`. `cutoffs` is a list of `G` numbers; the last group ends where its $U_g$ ends. There
# are no biases.
#
# Returned are, as by `torch.nn.AdaptiveLogSoftmaxWithLoss`, two things: the log-probabilities of the targets, shape
# `(N,)`, and the loss, minus their mean. `torch.log_softmax` is allowed, that module is not. A loop over groups is
# fine, one over samples is not.
#
# **Worked example.** If $H x$ is $[0, 0, \ln 2]$ with `cutoffs=[2]`, then classes 0 and 1 have the probability $1/4$
# each, and the rare group has $1/2$. If its tail gives the scores $[0, 0]$, classes 2 and 3 have $1/4$ each as well.


# %%
def adaptive_log_softmax_loss(
    x: torch.Tensor,
    targets: torch.Tensor,
    head: torch.Tensor,
    tails: Sequence[tuple[torch.Tensor, torch.Tensor]],
    cutoffs: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the targets under an adaptive softmax, and minus their mean.

    Args:
        x: features, shape (N, D), any device; float32 or float64.
        targets: classes, shape (N,), int64.
        head: weights of frequent classes and rare groups, shape (cutoffs[0] + G, D).
        tails: for each rare group its weights (width, D) and (size, width).
        cutoffs: first class of each rare group, G increasing numbers.

    Returns:
        Log-probabilities, shape (N,), and the loss, a tensor without axes; dtype and device of ``x``.

    Source:
        Grave et al., "Efficient softmax approximation for GPUs" (2017), section 4.

    >>> head, tails = torch.tensor([[0.0], [0.0], [math.log(2)]]), [(torch.ones(1, 1), torch.zeros(2, 1))]
    >>> adaptive_log_softmax_loss(torch.ones(2, 1), torch.tensor([0, 3]), head, tails, [2])[0].exp()
    tensor([0.2500, 0.2500])
    """
    # BEGIN SOLUTION
    log_head = torch.log_softmax(x @ head.T, 1)
    groups = torch.bucketize(targets, torch.tensor(cutoffs, device=x.device), right=True)  # 0: frequent
    output = log_head.gather(1, torch.where(groups == 0, targets, cutoffs[0] + groups - 1)[:, None])[:, 0]
    for g, (down, up) in enumerate(tails):
        rows = (groups == g + 1).nonzero()[:, 0]
        log_tail = torch.log_softmax(x[rows] @ down.T @ up.T, 1)
        output = output.index_add(0, rows, log_tail.gather(1, (targets[rows] - cutoffs[g])[:, None])[:, 0])
    return output, -output.mean()
    # END SOLUTION
