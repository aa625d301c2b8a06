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
# # 1 Softmax: from scores to probabilities
#
# A classifier computes one *score* per class (also called a *logit*): any real number, larger means
# more likely. Softmax turns the scores of one sample into probabilities. In this notebook you write
# softmax and its relatives, first in NumPy with gradients by hand, then in PyTorch.
#
# For the scores $x_1, \dots, x_C$ of one sample:
#
# $$\operatorname{softmax}(x)_i = \frac{e^{x_i}}{\sum_{j=1}^{C} e^{x_j}}$$
#
# The exponential makes every number positive, the division makes them add up to 1.
#
# **Worked example.** The scores $[0, \ln 2, \ln 5]$ have the exponentials $[1, 2, 5]$. Their sum is
# 8, so the probabilities are $[1/8, 2/8, 5/8] = [0.125, 0.25, 0.625]$.
#
# **Letters for shapes:** `B` samples in a batch, `C` classes, `T` positions in a sequence. A batch
# of scores has the shape `(B, C)`, a batch of sequences `(B, T, C)`.
#
# **What every NumPy function of this notebook keeps to:**
# - It takes arrays and returns an `np.ndarray`, or a single number where the section says so.
# - float32 stays float32, float64 stays float64, integers are promoted to float64. The helper
#   `as_float` below does this.
# - `axis` is the axis that holds the classes of one sample, by default the last one. It may be
#   negative, and all other axes are batch axes: what happens in one sample never changes another.
# - The input is never modified, and there is no Python loop over samples.
# - Results are right for every legal input, also for scores such as 1000 or -1000. NumPy may print
#   a warning on the way; a warning costs nothing, a `nan` does.
# - $\log$ and $\ln$ both mean the natural logarithm.
#
# You may use your earlier functions in later ones, and any NumPy function. Other libraries may not
# compute the answer of a NumPy question.

# %%
import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


def as_float(x: npt.ArrayLike) -> Array:
    """Return ``x`` as a float array: float32 and float64 are kept, integers become float64.

    If nothing has to be converted, this is ``x`` itself and no copy: do not write into it.
    """
    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float64)


# %%
scores = np.array([1.0, 2.0, 3.5, -1.0])
powers = np.exp(scores)
steps = {"scores": scores, "exp(scores)": powers, "divided by their sum": powers / powers.sum()}
fig, axes = plt.subplots(1, 3, figsize=(9, 2.4), layout="constrained")
for panel, (title, heights) in zip(axes, steps.items(), strict=True):
    bars = panel.bar(["class 0", "class 1", "class 2", "class 3"], heights, color="tab:blue")
    panel.bar_label(bars, fmt="%.2f", padding=1)
    panel.axhline(0, color="black", linewidth=0.8)
    panel.margins(y=0.2)
    panel.set_title(title)
plt.show()

# %% [markdown]
# ## 1.1 Before any code
#
# Pen and paper are enough here; the rule $e^{a+b} = e^a e^b$ helps. Answer each question with one
# lower-case letter in quotes, such as `"a"`.
#
# ### `shift_changes_output`
# The constant 100 is added to **every** score of a sample. What happens to the probabilities?
#
# - **a** They all grow by the same factor.
# - **b** Nothing: they stay the same.
# - **c** They move closer to each other.
# - **d** The largest one moves closer to 1.

# %%
shift_changes_output = "b"  # SOLUTION

# %% [markdown]
# ### `scale_changes_output`
# Every score of a sample is **multiplied** by 3. The scores are not all equal, and exactly one is
# the largest. What happens to the probabilities?
#
# - **a** Nothing: they stay the same.
# - **b** They move closer to each other.
# - **c** Each one is multiplied by 3, and then they are normalised again.
# - **d** The largest one moves closer to 1, and the order of the classes stays.

# %%
scale_changes_output = "d"  # SOLUTION

# %% [markdown]
# ### `largest_output_input`
# For which of these inputs is the **first** probability of the softmax the largest?
#
# - **a** $[100, 100, 100]$
# - **b** $[3, 1, 1]$
# - **c** $[-3, -6, -6]$
# - **d** $[10, 9, 8]$

# %%
largest_output_input = "c"  # SOLUTION

