"""Public checks at home: the generated files, run by otter itself, with right and with wrong answers."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from autograder.course import otter_tests
from autograder.course.load import assignment_names, load_assignment
from autograder.course.master import solution_cells, stub_cells
from autograder.course.model import Check, Question
from autograder.course.otter_tests import PublicCase, PublicCheck
from autograder.course.probes import Probe, call, call_twice, do, gradient, module, script, steps, value
from autograder.course.values import Code, Generator, TensorValue, Unsupported, tensor
from autograder.errors import CourseError

ROOT = Path(__file__).resolve().parents[2]
otter = pytest.importorskip("otter.test_files", reason="otter-grader is an extra", exc_type=ImportError)


def _check(title: str = "a title", *, public: bool = True, hundredths: int = 100, hint: str = "a hint") -> Check:
    return Check(title, lambda rng: call(), public, hundredths, hint, None, "solutions/hw/checks.py:3")


def _question(name: str = "f") -> Question:
    return Question(name, "np", 600, False, (), (), (), "solutions/hw/checks.py:1")


def _case(probe: Probe, allowed: float = 0.0, **expected: Any) -> PublicCase:
    parts = {key.replace("__", " "): item for key, item in expected.items()}
    return PublicCase(probe, parts, dict.fromkeys(parts, allowed))


def _text(*cases: PublicCase, name: str = "f", **check: Any) -> str:
    return otter_tests.test_file(_question(name), [PublicCheck(_check(**check), cases)])


@pytest.fixture
def results(tmp_path):
    """Runs a test file in otter and returns (passed, message) of each of its checks."""
    from otter.nbmeta_config import NBMetadataConfig

    def run(text: str, names: dict[str, Any]) -> list[tuple[bool, str]]:
        path = tmp_path / "f.py"
        path.write_text(text, encoding="utf-8")
        test = otter.create_test_file(str(path), NBMetadataConfig())
        test.run(names)
        test.summary()
        return [(r.passed, r.message) for r in test.test_case_results]

    return run


X = np.array([[1.0, -2.0], [0.1, 0.0]])
DOUBLE = _case(call(x=X), 1e-12, output=2 * X)
#: Asked twice: both outputs, and the input as it looks after each call.
TWICE = _case(
    call_twice(x=X),
    1e-12,
    **{f"output of call {n}": 2 * X for n in (1, 2)},
    **{f"input x after call {n}": X for n in (1, 2)},
)


class _Subclass(np.ndarray):
    pass


def _writes(x):
    x *= 2
    return x


WRONG = {
    "wrong numbers": (lambda x: 2 * x + 1, "output: 4 of 4 numbers are wrong; at [0, 0] expected 2.0, got 3.0."),
    "one wrong number": (
        lambda x: np.where(x == 0.1, 7.0, 2 * x),
        "output: 1 of 4 numbers are wrong; at [1, 0] expected 0.2, got 7.0.",
    ),
    "nan": (lambda x: 2 * x * np.nan, "expected 2.0, got nan"),
    "wrong shape": (lambda x: 2 * x.ravel(), "output: expected shape (2, 2), got (4,)."),
    "wrong dtype": (lambda x: (2 * x).astype(np.float32), "output: expected float64, got float32."),
    "a list": (lambda x: (2 * x).tolist(), "output: expected a NumPy array, got a list or tuple."),
    "a tensor": (lambda x: torch.tensor(2 * x), "output: expected a NumPy array, got a Tensor."),
    "a subclass of arrays": (lambda x: (2 * x).view(_Subclass), "expected a NumPy array, got a _Subclass."),
    "nothing": (lambda x: None, "output: expected a NumPy array, got None."),
    "a number": (lambda x: 3.0, "output: expected a NumPy array, got a number."),
    "exit": (lambda x: sys.exit(), "Your code calls exit()"),
    "stub": (
        lambda x: (_ for _ in ()).throw(NotImplementedError("f is not written yet")),
        "NotImplementedError: f is not written yet",
    ),
    "other parameters": (lambda y: 2 * y, "unexpected keyword argument 'x"),
    "not there": (None, "f is not defined. Run the cell that defines it."),
    "still open": (..., "f is still `...`."),
}


@pytest.mark.parametrize(("answer", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_function_fails_and_is_told_why(results, answer: Any, message: str):
    ((passed, told),) = results(_text(DOUBLE), {} if answer is None else {"f": answer})
    assert not passed
    assert message in told


@pytest.mark.parametrize("case", [DOUBLE, TWICE], ids=["once", "twice"])
def test_a_right_function_passes(results, case: PublicCase):
    assert results(_text(case), {"f": lambda x: x + x})[0][0]
    assert results(_text(case), {"f": lambda x: 2 * x + 1e-13})[0][0]


def _writes_later():
    """A right function whose second call writes to its input."""
    calls = []

    def double(x):
        calls.append(1)
        result = 2 * x
        if len(calls) == 2:
            x[1] = 5.0
        return result

    return double


def _adds_up():
    """Adds its outputs up over the calls, in an array of its own: the first one was right when it was returned."""
    total = np.zeros_like(X)

    def double(x):
        total[...] += 2 * x
        return total

    return double


def _one_buffer():
    """Right values, in one array for all calls."""
    out = np.empty_like(X)
    return lambda x: np.multiply(x, 2, out=out)


#: Each makes the function, since some of them remember.
WRONG_TWICE = {
    "wrong numbers": (
        lambda: lambda x: 3 * x,
        "output of call 1: 3 of 4 numbers are wrong; at [0, 0] expected 2.0, got 3.0.",
    ),
    "input changed": (
        lambda: _writes,
        "input x after call 1: 3 of 4 numbers are wrong; at [0, 0] expected 1.0, got 2.0. Does your code write",
    ),
    "input changed by the second call": (
        _writes_later,
        "input x after call 2: 2 of 4 numbers are wrong; at [1, 0] expected 0.1, got 5.0. Does your code write",
    ),
    "remembers": (_adds_up, "output of call 2: 3 of 4 numbers are wrong; at [0, 0] expected 2.0, got 4.0."),
    "nothing": (lambda: lambda x: None, "output of call 1: expected a NumPy array, got None."),
}


@pytest.mark.parametrize(("make", "message"), WRONG_TWICE.values(), ids=WRONG_TWICE)
def test_a_function_asked_twice_fails_and_is_told_why(results, make: Any, message: str):
    ((passed, told),) = results(_text(TWICE), {"f": make()})
    assert not passed
    assert message in told


def test_a_function_asked_once_is_not_judged_by_its_inputs(results):
    assert results(_text(DOUBLE), {"f": _writes})[0][0]


def test_one_array_for_all_outputs_is_no_mistake(results):
    assert results(_text(TWICE), {"f": _one_buffer()})[0][0]


def test_inputs_that_stay_are_written_once():
    text = _text(TWICE)
    assert text.count("np.array([[1.0, -2.0]") == 1
    assert all(f"'input x after call {n}': kwargs['x']" in text for n in (1, 2))
    assert "answer = _call(f, args, kwargs, times=2)" in text
    assert "input" not in _text(DOUBLE).split("@test_case")[1]


def test_inputs_are_fresh_for_each_check_and_each_run(results):
    """A check that found its input changed must not hand the changed one to the next."""
    text = otter_tests.test_file(_question(), [PublicCheck(_check(), (TWICE,)), PublicCheck(_check("b"), (DOUBLE,))])
    for _ in range(2):
        assert [passed for passed, _ in results(text, {"f": _writes})] == [False, True]


def test_a_solution_that_changes_its_input_is_taken_at_its_word(results):
    """Where the reference writes to its input, the changed input is what is expected, with a literal of its own."""
    changed = {f"output of call {n}": 2 * X for n in (1, 2)} | {f"input x after call {n}": 2 * X for n in (1, 2)}
    text = _text(_case(call_twice(x=X), 1e-12, **changed))
    assert results(text, {"f": _writes})[0][0]
    assert "input x after call 1: 3 of 4" in results(text, {"f": lambda x: 2 * x})[0][1]


def test_every_case_of_a_check_must_hold(results):
    cases = [_case(call(2.0), output=4.0), _case(call(3.0), output=9.0)]
    assert results(_text(*cases), {"f": lambda x: x * x})[0][0]
    passed, message = results(_text(*cases), {"f": lambda x: x + 2})[0]
    assert not passed
    assert "expected 9.0, got 5.0" in message


ACCEPTED = {
    "float for float": (2.0, 2.0, True),
    "NumPy's float64 for float": (2.0, np.float64(2.0), True),
    "no axes for float": (2.0, np.array(2.0), True),
    "int for float": (2.0, 2, True),
    "float32 for float": (2.0, np.float32(2.0), False),
    "float for float32": (np.float32(2.0), 2.0, True),
    "bool for int": (1, True, False),
    "int for bool": (True, 1, False),
    "NumPy's bool for bool": (True, np.True_, True),
    "float for int": (3, 3.0, False),
    "NumPy's int32 for int": (3, np.int32(3), True),
    "huge int": (10**30, 10**30, True),
    "other huge int": (10**30, 10**30 + 1, False),
    "list for tuple": ((1, 2), [1, 2], True),
    "longer tuple": ((1, 2), (1, 2, 3), False),
    "text": ("b", "b", True),
    "other text": ("b", "a", False),
    "None": (None, None, True),
    "something for None": (None, 0, False),
    "dict": ({"a": 1.0}, {"a": 1.0}, True),
    "dict with another key": ({"a": 1.0}, {"b": 1.0}, False),
    "nan": (np.array([np.nan, np.inf, -np.inf]), np.array([np.nan, np.inf, -np.inf]), True),
    "infinity of the other sign": (np.array([np.inf]), np.array([-np.inf]), False),
    "number for infinity": (np.array([np.inf]), np.array([1e300]), False),
    "empty": (np.zeros((0, 3)), np.zeros((0, 3)), True),
    "empty of another shape": (np.zeros((0, 3)), np.zeros((3, 0)), False),
    "neighbour among large integers": (np.array([2**60]), np.array([2**60 + 1]), False),
    "unsigned integers": (np.array([0], np.uint8), np.array([255], np.uint8), False),
    "complex": (np.array([1 + 2j, complex(np.nan, 1)]), np.array([1 + 2j, complex(np.nan, 1)]), True),
    "bfloat16": (tensor([0.1], "bfloat16"), torch.tensor([0.1], dtype=torch.bfloat16), True),
    "float16 tensor": (tensor([0.1], "float16"), torch.tensor([0.1], dtype=torch.float16), True),
    "float32 tensor for float64": (tensor([0.1], "float64"), torch.tensor([0.1]), False),
    "array for tensor": (tensor([0.1]), np.array([0.1]), False),
    "tensor without axes": (TensorValue(np.array(0.1, "float32"), "float32"), torch.tensor(0.1), True),
    "number for a tensor": (TensorValue(np.array(0.1, "float32"), "float32"), 0.1, False),
    "tracked tensor": (tensor([1.0], "float32"), torch.tensor([1.0], requires_grad=True), True),
    "tensor for parameter": (TensorValue(np.ones(1, "float32"), "float32", kind="Parameter"), torch.ones(1), False),
    "parameter": (
        TensorValue(np.ones(1, "float32"), "float32", "", True, "Parameter"),
        torch.nn.Parameter(torch.ones(1)),
        True,
    ),
}


@pytest.mark.parametrize(("expected", "actual", "right"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_accepted_at_home(results, expected: Any, actual: Any, right: bool):
    ((passed, message),) = results(_text(_case(call(), output=expected)), {"f": lambda: actual})
    assert passed is right, message


def test_what_is_accepted_at_home_is_what_the_grader_accepts():
    compare = pytest.importorskip("autograder.grading.compare").compare
    from autograder.sandbox.live import Converter

    for label, (expected, actual, right) in ACCEPTED.items():
        plain = Converter("cpu").plain(actual)
        assert (compare({"output": expected}, {"output": plain}, {}) is None) is right, label


def test_relative_tolerances_and_those_of_a_container_hold(results):
    case = PublicCase(call(), {"output": [100.0, 1.0]}, {"output": (0.0, 0.1)})
    assert results(_text(case), {"f": lambda: [109.0, 0.95]})[0][0]
    assert not results(_text(case), {"f": lambda: [109.0, 0.85]})[0][0]
    case = PublicCase(call(), {"output": [100.0, 1.0]}, {"output": 1.0, "output[1]": 0.0})
    assert results(_text(case), {"f": lambda: [99.0, 1.0]})[0][0]
    assert not results(_text(case), {"f": lambda: [99.0, 1.5]})[0][0]


EXACT = {
    "float64": np.array([0.1, 1 / 3, -0.0, 5e-324, 1.7976931348623157e308, np.inf]),
    "float32": np.array([0.1, 1 / 3, 16777216, 1e-45, 3.4028235e38], np.float32),
    "float16": np.array([0.1, 65504, 6e-8], np.float16),
    "int64": np.array([[2**63 - 1, -(2**63)]]),
    "uint64": np.array([2**64 - 1], np.uint64),
    "bool": np.array([[True], [False]]),
    "complex64": np.array([0.1 + 2j], np.complex64),
    "three axes": np.arange(24.0).reshape(2, 3, 4) / 7,
}


@pytest.mark.parametrize("array", EXACT.values(), ids=EXACT)
def test_a_literal_gives_back_the_same_bits(array: np.ndarray):
    text = otter_tests._flat_text(otter_tests._literal(array))
    back = eval(text, {"np": np})
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int32", "bool"])
def test_a_tensor_literal_gives_back_the_same_bits(dtype: str):
    rng = np.random.default_rng(0)
    made = tensor(rng.normal(size=(20, 10)) * 3, dtype)
    back = eval(otter_tests._flat_text(otter_tests._literal(made)), {"np": np, "torch": torch})
    raw = back.view(torch.int16).numpy().view(np.uint16) if dtype == "bfloat16" else back.numpy()
    assert raw.tobytes() == made.array.tobytes()


def test_random_float32_literals_give_back_the_same_bits():
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint32)
    array = bits.view(np.float32)
    array = array[np.isfinite(array)]
    back = eval(otter_tests._flat_text(otter_tests._literal(array)), {"np": np})
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize("title", ['it\'s "quoted"', "a \\ backslash", "50 % {braces}", "größer ≥ 0", '"""'])
def test_titles_and_hints_are_escaped(results, tmp_path, title: str):
    text = _text(DOUBLE, title=title, hint=title)
    assert results(text, {"f": lambda x: 2 * x})[0][0]
    names: dict[str, Any] = {}
    exec(text, names)
    assert (names["check_1"].name, names["check_1"].failure_message) == (title, title)


