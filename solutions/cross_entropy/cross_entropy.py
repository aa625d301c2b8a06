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
# # 2 Cross-entropy: likelihood, information, classification losses
#
# A classifier gives a probability to every class. How good are these probabilities, given what
# really happened? This notebook builds the answer step by step: the likelihood of data, the
# information in an outcome, entropy and cross-entropy, and from there the losses that nearly every
# classifier is trained with, with their gradients.
#
# **Letters for shapes:** `n` outcomes, `N` samples in a batch, `C` classes, `d1, ...` further
# positions of one sample, such as the pixels of an image. "One number" is a result without axes.
#
# **What every NumPy function of this notebook keeps to:**
# - It takes arrays and returns an `np.ndarray` of the shape and dtype that its section names, or
#   one number where the section says so.
# - "Any shape" includes `()`, an array without axes. Arithmetic on such an array gives a NumPy
#   scalar, into which nothing can be written (`y[y < 0] = 0` fails); `np.where` works for both.
# - float32 stays float32, float64 stays float64, integers are promoted to float64. The helper
#   `as_float` below does this. Constants count too: `math.log(2)` is a number of Python and leaves
#   float32 alone, `np.log(2)` and `np.ones(3)` are float64 and do not.
# - The input is never modified, and there is no Python loop over samples.
# - Results are right for every legal input, also for a probability of 0 and for scores such as 1000
#   or -1000. NumPy may print a warning on the way; a warning costs nothing, a wrong `nan` does.
# - $\log$ and $\ln$ both mean the natural logarithm. A function with an argument `base` takes it to
#   any base above 1: base 2 counts in *bits*, base $e$ in *nats*.
# - No small constant is added inside a logarithm: float64 results are compared to about twelve
#   digits. Wherever a logarithm meets a zero, the text says what is right.
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


# %% [markdown]
# ## 2.1 `likelihood(p)`
#
# A model gives a probability to everything that can happen. The *likelihood* of data is the
# probability that the model gave to what **did** happen. For `n` independent outcomes it is the
# product
#
# $$L = \prod_{i=1}^{n} p_i$$
#
# Here `p` has the shape `(n,)` and holds the probability of each outcome that occurred. The result
# is one number.
#
# **Worked example.** $p = [0.5, 0.8, 0.25]$ gives $0.5 \cdot 0.8 \cdot 0.25 = 0.1$.
#
# **Why one wants it.** Of two models, the one with the larger likelihood explains the data better.
# Training by *maximum likelihood* looks for the parameters that make it as large as possible.


# %%
def likelihood(p: Array) -> Array:
    """Probability of independent outcomes together: ``p[0] * p[1] * ...``.

    Args:
        p: probability of each outcome that occurred, shape (n,); float32, float64 or integer.

    Returns:
        One number from 0 to 1, dtype of ``p`` (float64 for integers); 1 for no outcomes.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 5.5.

    >>> float(likelihood(np.array([0.5, 0.8, 0.25])))
    0.1
    """
    # BEGIN SOLUTION
    product: Array = as_float(p).prod()
    return product
    # END SOLUTION


# %% [markdown]
# ## 2.2 `log_likelihood(p)`
#
# $$\ln L = \sum_{i=1}^{n} \ln p_i$$
#
# The logarithm is increasing, so the model with the larger likelihood also has the larger
# log-likelihood. `p` has the shape `(n,)` again, and the result is one number.
#
# **Why one wants it.** A sum is easier to differentiate than a product, and to store: 1000 outcomes
# of probability $0.1$ have the likelihood $10^{-1000}$, which is 0 in float64, and the
# log-likelihood $-2302.6$.
#
# **Worked example.** $p = [0.5, 0.8, 0.25]$ gives $-0.693 - 0.223 - 1.386 = -2.303 = \ln 0.1$.
#
# One outcome with probability 0 makes the result $-\infty$: the model said "impossible", and it
# happened.


# %%
def log_likelihood(p: Array) -> Array:
    """Logarithm of the likelihood of independent outcomes: ``log(p[0]) + log(p[1]) + ...``.

    Args:
        p: probability of each outcome that occurred, shape (n,); float32, float64 or integer.

    Returns:
        One number, at most 0, in nats, dtype of ``p`` (float64 for integers); -inf where some
        probability is 0.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 5.5.

    >>> float(log_likelihood(np.array([0.5, 0.8, 0.25])).round(3))
    -2.303
    """
    # BEGIN SOLUTION
    with np.errstate(divide="ignore"):  # log(0) = -inf is the right answer.
        total: Array = np.log(as_float(p)).sum()
    return total
    # END SOLUTION


# %% [markdown]
# ## 2.3 Which model is better? `p_data_m`, `p_data_q`, `better_model`
#
# Two players A and B play 5 games, and A wins all 5. Model M says that A wins a game with
# probability 0.5, model Q says 0.8. Both take the games for independent.
#
# - `p_data_m`: the likelihood of these 5 games under model M.
# - `p_data_q`: the likelihood of these 5 games under model Q.
# - `better_model`: the model with the larger likelihood, `"M"` or `"Q"`.
#
# Write the two numbers as expressions, such as `0.25 * 0.25`: rounded ones do not count.

# %%
p_data_m = 0.5**5  # SOLUTION
p_data_q = 0.8**5  # SOLUTION
better_model = "Q"  # SOLUTION

# %% [markdown]
# ## 2.4 `surprise(p, base=math.e)`
#
# How much do we learn when something happens? Nothing if it was certain, much if it was improbable.
# The *surprise* (also *information content* or *self-information*) of an outcome with probability
# $p$ is
#
# $$I(p) = -\log_b p$$
#
# Two independent outcomes have the probability $p_1 p_2$, so their surprises add up. `p` has any
# shape, and so has the result: elementwise.
#
# **Worked example.** Base 2: $p = [1/2, 1/4, 1/8]$ gives $[1, 2, 3]$ bits, as many as fair coins
# that all land heads. Base $e$ gives $[0.693, 1.386, 2.079]$ nats.
#
# **The ends.** $p = 1$ gives 0, and $p = 0$ gives $+\infty$.
#
# **Why one wants it.** It is what a model pays for each outcome: the loss of a language model on one
# word is its surprise about that word.