# %% [markdown]
# ## 1.2 `softmax(x, axis=-1)`
#
# $$y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$
#
# The sum runs over the classes of one sample, so for `x` of shape `(B, C)` every **row** of the
# result sums to 1. The result has the shape of `x`.
#
# **Worked example.** The rows $[0, \ln 3]$ and $[5, 5]$ give $[0.25, 0.75]$ and $[0.5, 0.5]$.
#
# **The numeric trap.** In float64, `np.exp(1000.0)` is `inf` and `np.exp(-1000.0)` is `0.0`. Used
# as it stands, the formula gives `inf / inf` or `0 / 0`, which is `nan`. Yet the softmax of
# $[1000, 1000]$ is simply $[0.5, 0.5]$. Your answer to `shift_changes_output` shows the way.
#
# **Why one wants it.** It is the last layer of nearly every classifier, the attention weights of a
# transformer, and the policy of many reinforcement learners.


# %%
def softmax(x: Array, axis: int = -1) -> Array:
    """Probabilities from scores: ``exp(x) / sum(exp(x))`` over the classes of each sample.

    Args:
        x: finite scores, at least 1-D, for example (B, C); float32, float64 or integer.
        axis: the axis of the classes; may be negative.

    Returns:
        Probabilities, shape of ``x``, dtype of ``x`` (float64 for integers). They sum to 1 along
        ``axis`` and are finite for all finite scores.

    Raises:
        numpy.exceptions.AxisError: ``x`` has no such axis.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), sections 4.1 and 6.2.2.3.

    >>> softmax(np.array([[0.0, math.log(3)], [5.0, 5.0]])).round(3)
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    # The shift cancels in the quotient; with the largest score at 0, exp cannot overflow and
    # the sum is at least 1.
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
    # END SOLUTION


# %% [markdown]
# ## 1.3 `softmin(x, axis=-1)`
#
# Sometimes small numbers are good: distances, costs, energies. Softmin gives the largest
# probability to the **smallest** entry:
#
# $$\operatorname{softmin}(x)_i = \frac{e^{-x_i}}{\sum_j e^{-x_j}}$$
#
# **Worked example.** $[0, \ln 2, \ln 5]$ gives $[1, 1/2, 1/5]$ divided by $1.7$, so
# $[10/17, 5/17, 2/17] \approx [0.588, 0.294, 0.118]$. Note that this is not
# $1 - \operatorname{softmax}(x)$, which would sum to $C - 1$.
#
# Integers may be unsigned, as in image data (`uint8`). What is `-np.array([1], dtype=np.uint8)`?


# %%
def softmin(x: Array, axis: int = -1) -> Array:
    """Softmax of ``-x``: the smallest entry gets the largest probability.

    Args:
        x: finite costs, at least 1-D, for example (B, C); float32, float64 or any integer type.
        axis: the axis of the classes; may be negative.

    Returns:
        Probabilities, shape of ``x``, dtype of ``x`` (float64 for integers).

    Raises:
        numpy.exceptions.AxisError: ``x`` has no such axis.

    Source:
        The definition above; it is the Boltzmann distribution of energies ``x`` at temperature 1.

    >>> softmin(np.array([0.0, math.log(2), math.log(5)])).round(3)
    array([0.588, 0.294, 0.118])
    """
    # BEGIN SOLUTION
    return softmax(-as_float(x), axis)
    # END SOLUTION


# %% [markdown]
# ## 1.4 `softmax_base(x, base, axis=-1)`
#
# Nothing forces the base $e$. For any number $b > 0$:
#
# $$y_i = \frac{b^{x_i}}{\sum_j b^{x_j}}$$
#
# Since $b = e^{\ln b}$, this is a softmax of **rescaled** scores. A larger base sharpens the
# distribution, $b = 1$ makes it uniform, $b < 1$ turns the order around ($b = 1/e$ is softmin).
#
# The literature often divides the scores by a *temperature* $\tau$ instead:
# $\operatorname{softmax}(x / \tau)$. That is the same family with $b = e^{1/\tau}$; here the
# argument is the base.
#
# **Worked example.** Base 2 and the scores $[0, 1, 3]$ give the powers $[1, 2, 8]$, so
# $[1/11, 2/11, 8/11] \approx [0.091, 0.182, 0.727]$.
#
# Stable means here: scores of 1000 with base 10, and also scores of 1000 with base 0.1.

# %%
scores = np.array([0.0, 1.0, 3.0])
bases = [0.5, 1.0, 2.0, math.e, 10.0]
fig, axes = plt.subplots(1, len(bases), figsize=(9, 2.2), sharey=True, layout="constrained")
for panel, number in zip(axes, bases, strict=True):
    powers = number**scores
    bars = panel.bar(["0", "1", "3"], powers / powers.sum(), color="tab:blue")
    panel.bar_label(bars, fmt="%.2f", padding=1)
    panel.set(title=f"base {number:.3g}", xlabel="score", ylim=(0, 1.15))
axes[0].set_ylabel("probability")
plt.show()


# %%
def softmax_base(x: Array, base: float, axis: int = -1) -> Array:
    """Softmax to another base: ``base ** x / sum(base ** x)``.

    Args:
        x: finite scores, at least 1-D, for example (B, C); float32, float64 or integer.
        base: one number above 0, float or int.
        axis: the axis of the classes; may be negative.

    Returns:
        Probabilities, shape of ``x``, dtype of ``x`` (float64 for integers).

    Raises:
        ValueError: ``base`` is not above 0.
        numpy.exceptions.AxisError: ``x`` has no such axis.

    Source:
        ``base ** x == exp(x * log(base))``.

    >>> softmax_base(np.array([0.0, 1.0, 3.0]), base=2).round(3)
    array([0.091, 0.182, 0.727])
    """
    # BEGIN SOLUTION
    # math.log gives a Python float, which leaves float32 alone; np.log would promote it.
    return softmax(as_float(x) * math.log(base), axis)
    # END SOLUTION


# %% [markdown]
# ## 1.5 `sigmoid(x)`
#
# With two classes only the difference of the scores counts. Fix the second score at 0, and the
# first probability becomes the logistic function, in deep learning called *sigmoid*:
#
# $$\sigma(x) = \operatorname{softmax}([x, 0])_1 = \frac{e^x}{e^x + 1} = \frac{1}{1 + e^{-x}}$$
#
# It works elementwise on an array of any shape, 0-dimensional ones included.
#
# **Worked example.** $\sigma(0) = 0.5$. For $x = \ln 3$ it is $3 / 4 = 0.75$, for $x = -\ln 3$ it
# is $0.25$: $\sigma(x) + \sigma(-x) = 1$.
#
# **The numeric trap.** The two quotients are equal on paper. Only one of them survives $x = 1000$.
#
# **Why one wants it.** Yes-or-no predictions, and the gates of recurrent networks.

# %%
curve = np.linspace(-6, 6, 121)
dots = np.linspace(-6, 6, 7)
difference = np.linspace(-800, 800, 161)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True, layout="constrained")
left.plot(curve, 1 / (1 + np.exp(-curve)), label="sigmoid(x)")
left.plot(dots, np.exp(dots) / (np.exp(dots) + np.exp(0)), "o", label="softmax([x, 0])[0]")
left.set(title="two scores: only the difference counts", xlabel="x", ylabel="probability")
left.legend()
right.plot(difference, 1 / (1 + 10 ** (-difference / 400)), color="tab:green")
right.set(title="Elo: base 10, 400 points per step", xlabel="rating of A minus rating of B")
for panel in (left, right):
    panel.axhline(0.5, color="gray", linewidth=0.8, linestyle=":")
    panel.axvline(0, color="gray", linewidth=0.8, linestyle=":")
plt.show()


# %%
def sigmoid(x: Array) -> Array:
    """Logistic function ``1 / (1 + exp(-x))``, elementwise; equal to ``softmax([x, 0])[0]``.

    Args:
        x: finite numbers, any shape, also 0-D; float32, float64 or integer.

    Returns:
        Numbers from 0 to 1, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions"
        (2021), for the idea to keep every exponent at or below 0.

    >>> sigmoid(np.array([0.0, math.log(3), -math.log(3), 1000.0, -1000.0])).round(3)
    array([0.5 , 0.75, 0.25, 1.  , 0.  ])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    # 1 / (1 + exp(-x)) for x >= 0 and exp(x) / (1 + exp(x)) below: no exponent is above 0.
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
    # END SOLUTION


