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
# # 6 Optimizers: descending
#
# The gradient says which way is up. An optimizer decides how far to go down, and what to remember
# of the gradients before. In this notebook you write the common ones in NumPy, then schedules for
# the learning rate, and finally two optimizers for PyTorch. Most answers are three to six lines.
#
# **Letters:** $p$ a parameter, $g$ its gradient, $\eta$ the learning rate (`lr`), $t = 1, 2, \dots$
# the number of the step. `n` samples, `D` parameters. All operations on arrays work entry by entry.
#
# **Conventions are PyTorch's**, unless a section says otherwise. Where another one is as common, the
# section names both: papers, libraries and lectures differ, and a formula that is right elsewhere
# gives other numbers here.
#
# You may use your earlier answers in later ones, and any NumPy function. Other libraries may not
# compute the answer of a NumPy question.
#
# The figure shows ten optimizers on two surfaces: a ravine, steep across and flat along it, whose
# lowest point is the star, and a saddle, which falls off to both sides. They are drawn with
# PyTorch's own optimizers. Come back here when you want to know what yours should look like.

# %%
import math
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]

# %%
gallery: dict[str, Callable[[list[torch.Tensor]], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.17),
    "SGD, momentum": lambda p: torch.optim.SGD(p, lr=0.03, momentum=0.9),
    "SGD, Nesterov": lambda p: torch.optim.SGD(p, lr=0.03, momentum=0.9, nesterov=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.7),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=8.0, eps=1e-3),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.3),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.3, weight_decay=0.1),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=0.4),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.2),
}
# Name, function, start, half width of the picture.
surfaces: list[tuple[str, Callable[[Any, Any], Any], tuple[float, float], float]] = [
    ("ravine", lambda x, y: 0.2 * x**2 + 5 * y**2, (-4.0, 1.5), 2.0),
    ("saddle", lambda x, y: 0.3 * x**2 - 0.3 * y**2, (-4.0, 0.01), 2.0),
]
x_axis, y_axis = np.meshgrid(np.linspace(-5, 3, 80), np.linspace(-2, 2, 80))
fig, axes = plt.subplots(4, 5, figsize=(12, 8.5), layout="constrained", sharex=True, sharey=True)
for k, (name, build) in enumerate(gallery.items()):
    for row, (title, surface, start, height) in enumerate(surfaces):
        panel = axes[2 * (k // 5) + row, k % 5]
        point = torch.tensor(start, requires_grad=True)
        optimizer, way = build([point]), [start]
        for _ in range(40):
            optimizer.zero_grad()
            surface(point[0], point[1]).backward()
            optimizer.step()
            way.append((point[0].item(), point[1].item()))
        panel.contour(x_axis, y_axis, surface(x_axis, y_axis), levels=14, cmap="Greys", linewidths=0.7)
        panel.plot(*np.array(way).T, ".-", color="tab:blue", linewidth=1, markersize=4)
        panel.plot(*start, "o", color="tab:orange")
        panel.plot(0, 0, "*" if title == "ravine" else "x", color="tab:red", markersize=9)
        panel.set(title=f"{name}, {title}", xlim=(-5, 3), ylim=(-height, height))
        panel.title.set_size(9)
plt.show()

# %% [markdown]
# ## 6.1 Counting steps
#
# One *epoch* uses every sample of the data once. One *step* changes the parameters once. There are
# 1000 samples. How many steps has one epoch
#
# - of **batch** gradient descent, which takes the gradient over all samples (`steps_batch`),
# - of **stochastic** gradient descent, which takes one sample at a time (`steps_stochastic`),
# - of **mini-batch** gradient descent with 64 samples at a time, where the short last batch is used
#   as well (`steps_minibatch`)?
#
# Answer with whole numbers.

# %%
steps_batch = 1  # SOLUTION

# %%
steps_stochastic = 1000  # SOLUTION

# %%
steps_minibatch = 16  # SOLUTION

# %% [markdown]
# ### `moves_on_a_saddle`
# All parameters start **exactly** on a saddle point of the mean loss over all samples. The single
# samples have different losses, and the mean of their gradients is 0 there. Which of these moves
# away with its first step?
#
# - **a** Batch gradient descent.
# - **b** Batch gradient descent with momentum 0.9.
# - **c** Stochastic gradient descent, one sample at a time.
# - **d** Adam on the gradient over all samples.
#
# Answer with one lower-case letter in quotes.

# %%
moves_on_a_saddle = "c"  # SOLUTION

# %% [markdown]
# ## 6.2 Three ways through the data
#
# All three repeat one rule, $p \leftarrow p - \eta \, g$, and differ in the samples over which $g$ is
# taken. They return the whole path of the parameters.
#
# - `grad_fn(params, batch)` returns the gradient of the mean loss over a batch. It has the shape of
#   `params`, and takes a part of `data` with the sample axis kept, `data[i : i + 1]` for one sample.
# - `params` is one float array of any shape with at least one axis, `data` an array of shape
#   `(n, ...)`. Neither is modified.
# - The result is the path: an array of shape `(steps + 1, *params.shape)` and of the dtype of
#   `params`. Its first row is `params` itself, row $k$ what there is after step $k$.
#
# With $m$ for `batch_size`:
#
# | function | one step uses | steps per epoch |
# |---|---|---|
# | `batch_gradient_descent` | all samples | 1 |
# | `stochastic_gradient_descent` | one sample | `n` |
# | `minibatch_gradient_descent` | `batch_size` samples, in the last step what is left | $\lceil n / m \rceil$ |
#
# **Order.** The last two shuffle the samples anew in every epoch, with `rng` (a NumPy generator) and
# nothing else, and use every sample exactly once per epoch. *How* you shuffle is up to you:
# `rng.permutation` is one way. It is checked only what holds for every way.
#
# **Worked example.** `params` is $[1]$, `lr` 0.5, the data are the two samples 3 and 3, and `grad_fn`
# returns `params - batch.mean()`. One step moves half of the way to 3: batch gradient descent goes
# $1, 2$ in one epoch, stochastic gradient descent $1, 2, 2.5$. With five such samples and batches of 2
# there are three steps, the last with one sample: $1, 2, 2.5, 2.75$.
#
# **Why one wants them.** Steps from few samples are noisy and cheap. A thousand cheap steps lead
# further than one exact step, and the noise helps to leave saddles.


# %%
def batch_gradient_descent(
    grad_fn: Callable[[Array, Array], Array], params: Array, data: Array, lr: float, epochs: int
) -> Array:
    """Gradient descent with the gradient over all samples.

    Args:
        grad_fn: takes parameters and samples, returns the gradient of their mean loss.
        params: start values, any shape with at least one axis; float32 or float64.
        data: samples, (n, ...).
        lr: learning rate.
        epochs: how often to go through the data, 0 or more.

    Returns:
        Path of the parameters, (epochs + 1, *params.shape), dtype of ``params``.

    Source:
        Cauchy, "Methode generale pour la resolution des systemes d'equations simultanees" (1847).

    >>> batch_gradient_descent(lambda p, x: p - x.mean(), np.array([1.0]), np.array([3.0, 3.0]), 0.5, 2)[:, 0]
    array([1. , 2. , 2.5])
    """
    # BEGIN SOLUTION
    path = [params]
    for _ in range(epochs):
        path.append(path[-1] - lr * grad_fn(path[-1], data))
    return np.stack(path)
    # END SOLUTION


# %%
def stochastic_gradient_descent(
    grad_fn: Callable[[Array, Array], Array],
    params: Array,
    data: Array,
    lr: float,
    epochs: int,
    rng: np.random.Generator,
) -> Array:
    """Gradient descent with the gradient of one sample at a time.

    Args:
        grad_fn: takes parameters and samples, returns the gradient of their mean loss.
        params: start values, any shape with at least one axis; float32 or float64.
        data: samples, (n, ...).
        lr: learning rate.
        epochs: how often to go through the data, 0 or more.
        rng: shuffles the samples in each epoch.

    Returns:
        Path of the parameters, (epochs * n + 1, *params.shape), dtype of ``params``.

    Source:
        Robbins and Monro, "A Stochastic Approximation Method" (1951).

    >>> data, rng = np.array([3.0, 3.0]), np.random.default_rng(0)
    >>> stochastic_gradient_descent(lambda p, x: p - x.mean(), np.array([1.0]), data, 0.5, 1, rng)[:, 0]
    array([1. , 2. , 2.5])
    """
    # BEGIN SOLUTION
    path = [params]
    for _ in range(epochs):
        for i in rng.permutation(len(data)):
            path.append(path[-1] - lr * grad_fn(path[-1], data[i : i + 1]))
    return np.stack(path)
    # END SOLUTION


# %%
def minibatch_gradient_descent(
    grad_fn: Callable[[Array, Array], Array],
    params: Array,
    data: Array,
    lr: float,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
) -> Array:
    """Gradient descent with the gradient of a few samples at a time.

    Args:
        grad_fn: takes parameters and samples, returns the gradient of their mean loss.
        params: start values, any shape with at least one axis; float32 or float64.
        data: samples, (n, ...).
        lr: learning rate.
        epochs: how often to go through the data, 0 or more.
        batch_size: samples per step, 1 or more, also more than n; the last step of an epoch takes what is left.
        rng: shuffles the samples in each epoch.

    Returns:
        Path of the parameters, (epochs * ceil(n / batch_size) + 1, *params.shape), dtype of ``params``.

    Source:
        Bottou, Curtis and Nocedal, "Optimization Methods for Large-Scale Machine Learning" (2018), section 3.

    >>> data, rng = np.full(5, 3.0), np.random.default_rng(0)
    >>> minibatch_gradient_descent(lambda p, x: p - x.mean(), np.array([1.0]), data, 0.5, 1, 2, rng)[:, 0]
    array([1.  , 2.  , 2.5 , 2.75])
    """
    # BEGIN SOLUTION
    path = [params]
    for _ in range(epochs):
        order = rng.permutation(len(data))
        for start in range(0, len(data), batch_size):
            path.append(path[-1] - lr * grad_fn(path[-1], data[order[start : start + batch_size]]))
    return np.stack(path)
    # END SOLUTION


# %% [markdown]
# ## 6.3 What all optimizer classes keep to
#
# ```python
# optimizer = Adam([weights, bias], lr=0.01)
# optimizer.step([gradient_of_weights, gradient_of_bias])
# ```
#
# - `params` is a list of float arrays with at least one axis each. `step` changes **these arrays** in
#   place (`p -= ...`) and returns nothing. float32 stays float32.
# - `grads` is a list with one gradient per parameter. The arrays belong to the caller, who may
#   overwrite them after the call: keep no reference to them, and do not write into them.
# - Every parameter has a state of its own, and so has every optimizer.
# - The learning rate is the attribute `lr`, **read anew in each step**: a schedule sets
#   `optimizer.lr` between steps.
# - **`weight_decay`** is the factor $\lambda$ of an L2 penalty: $\lambda p$ is added to the gradient
#   before anything else is done, $g \leftarrow g + \lambda p$ (the penalty is
#   $\frac{\lambda}{2} \|p\|^2$). Only `AdamW` decouples it, see there.
# - **`decay_mask`** is a list with `True` or `False` for each parameter; where it is `False`, this
#   parameter does not decay (biases usually do not). `None` means that all decay.
#
# The class below is given; yours build on it. `self.decays[i]` is the weight decay of parameter `i`
# with the mask taken into account.
#
# **Worked numbers.** In all examples one parameter starts at $p = 3$ with `lr=0.1`, and its
# gradients are $1, 2, -1$ in three steps, whatever $p$ is.


# %%
class Optimizer:
    """What all optimizers of this notebook share.

    Attributes:
        params: the arrays to change in place.
        lr: learning rate, read in each step.
        decays: weight decay of each parameter, 0 where the mask says False.
    """

    def __init__(
        self,
        params: list[Array],
        lr: float,
        weight_decay: float = 0.0,
        decay_mask: Sequence[bool] | None = None,
    ) -> None:
        self.params = params
        self.lr = lr
        self.decays = [weight_decay if on else 0.0 for on in decay_mask or [True] * len(params)]

    def zeros(self) -> list[Array]:
        """One array of zeros per parameter."""
        return [np.zeros_like(p) for p in self.params]


def three_steps(optimizer_class: Any, **options: Any) -> list[float]:
    """The path of the worked examples: one parameter from 3, with the gradients 1, 2 and -1."""
    p = np.array([3.0])
    optimizer, path = optimizer_class([p], **options), []
    for gradient in (1.0, 2.0, -1.0):
        optimizer.step([np.array([gradient])])
        path.append(round(float(p[0]), 4))
    return path


# %% [markdown]
# ## 6.4 `SGD(params, lr=1e-3, momentum=0, dampening=0, nesterov=False, weight_decay=0, decay_mask=None)`
#
# With momentum $\mu$ and dampening $\tau$, a velocity $v$ collects the gradients. For each parameter:
#
# $$g \leftarrow g + \lambda p \qquad
# v \leftarrow \begin{cases} g & \text{first step} \\ \mu v + (1 - \tau) g & \text{later} \end{cases} \qquad
# p \leftarrow p - \eta \, v$$
#
# With `nesterov=True` the last rule is $p \leftarrow p - \eta \, (g + \mu v)$, with the new $v$.
# (Nesterov's variant is only asked for without dampening.) With `momentum=0` there is no velocity, and
# $p \leftarrow p - \eta g$ whatever the dampening.
#
# **Conventions that differ elsewhere.**
# - *Where lr is.* Here the velocity holds gradients, and the lr of today multiplies all of it. In
#   the other convention $\eta$ is inside the velocity; that is the next section.
# - *Dampening.* The first velocity is the undamped $g$. Elsewhere $v$ starts at 0, so that the first
#   gradient is damped as well.
# - *Weight decay* goes through the velocity, as part of $g$. Decoupled decay shrinks $p$ past it.
#
# **Worked numbers.**
#
# | options | after step 1 | 2 | 3 |
# |---|---|---|---|
# | none | 2.9 | 2.7 | 2.8 |
# | `momentum=0.9` | 2.9 | 2.61 | 2.449 |
# | `momentum=0.9, dampening=0.5` | 2.9 | 2.71 | 2.589 |
# | `momentum=0.9, nesterov=True` | 2.81 | 2.349 | 2.3041 |
#
# In the second row $v$ is $1$, then $0.9 + 2 = 2.9$, then $2.61 - 1 = 1.61$.
#
# **Why one wants it.** Along a ravine the gradients agree and add up, across it they cancel.


# %%
class SGD(Optimizer):
    """Stochastic gradient descent with momentum: ``v = mu v + (1 - dampening) g``, ``p -= lr v``.

    Source:
        Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); conventions of
        ``torch.optim.SGD``.

    >>> three_steps(SGD, lr=0.1)
    [2.9, 2.7, 2.8]
    >>> three_steps(SGD, lr=0.1, momentum=0.9)
    [2.9, 2.61, 2.449]
    """

    def __init__(
        self,
        params: list[Array],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        nesterov: bool = False,
        weight_decay: float = 0,
        decay_mask: Sequence[bool] | None = None,
    ) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            momentum: share of the velocity that stays, from 0 up to 1.
            dampening: share of each gradient but the first that is lost on the way into the velocity.
            nesterov: whether to step along ``g + mu v``.
            weight_decay: factor of the parameter in its gradient.
            decay_mask: for each parameter, whether it decays.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr, weight_decay, decay_mask)
        self.momentum, self.dampening, self.nesterov = momentum, dampening, nesterov
        self.velocity: list[Array | None] = [None] * len(params)
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        for i, (p, grad) in enumerate(zip(self.params, grads, strict=True)):
            g = grad + self.decays[i] * p  # a new array: the caller's own may be overwritten
            if self.momentum:
                old = self.velocity[i]
                v = g if old is None else self.momentum * old + (1 - self.dampening) * g
                self.velocity[i] = v
                g = g + self.momentum * v if self.nesterov else v
            p -= self.lr * g
        # END SOLUTION


# %% [markdown]
# ## 6.5 `ClassicalMomentum(params, lr, momentum)`
#
# The same idea with the learning rate **inside** the velocity, from $v = 0$:
#
# $$v \leftarrow \mu v + \eta g \qquad p \leftarrow p - v$$
#
# **Worked numbers** with `momentum=0.9`: 2.9, 2.61, 2.449, the same as in 6.4. As long as $\eta$ stays
# the same, the two conventions agree. They part when a schedule changes it: here the velocity
# remembers the *steps*, which keep the old learning rate; in 6.4 it remembers the *gradients*. With
# `lr` set to 0.01 after the first step, this one goes to $2.9 - (0.09 + 0.02) = 2.79$, `SGD` to
# $2.9 - 0.01 \cdot 2.9 = 2.871$.


# %%
class ClassicalMomentum(Optimizer):
    """Momentum with the learning rate inside the velocity: ``v = mu v + lr g``, ``p -= v``.

    Source:
        Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
        learning" (2013), equations 1 and 2 (with the sign of v reversed).

    >>> three_steps(ClassicalMomentum, lr=0.1, momentum=0.9)
    [2.9, 2.61, 2.449]
    """

    def __init__(self, params: list[Array], lr: float, momentum: float) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            momentum: share of the velocity that stays, from 0 up to 1.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr)
        self.momentum, self.velocity = momentum, self.zeros()
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        for p, g, v in zip(self.params, grads, self.velocity, strict=True):
            v *= self.momentum
            v += self.lr * g
            p -= v
        # END SOLUTION