# %%
def surprise(p: Array, base: float = math.e) -> Array:
    """Information content ``-log(p)`` of outcomes, to any base; elementwise.

    Args:
        p: probabilities, any shape; float32, float64 or integer.
        base: of the logarithm, one number above 1, float or int; 2 for bits, e for nats.

    Returns:
        Numbers from 0 to inf, shape of ``p``, dtype of ``p`` (float64 for integers).

    Source:
        Shannon, "A Mathematical Theory of Communication" (1948), sections 1 and 6.

    >>> surprise(np.array([0.5, 0.25, 0.125, 0.0]), base=2)
    array([ 1.,  2.,  3., inf])
    """
    # BEGIN SOLUTION
    with np.errstate(divide="ignore"):  # -log(0) = inf is the right answer.
        # math.log gives a Python float, which leaves float32 alone; np.log would promote it.
        return np.log(as_float(p)) / -math.log(base)
    # END SOLUTION


# %% [markdown]
# ## 2.5 `expectation(x, p)`
#
# A random variable takes the value $x_i$ with probability $p_i$. Its *expectation* is the mean over
# very many draws:
#
# $$\operatorname{E}[x] = \sum_{i=1}^{n} p_i x_i$$
#
# `x` and `p` have the shape `(n,)`, and `p` sums to 1. The result is one number.
#
# **Worked example.** A ticket wins 10 with probability $0.2$ and 0 otherwise: $x = [0, 10]$ and
# $p = [0.8, 0.2]$ give $0.8 \cdot 0 + 0.2 \cdot 10 = 2$.
#
# **Why one wants it.** Entropy, cross-entropy and every training loss are expectations, of a
# surprise or of the loss of one sample.


# %%
def expectation(x: Array, p: Array) -> Array:
    """Expectation ``sum(p * x)`` of a discrete random variable.

    Args:
        x: the values it can take, shape (n,); float32, float64 or integer.
        p: probability of each value, shape (n,); sums to 1.

    Returns:
        One number, the common float dtype of ``x`` and ``p`` (float64 for integers).

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 3.8.

    >>> float(expectation(np.array([0, 10]), np.array([0.8, 0.2])))
    2.0
    """
    # BEGIN SOLUTION
    total: Array = (as_float(p) * as_float(x)).sum()
    return total
    # END SOLUTION


# %% [markdown]
# ## 2.6 `variance(x, p)`
#
# How far do the values lie from their expectation $\mu = \operatorname{E}[x]$? The *variance* is
# the expected squared distance:
#
# $$\operatorname{Var}[x] = \operatorname{E}\bigl[(x - \mu)^2\bigr] = \sum_{i=1}^{n} p_i (x_i - \mu)^2$$
#
# **Convention.** The probabilities are known, so nothing is divided by $n$ or $n - 1$. Those
# formulas estimate a variance from a sample.
#
# **Worked example.** The ticket of 2.5 has $\mu = 2$, so the variance is
# $0.8 \cdot (0 - 2)^2 + 0.2 \cdot (10 - 2)^2 = 3.2 + 12.8 = 16$.
#
# **Why one wants it.** It says how far one draw may be trusted, for example the loss of one batch as
# an estimate of the loss on all data.
#
# **The numeric trap.** On paper, $\operatorname{E}[x^2] - \mu^2$ is the same. For values around a
# million it subtracts two numbers around $10^{12}$ and loses most digits.


# %%
def variance(x: Array, p: Array) -> Array:
    """Variance ``sum(p * (x - mean) ** 2)`` of a discrete random variable.

    Args:
        x: the values it can take, shape (n,); float32, float64 or integer.
        p: probability of each value, shape (n,); sums to 1.

    Returns:
        One number, at least 0, the common float dtype of ``x`` and ``p`` (float64 for integers).

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 3.8.

    >>> float(variance(np.array([0, 10]), np.array([0.8, 0.2])).round(9))
    16.0
    """
    # BEGIN SOLUTION
    return expectation((as_float(x) - expectation(x, p)) ** 2, p)
    # END SOLUTION


# %% [markdown]
# ## 2.7 `entropy(p, base=math.e, axis=-1)`
#
# The *entropy* of a distribution is its expected surprise:
#
# $$H(p) = -\sum_{i=1}^{C} p_i \log_b p_i$$
#
# It measures how uncertain the outcome is: 0 if one class is certain, $\log_b C$ if all `C` classes
# are equally probable. The figure shows it for a coin.
#
# `axis` holds the classes of one distribution and vanishes: `(N, C)` becomes `(N,)`. All other axes
# are batch axes. `p` sums to 1 along `axis`.
#
# **Worked example.** Base 2: $[0.5, 0.25, 0.25]$ gives
# $0.5 \cdot 1 + 0.25 \cdot 2 + 0.25 \cdot 2 = 1.5$ bits, which is $1.040$ nats.
#
# **The numeric trap.** An impossible class adds nothing, since $x \ln x \to 0$ for $x \to 0$. But
# `0.0 * np.log(0.0)` is `0 * -inf`, which is `nan`. So $[1, 0]$ needs some care to get its entropy
# of 0.
#
# **Why one wants it.** No code can store draws from $p$ with fewer than $H(p)$ bits each on
# average. In learning it measures how sure a model is of itself.

# %%
heads = np.linspace(0.001, 0.999, 499)
bits_heads, bits_tails = -np.log2(heads), -np.log2(1 - heads)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
left.plot(heads, bits_heads, label="heads")
left.plot(heads, bits_tails, label="tails")
left.set(title="surprise of each side", xlabel="probability of heads", ylabel="bits", ylim=(0, 8))
left.legend()
right.plot(heads, heads * bits_heads + (1 - heads) * bits_tails, color="tab:green")
right.plot([0, 0.5, 1], [0, 1, 0], "o", color="tab:green")
right.set(title="entropy: the expected surprise", xlabel="probability of heads", ylabel="bits", ylim=(0, 1.1))
plt.show()


# %%
def entropy(p: Array, base: float = math.e, axis: int = -1) -> Array:
    """Entropy ``-sum(p * log(p))`` of distributions, to any base, with ``0 log 0 = 0``.

    Args:
        p: probabilities, at least 1-D, for example (N, C); sum to 1 along ``axis``; float32,
            float64 or integer.
        base: of the logarithm, one number above 1, float or int; 2 for bits, e for nats.
        axis: the axis of the classes, which is summed away; may be negative.

    Returns:
        Numbers from 0 to ``log(C)``, shape of ``p`` without ``axis``, dtype of ``p`` (float64 for
        integers).

    Raises:
        numpy.exceptions.AxisError: ``p`` has no such axis.

    Source:
        Shannon, "A Mathematical Theory of Communication" (1948), section 6.

    >>> entropy(np.array([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]]), base=2)
    array([1.5, 1. ])
    """
    # BEGIN SOLUTION
    p = as_float(p)
    # log(1) = 0 stands in for log(0), whose factor is 0 anyway.
    total: Array = (p * np.log(np.where(p > 0, p, 1))).sum(axis=axis)
    return total / -math.log(base)
    # END SOLUTION


