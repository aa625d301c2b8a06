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
# A loss says in one number how wrong a prediction is. Its gradient says in which direction to change the prediction, and
# how hard. In this notebook you write twenty losses, each with its gradient, and find out what tells them apart: how they
# treat small errors, large errors, outliers, and predictions that are already right.
#
# **Letters for shapes:** `N` samples, `C` classes, `D` numbers in a vector, `T` time steps, `S` symbols in a target.
#
# **Reduction.** A loss computes one number per element, or one per row where the text says so: the *single losses*
# $\ell_1, \dots, \ell_n$. The argument `reduction` says what is returned: `"mean"` (the default) their mean, `"sum"` their
# sum, `"none"` the array of all of them.
#
# **Backward.** Each loss `NAME(x, ...)` comes with `NAME_backward(grad, x, ...)`. It takes the same arguments after the
# *upstream gradient* `grad`, and returns the gradient for the **first** argument of the loss, in the shape of that
# argument. `grad` has the shape of what the loss returns: a single number for `"mean"` and `"sum"`, an array of the shape
# of the single losses for `"none"`. By the chain rule
#
# $$\frac{\partial L}{\partial x_i} = \text{grad} \cdot \frac{1}{n} \cdot \frac{\partial \ell_i}{\partial x_i}
# \quad \text{(mean)}, \qquad \text{grad} \cdot \frac{\partial \ell_i}{\partial x_i} \quad \text{(sum)}, \qquad
# \text{grad}_i \cdot \frac{\partial \ell_i}{\partial x_i} \quad \text{(none)}$$
#
# **Kinks.** Where a loss has a kink, no derivative exists. There, the term with the kink gets the derivative 0.
#
# **What every NumPy function of this notebook keeps to:**
# - It takes arrays and returns an `np.ndarray`. Where the result is a single number, a NumPy scalar and a 0-dimensional
#   array are both fine.
# - float32 stays float32, float64 stays float64, integers are promoted to float64. Beside a float array, integers (such as
#   labels) follow the dtype of that array. The helper `as_floats` below does this.
# - Predictions and targets have the same shape, any shape unless the text says otherwise.
# - The input is never modified, and there is no Python loop over samples.
# - Results are right for every legal input, also for very large ones. NumPy may print a warning on the way; a warning
#   costs nothing, a `nan` does.
# - $\log$ and $\ln$ both mean the natural logarithm.
#
# Names, defaults and conventions are those of PyTorch unless the text says otherwise. You may use your earlier functions
# in later ones, and any NumPy function. The first cell has three helpers; most answers are then one to three lines.

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
# **Example.** The single losses $[1, 4, 7]$ have the mean 4 and the sum 12. An upstream gradient of 6 for the mean gives
# $6/3 = 2$ for each single loss; an upstream gradient of 6 for the sum gives 6 for each.

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
# Pen and paper and the figure are enough here. Answer each question with one lower-case letter in quotes, such as `"a"`.
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
# The targets are $[1, 2, 3, 4, 5]$. For each loss, take the constant prediction that minimises it. Then a slip of the pen
# turns the 5 into 1000. For which loss does the best constant move **least**?
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

    >>> l1_loss(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])).round(3)
    np.float64(1.667)
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced(np.abs(x - y), reduction)
    # END SOLUTION


# %%
def l1_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``l1_loss`` for ``x``: ``sign(x - y)`` times ``grad``, over N for the mean.

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``x``.
        x, y, reduction: as in ``l1_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers); 0 where ``x == y``.

    Source:
        Derivative of the absolute value.

    >>> l1_loss_backward(3.0, np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0]))
    array([ 1.,  0., -1.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope = np.sign(x - y)
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
# **Why one wants it.** It is smooth, and it is the log-likelihood of normally distributed errors. Errors below 1 hardly
# count, large errors count a lot.


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

    >>> mse_loss(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])).round(3)
    np.float64(4.333)
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    return reduced((x - y) ** 2, reduction)
    # END SOLUTION