# %% [markdown]
# ## 1.6 `elo_win_probability(elo_a, elo_b)`
#
# Chess ratings are scores in disguise. The Elo model (in its logistic form, the usual one today)
# says that player A beats player B with the probability
#
# $$P(A \text{ wins}) = \frac{1}{1 + 10^{-(\text{elo}_a - \text{elo}_b) / 400}}$$
#
# That is the softmax to base 10 of the two ratings divided by 400. A draw counts as half a win.
#
# **Worked example.** Equal ratings give 0.5. A lead of 400 points gives
# $1 / (1 + 0.1) = 10/11 \approx 0.909$, a lead of 200 points about 0.760, and a deficit of 200
# points about 0.240.
#
# The two arguments are numbers or arrays that broadcast against each other: shapes `(3, 1)` and
# `(4,)` give a table of shape `(3, 4)`. Any finite ratings are legal, also far outside chess.


# %%
def elo_win_probability(elo_a: Array, elo_b: Array) -> Array:
    """Probability that A beats B in the Elo model: ``1 / (1 + 10 ** (-(elo_a - elo_b) / 400))``.

    Args:
        elo_a: finite ratings of A, any shape; float32, float64 or integer.
        elo_b: finite ratings of B; its shape broadcasts with that of ``elo_a``.

    Returns:
        Probabilities, the broadcast shape, float32 or float64 (float64 for integers).

    Raises:
        ValueError: the two shapes do not broadcast.

    Source:
        Glickman, "A Comprehensive Guide to Chess Ratings" (1995).

    >>> elo_win_probability(np.array([1500, 1900, 1700]), np.array(1500)).round(3)
    array([0.5  , 0.909, 0.76 ])
    """
    # BEGIN SOLUTION
    return sigmoid((as_float(elo_a) - as_float(elo_b)) * (math.log(10) / 400))
    # END SOLUTION


