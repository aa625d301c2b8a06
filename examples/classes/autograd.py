"""The class of autograd. What each must earn: tests/examples/tables/autograd.py."""

from __future__ import annotations

from students import Extra, Student

STUDENTS: dict[str, Student] = {
    "ada": Student("all right", start="reference"),
    "bela": Student("all right, in another style", start="equivalent"),
    "carla": Student(
        "single rules are wrong: bases, shapes and orders",
        start="reference",
        variants={
            "Value": "takes the logarithm to base 10",
            "numerical_gradient": "returns a flat array",
            "Layer": "lists all weights before all biases",
            "is_valid_loss": "looks at the first pair only",
        },
    ),
    "deniz": Student(
        "asks too much, or too little, of a gradient",
        start="reference",
        variants={
            "gradcheck": "compares the sums",
            "fit_moons": "takes the sum instead of the mean",
            "is_valid_loss": "asks for a loss of zero at the target",
        },
    ),
    "elif": Student(
        "networks with parameters of their own making",
        start="reference",
        variants={
            "Neuron": "forgets the bias among the parameters",
            "MLP": "lists the parameters from the last layer to the first",
            "fit_moons": "never sets gradients to zero",
        },
    ),
    "falk": Student(
        "a cell fails that defines a helper for later, and the end is missing",
        start="reference",
        answers={"gradcheck": "return near(np.asarray(df(x)), numerical_gradient(f, x))"},
        left_out=("fit_moons", "is_valid_loss"),
        extras=(
            Extra(
                """
                gradients = np.load("gradients.npy")


                def near(a, n):
                    return a.shape == n.shape and bool((np.abs(a - n) <= 1e-7 + 1e-4 * np.abs(n)).all())
                """,
                after="numerical_gradient",
            ),
        ),
    ),
    "gita": Student(
        "a helper stands below the function that uses it: the cells were run in another order",
        start="reference",
        answers={
            "fit_moons": """
                losses = []
                for _ in range(steps):
                    for parameter in model.parameters():
                        parameter.grad = 0.0
                    loss = mean_hinge(model, x, y)
                    loss.backward()
                    losses.append(loss.data)
                    for parameter in model.parameters():
                        parameter.data -= lr * parameter.grad
                return losses
            """,
        },
        variants={"MLP": "has a nonlinear last layer"},
        left_out=("gradcheck",),
        extras=(
            Extra("""
                def mean_hinge(model, x, y):
                    return sum((1 - label * model(row)).relu() for row, label in zip(x, y)) / len(x)
            """),
        ),
    ),
}
