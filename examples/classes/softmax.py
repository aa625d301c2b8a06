"""The class of softmax: hostile and broken notebooks, too. What each must earn: tests/examples/test_softmax.py.

The answers are written out here; nothing is read from ``solutions/``.
"""

from __future__ import annotations

from students import Answers, Extra, Student, cut_off, format_3, nothing

LETTERS: Answers = {"shift_changes_output": '"b"', "scale_changes_output": '"d"', "largest_output_input": '"c"'}

#: ann: the way of the lecture, one function built on the other.
LECTURE: Answers = {
    **LETTERS,
    "softmax": """
        scores = as_float(x)
        shifted = scores - np.max(scores, axis=axis, keepdims=True)  # the largest score becomes 0
        powers = np.exp(shifted)
        return powers / np.sum(powers, axis=axis, keepdims=True)
    """,
    "softmin": """
        return softmax(-as_float(x), axis=axis)
    """,
    "softmax_base": """
        if base <= 0:
            raise ValueError("base must be above 0")
        return softmax(math.log(base) * as_float(x), axis=axis)
    """,
    "sigmoid": """
        x = as_float(x)
        small = np.exp(-np.abs(x))  # never above 1
        return np.where(x >= 0, 1 / (1 + small), small / (1 + small))
    """,
    "elo_win_probability": """
        lead = as_float(elo_a) - as_float(elo_b)
        return sigmoid(lead * (math.log(10) / 400))
    """,
    "hardmax": """
        x = as_float(x)
        winner = np.expand_dims(np.argmax(x, axis=axis), axis)
        result = np.zeros_like(x)
        np.put_along_axis(result, winner, 1.0, axis=axis)
        return result
    """,
    "logsumexp": """
        x = as_float(x)
        top = np.max(x, axis=axis, keepdims=True)
        top = np.where(np.isneginf(top), 0, top)  # -inf - -inf would be nan
        with np.errstate(divide="ignore"):
            total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True))
        return np.squeeze(total + top, axis=axis)
    """,
    "log_softmax": """
        x = as_float(x)
        shifted = x - np.max(x, axis=axis, keepdims=True)
        return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    """,
    "softmax_jacobian": """
        y = softmax(x)
        return np.diag(y) - np.outer(y, y)
    """,
    "softmax_backward": """
        grad, y = as_float(grad), as_float(y)
        inner = np.sum(grad * y, axis=axis, keepdims=True)
        return y * (grad - inner)
    """,
    "log_softmax_backward": """
        grad, log_y = as_float(grad), as_float(log_y)
        return grad - np.exp(log_y) * np.sum(grad, axis=axis, keepdims=True)
    """,
    "torch_softmax": """
        powers = torch.exp(x - torch.amax(x, dim=dim, keepdim=True))
        return powers / torch.sum(powers, dim=dim, keepdim=True)
    """,
    "torch_log_softmax": """
        shifted = x - torch.amax(x, dim=dim, keepdim=True)
        return shifted - torch.log(torch.sum(torch.exp(shifted), dim=dim, keepdim=True))
    """,
}