def test_the_file_says_points_and_that_nothing_is_hidden():
    names: dict[str, Any] = {}
    exec(otter_tests.test_file(_question(), [PublicCheck(_check(hundredths=h), (DOUBLE,)) for h in (100, 33)]), names)
    assert (names["OK_FORMAT"], names["name"], names["points"]) == (False, "f", [1, 0.33])
    assert [names[f"check_{n}"].points for n in (1, 2)] == [1, 0.33]
    assert names["check_1"].hidden is False


@pytest.mark.parametrize("name", ["compare", "copy", "name", "points", "check_1", "Any", "answer", "args", "kwargs"])
def test_a_question_may_be_called_as_something_in_the_file(results, name: str):
    text = _text(DOUBLE, DOUBLE, name=name)
    assert results(text, {name: lambda x: 2 * x})[0][0]
    assert not results(text, {name: lambda x: 3 * x})[0][0]


def test_the_file_stands_alone():
    text = _text(DOUBLE)
    imports = re.findall(r"^(?:from|import) (\S+)", text, re.MULTILINE)
    assert set(imports) == {"copy", "typing", "numpy", "otter.test_files"}
    assert "autograder" not in text
    assert max(map(len, text.splitlines())) <= 110


def test_a_hidden_check_is_refused():
    with pytest.raises(CourseError, match="is hidden; only public checks"):
        _text(DOUBLE, public=False)