# %% [markdown]
# ## 2.8 `cross_entropy(p, q, base=math.e, axis=-1)`
#
# Outcomes come from $p$, but we believe in $q$. Then the expected surprise is
#
# $$H(p, q) = -\sum_{i=1}^{C} p_i \log_b q_i$$
#
# **Convention.** The first argument is the true distribution, the second the model. The order
# counts: $H(p, q)$ and $H(q, p)$ differ. Both have the same shape, such as `(N, C)`, and `axis`
# vanishes as in 2.7.
#
# **Worked example.** Base 2: $p = [0.5, 0.25, 0.25]$ and $q = [0.25, 0.25, 0.5]$ give
# $0.5 \cdot 2 + 0.25 \cdot 2 + 0.25 \cdot 1 = 1.75$ bits: more than the $1.5$ bits of $p$ itself.
#
# **Zeros.** Where $p_i = 0$ the term is 0, whatever $q_i$ is. Where $q_i = 0 < p_i$ it is
# $+\infty$: the model ruled out what can happen.
#
# **Why one wants it.** With the labels as $p$ and the predictions as $q$ it is *the* loss of
# classification.


# %%
def cross_entropy(p: Array, q: Array, base: float = math.e, axis: int = -1) -> Array:
    """Cross-entropy ``-sum(p * log(q))`` of two distributions, to any base.

    Args:
        p: true probabilities, at least 1-D, for example (N, C); sum to 1 along ``axis``.
        q: probabilities of the model, shape of ``p``; sum to 1 along ``axis``.
        base: of the logarithm, one number above 1, float or int; 2 for bits, e for nats.
        axis: the axis of the classes, which is summed away; may be negative.

    Returns:
        Numbers from 0 to inf, shape of ``p`` without ``axis``; the common float dtype of ``p`` and
        ``q`` (float64 for integers). Terms with ``p == 0`` count 0; inf where ``q == 0 < p``.

    Raises:
        numpy.exceptions.AxisError: ``p`` has no such axis.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 3.13.

    >>> float(cross_entropy(np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5]), base=2))
    1.75
    """
    # BEGIN SOLUTION
    p, q = as_float(p), as_float(q)
    with np.errstate(divide="ignore"):  # log(0) = -inf is right where p > 0.
        log_q = np.log(np.where(p > 0, q, 1))
    total: Array = (p * log_q).sum(axis=axis)
    return total / -math.log(base)
    # END SOLUTION


# %% [markdown]
# ## 2.9 `kl_divergence(p, q, axis=-1)`
#
# How many nats of surprise do we pay for believing in $q$ instead of $p$? The *Kullback-Leibler
# divergence* (also *relative entropy*) is cross-entropy minus entropy:
#
# $$D(p \,\|\, q) = H(p, q) - H(p) = \sum_{i=1}^{C} p_i \ln \frac{p_i}{q_i}$$
#
# It is never negative, and 0 only for $p = q$. It is no distance: $D(p \| q)$ and $D(q \| p)$
# differ. Shapes, argument order and zeros are as in 2.8.
#
# **Worked example.** The two distributions of 2.8 give $1.75 - 1.5 = 0.25$ bits. This function
# counts in nats: $0.25 \cdot \ln 2 = 0.173$.
#
# **Why one wants it.** $H(p)$ does not depend on the model. So minimising the cross-entropy of
# labels and predictions makes the predictions equal to the truth, as far as the model can.


# %%
def kl_divergence(p: Array, q: Array, axis: int = -1) -> Array:
    """Kullback-Leibler divergence ``sum(p * log(p / q))`` of distributions, in nats.

    Args:
        p: true probabilities, at least 1-D, for example (N, C); sum to 1 along ``axis``.
        q: probabilities of the model, shape of ``p``; sum to 1 along ``axis``.
        axis: the axis of the classes, which is summed away; may be negative.

    Returns:
        Numbers from 0 to inf (up to rounding), shape of ``p`` without ``axis``; the common float
        dtype of ``p`` and ``q`` (float64 for integers). Terms with ``p == 0`` count 0; inf where
        ``q == 0 < p``.

    Raises:
        numpy.exceptions.AxisError: ``p`` has no such axis.

    Source:
        Kullback and Leibler, "On Information and Sufficiency" (1951).

    >>> float(kl_divergence(np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])).round(3))
    0.173
    """
    # BEGIN SOLUTION
    return cross_entropy(p, q, axis=axis) - entropy(p, axis=axis)
    # END SOLUTION


# %% [markdown]
# ## 2.10 `one_hot(labels, num_classes)`
#
# A label is an integer from 0 to `C - 1`. As a distribution it puts all probability on one class:
#
# $$\text{one\_hot}(y)_c = \begin{cases} 1 & c = y \\ 0 & \text{otherwise} \end{cases}$$
#
# `labels` has any shape; the result has one more axis at the end, of length `num_classes`: `(N,)`
# becomes `(N, C)`. Some classes may not occur in the batch.
#
# **Convention.** The result is float64, ready for arithmetic. PyTorch's `one_hot` returns int64.
#
# **Worked example.** Labels $[2, 0]$ and 3 classes give $[[0, 0, 1], [1, 0, 0]]$.
#
# **Why one wants it.** With labels as distributions, one formula serves labels and probabilities.


