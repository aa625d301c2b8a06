"""Strategies for everything that can be part of an answer."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.course.values import TORCH_DTYPES, TensorValue, Unsupported

NUMPY_DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
TYPE_NAMES = ["generator", "coroutine", "function", "Tensor", "ndarray", "numpy.ma.MaskedArray", "Evil\x1b"]


def arrays(dtypes=NUMPY_DTYPES, shapes=SHAPES):
    """Arrays of any number dtype, with nan, infinities and extreme values."""
    return st.sampled_from(dtypes).flatmap(lambda dtype: hnp.arrays(dtype, shapes))


def _tensors(dtype):
    return st.builds(
        TensorValue,
        hnp.arrays(TORCH_DTYPES[dtype], SHAPES),
        st.just(dtype),
        st.sampled_from(["", "cpu", "cuda:0"]),
        st.booleans(),
        st.sampled_from(["Tensor", "Parameter"]),
    )


tensors = st.sampled_from(sorted(TORCH_DTYPES)).flatmap(_tensors)
any_text = st.text(st.characters(exclude_categories=()), max_size=8)
comparable_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(),
    st.sampled_from([2**64, -(2**200), 10**400]),
    st.floats(),
    st.complex_numbers(),
    any_text,
    arrays(),
    arrays(shapes=st.just(())).map(lambda array: array[()]),
    tensors,
)
leaves = comparable_leaves | st.builds(Unsupported, st.sampled_from(TYPE_NAMES), any_text)
keys = st.one_of(st.integers(-3, 3), any_text, st.floats(), st.booleans())


def nested(leaf):
    """Lists, tuples and dicts of these leaves."""
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=4).map(tuple),
            st.lists(st.floats(), max_size=6),
            st.dictionaries(keys, inner, max_size=3),
        ),
        max_leaves=8,
    )


comparable = nested(comparable_leaves)
anything = nested(leaves)
part_names = st.sampled_from(["output", "input x after call 1", "gradient of x", "attribute v after step 1, step()"])
parts = st.dictionaries(part_names, anything, max_size=3)
