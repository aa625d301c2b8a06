"""The class of losses. What each must earn: tests/examples/test_losses.py."""

from __future__ import annotations

from students import Extra, Student

STUDENTS: dict[str, Student] = {
    "ada": Student("all right", start="reference"),
    "bela": Student("all right, in another style", start="equivalent"),
    "carla": Student(
        "means and sums in the wrong places",
        start="reference",
        variants={
            "l1_loss": "adds up where the mean is asked for",
            "mse_loss": "returns one number whatever the reduction",
            "huber_loss_backward": "does not divide by the number of losses",
            "gaussian_nll_loss_backward": "ignores the upstream gradient",
            "multi_margin_loss": "does not divide by the number of classes",
            "multilabel_margin_loss": "averages over the pairs",
            "torch_focal": "divides by the sum of the weights",
            "ctc_loss": "averages without the target lengths",
        },
    ),
    "deniz": Student(
        "formulas as they stand, large numbers and zeros never tried",
        start="reference",
        variants={
            "l1_loss": "goes through a root of squares",
            "rmse_loss_backward": "divides by zero",
            "log_cosh_loss": "computes the cosine before the logarithm",
            "gaussian_nll_loss": "has no smallest variance",
            "soft_margin_loss": "takes the exponential first",
            "focal_loss": "takes the logarithm of a rounded probability",
            "cosine_embedding_loss": "divides by zero",
            "torch_focal": "takes the logarithm of a rounded probability",
        },
    ),
    "elif": Student(
        "mixes up losses, sides and labels",
        start="reference",
        variants={
            "least_moved_by_outlier": "thinks that the mean is robust",
            "best_constant": "has mean and median the wrong way round",
            "smooth_l1_loss": "computes the Huber loss",
            "huber_loss": "computes the smooth L1 loss",
            "quantile_loss": "swaps the two sides",
            "hinge_loss": "takes the labels for 0 and 1",
            "margin_ranking_loss": "rewards the wrong order",
            "triplet_margin_loss": "always uses the Euclidean norm",
            "multilabel_margin_loss": "takes -1 for the last class",
        },
    ),
    "falk": Student(
        "a cell fails that defines a helper for later, and the end is missing",
        start="reference",
        answers={
            "quantile_loss": """
                x, y = as_floats(x, y)
                return reduced(larger(q * (y - x), (1 - q) * (x - y)), reduction)
            """,
            "hinge_loss": """
                x, y = as_floats(x, y)
                return reduced(larger(0, 1 - y * x), reduction)
            """,
        },
        variants={"mse_loss_backward": "loses the factor 2", "poisson_nll_loss": "never adds Stirling's term"},
        left_out=(
            "gradient_of_accuracy",
            "torch_smooth_l1",
            "torch_triplet_margin",
            "torch_focal",
            "ctc_loss",
            "adaptive_log_softmax_loss",
        ),
        extras=(
            Extra(
                """
                errors = np.loadtxt("errors_of_last_week.txt")


                def larger(a, b):
                    return np.maximum(a, b)
                """,
                after="best_constant",
            ),
        ),
    ),
    "gita": Student(
        "a helper stands below the functions that use it: the cells were run in another order",
        start="reference",
        answers={
            "exponential_loss": """
                x, y = as_floats(x, y)
                return reduced(np.exp(-margins(x, y)), reduction)
            """,
            "exponential_loss_backward": """
                x, y = as_floats(x, y)
                each = np.exp(-margins(x, y))
                return reduced_backward(grad, each, reduction) * -y * each
            """,
        },
        variants={
            "smooth_l1_loss_backward": "always uses beta = 1",
            "focal_loss_backward": "treats the focal factor as a constant",
            "hinge_embedding_loss": "ignores the margin",
            "triplet_margin_loss_backward": "forgets where the hinge ends",
            "torch_smooth_l1": "cuts the graph",
        },
        left_out=("adaptive_log_softmax_loss",),
        extras=(Extra("def margins(x, y):\n    return y * x"),),
    ),
}
