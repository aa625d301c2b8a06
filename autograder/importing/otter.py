"""A master notebook of otter-grader, read block by block."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from autograder.errors import UsageError
from autograder.importing.parts import (
    Imported,
    Part,
    Task,
    TestCase,
    Todo,
    left_out,
    no_points,
    number_of,
    shown_solution,
    source_of,
)

_MARK = re.compile(r"#\s*(BEGIN|END|ASSIGNMENT)\s+(QUESTION|SOLUTION|TESTS|PROMPT|CONFIG|PLUGIN)\b", re.IGNORECASE)
_FENCED = re.compile(r"^[ \t]*```otter[ \t]*\n(.*?)^[ \t]*```[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_CONFIG = re.compile(
    r"""r?(?P<q>'''|\"\"\") # BEGIN TEST CONFIG\n(?P<yaml>.*?)\n(?P=q) # END TEST CONFIG\n?""", re.DOTALL
)
_PROMPT = re.compile(
    r"""[ \t]*r?(?P<q>'''|\"\"\")[ \t]*# BEGIN PROMPT\n.*?(?P=q);?[ \t]*# END PROMPT[^\n]*\n?""", re.DOTALL
)
_IGNORED_CELL = re.compile(r"##\s*ignore\s*##|#\s*ignore\b", re.IGNORECASE)
_IGNORED = re.compile(r"[ \t]*# BEGIN IGNORE\n.*?# END IGNORE[^\n]*\n?", re.DOTALL)
_PROMPT_TOLD = "a prompt of its own is replaced by our stub"
#: Settings of a question that have no counterpart here.
_UNKNOWN_SETTINGS = ("manual", "check_cell", "export", "all_or_nothing")


def read_otter(cells: list[dict[str, Any]]) -> Imported:
    """The parts of a master.

    Raises:
        UsageError: a block begins or ends where it cannot.
    """
    found, block = Imported(), ""
    task: Task | None = None
    each: float | None = None
    for number, cell in _unfenced(cells):
        source = source_of(cell)
        mark, settings = _mark_of(cell, source, number)
        if _IGNORED_CELL.match(source):  # Otter gives it to nobody
            continue
        if mark == "ASSIGNMENT CONFIG":
            found.todos.append(
                Todo(
                    number,
                    f"settings of the assignment have no counterpart here: {', '.join(map(str, settings))}",
                    json.dumps(settings, default=str),
                )
            )
        elif mark == "BEGIN QUESTION":
            if task is not None:
                raise UsageError(f"Cell {number}: BEGIN QUESTION before the question of cell {task.cell} ends.")
            worth = settings.get("points")
            each = number_of(worth.get("each", 1)) if isinstance(worth, dict) else None
            task = Task(str(settings.get("name", "")), number, _points(worth))
            found.tasks.append(task)
            if worth is not None and task.points is None and each is None:
                found.todos.append(no_points(number, f"question {task.name}", worth))
            for key in _UNKNOWN_SETTINGS:
                if settings.get(key) not in (None, False):
                    found.todos.append(Todo(number, f"question {task.name}: `{key}` has no counterpart here"))
        elif mark == "END QUESTION":
            if task is not None and each is not None:
                task.points = [each] * len(task.tests)
            task = None
        elif mark.startswith("BEGIN"):
            if block:
                raise UsageError(f"Cell {number}: {mark} inside of {block}. End the first one before.")
            block = mark.removeprefix("BEGIN ")
            if block == "PLUGIN":
                found.todos.append(Todo(number, "a plugin has no counterpart here", source))
        elif mark.startswith("END"):
            if mark.removeprefix("END ") != block:
                raise UsageError(f"Cell {number}: {mark} without its begin.")
            block = ""
        elif block == "TESTS":
            if cell.get("cell_type") == "code" and task is not None:
                task.tests.append(_test(number, source, found))
            elif source.strip():
                found.todos.append(Todo(number, "a cell between tests that is no test of a question", source))
        elif block == "SOLUTION" and cell.get("cell_type") == "markdown":
            found.todos.append(Todo(number, "an answer in words is not graded here", source))
        elif block == "PROMPT":
            found.todos.append(Todo(number, _PROMPT_TOLD, source))
        elif block != "PLUGIN":
            _cell(found, number, cell, source, solution=block == "SOLUTION")
    if block:
        raise UsageError(f"{block} is never ended. Write a cell `# END {block}`.")
    if task is not None:
        raise UsageError(f"The question of cell {task.cell} is never ended. Write a cell `# END QUESTION`.")
    return found


