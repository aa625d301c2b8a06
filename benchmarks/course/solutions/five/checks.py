"""Five questions, 13 points: a public check and a hidden one each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autograder.course import call, call_twice, question, tensor

if TYPE_CHECKING:  # the grader does not load torch
    import torch

softmax = question("softmax", points=3)


@softmax.check("a table", public=True, points=1, hint="Which axis holds the classes?")
def _(rng):
    return call(x=rng.normal(size=(2, 3)))


@softmax.check("scores around 1000", hint="What is exp(1000)?")
def _(rng):
    return call_twice(x=1000 + rng.normal(size=(4, 5)))


@softmax.mistake("overflows", hint="What is exp(1000)?")
def _(x):
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


cross_entropy = question("cross_entropy", points=3)


@cross_entropy.check("one sample", public=True, points=1, hint="Which probability is looked at?")
def _(rng):
    return call(scores=rng.normal(size=(1, 4)), labels=rng.integers(4, size=1))


@cross_entropy.check("a batch", hint="Sum or mean?")
def _(rng):
    return call_twice(scores=rng.normal(size=(7, 4)), labels=rng.integers(4, size=7))


@cross_entropy.mistake("adds instead of averaging", hint="Sum or mean?")
def _(scores, labels):
    return -np.log(softmax(scores)[np.arange(len(labels)), labels]).sum()


relu_backward = question("relu_backward", points=2)


@relu_backward.check("numbers", public=True, points=1, hint="Where is the slope 1?")
def _(rng):
    return call(x=rng.normal(size=6), grad=rng.normal(size=6))


@relu_backward.check("at the kink", hint="What is the gradient at 0?")
def _(rng):
    return call_twice(x=np.array([-1.0, 0.0, 2.0]), grad=rng.normal(size=3))


@relu_backward.mistake("lets the gradient pass at 0", hint="What is the gradient at 0?")
def _(x, grad):
    return grad * (x >= 0)


fit = question("fit", points=3)


@fit.check("one step", public=True, points=1, hint="Is the gradient a mean over the samples?")
def _(rng):
    return call(x=rng.normal(size=(5, 2)), y=rng.integers(2, size=5), steps=1, rate=0.5)


@fit.check("many steps", hint="Where does each step start?")
def _(rng):
    return call_twice(x=rng.normal(size=(64, 4)), y=rng.integers(2, size=64), steps=100, rate=0.1)


@fit.mistake("never moves from the start", hint="Where does each step start?")
def _(x, y, steps, rate):
    return -rate * x.T @ (0.5 - y) / len(y)


train = question("train", points=2, kind="torch")


@train.check("one step", public=True, points=1, hint="Is the gradient a mean over the samples?")
def _(rng):
    y = rng.integers(2, size=5).astype(float)
    return call(x=tensor(rng.normal(size=(5, 2))), y=tensor(y), steps=1, rate=0.5, momentum=0.9)


@train.check("many steps", hint="Does the optimizer know the momentum?")
def _(rng):
    y = rng.integers(2, size=64).astype(float)
    return call_twice(x=tensor(rng.normal(size=(64, 4))), y=tensor(y), steps=100, rate=0.1, momentum=0.9)


@train.mistake("forgets the momentum", hint="Does the optimizer know the momentum?")
def _(x, y, steps, rate, momentum):
    w = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y).backward()
        optimizer.step()
    return w.detach()
