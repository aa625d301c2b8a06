"""The class of optimizers. What each must earn: tests/examples/tables/optimizers.py."""

from __future__ import annotations

from students import Extra, Student

STUDENTS: dict[str, Student] = {
    "ada": Student("all right", start="reference"),
    "bela": Student("all right, in another style", start="equivalent"),
    "carla": Student(
        "signs, roots and learning rates in the wrong places",
        start="reference",
        variants={
            "batch_gradient_descent": "climbs",
            "ClassicalMomentum": "has the learning rate outside the velocity",
            "Adagrad": "forgets the root",
            "RMSprop": "has eps inside the root",
            "lbfgs_direction": "returns the other sign",
        },
    ),
    "deniz": Student(
        "averages that start at zero, and decay where it does not belong",
        start="reference",
        variants={
            "Adam": "does not correct for the start",
            "AdamW": "adds the decay to the gradient",
            "Adamax": "does not correct the mean",
            "TorchAdam": "does not correct for the start",
        },
    ),
    "elif": Student(
        "schedules: one step early, one too few, and the wrong wave",
        start="reference",
        variants={
            "steps_minibatch": "drops the short last batch",
            "minibatch_gradient_descent": "drops the short last batch",
            "step_decay": "decays in every step",
            "reduce_on_plateau": "reduces one epoch early",
            "linear_warmup": "starts at 0",
            "cosine_decay": "uses a whole wave",
        },
    ),
    "falk": Student(
        "a cell fails that defines a helper for later, and the end is missing",
        start="reference",
        answers={"step_decay": "return lr * stair(gamma, step, every)"},
        variants={"Nesterov": "looks back instead of ahead"},
        left_out=("sutskever_momentum", "TorchSGD", "TorchAdam"),
        extras=(
            Extra(
                """
                rates = np.load("rates.npy")


                def stair(gamma, step, every):
                    return gamma ** (step // every)
                """,
                after="lbfgs_direction",
            ),
        ),
    ),
    "gita": Student(
        "a helper stands below the functions that use it: the cells were run in another order",
        start="reference",
        answers={
            "exponential_decay": "return lr * shrunk(k, step)",
        },
        variants={
            "moves_on_a_saddle": "thinks that momentum starts by itself",
            "Adadelta": "has no numerator",
            "TorchSGD": "ignores nesterov",
        },
        left_out=("NAdam",),
        extras=(Extra("def shrunk(k, step):\n    return math.exp(-k * step)"),),
    ),
}