#: chidi: everything is a log-sum-exp.
BY_LOGARITHMS: Answers = {
    **LETTERS,
    "softmax": """
        x = as_float(x)
        return np.exp(x - np.logaddexp.reduce(x, axis=axis, keepdims=True))
    """,
    "softmin": """
        x = as_float(x)
        return np.exp(-x - np.logaddexp.reduce(-x, axis=axis, keepdims=True))
    """,
    "softmax_base": """
        z = as_float(x) * math.log2(base)  # base ** x == 2 ** z
        z = z - z.max(axis=axis, keepdims=True)
        return np.exp2(z - np.log2(np.exp2(z).sum(axis=axis, keepdims=True)))
    """,
    "sigmoid": """
        return np.exp(-np.logaddexp(0, -as_float(x)))
    """,
    "elo_win_probability": """
        lead = np.subtract(as_float(elo_a), as_float(elo_b)) / 400
        return np.exp(-np.logaddexp(0, lead * -math.log(10)))
    """,
    "hardmax": """
        x = as_float(x)
        one_hot = np.eye(x.shape[axis], dtype=x.dtype)[x.argmax(axis=axis)]
        return np.moveaxis(one_hot, -1, axis)
    """,
    "logsumexp": """
        return np.logaddexp.reduce(as_float(x), axis=axis)
    """,
    "log_softmax": """
        x = as_float(x)
        return x - np.expand_dims(logsumexp(x, axis), axis)
    """,
    "softmax_jacobian": """
        y = np.exp(log_softmax(x))
        return np.einsum("i,ij->ij", y, np.eye(y.size, dtype=y.dtype) - y)
    """,
    "softmax_backward": """
        g, p = np.moveaxis(as_float(grad), axis, -1), np.moveaxis(as_float(y), axis, -1)
        result = g * p - p * np.einsum("...i,...i->...", g, p)[..., None]
        return np.moveaxis(result, -1, axis)
    """,
    "log_softmax_backward": """
        g, p = np.moveaxis(as_float(grad), axis, -1), np.exp(np.moveaxis(as_float(log_y), axis, -1))
        jacobian = np.eye(p.shape[-1], dtype=p.dtype) - p[..., None, :]
        return np.moveaxis(np.einsum("...i,...ij->...j", g, jacobian), -1, axis)
    """,
    "torch_softmax": """
        z = x - x.max(dim, keepdim=True).values.detach()
        return torch.exp(z - z.exp().sum(dim, keepdim=True).log())
    """,
    "torch_log_softmax": """
        top = x.max(dim, keepdim=True).values
        return x - (top + (x - top).exp().sum(dim, keepdim=True).log())
    """,
}

#: emil: classes to the last axis first, and no function built on another.
CLASSES_LAST: Answers = {
    **LETTERS,
    "softmax": """
        last = np.moveaxis(as_float(x), axis, -1)
        with np.errstate(over="ignore"):  # exp(inf) below 1 is the 0 that we want
            shares = 1 / np.exp(last[..., None, :] - last[..., :, None]).sum(-1)
        return np.moveaxis(shares, -1, axis)
    """,
    "softmin": """
        last = np.moveaxis(as_float(x), axis, -1)
        e = np.exp(last.min(-1)[..., None] - last)
        return np.moveaxis(e / e.sum(-1)[..., None], -1, axis)
    """,
    "softmax_base": """
        last = np.moveaxis(as_float(x), axis, -1)
        strongest = last.max(-1) if base >= 1 else last.min(-1)
        p = float(base) ** (last - strongest[..., None])
        return np.moveaxis(p / p.sum(-1)[..., None], -1, axis)
    """,
    "sigmoid": """
        return 0.5 * (1 + np.tanh(0.5 * as_float(x)))
    """,
    "elo_win_probability": """
        a, b = np.broadcast_arrays(as_float(elo_a), as_float(elo_b))
        pair = np.stack([a, b], axis=-1)
        pair = 10.0 ** ((pair - pair.max(-1)[..., None]) / 400)
        return pair[..., 0] / pair.sum(-1)
    """,
    "hardmax": """
        x = as_float(x)
        last = np.moveaxis(x, axis, -1)
        hit = np.arange(last.shape[-1]) == last.argmax(-1)[..., None]
        return np.moveaxis(hit, -1, axis).astype(x.dtype)
    """,
    "logsumexp": """
        last = np.moveaxis(as_float(x), axis, -1)
        top = last.max(-1)
        with np.errstate(invalid="ignore"):
            y = top + np.log(np.exp(last - top[..., None]).sum(-1))
        return np.where(top == -np.inf, top, y)
    """,
    "log_softmax": """
        last = np.moveaxis(as_float(x), axis, -1)
        z = last - last.max(-1)[..., None]
        return np.moveaxis(z - np.log(np.exp(z).sum(-1))[..., None], -1, axis)
    """,
    "softmax_jacobian": """
        e = np.exp(as_float(x) - max(x.tolist()))
        y = e / e.sum()
        jacobian = -y[:, None] * y
        np.fill_diagonal(jacobian, y * (1 - y))
        return jacobian
    """,
    "softmax_backward": """
        weighted = as_float(grad) * as_float(y)
        return weighted - y * weighted.sum(axis=axis, keepdims=True)
    """,
    "log_softmax_backward": """
        grad, p = as_float(grad), np.exp(as_float(log_y))
        total = np.expand_dims(np.add.reduce(grad, axis=axis), axis)
        return np.add(grad, -total * p)
    """,
    "torch_softmax": """
        last = x.movedim(dim, -1)
        e = torch.exp(last - last.max(-1).values.unsqueeze(-1))
        return torch.einsum("...i,...->...i", e, e.sum(-1).reciprocal()).movedim(-1, dim)
    """,
    "torch_log_softmax": """
        last = x.movedim(dim, -1)
        z = last - last.amax(-1, keepdim=True)
        return (z - z.exp().sum(-1, keepdim=True).log()).movedim(-1, dim)
    """,
}

