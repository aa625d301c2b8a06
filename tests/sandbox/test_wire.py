"""Only values cross the border, whatever bytes arrive."""

import contextlib
import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.course.probes import Call, Gradient, Result, call, do, gradient, module, put, script, steps, value
from autograder.course.values import Code, Generator, TensorValue, Unsupported, parameter, tensor
from autograder.sandbox import wire

ARRAYS = hnp.arrays(
    dtype=st.sampled_from(sorted(wire.NUMPY_DTYPES)).map(np.dtype),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
TENSORS = st.builds(
    lambda array, device, tracked, kind: TensorValue(array, array.dtype.name, device, tracked, kind),
    hnp.arrays(dtype=st.sampled_from(["float64", "float32", "float16", "int64", "bool"]).map(np.dtype), shape=(2, 3)),
    st.sampled_from(["", "cpu", "cuda:0"]),
    st.booleans(),
    st.sampled_from(["Tensor", "Parameter"]),
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**199), 2**199),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=20),
    ARRAYS,
    ARRAYS.filter(lambda a: a.size > 0).map(lambda a: a.reshape(-1)[0]),
    TENSORS,
    st.builds(Unsupported, st.text(max_size=10), st.text(max_size=10)),
)
KEYS = st.one_of(st.text(max_size=8), st.integers(-9, 9))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
    ),
    max_leaves=12,
)


