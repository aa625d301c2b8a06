"""What the documents show is what happens."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autograder

ROOT = Path(__file__).resolve().parents[1]
#: Modules that do something when they are imported, by Python's ``-m`` and by Alembic.
_RUN_BY_OTHERS = ("__main__", "migrations.env")
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(autograder.__path__, "autograder.") if not m.name.endswith(_RUN_BY_OTHERS)
)


def run_readme_command(command: str) -> str:
    words = command.split()
    assert words[0] == "autograder"
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


def shown_outputs() -> list[tuple[str, str]]:
    """Commands of the README whose output stands below them."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"<!-- output: .*? -->\n```console\n\$ (.*?)\n(.*?)```", text, re.DOTALL)
    return [(command, output.rstrip()) for command, output in blocks]


def test_the_readme_shows_the_output_of_a_command():
    assert shown_outputs()
    for command, output in shown_outputs():
        assert run_readme_command(command) == output


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_right(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_there_are_examples_in_docstrings():
    finder = doctest.DocTestFinder()
    assert any(example.examples for name in MODULES for example in finder.find(importlib.import_module(name)))


@pytest.mark.parametrize("name", MODULES)
def test_modules_classes_and_public_functions_have_docstrings(name):
    path = Path(importlib.import_module(name).__file__ or "")
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{path}: the module has none"
    bare = [
        f"{node.name} (line {node.lineno})"
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert bare == []


def test_public_names_exist_and_are_documented():
    for name in autograder.__all__:
        assert (getattr(autograder, name).__doc__ or "").strip(), name
    assert sorted(autograder.__all__) == autograder.__all__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        autograder.nonsense  # noqa: B018  # the access is what is tested


def test_commands_in_the_documents_exist():
    from autograder.cli import app

    known = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    known |= {str(group.name) for group in app.registered_groups}
    for document in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        named = set(re.findall(r"`autograder ([a-z]+)", (ROOT / document).read_text()))
        assert named <= known, document


def test_make_targets_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text())) <= targets, document


def test_nothing_committed_names_this_machine_or_a_registry():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    forbidden = re.compile(
        "/" + "work/|/" + "root/|pypi" + r"\.org|pythonhosted" + r"\.org|download\.pytorch" + r"\.org"
    )
    found = []
    for name in files.split("\0"):
        path = ROOT / name
        if name and path.is_file() and path.suffix not in (".png", ".ipynb"):
            found += [
                f"{name}:{i}" for i, line in enumerate(path.read_text().splitlines(), 1) if forbidden.search(line)
            ]
    assert found == []


def test_the_engine_knows_no_exercise():
    for path in (ROOT / "autograder").rglob("*.py"):
        names = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
        assert not names & {"softmax", "log_softmax", "cross_entropy", "relu"}, path


@pytest.mark.parametrize(
    ("package", "may_import"),
    [
        ("course", {"course", "errors"}),
        ("sandbox", {"course", "sandbox", "errors", "text", "messages"}),
        ("records", {"records", "errors", "text"}),
        ("messages", {"messages", "errors"}),
        ("grading", {"course", "sandbox", "records", "grading", "errors", "text", "messages"}),
        ("reports", {"course", "sandbox", "records", "grading", "reports", "errors", "text", "messages"}),
        ("importing", {"course", "sandbox", "records", "grading", "importing", "errors", "text"}),
        ("otter", {"course", "sandbox", "records", "grading", "otter", "errors", "text", "console", "messages"}),
    ],
)
def test_imports_point_one_way(package, may_import):
    for path in (ROOT / "autograder" / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("autograder."):
                assert module.split(".")[1] in may_import, f"{path}: {module}"
