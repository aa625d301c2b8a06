"""Questions, checks, mistakes and equivalents of the assignment on automatic differentiation; 100 points in all.

Objects of a student's class cannot cross to the grader. Their checks are scripts: lines that use the class, and the
expressions (numbers) that are looked at afterwards. A mistake of a class is written as the methods in which it differs
from the solution, which stands in the notebook above it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from textwrap import dedent, indent

import numpy as np

from autograder.course import (
    Code,
    Generator,
    Tolerance,
    call,
    call_twice,
    check_numpy_alone,
    declare_variants,
    question,
    script,
)

Rows = Iterable[tuple[str, str, str]]


def declare_classes(q, *, mistakes: Rows = (), equivalents: Iterable[tuple[str, str]] = ()) -> None:
    """Declare classes that differ from the solution's in some methods: rows of name, methods, hint (mistakes only)."""
    for name, methods, hint in mistakes:
        q.mistake_text(name, f"class {q.name}({q.name}):\n{indent(dedent(methods).strip(), '    ')}", hint=hint)
    for name, methods in equivalents:
        q.equivalent_text(name, f"class {q.name}({q.name}):\n{indent(dedent(methods).strip(), '    ')}")


# Value -----------------------------------------------------------------------------------------

Value = question("Value", points=42)


#: A gradient that is a small difference of large terms loses digits, more or less by the order of the terms.
ROUNDING = Tolerance("terms of a gradient may cancel, or there are thousands of them", relative=1e-10, absolute=1e-11)


def graph(lines: str, **leaves: float):
    """The value of y and, after ``y.backward()``, the gradient of each leaf."""
    made = "\n".join(f"{name} = Value({name})" for name in leaves)
    return script(f"{made}\n{lines}\ny.backward()", "y.data", *(f"{name}.grad" for name in leaves), **leaves)


def formulas(rng: np.random.Generator, *texts: str, positive: bool = False):
    """One graph per formula for y of a, b and c, at numbers of either sign (or above zero) and not near it."""
    probes = []
    for text in texts:
        sizes = rng.uniform(0.4, 2.0, size=3) * (1 if positive else rng.choice([-1, 1], size=3))
        leaves = {name: float(size) for name, size in zip("abc", sizes, strict=True) if name in names_in(text)}
        probes.append(graph(f"y = {text}", **leaves))
    return probes


def names_in(text: str) -> set[str]:
    """Words of a formula, such as {"a", "exp"}."""
    return set("".join(c if c.isalnum() else " " for c in text).split())


def random_lines(rng: np.random.Generator, count: int) -> str:
    """A graph of `count` nodes on a, b and c, with nodes that are used several times; no number grows large."""
    names = ["a", "b", "c"]
    lines = []
    for i in range(count):
        p, q = rng.choice(names, size=2)
        choices = [
            f"{p} + {q}",
            f"{p} - 0.5 * {q}",
            f"{p} * {q}.tanh()",
            f"{p} / (2 + {q} ** 2)",
            f"{p}.tanh()",
            f"(-{p} ** 2).exp()",
            f"(1 + {p} * {p}).log()",
            f"3 - {p}",
        ]
        lines.append(f"v{i} = {rng.choice(choices)}")
        names.append(f"v{i}")
    return "\n".join([*lines, f"y = {' + '.join(names[-4:])}"])


@Value.check(
    "the worked example", public=True, points=2, hint="Compare with the table. Which two paths lead from y to a?"
)
def _(rng):
    return graph("y = (a * b + a) ** 0.5", a=1.0, b=3.0)


@Value.check(
    "numbers may stand on either side",
    public=True,
    points=2,
    hint="Which method does Python call for 2 - a? What does it get as its argument?",
)
def _(rng):
    return [graph(f"y = {text}", a=4.0) for text in ("2 - a", "a - 2", "2 / a", "a / 2", "3 + a * 2")]


@Value.check(
    "every function at one point",
    public=True,
    points=2,
    hint="Compare each gradient with the table of local derivatives.",
)
def _(rng):
    texts = ("a.exp()", "a.log()", "a.relu()", "a.tanh()", "a ** 3", "-a")
    return [graph(f"y = {text}", a=0.5) for text in texts]


@Value.check("sums, differences and minus", points=2, hint="Which sign has the derivative of a - b for b?")
def _(rng):
    return formulas(rng, "a + b", "a - b", "-a", "a - b - c", "a - (b - c)", "-(a + b) - -c")


@Value.check("products and quotients", points=3, hint="Differentiate a / b for b by hand. Is there a square?")
def _(rng):
    return formulas(rng, "a * b", "a / b", "a * b * c", "a / b / c", "a / (b / c)", "a * b / c")


@Value.check(
    "powers with a number as exponent",
    points=3,
    hint="What is the derivative of a ** n? Does it need a logarithm? Try a negative a.",
)
def _(rng):
    either = formulas(rng, "a ** 2", "a ** 3", "a ** -1", "a ** -2", "a ** 1", "(a * b) ** 4")
    return either + formulas(rng, "a ** 0.5", "a ** -1.5", "a ** 2.5", positive=True)


@Value.check(
    "powers with a Value as exponent", points=2, hint="Write a ** b as exp(b ln a). Which two operands has it?"
)
def _(rng):
    return formulas(rng, "a ** b", "2 ** a", "0.5 ** a", "a ** (b * c)", "a ** a", "3.0 ** (a * b)", positive=True)


@Value.check("exp and log", points=2, hint="What are the two derivatives? Which of them is the result itself?")
def _(rng):
    logs = formulas(rng, "a.log()", "(a * b).log()", "a.log() * b.exp()", positive=True)
    far = [graph("y = a.exp()", a=-1000.0), graph("y = a.exp()", a=10.0), graph("y = a.log()", a=1e-4)]
    return formulas(rng, "a.exp()", "(a * b).exp()", "a.exp().log()") + logs + far


@Value.check("relu, at 0 as well", points=2, hint="What does the statement say about the derivative at 0?")
def _(rng):
    size = float(rng.uniform(0.5, 2))
    at = [graph("y = a.relu()", a=a) for a in (size, -size, 0.0)]
    return [*at, graph("y = a.relu() * b + (-a).relu()", a=-size, b=3.0), graph("y = (a * b).relu()", a=size, b=0.0)]


@Value.check("tanh, far from 0 as well", points=2, hint="What is math.exp(1000.0)? Does your tanh need it?")
def _(rng):
    return formulas(rng, "a.tanh()", "(a * b).tanh()", "a.tanh().tanh()") + [
        graph("y = a.tanh() + 2 * a", a=a) for a in (1000.0, -1000.0)
    ]


@Value.check(
    "whole and broken numbers on both sides of every operator",
    points=3,
    hint="Call each of 2 + a, 2 - a, 2 * a, 2 / a, 2 ** a and its mirror image.",
)
def _(rng):
    sides = (("a", 2), (1.5, "a"), ("a", -3))
    texts = [f"{left} {op} {right}" for op in ("+", "-", "*", "/", "**") for left, right in sides]
    return formulas(rng, *texts, "1 - 2 * a / (3 + a)", "sum([a, b, c])", positive=True)


@Value.check(
    "a node counts once for each use",
    points=3,
    hint="Which uses has a in a * a? Do you add up or overwrite?",
    tolerance=ROUNDING,
)
def _(rng):
    shared = ["d = a * b\ny = d + d", "d = a * b\ny = d * d - d / a", "d = a.tanh()\ny = d * b + d * a + d"]
    leaves = {"a": float(rng.uniform(0.5, 2)), "b": float(rng.uniform(-2, -0.5))}
    return [graph(lines, **leaves) for lines in shared] + formulas(
        rng, "a + a", "a * a", "a / a", "a - a", "a * a * a", "(a + b) * (a - b) + a", "a.exp() * a"
    )


@Value.check(
    "a node waits until all its uses are counted",
    points=3,
    hint="Draw the graph. Through which long path and which short path does the gradient reach d? Which comes first?",
    tolerance=ROUNDING,
)
def _(rng):
    leaves = {"a": float(rng.uniform(0.5, 1.5)), "b": float(rng.uniform(-1.5, -0.5))}
    texts = [
        "d = a * b\ne = d.tanh()\nf = e * 3\ny = f + d",
        "d = a * b\ne = d.tanh()\nf = e * 3\ny = d + f",
        "d = a + b\ne = d * a\nf = e.exp()\ng = f * d\ny = g * e + d",
        "d = a * a\ne = d * b\nf = e + d\ng = f * e\ny = d * g + f * a",
    ]
    return [graph(lines, **leaves) for lines in texts]


@Value.check(
    "random graphs",
    points=3,
    hint="Build a small graph at random and compare with numerical_gradient.",
    tolerance=ROUNDING,
)
def _(rng):
    leaves = [dict(zip("abc", map(float, rng.uniform(-1.5, 1.5, size=3)), strict=True)) for _ in range(6)]
    return [graph(random_lines(rng, count), **at) for count, at in zip((4, 6, 8, 12, 16, 24), leaves, strict=True)]


@Value.check(
    "gradients accumulate over several calls",
    points=3,
    hint="Call backward() twice. Each call starts with 1 at its output. Is anything passed on a second time?",
    tolerance=ROUNDING,
)
def _(rng):
    a, b = (float(v) for v in rng.uniform(0.5, 2, size=2))
    start = "a, b = Value(a), Value(b)\nd = a * b\n"
    shown = ("a.grad", "b.grad")
    return [
        script(f"{start}y = d.tanh() * a\ny.backward()\ny.backward()", *shown, a=a, b=b),
        script(f"{start}y = d * d + b\nfor _ in range(3):\n    y.backward()", *shown, a=a, b=b),
        script(f"{start}y, z = d * a, d.exp()\ny.backward()\nz.backward()", *shown, a=a, b=b),
        script(f"{start}y = d * a\ny.backward()\na.grad = b.grad = 0.0\n(a * 3).backward()", *shown, a=a, b=b),
    ]


@Value.check(
    "inner nodes have gradients, other nodes none",
    points=2,
    hint="After one call: what is y.grad? And that of a node in the middle? Of a node that y was not made from?",
)
def _(rng):
    a, b = (float(v) for v in rng.uniform(0.5, 2, size=2))
    lines = (
        "a, b, c = Value(a), Value(b), Value(1.0)\nd = a * b\ne = d.exp()\nz = d * c\ny = e * d + 2 * e\ny.backward()"
    )
    other = "a = Value(a)\nd = a * b\nz = d * a\nd.backward()"
    return [
        script(lines, "y.grad", "e.grad", "d.grad", "a.grad", "z.grad", "c.grad", a=a, b=b),
        script(other, "d.grad", "a.grad", "z.grad", a=a, b=b),
        script("a = Value(a)\na.backward()", "a.grad", "a.data", a=a),
    ]


