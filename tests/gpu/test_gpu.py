"""The same checks and verdicts on a GPU as on the CPU, and nothing that breaks there reaches another question."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from autograder import grade, load_assignment
from autograder.course.model import Assignment
from autograder.course.probes import Call, Gradient, call, gradient
from autograder.course.values import TensorValue, tensor
from autograder.grading.validate import validate
from autograder.records.mark import Mark
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Inquiry, Outcome, Transcript, sit

pytestmark = pytest.mark.gpu

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENTS = sorted(path.name for path in (ROOT / "solutions").iterdir() if path.is_dir())
LIMITS = Limits(step_s=20, submission_s=120)


@pytest.fixture(scope="module")
def sandbox(gpu):
    with Sandbox(LIMITS, device=gpu, jobs_at_once=1, trust=True) as made:
        yield made


def answers(sandbox: Sandbox, source: str, **probes: Call | Gradient) -> tuple[Transcript, dict[str, Outcome]]:
    """What each of these names answers to its probe."""
    with closing(sandbox.slot()) as slot:
        inquiries = [Inquiry.of(name, [probe]) for name, probe in probes.items()]
        transcript = sit(slot, [(1, "import torch\n" + source)], inquiries, sandbox.limits)
    assert [cell.message for cell in transcript.cells if cell.status != "ok"] == []
    return transcript, {name: transcript.answers[name][0] for name in probes}


def with_torch(name: str) -> Assignment:
    """An assignment with questions of torch."""
    assignment = load_assignment(ROOT, name)
    if all(question.kind != "torch" for question in assignment.questions):
        pytest.skip(f"{name} has no question of torch")
    return assignment


# The course -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_solution_stub_and_mistakes_are_what_they_are_on_the_cpu(gpu, name):
    proven = validate(with_torch(name), workers=4, device=gpu, trust=True, mutants=False)
    assert [(f.question, f.name, f.breach) for f in proven.breaches] == []


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_example_submissions_get_the_same_verdicts(gpu, name):
    folder = ROOT / "examples" / "submissions" / name
    if not folder.is_dir():
        pytest.skip(f"there are no examples of {name}")
    assignment = with_torch(name)

    def verdicts(*on: str) -> dict[str, list[tuple[str, str]]]:
        run = grade(assignment, [folder], workers=4, devices=on, trust=True, limits=Limits(step_s=5, submission_s=30))
        return {mark.file: _verdicts(mark) for mark in run.marks}

    assert verdicts(gpu) == verdicts("cpu")


def _verdicts(mark: Mark) -> list[tuple[str, str]]:
    return [(f"{q.name}: {c.title}", c.verdict) for q in mark.questions for c in q.checks]


# Where answers live -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_outputs_and_gradients_come_back_on_the_device_in_their_dtype(sandbox, dtype):
    x = tensor([[1.0, 2.0, 3.0], [0.5, 0.25, -1.0]], dtype)
    _, found = answers(sandbox, "def f(x): return torch.softmax(x, -1)", f=gradient(x=x))
    tensors = [part for part in found["f"].parts.values() if isinstance(part, TensorValue)]
    assert tensors
    assert {(value.device, value.dtype) for value in tensors} == {("cuda:0", dtype)}


def test_an_answer_on_the_cpu_says_so(sandbox):
    _, found = answers(sandbox, "def f(x): return (2 * x).cpu()", f=call(x=tensor([1.0, 2.0])))
    assert found["f"].parts["output"].device == "cpu"


def test_the_same_numbers_every_time_and_full_precision(sandbox):
    source = "def f(x): return x @ x\ndef modes(): return torch.backends.cuda.matmul.allow_tf32"
    x = tensor([[1.0 + 2**-12, 1.0], [1.0, 1.0 - 2**-12]], "float32")
    first = answers(sandbox, source, f=call(x=x), modes=Call(()))[1]
    second = answers(sandbox, source, f=call(x=x), modes=Call(()))[1]
    assert first["modes"].parts["output"] is False
    assert first["f"].parts["output"].array.tobytes() == second["f"].parts["output"].array.tobytes()


# What breaks ------------------------------------------------------------------------------------

BREAKS = {
    "an assertion on the device": ("torch.zeros(3, device=x.device)[torch.tensor([7], device=x.device)]", "died"),
    "no memory": ("torch.zeros(2**42, dtype=torch.uint8, device=x.device)", "limit"),
}


@pytest.mark.parametrize(("body", "kind"), BREAKS.values(), ids=BREAKS.keys())
def test_it_costs_its_own_question(sandbox, body, kind):
    source = f"def bad(x): return {body}\ndef good(x): return 2 * x"
    x = tensor([1.0, 2.0])
    _, found = answers(sandbox, source, bad=call(x=x), good=call(x=x))
    assert found["bad"].kind == kind
    assert found["good"].parts["output"].array.tolist() == [2.0, 4.0]


def test_the_next_submission_is_unharmed(sandbox):
    x = tensor([1.0, 2.0])
    answers(sandbox, "def bad(x): return torch.zeros(3).to(x.device)[(x * 1e6).long()]", bad=call(x=x))
    transcript, found = answers(sandbox, "def good(x): return 2 * x", good=call(x=x))
    assert transcript.jobs == 1
    assert found["good"].parts["output"].array.tolist() == [2.0, 4.0]


def test_memory_comes_back(sandbox):
    """Ten jobs, each of which takes more than a tenth of what a job may take."""
    source = (
        "def f(x):\n"
        "    free, total = torch.cuda.mem_get_info()\n"
        "    torch.empty(int(total * 0.3), dtype=torch.uint8, device=x.device)\n"
        "    return 1"
    )
    for _ in range(10):
        assert answers(sandbox, source, f=call(x=tensor([1.0])))[1]["f"].parts["output"] == 1


# The walls --------------------------------------------------------------------------------------

LOOKS = """
import os
def f(x):
    found = {"device": str(x.device), "count": torch.cuda.device_count()}
    for name, path in (("accounts", "/etc/passwd"), ("course", COURSE)):
        try:
            os.stat(path)
            found[name] = True
        except OSError:
            found[name] = False
    try:
        os.fork()
        found["fork"] = True
    except OSError:
        found["fork"] = False
    return found
"""


def test_a_job_on_a_gpu_is_in_a_jail_all_the_same(sandbox):
    source = LOOKS.replace("COURSE", json.dumps(str(ROOT / "solutions")))
    found = answers(sandbox, source, f=call(x=tensor([1.0])))[1]["f"].parts["output"]
    assert (found["device"], found["count"]) == ("cuda:0", 1)
    if "read-only-root" in sandbox.layers:
        assert (found["accounts"], found["course"]) == (False, False)
    if "seccomp" in sandbox.layers:
        assert found["fork"] is False


def test_the_grader_itself_has_touched_no_device():
    opened = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink() and fd.exists()]
    assert [path for path in opened if path.startswith("/dev/nvidia")] == []
