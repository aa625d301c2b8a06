"""An accelerator is reached by jobs that need it and by no other; what breaks on it costs one question.

No machine of the tests has one, so most of them use a pretended one: the CPU under another name ("cpu:0"), behind the
walls of a job that drives a device. What only a real one can show is in `tests/gpu`.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from contextlib import closing
from textwrap import dedent
from types import SimpleNamespace

import pytest

from autograder.course.probes import Call
from autograder.errors import GraderError, UsageError
from autograder.sandbox import devices, host, job
from autograder.sandbox.conversation import Usage
from autograder.sandbox.devices import Device, Reach
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import Limits, is_device_lost
from autograder.sandbox.sitting import Inquiry, Transcript, sit

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="device files, proc and ioctl are asked for on Linux")

#: A device file that every machine has, and no job of the CPU is given.
DEVICE_FILE = "/dev/full"
PRETENDED = Reach("cpu:0", (DEVICE_FILE,), {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}, proc=True, warnings=("pretended",))
LIMITS = Limits(step_s=2, submission_s=10, memory_mib=256)


# Which devices ----------------------------------------------------------------------------------


@pytest.fixture
def two_gpus(monkeypatch):
    there = (Device("cpu"), Device("cuda:0", "A"), Device("cuda:1", "B"), Device("mps", "untested"))
    monkeypatch.setattr(devices, "found", lambda: there)


CHOICES = {
    "cpu": ("cpu",),
    "cuda": ("cuda:0",),
    "cuda:1": ("cuda:1",),
    "mps": ("mps",),
    "all": ("cpu", "cuda:0"),
}


@pytest.mark.parametrize(("wanted", "names"), CHOICES.items(), ids=CHOICES.keys())
def test_a_choice_stands_for_devices(two_gpus, wanted, names):
    assert devices.chosen(wanted) == names


@pytest.mark.parametrize("wanted", ["cuda:2", "gpu", "", "CUDA", "cuda:"])
def test_a_device_that_is_not_there_is_named_with_those_that_are(two_gpus, wanted):
    with pytest.raises(UsageError) as error:
        devices.chosen(wanted)
    assert repr(wanted) in str(error.value)
    assert "cpu, cuda:0 (A), cuda:1 (B), mps (untested)" in str(error.value)


def test_without_a_gpu_all_is_the_cpu(monkeypatch):
    monkeypatch.setattr(devices, "found", lambda: (Device("cpu"),))
    assert devices.chosen("all") == ("cpu",)


def test_the_cpu_is_chosen_without_asking_torch(monkeypatch):
    monkeypatch.setattr(devices, "found", lambda: pytest.fail("a process was started for nothing"))
    assert devices.chosen("cpu") == ("cpu",)
    assert devices.described(["cpu"]) == "cpu"


@pytest.mark.parametrize("names", [("cpu",), ("cuda:0",), ("cpu", "cuda:1"), ("mps",)])
def test_what_devices_were_can_be_read_from_a_mark(two_gpus, names):
    assert devices.named_in(devices.described(names)) == names


def test_a_title_of_several_parts_is_no_device():
    assert devices.named_in("cpu, cuda:0 (NVIDIA H100, 80GB HBM3)") == ("cpu", "cuda:0")


def test_this_machine_is_asked_in_a_process_of_its_own():
    devices.found.cache_clear()
    assert devices.found()[0] == Device("cpu")
    torch = sys.modules.get("torch")
    assert torch is None or not torch.cuda.is_initialized()


def test_a_torch_that_does_not_start_is_told(monkeypatch):
    devices.found.cache_clear()
    monkeypatch.setattr(devices, "_QUESTION", "raise SystemExit(3)")
    with pytest.raises(UsageError, match="torch does not start"):
        devices.found()
    devices.found.cache_clear()


def test_a_job_sees_the_one_gpu_it_was_given(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert devices.reach("cuda:1").environment["CUDA_VISIBLE_DEVICES"] == "1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-7f3a")  # what torch then calls cuda:1
    reach = devices.reach("cuda:1")
    assert reach.environment["CUDA_VISIBLE_DEVICES"] == "GPU-7f3a"
    assert (reach.local, reach.is_accelerator, len(reach.warnings)) == ("cuda:0", True, 1)


def test_jobs_at_the_same_time_share_the_memory_of_a_gpu():
    assert devices.reach("cuda:0", 4).memory_share == pytest.approx(devices.reach("cuda:0").memory_share / 4)


def test_a_job_of_the_cpu_reaches_nothing():
    assert devices.reach("cpu") == Reach()
    assert not Reach().is_accelerator


def test_a_reach_survives_the_way_to_the_zygote():
    assert Reach.of_document(PRETENDED.to_document()) == PRETENDED


# Behind the walls -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pretended():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "reach", lambda _device, _count=1: PRETENDED)
        made = Sandbox(LIMITS, device="cpu:0", jobs_at_once=1, preload=("numpy",), trust=True)
    with made:
        yield made


Sat = Callable[..., Transcript]


@pytest.fixture
def sat(pretended) -> Sat:
    """Sit on the pretended accelerator."""
    return lambda *cells, ask=(): _sat(pretended, cells, ask)


def _sat(sandbox: Sandbox, cells: tuple[str, ...], ask: tuple[str, ...]) -> Transcript:
    with closing(sandbox.slot()) as slot:
        numbered = [(number, dedent(source).strip()) for number, source in enumerate(cells, 1)]
        return sit(slot, numbered, [Inquiry.of(name, [Call(())]) for name in ask], sandbox.limits)


def answer(transcript: Transcript, name: str) -> object:
    (outcome,) = transcript.answers[name]
    return outcome.parts["output"] if outcome.kind == "answer" else (outcome.kind, outcome.message)


REACHES = """
import errno, fcntl, os, resource
def f():
    found = {}
    try:
        with open("DEVICE_FILE", "r+b", buffering=0) as device:
            try:
                fcntl.ioctl(device, 0xC0DE, 0)
            except OSError as error:
                found["ioctl"] = error.errno
    except OSError as error:
        found["open"] = error.errno
    try:
        with open("/proc/self/comm", "w") as name:
            name.write("renamed")
        found["processes"] = len([entry for entry in os.listdir("/proc") if entry.isdigit()])
    except OSError as error:
        found["proc"] = error.errno
    try:
        open("/etc/passwd").close()
        found["accounts"] = True
    except OSError:
        found["accounts"] = False
    found["room"] = resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    found["sums"] = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    found["cuda"] = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found
