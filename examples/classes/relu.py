"""The class of relu. What each must earn: tests/examples/test_relu.py."""

from __future__ import annotations

from students import Extra, Student

STUDENTS: dict[str, Student] = {
    "ada": Student("all right", start="reference"),
    "bela": Student("all right, in another style", start="equivalent"),
    "carla": Student(
        "the functions are right; the chain rule is not understood",
        start="reference",
        variants={
            "tanh_backward": "ignores the upstream gradient",
            "gaussian_backward": "forgets the inner derivative",
            "relu_backward": "passes every gradient on",
            "prelu_backward": "does not sum over the entries",
            "softplus_backward": "multiplies by beta",
            "silu_backward": "takes the gate for a constant",
            "srelu_backward": "modifies the upstream gradient",
            "maxout_backward": "lets every piece pass the gradient",
            "Rectifier": "takes the mask from the gradient",
        },
    ),
    "deniz": Student(
        "formulas as they stand, large numbers never tried",
        start="reference",
        variants={
            "sigmoid": "divides two large exponentials",
            "tanh": "divides exponentials that overflow",
            "relu": "multiplies with a mask",
            "elu": "multiplies both sides with masks",
            "softplus": "takes the exponential of large numbers",
            "torch_elu": "lets the other branch overflow",
        },
    ),
    "elif": Student(
        "takes parameters, constants and axes from elsewhere",
        start="reference",
        variants={
            "step": "fires at the threshold as well",
            "prelu": "has the channels on the last axis",
            "selu": "has rounded constants",
            "gelu": "uses the tanh approximation",
            "crelu": "doubles the first axis",
            "maxout": "lets the units compete",
            "dead_units": "looks along the units",
            "range_of_tanh": "gives the range of sigmoid",
            "saturating_activation": "chooses ELU",
            "PReLU": "keeps the slopes as an ordinary tensor",
        },
    ),
    "falk": Student(
        "a cell fails that defines a helper for later, and the end is missing",
        start="reference",
        answers={
            "elu": """
                x = as_float(x)
                return np.where(x > 0, x, alpha * (exp_of_negatives(x) - 1))
            """,
        },
        variants={
            "leaky_relu": "takes the larger of two",
            "range_of_elu": "gives the range of relu",
        },
        left_out=("maxout", "maxout_backward", "dead_units", "Rectifier", "PReLU"),
        extras=(
            Extra(
                """
                curves = np.load("curves.npy")


                def exp_of_negatives(x):
                    return np.exp(np.minimum(x, 0))
                """,
                after="rrelu_backward",
            ),
        ),
    ),
    "gita": Student(
        "uses names that only the running kernel knew: from cells below, and from one that was deleted",
        start="reference",
        answers={
            "silu": """
                x = as_float(x)
                return x * gate(x)
            """,
            "leaky_relu_backward": """
                grad, x = as_float(grad), as_float(x)
                return np.where(x > 0, grad, slope * grad)
            """,
        },
        variants={
            "rrelu": "uses the lower end in evaluation",
            "celu": "is elu",
            "srelu": "jumps at the thresholds",
            "torch_relu": "computes in NumPy",
            "torch_elu": "cuts the graph of the negative side",
        },
        extras=(Extra("def gate(x):\n    return sigmoid(x)"),),
    ),
}
