"""The class of cross_entropy. What each must earn: tests/examples/test_cross_entropy.py."""

from __future__ import annotations

from students import Extra, Student

STUDENTS: dict[str, Student] = {
    "ada": Student("all right", start="reference"),
    "bela": Student("all right, in another style", start="equivalent"),
    "carla": Student(
        "divides by the wrong number, or not at all",
        start="reference",
        variants={
            "expectation": "averages the products",
            "nll_loss": "divides the weighted sum by the number of samples",
            "cross_entropy_loss": "counts the ignored samples",
            "cross_entropy_loss_backward": "does not divide by the batch size",
            "bce_with_logits_loss": "divides by the sum of the weights",
            "bce_with_logits_loss_backward": "divides by the rows only",
            "kl_div_loss": "averages over all elements by default",
            "torch_cross_entropy": "divides by the samples only",
        },
    ),
    "deniz": Student(
        "never thinks of a logarithm of 0",
        start="reference",
        variants={
            "log_likelihood": "takes the logarithm of the product",
            "surprise": "clips the probability",
            "entropy": "gives nan for a probability of 0",
            "cross_entropy_loss": "takes the logarithm of the finished softmax",
            "bce_loss": "does not cut off the logarithm",
            "bce_with_logits_loss": "takes the logarithm of the finished sigmoid",
            "torch_bce_with_logits": "clamps the probability",
        },
    ),
    "elif": Student(
        "mixes up classes and samples, model and data",
        start="reference",
        variants={
            "better_model": "prefers the smaller likelihood",
            "cross_entropy": "swaps the two distributions",
            "one_hot": "believes that classes start at 1",
            "nll_loss": "selects columns instead of entries",
            "loss_medium_house": "takes another class for the right one",
            "accuracy": "searches the largest score in each column",
            "accuracy_gradient": "confuses accuracy with cross-entropy",
            "torch_cross_entropy": "normalises over the last dimension",
        },
    ),
    "falk": Student(
        "a cell fails that defines a helper for later, and the end is missing",
        start="reference",
        answers={
            # Only the mean needs the helper.
            "nll_loss": """
                log_probs = as_float(log_probs)
                used = targets != ignore_index
                y = np.where(used, targets, 0)
                w = np.ones(log_probs.shape[1], log_probs.dtype) if weight is None else as_float(weight)
                w = np.where(used, w[y], 0)
                surprises = np.where(used, -log_probs[np.arange(len(y)), y], 0)
                if reduction == "mean":
                    return weighted_mean(surprises, w)
                return reduce_loss(w * surprises, reduction)
            """,
        },
        variants={"variance": "divides by n - 1", "accuracy": "counts instead of averaging"},
        left_out=("accuracy_gradient", "kl_div_loss", "torch_cross_entropy", "torch_bce_with_logits"),
        extras=(
            Extra(
                """
                houses = np.loadtxt("houses.csv", delimiter=",")


                def weighted_mean(values, weights):
                    return (weights * values).sum() / weights.sum()
                """,
                after="one_hot",
            ),
        ),
    ),
    "gita": Student(
        "a helper stands below the functions that use it: the cells were run in another order",
        start="reference",
        answers={
            "bce_loss": """
                p, y = as_float(p), as_float(y)
                return reduce_loss(-(y * log_from_minus_100(p) + (1 - y) * log_from_minus_100(1 - p)), reduction)
            """,
        },
        variants={
            "surprise": "always counts in bits",
            "loss_medium_house": "uses a logarithm to base 10",
            "torch_cross_entropy": "cuts the graph",
            "torch_bce_with_logits": "ignores the weight",
        },
        left_out=("kl_div_loss",),
        extras=(
            Extra(
                """
                def log_from_minus_100(p):
                    with np.errstate(divide="ignore"):
                        return np.maximum(np.log(p), -100)
                """
            ),
        ),
    ),
}
