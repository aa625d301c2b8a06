"""What does a test file of Otter say, and how is one of its cases run?

Both formats: functions under ``@test_case`` that raise where something is wrong, and doctests (the OK format). This
runs in a job only, where `otter.test_files` is the module made here: what a test file needs of Otter is one decorator.
"""

from __future__ import annotations

import contextlib
import doctest
import inspect
import io
import linecache
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import dedent
from typing import Any, Protocol


class BadTestFile(Exception):
    """A test file that says nothing that can be graded."""


class test_case:  # noqa: N801  # the name that test files import
    """Otter's decorator of a test function; arguments as Otter has them."""

    __test__ = False  # pytest collects classes of this name

    def __init__(
        self,
        name: str | None = None,
        points: float | None = None,
        hidden: bool = False,
        success_message: str | None = None,
        failure_message: str | None = None,
    ) -> None:
        self.name, self.points, self.hidden = name, points, hidden
        self.success_message, self.failure_message = success_message, failure_message
        self.test_func: Callable[..., object] = lambda: None

    def __call__(self, test_func: Callable[..., object]) -> test_case:
        self.test_func = test_func
        return self


class Names(Protocol):
    """The names of a notebook, or what stands in for them."""

    def find(self, name: str) -> Any:
        """The object of this name, None where there is none."""

    def everything(self) -> Any:
        """All names at once, as a dict or what stands in for one."""


@dataclass(frozen=True)
class Case:
    """One test case.

    Attributes:
        points: None until `with_points` has shared out those of the file.
        body: a function, or the text of a doctest.
    """

    name: str
    hidden: bool
    points: float | None
    success_message: str | None
    failure_message: str | None
    body: Callable[..., object] | str

    def whole(self) -> bool:
        """Whether it wants the names of the notebook as a whole."""
        return isinstance(self.body, str) or "env" in inspect.signature(self.body).parameters


@dataclass(frozen=True)
class TestFile:
    """The cases of one question."""

    __test__ = False

    cases: tuple[Case, ...]
    all_or_nothing: bool


def read_test_file(source: str, path: str) -> TestFile:
    """The cases of a test file.

    Raises:
        BadTestFile: it cannot be executed, or it is of neither format; the text says why.
    """
    # For the line that a message quotes.
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    names: dict[str, Any] = {"__name__": "otter_test"}
    try:
        with _decorator_known():
            exec(compile(source, path, "exec"), names)
        if isinstance(names.get("test"), Mapping) and names.get("OK_FORMAT", True):
            return _of_doctests(names["test"])
        if "name" not in names:
            raise BadTestFile("it has neither a dict `test` nor a `name`")
        found = [value for value in names.values() if isinstance(value, test_case)]
        cases = [
            Case(
                t.name or f"{names['name']} - {n}",
                bool(t.hidden),
                t.points,
                t.success_message,
                t.failure_message,
                t.test_func,
            )
            for n, t in enumerate(found, 1)
        ]
        shared = with_points(names.get("points"), cases)
        return TestFile(shared, bool(names.get("all_or_nothing", False)))
    except BadTestFile:
        raise
    except Exception as error:
        raise BadTestFile(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _decorator_known() -> Iterator[None]:
    """Let ``from otter.test_files import test_case`` find the decorator of this module."""
    before = sys.modules.get(_THEIRS)
    sys.modules[_THEIRS] = module = types.ModuleType(_THEIRS)
    module.test_case = test_case  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del sys.modules[_THEIRS]
        if before is not None:
            sys.modules[_THEIRS] = before


_THEIRS = "otter.test_files"


def _of_doctests(spec: Mapping[str, Any]) -> TestFile:
    suites = spec["suites"]
    if len(suites) != 1 or suites[0].get("type", "doctest") != "doctest":
        raise BadTestFile("it has more than one suite, or one that is no doctest")
    if suites[0].get("setup") or suites[0].get("teardown"):
        raise BadTestFile("its suite has a setup or a teardown, which Otter knows nothing of either")
    cases = [
        Case(
            case.get("name") or f"{spec['name']} - {number}",
            bool(case.get("hidden", True)),
            case.get("points"),
            case.get("success_message"),
            case.get("failure_message"),
            dedent(case["code"]),
        )
        for number, case in enumerate(suites[0]["cases"], 1)
    ]
    shared = with_points(spec.get("points"), cases)
    return TestFile(shared, bool(spec.get("all_or_nothing", False)))


def with_points(total: Any, cases: Sequence[Case]) -> tuple[Case, ...]:
    """The cases with their points, as Otter shares out those of a file.

    A list names those of each case. A number is what all are worth: cases without points of their own share what the
    others leave. Without one, cases without points are worth nothing where another has some; where none has, the file
    is worth 1.

    Raises:
        BadTestFile: the points of the cases are more than those of the file, or not as many as cases.
    """
    if isinstance(total, list):
        if len(total) != len(cases):
            raise BadTestFile(f"`points` lists {len(total)} numbers for {len(cases)} cases")
        cases, total = [replace(case, points=points) for case, points in zip(cases, total, strict=True)], None
    given = [case.points for case in cases if case.points is not None]
    if any(type(points) not in (int, float) for points in (*given, *(() if total is None else (total,)))):
        raise BadTestFile("points must be numbers")
    open_cases = len(cases) - len(given)
    if total is None and not any(given):
        total = 1
    share = 0.0
    if total is not None:
        if sum(given) > total:
            raise BadTestFile(f"its cases have {sum(given):g} points, more than the {total:g} of the file")
        share = (total - sum(given)) / open_cases if open_cases else 0.0
    return tuple(case if case.points is not None else replace(case, points=share) for case in cases)


@dataclass(frozen=True)
class Found:
    """How a case ended: whether it holds, and if not, what was said and in which line of the test."""

    passed: bool
    message: str = ""
    line: str = ""


def run_case(case: Case, names: Names, path: str) -> Found:
    """Run one case, whatever it raises."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            if isinstance(case.body, str):
                return _run_doctest(case.body, names)
            arguments = {
                name: names.everything() if name == "env" else names.find(name)
                for name in inspect.signature(case.body).parameters
            }
            case.body(**arguments)
    except BaseException as error:
        told = getattr(error, "told", None)
        text = f"your code raised {told[0]}" if told else f"{type(error).__name__}: {error}".rstrip(": ")
        lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        return Found(False, text, (lines or [""])[-1] or "")
    return Found(True)


def _run_doctest(text: str, names: Names) -> Found:
    """Run examples and compare what they show, word by word."""
    examples = [e for e in doctest.DocTestParser().parse(text) if isinstance(e, doctest.Example)]
    test = doctest.DocTest(examples, names.everything(), "test", None, None, text)
    # DocTest copies the names: what an example defines is seen by the ones after it and by nobody else.
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    result = runner.run(test, out=said.append, clear_globs=False)
    return Found(True) if result.failed == 0 else Found(False, "".join(said).replace("*" * 70, "").strip())
