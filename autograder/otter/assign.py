"""A master notebook that stock `otter assign` accepts, from the same master and the same checks.

What students are to write stands between Otter's marks, with our stub as its prompt; a test cell holds one function
with all that it needs in its body. Hidden checks ask and compare through `autograder.otter.examine`, with data files
that go into the archive only.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autograder.course.marks import Edit, MasterText
from autograder.course.master import assembled, notebook_document, notebook_text, rule_of_types
from autograder.course.model import Assignment, Check, Question
from autograder.course.otter_tests import test_file
from autograder.errors import CourseError
from autograder.grading.build import public_checks
from autograder.grading.key import AnswerKey, solved_key
from autograder.otter.archive import hidden_data, requirement_files, write_file

#: Folder of the data of hidden checks, beside the master and in Otter's archive.
HIDDEN = "hidden_checks"
_CODE = "# %%"


def build_master(
    assignment: Assignment,
    out: Path,
    *,
    seed: int = 0,
    trust: bool = False,
    requirements: Path | None = None,
    wheel: Path | None = None,
) -> Path:
    """Write the folder in which `otter assign NAME.ipynb dist` makes an assignment of Otter's.

    Args:
        assignment: what is graded.
        out: where the folder is made.
        seed: from which the inputs of hidden checks are drawn.
        trust: let the solution answer even where this machine cannot hold hostile code.
        requirements: further requirements and options of pip.
        wheel: of this package, instead of one that is made of it as it is here.

    Returns:
        Path of the master.

    Raises:
        UsageError: a file cannot be read or written.
        CourseError: the solution does not answer its own checks, or the master has an error.
    """
    key = solved_key(assignment, seed=seed, trust=trust)
    files = {f"{HIDDEN}/{name}.json": data for name, data in hidden_data(key).items()}
    wanted = requirement_files(requirements, wheel, "[otter]")
    (packed,) = (name for name in wanted if name != "requirements.txt")
    # Otter lays files of the archive below this folder.
    wanted["requirements.txt"] = str(wanted["requirements.txt"]).replace(f"./{packed}", f"./files/{packed}")
    extra = [*files, packed]
    master = master_notebook(assignment, key, seed, extra)
    home = out / f"{assignment.name}-master"
    for name, content in {f"{assignment.name}.ipynb": master, **files, **wanted}.items():
        write_file(home / name, content.encode() if isinstance(content, str) else content)
    return home / f"{assignment.name}.ipynb"


def master_notebook(assignment: Assignment, key: AnswerKey, seed: int, files: Sequence[str]) -> str:
    """The text of the master notebook; `files` go into the archive."""
    text = MasterText(assignment)
    keyed = {question.name: question for question in key.questions}

    def around(questions: Sequence[Question]) -> tuple[list[str], list[str]]:
        first, *others = questions
        tests = {
            q.name: list(_test_cells(test_file(q, public_checks(q, keyed[q.name]), _hidden(q), HIDDEN)))
            for q in questions
        }
        after = [*_raw("# END SOLUTION"), *tests[first.name], *_raw("# END QUESTION")]
        for question in others:
            after += [*_begin(question), *tests[question.name], *_raw("# END QUESTION")]
        return [*_begin(first), *_raw("# BEGIN SOLUTION")], after

    whole = assembled(text, _with_otters_marks(text), opening=rule_of_types(), around=around, closing=())
    config: dict[str, Any] = {
        "name": assignment.name,
        "tests": {"files": True, "ok_format": False},
        "generate": {"seed": seed},
        "autograder_files": list(files),
        "requirements": "requirements.txt",
        "export_cell": {"pdf": False},
        "solutions_pdf": False,
        "template_pdf": False,
        "strip_solutions_from_all_cells": True,
    }
    settings = [f"{name}: {json.dumps(value)}" for name, value in config.items()]
    return notebook_text(notebook_document("\n".join([*_raw("# ASSIGNMENT CONFIG", *settings), "", whole])))


def _raw(*lines: str) -> list[str]:
    """A raw cell, with which Otter is told where something begins or ends."""
    return ["# %% [raw]", *(f"# {line}" for line in lines), ""]


def _begin(question: Question) -> list[str]:
    # As in a test file: public checks first, and where there is none a case of no points for the presence of an answer.
    public = [check.hundredths for check in question.checks if check.public] or [0]
    points = [hundredths / 100 for hundredths in (*public, *(check.hundredths for check in _hidden(question)))]
    return _raw("# BEGIN QUESTION", f"name: {question.name}", f"points: {points}")


def _hidden(question: Question) -> list[Check]:
    return [check for check in question.checks if not check.public]


def _with_otters_marks(master: MasterText) -> list[Edit]:
    """What puts each solution between Otter's marks, and our stub behind it as the prompt for students."""
    starts = {region.begin: master.lines[region.begin : region.end - 1] for region in master.regions}
    ends = {line: master.lines[line - 1].rsplit("# SOLUTION", 1)[0].rstrip() for line in master.inline}
    edits = []
    for edit in master.stub_edits():
        if edit.begin in starts:
            solution = starts[edit.begin]
        elif edit.end in ends:
            solution = [*master.lines[edit.begin - 1 : edit.end - 1], ends[edit.end]]
        else:
            edits.append(edit)
            continue
        edits.append(Edit(edit.begin, edit.end, tuple(_block(master, edit, solution))))
    return edits


