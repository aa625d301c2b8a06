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
# # 3 Activations and their derivatives
#
# Between two linear layers stands a function that bends: without it, a hundred layers would be one
# linear map. In this notebook you write the common ones in NumPy, each with its derivative by hand,
# and a few of them in PyTorch. Most answers are one or two lines. They come in families, so what
# you found out for one member helps with the next.
#
# **Letters for shapes:** `N` samples, `D` inputs, `M` outputs (units), `C` channels, `L` positions,
# `K` pieces of a maxout unit.
#
# **What every NumPy function of this notebook keeps to:**
# - An activation works entry by entry on an array of any shape, also a 0-dimensional one, unless
#   its section says otherwise. Arithmetic on an array without axes gives a NumPy scalar, into which
#   nothing can be written (`y[y < 0] = 0` fails); `np.where` works for both.
# - The result is an `np.ndarray` of the right shape and dtype, one number, or a tuple of several
#   arrays, as the section says.
# - float32 stays float32, float64 stays float64, integers are promoted to float64. The helper
#   `as_float` below does this. Options such as `alpha` are Python numbers. Constants count too:
#   `math.sqrt(2)` is a number of Python and leaves float32 alone, `np.sqrt(2)` is float64 and does
#   not.
# - Inputs are never modified, and there is no Python loop over entries or samples.
# - Results are right for every finite input, also for 800 or -800. NumPy may print a warning on the
#   way; a warning costs nothing, a `nan` does.
#
# **What every backward function keeps to:** `NAME_backward(grad, x, ...)` gets the gradient of a
# loss for the **output** of `NAME(x, ...)` and returns the gradient for its **input**, by the chain
# rule:
#
# $$\frac{\partial L}{\partial x} = g \cdot f'(x), \qquad g = \frac{\partial L}{\partial f(x)}$$
#
# `grad` has the shape of the output. The second argument is the input `x`, not the output. (Another
# convention hands over the output, because $\sigma$ and $\tanh$ have short formulas for it.) The
# result has the shape of `x`. `grad` and `x` are of one float dtype, which the result keeps; where one
# or both hold integers, the result is float64.
#
# **At a kink** there is no derivative, and the convention decides. Here it is 0 for ReLU at 0, as
# in PyTorch; each section says what holds for its functions.
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
from torch.nn import functional

Array = npt.NDArray[Any]


def as_float(x: npt.ArrayLike) -> Array:
    """Return ``x`` as a float array: float32 and float64 are kept, integers become float64.

    If nothing has to be converted, this is ``x`` itself and no copy: do not write into it.
    """
    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float64)


# %% [markdown]
# All of them at a glance. The blue line is the function, the dashed one its derivative, drawn with
# PyTorch's own functions and autograd. Come back here when you want to know what a result should
# look like.

# %%
gallery: dict[str, Any] = {
    "step": lambda x: torch.heaviside(x.detach(), torch.zeros(1)),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gaussian": lambda x: torch.exp(-(x**2)),
    "log_sigmoid": functional.logsigmoid,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "leaky_relu, slope 0.1": lambda x: functional.leaky_relu(x, 0.1),
    "prelu, a = 0.25": lambda x: functional.prelu(x, torch.tensor([0.25])),
    "rrelu, evaluation": functional.rrelu,
    "elu": functional.elu,
    "celu, alpha = 2": lambda x: functional.celu(x, 2.0),
    "selu": functional.selu,
    "softplus": functional.softplus,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "srelu": lambda x: x + 0.8 * functional.relu(-1 - x) - 0.5 * functional.relu(x - 2),
    "crelu, first half": functional.relu,
    "crelu, second half": lambda x: functional.relu(-x),
    "maxout of 3 lines": lambda x: torch.stack([-x - 2, 0.3 * x, 2 * x - 3]).amax(0),
}
fig, axes = plt.subplots(4, 5, figsize=(11, 8))
fig.subplots_adjust(hspace=0.45, wspace=0.3)
for panel, (title, activation) in zip(axes.flat, gallery.items(), strict=True):
    points = torch.linspace(-4, 7 if title == "relu6" else 4, 600, requires_grad=True)
    curve = activation(points)
    derivative = torch.zeros_like(points)
    if curve.requires_grad:
        (derivative,) = torch.autograd.grad(curve.sum(), points)
    panel.axhline(0, color="gray", linewidth=0.6)
    panel.axvline(0, color="gray", linewidth=0.6)
    panel.plot(points.detach(), curve.detach(), color="tab:blue")
    panel.plot(points.detach(), derivative, "--", color="tab:orange", linewidth=1.2)
    panel.set_title(title, fontsize=10)
    panel.set_xticks([-4, 0, 4])
plt.show()

# %% [markdown]
# ## 3.1 `step(x, threshold=0)`
#
# The first artificial neurons fired or did not fire:
#
# $$\operatorname{step}(x) = \begin{cases} 1 & x > t \\ 0 & x \le t \end{cases}$$
#
# **Convention.** Exactly at the threshold $t$ the result is **0**. (The other convention, $x \ge t$,
# is as common.) The result is a float array, not a boolean one.
#
# **Worked example.** $[-1, 0, 2]$ gives $[0, 0, 1]$. With `threshold=1.5` also $[1, 1.5, 1.6]$ does.
#
# **Why one does not want it.** Its derivative is 0 wherever it exists: gradient descent would never
# move a weight. This is why it has no backward function, and why the others were invented.


# %%
def step(x: Array, threshold: float = 0) -> Array:
    """Step function: 1 where ``x > threshold``, else 0.

    Args:
        x: numbers, any shape; float32, float64 or integer.
        threshold: one number.

    Returns:
        Zeros and ones, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous activity" (1943).

    >>> step(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 1.])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    return (x > threshold).astype(x.dtype)
    # END SOLUTION


# %% [markdown]
# ## 3.2 Bounded: `sigmoid`, `tanh`, `gaussian`
#
# | function | $f(x)$ | $f'(x)$ |
# |---|---|---|
# | `sigmoid` | $\sigma(x) = \dfrac{1}{1 + e^{-x}} = \dfrac{e^x}{e^x + 1}$ | $\sigma(x) \, (1 - \sigma(x))$ |
# | `tanh` | $\dfrac{e^x - e^{-x}}{e^x + e^{-x}} = 2 \, \sigma(2x) - 1$ | $1 - \tanh(x)^2$ |
# | `gaussian` | $e^{-x^2}$ | $-2 x \, e^{-x^2}$ |
#
# **Worked numbers**, with $g = 1$ for the derivatives:
#
# | $x$ | $\sigma$ | $\sigma'$ | | $x$ | $\tanh$ | $\tanh'$ | | $x$ | gaussian | its derivative |
# |---|---|---|---|---|---|---|---|---|---|---|
# | $0$ | 0.5 | 0.25 | | $0$ | 0 | 1 | | $0$ | 1 | 0 |
# | $\ln 3$ | 0.75 | 0.1875 | | $\ln 2$ | 0.6 | 0.64 | | $1$ | 0.3679 | -0.7358 |
#
# **Mind the argument.** $\sigma(1 - \sigma)$ is written in terms of the *output* $\sigma(x)$, while
# the backward function gets the *input* $x$.
#
# **Mind large numbers.** In float64 `np.exp(800.0)` is `inf`, and `inf / inf` is `nan`. NumPy's own
# `np.tanh` is safe, and you may use it.
#
# **Convention.** Some texts call $e^{-x^2/2}$ the Gaussian activation; here it is $e^{-x^2}$.
#
# **Why one wants them.** Sigmoid for gates and probabilities, tanh for the state of recurrent
# networks, the Gaussian for units that answer to one place only. All three *saturate*: far from 0
# the slope vanishes, and with it the gradient. Ten sigmoids in a row multiply the gradient by at
# most $0.25^{10} \approx 10^{-6}$.


# %%
def sigmoid(x: Array) -> Array:
    """Logistic function ``1 / (1 + exp(-x))``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.

    Returns:
        Numbers from 0 to 1, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions"
        (2021), for the idea to keep every exponent at or below 0.

    >>> sigmoid(np.array([0.0, math.log(3), 800.0, -800.0])).round(4)
    array([0.5 , 0.75, 1.  , 0.  ])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    # 1 / (1 + exp(-x)) for x >= 0 and exp(x) / (1 + exp(x)) below: no exponent is above 0.
    s: Array = np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
    return s
    # END SOLUTION