# %% [markdown]
# ## 6.6 `Nesterov(params, lr, momentum)`
#
# Nesterov's method asks for the gradient **where the momentum alone would lead**, not where the
# parameters are. Therefore `step` gets a function instead of gradients: `gradient_function(params)`
# takes a list of arrays like `params` and returns the list of their gradients. From $v = 0$:
#
# $$v \leftarrow \mu v + \eta \, \nabla L(p - \mu v) \qquad p \leftarrow p - v$$
#
# The $v$ inside the gradient is the old one. `gradient_function` is called once per step.
#
# **Two conventions.** `SGD(nesterov=True)` of 6.4 is the same method after a change of variables: it
# holds the point ahead, $p - \mu v$, so that an ordinary gradient will do, and its velocity has no
# $\eta$. Step by step the two give different numbers.
#
# **Worked numbers** with `lr=0.1, momentum=0.9`. The loss is $\frac{c}{2} p^2$, so that the gradient is
# $c \, p$, with $c = 1, 2, -1$ in three steps from $p = 3$. Step 1: $v = 0.1 \cdot 3 = 0.3$, so
# $p = 2.7$. Step 2: the point ahead is $2.7 - 0.27 = 2.43$, its gradient $4.86$, so
# $v = 0.27 + 0.486 = 0.756$ and $p = 1.944$. Step 3 leads to $1.38996$.
#
# **Why one wants it.** It sees a slope that turns around one step earlier, and brakes.