# %%
def one_hot(labels: Array, num_classes: int) -> Array:
    """Labels as distributions: 1 at the label, 0 elsewhere, on a new last axis.

    Args:
        labels: integers from 0 to ``num_classes - 1``, any shape, also 0-D; any integer type.
        num_classes: number of classes, at least 1.

    Returns:
        Zeros and ones, shape of ``labels`` plus ``(num_classes,)``, float64.

    Raises:
        IndexError: a label is ``num_classes`` or larger.

    Source:
        The definition above.

    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    # BEGIN SOLUTION
    rows: Array = np.eye(num_classes)[labels]
    return rows
    # END SOLUTION


# %% [markdown]
# ## 2.11 From one loss per sample to one number
#
# A loss first gives one number for each sample, then they are put together. `reduction` says how,
# as in PyTorch: `"none"` leaves them as they are, `"sum"` adds them up, and `"mean"`, the default,
# averages them. The mean does not grow with the batch, so the learning rate need not change with
# its size. This helper is given; use it in your losses.


# %%
def reduce_loss(losses: Array, reduction: str) -> Array:
    """Losses put together: as they are ("none"), or their "mean" or "sum" over all elements."""
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', not {reduction!r}")
    total: Array = losses.mean() if reduction == "mean" else losses.sum()
    return total


# %% [markdown]
# ## 2.12 `nll_loss(log_probs, targets, weight=None, ignore_index=-100, reduction="mean")`
#
# The *negative log-likelihood* of labels: the surprise of the model about the right class. It takes
# **log-probabilities** of shape `(N, C)`, as log-softmax makes them, and labels `targets` of shape
# `(N,)`. For sample $n$ with label $y_n$:
#
# $$\ell_n = -w_{y_n} \cdot \text{log\_probs}[n, y_n]$$
#
# - `weight`, shape `(C,)`, is the importance $w_c \ge 0$ of each class; without it all are 1.
# - Samples whose label equals `ignore_index` do not count: neither in the sum nor in the mean.
#   With `"none"` their loss is 0. The number may lie outside the classes, like the default -100, or
#   be one of them. At least one sample counts.
# - `reduction="none"` gives shape `(N,)`, `"sum"` and `"mean"` one number.
#
# **Convention (PyTorch's).** The mean is a weighted mean: it divides by the sum of the weights that
# were used, $\sum_n \ell_n / \sum_n w_{y_n}$. The other convention divides by the number of samples.
#
# **Worked example.** `log_probs` is the logarithm of $[[1/2, 1/4, 1/4], [1/8, 1/8, 3/4]]$, the
# labels are $[1, 0]$. The losses are $\ln 4 = 1.386$ and $\ln 8 = 2.079$, their mean is $1.733$.
# With the weights $[1, 3, 1]$ the losses are $3 \ln 4$ and $\ln 8$; the mean is their sum divided by
# $3 + 1$, which is $\tfrac{9}{4} \ln 2 = 1.560$. With the labels $[1, -100]$ and no weights it is
# $1.386$.
#
# **Why one wants it.** Weights balance rare classes; ignored labels stand for padding, or for
# pixels that nobody annotated. The figure compares the loss of one sample with two others: only the
# logarithm makes a sure and wrong prediction as expensive as you like.

# %%
chance = np.linspace(0.005, 1, 400)
fig, panel = plt.subplots(figsize=(6, 2.8), layout="constrained")
panel.plot(chance, -np.log(chance), label="negative log-likelihood: -ln p")
panel.plot(chance, (1 - chance) ** 2, label="squared error: (1 - p)²")
panel.plot(chance, np.where(chance > 0.5, 0, 1), ":", color="gray", label="wrong choice between two classes")
panel.set(xlabel="probability p of the right class", ylabel="loss", ylim=(-0.1, 5))
panel.legend()
plt.show()


# %%
def nll_loss(
    log_probs: Array,
    targets: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """Negative log-likelihood ``-weight[y] * log_probs[n, y]`` of the labels.

    Args:
        log_probs: log-probabilities in nats, shape (N, C), -inf allowed; float32, float64 or
            integer.
        targets: labels, shape (N,), integers from 0 to C - 1 or ``ignore_index``.
        weight: of each class, at least 0, shape (C,); 1 without it.
        ignore_index: label of the samples that do not count.
        reduction: "none", "sum", or "mean": the sum divided by the sum of the weights used.

    Returns:
        Shape (N,) for "none", with 0 for ignored samples, else one number; dtype of ``log_probs``
        (float64 for integers). The mean is nan if every sample is ignored, as in PyTorch.

    Raises:
        ValueError: another ``reduction``.
        IndexError: a label is C or larger.

    Source:
        PyTorch, ``torch.nn.NLLLoss``.

    >>> log_probs = np.log([[1 / 2, 1 / 4, 1 / 4], [1 / 8, 1 / 8, 3 / 4]])
    >>> nll_loss(log_probs, np.array([1, 0]), reduction="none").round(3)
    array([1.386, 2.079])
    >>> float(nll_loss(log_probs, np.array([1, 0]), weight=np.array([1.0, 3.0, 1.0])).round(3))
    1.56
    """
    # BEGIN SOLUTION
    log_probs = as_float(log_probs)
    w = np.ones(log_probs.shape[1]) if weight is None else weight
    used = targets != ignore_index
    y = np.where(used, targets, 0)  # -100 is no column.
    w = np.where(used, w[y], 0).astype(log_probs.dtype)  # (N,)
    # An unused -inf must not meet the factor 0: that would be nan.
    picked = np.where(used, log_probs[np.arange(len(y)), y], 0)  # (N,)
    losses = -w * picked
    if reduction == "mean":
        mean: Array = losses.sum() / w.sum()
        return mean
    return reduce_loss(losses, reduction)
    # END SOLUTION


# %% [markdown]
# ## 2.13 `cross_entropy_loss(logits, targets, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0)`
#
# The loss of classification, from the scores of a model: the cross-entropy of the target
# distribution $p_n$ and the prediction $q_n = \operatorname{softmax}(\text{logits}_n)$,
#
# $$\ell_n = -\sum_{c=1}^{C} w_c \, p_{nc} \ln q_{nc}$$
#
# `logits` has the shape `(N, C)` and holds **scores**, any finite numbers. You wrote `log_softmax`
# and `sigmoid` in assignment 1; stable versions are given below. `targets` is one of two things:
#
# - **labels**, integers of shape `(N,)`. Then $p_n$ is one-hot, and this is `nll_loss` of the
#   log-softmax, with the same `weight`, `ignore_index` and weighted mean.
# - **probabilities**, floats of shape `(N, C)` (*soft targets*). `ignore_index` does not apply, and
#   the mean divides by `N`, with weights or without.
#
# **Label smoothing** mixes the target with the uniform distribution, for labels and probabilities:
#
# $$p'_n = (1 - \varepsilon) \, p_n + \frac{\varepsilon}{C}$$
#
# It replaces $p_n$ in the loss and nothing else: the weighted mean of labels still divides by
# $\sum_n w_{y_n}$, and an ignored sample still counts nothing.
#
# **Convention (PyTorch's).** The mass $\varepsilon$ is spread over all $C$ classes, so the right one
# keeps a share. The other convention spreads it over the $C - 1$ wrong ones.
#
# **Worked example.** The scores $[0, \ln 2, \ln 5]$ have the probabilities $[1/8, 2/8, 5/8]$.
# Label 2 costs $\ln(8/5) = 0.470$. The soft target $[0.5, 0, 0.5]$ costs
# $0.5 \cdot 2.079 + 0.5 \cdot 0.470 = 1.275$. Label 2 with $\varepsilon = 0.3$ becomes
# $[0.1, 0.1, 0.8]$ and costs $0.208 + 0.139 + 0.376 = 0.723$.
#
# **Why one wants it.** Its gradient is as simple as can be (2.15). Label smoothing keeps a model
# from driving its scores to infinity.


# %%
def log_softmax(x: Array, axis: int = -1) -> Array:
    """Logarithm of softmax, from assignment 1: stable for all finite scores."""
    x = as_float(x)
    z = x - x.max(axis=axis, keepdims=True)
    log_y: Array = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    return log_y


def sigmoid(x: Array) -> Array:
    """Logistic function, from assignment 1: stable for all finite numbers."""
    x = as_float(x)
    y: Array = np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
    return y


# %%
def cross_entropy_loss(
    logits: Array,
    targets: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """Cross-entropy ``-sum(weight * target * log_softmax(logits))`` of each sample.

    Args:
        logits: finite scores, shape (N, C); float32, float64 or integer.
        targets: labels, integers of shape (N,); or probabilities, floats of shape (N, C).
        weight: of each class, at least 0, shape (C,); 1 without it.
        ignore_index: label of the samples that do not count; only for labels.
        reduction: "none", "sum", or "mean": the sum divided by the sum of the weights of the
            labels used, for probabilities by N.
        label_smoothing: share of the target, from 0 to 1, that is spread evenly over all classes.

    Returns:
        Shape (N,) for "none", with 0 for ignored samples, else one number, in nats; dtype of
        ``logits`` (float64 for integers).

    Raises:
        ValueError: another ``reduction``.
        IndexError: a label is C or larger.

    Source:
        PyTorch, ``torch.nn.CrossEntropyLoss``; label smoothing: Szegedy et al., "Rethinking the
        Inception Architecture for Computer Vision" (2016), section 7.

    >>> scores = np.log([[1.0, 2.0, 5.0]])
    >>> float(cross_entropy_loss(scores, np.array([2])).round(3))
    0.47
    >>> float(cross_entropy_loss(scores, np.array([[0.5, 0.0, 0.5]])).round(3))
    1.275
    >>> float(cross_entropy_loss(scores, np.array([2]), label_smoothing=0.3).round(3))
    0.723
    """
    # BEGIN SOLUTION
    log_q = log_softmax(logits)  # (N, C)
    classes = log_q.shape[1]
    w = np.ones(classes, log_q.dtype) if weight is None else weight.astype(log_q.dtype)
    if targets.ndim == 2:
        p = targets.astype(log_q.dtype)
        scale = np.ones(len(p), log_q.dtype)  # what a sample adds to the divisor of the mean
        used = scale > 0
    else:
        used = targets != ignore_index
        y = np.where(used, targets, 0)  # -100 is no column.
        p = one_hot(y, classes).astype(log_q.dtype)
        scale = np.where(used, w[y], 0)
    p = (1 - label_smoothing) * p + label_smoothing / classes
    losses = np.where(used, -(w * p * log_q).sum(axis=1), 0)
    if reduction == "mean":
        mean: Array = losses.sum() / scale.sum()
        return mean
    return reduce_loss(losses, reduction)
    # END SOLUTION


# %% [markdown]
# ## 2.14 Losses by hand
#
# Write each answer as an expression, such as `math.log(2) - 1`: rounded numbers do not count. You
# may call your own functions.
#
# ### `loss_medium_house`
# A model sorts houses into the classes 0 "cheap", 1 "medium", 2 "expensive". For one house it gives
# the scores $[1, 2, -1]$. The house is "medium". What is its cross-entropy loss?

# %%
loss_medium_house = math.log(math.exp(1) + math.exp(2) + math.exp(-1)) - 2  # SOLUTION

# %% [markdown]
# ### `nll_of_one_point_five`
# Could one do without softmax, and compare the scores with the one-hot vector by squared error? For
# a sample of class 0 the target is $[1, 0, 0]$. The scores $[1, 0, 0]$ have the squared error 0. The
# scores $[1.5, 0, 0]$ favour the right class even more, yet their squared error is
# $(1.5 - 1)^2 = 0.25$: it punishes a model for being more than right.
#
# What is the negative log-likelihood of class 0 for the scores $[1.5, 0, 0]$, with softmax? Compare
# it with $\ln(e + 2) - 1 = 0.551$, which is that for the scores $[1, 0, 0]$.

# %%
nll_of_one_point_five = math.log(math.exp(1.5) + 2) - 1.5  # SOLUTION

# %% [markdown]
# ## 2.15 `cross_entropy_loss_backward(logits, targets, reduction="mean")`
#
# For one sample, the derivative of $\ell = -\sum_c p_c \ln q_c$ for its scores $x$ is
#
# $$\frac{\partial \ell}{\partial x_c} = q_c - p_c, \qquad q = \operatorname{softmax}(x)$$
#
# *Softmax minus target*: each score is pushed by exactly as much as its probability is off. Here
# this function starts the backward pass, so it takes no upstream gradient. `targets` are labels
# `(N,)` or probabilities `(N, C)` as in 2.13, and each row of probabilities sums to 1. There are no
# weights, no ignored labels and no smoothing. The result has the shape `(N, C)`.
#
# `reduction` is `"sum"` or `"mean"`: the loss that is differentiated is the sum or the mean over the
# `N` samples. (For `"none"` there would be one loss per sample.)
#
# **Why one wants it.** It is where the backward pass of nearly every classifier starts. However
# wrong a prediction is, its gradient does not vanish.
#
# **Worked example.** The scores $[[0, \ln 3], [0, 0]]$ have the probabilities
# $[[0.25, 0.75], [0.5, 0.5]]$. With the labels $[1, 0]$ the sum has the gradient
# $[[0.25, -0.25], [-0.5, 0.5]]$, the mean half of it.


# %%
def cross_entropy_loss_backward(logits: Array, targets: Array, reduction: str = "mean") -> Array:
    """Gradient of the cross-entropy loss for the scores: ``softmax(logits) - target``.

    Args:
        logits: finite scores, shape (N, C); float32, float64 or integer.
        targets: labels, integers of shape (N,); or probabilities, floats of shape (N, C) whose
            rows sum to 1.
        reduction: "sum", or "mean" over the N samples.

    Returns:
        Gradient of the reduced loss, shape (N, C), dtype of ``logits`` (float64 for integers).

    Raises:
        ValueError: another ``reduction``.
        IndexError: a label is C or larger.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4.

    >>> cross_entropy_loss_backward(np.array([[0.0, math.log(3)], [0.0, 0.0]]), np.array([1, 0])).round(3)
    array([[ 0.125, -0.125],
           [-0.25 ,  0.25 ]])
    """
    # BEGIN SOLUTION
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean' or 'sum', not {reduction!r}")
    q = np.exp(log_softmax(logits))  # (N, C)
    p = one_hot(targets, q.shape[1]) if targets.ndim == 1 else targets
    gradient: Array = q - p.astype(q.dtype)
    return gradient / (len(q) if reduction == "mean" else 1)
    # END SOLUTION


# %% [markdown]
# ## 2.16 `accuracy(logits, labels)`
#
# The share of samples whose largest score belongs to the right class:
#
# $$\frac{1}{N} \sum_{n=1}^{N} \bigl[ \arg\max_c \, \text{logits}_{nc} = y_n \bigr]$$
#
# `logits` has the shape `(N, C)`, `labels` the shape `(N,)`. The result is one number, float64 also
# for float32 scores. Of equal scores the first one counts as the largest, as in `np.argmax`.
#
# **Worked example.** The scores $[[3, 1], [0, 2], [5, 4]]$ predict the classes $[0, 1, 0]$. With the
# labels $[0, 0, 0]$ two of three are right: $0.667$.
#
# **Why one wants it.** It is what people ask for: "how often is it right?" The two questions below
# are about why one does not train on it.


# %%
def accuracy(logits: Array, labels: Array) -> Array:
    """Share of samples whose largest score is that of their label.

    Args:
        logits: scores, shape (N, C); float32, float64 or integer.
        labels: integers from 0 to C - 1, shape (N,).

    Returns:
        One number from 0 to 1, float64.

    Source:
        The definition above; ties as in ``np.argmax``.

    >>> float(accuracy(np.array([[3, 1], [0, 2], [5, 4]]), np.array([0, 0, 0])).round(3))
    0.667
    """
    # BEGIN SOLUTION
    share: Array = (logits.argmax(axis=1) == labels).mean()
    return share
    # END SOLUTION


# %% [markdown]
# ### `accuracy_medium_house`
# What is the accuracy on the one house of 2.14, with the scores $[1, 2, -1]$ and the class 1
# "medium"? Write a number.

# %%
accuracy_medium_house = 1.0  # SOLUTION

# %% [markdown]
# ### `accuracy_gradient`
# Accuracy is what we want in the end. Why not train on it? The largest score of each sample is
# ahead of the others, by however little. What is the gradient of the accuracy for the scores?
#
# - **a** Softmax minus one-hot, as for cross-entropy.
# - **b** 1 for the score of the right class, 0 for the others.
# - **c** 0 for every score.
# - **d** Positive for right predictions, negative for wrong ones.
#
# Answer with one lower-case letter in quotes. Then think about what gradient descent would do.

# %%
accuracy_gradient = "c"  # SOLUTION

# %% [markdown]
# ## 2.17 `bce_loss(p, y, reduction="mean")`
#
# Yes-or-no questions need one probability $p$ instead of two. The label $y$ is 1 for yes and 0 for
# no, and the *binary cross-entropy* is
#
# $$\ell = -\bigl( y \ln p + (1 - y) \ln (1 - p) \bigr)$$
#
# `p` and `y` have one shape, any, and the loss is elementwise; `"mean"` is over all elements. A
# label may lie between 0 and 1: then it is the probability of yes.
#
# **Worked example.** $p = [0.8, 0.5]$ and $y = [1, 0]$ give $-\ln 0.8 = 0.223$ and
# $-\ln 0.5 = 0.693$; their mean is $0.458$.
#
# **Convention (PyTorch's).** Each of the two logarithms is cut off at $-100$, so a certain and wrong
# prediction costs 100. The plain formula gives $\infty$, and for $p = y = 1$ even `nan`, where the
# loss should be 0.
#
# **Why one wants it.** When a model already ends in a sigmoid, its output is such a $p$. Where there
# is a choice, the loss of the next section is better.


# %%
def bce_loss(p: Array, y: Array, reduction: str = "mean") -> Array:
    """Binary cross-entropy ``-(y * log(p) + (1 - y) * log(1 - p))``, logarithms cut off at -100.

    Args:
        p: probabilities of yes, from 0 to 1, any shape; float32, float64 or integer.
        y: labels from 0 to 1, shape of ``p``.
        reduction: "none", "sum" or "mean" over all elements.

    Returns:
        Shape of ``p`` for "none", else one number, in nats; the common float dtype of ``p`` and
        ``y`` (float64 for integers).

    Raises:
        ValueError: another ``reduction``.

    Source:
        PyTorch, ``torch.nn.BCELoss``.

    >>> bce_loss(np.array([0.8, 0.5, 0.0]), np.array([1, 0, 1]), reduction="none").round(3)
    array([  0.223,   0.693, 100.   ])
    """
    # BEGIN SOLUTION
    p, y = as_float(p), as_float(y)
    with np.errstate(divide="ignore"):  # log(0) = -inf is cut off.
        yes, no = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
    return reduce_loss(-(y * yes + (1 - y) * no), reduction)
    # END SOLUTION


# %% [markdown]
# ## 2.18 `bce_with_logits_loss(x, y, pos_weight=None, reduction="mean")`
#
# The same loss from the score $x$ (*logit*), with $p = \sigma(x)$ the sigmoid of $x$, and a weight
# $w$ for the positive class:
#
# $$\ell = -\bigl( w \, y \ln \sigma(x) + (1 - y) \ln (1 - \sigma(x)) \bigr)$$
#
# - `x` and `y` have one shape, any; `y` lies between 0 and 1.
# - `pos_weight` is a number, or an array that broadcasts against `x`, such as `(C,)` for `(N, C)`. It
#   acts on the term of the positive label only; without it $w = 1$.
# - **Convention (PyTorch's).** `"mean"` divides by the number of elements, with `pos_weight` or
#   without. (Compare `nll_loss`.) Labels are 0 and 1; there is another form of this loss for labels
#   -1 and 1.
#
# **Worked example.** $x = [\ln 4, 0]$ has $p = [0.8, 0.5]$. With $y = [1, 0]$ the losses are $0.223$
# and $0.693$ again, and the mean is $0.458$. With `pos_weight=3` it is
# $(3 \cdot 0.223 + 0.693) / 2 = 0.681$.
#
# **The numeric trap.** In float64, $\sigma(40)$ is exactly 1, so $\ln(1 - \sigma(40))$ is $-\infty$;
# its true value is $-40$. There is no need for a cut-off: put $\sigma(x) = 1 / (1 + e^{-x})$ into
# each of the logarithms on paper first. The figure shows where both curves must end up: the loss of
# a wrong prediction grows like $|x|$.
#
# **Why one wants it.** Several labels per sample (a photo can show a cat *and* a dog), rare positive
# classes, the discriminator of a GAN.

# %%
logit = np.linspace(-8, 8, 161)
fig, panel = plt.subplots(figsize=(6, 2.8), layout="constrained")
panel.plot(logit, np.log(1 + np.exp(-logit)), label="label 1")
panel.plot(logit, np.log(1 + np.exp(logit)), label="label 0")
panel.plot(logit, np.abs(logit), ":", color="gray", label="|x|")
panel.axvline(0, color="gray", linewidth=0.8)
panel.set(xlabel="logit x", ylabel="loss", ylim=(-0.3, 8))
panel.legend()
plt.show()


# %%
def bce_with_logits_loss(x: Array, y: Array, pos_weight: Array | float | None = None, reduction: str = "mean") -> Array:
    """Binary cross-entropy of ``sigmoid(x)``, without forming the probability.

    Formula: ``pos_weight * y * log(1 + exp(-x)) + (1 - y) * log(1 + exp(x))``.

    Args:
        x: finite scores (logits), any shape; float32, float64 or integer.
        y: labels from 0 to 1, shape of ``x``.
        pos_weight: factor of the positive term, at least 0: a number, or an array that broadcasts
            against ``x``.
        reduction: "none", "sum" or "mean" over all elements.

    Returns:
        Shape of ``x`` for "none", else one number, in nats; the common float dtype of ``x`` and
        ``y`` (float64 for integers).

    Raises:
        ValueError: another ``reduction``.

    Source:
        PyTorch, ``torch.nn.BCEWithLogitsLoss``.

    >>> x, y = np.array([math.log(4), 0.0, -1000.0]), np.array([1, 0, 1])
    >>> bce_with_logits_loss(x, y, reduction="none").round(3)
    array([2.23e-01, 6.93e-01, 1.00e+03])
    >>> float(bce_with_logits_loss(x[:2], y[:2], pos_weight=3).round(3))
    0.681
    """
    # BEGIN SOLUTION
    x, y = as_float(x), as_float(y)
    w = 1 if pos_weight is None else np.asarray(pos_weight, np.result_type(x, y))
    # logaddexp(0, x) = log(1 + exp(x)) is stable for both signs of x.
    losses = w * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)
    return reduce_loss(losses, reduction)
    # END SOLUTION


# %% [markdown]
# ## 2.19 `bce_with_logits_loss_backward(x, y, reduction="mean")`
#
# The derivative of the loss of 2.18 (without `pos_weight`) for one score:
#
# $$\frac{\partial \ell}{\partial x} = \sigma(x) - y$$
#
# The same pattern as in 2.15. As there, the function takes no upstream gradient, and `reduction` is
# `"sum"` or `"mean"`, the mean over **all elements**. The result has the shape of `x`.
#
# **Worked example.** $x = [\ln 4, 0]$ and $y = [1, 0]$: the sum has the gradient $[-0.2, 0.5]$, the
# mean $[-0.1, 0.25]$.


# %%
def bce_with_logits_loss_backward(x: Array, y: Array, reduction: str = "mean") -> Array:
    """Gradient of the binary cross-entropy for the scores: ``sigmoid(x) - y``.

    Args:
        x: finite scores (logits), any shape; float32, float64 or integer.
        y: labels from 0 to 1, shape of ``x``.
        reduction: "sum", or "mean" over all elements.

    Returns:
        Gradient of the reduced loss, shape of ``x``; the common float dtype of ``x`` and ``y``
        (float64 for integers).

    Raises:
        ValueError: another ``reduction``.

    Source:
        Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.2.

    >>> bce_with_logits_loss_backward(np.array([math.log(4), 0.0]), np.array([1, 0])).round(3)
    array([-0.1 ,  0.25])
    """
    # BEGIN SOLUTION
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean' or 'sum', not {reduction!r}")
    gradient = sigmoid(x) - as_float(y)
    return gradient / (gradient.size if reduction == "mean" else 1)
    # END SOLUTION


# %% [markdown]
# ## 2.20 `kl_div_loss(log_q, p, reduction="batchmean")`
#
# The Kullback-Leibler divergence as a loss. Elementwise it is
#
# $$\ell_{nc} = p_{nc} \, (\ln p_{nc} - \text{log\_q}_{nc})$$
#
# **Convention (PyTorch's), in three points.** The **model comes first**, and as
# **log-probabilities**; the target $p$ comes second, as probabilities. In formulas and in 2.9 the
# order is the reverse. And there are four reductions:
#
# | reduction | result |
# |---|---|
# | `"none"` | $\ell$ itself, shape of `p` |
# | `"sum"` | sum over all elements |
# | `"batchmean"` | that sum divided by the number of samples `N`: the mean divergence |
# | `"mean"` | that sum divided by the number of elements, which is no divergence any more |
#
# `log_q` and `p` have one shape, `(N, C)` or `(N, d1, C)` and so on: the first axis counts the
# samples. Where $p = 0$ the term is 0. `log_q` is finite.
#
# **Worked example.** Sample 0 has $p = [0.5, 0.25, 0.25]$ and $q = [0.25, 0.25, 0.5]$, sample 1 has
# $p = q$. The elements are $[0.347, 0, -0.173]$ and zeros, so the sum is $0.173$, as in 2.9. The
# batch mean is $0.173 / 2 = 0.087$, the mean $0.173 / 6 = 0.029$.
#
# **Why one wants it.** Distillation: a small model learns the probabilities of a large one.


# %%
def kl_div_loss(log_q: Array, p: Array, reduction: str = "batchmean") -> Array:
    """Kullback-Leibler divergence of a model from its targets: ``p * (log(p) - log_q)``.

    Args:
        log_q: finite log-probabilities of the model, at least 1-D, for example (N, C).
        p: target probabilities, shape of ``log_q``.
        reduction: "none", "sum", "batchmean" (sum divided by N) or "mean" (over all elements).

    Returns:
        Shape of ``p`` for "none", else one number, in nats; the common float dtype of ``log_q``
        and ``p`` (float64 for integers). Terms with ``p == 0`` count 0.

    Raises:
        ValueError: another ``reduction``.

    Source:
        PyTorch, ``torch.nn.KLDivLoss`` with ``log_target=False``.

    >>> p, q = np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.25, 0.5]])
    >>> float(kl_div_loss(np.log(q), p).round(3))
    0.173
    """
    # BEGIN SOLUTION
    log_q, p = as_float(log_q), as_float(p)
    losses = p * (np.log(np.where(p > 0, p, 1)) - log_q)
    if reduction == "batchmean":
        mean: Array = losses.sum() / len(p)
        return mean
    return reduce_loss(losses, reduction)
    # END SOLUTION


# %% [markdown]
# ## 2.21 `torch_cross_entropy(logits, targets)`
#
# The loss of 2.13 in PyTorch, where autograd finds the gradient. It is always the mean; there are no
# weights, no ignored labels and no smoothing.
#
# - `logits` has the shape `(N, C)` or `(N, C, d1, ...)`: **the classes are on dimension 1**, also
#   when there are more. An image has the scores `(N, C, height, width)`.
# - `targets` are labels, int64 of shape `(N,)` or `(N, d1, ...)`, or probabilities, floats with the
#   shape of `logits`.
# - The result is the mean over all positions: over $N \cdot d_1 \cdots$ losses. It is a tensor
#   without dimensions, with the dtype and device of `logits`. Integer logits give PyTorch's default
#   float dtype.
# - Build it from exponential, maximum, sum, logarithm, indexing and arithmetic. PyTorch's own
#   `cross_entropy`, `nll_loss` and `log_softmax` (as functions, methods or modules) are not allowed:
#   the grader records which operators run, and half of the points are for doing without them.
# - Value and gradient are right for all finite scores, also 1000 and -1000. The inputs are never
#   modified, and there is no Python loop over samples.
#
# **Worked example.** For `logits = torch.tensor([[0.0, math.log(3)]], requires_grad=True)` and the
# label 1 the loss is $\ln(4/3) = 0.288$. After `backward()`, `logits.grad` is $[[0.25, -0.25]]$, as
# in 2.15.


# %%
def torch_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of targets and ``softmax(logits)``, classes on dimension 1.

    Args:
        logits: finite scores, shape (N, C) or (N, C, d1, ...); any float or integer dtype.
        targets: labels, int64 of shape (N,) or (N, d1, ...); or probabilities, floats with the
            shape of ``logits``.

    Returns:
        The mean over all positions, in nats: a tensor without dimensions, dtype and device of
        ``logits`` (default float dtype for integers), with right gradients for all finite scores.

    Raises:
        RuntimeError: a label is C or larger.

    Source:
        PyTorch, ``torch.nn.functional.cross_entropy``.

    >>> torch_cross_entropy(torch.tensor([[0.0, math.log(3)]]), torch.tensor([1]))
    tensor(0.2877)
    """
    # BEGIN SOLUTION
    # The shift changes nothing, so its gradient is 0: detach saves autograd the work.
    z = logits - logits.detach().amax(dim=1, keepdim=True)
    log_q = z - z.exp().sum(dim=1, keepdim=True).log()
    if targets.is_floating_point():
        return -(targets * log_q).sum(dim=1).mean()
    return -log_q.gather(1, targets.unsqueeze(1)).mean()
    # END SOLUTION