def test_what_has_no_literal_is_told_with_the_check():
    with pytest.raises(CourseError, match=r"checks.py:3: check 'a title' is public, but .* type Queue"):
        _text(_case(call(), output=Unsupported("Queue")))


def test_a_question_without_public_checks_says_that_its_value_was_not_looked_at(results):
    from otter.test_files import GradingResults

    text = otter_tests.test_file(_question("best"), [])
    assert results(text, {"best": "anything"})[0][0]
    for missing in ({}, {"best": ...}):
        assert not results(text, missing)[0][0]
    assert "checked after you hand in" in text
    assert GradingResults([]).total == 0


def _linear(x, w, b=None):
    return x @ w if b is None else x @ w + b


TENSORS = {"x": tensor([[1.0, 2.0]], "float32"), "w": tensor([[3.0], [4.0]], "float32")}


@pytest.fixture
def asked(public_cases):
    """The test file of one probe, with the answers that a right object gives."""

    def make(right: Any, probe: Probe, allowed: float = 1e-6) -> str:
        check = Check("a title", lambda rng: probe, True, 100, "a hint", None, "checks.py:1")
        question = Question("f", "torch", 100, False, (check,), (), (), "checks.py:1")
        assignment: Any = SimpleNamespace(name="hw")
        return otter_tests.test_file(question, public_cases(assignment, question, {"f": right}, allowed))

    return make


