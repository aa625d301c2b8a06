"""Objects of one side, used on the other: what is seen is what one process would see, and nothing can be forged."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import pytest

from autograder.otter.existing.known import Foul, StudentExit
from autograder.otter.existing.objects import Exchange
from autograder.otter.existing.stand_in import NotCarried, Remote

torch = pytest.importorskip("torch", reason="the names of a notebook hold tensors")

SOURCE = '''
import numpy as np, random, torch

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
    pass

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
    assert type(raised.value) is Exception
    with pytest.raises(StudentExit):
        get("leave")()
    with pytest.raises(np.linalg.LinAlgError):
        get("fail")(np.linalg.LinAlgError, "singular")


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
    ],
)
@pytest.mark.parametrize("kind", ["Yes", "Sly"])
def test_an_object_that_agrees_with_everything_is_no_number(get, kind, judge):
    with pytest.raises(TypeError):
        judge(get(kind)())


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

    for value in (Config(), Config, object(), np.array(["text"]), np.array([object()])):
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
        said(("tuple", [1])),
        said(("tuple", [("yours", 0), ""])),
        said(("tuple", [("yours", -1), ""])),
        said(("tuple", [("named", "builtins.exec"), ""])),
        said(("tuple", [("library", ["os", "system"]), ""])),
        said(("tuple", [("shared", 7), ""])),
        said(("tuple", [("new", 2, "array", np.ones(2)), ""])),
        said(("tuple", [("new", -3, "array", np.ones(2)), ""])),
        said(("tuple", [("new", 1, "array", [1]), ""])),
        said(("tuple", [("new", 1, "module", 1), ""])),
        said(("tuple", [{"a": 1}, ""])),
        said(("tuple", [1, ""]), [[5, 1]]),
        said(("tuple", [1, ""]), [[0, np.ones(4)]]),
        said(("tuple", [1, ""]), [[0, np.ones(3, np.int8)]]),
        said(("tuple", [1, ""]), [[-1, [1, 2, 3]]]),
        said(("tuple", [("tuple", ["SystemExit"]), 1, 2, 3]), turn="raised"),
    ],
    ids=str,
)
def test_what_was_not_agreed_is_a_foul(message):
    exchange = Exchange(Liar(message), first=0, trusting=False)
    with pytest.raises(Foul):
        exchange.ask("call", exchange.first, np.zeros(3))


@pytest.mark.parametrize("operation", ["getattr", "setattr", "repr", "deepcopy", "vjp", "find", "isinstance"])
def test_the_side_of_the_tests_lets_nothing_be_done_but_calls_of_what_it_handed_over(operation):
    ask = said(("tuple", [operation, True, ("tuple", [("yours", 0), "__globals__"]), ("tuple", [])]), turn="ask")
    liar = Liar(ask, said(("tuple", [1, ""])))
    exchange = Exchange(liar, first=0, trusting=False)
    assert exchange.ask("call", exchange.first, lambda: None) == 1
    assert liar.sent[1]["turn"] == "raised"
    assert "only functions can be used" in str(liar.sent[1])


def test_a_raised_exception_can_be_no_exit_and_no_class_of_the_tests():
    for name in ("builtins.SystemExit", "builtins.KeyboardInterrupt", "builtins.GeneratorExit", "os.PathLike"):
        raised = said(("tuple", [("tuple", [name]), ("tuple", ["x"]), "x", ("tuple", [])]), turn="raised")
        exchange = Exchange(Liar(raised), first=0, trusting=False)
        with pytest.raises(StudentExit):
            exchange.ask("call", exchange.first)


def test_a_stand_in_knows_nothing_of_its_exchange_to_the_student(get):
    value = get("Value")(1.0)
    assert type(value) is Remote
    with pytest.raises(AttributeError):
        value.ask  # noqa: B018  # it raises