# %% [markdown]
# ## 2.22 `torch_bce_with_logits(x, y, pos_weight=None)`
#
# The loss of 2.18 in PyTorch, always as the mean over all elements.
#
# - `x` and `y` are float tensors of one shape; `pos_weight` is a tensor that broadcasts against `x`.
# - The result is a tensor without dimensions, with the dtype and device of `x`. Value and gradient
#   are right for all finite scores.
# - PyTorch's own `binary_cross_entropy_with_logits` and `binary_cross_entropy` (as functions or
#   modules) are not allowed: half of the points are for doing without them.
#
# **Worked example.** For `x = torch.tensor([math.log(4), 0.0], requires_grad=True)` and the labels
# $[1, 0]$ the loss is $0.458$. After `backward()`, `x.grad` is $[-0.1, 0.25]$, as in 2.19.
#
# **The numeric trap, one level up.** A cut-off makes the loss constant, and the gradient of a
# constant is 0: the samples that the model gets most wrong would teach it nothing. Look at `x.grad`
# for a score of 50 with the label 0, not only at the loss.


# %%
def torch_bce_with_logits(x: torch.Tensor, y: torch.Tensor, pos_weight: torch.Tensor | None = None) -> torch.Tensor:
    """Mean binary cross-entropy of ``sigmoid(x)``, without forming the probability.

    Args:
        x: finite scores (logits), any shape; any float dtype, any device.
        y: labels from 0 to 1, shape and dtype of ``x``.
        pos_weight: factor of the positive term, at least 0; broadcasts against ``x``.

    Returns:
        The mean over all elements, in nats: a tensor without dimensions, dtype and device of
        ``x``, with right gradients for all finite scores.

    Source:
        PyTorch, ``torch.nn.functional.binary_cross_entropy_with_logits``.

    >>> torch_bce_with_logits(torch.tensor([math.log(4), 0.0]), torch.tensor([1.0, 0.0]))
    tensor(0.4581)
    """
    # BEGIN SOLUTION
    zero = torch.zeros_like(x)
    w = 1 if pos_weight is None else pos_weight
    # logaddexp has the right derivative everywhere, at 0 too, where |x| and max(x, 0) have a corner.
    losses = w * y * torch.logaddexp(zero, -x) + (1 - y) * torch.logaddexp(zero, x)
    return losses.mean()
    # END SOLUTION