# %%
def sigmoid_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of sigmoid: ``grad * s * (1 - s)`` with ``s = sigmoid(x)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``sigmoid``, finite, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Quotient rule; ``1 - sigmoid(x) == sigmoid(-x)``.

    >>> sigmoid_backward(np.array([1.0, 4.0]), np.array([0.0, math.log(3)])).round(4)
    array([0.25, 0.75])
    """
    # BEGIN SOLUTION
    # sigmoid(-x) instead of 1 - sigmoid(x) keeps the digits of small slopes.
    return as_float(grad) * sigmoid(x) * sigmoid(-as_float(x))
    # END SOLUTION


# %%
def tanh(x: Array) -> Array:
    """Hyperbolic tangent ``(exp(x) - exp(-x)) / (exp(x) + exp(-x))``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.

    Returns:
        Numbers from -1 to 1, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), for its use in networks.

    >>> tanh(np.array([0.0, math.log(2), 800.0])).round(4)
    array([0. , 0.6, 1. ])
    """
    # BEGIN SOLUTION
    return np.tanh(as_float(x))
    # END SOLUTION


# %%
def tanh_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of tanh: ``grad * (1 - tanh(x) ** 2)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``tanh``, finite, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Quotient rule.

    >>> tanh_backward(np.array([1.0, 100.0]), np.array([0.0, math.log(2)])).round(4)
    array([ 1., 64.])
    """
    # BEGIN SOLUTION
    slope: Array = 1 - tanh(x) ** 2
    return as_float(grad) * slope
    # END SOLUTION


# %%
def gaussian(x: Array) -> Array:
    """Gaussian activation ``exp(-x ** 2)``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.

    Returns:
        Numbers from 0 to 1, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Broomhead and Lowe, "Multivariable functional interpolation and adaptive networks" (1988).

    >>> gaussian(np.array([0.0, 1.0, -1.0])).round(4)
    array([1.    , 0.3679, 0.3679])
    """
    # BEGIN SOLUTION
    y: Array = np.exp(-(as_float(x) ** 2))
    return y
    # END SOLUTION


# %%
def gaussian_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of the Gaussian activation: ``grad * -2 * x * exp(-x ** 2)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``gaussian``, finite, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Chain rule.

    >>> gaussian_backward(np.array([1.0, 1.0]), np.array([1.0, -1.0])).round(4)
    array([-0.7358,  0.7358])
    """
    # BEGIN SOLUTION
    slope: Array = -2 * (as_float(x) * gaussian(x))  # 2 x alone could overflow
    return as_float(grad) * slope
    # END SOLUTION


# %% [markdown]
# ## 3.3 Rectifiers: `relu`, `relu6`, `leaky_relu`
#
# | function | $f(x)$ | $f'(x)$ |
# |---|---|---|
# | `relu` | $\max(x, 0)$ | 1 for $x > 0$, else 0 |
# | `relu6` | $\min(\max(x, 0), 6)$ | 1 for $0 < x < 6$, else 0 |
# | `leaky_relu` | $x$ for $x > 0$, else $s x$ | 1 for $x > 0$, else $s$ |
#
# Here $s$ is `negative_slope`: any number, often 0.01, and now and then above 1.
#
# **At the kinks.** $x = 0$ belongs to the negative side: the derivatives are 0, 0 and $s$. At
# $x = 6$ the derivative of `relu6` is 0. PyTorch does the same. (The other convention, derivative 1
# at 0, is found in some textbooks.)
#
# **Infinite input.** For `relu` alone, `inf` and `-inf` are legal inputs and give `inf` and 0.
# What is `-np.inf * 0`?
#
# **Worked numbers.** The input $[-2, 0, 3, 8]$ with $s = 0.1$, and $g = [5, 5, 5, 5]$:
#
# | | $f(x)$ | backward |
# |---|---|---|
# | `relu` | $[0, 0, 3, 8]$ | $[0, 0, 5, 5]$ |
# | `relu6` | $[0, 0, 3, 6]$ | $[0, 0, 5, 0]$ |
# | `leaky_relu` | $[-0.2, 0, 3, 8]$ | $[0.5, 0.5, 5, 5]$ |
#
# **Mind the dtype.** `np.where(x > 0, 1, 0.1)` is a float64 array, whatever `x` is.
#
# **Why one wants them.** On the positive side the slope is 1, so that gradients pass many layers
# unchanged, and nothing is cheaper to compute. The leak keeps a small gradient for negative inputs.
# The bound of `relu6` suits numbers with few bits, on phones.


# %%
def relu(x: Array) -> Array:
    """Rectified linear unit: ``max(x, 0)``.

    Args:
        x: numbers, also infinite ones, any shape; float32, float64 or integer.

    Returns:
        Numbers of at least 0, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).

    >>> relu(np.array([-2.0, 0.0, 3.0, 8.0, -np.inf]))
    array([0., 0., 3., 8., 0.])
    """
    # BEGIN SOLUTION
    return np.maximum(as_float(x), 0)
    # END SOLUTION


# %%
def relu_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of relu: ``grad`` where ``x > 0``, else 0.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``relu``, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        The derivative 0 at 0 follows PyTorch.

    >>> relu_backward(np.full(4, 5.0), np.array([-2.0, 0.0, 3.0, 8.0]))
    array([0., 0., 5., 5.])
    """
    # BEGIN SOLUTION
    return as_float(grad) * step(x)
    # END SOLUTION


# %%
def relu6(x: Array) -> Array:
    """Rectifier with an upper end: ``min(max(x, 0), 6)``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.

    Returns:
        Numbers from 0 to 6, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10" (2010).

    >>> relu6(np.array([-2.0, 0.0, 3.0, 8.0]))
    array([0., 0., 3., 6.])
    """
    # BEGIN SOLUTION
    return np.clip(as_float(x), 0, 6)
    # END SOLUTION


# %%
def relu6_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of relu6: ``grad`` where ``0 < x < 6``, else 0.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``relu6``, finite, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        The derivative 0 at 0 and at 6 follows PyTorch.

    >>> relu6_backward(np.full(4, 5.0), np.array([-2.0, 3.0, 6.0, 8.0]))
    array([0., 5., 0., 0.])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    slope: Array = ((x > 0) & (x < 6)).astype(x.dtype)
    return as_float(grad) * slope
    # END SOLUTION