def _scale(x, by, *, shift=0.0):
    return by[0] * x + shift


PARTS = {
    "call": (call(X, [X]), ["output"]),
    "call with a name": (call(X, by=[2.0]), ["output"]),
    "call twice": (
        call_twice(X, by=[X], shift=1.0),
        [
            *("output of call 1", "input 0 after call 1", "input by after call 1"),
            *("output of call 2", "input 0 after call 2", "input by after call 2"),
        ],
    ),
    "call twice without arrays": (call_twice(1.0, [2.0]), ["output of call 1", "output of call 2"]),
    "script": (script("y = f(2.0, [x], shift=1.0)", "y", "y + 1", x=3.0), ["y", "y + 1"]),
    "gradient": (
        gradient(tensor([1.0]), by=[tensor([2.0])], shift=tensor([3.0]), wrt=("0", "shift")),
        ["output", "gradient of 0", "gradient of shift"],
    ),
}


@pytest.mark.parametrize(("probe", "parts"), PARTS.values(), ids=PARTS)
def test_a_file_asks_for_the_parts_that_the_grader_asks_for(public_cases, probe: Probe, parts: list[str]):
    check = Check("a title", lambda rng: probe, True, 100, "", None, "checks.py:1")
    question = Question("f", "torch", 100, False, (check,), (), (), "checks.py:1")
    (public,) = public_cases(SimpleNamespace(name="hw"), question, {"f": _scale})
    assert list(public.cases[0].expected) == parts
    text = otter_tests.test_file(question, [public])
    names: dict[str, Any] = {}
    exec(text, names)
    compared: list[Any] = []
    names["_compare"] = lambda expected, answer, allowed: compared.append((list(expected), list(answer)))
    names["check_1"].test_func(_scale)
    assert compared == [(parts, parts)]