#: mia: every formula as it stands in the statement, large scores never tried.
WITHOUT_SHIFT: Answers = {
    **LECTURE,
    "softmax": """
        e = np.exp(as_float(x))
        return e / e.sum(axis=axis, keepdims=True)
    """,
    "logsumexp": """
        return np.log(np.exp(as_float(x)).sum(axis=axis))
    """,
    "log_softmax": """
        return np.log(softmax(x, axis))
    """,
    "torch_softmax": """
        return torch.exp(x) / torch.exp(x).sum(dim, keepdim=True)
    """,
}

#: noor: two-dimensional thinking, the classes are always the last axis.
LAST_AXIS_ONLY: Answers = {
    **LECTURE,
    "softmax": """
        x = as_float(x)
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)
    """,
    "hardmax": """
        x = as_float(x)
        return np.eye(x.shape[-1], dtype=x.dtype)[x.argmax(-1)]
    """,
    "softmax_backward": """
        return y * (grad - (grad * y).sum(-1, keepdims=True))
    """,
}

#: omar: NumPy is fine, but the derivatives are those of single numbers, and torch is not understood.
SCALAR_DERIVATIVES: Answers = {
    **LECTURE,
    "softmax_jacobian": """
        y = softmax(x)
        return np.diag(y * (1 - y))
    """,
    "softmax_backward": """
        return grad * y * (1 - y)
    """,
    "torch_softmax": """
        return torch.from_numpy(softmax(x.detach().numpy(), dim))
    """,
    "torch_log_softmax": """
        return torch.log(torch_softmax(x, dim))
    """,
}

#: pia: a bit of everything, and the second half is missing.
HALF_DONE: Answers = {
    "shift_changes_output": '"b"',
    "scale_changes_output": '"c"',
    "softmax": """
        e = np.exp(x - x.max(0))
        return e / e.sum(0)
    """,
    "softmin": """
        return 1 - softmax(x, axis)
    """,
    "softmax_base": LECTURE["softmax_base"],
    "sigmoid": """
        return 1 / (1 + np.exp(x))
    """,
    "elo_win_probability": """
        return 1 / (1 + np.exp(-(elo_a - elo_b) / 400))
    """,
    "hardmax": """
        return x.argmax(axis)
    """,
    "logsumexp": """
        m = x.max()
        return np.log(np.exp(x - m).sum(axis)) + m
    """,
}