# %%
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """Leaky rectifier: ``x`` where ``x > 0``, else ``negative_slope * x``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.
        negative_slope: one number, also above 1.

    Returns:
        Shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models"
        (2013).

    >>> leaky_relu(np.array([-2.0, 0.0, 3.0, 8.0]), negative_slope=0.1)
    array([-0.2,  0. ,  3. ,  8. ])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    return np.where(x > 0, x, negative_slope * x)
    # END SOLUTION


# %%
def leaky_relu_backward(grad: Array, x: Array, negative_slope: float = 0.01) -> Array:
    """Gradient for the input of leaky_relu: ``grad`` where ``x > 0``, else ``negative_slope * grad``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``leaky_relu``, finite, any shape.
        negative_slope: one number, also above 1.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        The derivative ``negative_slope`` at 0 follows PyTorch.

    >>> leaky_relu_backward(np.full(4, 5.0), np.array([-2.0, 0.0, 3.0, 8.0]), negative_slope=0.1)
    array([0.5, 0.5, 5. , 5. ])
    """
    # BEGIN SOLUTION
    grad = as_float(grad)
    return np.where(x > 0, grad, negative_slope * grad)
    # END SOLUTION


# %% [markdown]
# ## 3.4 Slopes that are learned or drawn: `prelu`, `rrelu`
#
# ### `prelu(x, a)`
# The formula of `leaky_relu`, but the slope $a$ is a parameter that training changes. So there are
# two derivatives:
#
# $$\frac{\partial f}{\partial x} = \begin{cases} 1 & x > 0 \\ a & x \le 0 \end{cases}, \qquad
# \frac{\partial f}{\partial a} = \min(x, 0)$$
#
# `a` is an array of shape `(1,)`, one slope for all entries of `x`, or of shape `(C,)`, one slope
# per channel. **Convention.** Axis 1 of `x` holds the channels, as in PyTorch: `x` is `(N, C)` or
# `(N, C, L)`, also with more axes. (Others put the channels last.) With one slope, `x` may have any
# shape of at least one axis.
#
# `prelu_backward(grad, x, a)` returns **two** arrays: the gradient for `x`, of the shape of `x`,
# and the gradient for `a`, of the shape of `a`. A slope is used by many entries, so its gradient is
# the **sum** over all of them.
#
# **Worked example.** For $x = \begin{pmatrix} -2 & 3 \\ -4 & -1 \end{pmatrix}$ and
# $a = [0.5, 0.1]$ the output is $\begin{pmatrix} -1 & 3 \\ -2 & -0.1 \end{pmatrix}$. With $g = 1$
# everywhere, the gradient for $x$ is $\begin{pmatrix} 0.5 & 1 \\ 0.5 & 0.1 \end{pmatrix}$, and that
# for $a$ is $[-2 - 4, \; -1] = [-6, -1]$.
#
# The helper `per_channel` gives `a` a shape that lines up with `x`, for arrays and for tensors.


# %%
def per_channel(a: Any, x: Any) -> Any:
    """``a`` of shape (1,) or (C,) as (C, 1, ..., 1), so that it lines up with axis 1 of ``x``."""
    return a.reshape(-1, *(1,) * (x.ndim - 2))


# %%
def prelu(x: Array, a: Array) -> Array:
    """Rectifier with learned slopes: ``x`` where ``x > 0``, else ``a * x``.

    Args:
        x: finite numbers, (N, C), (N, C, L), ...; any shape but () for one slope; float32, float64
            or integer.
        a: slopes, shape (1,), or (C,) for the channels on axis 1.

    Returns:
        Shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (2015).

    >>> prelu(np.array([[-2.0, 3.0], [-4.0, -1.0]]), np.array([0.5, 0.1]))
    array([[-1. ,  3. ],
           [-2. , -0.1]])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    return np.where(x > 0, x, per_channel(a, x) * x)
    # END SOLUTION


# %%
def prelu_backward(grad: Array, x: Array, a: Array) -> tuple[Array, Array]:
    """Gradients for input and slopes of prelu.

    Formula: ``grad`` or ``a * grad`` for ``x``; the sum of ``grad * min(x, 0)`` for ``a``, over all
    entries that share the slope.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``prelu``, finite, (N, C), (N, C, L), ...; any shape but () for one slope.
        a: slopes, shape (1,), or (C,) for the channels on axis 1.

    Returns:
        Gradient for ``x``, shape of ``x``, and gradient for ``a``, shape of ``a``; float dtype
        of the arguments (float64 for integers).

    Source:
        He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (2015), equations 2 and 3.

    >>> for g in prelu_backward(np.ones((2, 2)), np.array([[-2, 3], [-4, -1]]), np.array([0.5, 0.1])):
    ...     print(g.tolist())
    [[0.5, 1.0], [0.5, 0.1]]
    [-6.0, -1.0]
    """
    # BEGIN SOLUTION
    grad, x = as_float(grad), as_float(x)
    for_slope = grad * np.minimum(x, 0)
    others = tuple(axis for axis in range(x.ndim) if axis != 1 or a.size == 1)
    return np.where(x > 0, grad, per_channel(a, x) * grad), for_slope.sum(axis=others).reshape(a.shape)
    # END SOLUTION


# %% [markdown]
# ### `rrelu(x, lower=1/8, upper=1/3, training=False, rng=None)`
# Here the slope is drawn at random while the network is trained, a fresh one for every entry:
#
# $$f(x) = \begin{cases} x & x > 0 \\ s x & x \le 0 \end{cases}, \qquad
# s \sim \operatorname{Uniform}(\text{lower}, \text{upper})$$
#
# In evaluation (`training=False`) nothing is drawn, and every slope is the mean
# $(\text{lower} + \text{upper}) / 2$.
#
# (The paper divides by a random number from 3 to 8 instead; PyTorch multiplies, as here.)
#
# **Convention.** So that results can be compared, the slopes of a call are exactly
# `rng.uniform(lower, upper, size=x.shape)`: **one** call, one number per entry of `x`, drawn for
# positive entries too, then converted to the dtype of `x`. In training `rng` is always given, an
# `np.random.Generator`; in evaluation it is not touched.
#
# `rrelu_backward(grad, x, lower, upper, training, rng)` needs the slopes of the forward pass. In
# training it gets a generator **in the same state** as the forward pass did, and draws them again.
#
# **Worked example.** In evaluation the slope is $(1/8 + 1/3) / 2 = 11/48$, so $x = -4.8$ gives
# $-1.1$. In training with `rng = np.random.default_rng(0)`, the entries $[-1, 2, -1]$ get the
# slopes $[0.258, 0.181, 0.134]$, and the result is $[-0.258, 2, -0.134]$.
#
# **Why one wants it.** The noise acts against overfitting, much as dropout does.

# %%
chance = np.random.default_rng(1)
entries = chance.uniform(-4, 2, size=400)
drawn = np.choose(entries > 0, [entries * chance.uniform(1 / 8, 1 / 3, size=400), entries])
fig, panel = plt.subplots(figsize=(5, 2.8), layout="constrained")
panel.fill_between([-4, 0], [-1 / 2, 0], [-4 / 3, 0], color="gray", alpha=0.2, label="possible")
panel.plot(entries, drawn, ".", markersize=3, label="training, 400 entries")
panel.plot([-4, 0, 2], [-4 * 11 / 48, 0, 2], color="tab:orange", label="evaluation")
panel.set(xlabel="x", ylabel="rrelu(x)")
panel.legend()
plt.show()


