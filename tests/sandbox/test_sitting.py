"""A sitting asks every question once, at the right moment, and a job that dies costs no more than its own question."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from textwrap import dedent

import pytest

from autograder.course.probes import Call, Value, script
from autograder.sandbox.sitting import Inquiry, Transcript, schedule, sit

Sit = Callable[..., Transcript]


def calls(name: str, *arguments: int) -> Inquiry:
    """The inquiry that calls a function once for each argument."""
    return Inquiry.of(name, [Call((argument,)) for argument in arguments])


#: What an assignment's first cell gives to the others.
GRADER = "class grader:\n    check = staticmethod(print)"


def outputs(transcript: Transcript, name: str) -> list[object]:
    """The output of each answer, and the kind of whatever else came back."""
    return [o.parts["output"] if o.kind == "answer" else o.kind for o in transcript.answers[name]]


@pytest.fixture(scope="module")
def slot(sandbox):
    with closing(sandbox.slot()) as made:
        yield made


@pytest.fixture
def sat(sandbox, slot) -> Sit:
    """Sit the exam with these cells, numbered from 1 and behind one that defines the grader."""

    def run(cells: Sequence[str], *inquiries: Inquiry, **limits: float) -> Transcript:
        numbered = [(number, dedent(source).strip()) for number, source in enumerate([GRADER, *cells])]
        transcript = sit(slot, numbered, inquiries, replace(sandbox.limits, **limits))
        return replace(transcript, cells=transcript.cells[1:])

    return run


# When a question is asked ----------------------------------------------------------------------

SCHEDULES = {
    "at its check": (["f", "check f", "x"], ["f | check f -> f", "x"]),
    "at the last of its checks": (["check f", "f", "check f", "x"], ["check f | f | check f -> f", "x"]),
    "at the end without a check": (["f", "x"], ["f | x", "-> f"]),
    "not at a check that is commented out": (["f", "# check f", "x"], ["f | # check f | x", "-> f"]),
    "not at the check of an unknown question": (["check h", "f", "check f"], ["check h | f | check f -> f", ""]),
    "at the end without any cell": ([], ["", "-> f"]),
}


@pytest.mark.parametrize(("cells", "expected"), SCHEDULES.values(), ids=SCHEDULES.keys())
def test_a_question_is_asked(cells, expected):
    sources = [c.replace("check f", 'grader.check("f")').replace("check h", "grader.check( 'h' )") for c in cells]
    plan = schedule(list(enumerate(sources)), [calls("f", 1)])
    shown = []
    for batch, inquiry in plan:
        text = " | ".join(cells[number] for number, _ in batch)
        shown.append(f"{text} -> {inquiry.question}".strip() if inquiry else text)
    assert shown == expected


@pytest.mark.parametrize(
    "cell", ["\n" * 900_000, " " * 900_000, " \n" * 450_000, "#" * 900_000, ".check(" * 120_000, ".check('" * 120_000]
)
def test_no_cell_keeps_the_grader_busy_before_it_runs(cell):
    """The grader itself reads these; whatever grew with the square of their length would take hours."""
    plan = list(schedule([(1, cell), (2, "grader.check('f')")], [calls("f", 1)]))
    assert [inquiry.question for _, inquiry in plan if inquiry is not None] == ["f"]


def test_questions_are_asked_in_the_order_of_the_notebook():
    cells = list(enumerate(['grader.check("b")', 'grader.check("a")']))
    asked = [i.question for _, i in schedule(cells, [calls("a", 1), calls("b", 1), calls("c", 1)]) if i]
    assert asked == ["b", "a", "c"]


CHECKED = ["def f(x):\n    return x + 1", 'grader.check("f")']


def test_a_name_that_is_used_again_later_does_no_harm(sat):
    transcript = sat([*CHECKED, "f = 3", "del f"], calls("f", 1, 2))
    assert outputs(transcript, "f") == [2, 3]
    assert transcript.jobs == 1


def test_a_question_without_a_check_is_asked_after_the_last_cell(sat):
    cells = ["def f(x):\n    return 0", "def g(x):\n    return 0", "def f(x):\n    return x", "step = 2"]
    transcript = sat([*cells, "def g(x):\n    return step * x"], calls("f", 5), calls("g", 5))
    assert (outputs(transcript, "f"), outputs(transcript, "g")) == ([5], [10])


def test_a_cell_that_fails_costs_only_what_it_would_have_defined(sat):
    cells = ["1 / 0\ndef f(x):\n    return x", "def g(x):\n    return x", "def h(x) return x", "raise SystemExit"]
    transcript = sat([*cells, "def k(x):\n    return x"], *(calls(name, 1) for name in "fghk"))
    assert [outputs(transcript, name) for name in "fghk"] == [["missing"], [1], ["missing"], [1]]
    assert [c.status for c in transcript.cells] == ["error", "ok", "error", "error", "ok"]
    assert "ZeroDivisionError" in transcript.cells[0].message
    assert transcript.jobs == 1


def test_what_torch_has_no_kernel_for_is_no_stub(sat):
    transcript = sat(["def f(x):\n    raise NotImplementedError('\"kernel\" not implemented for Long')"], calls("f", 1))
    assert [o.kind for o in transcript.answers["f"]] == ["raised"]


def test_names_and_stubs_that_are_not_written_are_missing(sat):
    cells = ["def f(x):\n    raise NotImplementedError", "value = ...", "def helper(x):\n    return x"]
    transcript = sat(cells, calls("f", 1), Inquiry.of("value", [Value()]), calls("nowhere", 1))
    assert {name: [o.kind for o in outcomes] for name, outcomes in transcript.answers.items()} == {
        "f": ["missing"],
        "value": ["missing"],
        "nowhere": ["missing"],
    }


# When a job dies -------------------------------------------------------------------------------

FINE = """
def {0}(x):
    return x + 1