@Value.check(
    "operations leave their operands alone",
    points=1,
    hint="Which objects does a += 1 change? And does backward() change any data?",
    tolerance=ROUNDING,
)
def _(rng):
    a, b = (float(v) for v in rng.uniform(0.5, 2, size=2))
    lines = "a, b = Value(a), Value(b)\nkept = a\na += b\na *= 2\na -= 1\na /= b\na **= 2\na.backward()"
    return [
        script(lines, "kept.data", "b.data", "a.data", "kept.grad", "b.grad", a=a, b=b),
        script("a = Value(a)\nb = (-a).exp().relu().tanh()\nb.backward()", "a.data", "b.data", "a.grad", a=a),
    ]


@Value.check(
    "10,000 nodes in a row",
    points=1,
    hint="How deep may Python's calls nest? Keep a list of your own.",
    tolerance=ROUNDING,
)
def _(rng):
    a, b = float(rng.uniform(0.99, 1.01)), float(rng.uniform(0.5, 2))
    return [
        graph("y = sum([a] * 10_000)", a=a),
        graph("y = a\nfor _ in range(5_000):\n    y = y * 0.999 + b", a=a, b=b),
    ]


@Value.check(
    "sixty doublings", points=1, hint="How many paths lead from y to a? And how many nodes are there? Visit each once."
)
def _(rng):
    a, half = float(rng.uniform(1, 2)), float(rng.uniform(0.49, 0.51))
    lines = "a = Value(a)\ny = a\nfor _ in range(60):\n    y = (y + y) * half\ny.backward()"
    return script(lines, "y.data", "a.grad", a=a, half=half)


#: Nodes in an order in which each comes after its operands.
ORDER = """
    order, seen, stack = [], set(), [(self, False)]
    while stack:
        node, listed = stack.pop()
        if listed:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((operand, False) for operand, _ in node._edges)
"""
#: The way back as most people write it first.
WAY_BACK = """
    for node in reversed(order):
        for operand, slope in node._edges:
            operand.grad += slope * node.grad
"""


def unary(name: str, data: str, slope: str) -> str:
    """A method of one operand x."""
    return f"def {name}(self):\n    x = self.data\n    y = {data}\n    return Value(y, ((self, {slope}),))"


declare_classes(
    Value,
    mistakes=[
        (
            "overwrites gradients instead of adding",
            f"def backward(self):{ORDER}    self.grad = 1.0{WAY_BACK.replace('+=', '=')}",
            "In a * b + a the node a is used twice. What should happen to the second contribution?",
        ),
        (
            "passes on what an earlier call left behind",
            f"def backward(self):{ORDER}    self.grad = 1.0{WAY_BACK}",
            "Call y.backward() twice. Why does a leaf behind an inner node get more than twice its gradient?",
        ),
        (
            "sets all gradients to zero first",
            f"def backward(self):{ORDER}    for node in order:\n        node.grad = 0.0\n    self.grad = 1.0{WAY_BACK}",
            "The gradients of two calls add up. Who should decide when to start again?",
        ),
        (
            "lists a node once per path",
            "def backward(self):\n"
            "    order = []\n"
            "    def visit(node):\n"
            "        for operand, _ in node._edges:\n"
            "            visit(operand)\n"
            "        order.append(node)\n"
            f"    visit(self)\n    self.grad += 1.0{WAY_BACK}",
            "How often does a node that is used twice stand in your list? Remember those that you have seen.",
        ),
        (
            "searches by recursion",
            "def backward(self):\n"
            "    order, seen = [], set()\n"
            "    def visit(node):\n"
            "        if node not in seen:\n"
            "            seen.add(node)\n"
            "            for operand, _ in node._edges:\n"
            "                visit(operand)\n"
            "            order.append(node)\n"
            "    visit(self)\n"
            "    gradients = dict.fromkeys(order, 0.0)\n"
            "    gradients[self] = 1.0\n"
            "    for node in reversed(order):\n"
            "        node.grad += gradients[node]\n"
            "        for operand, slope in node._edges:\n"
            "            gradients[operand] += slope * gradients[node]",
            "How deep do the calls nest for 10,000 nodes in a row? A list can do what the calls do.",
        ),
        (
            "walks back breadth first",
            "def backward(self):\n"
            "    order, seen = [self], {self}\n"
            "    for node in order:\n"
            "        for operand, _ in node._edges:\n"
            "            if operand not in seen:\n"
            "                seen.add(operand)\n"
            "                order.append(operand)\n"
            "    self.grad += 1.0\n"
            "    for node in order:\n"
            "        for operand, slope in node._edges:\n"
            "            operand.grad += slope * node.grad",
            "Near the output is not the same as complete: what if a long path leads to the same node later?",
        ),
        (
            "walks back depth first from the output",
            "def backward(self):\n"
            "    order, seen, stack = [], set(), [self]\n"
            "    while stack:\n"
            "        node = stack.pop()\n"
            "        if node not in seen:\n"
            "            seen.add(node)\n"
            "            order.append(node)\n"
            "            stack.extend(operand for operand, _ in node._edges)\n"
            "    self.grad += 1.0\n"
            "    for node in order:\n"
            "        for operand, slope in node._edges:\n"
            "            operand.grad += slope * node.grad",
            "May a node be listed before all nodes that were made from it?",
        ),
        (
            "walks from the leaves to the output",
            f"def backward(self):{ORDER}    self.grad += 1.0{WAY_BACK.replace('reversed(order)', 'order')}",
            "Which node knows its gradient at the start: a leaf or the output?",
        ),
        (
            "counts two equal operands once",
            "def __init__(self, data, edges=()):\n"
            "    self.data, self.grad = float(data), 0.0\n"
            "    self._edges = tuple(dict(edges).items())",
            "In a * a both operands are the same object. Is it still two uses?",
        ),
        (
            "goes one step back only",
            "def backward(self):\n    self.grad += 1.0\n    for operand, slope in self._edges:\n"
            "        operand.grad += slope",
            "Which node tells the operands of the operands?",
        ),
        (
            "starts with the value of the output",
            f"def backward(self):{ORDER}    self.grad += self.data{WAY_BACK}",
            "What is the derivative of y for y?",
        ),
        (
            "gives gradients to leaves only",
            f"def backward(self):{ORDER}"
            "    gradients = dict.fromkeys(order, 0.0)\n"
            "    gradients[self] = 1.0\n"
            "    for node in reversed(order):\n"
            "        node.grad += 0.0 if node._edges else gradients[node]\n"
            "        for operand, slope in node._edges:\n"
            "            gradients[operand] += slope * gradients[node]",
            "That is PyTorch's convention. What does the statement say about inner nodes and the output?",
        ),
        (
            "knows no number on the left",
            "__radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = None",
            "What does Python do with 2 + a, when a number does not know your class?",
        ),
        (
            "knows no number on the right",
            "def __add__(self, other):\n"
            "    return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))\n"
            "def __mul__(self, other):\n"
            "    return Value(self.data * other.data, ((self, other.data), (other, self.data)))",
            "Which attribute does a plain 2 not have? Where could it become a Value?",
        ),
        (
            "takes the reflected difference for the plain one",
            "def __rsub__(self, other):\n    return self - other",
            "For 2 - a Python calls a.__rsub__(2). Which of the two stands on the left?",
        ),
        (
            "takes the reflected quotient for the plain one",
            "def __rtruediv__(self, other):\n    return self / other",
            "For 2 / a Python calls a.__rtruediv__(2). Which of the two stands on top?",
        ),
        (
            "takes the reflected power for the plain one",
            "def __rpow__(self, base):\n    return self ** base",
            "For 2 ** a Python calls a.__rpow__(2). Which of the two is the exponent?",
        ),
        (
            "gives both operands of a difference the slope 1",
            "def __sub__(self, other):\n"
            "    other = as_value(other)\n"
            "    return Value(self.data - other.data, ((self, 1.0), (other, 1.0)))",
            "If b grows, does a - b grow?",
        ),
        (
            "exchanges the slopes of a product",
            "def __mul__(self, other):\n"
            "    other = as_value(other)\n"
            "    return Value(self.data * other.data, ((self, self.data), (other, other.data)))",
            "Take a * b with b = 0. Does y change with a?",
        ),
        (
            "loses the sign in a quotient",
            "def __truediv__(self, other):\n"
            "    other = as_value(other)\n"
            "    slopes = 1 / other.data, self.data / other.data ** 2\n"
            "    return Value(self.data / other.data, ((self, slopes[0]), (other, slopes[1])))",
            "If the denominator grows, does a positive quotient grow?",
        ),
        (
            "divides to whole numbers",
            "def __truediv__(self, other):\n"
            "    other = as_value(other)\n"
            "    a, b = self.data, other.data\n"
            "    return Value(a // b, ((self, 1 / b), (other, -a / b ** 2)))",
            "What is 3 // 2?",
        ),
        (
            "keeps the exponent in the derivative of a power",
            "def __pow__(self, exponent):\n"
            "    n = as_value(exponent).data\n"
            "    return Value(self.data ** n, ((self, n * self.data ** n),))",
            "What is the derivative of a ** 2 at a = 3: 6 or 18?",
        ),
        (
            "subtracts 1 from the power, not from the exponent",
            "def __pow__(self, exponent):\n"
            "    n = as_value(exponent).data\n"
            "    return Value(self.data ** n, ((self, n * self.data ** n - 1),))",
            "In which order does Python compute n * a ** n - 1? Where do brackets belong?",
        ),
        (
            "forgets the slope of a Value in the exponent",
            "def __pow__(self, exponent):\n"
            "    n = as_value(exponent).data\n"
            "    return Value(self.data ** n, ((self, n * self.data ** (n - 1)),))",
            "If the exponent is a Value, y depends on it as well. What is the derivative of 2 ** a?",
        ),
        (
            "forgets the logarithm in the slope of an exponent",
            "def __pow__(self, exponent):\n"
            "    n, y = as_value(exponent).data, self.data ** as_value(exponent).data\n"
            "    edges = ((self, n * self.data ** (n - 1)),)\n"
            "    return Value(y, edges + ((exponent, y),) if isinstance(exponent, Value) else edges)",
            "e ** b is its own derivative. Is 2 ** b?",
        ),
        (
            "takes a logarithm for every power",
            "def __pow__(self, exponent):\n    return (as_value(exponent) * self.log()).exp()",
            "What is the logarithm of a negative number? Which powers need none?",
        ),
        (
            "differentiates exp like a power",
            unary("exp", "math.exp(x)", "x * math.exp(x - 1)"),
            "Which function is its own derivative?",
        ),
        (
            "has 1 as the slope of exp",
            unary("exp", "math.exp(x)", "1.0"),
            "The derivative of exp is not constant. Which number do you already have?",
        ),
        (
            "differentiates log by its result",
            unary("log", "math.log(x)", "1 / y"),
            "Is the derivative of log 1 over the operand or 1 over the result?",
        ),
        (
            "takes the logarithm to base 10",
            unary("log", "math.log10(x)", "1 / x"),
            "What should Value(math.e).log() be?",
        ),
        (
            "has 1 as the slope of relu at 0",
            unary("relu", "max(x, 0.0)", "float(x >= 0)"),
            "Another convention. Which one does the statement choose at 0?",
        ),
        (
            "lets all gradients through relu",
            unary("relu", "max(x, 0.0)", "1.0"),
            "If a = -2 changes a little, does max(a, 0) change?",
        ),
        (
            "forgets the square in the slope of tanh",
            unary("tanh", "math.tanh(x)", "1 - y"),
            "tanh has the slope 1 at 0 and nearly 0 at -5. Which slope do you have at -5?",
        ),
        (
            "takes the operand for the result in the slope of tanh",
            unary("tanh", "math.tanh(x)", "1 - x * x"),
            "The square in 1 - t ** 2: is t the operand or the result?",
        ),
        (
            "builds tanh from large exponentials",
            unary("tanh", "(math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)", "1 - y * y"),
            "What is math.exp(2000.0)? What should tanh(1000) be?",
        ),
        (
            "changes the left operand in a += b",
            "def __iadd__(self, other):\n    self.data += as_value(other).data\n    return self",
            "Where does the graph remember that a += 1 happened? Python needs no __iadd__ for it.",
        ),
    ],
    equivalents=[
        (
            "counts uses and passes on what is complete",
            "def backward(self):\n"
            "    uses, stack = {id(self): 0}, [self]\n"
            "    while stack:\n"
            "        for operand, _ in stack.pop()._edges:\n"
            "            if id(operand) not in uses:\n"
            "                uses[id(operand)] = 0\n"
            "                stack.append(operand)\n"
            "            uses[id(operand)] += 1\n"
            "    waiting, ready = {id(self): 1.0}, [self]\n"
            "    while ready:\n"
            "        node = ready.pop()\n"
            "        gradient = waiting.pop(id(node))\n"
            "        node.grad += gradient\n"
            "        for operand, slope in node._edges:\n"
            "            waiting[id(operand)] = waiting.get(id(operand), 0.0) + gradient * slope\n"
            "            uses[id(operand)] -= 1\n"
            "            if uses[id(operand)] == 0:\n"
            "                ready.append(operand)",
        ),
        (
            "keeps the gradients of leaves and starts inner nodes at zero",
            f"def backward(self):{ORDER}"
            "    for node in order:\n"
            "        if node._edges:\n"
            "            node.grad = 0.0\n"
            f"    self.grad += 1.0{WAY_BACK}",
        ),
        (
            "divides and subtracts in one step",
            "def __sub__(self, other):\n"
            "    other = as_value(other)\n"
            "    return Value(self.data - other.data, ((self, 1), (other, -1)))\n"
            "def __rsub__(self, other):\n"
            "    return Value(other - self.data, ((self, -1),))\n"
            "def __truediv__(self, other):\n"
            "    other = as_value(other)\n"
            "    y = self.data / other.data\n"
            "    return Value(y, ((self, 1 / other.data), (other, -y / other.data)))\n"
            "def __rtruediv__(self, other):\n"
            "    return Value(other / self.data, ((self, -other / self.data ** 2),))",
        ),
    ],
)
# A class of its own: closures instead of edges, nodes numbered as they are made.
Value.equivalent_text(
    "closures, in the order in which nodes were made",
    dedent(
        """
        class Value:
            made = 0

            def __init__(self, data, operands=(), push=None):
                self.data, self.grad = data, 0.0
                self.operands, self.push = operands, push
                Value.made += 1
                self.number = Value.made

            def _result(self, data, *pairs):
                def push(gradient, sums):
                    for operand, slope in pairs:
                        sums[operand.number] = sums.get(operand.number, 0.0) + gradient * slope
                return Value(data, [operand for operand, _ in pairs], push)

            @staticmethod
            def lift(x):
                return x if isinstance(x, Value) else Value(x)

            def __add__(self, other):
                other = Value.lift(other)
                return self._result(self.data + other.data, (self, 1), (other, 1))

            def __mul__(self, other):
                other = Value.lift(other)
                return self._result(self.data * other.data, (self, other.data), (other, self.data))

            def __pow__(self, n):
                if isinstance(n, Value):
                    return (n * self.log()).exp()
                return self._result(self.data ** n, (self, n * self.data ** (n - 1)))

            __radd__, __rmul__ = __add__, __mul__

            def __neg__(self):
                return self * -1

            def __sub__(self, other):
                return self + Value.lift(other) * -1

            def __rsub__(self, other):
                return Value(other) - self

            def __truediv__(self, other):
                return self * Value.lift(other) ** -1

            def __rtruediv__(self, other):
                return Value(other) * self ** -1

            def __rpow__(self, base):
                return Value(base) ** self

            def exp(self):
                y = math.exp(self.data)
                return self._result(y, (self, y))

            def log(self):
                return self._result(math.log(self.data), (self, 1 / self.data))

            def relu(self):
                return self._result(self.data, (self, 1)) if self.data > 0 else self._result(0, (self, 0))

            def tanh(self):
                return self._result(math.tanh(self.data), (self, math.cosh(min(abs(self.data), 300)) ** -2))

            def backward(self):
                found, stack = {self.number: self}, [self]
                while stack:
                    for operand in stack.pop().operands:
                        if operand.number not in found:
                            found[operand.number] = operand
                            stack.append(operand)
                sums = {self.number: 1.0}
                for number in sorted(found, reverse=True):
                    node = found[number]
                    node.grad += sums[number]
                    if node.push:
                        node.push(sums[number], sums)
        """
    ).strip(),
)


