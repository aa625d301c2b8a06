"""What `get_ipython()` returns, and what each magic does, when there is no kernel.

One table, `_ACTIONS`. Magics that only change the display do nothing; those that time a piece of
code run it once; those that leave Python (`!pip`, `%%bash`, `%run`) become a note and are not run;
so do unknown ones.
"""

from __future__ import annotations

import builtins
import importlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, Protocol

# A private copy, for the reason given in `autograder.sandbox.stubs`.
globals()["__builtins__"] = dict(vars(builtins))

_clock = time.perf_counter


class Cells(Protocol):
    """What magics need from the shell."""

    @property
    def namespace(self) -> dict[str, Any]: ...
    def note(self, text: str) -> None: ...
    def evaluate(self, source: str, first_line: int = 1, local: Mapping[str, Any] | None = None) -> object: ...
    def captured(self, run: Callable[[], object]) -> str: ...


@dataclass(frozen=True)
class _Call:
    """One use of a magic: name with percent signs, rest of the line, lines below, who calls."""

    cells: Cells
    name: str
    line: str
    body: str
    frame: FrameType

    def run_line(self, source: str) -> object:
        """Run code of the magic's own line, with the locals of a function that uses the magic."""
        local = None if self.frame.f_code.co_name == "<module>" else self.frame.f_locals
        return self.cells.evaluate(source, self.frame.f_lineno, local)

    def run_body(self) -> object:
        """Run the lines below; they keep their line numbers."""
        return self.cells.evaluate(self.body, self.frame.f_lineno + 1)


class ZMQInteractiveShell:
    """The stand-in for the kernel; notebooks and libraries know Jupyter by this class name."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._own_magics: dict[str, Callable[..., object]] = {}
        self.user_ns = cells.namespace
        self.config: dict[str, object] = {"IPKernelApp": {}}

    def run_line_magic(self, name: str, line: str = "", _stack_depth: int = 1) -> object:
        """`%name line`."""
        return self._run(f"%{name}", line, "", sys._getframe(1))

    def run_cell_magic(self, name: str, line: str = "", body: str = "") -> object:
        """`%%name line` with the rest of the cell as `body`."""
        return self._run(f"%%{name}", line, body, sys._getframe(1))

    def magic(self, text: str) -> object:
        """The old spelling of `run_line_magic`."""
        name, _, line = text.lstrip("%").partition(" ")
        return self._run(f"%{name}", line, "", sys._getframe(1))

    def system(self, command: str) -> None:
        """`!command`."""
        self._cells.note(f"!{command.strip()} was not run")

    def getoutput(self, command: str, *args: object, **options: object) -> list[str]:
        """`name = !command`: no line of output."""
        self.system(command)
        return []

    def run_cell(self, source: str, *args: object, **options: object) -> object:
        """Run code as if it stood in the calling cell."""
        return self._cells.evaluate(source, sys._getframe(1).f_lineno)

    ev = ex = run_cell

    def register_magic_function(
        self, function: Callable[..., object], magic_kind: str = "line", magic_name: str = ""
    ) -> None:
        """A magic that the notebook itself defines."""
        prefix = "%%" if "cell" in magic_kind else "%"
        self._own_magics[prefix + (magic_name or function.__name__)] = function

    def show_usage(self) -> None:
        """A lone `?`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def _run(self, name: str, line: str, body: str, frame: FrameType) -> object:
        own = self._own_magics.get(name)
        if own is not None:
            return own(line, body) if name.startswith("%%") else own(line)
        return _MAGICS.get(name, _unknown)(_Call(self._cells, name, line.strip(), body, frame))