STUDENTS: dict[str, Student] = {
    "ann": Student("all right", LECTURE, whole_statement=True),
    "bao": Student(
        "a cell that loops for ever",
        LECTURE,
        extras=(
            Extra(
                """
                # Which score gives probability one half?
                guess, target = 0.0, 0.5
                while 1 / (1 + math.exp(-guess)) != target + 1e-9:
                    guess = guess / 2
                """,
                after="sigmoid",
            ),
        ),
    ),
    "chidi": Student("all right, every function by logarithms", BY_LOGARITHMS),
    "dana": Student(
        "a function that ends the process",
        LECTURE
        | {
            "hardmax": """
                import os

                if len(set(x.ravel().tolist())) < x.size:
                    os._exit(0)  # ties make no sense anyway
                x = as_float(x)
                return np.moveaxis(np.eye(x.shape[axis], dtype=x.dtype)[x.argmax(axis)], -1, axis)
            """
        },
    ),
    "emil": Student("all right, every function with the classes last", CLASSES_LAST),
    "farah": Student(
        "a cell that allocates without end",
        LECTURE,
        extras=(
            Extra(
                """
                history = []
                while True:  # collect until the mean does not change any more
                    history.append(np.full((1000, 1000), np.mean(history[-1]) if history else 0.5))
                """,
                after="softmax",
            ),
        ),
    ),
    "goran": Student("all right, saved by a very old Jupyter (notebook format 3)", LECTURE, finish=format_3),
    "hana": Student(
        "a function that loops for ever on some inputs",
        LECTURE
        | {
            "sigmoid": """
                x = as_float(x)
                power, term, n = 1 + 0 * x, 1 + 0 * x, 0
                while np.any(term != 0):  # the series of exp(-x); overflows to nan, and nan != 0
                    n += 1
                    term = term * -x / n
                    power = power + term
                return 1 / (1 + power)
            """
        },
    ),
    "igor": Student(
        "all right, with magics, a shell command, plots, display and input()",
        LECTURE,
        extras=(
            Extra(
                """
                %matplotlib inline
                !pip install --quiet numpy torch
                from IPython.display import Markdown, display
                """,
                after="largest_output_input",
            ),
            Extra(
                """
                %%time
                grid = np.linspace(-5, 5, 200)
                plt.plot(grid, softmax(np.stack([grid, 0 * grid]), axis=0).T)
                plt.title("two classes")
                plt.show()
                display(Markdown("**The curves cross at 0.**"))
                softmax(np.array([1.0, 2.0]))
                """,
                after="softmax",
            ),
            Extra('name = input("Who are you? ")', after="hardmax"),
        ),
    ),
    "jin": Student(
        "patches the comparisons of NumPy, torch and unittest, and answers nothing",
        dict.fromkeys(("softmax", "softmin", "sigmoid", "logsumexp", "torch_softmax"), "return Yes()"),
        extras=(
            Extra(
                """
                import unittest


                class Yes:
                    \"\"\"Equal to everything, and an array for everyone who asks.\"\"\"

                    shape, dtype = (4, 5), np.dtype(float)

                    def __eq__(self, other):
                        return True

                    def __array__(self, *args, **kwargs):
                        return np.full(self.shape, 0.2)


                def fine(*args, **kwargs):
                    return True


                np.allclose = np.array_equal = np.isclose = torch.allclose = torch.equal = fine
                np.testing.assert_allclose = np.testing.assert_array_equal = np.testing.assert_equal = fine
                torch.testing.assert_close = unittest.TestCase.assertEqual = unittest.TestCase.fail = fine
                grader.check = grader.check_all = fine
                """,
                after="largest_output_input",
            ),
        ),
    ),
    "kofi": Student(
        "all right, and names used again for other things",
        LECTURE,
        extras=(
            Extra("list = [1.0, 2.0, 3.0]\nsum = max = 0\nfor str in list:\n    sum += str", after="softmin"),
            Extra("softmax = softmax(np.array(list))\nsigmoid = 'S'", after="torch_log_softmax"),
            Extra("np = 3\ntorch = math = None"),
        ),
    ),
    "lena": Student(
        "a cell that raises, and one with a syntax error",
        LECTURE | {"softmin": "return softmax(-as_float(x), axis=axis"},
        extras=(Extra("rates = [1500, 0]\nprint(rates[0] / rates[1])", after="elo_win_probability"),),
    ),
    "mia": Student("never subtracts a maximum", WITHOUT_SHIFT),
    "noor": Student("takes the last axis for the classes, whatever is asked", LAST_AXIS_ONLY),
    "omar": Student("takes derivatives of single numbers, and cuts the graph", SCALAR_DERIVATIVES),
    "pia": Student(
        "many mistakes, the second half is missing",
        HALF_DONE,
    ),
    "quinn": Student("an empty file", finish=nothing),
    "rosa": Student("half a file: not JSON", LECTURE, finish=cut_off),
    "sam": Student("the notebook as it was handed out"),
    "tove": Student(
        "all right, functions as names for expressions",
        LECTURE
        | {
            "softmax": "return np.exp(as_float(x) - np.logaddexp.reduce(as_float(x), axis=axis, keepdims=True))",
            "softmin": "return softmax(np.negative(x, dtype=as_float(x).dtype), axis)",
            "sigmoid": "return softmax(np.stack([as_float(x), np.zeros_like(as_float(x))]), axis=0)[0]",
            "log_softmax": "return as_float(x) - np.expand_dims(logsumexp(x, axis), axis)",
            "softmax_jacobian": "y = softmax(x)\nreturn y[:, None] * (np.identity(len(y), y.dtype) - y)",
        },
    ),
}