# Numerical gradient ----------------------------------------------------------------------------

numerical_gradient = question("numerical_gradient", points=12)
numerical_gradient.equivalent_mutant(
    "gradient = np.zeros_like(point) -> gradient = np.ones_like(point)",
    reason="Every entry is written before it is read.",
)

#: Functions with known gradients, each of one array of any shape.
SMOOTH = ("lambda x: (x ** 3).sum()", "lambda x: np.exp(-x / 3).sum()", "lambda x: np.sin(x).sum() * x.max()")
DIFFERENCES = Tolerance(
    "rounding in f, some 1e-14, divided by 2e-6; a forward difference is off by 1e-6 and more", absolute=1e-7
)


@numerical_gradient.check("the worked example", public=True, points=1, hint="Which two points are 2 eps apart?")
def _(rng):
    return call(Code("lambda x: (x ** 3).sum()"), np.array([2.0, 0.0]), eps=0.5)


@numerical_gradient.check(
    "entries of a matrix, one at a time",
    public=True,
    points=1,
    hint="Which entries may differ between the two points?",
    tolerance=DIFFERENCES,
)
def _(rng):
    return call(Code("lambda x: (x[0] * x[1]).sum()"), np.array([[1.1, 2.3, 3.7], [4.2, 5.6, 6.9]]))


@numerical_gradient.check(
    "close to known gradients",
    hint="How large is the error of a forward difference, and that of a central one?",
    tolerance=DIFFERENCES,
)
def _(rng):
    return [call(Code(f), np.round(rng.uniform(-2, 2, size=(2, 3)), 3)) for f in SMOOTH]


@numerical_gradient.check(
    "eps is the step to either side",
    hint="Another convention takes eps for the whole distance. Compute the worked example.",
)
def _(rng):
    cubic = Code("lambda x: (x ** 3).sum()")
    big = rng.integers(3, 9, size=(2, 2)).astype(float)
    at = rng.integers(-16, 16, size=4) / 8
    return [call(cubic, at, eps=0.5), call(cubic, at, 0.25), call(cubic, big, eps=0.5), call(cubic, at, eps=2.0)]


@numerical_gradient.check(
    "any shape", hint="Try x of shape (), (0,) and (2, 1, 2). Which shape has the gradient?", tolerance=DIFFERENCES
)
def _(rng):
    shapes = [(), (1,), (0,), (2, 1, 2), (3, 2)]
    return [call(Code("lambda x: float((np.cos(x) * 2).sum())"), rng.uniform(-2, 2, size=s)) for s in shapes]


@numerical_gradient.check(
    "float32 and integers",
    hint="What is np.float32(1) + np.float32(1e-8)? And what becomes of 0.5 in an array of integers?",
    tolerance=Tolerance("one float32 rounding of numbers up to 30", absolute=4e-6),
)
def _(rng):
    square = Code("lambda x: (x * x).sum()")
    single = rng.uniform(1, 9, size=5).astype(np.float32)
    return [call(square, single), call(square, rng.integers(1, 9, size=(2, 3))), call(square, single, eps=1e-4)]


@numerical_gradient.check(
    "transposed and read-only inputs",
    hint="Is x.reshape(-1) always a view of x? And may you write into it?",
    tolerance=DIFFERENCES,
)
def _(rng):
    x = rng.uniform(-2, 2, size=(2, 3))
    f = Code("lambda x: (x[0] * x[1] ** 2).sum()")
    return [
        script("g = numerical_gradient(f, x.T)", "g", f=f, x=x),
        script("x.setflags(write=False)\ng = numerical_gradient(f, x)", "g", f=f, x=x),
        script("g = numerical_gradient(f, x[:, ::2])", "g", f=f, x=x),
    ]


@numerical_gradient.check(
    "the input is left alone", hint="Compare x before and after, bit by bit. Is x + eps - eps always x?"
)
def _(rng):
    return [call_twice(Code("lambda x: (x ** 2).sum()"), rng.uniform(1, 2, size=(3, 2)), eps=e) for e in (0.1, 0.3)]


#: Central differences with other words for the two points.
DIFFERENCE = """
x = np.asarray(x)
z = x.astype(np.float64)
g = np.zeros_like(z)
for i in np.ndindex(z.shape):
    up, down = z.copy(), z.copy()
    up[i] += eps
    down[i] -= eps
    g[i] = {quotient}
g.astype({dtype})
"""
KEPT = "x.dtype if x.dtype.kind == 'f' else np.float64"


def difference(quotient: str, dtype: str = KEPT) -> str:
    """A body with this quotient."""
    return DIFFERENCE.format(quotient=quotient, dtype=dtype)