# %% [markdown]
# ## 1.7 `hardmax(x, axis=-1)`
#
# Softmax is a soft version of this function: 1 for the largest score, 0 for all others (*one-hot*).
# Multiply the scores by a growing factor, and softmax approaches hardmax.
#
# **Convention.** When several scores are equally large, the **first** one wins, as in `np.argmax`.
# (The other convention shares the 1 among them; it is the limit of softmax, but no longer a one-hot
# vector.)
#
# **Worked example.** $[2, 5, 5, 1]$ gives $[0, 1, 0, 0]$.
#
# The result is a float array like that of softmax, not integers and not booleans.


# %%
def hardmax(x: Array, axis: int = -1) -> Array:
    """One-hot vector of the largest score of each sample; the first one wins a tie.

    Args:
        x: scores, at least 1-D, for example (B, C); float32, float64 or integer.
        axis: the axis of the classes; may be negative.

    Returns:
        Zeros and ones, shape of ``x``, dtype of ``x`` (float64 for integers).

    Raises:
        numpy.exceptions.AxisError: ``x`` has no such axis.

    Source:
        The definition above; ties as in ``np.argmax``.

    >>> hardmax(np.array([2, 5, 5, 1]))
    array([0., 1., 0., 0.])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    y = np.zeros_like(x)
    np.put_along_axis(y, x.argmax(axis=axis, keepdims=True), 1, axis=axis)
    return y
    # END SOLUTION


# %% [markdown]
# ## 1.8 `logsumexp(x, axis=-1)`
#
# The logarithm of softmax's denominator:
#
# $$\operatorname{logsumexp}(x) = \ln \sum_j e^{x_j}$$
#
# The class axis disappears: `(B, C)` becomes `(B,)`.
#
# **Worked example.** $[0, \ln 2, \ln 5]$ gives $\ln(1 + 2 + 5) = \ln 8 \approx 2.079$. The result
# is always a bit above the largest score: a soft maximum, as its gradient, the softmax, is a soft
# argmax.
#
# **Stable.** $[1000, 1000]$ gives $1000 + \ln 2$, and $[-1000, -1000]$ gives $-1000 + \ln 2$.
#
# **Entries of $-\infty$ are legal.** A score of $-\infty$ is the logarithm of the probability 0,
# for example a masked word. It adds $e^{-\infty} = 0$ to the sum. A row of nothing but $-\infty$
# gives $-\infty$, not `nan`.
#
# **Why one wants it.** It adds probabilities that are so small that only their logarithms can be
# stored.


# %%
def logsumexp(x: Array, axis: int = -1) -> Array:
    """Logarithm of a sum of exponentials: ``log(sum(exp(x)))`` over one axis.

    Args:
        x: scores, at least 1-D, for example (B, C); finite or -inf; float32, float64 or integer.
        axis: the axis of the classes, which is summed away; may be negative.

    Returns:
        Shape of ``x`` without ``axis``, dtype of ``x`` (float64 for integers); -inf where all
        entries are -inf.

    Raises:
        numpy.exceptions.AxisError: ``x`` has no such axis.

    Source:
        Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions"
        (2021).

    >>> logsumexp(np.array([[0.0, math.log(2), math.log(5)], [-np.inf, 7.0, -np.inf]])).round(3)
    array([2.079, 7.   ])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    largest = x.max(axis=axis, keepdims=True)
    # A row of only -inf is shifted by 0, because -inf minus -inf would be nan.
    shift = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):  # log(0) = -inf is the right answer for such a row.
        y: Array = np.log(np.exp(x - shift).sum(axis=axis, keepdims=True)) + shift
    return y.squeeze(axis=axis)
    # END SOLUTION