# %%
def rrelu(
    x: Array,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    rng: np.random.Generator | None = None,
) -> Array:
    """Rectifier with random slopes: ``x`` where ``x > 0``, else ``s * x``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.
        lower: smallest slope.
        upper: largest slope, at least ``lower``.
        training: whether slopes are drawn; otherwise each is ``(lower + upper) / 2``.
        rng: source of the slopes ``rng.uniform(lower, upper, size=x.shape)``; needed in training.

    Returns:
        Shape of ``x``, dtype of ``x`` (float64 for integers).

    Raises:
        ValueError: ``training`` without ``rng``.

    Source:
        Xu, Wang, Chen and Li, "Empirical Evaluation of Rectified Activations in Convolutional
        Network" (2015).

    >>> rrelu(np.array([-4.8, 2.0])).round(4)
    array([-1.1,  2. ])
    >>> rrelu(np.array([-1.0, 2.0, -1.0]), training=True, rng=np.random.default_rng(0)).round(3)
    array([-0.258,  2.   , -0.134])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    if not training:
        return leaky_relu(x, (lower + upper) / 2)
    if rng is None:
        raise ValueError("rrelu draws its slopes in training: pass rng.")
    slopes = np.asarray(rng.uniform(lower, upper, size=x.shape)).astype(x.dtype)
    return np.where(x > 0, x, slopes * x)
    # END SOLUTION


# %%
def rrelu_backward(
    grad: Array,
    x: Array,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    rng: np.random.Generator | None = None,
) -> Array:
    """Gradient for the input of rrelu: ``grad`` where ``x > 0``, else ``s * grad``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``rrelu``, finite, any shape.
        lower: smallest slope.
        upper: largest slope, at least ``lower``.
        training: whether slopes were drawn; otherwise each was ``(lower + upper) / 2``.
        rng: a generator in the state that ``rrelu`` was given; needed in training.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Raises:
        ValueError: ``training`` without ``rng``.

    Source:
        As for ``rrelu``.

    >>> rrelu_backward(np.array([4.8, 4.8]), np.array([-4.8, 2.0])).round(4)
    array([1.1, 4.8])
    """
    # BEGIN SOLUTION
    grad, x = as_float(grad), as_float(x)
    if not training:
        return leaky_relu_backward(grad, x, (lower + upper) / 2)
    if rng is None:
        raise ValueError("rrelu draws its slopes in training: pass rng.")
    slopes = np.asarray(rng.uniform(lower, upper, size=x.shape)).astype(x.dtype)
    return np.where(x > 0, grad, slopes * grad)
    # END SOLUTION


# %% [markdown]
# ## 3.5 Exponential: `elu`, `celu`, `selu`
#
# All three are (a multiple of) $x$ for $x > 0$, and approach a negative number for $x \to -\infty$:
#
# | function | $f(x)$ for $x > 0$ | $f(x)$ for $x \le 0$ | $f'(x)$ for $x > 0$ | $f'(x)$ for $x \le 0$ |
# |---|---|---|---|---|
# | `elu` | $x$ | $\alpha (e^x - 1)$ | $1$ | $\alpha e^x$ |
# | `celu` | $x$ | $\alpha (e^{x / \alpha} - 1)$ | $1$ | $e^{x / \alpha}$ |
# | `selu` | $\lambda x$ | $\lambda \alpha (e^x - 1)$ | $\lambda$ | $\lambda \alpha e^x$ |
#
# For `elu` and `celu` the option `alpha` is 1 by default and may be any number above 0. For `selu`
# both constants are fixed; they are given below. At $x = 0$ the column for $x \le 0$ holds.
#
# **Worked numbers**, at $x = -\ln 2$, where $e^x = 1/2$, with $g = 1$:
#
# | | $f$ | $f'$ |
# |---|---|---|
# | `elu`, $\alpha = 1$ | $-0.5$ | $0.5$ |
# | `elu`, $\alpha = 2$ | $-1$ | $1$ |
# | `celu`, $\alpha = 2$, at $x = -2 \ln 2$ | $-1$ | $0.5$ |
# | `selu` | $-0.8790$ | $0.8790$ |
#
# **Mind the branch that is not taken.** `np.where` computes both sides before it chooses. For
# $x = 800$ the other side is `inf`; that costs only a warning here. In the PyTorch part it will
# cost more.
#
# **Why one wants them.** Negative outputs move the mean of the activations towards 0, which helps
# the next layer. `celu` has no kink, whatever $\alpha$ is. The constants of `selu` are chosen so
# that mean 0 and variance 1 reproduce themselves from layer to layer.

# %%
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805  # lambda


# %%
def elu(x: Array, alpha: float = 1.0) -> Array:
    """Exponential linear unit: ``x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.
        alpha: one number above 0.

    Returns:
        Numbers above ``-alpha``, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential
        Linear Units" (2015).

    >>> elu(np.array([-math.log(2), 0.0, 3.0]), alpha=2.0)
    array([-1.,  0.,  3.])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    # expm1 keeps the digits of exp(x) - 1 near 0, the minimum keeps exp from overflowing.
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    # END SOLUTION


# %%
def elu_backward(grad: Array, x: Array, alpha: float = 1.0) -> Array:
    """Gradient for the input of elu: ``grad`` where ``x > 0``, else ``grad * alpha * exp(x)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``elu``, finite, any shape.
        alpha: one number above 0.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        The derivative ``alpha`` at 0 follows PyTorch.

    >>> elu_backward(np.ones(3), np.array([-math.log(2), 0.0, 3.0]), alpha=2.0)
    array([1., 2., 1.])
    """
    # BEGIN SOLUTION
    grad, x = as_float(grad), as_float(x)
    return np.where(x > 0, grad, grad * (alpha * np.exp(np.minimum(x, 0))))
    # END SOLUTION


# %%
def celu(x: Array, alpha: float = 1.0) -> Array:
    """Continuously differentiable elu: ``x`` where ``x > 0``, else ``alpha * (exp(x / alpha) - 1)``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.
        alpha: one number above 0.

    Returns:
        Numbers above ``-alpha``, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Barron, "Continuously Differentiable Exponential Linear Units" (2017).

    >>> celu(np.array([-2 * math.log(2), 0.0, 3.0]), alpha=2.0)
    array([-1.,  0.,  3.])
    """
    # BEGIN SOLUTION
    return alpha * elu(as_float(x) / alpha)
    # END SOLUTION


# %%
def celu_backward(grad: Array, x: Array, alpha: float = 1.0) -> Array:
    """Gradient for the input of celu: ``grad`` where ``x > 0``, else ``grad * exp(x / alpha)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``celu``, finite, any shape.
        alpha: one number above 0.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Barron, "Continuously Differentiable Exponential Linear Units" (2017).

    >>> celu_backward(np.ones(3), np.array([-2 * math.log(2), 0.0, 3.0]), alpha=2.0)
    array([0.5, 1. , 1. ])
    """
    # BEGIN SOLUTION
    return elu_backward(grad, as_float(x) / alpha)
    # END SOLUTION


# %%
def selu(x: Array) -> Array:
    """Self-normalising elu: ``SELU_SCALE * elu(x, SELU_ALPHA)``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.

    Returns:
        Numbers above -1.7581, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural Networks" (2017).

    >>> selu(np.array([-math.log(2), 0.0, 1.0])).round(4)
    array([-0.879 ,  0.    ,  1.0507])
    """
    # BEGIN SOLUTION
    return SELU_SCALE * elu(x, SELU_ALPHA)
    # END SOLUTION