declare_variants(
    numerical_gradient,
    "f, x, eps=1e-6",
    mistakes=[
        (
            "takes forward differences",
            difference("(f(up) - f(z)) / eps"),
            "How large is the error for x ** 2 with eps = 0.5? Which difference is exact there?",
        ),
        (
            "takes backward differences",
            difference("(f(z) - f(down)) / eps"),
            "How large is the error for x ** 2 with eps = 0.5? Which difference is exact there?",
        ),
        ("divides by eps only", difference("(f(up) - f(down)) / eps"), "How far apart are the two points?"),
        (
            "takes eps for the whole distance",
            difference("(f(z + (up - z) / 2) - f(z + (down - z) / 2)) / eps"),
            "That is another convention. In the worked example the points are 2.5 and 1.5.",
        ),
        (
            "takes a step relative to x",
            difference(
                "(f(z + (up - z) * max(1, abs(z[i]))) - f(z - (up - z) * max(1, abs(z[i])))) "
                "/ (2 * eps * max(1, abs(z[i])))"
            ),
            "That is another convention. Here the step is eps for every entry.",
        ),
        ("ignores eps", difference("(f(up) - f(down)) / (2 * eps)").replace("eps", "1e-6"), "Call it with eps=0.5."),
        ("has the sign reversed", difference("(f(down) - f(up)) / (2 * eps)"), "Which point comes first?"),
        (
            "moves all entries at once",
            difference("(f(z + eps) - f(z - eps)) / (2 * eps)"),
            "Which entries differ between your two points? Which may?",
        ),
        (
            "computes in the dtype of x",
            """
            x = np.asarray(x)
            z = x if x.dtype.kind == 'f' else x.astype(np.float64)
            g = np.zeros_like(z)
            for i in np.ndindex(z.shape):
                up, down = z.copy(), z.copy()
                up[i] += eps
                down[i] -= eps
                g[i] = (f(up) - f(down)) / (2 * eps)
            g
            """,
            "How much of a step of 1e-6 is left in float32 near 8?",
        ),
        (
            "returns float64 for float32",
            difference("(f(up) - f(down)) / (2 * eps)", "np.float64"),
            "Print the dtypes of x and of your result.",
        ),
        (
            "keeps the result in integers",
            difference("(f(up) - f(down)) / (2 * eps)", "x.dtype"),
            "What becomes of 3.5 in an array of integers? Test with integer x.",
        ),
        (
            "returns a flat array",
            difference("(f(up) - f(down)) / (2 * eps)").replace("g.astype", "g.reshape(-1).astype"),
            "Which shape has the gradient for x of shape (2, 3)?",
        ),
        (
            "writes into x and restores it by subtraction",
            """
            if x.dtype != np.float64 or not x.flags.writeable:
                x = x.astype(np.float64)
            g = np.zeros_like(x)
            for i in np.ndindex(x.shape):
                x[i] += eps
                up = f(x)
                x[i] -= 2 * eps
                down = f(x)
                x[i] += eps
                g[i] = (up - down) / (2 * eps)
            g
            """,
            "Compare x before and after with ==. What does rounding do to x + eps - 2 * eps + eps?",
        ),
        (
            "walks through a flat copy",
            """
            g = np.zeros_like(x, dtype=np.float64)
            flat, out = x.reshape(-1), g.reshape(-1)
            for i in range(flat.size):
                kept = flat[i]
                flat[i] = kept + eps
                up = float(f(x))
                flat[i] = kept - eps
                down = float(f(x))
                flat[i] = kept
                out[i] = (up - down) / (2 * eps)
            g
            """,
            "Is x.reshape(-1) a view for a transposed x? Who sees what you write there?",
        ),
    ],
    equivalents=[
        ("copies for both points", difference("(f(up) - f(down)) / (2 * eps)")),
        (
            "unit vectors",
            """
            x = np.asarray(x)
            steps = np.eye(x.size).reshape((x.size, *x.shape)) * eps
            z = x.astype(float)
            g = [(float(f(z + s)) - float(f(z - s))) / (2 * eps) for s in steps]
            np.array(g, dtype=x.dtype if x.dtype.kind == 'f' else float).reshape(x.shape)
            """,
        ),
        ("divides by the distance that was taken", difference("(f(up) - f(down)) / (up[i] - down[i])")),
    ],
)


# Gradcheck -------------------------------------------------------------------------------------

gradcheck = question("gradcheck", points=12)

SQUARES = "lambda x: (x ** 2).sum()"


def verdicts(x, f: str, *claims: str):
    """One call for each claimed gradient of f at x."""
    return [call(Code(f), Code(claim), x) for claim in claims]


@gradcheck.check("a right and two wrong gradients", public=True, points=1, hint="Print both gradients at (1, -2).")
def _(rng):
    return verdicts(np.array([1.0, -2.0]), SQUARES, "lambda x: 2 * x", "lambda x: x", "lambda x: 2 * np.abs(x)")


@gradcheck.check(
    "a transposed gradient is wrong", public=True, points=1, hint="Does the claimed gradient have the shape of x?"
)
def _(rng):
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    square = np.array([[1.0, 2.0], [3.0, 5.0]])
    return verdicts(x, SQUARES, "lambda x: 2 * x", "lambda x: 2 * x.T") + verdicts(
        square, SQUARES, "lambda x: 2 * x", "lambda x: 2 * x.T"
    )


@gradcheck.check("sign, factor and missing terms", hint="Which wrong gradients have the right size? The right sign?")
def _(rng):
    x = rng.uniform(0.5, 2, size=4) * [1, -1, 1, -1]
    f = "lambda x: (x ** 3).sum() + 2 * x[0] * x[1]"
    right = "lambda x: 3 * x ** 2 + 2 * np.array([x[1], x[0], 0, 0])"
    return [
        *verdicts(x, f, right, "lambda x: 3 * x ** 2", f"lambda x: -({right})(x)", f"lambda x: 1.02 * ({right})(x)"),
        *verdicts(x, "lambda x: np.exp(x).sum()", "lambda x: np.exp(x)", "lambda x: np.exp(x) / x.size"),
        *verdicts(x, SQUARES, "lambda x: 2 * x", "lambda x: -2 * x", "lambda x: 2 * x[::-1]", "lambda x: 0 * x"),
    ]


@gradcheck.check(
    "one wrong entry among many, also a small one beside large ones",
    hint="Does a large entry hide a small one in your comparison? Look at every entry by itself.",
)
def _(rng):
    x = rng.uniform(1, 2, size=(3, 4))
    at = f"np.arange(12).reshape(3, 4) == {int(rng.integers(12))}"
    sizes = "10.0 ** (np.arange(4) - 1)"
    scaled = f"lambda x: ({sizes} * x ** 2).sum()"
    return [
        *verdicts(x, SQUARES, "lambda x: 2 * x", f"lambda x: 2 * x + 0.1 * ({at})", f"lambda x: 2 * x * ~({at})"),
        *verdicts(
            x,
            scaled,
            f"lambda x: 2 * {sizes} * x",
            f"lambda x: 2 * {sizes} * x * (1 + 0.02 * [1, 0, 0, 0])".replace("[1, 0, 0, 0]", "np.array([1, 0, 0, 0])"),
        ),
        *verdicts(x[0], SQUARES, "lambda x: 2 * x + np.array([0.3, -0.3, 0.1, -0.1])", "lambda x: 2 * x"),
    ]


@gradcheck.check("large gradients", hint="A gradient of a million is off by more than one of one. What does that mean?")
def _(rng):
    x = rng.uniform(1, 2, size=3)
    f = "lambda x: 1e6 * (x ** 3).sum()"
    return verdicts(x, f, "lambda x: 3e6 * x ** 2", "lambda x: 3.1e6 * x ** 2", "lambda x: 3e6 * x ** 2 + 1e5")


@gradcheck.check("small gradients", hint="Is a gradient of 1e-5 near 0 by your bound? Is it near 2e-5?")
def _(rng):
    x = rng.uniform(1, 2, size=3)
    f = "lambda x: 1e-5 * (x ** 2).sum()"
    return verdicts(x, f, "lambda x: 2e-5 * x", "lambda x: 3e-5 * x", "lambda x: 0 * x", "lambda x: -2e-5 * x")


@gradcheck.check(
    "entries that are exactly zero", hint="What is the relative difference of 0 and 0, and of 0 and 1e-11?"
)
def _(rng):
    x = np.array([0.0, *rng.uniform(1, 2, size=2)])
    f = "lambda x: x[0] ** 2 + np.sin(x[1]) + 0 * x[2]"
    right = "lambda x: np.array([2 * x[0], np.cos(x[1]), 0.0])"
    wrong = right.replace("0.0]", "0.01]")
    return verdicts(x, f, right, wrong) + verdicts(np.zeros(3), SQUARES, "lambda x: 2 * x", "lambda x: 2 * x + 0.01")


@gradcheck.check("shapes that broadcast are wrong", hint="Compare the shapes before the numbers.")
def _(rng):
    x = rng.uniform(1, 2, size=3)
    linear = "lambda x: 3.0 * x.sum()"
    claims = ("lambda x: 0 * x + 3", "lambda x: np.array(3.0)", "lambda x: np.full((1, 3), 3.0)", "lambda x: [3.0]")
    column = verdicts(x[:, None], SQUARES, "lambda x: 2 * x", "lambda x: 2 * x[:, 0]", "lambda x: 2 * x.T")
    return verdicts(x, linear, *claims) + column


@gradcheck.check("nan and infinity are wrong", hint="What is nan > 0.1? Does your condition say yes or no to nan?")
def _(rng):
    x = np.array([1.0, 2.0, 4.0])
    claims = ("lambda x: 2 * x", "lambda x: 2 * x + [0, np.nan, 0]", "lambda x: 2 * x + [np.inf, 0, 0]")
    return verdicts(x, SQUARES, *claims)


@gradcheck.check(
    "a gradient may be right at one point and wrong at another", hint="Is df asked at x, or at another point?"
)
def _(rng):
    cubic, wrong, right = "lambda x: (x ** 3).sum()", "lambda x: 3 * x", "lambda x: 3 * x ** 2"
    points = [np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.array([[-1.0]])]
    return [verdict for x in points for verdict in verdicts(x, cubic, wrong, right)]


@gradcheck.check(
    "other dtypes and shapes, inputs left alone", hint="Try integers, float32 and shape (). Print x after the call."
)
def _(rng):
    f = Code(SQUARES)
    inputs = [rng.uniform(1, 2, size=3), np.array([1, 2, 3]), np.array([1.5, 2.25], dtype=np.float32), np.array(1.5)]
    both = [(x, Code(claim)) for x in inputs for claim in ("lambda x: 2 * x", "lambda x: 3 * x")]
    return [call_twice(f, df, x) for x, df in both]


