"""The class of logistic_regression. What each must earn: tests/examples/tables/logistic_regression.py."""

from __future__ import annotations

from students import Extra, Student

STUDENTS: dict[str, Student] = {
    "ada": Student("all right", start="reference"),
    "bela": Student("all right, in another style", start="equivalent"),
    "carla": Student(
        "gradients: sums, means and penalties in the wrong places",
        start="reference",
        variants={
            "linear_backward": "sums db over everything",
            "linear_regression_gradients": "loses the factor 2",
            "logistic_regression_loss": "halves the penalty",
            "binary_logistic_regression_loss": "has the gradient reversed",
            "fit_linear_regression": "makes one step too few",
        },
    ),
    "deniz": Student(
        "mixes up axes, classes and labels",
        start="reference",
        variants={
            "w_shape": "has one row per class, as PyTorch stores it",
            "out_shape": "has one column per house",
            "predict": "counts classes from 1",
            "accuracy": "counts instead of averaging",
            "confusion_matrix": "has the predictions in the rows",
            "binary_logistic_regression": "gives the probability of class 0",
        },
    ),
    "elif": Student(
        "PyTorch by halves",
        start="reference",
        variants={
            "HousesDataset": "keeps float64 features",
            "build_mlp": "has no ReLU between the layers",
            "LogisticRegression": "returns probabilities",
            "train": "never sets the gradients to zero",
            "predict_proba": "keeps the graph",
        },
    ),
    "falk": Student(
        "a cell fails that defines a helper for later, and the end is missing",
        start="reference",
        answers={"binary_logistic_regression": "return sigmoid(score_of(x, w, b))"},
        variants={"steps_per_epoch": "drops the last batch"},
        left_out=("build_mlp", "LogisticRegression", "train", "predict_proba"),
        extras=(
            Extra(
                """
                houses = np.load("houses.npy")


                def score_of(x, w, b):
                    x, w, b = as_floats(x, w, b)
                    return x @ w + b
                """,
                after="confusion_matrix",
            ),
        ),
    ),
    "gita": Student(
        "a helper stands below the functions that use it: the cells were run in another order",
        start="reference",
        answers={"steps_per_epoch": "return rounded_up(n, batch_size)"},
        variants={"minibatches": "fills up the last batch", "predict_proba": "returns the logits"},
        left_out=("confusion_matrix",),
        extras=(Extra("def rounded_up(a, b):\n    return -(-a // b)"),),
    ),
}
