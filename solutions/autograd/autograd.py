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
# # 7 Autograd: a small engine, and how to check a loss
#
# In the earlier notebooks you derived gradients by hand. Here you write the machine that does it for
# you: a class whose objects remember how they were computed, and one method, `backward()`, that
# applies the chain rule to all of them. A small neural network runs on it. Beside it you write the
# tools that tell whether *any* gradient is right, by hand or by machine.
#
# **What this notebook keeps to:**
# - NumPy and the standard library only. The point is to build what PyTorch has, so PyTorch is not
#   used.
# - A `Value` holds **one** number. A network of them is slow (a Python object per product), and that
#   is the only thing wrong with it.
# - Functions of arrays take float32, float64 or integer arrays of any shape and never modify them.
# - Loops over samples, entries and nodes are allowed here.
#
# You may use your earlier answers in later ones. A later question needs the earlier ones to be right.

# %%
import math
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# %% [markdown]
# ## 7.1 `class Value`
#
# Take $y = \sqrt{a b + a}$ at $a = 1$, $b = 3$, step by step: $u = a b = 3$, $v = u + a = 4$,
# $y = v^{1/2} = 2$. Each step knows its **local derivatives**, that of its result for each operand:
#
# $$\frac{\partial u}{\partial a} = b = 3, \quad \frac{\partial u}{\partial b} = a = 1, \quad
# \frac{\partial v}{\partial u} = \frac{\partial v}{\partial a} = 1, \quad
# \frac{\partial y}{\partial v} = \frac{1}{2} v^{-1/2} = \frac{1}{4}$$
#
# The chain rule says: the derivative of $y$ for a node is the sum, over every **use** of that node,
# of (derivative of $y$ for the result of that use) times (local derivative). We begin at the output,
# where $\partial y / \partial y = 1$, and walk back:
#
# | node | uses | derivative of $y$ |
# |---|---|---|
# | $y$ | the output | $1$ |
# | $v$ | in $y$ | $1 \cdot 1/4 = 0.25$ |
# | $u$ | in $v$ | $0.25 \cdot 1 = 0.25$ |
# | $b$ | in $u$ | $0.25 \cdot 1 = 0.25$ |
# | $a$ | in $u$ **and** in $v$ | $0.25 \cdot 3 + 0.25 \cdot 1 = 1$ |

# %%
# The computation graph of the example: node -> (column, row, text), edge -> local derivative.
nodes = {
    "a": (0, 0, "a = 1\ngrad 1"),
    "b": (0, 1, "b = 3\ngrad 0.25"),
    "u": (1, 1, "u = a * b = 3\ngrad 0.25"),
    "v": (2, 0.5, "v = u + a = 4\ngrad 0.25"),
    "y": (3, 0.5, "y = v ** 0.5 = 2\ngrad 1"),
}
slopes = {("a", "u"): 3, ("b", "u"): 1, ("u", "v"): 1, ("a", "v"): 1, ("v", "y"): 0.25}
fig, panel = plt.subplots(figsize=(9, 2.8), layout="constrained")
for (start, end), slope in slopes.items():
    (x0, y0), (x1, y1) = nodes[start][:2], nodes[end][:2]
    arrow = {"arrowstyle": "->", "color": "gray", "shrinkA": 30, "shrinkB": 42}
    panel.annotate("", xy=(x1, y1), xytext=(x0, y0), arrowprops=arrow)
    middle = (0.5 * (x0 + x1), 0.5 * (y0 + y1))
    label = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    panel.text(*middle, f"{slope:g}", ha="center", va="center", color="tab:red", bbox=label)
for name, (column, row, text) in nodes.items():
    colour = {"a": "#dceaf7", "b": "#dceaf7", "y": "#fde5cd"}.get(name, "white")
    box = {"boxstyle": "round,pad=0.45", "facecolor": colour, "edgecolor": "black"}
    panel.text(column, row, text, ha="center", va="center", bbox=box)