# %% [markdown]
# ## 1.9 `log_softmax(x, axis=-1)`
#
# Losses need the logarithm of probabilities:
#
# $$\ln \operatorname{softmax}(x)_i = x_i - \ln \sum_j e^{x_j}$$
#
# **Worked example.** $[0, \ln 3]$ gives $[\ln 0.25, \ln 0.75] \approx [-1.386, -0.288]$. And
# $[0, -1000]$ gives $[0, -1000]$ up to rounding.
#
# **The numeric trap.** The probability of the score $-1000$ is too small for float64, so it becomes
# 0 and its logarithm $-\infty$. The figure shows what happens to the score $-s$ beside a score 0:
# the logarithm of the finished softmax ends where the probability underflows, and a small constant
# inside the logarithm puts a floor under it. The true value just goes on.
#
# The result has the shape of `x`. Its entries are never positive.

# %%
gap = np.linspace(0, 1000, 501)
second = np.exp(-gap) / (1 + np.exp(-gap))
with np.errstate(divide="ignore"):
    curves = {"log(p)": np.log(second), "log(p + 1e-12)": np.log(second + 1e-12)}
fig, panel = plt.subplots(figsize=(6, 2.8), layout="constrained")
panel.plot(gap, -gap - np.log1p(np.exp(-gap)), color="lightgray", linewidth=6, label="true value")
for label, values in curves.items():
    panel.plot(gap, values, label=label)
panel.set(xlabel="s, for the scores [0, -s]", ylabel="log-probability of the second class")
panel.legend()
plt.show()


