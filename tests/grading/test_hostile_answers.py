"""No answer that can cross the wire makes the grader stumble: an error here would be our fault, and cost no points."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.course.values import TORCH_DTYPES, TensorValue, Unsupported
from autograder.grading.compare import compare
from autograder.grading.explain import render
from autograder.grading.tolerance import allowances
from autograder.sandbox import wire

#: One of each kind that a reference answers with.
EXPECTED = {
    "float": 1.5,
    "int": 3,
    "bool": True,
    "none": None,
    "text": "relu",
    "complex": 1 + 2j,
    "numpy float": np.float32(2.5),
    "array": np.arange(6.0).reshape(2, 3),
    "array of float32": np.ones((2, 2), np.float32),
    "empty array": np.zeros((0, 3)),
    "array of bool": np.array([True, False]),
    "array of int": np.arange(4),
    "array of uint8": np.arange(4, dtype=np.uint8),
    "array with nan": np.array([np.nan, np.inf, 1.0]),
    "tensor": TensorValue(np.ones((2, 3), np.float32), "float32", "cpu", True),
    "bfloat16": TensorValue(np.full(3, 0x3F80, np.uint16), "bfloat16", "cpu", False),
    "tensor of int": TensorValue(np.arange(3), "int64", "cpu", False),
    "history": [1.0, 0.5, 0.25],
    "pair": (np.ones(2), [1.0, 2.0]),
    "dict": {"weight": np.ones((2, 2)), "step": 3},
}

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
DTYPES = st.sampled_from(sorted(wire.NUMPY_DTYPES)).map(np.dtype)
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
ARRAYS = DTYPES.flatmap(lambda d: hnp.arrays(d, SHAPES)) | st.tuples(DTYPES, st.integers(0, 8)).map(
    lambda made: np.full((1,) * made[1], 255).astype(made[0])
)
TENSORS = st.tuples(st.sampled_from(sorted(TORCH_DTYPES)), SHAPES, TEXT, st.booleans()).flatmap(
    lambda t: hnp.arrays(np.dtype(TORCH_DTYPES[t[0]]), t[1]).map(
        lambda a: TensorValue(a, t[0], t[2], t[3], "Parameter" if t[3] else "Tensor")
    )
)
NUMBERS = (
    st.none()
    | st.booleans()
    | st.integers(-wire.MAX_INT, wire.MAX_INT)
    | st.floats()
    | st.complex_numbers()
    | st.sampled_from([0, 1, -1, 2**53, 2**63, 2**64, wire.MAX_INT, -0.0, 5e-324, 1.7976931348623157e308])
)
SCALARS = ARRAYS.filter(lambda a: a.size > 0).map(lambda a: a.ravel()[0])
LEAVES = NUMBERS | TEXT | ARRAYS | SCALARS | TENSORS | st.builds(Unsupported, TEXT, TEXT)
KEYS = TEXT | st.integers() | st.floats() | st.booleans() | st.none()
ANSWERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS | st.sampled_from(["weight", "step"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def nested(kind: type, depth: int) -> object:
    value: object = 1.0
    for _ in range(depth):
        value = kind([value])
    return value


STRANGE = {
    "deep list": nested(list, wire.MAX_DEPTH - 2),
    "long list": [0.0] * 50_000,
    "long list of integers": [2**200] * 1000,
    "dict with every kind of key": {"weight": 1, 1: 1, 2.5: 1, None: 1, float("nan"): 1, "\ud800": 1},
    "long text": "\x1b[2J" * 20_000,
    "many dimensions": np.zeros((1,) * wire.MAX_DIMS),
    "large array": np.zeros((300, 300)),
    "huge and tiny": np.array([[1e308, -1e308, 5e-324], [np.nan, np.inf, -np.inf]]),
}


def judged(name: str, answer: object) -> None:
    """Compare as the grader does, after the wire; whatever is told can be shown."""
    expected = {"output": EXPECTED[name]}
    try:
        frame = wire.encode({"output": answer})
    except wire.WireError:
        return  # it stays where it is
    actual = wire.decode_frame(frame)
    difference = compare(expected, actual, allowances(expected, None, None))
    if difference is None:
        return
    assert difference.kind != "not_comparable"
    for reveal in ("none", "hint", "full"):
        text = render(difference, reveal, "softmax")
        assert text
        assert len(text) < 20_000
        if reveal != "full":
            assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text), text


@pytest.mark.parametrize("name", EXPECTED)
def test_any_answer_is_compared_and_told(name):
    @settings(max_examples=40)
    @given(ANSWERS)
    def holds(answer):
        judged(name, answer)

    holds()


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("name", EXPECTED)
def test_strange_answers_are_compared_and_told(name, strange):
    judged(name, STRANGE[strange])