# %%
class Nesterov(Optimizer):
    """Nesterov's momentum by look-ahead: ``v = mu v + lr grad(p - mu v)``, ``p -= v``.

    Source:
        Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
        learning" (2013), equations 3 and 4 (with the sign of v reversed).

    >>> p = np.array([3.0])
    >>> optimizer = Nesterov([p], lr=0.1, momentum=0.9)
    >>> for c in (1, 2, -1):
    ...     optimizer.step(lambda params: [c * q for q in params])
    >>> p.round(5)
    array([1.38996])
    """

    def __init__(self, params: list[Array], lr: float, momentum: float) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            momentum: share of the velocity that stays, from 0 up to 1.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr)
        self.momentum, self.velocity = momentum, self.zeros()
        # END SOLUTION

    def step(self, gradient_function: Callable[[list[Array]], list[Array]]) -> None:
        """Change the parameters, given a function from a list of parameters to the list of their gradients."""
        # BEGIN SOLUTION
        ahead = [p - self.momentum * v for p, v in zip(self.params, self.velocity, strict=True)]
        for p, g, v in zip(self.params, gradient_function(ahead), self.velocity, strict=True):
            v *= self.momentum
            v += self.lr * g
            p -= v
        # END SOLUTION


# %% [markdown]
# ## 6.7 `Adagrad(params, lr=0.01, lr_decay=0, eps=1e-10)`
#
# Every entry of a parameter gets a learning rate of its own: the more gradient it has seen, the
# smaller. From $h = 0$, in step $t = 1, 2, \dots$:
#
# $$h \leftarrow h + g^2 \qquad
# p \leftarrow p - \frac{\eta}{1 + (t - 1) \cdot \text{lr decay}} \cdot \frac{g}{\sqrt{h} + \epsilon}$$
#
# **Conventions.** $\epsilon$ is added **after** the root (elsewhere: $\sqrt{h + \epsilon}$). The first
# step has the full learning rate, since $t - 1 = 0$.
#
# **Worked numbers**: 2.9, 2.8106, 2.8514. In step 2, $h = 1 + 4$ and $0.1 \cdot 2 / \sqrt{5} = 0.0894$.
#
# **Why one wants it.** Rare features have small sums and keep large steps. The sum only grows,
# though, and the steps shrink for good; the next two sections mend that.


