"""Objects of one side, used on the other: what is seen is what one process would see, and nothing can be forged."""

from __future__ import annotations

import copy
import inspect
import random
import types
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import FrozenInstanceError
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autograder.otter.existing.known import Foul
from autograder.otter.existing.objects import Exchange
from autograder.otter.existing.raised import StudentExit
from autograder.otter.existing.stand_in import NotCarried, Remote

torch = pytest.importorskip("torch", reason="the names of a notebook hold tensors")

SOURCE = '''
import collections, numpy as np, random, torch

class Value:
    """A number that remembers."""
    def __init__(self, data):
        self.data, self.grad = data, 0.0
        self.items = [1, 2]
    def __mul__(self, other):
        return Value(self.data * (other.data if isinstance(other, Value) else other))
    __rmul__ = __mul__
    def __eq__(self, other):
        return self.data == other.data
    def __hash__(self):
        return 1
    def __repr__(self):
        return f"<{self.data}>"
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.closed = True

class Box:
    def __len__(self):
        return 3
    def __getitem__(self, at):
        return ("item", at)
    def __setitem__(self, at, value):
        self.last = at, value
    def __iter__(self):
        return iter("abc")

class Masked:
    """Says to be an array."""
    def __array__(self, *args, **options):
        return np.arange(3.0)

class Yes:
    """Agrees with everything."""
    def __eq__(self, other): return True
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __eq__
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
    def __float__(self): return 0.0

class Sly(Yes):
    def __sub__(self, other): return Sly()
    __rsub__ = __sub__

class Pointer:
    __array_interface__ = {"shape": (4,), "typestr": "<f8", "data": (4096, False), "version": 3}

class Own(Exception):
    def __init__(self, words, code=7):
        super().__init__(words)
        self.code = code

class Odd(Own, ValueError):
    limit = 3
    def __str__(self):
        return f"odd {self.code}"

class Stack(list):
    def double(self):
        self.extend(list(self))

class Pair(collections.namedtuple("Pair", "low high")):
    pass

class Vector:
    """Two numbers."""
    def __init__(self, x: int, y=2):
        self.x, self.y = x, y
    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)
    def __len__(self):
        return 2
    def __getitem__(self, at):
        return (self.x, self.y)[at]
    def __round__(self, digits=None):
        return 5

class Silent:
    def __enter__(self): return self
    def __exit__(self, *error): return True

class Two:
    """Says something else each time."""
    said = 10
    def __array__(self, *args, **options):
        self.said = -self.said
        return np.array(float(self.said))

class Net(torch.nn.Module):
    pass

def fill(anything):
    anything.update({"b": 2}) if hasattr(anything, "keys") else anything.add(3)
def push(anything): anything.append(9)
def odd(): raise Odd("words")
def listed(values): return list(values)
def total(values: list): return sum(values)
def counts(): return collections.Counter("aab")
def numbers():
    yield 1
def change(array): array[0] = array[1]

kept = []

def keep(array, times=2):
    kept.append(array)
    array *= times

def again():
    kept[0] += 1

def extend(a_list, a_dict):
    a_list.append(a_list[0])
    a_dict["new"] = a_list

def same(value): return value
def twice(f, x): return f(f(x))
def fail(kind, *words): raise kind(*words)
def own(): raise Own("mine")
def leave(): raise SystemExit(3)
def said(): print("hello")
def sample(source): return source.uniform(0, 1)
def draw(): return np.random.rand(), random.random(), torch.rand(1).item()
def square(x): return x * x
def no_grad(): return torch.is_grad_enabled()
net = torch.nn.Linear(3, 2)
def loss(x): return net(x).sum()
def inner(x):
    (x * x).sum().backward()
class Momentum:
    def __init__(self, params): self.params, self.v = params, [np.zeros_like(p) for p in params]
    def step(self, grads):
        for p, g, v in zip(self.params, grads, self.v):
            v *= 0.5; v += g; p -= v
'''


@pytest.fixture
def names() -> dict[str, Any]:
    defined: dict[str, Any] = {"__name__": "student"}
    exec(SOURCE, defined)
    return defined


@pytest.fixture
def get(meet, names):
    """Names of the notebook, as a test would get them."""
    exchange: Exchange = meet(names)
    return lambda name: exchange.ask("find", exchange.first, name)