""".replace("DEVICE_FILE", DEVICE_FILE)


@linux_only
def test_a_job_with_an_accelerator_commands_its_files_and_sees_its_own_processes(pretended, sat):
    found = answer(sat(REACHES, ask=("f",)), "f")
    assert found["ioctl"] == errno.ENOTTY  # the driver of the file was asked, and knows no such command
    assert found["room"] is True
    assert found["sums"] == ":4096:8"
    if {"read-only-root", "scratch-quota", "pid-namespace"} <= set(pretended.layers):
        assert found["processes"] == 1
        assert found["accounts"] is False


@linux_only
def test_a_job_of_the_cpu_can_do_none_of_that(sandbox):
    found = answer(_sat(sandbox, (REACHES,), ("f",)), "f")
    assert found["room"] is False
    assert (found["sums"], found["cuda"]) == (None, "")
    if {"read-only-root", "landlock"} & set(sandbox.layers):
        assert found["open"] in (errno.ENOENT, errno.EACCES)
    if "read-only-root" in sandbox.layers:
        assert "proc" in found


def test_what_is_weaker_is_told(pretended):
    assert "pretended" in pretended.warnings


def test_one_job_at_a_time(pretended):
    with closing(pretended.slot()) as slot, slot.job(5) as running:
        assert running.accelerator
        assert not pretended.turn.acquire(blocking=False)
    assert pretended.turn.acquire(blocking=False)
    pretended.turn.release()


# What breaks ------------------------------------------------------------------------------------

LOST = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported"
FULL = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.1 GiB"
BREAKS = """
class AcceleratorError(RuntimeError): pass
class OutOfMemoryError(RuntimeError): pass
state = []
def good():
    return len(state)
def bad():
    state.append(1)
    raise {error}({text!r})