def same(a, b):
    """Equal in type and content, bit by bit: an oracle that shares nothing with the wire format."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, TensorValue):
        return same(a.array, b.array) and vars(a).keys() == vars(b).keys() and a.dtype == b.dtype and a.kind == b.kind
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    return a == b


@given(VALUES)
def test_every_value_comes_back_bit_by_bit(sent):
    assert same(wire.decode_frame(wire.encode(sent)), sent)


@given(VALUES)
def test_text_form_comes_back_bit_by_bit(sent):
    text = wire.to_text(sent)
    assert text.isascii()
    assert "\n" not in text
    assert same(wire.from_text(text), sent)


@pytest.mark.parametrize(
    "probe",
    [
        call(x=np.ones((2, 3)), axis=0),
        gradient(tensor([1.0]), wrt="0", cotangent_seed=3),
        steps((call([np.ones(2)]), call([np.zeros(2)])), do("step", [np.ones(2)], on=1), watch=("lr",)),
        steps(
            call([parameter([1.0])]),
            put(("groups", 0, "lr"), 0.5),
            do("save"),
            do("load", Result(2)),
            watch_inputs=True,
        ),
        module(call(2, 3), tensor([[1.0, 2.0]]), state={"linear.weight": tensor([[1.0]])}),
        value(),
        script("y = Node(x)", "y.data", uses=("Node",), x=2.0),
        call(f=Code("lambda p: 2 * p"), rng=Generator(3)),
    ],
    ids=lambda probe: type(probe).__name__,
)
def test_probes_travel_to_the_job_and_never_back(probe):
    frame = wire.encode(probe)
    received = wire.decode_frame(frame, records=True)
    assert type(received) is type(probe)
    # The same content encodes to the same bytes.
    assert wire.encode(received) == frame
    with pytest.raises(wire.WireError, match="unknown kind"):
        wire.decode_frame(frame)


def test_arrays_are_copies_in_c_order_that_own_their_memory():
    sent = np.arange(12.0).reshape(3, 4).T[::-1, ::2]
    received = wire.decode_frame(wire.encode(sent))
    np.testing.assert_array_equal(received, sent, strict=True)
    assert received.flags.owndata or received.base.flags.owndata
    received[...] = 0  # writable


def test_big_endian_arrays_keep_their_values():
    sent = np.array([1.5, -2.0], dtype=">f8")
    np.testing.assert_array_equal(wire.decode_frame(wire.encode(sent)), [1.5, -2.0])


@given(VALUES, st.data())
def test_a_frame_with_changed_bytes_is_a_value_or_a_wire_error(sent, data):
    frame = bytearray(wire.encode(sent))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(wire.WireError):  # any other exception fails this test
        wire.decode_frame(bytes(frame))


@given(st.binary(max_size=200))
def test_noise_is_a_wire_error(noise):
    try:
        received = wire.decode_frame(noise)
    except wire.WireError:
        return
    # The one way in is to be a frame.
    assert same(wire.decode_frame(wire.encode(received)), received)


JSON_NODES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["", "dtype", "shape", "items", "name", "content", "text", "parts", "device", "kind"]),
            st.one_of(
                inner, st.sampled_from(["array", "tensor", "dict", "tuple", "record", "float", "float64", "Call"])
            ),
            max_size=5,
        ),
    ),
    max_leaves=15,
)


@given(JSON_NODES, st.binary(max_size=64))
def test_any_json_header_is_a_value_or_a_wire_error(node, payload):
    header = json.dumps(node).encode("ascii")
    for records in (False, True):
        with contextlib.suppress(wire.WireError):
            wire.decode(header, payload, records=records)


def frame_of(header, payload=b"", announced=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return wire.PREFIX.pack(len(header), len(payload) if announced is None else announced) + header + payload


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (b"", "shorter"),
        (wire.PREFIX.pack(2**32 - 1, 0), "above the limit"),
        (wire.PREFIX.pack(2, 2**60), "above the limit"),
        (frame_of(None, b"", announced=5), "were announced"),
        (frame_of(None, b"left over"), "belong to nothing"),
        (frame_of(b"{"), "not JSON"),
        (frame_of(b"\xff"), "not JSON"),
        (frame_of(b"NaN"), "not JSON"),
        (frame_of(b"[" * 100_000 + b"]" * 100_000), "JSON|deep"),
        (frame_of(b"[" * 60 + b"]" * 60), "deep"),
        (frame_of(b"[" + b"0," * 200_001 + b"0]"), "too many parts"),
        (frame_of(b"1" + b"0" * 100), "200 bits"),
        (frame_of(b"1" + b"0" * 5000), "not JSON"),
        (frame_of({"": "nothing"}), "unknown kind"),
        (frame_of({}), "unknown kind"),
        (frame_of({"": "array", "dtype": "object", "shape": []}), "unknown dtype"),
        (frame_of({"": "array", "dtype": "V8", "shape": [1]}, b"x" * 8), "unknown dtype"),
        (frame_of({"": "array", "dtype": "float64", "shape": [2]}, b"x" * 8), "larger than the payload"),
        (frame_of({"": "array", "dtype": "float64", "shape": [-1]}, b"x" * 8), "whole numbers"),
        (frame_of({"": "array", "dtype": "float64", "shape": [True]}, b"x" * 8), "whole numbers"),
        (frame_of({"": "array", "dtype": "float64", "shape": [1.0]}, b"x" * 8), "whole numbers"),
        (frame_of({"": "array", "dtype": "float64", "shape": [2**60, 0]}), "whole numbers"),
        (frame_of({"": "array", "dtype": "float64", "shape": [2**40, 2**40, 0]}), "larger"),
        (frame_of({"": "array", "dtype": "float64", "shape": [0] * 33}), "shape"),
        (frame_of({"": "scalar", "dtype": "float64", "shape": [1]}, b"x" * 8), "no shape"),
        (frame_of({"": "tensor", "dtype": "float64", "shape": [], "kind": "Sub"}, b"x" * 8), "unknown dtype or kind"),
        (frame_of({"": "dict", "items": [[{"": "tuple", "items": []}, 1]]}), "distinct"),
        (frame_of({"": "dict", "items": [["a", 1], ["a", 2]]}), "distinct"),
        (frame_of({"": "float", "text": "1e999"}), "nan and infinities"),
        (frame_of({"": "record", "name": "Call", "content": None}), "unknown kind"),
    ],
)
def test_each_broken_rule_has_its_sentence(frame, complaint):
    with pytest.raises(wire.WireError, match=complaint):
        wire.decode_frame(frame)


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (object(), "object cannot cross"),
        (np.array(["a"]), "cannot cross"),
        (np.zeros(1, dtype=[("a", "f8")]), "cannot cross"),
        (np.ma.masked_all(3), "MaskedArray cannot cross"),
        ({"f": len}, "cannot cross"),
        ("x" * (wire.MAX_TEXT + 1), "above the limit"),
        (2**300, "200 bits"),
    ],
    ids=["object", "strings", "structured", "subclass", "function", "long text", "huge integer"],
)
def test_what_cannot_cross_is_refused_where_it_is_sent(sent, complaint):
    with pytest.raises(wire.WireError, match=complaint):
        wire.encode(sent)


def test_nesting_is_refused_on_both_sides():
    deep: list = []
    for _ in range(wire.MAX_DEPTH + 2):
        deep = [deep]
    with pytest.raises(wire.WireError, match="nested"):
        wire.encode(deep)


def test_a_probe_with_unknown_fields_is_refused():
    node = {"": "record", "name": "Call", "content": {"": "dict", "items": [["nonsense", 1]]}}
    with pytest.raises(wire.WireError, match="do not fit"):
        wire.decode(json.dumps(node).encode(), b"", records=True)


def test_probe_classes_are_the_only_ones_looked_up():
    assert wire.RECORDS["Call"] is Call
    assert wire.RECORDS["Gradient"] is Gradient
    assert "object" not in wire.RECORDS