# %%
def selu_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of selu: ``SELU_SCALE * elu_backward(grad, x, SELU_ALPHA)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``selu``, finite, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        As for ``selu``; the derivative at 0 is that of the negative side, as in PyTorch.

    >>> selu_backward(np.ones(3), np.array([-math.log(2), 0.0, 1.0])).round(4)
    array([0.879 , 1.7581, 1.0507])
    """
    # BEGIN SOLUTION
    return SELU_SCALE * elu_backward(grad, x, SELU_ALPHA)
    # END SOLUTION


# %% [markdown]
# ## 3.6 Smooth: `softplus`, `log_sigmoid`, `silu`, `gelu`
#
# | function | $f(x)$ | $f'(x)$ |
# |---|---|---|
# | `softplus` | $\frac{1}{\beta} \ln(1 + e^{\beta x})$ | $\sigma(\beta x)$ |
# | `log_sigmoid` | $\ln \sigma(x) = -\ln(1 + e^{-x})$ | $\sigma(-x)$ |
# | `silu` | $x \, \sigma(x)$ | $\sigma(x) + x \, \sigma(x) (1 - \sigma(x))$ |
# | `gelu` | $x \, \Phi(x)$ | $\Phi(x) + x \, \varphi(x)$ |
#
# The option `beta` of `softplus` is any number above 0. $\Phi$ is the distribution function of the
# standard normal distribution, $\varphi$ its density:
#
# $$\Phi(x) = \tfrac12 \bigl(1 + \operatorname{erf}(x / \sqrt 2)\bigr), \qquad
# \varphi(x) = \frac{1}{\sqrt{2 \pi}} e^{-x^2 / 2}$$
#
# **Conventions.** `gelu` is this exact form. A common approximation replaces $\Phi$ by a tanh; it
# differs by up to 0.0005 and is not accepted here. PyTorch's `softplus` switches to $x$ where
# $\beta x > 20$, which differs from the formula by less than $10^{-8} / \beta$; both are fine.
#
# **Worked numbers**, with $g = 1$ for the derivatives:
#
# | | $x = 0$ | $x = \ln 3$ | | | $x = 1$ | $x = -1$ |
# |---|---|---|---|---|---|---|
# | `softplus` | 0.6931 | $\ln 4 = 1.3863$ | | `gelu` | 0.8413 | -0.1587 |
# | its derivative | 0.5 | 0.75 | | its derivative | 1.0833 | -0.0833 |
# | `softplus`, $\beta = 2$ | 0.3466 | $\frac12 \ln 10 = 1.1513$ | | | | |
# | `log_sigmoid` | -0.6931 | $\ln \frac34 = -0.2877$ | | | | |
# | its derivative | 0.5 | 0.25 | | | | |
# | `silu` | 0 | 0.8240 | | | | |
# | its derivative | 0.5 | 0.9560 | | | | |
#
# **Mind both tails.** `softplus(800)` is 800 and `softplus(-800)` is 0; `log_sigmoid(-800)` is
# -800. A repair for one side often breaks the other. `np.logaddexp` is worth a look.
#
# **Why one wants them.** Softplus makes any number positive, for example a standard deviation;
# log-sigmoid is the log-likelihood of a yes-or-no model. SiLU (also called *swish*) and GELU are
# gates, "x times the probability to keep it", and stand in most of today's language models.
#
# NumPy has no error function, so `erf` is given here. It takes float arrays.

# %%
points = torch.linspace(-5, 4, 500, dtype=torch.float64)
exact = points * torch.special.ndtr(points)
rounded = functional.gelu(points, approximate="tanh")
smooth: dict[str, Any] = {"softplus": functional.softplus, "silu": functional.silu, "gelu": functional.gelu}
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
left.plot([-5, 0, 4], [0, 0, 4], color="lightgray", linewidth=4, label="relu")
for title, function in smooth.items():
    left.plot(points, function(points), label=title, linewidth=1.3)
left.set(xlabel="x", title="relu and three smooth relatives")
left.legend()
right.axhline(0, color="gray", linewidth=0.6)
right.plot(points, 1e4 * (rounded - exact))
right.set(xlabel="x", title="tanh approximation minus exact gelu, times 10000")
plt.show()


# %%
def erf(x: Array) -> Array:
    """The error function, entry by entry; keeps float32 and float64."""
    return np.asarray(torch.erf(torch.tensor(np.array(x, order="C"))).numpy())


# %%
def softplus(x: Array, beta: float = 1.0) -> Array:
    """Smooth rectifier: ``log(1 + exp(beta * x)) / beta``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.
        beta: one number above 0; a large one comes close to relu.

    Returns:
        Numbers of at least 0, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating Second-Order Functional Knowledge
        for Better Option Pricing" (2000).

    >>> softplus(np.array([0.0, math.log(3), 800.0, -800.0])).round(4)
    array([6.9310e-01, 1.3863e+00, 8.0000e+02, 0.0000e+00])
    """
    # BEGIN SOLUTION
    return np.logaddexp(0, beta * as_float(x)) / beta
    # END SOLUTION


# %%
def softplus_backward(grad: Array, x: Array, beta: float = 1.0) -> Array:
    """Gradient for the input of softplus: ``grad * sigmoid(beta * x)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``softplus``, finite, any shape.
        beta: one number above 0.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Chain rule: the factor ``beta`` cancels.

    >>> softplus_backward(np.ones(2), np.array([0.0, math.log(3)])).round(4)
    array([0.5 , 0.75])
    """
    # BEGIN SOLUTION
    return as_float(grad) * sigmoid(beta * as_float(x))
    # END SOLUTION


# %%
def log_sigmoid(x: Array) -> Array:
    """Logarithm of sigmoid: ``-log(1 + exp(-x))``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.

    Returns:
        Numbers of at most 0, in nats, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        ``log_sigmoid(x) == -softplus(-x)``.

    >>> log_sigmoid(np.array([0.0, math.log(3), -1000.0])).round(4)
    array([-6.931e-01, -2.877e-01, -1.000e+03])
    """
    # BEGIN SOLUTION
    return -softplus(-as_float(x))
    # END SOLUTION


# %%
def log_sigmoid_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of log_sigmoid: ``grad * sigmoid(-x)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``log_sigmoid``, finite, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Chain rule on ``-softplus(-x)``.

    >>> log_sigmoid_backward(np.ones(2), np.array([0.0, math.log(3)])).round(4)
    array([0.5 , 0.25])
    """
    # BEGIN SOLUTION
    return as_float(grad) * sigmoid(-as_float(x))
    # END SOLUTION


# %%
def silu(x: Array) -> Array:
    """Sigmoid linear unit, also called swish: ``x * sigmoid(x)``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.

    Returns:
        Numbers of at least -0.2785, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units for Neural Network Function
        Approximation in Reinforcement Learning" (2017).

    >>> silu(np.array([0.0, math.log(3), -1.0])).round(4)
    array([ 0.    ,  0.824 , -0.2689])
    """
    # BEGIN SOLUTION
    return as_float(x) * sigmoid(x)
    # END SOLUTION


# %%
def silu_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of silu: ``grad * (s + x * s * (1 - s))`` with ``s = sigmoid(x)``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``silu``, finite, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Product rule.

    >>> silu_backward(np.ones(2), np.array([0.0, math.log(3)])).round(4)
    array([0.5  , 0.956])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    s = sigmoid(x)
    slope: Array = s + x * s * (1 - s)
    return as_float(grad) * slope
    # END SOLUTION