# %%
def log_softmax(x: Array, axis: int = -1) -> Array:
    """Logarithm of softmax: ``x - log(sum(exp(x)))``, without forming the probabilities.

    Args:
        x: finite scores, at least 1-D, for example (B, C); float32, float64 or integer.
        axis: the axis of the classes; may be negative.

    Returns:
        Log-probabilities in nats, at most 0, shape of ``x``, dtype of ``x`` (float64 for integers).

    Raises:
        numpy.exceptions.AxisError: ``x`` has no such axis.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 6.2.2.3.

    >>> log_softmax(np.array([[0.0, math.log(3)], [0.0, -1000.0]])).round(3)
    array([[-1.386e+00, -2.880e-01],
           [ 0.000e+00, -1.000e+03]])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    # Shifting first keeps full precision: x - logsumexp(x) would subtract two large numbers.
    z = x - x.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    # END SOLUTION


# %% [markdown]
# ## 1.10 `softmax_jacobian(x)`
#
# Now the derivatives. Every probability depends on **every** score, through the common denominator:
#
# $$J_{ij} = \frac{\partial y_i}{\partial x_j} = y_i (\delta_{ij} - y_j)$$
#
# Here $y = \operatorname{softmax}(x)$, and $\delta_{ij}$ is 1 for $i = j$ and 0 otherwise. For one
# sample `x` of shape `(C,)` the result has the shape `(C, C)`. The argument is the **scores**, not
# the probabilities.
#
# **Worked example.** $x = [0, \ln 3]$ has $y = [0.25, 0.75]$, and $0.25 \cdot 0.75 = 0.1875$, so
#
# $$J = \begin{pmatrix} 0.1875 & -0.1875 \\ -0.1875 & 0.1875 \end{pmatrix}$$
#
# Each row sums to 0. Why must that be so? (Think of `shift_changes_output`.)


# %%
def softmax_jacobian(x: Array) -> Array:
    """All derivatives of softmax at one sample: ``J[i, j] = y[i] * ((i == j) - y[j])``.

    Args:
        x: finite scores of one sample, shape (C,); float32, float64 or integer.

    Returns:
        Derivative of probability i for score j, shape (C, C), dtype of ``x`` (float64 for
        integers).

    Source:
        Quotient rule on ``y = exp(x) / sum(exp(x))``.

    >>> softmax_jacobian(np.array([0.0, math.log(3)])).round(4)
    array([[ 0.1875, -0.1875],
           [-0.1875,  0.1875]])
    """
    # BEGIN SOLUTION
    y = softmax(x)
    return np.diag(y) - np.outer(y, y)
    # END SOLUTION


# %% [markdown]
# ## 1.11 `softmax_backward(grad, y, axis=-1)`
#
# Training never needs the whole Jacobian. Backpropagation arrives with `grad`, the gradient
# $g_i = \partial L / \partial y_i$ of a loss for the **output**, and wants
# $\partial L / \partial x_j$, the gradient for the **input**:
#
# $$\frac{\partial L}{\partial x_j} = \sum_i g_i J_{ij} = y_j \Bigl( g_j - \sum_i g_i y_i \Bigr)$$
#
# This is a *vector-Jacobian product*: per sample it costs $C$ instead of $C^2$ steps.
#
# **Convention.** The second argument is the output `y = softmax(x, axis)`, which the forward pass
# has computed already, and not the scores `x`. `grad`, `y` and the result have one shape, such as
# `(B, C)`.
#
# **Worked example.** $y = [0.2, 0.3, 0.5]$ and $g = [1, 0, 0]$: the inner sum is $0.2$, so the
# result is $[0.2 \cdot 0.8, \; 0.3 \cdot (-0.2), \; 0.5 \cdot (-0.2)] = [0.16, -0.06, -0.10]$. It
# sums to 0.


# %%
def softmax_backward(grad: Array, y: Array, axis: int = -1) -> Array:
    """Gradient for the scores from the gradient for the probabilities.

    Formula: ``y * (grad - sum(grad * y))``, the sum over the classes of each sample.

    Args:
        grad: gradient of the loss for ``y``, shape of ``y``; float32, float64 or integer.
        y: output of ``softmax(x, axis)``, at least 1-D, for example (B, C).
        axis: the axis of the classes; may be negative.

    Returns:
        Gradient of the loss for ``x``, shape of ``y``; the common float dtype of ``grad`` and
        ``y`` (float64 for integers).

    Raises:
        numpy.exceptions.AxisError: ``y`` has no such axis.

    Source:
        ``grad @ softmax_jacobian(x)``, multiplied out.

    >>> softmax_backward(np.array([1.0, 0.0, 0.0]), np.array([0.2, 0.3, 0.5])).round(3)
    array([ 0.16, -0.06, -0.1 ])
    """
    # BEGIN SOLUTION
    grad, y = as_float(grad), as_float(y)
    return y * (grad - (grad * y).sum(axis=axis, keepdims=True))
    # END SOLUTION


# %% [markdown]
# ## 1.12 `log_softmax_backward(grad, log_y, axis=-1)`
#
# The same for log-softmax. From $\ln y_i = x_i - \ln \sum_j e^{x_j}$ follows
# $\partial \ln y_i / \partial x_j = \delta_{ij} - y_j$, and with
# $g_i = \partial L / \partial \ln y_i$:
#
# $$\frac{\partial L}{\partial x_j} = g_j - y_j \sum_i g_i$$
#
# **Convention.** The second argument is the output `log_y = log_softmax(x, axis)`. The sum runs
# over the classes of one sample; there is no mean.
#
# **Worked example.** $\ln y = [\ln 0.2, \ln 0.3, \ln 0.5]$ and $g = [1, 0, 0]$ give
# $[0.8, -0.3, -0.5]$. For the loss $L = -\ln y_1$, so $g = [-1, 0, 0]$, this is *probabilities
# minus one-hot*: the gradient of cross-entropy, which is the subject of the next assignment.


# %%
def log_softmax_backward(grad: Array, log_y: Array, axis: int = -1) -> Array:
    """Gradient for the scores from the gradient for the log-probabilities.

    Formula: ``grad - exp(log_y) * sum(grad)``, the sum over the classes of each sample.

    Args:
        grad: gradient of the loss for ``log_y``, shape of ``log_y``; float32, float64 or integer.
        log_y: output of ``log_softmax(x, axis)``, at least 1-D, for example (B, C).
        axis: the axis of the classes; may be negative.

    Returns:
        Gradient of the loss for ``x``, shape of ``log_y``; the common float dtype of ``grad`` and
        ``log_y`` (float64 for integers).

    Raises:
        numpy.exceptions.AxisError: ``log_y`` has no such axis.

    Source:
        Chain rule on ``x - log(sum(exp(x)))``.

    >>> log_softmax_backward(np.array([1.0, 0.0, 0.0]), np.log([0.2, 0.3, 0.5])).round(3)
    array([ 0.8, -0.3, -0.5])
    """
    # BEGIN SOLUTION
    grad, log_y = as_float(grad), as_float(log_y)
    return grad - np.exp(log_y) * grad.sum(axis=axis, keepdims=True)
    # END SOLUTION


# %% [markdown]
# ## 1.13 `torch_softmax(x, dim=-1)`
#
# The same function in PyTorch, where autograd finds the gradient. The formula is that of 1.2;
# PyTorch calls the axis `dim`.
#
# - Build it from exponential, maximum, sum, logarithm and arithmetic. PyTorch's own `softmax`,
#   `log_softmax`, `logsumexp` and `logaddexp` (as functions, methods or modules) are not allowed:
#   the grader records which operators run, and half of the points are for doing without them.
# - The result is a tensor with the shape, dtype and device of `x`. An integer tensor gives
#   PyTorch's default float dtype, as `torch.exp` does.
# - The result stays connected to `x`, so that `backward()` gives the right gradient, also for
#   scores of 1000 or -1000.
# - The input is never modified, and there is no Python loop over samples.
#
# **Worked example.** For `x = torch.tensor([0.0, math.log(3)], requires_grad=True)` the output is
# $[0.25, 0.75]$. After `torch_softmax(x)[0].backward()`, `x.grad` is $[0.1875, -0.1875]$, the first
# row of the Jacobian in 1.10.


# %%
def torch_softmax(x: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Probabilities from scores: ``exp(x) / sum(exp(x))`` over the classes of each sample.

    Args:
        x: finite scores, at least 1-D, for example (B, C); any float or integer dtype, any device.
        dim: the dimension of the classes; may be negative.

    Returns:
        Probabilities, shape, device and dtype of ``x`` (default float dtype for integers), with
        right gradients for all finite scores.

    Raises:
        IndexError: ``x`` has no such dimension.

    Source:
        As for ``softmax``.

    >>> torch_softmax(torch.tensor([0.0, math.log(3)]))
    tensor([0.2500, 0.7500])
    """
    # BEGIN SOLUTION
    # The shift changes nothing, so its gradient is 0: detach saves autograd the work.
    e = torch.exp(x - x.detach().max(dim=dim, keepdim=True).values)
    return e / e.sum(dim=dim, keepdim=True)
    # END SOLUTION