def test_gradients_are_checked(asked, results):
    text = asked(_linear, gradient(**TENSORS, wrt=("x", "w"), cotangent_seed=3))
    assert results(text, {"f": lambda x, w: (x[..., None] * w).sum(-2)})[0][0]
    passed, message = results(text, {"f": lambda x, w: x.detach() @ w})[0]
    assert not passed
    assert "gradient of x: expected a Tensor, got None. Does autograd reach it?" in message
    passed, message = results(text, {"f": lambda x, w: x.detach() @ w + 0 * x.sum()})[0]
    assert "gradient of x: 2 of 2 numbers are wrong" in message


class _Momentum:
    def __init__(self, params, lr=0.1, mu=0.9):
        self.params, self.lr, self.mu = params, lr, mu
        self.velocity = [np.zeros_like(p) for p in params]

    def step(self, grads):
        for p, v, g in zip(self.params, self.velocity, grads, strict=True):
            v *= self.mu
            v += g
            p -= self.lr * v


class _Keeps(_Momentum):
    """Keeps the caller's buffer instead of a copy."""

    def step(self, grads):
        self.kept = [*getattr(self, "kept", []), grads[0]]
        for p in self.params:
            p -= self.lr * sum(self.mu ** (len(self.kept) - 1 - i) * g for i, g in enumerate(self.kept))