grader.check("{0}")
"""
FATAL = """
import os
def {0}(x):
    if x >= 2:
        os._exit(7)
    return x + 1
grader.check("{0}")
"""


def test_a_question_that_ends_the_job_costs_only_itself(sat):
    """Answers from before stay, those of the same question too; a fresh job is asked the questions behind it."""
    cells = ["count = 0", FINE.format("a"), FATAL.format("b"), "count += 1", FINE.format("c")]
    transcript = sat(cells, calls("a", 1, 2), calls("b", 1, 2, 3), calls("c", 4), Inquiry.of("count", [Value()]))
    assert outputs(transcript, "a") == [2, 3]
    assert outputs(transcript, "b") == [2, "died", "died"]
    assert outputs(transcript, "c") == [5]
    assert transcript.jobs == 2
    _, killer, rest = transcript.answers["b"]
    assert killer.message == "ended the process (exit code 7) before it had answered"
    assert rest.message.startswith("was not asked, because an earlier check of this question ended the process")
    # Every cell ran once in the job that answered last, and none is blamed.
    assert transcript.answers["count"][0].parts == {"value": 1}
    assert {c.status for c in transcript.cells} == {"ok"}


def test_several_dying_questions_cost_one_job_each(sat):
    names = "abcdef"
    cells = [(FATAL if name in "bde" else FINE).format(name) for name in names]
    transcript = sat(cells, *(calls(name, 2, 3) for name in names))
    assert {name: outputs(transcript, name) for name in names} == {
        name: ["died", "died"] if name in "bde" else [3, 4] for name in names
    }
    assert transcript.jobs == 4


def test_a_cell_that_ended_the_job_is_not_run_again(sat):
    cells = ["a = 1", "before = 1\nimport os\nos._exit(0)", "b = 2", FINE.format("f")]
    names = [Inquiry.of(name, [Value()]) for name in ("a", "before", "b")]
    transcript = sat(cells, calls("f", 1), *names)
    assert transcript.jobs == 2
    assert [transcript.answers[n][0].parts for n in ("a", "b")] == [{"value": 1}, {"value": 2}]
    assert transcript.answers["before"][0].kind == "missing"
    assert outputs(transcript, "f") == [2]
    assert [(c.number, c.status) for c in transcript.cells] == [(1, "ok"), (2, "error"), (3, "ok"), (4, "ok")]
    assert transcript.cells[1].message == "The cell ended the process (exit code 0) before it had answered."


def test_a_cell_that_loops_is_stopped_and_the_others_run(sat):
    transcript = sat(["while True:\n    pass", FINE.format("f")], calls("f", 1))
    assert outputs(transcript, "f") == [2]
    assert (transcript.cells[0].status, transcript.cells[0].message) == ("limit", "The cell ran longer than 1 s.")
    assert transcript.jobs == 2


def test_a_cell_that_sleeps_is_stopped_by_the_wall_clock(sat):
    transcript = sat(["import time\ntime.sleep(1000)", FINE.format("f")], calls("f", 1))
    assert outputs(transcript, "f") == [2]
    assert transcript.cells[0].status == "limit"


def test_a_loop_in_a_function_costs_one_limit_and_not_one_per_check(sat):
    started = time.monotonic()
    loop = "def f(x):\n    while True: pass\ngrader.check('f')"
    transcript = sat([loop, FINE.format("g")], calls("f", *range(40)), calls("g", 1))
    kinds = [o.kind for o in transcript.answers["f"]]
    assert kinds == ["limit"] * 40
    assert transcript.answers["f"][0].message == "ran longer than 1 s"
    assert all(o.message.startswith("was not asked") for o in transcript.answers["f"][1:])
    assert outputs(transcript, "g") == [2]
    assert transcript.jobs == 2
    # Forty limits would be forty CPU seconds at least.
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_questions_that_sleep_leave_the_others_their_time(sat):
    """Each is stopped after two seconds on the clock and costs one of the four that the submission has."""
    cells = ["import time", *(f"def s{i}(x): time.sleep(60)" for i in range(3)), FINE.format("g")]
    transcript = sat(cells, *(calls(f"s{i}", 1) for i in range(3)), calls("g", 1), submission_s=4)
    assert [transcript.answers[f"s{i}"][0].message for i in range(3)] == ["waited, and was not done after 2 s"] * 3
    assert outputs(transcript, "g") == [2]


@pytest.mark.slow
def test_the_budget_of_a_submission_holds_for_all_its_jobs_together(sat):
    """Twenty loops of one second each get two and a half seconds in all; wall clock counts at most twice."""
    names = [f"f{i}" for i in range(20)]
    cells = [f"def {name}(x):\n    while True: pass\ngrader.check('{name}')" for name in names]
    started = time.monotonic()
    inquiries = [calls(name, 1) for name in ("good", *names)]
    transcript = sat([FINE.format("good"), *cells], *inquiries, submission_s=2.5)
    elapsed = time.monotonic() - started
    assert outputs(transcript, "good") == [2]
    assert {o.kind for name in names for o in transcript.answers[name]} == {"limit"}
    assert transcript.answers["f19"][0].message.startswith("was not reached: the 2.5 s of the whole submission")
    assert transcript.jobs <= 4
    assert elapsed < 2 * 2.5 + 10


@pytest.mark.slow
def test_memory_without_end_costs_the_cell_that_takes_it(sat):
    """Also when the cell keeps what it got, which would leave nothing for the cells behind it."""
    hog = "import numpy as np\nkeep = []\nwhile True:\n    keep.append(np.empty(10**5))"
    needs_some = "import numpy as np\ndef f(x):\n    return np.empty(50 * 10**6, 'u1').size + x"
    transcript = sat([hog, needs_some], calls("f", 1))
    assert transcript.cells[0].status in ("limit", "error")
    assert "emory" in transcript.cells[0].message
    assert outputs(transcript, "f") == [50 * 10**6 + 1]


def test_memory_without_end_in_a_function_is_a_limit(sat):
    cells = ["import numpy as np\ndef f(x):\n    return [np.empty(10**6) for _ in range(10**6)]", FINE.format("g")]
    transcript = sat(cells, calls("f", 1, 2), calls("g", 1))
    assert [o.kind for o in transcript.answers["f"]] == ["limit", "limit"]
    assert "memory" in transcript.answers["f"][0].message
    assert outputs(transcript, "g") == [2]


# Ways for a process to end, and to try to end others -------------------------------------------

ENDINGS = {
    "exit code 0": ("os._exit(0)", "ended the process (exit code 0)"),
    "exit code 255": ("os._exit(-1)", "ended the process (exit code 255)"),
    "null pointer": ("ctypes.string_at(0)", "crashed (signal 11, SIGSEGV)"),
    "recursion without a limit": ("sys.setrecursionlimit(10**9); deep = lambda: [deep()]; deep()", "crashed|ended"),
}


@pytest.mark.parametrize(("attack", "reason"), ENDINGS.values(), ids=ENDINGS.keys())
def test_a_process_that_ends_says_how(sat, attack, reason):
    cells = ["import ctypes, os, sys", f"def f(x):\n    {attack}", FINE.format("g")]
    transcript = sat(cells, calls("f", 1, 2), calls("g", 1))
    first = transcript.answers["f"][0]
    assert first.kind in ("died", "limit", "raised")
    if first.kind == "died":
        assert any(part in first.message for part in reason.split("|"))
    assert first.kind == "died" or "|" in reason
    assert outputs(transcript, "g") == [2]


SURVIVED = {
    "exit": "sys.exit(3)",
    "interrupt": "raise KeyboardInterrupt",
    "parent": "os.kill(os.getppid(), 9)",
    "everybody": "os.kill(-1, 9)",
    "fork": "os.fork()",
    "group": "os.killpg(0, 9)",
    "program": "os.execv('/bin/true', ['true'])",
    "shell": "subprocess.run(['true'], check=True)",
    "connection": "socket.create_connection(('127.0.0.1', 22), 1)",
    "file of the grader": f"open({__file__!r}).read()",
    "lone surrogate": r"raise ValueError('\ud800 \x00 \x1b[2J')",
    "exception without text": "raise Silent",
}


@pytest.mark.parametrize("attack", SURVIVED.values(), ids=SURVIVED.keys())
def test_what_the_jail_refuses_is_an_exception_of_the_student(sat, attack):
    silent = "class Silent(Exception):\n    def __str__(self): raise RuntimeError\n    __repr__ = __str__"
    cells = [f"import os, sys, socket, subprocess\n{silent}", f"def f(x):\n    {attack}", FINE.format("g")]
    transcript = sat(cells, calls("f", 1, 2), calls("g", 1))
    assert [o.kind for o in transcript.answers["f"]] == ["raised", "raised"]
    assert outputs(transcript, "g") == [2]
    assert transcript.jobs == 1


@pytest.mark.parametrize("attack", ["os.kill(os.getpid(), signal.SIGSTOP)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_job_cannot_stop_itself_to_wait_for_ever(sat, attack):
    cells = [f"import os, signal\ndef f(x):\n    {attack}\n    return x", FINE.format("g")]
    transcript = sat(cells, calls("f", 1), calls("g", 1))
    # In a pid namespace of its own the signal is ignored; elsewhere it is refused, or the job or the clock ends.
    assert outputs(transcript, "f")[0] in (1, "raised", "died", "limit")
    assert outputs(transcript, "g") == [2]


# A script runs beside student code -------------------------------------------------------------

NODE = """
class Node:
    def __init__(self, data): self.data = data
    def twice(self): return Node(2 * self.data)
