"""Two sides of an exchange in one process, and archives of Otter."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from autograder.otter.existing.objects import Exchange, Foul
from autograder.sandbox import wire


class Line:
    """One end of a connection; messages cross it as bytes, as between two processes."""

    def __init__(self, out: SimpleQueue[bytes | None], into: SimpleQueue[bytes | None]) -> None:
        self.out, self.into = out, into

    def send(self, message: Any) -> None:
        self.out.put(wire.encode(message))

    def receive(self) -> Any:
        frame = self.into.get(timeout=60)
        return None if frame is None else wire.decode_frame(frame)


@pytest.fixture
def meet() -> Iterator[Callable[[dict[str, Any]], Exchange]]:
    """Gives the tests' side of an exchange with a notebook of these names, which a thread serves."""
    threads = []

    def connect(names: dict[str, Any]) -> Exchange:
        there: SimpleQueue[bytes | None] = SimpleQueue()
        back: SimpleQueue[bytes | None] = SimpleQueue()
        student = Exchange(Line(back, there), first=1, trusting=True)
        student.lend(names)

        def serve() -> None:
            try:
                student.serve()
            except Foul:
                back.put(None)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        threads.append((thread, there))
        return Exchange(Line(there, back), first=0, trusting=False)

    yield connect
    for thread, there in threads:
        there.put(None)
        thread.join(60)
        assert not thread.is_alive()


def notebook(*sources: str) -> str:
    """A notebook with these code cells."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for n, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def make_archive(path: Path, tests: Mapping[str, str], *, files: Mapping[str, str] = {}, **config: Any) -> Path:
    """An autograder.zip as Otter lays it out."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("otter_config.json", json.dumps({"lang": "python", **config}))
        for name, text in tests.items():
            archive.writestr(f"tests/{name}.py", text)
        for name, text in files.items():
            archive.writestr(f"files/{name}", text)
    return path