def test_steps_are_checked(asked, results):
    first, second = [np.array([1.0, 2.0])], [np.array([-1.0, 0.5])]
    probe = steps(call([np.ones(2)], lr=0.5), do("step", first), do("step", second), watch=("velocity",))
    text = asked(_Momentum, probe)
    assert results(text, {"f": _Momentum})[0][0]
    passed, message = results(text, {"f": lambda params, lr: _Momentum(params, lr, mu=0)})[0]
    assert not passed
    assert "0 after step 2, step()[0]: 2 of 2 numbers are wrong" in message


def test_steps_reuse_buffers(asked, results):
    calls = [do("step", [np.array([float(i), 2.0])]) for i in range(3)]
    reuse, fresh = (asked(_Momentum, steps(call([np.ones(2)]), *calls, reuse_buffers=r)) for r in (True, False))
    assert results(reuse, {"f": _Momentum})[0][0]
    assert results(fresh, {"f": _Keeps})[0][0]
    assert not results(reuse, {"f": _Keeps})[0][0]


def test_several_objects_are_checked(asked, results):
    probe = steps((call([np.ones(2)]), call([np.zeros(2)])), do("step", [np.ones(2)], on=1), watch=("lr",))
    text = asked(_Momentum, probe)
    assert results(text, {"f": _Momentum})[0][0]
    assert "0 of object 2 after step 1, step()" in text