def _unfenced(cells: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Cells with their numbers; a mark that stands in a text, between fences, is a raw cell of its own as in Otter."""
    for number, cell in enumerate(cells, start=1):
        if cell.get("cell_type") != "markdown" or not _FENCED.search(source_of(cell)):
            yield number, cell
            continue
        # Texts and the insides of fences take turns.
        for place, text in enumerate(_FENCED.split(source_of(cell))):
            if text.strip():
                yield number, {**cell, "cell_type": "raw" if place % 2 else "markdown", "source": text.strip("\n")}


def _cell(found: Imported, number: int, cell: dict[str, Any], source: str, *, solution: bool) -> None:
    kind = cell.get("cell_type")
    found.todos += left_out(number, cell)
    if kind == "markdown":
        text = "\n".join(line for line in source.splitlines() if not line.rstrip().endswith("# IGNORE"))
        found.parts.append(Part(number, "markdown", text))
    elif kind == "code":
        text = "\n".join(_without_marks(source, number, found))
        if not solution and "# BEGIN SOLUTION" in text:
            found.todos.append(shown_solution(number, text))
        if text.strip():
            found.parts.append(Part(number, "code", text, solution))


def _without_marks(source: str, number: int, found: Imported) -> Iterator[str]:
    """A cell in our marks: solutions stay, prompts and what is ignored go."""
    if _PROMPT.search(source):
        found.todos.append(Todo(number, _PROMPT_TOLD, _PROMPT.search(source)[0]))  # type: ignore[index]
    for line in _IGNORED.sub("", _PROMPT.sub("", source)).splitlines():
        text = line.rstrip()
        if text.endswith("# IGNORE"):
            continue
        if text.endswith("# SEED"):
            found.todos.append(
                Todo(number, "a line that seeds is kept as it is; checks draw inputs of their own", text)
            )
            yield text.removesuffix("# SEED").rstrip()
            continue
        stripped = text.lstrip()
        indent = text[: len(text) - len(stripped)]
        if stripped in ("# BEGIN SOLUTION", "# BEGIN SOLUTION NO PROMPT"):
            yield f"{indent}# BEGIN SOLUTION"
            continue
        for mark in ("# SOLUTION NO PROMPT", "# SOLUTION", "#SOLUTION"):
            if text.endswith(mark):
                yield from (f"{indent}# BEGIN SOLUTION", text.removesuffix(mark).rstrip(), f"{indent}# END SOLUTION")
                break
        else:
            yield text


def _mark_of(cell: dict[str, Any], source: str, number: int) -> tuple[str, dict[str, Any]]:
    """The mark that a cell is, and its settings; "" for an ordinary cell."""
    if cell.get("cell_type") != "raw":
        return "", {}
    first, _, rest = source.strip().partition("\n")
    match = _MARK.match(first)
    if not match:
        return "", {}
    return f"{match[1]} {match[2]}".upper(), _settings(rest, number)


def _settings(text: str, number: int) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as error:
        raise UsageError(f"Cell {number}: its settings are not YAML ({error}).") from error
    if not isinstance(settings, dict):
        raise UsageError(f"Cell {number}: its settings are not `name: value` lines.")
    return settings


def _points(value: Any) -> float | list[float] | None:
    if isinstance(value, list):
        points = [number_of(p) for p in value]
        return None if None in points else [p for p in points if p is not None]
    return number_of(value)  # None for nothing, or {"each": 1}, which is shared out when the cases are known


def _test(number: int, source: str, found: Imported) -> TestCase:
    settings: dict[str, Any] = {}
    config = _CONFIG.match(source)
    if config:
        settings, source = _settings(config["yaml"], number), source[config.end() :]
    first = source.lstrip().partition("\n")[0]
    hidden = bool(settings.get("hidden", re.match(r"#.*\bhidden\b", first, re.IGNORECASE)))
    hint = str(settings.get("failure_message") or "")
    given = settings.get("points")
    if given is not None and number_of(given) is None:
        found.todos.append(no_points(number, "a test", given))
    return TestCase(number, source, hidden, number_of(given), hint, shown=True)