panel.set(
    xlim=(-0.4, 3.5), ylim=(-0.4, 1.4), title="values go right; gradients go left, times the red local derivatives"
)
panel.axis("off")
plt.show()

# %% [markdown]
# **What a `Value` is.** `Value(2.0)` is a leaf of the graph. It has the attributes `data` (the number,
# a float) and `grad` (0.0 at first). Every operation makes a **new** `Value` and leaves its operands
# alone. `__init__` is given below, with one way to remember the graph: `edges` holds a pair (operand,
# local derivative) for each use of an operand. You may organise that differently, as long as
# `Value(number)`, `.data` and `.grad` work.
#
# | you write | result | local derivatives |
# |---|---|---|
# | `a + b`, `a - b`, `-a` | | $1$ and $1$; $1$ and $-1$; $-1$ |
# | `a * b` | | $b$ and $a$ |
# | `a / b` | $a b^{-1}$ | $1/b$ and $-a/b^2$ |
# | `a ** n` with a number `n` | $a^n$ | $n a^{n-1}$; works for negative $a$ where $n$ is whole |
# | `a ** b` with a Value `b` | $a^b$, for $a > 0$ | $b a^{b-1}$ and $a^b \ln a$ |
# | `a.exp()`, `a.log()` | $e^a$, $\ln a$ | $e^a$; $1/a$ |
# | `a.relu()` | $\max(a, 0)$ | $1$ for $a > 0$, else $0$ (also **at** 0) |
# | `a.tanh()` | $\tanh a$ | $1 - \tanh^2 a$; finite for every $a$, also for 1000 |
#
# Numbers (int or float) may stand on **either** side: `2 - a`, `1 / a` and `2 ** a` work as well. For
# `2 - a` Python first asks the number, which does not know your class, and then calls
# `a.__rsub__(2)`.
#
# **What `y.backward()` does.** For every node that `y` depends on, and for `y` itself, it **adds** to
# `grad` the derivative of `y` for that node. It adds, so a second call (of this output, or of
# another one that shares nodes) accumulates, as in PyTorch; whoever wants to start again sets `grad` to 0.
# Two calls of `y.backward()` double the gradients of the leaves: the second call starts with 1 at
# `y`, whatever is left in `grad` from the first. (PyTorch keeps gradients of leaves only; here inner
# nodes have theirs, too. What inner nodes hold after **several** calls is not checked.)
#
# **Order.** A node may pass its gradient on only when all its uses have been counted. Walk the nodes in
# *reverse topological order*: a node comes after everything that was made from it. Each node is
# visited once, however many paths lead to it: sixty doublings `x = x + x` have $2^{60}$ paths.
#
# **Depth.** A graph of 10,000 nodes in a row must work. Python allows about 1000 calls inside each
# other, so the search for the order uses a list as its stack, or counts uses, but no recursion.


# %%
def as_value(x: "Value | float") -> "Value":
    """A Value as it is; a number as a new leaf."""
    return x if isinstance(x, Value) else Value(x)


