"""Between two jobs: the tests of a question in one, the notebook in the other.

Each message of the one is read, checked and passed on to the other; only here is it known which is which. The job of
the tests holds no student code, so that what it says of a case counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograder.errors import GraderError
from autograder.messages import say
from autograder.sandbox import wire
from autograder.sandbox.conversation import Job, JobEnded
from autograder.sandbox.host import Slot
from autograder.sandbox.limits import Limits
from autograder.sandbox.sitting import Outcome

_SERVERS = "autograder.otter.existing.referee"
#: What either side may say to the other; "case" is said to the grader.
_TURNS = frozenset({"ask", "result", "raised"})
_DONE = wire.encode({"turn": "done"})
_NAMES = wire.encode({"do": "hand over", "to": [_SERVERS, "names"]})


@dataclass(frozen=True)
class KnownCase:
    """What is known of a test case before anybody is graded; see `autograder.otter.existing.test_file.Case`."""

    name: str
    hidden: bool
    points: float
    success_message: str | None
    failure_message: str | None


@dataclass(frozen=True)
class Question:
    """A test file.

    Attributes:
        name: by which check cells call it.
        whole: whether a case wants the names of the notebook as a whole.
        hidden: whether its hidden cases are run.
    """

    name: str
    source: str
    cases: tuple[KnownCase, ...]
    all_or_nothing: bool
    whole: bool
    hidden: bool = True

    def frame(self, server: str) -> bytes:
        """The message that hands a job over to one of the servers of `autograder.otter.existing.referee`."""
        return _test_frame(server, self.name, self.source, self.hidden)

    def public(self) -> Question:
        """The same question without its hidden cases."""
        return replace(self, cases=tuple(case for case in self.cases if not case.hidden), hidden=False)


def _test_frame(server: str, name: str, source: str, hidden: bool = True) -> bytes:
    pieces = [source[at : at + wire.MAX_TEXT] for at in range(0, len(source), wire.MAX_TEXT)]
    told = {"path": f"tests/{name}.py", "source": pieces, "hidden": hidden}
    return wire.encode({"do": "hand over", "to": [_SERVERS, server], **told})


def files_frame(files: Mapping[str, bytes], *, of_student: bool = False) -> bytes:
    """The message that lets a job write the support files, or those that a student handed in."""
    arrays = [[name, np.frombuffer(data, np.uint8)] for name, data in files.items()]
    return wire.encode({"do": "hand over", "to": [_SERVERS, "put_files"], "files": arrays, "of_student": of_student})


class Courtroom:
    """Where the tests of one submission run: a job of a slot of its own, replaced when it is lost.

    Args:
        slot: of these jobs.
        files: the message that writes the support files.
        limits: of a submission; the tests have as much time again.
    """

    def __init__(self, slot: Slot, files: bytes, limits: Limits) -> None:
        self._slot, self._files, self._budget_s = slot, files, limits.submission_s
        self._stack = ExitStack()
        self._job: Job | None = None

    def __enter__(self) -> Courtroom:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def job(self) -> Job:
        """The job of the tests, a new one where there is none.

        Raises:
            GraderError: it does not start.
        """
        if self._job is None:
            job = self._stack.enter_context(self._slot.job(self._budget_s))
            job.begin_step("start")
            try:
                job.receive()
                put_files(job, [self._files])
            except JobEnded as end:
                self.clear()
                raise GraderError(f"the job of the tests could not start: it {end.message}") from end
            self._job = job
        return self._job

    def clear(self) -> None:
        """End the job."""
        self._job = None
        self._stack.close()
        self._stack = ExitStack()

    def describe(self, name: str, source: str) -> Question | str:
        """What a test file holds, or why it cannot be used."""
        job = self.job()
        try:
            job.begin_step("question")
            job.send(_test_frame("describe", name, source))
            parts = job.receive()["parts"]
        except JobEnded as end:
            self.clear()
            return f"its job {end.message}"
        if "error" in parts:
            return str(parts["error"])
        cases = tuple(KnownCase(*case[:-1]) for case in parts["cases"])
        whole = any(case[-1] for case in parts["cases"])
        return Question(name, source, cases, bool(parts["all_or_nothing"]), whole)


def put_files(job: Job, frames: Sequence[bytes]) -> None:
    """Let a job write files before anything else runs in it."""
    for frame in frames:
        job.begin_step("cell")
        job.send(frame)
        if job.receive().get("is") != "done":
            raise JobEnded("broken", "could not write the support files")


@dataclass(frozen=True)
class _OfTestFile:
    """A test file as it is put to a notebook's job; see `autograder.sandbox.sitting.Asks`."""

    asked: Question

    @property
    def question(self) -> str:
        """The name that check cells call it by."""
        return self.asked.name

    @property
    def count(self) -> int:
        """The number of its test cases."""
        return len(self.asked.cases)