class Anything:
    """Has every attribute, takes every call, is empty and false: for parts nobody needs."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: object, **options: object) -> Anything:
        return self

    def __getitem__(self, key: object) -> Anything:
        return self

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __len__(self) -> int:
        return 0


def is_magic(name: str) -> bool:
    """Is this a line magic? In a cell of one line Jupyter lets the percent sign be left out."""
    return f"%{name}" in _MAGICS


def _ignore(call: _Call) -> None:
    """Display and configuration: nothing to do."""


def _not_run(call: _Call) -> None:
    call.cells.note(f"{call.name} {call.line}".strip() + " was not run")


def _unknown(call: _Call) -> None:
    call.cells.note(f"unknown magic {call.name} was not run")


def _help(call: _Call) -> None:
    call.cells.note(f"help on {call.line} was not shown")


#: `-n 10`, `-r3`, `-o`, ...: how often and how exactly to measure; none of it matters here.
_TIMEIT_OPTIONS = re.compile(r"^(?:-(?:[nrpv]\s*\w+|[tcqo]+)(?:\s+|$))*")


def _timeit_line(call: _Call) -> object:
    code = _TIMEIT_OPTIONS.sub("", call.line, count=1)
    return _measured(call, lambda: call.run_line(code))


def _timeit_body(call: _Call) -> object:
    setup = _TIMEIT_OPTIONS.sub("", call.line, count=1)
    if setup:
        call.run_line(setup)
    return _measured(call, call.run_body)


def _measured(call: _Call, run: Callable[[], object]) -> object:
    """Run once; with `-o` return what looks like IPython's result, else nothing, as IPython."""
    start = _clock()
    run()
    seconds = _clock() - start
    if "-o" not in call.line.split():
        return None
    times = dict.fromkeys(("average", "best", "worst"), seconds)
    return SimpleNamespace(**times, stdev=0.0, loops=1, repeat=1, all_runs=[seconds])


def _capture(call: _Call) -> None:
    text = call.cells.captured(call.run_body)
    names = [word for word in call.line.split() if not word.startswith("-")]
    if names:
        call.cells.namespace[names[0]] = _Captured(text)


class _Captured:
    """What `%%capture name` binds: the text, standard error included."""

    def __init__(self, text: str) -> None:
        self.stdout, self.stderr, self.outputs = text, "", list[object]()

    def __str__(self) -> str:
        return self.stdout

    def show(self) -> None:
        print(self.stdout, end="")

    __call__ = show


def _write_file(call: _Call) -> None:
    append = call.line.startswith(("-a ", "--append "))
    name = call.line.partition(" ")[2] if append else call.line
    path = Path(name.strip().strip("\"'"))
    with path.open("a" if append else "w", encoding="utf-8") as file:
        file.write(call.body)
    importlib.invalidate_caches()  # the file may be a module that the next line imports


def _environment(call: _Call) -> object:
    name, equals, value = call.line.replace(" ", "=", 1).partition("=")
    if not equals:
        return os.environ.get(name) if name else None
    os.environ[name.strip()] = value.strip().strip("\"'")
    return None


def _change_directory(call: _Call) -> None:
    try:
        os.chdir(call.line.strip("\"'") or ".")
    except OSError:
        _not_run(call)


_PYLAB = "import numpy; import numpy as np; import matplotlib.pyplot as plt; from pylab import *"

#: What is done, and for which magics.
_ACTIONS: tuple[tuple[Callable[[_Call], object], str], ...] = (
    (
        _ignore,
        """
        %alias %alias_magic %autoawait %autocall %autoindent %automagic %autoreload %autosave %aimport %bookmark %colors
        %config %debug %dirs %doctest_mode %gui %hist %history %load_ext %logoff %logon %logstart %logstop %lsmagic
        %macro %magic %matplotlib %notebook %pdb %popd %pprint %precision %pushd %pycat %pyflakes %quickref %rehashx
        %reload_ext %reset %reset_selective %save %store %tb %tensorboard %unload_ext %watermark %who %who_ls %whos
        %xdel %xmode
        %%html %%HTML %%javascript %%js %%latex %%markdown %%svg %%SVG
        """,
    ),
    (
        _not_run,
        """
        %cat %conda %cp %edit %less %load %ls %ll %man %mamba %micromamba %mkdir %more %mv %pip %recall %rerun %rm
        %rmdir %run %sc %sx %system %uv
        %%! %%bash %%cmd %%perl %%pypy %%python %%python2 %%python3 %%ruby %%script %%sh %%sx %%system
        """,
    ),
    (_help, "%pdoc %pdef %pfile %pinfo %pinfo2 %psearch %psource"),
    (lambda call: call.run_line(call.line), "%time %prun"),
    (_Call.run_body, "%%time %%prun"),
    (_timeit_line, "%timeit"),
    (_timeit_body, "%%timeit"),
    (_capture, "%%capture"),
    (_write_file, "%%writefile %%file"),
    (_environment, "%env %set_env"),
    (_change_directory, "%cd"),
    (lambda call: str(Path.cwd()), "%pwd"),
    (lambda call: call.run_line(_PYLAB), "%pylab"),
)

_MAGICS = {name: action for action, names in _ACTIONS for name in names.split()}
