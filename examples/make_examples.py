"""Write the notebooks in ``examples/submissions/softmax``: a class of imaginary students.

Each is the student notebook of the assignment with one student's answers filled in. What each must earn is a table in
``tests/test_examples.py``. To keep the files small, only ann's has the whole statement; the others have its headings,
so that every cell has the same number everywhere.

    python examples/make_examples.py           write what is missing or stale
    python examples/make_examples.py --check   write nothing, end with 1 when something is stale

The same student notebook gives the same bytes. The answers are written out here; nothing is read from ``solutions/``.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BLANK = ROOT / "assignments" / "softmax" / "softmax.ipynb"
FOLDER = ROOT / "examples" / "submissions" / "softmax"

#: What stands in the student notebook where an answer is missing.
_CODE_GAP = "    # YOUR CODE HERE\n"
_VALUE_GAP = "...  # YOUR ANSWER HERE"

Cell = dict[str, Any]
Notebook = dict[str, Any]
Bodies = Mapping[str, str]

# Answers ---------------------------------------------------------------------------------------

LETTERS = {"shift_changes_output": "b", "scale_changes_output": "d", "largest_output_input": "c"}

#: ann: the way of the lecture, one function built on the other.
LECTURE: Bodies = {
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
BY_LOGARITHMS: Bodies = {
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
CLASSES_LAST: Bodies = {
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
WITHOUT_SHIFT: Bodies = {
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
LAST_AXIS_ONLY: Bodies = {
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
SCALAR_DERIVATIVES: Bodies = {
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
HALF_DONE: Bodies = {
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


# Edits of a notebook ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Extra:
    """A cell of the student's own.

    Attributes:
        source: its code.
        after: the question behind whose check it stands; "" for the end of the notebook.
    """

    source: str
    after: str = ""


@dataclass(frozen=True)
class Student:
    """One submission.

    Attributes:
        what: what it is an example of.
        bodies: function bodies by question; the others stay stubs.
        letters: answers to the questions before any code.
        extras: further cells.
        whole_statement: whether the text of the assignment stays.
        finish: last change to the notebook, which gives the text of the file.
    """

    what: str
    bodies: Bodies = field(default_factory=dict)
    letters: Mapping[str, str] = field(default_factory=lambda: LETTERS)
    extras: tuple[Extra, ...] = ()
    whole_statement: bool = False
    finish: Callable[[Notebook], str] = lambda notebook: _text(notebook)


def notebook_of(student: Student, blank: Notebook) -> str:
    """The text of one student's file."""
    notebook = copy.deepcopy(blank)
    cells: list[Cell] = notebook["cells"]
    if not student.whole_statement:
        for cell in cells:
            if cell["cell_type"] == "markdown":
                cell["source"] = cell["source"][:1]
    for name, body in student.bodies.items():
        _replace(cells, f"def {name}(", _CODE_GAP, _block(body, "    "), to_end=True)
    for name, letter in student.letters.items():
        _replace(cells, f"{name} = ", _VALUE_GAP, f'"{letter}"')
    for extra in student.extras:
        at = _check_cell(cells, extra.after) if extra.after else len(cells) - 1
        cells.insert(at + 1, _code_cell(_block(extra.source), f"extra{at:03}"))
    for count, cell in enumerate((c for c in cells if c["cell_type"] == "code"), start=1):
        cell["execution_count"] = count
    return student.finish(notebook)


def _replace(cells: list[Cell], start: str, gap: str, text: str, *, to_end: bool = False) -> None:
    """Put an answer into the one cell that begins with `start`."""
    (cell,) = (c for c in cells if "".join(c["source"]).startswith(start))
    source = "".join(cell["source"])
    if source.count(gap) != 1:
        raise SystemExit(f"{BLANK}: the cell of {start!r} has no {gap.strip()!r} to fill in.")
    before, after = source.split(gap)
    cell["source"] = (before + text + ("" if to_end else after)).splitlines(keepends=True)


def _check_cell(cells: list[Cell], question: str) -> int:
    (at,) = (i for i, c in enumerate(cells) if "".join(c["source"]).startswith(f'grader.check("{question}")'))
    return at


def _code_cell(source: str, name: str) -> Cell:
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "id": name, "metadata": {}, "outputs": [], "source": lines}


def _block(text: str, prefix: str = "") -> str:
    return indent(dedent(text).strip("\n"), prefix).rstrip()


def _text(notebook: Notebook) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _nothing(notebook: Notebook) -> str:
    return ""


def _cut_off(notebook: Notebook) -> str:
    """The first half of the file, as a broken upload leaves it."""
    text = _text(notebook)
    return text[: len(text) // 2]


def _format_3(notebook: Notebook) -> str:
    """The notebook as IPython wrote them until 2015: worksheets, `input` for `source`, headings as cells."""
    cells: list[Cell] = []
    for cell in notebook["cells"]:
        source = cell["source"]
        if cell["cell_type"] == "code":
            number = cell["execution_count"]
            old = {"cell_type": "code", "collapsed": False, "input": source, "language": "python"}
            cells.append(old | {"metadata": {}, "outputs": [], "prompt_number": number})
        elif source[0].startswith("#"):
            marks, _, title = source[0].rstrip("\n").partition(" ")
            cells.append({"cell_type": "heading", "level": len(marks), "metadata": {}, "source": [title]})
        else:
            cells.append({"cell_type": "markdown", "metadata": {}, "source": source})
    old_notebook = {
        "metadata": {"name": "softmax"},
        "nbformat": 3,
        "nbformat_minor": 0,
        "worksheets": [{"cells": cells, "metadata": {}}],
    }
    return _text(old_notebook)


# The class -------------------------------------------------------------------------------------

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
    "goran": Student("all right, saved by a very old Jupyter (notebook format 3)", LECTURE, finish=_format_3),
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
        letters={},
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
        letters={"shift_changes_output": "b", "scale_changes_output": "c"},
    ),
    "quinn": Student("an empty file", finish=_nothing),
    "rosa": Student("half a file: not JSON", LECTURE, finish=_cut_off),
    "sam": Student("the notebook as it was handed out", letters={}),
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


def files() -> dict[Path, str]:
    """Path and text of every example."""
    blank = json.loads(BLANK.read_text(encoding="utf-8"))
    return {FOLDER / f"{name}.ipynb": notebook_of(student, blank) for name, student in STUDENTS.items()}


def main() -> int:
    """Write the files, or say which are stale; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the example submissions.")
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when a file is stale")
    check = parser.parse_args().check
    texts = files()
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_bytes() != text.encode()]
    extra = [path for path in sorted(FOLDER.glob("*")) if path not in texts]
    if not check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path in stale:
            path.write_bytes(texts[path].encode())
        for path in extra:
            path.unlink()
    for word, paths in (("stale" if check else "written", stale), ("not an example" if check else "removed", extra)):
        for path in paths:
            print(f"{word}: {path.relative_to(ROOT)}")
    if check and (stale or extra):
        print("Run `python examples/make_examples.py` and commit what it writes.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