@dataclass(frozen=True)
class Apart(_OfTestFile):
    """A question whose tests run in a job of their own, on stand-ins for what the notebook defines."""

    room: Courtroom

    def put(self, job: Job) -> Iterator[Outcome]:
        """Let the tests run, and pass on what they ask of the notebook and what it answers."""
        done = 0
        whole = False
        try:
            job.send(_NAMES)
            tests = _Tests(self.room.job())
            tests.begin(self.asked.frame("referee"))
            while done < self.count:
                message = tests.receive()
                if message.get("turn") == "case":
                    yield case_outcome(message, done)
                    done += 1
                    continue
                job.send(_passed_on(message))
                reply = job.receive()
                if reply.get("turn") not in _TURNS:
                    raise JobEnded("died", say("ended.out_of_turn"))
                tests.send(_passed_on(reply))
            whole = True
        except _TestsEnded as end:
            # What the notebook answered may have brought it about, so this is no fault of ours.
            kind: Any = "limit" if end.limit else "died"
            for _ in range(self.count - done):
                yield Outcome(kind, message=f"had its test ended: the test's job {end}")
        finally:
            if not whole:
                self.room.clear()
        job.send(_DONE)


class _TestsEnded(Exception):
    """The job of the tests is gone, or said something that was not expected."""

    def __init__(self, end: JobEnded) -> None:
        super().__init__(end.message)
        self.limit = end.kind == "limit"


class _Tests:
    """The job of the tests; its end is told apart from that of the notebook's job.

    Both have the time of one question, so that a test that goes on and on asking costs no more than that.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def begin(self, frame: bytes) -> None:
        self._job.begin_step("question")
        self.send(frame)

    def send(self, frame: bytes) -> None:
        try:
            self._job.send(frame)
        except JobEnded as end:
            raise _TestsEnded(end) from end

    def receive(self) -> dict[Any, Any]:
        try:
            message = self._job.receive()
        except JobEnded as end:
            raise _TestsEnded(end) from end
        if message.get("turn") not in (*_TURNS, "case"):
            raise _TestsEnded(JobEnded("died", say("ended.out_of_turn")))
        return message


@dataclass(frozen=True)
class Beside(_OfTestFile):
    """A question whose tests run in the notebook's own job."""

    def put(self, job: Job) -> Iterator[Outcome]:
        """Let the tests run there, and read what is said of each case."""
        job.send(self.asked.frame("beside"))
        for number in range(self.count):
            yield case_outcome(job.receive(), number)


def case_outcome(message: Mapping[Any, Any], number: int) -> Outcome:
    """How one test case ended.

    Raises:
        JobEnded: this is not said of the case of this number.
    """
    parts = message.get("parts")
    if message.get("turn") != "case" or message.get("number") != number or not isinstance(parts, Sequence):
        raise JobEnded("died", say("ended.out_of_turn"))
    if len(parts) != 3 or type(parts[0]) is not bool or not all(isinstance(text, str) for text in parts[1:]):
        raise JobEnded("died", say("ended.out_of_turn"))
    passed, text, line = parts
    return Outcome("answer", {"passed": passed, "text": text, "line": line})


def _passed_on(message: Mapping[Any, Any]) -> bytes:
    return wire.encode({"turn": message["turn"], "parts": message.get("parts")})