def _block(master: MasterText, edit: Edit, solution: Sequence[str]) -> Iterator[str]:
    line = next(line for line in edit.lines if line.strip())
    indent = line[: len(line) - len(line.lstrip())]
    quotes = next((q for q in ('"""', "'''") if not any(q in stub for stub in edit.lines)), None)
    if quotes is None:
        raise CourseError(
            f"{master.file}:{edit.begin}: the stub holds both kinds of triple quotes, so it cannot be a prompt of "
            "Otter's. Use one kind in the docstrings of this cell."
        )
    yield from (f"{indent}# BEGIN SOLUTION NO PROMPT", *solution, f"{indent}# END SOLUTION")
    yield from (f"{indent}r{quotes} # BEGIN PROMPT", *edit.lines, f"{indent}{quotes} # END PROMPT")


def _test_cells(text: str) -> Iterator[str]:
    """The cells of a question's tests: each function of its test file, with what it needs in its body."""
    tree = ast.parse(text)
    yield from _raw("# BEGIN TESTS")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            told = {k.arg: ast.literal_eval(k.value) for k in node.decorator_list[0].keywords}  # type: ignore[attr-defined]
            node.decorator_list.clear()
            node.body[:0] = _needed_by(node, tree.body)
            # Otter writes messages between double quotes as they are.
            messages = {
                key: json.dumps(told[key])[1:-1]
                for key in ("success_message", "failure_message")
                if told[key] is not None
            }
            config = {"hidden": told["hidden"]} | messages
            yield from (_CODE, '""" # BEGIN TEST CONFIG')
            # Twice: YAML undoes one, the string that Python reads here the other.
            yield from (f"{key}: {json.dumps(value)}" for key, value in config.items())
            yield from ('""" # END TEST CONFIG', *ast.unparse(node).splitlines(), "")
    yield from _raw("# END TESTS")


def _needed_by(function: ast.FunctionDef, module: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The imports and helpers of a module that a function uses, also by way of other helpers, in their order."""
    defined: dict[str, ast.stmt] = {}
    for node in module:
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            defined[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {alias.asname or alias.name.partition(".")[0]: node for alias in node.names}
    wanted: dict[int, ast.stmt] = {}
    left: list[ast.AST] = [function]
    while left:
        for used in ast.walk(left.pop()):
            found = defined.get(used.id) if isinstance(used, ast.Name) else None
            if found is not None and id(found) not in wanted:
                wanted[id(found)] = found
                left.append(found)
    return [node for node in module if id(node) in wanted]