NEAR = "n, a = numerical_gradient(f, x), np.asarray(df(x))\n"
declare_variants(
    gradcheck,
    "f, df, x",
    mistakes=[
        ("always says yes", "return True", "What does it say about a gradient with the wrong sign?"),
        ("always says no", "return False", "What does it say about a right gradient?"),
        (
            "compares the sums",
            NEAR + "bool(a.shape == n.shape and abs(a.sum() - n.sum()) <= 1e-7 + 1e-4 * abs(n.sum()))",
            "Two entries may be wrong in opposite ways. Compare every entry.",
        ),
        (
            "compares the lengths",
            NEAR + "bool(a.shape == n.shape and np.isclose(np.linalg.norm(a), np.linalg.norm(n), rtol=1e-4))",
            "Is there a wrong gradient with the right length?",
        ),
        (
            "compares the directions",
            NEAR
            + "bool(a.shape == n.shape and abs((a * n).sum()) >= (1 - 1e-8) * np.linalg.norm(a) * np.linalg.norm(n))",
            "Twice the gradient has the same direction. Is it right?",
        ),
        (
            "compares sizes without signs",
            NEAR + "a.shape == n.shape and bool(np.allclose(np.abs(a), np.abs(n), rtol=1e-4, atol=1e-7))",
            "What does it say about -df?",
        ),
        (
            "is content with one right entry",
            NEAR + "a.shape == n.shape and bool(np.isclose(a, n, rtol=1e-4, atol=1e-7).any() or not n.size)",
            "Any, or all?",
        ),
        (
            "compares relative to the whole gradient",
            NEAR + "a.shape == n.shape and bool(np.linalg.norm(a - n) <= 1e-7 + 1e-4 * np.linalg.norm(n))",
            "Does a wrong small entry beside a large one show in your number?",
        ),
        (
            "has an absolute bound only",
            NEAR + "a.shape == n.shape and bool(np.all(np.abs(a - n) <= 1e-4))",
            "By how much is a numerical gradient of 1e6 off? And how large is a gradient of 1e-5?",
        ),
        (
            "has a relative bound only",
            NEAR + "a.shape == n.shape and bool(np.all(np.abs(a - n) / np.abs(n) <= 1e-4))",
            "What is 0 / 0? Can an entry of 0 ever be right?",
        ),
        (
            "has the relative bound of large gradients for all",
            NEAR + "a.shape == n.shape and bool(np.all(np.abs(a - n) <= 1e-4 * np.maximum(1, np.abs(n))))",
            "Is a gradient of 1e-5 near 0 by your bound?",
        ),
        (
            "lets shapes broadcast",
            NEAR + "bool(np.allclose(a, n, rtol=1e-4, atol=1e-7)) if a.size in (1, n.size) else False",
            "Which shape has the difference of shapes (3,) and (1, 3)?",
        ),
        (
            "forgets the shape",
            NEAR + "a.size == n.size and bool(np.allclose(a.ravel(), n.ravel(), rtol=1e-4, atol=1e-7))",
            "May the gradient of a column be a row?",
        ),
        (
            "says yes to nan",
            NEAR + "a.shape == n.shape and not bool(np.any(np.abs(a - n) > 1e-7 + 1e-4 * np.abs(n)))",
            "What is nan > 0.1? Turn the condition around.",
        ),
        (
            "checks at zero",
            "x = np.zeros(np.shape(x))\n"
            + NEAR
            + "a.shape == n.shape and bool(np.allclose(a, n, rtol=1e-4, atol=1e-7))",
            "Many wrong gradients are right at 0. Which point were you given?",
        ),
    ],
    equivalents=[
        (
            "entry by entry",
            """
            n, a = numerical_gradient(f, x), np.asarray(df(x))
            if a.shape != n.shape:
                return False
            for i in np.ndindex(n.shape):
                if not abs(a[i] - n[i]) <= 1e-7 + 1e-4 * abs(n[i]):
                    return False
            return True
            """,
        ),
        (
            "with a somewhat wider bound",
            NEAR + "np.shape(a) == n.shape and bool(np.all(np.abs(a - n) < 3e-7 + 3e-4 * np.abs(n)))",
        ),
        ("with NumPy's truth", NEAR + "a.shape == n.shape and np.isclose(a, n, rtol=5e-5, atol=1e-7).all()"),
    ],
)


# Neuron, Layer, MLP ----------------------------------------------------------------------------


def numbers(rng: np.random.Generator, count: int) -> list[float]:
    """`count` numbers around 0 that no tanh brings to its ends."""
    return [float(v) for v in rng.uniform(-1, 1, size=count)]


def network(make: str, weights: list[float], x: list[float], *lines: str, shown: tuple[str, ...]):
    """A script that makes `net`, sets its parameters to `weights` in order, and shows what `lines` lead to."""
    start = [f"net = {make}", "for parameter, number in zip(net.parameters(), weights):\n    parameter.data = number"]
    return script("\n".join([*start, *lines]), *shown, weights=weights, x=x, uses=uses_of(lines), rng=SEEDED)


