"""Whatever a job sends: what the grader needs for it is bounded by its caps."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

from autograder.course.probes import Call
from autograder.sandbox.host import Sandbox
from autograder.sandbox.limits import MIB, Limits
from autograder.sandbox.sitting import Inquiry, sit

from .test_host import FORGE

LIMITS = Limits(step_s=2, submission_s=30, memory_mib=256, scratch_mib=16, channel_mib=8)
#: The buffer, the frame taken from it, what is made of it, and the answers of the whole sitting; then what Python
#: keeps for itself of memory that was given back, and the header's part.
BOUND_MIB = 5 * LIMITS.channel_mib

#: Bodies of `f(x)`.
FLOODS = {
    "output": "while True: os.write(1, bytes(2**16))",
    "errors": "while True: os.write(2, bytes(2**16))",
    "large answers": "return np.zeros(2**19 - 100)",
    "answers until it ends": "n = getattr(f, 'n', 0); f.n = n + 1; return np.zeros(900_000) if not n else os._exit(0)",
    "lists in lists": "return [[] for _ in range(190_000)]",
    "empty dicts": "return [{} for _ in range(60_000)]",
    "arrays without elements": "return [np.zeros(0)] * 20_000",
    "texts": "return ['x' * 90_000] * 40",
    "header of empty lists": "write(struct.pack('<IQ', 2**22, 0) + b'[' + b'[],' * 1_398_000 + b' ' * 999)",
    "header of small numbers": "write(struct.pack('<IQ', 2**22, 0) + b'[' + b'1,' * (2**21 - 1) + b']')",
    "header of quotes": "write(struct.pack('<IQ', 2**22, 0) + b'[' + b'\"\",' * (2**22 // 3 - 1) + b'0]  ')",
    "payload that never ends": "write(struct.pack('<IQ', 2, 2**23 - 100) + b'{}' + bytes(2**23 - 200)); time.sleep(99)",
    "frames without end": "\n    while True: write(frame({'': 'dict', 'items': []}))",
    "exceptions": "raise ValueError('x' * 10**7)",
}


def resident(field: str) -> int:
    """Resident bytes of this process: now (VmRSS), or the most since `forget_most` (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def forget_most() -> None:
    """Let the kernel count the most from now on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


@pytest.fixture(scope="module")
def slot():
    if sys.platform != "linux":
        pytest.skip("resident memory is read from /proc")
    with Sandbox(LIMITS, preload=("numpy",)) as sandbox, closing(sandbox.slot()) as made:
        yield made


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_takes_no_more_of_the_grader_than_its_caps(slot, name):
    questions = [f"f{i}" for i in range(3)]
    cells = [FORGE + "import numpy as np", "def good(x):\n    return x + 1"]
    cells += [f"def {q}(x):\n    {FLOODS[name].replace('f.n', q + '.n').replace('(f,', f'({q},')}" for q in questions]
    inquiries = [Inquiry.of(q, [Call((1,)), Call((2,))]) for q in questions] + [Inquiry.of("good", [Call((1,))])]
    forget_most()
    before = resident("VmRSS")
    transcript = sit(slot, list(enumerate(cells, start=1)), inquiries, LIMITS)
    grown = resident("VmHWM") - before
    assert grown < BOUND_MIB * MIB, f"{grown / MIB:.0f} MiB"
    # The flood has cost its own questions only.
    assert transcript.answers["good"][0].parts == {"output": 2}, transcript.answers["good"]
    assert len(transcript.answers) == len(inquiries)


def test_answers_of_many_jobs_are_not_kept_without_bound(slot):
    """Each question answers with seven MiB and ends its job, so that no single job sends more than it may."""
    questions = [f"f{i}" for i in range(6)]
    body = "return np.zeros(900_000) if x == 1 else os._exit(0)"
    cells = ["import os\nimport numpy as np", *(f"def {q}(x):\n    {body}" for q in questions)]
    inquiries = [Inquiry.of(q, [Call((1,)), Call((2,))]) for q in questions]
    transcript = sit(slot, list(enumerate(cells, start=1)), inquiries, LIMITS)
    kinds = [transcript.answers[q][0].kind for q in questions]
    assert kinds == ["answer", *["limit"] * 5]
    assert "those to other questions included" in transcript.answers["f1"][0].message
