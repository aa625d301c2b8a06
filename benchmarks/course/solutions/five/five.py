# %% [markdown]
# # Five questions
#
# What the benchmark beside other graders lets them grade: a small assignment as courses have it.

# %%
import numpy as np
import torch


# %%
def softmax(x):
    """Softmax over the last axis, shape (..., C)."""
    # BEGIN SOLUTION
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
    # END SOLUTION


# %%
def cross_entropy(scores, labels):
    """Mean cross-entropy of scores, shape (B, C), for labels, shape (B,)."""
    # BEGIN SOLUTION
    return -np.log(softmax(scores)[np.arange(len(labels)), labels]).mean()
    # END SOLUTION


# %%
def relu_backward(x, grad):
    """Gradient of the loss for x, where `grad` is that for relu(x)."""
    # BEGIN SOLUTION
    return grad * (x > 0)
    # END SOLUTION


# %%
def fit(x, y, steps, rate):
    """Weights, shape (D,), of a logistic regression without offset after gradient descent from 0."""
    # BEGIN SOLUTION
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        w -= rate * x.T @ (1 / (1 + np.exp(-x @ w)) - y) / len(y)
    return w
    # END SOLUTION


# %%
def train(x, y, steps, rate, momentum):
    """Weights, shape (D,), of the same regression in torch, after steps of `torch.optim.SGD` from 0."""
    # BEGIN SOLUTION
    w = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=rate, momentum=momentum)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y).backward()
        optimizer.step()
    return w.detach()
    # END SOLUTION