# %%
def gelu(x: Array) -> Array:
    """Gaussian error linear unit, exact form: ``x / 2 * (1 + erf(x / sqrt(2)))``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.

    Returns:
        Numbers of at least -0.17, shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)" (2016).

    >>> gelu(np.array([0.0, 1.0, -1.0])).round(4)
    array([ 0.    ,  0.8413, -0.1587])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    y: Array = x / 2 * (1 + erf(x / math.sqrt(2)))
    return y
    # END SOLUTION


# %%
def gelu_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of gelu: ``grad * (Phi(x) + x * phi(x))``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``gelu``, finite, any shape.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Product rule; the density ``phi`` is the derivative of the distribution function ``Phi``.

    >>> gelu_backward(np.ones(3), np.array([0.0, 1.0, -1.0])).round(4)
    array([ 0.5   ,  1.0833, -0.0833])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    slope: Array = (1 + erf(x / math.sqrt(2))) / 2 + x * density
    return as_float(grad) * slope
    # END SOLUTION


# %% [markdown]
# ## 3.7 Several pieces: `srelu`, `crelu`, `maxout`
#
# ### `srelu(x, t_left, a_left, t_right, a_right)`
# Three straight pieces, S-shaped. Between two thresholds $t_l \le t_r$ it is $x$; beyond them it
# goes on with the slopes $a_l$ and $a_r$, without a jump:
#
# $$f(x) = \begin{cases} t_l + a_l (x - t_l) & x \le t_l \\ x & t_l < x < t_r \\
# t_r + a_r (x - t_r) & x \ge t_r \end{cases} \qquad
# f'(x) = \begin{cases} a_l & x \le t_l \\ 1 & t_l < x < t_r \\ a_r & x \ge t_r \end{cases}$$
#
# All four are Python numbers. In networks they are learned; the backward function here returns the
# gradient for `x` only.
#
# **Worked example.** $t_l = -1$, $a_l = 0.1$, $t_r = 2$, $a_r = 0.5$ and $x = [-3, 0.5, 4]$ give
# $[-1 + 0.1 \cdot (-2), \; 0.5, \; 2 + 0.5 \cdot 2] = [-1.2, 0.5, 3]$. With $g = 1$ the gradient is
# $[0.1, 1, 0.5]$. With $t_l = 0$, $a_l = 0$, $t_r = 6$, $a_r = 0$ this is `relu6`.
#
# **Convention.** At a threshold the slope is that of the outer piece. (Others take the 1 of the
# middle.)
#
# **Why one wants it.** It can bend up or down on both sides, and training finds where and how far.
# With `relu` all of that is fixed.
#
# ### `crelu(x)`
# ReLU forgets how negative a number was. Concatenated ReLU keeps both halves side by side and
# **doubles the last axis**: `(N, D)` becomes `(N, 2 D)`, for `x` of at least one axis.
#
# $$f(x) = [\operatorname{relu}(x), \; \operatorname{relu}(-x)]$$
#
# `grad` has the doubled shape, too. Each entry of `x` has been used twice, so both of its outputs
# send back a gradient; at 0 both derivatives are 0.
#
# **Worked example.** $[2, -3]$ gives $[2, 0, 0, 3]$. With $g = [1, 2, 3, 4]$ the gradient is
# $[1, -4]$: the output 2 passes its 1 on, and the output 3, which is $-x$, its $-4$.
#
# **Why one wants it.** The first layers of image networks learn filters in pairs of opposite sign;
# with both halves at hand, one of each pair is enough.
#
# ### `maxout(x, w, b)`
# A maxout unit has no fixed shape: it learns $K$ straight lines and takes the largest. For one
# sample $x$ of shape `(D,)`:
#
# $$z_{km} = \sum_d x_d \, w_{kdm} + b_{km}, \qquad f(x)_m = \max_k z_{km}$$
#
# The shapes are `x` `(N, D)`, `w` `(K, D, M)`, `b` `(K, M)`, result `(N, M)`. (The paper puts the
# axis of the pieces last; here it comes first, so that `w[k]` and `b[k]` are one linear layer.)
#
# `maxout_backward(grad, x, w, b)` returns the gradient for `x`, with `grad` of shape `(N, M)`: only
# the winning piece passes it on. When pieces are equal, the **first** one wins, as in `np.argmax`.
#
# $$\frac{\partial L}{\partial x_{nd}} = \sum_m g_{nm} \, w_{k^* d m}, \qquad
# k^* = \operatorname{argmax}_k z_{nkm}$$
#
# Note that $k^*$ depends on $n$ and $m$.
#
# **Worked example.** $D = 2$, $M = 1$, $K = 2$, $x = [1, 2]$: the piece with the weights $[1, 0]$
# and bias 0 gives 1, the one with the weights $[0, 1]$ and bias $-0.5$ gives 1.5. The result is
# 1.5, and with $g = 4$ the gradient is $4 \cdot [0, 1] = [0, 4]$.
#
# **Why one wants it.** With two pieces it can be ReLU, leaky ReLU or the absolute value; with
# enough pieces it comes close to every convex function.

# %%
grid = np.linspace(-3, 3, 200)
lines = {"k = 0: -x - 1": -grid - 1, "k = 1: 0.3 x": 0.3 * grid, "k = 2: 2 x - 2": 2 * grid - 2}
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
left.plot(grid, np.stack(list(lines.values())).max(0), color="lightgray", linewidth=8)
for title, line in lines.items():
    left.plot(grid, line, label=title, linewidth=1.2)
left.set(title="maxout of three lines (gray)", xlabel="x", ylim=(-2.5, 4.5))
left.legend()
for a_left, a_right in [(0.1, 0.5), (0.5, -0.3), (0.0, 1.5)]:
    heights = [-1 - 2 * a_left, -1, 2, 2 + 3 * a_right]
    title = f"slopes {a_left:g} and {a_right:g}"
    right.plot([-3, -1, 2, 5], heights, marker="o", markersize=3, label=title)
right.set(title="srelu with thresholds -1 and 2", xlabel="x")
right.legend()
plt.show()


# %%
def srelu(x: Array, t_left: float, a_left: float, t_right: float, a_right: float) -> Array:
    """S-shaped rectifier: ``x`` between two thresholds, other slopes beyond them.

    Formula: ``t + a * (x - t)`` with the left pair where ``x <= t_left``, and with the right pair
    where ``x >= t_right``.

    Args:
        x: finite numbers, any shape; float32, float64 or integer.
        t_left: threshold on the left.
        a_left: slope on the left.
        t_right: threshold on the right, above ``t_left``.
        a_right: slope on the right.

    Returns:
        Shape of ``x``, dtype of ``x`` (float64 for integers).

    Source:
        Jin et al., "Deep Learning with S-shaped Rectified Linear Activation Units" (2015).

    >>> srelu(np.array([-3.0, 0.5, 4.0]), t_left=-1, a_left=0.1, t_right=2, a_right=0.5)
    array([-1.2,  0.5,  3. ])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    left, right = t_left + a_left * (x - t_left), t_right + a_right * (x - t_right)
    return np.where(x <= t_left, left, np.where(x >= t_right, right, x))
    # END SOLUTION


