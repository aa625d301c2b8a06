"""What is fuzzed: whatever reads bytes of strangers in the grader itself. One function of bytes for each reader.

A target returns when the reader did what its docstring says: it gave a value, or refused with its own error. Anything
else escapes, and the fuzzer keeps the bytes that did it.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from autograder.course.values import TensorValue, Unsupported
from autograder.errors import UsageError
from autograder.grading import gradescope, notebook_file, submissions
from autograder.grading.reading import Rejected
from autograder.sandbox import wire

CAPS = wire.Caps(header=2**16, payload=2**16)


def fuzz_wire(data: bytes) -> None:
    """A frame of a job is a value or a `WireError`; a value can be sent again and is the same."""
    try:
        value = wire.decode_frame(data, CAPS)
    except wire.WireError:
        return
    frame = wire.encode(value)
    if wire.encode(wire.decode_frame(frame)) != frame:
        raise AssertionError("a value changes on its way")


def fuzz_notebook(data: bytes) -> None:
    """A file is code cells or a reason to reject it."""
    try:
        cells = notebook_file.code_cells(data, "softmax")
    except Rejected as reason:
        if not str(reason):
            raise AssertionError("rejected without a reason") from reason
        return
    numbers = [number for number, _ in cells]
    if numbers != sorted(set(numbers)) or not all(type(source) is str for _, source in cells):
        raise AssertionError("cells are numbered texts")


def fuzz_archive(data: bytes) -> None:
    """An archive is submissions, each with cells or a reason, or wrong usage where nothing in it can be graded."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(data)
        file.flush()
        try:
            sources = submissions.find_submissions([Path(file.name)], "softmax")
        except UsageError:
            return
        for source in sources:
            submission = source.read()
            if submission.rejected and submission.cells:
                raise AssertionError("rejected, and read all the same")


def fuzz_metadata(data: bytes) -> None:
    """The metadata of a Gradescope export give each submission ids and a time, or are refused."""
    try:
        known = gradescope.read_metadata(data)
    except Rejected:
        return
    for students, time in known.values():
        if not all(type(student) is str and student for student in students):
            raise AssertionError("ids are texts")
        if time is not None and not time >= 0:
            raise AssertionError("a time is a number of seconds")


# Where each begins ---------------------------------------------------------------------------------


def wire_seeds() -> Iterator[bytes]:
    """A frame for every kind of value, and frames that are refused."""
    values = [
        None,
        [True, 1, -1.5, "text", 2**100],
        (float("nan"), float("inf"), 1 + 2j),
        {"is": "answer", "question": "f", "number": 0, "parts": {"output": np.arange(6.0).reshape(2, 3)}},
        [np.float32(1.5), np.zeros((0, 3), "int8"), np.array(True)],
        TensorValue(np.ones((2, 2), "float32"), "float32", "cpu", True, "Parameter"),
        TensorValue(np.ones(2, "uint16"), "bfloat16", "cpu", False, "Tensor"),
        Unsupported("Yes", "it is lazy"),
    ]
    yield from map(wire.encode, values)
    yield wire.PREFIX.pack(2, 0) + b"[]"
    yield wire.PREFIX.pack(0, 0)


def notebook_seeds() -> Iterator[bytes]:
    """Notebooks of two layouts, and files that are none."""
    code = {"cell_type": "code", "source": ["x = 1\n", "y"], "metadata": {}, "outputs": []}
    document = {"cells": [code, {"cell_type": "markdown", "source": "# x"}], "metadata": {}, "nbformat": 4}
    yield json.dumps(document).encode()
    yield json.dumps(document | {"metadata": {"autograder": {"assignment": "relu"}}}).encode()
    yield json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": "x"}]}], "nbformat": 3}).encode()
    yield b"\xef\xbb\xbf{}"
    yield b"PK\x03\x04"


def archive_seeds() -> Iterator[bytes]:
    """Archives with a member of some kinds."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name in ("ann.ipynb", "bob/softmax.ipynb", "../eve.ipynb", "inner.zip", "readme.txt"):
                archive.writestr(name, next(notebook_seeds()))
        yield stream.getvalue()
    yield b"PK\x05\x06" + bytes(18)


def metadata_seeds() -> Iterator[bytes]:
    """Metadata of one submission, and texts that are none."""
    yield (
        b"submission_1:\n  :submitters:\n  - :name: Ann\n    :sid: '007'\n    :email: ann@example.org\n"
        b"  :created_at: 2026-10-01 18:00:00.123456000 Z\n  :results:\n    tests: [{output: x}]\n"
    )
    yield b"a: &a [1, {b: *a}]\n? c\n: !!str d\n"
    yield b"- |\n  text\n- \xff"


TARGETS: Mapping[str, tuple[Callable[[bytes], None], Callable[[], Iterator[bytes]]]] = {
    "wire": (fuzz_wire, wire_seeds),
    "notebook": (fuzz_notebook, notebook_seeds),
    "archive": (fuzz_archive, archive_seeds),
    "metadata": (fuzz_metadata, metadata_seeds),
}