"""


def asked_once(sat: Sit, cells: Sequence[str], probe):
    """The parts of the one answer, or the kind and message of what came instead."""
    (outcome,) = sat(cells, Inquiry.of("Node", [probe])).answers["Node"]
    return outcome.parts if outcome.kind == "answer" else (outcome.kind, outcome.message)


def test_a_script_brings_numbers_of_objects_that_cannot_cross(sat):
    probe = script("y = Node(x).twice()", "y.data", "y", x=4)
    parts = asked_once(sat, [NODE], probe)
    assert parts["y.data"] == 8
    assert parts["y"].type_name == "Node"


def test_a_script_names_what_it_uses_and_does_not_find(sat):
    probe = script("y = helper(Node(x))", "y.data", uses=("helper",), x=4)
    assert asked_once(sat, [NODE], probe) == ("raised", "NameError: name 'helper' is not defined")
    assert asked_once(sat, ["helper = 1"], probe)[0] == "missing"
    assert asked_once(sat, [NODE, "helper = Node.twice"], probe) == {"y.data": 8}


def test_a_script_runs_on_the_builtins_from_before_the_notebook(sat):
    patch = (
        "import builtins\nfor name in ('exec', 'eval', 'compile', 'sum', 'range'):\n    setattr(builtins, name, None)"
    )
    probe = script("y = Node(sum(range(x)))", "y.data + sum([1])", x=4)
    assert asked_once(sat, [NODE, patch], probe) == {"y.data + sum([1])": 7}


def test_what_a_script_raises_in_student_code_is_told_with_the_students_line(sat):
    kind, message = asked_once(
        sat, [NODE.replace("2 * self.data", "self.date")], script("y = Node(x).twice()", "y.data", x=4)
    )
    assert kind == "raised"
    assert "AttributeError" in message
    assert "Node(self.date)" in message