# %%
def srelu_backward(grad: Array, x: Array, t_left: float, a_left: float, t_right: float, a_right: float) -> Array:
    """Gradient for the input of srelu: ``grad`` times the slope of the piece of ``x``.

    Args:
        grad: gradient for the output, shape of ``x``; float32, float64 or integer.
        x: input of ``srelu``, finite, any shape.
        t_left: threshold on the left.
        a_left: slope where ``x <= t_left``.
        t_right: threshold on the right, above ``t_left``.
        a_right: slope where ``x >= t_right``.

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Jin et al., "Deep Learning with S-shaped Rectified Linear Activation Units" (2015).

    >>> srelu_backward(np.ones(3), np.array([-3.0, 0.5, 4.0]), -1, 0.1, 2, 0.5)
    array([0.1, 1. , 0.5])
    """
    # BEGIN SOLUTION
    grad, x = as_float(grad), as_float(x)
    return np.where(x <= t_left, a_left * grad, np.where(x >= t_right, a_right * grad, grad))
    # END SOLUTION


# %%
def crelu(x: Array) -> Array:
    """Concatenated rectifier: ``[relu(x), relu(-x)]`` along the last axis.

    Args:
        x: finite numbers, at least 1-D, for example (N, D); float32, float64 or integer.

    Returns:
        Numbers of at least 0, (N, 2 D), dtype of ``x`` (float64 for integers).

    Source:
        Shang, Sohn, Almeida and Lee, "Understanding and Improving Convolutional Neural Networks via
        Concatenated Rectified Linear Units" (2016).

    >>> crelu(np.array([2.0, -3.0]))
    array([2., 0., 0., 3.])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    return np.concatenate([relu(x), relu(-x)], axis=-1)
    # END SOLUTION


# %%
def crelu_backward(grad: Array, x: Array) -> Array:
    """Gradient for the input of crelu.

    Formula: the first half of ``grad`` where ``x > 0``, minus the second half where ``x < 0``, 0 at 0.

    Args:
        grad: gradient for the output, (N, 2 D); float32, float64 or integer.
        x: input of ``crelu``, finite, at least 1-D, for example (N, D).

    Returns:
        Gradient for ``x``, shape of ``x``, float dtype of the arguments (float64 for integers).

    Source:
        Sum of the gradients of both uses of ``x``.

    >>> crelu_backward(np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, -3.0]))
    array([ 1., -4.])
    """
    # BEGIN SOLUTION
    x = as_float(x)
    first, second = np.split(as_float(grad), 2, axis=-1)
    return relu_backward(first, x) - relu_backward(second, -x)
    # END SOLUTION


# %%
def maxout(x: Array, w: Array, b: Array) -> Array:
    """Largest of K linear pieces: ``max over k of x @ w[k] + b[k]``.

    Args:
        x: finite numbers, (N, D); float32, float64 or integer.
        w: weights of the pieces, (K, D, M).
        b: biases of the pieces, (K, M).

    Returns:
        (N, M), float dtype of the arguments (float64 for integers).

    Source:
        Goodfellow, Warde-Farley, Mirza, Courville and Bengio, "Maxout Networks" (2013).

    >>> maxout(np.array([[1.0, 2.0]]), np.array([[[1.0], [0.0]], [[0.0], [1.0]]]), np.array([[0.0], [-0.5]]))
    array([[1.5]])
    """
    # BEGIN SOLUTION
    z = as_float(x) @ as_float(w) + as_float(b)[:, None]  # (N, D) @ (K, D, M) -> (K, N, M)
    return np.asarray(z.max(axis=0))
    # END SOLUTION


# %%
def maxout_backward(grad: Array, x: Array, w: Array, b: Array) -> Array:
    """Gradient for the input of maxout: ``grad`` times the weights of the winning pieces.

    Args:
        grad: gradient for the output, (N, M); float32, float64 or integer.
        x: input of ``maxout``, finite, (N, D).
        w: weights of the pieces, (K, D, M).
        b: biases of the pieces, (K, M).

    Returns:
        Gradient for ``x``, (N, D), float dtype of the arguments (float64 for integers). Of equal
        pieces the first one passes the gradient on.

    Source:
        Goodfellow, Warde-Farley, Mirza, Courville and Bengio, "Maxout Networks" (2013).

    >>> w, b = np.array([[[1.0], [0.0]], [[0.0], [1.0]]]), np.array([[0.0], [-0.5]])
    >>> maxout_backward(np.array([[4.0]]), np.array([[1.0, 2.0]]), w, b)
    array([[0., 4.]])
    """
    # BEGIN SOLUTION
    grad, w = as_float(grad), as_float(w)
    z = as_float(x) @ w + as_float(b)[:, None]  # (K, N, M)
    won = np.arange(len(w))[:, None, None] == z.argmax(axis=0)  # (K, N, M)
    passed = np.where(won, grad, np.zeros_like(grad))
    return np.asarray((passed @ w.swapaxes(1, 2)).sum(axis=0), dtype=z.dtype)  # (K, N, D) -> (N, D)
    # END SOLUTION


# %% [markdown]
# ## 3.8 `dead_units(pre_activations)`
#
# A ReLU unit whose input is negative for **every** sample gets no gradient from any of them. Its
# weights never change again: it is *dead*. One step with a learning rate that is too large can
# bring many units there.
#
# For the inputs of a layer's ReLUs, `pre_activations` of shape `(N, D)`, compute the share of dead
# units: how many of the $D$ columns are negative in all $N$ rows, divided by $D$.
#
# **Convention.** Negative means below 0; a column that contains an exact 0 counts as alive. (With
# the derivative 0 at 0, one could count it as dead as well.)
#
# **Worked example.** $\begin{pmatrix} -1 & 2 & -3 \\ -2 & -1 & -4 \end{pmatrix}$: the first and the
# third unit are dead, the share is $2/3$.
#
# The result is one float64 number, a Python float or a NumPy scalar, for input of any dtype.

# %%
layer = np.random.default_rng(2).normal(size=(256, 500))
shifts = np.linspace(-5, 0, 21)
fig, panel = plt.subplots(figsize=(5, 2.6), layout="constrained")
for count in (16, 64, 256):
    highest = layer[:count].max(axis=0)  # a unit is dead when even this one plus its bias is negative
    share = [100 * np.mean(highest < -shift) for shift in shifts]
    panel.plot(shifts, share, ".-", label=f"{count} samples")
panel.set(xlabel="bias of every unit, inputs standard normal", ylabel="dead units in %")
panel.legend()
plt.show()


# %%
def dead_units(pre_activations: Array) -> float:
    """Share of units that are negative for every sample of the batch.

    Args:
        pre_activations: inputs of the rectifiers, (N, D), N and D at least 1; float32, float64 or
            integer.

    Returns:
        A number from 0 to 1: columns below 0 in every row, divided by D.

    Source:
        Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models"
        (2013), section 2.

    >>> round(dead_units(np.array([[-1, 2, -3], [-2, -1, -4]])), 4)
    0.6667
    """
    # BEGIN SOLUTION
    return float(np.mean((pre_activations < 0).all(axis=0)))
    # END SOLUTION


# %% [markdown]
# ## 3.9 Looking back
#
# Six short questions about what you wrote.
#
# ### `range_of_sigmoid`, `range_of_tanh`, `range_of_relu`, `range_of_elu`
# Which values can the function take, for all real inputs? Answer with a tuple
# `(lowest, highest)` of two numbers: the ends of the range, whether or not they are reached. Write
# `-math.inf` or `math.inf` where there is no end. For example, the range of $x^2$ is
# `(0, math.inf)`. For ELU take `alpha=1`.

# %%
range_of_sigmoid = (0.0, 1.0)  # SOLUTION

# %%
range_of_tanh = (-1.0, 1.0)  # SOLUTION

# %%
range_of_relu = (0.0, math.inf)  # SOLUTION

# %%
range_of_elu = (-1.0, math.inf)  # SOLUTION

# %% [markdown]
# ### `zero_centred_activation`
# If inputs are spread evenly around 0, the outputs of which of these five are spread evenly around
# 0 as well? Answer with one lower-case letter in quotes, such as `"a"`.
#
# - **a** sigmoid
# - **b** ReLU
# - **c** tanh
# - **d** softplus
# - **e** Gaussian

# %%
zero_centred_activation = "c"  # SOLUTION

# %% [markdown]
# ### `saturating_activation`
# For which of these five does the derivative approach 0 on **both** sides, for $x \to -\infty$ and
# for $x \to \infty$? Answer with one lower-case letter in quotes.
#
# - **a** leaky ReLU
# - **b** ELU
# - **c** SiLU
# - **d** sigmoid
# - **e** softplus

# %%
saturating_activation = "d"  # SOLUTION

# %% [markdown]
# ## 3.10 PyTorch: `torch_relu(x)`, `torch_elu(x, alpha=1.0)`
#
# Now autograd finds the derivative. Formulas and worked numbers are those of 3.3 and 3.5.
#
# - PyTorch's own `relu`, `elu` and their relatives (`leaky_relu`, `selu`, `threshold`, ..., as
#   functions, methods or modules) are not allowed: half of the points are for doing without them.
#   `torch.where`, `clamp`, `exp`, `expm1` and arithmetic are allowed.
# - The result is a tensor with the shape, dtype and device of `x`. An integer tensor gives
#   PyTorch's default float dtype. (Its own `relu` would keep the integers.)
# - The result stays connected to `x`, so that `backward()` gives the right gradient, also for
#   inputs of 800 or -800. For `torch_relu`, infinite inputs are legal.
# - The input is never modified, and there is no Python loop over entries.
#
# **The gradient at 0 is not asked for.** `relu`, `maximum` and `clamp` of PyTorch give 0, 0.5 and 1
# there; all three are fine.
#
# **The trap of `where`.** `torch.where(x > 0, x, torch.exp(x) - 1)` has the right values. But
# autograd goes back through both branches: it multiplies the gradient of the branch that was not
# chosen by 0, and for $x = 800$ that gradient is `inf`. What is `0 * inf`? Make sure that the other
# branch never sees a large number.
#
# **Worked example.** For `x = torch.tensor([-math.log(2), 3.0], requires_grad=True)`, after
# `torch_elu(x, alpha=3.0).sum().backward()`, `x.grad` is $[1.5, 1]$.


# %%
def torch_relu(x: torch.Tensor) -> torch.Tensor:
    """Rectified linear unit: ``max(x, 0)``.

    Args:
        x: numbers, also infinite ones, any shape, any float or integer dtype, any device.

    Returns:
        Shape, device and dtype of ``x`` (default float dtype for integers), with the gradient 1
        above 0 and 0 below.

    Source:
        As for ``relu``.

    >>> torch_relu(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0., 0., 3.])
    """
    # BEGIN SOLUTION
    return torch.where(x > 0, x, 0.0)
    # END SOLUTION


# %%
def torch_elu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    """Exponential linear unit: ``x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``.

    Args:
        x: finite numbers, any shape, any float or integer dtype, any device.
        alpha: one number above 0.

    Returns:
        Shape, device and dtype of ``x`` (default float dtype for integers), with right gradients
        for all finite numbers but 0.

    Source:
        As for ``elu``.

    >>> torch_elu(torch.tensor([-math.log(2), 3.0]), alpha=3.0)
    tensor([-1.5000,  3.0000])
    """
    # BEGIN SOLUTION
    # The clamp keeps the branch that is not chosen finite: 0 * inf would be nan in the gradient.
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))
    # END SOLUTION


# %% [markdown]
# ## 3.11 `class Rectifier(torch.autograd.Function)`
#
# What `relu` and `relu_backward` are in NumPy, a `torch.autograd.Function` joins for autograd: you
# write both directions by hand. Its two methods are static.
#
# - `forward(ctx, x)` returns the output. What the way back needs, it hands to
#   `ctx.save_for_backward(...)`.
# - `backward(ctx, grad)` gets the gradient for the output, finds what was saved in
#   `ctx.saved_tensors` (a tuple), and returns the gradient for `x`.
#
# It is used as `Rectifier.apply(x)`, and never constructed. Inside, the rules of 3.10 hold for a
# float tensor `x`. This derivative is written by hand, so the convention of `relu_backward` counts:
# at 0 it is **0**.
#
# **Worked example.** For `x = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)`, after
# `(5 * Rectifier.apply(x)).sum().backward()`, `x.grad` is $[0, 0, 5]$.
#
# **Why one wants it.** For functions that PyTorch does not have, for gradients that are cheaper by
# hand, and for gradients that are different on purpose, such as the straight-through estimator.


# %%
class Rectifier(torch.autograd.Function):
    """Rectified linear unit with a derivative by hand: 1 where ``x > 0``, else 0.

    Use it as ``Rectifier.apply(x)``.

    Source:
        https://pytorch.org/docs/stable/notes/extending.html

    >>> x = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    >>> (5 * Rectifier.apply(x)).sum().backward()
    >>> x.grad
    tensor([0., 0., 5.])
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """``max(x, 0)`` of a float tensor of any shape; saves what the way back needs in ``ctx``."""
        # BEGIN SOLUTION
        ctx.save_for_backward(x)
        return torch.where(x > 0, x, 0.0)
        # END SOLUTION

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        """Gradient for ``x`` from ``grad``, the gradient for the output; both have its shape."""
        # BEGIN SOLUTION
        (x,) = ctx.saved_tensors
        return torch.where(x > 0, grad, 0.0)
        # END SOLUTION