# %%
class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients.

    Source:
        Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization"
        (2011); conventions of ``torch.optim.Adagrad``.

    >>> three_steps(Adagrad, lr=0.1)
    [2.9, 2.8106, 2.8514]
    """

    def __init__(self, params: list[Array], lr: float = 0.01, lr_decay: float = 0, eps: float = 1e-10) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            lr_decay: how much the divisor of ``lr`` grows with each step.
            eps: keeps the divisor of an entry without gradient away from 0.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr)
        self.lr_decay, self.eps = lr_decay, eps
        self.sums, self.t = self.zeros(), 0
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        rate = self.lr / (1 + self.t * self.lr_decay)
        self.t += 1
        for p, g, h in zip(self.params, grads, self.sums, strict=True):
            h += g**2
            p -= rate * g / (np.sqrt(h) + self.eps)
        # END SOLUTION


# %% [markdown]
# ## 6.8 `Adadelta(params, lr=1.0, rho=0.9, eps=1e-6)`
#
# The sum becomes a moving average, and the numerator a moving average of past updates, so that a step
# has the unit of the parameter. From $h = d = 0$:
#
# $$h \leftarrow \rho h + (1 - \rho) g^2 \qquad \Delta = \frac{\sqrt{d + \epsilon}}{\sqrt{h + \epsilon}} \, g \qquad
# d \leftarrow \rho d + (1 - \rho) \Delta^2 \qquad p \leftarrow p - \eta \Delta$$
#
# **Conventions.** $\epsilon$ is **inside** both roots, unlike in all other sections: without it the
# first step would be 0. The update $\Delta$ is remembered **without** the learning rate.
#
# **Worked numbers** with `lr=1`: 2.996838, 2.992797, 2.995352. In step 1, $h = 0.1$ and
# $\Delta = \sqrt{10^{-6}} / \sqrt{0.100001} = 0.003162$.
#
# **Why one wants it.** There is hardly a learning rate to choose. The start is slow.


# %%
class Adadelta(Optimizer):
    """Steps scaled by the ratio of the root mean squares of past updates and gradients.

    Source:
        Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012), algorithm 1; ``lr`` as in
        ``torch.optim.Adadelta``.

    >>> three_steps(Adadelta)
    [2.9968, 2.9928, 2.9954]
    """

    def __init__(self, params: list[Array], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: factor of the update.
            rho: share of the moving averages that stays, from 0 up to 1.
            eps: added inside both roots.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr)
        self.rho, self.eps = rho, eps
        self.squares, self.updates = self.zeros(), self.zeros()
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        for p, g, h, d in zip(self.params, grads, self.squares, self.updates, strict=True):
            h *= self.rho
            h += (1 - self.rho) * g**2
            update = np.sqrt(d + self.eps) / np.sqrt(h + self.eps) * g
            d *= self.rho
            d += (1 - self.rho) * update**2
            p -= self.lr * update
        # END SOLUTION


# %% [markdown]
# ## 6.9 `RMSprop(params, lr=0.01, alpha=0.99, eps=1e-8, momentum=0, centered=False)`
#
# Adagrad that forgets. From $h = m = b = 0$:
#
# $$h \leftarrow \alpha h + (1 - \alpha) g^2 \qquad u = \frac{g}{\sqrt{h} + \epsilon} \qquad
# b \leftarrow \mu b + u \qquad p \leftarrow p - \eta \, b$$
#
# With `momentum=0`, $b$ is simply $u$. With `centered=True` the root is taken of the variance instead:
# $m \leftarrow \alpha m + (1 - \alpha) g$ and $u = g / (\sqrt{h - m^2} + \epsilon)$.
#
# **Convention.** $\epsilon$ is added **after** the root. TensorFlow's older versions have it inside,
# $\sqrt{h + \epsilon}$; for gradients around $\sqrt\epsilon$ this makes other steps.
#
# **Worked numbers**: 2, 1.1047, 1.515. In step 1, $h = 0.01$, so the step is $0.1 \cdot 1 / 0.1 = 1$.
#
# **Why one wants it.** The size of a step no longer depends on the scale of the gradient, and the
# memory fades after about $1 / (1 - \alpha)$ steps.


# %%
class RMSprop(Optimizer):
    """Steps divided by the root mean square of recent gradients.

    Source:
        Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5 (2012); conventions of
        ``torch.optim.RMSprop``.

    >>> three_steps(RMSprop, lr=0.1)
    [2.0, 1.1047, 1.515]
    """

    def __init__(
        self,
        params: list[Array],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0,
        centered: bool = False,
    ) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            alpha: share of the moving averages that stays, from 0 up to 1.
            eps: added after the root.
            momentum: share of the velocity that stays.
            centered: whether to divide by the standard deviation instead.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr)
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, centered
        self.squares, self.means, self.velocity = self.zeros(), self.zeros(), self.zeros()
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        for p, g, h, m, b in zip(self.params, grads, self.squares, self.means, self.velocity, strict=True):
            h *= self.alpha
            h += (1 - self.alpha) * g**2
            m *= self.alpha
            m += (1 - self.alpha) * g
            b *= self.momentum
            b += g / (np.sqrt(h - m**2 if self.centered else h) + self.eps)
            p -= self.lr * b
        # END SOLUTION


# %% [markdown]
# ## 6.10 `Adam` and `AdamW`
#
# `Adam(params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decay_mask=None)`: momentum and
# RMSprop together, both corrected for their start at $m = v = 0$. In step $t = 1, 2, \dots$:
#
# $$g \leftarrow g + \lambda p \qquad m \leftarrow \beta_1 m + (1 - \beta_1) g \qquad
# v \leftarrow \beta_2 v + (1 - \beta_2) g^2$$
#
# $$\hat m = \frac{m}{1 - \beta_1^t} \qquad \hat v = \frac{v}{1 - \beta_2^t} \qquad
# p \leftarrow p - \eta \, \frac{\hat m}{\sqrt{\hat v} + \epsilon}$$
#
# All parameters share the number $t$ of the step. $\hat m$ and $\hat v$ are not kept.
#
# **Conventions that differ elsewhere.**
# - $\epsilon$ is added **after the root of the corrected** $\hat v$. Inside the root it acts like
#   $\sqrt\epsilon = 10^{-4}$. The paper also has an "efficient" form with $\hat\epsilon$ beside
#   $\sqrt v$ before the correction, which in step 1 is about 32 times as large.
# - **L2 or decoupled weight decay.** In `Adam` the penalty is part of the gradient, so it is divided by
#   $\sqrt{\hat v}$ like everything else. `AdamW(params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8,
#   weight_decay=0.01, decay_mask=None)` leaves $g$ as it is and shrinks the parameter by itself, before
#   the step: $p \leftarrow (1 - \eta \lambda) \, p$.
#
# **Worked numbers.** `Adam`: 2.9, 2.8035, 2.7615. The first step is $\eta$, whatever the gradient.
# `AdamW` with its decay of 0.01: 2.897, 2.7976, 2.7528; its first step is $3 \cdot 0.999 - 0.1$.
#
# **Why one wants them.** They work on nearly everything without much tuning. With decoupled decay
# all weights shrink alike, also those with large gradients.


# %%
class Adam(Optimizer):
    """Moving averages of gradient and squared gradient, both corrected for their start at 0.

    Source:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1; conventions of
        ``torch.optim.Adam``.

    >>> three_steps(Adam, lr=0.1)
    [2.9, 2.8035, 2.7615]
    """

    def __init__(
        self,
        params: list[Array],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decay_mask: Sequence[bool] | None = None,
    ) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            betas: share of each of the two moving averages that stays.
            eps: added after the root.
            weight_decay: factor of the parameter in its gradient.
            decay_mask: for each parameter, whether it decays.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr, weight_decay, decay_mask)
        self.betas, self.eps = betas, eps
        self.means, self.squares, self.t = self.zeros(), self.zeros(), 0
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        self.t += 1
        beta1, beta2 = self.betas
        for i, (p, m, v) in enumerate(zip(self.params, self.means, self.squares, strict=True)):
            g = grads[i] + self.decays[i] * p
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g**2
            p -= self.lr * (m / (1 - beta1**self.t)) / (np.sqrt(v / (1 - beta2**self.t)) + self.eps)
        # END SOLUTION


# %%
class AdamW(Optimizer):
    """Adam with decoupled weight decay: the parameter shrinks by itself, past both averages.

    Source:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2; conventions of
        ``torch.optim.AdamW``.

    >>> three_steps(AdamW, lr=0.1)
    [2.897, 2.7976, 2.7528]
    """

    def __init__(
        self,
        params: list[Array],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        decay_mask: Sequence[bool] | None = None,
    ) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            betas: share of each of the two moving averages that stays.
            eps: added after the root.
            weight_decay: share of the parameter, times ``lr``, that is lost in each step.
            decay_mask: for each parameter, whether it decays.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr, weight_decay, decay_mask)
        self.betas, self.eps = betas, eps
        self.means, self.squares, self.t = self.zeros(), self.zeros(), 0
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        self.t += 1
        beta1, beta2 = self.betas
        for p, g, m, v, decay in zip(self.params, grads, self.means, self.squares, self.decays, strict=True):
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g**2
            p *= 1 - self.lr * decay
            p -= self.lr * (m / (1 - beta1**self.t)) / (np.sqrt(v / (1 - beta2**self.t)) + self.eps)
        # END SOLUTION


# %% [markdown]
# ## 6.11 `Adamax(params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, decay_mask=None)`
#
# Adam with a decaying maximum $u$ in place of the root. From $m = u = 0$:
#
# $$g \leftarrow g + \lambda p \qquad m \leftarrow \beta_1 m + (1 - \beta_1) g \qquad
# u \leftarrow \max(\beta_2 u, \, |g| + \epsilon) \qquad
# p \leftarrow p - \frac{\eta}{1 - \beta_1^t} \cdot \frac{m}{u}$$
#
# **Conventions.** $\epsilon$ is **inside the maximum**, beside $|g|$, so that an entry that never had a
# gradient is not $0/0$; elsewhere it is added to $u$ when dividing, or missing. A maximum is not biased
# towards 0, so $u$ is not corrected. The maximum runs over time, for each entry by itself.
#
# **Worked numbers**: 2.9, 2.8237, 2.7939.
#
# **Why one wants it.** The step is bounded by about $\eta$, and one huge gradient fades slowly.


# %%
class Adamax(Optimizer):
    """Adam with a decaying maximum of the gradients instead of their root mean square.

    Source:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 2; eps as in
        ``torch.optim.Adamax``.

    >>> three_steps(Adamax, lr=0.1)
    [2.9, 2.8237, 2.7939]
    """

    def __init__(
        self,
        params: list[Array],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decay_mask: Sequence[bool] | None = None,
    ) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            betas: share of the moving average, and of the maximum, that stays.
            eps: added to the size of each gradient.
            weight_decay: factor of the parameter in its gradient.
            decay_mask: for each parameter, whether it decays.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr, weight_decay, decay_mask)
        self.betas, self.eps = betas, eps
        self.means, self.largest, self.t = self.zeros(), self.zeros(), 0
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        self.t += 1
        beta1, beta2 = self.betas
        for i, (p, m, u) in enumerate(zip(self.params, self.means, self.largest, strict=True)):
            g = grads[i] + self.decays[i] * p
            m *= beta1
            m += (1 - beta1) * g
            u[...] = np.maximum(beta2 * u, np.abs(g) + self.eps)
            p -= self.lr / (1 - beta1**self.t) * m / u
        # END SOLUTION


# %% [markdown]
# ## 6.12 `NAdam(params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3, decay_mask=None)`
#
# Adam with Nesterov's idea. The share of the first average grows towards $\beta_1$ in the course of the
# steps, with $\psi$ for `momentum_decay`:
#
# $$\mu_t = \beta_1 \left(1 - \tfrac12 \cdot 0.96^{\, t \psi}\right) \qquad \Pi_t = \mu_1 \mu_2 \cdots \mu_t$$
#
# With $g \leftarrow g + \lambda p$, $m$, $v$ and $\hat v$ as in Adam:
#
# $$\hat m = \frac{\mu_{t+1}}{1 - \Pi_t \, \mu_{t+1}} \, m + \frac{1 - \mu_t}{1 - \Pi_t} \, g \qquad
# p \leftarrow p - \eta \, \frac{\hat m}{\sqrt{\hat v} + \epsilon}$$
#
# **Conventions.** $m$ itself is averaged with $\beta_1$; only $\hat m$ has the $\mu$. Shorter versions of
# NAdam have a constant $\mu$ and Adam's $1 - \beta_1^{t+1}$; this is PyTorch's.
#
# **Worked numbers**: 2.8944, 2.7981, 2.8355. In step 1, $\mu_1 = 0.45007$, $\mu_2 = 0.45015$ and
# $\hat m = 0.0564 + 1$.
#
# **Why one wants it.** It answers to the newest gradient sooner than Adam does.


# %%
class NAdam(Optimizer):
    """Adam with Nesterov's look-ahead and a momentum that grows with time.

    Source:
        Dozat, "Incorporating Nesterov Momentum into Adam" (2016); conventions of ``torch.optim.NAdam``.

    >>> three_steps(NAdam, lr=0.1)
    [2.8944, 2.7981, 2.8355]
    """

    def __init__(
        self,
        params: list[Array],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decay_mask: Sequence[bool] | None = None,
    ) -> None:
        """Keep the options.

        Args:
            params: float arrays with at least one axis, changed in place by ``step``.
            lr: learning rate.
            betas: share of each of the two moving averages that stays.
            eps: added after the root.
            weight_decay: factor of the parameter in its gradient.
            momentum_decay: how fast the momentum grows.
            decay_mask: for each parameter, whether it decays.
        """
        # BEGIN SOLUTION
        super().__init__(params, lr, weight_decay, decay_mask)
        self.betas, self.eps, self.momentum_decay = betas, eps, momentum_decay
        self.means, self.squares, self.t, self.product = self.zeros(), self.zeros(), 0, 1.0
        # END SOLUTION

    def step(self, grads: list[Array]) -> None:
        """Change the parameters, given one gradient for each."""
        # BEGIN SOLUTION
        self.t += 1
        beta1, beta2 = self.betas
        now, then = (beta1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay)) for t in (self.t, self.t + 1))
        self.product *= now
        for i, (p, m, v) in enumerate(zip(self.params, self.means, self.squares, strict=True)):
            g = grads[i] + self.decays[i] * p
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g**2
            ahead = then / (1 - self.product * then) * m + (1 - now) / (1 - self.product) * g
            p -= self.lr * ahead / (np.sqrt(v / (1 - beta2**self.t)) + self.eps)
        # END SOLUTION


# %% [markdown]
# ## 6.13 `lbfgs_direction(grad, s_list, y_list)`
#
# Newton's method multiplies the gradient with the inverse of the Hessian. L-BFGS never forms that
# matrix: it guesses it from the last few changes of the parameters, $s_k = p_{k+1} - p_k$, and of the
# gradients, $y_k = g_{k+1} - g_k$. The *two-loop recursion* multiplies with it by dot products alone.
# With $\rho_k = 1 / (y_k^\top s_k)$:
#
# 1. $q \leftarrow g$. For all pairs from the **newest to the oldest**: $\alpha_k = \rho_k \, s_k^\top q$,
#    then $q \leftarrow q - \alpha_k y_k$.
# 2. $r \leftarrow \gamma q$ with $\gamma = s^\top y / y^\top y$ of the newest pair (1 without any pair).
# 3. For all pairs from the **oldest to the newest**: $\beta = \rho_k \, y_k^\top r$, then
#    $r \leftarrow r + (\alpha_k - \beta) \, s_k$.
#
# The result is $-r$: the **direction of descent**. (Some texts return $r$ and subtract it later.) The
# lists hold the oldest pair first; all $y_k^\top s_k > 0$. Without pairs the result is $-g$.
#
# **Worked example.** For $\frac12 (p_1^2 + 4 p_2^2)$ let $g = [2, 8]$, and one pair $s = [0, 1]$,
# $y = [0, 4]$. Then $\rho = 1/4$, $\alpha = 2$, $q = [2, 0]$; $\gamma = 1/4$ gives $r = [0.5, 0]$;
# $\beta = 0$, so $r = [0.5, 2]$ and the result is $[-0.5, -2]$. In the second entry, which the pair has
# explored, this is Newton's step.
#
# **Why one wants it.** It bends the direction along ravines, for the price of a few dot products.


# %%
def lbfgs_direction(grad: Array, s_list: Sequence[Array], y_list: Sequence[Array]) -> Array:
    """Direction of descent of L-BFGS: minus the approximate inverse Hessian times the gradient.

    Args:
        grad: gradient, (D,); float32 or float64.
        s_list: changes of the parameters, (D,) each, oldest first.
        y_list: changes of the gradient, as many; each has a positive dot product with its partner.

    Returns:
        Direction, (D,), dtype of ``grad``.

    Source:
        Nocedal and Wright, "Numerical Optimization" (2006), algorithm 7.4.

    >>> lbfgs_direction(np.array([2.0, 8.0]), [np.array([0.0, 1.0])], [np.array([0.0, 4.0])])
    array([-0.5, -2. ])
    """
    # BEGIN SOLUTION
    pairs = list(zip(s_list, y_list, strict=True))
    q, alphas = grad, []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (y @ s))
        q = q - alphas[-1] * y
    r = q * (pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1])) if pairs else q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        r = r + (alpha - y @ r / (y @ s)) * s
    return -r
    # END SOLUTION


# %% [markdown]
# ## 6.14 Schedules
#
# A schedule changes the learning rate in the course of the training: large steps first, small ones to
# settle. `step` counts from **0**: `step=0` is the rate of the very first update. All arguments are
# numbers of Python, and so is the result (a list of them for `reduce_on_plateau`).
#
# The figure shows PyTorch's schedulers.

# %%
schedulers: dict[str, Callable[[Any], Any]] = {
    "step decay": lambda o: torch.optim.lr_scheduler.StepLR(o, 10, gamma=0.5),
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, math.exp(-0.08)),
    "reduce on plateau": lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=3),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40),
    "linear warm-up": lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, total_iters=9),
}
fig, axes = plt.subplots(1, 5, figsize=(12, 2.4), layout="constrained", sharey=True)
for panel, (title, make) in zip(axes, schedulers.items(), strict=True):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler, rates = make(optimizer), []
    for number in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if title == "reduce on plateau":
            scheduler.step(max(1 - number / 12, 0.1))  # a loss that stops falling
        else:
            scheduler.step()
    panel.step(range(40), rates, where="post")
    panel.set(title=title, xlabel="step", ylim=(0, 1.05))
axes[0].set_ylabel("lr")
plt.show()

# %% [markdown]
# ### `step_decay(lr, step, every, gamma)`
# A staircase: $\eta \cdot \gamma^{\lfloor \text{step} / \text{every} \rfloor}$. The factor always
# multiplies the **first** rate, `lr`. The steps 0 to `every - 1` use `lr` itself.
#
# **Worked example.** `lr=1, every=3, gamma=0.1`: the steps 0 to 6 use $1, 1, 1, 0.1, 0.1, 0.1, 0.01$.
#
# ### `exponential_decay(lr, k, step)`
# Smooth: $\eta \, e^{-k \cdot \text{step}}$. **Two conventions.** $k$ is a *rate constant*. PyTorch's
# `ExponentialLR` takes the *factor per step* $\gamma$ instead, $\eta \, \gamma^{\text{step}}$; the two
# agree for $\gamma = e^{-k}$.
#
# **Worked example.** `lr=1, k=0.6931`: $1, 0.5, 0.25$, since $e^{-0.6931} = 0.5$.


# %%
def step_decay(lr: float, step: int, every: int, gamma: float) -> float:
    """Learning rate of a staircase: ``lr * gamma ** (step // every)``.

    Args:
        lr: of the first steps.
        step: number of the step, from 0.
        every: length of each stair, in steps, 1 or more.
        gamma: factor from one stair to the next.

    Returns:
        The rate in force at ``step``.

    Source:
        ``torch.optim.lr_scheduler.StepLR``.

    >>> [round(step_decay(1.0, step, 3, 0.1), 4) for step in range(7)]
    [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01]
    """
    # BEGIN SOLUTION
    return lr * gamma ** (step // every)
    # END SOLUTION


# %%
def exponential_decay(lr: float, k: float, step: int) -> float:
    """Learning rate that decays smoothly: ``lr * exp(-k * step)``.

    Args:
        lr: of step 0.
        k: rate constant, per step.
        step: number of the step, from 0.

    Returns:
        The rate in force at ``step``.

    Source:
        ``torch.optim.lr_scheduler.ExponentialLR``, with ``gamma = exp(-k)``.

    >>> [round(exponential_decay(1.0, math.log(2), step), 4) for step in range(3)]
    [1.0, 0.5, 0.25]
    """
    # BEGIN SOLUTION
    return lr * math.exp(-k * step)
    # END SOLUTION


# %% [markdown]
# ### `reduce_on_plateau(lr, losses, factor, patience)`
# Waits until the loss stops falling. `losses` holds one loss per epoch. An epoch is *bad* when its loss
# is not smaller than the best one so far. When **more than** `patience` bad epochs have come in a row,
# the rate is multiplied with `factor`, and counting starts again at 0. The best loss is kept.
#
# The result is a list: the rate **after** each epoch.
#
# **Conventions.** With `patience=2` the third bad epoch in a row reduces; elsewhere the second does.
# PyTorch also asks for a least improvement (`threshold`, one part in $10^4$); losses that improve by
# less are not asked for here.
#
# **Worked example.** `lr=1, losses=[5, 4, 4, 6, 3, 3, 3], factor=0.1, patience=1`: the rates are
# $1, 1, 1, 0.1, 0.1, 0.1, 0.01$. The epochs 2, 3, 5 and 6 (counted from 0) are bad.


# %%
def reduce_on_plateau(lr: float, losses: Sequence[float], factor: float, patience: int) -> list[float]:
    """Learning rates that fall when the loss stops falling.

    Args:
        lr: rate of the beginning.
        losses: loss of each epoch.
        factor: of a reduction.
        patience: number of bad epochs in a row that are still tolerated, 0 or more.

    Returns:
        The rate after each epoch, as many as there are losses.

    Source:
        ``torch.optim.lr_scheduler.ReduceLROnPlateau`` with ``threshold=0``.

    >>> [round(rate, 4) for rate in reduce_on_plateau(1.0, [5.0, 4.0, 4.0, 6.0, 3.0, 3.0, 3.0], 0.1, 1)]
    [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01]
    """
    # BEGIN SOLUTION
    best, bad, rates = math.inf, 0, []
    for loss in losses:
        bad = 0 if loss < best else bad + 1
        best = min(best, loss)
        if bad > patience:
            lr, bad = lr * factor, 0
        rates.append(lr)
    return rates
    # END SOLUTION


# %% [markdown]
# ### `cosine_decay(lr, step, total, lr_min=0.0)`
# Half a wave from `lr` at step 0 down to `lr_min` at step `total`:
#
# $$\eta_{\min} + (\eta - \eta_{\min}) \cdot \frac{1 + \cos(\pi \cdot \text{step} / \text{total})}{2}$$
#
# **Convention.** From step `total` on the rate stays at `lr_min` (PyTorch's comes up again).
# **Worked example.** `lr=1, total=4`: $1, 0.8536, 0.5, 0.1464, 0$.
#
# ### `linear_warmup(lr, step, warmup)`
# The first `warmup` steps climb evenly to `lr`: step 0 uses `lr / warmup`, step `warmup - 1` and all
# later ones use `lr`. **Convention.** Some start at 0, so that the first update is lost.
# **Worked example.** `lr=1, warmup=4`: $0.25, 0.5, 0.75, 1, 1$.
#
# ### `sutskever_momentum(step, mu_max)`
# A schedule for the momentum: small at first, while the gradients are still wild.
#
# $$\mu = \min\left(1 - 2^{-1 - \log_2(\lfloor \text{step} / 250 \rfloor + 1)}, \; \mu_{\max}\right)$$
#
# **Worked example.** `mu_max=0.9`: 0.5 for the steps 0 to 249, 0.75 up to 499, $1 - 1/6 = 0.8333$ up
# to 749, and from step 1000 on 0.9.


# %%
def cosine_decay(lr: float, step: int, total: int, lr_min: float = 0.0) -> float:
    """Learning rate along half a cosine wave.

    Args:
        lr: of step 0.
        step: number of the step, from 0.
        total: step at which ``lr_min`` is reached.
        lr_min: the smallest rate.

    Returns:
        The rate in force at ``step``.

    Source:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation 5.

    >>> [round(cosine_decay(1.0, step, 4), 4) for step in range(6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]
    """
    # BEGIN SOLUTION
    return lr_min + (lr - lr_min) * (1 + math.cos(math.pi * min(step / total, 1.0))) / 2
    # END SOLUTION


# %%
def linear_warmup(lr: float, step: int, warmup: int) -> float:
    """Learning rate that climbs to ``lr`` in ``warmup`` even steps.

    Args:
        lr: after the climb.
        step: number of the step, from 0.
        warmup: number of steps of the climb, 1 or more.

    Returns:
        The rate in force at ``step``.

    Source:
        Goyal and others, "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour" (2017), section 2.2.

    >>> [linear_warmup(1.0, step, 4) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    # BEGIN SOLUTION
    return lr * min(1.0, (step + 1) / warmup)
    # END SOLUTION


# %%
def sutskever_momentum(step: int, mu_max: float) -> float:
    """Momentum that grows with the number of steps, up to ``mu_max``.

    Args:
        step: number of the step, from 0.
        mu_max: the largest momentum.

    Returns:
        The momentum in force at ``step``.

    Source:
        Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
        learning" (2013), equation 5.

    >>> [round(sutskever_momentum(step, 0.9), 4) for step in (0, 249, 250, 500, 1000)]
    [0.5, 0.5, 0.75, 0.8333, 0.9]
    """
    # BEGIN SOLUTION
    return min(1 - 2 ** (-1 - math.log2(step // 250 + 1)), mu_max)
    # END SOLUTION


# %% [markdown]
# ## 6.15 PyTorch: `TorchSGD` and `TorchAdam`
#
# Every optimizer of PyTorch is a subclass of `torch.optim.Optimizer`. The base class brings
# `param_groups`, `zero_grad`, `state_dict` and `load_state_dict`; you write two methods.
#
# - `__init__` hands `params` and a dict of the options to `super().__init__(params, defaults)`. That
#   makes `self.param_groups`, a list of dicts. Each has a list of parameters under `"params"`, and
#   every option under its name, such as `group["lr"]`. `params` may also be a list of such dicts, each
#   with options of its own.
# - `step` goes through all groups and their parameters. The gradient is `p.grad`; a parameter whose
#   gradient is `None` is left as it is, and its state, too. What must be remembered of `p` lies in the
#   dict `self.state[p]`, which is empty at first. Only what lies there is saved by `state_dict()` and
#   found again by `load_state_dict()`: a second optimizer that loads it goes on as if it were the
#   first one.
# - `step` is decorated with `@torch.no_grad()`: the changes are no part of the graph. `closure` is
#   there since PyTorch hands one to some optimizers; it is `None` in all checks. In-place methods such
#   as `p.add_(g, alpha=-0.1)` or `p -= ...` are what you need.
# - PyTorch's own optimizers are not allowed inside yours.
#
# `TorchSGD(params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False)` is `SGD` of 6.4,
# and `TorchAdam(params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)` is `Adam` of 6.10, with
# their worked numbers. In place of a mask one makes two groups, of which one has `weight_decay` 0.
# A parameter counts its own steps: those in which it had a gradient.


# %%
class TorchSGD(torch.optim.Optimizer):
    """Stochastic gradient descent with momentum, as in ``SGD``, for PyTorch.

    Source:
        https://pytorch.org/docs/stable/generated/torch.optim.SGD.html

    >>> p = torch.nn.Parameter(torch.tensor([3.0]))
    >>> optimizer = TorchSGD([p], lr=0.1, momentum=0.9)
    >>> for gradient in (1.0, 2.0):
    ...     p.grad = torch.tensor([gradient])
    ...     optimizer.step()
    >>> round(p.item(), 4)
    2.61
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        """Hand parameters and options to the base class.

        Args:
            params: parameters, or dicts of parameters and options.
            lr: learning rate.
            momentum: share of the velocity that stays, from 0 up to 1.
            dampening: share of each gradient but the first that is lost on the way into the velocity.
            weight_decay: factor of the parameter in its gradient.
            nesterov: whether to step along ``g + mu v``.
        """
        # BEGIN SOLUTION
        options = {"momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, {"lr": lr, **options})
        # END SOLUTION

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Change every parameter that has a gradient."""
        # BEGIN SOLUTION
        for group in self.param_groups:
            mu = group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = p.grad + group["weight_decay"] * p  # a new tensor: p.grad may be overwritten
                if mu:
                    state = self.state[p]
                    v = state["v"] * mu + (1 - group["dampening"]) * g if state else g
                    state["v"] = v
                    g = g + mu * v if group["nesterov"] else v
                p -= group["lr"] * g
        # END SOLUTION


# %%
class TorchAdam(torch.optim.Optimizer):
    """Adam with L2 weight decay, as in ``Adam``, for PyTorch.

    Source:
        https://pytorch.org/docs/stable/generated/torch.optim.Adam.html

    >>> p = torch.nn.Parameter(torch.tensor([3.0]))
    >>> optimizer = TorchAdam([p], lr=0.1)
    >>> for gradient in (1.0, 2.0):
    ...     p.grad = torch.tensor([gradient])
    ...     optimizer.step()
    >>> round(p.item(), 4)
    2.8035
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        """Hand parameters and options to the base class.

        Args:
            params: parameters, or dicts of parameters and options.
            lr: learning rate.
            betas: share of each of the two moving averages that stays.
            eps: added after the root.
            weight_decay: factor of the parameter in its gradient.
        """
        # BEGIN SOLUTION
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        # END SOLUTION

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Change every parameter that has a gradient."""
        # BEGIN SOLUTION
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state, g = self.state[p], p.grad + group["weight_decay"] * p
                t = state["t"] = state.get("t", 0) + 1
                m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
                v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
                p -= group["lr"] * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + group["eps"])
        # END SOLUTION
