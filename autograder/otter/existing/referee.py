"""What runs in the job of the tests, and beside the cells of a notebook: three servers that a job hands its channel to.

`names` lends the names of a notebook to the tests of another job; `referee` holds the text of a test file and runs it
on stand-ins; `beside` runs one on the names themselves, in the job of the student's code, which can then forge what it
says. What they answer is data, as everything that a job says.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.otter.existing.objects import Channel, Exchange
from autograder.otter.existing.test_file import BadTestFile, TestFile, read_test_file, run_case

#: Texts of a case are cut to this many characters.
_LONGEST = 4_000


def put_files(channel: Channel, namespace: dict[str, Any], message: Mapping[str, Any]) -> None:
    """Write files into the working directory, where cells find and import them.

    Those of a student take the place of none of the assignment, and one that cannot be written is not there.
    """
    for name, data in message["files"]:
        path = Path(name)
        with contextlib.suppress(*((OSError, ValueError) if message["of_student"] else ())):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb" if message["of_student"] else "wb") as file:
                file.write(data.tobytes())
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    channel.send({"is": "done"})


def names(channel: Channel, namespace: dict[str, Any], message: Mapping[str, Any]) -> None:
    """Lend the names of the notebook until the tests of a question are done."""
    exchange = Exchange(channel, first=1, trusting=True)
    exchange.lend(namespace)
    exchange.serve()


def describe(channel: Channel, namespace: dict[str, Any], message: Mapping[str, Any]) -> None:
    """Say what a test file holds."""
    try:
        found = _read(message)
    except BadTestFile as error:
        channel.send({"is": "file", "parts": {"error": str(error)[:_LONGEST]}})
        return
    cases = [
        [c.name, c.hidden, float(c.points or 0), c.success_message, c.failure_message, c.whole()] for c in found.cases
    ]
    channel.send({"is": "file", "parts": {"cases": cases, "all_or_nothing": found.all_or_nothing}})


def referee(channel: Channel, namespace: dict[str, Any], message: Mapping[str, Any]) -> None:
    """Run a test file on stand-ins for the names of a notebook."""
    exchange = Exchange(channel, first=0, trusting=False)
    _run(channel, message, _StandIns(exchange))


def beside(channel: Channel, namespace: dict[str, Any], message: Mapping[str, Any]) -> None:
    """Run a test file on the names of this job."""
    _run(channel, message, _Own(namespace))


def _run(channel: Channel, message: Mapping[str, Any], found_names: Any) -> None:
    wanted = [case for case in _read(message).cases if message["hidden"] or not case.hidden]
    for number, case in enumerate(wanted):
        if isinstance(found_names, _StandIns) and isinstance(case.body, str):
            found_names.gather(case.body)
        found = run_case(case, found_names, message["path"])
        texts = [found.message[:_LONGEST], found.line[:_LONGEST]]
        channel.send({"turn": "case", "number": number, "parts": [found.passed, *texts]})


def _read(message: Mapping[str, Any]) -> TestFile:
    return read_test_file("".join(message["source"]), message["path"])


class _Own:
    """The names of this very process."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace

    def find(self, name: str) -> Any:
        return self._namespace.get(name)

    def everything(self) -> dict[str, Any]:
        return self._namespace


class _StandIns:
    """Stand-ins for the names of another."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._gathered: dict[str, Any] | None = None

    def find(self, name: str) -> Any:
        return self._exchange.ask("find", self._exchange.first, name)

    def everything(self) -> Any:
        return self._exchange.first if self._gathered is None else self._gathered

    def gather(self, text: str) -> None:
        """For a doctest, whose names have to be in a real dict: those that its text mentions."""
        wanted: dict[str, None] = {}
        for example in doctest.DocTestParser().get_examples(text):
            try:
                tree = ast.parse(example.source)
            except SyntaxError:
                continue
            wanted |= dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
        known = self._exchange.first
        self._gathered = {name: self.find(name) for name in wanted if self._exchange.ask("has", known, name)}