class Value:
    """A number that knows how it was computed.

    Attributes:
        data: the number, a float.
        grad: derivative of the outputs whose ``backward()`` was called, summed over these calls.

    Source:
        Griewank and Walther, "Evaluating Derivatives" (2008), chapter 3 (the reverse mode).

    >>> a, b = Value(1.0), Value(3.0)
    >>> y = (a * b + a) ** 0.5
    >>> y.backward()
    >>> y.data, a.grad, b.grad
    (2.0, 1.0, 0.25)
    """

    def __init__(self, data: float, edges: "tuple[tuple[Value, float], ...]" = ()) -> None:
        """Make a node.

        Args:
            data: a number.
            edges: one pair (operand, local derivative) for each use of an operand; none for a leaf.
        """
        self.data = float(data)
        self.grad = 0.0
        self._edges = edges

    def __repr__(self) -> str:
        return f"Value({self.data:.6g}, grad={self.grad:.6g})"

    # BEGIN SOLUTION
    def __add__(self, other: "Value | float") -> "Value":
        """``self + other``."""
        other = as_value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __radd__(self, other: float) -> "Value":
        """``other + self`` for a number."""
        return self + other

    def __neg__(self) -> "Value":
        """``-self``."""
        return Value(-self.data, ((self, -1.0),))

    def __sub__(self, other: "Value | float") -> "Value":
        """``self - other``."""
        return self + -as_value(other)

    def __rsub__(self, other: float) -> "Value":
        """``other - self`` for a number."""
        return -self + other

    def __mul__(self, other: "Value | float") -> "Value":
        """``self * other``."""
        other = as_value(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def __rmul__(self, other: float) -> "Value":
        """``other * self`` for a number."""
        return self * other

    def __truediv__(self, other: "Value | float") -> "Value":
        """``self / other``."""
        return self * as_value(other) ** -1

    def __rtruediv__(self, other: float) -> "Value":
        """``other / self`` for a number."""
        return self**-1 * other

    def __pow__(self, exponent: "Value | float") -> "Value":
        """``self ** exponent``; for a Value as exponent, ``self`` is positive."""
        power = exponent.data if isinstance(exponent, Value) else exponent
        data, slope = self.data**power, power * self.data ** (power - 1)
        if not isinstance(exponent, Value):
            # A number needs no logarithm, so the base may be negative.
            return Value(data, ((self, slope),))
        return Value(data, ((self, slope), (exponent, data * math.log(self.data))))

    def __rpow__(self, base: float) -> "Value":
        """``base ** self`` for a number above 0."""
        return Value(base) ** self

    def exp(self) -> "Value":
        """``e ** self``."""
        data = math.exp(self.data)
        return Value(data, ((self, data),))

    def log(self) -> "Value":
        """Natural logarithm, for numbers above 0."""
        return Value(math.log(self.data), ((self, 1 / self.data),))

    def relu(self) -> "Value":
        """``max(self, 0)``, with the derivative 0 at 0."""
        return Value(max(self.data, 0.0), ((self, float(self.data > 0)),))

    def tanh(self) -> "Value":
        """Hyperbolic tangent, for every finite number."""
        data = math.tanh(self.data)
        return Value(data, ((self, 1 - data * data),))

    def backward(self) -> None:
        """Add the derivative of ``self`` to ``grad`` of every node that it depends on, and of itself."""
        # Depth first with a stack of our own: a node is listed after all that it was made from.
        order: list[Value] = []
        seen: set[Value] = set()
        stack = [(self, False)]
        while stack:
            node, listed = stack.pop()
            if listed:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((operand, False) for operand, _ in node._edges)
        # Of this call alone: what earlier calls left in `grad` must not be passed on again.
        gradients = dict.fromkeys(order, 0.0)
        gradients[self] = 1.0
        for node in reversed(order):
            gradient = gradients[node]
            node.grad += gradient
            for operand, slope in node._edges:
                gradients[operand] += slope * gradient

    # END SOLUTION


# %% [markdown]
# ## 7.2 `numerical_gradient(f, x, eps=1e-6)`
#
# A gradient can be measured without any calculus. For each entry $x_i$ of an array, the *central
# difference* moves that entry a little up and a little down:
#
# $$\frac{\partial f}{\partial x_i} \approx \frac{f(x + \varepsilon e_i) - f(x - \varepsilon e_i)}{2 \varepsilon}$$
#
# where $e_i$ is 1 at entry $i$ and 0 elsewhere. By Taylor's formula its error is about
# $\varepsilon^2 f''' / 6$; that of the *forward difference* $(f(x + \varepsilon e_i) - f(x)) / \varepsilon$
# is $\varepsilon f'' / 2$, much larger. A tiny $\varepsilon$ does not help: the subtraction then leaves
# only rounding errors, about $10^{-16} |f| / \varepsilon$ (see the figure).
#
# **Convention.** $\varepsilon$ is the step to **either** side, so the two points are $2 \varepsilon$ apart.
# (Some texts use $\varepsilon$ for the whole distance.) The step is the same for all entries, not
# relative to $x_i$.
#
# **Worked example.** For $f(x) = x^3$ at $x = 2$ with $\varepsilon = 0.5$:
# $(2.5^3 - 1.5^3) / 1 = 15.625 - 3.375 = 12.25$. The derivative is $12$, and $\varepsilon^2 f''' / 6 = 0.25$.
#
# **Rules.** `f` takes an array of the shape of `x` and returns one number. `x` has any shape, 0-dimensional
# and empty ones included, and is left alone; it may be read-only, or a transposed view. In float32 a step of
# $10^{-6}$ nearly vanishes ($1 + 10^{-6}$ is off by 5 % of the step), so **compute in float64**. The result has the
# shape of `x` and its dtype (float64 for integers).

# %%
sizes = 10.0 ** np.arange(-14, 0.5, 0.25)
point = 1.0  # the derivative of exp at 1 is e
forward_error = np.abs((np.exp(point + sizes) - np.exp(point)) / sizes - math.e)
central_error = np.abs((np.exp(point + sizes) - np.exp(point - sizes)) / (2 * sizes) - math.e)
fig, panel = plt.subplots(figsize=(7, 3), layout="constrained")
panel.loglog(sizes, forward_error, ".-", label="forward difference")
panel.loglog(sizes, np.maximum(central_error, 1e-12), ".-", label="central difference")
panel.axvline(1e-6, color="gray", linewidth=0.8, linestyle=":")
panel.set(xlabel="eps", ylabel="error", title="derivative of exp at 1: large steps bend, tiny ones drown")
panel.legend()
plt.show()


# %%
def numerical_gradient(f: Callable[[Array], float], x: Array, eps: float = 1e-6) -> Array:
    """Gradient of ``f`` at ``x`` by central differences, one entry at a time.

    Args:
        f: takes a float64 array of the shape of ``x``, returns one number.
        x: any shape; float32, float64 or integer. Left alone.
        eps: the step to either side, above 0.

    Returns:
        Array of the shape and dtype of ``x`` (float64 for integers).

    Source:
        Nocedal and Wright, "Numerical Optimization" (2006), section 8.1.

    >>> numerical_gradient(lambda x: float((x**3).sum()), np.array([2.0, 0.0]), eps=0.5)
    array([12.25,  0.25])
    """
    # BEGIN SOLUTION
    x = np.asarray(x)
    point = x.astype(np.float64)  # a copy, wide enough for a small step
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        centre = point[index]
        point[index] = centre + eps
        above = float(f(point))
        point[index] = centre - eps
        below = float(f(point))
        point[index] = centre
        gradient[index] = (above - below) / (2 * eps)
    return gradient.astype(x.dtype if x.dtype.kind == "f" else np.float64)
    # END SOLUTION


# %% [markdown]
# ## 7.3 `gradcheck(f, df, x)`
#
# Is `df` the gradient of `f`? Compare `df(x)` with the numerical gradient at one point and say `True` or
# `False`. `df(x)` is right when it has the **shape** of `x` and **every** entry $a_i$ is near the numerical
# $n_i$:
#
# $$|a_i - n_i| \le 10^{-7} + 10^{-4} \, |n_i|$$
#
# **Why both parts?** Numerical gradients are off by about $10^{-10} |f|$. With an absolute bound alone,
# correct gradients of size $10^6$ would be rejected, and wrong ones of size $10^{-8}$ accepted. With a relative
# bound alone, an entry that is exactly 0 could never be right. (The checks stay far from the bound: a
# bound a little different from this one gives the same answers.)
#
# - One wrong entry among many is wrong, also where the other entries are much larger. So is a `nan`.
# - Broadcasting hides mistakes: for `x` of shape `(3,)`, a `df(x)` of shape `(1, 3)` or `()` is wrong.
#
# **Worked example.** $f(x) = x_1^2 + x_2^2$ at $(1, -2)$ has the gradient $(2, -4)$. `df = lambda x: 2 * x` gives
# `True`; `lambda x: x` gives `False`, and so does `lambda x: 2 * abs(x)`. At $(0, 0)$ all three are
# right: choose points without symmetry.


# %%
def gradcheck(f: Callable[[Array], float], df: Callable[[Array], Array], x: Array) -> bool:
    """Whether ``df(x)`` agrees with the numerical gradient of ``f`` at ``x``.

    Args:
        f: takes an array of the shape of ``x``, returns one number.
        df: claims to return the gradient of ``f``.
        x: any shape; float32, float64 or integer. Left alone.

    Returns:
        True when shapes are equal and every entry is within 1e-7 + 1e-4 times the numerical one.

    Source:
        The condition above; it is that of ``torch.autograd.gradcheck`` with other constants.

    >>> gradcheck(lambda x: float((x**2).sum()), lambda x: 2 * x, np.array([1.0, -2.0]))
    True
    >>> gradcheck(lambda x: float((x**2).sum()), lambda x: x, np.array([1.0, -2.0]))
    False
    """
    # BEGIN SOLUTION
    numerical = numerical_gradient(f, x)
    claimed = np.asarray(df(x))
    # The shapes first: allclose would broadcast one of them.
    return claimed.shape == numerical.shape and bool(np.allclose(claimed, numerical, rtol=1e-4, atol=1e-7))
    # END SOLUTION


# %% [markdown]
# ## 7.4 `class Neuron`
#
# A neuron on `Value`: with inputs $x_1, \dots, x_n$, weights $w_i$ and bias $b$,
#
# $$\text{Neuron}(x) = \tanh\Big(\sum_i w_i x_i + b\Big)$$
#
# or the sum without tanh, for `nonlinear=False` (the last layer of a network).
#
# - `Neuron(n_inputs, rng, nonlinear=True)` draws its weights uniformly from $[-1, 1)$ with
#   `rng.uniform(-1, 1)`, and starts with the bias 0.
# - `neuron(x)` takes a sequence of `n_inputs` numbers or Values and returns a `Value`.
# - `parameters()` returns the list $[w_1, \dots, w_n, b]$: the very objects that the neuron computes
#   with, so that whoever changes their `data` changes the neuron.
#
# **Worked example.** With $w = (2, -1)$ and $b = 0.5$, the linear neuron maps $(3, 4)$ to $6 - 4 + 0.5 = 2.5$. After
# `backward()` the gradients of the parameters are $(3, 4, 1)$.
#
# **Why random weights?** Neurons of a layer that start equal get equal gradients and stay equal for ever.


# %%
class Neuron:
    """``tanh(w . x + b)`` on Values; without tanh if it is not ``nonlinear``.

    Source:
        Goodfellow, Bengio and Courville, "Deep Learning" (2016), chapter 6.

    >>> neuron = Neuron(2, np.random.default_rng(0), nonlinear=False)
    >>> for parameter, number in zip(neuron.parameters(), [2.0, -1.0, 0.5]):
    ...     parameter.data = number
    >>> neuron([3.0, 4.0]).data
    2.5
    """

    def __init__(self, n_inputs: int, rng: np.random.Generator, nonlinear: bool = True) -> None:
        """Draw ``n_inputs`` weights from ``rng.uniform(-1, 1)``; the bias starts at 0."""
        # BEGIN SOLUTION
        self.w = [Value(rng.uniform(-1, 1)) for _ in range(n_inputs)]
        self.b = Value(0.0)
        self.nonlinear = nonlinear
        # END SOLUTION

    def __call__(self, x: "Sequence[Value | float]") -> Value:
        """The output for ``n_inputs`` numbers or Values."""
        # BEGIN SOLUTION
        total = self.b
        for weight, item in zip(self.w, x, strict=True):
            total = total + weight * item
        return total.tanh() if self.nonlinear else total
        # END SOLUTION

    def parameters(self) -> list[Value]:
        """The weights in order, then the bias: the objects themselves."""
        # BEGIN SOLUTION
        return [*self.w, self.b]
        # END SOLUTION


# %% [markdown]
# ## 7.5 `class Layer`
#
# Several neurons that get the same inputs.
#
# - `Layer(n_inputs, n_outputs, rng, nonlinear=True)` makes `n_outputs` neurons, all from the **same**
#   `rng`: a generator per neuron with one seed would make them equal.
# - `layer(x)` returns the **list** of their outputs, also where there is only one.
# - `parameters()` returns those of the first neuron, then those of the second, and so on.
#
# **Worked example.** Two linear neurons with $w = (2, -1), b = 0.5$ and $w = (1, 1), b = 0$ map $(3, 4)$ to $[2.5, 7]$.


# %%
class Layer:
    """``n_outputs`` neurons that get the same inputs.

    Source:
        As for ``Neuron``.

    >>> layer = Layer(2, 3, np.random.default_rng(0))
    >>> len(layer([1.0, 2.0])), len(layer.parameters())
    (3, 9)
    """

    def __init__(self, n_inputs: int, n_outputs: int, rng: np.random.Generator, nonlinear: bool = True) -> None:
        """Make the neurons one after the other from ``rng``."""
        # BEGIN SOLUTION
        self.neurons = [Neuron(n_inputs, rng, nonlinear) for _ in range(n_outputs)]
        # END SOLUTION

    def __call__(self, x: "Sequence[Value | float]") -> list[Value]:
        """The list of outputs, one per neuron."""
        # BEGIN SOLUTION
        return [neuron(x) for neuron in self.neurons]
        # END SOLUTION

    def parameters(self) -> list[Value]:
        """The parameters of all neurons, in their order."""
        # BEGIN SOLUTION
        return [parameter for neuron in self.neurons for parameter in neuron.parameters()]
        # END SOLUTION


# %% [markdown]
# ## 7.6 `class MLP`
#
# A *multilayer perceptron*: each layer gets the outputs of the one before.
#
# - `MLP(n_inputs, sizes, rng)` makes one layer for each number in `sizes`. `MLP(2, [8, 1], rng)` has 8 hidden
#   neurons and one output. All layers are nonlinear **but the last**: its outputs are scores, and tanh
#   would keep them between -1 and 1.
# - `mlp(x)` returns **one** `Value` where the last size is 1, otherwise the list of Values.
# - `parameters()` returns those of the first layer, then those of the second, and so on.
#
# **Worked example.** `MLP(2, [8, 1], rng)` has $8 \cdot (2 + 1) + (8 + 1) = 33$ parameters.


# %%
class MLP:
    """Layers in a row, all nonlinear but the last.

    Source:
        As for ``Neuron``.

    >>> mlp = MLP(2, [8, 1], np.random.default_rng(0))
    >>> len(mlp.parameters()), type(mlp([1.0, 2.0])).__name__
    (33, 'Value')
    """

    def __init__(self, n_inputs: int, sizes: Sequence[int], rng: np.random.Generator) -> None:
        """Make the layers one after the other from ``rng``; ``sizes`` are their numbers of neurons, at least one."""
        # BEGIN SOLUTION
        widths = [n_inputs, *sizes]
        self.layers = [Layer(widths[i], n, rng, nonlinear=i < len(sizes) - 1) for i, n in enumerate(sizes)]
        # END SOLUTION

    def __call__(self, x: "Sequence[Value | float]") -> Any:
        """One Value where the last layer has one neuron, else the list of its outputs."""
        # BEGIN SOLUTION
        for layer in self.layers:
            x = layer(x)
        return x[0] if len(x) == 1 else x
        # END SOLUTION

    def parameters(self) -> list[Value]:
        """The parameters of all layers, in their order."""
        # BEGIN SOLUTION
        return [parameter for layer in self.layers for parameter in layer.parameters()]
        # END SOLUTION


# %% [markdown]
# ## 7.7 `fit_moons(model, x, y, lr=1.0, steps=100)`
#
# Two moons that no straight line can separate. A point has a class $y \in \{-1, 1\}$; the model gives it a
# score $s$, and the sign of the score is the predicted class. The loss is the mean *hinge loss*
#
# $$L = \frac{1}{n} \sum_{i=1}^{n} \max(0,\ 1 - y_i s_i)$$
#
# which is 0 when every score is on its side with a margin of 1.
#
# Each of the `steps` steps of gradient descent uses **all** points (full batch):
# 1. set `grad` of every parameter to 0 (why?),
# 2. compute the loss as one `Value` and note its number,
# 3. `backward()`,
# 4. Every parameter moves against its gradient: by `lr` times its `grad`, downwards.
#
# Return the list of the `steps` losses, each measured **before** the step. The model is changed in place. It
# need not be an `MLP`: anything with `parameters()` that maps a row of `x` to one `Value` will do.
#
# **Worked example.** A model with the single parameter $w$ that maps $x$ to $w x_1$, at $w = 0$, with the points
# $x_1 = 2$ and $4$, both of class 1: the loss is 1, its derivative for $w$ is $-(2 + 4) / 2 = -3$, and with
# `lr=0.1` the first step leads to $w = 0.3$. The next loss is $(0.4 + 0) / 2 = 0.2$.


# %%
def two_moons(n: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """``n`` points (n, 2) of two half circles that reach into each other, and their classes, 1.0 or -1.0."""
    y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    angle = rng.uniform(0, math.pi, size=n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return np.where(y[:, None] > 0, upper, lower) + noise * rng.normal(size=(n, 2)), y


moons_x, moons_y = two_moons(30, 0.08, np.random.default_rng(7))


# %%
def fit_moons(model: Callable[[Any], Any], x: Array, y: Array, lr: float = 1.0, steps: int = 100) -> list[float]:
    """Gradient descent on the mean hinge loss over all points; changes the parameters of ``model`` in place.

    Args:
        model: maps a row of ``x`` to one Value, the score; has ``parameters()``.
        x: points, shape (n, d), float.
        y: classes, shape (n,), 1.0 or -1.0.
        lr: learning rate.
        steps: number of steps.

    Returns:
        The loss before each step, ``steps`` floats.

    Source:
        Cortes and Vapnik, "Support-Vector Networks" (1995), for the margin.

    >>> class Line:
    ...     w = Value(0.0)
    ...     def __call__(self, x):
    ...         return self.w * x[0]
    ...     def parameters(self):
    ...         return [self.w]
    >>> [round(loss, 9) for loss in fit_moons(Line(), np.array([[2.0], [4.0]]), np.ones(2), lr=0.1, steps=2)]
    [1.0, 0.2]
    """
    # BEGIN SOLUTION
    parameters: list[Value] = model.parameters()  # type: ignore[attr-defined]  # a callable with one more method
    losses = []
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = 0.0
        total = Value(0.0)
        for row, label in zip(x, y, strict=True):
            total = total + (1 - label * model(row)).relu()
        loss = total / len(x)
        loss.backward()
        losses.append(loss.data)
        for parameter in parameters:
            parameter.data -= lr * parameter.grad
    return losses
    # END SOLUTION


# %%
# The regions that your network learns; run this cell again when fit_moons is written.
try:
    mlp = MLP(2, [8, 1], np.random.default_rng(33))
    losses = fit_moons(mlp, moons_x, moons_y)
    grid_x, grid_y = np.meshgrid(np.linspace(-1.6, 2.6, 43), np.linspace(-1.1, 1.6, 28))
    rows = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1)
    surface = np.reshape([mlp(row).data for row in rows], grid_x.shape)
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(losses)
    left.set(title="mean hinge loss", xlabel="step", ylim=(0, None))
    right.contourf(grid_x, grid_y, np.sign(surface), levels=[-2, 0, 2], colors=["#dceaf7", "#fde5cd"])
    for level, style in ((-1, "--"), (0, "-"), (1, "--")):
        right.contour(grid_x, grid_y, surface, levels=[level], colors="black", linestyles=style, linewidths=0.8)
    for kind, color in ((1, "tab:orange"), (-1, "tab:blue")):
        right.plot(*moons_x[moons_y == kind].T, "o", color=color, markersize=4, label=f"class {kind}")
    right.set(title="score 0, and the margins at -1 and 1")
    right.legend(loc="upper right", fontsize="small")
    plt.show()
except NotImplementedError:
    print("Here will be a figure, once Value, MLP and fit_moons are written.")

# %% [markdown]
# ## 7.8 `is_valid_loss(f, df, samples)`
#
# Someone gives you a loss `f(x, y)` of a prediction `x` for a target `y`, and `df(x, y)`, its gradient **for x**. Can
# gradient descent find the target with it? Two things must hold:
#
# 1. The gradient is zero at the target, **and only there**. Elsewhere a zero gradient stops the descent too early.
# 2. `df` agrees with differences.
#
# `samples` is a list of pairs `(x, y)` of arrays of equal shape. Return `True` when for **every** pair
# - `gradcheck` accepts `df` at `x`, for this `y` held fixed,
# - `df(y, y)` is zero: every entry is at most $10^{-7}$ in size,
# - `df(x, y)` is **not** zero, unless `x` equals `y` in every entry. One entry that is not zero is enough.
#
# The value of the loss plays no role: $(x - y)^2 + 5$ is as good as $(x - y)^2$, and many losses (cross-entropy
# with soft targets) are not 0 at the target.
#
# **Worked example.** `f = lambda x, y: ((x - y) ** 2).sum()` with `df = lambda x, y: 2 * (x - y)` is valid. The
# *hinge loss* $\max(0, 1 - x y)$ is not, by this definition: for $y = 1$ its gradient is zero at $x = 1.5$ as well.
# Neither is accuracy, whose gradient is zero nearly everywhere.
#
# (A loss that fails can still be useful, as 7.7 shows. And this test sees neither the sign of a loss nor what lies
# between the samples: $-(x - y)^2$ passes.)


# %%
def is_valid_loss(
    f: Callable[[Array, Array], float],
    df: Callable[[Array, Array], Array],
    samples: Sequence[tuple[Array, Array]],
) -> bool:
    """Whether the gradient of a loss is right, and zero at the target only.

    Args:
        f: loss of a prediction x for a target y, two arrays of equal shape; returns one number.
        df: claims to return the gradient of ``f`` for x.
        samples: pairs (x, y), at least one; left alone.

    Returns:
        True when every pair meets the three conditions above.

    Source:
        The definition above.

    >>> pair = (np.array([1.0, 2.0]), np.array([0.5, 2.0]))
    >>> is_valid_loss(lambda x, y: ((x - y) ** 2).sum(), lambda x, y: 2 * (x - y), [pair])
    True
    >>> is_valid_loss(lambda x, y: ((x - y) ** 2).sum(), lambda x, y: x - y, [pair])
    False
    """

    # BEGIN SOLUTION
    def is_zero(gradient: Array) -> bool:
        return bool(np.all(np.abs(gradient) <= 1e-7))

    def holds(x: Array, y: Array) -> bool:
        stops_only_there = np.array_equal(x, y) or not is_zero(df(x, y))
        return is_zero(df(y, y)) and stops_only_there and gradcheck(lambda z: f(z, y), lambda z: df(z, y), x)

    return all(holds(x, y) for x, y in samples)
    # END SOLUTION