# %% [markdown]
# ## 1.14 `torch_log_softmax(x, dim=-1)`
#
# The logarithm of softmax in PyTorch, with the rules of 1.13.
#
# **Worked example.** For `x = torch.tensor([0.0, math.log(3)], requires_grad=True)` the output is
# $[-1.386, -0.288]$. After `torch_log_softmax(x)[0].backward()`, `x.grad` is $[0.75, -0.75]$: the
# formula of 1.12 for $g = [1, 0]$.
#
# **The numeric trap, one level up.** Autograd differentiates the steps that you wrote, not the
# formula that you meant. A value can be right while its gradient is `nan`: if a step has the
# derivative $1 / 0 = \infty$ and the next one $0$, the chain rule multiplies them. Look at the
# gradient for the scores $[0, -1000]$, not only at the value.


# %%
def torch_log_softmax(x: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Logarithm of softmax: ``x - log(sum(exp(x)))``, without forming the probabilities.

    Args:
        x: finite scores, at least 1-D, for example (B, C); any float or integer dtype, any device.
        dim: the dimension of the classes; may be negative.

    Returns:
        Log-probabilities in nats, shape, device and dtype of ``x`` (default float dtype for
        integers), with right gradients for all finite scores.

    Raises:
        IndexError: ``x`` has no such dimension.

    Source:
        As for ``log_softmax``.

    >>> torch_log_softmax(torch.tensor([0.0, math.log(3)]))
    tensor([-1.3863, -0.2877])
    """
    # BEGIN SOLUTION
    z = x - x.detach().max(dim=dim, keepdim=True).values
    return z - torch.log(torch.exp(z).sum(dim=dim, keepdim=True))
    # END SOLUTION