class _Layer(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = torch.nn.Linear(inputs, outputs)

    def forward(self, x):
        return torch.relu(self.linear(x))


class _Swapped(_Layer):
    def forward(self, x):
        return self.linear(torch.relu(x))


class _Renamed(_Layer):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.other = torch.nn.Linear(1, 1)


def test_modules_are_checked(asked, results):
    rng = np.random.default_rng(0)
    state = {"linear.weight": tensor(rng.normal(size=(2, 3)), "float32"), "linear.bias": tensor([1.0, -1.0], "float32")}
    text = asked(_Layer, module(call(3, 2), tensor(rng.normal(size=(4, 3)), "float32"), state=state))
    assert results(text, {"f": _Layer})[0][0]
    assert "output: " in results(text, {"f": _Swapped})[0][1]
    assert "Missing key(s) in state_dict" in results(text, {"f": _Renamed})[0][1]


def test_values_are_checked(asked, results):
    text = asked((3, 4), value())
    assert results(text, {"f": (3, 4)})[0][0]
    assert "value[1]: expected 4, got 5" in results(text, {"f": (3, 5)})[0][1]


class _Counter:
    def __init__(self, start):
        self.count = start

    def up(self, by=1):
        self.count += by
        return self


def test_scripts_are_checked(asked, results):
    probe = script(
        "c = f(start).up()\nfor n in steps:\n    c.up(n)", "c.count", "np.sqrt(c.count)", start=1, steps=[3, 4]
    )
    text = asked(_Counter, probe)
    assert results(text, {"f": _Counter})[0][0]
    passed, message = results(text, {"f": lambda start: _Counter(start + 7)})[0]
    assert not passed
    assert "c.count: expected 9, got 16" in message


def test_a_script_may_use_further_names(public_cases, results):
    probe = script("y = f(g(x))", "y", uses=("g",), x=3)
    check = Check("a title", lambda rng: probe, True, 100, "a hint", None, "checks.py:1")
    question = Question("f", "np", 100, False, (check,), (), (), "checks.py:1")
    names = {"f": lambda x: x + 1, "g": lambda x: 2 * x}
    text = otter_tests.test_file(question, public_cases(SimpleNamespace(name="hw"), question, names))
    assert results(text, names)[0][0]
    assert not results(text, names | {"g": lambda x: 3 * x})[0][0]
    assert "g is still `...`" in results(text, names | {"g": ...})[0][1]


def test_repeated_calls_code_and_generators_reach_the_function(asked, results):
    probe = call_twice(Code("lambda x: 2 * x"), Generator(5), np.ones(3))

    def right(function, rng, x):
        return function(x) + rng.normal(size=3)

    text = asked(right, probe)
    assert results(text, {"f": right})[0][0]
    seen: list[int] = []

    def remembers(function, rng, x):
        seen.append(1)
        return right(function, rng, x) + len(seen) - 1

    assert "output of call 2: 3 of 3 numbers are wrong" in results(text, {"f": remembers})[0][1]

    def writes(function, rng, x):
        result = right(function, rng, x)
        x[:] = 0
        return result

    assert "input 2 after call 1: 3 of 3 numbers are wrong" in results(text, {"f": writes})[0][1]


def test_a_changed_tensor_is_seen(asked, results):
    text = asked(_linear, call_twice(**TENSORS))
    assert results(text, {"f": _linear})[0][0]
    passed, message = results(text, {"f": lambda x, w: x.mul_(1) @ w.mul_(2) / 2})[0]
    assert not passed
    assert "input w after call 1: 2 of 2 numbers are wrong" in message


def test_the_same_arguments_give_the_same_bytes(asked):
    probe = gradient(**TENSORS, wrt=("x", "w"))
    assert asked(_linear, probe) == asked(_linear, probe)


@pytest.mark.parametrize("case", [DOUBLE, TWICE], ids=["once", "twice"])
def test_grader_check_in_a_notebook(tmp_path, monkeypatch, case: PublicCase):
    """The whole way that a student takes: otter.Notebook, grader.check."""
    import otter as otter_package

    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "f.py").write_text(_text(case), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    grader = otter_package.Notebook(tests_dir="tests")
    passed = grader.check("f", global_env={"f": lambda x: 2 * x})
    failed = grader.check("f", global_env={"f": lambda x: 3 * x})
    assert "passed" in repr(passed)
    assert "a hint" in repr(failed)
    assert "numbers are wrong" in repr(failed)


@pytest.mark.parametrize("name", assignment_names(ROOT))
def test_every_assignment_of_the_course(name: str, run_cells, public_cases, results, monkeypatch):
    """The solution passes its public checks at home, and the stub none of them."""
    import matplotlib

    matplotlib.use("agg")
    assignment = load_assignment(ROOT, name)
    solution = run_cells(solution_cells(assignment))
    stub = run_cells(stub_cells(assignment))
    for question in assignment.questions:
        text = otter_tests.test_file(question, public_cases(assignment, question, solution))
        right, wrong = results(text, solution), results(text, stub)
        assert len(right) == max(1, sum(check.public for check in question.checks))
        assert all(passed for passed, _ in right), right
        assert not any(passed for passed, _ in wrong)