#: Further values that are copied.
COPIED = [
    *(2**1000, -(3**700), "ü\ud800" * 100_000, b"\0" * 200_000, Decimal("1.50"), Fraction(-1, 3), date(2020, 2, 29)),
    *(time(1, 2, 3, 4), datetime(2020, 1, 2, 3, 4), timedelta(-1, 2), (2**300, ("a", b"b"))),
    *(np.str_("text"), np.bytes_(b"b"), np.datetime64("2020-01-01"), np.timedelta64(3, "s"), np.longdouble("0.1")),
]


@pytest.mark.parametrize("value", COPIED, ids=lambda value: type(value).__name__)
def test_values_of_the_standard_library_come_back_as_they_are(get, value):
    back = get("same")(value)
    assert type(back) is type(value)
    assert back == value


@pytest.mark.parametrize("view", ["keys", "values", "items"])
def test_views_of_a_dict_come_back_as_they_are(get, view):
    back = get("same")(getattr({"a": 1, "b": 2}, view)())
    assert type(back) is type(getattr({}, view)())
    assert list(back) == list(getattr({"a": 1, "b": 2}, view)())


ARRAYS = [
    *(
        np.array(["b", "ab"]),
        np.array([b"x"]),
        np.array(["2020", "2021"], "datetime64[Y]"),
        np.arange(3.0, dtype=">f8"),
    ),
    *(np.array([[1, None], ["a", (2, 3)]], object), np.zeros((2, 0), "U3"), np.arange(2, dtype=np.longdouble)),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_arrays_of_other_dtypes_are_shared(get, array):
    assert get("same")(array) is array
    back = get("same")((array, 1))[0]
    assert back is array
    if array.ndim == 1 and len(array) > 1:
        get("change")(array)
        assert array[0] == array[1]


def test_an_array_of_the_other_side_keeps_its_dtype(get, names):
    for array in ARRAYS:
        names["kept_array"] = array.copy()
        found = get("kept_array")
        assert type(found) is np.ndarray
        assert (found.dtype, found.tolist()) == (array.dtype, array.tolist())


@pytest.mark.parametrize(
    "container",
    [Counter("aab"), OrderedDict(a=1), defaultdict(list, a=[1]), {1, 2}, {"a": (1, {2})}],
    ids=lambda container: type(container).__name__,
)
def test_containers_are_shared(get, names, container):
    before = copy.deepcopy(container)
    assert get("same")(container) is container
    get("fill")(container)
    names["fill"](before)
    assert container == before
    names["kept_container"] = copy.deepcopy(container)
    found = get("kept_container")
    assert type(found) is type(container)
    assert found == container
    assert getattr(found, "default_factory", list) is list


def test_queues_and_bytes_are_shared(get):
    queue, data = deque([1, 2], maxlen=2), bytearray(b"ab")
    get("push")(queue)
    get("push")(data)
    assert (list(queue), queue.maxlen, data) == ([2, 9], 2, b"ab\t")


def test_long_lists_cross(get):
    for items in (list(range(300_000)), [0.5] * 300_000, [True] * 300_000):
        assert get("total")(items) == sum(items)
    assert get("same")([2**70] * 100 + [1.5]) == [2**70] * 100 + [1.5]


@pytest.mark.parametrize("make", [np.random.RandomState, random.Random], ids=["RandomState", "Random"])
def test_generators_of_random_numbers_are_shared(get, make):
    mine, twin = make(3), make(3)
    assert get("same")(mine) is mine
    assert mine.uniform(0, 1) == twin.uniform(0, 1)
    assert get("sample")(mine) == twin.uniform(0, 1)
    assert mine.uniform(0, 1) == twin.uniform(0, 1)


def test_what_a_test_has_no_more_use_for_is_forgotten(meet, names):
    exchange = meet(names)
    same, kept = exchange.ask("find", exchange.first, "same"), np.ones(2)
    for number in range(300):
        assert same([number, kept])[0] == number
        x = torch.full((2,), 1.0, requires_grad=True)
        square = exchange.ask("find", exchange.first, "square")
        square(2 * x).sum().backward()
        assert x.grad.tolist() == [8, 8]
    assert len(exchange._shared) < 20
    assert same(kept) is kept


PLAIN = [
    *(None, True, 3, -(2**100), 1.5, float("inf"), 2 + 1j, "text", b"bytes", ..., NotImplemented, range(2, 9, 3)),
    *((1, ("a", None)), {1, 2}, frozenset({"x"}), slice(1, None, 2), np.float32(1.5), np.int64(3), np.bool_(True)),
    *(int, np.float32, np.ndarray, np.dtype("int8"), torch.float64, torch.Size([2, 3])),
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_come_back_as_they_are(get, value):
    back = get("same")(value)
    assert type(back) is type(value)
    assert back == value


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool", "complex64"])
def test_an_array_that_comes_back_is_the_one_that_went(get, dtype):
    array = np.ones((2, 3), dtype)
    assert get("same")(array) is array
    assert get("same")([array])[0] is array


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_a_tensor_that_comes_back_is_the_one_that_went(get, dtype):
    tensor = torch.ones(3, dtype=dtype)
    assert get("same")(tensor) is tensor
    parameter = torch.nn.Parameter(torch.ones(2))
    assert get("same")(parameter) is parameter


def test_changes_in_place_are_seen_on_both_sides(get):
    array = np.ones(3)
    get("keep")(array, times=3)
    assert array.tolist() == [3, 3, 3]
    array[0] = 10
    get("again")()
    assert array.tolist() == [11, 4, 4]
    assert get("kept")[0] is array


def test_lists_and_dicts_are_shared(get):
    inner, a_dict = np.zeros(2), {"old": 1}
    a_list = [inner, 2]
    get("extend")(a_list, a_dict)
    assert a_list[2] is inner
    assert a_dict["new"] is a_list
    a_list.append(a_list)  # contains itself
    assert get("same")(a_list) is a_list


def test_an_optimizer_of_the_student_steps_the_tests_parameters(get):
    p, q = np.ones(2), np.ones(3)
    optimizer = get("Momentum")([p, q])
    for _ in range(2):
        optimizer.step([np.ones(2), np.ones(3)])
    # v = 1, then 1.5
    assert p.tolist() == [-1.5, -1.5]
    assert optimizer.v[1].tolist() == [1.5] * 3
    optimizer.v[1][0] = 0
    optimizer.step([np.zeros(2), np.zeros(3)])
    assert q.tolist() == [-1.5, -2.25, -2.25]


def test_objects_of_a_students_class_are_driven_from_here(get):
    value_class = get("Value")
    value = value_class(2.0)
    assert isinstance(value, value_class)
    assert not isinstance(3, value_class)
    assert (value * value).data == 4.0
    assert (3 * value).data == 6.0
    assert (np.float64(3) * value).data == 6.0
    assert (value * np.float64(3)).data == 6.0
    assert value == value_class(2.0)
    assert value != value_class(3.0)
    assert value is not None
    assert value != None  # noqa: E711  # what a test may say
    value.grad = 5.0
    assert value.grad == 5.0
    value.items.append(3)
    assert value.items == [1, 2, 3]
    box = get("Box")()
    box["x"] = 1
    assert (len(box), box[1], list(box), box.last) == (3, ("item", 1), ["a", "b", "c"], ("x", 1))
    assert repr(value) == "<2.0>"
    assert f"{value!s:>6}" == " <2.0>"
    assert {value: 1}[value] == 1
    assert copy.deepcopy(value).data == 2.0
    assert copy.deepcopy(value) is not value
    with value as entered:
        assert entered.data == 2.0
    assert value.closed is True
    del value.closed
    with pytest.raises(AttributeError, match="closed"):
        value.closed  # noqa: B018  # it raises
    assert value_class.__name__ == "Value"


def test_a_test_may_hand_over_a_function(get):
    seen = []
    assert get("twice")(lambda v: (seen.append(v), v + 1)[1], 3) == 5
    assert seen == [3, 4]
    assert get("twice")(np.sqrt, 16.0) == 2.0
    assert get("twice")(get("square"), 3) == 81


def test_exceptions_have_the_nearest_class_that_both_know(get):
    for kind in (ValueError, KeyError, ZeroDivisionError, NotImplementedError, RecursionError):
        with pytest.raises(kind, match="words") as raised:
            get("fail")(kind, "words")
        assert type(raised.value) is kind
        assert "words" in raised.value.told[0]
    with pytest.raises(Exception, match="mine") as raised:
        get("own")()
    assert type(raised.value).__name__ == "Own"
    assert (raised.value.code, raised.value.args) == (7, ("mine",))
    with pytest.raises(StudentExit):
        get("leave")()
    with pytest.raises(np.linalg.LinAlgError):
        get("fail")(np.linalg.LinAlgError, "singular")


def test_an_exception_of_the_students_can_be_caught_by_its_class(get):
    odd = get("Odd")
    with pytest.raises(odd, match=r"^odd 7$"):
        get("odd")()
    with pytest.raises(get("Own")):
        get("odd")()
    assert issubclass(odd, ValueError)
    assert odd.limit == 3
    assert odd("w", code=2).code == 2
    assert isinstance(odd("w"), get("Own"))
    assert get("same")(odd) is odd
    with pytest.raises(odd):
        get("fail")(odd, "words")
    with pytest.raises(FrozenInstanceError):
        get("fail")(FrozenInstanceError, "words")


def test_an_object_is_compared_as_what_its_class_comes_from(get):
    stack = get("Stack")([1, 2])
    assert stack == [1, 2]
    stack.double()
    assert stack == [1, 2, 1, 2]
    assert stack[1:3] == [2, 1]
    assert stack + [5] == [1, 2, 1, 2, 5]  # noqa: RUF005  # what a test may say
    assert isinstance(stack, list)
    pair = get("Pair")(1, 5)
    assert pair == (1, 5)
    assert pair.high == 5
    assert get("counts")() == {"a": 2, "b": 1}


def test_an_object_with_items_has_its_own_arithmetic(get):
    vector = get("Vector")
    assert vector(1) * 2 == vector(2, 4)
    assert 2 * vector(1) == vector(2, 4)
    assert (vector(1) * 2).x == 2
    np.testing.assert_array_equal(vector(1), [1, 2])
    assert round(vector(1)) == 5


def test_an_object_is_itself_and_no_other(get):
    first, second = get("Vector")(1), get("Vector")(1)
    assert get("same")(first) is first
    assert len({id(one) for one in get("same")([first, second, first])}) == 2
    first.next = second
    assert first.next is second


def test_an_object_says_what_it_is(get):
    vector = get("Vector")
    assert vector.__doc__ == "Two numbers."
    assert get("draw").__doc__ is None
    assert get("total").__annotations__ == {"values": "list"}
    assert str(inspect.signature(vector)) == "(x, y=2)"
    assert isinstance(get("Net")(), torch.nn.Module)
    assert isinstance(get("numbers")(), types.GeneratorType)
    assert not isinstance(vector(1), list)
    assert vector(1).__class__.__name__ == "Vector"


def test_an_object_cannot_be_large_now_and_small_then(get):
    two = get("Two")()
    assert (two > 5) is not (two < 5)


def test_a_test_may_hand_over_an_iterator_that_ends(get):
    weights = [torch.ones(2), torch.zeros(1)]
    assert get("listed")(weight for weight in weights)[1] is weights[1]
    assert get("total")(map(abs, [-1, 2])) == 3
    with pytest.raises(NotCarried):
        get("total")(n for n in iter(int, 1))


def test_a_function_of_the_other_side_is_no_mark_of_this_one(get):
    mark = object()
    assert (get("same") == mark) is False
    assert get("same") != mark
    assert np.vectorize(get("square"))(np.array([1, 2])).tolist() == [1, 4]
    with pytest.raises(NotCarried):
        assert get("Yes")() == mark.__class__.__name__


def test_a_test_may_hand_over_what_can_be_called(get):
    assert get("twice")(str.upper, "a") == "A"
    made: dict[str, Any] = {"__name__": "otter_test"}
    exec("class Next:\n    def __call__(self, x): return x + 1", made)
    assert get("twice")(made["Next"](), 1) == 3
    with pytest.raises(NotCarried):
        get("same")(made["Next"])


def test_what_is_printed_is_printed_here(get, capsys):
    get("said")()
    assert capsys.readouterr().out == "hello\n"


def test_random_numbers_are_drawn_from_one_stream(get):
    """In one thread here: both sides of this test share the generators, which hides nothing that counts."""
    np.random.seed(1)
    random.seed(1)
    torch.manual_seed(1)
    expected = (np.random.rand(), random.random(), torch.rand(1).item())
    np.random.seed(1)
    random.seed(1)
    torch.manual_seed(1)
    assert get("draw")() == expected
    generator, twin = np.random.default_rng(5), np.random.default_rng(5)
    back = get("same")(generator)
    assert back is generator
    assert generator.random() == twin.random()


def test_gradients_flow_through_functions_of_the_other_side(get):
    x = torch.arange(1.0, 4.0, requires_grad=True)
    y = get("square")(2 * x)
    (y * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    # d/dx (2x)^2 = 8x
    assert x.grad.tolist() == [8.0, 160.0, 2400.0]
    (grad,) = torch.autograd.grad(get("square")(get("square")(x)).sum(), x)
    assert grad.tolist() == [4.0, 32.0, 108.0]


def test_a_backward_pass_reaches_parameters_of_the_other_side(get, names):
    x = torch.ones(1, 3, requires_grad=True)
    loss = get("loss")(x)
    loss.backward()
    expected = names["net"].weight.detach().sum(0, keepdim=True)
    assert torch.equal(x.grad, expected)
    assert torch.equal(names["net"].weight.grad, torch.ones(2, 3))
    assert torch.equal(get("net").weight.grad, torch.ones(2, 3))


def test_a_backward_pass_of_the_other_side_reaches_leaves_of_this_one(get):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    get("inner")(x)
    assert x.grad.tolist() == [2.0, 4.0]
    get("inner")(x)
    assert x.grad.tolist() == [4.0, 8.0]
    x.grad = None
    get("inner")(x)
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_module_is_called_and_trained_by_its_own_optimizer(get, names):
    net = get("net")
    assert net(torch.zeros(1, 3)).shape == (1, 2)
    with torch.no_grad():
        assert get("no_grad")() is False
        assert not net(torch.zeros(1, 3)).requires_grad
    assert get("no_grad")() is True


YES = "an object of the class (Yes|Sly)"


@pytest.mark.parametrize(
    "judge",
    [
        lambda a: a == 5,
        lambda a: a != 5,
        lambda a: a < 5,
        lambda a: a == np.ones(3),
        lambda a: np.ones(3) == a,
        lambda a: np.float64(5) == a,
        lambda a: abs(a - 5) < 1e-6,
        lambda a: abs(5 - a) < 1e-6,
        lambda a: float(a - 5) == 0,
        lambda a: bool(a - 5),
        lambda a: np.abs(np.ones(3) - a).max() < 1e-6,
        lambda a: np.abs(a - np.ones(3)).max() < 1e-6,
        lambda a: np.testing.assert_allclose(a, 5),
        lambda a: np.allclose(np.asarray(a), 5),
        lambda a: np.isclose(a, 5),
        lambda a: 5 in [a],
        lambda a: 5 in a,
    ],
)
@pytest.mark.parametrize("kind", ["Yes", "Sly"])
def test_an_object_that_agrees_with_everything_is_no_number(get, kind, judge):
    with pytest.raises(TypeError):
        judge(get(kind)())


def test_a_block_that_lets_every_error_pass_lets_no_assertion_pass(get):
    with pytest.raises(AssertionError, match="judged"), get("Silent")():
        raise AssertionError("judged")


def test_an_object_that_says_to_be_an_array_is_compared_as_that_array(get):
    masked = get("Masked")()
    np.testing.assert_allclose(masked, [0, 1, 2])
    assert (masked == np.array([0, 1, 5])).tolist() == [True, True, False]
    assert (masked - 1).tolist() == [-1, 0, 1]
    assert (np.ones(3) - masked).tolist() == [1, 0, -1]


def test_no_pointer_of_the_other_side_is_followed(get):
    pointer = get("Pointer")()
    for name in ("__array_interface__", "__array_struct__", "__dlpack__", "__cuda_array_interface__"):
        assert not hasattr(pointer, name)


def test_what_cannot_be_handed_over_is_refused(get):
    class Config:
        pass

    for value in (Config(), Config, object(), np.array([object()])):
        with pytest.raises(NotCarried):
            get("same")(value)
    with pytest.raises(NotCarried):

        class Derived(get("Value")):
            pass


class Liar:
    """The other side of an exchange, which answers what it likes."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def receive(self) -> Any:
        return self.answers.pop(0) if self.answers else None


def said(body: Any, changes: Any = (), turn: str = "result") -> dict[str, Any]:
    return {"turn": turn, "parts": {"changes": list(changes), "body": body}}


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"turn": "case", "parts": [True, "", ""]},
        {"turn": "result"},
        {"turn": "result", "parts": [1]},
        said(None),
        said(("copy", "tuple", [1])),
        said(("copy", "tuple", [("yours", 0), ""])),
        said(("copy", "tuple", [("yours", -1), ""])),
        said(("copy", "tuple", [("named", "builtins.exec"), ""])),
        said(("copy", "tuple", [("library", ["os", "system"]), ""])),
        said(("copy", "tuple", [("shared", 7), ""])),
        said(("copy", "tuple", [("new", 2, "array", np.ones(2)), ""])),
        said(("copy", "tuple", [("new", -3, "array", np.ones(2)), ""])),
        said(("copy", "tuple", [("new", 1, "array", [1]), ""])),
        said(("copy", "tuple", [("new", 1, "module", 1), ""])),
        said(("copy", "tuple", [{"a": 1}, ""])),
        said(("copy", "tuple", [1, ""]), [[5, 1]]),
        said(("copy", "tuple", [1, ""]), [[0, np.ones(4)]]),
        said(("copy", "tuple", [1, ""]), [[0, np.ones(3, np.int8)]]),
        said(("copy", "tuple", [1, ""]), [[-1, [1, 2, 3]]]),
        said(("copy", "tuple", [1, 2]), turn="raised"),
        said(("error", [["builtins", "ValueError"], [], "x", -1, "x"]), turn="raised"),
        said(("error", [["E", 1, [["builtins", 2]]], [], "x", -1, "x", []]), turn="raised"),
        said(("error", [["E", 1], [], "x", -1, "x", []]), turn="raised"),
        said(("copy", "tuple", [("copy", "system", ["true"]), ""])),
        said(("copy", "tuple", [("copy", "int", ["1"]), ""])),
        said(("copy", "tuple", [("copy", "Fraction", [1, 0]), ""])),
        said(("copy", "tuple", [("raw", ["|O8", [1], np.zeros(8, np.uint8)]), ""])),
        said(("copy", "tuple", [("raw", ["<U2", [2], np.zeros(8, np.uint8)]), ""])),
        said(("copy", "tuple", [("new", 1, "objects", [[2**40], []]), ""])),
        said(("copy", "tuple", [("new", 1, "objects", [[2], [1]]), ""])),
        said(("copy", "tuple", [("new", 1, "defaultdict", [1, []]), ""])),
    ],
    ids=str,
)
def test_what_was_not_agreed_is_a_foul(message):
    exchange = Exchange(Liar(message), first=0, trusting=False)
    with pytest.raises(Foul):
        exchange.ask("call", exchange.first, np.zeros(3))


@pytest.mark.parametrize("operation", ["getattr", "setattr", "repr", "deepcopy", "vjp", "find", "isinstance"])
def test_the_side_of_the_tests_lets_nothing_be_done_but_calls_of_what_it_handed_over(operation):
    operands = ("copy", "tuple", [("yours", 0), "__globals__"])
    ask = said(("copy", "tuple", [operation, True, operands, ("copy", "tuple", [])]), turn="ask")
    liar = Liar(ask, said(("copy", "tuple", [1, ""])))
    exchange = Exchange(liar, first=0, trusting=False)
    assert exchange.ask("call", exchange.first, lambda: None) == 1
    assert liar.sent[1]["turn"] == "raised"
    assert "only functions can be used" in str(liar.sent[1])


def test_a_raised_exception_can_be_no_exit_and_no_class_of_the_tests():
    for name in ("builtins.SystemExit", "builtins.KeyboardInterrupt", "builtins.GeneratorExit", "os.PathLike"):
        raised = said(("error", [name.split("."), ["x"], "x", -1, "x", []]), turn="raised")
        exchange = Exchange(Liar(raised), first=0, trusting=False)
        with pytest.raises(StudentExit):
            exchange.ask("call", exchange.first)


def test_a_stand_in_knows_nothing_of_its_exchange_to_the_student(get):
    value = get("Value")(1.0)
    assert type(value) is Remote
    with pytest.raises(AttributeError):
        value.ask  # noqa: B018  # it raises