# %% [markdown]
# ## 3.12 `class PReLU(torch.nn.Module)`
#
# The function of 3.4 as a layer: the slope is a parameter, and an optimizer finds it through
# `parameters()`.
#
# - `PReLU(num_parameters=1, init=0.25)` makes a layer with `num_parameters` slopes, 1 or `C`, which
#   all start at `init`.
# - The slopes are a `torch.nn.Parameter` of shape `(num_parameters,)` under the name `weight`, as
#   in PyTorch. It is the only entry of `state_dict()`.
# - `forward(x)` is `prelu(x, weight)`, with the channels on axis 1. PyTorch's own `prelu` and
#   `leaky_relu` are not allowed; the helper `per_channel` also works for tensors.
# - Input and slopes both get their gradients from autograd.
#
# **Worked example.** A layer with the slopes $[0.5, 0.1]$ does what the worked example of 3.4 says:
# after `out.sum().backward()`, `weight.grad` is $[-6, -1]$.


# %%
class PReLU(torch.nn.Module):
    """Rectifier with learnable slopes: ``x`` where ``x > 0``, else ``weight * x``.

    Source:
        He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (2015).

    >>> PReLU()(torch.tensor([-2.0, 3.0])).tolist()
    [-0.5, 3.0]
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        """Make the slopes.

        Args:
            num_parameters: 1, or the number C of channels on axis 1 of the input.
            init: start value of every slope.
        """
        super().__init__()
        # BEGIN SOLUTION
        self.weight = torch.nn.Parameter(torch.full((num_parameters,), float(init)))
        # END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` where ``x > 0``, else ``weight * x``; float, (N, C), (N, C, L), ..., any for one slope."""
        # BEGIN SOLUTION
        return torch.where(x > 0, x, per_channel(self.weight, x) * x)
        # END SOLUTION