"""
FAILURES = {
    "an assertion on the device": ("AcceleratorError", LOST, "died", "accelerator unusable"),
    "an assertion, as older versions say it": ("RuntimeError", LOST, "died", "accelerator unusable"),
    "a library of the device": ("RuntimeError", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "died", "unusable"),
    "no memory": ("OutOfMemoryError", FULL, "limit", "more memory of the accelerator"),
}


@pytest.mark.parametrize(("error", "text", "kind", "words"), FAILURES.values(), ids=FAILURES.keys())
def test_a_lost_device_costs_its_own_question(sat, error, text, kind, words):
    transcript = sat(BREAKS.format(error=error, text=text), ask=("bad", "good"))
    (outcome,) = transcript.answers["bad"]
    assert outcome.kind == kind
    assert words in outcome.message
    assert answer(transcript, "good") == 0  # in a job that has never seen the other one
    assert transcript.jobs == 2


def test_a_cell_that_loses_the_device_is_left_out_of_the_next_job(sat):
    transcript = sat("x = 1\ndef good(): return x", f"raise RuntimeError({LOST!r})", ask=("good",))
    assert answer(transcript, "good") == 1
    assert transcript.jobs == 2
    assert [cell.status for cell in transcript.cells] == ["ok", "error"]
    assert "accelerator unusable" in transcript.cells[1].message


@pytest.mark.parametrize(("error", "text"), [row[:2] for row in FAILURES.values()], ids=FAILURES.keys())
def test_on_the_cpu_these_are_exceptions_like_any_other(sandbox, error, text):
    transcript = _sat(sandbox, (BREAKS.format(error=error, text=text),), ("bad", "good"))
    assert transcript.answers["bad"][0].kind == "raised"
    assert transcript.jobs == 1
    assert answer(transcript, "good") == 1


# Waiting for a device ---------------------------------------------------------------------------


def test_the_context_is_made_before_the_students_time(monkeypatch):
    done = []
    cuda = SimpleNamespace(
        set_per_process_memory_fraction=lambda share: done.append(("share", share)),
        synchronize=lambda: done.append(("wait", None)),
    )
    torch = SimpleNamespace(cuda=cuda, zeros=lambda *shape, device: done.append((device, shape)))
    reach = Reach("cuda:0", memory_share=0.25)
    settle = job.open_device(torch, reach)
    assert done == [("share", 0.25), ("cuda:0", (1,)), ("wait", None)]
    assert settle is not None
    settle()
    assert done[3:] == [("wait", None)]
    assert job.open_device(torch, Reach("cpu:0")) is None
    assert job.open_device(None, reach) is None


def raises(error: BaseException) -> Callable[..., None]:
    def settle(*_: object) -> None:
        raise error

    return settle


@pytest.mark.parametrize(
    "ask",
    [lambda _name, _bench: {"output": 1}, raises(NameError("name 'y' is not defined"))],
    ids=["answers", "raises"],
)
def test_what_fails_after_the_call_is_the_fault_of_this_question(ask):
    settle = raises(RuntimeError(LOST))
    found = job.answer_of(job._settled(ask, settle), "f", SimpleNamespace())
    assert "parts" not in found
    assert found["error"].startswith("RuntimeError: CUDA error")
    assert job._failure(settle)["status"] == "error"
    assert job._failure(lambda: None) == {}


def test_a_device_that_cannot_be_waited_for_is_lost_however_that_is_worded():
    broken = SimpleNamespace(
        cuda=SimpleNamespace(set_per_process_memory_fraction=lambda _share: None, synchronize=lambda: None),
        zeros=lambda *_shape, device: device,
    )
    wait = iter([lambda: None, raises(ValueError("driver shutting down"))])
    broken.cuda.synchronize = lambda: next(wait)()
    settle = job.open_device(broken, Reach("cuda:0"))
    assert settle is not None
    assert is_device_lost("RuntimeError: " + _text_of(settle))


def _text_of(settle: Callable[[], None]) -> str:
    with pytest.raises(RuntimeError) as error:
        settle()
    return str(error.value)


def test_what_a_job_used_before_it_was_ready_is_not_the_students(pretended):
    """The context of a device takes seconds, of which a short limit would be full."""
    with closing(pretended.slot()) as slot, slot.job(5) as running:
        assert running.receive()["is"] == "ready"
        process = running.process
        running.process = SimpleNamespace(usage=lambda: Usage(cpu_s=4.0, memory_bytes=2**40, queued_s=1.0))
        running.begin()
        assert running.spent_s() < 1
        running.process = process


@linux_only
@pytest.mark.parametrize("missing", ["pid-namespace", "scratch-quota"])
def test_where_jobs_can_have_no_proc_of_their_own_none_starts(sandbox, missing):
    if missing not in sandbox.layers or not {"read-only-root", "landlock"} & set(sandbox.layers):
        pytest.skip("this machine lacks the layers that make it one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "reach", lambda _device, _count=1: PRETENDED)
        made = Sandbox(LIMITS, device="cpu:0", preload=("numpy",), trust=True, without={missing})
    with made, closing(made.slot()) as slot, pytest.raises(GraderError, match="a proc of its own"), slot.job(5):
        pass