def uses_of(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The student's Value where the lines need it."""
    return ("Value",) if any("Value" in line for line in lines) else ()


SEEDED = Generator(3)
GRADIENTS = "[parameter.grad for parameter in net.parameters()]"

Neuron = question("Neuron", points=7)


@Neuron.check("the worked example", public=True, points=1, hint="Compute 2 * 3 - 1 * 4 + 0.5, and its derivatives.")
def _(rng):
    lines = ("y = net(x)", "y.backward()")
    make = "Neuron(2, rng, nonlinear=False)"
    return network(make, [2.0, -1.0, 0.5], [3.0, 4.0], *lines, shown=("y.data", GRADIENTS))


@Neuron.check("tanh unless it is linear", public=True, points=1, hint="What is the default of nonlinear?")
def _(rng):
    makes = ("Neuron(1, rng)", "Neuron(1, rng, nonlinear=True)", "Neuron(1, rng, nonlinear=False)")
    return [network(make, [2.0, 0.5], [1.0], "y = net(x)", shown=("y.data",)) for make in makes]


@Neuron.check(
    "output and gradients of the parameters", hint="Does every parameter have its own gradient? In which order?"
)
def _(rng):
    lines = ("y = net(x)", "y.backward()")
    makes = [(f"Neuron({n}, rng, {kind})", n) for n in (1, 2, 5) for kind in (True, False)]
    return [network(m, numbers(rng, n + 1), numbers(rng, n), *lines, shown=("y.data", GRADIENTS)) for m, n in makes]


@Neuron.check(
    "Values as inputs get gradients", hint="Do you turn the inputs into numbers? The layer before needs them."
)
def _(rng):
    lines = ("x = [Value(number) for number in x]", "y = net(x)", "y.backward()")
    shown = ("y.data", "[item.grad for item in x]")
    return [
        network(f"Neuron(3, rng, {k})", numbers(rng, 4), numbers(rng, 3), *lines, shown=shown) for k in (True, False)
    ]


@Neuron.check(
    "weights are drawn from -1 to 1, the bias is 0",
    hint="Print parameters() of Neuron(50, rng). Which range have they? What if rng has another seed?",
)
def _(rng):
    lines = "w = [parameter.data for parameter in Neuron(200, rng).parameters()]\nb = w.pop()"
    shown = (
        "len(w)",
        "b",
        "len(set(w))",
        "sum(-1 <= number < 1 for number in w)",
        "sum(number < -0.5 for number in w) > 20",
        "sum(number > 0.5 for number in w) > 20",
    )
    again = "w, v = ([p.data for p in Neuron(9, g).parameters()][:9] for g in (rng, other))"
    same = [script(again, "sum(p == q for p, q in zip(w, v))", rng=Generator(1), other=Generator(n)) for n in (1, 2)]
    return [script(lines, *shown, rng=Generator(int(rng.integers(100)))), *same]


@Neuron.check("it can be called again", hint="Does a call change the neuron? What does the second call start from?")
def _(rng):
    lines = (
        "outputs = [net(x).data, net(x).data]",
        "y = net(x) * net(x)",
        "y.backward()",
        "count = len(net.parameters())",
    )
    return network("Neuron(3, rng)", numbers(rng, 4), numbers(rng, 3), *lines, shown=("outputs", GRADIENTS, "count"))


NEURON_CALL = """
def __call__(self, x):
    total = {start}
    for weight, item in zip(self.w, x):
        total = total + weight * item
    return {result}
"""
TANH = "total.tanh() if self.nonlinear else total"
NEURON_INIT = """
def __init__(self, n_inputs, rng, nonlinear=True):
    self.w = [Value({weight}) for _ in range(n_inputs)]
    self.b = Value({bias})
    self.nonlinear = nonlinear
"""


def neuron_init(weight: str = "rng.uniform(-1, 1)", bias: str = "0.0") -> str:
    """A constructor with these start values."""
    return NEURON_INIT.format(weight=weight, bias=bias)


declare_classes(
    Neuron,
    mistakes=[
        ("forgets the bias", NEURON_CALL.format(start="0", result=TANH), "What is the output for inputs of 0?"),
        (
            "is never linear",
            NEURON_CALL.format(start="self.b", result="total.tanh()"),
            "Call Neuron(2, rng, nonlinear=False) with large inputs. Are outputs beyond 1 possible?",
        ),
        (
            "is always linear",
            NEURON_CALL.format(start="self.b", result="total"),
            "Which function comes after the sum?",
        ),
        (
            "uses relu",
            NEURON_CALL.format(start="self.b", result="total.relu() if self.nonlinear else total"),
            "That is another common activation. Which one does the statement choose?",
        ),
        (
            "computes in numbers",
            "def __call__(self, x):\n"
            "    total = self.b.data + sum(w.data * as_value(v).data for w, v in zip(self.w, x))\n"
            "    return Value(math.tanh(total) if self.nonlinear else total)",
            "Which nodes was your output made from? Do the weights get a gradient?",
        ),
        (
            "adds the bias for every input",
            NEURON_CALL.format(start="0", result=TANH).replace("weight * item", "weight * item + self.b"),
            "How often does b stand in the formula?",
        ),
        (
            "forgets the bias among the parameters",
            "def parameters(self):\n    return list(self.w)",
            "How many parameters has a neuron of two inputs?",
        ),
        (
            "returns copies as parameters",
            "def parameters(self):\n    return [Value(p.data) for p in [*self.w, self.b]]",
            "Change parameters()[0].data. Does the neuron notice?",
        ),
        (
            "names the bias first",
            "def parameters(self):\n    return [self.b, *self.w]",
            "In which order does the statement list them?",
        ),
        ("starts with zeros", neuron_init("0.0"), "Which two neurons of a layer would ever differ?"),
        (
            "draws weights above 0 only",
            neuron_init("rng.random()"),
            "Which range has rng.random(), and which does the statement name?",
        ),
        (
            "draws normal weights",
            neuron_init("rng.normal()"),
            "Print the largest of 200 weights. Which range is asked for?",
        ),
        (
            "ignores rng",
            neuron_init("np.random.default_rng(0).uniform(-1, 1)"),
            "Print the weights of one neuron. Are they different? Do they depend on rng?",
        ),
        ("draws the bias as well", neuron_init(bias="rng.uniform(-1, 1)"), "Where does the bias start?"),
    ],
    equivalents=[
        (
            "all weights in one draw, sum of a generator",
            "def __init__(self, n_inputs, rng, nonlinear=True):\n"
            "    self.b, self.kind = Value(0), nonlinear\n"
            "    self.w = [Value(float(v)) for v in rng.uniform(-1, 1, size=n_inputs)]\n"
            "def __call__(self, x):\n"
            "    total = sum(w * v for w, v in zip(self.w, x)) + self.b\n"
            "    return total.tanh() if self.kind else total",
        ),
        (
            "the bias is drawn before the weights are, and set to zero",
            "def __init__(self, n_inputs, rng, nonlinear=True):\n"
            "    drawn = rng.uniform(-1, 1, size=n_inputs + 1)\n"
            "    self.w, self.b = [Value(v) for v in drawn[1:]], Value(0.0)\n"
            "    self.nonlinear = nonlinear",
        ),
    ],
)

Layer = question("Layer", points=5)


@Layer.check("the worked example", public=True, points=1, hint="What does each neuron make of (3, 4)?")
def _(rng):
    make = "Layer(2, 2, rng, nonlinear=False)"
    weights = [2.0, -1.0, 0.5, 1.0, 1.0, 0.0]
    return network(make, weights, [3.0, 4.0], "y = net(x)", shown=("[item.data for item in y]", "len(y)"))


@Layer.check("outputs and gradients", hint="Do all neurons get the same inputs? In which order are their parameters?")
def _(rng):
    probes = []
    for n, m, kind in ((3, 2, True), (2, 4, False), (1, 3, True)):
        lines = ("y = net(x)", "total = sum(item * (i + 1) for i, item in enumerate(y))", "total.backward()")
        shown = ("[item.data for item in y]", GRADIENTS)
        make = f"Layer({n}, {m}, rng, {kind})"
        probes.append(network(make, numbers(rng, (n + 1) * m), numbers(rng, n), *lines, shown=shown))
    return probes


@Layer.check("a layer of one neuron returns a list", hint="Which type has layer(x) for one neuron?")
def _(rng):
    shown = ("type(y) in (list, tuple)", "len(y)", "y[0].data")
    return [
        network(f"Layer(2, {m}, rng)", numbers(rng, 3 * m), numbers(rng, 2), "y = net(x)", shown=shown) for m in (1, 3)
    ]


@Layer.check("neurons start different", hint="Does each neuron draw from the same rng, one after the other?")
def _(rng):
    lines = "numbers = [parameter.data for parameter in Layer(3, 4, rng).parameters()]"
    shown = ("len(numbers)", "len(set(numbers))", "sum(number == 0 for number in numbers)")
    again = "w, v = ([p.data for p in Layer(3, 2, g).parameters() if p.data] for g in (rng, other))"
    return [
        script(lines, *shown, rng=Generator(int(rng.integers(100)))),
        script(again, "sum(p == q for p, q in zip(w, v))", rng=Generator(1), other=Generator(2)),
    ]


declare_classes(
    Layer,
    mistakes=[
        (
            "makes one neuron and uses it for all outputs",
            "def __init__(self, n_inputs, n_outputs, rng, nonlinear=True):\n"
            "    self.neurons = [Neuron(n_inputs, rng, nonlinear)] * n_outputs",
            "How many different objects are in [Neuron(...)] * 3?",
        ),
        (
            "seeds every neuron alike",
            "def __init__(self, n_inputs, n_outputs, rng, nonlinear=True):\n"
            "    self.neurons = [Neuron(n_inputs, np.random.default_rng(0), nonlinear) for _ in range(n_outputs)]",
            "Print the weights of two neurons of your layer.",
        ),
        (
            "does not tell its neurons to be linear",
            "def __init__(self, n_inputs, n_outputs, rng, nonlinear=True):\n"
            "    self.neurons = [Neuron(n_inputs, rng) for _ in range(n_outputs)]",
            "Who needs to know about nonlinear=False?",
        ),
        (
            "exchanges inputs and outputs",
            "def __init__(self, n_inputs, n_outputs, rng, nonlinear=True):\n"
            "    self.neurons = [Neuron(n_outputs, rng, nonlinear) for _ in range(n_inputs)]",
            "How many neurons has a layer of three inputs and two outputs?",
        ),
        (
            "returns a single output without its list",
            "def __call__(self, x):\n"
            "    y = [neuron(x) for neuron in self.neurons]\n"
            "    return y[0] if len(y) == 1 else y",
            "That is the rule for MLP. What does a layer return?",
        ),
        (
            "returns the parameters neuron by neuron in lists",
            "def parameters(self):\n    return [neuron.parameters() for neuron in self.neurons]",
            "What is the length of parameters() for three inputs and two outputs?",
        ),
        (
            "lists all weights before all biases",
            "def parameters(self):\n"
            "    ps = [neuron.parameters() for neuron in self.neurons]\n"
            "    return [w for p in ps for w in p[:-1]] + [p[-1] for p in ps]",
            "Which neuron do the first parameters belong to?",
        ),
    ],
    equivalents=[
        (
            "loops written out",
            "def __init__(self, n_inputs, n_outputs, rng, nonlinear=True):\n"
            "    self.units = []\n"
            "    for _ in range(n_outputs):\n"
            "        self.units.append(Neuron(n_inputs, rng, nonlinear=nonlinear))\n"
            "def __call__(self, x):\n"
            "    return list(map(lambda unit: unit(x), self.units))\n"
            "def parameters(self):\n"
            "    return sum((unit.parameters() for unit in self.units), [])",
        ),
    ],
)

MLP = question("MLP", points=6)


@MLP.check(
    "33 parameters and one output",
    public=True,
    points=1,
    hint="Count weights and biases of both layers. What does an MLP with one output return?",
)
def _(rng):
    weights = [round(0.1 * (i % 7 - 3), 1) for i in range(33)]
    shown = ("y.data", "len(net.parameters())")
    return network("MLP(2, [8, 1], rng)", weights, [1.0, 2.0], "y = net(x)", shown=shown)


@MLP.check(
    "output and gradients of every parameter", hint="Which layers are nonlinear? In which order are the parameters?"
)
def _(rng):
    probes = []
    for n, sizes in ((2, [3, 1]), (3, [2, 4, 1]), (1, [1, 1]), (2, [1])):
        widths = [n, *sizes]
        count = sum((a + 1) * b for a, b in itertools.pairwise(widths))
        make = f"MLP({n}, {sizes}, rng)"
        lines = ("y = net(x)", "y.backward()")
        probes.append(network(make, numbers(rng, count), numbers(rng, n), *lines, shown=("y.data", GRADIENTS)))
    return probes


@MLP.check("several outputs come as a list", hint="When does an MLP return one Value, and when a list?")
def _(rng):
    lines = ("y = net(x)", "(y[0] * 2 - y[1] * y[2]).backward()")
    shown = ("[item.data for item in y]", GRADIENTS)
    return [
        network(f"MLP(2, {sizes}, rng)", numbers(rng, count), numbers(rng, 2), *lines, shown=shown)
        for sizes, count in (([3], 9), ([2, 3], 15))
    ]


@MLP.check(
    "the last layer is linear, the others are not", hint="Can your scores be above 1? Is a hidden output above 1?"
)
def _(rng):
    size = float(rng.uniform(2, 3))
    probes = []
    for sizes, weights in (
        ([1], [size, 0.0]),
        ([1, 1], [size, 0.0, 3.0, 1.0]),
        ([1, 1, 1], [size, 0.0, 3.0, 0.5, 4.0, 1.0]),
    ):
        probes.append(network(f"MLP(1, {sizes}, rng)", weights, [size], "y = net(x)", shown=("y.data",)))
    return probes


@MLP.check("Values as inputs get gradients", hint="Does the gradient pass through every layer down to the inputs?")
def _(rng):
    lines = ("x = [Value(number) for number in x]", "y = net(x)", "y.backward()")
    shown = ("[item.grad for item in x]",)
    return network("MLP(2, [3, 1], rng)", numbers(rng, 13), numbers(rng, 2), *lines, shown=shown)


@MLP.check("layers start different", hint="Does every layer draw from the same rng?")
def _(rng):
    lines = "numbers = [parameter.data for parameter in MLP(2, [2, 2, 1], rng).parameters()]"
    shown = ("len(numbers)", "len(set(numbers))", "sum(-1 <= number < 1 for number in numbers)")
    return script(lines, *shown, rng=Generator(int(rng.integers(100))))


MLP_INIT = """
def __init__(self, n_inputs, sizes, rng):
    widths = [n_inputs, *sizes]
    self.layers = [Layer({width}, n, {rng}, {nonlinear}) for i, n in enumerate(sizes)]
"""


def mlp_init(nonlinear: str = "i < len(sizes) - 1", width: str = "widths[i]", rng: str = "rng") -> str:
    """A constructor with these arguments of its layers."""
    return MLP_INIT.format(width=width, rng=rng, nonlinear=nonlinear)


declare_classes(
    MLP,
    mistakes=[
        ("has a nonlinear last layer", mlp_init("True"), "Between which numbers would all your scores lie?"),
        (
            "is linear throughout",
            mlp_init("False"),
            "What is a chain of linear layers, taken together? Which layers have the tanh?",
        ),
        ("is linear in the first layer only", mlp_init("i > 0"), "Which one of the layers is the linear one?"),
        (
            "uses the first layer only",
            "def __call__(self, x):\n    y = self.layers[0](x)\n    return y[0] if len(y) == 1 else y",
            "What does the second layer get?",
        ),
        (
            "gives every layer the inputs",
            "def __call__(self, x):\n"
            "    for layer in self.layers:\n"
            "        y = layer(x)\n"
            "    return y[0] if len(y) == 1 else y",
            "Where do the inputs of the second layer come from?",
        ),
        (
            "always returns a list",
            "def __call__(self, x):\n    for layer in self.layers:\n        x = layer(x)\n    return x",
            "What does the statement say about a last layer of one neuron?",
        ),
        (
            "always returns the first output",
            "def __call__(self, x):\n    for layer in self.layers:\n        x = layer(x)\n    return x[0]",
            "How many scores has MLP(2, [8, 3], rng)?",
        ),
        (
            "passes numbers between layers",
            "def __call__(self, x):\n"
            "    for layer in self.layers:\n"
            "        x = layer([v.data if isinstance(v, Value) else v for v in x])\n"
            "    return x[0] if len(x) == 1 else x",
            "Do the parameters of the first layer get a gradient?",
        ),
        (
            "lists the parameters from the last layer to the first",
            "def parameters(self):\n    return [p for layer in self.layers[::-1] for p in layer.parameters()]",
            "Which layer comes first?",
        ),
        (
            "seeds every layer alike",
            mlp_init(rng="np.random.default_rng(0)"),
            "Print the first weights of both layers.",
        ),
    ],
    equivalents=[
        (
            "pairs of widths",
            "def __init__(self, n_inputs, sizes, rng):\n"
            "    pairs = list(zip([n_inputs, *sizes], sizes))\n"
            "    self.hidden = [Layer(a, b, rng) for a, b in pairs[:-1]]\n"
            "    self.last = Layer(*pairs[-1], rng, nonlinear=False)\n"
            "def __call__(self, x):\n"
            "    for layer in self.hidden:\n"
            "        x = layer(x)\n"
            "    scores = self.last(x)\n"
            "    return scores if len(scores) > 1 else scores[0]\n"
            "def parameters(self):\n"
            "    return [p for layer in [*self.hidden, self.last] for p in layer.parameters()]",
        ),
    ],
)


# Training --------------------------------------------------------------------------------------

fit_moons = question("fit_moons", points=8, kind="train")

#: A model of our own on the student's Value, so that a mistake in MLP costs nothing here.
LINE = """
class Line:
    def __init__(self, numbers):
        self.p = [Value(number) for number in numbers]
    def __call__(self, x):
        return sum(p * item for p, item in zip(self.p, x)) + self.p[-1]
    def parameters(self):
        return self.p
model = Line(start)
"""
NUMBERS = "[parameter.data for parameter in model.parameters()]"


def fitted(lines: str, start: list[float], x, y, *shown: str):
    """A script that trains a line and shows its parameters, and more."""
    return script(LINE + lines, NUMBERS, *shown, uses=("Value",), start=start, x=x, y=y)


def moons(n: int, noise: float, seed: int):
    """Two half circles that reach into each other: points (n, 2), classes (n,)."""
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    angle = rng.uniform(0, math.pi, size=n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return np.where(y[:, None] > 0, upper, lower) + noise * rng.normal(size=(n, 2)), y


@fit_moons.check("the worked example", public=True, points=1, hint="Follow the two steps on paper: 0, then 0.3.")
def _(rng):
    x, y = np.array([[2.0], [4.0]]), np.ones(2)
    lines = LINE.replace("+ self.p[-1]", "+ 0") + "losses = fit_moons(model, x, y, lr=0.1, steps=2)"
    return script(lines, "losses", NUMBERS, uses=("Value",), start=[0.0], x=x, y=y)


@fit_moons.check(
    "losses and parameters after each number of steps",
    hint="Compare the second step with the first: is an old gradient still there? When is the loss measured?",
)
def _(rng):
    x, y = moons(10, 0.2, int(rng.integers(1000)))
    start = numbers(rng, 3)
    return [
        fitted(f"losses = fit_moons(model, x, y, lr={lr}, steps={n})", start, x, y, "losses")
        for lr, n in ((0.1, 1), (0.1, 2), (0.3, 5), (0.02, 3))
    ]


@fit_moons.check(
    "gradients that the parameters had before do not count", hint="What is in grad when your function begins?"
)
def _(rng):
    x, y = moons(8, 0.2, int(rng.integers(1000)))
    before = "for parameter in model.parameters():\n    parameter.grad = 5.0\n"
    return fitted(f"{before}losses = fit_moons(model, x, y, lr=0.1, steps=2)", numbers(rng, 3), x, y, "losses")


@fit_moons.check("a margin of 1, and zero beyond", hint="Which points contribute to the loss, and which no longer?")
def _(rng):
    x = np.array([[3.0], [0.5], [-2.0], [-0.25]])
    y = np.array([1.0, 1.0, -1.0, -1.0])
    scale = float(rng.uniform(0.9, 1.1))
    lines = "losses = fit_moons(model, x, y, lr=0.5, steps=3)"
    return [fitted(lines, [scale, 0.0], x, y, "losses"), fitted(lines, [10 * scale, 0.0], x, y, "losses")]


@fit_moons.check(
    "any number of points and features, points left alone",
    hint="Is 1 / n the number of points? Do you write into x or y?",
)
def _(rng):
    probes = []
    for n, d in ((1, 2), (3, 1), (5, 4)):
        x, y = rng.normal(size=(n, d)), rng.choice([-1.0, 1.0], size=n)
        lines = "losses = fit_moons(model, x, y, 0.2, 3)"
        probes.append(fitted(lines, numbers(rng, d + 1), x, y, "losses", "x", "y"))
    return probes


#: One step of descent amplifies rounding where a score passes its margin.
WHOLE_PATH = Tolerance("sums in another order differ by less than 1e-9 after 90 steps", absolute=1e-6)
NETWORK = """
class Net:
    def __init__(self, numbers):
        self.p = [Value(number) for number in numbers]
    def __call__(self, x):
        hidden = [(self.p[4 * i] * x[0] + self.p[4 * i + 1] * x[1] + self.p[4 * i + 2]).tanh() for i in range(6)]
        return sum(self.p[4 * i + 3] * h for i, h in enumerate(hidden)) + self.p[24]
    def parameters(self):
        return self.p
model = Net(start)
losses = fit_moons(model, x, y, lr=1.0, steps=90)
"""


@fit_moons.check(
    "the moons come apart",
    hint="Does your loss fall to that of the reference from the same start? Which step goes wrong?",
    tolerance=WHOLE_PATH,
)
def _(rng):
    x, y = moons(20, 0.05, 5)
    start = [float(v) for v in np.random.default_rng(35).uniform(-1.5, 1.5, size=25)]
    tips = "[1 if model(tip).data > 0 else -1 for tip in ([0, 1], [1, 0.1], [1, -0.5], [0, 0.4])]"
    return script(NETWORK, "losses", tips, uses=("Value",), start=start, x=x, y=y)


@fit_moons.check(
    "your own network learns, with default lr and steps", hint="Draw the figure. Does the loss fall below 0.25?"
)
def _(rng):
    x, y = moons(16, 0.05, 3)
    lines = "model = MLP(2, [6, 1], rng)\nlosses = fit_moons(model, x, y)"
    # Another start leads elsewhere. Of 250 starts none ended with a loss above 0.18, or began below 0.34.
    loss = "sum(max(0, 1 - label * model(row).data) for row, label in zip(x, y)) / len(x)"
    shown = ("len(losses)", f"int({loss} / 0.25)")
    return script(lines, *shown, uses=("MLP",), rng=Generator(int(rng.integers(50))), x=x, y=y)


#: A step of training, in pieces that the rows below exchange.
FIT = """
losses = []
for _ in range(steps):
    for p in model.parameters():
        p.grad = 0.0
    loss = sum((1 - label * model(row)).relu() for row, label in zip(x, y)) / len(x)
    loss.backward()
    losses.append(loss.data)
    for p in model.parameters():
        p.data -= lr * p.grad
losses
"""


def fit(*exchanges: tuple[str, str]) -> str:
    """The step above with pieces exchanged."""
    text = FIT
    for old, new in exchanges:
        if old not in text:
            raise ValueError(f"{old!r} does not occur")
        text = text.replace(old, new)
    return text


declare_variants(
    fit_moons,
    "model, x, y, lr=1.0, steps=100",
    mistakes=[
        (  # LG-01
            "never sets gradients to zero",
            fit(("p.grad = 0.0", "pass")),
            "backward() adds to grad. Is it the gradient of this step only?",
        ),
        (  # LG-02
            "sets gradients to zero between backward and the step",
            fit(("    loss.backward()\n", "    loss.backward()\n    for p in model.parameters(): p.grad = 0.0\n")),
            "Do the parameters change at all?",
        ),
        (
            "sets gradients to zero once, before the first step",
            "for p in model.parameters(): p.grad = 0.0\n" + fit(("p.grad = 0.0", "pass")),
            "backward() adds to grad in every step. Where belongs the zero?",
        ),
        ("climbs", fit(("p.data -=", "p.data +=")), "Does the loss fall?"),
        ("takes the sum instead of the mean", fit((" / len(x)", "")), "Double the points. Should the loss double?"),
        (
            "measures the loss after the step",
            fit(
                ("    losses.append(loss.data)\n", ""),
                (
                    "p.grad\n",
                    "p.grad\n    total = sum(max(0, 1 - t * model(r).data) for r, t in zip(x, y))\n"
                    "    losses.append(float(total / len(x)))\n",
                ),
            ),
            "What is the first loss of the worked example: 1 or 0.2?",
        ),
        ("has no margin", fit(("1 - label", "-label")), "What is the loss of a score of 0.5 for class 1?"),
        (
            "never stops pushing",
            fit(("(1 - label * model(row)).relu()", "(1 - label * model(row))")),
            "A point far on its side: what does it contribute to the loss?",
        ),
        (
            "squares the difference to the class",
            fit(("(1 - label * model(row)).relu()", "(label - model(row)) ** 2")),
            "That is another loss. What does the formula say about a score of 3 for class 1?",
        ),
        (
            "has classes 0 and 1 in mind",
            fit(("1 - label *", "1 - (label > 0) *")),
            "What does a point of class -1 contribute?",
        ),
        (
            "steps after every point",
            """
            losses = []
            for _ in range(steps):
                total = 0.0
                for row, label in zip(x, y):
                    for p in model.parameters():
                        p.grad = 0.0
                    loss = (1 - label * model(row)).relu()
                    loss.backward()
                    total += loss.data / len(x)
                    for p in model.parameters():
                        p.data -= lr * p.grad
                losses.append(total)
            losses
            """,
            "That is stochastic descent. How many points does one step use here?",
        ),
        (
            "puts new Values in the place of parameters",
            fit(("p.data -= lr * p.grad", "p = Value(p.data - lr * p.grad)")),
            "Does the model know the new objects?",
        ),
        ("makes one step too few", fit(("range(steps)", "range(steps - 1)")), "How long is your list of losses?"),
        (
            "returns Values",
            fit(("losses.append(loss.data)", "losses.append(loss)")),
            "Which type have the items of your list?",
        ),
    ],
    equivalents=[
        ("a sum of Values", fit()),
        (
            "each point's share, from the last point to the first",
            fit(
                (
                    "sum((1 - label * model(row)).relu() for row, label in zip(x, y)) / len(x)",
                    "sum((1 - model(x[i]) * y[i]).relu() / len(x) for i in reversed(range(len(x))))",
                )
            ),
        ),
        (
            "one backward call per point",
            """
            losses = []
            for _ in range(steps):
                for p in model.parameters():
                    p.grad = 0.0
                total = 0.0
                for row, label in zip(x.tolist(), y.tolist()):
                    share = (1 - label * model(row)).relu() * (1 / len(x))
                    share.backward()
                    total += share.data
                losses.append(total)
                for p in model.parameters():
                    p.data = p.data - p.grad * lr
            losses
            """,
        ),
    ],
)


# A test for losses -----------------------------------------------------------------------------

is_valid_loss = question("is_valid_loss", points=8)

SQUARED, SLOPE = "lambda x, y: ((x - y) ** 2).sum()", "lambda x, y: 2 * (x - y)"
#: Losses with right gradients that are zero at the target only; r is the residual, for losses of it.
VALID = (
    ("(r ** 2).sum()", "2 * r"),
    ("(r ** 2).mean() + 5", "2 * r / r.size"),
    ("np.abs(r).sum()", "np.sign(r)"),
    ("np.log(np.cosh(r)).sum()", "np.tanh(r)"),
    ("(np.sqrt(1 + r ** 2) - 1).sum()", "r / np.sqrt(1 + r ** 2)"),
    ("(np.arange(1, r.size + 1).reshape(r.shape) * r ** 2).sum()", "2 * np.arange(1, r.size + 1).reshape(r.shape) * r"),
)


def residual(f: str, df: str, *samples):
    """A call with a loss of the residual and its gradient."""
    return call(*(Code(f"lambda x, y: (lambda r: {text})(x - y)") for text in (f, df)), list(samples))


def pairs(rng: np.random.Generator, count: int = 3, shape: tuple[int, ...] = (3,)):
    """Predictions and targets that differ in every entry, by 0.3 to 1.3."""
    made = []
    for _ in range(count):
        y = rng.uniform(-1, 1, size=shape)
        made.append((y + rng.uniform(0.3, 1.3, size=shape) * rng.choice([-1, 1], size=shape), y))
    return made


@is_valid_loss.check(
    "squared error, with a right and a wrong gradient",
    public=True,
    points=1,
    hint="Does the gradient have its factor 2?",
)
def _(rng):
    sample = (np.array([1.0, 2.0]), np.array([0.5, 3.0]))
    return [call(Code(SQUARED), Code(df), [sample]) for df in (SLOPE, "lambda x, y: x - y")]


@is_valid_loss.check(
    "the hinge loss stops too early", public=True, points=1, hint="What is its gradient at x = 1.5 for y = 1?"
)
def _(rng):
    hinge = Code("lambda x, y: np.maximum(0, 1 - x * y).sum()"), Code("lambda x, y: -y * (x * y < 1)")
    y = np.array([1.0])
    return [
        call(*hinge, [(np.array([1.5]), y)]),
        call(Code(SQUARED), Code(SLOPE), [(np.array([1.5]), y), (np.array([-2.0]), y)]),
    ]


@is_valid_loss.check(
    "valid losses of many kinds", hint="Do you ask more than the three conditions, such as a value of 0?"
)
def _(rng):
    wrong = residual("(r ** 2).sum()", "r", *pairs(rng))
    return [residual(f, df, *pairs(rng)) for f, df in VALID] + [wrong]


@is_valid_loss.check("wrong gradients are found", hint="Is gradcheck asked for every pair, with this pair's y?")
def _(rng):
    wrongs = ("-2 * r", "r", "2 * r[::-1]", "2 * r + 1e-2 * r ** 2", "2 * r * [1, 1, 0]", "2 * np.abs(r)", "2 * r[:1]")
    return [residual("(r ** 2).sum()", df, *pairs(rng)) for df in (*wrongs, "2 * r")]


@is_valid_loss.check("the gradient must be zero at the target", hint="Ask df at x = y. What should it say?")
def _(rng):
    return [
        residual("((r - 3) ** 2).sum()", "2 * (r - 3)", *pairs(rng)),
        residual("np.abs(r).sum()", "np.where(r >= 0, 1.0, -1.0)", *pairs(rng)),
        residual("np.maximum(0.9 * r, -0.1 * r).sum()", "np.where(r > 0, 0.9, -0.1)", *pairs(rng)),
        residual("r.sum()", "np.ones_like(r)", *pairs(rng)),
        residual("np.exp(r).sum()", "np.exp(r)", *pairs(rng)),
        residual("(r ** 2).sum() + r[0] - r[1]", "2 * r + [1, -1, 0]", *pairs(rng)),
        residual(*VALID[3], *pairs(rng)),
    ]


@is_valid_loss.check(
    "and nowhere else",
    hint="A loss that is flat away from the target stops the descent there. Do you look at df(x, y)?",
)
def _(rng):
    near, far = pairs(rng, 2), [(y + 2 * np.pi, y) for _, y in pairs(rng, 1)]
    dead = ("(np.maximum(np.abs(r) - 2, 0) ** 2).sum()", "2 * np.maximum(np.abs(r) - 2, 0) * np.sign(r)")
    clipped = ("np.minimum(r ** 2, 4).sum()", "2 * r * (np.abs(r) < 2)")
    turning = ("(1 - np.cos(r)).sum()", "np.sin(r)")
    return [
        residual(*dead, *near),
        residual("0 * r.sum()", "0 * r", *near),
        residual(*clipped, *near, *far),
        residual(*clipped, *near),
        residual(*turning, *near, *far),
        residual(*turning, *near),
    ]


@is_valid_loss.check("every pair counts", hint="Which of several pairs do you look at? Is one good pair enough?")
def _(rng):
    f, df = "(r ** 2).sum()", "np.where(np.abs(r) < 2, 2 * r, r)"
    near = pairs(rng, 3)
    far = [(y + 3.5, y) for _, y in near]
    return [
        residual(f, df, *near),
        residual(f, df, *near, far[0]),
        residual(f, df, far[0], *near),
        residual(f, df, near[0], far[0], near[1]),
    ]


@is_valid_loss.check(
    "pairs that agree in some entries, or in all", hint="Which entries must be zero where x equals y in one entry only?"
)
def _(rng):
    ((x, y),) = pairs(rng, 1)
    some, opposite = np.where([True, False, True], x, y), y + np.array([0.5, -0.5, 0.0])
    return [
        residual(*VALID[0], (some, y)),
        residual(*VALID[0], (y.copy(), y), (x, y)),
        residual(*VALID[0], (opposite, y)),
        residual("(r ** 2).sum()", "r", (some, y)),
        residual("((r - 1) ** 2).sum()", "2 * (r - 1)", (y.copy(), y)),
    ]


@is_valid_loss.check(
    "losses that are no function of the residual, other shapes, inputs left alone",
    hint="Which of the two arguments is the prediction? Print x and y after the call.",
)
def _(rng):
    p, q = (rng.dirichlet(np.ones(4)) for _ in range(2))
    entropy = Code("lambda x, y: (np.exp(x) - y * x).sum()")
    right, wrong = Code("lambda x, y: np.exp(x) - y"), Code("lambda x, y: x - y")
    ratio = Code("lambda x, y: (x / y - np.log(x / y)).sum()")
    by_x, by_y = Code("lambda x, y: 1 / y - 1 / x"), Code("lambda x, y: 1 / y - x / y ** 2")
    two, zero = pairs(rng, 1, (2, 3)), pairs(rng, 1, ())
    return [
        call_twice(entropy, right, [(p, q)]),
        call_twice(entropy, wrong, [(p, q)]),
        call_twice(ratio, by_x, [(p, q), (q, p)]),
        call_twice(ratio, by_y, [(p, q), (q, p)]),
        *(call_twice(Code(SQUARED), Code(df), pair) for pair in (two, zero) for df in (SLOPE, "lambda x, y: x - y")),
    ]


ZERO = "bool(np.all(np.abs(g) <= 1e-7))"
VALID_BODY = """
def zero(g):
    return {zero}
for x, y in samples:
    if not gradcheck(lambda z: f(z, y), lambda z: df(z, y), x):
        return False
    if not zero(df(y, y)):
        return False
    if not np.array_equal(x, y) and zero(df(x, y)):
        return False
return True
"""


def valid(*exchanges: tuple[str, str], zero: str = ZERO) -> str:
    """The body above with pieces exchanged."""
    text = VALID_BODY.format(zero=zero)
    for old, new in exchanges:
        if old not in text:
            raise ValueError(f"{old!r} does not occur")
        text = text.replace(old, new)
    return text


CHECKED = "not gradcheck(lambda z: f(z, y), lambda z: df(z, y), x)"
declare_variants(
    is_valid_loss,
    "f, df, samples",
    mistakes=[
        ("always says yes", "return True", "What does it say about a gradient with the wrong sign?"),
        ("always says no", "return False", "What does it say about the squared error?"),
        ("never compares with differences", valid((CHECKED, "False")), "What does it say about twice the gradient?"),
        (
            "compares with differences only",
            "all(gradcheck(lambda z: f(z, y), lambda z: df(z, y), x) for x, y in samples)",
            "A constant has a right gradient, too. Where must it be zero, and where not?",
        ),
        (
            "never asks at the target",
            valid(("not zero(df(y, y))", "False")),
            "A loss that is smallest at y + 1 is no loss for y. Which call would show it?",
        ),
        (
            "never asks whether it stops elsewhere",
            valid(("not np.array_equal(x, y) and zero(df(x, y))", "False")),
            "Where is the gradient of max(0, 1 - x y) zero?",
        ),
        (
            "looks at the first pair only",
            valid(("in samples:", "in samples[:1]:")),
            "What if the gradient is wrong for the second pair?",
        ),
        (
            "looks at the last pair only",
            valid(("in samples:", "in samples[-1:]:")),
            "What if the gradient is wrong for the first pair?",
        ),
        (
            "is content with one good pair",
            "def good(x, y):\n"
            "    right = gradcheck(lambda z: f(z, y), lambda z: df(z, y), x)\n"
            "    stops = np.all(np.abs(df(x, y)) <= 1e-7) and not np.array_equal(x, y)\n"
            "    return right and bool(np.all(np.abs(df(y, y)) <= 1e-7)) and not stops\n"
            "return any(good(x, y) for x, y in samples)",
            "Any, or all?",
        ),
        (
            "wants every entry of the gradient to be nonzero",
            valid(("and zero(df(x, y))", "and bool(np.any(np.abs(df(x, y)) <= 1e-7))")),
            "Where x equals y in one entry, what should the gradient be there?",
        ),
        (
            "adds the entries up",
            valid(zero="bool(abs(np.sum(g)) <= 1e-7)"),
            "Can entries that are not zero have the sum zero?",
        ),
        (
            "does not accept the target as a sample",
            valid(("not np.array_equal(x, y) and zero", "zero")),
            "What should the gradient be for a pair with x equal to y?",
        ),
        (
            "asks for a loss of zero at the target",
            valid(("not zero(df(y, y))", "not zero(df(y, y)) or abs(f(y, y)) > 1e-7")),
            "Add 5 to a loss. Does its gradient change?",
        ),
        (
            "asks for the value of the loss instead of its gradient",
            valid(("not zero(df(y, y))", "abs(f(y, y)) > 1e-7")),
            "A loss may be zero at the target and have a slope there. Which function tells the slope?",
        ),
        (
            "differentiates for the target",
            valid((CHECKED, "not gradcheck(lambda z: f(x, z), lambda z: df(x, z), y)")),
            "Which of the two arguments is held fixed?",
        ),
    ],
    equivalents=[
        ("with early returns", valid()),
        (
            "three lists",
            "right = [gradcheck(lambda z, y=y: f(z, y), lambda z, y=y: df(z, y), x) for x, y in samples]\n"
            "still = [np.allclose(df(y, y), 0, rtol=0, atol=1e-7) for _, y in samples]\n"
            "moves = [(x == y).all() or np.abs(df(x, y)).max() > 1e-7 for x, y in samples]\n"
            "return all(right) and all(still) and all(moves)",
        ),
        (
            "a test that lets small gradients pass as zero",
            valid(zero="bool(np.linalg.norm(g) < 1e-6)"),
        ),
    ],
)

check_numpy_alone()