# %%
def mse_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``mse_loss`` for ``x``: ``2 * (x - y)`` times ``grad``, over N for the mean.

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``x``.
        x, y, reduction: as in ``mse_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of the square.

    >>> mse_loss_backward(3.0, np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0]))
    array([ 4.,  0., -6.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope = 2 * (x - y)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.4 `rmse_loss(x, y, reduction="mean")`
#
# The root of the mean squared error, in the unit of the targets again. PyTorch has no such function. Here it is the root
# of `mse_loss` with the same reduction:
#
# $$L = \sqrt{\operatorname{mse}(x, y)} \qquad
# \frac{\partial L}{\partial x_i} = \frac{1}{2 L} \cdot \frac{\partial \operatorname{mse}(x, y)}{\partial x_i}$$
#
# So `"sum"` gives the length of the residual vector, and `"none"` the roots of the single squares. Note the order: first
# the mean, then the root. Where $L = 0$, take the gradient 0.
#
# **Worked example.** $x = [3, 1]$ and $y = [0, 5]$ have the squares $[9, 16]$. The mean $12.5$ has the root
# $3.536$, the sum 25 has the root 5. The gradient for `"sum"` is $[3, -4] / 5 = [0.6, -0.8]$.


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

    >>> rmse_loss(np.array([3.0, 1.0]), np.array([0.0, 5.0]), reduction="sum")
    np.float64(5.0)
    """
    # BEGIN SOLUTION
    return np.sqrt(mse_loss(x, y, reduction))
    # END SOLUTION


# %%
def rmse_loss_backward(grad: Array, x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of ``rmse_loss`` for ``x``: that of ``mse_loss`` over twice the loss.

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``x``.
        x, y, reduction: as in ``rmse_loss``.

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
# - `loss="mae"`: $\frac{\mathrm{d}}{\mathrm{d}c} \sum_i |c - y_i| = 0$ says that as many targets lie above $c$ as below.
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

    >>> best_constant(np.array([1, 2, 3, 100]), "mse"), best_constant(np.array([1, 2, 3, 100]), "mae")
    (np.float64(26.5), np.float64(2.5))
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

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``x``.
        x, y, beta, reduction: as in ``smooth_l1_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of each piece; they agree where the pieces meet.

    >>> smooth_l1_loss_backward(2.0, np.array([0.5, 3.0]), np.array([0.0, 0.0]))
    array([0.5, 1. ])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope = np.clip((x - y) / beta, -1, 1)
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
    return delta * smooth_l1_loss(x, y, delta, reduction)
    # END SOLUTION


# %%
def huber_loss_backward(grad: Array, x: Array, y: Array, delta: float = 1.0, reduction: str = "mean") -> Array:
    """Gradient of ``huber_loss`` for ``x``: ``x - y``, cut off at -delta and delta.

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``x``.
        x, y, delta, reduction: as in ``huber_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of each piece; they agree where the pieces meet.

    >>> huber_loss_backward(2.0, np.array([1.0, 3.0]), np.array([0.0, 0.0]), delta=2)
    array([1., 2.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope = np.clip(x - y, -delta, delta)
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
# **Worked example.** The residual $\ln 3$ has $\cosh = (3 + 1/3) / 2 = 5/3$, so the loss is $\ln(5/3) \approx 0.511$, and
# the derivative is $(3 - 1/3) / (3 + 1/3) = 0.8$.
#
# **The numeric trap.** In float64, `np.cosh(1000.0)` is `inf`, but the loss is simply $1000 - \ln 2$. Which function adds
# two exponentials by their logarithms?


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

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``x``.
        x, y, reduction: as in ``log_cosh_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        ``sinh / cosh``.

    >>> log_cosh_loss_backward(1.0, np.array([math.log(3)]), np.array([0.0])).round(3)
    array([0.8])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope = np.tanh(x - y)
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
# **Why one wants it.** The constant that minimises it is the $q$-quantile of the targets: "in 9 of 10 cases the trip takes
# at most $x$ minutes". With $q = 0.5$ it is half the L1 loss.


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

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``x``.
        x, y, q, reduction: as in ``quantile_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of each piece.

    >>> quantile_loss_backward(2.0, np.array([8.0, 12.0]), np.array([10.0, 10.0]), q=0.9).round(3)
    array([-0.9,  0.1])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope = (np.where(x < y, -q, 1 - q) * (x != y)).astype(x.dtype)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.10 `poisson_nll_loss(x, y, log_input=True, full=False, reduction="mean")`
#
# Targets that count something (visitors per hour) follow a Poisson distribution with some rate $\lambda$. The negative
# log-likelihood of $y$ events is $\lambda - y \ln \lambda + \ln y!$, and the last term does not depend on the prediction.
#
# $$\ell = \begin{cases} e^x - y x & \text{log\_input=True: } x = \ln \lambda \\
# x - y \ln(x + 10^{-8}) & \text{log\_input=False: } x = \lambda \ge 0 \end{cases}$$
#
# With `full=True`, Stirling's approximation of $\ln y!$ is added where $y > 1$, and 0 elsewhere:
#
# $$y \ln y - y + \tfrac{1}{2} \ln (2 \pi y)$$
#
# The derivative for $x$ is yours to find. What does `full` change in it?
#
# **Worked example.** $x = \ln 2$, $y = 3$: $\ell = 2 - 3 \ln 2 \approx -0.079$, with the derivative $2 - 3 = -1$. With
# `full=True`, $3 \ln 3 - 3 + \frac{1}{2} \ln (6 \pi) \approx 1.764$ is added. With `log_input=False`, the rate 2 has the
# same loss and the derivative $1 - 3/2 = -0.5$.


# %%
def poisson_nll_loss(
    x: Array, y: Array, log_input: bool = True, full: bool = False, reduction: str = "mean"
) -> Array:
    """Negative log-likelihood of counts: ``exp(x) - y * x``, or ``x - y * log(x + 1e-8)``.

    Args:
        x: logarithms of rates below 700 (85 in float32), or with ``log_input=False`` rates, at least 0; any shape; float32,
            float64 or integer.
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

    >>> poisson_nll_loss(np.array([math.log(2)]), np.array([3])).round(3)
    np.float64(-0.079)
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

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``x``.
        x, y, log_input, full, reduction: as in ``poisson_nll_loss``.

    Returns:
        Shape and dtype of ``x`` (float64 for integers).

    Source:
        Derivative of each case.

    >>> poisson_nll_loss_backward(1.0, np.array([math.log(2)]), np.array([3])).round(3)
    array([-1.])
    """
    # BEGIN SOLUTION
    x, y = as_floats(x, y)
    slope = np.exp(x) - y if log_input else 1 - y / (x + 1e-8)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION


# %% [markdown]
# ## 4.11 `gaussian_nll_loss(mean, target, var, reduction="mean")`
#
# The model predicts a mean **and** a variance, and may say where it is unsure:
#
# $$\ell = \frac{1}{2} \left( \ln v + \frac{(\text{mean} - \text{target})^2}{v} \right), \quad v = \max(\text{var}, 10^{-6})
# \qquad \frac{\partial \ell}{\partial \text{mean}} = \frac{\text{mean} - \text{target}}{v}$$
#
# The constant $\frac{1}{2} \ln 2 \pi$ is left out, as PyTorch does by default. All three arguments have one shape.
#
# **Worked example.** mean 3, target 1, variance 4: $\ell = \frac{1}{2} (\ln 4 + 4/4) \approx 1.193$ with the derivative
# $2/4 = 0.5$.
#
# The figure shows the loss against the predicted variance. A variance that is too small costs much more than one that is
# too large. For a residual $r$, the best variance is $r^2$.

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
    """Negative log-likelihood of a normal distribution, without its constant: ``(log(v) + (mean - target) ** 2 / v) / 2``.

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

    >>> gaussian_nll_loss(np.array([3.0]), np.array([1.0]), np.array([4.0])).round(3)
    np.float64(1.193)
    """
    # BEGIN SOLUTION
    mean, target, var = as_floats(mean, target, var)
    v = np.maximum(var, 1e-6)
    return reduced((np.log(v) + (mean - target) ** 2 / v) / 2, reduction)
    # END SOLUTION


# %%
def gaussian_nll_loss_backward(
    grad: Array, mean: Array, target: Array, var: Array, reduction: str = "mean"
) -> Array:
    """Gradient of ``gaussian_nll_loss`` for ``mean``: ``(mean - target) / max(var, 1e-6)``.

    Args:
        grad: upstream gradient: a number, or for "none" the shape of ``mean``.
        mean, target, var, reduction: as in ``gaussian_nll_loss``.

    Returns:
        Shape and dtype of ``mean`` (float64 for integers).

    Source:
        Derivative of the square.

    >>> gaussian_nll_loss_backward(1.0, np.array([3.0]), np.array([1.0]), np.array([4.0]))
    array([0.5])
    """
    # BEGIN SOLUTION
    mean, target, var = as_floats(mean, target, var)
    slope = (mean - target) / np.maximum(var, 1e-6)
    return reduced_backward(grad, slope, reduction) * slope
    # END SOLUTION
